/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames from a network interface that a mirror port feeds (Linux, through
 * libpcap). Opening needs the right to capture (CAP_NET_RAW); nothing after it
 * does.
 *
 * A live source never ends: an interface that goes down, is renamed, or is
 * taken away and comes back under its name, only gives nothing in between.
 */
#ifndef CAPTURE_LIVE_H
#define CAPTURE_LIVE_H

#include "capture/source.h"

struct capture_live_config {
	const char *interface; /**< borrowed until the open returns */
	/** Kernel ring of each source, up to 2047 MiB, rounded up to 256 KiB.
	 * The kernel gives a smaller one where it has not so much memory. */
	uint32_t ring_bytes;
	/** > 0. Frames are handed over in blocks. One that does not fill is
	 * handed over after so long (Linux 6.18), or after up to two ticks of
	 * the kernel more (before it; a tick is 4 ms on Debian). */
	uint32_t block_ms;
};

/**
 * Open `count` sources on one interface. Several share its frames: each flow,
 * with both its directions, is given to one of them.
 *
 * The interface becomes promiscuous. Frames that this host sends are not seen.
 *
 * Each source counts the kernel_drops of its own ring; of several their sum is
 * the interface's. The interface_drops are the interface's already: the first
 * source alone counts them, as of its last capture_live_state, the others say
 * 0, so that these may be added too. They are a lower bound: what drivers count
 * under several names is not added up.
 *
 * @param sources [count] filled; each belongs to one thread from then on
 * @param error [CAPTURE_ERROR_BYTES] what is wrong, and what to do
 * @return 0; -ENODEV no such interface; -ENETDOWN it is down; -EPERM no right
 *         to capture; -EINVAL (sizes out of range, or a link type that is not
 *         understood); -ENOMEM; -EIO or another of a system call. Nothing is
 *         open after an error, and all of sources is NULL
 */
int capture_live_open(struct capture_source **sources, uint32_t count,
		      const struct capture_live_config *config, char *error)
	__attribute__((warn_unused_result));

/**
 * Leave out what was captured before now_ns. Once, before the first dispatch:
 * frames that came before all sources of an interface were open were given to
 * more than one.
 */
void capture_live_begin(struct capture_source *source, int64_t now_ns);

/**
 * All that was captured before the begin was handed over: from here on nothing
 * is left out, for a clock that is set back dates what comes before it, too.
 */
void capture_live_begun(struct capture_source *source);

enum capture_link {
	CAPTURE_LINK_UP,
	CAPTURE_LINK_DOWN, /**< the interface, or the cable */
	CAPTURE_LINK_GONE  /**< there is no such interface now */
};

#define CAPTURE_LIVE_NAME_BYTES 64

struct capture_live_state {
	char name[CAPTURE_LIVE_NAME_BYTES]; /**< now: it may be renamed */
	enum capture_link link;
};

/**
 * How the interface is. Where it was taken away and has come back, the source
 * is bound to it again here, if it has the interface for itself: within a
 * group the kernel does not allow that, and the next dispatch returns -ENODEV;
 * so too where what came back is of another kind.
 *
 * @return 0, -EIO
 * @thread the source's
 * @cost some system calls: once a second, not per packet
 */
int capture_live_state(struct capture_source *source,
		       struct capture_live_state *state)
	__attribute__((warn_unused_result));

#endif
