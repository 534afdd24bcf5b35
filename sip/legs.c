/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Conversations: the calls that are legs of one are a circle.
 *
 * Who is who on a switch's legs: of two calls with a common address, that of
 * the switch, the party there stands for who is at the far end of the other
 * call.
 */
#include <string.h>

#include "sip/sip_priv.h"

bool
sip__call_lives(const struct sip_call_state *call)
{
	return call->told && call->wait != SIP_WAIT_GONE;
}

bool
sip__same_way(const struct sip_call *a, const struct sip_call *b)
{
	return sip__same_host(&a->signalling[0], &b->signalling[0]) &&
	       sip__same_host(&a->signalling[1], &b->signalling[1]);
}

/**
 * Of two legs of a conversation: which party of `a` stands where the caller of
 * `b` does?
 */
static enum sip_party
party_for_caller_of(const struct sip_call *a, const struct sip_call *b)
{
	for (int p = SIP_CALLER; p <= SIP_CALLEE; p++) {
		/* the switch, p of one and q of the other, stands in each for
		 * who is beyond it */
		for (int q = SIP_CALLER; q <= SIP_CALLEE; q++)
			if (sip__same_host(&a->signalling[p],
					   &b->signalling[q]))
				return p == q ? SIP_CALLEE : SIP_CALLER;
	}
	return SIP_CALLER;
}

void
sip__leg_alone(struct sip_call_state *call)
{
	call->pub.conversation = call->pub.number;
	call->pub.crossed = false;
	call->leg_prev = call->leg_next = call;
}

void
sip__leg_leave(struct sip_call_state *call)
{
	call->leg_prev->leg_next = call->leg_next;
	call->leg_next->leg_prev = call->leg_prev;
	call->leg_prev = call->leg_next = call;
}

void
sip__leg_join(struct sip_call_state *call, struct sip_call_state *with,
	      bool crossed)
{
	call->pub.conversation = with->pub.conversation;
	call->pub.crossed = crossed;
	call->leg_prev = with;
	call->leg_next = with->leg_next;
	with->leg_next->leg_prev = call;
	with->leg_next = call;
}

bool
sip__leg_has_others(const struct sip_call_state *call)
{
	return call->leg_next != call;
}

/** Does one call on for the other? */
static bool
is_in_row(const struct sip_call *a, const struct sip_call *b)
{
	return sip__same_host(&a->signalling[SIP_CALLEE],
			      &b->signalling[SIP_CALLER]) ||
	       sip__same_host(&b->signalling[SIP_CALLEE],
			      &a->signalling[SIP_CALLER]);
}

bool
sip__leg_crossed(const struct sip_call_state *call,
		 const struct sip_call_state *with)
{
	const struct sip_call_state *leg = with;

	/* a switch calls several for one: it is that one that tells */
	do {
		if (leg != call && is_in_row(&leg->pub, &call->pub))
			return leg->pub.crossed;
		leg = leg->leg_next;
	} while (leg != with);
	return (party_for_caller_of(&call->pub, &with->pub) == SIP_CALLEE) !=
	       with->pub.crossed;
}

/** One leg becomes one of another conversation. */
static void
move_one(struct sip_call_state *call, struct sip_call_state *with, bool crossed,
	 struct sip_link link, int64_t time_ns)
{
	link.with = with->pub.conversation;
	sip__dialog_suspend(call, time_ns);
	sip__leg_leave(call);
	sip__leg_join(call, with, crossed);
	call->tracker->counters.calls_linked++;
	sip__emit(call, (struct sip_event){ .type = SIP_EVENT_MOVE,
					    .time_ns = time_ns,
					    .link = &link });
	sip__dialog_reopen(call, time_ns);
}

void
sip__legs_move(struct sip_call_state *call, const struct sip_call_state *but,
	       struct sip_call_state *with, bool turned, struct sip_link link,
	       int64_t time_ns)
{
	struct sip_call_state *leg = call, *next;
	uint32_t n = 1;

	while ((leg = leg->leg_next) != call)
		n++;
	for (; n > 0; n--, leg = next) {
		next = leg->leg_next;
		if (leg != but)
			move_one(leg, with, leg->pub.crossed != turned, link,
				 time_ns);
	}
}
