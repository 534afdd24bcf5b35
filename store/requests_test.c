/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests of subjects: what is found is held until the answer, searches add
 * up, and an answer can be taken back. */
#include "store/store.h"

#include "cmd/testing/testing.h"
#include "store/cases_fixture_priv.h"

static void
test_subject(void **state)
{
	char ids[2][STORE_SEGMENT_ID_BYTES], failed[STORE_SEGMENT_ID_BYTES];
	struct store_act a = { .type = STORE_ACT_OPEN,
			       .now_ns = NOW,
			       .of = { .name = "S-1",
				       .kind = STORE_CASE_SAR,
				       .law = "uk",
				       .subjects = "2041" },
			       .count = 2,
			       .ids = ids };
	struct store_segment s, gone, now;
	struct store_case found;

	fixture_record(&fx, &s, 1, 100);
	fixture_record(&fx, &gone, 2, 100);
	assert_int_equal(store_purge(fx.archive, gone.id, NOW, "x", "y"), 0);
	memcpy(ids[0], gone.id, sizeof(ids[0]));
	memcpy(ids[1], s.id, sizeof(ids[1]));
	assert_int_equal(store_act(fx.archive, &a, failed), 0);
	a.type = STORE_ACT_SEARCH;
	a.of.searches[0].from_ns = 5;
	a.of.searches[0].found = 2;
	/* what is gone does not keep the rest, and again nothing is new */
	assert_int_equal(store_act(fx.archive, &a, failed), 0);
	assert_int_equal(store_act(fx.archive, &a, failed), 0);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_HELD);
	assert_int_equal(act(STORE_ACT_RESUME, "S-1", NULL, NOW), -EINVAL);
	assert_int_equal(act(STORE_ACT_PAUSE, "S-1", NULL, NOW), 0);
	assert_int_equal(act(STORE_ACT_PAUSE, "S-1", NULL, NOW), -EEXIST);
	a.type = STORE_ACT_RESUME;
	a.of.paused_days = 3;
	assert_int_equal(store_act(fx.archive, &a, failed), 0);
	assert_int_equal(store_case_get(fx.archive, "S-1", &found), 0);
	assert_int_equal(found.paused_days, 3);
	assert_int_equal(found.paused_ns, 0);
	assert_int_equal(store_case_searches(&found), 1);
	assert_int_equal(found.searches[0].from_ns, 5);
	assert_int_equal(found.searches[0].time_ns, NOW);
	assert_int_equal(found.searches[0].found, 2);
	/* it makes nothing last longer than the time of grace */
	assert_int_equal(act(STORE_ACT_CLOSE, "S-1", NULL, NOW), 0);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_STORED);
	assert_int_equal(now.successors[0].from_ns, 0);
	assert_int_equal(now.not_before_ns, NOW + GRACE);
}

/** @param from_ns -1: from 5 to 9 */
static int
search(const char *name, const char *id, int64_t from_ns, int64_t now_ns)
{
	char ids[1][STORE_SEGMENT_ID_BYTES], failed[STORE_SEGMENT_ID_BYTES];
	struct store_act a = { .type = STORE_ACT_SEARCH,
			       .now_ns = now_ns,
			       .reason = "request",
			       .count = id ? 1 : 0,
			       .ids = ids };

	snprintf(a.of.name, sizeof(a.of.name), "%s", name);
	snprintf(ids[0], sizeof(ids[0]), "%s", id ? id : "");
	a.of.searches[0].from_ns = from_ns < 0 ? 5 : from_ns;
	a.of.searches[0].to_ns = from_ns < 0 ? 9 : 0;
	a.of.searches[0].found = a.count;
	return store_act(fx.archive, &a, failed);
}

