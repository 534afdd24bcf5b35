/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is the ledger what it was? Entries are read in order, as runs that hang
 * together: each fits its own hash and holds that of the one before. Heads and
 * anchors are points that say which hash an entry has to have; where one is
 * right, all of its run that comes before is what it was when that was signed,
 * for a hash cannot be met by other entries.
 *
 * So what is wrong can be told from what is not also behind the place where
 * the chain breaks: an entry whose follower is vouched for, but holds another
 * hash than it has, is the wrong one of the two.
 */
#include "store/store.h"
#include "store/audit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_priv.h"

/* Entries of one read transaction. */
enum { ENTRIES_AT_ONCE = 4096 };

struct point {
	uint64_t number;
	int64_t time_ns;
	uint8_t hash[STORE_HASH_BYTES];
	bool anchor;
};

/** A broken link, until it is known which of both sides is vouched for. */
struct break_at {
	bool open;
	uint64_t from;    /**< its first */
	uint64_t before;  /**< the last entry of the run before */
	uint64_t vouched; /**< how far that is sure; 0: not at all */
};

struct check {
	struct store_archive *archive;
	int (*fn)(void *ctx, const struct store_audit_finding *finding);
	void *ctx;
	struct store_audit *audit;
	uint8_t id[STORE_ARCHIVE_ID_BYTES];
	bool has_id;
	uint8_t keys[STORE__AUDIT_KEYS_MAX][STORE_AUDIT_KEY_BYTES];
	int keys_count;
	const struct store_head *anchors;
	size_t anchors_count;
	struct point *points;
	size_t points_count, points_room, next;
	/* of the run that is read */
	bool linked; /**< there is one: it can be followed */
	uint64_t run_from;
	uint64_t vouched;  /**< up to here, 0: not at all */
	uint64_t anchored; /**< ... by an anchor */
	bool rewritten[2]; /**< it is not; by heads, by anchors */
	uint64_t last;
	uint8_t hash[STORE_HASH_BYTES];
	struct break_at broken;
	bool contradicted; /**< by an anchor: heads prove nothing then */
	/* where to go on */
	uint8_t key[STORE__KEY_BYTES];
	size_t key_bytes;
};

/* ---- what is found ----------------------------------------------------- */

static int
tell(struct check *c, const struct store_audit_finding *finding)
{
	struct store_audit *audit = c->audit;

	audit->findings++;
	/* A head that is none says nothing of entries. */
	if (finding->from &&
	    (!audit->first_wrong || finding->from < audit->first_wrong))
		audit->first_wrong = finding->from;
	return c->fn ? c->fn(c->ctx, finding) : 0;
}

static int
tell_entries(struct check *c, enum store_audit_fault fault, uint64_t from,
	     uint64_t to)
{
	const struct store_audit_finding finding = { .fault = fault,
						     .from = from,
						     .to = to };

	return tell(c, &finding);
}

static int
tell_point(struct check *c, enum store_audit_fault fault, uint64_t from,
	   const struct point *point)
{
	const struct store_audit_finding finding = {
		.fault = fault,
		.from = from,
		.to = point->number,
		.anchor = point->anchor,
		.head = point->number,
		.head_ns = point->time_ns,
	};

	return tell(c, &finding);
}

/* ---- heads and anchors ------------------------------------------------- */

