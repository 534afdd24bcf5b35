/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Streams of RTP that no SIP call announces become calls of their own, for
 * captures whose signalling is missing or encrypted (--orphan-rtp).
 *
 * What goes between one pair of addresses and ports, either way, is one call:
 * its two directions are its two sides, and whoever sent first is its caller.
 * Its parties are known by these addresses only.
 *
 * A SIP call's media is never taken for one. A frame is SIP's where media.h
 * says so, and so a stream is looked at when all SIP is understood that may
 * announce its first packet. Where SIP announces the pair later than that, what
 * came more than `claim` before is the orphan's, what comes from then on is
 * SIP's, and the orphan ends there. A stream that was a SIP call's at first is
 * never an orphan's, however long it goes on after the call.
 *
 * All of it goes by packet times, on the grid of control.c, so that it is the
 * same for any number of threads: a stream is told of at most TELL_NS after the
 * packet that showed what it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/spanrecd/control_priv.h"

static const int64_t SECOND_NS = 1000000000LL;
/* Capture threads tell of what they have seen twice as often. */
static const int64_t TELL_NS = 100 * 1000000LL;

/* Numbers of calls, and of their media, that no SIP tracker gives. */
#define ORPHAN_BIT (UINT64_C(1) << 63)

/* A stream that is not yet known to be nobody's. */
struct stream {
	struct capture_flow_key key;
	int64_t first_ns; /* its first packet */
	int64_t known_ns; /* the one that showed what it is */
	uint64_t frame;   /* ... in the input */
	bool encrypted;
};

/* A call in progress. */
struct orphan {
	UT_hash_handle hh; /* by number, in order of beginning */
	uint64_t number;
	struct capture_endpoint end[2]; /* by enum sip_party */
	int64_t alive_ns;               /* its last packet, but for a second */
	struct sip_call sip;
};

struct orphans {
	struct media_table *media; /* as the writers have it */
	struct stream *streams;    /* that wait */
	size_t streams_count, streams_capacity;
	struct orphan *calls;
	uint64_t last_number;
	int64_t idle_ns; /* a call that is silent so long is over */
	int64_t claim_ns;
};

bool
control__is_orphan(uint64_t number)
{
	return number & ORPHAN_BIT;
}

int
control__orphans_new(struct control_state *c)
{
	const struct pipeline *p = c->pipeline;
	struct media_times times = p->times;
	struct orphans *o;

	if (!p->config.orphans)
		return 0;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	c->orphans = o;
	o->claim_ns = times.claim_ns;
	o->idle_ns = (int64_t)c->settings.idle_timeout_s * SECOND_NS;
	/* A stream that is silent for longer is told of again. */
	if (o->idle_ns < c->settings.flow_idle_ms * (SECOND_NS / 1000))
		o->idle_ns = c->settings.flow_idle_ms * (SECOND_NS / 1000);
	/* Here nobody waits for an orphan. */
	times.orphan_ns = 0;
	return media_table_new(&o->media, &times, p->hash_key);
}

void
control__orphans_free(struct control_state *c)
{
	struct orphans *o = c->orphans;
	struct orphan *call, *next;

	if (!o)
		return;
	call = o->calls;
	HASH_CLEAR(hh, o->calls);
	for (; call; call = next) {
		next = call->hh.next;
		free(call);
	}
	media_table_free(&o->media);
	free(o->streams);
	free(o);
	c->orphans = NULL;
}

bool
control__orphans_wait(const struct control_state *c)
{
	return c->orphans && (c->orphans->streams_count || c->orphans->calls);
}

static void
shed(struct control_state *c)
{
	counter_add(&c->pipeline->control.counters, COUNTER_orphans_shed, 1);
}

void
control__orphans_stream(struct control_state *c,
			const struct sip_record *record)
{
	struct orphans *o = c->orphans;

	/* No call could be made of more. */
	if (o->streams_count == 4 * (size_t)c->settings.calls_max) {
		shed(c);
		return;
	}
	if (o->streams_count == o->streams_capacity) {
		size_t n = 2 * o->streams_capacity + 64;
		void *p = realloc(o->streams, n * sizeof(*o->streams));

		if (!p) {
			shed(c);
			return;
		}
		o->streams = p;
		o->streams_capacity = n;
	}
	o->streams[o->streams_count++] = (struct stream){
		.key = { record->src, record->dst, record->ssrc },
		.first_ns = record->first_ns,
		.known_ns = record->time_ns,
		.frame = record->frame,
		.encrypted = record->encrypted,
	};
}

