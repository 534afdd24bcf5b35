/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Walks over rows. A read transaction keeps every page alive that it might
 * still look at, so none is held while somebody else's function runs: rows are
 * read a few at a time, and the walk goes on behind the last key it saw.
 *
 * A row that cannot be read, or that a key leads to in vain, is told by its key
 * and stepped over: one bad place must not hide what lies behind it.
 *
 * Segments are found by when they began, but asked for by when they were: a
 * search begins STORE__LONG_NS earlier. What may have begun before that is
 * looked at first: those still going on, which have no length yet, and those
 * that are known to be longer, by the powers of two of their length, so that
 * one very long call does not make every search begin with it.
 */
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_priv.h"

#define ROWS_PER_READ 16
#define KEYS_PER_READ 4096

struct scan {
	MDB_dbi table;
	bool text, time;      /**< what stands before the segment in its keys */
	bool begun;           /**< `at` was seen already */
	struct store__key at; /**< first key, then the last one seen */
	size_t prefix_bytes;  /**< of `at`, that all keys share */
	struct store__key end;     /**< first key too far; empty: none */
	int64_t started_before_ns; /**< an extra condition; INT64_MAX: none */
	const struct store_query *query; /**< NULL: everything */
	uint64_t left;                   /**< so many more */
	store__skipped_fn skipped;       /**< NULL: they are only counted */
	uint64_t skipped_count;
};

/** What a key led to. */
struct hit {
	int error;             /**< why it led to no row */
	struct store__key key; /**< if it did not */
	struct store_segment segment;
};

#define SCAN_ALL .started_before_ns = INT64_MAX, .left = UINT64_MAX

/* ---- what fits --------------------------------------------------------- */

static bool
touches(const struct store_query *query, const struct store_segment *s)
{
	const bool going_on = s->state == STORE_STATE_RECORDING;

	if (query->to_ns && s->start_ns >= query->to_ns)
		return false;
	return !query->from_ns || going_on || s->end_ns > query->from_ns ||
	       s->start_ns >= query->from_ns;
}

static bool
fits(const struct scan *scan, const struct store_segment *s)
{
	const struct store_query *q = scan->query;

	if (s->start_ns >= scan->started_before_ns)
		return false;
	if (!q)
		return true;
	if (s->state == STORE_STATE_PURGED && !q->purged)
		return false;
	if (q->id_prefix &&
	    strncmp(s->id, q->id_prefix, strlen(q->id_prefix)) != 0)
		return false;
	if (q->number && !store__has_number(s, q->number))
		return false;
	if (q->extension && strcmp(q->extension, s->local) != 0)
		return false;
	if (q->area && strcmp(q->area, s->area) != 0)
		return false;
	return touches(q, s);
}

/* ---- reading ----------------------------------------------------------- */

static bool
beyond(const struct scan *scan, const MDB_val *key)
{
	const size_t n =
	    key->mv_size < scan->end.bytes ? key->mv_size : scan->end.bytes;

	if (key->mv_size < scan->prefix_bytes ||
	    memcmp(key->mv_data, scan->at.data, scan->prefix_bytes) != 0)
		return true;
	return scan->end.bytes && memcmp(key->mv_data, scan->end.data, n) >= 0;
}

/** The part of a key that is a segment. @return 0 bytes: it has none */
static MDB_val
segment_key(const struct scan *scan, const MDB_val *key)
{
	const uint8_t *p = key->mv_data, *end = p + key->mv_size;

	if (scan->text) {
		p = memchr(p, 0, key->mv_size);
		p = p ? p + 1 : end;
	}
	if (scan->time)
		p = end - p > 8 ? p + 8 : end;
	return (MDB_val){ .mv_size = (size_t)(end - p), .mv_data = (void *)p };
}

/** The row that a key leads to. @return see store__skipped_fn */
static int
row_of(const struct store_archive *archive, MDB_txn *txn,
       const struct scan *scan, const MDB_val *key,
       struct store_segment *segment)
{
	MDB_val k = segment_key(scan, key), row;
	struct store__key own = { 0 };
	int r;

	if (!k.mv_size)
		return -ESTALE;
	r = store__index_error(
	    mdb_get(txn, archive->tables.segments, &k, &row));
	if (r == 0)
		r = store__row_decode(segment, row.mv_data, row.mv_size);
	if (r)
		return r;
	store__key_segment(&own, segment->call, segment->segment);
	if (own.bytes != k.mv_size ||
	    memcmp(own.data, k.mv_data, k.mv_size) != 0)
		return -EBADMSG; /* another segment's row */
	return store__way_right(archive, scan->table, key, segment) ? 0
								    : -ESTALE;
}

