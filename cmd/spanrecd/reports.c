/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See reports.h. */
#include "cmd/spanrecd/reports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const int64_t SECOND_NS = 1000000000LL;
/* Longer than that no packet is on its way. */
static const int64_t ROUND_TRIP_MAX_NS = 10 * 1000000000LL;

/* One reporter, one stream, one segment. */
struct reports_entry {
	struct reports_entry *next;
	uint64_t segment;
	enum sip_party end;
	uint32_t reporter, source;
	uint8_t src_addr[16], dst_addr[16];
	/* report blocks */
	uint32_t heard;
	bool from_start; /* there is nothing that came before `base` */
	int64_t last_ns;
	int32_t base_lost, last_lost;
	uint32_t base_highest, last_highest;
	uint32_t jitter_max;
	uint32_t round_trips;
	int64_t round_trips_ns; /* sum */
	/* VoIP metrics */
	uint32_t voip_count;
	struct reports_voip voip;
};

static bool
same_path(const struct reports_entry *e, const struct reports_origin *origin,
	  uint32_t reporter, uint32_t source)
{
	return e->source == source && e->reporter == reporter &&
	       e->end == origin->end &&
	       memcmp(e->src_addr, origin->src->addr, 16) == 0 &&
	       memcmp(e->dst_addr, origin->dst->addr, 16) == 0;
}

/* What came before a segment is not of it. The latest begun comes first. */
static const struct reports_entry *
find_before(const struct reports *reports, const struct reports_origin *origin,
	    uint32_t reporter, uint32_t source)
{
	const struct reports_entry *e;

	for (e = reports->first; e; e = e->next)
		if (e->segment < origin->segment && e->heard &&
		    same_path(e, origin, reporter, source))
			return e;
	return NULL;
}

static int
find(struct reports *reports, const struct reports_origin *origin,
     uint32_t reporter, uint32_t source, struct reports_entry **entry)
{
	struct reports_entry *e;

	for (e = reports->first; e; e = e->next)
		if (e->segment == origin->segment &&
		    same_path(e, origin, reporter, source))
			break;
	*entry = e;
	if (e)
		return 0;
	if (reports->count == REPORTS_MAX)
		return -ENOSPC;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->segment = origin->segment;
	e->end = origin->end;
	e->reporter = reporter;
	e->source = source;
	memcpy(e->src_addr, origin->src->addr, 16);
	memcpy(e->dst_addr, origin->dst->addr, 16);
	e->next = reports->first;
	reports->first = e;
	reports->count++;
	*entry = e;
	return 0;
}

/* ---- round trips --------------------------------------------------------- */

static void
note_sent(struct reports *reports, int64_t time_ns,
	  const struct rtp_rtcp_report *report)
{
	uint32_t at = reports->sent_next++ % REPORTS_SENT_MAX;

	reports->sent[at].source = report->source;
	reports->sent[at].ntp = report->sent_ntp;
	reports->sent[at].time_ns = time_ns;
}

/* RFC 3550 section 6.4.1, but from here: we saw the sender's clock pass by, and
 * now the receiver's answer. */
static void
note_round_trip(struct reports_entry *e, const struct reports *reports,
		int64_t time_ns, const struct rtp_rtcp_report *report)
{
	int64_t held_ns = (int64_t)report->heard.delay * SECOND_NS >> 16;
	uint32_t i;

	if (report->heard.last_sent == 0)
		return;
	for (i = 0; i < REPORTS_SENT_MAX; i++) {
		int64_t trip_ns = time_ns - reports->sent[i].time_ns - held_ns;

		if (reports->sent[i].source != report->source ||
		    reports->sent[i].ntp != report->heard.last_sent ||
		    trip_ns < 0 || trip_ns > ROUND_TRIP_MAX_NS)
			continue;
		e->round_trips++;
		e->round_trips_ns += trip_ns;
		return;
	}
}

/* ---- reports ------------------------------------------------------------- */

static void
begin(struct reports_entry *e, const struct reports_origin *origin,
      const struct reports_entry *before, const struct rtp_rtcp_report *report)
{
	e->from_start = !before && origin->from_start;
	if (before) {
		e->base_lost = before->last_lost;
		e->base_highest = before->last_highest;
	} else if (!e->from_start) {
		e->base_lost = report->heard.lost;
		e->base_highest = report->heard.highest;
	}
}

static int
add_heard(struct reports *reports, const struct reports_origin *origin,
	  const struct rtp_rtcp_report *report)
{
	struct reports_entry *e;
	int r = find(reports, origin, report->reporter, report->source, &e);

	if (r < 0)
		return r;
	if (e->heard == 0)
		begin(e, origin,
		      find_before(reports, origin, report->reporter,
				  report->source),
		      report);
	/* Several mirror ports may show it. */
	else if (e->last_highest == report->heard.highest &&
		 e->last_lost == report->heard.lost)
		return 0;
	e->heard++;
	note_round_trip(e, reports, origin->time_ns, report);
	if (report->heard.jitter > e->jitter_max)
		e->jitter_max = report->heard.jitter;
	if (e->heard > 1 && origin->time_ns < e->last_ns)
		return 0;
	e->last_ns = origin->time_ns;
	e->last_lost = report->heard.lost;
	e->last_highest = report->heard.highest;
	return 0;
}

