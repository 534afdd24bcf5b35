/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys in a backup: they die with their period. */
#include "cmd/testing/testing.h"
#include "store/backup_fixture_priv.h"

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

static bool
has_period(const struct fixture *fx, const char *day)
{
	char name[64];

	snprintf(name, sizeof(name), "backup/periods/%s.period", day);
	return access(below(fx, name), F_OK) == 0;
}

/** The day on which it has to be gone, though little is left of it. What is
 * late is not given a week, only what is held. */
static void
test_period_of_today(void **state)
{
	/* 2019-06-26 23:30 */
	const int64_t due_ns = FIXTURE_START_NS + KEPT_DAYS * DAY;
	const int64_t late_ns = due_ns - due_ns % DAY + DAY - DAY / 48;
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_segment s[2];
	struct said said;

	fixture_record(fx, &s[0], 0, SHORT_MS);
	fixture_record(fx, &s[1], 1, SHORT_MS);
	assert_int_equal(back_up_at(fx, NULL, late_ns, &result), 0);
	assert_int_equal(periods(fx, "backup/periods"), 1);
	assert_true(has_period(fx, "2019-06-26"));
	/* Nobody has deleted them. */
	fixture_hold(fx, s[1].id);
	assert_int_equal(back_up_at(fx, NULL, late_ns + DAY, &result), 0);
	assert_int_equal(result.rewrapped, 2);
	assert_true(has_period(fx, "2019-06-27"));
	assert_true(has_period(fx, "2019-07-04"));
	purge(fx, s[0].id);
	follow(fx, late_ns + 2 * DAY, &result);
	assert_int_equal(periods(fx, "backup/periods"), 1);
	assert_true(has_period(fx, "2019-07-04"));
	assert_int_equal(check(fx, &said), 0);
}

