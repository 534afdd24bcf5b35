/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a frame; the first chooses the link type. The frame is a block
 * of its own, so that the first byte read past its end is found.
 */
#include "capture/decode.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check(const struct capture_frame *frame, const struct capture_pkt *pkt)
{
	const uint8_t *end = frame->bytes + frame->captured_bytes;

	assert(pkt->time_ns == frame->time_ns);
	assert(pkt->payload > frame->bytes && pkt->payload <= end);
	assert(pkt->payload_bytes <= end - pkt->payload);
	/* RFC 768: the length field has 16 bits and counts the header. */
	assert(pkt->payload_bytes + pkt->missing_bytes <= 65535 - 8);
	/* Bytes are missing only where the frame ends. */
	assert(!pkt->missing_bytes || pkt->payload + pkt->payload_bytes == end);
}

/* The shorter frame is the same datagram, cut, or cut before its payload. */
static void
check_shorter(struct capture_frame frame, const struct capture_pkt *whole)
{
	struct capture_pkt pkt;
	enum capture_outcome outcome;

	frame.captured_bytes--;
	outcome = capture_decode(&frame, &pkt);
	if (outcome == CAPTURE_cut)
		return;
	assert(outcome == CAPTURE_udp);
	check(&frame, &pkt);
	assert(pkt.payload == whole->payload);
	assert(pkt.payload_bytes + pkt.missing_bytes ==
	       whole->payload_bytes + whole->missing_bytes);
	assert(capture_endpoint_equal(&pkt.src, &whole->src));
	assert(capture_endpoint_equal(&pkt.dst, &whole->dst));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const int link_types[] = {
		1, 0, 101, 108, 113, 228, 229, 276, 9
	};
	struct capture_frame frame = { .time_ns = 42 };
	enum capture_outcome outcome;
	struct capture_pkt pkt;
	uint8_t *bytes;

	if (n < 1)
		return 0;
	bytes = malloc(n - 1);
	assert(bytes || n == 1);
	if (n > 1)
		memcpy(bytes, data + 1, n - 1);
	frame.bytes = bytes;
	frame.captured_bytes = (uint32_t)(n - 1);
	frame.wire_bytes = frame.captured_bytes;
	frame.link_type =
	    link_types[data[0] % (sizeof link_types / sizeof *link_types)];
	outcome = capture_decode(&frame, &pkt);
	assert(outcome >= 0 && outcome < CAPTURE_OUTCOME_COUNT);
	if (outcome == CAPTURE_udp) {
		check(&frame, &pkt);
		check_shorter(frame, &pkt);
	}
	free(bytes);
	return 0;
}
