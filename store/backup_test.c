/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Backups: whole, incremental, told of deletions; what comes back of one and
 * what does not; keys that die with their period; killed between any two steps;
 * damaged anywhere. */
#include "cmd/testing/testing.h"
#include "store/scrub_fixture_priv.h"
#include "store/backup_priv.h"
#include "store/cases.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define DAY       STORE__DAY_NS
#define KEPT_DAYS 90
#define NOW_NS    (FIXTURE_START_NS + DAY)
#define SHORT_MS  400

/* ---- what the tests do --------------------------------------------------- */

struct said {
	unsigned news[STORE_BACKUP_NOTE + 1];
	char name[160]; /**< of the last damage */
};

static void
say(void *ctx, enum store_backup_news news, const char *name, const char *words)
{
	struct said *said = ctx;

	said->news[news]++;
	if (news == STORE_BACKUP_DAMAGED)
		snprintf(said->name, sizeof(said->name), "%s", name);
	(void)words;
}

static int64_t
due(void *ctx, const struct store_segment *segment)
{
	(void)ctx;
	return segment->call_start_ns + KEPT_DAYS * DAY;
}

static const char *
below(const struct fixture *fx, const char *name)
{
	static char paths[4][512];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, 512, "%s/%s", fx->home, name);
	return path;
}

static int
back_up_at(struct fixture *fx, const char *periods, int64_t now_ns,
	   struct store_backup_result *result)
{
	struct store_backup_config config = { .now_ns = now_ns, .due = due };
	char dir[512], apart[512];

	snprintf(dir, sizeof(dir), "%s/backup", fx->home);
	if (periods)
		snprintf(apart, sizeof(apart), "%s/%s", fx->home, periods);
	config.dir = dir;
	config.periods = periods ? apart : NULL;
	return store_backup_make(fx->archive, &config, result);
}

static void
back_up(struct fixture *fx, struct store_backup_result *result)
{
	assert_int_equal(back_up_at(fx, NULL, NOW_NS, result), 0);
}

static void
follow(struct fixture *fx, int64_t now_ns, struct store_backup_result *result)
{
	assert_int_equal(store_backup_follow(fx->archive, below(fx, "backup"),
					     NULL, now_ns, result),
			 0);
}

/** How much is not what it was. */
static uint64_t
check(struct fixture *fx, struct said *said)
{
	struct store_backup_watch watch = { .ctx = said, .tell = say };
	struct store_backup_result result;

	memset(said, 0, sizeof(*said));
	assert_int_equal(store_backup_check(below(fx, "backup"), NULL, NOW_NS,
					    &watch, &result),
			 0);
	return result.damaged;
}

/** Another archive, that of the backup, with the same key.
 * @param from the name of the backup */
static int
restore_from(struct fixture *fx, const char *from, struct fixture *to,
	     struct said *said, struct store_backup_result *result)
{
	struct store_backup_watch watch = { .ctx = said, .tell = say };
	int r;

	memset(said, 0, sizeof(*said));
	*to = *fx;
	to->archive = NULL;
	snprintf(to->dir, sizeof(to->dir), "%s/restored", fx->home);
	r = store_restore_files(below(fx, from), NULL, to->dir, NOW_NS, &watch,
				result);
	if (r)
		return r;
	fixture_open(to);
	return store_restore_replay(to->archive, below(fx, from), NOW_NS,
				    "carol", result);
}

static void
restore(struct fixture *fx, struct fixture *to,
	struct store_backup_result *result)
{
	struct said said;

