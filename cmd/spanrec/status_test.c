/* SPDX-License-Identifier: GPL-3.0-or-later */
/* status where no recorder runs: what it says of backups. */
#include "cmd/spanrec/fixture_priv.h"

/* 90 days and more after the calls. */
#define DUE (TESTING_CALL_A_NS + 92 * DAY)

static char *
status(const struct fixture *f, const char *option)
{
	return run(f, DUE, EXIT_NOT_FOUND, "status%s", option);
}

static void
name_in_settings(const struct fixture *f, const char *dir)
{
	char path[512], text[600];

	snprintf(path, sizeof(path), "%s/spanrec.yaml", f->home);
	snprintf(text, sizeof(text), "backup: [%s]\n", dir);
	testing_write_file(path, text, strlen(text));
}

static void
move(const struct fixture *f, const char *from, const char *to)
{
	char old[512], new[512];

	snprintf(old, sizeof(old), "%s/%s", f->folder, from);
	snprintf(new, sizeof(new), "%s/%s", f->folder, to);
	assert_int_equal(rename(old, new), 0);
}

/* One that nobody named: what is deleted since is in it. */
static void
test_not_named(void **state)
{
	const struct fixture *f = *state;
	char *output;

	free(run(f, NOW, EXIT_DONE, "backup %s/b", f->folder));
	output = status(f, "");
	assert_has(output, "\nBackup     2019-03-30 ");
	assert_has(output, "/b\n");
	assert_has_not(output, "Warning");
	free(output);
	free(run(f, DUE, EXIT_DONE, "purge"));
	output = status(f, "");
	assert_has(output, "/b, 5 deletions wait\n");
	assert_has(output, "is not told what is deleted, for 'backup' in the "
			   "settings does not name it: 5 deletions");
	free(output);
	output = status(f, " --json");
	assert_has(output, "/b\",\"named\":false,\"made\":\"2019-03-30T");
	assert_has(output, "\",\"waiting\":5,\"error\":null}]");
	free(output);
}

/* One that is away when something is deleted, and comes back. */
static void
test_away(void **state)
{
	const struct fixture *f = *state;
	char dir[512], *output;

	snprintf(dir, sizeof(dir), "%s/b", f->folder);
	name_in_settings(f, dir);
	output = status(f, "");
	assert_has(output, "\nBackup     none yet in ");
	assert_has(output, "Warning    no backup was made in ");
	free(output);
	free(run(f, NOW, EXIT_DONE, "backup %s", dir));
	output = status(f, "");
	assert_has(output, "\nBackup     20");
	assert_has(output, "/b\n");
	assert_has_not(output, "Warning");
	free(output);
	move(f, "b", "away");
	free(run(f, DUE, EXIT_DONE, "purge"));
	output = status(f, "");
	assert_has(output, "\nBackup     20");
	assert_has(output, "/b, 5 deletions wait\n");
	assert_has(output, "/b cannot be reached (no backup is there): 5 "
			   "deletions since it was told last did not reach it");
	free(output);
	output = status(f, " --json");
	assert_has(output, "\",\"named\":true,\"made\":\"20");
	assert_has(output, "\",\"waiting\":5,\"error\":\"no backup is there\"");
	free(output);
	move(f, "away", "b");
	free(run(f, DUE, EXIT_DONE, "purge"));
	output = status(f, "");
	assert_has(output, "/b\n");
	assert_has_not(output, "Warning");
	free(output);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_not_named),
		FIXTURE_TEST(test_away),
	};

	return cmocka_run_group_tests(tests, fixture_begin, NULL);
}
