/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reports of telephones: whose are they? RTCP goes the way of its stream, on
 * the next higher port or on the same one (RFC 3550 section 11, RFC 5761), so
 * that the media table tells. Reports add up, so one that comes before its SDP
 * is not waited for. Of encrypted media nothing is believed.
 */
#include <errno.h>

#include "cmd/common/log.h"
#include "cmd/spanrecd/writer_priv.h"

/* The port of the stream whose RTCP this is, if it has one of its own. */
static struct capture_endpoint
media_port(const struct capture_endpoint *ep)
{
	struct capture_endpoint media = *ep;

	media.port &= 0xfffe;
	return media;
}

/* What may still be claimed is nobody's: whether it is would depend on how far
 * the threads have got. */
static bool
find(const struct writer_state *w, const struct capture_flow_key *flow,
     int64_t time_ns, struct media_owner *owner)
{
	const struct media_question question = {
		.flow = flow,
		.time_ns = time_ns,
		.watermark_ns = w->watermark_ns,
	};

	return media_find(w->media, &question, owner) == MEDIA_OWNED &&
	       (owner->sticky || owner->over);
}

static bool
find_owner(const struct writer_state *w, const struct rtcp_record *record,
	   struct media_owner *owner)
{
	struct capture_flow_key flow = {
		.src = media_port(&record->src),
		.dst = media_port(&record->dst),
		.ssrc = record->report.reporter,
	};

	if (find(w, &flow, record->time_ns, owner))
		return true;
	flow.src = record->src;
	flow.dst = record->dst;
	return find(w, &flow, record->time_ns, owner);
}

static void
take(struct writer_state *w, const struct rtcp_record *record)
{
	struct media_owner owner;
	struct reports_origin origin = {
		.src = &record->src,
		.dst = &record->dst,
		.time_ns = record->time_ns,
	};
	struct writer_call *call;
	struct segment *segment;
	int r;

	if (!find_owner(w, record, &owner)) {
		/* All writers find the same. */
		if (w->writer->index == 0)
			counter_add(&w->writer->counters,
				    COUNTER_reports_unclaimed, 1);
		return;
	}
	if (owner.entry->writer != w->writer->index || owner.encrypted)
		return;
	call = writer__call_find(w, owner.entry->call);
	segment = writer__segment_find(w, owner.entry->call, record->time_ns);
	if (!call || !segment)
		return;
	origin.segment = segment->serial;
	origin.from_start = segment->row.segment == 1 && !segment->if_media;
	origin.end = owner.speaker;
	r = reports_add(&call->reports, &origin, &record->report);
	if (r == -ENOMEM)
		log_error("out of memory: a report is not counted");
	if (r < 0)
		counter_add(&w->writer->counters, COUNTER_rtcp_shed, 1);
}

void
writer__reports_take(struct writer_state *w)
{
	const struct rtcp_record *record;
	uint32_t i;

	for (i = 0; i < w->pipeline->captures_count; i++) {
		struct capture_ring *ring =
		    w->pipeline->captures[i].rtcp[w->writer->index];

		while ((record = capture_ring_peek(ring, NULL)) &&
		       record->time_ns <= w->due_ns) {
			take(w, record);
			capture_ring_release(ring);
		}
	}
}
