/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The policy in plain English. All that is said follows from the policy that
 * decides, so that a notice cannot drift away from it. Here are the sentences
 * that several kinds of readers are told; explain_compliance.c and
 * explain_notice.c put them together.
 */
#include "policy/explain_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

void
policy__heading(struct policy__explain *e, const char *text)
{
	fprintf(e->to, "%s# ", e->begun ? "\n" : "");
	policy__say_text(e->to, text);
	fputc('\n', e->to);
	e->begun = true;
	e->listing = false;
}

void
policy__paragraph(struct policy__explain *e)
{
	if (e->begun)
		fputc('\n', e->to);
	e->begun = true;
	e->listing = false;
}

void
policy__item(struct policy__explain *e)
{
	if (e->begun && !e->listing)
		fputc('\n', e->to);
	fputs("- ", e->to);
	e->begun = true;
	e->listing = true;
}

void
policy__explain_end(struct policy__explain *e)
{
	fputc('\n', e->to);
}

bool
policy__concerns(const struct policy__explain *e, const struct policy__set *set)
{
	return !e->area ||
	       policy__set_has(set, (size_t)(e->area - e->policy->areas));
}

bool
policy__concerns_area(const struct policy__explain *e, size_t i)
{
	return !e->area || e->area == &e->policy->areas[i];
}

/* ---- rules --------------------------------------------------------------- */

bool
policy__rule_records(const struct policy__rule *rule)
{
	return rule->decision == POLICY_RECORD ||
	       rule->decision == POLICY_LISTEN_DENY;
}

static const char *
plural(size_t count)
{
	return count == 1 ? "" : "s";
}

void
policy__say_rule_calls(const struct policy__explain *e,
		       const struct policy__rule *rule, bool first)
{
	const struct policy *p = e->policy;

	policy__say_routes(e->to, rule->routes, first);
	if (!rule->areas.all) {
		fprintf(e->to, " of the area%s ", plural(rule->areas.count));
		policy__say_areas(e->to, p, &rule->areas, "and");
	}
	if (!rule->sites.all) {
		fprintf(e->to, " at the site%s ", plural(rule->sites.count));
		policy__say_sites(e->to, p, &rule->sites, "and");
	}
	if (rule->has_queues) {
		fputs(" in ", e->to);
		policy__say_these(e->to, p, "queue", &rule->queues, "or");
	}
	if (rule->has_numbers) {
		fputs(" from or to ", e->to);
		policy__say_numbers(e->to, p, &rule->numbers, "or");
	}
	if (rule->has_from) {
		fputs(" from ", e->to);
		policy__say_numbers(e->to, p, &rule->from, "or");
	}
	if (rule->has_to) {
		fputs(" to ", e->to);
		policy__say_numbers(e->to, p, &rule->to, "or");
	}
	if (rule->logged_in)
		fputs(" of whoever is logged in", e->to);
}

void
policy__say_rule_parts(const struct policy__explain *e,
		       const struct policy__rule *rule)
{
	static const char *const parts[] = {
		[POLICY_KIND_AGENT] = "the conversation with whoever answers",
		[POLICY_KIND_QUEUE] = "the time in a queue",
		[POLICY_KIND_HOLD] = "the time on hold",
		[POLICY_KIND_CONSULT] = "consultations with colleagues",
		[POLICY_KIND_TRANSFER] = "what follows a transfer",
	};
	struct policy__list_words list = { 0 };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (rule->kinds >> i & 1)
			policy__list_add(&list, parts[i]);
	}
	if (!rule->kinds || list.count == sizeof(parts) / sizeof(parts[0]))
		return;
	fputs(" This holds only for ", e->to);
	policy__say_list(e->to, &list, "and");
	fputs(".", e->to);
}

const struct policy__class *
policy__class_find(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->classes_count; i++) {
		if (!strcmp(policy->classes[i].name, name))
			return &policy->classes[i];
	}
	return NULL;
}

