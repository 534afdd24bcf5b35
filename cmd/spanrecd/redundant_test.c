/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/spanrecd/redundant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define STREAM 3

static const struct rtp_format red = { "red", 8000, 63, 1, "" };
static const struct rtp_format pcma = { "PCMA", 8000, 8, 1, "" };

/* One packet of before, 160 earlier, and its own: 4 bytes each. */
static const uint8_t payload[] = {
	0x88, 160 >> 6, (160 & 63) << 2, 4, 0x08, 'a', 'a', 'a', 'a', 'b', 'b',
	'b',  'b'
};

/* What may be stored of the packet of a time, and then it is. */
static void
expect(struct segment *s, uint32_t timestamp, const struct rtp_format *format,
       const char *bytes, uint16_t n)
{
	uint8_t room[RTP_JITTER_PAYLOAD_MAX];
	struct rtp_frame frame = { .timestamp = timestamp,
				   .payload = payload,
				   .payload_bytes = sizeof(payload) };

	redundant_cut(s, STREAM, format, &frame, room);
	assert_int_equal(frame.payload_bytes, n);
	assert_memory_equal(frame.payload, bytes, n);
	redundant_stored(s, STREAM, &frame);
}

#define EXPECT_ALL(s, timestamp)                                               \
	expect(s, timestamp, &red, (const char *)payload, sizeof(payload))
#define EXPECT_OWN(s, timestamp)                                               \
	expect(s, timestamp, &red,                                             \
	       "\x08"                                                          \
	       "bbbb",                                                         \
	       5)

static void
test_left_out(void **state)
{
	struct segment *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	/* What it brings may be of before the segment. */
	EXPECT_OWN(s, 0xffffff00);
	EXPECT_ALL(s, 0xffffff00 + 160);
	/* One was lost: it may come back. */
	EXPECT_ALL(s, 0xffffff00 + 3 * 160);
	redundant_left_out(s, STREAM);
	EXPECT_OWN(s, 0xffffff00 + 5 * 160);
	EXPECT_ALL(s, 0xffffff00 + 6 * 160);
	/* Another stream's is no matter of this one. */
	redundant_left_out(s, STREAM + 1);
	EXPECT_ALL(s, 0xffffff00 + 7 * 160);
	/* Nor are packets of one sound. */
	redundant_left_out(s, STREAM);
	expect(s, 8000, &pcma, (const char *)payload, sizeof(payload));
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
