/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Through the jitter buffer with all that stands around a payload: what SRTP is
 * proved with. */
#include "rtp/jitter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

static const struct rtp_jitter_config config = {
	.slots = 128,
	.log_bytes = 4096,
	.window_ns = 100000000,
};

/* One CSRC, an extension of one word, "abc", padding of two. */
static const uint8_t whole[] = {
	0xb1, 0x08, 0, 5, 0, 0, 0, 160, 0, 0, 0, 9,   0,   0,   0, 7, 0xbe,
	0xde, 0,    1, 1, 2, 3, 4, 0,   0, 0, 0, 'a', 'b', 'c', 0, 2,
};

static void
bytes_around(void **state)
{
	static const struct {
		uint8_t flags;
		uint32_t from, bytes; /* of the payload, in the packet */
	} cases[] = {
		{ 0x31, 24, 7 },  /* P, X, one CSRC */
		{ 0x11, 24, 9 },  /* X, one CSRC */
		{ 0x21, 16, 15 }, /* P, one CSRC */
		{ 0x01, 16, 17 }, { 0x20, 12, 19 }, { 0x00, 12, 21 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *packet = testing_copy(whole, sizeof(whole));
		void *memory = aligned_alloc(64, rtp_jitter_bytes(&config));
		struct rtp_jitter *jitter;
		struct rtp_frame f;
		struct rtp_hdr hdr;

		packet[0] = 0x80 | cases[i].flags;
		assert_true(rtp_hdr_parse(&hdr, packet, sizeof(whole)) > 0);
		assert_int_equal(hdr.payload - packet, cases[i].from);
		jitter = rtp_jitter_init(memory, &config, &hdr);
		assert_int_equal(rtp_jitter_put(jitter, &hdr, 1000),
				 RTP_PUT_STORED);
		free(packet);
		assert_int_equal(rtp_jitter_take(jitter, INT64_MAX, &f),
				 RTP_TAKE_FRAME);
		assert_int_equal(f.flags, cases[i].flags);
		assert_int_equal(f.body_bytes, sizeof(whole) - 12);
		assert_memory_equal(f.body, whole + 12, sizeof(whole) - 12);
		assert_int_equal(f.payload_bytes, cases[i].bytes);
		assert_ptr_equal(f.payload, f.body + cases[i].from - 12);
		free(memory);
	}
}

/* Nothing of it stays when it is not in use any more. */
static void
wiped(void **state)
{
	void *memory = aligned_alloc(64, rtp_jitter_bytes(&config));
	struct rtp_jitter *jitter;
	const uint8_t *body;
	struct rtp_frame f;
	struct rtp_hdr hdr;

	assert_true(rtp_hdr_parse(&hdr, whole, sizeof(whole)) > 0);
	jitter = rtp_jitter_init(memory, &config, &hdr);
	assert_int_equal(rtp_jitter_put(jitter, &hdr, 1000), RTP_PUT_STORED);
	assert_int_equal(rtp_jitter_take(jitter, INT64_MAX, &f),
			 RTP_TAKE_FRAME);
	body = f.body;
	assert_int_equal(rtp_jitter_take(jitter, INT64_MAX, &f), RTP_TAKE_NONE);
	for (size_t i = 0; i < sizeof(whole) - 12; i++)
		assert_int_equal(body[i], 0);
	free(memory);
}

/* The longest there is room for; its flags take a byte. */
static void
longest(void **state)
{
	static uint8_t packet[12 + RTP_JITTER_PAYLOAD_MAX];

	memcpy(packet, whole, 16);
	packet[0] = 0x81;
	for (uint32_t over = 0; over < 2; over++) {
		void *memory = aligned_alloc(64, rtp_jitter_bytes(&config));
		struct rtp_jitter *jitter;
		struct rtp_frame f;
		struct rtp_hdr hdr;

		assert_true(
		    rtp_hdr_parse(&hdr, packet, sizeof(packet) - 1 + over) > 0);
		jitter = rtp_jitter_init(memory, &config, &hdr);
		assert_int_equal(rtp_jitter_put(jitter, &hdr, 1000),
				 over ? RTP_PUT_NO_ROOM : RTP_PUT_STORED);
		if (!over) {
			assert_int_equal(rtp_jitter_take(jitter, INT64_MAX, &f),
					 RTP_TAKE_FRAME);
			assert_int_equal(f.body_bytes,
					 RTP_JITTER_PAYLOAD_MAX - 1);
			assert_int_equal(f.payload_bytes,
					 RTP_JITTER_PAYLOAD_MAX - 5);
		}
		free(memory);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_around),
		cmocka_unit_test(wiped),
		cmocka_unit_test(longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
