/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each figure against a second way to come to it, that takes all packets at
 * once. */
#include "rtp/quality.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { PACKETS_MAX = 3000, HZ = 8000, UNITS = 160, FATES = 3 };
static const int64_t MS_NS = 1000000;
static const int64_t START_NS = 1700000000123456789LL;

enum fate { CAME, LOST, UNSEEN };

struct packet {
	int64_t time_ns;
	uint32_t timestamp;
	enum fate fate;
};

static struct packet packets[PACKETS_MAX];
static uint32_t seed;

static uint32_t
random_below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void
near(double is, double should_be, double within)
{
	if (!(fabs(is - should_be) <= within))
		fail_msg("%f is not %f", is, should_be);
}

static void
feed(struct rtp_quality *q, uint32_t count, uint16_t first)
{
	memset(q, 0, sizeof(*q));
	for (uint32_t i = 0; i < count; i++) {
		const struct rtp_quality_frame frame = {
			.time_ns = packets[i].time_ns,
			.timestamp = packets[i].timestamp,
			.clock_hz = HZ,
			.sequence = (uint16_t)(first + i),
		};

		if (packets[i].fate == CAME)
			rtp_quality_frame(q, &frame);
		else if (packets[i].fate == LOST)
			rtp_quality_lost(q, 1);
		else
			rtp_quality_unseen(q, 1);
	}
}

static void
make(uint32_t count, uint32_t jitter_us)
{
	for (uint32_t i = 0; i < count; i++) {
		packets[i].fate = CAME;
		packets[i].time_ns = START_NS + i * 20 * MS_NS +
				     random_below(jitter_us + 1) * 1000LL;
		packets[i].timestamp = 0xfffff000U + i * UNITS;
	}
}

/* ---- jitter -------------------------------------------------------------- */

static int
earlier(const void *a, const void *b)
{
	const struct packet *x = a, *y = b;

	return x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
}

/* The code of RFC 3550 appendix A.8, over packets sorted by arrival. */
static void
by_the_rfc(uint32_t count, double *mean_us, double *max_us)
{
	struct packet *sorted = calloc(count, sizeof(*sorted));
	uint32_t came = 0, jitter = 0, transit_before = 0;
	double sum = 0, max = 0;

	for (uint32_t i = 0; i < count; i++)
		if (packets[i].fate == CAME)
			sorted[came++] = packets[i];
	qsort(sorted, came, sizeof(*sorted), earlier);
	for (uint32_t i = 0; i < came; i++) {
		uint32_t arrival =
		    (uint32_t)((sorted[i].time_ns - START_NS) / 125000);
		int transit = (int)(arrival - sorted[i].timestamp);
		int d = transit - (int)transit_before;

		transit_before = (uint32_t)transit;
		if (i == 0)
			continue;
		if (d < 0)
			d = -d;
		jitter += (uint32_t)d - ((jitter + 8) >> 4);
		sum += jitter / 16.;
		if (jitter / 16. > max)
			max = jitter / 16.;
	}
	free(sorted);
	*mean_us = sum / (came - 1) * 125;
	*max_us = max * 125;
}

static void
jitter_is_that_of_the_rfc(void **state)
{
	static const uint32_t jitters_us[] = { 0,     500,   5000,
					       19000, 60000, 180000 };
	struct rtp_quality q;
	struct rtp_figures f;

	for (size_t i = 0; i < sizeof(jitters_us) / sizeof(jitters_us[0]);
	     i++) {
		double mean_us, max_us;

		make(PACKETS_MAX, jitters_us[i]);
		for (uint32_t k = 1; k < PACKETS_MAX; k++)
			if (random_below(20) == 0)
				packets[k].fate = LOST;
		by_the_rfc(PACKETS_MAX, &mean_us, &max_us);
		feed(&q, PACKETS_MAX, 65000);
		rtp_quality_figures(&q, &f);
		/* Times are cut to units from another moment on: one unit. */
		near(f.jitter_us, mean_us, 126);
		near(f.jitter_max_us, max_us, 126);
		assert_int_equal(f.measured + f.lost, PACKETS_MAX);
	}
}

