/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Backups that are told of deletions: what was deleted does not come back. */
#include "cmd/testing/testing.h"
#include "store/backup_fixture_priv.h"
#include "store/cases.h"

#include <signal.h>
#include <sys/resource.h>

static void
discard(struct fixture *fx, const char *id)
{
	assert_int_equal(store_discard(fx->archive, id, NOW_NS, "spanrecd",
				       "opt-out", "opt-out"),
			 0);
}

/** Neither key nor file. */
static void
expect_gone(const struct fixture *fx, const struct store_segment *s)
{
	assert_int_equal(slot_of(fx, s), -ENOKEY);
	assert_false(has_file(fx, "backup", s));
}

static void
expect_kept(const struct fixture *fx, const struct store_segment *s)
{
	assert_int_equal(slot_of(fx, s), 0);
	assert_true(has_file(fx, "backup", s));
}

static void
lose_lists(const struct fixture *fx)
{
	char command[600];

	snprintf(command, sizeof(command), "rm '%s'/*",
		 below(fx, "backup/days"));
	assert_int_equal(system(command), 0);
}

/** Half of a row, of an entry of the ledger. */
static void
lose_row(struct fixture *fx, const struct store_segment *s)
{
	struct store__key key = fixture_key(s);

	fixture_index_set(fx, fx->archive->tables.segments, &key, "half", 4);
}

static void
lose_entry(struct fixture *fx, uint64_t number)
{
	struct store__key key = { .bytes = 8 };

	store__be_put(key.data, number, 8);
	fixture_index_set(fx, fx->archive->tables.ledger, &key, "half", 4);
}

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

/** Somebody was stopped before it was noted as done, and the ledger that has it
 * is lost: it is done again once, not for ever. */
static void
test_resumed_elsewhere(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s[3];
	uint8_t *bytes;
	char path[512];
	size_t n, m;

	for (unsigned i = 0; i < 2; i++)
		fixture_record(fx, &s[i], i, SHORT_MS);
	purge(fx, s[0].id);
	back_up(fx, &result);
	fixture_record(fx, &s[2], 2, SHORT_MS);
	purge(fx, s[2].id);
	follow(fx, NOW_NS, &result);
	assert_int_equal(result.deletions, 1);
	restore(fx, &to, &result);
	snprintf(path, sizeof(path), "%s", below(fx, "backup/1/deletions"));
	bytes = testing_read_file(path, &n);
	testing_write_file(path, bytes, n - STORE__DELETION_BYTES);
	free(bytes);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(store_backup_follow(to.archive,
						     below(fx, "backup"), NULL,
						     NOW_NS, &result),
				 0);
		free(testing_read_file(path, &m));
		assert_int_equal(m, n);
	}
	purge(&to, s[1].id);
	assert_int_equal(store_backup_follow(to.archive, below(fx, "backup"),
					     NULL, NOW_NS, &result),
			 0);
	assert_int_equal(result.deletions, 1);
	expect_gone(fx, &s[1]);
	restored_remove(&to);
}

/** A backup that was told of three. @return its journal */
static uint8_t *
tell_three(struct fixture *fx, struct store_segment s[3], char path[512],
	   size_t *n, struct store__backup *backup)
{
	struct store_backup_result result;
	uint8_t *bytes;

	for (unsigned i = 0; i < 3; i++)
		fixture_record(fx, &s[i], i, SHORT_MS);
	back_up(fx, &result);
	for (unsigned i = 0; i < 3; i++)
		purge(fx, s[i].id);
	follow(fx, NOW_NS, &result);
	snprintf(path, 512, "%s", below(fx, "backup/1/deletions"));
	bytes = testing_read_file(path, n);
	assert_int_equal(*n, 4 * STORE__DELETION_BYTES);
	assert_int_equal(store__backup_open(backup, below(fx, "backup"), NULL),
			 0);
	return bytes;
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

	bytes = tell_three(fx, s, path, &n, &backup);
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
	/* All but the note that it was done: it is, once. */
	testing_write_file(path, bytes, n - STORE__DELETION_BYTES);
	for (unsigned i = 0; i < 2; i++) {
		follow(fx, NOW_NS, &result);
		assert_int_equal(result.deletions, 0);
		assert_int_equal(store__journal_read(&backup, 1, &journal), 0);
		assert_int_equal(journal.count, 4);
		assert_int_equal(journal.list[3].kind, STORE__FOLLOWED);
		assert_int_equal(journal.list[3].number,
				 journal.list[2].number);
		assert_memory_equal(journal.list[3].hash, journal.list[2].hash,
				    sizeof(journal.list[3].hash));
		store__journal_fini(&journal);
	}
	/* A power cut may leave a hole; it is told again. */
	bytes[STORE__DELETION_BYTES + 30] ^= 1;
	testing_write_file(path, bytes, n - STORE__DELETION_BYTES);
	assert_int_equal(store__journal_read(&backup, 1, &journal), 0);
	assert_int_equal(journal.count, 2);
	assert_int_equal(journal.whole, 1);
	store__journal_fini(&journal);
	follow(fx, NOW_NS, &result);
	assert_int_equal(result.deletions, 2);
	store__backup_close(&backup);
	free(bytes);
}

