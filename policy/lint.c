/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is allowed in a policy, and unwise. Warnings name no telephone number,
 * since they are logged.
 */
#include "policy/policy_priv.h"
#include "policy/schema_priv.h"

#include <string.h>

struct lint {
	const struct policy *policy;
	int64_t today; /**< in the organisation's zone, since 1970-01-01 */
	struct policy_errors *warnings;
};

#define WARN(lint, at, ...)                                                    \
	policy__complain_at((lint)->warnings, (at).line, (at).column,          \
			    __VA_ARGS__)

#define DATE_BYTES 11

/** "2022-09-30" */
static const char *
date_text(const struct policy__date *date, char text[DATE_BYTES])
{
	int64_t day = date->day, year = 1900; /* see policy__date_parse */
	unsigned month = 12;

	while (policy__days_from_civil(year + 1, 1, 1) <= day)
		year++;
	while (policy__days_from_civil(year, month, 1) > day)
		month--;
	day -= policy__days_from_civil(year, month, 1);
	snprintf(text, DATE_BYTES, "%04u-%02u-%02u", (unsigned)year % 10000,
		 month, (unsigned)(day + 1) % 100);
	return text;
}

static bool
set_has(const struct policy__set *set, size_t item)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->items[middle] < item)
			low = middle + 1;
		else
			high = middle;
	}
	return set->all || (low < set->count && set->items[low] == item);
}

/* ---- approvals ----------------------------------------------------------- */

static void
review_lint(struct lint *lint, struct policy__place at,
	    const struct policy__date *review_by, const char *what)
{
	char date[DATE_BYTES];

	if (review_by->set && review_by->day < lint->today)
		WARN(lint, at, "%s was to be reviewed by %s", what,
		     date_text(review_by, date));
}

static bool
ended(const struct lint *lint, const struct policy__approval *approval)
{
	return approval->ends.set && approval->ends.day <= lint->today;
}

/** @param no_more what is so after its end */
static void
approval_lint(struct lint *lint, const struct policy__approval *approval,
	      const char *what, const char *no_more)
{
	char date[DATE_BYTES];

	review_lint(lint, approval->at, &approval->review_by, what);
	if (ended(lint, approval))
		WARN(lint, approval->at, "%s ended on %s: %s", what,
		     date_text(&approval->ends, date), no_more);
}

static void
approvals_lint(struct lint *lint)
{
	const struct policy *policy = lint->policy;
	char what[80];

	review_lint(lint, policy->document.at, &policy->document.review_by,
		    "this policy");
	for (size_t i = 0; i < policy->exemptions_count; i++) {
		const struct policy__exemption *e = &policy->exemptions[i];

		snprintf(what, sizeof(what), "the exemption '%s'", e->name);
		approval_lint(lint, &e->approval, what, "it exempts no more");
		if (policy->document.given && !e->approval.proposed_by[0])
			WARN(lint, e->at, "%s does not say who proposed it",
			     what);
		if (policy->document.given && !e->approval.approved_by[0])
			WARN(lint, e->at, "%s does not say who approved it",
			     what);
	}
	for (size_t i = 0; i < policy->listen_denies_count; i++) {
		const struct policy__listen_deny *d = &policy->listen_denies[i];

		snprintf(what, sizeof(what), "'%s' of 'listen_deny'", d->name);
		approval_lint(lint, &d->approval, what,
			      "it bars nobody from listening");
	}
}

/* ---- areas --------------------------------------------------------------- */

static void
need_lint(struct lint *lint, const struct policy__area *area,
	  const struct policy__approval *approval, const char *what)
{
	char date[DATE_BYTES];

	if (!approval->given)
		WARN(lint, area->at,
		     "the area '%s' needs a %s and has none: calls of it are "
		     "not recorded",
		     area->name, what);
	else if (ended(lint, approval))
		WARN(lint, approval->at,
		     "the %s of the area '%s' ended on %s: calls of it are "
		     "not recorded",
		     what, area->name, date_text(&approval->ends, date));
	else if (approval->approved.day > lint->today)
		WARN(lint, approval->at,
		     "the %s of the area '%s' is approved from %s on: until "
		     "then calls of it are not recorded",
		     what, area->name, date_text(&approval->approved, date));
}