void
policy__say_kept(const struct policy__explain *e, const char *retention)
{
	const struct policy__class *class =
	    policy__class_find(e->policy, retention);

	if (!class)
		return;
	fputs("for ", e->to);
	if (class->has_min) {
		fputs("at least ", e->to);
		policy__say_duration(e->to, &class->min);
		fputs(" and ", e->to);
	}
	fputs("at most ", e->to);
	policy__say_duration(e->to, &class->max);
	if (class->gives_way)
		fputs(" as long as there is room", e->to);
}

/* ---- areas --------------------------------------------------------------- */

void
policy__say_area_numbers(const struct policy__explain *e,
			 const struct policy__area *area)
{
	const char *joint = "";

	if (area->extensions.count) {
		policy__say_these(e->to, e->policy, "extension",
				  &area->extensions, "and");
		joint = "; ";
	}
	if (area->queues.count) {
		fputs(joint, e->to);
		policy__say_these(e->to, e->policy, "queue", &area->queues,
				  "and");
		joint = "; ";
	}
	if (area->has_sites) {
		fprintf(e->to, "%sall telephones of the site%s ", joint,
			plural(area->sites.count));
		policy__say_sites(e->to, e->policy, &area->sites, "and");
	}
}

bool
policy__holds(const struct policy__explain *e,
	      const struct policy__approval *approval)
{
	return !approval->ends.set || e->day < approval->ends.day;
}

/** Is it given, and not too early or too late? */
static bool
is_approved(const struct policy__explain *e,
	    const struct policy__approval *approval)
{
	return approval->given &&
	       (!approval->approved.set || approval->approved.day <= e->day) &&
	       policy__holds(e, approval);
}

const char *
policy__area_lacks(const struct policy__explain *e,
		   const struct policy__area *area)
{
	const struct policy__approval *business_case = &area->business_case;
	bool no_case =
	    area->needs & POLICY__NEED_CASE && !is_approved(e, business_case);
	bool no_request = area->needs & POLICY__NEED_REQUEST &&
			  !is_approved(e, &area->request);

	if (no_case && no_request)
		return "it has neither a business case nor an approved request";
	if (no_case && business_case->given)
		return policy__holds(e, business_case)
			   ? "its business case is not yet approved"
			   : "its business case has ended";
	if (no_case)
		return "it has no business case";
	if (no_request && area->request.given)
		return policy__holds(e, &area->request)
			   ? "the request for it is not yet approved"
			   : "the request for it has ended";
	return no_request ? "no request for it has been approved" : NULL;
}

static bool
is_exempt(const struct policy__explain *e, const char *number)
{
	for (size_t i = 0; i < e->policy->exemptions_count; i++) {
		const struct policy__exemption *x = &e->policy->exemptions[i];

		if (policy__holds(e, &x->approval) &&
		    policy__patterns_fit(&x->numbers, number))
			return true;
	}
	return false;
}

bool
policy__all_exempt(const struct policy__explain *e,
		   const struct policy__patterns *numbers)
{
	for (size_t i = 0; i < numbers->count; i++) {
		const struct policy__pattern *one = &numbers->items[i];

		if (!is_exempt(e, one->first) ||
		    (one->kind == POLICY__RANGE && !is_exempt(e, one->last)))
			return false;
	}
	return true;
}

/* ---- payments, opt-out --------------------------------------------------- */

static void
say_header(FILE *to, const char *what, const char *name, const char *value)
{
	fprintf(to, "%s%s", what, name);
	if (policy__has(value))
		fprintf(to, ": %s", value);
}

