/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When the disk will be full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/spanrecd/forecast.h"

#define GIB (UINT64_C(1) << 30)

static void
test_nothing_known(void **state)
{
	struct forecast f = { 0 };
	struct forecast_rate rate = forecast_rate(&f, 5, GIB);

	assert_false(rate.known);
	assert_true(rate.full_in_s == UINT64_MAX);
	forecast_note(&f, 0, 2 * GIB);
	rate = forecast_rate(&f, 599, GIB);
	assert_false(rate.known);
	rate = forecast_rate(&f, 600, GIB);
	assert_true(rate.known);
	assert_true(rate.bytes_hour == 6 * GIB);
	assert_int_equal(rate.full_in_s, 600);
}

/** A GiB an hour for two days, then four an hour: the hour tells first. */
static void
test_faster_and_slower(void **state)
{
	struct forecast f = { 0 };
	struct forecast_rate rate;
	uint64_t left = 1000 * GIB;
	int64_t s = 0;

	for (; s < 48 * 3600; s += 30, left -= GIB / 120)
		forecast_note(&f, s, left);
	rate = forecast_rate(&f, s, left);
	assert_in_range(rate.bytes_hour, GIB * 99 / 100, GIB * 101 / 100);
	assert_in_range(rate.full_in_s, 950 * 3600, 955 * 3600);
	for (; s < 49 * 3600; s += 30, left -= GIB / 30)
		forecast_note(&f, s, left);
	rate = forecast_rate(&f, s, left);
	assert_in_range(rate.bytes_hour, GIB * 39 / 10, GIB * 41 / 10);
	/* It gets more again: the day is what is left to go by, then nothing.
	 */
	for (; s < 51 * 3600; s += 30, left += GIB / 100)
		forecast_note(&f, s, left);
	rate = forecast_rate(&f, s, left);
	assert_true(rate.bytes_hour < GIB * 12 / 10);
	assert_true(rate.bytes_hour > GIB / 2);
	for (; s < 80 * 3600; s += 30, left += GIB / 100)
		forecast_note(&f, s, left);
	rate = forecast_rate(&f, s, left);
	assert_true(rate.known);
	assert_true(rate.bytes_hour == 0);
	assert_true(rate.full_in_s == UINT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_faster_and_slower),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