/** Searches add up: the second one does not undo the first. */
static void
test_searches(void **state)
{
	struct store_segment s, now;
	struct store_case found;

	fixture_record(&fx, &s, 1, 100);
	subject_open("S-1", "2041");
	assert_int_equal(search("S-1", s.id, 5, NOW), 0);
	assert_int_equal(search("S-1", NULL, 6, NOW + 1), 0);
	assert_int_equal(search("S-1", s.id, 5, NOW + 2), 0);
	assert_int_equal(store_case_get(fx.archive, "S-1", &found), 0);
	assert_int_equal(store_case_searches(&found), 2);
	assert_int_equal(found.searches[0].found, 1);
	assert_int_equal(found.searches[0].time_ns, NOW + 2);
	assert_int_equal(found.searches[1].from_ns, 6);
	assert_int_equal(found.searches[1].found, 0);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_HELD);
	/* ... nor does another one from the same time on */
	assert_int_equal(search("S-1", NULL, -1, NOW), 0);
	for (int i = 3; i < STORE_SEARCHES_MAX; i++)
		assert_int_equal(search("S-1", NULL, 5 + i, NOW), 0);
	assert_int_equal(search("S-1", NULL, 1000, NOW), -E2BIG);
	assert_int_equal(search("S-1", NULL, 6, NOW + 9), 0);
	assert_int_equal(store_case_get(fx.archive, "S-1", &found), 0);
	assert_int_equal(store_case_searches(&found), STORE_SEARCHES_MAX);
	assert_int_equal(found.searches[15].from_ns, 20);
}

/** One of them alone is not held for it any more: a search is no reason. */
static void
test_subject_end(void **state)
{
	struct store_segment s, now;

	fixture_record(&fx, &s, 1, 100);
	subject_open("S-1", "2041");
	assert_int_equal(search("S-1", s.id, 5, NOW), 0);
	assert_int_equal(act(STORE_ACT_END, "S-1", s.id, NOW + 1), 0);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_STORED);
	assert_int_equal(now.not_before_ns, NOW + 1 + GRACE);
	assert_int_equal(search("S-1", s.id, 5, NOW + 2), 0);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_STORED);
	assert_int_equal(holds_of("S-1", NULL).ended, 1);
}

/** An answer that was none: what was held until then, and is there, is held. */
static void
test_reopen(void **state)
{
	struct store_ledger_entry entry;
	struct store_segment s, gone, ended, now;
	struct store_case found;

	fixture_record(&fx, &s, 1, 100);
	fixture_record(&fx, &gone, 2, 100);
	fixture_record(&fx, &ended, 3, 100);
	subject_open("S-1", "2041");
	assert_int_equal(search("S-1", s.id, 5, NOW), 0);
	assert_int_equal(search("S-1", gone.id, 5, NOW), 0);
	assert_int_equal(search("S-1", ended.id, 5, NOW), 0);
	assert_int_equal(act(STORE_ACT_END, "S-1", ended.id, NOW + 1), 0);
	assert_int_equal(act(STORE_ACT_REOPEN, "S-1", NULL, NOW + 2), -ESTALE);
	assert_int_equal(act(STORE_ACT_CLOSE, "S-1", NULL, NOW + 2), 0);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_STORED);
	assert_int_equal(store_purge(fx.archive, gone.id, NOW + 3, "x", "y"),
			 0);
	assert_int_equal(act(STORE_ACT_REOPEN, "S-1", NULL, NOW + 4), 0);
	assert_int_equal(store_ledger_head(fx.archive, &entry), 0);
	assert_string_equal(entry.action, "sar reopen");
	assert_int_equal(state_of(s.id, &now), STORE_STATE_HELD);
	assert_int_equal(store_purge(fx.archive, s.id, NOW + 5, "x", "y"),
			 -EPERM);
	assert_int_equal(state_of(gone.id, &now), STORE_STATE_PURGED);
	assert_int_equal(state_of(ended.id, &now), STORE_STATE_STORED);
	assert_int_equal(store_case_get(fx.archive, "S-1", &found), 0);
	assert_int_equal(found.closed_ns, 0);
	assert_int_equal(act(STORE_ACT_CLOSE, "S-1", NULL, NOW + 6), 0);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_STORED);
	case_open("C-1", "");
	assert_int_equal(act(STORE_ACT_CLOSE, "C-1", NULL, NOW), 0);
	assert_int_equal(act(STORE_ACT_REOPEN, "C-1", NULL, NOW), -EINVAL);
}

