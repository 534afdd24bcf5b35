/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Homes that are there, are not, or are wrong; and what the user is told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "cmd/common/exit.h"
#include "cmd/common/home.h"
#include "cmd/common/log.h"
#include "cmd/testing/testing.h"

/** A folder to work in, and stderr caught in a file of it. */
struct fixture {
	char *folder;
	char dir[PATH_MAX - 64];
	int stderr_fd;
	FILE *caught;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->folder = testing_folder();
	snprintf(f->dir, sizeof(f->dir), "%s/home", f->folder);
	assert_int_equal(mkdir(f->dir, 0700), 0);
	unsetenv("SPANREC_HOME");
	log_init("test", LOG_LEVEL_INFO);
	f->caught = tmpfile();
	f->stderr_fd = dup(STDERR_FILENO);
	dup2(fileno(f->caught), STDERR_FILENO);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	dup2(f->stderr_fd, STDERR_FILENO);
	close(f->stderr_fd);
	fclose(f->caught);
	testing_folder_remove(f->folder);
	free(f);
	return 0;
}

/** What was said since the last call, with the folder's name as "DIR". */
static void
assert_said(struct fixture *f, const char *wanted)
{
	char text[8192], *plain = NULL, *at = text, *next;
	size_t bytes;
	FILE *to = open_memstream(&plain, &bytes);
	ssize_t n;

	fflush(stderr);
	n = pread(STDERR_FILENO, text, sizeof(text) - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	while ((next = strstr(at, f->dir))) {
		fprintf(to, "%.*sDIR", (int)(next - at), at);
		at = next + strlen(f->dir);
	}
	fputs(at, to);
	fclose(to);
	assert_int_equal(ftruncate(STDERR_FILENO, 0), 0);
	assert_int_equal(lseek(STDERR_FILENO, 0, SEEK_SET), 0);
	assert_string_equal(plain, wanted);
	free(plain);
}

static void
write_file(const struct fixture *f, const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	testing_write_file(path, text, strlen(text));
}

static void
path_is(const struct fixture *f, const char *path, const char *name)
{
	char wanted[PATH_MAX];

	snprintf(wanted, sizeof(wanted), "%s/%s", f->dir, name);
	assert_string_equal(path, wanted);
}

static void
a_home_with_defaults(void **state)
{
	struct fixture *f = *state;
	struct home home;
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	assert_int_equal(home_settings_write(to), 0);
	fclose(to);
	write_file(f, "spanrec.yaml", text);
	free(text);
	assert_int_equal(home_open(&home, f->dir), 0);
	assert_string_equal(home.dir, f->dir);
	path_is(f, home.settings_path, "spanrec.yaml");
	path_is(f, home.archive_path, "archive");
	path_is(f, home.policy_path, "policy.yaml");
	path_is(f, home.key_path, "vault.key");
	assert_int_equal(home.settings.threads, 1);
	assert_int_equal(home.settings.interfaces.count, 0);
	assert_int_equal(home.settings.claim_ms, 2000);
	assert_int_equal(home.settings.linger_ms, 500);
	assert_int_equal(home.settings.flow_idle_ms, 10000);
	assert_int_equal(home.settings.index_map_mib, 65536);

	setenv("SPANREC_HOME", f->dir, 1);
	assert_int_equal(home_open(&home, NULL), 0);
	assert_string_equal(home.dir, f->dir);
	assert_said(f, "");
}

/* What systemd did not hand over is nowhere, and so is what is no name. */
static void
credentials(void **state)
{
	static const char *const no_names[] = { "", "../key", "a/b", ".." };
	struct fixture *f = *state;
	struct home home;
	char text[80];

	write_file(f, "spanrec.yaml",
		   "key: credential:k\npassphrase_file: credential:p\n");
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(home_open(&home, f->dir), 0);
	assert_string_equal(home.key_path, "");
	assert_string_equal(home.passphrase_path, "");
	setenv("CREDENTIALS_DIRECTORY", "/run/c", 1);
	assert_int_equal(home_open(&home, f->dir), 0);
	assert_string_equal(home.key_path, "/run/c/k");
	assert_string_equal(home.passphrase_path, "/run/c/p");
	for (size_t i = 0; i < sizeof(no_names) / sizeof(*no_names); i++) {
		snprintf(text, sizeof(text), "key: 'credential:%s'\n",
			 no_names[i]);
		write_file(f, "spanrec.yaml", text);
		assert_int_equal(home_open(&home, f->dir), 0);
		assert_string_equal(home.key_path, "");
	}
	write_file(f, "spanrec.yaml", "passphrase_file: p\n");
	assert_int_equal(home_open(&home, f->dir), 0);
	path_is(f, home.passphrase_path, "p");
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void
parts_elsewhere(void **state)
{
	struct fixture *f = *state;
	struct home home;

	write_file(f, "spanrec.yaml",
		   "archive: /srv/calls\npolicy: office.yaml\nkey: k/e/y\n"
		   "interfaces: [eth1, eth2]\nthreads: 2\n");
	assert_int_equal(home_open(&home, f->dir), 0);
	assert_string_equal(home.archive_path, "/srv/calls");
	path_is(f, home.policy_path, "office.yaml");
	path_is(f, home.key_path, "k/e/y");
	assert_int_equal(home.settings.threads, 2);
	assert_int_equal(home.settings.interfaces.count, 2);
	assert_string_equal(home.settings.interfaces.text[1], "eth2");
}

static void
no_home(void **state)
{
	struct fixture *f = *state;
	struct home home;
	char *missing;

	assert_int_equal(home_open(&home, f->dir), EXIT_NOT_FOUND);
	assert_said(f, "test: DIR is not a spanrec home: no spanrec.yaml in "
		       "it; make one with: spanrec init DIR\n");
	assert_true(asprintf(&missing, "%s/new", f->dir) > 0);
	assert_int_equal(home_open(&home, missing), EXIT_NOT_FOUND);
	free(missing);
	assert_said(f, "test: DIR/new does not exist; make a home there "
		       "with: spanrec init DIR/new\n");
	if (access("/etc/spanrec/spanrec.yaml", F_OK) < 0) {
		assert_int_equal(home_open(&home, NULL), EXIT_NOT_FOUND);
		assert_said(f, "test: which home? give --home DIR or set "
			       "SPANREC_HOME; without them "
			       "/etc/spanrec/spanrec.yaml is read, and there "
			       "is none\n");
	}
}

static void
a_path_too_long(void **state)
{
	struct fixture *f = *state;
	char dir[PATH_MAX + 1];
	struct home home;

	memset(dir, 'a', sizeof(dir));
	dir[sizeof(dir) - 1] = '\0';
	assert_int_equal(home_open(&home, dir), EXIT_USAGE);
	assert_said(f, "test: the path of the home is too long\n");
}

static void
wrong_settings(void **state)
{
	struct fixture *f = *state;
	struct home home;

	write_file(f, "spanrec.yaml", "threads: 0\nspeed: 1\n");
	assert_int_equal(home_open(&home, f->dir), EXIT_FAILED);
	assert_said(f,
		    "DIR/spanrec.yaml:1:10: 'threads' must be from 1 to 64, "
		    "but is 0\n"
		    "DIR/spanrec.yaml:2:1: the file knows no key 'speed'; it "
		    "knows: archive, policy, key, passphrase_file, audit_key, "
		    "interfaces, "
		    "ring_mib, block_ms, overload, behind_ms, control, "
		    "control_group, threads, reorder_ms, claim_ms, linger_ms, "
		    "flows_max, flow_slots, flow_log_kib, flow_idle_ms, "
		    "sip_ring_kib, fragments_mib, ...\n");
	write_file(f, "spanrec.yaml",
		   "flow_slots: 1000\nflow_log_kib: 100\nsip_ring_kib: 300\n");
	assert_int_equal(home_open(&home, f->dir), EXIT_FAILED);
	assert_said(f, "test: DIR/spanrec.yaml: 'flow_slots' must be a power "
		       "of two, but is 1000\n"
		       "test: DIR/spanrec.yaml: 'flow_log_kib' must be a "
		       "power of two, but is 100\n"
		       "test: DIR/spanrec.yaml: 'sip_ring_kib' must be a "
		       "power of two, but is 300\n");
	write_file(f, "spanrec.yaml", "overload: everything\n");
	assert_int_equal(home_open(&home, f->dir), EXIT_FAILED);
	assert_said(f, "test: DIR/spanrec.yaml: 'overload' is 'new-calls' or "
		       "'packets', not 'everything'\n");
	write_file(f, "spanrec.yaml", "interfaces: [a, m1, m2, m1]\n");
	assert_int_equal(home_open(&home, f->dir), EXIT_FAILED);
	assert_said(f, "test: DIR/spanrec.yaml: 'interfaces' names 'm1' "
		       "twice\n");
}

static void
settings_nobody_may_read(void **state)
{
	struct fixture *f = *state;
	struct home home;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/spanrec.yaml", f->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(home_open(&home, f->dir), EXIT_FAILED);
	assert_said(f, "test: DIR/spanrec.yaml: Is a directory\n");
	rmdir(path);
	write_file(f, "spanrec.yaml", "threads: 1\n");
	chmod(path, 0);
	if (access(path, R_OK) < 0) { /* root may read everything */
		assert_int_equal(home_open(&home, f->dir), EXIT_NOT_ALLOWED);
		assert_said(f, "test: DIR/spanrec.yaml: Permission denied\n");
	}
}

static void
policies(void **state)
{
	struct fixture *f = *state;
	struct policy *policy;
	struct home home;
	char *text, path[PATH_MAX];
	size_t n;

	write_file(f, "spanrec.yaml", "");
	assert_int_equal(home_open(&home, f->dir), 0);
	assert_int_equal(home_policy(&home, NULL, &policy, &text, &n),
			 EXIT_NOT_FOUND);
	assert_said(f, "test: cannot read the policy DIR/policy.yaml: No such "
		       "file or directory\n");

	write_file(f, "policy.yaml", policy_default_text());
	assert_int_equal(home_policy(&home, NULL, &policy, &text, &n), 0);
	assert_int_equal(n, strlen(policy_default_text()));
	assert_memory_equal(text, policy_default_text(), n);
	free(text);
	policy_free(&policy);
	assert_int_equal(home_policy(&home, NULL, &policy, NULL, NULL), 0);
	policy_free(&policy);

	write_file(f, "other.yaml", "version: 1\nrules: 5\n- x\n");
	snprintf(path, sizeof(path), "%s/other.yaml", f->dir);
	assert_int_equal(home_policy(&home, path, &policy, &text, &n),
			 EXIT_FAILED);
	assert_said(f, "DIR/other.yaml:3:1: not YAML: did not find expected "
		       "key, while parsing a block mapping that begins in "
		       "line 1\n");
}

/* Nobody writes to this pipe: who waits for it never comes back. */
static void
no_regular_files(void **state)
{
	struct fixture *f = *state;
	struct policy *policy;
	struct home home;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/spanrec.yaml", f->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(10);
	assert_int_equal(home_open(&home, f->dir), EXIT_FAILED);
	assert_said(f, "test: DIR/spanrec.yaml: it is no regular file; pipes "
		       "and devices are not read\n");
	unlink(path);
	write_file(f, "spanrec.yaml", "");
	assert_int_equal(home_open(&home, f->dir), 0);
	snprintf(path, sizeof(path), "%s/policy.yaml", f->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(home_policy(&home, NULL, &policy, NULL, NULL),
			 EXIT_FAILED);
	alarm(0);
	assert_said(f, "test: cannot read the policy DIR/policy.yaml: it is "
		       "no regular file; pipes and devices are not read\n");
	assert_int_equal(home_policy(&home, "/dev/zero", &policy, NULL, NULL),
			 EXIT_FAILED);
	assert_said(f, "test: cannot read the policy /dev/zero: it is no "
		       "regular file; pipes and devices are not read\n");
}

static void
a_policy_too_large(void **state)
{
	struct fixture *f = *state;
	struct policy *policy;
	struct home home;
	size_t n = (size_t)5 * 1024 * 1024;
	char *large = malloc(n + 1);

	memset(large, '\n', n);
	large[n] = '\0';
	write_file(f, "spanrec.yaml", "");
	write_file(f, "policy.yaml", large);
	free(large);
	assert_int_equal(home_open(&home, f->dir), 0);
	assert_int_equal(home_policy(&home, NULL, &policy, NULL, NULL),
			 EXIT_FAILED);
	assert_said(f, "DIR/policy.yaml: the file is larger than 4 MiB\n");
}

static void
what_waits_for_a_restart(void **state)
{
	struct home *before = calloc(1, sizeof(*before));
	struct home *after = calloc(1, sizeof(*after));
	struct fixture *f = *state;
	char names[256];

	write_file(f, "spanrec.yaml", "");
	assert_int_equal(home_open(before, f->dir), 0);
	home_settings_restart(&before->settings, &before->settings, names,
			      sizeof(names));
	assert_string_equal(names, "");
	write_file(f, "spanrec.yaml",
		   "archive: /srv/calls\npolicy: office.yaml\nkey: k/e/y\n"
		   "interfaces: [eth1]\noverload: packets\nbehind_ms: 700\n"
		   "idle_timeout_s: 99\nsetup_timeout_s: 98\nsync_s: 7\n");
	assert_int_equal(home_open(after, f->dir), 0);
	home_settings_restart(&before->settings, &after->settings, names,
			      sizeof(names));
	assert_string_equal(names, "archive, interfaces, sync_s");
	free(before);
	free(after);
}

static void
allocation_failures(void **state)
{
	struct fixture *f = *state;
	struct policy *policy;
	struct home home;
	char *text;
	size_t n;
	int err;
	unsigned nth = 0;

	write_file(f, "spanrec.yaml", "");
	write_file(f, "policy.yaml", policy_default_text());
	testing_fail_allocation(1);
	assert_int_equal(home_open(&home, f->dir), EXIT_FAILED);
	testing_fail_allocation(0);
	assert_int_equal(home_open(&home, f->dir), 0);
	do {
		testing_fail_allocation(++nth);
		err = home_policy(&home, NULL, &policy, &text, &n);
		testing_fail_allocation(0);
		assert_true(err == 0 || err == EXIT_FAILED);
	} while (err);
	assert_true(nth > 5);
	free(text);
	policy_free(&policy);
}

static void
exit_codes(void **state)
{
	(void)state;
	assert_int_equal(exit_code(0), EXIT_DONE);
	assert_int_equal(exit_code(5), EXIT_DONE);
	assert_int_equal(exit_code(-ENOENT), EXIT_NOT_FOUND);
	assert_int_equal(exit_code(-EACCES), EXIT_NOT_ALLOWED);
	assert_int_equal(exit_code(-EPERM), EXIT_NOT_ALLOWED);
	assert_int_equal(exit_code(-EBADMSG), EXIT_DAMAGED);
	assert_int_equal(exit_code(-ENOKEY), EXIT_DAMAGED);
	assert_int_equal(exit_code(-EIO), EXIT_FAILED);
	assert_int_equal(exit_code(-ENOSPC), EXIT_FAILED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_home_with_defaults),     TEST(credentials),
		TEST(parts_elsewhere),          TEST(no_home),
		TEST(a_path_too_long),          TEST(wrong_settings),
		TEST(settings_nobody_may_read), TEST(policies),
		TEST(no_regular_files),         TEST(a_policy_too_large),
		TEST(what_waits_for_a_restart), TEST(allocation_failures),
		cmocka_unit_test(exit_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
