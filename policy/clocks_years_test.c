/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Retention clocks of every day from 1970 to 2100 in every zone that this
 * machine knows and whose offset changes in that time, against a second
 * implementation: nothing is late, nothing goes below its floor. Each change of
 * the clocks is met on purpose, by calls that began so many months before the
 * hour that comes twice, or never.
 *
 * A sample of it, unless CLOCKS=all.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "cmd/testing/slow_clock.h"
#include "policy/policy_priv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NS           POLICY__SECOND_NS
#define DAY_NS       (POLICY__DAY_S * NS)
#define MARGIN_NS    (600 * NS)
#define FOLDER       "/usr/share/zoneinfo"
#define DAYS         47847 /* 1970 to 2100 */

static const char text_before[] =
    "version: 1\norganisation: {name: town hall, time_zone: ";
static const char text_after[] = "}\n"
				 "access: {owner: alice}\n"
				 "purposes: [quality]\n"
				 "numbering: {country: 44}\n"
				 "retention:\n"
				 "  fortnight: {max: 14 days}\n"
				 "  quarter: {max: 90 days}\n"
				 "  month: {max: 1 month}\n"
				 "  half: {max: 6 months}\n"
				 "  year: {max: 12 months}\n"
				 "  corporate: {min: 12 months, "
				 "max: 24 months}\n"
				 "  room: {min: 12 months, max: 24 months, "
				 "gives_way: yes}\n"
				 "metadata: {max: 10 years}\n"
				 "rules: [{name: all, decision: record, "
				 "retention: half}]\n";

static const struct class
{
	const char *name;
	unsigned days, months, floor_months;
	bool gives_way;
} classes[] = {
	{ "fortnight", 14, 0, 0, false }, { "quarter", 90, 0, 0, false },
	{ "month", 0, 1, 0, false },      { "half", 0, 6, 0, false },
	{ "year", 0, 12, 0, false },      { "corporate", 0, 24, 12, false },
	{ "room", 0, 24, 12, true },
};

struct years {
	bool all;
	const char *zone_name;
	struct policy *policy;
	struct slow_zone zone;
	uint64_t zones, calls, changes;
};

static void
wrong(const struct years *years, const struct class *class, int64_t start_ns,
      const char *what, int64_t got_ns)
{
	fail_msg("%s, %s, a call of %lld.%09lld: %s %lld", years->zone_name,
		 class->name, (long long)(start_ns / NS),
		 (long long)(start_ns % NS), what, (long long)got_ns);
}

/* ---- one call ---------------------------------------------------------- */

static void
check_class(struct years *years, const struct class *class, int64_t start_ns)
{
	int64_t first_ns, last_ns, floor_ns = start_ns, due_ns;
	struct policy_clock clock;

	assert_int_equal(
	    policy_clock(years->policy, class->name, start_ns, &clock), 0);
	first_ns = start_ns + class->days * DAY_NS;
	if (class->months)
		slow_months(&years->zone, start_ns, class->months, &first_ns,
			    &last_ns);
	if (clock.ceiling_ns != first_ns)
		wrong(years, class, start_ns, "ceiling", clock.ceiling_ns);
	due_ns = first_ns - MARGIN_NS;
	if (class->floor_months) {
		slow_months(&years->zone, start_ns, class->floor_months,
			    &last_ns, &floor_ns);
		if (!class->gives_way)
			due_ns = floor_ns;
	}
	if (clock.gives_way != class->gives_way)
		wrong(years, class, start_ns, "gives way", clock.gives_way);
	if (clock.floor_ns != floor_ns)
		wrong(years, class, start_ns, "floor", clock.floor_ns);
	if (clock.due_ns != due_ns || clock.due_ns < clock.floor_ns ||
	    clock.due_ns >= clock.ceiling_ns)
		wrong(years, class, start_ns, "due", clock.due_ns);
	slow_months(&years->zone, start_ns, 120, &first_ns, &last_ns);
	if (clock.metadata_ns != first_ns)
		wrong(years, class, start_ns, "metadata", clock.metadata_ns);
}

static void
check_call(struct years *years, int64_t start_ns)
{
	if (start_ns < 0 || start_ns >= DAYS * DAY_NS)
		return;
	years->calls++;
	for (size_t i = 0; i < COUNT(classes); i++)
		check_class(years, &classes[i], start_ns);
}

/* ---- one zone ---------------------------------------------------------- */

/* Calls that end, by one of the clocks, just where the offset changes: within
 * what comes twice or never, at its edges, and a second before and behind. */
