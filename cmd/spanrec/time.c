/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Times as people type them and as they read them. What a text names is a
 * period, so that "--to 2019-03-28" includes that day. Civil times are of the
 * site's zone. Where a clock change makes a time ambiguous, a period takes in
 * both instants.
 */
#include "cmd/spanrec/spanrec.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#define SECOND_NS INT64_C(1000000000)
#define MINUTE_NS (60 * SECOND_NS)
#define HOUR_NS   (60 * MINUTE_NS)
#define DAY_NS    (24 * HOUR_NS)

/** "--around T" without "±": so much on both sides. */
#define AROUND_NS (15 * MINUTE_NS)

/* ---- a cursor over the text -------------------------------------------- */

static bool
take_char(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

static bool
take_word(const char **p, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*p, word, n) != 0)
		return false;
	*p += n;
	return true;
}

static void
skip_spaces(const char **p)
{
	while (**p == ' ')
		(*p)++;
}

/* Digits, at least `least` and at most `most` of them. */
static bool
take_number(const char **p, int least, int most, uint32_t *number)
{
	const char *q = *p;
	int digits = 0;

	*number = 0;
	while (digits < most && isdigit((unsigned char)*q)) {
		*number = *number * 10 + (uint32_t)(*q++ - '0');
		digits++;
	}
	if (digits < least)
		return false;
	*p = q;
	return true;
}

/* ".25" -> 250,000,000. Nothing there is a fraction of zero. */
static bool
take_fraction(const char **p, uint32_t *nanosecond)
{
	uint32_t unit = 100000000;

	*nanosecond = 0;
	if (!take_char(p, '.'))
		return true;
	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); (*p)++, unit /= 10)
		*nanosecond += (uint32_t)(**p - '0') * unit;
	return true;
}

/* "90m", "7d": at most 6 digits, so that nothing overflows. */
static bool
take_duration(const char **p, int64_t *duration_ns)
{
	uint32_t number;
	int64_t unit;

	if (!take_number(p, 1, 6, &number))
		return false;
	switch (**p) {
	case 's':
		unit = SECOND_NS;
		break;
	case 'm':
		unit = MINUTE_NS;
		break;
	case 'h':
		unit = HOUR_NS;
		break;
	case 'd':
		unit = DAY_NS;
		break;
	case 'w':
		/* 4 digits of weeks are 191 years: more would overflow */
		if (number > 9999)
			return false;
		unit = 7 * DAY_NS;
		break;
	default:
		return false;
	}
	(*p)++;
	if (number > INT64_MAX / 4 / unit)
		return false;
	*duration_ns = number * unit;
	return true;
}

/* ---- civil times ------------------------------------------------------- */

