/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Time zones without setenv(TZ), which is one for the whole process and not
 * safe beside threads. Reads TZif files, RFC 8536, version 2 and later:
 *
 *   header, data with 32-bit times      skipped
 *   header, data with 64-bit times      transitions: from when which type
 *   "\n" TZ string "\n"                 what holds after the last transition
 *
 * Everything is built on one question: which offset holds at an instant, from
 * when and until when (struct span).
 */
#include "policy/policy_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ZONE_FOLDER     "/usr/share/zoneinfo/"
#define ZONE_NAME_BYTES 64
#define FILE_BYTES_MAX  (256 * (size_t)1024)
#define HEADER_BYTES    44
#define TRANSITIONS_MAX 4096
#define TYPES_MAX       256
#define FOOTER_BYTES    128
#define HOUR_S          3600
/* RFC 8536 section 3.2: offsets lie between -25:59:59 and +26:59:59 */
#define OFFSET_MIN_S (-26 * HOUR_S + 1)
#define OFFSET_MAX_S (27 * HOUR_S - 1)

struct zone_type {
	int32_t offset_s; /* east of UTC */
	char abbreviation[8];
};

/** A day of each year and the time on it; section 3.3 and POSIX TZ. */
struct rule_day {
	enum { DAY_JULIAN, DAY_OF_YEAR, DAY_MONTH_WEEK } kind;
	unsigned month, week, day;
	int32_t time_s; /* local, of the offset before it */
};

struct zone_rule {
	bool has_daylight;
	struct zone_type standard, daylight;
	struct rule_day begin, end; /* of daylight */
};

struct transition {
	int64_t at_s;
	uint32_t type;
};

struct policy_zone {
	struct zone_type types[TYPES_MAX];
	bool has_rule;
	struct zone_rule rule;
	size_t count;
	struct transition transitions[];
};

/** The offset of [from_s, until_s). */
struct span {
	int64_t from_s, until_s;
	const struct zone_type *type;
};

/* ---- calendar ---------------------------------------------------------- */

static bool
year_is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

unsigned
policy__days_in_month(int64_t year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30,
					31, 31, 30, 31, 30, 31 };

	return month == 2 && year_is_leap(year) ? 29 : days[(month - 1) % 12];
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Years are counted from March, so that the leap day is the last of a year
 * and the months before it have the lengths 31 30 31 30 31 31 30 31 30 31 31:
 * 153 days in each five. 719468 days lie between 1 March 0 and 1970. */
int64_t
policy__days_from_civil(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t m = month <= 2 ? month + 9 : month - 3;

	return 365 * y + floor_div(y, 4) - floor_div(y, 100) +
	       floor_div(y, 400) + (153 * m + 2) / 5 + day - 1 - 719468;
}

void
policy__civil_from_days(int64_t days, struct policy_civil *civil)
{
	int64_t from_march_0 = days + 719468;
	int64_t era = floor_div(from_march_0, 146097); /* 400 years */
	int64_t d = from_march_0 - era * 146097;
	int64_t y = (d - d / 1460 + d / 36524 - d / 146096) / 365;
	int64_t day_of_year = d - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * day_of_year + 2) / 153;

	civil->day = (uint8_t)(day_of_year - (153 * m + 2) / 5 + 1);
	civil->month = (uint8_t)(m < 10 ? m + 3 : m - 9);
	civil->year = (int32_t)(y + era * 400 + (civil->month <= 2));
}

/* ---- the TZ string ----------------------------------------------------- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
parse_number(const char **p, unsigned max, unsigned *number)
{
	unsigned n = 0;

	if (!is_digit(**p))
		return false;
	for (; is_digit(**p); (*p)++) {
		n = n * 10 + (unsigned)(**p - '0');
		if (n > max)
			return false;
	}
	*number = n;
	return true;
}

/** [+-]hh[:mm[:ss]] */
static bool
parse_time(const char **p, unsigned hours_max, int32_t *seconds)
{
	unsigned h, m = 0, s = 0;
	bool minus = **p == '-';

	if (**p == '-' || **p == '+')
		(*p)++;
	if (!parse_number(p, hours_max, &h))
		return false;
	if (**p == ':') {
		(*p)++;
		if (!parse_number(p, 59, &m))
			return false;
		if (**p == ':') {
			(*p)++;
			if (!parse_number(p, 59, &s))
				return false;
		}
	}
	*seconds = (int32_t)(h * HOUR_S + m * 60 + s);
	if (minus)
		*seconds = -*seconds;
	return true;
}

