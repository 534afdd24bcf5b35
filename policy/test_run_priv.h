/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What became of the call of a test. */
#ifndef POLICY_TEST_RUN_PRIV_H
#define POLICY_TEST_RUN_PRIV_H

#include "policy/test_priv.h"

/** A part of a conversation. Offsets count from the start of the call. */
struct policy__run_segment {
	int64_t from_ns, until_ns;
	uint32_t talk; /**< conversation; 0 is the first */
	enum policy_kind kind;
	struct policy_verdict verdict;
	bool discarded;
};

/** So long the call was paused. */
struct policy__run_gap {
	int64_t from_ns, until_ns; /**< until: INT64_MAX while it lasts */
	enum policy_pause pause;
};

struct policy__run {
	size_t segments_count, segments_capacity;
	struct policy__run_segment *segments; /**< by time */
	size_t gaps_count, gaps_capacity;
	struct policy__run_gap *gaps;
	bool failed; /**< out of memory */
};

/** Let the call of a test take place. @return 0, -ENOMEM */
int policy__run_test(const struct policy *policy,
		     const struct policy__test *test, struct policy__run *run)
	__attribute__((warn_unused_result));
void policy__run_free(struct policy__run *run);

#endif
