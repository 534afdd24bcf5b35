/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/spanrecd/figures.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

static const int64_t SECOND_NS = 1000000000;

static const struct writer_media media = {
	.number = 7,
	.formats_count = 4,
	.formats = { { "telephone-event", 8000, 101, 1, "" },
		     { "G729", 8000, 18, 1, "" },
		     { "opus", 48000, 96, 2, "" },
		     { "AMR", 8000, 97, 1, "" } },
};

static uint32_t nth;

static bool
take(struct figures *f, uint8_t payload_type, const void *payload,
     uint32_t bytes)
{
	struct rtp_frame frame = {
		.time_ns = 1700000000 * SECOND_NS + nth * (SECOND_NS / 50),
		.sequence = 0x10000 + nth,
		.timestamp = nth * 160,
		.payload_type = payload_type,
		.payload_bytes = (uint16_t)bytes,
	};
	uint8_t *copy = testing_copy(payload, bytes);
	bool heard;

	frame.payload = copy;
	heard = figures_frame(f, &media, &frame, false);
	free(copy);
	nth++;
	return heard;
}

static bool
take_all(struct figures *f, uint8_t payload_type, int byte)
{
	uint8_t payload[160];

	memset(payload, byte, sizeof(payload));
	return take(f, payload_type, payload, sizeof(payload));
}

/* A-law 0xd5 and mu-law 0xff are zero; 4 from there is noise, a quarter of full
 * scale is not. Clicks are no speech. */
static void
sound(void **state)
{
	struct figures f = { 0 };
	uint8_t clicks[160];

	assert_false(take_all(&f, 8, 0xd5));
	assert_false(take_all(&f, 8, 0x55));
	assert_false(take_all(&f, 8, 0xd5 ^ 4));
	assert_true(take_all(&f, 8, 0xd5 ^ 0x20));
	assert_false(take_all(&f, 0, 0xff));
	assert_false(take_all(&f, 0, 0x7f));
	assert_false(take_all(&f, 0, 0xff - 9));
	assert_true(take_all(&f, 0, 0xff - 0x30));
	memset(clicks, 0xd5, sizeof(clicks));
	memset(clicks + 20, 0x2a, 10);
	assert_false(take(&f, 8, clicks, sizeof(clicks)));
	memset(clicks + 20, 0x2a, 11);
	assert_true(take(&f, 8, clicks, sizeof(clicks)));
	/* Others are not looked into, comfort noise and keys are no sound. */
	assert_true(take_all(&f, 18, 0));
	assert_false(take(&f, 13, "\x40", 1));
	assert_false(take(&f, 101, "\x05\x0a\x00\xa0", 4));
	/* nor is that of a codec */
	assert_false(take(&f, 18, "\x12\x34", 2));
	assert_true(take(&f, 18, "0123456789\x12\x34", 12));
	assert_false(take(&f, 96, "\x08", 1));
	assert_true(take(&f, 96, "\x08\x12\x34", 3));
	assert_false(take(&f, 97, "\xf4\x7e\x12\x34\x56\x78\x9a", 7));
	assert_true(take_all(&f, 97, 0));
	assert_true(take(&f, 77, "", 0));
	assert_true(take_all(&f, 77, 0));
}