static void
check_change(struct years *years, size_t i)
{
	static const unsigned months[] = { 1, 6, 12, 24 };
	const struct slow_span *before = &years->zone.spans[i - 1];
	const struct slow_span *after = &years->zone.spans[i];
	int64_t a_s = after->from_s + before->offset_s;
	int64_t b_s = after->from_s + after->offset_s;
	int64_t low_s = a_s < b_s ? a_s : b_s, high_s = a_s < b_s ? b_s : a_s;
	const int64_t walls_s[] = { low_s - 1, low_s, (low_s + high_s) / 2,
				    high_s - 1, high_s };

	years->changes++;
	for (size_t m = 0; m < COUNT(months); m++) {
		for (size_t w = 0; w < COUNT(walls_s); w++) {
			int64_t wall_ns =
			    walls_s[w] < 0
				? -1
				: slow_months_before(walls_s[w] * NS + 77,
						     months[m]);

			if (wall_ns > DAY_NS)
				check_call(years, slow_first_ns(&years->zone,
								wall_ns));
		}
	}
}

static void
check_zone(struct years *years, size_t number)
{
	/* Each day at another time of day; the sample takes other days in each
	 * zone, and the 31sts and leap days of some year. */
	size_t step = years->all ? 1 : 997;
	size_t changes_step = years->all ? 1 : 41;

	for (size_t i = 1 + number % changes_step; i < years->zone.count;
	     i += changes_step)
		check_change(years, i);
	for (size_t day = number * 31 % step; day < DAYS; day += step) {
		int64_t midnight_ns = (int64_t)day * DAY_NS;

		check_call(years, midnight_ns +
				      (int64_t)(day * 7919 % 86400) * NS +
				      (int64_t)day);
		if (years->all)
			check_call(years, slow_first_ns(&years->zone,
							midnight_ns + DAY_NS));
	}
}

static void
load_zone(struct years *years, const char *name, size_t number)
{
	struct policy_errors errors;
	char text[1024];
	int n = snprintf(text, sizeof(text), "%s%s%s", text_before, name,
			 text_after);

	years->zone_name = name;
	slow_zone_init(&years->zone, name);
	if (years->zone.count > 1) {
		assert_int_equal(
		    policy_load(&years->policy, text, (size_t)n, &errors), 0);
		years->zones++;
		check_zone(years, number);
		policy_free(&years->policy);
	}
	slow_zone_fini(&years->zone);
}

/* ---- all of them ------------------------------------------------------- */

struct names {
	char (*names)[64];
	size_t count;
};

static void
find_zones(struct names *names, const char *under)
{
	char path[512], name[256];
	DIR *folder;
	struct dirent *entry;
	struct stat st;

	snprintf(path, sizeof(path), FOLDER "/%s", under);
	folder = opendir(path);
	if (!folder)
		return;
	while ((entry = readdir(folder))) {
		/* "right/" has leap seconds, "posix/" is all of it again */
		if (entry->d_name[0] == '.' ||
		    !strcmp(entry->d_name, "right") ||
		    !strcmp(entry->d_name, "posix"))
			continue;
		snprintf(name, sizeof(name), "%s%s%.80s", under,
			 *under ? "/" : "", entry->d_name);
		snprintf(path, sizeof(path), FOLDER "/%s", name);
		if (lstat(path, &st) || strlen(name) >= 64)
			continue;
		if (S_ISDIR(st.st_mode))
			find_zones(names, name);
		if (!S_ISREG(st.st_mode))
			continue; /* a link is a zone under another name */
		names->names = realloc(names->names, (names->count + 1) * 64);
		assert_non_null(names->names);
		memcpy(names->names[names->count++], name, strlen(name) + 1);
	}
	closedir(folder);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
every_day_in_every_zone(void **state)
{
	const char *how = getenv("CLOCKS");
	struct years years = { .all = how && !strcmp(how, "all") };
	struct names names = { 0 };
	struct policy_zone *zone;

	(void)state;
	find_zones(&names, "");
	qsort(names.names, names.count, sizeof(*names.names), compare_names);
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.names[i];

		/* tables in the same folder, and "Factory" */
		if (policy_zone_load(&zone, name) != 0)
			continue;
		policy_zone_free(&zone);
		/* In the sample every 24th, and those of our users. */
		if (years.all || i % 24 == 0 || !strncmp(name, "Europe/L", 8) ||
		    !strcmp(name, "Europe/Jersey"))
			load_zone(&years, name, i);
	}
	free(names.names);
	print_message("# %llu zones, %llu changes of their clocks, %llu calls "
		      "by %zu retention classes\n",
		      (unsigned long long)years.zones,
		      (unsigned long long)years.changes,
		      (unsigned long long)years.calls, COUNT(classes));
	assert_true(years.zones > 10);
	assert_true(years.changes > 30);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_day_in_every_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
