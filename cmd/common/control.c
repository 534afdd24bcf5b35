/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asking a recorder that runs. Nothing it sends is trusted: an answer has a
 * time and a size that it may take, and is read by jansson, which refuses what
 * is no UTF-8.
 */
#include "cmd/common/control.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

#define FIRST_BYTES 4096

/* ---- the address ------------------------------------------------------- */

int
control_address(const char *path, struct sockaddr_un *address, int *dir_fd)
{
	size_t n = strlen(path), room = sizeof(address->sun_path);
	char folder[PATH_MAX], name[PATH_MAX];
	int w;

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	*dir_fd = -1;
	if (!n)
		return -ENOENT;
	if (n < room) {
		memcpy(address->sun_path, path, n);
		return 0;
	}
	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(folder, path, n + 1);
	memcpy(name, path, n + 1);
	*dir_fd = open(dirname(folder), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*dir_fd < 0)
		return -errno;
	w = snprintf(address->sun_path, room, "/proc/self/fd/%d/%s", *dir_fd,
		     basename(name));
	if (w >= 0 && (size_t)w < room)
		return 0;
	close(*dir_fd);
	*dir_fd = -1;
	return -ENAMETOOLONG;
}

/* ---- words ------------------------------------------------------------- */

static int fail(struct control_client *client, int code, const char *format,
		...) __attribute__((format(printf, 3, 4)));

static int
fail(struct control_client *client, int code, const char *format, ...)
{
	va_list args;

	free(client->error);
	va_start(args, format);
	if (vasprintf(&client->error, format, args) < 0)
		client->error = NULL;
	va_end(args);
	return code;
}

const char *
control_client_error(const struct control_client *client)
{
	return client->error ? client->error : "not enough memory";
}

void
control_client_complain(const struct control_client *client)
{
	const char *line = control_client_error(client);

	while (*line) {
		size_t n = strcspn(line, "\n");

		if (n)
			log_error("%.*s", (int)n, line);
		line += n;
		line += *line == '\n';
	}
}

/* How people call it: by its home. */
static const char *
home_name(const struct home *home)
{
	return *home->dir ? home->dir : home->settings_path;
}

/* ---- connecting -------------------------------------------------------- */

static int
connect_failed(struct control_client *client, int error)
{
	const struct home *home = client->home;

	switch (error) {
	case -ENOENT:
	case -ENOTDIR:
	case -ECONNREFUSED:
		return fail(client, EXIT_NOT_FOUND,
			    "no recorder is running on %s", home_name(home));
	case -EACCES:
	case -EPERM:
		return fail(client, EXIT_NOT_ALLOWED,
			    "the socket of the recorder, %s, may not be used "
			    "by this user; root can name a group of users who "
			    "may, as 'control_group' in %s",
			    home->control_path, home->settings_path);
	case -EAGAIN:
		return fail(client, EXIT_FAILED,
			    "the recorder does not answer: too many others "
			    "are asking, or it hangs");
	default:
		return fail(client, EXIT_FAILED,
			    "the recorder cannot be reached through %s: %s",
			    home->control_path, strerror(-error));
	}
}

