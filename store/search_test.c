/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Searches by time against one that looks at every row: segments of every
 * length, some still going on, some purged; in an archive that knows which ones
 * are long, and in one of before, which does not. */
#include "cmd/testing/testing.h"
#include "store/fixture_priv.h"

#include <errno.h>

#define ROWS     600
#define SEARCHES 400
#define MINUTE   (60 * NS_PER_S)
#define HOUR     (60 * MINUTE)

static struct store_segment rows[ROWS];

/* The same numbers in each run. */
static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/** Any number of minutes up to four days, short ones most, and some that are
 * just as long as a class of lengths, or a nanosecond less or more. */
static int64_t
length_of(uint64_t *seed)
{
	const uint64_t kind = next_random(seed) % 8;
	const int64_t edge = STORE__LONG_NS << next_random(seed) % 5;

	if (kind < 4)
		return (int64_t)(next_random(seed) % 10) * MINUTE;
	if (kind < 6)
		return edge - 1 + (int64_t)(next_random(seed) % 3);
	return (int64_t)(next_random(seed) % (96 * 60)) * MINUTE;
}

static void
rows_make(struct fixture *fx, uint64_t *seed)
{
	assert_int_equal(store_batch_begin(fx->archive), 0);
	for (unsigned i = 0; i < ROWS; i++) {
		struct store_segment *s = &rows[i];

		fixture_segment(s, i);
		s->end_ns = s->start_ns + length_of(seed);
		snprintf(s->local, sizeof(s->local), "20%02u", i % 3);
		memcpy(s->to, s->local, sizeof(s->to));
		if (i % 11 == 0) {
			s->state = STORE_STATE_RECORDING;
			s->end_ns = i % 2 ? s->start_ns : 0;
		}
		assert_int_equal(store_segment_put(fx->archive, s), 0);
	}
	assert_int_equal(store_batch_commit(fx->archive), 0);
	for (unsigned i = 5; i < ROWS; i += 13)
		if (rows[i].state != STORE_STATE_RECORDING) {
			assert_int_equal(store_purge(fx->archive, rows[i].id, 1,
						     "clock", "x"),
					 0);
			rows[i].state = STORE_STATE_PURGED;
		}
}

/* ---- against all rows -------------------------------------------------- */

static bool
fits(const struct store_query *q, const struct store_segment *s)
{
	const bool on = s->state == STORE_STATE_RECORDING;

	if (s->state == STORE_STATE_PURGED && !q->purged)
		return false;
	if (q->number && strcmp(q->number, s->local) != 0)
		return false;
	if (q->extension && strcmp(q->extension, s->local) != 0)
		return false;
	return s->start_ns < q->to_ns &&
	       (on || s->end_ns > q->from_ns || s->start_ns >= q->from_ns);
}

struct expecting {
	const struct store_query *query;
	unsigned at; /**< first row not passed yet */
	uint64_t seen;
};

static int
expect_one(void *ctx, const struct store_segment *segment)
{
	struct expecting *e = ctx;

	while (e->at < ROWS && !fits(e->query, &rows[e->at]))
		e->at++;
	assert_in_range(e->at, 0, ROWS - 1);
	assert_string_equal(segment->id, rows[e->at].id);
	e->at++;
	e->seen++;
	return 0;
}

static void
search(struct fixture *fx, const struct store_query *query)
{
	struct expecting e = { .query = query };
	uint64_t expected = 0;

	assert_int_equal(store_search(fx->archive, query, expect_one, &e), 0);
	for (unsigned i = 0; i < ROWS; i++)
		expected += fits(query, &rows[i]);
	if (query->limit && query->limit < expected)
		expected = query->limit;
	assert_int_equal(e.seen, expected);
	assert_int_equal(store_rows_skipped(fx->archive), 0);
}

/** Calls begin a minute apart, so from the hour before to two days behind. */
static void
searches(struct fixture *fx, uint64_t seed)
{
	char number[8];

	for (unsigned i = 0; i < SEARCHES; i++) {
		struct store_query query = { .purged = i % 2 };
		const uint64_t how = next_random(&seed) % 4;

		query.from_ns = FIXTURE_START_NS - HOUR +
				(int64_t)(next_random(&seed) % 3540) * MINUTE;
		query.to_ns = query.from_ns +
			      (int64_t)(next_random(&seed) % 120) * MINUTE + 1;
		snprintf(number, sizeof(number), "20%02u",
			 (unsigned)(next_random(&seed) % 4));
		if (how == 1)
			query.number = number;
		else if (how == 2)
			query.extension = number;
		if (i % 5 == 0)
			query.limit = 1 + next_random(&seed) % 20;
		search(fx, &query);
	}
}

static int
count_finding(void *ctx, const struct store_finding *finding)
{
	++*(unsigned *)ctx;
	print_message("%s: %s\n", finding->id, finding->detail);
	return 0;
}

static unsigned
findings(struct fixture *fx)
{
	unsigned count = 0;

	assert_int_equal(
	    store_verify_orphans(fx->archive, count_finding, &count), 0);
	return count;
}

