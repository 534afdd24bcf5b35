/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Conversations, as the control thread knows them: SIP calls that are legs of
 * one are one conversation, and conversations that follow one another, or run
 * side by side while one is held, are one call with one id. Its segments are
 * numbered through all of them.
 *
 * A segment begins with a conversation, with each hold and its end, and where
 * somebody takes another's place: by a transfer, or since a switch called on
 * and its new leg is answered.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "cmd/common/log.h"
#include "cmd/spanrecd/control_priv.h"
#include "sip/registrar.h"

/* Ids hold the second of the start: only calls that began this close to each
 * other can get the same one within a run. */
static const int64_t ID_MEMORY_NS = 10 * 1000000000LL;
/* Who is answered so long before his switch reaches somebody was in a queue. */
static const int64_t QUEUE_NS = 1000000000LL;
/* So long after a conversation another may follow it: as long as the tracker
 * waits for who was referred. */
static const int64_t PAST_NS = 64 * 1000000000LL;

struct control_call *
control__call_find(const struct control_state *c, uint64_t number)
{
	struct control_call *call;

	HASH_FIND (hh, c->calls, &number, sizeof(number), call)
		;
	return call;
}

/* ---- ids ----------------------------------------------------------------- */

static void
forget_ids(struct control_state *c, int64_t before_ns)
{
	while (c->oldest && c->oldest->start_ns < before_ns) {
		struct given_id *id = c->oldest;

		c->oldest = id->next;
		if (!c->oldest)
			c->newest = NULL;
		HASH_DEL(c->ids, id); /* NOLINT: uthash confuses it */
		free(id);
	}
}

static bool
id_taken(struct control_state *c, const char *id)
{
	struct given_id *given;

	HASH_FIND_STR(c->ids, id, given);
	if (given)
		return true;
	if (store_call_exists(c->pipeline->config.archive, id) <= 0)
		return false;
	counter_add(&c->pipeline->control.counters, COUNTER_calls_again, 1);
	return true;
}

static int
give_id(struct control_state *c, struct control_family *family,
	const struct sip_call *sip)
{
	struct given_id *given;
	uint32_t bump = 0;

	forget_ids(c, sip->start_ns - ID_MEMORY_NS);
	do {
		store_call_id_make(family->id, sip->start_ns, sip->call_id,
				   sip->from_tag, bump++);
	} while (id_taken(c, family->id));
	given = calloc(1, sizeof(*given));
	if (!given)
		return -ENOMEM;
	given->start_ns = sip->start_ns;
	memcpy(given->id, family->id, sizeof(given->id));
	HASH_ADD_STR(c->ids, id, given);
	if (c->newest)
		c->newest->next = given;
	else
		c->oldest = given;
	c->newest = given;
	return 0;
}

/* ---- families, conversations, legs --------------------------------------- */

static struct control_leg *
find_leg(const struct control_state *c, uint64_t number)
{
	struct control_leg *leg;

	HASH_FIND (hh, c->legs, &number, sizeof(number), leg)
		;
	return leg;
}

static void
family_release(struct control_state *c, struct control_family *family)
{
	if (family->first || family->past)
		return;
	HASH_DEL(c->families, family);
	policy_keys_wipe(&family->keys);
	while (family->parts) {
		struct control_part *part = family->parts;

		family->parts = part->next;
		free(part);
	}
	free(family);
}

/* The call that is brought back may have other conversations already. */
static struct control_family *
family_again(struct control_state *c)
{
	const struct control_saved *saved = c->restoring;
	struct control_family *family;

	HASH_FIND_STR(c->families, saved->row.call, family);
	if (family) {
		if (saved->row.segment > family->segments)
			family->segments = saved->row.segment;
		return family;
	}
	family = calloc(1, sizeof(*family));
	if (!family)
		return NULL;
	memcpy(family->id, saved->row.call, sizeof(family->id));
	family->segments = saved->row.segment;
	family->start_ns = saved->row.call_start_ns;
	family->since_ns = INT64_MAX;
	control__saved_state(saved, &family->state);
	HASH_ADD_STR(c->families, id, family);
	return family;
}

