/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Archives made of a backup that another one takes the place of, before or
 * while they are made; and checks of one, likewise. */
#include "cmd/testing/testing.h"
#include "store/backup_fixture_priv.h"
#include "store/cases.h"

/* ---- stopped, and gone on with after another backup ---------------------- */

static void
expect_no_trace(struct fixture *to, const struct store_segment *s)
{
	struct store_sealed_key sealed;

	assert_false(has_file(to, "restored", s));
	assert_int_not_equal(
	    store__keyring_look(to->archive, s->key_day, s->key_slot, &sealed),
	    STORE__SLOT_KEY);
}

/** What the first backup had, and the second one has not, is in neither index
 * nor journal of that: nothing but the files and keys that are there says that
 * it was. */
static void
test_resumed(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s[4], now;
	struct said said;
	char path[600];

	for (unsigned i = 0; i < 3; i++)
		fixture_record(fx, &s[i], i, SHORT_MS);
	/* The only one of its day. */
	fixture_record(fx, &s[3], 2000, SHORT_MS);
	back_up(fx, &result);
	snprintf(to.dir, sizeof(to.dir), "%s/restored", fx->home);
	assert_int_equal(store_restore_files(below(fx, "backup"), NULL, to.dir,
					     NOW_NS, NULL, &result),
			 0);
	assert_int_equal(result.recordings, 4);
	assert_true(has_file(fx, "restored", &s[3]));
	snprintf(path, sizeof(path), "%s/restored/pseudonyms", fx->home);
	testing_write_file(path, "x", 1);
	purge(fx, s[0].id);
	purge(fx, s[3].id);
	assert_int_equal(store_discard(fx->archive, s[1].id, NOW_NS, "spanrecd",
				       "opt-out", "opt-out"),
			 0);
	back_up(fx, &result);
	assert_int_equal(restore_from(fx, "backup", &to, &said, &result), 0);
	assert_int_equal(result.recordings, 1);
	/* Only the one that is there before and after was not copied again. */
	assert_true(result.copied_bytes > 0);
	expect_no_trace(&to, &s[0]);
	expect_no_trace(&to, &s[1]);
	expect_no_trace(&to, &s[3]);
	assert_int_not_equal(access(path, F_OK), 0);
	expect_sound(&to, s[2].id, &now);
	restored_remove(&to);
}

/** Told to the same backup, after the files of it were there. */
static void
test_resumed_told(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s[2], now;
	struct said said;

	fixture_record(fx, &s[0], 0, SHORT_MS);
	fixture_record(fx, &s[1], 1, SHORT_MS);
	back_up(fx, &result);
	snprintf(to.dir, sizeof(to.dir), "%s/restored", fx->home);
	assert_int_equal(store_restore_files(below(fx, "backup"), NULL, to.dir,
					     NOW_NS, NULL, &result),
			 0);
	purge(fx, s[0].id);
	follow(fx, NOW_NS, &result);
	assert_int_equal(store_restore_files(below(fx, "backup"), NULL, to.dir,
					     NOW_NS, NULL, &result),
			 0);
	assert_false(has_file(fx, "restored", &s[0]));
	assert_int_equal(restore_from(fx, "backup", &to, &said, &result), 0);
	expect_no_trace(&to, &s[0]);
	expect_sound(&to, s[1].id, &now);
	restored_remove(&to);
}

/** Another backup between its files and what its journal says. */
static void
test_replayed_of_another(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result, other;
	struct store_segment s[2], now;
	struct said said;

	fixture_record(fx, &s[0], 0, SHORT_MS);
	fixture_record(fx, &s[1], 1, SHORT_MS);
	back_up(fx, &result);
	to = *fx;
	snprintf(to.dir, sizeof(to.dir), "%s/restored", fx->home);
	assert_int_equal(store_restore_files(below(fx, "backup"), NULL, to.dir,
					     NOW_NS, NULL, &result),
			 0);
	fixture_open(&to);
	purge(fx, s[0].id);
	back_up(fx, &other);
	assert_int_equal(store_restore_replay(to.archive, below(fx, "backup"),
					      NOW_NS, "carol", NULL, &result),
			 -EAGAIN);
	store_archive_close(&to.archive);
	assert_int_equal(restore_from(fx, "backup", &to, &said, &result), 0);
	expect_no_trace(&to, &s[0]);
	expect_sound(&to, s[1].id, &now);
	restored_remove(&to);
}

