/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The whole policy, for those who answer for it. */
#include "policy/explain_priv.h"

#include <inttypes.h>

/* ---- approval ------------------------------------------------------------ */

static void
explain_history(struct policy__explain *e)
{
	const struct policy__document *d = &e->policy->document;

	for (size_t i = 0; i < d->history_count; i++) {
		const struct policy__revision *r = &d->history[i];

		policy__item(e);
		policy__say_field(e->to, "Revision ", r->number, "");
		policy__say_day(e->to, " of ", &r->date, "");
		policy__say_field(e->to, ": ", r->summary, "");
		policy__say_field(e->to, "; written by ", r->author, "");
		policy__say_field(e->to, "; approved by ", r->approver, "");
		fputs(".", e->to);
		policy__explain_end(e);
	}
}

static void
explain_consulted(struct policy__explain *e)
{
	const struct policy__document *d = &e->policy->document;

	for (size_t i = 0; i < d->consulted_count; i++) {
		const struct policy__consulted *c = &d->consulted[i];

		policy__item(e);
		policy__say_field(e->to, "Consulted: ", c->who, "");
		policy__say_day(e->to, ", ", &c->date, "");
		policy__say_field(e->to, " (", c->note, ")");
		fputs(".", e->to);
		policy__explain_end(e);
	}
}

static void
explain_approval(struct policy__explain *e)
{
	const struct policy__document *d = &e->policy->document;
	FILE *to = e->to;

	policy__heading(e, policy__has(d->title) ? d->title
						 : "Call recording policy");
	policy__paragraph(e);
	fputs("This is how ", to);
	policy__say_text(to, e->policy->organisation);
	fputs(" records telephone calls.", to);
	if (policy__has(d->revision)) {
		fputs(" It is ", to);
		policy__say_field(to, "revision ", d->revision, "");
		policy__say_field(to, ", written by ", d->author, "");
		fputs(d->minor ? ", a minor amendment." : ".", to);
	}
	if (policy__has(d->approver)) {
		policy__say_field(to, " It was approved by ", d->approver, "");
		policy__say_day(to, " on ", &d->approved, "");
		fputs(".", to);
	}
	policy__say_day(to, " It is in force from ", &d->in_force, ".");
	policy__say_day(to, " It has to be reviewed by ", &d->review_by, ".");
	policy__say_field(to, " Its owner: ", d->owner, ".");
	policy__say_field(to, " The law it rests on: ", d->law, ".");
	policy__say_field(to, " Questions and complaints: ", d->contact, ".");
	policy__explain_end(e);
	explain_consulted(e);
	explain_history(e);
}

/* ---- numbers ------------------------------------------------------------- */

static void
say_ours(struct policy__explain *e)
{
	const struct policy__numbering *n = &e->policy->numbering;
	FILE *to = e->to;

	fputs("Our own numbers are ", to);
	if (n->internal.count)
		policy__say_numbers(to, e->policy, &n->internal, "and");
	else if (n->extension_min == n->extension_max)
		fprintf(to, "those of %" PRIu32 " digits", n->extension_min);
	else
		fprintf(to, "those of %" PRIu32 " to %" PRIu32 " digits",
			n->extension_min, n->extension_max);
	if (n->external.count) {
		fputs(", but not ", to);
		policy__say_numbers(to, e->policy, &n->external, "or");
	}
	fputs(". Those that an area or a site names are ours too.", to);
}

static void
say_networks(FILE *to, const struct policy__networks *networks)
{
	for (size_t i = 0; i < networks->count; i++) {
		fputs(policy__joint(i, networks->count, "or"), to);
		policy__say_network(to, &networks->items[i]);
	}
}

static void
say_unknown(const struct policy__explain *e)
{
	const struct policy *p = e->policy;

	if (!p->exemptions_count && !p->listen_denies_count && !p->areas_count)
		return;
	fprintf(
	    e->to, " A call of which nobody knows who of ours is in it is %s.",
	    p->unknown_recorded ? "recorded like any other" : "not recorded");
}