/* A packet is late if one of a higher number came before it. */
static void
reordered_ones_are_counted(void **state)
{
	struct rtp_quality q;
	struct rtp_figures f;
	uint64_t late = 0;

	make(PACKETS_MAX, 180000);
	for (uint32_t i = 0; i < PACKETS_MAX; i++) {
		bool passed = false;

		for (uint32_t k = i + 1; k < PACKETS_MAX && k < i + 15; k++)
			passed |= packets[k].time_ns < packets[i].time_ns;
		late += passed;
	}
	assert_true(late > PACKETS_MAX / 2);
	feed(&q, PACKETS_MAX, 1);
	rtp_quality_figures(&q, &f);
	assert_int_equal(f.reordered, late);
}

/* Timestamps that jump make no jitter, and neither do those of events. */
static void
jumps_are_no_jitter(void **state)
{
	struct rtp_quality q;
	struct rtp_figures f;

	make(500, 0);
	for (uint32_t i = 200; i < 500; i++)
		packets[i].timestamp += 123456;
	for (uint32_t i = 400; i < 500; i++)
		packets[i].timestamp -= 99999;
	feed(&q, 500, 1);
	for (uint32_t i = 0; i < 8; i++) {
		const struct rtp_quality_frame event = {
			.time_ns = packets[499].time_ns + (i + 1) * 20 * MS_NS,
			.timestamp = 7,
			.sequence = (uint16_t)(501 + i),
		};

		rtp_quality_frame(&q, &event);
	}
	rtp_quality_figures(&q, &f);
	near(f.jitter_max_us, 0, 0);
	assert_int_equal(f.measured, 500);
	near(f.silence_ms, 0, 0);
	near(f.span_ms, 497 * 20, 0.001);
}

/* ---- bursts and gaps ----------------------------------------------------- */

/* RFC 3611 section 4.7.2 word by word: a burst begins and ends with a loss, has
 * more than one, and nowhere 16 in a row that came. All else is a gap. */
static void
by_definition(uint32_t count, struct rtp_figures *f)
{
	uint32_t i = 0, gap = 0;

	memset(f, 0, sizeof(*f));
	while (i < count) {
		uint32_t end = i, k, lost = 0, packets_in = 1;

		if (packets[i].fate == LOST)
			for (k = i; k < count && k <= end + RTP_QUALITY_GMIN;
			     k++)
				if (packets[k].fate == LOST)
					end = k;
		for (k = i; k <= end; k++)
			lost += packets[k].fate == LOST;
		if (lost > 1) {
			packets_in = end - i + 1;
			f->bursts++;
			f->burst.packets += packets_in;
			f->burst.lost += lost;
			f->gaps += gap > 0;
			gap = 0;
		} else {
			f->gap.packets++;
			f->gap.lost += lost;
			gap++;
		}
		i += packets_in;
	}
	f->gaps += gap > 0;
}

static void
compare_bursts(uint32_t count)
{
	struct rtp_figures is, should_be;
	struct rtp_quality q;

	feed(&q, count, 60000);
	rtp_quality_figures(&q, &is);
	by_definition(count, &should_be);
	assert_int_equal(is.bursts, should_be.bursts);
	assert_int_equal(is.gaps, should_be.gaps);
	assert_memory_equal(&is.burst, &should_be.burst, sizeof(is.burst));
	assert_memory_equal(&is.gap, &should_be.gap, sizeof(is.gap));
}

static void
bursts_are_those_of_the_definition(void **state)
{
	for (uint32_t n = 0; n < 400; n++) {
		uint32_t count = 2 + random_below(300);
		uint32_t share = 2 + random_below(60), bad = 0;

		make(count, 0);
		for (uint32_t i = 1; i < count; i++) {
			if (random_below(share) == 0)
				bad = random_below(5);
			if (bad && bad--)
				packets[i].fate = LOST;
			else if (random_below(10) == 0)
				packets[i].fate = UNSEEN;
		}
		compare_bursts(count);
	}
}

/* 15 packets between two losses are a burst, 16 are none. */
static void
gmin(void **state)
{
	struct rtp_quality q;
	struct rtp_figures f;

	make(100, 0);
	packets[30].fate = packets[46].fate = LOST;
	compare_bursts(100);
	feed(&q, 100, 1);
	rtp_quality_figures(&q, &f);
	assert_int_equal(f.bursts, 1);
	assert_int_equal(f.burst.packets, 17);
	assert_int_equal(f.gaps, 2);
	packets[46].fate = CAME;
	packets[47].fate = LOST;
	compare_bursts(100);
	feed(&q, 100, 1);
	rtp_quality_figures(&q, &f);
	assert_int_equal(f.bursts, 0);
	assert_int_equal(f.gap.lost, 2);
}