/** More time can be taken once. */
static void
test_extend(void **state)
{
	struct store_case found;

	subject_open("S-1", "2041");
	assert_int_equal(act(STORE_ACT_EXTEND, "S-1", NULL, NOW + 1), 0);
	assert_int_equal(act(STORE_ACT_EXTEND, "S-1", NULL, NOW + 2), -EEXIST);
	assert_int_equal(store_case_get(fx.archive, "S-1", &found), 0);
	assert_int_equal(found.extended_ns, NOW + 1);
}

static int
see_review(void *ctx, const struct store_hold *hold)
{
	*(struct store_hold *)ctx = *hold;
	return 0;
}

/** Looked at, and needed for longer: why it was held stays as it was. */
static void
test_review(void **state)
{
	struct store_ledger_entry entry;
	struct store_hold hold = { 0 };
	struct store_segment s;

	fixture_record(&fx, &s, 1, 100);
	case_open("C-1", "");
	assert_int_equal(act(STORE_ACT_REVIEW, "C-1", s.id, NOW), -ENOENT);
	assert_int_equal(act(STORE_ACT_HOLD, "C-1", s.id, NOW), 0);
	assert_int_equal(act(STORE_ACT_REVIEW, "C-1", s.id, NOW + 9), 0);
	assert_int_equal(
	    store_holds(fx.archive, "C-1", NULL, see_review, &hold), 0);
	assert_int_equal(hold.held_ns, NOW);
	assert_int_equal(hold.reviewed_ns, NOW + 9);
	assert_int_equal(hold.review_ns, NOW + 9 + GRACE);
	assert_string_equal(hold.reviewed_by, "ann");
	assert_int_equal(store_ledger_head(fx.archive, &entry), 0);
	assert_string_equal(entry.action, "hold review");
	assert_string_equal(entry.detail,
			    "case C-1, approved by bob: since it is needed");
	assert_int_equal(act(STORE_ACT_END, "C-1", s.id, NOW + 10), 0);
	assert_int_equal(act(STORE_ACT_REVIEW, "C-1", s.id, NOW + 11), -ENOENT);
}

/** Its numbers go, and what names it; the ledger says so. */
static void
test_forget_subject(void **state)
{
	struct store_ledger_entry entry;
	struct store_segment s, now;
	struct store_case found;

	fixture_record(&fx, &s, 1, 100);
	subject_open("S-1", "2041");
	assert_int_equal(act(STORE_ACT_SEARCH, "S-1", s.id, NOW), 0);
	assert_int_equal(store_case_forget(fx.archive, "S-1", NOW, "clock"),
			 -EPERM);
	assert_int_equal(store_case_forget(fx.archive, "S-2", NOW, "clock"),
			 -ENOENT);
	assert_int_equal(act(STORE_ACT_CLOSE, "S-1", NULL, NOW), 0);
	assert_int_equal(store_case_forget(fx.archive, "S-1", NOW + 9, "clock"),
			 0);
	assert_int_equal(store_case_get(fx.archive, "S-1", &found), -ENOENT);
	assert_int_equal(holds_of(NULL, s.id).ended, 0);
	assert_int_equal(holds_of("S-1", NULL).ended, 0);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_STORED);
	assert_int_equal(store_ledger_head(fx.archive, &entry), 0);
	assert_string_equal(entry.action, "sar forget");
	assert_string_equal(entry.subject, "S-1");
	assert_string_equal(entry.actor, "clock");
	assert_int_equal(entry.time_ns, NOW + 9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_subject),        TEST(test_searches),
		TEST(test_subject_end),    TEST(test_reopen),
		TEST(test_extend),         TEST(test_review),
		TEST(test_forget_subject),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
