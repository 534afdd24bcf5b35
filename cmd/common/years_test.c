/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Simulated years: calls come in, are held and let go, the policy changes, the
 * recorder is off, the clock is set, and the purge runs as it does in the
 * recorder: guard, sweep, note. Beside it a model that shares no code with the
 * clocks says after every sweep what must be gone and what must be there:
 *
 *   nothing is past its ceiling, but what is held
 *   nothing went before its floor, nothing that was held
 *   by a clock that was set nothing goes at all
 *   where the purge stood still for long, the archive says so
 *
 * While the recorder is off, and until somebody says that its clock is right
 * where no time server does, recordings do grow old; the first sweep behind it
 * has to catch up. Calls are rows without audio, and none come in while the
 * clock is wrong.
 *
 *   YEARS_SEED=1 YEARS_DAYS=1095 YEARS_LOAD=100000 (calls in 90 days)
 *   YEARS_MINUTES=5 (between sweeps: no more than the ten that there are)
 *
 * A short one unless they are set: see .ci/years.
 */
#include "cmd/common/guard.h"

#include <inttypes.h>
#include <unistd.h>

#include "cmd/common/fixture_priv.h"
#include "cmd/testing/slow_clock.h"

/* 2026-01-01 */
#define BEGIN INT64_C(1767225600000000000)

#define LIMIT 50 /* of a sweep, as in the recorder */

/* What each class says under each policy: in days or months. */
struct term {
	unsigned days, months, floor_months;
};

static const char *const class_names[] = { "fortnight", "quarter", "half",
					   "year", "corporate" };
#define CLASSES COUNT(class_names)

static const struct term terms[][CLASSES] = {
	{ { 14, 0, 0 },
	  { 90, 0, 0 },
	  { 0, 6, 0 },
	  { 0, 12, 0 },
	  { 0, 24, 12 } },
	{ { 10, 0, 0 },
	  { 60, 0, 0 },
	  { 0, 5, 0 },
	  { 0, 11, 0 },
	  { 0, 24, 13 } },
	{ { 14, 0, 0 }, { 0, 3, 0 }, { 0, 9, 0 }, { 0, 13, 0 }, { 0, 20, 10 } },
};
#define POLICIES COUNT(terms)

enum item_state { LIVE, HELD, GONE };

struct item {
	int64_t start_ns, due_ns, ceiling_ns, floor_ns;
	uint8_t class, state;
	bool was_held; /* past its time */
};

struct years {
	/* the recorder */
	struct fixture *fx;
	struct store_pulse pulse;
	/* the world */
	uint64_t random;
	int64_t now_ns, end_ns; /* in truth */
	int64_t error_ns;       /* by which the clock is wrong */
	int64_t boottime_ns;
	uint8_t boot;
	bool synchronised;
	int64_t step_ns; /* between sweeps, where something is due */
	int64_t call_ns; /* mean time between calls */
	int64_t next_call_ns;
	/* the model */
	struct slow_zone zone;
	size_t policy;
	struct item *items;
	size_t count, capacity;
	size_t *heap; /* of items, the first due first */
	size_t heaped, heap_capacity;
	/* what happened */
	uint64_t sweeps, refused, deleted, holds, released, changes, downtimes,
	    jumps, confirmed, alarms, late;
	int64_t latest_ns; /* for the downtime */
	bool behind;       /* was it off, or did it wait for somebody? */
	bool shortened;    /* has the policy changed since the last sweep? */
};

/* ---- chance ------------------------------------------------------------- */

