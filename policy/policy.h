/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The policy: which calls are recorded, who counts as internal, how long
 * recordings live. Loaded from YAML; verdicts are pure functions of the policy
 * and the facts of a call.
 *
 *   load.c     YAML -> struct policy, every mistake with its line and column
 *   default.c  the policy that a new home begins with
 *   schema.c   reading a YAML mapping by a table of fields (settings too)
 *   yaml.c     text -> YAML document; what is not wanted in one is refused
 *   numbers.c  one spelling of telephone numbers
 *   decide.c   facts -> verdict
 *   clocks.c   floor, ceiling and due time of a retention class
 *   zone.c     time zones (TZif, RFC 8536) without setenv(TZ)
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define POLICY_NAME_BYTES 48
#define POLICY_NUMBER_BYTES 64

struct policy;

/** A mistake in a policy or settings file. */
struct policy_error {
	uint32_t line;   /**< from 1; 0: the file as a whole */
	uint32_t column; /**< from 1 */
	char text[240];  /**< in words: what is wrong, what is allowed */
};

/** All mistakes of one file, at most 64 and how many more. */
struct policy_errors {
	uint32_t count;
	uint32_t more;
	struct policy_error errors[64];
};

/**
 * @param text YAML, UTF-8, n bytes
 * @param errors filled on -EINVAL
 * @return 0, -EINVAL (see errors), -ENOMEM
 */
int policy_load(struct policy **policy, const char *text, size_t n,
		struct policy_errors *errors)
	__attribute__((warn_unused_result));
void policy_free(struct policy **policy);

/** The policy that `spanrec init` writes, commented. NUL-terminated; "%s" in
 * it is the owner's user name. */
const char *policy_default_text(void);

/** Name of the site, for reports. Borrowed. */
const char *policy_site_peek(const struct policy *policy);

/** The ith purpose that a recording may be used for; NULL: no more. */
const char *policy_purpose_peek(const struct policy *policy, size_t i);

/** Has this user every right? */
bool policy_user_is_owner(const struct policy *policy, const char *user);

/** "file:line:column: text" for each mistake. */
void policy_errors_print(const struct policy_errors *errors, const char *file,
			 FILE *to);

/* ---- numbers ----------------------------------------------------------- */

/**
 * One spelling of a number: separators removed, "+" or the international
 * prefix -> "+", national prefix -> "+<country>", "+" put before the country
 * where it is missing, outside-line prefix cut, as the policy's numbering says.
 * Extensions (2 to 6 digits by default), what is shorter, and names that are no
 * numbers ("alice") stay as they are.
 *
 * @param number user part of a SIP or tel URI, with or without parameters
 */
void policy_number_normalise(const struct policy *policy, const char *number,
			     char normalised[POLICY_NUMBER_BYTES]);

/** "+" or a digit, then digits only: is this (normalised) a number, no name? */
bool policy_is_number(const char *normalised);

/** Is this (normalised) number one of ours? */
bool policy_number_internal(const struct policy *policy,
			    const char *normalised);

/* ---- verdicts ---------------------------------------------------------- */

/** What is known of a call; everything may be "" or zero. */
struct policy_facts {
	const char *from;       /**< user part as sent */
	const char *to;
	const char *const *also; /**< as sent: others who have part in the call;
				  *   where what is not recorded is told by a
				  *   number, theirs tell it too */
	uint32_t also_count;
	uint8_t from_addr[16];  /**< signalling address, IPv4 mapped */
	uint8_t to_addr[16];
	int64_t start_ns;
};

enum policy_decision { POLICY_RECORD, POLICY_DROP, POLICY_LISTEN_DENY,
		       POLICY_OUT_OF_SCOPE };
enum policy_route { POLICY_IN, POLICY_OUT, POLICY_INTERNAL, POLICY_TRANSIT };

struct policy_verdict {
	enum policy_decision decision;
	/** code: "record", "exempt", "listen-deny", "out-of-scope", "no-rule" */
	char reason[POLICY_NAME_BYTES];
	char rule[POLICY_NAME_BYTES];   /**< name of the rule that decided */
	enum policy_route route;
	bool local_is_caller; /**< which party is the left channel */
	char from[POLICY_NUMBER_BYTES]; /**< normalised */
	char to[POLICY_NUMBER_BYTES];
	char local[POLICY_NUMBER_BYTES]; /**< "" in transit */
	char remote[POLICY_NUMBER_BYTES]; /**< in transit the callee */
	char area[POLICY_NAME_BYTES];
	char retention[POLICY_NAME_BYTES]; /**< "" where nothing is recorded */
	int64_t lookback_ns;  /**< how long audio waits before it is sealed */
};

