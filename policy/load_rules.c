/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The section 'rules', and what must hold between the rules. */
#include "policy/load_priv.h"

#include <string.h>

#define ROUTES_ALL 15U

/** A rule being read, and what waits until the rest of it is known. */
struct rule_load {
	struct policy__rule rule;
	yaml_node_t *decision, *retention;
};

static const char *const routes[] = { [POLICY_IN] = "in",
				      [POLICY_OUT] = "out",
				      [POLICY_INTERNAL] = "internal",
				      [POLICY_TRANSIT] = "transit" };
static const char *const kinds[] = { [POLICY_KIND_AGENT] = "agent",
				     [POLICY_KIND_QUEUE] = "queue",
				     [POLICY_KIND_HOLD] = "hold",
				     [POLICY_KIND_CONSULT] = "consult",
				     [POLICY_KIND_TRANSFER] = "transfer" };
static const char *const decisions[] = { [POLICY_RECORD] = "record",
					 [POLICY_DROP] = "drop",
					 [POLICY_LISTEN_DENY] = "listen-deny",
					 [POLICY_OUT_OF_SCOPE] =
					     "out-of-scope" };

static void
read_match(struct policy__yaml *yaml, yaml_node_t *value,
	   const struct policy__key *key, void *into)
{
#define AT(m) offsetof(struct policy__rule, m)
	static const struct policy__words route_words = { COUNT(routes),
							  routes };
	static const struct policy__words kind_words = { COUNT(kinds), kinds };
	static const struct policy__key keys[] = {
		{ "direction", false, policy__read_bits, AT(routes),
		  &route_words },
		{ "areas", false, policy__read_areas, AT(areas), NULL },
		{ "sites", false, policy__read_sites, AT(sites), NULL },
		{ "kinds", false, policy__read_bits, AT(kinds), &kind_words },
		{ "queues", false, policy__read_numbers, AT(queues), NULL },
		{ "numbers", false, policy__read_numbers, AT(numbers), NULL },
		{ "from", false, policy__read_numbers, AT(from), NULL },
		{ "to", false, policy__read_numbers, AT(to), NULL },
		{ "logged_in", false, policy__read_flag, AT(logged_in), NULL },
	};
#undef AT
	struct policy__rule *rule = policy__key_member(key, into);

	policy__entry_read(yaml, value, "'match'", keys, COUNT(keys), rule);
	rule->has_numbers = rule->numbers.items;
	rule->has_from = rule->from.items;
	rule->has_to = rule->to.items;
	rule->has_queues = rule->queues.items;
}

static void
complain_no_retention(struct policy__yaml *yaml, const yaml_node_t *node,
		      const struct policy__rule *rule)
{
	char known[120];

	policy__index_list(&yaml->load->classes, known, sizeof(known));
	policy__complain(yaml, node,
			 "the rule '%s' records, so it needs a 'retention'; "
			 "defined are: %s",
			 rule->name, known);
}

static void
retention_read(struct policy__yaml *yaml, yaml_node_t *node,
	       struct rule_load *load)
{
	static const struct policy__key key = { "retention", true,
						policy__read_class, 0, NULL };
	struct policy__rule *rule = &load->rule;
	bool records = rule->decision == POLICY_RECORD ||
		       rule->decision == POLICY_LISTEN_DENY;

	if (records && load->retention)
		policy__read_class(yaml, load->retention, &key,
				   rule->retention);
	else if (records)
		complain_no_retention(yaml, node, rule);
	else if (load->retention)
		policy__complain(yaml, load->retention,
				 "the rule '%s' records nothing, so it has no "
				 "'retention'",
				 rule->name);
}

static void
rule_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct rule_load, m)
	static const struct policy__words decision_words = { COUNT(decisions),
							     decisions };
	static const struct policy__key keys[] = {
		{ "name", true, policy__read_name, AT(rule.name), NULL },
		{ "match", false, read_match, AT(rule), NULL },
		{ "decision", true, policy__read_later, AT(decision), NULL },
		{ "retention", false, policy__read_later, AT(retention), NULL },
		{ "area", false, policy__read_name, AT(rule.area), NULL },
	};
#undef AT
	struct policy__rule *rule = entry;
	struct rule_load load = { .rule = *rule };
	int decision = -1;

	load.rule.routes = ROUTES_ALL;
	load.rule.areas.all = load.rule.sites.all = true;
	policy__mapping_read(yaml, node, "a rule", keys, COUNT(keys), &load);
	if (load.decision)
		decision = policy__word_value(yaml, load.decision, "'decision'",
					      &decision_words);
	if (decision >= 0) {
		load.rule.decision = (enum policy_decision)decision;
		retention_read(yaml, node, &load);
	}
	*rule = load.rule;
}

/** Smaller is stricter. */
static int
decision_rank(enum policy_decision decision)
{
	return decision == POLICY_DROP          ? 0
	       : decision == POLICY_LISTEN_DENY ? 1
						: 2;
}

static bool
fits_every_call(const struct policy__rule *rule)
{
	return rule->routes == ROUTES_ALL && rule->areas.all &&
	       rule->sites.all && (!rule->kinds || rule->kinds == 31) &&
	       !rule->has_queues && !rule->has_numbers && !rule->has_from &&
	       !rule->has_to && !rule->logged_in;
}

/* The first rule that fits decides. That is the strictest one only if the
 * strict ones stand first; a later rule may also never get its turn. */
static void
places_check(struct policy__yaml *yaml, const struct policy *policy)
{
	const struct policy__rule *mildest = NULL, *every = NULL;

	for (size_t i = 0; i < policy->rules_count; i++) {
		const struct policy__rule *rule = &policy->rules[i];

		if (mildest && decision_rank(mildest->decision) >
				   decision_rank(rule->decision))
			policy__complain_at(yaml->errors, rule->at.line,
					    rule->at.column,
					    "the rule '%s' is stricter than "
					    "'%s' and must stand before it",
					    rule->name, mildest->name);
		else if (every)
			policy__complain_at(yaml->errors, rule->at.line,
					    rule->at.column,
					    "the rule '%s' never gets its "
					    "turn: '%s' before it fits every "
					    "call",
					    rule->name, every->name);
		if (!mildest || decision_rank(mildest->decision) <
				    decision_rank(rule->decision))
			mildest = rule;
		if (!every && fits_every_call(rule))
			every = rule;
	}
}

void
policy__rules_read(struct policy__yaml *yaml, yaml_node_t *node,
		   struct policy *policy)
{
	static const struct policy__list list = { "'rules'", "rule",
						  sizeof(struct policy__rule),
						  rule_read };
	uint32_t before = yaml->errors->count;

	policy->rules =
	    policy__list_read(yaml, node, &list, &policy->rules_count);
	if (policy->rules && !policy->rules_count)
		policy__complain(yaml, node,
				 "'rules' is an empty list: nothing would be "
				 "recorded");
	/* of a rule that could not be read nothing follows for the others */
	if (yaml->errors->count == before)
		places_check(yaml, policy);
}
