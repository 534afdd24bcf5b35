/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * canary: what its files share.
 *
 *   canary.c         the command, and what the ledger says of it
 *   canary_plan.c    policy -> calls that come to its payments
 *   canary_script.c  a call, and what is said in it -> a capture
 *   canary_run.c     captures -> a scratch archive, by the recorder itself
 *   canary_search.c  what of all that was said is found there
 *   canary_tell.c    the certificate
 */
#ifndef CMD_SPANREC_CANARY_PRIV_H
#define CMD_SPANREC_CANARY_PRIV_H

#include <sys/types.h>

#include "cmd/spanrec/policy_priv.h"

/** What is keyed as the number of a card: it passes Luhn's test, and no bank
 * gives it to anybody. */
#define CANARY_CARD_NUMBER "4111111111111111"

#define CANARY_MARKER_BYTES 32

/** _HEARD: keyed in the sound, where no telephone-event is negotiated. */
enum canary_trigger { CANARY_KEYS, CANARY_KEYS_HEARD, CANARY_HEADER,
		      CANARY_INFO, CANARY_CALL, CANARY_HOLD,
		      CANARY_CARD_NUMBERS, CANARY_CARD_NUMBERS_HEARD,
		      CANARY_TRIGGERS };

/** What is said when: each side says bytes of its own. */
enum canary_phase { CANARY_BEFORE, CANARY_CARD, CANARY_AFTER, CANARY_PHASES };

enum canary_side { CANARY_INSIDE, CANARY_OUTSIDE, CANARY_SIDES };

/** A call that the policy records. */
struct canary_call {
	char inside[POLICY_NUMBER_BYTES], outside[POLICY_NUMBER_BYTES];
	char queue[POLICY_NUMBER_BYTES]; /**< was dialled; "": none */
	bool outgoing;
	struct policy_verdict verdict;
};

struct canary_found {
	uint64_t heard; /**< bytes of it in decrypted recordings */
	uint64_t plain; /**< ... as they are, anywhere */
	char where[PATH_MAX]; /**< the first that should not be */
};

/** One trigger of one payment. */
struct canary_test {
	struct policy_payment payment; /**< borrowed of the policy */
	enum canary_trigger trigger;
	const char *untested; /**< why not; NULL: it is tested */
	struct canary_call call;
	bool resumes; /**< the payment ends before the call does */
	uint8_t marker[CANARY_PHASES][CANARY_SIDES][CANARY_MARKER_BYTES];
	struct canary_found found[CANARY_PHASES][CANARY_SIDES];
};

struct canary {
	struct spanrec *spanrec;
	const char *keep; /**< the scratch folder stays there; NULL: it goes */
	char file[PATH_MAX]; /**< of the policy */
	bool is_draft;       /**< it is not the one in force */
	struct spanrec_draft draft;
	uint8_t hash[STORE_HASH_BYTES];
	struct canary_test *tests;
	size_t tests_count;
	char folder[PATH_MAX]; /**< scratch; "": none was made */
	char recorder[PATH_MAX];
	/* what was searched */
	uint64_t recordings, files, bytes;
	struct canary_found digits; /**< heard: keys in recordings */
};

/* ---- canary_plan.c ------------------------------------------------------- */

/** Which triggers there are, and a call for each. @return 0, -ENOMEM, -EIO */
int canary_plan(struct canary *canary) __attribute__((warn_unused_result));

/* ---- canary_script.c ----------------------------------------------------- */

/** Write the capture of a test's call. @return 0, -EINVAL: such a call cannot
 * be written, -ENOMEM, -ENOSPC, ... */
int canary_capture(const struct canary *canary, size_t which, const char *path)
	__attribute__((warn_unused_result));

/** Does the payment end by keys before the call does? */
bool canary_resumes(const struct canary_test *test);

/** Are keys heard in the sound of this call? */
bool canary_is_heard(const struct canary_test *test);

/* ---- canary_run.c -------------------------------------------------------- */

/** Play all calls into a scratch archive. @return exit code */
int canary_run(struct canary *canary) __attribute__((warn_unused_result));

/** Remove the scratch folder, unless it is to be kept. */
void canary_wipe(struct canary *canary);

/** A path in the scratch folder. @return 0, -ENAMETOOLONG */
int canary_path(const struct canary *canary, const char *name,
		char path[PATH_MAX]) __attribute__((warn_unused_result));

/** Of a test: "call-3.pcap". */
#define CANARY_NAME_BYTES 32
void canary_name(char name[CANARY_NAME_BYTES], size_t which, const char *end);
/** Is it a file of this name, of any test? */
bool canary_is_capture(const char *name);

/* ---- canary_search.c ----------------------------------------------------- */

/** Search the scratch archive. @return exit code */
int canary_search(struct canary *canary) __attribute__((warn_unused_result));

/* ---- canary_tell.c ------------------------------------------------------- */

bool canary_passed(const struct canary_test *test);

/** @return exit code: EXIT_DONE: all tests passed; EXIT_FAILED;
 * EXIT_NOT_FOUND: nothing was tested */
int canary_verdict(const struct canary *canary);

/** "passed, 4 of 4 triggers" */
void canary_summary(const struct canary *canary, char *text, size_t n);

/** Write the certificate. */
void canary_tell(const struct canary *canary, FILE *to);

#endif
