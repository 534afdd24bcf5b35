/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a restore makes of the time that has passed: what is due is gone before
 * anybody can look, a clock that may be wrong serves nobody, and keys of
 * periods that are over are missed by nobody. */
#include "cmd/spanrec/fixture_priv.h"

#include <ftw.h>

/* 90 days and more after the calls. */
#define DUE (TESTING_CALL_A_NS + 92 * DAY)

/* By a clock of a machine that was just started. */
static char *
at(struct fixture *f, int64_t wall_ns, bool synchronised, int expected,
   const char *command)
{
	struct guard_reading clock = { .wall_ns = wall_ns,
				       .boottime_ns = 60 * SECOND,
				       .synchronised = synchronised };
	char *output, line[1200];

	/* Another machine than the one that made the backup. */
	memset(clock.boot, synchronised ? 7 : 8, sizeof(clock.boot));
	f->clock = &clock;
	snprintf(line, sizeof(line), "%s %s/backup %s/new%s", "restore",
		 f->folder, f->folder, command);
	output = run(f, wall_ns, expected, "%s", line);
	f->clock = NULL;
	return output;
}

static void
back_up(struct fixture *f)
{
	free(run(f, NOW, EXIT_DONE, "purge"));
	free(run(f, NOW, EXIT_DONE, "backup %s/backup", f->folder));
}

static unsigned files;

static int
count_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	files += type == FTW_F && strstr(path + ftw->base, ".rec") != NULL;
	return 0;
}

static unsigned
files_in(const struct fixture *f, const char *name)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	files = 0;
	(void)nftw(path, count_file, 16, FTW_PHYS);
	return files;
}

static void
test_at_once(void **state)
{
	struct fixture *f = *state;
	char *output;

	back_up(f);
	output = at(f, NOW + SECOND, false, EXIT_DONE, "");
	assert_has(output, "0 past their time deleted");
	free(output);
	assert_int_equal(files_in(f, "new"), files_in(f, "home"));
	snprintf(f->home, sizeof(f->home), "%s/new", f->folder);
	output = run(f, NOW + SECOND, EXIT_DONE, "list --json");
	assert_has(output, "\"state\":\"stored\"");
	assert_has_not(output, "\"state\":\"purged\"");
	free(output);
	output = run(f, NOW + SECOND, EXIT_DONE, "audit list");
	assert_has(output, "restore");
	assert_has(output, "missing since");
	free(output);
}

static void
test_due(void **state)
{
	struct fixture *f = *state;
	char *output;

	back_up(f);
	output = at(f, DUE, true, EXIT_DONE, "");
	assert_has_not(output, " 0 past their time");
	free(output);
	assert_int_equal(files_in(f, "new"), 0);
	snprintf(f->home, sizeof(f->home), "%s/new", f->folder);
	output = run(f, DUE, EXIT_DONE, "list --json");
	assert_has_not(output, "\"state\":\"stored\"");
	free(output);
}

static void
test_clock_not_trusted(void **state)
{
	struct fixture *f = *state;
	char *output, path[600];

	back_up(f);
	/* No time server, and three months later; or before the backup. */
	free(at(f, DUE, false, EXIT_FAILED, ""));
	free(at(f, NOW - DAY, false, EXIT_FAILED, ""));
	snprintf(path, sizeof(path), "%s/new/archive", f->folder);
	assert_int_not_equal(access(path, F_OK), 0);
	/* Somebody looks at the clock. */
	output = at(f, DUE, false, EXIT_DONE, " --clock-is-right");
	free(output);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(files_in(f, "new"), 0);
	snprintf(f->home, sizeof(f->home), "%s/new", f->folder);
	output = run(f, DUE, EXIT_DONE, "audit list");
	assert_has(output, "clock");
	free(output);
}

/* The archive has deleted what was due, and told the backup: the keys of the
 * periods are gone. A copy from before has nothing that could be opened. */
static void
test_period_over(void **state)
{
	struct fixture *f = *state;
	char command[1400], *output;

	back_up(f);
	snprintf(command, sizeof(command), "cp -a '%s/backup' '%s/old'",
		 f->folder, f->folder);
	assert_int_equal(system(command), 0);
	free(run(f, DUE, EXIT_DONE, "purge"));
	output = run(f, DUE, EXIT_DONE, "backup %s/backup", f->folder);
	assert_has(output, "told to it");
	assert_has(output, "over, ");
	free(output);
	assert_int_equal(files_in(f, "backup"), 0);
	/* The old one, with the periods that there are now. */
	snprintf(command, sizeof(command),
		 "rm -r '%s/old/periods'; mv '%s/backup' "
		 "'%s/backup2'; mv '%s/old' '%s/backup'; cp -a "
		 "'%s/backup2/periods' '%s/backup/'",
		 f->folder, f->folder, f->folder, f->folder, f->folder,
		 f->folder, f->folder);
	assert_int_equal(system(command), 0);
	output = at(f, DUE, true, EXIT_DONE, "");
	assert_has(output, "its period is over");
	assert_has(output, " 0 recordings");
	free(output);
	assert_int_equal(files_in(f, "new"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_at_once),
		FIXTURE_TEST(test_due),
		FIXTURE_TEST(test_clock_not_trusted),
		FIXTURE_TEST(test_period_over),
	};

	return cmocka_run_group_tests(tests, fixture_begin, NULL);
}