static void
past_forget(struct control_state *c, int64_t before_ns)
{
	struct control_past *past, *next;

	HASH_ITER (hh, c->past, past, next) {
		struct control_family *family = past->family;

		if (past->until_ns >= before_ns)
			return;
		HASH_DEL(c->past, past);
		free(past);
		family->past--;
		family_release(c, family);
	}
}

/* Out of memory it cannot be followed. */
static void
past_add(struct control_state *c, const struct control_call *call,
	 int64_t time_ns)
{
	struct control_past *past = calloc(1, sizeof(*past));

	if (!past)
		return;
	past->number = call->number;
	past->family = call->family;
	past->writer = call->writer;
	past->verdict = call->verdict;
	past->until_ns = time_ns + PAST_NS;
	HASH_ADD(hh, c->past, number, sizeof(past->number), past);
	call->family->past++;
}

struct control_past *
control__past_find(const struct control_state *c, uint64_t conversation)
{
	struct control_past *past;

	HASH_FIND (hh, c->past, &conversation, sizeof(conversation), past)
		;
	return past;
}

/* @return NULL: no such conversation, or it was over long ago */
static struct control_family *
family_of(const struct control_state *c, uint64_t conversation)
{
	const struct control_call *call = control__call_find(c, conversation);
	const struct control_past *past;

	if (call)
		return call->family;
	past = control__past_find(c, conversation);
	return past ? past->family : NULL;
}

/* That of the conversation which a new one follows, or one of its own. */
static struct control_family *
family_for(struct control_state *c, const struct sip_event *event)
{
	struct control_family *family = NULL;

	if (c->restoring)
		return family_again(c);
	if (event->link)
		family = family_of(c, event->link->with);
	if (family)
		return family;
	family = calloc(1, sizeof(*family));
	if (!family)
		return NULL;
	if (give_id(c, family, event->call) < 0) {
		free(family);
		return NULL;
	}
	family->start_ns = event->call->start_ns;
	family->since_ns = INT64_MAX;
	HASH_ADD_STR(c->families, id, family);
	return family;
}

static struct control_call *
call_new(struct control_state *c, const struct sip_event *event)
{
	struct control_call *call = calloc(1, sizeof(*call));
	struct control_family *family = call ? family_for(c, event) : NULL;

	if (!family) {
		free(call);
		return NULL;
	}
	call->number = event->call->conversation;
	call->writer = (uint32_t)(call->number % c->pipeline->writers_count);
	call->family = family;
	call->kind = STORE_AGENT;
	call->orphan = control__is_orphan(call->number);
	DL_APPEND(family->first, call);
	HASH_ADD(hh, c->calls, number, sizeof(call->number), call);
	return call;
}

static void
leg_free(struct control_leg *leg)
{
	DL_DELETE(leg->call->legs, leg);
	free(leg->gone);
	free(leg);
}

void
control__legs_prune(struct control_call *call)
{
	struct control_leg *leg, *next;

	DL_FOREACH_SAFE(call->legs, leg, next)
	{
		if (leg->gone)
			leg_free(leg);
	}
}

/* Has a conversation legs that live? */
static bool
has_legs(const struct control_call *call)
{
	const struct control_leg *leg;

	for (leg = call->legs; leg; leg = leg->next)
		if (!leg->gone)
			return true;
	return false;
}

/* The leg is over, but who talked over it is still who is heard in the current
 * segment. */
static void
leg_gone(struct control_state *c, struct control_leg *leg)
{
	HASH_DEL(c->legs, leg);
	leg->gone = malloc(sizeof(*leg->gone));
	if (!leg->gone) {
		leg_free(leg);
		return;
	}
	*leg->gone = *leg->sip;
	leg->sip = leg->gone;
}

static void
call_free(struct control_state *c, struct control_call *call)
{
	struct control_family *family = call->family;

	control__live_forget(c, call);
	control__legs_prune(call);
	DL_DELETE(family->first, call);
	HASH_DEL(c->calls, call);
	free(call);
	family_release(c, family);
}

/* Of a call that is brought back: how a party was named, if not by a number. */
static const char *
registered_before(const struct control_state *c, const struct control_leg *leg,
		  enum sip_party party)
{
	const struct store_segment *row = &c->restoring->row;
	char number[POLICY_NUMBER_BYTES];

