/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a recording is told of its streams before their first frames. */
#include "cmd/spanrecd/segment_priv.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cmd/spanrecd/payload.h"
#include "rtp/red.h"

/* The recording numbers streams in the order in which it is told of them:
 * ours. */
int
segment__introduce_streams(struct segment *s, uint32_t count)
{
	int r;

	while (s->introduced < count) {
		r = store_recording_stream(s->recording,
					   &s->info[s->introduced]);
		if (r < 0)
			return r;
		s->introduced++;
	}
	return 0;
}

static int
introduce(struct segment *s, int stream, const struct rtp_format *format)
{
	struct store_format f = { .payload_type = format->payload_type,
				  .channels = format->channels,
				  .clock_hz = format->clock_hz };
	struct store_stream *row = &s->row.streams[stream];
	uint8_t pt = format->payload_type;
	int r = segment__introduce_streams(s, (uint32_t)stream + 1);

	if (r < 0)
		return r;
	snprintf(f.encoding, sizeof(f.encoding), "%s", format->encoding);
	snprintf(f.parameters, sizeof(f.parameters), "%s", format->parameters);
	r = store_recording_format(s->recording, stream, &f);
	if (r < 0)
		return r;
	/* What is in a packet of several is looked at each time. */
	if (!payload_is_red(format))
		s->told[stream][pt >> 6] |= UINT64_C(1) << (pt & 63);
	/* Comfort noise (RFC 3389) is not what is spoken in. */
	if (row->codec[0] == '\0' || strcasecmp(row->codec, "CN") == 0)
		snprintf(row->codec, sizeof(row->codec), "%s",
			 format->encoding);
	return 0;
}

/*
 * What the blocks of a packet of several are. Where sound is stored as Opus
 * they stay as they came, and their type may have been told as Opus before.
 */
static int
introduce_blocks(struct segment *s, const struct segment_flow *flow,
		 const struct rtp_frame *frame)
{
	struct rtp_red_block blocks[RTP_RED_BLOCKS_MAX];
	uint32_t n = rtp_red_read(blocks, frame->payload, frame->payload_bytes);
	uint64_t *told = s->told[flow->stream];
	uint64_t *told_opus = s->told_opus[flow->stream];

	for (uint32_t i = 0; i < n; i++) {
		uint8_t pt = blocks[i].payload_type;
		uint64_t bit = UINT64_C(1) << (pt & 63);
		struct rtp_format format;
		int r;

		if ((told[pt >> 6] & ~told_opus[pt >> 6] & bit) ||
		    !payload_format(flow->media, pt, &format))
			continue;
		r = introduce(s, flow->stream, &format);
		if (r < 0)
			return r;
		told_opus[pt >> 6] &= ~bit;
	}
	return 0;
}

int
segment__introduce(struct segment *s, const struct segment_flow *flow,
		   const struct rtp_frame *frame,
		   const struct rtp_format *format)
{
	int r = 0;

	if (payload_is_red(format))
		r = introduce_blocks(s, flow, frame);
	return r < 0 ? r : introduce(s, flow->stream, format);
}

void
segment_forget_formats(struct segment *s, int stream)
{
	memset(s->told[stream], 0, sizeof(s->told[stream]));
}
