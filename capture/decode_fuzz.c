/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as frames: each is a link type, a length and so many bytes, so
 * that fragments meet. A frame is a block of its own, so that the first byte
 * read past its end is found.
 */
#include "capture/decode.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { FRAME_BYTES_MAX = 2000 };

static void
check(const struct capture_frame *frame, const struct capture_pkt *pkt)
{
	const uint8_t *end = frame->bytes + frame->captured_bytes;
	uint8_t sum = 0;

	/* It can be read, wherever it lies. */
	for (uint32_t i = 0; i < pkt->payload_bytes; i++)
		sum ^= pkt->payload[i];
	assert(sum <= 255);
	assert(pkt->payload_bytes + pkt->missing_bytes <= 65535);
	if (pkt->payload >= frame->bytes && pkt->payload <= end)
		assert(pkt->payload_bytes <= end - pkt->payload);
}

static void
decode(struct capture_decoder *decoder, int64_t now_ns, int link_type,
       const uint8_t *data, uint32_t n)
{
	struct capture_frame frame = {
		.time_ns = now_ns,
		.captured_bytes = n,
		.wire_bytes = n,
		.link_type = link_type,
	};
	uint8_t *bytes = malloc(n);
	enum capture_outcome outcome;
	struct capture_pkt pkt;

	assert(bytes || n == 0);
	if (n)
		memcpy(bytes, data, n);
	frame.bytes = bytes;
	outcome = capture_decode(decoder, &frame, now_ns, &pkt);
	assert(outcome < CAPTURE_OUTCOME_COUNT);
	if (outcome == CAPTURE_udp || outcome == CAPTURE_tcp) {
		assert(pkt.time_ns == now_ns);
		check(&frame, &pkt);
	}
	free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const int link_types[] = { 1,   0,   9,   50,  51,  101, 104,
					  108, 113, 197, 228, 229, 276, 147 };
	/* Small limits, so that they are met. */
	const struct capture_decode_config config = {
		.datagrams_max = 4,
		.fragment_bytes = 16384,
		.fragment_ns = 1000,
	};
	struct capture_decoder *decoder;
	int64_t now_ns = 0;
	uint32_t bytes;
	int link_type;

	if (capture_decoder_new(&decoder, &config) < 0)
		return 0;
	while (n >= 3) {
		link_type = link_types[data[0] % (sizeof link_types /
						  sizeof *link_types)];
		bytes = (uint32_t)(data[1] << 8 | data[2]) % FRAME_BYTES_MAX;
		data += 3;
		n -= 3;
		if (bytes > n)
			bytes = (uint32_t)n;
		decode(decoder, now_ns, link_type, data, bytes);
		now_ns += bytes;
		data += bytes;
		n -= bytes;
	}
	capture_decoder_tick(decoder, now_ns + 1000);
	capture_decoder_free(&decoder);
	return 0;
}
