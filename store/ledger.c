/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ledger: what was done to the archive, each entry holding the hash of the
 * one before. Editing, removing or reordering entries breaks the chain; that
 * the last ones were cut off, or that everything was written anew, only shows
 * against a head kept elsewhere.
 *
 *   key    u64 number, from 1
 *   value  previous hash 32 | hash 32 | entry (row.c)
 *   hash   BLAKE2b-256 of u64 number | previous hash | entry
 */
#include "store/store.h"
#include "store/audit.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "store/store_priv.h"

#define ENTRY_AT ((size_t)2 * STORE_HASH_BYTES)
/* Shorter numbers and names are too common in any text to tell of anybody. */
#define HIDE_BYTES_MIN 3
/* Numbers that end alike over so many digits are one, however they begin. */
#define SAME_DIGITS 7
#define DIGITS_MAX  24

static const char applied_key[] = "applied";

static void
entry_hash(uint8_t hash[STORE_HASH_BYTES], uint64_t number,
	   const uint8_t previous[STORE_HASH_BYTES], const uint8_t *row,
	   size_t n)
{
	crypto_generichash_state state;
	uint8_t bytes[8];

	store__le_put(bytes, number, 8);
	crypto_generichash_init(&state, NULL, 0, STORE_HASH_BYTES);
	crypto_generichash_update(&state, bytes, sizeof(bytes));
	crypto_generichash_update(&state, previous, STORE_HASH_BYTES);
	crypto_generichash_update(&state, row, n);
	crypto_generichash_final(&state, hash, STORE_HASH_BYTES);
}

int
store__ledger_decode(struct store_ledger_entry *entry, const MDB_val *key,
		     const MDB_val *value)
{
	const uint8_t *p = value->mv_data;
	uint8_t hash[STORE_HASH_BYTES];
	uint64_t number;
	int r;

	if (key->mv_size != 8 || value->mv_size < ENTRY_AT)
		return -EBADMSG;
	number = store__be_get(key->mv_data, 8);
	entry_hash(hash, number, p, p + ENTRY_AT, value->mv_size - ENTRY_AT);
	if (memcmp(hash, p + STORE_HASH_BYTES, STORE_HASH_BYTES) != 0)
		return -EBADMSG;
	r = store__entry_decode(entry, p + ENTRY_AT, value->mv_size - ENTRY_AT);
	entry->number = number;
	memcpy(entry->previous, p, STORE_HASH_BYTES);
	memcpy(entry->hash, hash, STORE_HASH_BYTES);
	return r;
}

int
store__ledger_last(struct store_archive *archive, MDB_txn *txn,
		   struct store_ledger_entry *entry)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int r = store__index_error(
	    mdb_cursor_open(txn, archive->tables.ledger, &cursor));

	if (r)
		return r;
	r = store__index_error(mdb_cursor_get(cursor, &key, &value, MDB_LAST));
	if (r == 0)
		r = store__ledger_decode(entry, &key, &value);
	mdb_cursor_close(cursor);
	return r;
}

int
store_ledger_head(struct store_archive *archive,
		  struct store_ledger_entry *entry)
{
	MDB_txn *txn;
	int r = store__read_begin(archive, &txn);

	if (r)
		return r;
	r = store__ledger_last(archive, txn, entry);
	store__read_end(archive, txn);
	return r;
}

/** A policy that was put in force: its hash is what the detail begins with. */
static int
note_applied(struct store_archive *archive, MDB_txn *txn,
	     const struct store_ledger_entry *entry)
{
	uint8_t hash[STORE_HASH_BYTES];
	char hex[2 * STORE_HASH_BYTES + 1];
	MDB_val k, value = { .mv_size = sizeof(hash), .mv_data = hash };
	struct store__key name = { 0 };

	memcpy(hex, entry->detail, sizeof(hex) - 1);
	hex[sizeof(hex) - 1] = '\0';
	if (strcmp(entry->action, "policy") != 0 ||
	    store_unhex(hash, sizeof(hash), hex))
		return 0;
	store__key_text(&name, applied_key);
	k = store__key_val(&name);
	return store__index_error(
	    mdb_put(txn, archive->tables.meta, &k, &value, 0));
}

int
store_policy_applied(struct store_archive *archive,
		     uint8_t hash[STORE_HASH_BYTES])
{
	struct store__key name = { 0 };
	MDB_val k, value;
	MDB_txn *txn;
	int r = store__read_begin(archive, &txn);

	if (r)
		return r;
	store__key_text(&name, applied_key);
	k = store__key_val(&name);
	r = store__index_error(mdb_get(txn, archive->tables.meta, &k, &value));
	if (r == 0 && value.mv_size != STORE_HASH_BYTES)
		r = -EBADMSG;
	if (r == 0)
		memcpy(hash, value.mv_data, STORE_HASH_BYTES);
	store__read_end(archive, txn);
	return r;
}

