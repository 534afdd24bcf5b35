/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy, taken apart into facts. What is not said is no fact. */
#include "policy/diff_priv.h"
#include "policy/test_priv.h"

#include <inttypes.h>
#include <string.h>

const char *const policy__section_names[POLICY__SECTIONS] = {
	[POLICY__IN_APPROVAL] = "approval",
	[POLICY__IN_CONSULTED] = "who was consulted:",
	[POLICY__IN_HISTORY] = "history, revision",
	[POLICY__IN_ORGANISATION] = "organisation",
	[POLICY__IN_NUMBERING] = "numbering",
	[POLICY__IN_NETWORKS] = "networks",
	[POLICY__IN_GROUP] = "group",
	[POLICY__IN_SITE] = "site",
	[POLICY__IN_AREA] = "area",
	[POLICY__IN_EXEMPTION] = "exemption",
	[POLICY__IN_LISTEN_DENY] = "listen-deny",
	[POLICY__IN_PAYMENT] = "payment",
	[POLICY__IN_OPT_OUT] = "opt-out",
	[POLICY__IN_RULE] = "rule",
	[POLICY__IN_RETENTION] = "retention class",
	[POLICY__IN_METADATA] = "metadata",
	[POLICY__IN_CLOCK] = "clock",
	[POLICY__IN_PURPOSE] = "purpose",
	[POLICY__IN_OWNER] = "owner",
	[POLICY__IN_ROLE] = "role",
	[POLICY__IN_ACCESS] = "access of",
	[POLICY__IN_RELEASE] = "release",
	[POLICY__IN_REMINDER] = "reminder",
	[POLICY__IN_ANNOUNCED] = "announced number",
	[POLICY__IN_SAMPLING] = "sampling",
	[POLICY__IN_TEST] = "test",
};

/* ---- facts of one kind --------------------------------------------------- */

/** Begin an object; that it is there is a fact too. */
static void
object(struct policy__facts *facts, enum policy__section section,
       const char *name)
{
	facts->section = section;
	facts->object = name ? name : "";
	if (policy__fact_begin(facts, ""))
		policy__fact_end(facts);
}

static void
text(struct policy__facts *facts, const char *label, const char *words)
{
	FILE *to = policy__has(words) ? policy__fact_begin(facts, label) : NULL;

	if (!to)
		return;
	policy__say_text(to, words);
	policy__fact_end(facts);
}

static void
number(struct policy__facts *facts, const char *label, uint32_t value)
{
	FILE *to = policy__fact_begin(facts, label);

	if (!to)
		return;
	fprintf(to, "%" PRIu32, value);
	policy__fact_end(facts);
}

static void
flag(struct policy__facts *facts, const char *label, bool value)
{
	text(facts, label, value ? "yes" : "");
}

static void
date(struct policy__facts *facts, const char *label,
     const struct policy__date *value)
{
	FILE *to = value->set ? policy__fact_begin(facts, label) : NULL;

	if (!to)
		return;
	policy__say_date(to, value);
	policy__fact_end(facts);
}

static void
duration(struct policy__facts *facts, const char *label,
	 const struct policy__duration *value)
{
	FILE *to = value->days || value->months
		       ? policy__fact_begin(facts, label)
		       : NULL;

	if (!to)
		return;
	policy__say_duration(to, value);
	policy__fact_end(facts);
}

static void
span(struct policy__facts *facts, const char *label, int64_t span_ns)
{
	FILE *to = policy__fact_begin(facts, label);

	if (!to)
		return;
	policy__say_span(to, span_ns);
	policy__fact_end(facts);
}

static void
numbers(struct policy__facts *facts, const struct policy *policy,
	const char *label, const struct policy__patterns *patterns)
{
	for (size_t i = 0; i < patterns->count; i++) {
		FILE *to = policy__fact_begin(facts, label);

		if (!to)
			return;
		policy__say_pattern(to, policy, &patterns->items[i]);
		policy__fact_end(facts);
	}
}

static void
names(struct policy__facts *facts, const char *label,
      const struct policy__names *list)
{
	for (size_t i = 0; i < list->count; i++)
		text(facts, label, list->items[i]);
}

