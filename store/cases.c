/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cases, and recordings that are held for them. A hold lifts the ceiling of a
 * recording and nothing else; when it ends, the recording gets a time before
 * which it does not go, and a class that counts from then on beside its own.
 * Whether a recording is held or purged is decided in one transaction:
 * whichever commits first wins, and the other one is refused.
 *
 * Holds that ended stay with their row, so that it can be told why it is still
 * there.
 */
#include "store/store.h"
#include "store/cases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_priv.h"

/** Doing one act. */
struct doing {
	struct store_archive *archive;
	MDB_txn *txn;
	const struct store_act *act;
	struct store_case of; /**< as it stands in the archive */
	char *failed;
	char *reason; /**< of a case that is closed, for the ledger */
};

/* ---- keys and values ----------------------------------------------------- */

static void
hold_key(struct store__key *key, const struct store_segment *segment,
	 const char *name)
{
	key->bytes = 0;
	store__key_segment(key, segment->call, segment->segment);
	store__key_text(key, name);
}

static void
held_for_key(struct store__key *key, const char *name,
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

static int
case_get(const struct store_archive *archive, MDB_txn *txn, const char *name,
	 struct store_case *found)
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

static int
case_put(const struct doing *d, const struct store_case *c)
{
	uint8_t row[STORE__ROW_BYTES];
	struct store__key key = { 0 };

	store__key_text(&key, c->name);
	return put(d->txn, d->archive->tables.cases, &key, row,
		   store__case_encode(row, c));
}

static int
hold_get(const struct doing *d, const struct store_segment *segment,
	 struct store_hold *hold)
{
	struct store__key key;
	MDB_val k, value;
	int rc;

	hold_key(&key, segment, d->of.name);
	k = store__key_val(&key);
	rc = mdb_get(d->txn, d->archive->tables.holds, &k, &value);
	if (rc)
		return store__index_error(rc);
	return store__hold_decode(hold, value.mv_data, value.mv_size);
}

static int
hold_put(const struct doing *d, const struct store_segment *segment,
	 const struct store_hold *hold)
{
	uint8_t row[STORE__ROW_BYTES];
	struct store__key key;
	int r;

	hold_key(&key, segment, hold->name);
	r = put(d->txn, d->archive->tables.holds, &key, row,
		store__hold_encode(row, hold));
	held_for_key(&key, hold->name, segment);
	return r ? r : put(d->txn, d->archive->tables.held_for, &key, NULL, 0);
}

static int
enter(const struct doing *d, const char *action, const char *subject,
      const char *detail)
{
	struct store_ledger_entry entry = { .time_ns = d->act->now_ns };

	snprintf(entry.action, sizeof(entry.action), "%s", action);
	snprintf(entry.subject, sizeof(entry.subject), "%s", subject);
	snprintf(entry.actor, sizeof(entry.actor), "%s", d->act->actor);
	snprintf(entry.detail, sizeof(entry.detail), "%s", detail);
	return store__ledger_put(d->archive, d->txn, &entry);
}

#define DETAIL_BYTES sizeof(((struct store_ledger_entry *)0)->detail)

/**
 * Why it is done, for the ledger: whoever reads that may know what a case was
 * about, not who called.
 *
 * @param segment NULL: none
 */
static int
reason_of(const struct doing *d, const struct store_segment *segment,
	  char text[DETAIL_BYTES])
{
	const int64_t now_ns = d->act->now_ns;
	int r = 0;

	snprintf(text, DETAIL_BYTES, "%s", d->act->reason);
	if (segment)
		r = store__hide_parties(d->archive, now_ns, segment, text,
					DETAIL_BYTES);
	return r ? r
		 : store__hide_numbers(d->archive, now_ns, d->of.subjects, text,
				       DETAIL_BYTES);
}

/* ---- walks --------------------------------------------------------------- */

/** @param at the keys that begin with it; empty: all @return 0, what fn
 * returned, negative errno */
static int
walk(MDB_txn *txn, MDB_dbi table, struct store__key *at,
     int (*fn)(void *ctx, const MDB_val *key, const MDB_val *value), void *ctx)
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
	return walk(txn, archive->tables.holds, &at, is_held, NULL);
}