static int
point_add(struct check *c, const struct store_head *head, bool anchor)
{
	size_t room = c->points_room ? 2 * c->points_room : 64;
	struct point *grown, *point;

	if (c->points_count == c->points_room) {
		grown = realloc(c->points, room * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		c->points = grown;
		c->points_room = room;
	}
	point = &c->points[c->points_count++];
	*point = (struct point){ .number = head->number,
				 .time_ns = head->time_ns,
				 .anchor = anchor };
	memcpy(point->hash, head->hash, sizeof(point->hash));
	return 0;
}

static bool
key_known(const struct check *c, const struct store_head *head)
{
	for (int i = 0; i < c->keys_count; i++)
		if (memcmp(c->keys[i], head->key, sizeof(head->key)) == 0)
			return true;
	for (size_t i = 0; i < c->anchors_count; i++)
		if (memcmp(c->anchors[i].key, head->key, sizeof(head->key)) ==
		    0)
			return true;
	return false;
}

static bool
of_this_archive(const struct check *c, const struct store_head *head)
{
	return c->has_id && memcmp(c->id, head->archive, sizeof(c->id)) == 0;
}

static int
tell_head(struct check *c, enum store_audit_fault fault,
	  const struct store_head *head, bool anchor)
{
	const struct store_audit_finding finding = { .fault = fault,
						     .anchor = anchor,
						     .head = head->number,
						     .head_ns = head->time_ns };

	return tell(c, &finding);
}

static int
head_take(struct check *c, const MDB_val *key, const MDB_val *value)
{
	struct store_head head;

	if (store__head_value_decode(&head, key->mv_data, key->mv_size,
				     value->mv_data, value->mv_size) ||
	    !store__head_signed(&head))
		return tell_head(c, STORE_AUDIT_FORGED, &head, false);
	if (!of_this_archive(c, &head) || !key_known(c, &head))
		return tell_head(c, STORE_AUDIT_FOREIGN, &head, false);
	c->audit->heads++;
	return point_add(c, &head, false);
}

static int
heads_read(struct check *c, MDB_txn *txn)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int r;

	r = store__archive_id(c->archive, txn, c->id);
	c->has_id = r == 0;
	if ((r && r != -ENOENT && r != -EBADMSG) || !c->archive->tables.heads)
		return r == -ENOENT || r == -EBADMSG ? 0 : r;
	r = store__index_error(
	    mdb_cursor_open(txn, c->archive->tables.heads, &cursor));
	if (r)
		return r;
	r = store__index_error(mdb_cursor_get(cursor, &key, &value, MDB_FIRST));
	while (r == 0) {
		r = head_take(c, &key, &value);
		if (r == 0)
			r = store__index_error(
			    mdb_cursor_get(cursor, &key, &value, MDB_NEXT));
	}
	mdb_cursor_close(cursor);
	return r == -ENOENT ? 0 : r;
}

static int
compare_points(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return (int)x->anchor - (int)y->anchor;
}

static int
points_read(struct check *c)
{
	MDB_txn *txn;
	int r = store__audit_keys(c->archive, c->keys);

	/* Heads by keys of a list that cannot be read are foreign. */
	c->keys_count = r > 0 ? r : 0;
	r = store__read_begin(c->archive, &txn);
	if (r)
		return r;
	r = heads_read(c, txn);
	store__read_end(c->archive, txn);
	for (size_t i = 0; i < c->anchors_count && r == 0; i++)
		r = of_this_archive(c, &c->anchors[i])
			? point_add(c, &c->anchors[i], true)
			: tell_head(c, STORE_AUDIT_FOREIGN, &c->anchors[i],
				    true);
	if (c->points_count)
		qsort(c->points, c->points_count, sizeof(*c->points),
		      compare_points);
	return r;
}

/* ---- runs -------------------------------------------------------------- */

static void
range_add(struct check *c)
{
	struct store_audit *audit = c->audit;

	if (!c->linked || !c->vouched)
		return;
	if (audit->ranges_count < STORE_AUDIT_RANGES_MAX)
		audit->ranges[audit->ranges_count++] =
		    (struct store_audit_range){ .from = c->run_from,
						.to = c->vouched,
						.anchored = c->anchored };
}

/** Which side of a broken link is not what it was? */
static int
break_tell(struct check *c)
{
	const struct break_at *b = &c->broken;
	uint64_t from = b->vouched ? b->vouched + 1 : b->from;
	uint64_t to = b->before + 1;

	if (!b->open)
		return 0;
	c->broken.open = false;
	/* What follows is what it was, and so is the hash that it holds. */
	if (c->vouched && from < to)
		to--;
	return tell_entries(c, STORE_AUDIT_UNLINKED, from, to);
}