static void
burst_ratio(void **state)
{
	struct rtp_figures f = { .lost = 30, .runs = 30 };

	near(rtp_figures_burst_ratio(&f, 1000), 0.97, 1e-9);
	f.runs = 10;
	near(rtp_figures_burst_ratio(&f, 1000), 2.91, 1e-9);
	f.lost = 0;
	near(rtp_figures_burst_ratio(&f, 1000), 1, 0);
	f.lost = 5;
	near(rtp_figures_burst_ratio(&f, 5), 1, 0);
}

/* ---- silence, gaps, packets ---------------------------------------------- */

static void
silence_is_no_loss(void **state)
{
	struct rtp_quality q;
	struct rtp_figures f;

	make(300, 3000);
	for (uint32_t i = 100; i < 300; i++) {
		packets[i].time_ns += 2000 * MS_NS;
		packets[i].timestamp += 2000 * 8;
	}
	for (uint32_t i = 200; i < 300; i++) {
		packets[i].time_ns += 500 * MS_NS;
		packets[i].timestamp += 500 * 8;
	}
	feed(&q, 300, 65400);
	rtp_quality_figures(&q, &f);
	near(f.silence_ms, 2500, 0.001);
	near(f.span_ms, 299 * 20 + 2500, 0.001);
	near(f.ptime_us, 20000, 0.001);
	assert_int_equal(f.lost, 0);
	near(f.longest_gap_ms, 0, 0);
	assert_true(f.jitter_max_us < 3000);
}

static void
longest_gap(void **state)
{
	struct rtp_quality q;
	struct rtp_figures f;

	make(300, 0);
	for (uint32_t i = 50; i < 53; i++)
		packets[i].fate = LOST;
	for (uint32_t i = 100; i < 107; i++)
		packets[i].fate = LOST;
	for (uint32_t i = 200; i < 250; i++)
		packets[i].fate = UNSEEN;
	feed(&q, 300, 1);
	rtp_quality_figures(&q, &f);
	near(f.longest_gap_ms, 140, 0.001);
	assert_int_equal(f.runs, 2);
	assert_int_equal(f.lost, 10);
	near(f.silence_ms, 0, 0);
}

/* In mid-stream 30 ms instead of 20, and another clock. */
static void
other_clock(void **state)
{
	struct rtp_quality_frame frame = { .time_ns = START_NS,
					   .clock_hz = HZ };
	struct rtp_quality q = { 0 };
	struct rtp_figures f;

	for (int i = 0; i < 100; i++) {
		rtp_quality_frame(&q, &frame);
		frame.time_ns += 20 * MS_NS;
		frame.timestamp += UNITS;
		frame.sequence++;
	}
	frame.clock_hz = 48000;
	for (int i = 0; i < 100; i++) {
		rtp_quality_frame(&q, &frame);
		frame.time_ns += (i % 2 ? 32 : 28) * MS_NS;
		frame.timestamp += 1440;
		frame.sequence++;
	}
	rtp_quality_figures(&q, &f);
	near(f.ptime_us, 30000, 0.001);
	near(f.span_ms, 99 * 20 + 99 * 30, 0.001);
	assert_true(f.jitter_max_us > 1800 && f.jitter_max_us < 2100);
	assert_int_equal(f.measured, 200);
	near(f.silence_ms, 0, 0);
}

/* A number that nothing led to: another start of the sender. */
static void
restart(void **state)
{
	struct rtp_quality_frame frame = { .time_ns = START_NS,
					   .clock_hz = HZ };
	struct rtp_quality q = { 0 };
	struct rtp_figures f;

	for (int i = 0; i < 200; i++) {
		if (i == 100) {
			frame.sequence = 5;
			frame.timestamp = 123;
		}
		rtp_quality_frame(&q, &frame);
		frame.time_ns += 20 * MS_NS;
		frame.timestamp += UNITS;
		frame.sequence =
		    (uint16_t)(frame.sequence + (i == 50 ? 60000 : 1));
	}
	rtp_quality_figures(&q, &f);
	assert_int_equal(f.lost, 0);
	near(f.jitter_max_us, 0, 0);
	assert_int_equal(f.gap.packets, 200);
}