/** @return 1: something for the walk to tell, 0: nothing, negative errno */
static int
hit_take(const struct store_archive *archive, MDB_txn *txn,
	 const struct scan *scan, const MDB_val *key, struct hit *hit)
{
	MDB_val k = segment_key(scan, key);
	int r = row_of(archive, txn, scan, key, &hit->segment);

	if (r && r != -EBADMSG && r != -EPROTO && r != -ENOENT && r != -ESTALE)
		return r;
	hit->error = r;
	if (r == 0)
		return fits(scan, &hit->segment);
	if (!k.mv_size)
		k = *key;
	hit->key.bytes = k.mv_size;
	memcpy(hit->key.data, k.mv_data, k.mv_size);
	return 1;
}

/** Stand on the first key not seen yet. @return LMDB code */
static int
cursor_place(struct scan *scan, MDB_cursor *cursor, MDB_val *key)
{
	MDB_val none;
	int rc;

	*key = store__key_val(&scan->at);
	if (!scan->at.bytes)
		return mdb_cursor_get(cursor, key, &none, MDB_FIRST);
	rc = mdb_cursor_get(cursor, key, &none, MDB_SET_RANGE);
	if (rc == 0 && scan->begun && key->mv_size == scan->at.bytes &&
	    memcmp(key->mv_data, scan->at.data, key->mv_size) == 0)
		rc = mdb_cursor_get(cursor, key, &none, MDB_NEXT);
	return rc;
}

/** @return 1: there may be more; 0: that was all; negative errno */
static int
read_keys(struct store_archive *archive, struct scan *scan, MDB_txn *txn,
	  MDB_cursor *cursor, struct hit *hits, size_t *count)
{
	MDB_val key, none;
	int rc = cursor_place(scan, cursor, &key), r;

	for (size_t i = 0; rc == 0; i++) {
		if (beyond(scan, &key))
			return 0;
		if (key.mv_size > sizeof(scan->at.data))
			return -EBADMSG;
		if (*count == ROWS_PER_READ || i == KEYS_PER_READ)
			return 1;
		scan->at.bytes = key.mv_size;
		memcpy(scan->at.data, key.mv_data, key.mv_size);
		scan->begun = true;
		r = hit_take(archive, txn, scan, &key, &hits[*count]);
		if (r < 0)
			return r;
		*count += (size_t)r;
		rc = mdb_cursor_get(cursor, &key, &none, MDB_NEXT);
	}
	return rc == MDB_NOTFOUND ? 0 : store__index_error(rc);
}

static int
read_rows(struct store_archive *archive, struct scan *scan, struct hit *hits,
	  size_t *count)
{
	MDB_cursor *cursor;
	MDB_txn *txn;
	int r = store__read_begin(archive, &txn);

	*count = 0;
	if (r)
		return r;
	r = store__index_error(mdb_cursor_open(txn, scan->table, &cursor));
	if (r == 0) {
		r = read_keys(archive, scan, txn, cursor, hits, count);
		mdb_cursor_close(cursor);
	}
	store__read_end(archive, txn);
	return r;
}

static int
scan_tell(struct scan *scan, const struct hit *hit, store_segment_fn fn,
	  void *ctx)
{
	if (!hit->error) {
		scan->left--;
		return fn(ctx, &hit->segment);
	}
	scan->skipped_count++;
	return scan->skipped ? scan->skipped(ctx, &hit->key, hit->error) : 0;
}

static int
scan_run(struct store_archive *archive, struct scan *scan, store_segment_fn fn,
	 void *ctx)
{
	struct hit *hits = malloc(ROWS_PER_READ * sizeof(*hits));
	size_t count;
	int more = 1, r = 0;

	if (!hits)
		return -ENOMEM;
	while (more > 0 && r == 0 && scan->left) {
		more = read_rows(archive, scan, hits, &count);
		for (size_t i = 0; i < count && r == 0 && scan->left; i++)
			r = scan_tell(scan, &hits[i], fn, ctx);
	}
	free(hits);
	archive->skipped = scan->skipped_count;
	return r ? r : more < 0 ? more : 0;
}

uint64_t
store_rows_skipped(const struct store_archive *archive)
{
	return archive->skipped;
}

