/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bytes drive frames of any time, timestamp and length, and takes in between.
 * Every frame is counted once, and the sound is exactly as long as asked.
 */
#include "rtp/rtp.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define MS        1000000LL
#define LENGTH_NS (20000 * MS)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* flags, stream, time step, timestamp step (2), length; then the payload is
 * whatever follows */
static int
one_frame(struct rtp_render *r, struct rtp_render_frame *frame,
	  const uint8_t *op, size_t n)
{
	static const struct rtp_format formats[] = {
		{ "PCMA", 8000, 8, 1, "" },
		{ "PCMU", 8000, 0, 1, "" },
		{ "G729", 8000, 18, 1, "" },
		{ "PCMU", 8000, 0, 0, "" },
	};
	size_t length = (size_t)op[5] * (op[0] & 0x80 ? 40 : 1);

	frame->format = &formats[op[0] & 3];
	frame->marker = op[0] & 4;
	frame->channel = op[1] & 1;
	frame->stream = op[1] >> 4;
	if (frame->time_ns > -LENGTH_NS && frame->time_ns < 2 * LENGTH_NS)
		frame->time_ns += (op[0] & 8 ? -MS : MS) * op[2];
	if (op[0] & 0x40)
		frame->time_ns = INT64_MAX / 128 * (int8_t)op[2];
	frame->timestamp += (uint32_t)(op[3] << 8 | op[4])
			    << (op[0] & 0x20 ? 16 : 0);
	frame->payload = op + 6;
	frame->payload_bytes = (uint32_t)(length < n - 6 ? length : n - 6);
	return rtp_render_frame(r, frame);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct rtp_render_frame frame = { .time_ns = 0 };
	const struct rtp_render_stats *stats;
	int16_t pcm[2 * 1000];
	struct rtp_render *r;
	uint64_t frames = 0;
	size_t total = 0;
	size_t taken;

	if (rtp_render_new(&r, 8000, 0, LENGTH_NS) < 0)
		return 0;
	for (; n >= 6; bytes += 6, n -= 6) {
		int err = one_frame(r, &frame, bytes, n);

		assert(err == 0);
		frames++;
		if (bytes[0] & 0x10)
			total += rtp_render_take(r, pcm, bytes[5] * 3UL,
						 frame.time_ns);
	}
	stats = rtp_render_stats_peek(r);
	assert(stats->frames + stats->no_codec + stats->malformed +
		   stats->out_of_range ==
	       frames);
	while ((taken = rtp_render_take(r, pcm, 1000, INT64_MAX)) > 0)
		total += taken;
	assert(total == LENGTH_NS / 125000);
	rtp_render_free(&r);
	return 0;
}
