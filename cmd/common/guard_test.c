/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The clock guard: every case of the table in guard.h, one after the other. */
#include "cmd/common/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/common/sweep.h"

#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define YEAR   (365 * DAY)
#define T      INT64_C(1790000000000000000) /* 2026-09-21 */
#define UP     (40 * DAY)                   /* since the machine was started */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum boot { UNKNOWN, THIS, OTHER };

static void
reading_make(struct guard_reading *reading, int64_t wall_ns,
	     int64_t boottime_ns, enum boot boot, bool synchronised)
{
	*reading = (struct guard_reading){ .wall_ns = wall_ns,
					   .boottime_ns = boottime_ns,
					   .synchronised = synchronised };
	memset(reading->boot, (int)boot, sizeof(reading->boot));
}

/* Trusted at T; now it shows wall, so much of time has really passed. */
struct row {
	const char *what;
	bool sure;            /* was it, at T? */
	enum boot boot;       /* of now; then it was THIS */
	int64_t passed, wall; /* since T */
	bool wanted;          /* by the policy: to be synchronised */
	bool synchronised;
	enum guard_verdict verdict;
};

static const struct row rows[] = {
	/* the recorder runs */
	{ "a minute later", true, THIS, MINUTE, MINUTE, false, false,
	  GUARD_TRUSTED },
	{ "4 min behind", true, THIS, HOUR, HOUR - 4 * MINUTE, false, false,
	  GUARD_TRUSTED },
	{ "4 min ahead", true, THIS, HOUR, HOUR + 4 * MINUTE, false, false,
	  GUARD_TRUSTED },
	{ "6 min behind", true, THIS, HOUR, HOUR - 6 * MINUTE, false, false,
	  GUARD_SET_BACK },
	{ "6 min ahead", true, THIS, HOUR, HOUR + 6 * MINUTE, false, false,
	  GUARD_AHEAD },
	{ "at the edge", true, THIS, 0, 5 * MINUTE, false, false,
	  GUARD_TRUSTED },
	{ "behind the edge", true, THIS, 0, 5 * MINUTE + 1, false, false,
	  GUARD_AHEAD },
	{ "at the edge before", true, THIS, 0, -5 * MINUTE, false, false,
	  GUARD_TRUSTED },
	{ "before the edge", true, THIS, 0, -5 * MINUTE - 1, false, false,
	  GUARD_SET_BACK },
	{ "an oscillator that is off for 20 days", true, THIS, 20 * DAY,
	  20 * DAY + 15 * MINUTE, false, false, GUARD_TRUSTED },
	{ "a day ahead", true, THIS, HOUR, DAY, false, false, GUARD_AHEAD },
	{ "2036", true, THIS, HOUR, 10 * YEAR, false, false, GUARD_AHEAD },
	{ "1970", true, THIS, HOUR, -T, false, false, GUARD_SET_BACK },
	/* the machine was not started again, the recorder was off */
	{ "off for 3 weeks", true, THIS, 21 * DAY, 21 * DAY, false, false,
	  GUARD_TRUSTED },
	{ "off for 3 weeks, asleep as well: time since boot knows", false, THIS,
	  21 * DAY, 21 * DAY, false, false, GUARD_TRUSTED },
	{ "off for a day, a week ahead", true, THIS, DAY, 6 * DAY, false, false,
	  GUARD_AHEAD },
	/* it was started again: how long it was off nobody knows */
	{ "another start, an hour", true, OTHER, HOUR, HOUR, false, false,
	  GUARD_TRUSTED },
	{ "another start, 7 days", true, OTHER, 7 * DAY, 7 * DAY, false, false,
	  GUARD_TRUSTED },
	{ "another start, more", true, OTHER, 7 * DAY, 7 * DAY + 1, false,
	  false, GUARD_AHEAD },
	{ "another start, 3 weeks, no time server", true, OTHER, 21 * DAY,
	  21 * DAY, false, false, GUARD_AHEAD },
	{ "another start, 3 weeks, a time server", true, OTHER, 21 * DAY,
	  21 * DAY, false, true, GUARD_TRUSTED },
	{ "another start, 2036", true, OTHER, HOUR, 10 * YEAR, false, false,
	  GUARD_AHEAD },
	{ "another start, 1970", true, OTHER, HOUR, -T, false, false,
	  GUARD_SET_BACK },
	{ "another start, 4 min back", true, OTHER, HOUR, -4 * MINUTE, false,
	  false, GUARD_TRUSTED },
	{ "another start, 6 min back", true, OTHER, HOUR, -6 * MINUTE, false,
	  false, GUARD_SET_BACK },
	{ "which start is unknown: as another", true, UNKNOWN, 21 * DAY,
	  21 * DAY, false, false, GUARD_AHEAD },
	/* time servers */
	{ "one puts a wrong start right: back", false, THIS, MINUTE, -10 * YEAR,
	  false, true, GUARD_TRUSTED },
	{ "one puts a wrong start right: on", false, THIS, MINUTE, 10 * YEAR,
	  false, true, GUARD_TRUSTED },
	{ "after a month without one, an hour off", true, THIS, 30 * DAY,
	  30 * DAY + HOUR, false, true, GUARD_TRUSTED },
	{ "another start, 300 days", true, OTHER, 300 * DAY, 300 * DAY, false,
	  true, GUARD_TRUSTED },
	{ "one that lies: 1,024 weeks on", true, THIS, HOUR, 7168 * DAY, false,
	  true, GUARD_AHEAD },
	{ "one that lies: 1,024 weeks back", true, OTHER, HOUR, -7168 * DAY,
	  false, true, GUARD_SET_BACK },
	/* the policy wants one */
	{ "and there is one", true, THIS, HOUR, HOUR, true, true,
	  GUARD_TRUSTED },
	{ "and there is none", true, THIS, HOUR, HOUR, true, false,
	  GUARD_UNSYNCHRONISED },
	{ "and there is one, after 3 weeks", true, OTHER, 21 * DAY, 21 * DAY,
	  true, true, GUARD_TRUSTED },
	{ "none, and set back too", true, THIS, HOUR, -HOUR, true, false,
	  GUARD_UNSYNCHRONISED },
};

