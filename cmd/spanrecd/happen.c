/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What happens in a call that the policy has a say in: keys, headers of SIP,
 * who is asked to be called, holds, what somebody asks for by hand, and time.
 * The policy says what comes of it (policy/call.c); here it is done, for all
 * conversations of the call.
 *
 * What is told to a writer stands in its ring behind all that was told before,
 * but holds from the moment on that it names: audio waits at the writer for as
 * long as anything may reach back.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "cmd/common/log.h"
#include "cmd/spanrecd/control_priv.h"

#define COUNT_ONE(c, name)                                                     \
	counter_add(&(c)->pipeline->control.counters, COUNTER_##name, 1)

static enum store_reason
reason_of(const struct policy_state *state)
{
	return state->pause == POLICY_PAUSED_FOR_PAYMENT ? STORE_REASON_payment
							 : STORE_REASON_paused;
}

/* Also of those that are over: their last seconds may not be sealed yet. */
static void
tell_all(struct control_state *c, const struct control_family *family,
	 enum writer_event_type type, int64_t at_ns)
{
	enum store_reason reason = reason_of(&family->state);
	const struct control_call *call;
	const struct control_past *past;

	DL_FOREACH(family->first, call)
	{
		control__tell_pause(c, call->number, call->writer, type, reason,
				    at_ns);
	}
	for (past = family->past ? c->past : NULL; past; past = past->hh.next)
		if (past->family == family)
			control__tell_pause(c, past->number, past->writer, type,
					    reason, at_ns);
}

/* @param id of what goes: the call itself, or one that became part of it */
static void
discard_of(struct control_state *c, const struct control_family *family,
	   const char id[STORE_CALL_ID_BYTES])
{
	const struct control_call *call;
	const struct control_past *past;

	DL_FOREACH(family->first, call)
	{
		control__tell_discard(c, call->number, call->writer, id);
	}
	for (past = family->past ? c->past : NULL; past; past = past->hh.next)
		if (past->family == family)
			control__tell_discard(c, past->number, past->writer,
					      id);
}

static void
discard_all(struct control_state *c, const struct control_family *family)
{
	const struct control_part *part;
	struct control_family *joined;

	discard_of(c, family, family->id);
	for (part = family->parts; part; part = part->next) {
		HASH_FIND_STR(c->families, part->id, joined);
		discard_of(c, joined ? joined : family, part->id);
	}
}

static void
keep_all(struct control_state *c, const struct control_family *family)
{
	struct control_call *call;

	DL_FOREACH(family->first, call)
	{
		control__live_change(c, call);
	}
}

/* ---- what is done -------------------------------------------------------- */

/* A control has failed: this must not stay unseen. */
static void
raise_alarm(struct control_state *c, const struct control_family *family)
{
	char detail[256];

	COUNT_ONE(c, card_numbers);
	log_error("%s: a card number was keyed while the call was recorded; "
		  "nothing had paused it",
		  family->id);
	snprintf(detail, sizeof(detail),
		 "keyed while the call was recorded; it is left out from then "
		 "on, by '%s'",
		 family->state.rule);
	(void)control__ledger(c, "spanrecd", "card-number", family->id, detail);
}

/* For good: what follows is no pause, but a part of the call that is not
 * recorded. It begins where the look-back does. */
static void
decide_all(struct control_state *c, struct control_family *family,
	   int64_t from_ns)
{
	const struct policy_state *state = &family->state;
	bool payment = state->pause == POLICY_PAUSED_FOR_PAYMENT;
	const struct control_cause cause = {
		.what = payment ? "payment" : "opt-out",
		.by = payment ? state->by : "keys",
	};
	struct control_call *call;

	DL_FOREACH(family->first, call)
	{
		control__segment_stop(c, call, cause, payment, from_ns);
	}
}

static void
discard(struct control_state *c, struct control_family *family)
{
	COUNT_ONE(c, opt_outs);
	log_info("%s was opted out of: what was recorded of it is destroyed",
		 family->id);
	discard_all(c, family);
}

/* @param over nobody talks any more: no segment begins */
static void
act(struct control_state *c, struct control_family *family,
    const struct policy_event *event, const struct policy_effect *effect,
    bool over)
{
	if (effect->paused) {
		COUNT_ONE(c, pauses);
		tell_all(c, family, WRITER_PAUSE, effect->from_ns);
	}
	if (effect->resumed)
		tell_all(c, family, WRITER_RESUME, effect->from_ns);
	if (effect->pending)
		tell_all(c, family, WRITER_HOLD, 0);
	if (effect->released) {
		COUNT_ONE(c, opt_out_returns);
		tell_all(c, family, WRITER_RELEASE, 0);
	}
	if (effect->card_number)
		raise_alarm(c, family);
	if (effect->decide && !over)
		decide_all(c, family,
			   effect->paused ? effect->from_ns : event->time_ns);
	if (effect->discard)
		discard(c, family);
	if (effect->changed)
		keep_all(c, family);
}

static bool
tell_policy(struct control_state *c, struct control_family *family,
	    const struct policy_verdict *verdict,
	    const struct policy_event *event, bool over)
{
	struct policy_effect effect;

	policy_call_event(c->policy, verdict, event, &family->state,
			  &family->keys, &effect);
	act(c, family, event, &effect, over);
	return !effect.refused;
}

bool
control__happened(struct control_state *c, struct control_family *family,
		  const struct policy_verdict *verdict,
		  const struct policy_event *event)
{
	const struct policy_event passed = { .type = POLICY_EVENT_TIME,
					     .time_ns = event->time_ns };

	bool over = event->type == POLICY_EVENT_END;

	/* What time alone does comes first. */
	if (policy_call_due(&family->state) <= event->time_ns)
		(void)tell_policy(c, family, verdict, &passed, over);
	return tell_policy(c, family, verdict, event, over);
}

/* ---- what happens -------------------------------------------------------- */

/* Is who stands at an end one of ours? */
static bool
is_inside(const struct policy_verdict *verdict, enum sip_party end)
{
	switch (verdict->route) {
	case POLICY_IN:
		return end == SIP_CALLEE;
	case POLICY_OUT:
		return end == SIP_CALLER;
	case POLICY_INTERNAL:
		return true;
	case POLICY_TRANSIT:
		break;
	}
	return false;
}

/* Digits are keyed, or no more: until it is known whether they are a card
 * number nothing since their beginning is sealed. */
static void
watch_digits(struct control_state *c, struct control_family *family,
	     int64_t now_ns)
{
	int64_t since_ns = policy_keys_since(c->policy, &family->keys, now_ns);

	if (since_ns == family->since_ns)
		return;
	family->since_ns = since_ns;
	tell_all(c, family, WRITER_KEEP, since_ns);
}

/* A key that turns up when all is over: so is what came of it. */
static void
key_of_past(struct control_state *c, uint64_t number,
	    struct policy_event *event, enum sip_party end)
{
	const struct policy_event over = { .type = POLICY_EVENT_END,
					   .time_ns = event->time_ns };
	struct control_past *past = control__past_find(c, number);

	if (!past)
		return;
	event->inside = is_inside(&past->verdict, end);
	(void)control__happened(c, past->family, &past->verdict, event);
	watch_digits(c, past->family, event->time_ns);
	if (!past->family->first)
		(void)control__happened(c, past->family, &past->verdict, &over);
}

/* Keys are heard of a moment after SIP of the same time. */
static const struct policy_verdict *
verdict_at(const struct control_call *call, int64_t time_ns)
{
	return time_ns < call->decided_ns ? &call->earlier : &call->verdict;
}

void
control__key_pressed(struct control_state *c, uint64_t number,
		     const struct key_report *report)
{
	struct control_call *call = control__call_find(c, number);
	struct policy_event event = { .type = POLICY_EVENT_KEY,
				      .time_ns = report->time_ns,
				      .key = report->key };

	COUNT_ONE(c, keys);
	if (call) {
		const struct policy_verdict *verdict =
		    verdict_at(call, event.time_ns);

		event.inside = is_inside(verdict, report->end);
		(void)control__happened(c, call->family, verdict, &event);
		watch_digits(c, call->family, event.time_ns);
	} else {
		key_of_past(c, number, &event, report->end);
	}
	explicit_bzero(&event, sizeof(event));
}

void
control__target_asked(struct control_state *c, struct control_call *call,
		      const char *user, int64_t time_ns)
{
	const struct policy_event event = { .type = POLICY_EVENT_TARGET,
					    .time_ns = time_ns,
					    .value = user };

	(void)control__happened(c, call->family, &call->verdict, &event);
}

void
control__header_seen(struct control_state *c, struct control_call *call,
		     const struct sip_event *event)
{
	enum sip_party end = sip_end(event->call, event->party);
	const struct policy_event told = {
		.type = event->header->info ? POLICY_EVENT_INFO
					    : POLICY_EVENT_HEADER,
		.time_ns = event->time_ns,
		.inside = is_inside(&call->verdict, end),
		.name = event->header->name,
		.value = event->header->value,
	};

	(void)control__happened(c, call->family, &call->verdict, &told);
}

_Static_assert(2 * POLICY_PAYMENTS_MAX <= SIP_WATCH_MAX, "all are looked for");

void
control__watch(struct control_state *c)
{
	const char *names[2 * POLICY_PAYMENTS_MAX];
	uint32_t count = policy_watched(c->policy, names);

	if (sip_tracker_watch(c->tracker, names, count) < 0)
		log_error("the headers that the policy names are not looked "
			  "for: one is too long");
}

void
control__put_on_hold(struct control_state *c, struct control_call *call,
		     enum sip_party end, int64_t time_ns)
{
	const struct policy_event event = { .type = POLICY_EVENT_HOLD,
					    .time_ns = time_ns,
					    .inside = is_inside(&call->verdict,
								end) };

	(void)control__happened(c, call->family, &call->verdict, &event);
}

/* Who asks by hand names no conversation: what may be paid in any of them. */
static struct policy_verdict
verdict_of_all(const struct control_family *family)
{
	struct policy_verdict all = family->first->verdict;
	const struct control_call *call;

	DL_FOREACH(family->first, call)
	all.payments |= call->verdict.payments;
	return all;
}

bool
control__pause(struct control_state *c, struct control_family *family,
	       bool pause)
{
	const struct policy_verdict verdict = verdict_of_all(family);
	int64_t now_ns = control__wire_ns(c);
	struct policy_event event = { .type = pause ? POLICY_EVENT_PAUSE
						    : POLICY_EVENT_RESUME };

	/* No writer has taken a frame later than the one, or will leave one
	 * out that is later than the other. */
	if (pause)
		event.time_ns =
		    c->published_ns - c->pipeline->times.window_ns + 1;
	else
		event.time_ns =
		    now_ns > c->published_ns ? now_ns : c->published_ns + 1;
	return control__happened(c, family, &verdict, &event);
}

void
control__time_passed(struct control_state *c, int64_t time_ns)
{
	const struct policy_event event = { .type = POLICY_EVENT_TIME,
					    .time_ns = time_ns };
	struct control_family *family, *next;

	HASH_ITER (hh, c->families, family, next) {
		const struct control_call *call = family->first;

		if (call && policy_call_due(&family->state) <= time_ns)
			(void)control__happened(c, family, &call->verdict,
						&event);
		if (call && family->since_ns != INT64_MAX)
			watch_digits(c, family, time_ns);
		policy_keys_expire(&family->keys, time_ns);
	}
}

void
control__call_ends(struct control_state *c, const struct control_call *call,
		   int64_t time_ns)
{
	const struct policy_event event = { .type = POLICY_EVENT_END,
					    .time_ns = time_ns };

	/* Others of its conversations may go on. */
	if (call->family->first == call && !call->next)
		(void)control__happened(c, call->family, &call->verdict,
					&event);
}

/* ---- states -------------------------------------------------------------- */

static int
strictness(const struct policy_state *state)
{
	if (state->for_good)
		return 3;
	if (state->pause == POLICY_PAUSED_FOR_PAYMENT)
		return 2;
	return state->pause == POLICY_PAUSED_BY_HAND;
}

/* Of two pauses that holds which lasts longest, and both reach back. */
static void
pause_joined(struct control_state *c, const struct control_family *from,
	     struct control_family *to)
{
	const struct policy_state *joins = &from->state;
	struct policy_state *state = &to->state;
	struct policy_state both =
	    strictness(joins) > strictness(state) ? *joins : *state;

	if (from->keys.paid_ns > to->keys.paid_ns)
		to->keys.paid_ns = from->keys.paid_ns;
	if (!joins->pause)
		return;
	if (state->pause) {
		if (joins->paused_ns < state->paused_ns)
			both.paused_ns = joins->paused_ns;
		else
			both.paused_ns = state->paused_ns;
		if (!joins->resume_ns || !state->resume_ns)
			both.resume_ns = 0;
		else if (joins->resume_ns > state->resume_ns)
			both.resume_ns = joins->resume_ns;
		else
			both.resume_ns = state->resume_ns;
	}
	both.opt = state->opt;
	both.opt_ns = state->opt_ns;
	both.returns = state->returns;
	*state = both;
	tell_all(c, to, WRITER_PAUSE, joins->paused_ns);
}

/* Who opts out of the one opts out of all that turned out to be of it. */
static void
note_part(const struct control_family *from, struct control_family *to)
{
	struct control_part *part;

	for (part = to->parts; part; part = part->next)
		if (strcmp(part->id, from->id) == 0)
			return;
	part = calloc(1, sizeof(*part));
	if (!part) {
		log_error("out of memory: %s is not known to be of %s",
			  from->id, to->id);
		return;
	}
	memcpy(part->id, from->id, sizeof(part->id));
	part->next = to->parts;
	to->parts = part;
}

void
control__state_joined(struct control_state *c,
		      const struct control_family *from,
		      struct control_family *to)
{
	const struct policy_state *joins = &from->state;
	struct policy_state *state = &to->state;
	enum policy_opt opt = state->opt;

	if (from == to)
		return;
	note_part(from, to);
	if (joins->opt > state->opt) {
		state->opt = joins->opt;
		state->opt_ns = joins->opt_ns;
	}
	pause_joined(c, from, to);
	if (state->opt == POLICY_OPT_OUT)
		discard_all(c, to);
	else if (state->opt != opt)
		tell_all(c, to, WRITER_HOLD, 0);
	keep_all(c, to);
}

void
control__state_tell(struct control_state *c, const struct control_call *call)
{
	const struct policy_state *state = &call->family->state;

	/* Also for what came before it began: RTP before its SDP. */
	if (state->pause)
		control__tell_pause(c, call->number, call->writer, WRITER_PAUSE,
				    reason_of(state), state->paused_ns);
	if (state->opt == POLICY_OPT_PENDING)
		control__tell_pause(c, call->number, call->writer, WRITER_HOLD,
				    reason_of(state), 0);
	if (call->family->since_ns != INT64_MAX)
		control__tell_pause(c, call->number, call->writer, WRITER_KEEP,
				    reason_of(state), call->family->since_ns);
	/* An earlier run may have had no time to do all of it. */
	if (state->opt == POLICY_OPT_OUT)
		control__tell_discard(c, call->number, call->writer,
				      call->family->id);
}