static void
areas(struct policy__facts *facts, const struct policy *policy,
      const struct policy__set *set)
{
	for (size_t i = 0; !set->all && i < set->count; i++)
		text(facts, "area", policy->areas[set->items[i]].name);
}

static void
sites(struct policy__facts *facts, const struct policy *policy,
      const struct policy__set *set)
{
	for (size_t i = 0; !set->all && i < set->count; i++)
		text(facts, "site", policy->sites[set->items[i]].name);
}

static void
networks(struct policy__facts *facts, const struct policy__networks *list)
{
	for (size_t i = 0; i < list->count; i++) {
		FILE *to = policy__fact_begin(facts, "network");

		if (!to)
			return;
		policy__say_network(to, &list->items[i]);
		policy__fact_end(facts);
	}
}

/** @param words of each bit */
static void
bits(struct policy__facts *facts, const char *label, uint32_t value,
     const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (value >> i & 1)
			text(facts, label, words[i]);
	}
}

/** Labels for the approval of what an area has two of. */
struct approval_labels {
	const char *proposed_by, *approved_by, *approved, *reference,
	    *review_by, *ends;
};
static const struct approval_labels plain = { "proposed by", "approved by",
					      "approved on", "reference",
					      "review by",   "ends" };

static void
approval(struct policy__facts *facts, const struct policy__approval *a,
	 const struct approval_labels *labels)
{
	text(facts, labels->proposed_by, a->proposed_by);
	text(facts, labels->approved_by, a->approved_by);
	date(facts, labels->approved, &a->approved);
	text(facts, labels->reference, a->reference);
	date(facts, labels->review_by, &a->review_by);
	date(facts, labels->ends, &a->ends);
}

/* ---- sections ------------------------------------------------------------ */

static void
facts_of_document(const struct policy *p, struct policy__facts *facts)
{
	const struct policy__document *d = &p->document;
	size_t i;

	object(facts, POLICY__IN_APPROVAL, "");
	text(facts, "title", d->title);
	text(facts, "revision", d->revision);
	text(facts, "owner", d->owner);
	text(facts, "author", d->author);
	text(facts, "approver", d->approver);
	text(facts, "law", d->law);
	text(facts, "contact", d->contact);
	date(facts, "approved", &d->approved);
	date(facts, "in force from", &d->in_force);
	date(facts, "review by", &d->review_by);
	text(facts, "change", d->minor ? "minor" : d->given ? "major" : "");
	for (i = 0; i < d->consulted_count; i++) {
		object(facts, POLICY__IN_CONSULTED, d->consulted[i].who);
		date(facts, "date", &d->consulted[i].date);
		text(facts, "note", d->consulted[i].note);
	}
	for (i = 0; i < d->history_count; i++) {
		object(facts, POLICY__IN_HISTORY, d->history[i].number);
		date(facts, "date", &d->history[i].date);
		text(facts, "summary", d->history[i].summary);
		text(facts, "author", d->history[i].author);
		text(facts, "approver", d->history[i].approver);
	}
}

static void
facts_of_numbering(const struct policy *p, struct policy__facts *facts)
{
	const struct policy__numbering *n = &p->numbering;
	size_t i;

	object(facts, POLICY__IN_ORGANISATION, "");
	text(facts, "name", p->organisation);
	text(facts, "time zone", p->zone_name);
	text(facts, "unknown party",
	     p->unknown_recorded ? "recorded" : "not recorded");
	object(facts, POLICY__IN_NUMBERING, "");
	text(facts, "country", n->country);
	text(facts, "international prefix", n->international_prefix);
	text(facts, "national prefix", n->national_prefix);
	text(facts, "outside line", n->outside_line);
	number(facts, "national digits", n->national_digits);
	number(facts, "fewest digits of an extension", n->extension_min);
	number(facts, "most digits of an extension", n->extension_max);
	numbers(facts, p, "internal number", &n->internal);
	numbers(facts, p, "external number", &n->external);
	object(facts, POLICY__IN_NETWORKS, "");
	networks(facts, &p->networks);
	for (i = 0; i < p->groups_count; i++) {
		object(facts, POLICY__IN_GROUP, p->groups[i].name);
		numbers(facts, p, "number", &p->groups[i].numbers);
	}
	for (i = 0; i < p->sites_count; i++) {
		object(facts, POLICY__IN_SITE, p->sites[i].name);
		numbers(facts, p, "extension", &p->sites[i].extensions);
		networks(facts, &p->sites[i].networks);
	}
}