static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct store_pulse pulse = { 0 };
		struct guard_reading then, now;
		enum guard_verdict verdict;

		reading_make(&then, T, UP, THIS, row->sure);
		guard_trust(&pulse, &then);
		assert_int_equal(pulse.sure, row->sure);
		reading_make(&now, T + row->wall,
			     row->boot == THIS ? UP + row->passed : MINUTE,
			     row->boot, row->synchronised);
		verdict = guard_decide(&pulse, &now, row->wanted);
		if (verdict != row->verdict)
			fail_msg("%s: %d", row->what, verdict);
	}
}

/* Of an archive that knows no time any is right, but where the policy wants a
 * time server. */
static void
test_first(void **state)
{
	struct store_pulse pulse = { 0 };
	struct guard_reading now;

	(void)state;
	reading_make(&now, T, MINUTE, THIS, false);
	assert_int_equal(guard_decide(&pulse, &now, false), GUARD_TRUSTED);
	assert_int_equal(guard_decide(&pulse, &now, true),
			 GUARD_UNSYNCHRONISED);
	now.synchronised = true;
	assert_int_equal(guard_decide(&pulse, &now, true), GUARD_TRUSTED);
}

/* Four minutes, again and again: what each of them may, all may not. */
static void
test_small_steps_add_up(void **state)
{
	struct store_pulse pulse = { 0 };
	struct guard_reading now;
	int steps = 0;

	(void)state;
	reading_make(&now, T, UP, THIS, false);
	while (guard_decide(&pulse, &now, false) == GUARD_TRUSTED) {
		guard_trust(&pulse, &now);
		now.wall_ns += 5 * MINUTE;
		now.boottime_ns += MINUTE;
		assert_true(++steps < 10);
	}
	assert_int_equal(steps, 2);
	/* put right again, it goes on */
	now.wall_ns -= 4 * MINUTE * steps;
	assert_int_equal(guard_decide(&pulse, &now, false), GUARD_TRUSTED);
}

