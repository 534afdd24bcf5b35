/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Acts on cases between `spanrec` and the recorder that runs beside it: as
 * JSON, and what their errors mean.
 */
#ifndef CMD_COMMON_ACT_H
#define CMD_COMMON_ACT_H

#include <stddef.h>

#include "store/store.h"
#include "store/cases.h"

struct json_t;

/** Segments of one act: as JSON it fits into a request. */
#define ACT_IDS_MAX 1000

/** @param act actor and now_ns are not told: whoever takes it knows them
 * @return an object, or NULL: no memory */
struct json_t *act_json(const struct store_act *act);

/** @param act act_free it, if 0 was returned
 * @return 0, -EINVAL: that is none, -ENOMEM */
int act_parse(const struct json_t *json, struct store_act **act)
	__attribute__((warn_unused_result));

/** With ids of its own. NULL is fine. */
void act_free(struct store_act **act);

/** What an error of store_act means. @param failed as it gave it
 * @return exit code */
int act_error(const struct store_act *act, int error, const char *failed,
	      char *text, size_t text_bytes);

#endif