/** Segments, out of keys, so that nothing is changed under a walk. */
struct ids {
	char (*ids)[STORE_SEGMENT_ID_BYTES];
	size_t count, capacity;
};

static int
ids_add(struct ids *ids, const char *id)
{
	size_t capacity = ids->capacity ? 2 * ids->capacity : 64;
	void *grown;

	if (ids->count == ids->capacity) {
		grown = realloc(ids->ids, capacity * sizeof(*ids->ids));
		if (!grown)
			return -ENOMEM;
		ids->ids = grown;
		ids->capacity = capacity;
	}
	snprintf(ids->ids[ids->count++], sizeof(*ids->ids), "%s", id);
	return 0;
}

/** What counts for a segment once a case is closed. */
static const char *
class_after(const struct store_case *c, const struct store_segment *segment)
{
	return *c->then ? c->then : segment->retention;
}

/* ---- the end of a hold --------------------------------------------------- */

static int
row_release(const struct doing *d, struct store_segment *segment)
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

/** @return -ENOENT: it is not held for the case */
static int
end_one(const struct doing *d, const char *id)
{
	const struct store_act *act = d->act;
	struct store_segment segment;
	struct store_hold hold;
	char reason[DETAIL_BYTES], detail[DETAIL_BYTES];
	int r = store__row_get(d->archive, d->txn, id, &segment);

	if (r == 0)
		r = hold_get(d, &segment, &hold);
	if (r == 0 && hold.ended_ns)
		r = -ENOENT;
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
					d->reason, DETAIL_BYTES);
	if (r == 0)
		r = reason_of(d, &segment, reason);
	if (r)
		return r;
	snprintf(detail, sizeof(detail), "case %s: %.200s", d->of.name, reason);
	return enter(d, "hold end", segment.id, detail);
}

/* ---- its beginning ------------------------------------------------------- */

struct ending {
	const struct doing *d;
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
	r = case_get(e->d->archive, e->d->txn, hold.name, &c);
	if (r || c.kind != STORE_CASE)
		return r;
	return store__successor_add(&e->segment, class_after(&c, &e->segment),
				    0);
}

/** Can all holds end, this one too? Else no case could be closed any more.
 * @return 0, -EOVERFLOW */
static int
can_end(const struct doing *d, const struct store_segment *segment)
{
	struct ending e = { .d = d, .segment = *segment };
	struct store__key at = { 0 };
	int r;

	if (d->of.kind != STORE_CASE)
		return 0;
	store__key_segment(&at, segment->call, segment->segment);
	r = walk(d->txn, d->archive->tables.holds, &at, end_later, &e);
	return r ? r
		 : store__successor_add(&e.segment,
					class_after(&d->of, segment), 0);
}

static int
may_hold(const struct doing *d, const struct store_segment *segment)
{
	struct store_hold hold;
	int r;

	if (segment->state == STORE_STATE_RECORDING)
		return -EAGAIN;
	if (segment->state == STORE_STATE_PURGED)
		return -EALREADY;
	r = hold_get(d, segment, &hold);
	if (r == -ENOENT || (r == 0 && hold.ended_ns))
		return can_end(d, segment);
	return r ? r : -EEXIST;
}

static int
hold_one(const struct doing *d, const char *id)
{
	const struct store_act *act = d->act;
	struct store_hold hold = { .held_ns = act->now_ns,
				   .review_ns = act->review_ns };
	struct store_segment segment;
	char reason[DETAIL_BYTES], detail[DETAIL_BYTES];
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
	if (r == 0 && segment.state != STORE_STATE_HELD) {
		segment.held_from = segment.state;
		segment.state = STORE_STATE_HELD;
		r = store__row_put(d->archive, d->txn, &segment);
	}
	if (r == 0)
		r = reason_of(d, &segment, reason);
	if (r)
		return r;
	snprintf(detail, sizeof(detail), "case %s, approved by %s: %.148s",
		 d->of.name, act->approver, reason);
	return enter(d, "hold", segment.id, detail);
}

/* ---- acts ---------------------------------------------------------------- */

