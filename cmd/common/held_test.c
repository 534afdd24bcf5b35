/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was held, and when it goes then: sweeps against a second implementation
 * that looks at every row. */
#include "cmd/common/sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/testing/testing.h"
#include "store/cases.h"

#define SECOND INT64_C(1000000000)
#define DAY    (86400 * SECOND)
#define MARGIN (600 * SECOND)
/* 2019-03-28 14:15:03 UTC */
#define START INT64_C(1553782503000000000)

#define POLICY(classes)                                                        \
	"version: 1\n"                                                         \
	"organisation: {name: here, time_zone: Europe/London}\n"               \
	"access: {owner: [somebody]}\n"                                        \
	"purposes: [quality]\n"                                                \
	"numbering: {country: 44}\n"                                           \
	"retention:\n" classes "metadata: {max: 36 months}\n"                  \
	"rules:\n"                                                             \
	"  - {name: all, match: {direction: [in]}, decision: record,\n"        \
	"     retention: standard}\n"

static const char policy_text[] =
    POLICY("  short: {max: 14 days}\n"
	   "  standard: {max: 90 days}\n"
	   "  complaints: {min: 6 months, max: 12 months}\n");
static const char policy_shorter[] = POLICY("  short: {max: 14 days}\n"
					    "  standard: {max: 30 days}\n"
					    "  complaints: {max: 2 months}\n");

struct fixture {
	char *folder;
	struct store_archive *archive;
	struct policy *policy;
	struct clocks *clocks;
	int64_t now_ns;
};

static void
policy_set(struct fixture *f, const char *text)
{
	struct policy_errors errors;

	policy_free(&f->policy);
	assert_int_equal(policy_load(&f->policy, text, strlen(text), &errors),
			 0);
}

static int
setup(void **state)
{
	static const struct store_archive_config small = { .map_bytes = 32
									<< 20 };
	struct fixture *f = calloc(1, sizeof(*f));
	struct store_public pub;
	char path[300];

	assert_non_null(f);
	assert_int_equal(store_init(), 0);
	f->folder = testing_folder();
	snprintf(path, sizeof(path), "%s/key", f->folder);
	assert_int_equal(store_identity_create(path, &pub), 0);
	snprintf(path, sizeof(path), "%s/archive", f->folder);
	assert_int_equal(store_archive_create(path, &pub, 1), 0);
	assert_int_equal(
	    store_archive_open(&f->archive, path, STORE_WRITE, &small, NULL),
	    0);
	assert_int_equal(clocks_new(&f->clocks), 0);
	policy_set(f, policy_text);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	store_archive_close(&f->archive);
	clocks_free(&f->clocks);
	policy_free(&f->policy);
	testing_folder_remove(f->folder);
	free(f);
	return 0;
}

static void
add(struct fixture *f, struct store_segment *s, unsigned nth, const char *class,
    int64_t start_ns)
{
	char dialog[32];

	memset(s, 0, sizeof(*s));
	snprintf(dialog, sizeof(dialog), "dialog-%u", nth);
	s->call_start_ns = s->start_ns = start_ns;
	s->end_ns = start_ns + 60 * SECOND;
	store_call_id_make(s->call, start_ns, dialog, "tag", 0);
	s->segment = 1;
	snprintf(s->id, sizeof(s->id), "%.27s-1", s->call);
	snprintf(s->retention, sizeof(s->retention), "%s", class);
	s->state = STORE_STATE_STORED;
	assert_int_equal(store_batch_begin(f->archive), 0);
	assert_int_equal(store_segment_put(f->archive, s), 0);
	assert_int_equal(store_batch_commit(f->archive), 0);
}

static int
act(struct fixture *f, enum store_act_type type, const char *name,
    const char *then, const char *id)
{
	char ids[1][STORE_SEGMENT_ID_BYTES], failed[STORE_SEGMENT_ID_BYTES];
	struct store_act a = { .type = type,
			       .now_ns = f->now_ns,
			       .reason = "needed",
			       .approver = "somebody",
			       .review_ns = f->now_ns + DAY,
			       .count = id != NULL,
			       .ids = ids,
			       .not_before_ns = f->now_ns + CLOCKS_GRACE_NS };

	snprintf(a.of.name, sizeof(a.of.name), "%s", name);
	snprintf(a.of.then, sizeof(a.of.then), "%s", then);
	snprintf(ids[0], sizeof(ids[0]), "%s", id ? id : "");
	return store_act(f->archive, &a, failed);
}

