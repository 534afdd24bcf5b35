/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Facts -> verdict. What is stricter is looked at first, and who is to be left
 * out is left out whoever he talks to:
 *
 *   payment       the call is paused for good, or somebody takes payments
 *   opt-out       the caller did not want it
 *   exempt        an exemption, then a rule that drops
 *   not-approved  an area lacks what has to be there before it is recorded
 *   unknown-party nobody knows who of ours it is, and some of ours are exempt;
 *                 or who calls whom at all, and some calls are left out
 *   listen-deny   a rule, or a name, where a rule records
 *   record        the first rule that fits, unless it says out-of-scope
 *
 * No rule fits: nothing is recorded. Of rules load.c sees to it that stricter
 * ones stand first.
 *
 * Whatever else leaves a call out, no more stays of it than its exemption
 * allows. And what may happen in a call is looked for also while nothing of it
 * is recorded: who pays, or opts out, while he waits in a queue or is held,
 * does so for all that follows.
 */
#include "policy/policy_priv.h"

#include <string.h>
#include <strings.h>

/* Something may reach back even where the policy names no time: what was
 * keyed is known a moment later than it was heard. */
#define LOOKBACK_MIN_NS (POLICY__SECOND_NS / 5)
/* Tones are known for sure only when they are over. */
#define LOOKBACK_TONES_NS POLICY__SECOND_NS

enum { NONE = -1, AREAS_MAX = 16, NUMBERS_MAX = 16 };

/** The first of a list: ascending, none twice. */
struct indices {
	uint32_t count;
	bool more; /**< there was no room for all */
	uint32_t item[AREAS_MAX];
};

/** Numbers, as sent, and the first of them normalised: each rule asks again. */
struct numbers {
	uint32_t count;
	const char *const *sent;
	char normalised[NUMBERS_MAX][POLICY_NUMBER_BYTES];
};

/** What the numbers of a call are named by. */
struct named {
	const struct policy *policy;
	const struct policy_facts *facts;
	const struct numbers *also, *dialled;
	int64_t day;      /**< of the start of the call, since 1970 */
	int exemption;    /**< of several the one that leaves least */
	int64_t reach_ns; /**< ... and what the longest of them reaches back */
	int listen_deny;
	uint32_t targets;        /**< payments, bit by index */
	struct indices areas[3]; /**< by whose number; see `rank` */
	int lacking[3];          /**< the first of these without approval */
	struct indices sites;
	bool sited; /**< the number being looked up names one */
	enum { LOCAL, REMOTE, QUEUE, OTHER } rank; /**< being looked up */
};

static bool
address_fits(const struct policy__network *network, const uint8_t address[16])
{
	uint32_t whole = network->bits / 8, rest = network->bits % 8;

	if (memcmp(address, network->address, whole) != 0)
		return false;
	return rest == 0 ||
	       (address[whole] ^ network->address[whole]) >> (8 - rest) == 0;
}

static bool
networks_fit(const struct policy__networks *networks, const uint8_t address[16])
{
	for (size_t i = 0; i < networks->count; i++) {
		if (address_fits(&networks->items[i], address))
			return true;
	}
	return false;
}

static bool
address_is_internal(const struct policy *policy, const uint8_t address[16])
{
	if (networks_fit(&policy->networks, address))
		return true;
	for (size_t i = 0; i < policy->sites_count; i++) {
		if (networks_fit(&policy->sites[i].networks, address))
			return true;
	}
	return false;
}

/** Callers who hide: RFC 3323 says "anonymous", switches say more. */
static bool
name_is_withheld(const char *name)
{
	static const char *const names[] = { "anonymous",   "restricted",
					     "unavailable", "unknown",
					     "private",     "withheld" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcasecmp(name, names[i]))
			return true;
	}
	return false;
}

static void
note_ours(void *ctx, enum policy__named what, uint32_t index)
{
	(void)index;
	*(bool *)ctx |=
	    what == POLICY__NAMED_EXTENSION || what == POLICY__NAMED_QUEUE ||
	    what == POLICY__NAMED_CONFIDENTIAL || what == POLICY__NAMED_SITE;
}