/* splitmix64 */
static uint64_t
chance(struct years *y)
{
	uint64_t z = y->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static int64_t
between(struct years *y, int64_t low, int64_t high)
{
	return low + (int64_t)(chance(y) % (uint64_t)(high - low + 1));
}

static bool
one_in(struct years *y, uint64_t n)
{
	return chance(y) % n == 0;
}

/* ---- the model ----------------------------------------------------------- */

static void
judge(struct years *y, struct item *item)
{
	const struct term *term = &terms[y->policy][item->class];
	int64_t none_ns;

	item->ceiling_ns = item->start_ns + term->days * DAY;
	item->floor_ns = item->start_ns;
	if (term->months)
		slow_months(&y->zone, item->start_ns, term->months,
			    &item->ceiling_ns, &none_ns);
	if (term->floor_months)
		slow_months(&y->zone, item->start_ns, term->floor_months,
			    &none_ns, &item->floor_ns);
	item->due_ns = term->floor_months ? item->floor_ns
					  : item->ceiling_ns - 10 * MINUTE;
}

static bool
earlier(const struct years *y, size_t a, size_t b)
{
	return y->items[y->heap[a]].due_ns < y->items[y->heap[b]].due_ns;
}

static void
swap(struct years *y, size_t a, size_t b)
{
	size_t kept = y->heap[a];

	y->heap[a] = y->heap[b];
	y->heap[b] = kept;
}

static void
heap_push(struct years *y, size_t item)
{
	size_t i = y->heaped++;

	if (y->heaped > y->heap_capacity) {
		y->heap_capacity = 2 * y->heaped;
		y->heap = realloc(y->heap, y->heap_capacity * sizeof(*y->heap));
		assert_non_null(y->heap);
	}
	y->heap[i] = item;
	for (; i && earlier(y, i, (i - 1) / 2); i = (i - 1) / 2)
		swap(y, i, (i - 1) / 2);
}

static size_t
heap_pop(struct years *y)
{
	size_t item = y->heap[0], i = 0;

	y->heap[0] = y->heap[--y->heaped];
	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < y->heaped && earlier(y, child + 1, child))
			child++;
		if (child >= y->heaped || !earlier(y, child, i))
			return item;
		swap(y, i, child);
		i = child;
	}
}

/* Under another policy all is due at another time. */
static void
judge_all(struct years *y)
{
	y->heaped = 0;
	for (size_t i = 0; i < y->count; i++) {
		if (y->items[i].state == GONE)
			continue;
		judge(y, &y->items[i]);
		if (y->items[i].state == LIVE)
			heap_push(y, i);
	}
}

static void
policy_write(char *text, size_t bytes, size_t policy)
{
	char classes[1024];
	size_t n = 0;

	for (size_t c = 0; c < CLASSES; c++) {
		const struct term *t = &terms[policy][c];

		n += (size_t)snprintf(
		    classes + n, sizeof(classes) - n,
		    t->floor_months ? "  %s: {max: %u %s, min: %u months}\n"
				    : "  %s: {max: %u %s}\n",
		    class_names[c], t->days ? t->days : t->months,
		    t->days ? "days" : "months", t->floor_months);
	}
	snprintf(text, bytes, FIXTURE_POLICY("%s", "25 months", "half"),
		 classes);
}

/* ---- the archive --------------------------------------------------------- */

/* PURGED also where the note of it is gone. */
static enum store_state
row_state(const struct years *y, size_t item, struct store_segment *segment)
{
	struct store_segment named;
	int r;

	ids_make(&named, item, y->items[item].start_ns);
	r = store_segment_get(y->fx->archive, named.id, segment);
	assert_true(r == 0 || r == -ENOENT);
	return r ? STORE_STATE_PURGED : segment->state;
}

static void
put_call(struct years *y, int64_t start_ns)
{
	struct store_segment segment;
	struct item *item;

	if (y->count == y->capacity) {
		y->capacity = 2 * y->capacity + 1024;
		y->items = realloc(y->items, y->capacity * sizeof(*y->items));
		assert_non_null(y->items);
	}
	item = &y->items[y->count++];
	*item = (struct item){ .start_ns = start_ns,
			       .class = (uint8_t)(chance(y) % CLASSES) };
	judge(y, item);
	heap_push(y, y->count - 1);
	make(y->fx, &segment, class_names[item->class], start_ns);
	assert_int_equal(store_segment_put(y->fx->archive, &segment), 0);
}

/* What has come in until now. */
static void
put_calls(struct years *y)
{
	if (y->next_call_ns > y->now_ns)
		return;
	assert_int_equal(store_batch_begin(y->fx->archive), 0);
	while (y->next_call_ns <= y->now_ns) {
		put_call(y, y->next_call_ns);
		y->next_call_ns += between(y, 1, 2 * y->call_ns);
	}
	assert_int_equal(store_batch_commit(y->fx->archive), 0);
}

