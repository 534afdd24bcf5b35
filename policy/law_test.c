/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Days by which a subject has to be answered, as a lawyer would look them up.
 */
#include "policy/policy.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

struct line {
	enum policy_law law;
	const char *received;
	uint32_t paused;
	const char *due;
};

static const struct line lines[] = {
	/* a month: the day of the same number */
	{ POLICY_LAW_UK, "2026-09-03", 0, "2026-10-03" },
	{ POLICY_LAW_UK, "2026-12-15", 0, "2027-01-15" },
	/* ... or the last, where there is none */
	{ POLICY_LAW_UK, "2026-01-31", 0, "2026-02-28" },
	{ POLICY_LAW_UK, "2026-01-30", 0, "2026-02-28" },
	{ POLICY_LAW_UK, "2026-01-28", 0, "2026-02-28" },
	{ POLICY_LAW_UK, "2028-01-31", 0, "2028-02-29" },
	{ POLICY_LAW_UK, "2100-01-29", 0, "2100-02-28" },
	{ POLICY_LAW_UK, "2000-01-29", 0, "2000-02-29" },
	{ POLICY_LAW_UK, "2026-03-31", 0, "2026-04-30" },
	{ POLICY_LAW_UK, "2026-12-31", 0, "2027-01-31" },
	{ POLICY_LAW_UK, "2028-02-29", 0, "2028-03-29" },
	/* four weeks: the same day of the week */
	{ POLICY_LAW_JERSEY, "2026-09-03", 0, "2026-10-01" },
	{ POLICY_LAW_JERSEY, "2026-01-31", 0, "2026-02-28" },
	{ POLICY_LAW_JERSEY, "2026-02-01", 0, "2026-03-01" },
	{ POLICY_LAW_JERSEY, "2028-02-01", 0, "2028-02-29" },
	{ POLICY_LAW_JERSEY, "2028-02-02", 0, "2028-03-01" },
	{ POLICY_LAW_JERSEY, "2026-12-31", 0, "2027-01-28" },
	/* while he is waited for, the clock stands still */
	{ POLICY_LAW_UK, "2026-01-31", 1, "2026-03-01" },
	{ POLICY_LAW_UK, "2026-09-03", 14, "2026-10-17" },
	{ POLICY_LAW_UK, "2026-11-30", 40, "2027-02-08" },
	{ POLICY_LAW_JERSEY, "2027-12-10", 60, "2028-03-07" },
};

/* Where it was extended. */
static const struct line longer[] = {
	/* two months more are three from the beginning, not a month and two */
	{ POLICY_LAW_UK, "2026-01-31", 0, "2026-04-30" },
	{ POLICY_LAW_UK, "2026-11-30", 0, "2027-02-28" },
	{ POLICY_LAW_UK, "2026-09-03", 14, "2026-12-17" },
	/* eight weeks more are twelve */
	{ POLICY_LAW_JERSEY, "2026-09-03", 0, "2026-11-26" },
	{ POLICY_LAW_JERSEY, "2026-09-03", 3, "2026-11-29" },
};

static struct policy_date
date_of(const char *text)
{
	int year, month, day;

	assert_int_equal(sscanf(text, "%d-%d-%d", &year, &month, &day), 3);
	return (struct policy_date){ year, (uint8_t)month, (uint8_t)day };
}

static void
check(const struct line *line, bool extended)
{
	const struct policy_asking asking = { date_of(line->received),
					      line->paused, extended };
	struct policy_date due, expected = date_of(line->due);

	policy_law_due(line->law, &asking, &due);
	if (policy_date_days(&expected, &due))
		fail_msg("%s received %s: due %d-%02d-%02d, not %s",
			 policy_law_name(line->law), line->received, due.year,
			 due.month, due.day, line->due);
}

static void
test_due(void **state)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		check(&lines[i], false);
	for (size_t i = 0; i < sizeof(longer) / sizeof(*longer); i++)
		check(&longer[i], true);
}

static void
tomorrow(struct policy_date *day)
{
	const struct policy_date next = { day->year + (day->month == 12),
					  (uint8_t)(day->month % 12 + 1), 1 };

	if (policy_date_days(day, &next) == 1)
		*day = next;
	else
		day->day++;
}

/* Every day of 150 years: no month is shorter than 28 days or longer than 31,
 * four weeks are 28 days, and a day later is never due a day earlier. */
static void
test_every_day(void **state)
{
	struct policy_date day = { 1970, 1, 1 }, due, before = { 0 };
	int32_t n;

	for (int i = 0; i < 150 * 366; i++) {
		const struct policy_asking asking = { day, 0, false };
		const struct policy_asking paused = { day, 337, false };

		policy_law_due(POLICY_LAW_UK, &asking, &due);
		n = policy_date_days(&day, &due);
		assert_in_range(n, 28, 31);
		if (i)
			assert_true(policy_date_days(&before, &due) >= 0);
		before = due;
		policy_law_due(POLICY_LAW_JERSEY, &asking, &due);
		assert_int_equal(policy_date_days(&day, &due), 28);
		policy_law_due(POLICY_LAW_JERSEY, &paused, &due);
		assert_int_equal(policy_date_days(&day, &due), 365);
		n = policy_date_days(&(struct policy_date){ 1970, 1, 1 }, &day);
		assert_int_equal(n, i);
		tomorrow(&day);
	}
}

static void
test_names(void **state)
{
	assert_int_equal(policy_law_find("uk"), POLICY_LAW_UK);
	assert_int_equal(policy_law_find("jersey"), POLICY_LAW_JERSEY);
	assert_int_equal(policy_law_find("mars"), -ENOENT);
	assert_string_equal(policy_law_name(POLICY_LAW_JERSEY), "jersey");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_due),
		cmocka_unit_test(test_every_day),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
