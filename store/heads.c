/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Heads: the last entry of the ledger, signed (Ed25519). Whoever has no key to
 * sign cannot write anew what a head vouches for; whoever has, cannot change
 * the heads that were copied elsewhere, as anchors.
 *
 *   key        u64 number of the entry
 *   value      i64 time | hash of the entry 32 | archive 16 | public key 32 |
 *              signature 64
 *   signed     "spanrec-head-1", 0 | u64 number | the value up to the key
 */
#include "store/store.h"
#include "store/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/store_priv.h"

#define SECRET_WORD "spanrec-audit-private-1 "
#define PUBLIC_WORD "spanrec-audit-1 "
#define ANCHOR_WORD "spanrec-anchor-1"
#define KEYS_FILE   "audit.pub"
#define ID_NAME     "archive-id"
#define BASE64      sodium_base64_VARIANT_URLSAFE_NO_PADDING
/* 32 and 64 bytes in base64, without padding */
#define KEY_CHARS       43
#define SIGNATURE_CHARS 86

struct store_signer {
	uint8_t pub[STORE_AUDIT_KEY_BYTES];
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
};

/* ---- keys -------------------------------------------------------------- */

int
store_signer_create(const char *path)
{
	static const char comment[] =
	    "# Signs what was done to the archive. It opens no recording. If "
	    "it is lost,\n# a new one is made; copies of anchors still hold.\n";
	char *text = store__secret_new(STORE__KEY_FILE_BYTES);
	uint8_t *seed = store__secret_new(crypto_sign_SEEDBYTES);
	size_t n;
	int r = -ENOMEM;

	if (text && seed) {
		randombytes_buf(seed, crypto_sign_SEEDBYTES);
		memcpy(text, comment, sizeof(comment));
		store__key_text_make(text + sizeof(comment) - 1, SECRET_WORD,
				     seed);
		n = strlen(text);
		text[n++] = '\n';
		r = store__file_create(AT_FDCWD, path, text, n, 0600);
	}
	store__secret_free(seed, crypto_sign_SEEDBYTES, crypto_sign_SEEDBYTES);
	store__secret_free(text, STORE__KEY_FILE_BYTES, STORE__KEY_FILE_BYTES);
	return r;
}

static int
signer_parse(struct store_signer *signer, const char *text, size_t n)
{
	const char *end = text + n, *line;
	uint8_t seed[crypto_sign_SEEDBYTES];
	int r = -EBADMSG;

	n = store__key_line(&line, &text, end);
	if (n)
		r = store__key_text_parse(seed, SECRET_WORD, line, n);
	if (r == 0 && store__key_line(&line, &text, end))
		r = -EBADMSG;
	if (r == 0)
		crypto_sign_seed_keypair(signer->pub, signer->secret, seed);
	sodium_memzero(seed, sizeof(seed));
	return r;
}

int
store_signer_load(struct store_signer **signer, const char *path)
{
	struct store_signer *s = store__secret_new(sizeof(*s));
	char *text = store__secret_new(STORE__KEY_FILE_BYTES);
	int r = -ENOMEM;

	*signer = NULL;
	if (s && text) {
		r = store__key_file_read(text, path);
		if (r >= 0)
			r = signer_parse(s, text, (size_t)r);
	}
	if (r == 0)
		*signer = s;
	else
		store__secret_free(s, sizeof(*s), sizeof(*s));
	store__secret_free(text, STORE__KEY_FILE_BYTES, STORE__KEY_FILE_BYTES);
	return r;
}

void
store_signer_free(struct store_signer **signer)
{
	store__secret_free(*signer, sizeof(**signer), sizeof(**signer));
	*signer = NULL;
}

int
store__audit_keys(const struct store_archive *archive,
		  uint8_t keys[STORE__AUDIT_KEYS_MAX][STORE_AUDIT_KEY_BYTES])
{
	char text[STORE__KEY_FILE_BYTES];
	const char *at = text, *line;
	int count = 0;
	ssize_t got;
	size_t n;
	int fd = store__file_open(archive->dir_fd, KEYS_FILE, O_RDONLY);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	got = read(fd, text, sizeof(text));
	close(fd);
	if (got < 0)
		return -EIO;
	while ((n = store__key_line(&line, &at, text + got)) > 0) {
		if (count == STORE__AUDIT_KEYS_MAX ||
		    store__key_text_parse(keys[count], PUBLIC_WORD, line, n))
			return -EBADMSG;
		count++;
	}
	return count;
}

