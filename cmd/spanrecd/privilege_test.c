/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Giving up rights, each time in a child process that has them. As root. */
#include "cmd/spanrecd/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/common/exit.h"
#include "cmd/spanrecd/run.h"
#include "cmd/testing/testing.h"

enum { SOMEBODY = 54321 }; /* a uid without a name */

struct fixture {
	char *dir;
	char archive[256], other[256];
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->dir = testing_folder();
	snprintf(f->archive, sizeof(f->archive), "%s/archive", f->dir);
	snprintf(f->other, sizeof(f->other), "%s/other", f->dir);
	assert_int_equal(chmod(f->dir, 0755), 0);
	assert_int_equal(mkdir(f->archive, 0750), 0);
	assert_int_equal(mkdir(f->other, 0777), 0);
	assert_int_equal(chmod(f->other, 0777), 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	testing_folder_remove(f->dir);
	free(f);
	return 0;
}

static void
give(const struct fixture *f, uid_t uid, gid_t gid)
{
	assert_int_equal(chown(f->archive, uid, gid), 0);
}

/* What a child finds to be so; it tells by its exit status. */
#define HOLDS(what)                                                            \
	do {                                                                   \
		if (!(what)) {                                                 \
			print_error("%s:%d: not so: %s\n", __FILE__, __LINE__, \
				    #what);                                    \
			_exit(1);                                              \
		}                                                              \
	} while (0)

static void
child_is_well(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* A line of /proc/self/status, without its name. */
static bool
status_is(const char *name, const char *wanted)
{
	char line[256], *value = NULL;
	FILE *file = fopen("/proc/self/status", "r");
	bool same = false;

	while (file && !value && fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, strlen(name)) != 0)
			continue;
		value = line + strlen(name) + 1;
		value += strspn(value, "\t ");
		value[strcspn(value, "\n")] = '\0';
		same = strcmp(value, wanted) == 0;
	}
	if (file)
		fclose(file);
	return same;
}

static bool
no_capabilities(void)
{
	static const char none[] = "0000000000000000";

	return status_is("CapInh", none) && status_is("CapPrm", none) &&
	       status_is("CapEff", none) && status_is("CapAmb", none) &&
	       status_is("NoNewPrivs", "1");
}

/* ---- the plan ------------------------------------------------------------ */

static void
owner_of_the_archive(void **state)
{
	const struct passwd *nobody = getpwnam("nobody");
	const struct fixture *f = *state;
	struct privilege plan;

	give(f, nobody->pw_uid, nobody->pw_gid);
	assert_int_equal(privilege_plan(&plan, f->archive, NULL), 0);
	assert_int_equal(plan.uid, nobody->pw_uid);
	assert_int_equal(plan.gid, nobody->pw_gid);
	assert_string_equal(plan.account, "nobody");
	assert_true(plan.from_root);
	/* A reason that is not needed is not kept. */
	assert_int_equal(privilege_plan(&plan, f->archive, "why not"), 0);
	assert_null(plan.reason_for_root);
	give(f, SOMEBODY, SOMEBODY);
	assert_int_equal(privilege_plan(&plan, f->archive, NULL), 0);
	assert_int_equal(plan.uid, SOMEBODY);
	assert_string_equal(plan.account, "");
	/* The group of root comes with no account. */
	give(f, SOMEBODY, 0);
	assert_int_equal(privilege_plan(&plan, f->archive, NULL),
			 EXIT_NOT_ALLOWED);
}

static void
root_needs_a_reason(void **state)
{
	const struct fixture *f = *state;
	struct privilege plan;

	give(f, 0, 0);
	assert_int_equal(privilege_plan(&plan, f->archive, NULL),
			 EXIT_NOT_ALLOWED);
	assert_int_equal(privilege_plan(&plan, f->archive, ""),
			 EXIT_NOT_ALLOWED);
	assert_int_equal(privilege_plan(&plan, f->archive, "a test"), 0);
	assert_string_equal(plan.reason_for_root, "a test");
	assert_int_equal(plan.uid, 0);
}

static void
no_archive(void **state)
{
	const struct fixture *f = *state;
	struct privilege plan;
	char file[300];

	assert_int_equal(privilege_plan(&plan, "/nowhere/archive", NULL),
			 EXIT_NOT_FOUND);
	snprintf(file, sizeof(file), "%s/file", f->dir);
	testing_write_file(file, "x", 1);
	assert_int_equal(privilege_plan(&plan, file, NULL), EXIT_FAILED);
}

static void
somebody_elses_archive(void **state)
{
	const struct fixture *f = *state;
	pid_t pid;

	give(f, 0, 0);
	pid = fork();
	if (pid == 0) {
		struct privilege plan;

		HOLDS(setresgid(SOMEBODY, SOMEBODY, SOMEBODY) == 0);
		HOLDS(setresuid(SOMEBODY, SOMEBODY, SOMEBODY) == 0);
		HOLDS(privilege_plan(&plan, f->archive, NULL) ==
		      EXIT_NOT_ALLOWED);
		_exit(0);
	}
	child_is_well(pid);
}

/* ---- dropping ------------------------------------------------------------ */

static void
gone_for_good(void **state)
{
	const struct fixture *f = *state;
	pid_t pid;

	give(f, SOMEBODY, SOMEBODY);
	pid = fork();
	if (pid == 0) {
		int held = socket(AF_PACKET, SOCK_RAW, 0);
		struct privilege plan;
		struct rlimit limit;
		char path[300];

		HOLDS(held >= 0);
		HOLDS(privilege_plan(&plan, f->archive, NULL) == 0);
		HOLDS(privilege_drop(&plan) == 0);
		HOLDS(getuid() == SOMEBODY && geteuid() == SOMEBODY);
		HOLDS(getgid() == SOMEBODY && getgroups(0, NULL) == 0);
		HOLDS(no_capabilities());
		HOLDS(status_is("CapBnd", "0000000000000000"));
		HOLDS(setuid(0) < 0 && setgid(0) < 0);
		HOLDS(socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EPERM);
		HOLDS(fcntl(held, F_GETFD) >= 0); /* what is held stays */
		HOLDS(getrlimit(RLIMIT_CORE, &limit) == 0 &&
		      limit.rlim_cur == 0);
#ifndef SPANREC_SANITIZED
		HOLDS(prctl(PR_GET_DUMPABLE) == 0);
#endif
		snprintf(path, sizeof(path), "%s/mine", f->archive);
		HOLDS(open(path, O_CREAT | O_WRONLY, 0600) >= 0);
		_exit(0);
	}
	child_is_well(pid);
}

static void
root_without_capabilities(void **state)
{
	const struct fixture *f = *state;
	pid_t pid;

	give(f, 0, 0);
	pid = fork();
	if (pid == 0) {
		struct privilege plan;
		char path[300];

		HOLDS(privilege_plan(&plan, f->archive, "a test") == 0);
		HOLDS(privilege_drop(&plan) == 0);
		HOLDS(geteuid() == 0 && no_capabilities());
		HOLDS(socket(AF_PACKET, SOCK_RAW, 0) < 0);
		snprintf(path, sizeof(path), "%s/mine", f->archive);
		HOLDS(open(path, O_CREAT | O_WRONLY, 0600) >= 0);
		_exit(0);
	}
	child_is_well(pid);
}

/* ---- the file system ----------------------------------------------------- */

static bool
has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) > 0;
}

