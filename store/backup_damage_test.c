/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Backups that are damaged anywhere. */
#include "cmd/testing/testing.h"
#include "store/backup_fixture_priv.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
