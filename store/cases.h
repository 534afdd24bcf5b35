/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cases, and recordings that are held for them. Threads and errors are those of
 * store/store.h. */
#ifndef STORE_CASES_H
#define STORE_CASES_H

#include "store/store.h"

/* ---- cases, holds ------------------------------------------------------- */

/** Names of cases: they are subjects in the ledger. */
#define STORE_CASE_BYTES STORE_SEGMENT_ID_BYTES
#define STORE_WORDS_BYTES 160
/** Searches for one request. */
#define STORE_SEARCHES_MAX 16

enum store_case_kind { STORE_CASE, STORE_CASE_SAR /**< a subject's request */ };

/** What recordings are held for. */
struct store_case {
	char name[STORE_CASE_BYTES];
	enum store_case_kind kind;
	char title[STORE_WORDS_BYTES]; /**< SAR: who asks */
	char approver[STORE_NAME_BYTES];
	char then[STORE_NAME_BYTES]; /**< class that counts from its end; "":
				      * that of each recording */
	char opened_by[STORE_NAME_BYTES], closed_by[STORE_NAME_BYTES];
	int64_t opened_ns;
	int64_t closed_ns; /**< 0: it is open */
	char outcome[STORE_WORDS_BYTES]; /**< why it was closed */
	/* SAR */
	char subjects[STORE_OTHERS_BYTES]; /**< numbers, normalised, one a line */
	char law[STORE_NAME_BYTES];        /**< by which clock */
	int64_t received_ns;
	int64_t answered_ns;
	int64_t paused_ns;    /**< since when; 0: it is not */
	uint32_t paused_days; /**< by pauses that are over */
	int64_t extended_ns;  /**< when more time was taken; 0: never */
	struct store_case_search {
		int64_t time_ns;        /**< when last; 0: none is here */
		int64_t from_ns, to_ns; /**< calls of which time; 0: no end */
		uint32_t found;
	} searches[STORE_SEARCHES_MAX]; /**< each of another time */
};

/** A recording that is held for a case, or was. */
struct store_hold {
	char id[STORE_SEGMENT_ID_BYTES];
	char name[STORE_CASE_BYTES]; /**< of the case */
	char reason[STORE_WORDS_BYTES];
	char approver[STORE_NAME_BYTES];
	char by[STORE_NAME_BYTES], ended_by[STORE_NAME_BYTES];
	int64_t held_ns, review_ns;
	int64_t ended_ns; /**< 0: it is held */
	char end_reason[STORE_WORDS_BYTES];
	/* when somebody last saw that it is needed for longer; 0: nobody yet */
	int64_t reviewed_ns;
	char reviewed_by[STORE_NAME_BYTES];
	char review_reason[STORE_WORDS_BYTES];
};

enum store_act_type {
	STORE_ACT_OPEN,   /**< the case, as it is given */
	STORE_ACT_CLOSE,  /**< the case: `reason`; all its holds end */
	STORE_ACT_HOLD,   /**< ids for the case: `reason`, `approver`, `review_ns` */
	STORE_ACT_END,    /**< the holds of ids for the case: `reason` */
	STORE_ACT_REVIEW, /**< ... are needed until `review_ns`: `reason`,
			   * `approver` */
	STORE_ACT_SEARCH, /**< SAR: `of.searches[0]`; ids are held, but for those
			   * that are, or were, or cannot be */
	STORE_ACT_PAUSE,  /**< SAR: `reason` */
	STORE_ACT_RESUME, /**< SAR: `of.paused_days` more; `review_ns` */
	STORE_ACT_EXTEND, /**< SAR: `reason`; `review_ns` */
	STORE_ACT_REOPEN, /**< SAR: it was no answer; what is there yet of what
			   * was held is held again: `reason`, `review_ns` */
	STORE_ACT_COUNT
};

