/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What systemd is told about the recorder: sd_notify(3). Nothing happens where
 * no service manager listens ($NOTIFY_SOCKET is not set), and a failure to
 * tell is never an error of the recorder.
 *
 * All: @thread any one at a time @cost a socket and a datagram
 */
#ifndef CMD_SPANRECD_NOTIFY_H
#define CMD_SPANRECD_NOTIFY_H

#include <stdint.h>

/** It records; also the end of what notify_reloading began. */
void notify_ready(void);

/** Settings and policy are being read again. notify_ready must follow. */
void notify_reloading(void);

/** It was asked to end, and closes its recordings. */
void notify_stopping(void);

/** One line for `systemctl status`; what ends a line becomes a space. */
void notify_status(const char *text);

/** The control thread is alive. */
void notify_watchdog(void);

/**
 * How often notify_watchdog has to be called: half of what the unit file says.
 *
 * @return [ns]; 0: nobody waits for it
 */
int64_t notify_watchdog_ns(void);

#endif