/** A row that cannot be read keeps nothing else from being restored; what it
 * was of is not. */
static void
test_replayed_row_lost(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s[4];
	uint8_t row[STORE__ROW_BYTES];
	struct store__key key;
	struct said said = { .name = "" };
	const struct store_backup_watch watch = { .ctx = &said, .tell = say };

	for (unsigned i = 0; i < 4; i++)
		fixture_record(fx, &s[i], i, SHORT_MS);
	back_up(fx, &result);
	for (unsigned i = 0; i < 3; i++)
		purge(fx, s[i].id);
	follow(fx, NOW_NS, &result);
	to = *fx;
	snprintf(to.dir, sizeof(to.dir), "%s/restored", fx->home);
	assert_int_equal(store_restore_files(below(fx, "backup"), NULL, to.dir,
					     NOW_NS, NULL, &result),
			 0);
	fixture_open(&to);
	key = fixture_key(&s[0]);
	fixture_index_set(&to, to.archive->tables.segments, &key, "half", 4);
	key = fixture_key(&s[1]);
	fixture_index_set(&to, to.archive->tables.segments, &key, row,
			  store__row_encode(row, &s[1]) - 1);
	assert_int_equal(store_restore_replay(to.archive, below(fx, "backup"),
					      NOW_NS, "carol", &watch, &result),
			 0);
	assert_int_equal(result.damaged, 2);
	assert_int_equal(said.news[STORE_BACKUP_DAMAGED], 2);
	assert_string_equal(said.name, s[1].id);
	expect_no_trace(&to, &s[0]);
	expect_no_trace(&to, &s[1]);
	assert_int_equal(state_of(&to, s[2].id), STORE_STATE_PURGED);
	assert_int_equal(state_of(&to, s[3].id), STORE_STATE_STORED);
	assert_true(has_file(&to, "restored", &s[3]));
	/* Those of the rows. */
	assert_int_equal(findings(&to), 2);
	restored_remove(&to);
}

/* ---- while it is read ---------------------------------------------------- */

/** What happens in the midst of it, once. */
static struct meanwhile {
	struct fixture *fx;
	const struct store_segment *goes;
	bool again;     /**< another backup is made */
	unsigned after; /**< so many things were read */
	struct said said;
} meanwhile;

static void
happen(void *ctx, uint64_t done, uint64_t total)
{
	struct meanwhile *m = ctx;
	struct store_backup_result result;
	struct store_segment s;

	(void)done;
	(void)total;
	if (!m->fx || m->after-- > 0)
		return;
	fixture_record(m->fx, &s, 50, SHORT_MS);
	purge(m->fx, m->goes->id);
	if (m->again)
		back_up(m->fx, &result);
	else
		follow(m->fx, NOW_NS, &result);
	m->fx = NULL;
}

static void
say_meanwhile(void *ctx, enum store_backup_news news, const char *name,
	      const char *words)
{
	struct meanwhile *m = ctx;

	print_message("%s: %s\n", name, words);
	say(&m->said, news, name, words);
}