/* ---- calls --------------------------------------------------------------- */

static void
fill_party(struct sip_call *sip, enum sip_party party,
	   const struct capture_endpoint *at)
{
	/* With its port: without, it would read as a telephone number. */
	capture_endpoint_text(at, sip->party[party].host);
	sip->signalling[party] = *at;
}

/* Whose its packets are, for the writers and for us. */
static void
tell_media(struct control_state *c, const struct orphan *call,
	   const struct stream *stream, int64_t time_ns)
{
	const struct pipeline_config *config = &c->pipeline->config;
	struct writer_event event = {
		.type = stream ? WRITER_MEDIA_OPEN : WRITER_MEDIA_CLOSE,
		.time_ns = time_ns,
		.call = call->number,
	};

	event.writer = (uint32_t)(call->number % c->pipeline->writers_count);
	event.media.number = call->number;
	event.media.receive = call->end[SIP_CALLEE];
	event.media.peer = call->end[SIP_CALLER];
	event.media.receiver = SIP_CALLEE;
	event.media.orphan = true;
	event.media.moved = true; /* nothing lingers */
	if (stream) {
		event.media.secure = stream->encrypted;
		event.media.formats_count = config->orphan_formats_count;
		for (uint32_t i = 0; i < config->orphan_formats_count; i++)
			event.media.formats[i] = config->orphan_formats[i];
	}
	control__tell_all(c, &event);
}

static void
happens(struct control_state *c, struct orphan *call, enum sip_event_type type,
	enum sip_end_cause cause, int64_t time_ns)
{
	const struct sip_event event = { .type = type,
					 .time_ns = time_ns,
					 .call = &call->sip,
					 .cause = cause };

	control__on_sip_event(c, &event);
}

static struct orphan *
begin(struct control_state *c, const struct stream *stream)
{
	struct orphans *o = c->orphans;
	struct orphan *call;

	if (HASH_COUNT(o->calls) >= c->settings.calls_max ||
	    !(call = calloc(1, sizeof(*call)))) {
		shed(c);
		return NULL;
	}
	call->number = ORPHAN_BIT | ++o->last_number;
	call->end[SIP_CALLER] = stream->key.src;
	call->end[SIP_CALLEE] = stream->key.dst;
	call->alive_ns = stream->known_ns;
	call->sip.number = call->sip.conversation = call->number;
	call->sip.start_ns = call->sip.answer_ns = stream->first_ns;
	fill_party(&call->sip, SIP_CALLER, &stream->key.src);
	fill_party(&call->sip, SIP_CALLEE, &stream->key.dst);
	/* For the id: the same stream gives the same. */
	snprintf(call->sip.call_id, sizeof(call->sip.call_id), "%s %s",
		 call->sip.party[SIP_CALLER].host,
		 call->sip.party[SIP_CALLEE].host);
	HASH_ADD(hh, o->calls, number, sizeof(call->number), call);
	counter_add(&c->pipeline->control.counters, COUNTER_orphans, 1);
	happens(c, call, SIP_EVENT_CALL, SIP_END_BYE, stream->first_ns);
	happens(c, call, SIP_EVENT_ANSWER, SIP_END_BYE, stream->first_ns);
	tell_media(c, call, stream, stream->first_ns);
	return call;
}

/* @param until_ns its media is not its own any more from then on */
static void
end(struct control_state *c, struct orphan *call, enum sip_end_cause cause,
    int64_t time_ns, int64_t until_ns)
{
	tell_media(c, call, NULL, until_ns);
	happens(c, call, SIP_EVENT_END, cause, time_ns);
	HASH_DEL(c->orphans->calls, call); /* NOLINT: uthash confuses it */
	free(call);
}

/* From when on a frame is that of who announces it now. */
static int64_t
claimed_from(const struct orphans *o, const struct orphan *call,
	     int64_t announced_ns)
{
	int64_t from_ns = announced_ns - o->claim_ns;

	return from_ns > call->sip.start_ns ? from_ns : call->sip.start_ns;
}

