/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Holds of one recording: how they begin, are looked at again, and end; cases.c
 * says when. */
#include "store/cases_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- keys and values ----------------------------------------------------- */

void
store__hold_key(struct store__key *key, const struct store_segment *segment,
		const char *name)
{
	key->bytes = 0;
	store__key_segment(key, segment->call, segment->segment);
	store__key_text(key, name);
}

void
store__held_for_key(struct store__key *key, const char *name,
		    const struct store_segment *segment)
{
	key->bytes = 0;
	store__key_text(key, name);
	store__key_segment(key, segment->call, segment->segment);
}

static int
put(MDB_txn *txn, MDB_dbi table, struct store__key *key, void *bytes, size_t n)
{
	MDB_val k = store__key_val(key);
	MDB_val value = { .mv_size = n, .mv_data = bytes };

	return store__index_error(mdb_put(txn, table, &k, &value, 0));
}

int
store__case_get(const struct store_archive *archive, MDB_txn *txn,
		const char *name, struct store_case *found)
{
	struct store__key key = { 0 };
	MDB_val k, value;
	int rc;

	if (!archive->tables.cases || !*name ||
	    strnlen(name, STORE_CASE_BYTES) == STORE_CASE_BYTES)
		return -ENOENT;
	store__key_text(&key, name);
	k = store__key_val(&key);
	rc = mdb_get(txn, archive->tables.cases, &k, &value);
	if (rc)
		return store__index_error(rc);
	return store__case_decode(found, value.mv_data, value.mv_size);
}

int
store__case_put(const struct store__doing *d, const struct store_case *c)
{
	uint8_t row[STORE__ROW_BYTES];
	struct store__key key = { 0 };

	store__key_text(&key, c->name);
	return put(d->txn, d->archive->tables.cases, &key, row,
		   store__case_encode(row, c));
}

static int
hold_get(const struct store__doing *d, const struct store_segment *segment,
	 struct store_hold *hold)
{
	struct store__key key;
	MDB_val k, value;
	int rc;

	store__hold_key(&key, segment, d->of.name);
	k = store__key_val(&key);
	rc = mdb_get(d->txn, d->archive->tables.holds, &k, &value);
	if (rc)
		return store__index_error(rc);
	return store__hold_decode(hold, value.mv_data, value.mv_size);
}

static int
hold_put(const struct store__doing *d, const struct store_segment *segment,
	 const struct store_hold *hold)
{
	uint8_t row[STORE__ROW_BYTES];
	struct store__key key;
	int r;

	store__hold_key(&key, segment, hold->name);
	r = put(d->txn, d->archive->tables.holds, &key, row,
		store__hold_encode(row, hold));
	store__held_for_key(&key, hold->name, segment);
	return r ? r : put(d->txn, d->archive->tables.held_for, &key, NULL, 0);
}

int
store__case_enter(const struct store__doing *d, const char *action,
		  const char *subject, const char *detail)
{
	struct store_ledger_entry entry = { .time_ns = d->act->now_ns };

	snprintf(entry.action, sizeof(entry.action), "%s", action);
	snprintf(entry.subject, sizeof(entry.subject), "%s", subject);
	snprintf(entry.actor, sizeof(entry.actor), "%s", d->act->actor);
	snprintf(entry.detail, sizeof(entry.detail), "%s", detail);
	return store__ledger_put(d->archive, d->txn, &entry);
}

int
store__case_reason(const struct store__doing *d,
		   const struct store_segment *segment,
		   char text[STORE__DETAIL_BYTES])
{
	const int64_t now_ns = d->act->now_ns;
	int r = 0;

	/* The note may be short of room, the reason is not. */
	snprintf(text, STORE__DETAIL_BYTES, "%.90s%s%s", d->act->note,
		 *d->act->note && *d->act->reason ? ": " : "", d->act->reason);
	if (segment)
		r = store__hide_parties(d->archive, now_ns, segment, text,
					STORE__DETAIL_BYTES);
	return r ? r
		 : store__hide_numbers(d->archive, now_ns, d->of.subjects, text,
				       STORE__DETAIL_BYTES);
}

/* ---- walks --------------------------------------------------------------- */

int
store__cases_walk(MDB_txn *txn, MDB_dbi table, struct store__key *at,
		  int (*fn)(void *ctx, const MDB_val *key,
			    const MDB_val *value),
		  void *ctx)
{
	MDB_val key = store__key_val(at), value;
	MDB_cursor *cursor;
	int r;

	if (!table)
		return 0;
	r = store__index_error(mdb_cursor_open(txn, table, &cursor));
	if (r)
		return r;
	r = store__index_error(mdb_cursor_get(
	    cursor, &key, &value, at->bytes ? MDB_SET_RANGE : MDB_FIRST));
	while (r == 0 && key.mv_size >= at->bytes &&
	       memcmp(key.mv_data, at->data, at->bytes) == 0) {
		r = fn(ctx, &key, &value);
		if (r == 0)
			r = store__index_error(
			    mdb_cursor_get(cursor, &key, &value, MDB_NEXT));
	}
	mdb_cursor_close(cursor);
	return r == -ENOENT ? 0 : r;
}

