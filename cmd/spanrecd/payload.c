/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See payload.h. */
#include "cmd/spanrecd/payload.h"

#include "rtp/event.h"
#include "rtp/red.h"

bool
payload_format(const struct writer_media *media, uint8_t payload_type,
	       struct rtp_format *format)
{
	uint32_t i;

	for (i = 0; i < media->formats_count; i++) {
		if (media->formats[i].payload_type == payload_type) {
			*format = media->formats[i];
			return true;
		}
	}
	return rtp_format_static(payload_type, format);
}

bool
payload_is_event(const struct rtp_format *format, const struct rtp_frame *frame)
{
	return format ? rtp_format_is(format, "telephone-event")
		      : frame->payload_bytes == RTP_EVENT_BYTES;
}

bool
payload_is_red(const struct rtp_format *format)
{
	return rtp_format_is(format, "red");
}

bool
payload_has_event(const struct writer_media *media,
		  const struct rtp_frame *frame)
{
	struct rtp_red_block blocks[RTP_RED_BLOCKS_MAX];
	uint32_t n = rtp_red_read(blocks, frame->payload, frame->payload_bytes);
	uint32_t i;

	for (i = 0; i < n; i++) {
		struct rtp_format format;
		bool known =
		    payload_format(media, blocks[i].payload_type, &format);

		if (known ? rtp_format_is(&format, "telephone-event")
			  : blocks[i].bytes == RTP_EVENT_BYTES)
			return true;
	}
	return n == 0;
}
