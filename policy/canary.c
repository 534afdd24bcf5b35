/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The payments of a policy, and examples of numbers that it names: what a test
 * call needs that is to come to a payment.
 */
#include "policy/policy_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/** Of one range, evenly spread; and of what begins alike. */
#define EXAMPLES_EACH 8

/** Digits that are counted with; what is longer has its ends as examples. */
#define COUNTED_DIGITS 18

/** A number of this length is one that can be dialled from abroad. */
#define NUMBER_DIGITS 12

struct examples {
	const struct policy *policy;
	char (*numbers)[POLICY_NUMBER_BYTES];
	size_t count, most;
};

bool
policy_payment_peek(const struct policy *policy, size_t i,
		    struct policy_payment *payment)
{
	const struct policy__payment *from;

	memset(payment, 0, sizeof(*payment));
	if (i >= policy->payments_count)
		return false;
	from = &policy->payments[i];
	payment->name = from->name;
	payment->keys = from->keys;
	payment->resume_keys = from->resume_keys;
	payment->header = from->header;
	payment->header_value = from->header_value;
	payment->info = from->info;
	payment->info_value = from->info_value;
	payment->hold = from->hold;
	payment->tones = from->tones;
	payment->card_numbers = from->card_numbers;
	payment->lookback_ns = from->lookback_ns;
	payment->after_ns =
	    from->resume == POLICY__RESUME_AFTER ? from->after_ns : 0;
	if (!policy_payment_examples(policy, i, POLICY_EXAMPLE_TARGET,
				     &payment->target, 1))
		payment->target[0] = '\0';
	return true;
}

static void
example_add(struct examples *examples, const char *number)
{
	if (examples->count == examples->most)
		return;
	for (size_t i = 0; i < examples->count; i++) {
		if (!strcmp(examples->numbers[i], number))
			return;
	}
	snprintf(examples->numbers[examples->count++], POLICY_NUMBER_BYTES,
		 "%s", number);
}

static void
add_range(struct examples *examples, const struct policy__pattern *pattern)
{
	bool plus = pattern->first[0] == '+';
	int digits = (int)strlen(pattern->first + plus);
	char number[POLICY_NUMBER_BYTES];
	uint64_t first, last;

	example_add(examples, pattern->first);
	if (digits <= COUNTED_DIGITS) {
		first = strtoull(pattern->first + plus, NULL, 10);
		last = strtoull(pattern->last + plus, NULL, 10);
		for (uint32_t i = 1; i < EXAMPLES_EACH; i++) {
			snprintf(number, sizeof(number), "%s%0*" PRIu64,
				 plus ? "+" : "", digits,
				 first + (last - first) / EXAMPLES_EACH * i);
			example_add(examples, number);
		}
	}
	example_add(examples, pattern->last);
}

/** What begins so, as long as one of ours, or as any in the world. */
static void
add_prefix(struct examples *examples, const char *prefix)
{
	const struct policy__numbering *numbering =
	    &examples->policy->numbering;
	size_t n = strlen(prefix), least;
	char number[POLICY_NUMBER_BYTES];

	least = prefix[0] == '+' || n > numbering->extension_max
		    ? NUMBER_DIGITS + 1
		    : numbering->extension_max;
	if (least <= n)
		least = n + 1;
	if (least >= sizeof(number))
		return;
	for (uint32_t i = 0; i < EXAMPLES_EACH; i++) {
		memset(number, '0', least);
		memcpy(number, prefix, n);
		number[least - 1] = (char)('0' + i);
		number[least] = '\0';
		example_add(examples, number);
	}
}

static void
add_patterns(struct examples *examples, const struct policy__patterns *patterns)
{
	for (size_t i = 0;
	     i < patterns->count && examples->count < examples->most; i++) {
		const struct policy__pattern *pattern = &patterns->items[i];

		switch (pattern->kind) {
		case POLICY__EXACT:
			example_add(examples, pattern->first);
			break;
		case POLICY__RANGE:
			add_range(examples, pattern);
			break;
		case POLICY__PREFIX:
			add_prefix(examples, pattern->first);
			break;
		}
	}
}

/* ---- of a payment -------------------------------------------------------- */

static bool
set_has(const struct policy__set *set, size_t index)
{
	for (size_t i = 0; i < set->count; i++) {
		if (set->items[i] == index)
			return true;
	}
	return set->all;
}

static void
add_extensions(struct examples *examples, const struct policy__area *area)
{
	const struct policy *policy = examples->policy;

	add_patterns(examples, &area->extensions);
	for (size_t i = 0; area->has_sites && i < policy->sites_count; i++) {
		if (set_has(&area->sites, i))
			add_patterns(examples, &policy->sites[i].extensions);
	}
}

static void
add_areas(struct examples *examples, const struct policy__set *areas,
	  enum policy_example what)
{
	const struct policy *policy = examples->policy;

	for (size_t i = 0; i < policy->areas_count; i++) {
		if (!set_has(areas, i))
			continue;
		if (what == POLICY_EXAMPLE_QUEUE)
			add_patterns(examples, &policy->areas[i].queues);
		else
			add_extensions(examples, &policy->areas[i]);
	}
}

static void
add_rules(struct examples *examples)
{
	const struct policy *policy = examples->policy;

	for (size_t i = 0; i < policy->rules_count; i++) {
		const struct policy__rule *rule = &policy->rules[i];

		if (rule->decision == POLICY_DROP)
			continue;
		add_patterns(examples, &rule->numbers);
		add_patterns(examples, &rule->to);
		add_patterns(examples, &rule->from);
	}
}

/** Numbers of ours of which the policy says no more. */
static void
add_ours(struct examples *examples)
{
	const struct policy__numbering *numbering =
	    &examples->policy->numbering;
	char number[POLICY_NUMBER_BYTES];

	add_patterns(examples, &numbering->internal);
	for (size_t i = 0; i < examples->policy->sites_count; i++)
		add_patterns(examples, &examples->policy->sites[i].extensions);
	for (uint32_t n = numbering->extension_min;
	     n <= numbering->extension_max && n < 16; n++) {
		for (int first = 2; first < 9; first++) {
			snprintf(number, sizeof(number), "%d%0*d", first,
				 (int)n - 1, 1);
			example_add(examples, number);
		}
	}
}

/** Nobody has these: 01632 960000 to 960999 are set aside for stories. */
static void
add_outside(struct examples *examples)
{
	char number[POLICY_NUMBER_BYTES];

	for (int i = 1; i <= 2; i++) {
		snprintf(number, sizeof(number), "+%s163296000%d",
			 examples->policy->numbering.country[0]
			     ? examples->policy->numbering.country
			     : "44",
			 i);
		example_add(examples, number);
	}
}

size_t
policy_payment_examples(const struct policy *policy, size_t i,
			enum policy_example what,
			char (*numbers)[POLICY_NUMBER_BYTES], size_t most)
{
	struct examples examples = { .policy = policy,
				     .numbers = numbers,
				     .most = most };
	const struct policy__payment *payment = &policy->payments[i];

	switch (what) {
	case POLICY_EXAMPLE_TARGET:
		add_patterns(&examples, &payment->targets);
		break;
	case POLICY_EXAMPLE_QUEUE:
		add_areas(&examples, &payment->areas, what);
		break;
	case POLICY_EXAMPLE_INSIDE:
		add_areas(&examples, &payment->areas, what);
		add_ours(&examples);
		add_rules(&examples);
		break;
	case POLICY_EXAMPLE_OUTSIDE:
		add_outside(&examples);
		add_rules(&examples);
		break;
	}
	return examples.count;
}
