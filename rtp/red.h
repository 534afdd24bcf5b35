/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Redundant audio data (RFC 2198): several payloads in one packet. */
#ifndef RTP_RED_H
#define RTP_RED_H

#include <stdint.h>

/** Blocks of a packet; senders use two or three. */
#define RTP_RED_BLOCKS_MAX 8

struct rtp_red_block {
	uint8_t payload_type;
	uint32_t offset;        /**< so much earlier than the packet's timestamp */
	const uint8_t *payload; /**< borrowed from the packet */
	uint32_t bytes;
};

/**
 * Take a payload apart.
 *
 * @param blocks the last one is what the packet itself is of
 * @return how many; 0: it is no such payload, or has more of them
 */
uint32_t rtp_red_read(struct rtp_red_block blocks[RTP_RED_BLOCKS_MAX],
		      const uint8_t *payload, uint32_t n);

#endif