/* @return a descriptor, -errno */
static int
connect_path(const char *path)
{
	const struct timeval patience = { CONTROL_TIMEOUT_MS / 1000, 0 };
	struct sockaddr_un address;
	int fd, dir_fd, rc = control_address(path, &address, &dir_fd);

	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		rc = -errno;
	/* it holds for connect(2) as well, which waits for a place in line */
	if (!rc && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
			      sizeof(patience)) < 0)
		rc = -errno;
	if (!rc &&
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		rc = -errno;
	if (dir_fd >= 0)
		close(dir_fd);
	if (rc < 0 && fd >= 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

int
control_client_init(struct control_client *client, const struct home *home)
{
	int fd;

	*client = (struct control_client){ .home = home, .fd = -1 };
	if (!*home->control_path)
		return fail(client, EXIT_NOT_FOUND,
			    "no recorder can be asked: %s names no socket as "
			    "'control'",
			    home->settings_path);
	fd = connect_path(home->control_path);
	if (fd < 0)
		return connect_failed(client, fd);
	client->fd = fd;
	return 0;
}

static void
disconnect(struct control_client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	client->used = 0;
}

void
control_client_fini(struct control_client *client)
{
	disconnect(client);
	free(client->bytes);
	free(client->error);
	*client = (struct control_client){ .home = client->home, .fd = -1 };
}

/* ---- sending ----------------------------------------------------------- */

/* @return 0, -errno */
static int
send_all(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -errno;
		bytes += sent;
		n -= (size_t)sent;
	}
	return 0;
}

/* @return exit code */
static int
send_request(struct control_client *client, json_t *request)
{
	char *line = request ? json_dumps(request, JSON_COMPACT) : NULL;
	size_t n;
	int rc = 0;

	json_decref(request);
	if (!line)
		return fail(client, EXIT_FAILED, "not enough memory");
	n = strlen(line);
	if (n >= CONTROL_REQUEST_BYTES) {
		free(line);
		return fail(client, EXIT_USAGE,
			    "that is more than a recorder can be asked in one "
			    "request of %d bytes",
			    CONTROL_REQUEST_BYTES);
	}
	line[n] = '\n'; /* over the NUL */
	rc = send_all(client->fd, line, n + 1);
	free(line);
	/* Who hangs up before it has read all may have said why. */
	if (rc == -EPIPE || rc == -ECONNRESET)
		return 0;
	if (rc == -EAGAIN)
		return fail(client, EXIT_FAILED,
			    "the recorder does not take the request: it hangs");
	if (rc < 0)
		return fail(client, EXIT_FAILED,
			    "the request could not be sent to the recorder: %s",
			    strerror(-rc));
	return 0;
}

/* ---- receiving --------------------------------------------------------- */

static int64_t
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

/* The whole answer must be there by then, however slowly bytes drip.
 * @return 0, -ETIMEDOUT, -errno */
static int
wait_readable(int fd, int64_t until_ms)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	int64_t left_ms;
	int n;

	do {
		left_ms = until_ms - clock_ms();
		if (left_ms <= 0)
			return -ETIMEDOUT;
		n = poll(&poller, 1, (int)left_ms);
	} while (n == 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

/* @return 0, -ENOMEM, -EMSGSIZE */
static int
make_room(struct control_client *client)
{
	size_t capacity = client->capacity ? 2 * client->capacity : FIRST_BYTES;
	char *grown;

	if (client->used < client->capacity)
		return 0;
	if (capacity > CONTROL_ANSWER_BYTES)
		return -EMSGSIZE;
	grown = realloc(client->bytes, capacity);
	if (!grown)
		return -ENOMEM;
	client->bytes = grown;
	client->capacity = capacity;
	return 0;
}

/* @return bytes, 0 at the end, -ETIMEDOUT, -ENOMEM, -EMSGSIZE, -errno */
static ssize_t
receive_some(struct control_client *client, int64_t until_ms)
{
	ssize_t got;
	int rc = make_room(client);

	while (!rc) {
		rc = wait_readable(client->fd, until_ms);
		if (rc)
			break;
		got = recv(client->fd, client->bytes + client->used,
			   client->capacity - client->used, MSG_DONTWAIT);
		if (got >= 0)
			return got;
		if (errno == ECONNRESET)
			return 0;
		if (errno != EAGAIN && errno != EINTR)
			rc = -errno;
	}
	return rc;
}

static int
receive_failed(struct control_client *client, ssize_t error, int timeout_ms)
{
	switch (error) {
	case 0:
		if (!client->used)
			return fail(client, EXIT_FAILED,
				    "the recorder hung up without an answer; "
				    "is it ending?");
		return fail(client, EXIT_FAILED,
			    "the recorder hung up in the middle of its answer; "
			    "is it ending?");
	case -ETIMEDOUT:
		return fail(client, EXIT_FAILED,
			    "the recorder did not answer within %d.%d s",
			    timeout_ms / 1000, timeout_ms % 1000 / 100);
	case -EMSGSIZE:
		return fail(client, EXIT_FAILED,
			    "the answer of the recorder is longer than %d MiB",
			    CONTROL_ANSWER_BYTES / (1024 * 1024));
	case -ENOMEM:
		return fail(client, EXIT_FAILED,
			    "not enough memory for the answer of the recorder");
	default:
		return fail(client, EXIT_FAILED,
			    "the answer of the recorder could not be read: %s",
			    strerror((int)-error));
	}
}

/* Receive a line. *line_bytes does not count its newline. @return exit code */
static int
receive_line(struct control_client *client, int timeout_ms, size_t *line_bytes)
{
	int64_t until_ms = clock_ms() + timeout_ms;
	size_t seen = 0;
	const char *end;
	ssize_t got;

	for (;;) {
		end = client->used > seen ? memchr(client->bytes + seen, '\n',
						   client->used - seen)
					  : NULL;
		if (end) {
			*line_bytes = (size_t)(end - client->bytes);
			return 0;
		}
		seen = client->used;
		got = receive_some(client, until_ms);
		if (got <= 0)
			return receive_failed(client, got, timeout_ms);
		client->used += (size_t)got;
	}
}

/* ---- answers ----------------------------------------------------------- */

/* The recorder refused, and says why. @return exit code, never 0 */
static int
refused(struct control_client *client, const json_t *answer)
{
	const char *words = json_string_value(json_object_get(answer, "error"));
	json_int_t code = json_integer_value(json_object_get(answer, "exit"));

	if (code < EXIT_FAILED || code > EXIT_DAMAGED)
		code = EXIT_FAILED;
	if (!words || !*words)
		words = "the recorder refused, and did not say why";
	return fail(client, (int)code, "%s", words);
}

int
control_client_parse(struct control_client *client, const char *line, size_t n,
		     json_t **answer)
{
	json_error_t error;
	const json_t *ok;
	int rc;

	*answer = json_loadb(line, n, 0, &error);
	ok = json_object_get(*answer, "ok");
	if (json_is_true(ok))
		return 0;
	if (json_is_false(ok))
		rc = refused(client, *answer);
	else
		rc = fail(client, EXIT_FAILED,
			  "the answer of the recorder is not understood (%s); "
			  "are spanrec and spanrecd of the same version?",
			  *answer ? "it has no \"ok\"" : error.text);
	json_decref(*answer);
	*answer = NULL;
	return rc;
}

int
control_client_ask(struct control_client *client, json_t *request,
		   int timeout_ms, json_t **answer)
{
	size_t n = 0;
	int rc;

	*answer = NULL;
	rc = send_request(client, request);
	if (!rc)
		rc = receive_line(client, timeout_ms, &n);
	if (rc) {
		/* a late answer must not be taken for that of the next */
		disconnect(client);
		return rc;
	}
	rc = control_client_parse(client, client->bytes, n, answer);
	client->used -= n + 1;
	memmove(client->bytes, client->bytes + n + 1, client->used);
	return rc;
}
