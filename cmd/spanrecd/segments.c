/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Segments of conversations: what begins one, what the policy says of it, and
 * the row that tells of it.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/common/log.h"
#include "cmd/spanrecd/control_priv.h"

#define COPY_TEXT(to, from) copy_text(to, sizeof(to), from)

static void
copy_text(char *to, size_t bytes, const char *from)
{
	size_t n = strnlen(from, bytes - 1);

	memcpy(to, from, n);
	to[n] = '\0';
}

/* A line more, if there is room for all of it. */
#define ADD_LINE(to, line) add_line(to, sizeof(to), line)

static void
add_line(char *to, size_t bytes, const char *line)
{
	size_t n = strlen(to), more = strlen(line);
	char *at = to + n;

	if (n + more + 2 > bytes)
		return;
	if (n)
		*at++ = '\n';
	memcpy(at, line, more + 1);
}

static const enum store_decision decisions[] = {
	[POLICY_RECORD] = STORE_RECORD,
	[POLICY_DROP] = STORE_DROP,
	[POLICY_LISTEN_DENY] = STORE_LISTEN_DENY,
	[POLICY_OUT_OF_SCOPE] = STORE_OUT_OF_SCOPE,
};
static const enum store_route routes[] = {
	[POLICY_IN] = STORE_IN,
	[POLICY_OUT] = STORE_OUT,
	[POLICY_INTERNAL] = STORE_INTERNAL,
	[POLICY_TRANSIT] = STORE_TRANSIT,
};

/* ---- decisions ----------------------------------------------------------- */

static const enum policy_kind kinds[] = {
	[STORE_AGENT] = POLICY_KIND_AGENT,
	[STORE_QUEUE] = POLICY_KIND_QUEUE,
	[STORE_HOLD] = POLICY_KIND_HOLD,
	[STORE_CONSULT] = POLICY_KIND_CONSULT,
	[STORE_TRANSFER] = POLICY_KIND_TRANSFER,
	[STORE_PAYMENT] = POLICY_KIND_PAYMENT,
};

/* Who called a queue talks to nobody yet. */
static enum store_kind
kind_of(const struct control_state *c, const struct control_call *call,
	const struct control_parties *parties)
{
	char number[POLICY_NUMBER_BYTES];

	if (call->kind != STORE_AGENT)
		return call->kind;
	policy_number_normalise(c->policy, parties->name[SIP_CALLEE], number);
	return policy_is_queue(c->policy, number) ? STORE_QUEUE : STORE_AGENT;
}

static void
ask_policy(const struct control_state *c, const struct control_call *call,
	   const struct control_parties *parties,
	   struct policy_verdict *verdict)
{
	struct policy_facts facts = {
		.from = parties->name[SIP_CALLER],
		.to = parties->name[SIP_CALLEE],
		.also = parties->other,
		.also_count = parties->others_count,
		.dialled = parties->dialled,
		.dialled_count = parties->dialled_count,
		.from_logged_in = parties->logged_in[SIP_CALLER],
		.to_logged_in = parties->logged_in[SIP_CALLEE],
		.from_unknown = parties->unknown[SIP_CALLER],
		.to_unknown = parties->unknown[SIP_CALLEE],
		.kind = kinds[kind_of(c, call, parties)],
		.held = call->held,
		.no_signalling = call->orphan,
		.state = &call->family->state,
		.start_ns = call->family->start_ns,
	};

	memcpy(facts.from_addr, parties->addr[SIP_CALLER], 16);
	memcpy(facts.to_addr, parties->addr[SIP_CALLEE], 16);
	policy_decide(c->policy, &facts, verdict);
}

/*
 * The left channel is who is ours. Where both are, or neither is, it is who it
 * was so far.
 */
static void
keep_sides(const struct control_call *call, struct policy_verdict *v)
{
	bool left_is_caller = call->verdict.local_is_caller;

	if (!call->sided || v->local_is_caller == left_is_caller ||
	    v->route == POLICY_IN || v->route == POLICY_OUT)
		return;
	v->local_is_caller = left_is_caller;
	COPY_TEXT(v->local, left_is_caller ? v->from : v->to);
	COPY_TEXT(v->remote, left_is_caller ? v->to : v->from);
	if (v->route == POLICY_TRANSIT)
		v->local[0] = '\0';
}

