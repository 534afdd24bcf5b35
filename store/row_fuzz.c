/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a row of the index, or as a call in progress: what is accepted
 * is sound, and a row that is written and read again is the same. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"
#include "store/audit.h"
#include "store/cases.h"
#include "store/scrub.h"
#include "store/store_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
segment_row(const uint8_t *data, size_t size)
{
	struct store_segment *a = malloc(sizeof(*a));
	struct store_segment *b = malloc(sizeof(*b));
	uint8_t row[STORE__ROW_BYTES];
	size_t n;

	assert(a && b);
	if (store__row_decode(a, data, size) == 0) {
		assert(a->streams_count <= STORE_STREAMS_MAX);
		assert(a->state < STORE_STATE_COUNT);
		assert(memchr(a->from, 0, sizeof(a->from)));
		assert(memchr(a->sip_call_ids, 0, sizeof(a->sip_call_ids)));
		assert(store__id_sound(a->id));
		n = store__row_encode(row, a);
		assert(n <= sizeof(row));
		assert(store__row_decode(b, row, n) == 0);
		/* Both were zeroed, padding and all. NOLINTNEXTLINE */
		assert(memcmp(a, b, sizeof(*a)) == 0);
	}
	free(a);
	free(b);
}

static void
ledger_row(const uint8_t *data, size_t size)
{
	struct store_ledger_entry a, b;
	uint8_t row[STORE__ROW_BYTES];
	size_t n;

	if (store__entry_decode(&a, data, size))
		return;
	assert(memchr(a.detail, 0, sizeof(a.detail)));
	n = store__entry_encode(row, &a);
	assert(store__entry_decode(&b, row, n) == 0);
	assert(memcmp(&a, &b, sizeof(a)) == 0);
}

static void
scrub_row(const uint8_t *data, size_t size)
{
	struct store_scrub a, b;
	uint8_t row[STORE__ROW_BYTES];
	size_t n;

	if (store__scrub_decode(&a, data, size))
		return;
	assert(memchr(a.why, 0, sizeof(a.why)));
	assert(a.state < STORE_SCRUB_STATE_COUNT && !a.id[0]);
	n = store__scrub_encode(row, &a);
	assert(store__scrub_decode(&b, row, n) == 0);
	assert(memcmp(&a, &b, sizeof(a)) == 0);
}

/** A name of a file below audio/, and the path that it is the end of. */
static void
file_name(const uint8_t *data, size_t size)
{
	char name[STORE__PATH_BYTES], path[STORE__PATH_BYTES];
	char id[STORE_SEGMENT_ID_BYTES];
	uint32_t scrubs;

	if (size >= sizeof(name))
		return;
	memcpy(name, data, size);
	name[size] = '\0';
	if (strchr(name, '/') || store__recording_name_parse(name, id, &scrubs))
		return;
	store__recording_path(path, 20190328, id, scrubs);
	assert(strcmp(strrchr(path, '/') + 1, name) == 0);
}

static void
case_row(const uint8_t *data, size_t size)
{
	uint8_t row[STORE__ROW_BYTES];
	struct store_case a, b;

	if (store__case_decode(&a, data, size))
		return;
	assert(memchr(a.name, 0, sizeof(a.name)));
	assert(store__case_decode(&b, row, store__case_encode(row, &a)) == 0);
	assert(memcmp(&a, &b, sizeof(a)) == 0);
}

static void
hold_row(const uint8_t *data, size_t size)
{
	uint8_t row[STORE__ROW_BYTES];
	struct store_hold a, b;

	if (store__hold_decode(&a, data, size))
		return;
	assert(memchr(a.name, 0, sizeof(a.name)));
	assert(store__hold_decode(&b, row, store__hold_encode(row, &a)) == 0);
	assert(memcmp(&a, &b, sizeof(a)) == 0);
}

/** A call in progress: what is told lies within what there is. */
static void
live_entry(const uint8_t *data, size_t size)
{
	struct store_segment *segment = malloc(sizeof(*segment));
	const uint8_t *state;
	size_t state_bytes;

	assert(segment);
	if (store__live_decode(segment, &state, &state_bytes, data, size) ==
	    0) {
		assert(segment->streams_count == 0);
		assert(store__id_sound(segment->id));
		assert(state_bytes <= STORE_LIVE_BYTES_MAX);
		assert(state + state_bytes == data + size);
	}
	free(segment);
}

/** A head, and an anchor that somebody typed: what is taken is written as it
 * was meant, and nothing that is not signed is taken. */
static void
head(const uint8_t *data, size_t size)
{
	char text[STORE_ANCHOR_BYTES];
	struct store_head a, b;

	if (size >= 8 &&
	    store__head_value_decode(&a, data, 8, data + 8, size - 8) == 0) {
		store_anchor_text(text, &a);
		assert(strlen(text) < sizeof(text));
		if (!store__head_signed(&a))
			assert(store_anchor_parse(&b, text, strlen(text)) != 0);
	}
	if (store_anchor_parse(&a, (const char *)data, size) == 0) {
		store_anchor_text(text, &a);
		assert(store_anchor_parse(&b, text, strlen(text)) == 0);
		assert(memcmp(&a, &b, sizeof(a)) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	head(data, size);
	segment_row(data, size);
	live_entry(data, size);
	ledger_row(data, size);
	scrub_row(data, size);
	file_name(data, size);
	case_row(data, size);
	hold_row(data, size);
	return 0;
}
