/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long things live. Days are 24 h each, wherever the clocks go; months
 * are what the calendar says in the site's zone: 31 August and six months is
 * the last of February. load.c lets only classes through whose floor ends
 * before their ceiling from any moment on, see policy__duration_below.
 */
#include "policy/policy_priv.h"

#include <errno.h>
#include <string.h>

/** The purge runs each minute; it begins early enough to be done in time. */
#define MARGIN_NS (INT64_C(600) * POLICY__SECOND_NS)
#define DAY_NS    (POLICY__DAY_S * POLICY__SECOND_NS)

/** By how much what counts months may end in another order than it began: a
 * day by the clamp, a day each where a zone moves over the date line at its
 * begin or end; and no two stretches of so many months differ by more. */
#define ORDER_SLACK_NS (4 * DAY_NS)

/** The longest: nobody keeps calls for longer, and no time overflows. */
#define MONTHS_MAX 1200U
#define DAYS_MAX   36525U

bool
policy__duration_parse(const char *text, struct policy__duration *d)
{
	static const struct {
		const char *name;
		struct policy__duration unit;
	} units[] = {
		{ "d", { .days = 1 } },        { "day", { .days = 1 } },
		{ "days", { .days = 1 } },     { "w", { .days = 7 } },
		{ "week", { .days = 7 } },     { "weeks", { .days = 7 } },
		{ "mo", { .months = 1 } },     { "month", { .months = 1 } },
		{ "months", { .months = 1 } }, { "y", { .months = 12 } },
		{ "year", { .months = 12 } },  { "years", { .months = 12 } },
	};
	size_t digits = strspn(text, "0123456789");
	const char *name = text + digits + strspn(text + digits, " ");
	uint32_t n = 0;

	if (digits == 0 || digits > 5)
		return false;
	for (size_t i = 0; i < digits; i++)
		n = n * 10 + (uint32_t)(text[i] - '0');
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(name, units[i].name) != 0)
			continue;
		d->days = n * units[i].unit.days;
		d->months = n * units[i].unit.months;
		return d->days <= DAYS_MAX && d->months <= MONTHS_MAX;
	}
	return false;
}

/** First and last day that so many months may take, over all starts. */
static void
months_in_days(uint32_t months, int64_t *shortest, int64_t *longest)
{
	*shortest = INT64_MAX;
	*longest = 0;
	/* The calendar repeats after 400 years; a month begins a stretch that
	 * is as long as any day of it, or longer by what the clamp takes. */
	for (int64_t m = 0; m < INT64_C(400) * 12; m++) {
		int64_t end = m + months;
		int64_t from = policy__days_from_civil(
		    2000 + m / 12, (unsigned)(m % 12 + 1), 1);
		int64_t until = policy__days_from_civil(
		    2000 + end / 12, (unsigned)(end % 12 + 1), 1);
		int64_t here = policy__days_in_month(2000 + m / 12,
						     (unsigned)(m % 12 + 1));
		int64_t there = policy__days_in_month(2000 + end / 12,
						      (unsigned)(end % 12 + 1));
		int64_t clamped = here > there ? here - there : 0;

		if (until - from > *longest)
			*longest = until - from;
		if (until - from - clamped < *shortest)
			*shortest = until - from - clamped;
	}
}

bool
policy__duration_below(const struct policy__duration *a,
		       const struct policy__duration *b)
{
	int64_t shortest, longest;

	if (a->months && b->months)
		return a->months < b->months;
	if (!a->months && !b->months)
		return a->days < b->days;
	/* Months in days, and two days for what zones may do to midnight. */
	if (a->months) {
		months_in_days(a->months, &shortest, &longest);
		return longest + 2 < b->days;
	}
	months_in_days(b->months, &shortest, &longest);
	return (int64_t)a->days + 2 < shortest;
}

static int64_t
add_saturated(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

/** @param later which of two instants, where the clocks go back */
static int64_t
duration_end_ns(const struct policy *policy, int64_t start_ns,
		const struct policy__duration *d, bool later)
{
	struct policy_civil civil;
	int64_t month;
	unsigned days;

	if (!d->months)
		return add_saturated(start_ns, d->days * DAY_NS);
	policy_zone_civil(policy->zone, start_ns, &civil);
	month = (int64_t)civil.year * 12 + civil.month - 1 + d->months;
	civil.year = (int32_t)(month / 12);
	civil.month = (uint8_t)(month % 12 + 1);
	days = policy__days_in_month(civil.year, civil.month);
	if (civil.day > days)
		civil.day = (uint8_t)days;
	return policy_zone_instant(policy->zone, &civil, later);
}

/** Highest floor of all classes, lowest ceiling that is not below it. */
static void
clock_of_unknown(const struct policy *policy, int64_t start_ns,
		 struct policy_clock *clock)
{
	clock->floor_ns = start_ns;
	for (size_t i = 0; i < policy->classes_count; i++) {
		const struct policy__class *class = &policy->classes[i];
		int64_t end_ns;

		if (!class->has_min)
			continue;
		end_ns = duration_end_ns(policy, start_ns, &class->min, true);
		if (end_ns > clock->floor_ns)
			clock->floor_ns = end_ns;
	}
	clock->ceiling_ns = INT64_MAX;
	for (size_t i = 0; i < policy->classes_count; i++) {
		int64_t end_ns = duration_end_ns(
		    policy, start_ns, &policy->classes[i].max, false);

		if (end_ns >= clock->floor_ns && end_ns < clock->ceiling_ns)
			clock->ceiling_ns = end_ns;
	}
}

static const struct policy__class *
class_find(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->classes_count; i++) {
		if (!strcmp(policy->classes[i].name, name))
			return &policy->classes[i];
	}
	return NULL;
}

