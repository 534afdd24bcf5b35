/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exit codes, the same for all programs; part of the command line contract. */
#ifndef CMD_COMMON_EXIT_H
#define CMD_COMMON_EXIT_H

enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_FOUND = 3,
	EXIT_NOT_ALLOWED = 4,
	EXIT_DAMAGED = 5
};

/** The exit code that tells a negative errno value best. */
int exit_code(int error);

#endif