static int
strictness(enum policy_decision decision)
{
	switch (decision) {
	case POLICY_RECORD:
		return 0;
	case POLICY_LISTEN_DENY:
		return 1;
	default:
		return 2; /* not even stored */
	}
}

/* While the same talk a decision only ever gets stricter: what was left out so
 * far cannot be heard, and who was told that a call is not recorded counts on
 * it. What the policy says of waiting on hold is its own matter. */
static bool
keep_strict(const struct control_call *call, struct policy_verdict *v)
{
	const struct policy_verdict *old = &call->bound[call->held];

	if (!call->is_bound[call->held] ||
	    strictness(v->decision) >= strictness(old->decision))
		return false;
	v->decision = old->decision;
	v->traces = old->traces;
	COPY_TEXT(v->reason, old->reason);
	COPY_TEXT(v->rule, old->rule);
	COPY_TEXT(v->retention, old->retention);
	return true;
}

/* A call that begins while there is no room gives way to those in progress. */
static void
decide_for_room(struct control_state *c, const struct control_call *call,
		struct policy_verdict *v)
{
	if (call->family->segments > 0 || strictness(v->decision) == 2 ||
	    !control__overloaded(c))
		return;
	v->decision = POLICY_DROP;
	COPY_TEXT(v->reason, OVERLOAD_REASON);
	v->rule[0] = v->retention[0] = '\0';
	counter_add(&c->pipeline->control.counters, COUNTER_calls_overload, 1);
	log_warning("%s is not recorded: the recorder does not keep up",
		    call->family->id);
}

/* May the same come of a key? */
static bool
pays_alike(const struct policy_verdict *a, const struct policy_verdict *b)
{
	return a->payments == b->payments && a->opt_out == b->opt_out &&
	       a->route == b->route && a->decision == b->decision;
}

/* @param anew what was decided before does not bind */
static void
decide(struct control_state *c, struct control_call *call,
       const struct control_parties *parties, bool anew, int64_t time_ns)
{
	struct policy_verdict v;

	ask_policy(c, call, parties, &v);
	keep_sides(call, &v);
	if (anew)
		call->is_bound[0] = call->is_bound[1] = false;
	if (!keep_strict(call, &v))
		memcpy(call->policy, c->policy_hash, sizeof(call->policy));
	decide_for_room(c, call, &v);
	if (call->segment && !c->restoring && !pays_alike(&v, &call->verdict)) {
		call->earlier = call->verdict;
		call->decided_ns = time_ns;
	}
	call->verdict = call->bound[call->held] = v;
	call->is_bound[call->held] = true;
	if (call->orphan && !call->sided && strictness(v.decision) == 2)
		counter_add(&c->pipeline->control.counters,
			    COUNTER_orphans_left_out, 1);
	call->sided = true;
}

/* ---- rows ---------------------------------------------------------------- */

/* What the verdict says of the current segment. */
static void
fill_verdict(const struct control_call *call, struct store_segment *row)
{
	const struct policy_verdict *v = &call->verdict;

	snprintf(row->id, sizeof(row->id), "%s-%u", call->family->id,
		 call->segment);
	COPY_TEXT(row->call, call->family->id);
	row->segment = call->segment;
	COPY_TEXT(row->from, v->from);
	COPY_TEXT(row->to, v->to);
	COPY_TEXT(row->local, v->local);
	COPY_TEXT(row->remote, v->remote);
	row->direction = routes[v->route];
	COPY_TEXT(row->area, v->area);
	row->decision = decisions[v->decision];
	COPY_TEXT(row->reason, v->reason);
	COPY_TEXT(row->rule, v->rule);
	memcpy(row->policy, call->policy, sizeof(row->policy));
	COPY_TEXT(row->retention, v->retention);
}

static void
fill_others(const struct control_state *c,
	    const struct control_parties *parties, struct store_segment *row)
{
	char number[POLICY_NUMBER_BYTES];
	uint32_t i;

	row->others[0] = '\0';
	for (i = 0; i < parties->others_count; i++) {
		policy_number_normalise(c->policy, parties->other[i], number);
		ADD_LINE(row->others, number);
	}
}

