/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of cases and of requests share: an archive, and acts on it.
 * Goes behind cmd/testing/testing.h. */
#ifndef STORE_CASES_FIXTURE_PRIV_H
#define STORE_CASES_FIXTURE_PRIV_H

#include "store/cases.h"
#include "store/fixture_priv.h"

#include <errno.h>

#define NOW   (FIXTURE_START_NS + INT64_C(86400) * NS_PER_S)
#define GRACE (INT64_C(7) * 86400 * NS_PER_S)

static struct fixture fx;

static inline int
setup(void **state)
{
	fixture_init(&fx);
	return 0;
}

static inline int
teardown(void **state)
{
	fixture_fini(&fx);
	return 0;
}

/* ---- acts ---------------------------------------------------------------- */

static inline int
act(enum store_act_type type, const char *name, const char *id, int64_t now_ns)
{
	char ids[1][STORE_SEGMENT_ID_BYTES], failed[STORE_SEGMENT_ID_BYTES];
	struct store_act a = { .type = type,
			       .now_ns = now_ns,
			       .actor = "ann",
			       .reason = "since it is needed",
			       .approver = "bob",
			       .review_ns = now_ns + GRACE,
			       .not_before_ns = now_ns + GRACE };

	snprintf(a.of.name, sizeof(a.of.name), "%s", name);
	if (id) {
		snprintf(ids[0], sizeof(ids[0]), "%s", id);
		a.count = 1;
		a.ids = ids;
	}
	return store_act(fx.archive, &a, failed);
}

static inline void
case_open(const char *name, const char *then)
{
	char failed[STORE_SEGMENT_ID_BYTES];
	struct store_act a = { .type = STORE_ACT_OPEN,
			       .now_ns = NOW,
			       .actor = "ann",
			       .of = { .title = "a complaint",
				       .approver = "bob" } };

	snprintf(a.of.name, sizeof(a.of.name), "%s", name);
	snprintf(a.of.then, sizeof(a.of.then), "%s", then);
	assert_int_equal(store_act(fx.archive, &a, failed), 0);
}

static inline void
subject_open(const char *name, const char *numbers)
{
	char failed[STORE_SEGMENT_ID_BYTES];
	struct store_act a = { .type = STORE_ACT_OPEN,
			       .now_ns = NOW,
			       .actor = "ann",
			       .of = { .kind = STORE_CASE_SAR, .law = "uk" } };

	snprintf(a.of.name, sizeof(a.of.name), "%s", name);
	snprintf(a.of.subjects, sizeof(a.of.subjects), "%s", numbers);
	assert_int_equal(store_act(fx.archive, &a, failed), 0);
}

static inline enum store_state
state_of(const char *id, struct store_segment *segment)
{
	assert_int_equal(store_segment_get(fx.archive, id, segment), 0);
	return segment->state;
}

static inline int
count_one(void *ctx, const struct store_segment *segment)
{
	++*(unsigned *)ctx;
	return 0;
}

static inline unsigned
count_due(const char *retention, int64_t before_ns)
{
	unsigned n = 0;

	assert_int_equal(
	    store_due(fx.archive, retention, before_ns, count_one, &n), 0);
	return n;
}

struct counts {
	unsigned held, ended;
};

static inline int
count_hold(void *ctx, const struct store_hold *hold)
{
	struct counts *counts = ctx;

	if (hold->ended_ns)
		counts->ended++;
	else
		counts->held++;
	return 0;
}

static inline struct counts
holds_of(const char *name, const char *id)
{
	struct counts counts = { 0 };

	assert_int_equal(store_holds(fx.archive, name, id, count_hold, &counts),
			 0);
	return counts;
}

static inline uint64_t
entries(void)
{
	struct store_ledger_entry entry;
	int r = store_ledger_head(fx.archive, &entry);

	return r == -ENOENT ? 0 : entry.number;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