/* ---- until a number ------------------------------------------------------ */

static void
until(void **state)
{
	struct rtp_quality q;
	uint64_t expected, lost;

	make(1000, 0);
	for (uint32_t i = 1; i < 1000; i++)
		packets[i].fate = random_below(30)  ? CAME
				  : random_below(2) ? LOST
						    : UNSEEN;
	feed(&q, 1000, 65000);
	for (uint32_t n = 0; n < 1000; n++) {
		uint64_t should_be = 0;

		for (uint32_t i = 0; i <= n; i++)
			should_be += packets[i].fate == LOST;
		rtp_quality_until(&q, 0x70000 + (uint16_t)(65000 + n),
				  &expected, &lost);
		assert_int_equal(expected, n + 1);
		assert_int_equal(lost, should_be);
	}
	/* What we have not seen yet, and what was before. */
	rtp_quality_until(&q, (uint16_t)(65000 + 1003), &expected, &lost);
	assert_int_equal(expected, 1000);
	rtp_quality_until(&q, 64990, &expected, &lost);
	assert_int_equal(expected, 0);
	memset(&q, 0, sizeof(q));
	rtp_quality_until(&q, 0, &expected, &lost);
	assert_int_equal(expected, 0);
}

/* One who talks for 2 s and then listens, by codecs that tell of their noise:
 * AMR each 160 ms, Opus each 400 ms; with a few odd packets. */
static void
listeners(void **state)
{
	static const struct {
		uint32_t clock_hz, noise_ms;
	} codecs[] = { { 8000, 160 }, { 16000, 160 }, { 48000, 400 } };

	for (int k = 0; k < 6; k++) {
		uint32_t clock_hz = codecs[k / 2].clock_hz;
		uint32_t noise_ms = codecs[k / 2].noise_ms;
		/* what comes first should not matter */
		uint32_t talk_ms = k % 2 ? 0 : 30000, at_ms = 0;
		struct rtp_quality q = { 0 };
		struct rtp_figures f;

		for (uint16_t i = 0; at_ms < 60000; i++) {
			const struct rtp_quality_frame frame = {
				.time_ns = START_NS + at_ms * MS_NS,
				.timestamp = clock_hz / 1000 * at_ms,
				.clock_hz = clock_hz,
				.sequence = i,
			};

			rtp_quality_frame(&q, &frame);
			if (at_ms == talk_ms + 1000)
				at_ms += 5;
			else if (at_ms >= talk_ms && at_ms < talk_ms + 2000)
				at_ms += 20;
			else
				at_ms += noise_ms;
		}
		rtp_quality_figures(&q, &f);
		assert_int_equal(f.lost, 0);
		near(f.longest_gap_ms, 0, 0);
		near(f.ptime_us, 20000, 0);
		near(f.silence_ms / f.span_ms,
		     58. / 60 * (noise_ms - 20) / noise_ms, 0.02);
		near(f.jitter_max_us, 0, 1);
	}
}

static void
nothing_seen(void **state)
{
	struct rtp_quality q = { 0 };
	struct rtp_figures f;

	rtp_quality_lost(&q, 5);
	rtp_quality_unseen(&q, 5);
	rtp_quality_figures(&q, &f);
	assert_int_equal(f.measured, 0);
	assert_int_equal(f.lost, 0);
	near(f.jitter_us, 0, 0);
	near(f.ptime_us, 0, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jitter_is_that_of_the_rfc),
		cmocka_unit_test(reordered_ones_are_counted),
		cmocka_unit_test(jumps_are_no_jitter),
		cmocka_unit_test(bursts_are_those_of_the_definition),
		cmocka_unit_test(gmin),
		cmocka_unit_test(burst_ratio),
		cmocka_unit_test(silence_is_no_loss),
		cmocka_unit_test(longest_gap),
		cmocka_unit_test(other_clock),
		cmocka_unit_test(restart),
		cmocka_unit_test(until),
		cmocka_unit_test(listeners),
		cmocka_unit_test(nothing_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