/* Everything that is known of the current segment. */
static void
make_head(const struct control_state *c, struct control_call *call,
	  const struct control_parties *parties, int64_t start_ns)
{
	const struct sip_identity *from = parties->end[SIP_CALLER];
	const struct sip_identity *to = parties->end[SIP_CALLEE];
	struct store_segment row;

	memset(&row, 0, sizeof(row));
	fill_verdict(call, &row);
	row.kind = kind_of(c, call, parties);
	call->in_queue = row.kind == STORE_QUEUE;
	if (call->held)
		row.kind = STORE_HOLD;
	COPY_TEXT(row.began, call->began);
	row.call_start_ns = call->family->start_ns;
	row.start_ns = start_ns;
	row.answer_ns = call->answer_ns;
	row.state = STORE_STATE_NONE;
	COPY_TEXT(row.from_sent, control__name_sent(from));
	COPY_TEXT(row.to_sent, control__name_sent(to));
	COPY_TEXT(row.from_name, from->display);
	COPY_TEXT(row.to_name, to->display);
	fill_others(c, parties, &row);
	COPY_TEXT(row.sip_call_ids, call->sip_call_ids);
	if (call->verdict.traces != POLICY_TRACES_FULL)
		store_segment_strip(&row);
	memcpy(call->head, &row, SEGMENT_HEAD_BYTES);
}

static bool
has_line(const char *lines, const char *line)
{
	size_t n = strlen(line);
	const char *at = lines;

	while ((at = strstr(at, line))) {
		if ((at == lines || at[-1] == '\n') &&
		    (at[n] == '\n' || at[n] == '\0'))
			return true;
		at += n;
	}
	return false;
}

static void
note_call_ids(struct control_call *call, bool only_those_now)
{
	const struct control_leg *leg;

	if (only_those_now)
		call->sip_call_ids[0] = '\0';
	for (leg = call->orphan ? NULL : call->legs; leg; leg = leg->next)
		if (!has_line(call->sip_call_ids, leg->sip->call_id))
			ADD_LINE(call->sip_call_ids, leg->sip->call_id);
}

/* ---- segments ------------------------------------------------------------ */

static int64_t
start_of(const struct control_call *call)
{
	struct store_segment row;

	memcpy(&row, call->head, SEGMENT_HEAD_BYTES);
	return row.start_ns;
}

static enum store_decision
decision_of(const struct control_call *call)
{
	struct store_segment row;

	memcpy(&row, call->head, SEGMENT_HEAD_BYTES);
	return row.decision;
}

/* The ledger knows when a call was decided otherwise. Not where nothing may be
 * left of it. */
static void
note_change(struct control_state *c, const struct control_call *call,
	    enum store_decision before)
{
	const struct policy_verdict *v = &call->verdict;
	char detail[256], hex[2 * STORE_HASH_BYTES + 1];
	struct store_segment row;

	memcpy(&row, call->head, SEGMENT_HEAD_BYTES);
	if (row.decision == before || v->traces != POLICY_TRACES_FULL)
		return;
	store_hex(hex, row.policy, STORE_HASH_BYTES);
	snprintf(detail, sizeof(detail),
		 "%s after %s: %s%s%s%s (%s), policy %.16s",
		 store_decision_name(row.decision), store_decision_name(before),
		 row.reason, *row.rule ? " by '" : "", row.rule,
		 *row.rule ? "'" : "", row.began, hex);
	(void)control__ledger(c, "spanrecd", "decision", row.id, detail);
}

static void
begin(struct control_state *c, struct control_call *call,
      const struct control_parties *parties, struct control_cause cause,
      int64_t time_ns)
{
	enum store_decision before = decision_of(call);
	bool first = call->segment == 0;
	/* Several causes at one moment begin one segment. */
	bool same = !first && start_of(call) == time_ns;

	if (!same)
		call->segment = ++call->family->segments;
	if (cause.by)
		snprintf(call->began, sizeof(call->began), "%s: %s", cause.what,
			 cause.by);
	else
		COPY_TEXT(call->began, cause.what);
	/* What is decided anew is not decided of before. */
	if (!same || strictness(call->verdict.decision) == 2)
		call->before.count = 0;
	note_call_ids(call, true);
	make_head(c, call, parties, time_ns);
	if (!first)
		note_change(c, call, before);
	if (first) {
		struct store_segment row;

		memcpy(&row, call->head, SEGMENT_HEAD_BYTES);
		COPY_TEXT(call->key, row.id);
	}
	control__tell_head(c, call, same ? WRITER_UPDATE : WRITER_SEGMENT,
			   false, time_ns);
	if (first)
		control__state_tell(c, call);
}

