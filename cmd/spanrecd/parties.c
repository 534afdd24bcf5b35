/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who talks to whom: of all that the legs of a conversation say, who stands at
 * each of its ends, and who else has part in it.
 *
 * A switch that calls on is at the far end of one leg and at the near end of
 * the other. Who stands at an end is who took another's place there; else who
 * answered, and is no such switch; of several, who was called last, or called
 * first.
 */
#include <string.h>

#include "cmd/spanrecd/control_priv.h"
#include "sip/registrar.h"

bool
control__same_host(const struct capture_endpoint *a,
		   const struct capture_endpoint *b)
{
	return memcmp(a->addr, b->addr, sizeof(a->addr)) == 0;
}

/* Is a party of a leg where another leg goes on? */
static bool
is_between(const struct control_leg *leg, enum sip_party party)
{
	const struct capture_endpoint *at = &leg->sip->signalling[party];
	const struct control_leg *other;

	for (other = leg->call->legs; other; other = other->next)
		if (other != leg &&
		    (control__same_host(at,
					&other->sip->signalling[SIP_CALLER]) ||
		     control__same_host(at,
					&other->sip->signalling[SIP_CALLEE])))
			return true;
	return false;
}

/* How well does a party of a leg tell who stands at its end? */
static int
weight(const struct control_leg *leg, enum sip_party party)
{
	bool newcomer = leg->newcomer == (int)sip_end(leg->sip, party);

	return newcomer * 16 + leg->counts * 8 + !is_between(leg, party) * 4 +
	       (party == SIP_CALLEE);
}

const struct control_leg *
control__stands_at(const struct control_call *call, enum sip_party end,
		   enum sip_party *found)
{
	const struct control_leg *leg, *best = NULL;
	int most = -1;

	for (leg = call->legs; leg; leg = leg->next) {
		enum sip_party party = sip_end(leg->sip, end);
		int w = weight(leg, party);

		/* the last that came or was called, the first that calls */
		if (w < most ||
		    (w == most && party == SIP_CALLER && leg->newcomer < 0))
			continue;
		most = w;
		best = leg;
		*found = party;
	}
	return best;
}

static void
add_other(struct control_parties *parties, const char *user)
{
	uint32_t i;

	if (!user[0] || parties->others_count == CONTROL_OTHERS_MAX ||
	    strcmp(user, parties->end[SIP_CALLER]->user) == 0 ||
	    strcmp(user, parties->end[SIP_CALLEE]->user) == 0 ||
	    strcmp(user, parties->name[SIP_CALLER]) == 0 ||
	    strcmp(user, parties->name[SIP_CALLEE]) == 0)
		return;
	for (i = 0; i < parties->others_count; i++)
		if (strcmp(user, parties->other[i]) == 0)
			return;
	parties->other[parties->others_count++] = user;
}

/* Is one of ours logged in with what a party goes by? */
static bool
is_logged_in(const struct control_state *c, const struct control_leg *leg,
	     enum sip_party party)
{
	const struct sip_registrar *registrar =
	    sip_tracker_registrar_peek(c->tracker);
	const char *user = leg->sip->party[party].user;

	return leg->registered[party][0] != '\0' ||
	       (user[0] && sip_registrar_find_user(registrar, user));
}

static void
add_dialled(struct control_parties *parties, const char *user)
{
	if (user[0] && parties->dialled_count < CONTROL_OTHERS_MAX)
		parties->dialled[parties->dialled_count++] = user;
}

/*
 * What was dialled to get to who talks now: after a transfer only what was
 * dialled for it. Of a switch that calls somebody else it is the leg that it
 * made last.
 */
static const struct control_leg *
first_dialled(const struct control_call *call)
{
	const struct control_leg *leg, *first = NULL, *last = NULL;

	if (call->kind != STORE_TRANSFER && call->kind != STORE_CONSULT)
		return call->legs;
	for (leg = call->legs; leg; leg = leg->next) {
		if (leg->newcomer >= 0)
			first = leg;
		if (leg->counts)
			last = leg;
	}
	return first ? first : last;
}

static void
add_all_dialled(struct control_parties *parties,
		const struct control_call *call)
{
	const struct control_leg *leg = first_dialled(call);
	uint32_t i;

	parties->dialled_count = 0;
	for (; leg; leg = leg->next) {
		if (!leg->counts)
			continue;
		add_dialled(parties, leg->sip->party[SIP_CALLEE].user);
		for (i = 0; i < leg->sip->others_count; i++)
			add_dialled(parties, leg->sip->others[i]);
	}
}

static void
add_others_of(struct control_parties *parties, const struct control_leg *leg)
{
	uint32_t i;

	add_other(parties, leg->sip->party[SIP_CALLER].user);
	add_other(parties, leg->sip->party[SIP_CALLEE].user);
	add_other(parties, leg->registered[SIP_CALLER]);
	add_other(parties, leg->registered[SIP_CALLEE]);
	for (i = 0; i < leg->sip->others_count; i++)
		add_other(parties, leg->sip->others[i]);
}

const char *
control__name_sent(const struct sip_identity *party)
{
	return party->user[0] ? party->user : party->host;
}

/* Where it is no number, such as the name of a telephone, or is withheld, it is
 * who is logged in there. */
static const char *
name_of(const struct control_state *c, const struct control_leg *leg,
	enum sip_party party)
{
	const char *sent = control__name_sent(&leg->sip->party[party]);
	char number[POLICY_NUMBER_BYTES];

	policy_number_normalise(c->policy, sent, number);
	if (policy_is_number(number) || !leg->registered[party][0])
		return sent;
	return leg->registered[party];
}

static void
add_others_of_call(struct control_parties *parties,
		   const struct control_call *call)
{
	const struct control_leg *leg;

	for (leg = call->legs; leg; leg = leg->next)
		if (leg->counts)
			add_others_of(parties, leg);
}

void
control__parties(const struct control_state *c, const struct control_call *call,
		 struct control_parties *parties)
{
	const struct control_call *beside;
	const struct control_leg *leg;
	int end;

	parties->others_count = 0;
	for (end = SIP_CALLER; end <= SIP_CALLEE; end++) {
		enum sip_party party = SIP_CALLER;

		leg = control__stands_at(call, (enum sip_party)end, &party);
		parties->end[end] = &leg->sip->party[party];
		parties->name[end] = name_of(c, leg, party);
		parties->addr[end] = leg->sip->signalling[party].addr;
		parties->logged_in[end] = is_logged_in(c, leg, party);
		parties->unknown[end] = !leg->sip->party[party].user[0] &&
					!leg->registered[party][0];
	}
	add_all_dialled(parties, call);
	for (leg = call->legs; leg; leg = leg->next)
		if (leg->counts)
			add_others_of(parties, leg);
	add_other(parties, call->target);
	for (beside = call->conference ? c->calls : NULL; beside;
	     beside = beside->hh.next)
		if (beside->conference == call->conference)
			add_others_of_call(parties, beside);
}
