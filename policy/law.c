/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Until when somebody has to be answered who asks what is kept of him. */
#include "policy/policy_priv.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *name, *text, *more;
	unsigned months, days;           /* from when it came in */
	unsigned more_months, more_days; /* where that was extended */
} laws[POLICY_LAW_COUNT] = {
	[POLICY_LAW_UK] = { .name = "uk",
			    .text = "one calendar month, UK GDPR article 12(3)",
			    .more = "two further months",
			    .months = 1,
			    .more_months = 2 },
	[POLICY_LAW_JERSEY] = { .name = "jersey",
				.text =
				    "four weeks, Data Protection (Jersey) Law "
				    "2018, article 27",
				.more = "eight further weeks",
				.days = 28,
				.more_days = 56 },
};

const char *
policy_law_name(enum policy_law law)
{
	return (unsigned)law < POLICY_LAW_COUNT ? laws[law].name : "?";
}

const char *
policy_law_text(enum policy_law law)
{
	return (unsigned)law < POLICY_LAW_COUNT ? laws[law].text : "?";
}

const char *
policy_law_more_text(enum policy_law law)
{
	return (unsigned)law < POLICY_LAW_COUNT ? laws[law].more : "?";
}

int
policy_law_find(const char *name)
{
	for (int i = 0; i < POLICY_LAW_COUNT; i++)
		if (strcmp(laws[i].name, name) == 0)
			return i;
	return -ENOENT;
}

static int64_t
number_of(const struct policy_date *date)
{
	return policy__days_from_civil(date->year, date->month, date->day);
}

int32_t
policy_date_days(const struct policy_date *from, const struct policy_date *to)
{
	return (int32_t)(number_of(to) - number_of(from));
}

static void
add_days(struct policy_date *date, uint32_t days)
{
	unsigned here;

	while (days > 0) {
		here = policy__days_in_month(date->year, date->month);
		if (days <= here - date->day) {
			date->day = (uint8_t)(date->day + days);
			return;
		}
		days -= here - date->day + 1;
		date->day = 1;
		date->year += date->month == 12;
		date->month = (uint8_t)(date->month % 12 + 1);
	}
}

void
policy_law_due(enum policy_law law, const struct policy_asking *asking,
	       struct policy_date *due)
{
	const struct policy_date *received = &asking->received;
	const int64_t month = (int64_t)received->year * 12 + received->month -
			      1 + laws[law].months +
			      (asking->extended ? laws[law].more_months : 0);
	unsigned last;

	due->year = (int32_t)(month / 12);
	due->month = (uint8_t)(month % 12 + 1);
	last = policy__days_in_month(due->year, due->month);
	due->day = received->day < last ? received->day : (uint8_t)last;
	add_days(due, laws[law].days);
	if (asking->extended)
		add_days(due, laws[law].more_days);
	add_days(due, asking->paused_days);
}
