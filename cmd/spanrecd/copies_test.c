/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One stream out of two jitter buffers: every packet is new once, and missing
 * only where both miss it. */
#include "cmd/spanrecd/copies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct copies copies;

static int
setup(void **state)
{
	copies = (struct copies){ 0 };
	return 0;
}

static enum copies_answer
take(uint16_t sequence, uint32_t timestamp)
{
	enum copies_answer answer = copies_look(&copies, sequence, timestamp);

	if (answer != COPIES_AGAIN)
		copies_note(&copies, sequence, timestamp);
	return answer;
}

static void
test_copies(void **state)
{
	uint32_t i, k;

	/* A pass takes ten packets of the one, then ten of the other. */
	for (i = 65000; i < 67000; i += 10) {
		for (k = i; k < i + 10; k++)
			assert_int_equal(take((uint16_t)k, k * 160),
					 COPIES_NEW);
		for (k = i; k < i + 10; k++)
			assert_int_equal(take((uint16_t)k, k * 160),
					 COPIES_AGAIN);
	}
}

static void
test_each_has_what_the_other_misses(void **state)
{
	assert_int_equal(take(10, 1600), COPIES_NEW);
	assert_int_equal(copies_gap(&copies, 11, 3), 3);
	assert_int_equal(take(14, 2240), COPIES_NEW);
	/* the other one */
	assert_int_equal(take(10, 1600), COPIES_AGAIN);
	assert_int_equal(take(11, 1760), COPIES_FOUND);
	assert_int_equal(take(12, 1920), COPIES_FOUND);
	assert_int_equal(copies_gap(&copies, 13, 2), 0);
	assert_int_equal(take(15, 2400), COPIES_NEW);
	assert_int_equal(take(12, 1920), COPIES_AGAIN);
}

/* Both miss the same: it is missing once. */
static void
test_both_miss(void **state)
{
	assert_int_equal(take(10, 0), COPIES_NEW);
	assert_int_equal(copies_gap(&copies, 11, 2), 2);
	assert_int_equal(take(13, 480), COPIES_NEW);
	assert_int_equal(copies_gap(&copies, 11, 2), 0);
	assert_int_equal(take(13, 480), COPIES_AGAIN);
}

/* The same number with another timestamp is another packet. */
static void
test_another_under_its_number(void **state)
{
	assert_int_equal(take(10, 1600), COPIES_NEW);
	assert_int_equal(take(10, 99999), COPIES_NEW);
}

static void
test_far(void **state)
{
	assert_int_equal(take(10, 1600), COPIES_NEW);
	assert_int_equal(copies_gap(&copies, 11, 3000), 3000);
	assert_int_equal(take(3011, 7), COPIES_NEW);
	/* too long ago to be known */
	assert_int_equal(take(10, 1600), COPIES_NEW);
	assert_int_equal(take(40000, 8), COPIES_NEW);
	assert_int_equal(take(40000, 8), COPIES_AGAIN);
	assert_int_equal(take(39999, 8), COPIES_NEW);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_copies, setup),
		cmocka_unit_test_setup(test_each_has_what_the_other_misses,
				       setup),
		cmocka_unit_test_setup(test_both_miss, setup),
		cmocka_unit_test_setup(test_another_under_its_number, setup),
		cmocka_unit_test_setup(test_far, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
