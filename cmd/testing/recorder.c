/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See recorder.h. */
#include "cmd/testing/recorder.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cmd/common/control.h"

#define DRIP_NS 20000000L

struct testing_recorder {
	char *path;
	const struct testing_answer *answers;
	size_t count, next;
	int listener;
	int stop[2]; /**< closing the second ends the thread */
	pthread_t thread;
	FILE *requests;
	char *text;
	size_t text_bytes;
};

static void
must(bool holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	abort();
}

/* @return false: it is over */
static bool
wait_for(const struct testing_recorder *recorder, int fd)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
				{ .fd = recorder->stop[0], .events = POLLIN } };

	while (poll(fds, 2, -1) < 0)
		;
	return !fds[1].revents;
}

/* @return false: nobody listens any more */
static bool
say(int fd, const char *text, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		text += sent;
		n -= (size_t)sent;
	}
	return true;
}

static bool
drip(int fd, const char *text)
{
	const struct timespec pause = { 0, DRIP_NS };

	for (; *text; text++) {
		if (!say(fd, text, 1))
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* @return false: hang up */
static bool
answer(struct testing_recorder *recorder, int fd)
{
	const struct testing_answer *now = &recorder->answers[recorder->next];
	size_t n = strlen(now->text);

	if (recorder->next + 1 < recorder->count)
		recorder->next++;
	switch (now->manner) {
	case TESTING_SAY:
		return say(fd, now->text, n);
	case TESTING_HANG_UP:
		(void)say(fd, now->text, n);
		return false;
	case TESTING_SILENCE:
		return true;
	case TESTING_DRIP:
		return drip(fd, now->text);
	default:
		while (say(fd, now->text, n))
			;
		return false;
	}
}

static void
serve(struct testing_recorder *recorder, int fd)
{
	char c;

	while (wait_for(recorder, fd) && read(fd, &c, 1) == 1) {
		fputc(c, recorder->requests);
		if (c == '\n' && !answer(recorder, fd))
			break;
	}
	close(fd);
}

static void *
run(void *ctx)
{
	struct testing_recorder *recorder = ctx;

	while (wait_for(recorder, recorder->listener)) {
		int fd = accept4(recorder->listener, NULL, NULL, SOCK_CLOEXEC);

		must(fd >= 0, "accept");
		serve(recorder, fd);
	}
	return NULL;
}

struct testing_recorder *
testing_recorder_new(const char *path, const struct testing_answer *answers,
		     size_t count)
{
	struct testing_recorder *recorder = calloc(1, sizeof(*recorder));
	struct sockaddr_un address;
	int dir_fd;

	must(recorder != NULL, "calloc");
	recorder->path = strdup(path);
	recorder->answers = answers;
	recorder->count = count;
	recorder->requests =
	    open_memstream(&recorder->text, &recorder->text_bytes);
	unlink(path);
	must(!control_address(path, &address, &dir_fd), path);
	recorder->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(!bind(recorder->listener, (const struct sockaddr *)&address,
		   sizeof(address)),
	     path);
	if (dir_fd >= 0)
		close(dir_fd);
	must(!listen(recorder->listener, 8), "listen");
	must(!pipe2(recorder->stop, O_CLOEXEC), "pipe");
	must(!pthread_create(&recorder->thread, NULL, run, recorder), "thread");
	return recorder;
}

char *
testing_recorder_end(struct testing_recorder *recorder)
{
	char *text;

	close(recorder->stop[1]);
	must(!pthread_join(recorder->thread, NULL), "join");
	close(recorder->stop[0]);
	close(recorder->listener);
	unlink(recorder->path);
	fclose(recorder->requests);
	text = recorder->text;
	free(recorder->path);
	free(recorder);
	return text;
}