/* Who must not be recorded may be heard of before he comes: as far as audio
 * waits what was said then is left out too. Of what was not recorded anyway
 * nothing was said.
 *
 * @param before what was decided about the current segment */
static int64_t
reach_back(const struct control_call *call, enum policy_decision before,
	   int64_t time_ns)
{
	int64_t from_ns = time_ns - call->verdict.reach_ns;

	if (call->segment == 0 || strictness(before) == 2)
		return time_ns;
	return from_ns > start_of(call) ? from_ns : start_of(call);
}

/* What was recorded of the current segment may have to be taken back.
 *
 * @param before, now what was and is decided about it */
static void
update(struct control_state *c, struct control_call *call,
       enum policy_decision before, enum policy_decision now, int64_t time_ns)
{
	control__tell_head(c, call, WRITER_UPDATE, false, time_ns);
	if (strictness(now) == 2 && strictness(before) < 2)
		control__live_take_back(c, call);
}

void
control__segment_begin(struct control_state *c, struct control_call *call,
		       struct control_cause cause, int64_t time_ns)
{
	enum policy_decision before = call->verdict.decision;
	struct control_parties parties;

	control__legs_prune(call);
	control__parties(c, call, &parties);
	decide(c, call, &parties, cause.anew, time_ns);
	if (call->verdict.reach_ns)
		time_ns = reach_back(call, before, time_ns);
	begin(c, call, &parties, cause, time_ns);
}

void
control__segment_reached(struct control_state *c, struct control_call *call,
			 struct control_cause cause, int64_t time_ns)
{
	enum policy_decision before = call->verdict.decision;
	struct control_parties parties;

	control__parties(c, call, &parties);
	decide(c, call, &parties, true, time_ns);
	if (strictness(call->verdict.decision) < strictness(before)) {
		begin(c, call, &parties, cause, time_ns);
		return;
	}
	note_call_ids(call, false);
	make_head(c, call, &parties, start_of(call));
	update(c, call, before, call->verdict.decision, time_ns);
}

void
control__segment_update(struct control_state *c, struct control_call *call,
			bool again, int64_t time_ns)
{
	enum policy_decision before = call->verdict.decision;
	struct control_parties parties;

	control__parties(c, call, &parties);
	if (again)
		decide(c, call, &parties, false, time_ns);
	note_call_ids(call, false);
	make_head(c, call, &parties, start_of(call));
	update(c, call, before, call->verdict.decision, time_ns);
}

/* For as long, and for the same? */
static bool
waits_alike(const struct policy_verdict *a, const struct policy_verdict *b)
{
	return a->lookback_ns == b->lookback_ns && a->tones == b->tones &&
	       a->announcement_ns == b->announcement_ns;
}

void
control__segment_review(struct control_state *c, struct control_call *call,
			struct control_cause cause, int64_t time_ns)
{
	const struct policy_verdict before = call->verdict;
	const struct policy_verdict *now = &call->verdict;
	struct control_parties parties;

	control__parties(c, call, &parties);
	decide(c, call, &parties, false, time_ns);
	if (strictness(now->decision) > strictness(before.decision)) {
		begin(c, call, &parties, cause,
		      reach_back(call, before.decision, time_ns));
		return;
	}
	if (now->traces == before.traces && waits_alike(now, &before))
		return;
	if (now->traces != before.traces)
		make_head(c, call, &parties, start_of(call));
	control__tell_head(c, call, WRITER_UPDATE, false, time_ns);
}

/*
 * It was taken for a talk, and may have been decided otherwise: then it is
 * taken back. Who was talked to is who was shown in it, not who has answered
 * now.
 */
