/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Calls in progress, so that a recorder that was killed can go on with them:
 * a pause is still a pause, and a call keeps its id.
 *
 *   call:  u8 version | u16 bytes of row | u32 bytes of state | row | state
 *
 * The key is the id of the first segment of a conversation. The row is that of
 * the current one, as it would stand in `segments`,
 * without streams; the state belongs to the recorder. Both lengths together
 * must be what there is.
 */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "store/store_priv.h"

#define VERSION 2

static const char key_name[] = "live-key";

int
store__live_decode(struct store_segment *segment, const uint8_t **state,
		   size_t *state_bytes, const uint8_t *value, size_t n)
{
	size_t row_bytes;
	int r;

	if (n < 1)
		return -EBADMSG;
	if (value[0] != VERSION)
		return -EPROTO;
	if (n < STORE__LIVE_HEAD_BYTES)
		return -EBADMSG;
	row_bytes = store__le_get(value + 1, 2);
	*state_bytes = store__le_get(value + 3, 4);
	if (*state_bytes > STORE_LIVE_BYTES_MAX ||
	    n != STORE__LIVE_HEAD_BYTES + row_bytes + *state_bytes)
		return -EBADMSG;
	value += STORE__LIVE_HEAD_BYTES;
	*state = value + row_bytes;
	r = store__row_decode(segment, value, row_bytes);
	return r == 0 && segment->streams_count ? -EBADMSG : r;
}

/** Is this the id of a segment of this call? */
static bool
is_of(const char *id, const char *call)
{
	char found[STORE_CALL_ID_BYTES];
	uint32_t number;

	return strnlen(id, STORE_SEGMENT_ID_BYTES) < STORE_SEGMENT_ID_BYTES &&
	       store__segment_id_parse(id, found, &number) == 0 &&
	       strcmp(found, call) == 0;
}

int
store_live_put(struct store_archive *archive, const char *first,
	       const struct store_segment *segment, const void *state,
	       size_t state_bytes)
{
	struct store_segment head = *segment;
	struct store__key key = { 0 };
	uint8_t row[STORE__ROW_BYTES];
	MDB_val k, value = { 0 };
	size_t n;
	uint8_t *p;
	int rc;

	if (archive->batch_error)
		return archive->batch_error;
	assert(archive->batch);
	if (!store__segment_sound(segment) || !is_of(first, segment->call) ||
	    state_bytes > STORE_LIVE_BYTES_MAX)
		return store__batch_fail(archive, -EINVAL);
	head.streams_count = 0;
	n = store__row_encode(row, &head);
	store__key_text(&key, first);
	k = store__key_val(&key);
	value.mv_size = STORE__LIVE_HEAD_BYTES + n + state_bytes;
	rc = mdb_put(archive->batch, archive->tables.calls, &k, &value,
		     MDB_RESERVE);
	if (rc)
		return store__batch_fail(archive, store__index_error(rc));
	p = value.mv_data;
	p[0] = VERSION;
	store__le_put(p + 1, n, 2);
	store__le_put(p + 3, state_bytes, 4);
	memcpy(p + STORE__LIVE_HEAD_BYTES, row, n);
	if (state_bytes)
		memcpy(p + STORE__LIVE_HEAD_BYTES + n, state, state_bytes);
	return 0;
}

int
store_live_delete(struct store_archive *archive, const char *first)
{
	struct store__key key = { 0 };
	MDB_val k;
	int rc;

	if (archive->batch_error)
		return archive->batch_error;
	assert(archive->batch);
	if (strnlen(first, STORE_SEGMENT_ID_BYTES) == STORE_SEGMENT_ID_BYTES)
		return 0; /* no segment has such an id */
	store__key_text(&key, first);
	k = store__key_val(&key);
	rc = mdb_del(archive->batch, archive->tables.calls, &k, NULL);
	if (rc == 0 || rc == MDB_NOTFOUND)
		return 0;
	return store__batch_fail(archive, store__index_error(rc));
}

/* ---- reading ----------------------------------------------------------- */

/** Does an entry stand under the id of a segment of its call? */
static bool
key_right(const MDB_val *key, const struct store_segment *segment)
{
	const char *first = key->mv_data;

	return key->mv_size > 0 && first[key->mv_size - 1] == '\0' &&
	       is_of(first, segment->call);
}

