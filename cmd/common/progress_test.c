/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nothing in a pipe; one line on a terminal. */
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "cmd/common/progress.h"

/** Run `fn` with stderr at fd. */
static void
with_stderr(int fd, void (*fn)(void))
{
	int saved = dup(STDERR_FILENO);

	dup2(fd, STDERR_FILENO);
	fn();
	dup2(saved, STDERR_FILENO);
	close(saved);
}

static void
work(void)
{
	struct progress progress;

	progress_init(&progress, "reading");
	for (uint64_t done = 0; done <= 100000; done++)
		progress_update(&progress, done, 100000);
	progress_fini(&progress);
}

static void
work_without_a_total(void)
{
	struct progress progress;

	progress_init(&progress, "counting");
	usleep(1000);
	progress_update(&progress, 1, 0);
	progress_fini(&progress);
}

static void
work_that_never_drew(void)
{
	struct progress progress;

	progress_init(&progress, "idling");
	progress_fini(&progress);
}

static ssize_t
through_pipe(void (*fn)(void), char *text, size_t bytes)
{
	int fds[2];
	ssize_t n;

	assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	with_stderr(fds[1], fn);
	close(fds[1]);
	n = read(fds[0], text, bytes);
	close(fds[0]);
	return n;
}

static void
through_terminal(void (*fn)(void), char *text, size_t bytes)
{
	int master, slave;
	size_t n = 0;
	ssize_t got;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	fcntl(master, F_SETFL, O_NONBLOCK);
	with_stderr(slave, fn);
	while ((got = read(master, text + n, bytes - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	close(master);
	close(slave);
}

static void
nothing_in_a_pipe(void **state)
{
	char text[16];

	(void)state;
	setenv("TERM", "xterm", 1);
	assert_int_equal(through_pipe(work, text, sizeof(text)), 0);
}

static void
one_line_on_a_terminal(void **state)
{
	char text[8192];
	const char *last;

	(void)state;
	setenv("TERM", "xterm", 1);
	through_terminal(work, text, sizeof(text));
	assert_memory_equal(text, "\rreading ", 9);
	assert_null(strchr(text, '\n'));
	/* the end is always drawn, and then wiped */
	last = strstr(text, "\rreading 100 %, ");
	assert_non_null(last);
	assert_string_equal(strchr(last + 1, '\r'), "\r\033[K");
	assert_non_null(strstr(last, "/s, 0:00 left\033[K"));
	/* a hundred thousand updates were not a hundred thousand lines */
	assert_true(strlen(text) < 4096);
}

static void
no_percent_without_a_total(void **state)
{
	char text[256];

	(void)state;
	setenv("TERM", "xterm", 1);
	through_terminal(work_without_a_total, text, sizeof(text));
	assert_memory_equal(text, "\rcounting ", 10);
	assert_null(strchr(text, '%'));
	assert_non_null(strstr(text, "/s\033[K\r\033[K"));
}

static void
nothing_drawn_nothing_wiped(void **state)
{
	char text[64];

	(void)state;
	setenv("TERM", "xterm", 1);
	through_terminal(work_that_never_drew, text, sizeof(text));
	assert_string_equal(text, "");
	setenv("TERM", "dumb", 1);
	through_terminal(work, text, sizeof(text));
	assert_string_equal(text, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_in_a_pipe),
		cmocka_unit_test(one_line_on_a_terminal),
		cmocka_unit_test(no_percent_without_a_total),
		cmocka_unit_test(nothing_drawn_nothing_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