static void
explain_sites(struct policy__explain *e)
{
	for (size_t i = 0; i < e->policy->sites_count; i++) {
		const struct policy__site *site = &e->policy->sites[i];

		policy__item(e);
		fprintf(e->to, "Site %s: ", site->name);
		policy__say_numbers(e->to, e->policy, &site->extensions, "and");
		if (site->extensions.count && site->networks.count)
			fputs("; ", e->to);
		if (site->networks.count)
			fputs("telephones at ", e->to);
		say_networks(e->to, &site->networks);
		fputs(".", e->to);
		policy__explain_end(e);
	}
}

static void
explain_numbers(struct policy__explain *e)
{
	const struct policy *p = e->policy;

	policy__heading(e, "Whose calls");
	policy__paragraph(e);
	say_ours(e);
	if (p->networks.count) {
		fputs(" A party without a number is ours if its address is in ",
		      e->to);
		say_networks(e->to, &p->networks);
		fputs(".", e->to);
	}
	say_unknown(e);
	if (p->zone_name[0])
		fprintf(e->to, " Days and hours are those of %s.",
			p->zone_name);
	policy__explain_end(e);
	for (size_t i = 0; i < p->groups_count; i++) {
		policy__item(e);
		fprintf(e->to, "Group %s: ", p->groups[i].name);
		policy__say_numbers(e->to, p, &p->groups[i].numbers, "and");
		fputs(".", e->to);
		policy__explain_end(e);
	}
	explain_sites(e);
}

/* ---- areas --------------------------------------------------------------- */

static void
explain_case(const struct policy__explain *e, const struct policy__area *area)
{
	FILE *to = e->to;

	if (!area->business_case.given)
		return;
	fputs(" Its business case was approved", to);
	policy__say_approval(to, &area->business_case);
	policy__say_field(to, ". Reason: ", area->reason, "");
	policy__say_field(to, ". Security: ", area->security, "");
	policy__say_field(to, ". Governance: ", area->governance, "");
	policy__say_field(to, ". Consultation: ", area->consultation, "");
	policy__say_field(to, ". Access: ", area->access, "");
	fputs(".", to);
}

static void
explain_request(const struct policy__explain *e,
		const struct policy__area *area)
{
	if (!area->request.given)
		return;
	policy__say_field(e->to, " Its recording was proposed by ",
			  area->request.proposed_by, ".");
	fputs(" The request for it was approved", e->to);
	policy__say_approval(e->to, &area->request);
	fputs(".", e->to);
}

static void
explain_area(struct policy__explain *e, const struct policy__area *area)
{
	const char *lacks = policy__area_lacks(e, area);
	FILE *to = e->to;

	policy__item(e);
	fprintf(to, "%s: ", area->name);
	policy__say_area_numbers(e, area);
	fputs(".", to);
	if (lacks)
		fprintf(to, " It is not recorded: %s.", lacks);
	policy__say_field(to, " Manager: ", area->manager, ".");
	explain_case(e, area);
	explain_request(e, area);
	policy__say_field(to, " Payments taken: ", area->payments, ".");
	if (area->confidential.count) {
		fputs(" For calls that are not to be recorded its people "
		      "have ",
		      to);
		policy__say_numbers(to, e->policy, &area->confidential, "and");
		fputs(policy__all_exempt(e, &area->confidential)
			  ? "."
			  : ", but no exemption covers all of that.",
		      to);
	}
	policy__explain_end(e);
}

static void
explain_areas(struct policy__explain *e)
{
	if (!e->policy->areas_count)
		return;
	policy__heading(e, "Areas");
	for (size_t i = 0; i < e->policy->areas_count; i++) {
		if (policy__concerns_area(e, i))
			explain_area(e, &e->policy->areas[i]);
	}
}

/* ---- what is recorded ---------------------------------------------------- */

static void
explain_rule(struct policy__explain *e, const struct policy__rule *rule)
{
	policy__item(e);
	fprintf(e->to, "%s: ", rule->name);
	policy__say_rule_calls(e, rule, false);
	switch (rule->decision) {
	case POLICY_RECORD:
		fputs(" are recorded and kept ", e->to);
		policy__say_kept(e, rule->retention);
		fputs(".", e->to);
		break;
	case POLICY_LISTEN_DENY:
		fputs(" are recorded, but nobody may listen; they are kept ",
		      e->to);
		policy__say_kept(e, rule->retention);
		fputs(".", e->to);
		break;
	case POLICY_DROP:
		fputs(" are not recorded.", e->to);
		break;
	case POLICY_OUT_OF_SCOPE:
		fputs(" are out of scope and not recorded.", e->to);
		break;
	}
	policy__say_rule_parts(e, rule);
	policy__explain_end(e);
}