/** Is there nothing that it could be kept for after its floor? */
static bool
goes_at_floor(const struct policy__class *class)
{
	return class && class->has_min && !class->gives_way;
}

bool
policy_gives_way(const struct policy *policy, const char *retention)
{
	for (size_t i = 0; i < policy->classes_count; i++) {
		const struct policy__class *class = &policy->classes[i];

		if (class->gives_way &&
		    (!retention || !strcmp(class->name, retention)))
			return true;
	}
	return false;
}

int
policy_clock(const struct policy *policy, const char *retention,
	     int64_t start_ns, struct policy_clock *clock)
{
	const struct policy__class *class = class_find(policy, retention);

	if (class) {
		clock->ceiling_ns =
		    duration_end_ns(policy, start_ns, &class->max, false);
		clock->floor_ns =
		    class->has_min
			? duration_end_ns(policy, start_ns, &class->min, true)
			: start_ns;
	} else {
		clock_of_unknown(policy, start_ns, clock);
	}
	clock->gives_way = class && class->gives_way;
	clock->due_ns = clock->floor_ns;
	if (!goes_at_floor(class))
		clock->due_ns = add_saturated(clock->ceiling_ns, -MARGIN_NS);
	if (clock->due_ns < clock->floor_ns)
		clock->due_ns = clock->floor_ns;
	clock->metadata_ns = policy_metadata_ns(policy, start_ns);
	if (clock->metadata_ns < clock->ceiling_ns)
		clock->metadata_ns = clock->ceiling_ns;
	return class || *retention == '\0' ? 0 : -ENOENT;
}

int64_t
policy_metadata_ns(const struct policy *policy, int64_t end_ns)
{
	return duration_end_ns(policy, end_ns, &policy->metadata, false);
}

/* ---- order ------------------------------------------------------------- */

/** Nothing that begins at start_ns or later ends before. */
static int64_t
earliest_end_ns(const struct policy *policy, int64_t start_ns,
		const struct policy__duration *d, bool later)
{
	int64_t end_ns = duration_end_ns(policy, start_ns, d, later);

	return d->months ? add_saturated(end_ns, -ORDER_SLACK_NS) : end_ns;
}

/** Due times of one class. */
static int64_t
earliest_of_class(const struct policy *policy, int64_t start_ns,
		  const struct policy__class *class)
{
	int64_t due_ns;

	if (goes_at_floor(class))
		return earliest_end_ns(policy, start_ns, &class->min, true);
	due_ns = add_saturated(
	    earliest_end_ns(policy, start_ns, &class->max, false), -MARGIN_NS);
	return due_ns > start_ns ? due_ns : start_ns;
}

/**
 * Which ceiling is the lowest that is not below any floor may change from call
 * to call: a month is longer than 30 days, or is not. So each counts that may
 * be it for one of them.
 */
static int64_t
earliest_of_unknown(const struct policy *policy, int64_t start_ns)
{
	int64_t earliest_ns = INT64_MAX;
	struct policy_clock clock;

	clock_of_unknown(policy, start_ns, &clock);
	for (size_t i = 0; i < policy->classes_count; i++) {
		const struct policy__duration *max = &policy->classes[i].max;
		int64_t end_ns = duration_end_ns(policy, start_ns, max, false);

		if (add_saturated(end_ns, 2 * ORDER_SLACK_NS) < clock.floor_ns)
			continue;
		end_ns = earliest_end_ns(policy, start_ns, max, false);
		if (end_ns < earliest_ns)
			earliest_ns = end_ns;
	}
	earliest_ns = add_saturated(earliest_ns, -MARGIN_NS);
	return earliest_ns > start_ns ? earliest_ns : start_ns;
}

void
policy_clock_earliest(const struct policy *policy, const char *retention,
		      int64_t start_ns, int64_t *due_ns, int64_t *metadata_ns)
{
	const struct policy__class *class = class_find(policy, retention);

	*due_ns = class ? earliest_of_class(policy, start_ns, class)
			: earliest_of_unknown(policy, start_ns);
	*metadata_ns =
	    earliest_end_ns(policy, start_ns, &policy->metadata, false);
}

/** When nothing is left of what began at start_ns, whatever its class. */
static int64_t
all_over_ns(const struct policy *policy, int64_t start_ns)
{
	int64_t over_ns = start_ns;
	struct policy_clock clock;

	for (size_t i = 0; i < policy->classes_count; i++) {
		(void)policy_clock(policy, policy->classes[i].name, start_ns,
				   &clock);
		if (clock.metadata_ns > over_ns)
			over_ns = clock.metadata_ns;
	}
	return over_ns;
}

int64_t
policy_metadata_over(const struct policy *policy, int64_t now_ns)
{
	/* Nothing is kept for so long. */
	int64_t over_ns =
	    add_saturated(now_ns, -((int64_t)DAYS_MAX + 400) * DAY_NS);
	int64_t lives_ns = now_ns;

	while (lives_ns - over_ns > POLICY__SECOND_NS) {
		int64_t middle_ns = over_ns + (lives_ns - over_ns) / 2;

		if (all_over_ns(policy, middle_ns) <= now_ns)
			over_ns = middle_ns;
		else
			lives_ns = middle_ns;
	}
	return over_ns;
}

bool
policy_clock_synchronised(const struct policy *policy)
{
	return policy->clock_synchronised;
}