static int
run_end(struct check *c)
{
	int r = break_tell(c);

	range_add(c);
	c->linked = false;
	return r;
}

static void
run_begin(struct check *c, uint64_t number)
{
	c->linked = true;
	c->run_from = number;
	c->vouched = 0;
	c->anchored = 0;
	memset(c->rewritten, 0, sizeof(c->rewritten));
}

/** What hangs together is not what was vouched for. */
static int
point_differs(struct check *c, const struct point *point)
{
	const uint64_t sure = point->anchor ? c->anchored : c->vouched;
	bool *told = &c->rewritten[point->anchor];

	c->contradicted |= point->anchor;
	/* All later ones say the same. */
	if (*told)
		return 0;
	*told = true;
	return tell_point(c, STORE_AUDIT_REWRITTEN,
			  sure ? sure + 1 : c->run_from, point);
}

/** What heads and anchors say of an entry. */
static int
points_ask(struct check *c, uint64_t number,
	   const uint8_t hash[STORE_HASH_BYTES])
{
	struct store_audit *audit = c->audit;
	int r = 0;

	for (; c->next < c->points_count && r == 0; c->next++) {
		const struct point *point = &c->points[c->next];

		if (point->number > number)
			break;
		/* An entry that is not there was told of. */
		if (point->number < number)
			continue;
		if (memcmp(point->hash, hash, STORE_HASH_BYTES) != 0) {
			r = point_differs(c, point);
			continue;
		}
		c->vouched = number;
		if (point->anchor) {
			c->anchored = number;
			audit->anchored_until = number;
			audit->anchored_ns = point->time_ns;
		} else {
			audit->signed_until = number;
			audit->signed_ns = point->time_ns;
		}
	}
	return r;
}

/** An entry that fits its own hash. */
static int
entry_take(struct check *c, const struct store_ledger_entry *entry)
{
	const uint64_t number = entry->number;
	static const uint8_t none[STORE_HASH_BYTES];
	int r = 0;

	if (number == 1 && memcmp(entry->previous, none, sizeof(none)) != 0)
		r = tell_entries(c, STORE_AUDIT_ALTERED, 1, 1);
	if (c->linked &&
	    memcmp(entry->previous, c->hash, STORE_HASH_BYTES) != 0) {
		const struct break_at broken = { .open = true,
						 .from = c->run_from,
						 .before = c->last,
						 .vouched = c->vouched };

		r = run_end(c);
		c->broken = broken;
	}
	if (!c->linked)
		run_begin(c, number);
	memcpy(c->hash, entry->hash, sizeof(c->hash));
	return r ? r : points_ask(c, number, entry->hash);
}

static int
record_take(struct check *c, const MDB_val *key, const MDB_val *value)
{
	struct store_ledger_entry entry;
	uint64_t number =
	    key->mv_size == 8 ? store__be_get(key->mv_data, 8) : 0;
	int r = 0;

	if (number <= c->last)
		return tell_entries(c, STORE_AUDIT_STRAY, c->last + 1,
				    c->last + 1);
	c->audit->entries++;
	if (number > c->last + 1) {
		r = run_end(c);
		if (r == 0)
			r = tell_entries(c, STORE_AUDIT_MISSING, c->last + 1,
					 number - 1);
	}
	if (r == 0 && store__ledger_decode(&entry, key, value)) {
		r = run_end(c);
		if (r == 0)
			r = tell_entries(c, STORE_AUDIT_ALTERED, number,
					 number);
	} else if (r == 0) {
		r = entry_take(c, &entry);
	}
	c->last = number;
	return r;
}

/* ---- the walk ---------------------------------------------------------- */

