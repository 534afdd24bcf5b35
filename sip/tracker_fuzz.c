/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any row of messages, and what must hold of the events: see tracker_fuzz.h. */
#include "sip/tracker_fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct capture_rd rd = capture_rd_init(bytes, n);
	struct sip_tracker *tracker = world_begin();
	struct row row;

	while (row_next(&row, &rd))
		row_run(tracker, &row, &rd);
	world_end(tracker);
	return 0;
}
