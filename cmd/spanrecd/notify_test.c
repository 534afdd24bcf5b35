/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a service manager hears, by a socket of our own in its place. */
#include "cmd/spanrecd/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/testing/testing.h"

struct manager {
	char *dir;
	int fd;
};

static int
setup(void **state)
{
	struct manager *m = calloc(1, sizeof(*m));
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	m->dir = testing_folder();
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify",
		 m->dir);
	m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(
	    bind(m->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	*state = m;
	return 0;
}

static int
teardown(void **state)
{
	struct manager *m = *state;

	unsetenv("NOTIFY_SOCKET");
	close(m->fd);
	testing_folder_remove(m->dir);
	free(m);
	return 0;
}

static void
hears(const struct manager *m, const char *words)
{
	char text[512];
	ssize_t n = recv(m->fd, text, sizeof(text) - 1, 0);

	assert_true(n > 0);
	text[n] = '\0';
	if (!strstr(text, words))
		fail_msg("'%s' does not say '%s'", text, words);
}

static void
states(void **state)
{
	const struct manager *m = *state;

	notify_ready();
	hears(m, "READY=1");
	notify_reloading();
	hears(m, "RELOADING=1");
	notify_stopping();
	hears(m, "STOPPING=1");
	notify_watchdog();
	hears(m, "WATCHDOG=1");
	notify_status("12 calls\nREADY=1");
	hears(m, "STATUS=12 calls READY=1"); /* one line, whatever it holds */
}

static void
watchdog(void **state)
{
	char pid[32];

	(void)state;
	unsetenv("WATCHDOG_USEC");
	assert_int_equal(notify_watchdog_ns(), 0);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_watchdog_ns(), INT64_C(15000000000));
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void
nobody_listens(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	notify_ready();
	notify_status("x");
	setenv("NOTIFY_SOCKET", "/nowhere/notify", 1);
	notify_ready();
	notify_watchdog();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(states),
		TEST(watchdog),
		TEST(nobody_listens),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
