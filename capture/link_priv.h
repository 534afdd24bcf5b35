/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Network interfaces, by number: names change. link.c; rtnetlink(7). */
#ifndef CAPTURE_LINK_PRIV_H
#define CAPTURE_LINK_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/live.h"

enum { CAPTURE__LINK_DROPS = 3 };

struct capture__link {
	int index;
	uint16_t type; /**< ARPHRD_ value of linux/if_arp.h */
	bool up;       /**< switched on, and there is a carrier */
	char name[CAPTURE_LIVE_NAME_BYTES];
	/** Frames that arrived and that the card gave up before the kernel had
	 * them: counts of the same, or nearly so, from which drivers choose. */
	uint64_t drops[CAPTURE__LINK_DROPS];
};

/** What came on top of these counts since the first time they were read. */
struct capture__link_drops {
	uint64_t last[CAPTURE__LINK_DROPS];
	uint64_t more[CAPTURE__LINK_DROPS];
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

/**
 * What the kernel answered.
 *
 * @param reply [n] aligned as a struct nlmsghdr
 * @return 0, -ENODEV, other negative errno as the kernel gave it, -EIO where
 *         it is no answer at all
 */
int capture__link_read(const void *reply, size_t n, struct capture__link *link)
	__attribute__((warn_unused_result));

/** Begin to count, at another interface too: what was dropped so far stays. */
void capture__link_drops_begin(struct capture__link_drops *drops,
			       const struct capture__link *link);

/** @return frames dropped, at least, while they were counted */
uint64_t capture__link_drops_count(struct capture__link_drops *drops,
				   const struct capture__link *link);

/** Names of all interfaces, with commas. @param text [n] */
void capture__link_names(char *text, uint32_t n);

#endif
