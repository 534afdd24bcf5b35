/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was held, and when it goes then: sweeps against a second implementation
 * that looks at every row. */
#include "cmd/common/sweep.h"

#include "cmd/common/fixture_priv.h"

#define POLICY(classes) FIXTURE_POLICY(classes, "36 months", "standard")

static const char policy_text[] =
    POLICY("  short: {max: 14 days}\n"
	   "  standard: {max: 90 days}\n"
	   "  complaints: {min: 6 months, max: 12 months}\n");
static const char policy_shorter[] = POLICY("  short: {max: 14 days}\n"
					    "  standard: {max: 30 days}\n"
					    "  complaints: {max: 2 months}\n");

static int
setup(void **state)
{
	struct fixture *f = fixture_new(policy_text);

	f->like.state = STORE_STATE_STORED;
	*state = f;
	return 0;
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

	add(f, &s, "standard", START);
	assert_true(clock_of(f, s.id).due_ns == START + 90 * DAY - MARGIN);
	f->now_ns = START + 10 * DAY;
	assert_int_equal(act(f, STORE_ACT_OPEN, "C", "complaints", NULL), 0);
	assert_int_equal(act(f, STORE_ACT_HOLD, "C", "", s.id), 0);
	f->now_ns = closed_ns; /* 2019-08-01 12:00 UTC */
	assert_int_equal(sweep_at(f, f->now_ns, 0).held, 1);
	assert_int_equal(act(f, STORE_ACT_CLOSE, "C", "", NULL), 0);
	clock = clock_of(f, s.id);
	/* six months in London: 1 February, 13:00 by summer time before */
	assert_true(clock.floor_ns == gone_ns + 3600 * SECOND);
	assert_true(clock.due_ns == clock.floor_ns);
	assert_true(clock.ceiling_ns > clock.due_ns);
	f->now_ns = clock.due_ns - 1;
	assert_int_equal(sweep_at(f, f->now_ns, 0).segments, 0);
	f->now_ns++;
	assert_int_equal(sweep_at(f, f->now_ns, 0).segments, 1);
	assert_int_equal(state_of(f, &s), STORE_STATE_PURGED);
}

/* A class that is over before the recording's own changes nothing, nor does
 * the time of grace. */
static void
test_never_shorter(void **state)
{
	struct fixture *f = *state;
	struct store_segment s;

	add(f, &s, "standard", START);
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

	add(f, &s, "standard", START);
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
	assert_int_equal(sweep_at(f, f->now_ns, 0).segments, 0);
	f->now_ns++;
	assert_int_equal(sweep_at(f, f->now_ns, 0).segments, 1);
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
		enum store_state now = state_of(f, &calls[i]);
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
		before[i] = state_of(f, &calls[i]);
		if (before[i] != STORE_STATE_COUNT)
			clocks[i] = clock_of(f, calls[i].id);
	}
	(void)sweep_at(f, f->now_ns, 0);
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
		add(f, &calls[i], classes[i % 3],
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
	(void)sweep_at(f, f->now_ns, 0);
	for (unsigned i = 0; i < CALLS; i++)
		left += state_of(f, &calls[i]) == STORE_STATE_STORED ||
			state_of(f, &calls[i]) == STORE_STATE_HELD;
	assert_int_equal(left, 0);
}

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