/** Letters, or anything between < and >. */
static bool
parse_abbreviation(const char **p, char abbreviation[8])
{
	bool quoted = **p == '<';
	size_t n = 0;

	if (quoted)
		(*p)++;
	for (;; (*p)++) {
		char c = **p;
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

		if (!letter &&
		    !(quoted && (is_digit(c) || c == '+' || c == '-')))
			break;
		if (n == 7)
			return false;
		abbreviation[n++] = c;
	}
	abbreviation[n] = '\0';
	if (quoted && *(*p)++ != '>')
		return false;
	return n >= 3;
}

/** Jn, n or Mm.w.d, then [/time]: "M3.5.0/1". */
static bool
parse_day(const char **p, struct rule_day *day)
{
	bool ok;

	if (**p == 'M') {
		(*p)++;
		day->kind = DAY_MONTH_WEEK;
		ok = parse_number(p, 12, &day->month) && day->month >= 1 &&
		     *(*p)++ == '.' && parse_number(p, 5, &day->week) &&
		     day->week >= 1 && *(*p)++ == '.' &&
		     parse_number(p, 6, &day->day);
	} else if (**p == 'J') {
		(*p)++;
		day->kind = DAY_JULIAN;
		ok = parse_number(p, 365, &day->day) && day->day >= 1;
	} else {
		day->kind = DAY_OF_YEAR;
		ok = parse_number(p, 365, &day->day);
	}
	day->time_s = 2 * HOUR_S;
	if (ok && **p == '/') {
		(*p)++;
		ok = parse_time(p, 167, &day->time_s);
	}
	return ok;
}

/** "GMT0BST,M3.5.0/1,M10.5.0". POSIX counts offsets west of Greenwich. */
static bool
rule_parse(const char *p, struct zone_rule *rule)
{
	int32_t west_s;

	if (!parse_abbreviation(&p, rule->standard.abbreviation) ||
	    !parse_time(&p, 24, &west_s))
		return false;
	rule->standard.offset_s = -west_s;
	rule->has_daylight = *p != '\0';
	if (!rule->has_daylight)
		return true;
	if (!parse_abbreviation(&p, rule->daylight.abbreviation))
		return false;
	rule->daylight.offset_s = rule->standard.offset_s + HOUR_S;
	if (*p != ',') {
		if (!parse_time(&p, 24, &west_s))
			return false;
		rule->daylight.offset_s = -west_s;
	}
	return *p++ == ',' && parse_day(&p, &rule->begin) && *p++ == ',' &&
	       parse_day(&p, &rule->end) && *p == '\0';
}

/** Local time of a rule's day in a year, in seconds as if it were UTC. */
static int64_t
rule_day_s(const struct rule_day *day, int64_t year)
{
	int64_t january_1 = policy__days_from_civil(year, 1, 1);
	int64_t days, first, weekday;

	switch (day->kind) {
	case DAY_JULIAN: /* 29 February is never counted */
		days = january_1 + day->day - 1 +
		       (day->day >= 60 && year_is_leap(year));
		break;
	case DAY_OF_YEAR:
		days = january_1 + day->day;
		break;
	default: /* 1970-01-01 was a Thursday: 4 */
		first = policy__days_from_civil(year, day->month, 1);
		weekday = first + 4 - 7 * floor_div(first + 4, 7);
		days = first + (day->day + 7 - weekday) % 7 +
		       7 * ((int64_t)day->week - 1);
		if (days - first >= policy__days_in_month(year, day->month))
			days -= 7;
		break;
	}
	return days * POLICY__DAY_S + day->time_s;
}

