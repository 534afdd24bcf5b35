/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Until when a segment lives. The policy of today decides about every class
 * that it knows, so that a change holds for what is stored. But nothing goes
 * earlier than by the policy that was applied last ('spanrec policy apply', which
 * asks how much may go): a file that somebody edited deletes nothing. Where none
 * was ever applied, not earlier than by the policy that decided.
 *
 * A recording gives way only where each of these clocks says so: its class by the
 * policy of today and by the one that was applied last, or else the one that
 * decided, and so each class that counts since a hold of it ended.
 *
 * A class that a policy does not know may never have been in it (spanrecd can be
 * given another policy file than that of the home), or is not in it any more.
 * Then the policy that decided has the word, which the archive keeps under its
 * hash.
 *
 * For one thread at a time.
 */
#ifndef CMD_COMMON_CLOCKS_H
#define CMD_COMMON_CLOCKS_H

#include <stdint.h>

#include "policy/policy.h"
#include "store/store.h"

/** Policies out of one archive, read when they are first needed. */
struct clocks;

/** @return 0, -ENOMEM */
int clocks_new(struct clocks **clocks) __attribute__((warn_unused_result));
void clocks_free(struct clocks **clocks);

/** Look again, when next asked, for policies that were missing, and for new
 * ones. What was read stays: a name is a hash of what is in it. */
void clocks_refresh(struct clocks *clocks);

/**
 * A policy of then, by its hash.
 *
 * @param policy borrowed; NULL if the archive has it not, or not as it was
 * @return 0, -ENOMEM, -EMFILE, -ENFILE
 */
int clocks_policy(struct clocks *clocks, struct store_archive *archive,
		  const uint8_t hash[STORE_HASH_BYTES],
		  const struct policy **policy)
	__attribute__((warn_unused_result));

#define CLOCKS_KEPT 1

/** When a hold ends, nothing goes before so much time has passed. */
#define CLOCKS_GRACE_NS (INT64_C(7) * 86400 * 1000000000)
/** ... and it must be gone so much later, as with all clocks. */
#define CLOCKS_MARGIN_NS (INT64_C(600) * 1000000000)

/**
 * Clocks of a segment: the latest of its own, of those that count since holds
 * of it ended, and of the time of grace. Each by the policy of today and by the
 * one that was applied last, whichever is later, or, if today's does not know
 * the class, by the policy that decided, which the archive keeps. Only where that one is missing, or not the file it was, the fallback
 * of policy_clock holds.
 *
 * @param policy of today
 * @return 0; CLOCKS_KEPT: by the policy of then; -ENOENT: the fallback;
 *         -ENOMEM, -EMFILE, -ENFILE: it could not be read now, the fallback is
 *         but a guess. *clock is filled in any case.
 * @cost reads a file and parses it, once for each policy of then
 */
int clocks_of(struct clocks *clocks, struct store_archive *archive,
	      const struct policy *policy, const struct store_segment *segment,
	      struct policy_clock *clock) __attribute__((warn_unused_result));

/** The same, as it would be with this policy applied. */
int clocks_if_applied(struct clocks *clocks, struct store_archive *archive,
		      const struct policy *policy,
		      const struct store_segment *segment,
		      struct policy_clock *clock)
	__attribute__((warn_unused_result));

/**
 * policy_clock_earliest for the class by which store_due finds a segment, which
 * may be of policies of then. Of a class
 * that none of those that are kept knows, the fallback; segments whose policy
 * is missing are not thought of where another one knows their class.
 *
 * @return 0, -ENOMEM, -EMFILE, -ENFILE, -EIO
 * @cost reads every policy of the archive, once
 */
int clocks_earliest(struct clocks *clocks, struct store_archive *archive,
		    const struct policy *policy,
		    const struct store_segment *segment, int64_t *due_ns,
		    int64_t *metadata_ns) __attribute__((warn_unused_result));

#endif
