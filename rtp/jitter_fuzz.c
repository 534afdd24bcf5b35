/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bytes drive a schedule of puts and takes through a small jitter buffer:
 * four bytes an operation. Whatever the schedule, every packet comes out
 * exactly once under some name, frames are whole and in order, and gaps are
 * what is between them.
 */
#include "rtp/jitter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000LL

static const struct rtp_jitter_config config = {
	.slots = 128,
	.log_bytes = 4096,
	.window_ns = 200 * MS,
};

struct run {
	struct rtp_jitter *jitter;
	int64_t clock_ns;
	int64_t due_ns;
	uint16_t sequence;
	uint32_t next; /* of frames and gaps; 0: none yet */
	uint32_t first;
	uint64_t put;
	uint64_t told;
	uint64_t frames;
	uint64_t missing;
	uint64_t shed;
	uint64_t shed_in_gaps;
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static uint32_t
payload_bytes(uint16_t sequence)
{
	return sequence % 5 ? 160 : sequence % (RTP_JITTER_PAYLOAD_MAX + 1);
}

static void
start(struct run *r)
{
	struct rtp_hdr first = { .sequence = r->sequence };

	r->jitter = rtp_jitter_init(r->jitter, &config, &first);
	r->next = r->first = 0;
	r->put = r->told = r->frames = r->missing = 0;
	r->shed = r->shed_in_gaps = 0;
}

static void
check_frame(struct run *r, const struct rtp_frame *f)
{
	if (!r->first)
		r->first = r->next = f->sequence;
	assert(f->sequence == r->next++);
	assert(f->payload_bytes == payload_bytes((uint16_t)f->sequence));
	for (uint32_t i = 0; i < f->payload_bytes; i++)
		assert(f->payload[i] == (uint8_t)(f->sequence + i));
	r->frames++;
	r->told++;
}

static enum rtp_take
take(struct run *r, bool peek_first)
{
	struct rtp_frame peeked = { 0 };
	struct rtp_frame f = { 0 };
	enum rtp_take first = RTP_TAKE_NONE;
	enum rtp_take kind;

	if (peek_first)
		first = rtp_jitter_peek(r->jitter, r->due_ns, &peeked);
	kind = rtp_jitter_take(r->jitter, r->due_ns, &f);
	if (peek_first) {
		assert(kind == first && f.time_ns == peeked.time_ns);
		assert(f.sequence == peeked.sequence);
		assert(f.missing == peeked.missing && f.shed == peeked.shed);
		assert(f.payload == peeked.payload);
	}
	if (kind == RTP_TAKE_FRAME) {
		check_frame(r, &f);
	} else if (kind == RTP_TAKE_GAP) {
		assert(f.sequence == r->next && f.missing > 0);
		assert(f.shed <= f.missing);
		r->next += f.missing;
		r->missing += f.missing;
		r->shed_in_gaps += f.shed;
	} else if (kind != RTP_TAKE_NONE) {
		assert(!f.payload);
		r->told++;
		r->shed -= kind == RTP_TAKE_SHED;
	}
	return kind;
}

static void
finish(struct run *r)
{
	uint64_t shed = r->shed;

	r->due_ns = INT64_MAX;
	while (take(r, true) != RTP_TAKE_NONE)
		;
	assert(rtp_jitter_empty(r->jitter));
	assert(r->told == r->put);
	assert(r->frames + r->missing == r->next - r->first);
	assert(r->shed == 0);
	assert(shed == 0 || r->put > 0);
}

static void
put(struct run *r, uint16_t sequence)
{
	uint8_t payload[RTP_JITTER_PAYLOAD_MAX];
	struct rtp_hdr hdr = {
		.sequence = sequence,
		.payload = payload,
		.payload_bytes = payload_bytes(sequence),
	};
	enum rtp_put result;

	for (uint32_t i = 0; i < hdr.payload_bytes; i++)
		payload[i] = (uint8_t)(sequence + i);
	result = rtp_jitter_put(r->jitter, &hdr, r->clock_ns);
	if (result == RTP_PUT_RESTART) {
		finish(r);
		r->sequence = sequence;
		r->due_ns = 0;
		start(r);
		result = rtp_jitter_put(r->jitter, &hdr, r->clock_ns);
		assert(result == RTP_PUT_STORED);
	}
	if (result == RTP_PUT_FULL || result == RTP_PUT_NO_ROOM) {
		rtp_jitter_shed(r->jitter, &hdr, r->clock_ns);
		r->shed++;
	}
	r->put++;
}

/* kind of operation, step of the number, step of the time, takes */
static void
step(struct run *r, const uint8_t *op)
{
	int64_t latest = r->clock_ns - config.window_ns - 1;

	switch (op[0] % 8) {
	case 0: /* far ahead or back */
		r->sequence = (uint16_t)(r->sequence + (int8_t)op[1] * 32);
		break;
	case 1: /* around here */
		put(r, (uint16_t)(r->sequence + (int8_t)op[1]));
		break;
	case 2: /* the clock of the consumer runs ahead */
		latest += 4 * MS * op[1];
		break;
	case 3:
		r->clock_ns -= op[1] * MS;
		if (r->clock_ns < 0)
			r->clock_ns = 0;
		break;
	default:
		put(r, ++r->sequence);
	}
	r->clock_ns += op[2] * MS / 4;
	if (latest > r->due_ns)
		r->due_ns = latest;
	for (uint8_t i = op[3] % 16; i; i--)
		take(r, op[3] & 16);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct run r = { .clock_ns = 1000 * MS };

	r.jitter = aligned_alloc(64, rtp_jitter_bytes(&config));
	assert(r.jitter);
	memset(r.jitter, 0xa5, rtp_jitter_bytes(&config));
	start(&r);
	for (; n >= 4; bytes += 4, n -= 4)
		step(&r, bytes);
	finish(&r);
	free(r.jitter);
	return 0;
}