static void
set_state(struct years *y, size_t i, enum store_state state,
	  enum item_state shadow)
{
	struct store_segment segment;

	assert_int_not_equal(row_state(y, i, &segment), STORE_STATE_PURGED);
	segment.state = state;
	put(y->fx, &segment);
	y->items[i].state = (uint8_t)shadow;
}

/* Somebody holds one, or lets one go. */
static void
hold_or_release(struct years *y)
{
	size_t i, tries = 50;

	while (y->count && tries--) {
		i = (size_t)(chance(y) % y->count);
		if (y->items[i].state == LIVE && one_in(y, 2)) {
			set_state(y, i, STORE_STATE_HELD, HELD);
			y->holds++;
			return;
		}
		if (y->items[i].state == HELD) {
			set_state(y, i, STORE_STATE_INTERRUPTED, LIVE);
			y->items[i].was_held =
			    y->items[i].ceiling_ns <= y->now_ns;
			heap_push(y, i);
			y->released++;
			return;
		}
	}
}

/* ---- a sweep ------------------------------------------------------------- */

/* Nothing is there that must be gone, and nothing else went. */
static void
check_sweep(struct years *y, uint64_t deleted)
{
	uint64_t expected = 0;
	struct store_segment segment;

	while (y->heaped && y->items[y->heap[0]].due_ns <= y->now_ns) {
		size_t i = heap_pop(y);
		struct item *item = &y->items[i];
		int64_t late_ns = y->now_ns - item->ceiling_ns;

		if (item->state != LIVE)
			continue;
		if (row_state(y, i, &segment) != STORE_STATE_PURGED)
			fail_msg("%s is overdue", segment.id);
		assert_true(item->floor_ns <= y->now_ns);
		item->state = GONE;
		expected++;
		/* at a sweep a minute, and ten to spare */
		if (item->was_held || y->shortened)
			continue;
		assert_true(late_ns < 0 || y->behind);
		y->late += late_ns >= 0;
		if (late_ns > y->latest_ns)
			y->latest_ns = late_ns;
	}
	if (deleted != expected)
		fail_msg("%" PRIu64 " deleted, not %" PRIu64
			 ": below a floor, or held",
			 deleted, expected);
	y->deleted += deleted;
	y->behind = y->shortened = false;
}

static void
sweep(struct years *y)
{
	const int64_t now_ns = y->now_ns + y->error_ns;
	struct guard_reading clock = { .wall_ns = now_ns,
				       .boottime_ns = y->boottime_ns,
				       .synchronised = y->synchronised };
	enum guard_verdict verdict;
	struct sweep_result result;
	uint64_t deleted = 0;

	memset(clock.boot, y->boot, sizeof(clock.boot));
	y->sweeps++;
	verdict = guard_decide(&y->pulse, &clock, false);
	assert_true(y->error_ns == 0 || verdict != GUARD_TRUSTED);
	if (verdict != GUARD_TRUSTED) {
		guard_note(&y->pulse, now_ns, verdict, NULL, 0);
		y->refused++;
		y->behind = true;
	} else {
		guard_trust(&y->pulse, &clock);
		do {
			result = sweep_at(y->fx, now_ns, 0);
			deleted += result.segments;
		} while (result.more);
		guard_note(&y->pulse, now_ns, verdict, &result, 0);
		assert_int_equal(result.overdue, 0);
		check_sweep(y, deleted);
	}
	assert_int_equal(store_pulse_put(y->fx->archive, &y->pulse, NULL), 0);
}

/* ---- time ---------------------------------------------------------------- */

static void
pass(struct years *y, int64_t ns)
{
	y->now_ns += ns;
	y->boottime_ns += ns;
}