static int
is_held(void *ctx, const MDB_val *key, const MDB_val *value)
{
	struct store_hold hold;
	int r = store__hold_decode(&hold, value->mv_data, value->mv_size);

	(void)ctx;
	(void)key;
	return r ? r : hold.ended_ns == 0;
}

int
store__hold_any(const struct store_archive *archive, MDB_txn *txn,
		const struct store_segment *segment)
{
	struct store__key at = { 0 };

	store__key_segment(&at, segment->call, segment->segment);
	return store__cases_walk(txn, archive->tables.holds, &at, is_held,
				 NULL);
}

/** What counts for a segment once a case is closed. */
static const char *
class_after(const struct store_case *c, const struct store_segment *segment)
{
	return *c->then ? c->then : segment->retention;
}

/* ---- the end of a hold --------------------------------------------------- */

static int
row_release(const struct store__doing *d, struct store_segment *segment)
{
	int r = 0;

	if (segment->state == STORE_STATE_PURGED)
		return 0;
	/* A request of a subject is no reason to keep anything longer. */
	if (d->of.kind == STORE_CASE)
		r = store__successor_add(segment, class_after(&d->of, segment),
					 d->act->now_ns);
	if (r)
		return r;
	if (segment->not_before_ns < d->act->not_before_ns)
		segment->not_before_ns = d->act->not_before_ns;
	r = store__hold_any(d->archive, d->txn, segment);
	if (r < 0)
		return r;
	if (r == 0 && segment->state == STORE_STATE_HELD) {
		segment->state = segment->held_from;
		segment->held_from = 0;
	}
	return store__row_put(d->archive, d->txn, segment);
}

/** A recording and its hold, which has not ended. */
static int
hold_in_force(const struct store__doing *d, const char *id,
	      struct store_segment *segment, struct store_hold *hold)
{
	int r = store__row_get(d->archive, d->txn, id, segment);

	if (r == 0)
		r = hold_get(d, segment, hold);
	return r == 0 && hold->ended_ns ? -ENOENT : r;
}

int
store__hold_end(const struct store__doing *d, const char *id)
{
	const struct store_act *act = d->act;
	struct store_segment segment;
	struct store_hold hold;
	char reason[STORE__DETAIL_BYTES], detail[STORE__DETAIL_BYTES];
	int r = hold_in_force(d, id, &segment, &hold);

	if (r)
		return r;
	hold.ended_ns = act->now_ns;
	memcpy(hold.ended_by, act->actor, sizeof(hold.ended_by));
	memcpy(hold.end_reason, act->reason, sizeof(hold.end_reason));
	r = hold_put(d, &segment, &hold);
	if (r == 0)
		r = row_release(d, &segment);
	if (r == 0 && d->reason)
		r = store__hide_parties(d->archive, act->now_ns, &segment,
					d->reason, STORE__DETAIL_BYTES);
	if (r == 0)
		r = store__case_reason(d, &segment, reason);
	if (r)
		return r;
	snprintf(detail, sizeof(detail), "%s: %.200s", d->called, reason);
	return store__case_enter(d, "hold end", segment.id, detail);
}

/* ---- its beginning ------------------------------------------------------- */

struct ending {
	const struct store__doing *d;
	struct store_segment segment; /**< as it will be */
};

static int
end_later(void *ctx, const MDB_val *key, const MDB_val *value)
{
	struct ending *e = ctx;
	struct store_hold hold;
	struct store_case c;
	int r = store__hold_decode(&hold, value->mv_data, value->mv_size);

	(void)key;
	if (r || hold.ended_ns)
		return r;
	r = store__case_get(e->d->archive, e->d->txn, hold.name, &c);
	if (r || c.kind != STORE_CASE)
		return r;
	return store__successor_add(&e->segment, class_after(&c, &e->segment),
				    0);
}

/** Can all holds end, this one too? Else no case could be closed any more.
 * @return 0, -EOVERFLOW */
static int
can_end(const struct store__doing *d, const struct store_segment *segment)
{
	struct ending e = { .d = d, .segment = *segment };
	struct store__key at = { 0 };
	int r;

	if (d->of.kind != STORE_CASE)
		return 0;
	store__key_segment(&at, segment->call, segment->segment);
	r = store__cases_walk(d->txn, d->archive->tables.holds, &at, end_later,
			      &e);
	return r ? r
		 : store__successor_add(&e.segment,
					class_after(&d->of, segment), 0);
}

