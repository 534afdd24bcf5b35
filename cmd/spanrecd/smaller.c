/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A payload type keeps its number and changes its meaning: the recording is
 * told so before the first frame of each kind.
 */
#include "cmd/spanrecd/smaller.h"

#include <errno.h>

#include "rtp/transcode.h"

static void
take_over(struct smaller *smaller, const struct rtp_transcoded *opus)
{
	smaller->format = opus->format;
	smaller->frame.timestamp = opus->timestamp;
	smaller->frame.payload = opus->payload;
	smaller->frame.payload_bytes = (uint16_t)opus->bytes;
}

int
smaller_make(struct segment *s, const struct segment_input *in,
	     const struct segment_flow *flow, const struct rtp_frame *frame,
	     const struct rtp_format *received, struct smaller *smaller)
{
	struct rtp_transcoder **transcoder = &s->transcoders[flow->stream];
	const struct rtp_transcoded packet = {
		.format = *received,
		.timestamp = frame->timestamp,
		.payload = frame->payload,
		.bytes = frame->payload_bytes,
	};
	struct rtp_transcoded opus;
	int r = 0;

	*smaller = (struct smaller){ .frame = *frame, .format = *received };
	if (!*transcoder)
		r = rtp_transcoder_new(transcoder, in->opus);
	if (r == 0)
		r = rtp_transcode(*transcoder, frame->sequence, &packet, &opus);
	if (r == -ENOMEM)
		return r;
	smaller->opus = r == 0;
	if (smaller->opus)
		take_over(smaller, &opus);
	return 0;
}

bool
smaller_told(const struct segment *s, int stream, const struct smaller *smaller)
{
	uint8_t pt = smaller->frame.payload_type;

	return (s->told_opus[stream][pt >> 6] >> (pt & 63) & 1) ==
	       smaller->opus;
}

void
smaller_tell(struct segment *s, int stream, const struct smaller *smaller)
{
	uint8_t pt = smaller->frame.payload_type;
	uint64_t bit = UINT64_C(1) << (pt & 63);

	if (smaller->opus)
		s->told_opus[stream][pt >> 6] |= bit;
	else
		s->told_opus[stream][pt >> 6] &= ~bit;
}

void
smaller_fini(struct segment *s)
{
	for (size_t i = 0; i < STORE_STREAMS_MAX; i++)
		rtp_transcoder_free(&s->transcoders[i]);
}
