/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of a segment share.
 *
 *   segment.c          what is stored of it, and accounted for
 *   segment_formats.c  what its recording is told of its streams
 *   segment_pause.c    when it was paused
 *   segment_quality.c  how its streams fared
 */
#ifndef CMD_SPANRECD_SEGMENT_PRIV_H
#define CMD_SPANRECD_SEGMENT_PRIV_H

#include "cmd/spanrecd/segment.h"

/** Tell the recording of the first streams, in the order of ours. @return 0,
 * negative errno */
int segment__introduce_streams(struct segment *s, uint32_t count)
	__attribute__((warn_unused_result));

/**
 * Tell it what the payload type of a packet means, and those inside of it.
 *
 * @return 0, negative errno
 */
int segment__introduce(struct segment *s, const struct segment_flow *flow,
		       const struct rtp_frame *frame,
		       const struct rtp_format *format)
	__attribute__((warn_unused_result));

/**
 * Was it paused when a packet of this stream came? Pauses come in order, so
 * behind one that was over by then none is left.
 *
 * @param over the newest that was over by then; NULL: none was
 */
const struct segment_pause *segment__paused(const struct segment *s, int stream,
					    int64_t time_ns,
					    const struct segment_pause **over);

/** A frame came, in order. Of what must not be recorded nothing is measured. */
void segment__measure(struct segment *s, const struct segment_flow *flow,
		      const struct rtp_frame *frame);

/** Packets were lost: on the way here, or by this recorder. */
void segment__miss(struct segment *s, const struct segment_flow *flow,
		   uint32_t lost, uint32_t shed);

/** Its streams are complete: how they fared, and what was wrong, into the row. */
void segment__rate(struct segment *s, const struct segment_input *in);

#endif
