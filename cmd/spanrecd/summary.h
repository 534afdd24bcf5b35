/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a run did, on one screen: what was seen, kept and lost, and where. */
#ifndef CMD_SPANRECD_SUMMARY_H
#define CMD_SPANRECD_SUMMARY_H

#include <stdint.h>
#include <stdio.h>

struct pipeline;

/** Monotonic, for how long a run took. [ns] */
int64_t summary_clock(void);

/** @param took_ns of wall time */
void summary_print(const struct pipeline *pipeline, int64_t took_ns, FILE *to);

#endif