/** Narrow a span around t_s by a change to `type` at at_s. */
static void
span_change(struct span *span, int64_t t_s, int64_t at_s,
	    const struct zone_type *type)
{
	if (at_s > t_s) {
		if (at_s < span->until_s)
			span->until_s = at_s;
	} else if (at_s >= span->from_s) {
		span->from_s = at_s;
		span->type = type;
	}
}

/*
 * A day's time may reach a week into the next year or back into the last
 * (RFC 8536 section 3.3.1), so two years on both sides are looked at. They go
 * in order of time, and where daylight ends as the next begins, it goes on.
 */
static struct span
rule_span(const struct zone_rule *rule, int64_t t_s)
{
	struct span span = { INT64_MIN, INT64_MAX, &rule->standard };
	struct policy_civil civil;

	if (!rule->has_daylight)
		return span;
	policy__civil_from_days(floor_div(t_s, POLICY__DAY_S), &civil);
	for (int64_t y = (int64_t)civil.year - 2; y <= civil.year + 2; y++) {
		span_change(&span, t_s,
			    rule_day_s(&rule->end, y) - rule->daylight.offset_s,
			    &rule->standard);
		span_change(&span, t_s,
			    rule_day_s(&rule->begin, y) -
				rule->standard.offset_s,
			    &rule->daylight);
	}
	return span;
}

static struct span
zone_span(const struct policy_zone *zone, int64_t t_s)
{
	const struct transition *transitions = zone->transitions;
	struct span span = { INT64_MIN, INT64_MAX, &zone->types[0] };
	size_t low = 0, high = zone->count; /* how many are at or before t_s */

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (transitions[middle].at_s <= t_s)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == zone->count && zone->has_rule) {
		span = rule_span(&zone->rule, t_s);
		if (low && span.from_s < transitions[low - 1].at_s)
			span.from_s = transitions[low - 1].at_s;
		return span;
	}
	if (low) {
		span.from_s = transitions[low - 1].at_s;
		span.type = &zone->types[transitions[low - 1].type];
	}
	if (low < zone->count)
		span.until_s = transitions[low].at_s;
	return span;
}

/* ---- TZif files -------------------------------------------------------- */

/** Bytes left to read; once too few were left, it stays failed. */
struct cursor {
	const uint8_t *p;
	size_t left;
	bool failed;
};

static const uint8_t *
cursor_take(struct cursor *cursor, size_t n)
{
	const uint8_t *p = cursor->p;

	if (cursor->failed || n > cursor->left) {
		cursor->failed = true;
		return NULL;
	}
	cursor->p += n;
	cursor->left -= n;
	return p;
}

static uint64_t
cursor_number(struct cursor *cursor, size_t bytes)
{
	const uint8_t *p = cursor_take(cursor, bytes);
	uint64_t number = 0;

	for (size_t i = 0; p && i < bytes; i++)
		number = number << 8 | p[i];
	return number;
}

struct counts {
	size_t utc, standard, leap, transitions, types, letters;
};

static bool
header_read(struct cursor *cursor, struct counts *counts)
{
	const uint8_t *magic = cursor_take(cursor, 20);

	counts->utc = cursor_number(cursor, 4);
	counts->standard = cursor_number(cursor, 4);
	counts->leap = cursor_number(cursor, 4);
	counts->transitions = cursor_number(cursor, 4);
	counts->types = cursor_number(cursor, 4);
	counts->letters = cursor_number(cursor, 4);
	return !cursor->failed && !memcmp(magic, "TZif", 4) &&
	       magic[4] >= '2' && counts->transitions <= TRANSITIONS_MAX &&
	       counts->types <= TYPES_MAX && counts->letters <= 4096 &&
	       counts->leap <= 4096 && counts->utc <= TYPES_MAX &&
	       counts->standard <= TYPES_MAX;
}

static bool
transitions_read(struct policy_zone *zone, struct cursor *cursor,
		 const struct counts *counts)
{
	zone->count = counts->transitions;
	for (size_t i = 0; i < zone->count; i++) {
		int64_t at_s = (int64_t)cursor_number(cursor, 8);

		if (i && at_s <= zone->transitions[i - 1].at_s)
			return false;
		zone->transitions[i].at_s = at_s;
	}
	for (size_t i = 0; i < zone->count; i++) {
		zone->transitions[i].type = (uint32_t)cursor_number(cursor, 1);
		if (zone->transitions[i].type >= counts->types)
			return false;
	}
	return !cursor->failed;
}