/** It costs what was in it, and that is made anew of what the archive has. */
static void
test_period_mended(void **state)
{
	const int64_t over_ns = FIXTURE_START_NS + (KEPT_DAYS + 3) * DAY;
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s[4], now;
	struct said said;

	fixture_record(fx, &s[0], 0, SHORT_MS);
	fixture_record(fx, &s[1], 1, SHORT_MS);
	fixture_record(fx, &s[2], 2000, SHORT_MS);
	back_up(fx, &result);
	assert_int_equal(result.keys_mended, 0);
	spoil(below(fx, "backup/periods/2019-06-26.period"), 40);
	assert_int_equal(check(fx, &said), 2);
	fixture_record(fx, &s[3], 3, SHORT_MS);
	back_up(fx, &result);
	assert_int_equal(result.damaged, 0);
	assert_int_equal(result.keys_mended, 2);
	assert_int_equal(result.recordings, 4);
	assert_int_equal(result.copied, 1);
	assert_int_equal(check(fx, &said), 0);
	restore(fx, &to, &result);
	for (unsigned i = 0; i < 4; i++)
		expect_sound(&to, s[i].id, &now);
	restored_remove(&to);
	/* Over, with one that lives: it is not lost with the others. */
	fixture_hold(fx, s[0].id);
	for (unsigned i = 1; i < 4; i++)
		purge(fx, s[i].id);
	spoil(below(fx, "backup/periods/2019-06-26.period"), 40);
	follow(fx, over_ns, &result);
	assert_int_equal(back_up_at(fx, NULL, over_ns, &result), 0);
	assert_int_equal(result.damaged, 0);
	assert_int_equal(result.recordings, 1);
	assert_false(has_period(fx, "2019-06-26"));
	assert_int_equal(check(fx, &said), 0);
	restore(fx, &to, &result);
	expect_sound(&to, s[0].id, &now);
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

/** What is as it was is not written again, and whose each is comes back. */
static void
test_unchanged(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	uint8_t *before[2], *after;
	struct store_segment s[3];
	char paths[2][512];
	size_t n[2], m;

	for (unsigned i = 0; i < 3; i++)
		fixture_record(fx, &s[i], i, SHORT_MS);
	back_up(fx, &result);
	snprintf(paths[0], sizeof(paths[0]), "%s",
		 below(fx, "backup/periods/2019-06-26.period"));
	snprintf(paths[1], sizeof(paths[1]), "%s",
		 below(fx, "backup/keys/2019-03-28.keys"));
	for (unsigned i = 0; i < 2; i++)
		before[i] = testing_read_file(paths[i], &n[i]);
	assert_int_equal(n[0], 512 + 3 * 8);
	back_up(fx, &result);
	assert_int_equal(result.copied, 0);
	assert_int_equal(result.rewrapped, 0);
	/* The index, recipients, and the manifest. */
	assert_true(result.copied_bytes - result.index_bytes <
		    3 * STORE__SLOT_BYTES);
	for (unsigned i = 0; i < 2; i++) {
		after = testing_read_file(paths[i], &m);
		assert_int_equal(m, n[i]);
		assert_memory_equal(after, before[i], m);
		free(after);
		free(before[i]);
	}
	restore(fx, &to, &result);
	for (unsigned i = 0; i < 3; i++) {
		uint8_t fingerprint[STORE_FINGERPRINT_BYTES];
		struct store_sealed_key sealed;

		assert_int_equal(
		    store_recording_keys(to.archive, &s[i], &sealed), 0);
		store_fingerprint(fingerprint, &fx->pub);
		assert_int_equal(sealed.count, 1);
		assert_memory_equal(sealed.fingerprints[0], fingerprint,
				    sizeof(fingerprint));
	}
	restored_remove(&to);
}

/** The key of a period that is damaged opens nothing: the next backup wraps
 * anew what the archive has. */
static void
test_period_damaged(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s, now;
	struct said said;

	fixture_record(fx, &s, 0, SHORT_MS);
	back_up(fx, &result);
	spoil(below(fx, "backup/periods/2019-06-26.period"), 40);
	assert_int_equal(check(fx, &said), 1);
	back_up(fx, &result);
	assert_int_equal(check(fx, &said), 0);
	restore(fx, &to, &result);
	expect_sound(&to, s.id, &now);
	restored_remove(&to);
}

/** One that cannot be ended keeps no other. */
static void
test_period_stuck(void **state)
{
	const int64_t over_ns = FIXTURE_START_NS + (KEPT_DAYS + 3) * DAY;
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_segment s;
	char name[64];

	fixture_record(fx, &s, 0, SHORT_MS);
	back_up(fx, &result);
	for (unsigned i = 1; i <= 9; i++) {
		snprintf(name, sizeof(name),
			 "backup/periods/2019-06-0%u.period", i);
		assert_int_equal(mkdir(below(fx, name), 0700), 0);
	}
	purge(fx, s.id);
	follow(fx, over_ns, &result);
	assert_int_equal(result.deletions, 1);
	assert_int_equal(result.periods_ended, 1);
	assert_int_equal(result.periods_error, -EBADMSG);
	assert_int_equal(strncmp(result.period, "2019-06-0", 9), 0);
}

static void
copy_period(const struct fixture *fx, const char *from, const char *to)
{
	char path[512];
	uint8_t *bytes;
	size_t n;

	snprintf(path, sizeof(path), "%s/backup/periods/%s.period", fx->home,
		 from);
	bytes = testing_read_file(path, &n);
	snprintf(path, sizeof(path), "%s/backup/periods/%s.period", fx->home,
		 to);
	testing_write_file(path, bytes, n);
	free(bytes);
}

/** One that is not of this backup stops none, and is left alone. */
static void
test_period_foreign(void **state)
{
	const int64_t over_ns = FIXTURE_START_NS + (KEPT_DAYS + 3) * DAY;
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_segment s[2];
	struct said said;

	fixture_record(fx, &s[0], 0, SHORT_MS);
	back_up(fx, &result);
	assert_int_equal(result.periods_error, 0);
	/* What it says of itself is not its name. */
	copy_period(fx, "2019-06-26", "2019-06-01");
	purge(fx, s[0].id);
	fixture_record(fx, &s[1], 1, SHORT_MS);
	assert_int_equal(back_up_at(fx, NULL, over_ns, &result), 0);
	assert_int_equal(result.generation, 2);
	assert_int_equal(result.recordings, 1);
	assert_int_equal(result.deletions, 1);
	assert_int_equal(result.periods_ended, 1);
	assert_int_equal(result.periods_error, -ESTALE);
	assert_string_equal(result.period, "2019-06-01.period");
	assert_true(has_period(fx, "2019-06-01"));
	assert_int_equal(store_backup_follow(fx->archive, NULL,
					     below(fx, "backup/periods"),
					     over_ns, &result),
			 0);
	assert_int_equal(result.periods_error, -ESTALE);
	assert_int_equal(unlink(below(fx, "backup/periods/2019-06-01.period")),
			 0);
	follow(fx, over_ns, &result);
	assert_int_equal(result.periods_error, 0);
	assert_string_equal(result.period, "");
	assert_int_equal(check(fx, &said), 0);
}

/** ... unless its name is needed: then it is told. */
static void
test_period_in_the_way(void **state)
{
	const int64_t over_ns = FIXTURE_START_NS + (KEPT_DAYS + 3) * DAY;
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_segment s[2];
	char way[512];

	fixture_record(fx, &s[0], 0, SHORT_MS);
	back_up(fx, &result);
	copy_period(fx, "2019-06-26", "2019-06-27");
	fixture_record(fx, &s[1], 2000, SHORT_MS);
	assert_int_equal(back_up_at(fx, NULL, NOW_NS, &result), -ENOTUNIQ);
	assert_int_equal(unlink(below(fx, "backup/periods/2019-06-27.period")),
			 0);
	back_up(fx, &result);
	assert_int_equal(result.recordings, 2);
	/* What lives goes into another one, and that is what is named. */
	fixture_hold(fx, s[0].id);
	purge(fx, s[1].id);
	snprintf(way, sizeof(way), "%s",
		 below(fx, "backup/periods/2019-07-06.period"));
	assert_int_equal(mkdir(way, 0700), 0);
	follow(fx, over_ns, &result);
	assert_int_equal(result.periods_error, -EBADMSG);
	assert_string_equal(result.period, "2019-07-06.period");
	assert_int_equal(rmdir(way), 0);
	follow(fx, over_ns, &result);
	assert_int_equal(result.periods_error, 0);
	assert_int_equal(result.rewrapped, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_period_ends),    TEST(test_period_of_today),
		TEST(test_periods_apart),  TEST(test_nothing_mounted),
		TEST(test_unchanged),      TEST(test_period_damaged),
		TEST(test_period_mended),  TEST(test_period_stuck),
		TEST(test_period_foreign), TEST(test_period_in_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
