/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Calls, as the control thread knows them: from what the SIP tracker tells to
 * ids, decisions of the policy and segments, and what the writers are told of
 * these.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/log.h"
#include "cmd/spanrecd/control_priv.h"

/* Ids hold the second of the start: only calls that began this close to each
 * other can get the same one within a run. */
static const int64_t ID_MEMORY_NS = 10 * 1000000000LL;
enum { NAP_MS = 1 };

/* ---- to the writers ------------------------------------------------------ */

static uint32_t
event_bytes(const struct writer_event *event)
{
	switch (event->type) {
	case WRITER_MEDIA_OPEN:
	case WRITER_MEDIA_CLOSE:
		return (uint32_t)(offsetof(struct writer_event, media.formats) +
				  event->media.formats_count *
				      sizeof(event->media.formats[0]));
	case WRITER_END:
		return (uint32_t)(offsetof(struct writer_event, end) +
				  sizeof(event->end));
	case WRITER_SEGMENT:
	case WRITER_UPDATE:
		break;
	}
	return (uint32_t)(offsetof(struct writer_event, head) +
			  SEGMENT_HEAD_BYTES);
}

/*
 * Tell a writer. Where the ring is full it must act on what it was told, and
 * for that the watermark must reach the time of this event, since all in the
 * ring may bear that time: when the input ends, every open call ends at once.
 * No harm in that: what an event changes for frames that are due by then, it
 * changes whenever it comes.
 */
static void
send_to(struct control_state *c, uint32_t writer,
	const struct writer_event *event)
{
	struct capture_ring *ring = c->pipeline->writers[writer].events;
	uint32_t bytes = event_bytes(event);
	void *room;

	while (!(room = capture_ring_reserve(ring, bytes))) {
		control__publish(c, event->time_ns);
		/* The writer may be waiting for room for its reports. */
		control__collect_reports(c);
		sem_post(&c->pipeline->writers[writer].wake);
		uv_sleep(NAP_MS);
	}
	memcpy(room, event, bytes);
	capture_ring_commit(ring, bytes);
}

static void
send_to_all(struct control_state *c, const struct writer_event *event)
{
	uint32_t i;

	for (i = 0; i < c->pipeline->writers_count; i++)
		send_to(c, i, event);
}

/* ---- calls --------------------------------------------------------------- */

static struct control_call *
find_call(struct control_state *c, uint64_t number)
{
	struct control_call *call;

	HASH_FIND (hh, c->calls, &number, sizeof(number), call)
		;
	return call;
}

static void
forget_ids(struct control_state *c, int64_t before_ns)
{
	while (c->oldest && c->oldest->start_ns < before_ns) {
		struct given_id *id = c->oldest;

		c->oldest = id->next;
		if (!c->oldest)
			c->newest = NULL;
		HASH_DEL(c->ids, id); /* NOLINT: uthash confuses it */
		free(id);
	}
}

static bool
id_taken(struct control_state *c, const char *id)
{
	struct given_id *given;

	HASH_FIND_STR(c->ids, id, given);
	if (given)
		return true;
	if (store_call_exists(c->pipeline->config.archive, id) <= 0)
		return false;
	counter_add(&c->pipeline->control.counters, COUNTER_calls_again, 1);
	return true;
}

static int
give_id(struct control_state *c, struct control_call *call,
	const struct sip_call *sip)
{
	struct given_id *given;
	uint32_t bump = 0;

	forget_ids(c, sip->start_ns - ID_MEMORY_NS);
	do {
		store_call_id_make(call->id, sip->start_ns, sip->call_id,
				   sip->from_tag, bump++);
	} while (id_taken(c, call->id));
	given = calloc(1, sizeof(*given));
	if (!given)
		return -ENOMEM;
	given->start_ns = sip->start_ns;
	memcpy(given->id, call->id, sizeof(given->id));
	HASH_ADD_STR(c->ids, id, given);
	if (c->newest)
		c->newest->next = given;
	else
		c->oldest = given;
	c->newest = given;
	return 0;
}

#define COPY_TEXT(to, from) copy_text(to, sizeof(to), from)

static void
copy_text(char *to, size_t bytes, const char *from)
{
	size_t n = strnlen(from, bytes - 1);

	memcpy(to, from, n);
	to[n] = '\0';
}

