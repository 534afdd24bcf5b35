/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Floors, ceilings and due times, by hand and over simulated years. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "policy/policy_priv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NS           POLICY__SECOND_NS
#define MARGIN_NS    (600 * NS)

static const char text_before[] = "version: 1\n"
				  "organisation: {name: town hall, time_zone: ";
static const char text_after[] =
    "}\n"
    "access: {owner: alice}\n"
    "purposes: [quality]\n"
    "numbering: {country: 44}\n"
    "retention:\n"
    "  days: {max: 90d}\n"
    "  half: {max: 6 months}\n"
    "  month: {max: 1 month}\n"
    "  quarter: {max: 3mo}\n"
    "  year: {max: 1 year}\n"
    "  corporate: {min: 12 months, max: 24 months}\n"
    "  mixed: {min: 30 days, max: 3 months}\n"
    "  room: {min: 30 days, max: 3 months, gives_way: yes}\n"
    "  bare: {max: 90d, gives_way: yes}\n"
    "metadata: {max: 10 years}\n"
    "rules: [{name: all, decision: record, retention: days}]\n";

static struct policy *
load(const char *zone)
{
	struct policy_errors errors;
	struct policy *policy;
	char text[1024];
	int n = snprintf(text, sizeof(text), "%s%s%s", text_before, zone,
			 text_after);

	assert_int_equal(policy_load(&policy, text, (size_t)n, &errors), 0);
	return policy;
}

static int64_t
utc_ns(const char *text)
{
	struct tm tm = { 0 };

	assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
	return timegm(&tm) * NS;
}

static void
by_hand(void **state)
{
	static const struct {
		const char *retention, *start, *floor, *ceiling;
	} rows[] = {
		/* 24 h each, across the end of summer time */
		{ "days", "2026-09-01 12:00:00", NULL, "2026-11-30 12:00:00" },
		/* clamped: 31 August, and a leap year */
		{ "half", "2025-08-31 09:30:15", NULL, "2026-02-28 10:30:15" },
		{ "half", "2023-08-31 10:00:00", NULL, "2024-02-29 11:00:00" },
		{ "month", "2026-01-31 10:00:00", NULL, "2026-02-28 10:00:00" },
		{ "year", "2024-02-29 10:00:00", NULL, "2025-02-28 10:00:00" },
		{ "quarter", "2026-11-30 10:00:00", NULL,
		  "2027-02-28 10:00:00" },
		/* by local date: 23:30 UTC is the 1st of the month here */
		{ "month", "2026-05-31 23:30:00", NULL, "2026-06-30 23:30:00" },
		{ "month", "2026-01-31 23:30:00", NULL, "2026-02-28 23:30:00" },
		/* 01:30 comes twice on 25 October: the ceiling is the first */
		{ "month", "2026-09-25 00:30:00", NULL, "2026-10-25 00:30:00" },
		/* 01:30 does not come on 29 March: at the change */
		{ "quarter", "2025-12-29 01:30:00", NULL,
		  "2026-03-29 01:00:00" },
		{ "corporate", "2026-01-15 10:00:00", "2027-01-15 10:00:00",
		  "2028-01-15 10:00:00" },
		/* the floor is the second of two */
		{ "corporate", "2025-10-25 00:30:00", "2026-10-25 01:30:00",
		  "2027-10-25 00:30:00" },
		{ "mixed", "2026-03-01 10:00:00", "2026-03-31 10:00:00",
		  "2026-06-01 09:00:00" },
	};
	struct policy *policy = load("Europe/London");

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t start_ns = utc_ns(rows[i].start) + 7;
		struct policy_clock clock;

		assert_int_equal(
		    policy_clock(policy, rows[i].retention, start_ns, &clock),
		    0);
		/* at a change that skips the time, the change itself */
		if (i == 9)
			assert_int_equal(clock.ceiling_ns,
					 utc_ns(rows[i].ceiling));
		else
			assert_int_equal(clock.ceiling_ns,
					 utc_ns(rows[i].ceiling) + 7);
		if (rows[i].floor) {
			assert_int_equal(clock.floor_ns,
					 utc_ns(rows[i].floor) + 7);
			assert_int_equal(clock.due_ns, clock.floor_ns);
		} else {
			assert_int_equal(clock.floor_ns, start_ns);
			assert_int_equal(clock.due_ns,
					 clock.ceiling_ns - MARGIN_NS);
		}
	}
	policy_free(&policy);
}

/** A class that is gone: highest floor 12 months, so the lowest ceiling that
 * is not below it; 6 months and 90 days are. */
