/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See earlier.h. */
#include "rtp/earlier.h"

#include <opus/opus.h>

#include "rtp/red.h"

enum { OPUS_HZ = 48000, SILK_SAMPLES = OPUS_HZ / 50, OPUS_FRAMES_MAX = 48 };

/*
 * Has the first frame of a packet a copy of the frame before it? SILK's layer
 * begins with a bit for each 20 ms of a channel that says whether there is a
 * voice, then one that says whether it has such copies (RFC 6716 sections 4.2.3
 * and 4.2.4); these bits are as likely as not, so the range coder has them as
 * they are.
 */
static uint32_t
opus_earlier(const uint8_t *payload, uint32_t n)
{
	const unsigned char *frames[OPUS_FRAMES_MAX];
	opus_int16 bytes[OPUS_FRAMES_MAX];
	int samples, each, at, channel;

	if (n == 0 || payload[0] & 0x80) /* CELT alone has none */
		return 0;
	if (opus_packet_parse(payload, (opus_int32)n, NULL, frames, bytes,
			      NULL) < 1)
		return RTP_EARLIER_UNKNOWN;
	if (bytes[0] == 0)
		return 0;
	samples = opus_packet_get_samples_per_frame(payload, OPUS_HZ);
	each = samples > SILK_SAMPLES ? samples / SILK_SAMPLES : 1;
	at = 7 - each;
	for (channel = opus_packet_get_nb_channels(payload); channel > 0;
	     channel--) {
		if (frames[0][0] >> at & 1)
			return (uint32_t)samples;
		at -= each + 1;
	}
	return 0;
}

static uint32_t
red_earlier(const struct rtp_format *format, const uint8_t *payload, uint32_t n)
{
	struct rtp_red_block blocks[RTP_RED_BLOCKS_MAX];
	uint32_t count = rtp_red_read(blocks, payload, n), most = 0, i;

	if (count == 0)
		return RTP_EARLIER_UNKNOWN;
	for (i = 0; i < count; i++) {
		uint32_t earlier = blocks[i].offset;

		/* Of what codec a block is, its packet does not say; Opus is
		 * the only one in use with this clock. */
		if (format->clock_hz == OPUS_HZ) {
			uint32_t inside =
			    opus_earlier(blocks[i].payload, blocks[i].bytes);

			if (inside == RTP_EARLIER_UNKNOWN)
				return inside;
			earlier += inside;
		}
		if (earlier > most)
			most = earlier;
	}
	return most;
}

uint32_t
rtp_earlier(const struct rtp_format *format, const uint8_t *payload, uint32_t n)
{
	if (rtp_format_is(format, "red"))
		return red_earlier(format, payload, n);
	if (rtp_format_is(format, "opus"))
		return opus_earlier(payload, n);
	return 0;
}

static uint32_t
bits_at(const uint8_t *bytes, uint32_t at, uint32_t count)
{
	uint32_t value = 0;

	for (; count > 0; count--, at++)
		value = value << 1 | (bytes[at / 8] >> (7 - at % 8) & 1);
	return value;
}

/* The table of contents (RFC 4867 sections 4.3.2 and 4.4.2) has an entry for
 * each frame; its first bit says that another one follows. */
static uint32_t
amr_frames(const uint8_t *payload, uint32_t n, bool aligned)
{
	uint32_t at = aligned ? 8 : 4, entry = aligned ? 8 : 6, count = 0;

	while (at + entry <= n * 8) {
		count++;
		if (!bits_at(payload, at, 1))
			return count;
		at += entry;
	}
	return 0;
}

uint32_t
rtp_earlier_length(const struct rtp_format *format, const uint8_t *payload,
		   uint32_t n)
{
	if (!rtp_format_is(format, "AMR") && !rtp_format_is(format, "AMR-WB"))
		return 0;
	return amr_frames(payload, n, rtp_format_flag(format, "octet-align")) *
	       (format->clock_hz / 50);
}
