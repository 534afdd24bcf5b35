/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Backups while something else is done: a key that is destroyed between being
 * read and being written stays so, whatever becomes of who writes; and none is
 * lost with a period that somebody else makes or ends meanwhile. */
#include "cmd/testing/testing.h"
#include "store/backup_fixture_priv.h"

#include <sys/wait.h>

/* As backup_keys.c, backup_make.c and backup.c have them. */
enum { TOLD = 2, WRITTEN = 3, COPIED = 7, HOLDS = 8, MADE = 9, CLAIMED = 10 };

/* ---- what is done meanwhile ---------------------------------------------- */

/** Steps have no context. */
static struct {
	struct fixture *fx;
	const struct store_segment *s;
	bool discard; /**< not even a note is left */
	bool dies;    /**< when its slots are written */
	unsigned done;
} meanwhile;

static void
purge_meanwhile(int step)
{
	struct store_backup_result result;
	struct fixture *fx = meanwhile.fx;

	if (step == WRITTEN && meanwhile.dies)
		_exit(42);
	if (step != TOLD || meanwhile.done++)
		return;
	if (meanwhile.discard)
		assert_int_equal(store_discard(fx->archive, meanwhile.s->id,
					       NOW_NS, "spanrecd", "opt-out",
					       "opt-out"),
				 0);
	else
		purge(fx, meanwhile.s->id);
	follow(fx, NOW_NS, &result);
	assert_int_equal(result.deletions, 1);
}

