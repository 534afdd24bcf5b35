/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets bring the sound of packets before them along: redundant audio (RFC
 * 2198), Opus with in-band FEC, AMR that is sent twice (RFC 4867 section 3.7.1;
 * their timestamp is that of the oldest frame in them). Where those were left out on purpose, they must
 * not bring it back, and neither where none of those arrived: what was not to
 * be recorded is a time.
 */
#ifndef CMD_SPANRECD_REDUNDANT_H
#define CMD_SPANRECD_REDUNDANT_H

#include <stdbool.h>
#include <stdint.h>

#include "rtp/jitter.h"
#include "store/store.h"

/** What a stream may bring along. */
struct redundant {
	bool clean;       /**< nothing was left out since the packet ... */
	uint32_t from;    /**< ... of this RTP timestamp */
	int64_t since_ns; /**< ... that was captured then */
	bool strange;     /**< what was before it is another's to hear; ... */
	enum store_reason reason; /**< ... and why it was left out */
	bool left;           /**< a packet was, since the last that passed: ... */
	uint32_t left_until; /**< ... its sound ends before this timestamp */
	bool again;          /**< the last packet had sound of before that */
};

/** A stream begins.
 * @param strange the conversation had a segment before with other rules */
void redundant_begin(struct redundant *redundant, bool strange);

/** Something was left out up to a time, perhaps packets that never came.
 * Nothing is done if what is stored began later. */
void redundant_paused(struct redundant *redundant, int64_t until_ns,
		      enum store_reason reason);

/** A packet was left out. What is lost or shed may come back.
 * @param format NULL: nobody explained it */
void redundant_left_out(struct redundant *redundant,
			const struct rtp_format *format,
			const struct rtp_frame *frame,
			enum store_reason reason);

/**
 * Take out of a packet what must not come back.
 *
 * @param format of the packet
 * @param frame the packet, and afterwards what may be stored of it
 * @param room what it then borrows
 * @return false: it cannot be taken out; the packet is to be left out, for
 *         redundant->reason
 */
bool redundant_cut(struct redundant *redundant,
		   const struct rtp_format *format, struct rtp_frame *frame,
		   uint8_t room[RTP_JITTER_PAYLOAD_MAX])
	__attribute__((warn_unused_result));

/** A packet passed: it was stored, or left out for what it brought along. */
void redundant_passed(struct redundant *redundant,
		      const struct rtp_frame *frame);

#endif