static void
test_journal_mended(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store__journal journal;
	struct store__backup backup;
	struct store_segment s[3];
	uint8_t *bytes;
	char path[512];
	size_t n;

	bytes = tell_three(fx, s, path, &n, &backup);
	/* Damaged in the middle, nobody knows what it said. */
	bytes[STORE__DELETION_BYTES + 30] ^= 1;
	testing_write_file(path, bytes, n);
	assert_int_equal(store__journal_read(&backup, 1, &journal), -EBADMSG);
	/* ... but the ledger: what is lost is told again, and it alone. */
	follow(fx, NOW_NS, &result);
	assert_int_equal(result.mended, 1);
	assert_int_equal(result.deletions, 1);
	/* One stands twice now. */
	restore(fx, &to, &result);
	assert_int_equal(result.deletions, 3);
	restored_remove(&to);
	assert_int_equal(store__journal_read(&backup, 1, &journal), 0);
	store__journal_sort(&journal);
	for (unsigned i = 0; i < 3; i++) {
		struct store__kept kept = { .day = s[i].key_day };

		memcpy(kept.id, s[i].id, sizeof(kept.id));
		assert_true(store__journal_means(&journal, &kept));
	}
	store__journal_fini(&journal);
	follow(fx, NOW_NS, &result);
	assert_int_equal(result.mended + result.deletions, 0);
	/* The first ones are lost. */
	bytes[10] ^= 1;
	testing_write_file(path, bytes, n);
	follow(fx, NOW_NS, &result);
	assert_int_equal(result.mended, 1);
	assert_int_equal(store__journal_read(&backup, 1, &journal), 0);
	store__journal_fini(&journal);
	store__backup_close(&backup);
	free(bytes);
}

/* ---- what is lost keeps no deletion ---------------------------------------
 */

/** One of a day keeps neither the others nor those of other days. */
static void
test_list_damaged(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s[5], now;
	struct said said;

	for (unsigned i = 0; i < 5; i++)
		fixture_record(fx, &s[i], i < 4 ? i : 2000, SHORT_MS);
	back_up(fx, &result);
	spoil(below(fx, "backup/days/2019-03-28.1"), 40);
	purge(fx, s[0].id);
	purge(fx, s[1].id);
	purge(fx, s[4].id);
	follow(fx, NOW_NS, &result);
	assert_int_equal(result.deletions, 3);
	assert_int_equal(result.unlisted, 2);
	expect_gone(fx, &s[0]);
	expect_gone(fx, &s[1]);
	expect_gone(fx, &s[4]);
	/* It was done, and not even a note is left of the next. */
	discard(fx, s[2].id);
	follow(fx, NOW_NS, &result);
	assert_int_equal(result.deletions, 1);
	expect_gone(fx, &s[2]);
	expect_kept(fx, &s[3]);
	back_up(fx, &result);
	assert_int_equal(check(fx, &said), 0);
	restore(fx, &to, &result);
	assert_int_equal(result.recordings, 1);
	expect_sound(&to, s[3].id, &now);
	restored_remove(&to);
}

/** Of a part that was taken out, the files say which is meant. */
static void
test_list_damaged_scrubbed(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_segment s, other, new;

	fixture_record(fx, &s, 1, LONG_MS);
	fixture_record(fx, &other, 2, SHORT_MS);
	back_up(fx, &result);
	lose_lists(fx);
	assert_int_equal(propose(fx, &s, 1), 0);
	assert_int_equal(agree(fx, s.id, &bob), 0);
	follow(fx, NOW_NS, &result);
	assert_int_equal(result.unlisted, 1);
	expect_gone(fx, &s);
	expect_kept(fx, &other);
	back_up(fx, &result);
	assert_int_equal(store_segment_get(fx->archive, s.id, &new), 0);
	expect_kept(fx, &new);
	/* The new one is not what was meant. */
	lose_lists(fx);
	purge(fx, other.id);
	follow(fx, NOW_NS, &result);
	expect_gone(fx, &other);
	expect_kept(fx, &new);
}

