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

/** Where something was written, for what is found out later. */
struct policy__place {
	uint32_t line, column; /**< from 1 */
};

/** A calendar day. */
struct policy__date {
	bool set;
	int64_t day; /**< since 1970-01-01 */
};

/** A retention class. */
struct policy__class {
	char name[POLICY_NAME_BYTES];
	struct policy__place at;
	bool has_min;
	struct policy__duration min; /**< floor */
	struct policy__duration max; /**< ceiling */
	char then[POLICY_NAME_BYTES]; /**< class that counts from the end of a
				       * hold or case; "": this one again */
	const char *beyond; /**< whose advice it takes to keep it longer */
	bool gives_way;     /**< kept until `max`, but on a full disk it may go
			     * from `min` on */
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

struct policy__networks {
	size_t count;
	struct policy__network *items;
};

struct policy__names {
	size_t count;
	char (*items)[POLICY_NAME_BYTES];
};

/** Indices of areas, or of others of a list: which of them are meant. */
struct policy__set {
	bool all;        /**< nothing was said, so every one */
	size_t count;
	uint32_t *items; /**< ascending */
};

struct policy__rule {
	char name[POLICY_NAME_BYTES];
	struct policy__place at;
	char area[POLICY_NAME_BYTES]; /**< shown where none is known */
	char retention[POLICY_NAME_BYTES];
	enum policy_decision decision;
	uint32_t routes; /**< bit 1 << enum policy_route */
	uint32_t kinds;  /**< bit 1 << enum policy_kind */
	bool logged_in;  /**< only who is logged in */
	bool has_numbers, has_from, has_to, has_queues;
	struct policy__patterns numbers; /**< either party */
	struct policy__patterns from, to;
	struct policy__patterns queues;  /**< that the call is in */
	struct policy__set areas, sites; /**< that a party is of */
};

/** Numbers that go by one name: "group NAME" where numbers are wanted. */
struct policy__group {
	char name[POLICY_NAME_BYTES];
	struct policy__place at;
	struct policy__patterns numbers;
};

/** A building. */
struct policy__site {
	char name[POLICY_NAME_BYTES];
	struct policy__place at;
	struct policy__patterns extensions;
	struct policy__networks networks;
};

/** Who allowed something, and when. "" where nobody said. */
struct policy__approval {
	struct policy__place at;
	bool given;
	const char *proposed_by, *approved_by, *reference;
	struct policy__date approved, review_by;
	struct policy__date ends; /**< from this day on it holds no more */
};

/** What must be there before an area is recorded. */
enum policy__need { POLICY__NEED_CASE = 1, POLICY__NEED_REQUEST = 2 };

/** A service area. */
struct policy__area {
	char name[POLICY_NAME_BYTES];
	struct policy__place at;
	struct policy__patterns extensions;
	struct policy__patterns queues;  /**< numbers that callers dial */
	struct policy__set sites; /**< whose extensions are its own too */
	bool has_sites;           /**< some were named; never `all` */
	uint32_t needs; /**< enum policy__need, or'd */
	struct policy__approval business_case;
	/** what a business case confirms; "" where it does not */
	const char *reason, *security, *governance, *consultation, *access;
	struct policy__approval request;
	const char *manager;
	const char *payments;  /**< what is taken: "card", "bank", "no"; "" */
	struct policy__patterns confidential; /**< its people's unrecorded
					       * extensions */
};

/** Who is not recorded, whoever they talk to. */
struct policy__exemption {
	char name[POLICY_NAME_BYTES];
	struct policy__place at;
	struct policy__patterns numbers;
	const char *reason;
	struct policy__approval approval;
	enum policy_traces traces;
	int64_t lookback_ns; /**< before somebody exempt is asked to be called,
			      * or comes */
};

/** Who is recorded, but nobody may listen. */
struct policy__listen_deny {
	char name[POLICY_NAME_BYTES];
	struct policy__place at;
	struct policy__patterns numbers;
	const char *reason;
	struct policy__approval approval;
};

/** A code that is keyed: "*5". */
#define POLICY__CODE_BYTES 16

enum policy__resume { POLICY__RESUME_EXPLICIT, POLICY__RESUME_NEVER,
		      POLICY__RESUME_AFTER };

/** How it is seen that somebody pays, and what is done then. */
struct policy__payment {
	char name[POLICY_NAME_BYTES];
	struct policy__place at;
	struct policy__set areas;
	/* triggers */
	char keys[POLICY__CODE_BYTES];   /**< by an inside party; "": none */
	const char *header, *header_value; /**< SIP; "" */
	const char *info, *info_value;   /**< header of an INFO; "" */
	struct policy__patterns targets; /**< who is paid by telephone */
	bool hold;         /**< an inside party puts the other on hold */
	bool by_hand;      /**< `spanrec pause`, as a payment page asks it */
	bool tones;        /**< keys are looked for in the sound */
	bool card_numbers; /**< 13 to 19 digits that pass Luhn's test */
	/* and then */
	int64_t lookback_ns;
	enum policy__resume resume;
	int64_t after_ns;                     /**< POLICY__RESUME_AFTER */
	char resume_keys[POLICY__CODE_BYTES]; /**< by an inside party; "" */
};

struct policy__opt_out {
	bool given;
	struct policy__place at;
	struct policy__set areas;
	char keys[POLICY__CODE_BYTES];
	char return_keys[POLICY__CODE_BYTES]; /**< "": there is no way back */
	bool anybody;            /**< not the outside party alone */
	int64_t announcement_ns; /**< from the answer on audio waits so long */
	int64_t wait_ns;         /**< so long after the code it is final */
};

struct policy__purpose {
	char name[POLICY_NAME_BYTES];
	struct policy__place at;
	bool needs_case, needs_approver, needs_advice;
	bool play_only; /**< no copies */
	struct policy__names authorisers; /**< roles */
};

struct policy__role {
	char name[POLICY_NAME_BYTES];
	struct policy__place at;
	struct policy__names users, groups; /**< of the system */
};

/** A line of the access matrix. */
struct policy__grant {
	char role[POLICY_NAME_BYTES];
	struct policy__place at;
	uint32_t rights; /**< bit 1 << enum policy_right */
	struct policy__set areas;
	struct policy__names purposes; /**< none: all */
};

/** When a recording may leave the hands of those who may play it. */
struct policy__release {
	char name[POLICY_NAME_BYTES];
	struct policy__place at;
	bool outside; /**< to somebody who is not of the organisation */
	struct policy__names reasons, authorisers;
	const char *advice_from; /**< who must be asked first; "" */
	const char *needs;       /**< what must be there besides; "" */
	struct policy__duration dispose_within; /**< the copy; 0: not said */
};

struct policy__reminder {
	char name[POLICY_NAME_BYTES];
	struct policy__place at;
	const char *who, *text;
	struct policy__duration every;
	bool first_use;
	struct policy__date since;
};

/** Numbers that callers dial, and whether they are told. */
struct policy__announced {
	struct policy__place at;
	struct policy__patterns numbers;
	bool announced;
	struct policy__date since;
	const char *actions; /**< what is done instead, one a line; "" */
};

struct policy__sample {
	char name[POLICY_NAME_BYTES];
	struct policy__place at;
	struct policy__set areas;
	char purpose[POLICY_NAME_BYTES];
	uint32_t per_agent;
	struct policy__duration per;
	uint32_t outbound_percent;
	bool has_outbound;
	bool play_only;
};

struct policy__consulted {
	const char *who, *note;
	struct policy__date date;
};

struct policy__revision {
	const char *number, *summary, *author, *approver;
	struct policy__date date;
};

/** Who made this policy and who approved it. */
struct policy__document {
	struct policy__place at;
	bool given;
	const char *title, *revision, *owner, *author, *approver, *law, *contact;
	struct policy__date approved, in_force, review_by;
	bool minor; /**< a housekeeping amendment */
	size_t consulted_count;
	struct policy__consulted *consulted;
	size_t history_count;
	struct policy__revision *history;
};

struct policy__test; /* test_priv.h */

struct policy__text; /* texts.c */

struct policy {
	char organisation[POLICY_TEXT_BYTES];
	struct policy_zone *zone;
	char zone_name[POLICY_NAME_BYTES];
	struct policy__document document;
	struct policy__numbering numbering;
	struct policy__networks networks; /**< ours */
	bool unknown_recorded; /**< nobody knows who of ours it is, and yet */
	size_t groups_count;
	struct policy__group *groups;
	size_t sites_count;
	struct policy__site *sites;
	size_t areas_count;
	struct policy__area *areas;
	size_t exemptions_count;
	struct policy__exemption *exemptions;
	size_t listen_denies_count;
	struct policy__listen_deny *listen_denies;
	size_t payments_count; /**< at most POLICY_PAYMENTS_MAX */
	struct policy__payment *payments;
	struct policy__opt_out opt_out;
	size_t rules_count;
	struct policy__rule *rules;
	size_t classes_count;
	struct policy__class *classes;
	struct policy__duration metadata; /**< tombstones */
	bool clock_synchronised; /**< or nothing is deleted */
	size_t purposes_count;
	struct policy__purpose *purposes;
	struct policy__names owners;
	size_t roles_count;
	struct policy__role *roles;
	size_t grants_count;
	struct policy__grant *grants;
	size_t releases_count;
	struct policy__release *releases;
	size_t reminders_count;
	struct policy__reminder *reminders;
	size_t announced_count;
	struct policy__announced *announced;
	size_t samples_count;
	struct policy__sample *samples;
	size_t tests_count;
	struct policy__test *tests;
	struct policy__lookup *lookup; /**< whose a number is */
	struct policy__text *texts;    /**< owns every const char * above */
};

/* ---- lookup.c ---------------------------------------------------------- */

/** What a number may be named by. */
enum policy__named { POLICY__NAMED_EXEMPTION, POLICY__NAMED_LISTEN_DENY,
		     POLICY__NAMED_TARGET,    /**< of a payment */
		     POLICY__NAMED_EXTENSION, /**< of an area */
		     POLICY__NAMED_QUEUE,     /**< of an area */
		     POLICY__NAMED_CONFIDENTIAL, /**< of an area */
		     POLICY__NAMED_SITE, POLICY__NAMED_COUNT };

/** @param index of the exemption, the area, ... */
typedef void (*policy__named_fn)(void *ctx, enum policy__named what,
				 uint32_t index);

/** Build policy->lookup of all that was loaded. @return 0, -ENOMEM */
int policy__lookup_new(struct policy *policy)
	__attribute__((warn_unused_result));
void policy__lookup_free(struct policy__lookup **lookup);

/** The longest look-back of any exemption: every call may come to it. */
int64_t policy__lookup_back_ns(const struct policy *policy);

/** Every list that names a number; one may be told several times.
 * @cost log of how many there are */
void policy__lookup_each(const struct policy *policy, const char *normalised,
			 policy__named_fn fn, void *ctx);

/** The same for somebody of whom it is known that he is of a site: it, and, as
 * POLICY__NAMED_EXTENSION, its areas. */
void policy__lookup_site(const struct policy *policy, uint32_t site,
			 policy__named_fn fn, void *ctx);

/* ---- decide.c ---------------------------------------------------------- */

bool policy__is_recorded(const struct policy_verdict *verdict);

/* ---- texts.c ----------------------------------------------------------- */

/** A copy that lives as long as the policy. NULL: out of memory. */
const char *policy__text_keep(struct policy *policy, const char *text);
void policy__texts_free(struct policy__text **texts);

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
/** Fills year, month and day. */
void policy__civil_from_days(int64_t days, struct policy_civil *civil);
unsigned policy__days_in_month(int64_t year, unsigned month);

#endif