/* ---- searches ---------------------------------------------------------- */

int
store__table_walk(struct store_archive *archive, MDB_dbi table,
		  store_segment_fn fn, store__skipped_fn skipped, void *ctx)
{
	const struct store__tables *tables = &archive->tables;
	struct scan scan = { .table = table, SCAN_ALL, .skipped = skipped };

	scan.text = table == tables->numbers || table == tables->extensions ||
		    table == tables->clocks || table == tables->tombstones ||
		    table == tables->longer;
	scan.time = scan.text || table == tables->times;
	return scan_run(archive, &scan, fn, ctx);
}

/** Segments that fit began at this time or later, but for those that go on and
 * those in `longer`. */
static int
earliest(struct store_archive *archive, const struct store_query *query,
	 int64_t *earliest_ns)
{
	uint64_t longest = STORE__LONG_NS;
	MDB_txn *txn;
	int r = 0;

	*earliest_ns = INT64_MIN;
	if (!query->from_ns)
		return 0;
	if (!archive->tables.longer) {
		r = store__read_begin(archive, &txn);
		if (r)
			return r;
		r = store__index_longest(archive, txn, &longest);
		store__read_end(archive, txn);
	}
	if (longest > INT64_MAX ||
	    __builtin_sub_overflow(query->from_ns, (int64_t)longest,
				   earliest_ns))
		*earliest_ns = INT64_MIN;
	return r;
}

/** A part of the call id that all ids with this prefix share. */
static void
scan_by_id(struct scan *scan, const struct store__tables *tables,
	   const char *prefix)
{
	const char *dash = strrchr(prefix, '-');
	size_t n = strlen(prefix);

	/* What follows the last dash may be the number of a segment. */
	if (dash && strspn(dash + 1, "0123456789") == strlen(dash + 1))
		n = (size_t)(dash - prefix);
	if (n > STORE_CALL_ID_BYTES)
		n = STORE_CALL_ID_BYTES;
	scan->table = tables->segments;
	memcpy(scan->at.data, prefix, n);
	scan->at.bytes = scan->prefix_bytes = n;
}

/** Table, first key and first key too far, by what the query says. */
static void
scan_by_time(struct scan *scan, const struct store__tables *tables,
	     int64_t earliest_ns)
{
	const struct store_query *query = scan->query;
	const char *text = query->extension ? query->extension : query->number;

	scan->table = query->extension ? tables->extensions
		      : query->number  ? tables->numbers
				       : tables->times;
	scan->time = true;
	if (text) {
		scan->text = true;
		store__key_text(&scan->at, text);
		scan->prefix_bytes = scan->at.bytes;
	}
	if (query->to_ns) {
		scan->end = scan->at;
		store__key_time(&scan->end, query->to_ns);
	}
	store__key_time(&scan->at, earliest_ns);
}

/** The next class behind *key. @return 1, 0: none, negative errno */
static int
class_next(struct store_archive *archive, MDB_dbi table, struct store__key *key,
	   char class[STORE_NAME_BYTES])
{
	MDB_val k = store__key_val(key), none;
	MDB_cursor *cursor;
	MDB_txn *txn;
	size_t n;
	int r = store__read_begin(archive, &txn);

	if (r)
		return r;
	r = store__index_error(mdb_cursor_open(txn, table, &cursor));
	if (r == 0) {
		r = store__index_error(mdb_cursor_get(
		    cursor, &k, &none, key->bytes ? MDB_SET_RANGE : MDB_FIRST));
		/* Longer than the name of any class: no key of ours. */
		while (r == 0 &&
		       (n = strnlen(k.mv_data, k.mv_size)) >= STORE_NAME_BYTES)
			r = store__index_error(
			    mdb_cursor_get(cursor, &k, &none, MDB_NEXT));
		if (r == 0) {
			memcpy(class, k.mv_data, n);
			class[n] = '\0';
		}
		mdb_cursor_close(cursor);
	}
	store__read_end(archive, txn);
	return r == 0 ? 1 : r == -ENOENT ? 0 : r;
}

static int
classes_walk(struct store_archive *archive, MDB_dbi table,
	     int (*fn)(void *ctx, const char *retention), void *ctx)
{
	struct store__key key = { 0 };
	char class[STORE_NAME_BYTES];
	int r;

	if (!table)
		return 0;
	while ((r = class_next(archive, table, &key, class)) > 0) {
		/* Just behind all keys of this class: its NUL becomes 1. */
		key.bytes = 0;
		store__key_text(&key, class);
		key.data[key.bytes - 1] = 1;
		r = fn(ctx, class);
		if (r)
			return r;
	}
	return r;
}

