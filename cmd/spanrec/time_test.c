/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/testing/testing.h"

#define S INT64_C(1000000000)
#define D (86400 * S)

/* 2019-03-28 14:15:03 UTC, a Thursday three days before the clocks change */
#define NOW (INT64_C(1553782503) * S)
/* midnight of that day */
#define DAY (INT64_C(1553731200) * S)

static int
setup(void **state)
{
	struct policy_zone *zone;

	if (policy_zone_load(&zone, "Europe/London"))
		return -1;
	*state = zone;
	return 0;
}

static int
teardown(void **state)
{
	struct policy_zone *zone = *state;

	policy_zone_free(&zone);
	return 0;
}

/* Parse an exact-size copy, so that reading past its end is seen. */
static int
parse(const struct policy_zone *zone, const char *text,
      struct spanrec_period *period)
{
	char *copy = testing_copy(text, strlen(text) + 1);
	int rc = spanrec_period_parse(copy, zone, NOW, period);

	free(copy);
	return rc;
}

static void
test_period(void **state)
{
	static const struct {
		const char *text;
		int64_t from_ns, to_ns;
	} rows[] = {
		{ "2019-03-28", DAY, DAY + D },
		{ "2019-3-8", DAY - 20 * D, DAY - 19 * D },
		{ "2019-03-28 14:15", NOW - 3 * S, NOW - 3 * S },
		{ "2019-03-28T14:15:03", NOW, NOW },
		{ "2019-03-28T14:15:03.250Z", NOW + S / 4, NOW + S / 4 },
		{ "  2019-03-28 9:05  ", DAY + 32700 * S, DAY + 32700 * S },
		{ "14:15", NOW - 3 * S, NOW - 3 * S },
		{ "23:59:59", DAY + 86399 * S, DAY + 86399 * S },
		{ "now", NOW, NOW },
		{ "today", DAY, DAY + D },
		{ "yesterday", DAY - D, DAY },
		{ "yesterday 14:15", NOW - 3 * S - D, NOW - 3 * S - D },
		{ "today 0:00", DAY, DAY },
		{ "-7d", NOW - 7 * D, NOW - 7 * D },
		{ "-2h", NOW - 7200 * S, NOW - 7200 * S },
		{ "-90m", NOW - 5400 * S, NOW - 5400 * S },
		{ "-30s", NOW - 30 * S, NOW - 30 * S },
		{ "-2w", NOW - 14 * D, NOW - 14 * D },
		/* summer time: an hour ahead of UTC */
		{ "2019-06-01 12:00", INT64_C(1559386800) * S,
		  INT64_C(1559386800) * S },
		/* the day of the change has 23 hours */
		{ "2019-03-31", INT64_C(1553990400) * S,
		  INT64_C(1553990400) * S + 82800 * S },
		/* 01:30 comes twice: both are meant */
		{ "2019-10-27 01:30", INT64_C(1572136200) * S,
		  INT64_C(1572139800) * S },
		/* a leap day */
		{ "2020-02-29", INT64_C(1582934400) * S,
		  INT64_C(1583020800) * S },
	};
	struct spanrec_period period;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(parse(*state, rows[i].text, &period), 0);
		assert_int_equal(period.from_ns, rows[i].from_ns);
		assert_int_equal(period.to_ns, rows[i].to_ns);
	}
}

static void
test_period_refused(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"x",
		"2019",
		"2019-03",
		"2019-13-01",
		"2019-00-01",
		"2019-02-29",
		"2019-03-32",
		"24:00",
		"14:60",
		"14:15:60",
		"14",
		"14:5",
		"2019-03-28 14",
		"-7",
		"-d",
		"-7y",
		"-9999999d",
		"-999999w",
		"-999999d",
		"tomorrow",
		"nowadays",
		"yesterday 25:15",
		"19-03-28",
		"1969-12-31",
		"2201-01-01",
		"2019-03-28x",
		"2019-03-28 14:15Zx",
		"14:15:03.",
		"7d",
		"2019/03/28",
		"2019-03-28T",
	};
	struct spanrec_period period;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(parse(*state, texts[i], &period), -EINVAL);
}

