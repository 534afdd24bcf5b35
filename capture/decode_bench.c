/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What it costs to cut a datagram out of a frame. The frames lie one behind
 * the other in a few megabytes, as in a kernel ring, so that their headers
 * are seldom in the first-level cache.
 */
#include "capture/decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FRAMES = 16384, FRAME_BYTES = 256, ROUNDS = 400, PAYLOAD_BYTES = 172 };

/* Ethernet and 802.1Q */
static const uint8_t ether[14] = { [12] = 0x08, [13] = 0x00 };
static const uint8_t tagged[18] = { [12] = 0x81, [15] = 100, [16] = 0x08 };
static const uint8_t ether6[14] = { [12] = 0x86, [13] = 0xdd };
static const uint8_t ip4[20] = {
	[0] = 0x45, [3] = 28 + PAYLOAD_BYTES, [8] = 64, [9] = 17, [12] = 10,
	[16] = 10
};
static const uint8_t ip6[40] = {
	[0] = 0x60, [5] = 8 + PAYLOAD_BYTES, [6] = 17, [7] = 64
};
static const uint8_t udp[8] = {
	[0] = 0x40, [2] = 0x41, [5] = 8 + PAYLOAD_BYTES
};

static double
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void
append(uint8_t *frame, uint32_t *n, const uint8_t *bytes, size_t count)
{
	memcpy(frame + *n, bytes, count);
	*n += (uint32_t)count;
}

static struct capture_decoder *decoder;

static void
run(const char *name, uint8_t *memory, uint32_t n)
{
	struct capture_frame frame = {
		.captured_bytes = n + PAYLOAD_BYTES,
		.wire_bytes = n + PAYLOAD_BYTES,
		.link_type = 1,
	};
	uint64_t sum = 0, count = (uint64_t)ROUNDS * FRAMES;
	double began = now_ns();
	uint64_t i;

	for (i = 0; i < count; i++) {
		struct capture_pkt pkt;

		frame.bytes = memory + i % FRAMES * FRAME_BYTES;
		frame.time_ns = (int64_t)i;
		if (capture_decode(decoder, &frame, frame.time_ns, &pkt) ==
		    CAPTURE_udp)
			sum += pkt.payload_bytes + pkt.src.addr[15];
	}
	if (sum < count * PAYLOAD_BYTES)
		abort();
	printf("decode %-10s %6.1f ns\n", name,
	       (now_ns() - began) / (double)count);
}

/* Fill the memory with one kind of frame, and run. */
static void
run_kind(const char *name, uint8_t *memory, const uint8_t *link,
	 size_t link_bytes, bool is_ip6)
{
	uint8_t *frame = memory;
	uint32_t n = 0, i;

	for (i = 0; i < FRAMES; i++, frame += FRAME_BYTES) {
		n = 0;
		append(frame, &n, link, link_bytes);
		append(frame, &n, is_ip6 ? ip6 : ip4,
		       is_ip6 ? sizeof ip6 : sizeof ip4);
		append(frame, &n, udp, sizeof udp);
		frame[n] = 0x80; /* RTP */
	}
	run(name, memory, n);
}

int
main(void)
{
	const struct capture_decode_config config = { .hash_key = "bench" };
	uint8_t *memory = calloc(FRAMES, FRAME_BYTES);

	if (!memory || capture_decoder_new(&decoder, &config) < 0)
		return 1;
	run_kind("ip4", memory, ether, sizeof ether, false);
	run_kind("vlan ip4", memory, tagged, sizeof tagged, false);
	run_kind("ip6", memory, ether6, sizeof ether6, true);
	capture_decoder_free(&decoder);
	free(memory);
	return 0;
}