void
control__segment_was_queue(struct control_state *c, struct control_call *call,
			   int64_t time_ns)
{
	struct policy_verdict talk = call->verdict, queue;
	struct control_parties parties;
	struct store_segment row = { 0 };

	control__parties(c, call, &parties);
	parties.name[SIP_CALLER] = talk.from;
	parties.name[SIP_CALLEE] = talk.to;
	/* Whoever else there was then has been decided about. */
	parties.others_count = parties.dialled_count = 0;
	call->kind = STORE_QUEUE;
	ask_policy(c, call, &parties, &queue);
	call->kind = STORE_AGENT;
	memcpy(&row, call->head, SEGMENT_HEAD_BYTES);
	row.kind = STORE_QUEUE;
	if (strictness(queue.decision) > strictness(talk.decision)) {
		row.decision = decisions[queue.decision];
		COPY_TEXT(row.reason, queue.reason);
		COPY_TEXT(row.rule, queue.rule);
		COPY_TEXT(row.retention, queue.retention);
	}
	memcpy(call->head, &row, SEGMENT_HEAD_BYTES);
	update(c, call, talk.decision, queue.decision, time_ns);
}

void
control__segment_stop(struct control_state *c, struct control_call *call,
		      struct control_cause cause, bool payment, int64_t from_ns)
{
	int64_t start_ns = start_of(call);

	/* It has not begun, or is left out for a payment already. */
	if (!call->segment ||
	    (payment && strcmp(call->verdict.reason, "payment") == 0))
		return;
	if (payment)
		call->kind = STORE_PAYMENT;
	control__segment_begin(c, call, cause,
			       from_ns > start_ns ? from_ns : start_ns);
}

void
control__decide_again(struct control_state *c)
{
	const struct control_cause cause = { .what = "policy" };
	struct control_past *past;
	struct control_call *call;

	for (call = c->calls; call; call = call->hh.next)
		control__segment_review(c, call, cause, c->published_ns + 1);
	/* Which payments a conversation that is over may come to is not known
	 * by the new policy: to any of them. */
	for (past = c->past; past; past = past->hh.next)
		past->verdict.payments = UINT32_MAX;
}

/* ---- from an earlier run ------------------------------------------------- */

/* The verdict that a row tells of. */
static void
read_verdict(struct control_call *call, const struct control_saved *saved)
{
	const struct store_segment *row = &saved->row;
	struct policy_verdict *v = &call->verdict;
	uint32_t i;

	v->decision = POLICY_DROP;
	for (i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++)
		if (decisions[i] == row->decision)
			v->decision = (enum policy_decision)i;
	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (routes[i] == row->direction)
			v->route = (enum policy_route)i;
	v->local_is_caller = control__saved_local_is_caller(saved);
	COPY_TEXT(v->from, row->from);
	COPY_TEXT(v->to, row->to);
	COPY_TEXT(v->local, row->local);
	COPY_TEXT(v->remote, row->remote);
	COPY_TEXT(v->area, row->area);
	COPY_TEXT(v->reason, row->reason);
	COPY_TEXT(v->rule, row->rule);
	COPY_TEXT(v->retention, row->retention);
	memcpy(call->policy, row->policy, sizeof(call->policy));
}

void
control__segment_go_on(struct control_state *c, struct control_call *call,
		       int64_t time_ns)
{
	const struct control_saved *saved = c->restoring;
	struct control_parties parties;
	struct store_segment row = saved->row;
	int64_t start_ns = saved->recorded ? time_ns : row.start_ns;

	call->segment = row.segment;
	call->kind = control__saved_kind(saved);
	call->reached = control__saved_reached(saved);
	call->answer_ns = row.answer_ns;
	COPY_TEXT(call->key, saved->key);
	COPY_TEXT(call->began, row.began);
	COPY_TEXT(call->sip_call_ids, row.sip_call_ids);
	read_verdict(call, saved);
	call->bound[call->held] = call->verdict;
	call->is_bound[call->held] = true;
	control__parties(c, call, &parties);
	decide(c, call, &parties, false, time_ns);
	if (strictness(call->verdict.decision) < 2)
		control__saved_before(saved, &call->before);
	make_head(c, call, &parties, start_ns);
	control__tell_head(c, call, WRITER_SEGMENT, saved->recorded, time_ns);
	control__saved_streams(saved, &call->streams);
	call->sip_ns = control__saved_sip_ns(saved);
	control__tell_doubt(c, call, WRITER_DOUBT, time_ns);
	control__state_tell(c, call);
}
