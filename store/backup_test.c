/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Backups: whole, incremental, of this archive alone; killed between any two
 * steps. */
#include "cmd/testing/testing.h"
#include "store/backup_fixture_priv.h"
#include "store/cases.h"

#include <sys/wait.h>

/* ---- whole, and incremental ---------------------------------------------- */

static void
test_round(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result first, second;
	struct store_segment s[4], now, open;
	struct store_recording *rec;
	struct said said;

	for (unsigned i = 0; i < 3; i++)
		fixture_record(fx, &s[i], i * 1000, SHORT_MS);
	fixture_segment(&open, 7);
	rec = fixture_begin(fx, &open);
	back_up(fx, &first);
	assert_int_equal(first.generation, 1);
	assert_int_equal(first.recordings, 3);
	assert_int_equal(first.copied, 3);
	assert_int_equal(first.open, 1);
	assert_int_equal(first.damaged, 0);
	assert_true(first.bytes > 0 && first.copied_bytes > first.bytes);
	assert_int_equal(check(fx, &said), 0);
	/* What is new, and no more. */
	assert_int_equal(fixture_speak(rec, &open, 0, SHORT_MS), 0);
	fixture_finish(fx, &open, rec, SHORT_MS);
	fixture_record(fx, &s[3], 3, SHORT_MS);
	back_up(fx, &second);
	assert_int_equal(second.generation, 2);
	assert_int_equal(second.recordings, 5);
	assert_int_equal(second.copied, 2);
	assert_int_equal(second.open, 0);
	assert_true(second.unchanged_bytes >= first.bytes);
	assert_int_equal(check(fx, &said), 0);
	assert_int_not_equal(access(below(fx, "backup/1"), F_OK), 0);
	restore(fx, &to, &second);
	assert_int_equal(second.recordings, 5);
	for (unsigned i = 0; i < 4; i++)
		expect_sound(&to, s[i].id, &now);
	expect_sound(&to, open.id, &now);
	restored_remove(&to);
}

/** A list of a day that is lost is written anew, though it says the same. */
static void
test_list_lost(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s, now;
	struct said said;
	char command[600];

	fixture_record(fx, &s, 1, SHORT_MS);
	back_up(fx, &result);
	snprintf(command, sizeof(command),
		 "find '%s' -type f | grep -q . && rm -r '%s'",
		 below(fx, "backup/days"), below(fx, "backup/days"));
	assert_int_equal(system(command), 0);
	assert_true(check(fx, &said) > 0);
	back_up(fx, &result);
	assert_int_equal(check(fx, &said), 0);
	restore(fx, &to, &result);
	assert_int_equal(result.recordings, 1);
	expect_sound(&to, s.id, &now);
	restored_remove(&to);
}

/** The only row of a day cannot be read: the backup keeps what it has. */
static void
test_row_lost(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_segment s;
	struct store__key key;
	uint8_t row[STORE__ROW_BYTES];
	size_t n;

	fixture_record(fx, &s, 1, SHORT_MS);
	back_up(fx, &result);
	n = store__row_encode(row, &s);
	key = fixture_key(&s);
	fixture_index_set(fx, fx->archive->tables.segments, &key, row, n - 1);
	back_up(fx, &result);
	assert_int_equal(result.damaged, 1);
	assert_int_equal(result.recordings, 1);
	back_up(fx, &result);
	assert_int_equal(result.recordings, 1);
	assert_true(has_file(fx, "backup", &s));
}

/** An index of before a purge, with the keys of after it: what was purged does
 * not stay in the backup. */
static void
test_index_older_than_keys(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s[2], now;
	struct store__doomed doomed = { .slot = 0 };
	struct said said;

	fixture_record(fx, &s[0], 1, SHORT_MS);
	fixture_record(fx, &s[1], 2, SHORT_MS);
	back_up(fx, &result);
	doomed.slot = s[0].key_slot;
	store__keyring_destroy_many(fx->archive, s[0].key_day, &doomed, 1);
	assert_int_equal(doomed.result, 0);
	back_up(fx, &result);
	assert_int_equal(result.damaged, 1);
	assert_int_equal(result.recordings, 1);
	assert_false(has_file(fx, "backup", &s[0]));
	assert_int_equal(check(fx, &said), 0);
	restore(fx, &to, &result);
	assert_int_equal(result.recordings, 1);
	assert_int_equal(store_segment_get(to.archive, s[1].id, &now), 0);
	restored_remove(&to);
}

/** Calls in progress then are interrupted, and nobody goes on with them. */
static void
test_calls_in_progress(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_recording *rec;
	struct store_segment open, s;
	uint64_t skipped;

	fixture_record(fx, &s, 1, SHORT_MS);
	fixture_segment(&open, 7);
	rec = fixture_begin(fx, &open);
	assert_int_equal(store_batch_begin(fx->archive), 0);
	assert_int_equal(store_live_put(fx->archive, open.id, &open, "x", 1),
			 0);
	assert_int_equal(store_batch_commit(fx->archive), 0);
	back_up(fx, &result);
	restore(fx, &to, &result);
	assert_int_equal(state_of(&to, open.id), STORE_STATE_INTERRUPTED);
	assert_int_equal(findings(&to), 0);
	assert_int_equal(store_live_walk(to.archive, NULL, NULL, &skipped), 0);
	assert_int_equal(skipped, 0);
	restored_remove(&to);
	store_recording_free(&rec, true);
}

