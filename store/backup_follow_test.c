/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Backups that are told of deletions: what was deleted does not come back. */
#include "cmd/testing/testing.h"
#include "store/backup_fixture_priv.h"
#include "store/cases.h"

static void
test_deleted(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s[4], now;
	struct said said;

	for (unsigned i = 0; i < 4; i++)
		fixture_record(fx, &s[i], i, SHORT_MS);
	fixture_hold(fx, s[1].id);
	back_up(fx, &result);
	copy_folder(below(fx, "backup"), below(fx, "taken"));
	/* One is purged; one is, when its hold has ended; one leaves no note.
	 */
	purge(fx, s[0].id);
	{
		char ids[1][STORE_SEGMENT_ID_BYTES];
		char failed[STORE_SEGMENT_ID_BYTES];
		struct store_act act = { .type = STORE_ACT_END,
					 .now_ns = 3,
					 .reason = "over",
					 .count = 1,
					 .ids = ids };

		memcpy(ids[0], s[1].id, sizeof(ids[0]));
		snprintf(act.of.name, sizeof(act.of.name), "for-%.30s",
			 s[1].id);
		assert_int_equal(store_act(fx->archive, &act, failed), 0);
	}
	purge(fx, s[1].id);
	assert_int_equal(store_discard(fx->archive, s[2].id, NOW_NS, "spanrecd",
				       "opt-out", "opt-out"),
			 0);
	follow(fx, NOW_NS, &result);
	assert_int_equal(result.deletions, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_false(has_file(fx, "backup", &s[i]));
	assert_true(has_file(fx, "backup", &s[3]));
	follow(fx, NOW_NS, &result);
	assert_int_equal(result.deletions, 0);
	assert_int_equal(check(fx, &said), 0);
	restore(fx, &to, &result);
	assert_int_equal(result.deletions, 3);
	assert_int_equal(state_of(&to, s[0].id), STORE_STATE_PURGED);
	assert_int_equal(state_of(&to, s[1].id), STORE_STATE_PURGED);
	assert_int_equal(store_segment_get(to.archive, s[2].id, &now), -ENOENT);
	expect_sound(&to, s[3].id, &now);
	restored_remove(&to);
	/* A copy that was taken before, and was told nothing, but its journal.
	 */
	copy_folder(below(fx, "backup/1/deletions"),
		    below(fx, "taken/1/deletions"));
	snprintf(to.dir, sizeof(to.dir), "%s/restored", fx->home);
	assert_int_equal(store_restore_files(below(fx, "taken"), NULL, to.dir,
					     NOW_NS, NULL, &result),
			 0);
	assert_int_equal(result.recordings, 1);
	for (unsigned i = 0; i < 3; i++)
		assert_false(has_file(fx, "restored", &s[i]));
	assert_int_equal(restore_from(fx, "taken", &to, &said, &result), 0);
	assert_int_equal(state_of(&to, s[0].id), STORE_STATE_PURGED);
	for (unsigned i = 0; i < 3; i++)
		assert_false(has_file(fx, "restored", &s[i]));
	expect_sound(&to, s[3].id, &now);
	restored_remove(&to);
	/* The next backup knows of it by itself. */
	back_up(fx, &result);
	assert_int_equal(result.recordings, 1);
	assert_int_equal(result.copied, 0);
}

/** A part that was taken out, before and after the next backup. */
static void
test_scrubbed(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s, now;
	struct said said;

	fixture_record(fx, &s, 1, LONG_MS);
	back_up(fx, &result);
	assert_int_equal(propose(fx, &s, 1), 0);
	assert_int_equal(agree(fx, s.id, &bob), 0);
	follow(fx, NOW_NS, &result);
	assert_int_equal(result.deletions, 1);
	assert_false(has_file(fx, "backup", &s));
	assert_int_equal(check(fx, &said), 0);
	restore(fx, &to, &result);
	assert_int_equal(state_of(&to, s.id), STORE_STATE_PURGED);
	assert_int_equal(findings(&to), 0);
	restored_remove(&to);
	back_up(fx, &result);
	assert_int_equal(result.copied, 1);
	restore(fx, &to, &result);
	expect_sound(&to, s.id, &now);
	assert_int_equal(now.scrubs, 1);
	restored_remove(&to);
}

static struct fixture *between;

static void
back_up_between(int step)
{
	struct store_backup_result result;

	if (step == 14)
		back_up(between, &result);
}

/** A backup between the change of a row and its certificate has the new file,
 * and keeps it. */
static void
test_scrubbed_meanwhile(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s, now;
	struct said said;

	fixture_record(fx, &s, 1, LONG_MS);
	back_up(fx, &result);
	between = fx;
	assert_int_equal(propose(fx, &s, 1), 0);
	fx->archive->fault = back_up_between;
	assert_int_equal(agree(fx, s.id, &bob), 0);
	fx->archive->fault = NULL;
	assert_false(has_file(fx, "backup", &s));
	follow(fx, NOW_NS, &result);
	assert_int_equal(result.deletions, 1);
	assert_int_equal(check(fx, &said), 0);
	restore(fx, &to, &result);
	assert_int_equal(result.recordings, 1);
	expect_sound(&to, s.id, &now);
	assert_int_equal(now.scrubs, 1);
	restored_remove(&to);
}

/** What the archive goes on with when it was restored is told, too. */
static void
test_restored_goes_on(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_ledger_entry entry = { .action = "play" };
	struct store_segment s[3];

	for (unsigned i = 0; i < 3; i++)
		fixture_record(fx, &s[i], i, SHORT_MS);
	purge(fx, s[2].id);
	back_up(fx, &result);
	/* The ledger that is lost was longer. */
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(store_ledger_append(fx->archive, &entry), 0);
	purge(fx, s[0].id);
	follow(fx, NOW_NS, &result);
	restore(fx, &to, &result);
	purge(&to, s[1].id);
	assert_int_equal(store_backup_follow(to.archive, below(fx, "backup"),
					     NULL, NOW_NS, &result),
			 0);
	assert_false(has_file(fx, "backup", &s[1]));
	restored_remove(&to);
}

static void
test_journal(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store__journal journal;
	struct store__backup backup;
	struct store_segment s[3];
	uint8_t *bytes;
	char path[512];
	size_t n;

	for (unsigned i = 0; i < 3; i++)
		fixture_record(fx, &s[i], i, SHORT_MS);
	back_up(fx, &result);
	for (unsigned i = 0; i < 3; i++)
		purge(fx, s[i].id);
	follow(fx, NOW_NS, &result);
	snprintf(path, sizeof(path), "%s", below(fx, "backup/1/deletions"));
	bytes = testing_read_file(path, &n);
	assert_int_equal(n, 4 * STORE__DELETION_BYTES);
	assert_int_equal(store__backup_open(&backup, below(fx, "backup"), NULL),
			 0);
	/* Cut anywhere it is what was written whole, and goes on from there. */
	for (size_t i = 0; i <= n; i += 32) {
		testing_write_file(path, bytes, i);
		assert_int_equal(store__journal_read(&backup, 1, &journal), 0);
		assert_int_equal(journal.count, i / STORE__DELETION_BYTES);
		store__journal_fini(&journal);
	}
	testing_write_file(path, bytes, n - 200);
	follow(fx, NOW_NS, &result);
	assert_int_equal(store__journal_read(&backup, 1, &journal), 0);
	assert_int_equal(journal.count, 4);
	store__journal_fini(&journal);
	/* A power cut may leave a hole; it is told again. */
	bytes[STORE__DELETION_BYTES + 30] ^= 1;
	testing_write_file(path, bytes, n - STORE__DELETION_BYTES);
	assert_int_equal(store__journal_read(&backup, 1, &journal), 0);
	assert_int_equal(journal.count, 2);
	assert_int_equal(journal.whole, 1);
	store__journal_fini(&journal);
	follow(fx, NOW_NS, &result);
	assert_int_equal(result.deletions, 2);
	/* Damaged in the middle, nobody knows what it said. */
	testing_write_file(path, bytes, n);
	assert_int_equal(store__journal_read(&backup, 1, &journal), -EBADMSG);
	store__backup_close(&backup);
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_deleted),
		TEST(test_scrubbed),
		TEST(test_scrubbed_meanwhile),
		TEST(test_restored_goes_on),
		TEST(test_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
