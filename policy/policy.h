/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The policy: which calls are recorded, who counts as internal, how long
 * recordings live. Loaded from YAML; verdicts are pure functions of the policy
 * and the facts of a call.
 *
 *   load.c     YAML -> struct policy, every mistake with its line and column;
 *              load_*.c: a few sections each
 *   default.c  the policy that a new home begins with
 *   schema.c   reading a YAML mapping by a table of fields (settings too)
 *   yaml.c     text -> YAML document; what is not wanted in one is refused
 *   lint.c     what is allowed, and unwise
 *   free.c, texts.c  what a policy holds in memory
 *   numbers.c  one spelling of telephone numbers
 *   lookup.c   number -> every list that names it
 *   decide.c   facts -> verdict
 *   call.c     what happens in a call: payment, opt-out
 *   canary.c   the payments, and calls that may come to them
 *   access.c   who may do what with a recording
 *   clocks.c   floor, ceiling and due time of a retention class
 *   law.c      until when a subject has to be answered
 *   zone.c     time zones (TZif, RFC 8536) without setenv(TZ)
 *   explain.c  the policy in plain English, explain_*.c: for whom; diff.c what
 *              another one says otherwise; words.c pieces of sentences
 *   test.c     the test cases that a policy brings along
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
	char text[320];  /**< in words: what is wrong, what is allowed */
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

/** What is allowed in this policy, but unwise, on a day: payments without a
 * trigger, a review that is due, a role that nobody holds. Same form as
 * mistakes. @param warnings emptied first */
void policy_lint(const struct policy *policy, int64_t now_ns,
		 struct policy_errors *warnings);

/** The policy that `spanrec init` writes, commented. NUL-terminated; "%s" in
 * it is the owner's user name. */
const char *policy_default_text(void);

/** Name of the organisation, for reports. Borrowed. */
const char *policy_organisation_peek(const struct policy *policy);

/** Name of its time zone: "Europe/London". Borrowed. */
const char *policy_zone_name_peek(const struct policy *policy);

/** Who answers for this policy. Borrowed; "" where it does not say. */
struct policy_document {
	const char *title, *revision, *owner, *author, *approver;
	bool minor; /**< a housekeeping amendment */
};
void policy_document_peek(const struct policy *policy,
			  struct policy_document *document);

/** The ith purpose that a recording may be used for; NULL: no more. */
const char *policy_purpose_peek(const struct policy *policy, size_t i);

/** Has this user every right? */
bool policy_user_is_owner(const struct policy *policy, const char *user);

/** "file:line:column: text" for each mistake. */
void policy_errors_print(const struct policy_errors *errors, const char *file,
			 FILE *to);
/** "file:line:column: warning: text" for each of what policy_lint found. */
void policy_warnings_print(const struct policy_errors *warnings,
			   const char *file, FILE *to);

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

/** Is this (normalised) number of a form that the policy's numbering knows: one
 * of ours, or with its country? Where no country is told, any may be. */
bool policy_number_plausible(const struct policy *policy,
			     const char *normalised);

/** Is this (normalised) number one of ours? */
bool policy_number_internal(const struct policy *policy,
			    const char *normalised);

/* ---- verdicts ---------------------------------------------------------- */

/** What a conversation is: who is talked to, or that nobody is. */
enum policy_kind { POLICY_KIND_AGENT, POLICY_KIND_QUEUE, POLICY_KIND_HOLD,
		   POLICY_KIND_CONSULT, POLICY_KIND_TRANSFER,
		   POLICY_KIND_PAYMENT };

/** Payments that a policy may have. */
#define POLICY_PAYMENTS_MAX 32

/** Why a call is paused. */
enum policy_pause { POLICY_NOT_PAUSED, POLICY_PAUSED_BY_HAND,
		    POLICY_PAUSED_FOR_PAYMENT };
enum policy_opt { POLICY_OPT_NONE, POLICY_OPT_PENDING, POLICY_OPT_OUT };

/**
 * What has happened in a call, in any of its conversations, that binds all
 * that follows. Zeroed: nothing. It has no pointers and no digits: it may be
 * kept, and survives reload and restart.
 */