/* A trunk may be known by its host alone. */
static const char *
name_of(const struct sip_identity *party)
{
	return party->user[0] ? party->user : party->host;
}

static void
decide(struct control_state *c, struct control_call *call,
       const struct sip_call *sip)
{
	struct policy_facts facts = {
		.from = name_of(&sip->party[SIP_CALLER]),
		.to = name_of(&sip->party[SIP_CALLEE]),
		.start_ns = sip->start_ns,
	};
	struct policy_verdict v;

	memcpy(facts.from_addr, sip->signalling[SIP_CALLER].addr, 16);
	memcpy(facts.to_addr, sip->signalling[SIP_CALLEE].addr, 16);
	policy_decide(c->pipeline->config.policy, &facts, &v);
	/* Which party is the left channel was told to the writers when the
	 * call began: it stays. */
	if (call->segments > 0 &&
	    v.local_is_caller != call->verdict.local_is_caller) {
		const struct policy_verdict *old = &call->verdict;

		v.local_is_caller = old->local_is_caller;
		v.route = old->route;
		COPY_TEXT(v.local, old->local);
		COPY_TEXT(v.remote, old->remote);
	}
	call->verdict = v;
}

static const enum store_decision decisions[] = {
	[POLICY_RECORD] = STORE_RECORD,
	[POLICY_DROP] = STORE_DROP,
	[POLICY_LISTEN_DENY] = STORE_LISTEN_DENY,
	[POLICY_OUT_OF_SCOPE] = STORE_OUT_OF_SCOPE,
};
static const enum store_route routes[] = {
	[POLICY_IN] = STORE_IN,
	[POLICY_OUT] = STORE_OUT,
	[POLICY_INTERNAL] = STORE_INTERNAL,
	[POLICY_TRANSIT] = STORE_TRANSIT,
};

/* Everything that is known of the current segment. */
static void
make_head(struct control_state *c, const struct control_call *call,
	  const struct sip_event *event, uint8_t head[SEGMENT_HEAD_BYTES])
{
	const struct policy_verdict *v = &call->verdict;
	const struct sip_call *sip = event->call;
	struct store_segment row;

	memset(&row, 0, sizeof(row));
	snprintf(row.id, sizeof(row.id), "%s-%u", call->id, call->segments);
	COPY_TEXT(row.call, call->id);
	row.segment = call->segments;
	row.kind = call->held[0] || call->held[1] ? STORE_HOLD : STORE_AGENT;
	COPY_TEXT(row.from, v->from);
	COPY_TEXT(row.to, v->to);
	COPY_TEXT(row.local, v->local);
	COPY_TEXT(row.remote, v->remote);
	row.direction = routes[v->route];
	COPY_TEXT(row.area, v->area);
	row.call_start_ns = sip->start_ns;
	row.start_ns = call->segments == 1 ? sip->start_ns : event->time_ns;
	row.answer_ns = sip->answer_ns;
	row.decision = decisions[v->decision];
	COPY_TEXT(row.reason, v->reason);
	COPY_TEXT(row.rule, v->rule);
	memcpy(row.policy, c->pipeline->config.policy_hash, sizeof(row.policy));
	COPY_TEXT(row.retention, v->retention);
	row.state = STORE_STATE_NONE;
	COPY_TEXT(row.sip_call_id, sip->call_id);
	memcpy(head, &row, SEGMENT_HEAD_BYTES);
}

static void
send_head(struct control_state *c, const struct control_call *call,
	  const struct sip_event *sip, enum writer_event_type type)
{
	struct writer_event event = { .type = type,
				      .writer = call->writer,
				      .time_ns = sip->time_ns,
				      .call = call->number };

	make_head(c, call, sip, event.head);
	send_to(c, call->writer, &event);
}

static void
begin_call(struct control_state *c, const struct sip_event *event)
{
	struct control_call *call = calloc(1, sizeof(*call));

	if (!call || give_id(c, call, event->call) < 0) {
		/* Named, since it is a call lost: the tracker counts it too. */
		log_error("out of memory: a call is not recorded");
		free(call);
		return;
	}
	call->number = event->call->number;
	call->writer = (uint32_t)(call->number % c->pipeline->writers_count);
	HASH_ADD(hh, c->calls, number, sizeof(call->number), call);
	decide(c, call, event->call);
	call->segments = 1;
	send_head(c, call, event, WRITER_SEGMENT);
}

