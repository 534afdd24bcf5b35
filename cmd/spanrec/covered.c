/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See audio_priv.h. */
#include "cmd/spanrec/audio_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "rtp/tracks.h"

/** What the last packet of a stream holds. */
#define PACKET_NS (20 * INT64_C(1000000))

/** What is left of a gap and is shorter is the edge of what covers it. */
#define EDGE_NS PACKET_NS

struct hole {
	struct store_gap gap;
	struct spanrec_span span;
	int64_t
	    until_max_ns; /* of all up to this one, once they are in order */
	/* RTP timestamps of the packets around it */
	bool before_known, after_known;
	uint32_t before, after;
};

struct hop {
	bool seen; /* a frame or a gap */
	enum store_side side;
	uint32_t ssrc;
	/* its sound */
	bool heard, unknown;
	struct spanrec_span span;
	uint32_t timestamp; /* of the last frame */
	struct hole *holes;
	size_t holes_count;
	size_t open; /* from this hole on it is not known what comes behind */
};

struct spanrec_covered {
	struct hop hops[STORE_STREAMS_MAX];
};

struct spanrec_covered *
spanrec_covered_new(void)
{
	return calloc(1, sizeof(struct spanrec_covered));
}

void
spanrec_covered_free(struct spanrec_covered **covered)
{
	size_t i;

	if (!*covered)
		return;
	for (i = 0; i < STORE_STREAMS_MAX; i++)
		free((*covered)->hops[i].holes);
	free(*covered);
	*covered = NULL;
}

static struct hop *
hop_of(struct spanrec_covered *covered, const struct store_stream_info *info,
       unsigned stream)
{
	struct hop *hop = &covered->hops[stream];

	hop->seen = true;
	hop->side = info->side;
	hop->ssrc = info->ssrc;
	return hop;
}

int
spanrec_covered_frame(struct spanrec_covered *covered,
		      const struct store_stream_info *info,
		      const struct store_frame *frame, bool known)
{
	struct hop *hop = hop_of(covered, info, frame->stream);

	for (; hop->open < hop->holes_count; hop->open++) {
		hop->holes[hop->open].after_known = true;
		hop->holes[hop->open].after = frame->timestamp;
	}
	if (!hop->heard || frame->time_ns < hop->span.from_ns)
		hop->span.from_ns = frame->time_ns;
	if (!hop->heard || frame->time_ns > hop->span.until_ns)
		hop->span.until_ns = frame->time_ns;
	hop->heard = true;
	hop->unknown |= !known;
	hop->timestamp = frame->timestamp;
	return 0;
}

int
spanrec_covered_gap(struct spanrec_covered *covered,
		    const struct store_stream_info *info,
		    const struct store_gap *gap)
{
	struct hop *hop = hop_of(covered, info, gap->stream);
	struct hole *hole;

	/* doubled each time it is full */
	if (!(hop->holes_count & (hop->holes_count - 1))) {
		size_t capacity = hop->holes_count ? 2 * hop->holes_count : 1;
		struct hole *holes =
		    realloc(hop->holes, capacity * sizeof(*holes));

		if (!holes)
			return -ENOMEM;
		hop->holes = holes;
	}
	hole = &hop->holes[hop->holes_count++];
	*hole = (struct hole){ .gap = *gap,
			       .span = { gap->from_ns, gap->until_ns },
			       .before_known = hop->heard,
			       .before = hop->timestamp };
	/* packets that overtook each other */
	if (hole->span.until_ns < hole->span.from_ns)
		hole->span =
		    (struct spanrec_span){ gap->until_ns, gap->from_ns };
	return 0;
}

