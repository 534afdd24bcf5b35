/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comes out on stderr, through a pipe. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "cmd/common/log.h"

struct caught {
	int stderr_fd;
	int pipe[2];
	char text[65536];
};

static int
setup(void **state)
{
	struct caught *c = calloc(1, sizeof(*c));

	assert_int_equal(pipe2(c->pipe, O_CLOEXEC | O_NONBLOCK), 0);
	c->stderr_fd = dup(STDERR_FILENO);
	dup2(c->pipe[1], STDERR_FILENO);
	*state = c;
	return 0;
}

static int
teardown(void **state)
{
	struct caught *c = *state;

	dup2(c->stderr_fd, STDERR_FILENO);
	close(c->stderr_fd);
	close(c->pipe[0]);
	close(c->pipe[1]);
	free(c);
	return 0;
}

static const char *
said(struct caught *c)
{
	ssize_t n = read(c->pipe[0], c->text, sizeof(c->text) - 1);

	c->text[n < 0 ? 0 : n] = '\0';
	return c->text;
}

static void
levels(void **state)
{
	static const char *const lines[] = {
		"p: e 1\n",
		"p: e 1\np: warning: w 2\n",
		"p: e 1\np: warning: w 2\np: i 3\n",
		"p: e 1\np: warning: w 2\np: i 3\np: debug: d 4\n",
	};

	for (size_t i = 0; i < 4; i++) {
		log_init("p", (enum log_level)i);
		log_error("e %d", 1);
		log_warning("w %d", 2);
		log_info("i %d", 3);
		log_debug("d %d", 4);
		assert_string_equal(said(*state), lines[i]);
	}
}

static void
no_line_of_a_stranger(void **state)
{
	log_init("p", LOG_LEVEL_INFO);
	log_error("%s", "a\np: forged\033[2J\x7f\tb\r");
	assert_string_equal(said(*state), "p: a?p: forged?[2J??b?\n");
	/* CSI as C1, two that turn the direction of writing, and a letter */
	log_error("%s", "\xC2\x9B"
			"2J \xE2\x80\xAE \xE2\x81\xA6 J\xC3\xBCrgen");
	assert_string_equal(said(*state), "p: ??2J ??? ??? J\xC3\xBCrgen\n");
}

static void
long_lines_are_cut(void **state)
{
	char text[5000];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_init("p", LOG_LEVEL_INFO);
	log_error("%s", text);
	assert_int_equal(strlen(said(*state)), 1024);
}

static size_t
lines_count(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/** Errors all come; of warnings ten in a second, and how many did not. */
static void
warnings_are_limited(void **state)
{
	const char *text;
	size_t lines;

	log_init("p", LOG_LEVEL_INFO);
	for (int i = 0; i < 100; i++)
		log_error("failed");
	assert_int_equal(lines_count(said(*state)), 100);
	for (int i = 0; i < 100; i++)
		log_warning("strange packet %d", i);
	text = said(*state);
	lines = lines_count(text);
	/* a second may have ended in between, not two */
	assert_in_range(lines, 10, 20);
	assert_memory_equal(text, "p: warning: strange packet 0\n", 29);
	usleep(1100000);
	log_warning("strange packet %d", 100);
	assert_non_null(strstr(said(*state), "strange packet 100 (and "));
}

static void *
write_lines(void *arg)
{
	for (int i = 0; i < 200; i++) {
		log_info("%s", (const char *)arg);
		log_warning("%s", "careful");
	}
	return NULL;
}

static void
threads_do_not_mix_lines(void **state)
{
	static char lines[2][9] = { "aaaaaaaa", "bbbbbbbb" };
	struct caught *c = *state;
	pthread_t threads[2];
	size_t a = 0, b = 0;
	char *line, *rest;

	log_init("p", LOG_LEVEL_INFO);
	pthread_create(&threads[0], NULL, write_lines, lines[0]);
	pthread_create(&threads[1], NULL, write_lines, lines[1]);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	said(c);
	for (line = strtok_r(c->text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		a += !strcmp(line, "p: aaaaaaaa");
		b += !strcmp(line, "p: bbbbbbbb");
	}
	assert_int_equal(a, 200);
	assert_int_equal(b, 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(levels),
		TEST(no_line_of_a_stranger),
		TEST(long_lines_are_cut),
		TEST(warnings_are_limited),
		TEST(threads_do_not_mix_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