	policy_number_normalise(
	    c->policy, control__name_sent(&leg->sip->party[party]), number);
	if (policy_is_number(number))
		return "";
	return sip_end(leg->sip, party) == SIP_CALLER ? row->from : row->to;
}

/* Who is logged in at the addresses that the parties send from. */
static void
note_registered(const struct control_state *c, struct control_leg *leg)
{
	const struct sip_registrar *registrar =
	    sip_tracker_registrar_peek(c->tracker);
	const struct sip_registration *one;
	const char *user;
	int party;

	for (party = SIP_CALLER; party <= SIP_CALLEE; party++) {
		one = sip_registrar_find_address(registrar,
						 &leg->sip->signalling[party]);
		user = one ? one->user : "";
		if (c->restoring)
			user = registered_before(c, leg, (enum sip_party)party);
		snprintf(leg->registered[party], sizeof(leg->registered[0]),
			 "%s", user);
	}
}

static struct control_leg *
leg_new(struct control_state *c, struct control_call *call,
	const struct sip_event *event)
{
	struct control_leg *leg = calloc(1, sizeof(*leg));

	if (!leg)
		return NULL;
	leg->number = c->last_leg = event->call->number;
	leg->sip = event->call;
	leg->call = call;
	leg->counts = !call->legs || event->call->answer_ns;
	leg->newcomer = -1;
	note_registered(c, leg);
	DL_APPEND(call->legs, leg);
	HASH_ADD(hh, c->legs, number, sizeof(leg->number), leg);
	return leg;
}

/* ---- what begins a segment ----------------------------------------------- */

static bool
is_held(const struct control_call *call)
{
	const struct control_leg *leg;

	for (leg = call->legs; leg; leg = leg->next)
		if (!leg->gone &&
		    (leg->sip->hold[SIP_CALLER] || leg->sip->hold[SIP_CALLEE]))
			return true;
	return false;
}

static struct control_cause
cause_of(const struct control_call *call, const struct sip_link *link)
{
	static const char *const what[] = {
		[SIP_LINK_SAME] = "call",
		[SIP_LINK_TRANSFER] = "transfer",
		[SIP_LINK_PICKUP] = "pickup",
		[SIP_LINK_CONSULT] = "consult",
	};

	if (!link)
		return (struct control_cause){ .what = call->orphan ? "orphan"
								    : "call" };
	return (struct control_cause){ .what = what[link->type],
				       .by = sip_link_by_name(link->by),
				       .anew = true };
}

static void
note_kind(struct control_call *call, const struct sip_link *link)
{
	if (link && link->type == SIP_LINK_TRANSFER)
		call->kind = STORE_TRANSFER;
	else if (link && link->type == SIP_LINK_CONSULT)
		call->kind = STORE_CONSULT;
	else if (link && link->type == SIP_LINK_PICKUP)
		call->kind = STORE_AGENT;
}

/*
 * Who takes another's place may be who takes payments; the policy is asked as
 * things were before, of all conversations: who was consulted stays, and is new
 * to who was held.
 */
static void
transferred(struct control_state *c, const struct control_call *before,
	    const struct sip_event *event)
{
	const struct sip_identity *party = event->call->party;
	struct control_call *call;

	if (c->restoring)
		return;
	DL_FOREACH(before->family->first, call)
	{
		control__target_asked(c, call, party[SIP_CALLER].user,
				      event->time_ns);
		control__target_asked(c, call, party[SIP_CALLEE].user,
				      event->time_ns);
	}
}

/* A leg more: somebody takes another's place, or a switch calls on. */
static void
leg_joined(struct control_state *c, struct control_leg *leg,
	   const struct sip_event *event)
{
	struct control_call *call = leg->call;
	const struct sip_link *link = event->link;

	leg->by = link ? sip_link_by_name(link->by) : "restart";
	if (link && link->type != SIP_LINK_SAME) {
		leg->counts = true;
		leg->newcomer =
		    link->end == SIP_CALLER ? SIP_CALLEE : SIP_CALLER;
		call->target[0] = '\0';
		/* Until then nobody holds who is with the newcomer. */
		call->held = false;
		if (link->type == SIP_LINK_TRANSFER)
			transferred(c, call, event);
		note_kind(call, link);
		control__segment_begin(c, call, cause_of(call, link),
				       event->time_ns);
		return;
	}
	call->held |= is_held(call);
	/* A switch calls somebody for who is in the call. */
	if (!c->restoring && !leg->counts)
		control__target_asked(c, call,
				      event->call->party[SIP_CALLEE].user,
				      event->time_ns);
	control__segment_update(c, call, true, event->time_ns);
}