/** ... and if its file is lost as well, the certificate says which key. */
static void
test_scrubbed_lost(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	char path[STORE__PATH_BYTES], whole[768];
	struct store_segment s;

	fixture_record(fx, &s, 1, LONG_MS);
	back_up(fx, &result);
	lose_lists(fx);
	store__recording_path(path, s.key_day, s.id, 0);
	snprintf(whole, sizeof(whole), "%s/backup/%s", fx->home, path);
	assert_int_equal(unlink(whole), 0);
	assert_int_equal(propose(fx, &s, 1), 0);
	assert_int_equal(agree(fx, s.id, &bob), 0);
	assert_int_equal(slot_of(fx, &s), 0);
	follow(fx, NOW_NS, &result);
	expect_gone(fx, &s);
}

static void
test_certificates(void **state)
{
	static const struct {
		const char *action, *detail;
		uint32_t slot; /**< 0: none */
	} of[] = {
		{ "purge", "key 20190328/5 overwritten, file removed: key 1/2",
		  5 },
		{ "purge",
		  "its key was not there (20190328/6), file removed: due", 6 },
		{ "purge", "there was no recording: key 20190328/7", 0 },
		{ "purge", "key 0/7 overwritten", 0 },
		{ "purge", "", 0 },
		{ "scrub",
		  "proposed by ann: 4.000 s to 6.000 s, both sides, old key "
		  "20190328/8 overwritten, old file removed: x, its key was "
		  "not there, 20190328/9",
		  8 },
		{ "scrub",
		  "proposed by ann: 4.000 s to 6.000 s, left side, its key was "
		  "not there, 20190328/9, old file removed: x, old key "
		  "20190328/8",
		  9 },
		{ "scrub", "proposed by key 20190328/8: 4.000 s", 0 },
	};
	struct store_ledger_entry entry = { .number = 1 };
	uint32_t day, slot;

	(void)state;
	for (size_t i = 0; i < sizeof(of) / sizeof(*of); i++) {
		snprintf(entry.action, sizeof(entry.action), "%s",
			 of[i].action);
		snprintf(entry.detail, sizeof(entry.detail), "%s",
			 of[i].detail);
		day = slot = 0;
		assert_int_equal(store__certificate_key(&entry, &day, &slot),
				 of[i].slot != 0);
		if (of[i].slot) {
			assert_int_equal(day, 20190328);
			assert_int_equal(slot, of[i].slot);
		}
	}
}

/** The list, the row, and what the file says: the certificate is left. */
static void
test_all_lost(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_segment s[4];
	char path[STORE__PATH_BYTES], whole[768];

	for (unsigned i = 0; i < 4; i++)
		fixture_record(fx, &s[i], i, SHORT_MS);
	back_up(fx, &result);
	lose_lists(fx);
	purge(fx, s[0].id);
	lose_row(fx, &s[0]);
	purge(fx, s[1].id);
	lose_row(fx, &s[1]);
	store__recording_path(path, s[1].key_day, s[1].id, 0);
	snprintf(whole, sizeof(whole), "%s/backup/%s", fx->home, path);
	spoil(whole, 0);
	/* The file is gone, and only the key is left of it. */
	purge(fx, s[2].id);
	lose_row(fx, &s[2]);
	store__recording_path(path, s[2].key_day, s[2].id, 0);
	snprintf(whole, sizeof(whole), "%s/backup/%s", fx->home, path);
	assert_int_equal(unlink(whole), 0);
	follow(fx, NOW_NS, &result);
	assert_int_equal(result.deletions, 3);
	for (unsigned i = 0; i < 3; i++)
		expect_gone(fx, &s[i]);
	expect_kept(fx, &s[3]);
}

/** A backup that cannot be reached is told by the next one, whatever was lost
 * meanwhile: the ledger remembers. */
static void
test_unreachable(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s[4];
	struct said said;

	for (unsigned i = 0; i < 4; i++)
		fixture_record(fx, &s[i], i, SHORT_MS);
	back_up(fx, &result);
	assert_int_equal(rename(below(fx, "backup"), below(fx, "away")), 0);
	purge(fx, s[0].id);
	lose_row(fx, &s[0]);
	discard(fx, s[1].id);
	assert_int_equal(store_backup_follow(fx->archive, below(fx, "backup"),
					     NULL, NOW_NS, &result),
			 -ENOENT);
	/* Opened again: nothing of it is only in memory. */
	store_archive_close(&fx->archive);
	fixture_open(fx);
	purge(fx, s[2].id);
	assert_int_equal(rename(below(fx, "away"), below(fx, "backup")), 0);
	lose_lists(fx);
	back_up(fx, &result);
	assert_int_equal(result.deletions, 3);
	for (unsigned i = 0; i < 3; i++)
		expect_gone(fx, &s[i]);
	expect_kept(fx, &s[3]);
	assert_int_equal(check(fx, &said), 0);
	restore(fx, &to, &result);
	assert_int_equal(result.recordings, 1);
	assert_int_equal(state_of(&to, s[3].id), STORE_STATE_STORED);
	restored_remove(&to);
}

