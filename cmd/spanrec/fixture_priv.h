/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tests of the commands share: a home with the known calls of
 * cmd/testing/calls.h, and running a command line on it at any time.
 */
#ifndef CMD_SPANREC_FIXTURE_PRIV_H
#define CMD_SPANREC_FIXTURE_PRIV_H

#include "cmd/spanrec/spanrec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/common/exit.h"
#include "cmd/testing/calls.h"
#include "cmd/testing/testing.h"

#define SECOND INT64_C(1000000000)
#define DAY    (86400 * SECOND)

/** Two days after the calls. */
#define NOW    (TESTING_CALL_A_NS + 2 * DAY)

#define FIXTURE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

struct fixture {
	char *folder;
	char home[256];
	char call[TESTING_CALLS][STORE_CALL_ID_BYTES]; /**< A, B, C, D */
	unsigned fail_allocation; /**< in the next command; 0: none */
	int patience_ms; /**< for answers of a recorder; 0: as is usual */
	const struct guard_reading *clock; /**< NULL: one that is trusted */
};

/* ---- running commands -------------------------------------------------- */

/**
 * Run a command line at a time.
 *
 * @param expected its exit code; -1: any
 * @param line words are cut at spaces
 * @return what it printed, to be freed
 */
static inline char *
run_bytes(const struct fixture *f, int64_t now_ns, int expected, size_t *bytes,
	  const char *line)
{
	/* A time server says so, and no start of the machine is known. */
	const struct guard_reading clock = { .wall_ns = now_ns,
					     .synchronised = true };
	struct spanrec spanrec = { .now_ns = now_ns,
				   .clocks_read = f->clock ? f->clock : &clock,
				   .home_option = f->home,
				   .patience_ms = f->patience_ms,
				   .sample_ms = 1 };
	char *argv[24] = { NULL }, *output = NULL, *words, *rest;
	int argc = 0, rc;

	words = testing_copy(line, strlen(line) + 1);
	argv[argc++] = testing_copy("spanrec", 8);
	for (rest = words; argc < 23 && (argv[argc] = strsep(&rest, " "));)
		argc++;
	spanrec.out = open_memstream(&output, bytes);
	assert_non_null(spanrec.out);
	testing_fail_allocation(f->fail_allocation);
	rc = spanrec_run(&spanrec, argc, argv);
	spanrec_fini(&spanrec);
	testing_fail_allocation(0);
	fclose(spanrec.out);
	free(argv[0]);
	free(words);
	if (expected >= 0)
		assert_int_equal(rc, expected);
	else
		assert_in_range(rc, EXIT_DONE, EXIT_DAMAGED);
	return output;
}

static inline char *run(const struct fixture *f, int64_t now_ns, int expected,
			const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static inline char *
run(const struct fixture *f, int64_t now_ns, int expected, const char *format,
    ...)
{
	char line[1024];
	va_list arguments;
	size_t n;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	return run_bytes(f, now_ns, expected, &n, line);
}

static inline void
assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in:\n%s", part, text);
}

static inline void
assert_has_not(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("'%s' is in:\n%s", part, text);
}

static inline int
fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char path[512];

	assert_non_null(f);
	f->folder = testing_folder();
	snprintf(f->home, sizeof(f->home), "%s/home", f->folder);
	free(run(f, NOW, EXIT_DONE, "-q init %s", f->home));
	snprintf(path, sizeof(path), "%s/archive", f->home);
	testing_calls_fill(path, f->call);
	*state = f;
	return 0;
}

static inline int
fixture_teardown(void **state)
{
	struct fixture *f = *state;

	testing_folder_remove(f->folder);
	free(f);
	return 0;
}

/* Change a row behind the back of the commands. */
static inline void
edit(const struct fixture *f, const char *id,
     void (*change)(struct store_segment *segment))
{
	struct store_segment *segment = malloc(sizeof(*segment));
	struct store_archive *archive;
	char path[512];

	assert_non_null(segment);
	snprintf(path, sizeof(path), "%s/archive", f->home);
	assert_int_equal(
	    store_archive_open(&archive, path, STORE_WRITE, NULL, NULL), 0);
	assert_int_equal(store_segment_get(archive, id, segment), 0);
	change(segment);
	assert_int_equal(store_batch_begin(archive), 0);
	assert_int_equal(store_segment_put(archive, segment), 0);
	assert_int_equal(store_batch_commit(archive), 0);
	store_archive_close(&archive);
	free(segment);
}

/**
 * A child that holds the archive, as a recorder does.
 *
 * @param prepare called with the archive and id; may be NULL
 * @param hold for archive_let_go
 */
static inline pid_t
archive_hold(const struct fixture *f,
	     int (*prepare)(struct store_archive *archive, const char *id),
	     const char *id, int *hold)
{
	struct store_archive *archive;
	char path[512], c = 0;
	int ready[2], wait[2];
	pid_t pid;

	snprintf(path, sizeof(path), "%s/archive", f->home);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(wait), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(wait[1]);
		if (store_archive_open(&archive, path, STORE_WRITE, NULL,
				       NULL) ||
		    (prepare && prepare(archive, id)))
			_exit(1);
		if (write(ready[1], &c, 1) != 1 || read(wait[0], &c, 1) < 0)
			_exit(1);
		_exit(0);
	}
	close(wait[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	*hold = wait[1];
	return pid;
}

static inline void
archive_let_go(pid_t pid, int hold)
{
	int status;

	close(hold);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Once for each program. */
static inline int
fixture_begin(void **state)
{
	unsetenv("SPANREC_HOME");
	return store_init();
}

/* One line of a paragraph. */
static inline void
unwrap(char *text)
{
	for (; (text = strchr(text, '\n')); text++) {
		size_t indent = strspn(text + 1, " ");

		*text = ' ';
		memmove(text + 1, text + 1 + indent,
			strlen(text + 1 + indent) + 1);
	}
}

#endif
