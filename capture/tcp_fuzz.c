/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any segments, in small limits, to a reader that does anything. What it is
 * given is checked: whatever is not consumed is there again, in front of what
 * is new.
 */
#include "capture/tcp.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { STREAM_BYTES = 2000 };

/* The bytes of the input that say what the reader does. */
struct script {
	const uint8_t *data;
	size_t n;
};

/* Kept in the state of a direction. */
struct seen {
	uint32_t left; /* it was not consumed, the time before */
	uint32_t ever; /* the reader was called */
	uint8_t first; /* of what is left */
};

static uint8_t
next(struct script *s)
{
	if (s->n == 0)
		return 0;
	s->n--;
	return *s->data++;
}

static int64_t
on_piece(void *ctx, const struct capture_tcp_piece *piece)
{
	struct seen *seen = piece->reader;
	uint8_t what = next(ctx);
	uint32_t consume, i;
	uint8_t sum = 0;

	assert(piece->count > 0 && piece->count <= 65536);
	for (i = 0; i < piece->count; i++)
		sum ^= piece->bytes[i];
	assert(sum <= 255);
	if (!piece->gap && seen->left) {
		assert(piece->count >= seen->left);
		assert(piece->bytes[0] == seen->first);
	}
	if (what == 255)
		return CAPTURE_TCP_IGNORE;
	if (what & 1)
		*piece->keep = true;
	consume = what % 4 == 0 ? piece->count
				: (uint32_t)(what * 37) % (piece->count + 1);
	seen->left = piece->last ? 0 : piece->count - consume;
	if (seen->left)
		seen->first = piece->bytes[consume];
	seen->ever = 1;
	return consume;
}

static bool
begins(const uint8_t *bytes, uint32_t n)
{
	return n > 0 && bytes[0] % 4 == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct script script = { data, n };
	const struct capture_tcp_config config = {
		.connections_max = 3,
		.stream_bytes = STREAM_BYTES,
		.total_bytes = 3 * STREAM_BYTES,
		.read = on_piece,
		.begins = begins,
		.ctx = &script,
	};
	int64_t now_ns = 0;
	struct capture_tcp *tcp;

	if (capture_tcp_new(&tcp, &config) < 0)
		return 0;
	while (script.n >= 6) {
		uint8_t ends = next(&script), flags = next(&script);
		struct capture_pkt pkt = {
			.src = { .port = ends & 3 },
			.dst = { .port = 4 + (ends >> 2 & 3) },
			.tcp = { .flags = flags },
		};
		uint8_t *bytes;

		pkt.tcp.sequence = (uint32_t)(next(&script) << 8);
		pkt.tcp.sequence |= next(&script);
		pkt.tcp.sequence -= ends & 64 ? 65536 : 0;
		pkt.tcp.acknowledged = (uint32_t)(next(&script) << 4);
		pkt.payload_bytes =
		    (uint32_t)next(&script) * (ends & 32 ? 6 : 1);
		if (ends & 128) {
			struct capture_endpoint swap = pkt.src;

			pkt.src = pkt.dst;
			pkt.dst = swap;
		}
		bytes = malloc(pkt.payload_bytes);
		assert(bytes || !pkt.payload_bytes);
		for (uint32_t i = 0; i < pkt.payload_bytes; i++)
			bytes[i] = (uint8_t)(pkt.tcp.sequence + i);
		pkt.payload = bytes;
		now_ns += (int64_t)(ends & 16) * 20000000;
		pkt.time_ns = now_ns;
		capture_tcp_input(tcp, &pkt);
		if (flags & 32)
			capture_tcp_tick(tcp, now_ns);
		free(bytes);
	}
	capture_tcp_finish(tcp, now_ns);
	capture_tcp_free(&tcp);
	return 0;
}
