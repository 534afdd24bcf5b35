/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Time zones, against the C library over ninety years, and by hand where the
 * clocks change. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"
#include "policy/policy_priv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NS           POLICY__SECOND_NS

static const char *const zones[] = {
	"UTC",
	"Europe/London",
	"Europe/Dublin",
	"Europe/Jersey",
	"Europe/Berlin",
	"America/New_York",
	"America/St_Johns",
	"America/Sao_Paulo",
	"Africa/Casablanca",
	"Asia/Kolkata",
	"Asia/Tehran",
	"Asia/Gaza",
	"Australia/Lord_Howe",
	"Australia/Adelaide",
	"Pacific/Apia",
	"Pacific/Chatham",
	"America/Nuuk",
	"Antarctica/Troll",
	"Asia/Pyongyang",
	"America/Argentina/San_Luis",
};

static struct policy_zone *
load(const char *name)
{
	struct policy_zone *zone;

	assert_int_equal(policy_zone_load(&zone, name), 0);
	return zone;
}

static int64_t
utc_s(int year, int month, int day, int hour, int minute)
{
	struct tm tm = { .tm_year = year - 1900,
			 .tm_mon = month - 1,
			 .tm_mday = day,
			 .tm_hour = hour,
			 .tm_min = minute };

	return timegm(&tm);
}

static void
compare(const struct policy_zone *zone, const char *name, int64_t t_s)
{
	struct policy_civil civil;
	time_t t = t_s;
	struct tm tm;

	policy_zone_civil(zone, t_s * NS + 123456789, &civil);
	localtime_r(&t, &tm);
	if (civil.year != tm.tm_year + 1900 || civil.month != tm.tm_mon + 1 ||
	    civil.day != tm.tm_mday || civil.hour != tm.tm_hour ||
	    civil.minute != tm.tm_min || civil.second != tm.tm_sec ||
	    civil.offset_s != tm.tm_gmtoff ||
	    strcmp(civil.abbreviation, tm.tm_zone) != 0)
		fail_msg("%s at %lld: %04d-%02d-%02d %02d:%02d:%02d %s", name,
			 (long long)t_s, civil.year, civil.month, civil.day,
			 civil.hour, civil.minute, civil.second,
			 civil.abbreviation);
	assert_int_equal(civil.nanosecond, 123456789);
}

/** Each six hours, and each side of each change of offset. */
static void
compare_zone(const char *name)
{
	struct policy_zone *zone = load(name);
	int64_t until_s = utc_s(2061, 1, 1, 0, 0);
	int64_t step_s = INT64_C(6) * 3600;
	struct policy_civil before, after;

	setenv("TZ", name, 1);
	tzset();
	for (int64_t t_s = 0; t_s < until_s; t_s += step_s) {
		int64_t low = t_s, high = t_s + step_s;

		compare(zone, name, t_s);
		policy_zone_civil(zone, low * NS, &before);
		policy_zone_civil(zone, high * NS, &after);
		if (before.offset_s == after.offset_s)
			continue;
		while (high - low > 1) {
			int64_t middle = low + (high - low) / 2;

			policy_zone_civil(zone, middle * NS, &after);
			if (after.offset_s == before.offset_s)
				low = middle;
			else
				high = middle;
		}
		compare(zone, name, low);
		compare(zone, name, high);
	}
	policy_zone_free(&zone);
	assert_null(zone);
}

static void
agrees_with_the_c_library(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(zones); i++)
		compare_zone(zones[i]);
}

/** Both instants of a civil time; -1 where it is skipped. */
static void
instants_by_search(const struct policy_zone *zone,
		   const struct policy_civil *civil, int64_t near_s,
		   int64_t *first_s, int64_t *last_s)
{
	const int64_t reach_s = INT64_C(50) * 3600;

	*first_s = *last_s = -1;
	for (int64_t t_s = near_s - reach_s; t_s <= near_s + reach_s;
	     t_s += 900) {
		struct policy_civil here;

		policy_zone_civil(zone, t_s * NS, &here);
		if (here.year != civil->year || here.month != civil->month ||
		    here.day != civil->day || here.hour != civil->hour ||
		    here.minute != civil->minute)
			continue;
		if (*first_s < 0)
			*first_s = t_s;
		*last_s = t_s;
	}
}