/** Something done with a case. Texts may be cut, never unterminated. */
struct store_act {
	enum store_act_type type;
	int64_t now_ns;
	char actor[STORE_NAME_BYTES];
	struct store_case of; /**< its name, and what the type says */
	char reason[STORE_WORDS_BYTES];
	char note[STORE_WORDS_BYTES]; /**< what else the ledger says of it */
	char approver[STORE_NAME_BYTES];
	int64_t review_ns;
	int64_t not_before_ns; /**< CLOSE, END: nothing goes before */
	uint32_t count;
	char (*ids)[STORE_SEGMENT_ID_BYTES]; /**< [count] of segments */
};

/**
 * Do it, with its entries in the ledger, in one transaction: all or nothing. A
 * segment that is held for one case at least is in the state held, which
 * store_purge refuses in its own transaction. When the last hold ends it is what
 * it was, and the class that the case names counts from now, beside its own.
 *
 * @param failed the segment that is the cause; "": it is the case
 * @return 0; -EROFS, -EBUSY (a batch is open), -ENOSPC, -EIO; of the case:
 *         -EEXIST (OPEN: there is one, PAUSE: it is paused, EXTEND: it was
 *         extended), -ENOENT (there is none), -ESTALE (it is closed; REOPEN: it
 *         is not), -EINVAL (no name, not a SAR, RESUME: not paused, HOLD,
 *         REVIEW: no reason or approver, or its review is past), -E2BIG
 *         (SEARCH: STORE_SEARCHES_MAX other times were searched); of a segment:
 *         -ENOENT (there is none, END, REVIEW: it is not held for it), -EEXIST
 *         (it is held for it), -EALREADY (it was purged), -EAGAIN (it is being
 *         recorded), -EOVERFLOW (HOLD: more classes would count for it when all
 *         its holds end than there is room for)
 */
int store_act(struct store_archive *archive, const struct store_act *act,
	      char failed[STORE_SEGMENT_ID_BYTES])
	__attribute__((warn_unused_result));

/**
 * Forget a case that was closed, with an entry in the ledger. What was held for
 * a request of a subject is known by its own row alone from then on; a case
 * stays as long as there is a row of what was held for it, since it says why.
 *
 * @return 0; -ENOENT (there is none); -EPERM (it is open); -EAGAIN (there are
 *         rows of what was held for it); -EROFS, -EBUSY (a batch is open),
 *         -EBADMSG, -ENOSPC, -EIO
 */
int store_case_forget(struct store_archive *archive, const char *name,
		      int64_t now_ns, const char *actor)
	__attribute__((warn_unused_result));

/** How many searches of a request there were. */
size_t store_case_searches(const struct store_case *found);

/** @return 0, -ENOENT, -EBADMSG, -EIO */
int store_case_get(struct store_archive *archive, const char *name,
		   struct store_case *found)
	__attribute__((warn_unused_result));

/** All, by name. @param fn may not write; returns 0 to go on @return 0, what fn
 * returned, -EBADMSG (one cannot be read; the others were told), -EIO */
int store_cases(struct store_archive *archive,
		int (*fn)(void *ctx, const struct store_case *found), void *ctx)
	__attribute__((warn_unused_result));

/**
 * Holds, those that ended too, as long as there is a row of the segment.
 *
 * @param name of a case; NULL: all @param id of a segment; NULL: all
 * @param fn may not write; returns 0 to go on
 * @return as store_cases
 */
int store_holds(struct store_archive *archive, const char *name, const char *id,
		int (*fn)(void *ctx, const struct store_hold *hold), void *ctx)
	__attribute__((warn_unused_result));

/** What it is, apart from being held. */
enum store_state store_segment_unheld(const struct store_segment *segment);

/** The class by which store_due finds a segment, and from when that counts: its
 * own from the start of the call, or the one that came last. */
void store_segment_counts(const struct store_segment *segment,
			  const char **retention, int64_t *from_ns);

#endif