/** The order in which the engine decides, of what this policy has. */
static void
explain_order(struct policy__explain *e)
{
	const struct policy *p = e->policy;

	policy__paragraph(e);
	fputs("What is stricter goes first, whichever rule would record: ",
	      e->to);
	if (p->payments_count)
		fputs("a payment; ", e->to);
	if (p->opt_out.given)
		fputs("an opt-out; ", e->to);
	if (p->exemptions_count)
		fputs("who is exempt, on either side of a call; ", e->to);
	fputs("a rule that does not record; ", e->to);
	if (p->areas_count)
		fputs("an area without its approvals; ", e->to);
	fputs("who may not be listened to; then the first rule below that "
	      "fits. What no rule fits is not recorded. While a call lasts a "
	      "decision only gets stricter.",
	      e->to);
	policy__explain_end(e);
}

static void
explain_rules(struct policy__explain *e)
{
	policy__heading(e, "Which calls are recorded");
	explain_order(e);
	for (size_t i = 0; i < e->policy->rules_count; i++) {
		if (policy__concerns(e, &e->policy->rules[i].areas))
			explain_rule(e, &e->policy->rules[i]);
	}
}

static void
explain_exemptions(struct policy__explain *e)
{
	const struct policy *p = e->policy;

	if (!p->exemptions_count)
		return;
	policy__heading(e, "Who is not recorded");
	for (size_t i = 0; i < p->exemptions_count; i++) {
		const struct policy__exemption *x = &p->exemptions[i];

		policy__item(e);
		fprintf(e->to, "%s: calls from and to ", x->name);
		policy__say_numbers(e->to, p, &x->numbers, "and");
		policy__say_field(e->to, ". Reason: ", x->reason, ".");
		policy__say_who_allowed(e->to, &x->approval);
		fprintf(e->to, " %s", policy__traces_words(x->traces));
		if (x->lookback_ns) {
			fputs(" Of a call that comes to them, the last ",
			      e->to);
			policy__say_span(e->to, x->lookback_ns);
			fputs(" before that are not recorded either.", e->to);
		}
		policy__explain_end(e);
	}
}

static void
explain_listen_denies(struct policy__explain *e)
{
	const struct policy *p = e->policy;

	if (!p->listen_denies_count)
		return;
	policy__heading(e, "Who is recorded, and not listened to");
	for (size_t i = 0; i < p->listen_denies_count; i++) {
		const struct policy__listen_deny *x = &p->listen_denies[i];

		policy__item(e);
		fprintf(e->to, "%s: calls from and to ", x->name);
		policy__say_numbers(e->to, p, &x->numbers, "and");
		policy__say_field(e->to, ". Reason: ", x->reason, ".");
		policy__say_who_allowed(e->to, &x->approval);
		policy__explain_end(e);
	}
}

static void
explain_payments(struct policy__explain *e)
{
	const struct policy *p = e->policy;
	bool any = false;

	for (size_t i = 0; i < p->payments_count; i++) {
		const struct policy__payment *payment = &p->payments[i];

		if (!policy__concerns(e, &payment->areas))
			continue;
		if (!any)
			policy__heading(e, "Payments");
		any = true;
		policy__item(e);
		fprintf(e->to, "%s. ", payment->name);
		policy__say_payment(e, payment);
		policy__explain_end(e);
	}
}

static void
explain_opt_out(struct policy__explain *e)
{
	const struct policy__opt_out *o = &e->policy->opt_out;

	if (!o->given || !policy__concerns(e, &o->areas))
		return;
	policy__heading(e, "Opting out");
	policy__paragraph(e);
	policy__say_opt_out(e);
	if (!o->areas.all) {
		fputs(" This can be done in ", e->to);
		policy__say_areas(e->to, e->policy, &o->areas, "and");
		fputs(".", e->to);
	}
	if (o->announcement_ns) {
		fputs(" Nothing is written to the disk in the first ", e->to);
		policy__say_span(e->to, o->announcement_ns);
		fputs(" after the answer.", e->to);
	}
	policy__explain_end(e);
}

