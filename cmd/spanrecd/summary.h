/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a run did, on one screen: what was seen, kept and lost, and where. */
#ifndef CMD_SPANRECD_SUMMARY_H
#define CMD_SPANRECD_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { SUMMARY_TEXT_BYTES = 128 };

struct pipeline;

/** Monotonic, for how long a run took. [ns] */
int64_t summary_clock(void);

/**
 * Is there so much RTP that belongs to no call that something is wrong: more
 * than a tenth of all, and more than 100 packets? A stream that goes on for a
 * moment after its call, or that began before the recorder, is not.
 *
 * @param values [COUNTER_ROWS_COUNT]
 * @param text what to tell people
 * @thread any
 */
bool summary_unclaimed(const uint64_t *values, char text[SUMMARY_TEXT_BYTES]);

/** @param took_ns of wall time */
void summary_print(const struct pipeline *pipeline, int64_t took_ns, FILE *to);

#endif
