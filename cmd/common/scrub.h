/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Taking a part out of a recording takes steps that whoever writes the archive
 * has to do (store_scrub_*): spanrec itself, or, while a recorder runs, that,
 * which is asked for them through its control socket. Here is one step as both
 * know it, and as JSON:
 *
 *   {"op":"scrub","step":"propose","id":I,"from":NS,"until":NS,"sides":3,
 *    "why":W,"although_held":0}   the last may be left out
 *   {"op":"scrub","step":"withdraw","id":I}
 *   {"op":"scrub","step":"begin","id":I,"keys":[HEX,...],
 *    "recipients":[HEX,...]}                    fingerprints
 *   {"op":"scrub","step":"write","id":I,"slot":N,"offset":N,"bytes":HEX}
 *   {"op":"scrub","step":"commit","id":I,"slot":N,"removed":[N,...],
 *    "gaps":[N,...],"payload_bytes":N,"file_bytes":N,"chunks":N,"hash":HEX}
 *
 * Who asks is not in it: the recorder knows that by SO_PEERCRED.
 */
#ifndef CMD_COMMON_SCRUB_H
#define CMD_COMMON_SCRUB_H

#include <stddef.h>
#include <stdint.h>

#include "store/store.h"
#include "store/scrub.h"

/** Of a new file in one step: with its hexadecimal digits it fits a request. */
#define SCRUB_PIECE_BYTES 30000

enum scrub_step_type {
	SCRUB_PROPOSE,  /**< scrub: id, times, sides, why, although_held */
	SCRUB_WITHDRAW, /**< scrub.id */
	SCRUB_BEGIN,    /**< scrub.id, sealed */
	SCRUB_WRITE,    /**< scrub: id, key_slot; offset, bytes */
	SCRUB_COMMIT,   /**< scrub: id, key_slot; result */
	SCRUB_STEP_COUNT
};

struct scrub_step {
	enum scrub_step_type type;
	struct store_person who;
	struct store_scrub scrub;
	union {
		struct store_sealed_key sealed;
		struct store_scrub_result result;
		struct {
			uint64_t offset;
			size_t n;
			uint8_t bytes[SCRUB_PIECE_BYTES];
		} piece;
	};
};

struct json_t;

/** @return NULL: no memory */
struct json_t *scrub_step_json(const struct scrub_step *step);

/**
 * The step that a request asks for, but for who asks.
 *
 * @param step to be freed with free(3); NULL on failure
 * @return 0, -EINVAL, -ENOMEM
 */
int scrub_step_parse(struct scrub_step **step, const struct json_t *request)
	__attribute__((warn_unused_result));

/** Do it. @return 0, or what store_scrub_* returned */
int scrub_step_run(struct store_archive *archive, const struct scrub_step *step,
		   int64_t now_ns) __attribute__((warn_unused_result));

/** Why a step failed, in words that go behind the id. */
const char *scrub_step_error(int error);

#endif