struct policy_state {
	enum policy_pause pause;
	bool for_good;       /**< never recorded again */
	int64_t paused_ns;   /**< since when, look-back included */
	int64_t resume_ns;   /**< by itself then; 0: not by itself */
	char rule[POLICY_NAME_BYTES]; /**< payment that paused it */
	char by[POLICY_NAME_BYTES];   /**< "keys", "transfer", ... */
	enum policy_opt opt;
	int64_t opt_ns; /**< pending: final then */
	uint32_t returns; /**< opted out, and came back */
};

/** What is known of a call; everything may be "" or zero. */
struct policy_facts {
	const char *from;       /**< user part as sent */
	const char *to;
	const char *const *also; /**< as sent: others who have part in the call,
				  *   and what else its parties are known by;
				  *   where what is not recorded is told by a
				  *   number, theirs tell it too */
	uint32_t also_count;
	const char *const *dialled; /**< as sent: what was dialled, and diverted
				     *   from, to get to who talks now; of
				     *   these a queue may be one */
	uint32_t dialled_count;
	bool from_logged_in, to_logged_in; /**< a registration is known */
	bool from_unknown, to_unknown; /**< only its host is known, not who */
	bool no_signalling; /**< nothing is known but two addresses: anybody may
			     * talk, and call anybody */
	uint8_t from_addr[16];  /**< signalling address, IPv4 mapped */
	uint8_t to_addr[16];
	enum policy_kind kind;  /**< but for holds */
	bool held;
	const struct policy_state *state; /**< NULL: nothing has happened */
	int64_t start_ns;       /**< of the call */
};

enum policy_decision { POLICY_RECORD, POLICY_DROP, POLICY_LISTEN_DENY,
		       POLICY_OUT_OF_SCOPE };
enum policy_route { POLICY_IN, POLICY_OUT, POLICY_INTERNAL, POLICY_TRANSIT };

/** What stays of a call that is not recorded. */
enum policy_traces {
	POLICY_TRACES_FULL,    /**< who called whom, when, and why not */
	POLICY_TRACES_MINIMAL, /**< when, which exemption: no number */
	POLICY_TRACES_COUNT    /**< one more on that day: no row at all */
};

struct policy_verdict {
	enum policy_decision decision;
	/**
	 * Code: "record", "payment", "opt-out", "exempt", "not-approved",
	 * "unknown-party", "listen-deny", "out-of-scope", "no-rule".
	 */
	char reason[POLICY_NAME_BYTES];
	char rule[POLICY_NAME_BYTES];   /**< what decided, by its name */
	enum policy_route route;
	enum policy_traces traces;
	bool local_is_caller; /**< which party is the left channel */
	char from[POLICY_NUMBER_BYTES]; /**< normalised */
	char to[POLICY_NUMBER_BYTES];
	char local[POLICY_NUMBER_BYTES]; /**< "" in transit */
	char remote[POLICY_NUMBER_BYTES]; /**< in transit the callee */
	char area[POLICY_NAME_BYTES];
	char retention[POLICY_NAME_BYTES]; /**< "" where nothing is recorded */
	/* what may still happen, also where nothing is recorded */
	uint32_t payments;    /**< bit by index: those that may be triggered */
	bool opt_out;         /**< the call may be opted out of */
	/* where something is: how far that reaches back */
	bool tones;           /**< one payment wants keys heard in the sound */
	int64_t lookback_ns;  /**< audio waits so long before it is sealed; 0:
			       * nothing reaches back */
	int64_t reach_ns;     /**< of what is not recorded: so long before
			       * that became known, nothing is either */
	int64_t announcement_ns; /**< ... and so long after the answer */
};

/** Pure: the same policy and facts give the same verdict. */
void policy_decide(const struct policy *policy,
		   const struct policy_facts *facts,
		   struct policy_verdict *verdict);

/** Is this (normalised) number one that takes payments? */
bool policy_is_payment_target(const struct policy *policy,
			      const char *normalised);