static void
unknown_classes_end_too(void **state)
{
	struct policy *policy = load("Europe/London");
	int64_t start_ns = utc_ns("2026-01-15 10:00:00");
	struct policy_clock clock;

	(void)state;
	assert_int_equal(policy_clock(policy, "gone", start_ns, &clock),
			 -ENOENT);
	assert_int_equal(policy_clock(policy, "", start_ns, &clock), 0);
	assert_int_equal(clock.floor_ns, utc_ns("2027-01-15 10:00:00"));
	assert_int_equal(clock.ceiling_ns, utc_ns("2027-01-15 10:00:00"));
	assert_int_equal(clock.due_ns, clock.floor_ns);
	assert_int_equal(clock.metadata_ns, utc_ns("2036-01-15 10:00:00"));
	/* where 12 months end in the hour that comes twice, 'year' ends before
	 * the floor of 'corporate' does, and is passed over */
	assert_int_equal(
	    policy_clock(policy, "gone", utc_ns("2025-10-25 00:30:00"), &clock),
	    -ENOENT);
	assert_int_equal(clock.floor_ns, utc_ns("2026-10-25 01:30:00"));
	assert_int_equal(clock.ceiling_ns, utc_ns("2027-10-25 00:30:00"));
	assert_int_equal(clock.due_ns, clock.ceiling_ns - MARGIN_NS);
	policy_free(&policy);
}

/** Every 7 hours and a bit, for thirty years, in zones with odd clocks. */
static void
order_holds_over_years(void **state)
{
	static const char *const zones[] = { "Europe/London", "Pacific/Apia",
					     "Africa/Casablanca",
					     "Australia/Lord_Howe", "UTC" };
	static const char *const classes[] = { "days",      "half",
					       "month",     "quarter",
					       "year",      "mixed",
					       "corporate", "none of ours" };

	(void)state;
	for (size_t z = 0; z < COUNT(zones); z++) {
		struct policy *policy = load(zones[z]);
		int64_t until_ns = utc_ns("2040-01-01 00:00:00");
		int64_t before_ns[COUNT(classes)] = { 0 };

		for (int64_t t_ns = utc_ns("2010-01-01 00:00:00");
		     t_ns < until_ns; t_ns += INT64_C(25231) * NS) {
			for (size_t c = 0; c < COUNT(classes); c++) {
				struct policy_clock k;
				int err =
				    policy_clock(policy, classes[c], t_ns, &k);

				assert_true(t_ns <= k.floor_ns);
				assert_true(k.floor_ns <= k.due_ns);
				assert_true(t_ns < k.due_ns);
				assert_true(k.due_ns <= k.ceiling_ns);
				assert_true(k.ceiling_ns <= k.metadata_ns);
				/* who came later is not deleted sooner, but
				 * for the clamp, which keeps the time of day,
				 * and the hour that comes twice */
				assert_true(err ||
					    k.due_ns >=
						before_ns[c] -
						    25 * INT64_C(3600) * NS);
				before_ns[c] = k.due_ns;
			}
		}
		policy_free(&policy);
	}
}

/** A month and 30 days: now this one is the longer, now that one. */
static const char text_close[] = "}\n"
				 "access: {owner: alice}\n"
				 "purposes: [quality]\n"
				 "numbering: {country: 44}\n"
				 "retention:\n"
				 "  days: {max: 30d}\n"
				 "  month: {min: 1 month, max: 6 months}\n"
				 "metadata: {max: 13 months}\n"
				 "rules: [{name: all, decision: record, "
				 "retention: days}]\n";

static struct policy *
load_close(const char *zone)
{
	struct policy_errors errors;
	struct policy *policy;
	char text[1024];
	int n = snprintf(text, sizeof(text), "%s%s%s", text_before, zone,
			 text_close);

	assert_int_equal(policy_load(&policy, text, (size_t)n, &errors), 0);
	return policy;
}

/** What is told of one call holds for all that begin behind it. */
static void
earliest_holds(const struct policy *policy, const char *class)
{
	int64_t none_ns = INT64_MIN, none_gone_ns = INT64_MIN;
	int64_t until_ns = utc_ns("2040-01-01 00:00:00");
	int64_t due_ns, metadata_ns;
	struct policy_clock k;

	for (int64_t t_ns = utc_ns("2010-01-01 00:00:00"); t_ns < until_ns;
	     t_ns += INT64_C(25231) * NS) {
		(void)policy_clock(policy, class, t_ns, &k);
		assert_true(k.due_ns >= none_ns);
		assert_true(k.metadata_ns >= none_gone_ns);
		policy_clock_earliest(policy, class, t_ns, &due_ns,
				      &metadata_ns);
		assert_true(due_ns <= k.due_ns);
		assert_true(metadata_ns <= k.metadata_ns);
		assert_true(due_ns >= t_ns);
		/* and it is not so little that nobody ever stops; those of no
		 * class have jumps */
		if (*class && strcmp(class, "none of ours") != 0)
			assert_true(k.due_ns - due_ns <= 4 * 86400 * NS);
		if (due_ns > none_ns)
			none_ns = due_ns;
		if (metadata_ns > none_gone_ns)
			none_gone_ns = metadata_ns;
	}
}

