/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/spanrecd/redundant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define STEP 160
#define MS   INT64_C(1000000)

static const struct rtp_format red = { "red", 8000, 63, 1, "" };
static const struct rtp_format pcma = { "PCMA", 8000, 8, 1, "" };
static const struct rtp_format opus = { "opus", 48000, 111, 2, "" };
static const struct rtp_format amr = { "AMR", 8000, 97, 1, "octet-align=1" };

/* One packet of before, a step earlier, and its own: 4 bytes each. */
static const uint8_t several[] = { 0x88, STEP >> 6, (STEP & 63) << 2,
				   4,    0x08,      'a',
				   'a',  'a',       'a',
				   'b',  'b',       'b',
				   'b' };
static const uint8_t own[] = { 0x08, 'b', 'b', 'b', 'b' };

/* SILK, 20 ms of one channel: a voice, and a copy of what was before it. */
static const uint8_t with_copy[] = { 0x48, 0xc0, 1, 2, 3, 4, 5, 6 };
static const uint8_t without[] = { 0x48, 0x80, 1, 2, 3, 4, 5, 6 };

static struct rtp_frame
frame_of(uint32_t timestamp, const uint8_t *payload, size_t n)
{
	return (struct rtp_frame){ .time_ns = (int64_t)timestamp * MS,
				   .timestamp = timestamp,
				   .payload = payload,
				   .payload_bytes = (uint16_t)n };
}

/* What may be stored of the packet of a time; then it has passed. */
static void
expect(struct redundant *r, uint32_t timestamp, const struct rtp_format *format,
       const uint8_t *bytes, size_t n)
{
	uint8_t room[RTP_JITTER_PAYLOAD_MAX];
	struct rtp_frame frame = frame_of(timestamp, several, sizeof(several));

	assert_true(redundant_cut(r, format, &frame, room));
	assert_int_equal(frame.payload_bytes, n);
	assert_memory_equal(frame.payload, bytes, n);
	redundant_passed(r, &frame);
}

#define EXPECT_ALL(r, timestamp)                                               \
	expect(r, timestamp, &red, several, sizeof(several))
#define EXPECT_OWN(r, timestamp) expect(r, timestamp, &red, own, sizeof(own))

/* May a packet that cannot be cut be stored? Then it has passed. */
static bool
stays(struct redundant *r, uint32_t timestamp, const struct rtp_format *format,
      const uint8_t *bytes, size_t n)
{
	uint8_t room[RTP_JITTER_PAYLOAD_MAX];
	struct rtp_frame frame = frame_of(timestamp, bytes, n);
	bool yes = redundant_cut(r, format, &frame, room);

	assert_ptr_equal(frame.payload, bytes);
	redundant_passed(r, &frame);
	return yes;
}

static void
leave_out(struct redundant *r, uint32_t timestamp, enum store_reason reason)
{
	struct rtp_frame frame = frame_of(timestamp, several, 1);

	redundant_left_out(r, &pcma, &frame, reason);
}

static void
blocks_of_what_was_left_out(void **state)
{
	struct redundant r;

	(void)state;
	redundant_begin(&r, false);
	/* What it brings may be of before the segment. */
	EXPECT_OWN(&r, 0xffffff00);
	EXPECT_ALL(&r, 0xffffff00 + STEP);
	/* One was lost: it may come back. */
	EXPECT_ALL(&r, 0xffffff00 + 3 * STEP);
	leave_out(&r, 0xffffff00 + 4 * STEP, STORE_REASON_dtmf);
	EXPECT_OWN(&r, 0xffffff00 + 5 * STEP);
	EXPECT_ALL(&r, 0xffffff00 + 6 * STEP);
	/* So may one that we had no room for, or could not read. */
	leave_out(&r, 0xffffff00 + 7 * STEP, STORE_REASON_overrun);
	EXPECT_ALL(&r, 0xffffff00 + 8 * STEP);
	leave_out(&r, 0xffffff00 + 9 * STEP, STORE_REASON_encrypted);
	EXPECT_ALL(&r, 0xffffff00 + 10 * STEP);
	/* A packet of one sound is none of this. */
	leave_out(&r, 0, STORE_REASON_policy);
	expect(&r, 8000, &pcma, several, sizeof(several));
}