/** By number; where that says nothing (a name, none at all), by network. */
static bool
party_is_internal(const struct policy *policy, const char *normalised,
		  const uint8_t address[16])
{
	bool ours = policy_number_internal(policy, normalised);

	if (!ours)
		policy__lookup_each(policy, normalised, note_ours, &ours);
	if (ours)
		return true;
	if (policy_is_number(normalised) || name_is_withheld(normalised) ||
	    policy__patterns_fit(&policy->numbering.external, normalised))
		return false;
	return address_is_internal(policy, address);
}

static void
parties_place(struct policy_verdict *verdict, bool from_internal,
	      bool to_internal)
{
	static const enum policy_route routes[2][2] = {
		{ POLICY_TRANSIT, POLICY_IN }, { POLICY_OUT, POLICY_INTERNAL }
	};

	verdict->route = routes[from_internal][to_internal];
	verdict->local_is_caller = verdict->route != POLICY_IN;
	if (verdict->local_is_caller) {
		memcpy(verdict->local, verdict->from, sizeof(verdict->local));
		memcpy(verdict->remote, verdict->to, sizeof(verdict->remote));
	} else {
		memcpy(verdict->local, verdict->to, sizeof(verdict->local));
		memcpy(verdict->remote, verdict->from, sizeof(verdict->remote));
	}
	if (verdict->route == POLICY_TRANSIT)
		verdict->local[0] = '\0';
}

static bool
from_is_ours(const struct policy_verdict *verdict)
{
	return verdict->route == POLICY_OUT ||
	       verdict->route == POLICY_INTERNAL;
}

static bool
to_is_ours(const struct policy_verdict *verdict)
{
	return verdict->route == POLICY_IN || verdict->route == POLICY_INTERNAL;
}

/* ---- who is named where -------------------------------------------------- */

static void
index_add(struct indices *indices, uint32_t index)
{
	uint32_t at = indices->count;

	while (at && indices->item[at - 1] > index)
		at--;
	if (at && indices->item[at - 1] == index)
		return;
	if (indices->count == AREAS_MAX) {
		indices->more = true;
		if (at == AREAS_MAX)
			return;
		indices->count--;
	}
	memmove(&indices->item[at + 1], &indices->item[at],
		(indices->count - at) * sizeof(indices->item[0]));
	indices->item[at] = index;
	indices->count++;
}

