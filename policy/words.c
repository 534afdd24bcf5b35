/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pieces of sentences: numbers, times, lists. */
#include "policy/words_priv.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

bool
policy__has(const char *text)
{
	return text && text[0];
}

const char *
policy__joint(size_t i, size_t count, const char *last)
{
	if (i == 0)
		return "";
	if (i + 1 < count)
		return ", ";
	return strcmp(last, "or") == 0 ? " or " : " and ";
}

void
policy__list_add(struct policy__list_words *list, const char *text)
{
	if (list->count < sizeof(list->items) / sizeof(list->items[0]))
		list->items[list->count++] = text;
}

void
policy__say_list(FILE *to, const struct policy__list_words *list,
		 const char *last)
{
	for (size_t i = 0; i < list->count; i++)
		fprintf(to, "%s%s", policy__joint(i, list->count, last),
			list->items[i]);
}

void
policy__say_text(FILE *to, const char *text)
{
	size_t n = strlen(text);

	while (n && (text[n - 1] == '.' || text[n - 1] == '\n' ||
		     text[n - 1] == ' '))
		n--;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		fputc(c < ' ' || c == 0x7F ? ' ' : c, to);
	}
}

void
policy__say_first(FILE *to, const char *text)
{
	if (text[0] >= 'a' && text[0] <= 'z')
		fputc(*text++ - 'a' + 'A', to);
	policy__say_text(to, text);
}

/* ---- times --------------------------------------------------------------- */

static void
say_count(FILE *to, int64_t count, const char *unit)
{
	fprintf(to, "%" PRId64 " %s%s", count, unit, count == 1 ? "" : "s");
}

void
policy__say_duration(FILE *to, const struct policy__duration *d)
{
	/* a year or two are written in months as often as not, and "12 months"
	 * that comes back as "1 year" looks like another policy */
	if (d->months > 24 && d->months % 12 == 0)
		say_count(to, d->months / 12, "year");
	else if (d->months)
		say_count(to, d->months, "month");
	else
		say_count(to, d->days, "day");
}

void
policy__say_every(FILE *to, const struct policy__duration *d)
{
	fputs("every ", to);
	if (d->months == 12)
		fputs("year", to);
	else if (d->months == 1)
		fputs("month", to);
	else if (d->days == 1)
		fputs("day", to);
	else
		policy__say_duration(to, d);
}

void
policy__say_span(FILE *to, int64_t span_ns)
{
	const int64_t ms = span_ns / 1000000;
	const struct {
		int64_t count;
		const char *unit;
	} parts[] = {
		{ ms / 3600000, "hour" },
		{ ms / 60000 % 60, "minute" },
		{ ms / 1000 % 60, "second" },
		{ ms % 1000, "millisecond" },
	};
	size_t count = 0, said = 0, i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		count += parts[i].count != 0;
	if (!count)
		fputs("0 seconds", to);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!parts[i].count)
			continue;
		fputs(policy__joint(said++, count, "and"), to);
		say_count(to, parts[i].count, parts[i].unit);
	}
}

void
policy__say_date(FILE *to, const struct policy__date *date)
{
	static const char *const months[] = {
		"January",   "February", "March",    "April",
		"May",       "June",     "July",     "August",
		"September", "October",  "November", "December"
	};
	struct policy_civil civil;

	policy__civil_from_days(date->day, &civil);
	fprintf(to, "%u %s %" PRId32, civil.day, months[civil.month - 1],
		civil.year);
}

/* ---- sentences ----------------------------------------------------------- */

void
policy__say_field(FILE *to, const char *before, const char *text,
		  const char *after)
{
	if (!policy__has(text))
		return;
	fputs(before, to);
	policy__say_text(to, text);
	fputs(after, to);
}

void
policy__say_day(FILE *to, const char *before, const struct policy__date *date,
		const char *after)
{
	if (!date->set)
		return;
	fputs(before, to);
	policy__say_date(to, date);
	fputs(after, to);
}

void
policy__say_approval(FILE *to, const struct policy__approval *approval)
{
	policy__say_field(to, " by ", approval->approved_by, "");
	policy__say_day(to, " on ", &approval->approved, "");
	policy__say_field(to, " (reference ", approval->reference, ")");
	policy__say_day(to, ". To be reviewed by ", &approval->review_by, "");
	policy__say_day(to, ". Ends on ", &approval->ends, "");
}

void
policy__say_who_allowed(FILE *to, const struct policy__approval *approval)
{
	policy__say_field(to, " Proposed by ", approval->proposed_by, ".");
	if (policy__has(approval->approved_by)) {
		fputs(" Approved", to);
		policy__say_approval(to, approval);
		fputs(".", to);
		return;
	}
	fputs(" Nobody is named who approved it.", to);
	policy__say_day(to, " To be reviewed by ", &approval->review_by, ".");
	policy__say_day(to, " Ends on ", &approval->ends, ".");
}

const char *
policy__traces_words(enum policy_traces traces)
{
	static const char *const words[] = {
		[POLICY_TRACES_FULL] =
		    "It stays known who called whom, when, and why it was "
		    "not recorded.",
		[POLICY_TRACES_MINIMAL] =
		    "It stays known when, and by which exemption, but no "
		    "number.",
		[POLICY_TRACES_COUNT] =
		    "Nothing stays but the number of such calls each day.",
	};

	return words[traces];
}

/* ---- numbers ------------------------------------------------------------- */

