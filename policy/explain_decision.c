/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why it was decided so about one segment. */
#include "policy/explain_priv.h"

#include <string.h>

static void
explain_exempt(const struct policy *policy,
	       const struct policy_decided *decided, FILE *to)
{
	for (size_t i = 0; i < policy->exemptions_count; i++) {
		const struct policy__exemption *x = &policy->exemptions[i];

		if (strcmp(x->name, decided->rule) != 0)
			continue;
		policy__say_field(to, " '", x->name, "' is an exemption");
		policy__say_field(to, "; its reason: ", x->reason, "");
		fputs(".", to);
		policy__say_who_allowed(to, &x->approval);
		fprintf(to, " %s", policy__traces_words(x->traces));
		return;
	}
}

static void
explain_listen_deny(const struct policy *policy,
		    const struct policy_decided *decided, FILE *to)
{
	for (size_t i = 0; i < policy->listen_denies_count; i++) {
		const struct policy__listen_deny *x = &policy->listen_denies[i];

		if (strcmp(x->name, decided->rule) != 0)
			continue;
		policy__say_field(to, " The reason of '", x->name, "'");
		policy__say_field(to, ": ", x->reason, ".");
		policy__say_who_allowed(to, &x->approval);
		return;
	}
}

/* ---- areas --------------------------------------------------------------- */

/** What is wrong with an approval on a day; nothing if nothing is. */
static void
say_lack(const struct policy__approval *approval, const char *what, int64_t day,
	 FILE *to)
{
	if (!approval->given)
		fprintf(to, " The area has no %s.", what);
	else if (approval->approved.set && approval->approved.day > day)
		policy__say_day(to, " Its approval is of ", &approval->approved,
				" only.");
	else if (approval->ends.set && approval->ends.day <= day)
		policy__say_day(to, " Its approval ended on ", &approval->ends,
				".");
}

static const struct policy__area *
area_find(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->areas_count; i++) {
		if (!strcmp(policy->areas[i].name, name))
			return &policy->areas[i];
	}
	return NULL;
}

static void
explain_not_approved(const struct policy *policy,
		     const struct policy_decided *decided, FILE *to)
{
	const struct policy__area *area = area_find(policy, decided->rule);
	struct policy_civil civil;
	int64_t day;

	if (!area)
		return;
	policy_zone_civil(policy->zone, decided->start_ns, &civil);
	day = policy__days_from_civil(civil.year, civil.month, civil.day);
	fprintf(to,
		" The area '%s' may be recorded only when what it needs "
		"is approved.",
		area->name);
	if (area->needs & POLICY__NEED_CASE)
		say_lack(&area->business_case, "business case", day, to);
	if (area->needs & POLICY__NEED_REQUEST)
		say_lack(&area->request, "approved request", day, to);
}

/** Who allowed that the area is recorded. */
static void
explain_area(const struct policy *policy, const struct policy_decided *decided,
	     FILE *to)
{
	const struct policy__area *area = area_find(policy, decided->area);

	if (!area || !area->business_case.given)
		return;
	fprintf(to, " The business case of its area '%s' was approved",
		area->name);
	policy__say_approval(to, &area->business_case);
	policy__say_field(to, ". Its reason: ", area->reason, "");
	fputs(".", to);
}

/* ---- payments ------------------------------------------------------------ */

static void
explain_payment(const struct policy *policy,
		const struct policy_decided *decided, FILE *to)
{
	/* told as what concerns all areas: which it was is known */
	const struct policy__explain e = { .policy = policy,
					   .to = to,
					   .area = policy->areas };

	for (size_t i = 0; i < policy->payments_count; i++) {
		if (strcmp(policy->payments[i].name, decided->rule) != 0)
			continue;
		fputs(" Somebody was paying. ", to);
		policy__say_payment(&e, &policy->payments[i]);
		return;
	}
}

void
policy_explain_decision(const struct policy *policy,
			const struct policy_decided *decided, FILE *to)
{
	const char *reason = decided->reason;

	if (!strcmp(reason, "exempt"))
		explain_exempt(policy, decided, to);
	else if (!strcmp(reason, "not-approved"))
		explain_not_approved(policy, decided, to);
	else if (!strcmp(reason, "payment"))
		explain_payment(policy, decided, to);
	else if (!strcmp(reason, "opt-out"))
		fputs(" The caller did not want to be recorded.", to);
	else if (!strcmp(reason, "unknown-party"))
		fputs(" It is not known who of ours was in it, and not all "
		      "of ours may be recorded.",
		      to);
	else if (!strcmp(reason, "no-rule"))
		fputs(" No rule of the policy fits such a call.", to);
	else if (!strcmp(reason, "listen-deny"))
		explain_listen_deny(policy, decided, to);
	else if (!strcmp(reason, "record"))
		explain_area(policy, decided, to);
}
