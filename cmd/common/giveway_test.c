/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A disk that fills, at made-up times: how much is to go, what goes and in
 * which order, and what never does. */
#include "cmd/common/giveway.h"

#include "cmd/common/fixture_priv.h"
#include "store/audit.h"

#define GIB (UINT64_C(1) << 30)

#define POLICY(classes) FIXTURE_POLICY(classes, "12 months", "kept")

static const char policy_today[] =
    POLICY("  kept: {max: 90 days}\n"
	   "  spare: {min: 10 days, max: 60 days, gives_way: yes}\n"
	   "  bare: {max: 30 days, gives_way: yes}\n");

/* The same, and nothing gives way. */
static const char policy_strict[] = POLICY("  kept: {max: 90 days}\n"
					   "  spare: {max: 60 days}\n"
					   "  bare: {max: 30 days}\n");

/* Without 'bare', and with another one. */
static const char policy_later[] =
    POLICY("  kept: {max: 90 days}\n"
	   "  spare: {min: 10 days, max: 60 days, gives_way: yes}\n"
	   "  other: {min: 1 day, max: 60 days, gives_way: yes}\n");

/* Of each call there is only the row, as if it had 100 bytes. */
static int
setup(void **state)
{
	struct fixture *f = fixture_new(policy_today);

	f->like = (struct store_segment){ .state = STORE_STATE_STORED,
					  .decision = STORE_RECORD,
					  .bytes = 100,
					  .chunks = 1 };
	policy_keep(f, policy_today, f->like.policy);
	*state = f;
	return 0;
}

static bool
is_there(const struct fixture *f, const struct store_segment *s)
{
	struct store_segment now;

	assert_int_equal(store_segment_get(f->archive, s->id, &now), 0);
	assert_true(now.state != STORE_STATE_PURGED || now.gave_way);
	return now.state != STORE_STATE_PURGED;
}

/* What is still wanted then is left in want. */
static struct giveway_result
make_room(struct fixture *f, int64_t now_ns, struct giveway_want *want)
{
	const struct giveway_config config = { .archive = f->archive,
					       .policy = f->policy,
					       .clocks = f->clocks,
					       .now_ns = now_ns,
					       .actor = "tester",
					       .tell = on_tell,
					       .ctx = f };
	struct giveway_result result;

	assert_int_equal(giveway_run(&config, want, &result), 0);
	assert_int_equal(result.failed, 0);
	assert_string_equal(f->words, "");
	return result;
}

/* @return how many went */
static uint64_t
run(struct fixture *f, int64_t now_ns, uint64_t bytes)
{
	struct giveway_want want = { .bytes = bytes };

	return make_room(f, now_ns, &want).recordings;
}

/* ---- how much ---------------------------------------------------------- */

