/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control socket: made, replaced, refused; who is at its other end. */
#include "cmd/spanrecd/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/common/control.h"
#include "cmd/testing/testing.h"

enum { SOMEBODY = 54321 };

struct fixture {
	char *dir;
	char path[512];
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->dir = testing_folder();
	assert_int_equal(chmod(f->dir, 0755), 0);
	snprintf(f->path, sizeof(f->path), "%s/control.sock", f->dir);
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

static int
dial(const char *path)
{
	struct sockaddr_un address;
	int dir_fd, fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(control_address(path, &address, &dir_fd), 0);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) <
	    0) {
		int error = -errno;

		close(fd);
		fd = error;
	}
	if (dir_fd >= 0)
		close(dir_fd);
	return fd;
}

static void
made_for_us_alone(void **state)
{
	const struct fixture *f = *state;
	struct control_peer peer;
	struct stat st;
	int fd, ours, theirs;

	assert_int_equal(control_listen(f->path, "", &fd), 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ours = dial(f->path);
	assert_true(ours >= 0);
	theirs = accept(fd, NULL, NULL);
	assert_true(theirs >= 0);
	assert_int_equal(control_peer(theirs, &peer), 0);
	assert_int_equal(peer.uid, geteuid());
	assert_int_equal(peer.pid, getpid());
	assert_true(peer.name[0] != '\0');
	assert_true(control_peer_allowed(theirs, &peer, NULL));
	close(theirs);
	close(ours);
	close(fd);
}

static void
stale_one_is_replaced(void **state)
{
	const struct fixture *f = *state;
	int fd, again;

	assert_int_equal(control_listen(f->path, NULL, &fd), 0);
	close(fd); /* its name stays */
	assert_int_equal(dial(f->path), -ECONNREFUSED);
	assert_int_equal(control_listen(f->path, NULL, &again), 0);
	fd = dial(f->path);
	assert_true(fd >= 0);
	close(fd);
	close(again);
}

static void
one_that_answers_stays(void **state)
{
	const struct fixture *f = *state;
	int fd, again;

	assert_int_equal(control_listen(f->path, NULL, &fd), 0);
	assert_int_equal(control_listen(f->path, NULL, &again), -EADDRINUSE);
	assert_int_equal(again, -1);
	again = dial(f->path);
	assert_true(again >= 0);
	close(again);
	close(fd);
}

static void
a_file_stays(void **state)
{
	const struct fixture *f = *state;
	uint8_t *text;
	size_t n;
	int fd;

	testing_write_file(f->path, "precious", 8);
	assert_int_equal(control_listen(f->path, NULL, &fd), -EEXIST);
	text = testing_read_file(f->path, &n);
	assert_int_equal(n, 8);
	free(text);
	assert_int_equal(unlink(f->path), 0);
	/* A link too, wherever it leads. */
	assert_int_equal(symlink("/dev/null", f->path), 0);
	assert_int_equal(control_listen(f->path, NULL, &fd), -EEXIST);
	assert_int_equal(control_listen("/nowhere/control.sock", NULL, &fd),
			 -ENOENT);
}

static void
long_path(void **state)
{
	const struct fixture *f = *state;
	char path[512];
	int fd, ours;

	snprintf(path, sizeof(path), "%s/", f->dir);
	while (strlen(path) < 150)
		strncat(path, "abcdefghij", sizeof(path) - strlen(path) - 1);
	assert_int_equal(mkdir(path, 0755), 0);
	strncat(path, "/control.sock", sizeof(path) - strlen(path) - 1);
	assert_int_equal(control_listen(path, NULL, &fd), 0);
	ours = dial(path);
	assert_true(ours >= 0);
	close(ours);
	close(fd);
}

static void
groups(void **state)
{
	const struct fixture *f = *state;
	struct group *own = getgrgid(getegid());
	struct stat st;
	int fd;

	assert_int_equal(control_listen(f->path, "no-such-group", &fd),
			 -EINVAL);
	assert_non_null(own);
	assert_int_equal(control_listen(f->path, own->gr_name, &fd), 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_gid, own->gr_gid);
	close(fd);
}

/* Another account connects, with these groups: may it ask? */
static bool
stranger_may(const struct fixture *f, gid_t gid, const char *group)
{
	struct control_peer peer;
	int fd, theirs, status;
	bool may;
	pid_t pid;

	assert_int_equal(control_listen(f->path, NULL, &fd), 0);
	/* As if somebody had changed the mode. */
	assert_int_equal(chmod(f->path, 0666), 0);
	pid = fork();
	if (pid == 0) {
		if (setgroups(1, &gid) < 0 || setgid(SOMEBODY) < 0 ||
		    setuid(SOMEBODY) < 0)
			_exit(1);
		_exit(dial(f->path) >= 0 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	theirs = accept(fd, NULL, NULL);
	assert_true(theirs >= 0);
	assert_int_equal(control_peer(theirs, &peer), 0);
	assert_int_equal(peer.uid, SOMEBODY);
	assert_string_equal(peer.name, "uid 54321");
	may = control_peer_allowed(theirs, &peer, group);
	close(theirs);
	close(fd);
	return may;
}

static void
strangers(void **state)
{
	const struct fixture *f = *state;
	const struct group *daemon = getgrnam("daemon");
	gid_t gid = daemon ? daemon->gr_gid : 1;

	if (geteuid() != 0)
		skip();
	assert_false(stranger_may(f, gid, NULL));
	assert_false(stranger_may(f, gid, ""));
	assert_false(stranger_may(f, gid, "no-such-group"));
	assert_true(stranger_may(f, gid, "daemon"));
	assert_false(stranger_may(f, SOMEBODY, "daemon"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(made_for_us_alone),
		TEST(stale_one_is_replaced),
		TEST(one_that_answers_stays),
		TEST(a_file_stays),
		TEST(long_path),
		TEST(groups),
		TEST(strangers),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