/* To the minute in which something is due, but not for longer than that. */
static void
go_on(struct years *y, int64_t ns)
{
	int64_t until_ns = y->now_ns + ns, due_ns;

	while (y->now_ns < until_ns) {
		int64_t step_ns = until_ns - y->now_ns;

		if (y->heaped) {
			due_ns = y->items[y->heap[0]].due_ns - y->now_ns;
			/* due now: one that was let go */
			due_ns = due_ns < 0
				     ? y->step_ns
				     : (due_ns / y->step_ns + 1) * y->step_ns;
			if (due_ns < step_ns)
				step_ns = due_ns;
		}
		pass(y, step_ns);
		put_calls(y);
		sweep(y);
	}
}

/* Does the archive say that the purge stands still? */
static void
look_for_alarm(struct years *y)
{
	struct store_pulse pulse;

	assert_int_equal(store_pulse_get(y->fx->archive, &pulse), 0);
	assert_int_not_equal(pulse.verdict, GUARD_TRUSTED);
	assert_true(y->now_ns - pulse.well_ns > GUARD_STALE_NS);
	y->alarms++;
}

static void
start_again(struct years *y)
{
	y->boot = (uint8_t)(y->boot % 250 + 1);
	y->boottime_ns = MINUTE;
	y->synchronised = one_in(y, 2);
}

static void
reopen(struct years *y)
{
	archive_reopen(y->fx, STORE_WRITE);
	(void)!store_pulse_get(y->fx->archive, &y->pulse);
}

/* The recorder is off, perhaps the machine too. */
static void
be_off(struct years *y)
{
	int64_t for_ns = between(y, HOUR, one_in(y, 2) ? 30 * DAY : 2 * DAY);

	y->downtimes++;
	y->behind = true;
	pass(y, for_ns);
	y->next_call_ns = y->now_ns; /* nobody recorded them */
	if (one_in(y, 2))
		start_again(y);
	reopen(y);
	sweep(y);
	if (y->pulse.verdict == GUARD_TRUSTED)
		return;
	/* Nobody knows whether it was off for so long: somebody is asked. */
	pass(y, between(y, HOUR, 3 * DAY));
	y->next_call_ns = y->now_ns;
	sweep(y);
	look_for_alarm(y);
	if (one_in(y, 2)) {
		y->synchronised = true;
	} else {
		struct guard_reading clock = { .wall_ns = y->now_ns,
					       .boottime_ns = y->boottime_ns };

		memset(clock.boot, y->boot, sizeof(clock.boot));
		guard_confirm(&y->pulse, &clock);
		y->confirmed++;
	}
	sweep(y);
	assert_int_equal(y->pulse.verdict, GUARD_TRUSTED);
}

/* The clock is set by mistake, or comes up wrong, and put right later. */
static void
jump(struct years *y)
{
	static const int64_t server_ns = 7168 * DAY; /* 1,024 weeks */
	bool synchronised = y->synchronised;

	y->jumps++;
	y->behind = true;
	y->synchronised = false;
	y->error_ns = between(y, 6 * MINUTE, one_in(y, 2) ? DAY : 4000 * DAY);
	if (one_in(y, 3)) {
		start_again(y);
		y->synchronised = false;
		y->error_ns += 8 * DAY;
	}
	if (y->pulse.sure && one_in(y, 4)) {
		y->synchronised = true;
		y->error_ns = server_ns;
	}
	if (one_in(y, 2))
		y->error_ns = -y->error_ns;
	for (int64_t n = between(y, 1, 30); n; n--) {
		pass(y, MINUTE * between(y, 1, 10));
		sweep(y);
	}
	pass(y, GUARD_STALE_NS);
	sweep(y);
	look_for_alarm(y);
	y->error_ns = 0;
	y->synchronised = synchronised;
	y->next_call_ns = y->now_ns;
	sweep(y);
	assert_int_equal(y->pulse.verdict, GUARD_TRUSTED);
}

/* Every row is what the model says. */
static void
check_all(struct years *y)
{
	struct store_segment segment;

	for (size_t i = 0; i < y->count; i++) {
		static const enum store_state states[] = {
			[LIVE] = STORE_STATE_INTERRUPTED,
			[HELD] = STORE_STATE_HELD,
			[GONE] = STORE_STATE_PURGED,
		};

		if (y->items[i].state == GONE && i % 16)
			continue;
		if (row_state(y, i, &segment) != states[y->items[i].state])
			fail_msg("call %zu is %s", i,
				 store_state_name(segment.state));
	}
}