/** Civil times each quarter of an hour, for two days around each change. */
static void
instants_of_zone(const char *name)
{
	struct policy_zone *zone = load(name);
	int64_t until_s = utc_s(2045, 1, 1, 0, 0);

	for (int64_t t_s = utc_s(2009, 1, 1, 0, 0); t_s < until_s;
	     t_s += POLICY__DAY_S) {
		struct policy_civil a, b, civil;

		policy_zone_civil(zone, t_s * NS, &a);
		policy_zone_civil(zone, (t_s + POLICY__DAY_S) * NS, &b);
		if (a.offset_s == b.offset_s)
			continue;
		civil = a;
		for (int quarter = 0; quarter < 96; quarter += 2) {
			int64_t first_s, last_s;

			civil.hour = (uint8_t)(quarter / 4);
			civil.minute = (uint8_t)(quarter % 4 * 15);
			instants_by_search(zone, &civil, t_s, &first_s,
					   &last_s);
			if (first_s < 0)
				continue;
			assert_int_equal(
			    policy_zone_instant(zone, &civil, false),
			    first_s * NS);
			assert_int_equal(
			    policy_zone_instant(zone, &civil, true),
			    last_s * NS);
		}
	}
	policy_zone_free(&zone);
}

static void
instants_agree_with_a_search(void **state)
{
	(void)state;
	instants_of_zone("Europe/London");
	instants_of_zone("Australia/Lord_Howe");
	instants_of_zone("Pacific/Apia");
	instants_of_zone("Africa/Casablanca");
	instants_of_zone("America/Nuuk");
}

static void
changes_by_hand(void **state)
{
	static const struct {
		const char *zone;
		struct policy_civil civil;
		int utc[2][5]; /* earlier, later */
	} rows[] = {
		/* the hour that comes twice */
		{ "Europe/London",
		  { .year = 2026,
		    .month = 10,
		    .day = 25,
		    .hour = 1,
		    .minute = 30 },
		  { { 2026, 10, 25, 0, 30 }, { 2026, 10, 25, 1, 30 } } },
		{ "Europe/London",
		  { .year = 2026, .month = 10, .day = 25, .hour = 2 },
		  { { 2026, 10, 25, 2, 0 }, { 2026, 10, 25, 2, 0 } } },
		/* the hour that is skipped: the change */
		{ "Europe/London",
		  { .year = 2026,
		    .month = 3,
		    .day = 29,
		    .hour = 1,
		    .minute = 30 },
		  { { 2026, 3, 29, 1, 0 }, { 2026, 3, 29, 1, 0 } } },
		/* after the table of most files ends, by rule */
		{ "Europe/London",
		  { .year = 2059,
		    .month = 10,
		    .day = 26,
		    .hour = 1,
		    .minute = 15 },
		  { { 2059, 10, 26, 0, 15 }, { 2059, 10, 26, 1, 15 } } },
		{ "America/New_York",
		  { .year = 2050,
		    .month = 3,
		    .day = 13,
		    .hour = 2,
		    .minute = 59 },
		  { { 2050, 3, 13, 7, 0 }, { 2050, 3, 13, 7, 0 } } },
		/* half an hour */
		{ "Australia/Lord_Howe",
		  { .year = 2026,
		    .month = 4,
		    .day = 5,
		    .hour = 1,
		    .minute = 45 },
		  { { 2026, 4, 4, 14, 45 }, { 2026, 4, 4, 15, 15 } } },
		/* a whole day that never was */
		{ "Pacific/Apia",
		  { .year = 2011, .month = 12, .day = 30, .hour = 12 },
		  { { 2011, 12, 30, 10, 0 }, { 2011, 12, 30, 10, 0 } } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct policy_zone *zone = load(rows[i].zone);

		for (int later = 0; later < 2; later++) {
			const int *u = rows[i].utc[later];

			assert_int_equal(
			    policy_zone_instant(zone, &rows[i].civil, later),
			    utc_s(u[0], u[1], u[2], u[3], u[4]) * NS);
		}
		policy_zone_free(&zone);
	}
}

static void
ends_of_time(void **state)
{
	struct policy_zone *zone = load("Europe/London");
	struct policy_civil civil;

	(void)state;
	policy_zone_civil(zone, INT64_MIN, &civil);
	assert_int_equal(civil.year, 1677);
	policy_zone_civil(zone, INT64_MAX, &civil);
	assert_int_equal(civil.year, 2262);
	assert_int_equal(civil.month, 4);
	assert_int_equal(policy_zone_instant(zone, &civil, false), INT64_MAX);
	civil.year = 3000;
	assert_int_equal(policy_zone_instant(zone, &civil, false), INT64_MAX);
	civil.year = INT32_MIN;
	assert_int_equal(policy_zone_instant(zone, &civil, true), INT64_MIN);
	policy_zone_free(&zone);
}

static void
names_stay_in_the_folder(void **state)
{
	static const char *const bad[] = {
		"",
		"/etc/passwd",
		"../../../etc/passwd",
		"Europe/..",
		"Europe//London",
		"Europe/London/",
		"zone.tab",
		"Europe",
		"Europe/Londn",
		"Europe/Lon don",
		"Europe/LondonEurope/LondonEurope/LondonEurope/LondonEurope/Lon",
	};
	struct policy_zone *zone;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(policy_zone_load(&zone, bad[i]), -ENOENT);
		assert_null(zone);
	}
}