/* ---- what began early -------------------------------------------------- */

struct early_one {
	int64_t start_ns;
	char id[STORE_SEGMENT_ID_BYTES];
};

/** What fits, and began before a search by time begins. */
struct early {
	struct store_archive *archive;
	const struct store_query *query;
	int64_t before_ns;
	struct early_one *ones;
	size_t count, room;
	uint64_t skipped;
};

static int
early_take(void *ctx, const struct store_segment *segment)
{
	struct early *early = ctx;
	struct early_one *ones = early->ones;
	const size_t room = early->room ? 2 * early->room : 64;

	if (early->count == early->room) {
		ones = realloc(ones, room * sizeof(*ones));
		if (!ones)
			return -ENOMEM;
		early->ones = ones;
		early->room = room;
	}
	ones += early->count++;
	ones->start_ns = segment->start_ns;
	memcpy(ones->id, segment->id, sizeof(ones->id));
	return 0;
}

static int
early_scan(struct early *early, struct scan *scan)
{
	int r;

	scan->query = early->query;
	scan->started_before_ns = early->before_ns;
	scan->skipped_count = early->skipped;
	r = scan_run(early->archive, scan, early_take, early);
	early->skipped = scan->skipped_count;
	return r;
}

/** Those of a length: they touch a time only if they began that much earlier.
 */
static int
early_class(void *ctx, const char *class)
{
	struct early *early = ctx;
	struct scan scan = { .table = early->archive->tables.longer,
			     .text = true,
			     .time = true,
			     SCAN_ALL };
	int64_t from_ns;

	if (__builtin_sub_overflow(early->query->from_ns,
				   store__length_most(class), &from_ns))
		from_ns = INT64_MIN;
	store__key_text(&scan.at, class);
	scan.prefix_bytes = scan.at.bytes;
	scan.end = scan.at;
	store__key_time(&scan.end, early->before_ns);
	store__key_time(&scan.at, from_ns);
	return early_scan(early, &scan);
}

static int
early_compare(const void *a, const void *b)
{
	const struct early_one *x = a, *y = b;

	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return strcmp(x->id, y->id);
}

/** Each once, though it may have ended meanwhile, or be gone. */
static int
early_tell(const struct early *early, struct scan *scan, store_segment_fn fn,
	   void *ctx)
{
	struct store_segment segment;
	const char *last = "";
	MDB_txn *txn;
	int r = 0;

	for (size_t i = 0; i < early->count && r == 0 && scan->left; i++) {
		const char *id = early->ones[i].id;

		if (strcmp(id, last) == 0)
			continue;
		last = id;
		r = store__read_begin(early->archive, &txn);
		if (r)
			return r;
		r = store__row_get(early->archive, txn, id, &segment);
		store__read_end(early->archive, txn);
		if (r || !fits(scan, &segment)) {
			r = r == -ENOENT ? 0 : r;
			continue;
		}
		scan->left--;
		r = fn(ctx, &segment);
	}
	return r;
}

/** @param scan of what follows: how many it may still find */
static int
search_early(struct store_archive *archive, struct scan *scan,
	     int64_t before_ns, store_segment_fn fn, void *ctx)
{
	struct early early = { .archive = archive,
			       .query = scan->query,
			       .before_ns = before_ns };
	struct scan live = { .table = archive->tables.live, SCAN_ALL };
	int r = early_scan(&early, &live);

	if (r == 0)
		r = classes_walk(archive, archive->tables.longer, early_class,
				 &early);
	if (r == 0 && early.count) {
		qsort(early.ones, early.count, sizeof(*early.ones),
		      early_compare);
		r = early_tell(&early, scan, fn, ctx);
	}
	free(early.ones);
	scan->skipped_count = archive->skipped = early.skipped;
	return r;
}