static void
only_its_own_files(void **state)
{
	const struct fixture *f = *state;
	pid_t pid;

	give(f, SOMEBODY, SOMEBODY);
	pid = fork();
	if (pid == 0) {
		const char *const write_dirs[] = { f->archive, NULL };
		const char *const read_dirs[] = { "/usr/share/zoneinfo",
						  "/nowhere", NULL };
		struct privilege plan;
		char path[300], new[300];
		int r;

		HOLDS(privilege_plan(&plan, f->archive, NULL) == 0);
		HOLDS(privilege_drop(&plan) == 0);
		r = privilege_confine(write_dirs, read_dirs);
		HOLDS(r >= 0);
		if (r == 1)
			_exit(0); /* this kernel cannot; told */
		snprintf(path, sizeof(path), "%s/a", f->archive);
		snprintf(new, sizeof(new), "%s/b", f->archive);
		HOLDS(open(path, O_CREAT | O_RDWR, 0600) >= 0);
		HOLDS(rename(path, new) == 0 && unlink(new) == 0);
		HOLDS(open("/usr/share/zoneinfo", O_RDONLY) >= 0);
		HOLDS(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
		snprintf(path, sizeof(path), "%s/a", f->other);
		HOLDS(open(path, O_CREAT | O_RDWR, 0600) < 0 &&
		      errno == EACCES);
		_exit(0);
	}
	child_is_well(pid);
}

/* Anybody may write to these files, but for Landlock. */
static bool
writable(const char *dir, const char *name)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void
make_writable(const char *dir, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	testing_write_file(path, "x", 1);
	assert_int_equal(chmod(path, 0666), 0);
}

/* Where all lies in one directory, the socket too. */
static void
policy_and_key_are_only_read(void **state)
{
	static const char *const kept[] = { "policy.yaml", "vault.key",
					    "spanrec.yaml", "control.sock" };
	const struct fixture *f = *state;
	const struct run_options options = { 0 };
	struct home *home = calloc(1, sizeof(*home));
	size_t i;
	pid_t pid;

	snprintf(home->dir, sizeof(home->dir), "%s", f->dir);
	snprintf(home->archive_path, PATH_MAX, "%s", f->archive);
	snprintf(home->settings_path, PATH_MAX, "%s/%s", f->dir, kept[2]);
	snprintf(home->policy_path, PATH_MAX, "%s/%s", f->dir, kept[0]);
	snprintf(home->key_path, PATH_MAX, "%s/%s", f->dir, kept[1]);
	snprintf(home->control_path, PATH_MAX, "%s/%s", f->dir, kept[3]);
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		make_writable(f->dir, kept[i]);
	make_writable(f->archive, "index");
	assert_int_equal(chmod(f->dir, 0777), 0);
	pid = fork();
	if (pid == 0) {
		HOLDS(run_confine(&options, home) == 0);
		if (!has_landlock())
			_exit(0);
		for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
			HOLDS(!writable(f->dir, kept[i]) && errno == EACCES);
		HOLDS(writable(f->archive, "index"));
		HOLDS(open(home->policy_path, O_RDONLY) >= 0);
		HOLDS(unlink(home->control_path) < 0 && errno == EACCES);
		_exit(0);
	}
	child_is_well(pid);
	free(home);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(owner_of_the_archive), TEST(root_needs_a_reason),
		TEST(no_archive),           TEST(somebody_elses_archive),
		TEST(gone_for_good),        TEST(root_without_capabilities),
		TEST(only_its_own_files),   TEST(policy_and_key_are_only_read),
#undef TEST
	};

	if (geteuid() != 0) {
		puts("skipped: not root");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
