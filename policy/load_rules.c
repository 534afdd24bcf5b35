/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The section 'rules', and what must hold between the rules. */
#include "policy/load_priv.h"

#include <string.h>

#define ROUTES_ALL 15U

/** A rule being read, and what its numbers are written in. */
struct rule_load {
	struct policy__rule *rule;
	const struct policy *policy;
	yaml_node_t *name, *area, *match, *decision, *retention;
};

static void
read_routes(struct policy__yaml *yaml, yaml_node_t *value,
	    const struct policy__key *key, void *into)
{
	static const char *const names[] = { [POLICY_IN] = "in",
					     [POLICY_OUT] = "out",
					     [POLICY_INTERNAL] = "internal",
					     [POLICY_TRANSIT] = "transit" };
	struct rule_load *load = into;
	size_t count = policy__values_count(yaml, value, "'direction'");

	(void)key;
	load->rule->routes = 0;
	for (size_t i = 0; i < count; i++) {
		yaml_node_t *node = policy__value_get(yaml, value, i);
		const char *text = policy__scalar(yaml, node, "'direction'");
		size_t route = 0;

		if (!text)
			continue;
		while (route < COUNT(names) && strcmp(names[route], text) != 0)
			route++;
		if (route < COUNT(names))
			load->rule->routes |= 1U << route;
		else
			policy__complain(yaml, node,
					 "'direction' is '%.20s', but must be "
					 "in, out, internal or transit",
					 text);
	}
}

static void
read_numbers(struct policy__yaml *yaml, yaml_node_t *value,
	     const struct policy__key *key, void *into)
{
	struct rule_load *load = into;
	char what[POLICY__WHAT_BYTES];

	policy__patterns_read(yaml, value, policy__key_quoted(key, what),
			      &load->policy->numbering,
			      policy__key_member(key, load->rule));
}

static void
match_read(struct policy__yaml *yaml, struct rule_load *load)
{
#define AT(m) offsetof(struct policy__rule, m)
	static const struct policy__key keys[] = {
		{ "direction", false, read_routes, 0, NULL },
		{ "numbers", false, read_numbers, AT(numbers), NULL },
		{ "from", false, read_numbers, AT(from), NULL },
		{ "to", false, read_numbers, AT(to), NULL },
	};
#undef AT
	struct policy__rule *rule = load->rule;

	rule->routes = ROUTES_ALL;
	rule->areas.all = rule->sites.all = true;
	if (!load->match)
		return;
	policy__mapping_read(yaml, load->match, "'match'", keys, COUNT(keys),
			     load);
	rule->has_numbers = rule->numbers.items;
	rule->has_from = rule->from.items;
	rule->has_to = rule->to.items;
}

static bool
decision_read(struct policy__yaml *yaml, struct rule_load *load)
{
	static const char *const names[] = { [POLICY_RECORD] = "record",
					     [POLICY_DROP] = "drop",
					     [POLICY_LISTEN_DENY] =
						 "listen-deny",
					     [POLICY_OUT_OF_SCOPE] =
						 "out-of-scope" };
	const char *text =
	    load->decision ? policy__scalar(yaml, load->decision, "'decision'")
			   : NULL;

	if (!text)
		return false;
	for (size_t i = 0; i < COUNT(names); i++) {
		if (!strcmp(names[i], text)) {
			load->rule->decision = (enum policy_decision)i;
			return true;
		}
	}
	policy__complain(yaml, load->decision,
			 "'decision' is '%.20s', but must be record, drop, "
			 "listen-deny or out-of-scope",
			 text);
	return false;
}

/** "standard, telecare, ..." */
static void
classes_list(const struct policy *policy, char *text, size_t bytes)
{
	size_t n = 0;

	snprintf(text, bytes, "none");
	for (size_t i = 0; i < policy->classes_count && n < bytes; i++) {
		int w = snprintf(text + n, bytes - n, "%s%s", i ? ", " : "",
				 policy->classes[i].name);

		n += w > 0 ? (size_t)w : 0;
	}
}

static void
rule_retention_read(struct policy__yaml *yaml, const yaml_node_t *node,
		    struct rule_load *load)
{
	struct policy__rule *rule = load->rule;
	bool records = rule->decision == POLICY_RECORD ||
		       rule->decision == POLICY_LISTEN_DENY;
	char known[120];
	size_t i = 0;

