/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scrub: what its parts share. */
#ifndef CMD_SPANREC_SCRUB_PRIV_H
#define CMD_SPANREC_SCRUB_PRIV_H

#include "cmd/common/scrub.h"
#include "cmd/spanrec/spanrec.h"
#include "store/scrub.h"

/**
 * Have a step done, here or by the recorder.
 *
 * @param step `who` is filled in
 * @return exit code
 */
int spanrec_scrub_step(struct spanrec *spanrec, struct scrub_step *step)
	__attribute__((warn_unused_result));

/**
 * What is known of a scrub of a segment.
 *
 * @param scrub all zero if there is none
 * @return exit code
 */
int spanrec_scrub_known(struct spanrec *spanrec, const char *id,
			struct store_scrub *scrub)
	__attribute__((warn_unused_result));

/** May this user delete in the area of a segment? @return exit code */
int spanrec_scrub_may(struct spanrec *spanrec,
		      const struct store_segment *segment)
	__attribute__((warn_unused_result));

/** "1:10 to 1:25 of both sides", from the start of the segment.
 * @param text [n] */
void spanrec_scrub_words(const struct store_scrub *scrub,
			 const struct store_segment *segment, char *text,
			 size_t n);

/** agree ID */
int spanrec_scrub_agree(struct spanrec *spanrec, int argc, char **argv);

#endif
