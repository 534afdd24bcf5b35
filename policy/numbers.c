/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One spelling of telephone numbers, so that a rule or a search written one
 * way finds calls signalled another way. With country 44:
 *
 *   01495 222333   +44 1495 222333   0044(0)1495222333   901495222333
 *   9,01495222333  441495222333
 *
 * are all +441495222333. What cannot be told stays as it is: a short number
 * could be anything, and a wrong guess would match a wrong rule.
 */
#include "policy/policy_priv.h"

#include <string.h>

/** More are no telephone number (ITU-T E.164: 15). With a country in front
 * they still fit into POLICY_NUMBER_BYTES. */
#define DIGITS_MAX 40

/** Copy, cut where it is too long, between two UTF-8 characters. */
static void
text_copy(char to[POLICY_NUMBER_BYTES], const char *from, size_t n)
{
	if (n >= POLICY_NUMBER_BYTES) {
		n = POLICY_NUMBER_BYTES - 1;
		while (n && ((unsigned char)from[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(to, from, n);
	to[n] = '\0';
}

/** What follows the prefix; NULL: does not begin so, or there is none. */
static const char *
after(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return n && !strncmp(text, prefix, n) ? text + n : NULL;
}

/**
 * Bytes of what only makes a number readable: RFC 3966 section 5.1.1, and the
 * spaces, dashes and marks of direction (U+2000 to U+2015, U+2028 to U+202F)
 * that are copied along from a text or an address book. 0: none is here.
 */
static size_t
separator(const char *text)
{
	unsigned char last;

	if (strchr(" \t-.()/", text[0]))
		return 1;
	if (after(text, "\xc2\xa0")) /* a space that holds words together */
		return 2;
	if (after(text, "\xe2\x88\x92")) /* a minus */
		return 3;
	if (!after(text, "\xe2\x80"))
		return 0;
	last = (unsigned char)text[2];
	return (last >= 0x80 && last <= 0x95) || (last >= 0xa8 && last <= 0xaf)
		   ? 3
		   : 0;
}

/**
 * "+49 (0)30": in brackets after a country, the 0 is for callers in it. Not
 * where it is part of the number and dialled from everywhere.
 */
static bool
is_inland_zero(const struct policy__numbering *numbering, const char *digits,
	       const char *text)
{
	static const char *const keep[] = { "39", "225", "241", "242", "378" };
	const char *country = after(digits, "+");

	if (!country)
		country = after(digits, numbering->international_prefix);
	if (!country || !country[0] || !after(text, "(0)"))
		return false;
	for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
		if (!strcmp(country, keep[i]))
			return false;
	return true;
}

/**
 * The dialled part alone: no parameters, no separators. A comma is a pause:
 * after the outside line the number follows, after the number keys do.
 *
 * @return false: not a number; `digits` is the text without parameters
 */
static bool
digits_extract(const struct policy__numbering *numbering, const char *number,
	       char digits[POLICY_NUMBER_BYTES])
{
	size_t n = number[0] == '+', length, skip;

	/* as most are sent */
	n += strspn(number + n, "0123456789");
	if (n > (number[0] == '+') && n <= DIGITS_MAX &&
	    (!number[n] || number[n] == ';')) {
		text_copy(digits, number, n);
		return true;
	}
	n = 0;
	length = strcspn(number, ";");
	digits[0] = '\0';
	for (size_t i = 0; i < length; i += skip ? skip : 1) {
		bool begins = !n || !strcmp(digits, numbering->outside_line);
		char c = number[i];

		skip = is_inland_zero(numbering, digits, number + i)
			   ? strlen("(0)")
			   : separator(number + i);
		if (skip || (c == ',' && n && begins))
			continue;
		if (c == ',' && n)
			break;
		if (c == '+' && begins) {
			n = 0;
		} else if (c < '0' || c > '9' || n == DIGITS_MAX) {
			text_copy(digits, number, length);
			return false;
		}
		digits[n++] = c;
		digits[n] = '\0';
	}
	if (n == 0 || !strcmp(digits, "+")) {
		text_copy(digits, number, length);
		return false;
	}
	return true;
}

/*
 * "+44 (0)1495": a national prefix has no place after the country. Only a 0
 * can be told from a digit of the number: Russia dials 8 before the 812 of
 * its second city.
 */
static void
join_national(const struct policy__numbering *numbering, const char *rest,
	      char normalised[POLICY_NUMBER_BYTES])
{
	if (!strcmp(numbering->national_prefix, "0"))
		rest += strspn(rest, "0");
	snprintf(normalised, POLICY_NUMBER_BYTES, "+%s%s", numbering->country,
		 rest);
}

static void
join_international(const struct policy__numbering *numbering, const char *rest,
		   char normalised[POLICY_NUMBER_BYTES])
{
	const char *national = after(rest, numbering->country);

	if (national)
		join_national(numbering, national, normalised);
	else
		snprintf(normalised, POLICY_NUMBER_BYTES, "+%s", rest);
}

/**
 * "441495222333", as many trunks send it. Where there is a national prefix,
 * what is dialled without it is shorter.
 */
#define WITH_COUNTRY_MIN 11

static bool
has_country(const struct policy__numbering *numbering, const char *digits)
{
	const char *national = after(digits, numbering->country);

	if (!national)
		return false;
	if (numbering->national_digits)
		return strlen(national) == numbering->national_digits;
	return numbering->national_prefix[0] &&
	       strlen(digits) >= WITH_COUNTRY_MIN;
}

/** Full numbers, national or international. @return false: neither */
static bool
join_full(const struct policy__numbering *numbering, const char *digits,
	  char normalised[POLICY_NUMBER_BYTES])
{
	const char *rest = after(digits, "+");

	/* no country begins with 0: a gateway put the + before anything */
	if (rest && rest[0] == '0') {
		digits = rest;
		rest = NULL;
	}
	if (!rest)
		rest = after(digits, numbering->international_prefix);
	if (rest && rest[0] == '0')
		return false;
	if (rest) {
		join_international(numbering, rest, normalised);
		return true;
	}
	rest = after(digits, numbering->national_prefix);
	if (!rest && has_country(numbering, digits)) {
		join_international(numbering, digits, normalised);
		return true;
	}
	if (!rest && strlen(digits) == numbering->national_digits)
		rest = digits;
	if (!rest)
		return false;
	join_national(numbering, rest, normalised);
	return true;
}

void
policy__number_normalise(const struct policy__numbering *numbering,
			 const char *number,
			 char normalised[POLICY_NUMBER_BYTES])
{
	char digits[POLICY_NUMBER_BYTES];
	const char *outside;
	size_t n;

	if (!digits_extract(numbering, number, digits)) {
		snprintf(normalised, POLICY_NUMBER_BYTES, "%s", digits);
		return;
	}
	n = strlen(digits);
	/* an extension, or shorter: 0 for the operator is no prefix */
	if (digits[0] != '+' && n <= numbering->extension_max) {
		snprintf(normalised, POLICY_NUMBER_BYTES, "%s", digits);
		return;
	}
	/* The outside line goes only where a full number follows: a 9 may
	 * also begin an area code (917 in New York). Where it is also the
	 * national prefix ("0" in Germany), 00 is an outside call. */
	outside = after(digits, numbering->outside_line);
	if (outside && n != numbering->national_digits &&
	    join_full(numbering, outside, normalised))
		return;
	if (!join_full(numbering, digits, normalised))
		snprintf(normalised, POLICY_NUMBER_BYTES, "%s", digits);
}

void
policy_number_normalise(const struct policy *policy, const char *number,
			char normalised[POLICY_NUMBER_BYTES])
{
	policy__number_normalise(&policy->numbering, number, normalised);
}

bool
policy_is_number(const char *normalised)
{
	const char *digits = normalised + (normalised[0] == '+');

	return digits[0] && digits[strspn(digits, "0123456789")] == '\0';
}

/* ---- patterns ---------------------------------------------------------- */

static const char *
range_parse(const struct policy__numbering *numbering, const char *text,
	    struct policy__pattern *pattern)
{
	char first[POLICY_NUMBER_BYTES];
	size_t n = strcspn(text, "-");

	if (n >= sizeof(first))
		return "is too long";
	memcpy(first, text, n);
	first[n] = '\0';
	pattern->kind = POLICY__RANGE;
	policy__number_normalise(numbering, first, pattern->first);
	policy__number_normalise(numbering, text + n + 1, pattern->last);
	if (strchr(text + n + 1, '-') || !policy_is_number(pattern->first) ||
	    !policy_is_number(pattern->last))
		return "is not a range: write the first and the last number "
		       "with one '-' between them (and no '-' within a number)";
	if (strlen(pattern->first) != strlen(pattern->last) ||
	    (pattern->first[0] == '+') != (pattern->last[0] == '+'))
		return "is not a range: its two numbers differ in length";
	if (strcmp(pattern->first, pattern->last) > 0)
		return "is not a range: the first number is above the last";
	return NULL;
}

static const char *
prefix_parse(const struct policy__numbering *numbering, const char *text,
	     struct policy__pattern *pattern)
{
	char start[POLICY_NUMBER_BYTES], digits[POLICY_NUMBER_BYTES];
	size_t n = strlen(text) - 1;

	if (n >= sizeof(start))
		return "is too long";
	memcpy(start, text, n);
	start[n] = '\0';
	pattern->kind = POLICY__PREFIX;
	if (!digits_extract(numbering, start, digits))
		return "is no number with a '*' for the rest";
	if (strchr(start, '-'))
		return "has both a '-' and a '*': a range has no '*'";
	if (join_full(numbering, digits, pattern->first))
		return NULL;
	/* longer than an extension it begins with the country, if at all */
	if (strlen(digits) > numbering->extension_max &&
	    numbering->national_prefix[0] && after(digits, numbering->country))
		join_international(numbering, digits, pattern->first);
	else
		snprintf(pattern->first, sizeof(pattern->first), "%s", digits);
	return NULL;
}

/** What was copied from a text may have a dash of its own between the two
 * numbers of a range, and would be one number. */
static bool
is_plain(const char *text)
{
	for (; text[0]; text++)
		if (text[0] == ',' || (unsigned char)text[0] >= 0x80)
			return false;
	return true;
}

/** "31O9": somebody meant a number, and it would be a name that nobody has. */
static bool
has_letters_for_digits(const char *text)
{
	size_t digits = strspn(text, "0123456789 +-()*.OoIl");

	return !text[digits] && text[strcspn(text, "OoIl")] &&
	       strcspn(text, "0123456789") < strlen(text);
}

const char *
policy__pattern_parse(const struct policy__numbering *numbering,
		      const char *text, struct policy__pattern *pattern)
{
	size_t n = strlen(text);

	memset(pattern, 0, sizeof(*pattern));
	if (n == 0)
		return "is empty";
	if (strchr("+(0123456789", text[0]) && !is_plain(text))
		return "has a comma, or a dash or space that only looks plain: "
		       "type it anew";
	if (has_letters_for_digits(text))
		return "has a letter (O, I or l) among its digits";
	/* only what consists of digits is a range: jean-luc is a name */
	if (text[strspn(text, "+0123456789 .()/-")] == '\0' &&
	    strchr(text, '-'))
		return range_parse(numbering, text, pattern);
	if (strchr(text + 1, '*') && strchr(text + 1, '*') != text + n - 1)
		return "has a '*' that is not its end";
	if (text[n - 1] == '*')
		return prefix_parse(numbering, text, pattern);
	if (n >= POLICY_NUMBER_BYTES)
		return "is too long";
	pattern->kind = POLICY__EXACT;
	policy__number_normalise(numbering, text, pattern->first);
	return NULL;
}

static bool
pattern_fits(const struct policy__pattern *pattern, const char *normalised)
{
	switch (pattern->kind) {
	case POLICY__EXACT:
		return !strcmp(normalised, pattern->first);
	case POLICY__RANGE: /* of one length, so text order is number order */
		return strlen(normalised) == strlen(pattern->first) &&
		       policy_is_number(normalised) &&
		       strcmp(normalised, pattern->first) >= 0 &&
		       strcmp(normalised, pattern->last) <= 0;
	case POLICY__PREFIX:
		return policy_is_number(normalised) &&
		       !strncmp(normalised, pattern->first,
				strlen(pattern->first));
	}
	return false;
}

bool
policy__patterns_fit(const struct policy__patterns *patterns,
		     const char *normalised)
{
	for (size_t i = 0; i < patterns->count; i++) {
		if (pattern_fits(&patterns->items[i], normalised))
			return true;
	}
	return false;
}

bool
policy_number_internal(const struct policy *policy, const char *normalised)
{
	const struct policy__numbering *numbering = &policy->numbering;
	size_t n = strlen(normalised);

	if (policy__patterns_fit(&numbering->external, normalised))
		return false;
	if (numbering->internal.count)
		return policy__patterns_fit(&numbering->internal, normalised);
	return normalised[0] != '+' && policy_is_number(normalised) &&
	       n >= numbering->extension_min && n <= numbering->extension_max;
}

bool
policy_number_plausible(const struct policy *policy, const char *normalised)
{
	return normalised[0] == '+' || !policy->numbering.country[0] ||
	       policy_number_internal(policy, normalised);
}
