/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For tests of what captures: a cable of two interfaces in a network namespace
 * of the test's own. What is sent into "gen" comes out at "span0".
 */
#ifndef CMD_TESTING_CABLE_H
#define CMD_TESTING_CABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Leave the namespace before, if any, and make a new one with a new cable.
 *
 * @return NULL, or why there is none (the test is to be skipped then)
 */
const char *testing_cable_new(void);

/** Run a line of shell in it, with root's rights. @return its exit status */
int testing_shell(const char *line);

/** Wait until an interface is up; aborts after 5 s. */
void testing_cable_wait(const char *interface);

/** @return a socket that sends frames from an interface; close() it */
int testing_cable_end(const char *interface);

/** Without them this thread has no capability at all. */
void testing_rights(bool on);
/** ... and can never have any again. */
void testing_rights_give_up(void);

int64_t testing_now_ns(void);
void testing_nap(unsigned ms);

/** A UDP datagram of a flow; what the test knows it by is its payload. */
struct testing_frame {
	uint32_t number;
	uint16_t flow;  /**< up to 255: part of the ports */
	bool back;      /**< addresses and ports change places */
	uint16_t vlan;  /**< 0: no tag */
	uint32_t bytes; /**< 0: the shortest there can be */
};

enum { TESTING_FRAME_MIN = 60, TESTING_FRAME_MAX = 65549 };

/** @param bytes [TESTING_FRAME_MAX + 4] @return how many it has on the wire */
size_t testing_frame_write(const struct testing_frame *frame, uint8_t *bytes);

/** @return is it one of these, and not one of the kernel's own? */
bool testing_frame_read(struct testing_frame *frame, const uint8_t *bytes,
			size_t n);

/** Send it; waits while there is no room. */
void testing_frame_send(int fd, const struct testing_frame *frame);

#endif
