/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What was left out of a stream on purpose, and must not come back by way of
 * another one: a digit that one hop carries as an event may be a tone on the
 * next. So while one stream of a side has such a gap, the others of that side
 * are not heard either, nor shortly before and after, since one hop is behind
 * the other. The exception is a stream from which the same was left out: what
 * it has at the edges of its own gap is no part of it.
 */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <stdlib.h>

#include "rtp/tracks.h"

/** One hop is behind another by less. */
#define RELAY_NS RTP_TRACKS_RELAY_NS

/* Loss and the like hide nothing: what one hop misses the other may tell. So
 * it is with keys that only one leg of a call has. */
static bool
on_purpose(enum store_reason reason)
{
	switch (reason) {
	case STORE_REASON_dtmf:
	case STORE_REASON_policy:
	case STORE_REASON_paused:
		return true;
	default:
		return false;
	}
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

static int
add_unlost(struct spanrec_spans *row, const struct spanrec_span *span)
{
	struct spanrec_span *spans =
	    room_for_one(row->spans, row->count, sizeof(*spans));

	if (!spans)
		return -ENOMEM;
	row->spans = spans;
	spans[row->count++] = *span;
	return 0;
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
	    add_unlost(&withheld->unlost[side == STORE_RIGHT], &span) < 0)
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

/* ---- rows of spans, in order and apart --------------------------------- */

static int
compare(const void *a, const void *b)
{
	const struct spanrec_span *x = a, *y = b;

	return (x->from_ns > y->from_ns) - (x->from_ns < y->from_ns);
}

static void
put_in_order(struct spanrec_spans *row)
{
	size_t i, n = 0;

	if (row->count)
		qsort(row->spans, row->count, sizeof(*row->spans), compare);
	for (i = 0; i < row->count; i++) {
		const struct spanrec_span *span = &row->spans[i];

		if (!n || span->from_ns > row->spans[n - 1].until_ns)
			row->spans[n++] = *span;
		else if (span->until_ns > row->spans[n - 1].until_ns)
			row->spans[n - 1].until_ns = span->until_ns;
	}
	row->count = n;
}

/* The first that is not over before a time. @return NULL: there is none */
static const struct spanrec_span *
first_from(const struct spanrec_spans *row, int64_t time_ns)
{
	size_t low = 0, high = row->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (row->spans[middle].until_ns < time_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low < row->count ? &row->spans[low] : NULL;
}

static bool
touches(const struct spanrec_spans *row, const struct spanrec_span *span)
{
	const struct spanrec_span *first = first_from(row, span->from_ns);

	return first && first->from_ns <= span->until_ns;
}

/* With what is shortly before and after; files may say any time. */
static struct spanrec_span
widened(const struct spanrec_span *span)
{
	struct spanrec_span wide;

	if (__builtin_sub_overflow(span->from_ns, RELAY_NS, &wide.from_ns))
		wide.from_ns = INT64_MIN;
	if (__builtin_add_overflow(span->until_ns, RELAY_NS, &wide.until_ns))
		wide.until_ns = INT64_MAX;
	return wide;
}

/* What one stream must not tell. @return 0, -ENOMEM */
static int
gather(struct spanrec_withheld *withheld, enum store_side side, unsigned stream)
{
	struct spanrec_spans *row = &withheld->of[stream], own = { 0 };
	size_t i;

	row->spans = calloc(withheld->count, sizeof(*row->spans));
	own.spans = calloc(withheld->count, sizeof(*own.spans));
	if (!row->spans || !own.spans) {
		free(row->spans);
		free(own.spans);
		row->spans = NULL;
		return -ENOMEM;
	}
	for (i = 0; i < withheld->count; i++) {
		if (withheld->gaps[i].stream == stream)
			own.spans[own.count++] = withheld->gaps[i].span;
	}
	put_in_order(&own);
	for (i = 0; i < withheld->count; i++) {
		const struct spanrec_withheld_gap *gap = &withheld->gaps[i];
		struct spanrec_span wide = widened(&gap->span);

		if (gap->side == side && gap->stream != stream &&
		    !touches(&own, &wide))
			row->spans[row->count++] = wide;
	}
	free(own.spans);
	put_in_order(row);
	return 0;
}

int
spanrec_withheld_ask(struct spanrec_withheld *withheld, enum store_side side,
		     unsigned stream, int64_t time_ns)
{
	const struct spanrec_span now = { time_ns, time_ns };
	int rc;

	if (!withheld->count)
		return 0;
	if (!withheld->of[stream].spans) {
		rc = gather(withheld, side, stream);
		if (rc < 0)
			return rc;
	}
	return touches(&withheld->of[stream], &now);
}

static const struct spanrec_spans *
unlost(struct spanrec_withheld *withheld, enum store_side side)
{
	if (!withheld->in_order) {
		put_in_order(&withheld->unlost[0]);
		put_in_order(&withheld->unlost[1]);
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
	return touches(unlost(withheld, side), &span);
}

int64_t
spanrec_withheld_next(struct spanrec_withheld *withheld, enum store_side side,
		      int64_t time_ns)
{
	const struct spanrec_span *first =
	    first_from(unlost(withheld, side), time_ns);

	return first ? first->from_ns : INT64_MAX;
}