static int
tell_skipped(const MDB_val *key, int error, store__skipped_fn skipped,
	     void *ctx)
{
	struct store__key copy = { .bytes = key->mv_size };

	if (copy.bytes > sizeof(copy.data))
		copy.bytes = sizeof(copy.data);
	memcpy(copy.data, key->mv_data, copy.bytes);
	return skipped(ctx, &copy, error);
}

static int
walk(MDB_cursor *cursor, store_live_fn fn, store__skipped_fn skipped, void *ctx)
{
	struct store_segment segment;
	const uint8_t *state;
	size_t state_bytes;
	MDB_val key, value;
	int rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST), r;

	while (rc == 0) {
		r = store__live_decode(&segment, &state, &state_bytes,
				       value.mv_data, value.mv_size);
		if (r == 0 && !key_right(&key, &segment))
			r = -EBADMSG;
		if (r)
			r = tell_skipped(&key, r, skipped, ctx);
		else if (fn)
			r = fn(ctx, key.mv_data, &segment, state, state_bytes);
		if (r)
			return r;
		rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	return rc == MDB_NOTFOUND ? 0 : store__index_error(rc);
}

int
store__live_walk(struct store_archive *archive, store_live_fn fn,
		 store__skipped_fn skipped, void *ctx)
{
	MDB_cursor *cursor;
	MDB_txn *txn;
	int r;

	if (!archive->tables.calls)
		return 0;
	r = store__read_begin(archive, &txn);
	if (r)
		return r;
	r = store__index_error(
	    mdb_cursor_open(txn, archive->tables.calls, &cursor));
	if (r == 0) {
		r = walk(cursor, fn, skipped, ctx);
		mdb_cursor_close(cursor);
	}
	store__read_end(archive, txn);
	return r;
}

struct count_skipped {
	store_live_fn fn;
	void *ctx;
	uint64_t *skipped;
};

static int
pass_on(void *ctx, const char *key, const struct store_segment *segment,
	const void *state, size_t state_bytes)
{
	const struct count_skipped *count = ctx;

	return count->fn(count->ctx, key, segment, state, state_bytes);
}

static int
count_one(void *ctx, const struct store__key *key, int error)
{
	const struct count_skipped *count = ctx;

	(void)key;
	(void)error;
	++*count->skipped;
	return 0;
}

int
store_live_walk(struct store_archive *archive, store_live_fn fn, void *ctx,
		uint64_t *skipped)
{
	struct count_skipped count = { .fn = fn,
				       .ctx = ctx,
				       .skipped = skipped };

	*skipped = 0;
	return store__live_walk(archive, pass_on, count_one, &count);
}

/* ---- the key ----------------------------------------------------------- */

/** @return 0, -ENOENT (not made yet), -EBADMSG, -EIO */
static int
key_get(struct store_archive *archive, uint8_t key[STORE_LIVE_KEY_BYTES])
{
	struct store__key name = { 0 };
	MDB_val k, value;
	MDB_txn *txn;
	int r = store__read_begin(archive, &txn);

	if (r)
		return r;
	store__key_text(&name, key_name);
	k = store__key_val(&name);
	r = store__index_error(mdb_get(txn, archive->tables.meta, &k, &value));
	if (r == 0 && value.mv_size != STORE_LIVE_KEY_BYTES)
		r = -EBADMSG;
	if (r == 0)
		memcpy(key, value.mv_data, STORE_LIVE_KEY_BYTES);
	store__read_end(archive, txn);
	return r;
}

int
store_live_key(struct store_archive *archive, uint8_t key[STORE_LIVE_KEY_BYTES])
{
	struct store__key name = { 0 };
	MDB_val k, value = { .mv_size = STORE_LIVE_KEY_BYTES, .mv_data = key };
	MDB_txn *txn;
	int r = key_get(archive, key);

	if (r != -ENOENT)
		return r;
	r = store__write_begin(archive, &txn);
	if (r)
		return r;
	randombytes_buf(key, STORE_LIVE_KEY_BYTES);
	store__key_text(&name, key_name);
	k = store__key_val(&name);
	r = store__index_error(
	    mdb_put(txn, archive->tables.meta, &k, &value, 0));
	if (r == 0)
		return store__write_commit(archive, txn);
	mdb_txn_abort(txn);
	return r;
}