/** The name of an area, in the order of the file. @param i from 0
 * @return NULL: there is none. @ownership the policy's */
const char *policy_area_peek(const struct policy *policy, size_t i);

/** Is this (normalised) number where callers of an area wait for somebody? */
bool policy_is_queue(const struct policy *policy, const char *normalised);

/* ---- what happens in a call ---------------------------------------------- */

enum policy_event_type {
	POLICY_EVENT_KEY,    /**< `key` by `inside` */
	POLICY_EVENT_HEADER, /**< SIP header `name`: `value` */
	POLICY_EVENT_INFO,   /**< ... in an INFO */
	POLICY_EVENT_TARGET, /**< `value`, as sent, is to be called for it */
	POLICY_EVENT_HOLD,   /**< by `inside` */
	POLICY_EVENT_PAUSE,  /**< somebody asked for it by hand */
	POLICY_EVENT_RESUME, /**< likewise */
	POLICY_EVENT_TIME,   /**< nothing but time has passed */
	POLICY_EVENT_END     /**< the call is over */
};

struct policy_event {
	enum policy_event_type type;
	int64_t time_ns;
	bool inside;       /**< KEY, HOLD: by who is ours */
	char key;          /**< KEY: 0 to 9, *, #, A to D. It is kept nowhere */
	const char *name;  /**< HEADER, INFO; never NULL for these */
	const char *value; /**< HEADER, INFO, TARGET */
};

#define POLICY_KEYS_KEPT 24

/** The latest keys of a call, by side: [0] outside, [1] inside. In memory only;
 * policy_keys_expire them as time passes, and policy_keys_wipe them when the call
 * is over. */
struct policy_keys {
	struct {
		uint32_t count;
		char key[POLICY_KEYS_KEPT];
		int64_t time_ns[POLICY_KEYS_KEPT];
	} side[2];
	int64_t paid_ns; /**< the latest trigger: what was keyed before it, and is
			  * heard of later, resumes nothing */
};
void policy_keys_wipe(struct policy_keys *keys);
/** Wipe those of which nothing can come any more. */
void policy_keys_expire(struct policy_keys *keys, int64_t now_ns);

/** What is to be done because of an event. Several may be. */
struct policy_effect {
	bool changed; /**< the state did: keep it */
	bool paused;  /**< nothing is recorded from from_ns on */
	bool resumed; /**< it is again, from from_ns on */
	int64_t from_ns;
	bool decide;  /**< ask for a verdict again */
	bool pending; /**< nothing is sealed until it is released, discarded */
	bool released;
	bool discard; /**< all that was recorded of this call goes, at once */
	bool card_number; /**< one was keyed, and nothing had been paused: a
			   * control has failed */
	bool refused; /**< RESUME: this call is not recorded again */
};

/**
 * Pure, but for what it changes in *state and *keys.
 *
 * @param verdict of the conversation in which it happened
 * @param keys may be NULL for all but KEY
 */
void policy_call_event(const struct policy *policy,
		       const struct policy_verdict *verdict,
		       const struct policy_event *event,
		       struct policy_state *state, struct policy_keys *keys,
		       struct policy_effect *effect);

/**
 * Somebody keys digits, and it may become a card number: then all goes since
 * the first of them, so nothing of that is to be sealed until it is known.
 *
 * @return since when, look-back included; INT64_MAX: nobody does
 */
int64_t policy_keys_since(const struct policy *policy,
			  const struct policy_keys *keys, int64_t now_ns);

/** When POLICY_EVENT_TIME has something to do; INT64_MAX: never. */
int64_t policy_call_due(const struct policy_state *state);

/** Names of SIP headers that triggers wait for, none twice. Borrowed.
 * @return how many */
uint32_t policy_watched(const struct policy *policy,
			const char *names[2 * POLICY_PAYMENTS_MAX]);

/* ---- payments ------------------------------------------------------------- */

/** How it is seen that somebody pays. Texts are borrowed, and "" where there is
 * no such trigger. */
