/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Network interfaces, by number: names change. link.c; rtnetlink(7). */
#ifndef CAPTURE_LINK_PRIV_H
#define CAPTURE_LINK_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/live.h"

struct capture__link {
	int index;
	char name[CAPTURE_LIVE_NAME_BYTES];
	bool up; /**< switched on, and there is a carrier */
	/** Frames that arrived and that the interface or its driver gave up
	 * before the kernel had them. */
	uint64_t drops;
};

/** @return a socket to ask through, or negative errno */
int capture__link_open(void) __attribute__((warn_unused_result));

/**
 * Ask the kernel about an interface.
 *
 * @param index its number; 0: by name
 * @param name NULL: by number
 * @return 0, -ENODEV, -EIO, other negative errno
 */
int capture__link_get(int fd, int index, const char *name,
		      struct capture__link *link)
	__attribute__((warn_unused_result));

/** Names of all interfaces, with commas. @param text [n] */
void capture__link_names(char *text, uint32_t n);

#endif