/** A key more in audit.pub: the whole file, or as it was. */
static int
keys_write(const struct store_archive *archive,
	   uint8_t keys[STORE__AUDIT_KEYS_MAX][STORE_AUDIT_KEY_BYTES],
	   int count)
{
	char text[STORE__KEY_FILE_BYTES];
	size_t n = 0;
	int r;

	for (int i = 0; i < count; i++) {
		store__key_text_make(text + n, PUBLIC_WORD, keys[i]);
		n += strlen(text + n);
		text[n++] = '\n';
	}
	(void)unlinkat(archive->dir_fd, KEYS_FILE ".part", 0);
	r = store__file_create(archive->dir_fd, KEYS_FILE ".part", text, n,
			       0644);
	if (r == 0 && renameat(archive->dir_fd, KEYS_FILE ".part",
			       archive->dir_fd, KEYS_FILE))
		r = -errno;
	return r ? r : store__parent_sync(archive->dir_fd, KEYS_FILE);
}

_Static_assert((size_t)STORE__AUDIT_KEYS_MAX *STORE_PUBLIC_TEXT_BYTES <
		   STORE__KEY_FILE_BYTES,
	       "audit.pub does not fit");

/** Is there a head by this key? It was kept together with the entry that tells
 * of the key, which audit.pub was not. @return 1, 0, negative errno */
static int
key_signed(const struct store_archive *archive, MDB_txn *txn,
	   const uint8_t pub[STORE_AUDIT_KEY_BYTES])
{
	struct store_head head;
	MDB_cursor *cursor;
	MDB_val key, value;
	int r = store__index_error(
	    mdb_cursor_open(txn, archive->tables.heads, &cursor));

	if (r)
		return r;
	r = store__index_error(mdb_cursor_get(cursor, &key, &value, MDB_LAST));
	while (r == 0) {
		if (store__head_value_decode(&head, key.mv_data, key.mv_size,
					     value.mv_data,
					     value.mv_size) == 0 &&
		    memcmp(head.key, pub, STORE_AUDIT_KEY_BYTES) == 0)
			r = 1;
		else
			r = store__index_error(
			    mdb_cursor_get(cursor, &key, &value, MDB_PREV));
	}
	mdb_cursor_close(cursor);
	return r == -ENOENT ? 0 : r;
}

/** A key of which the ledger or audit.pub does not tell yet. */
static int
key_introduce(struct store_archive *archive, MDB_txn *txn,
	      const struct store_signer *signer, int64_t now_ns,
	      const char *actor)
{
	uint8_t keys[STORE__AUDIT_KEYS_MAX][STORE_AUDIT_KEY_BYTES];
	struct store_ledger_entry entry = { .time_ns = now_ns,
					    .action = "audit-key" };
	int count = store__audit_keys(archive, keys);
	bool listed = false;
	int r;

	if (count < 0)
		return count;
	for (int i = 0; i < count && !listed; i++)
		listed = memcmp(keys[i], signer->pub, sizeof(signer->pub)) == 0;
	r = listed ? key_signed(archive, txn, signer->pub) : 0;
	if (r)
		return r < 0 ? r : 0;
	if (!listed && count == STORE__AUDIT_KEYS_MAX)
		return -ENOSPC;
	snprintf(entry.actor, sizeof(entry.actor), "%s", actor);
	store__key_text_make(entry.detail, PUBLIC_WORD, signer->pub);
	r = store__ledger_put(archive, txn, &entry);
	if (r || listed)
		return r;
	memcpy(keys[count], signer->pub, sizeof(signer->pub));
	return keys_write(archive, keys, count + 1);
}

/* ---- which archive ----------------------------------------------------- */

int
store__archive_id(const struct store_archive *archive, MDB_txn *txn,
		  uint8_t id[STORE_ARCHIVE_ID_BYTES])
{
	struct store__key name = { 0 };
	MDB_val k, value;
	int r;

	store__key_text(&name, ID_NAME);
	k = store__key_val(&name);
	r = store__index_error(mdb_get(txn, archive->tables.meta, &k, &value));
	if (r == 0 && value.mv_size != STORE_ARCHIVE_ID_BYTES)
		r = -EBADMSG;
	if (r == 0)
		memcpy(id, value.mv_data, STORE_ARCHIVE_ID_BYTES);
	return r;
}

