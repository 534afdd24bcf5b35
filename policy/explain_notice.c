/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Notices: for staff who are recorded, and for who calls them. */
#include "policy/explain_priv.h"

#include <string.h>

/** Calls whose rule fits at one of these may be with somebody outside. */
#define OUTSIDE (1U << POLICY_IN | 1U << POLICY_OUT)

/** Is an area of the rule, or what is of none, recorded today? */
static bool
is_in_effect(const struct policy__explain *e, const struct policy__rule *rule)
{
	const struct policy *p = e->policy;

	for (size_t i = 0; i < p->areas_count && !rule->areas.all; i++) {
		if (policy__set_has(&rule->areas, i) &&
		    !policy__area_lacks(e, &p->areas[i]))
			return true;
	}
	return rule->areas.all;
}

static bool
rule_concerns(const struct policy__explain *e, const struct policy__rule *rule)
{
	return policy__rule_records(rule) &&
	       policy__concerns(e, &rule->areas) && is_in_effect(e, rule);
}

static void
say_purposes(const struct policy__explain *e)
{
	const struct policy *p = e->policy;

	for (size_t i = 0; i < p->purposes_count; i++)
		fprintf(e->to, "%s%s",
			policy__joint(i, p->purposes_count, "and"),
			p->purposes[i].name);
}

/** Does a rule that concerns the reader keep recordings by this class? */
static bool
class_is_used(const struct policy__explain *e,
	      const struct policy__class *class)
{
	for (size_t i = 0; i < e->policy->rules_count; i++) {
		const struct policy__rule *rule = &e->policy->rules[i];

		if (rule_concerns(e, rule) &&
		    !strcmp(rule->retention, class->name))
			return true;
	}
	return false;
}

static bool
is_as_long(const struct policy__duration *a, const struct policy__duration *b)
{
	return a->days == b->days && a->months == b->months;
}

/** Is it the first used class of its times? Names do not matter here. */
static bool
class_is_told(const struct policy__explain *e, size_t at)
{
	const struct policy__class *all = e->policy->classes, *one = &all[at];

	if (!class_is_used(e, one))
		return false;
	for (size_t i = 0; i < at; i++) {
		if (class_is_used(e, &all[i]) &&
		    is_as_long(&all[i].max, &one->max) &&
		    all[i].has_min == one->has_min &&
		    all[i].gives_way == one->gives_way &&
		    is_as_long(&all[i].min, &one->min))
			return false;
	}
	return true;
}

/** "Recordings are kept for ..."; several times: "..., or for ...". */
static void
say_kept(const struct policy__explain *e)
{
	const struct policy *p = e->policy;
	size_t said = 0;

	fputs("Recordings are kept ", e->to);
	for (size_t i = 0; i < p->classes_count; i++) {
		if (!class_is_told(e, i))
			continue;
		fputs(said++ ? ", or " : "", e->to);
		policy__say_kept(e, p->classes[i].name);
	}
	if (said > 1)
		fputs(", depending on the call", e->to);
	fputs(", counted from the start of the call, and are then deleted "
	      "automatically. One that is needed for a case, such as a "
	      "complaint or a claim, or that somebody who is in it has asked "
	      "for, is held until that is over, and deleted then.",
	      e->to);
}

static const struct policy__payment *
next_payment(const struct policy__explain *e, size_t *i)
{
	for (; *i < e->policy->payments_count; (*i)++) {
		if (policy__concerns(e, &e->policy->payments[*i].areas))
			return &e->policy->payments[(*i)++];
	}
	return NULL;
}

static bool
has_opt_out(const struct policy__explain *e)
{
	return e->policy->opt_out.given &&
	       policy__concerns(e, &e->policy->opt_out.areas);
}

static void
heading(struct policy__explain *e, const char *text)
{
	char area[160];

	snprintf(area, sizeof(area), "%s: %s", text,
		 e->area ? e->area->name : "");
	policy__heading(e, e->area ? area : text);
}

/* ---- for staff ----------------------------------------------------------- */