/* Who is transferred stays on his side, where roles do not tell it. */
static void
keep_side_of_who_stays(const struct control_state *c, struct control_call *call,
		       const struct sip_link *link)
{
	const struct control_call *with;
	const struct control_past *past;
	bool left;

	if (!link || link->type != SIP_LINK_TRANSFER)
		return;
	with = control__call_find(c, link->with);
	past = control__past_find(c, link->with);
	if (!with && !past)
		return;
	left =
	    (link->end == SIP_CALLER) == (with ? with->verdict.local_is_caller
					       : past->verdict.local_is_caller);
	call->verdict.local_is_caller = (link->party == SIP_CALLER) == left;
	call->sided = true;
}

/* A conversation follows another, which may not be over yet. */
static void
follow(struct control_state *c, const struct sip_event *event)
{
	struct control_call *before;

	if (!event->link || event->link->type != SIP_LINK_TRANSFER)
		return;
	before = control__call_find(c, event->link->with);
	if (before)
		transferred(c, before, event);
}

static void
out_of_memory(void)
{
	/* Named, since it is a call lost: the tracker counts it too. */
	log_error("out of memory: a call is not recorded");
}

static void
on_call(struct control_state *c, const struct sip_event *event)
{
	struct control_call *call =
	    control__call_find(c, event->call->conversation);
	bool first = !call;
	struct control_leg *leg = NULL;

	past_forget(c, event->time_ns);
	if (!call)
		call = call_new(c, event);
	if (call)
		leg = leg_new(c, call, event);
	if (!leg) {
		out_of_memory();
		if (call && first)
			call_free(c, call);
		return;
	}
	call->held = is_held(call);
	if (!c->restoring)
		control__recall(c, call, event->call);
	if (!first) {
		leg_joined(c, leg, event);
	} else if (c->restoring) {
		control__segment_go_on(c, call, event->time_ns);
	} else {
		call->sip_ns = event->time_ns;
		follow(c, event);
		note_kind(call, event->link);
		keep_side_of_who_stays(c, call, event->link);
		control__segment_begin(c, call, cause_of(call, event->link),
				       event->call->start_ns);
	}
}

/* The switch reached somebody for who was answered by it before. */
static void
answered_on(struct control_state *c, struct control_leg *leg, int64_t time_ns)
{
	struct control_call *call = leg->call;
	struct control_cause cause = { .what = "agent",
				       .by = leg->by,
				       .anew = true };

	if (call->reached || call->kind != STORE_AGENT) {
		call->kind = STORE_TRANSFER;
		cause.what = "transfer";
	} else {
		control__segment_was_queue(c, call, time_ns);
	}
	control__segment_begin(c, call, cause, time_ns);
}

static void
on_answer(struct control_state *c, struct control_leg *leg,
	  const struct sip_event *event)
{
	const struct control_cause cause = { .what = "agent", .by = leg->by };
	struct control_call *call = leg->call;
	bool new = !leg->counts;

	leg->counts = true;
	if (!call->answer_ns)
		call->answer_ns = event->call->answer_ns;
	if (new && event->time_ns - call->answer_ns >= QUEUE_NS)
		answered_on(c, leg, event->time_ns);
	else if (new && !call->reached)
		control__segment_reached(c, call, cause, event->time_ns);
	else
		control__segment_update(c, call, new, event->time_ns);
	call->reached |= new;
}

/* It is told who answered: who waits in a queue talks from now on. */
static void
on_identity(struct control_state *c, struct control_call *call, int64_t time_ns)
{
	bool waited = call->in_queue && !call->held && !call->reached;
	const struct control_cause cause = { .what = "agent",
					     .by = "identity",
					     .anew = true };

	if (waited && !call->answer_ns) {
		control__segment_reached(c, call, cause, time_ns);
		return;
	}
	control__segment_update(c, call, true, time_ns);
	if (!waited || call->in_queue)
		return;
	call->reached = true;
	control__segment_was_queue(c, call, time_ns);
	control__segment_begin(c, call, cause, time_ns);
}