static void
earliest_holds_over_years(void **state)
{
	static const char *const zones[] = { "Europe/London", "Pacific/Apia",
					     "UTC" };
	static const char *const classes[] = { "days",      "half", "month",
					       "mixed",     "room", "bare",
					       "corporate", "" };

	(void)state;
	for (size_t z = 0; z < COUNT(zones); z++) {
		struct policy *policy = load(zones[z]);
		struct policy *close = load_close(zones[z]);

		for (size_t c = 0; c < COUNT(classes); c++)
			earliest_holds(policy, classes[c]);
		earliest_holds(close, "days");
		earliest_holds(close, "month");
		earliest_holds(close, "none of ours");
		policy_free(&policy);
		policy_free(&close);
	}
}

static void
earliest_by_hand(void **state)
{
	struct policy *policy = load("Europe/London");
	int64_t start_ns = utc_ns("2026-09-01 12:00:00");
	int64_t due_ns, metadata_ns;

	(void)state;
	/* days have an order */
	policy_clock_earliest(policy, "days", start_ns, &due_ns, &metadata_ns);
	assert_int_equal(due_ns, utc_ns("2026-11-30 12:00:00") - MARGIN_NS);
	assert_int_equal(metadata_ns, utc_ns("2036-08-28 12:00:00"));
	policy_clock_earliest(policy, "mixed", start_ns, &due_ns, &metadata_ns);
	assert_int_equal(due_ns, utc_ns("2026-10-01 12:00:00"));
	policy_clock_earliest(policy, "half", start_ns, &due_ns, &metadata_ns);
	assert_int_equal(due_ns, utc_ns("2027-02-25 13:00:00") - MARGIN_NS);
	/* a year, because no recording that needs one may go before */
	policy_clock_earliest(policy, "gone", start_ns, &due_ns, &metadata_ns);
	assert_int_equal(due_ns, utc_ns("2027-08-28 12:00:00") - MARGIN_NS);
	policy_free(&policy);
}

/** Kept until its ceiling as long as there is room, and gone from its floor on
 * where there is none. */
static void
what_gives_way(void **state)
{
	struct policy *policy = load("Europe/London");
	int64_t start_ns = utc_ns("2026-09-01 12:00:00");
	int64_t ceiling_ns = utc_ns("2026-12-01 13:00:00");
	int64_t due_ns, metadata_ns;
	struct policy_clock k;

	(void)state;
	assert_int_equal(policy_clock(policy, "room", start_ns, &k), 0);
	assert_true(k.gives_way);
	assert_int_equal(k.floor_ns, utc_ns("2026-10-01 12:00:00"));
	assert_int_equal(k.ceiling_ns, ceiling_ns);
	assert_int_equal(k.due_ns, ceiling_ns - MARGIN_NS);
	policy_clock_earliest(policy, "room", start_ns, &due_ns, &metadata_ns);
	assert_true(due_ns > k.floor_ns && due_ns <= k.due_ns);
	/* the same, but that it does not */
	assert_int_equal(policy_clock(policy, "mixed", start_ns, &k), 0);
	assert_false(k.gives_way);
	assert_int_equal(k.due_ns, k.floor_ns);
	assert_int_equal(policy_clock(policy, "bare", start_ns, &k), 0);
	assert_true(k.gives_way);
	assert_int_equal(k.floor_ns, start_ns);
	assert_int_equal(k.due_ns, utc_ns("2026-11-30 12:00:00") - MARGIN_NS);
	/* of a class that is not known nothing is given away */
	assert_int_equal(policy_clock(policy, "gone", start_ns, &k), -ENOENT);
	assert_false(k.gives_way);
	assert_true(policy_gives_way(policy, NULL));
	assert_true(policy_gives_way(policy, "bare"));
	assert_false(policy_gives_way(policy, "mixed"));
	assert_false(policy_gives_way(policy, "gone"));
	policy_free(&policy);
}

/** To a second: what began then has no tombstone any more, what began two
 * seconds later may have. */