static bool
index_is_in(const struct policy__set *set, uint32_t index)
{
	size_t lo = 0, hi = set->count;

	while (lo < hi) {
		size_t middle = lo + (hi - lo) / 2;

		if (set->items[middle] < index)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo < set->count && set->items[lo] == index;
}

/** @param record where it is not known, it must not fit */
static bool
indices_fit(const struct policy__set *set, const struct indices *indices,
	    bool record)
{
	if (set->all || (indices->more && !record))
		return true;
	for (uint32_t i = 0; i < indices->count; i++) {
		if (index_is_in(set, indices->item[i]))
			return true;
	}
	return false;
}

static bool
areas_fit(const struct policy__set *set, const struct named *named, bool record)
{
	return indices_fit(set, &named->areas[LOCAL], record) ||
	       indices_fit(set, &named->areas[REMOTE], record) ||
	       indices_fit(set, &named->areas[QUEUE], record);
}

/** Has an approval that ends ended? */
static bool
has_ended(const struct policy__approval *approval, int64_t day)
{
	return approval->ends.set && day >= approval->ends.day;
}

static bool
is_approved(const struct policy__approval *approval, int64_t day)
{
	return approval->given &&
	       (!approval->approved.set || approval->approved.day <= day) &&
	       !has_ended(approval, day);
}

static bool
lacks_approval(const struct policy__area *area, int64_t day)
{
	return (area->needs & POLICY__NEED_CASE &&
		!is_approved(&area->business_case, day)) ||
	       (area->needs & POLICY__NEED_REQUEST &&
		!is_approved(&area->request, day));
}

static void
note_area(struct named *named, int rank, uint32_t index)
{
	int *lacking = &named->lacking[rank];

	index_add(&named->areas[rank], index);
	if ((*lacking == NONE || (int)index < *lacking) &&
	    lacks_approval(&named->policy->areas[index], named->day))
		*lacking = (int)index;
}

static void
note_exemption(struct named *named, uint32_t index)
{
	const struct policy__exemption *all = named->policy->exemptions;
	const struct policy__exemption *one = &all[index];
	int before = named->exemption;

	if (has_ended(&one->approval, named->day))
		return;
	if (one->lookback_ns > named->reach_ns)
		named->reach_ns = one->lookback_ns;
	if (before == NONE || one->traces > all[before].traces ||
	    (one->traces == all[before].traces && (int)index < before))
		named->exemption = (int)index;
}

static void
note(void *ctx, enum policy__named what, uint32_t index)
{
	struct named *named = ctx;
	const struct policy *policy = named->policy;

	switch (what) {
	case POLICY__NAMED_EXEMPTION:
		note_exemption(named, index);
		break;
	case POLICY__NAMED_LISTEN_DENY:
		if (!has_ended(&policy->listen_denies[index].approval,
			       named->day) &&
		    (named->listen_deny == NONE ||
		     (int)index < named->listen_deny))
			named->listen_deny = (int)index;
		break;
	case POLICY__NAMED_TARGET:
		named->targets |= UINT32_C(1) << index;
		break;
	case POLICY__NAMED_EXTENSION:
		if (named->rank == LOCAL || named->rank == REMOTE)
			note_area(named, (int)named->rank, index);
		break;
	case POLICY__NAMED_QUEUE:
		if (named->rank != OTHER)
			note_area(named, QUEUE, index);
		break;
	case POLICY__NAMED_SITE:
		named->sited = true;
		if (named->rank == LOCAL || named->rank == REMOTE)
			index_add(&named->sites, index);
		break;
	case POLICY__NAMED_CONFIDENTIAL:
	case POLICY__NAMED_COUNT:
		break;
	}
}

/** One of ours whose number says nothing of a building is of that in which he
 * is. Others come through a switch, which is in one too. */
static void
note_address(struct named *named, const uint8_t address[16])
{
	const struct policy *policy = named->policy;

	for (uint32_t i = 0; i < policy->sites_count; i++) {
		if (networks_fit(&policy->sites[i].networks, address))
			policy__lookup_site(policy, i, note, named);
	}
}

/** @param address of one of ours, or NULL */
static void
note_party(struct named *named, const char *normalised, const uint8_t *address,
	   bool local)
{
	named->rank = local ? LOCAL : REMOTE;
	named->sited = false;
	policy__lookup_each(named->policy, normalised, note, named);
	if (address && !named->sited)
		note_address(named, address);
}

static int64_t
day_of(const struct policy *policy, int64_t time_ns)
{
	struct policy_civil civil;

	if (!policy->exemptions_count && !policy->listen_denies_count &&
	    !policy->areas_count)
		return 0;
	policy_zone_civil(policy->zone, time_ns, &civil);
	return policy__days_from_civil(civil.year, civil.month, civil.day);
}

static void
numbers_make(struct numbers *numbers, const struct policy *policy,
	     const char *const *sent, uint32_t count)
{
	numbers->count = count;
	numbers->sent = sent;
	for (uint32_t i = 0; i < count && i < NUMBERS_MAX; i++)
		policy_number_normalise(policy, sent[i],
					numbers->normalised[i]);
}

/** @param room for one that is not kept */
static const char *
number_at(const struct numbers *numbers, const struct policy *policy,
	  uint32_t i, char room[POLICY_NUMBER_BYTES])
{
	if (i < NUMBERS_MAX)
		return numbers->normalised[i];
	policy_number_normalise(policy, numbers->sent[i], room);
	return room;
}

static void
name_numbers(struct named *named, const struct numbers *numbers)
{
	char room[POLICY_NUMBER_BYTES];

	for (uint32_t i = 0; i < numbers->count; i++)
		policy__lookup_each(named->policy,
				    number_at(numbers, named->policy, i, room),
				    note, named);
}

static void
name_all(struct named *named, const struct policy_verdict *verdict)
{
	const struct policy_facts *facts = named->facts;

	note_party(named, verdict->from,
		   from_is_ours(verdict) ? facts->from_addr : NULL,
		   verdict->local_is_caller);
	note_party(named, verdict->to,
		   to_is_ours(verdict) ? facts->to_addr : NULL,
		   !verdict->local_is_caller);
	named->rank = OTHER;
	name_numbers(named, named->also);
	named->rank = QUEUE;
	name_numbers(named, named->dialled);
}

/* ---- rules --------------------------------------------------------------- */

static bool
any_fits(const struct named *named, const struct numbers *numbers,
	 const struct policy__patterns *patterns)
{
	char room[POLICY_NUMBER_BYTES];

	for (uint32_t i = 0; i < numbers->count; i++) {
		if (policy__patterns_fit(
			patterns, number_at(numbers, named->policy, i, room)))
			return true;
	}
	return false;
}

/** The call is in a queue while nobody has taken it elsewhere. */
static bool
queue_fits(const struct named *named, const struct policy__rule *rule,
	   const struct policy_verdict *verdict)
{
	return named->facts->kind != POLICY_KIND_CONSULT &&
	       (policy__patterns_fit(&rule->queues, verdict->to) ||
		any_fits(named, named->dialled, &rule->queues));
}

static bool
is_logged_in(const struct policy_facts *facts,
	     const struct policy_verdict *verdict)
{
	switch (verdict->route) {
	case POLICY_IN:
		return facts->to_logged_in;
	case POLICY_OUT:
		return facts->from_logged_in;
	default:
		return facts->from_logged_in || facts->to_logged_in;
	}
}

static bool
kind_fits(const struct policy__rule *rule, const struct policy_facts *facts)
{
	enum policy_kind kind = facts->held ? POLICY_KIND_HOLD : facts->kind;

	return !rule->kinds || rule->kinds >> kind & 1;
}

/** Anybody's exemption is enough; but who only rang along is no reason to
 * record. */
static bool
numbers_fit(const struct named *named, const struct policy__rule *rule,
	    const struct policy_verdict *verdict)
{
	if (rule->has_numbers &&
	    !policy__patterns_fit(&rule->numbers, verdict->from) &&
	    !policy__patterns_fit(&rule->numbers, verdict->to) &&
	    (rule->decision == POLICY_RECORD ||
	     !any_fits(named, named->also, &rule->numbers)))
		return false;
	if (rule->has_from && !policy__patterns_fit(&rule->from, verdict->from))
		return false;
	return !rule->has_to || policy__patterns_fit(&rule->to, verdict->to);
}

static bool
rule_fits(const struct named *named, const struct policy__rule *rule,
	  const struct policy_verdict *verdict)
{
	const struct policy_facts *facts = named->facts;
	bool record = rule->decision == POLICY_RECORD;

	return rule->routes & 1U << verdict->route && kind_fits(rule, facts) &&
	       areas_fit(&rule->areas, named, record) &&
	       indices_fit(&rule->sites, &named->sites, record) &&
	       (!rule->logged_in || is_logged_in(facts, verdict)) &&
	       numbers_fit(named, rule, verdict) &&
	       (!rule->has_queues || queue_fits(named, rule, verdict));
}

#define ONE_OF(decision) (1U << (decision))

/** @return the first rule of one of these decisions that fits, or NULL */
static const struct policy__rule *
rule_find(const struct named *named, uint32_t decisions,
	  const struct policy_verdict *verdict)
{
	const struct policy *policy = named->policy;

	for (size_t i = 0; i < policy->rules_count; i++) {
		const struct policy__rule *rule = &policy->rules[i];

		if (decisions & ONE_OF(rule->decision) &&
		    rule_fits(named, rule, verdict))
			return rule;
	}
	return NULL;
}

/* ---- deciding ------------------------------------------------------------ */

static void
name_copy(char to[POLICY_NAME_BYTES], const char *from)
{
	size_t n = strnlen(from, POLICY_NAME_BYTES - 1);

	memcpy(to, from, n);
	to[n] = '\0';
}

/** @return true, for short */
static bool
leave_out(struct policy_verdict *verdict, const char *reason, const char *rule)
{
	verdict->decision = POLICY_DROP;
	name_copy(verdict->reason, reason);
	name_copy(verdict->rule, rule);
	return true;
}

static bool
decide_payment(const struct named *named, struct policy_verdict *verdict)
{
	const struct policy *policy = named->policy;
	const struct policy_state *state = named->facts->state;

	if (state && state->for_good)
		return leave_out(verdict, "payment", state->rule);
	for (size_t i = 0; named->targets && i < policy->payments_count; i++) {
		if (named->targets >> i & 1)
			return leave_out(verdict, "payment",
					 policy->payments[i].name);
	}
	return false;
}

static bool
decide_opt_out(const struct named *named, struct policy_verdict *verdict)
{
	const struct policy_state *state = named->facts->state;

	if (!state || state->opt != POLICY_OPT_OUT)
		return false;
	verdict->traces = POLICY_TRACES_COUNT;
	return leave_out(verdict, "opt-out", "opt-out");
}

static bool
decide_exempt(const struct named *named, struct policy_verdict *verdict)
{
	const struct policy__rule *rule;

	if (named->exemption != NONE) {
		const struct policy__exemption *exemption =
		    &named->policy->exemptions[named->exemption];

		verdict->reach_ns = named->reach_ns;
		return leave_out(verdict, "exempt", exemption->name);
	}
	rule = rule_find(named, ONE_OF(POLICY_DROP), verdict);
	if (!rule)
		return false;
	if (!verdict->area[0])
		name_copy(verdict->area, rule->area);
	return leave_out(verdict, "exempt", rule->name);
}

static bool
decide_approval(const struct named *named, struct policy_verdict *verdict)
{
	for (int rank = LOCAL; rank <= QUEUE; rank++) {
		if (named->lacking[rank] != NONE)
			return leave_out(
			    verdict, "not-approved",
			    named->policy->areas[named->lacking[rank]].name);
	}
	return false;
}

/** Does the policy leave anybody out? */
static bool
somebody_is_left_out(const struct policy *policy)
{
	if (policy->exemptions_count || policy->listen_denies_count ||
	    policy->areas_count || policy->payments_count ||
	    policy->opt_out.given)
		return true;
	for (size_t i = 0; i < policy->rules_count; i++) {
		if (policy->rules[i].decision != POLICY_RECORD)
			return true;
	}
	return false;
}

static bool
decide_unknown(const struct named *named, struct policy_verdict *verdict)
{
	const struct policy *policy = named->policy;
	const struct policy_facts *facts = named->facts;
	bool from = facts->from_unknown || !verdict->from[0] ||
		    name_is_withheld(verdict->from);
	bool to = facts->to_unknown || !verdict->to[0] ||
		  name_is_withheld(verdict->to);

	if (facts->no_signalling && !policy->unknown_recorded &&
	    somebody_is_left_out(policy))
		return leave_out(verdict, "unknown-party", "unknown party");
	if (policy->unknown_recorded ||
	    (!policy->exemptions_count && !policy->listen_denies_count &&
	     !policy->areas_count))
		return false;
	return ((from && from_is_ours(verdict)) ||
		(to && to_is_ours(verdict))) &&
	       leave_out(verdict, "unknown-party", "unknown party");
}

static const char *const reasons[] = {
	[POLICY_RECORD] = "record",
	[POLICY_DROP] = "exempt",
	[POLICY_LISTEN_DENY] = "listen-deny",
	[POLICY_OUT_OF_SCOPE] = "out-of-scope",
};

static void
decide_record(const struct named *named, struct policy_verdict *verdict)
{
	const struct policy__rule *rule =
	    rule_find(named, ONE_OF(POLICY_LISTEN_DENY), verdict);

	if (!rule)
		rule = rule_find(
		    named, ONE_OF(POLICY_RECORD) | ONE_OF(POLICY_OUT_OF_SCOPE),
		    verdict);
	verdict->decision = rule ? rule->decision : POLICY_OUT_OF_SCOPE;
	name_copy(verdict->reason, rule ? reasons[rule->decision] : "no-rule");
	if (!rule)
		return;
	name_copy(verdict->rule, rule->name);
	name_copy(verdict->retention, rule->retention);
	if (!verdict->area[0])
		name_copy(verdict->area, rule->area);
	if (rule->decision == POLICY_RECORD && named->listen_deny != NONE) {
		verdict->decision = POLICY_LISTEN_DENY;
		name_copy(verdict->reason, reasons[POLICY_LISTEN_DENY]);
		name_copy(
		    verdict->rule,
		    named->policy->listen_denies[named->listen_deny].name);
	}
}

/** What may still happen, and how far that reaches back. */
static void
look_ahead(const struct named *named, struct policy_verdict *verdict)
{
	const struct policy *policy = named->policy;
	const struct policy__opt_out *opt_out = &policy->opt_out;

	/* whatever it is now, it may be passed on to whom that concerns */
	verdict->lookback_ns = policy__lookup_back_ns(policy);
	for (size_t i = 0; i < policy->payments_count; i++) {
		const struct policy__payment *payment = &policy->payments[i];

		if (!areas_fit(&payment->areas, named, false))
			continue;
		verdict->payments |= UINT32_C(1) << i;
		verdict->tones |= payment->tones;
	}
	if (opt_out->given && areas_fit(&opt_out->areas, named, false) &&
	    (verdict->route == POLICY_IN || verdict->route == POLICY_OUT)) {
		verdict->opt_out = true;
		verdict->announcement_ns = opt_out->announcement_ns;
	}
	if ((verdict->payments || verdict->opt_out) &&
	    verdict->lookback_ns < LOOKBACK_MIN_NS)
		verdict->lookback_ns = LOOKBACK_MIN_NS;
	if (verdict->tones && verdict->lookback_ns < LOOKBACK_TONES_NS)
		verdict->lookback_ns = LOOKBACK_TONES_NS;
	/* of what is not recorded nothing waits */
	if (!policy__is_recorded(verdict)) {
		verdict->tones = false;
		verdict->lookback_ns = verdict->announcement_ns = 0;
	}
}

static void
area_choose(const struct named *named, struct policy_verdict *verdict)
{
	for (int rank = LOCAL; rank <= QUEUE; rank++) {
		if (named->areas[rank].count) {
			name_copy(
			    verdict->area,
			    named->policy->areas[named->areas[rank].item[0]]
				.name);
			return;
		}
	}
}

void
policy_decide(const struct policy *policy, const struct policy_facts *facts,
	      struct policy_verdict *verdict)
{
	struct numbers also, dialled;
	struct named named = { .policy = policy,
			       .facts = facts,
			       .also = &also,
			       .dialled = &dialled,
			       .day = day_of(policy, facts->start_ns),
			       .exemption = NONE,
			       .listen_deny = NONE,
			       .lacking = { NONE, NONE, NONE } };

	memset(verdict, 0, sizeof(*verdict));
	policy_number_normalise(policy, facts->from, verdict->from);
	policy_number_normalise(policy, facts->to, verdict->to);
	parties_place(
	    verdict, party_is_internal(policy, verdict->from, facts->from_addr),
	    party_is_internal(policy, verdict->to, facts->to_addr));
	numbers_make(&also, policy, facts->also, facts->also_count);
	numbers_make(&dialled, policy, facts->dialled, facts->dialled_count);
	name_all(&named, verdict);
	area_choose(&named, verdict);
	if (named.exemption != NONE)
		verdict->traces = policy->exemptions[named.exemption].traces;
	/* Also where it was opted out first, and paid then. */
	if (facts->state && facts->state->opt == POLICY_OPT_OUT)
		verdict->traces = POLICY_TRACES_COUNT;
	if (!decide_payment(&named, verdict) &&
	    !decide_opt_out(&named, verdict) &&
	    !decide_exempt(&named, verdict) &&
	    !decide_approval(&named, verdict) &&
	    !decide_unknown(&named, verdict))
		decide_record(&named, verdict);
	look_ahead(&named, verdict);
}

bool
policy__is_recorded(const struct policy_verdict *verdict)
{
	return verdict->decision == POLICY_RECORD ||
	       verdict->decision == POLICY_LISTEN_DENY;
}

static void
note_queue(void *ctx, enum policy__named what, uint32_t index)
{
	(void)index;
	*(bool *)ctx |= what == POLICY__NAMED_QUEUE;
}

bool
policy_is_queue(const struct policy *policy, const char *normalised)
{
	bool queue = false;

	policy__lookup_each(policy, normalised, note_queue, &queue);
	return queue;
}

static void
note_target(void *ctx, enum policy__named what, uint32_t index)
{
	(void)index;
	*(bool *)ctx |= what == POLICY__NAMED_TARGET;
}

bool
policy_is_payment_target(const struct policy *policy, const char *normalised)
{
	bool target = false;

	policy__lookup_each(policy, normalised, note_target, &target);
	return target;
}

const char *
policy_area_peek(const struct policy *policy, size_t i)
{
	return i < policy->areas_count ? policy->areas[i].name : NULL;
}