struct policy_payment {
	const char *name;
	const char *keys, *resume_keys; /**< by who is ours */
	const char *header, *header_value; /**< value "": any */
	const char *info, *info_value;
	char target[POLICY_NUMBER_BYTES]; /**< one of those */
	bool hold, tones, card_numbers;
	int64_t lookback_ns;
	int64_t after_ns; /**< it ends by itself; 0: it does not */
};

/** The ith payment, of at most POLICY_PAYMENTS_MAX. @return false: no more */
bool policy_payment_peek(const struct policy *policy, size_t i,
			 struct policy_payment *payment);

enum policy_example {
	POLICY_EXAMPLE_TARGET, /**< who is paid by telephone */
	POLICY_EXAMPLE_QUEUE,  /**< of the areas of the payment */
	POLICY_EXAMPLE_INSIDE, /**< likewise, then others of ours */
	POLICY_EXAMPLE_OUTSIDE /**< none of ours, unless a rule names it */
};

/**
 * Numbers that the policy names, a few of each range, for calls that may come
 * to the ith payment. Which of them are recorded policy_decide says.
 *
 * @param i less than there are payments
 * @param numbers [most] normalised, none twice
 * @return how many
 * @cost quadratic in `most`
 */
size_t policy_payment_examples(const struct policy *policy, size_t i,
			       enum policy_example what,
			       char (*numbers)[POLICY_NUMBER_BYTES],
			       size_t most);

/* ---- access --------------------------------------------------------------- */

enum policy_right { POLICY_RIGHT_FIND, POLICY_RIGHT_PLAY, POLICY_RIGHT_EXPORT,
		    POLICY_RIGHT_SHARE, POLICY_RIGHT_DELETE, POLICY_RIGHT_HOLD,
		    POLICY_RIGHT_PAUSE, POLICY_RIGHT_REPORT,
		    POLICY_RIGHT_OPERATE, POLICY_RIGHT_POLICY,
		    POLICY_RIGHT_COUNT };
const char *policy_right_name(enum policy_right right); /**< "find" ... */

/** Somebody who wants to do something. */
struct policy_person {
	const char *user;
	const char *const *groups; /**< of the system */
	size_t groups_count;
};

/** What somebody wants to do with recordings. */
struct policy_wish {
	enum policy_right right;
	const char *area;    /**< theirs; "": they belong to none */
	const char *purpose; /**< NULL where the right needs none */
};

/** May somebody do that? @param why [why_bytes] in words, if not */
bool policy_may(const struct policy *policy,
		const struct policy_person *person,
		const struct policy_wish *wish, char *why, size_t why_bytes);

/** Does the policy give somebody any access? */
bool policy_person_known(const struct policy *policy,
			 const struct policy_person *person);

/** What has to be there to do anything for a purpose. */
enum { POLICY_NEEDS_CASE = 1, POLICY_NEEDS_APPROVER = 2,
       POLICY_NEEDS_ADVICE = 4 };
/** @return POLICY_NEEDS_*, or'd; 0 for a purpose that there is not */
uint32_t policy_purpose_needs(const struct policy *policy, const char *purpose);
/** May somebody allow what is done for a purpose? */
bool policy_authorises(const struct policy *policy,
		       const struct policy_person *person, const char *purpose);

/* ---- for people ------------------------------------------------------------ */

enum policy_audience { POLICY_FOR_COMPLIANCE, POLICY_FOR_STAFF,
		       POLICY_FOR_CALLER };

/**
 * The policy in plain English, in paragraphs that are not wrapped; headings
 * begin with "# ".
 *
 * @param area only what concerns it; NULL: all
 * @param now_ns what an approval that has ended by then allows is not said
 * @return 0, -ENOENT (no such area), -ENOMEM
 */
int policy_explain(const struct policy *policy, enum policy_audience audience,
		   const char *area, int64_t now_ns, FILE *to)
	__attribute__((warn_unused_result));

/** A decision that was made, as a row tells of it. */
struct policy_decided {
	const char *reason, *rule, *area; /**< as in the verdict */
	int64_t start_ns;                 /**< of the call */
};

