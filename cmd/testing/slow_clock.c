/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A second implementation of the clocks. */
#include "cmd/testing/slow_clock.h"

#include <stdlib.h>
#include <time.h>

#define SECOND    INT64_C(1000000000)
#define DAY_S     INT64_C(86400)
#define YEARS     160 /* from 1970 */
#define MONTHS    (YEARS * 12)
#define REACH_S   (2 * DAY_S) /* no offset is so large */
#define STEP_S    (INT64_C(6) * 3600)
#define SPANS_MAX 4096
#define FROM_S    (-2 * 366 * DAY_S)
#define UNTIL_S   (YEARS * 365 * DAY_S)

/* ---- the calendar, day by day ------------------------------------------ */

/* Day since 1970 on which a month begins; the last entry ends the table. */
static int64_t month_first[MONTHS + 1];

static void
count_days(void)
{
	static const int lengths[12] = { 31, 28, 31, 30, 31, 30,
					 31, 31, 30, 31, 30, 31 };
	int64_t day = 0;

	if (month_first[1])
		return;
	for (int m = 0; m < MONTHS; m++) {
		int year = 1970 + m / 12, days = lengths[m % 12];

		if (m % 12 == 1 && year % 4 == 0 &&
		    (year % 100 != 0 || year % 400 == 0))
			days++;
		month_first[m] = day;
		for (int d = 0; d < days; d++)
			day++;
	}
	month_first[MONTHS] = day;
}

/* The month that a day is in. */
static int
month_of(int64_t day)
{
	int m = (int)(day / 31);

	while (month_first[m + 1] <= day)
		m++;
	return m;
}

/* ---- zones ------------------------------------------------------------- */

static int32_t
offset_at(int64_t t_s)
{
	time_t t = t_s;
	struct tm tm;

	localtime_r(&t, &tm);
	return (int32_t)tm.tm_gmtoff;
}

static void
add_span(struct slow_zone *zone, int64_t from_s, int32_t offset_s)
{
	if (zone->count == SPANS_MAX)
		abort();
	zone->spans[zone->count++] = (struct slow_span){ from_s, offset_s };
}

void
slow_zone_init(struct slow_zone *zone, const char *name)
{
	int32_t offset_s;

	count_days();
	zone->count = 0;
	zone->spans = malloc(SPANS_MAX * sizeof(*zone->spans));
	if (!zone->spans)
		abort();
	setenv("TZ", name, 1);
	tzset();
	offset_s = offset_at(FROM_S);
	add_span(zone, FROM_S, offset_s);
	for (int64_t t_s = FROM_S; t_s < UNTIL_S; t_s += STEP_S) {
		int64_t low = t_s, high = t_s + STEP_S;

		if (offset_at(high) == offset_s)
			continue;
		while (high - low > 1) {
			int64_t middle = low + (high - low) / 2;

			if (offset_at(middle) == offset_s)
				low = middle;
			else
				high = middle;
		}
		offset_s = offset_at(high);
		add_span(zone, high, offset_s);
		t_s = high - STEP_S; /* there may be another one close by */
	}
}

void
slow_zone_fini(struct slow_zone *zone)
{
	free(zone->spans);
	zone->spans = NULL;
}

/* The span that holds at a time. */
static size_t
span_at(const struct slow_zone *zone, int64_t t_s)
{
	size_t i = 0, n = zone->count;

	while (n > 1) {
		size_t half = n / 2;

		if (zone->spans[i + half].from_s <= t_s) {
			i += half;
			n -= half;
		} else {
			n = half;
		}
	}
	return i;
}

int64_t
slow_local_ns(const struct slow_zone *zone, int64_t time_ns)
{
	int64_t t_s = (time_ns - (time_ns < 0 ? SECOND - 1 : 0)) / SECOND;

	return time_ns + zone->spans[span_at(zone, t_s)].offset_s * SECOND;
}

/* Of each span that may have to do with it: where in it the wall shows that
 * time, or has passed it already, or has not come to it. */
static void
moments(const struct slow_zone *zone, int64_t local_ns, int64_t *first_ns,
	int64_t *last_ns)
{
	size_t i = span_at(zone, local_ns / SECOND - REACH_S);

	*first_ns = INT64_MAX;
	*last_ns = INT64_MIN;
	for (; i < zone->count &&
	       zone->spans[i].from_s < local_ns / SECOND + REACH_S;
	     i++) {
		int64_t from_ns = zone->spans[i].from_s * SECOND;
		int64_t until_ns = i + 1 < zone->count
				       ? zone->spans[i + 1].from_s * SECOND
				       : INT64_MAX;
		int64_t t_ns = local_ns - zone->spans[i].offset_s * SECOND;
		int64_t behind_ns = t_ns > from_ns ? t_ns : from_ns;
		int64_t before_ns = t_ns < until_ns ? t_ns : until_ns;

		if (behind_ns < until_ns && behind_ns < *first_ns)
			*first_ns = behind_ns;
		if (before_ns >= from_ns && before_ns > *last_ns)
			*last_ns = before_ns;
	}
}

int64_t
slow_first_ns(const struct slow_zone *zone, int64_t local_ns)
{
	int64_t first_ns, last_ns;

	moments(zone, local_ns, &first_ns, &last_ns);
	return first_ns;
}

void
slow_months(const struct slow_zone *zone, int64_t start_ns, unsigned months,
	    int64_t *first_ns, int64_t *last_ns)
{
	int64_t local_ns = slow_local_ns(zone, start_ns);
	int64_t day = local_ns / (DAY_S * SECOND);
	int64_t of_day_ns = local_ns - day * DAY_S * SECOND;
	int month = month_of(day);
	int64_t day_of_month = day - month_first[month];
	int64_t first = month_first[month + (int)months];
	int64_t length = month_first[month + (int)months + 1] - first;

	if (day_of_month >= length)
		day_of_month = length - 1;
	moments(zone, (first + day_of_month) * DAY_S * SECOND + of_day_ns,
		first_ns, last_ns);
}

int64_t
slow_months_before(int64_t local_ns, unsigned months)
{
	int64_t day = local_ns / (DAY_S * SECOND);
	int month = month_of(day), then = month - (int)months;
	int64_t day_of_month = day - month_first[month];

	if (then < 0 ||
	    day_of_month >= month_first[then + 1] - month_first[then])
		return -1;
	return local_ns -
	       (day - month_first[then] - day_of_month) * DAY_S * SECOND;
}
