/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See redundant.h. */
#include "cmd/spanrecd/redundant.h"

#include <string.h>

#include "cmd/spanrecd/payload.h"
#include "rtp/red.h"

/* All of it is of packets that were stored, or lost between them. */
static bool
is_clean(const struct segment *s, int stream, const struct rtp_frame *frame,
	 const struct rtp_red_block *blocks, uint32_t count)
{
	for (uint32_t i = 0; i + 1 < count; i++) {
		uint32_t timestamp = frame->timestamp - blocks[i].offset;

		if (!s->clean[stream] ||
		    (int32_t)(timestamp - s->clean_from[stream]) < 0)
			return false;
	}
	return true;
}

void
redundant_cut(const struct segment *s, int stream,
	      const struct rtp_format *format, struct rtp_frame *frame,
	      uint8_t room[RTP_JITTER_PAYLOAD_MAX])
{
	struct rtp_red_block blocks[RTP_RED_BLOCKS_MAX];
	const struct rtp_red_block *own;
	uint32_t count;

	if (!payload_is_red(format))
		return;
	count = rtp_red_read(blocks, frame->payload, frame->payload_bytes);
	if (count == 0 || is_clean(s, stream, frame, blocks, count))
		return;
	own = &blocks[count - 1];
	room[0] = own->payload_type;
	memcpy(room + 1, own->payload, own->bytes);
	frame->payload = room;
	frame->payload_bytes = (uint16_t)(own->bytes + 1);
}

void
redundant_stored(struct segment *s, int stream, const struct rtp_frame *frame)
{
	if (s->clean[stream])
		return;
	s->clean[stream] = true;
	s->clean_from[stream] = frame->timestamp;
}

void
redundant_left_out(struct segment *s, int stream)
{
	s->clean[stream] = false;
}
