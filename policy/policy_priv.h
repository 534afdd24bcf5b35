/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of policy/ share: the loaded policy, and helpers. */
#ifndef POLICY_POLICY_PRIV_H
#define POLICY_POLICY_PRIV_H

#include "policy/policy.h"

#define POLICY__SECOND_NS INT64_C(1000000000)
#define POLICY__DAY_S     INT64_C(86400)
#define POLICY__PREFIX_BYTES 8

/** Days are 24 h each; months are calendar months. One of them is zero. */
struct policy__duration {
	uint32_t days;
	uint32_t months;
};

/** A retention class. */
struct policy__class {
	char name[POLICY_NAME_BYTES];
	bool has_min;
	struct policy__duration min; /**< floor */
	struct policy__duration max; /**< ceiling */
};

/** One number, the numbers from first to last, or those that begin so. */
struct policy__pattern {
	enum { POLICY__EXACT, POLICY__RANGE, POLICY__PREFIX } kind;
	char first[POLICY_NUMBER_BYTES]; /**< normalised */
	char last[POLICY_NUMBER_BYTES];  /**< as long as first */
};

struct policy__patterns {
	size_t count;
	struct policy__pattern *items;
};

struct policy__numbering {
	char country[POLICY__PREFIX_BYTES];
	char international_prefix[POLICY__PREFIX_BYTES];
	char national_prefix[POLICY__PREFIX_BYTES];
	char outside_line[POLICY__PREFIX_BYTES];
	uint32_t national_digits; /**< 0: none are national by length */
	uint32_t extension_min, extension_max; /**< digits */
	struct policy__patterns internal; /**< empty: all extensions */
	struct policy__patterns external; /**< short, but not ours: 999 */
};

/** IPv4 as ::ffff:0:0/96. */
struct policy__network {
	uint8_t address[16];
	uint32_t bits;
};

struct policy__rule {
	char name[POLICY_NAME_BYTES];
	char area[POLICY_NAME_BYTES];
	char retention[POLICY_NAME_BYTES];
	enum policy_decision decision;
	uint32_t routes; /**< bit 1 << enum policy_route */
	bool has_numbers, has_from, has_to;
	struct policy__patterns numbers; /**< either party */
	struct policy__patterns from, to;
};

struct policy__names {
	size_t count;
	char (*items)[POLICY_NAME_BYTES];
};

struct policy {
	char site[POLICY_TEXT_BYTES];
	struct policy_zone *zone;
	struct policy__numbering numbering;
	size_t networks_count;
	struct policy__network *networks;
	struct policy__names purposes;
	struct policy__names owners;
	size_t classes_count;
	struct policy__class *classes;
	struct policy__duration metadata; /**< tombstones */
	size_t rules_count;
	struct policy__rule *rules;
};

/* ---- numbers.c --------------------------------------------------------- */

void policy__number_normalise(const struct policy__numbering *numbering,
			      const char *number,
			      char normalised[POLICY_NUMBER_BYTES]);

/**
 * Read "2750", "2200-2399", "01534 4455*" or a name.
 *
 * @return NULL, or what is wrong
 */
const char *policy__pattern_parse(const struct policy__numbering *numbering,
				  const char *text,
				  struct policy__pattern *pattern);

bool policy__patterns_fit(const struct policy__patterns *patterns,
			  const char *normalised);

/* ---- clocks.c ---------------------------------------------------------- */

/** "14d", "12 months", "1 year". @return false: not a duration */
bool policy__duration_parse(const char *text, struct policy__duration *d);

/** Is a, counted from any moment, over before b is? */
bool policy__duration_below(const struct policy__duration *a,
			    const struct policy__duration *b);

/* ---- zone.c ------------------------------------------------------------ */

/** @return 0, -EBADMSG, -ENOMEM */
int policy__zone_parse(struct policy_zone **zone, const uint8_t *bytes,
		       size_t n) __attribute__((warn_unused_result));

/** Days since 1970-01-01 in the Gregorian calendar. month 1 to 12 */
int64_t policy__days_from_civil(int64_t year, unsigned month, unsigned day);
unsigned policy__days_in_month(int64_t year, unsigned month);

#endif