static int
id_make(const struct store_archive *archive, MDB_txn *txn,
	uint8_t id[STORE_ARCHIVE_ID_BYTES])
{
	struct store__key name = { 0 };
	MDB_val k, value = { .mv_size = STORE_ARCHIVE_ID_BYTES, .mv_data = id };
	int r = store__archive_id(archive, txn, id);

	if (r != -ENOENT)
		return r;
	randombytes_buf(id, STORE_ARCHIVE_ID_BYTES);
	store__key_text(&name, ID_NAME);
	k = store__key_val(&name);
	return store__index_error(
	    mdb_put(txn, archive->tables.meta, &k, &value, 0));
}

/* ---- heads ------------------------------------------------------------- */

static size_t
signed_text(uint8_t *p, const struct store_head *head)
{
	static const char domain[] = "spanrec-head-1";
	uint8_t *start = p;

	memcpy(p, domain, sizeof(domain));
	p += sizeof(domain);
	store__le_put(p, head->number, 8);
	store__le_put(p + 8, (uint64_t)head->time_ns, 8);
	p += 16;
	memcpy(p, head->hash, STORE_HASH_BYTES);
	p += STORE_HASH_BYTES;
	memcpy(p, head->archive, STORE_ARCHIVE_ID_BYTES);
	return (size_t)(p + STORE_ARCHIVE_ID_BYTES - start);
}

bool
store__head_signed(const struct store_head *head)
{
	uint8_t text[STORE__HEAD_VALUE_BYTES];
	size_t n = signed_text(text, head);

	return crypto_sign_verify_detached(head->signature, text, n,
					   head->key) == 0;
}

static void
head_encode(uint8_t p[STORE__HEAD_VALUE_BYTES], const struct store_head *head)
{
	store__le_put(p, (uint64_t)head->time_ns, 8);
	p += 8;
	memcpy(p, head->hash, sizeof(head->hash));
	p += sizeof(head->hash);
	memcpy(p, head->archive, sizeof(head->archive));
	p += sizeof(head->archive);
	memcpy(p, head->key, sizeof(head->key));
	p += sizeof(head->key);
	memcpy(p, head->signature, sizeof(head->signature));
}

int
store__head_value_decode(struct store_head *head, const uint8_t *key,
			 size_t key_bytes, const uint8_t *value, size_t n)
{
	memset(head, 0, sizeof(*head));
	if (key_bytes == 8)
		head->number = store__be_get(key, 8);
	if (key_bytes != 8 || n != STORE__HEAD_VALUE_BYTES)
		return -EBADMSG;
	head->time_ns = (int64_t)store__le_get(value, 8);
	value += 8;
	memcpy(head->hash, value, sizeof(head->hash));
	value += sizeof(head->hash);
	memcpy(head->archive, value, sizeof(head->archive));
	value += sizeof(head->archive);
	memcpy(head->key, value, sizeof(head->key));
	value += sizeof(head->key);
	memcpy(head->signature, value, sizeof(head->signature));
	return 0;
}

static int
last_read(const struct store_archive *archive, MDB_txn *txn,
	  struct store_head *head)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int r;

	if (!archive->tables.heads)
		return -ENOENT;
	r = store__index_error(
	    mdb_cursor_open(txn, archive->tables.heads, &cursor));
	if (r)
		return r;
	r = store__index_error(mdb_cursor_get(cursor, &key, &value, MDB_LAST));
	if (r == 0)
		r = store__head_value_decode(head, key.mv_data, key.mv_size,
					     value.mv_data, value.mv_size);
	mdb_cursor_close(cursor);
	return r;
}

int
store_head_last(struct store_archive *archive, struct store_head *head)
{
	MDB_txn *txn;
	int r = store__read_begin(archive, &txn);

	if (r)
		return r;
	r = last_read(archive, txn, head);
	store__read_end(archive, txn);
	return r == 0 && !store__head_signed(head) ? -EBADMSG : r;
}

/** @return 1: that is what the last head says, by the same key */
static int
signed_already(const struct store_archive *archive, MDB_txn *txn,
	       const struct store_signer *signer,
	       const struct store_ledger_entry *entry, struct store_head *head)
{
	int r = last_read(archive, txn, head);

	if (r == -ENOENT || r == -EBADMSG)
		return 0;
	if (r)
		return r;
	return head->number == entry->number &&
	       memcmp(head->hash, entry->hash, sizeof(head->hash)) == 0 &&
	       memcmp(head->key, signer->pub, sizeof(head->key)) == 0 &&
	       store__head_signed(head);
}

