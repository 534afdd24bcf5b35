/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a segment is not to be recorded. */
#include "cmd/spanrecd/segment_priv.h"
#include "rtp/tracks.h"

/* Is another stream of its side there since a pause began? A relay may pass the
 * same sound on a little later, and which of them it is nobody knows. */
static bool
has_company(const struct segment *s, int stream, int64_t from_ns)
{
	const struct store_stream *me = &s->row.streams[stream];

	for (uint32_t i = 0; i < s->row.streams_count; i++) {
		const struct store_stream *other = &s->row.streams[i];

		if (other != me && other->side == me->side &&
		    other->last_ns >= from_ns - RTP_TRACKS_RELAY_NS)
			return true;
	}
	return false;
}

/* What was said in a pause is behind a relay a little longer. */
static int64_t
pause_ends(const struct segment *s, int stream,
	   const struct segment_pause *pause)
{
	if (pause->until_ns == INT64_MAX ||
	    !has_company(s, stream, pause->from_ns))
		return pause->until_ns;
	return pause->until_ns + RTP_TRACKS_RELAY_NS;
}

const struct segment_pause *
segment__paused(const struct segment *s, int stream, int64_t time_ns,
		const struct segment_pause **over)
{
	const struct segment_pause *pause;

	*over = NULL;
	for (pause = *s->pauses; pause; pause = pause->next) {
		if (time_ns < pause->from_ns)
			continue;
		if (time_ns < pause_ends(s, stream, pause))
			return pause;
		*over = pause;
		return NULL;
	}
	return NULL;
}
