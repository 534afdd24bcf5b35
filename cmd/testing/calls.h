/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An archive with known content, for tests of what reads archives. Every side
 * of every call has a tone of its own, so that a swap, a leak or a loss shows:
 *
 *   call A  14:15  2 segments of 3 s: left 440 Hz, right 880 Hz; in the first
 *                  one 10 packets of the right side are missing, from 1.0 s
 *   call B  14:20  1 segment of 2 s: left 600 Hz, right 1100 Hz; its caller
 *                  has a name that is no UTF-8 and would clear a terminal
 *   call C  14:30  nobody answered
 *   call D  14:40  not to be recorded
 */
#ifndef CMD_TESTING_CALLS_H
#define CMD_TESTING_CALLS_H

#include "store/store.h"

#define TESTING_CALLS 4
/** 2019-03-28 14:15:03 UTC */
#define TESTING_CALL_A_NS INT64_C(1553782503000000000)

/**
 * Write the calls into an empty archive. Aborts if it cannot.
 *
 * @param call their ids
 */
void testing_calls_fill(const char *dir,
			char call[TESTING_CALLS][STORE_CALL_ID_BYTES]);

/** Changes what a recording says at its end, and its row. @return 0, -errno */
typedef int (*testing_call_fn)(struct store_recording *recording,
			       struct store_segment *segment);

/** Write one more call, 14:45, with the sound of call B. Aborts if it cannot.
 * @param id of its segment */
void testing_call_add(const char *dir, char id[STORE_SEGMENT_ID_BYTES],
		      testing_call_fn before_end);

#endif
