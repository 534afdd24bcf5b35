/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See redundant.h. */
#include "cmd/spanrecd/redundant.h"

#include <string.h>

#include "cmd/spanrecd/payload.h"
#include "rtp/earlier.h"
#include "rtp/red.h"

void
redundant_begin(struct redundant *r, bool strange)
{
	*r = (struct redundant){ .strange = strange,
				 .reason = STORE_REASON_policy };
}

static bool
is_on_purpose(enum store_reason reason)
{
	switch (reason) {
	case STORE_REASON_loss:
	case STORE_REASON_kernel:
	case STORE_REASON_overrun:
	case STORE_REASON_encrypted:
	case STORE_REASON_interrupted:
		return false;
	default:
		return true;
	}
}

static void
forbid(struct redundant *r, enum store_reason reason)
{
	r->clean = false;
	r->strange = true;
	r->reason = reason;
}

void
redundant_left_out(struct redundant *r, const struct rtp_format *format,
		   const struct rtp_frame *frame, enum store_reason reason)
{
	uint32_t length;

	if (!is_on_purpose(reason))
		return;
	forbid(r, reason);
	length = format ? rtp_earlier_length(format, frame->payload,
					     frame->payload_bytes)
			: 0;
	if (length == 0)
		return;
	r->left = true;
	r->left_until = frame->timestamp + length;
}

void
redundant_paused(struct redundant *r, int64_t until_ns,
		 enum store_reason reason)
{
	if (r->clean && until_ns > r->since_ns)
		forbid(r, reason);
}

/* Is it of a time at which something was left out? A timestamp that is far off
 * begins anew. */
static bool
is_again(const struct redundant *r, const struct rtp_format *format,
	 uint32_t timestamp)
{
	int32_t behind = (int32_t)(r->left_until - timestamp);

	return r->left && behind > 0 &&
	       behind < (int32_t)(2 * format->clock_hz);
}

/* Is all that it brings along of packets that were stored, or lost between
 * them? */
static bool
may_stay(const struct redundant *r, uint32_t timestamp, uint32_t earlier)
{
	if (earlier == 0)
		return true;
	return r->clean && earlier != RTP_EARLIER_UNKNOWN &&
	       (int32_t)(timestamp - earlier - r->from) >= 0;
}

/* Of a packet of several its own alone. */
static void
take_own(struct rtp_frame *frame, uint8_t room[RTP_JITTER_PAYLOAD_MAX])
{
	struct rtp_red_block blocks[RTP_RED_BLOCKS_MAX];
	uint32_t count =
	    rtp_red_read(blocks, frame->payload, frame->payload_bytes);
	const struct rtp_red_block *own = &blocks[count - 1];

	if (count == 0)
		return;
	room[0] = own->payload_type;
	memcpy(room + 1, own->payload, own->bytes);
	frame->payload = room;
	frame->payload_bytes = (uint16_t)(own->bytes + 1);
}

bool
redundant_cut(struct redundant *r, const struct rtp_format *format,
	      struct rtp_frame *frame, uint8_t room[RTP_JITTER_PAYLOAD_MAX])
{
	uint32_t earlier =
	    rtp_earlier(format, frame->payload, frame->payload_bytes);

	r->again = is_again(r, format, frame->timestamp);
	if (r->again)
		return false;
	if (may_stay(r, frame->timestamp, earlier))
		return true;
	if (payload_is_red(format)) {
		take_own(frame, room);
		earlier =
		    rtp_earlier(format, frame->payload, frame->payload_bytes);
	}
	return !r->strange || may_stay(r, frame->timestamp, earlier);
}

void
redundant_passed(struct redundant *r, const struct rtp_frame *frame)
{
	if (r->clean || r->again)
		return;
	r->clean = true;
	r->strange = r->left = false;
	r->from = frame->timestamp;
	r->since_ns = frame->time_ns;
}