static bool
types_read(struct policy_zone *zone, struct cursor *cursor,
	   const struct counts *counts)
{
	const uint8_t *types = cursor_take(cursor, 6 * counts->types);
	const char *letters =
	    (const char *)cursor_take(cursor, counts->letters);

	if (!types || !letters)
		return false;
	for (size_t i = 0; i < counts->types; i++) {
		struct zone_type *type = &zone->types[i];
		struct cursor one = { types + 6 * i, 6, false };
		size_t at, n;

		type->offset_s = (int32_t)(uint32_t)cursor_number(&one, 4);
		(void)cursor_number(&one, 1); /* is it daylight time? */
		at = cursor_number(&one, 1);
		if (type->offset_s < OFFSET_MIN_S ||
		    type->offset_s > OFFSET_MAX_S || at >= counts->letters)
			return false;
		n = strnlen(letters + at, counts->letters - at);
		if (at + n == counts->letters)
			return false;
		if (n >= sizeof(type->abbreviation))
			n = sizeof(type->abbreviation) - 1;
		memcpy(type->abbreviation, letters + at, n);
	}
	return true;
}

static bool
footer_read(struct policy_zone *zone, struct cursor *cursor)
{
	char text[FOOTER_BYTES];
	const uint8_t *end;
	size_t n;

	if (cursor_number(cursor, 1) != '\n' || cursor->failed)
		return false;
	end = memchr(cursor->p, '\n', cursor->left);
	if (!end)
		return false;
	n = (size_t)(end - cursor->p);
	if (n >= sizeof(text))
		return false;
	memcpy(text, cursor->p, n);
	text[n] = '\0';
	zone->has_rule = n > 0;
	return !zone->has_rule || rule_parse(text, &zone->rule);
}

int
policy__zone_parse(struct policy_zone **zone, const uint8_t *bytes, size_t n)
{
	struct cursor cursor = { bytes, n, false };
	struct policy_zone *made;
	struct counts counts;

	*zone = NULL;
	if (!header_read(&cursor, &counts))
		return -EBADMSG;
	cursor_take(&cursor, counts.transitions * 5 + counts.types * 6 +
				 counts.letters + counts.leap * 8 +
				 counts.standard + counts.utc);
	/* With leap seconds ("right/...") times are not those of Unix. */
	if (!header_read(&cursor, &counts) || !counts.types || counts.leap)
		return -EBADMSG;
	made = calloc(1, sizeof(*made) +
			     counts.transitions * sizeof(struct transition));
	if (!made)
		return -ENOMEM;
	if (!transitions_read(made, &cursor, &counts) ||
	    !types_read(made, &cursor, &counts) ||
	    !cursor_take(&cursor, counts.standard + counts.utc) ||
	    !footer_read(made, &cursor)) {
		policy_zone_free(&made);
		return -EBADMSG;
	}
	*zone = made;
	return 0;
}

/** Letters, digits, "_+-" and single slashes: no way out of the folder. */
static bool
name_is_sane(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n >= ZONE_NAME_BYTES || name[0] == '/' ||
	    name[n - 1] == '/' || strstr(name, "//"))
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "abcdefghijklmnopqrstuvwxyz"
			    "0123456789_+-/") == n;
}

/** @return bytes read, or -ENOENT, -ENOMEM; *bytes is malloc'd */
static ssize_t
zone_file_read(const char *name, uint8_t **bytes)
{
	char path[sizeof(ZONE_FOLDER) + ZONE_NAME_BYTES];
	size_t n = 0;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), ZONE_FOLDER "%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -ENOENT;
	*bytes = malloc(FILE_BYTES_MAX);
	if (!*bytes) {
		close(fd);
		return -ENOMEM;
	}
	do {
		got = read(fd, *bytes + n, FILE_BYTES_MAX - n);
		if (got > 0)
			n += (size_t)got;
	} while (got > 0 || (got < 0 && errno == EINTR));
	close(fd);
	if (got == 0)
		return (ssize_t)n;
	free(*bytes); /* a directory, for one */
	return -ENOENT;
}