static int
for_ids(const struct doing *d, int (*fn)(const struct doing *d, const char *id))
{
	int r = 0;

	for (uint32_t i = 0; i < d->act->count && r == 0; i++) {
		const char *id = d->act->ids[i];

		r = fn(d, id);
		if (d->act->type == STORE_ACT_SEARCH &&
		    (r == -EEXIST || r == -EALREADY || r == -EAGAIN ||
		     r == -ENOENT))
			r = 0;
		if (r)
			snprintf(d->failed, STORE_SEGMENT_ID_BYTES, "%s", id);
	}
	return r;
}

static bool
name_sound(const char *name)
{
	const size_t n = strnlen(name, STORE_CASE_BYTES);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f)
			return false;
	return n && n < STORE_CASE_BYTES;
}

/** What may be said of a case that begins: it was neither searched nor paused.
 */
static struct store_case
case_new(const struct doing *d)
{
	struct store_case c = d->act->of;

	c.opened_ns = d->act->now_ns;
	memcpy(c.opened_by, d->act->actor, sizeof(c.opened_by));
	c.closed_ns = c.answered_ns = c.paused_ns = c.searched_ns = 0;
	c.from_ns = c.to_ns = 0;
	c.paused_days = 0;
	memset(c.closed_by, 0, sizeof(c.closed_by));
	memset(c.outcome, 0, sizeof(c.outcome));
	return c;
}

static int
act_open(const struct doing *d)
{
	struct store_case c = case_new(d), found;
	char detail[DETAIL_BYTES];
	int r;

	if (!name_sound(c.name))
		return -EINVAL;
	r = case_get(d->archive, d->txn, c.name, &found);
	if (r != -ENOENT)
		return r ? r : -EEXIST;
	r = case_put(d, &c);
	if (c.kind == STORE_CASE_SAR)
		snprintf(detail, sizeof(detail), "by the clock of %s", c.law);
	else
		snprintf(detail, sizeof(detail), "approved by %s%s%s",
			 c.approver, *c.then ? ", then " : "", c.then);
	return r ? r
		 : enter(d, c.kind ? "sar open" : "case open", c.name, detail);
}

static int
collect_held(void *ctx, const MDB_val *key, const MDB_val *value)
{
	const uint8_t *call = memchr(key->mv_data, 0, key->mv_size);
	char id[STORE_SEGMENT_ID_BYTES];
	const uint8_t *nul;
	size_t left;

	(void)value;
	if (!call)
		return -EBADMSG;
	call++;
	left = key->mv_size - (size_t)(call - (uint8_t *)key->mv_data);
	nul = memchr(call, 0, left);
	if (!nul || (size_t)(nul - call) >= STORE_CALL_ID_BYTES ||
	    left != (size_t)(nul - call) + 5)
		return -EBADMSG;
	store__segment_id_make(id, (const char *)call,
			       (uint32_t)store__be_get(nul + 1, 4));
	return ids_add(ctx, id);
}

static int
act_close(struct doing *d)
{
	char reason[DETAIL_BYTES];
	struct store__key at = { 0 };
	struct ids ids = { 0 };
	int r = reason_of(d, NULL, reason);

	d->reason = reason;
	store__key_text(&at, d->of.name);
	if (r == 0)
		r = walk(d->txn, d->archive->tables.held_for, &at, collect_held,
			 &ids);
	for (size_t i = 0; i < ids.count && r == 0; i++) {
		r = end_one(d, ids.ids[i]);
		if (r == -ENOENT)
			r = 0; /* it had ended before */
		else if (r)
			snprintf(d->failed, STORE_SEGMENT_ID_BYTES, "%s",
				 ids.ids[i]);
	}
	free(ids.ids);
	if (r)
		return r;
	d->of.closed_ns = d->act->now_ns;
	d->of.answered_ns = d->act->of.answered_ns;
	memcpy(d->of.closed_by, d->act->actor, sizeof(d->of.closed_by));
	memcpy(d->of.outcome, d->act->reason, sizeof(d->of.outcome));
	r = case_put(d, &d->of);
	return r ? r
		 : enter(d, d->of.kind ? "sar answer" : "case close",
			 d->of.name, reason);
}

