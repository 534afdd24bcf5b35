/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls in progress: kept, replaced, ended; cut anywhere; killed between;
 * archives that do not know of them yet; the key of their hashes. */
#include "cmd/testing/testing.h"
#include "store/fixture_priv.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/** What a walk told, one after the other. */
struct calls {
	unsigned count, stop_at;
	struct store_segment segments[8];
	char keys[8][STORE_SEGMENT_ID_BYTES];
	uint8_t states[8][64];
	size_t states_bytes[8];
};

static int
see(void *ctx, const char *key, const struct store_segment *segment,
    const void *state, size_t state_bytes)
{
	struct calls *calls = ctx;
	unsigned i = calls->count++;

	assert_in_range(i, 0, 7);
	snprintf(calls->keys[i], sizeof(calls->keys[i]), "%s", key);
	calls->segments[i] = *segment;
	calls->states_bytes[i] = state_bytes;
	if (state_bytes && state_bytes <= sizeof(calls->states[i]))
		memcpy(calls->states[i], state, state_bytes);
	return calls->count == calls->stop_at ? -ECANCELED : 0;
}

/** @return what a walk found, until the next call */
static const struct calls *
calls_of(struct fixture *fx, uint64_t skipped)
{
	static struct calls calls;
	uint64_t n = 99;

	memset(&calls, 0, sizeof(calls));
	assert_int_equal(store_live_walk(fx->archive, see, &calls, &n), 0);
	assert_int_equal(n, skipped);
	return &calls;
}

static void
keep_under(struct fixture *fx, const char *key, const struct store_segment *s,
	   const char *text)
{
	assert_int_equal(store_batch_begin(fx->archive), 0);
	assert_int_equal(
	    store_live_put(fx->archive, key, s, text, strlen(text)), 0);
	assert_int_equal(store_batch_commit(fx->archive), 0);
}

static void
keep(struct fixture *fx, const struct store_segment *s, const char *text)
{
	keep_under(fx, s->id, s, text);
}

static void
end(struct fixture *fx, const char *call)
{
	assert_int_equal(store_batch_begin(fx->archive), 0);
	assert_int_equal(store_live_delete(fx->archive, call), 0);
	assert_int_equal(store_batch_commit(fx->archive), 0);
}

static struct store__key
call_key(const struct store_segment *s)
{
	struct store__key key = { 0 };

	store__key_text(&key, s->id);
	return key;
}