static void
test_foreign(void **state)
{
	struct fixture *fx = *state, other;
	struct store_backup_result result;
	struct store_segment s;
	char path[512];

	fixture_record(fx, &s, 0, SHORT_MS);
	purge(fx, s.id);
	back_up(fx, &result);
	fixture_init(&other);
	fixture_record(&other, &s, 1, SHORT_MS);
	purge(&other, s.id);
	snprintf(path, sizeof(path), "%s", below(fx, "backup"));
	assert_int_equal(
	    store_backup_follow(other.archive, path, NULL, NOW_NS, &result),
	    -ESTALE);
	fixture_fini(&other);
	assert_int_equal(store_backup_follow(fx->archive, below(fx, "none"),
					     NULL, NOW_NS, &result),
			 -ENOENT);
	/* Something else in the folder. */
	assert_int_equal(mkdir(below(fx, "full"), 0700), 0);
	testing_write_file(below(fx, "full/file"), "x", 1);
	{
		const struct store_backup_config config = {
			.dir = below(fx, "full"), .now_ns = NOW_NS
		};

		assert_int_equal(
		    store_backup_make(fx->archive, &config, &result), -EEXIST);
	}
}

/* ---- killed between any two steps -----------------------------------------
 */

static int killed_step, killed_left;

static void
kill_here(int step)
{
	if (step == killed_step && killed_left-- == 0)
		_exit(42);
}

/** @return true: it was killed there */
static bool
killed_backup(struct fixture *fx, int step, int nth)
{
	struct store_backup_config config = { .now_ns = NOW_NS,
					      .due = due,
					      .fault = kill_here };
	struct store_backup_result result;
	char dir[512];
	int status;
	pid_t pid;

	store_archive_close(&fx->archive);
	snprintf(dir, sizeof(dir), "%s/backup", fx->home);
	config.dir = dir;
	pid = fork();
	if (pid == 0) {
		killed_step = step;
		killed_left = nth;
		fixture_open(fx);
		_exit(store_backup_make(fx->archive, &config, &result) ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 1);
	fixture_open(fx);
	return WEXITSTATUS(status) == 42;
}

/** The last one that was finished holds, and the next one goes on. */
static void
test_killed(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s[8], now;
	struct said said;
	unsigned n = 0, made = 0, points = 0;

	fixture_record(fx, &s[n++], made++ * 500, SHORT_MS);
	back_up(fx, &result);
	for (int step = 1; step <= 8; step++) {
		for (int nth = 0; nth < 2; nth++) {
			if (n < 8) {
				fixture_record(fx, &s[n++], made++ * 500,
					       SHORT_MS);
			}
			if (step == 4 || step == 5) {
				purge(fx, s[0].id);
				memmove(s, s + 1, --n * sizeof(*s));
			}
			if (!killed_backup(fx, step, nth))
				continue;
			points++;
			assert_int_equal(check(fx, &said), 0);
			if (step == 3)
				continue; /* again, on top of that */
			back_up(fx, &result);
			assert_int_equal(result.recordings, n);
			assert_int_equal(check(fx, &said), 0);
		}
	}
	assert_true(points >= 7);
	restore(fx, &to, &result);
	for (unsigned i = 0; i < n; i++)
		expect_sound(&to, s[i].id, &now);
	restored_remove(&to);
}

/** Killed when the new one holds, and before what only the old one needed is
 * gone: the next one does that. */
static void
test_leftovers(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_segment s;
	struct said said;

	fixture_record(fx, &s, 0, SHORT_MS);
	back_up(fx, &result);
	fixture_record(fx, &s, 1, SHORT_MS);
	assert_true(killed_backup(fx, 8, 0));
	assert_int_equal(access(below(fx, "backup/1/index"), F_OK), 0);
	assert_int_equal(access(below(fx, "backup/days/2019-03-28.1"), F_OK),
			 0);
	fixture_record(fx, &s, 2, SHORT_MS);
	back_up(fx, &result);
	assert_int_equal(result.generation, 3);
	assert_int_equal(access(below(fx, "backup/1"), F_OK), -1);
	assert_int_equal(access(below(fx, "backup/2"), F_OK), -1);
	assert_int_equal(access(below(fx, "backup/days/2019-03-28.1"), F_OK),
			 -1);
	assert_int_equal(check(fx, &said), 0);
}

/** One that was copied and never listed, and then deleted, leaves nothing. */
static void
test_stray(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_segment s[2];
	struct store__backup backup;
	struct store__wrapped wrapped;

	fixture_record(fx, &s[0], 0, SHORT_MS);
	back_up(fx, &result);
	fixture_record(fx, &s[1], 1, SHORT_MS);
	assert_true(killed_backup(fx, 3, 0));
	assert_true(has_file(fx, "backup", &s[1]));
	/* Not even a note is left that knows its key. */
	assert_int_equal(store_discard(fx->archive, s[1].id, NOW_NS, "spanrecd",
				       "opt-out", "opt-out"),
			 0);
	back_up(fx, &result);
	assert_false(has_file(fx, "backup", &s[1]));
	assert_true(has_file(fx, "backup", &s[0]));
	assert_int_equal(store__backup_open(&backup, below(fx, "backup"), NULL),
			 0);
	assert_int_equal(
	    store__wrapped_read(&backup, s[1].key_day, s[1].key_slot, &wrapped),
	    -ENOKEY);
	assert_int_equal(
	    store__wrapped_read(&backup, s[0].key_day, s[0].key_slot, &wrapped),
	    0);
	store__backup_close(&backup);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round),
		TEST(test_list_lost),
		TEST(test_row_lost),
		TEST(test_index_older_than_keys),
		TEST(test_calls_in_progress),
		TEST(test_foreign),
		TEST(test_killed),
		TEST(test_leftovers),
		TEST(test_stray),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
