/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Words of a script and what they mean: numbers, durations, lists of packets,
 * hosts. All arithmetic is on integers, so that 0.1 s is 100 ms to the
 * nanosecond.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/mkpcap/mkpcap_priv.h"

const struct mkpcap_codec mkpcap__pcma = { "PCMA", 8, "PCMA/8000" };

/* RFC 3551 section 6, and what phones use for the dynamic ones. */
static const struct mkpcap_codec codecs[] = {
	{ "PCMA", 8, "PCMA/8000" },
	{ "PCMU", 0, "PCMU/8000" },
	{ "GSM", 3, "GSM/8000" },
	{ "G722", 9, "G722/8000" },
	{ "G729", 18, "G729/8000" },
	{ "telephone-event", 101, "telephone-event/8000" },
	{ "opus", 111, "opus/48000/2" },
};

bool
mkpcap__is(const struct mkpcap_text *text, const char *word)
{
	return text->n == strlen(word) && memcmp(text->p, word, text->n) == 0;
}

bool
mkpcap__same(const struct mkpcap_text *a, const struct mkpcap_text *b)
{
	return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

int
mkpcap__word(struct mkpcap_line *line, const char *what,
	     struct mkpcap_text *text)
{
	if (line->next == line->count) {
		const struct mkpcap_word *last = &line->words[line->count - 1];

		mkpcap__error(line->errors, last->line,
			      last->column + last->text.n +
				  (last->quoted ? 2 : 0),
			      "%s is missing here", what);
		return -EINVAL;
	}
	*text = line->words[line->next++].text;
	return 0;
}

bool
mkpcap__accept(struct mkpcap_line *line, const char *word)
{
	const struct mkpcap_word *next = &line->words[line->next];

	if (line->next == line->count || next->quoted ||
	    !mkpcap__is(&next->text, word))
		return false;
	line->next++;
	return true;
}

int
mkpcap__expect(struct mkpcap_line *line, const char *word)
{
	struct mkpcap_text text;
	char what[32];
	int rc;

	snprintf(what, sizeof(what), "\"%s\"", word);
	rc = mkpcap__word(line, what, &text);
	if (rc == 0 && !mkpcap__is(&text, word))
		rc = mkpcap__fail(line, "\"%s\" is expected, not \"%.*s\"",
				  word, (int)text.n, text.p);
	return rc;
}

/* Digits of one base from text->p[*at] on; false: none, or above max. */
static bool
digits(const struct mkpcap_text *text, uint32_t *at, unsigned base,
       uint64_t max, uint64_t *number)
{
	uint32_t i = *at;
	uint64_t n = 0;

	for (; i < text->n; i++) {
		char c = text->p[i];
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			digit = (unsigned)((c | 32) - 'a') + 10;
		else
			break;
		if (digit >= base)
			break;
		if (n > (max - digit) / base)
			return false;
		n = n * base + digit;
	}
	if (i == *at)
		return false;
	*at = i;
	*number = n;
	return true;
}

int
mkpcap__number(struct mkpcap_line *line, const char *what, uint64_t max,
	       uint64_t *number)
{
	struct mkpcap_text text;
	unsigned base = 10;
	uint32_t at = 0;
	int rc = mkpcap__word(line, what, &text);

	if (rc)
		return rc;
	if (text.n > 2 && text.p[0] == '0' && text.p[1] == 'x') {
		base = 16;
		at = 2;
	}
	if (!digits(&text, &at, base, max, number) || at != text.n)
		return mkpcap__fail(line,
				    "%s is a number from 0 to %llu, "
				    "not \"%.*s\"",
				    what, (unsigned long long)max, (int)text.n,
				    text.p);
	return 0;
}

/* A decimal number as an integer count of 10^-9. */
static bool
decimal(const struct mkpcap_text *text, uint32_t *at, int64_t *nanos)
{
	uint64_t whole, part;
	uint64_t unit = (uint64_t)SECOND_NS;
	uint32_t i = *at;

	if (!digits(text, &i, 10, TIME_MAX_NS / SECOND_NS, &whole))
		return false;
	*nanos = (int64_t)whole * SECOND_NS;
	if (i < text->n && text->p[i] == '.') {
		uint32_t begin = ++i;

		if (!digits(text, &i, 10, (uint64_t)SECOND_NS - 1, &part) ||
		    i - begin > 9)
			return false;
		for (; begin < i; begin++)
			unit /= 10;
		*nanos += (int64_t)(part * unit);
	}
	*at = i;
	return true;
}

int
mkpcap__duration(struct mkpcap_line *line, const char *what,
		 int64_t *duration_ns)
{
	static const struct {
		const char *name;
		int64_t multiply, divide;
	} units[] = {
		{ "", 1, 1 },         { "s", 1, 1 },    { "ms", 1, 1000 },
		{ "us", 1, 1000000 }, { "min", 60, 1 }, { "h", 3600, 1 }
	};
	struct mkpcap_text text, unit;
	uint32_t at = 0;
	int rc = mkpcap__word(line, what, &text);

	if (rc)
		return rc;
	if (!decimal(&text, &at, duration_ns))
		goto bad;
	unit = (struct mkpcap_text){ text.p + at, text.n - at };
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!mkpcap__is(&unit, units[i].name))
			continue;
		if (*duration_ns > TIME_MAX_NS / units[i].multiply)
			break;
		*duration_ns =
		    *duration_ns * units[i].multiply / units[i].divide;
		return 0;
	}