static void
payments_lint(struct lint *lint, size_t index)
{
	const struct policy *policy = lint->policy;
	const struct policy__area *area = &policy->areas[index];

	if (!area->payments[0] || !strcmp(area->payments, "no"))
		return;
	for (size_t i = 0; i < policy->payments_count; i++) {
		if (set_has(&policy->payments[i].areas, index))
			return;
	}
	WARN(lint, area->at,
	     "the area '%s' takes payments, and no entry of 'payments' keeps "
	     "them out of its recordings",
	     area->name);
}

/** Is all of an area recorded, whatever its people do? */
static bool
always_recorded(const struct policy *policy, size_t index)
{
	for (size_t i = 0; i < policy->rules_count; i++) {
		const struct policy__rule *rule = &policy->rules[i];

		if (rule->decision == POLICY_RECORD && !rule->kinds &&
		    !rule->has_queues && !rule->has_numbers &&
		    !rule->has_from && !rule->has_to && rule->sites.all &&
		    set_has(&rule->areas, index))
			return true;
	}
	return false;
}

static void
exemption_found(void *ctx, enum policy__named what, uint32_t index)
{
	(void)index;
	if (what == POLICY__NAMED_EXEMPTION)
		*(bool *)ctx = true;
}

static bool
is_exempt(const struct policy *policy, const char *number)
{
	bool exempt = false;

	policy__lookup_each(policy, number, exemption_found, &exempt);
	for (size_t i = 0; i < policy->rules_count && !exempt; i++) {
		const struct policy__rule *rule = &policy->rules[i];

		exempt = rule->decision == POLICY_DROP && rule->has_numbers &&
			 policy__patterns_fit(&rule->numbers, number);
	}
	return exempt;
}

static void
confidential_lint(struct lint *lint, size_t index)
{
	const struct policy *policy = lint->policy;
	const struct policy__area *area = &policy->areas[index];
	const struct policy__patterns *numbers = &area->confidential;

	if (!numbers->count && always_recorded(policy, index))
		WARN(lint, area->at,
		     "the rules record the area '%s' without exception, and "
		     "its people have no extension that is not recorded "
		     "('confidential')",
		     area->name);
	for (size_t i = 0; i < numbers->count; i++) {
		const struct policy__pattern *pattern = &numbers->items[i];

		if (is_exempt(policy, pattern->first) &&
		    (pattern->kind != POLICY__RANGE ||
		     is_exempt(policy, pattern->last)))
			continue;
		WARN(lint, area->at,
		     "a confidential extension of the area '%s' is in no "
		     "exemption: it is recorded",
		     area->name);
		return;
	}
}

/**
 * A number that shows whether another list has one of these too: if they have
 * a number in common, at least one of the two shows it.
 *
 * @param k 0, 1, ...: of a prefix, of every length
 * @return false: there is no such k
 */
static bool
probe(const struct policy__pattern *pattern, size_t k,
      char number[POLICY_NUMBER_BYTES])
{
	size_t n = strlen(pattern->first);

	if ((k && pattern->kind != POLICY__PREFIX) ||
	    n + k >= POLICY_NUMBER_BYTES)
		return false;
	memcpy(number, pattern->first, n);
	memset(number + n, '0', k);
	number[n + k] = '\0';
	return true;
}

/** Do the first patterns of a list, and the first probes of the one after
 * them, show that another one has a number of them too? */
static bool
shown(const struct policy__patterns *of, size_t patterns, size_t probes,
      const struct policy__patterns *other)
{
	char number[POLICY_NUMBER_BYTES];

	for (size_t i = 0; i < of->count && i <= patterns; i++)
		for (size_t k = 0; (i < patterns || k < probes) &&
				   probe(&of->items[i], k, number);
		     k++)
			if (policy__patterns_fit(other, number))
				return true;
	return false;
}

/** Who looks a number of an area up. */
struct both {
	struct lint *lint;
	size_t area;
	size_t patterns, probes; /**< that were looked up before */
	const char *number;
};

/* Each two areas are told once. That all telephones of a site are an area's
 * names none of them. */