	if (!records) {
		if (load->retention)
			policy__complain(yaml, load->retention,
					 "the rule '%s' records nothing, so it "
					 "has no 'retention'",
					 rule->name);
		return;
	}
	classes_list(load->policy, known, sizeof(known));
	if (!load->retention) {
		policy__complain(yaml, node,
				 "the rule '%s' records, so it needs a "
				 "'retention'; defined are: %s",
				 rule->name, known);
		return;
	}
	if (!policy__name_read(yaml, load->retention, "'retention'",
			       rule->retention))
		return;
	while (i < load->policy->classes_count &&
	       strcmp(load->policy->classes[i].name, rule->retention) != 0)
		i++;
	if (i == load->policy->classes_count)
		policy__complain(yaml, load->retention,
				 "'retention' names the class '%s', which is "
				 "not defined; defined are: %s",
				 rule->retention, known);
}

/** Smaller is stricter. */
static int
decision_rank(enum policy_decision decision)
{
	return decision == POLICY_DROP          ? 0
	       : decision == POLICY_LISTEN_DENY ? 1
						: 2;
}

/* The first rule that fits decides. That is the strictest one only if the
 * strict ones stand first; a later rule may also never get its turn. */
static void
rule_place_check(struct policy__yaml *yaml, const yaml_node_t *node,
		 const struct policy *policy, const struct policy__rule *rule)
{
	for (size_t i = 0; i < policy->rules_count; i++) {
		const struct policy__rule *before = &policy->rules[i];

		if (!strcmp(before->name, rule->name)) {
			policy__complain(yaml, node,
					 "there are two rules named '%s'",
					 rule->name);
			return;
		}
		if (decision_rank(before->decision) >
		    decision_rank(rule->decision)) {
			policy__complain(yaml, node,
					 "the rule '%s' is stricter than '%s' "
					 "and must stand before it",
					 rule->name, before->name);
			return;
		}
		if (before->routes == ROUTES_ALL && !before->has_numbers &&
		    !before->has_from && !before->has_to) {
			policy__complain(yaml, node,
					 "the rule '%s' never gets its turn: "
					 "'%s' before it fits every call",
					 rule->name, before->name);
			return;
		}
	}
}

static void
rule_read(struct policy__yaml *yaml, yaml_node_t *node, struct policy *policy)
{
#define AT(m) offsetof(struct rule_load, m)
	static const struct policy__key keys[] = {
		{ "name", true, policy__read_later, AT(name), NULL },
		{ "match", false, policy__read_later, AT(match), NULL },
		{ "decision", true, policy__read_later, AT(decision), NULL },
		{ "retention", false, policy__read_later, AT(retention), NULL },
		{ "area", false, policy__read_later, AT(area), NULL },
	};
#undef AT
	struct rule_load load = { .rule = &policy->rules[policy->rules_count],
				  .policy = policy };
	struct policy__rule *rule = load.rule;

	policy__mapping_read(yaml, node, "a rule", keys, COUNT(keys), &load);
	snprintf(rule->name, sizeof(rule->name), "in line %zu",
		 node->start_mark.line + 1);
	if (load.name)
		policy__name_read(yaml, load.name, "'name'", rule->name);
	if (load.area)
		policy__name_read(yaml, load.area, "'area'", rule->area);
	match_read(yaml, &load);
	if (decision_read(yaml, &load)) {
		rule_retention_read(yaml, node, &load);
		rule_place_check(yaml, node, policy, rule);
	}
	policy->rules_count++;
}

void
policy__rules_read(struct policy__yaml *yaml, yaml_node_t *node,
		   struct policy *policy)
{
	size_t count;

	if (!policy__is_list(yaml, node, "'rules'"))
		return;
	count = (size_t)(node->data.sequence.items.top -
			 node->data.sequence.items.start);
	if (!count)
		policy__complain(yaml, node,
				 "'rules' is an empty list: nothing would be "
				 "recorded");
	policy->rules =
	    policy__items_new(yaml, count, sizeof(policy->rules[0]));
	for (size_t i = 0; policy->rules && i < count; i++)
		rule_read(yaml, policy__value_get(yaml, node, i), policy);
}