static void
test_put_walk_delete(void **state)
{
	struct fixture *fx = *state;
	const struct calls *calls;
	struct store_segment s[3];
	char longer[600], first[STORE_SEGMENT_ID_BYTES];

	assert_int_equal(calls_of(fx, 0)->count, 0);
	for (unsigned i = 3; i-- > 0;) {
		fixture_segment(&s[i], i);
		snprintf(s[i].rule, sizeof(s[i].rule), "rule %u", i);
		keep(fx, &s[i], i ? "paused" : "");
	}
	calls = calls_of(fx, 0);
	assert_int_equal(calls->count, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_memory_equal(&calls->segments[i], &s[i], sizeof(s[i]));
	assert_int_equal(calls->states_bytes[0], 0);
	assert_int_equal(calls->states_bytes[1], 6);
	assert_memory_equal(calls->states[2], "paused", 6);

	/* The next segment takes its place; streams are not kept. */
	memcpy(first, s[1].id, sizeof(first));
	s[1].segment = 2;
	store__segment_id_make(s[1].id, s[1].call, 2);
	fixture_totals(&s[1], 1000);
	keep_under(fx, first, &s[1], "on");
	calls = calls_of(fx, 0);
	assert_int_equal(calls->count, 3);
	assert_string_equal(calls->segments[1].id, s[1].id);
	assert_string_equal(calls->keys[1], first);
	assert_int_equal(calls->segments[1].streams_count, 0);
	assert_int_equal(calls->states_bytes[1], 2);

	/* Another conversation of the same call stands beside it. */
	keep(fx, &s[1], "beside");
	assert_int_equal(calls_of(fx, 0)->count, 4);
	end(fx, s[1].id);

	end(fx, first);
	end(fx, first);
	end(fx, "");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	end(fx, longer);
	calls = calls_of(fx, 0);
	assert_int_equal(calls->count, 2);
	assert_string_equal(calls->segments[1].id, s[2].id);
}

static void
test_walk_stops(void **state)
{
	struct fixture *fx = *state;
	struct calls calls = { .stop_at = 2 };
	struct store_segment s;
	uint64_t skipped;

	for (unsigned i = 0; i < 4; i++) {
		fixture_segment(&s, i);
		keep(fx, &s, "x");
	}
	assert_int_equal(store_live_walk(fx->archive, see, &calls, &skipped),
			 -ECANCELED);
	assert_int_equal(calls.count, 2);
	assert_int_equal(skipped, 0);
}

/** Up to the limit it comes back as it went in; beyond it the batch fails. */
static void
test_longest(void **state)
{
	struct fixture *fx = *state;
	uint8_t *bytes = malloc(STORE_LIVE_BYTES_MAX + 1);
	struct store_segment s, other;
	const struct calls *calls;

	memset(bytes, 0xab, STORE_LIVE_BYTES_MAX + 1);
	fixture_segment(&s, 0);
	fixture_segment(&other, 1);
	assert_int_equal(store_batch_begin(fx->archive), 0);
	assert_int_equal(
	    store_live_put(fx->archive, s.id, &s, bytes, STORE_LIVE_BYTES_MAX),
	    0);
	/* A walk sees what the open batch has. */
	assert_int_equal(calls_of(fx, 0)->count, 1);
	assert_int_equal(store_batch_commit(fx->archive), 0);
	calls = calls_of(fx, 0);
	assert_int_equal(calls->states_bytes[0], STORE_LIVE_BYTES_MAX);

	assert_int_equal(store_batch_begin(fx->archive), 0);
	assert_int_equal(store_live_put(fx->archive, other.id, &other, NULL, 0),
			 0);
	assert_int_equal(store_live_put(fx->archive, s.id, &s, bytes,
					STORE_LIVE_BYTES_MAX + 1),
			 -EINVAL);
	assert_int_equal(store_live_put(fx->archive, s.id, &s, bytes, 1),
			 -EINVAL);
	assert_int_equal(store_live_delete(fx->archive, s.id), -EINVAL);
	assert_int_equal(store_batch_commit(fx->archive), -EINVAL);
	assert_int_equal(calls_of(fx, 0)->count, 1);
	free(bytes);

	other.segment = 7; /* and the id says 1 */
	assert_int_equal(store_batch_begin(fx->archive), 0);
	assert_int_equal(store_live_put(fx->archive, other.id, &other, NULL, 0),
			 -EINVAL);
	store_batch_abort(fx->archive);
	assert_int_equal(calls_of(fx, 0)->count, 1);
}

static int
orphan(void *ctx, const struct store_finding *finding)
{
	unsigned *count = ctx;

	assert_int_equal(finding->type, STORE_FINDING_INDEX);
	++*count;
	return 0;
}

/** Told by verify too. */
static void
expect_skipped(struct fixture *fx, unsigned calls, unsigned skipped)
{
	unsigned orphans = 0;

	assert_int_equal(calls_of(fx, skipped)->count, calls);
	assert_int_equal(store_verify_orphans(fx->archive, orphan, &orphans),
			 0);
	assert_int_equal(orphans, skipped);
}

/** The value of a call, as a copy. */
static uint8_t *
value_of(struct fixture *fx, const struct store_segment *s, size_t *n)
{
	struct store__key key = call_key(s);
	MDB_val k = store__key_val(&key), value;
	uint8_t *copy;
	MDB_txn *txn;

	assert_int_equal(store__read_begin(fx->archive, &txn), 0);
	assert_int_equal(mdb_get(txn, fx->archive->tables.calls, &k, &value),
			 0);
	*n = value.mv_size;
	copy = testing_copy(value.mv_data, *n);
	store__read_end(fx->archive, txn);
	return copy;
}

/** Cut anywhere, or too long: it is stepped over, and the others are told. */
static void
test_truncations(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s, other, got;
	const uint8_t *at;
	struct store__key key;
	size_t n, state_bytes;
	uint8_t *value, *cut;

	fixture_segment(&s, 0);
	fixture_segment(&other, 1);
	keep(fx, &s, "some state");
	keep(fx, &other, "more of it");
	value = value_of(fx, &s, &n);
	for (size_t i = 0; i < n; i++) {
		cut = testing_copy(value, i);
		assert_int_not_equal(
		    store__live_decode(&got, &at, &state_bytes, cut, i), 0);
		free(cut);
	}
	key = call_key(&s);
	for (size_t i = 1; i < n; i += 37) {
		fixture_index_set(fx, fx->archive->tables.calls, &key, value,
				  i);
		expect_skipped(fx, 1, 1);
	}
	cut = malloc(n + 1);
	memcpy(cut, value, n);
	cut[n] = 0;
	fixture_index_set(fx, fx->archive->tables.calls, &key, cut, n + 1);
	expect_skipped(fx, 1, 1);
	free(cut);
	fixture_index_set(fx, fx->archive->tables.calls, &key, value, n);
	expect_skipped(fx, 2, 0);
	free(value);
}

static void
test_damaged(void **state)
{
	struct fixture *fx = *state;
	const MDB_dbi table = fx->archive->tables.calls;
	struct store__key key, odd = { .bytes = 3, .data = "\xff\xfe\xfd" };
	struct store_segment s, other;
	uint8_t *value;
	size_t n;

	fixture_segment(&s, 0);
	fixture_segment(&other, 1);
	keep(fx, &s, "x");
	value = value_of(fx, &s, &n);
	/* Another call's, nobody's, and one of a version to come. */
	key = call_key(&other);
	fixture_index_set(fx, table, &key, value, n);
	expect_skipped(fx, 1, 1);
	fixture_index_set(fx, table, &key, NULL, 0);
	fixture_index_set(fx, table, &odd, value, n);
	expect_skipped(fx, 1, 1);
	value[0]++;
	key = call_key(&s);
	fixture_index_set(fx, table, &key, value, n);
	expect_skipped(fx, 0, 2);
	value[0]--;
	value[STORE__LIVE_HEAD_BYTES]++; /* the row's version */
	fixture_index_set(fx, table, &key, value, n);
	expect_skipped(fx, 0, 2);
	/* What is damaged can still be ended, and put anew. */
	keep(fx, &s, "y");
	expect_skipped(fx, 1, 1);
	end(fx, s.id);
	expect_skipped(fx, 0, 1);
	free(value);
}

/** A full map undoes the batch: rows and calls stay as they were. */
static void
test_map_full(void **state)
{
	struct fixture *fx = *state;
	const struct store_archive_config tiny = { .map_bytes = 256 << 10 };
	static const uint8_t bytes[8192];
	struct store_segment s, got;
	int r = 0;

	store_archive_close(&fx->archive);
	assert_int_equal(
	    store_archive_open(&fx->archive, fx->dir, STORE_WRITE, &tiny, NULL),
	    0);
	fixture_segment(&s, 0);
	keep(fx, &s, "before");
	assert_int_equal(store_batch_begin(fx->archive), 0);
	fixture_segment(&s, 1);
	assert_int_equal(store_segment_put(fx->archive, &s), 0);
	fixture_segment(&s, 0);
	assert_int_equal(store_live_delete(fx->archive, s.id), 0);
	for (unsigned i = 1; i < 100 && r == 0; i++) {
		fixture_segment(&s, i);
		r = store_live_put(fx->archive, s.id, &s, bytes, sizeof(bytes));
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(store_live_put(fx->archive, s.id, &s, "x", 1),
			 -ENOSPC);
	assert_int_equal(store_live_delete(fx->archive, s.id), -ENOSPC);
	assert_int_equal(store_batch_commit(fx->archive), -ENOSPC);
	assert_int_equal(calls_of(fx, 0)->count, 1);
	assert_memory_equal(calls_of(fx, 0)->states[0], "before", 6);
	fixture_segment(&s, 1);
	assert_int_equal(store_segment_get(fx->archive, s.id, &got), -ENOENT);
	keep(fx, &s, "after");
	assert_int_equal(calls_of(fx, 0)->count, 2);
}

/** Child: put a call and its row, end another, die before or after. */
static void
killed(struct fixture *fx, bool committed)
{
	struct store_segment s;

	fixture_open(fx);
	if (store_batch_begin(fx->archive))
		_exit(1);
	fixture_segment(&s, 1);
	s.state = STORE_STATE_RECORDING;
	s.key_day = FIXTURE_DAY;
	if (store_segment_put(fx->archive, &s) ||
	    store_live_put(fx->archive, s.id, &s, "new", 3))
		_exit(2);
	fixture_segment(&s, 0);
	if (store_live_delete(fx->archive, s.id))
		_exit(3);
	if (committed && store_batch_commit(fx->archive))
		_exit(4);
	raise(SIGKILL);
}

static void
test_killed(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s, got;
	int status;

	fixture_segment(&s, 0);
	keep(fx, &s, "old");
	store_archive_close(&fx->archive);
	for (int committed = 0; committed < 2; committed++) {
		pid_t child = fork();

		if (child == 0)
			killed(fx, committed);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		fixture_open(fx);
		assert_int_equal(calls_of(fx, 0)->count, 1);
		assert_memory_equal(calls_of(fx, 0)->states[0],
				    committed ? "new" : "old", 3);
		fixture_segment(&s, 1);
		assert_int_equal(store_segment_get(fx->archive, s.id, &got),
				 committed ? 0 : -ENOENT);
		/* Recovery closed the recording, and the call is still in
		 * progress. */
		if (committed)
			assert_int_equal(got.state, STORE_STATE_INTERRUPTED);
		store_archive_close(&fx->archive);
	}
	fixture_open(fx);
}

/** As an earlier build made it. */
static void
forget_table(struct fixture *fx)
{
	MDB_txn *txn;

	assert_int_equal(store__write_begin(fx->archive, &txn), 0);
	assert_int_equal(mdb_drop(txn, fx->archive->tables.calls, 1), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	store_archive_close(&fx->archive);
}

static void
test_older_archive(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s, got;

	fixture_segment(&s, 0);
	fixture_put(fx, &s);
	forget_table(fx);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_READ,
					    &fixture_config, NULL),
			 0);
	assert_int_equal(fx->archive->tables.calls, 0);
	expect_skipped(fx, 0, 0);
	assert_int_equal(store_segment_get(fx->archive, s.id, &got), 0);
	store_archive_close(&fx->archive);
	fixture_open(fx);
	assert_int_equal(calls_of(fx, 0)->count, 0);
	keep(fx, &s, "x");
	store_archive_close(&fx->archive);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_READ,
					    &fixture_config, NULL),
			 0);
	assert_int_equal(calls_of(fx, 0)->count, 1);
	assert_int_equal(store_batch_begin(fx->archive), -EROFS);
}