/* ---- files made by hand ------------------------------------------------ */

/** A version 2 file: one type at +0 "ABC", no transitions, a TZ string. */
static size_t
file_make(uint8_t *bytes, const char *footer)
{
	static const uint8_t header[44] = { 'T', 'Z',      'i',     'f',
					    '2', [39] = 1, [43] = 4 };
	static const uint8_t data[10] = { 0, 0, 0, 0, 0, 0, 'A', 'B', 'C', 0 };
	size_t n = 0;

	for (int i = 0; i < 2; i++) {
		memcpy(bytes + n, header, sizeof(header));
		n += sizeof(header);
		memcpy(bytes + n, data, sizeof(data));
		n += sizeof(data);
	}
	n += (size_t)sprintf((char *)bytes + n, "\n%s\n", footer);
	return n;
}

static int
parse_footer(struct policy_zone **zone, const char *footer)
{
	uint8_t bytes[512];
	size_t n = file_make(bytes, footer);
	uint8_t *copy = testing_copy(bytes, n);
	int err = policy__zone_parse(zone, copy, n);

	free(copy);
	return err;
}

static void
footers(void **state)
{
	static const struct {
		const char *footer;
		int utc[5];
		int32_t offset_s;
	} rows[] = {
		{ "", { 2026, 7, 1, 0, 0 }, 0 },
		{ "EST5", { 2026, 7, 1, 0, 0 }, -5 * 3600 },
		{ "<+0330>-3:30", { 2026, 7, 1, 0, 0 }, 12600 },
		{ "XXX-5:59:58", { 2026, 7, 1, 0, 0 }, 21598 },
		/* days of the year: J60 is always 1 March, 59 is not */
		{ "AAA0BBB,J60/0,J300/0", { 2024, 2, 29, 23, 59 }, 0 },
		{ "AAA0BBB,J60/0,J300/0", { 2024, 3, 1, 0, 0 }, 3600 },
		{ "AAA0BBB,J60/0,J300/0", { 2025, 3, 1, 0, 0 }, 3600 },
		{ "AAA0BBB,59/0,300/0", { 2024, 2, 29, 0, 0 }, 3600 },
		{ "AAA0BBB,59/0,300/0", { 2024, 2, 28, 23, 59 }, 0 },
		/* south of the equator: daylight over new year */
		{ "AAA-10BBB,M10.1.0,M4.1.0/3", { 2026, 1, 1, 0, 0 }, 39600 },
		{ "AAA-10BBB,M10.1.0,M4.1.0/3", { 2026, 7, 1, 0, 0 }, 36000 },
		/* all year daylight, RFC 8536 section 3.3.1 */
		{ "EST5EDT,0/0,J365/25", { 2026, 1, 1, 4, 59 }, -4 * 3600 },
		{ "EST5EDT,0/0,J365/25", { 2026, 1, 1, 5, 0 }, -4 * 3600 },
		{ "EST5EDT,0/0,J365/25", { 2026, 12, 31, 12, 0 }, -4 * 3600 },
		/* times before midnight and days later */
		{ "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1",
		  { 2026, 3, 29, 0, 59 },
		  -3 * 3600 },
		{ "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1",
		  { 2026, 3, 29, 1, 0 },
		  -2 * 3600 },
		{ "EET-2EEST,M3.4.4/50,M10.4.4/50",
		  { 2026, 3, 28, 0, 0 },
		  3 * 3600 },
		{ "EET-2EEST,M3.4.4/50,M10.4.4/50",
		  { 2026, 3, 27, 23, 59 },
		  2 * 3600 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const int *u = rows[i].utc;
		struct policy_zone *zone;
		struct policy_civil civil;

		assert_int_equal(parse_footer(&zone, rows[i].footer), 0);
		policy_zone_civil(
		    zone, utc_s(u[0], u[1], u[2], u[3], u[4]) * NS, &civil);
		if (civil.offset_s != rows[i].offset_s)
			fail_msg("row %zu: %d", i, civil.offset_s);
		policy_zone_free(&zone);
	}
}

static void
bad_footers(void **state)
{
	static const char *const bad[] = {
		"A0",
		"EST",
		"EST25",
		"EST5EDT",
		"EST5EDT,",
		"EST5EDT,M3.5",
		"EST5EDT,J0,J1",
		"EST5EDT,366,1",
		"<AB",
		"<A!B>3",
		"ABCDEFGHI3",
		"EST5EDT,M13.1.0,M11.1.0",
		"EST5EDT,M3.2.0,M11.1.0x",
		"EST5EDT,M3.6.0,M11.1.0",
		"EST5EDT,M3.2.7,M11.1.0",
		"EST5EDT,M3.2.0/168,M11.1.0",
		"EST5:60",
	};
	struct policy_zone *zone;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (parse_footer(&zone, bad[i]) != -EBADMSG)
			fail_msg("%s", bad[i]);
		assert_null(zone);
	}
}

