/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reports of telephones: whose are they? RTCP goes the way of its stream, on
 * the next higher port or on the same one (RFC 3550 section 11, RFC 5761), so
 * that the media table tells. Reports add up, so one that comes before its SDP
 * is not waited for. Of encrypted media nothing is believed that no key proves.
 */
#include <errno.h>
#include <stdalign.h>
#include <string.h>

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
	       (owner->sticky || owner->over || owner->entry->media.orphan);
}

/* Where a report belongs. */
struct place {
	struct writer_call *call;
	struct segment *segment;
	struct reports_origin origin;
};

/* @return false: not here; if all writers find so, one of them counts it */
static bool
place(struct writer_state *w, const struct media_owner *owner, bool owned,
      struct place *place)
{
	if (!owned && w->writer->index == 0)
		counter_add(&w->writer->counters, COUNTER_reports_unclaimed, 1);
	if (!owned || owner->entry->writer != w->writer->index)
		return false;
	place->call = writer__call_find(w, owner->entry->call);
	place->segment =
	    writer__segment_find(w, owner->entry->call, place->origin.time_ns);
	if (!place->call || !place->segment)
		return false;
	place->origin.segment = place->segment->serial;
	place->origin.from_start =
	    place->segment->row.segment == 1 && !place->segment->if_media;
	place->origin.end = owner->speaker;
	return true;
}

static void
count_added(struct writer_state *w, int r)
{
	if (r == -ENOMEM)
		log_error("out of memory: a report is not counted");
	if (r < 0)
		counter_add(&w->writer->counters, COUNTER_rtcp_shed, 1);
}

/* Of a call with keys. Where there are none, it is as if it had not come. */
static void
take_secure(struct writer_state *w, const struct rtcp_record *record,
	    const struct place *at)
{
	const struct capture_flow_key flow = {
		.src = record->src,
		.dst = record->dst,
		.ssrc = record->report.reporter,
	};
	const struct secrets_question question = {
		.flow = &flow,
		.speaker = at->origin.end,
		.window_ns = w->pipeline->times.window_ns,
	};
	struct rtp_rtcp_report reports[RTP_RTCP_REPORTS_MAX];
	alignas(8) uint8_t plain[RTP_DECRYPT_RTCP_MAX];
	int r =
	    secrets_open_rtcp(&at->call->secrets, &question, record->time_ns,
			      record->packet, record->bytes, plain);
	int count = r < 0 ? 0 : rtp_rtcp_read(reports, plain, (size_t)r);

	if (r == -ENOMEM || r == -ENOSPC)
		count_added(w, r);
	else if (r == -EBADMSG)
		counter_add(&w->writer->counters, COUNTER_srtcp_refused, 1);
	else if (r >= 0)
		counter_add(&w->writer->counters, COUNTER_srtcp_decrypted, 1);
	for (int i = 0; i < count; i++)
		count_added(w, reports_add(&at->call->reports, &at->origin,
					   &reports[i]));
}

static void
take(struct writer_state *w, const struct rtcp_record *record)
{
	struct capture_flow_key flow = {
		.src = media_port(&record->src),
		.dst = media_port(&record->dst),
		.ssrc = record->report.reporter,
	};
	struct place at = { .origin = { .src = &record->src,
					.dst = &record->dst,
					.time_ns = record->time_ns } };
	struct media_owner owner;
	bool owned = find(w, &flow, record->time_ns, &owner);

	if (!owned) {
		flow.src = record->src;
		flow.dst = record->dst;
		owned = find(w, &flow, record->time_ns, &owner);
	}
	if (!place(w, &owner, owned, &at))
		return;
	if (record->bytes)
		take_secure(w, record, &at);
	else if (!owner.encrypted)
		count_added(w, reports_add(&at.call->reports, &at.origin,
					   &record->report));
}

/* Of all capture threads: an answer may have come to another one than what it
 * answers. @return NULL: none is due */
static struct capture_ring *
oldest(struct writer_state *w)
{
	struct capture_ring *first = NULL;
	int64_t first_ns = w->taken_ns;
	uint32_t i;

	for (i = 0; i < w->pipeline->captures_count; i++) {
		struct capture_ring *ring =
		    w->pipeline->captures[i].rtcp[w->writer->index];
		const struct rtcp_record *record =
		    capture_ring_peek(ring, NULL);

		if (!record || record->time_ns > first_ns ||
		    (first && record->time_ns == first_ns))
			continue;
		first = ring;
		first_ns = record->time_ns;
	}
	return first;
}

void
writer__reports_take(struct writer_state *w)
{
	struct capture_ring *ring;

	while ((ring = oldest(w))) {
		take(w, capture_ring_peek(ring, NULL));
		capture_ring_release(ring);
	}
}

/* Is this Call-ID one of the lines? */
static bool
has_line(const char *lines, const char *line)
{
	size_t n = strlen(line);
	const char *at = lines;

	while ((at = strstr(at, line))) {
		if ((at == lines || at[-1] == '\n') &&
		    (at[n] == '\n' || at[n] == '\0'))
			return true;
		at += n;
	}
	return false;
}

void
writer__report_told(struct writer_state *w, const struct writer_event *event)
{
	const struct sip_report *report = &event->report;
	const struct capture_flow_key flow = { .src = report->local,
					       .dst = report->remote };
	const struct reports_voip voip = {
		.loss = report->loss,
		.discard = report->discard,
		.round_trip_ms = report->round_trip_ms,
		.r = report->r,
		.mos_lq = report->mos_lq,
		.mos_cq = report->mos_cq,
	};
	struct place at = { .origin = { .src = &report->local,
					.dst = &report->remote,
					.time_ns = event->time_ns } };
	struct media_owner owner;
	bool owned = find(w, &flow, event->time_ns, &owner);

	if (!place(w, &owner, owned, &at))
		return;
	if (has_line(at.segment->row.sip_call_ids, report->call_id))
		count_added(w, reports_add_voip(&at.call->reports, &at.origin,
						report->remote_ssrc, &voip));
	else
		counter_add(&w->writer->counters, COUNTER_reports_unclaimed, 1);
}
