/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the explanations for all kinds of readers share. */
#ifndef POLICY_EXPLAIN_PRIV_H
#define POLICY_EXPLAIN_PRIV_H

#include "policy/words_priv.h"

/** A text that is being written. */
struct policy__explain {
	const struct policy *policy;
	FILE *to;
	const struct policy__area *area; /**< NULL: all of them */
	int64_t day; /**< today */
	bool begun;
	bool listing; /**< the paragraph before is an item of a list */
};

/** Headings, and beginnings of paragraphs and of items of a list. Each ends
 * with policy__explain_end. */
void policy__heading(struct policy__explain *e, const char *text);
void policy__paragraph(struct policy__explain *e);
void policy__item(struct policy__explain *e);
void policy__explain_end(struct policy__explain *e);

/** Is the area that is explained, if there is one, in the set? */
bool policy__concerns(const struct policy__explain *e,
		      const struct policy__set *set);
/** ... or this one? */
bool policy__concerns_area(const struct policy__explain *e, size_t i);

/** Are there calls that the rule lets be recorded? */
bool policy__rule_records(const struct policy__rule *rule);

/** "incoming calls of the area A": which calls a rule means.
 * @param first it begins a sentence */
void policy__say_rule_calls(const struct policy__explain *e,
			    const struct policy__rule *rule, bool first);
/** "only the time in a queue", as a sentence; nothing if it is all. */
void policy__say_rule_parts(const struct policy__explain *e,
			    const struct policy__rule *rule);
/** "for at least 6 months and at most 1 year" */
void policy__say_kept(const struct policy__explain *e, const char *retention);
const struct policy__class *policy__class_find(const struct policy *policy,
					       const char *name);
/** "the extensions 2200 to 2299 and the queue 4000" */
void policy__say_area_numbers(const struct policy__explain *e,
			      const struct policy__area *area);
/** Why an area is not recorded: what it lacks today. NULL: it is. */
const char *policy__area_lacks(const struct policy__explain *e,
			       const struct policy__area *area);
/** Does something that may have an end hold today? */
bool policy__holds(const struct policy__explain *e,
		   const struct policy__approval *approval);
/** Do exemptions that hold cover these numbers? */
bool policy__all_exempt(const struct policy__explain *e,
			const struct policy__patterns *numbers);
/** A sentence each: how it is seen that somebody pays, and what then. */
void policy__say_payment(const struct policy__explain *e,
			 const struct policy__payment *payment);
void policy__say_opt_out(const struct policy__explain *e);
/** "case workers may listen to recordings" */
void policy__say_grant(const struct policy__explain *e,
		       const struct policy__grant *grant, uint32_t rights);
void policy__say_release(const struct policy__explain *e,
			 const struct policy__release *release);
void policy__say_reminder(const struct policy__explain *e,
			  const struct policy__reminder *reminder);
void policy__say_purpose_needs(const struct policy__explain *e,
			       const struct policy__purpose *purpose);

/** The texts themselves. */
void policy__explain_compliance(struct policy__explain *e);
void policy__explain_staff(struct policy__explain *e);
void policy__explain_caller(struct policy__explain *e);

#endif