static struct policy_clock
clock_of(struct fixture *f, const char *id)
{
	struct store_segment s;
	struct policy_clock clock;

	assert_int_equal(store_segment_get(f->archive, id, &s), 0);
	assert_int_equal(
	    clocks_of(f->clocks, f->archive, f->policy, &s, &clock), 0);
	return clock;
}

static struct sweep_result
sweep(struct fixture *f)
{
	const struct sweep_config config = { .archive = f->archive,
					     .policy = f->policy,
					     .clocks = f->clocks,
					     .actor = "tester",
					     .now_ns = f->now_ns };
	struct sweep_result result;

	assert_int_equal(sweep_run(&config, &result), 0);
	return result;
}

static enum store_state
state_of(struct fixture *f, const char *id)
{
	struct store_segment s;

	if (store_segment_get(f->archive, id, &s))
		return STORE_STATE_COUNT;
	return s.state;
}

/* ---- in words -------------------------------------------------------------
 */

/* A call of 28 March is kept for 90 days. A complaint of April, closed on 1
 * August, keeps it for 6 to 12 months more. */
static void
test_complaint(void **state)
{
	struct fixture *f = *state;
	const int64_t closed_ns = INT64_C(1564660800000000000);
	const int64_t gone_ns = INT64_C(1580558400000000000);
	struct store_segment s;
	struct policy_clock clock;

	add(f, &s, 0, "standard", START);
	assert_true(clock_of(f, s.id).due_ns == START + 90 * DAY - MARGIN);
	f->now_ns = START + 10 * DAY;
	assert_int_equal(act(f, STORE_ACT_OPEN, "C", "complaints", NULL), 0);
	assert_int_equal(act(f, STORE_ACT_HOLD, "C", "", s.id), 0);
	f->now_ns = closed_ns; /* 2019-08-01 12:00 UTC */
	assert_int_equal(sweep(f).held, 1);
	assert_int_equal(act(f, STORE_ACT_CLOSE, "C", "", NULL), 0);
	clock = clock_of(f, s.id);
	/* six months in London: 1 February, 13:00 by summer time before */
	assert_true(clock.floor_ns == gone_ns + 3600 * SECOND);
	assert_true(clock.due_ns == clock.floor_ns);
	assert_true(clock.ceiling_ns > clock.due_ns);
	f->now_ns = clock.due_ns - 1;
	assert_int_equal(sweep(f).segments, 0);
	f->now_ns++;
	assert_int_equal(sweep(f).segments, 1);
	assert_int_equal(state_of(f, s.id), STORE_STATE_PURGED);
}

/* A class that is over before the recording's own changes nothing, nor does
 * the time of grace. */
static void
test_never_shorter(void **state)
{
	struct fixture *f = *state;
	struct store_segment s;

	add(f, &s, 0, "standard", START);
	f->now_ns = START + DAY;
	assert_int_equal(act(f, STORE_ACT_OPEN, "C", "short", NULL), 0);
	assert_int_equal(act(f, STORE_ACT_HOLD, "C", "", s.id), 0);
	assert_int_equal(act(f, STORE_ACT_CLOSE, "C", "", NULL), 0);
	assert_true(clock_of(f, s.id).due_ns == START + 90 * DAY - MARGIN);
	assert_true(clock_of(f, s.id).ceiling_ns == START + 90 * DAY);
}

/* Long overdue when the case is closed: seven days, no surprise. */
static void
test_grace(void **state)
{
	struct fixture *f = *state;
	struct policy_clock clock;
	struct store_segment s;

	add(f, &s, 0, "standard", START);
	f->now_ns = START + DAY;
	assert_int_equal(act(f, STORE_ACT_OPEN, "C", "short", NULL), 0);
	assert_int_equal(act(f, STORE_ACT_HOLD, "C", "", s.id), 0);
	f->now_ns = START + 400 * DAY;
	assert_int_equal(act(f, STORE_ACT_CLOSE, "C", "", NULL), 0);
	clock = clock_of(f, s.id);
	assert_true(clock.due_ns == f->now_ns + 14 * DAY - MARGIN);
	/* were the class shorter than the grace */
	policy_set(f, POLICY("  short: {max: 2 days}\n"
			     "  standard: {max: 90 days}\n"));
	clock = clock_of(f, s.id);
	assert_true(clock.due_ns == f->now_ns + 7 * DAY);
	assert_true(clock.ceiling_ns == f->now_ns + 7 * DAY + MARGIN);
	f->now_ns += 7 * DAY - 1;
	assert_int_equal(sweep(f).segments, 0);
	f->now_ns++;
	assert_int_equal(sweep(f).segments, 1);
}

