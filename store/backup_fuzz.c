/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is read of a backup: manifest (under a right hash, or nothing of it
 * would be looked at), list of a day, entry of the journal. What is read is the
 * same again when it is written. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/backup_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
manifest(const uint8_t *data, size_t n)
{
	static const char first[] = "spanrec-manifest-1\n";
	const size_t head = sizeof(first) - 1,
		     last = 4 + 2 * STORE_HASH_BYTES + 1;
	char *text = malloc(head + n + last + 1), *again;
	struct store__manifest m, other;
	uint8_t hash[STORE_HASH_BYTES];
	size_t bytes;

	assert(text);
	memcpy(text, first, head);
	memcpy(text + head, data, n);
	store_hash(hash, text, head + n);
	memcpy(text + head + n, "end ", 4);
	store_hex(text + head + n + 4, hash, STORE_HASH_BYTES);
	text[head + n + last - 1] = '\n';
	if (store__manifest_parse(&m, text, head + n + last) == 0) {
		assert(store__manifest_text(&m, &again, &bytes) == 0);
		assert(store__manifest_parse(&other, again, bytes) == 0);
		assert(other.count == m.count &&
		       other.generation == m.generation);
		for (size_t i = 0; i < m.count; i++)
			assert(m.files[i].path[0] != '/' &&
			       m.files[i].path[0] != '.' &&
			       !strstr(m.files[i].path, "/."));
		store__manifest_fini(&other);
		store__manifest_fini(&m);
		free(again);
	}
	free(text);
}

static void
day(const uint8_t *data, size_t n)
{
	struct store__day_list list, other;
	size_t bytes;
	char *again;

	if (store__day_parse(&list, 20190328, (const char *)data, n))
		return;
	if (list.count) {
		assert(store__day_text(&list, &again, &bytes) == 0);
		assert(store__day_parse(&other, 20190328, again, bytes) == 0);
		assert(other.count == list.count);
		store__day_fini(&other);
		free(again);
	}
	store__day_fini(&list);
}

static void
deletion(const uint8_t *data, size_t n)
{
	uint8_t bytes[STORE__DELETION_BYTES] = { 0 };
	struct store__deletion d = { .number = 0 }, other;

	memcpy(bytes, data, n < sizeof(bytes) ? n : sizeof(bytes));
	crypto_generichash(bytes + 112, 16, bytes, 112, NULL, 0);
	if (store__deletion_decode(&d, bytes))
		return;
	assert(memchr(d.id, 0, sizeof(d.id)));
	store__deletion_encode(bytes, &d);
	assert(store__deletion_decode(&other, bytes) == 0);
	assert(other.number == d.number && strcmp(other.id, d.id) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint32_t other;
	char path[64];

	if (n == 0)
		return 0;
	switch (data[0] % 4) {
	case 0:
		manifest(data + 1, n - 1);
		break;
	case 1:
		day(data + 1, n - 1);
		break;
	case 2:
		deletion(data + 1, n - 1);
		break;
	default:
		n = n - 1 < sizeof(path) - 1 ? n - 1 : sizeof(path) - 1;
		memcpy(path, data + 1, n);
		path[n] = '\0';
		(void)store__day_path_parse(path, &other);
	}
	return 0;
}
