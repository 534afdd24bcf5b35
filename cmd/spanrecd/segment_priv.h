/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of a segment share.
 *
 *   segment.c          what is stored of it, and accounted for
 *   segment_quality.c  how its streams fared
 */
#ifndef CMD_SPANRECD_SEGMENT_PRIV_H
#define CMD_SPANRECD_SEGMENT_PRIV_H

#include "cmd/spanrecd/segment.h"

/** A frame came, in order. Of what must not be recorded nothing is measured. */
void segment__measure(struct segment *s, const struct segment_flow *flow,
		      const struct rtp_frame *frame);

/** Packets were lost: on the way here, or by this recorder. */
void segment__miss(struct segment *s, const struct segment_flow *flow,
		   uint32_t lost, uint32_t shed);

/** Its streams are complete: how they fared, and what was wrong, into the row. */
void segment__rate(struct segment *s, const struct segment_input *in);

#endif