static void
metadata_over(void **state)
{
	static const char *const classes[] = { "days",  "half",      "month",
					       "mixed", "corporate", "" };
	struct policy *policy = load("Europe/London");

	(void)state;
	for (int64_t now_ns = utc_ns("2026-01-01 00:00:00");
	     now_ns < utc_ns("2028-01-01 00:00:00");
	     now_ns += INT64_C(97231) * NS) {
		int64_t over_ns = policy_metadata_over(policy, now_ns);
		int64_t last_ns = INT64_MIN;
		struct policy_clock k;

		for (size_t c = 0; c < COUNT(classes); c++) {
			(void)policy_clock(policy, classes[c], over_ns, &k);
			assert_true(k.metadata_ns <= now_ns);
			(void)policy_clock(policy, classes[c], over_ns + 2 * NS,
					   &k);
			if (k.metadata_ns > last_ns)
				last_ns = k.metadata_ns;
		}
		assert_true(last_ns > now_ns);
	}
	/* ten years, from 29 February */
	assert_int_equal(
	    policy_metadata_over(policy, utc_ns("2038-02-28 10:00:00")) /
		(86400 * NS),
	    utc_ns("2028-02-29 10:00:00") / (86400 * NS));
	policy_free(&policy);
}

static void
ends_of_time(void **state)
{
	struct policy *policy = load("Europe/London");
	int64_t due_ns, metadata_ns;
	struct policy_clock clock;

	(void)state;
	assert_int_equal(policy_clock(policy, "days", INT64_MAX, &clock), 0);
	assert_int_equal(clock.ceiling_ns, INT64_MAX);
	assert_int_equal(policy_clock(policy, "half", INT64_MAX, &clock), 0);
	assert_int_equal(clock.ceiling_ns, INT64_MAX);
	assert_int_equal(policy_clock(policy, "half", INT64_MIN, &clock), 0);
	assert_true(clock.ceiling_ns > INT64_MIN);
	policy_clock_earliest(policy, "days", INT64_MAX, &due_ns, &metadata_ns);
	assert_int_equal(due_ns, INT64_MAX);
	policy_clock_earliest(policy, "half", INT64_MIN, &due_ns, &metadata_ns);
	assert_true(due_ns < 0);
	policy_free(&policy);
}

static void
durations(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		uint32_t days, months;
	} rows[] = {
		{ "14d", true, 14, 0 },        { "1 day", true, 1, 0 },
		{ "90 days", true, 90, 0 },    { "2w", true, 14, 0 },
		{ "1 week", true, 7, 0 },      { "3 weeks", true, 21, 0 },
		{ "24mo", true, 0, 24 },       { "1 month", true, 0, 1 },
		{ "12  months", true, 0, 12 }, { "6y", true, 0, 72 },
		{ "1 year", true, 0, 12 },     { "100 years", true, 0, 1200 },
		{ "0d", true, 0, 0 },          { "36525d", true, 36525, 0 },
		{ "36526d", false, 0, 0 },     { "101 years", false, 0, 0 },
		{ "99999w", false, 0, 0 },     { "100000d", false, 0, 0 },
		{ "14", false, 0, 0 },         { "d", false, 0, 0 },
		{ "", false, 0, 0 },           { "-1d", false, 0, 0 },
		{ "1.5d", false, 0, 0 },       { "3m", false, 0, 0 },
		{ "3 d ", false, 0, 0 },       { "14 Days", false, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct policy__duration d = { 0 };
		bool ok = policy__duration_parse(rows[i].text, &d);

		if (ok != rows[i].ok || (ok && (d.days != rows[i].days ||
						d.months != rows[i].months)))
			fail_msg("'%s'", rows[i].text);
	}
}

static void
which_duration_is_shorter(void **state)
{
	static const struct {
		struct policy__duration a, b;
		bool below;
	} rows[] = {
		{ { .days = 14 }, { .days = 15 }, true },
		{ { .days = 15 }, { .days = 15 }, false },
		{ { .months = 11 }, { .months = 12 }, true },
		{ { .months = 12 }, { .months = 12 }, false },
		/* a year has 366 days at times, a month 28; 2 to spare */
		{ { .months = 12 }, { .days = 368 }, false },
		{ { .months = 12 }, { .days = 369 }, true },
		{ { .days = 362 }, { .months = 12 }, true },
		{ { .days = 363 }, { .months = 12 }, false },
		{ { .days = 25 }, { .months = 1 }, true },
		{ { .days = 26 }, { .months = 1 }, false },
		{ { .months = 1 }, { .days = 33 }, false },
		{ { .months = 1 }, { .days = 34 }, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (policy__duration_below(&rows[i].a, &rows[i].b) !=
		    rows[i].below)
			fail_msg("row %zu", i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_hand),
		cmocka_unit_test(unknown_classes_end_too),
		cmocka_unit_test(order_holds_over_years),
		cmocka_unit_test(earliest_holds_over_years),
		cmocka_unit_test(earliest_by_hand),
		cmocka_unit_test(what_gives_way),
		cmocka_unit_test(metadata_over),
		cmocka_unit_test(ends_of_time),
		cmocka_unit_test(durations),
		cmocka_unit_test(which_duration_is_shorter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