/** Does a head vouch for another entry of this number? Whoever cut the ledger
 * and went on with it does not get that out of the way. @return 0, -EBADMSG */
static int
head_agrees(const struct store_archive *archive, MDB_txn *txn,
	    const struct store_head *head)
{
	uint8_t number[8];
	MDB_val key = { .mv_size = 8, .mv_data = number }, value;
	struct store_head known;
	int r;

	store__be_put(number, head->number, 8);
	r = store__index_error(
	    mdb_get(txn, archive->tables.heads, &key, &value));
	if (r)
		return r == -ENOENT ? 0 : r;
	if (store__head_value_decode(&known, number, 8, value.mv_data,
				     value.mv_size) ||
	    !store__head_signed(&known))
		return 0;
	return memcmp(known.hash, head->hash, sizeof(known.hash)) == 0
		   ? 0
		   : -EBADMSG;
}

static int
sign(struct store_archive *archive, MDB_txn *txn,
     const struct store_signer *signer, int64_t now_ns, const char *actor,
     struct store_head *head)
{
	uint8_t text[STORE__HEAD_VALUE_BYTES], number[8];
	uint8_t bytes[STORE__HEAD_VALUE_BYTES];
	struct store_ledger_entry entry;
	MDB_val key = { .mv_size = 8, .mv_data = number };
	MDB_val value = { .mv_size = sizeof(bytes), .mv_data = bytes };
	int r = store__ledger_last(archive, txn, &entry);

	if (r == 0)
		r = key_introduce(archive, txn, signer, now_ns, actor);
	if (r == 0)
		r = store__ledger_last(archive, txn, &entry);
	if (r == 0)
		r = signed_already(archive, txn, signer, &entry, head);
	if (r)
		return r;
	*head = (struct store_head){ .number = entry.number,
				     .time_ns = now_ns / NS_PER_S * NS_PER_S };
	memcpy(head->hash, entry.hash, sizeof(head->hash));
	memcpy(head->key, signer->pub, sizeof(head->key));
	r = head_agrees(archive, txn, head);
	if (r == 0)
		r = id_make(archive, txn, head->archive);
	if (r)
		return r;
	crypto_sign_detached(head->signature, NULL, text,
			     signed_text(text, head), signer->secret);
	head_encode(bytes, head);
	store__be_put(number, head->number, 8);
	return store__index_error(
	    mdb_put(txn, archive->tables.heads, &key, &value, 0));
}

int
store_head_sign(struct store_archive *archive,
		const struct store_signer *signer, int64_t now_ns,
		const char *actor, struct store_head *head)
{
	MDB_txn *txn;
	int r;

	if (archive->batch) {
		r = sign(archive, archive->batch, signer, now_ns, actor, head);
		return r < 0 && r != -ENOENT ? store__batch_fail(archive, r)
					     : r;
	}
	r = store__write_begin(archive, &txn);
	if (r)
		return r;
	r = sign(archive, txn, signer, now_ns, actor, head);
	if (r == 0)
		return store__write_commit(archive, txn);
	mdb_txn_abort(txn);
	return r;
}

int
store_heads(struct store_archive *archive,
	    int (*fn)(void *ctx, const struct store_head *head), void *ctx)
{
	struct store_head head;
	MDB_cursor *cursor;
	MDB_val key, value;
	MDB_txn *txn;
	int r;

	if (!archive->tables.heads)
		return 0;
	r = store__read_begin(archive, &txn);
	if (r)
		return r;
	r = store__index_error(
	    mdb_cursor_open(txn, archive->tables.heads, &cursor));
	if (r == 0) {
		r = store__index_error(
		    mdb_cursor_get(cursor, &key, &value, MDB_FIRST));
		while (r == 0) {
			if (store__head_value_decode(&head, key.mv_data,
						     key.mv_size, value.mv_data,
						     value.mv_size) == 0)
				r = fn(ctx, &head);
			if (r == 0)
				r = store__index_error(mdb_cursor_get(
				    cursor, &key, &value, MDB_NEXT));
		}
		mdb_cursor_close(cursor);
	}
	store__read_end(archive, txn);
	return r == -ENOENT ? 0 : r;
}

/* ---- anchors ----------------------------------------------------------- */