/* Is who stands here a party of this conversation, which goes on? */
static bool
talks_in(const struct control_call *call, const struct sip_call *sip,
	 enum sip_party party)
{
	const struct capture_endpoint *at = &sip->signalling[party];
	const char *user = sip->party[party].user;
	const struct control_leg *leg;
	int p;

	if (!call->answer_ns || call->held || call->orphan)
		return false;
	for (leg = call->legs; leg; leg = leg->next)
		for (p = SIP_CALLER; p <= SIP_CALLEE; p++)
			if (!leg->gone &&
			    control__same_host(at, &leg->sip->signalling[p]) &&
			    strcmp(user, leg->sip->party[p].user) == 0)
				return true;
	return false;
}

/* Who mixes calls is one telephone. A queue has many callers, and lets none of
 * them hear another. */
static bool
may_mix(const struct control_state *c, const struct sip_call *sip,
	enum sip_party party)
{
	char number[POLICY_NUMBER_BYTES];

	policy_number_normalise(c->policy,
				control__name_sent(&sip->party[party]), number);
	return !policy_is_queue(c->policy, number);
}

/*
 * Who takes a held call back while he talks in another one, lets both hear each
 * other: what is left out of one is left out of all. Where a switch passes on
 * what his telephone asks for, it is who stands at its end of the conversation.
 *
 * @return false: he does not
 */
static bool
confer(struct control_state *c, struct control_call *call,
       const struct sip_event *event)
{
	const struct control_cause cause = { .what = "conference" };
	enum sip_party party = event->party;
	const struct control_leg *leg =
	    control__stands_at(call, sip_end(event->call, party), &party);
	bool asks = may_mix(c, event->call, event->party);
	bool stands = may_mix(c, leg->sip, party);
	struct control_call *one;
	bool several = false;

	for (one = c->calls; one; one = one->hh.next) {
		if (one == call ||
		    !((asks && talks_in(one, event->call, event->party)) ||
		      (stands && talks_in(one, leg->sip, party))))
			continue;
		one->conference = call->number;
		several = true;
	}
	if (!several)
		return false;
	call->conference = call->number;
	for (one = c->calls; one; one = one->hh.next)
		if (one->conference == call->number)
			control__segment_begin(c, one, cause, event->time_ns);
	return true;
}

static void
on_hold(struct control_state *c, struct control_call *call,
	const struct sip_event *event)
{
	struct control_cause cause = { .what = "hold" };

	if (call->held == is_held(call))
		return;
	call->held = !call->held;
	if (call->held) {
		call->conference = 0;
		control__put_on_hold(c, call,
				     sip_end(event->call, event->party),
				     event->time_ns);
	} else {
		cause.what = "resume";
	}
	if (call->held || !confer(c, call, event))
		control__segment_begin(c, call, cause, event->time_ns);
}

static const struct control_cause transfer_asked = { .what = "transfer asked",
						     .by = "refer" };

static void
on_refer(struct control_state *c, struct control_call *call,
	 const struct sip_event *event)
{
	memcpy(call->target, event->target->user, sizeof(call->target));
	control__target_asked(c, call, call->target, event->time_ns);
	control__segment_review(c, call, transfer_asked, event->time_ns);
	/* Who is called next belongs to it in the next run too. */
	control__live_change(c, call);
}

/* ---- what ends ----------------------------------------------------------- */

static void
call_over(struct control_state *c, struct control_call *call,
	  const struct sip_event *event)
{
	bool stopped = event->type == SIP_EVENT_END &&
		       event->cause == SIP_END_INPUT &&
		       c->pipeline->config.live;

	if (!call->joined && !stopped)
		control__call_ends(c, call, event->time_ns);
	control__tell_end(c, call, event);
	past_add(c, call, event->time_ns);
	/* Of a recorder that is stopped the next one goes on with its calls. */
	if (!stopped)
		control__live_remove(c, call);
	call_free(c, call);
}