static void
reopen(struct fixture *fx, enum store_mode mode)
{
	store_archive_close(&fx->archive);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, mode,
					    &fixture_config, NULL),
			 0);
}

static void
test_all_lengths(void **state)
{
	struct fixture *fx = *state;
	uint64_t seed = 20190328;
	unsigned changed = 0;

	rows_make(fx, &seed);
	searches(fx, 1);
	assert_int_equal(findings(fx), 0);
	/* Segments grow and shrink, and what went on ends. */
	assert_int_equal(store_batch_begin(fx->archive), 0);
	for (unsigned i = 0; i < ROWS; i += 2) {
		struct store_segment *s = &rows[i];

		if (s->state == STORE_STATE_PURGED)
			continue;
		s->state = STORE_STATE_NONE;
		s->end_ns = s->start_ns + length_of(&seed);
		assert_int_equal(store_segment_put(fx->archive, s), 0);
		changed++;
	}
	assert_int_equal(store_batch_commit(fx->archive), 0);
	assert_true(changed > ROWS / 3);
	searches(fx, 2);
	assert_int_equal(findings(fx), 0);
}

/** An earlier build did not note which ones are long. */
static void
test_of_before(void **state)
{
	struct fixture *fx = *state;
	uint64_t seed = 20190329;
	MDB_txn *txn;

	rows_make(fx, &seed);
	/* Recovery would end what is being recorded. */
	assert_int_equal(store_batch_begin(fx->archive), 0);
	for (unsigned i = 0; i < ROWS; i++)
		if (rows[i].state == STORE_STATE_RECORDING) {
			rows[i].state = STORE_STATE_NONE;
			rows[i].end_ns = rows[i].start_ns + 50 * HOUR;
			assert_int_equal(
			    store_segment_put(fx->archive, &rows[i]), 0);
		}
	assert_int_equal(store_batch_commit(fx->archive), 0);
	assert_int_equal(store__write_begin(fx->archive, &txn), 0);
	assert_int_equal(mdb_drop(txn, fx->archive->tables.longer, 1), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	reopen(fx, STORE_READ);
	assert_int_equal(fx->archive->tables.longer, 0);
	searches(fx, 3);
	assert_int_equal(findings(fx), 0);
	reopen(fx, STORE_WRITE);
	assert_int_not_equal(fx->archive->tables.longer, 0);
	searches(fx, 3);
	assert_int_equal(findings(fx), 0);
}

/* ---- the classes of lengths -------------------------------------------- */

static bool
class_of(int64_t start_ns, int64_t end_ns, char class[2])
{
	const struct store_segment s = { .start_ns = start_ns,
					 .end_ns = end_ns };

	return store__length_class(class, &s);
}

static void
test_classes(void **state)
{
	char class[2];

	assert_false(class_of(5, 5, class));
	assert_false(class_of(5, 4, class));
	assert_false(class_of(INT64_MAX, INT64_MIN, class));
	assert_false(class_of(7, 7 + STORE__LONG_NS, class));
	assert_true(class_of(7, 8 + STORE__LONG_NS, class));
	assert_string_equal(class, "a");
	assert_true(class_of(0, 2 * STORE__LONG_NS, class));
	assert_string_equal(class, "a");
	assert_true(class_of(0, 2 * STORE__LONG_NS + 1, class));
	assert_string_equal(class, "b");
	assert_true(class_of(INT64_MIN, INT64_MAX, class));
	assert_int_equal(store__length_most(class), INT64_MAX);
	assert_in_range(class[0], 'w', 'y');
	assert_int_equal(store__length_most("a"), 2 * STORE__LONG_NS);
	assert_int_equal(store__length_most("d"), 16 * STORE__LONG_NS);
	assert_int_equal(store__length_most("z"), INT64_MAX);
	assert_int_equal(store__length_most(""), INT64_MAX);
	assert_int_equal(store__length_most("aa"), INT64_MAX);
	assert_int_equal(store__length_most("A"), INT64_MAX);
}

/** A search reads few rows though one segment was very long. */
static void
test_reads_little(void **state)
{
	struct fixture *fx = *state;
	struct store_query query = { .from_ns = FIXTURE_START_NS + 500 * MINUTE,
				     .to_ns = FIXTURE_START_NS + 501 * MINUTE };
	const struct store_segment *s;
	struct store__key key;
	uint64_t seed = 7;
	unsigned count = 0;

	rows_make(fx, &seed);
	/* Rows that began long before, and were short: who reads them fails,
	 * and it shows. */
	for (unsigned i = 0; i < 480; i++) {
		s = &rows[i];
		if (s->end_ns - s->start_ns > STORE__LONG_NS ||
		    s->state == STORE_STATE_RECORDING)
			continue;
		key = fixture_key(s);
		fixture_index_set(fx, fx->archive->tables.segments, &key, "x",
				  1);
		count++;
	}
	assert_true(count > 200);
	search(fx, &query);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_all_lengths),
		TEST(test_of_before),
		cmocka_unit_test(test_classes),
		TEST(test_reads_little),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