/** Only a hold with a reason, somebody who approves and a day on which it is
 * looked at again lifts a ceiling. */
static int
act_hold(const struct doing *d)
{
	const struct store_act *act = d->act;

	if (!*act->reason || !*act->approver || act->review_ns <= act->now_ns)
		return -EINVAL;
	return for_ids(d, hold_one);
}

static int
act_search(struct doing *d)
{
	int r = for_ids(d, hold_one);

	if (r)
		return r;
	d->of.from_ns = d->act->of.from_ns;
	d->of.to_ns = d->act->of.to_ns;
	d->of.searched_ns = d->act->now_ns;
	r = case_put(d, &d->of);
	return r ? r : enter(d, "sar search", d->of.name, "");
}

static int
act_pause(struct doing *d)
{
	const bool pause = d->act->type == STORE_ACT_PAUSE;
	char reason[DETAIL_BYTES];
	int r;

	if (pause && d->of.paused_ns)
		return -EEXIST;
	if (!pause && !d->of.paused_ns)
		return -EINVAL;
	d->of.paused_ns = pause ? d->act->now_ns : 0;
	if (!pause)
		d->of.paused_days += d->act->of.paused_days;
	r = case_put(d, &d->of);
	if (r == 0)
		r = reason_of(d, NULL, reason);
	return r ? r
		 : enter(d, pause ? "sar pause" : "sar resume", d->of.name,
			 reason);
}

static int
run(struct doing *d)
{
	const enum store_act_type type = d->act->type;
	int r;

	if (type == STORE_ACT_OPEN)
		return act_open(d);
	r = case_get(d->archive, d->txn, d->act->of.name, &d->of);
	if (r)
		return r;
	if (d->of.closed_ns)
		return -ESTALE;
	if (type >= STORE_ACT_SEARCH && d->of.kind != STORE_CASE_SAR)
		return -EINVAL;
	switch (type) {
	case STORE_ACT_CLOSE:
		return act_close(d);
	case STORE_ACT_HOLD:
		return act_hold(d);
	case STORE_ACT_END:
		return for_ids(d, end_one);
	case STORE_ACT_SEARCH:
		return act_search(d);
	case STORE_ACT_PAUSE:
	case STORE_ACT_RESUME:
		return act_pause(d);
	case STORE_ACT_OPEN:
	case STORE_ACT_COUNT:
		break;
	}
	return -EINVAL;
}

int
store_act(struct store_archive *archive, const struct store_act *act,
	  char failed[STORE_SEGMENT_ID_BYTES])
{
	struct doing d = { .archive = archive, .act = act, .failed = failed };
	int r = store__write_begin(archive, &d.txn);

	failed[0] = '\0';
	if (r)
		return r;
	r = run(&d);
	if (r == 0)
		return store__write_commit(archive, d.txn);
	mdb_txn_abort(d.txn);
	return r;
}

/* ---- reading ------------------------------------------------------------- */

int
store_case_get(struct store_archive *archive, const char *name,
	       struct store_case *found)
{
	MDB_txn *txn;
	int r = store__read_begin(archive, &txn);

	if (r)
		return r;
	r = case_get(archive, txn, name, found);
	store__read_end(archive, txn);
	return r;
}

struct telling {
	int (*tell_case)(void *ctx, const struct store_case *found);
	int (*tell_hold)(void *ctx, const struct store_hold *hold);
	void *ctx;
	const char *name; /**< of the only case; NULL: any */
	int error;        /**< of one that cannot be read; the rest is told */
};

/** What a walk ended with, or else what it had to step over. */
static int
told(const struct telling *t, int r)
{
	return r ? r : t->error;
}

static int
tell_case(void *ctx, const MDB_val *key, const MDB_val *value)
{
	struct telling *t = ctx;
	struct store_case found;
	int r = store__case_decode(&found, value->mv_data, value->mv_size);

	(void)key;
	if (r)
		t->error = r;
	return r ? 0 : t->tell_case(t->ctx, &found);
}

