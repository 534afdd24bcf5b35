/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The section 'areas', and approvals wherever they stand. */
#include "policy/load_priv.h"

#include <string.h>

void
policy__approval_check(struct policy__yaml *yaml, const yaml_node_t *node,
		       const char *what,
		       const struct policy__approval *approval)
{
	const struct policy__date *approved = &approval->approved;

	if (!approved->set)
		return;
	if (approval->ends.set && approval->ends.day <= approved->day)
		policy__complain(yaml, policy__value_of(yaml, node, "ends"),
				 "%s: 'ends' must be after 'approved'", what);
	if (approval->review_by.set && approval->review_by.day < approved->day)
		policy__complain(yaml,
				 policy__value_of(yaml, node, "review_by"),
				 "%s: 'review_by' is before 'approved'", what);
}

static void
read_case(struct policy__yaml *yaml, yaml_node_t *value,
	  const struct policy__key *key, void *into)
{
#define AT(m) offsetof(struct policy__area, m)
	static const struct policy__key keys[] = {
		{ "reason", true, policy__read_text, AT(reason), NULL },
		{ "security", true, policy__read_text, AT(security), NULL },
		{ "governance", true, policy__read_text, AT(governance), NULL },
		{ "consultation", true, policy__read_text, AT(consultation),
		  NULL },
		{ "access", true, policy__read_text, AT(access), NULL },
		POLICY__APPROVAL_KEYS(struct policy__area, business_case, true),
	};
#undef AT
	struct policy__area *area = into;

	policy__entry_read(yaml, value, "'business_case'", keys, COUNT(keys),
			   area);
	if (!value)
		return;
	area->business_case.given = true;
	area->business_case.at = policy__place_of(value);
	policy__approval_check(yaml, value, "'business_case'",
			       &area->business_case);
}

static void
read_request(struct policy__yaml *yaml, yaml_node_t *value,
	     const struct policy__key *key, void *into)
{
	static const struct policy__key keys[] = {
		POLICY__APPROVAL_KEYS(struct policy__area, request, true),
	};
	struct policy__area *area = into;

	policy__entry_read(yaml, value, "'request'", keys, COUNT(keys), area);
	if (!value)
		return;
	area->request.given = true;
	area->request.at = policy__place_of(value);
	policy__approval_check(yaml, value, "'request'", &area->request);
}

/** Kept as one text, "card, bank"; "no" stands alone. */
static void
read_payments(struct policy__yaml *yaml, yaml_node_t *value,
	      const struct policy__key *key, void *into)
{
	static const char *const words[] = { "card", "bank", "no" };
	static const struct policy__words payments = { COUNT(words), words };
	static const char *const texts[] = { "", "card", "bank", "card, bank",
					     "no" };
	const struct policy__key bits_key = { .name = key->name,
					      .arg = &payments };
	uint32_t bits = 0;

	policy__read_bits(yaml, value, &bits_key, &bits);
	if (bits < COUNT(texts))
		((struct policy__area *)into)->payments = texts[bits];
	else
		policy__complain(yaml, value,
				 "'payments' is both 'no' and something else");
}

void
policy__read_needs(struct policy__yaml *yaml, yaml_node_t *value,
		   const struct policy__key *key, void *into)
{
	static const char *const words[] = { "business_case", "request",
					     "nothing" };
	static const struct policy__words needs = { COUNT(words), words };
	const struct policy__key bits_key = { .name = key->name,
					      .arg = &needs };
	uint32_t bits = 0;

	policy__read_bits(yaml, value, &bits_key, &bits);
	if (bits > 4)
		policy__complain(yaml, value,
				 "'%s' is both 'nothing' and something else",
				 key->name);
	*(uint32_t *)policy__key_member(key, into) = bits & 3;
}

static void
area_read(struct policy__yaml *yaml, yaml_node_t *node, void *entry)
{
#define AT(m) offsetof(struct policy__area, m)
	static const struct policy__key keys[] = {
		{ "extensions", false, policy__read_numbers, AT(extensions),
		  NULL },
		{ "queues", false, policy__read_numbers, AT(queues), NULL },
		{ "sites", false, policy__read_sites, AT(sites), NULL },
		{ "needs", false, policy__read_needs, AT(needs), NULL },
		{ "business_case", false, read_case, 0, NULL },
		{ "request", false, read_request, 0, NULL },
		{ "manager", false, policy__read_text, AT(manager), NULL },
		{ "payments", false, read_payments, 0, NULL },
		{ "confidential", false, policy__read_numbers, AT(confidential),
		  NULL },
	};
#undef AT
	uint32_t before = yaml->errors->count;
	struct policy__area *area = entry;
	char what[POLICY__WHAT_BYTES];

	snprintf(what, sizeof(what), "the area '%s'", area->name);
	read_case(yaml, NULL, NULL, area);
	read_request(yaml, NULL, NULL, area);
	area->payments = "";
	area->needs = yaml->load->needs;
	policy__entry_read(yaml, node, what, keys, COUNT(keys), area);
	area->sites.all = false;
	area->has_sites = area->sites.items;
	if (yaml->errors->count == before && !area->extensions.count &&
	    !area->queues.count && !area->sites.count)
		policy__complain(yaml, node,
				 "%s needs 'extensions', 'queues' or 'sites': "
				 "no call belongs to it",
				 what);
}

void
policy__areas_read(struct policy__yaml *yaml, yaml_node_t *node,
		   struct policy *policy)
{
	static const struct policy__list list = { "'areas'", "area",
						  sizeof(struct policy__area),
						  area_read };

	policy->areas = policy__map_read(
	    yaml, node, &list, &policy->areas_count, &yaml->load->areas);
}
