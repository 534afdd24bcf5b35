/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A capture thread: reads frames, puts RTP into the jitter buffer of its flow,
 * hands SIP on. It does not ask whose a packet is. Per packet it does not
 * allocate, log, format, take a clock or call libosip2.
 *
 * Of a file every capture thread reads every frame and keeps the flows whose
 * addresses hash to it, as a fanout group of sockets does live.
 */
#include <errno.h>
#include <string.h>

#include "cmd/spanrecd/capture_priv.h"
#include "cmd/spanrecd/events.h"
#include "rtp/decrypt.h"

/* Packet time between two calls to control, in whole multiples: what is given
 * up for want of time is given up at the same time in every run. */
static const int64_t TELL_NS = 50 * 1000000LL;
/* After a silence, so many of them are made up for: more than anything waits.
 */
enum { TICKS_MAX = 100 };
/* With all flows in use no new one is looked for during so long. */
static const int64_t CLOSED_NS = 1000 * 1000000LL;
/* A nap that nobody ends; the reason for it is looked at again. */
static const int64_t NAP_NS = 2 * 1000000LL;

static int64_t
drained(const struct capture_thread *t)
{
	return pipeline_drained(t->pipeline);
}

static bool
stopping(const struct capture_thread *t)
{
	return atomic_load_explicit(&t->pipeline->stop, memory_order_relaxed);
}

/* Every frame before this one, and thus before time_ns, was handled. */
static void
tell_position(struct capture_thread *t, uint64_t frame, int64_t time_ns)
{
	atomic_store_explicit(&t->position_frame, frame, memory_order_release);
	atomic_store_explicit(&t->position_ns, time_ns, memory_order_release);
	uv_async_send(&t->pipeline->control.kick);
}

void
capture__tell(struct capture_thread *t)
{
	tell_position(t, t->frame, t->now_ns);
}

/* Wait until the writers have taken everything that is due at the time of this
 * frame, all before which was handled. Only then does a full jitter buffer
 * mean what it says. */
static void
wait_drained(struct capture_thread *t, uint64_t frame, int64_t time_ns)
{
	int64_t due_ns = time_ns - t->pipeline->lag_ns - 1;

	tell_position(t, frame, time_ns);
	while (drained(t) < due_ns && !stopping(t))
		pipeline_nap(&t->wake, NAP_NS);
}

/* Of captures only. The control thread has to know before it is told of a later
 * position. */
static void
tell_stream(struct capture_thread *t, const struct flows_packet *packet)
{
	const struct rtp_probe *probe = flows_stream(t->flows, packet);
	struct sip_record *record;

	while (!(record = capture_ring_reserve(t->sip, sizeof(*record)))) {
		if (stopping(t))
			return;
		tell_position(t, packet->frame, packet->pkt.time_ns);
		pipeline_nap(&t->wake, NAP_NS);
	}
	*record = (struct sip_record){
		.time_ns = packet->pkt.time_ns,
		.frame = packet->frame,
		.src = packet->pkt.src,
		.dst = packet->pkt.dst,
		.stream = true,
		.encrypted = rtp_probe_encrypted(probe),
		.ssrc = packet->hdr.ssrc,
		.first_ns = probe->first_ns,
	};
	capture_ring_commit(t->sip, sizeof(*record));
}

static void
put(struct capture_thread *t, const struct flows_packet *packet)
{
	int64_t time_ns = packet->pkt.time_ns;
	bool live = t->pipeline->config.live;
	enum flows_put result = flows_put(t->flows, packet, live);

	if (result == FLOWS_PUT)
		return;
	if (result == FLOWS_STREAM) {
		tell_stream(t, packet);
		return;
	}
	if (!live &&
	    (result == FLOWS_WAIT || !flows_closed(t->flows, time_ns))) {
		wait_drained(t, packet->frame, time_ns);
		result = flows_put(t->flows, packet, true);
		if (result == FLOWS_STREAM)
			tell_stream(t, packet);
	}
	if (result == FLOWS_EXHAUSTED) {
		counter_add(&t->counters, COUNTER_rtp_no_flow, 1);
		if (!flows_closed(t->flows, time_ns))
			flows_close(t->flows, time_ns + CLOSED_NS);
	}
}

void
capture__flush(struct capture_thread *t)
{
	uint32_t i;

	flows_prepare(t->flows, t->batch, t->batch_count);
	for (i = 0; i < t->batch_count; i++) {
		put(t, &t->batch[i]);
		/* On a quiet wire it would stay here. */
		if (rtp_hdr_body(&t->batch[i].hdr) == t->payload[i])
			memset(t->payload[i], 0,
			       rtp_hdr_body_bytes(&t->batch[i].hdr));
	}
	t->batch_count = 0;
}