/** The tables that were always there must be there. */
static void
test_table_missing(void **state)
{
	struct fixture *fx = *state;
	MDB_txn *txn;

	assert_int_equal(store__write_begin(fx->archive, &txn), 0);
	assert_int_equal(mdb_drop(txn, fx->archive->tables.live, 1), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	store_archive_close(&fx->archive);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_WRITE,
					    &fixture_config, NULL),
			 -EBADMSG);
}

static void
test_key(void **state)
{
	struct fixture *fx = *state;
	uint8_t key[STORE_LIVE_KEY_BYTES] = { 0 }, again[STORE_LIVE_KEY_BYTES];
	struct store__key name = { 0 };

	store_archive_close(&fx->archive);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_READ,
					    &fixture_config, NULL),
			 0);
	assert_int_equal(store_live_key(fx->archive, key), -EROFS);
	store_archive_close(&fx->archive);
	fixture_open(fx);
	assert_int_equal(store_batch_begin(fx->archive), 0);
	assert_int_equal(store_live_key(fx->archive, key), -EBUSY);
	store_batch_abort(fx->archive);
	assert_int_equal(store_live_key(fx->archive, key), 0);
	assert_false(sodium_is_zero(key, sizeof(key)));
	store_archive_close(&fx->archive);
	fixture_open(fx);
	assert_int_equal(store_batch_begin(fx->archive), 0);
	assert_int_equal(store_live_key(fx->archive, again), 0);
	store_batch_abort(fx->archive);
	assert_memory_equal(key, again, sizeof(key));

	store__key_text(&name, "live-key");
	fixture_index_set(fx, fx->archive->tables.meta, &name, key, 15);
	assert_int_equal(store_live_key(fx->archive, again), -EBADMSG);
	/* Each archive has its own. */
	fixture_index_set(fx, fx->archive->tables.meta, &name, NULL, 0);
	assert_int_equal(store_live_key(fx->archive, again), 0);
	assert_memory_not_equal(key, again, sizeof(key));
}

/** None of ours is needed, so none can fail. */
static void
test_allocation(void **state)
{
	struct fixture *fx = *state;
	uint8_t key[STORE_LIVE_KEY_BYTES];
	struct calls calls = { 0 };
	struct store_segment s;
	uint64_t skipped;

	fixture_segment(&s, 0);
	testing_fail_allocation(1);
	keep(fx, &s, "x");
	assert_int_equal(store_live_walk(fx->archive, see, &calls, &skipped),
			 0);
	assert_int_equal(store_live_key(fx->archive, key), 0);
	end(fx, s.id);
	assert_int_equal(testing_allocations(), 0);
	testing_fail_allocation(0);
	assert_int_equal(calls.count, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_put_walk_delete), TEST(test_walk_stops),
		TEST(test_longest),         TEST(test_truncations),
		TEST(test_damaged),         TEST(test_map_full),
		TEST(test_killed),          TEST(test_older_archive),
		TEST(test_table_missing),   TEST(test_key),
		TEST(test_allocation),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
