/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the commands about cases share: hold.c, case.c, sar.c; and scrub.c, of
 * their command lines. */
#ifndef CMD_SPANREC_CASES_PRIV_H
#define CMD_SPANREC_CASES_PRIV_H

#include "cmd/spanrec/spanrec.h"
#include "store/cases.h"

struct json_t;

/** What the words that follow `hold`, `case` or `sar` may be given; each takes
 * some of it. */
struct spanrec_case_options {
	struct spanrec *spanrec;
	enum spanrec_format format;
	const char *name; /**< the case: --case, or the word itself */
	const char *reason, *approver, *review, *title, *then;
	const char *subjects, *received, *clock, *requester, *sent;
	const char *from, *to, *around, *out;
	bool due; /**< those whose review is due */
	char **ids; /**< words; borrowed */
	int ids_count;
};

/** Which of the options; bits. */
enum {
	SPANREC_CASE_CASE = 1 << 0,
	SPANREC_CASE_REASON = 1 << 1,
	SPANREC_CASE_APPROVER = 1 << 2,
	SPANREC_CASE_REVIEW = 1 << 3,
	SPANREC_CASE_TITLE = 1 << 4,
	SPANREC_CASE_THEN = 1 << 5,
	SPANREC_CASE_SUBJECT = 1 << 6,
	SPANREC_CASE_RECEIVED = 1 << 7,
	SPANREC_CASE_CLOCK = 1 << 8,
	SPANREC_CASE_REQUESTER = 1 << 9,
	SPANREC_CASE_SENT = 1 << 10,
	SPANREC_CASE_PERIOD = 1 << 11,
	SPANREC_CASE_OUT = 1 << 12,
	SPANREC_CASE_LIST = 1 << 13, /**< --json, --csv */
	SPANREC_CASE_DUE = 1 << 14,
	SPANREC_CASE_UNTIL = 1 << 15, /**< as .review */
	SPANREC_CASE_JSON = 1 << 16   /**< --json alone */
};

/** One command line of them. */
struct spanrec_case_usage {
	const char *arguments, *doc;
	unsigned takes, needs; /**< options */
	const char *what; /**< its words are: "recording", "case"; NULL: none */
	bool many;        /**< words, one at least; else just one */
};

/** Read the command line; what is missing is refused by its name.
 * @return exit code */
int spanrec_case_parse(struct spanrec_case_options *options,
		       const struct spanrec_case_usage *usage, int argc,
		       char **argv) __attribute__((warn_unused_result));

/** Copy a text of the command line. @return exit code: too long */
int spanrec_case_text(char *to, size_t bytes, const char *option,
		      const char *text) __attribute__((warn_unused_result));

/** Read a day. @return exit code */
int spanrec_case_day(const struct spanrec *spanrec, const char *option,
		     const char *text, int64_t *time_ns)
	__attribute__((warn_unused_result));

/** "2026-12-05", in the zone */
void spanrec_case_date(const struct spanrec *spanrec, int64_t time_ns,
		       char text[SPANREC_TIME_BYTES]);

/** If this user may (act_check), the open archive does it, or the recorder. The
 * actor and the time are filled in here. @return exit code */
int spanrec_case_act(struct spanrec *spanrec, struct store_act *act)
	__attribute__((warn_unused_result));

/** A case or a request. @return exit code */
int spanrec_case_any(struct spanrec *spanrec, const char *name,
		     struct store_case *found)
	__attribute__((warn_unused_result));

/** A case of a kind. @return exit code */
int spanrec_case_get(struct spanrec *spanrec, const char *name,
		     enum store_case_kind kind, struct store_case *found)
	__attribute__((warn_unused_result));

/** Print the holds of a case (NULL: of all cases). @param due only those whose
 * review is due @return exit code */
int spanrec_holds_print(struct spanrec *spanrec, const char *name, bool due,
			enum spanrec_format format)
	__attribute__((warn_unused_result));

/** Add holds to a list, as `hold list --json` has them. @return exit code */
int spanrec_holds_json(struct spanrec *spanrec, const char *name, bool due,
		       struct json_t *list) __attribute__((warn_unused_result));

#endif
