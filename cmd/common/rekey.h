/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Changing whom recordings are sealed to takes steps that whoever writes the
 * archive has to do (store/keys.h): spanrec itself, or, while a recorder runs,
 * that, which is asked for them through its control socket. Here is one step as
 * both know it, and as JSON:
 *
 *   {"op":"key","step":"change","remove":PUBLIC,"add":PUBLIC,"role":"archive"}
 *                                              one of the two may be left out
 *   {"op":"key","step":"reseal","recipients":[HEX,...],
 *    "slots":[[day,slot,old check HEX,sealed HEX,...],...]}
 *
 * No private key, and none of a recording, is in it.
 */
#ifndef CMD_COMMON_REKEY_H
#define CMD_COMMON_REKEY_H

#include "store/keys.h"

enum rekey_step_type { REKEY_CHANGE, REKEY_RESEAL, REKEY_STEP_COUNT };

struct rekey_step {
	enum rekey_step_type type;
	char actor[STORE_NAME_BYTES]; /**< not in JSON */
	bool removes, adds;
	struct store_public remove;
	struct store_recipient add; /**< since_ns is not in JSON */
	size_t count;
	struct store_reseal many[STORE_RESEAL_MAX];
};

struct json_t;

/** @return NULL: no memory */
struct json_t *rekey_step_json(const struct rekey_step *step);

/**
 * @param step to be freed with free(3); NULL on failure
 * @return 0, -EINVAL, -ENOMEM
 */
int rekey_step_parse(struct rekey_step **step, const struct json_t *request)
	__attribute__((warn_unused_result));

/** Do it, and enter it into the ledger.
 * @return 0, or what store_recipients_change or store_reseal returned */
int rekey_step_run(struct store_archive *archive, const struct rekey_step *step,
		   int64_t now_ns) __attribute__((warn_unused_result));

/** Why a step failed, in words. */
const char *rekey_step_error(int error);

#endif