bad:
	return mkpcap__fail(line,
			    "%s is a time of at most a year such as "
			    "1.05, 400ms or 2h, not \"%.*s\"",
			    what, (int)text.n, text.p);
}

/* "3,7-9" or "2.5%" */
int
mkpcap__pick(struct mkpcap_line *line, struct mkpcap_pick *pick)
{
	struct mkpcap_text text;
	int64_t percent;
	uint64_t first, last;
	uint32_t at = 0;
	int rc = mkpcap__word(line, "a list of packets", &text);

	if (rc)
		return rc;
	*pick = (struct mkpcap_pick){ 0 };
	if (text.n && text.p[text.n - 1] == '%') {
		if (!decimal(&text, &at, &percent) || at + 1 != text.n ||
		    percent > 100 * SECOND_NS)
			goto bad;
		pick->per_million = (uint32_t)(percent / 100000);
		return 0;
	}
	for (;;) {
		if (pick->ranges_count == MKPCAP_RANGES_MAX)
			return mkpcap__fail(line, "more than %d ranges",
					    MKPCAP_RANGES_MAX);
		if (!digits(&text, &at, 10, UINT32_MAX, &first))
			goto bad;
		last = first;
		if (at < text.n && text.p[at] == '-' &&
		    (at++, !digits(&text, &at, 10, UINT32_MAX, &last)))
			goto bad;
		if (first == 0 || last < first)
			goto bad;
		pick->ranges[pick->ranges_count].first = (uint32_t)first;
		pick->ranges[pick->ranges_count++].last = (uint32_t)last;
		if (at == text.n)
			return 0;
		if (text.p[at++] != ',')
			goto bad;
	}
bad:
	return mkpcap__fail(line,
			    "packets are a list such as 3,7-9 (counted "
			    "from 1) or a share such as 2.5%%, not "
			    "\"%.*s\"",
			    (int)text.n, text.p);
}

int
mkpcap__hex(struct mkpcap_line *line, struct mkpcap_text *hex)
{
	int rc = mkpcap__word(line, "hexadecimal digits", hex);

	if (rc == 0 && hex->n % 2)
		rc = mkpcap__fail(line, "an odd number of hexadecimal digits");
	for (uint32_t i = 0; rc == 0 && i < hex->n; i++)
		if (!strchr("0123456789abcdefABCDEF", hex->p[i]) || !hex->p[i])
			rc = mkpcap__fail(line, "bytes are hexadecimal digits");
	return rc;
}