/** A certificate that cannot be read names nothing: the next backup sees that
 * the key in the archive is destroyed. */
static void
test_certificate_lost(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_ledger_entry entry = { .action = "play" };
	struct store_segment s[3];

	for (unsigned i = 0; i < 3; i++)
		fixture_record(fx, &s[i], i, SHORT_MS);
	back_up(fx, &result);
	purge(fx, s[0].id);
	assert_int_equal(store_ledger_append(fx->archive, &entry), 0);
	lose_entry(fx, store_ledger_number(fx->archive) - 1);
	follow(fx, NOW_NS, &result);
	assert_int_equal(result.deletions, 0);
	back_up(fx, &result);
	expect_gone(fx, &s[0]);
	expect_kept(fx, &s[1]);
	expect_kept(fx, &s[2]);
}

/** ... nor is the key there to see that: the row says that it was deleted. */
static void
test_certificate_and_key_lost(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_ledger_entry entry = { .action = "play" };
	struct store_segment s[2];
	char keyring[512];

	fixture_record(fx, &s[0], 0, SHORT_MS);
	fixture_record(fx, &s[1], 2000, SHORT_MS);
	back_up(fx, &result);
	snprintf(keyring, sizeof(keyring), "%s/keyring/2019-03-28.keys",
		 fx->dir);
	store_archive_close(&fx->archive);
	assert_int_equal(unlink(keyring), 0);
	fixture_open(fx);
	purge(fx, s[0].id);
	assert_int_equal(store_ledger_append(fx->archive, &entry), 0);
	lose_entry(fx, store_ledger_number(fx->archive) - 1);
	back_up(fx, &result);
	expect_gone(fx, &s[0]);
	expect_kept(fx, &s[1]);
}

/** A note that cannot be read any more does not bring it back into a list. */
static void
test_note_lost(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_segment s[2];
	struct said said;

	fixture_record(fx, &s[0], 0, SHORT_MS);
	fixture_record(fx, &s[1], 1, SHORT_MS);
	back_up(fx, &result);
	purge(fx, s[0].id);
	follow(fx, NOW_NS, &result);
	lose_row(fx, &s[0]);
	back_up(fx, &result);
	assert_int_equal(result.recordings, 1);
	assert_int_equal(check(fx, &said), 0);
}

/** What the backup has of a recording from after a part was taken out, it
 * keeps, though the row does not say how often that was. */
static void
test_scrubbed_row_lost(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s, new;
	struct said said;

	fixture_record(fx, &s, 1, LONG_MS);
	back_up(fx, &result);
	between = fx;
	assert_int_equal(propose(fx, &s, 1), 0);
	fx->archive->fault = back_up_between;
	assert_int_equal(agree(fx, s.id, &bob), 0);
	fx->archive->fault = NULL;
	assert_int_equal(store_segment_get(fx->archive, s.id, &new), 0);
	lose_row(fx, &s);
	follow(fx, NOW_NS, &result);
	assert_int_equal(result.deletions, 1);
	expect_gone(fx, &s);
	expect_kept(fx, &new);
	restore(fx, &to, &result);
	assert_int_equal(result.recordings, 1);
	assert_int_equal(state_of(&to, s.id), STORE_STATE_STORED);
	restored_remove(&to);
	back_up(fx, &result);
	assert_int_equal(result.recordings, 1);
	assert_int_equal(check(fx, &said), 0);
}

/** The list as well: what no list has goes, if the archive has no key of it;
 * what it has one of stays, though its row cannot be read. */
static void
test_strays(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_ledger_entry entry = { .action = "play" };
	struct store_segment s[3];

	for (unsigned i = 0; i < 3; i++)
		fixture_record(fx, &s[i], i, SHORT_MS);
	back_up(fx, &result);
	purge(fx, s[0].id);
	assert_int_equal(store_ledger_append(fx->archive, &entry), 0);
	lose_entry(fx, store_ledger_number(fx->archive) - 1);
	lose_row(fx, &s[1]);
	lose_lists(fx);
	back_up(fx, &result);
	expect_gone(fx, &s[0]);
	expect_kept(fx, &s[1]);
	expect_kept(fx, &s[2]);
}

