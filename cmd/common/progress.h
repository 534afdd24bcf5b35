/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A progress bar on stderr, where stderr is a terminal; else nothing. */
#ifndef CMD_COMMON_PROGRESS_H
#define CMD_COMMON_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what;  /**< "reading", "verifying"; borrowed */
	bool shown;        /**< stderr is a terminal */
	int64_t drawn_ns;  /**< when it was drawn last */
	int64_t began_ns;
};

void progress_init(struct progress *progress, const char *what);
/** Draw, at most ten times a second: percent, rate, time left. */
void progress_update(struct progress *progress, uint64_t done, uint64_t total);
/** Wipe the line. */
void progress_fini(struct progress *progress);

#endif