/** A backup in a process of its own, that is killed behind its keys. */
static void
backup_beside_purge(struct fixture *fx)
{
	struct store_backup_config config = { .now_ns = NOW_NS,
					      .due = due,
					      .fault = purge_meanwhile };
	struct store_backup_result result;
	char dir[512];
	int status;
	pid_t pid;

	snprintf(dir, sizeof(dir), "%s/backup", fx->home);
	config.dir = dir;
	if (!meanwhile.dies) {
		assert_int_equal(
		    store_backup_make(fx->archive, &config, &result), 0);
		return;
	}
	store_archive_close(&fx->archive);
	pid = fork();
	if (pid == 0) {
		fixture_open(fx);
		_exit(store_backup_make(fx->archive, &config, &result) ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	fixture_open(fx);
}

/* ---- what was destroyed stays destroyed -----------------------------------
 */

/** A backup reads a key; it is destroyed in the archive, and in the backup; the
 * backup goes on. */
static void
expect_dead(struct fixture *fx, bool discard, bool dies)
{
	struct store_backup_result result;
	struct store_segment s[3];
	struct said said;

	fixture_record(fx, &s[0], 0, SHORT_MS);
	back_up(fx, &result);
	fixture_record(fx, &s[1], 1, SHORT_MS);
	fixture_record(fx, &s[2], 2, SHORT_MS);
	meanwhile.fx = fx;
	meanwhile.s = &s[1];
	meanwhile.discard = discard;
	meanwhile.dies = dies;
	meanwhile.done = 0;
	backup_beside_purge(fx);
	assert_int_equal(slot_of(fx, &s[1]), -ENOKEY);
	assert_int_equal(slot_of(fx, &s[0]), 0);
	assert_int_equal(slot_of(fx, &s[2]), 0);
	assert_int_equal(check(fx, &said), 0);
	back_up(fx, &result);
	assert_int_equal(result.recordings, 2);
	assert_false(has_file(fx, "backup", &s[1]));
	assert_int_equal(slot_of(fx, &s[1]), -ENOKEY);
	assert_int_equal(check(fx, &said), 0);
}

static void
test_purged_killed(void **state)
{
	expect_dead(*state, false, true);
}

static void
test_discarded_killed(void **state)
{
	expect_dead(*state, true, true);
}

static void
test_purged_meanwhile(void **state)
{
	expect_dead(*state, false, false);
}

static void
test_discarded_meanwhile(void **state)
{
	expect_dead(*state, true, false);
}

/** The other order: it is written, then deleted, and whoever wrote it dies. Not
 * even a note is left, and no list has it. */
static void
test_written_first(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_segment s[2];

	fixture_record(fx, &s[0], 0, SHORT_MS);
	back_up(fx, &result);
	fixture_record(fx, &s[1], 1, SHORT_MS);
	meanwhile.fx = fx;
	meanwhile.dies = true;
	meanwhile.done = 1;
	backup_beside_purge(fx);
	assert_int_equal(slot_of(fx, &s[1]), 0);
	assert_int_equal(store_discard(fx->archive, s[1].id, NOW_NS, "spanrecd",
				       "opt-out", "opt-out"),
			 0);
	follow(fx, NOW_NS, &result);
	assert_int_equal(slot_of(fx, &s[1]), -ENOKEY);
	assert_false(has_file(fx, "backup", &s[1]));
}

/* ---- one period into another ----------------------------------------------
 */

static void
destroy_meanwhile(int step)
{
	struct store__backup backup;

	if (step != TOLD)
		return;
	assert_int_equal(
	    store__backup_open(&backup, below(meanwhile.fx, "backup"), NULL),
	    0);
	assert_int_equal(store__wrapped_destroy(&backup, meanwhile.s->key_day,
						meanwhile.s->key_slot),
			 0);
	store__backup_close(&backup);
}

/** What is only in the backup, and is destroyed there while it goes into
 * another period: the archive cannot say that it was. */
static void
test_moved_meanwhile(void **state)
{
	const int64_t over_ns = FIXTURE_START_NS + (KEPT_DAYS + 3) * DAY;
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store__backup backup;
	struct store_segment s;
	char keyring[512];

	fixture_record(fx, &s, 0, SHORT_MS);
	back_up(fx, &result);
	snprintf(keyring, sizeof(keyring), "%s/keyring", fx->dir);
	assert_int_equal(rename(keyring, below(fx, "elsewhere")), 0);
	meanwhile.fx = fx;
	meanwhile.s = &s;
	assert_int_equal(store__backup_open(&backup, below(fx, "backup"), NULL),
			 0);
	backup.fault = destroy_meanwhile;
	memset(&result, 0, sizeof(result));
	store__periods_tend(&backup, fx->archive, over_ns, &result);
	assert_int_equal(result.periods_error, 0);
	store__backup_close(&backup);
	assert_int_equal(result.periods_ended, 1);
	assert_int_equal(slot_of(fx, &s), -ENOKEY);
}

static int64_t
due_later(void *ctx, const struct store_segment *segment)
{
	(void)ctx;
	return segment->call_start_ns + 2 * KEPT_DAYS * DAY;
}

/** The same by a backup: what the archive has lost is wrapped anew of what the
 * backup has, unless that is destroyed before. */
static void
known_again(struct fixture *fx, void (*fault)(int step), int slot,
	    uint32_t period)
{
	struct store_backup_config config = { .now_ns = NOW_NS,
					      .due = due_later,
					      .fault = fault };
	struct store_backup_result result;
	struct store__wrapped wrapped;
	struct store__backup backup;
	struct store_segment s;
	char dir[512], keyring[512];

	fixture_record(fx, &s, 0, SHORT_MS);
	back_up(fx, &result);
	snprintf(keyring, sizeof(keyring), "%s/keyring/2019-03-28.keys",
		 fx->dir);
	store_archive_close(&fx->archive);
	assert_int_equal(unlink(keyring), 0);
	fixture_open(fx);
	meanwhile.fx = fx;
	meanwhile.s = &s;
	snprintf(dir, sizeof(dir), "%s/backup", fx->home);
	config.dir = dir;
	assert_int_equal(store_backup_make(fx->archive, &config, &result), 0);
	assert_int_equal(result.damaged, 1);
	assert_int_equal(slot_of(fx, &s), slot);
	if (slot)
		return;
	assert_int_equal(store__backup_open(&backup, dir, NULL), 0);
	assert_int_equal(
	    store__wrapped_read(&backup, s.key_day, s.key_slot, &wrapped), 0);
	assert_int_equal(wrapped.period, period);
	store__backup_close(&backup);
}

static void
test_known_again(void **state)
{
	known_again(*state, NULL, 0, 20190924);
}

static void
test_known_meanwhile(void **state)
{
	known_again(*state, destroy_meanwhile, -ENOKEY, 0);
}

/* ---- periods ----------------------------------------------------------------
 */

/** Who makes backups. */
struct writer {
	struct store__backup backup;
	struct store__periods *periods;
};

static void
writer_init(struct writer *w, const struct fixture *fx)
{
	assert_int_equal(
	    store__backup_open(&w->backup, below(fx, "backup"), NULL), 0);
	w->periods = store__periods_new(&w->backup);
	assert_non_null(w->periods);
}

static void
writer_fini(struct writer *w)
{
	store__periods_free(&w->periods);
	store__backup_close(&w->backup);
}

static int
wrap(struct writer *w, const struct fixture *fx, const struct store_segment *s,
     uint32_t period)
{
	struct store__wrap wrap = { .day = s->key_day,
				    .slot = s->key_slot,
				    .period = period };

	assert_int_equal(store__keyring_look(fx->archive, s->key_day,
					     s->key_slot, &wrap.sealed),
			 STORE__SLOT_KEY);
	return store__wrap_all(w->periods, fx->archive, &wrap, 1);
}

/** Does the key that is there now open it? */
static int
opens(const struct fixture *fx, const struct store_segment *s)
{
	struct store_sealed_key sealed;
	struct store__wrapped wrapped;
	struct writer w;
	int r;

	writer_init(&w, fx);
	r = store__wrapped_read(&w.backup, s->key_day, s->key_slot, &wrapped);
	if (r == 0)
		r = store__unwrap(w.periods, &wrapped, &sealed);
	writer_fini(&w);
	return r;
}

#define PERIOD      20190701
#define PERIOD_OVER INT64_C(1562025600000000000) /* 2019-07-02 */

static void
wrap_meanwhile(int step)
{
	struct writer w;

	if (step != MADE || meanwhile.done++)
		return;
	writer_init(&w, meanwhile.fx);
	assert_int_equal(wrap(&w, meanwhile.fx, meanwhile.s, PERIOD), 0);
	writer_fini(&w);
}

/** Two make the same period: one key remains, and both have wrapped in it. */
static void
test_period_twice(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_segment s[2];
	struct writer w;

	back_up(fx, &result);
	fixture_record(fx, &s[0], 0, SHORT_MS);
	fixture_record(fx, &s[1], 1, SHORT_MS);
	meanwhile.fx = fx;
	meanwhile.s = &s[1];
	meanwhile.done = 0;
	writer_init(&w, fx);
	w.backup.fault = wrap_meanwhile;
	assert_int_equal(wrap(&w, fx, &s[0], PERIOD), 0);
	writer_fini(&w);
	assert_int_equal(meanwhile.done, 1);
	assert_int_equal(opens(fx, &s[0]), 0);
	assert_int_equal(opens(fx, &s[1]), 0);
	assert_int_equal(periods(fx, "backup/periods"), 1);
}

static void
tidy_meanwhile(int step)
{
	struct writer w;

	if (step != MADE)
		return;
	writer_init(&w, meanwhile.fx);
	store__periods_tidy(&w.backup);
	writer_fini(&w);
	meanwhile.done++;
}

/** What is left of one that was never finished goes with the next backup, but
 * not under the hands of who makes one. */
static void
test_period_leftover(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_segment s;
	struct writer w;
	char part[512];

	back_up(fx, &result);
	snprintf(part, sizeof(part), "%s",
		 below(fx, "backup/periods/2019-07-01.period.0a1b2c3d.part"));
	testing_write_file(part, "half", 4);
	back_up(fx, &result);
	assert_int_equal(access(part, F_OK), -1);
	fixture_record(fx, &s, 0, SHORT_MS);
	meanwhile.fx = fx;
	meanwhile.done = 0;
	writer_init(&w, fx);
	w.backup.fault = tidy_meanwhile;
	assert_int_equal(wrap(&w, fx, &s, PERIOD), 0);
	writer_fini(&w);
	/* At the first go. */
	assert_int_equal(meanwhile.done, 1);
	assert_int_equal(opens(fx, &s), 0);
	assert_int_equal(periods(fx, "backup/periods"), 1);
}

/** One is ended, and another of that name has another key than who has used the
 * first one remembers. */
static void
test_period_again(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_segment s[2];
	struct writer w, other;

	back_up(fx, &result);
	fixture_record(fx, &s[0], 0, SHORT_MS);
	fixture_record(fx, &s[1], 1, SHORT_MS);
	writer_init(&w, fx);
	assert_int_equal(wrap(&w, fx, &s[0], PERIOD), 0);
	purge(fx, s[0].id);
	memset(&result, 0, sizeof(result));
	writer_init(&other, fx);
	store__periods_tend(&other.backup, fx->archive, PERIOD_OVER, &result);
	assert_int_equal(result.periods_error, 0);
	writer_fini(&other);
	assert_int_equal(result.periods_ended, 1);
	assert_int_equal(wrap(&w, fx, &s[1], PERIOD), 0);
	writer_fini(&w);
	assert_int_equal(opens(fx, &s[1]), 0);
}

static void
tend_meanwhile(int step)
{
	struct store_backup_result result = { 0 };
	struct writer w;

	if (step != TOLD)
		return;
	writer_init(&w, meanwhile.fx);
	store__periods_tend(&w.backup, meanwhile.fx->archive,
			    PERIOD_OVER + 2 * DAY, &result);
	assert_int_equal(result.periods_error, 0);
	writer_fini(&w);
	meanwhile.done++;
}

/** A period is over while somebody wraps in it: it is not ended before that is
 * written, and then what lives goes into another. */
static void
test_period_ended_meanwhile(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result = { 0 };
	struct store_segment s;
	struct writer w;

	back_up(fx, &result);
	fixture_record(fx, &s, 0, SHORT_MS);
	meanwhile.fx = fx;
	meanwhile.done = 0;
	writer_init(&w, fx);
	w.backup.fault = tend_meanwhile;
	assert_int_equal(wrap(&w, fx, &s, PERIOD), 0);
	w.backup.fault = NULL;
	assert_int_equal(meanwhile.done, 1);
	assert_int_equal(opens(fx, &s), 0);
	memset(&result, 0, sizeof(result));
	store__periods_tend(&w.backup, fx->archive, PERIOD_OVER + 2 * DAY,
			    &result);
	assert_int_equal(result.periods_error, 0);
	writer_fini(&w);
	assert_int_equal(result.periods_ended, 1);
	assert_int_equal(result.rewrapped, 1);
	assert_int_equal(opens(fx, &s), 0);
}

/* ---- the first one ------------------------------------------------------ */

static int
make_in(struct fixture *fx, const char *name, const char *periods,
	void (*fault)(int step))
{
	struct store_backup_config config = { .now_ns = NOW_NS,
					      .due = due,
					      .fault = fault };
	struct store_backup_result result;
	char dir[512], apart[512];

	snprintf(dir, sizeof(dir), "%s", below(fx, name));
	config.dir = dir;
	if (periods) {
		snprintf(apart, sizeof(apart), "%s", below(fx, periods));
		config.periods = apart;
	}
	return store_backup_make(fx->archive, &config, &result);
}

static void
first_meanwhile(int step)
{
	if (step == CLAIMED && !meanwhile.done++)
		assert_int_equal(make_in(meanwhile.fx, "backup", NULL, NULL),
				 -EBUSY);
}

/** The first backup, and what another one does in the middle of it so many
 * times; it is whole, and opens. */
static void
make_first(struct fixture *fx, const char *periods, void (*fault)(int step),
	   int times)
{
	struct store_segment s;
	struct said said;

	fixture_record(fx, &s, 0, SHORT_MS);
	meanwhile.fx = fx;
	meanwhile.done = 0;
	assert_int_equal(make_in(fx, "backup", periods, fault), 0);
	assert_int_equal(meanwhile.done, times);
	assert_int_equal(check(fx, &said), 0);
	assert_int_equal(opens(fx, &s), 0);
}

/** Two make the first one in the same folder: it is that of one of them. */
static void
test_first_twice(void **state)
{
	struct fixture *fx = *state;

	make_first(fx, NULL, first_meanwhile, 1);
	assert_int_equal(make_in(fx, "backup", NULL, NULL), 0);
}

/** The second time it is asked, the folder for the keys is what was claimed. */
static void
other_meanwhile(int step)
{
	if (step == CLAIMED && ++meanwhile.done == 2)
		assert_int_equal(make_in(meanwhile.fx, "other", "apart", NULL),
				 -EBUSY);
}

/** ... in two folders, and with the keys of periods in the same one. */
static void
test_first_periods_twice(void **state)
{
	struct fixture *fx = *state;

	make_first(fx, "apart", other_meanwhile, 2);
	assert_int_equal(make_in(fx, "other", "apart", NULL), -ENOTEMPTY);
	assert_int_equal(make_in(fx, "other", "elsewhere", NULL), 0);
}

/** What is somebody else's is left as it is. */
static void
test_first_foreign(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(mkdir(below(fx, "full"), 0700), 0);
	testing_write_file(below(fx, "full/file"), "x", 1);
	assert_int_equal(make_in(fx, "full", NULL, NULL), -EEXIST);
	assert_int_equal(make_in(fx, "backup", "full", NULL), -ENOTEMPTY);
	assert_int_equal(access(below(fx, "full/lock"), F_OK), -1);
}

/* ---- a check beside it -------------------------------------------------- */

static void
check_meanwhile(int step)
{
	char path[STORE__PATH_BYTES], whole[768];
	const struct store_segment *s = meanwhile.s;
	struct fixture *fx = meanwhile.fx;
	struct said said;

	if (step != COPIED || meanwhile.done++)
		return;
	store__recording_path(path, s->key_day, s->id, 0);
	snprintf(whole, sizeof(whole), "%s/backup/%s", fx->home, path);
	assert_int_equal(chmod(whole, 0600), 0);
	spoil(whole, 300);
	assert_int_equal(check(fx, &said), 1);
}

/** What it notes is not lost, though the backup knew nothing of it. */
static void
test_noted_meanwhile(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_segment s[2];
	struct said said;

	fixture_record(fx, &s[0], 0, SHORT_MS);
	fixture_record(fx, &s[1], 1, SHORT_MS);
	back_up(fx, &result);
	meanwhile.fx = fx;
	meanwhile.s = &s[1];
	meanwhile.done = 0;
	assert_int_equal(make_in(fx, "backup", NULL, check_meanwhile), 0);
	assert_int_equal(meanwhile.done, 1);
	back_up(fx, &result);
	assert_int_equal(result.copied, 1);
	assert_int_equal(check(fx, &said), 0);
	back_up(fx, &result);
	assert_int_equal(result.copied, 0);
	assert_int_equal(access(below(fx, "backup/damaged"), F_OK), -1);
}

/* ---- what fails when it holds ------------------------------------------- */

static void
fail_meanwhile(int step)
{
	if (step == HOLDS)
		assert_int_equal(
		    unlink(below(meanwhile.fx, "backup/2/deletions")), 0);
}

/** It is made all the same, and the next one goes on. */
static void
test_unfinished(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_config config = { .now_ns = NOW_NS,
					      .due = due,
					      .fault = fail_meanwhile };
	struct store_backup_result result;
	struct store_segment s;
	struct said said;
	char dir[512];

	back_up(fx, &result);
	fixture_record(fx, &s, 0, SHORT_MS);
	meanwhile.fx = fx;
	snprintf(dir, sizeof(dir), "%s", below(fx, "backup"));
	config.dir = dir;
	assert_int_equal(store_backup_make(fx->archive, &config, &result), 0);
	assert_int_equal(result.unfinished, -EBADMSG);
	assert_int_equal(result.generation, 2);
	assert_int_equal(result.recordings, 1);
	assert_true(result.made_ns > 0 && result.bytes > 0);
	assert_int_equal(access(below(fx, "backup/1"), F_OK), -1);
	assert_int_equal(access(below(fx, "backup/running"), F_OK), 0);
	back_up(fx, &result);
	assert_int_equal(result.unfinished, 0);
	assert_int_equal(result.generation, 3);
	assert_int_equal(access(below(fx, "backup/running"), F_OK), -1);
	assert_int_equal(check(fx, &said), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_purged_killed),    TEST(test_discarded_killed),
		TEST(test_purged_meanwhile), TEST(test_discarded_meanwhile),
		TEST(test_written_first),    TEST(test_moved_meanwhile),
		TEST(test_known_again),      TEST(test_known_meanwhile),
		TEST(test_period_twice),     TEST(test_period_leftover),
		TEST(test_period_again),     TEST(test_period_ended_meanwhile),
		TEST(test_first_twice),      TEST(test_first_periods_twice),
		TEST(test_first_foreign),    TEST(test_noted_meanwhile),
		TEST(test_unfinished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