int
store__ledger_put(struct store_archive *archive, MDB_txn *txn,
		  struct store_ledger_entry *entry)
{
	uint8_t bytes[ENTRY_AT + STORE__ROW_BYTES], number[8];
	struct store_ledger_entry last = { 0 };
	MDB_val key = { .mv_size = 8, .mv_data = number };
	MDB_val value = { .mv_data = bytes };
	size_t n;
	int r = store__ledger_last(archive, txn, &last);

	if (r && r != -ENOENT)
		return r;
	entry->number = last.number + 1;
	memcpy(entry->previous, last.hash, STORE_HASH_BYTES);
	n = store__entry_encode(bytes + ENTRY_AT, entry);
	entry_hash(entry->hash, entry->number, entry->previous,
		   bytes + ENTRY_AT, n);
	memcpy(bytes, entry->previous, STORE_HASH_BYTES);
	memcpy(bytes + STORE_HASH_BYTES, entry->hash, STORE_HASH_BYTES);
	value.mv_size = ENTRY_AT + n;
	store__be_put(number, entry->number, 8);
	r = store__index_error(mdb_put(txn, archive->tables.ledger, &key,
				       &value, MDB_NOOVERWRITE));
	return r ? r : note_applied(archive, txn, entry);
}

/* ---- whose names and numbers do not belong here ------------------------ */