static void
staff_why(struct policy__explain *e)
{
	const struct policy *p = e->policy;

	policy__heading(e, "Why, and what for");
	policy__paragraph(e);
	fputs("Recordings are made for these purposes, and used for nothing "
	      "else: ",
	      e->to);
	say_purposes(e);
	fputs(".", e->to);
	if (e->area)
		policy__say_field(e->to, " In this area: ", e->area->reason,
				  ".");
	policy__say_field(e->to, " The law: ", p->document.law, ".");
	policy__explain_end(e);
	for (size_t i = 0; i < p->purposes_count; i++) {
		const struct policy__purpose *one = &p->purposes[i];

		if (!one->needs_case && !one->needs_approver &&
		    !one->needs_advice && !one->authorisers.count &&
		    !one->play_only)
			continue;
		policy__item(e);
		policy__say_purpose_needs(e, one);
		policy__explain_end(e);
	}
}

static void
staff_areas(struct policy__explain *e)
{
	for (size_t i = 0; i < e->policy->areas_count; i++) {
		const struct policy__area *area = &e->policy->areas[i];
		const char *lacks = policy__area_lacks(e, area);

		if (!policy__concerns_area(e, i))
			continue;
		policy__item(e);
		fprintf(e->to, "%s: ", area->name);
		policy__say_area_numbers(e, area);
		if (lacks)
			fprintf(e->to, "; not recorded, since %s", lacks);
		fputs(".", e->to);
		policy__explain_end(e);
	}
}

static void
staff_exemptions(struct policy__explain *e)
{
	const struct policy *p = e->policy;

	if (!p->exemptions_count)
		return;
	policy__paragraph(e);
	fputs("Calls with these numbers are not recorded, whoever calls:",
	      e->to);
	policy__explain_end(e);
	for (size_t i = 0; i < p->exemptions_count; i++) {
		const struct policy__exemption *x = &p->exemptions[i];

		if (!policy__holds(e, &x->approval))
			continue;
		policy__item(e);
		policy__say_numbers(e->to, p, &x->numbers, "and");
		fprintf(e->to, " (%s)", x->name);
		policy__say_field(e->to, ": ", x->reason, "");
		fputs(".", e->to);
		policy__explain_end(e);
	}
}

/** Which areas of a rule are not recorded today, for all it says. */
static void
staff_not_yet(struct policy__explain *e, const struct policy__rule *rule)
{
	for (size_t i = 0; i < e->policy->areas_count; i++) {
		const struct policy__area *area = &e->policy->areas[i];
		const char *lacks = policy__area_lacks(e, area);

		if (lacks && policy__concerns_area(e, i) &&
		    policy__set_has(&rule->areas, i))
			fprintf(e->to,
				" No call of the area %s is recorded before "
				"that is approved: %s.",
				area->name, lacks);
	}
}

static void
staff_calls(struct policy__explain *e)
{
	const struct policy *p = e->policy;

	policy__heading(e, "Which calls");
	for (size_t i = 0; i < p->rules_count; i++) {
		const struct policy__rule *rule = &p->rules[i];

		if (!policy__concerns(e, &rule->areas))
			continue;
		policy__item(e);
		if (!policy__rule_records(rule))
			fputs("Not recorded: ", e->to);
		else if (!is_in_effect(e, rule))
			fputs("Not recorded yet: ", e->to);
		policy__say_rule_calls(e, rule, rule_concerns(e, rule));
		if (rule->decision == POLICY_LISTEN_DENY)
			fputs(", to which nobody may listen", e->to);
		fputs(".", e->to);
		policy__say_rule_parts(e, rule);
		if (policy__rule_records(rule))
			staff_not_yet(e, rule);
		policy__explain_end(e);
	}
	if (p->areas_count) {
		policy__paragraph(e);
		fputs(e->area || p->areas_count == 1 ? "The area:"
						     : "The areas:",
		      e->to);
		policy__explain_end(e);
		staff_areas(e);
	}
	staff_exemptions(e);
}

static void
staff_confidential(struct policy__explain *e)
{
	const struct policy *p = e->policy;
	size_t said = 0;

	policy__heading(e, "Calls that are not to be recorded");
	policy__paragraph(e);
	fputs("The recorder cannot tell a personal call from another: on a "
	      "recorded telephone both are recorded.",
	      e->to);
	policy__explain_end(e);
	for (size_t i = 0; i < p->areas_count; i++) {
		const struct policy__area *area = &p->areas[i];

		if (!policy__concerns_area(e, i) || !area->confidential.count ||
		    !policy__all_exempt(e, &area->confidential))
			continue;
		if (!said++) {
			policy__paragraph(e);
			fputs("For calls that are not to be recorded there "
			      "are these telephones:",
			      e->to);
			policy__explain_end(e);
		}
		policy__item(e);
		fprintf(e->to, "%s: ", area->name);
		policy__say_numbers(e->to, p, &area->confidential, "and");
		fputs(".", e->to);
		policy__explain_end(e);
	}
}