	assert_int_equal(restore_from(fx, "backup", to, &said, result), 0);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
restored_remove(struct fixture *to)
{
	store_archive_close(&to->archive);
	nftw(to->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void
copy_folder(const char *from, const char *to)
{
	char command[1200];

	snprintf(command, sizeof(command), "rm -rf '%s'; cp -a '%s' '%s'", to,
		 from, to);
	assert_int_equal(system(command), 0);
}

static bool
has_file(const struct fixture *fx, const char *dir,
	 const struct store_segment *s)
{
	char path[STORE__PATH_BYTES], whole[768];

	store__recording_path(path, s->key_day, s->id, s->scrubs);
	snprintf(whole, sizeof(whole), "%s/%s/%s", fx->home, dir, path);
	return access(whole, F_OK) == 0;
}

static enum store_state
state_of(struct fixture *fx, const char *id)
{
	struct store_segment s;

	assert_int_equal(store_segment_get(fx->archive, id, &s), 0);
	return s.state;
}

static void
purge(struct fixture *fx, const char *id)
{
	assert_int_equal(
	    store_purge(fx->archive, id, NOW_NS, "spanrecd", "it was due"), 0);
}

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

/* ---- what was deleted does not come back ----------------------------------
 */

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

/* ---- keys die with their period -------------------------------------------
 */

static unsigned
periods(const struct fixture *fx, const char *name)
{
	DIR *dir = opendir(below(fx, name));
	const struct dirent *entry;
	unsigned n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		n += strstr(entry->d_name, ".period") != NULL;
	closedir(dir);
	return n;
}

static void
test_period_ends(void **state)
{
	const int64_t over_ns = FIXTURE_START_NS + (KEPT_DAYS + 1) * DAY;
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s[2], now;
	uint8_t *before, *after;
	struct said said;
	char name[512];
	size_t n;

	fixture_record(fx, &s[0], 0, SHORT_MS);
	fixture_record(fx, &s[1], 1, SHORT_MS);
	back_up(fx, &result);
	assert_int_equal(periods(fx, "backup/periods"), 1);
	copy_folder(below(fx, "backup"), below(fx, "taken"));
	/* Over, but what is in it lives: the purge may be late. */
	follow(fx, over_ns, &result);
	assert_int_equal(result.periods_ended, 0);
	/* One is held: it goes into another period, and this one ends. */
	snprintf(name, sizeof(name), "%s/backup/periods/2019-06-26.period",
		 fx->home);
	before = testing_read_file(name, &n);
	assert_int_equal(link(name, below(fx, "same")), 0);
	fixture_hold(fx, s[1].id);
	purge(fx, s[0].id);
	follow(fx, over_ns + 2 * DAY, &result);
	assert_int_equal(result.periods_ended, 1);
	assert_int_equal(result.rewrapped, 1);
	assert_int_equal(periods(fx, "backup/periods"), 1);
	after = testing_read_file(below(fx, "same"), &n);
	assert_null(memmem(after, n, before + 32, 32));
	free(before);
	free(after);
	assert_int_equal(check(fx, &said), 0);
	restore(fx, &to, &result);
	expect_sound(&to, s[1].id, &now);
	restored_remove(&to);
	/* A copy from before opens nothing with the periods that there are. */
	copy_folder(below(fx, "backup/periods"), below(fx, "taken/periods"));
	assert_int_equal(restore_from(fx, "taken", &to, &said, &result), 0);
	assert_int_equal(result.recordings, 0);
	assert_int_equal(said.news[STORE_BACKUP_DAMAGED], 2);
	restored_remove(&to);
}

/** The backup is in a safe, the keys of its periods are not. */
static void
test_periods_apart(void **state)
{
	const int64_t over_ns = FIXTURE_START_NS + (KEPT_DAYS + 1) * DAY;
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s[2];
	struct said said;

	fixture_record(fx, &s[0], 0, SHORT_MS);
	fixture_record(fx, &s[1], 2000, SHORT_MS);
	assert_int_equal(back_up_at(fx, "apart", NOW_NS, &result), 0);
	assert_string_equal(result.periods, below(fx, "apart"));
	assert_int_equal(periods(fx, "apart"), 2);
	assert_int_not_equal(access(below(fx, "backup/periods"), F_OK), 0);
	/* It remembers. */
	back_up(fx, &result);
	assert_int_equal(rename(below(fx, "backup"), below(fx, "safe")), 0);
	assert_int_equal(store_backup_follow(fx->archive, NULL,
					     below(fx, "apart"),
					     over_ns + 5 * DAY, &result),
			 0);
	assert_int_equal(result.periods_ended, 0);
	purge(fx, s[0].id);
	assert_int_equal(store_backup_follow(fx->archive, NULL,
					     below(fx, "apart"),
					     over_ns + 5 * DAY, &result),
			 0);
	assert_int_equal(result.periods_ended, 1);
	assert_int_equal(rename(below(fx, "safe"), below(fx, "backup")), 0);
	assert_int_equal(restore_from(fx, "backup", &to, &said, &result), 0);
	assert_int_equal(result.recordings, 1);
	restored_remove(&to);
	/* Without them it opens nothing, and says so. */
	assert_int_equal(rename(below(fx, "apart"), below(fx, "away")), 0);
	assert_int_equal(restore_from(fx, "backup", &to, &said, &result),
			 -ENOTDIR);
	assert_int_equal(back_up_at(fx, NULL, NOW_NS, &result), -ENOTDIR);
}

/** A keyring that is not there, as on a disk that is not mounted, ends nothing.
 */
static void
test_nothing_mounted(void **state)
{
	const int64_t over_ns = FIXTURE_START_NS + (KEPT_DAYS + 3) * DAY;
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s;
	struct said said;
	char keyring[512];

	fixture_record(fx, &s, 0, SHORT_MS);
	back_up(fx, &result);
	snprintf(keyring, sizeof(keyring), "%s/keyring", fx->dir);
	assert_int_equal(rename(keyring, below(fx, "elsewhere")), 0);
	follow(fx, over_ns, &result);
	assert_int_equal(result.rewrapped, 1);
	assert_int_equal(check(fx, &said), 0);
	/* The backup still has it when the archive does not. */
	assert_int_equal(mkdir(keyring, 0700), 0);
	assert_int_equal(back_up_at(fx, NULL, NOW_NS, &result), 0);
	assert_int_equal(result.damaged, 1);
	assert_int_equal(result.recordings, 1);
	restore(fx, &to, &result);
	expect_sound(&to, s.id, &s);
	restored_remove(&to);
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

/* ---- damaged anywhere -----------------------------------------------------
 */

static void
expect_damaged(struct fixture *fx, const char *id)
{
	struct store_finding finding;
	struct store_segment now;

	assert_int_equal(store_segment_get(fx->archive, id, &now), 0);
	assert_int_equal(
	    store_verify(fx->archive, fx->identity, &now, &finding), 1);
}

static struct fixture *damaging;
static unsigned files_damaged, files_found, files_unseen;

/** Flip a bit of each file in turn, and cut it. */
static int
damage_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	struct store_backup_result result;
	struct said said;
	uint8_t *bytes;
	size_t n, m;
	uint8_t save;
	int r;

	if (type != FTW_F || st->st_size == 0 ||
	    strcmp(path + ftw->base, "lock") == 0 ||
	    strcmp(path + ftw->base, "lock.mdb") == 0)
		return 0;
	bytes = testing_read_file(path, &n);
	assert_int_equal(chmod(path, 0600), 0);
	for (unsigned way = 0; way < 2; way++) {
		/* In slots and periods the middle means nothing. */
		m = n > 40 ? 40 : n / 2;
		save = bytes[m];
		bytes[m] ^= 0x10;
		testing_write_file(path, bytes, way ? m : n);
		bytes[m] = save;
		files_damaged++;
		r = store_backup_check(
		    below(damaging, "backup"), NULL, NOW_NS,
		    &(struct store_backup_watch){ .ctx = &said, .tell = say },
		    &result);
		if (r || result.damaged)
			files_found++;
		else
			files_unseen++;
		if (!r && !result.damaged)
			print_message("%s: not found\n", path);
	}
	testing_write_file(path, bytes, n);
	free(bytes);
	return 0;
}

static void
test_damaged(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s[2], now;
	char path[STORE__PATH_BYTES], whole[768];
	struct said said = { .name = "" };
	uint8_t *bytes;
	size_t n;

	fixture_record(fx, &s[0], 0, SHORT_MS);
	fixture_record(fx, &s[1], 1, SHORT_MS);
	back_up(fx, &result);
	damaging = fx;
	files_damaged = files_found = files_unseen = 0;
	assert_int_equal(nftw(below(fx, "backup"), damage_one, 8, FTW_PHYS), 0);
	assert_true(files_damaged >= 16);
	/* The journal is empty: it was not touched. */
	assert_int_equal(files_unseen, 0);
	assert_int_equal(check(fx, &said), 0);
	/* What is sound comes back. */
	store__recording_path(path, s[0].key_day, s[0].id, 0);
	snprintf(whole, sizeof(whole), "%s/backup/%s", fx->home, path);
	bytes = testing_read_file(whole, &n);
	bytes[n / 2] ^= 1;
	testing_write_file(whole, bytes, n);
	free(bytes);
	assert_int_equal(check(fx, &said), 1);
	assert_string_equal(said.name, s[0].id);
	assert_int_equal(restore_from(fx, "backup", &to, &said, &result), 0);
	assert_int_equal(result.damaged, 1);
	assert_int_equal(result.recordings, 1);
	expect_damaged(&to, s[0].id);
	assert_int_equal(store_segment_get(to.archive, s[1].id, &now), 0);
	restored_remove(&to);
	/* The next backup copies it again only if it is not there. */
	assert_int_equal(unlink(whole), 0);
	back_up(fx, &result);
	assert_int_equal(result.copied, 1);
	assert_int_equal(check(fx, &said), 0);
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

/* ---- what is read as if a stranger had written it --------------------------
 */

static void
test_texts(void **state)
{
	struct store__manifest m = { .generation = 7, .ledger = 3 }, again;
	struct store__day_list list = { .day = FIXTURE_DAY }, other;
	struct store__kept kept = { .day = FIXTURE_DAY, .slot = 4, .bytes = 9 };
	uint8_t hash[STORE_HASH_BYTES] = { 1 };
	uint32_t day;
	char *text, *copy;
	size_t n;

	(void)state;
	assert_int_equal(store__manifest_add(&m, "7/index/data.mdb", 12, hash),
			 0);
	assert_int_equal(store__manifest_add(&m, "days/2019-03-28.7", 1, hash),
			 0);
	assert_int_equal(store__manifest_text(&m, &text, &n), 0);
	for (size_t i = 0; i <= n; i++) {
		copy = testing_copy(text, i);
		assert_int_equal(store__manifest_parse(&again, copy, i),
				 i == n ? 0 : -EBADMSG);
		free(copy);
	}
	assert_int_equal(again.generation, 7);
	assert_int_equal(again.count, 2);
	store__manifest_fini(&again);
	store__manifest_fini(&m);
	free(text);
	assert_true(store__day_path_parse("days/2019-03-28.7", &day));
	assert_int_equal(day, FIXTURE_DAY);
	assert_false(store__day_path_parse("days/2019-03-28.07", &day));
	assert_false(store__day_path_parse("days/2019-03-28", &day));
	/* No way out of the folder. */
	assert_int_equal(store__manifest_add(&m, "../x", 1, hash), 0);
	m.generation = 1;
	assert_int_equal(store__manifest_text(&m, &text, &n), 0);
	assert_int_equal(store__manifest_parse(&again, text, n), -EBADMSG);
	free(text);
	store__manifest_fini(&m);
	snprintf(kept.id, sizeof(kept.id), "20190328T141503Z-aaaaaaaa-1");
	assert_int_equal(store__day_add(&list, &kept), 0);
	snprintf(kept.id, sizeof(kept.id), "20190328T141503Z-bbbbbbbb-1");
	assert_int_equal(store__day_add(&list, &kept), 0);
	assert_int_equal(store__day_text(&list, &text, &n), 0);
	for (size_t i = 1; i <= n; i++) {
		int r;

		copy = testing_copy(text, i);
		r = store__day_parse(&other, FIXTURE_DAY, copy, i);
		assert_int_equal(r, i == n || i == n / 2 ? 0 : -EBADMSG);
		free(copy);
		if (r == 0)
			store__day_fini(&other);
	}
	store__day_fini(&list);
	free(text);
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
		TEST(test_round),
		TEST(test_list_lost),
		TEST(test_row_lost),
		TEST(test_calls_in_progress),
		TEST(test_deleted),
		TEST(test_scrubbed),
		TEST(test_restored_goes_on),
		TEST(test_scrubbed_meanwhile),
		TEST(test_period_ends),
		TEST(test_periods_apart),
		TEST(test_nothing_mounted),
		TEST(test_killed),
		TEST(test_stray),
		TEST(test_damaged),
		TEST(test_foreign),
		TEST(test_journal),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