static void
how_much_is_wanted(void **state)
{
	static const struct {
		struct giveway_disk disk;
		uint32_t percent;
		struct giveway_want want;
	} cases[] = {
		/* there is enough, just so, or one byte too little */
		{ { 500, 1000, 0, 0 }, 2, { 0, 0 } },
		{ { 160, 1000, 0, 0 }, 16, { 0, 0 } },
		{ { 159, 1000, 0, 0 }, 16, { 21, 0 } },
		{ { 0, 1000, 0, 0 }, 16, { 180, 0 } },
		/* by files */
		{ { 500, 1000, 3, 100 }, 8, { 0, 6 } },
		{ { 0, 1000, 3, 100 }, 8, { 90, 6 } },
		/* a petabyte: no more than a GiB above */
		{ { 0, GIB << 20, 0, 0 }, 50, { (GIB << 19) + GIB, 0 } },
		{ { UINT64_MAX / 2, UINT64_MAX, 0, 0 }, 50, { 0, 0 } },
		/* nothing is known of it */
		{ { 0, 0, 0, 0 }, 50, { 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct giveway_want want;
		bool any =
		    giveway_wanted(&cases[i].disk, cases[i].percent, &want);

		print_message("# %zu\n", i);
		assert_int_equal(want.bytes, cases[i].want.bytes);
		assert_int_equal(want.files, cases[i].want.files);
		assert_int_equal(any, want.bytes || want.files);
	}
	assert_int_equal(giveway_least(12345, 10), 1234);
	assert_true(giveway_least(UINT64_MAX, 50) <= UINT64_MAX / 2);
}

/* ---- which ------------------------------------------------------------- */

static void
the_oldest_go_first(void **state)
{
	struct fixture *f = *state;
	struct store_segment kept, s[6];
	struct giveway_want want = { .bytes = 201 };
	struct giveway_result r;

	add(f, &kept, "kept", START);
	add(f, &s[0], "spare", START + 1 * HOUR);
	add(f, &s[1], "bare", START + 2 * HOUR);
	add(f, &s[2], "spare", START + 3 * HOUR);
	add(f, &s[3], "bare", START + 4 * HOUR);
	add(f, &s[4], "spare", START + 5 * HOUR);
	add(f, &s[5], "bare", START + 6 * HOUR);
	/* as many as are wanted, and no more */
	r = make_room(f, START + 20 * DAY, &want);
	assert_int_equal(r.recordings, 3);
	assert_true(r.more);
	assert_int_equal(r.bytes, 300);
	assert_int_equal(want.bytes, 0);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(is_there(f, &s[i]), i >= 3);
	/* by number, where the disk is short of files */
	want = (struct giveway_want){ .files = 1 };
	r = make_room(f, START + 20 * DAY, &want);
	assert_int_equal(r.recordings, 1);
	assert_false(is_there(f, &s[3]));
	/* what there is, and then there is no more */
	want = (struct giveway_want){ .bytes = 100 * GIB, .files = 3 };
	r = make_room(f, START + 20 * DAY, &want);
	assert_int_equal(r.recordings, 2);
	assert_false(r.more);
	assert_int_equal(want.bytes, 100 * GIB - 200);
	assert_int_equal(want.files, 1);
	assert_int_equal(run(f, START + 20 * DAY, GIB), 0);
	assert_true(is_there(f, &kept));
}

static void
none_goes_below_its_floor(void **state)
{
	struct fixture *f = *state;
	const int64_t floor_ns = START + 10 * DAY;
	struct store_segment s, young;

	add(f, &s, "spare", START);
	add(f, &young, "spare", START + HOUR);
	assert_int_equal(run(f, floor_ns - 1, GIB), 0);
	assert_int_equal(run(f, floor_ns, GIB), 1);
	assert_false(is_there(f, &s));
	assert_true(is_there(f, &young));
	/* without a floor it goes on its first day, but not before it began */
	add(f, &s, "bare", START);
	assert_int_equal(run(f, START, GIB), 0);
	assert_int_equal(run(f, START + 1, GIB), 1);
	/* what is due is not told to have given way: the sweep takes it */
	add(f, &s, "bare", START);
	assert_int_equal(run(f, START + 30 * DAY - 10 * MINUTE, 100), 1);
	assert_true(is_there(f, &s));
	assert_false(is_there(f, &young));
}

static void
what_never_goes(void **state)
{
	static const enum store_state states[] = { STORE_STATE_HELD,
						   STORE_STATE_RECORDING,
						   STORE_STATE_DAMAGED,
						   STORE_STATE_NONE };
	struct fixture *f = *state;
	struct store_segment s[7];

	for (size_t i = 0; i < 4; i++) {
		make(f, &s[i], "bare", START);
		s[i].state = states[i];
		if (s[i].state == STORE_STATE_HELD)
			s[i].held_from = STORE_STATE_STORED;
		put(f, &s[i]);
	}
	/* nothing of it takes room */
	make(f, &s[4], "bare", START);
	s[4].chunks = 0;
	put(f, &s[4]);
	/* the days of grace after a hold */
	make(f, &s[5], "bare", START);
	s[5].not_before_ns = START + 5 * DAY + 1;
	put(f, &s[5]);
	/* one that was cut by a crash goes as any */
	make(f, &s[6], "bare", START + HOUR);
	s[6].state = STORE_STATE_INTERRUPTED;
	put(f, &s[6]);
	assert_int_equal(run(f, START + 5 * DAY, GIB), 1);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(is_there(f, &s[i]), i != 6);
	assert_int_equal(run(f, START + 5 * DAY + 1, GIB), 1);
	assert_false(is_there(f, &s[5]));
}

/* Since a hold ended, another class counts too. */
static void
each_class_has_to_say_so(void **state)
{
	struct fixture *f = *state;
	struct store_segment s;

	make(f, &s, "bare", START);
	snprintf(s.successors[0].retention, STORE_NAME_BYTES, "kept");
	s.successors[0].from_ns = START + DAY;
	put(f, &s);
	make(f, &s, "kept", START);
	snprintf(s.successors[0].retention, STORE_NAME_BYTES, "bare");
	s.successors[0].from_ns = START + DAY;
	put(f, &s);
	assert_int_equal(run(f, START + 20 * DAY, GIB), 0);
	/* both do, and the floor is the later one */
	make(f, &s, "bare", START);
	snprintf(s.successors[0].retention, STORE_NAME_BYTES, "spare");
	s.successors[0].from_ns = START + DAY;
	put(f, &s);
	assert_int_equal(run(f, START + 11 * DAY - 1, GIB), 0);
	assert_int_equal(run(f, START + 11 * DAY, GIB), 1);
	assert_false(is_there(f, &s));
	/* one that today's policy does not know any more */
	make(f, &s, "spare", START);
	snprintf(s.successors[0].retention, STORE_NAME_BYTES, "bare");
	s.successors[0].from_ns = START + DAY;
	snprintf(s.successors[1].retention, STORE_NAME_BYTES, "spare");
	s.successors[1].from_ns = START + 2 * DAY;
	put(f, &s);
	policy_set(f, policy_later);
	assert_int_equal(run(f, START + 20 * DAY, GIB), 0);
	policy_set(f, policy_today);
	assert_int_equal(run(f, START + 20 * DAY, GIB), 1);
}

/* A file that somebody edited deletes nothing. */
static void
nobody_agreed_to_it(void **state)
{
	struct fixture *f = *state;
	struct store_segment s;

	add(f, &s, "bare", START);
	policy_apply(f, policy_strict);
	assert_int_equal(run(f, START + DAY, GIB), 0);
	/* today's does not know the class, whatever that one says */
	policy_apply(f, policy_today);
	policy_set(f, policy_later);
	assert_int_equal(run(f, START + DAY, GIB), 0);
	policy_set(f, policy_today);
	assert_int_equal(run(f, START + DAY, GIB), 1);
	assert_false(is_there(f, &s));
	/* a class that was never applied */
	add(f, &s, "other", START);
	policy_set(f, policy_later);
	assert_int_equal(run(f, START + 2 * DAY, GIB), 0);
	assert_true(is_there(f, &s));
}

/* Where none was applied, that by which was decided. */
static void
it_was_decided_otherwise(void **state)
{
	struct fixture *f = *state;
	struct store_segment s;

	make(f, &s, "bare", START);
	policy_keep(f, policy_strict, s.policy);
	put(f, &s);
	/* nor is anybody known to have agreed where it is lost */
	make(f, &s, "bare", START);
	memset(s.policy, 0x42, sizeof(s.policy));
	put(f, &s);
	assert_int_equal(run(f, START + DAY, GIB), 0);
	add(f, &s, "bare", START);
	assert_int_equal(run(f, START + DAY, GIB), 1);
	assert_false(is_there(f, &s));
}

/* ---- what is told ------------------------------------------------------ */

static int
see_entry(void *ctx, const struct store_ledger_entry *entry)
{
	if (!strcmp(entry->action, "purge"))
		*(struct store_ledger_entry *)ctx = *entry;
	return 0;
}

static void
it_is_told_of_each(void **state)
{
	struct fixture *f = *state;
	struct store_ledger_entry entry = { 0 };
	struct store_segment s, now;

	add(f, &s, "bare", START);
	assert_int_equal(run(f, START + DAY, 1), 1);
	assert_int_equal(store_segment_get(f->archive, s.id, &now), 0);
	assert_int_equal(now.state, STORE_STATE_PURGED);
	assert_int_equal(now.purged_ns, START + DAY);
	assert_int_equal(now.gave_way, 1);
	assert_int_equal(store_ledger_walk(f->archive, see_entry, &entry), 0);
	assert_string_equal(entry.subject, s.id);
	assert_string_equal(entry.actor, "tester");
	assert_non_null(strstr(entry.detail, GIVEWAY_WHY));
	/* what is past its time did not give way */
	add(f, &s, "bare", START);
	assert_int_equal(sweep_at(f, START + 31 * DAY, 0).recordings, 1);
	assert_int_equal(store_segment_get(f->archive, s.id, &now), 0);
	assert_int_equal(now.state, STORE_STATE_PURGED);
	assert_int_equal(now.gave_way, 0);
}

static void
a_little_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct giveway_want want = { .bytes = GIB };
	struct giveway_result r;
	struct store_segment s;

	assert_int_equal(store_batch_begin(f->archive), 0);
	for (unsigned i = 0; i < STORE_PURGE_MANY + 10; i++) {
		make(f, &s, "bare", START + i * SECOND);
		assert_int_equal(store_segment_put(f->archive, &s), 0);
	}
	assert_int_equal(store_batch_commit(f->archive), 0);
	r = make_room(f, START + DAY, &want);
	assert_int_equal(r.recordings, STORE_PURGE_MANY);
	assert_true(r.more);
	assert_true(is_there(f, &s));
	assert_int_equal(want.bytes, GIB - 100 * STORE_PURGE_MANY);
	r = make_room(f, START + DAY, &want);
	assert_int_equal(r.recordings, 10);
	assert_false(r.more);
	assert_false(is_there(f, &s));
}

/* ---- against a second way ---------------------------------------------- */

#define CALLS 150

struct call {
	struct store_segment s;
	bool gone, may;
};

static uint32_t
chance(uint32_t *random, uint32_t n)
{
	*random = *random * 1664525 + 1013904223;
	return (*random >> 8) % n;
}

static void
random_call(struct fixture *f, struct call *call, uint32_t *random)
{
	static const char *const classes[] = { "kept", "spare", "bare" };
	static const enum store_state states[] = {
		STORE_STATE_STORED, STORE_STATE_STORED,
		STORE_STATE_STORED, STORE_STATE_INTERRUPTED,
		STORE_STATE_HELD,   STORE_STATE_RECORDING
	};
	unsigned class = chance(random, 3);

	memset(call, 0, sizeof(*call));
	make(f, &call->s, classes[class],
	     START + (int64_t)chance(random, 40 * 24) * HOUR);
	call->s.state = states[chance(random, 6)];
	call->s.held_from = STORE_STATE_STORED;
	call->s.bytes = 1 + chance(random, 1000);
	call->may = class && call->s.state != STORE_STATE_HELD &&
		    call->s.state != STORE_STATE_RECORDING;
	put(f, &call->s);
}

/* The oldest that may, one after the other. */
static void
expect(struct call *calls, int64_t now_ns, uint64_t bytes)
{
	uint64_t done = 0;

	while (done < bytes) {
		struct call *first = NULL;

		for (size_t i = 0; i < CALLS; i++) {
			struct call *c = &calls[i];
			bool spare = !strcmp(c->s.retention, "spare");
			int64_t age_ns = now_ns - c->s.call_start_ns;

			if (!c->may || c->gone || age_ns <= 0 ||
			    (spare && age_ns < 10 * DAY) ||
			    age_ns >= (spare ? 60 : 30) * DAY - 10 * MINUTE)
				continue;
			if (!first ||
			    c->s.call_start_ns < first->s.call_start_ns ||
			    (c->s.call_start_ns == first->s.call_start_ns &&
			     strcmp(c->s.id, first->s.id) < 0))
				first = c;
		}
		if (!first)
			return;
		first->gone = true;
		done += first->s.bytes;
	}
}

static void
both_choose_alike(void **state)
{
	struct fixture *f = *state;
	struct call *calls = calloc(CALLS, sizeof(*calls));
	uint32_t random = 20190328;
	unsigned gone = 0;

	assert_non_null(calls);
	for (size_t i = 0; i < CALLS; i++)
		random_call(f, &calls[i], &random);
	for (int64_t hour = 0; hour < 45 * 24;
	     hour += 1 + chance(&random, 36)) {
		int64_t now_ns = START + hour * HOUR + 30 * MINUTE;
		uint64_t bytes = 1 + chance(&random, 2000);

		(void)run(f, now_ns, bytes);
		expect(calls, now_ns, bytes);
		for (size_t i = 0; i < CALLS; i++)
			assert_int_equal(is_there(f, &calls[i].s),
					 !calls[i].gone);
	}
	for (size_t i = 0; i < CALLS; i++)
		gone += calls[i].gone;
	print_message("# %u of %u went\n", gone, CALLS);
	assert_true(gone > CALLS / 4 && gone < CALLS);
	free(calls);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_much_is_wanted),
		TEST(the_oldest_go_first),
		TEST(none_goes_below_its_floor),
		TEST(what_never_goes),
		TEST(each_class_has_to_say_so),
		TEST(nobody_agreed_to_it),
		TEST(it_was_decided_otherwise),
		TEST(it_is_told_of_each),
		TEST(a_little_at_a_time),
		TEST(both_choose_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