static void
change_policy(struct years *y)
{
	char text[2048];

	y->policy = (size_t)(chance(y) % POLICIES);
	policy_write(text, sizeof(text), y->policy);
	policy_set(y->fx, text);
	y->changes++;
	judge_all(y);
	y->shortened = true;
	sweep(y);
}

static void
live_a_day(struct years *y)
{
	int64_t until_ns = y->now_ns + DAY;

	while (y->now_ns < until_ns) {
		go_on(y, between(y, MINUTE, 3 * HOUR));
		if (one_in(y, 12))
			hold_or_release(y);
	}
	if (one_in(y, 25))
		be_off(y);
	if (one_in(y, 25))
		jump(y);
	if (one_in(y, 60))
		change_policy(y);
}

/* ---- the years ----------------------------------------------------------- */

static int64_t
setting(const char *name, int64_t usual)
{
	const char *text = getenv(name);

	return text ? strtoll(text, NULL, 10) : usual;
}

static int
setup(void **state)
{
	struct years *y = calloc(1, sizeof(*y));
	char text[2048];

	assert_non_null(y);
	/* Thousands of syncs are not what is tested. */
	if (!getenv("TMPDIR") && access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	policy_write(text, sizeof(text), y->policy);
	y->fx = fixture_new(text);
	y->fx->like.state = STORE_STATE_INTERRUPTED;
	y->fx->opened.map_bytes = UINT64_C(16) << 30;
	y->fx->config.limit = LIMIT;
	slow_zone_init(&y->zone, "Europe/London");
	reopen(y);
	*state = y;
	return 0;
}

static int
teardown(void **state)
{
	struct years *y = *state;

	fixture_free(&y->fx);
	slow_zone_fini(&y->zone);
	free(y->items);
	free(y->heap);
	free(y);
	return 0;
}

static void
print_years(const struct years *y, int64_t days)
{
	print_message(
	    "# %" PRId64 " days, %zu calls, %" PRIu64 " deleted, %" PRIu64
	    " sweeps\n# %" PRIu64 " holds, %" PRIu64 " let go, %" PRIu64
	    " changes of the policy\n# %" PRIu64 " times off, %" PRIu64
	    " times the clock was wrong, %" PRIu64 " sweeps refused, %" PRIu64
	    " alarms, %" PRIu64 " times somebody said that it is right\n",
	    days, y->count, y->deleted, y->sweeps, y->holds, y->released,
	    y->changes, y->downtimes, y->jumps, y->refused, y->alarms,
	    y->confirmed);
	print_message("# after each sweep: 0 overdue, 0 below the floor, 0 "
		      "held and deleted\n# late because it was off, or "
		      "waited for somebody: %" PRIu64
		      ", by at most %.1f days\n",
		      y->late, (double)y->latest_ns / (double)DAY);
}

/* Sanitizers take thirty times as long. */
#ifdef SPANREC_SANITIZED
#define USUAL_DAYS 200
#else
#define USUAL_DAYS 400
#endif

static void
test_years(void **state)
{
	struct years *y = *state;
	int64_t days = setting("YEARS_DAYS", USUAL_DAYS);

	y->random = (uint64_t)setting("YEARS_SEED", 1);
	y->step_ns = MINUTE * setting("YEARS_MINUTES", 1);
	y->call_ns = 90 * DAY / setting("YEARS_LOAD", 700);
	y->now_ns = y->next_call_ns = BEGIN;
	y->end_ns = BEGIN + days * DAY;
	y->boot = 1;
	y->boottime_ns = DAY;
	y->synchronised = true;
	sweep(y);
	for (int64_t month = 0; y->now_ns < y->end_ns; month++) {
		live_a_day(y);
		if (month % 30 == 0)
			check_all(y);
	}
	check_all(y);
	print_years(y, days);
	assert_true(y->deleted > 100 && y->holds && y->downtimes && y->jumps);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_years, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