static void
facts_of_area(const struct policy *p, const struct policy__area *area,
	      struct policy__facts *facts)
{
	static const struct approval_labels labels[] = {
		{ "case proposed by", "case approved by", "case approved on",
		  "case reference", "case review by", "case ends" },
		{ "request proposed by", "request approved by",
		  "request approved on", "request reference",
		  "request review by", "request ends" },
	};
	static const char *const needs[] = { "a business case", "a request" };

	object(facts, POLICY__IN_AREA, area->name);
	numbers(facts, p, "extension", &area->extensions);
	numbers(facts, p, "queue", &area->queues);
	if (area->has_sites && area->sites.all)
		text(facts, "site", "every site");
	else if (area->has_sites)
		sites(facts, p, &area->sites);
	bits(facts, "needs", area->needs, needs,
	     sizeof(needs) / sizeof(needs[0]));
	flag(facts, "business case", area->business_case.given);
	approval(facts, &area->business_case, &labels[0]);
	text(facts, "case reason", area->reason);
	text(facts, "case security", area->security);
	text(facts, "case governance", area->governance);
	text(facts, "case consultation", area->consultation);
	text(facts, "case access", area->access);
	flag(facts, "request", area->request.given);
	approval(facts, &area->request, &labels[1]);
	text(facts, "manager", area->manager);
	text(facts, "payments", area->payments);
	numbers(facts, p, "confidential extension", &area->confidential);
}

static void
facts_of_exemptions(const struct policy *p, struct policy__facts *facts)
{
	static const char *const traces[] = {
		[POLICY_TRACES_FULL] = "full",
		[POLICY_TRACES_MINIMAL] = "minimal",
		[POLICY_TRACES_COUNT] = "count-only",
	};
	size_t i;

	for (i = 0; i < p->exemptions_count; i++) {
		const struct policy__exemption *x = &p->exemptions[i];

		object(facts, POLICY__IN_EXEMPTION, x->name);
		numbers(facts, p, "number", &x->numbers);
		text(facts, "reason", x->reason);
		approval(facts, &x->approval, &plain);
		text(facts, "metadata", traces[x->traces]);
		if (x->lookback_ns)
			span(facts, "look-back", x->lookback_ns);
	}
	for (i = 0; i < p->listen_denies_count; i++) {
		const struct policy__listen_deny *x = &p->listen_denies[i];

		object(facts, POLICY__IN_LISTEN_DENY, x->name);
		numbers(facts, p, "number", &x->numbers);
		text(facts, "reason", x->reason);
		approval(facts, &x->approval, &plain);
	}
}

static void
header(struct policy__facts *facts, const char *label, const char *name,
       const char *value)
{
	FILE *to = policy__has(name) ? policy__fact_begin(facts, label) : NULL;

	if (!to)
		return;
	policy__say_text(to, name);
	if (policy__has(value)) {
		fputs(": ", to);
		policy__say_text(to, value);
	}
	policy__fact_end(facts);
}

static void
facts_of_payment(const struct policy *p, const struct policy__payment *payment,
		 struct policy__facts *facts)
{
	static const char *const resume[] = {
		[POLICY__RESUME_EXPLICIT] = "when asked for",
		[POLICY__RESUME_NEVER] = "never",
		[POLICY__RESUME_AFTER] = "after a time",
	};