static void
staff_payments(struct policy__explain *e)
{
	const struct policy__payment *payment;
	size_t i = 0, said = 0;

	while ((payment = next_payment(e, &i))) {
		if (!said++)
			policy__heading(e, "Payments");
		policy__item(e);
		policy__say_payment(e, payment);
		policy__explain_end(e);
	}
	if (!has_opt_out(e))
		return;
	policy__heading(e, "Callers who do not want to be recorded");
	policy__paragraph(e);
	policy__say_opt_out(e);
	policy__explain_end(e);
}

/** Grants of at least one of these rights. */
static void
staff_grants(struct policy__explain *e, uint32_t rights)
{
	const struct policy *p = e->policy;

	for (size_t i = 0; i < p->grants_count; i++) {
		const struct policy__grant *grant = &p->grants[i];

		if (!policy__concerns(e, &grant->areas) ||
		    !(grant->rights & rights))
			continue;
		policy__item(e);
		policy__say_grant(e, grant, rights);
		policy__explain_end(e);
	}
}

static bool
has_grant(const struct policy__explain *e, uint32_t rights)
{
	const struct policy *p = e->policy;

	for (size_t i = 0; i < p->grants_count; i++)
		if (policy__concerns(e, &p->grants[i].areas) &&
		    p->grants[i].rights & rights)
			return true;
	return false;
}

static void
staff_access(struct policy__explain *e)
{
	const uint32_t listen = 1U << POLICY_RIGHT_PLAY |
				1U << POLICY_RIGHT_EXPORT |
				1U << POLICY_RIGHT_SHARE;
	const uint32_t delete = 1U << POLICY_RIGHT_DELETE;
	const struct policy *p = e->policy;

	policy__heading(e, "Who may listen");
	staff_grants(e, listen);
	policy__paragraph(e);
	fputs("Besides, every right is with ", e->to);
	policy__say_names(e->to, &p->owners, "and");
	fputs(". Who listens, and what for, is written down each time.", e->to);
	policy__explain_end(e);
	for (size_t i = 0; i < p->releases_count; i++) {
		policy__item(e);
		fputs("Release: ", e->to);
		policy__say_release(e, &p->releases[i]);
		policy__explain_end(e);
	}
	if (!has_grant(e, delete))
		return;
	policy__paragraph(e);
	fputs("Those who may delete what is past its time, or take a part out "
	      "of a recording, need not be among those who may listen:",
	      e->to);
	policy__explain_end(e);
	staff_grants(e, delete);
}

static void
staff_kept(struct policy__explain *e)
{
	policy__heading(e, "How long recordings are kept");
	policy__paragraph(e);
	say_kept(e);
	policy__explain_end(e);
}

static void
staff_reminders(struct policy__explain *e)
{
	const struct policy *p = e->policy;

	if (p->reminders_count)
		policy__heading(e, "Reminders");
	for (size_t i = 0; i < p->reminders_count; i++) {
		policy__item(e);
		policy__say_reminder(e, &p->reminders[i]);
		policy__explain_end(e);
	}
}

/** Is anything recorded of what the reader asked about? */
static bool
is_recorded(const struct policy__explain *e, uint32_t routes)
{
	if (e->area && policy__area_lacks(e, e->area))
		return false;
	for (size_t i = 0; i < e->policy->rules_count; i++) {
		const struct policy__rule *rule = &e->policy->rules[i];

		if (rule_concerns(e, rule) && rule->routes & routes)
			return true;
	}
	return false;
}

static void
not_recorded(struct policy__explain *e)
{
	const char *lacks = e->area ? policy__area_lacks(e, e->area) : NULL;

	policy__paragraph(e);
	policy__say_first(e->to, e->policy->organisation);
	fprintf(e->to, " does not record %s telephone calls",
		e->area ? "these" : "your");
	if (lacks)
		fprintf(e->to, ": %s", lacks);
	fputs(".", e->to);
	policy__explain_end(e);
}