static uint32_t
days_in_month(int32_t year, uint32_t month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30,
					31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

/* "2019-03-28" */
static bool
take_date(const char **p, struct policy_civil *civil)
{
	uint32_t year, month, day;

	if (!take_number(p, 4, 4, &year) || !take_char(p, '-') ||
	    !take_number(p, 1, 2, &month) || !take_char(p, '-') ||
	    !take_number(p, 1, 2, &day))
		return false;
	/* what 64 bits of nanoseconds can hold ends in 2262 */
	if (year < 1970 || year > 2200 || month < 1 || month > 12 || day < 1 ||
	    day > days_in_month((int32_t)year, month))
		return false;
	civil->year = (int32_t)year;
	civil->month = (uint8_t)month;
	civil->day = (uint8_t)day;
	return true;
}

/* "14:15", "14:15:03", "14:15:03.250" */
static bool
take_clock(const char **p, struct policy_civil *civil)
{
	uint32_t hour, minute, second = 0;

	if (!take_number(p, 1, 2, &hour) || !take_char(p, ':') ||
	    !take_number(p, 2, 2, &minute))
		return false;
	civil->nanosecond = 0;
	if (take_char(p, ':') && (!take_number(p, 2, 2, &second) ||
				  !take_fraction(p, &civil->nanosecond)))
		return false;
	if (hour > 23 || minute > 59 || second > 59)
		return false;
	civil->hour = (uint8_t)hour;
	civil->minute = (uint8_t)minute;
	civil->second = (uint8_t)second;
	return true;
}

static int64_t
instant_utc(const struct policy_civil *civil)
{
	struct tm tm = { .tm_year = civil->year - 1900,
			 .tm_mon = civil->month - 1,
			 .tm_mday = civil->day,
			 .tm_hour = civil->hour,
			 .tm_min = civil->minute,
			 .tm_sec = civil->second };

	return timegm(&tm) * SECOND_NS + civil->nanosecond;
}

/* The day that holds a time, moved by so many days. */
static void
civil_day(const struct policy_zone *zone, int64_t time_ns, int days,
	  struct policy_civil *civil)
{
	struct tm tm = { 0 };
	time_t noon;

	policy_zone_civil(zone, time_ns, civil);
	/* Calendar days by way of UTC, where all have 24 hours. */
	tm.tm_year = civil->year - 1900;
	tm.tm_mon = civil->month - 1;
	tm.tm_mday = civil->day + days;
	tm.tm_hour = 12;
	noon = timegm(&tm);
	gmtime_r(&noon, &tm);
	*civil = (struct policy_civil){ .year = tm.tm_year + 1900,
					.month = (uint8_t)(tm.tm_mon + 1),
					.day = (uint8_t)tm.tm_mday };
}

static void
period_day(const struct policy_zone *zone, const struct policy_civil *civil,
	   struct spanrec_period *period)
{
	struct policy_civil next = *civil;
	struct tm tm = { .tm_year = civil->year - 1900,
			 .tm_mon = civil->month - 1,
			 .tm_mday = civil->day + 1 };
	time_t midnight = timegm(&tm);

	gmtime_r(&midnight, &tm);
	next.year = tm.tm_year + 1900;
	next.month = (uint8_t)(tm.tm_mon + 1);
	next.day = (uint8_t)tm.tm_mday;
	period->from_ns = policy_zone_instant(zone, civil, false);
	period->to_ns = policy_zone_instant(zone, &next, true);
}

static void
period_instant(const struct policy_zone *zone, const struct policy_civil *civil,
	       struct spanrec_period *period)
{
	period->from_ns = policy_zone_instant(zone, civil, false);
	period->to_ns = policy_zone_instant(zone, civil, true);
}

/* ---- what people type -------------------------------------------------- */

/* The rest of a day: the whole of it, or a time of day. */
static bool
take_of_day(const char **p, const struct policy_zone *zone,
	    struct policy_civil *civil, struct spanrec_period *period)
{
	if ((**p != ' ' && **p != 'T') || !isdigit((unsigned char)(*p)[1])) {
		period_day(zone, civil, period);
		return true;
	}
	(*p)++;
	if (!take_clock(p, civil))
		return false;
	if (take_char(p, 'Z')) {
		period->from_ns = period->to_ns = instant_utc(civil);
		return true;
	}
	period_instant(zone, civil, period);
	return true;
}

static bool
take_period(const char **p, const struct policy_zone *zone, int64_t now_ns,
	    struct spanrec_period *period)
{
	struct policy_civil civil;
	int64_t duration_ns;
	const char *start = *p;

	if (take_word(p, "now")) {
		period->from_ns = period->to_ns = now_ns;
		return true;
	}
	if (take_word(p, "today") || take_word(p, "yesterday")) {
		civil_day(zone, now_ns, *start == 'y' ? -1 : 0, &civil);
		return take_of_day(p, zone, &civil, period);
	}
	if (take_char(p, '-')) {
		if (!take_duration(p, &duration_ns))
			return false;
		period->from_ns = period->to_ns = now_ns - duration_ns;
		return true;
	}
	civil_day(zone, now_ns, 0, &civil);
	if (take_clock(p, &civil)) {
		period_instant(zone, &civil, period);
		return true;
	}
	*p = start;
	civil = (struct policy_civil){ 0 };
	return take_date(p, &civil) && take_of_day(p, zone, &civil, period);
}

int
spanrec_period_parse(const char *text, const struct policy_zone *zone,
		     int64_t now_ns, struct spanrec_period *period)
{
	skip_spaces(&text);
	if (!take_period(&text, zone, now_ns, period))
		return -EINVAL;
	skip_spaces(&text);
	return *text ? -EINVAL : 0;
}

int
spanrec_around_parse(const char *text, const struct policy_zone *zone,
		     int64_t now_ns, struct spanrec_period *period)
{
	int64_t margin_ns = AROUND_NS;

	skip_spaces(&text);
	if (!take_period(&text, zone, now_ns, period))
		return -EINVAL;
	skip_spaces(&text);
	if (take_word(&text, "±") || take_word(&text, "+-") ||
	    take_word(&text, "+/-")) {
		skip_spaces(&text);
		if (!take_duration(&text, &margin_ns))
			return -EINVAL;
		skip_spaces(&text);
	}
	if (*text)
		return -EINVAL;
	period->from_ns -= margin_ns;
	period->to_ns += margin_ns;
	return 0;
}

int
spanrec_time_utc_parse(const char *text, int64_t *time_ns)
{
	struct policy_civil civil = { 0 };

	if (!take_date(&text, &civil) || !take_char(&text, 'T') ||
	    !take_clock(&text, &civil) || !take_char(&text, 'Z') || *text)
		return -EINVAL;
	*time_ns = instant_utc(&civil);
	return 0;
}

int
spanrec_offset_parse(const char *text, int64_t *offset_ns)
{
	uint32_t number, fraction;
	int64_t seconds = 0;
	int parts = 0;

	do {
		if (!take_number(&text, 1, 6, &number) ||
		    (parts && number > 59))
			return -EINVAL;
		seconds = seconds * 60 + number;
	} while (++parts < 3 && take_char(&text, ':'));
	if (!take_fraction(&text, &fraction) || *text)
		return -EINVAL;
	*offset_ns = seconds * SECOND_NS + fraction;
	return 0;
}

/* ---- what people read -------------------------------------------------- */

void
spanrec_time_utc(int64_t time_ns, char text[SPANREC_TIME_BYTES])
{
	int64_t ms = time_ns / 1000000 - (time_ns % 1000000 < 0);
	time_t seconds = (time_t)(ms / 1000 - (ms % 1000 < 0));
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(text, SPANREC_TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, SPANREC_TIME_BYTES - n, ".%03dZ",
		 (int)(ms - (int64_t)seconds * 1000));
}

void
spanrec_time_local(const struct policy_zone *zone, int64_t time_ns,
		   char text[SPANREC_TIME_BYTES])
{
	struct policy_civil civil;

	policy_zone_civil(zone, time_ns, &civil);
	snprintf(text, SPANREC_TIME_BYTES, "%04d-%02u-%02u %02u:%02u:%02u",
		 civil.year, civil.month, civil.day, civil.hour, civil.minute,
		 civil.second);
}

void
spanrec_time_zoned(const struct policy_zone *zone, int64_t time_ns,
		   char text[SPANREC_TIME_BYTES])
{
	struct policy_civil civil;
	size_t n;

	policy_zone_civil(zone, time_ns, &civil);
	spanrec_time_local(zone, time_ns, text);
	n = strlen(text);
	snprintf(text + n, SPANREC_TIME_BYTES - n, " %s", civil.abbreviation);
}

void
spanrec_duration(int64_t duration_ns, char text[SPANREC_TIME_BYTES])
{
	int64_t s = duration_ns < 0 ? 0 : duration_ns / SECOND_NS;

	if (s >= 3600)
		snprintf(text, SPANREC_TIME_BYTES, "%d:%02d:%02d",
			 (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
	else
		snprintf(text, SPANREC_TIME_BYTES, "%d:%02d", (int)(s / 60),
			 (int)(s % 60));
}