_Static_assert(sizeof(ANCHOR_WORD) + 21 + 2 * STORE_HASH_BYTES + 1 + 21 +
		       2 * STORE_ARCHIVE_ID_BYTES + 1 + KEY_CHARS + 1 +
		       SIGNATURE_CHARS + 1 <=
		   STORE_ANCHOR_BYTES,
	       "an anchor does not fit");

void
store_anchor_text(char text[STORE_ANCHOR_BYTES], const struct store_head *head)
{
	char hash[2 * STORE_HASH_BYTES + 1];
	char archive[2 * STORE_ARCHIVE_ID_BYTES + 1];
	char key[KEY_CHARS + 1], signature[SIGNATURE_CHARS + 1];
	char time[32] = "";
	time_t s = (time_t)(head->time_ns / NS_PER_S);
	struct tm tm;

	store_hex(hash, head->hash, sizeof(head->hash));
	store_hex(archive, head->archive, sizeof(head->archive));
	sodium_bin2base64(key, sizeof(key), head->key, sizeof(head->key),
			  BASE64);
	sodium_bin2base64(signature, sizeof(signature), head->signature,
			  sizeof(head->signature), BASE64);
	if (gmtime_r(&s, &tm))
		strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%SZ", &tm);
	(void)!snprintf(text, STORE_ANCHOR_BYTES,
			ANCHOR_WORD " %" PRIu64 " %s %s %s %s %s", head->number,
			hash, time, archive, key, signature);
}

/** The next word of a line. @return its length, 0: there is none */
static size_t
word(const char **at, const char *end, const char **text)
{
	size_t n = 0;

	while (*at < end && **at == ' ')
		++*at;
	for (*text = *at; *at < end && **at != ' '; ++*at)
		n++;
	return n;
}

static bool
number_parse(uint64_t *number, const char *text, size_t n)
{
	*number = 0;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9' ||
		    __builtin_mul_overflow(*number, 10U, number) ||
		    __builtin_add_overflow(*number, (uint64_t)(text[i] - '0'),
					   number))
			return false;
	}
	return n > 0 && *number > 0;
}

static bool
time_parse(int64_t *time_ns, const char *text, size_t n)
{
	char copy[32];
	struct tm tm = { 0 };
	const char *end;

	if (n >= sizeof(copy))
		return false;
	memcpy(copy, text, n);
	copy[n] = '\0';
	end = strptime(copy, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (!end || *end)
		return false;
	*time_ns = (int64_t)timegm(&tm);
	return !__builtin_mul_overflow(*time_ns, NS_PER_S, time_ns);
}

static bool
hex_parse(uint8_t *bytes, size_t count, const char *text, size_t n)
{
	size_t got;

	return n == 2 * count &&
	       sodium_hex2bin(bytes, count, text, n, NULL, &got, NULL) == 0 &&
	       got == count;
}

static bool
base64_parse(uint8_t *bytes, size_t count, const char *text, size_t n)
{
	size_t got;

	return sodium_base642bin(bytes, count, text, n, NULL, &got, NULL,
				 BASE64) == 0 &&
	       got == count;
}

int
store_anchor_parse(struct store_head *head, const char *text, size_t n)
{
	const char *end = text + n, *at = text, *w;

	memset(head, 0, sizeof(*head));
	n = word(&at, end, &w);
	if (n != sizeof(ANCHOR_WORD) - 1 || memcmp(w, ANCHOR_WORD, n) != 0)
		return -EBADMSG;
	n = word(&at, end, &w);
	if (!number_parse(&head->number, w, n))
		return -EBADMSG;
	n = word(&at, end, &w);
	if (!hex_parse(head->hash, sizeof(head->hash), w, n))
		return -EBADMSG;
	n = word(&at, end, &w);
	if (!time_parse(&head->time_ns, w, n))
		return -EBADMSG;
	n = word(&at, end, &w);
	if (!hex_parse(head->archive, sizeof(head->archive), w, n))
		return -EBADMSG;
	n = word(&at, end, &w);
	if (!base64_parse(head->key, sizeof(head->key), w, n))
		return -EBADMSG;
	n = word(&at, end, &w);
	if (!base64_parse(head->signature, sizeof(head->signature), w, n))
		return -EBADMSG;
	if (word(&at, end, &w))
		return -EBADMSG;
	return store__head_signed(head) ? 0 : -EKEYREJECTED;
}