static void
in_both(void *ctx, enum policy__named what, uint32_t index)
{
	const struct both *both = ctx;
	const struct policy__area *areas = both->lint->policy->areas;
	const struct policy__area *one = &areas[both->area];
	const struct policy__area *other = &areas[index];

	if (what != POLICY__NAMED_EXTENSION || index == both->area ||
	    !policy__patterns_fit(&other->extensions, both->number) ||
	    shown(&one->extensions, both->patterns, both->probes,
		  &other->extensions) ||
	    (index < both->area &&
	     shown(&other->extensions, other->extensions.count, 0,
		   &one->extensions)))
		return;
	if (index > both->area) {
		other = one;
		one = &areas[index];
	}
	WARN(both->lint, one->at,
	     "an extension of the area '%s' is one of the area '%s' too (line "
	     "%u): its calls are of both",
	     one->name, other->name, other->at.line);
}

static void
extensions_lint(struct lint *lint, size_t index)
{
	const struct policy__patterns *of =
	    &lint->policy->areas[index].extensions;
	char number[POLICY_NUMBER_BYTES];
	struct both both = { .lint = lint, .area = index, .number = number };

	for (; both.patterns < of->count; both.patterns++)
		for (both.probes = 0;
		     probe(&of->items[both.patterns], both.probes, number);
		     both.probes++)
			policy__lookup_each(lint->policy, number, in_both,
					    &both);
}

static void
areas_lint(struct lint *lint)
{
	char what[96];

	for (size_t i = 0; i < lint->policy->areas_count; i++) {
		const struct policy__area *area = &lint->policy->areas[i];

		if (area->needs & POLICY__NEED_CASE)
			need_lint(lint, area, &area->business_case,
				  "business case");
		if (area->needs & POLICY__NEED_REQUEST)
			need_lint(lint, area, &area->request, "request");
		snprintf(what, sizeof(what),
			 "the business case of the area '%s'", area->name);
		review_lint(lint, area->business_case.at,
			    &area->business_case.review_by, what);
		snprintf(what, sizeof(what), "the request for the area '%s'",
			 area->name);
		review_lint(lint, area->request.at, &area->request.review_by,
			    what);
		payments_lint(lint, i);
		confidential_lint(lint, i);
		extensions_lint(lint, i);
	}
}

/* ---- retention ----------------------------------------------------------- */

/* Nobody should learn by a full disk that calls of the same day may go. */
static void
retention_lint(struct lint *lint)
{
	for (size_t i = 0; i < lint->policy->classes_count; i++) {
		const struct policy__class *class = &lint->policy->classes[i];

		if (class->gives_way && !class->has_min)
			WARN(lint, class->at,
			     "the class '%s' gives way and has no 'min': where "
			     "the disk fills, calls of the same day may be "
			     "deleted",
			     class->name);
	}
}

/* ---- people -------------------------------------------------------------- */

static void
people_lint(struct lint *lint)
{
	const struct policy *policy = lint->policy;

	for (size_t i = 0; i < policy->roles_count; i++) {
		const struct policy__role *role = &policy->roles[i];

		if (!role->users.count && !role->groups.count)
			WARN(lint, role->at, "nobody holds the role '%s'",
			     role->name);
	}
	for (size_t i = 0; i < policy->announced_count; i++) {
		const struct policy__announced *a = &policy->announced[i];

		if (!a->announced && !a->actions[0])
			WARN(lint, a->at,
			     "callers of these numbers are not told that they "
			     "are recorded, and nothing is done instead "
			     "('actions')");
	}
}

void
policy_lint(const struct policy *policy, int64_t now_ns,
	    struct policy_errors *warnings)
{
	struct lint lint = { .policy = policy, .warnings = warnings };
	struct policy_civil now;

	memset(warnings, 0, sizeof(*warnings));
	policy_zone_civil(policy->zone, now_ns, &now);
	lint.today = policy__days_from_civil(now.year, now.month, now.day);
	approvals_lint(&lint);
	areas_lint(&lint);
	retention_lint(&lint);
	people_lint(&lint);
	policy__errors_sort(warnings);
}
