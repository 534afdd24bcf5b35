/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the streams of a segment fared. Losses that are ours (what the kernel
 * dropped, what was shed) say nothing of the network, and are left out of it.
 */
#include <stdlib.h>

#include "cmd/spanrecd/segment_priv.h"

static const int64_t SECOND_NS = 1000000000LL;
/* What is shorter than that may have had no time for media. */
static const int64_t FLAGGED_NS = 3 * 1000000000LL;

static bool
is_kept(const struct segment *s)
{
	return s->row.decision == STORE_RECORD ||
	       s->row.decision == STORE_LISTEN_DENY;
}

void
segment__measure(struct segment *s, const struct segment_flow *flow,
		 const struct rtp_frame *frame)
{
	struct figures **figures = &s->figures[flow->stream];
	bool secret = flow->encrypted || flow->tone || flow->withheld;

	if (!is_kept(s))
		return;
	if (!*figures)
		*figures = calloc(1, sizeof(**figures));
	if (*figures && figures_frame(*figures, flow->media, frame, secret))
		/* Without memory a second seems quiet. */
		(void)!figures_heard(&s->heard, frame->time_ns - s->start_ns);
}

void
segment__miss(struct segment *s, const struct segment_flow *flow, uint32_t lost,
	      uint32_t shed)
{
	struct figures *figures = s->figures[flow->stream];

	if (!figures)
		return;
	if (flow->kernel)
		rtp_quality_unseen(&figures->quality, lost + shed);
	else {
		rtp_quality_lost(&figures->quality, lost);
		rtp_quality_unseen(&figures->quality, shed);
	}
}

/* ---- the end ------------------------------------------------------------- */

static void
rate_stream(struct segment *s, uint32_t i)
{
	const struct figures *figures = s->figures[i];
	struct store_stream *row = &s->row.streams[i];
	bool caller = (row->side == STORE_LEFT) == s->left_is_caller;
	const struct reports_stream stream = {
		.segment = s->serial,
		.sender = caller ? SIP_CALLER : SIP_CALLEE,
		.clock_hz = figures ? figures->quality.clock_hz : 0,
		.info = &s->info[i],
		.quality = figures ? &figures->quality : NULL,
	};

	if (!figures)
		return;
	figures_fill(figures, row);
	if (s->reports)
		reports_fill(s->reports, &stream, row);
	figures_rate(figures, row);
}

/* Which sides were there at all? */
static uint32_t
sides(const struct store_segment *row)
{
	uint32_t i, seen = 0;

	for (i = 0; i < row->streams_count; i++)
		if (row->streams[i].seen > row->streams[i].duplicate)
			seen |= 1U << row->streams[i].side;
	return seen;
}

/* On hold there may be music, or nothing. */
static void
flag(struct segment *s, const struct segment_input *in)
{
	struct store_segment *row = &s->row;
	int64_t from_ns = row->start_ns;

	if (!row->answer_ns || row->kind == STORE_HOLD)
		return;
	if (from_ns < row->answer_ns)
		from_ns = row->answer_ns;
	if (row->end_ns - from_ns < FLAGGED_NS)
		return;
	switch (sides(row)) {
	case 0:
		row->flags |= STORE_NO_MEDIA;
		counter_add(in->counters, COUNTER_no_media, 1);
		return;
	case 1U << STORE_LEFT:
	case 1U << STORE_RIGHT:
		row->flags |= STORE_ONE_WAY;
		counter_add(in->counters, COUNTER_one_way, 1);
		break;
	default:
		break;
	}
	row->dead_air_s = figures_quiet_s(&s->heard, from_ns - s->start_ns,
					  row->end_ns - s->start_ns);
	if (!in->dead_air_ns || row->dead_air_s * SECOND_NS < in->dead_air_ns)
		return;
	row->flags |= STORE_DEAD_AIR;
	counter_add(in->counters, COUNTER_dead_air, 1);
}

void
segment__rate(struct segment *s, const struct segment_input *in)
{
	uint32_t i;

	if (!is_kept(s))
		return;
	for (i = 0; i < s->row.streams_count; i++) {
		const struct store_quality *q = &s->row.streams[i].quality;

		rate_stream(s, i);
		counter_add(in->counters, COUNTER_reported,
			    q->reported_packets);
		counter_add(in->counters, COUNTER_mirror_lost, q->mirror_lost);
		counter_add(in->counters, COUNTER_network_lost,
			    q->network_lost);
	}
	flag(s, in);
}