/** ... nor is the one up to which the backup knows the ledger needed. */
static void
test_head_lost(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_ledger_entry entry = { .action = "play" };
	struct store_segment s;

	fixture_record(fx, &s, 1, SHORT_MS);
	assert_int_equal(store_ledger_append(fx->archive, &entry), 0);
	back_up(fx, &result);
	assert_int_equal(store_ledger_append(fx->archive, &entry), 0);
	lose_entry(fx, store_ledger_number(fx->archive) - 1);
	purge(fx, s.id);
	follow(fx, NOW_NS, &result);
	assert_int_equal(result.deletions, 1);
	expect_gone(fx, &s);
	back_up(fx, &result);
}

/** Without its journal nothing can be told to it before the next backup. */
static void
test_journal_lost(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_segment s;

	fixture_record(fx, &s, 1, SHORT_MS);
	back_up(fx, &result);
	assert_int_equal(unlink(below(fx, "backup/1/deletions")), 0);
	purge(fx, s.id);
	assert_int_equal(store_backup_follow(fx->archive, below(fx, "backup"),
					     NULL, NOW_NS, &result),
			 -EBADMSG);
	back_up(fx, &result);
	assert_int_equal(result.deletions, 1);
	expect_gone(fx, &s);
}

/** A journal that cannot be written: the key goes all the same, and it is told
 * when it can. */
static void
test_journal_full(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_segment s[6];
	struct rlimit before, small;

	for (unsigned i = 0; i < 6; i++)
		fixture_record(fx, &s[i], i, SHORT_MS);
	back_up(fx, &result);
	assert_int_equal(s[0].key_slot, 0);
	for (unsigned i = 1; i < 6; i++)
		purge(fx, s[i].id);
	follow(fx, NOW_NS, &result);
	purge(fx, s[0].id);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 6 * STORE__DELETION_BYTES + 10;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(store_backup_follow(fx->archive, below(fx, "backup"),
					     NULL, NOW_NS, &result),
			 -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(result.deletions, 0);
	expect_gone(fx, &s[0]);
	follow(fx, NOW_NS, &result);
	assert_int_equal(result.deletions, 1);
}

/** What cannot be done for one is done again, and keeps no other. */
static void
test_one_fails(void **state)
{
	const int64_t over_ns = FIXTURE_START_NS + (KEPT_DAYS + 3) * DAY;
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_segment s[2];
	char keys[512];

	fixture_record(fx, &s[0], 0, SHORT_MS);
	fixture_record(fx, &s[1], 2000, SHORT_MS);
	back_up(fx, &result);
	/* Something else in the place of the keys of a day. */
	snprintf(keys, sizeof(keys), "%s",
		 below(fx, "backup/keys/2019-03-28.keys"));
	assert_int_equal(rename(keys, below(fx, "keys")), 0);
	assert_int_equal(mkdir(keys, 0700), 0);
	purge(fx, s[0].id);
	purge(fx, s[1].id);
	assert_true(store_backup_follow(fx->archive, below(fx, "backup"), NULL,
					over_ns, &result) < 0);
	assert_int_equal(result.deletions, 2);
	assert_int_equal(result.periods_ended, 2);
	assert_false(has_file(fx, "backup", &s[0]));
	expect_gone(fx, &s[1]);
	assert_int_equal(rmdir(keys), 0);
	assert_int_equal(rename(below(fx, "keys"), keys), 0);
	assert_int_equal(slot_of(fx, &s[0]), 0);
	follow(fx, over_ns, &result);
	expect_gone(fx, &s[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_deleted),
		TEST(test_scrubbed),
		TEST(test_scrubbed_meanwhile),
		TEST(test_restored_goes_on),
		TEST(test_resumed_elsewhere),
		TEST(test_journal),
		TEST(test_journal_mended),
		TEST(test_list_damaged),
		TEST(test_list_damaged_scrubbed),
		TEST(test_scrubbed_lost),
		cmocka_unit_test(test_certificates),
		TEST(test_all_lost),
		TEST(test_unreachable),
		TEST(test_certificate_lost),
		TEST(test_certificate_and_key_lost),
		TEST(test_note_lost),
		TEST(test_scrubbed_row_lost),
		TEST(test_strays),
		TEST(test_head_lost),
		TEST(test_journal_lost),
		TEST(test_journal_full),
		TEST(test_one_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
