/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Backups that are damaged anywhere. */
#include "cmd/testing/testing.h"
#include "store/backup_fixture_priv.h"

#include <fcntl.h>

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
	    strcmp(path + ftw->base, "damaged") == 0 ||
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
	/* Gone, or of another length, it is copied again by itself. */
	assert_int_equal(unlink(whole), 0);
	assert_int_equal(unlink(below(fx, "backup/damaged")), 0);
	back_up(fx, &result);
	assert_int_equal(result.copied, 1);
	assert_int_equal(check(fx, &said), 0);
}

/** A bit of a file below the home: of the tag of its last chunk, which is seen
 * without the key. */
static void
flip(const struct fixture *fx, const char *dir, const struct store_segment *s)
{
	char path[STORE__PATH_BYTES], whole[768];
	uint8_t *bytes;
	size_t n;

	store__recording_path(path, s->key_day, s->id, s->scrubs);
	snprintf(whole, sizeof(whole), "%s/%s/%s", fx->home, dir, path);
	bytes = testing_read_file(whole, &n);
	bytes[n - 1] ^= 1;
	assert_int_equal(chmod(whole, 0600), 0);
	testing_write_file(whole, bytes, n);
	free(bytes);
}

/** As long as it was: only a check can find it, and the next backup copies what
 * it found, and no more. */
static void
test_mended(void **state)
{
	struct fixture *fx = *state, to;
	struct store_backup_result result;
	struct store_segment s[3], now;
	struct said said;

	for (unsigned i = 0; i < 3; i++)
		fixture_record(fx, &s[i], i, SHORT_MS);
	back_up(fx, &result);
	flip(fx, "backup", &s[1]);
	back_up(fx, &result);
	assert_int_equal(result.copied, 0);
	assert_int_equal(check(fx, &said), 1);
	assert_int_equal(access(below(fx, "backup/damaged"), F_OK), 0);
	back_up(fx, &result);
	assert_int_equal(result.copied, 1);
	assert_int_equal(result.damaged, 0);
	assert_int_equal(access(below(fx, "backup/damaged"), F_OK), -1);
	assert_int_equal(check(fx, &said), 0);
	back_up(fx, &result);
	assert_int_equal(result.copied, 0);
	restore(fx, &to, &result);
	for (unsigned i = 0; i < 3; i++)
		expect_sound(&to, s[i].id, &now);
	restored_remove(&to);
}

/** Damaged in the archive: copied as it is, and again when that is mended. */
static void
test_mended_in_archive(void **state)
{
	struct fixture *fx = *state;
	struct store_backup_result result;
	struct store_segment s;
	struct said said;

	fixture_record(fx, &s, 0, SHORT_MS);
	flip(fx, "archive", &s);
	for (unsigned i = 0; i < 2; i++) {
		back_up(fx, &result);
		assert_int_equal(result.damaged, 1);
		assert_int_equal(result.copied, i == 0);
		assert_int_equal(result.recordings, 1);
	}
	assert_int_equal(check(fx, &said), 0);
	flip(fx, "archive", &s);
	back_up(fx, &result);
	assert_int_equal(result.damaged, 0);
	assert_int_equal(result.copied, 1);
	/* Damaged in both: what the backup has is not replaced by the other. */
	flip(fx, "backup", &s);
	assert_int_equal(check(fx, &said), 1);
	flip(fx, "archive", &s);
	back_up(fx, &result);
	assert_int_equal(result.damaged, 1);
	assert_int_equal(result.copied, 0);
	assert_int_equal(result.recordings, 1);
	flip(fx, "backup", &s);
	assert_int_equal(check(fx, &said), 0);
}

/** What cannot be read is damage there; what cannot be written is none. */
static void
test_copy_errors(void **state)
{
	int from = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct fixture *fx = *state;
	uint8_t hash[STORE_HASH_BYTES];
	uint64_t bytes;
	int key;

	/* Nothing is mapped at 0: an I/O error. */
	assert_true(from >= 0 && full >= 0);
	assert_int_equal(store__copy(from, full, &bytes, hash), -EBADMSG);
	assert_int_equal(store__hash_file(from, &bytes, hash), -EBADMSG);
	key = open(fx->key_path, O_RDONLY | O_CLOEXEC);
	assert_true(key >= 0);
	assert_int_equal(store__copy(key, full, &bytes, hash), -ENOSPC);
	close(key);
	close(full);
	close(from);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_damaged),
		TEST(test_mended),
		TEST(test_mended_in_archive),
		TEST(test_copy_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