static void
on_end(struct control_state *c, struct control_leg *leg,
       const struct sip_event *event)
{
	struct control_call *call = leg->call;

	leg_gone(c, leg);
	if (has_legs(call))
		control__live_change(c, call);
	else
		call_over(c, call, event);
}

/* Who was asked to be called is called for it. */
static void
hand_target_on(struct control_state *c, const struct control_call *from,
	       struct control_call *to, int64_t time_ns)
{
	if (!from->target[0] || to->target[0])
		return;
	memcpy(to->target, from->target, sizeof(to->target));
	control__target_asked(c, to, to->target, time_ns);
	control__segment_review(c, to, transfer_asked, time_ns);
}

/* It is a leg of another conversation. */
static void
on_move(struct control_state *c, struct control_leg *leg,
	const struct sip_event *event)
{
	struct control_call *from = leg->call;
	struct control_call *to =
	    control__call_find(c, event->call->conversation);

	if (!to || to == from)
		return;
	control__state_joined(c, from->family, to->family);
	hand_target_on(c, from, to, event->time_ns);
	leg->counts = event->call->answer_ns != 0;
	DL_DELETE(from->legs, leg);
	if (has_legs(from)) {
		control__live_change(c, from);
	} else {
		from->joined = true;
		call_over(c, from, event);
	}
	leg->call = to;
	DL_APPEND(to->legs, leg);
	leg_joined(c, leg, event);
}

/* ---- events -------------------------------------------------------------- */

static void
on_event_of_leg(struct control_state *c, struct control_leg *leg,
		const struct sip_event *event)
{
	struct control_call *call = leg->call;

	switch (event->type) {
	case SIP_EVENT_IDENTITY:
		on_identity(c, call, event->time_ns);
		break;
	case SIP_EVENT_ANSWER:
		on_answer(c, leg, event);
		break;
	case SIP_EVENT_MEDIA_OPEN:
	case SIP_EVENT_MEDIA_CLOSE:
		control__tell_media(c, call, event);
		break;
	case SIP_EVENT_HOLD:
	case SIP_EVENT_RESUME:
		on_hold(c, call, event);
		break;
	case SIP_EVENT_REFER:
		on_refer(c, call, event);
		break;
	case SIP_EVENT_HEADER:
		control__header_seen(c, call, event);
		break;
	case SIP_EVENT_MOVE:
		on_move(c, leg, event);
		break;
	case SIP_EVENT_GOES_ON:
		control__tell_doubt(c, call, WRITER_TRUST, event->time_ns);
		/* fallthrough */
	case SIP_EVENT_RINGING:
		control__live_change(c, call);
		break;
	case SIP_EVENT_END:
		on_end(c, leg, event);
		break;
	case SIP_EVENT_CALL:
	case SIP_EVENT_KEY:
		break;
	}
}

void
control__on_sip_event(void *ctx, const struct sip_event *event)
{
	struct control_state *c = ctx;
	struct control_leg *leg;

	if (event->type == SIP_EVENT_CALL) {
		on_call(c, event);
		return;
	}
	leg = find_leg(c, event->call->number);
	if (!leg)
		return;
	if (event->type == SIP_EVENT_KEY) {
		control__key_by_info(c, leg->call, event);
		return;
	}
	/* Being brought back is not SIP, however often it happens. */
	if (!c->restoring)
		leg->call->sip_ns = event->time_ns;
	on_event_of_leg(c, leg, event);
}

void
control__call_alive(struct control_state *c, uint64_t number, int64_t time_ns)
{
	const struct control_call *call = control__call_find(c, number);
	const struct control_leg *leg;

	for (leg = call ? call->legs : NULL; leg; leg = leg->next)
		if (!leg->gone)
			sip_tracker_alive(c->tracker, leg->number, time_ns);
}

void
control__calls_free(struct control_state *c)
{
	struct control_leg *leg, *next;

	HASH_ITER (hh, c->legs, leg, next) {
		struct control_call *call = leg->call;

		HASH_DEL(c->legs, leg);
		leg_free(leg);
		if (!has_legs(call))
			call_free(c, call);
	}
	past_forget(c, INT64_MAX);
	forget_ids(c, INT64_MAX);
}
