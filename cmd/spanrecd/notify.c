/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See notify.h. */
#include "cmd/spanrecd/notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <time.h>

/** Longest status; more is cut. */
#define STATUS_BYTES 512

void
notify_ready(void)
{
	(void)sd_notify(0, "READY=1");
}

void
notify_reloading(void)
{
	struct timespec now;

	/* with its time, so that systemd can tell this reload's READY=1 from
	 * that of an earlier one */
	clock_gettime(CLOCK_MONOTONIC, &now);
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
			 (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void
notify_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}

void
notify_status(const char *text)
{
	char line[STATUS_BYTES];

	/* a second line would be another assignment */
	snprintf(line, sizeof(line), "STATUS=%s", text);
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	(void)sd_notify(0, line);
}

void
notify_watchdog(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}

int64_t
notify_watchdog_ns(void)
{
	uint64_t usec = 0;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return 0;
	if (usec > INT64_MAX / 500)
		return INT64_MAX;
	return (int64_t)(usec * 500);
}
