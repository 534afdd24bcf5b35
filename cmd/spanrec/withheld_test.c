/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one stream must not tell because it was left out of another. */
#include "cmd/spanrec/audio.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

#define MS    INT64_C(1000000)
#define START (INT64_C(1553782503) * 1000 * MS)

static void
add(struct spanrec_withheld *w, unsigned stream, enum store_reason reason,
    int64_t from_ms, int64_t until_ms)
{
	const struct store_gap gap = { .stream = (uint8_t)stream,
				       .reason = reason,
				       .packets = 8,
				       .from_ns = START + from_ms * MS,
				       .until_ns = START + until_ms * MS };

	assert_int_equal(spanrec_withheld_add(w, STORE_LEFT, &gap), 0);
}

static bool
asked(struct spanrec_withheld *w, unsigned stream, int64_t time_ms)
{
	int rc =
	    spanrec_withheld_ask(w, STORE_LEFT, stream, START + time_ms * MS);

	assert_in_range(rc, 0, 1);
	return rc;
}

static bool
between(struct spanrec_withheld *w, enum store_side side, int64_t from_ms,
	int64_t until_ms)
{
	return spanrec_withheld_between(w, side, START + from_ms * MS,
					START + until_ms * MS);
}

static void
test_reasons(void **state)
{
	enum store_reason reason;

	for (reason = 0; reason < STORE_REASON_COUNT; reason++) {
		struct spanrec_withheld w = { 0 };
		bool on_purpose = reason != STORE_REASON_loss &&
				  reason != STORE_REASON_overrun &&
				  reason != STORE_REASON_encrypted &&
				  reason != STORE_REASON_interrupted &&
				  reason != STORE_REASON_kernel;

		add(&w, 0, reason, 1000, 1160);
		assert_int_equal(asked(&w, 1, 1080), on_purpose);
		spanrec_withheld_fini(&w);
	}
}

/* Only what was lost may be made up. */
static void
test_what_may_be_made_up(void **state)
{
	enum store_reason reason;

	for (reason = 0; reason < STORE_REASON_COUNT; reason++) {
		struct spanrec_withheld w = { 0 };
		bool lost = reason == STORE_REASON_loss ||
			    reason == STORE_REASON_kernel ||
			    reason == STORE_REASON_overrun;
		int64_t next;

		add(&w, 0, STORE_REASON_paused, 5000, 5100);
		add(&w, 0, reason, 1000, 1160);
		assert_int_equal(between(&w, STORE_LEFT, 980, 1180), !lost);
		assert_int_equal(between(&w, STORE_LEFT, 1180, 980), !lost);
		assert_int_equal(between(&w, STORE_LEFT, 1160, 1180), !lost);
		assert_false(between(&w, STORE_LEFT, 900, 999));
		assert_false(between(&w, STORE_LEFT, 1161, 4000));
		assert_false(between(&w, STORE_RIGHT, 980, 1180));
		next = spanrec_withheld_next(&w, STORE_LEFT, START);
		assert_int_equal((next - START) / MS, lost ? 5000 : 1000);
		next = spanrec_withheld_next(&w, STORE_LEFT, START + 5050 * MS);
		assert_int_equal((next - START) / MS, 5000);
		assert_int_equal(
		    spanrec_withheld_next(&w, STORE_LEFT, START + 6000 * MS),
		    INT64_MAX);
		spanrec_withheld_fini(&w);
	}
}

static void
test_others_only(void **state)
{
	struct spanrec_withheld w = { 0 };

	assert_false(asked(&w, 0, 1080));
	add(&w, 3, STORE_REASON_dtmf, 1000, 1160);
	assert_false(asked(&w, 3, 1080));
	assert_true(asked(&w, 0, 1080));
	assert_true(asked(&w, STORE_STREAMS_MAX - 1, 1080));
	/* the other side talks on */
	assert_int_equal(
	    spanrec_withheld_ask(&w, STORE_RIGHT, 1, START + 1080 * MS), 0);
	spanrec_withheld_fini(&w);
}

/* The relay is up to 100 ms behind, or this one is behind the relay. */
static void
test_edges(void **state)
{
	struct spanrec_withheld w = { 0 };

	add(&w, 0, STORE_REASON_dtmf, 1000, 1160);
	add(&w, 0, STORE_REASON_dtmf, 3000, 2900); /* overtaken */
	assert_false(asked(&w, 1, 899));
	assert_true(asked(&w, 1, 900));
	assert_true(asked(&w, 1, 1260));
	assert_false(asked(&w, 1, 1261));
	assert_false(asked(&w, 1, 2799));
	assert_true(asked(&w, 1, 2800));
	assert_true(asked(&w, 1, 3100));
	assert_false(asked(&w, 1, 3101));
	spanrec_withheld_fini(&w);
}