/** As clauses, "or" between them. */
static void
say_triggers(const struct policy__explain *e, const struct policy__payment *p)
{
	const bool has[] = { p->keys[0] != 0,
			     policy__has(p->header),
			     policy__has(p->info),
			     p->targets.count != 0,
			     p->hold,
			     p->by_hand,
			     p->card_numbers };
	size_t count = 0;
	size_t i;
	FILE *to = e->to;

	for (i = 0; i < sizeof(has) / sizeof(has[0]); i++)
		count += has[i];
	i = 0;
	if (p->keys[0])
		fprintf(to, "%sa member of staff keys %s",
			policy__joint(i++, count, "or"), p->keys);
	if (policy__has(p->header)) {
		fputs(policy__joint(i++, count, "or"), to);
		say_header(to, "the telephone system sends the header ",
			   p->header, p->header_value);
	}
	if (policy__has(p->info)) {
		fputs(policy__joint(i++, count, "or"), to);
		say_header(to, "the telephone system sends an INFO with ",
			   p->info, p->info_value);
	}
	if (p->targets.count) {
		fprintf(to, "%sa call or a transfer is made to ",
			policy__joint(i++, count, "or"));
		policy__say_numbers(to, e->policy, &p->targets, "or");
	}
	if (p->hold)
		fprintf(to, "%sa member of staff puts the call on hold",
			policy__joint(i++, count, "or"));
	if (p->by_hand)
		fprintf(to,
			"%sa member of staff, or the page on which a payment "
			"is made, asks for it",
			policy__joint(i++, count, "or"));
	if (p->card_numbers)
		fprintf(to, "%sa card number is keyed",
			policy__joint(i++, count, "or"));
}

static void
say_resume(const struct policy__explain *e, const struct policy__payment *p)
{
	FILE *to = e->to;

	switch (p->resume) {
	case POLICY__RESUME_NEVER:
		fputs("The rest of the call is not recorded.", to);
		return;
	case POLICY__RESUME_AFTER:
		policy__say_span(to, p->after_ns);
		fputs(" later the call is recorded again, or before that when "
		      "a member of staff ",
		      to);
		break;
	case POLICY__RESUME_EXPLICIT:
		fputs("The call is recorded again when a member of staff ", to);
		break;
	}
	if (p->resume_keys[0])
		fprintf(to, "keys %s or ", p->resume_keys);
	fputs("resumes it by hand.", to);
}

void
policy__say_payment(const struct policy__explain *e,
		    const struct policy__payment *payment)
{
	if (!payment->areas.all && !e->area) {
		fprintf(e->to, "In the area%s ", plural(payment->areas.count));
		policy__say_areas(e->to, e->policy, &payment->areas, "and");
		fputs(" recording stops when ", e->to);
	} else {
		fputs("Recording stops when ", e->to);
	}
	say_triggers(e, payment);
	fputs(".", e->to);
	if (payment->tones)
		fputs(" Keys are recognised by their tones too, and the tones "
		      "are not recorded.",
		      e->to);
	if (payment->lookback_ns) {
		fputs(" What was said in the ", e->to);
		policy__say_span(e->to, payment->lookback_ns);
		fputs(" before is not recorded either.", e->to);
	}
	fputs(" ", e->to);
	say_resume(e, payment);
}

void
policy__say_opt_out(const struct policy__explain *e)
{
	const struct policy__opt_out *o = &e->policy->opt_out;

	fprintf(e->to, "%s does not want to be recorded keys %s. ",
		o->anybody ? "Whoever" : "A caller who", o->keys);
	if (o->return_keys[0]) {
		fprintf(e->to, "Keying %s within ", o->return_keys);
		policy__say_span(e->to, o->wait_ns);
		fputs(" takes that back. Otherwise", e->to);
	} else {
		fputs("Then", e->to);
	}
	fputs(" nothing more of the call is recorded, and what was recorded "
	      "of it is destroyed at once; all that stays is a count.",
	      e->to);
}

/* ---- people -------------------------------------------------------------- */

void
policy__say_grant(const struct policy__explain *e,
		  const struct policy__grant *grant, uint32_t rights)
{
	struct policy__list_words list = { 0 };

	for (int r = 0; r < POLICY_RIGHT_COUNT; r++) {
		if (grant->rights & rights & UINT32_C(1) << r)
			policy__list_add(
			    &list, policy__right_words((enum policy_right)r));
	}
	fprintf(e->to, "%s may ", grant->role);
	policy__say_list(e->to, &list, "and");
	if (!grant->areas.all) {
		fprintf(e->to, " in the area%s ", plural(grant->areas.count));
		policy__say_areas(e->to, e->policy, &grant->areas, "and");
	}
	if (grant->purposes.count) {
		fputs(", for ", e->to);
		policy__say_names(e->to, &grant->purposes, "or");
	}
	fputs(".", e->to);
}