/** A key that somebody in a call has pressed: what the policy is told. */
struct policy_key {
	int64_t time_ns;
	bool local; /**< by who is on the left channel */
	char key;   /**< 0 to 9, *, #, A to D. It is kept nowhere */
};

/** Pure: the same policy and facts give the same verdict. */
void policy_decide(const struct policy *policy,
		   const struct policy_facts *facts,
		   struct policy_verdict *verdict);

/* ---- clocks ------------------------------------------------------------ */

struct policy_clock {
	int64_t floor_ns;   /**< must exist until then; = start if no floor */
	int64_t ceiling_ns; /**< must be gone then */
	int64_t due_ns;     /**< when the purge takes it */
	int64_t metadata_ns; /**< when its tombstone goes too */
};

/**
 * Clocks of a recording that began at start_ns. Days are N x 24 h, months
 * calendar months in the policy's zone, clamped to the end of the month. Due
 * = the floor where the ceiling lies later, else ceiling - 10 min. A class the
 * policy does not know (any more) gets the policy's shortest ceiling that is
 * not below any floor, so that nothing is ever kept without an end; -ENOENT
 * says so. So does "", the class of what was not recorded, but that is no
 * error.
 *
 * @return 0, or -ENOENT with *clock filled all the same
 */
int policy_clock(const struct policy *policy, const char *retention,
		 int64_t start_ns, struct policy_clock *clock);

/**
 * Whoever goes through calls in the order in which they began may stop where
 * these lie in the future: of calls of this class that began at start_ns or
 * later none is due before *due_ns, and no tombstone of them goes before
 * *metadata_ns. Where only days are counted these are the times of such a call
 * itself; months end in another order than they begin (31 August and six months
 * is earlier than 30 August later in the day and six months), so there it is up
 * to four days less. For a class that the policy does not know it is what holds
 * by the fallback of policy_clock.
 */
void policy_clock_earliest(const struct policy *policy, const char *retention,
			   int64_t start_ns, int64_t *due_ns,
			   int64_t *metadata_ns);

/* ---- time zones -------------------------------------------------------- */

struct policy_zone;

/**
 * @param name "Europe/London", "UTC"
 * @return 0, -ENOENT, -EBADMSG, -ENOMEM
 */
int policy_zone_load(struct policy_zone **zone, const char *name)
	__attribute__((warn_unused_result));
void policy_zone_free(struct policy_zone **zone);

/** The zone of the policy's site. Borrowed. */
const struct policy_zone *policy_zone_peek(const struct policy *policy);

/** Broken-down civil time. */
struct policy_civil {
	int32_t year;
	uint8_t month, day, hour, minute, second; /**< 1-12, 1-31, ... */
	uint32_t nanosecond;
	int32_t offset_s; /**< east of UTC; set by policy_zone_civil */
	char abbreviation[8];
};

void policy_zone_civil(const struct policy_zone *zone, int64_t time_ns,
		       struct policy_civil *civil);

/**
 * @param later of two instants with this civil time take the later; of a time
 *        that a spring change skips, the instant of the change is given
 */
int64_t policy_zone_instant(const struct policy_zone *zone,
			    const struct policy_civil *civil, bool later);

/* ---- settings ---------------------------------------------------------- */

enum policy_field_type { POLICY_FIELD_BOOL, POLICY_FIELD_U32,
			 POLICY_FIELD_U64, POLICY_FIELD_TEXT,
			 POLICY_FIELD_TEXTS /**< a list of texts */ };

/**
 * One setting, written once: feeds the reader, the commented file that `init`
 * writes, and the manual.
 */
struct policy_field {
	const char *name;
	enum policy_field_type type;
	size_t offset;       /**< in the struct that is read into */
	uint64_t min, max;   /**< numbers; lengths of texts; counts of lists */
	const char *unit;    /**< "ms", "KiB", "" */
	const char *value;   /**< default, as YAML */
	const char *text;    /**< one or two lines for people */
};

#define POLICY_TEXT_BYTES 256 /**< char[] that a POLICY_FIELD_TEXT fills */
#define POLICY_TEXTS_MAX 16
struct policy_texts {
	uint32_t count;
	char text[POLICY_TEXTS_MAX][POLICY_TEXT_BYTES];
};

/**
 * Read a YAML mapping by a table; what the file does not name gets its
 * default. Unknown names, wrong types and values out of range are errors.
 */
int policy_fields_load(const struct policy_field *fields, size_t count,
		       void *into, const char *text, size_t n,
		       struct policy_errors *errors)
	__attribute__((warn_unused_result));

/** Write the table as a commented YAML file of all defaults. */
int policy_fields_write(const struct policy_field *fields, size_t count,
			FILE *to);

#endif