static void
blocks_of_a_pause_in_which_nothing_came(void **state)
{
	struct redundant r;

	(void)state;
	redundant_begin(&r, false);
	EXPECT_OWN(&r, 1000);
	EXPECT_ALL(&r, 1000 + STEP);
	/* one that was over before anything was stored */
	redundant_paused(&r, 900 * MS, STORE_REASON_payment);
	EXPECT_ALL(&r, 1000 + 2 * STEP);
	redundant_paused(&r, (1000 + 3 * STEP) * MS, STORE_REASON_payment);
	assert_int_equal(r.reason, STORE_REASON_payment);
	EXPECT_OWN(&r, 1000 + 4 * STEP);
	/* It is told of with each packet after it. */
	redundant_paused(&r, (1000 + 3 * STEP) * MS, STORE_REASON_payment);
	EXPECT_ALL(&r, 1000 + 5 * STEP);
}

#define STAYS(r, timestamp, format, bytes)                                     \
	stays(r, timestamp, format, bytes, sizeof(bytes))

static void
copies_in_opus(void **state)
{
	struct redundant r;

	(void)state;
	/* At the beginning of a call nothing was before it; */
	redundant_begin(&r, false);
	assert_true(STAYS(&r, 0, &opus, with_copy));
	assert_true(STAYS(&r, 960, &opus, with_copy));
	leave_out(&r, 1920, STORE_REASON_payment);
	assert_false(STAYS(&r, 2880, &opus, with_copy));
	assert_int_equal(r.reason, STORE_REASON_payment);
	assert_true(STAYS(&r, 3840, &opus, with_copy));
	leave_out(&r, 4800, STORE_REASON_payment);
	assert_true(STAYS(&r, 5760, &opus, without));
	assert_true(STAYS(&r, 6720, &opus, with_copy));
	/* at that of a segment with other rules something may have been. */
	redundant_begin(&r, true);
	assert_false(STAYS(&r, 7680, &opus, with_copy));
	assert_int_equal(r.reason, STORE_REASON_policy);
	assert_true(STAYS(&r, 8640, &opus, with_copy));
}

/* So many frames, aligned to octets. */
static const uint8_t one_frame[] = { 0xf0, 0x3c, 0, 0 };
static const uint8_t two_frames[] = { 0xf0, 0xbc, 0x3c, 0, 0 };

static void
leave_out_amr(struct redundant *r, uint32_t timestamp, const uint8_t *bytes,
	      size_t n)
{
	struct rtp_frame frame = frame_of(timestamp, bytes, n);

	redundant_left_out(r, &amr, &frame, STORE_REASON_paused);
}

/* A packet's timestamp is that of the oldest frame in it. */
static void
amr_sent_twice(void **state)
{
	struct redundant r;

	(void)state;
	redundant_begin(&r, false);
	assert_true(STAYS(&r, 0, &amr, two_frames));
	leave_out_amr(&r, STEP, two_frames, sizeof(two_frames));
	leave_out_amr(&r, 2 * STEP, two_frames, sizeof(two_frames));
	/* Frame 3 was in it; also where it comes a second time. */
	assert_false(STAYS(&r, 3 * STEP, &amr, two_frames));
	assert_false(STAYS(&r, 3 * STEP, &amr, two_frames));
	assert_true(STAYS(&r, 4 * STEP, &amr, two_frames));
	/* one at a time */
	leave_out_amr(&r, 6 * STEP, one_frame, sizeof(one_frame));
	assert_true(STAYS(&r, 7 * STEP, &amr, one_frame));
	/* one that counts anew */
	leave_out_amr(&r, 0x40000000, two_frames, sizeof(two_frames));
	assert_true(STAYS(&r, 7, &amr, two_frames));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_of_what_was_left_out),
		cmocka_unit_test(blocks_of_a_pause_in_which_nothing_came),
		cmocka_unit_test(copies_in_opus),
		cmocka_unit_test(amr_sent_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
