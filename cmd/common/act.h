/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Acts on cases, as `spanrec` and the recorder that runs beside it know them:
 * as JSON, who may do what, and what errors mean.
 */
#ifndef CMD_COMMON_ACT_H
#define CMD_COMMON_ACT_H

#include <stddef.h>

#include "cmd/common/person.h"
#include "store/store.h"
#include "store/cases.h"

struct json_t;

/** Segments of one act: as JSON it fits into a request. */
#define ACT_IDS_MAX 1000

/** @param act actor, now_ns and not_before_ns are not told: whoever takes it
 * knows them
 * @return an object, or NULL: no memory */
struct json_t *act_json(const struct store_act *act);

/** @param act act_free it, if 0 was returned
 * @return 0, -EINVAL: that is none, -ENOMEM */
int act_parse(const struct json_t *json, struct store_act **act)
	__attribute__((warn_unused_result));

/** With ids of its own. NULL is fine. */
void act_free(struct store_act **act);

/** Why an act is not done. */
struct act_refusal {
	char id[STORE_SEGMENT_ID_BYTES]; /**< what it is about; "": the case */
	char text[320];
};

/**
 * Before store_act, by whoever does it: does the policy allow it, is all there
 * that has to be, is the review within a year; is the clock of a request one
 * that can be stopped? Whoever only asks may have another policy, or be another
 * program.
 *
 * @param asked the right is filled in here
 * @param act now_ns is given; not_before_ns is filled in, seven days behind the
 *        end of a hold, and what request_check knows
 * @return exit code, EXIT_NOT_ALLOWED: it is the right that is missing
 */
int act_check(struct person_asked *asked, struct store_act *act,
	      struct act_refusal *refusal) __attribute__((warn_unused_result));

/** What an error of store_act means. @param failed as it gave it
 * @return exit code */
int act_error(const struct store_act *act, int error, const char *failed,
	      char *text, size_t text_bytes);

#endif
