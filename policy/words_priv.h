/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a policy holds, in plain English: pieces of sentences. */
#ifndef POLICY_WORDS_PRIV_H
#define POLICY_WORDS_PRIV_H

#include "policy/policy_priv.h"

/** Is there such a text? */
bool policy__has(const char *text);

/** What stands before item i of a list of so many: "", ", ", " and ".
 * @param last "and" or "or" */
const char *policy__joint(size_t i, size_t count, const char *last);

/** A list of texts that are not in one array: "a, b and c". */
struct policy__list_words {
	size_t count;
	const char *items[16];
};
void policy__list_add(struct policy__list_words *list, const char *text);
void policy__say_list(FILE *to, const struct policy__list_words *list,
		      const char *last);

/** As somebody wrote it, on one line, without a full stop at its end. */
void policy__say_text(FILE *to, const char *text);

/** The same, where a sentence begins. */
void policy__say_first(FILE *to, const char *text);

/** A text, or a day, with words around it; nothing if there is none. */
void policy__say_field(FILE *to, const char *before, const char *text,
		       const char *after);
void policy__say_day(FILE *to, const char *before,
		     const struct policy__date *date, const char *after);
/** " by X on D (reference R). To be reviewed by D" */
void policy__say_approval(FILE *to, const struct policy__approval *approval);
/** " Proposed by X. Approved by Y on D." */
void policy__say_who_allowed(FILE *to, const struct policy__approval *approval);
/** A sentence: what stays of a call that is not recorded. */
const char *policy__traces_words(enum policy_traces traces);

/** "14 days", "6 months", "2 years" */
void policy__say_duration(FILE *to, const struct policy__duration *d);
/** "every 6 months", "every year" */
void policy__say_every(FILE *to, const struct policy__duration *d);
/** "10 seconds", "1 hour and 30 minutes" */
void policy__say_span(FILE *to, int64_t span_ns);
/** "30 September 2019" */
void policy__say_date(FILE *to, const struct policy__date *date);

/** Those of our own country as they are dialled in it. */
void policy__say_number(FILE *to, const struct policy *policy,
			const char *normalised);
/** "2750, 2200 to 2299 and any number that begins with 015344" */
void policy__say_numbers(FILE *to, const struct policy *policy,
			 const struct policy__patterns *numbers,
			 const char *last);
/** "the queue 4000", "the queues 4000 and 4001" */
void policy__say_these(FILE *to, const struct policy *policy, const char *what,
		       const struct policy__patterns *numbers,
		       const char *last);
/** One of them. */
void policy__say_pattern(FILE *to, const struct policy *policy,
			 const struct policy__pattern *pattern);

void policy__say_names(FILE *to, const struct policy__names *names,
		       const char *last);
/** Names of some areas. Not for all of them. */
void policy__say_areas(FILE *to, const struct policy *policy,
		       const struct policy__set *set, const char *last);
void policy__say_sites(FILE *to, const struct policy *policy,
		       const struct policy__set *set, const char *last);
/** "10.0.0.0/8" */
void policy__say_network(FILE *to, const struct policy__network *network);
/** "incoming and outgoing calls". @param routes bit 1 << enum policy_route
 * @param first it begins a sentence */
void policy__say_routes(FILE *to, uint32_t routes, bool first);
/** "listen to recordings" */
const char *policy__right_words(enum policy_right right);

/** Is item i of a list one that the set means? */
bool policy__set_has(const struct policy__set *set, size_t i);

#endif