/* Both hops have the digit as an event: each knows best where it was. */
static void
test_own_gap(void **state)
{
	struct spanrec_withheld w = { 0 };

	add(&w, 0, STORE_REASON_dtmf, 1000, 1160);
	add(&w, 1, STORE_REASON_dtmf, 1030, 1190);
	assert_false(asked(&w, 0, 990));
	assert_false(asked(&w, 0, 1170));
	assert_false(asked(&w, 1, 1020));
	assert_false(asked(&w, 1, 1200));
	assert_true(asked(&w, 2, 1020));
	spanrec_withheld_fini(&w);

	/* the second digit is on one hop only */
	add(&w, 1, STORE_REASON_dtmf, 1030, 1190);
	add(&w, 0, STORE_REASON_dtmf, 2000, 2160);
	add(&w, 0, STORE_REASON_dtmf, 1000, 1160);
	assert_false(asked(&w, 1, 1200));
	assert_true(asked(&w, 1, 2080));
	/* a loss of its own is no digit of its own */
	spanrec_withheld_fini(&w);
	add(&w, 1, STORE_REASON_loss, 1030, 1190);
	add(&w, 0, STORE_REASON_dtmf, 1000, 1160);
	assert_true(asked(&w, 1, 1200));
	spanrec_withheld_fini(&w);
}

/* A digit of its own is no reason to tell what somebody paid by. */
static void
test_own_gap_within(void **state)
{
	struct spanrec_withheld w = { 0 };

	add(&w, 0, STORE_REASON_payment, 1000, 9000);
	add(&w, 1, STORE_REASON_dtmf, 4000, 4160);
	assert_true(asked(&w, 1, 900));
	assert_true(asked(&w, 1, 3799));
	assert_false(asked(&w, 1, 3800));
	assert_false(asked(&w, 1, 4360));
	assert_true(asked(&w, 1, 4361));
	assert_true(asked(&w, 1, 9100));
	assert_false(asked(&w, 1, 9101));
	assert_false(asked(&w, 0, 5000));
	spanrec_withheld_fini(&w);

	/* at both ends, and beyond */
	add(&w, 0, STORE_REASON_scrub, 1000, 9000);
	add(&w, 1, STORE_REASON_scrub, 980, 3000);
	add(&w, 1, STORE_REASON_opt_out, 8000, 20000);
	assert_false(asked(&w, 1, 900));
	assert_false(asked(&w, 1, 3200));
	assert_true(asked(&w, 1, 3201));
	assert_true(asked(&w, 1, 7799));
	assert_false(asked(&w, 1, 7800));
	assert_false(asked(&w, 1, 20000));
	spanrec_withheld_fini(&w);
}

/* Each answer against all gaps one by one. */
static void
test_many(void **state)
{
	struct spanrec_withheld w = { 0 };
	int64_t from[300];
	uint32_t seed = 1;

	for (int i = 0; i < 300; i++) {
		seed = seed * 1664525 + 1013904223;
		from[i] = seed >> 15;
		add(&w, i % 4 == 3, STORE_REASON_paused, from[i], from[i] + i);
	}
	for (int64_t at = 0; at < 140000; at += 13) {
		bool others = false, own = false;

		for (int i = 0; i < 300; i++) {
			int64_t before_ms = from[i] - at;
			int64_t after_ms = at - from[i] - i;

			if (i % 4 == 3)
				own |= before_ms <= 200 && after_ms <= 200;
			else
				others |= before_ms <= 100 && after_ms <= 100;
		}
		assert_int_equal(asked(&w, 1, at), others && !own);
	}
	spanrec_withheld_fini(&w);
}

/* Files may say any time. */
static void
test_any_time(void **state)
{
	const struct store_gap gap = { .reason = STORE_REASON_paused,
				       .from_ns = INT64_MAX,
				       .until_ns = INT64_MIN };
	struct spanrec_withheld w = { 0 };

	assert_int_equal(spanrec_withheld_add(&w, STORE_LEFT, &gap), 0);
	assert_int_equal(spanrec_withheld_ask(&w, STORE_LEFT, 1, INT64_MIN), 1);
	assert_int_equal(spanrec_withheld_ask(&w, STORE_LEFT, 1, INT64_MAX), 1);
	spanrec_withheld_fini(&w);
}

static void
test_no_memory(void **state)
{
	const struct store_gap gap = { .reason = STORE_REASON_dtmf };
	struct spanrec_withheld w = { 0 };
	unsigned nth;

	testing_fail_allocation(1);
	assert_int_equal(spanrec_withheld_add(&w, STORE_LEFT, &gap), -ENOMEM);
	testing_fail_allocation(0);
	assert_int_equal(spanrec_withheld_add(&w, STORE_LEFT, &gap), 0);
	for (nth = 1; nth <= 2; nth++) {
		testing_fail_allocation(nth);
		assert_int_equal(spanrec_withheld_ask(&w, STORE_LEFT, 1, 0),
				 -ENOMEM);
		testing_fail_allocation(0);
	}
	assert_int_equal(spanrec_withheld_ask(&w, STORE_LEFT, 1, 0), 1);
	spanrec_withheld_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_what_may_be_made_up),
		cmocka_unit_test(test_others_only),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_own_gap),
		cmocka_unit_test(test_own_gap_within),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_any_time),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