void
policy__say_number(FILE *to, const struct policy *policy,
		   const char *normalised)
{
	const struct policy__numbering *numbering = &policy->numbering;
	size_t n = strlen(numbering->country);

	if (n && numbering->national_prefix[0] && normalised[0] == '+' &&
	    !strncmp(normalised + 1, numbering->country, n))
		fprintf(to, "%s%s", numbering->national_prefix,
			normalised + 1 + n);
	else
		fputs(normalised, to);
}

void
policy__say_pattern(FILE *to, const struct policy *policy,
		    const struct policy__pattern *pattern)
{
	if (pattern->kind == POLICY__PREFIX)
		fputs("any number that begins with ", to);
	policy__say_number(to, policy, pattern->first);
	if (pattern->kind != POLICY__RANGE)
		return;
	fputs(" to ", to);
	policy__say_number(to, policy, pattern->last);
}

void
policy__say_numbers(FILE *to, const struct policy *policy,
		    const struct policy__patterns *numbers, const char *last)
{
	for (size_t i = 0; i < numbers->count; i++) {
		fputs(policy__joint(i, numbers->count, last), to);
		policy__say_pattern(to, policy, &numbers->items[i]);
	}
}

/** Are they all named by how they begin? */
static bool
are_prefixes(const struct policy__patterns *numbers)
{
	for (size_t i = 0; i < numbers->count; i++) {
		if (numbers->items[i].kind != POLICY__PREFIX)
			return false;
	}
	return true;
}

void
policy__say_these(FILE *to, const struct policy *policy, const char *what,
		  const struct policy__patterns *numbers, const char *last)
{
	bool one =
	    numbers->count == 1 && numbers->items[0].kind == POLICY__EXACT;

	fprintf(to, "the %s%s ", what, one ? "" : "s");
	if (!are_prefixes(numbers)) {
		policy__say_numbers(to, policy, numbers, last);
		return;
	}
	fputs("that begin with ", to);
	for (size_t i = 0; i < numbers->count; i++) {
		fputs(policy__joint(i, numbers->count, "or"), to);
		policy__say_number(to, policy, numbers->items[i].first);
	}
}

void
policy__say_network(FILE *to, const struct policy__network *network)
{
	static const uint8_t mapped[12] = { [10] = 0xFF, [11] = 0xFF };
	char text[INET6_ADDRSTRLEN] = "";
	bool ipv4 = network->bits >= 96 &&
		    !memcmp(network->address, mapped, sizeof(mapped));

	inet_ntop(ipv4 ? AF_INET : AF_INET6, network->address + (ipv4 ? 12 : 0),
		  text, sizeof(text));
	fprintf(to, "%s/%" PRIu32, text, network->bits - (ipv4 ? 96 : 0));
}

/* ---- lists --------------------------------------------------------------- */

void
policy__say_names(FILE *to, const struct policy__names *names, const char *last)
{
	for (size_t i = 0; i < names->count; i++)
		fprintf(to, "%s%s", policy__joint(i, names->count, last),
			names->items[i]);
}

void
policy__say_areas(FILE *to, const struct policy *policy,
		  const struct policy__set *set, const char *last)
{
	for (size_t i = 0; i < set->count; i++)
		fprintf(to, "%s%s", policy__joint(i, set->count, last),
			policy->areas[set->items[i]].name);
}

void
policy__say_sites(FILE *to, const struct policy *policy,
		  const struct policy__set *set, const char *last)
{
	for (size_t i = 0; i < set->count; i++)
		fprintf(to, "%s%s", policy__joint(i, set->count, last),
			policy->sites[set->items[i]].name);
}

bool
policy__set_has(const struct policy__set *set, size_t i)
{
	if (set->all)
		return true;
	for (size_t k = 0; k < set->count; k++) {
		if (set->items[k] == i)
			return true;
	}
	return false;
}

void
policy__say_routes(FILE *to, uint32_t routes, bool first)
{
	static const char *const names[][2] = {
		[POLICY_IN] = { "incoming", "Incoming" },
		[POLICY_OUT] = { "outgoing", "Outgoing" },
		[POLICY_INTERNAL] = { "internal", "Internal" },
		[POLICY_TRANSIT] = { "transit", "Transit" },
	};
	struct policy__list_words list = { 0 };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (routes >> i & 1)
			policy__list_add(&list, names[i][first && !list.count]);
	}
	if (list.count < sizeof(names) / sizeof(names[0]))
		policy__say_list(to, &list, "and");
	else
		fputs(first ? "All" : "all", to);
	fputs(" calls", to);
}

const char *
policy__right_words(enum policy_right right)
{
	static const char *const words[POLICY_RIGHT_COUNT] = {
		[POLICY_RIGHT_FIND] = "find calls",
		[POLICY_RIGHT_PLAY] = "listen to recordings",
		[POLICY_RIGHT_EXPORT] = "make copies",
		[POLICY_RIGHT_SHARE] = "share copies",
		[POLICY_RIGHT_DELETE] = "delete recordings",
		[POLICY_RIGHT_HOLD] = "keep recordings beyond their time",
		[POLICY_RIGHT_PAUSE] = "pause recording",
		[POLICY_RIGHT_REPORT] = "draw up reports",
		[POLICY_RIGHT_OPERATE] = "operate the recorder",
		[POLICY_RIGHT_POLICY] = "change the policy",
	};

	return words[right];
}
