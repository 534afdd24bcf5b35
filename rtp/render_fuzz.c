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
#define LENGTH_NS (3000 * MS)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const struct rtp_format formats[] = {
	{ .encoding = "PCMA", .clock_hz = 8000, .channels = 1 },
	{ .encoding = "PCMU", .clock_hz = 8000, .channels = 1 },
	{ .encoding = "G722", .clock_hz = 8000, .channels = 1 },
	{ .encoding = "L16", .clock_hz = 44100, .channels = 1 },
	{ .encoding = "opus", .clock_hz = 48000, .channels = 2 },
	{ .encoding = "CN", .clock_hz = 8000, .channels = 1 },
	{ .encoding = "PCMU", .clock_hz = 0, .channels = 0 },
	{ .encoding = "unknown", .clock_hz = 16000, .channels = 1 },
};

#define OP_BYTES 8

/* flags, format and stream, time step, timestamp step (2), sequence step,
 * spare, length; then the payload is whatever follows */
static int
one_frame(struct rtp_render *r, struct rtp_render_frame *frame,
	  const uint8_t *op, size_t n)
{
	struct rtp_render_spare spare = { .format = &formats[op[6] & 7] };
	size_t length = (size_t)op[7] * (op[0] & 0x80 ? 40 : 1);

	frame->format = &formats[op[1] & 7];
	frame->marker = op[0] & 4;
	frame->after_gap = op[0] & 2;
	frame->stream = op[1] >> 4;
	frame->channel = frame->stream & 1;
	if (frame->time_ns > -LENGTH_NS && frame->time_ns < 2 * LENGTH_NS)
		frame->time_ns += (op[0] & 8 ? -MS : MS) * op[2];
	if (op[0] & 0x40)
		frame->time_ns = INT64_MAX / 128 * (int8_t)op[2];
	frame->timestamp += (uint32_t)(op[3] << 8 | op[4])
			    << (op[0] & 0x20 ? 16 : 0);
	frame->sequence = (uint16_t)(frame->sequence + (int8_t)op[5]);
	frame->payload = op + OP_BYTES;
	frame->payload_bytes =
	    (uint32_t)(length < n - OP_BYTES ? length : n - OP_BYTES);
	spare.timestamp = frame->timestamp - op[6] * 8U;
	spare.payload = frame->payload;
	spare.payload_bytes = frame->payload_bytes / 2;
	frame->spares = op[6] ? &spare : NULL;
	frame->spares_count = op[6] != 0;
	return rtp_render_frame(r, frame);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const uint32_t rates[] = { 8000, 16000, 48000, 8000 };
	struct rtp_render_frame frame = { .time_ns = 0 };
	struct rtp_render_config config = { .end_ns = LENGTH_NS };
	const struct rtp_render_stats *stats;
	int16_t pcm[2 * 1000];
	struct rtp_render *r;
	uint64_t frames = 0;
	int64_t total = 0;
	ssize_t taken;

	if (n < 1)
		return 0;
	config.sample_hz = rates[bytes[0] & 3];
	config.no_conceal = bytes[0] & 4;
	if (rtp_render_new(&r, &config) < 0)
		return 0;
	for (bytes++, n--; n >= OP_BYTES; bytes += OP_BYTES, n -= OP_BYTES) {
		int err = one_frame(r, &frame, bytes, n);

		assert(err == 0);
		frames++;
		if (bytes[0] & 0x10)
			total += rtp_render_take(r, pcm, bytes[7] * 3UL,
						 frame.time_ns);
	}
	stats = rtp_render_stats_peek(r);
	assert(stats->frames + stats->no_codec + stats->malformed +
		   stats->out_of_range ==
	       frames);
	while ((taken = rtp_render_take(r, pcm, 1000, INT64_MAX)) > 0)
		total += taken;
	assert(total == LENGTH_NS / MS * config.sample_hz / 1000);
	rtp_render_free(&r);
	return 0;
}