static void
measured(void **state)
{
	struct store_stream row = { .codec = "PCMA" };
	struct figures f = { 0 };

	nth = 0;
	for (int i = 0; i < 100; i++)
		take_all(&f, 8, 0xd5);
	rtp_quality_lost(&f.quality, 5);
	nth += 5;
	for (int i = 0; i < 100; i++)
		take_all(&f, 8, 0xd5);
	/* A key: its times are not those of sound. */
	take(&f, 101, "\x05\x0a\x00\xa0", 4);
	figures_fill(&f, &row);
	figures_rate(&f, &row);
	assert_int_equal(row.quality.measured, 200);
	assert_int_equal(row.quality.jitter_max_us, 0);
	assert_int_equal(row.quality.ptime_us, 20000);
	assert_int_equal(row.quality.bursts, 1);
	assert_int_equal(row.quality.burst_packets, 5);
	assert_int_equal(row.quality.gap_packets, 201);
	assert_int_equal(row.quality.longest_gap_ms, 100);
	/* 2.44 % in one run: R = 93.2 - 95 * 2.44 / (2.44 / 4.88 + 25.1) */
	assert_int_equal(row.quality.mos, 417);
	/* What the mirror port lost is not what people heard. */
	row.quality.mirror_lost = 5;
	figures_rate(&f, &row);
	assert_int_equal(row.quality.mos, 441);
}

/* Never 4.5 by default. */
static void
not_measured(void **state)
{
	struct store_stream row = { .codec = "PCMA" };
	struct figures f = { 0 };

	figures_fill(&f, &row);
	figures_rate(&f, &row);
	assert_int_equal(row.quality.measured, 0);
	assert_int_equal(row.quality.mos, 0);
	take_all(&f, 96, 0);
	strcpy(row.codec, "opus");
	figures_fill(&f, &row);
	figures_rate(&f, &row);
	assert_int_equal(row.quality.measured, 1);
	assert_int_equal(row.quality.mos, 0);
	/* Nobody said what 77 is. */
	memset(&f, 0, sizeof(f));
	take_all(&f, 77, 0);
	strcpy(row.codec, "unknown-77");
	figures_fill(&f, &row);
	assert_int_equal(row.quality.measured, 0);
}

static void
quiet_against_brute_force(void **state)
{
	enum { SECONDS = 700 };
	struct figures_heard heard = { 0 };
	bool is_heard[SECONDS] = { false };
	uint32_t seed = 1;

	for (int n = 0; n < 60; n++) {
		uint32_t s, from, until, quiet = 0, longest = 0;

		seed = seed * 1664525 + 1013904223;
		s = (seed >> 8) % SECONDS;
		is_heard[s] = true;
		assert_int_equal(figures_heard(&heard, s * SECOND_NS + n), 0);
		from = (seed >> 16) % 300;
		until = SECONDS - (seed >> 20) % 300;
		for (s = from; s < until; s++) {
			quiet = is_heard[s] ? 0 : quiet + 1;
			longest = quiet > longest ? quiet : longest;
		}
		assert_int_equal(figures_quiet_s(&heard, from * SECOND_NS,
						 until * SECOND_NS + 5),
				 longest);
		/* A second that is there in part does not count. */
		assert_true(figures_quiet_s(&heard, from * SECOND_NS - 1,
					    until * SECOND_NS) == longest ||
			    from == 0);
	}
	figures_heard_fini(&heard);
}

static void
limits(void **state)
{
	struct figures_heard heard = { 0 };

	assert_int_equal(figures_heard(&heard, -1), 0);
	assert_int_equal(figures_heard(&heard, FIGURES_SECONDS_MAX * SECOND_NS),
			 0);
	assert_null(heard.bits);
	testing_fail_allocation(1);
	assert_int_equal(figures_heard(&heard, 0), -ENOMEM);
	testing_fail_allocation(0);
	assert_int_equal(
	    figures_heard(&heard, FIGURES_SECONDS_MAX * SECOND_NS - 1), 0);
	assert_int_equal(figures_quiet_s(&heard, 0, INT64_MAX),
			 FIGURES_SECONDS_MAX - 1);
	assert_int_equal(figures_quiet_s(&heard, 10 * SECOND_NS, 0), 0);
	figures_heard_fini(&heard);
	assert_int_equal(
	    figures_quiet_s(&heard, -5 * SECOND_NS, 12 * SECOND_NS), 12);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound),
		cmocka_unit_test(measured),
		cmocka_unit_test(not_measured),
		cmocka_unit_test(quiet_against_brute_force),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