/* ---- what becomes of recordings ------------------------------------------ */

static bool
class_concerns(const struct policy__explain *e, const char *name)
{
	for (size_t i = 0; i < e->policy->rules_count; i++) {
		const struct policy__rule *rule = &e->policy->rules[i];

		if (policy__rule_records(rule) &&
		    policy__concerns(e, &rule->areas) &&
		    policy__class_find(e->policy, rule->retention) ==
			policy__class_find(e->policy, name))
			return true;
	}
	return !e->area;
}

static void
explain_giving_way(const struct policy__explain *e,
		   const struct policy__class *class)
{
	if (!class->gives_way)
		return;
	fputs(" Where the disk of the recorder fills, its recordings give way, "
	      "the oldest first",
	      e->to);
	if (class->has_min) {
		fputs(", but none that is not ", e->to);
		policy__say_duration(e->to, &class->min);
		fputs(" old", e->to);
	}
	fputs("; one that is held does not. Of each it is known that and why "
	      "it went.",
	      e->to);
}

static void
explain_class(struct policy__explain *e, const struct policy__class *class)
{
	policy__item(e);
	fprintf(e->to, "%s: kept ", class->name);
	policy__say_kept(e, class->name);
	fputs(", and deleted ", e->to);
	if (class->has_min && !class->gives_way) {
		fputs("when ", e->to);
		policy__say_duration(e->to, &class->min);
		fputs(" old.", e->to);
	} else {
		fputs("just before that.", e->to);
	}
	explain_giving_way(e, class);
	if (class->then[0])
		fprintf(e->to,
			" After a hold or a case has ended, the class %s "
			"holds, counted from then on.",
			class->then);
	policy__say_field(e->to, " To keep it for longer takes the advice of ",
			  class->beyond, ".");
	policy__explain_end(e);
}

static void
explain_retention(struct policy__explain *e)
{
	const struct policy *p = e->policy;

	policy__heading(e, "How long recordings are kept");
	policy__paragraph(e);
	fputs("Time counts from the start of a call, and recordings are "
	      "deleted automatically. That a call was recorded, or was not, "
	      "stays known for ",
	      e->to);
	policy__say_duration(e->to, &p->metadata);
	fputs("; of calls that no rule fits, and where only a count is kept, "
	      "only how many there were.",
	      e->to);
	if (p->clock_synchronised)
		fputs(" Nothing is deleted while no time server keeps the "
		      "clock of the recorder right.",
		      e->to);
	policy__explain_end(e);
	for (size_t i = 0; i < p->classes_count; i++) {
		if (class_concerns(e, p->classes[i].name))
			explain_class(e, &p->classes[i]);
	}
}

static void
explain_purposes(struct policy__explain *e)
{
	const struct policy *p = e->policy;

	policy__heading(e, "What recordings may be used for");
	for (size_t i = 0; i < p->purposes_count; i++) {
		policy__item(e);
		policy__say_purpose_needs(e, &p->purposes[i]);
		policy__explain_end(e);
	}
}

static void
explain_roles(struct policy__explain *e)
{
	const struct policy *p = e->policy;

	for (size_t i = 0; i < p->roles_count; i++) {
		const struct policy__role *role = &p->roles[i];

		policy__item(e);
		fprintf(e->to, "%s: ", role->name);
		policy__say_names(e->to, &role->users, "and");
		if (role->users.count && role->groups.count)
			fputs(", and ", e->to);
		if (role->groups.count)
			fprintf(e->to, "who is in the group%s ",
				role->groups.count == 1 ? "" : "s");
		policy__say_names(e->to, &role->groups, "or");
		if (!role->users.count && !role->groups.count)
			fputs("nobody", e->to);
		fputs(".", e->to);
		policy__explain_end(e);
	}
}