int
store_cases(struct store_archive *archive,
	    int (*fn)(void *ctx, const struct store_case *found), void *ctx)
{
	struct telling t = { .tell_case = fn, .ctx = ctx };
	struct store__key all = { 0 };
	MDB_txn *txn;
	int r = store__read_begin(archive, &txn);

	if (r)
		return r;
	r = walk(txn, archive->tables.cases, &all, tell_case, &t);
	store__read_end(archive, txn);
	return told(&t, r);
}

static int
tell_hold(void *ctx, const MDB_val *key, const MDB_val *value)
{
	struct telling *t = ctx;
	struct store_hold hold;
	int r = store__hold_decode(&hold, value->mv_data, value->mv_size);

	(void)key;
	if (r)
		t->error = r;
	if (r || (t->name && strcmp(t->name, hold.name) != 0))
		return 0;
	return t->tell_hold(t->ctx, &hold);
}

/** The holds of one case, by way of its segments. */
static int
tell_held_for(struct store_archive *archive, MDB_txn *txn, struct telling *t)
{
	struct store__key at = { 0 };
	struct ids ids = { 0 };
	char call[STORE_CALL_ID_BYTES];
	uint32_t number;
	int r;

	store__key_text(&at, t->name);
	r = walk(txn, archive->tables.held_for, &at, collect_held, &ids);
	for (size_t i = 0; i < ids.count && r == 0; i++) {
		at.bytes = 0;
		r = store__segment_id_parse(ids.ids[i], call, &number);
		if (r)
			break;
		store__key_segment(&at, call, number);
		store__key_text(&at, t->name);
		r = walk(txn, archive->tables.holds, &at, tell_hold, t);
	}
	free(ids.ids);
	return r;
}

int
store_holds(struct store_archive *archive, const char *name, const char *id,
	    int (*fn)(void *ctx, const struct store_hold *hold), void *ctx)
{
	struct telling t = { .tell_hold = fn, .ctx = ctx, .name = name };
	char call[STORE_CALL_ID_BYTES];
	struct store__key at = { 0 };
	uint32_t number;
	MDB_txn *txn;
	int r;

	if (name && strnlen(name, STORE_CASE_BYTES) == STORE_CASE_BYTES)
		return 0;
	if (id && store__segment_id_parse(id, call, &number))
		return 0;
	r = store__read_begin(archive, &txn);
	if (r)
		return r;
	if (id)
		store__key_segment(&at, call, number);
	if (name && !id)
		r = tell_held_for(archive, txn, &t);
	else
		r = walk(txn, archive->tables.holds, &at, tell_hold, &t);
	store__read_end(archive, txn);
	return told(&t, r);
}

/* ---- what hangs together ------------------------------------------------- */

struct holding {
	const struct store_archive *archive;
	MDB_txn *txn;
	const struct store_segment *segment;
	bool held;
	const char *wrong;
};

static int
see_hold(void *ctx, const MDB_val *key, const MDB_val *value)
{
	struct holding *h = ctx;
	struct store__key way = { 0 };
	struct store_hold hold;
	struct store_case c;
	MDB_val k, none;

	(void)key;
	if (store__hold_decode(&hold, value->mv_data, value->mv_size)) {
		h->wrong = "a hold of it cannot be read";
		return 1;
	}
	h->held |= !hold.ended_ns;
	held_for_key(&way, hold.name, h->segment);
	k = store__key_val(&way);
	if (case_get(h->archive, h->txn, hold.name, &c))
		h->wrong = "it is held for a case that there is not";
	else if (c.closed_ns && !hold.ended_ns)
		h->wrong = "it is held for a case that is closed";
	else if (mdb_get(h->txn, h->archive->tables.held_for, &k, &none))
		h->wrong = "its case does not know that it holds it";
	return h->wrong != NULL;
}

const char *
store__holds_wrong(const struct store_archive *archive, MDB_txn *txn,
		   const struct store_segment *segment)
{
	struct holding h = { .archive = archive,
			     .txn = txn,
			     .segment = segment };
	struct store__key at = { 0 };

	store__key_segment(&at, segment->call, segment->segment);
	if (walk(txn, archive->tables.holds, &at, see_hold, &h) < 0)
		return "its holds cannot be read";
	if (h.wrong || h.held == (segment->state == STORE_STATE_HELD))
		return h.wrong;
	return h.held ? "a case holds it, but its row does not say so"
		      : "its row says that it is held, but no case holds it";
}