/* UTC needs no file: some machines have none. */
static int
zone_new_utc(struct policy_zone **zone)
{
	struct policy_zone *made = calloc(1, sizeof(*made));

	if (!made)
		return -ENOMEM;
	memcpy(made->types[0].abbreviation, "UTC", sizeof("UTC"));
	*zone = made;
	return 0;
}

int
policy_zone_load(struct policy_zone **zone, const char *name)
{
	uint8_t *bytes;
	ssize_t n;
	int err;

	*zone = NULL;
	if (!strcmp(name, "UTC"))
		return zone_new_utc(zone);
	if (!name_is_sane(name))
		return -ENOENT;
	n = zone_file_read(name, &bytes);
	if (n < 0)
		return (int)n;
	err = policy__zone_parse(zone, bytes, (size_t)n);
	free(bytes);
	return err;
}

void
policy_zone_free(struct policy_zone **zone)
{
	free(*zone);
	*zone = NULL;
}

/* ---- conversions ------------------------------------------------------- */

void
policy_zone_civil(const struct policy_zone *zone, int64_t time_ns,
		  struct policy_civil *civil)
{
	int64_t t_s = floor_div(time_ns, POLICY__SECOND_NS);
	const struct zone_type *type = zone_span(zone, t_s).type;
	int64_t local_s = t_s + type->offset_s;
	int64_t days = floor_div(local_s, POLICY__DAY_S);
	int64_t of_day_s = local_s - days * POLICY__DAY_S;

	policy__civil_from_days(days, civil);
	civil->hour = (uint8_t)(of_day_s / HOUR_S);
	civil->minute = (uint8_t)(of_day_s / 60 % 60);
	civil->second = (uint8_t)(of_day_s % 60);
	civil->nanosecond =
	    (uint32_t)((time_ns % POLICY__SECOND_NS + POLICY__SECOND_NS) %
		       POLICY__SECOND_NS);
	civil->offset_s = type->offset_s;
	memcpy(civil->abbreviation, type->abbreviation,
	       sizeof(civil->abbreviation));
}

/** Seconds to nanoseconds; the ends of time stand for what lies beyond. */
static int64_t
instant_ns(int64_t t_s, uint32_t nanosecond)
{
	int64_t ns;

	if (__builtin_mul_overflow(t_s, POLICY__SECOND_NS, &ns) ||
	    __builtin_add_overflow(ns, (int64_t)nanosecond, &ns))
		return t_s < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

/*
 * Local time is t + offset(t), in pieces. The wanted instant lies in one or
 * two of the spans that meet the days around it, or in none, where a change
 * jumped over it: then the first (or last) change that did.
 */
int64_t
policy_zone_instant(const struct policy_zone *zone,
		    const struct policy_civil *civil, bool later)
{
	int64_t local_s =
	    policy__days_from_civil(civil->year, civil->month, civil->day) *
		POLICY__DAY_S +
	    (int64_t)civil->hour * HOUR_S + (int64_t)civil->minute * 60 +
	    civil->second;
	int64_t last_s = local_s - OFFSET_MIN_S;
	struct span span = zone_span(zone, local_s - OFFSET_MAX_S);
	int64_t found_s = 0, skipped_s = local_s;
	bool found = false, skipped = false;

	for (;;) {
		int64_t t_s = local_s - span.type->offset_s;
		struct span next;

		if (t_s >= span.from_s && t_s < span.until_s &&
		    (!found || later)) {
			found = true;
			found_s = t_s;
		}
		if (span.until_s > last_s)
			break;
		next = zone_span(zone, span.until_s);
		if (t_s >= span.until_s &&
		    local_s - next.type->offset_s < span.until_s &&
		    (!skipped || later)) {
			skipped = true;
			skipped_s = span.until_s;
		}
		span = next;
	}
	if (!found)
		return instant_ns(skipped_s, 0);
	return instant_ns(found_s, civil->nanosecond);
}