static void
explain_access(struct policy__explain *e)
{
	const struct policy *p = e->policy;

	policy__heading(e, "Who may do what");
	policy__paragraph(e);
	fputs("Every right is with ", e->to);
	policy__say_names(e->to, &p->owners, "and");
	fputs(".", e->to);
	policy__explain_end(e);
	for (size_t i = 0; i < p->grants_count; i++) {
		if (!policy__concerns(e, &p->grants[i].areas))
			continue;
		policy__item(e);
		policy__say_grant(e, &p->grants[i], UINT32_MAX);
		policy__explain_end(e);
	}
	if (p->roles_count)
		policy__heading(e, "Who has which role");
	explain_roles(e);
	if (p->releases_count)
		policy__heading(e, "To whom recordings are released");
	for (size_t i = 0; i < p->releases_count; i++) {
		policy__item(e);
		policy__say_release(e, &p->releases[i]);
		policy__explain_end(e);
	}
}

/* ---- notices, quality ---------------------------------------------------- */

static void
say_lines(FILE *to, const char *lines)
{
	for (; *lines; lines++) {
		if (*lines != '\n')
			fputc(*lines, to);
		else if (lines[1])
			fputs("; ", to);
	}
}

static void
explain_announced(struct policy__explain *e)
{
	const struct policy *p = e->policy;

	if (p->announced_count)
		policy__heading(e, "Numbers that callers dial");
	for (size_t i = 0; i < p->announced_count; i++) {
		const struct policy__announced *a = &p->announced[i];

		policy__item(e);
		policy__say_numbers(e->to, p, &a->numbers, "and");
		fprintf(e->to, ": callers are %stold that they are recorded",
			a->announced ? "" : "not ");
		policy__say_day(e->to, ", since ", &a->since, "");
		fputs(".", e->to);
		if (policy__has(a->actions)) {
			fputs(" Done instead: ", e->to);
			say_lines(e->to, a->actions);
			fputs(".", e->to);
		}
		policy__explain_end(e);
	}
}

/** "a week", "every 10 days" */
static void
say_per(FILE *to, const struct policy__duration *per)
{
	if (per->days == 7)
		fputs("a week", to);
	else if (per->months == 1)
		fputs("a month", to);
	else
		policy__say_every(to, per);
}

static void
explain_samples(struct policy__explain *e)
{
	const struct policy *p = e->policy;

	if (p->samples_count)
		policy__heading(e, "Samples that are listened to");
	for (size_t i = 0; i < p->samples_count; i++) {
		const struct policy__sample *s = &p->samples[i];

		policy__item(e);
		fprintf(e->to, "%s: %" PRIu32 " call%s ", s->name, s->per_agent,
			s->per_agent == 1 ? "" : "s");
		say_per(e->to, &s->per);
		fputs(" of each agent", e->to);
		if (!s->areas.all) {
			fputs(" of ", e->to);
			policy__say_areas(e->to, p, &s->areas, "and");
		}
		if (s->purpose[0])
			fprintf(e->to, ", for %s", s->purpose);
		if (s->has_outbound)
			fprintf(e->to, ", %" PRIu32 " %% of them outgoing",
				s->outbound_percent);
		fputs(s->play_only ? "; no copies are made." : ".", e->to);
		policy__explain_end(e);
	}
}

void
policy__explain_compliance(struct policy__explain *e)
{
	const struct policy *p = e->policy;

	explain_approval(e);
	explain_numbers(e);
	explain_areas(e);
	explain_rules(e);
	explain_exemptions(e);
	explain_listen_denies(e);
	explain_payments(e);
	explain_opt_out(e);
	explain_retention(e);
	explain_purposes(e);
	explain_access(e);
	if (p->reminders_count)
		policy__heading(e, "Reminders");
	for (size_t i = 0; i < p->reminders_count; i++) {
		policy__item(e);
		policy__say_reminder(e, &p->reminders[i]);
		policy__explain_end(e);
	}
	explain_announced(e);
	explain_samples(e);
	if (!p->tests_count)
		return;
	policy__heading(e, "Tests");
	policy__paragraph(e);
	fprintf(e->to, "The policy brings %zu test%s along.", p->tests_count,
		p->tests_count == 1 ? "" : "s");
	policy__explain_end(e);
}
