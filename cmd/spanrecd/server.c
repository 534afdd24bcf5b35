/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control socket: connections, and lines in and out. What the lines mean
 * is in command.c. A connection has one request at a time; what it sends ahead
 * waits, so that answers come in order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "cmd/common/log.h"
#include "cmd/spanrecd/control_priv.h"
#include "cmd/spanrecd/listen.h"

enum { CLIENTS_MAX = 64, LINE_BYTES_MAX = 65536, BACKLOG = 16 };

struct client {
	struct client *prev, *next;
	struct server *server;
	uv_pipe_t pipe;
	struct control_asker asker;
	bool busy;   /* a request is being answered */
	bool ending; /* close once that is done */
	size_t used;
	char buffer[LINE_BYTES_MAX];
};

struct server {
	struct control_state *control;
	uv_pipe_t pipe;
	struct client *clients;
	uint32_t clients_count;
	uint64_t last_client;
};

struct answer {
	uv_write_t write;
	char text[];
};

/* ---- connections --------------------------------------------------------- */

static void
on_client_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
client_close(struct client *client)
{
	if (uv_is_closing((uv_handle_t *)&client->pipe))
		return;
	DL_DELETE(client->server->clients, client);
	client->server->clients_count--;
	uv_close((uv_handle_t *)&client->pipe, on_client_closed);
}

static void
on_written(uv_write_t *write, int status)
{
	struct client *client = write->handle->data;

	if (status < 0)
		client_close(client);
	free(write);
}

static void
answer(struct client *client, const char *text)
{
	size_t n = strlen(text);
	struct answer *a = malloc(sizeof(*a) + n + 1);
	uv_buf_t buffer;

	if (!a) {
		client_close(client);
		return;
	}
	memcpy(a->text, text, n);
	a->text[n] = '\n';
	buffer = uv_buf_init(a->text, (unsigned)n + 1);
	if (uv_write(&a->write, (uv_stream_t *)&client->pipe, &buffer, 1,
		     on_written) < 0) {
		free(a);
		client_close(client);
	}
}

/* Begin with the next line that is there, unless one is being answered. */
static void
next_line(struct client *client)
{
	char line[LINE_BYTES_MAX];
	const char *end;
	size_t n;

	while (!client->busy &&
	       (end = memchr(client->buffer, '\n', client->used))) {
		n = (size_t)(end - client->buffer);
		memcpy(line, client->buffer, n);
		client->used -= n + 1;
		memmove(client->buffer, end + 1, client->used);
		client->busy = true;
		control__command(client->server->control, &client->asker, line,
				 n);
	}
	/* No request is so long as the buffer. */
	if (!client->busy &&
	    (client->ending || client->used == sizeof(client->buffer)))
		client_close(client);
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct client *client = handle->data;

	(void)suggested;
	*buffer =
	    uv_buf_init(client->buffer + client->used,
			(unsigned)(sizeof(client->buffer) - client->used));
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct client *client = stream->data;

	(void)buffer;
	if (n == UV_ENOBUFS) {
		/* It sends ahead more than there is room for. */
		client_close(client);
		return;
	}
	if (n < 0) {
		client->ending = true;
		(void)uv_read_stop(stream);
	} else {
		client->used += (size_t)n;
	}
	next_line(client);
}

/* Who is it? */
static void
identify(struct client *client)
{
	struct control_state *c = client->server->control;
	struct control_peer peer;
	uv_os_fd_t fd;

	client->asker.client = ++client->server->last_client;
	if (uv_fileno((uv_handle_t *)&client->pipe, &fd) < 0 ||
	    control_peer(fd, &peer) < 0)
		return;
	memcpy(client->asker.name, peer.name, sizeof(client->asker.name));
	client->asker.uid = peer.uid;
	client->asker.allowed =
	    control_peer_allowed(fd, &peer, c->settings.control_group);
}

static void
on_connection(uv_stream_t *stream, int status)
{
	struct server *server = stream->data;
	struct client *client;

	if (status < 0)
		return;
	client = calloc(1, sizeof(*client));
	if (!client)
		return;
	client->server = server;
	client->pipe.data = client;
	if (uv_pipe_init(stream->loop, &client->pipe, 0) < 0) {
		free(client);
		return;
	}
	DL_APPEND(server->clients, client);
	server->clients_count++;
	if (uv_accept(stream, (uv_stream_t *)&client->pipe) < 0 ||
	    server->clients_count > CLIENTS_MAX) {
		client_close(client);
		return;
	}
	identify(client);
	if (uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read) < 0)
		client_close(client);
}

void
control__server_reply(struct server *server, uint64_t id, const char *text)
{
	struct client *client;

	DL_FOREACH(server->clients, client)
	{
		if (client->asker.client != id)
			continue;
		client->busy = false;
		answer(client, text);
		return;
	}
}

void
control__server_next(struct server *server)
{
	struct client *client, *next;

	DL_FOREACH_SAFE(server->clients, client, next)
	{
		next_line(client);
	}
}

/* ---- the socket ---------------------------------------------------------- */

int
control__server_new(struct control_state *c, int fd)
{
	struct server *server = calloc(1, sizeof(*server));
	int r;

	if (!server) {
		close(fd);
		return -ENOMEM;
	}
	c->server = server;
	server->control = c;
	server->pipe.data = server;
	r = uv_pipe_init(&c->pipeline->control.loop, &server->pipe, 0);
	if (r < 0) {
		close(fd);
		control__server_free(&c->server);
		return r;
	}
	r = uv_pipe_open(&server->pipe, fd);
	if (r < 0)
		close(fd);
	else
		r = uv_listen((uv_stream_t *)&server->pipe, BACKLOG,
			      on_connection);
	return r;
}

void
control__server_close(struct server *server)
{
	struct client *client, *next;

	DL_FOREACH_SAFE(server->clients, client, next)
	{
		client_close(client);
	}
	if (!uv_is_closing((uv_handle_t *)&server->pipe))
		uv_close((uv_handle_t *)&server->pipe, NULL);
}

void
control__server_free(struct server **server)
{
	free(*server);
	*server = NULL;
}