/* What was refused does not count as trusted the next time. */
static void
test_refused_stays_refused(void **state)
{
	struct sweep_result swept = { .overdue = 3 };
	struct store_pulse pulse = { 0 };
	struct guard_reading now;

	(void)state;
	reading_make(&now, T, UP, THIS, true);
	guard_trust(&pulse, &now);
	guard_note(&pulse, T, GUARD_TRUSTED, &swept, 0);
	assert_int_equal(pulse.well_ns, T);
	assert_int_equal(pulse.overdue, 3);
	reading_make(&now, T + 9 * YEAR, MINUTE, OTHER, false);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(guard_decide(&pulse, &now, false),
				 GUARD_AHEAD);
		guard_note(&pulse, now.wall_ns, GUARD_AHEAD, NULL, 0);
		assert_int_equal(pulse.trusted_ns, T);
		assert_int_equal(pulse.well_ns, T);
		assert_int_equal(pulse.swept_ns, now.wall_ns);
		assert_int_equal(pulse.verdict, GUARD_AHEAD);
		now.wall_ns += MINUTE;
		now.boottime_ns += MINUTE;
	}
	/* somebody says that it is right, and it stays so */
	guard_confirm(&pulse, &now);
	assert_int_equal(guard_decide(&pulse, &now, false), GUARD_TRUSTED);
	now.wall_ns += HOUR;
	now.boottime_ns += HOUR;
	assert_int_equal(guard_decide(&pulse, &now, false), GUARD_TRUSTED);
	/* nobody's word is enough for a policy that wants a time server */
	assert_int_equal(guard_decide(&pulse, &now, true),
			 GUARD_UNSYNCHRONISED);
}

static void
test_a_sweep_that_failed_did_not_end_well(void **state)
{
	struct sweep_result swept = { .failed = 1 };
	struct store_pulse pulse = { .well_ns = T };

	(void)state;
	guard_note(&pulse, T + MINUTE, GUARD_TRUSTED, &swept, 0);
	assert_int_equal(pulse.well_ns, T);
	swept.failed = 0;
	guard_note(&pulse, T + MINUTE, GUARD_TRUSTED, &swept, -5);
	assert_int_equal(pulse.well_ns, T);
	assert_int_equal(pulse.swept_ns, T + MINUTE);
	guard_note(&pulse, T + MINUTE, GUARD_TRUSTED, &swept, 0);
	assert_int_equal(pulse.well_ns, T + MINUTE);
}

/* The ends of time overflow nothing. */
static void
test_ends_of_time(void **state)
{
	const int64_t walls[] = { INT64_MIN, -1, 0, 1, INT64_MAX };
	struct guard_reading then, now;

	(void)state;
	for (size_t i = 0; i < COUNT(walls); i++) {
		for (size_t j = 0; j < COUNT(walls); j++) {
			struct store_pulse pulse = { 0 };

			reading_make(&then, walls[i], UP, THIS, true);
			guard_trust(&pulse, &then);
			reading_make(&now, walls[j], INT64_MAX, THIS, false);
			(void)guard_decide(&pulse, &now, false);
			now.synchronised = true;
			(void)guard_decide(&pulse, &now, false);
			now.boot[0] = OTHER;
			(void)guard_decide(&pulse, &now, false);
		}
	}
}

static void
test_this_machine(void **state)
{
	struct guard_reading a, b;

	(void)state;
	guard_read(&a);
	guard_read(&b);
	assert_memory_equal(a.boot, b.boot, sizeof(a.boot));
	assert_true(a.wall_ns > 0 && a.boottime_ns > 0);
	assert_true(b.boottime_ns >= a.boottime_ns);
}

static void
test_words(void **state)
{
	(void)state;
	assert_string_equal(guard_text(GUARD_TRUSTED), "");
	for (int i = GUARD_TRUSTED + 1; i < GUARD_VERDICT_COUNT; i++)
		assert_non_null(strstr(guard_text((enum guard_verdict)i),
				       "nothing is purged"));
	assert_string_equal(guard_text(GUARD_VERDICT_COUNT), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_small_steps_add_up),
		cmocka_unit_test(test_refused_stays_refused),
		cmocka_unit_test(test_a_sweep_that_failed_did_not_end_well),
		cmocka_unit_test(test_ends_of_time),
		cmocka_unit_test(test_this_machine),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