static unsigned
hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a') + 10;
}

uint8_t
mkpcap__hex_at(const struct mkpcap_text *hex, uint32_t i)
{
	return (uint8_t)(hex_digit(hex->p[2 * i]) << 4 |
			 hex_digit(hex->p[2 * i + 1]));
}

int
mkpcap__port(struct mkpcap_line *line, uint16_t *port)
{
	uint64_t number;
	int rc = mkpcap__number(line, "a port", UINT16_MAX, &number);

	if (rc == 0)
		*port = (uint16_t)number;
	return rc;
}

int
mkpcap__host(struct mkpcap_line *line, const struct mkpcap_text *name,
	     uint32_t *host)
{
	for (uint32_t i = 0; i < line->script->hosts_count; i++) {
		if (mkpcap__same(name, &line->script->hosts[i].name)) {
			*host = i;
			return 0;
		}
	}
	return mkpcap__fail(line, "there is no host \"%.*s\" above",
			    (int)name->n, name->p);
}

int
mkpcap__endpoint(struct mkpcap_line *line, uint16_t otherwise,
		 struct mkpcap_endpoint *endpoint)
{
	struct mkpcap_text text, name;
	const char *colon;
	uint64_t port = otherwise;
	uint32_t at;
	int rc = mkpcap__word(line, "a host", &text);

	if (rc)
		return rc;
	name = text;
	colon = memchr(text.p, ':', text.n);
	if (colon) {
		name.n = (uint32_t)(colon - text.p);
		at = name.n + 1;
		if (!digits(&text, &at, 10, UINT16_MAX, &port) || at != text.n)
			return mkpcap__fail(line,
					    "a host and a port are "
					    "written as alice:10000, "
					    "not \"%.*s\"",
					    (int)text.n, text.p);
	}
	rc = mkpcap__host(line, &name, &endpoint->host);
	if (rc)
		return rc;
	if (port == 0)
		port = line->script->hosts[endpoint->host].sip_port;
	endpoint->port = (uint16_t)port;
	return 0;
}

int
mkpcap__codec(struct mkpcap_line *line, const struct mkpcap_text *name,
	      const struct mkpcap_codec **codec)
{
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
		if (mkpcap__is(name, codecs[i].name)) {
			*codec = &codecs[i];
			return 0;
		}
	}
	return mkpcap__fail(line,
			    "\"%.*s\" is none of the codecs PCMA PCMU "
			    "GSM G722 G729 telephone-event opus",
			    (int)name->n, name->p);
}

/* RFC 3339 in UTC. */
int
mkpcap__start(struct mkpcap_line *line, int64_t *start_ns)
{
	struct mkpcap_text text;
	struct tm tm = { 0 };
	char copy[32];
	const char *rest;
	uint32_t at = 0;
	int64_t part_ns = 0;
	time_t seconds;
	int rc = mkpcap__word(line, "a date and time", &text);

	if (rc)
		return rc;
	if (text.n < 20 || text.n >= sizeof(copy))
		goto bad;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	rest = strptime(copy, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest || tm.tm_year < 70 || tm.tm_year > 199)
		goto bad;
	if (*rest == '.') {
		struct mkpcap_text fraction = { rest - 1, 0 };

		copy[rest - 1 - copy] = '0';
		fraction.n = (uint32_t)strlen(rest - 1);
		if (!decimal(&fraction, &at, &part_ns))
			goto bad;
		rest += at - 1;
	}
	if (strcmp(rest, "Z") != 0)
		goto bad;
	seconds = timegm(&tm);
	*start_ns = (int64_t)seconds * SECOND_NS + part_ns;
	return 0;
bad:
	return mkpcap__fail(line,
			    "the start is a time in UTC such as "
			    "2026-03-02T09:00:00Z, not \"%.*s\"",
			    (int)text.n, text.p);
}