/* ---- what is missing on both -------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	const struct hole *x = a, *y = b;

	return (x->span.from_ns > y->span.from_ns) -
	       (x->span.from_ns < y->span.from_ns);
}

static void
put_in_order(struct hop *hop)
{
	int64_t max_ns = INT64_MIN;
	size_t i;

	if (hop->holes_count)
		qsort(hop->holes, hop->holes_count, sizeof(*hop->holes),
		      compare);
	for (i = 0; i < hop->holes_count; i++) {
		if (hop->holes[i].span.until_ns > max_ns)
			max_ns = hop->holes[i].span.until_ns;
		hop->holes[i].until_max_ns = max_ns;
	}
}

/* The first that may not be over before a time. */
static size_t
first_from(const struct hop *hop, int64_t time_ns)
{
	size_t low = 0, high = hop->holes_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (hop->holes[middle].until_max_ns < time_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* How long a packet of a hole is, in units of the timestamp. */
static int64_t
step(const struct hole *hole)
{
	return (int32_t)(hole->after - hole->before) /
	       ((int64_t)hole->gap.packets + 1);
}

/* Where the SSRC is the same, so are the timestamps: the last that one hop
 * misses lies before the first that the other one misses. */
static bool
tells_apart(const struct hop *hop, const struct hole *hole,
	    const struct hop *other, const struct hole *others)
{
	int64_t two;

	if (hop->ssrc != other->ssrc || !hole->before_known ||
	    !hole->after_known || !others->before_known || !others->after_known)
		return false;
	two = 2 * (step(hole) < step(others) ? step(hole) : step(others));
	return (int32_t)(hole->after - others->before) < two ||
	       (int32_t)(others->after - hole->before) < two;
}

/* What another hop does not have of a hole. @return 0, -ENOMEM */
static int
list_blocked(struct spanrec_spans *blocked, const struct hop *hop,
	     const struct hole *hole, const struct hop *other)
{
	struct spanrec_span wide =
	    spanrec_span_widened(hole->span, RTP_TRACKS_RELAY_NS);
	size_t i = first_from(other, wide.from_ns);
	int rc = 0;

	for (; rc == 0 && i < other->holes_count; i++) {
		const struct hole *others = &other->holes[i];

		if (others->span.from_ns > wide.until_ns)
			break;
		if (!tells_apart(hop, hole, other, others))
			rc = spanrec_spans_add(
			    blocked, spanrec_span_widened(others->span,
							  RTP_TRACKS_RELAY_NS));
	}
	return rc;
}

/* ---- what another hop has ------------------------------------------------ */

/* @param hidden what it must not tell. @return 0, -ENOMEM */
static int
subtract_hop(struct spanrec_spans *rest, const struct hop *hop,
	     const struct hole *hole, const struct hop *other,
	     const struct spanrec_spans *hidden)
{
	struct spanrec_span heard = {
		other->span.from_ns,
		spanrec_span_widened(other->span, PACKET_NS).until_ns
	};
	const struct spanrec_spans whole = { &heard, 1 };
	struct spanrec_spans blocked = { 0 }, open = { 0 }, told = { 0 };
	struct spanrec_spans left = { 0 };
	int rc = list_blocked(&blocked, hop, hole, other);

	spanrec_spans_order(&blocked);
	if (rc == 0)
		rc = spanrec_spans_subtract(&open, &whole, &blocked);
	if (rc == 0)
		rc = spanrec_spans_subtract(&told, &open, hidden);
	if (rc == 0)
		rc = spanrec_spans_subtract(&left, rest, &told);
	if (rc == 0) {
		free(rest->spans);
		*rest = left;
	}
	free(blocked.spans);
	free(open.spans);
	free(told.spans);
	return rc;
}

static bool
may_cover(const struct hop *hop, const struct hop *other)
{
	return other != hop && other->heard && !other->unknown &&
	       other->side == hop->side;
}

/* Nobody has decided that it is not to be heard: as in withheld.c. */
static bool
may_be_covered(enum store_reason reason)
{
	return reason == STORE_REASON_loss || reason == STORE_REASON_kernel ||
	       reason == STORE_REASON_overrun ||
	       reason == STORE_REASON_encrypted;
}

/* @return 0, -ENOMEM */
static int
find_rest(struct spanrec_covered *covered, struct spanrec_withheld *withheld,
	  const struct hop *hop, const struct hole *hole,
	  struct spanrec_spans *rest)
{
	unsigned i;
	int rc = spanrec_spans_add(rest, hole->span);

	if (!may_be_covered(hole->gap.reason))
		return rc;
	for (i = 0; rc == 0 && rest->count && i < STORE_STREAMS_MAX; i++) {
		const struct hop *other = &covered->hops[i];
		const struct spanrec_spans *hidden;

		if (!may_cover(hop, other))
			continue;
		rc = spanrec_withheld_of(withheld, other->side, i, &hidden);
		if (rc == 0)
			rc = subtract_hop(rest, hop, hole, other, hidden);
	}
	return rc;
}

/* @return 0, -ENOMEM */
static int
add_rest(struct spanrec_gaps *gaps, const struct hop *hop,
	 const struct hole *hole, const struct spanrec_spans *rest)
{
	int rc = 0;
	size_t i;

	for (i = 0; rc == 0 && i < rest->count; i++) {
		const struct spanrec_span *span = &rest->spans[i];
		struct store_gap gap = hole->gap;
		bool whole = span->from_ns == hole->span.from_ns &&
			     span->until_ns == hole->span.until_ns;

		if (!whole && span->until_ns - span->from_ns < EDGE_NS)
			continue;
		gap.from_ns = span->from_ns;
		gap.until_ns = span->until_ns;
		rc = spanrec_gaps_add(gaps, &gap, hop->side);
	}
	return rc;
}

int
spanrec_covered_rest(struct spanrec_covered *covered,
		     struct spanrec_withheld *withheld,
		     struct spanrec_gaps *gaps)
{
	size_t i, k;
	int rc = 0;

	for (i = 0; i < STORE_STREAMS_MAX; i++)
		put_in_order(&covered->hops[i]);
	for (i = 0; i < STORE_STREAMS_MAX; i++) {
		const struct hop *hop = &covered->hops[i];

		for (k = 0; rc == 0 && k < hop->holes_count; k++) {
			struct spanrec_spans rest = { 0 };

			rc = find_rest(covered, withheld, hop, &hop->holes[k],
				       &rest);
			if (rc == 0)
				rc = add_rest(gaps, hop, &hop->holes[k], &rest);
			free(rest.spans);
		}
	}
	return rc;
}
