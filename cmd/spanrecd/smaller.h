/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sound that is stored as Opus, for archives that have to be small. */
#ifndef CMD_SPANRECD_SMALLER_H
#define CMD_SPANRECD_SMALLER_H

#include "cmd/spanrecd/segment.h"

/** What becomes of a frame. */
struct smaller {
	struct rtp_frame frame;   /**< to be stored; borrows what it came from */
	struct rtp_format format; /**< of it */
	bool opus;                /**< it was made smaller */
};

/**
 * The frame as Opus, or, where it is not made smaller, as it came. The same
 * frame given twice in a row is the same twice.
 *
 * @param received format of the frame
 * @return 0, -ENOMEM
 */
int smaller_make(struct segment *segment, const struct segment_input *in,
		 const struct segment_flow *flow, const struct rtp_frame *frame,
		 const struct rtp_format *received, struct smaller *smaller)
	__attribute__((warn_unused_result));

/** Does the recording know that its payload type means this now? */
bool smaller_told(const struct segment *segment, int stream,
		  const struct smaller *smaller);

/** It does, from here on. */
void smaller_tell(struct segment *segment, int stream,
		  const struct smaller *smaller);

/** Wipe what was heard. */
void smaller_fini(struct segment *segment);

#endif
