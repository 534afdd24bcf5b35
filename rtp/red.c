/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/red.h"

/*
 * Headers first, then blocks in the same order (RFC 2198 section 3):
 *
 *   1 | 7 payload type | 14 timestamp offset | 10 length
 *   0 | 7 payload type                                    the last
 */
enum { HEAD_BYTES = 4, LAST_BYTES = 1 };

/** @return bytes of all headers, 0: they do not fit */
static uint32_t
read_heads(struct rtp_red_block *blocks, uint32_t *count,
	   const uint8_t *payload, uint32_t n)
{
	uint32_t at = 0;

	for (*count = 0; *count < RTP_RED_BLOCKS_MAX;) {
		struct rtp_red_block *block = &blocks[(*count)++];

		if (at >= n)
			return 0;
		block->payload_type = payload[at] & 0x7f;
		block->offset = block->bytes = 0;
		if (!(payload[at] & 0x80))
			return at + LAST_BYTES;
		if (n - at < HEAD_BYTES)
			return 0;
		block->offset =
		    (uint32_t)payload[at + 1] << 6 | payload[at + 2] >> 2;
		block->bytes =
		    (uint32_t)(payload[at + 2] & 3) << 8 | payload[at + 3];
		at += HEAD_BYTES;
	}
	return 0;
}

uint32_t
rtp_red_read(struct rtp_red_block blocks[RTP_RED_BLOCKS_MAX],
	     const uint8_t *payload, uint32_t n)
{
	uint32_t count, at = read_heads(blocks, &count, payload, n);

	if (at == 0)
		return 0;
	for (uint32_t i = 0; i + 1 < count; i++) {
		if (blocks[i].bytes > n - at)
			return 0;
		blocks[i].payload = payload + at;
		at += blocks[i].bytes;
	}
	blocks[count - 1].payload = payload + at;
	blocks[count - 1].bytes = n - at;
	return count;
}
