/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Facts -> verdict. The first rule that fits decides; load.c sees to it that
 * stricter rules stand first, so that this is also the strictest one. No rule
 * fits: nothing is recorded.
 */
#include "policy/policy_priv.h"

#include <string.h>
#include <strings.h>

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
address_is_internal(const struct policy *policy, const uint8_t address[16])
{
	for (size_t i = 0; i < policy->networks.count; i++) {
		if (address_fits(&policy->networks.items[i], address))
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

/** By number; where that says nothing (a name, none at all), by network. */
static bool
party_is_internal(const struct policy *policy, const char *normalised,
		  const uint8_t address[16])
{
	if (policy_number_internal(policy, normalised))
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

/** Anybody's exemption is enough; but who only rang along is no reason to
 * record. */
static bool
other_fits(const struct policy *policy, const struct policy__rule *rule,
	   const struct policy_facts *facts)
{
	char number[POLICY_NUMBER_BYTES];

	if (rule->decision == POLICY_RECORD)
		return false;
	for (uint32_t i = 0; i < facts->also_count; i++) {
		policy_number_normalise(policy, facts->also[i], number);
		if (policy__patterns_fit(&rule->numbers, number))
			return true;
	}
	return false;
}

static bool
rule_fits(const struct policy *policy, const struct policy__rule *rule,
	  const struct policy_facts *facts,
	  const struct policy_verdict *verdict)
{
	if (!(rule->routes & 1U << verdict->route))
		return false;
	if (rule->has_numbers &&
	    !policy__patterns_fit(&rule->numbers, verdict->from) &&
	    !policy__patterns_fit(&rule->numbers, verdict->to) &&
	    !other_fits(policy, rule, facts))
		return false;
	if (rule->has_from && !policy__patterns_fit(&rule->from, verdict->from))
		return false;
	return !rule->has_to || policy__patterns_fit(&rule->to, verdict->to);
}

static void
name_copy(char to[POLICY_NAME_BYTES], const char *from)
{
	snprintf(to, POLICY_NAME_BYTES, "%s", from);
}

static void
rule_apply(const struct policy__rule *rule, struct policy_verdict *verdict)
{
	static const char *const reasons[] = {
		[POLICY_RECORD] = "record",
		[POLICY_DROP] = "exempt",
		[POLICY_LISTEN_DENY] = "listen-deny",
		[POLICY_OUT_OF_SCOPE] = "out-of-scope",
	};

	verdict->decision = rule->decision;
	name_copy(verdict->reason, reasons[rule->decision]);
	name_copy(verdict->rule, rule->name);
	name_copy(verdict->area, rule->area);
	name_copy(verdict->retention, rule->retention);
}

void
policy_decide(const struct policy *policy, const struct policy_facts *facts,
	      struct policy_verdict *verdict)
{
	memset(verdict, 0, sizeof(*verdict));
	policy_number_normalise(policy, facts->from, verdict->from);
	policy_number_normalise(policy, facts->to, verdict->to);
	parties_place(
	    verdict, party_is_internal(policy, verdict->from, facts->from_addr),
	    party_is_internal(policy, verdict->to, facts->to_addr));
	verdict->decision = POLICY_OUT_OF_SCOPE;
	name_copy(verdict->reason, "no-rule");
	for (size_t i = 0; i < policy->rules_count; i++) {
		if (rule_fits(policy, &policy->rules[i], facts, verdict)) {
			rule_apply(&policy->rules[i], verdict);
			return;
		}
	}
}