	object(facts, POLICY__IN_PAYMENT, payment->name);
	areas(facts, p, &payment->areas);
	text(facts, "keys", payment->keys);
	header(facts, "header", payment->header, payment->header_value);
	header(facts, "INFO", payment->info, payment->info_value);
	numbers(facts, p, "call to", &payment->targets);
	flag(facts, "hold", payment->hold);
	flag(facts, "by hand", payment->by_hand);
	flag(facts, "tones", payment->tones);
	flag(facts, "card numbers", payment->card_numbers);
	span(facts, "look-back", payment->lookback_ns);
	text(facts, "resume", resume[payment->resume]);
	if (payment->resume == POLICY__RESUME_AFTER)
		span(facts, "resume after", payment->after_ns);
	text(facts, "resume keys", payment->resume_keys);
}

static void
facts_of_opt_out(const struct policy *p, struct policy__facts *facts)
{
	const struct policy__opt_out *o = &p->opt_out;

	if (!o->given)
		return;
	object(facts, POLICY__IN_OPT_OUT, "");
	areas(facts, p, &o->areas);
	text(facts, "keys", o->keys);
	text(facts, "return keys", o->return_keys);
	text(facts, "by", o->anybody ? "anybody" : "the caller");
	span(facts, "announcement", o->announcement_ns);
	span(facts, "wait", o->wait_ns);
}

static void
facts_of_rule(const struct policy *p, const struct policy__rule *rule,
	      struct policy__facts *facts)
{
	static const char *const decisions[] = {
		[POLICY_RECORD] = "record",
		[POLICY_DROP] = "drop",
		[POLICY_LISTEN_DENY] = "listen-deny",
		[POLICY_OUT_OF_SCOPE] = "out-of-scope",
	};
	static const char *const routes[] = {
		[POLICY_IN] = "in",
		[POLICY_OUT] = "out",
		[POLICY_INTERNAL] = "internal",
		[POLICY_TRANSIT] = "transit",
	};
	static const char *const kinds[] = {
		[POLICY_KIND_AGENT] = "agent",
		[POLICY_KIND_QUEUE] = "queue",
		[POLICY_KIND_HOLD] = "hold",
		[POLICY_KIND_CONSULT] = "consult",
		[POLICY_KIND_TRANSFER] = "transfer",
		[POLICY_KIND_PAYMENT] = "payment",
	};

	object(facts, POLICY__IN_RULE, rule->name);
	text(facts, "decision", decisions[rule->decision]);
	text(facts, "retention", rule->retention);
	text(facts, "shown as area", rule->area);
	bits(facts, "direction", rule->routes, routes,
	     sizeof(routes) / sizeof(routes[0]));
	bits(facts, "kind", rule->kinds, kinds,
	     sizeof(kinds) / sizeof(kinds[0]));
	flag(facts, "logged in", rule->logged_in);
	areas(facts, p, &rule->areas);
	sites(facts, p, &rule->sites);
	numbers(facts, p, "number", &rule->numbers);
	numbers(facts, p, "from", &rule->from);
	numbers(facts, p, "to", &rule->to);
	numbers(facts, p, "queue", &rule->queues);
}

static void
facts_of_retention(const struct policy *p, struct policy__facts *facts)
{
	for (size_t i = 0; i < p->classes_count; i++) {
		const struct policy__class *class = &p->classes[i];

		object(facts, POLICY__IN_RETENTION, class->name);
		if (class->has_min)
			duration(facts, "at least", &class->min);
		duration(facts, "at most", &class->max);
		text(facts, "then", class->then);
		text(facts, "beyond that", class->beyond);
		flag(facts, "gives way", class->gives_way);
	}
	object(facts, POLICY__IN_METADATA, "");
	duration(facts, "at most", &p->metadata);
	object(facts, POLICY__IN_CLOCK, "");
	text(facts, "synchronised",
	     p->clock_synchronised ? "required" : "optional");
}

/* ---- people -------------------------------------------------------------- */

static void
facts_of_grant(const struct policy *p, const struct policy__grant *grant,
	       struct policy__facts *facts)
{
	for (int r = 0; r < POLICY_RIGHT_COUNT; r++) {
		FILE *to;

		if (!(grant->rights >> r & 1))
			continue;
		to = policy__fact_begin(facts, "may");
		if (!to)
			return;
		fputs(policy__right_words((enum policy_right)r), to);
		if (!grant->areas.all) {
			fputs(" in ", to);
			policy__say_areas(to, p, &grant->areas, "and");
		}
		if (grant->purposes.count) {
			fputs(" for ", to);
			policy__say_names(to, &grant->purposes, "or");
		}
		policy__fact_end(facts);
	}
}