/** @param restored NULL: it is checked */
static void
read_meanwhile(struct fixture *fx, struct fixture *restored, bool again,
	       unsigned after, struct store_backup_result *result)
{
	const struct store_backup_watch watch = { .ctx = &meanwhile,
						  .tell = say_meanwhile,
						  .progress = happen };
	struct store_segment s[4], now;
	const unsigned goes = after % 3;
	struct said said;

	for (unsigned i = 0; i < 4; i++)
		fixture_record(fx, &s[i], i == 3 ? 2000 : i, SHORT_MS);
	back_up(fx, result);
	meanwhile = (struct meanwhile){
		.fx = fx, .goes = &s[goes], .again = again, .after = after
	};
	if (!restored) {
		assert_int_equal(store_backup_check(below(fx, "backup"), NULL,
						    NOW_NS, &watch, result),
				 0);
	} else {
		*restored = *fx;
		snprintf(restored->dir, sizeof(restored->dir), "%s/restored",
			 fx->home);
		assert_int_equal(store_restore_files(below(fx, "backup"), NULL,
						     restored->dir, NOW_NS,
						     &watch, result),
				 0);
	}
	assert_null(meanwhile.fx);
	assert_int_equal(result->damaged, 0);
	assert_int_equal(meanwhile.said.news[STORE_BACKUP_DAMAGED], 0);
	if (!restored) {
		assert_int_equal(check(fx, &said), 0);
		return;
	}
	fixture_open(restored);
	assert_int_equal(store_restore_replay(restored->archive,
					      below(fx, "backup"), NOW_NS,
					      "carol", NULL, result),
			 0);
	expect_no_trace(restored, &s[goes]);
	expect_sound(restored, s[3].id, &now);
	restored_remove(restored);
}

static void
test_check_meanwhile(void **state)
{
	struct store_backup_result result;
	struct fixture *fx = *state;

	for (unsigned after = 0; after < 6; after++) {
		read_meanwhile(fx, NULL, true, after, &result);
		assert_int_equal(result.recordings, 4);
		fixture_fini(fx);
		fixture_init(fx);
		read_meanwhile(fx, NULL, false, after, &result);
		fixture_fini(fx);
		fixture_init(fx);
	}
}

static void
test_restore_meanwhile(void **state)
{
	struct store_backup_result result;
	struct fixture *fx = *state, to;

	for (unsigned after = 0; after < 3; after++) {
		read_meanwhile(fx, &to, true, after, &result);
		assert_int_equal(result.recordings, 4);
		fixture_fini(fx);
		fixture_init(fx);
		read_meanwhile(fx, &to, false, after, &result);
		fixture_fini(fx);
		fixture_init(fx);
	}
}

/** The key of a period was damaged, and is another one in the midst of it. */
static void
renew_period(void *ctx, uint64_t done, uint64_t total)
{
	struct meanwhile *m = ctx;
	struct store_backup_result result;

	(void)total;
	if (!m->fx || !done || m->after-- > 0)
		return;
	spoil(below(m->fx, "backup/periods/2019-06-26.period"), 40);
	back_up(m->fx, &result);
	assert_int_equal(result.keys_mended, 3);
	m->fx = NULL;
}

static void
test_check_period_renewed(void **state)
{
	const struct store_backup_watch watch = { .ctx = &meanwhile,
						  .tell = say_meanwhile,
						  .progress = renew_period };
	struct store_backup_result result;
	struct fixture *fx = *state;
	struct store_segment s;

	for (unsigned i = 0; i < 3; i++)
		fixture_record(fx, &s, i, SHORT_MS);
	back_up(fx, &result);
	/* Index, recipients, the list, a recording. */
	meanwhile = (struct meanwhile){ .fx = fx, .after = 3 };
	assert_int_equal(store_backup_check(below(fx, "backup"), NULL, NOW_NS,
					    &watch, &result),
			 0);
	assert_null(meanwhile.fx);
	assert_int_equal(result.damaged, 0);
	assert_int_equal(meanwhile.said.news[STORE_BACKUP_DAMAGED], 0);
	assert_int_equal(result.recordings, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_resumed),
		TEST(test_resumed_told),
		TEST(test_replayed_of_another),
		TEST(test_replayed_row_lost),
		TEST(test_check_meanwhile),
		TEST(test_check_period_renewed),
		TEST(test_restore_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