static void
on_rtp(struct capture_thread *t, const struct capture_pkt *pkt,
       const struct rtp_hdr *hdr)
{
	struct flows_packet *packet = &t->batch[t->batch_count];
	uint32_t bytes = rtp_hdr_body_bytes(hdr);
	bool fits = bytes <= sizeof(t->payload[0]);

	counter_add(&t->counters, COUNTER_rtp, 1);
	packet->pkt = *pkt;
	packet->hdr = *hdr;
	packet->frame = t->frame;
	if (fits) {
		packet->hdr.payload =
		    t->payload[t->batch_count] + hdr->head_bytes;
		memcpy(t->payload[t->batch_count], rtp_hdr_body(hdr), bytes);
	}
	/* Where it does not fit, the frame it lies in is there only now. */
	if (++t->batch_count == FLOWS_BATCH || !fits)
		capture__flush(t);
}

/* To each writer: which of them has the call is not known here. */
static bool
offer_report(struct capture_thread *t, const struct rtcp_record *record,
	     const uint8_t *packet)
{
	uint32_t i, count = t->pipeline->writers_count;
	uint32_t bytes = (uint32_t)sizeof(*record) + record->bytes;
	struct rtcp_record *room;

	/* All or none: the rings hold the same but for what was taken. */
	for (i = 0; i < count; i++)
		if (!capture_ring_reserve(t->rtcp[i], bytes))
			return false;
	for (i = 0; i < count; i++) {
		room = capture_ring_reserve(t->rtcp[i], bytes);
		memcpy(room, record, sizeof(*record));
		if (record->bytes)
			memcpy(room->packet, packet, record->bytes);
		capture_ring_commit(t->rtcp[i], bytes);
	}
	return true;
}

/* Where there is no room although all was taken that is due, none comes for a
 * while: it is given up by packet time, the same in every run. */
static bool
put_report(struct capture_thread *t, const struct rtcp_record *record,
	   const uint8_t *packet)
{
	const struct pipeline *p = t->pipeline;

	if (record->time_ns < t->rtcp_closed_ns)
		return false;
	if (offer_report(t, record, packet))
		return true;
	if (!p->config.live) {
		capture__flush(t);
		wait_drained(t, t->frame, record->time_ns);
		if (offer_report(t, record, packet))
			return true;
	}
	t->rtcp_closed_ns = record->time_ns + p->times.window_ns;
	return false;
}

/* Keys are for the writer of the call to know, so that is who reads it. */
static bool
on_srtcp(struct capture_thread *t, const struct capture_pkt *pkt)
{
	const uint8_t *bytes = pkt->payload;
	struct rtcp_record record = { .time_ns = pkt->time_ns,
				      .src = pkt->src,
				      .dst = pkt->dst,
				      .bytes = pkt->payload_bytes };

	if (pkt->payload_bytes > RTP_DECRYPT_RTCP_MAX ||
	    !rtp_rtcp_may_be_secure(bytes, pkt->payload_bytes))
		return false;
	record.report.reporter = (uint32_t)bytes[4] << 24 |
				 (uint32_t)bytes[5] << 16 |
				 (uint32_t)bytes[6] << 8 | bytes[7];
	counter_add(&t->counters, COUNTER_rtcp, 1);
	if (!put_report(t, &record, bytes))
		counter_add(&t->counters, COUNTER_rtcp_shed, 1);
	return true;
}

/* @return false: it is none, whatever it looks like */
static bool
on_rtcp(struct capture_thread *t, const struct capture_pkt *pkt)
{
	struct rtp_rtcp_report reports[RTP_RTCP_REPORTS_MAX];
	int i, count = rtp_rtcp_read(reports, pkt->payload, pkt->payload_bytes);
	struct rtcp_record record = { .time_ns = pkt->time_ns,
				      .src = pkt->src,
				      .dst = pkt->dst };

	if (count < 0)
		return on_srtcp(t, pkt);
	counter_add(&t->counters, COUNTER_rtcp, 1);
	for (i = 0; i < count; i++) {
		record.report = reports[i];
		if (!put_report(t, &record, NULL))
			counter_add(&t->counters, COUNTER_rtcp_shed, 1);
	}
	return true;
}