static uint32_t
rating(uint8_t value, uint32_t factor)
{
	return value == RTP_RTCP_UNKNOWN ? 0 : value * factor;
}

int
reports_add_voip(struct reports *reports, const struct reports_origin *origin,
		 uint32_t source, const struct reports_voip *voip)
{
	struct reports_entry *e;
	int r = find(reports, origin, 0, source, &e);

	if (r < 0)
		return r;
	e->voip_count++;
	e->voip = *voip;
	return 0;
}

int
reports_add(struct reports *reports, const struct reports_origin *origin,
	    const struct rtp_rtcp_report *report)
{
	struct reports_voip voip;

	switch (report->kind) {
	case RTP_RTCP_SENT:
		note_sent(reports, origin->time_ns, report);
		return 0;
	case RTP_RTCP_HEARD:
		return add_heard(reports, origin, report);
	case RTP_RTCP_VOIP:
		break;
	}
	voip = (struct reports_voip){
		.loss = report->voip.loss * 10000 / 256,
		.discard = report->voip.discard * 10000 / 256,
		.round_trip_ms = report->voip.round_trip_ms,
		.r = rating(report->voip.r, 1),
		.mos_lq = rating(report->voip.mos_lq, 10),
		.mos_cq = rating(report->voip.mos_cq, 10),
	};
	return reports_add_voip(reports, origin, report->source, &voip);
}

/* ---- beside what was counted here ---------------------------------------- */

/* Reports about a stream come from where it goes. */
static bool
is_about(const struct reports_entry *e, const struct reports_stream *stream)
{
	return e->segment == stream->segment && e->end != stream->sender &&
	       (e->source == stream->info->ssrc || e->source == 0) &&
	       memcmp(e->src_addr, stream->info->dst_addr, 16) == 0 &&
	       memcmp(e->dst_addr, stream->info->src_addr, 16) == 0;
}

static uint32_t
at_least_zero(int64_t n)
{
	return n > 0 ? (uint32_t)n : 0;
}

static void
compare(const struct reports_entry *e, const struct reports_stream *stream,
	struct store_stream *row)
{
	struct store_quality *q = &row->quality;
	uint64_t expected, lost, before = 0, before_lost = 0;

	rtp_quality_until(stream->quality, e->last_highest, &expected, &lost);
	if (!e->from_start)
		rtp_quality_until(stream->quality, e->base_highest, &before,
				  &before_lost);
	if (expected <= before)
		return;
	q->reported_packets = at_least_zero((int64_t)(expected - before));
	q->reported_lost = at_least_zero((int64_t)e->last_lost - e->base_lost);
	lost -= before_lost;
	/* What came too late for us did not for the receiver's count. */
	lost -= row->late < lost ? row->late : lost;
	q->network_lost =
	    lost < q->reported_lost ? (uint32_t)lost : q->reported_lost;
	q->mirror_lost = (uint32_t)lost - q->network_lost;
}

static void
fill_heard(const struct reports_entry *e, const struct reports_stream *stream,
	   struct store_stream *row)
{
	struct store_quality *q = &row->quality;

	q->reports = e->heard;
	if (stream->clock_hz)
		q->reported_jitter_us = (uint32_t)((uint64_t)e->jitter_max *
						   1000000 / stream->clock_hz);
	if (e->round_trips)
		q->tap_round_trip_us =
		    (uint32_t)(e->round_trips_ns / e->round_trips / 1000);
	compare(e, stream, row);
}

void
reports_fill(const struct reports *reports, const struct reports_stream *stream,
	     struct store_stream *row)
{
	const struct reports_entry *e, *heard = NULL, *voip = NULL;
	struct store_quality *q = &row->quality;

	for (e = reports->first; e; e = e->next) {
		if (!is_about(e, stream))
			continue;
		if (e->heard && (!heard || e->heard > heard->heard))
			heard = e;
		if (e->voip_count && !voip)
			voip = e;
	}
	if (heard)
		fill_heard(heard, stream, row);
	if (!voip)
		return;
	q->voip_reports = voip->voip_count;
	q->voip_loss = voip->voip.loss;
	q->voip_discard = voip->voip.discard;
	q->voip_round_trip_ms = voip->voip.round_trip_ms;
	q->voip_r = voip->voip.r;
	q->voip_mos_lq = voip->voip.mos_lq;
	q->voip_mos_cq = voip->voip.mos_cq;
}

void
reports_fini(struct reports *reports)
{
	while (reports->first) {
		struct reports_entry *e = reports->first;

		reports->first = e->next;
		free(e);
	}
	*reports = (struct reports){ 0 };
}
