/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A recorder that is none: it listens on a control socket and gives the answers
 * it was told, whatever it is asked, and keeps what it was asked.
 */
#ifndef CMD_TESTING_RECORDER_H
#define CMD_TESTING_RECORDER_H

#include <stddef.h>

struct testing_recorder;

enum testing_manner {
	TESTING_SAY,     /**< the text, and wait for the next request */
	TESTING_HANG_UP, /**< after the text, which may be "" */
	TESTING_SILENCE, /**< say nothing, and keep the connection */
	TESTING_DRIP,    /**< the text, one byte each 20 ms */
	TESTING_FLOOD    /**< the text again and again */
};

struct testing_answer {
	enum testing_manner manner;
	const char *text; /**< with its newline, if it is to have one */
};

/**
 * Listen, in a thread of its own. Aborts on failure.
 *
 * @param path of the socket; what is there is removed
 * @param answers [count] the last one is given again; borrowed
 */
struct testing_recorder *
testing_recorder_new(const char *path, const struct testing_answer *answers,
		     size_t count);

/** End, and remove the socket. @return all requests, to be freed */
char *testing_recorder_end(struct testing_recorder *recorder);

#endif