void
capture__on_sip(struct capture_thread *t, const struct capture_pkt *pkt)
{
	uint32_t bytes =
	    (uint32_t)sizeof(struct sip_record) + pkt->payload_bytes;
	struct sip_record *record;

	counter_add(&t->counters, COUNTER_sip, 1);
	if (bytes > capture_ring_record_max(t->sip)) {
		counter_add(&t->counters, COUNTER_sip_too_long, 1);
		return;
	}
	while (!(record = capture_ring_reserve(t->sip, bytes))) {
		if (t->pipeline->config.live || stopping(t)) {
			counter_add(&t->counters, COUNTER_sip_shed, 1);
			return;
		}
		capture__flush(t);
		tell_position(t, t->frame, pkt->time_ns);
		pipeline_nap(&t->wake, NAP_NS);
	}
	record->time_ns = pkt->time_ns;
	record->frame = t->frame;
	record->src = pkt->src;
	record->dst = pkt->dst;
	record->bytes = pkt->payload_bytes;
	record->missing_bytes = pkt->missing_bytes;
	record->stream = false;
	memcpy(record->message, pkt->payload, pkt->payload_bytes);
	capture_ring_commit(t->sip, bytes);
}

static void
on_foreign(struct capture_thread *t, enum capture_foreign kind,
	   const struct capture_endpoint *src,
	   const struct capture_endpoint *dst)
{
	const struct capture_endpoint *host =
	    capture_foreign_host(kind, src, dst);
	enum counter which = COUNTER_foreign_sip_tls + (enum counter)kind -
			     (enum counter)CAPTURE_FOREIGN_sip_tls;

	counter_add(&t->counters, which, 1);
	if (capture_sightings_add(t->sightings, host->addr, kind, t->now_ns))
		counter_add(&t->counters, COUNTER_foreign_hosts_shed, 1);
}

bool
capture__foreign_tcp(struct capture_thread *t,
		     const struct capture_tcp_piece *piece)
{
	int kind = capture_foreign_tcp(piece->bytes, piece->count,
				       piece->src->port, piece->dst->port);

	if (kind >= 0)
		on_foreign(t, (enum capture_foreign)kind, piece->src,
			   piece->dst);
	return kind >= 0;
}

/* Neither RTP nor SIP. */
static void
on_other(struct capture_thread *t, const struct capture_pkt *pkt)
{
	int kind = capture_foreign_udp(pkt);

	counter_add(&t->counters, COUNTER_not_media, 1);
	if (kind >= 0)
		on_foreign(t, (enum capture_foreign)kind, &pkt->src, &pkt->dst);
}

/* Of a file, every thread reads all frames. */
static bool
is_ours(const struct capture_thread *t, const struct capture_pkt *pkt)
{
	const struct pipeline *p = t->pipeline;

	return p->config.live || p->captures_count == 1 ||
	       capture_pair_hash(&pkt->src, &pkt->dst) % p->captures_count ==
		   t->index;
}

static void
on_datagram(struct capture_thread *t, const struct capture_pkt *pkt)
{
	struct sip_glance glance;
	struct rtp_hdr hdr;

	if (pkt->payload_bytes && pkt->payload[0] >> 6 == 2) {
		if (rtp_rtcp_may_be(pkt->payload, pkt->payload_bytes) &&
		    on_rtcp(t, pkt))
			return;
		if (rtp_hdr_parse(&hdr, pkt->payload, pkt->payload_bytes) > 0)
			on_rtp(t, pkt, &hdr);
		else
			counter_add(&t->counters, COUNTER_not_media, 1);
		return;
	}
	switch (sip_prefilter(pkt->payload, pkt->payload_bytes, &glance)) {
	case 1:
		capture__on_sip(t, pkt);
		break;
	case 0:
		on_other(t, pkt);
		break;
	default:
		counter_add(&t->counters, COUNTER_keepalive, 1);
	}
}

void
capture__set_back(struct capture_thread *t, int64_t by_ns)
{
	int64_t offset_ns =
	    atomic_load_explicit(&t->offset_ns, memory_order_relaxed);

	counter_add(&t->counters, COUNTER_clock_set_back, 1);
	atomic_store_explicit(&t->offset_ns, offset_ns + by_ns,
			      memory_order_relaxed);
}

/*
 * Time must not run back: the writers count on it. A frame that a mirror has
 * put out of order bears the time of the one before. Where the clock itself
 * was set back, all that follows is moved, so that it stays apart.
 */
static void
set_time(struct capture_thread *t, int64_t time_ns)
{
	time_ns += atomic_load_explicit(&t->offset_ns, memory_order_relaxed);
	if (time_ns < t->now_ns - t->pipeline->times.window_ns) {
		capture__set_back(t, t->now_ns - time_ns);
	} else if (time_ns > t->now_ns) {
		t->now_ns = time_ns;
	}
}

/* Whoever sees a position past it sees it too. */
static void
note_first(struct capture_thread *t)
{
	if (atomic_load_explicit(&t->first_ns, memory_order_relaxed) ==
	    PIPELINE_OVER)
		atomic_store_explicit(&t->first_ns, t->now_ns,
				      memory_order_relaxed);
}