static void
test_around(void **state)
{
	static const struct {
		const char *text;
		int64_t from_ns, to_ns;
	} rows[] = {
		{ "14:15 ±20m", NOW - 1203 * S, NOW + 1197 * S },
		{ "14:15±20m", NOW - 1203 * S, NOW + 1197 * S },
		{ "14:15 +-20m", NOW - 1203 * S, NOW + 1197 * S },
		{ "14:15 +/- 20m ", NOW - 1203 * S, NOW + 1197 * S },
		{ "2019-03-28 14:15 ±1h", NOW - 3603 * S, NOW + 3597 * S },
		{ "14:15", NOW - 903 * S, NOW + 897 * S },
		{ "2019-03-28 ±1d", DAY - D, DAY + 2 * D },
		{ "now ±30s", NOW - 30 * S, NOW + 30 * S },
	};
	static const char *const refused[] = { "14:15 ±", "14:15 20m",
					       "±20m",    "14:15 ±20",
					       "",        "14:15 ±20m 3" };
	struct spanrec_period period;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(
		    spanrec_around_parse(rows[i].text, *state, NOW, &period),
		    0);
		assert_int_equal(period.from_ns, rows[i].from_ns);
		assert_int_equal(period.to_ns, rows[i].to_ns);
	}
	for (i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		assert_int_equal(
		    spanrec_around_parse(refused[i], *state, NOW, &period),
		    -EINVAL);
}

/* Every beginning of a valid text is parsed or refused, never read past. */
static void
test_truncated(void **state)
{
	static const char text[] = "2019-03-28T14:15:03.250Z ±20m";
	struct spanrec_period period;
	char *copy;
	size_t n;

	for (n = 0; n < sizeof(text); n++) {
		copy = testing_copy(text, n + 1);
		copy[n] = '\0';
		(void)!spanrec_around_parse(copy, *state, NOW, &period);
		(void)!spanrec_period_parse(copy, *state, NOW, &period);
		free(copy);
	}
}

static void
test_offset(void **state)
{
	int64_t ns;

	assert_int_equal(spanrec_offset_parse("0:30", &ns), 0);
	assert_int_equal(ns, 30 * S);
	assert_int_equal(spanrec_offset_parse("90", &ns), 0);
	assert_int_equal(ns, 90 * S);
	assert_int_equal(spanrec_offset_parse("1:02:03.5", &ns), 0);
	assert_int_equal(ns, 3723 * S + S / 2);
	assert_int_equal(spanrec_offset_parse("", &ns), -EINVAL);
	assert_int_equal(spanrec_offset_parse("1:60", &ns), -EINVAL);
	assert_int_equal(spanrec_offset_parse("1:2:3:4", &ns), -EINVAL);
	assert_int_equal(spanrec_offset_parse("-1", &ns), -EINVAL);
	assert_int_equal(spanrec_offset_parse("1:", &ns), -EINVAL);
	assert_int_equal(spanrec_offset_parse("1.", &ns), -EINVAL);
}

static void
test_written(void **state)
{
	char text[SPANREC_TIME_BYTES];

	spanrec_time_utc(NOW + 999999999, text);
	assert_string_equal(text, "2019-03-28T14:15:03.999Z");
	spanrec_time_utc(-1, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999Z");
	spanrec_time_local(*state, INT64_C(1559386800) * S, text);
	assert_string_equal(text, "2019-06-01 12:00:00");
	spanrec_time_zoned(*state, INT64_C(1559386800) * S, text);
	assert_string_equal(text, "2019-06-01 12:00:00 BST");
	spanrec_duration(65 * S + S / 2, text);
	assert_string_equal(text, "1:05");
	spanrec_duration(3723 * S, text);
	assert_string_equal(text, "1:02:03");
	spanrec_duration(-S, text);
	assert_string_equal(text, "0:00");
}

/* The one spelling that programs write. */
static void
test_utc(void **state)
{
	static const char *const refused[] = {
		"",
		"now",
		"2019-03-28",
		"2019-03-28 14:15:03Z",
		"2019-03-28T14:15:03",
		"2019-03-28T14:15:03Z ",
		"2019-02-29T14:15:03Z",
		"2019-03-28T24:15:03Z",
		"0000-00-00T00:00:00Z",
		"9999-12-31T23:59:59Z",
	};
	int64_t time_ns;
	size_t i;

	assert_int_equal(
	    spanrec_time_utc_parse("2019-03-28T14:15:03.250Z", &time_ns), 0);
	assert_true(time_ns == INT64_C(1553782503250000000));
	for (i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		assert_int_equal(spanrec_time_utc_parse(refused[i], &time_ns),
				 -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utc),
		cmocka_unit_test(test_period),
		cmocka_unit_test(test_period_refused),
		cmocka_unit_test(test_around),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_offset),
		cmocka_unit_test(test_written),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
