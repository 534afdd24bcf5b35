/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control socket: how spanrec talks to a spanrecd that runs. A Unix stream
 * socket in the home; a request is one line of JSON, and so is its answer:
 *
 *   {"op":"pause","extension":"2041"}
 *   {"ok":true,"calls":["20190328T141503Z-k7q2mx4p"],"already":[]}
 *   {"ok":false,"error":"no call of 2041 is in progress","exit":3}
 *
 * The recorder knows who asks by SO_PEERCRED. Here is the side of who asks,
 * and what both sides share.
 */
#ifndef CMD_COMMON_CONTROL_H
#define CMD_COMMON_CONTROL_H

#include <stddef.h>
#include <sys/un.h>

#include "cmd/common/home.h"

/** A request with its newline; the recorder reads no longer one. */
#define CONTROL_REQUEST_BYTES (64 * 1024)
/** An answer with its newline: 20,000 calls take about 10 MiB. */
#define CONTROL_ANSWER_BYTES  (64 * 1024 * 1024)

/** From the request to the end of the answer. */
#define CONTROL_TIMEOUT_MS       10000
#define CONTROL_PURGE_TIMEOUT_MS (60 * 60 * 1000)

/**
 * The address of a socket. A path that is too long for one (107 bytes) is
 * reached through an open descriptor of its folder.
 *
 * @param dir_fd -1, or to be closed after bind(2) or connect(2)
 * @return 0, -ENAMETOOLONG (the name in its folder), -ENOENT, -EACCES, ...
 * @thread any
 * @cost none, or one open(2)
 */
int control_address(const char *path, struct sockaddr_un *address, int *dir_fd)
	__attribute__((warn_unused_result));

struct json_t;

/** A connection to the recorder of a home. For one thread. */
struct control_client {
	const struct home *home; /**< borrowed */
	int fd;                  /**< -1: not connected */
	char *error;             /**< what failed last, in words */
	/** received and not taken yet */
	char *bytes;
	size_t used, capacity;
};

/**
 * Connect. What fails is not printed: see control_client_error.
 *
 * @param client to be ended with control_client_fini, also on failure
 * @return exit code: EXIT_NOT_FOUND: no recorder is running there;
 *         EXIT_NOT_ALLOWED; EXIT_FAILED
 * @cost waits CONTROL_TIMEOUT_MS at most
 */
int control_client_init(struct control_client *client, const struct home *home)
	__attribute__((warn_unused_result));
void control_client_fini(struct control_client *client);

/**
 * Ask, and wait for the answer.
 *
 * @param request taken; NULL: there was no memory for it
 * @param timeout_ms from now to the end of the answer
 * @param answer an object with "ok": true; json_decref it. NULL on failure
 * @return exit code; that of the recorder, if it refused. After EXIT_FAILED
 *         without an answer in time the connection is closed
 */
int control_client_ask(struct control_client *client, struct json_t *request,
		       int timeout_ms, struct json_t **answer)
	__attribute__((warn_unused_result));

/**
 * Take an answer apart, as control_client_ask does.
 *
 * @param line [n] without its newline
 */
int control_client_parse(struct control_client *client, const char *line,
			 size_t n, struct json_t **answer)
	__attribute__((warn_unused_result));

/**
 * Words about the last failure: one line, or several from the recorder. They
 * may hold anything that the recorder sent; log_error makes them harmless.
 *
 * @ownership borrowed until the next call
 */
const char *control_client_error(const struct control_client *client);

/** Print these words, each line as an error of its own. */
void control_client_complain(const struct control_client *client);

#endif