void
policy__explain_staff(struct policy__explain *e)
{
	const struct policy *p = e->policy;

	heading(e, "Recording of telephone calls: notice to staff");
	if (!is_recorded(e, UINT32_MAX)) {
		not_recorded(e);
		return;
	}
	policy__paragraph(e);
	policy__say_first(e->to, p->organisation);
	fputs(" records telephone calls. This notice says which, what for, "
	      "who may listen, and for how long recordings are kept.",
	      e->to);
	policy__explain_end(e);
	staff_why(e);
	staff_calls(e);
	staff_confidential(e);
	staff_payments(e);
	staff_access(e);
	staff_kept(e);
	staff_reminders(e);
	if (!policy__has(p->document.contact))
		return;
	policy__heading(e, "Questions and complaints");
	policy__paragraph(e);
	policy__say_field(e->to, "", p->document.contact, ".");
	policy__explain_end(e);
}

/* ---- for callers --------------------------------------------------------- */

/** Is only part of the calls with somebody outside recorded? */
static bool
is_partial(const struct policy__explain *e)
{
	for (size_t i = 0; i < e->policy->rules_count; i++) {
		const struct policy__rule *rule = &e->policy->rules[i];

		if (rule_concerns(e, rule) && rule->routes & OUTSIDE &&
		    rule->sites.all && !rule->has_queues &&
		    !rule->has_numbers && !rule->has_from && !rule->has_to &&
		    !rule->logged_in)
			return false;
	}
	return true;
}

/** Areas of the rules; none where some rule does not say. */
static void
say_with(const struct policy__explain *e)
{
	const struct policy *p = e->policy;
	struct policy__list_words areas = { 0 };

	for (size_t i = 0; i < p->rules_count; i++) {
		if (rule_concerns(e, &p->rules[i]) &&
		    p->rules[i].routes & OUTSIDE && p->rules[i].areas.all)
			return;
	}
	for (size_t a = 0; a < p->areas_count; a++) {
		bool named = false;

		for (size_t i = 0; i < p->rules_count; i++)
			named |= rule_concerns(e, &p->rules[i]) &&
				 p->rules[i].routes & OUTSIDE &&
				 policy__set_has(&p->rules[i].areas, a);
		if (named && policy__concerns_area(e, a) &&
		    !policy__area_lacks(e, &p->areas[a]))
			policy__list_add(&areas, p->areas[a].name);
	}
	if (!areas.count)
		return;
	fputs(" with ", e->to);
	policy__say_list(e->to, &areas, "and");
}

static void
caller_what(struct policy__explain *e)
{
	uint32_t routes = 0;

	for (size_t i = 0; i < e->policy->rules_count; i++) {
		if (rule_concerns(e, &e->policy->rules[i]))
			routes |= e->policy->rules[i].routes;
	}
	policy__paragraph(e);
	policy__say_first(e->to, e->policy->organisation);
	fprintf(e->to, " records %s", is_partial(e) ? "some " : "");
	policy__say_routes(e->to, routes & OUTSIDE, false);
	say_with(e);
	fputs(", for ", e->to);
	say_purposes(e);
	fputs(". ", e->to);
	say_kept(e);
	policy__explain_end(e);
}

static void
caller_payments(struct policy__explain *e)
{
	const struct policy__payment *payment;
	bool any = false, goes_on = false;
	size_t i = 0;

	while ((payment = next_payment(e, &i))) {
		any = true;
		goes_on |= payment->resume != POLICY__RESUME_NEVER;
	}
	if (!any)
		return;
	policy__paragraph(e);
	fprintf(e->to,
		"Payments are not recorded: recording stops when you pay%s.",
		goes_on ? "" : ", for the rest of the call");
	policy__explain_end(e);
}

void
policy__explain_caller(struct policy__explain *e)
{
	const struct policy *p = e->policy;

	heading(e, "Recording of telephone calls");
	if (!is_recorded(e, OUTSIDE)) {
		not_recorded(e);
		return;
	}
	caller_what(e);
	if (has_opt_out(e)) {
		policy__paragraph(e);
		policy__say_opt_out(e);
		policy__explain_end(e);
	}
	caller_payments(e);
	if (!policy__has(p->document.contact))
		return;
	policy__paragraph(e);
	fputs("To ask for a copy of a recording of you, or to complain: ",
	      e->to);
	policy__say_field(e->to, "", p->document.contact, ".");
	policy__explain_end(e);
}