static bool
of_a_word(unsigned char c)
{
	return c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

/** Put one text in place of `n` bytes at a place of another. What then is too
 * long is cut. @return where it goes on behind that */
static char *
replace(char *text, size_t bytes, char *at, size_t n, const char *by)
{
	const size_t by_bytes = strlen(by), before = (size_t)(at - text);
	const size_t rest = strlen(at + n);
	size_t room = bytes - 1 - before;
	size_t take = by_bytes < room ? by_bytes : room;
	size_t keep;

	room -= take;
	keep = rest < room ? rest : room;
	memmove(at + take, at + n, keep);
	memcpy(at, by, take);
	at[take + keep] = '\0';
	return at + take;
}

/** Put a pseudonym in place of a number or a name, where it stands as a word
 * of its own. */
static int
hide(struct store_archive *archive, int64_t time_ns, const char *number,
     char *text, size_t bytes)
{
	const size_t n = strlen(number);
	char name[STORE_PSEUDONYM_BYTES];
	char *at = text;
	int r;

	if (n < HIDE_BYTES_MIN)
		return 0;
	while ((at = strstr(at, number)) != NULL) {
		if ((at > text && of_a_word((unsigned char)at[-1])) ||
		    of_a_word((unsigned char)at[n])) {
			at++;
			continue;
		}
		r = store_pseudonym(archive, time_ns, number, name);
		if (r)
			return r;
		at = replace(text, bytes, at, n, name);
	}
	return 0;
}

/** Do they end alike, over so many digits that they are one number? */
static bool
same_number(const char *a, size_t a_count, const char *b, size_t b_count)
{
	size_t same = 0;

	while (same < a_count && same < b_count &&
	       a[a_count - 1 - same] == b[b_count - 1 - same])
		same++;
	return same >= SAME_DIGITS;
}

/** Is a number spelt here, perhaps in groups? @param its [count] digits
 * @return behind it, or NULL */
static const char *
spelt_at(const char *at, const char *its, size_t count)
{
	const char *found = NULL, *group = at;
	char digits[DIGITS_MAX];
	size_t n = 0;

	for (; *at; at++) {
		if (*at < '0' || *at > '9') {
			if (!strchr(" -.()/", *at) || at - group > 1)
				break;
			continue;
		}
		if (n == DIGITS_MAX)
			break;
		digits[n++] = *at;
		group = at + 1;
		if (!of_a_word((unsigned char)at[1]) &&
		    same_number(its, count, digits, n))
			found = at + 1;
	}
	return found;
}

/** ... and in place of a number that is spelt otherwise: without the country,
 * in groups, with what is dialled before it. */
static int
hide_spelt(struct store_archive *archive, int64_t time_ns, const char *number,
	   char *text, size_t bytes)
{
	const char *its = number + (number[0] == '+'), *end;
	size_t count = strspn(its, "0123456789");
	char name[STORE_PSEUDONYM_BYTES];
	int r;

	if (its[count] || count < SAME_DIGITS)
		return 0; /* an extension, or an address */
	for (char *at = text; *at; at++) {
		if (*at < '0' || *at > '9' ||
		    (at > text && of_a_word((unsigned char)at[-1])))
			continue;
		end = spelt_at(at, its, count);
		if (!end)
			continue;
		r = store_pseudonym(archive, time_ns, number, name);
		if (r)
			return r;
		if (at > text && at[-1] == '+')
			at--;
		at = replace(text, bytes, at, (size_t)(end - at), name) - 1;
	}
	return 0;
}

int
store__hide_numbers(struct store_archive *archive, int64_t time_ns,
		    const char *numbers, char *text, size_t bytes)
{
	char number[STORE_OTHERS_BYTES];
	size_t n;
	int r = 0;

	for (; *numbers && r == 0; numbers += n + (numbers[n] == '\n')) {
		n = strcspn(numbers, "\n");
		if (n >= sizeof(number))
			continue;
		memcpy(number, numbers, n);
		number[n] = '\0';
		r = hide(archive, time_ns, number, text, bytes);
		if (r == 0)
			r = hide_spelt(archive, time_ns, number, text, bytes);
	}
	return r;
}

int
store__hide_parties(struct store_archive *archive, int64_t time_ns,
		    const struct store_segment *segment, char *text,
		    size_t bytes)
{
	const char *const parties[] = {
		segment->from_sent, segment->to_sent, segment->from,
		segment->to,        segment->local,   segment->remote,
		segment->from_name, segment->to_name,
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(parties) / sizeof(*parties) && r == 0;
	     i++) {
		r = hide(archive, time_ns, parties[i], text, bytes);
		if (r == 0)
			r = hide_spelt(archive, time_ns, parties[i], text,
				       bytes);
	}
	return r ? r
		 : store__hide_numbers(archive, time_ns, segment->others, text,
				       bytes);
}

static int
append(struct store_archive *archive, MDB_txn *txn,
       struct store_ledger_entry *entry)
{
	struct store_segment segment;
	int r = store__row_get(archive, txn, entry->subject, &segment);

	/* What people type (a case, the path of a copy) may name who called;
	 * without a row nobody knows of numbers. */
	r = r ? 0
	      : store__hide_parties(archive, entry->time_ns, &segment,
				    entry->detail, sizeof(entry->detail));
	return r ? r : store__ledger_put(archive, txn, entry);
}

int
store_ledger_put(struct store_archive *archive,
		 struct store_ledger_entry *entry)
{
	int r;

	if (archive->batch_error)
		return archive->batch_error;
	assert(archive->batch);
	r = append(archive, archive->batch, entry);
	return r ? store__batch_fail(archive, r) : 0;
}

int
store_ledger_append(struct store_archive *archive,
		    struct store_ledger_entry *entry)
{
	MDB_txn *txn;
	int r = store__write_begin(archive, &txn);

	if (r)
		return r;
	r = append(archive, txn, entry);
	if (r == 0)
		return store__write_commit(archive, txn);
	mdb_txn_abort(txn);
	return r;
}

/** The entry with a number. @return 1, 0: behind the last, negative errno */
static int
entry_get(struct store_archive *archive, uint64_t number,
	  struct store_ledger_entry *entry)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	uint8_t bytes[8];
	MDB_txn *txn;
	int r = store__read_begin(archive, &txn);

	if (r)
		return r;
	r = store__index_error(
	    mdb_cursor_open(txn, archive->tables.ledger, &cursor));
	if (r == 0) {
		store__be_put(bytes, number, 8);
		key = (MDB_val){ .mv_size = 8, .mv_data = bytes };
		r = store__index_error(
		    mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE));
		if (r == 0)
			r = store__ledger_decode(entry, &key, &value);
		mdb_cursor_close(cursor);
	}
	store__read_end(archive, txn);
	if (r == -ENOENT)
		return 0;
	return r ? r : entry->number == number ? 1 : -EBADMSG;
}

int
store_ledger_walk(struct store_archive *archive,
		  int (*fn)(void *ctx, const struct store_ledger_entry *),
		  void *ctx)
{
	struct store_ledger_entry entry;
	uint8_t previous[STORE_HASH_BYTES] = { 0 };
	int r;

	for (uint64_t number = 1;; number++) {
		r = entry_get(archive, number, &entry);
		if (r <= 0)
			return r;
		if (memcmp(entry.previous, previous, sizeof(previous)) != 0)
			return -EBADMSG;
		memcpy(previous, entry.hash, sizeof(previous));
		r = fn(ctx, &entry);
		if (r)
			return r;
	}
}
