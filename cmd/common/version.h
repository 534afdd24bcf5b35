/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The version of all programs. */
#ifndef CMD_COMMON_VERSION_H
#define CMD_COMMON_VERSION_H

#define SPANREC_VERSION "0.1"

#endif