static enum store_side
side_of(const struct control_call *call, enum sip_party party)
{
	bool caller = party == SIP_CALLER;

	return caller == call->verdict.local_is_caller ? STORE_LEFT
						       : STORE_RIGHT;
}

static void
tell_media(struct control_state *c, const struct control_call *call,
	   const struct sip_event *sip)
{
	const struct sip_media *media = sip->media;
	struct writer_event event = {
		.type = sip->type == SIP_EVENT_MEDIA_OPEN ? WRITER_MEDIA_OPEN
							  : WRITER_MEDIA_CLOSE,
		.writer = call->writer,
		.time_ns = sip->time_ns,
		.call = call->number,
	};
	uint32_t i;

	event.media.number = media->number;
	event.media.receive = media->receive;
	event.media.receiver = side_of(call, media->party);
	event.media.secure = media->secure;
	event.media.formats_count = media->formats_count;
	for (i = 0; i < media->formats_count; i++) {
		struct rtp_format *format = &event.media.formats[i];

		COPY_TEXT(format->encoding, media->formats[i].encoding);
		format->clock_hz = media->formats[i].clock_hz;
		format->payload_type = media->formats[i].payload_type;
		format->channels = media->formats[i].channels;
	}
	send_to_all(c, &event);
}

static void
hold(struct control_state *c, struct control_call *call,
     const struct sip_event *event)
{
	bool before = call->held[0] || call->held[1];

	call->held[event->party] = event->type == SIP_EVENT_HOLD;
	if (before == (call->held[0] || call->held[1]))
		return;
	call->segments++;
	send_head(c, call, event, WRITER_SEGMENT);
}

static void
end_call(struct control_state *c, struct control_call *call,
	 const struct sip_event *sip)
{
	static const char *const causes[] = {
		[SIP_END_BYE] = "bye",
		[SIP_END_CANCEL] = "cancel",
		[SIP_END_REJECTED] = "rejected",
		[SIP_END_TIMEOUT] = "timeout",
		[SIP_END_SHED] = "shed",
		[SIP_END_INPUT] = "input-ended",
	};
	struct writer_event event = { .type = WRITER_END,
				      .writer = call->writer,
				      .time_ns = sip->time_ns,
				      .call = call->number };

	if (sip->cause == SIP_END_REJECTED)
		snprintf(event.end.cause, sizeof(event.end.cause), "%s %d",
			 causes[sip->cause], sip->status);
	else
		COPY_TEXT(event.end.cause, causes[sip->cause]);
	event.end.silent = sip->cause == SIP_END_TIMEOUT;
	send_to(c, call->writer, &event);
	HASH_DEL(c->calls, call);
	free(call);
}

void
control__on_sip_event(void *ctx, const struct sip_event *event)
{
	struct control_state *c = ctx;
	struct control_call *call;

	if (event->type == SIP_EVENT_CALL) {
		begin_call(c, event);
		return;
	}
	call = find_call(c, event->call->number);
	if (!call)
		return;
	switch (event->type) {
	case SIP_EVENT_IDENTITY:
		decide(c, call, event->call);
		/* fallthrough */
	case SIP_EVENT_ANSWER:
		send_head(c, call, event, WRITER_UPDATE);
		break;
	case SIP_EVENT_MEDIA_OPEN:
	case SIP_EVENT_MEDIA_CLOSE:
		tell_media(c, call, event);
		break;
	case SIP_EVENT_HOLD:
	case SIP_EVENT_RESUME:
		hold(c, call, event);
		break;
	case SIP_EVENT_END:
		end_call(c, call, event);
		break;
	case SIP_EVENT_CALL:
	case SIP_EVENT_RINGING:
		break;
	}
}

void
control__calls_free(struct control_state *c)
{
	struct control_call *call = c->calls, *next;

	HASH_CLEAR(hh, c->calls);
	for (; call; call = next) {
		next = call->hh.next;
		free(call);
	}
	forget_ids(c, INT64_MAX);
}