static void
every_truncation(void **state)
{
	size_t n;
	uint8_t *bytes =
	    testing_read_file("/usr/share/zoneinfo/Europe/London", &n);
	struct policy_zone *zone;

	(void)state;
	for (size_t length = 0; length <= n; length++) {
		uint8_t *copy = testing_copy(bytes, length);
		int err = policy__zone_parse(&zone, copy, length);

		assert_int_equal(err, length == n ? 0 : -EBADMSG);
		policy_zone_free(&zone);
		free(copy);
	}
	free(bytes);
}

static void
damage_is_refused(void **state)
{
	uint8_t bytes[512];
	size_t n = file_make(bytes, "EST5");
	static const struct {
		size_t at;
		uint8_t byte;
	} rows[] = {
		{ 0, 'X' },     /* magic */
		{ 4, 0 },       /* version 1: no 64-bit data */
		{ 54, 'X' },    /* second magic */
		{ 54 + 31, 1 }, /* leap seconds */
		{ 54 + 39, 0 }, /* no type */
		{ 98, 0x7f },   /* offset out of range */
		{ 103, 4 },     /* abbreviation past its end */
		{ 107, 'D' },   /* abbreviation without an end */
		{ 108, 'x' },   /* footer without its first newline */
	};
	struct policy_zone *zone;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t *copy = testing_copy(bytes, n);

		copy[rows[i].at] = rows[i].byte;
		if (policy__zone_parse(&zone, copy, n) != -EBADMSG)
			fail_msg("row %zu", i);
		free(copy);
	}
}

static void
allocation_failures(void **state)
{
	struct policy_zone *zone;
	unsigned nth = 0;
	int err;

	(void)state;
	do {
		testing_fail_allocation(++nth);
		err = policy_zone_load(&zone, "Europe/London");
		assert_true(err == 0 || err == -ENOMEM);
	} while (err);
	testing_fail_allocation(0);
	assert_int_equal(nth, 3);
	policy_zone_free(&zone);
	testing_fail_allocation(1);
	assert_int_equal(policy_zone_load(&zone, "UTC"), -ENOMEM);
	testing_fail_allocation(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_c_library),
		cmocka_unit_test(instants_agree_with_a_search),
		cmocka_unit_test(changes_by_hand),
		cmocka_unit_test(ends_of_time),
		cmocka_unit_test(names_stay_in_the_folder),
		cmocka_unit_test(footers),
		cmocka_unit_test(bad_footers),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(damage_is_refused),
		cmocka_unit_test(allocation_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