static int
may_hold(const struct store__doing *d, const struct store_segment *segment)
{
	struct store_hold hold;
	int r;

	if (segment->state == STORE_STATE_RECORDING)
		return -EAGAIN;
	if (segment->state == STORE_STATE_PURGED)
		return -EALREADY;
	r = hold_get(d, segment, &hold);
	/* Somebody ended it with a reason; another search is none. */
	if (r == 0 && hold.ended_ns && d->act->type == STORE_ACT_SEARCH)
		return -EEXIST;
	if (r == -ENOENT || (r == 0 && hold.ended_ns))
		return can_end(d, segment);
	return r ? r : -EEXIST;
}

static int
row_hold(const struct store__doing *d, struct store_segment *segment)
{
	if (segment->state == STORE_STATE_HELD)
		return 0;
	segment->held_from = segment->state;
	segment->state = STORE_STATE_HELD;
	return store__row_put(d->archive, d->txn, segment);
}

int
store__hold_add(const struct store__doing *d, const char *id)
{
	const struct store_act *act = d->act;
	struct store_hold hold = { .held_ns = act->now_ns,
				   .review_ns = act->review_ns };
	struct store_segment segment;
	char reason[STORE__DETAIL_BYTES], detail[STORE__DETAIL_BYTES];
	int r = store__row_get(d->archive, d->txn, id, &segment);

	if (r == 0)
		r = may_hold(d, &segment);
	if (r)
		return r;
	memcpy(hold.id, segment.id, sizeof(hold.id));
	memcpy(hold.name, d->of.name, sizeof(hold.name));
	memcpy(hold.reason, act->reason, sizeof(hold.reason));
	memcpy(hold.approver, act->approver, sizeof(hold.approver));
	memcpy(hold.by, act->actor, sizeof(hold.by));
	r = hold_put(d, &segment, &hold);
	if (r == 0)
		r = row_hold(d, &segment);
	if (r == 0)
		r = store__case_reason(d, &segment, reason);
	if (r)
		return r;
	snprintf(detail, sizeof(detail), "%s%s%s: %.140s", d->called,
		 *act->approver ? ", approved by " : "", act->approver, reason);
	return store__case_enter(d, "hold", segment.id, detail);
}

int
store__hold_review(const struct store__doing *d, const char *id)
{
	const struct store_act *act = d->act;
	struct store_segment segment;
	struct store_hold hold;
	char reason[STORE__DETAIL_BYTES], detail[STORE__DETAIL_BYTES];
	int r = hold_in_force(d, id, &segment, &hold);

	if (r)
		return r;
	hold.review_ns = act->review_ns;
	hold.reviewed_ns = act->now_ns;
	memcpy(hold.reviewed_by, act->actor, sizeof(hold.reviewed_by));
	memcpy(hold.review_reason, act->reason, sizeof(hold.review_reason));
	r = hold_put(d, &segment, &hold);
	if (r == 0)
		r = store__case_reason(d, &segment, reason);
	if (r)
		return r;
	snprintf(detail, sizeof(detail), "%s, approved by %s: %.140s",
		 d->called, act->approver, reason);
	return store__case_enter(d, "hold review", segment.id, detail);
}

int
store__hold_again(const struct store__doing *d, const char *id)
{
	const struct store_act *act = d->act;
	struct store_segment segment;
	struct store_hold hold;
	char reason[STORE__DETAIL_BYTES], detail[STORE__DETAIL_BYTES];
	int r = store__row_get(d->archive, d->txn, id, &segment);

	if (r == 0)
		r = hold_get(d, &segment, &hold);
	if (r == 0 && (hold.ended_ns != d->of.closed_ns ||
		       segment.state == STORE_STATE_PURGED))
		r = -ENOENT;
	if (r)
		return r;
	hold.ended_ns = 0;
	hold.review_ns = act->review_ns;
	memset(hold.ended_by, 0, sizeof(hold.ended_by));
	memset(hold.end_reason, 0, sizeof(hold.end_reason));
	r = hold_put(d, &segment, &hold);
	if (r == 0)
		r = row_hold(d, &segment);
	if (r == 0)
		r = store__case_reason(d, &segment, reason);
	if (r)
		return r;
	snprintf(detail, sizeof(detail), "%s again: %.200s", d->called, reason);
	return store__case_enter(d, "hold", segment.id, detail);
}

int
store__hold_later(const struct store__doing *d, const char *id)
{
	struct store_segment segment;
	struct store_hold hold;
	int r = store__row_get(d->archive, d->txn, id, &segment);

	if (r == 0)
		r = hold_get(d, &segment, &hold);
	if (r || hold.ended_ns)
		return r;
	hold.review_ns = d->act->review_ns;
	return hold_put(d, &segment, &hold);
}