/** @return 1: there may be more, 0: that was the last one */
static int
walk_some(struct check *c, MDB_cursor *cursor)
{
	MDB_val key = { .mv_size = c->key_bytes, .mv_data = c->key }, value;
	int r, n = 0;

	if (c->key_bytes) {
		r = store__index_error(
		    mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE));
		if (r == 0 && key.mv_size == c->key_bytes &&
		    memcmp(key.mv_data, c->key, c->key_bytes) == 0)
			r = store__index_error(
			    mdb_cursor_get(cursor, &key, &value, MDB_NEXT));
	} else {
		r = store__index_error(
		    mdb_cursor_get(cursor, &key, &value, MDB_FIRST));
	}
	while (r == 0) {
		c->key_bytes =
		    key.mv_size < sizeof(c->key) ? key.mv_size : sizeof(c->key);
		memcpy(c->key, key.mv_data, c->key_bytes);
		r = record_take(c, &key, &value);
		if (r == 0 && ++n == ENTRIES_AT_ONCE)
			return 1;
		if (r == 0)
			r = store__index_error(
			    mdb_cursor_get(cursor, &key, &value, MDB_NEXT));
	}
	return r == -ENOENT ? 0 : r;
}

static int
walk(struct check *c)
{
	MDB_cursor *cursor;
	MDB_txn *txn;
	int r;

	do {
		r = store__read_begin(c->archive, &txn);
		if (r)
			return r;
		r = store__index_error(
		    mdb_cursor_open(txn, c->archive->tables.ledger, &cursor));
		if (r == 0) {
			r = walk_some(c, cursor);
			mdb_cursor_close(cursor);
		}
		store__read_end(c->archive, txn);
	} while (r == 1);
	return r;
}

/** What was there, and is no more. */
static int
end_check(struct check *c)
{
	const struct point *most = NULL;

	for (; c->next < c->points_count; c->next++) {
		if (c->points[c->next].number <= c->last)
			continue;
		most = &c->points[c->next];
		c->contradicted |= most->anchor;
	}
	return most ? tell_point(c, STORE_AUDIT_CUT, c->last + 1, most) : 0;
}

/** 1 stops: the entry comes in one transaction with the first head. */
static int
began_to_sign(void *ctx, const struct store_ledger_entry *entry)
{
	uint64_t *number = ctx;

	if (strcmp(entry->action, "audit-key") != 0)
		return 0;
	*number = entry->number;
	return 1;
}

/** Heads do not go by themselves. */
static int
heads_check(struct check *c)
{
	uint64_t number = 0;
	int r;

	if (c->audit->heads || c->audit->findings)
		return 0;
	r = store_ledger_walk(c->archive, began_to_sign, &number);
	return r == 1 ? tell_entries(c, STORE_AUDIT_UNSIGNED, number, c->last)
		      : r;
}

/** Whoever made an entry that an anchor contradicts may have the key: heads
 * that fit it prove nothing. */
static void
rely_on_anchors(struct store_audit *audit)
{
	uint64_t sure = 0;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < audit->ranges_count; i++) {
		struct store_audit_range range = audit->ranges[i];

		if (!range.anchored)
			continue;
		range.to = range.anchored;
		if (range.from == 1)
			sure = range.to;
		audit->ranges[kept++] = range;
	}
	audit->ranges_count = kept;
	audit->signed_until = 0;
	if (audit->first_wrong > sure + 1)
		audit->first_wrong = sure + 1;
}

int
store_audit_verify(struct store_archive *archive,
		   const struct store_head *anchors, size_t count,
		   int (*fn)(void *ctx,
			     const struct store_audit_finding *finding),
		   void *ctx, struct store_audit *audit)
{
	struct check *c = calloc(1, sizeof(*c));
	int r;

	memset(audit, 0, sizeof(*audit));
	if (!c)
		return -ENOMEM;
	c->archive = archive;
	c->anchors = anchors;
	c->anchors_count = count;
	c->fn = fn;
	c->ctx = ctx;
	c->audit = audit;
	r = points_read(c);
	if (r == 0)
		r = walk(c);
	if (r == 0)
		r = run_end(c);
	if (r == 0)
		r = end_check(c);
	if (r == 0)
		r = heads_check(c);
	audit->last = c->last;
	if (c->contradicted)
		rely_on_anchors(audit);
	free(c->points);
	free(c);
	return r;
}
