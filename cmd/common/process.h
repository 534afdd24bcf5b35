/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every program does first with its own process. */
#ifndef CMD_COMMON_PROCESS_H
#define CMD_COMMON_PROCESS_H

/**
 * No core files, no other process of this account looking in: memory holds
 * keys and audio. Writes past a file size limit become errors, not signals.
 *
 * @return 0, or negative errno
 */
int process_guard(void) __attribute__((warn_unused_result));

/** As many open files as the hard limit allows: a recording takes one. */
void process_raise_files(void);

/**
 * A page of a mapped file that is damaged, or cut off, ends in SIGBUS or
 * SIGSEGV, wherever it is touched: say so, in these words, and exit.
 *
 * @param words a line, borrowed for good
 */
void process_on_damage(const char *words, int exit_code);

#endif