int
store_search(struct store_archive *archive, const struct store_query *query,
	     store_segment_fn fn, void *ctx)
{
	const struct store__tables *tables = &archive->tables;
	struct scan scan = { SCAN_ALL };
	int64_t earliest_ns;
	int r;

	/* Longer than any number there is, and than a key. */
	if ((query->number && strnlen(query->number, STORE_NUMBER_BYTES) ==
				  STORE_NUMBER_BYTES) ||
	    (query->extension &&
	     strnlen(query->extension, STORE_NUMBER_BYTES) ==
		 STORE_NUMBER_BYTES))
		return 0;
	scan.query = query;
	if (query->limit)
		scan.left = query->limit;
	if (query->id_prefix) {
		scan_by_id(&scan, tables, query->id_prefix);
		return scan_run(archive, &scan, fn, ctx);
	}
	r = earliest(archive, query, &earliest_ns);
	if (r)
		return r;
	if (query->from_ns) {
		r = search_early(archive, &scan, earliest_ns, fn, ctx);
		if (r || !scan.left)
			return r;
	}
	scan_by_time(&scan, tables, earliest_ns);
	return scan_run(archive, &scan, fn, ctx);
}

static int
class_walk(struct store_archive *archive, MDB_dbi table, const char *retention,
	   int64_t started_before_ns, store_segment_fn fn, void *ctx)
{
	struct scan scan = {
		.table = table, .text = true, .time = true, SCAN_ALL
	};

	archive->skipped = 0;
	if (!table || strnlen(retention, STORE_NAME_BYTES) == STORE_NAME_BYTES)
		return 0;
	store__key_text(&scan.at, retention);
	scan.prefix_bytes = scan.at.bytes;
	scan.end = scan.at;
	store__key_time(&scan.end, started_before_ns);
	return scan_run(archive, &scan, fn, ctx);
}

int
store_due(struct store_archive *archive, const char *retention,
	  int64_t started_before_ns, store_segment_fn fn, void *ctx)
{
	return class_walk(archive, archive->tables.clocks, retention,
			  started_before_ns, fn, ctx);
}

int
store_tombstones(struct store_archive *archive, const char *retention,
		 int64_t started_before_ns, store_segment_fn fn, void *ctx)
{
	return class_walk(archive, archive->tables.tombstones, retention,
			  started_before_ns, fn, ctx);
}

int
store_classes(struct store_archive *archive,
	      int (*fn)(void *ctx, const char *retention), void *ctx)
{
	return classes_walk(archive, archive->tables.clocks, fn, ctx);
}

int
store_tombstone_classes(struct store_archive *archive,
			int (*fn)(void *ctx, const char *retention), void *ctx)
{
	return classes_walk(archive, archive->tables.tombstones, fn, ctx);
}

/* ---- one row ----------------------------------------------------------- */

struct one {
	struct store_segment *segment;
	unsigned count;
};

static int
one_take(void *ctx, const struct store_segment *segment)
{
	struct one *one = ctx;

	*one->segment = *segment;
	return ++one->count > 1 ? -EEXIST : 0;
}

int
store_segment_get(struct store_archive *archive, const char *id,
		  struct store_segment *segment)
{
	const struct store_query query = { .id_prefix = id, .purged = true };
	struct one one = { .segment = segment };
	MDB_txn *txn;
	int r;

	if (!store__id_sound(id))
		return -ENOENT;
	r = store__read_begin(archive, &txn);
	if (r)
		return r;
	/* "-1" is no doubt about "-10". */
	r = store__row_get(archive, txn, id, segment);
	store__read_end(archive, txn);
	if (r != -ENOENT)
		return r;
	r = store_search(archive, &query, one_take, &one);
	if (r || one.count)
		return r;
	return archive->skipped ? -EBADMSG : -ENOENT;
}

int
store_call_exists(struct store_archive *archive, const char *call_id)
{
	struct store__key key = { 0 };
	MDB_cursor *cursor;
	MDB_val k, none;
	MDB_txn *txn;
	size_t n;
	int rc, r = 0;

	if (strnlen(call_id, STORE_CALL_ID_BYTES) == STORE_CALL_ID_BYTES)
		return 0;
	/* Not the open batch: that is another thread's. */
	rc = mdb_txn_begin(archive->env, NULL, MDB_RDONLY, &txn);
	if (rc)
		return store__index_error(rc);
	store__key_text(&key, call_id);
	n = key.bytes;
	rc = mdb_cursor_open(txn, archive->tables.segments, &cursor);
	if (rc == 0) {
		k = store__key_val(&key);
		rc = mdb_cursor_get(cursor, &k, &none, MDB_SET_RANGE);
		if (rc == 0)
			r = k.mv_size > n &&
			    memcmp(k.mv_data, key.data, n) == 0;
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	return rc == 0 || rc == MDB_NOTFOUND ? r : store__index_error(rc);
}
