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
#include "store/cases_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- acts ---------------------------------------------------------------- */

static int
for_ids(const struct store__doing *d,
	int (*fn)(const struct store__doing *d, const char *id))
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
case_new(const struct store__doing *d)
{
	struct store_case c = d->act->of;

	c.opened_ns = d->act->now_ns;
	memcpy(c.opened_by, d->act->actor, sizeof(c.opened_by));
	c.closed_ns = c.answered_ns = c.paused_ns = c.extended_ns = 0;
	memset(c.searches, 0, sizeof(c.searches));
	c.paused_days = 0;
	memset(c.closed_by, 0, sizeof(c.closed_by));
	memset(c.outcome, 0, sizeof(c.outcome));
	return c;
}

static int
act_open(const struct store__doing *d)
{
	struct store_case c = case_new(d), found;
	char detail[STORE__DETAIL_BYTES];
	int r;

	if (!name_sound(c.name))
		return -EINVAL;
	r = store__case_get(d->archive, d->txn, c.name, &found);
	if (r != -ENOENT)
		return r ? r : -EEXIST;
	r = store__case_put(d, &c);
	if (c.kind == STORE_CASE_SAR)
		snprintf(detail, sizeof(detail), "%s", d->act->note);
	else
		snprintf(detail, sizeof(detail), "approved by %s%s%s",
			 c.approver, *c.then ? ", then " : "", c.then);
	return r ? r
		 : store__case_enter(d, c.kind ? "sar open" : "case open",
				     c.name, detail);
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

/** Of each that is or was held for the case. @param fn -ENOENT: not that one */
static int
for_held(const struct store__doing *d,
	 int (*fn)(const struct store__doing *d, const char *id))
{
	struct store__key at = { 0 };
	struct ids ids = { 0 };
	int r;

	store__key_text(&at, d->of.name);
	r = store__cases_walk(d->txn, d->archive->tables.held_for, &at,
			      collect_held, &ids);
	for (size_t i = 0; i < ids.count && r == 0; i++) {
		r = fn(d, ids.ids[i]);
		if (r == -ENOENT)
			r = 0;
		else if (r)
			snprintf(d->failed, STORE_SEGMENT_ID_BYTES, "%s",
				 ids.ids[i]);
	}
	free(ids.ids);
	return r;
}

static int
act_close(struct store__doing *d)
{
	char reason[STORE__DETAIL_BYTES];
	int r = store__case_reason(d, NULL, reason);

	d->reason = reason;
	if (r == 0)
		r = for_held(d, store__hold_end);
	if (r)
		return r;
	d->of.closed_ns = d->act->now_ns;
	d->of.answered_ns = d->act->of.answered_ns;
	memcpy(d->of.closed_by, d->act->actor, sizeof(d->of.closed_by));
	memcpy(d->of.outcome, d->act->reason, sizeof(d->of.outcome));
	r = store__case_put(d, &d->of);
	return r ? r
		 : store__case_enter(d,
				     d->of.kind ? "sar answer" : "case close",
				     d->of.name, reason);
}

size_t
store_case_searches(const struct store_case *found)
{
	size_t n = 0;

	while (n < STORE_SEARCHES_MAX && found->searches[n].time_ns)
		n++;
	return n;
}

/** Of the same time, or a new one. @return NULL: no room */
static struct store_case_search *
search_at(struct store__doing *d)
{
	const struct store_case_search *new = &d->act->of.searches[0];
	const size_t n = store_case_searches(&d->of);

	for (size_t i = 0; i < n; i++)
		if (d->of.searches[i].from_ns == new->from_ns &&
		    d->of.searches[i].to_ns == new->to_ns)
			return &d->of.searches[i];
	return n < STORE_SEARCHES_MAX ? &d->of.searches[n] : NULL;
}

/** Only a hold with a reason, somebody who approves and a day on which it is
 * looked at again lifts a ceiling. */
static int
act_hold(const struct store__doing *d)
{
	const struct store_act *act = d->act;

	if (!*act->reason || !*act->approver || act->review_ns <= act->now_ns)
		return -EINVAL;
	return for_ids(d, act->type == STORE_ACT_HOLD ? store__hold_add
						      : store__hold_review);
}

static int
act_search(struct store__doing *d)
{
	struct store_case_search *at;
	int r = for_ids(d, store__hold_add);

	if (r)
		return r;
	at = search_at(d);
	if (!at)
		return -E2BIG;
	*at = d->act->of.searches[0];
	at->time_ns = d->act->now_ns;
	r = store__case_put(d, &d->of);
	return r ? r
		 : store__case_enter(d, "sar search", d->of.name, d->act->note);
}

static int
act_pause(struct store__doing *d)
{
	const bool pause = d->act->type == STORE_ACT_PAUSE;
	char reason[STORE__DETAIL_BYTES];
	int r;

	if (pause && d->of.paused_ns)
		return -EEXIST;
	if (!pause && !d->of.paused_ns)
		return -EINVAL;
	d->of.paused_ns = pause ? d->act->now_ns : 0;
	if (!pause)
		d->of.paused_days += d->act->of.paused_days;
	r = store__case_put(d, &d->of);
	if (r == 0 && !pause)
		r = for_held(d, store__hold_later);
	if (r == 0)
		r = store__case_reason(d, NULL, reason);
	return r ? r
		 : store__case_enter(d, pause ? "sar pause" : "sar resume",
				     d->of.name, reason);
}

static int
act_extend(struct store__doing *d)
{
	char reason[STORE__DETAIL_BYTES];
	int r;

	if (d->of.extended_ns)
		return -EEXIST;
	d->of.extended_ns = d->act->now_ns;
	r = store__case_put(d, &d->of);
	if (r == 0)
		r = for_held(d, store__hold_later);
	if (r == 0)
		r = store__case_reason(d, NULL, reason);
	return r ? r : store__case_enter(d, "sar extend", d->of.name, reason);
}

/** What was no answer after all. */
static int
act_reopen(struct store__doing *d)
{
	char reason[STORE__DETAIL_BYTES];
	int r;

	if (!d->of.closed_ns)
		return -ESTALE;
	r = for_held(d, store__hold_again);
	if (r)
		return r;
	d->of.closed_ns = d->of.answered_ns = 0;
	memset(d->of.closed_by, 0, sizeof(d->of.closed_by));
	memset(d->of.outcome, 0, sizeof(d->of.outcome));
	r = store__case_put(d, &d->of);
	if (r == 0)
		r = store__case_reason(d, NULL, reason);
	return r ? r : store__case_enter(d, "sar reopen", d->of.name, reason);
}

static int
act_sar(struct store__doing *d)
{
	switch (d->act->type) {
	case STORE_ACT_SEARCH:
		return act_search(d);
	case STORE_ACT_EXTEND:
		return act_extend(d);
	case STORE_ACT_REOPEN:
		return act_reopen(d);
	default:
		return act_pause(d);
	}
}

static int
run(struct store__doing *d)
{
	const enum store_act_type type = d->act->type;
	int r;

	if (type == STORE_ACT_OPEN)
		return act_open(d);
	r = store__case_get(d->archive, d->txn, d->act->of.name, &d->of);
	if (r)
		return r;
	snprintf(d->called, sizeof(d->called), "%s %s",
		 d->of.kind == STORE_CASE_SAR ? "request" : "case", d->of.name);
	if (type >= STORE_ACT_SEARCH && d->of.kind != STORE_CASE_SAR)
		return -EINVAL;
	if (d->of.closed_ns && type != STORE_ACT_REOPEN)
		return -ESTALE;
	switch (type) {
	case STORE_ACT_CLOSE:
		return act_close(d);
	case STORE_ACT_HOLD:
	case STORE_ACT_REVIEW:
		return act_hold(d);
	case STORE_ACT_END:
		return for_ids(d, store__hold_end);
	default:
		return act_sar(d);
	}
}

int
store_act(struct store_archive *archive, const struct store_act *act,
	  char failed[STORE_SEGMENT_ID_BYTES])
{
	struct store__doing d = { .archive = archive,
				  .act = act,
				  .failed = failed };
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
	r = store__case_get(archive, txn, name, found);
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
	r = store__cases_walk(txn, archive->tables.cases, &all, tell_case, &t);
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
	r = store__cases_walk(txn, archive->tables.held_for, &at, collect_held,
			      &ids);
	for (size_t i = 0; i < ids.count && r == 0; i++) {
		at.bytes = 0;
		r = store__segment_id_parse(ids.ids[i], call, &number);
		if (r)
			break;
		store__key_segment(&at, call, number);
		store__key_text(&at, t->name);
		r = store__cases_walk(txn, archive->tables.holds, &at,
				      tell_hold, t);
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
		r = store__cases_walk(txn, archive->tables.holds, &at,
				      tell_hold, &t);
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
	store__held_for_key(&way, hold.name, h->segment);
	k = store__key_val(&way);
	if (store__case_get(h->archive, h->txn, hold.name, &c))
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
	if (store__cases_walk(txn, archive->tables.holds, &at, see_hold, &h) <
	    0)
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

	store__hold_key(&key, segment, name);
	k = store__key_val(&key);
	rc = mdb_del(txn, archive->tables.holds, &k, NULL);
	if (rc && rc != MDB_NOTFOUND)
		return store__index_error(rc);
	store__held_for_key(&key, name, segment);
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
holds_forget(const struct store__doing *d)
{
	struct store_segment segment = { 0 };
	struct store__key at = { 0 };
	struct ids ids = { 0 };
	int r;

	store__key_text(&at, d->of.name);
	if (d->of.kind == STORE_CASE) {
		r = store__cases_walk(d->txn, d->archive->tables.held_for, &at,
				      is_one, NULL);
		return r > 0 ? -EAGAIN : r;
	}
	r = store__cases_walk(d->txn, d->archive->tables.held_for, &at,
			      collect_held, &ids);
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
case_forget(struct store__doing *d, const char *name)
{
	struct store__key key = { 0 };
	MDB_val k;
	int r = store__case_get(d->archive, d->txn, name, &d->of);

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
		 : store__case_enter(d,
				     d->of.kind ? "sar forget" : "case forget",
				     d->of.name, "past its time by the policy");
}

int
store_case_forget(struct store_archive *archive, const char *name,
		  int64_t now_ns, const char *actor)
{
	struct store_act act = { .now_ns = now_ns };
	struct store__doing d = { .archive = archive, .act = &act };
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
	r = store__cases_walk(txn, archive->tables.holds, &at, collect_cases,
			      &names);
	for (size_t i = 0; i < names.count && r == 0; i++)
		r = hold_remove(archive, txn, segment, names.ids[i]);
	free(names.ids);
	return r;
}
