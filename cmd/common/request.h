/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Requests of subjects and the clock of the law by which they are answered. It
 * stands still in pauses, and can be extended once, both before it has run out
 * only.
 */
#ifndef CMD_COMMON_REQUEST_H
#define CMD_COMMON_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"
#include "store/cases.h"

struct act_refusal;

/** "2019-04-30" */
#define REQUEST_DAY_BYTES 16
/** What request_due_words says. */
#define REQUEST_WORDS_BYTES 256

/** A day, as the zone has it. @return text */
const char *request_day(const struct policy_zone *zone, int64_t time_ns,
			char text[REQUEST_DAY_BYTES]);

/** Days in which its clock stood still, a pause that goes on among them. */
uint32_t request_paused_days(const struct policy_zone *zone,
			     const struct store_case *sar, int64_t now_ns);

/** The last day for the answer: of one that is paused as if it went on today.
 * @return text */
const char *request_due(const struct policy_zone *zone,
			const struct store_case *sar, int64_t now_ns,
			char text[REQUEST_DAY_BYTES]);

/** The beginning of that day. */
int64_t request_due_ns(const struct policy_zone *zone,
		       const struct store_case *sar, int64_t now_ns);

/** How that comes: "one calendar month, UK GDPR article 12(3), and 5 days in
 * which the clock stood still". @return text */
const char *request_due_words(const struct policy_zone *zone,
			      const struct store_case *sar, int64_t now_ns,
			      char text[REQUEST_WORDS_BYTES]);

/** Days behind the last one: of the answer, or of now while there is none.
 * 0: in time */
uint32_t request_days_late(const struct policy_zone *zone,
			   const struct store_case *sar, int64_t now_ns);

/** "open", "searched", "paused", "overdue", "answered", "answered late" */
const char *request_state(const struct policy_zone *zone,
			  const struct store_case *sar, int64_t now_ns);

/** What somebody has to see to. */
struct request_watch {
	uint64_t overdue; /**< requests that are to be answered since */
	uint64_t reviews; /**< holds that were to be looked at again since */
};

/** @return 0, -EBADMSG, -EIO @cost reads all cases and holds */
int request_watch(struct store_archive *archive, const struct policy_zone *zone,
		  int64_t now_ns, struct request_watch *watch)
	__attribute__((warn_unused_result));

/** In words, one after the other: "2 requests are overdue: ...".
 * @return text; NULL: there are no more */
const char *request_watch_words(const struct request_watch *watch,
				unsigned which,
				char text[REQUEST_WORDS_BYTES]);

/**
 * Of act_check, for requests: may the clock be stopped, was the answer sent on a
 * day that can be? Whoever does it knows the days: paused_days, review_ns, the
 * note for the ledger and that a law needs nobody's approval are filled in here.
 *
 * @param archive what is known of the request; one that is not there is left to
 *        store_act
 * @return exit code
 */
int request_check(struct store_archive *archive,
		  const struct policy_zone *zone, struct store_act *act,
		  struct act_refusal *refusal)
	__attribute__((warn_unused_result));

#endif