int
control__orphans_media(struct control_state *c,
		       const struct writer_event *event)
{
	struct orphans *o = c->orphans;
	struct orphan *call, *next;

	if (!o)
		return 0;
	if (event->type == WRITER_MEDIA_OPEN && !event->media.orphan) {
		HASH_ITER (hh, o->calls, call, next) {
			const struct capture_endpoint *at =
			    &event->media.receive;
			int64_t from_ns = claimed_from(o, call, event->time_ns);

			if (capture_endpoint_equal(at, &call->end[0]) ||
			    capture_endpoint_equal(at, &call->end[1]))
				end(c, call, SIP_END_BYE, from_ns, from_ns);
		}
	}
	return media_apply(o->media, event);
}

void
control__orphan_alive(struct control_state *c, uint64_t number, int64_t time_ns)
{
	struct orphan *call;

	HASH_FIND (hh, c->orphans->calls, &number, sizeof(number), call)
		;
	if (call && time_ns > call->alive_ns)
		call->alive_ns = time_ns;
}

/* ---- whose is a stream? -------------------------------------------------- */

/* @return NULL: nobody's */
static const struct media_entry *
owner_at(const struct orphans *o, const struct stream *stream, int64_t time_ns)
{
	const struct media_question question = { .flow = &stream->key,
						 .time_ns = time_ns,
						 .watermark_ns =
						     PIPELINE_OVER };
	struct media_owner owner;

	return media_find(o->media, &question, &owner) == MEDIA_OWNED
		   ? owner.entry
		   : NULL;
}

/* All SIP up to now is understood, and so who announces its first packet. */
static void
decide(struct control_state *c, const struct stream *stream, int64_t now_ns)
{
	struct orphans *o = c->orphans;
	const struct media_entry *owner = owner_at(o, stream, stream->first_ns);
	struct orphan *call;
	int64_t from_ns;

	if (owner)
		return;
	call = begin(c, stream);
	owner = owner_at(o, stream, now_ns);
	if (!call || !owner || owner->media.orphan)
		return;
	from_ns = claimed_from(o, call, owner->from_ns);
	end(c, call, SIP_END_BYE, from_ns, from_ns);
}

static int
by_time(const void *a, const void *b)
{
	const struct stream *x = a, *y = b;

	if (x->first_ns != y->first_ns)
		return x->first_ns < y->first_ns ? -1 : 1;
	return x->frame < y->frame ? -1 : x->frame > y->frame;
}

static int64_t
ready_ns(const struct orphans *o, const struct stream *stream)
{
	int64_t claimed_ns = stream->first_ns + o->claim_ns;
	int64_t told_ns = stream->known_ns + TELL_NS;

	return claimed_ns > told_ns ? claimed_ns : told_ns;
}

/* @param all as if nothing more came */
static void
decide_ready(struct control_state *c, int64_t now_ns, bool all)
{
	struct orphans *o = c->orphans;
	size_t i, kept = 0;

	if (o->streams_count)
		qsort(o->streams, o->streams_count, sizeof(*o->streams),
		      by_time);
	for (i = 0; i < o->streams_count; i++) {
		if (all || ready_ns(o, &o->streams[i]) <= now_ns)
			decide(c, &o->streams[i], now_ns);
		else
			o->streams[kept++] = o->streams[i];
	}
	o->streams_count = kept;
}

void
control__orphans_tick(struct control_state *c, int64_t grid_ns)
{
	struct orphans *o = c->orphans;
	/* All that is theirs before then was taken, and reported. */
	int64_t sure_ns = grid_ns - (o ? o->claim_ns : 0);
	struct orphan *call, *next;

	if (!o)
		return;
	decide_ready(c, grid_ns, false);
	HASH_ITER (hh, o->calls, call, next) {
		if (call->alive_ns + SECOND_NS + o->idle_ns <= sure_ns)
			end(c, call, SIP_END_TIMEOUT, call->alive_ns, sure_ns);
	}
	/* What waits to be decided is no older. */
	media_expire(o->media, sure_ns - RTP_PROBE_NS - 2 * SECOND_NS);
}

void
control__orphans_decide(struct control_state *c, int64_t last_ns)
{
	if (c->orphans)
		decide_ready(c, last_ns, true);
}

void
control__orphans_finish(struct control_state *c, int64_t last_ns)
{
	struct orphan *call, *next;

	if (!c->orphans)
		return;
	HASH_ITER (hh, c->orphans->calls, call, next) {
		end(c, call, SIP_END_INPUT, last_ns, PIPELINE_OVER);
	}
}