/* ---- the end of a case --------------------------------------------------- */

static int
hold_remove(const struct store_archive *archive, MDB_txn *txn,
	    const struct store_segment *segment, const char *name)
{
	struct store__key key;
	MDB_val k;
	int rc;

	hold_key(&key, segment, name);
	k = store__key_val(&key);
	rc = mdb_del(txn, archive->tables.holds, &k, NULL);
	if (rc && rc != MDB_NOTFOUND)
		return store__index_error(rc);
	held_for_key(&key, name, segment);
	k = store__key_val(&key);
	rc = mdb_del(txn, archive->tables.held_for, &k, NULL);
	return rc == MDB_NOTFOUND ? 0 : store__index_error(rc);
}

static int
is_one(void *ctx, const MDB_val *key, const MDB_val *value)
{
	(void)ctx;
	(void)key;
	(void)value;
	return 1;
}

/** The holds of a case that is closed, and so ended. */
static int
holds_forget(const struct doing *d)
{
	struct store_segment segment = { 0 };
	struct store__key at = { 0 };
	struct ids ids = { 0 };
	int r;

	store__key_text(&at, d->of.name);
	if (d->of.kind == STORE_CASE) {
		r = walk(d->txn, d->archive->tables.held_for, &at, is_one,
			 NULL);
		return r > 0 ? -EAGAIN : r;
	}
	r = walk(d->txn, d->archive->tables.held_for, &at, collect_held, &ids);
	for (size_t i = 0; i < ids.count && r == 0; i++) {
		r = store__segment_id_parse(ids.ids[i], segment.call,
					    &segment.segment);
		if (r == 0)
			r = hold_remove(d->archive, d->txn, &segment,
					d->of.name);
	}
	free(ids.ids);
	return r;
}

static int
case_forget(struct doing *d, const char *name)
{
	struct store__key key = { 0 };
	MDB_val k;
	int r = case_get(d->archive, d->txn, name, &d->of);

	if (r == 0 && !d->of.closed_ns)
		r = -EPERM;
	if (r == 0)
		r = holds_forget(d);
	if (r)
		return r;
	store__key_text(&key, d->of.name);
	k = store__key_val(&key);
	r = store__index_error(
	    mdb_del(d->txn, d->archive->tables.cases, &k, NULL));
	return r ? r
		 : enter(d, d->of.kind ? "sar forget" : "case forget",
			 d->of.name, "past its time by the policy");
}

int
store_case_forget(struct store_archive *archive, const char *name,
		  int64_t now_ns, const char *actor)
{
	struct store_act act = { .now_ns = now_ns };
	struct doing d = { .archive = archive, .act = &act };
	int r = store__write_begin(archive, &d.txn);

	if (r)
		return r;
	snprintf(act.actor, sizeof(act.actor), "%s", actor);
	r = case_forget(&d, name);
	if (r == 0)
		return store__write_commit(archive, d.txn);
	mdb_txn_abort(d.txn);
	return r;
}

/* ---- the end of a row ---------------------------------------------------- */

/** By its key: a hold that cannot be read goes too. */
static int
collect_cases(void *ctx, const MDB_val *key, const MDB_val *value)
{
	const char *name = key->mv_data;
	size_t left = key->mv_size, n = strnlen(name, left);

	(void)value;
	if (left < n + 6)
		return -EBADMSG;
	name += n + 5;
	left -= n + 5;
	/* names of cases are as long as ids */
	return memchr(name, 0, left) ? ids_add(ctx, name) : -EBADMSG;
}

int
store__holds_remove(const struct store_archive *archive, MDB_txn *txn,
		    const struct store_segment *segment)
{
	struct store__key at = { 0 };
	struct ids names = { 0 };
	int r;

	store__key_segment(&at, segment->call, segment->segment);
	r = walk(txn, archive->tables.holds, &at, collect_cases, &names);
	for (size_t i = 0; i < names.count && r == 0; i++)
		r = hold_remove(archive, txn, segment, names.ids[i]);
	free(names.ids);
	return r;
}