void
policy__say_release(const struct policy__explain *e,
		    const struct policy__release *release)
{
	fprintf(e->to, "%s (%s the organisation)", release->name,
		release->outside ? "outside" : "inside");
	if (release->reasons.count) {
		fputs(", for ", e->to);
		policy__say_names(e->to, &release->reasons, "or");
	}
	fputs(": authorised by ", e->to);
	policy__say_names(e->to, &release->authorisers, "or");
	if (policy__has(release->advice_from)) {
		fputs(", on the advice of ", e->to);
		policy__say_text(e->to, release->advice_from);
	}
	if (policy__has(release->needs)) {
		fputs(", given ", e->to);
		policy__say_text(e->to, release->needs);
	}
	fputs(".", e->to);
	if (release->dispose_within.days || release->dispose_within.months) {
		fputs(" The copy has to be disposed of within ", e->to);
		policy__say_duration(e->to, &release->dispose_within);
		fputs(".", e->to);
	}
}

void
policy__say_reminder(const struct policy__explain *e,
		     const struct policy__reminder *reminder)
{
	bool every = reminder->every.days || reminder->every.months;

	fputs("For ", e->to);
	policy__say_text(e->to, reminder->who);
	fputs(": ", e->to);
	if (reminder->first_use)
		fputs("at the first use of a recorded telephone", e->to);
	if (reminder->first_use && every)
		fputs(", and then ", e->to);
	if (every)
		policy__say_every(e->to, &reminder->every);
	if (reminder->since.set) {
		fputs(", since ", e->to);
		policy__say_date(e->to, &reminder->since);
	}
	fputs(".", e->to);
	if (!policy__has(reminder->text))
		return;
	fputs(" ", e->to);
	policy__say_text(e->to, reminder->text);
	fputs(".", e->to);
}

void
policy__say_purpose_needs(const struct policy__explain *e,
			  const struct policy__purpose *purpose)
{
	struct policy__list_words list = { 0 };
	const char *joint = ": ";

	if (purpose->needs_case)
		policy__list_add(&list, "a case");
	if (purpose->needs_approver)
		policy__list_add(&list, "an approver");
	if (purpose->needs_advice)
		policy__list_add(&list, "advice");
	fputs(purpose->name, e->to);
	if (list.count) {
		fprintf(e->to, "%sneeds ", joint);
		policy__say_list(e->to, &list, "and");
		joint = "; ";
	}
	if (purpose->authorisers.count) {
		fprintf(e->to, "%sauthorised by ", joint);
		policy__say_names(e->to, &purpose->authorisers, "or");
		joint = "; ";
	}
	if (purpose->play_only)
		fprintf(e->to, "%sno copies are made", joint);
	fputs(".", e->to);
}

/* ---- all of it ----------------------------------------------------------- */

int
policy_explain(const struct policy *policy, enum policy_audience audience,
	       const char *area, int64_t now_ns, FILE *to)
{
	struct policy__explain e = { .policy = policy, .to = to };
	struct policy_civil civil;

	for (size_t i = 0; area && i < policy->areas_count; i++) {
		if (!strcmp(policy->areas[i].name, area))
			e.area = &policy->areas[i];
	}
	if (area && !e.area)
		return -ENOENT;
	policy_zone_civil(policy->zone, now_ns, &civil);
	e.day = policy__days_from_civil(civil.year, civil.month, civil.day);
	switch (audience) {
	case POLICY_FOR_COMPLIANCE:
		policy__explain_compliance(&e);
		break;
	case POLICY_FOR_STAFF:
		policy__explain_staff(&e);
		break;
	case POLICY_FOR_CALLER:
		policy__explain_caller(&e);
		break;
	}
	return ferror(to) ? -ENOMEM : 0;
}
