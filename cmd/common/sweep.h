/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One sweep: delete what is past its time by the clocks of the policy. What
 * `spanrec purge` does once, and the recorder each minute. Due times are
 * computed here and now, so that a change of the policy holds for what is
 * stored.
 */
#ifndef CMD_COMMON_SWEEP_H
#define CMD_COMMON_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/common/clocks.h"
#include "cmd/common/request.h"
#include "policy/policy.h"
#include "store/store.h"

/** How many more than the limit are looked at in each class, so that those that
 * cannot be deleted do not keep the others for ever. */
#define SWEEP_AHEAD 1000

/** So many cases are forgotten in one sweep, at most: each is a sync. */
#define SWEEP_CASES 64

struct sweep_config {
	struct store_archive *archive; /**< to write, unless dry; no batch */
	const struct policy *policy;   /**< of today */
	struct clocks *clocks;         /**< may serve many sweeps */
	int64_t now_ns;
	const char *actor; /**< for the certificates */
	uint64_t limit;    /**< deletions at most, tombstones among them; 0: as
			    * many as are due. Not if dry */
	bool dry;          /**< delete nothing, but count and list */
	/* each may be NULL */
	void *ctx;
	/** dry: this one would be deleted, or its note; in no order */
	void (*list)(void *ctx, const struct store_segment *segment,
		     const struct policy_clock *clock);
	/** so many deletions were tried, of so many */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	/** error: something stays that is due, and why; else a warning. Names
	 * of classes are as the policy has them. */
	void (*tell)(void *ctx, bool error, const char *words);
};

struct sweep_result {
	uint64_t segments;   /**< deleted, or would be if dry */
	uint64_t recordings; /**< ... of these, with audio */
	uint64_t bytes;      /**< ... of it */
	uint64_t tombstones; /**< notes of deleted calls, removed, or would be
			      * if dry */
	uint64_t cases;      /**< closed ones that were forgotten */
	uint64_t failed;     /**< not found or not deleted */
	uint64_t held;       /**< due, and held */
	uint64_t overdue;    /**< past the ceiling and still there, those that
			      * are being recorded among them, but for held
			      * ones; with `more`: at least so many */
	struct request_watch watch; /**< not if dry */
	bool more; /**< the limit, or an error that stops all, may have left
		    * something that is due, tombstones among it */
	/** The earliest due time of what is left, but for held ones; INT64_MAX:
	 * nothing is. Of a class that counts months it may be that of a segment
	 * due a few days later than the first. */
	int64_t next_due_ns;
	char next_id[STORE_SEGMENT_ID_BYTES]; /**< "" if there is none */
};

/**
 * Delete what is due, the longest due first, and what an earlier sweep could
 * delete only to half; then the tombstones whose own time is over, closed cases
 * and answered requests that are as old, and what tells whose the pseudonyms of
 * the ledger were in such months. What fails does not keep the rest, but for a
 * full disk and such. What is being recorded is never deleted.
 *
 * @param result filled in any case
 * @return 0, or the worst of what was told: -EBADMSG (damaged) before others
 * @thread the archive's
 * @cost some syncs for each STORE_PURGE_MANY deletions. Otherwise it reads the
 *       segments that are due, and in classes that count months those of a few
 *       days more; not what is due later
 */
int sweep_run(const struct sweep_config *config, struct sweep_result *result)
	__attribute__((warn_unused_result));

#endif
