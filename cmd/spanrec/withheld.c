/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What was left out of a stream on purpose, and must not come back by way of
 * another one: a digit that one hop carries as an event may be a tone on the
 * next. So while one stream of a side has such a gap, the others of that side
 * are not heard either, nor shortly before and after, since one hop is behind
 * the other. The exception is what a stream has around a gap of its own: there
 * the same was left out of it, and what lies at the edges is no part of it.
 */
#include "cmd/spanrec/audio_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "rtp/tracks.h"

/** One hop is behind another by less. */
#define RELAY_NS RTP_TRACKS_RELAY_NS

/* Somebody has decided that nobody hears it: a policy, who paused, who pays,
 * who does not want to be recorded, who took it out. What was lost, or shed, or
 * came while there was no recorder, the other hop may tell; and what is
 * encrypted on one leg, and not on another, is nobody's decision here. All
 * reasons are named, so that another one has to be thought of. */
static bool
on_purpose(enum store_reason reason)
{
	switch (reason) {
	case STORE_REASON_dtmf:
	case STORE_REASON_policy:
	case STORE_REASON_paused:
	case STORE_REASON_payment:
	case STORE_REASON_opt_out:
	case STORE_REASON_scrub:
		return true;
	case STORE_REASON_loss:
	case STORE_REASON_overrun:
	case STORE_REASON_encrypted:
	case STORE_REASON_interrupted:
	case STORE_REASON_kernel:
	case STORE_REASON_COUNT:
		break;
	}
	return false;
}

/* Packets that should have come: what they held may be made up. */
static bool
was_lost(enum store_reason reason)
{
	return reason == STORE_REASON_loss || reason == STORE_REASON_kernel ||
	       reason == STORE_REASON_overrun;
}

static void *
room_for_one(void *array, size_t count, size_t bytes)
{
	/* doubled each time it is full */
	if (count & (count - 1))
		return array;
	return realloc(array, (count ? 2 * count : 1) * bytes);
}

int
spanrec_withheld_add(struct spanrec_withheld *withheld, enum store_side side,
		     const struct store_gap *gap)
{
	struct spanrec_span span = { gap->from_ns, gap->until_ns };
	struct spanrec_withheld_gap *gaps;

	withheld->in_order = false;
	/* packets that overtook each other */
	if (span.until_ns < span.from_ns)
		span = (struct spanrec_span){ gap->until_ns, gap->from_ns };
	if (!was_lost(gap->reason) &&
	    spanrec_spans_add(&withheld->unlost[side == STORE_RIGHT], span) < 0)
		return -ENOMEM;
	if (!on_purpose(gap->reason))
		return 0;
	gaps = room_for_one(withheld->gaps, withheld->count, sizeof(*gaps));
	if (!gaps)
		return -ENOMEM;
	withheld->gaps = gaps;
	gaps[withheld->count++] = (struct spanrec_withheld_gap){
		.side = side,
		.stream = gap->stream,
		.span = span,
	};
	return 0;
}

void
spanrec_withheld_fini(struct spanrec_withheld *withheld)
{
	unsigned i;

	for (i = 0; i < STORE_STREAMS_MAX; i++)
		free(withheld->of[i].spans);
	for (i = 0; i < 2; i++)
		free(withheld->unlost[i].spans);
	free(withheld->gaps);
	*withheld = (struct spanrec_withheld){ 0 };
}

/* The gaps of a stream, or of the others of its side, so much widened. @return
 * 0, -ENOMEM */
static int
collect(struct spanrec_spans *row, const struct spanrec_withheld *withheld,
	enum store_side side, unsigned stream, bool own)
{
	int rc = 0;
	size_t i;

	for (i = 0; rc == 0 && i < withheld->count; i++) {
		const struct spanrec_withheld_gap *gap = &withheld->gaps[i];

		if (gap->side == side && (gap->stream == stream) == own)
			rc = spanrec_spans_add(
			    row, spanrec_span_widened(
				     gap->span, own ? 2 * RELAY_NS : RELAY_NS));
	}
	spanrec_spans_order(row);
	return rc;
}

/* ---- questions ---------------------------------------------------------- */

/* What one stream must not tell. @return 0, -ENOMEM */
static int
gather(struct spanrec_withheld *withheld, enum store_side side, unsigned stream)
{
	struct spanrec_spans others = { 0 }, own = { 0 };
	int rc = collect(&others, withheld, side, stream, false);

	if (rc == 0)
		rc = collect(&own, withheld, side, stream, true);
	if (rc == 0)
		rc = spanrec_spans_subtract(&withheld->of[stream], &others,
					    &own);
	free(others.spans);
	free(own.spans);
	withheld->gathered[stream] = rc == 0;
	return rc;
}

int
spanrec_withheld_of(struct spanrec_withheld *withheld, enum store_side side,
		    unsigned stream, const struct spanrec_spans **spans)
{
	int rc = withheld->gathered[stream] || !withheld->count
		     ? 0
		     : gather(withheld, side, stream);

	*spans = &withheld->of[stream];
	return rc;
}

int
spanrec_withheld_ask(struct spanrec_withheld *withheld, enum store_side side,
		     unsigned stream, int64_t time_ns)
{
	const struct spanrec_spans *spans;
	int rc = spanrec_withheld_of(withheld, side, stream, &spans);

	if (rc < 0)
		return rc;
	return spanrec_spans_touch(spans,
				   (struct spanrec_span){ time_ns, time_ns });
}

static const struct spanrec_spans *
unlost(struct spanrec_withheld *withheld, enum store_side side)
{
	if (!withheld->in_order) {
		spanrec_spans_order(&withheld->unlost[0]);
		spanrec_spans_order(&withheld->unlost[1]);
		withheld->in_order = true;
	}
	return &withheld->unlost[side == STORE_RIGHT];
}

bool
spanrec_withheld_between(struct spanrec_withheld *withheld,
			 enum store_side side, int64_t from_ns,
			 int64_t until_ns)
{
	struct spanrec_span span = { from_ns, until_ns };

	if (until_ns < from_ns)
		span = (struct spanrec_span){ until_ns, from_ns };
	return spanrec_spans_touch(unlost(withheld, side), span);
}

int64_t
spanrec_withheld_next(struct spanrec_withheld *withheld, enum store_side side,
		      int64_t time_ns)
{
	const struct spanrec_span *first =
	    spanrec_spans_from(unlost(withheld, side), time_ns);

	return first ? first->from_ns : INT64_MAX;
}