/**
 * Why this policy decided so, in sentences with a blank before each: the reason
 * of an exemption and who approved it, what an area lacks, when recording stops
 * for a payment. Nothing where there is no more to say.
 */
void policy_explain_decision(const struct policy *policy,
			     const struct policy_decided *decided, FILE *to);

/** What another policy says otherwise, a line each: "- ", "+ ", "~ " and
 * words. @return how many, or -ENOMEM */
int policy_diff(const struct policy *before, const struct policy *after,
		FILE *to) __attribute__((warn_unused_result));

/** Run the tests that the policy brings along. One line for each that fails,
 * with its line in the file and what came instead. */
struct policy_test_result {
	uint32_t passed, failed;
};
/** @return 0, -ENOMEM */
int policy_test_run(const struct policy *policy, const char *file, FILE *to,
		    struct policy_test_result *result)
	__attribute__((warn_unused_result));

/* ---- clocks ------------------------------------------------------------ */

struct policy_clock {
	int64_t floor_ns;   /**< must exist until then; = start if no floor */
	int64_t ceiling_ns; /**< must be gone then */
	int64_t due_ns;     /**< when the purge takes it */
	int64_t metadata_ns; /**< when its tombstone goes too */
	bool gives_way;     /**< on a full disk it may go from its floor on */
};

/**
 * Clocks of a recording that began at start_ns. Days are N x 24 h, months
 * calendar months in the policy's zone, clamped to the end of the month. Due
 * = the floor where the ceiling lies later, else ceiling - 10 min; so it is too
 * in a class that gives way, or there would be nothing that can. A class the
 * policy does not know (any more) gets the policy's shortest ceiling that is
 * not below any floor, so that nothing is ever kept without an end, and it does
 * not give way; -ENOENT says so. So does "", the class of what was not
 * recorded, but that is no error.
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

/** Does this class, or with NULL any, give way on a full disk? */
bool policy_gives_way(const struct policy *policy, const char *retention);

/** Until when notes stay of what ended at end_ns: a case, a request. */
int64_t policy_metadata_ns(const struct policy *policy, int64_t end_ns);

/** Of what began before this, to a second, no class of the policy leaves even a
 * tombstone at now_ns. @cost a few hundred time zone look-ups */
int64_t policy_metadata_over(const struct policy *policy, int64_t now_ns);

/** May nothing be deleted by a clock that no time server keeps right? */
bool policy_clock_synchronised(const struct policy *policy);

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

/* ---- the clocks of the law (law.c) ---------------------------------------- */

/** How long somebody has to answer who is asked for what he keeps of a person. */
enum policy_law {
	POLICY_LAW_UK,     /**< one calendar month: UK GDPR, article 12(3) */
	POLICY_LAW_JERSEY, /**< four weeks: Data Protection (Jersey) Law 2018,
			    * article 27 */
	POLICY_LAW_COUNT
};
const char *policy_law_name(enum policy_law law); /**< "uk", "jersey" */
/** "one calendar month, UK GDPR article 12(3)" */
const char *policy_law_text(enum policy_law law);
/** How much longer that may take: "two further months" */
const char *policy_law_more_text(enum policy_law law);
/** @return a law, or -ENOENT */
int policy_law_find(const char *name);

/** A day of the calendar. */
struct policy_date {
	int32_t year;
	uint8_t month, day; /**< from 1 */
};

/** Days from one to another; 0: the same. */
int32_t policy_date_days(const struct policy_date *from,
			 const struct policy_date *to);

/** A request, as its clock knows it. */
struct policy_asking {
	struct policy_date received;
	uint32_t paused_days; /**< in which who asked was waited for */
	bool extended; /**< he was told in time that it takes longer: UK GDPR,
			* article 12(3): two months; Jersey: eight weeks */
};

/**
 * The last day for the answer. A month ends on the day of the same number, or
 * the last of the month if it has none; a week-end does not make it longer. An
 * extension counts from the day on which it came in, too; days in which who
 * asked was waited for (who he is, what he means) come on top.
 */
void policy_law_due(enum policy_law law, const struct policy_asking *asking,
		    struct policy_date *due);

#endif