static void
publish(_Atomic uint64_t *to, const uint64_t *from, size_t count)
{
	while (count--)
		atomic_store_explicit(to++, *from++, memory_order_relaxed);
}

void
capture__tick(struct capture_thread *t)
{
	capture_decoder_tick(t->decoder, t->now_ns);
	capture_tcp_tick(t->tcp, t->now_ns);
	flows_sweep(t->flows, t->now_ns);
	publish(t->decode_counters,
		(const uint64_t *)capture_decoder_counters_peek(t->decoder),
		CAPTURE_DECODE_COUNTERS_COUNT);
	publish(t->tcp_counters,
		(const uint64_t *)capture_tcp_counters_peek(t->tcp),
		CAPTURE_TCP_COUNTERS_COUNT);
	publish(t->stream_counters, (const uint64_t *)&t->streams,
		SIP_STREAM_COUNTERS_COUNT);
}

void
capture__finish(struct capture_thread *t)
{
	capture__flush(t);
	capture_tcp_finish(t->tcp, t->now_ns);
	capture__tick(t);
	flows_detach_all(t->flows);
	capture__tell(t);
	atomic_fetch_add_explicit(&t->pipeline->capture_over, 1,
				  memory_order_release);
	uv_async_send(&t->pipeline->control.kick);
}

static void
count_outcome(struct capture_thread *t, enum capture_outcome outcome)
{
	uint64_t n =
	    atomic_load_explicit(&t->outcomes[outcome], memory_order_relaxed);

	atomic_store_explicit(&t->outcomes[outcome], n + 1,
			      memory_order_relaxed);
}

/* What a file has no frames for passes in steps, as it would have then. */
static void
make_up_ticks(struct capture_thread *t)
{
	int64_t now_ns = t->now_ns;
	int64_t from_ns = now_ns - TICKS_MAX * TELL_NS;

	if (t->ticked_ns < from_ns)
		t->ticked_ns = from_ns - from_ns % TELL_NS;
	while (now_ns - t->ticked_ns >= TELL_NS) {
		t->ticked_ns += TELL_NS;
		t->now_ns = t->ticked_ns;
		capture_tcp_tick(t->tcp, t->now_ns);
	}
	t->now_ns = now_ns;
}

/* Up to this frame, which was not handled. */
static void
pass_time(struct capture_thread *t)
{
	capture__flush(t);
	if (t->pipeline->config.live)
		live__note_stats(t);
	else
		make_up_ticks(t);
	t->ticked_ns = t->now_ns - t->now_ns % TELL_NS;
	capture__tick(t);
	capture__tell(t);
}

void
capture__on_frame(void *ctx, const struct capture_frame *frame)
{
	struct capture_thread *t = ctx;
	enum capture_outcome outcome;
	struct capture_pkt pkt;

	counter_add(&t->counters, COUNTER_frames, 1);
	set_time(t, frame->time_ns + t->pipeline->config.shift_ns);
	note_first(t);
	/* Frames of several interfaces have no common number but their time. */
	t->frame =
	    t->pipeline->config.live ? (uint64_t)t->now_ns : t->frame + 1;
	if (t->now_ns - t->ticked_ns >= TELL_NS)
		pass_time(t);
	outcome = capture_decode(t->decoder, frame, t->now_ns, &pkt);
	count_outcome(t, outcome);
	if (outcome != CAPTURE_udp && outcome != CAPTURE_tcp)
		return;
	if (!is_ours(t, &pkt))
		return;
	if (outcome == CAPTURE_udp)
		on_datagram(t, &pkt);
	else
		capture_tcp_input(t->tcp, &pkt);
}

/* Do not run away from the writers: what is between is memory. */
static void
keep_lead(struct capture_thread *t)
{
	if (t->now_ns - drained(t) <= t->pipeline->lead_ns)
		return;
	capture__tell(t);
	while (t->now_ns - drained(t) > t->pipeline->lead_ns && !stopping(t))
		pipeline_nap(&t->wake, NAP_NS);
}

void *
capture_thread_main(void *thread)
{
	struct capture_thread *t = thread;
	struct capture_source_stats stats;
	int n;

	pthread_setname_np(pthread_self(), "capture");
	while (!stopping(t)) {
		n = capture_source_dispatch(t->source, CAPTURE_BATCH_FRAMES,
					    capture__on_frame, t);
		if (n <= 0) {
			t->error = n;
			break;
		}
		capture_source_stats(t->source, &stats);
		atomic_store_explicit(&t->bytes_done, stats.bytes_done,
				      memory_order_relaxed);
		atomic_store_explicit(&t->bytes_total, stats.bytes_total,
				      memory_order_relaxed);
		capture__flush(t);
		keep_lead(t);
	}
	capture__finish(t);
	return NULL;
}