static void
facts_of_access(const struct policy *p, struct policy__facts *facts)
{
	size_t i;

	for (i = 0; i < p->purposes_count; i++) {
		const struct policy__purpose *one = &p->purposes[i];

		object(facts, POLICY__IN_PURPOSE, one->name);
		flag(facts, "needs a case", one->needs_case);
		flag(facts, "needs an approver", one->needs_approver);
		flag(facts, "needs advice", one->needs_advice);
		flag(facts, "play only", one->play_only);
		names(facts, "authorised by", &one->authorisers);
	}
	for (i = 0; i < p->owners.count; i++)
		object(facts, POLICY__IN_OWNER, p->owners.items[i]);
	for (i = 0; i < p->roles_count; i++) {
		object(facts, POLICY__IN_ROLE, p->roles[i].name);
		names(facts, "user", &p->roles[i].users);
		names(facts, "group", &p->roles[i].groups);
	}
	for (i = 0; i < p->grants_count; i++) {
		object(facts, POLICY__IN_ACCESS, p->grants[i].role);
		facts_of_grant(p, &p->grants[i], facts);
	}
	for (i = 0; i < p->releases_count; i++) {
		const struct policy__release *one = &p->releases[i];

		object(facts, POLICY__IN_RELEASE, one->name);
		text(facts, "to", one->outside ? "outside" : "inside");
		names(facts, "reason", &one->reasons);
		names(facts, "authorised by", &one->authorisers);
		text(facts, "advice from", one->advice_from);
		text(facts, "needs", one->needs);
		duration(facts, "disposed of within", &one->dispose_within);
	}
}

static void
facts_of_notices(const struct policy *p, struct policy__facts *facts)
{
	size_t i;

	for (i = 0; i < p->reminders_count; i++) {
		const struct policy__reminder *one = &p->reminders[i];

		object(facts, POLICY__IN_REMINDER, one->name);
		text(facts, "who", one->who);
		text(facts, "text", one->text);
		duration(facts, "every", &one->every);
		flag(facts, "at first use", one->first_use);
		date(facts, "since", &one->since);
	}
	for (i = 0; i < p->announced_count; i++) {
		const struct policy__announced *one = &p->announced[i];

		object(facts, POLICY__IN_ANNOUNCED,
		       one->numbers.count ? one->numbers.items[0].first : "");
		numbers(facts, p, "number", &one->numbers);
		text(facts, "announced", one->announced ? "yes" : "no");
		date(facts, "since", &one->since);
		text(facts, "actions", one->actions);
	}
	for (i = 0; i < p->samples_count; i++) {
		const struct policy__sample *one = &p->samples[i];

		object(facts, POLICY__IN_SAMPLING, one->name);
		areas(facts, p, &one->areas);
		text(facts, "purpose", one->purpose);
		number(facts, "of each agent", one->per_agent);
		duration(facts, "in", &one->per);
		if (one->has_outbound)
			number(facts, "percent outgoing",
			       one->outbound_percent);
		flag(facts, "play only", one->play_only);
	}
}

void
policy__facts_of(const struct policy *policy, struct policy__facts *facts)
{
	size_t i;

	facts_of_document(policy, facts);
	facts_of_numbering(policy, facts);
	for (i = 0; i < policy->areas_count; i++)
		facts_of_area(policy, &policy->areas[i], facts);
	facts_of_exemptions(policy, facts);
	for (i = 0; i < policy->payments_count; i++)
		facts_of_payment(policy, &policy->payments[i], facts);
	facts_of_opt_out(policy, facts);
	for (i = 0; i < policy->rules_count; i++)
		facts_of_rule(policy, &policy->rules[i], facts);
	facts_of_retention(policy, facts);
	facts_of_access(policy, facts);
	facts_of_notices(policy, facts);
	for (i = 0; i < policy->tests_count; i++)
		object(facts, POLICY__IN_TEST, policy->tests[i].name);
}
