/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Until when there is what of a segment: what each command tells is the same.
 */
#include "cmd/spanrec/spanrec.h"

bool
spanrec_segment_recorded(const struct store_segment *segment)
{
	return segment->state == STORE_STATE_RECORDING || segment->chunks ||
	       segment->bytes;
}

int
spanrec_until(const struct spanrec *spanrec,
	      const struct store_segment *segment, struct spanrec_until *until)
{
	const bool held = segment->state == STORE_STATE_HELD;
	struct policy_clock clock;
	int r = clocks_of(spanrec->clocks, spanrec->archive, spanrec->policy,
			  segment, &clock);

	*until =
	    (struct spanrec_until){ .note_ns = held ? 0 : clock.metadata_ns };
	if (!spanrec_segment_recorded(segment))
		return r;
	until->ceiling_ns = clock.ceiling_ns;
	if (!held && segment->state != STORE_STATE_PURGED)
		until->due_ns = clock.due_ns;
	if (clock.floor_ns > segment->call_start_ns)
		until->floor_ns = clock.floor_ns;
	if (segment->not_before_ns > until->floor_ns)
		until->floor_ns = segment->not_before_ns;
	return r;
}
