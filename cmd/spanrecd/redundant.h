/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A packet of redundant audio (RFC 2198) brings the sound of packets before it
 * along. Where those were left out, it must not bring it back.
 */
#ifndef CMD_SPANRECD_REDUNDANT_H
#define CMD_SPANRECD_REDUNDANT_H

#include "cmd/spanrecd/segment.h"

/**
 * Take out of a packet what is of before the first packet that is stored since
 * something of its stream was left out, or since the segment began.
 *
 * @param format of the packet
 * @param frame the packet, and afterwards what may be stored of it
 * @param room what it then borrows
 */
void redundant_cut(const struct segment *segment, int stream,
		   const struct rtp_format *format, struct rtp_frame *frame,
		   uint8_t room[RTP_JITTER_PAYLOAD_MAX]);

/** A packet was stored. */
void redundant_stored(struct segment *segment, int stream,
		      const struct rtp_frame *frame);

/** A packet was left out. */
void redundant_left_out(struct segment *segment, int stream);

#endif