/* ---- random ---------------------------------------------------------------
 */

enum { CALLS = 40, STEPS = 120, CASES = 6 };

static const char *const classes[] = { "short", "standard", "complaints" };

static uint64_t
next_random(uint64_t *random)
{
	*random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *random >> 33;
}

/* After a sweep: what is there is not due, or held; what went was due. */
static void
compare(struct fixture *f, const struct store_segment *calls,
	enum store_state before[CALLS], const struct policy_clock clocks[CALLS])
{
	for (unsigned i = 0; i < CALLS; i++) {
		enum store_state now = state_of(f, calls[i].id);
		bool due = clocks[i].due_ns <= f->now_ns;

		if (before[i] == STORE_STATE_HELD)
			assert_int_equal(now, STORE_STATE_HELD);
		else if (before[i] == STORE_STATE_STORED)
			assert_int_equal(now, due ? STORE_STATE_PURGED
						  : STORE_STATE_STORED);
	}
}

static void
step(struct fixture *f, struct store_segment *calls, uint64_t *random)
{
	struct policy_clock clocks[CALLS];
	enum store_state before[CALLS];
	char name[16];

	f->now_ns += (int64_t)(next_random(random) % (5 * 86400)) * SECOND;
	snprintf(name, sizeof(name), "C%u",
		 (unsigned)(next_random(random) % CASES));
	switch (next_random(random) % 8) {
	case 0:
	case 1:
	case 2:
		(void)!act(f, STORE_ACT_HOLD, name, "",
			   calls[next_random(random) % CALLS].id);
		break;
	case 3:
		(void)!act(f, STORE_ACT_END, name, "",
			   calls[next_random(random) % CALLS].id);
		break;
	case 4:
		policy_set(f, next_random(random) % 2 ? policy_text
						      : policy_shorter);
		break;
	default:
		break;
	}
	for (unsigned i = 0; i < CALLS; i++) {
		before[i] = state_of(f, calls[i].id);
		if (before[i] != STORE_STATE_COUNT)
			clocks[i] = clock_of(f, calls[i].id);
	}
	(void)sweep(f);
	compare(f, calls, before, clocks);
}

static void
test_random(void **state)
{
	struct fixture *f = *state;
	static struct store_segment calls[CALLS];
	uint64_t random = 7;
	unsigned left = 0;
	char name[16];

	f->now_ns = START;
	for (unsigned i = 0; i < CASES; i++) {
		snprintf(name, sizeof(name), "C%u", i);
		assert_int_equal(
		    act(f, STORE_ACT_OPEN, name, i < 3 ? classes[i] : "", NULL),
		    0);
	}
	for (unsigned i = 0; i < CALLS; i++)
		add(f, &calls[i], i, classes[i % 3],
		    START + (int64_t)(next_random(&random) % 60) * DAY);
	f->now_ns = START + 20 * DAY;
	for (unsigned i = 0; i < STEPS; i++)
		step(f, calls, &random);
	/* all cases closed: in time all goes */
	for (unsigned i = 0; i < CASES; i++) {
		snprintf(name, sizeof(name), "C%u", i);
		assert_int_equal(act(f, STORE_ACT_CLOSE, name, "", NULL), 0);
	}
	f->now_ns += 400 * DAY;
	(void)sweep(f);
	for (unsigned i = 0; i < CALLS; i++)
		left += state_of(f, calls[i].id) == STORE_STATE_STORED ||
			state_of(f, calls[i].id) == STORE_STATE_HELD;
	assert_int_equal(left, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_complaint),
		TEST(test_never_shorter),
		TEST(test_grace),
		TEST(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
