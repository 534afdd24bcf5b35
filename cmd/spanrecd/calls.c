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
	case WRITER_DOUBT:
		return (uint32_t)(offsetof(struct writer_event,
					   known.streams.stream) +
				  event->known.streams.count *
				      sizeof(event->known.streams.stream[0]));
	case WRITER_FIRST:
	case WRITER_TRUST:
		return (uint32_t)offsetof(struct writer_event, media);
	case WRITER_END:
		return (uint32_t)(offsetof(struct writer_event, end) +
				  sizeof(event->end));
	case WRITER_PAUSE:
	case WRITER_RESUME:
		return (uint32_t)(offsetof(struct writer_event, at_ns) +
				  sizeof(event->at_ns));
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

	if (event->time_ns > c->sent_ns)
		c->sent_ns = event->time_ns;
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

struct control_call *
control__call_find(const struct control_state *c, uint64_t number)
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

/* What the policy is asked about. */
static void
note_facts(struct control_call *call, const struct sip_call *sip)
{
	COPY_TEXT(call->from, name_of(&sip->party[SIP_CALLER]));
	COPY_TEXT(call->to, name_of(&sip->party[SIP_CALLEE]));
	memcpy(call->from_addr, sip->signalling[SIP_CALLER].addr, 16);
	memcpy(call->to_addr, sip->signalling[SIP_CALLEE].addr, 16);
	call->start_ns = sip->start_ns;
}

static void
ask_policy(const struct control_state *c, const struct control_call *call,
	   struct policy_verdict *verdict)
{
	struct policy_facts facts = { .from = call->from,
				      .to = call->to,
				      .start_ns = call->start_ns };

	memcpy(facts.from_addr, call->from_addr, 16);
	memcpy(facts.to_addr, call->to_addr, 16);
	policy_decide(c->policy, &facts, verdict);
}

/* Which party is the left channel was told to the writers when the call began:
 * it stays. */
static void
keep_sides(const struct control_call *call, struct policy_verdict *v)
{
	const struct policy_verdict *old = &call->verdict;

	if (call->segments == 0 || v->local_is_caller == old->local_is_caller)
		return;
	v->local_is_caller = old->local_is_caller;
	v->route = old->route;
	COPY_TEXT(v->local, old->local);
	COPY_TEXT(v->remote, old->remote);
}

static int
strictness(enum policy_decision decision)
{
	switch (decision) {
	case POLICY_RECORD:
		return 0;
	case POLICY_LISTEN_DENY:
		return 1;
	default:
		return 2; /* not even stored */
	}
}

/* In mid-call a decision only ever gets stricter: what was left out so far
 * cannot be heard, and who was told that a call is not recorded counts on it.
 */
static bool
keep_strict(const struct control_call *call, struct policy_verdict *v)
{
	const struct policy_verdict *old = &call->verdict;

	if (call->segments == 0 ||
	    strictness(v->decision) >= strictness(old->decision))
		return false;
	v->decision = old->decision;
	COPY_TEXT(v->reason, old->reason);
	COPY_TEXT(v->rule, old->rule);
	COPY_TEXT(v->retention, old->retention);
	return true;
}

/* A call that begins while there is no room gives way to those in progress. */
static void
decide_for_room(struct control_state *c, const struct control_call *call,
		struct policy_verdict *v)
{
	if (call->segments > 0 || strictness(v->decision) == 2 ||
	    !control__overloaded(c))
		return;
	v->decision = POLICY_DROP;
	COPY_TEXT(v->reason, OVERLOAD_REASON);
	v->rule[0] = v->retention[0] = '\0';
	counter_add(&c->pipeline->control.counters, COUNTER_calls_overload, 1);
	log_warning("%s is not recorded: the recorder does not keep up",
		    call->id);
}

static void
decide(struct control_state *c, struct control_call *call)
{
	struct policy_verdict v;

	ask_policy(c, call, &v);
	keep_sides(call, &v);
	if (!keep_strict(call, &v))
		memcpy(call->policy, c->policy_hash, sizeof(call->policy));
	decide_for_room(c, call, &v);
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

/* The row of the current segment, from the one before or what is known of it
 * already, and from the verdict. */
static void
fill_verdict(const struct control_call *call, struct store_segment *row)
{
	const struct policy_verdict *v = &call->verdict;

	snprintf(row->id, sizeof(row->id), "%s-%u", call->id, call->segments);
	row->segment = call->segments;
	COPY_TEXT(row->from, v->from);
	COPY_TEXT(row->to, v->to);
	COPY_TEXT(row->local, v->local);
	COPY_TEXT(row->remote, v->remote);
	row->direction = routes[v->route];
	COPY_TEXT(row->area, v->area);
	row->decision = decisions[v->decision];
	COPY_TEXT(row->reason, v->reason);
	COPY_TEXT(row->rule, v->rule);
	memcpy(row->policy, call->policy, sizeof(row->policy));
	COPY_TEXT(row->retention, v->retention);
}

/* Everything that is known of the current segment. */
static void
make_head(struct control_call *call, const struct sip_event *event)
{
	const struct sip_call *sip = event->call;
	struct store_segment row;

	memset(&row, 0, sizeof(row));
	COPY_TEXT(row.call, call->id);
	row.kind = call->held[0] || call->held[1] ? STORE_HOLD : STORE_AGENT;
	row.call_start_ns = sip->start_ns;
	row.start_ns = call->segments == 1 ? sip->start_ns : event->time_ns;
	row.answer_ns = sip->answer_ns;
	row.state = STORE_STATE_NONE;
	COPY_TEXT(row.sip_call_id, sip->call_id);
	fill_verdict(call, &row);
	memcpy(call->head, &row, SEGMENT_HEAD_BYTES);
}

static void
send_head(struct control_state *c, struct control_call *call,
	  enum writer_event_type type, int64_t time_ns)
{
	struct writer_event event = { .type = type,
				      .writer = call->writer,
				      .time_ns = time_ns,
				      .call = call->number };

	memcpy(event.head, call->head, SEGMENT_HEAD_BYTES);
	send_to(c, call->writer, &event);
	control__live_change(c, call);
}

static void
tell_pause(struct control_state *c, const struct control_call *call,
	   enum writer_event_type type, int64_t at_ns)
{
	const struct writer_event event = { .type = type,
					    .writer = call->writer,
					    .time_ns = c->published_ns,
					    .call = call->number,
					    .at_ns = at_ns };

	send_to(c, call->writer, &event);
}

static void
tell_segment(struct control_state *c, struct control_call *call,
	     const struct sip_event *sip, enum writer_event_type type)
{
	make_head(call, sip);
	send_head(c, call, type, sip->time_ns);
}

/* The verdict that a row tells of. */
static void
read_verdict(struct control_call *call, const struct control_saved *saved)
{
	const struct store_segment *row = &saved->row;
	struct policy_verdict *v = &call->verdict;
	uint32_t i;

	v->decision = POLICY_DROP;
	for (i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++)
		if (decisions[i] == row->decision)
			v->decision = (enum policy_decision)i;
	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (routes[i] == row->direction)
			v->route = (enum policy_route)i;
	v->local_is_caller = control__saved_local_is_caller(saved);
	COPY_TEXT(v->from, row->from);
	COPY_TEXT(v->to, row->to);
	COPY_TEXT(v->local, row->local);
	COPY_TEXT(v->remote, row->remote);
	COPY_TEXT(v->area, row->area);
	COPY_TEXT(v->reason, row->reason);
	COPY_TEXT(v->rule, row->rule);
	COPY_TEXT(v->retention, row->retention);
	memcpy(call->policy, row->policy, sizeof(call->policy));
}

/* What else goes over its ports may be of another call. */
static void
tell_doubt(struct control_state *c, const struct control_call *call,
	   int64_t time_ns)
{
	const struct writer_event event = { .type = WRITER_DOUBT,
					    .writer = call->writer,
					    .time_ns = time_ns,
					    .call = call->number,
					    .known = { call->sip_ns,
						       call->streams } };

	send_to_all(c, &event);
}

void
control__tell_first(struct control_state *c, int64_t time_ns)
{
	const struct writer_event event = { .type = WRITER_FIRST,
					    .time_ns = time_ns };

	send_to_all(c, &event);
}

static void
tell_trust(struct control_state *c, const struct control_call *call,
	   int64_t time_ns)
{
	const struct writer_event event = { .type = WRITER_TRUST,
					    .writer = call->writer,
					    .time_ns = time_ns,
					    .call = call->number };

	send_to_all(c, &event);
}

/* A call of an earlier run: its next segment begins. */
static void
go_on(struct control_state *c, struct control_call *call,
      const struct sip_event *event)
{
	const struct control_saved *saved = c->restoring;
	struct store_segment row = saved->row;
	struct writer_event begin = { .type = WRITER_SEGMENT,
				      .writer = call->writer,
				      .time_ns = event->time_ns,
				      .call = call->number,
				      .resumed = saved->recorded };

	COPY_TEXT(call->id, row.call);
	call->segments = row.segment;
	memcpy(call->held, event->call->hold, sizeof(call->held));
	read_verdict(call, saved);
	decide(c, call);
	if (saved->recorded)
		row.start_ns = event->time_ns;
	row.state = STORE_STATE_NONE;
	row.end_ns = 0;
	fill_verdict(call, &row);
	memcpy(call->head, &row, SEGMENT_HEAD_BYTES);
	memcpy(begin.head, &row, SEGMENT_HEAD_BYTES);
	send_to(c, call->writer, &begin);
	control__saved_streams(saved, &call->streams);
	call->sip_ns = control__saved_sip_ns(saved);
	tell_doubt(c, call, event->time_ns);
	call->paused_ns = control__saved_paused_ns(saved);
	if (call->paused_ns)
		tell_pause(c, call, WRITER_PAUSE, call->paused_ns);
	control__live_change(c, call);
}

static void
begin_call(struct control_state *c, const struct sip_event *event)
{
	struct control_call *call = calloc(1, sizeof(*call));

	if (!call || (!c->restoring && give_id(c, call, event->call) < 0)) {
		/* Named, since it is a call lost: the tracker counts it too. */
		log_error("out of memory: a call is not recorded");
		free(call);
		return;
	}
	call->number = event->call->number;
	call->writer = (uint32_t)(call->number % c->pipeline->writers_count);
	HASH_ADD(hh, c->calls, number, sizeof(call->number), call);
	note_facts(call, event->call);
	if (c->restoring) {
		go_on(c, call, event);
		return;
	}
	call->sip_ns = event->time_ns;
	decide(c, call);
	call->segments = 1;
	tell_segment(c, call, event, WRITER_SEGMENT);
}

void
control__pause(struct control_state *c, struct control_call *call, bool pause)
{
	int64_t window_ns = c->pipeline->times.window_ns;
	int64_t now_ns = control__wire_ns(c);

	if (pause == (call->paused_ns != 0))
		return;
	if (pause) {
		/* No writer has taken a frame later than that. */
		call->paused_ns = c->published_ns - window_ns + 1;
		tell_pause(c, call, WRITER_PAUSE, call->paused_ns);
		counter_add(&c->pipeline->control.counters, COUNTER_pauses, 1);
	} else {
		call->paused_ns = 0;
		tell_pause(c, call, WRITER_RESUME,
			   now_ns > c->published_ns ? now_ns
						    : c->published_ns + 1);
	}
	control__live_change(c, call);
}

void
control__decide_again(struct control_state *c)
{
	int64_t now_ns = c->published_ns + 1;
	struct control_call *call;

	for (call = c->calls; call; call = call->hh.next) {
		enum policy_decision before = call->verdict.decision;
		struct store_segment row = { 0 };

		decide(c, call);
		if (strictness(call->verdict.decision) <= strictness(before))
			continue;
		memcpy(&row, call->head, SEGMENT_HEAD_BYTES);
		call->segments++;
		row.start_ns = now_ns;
		fill_verdict(call, &row);
		memcpy(call->head, &row, SEGMENT_HEAD_BYTES);
		send_head(c, call, WRITER_SEGMENT, now_ns);
	}
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
	tell_segment(c, call, event, WRITER_SEGMENT);
}

static void
end_call(struct control_state *c, struct control_call *call,
	 const struct sip_event *sip)
{
	const char *const causes[] = {
		[SIP_END_BYE] = "bye",
		[SIP_END_CANCEL] = "cancel",
		[SIP_END_REJECTED] = "rejected",
		[SIP_END_TIMEOUT] = "timeout",
		[SIP_END_SHED] = "shed",
		[SIP_END_INPUT] =
		    c->pipeline->config.live ? "stopped" : "input-ended",
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
	/* Of a recorder that is stopped the next one goes on with its calls. */
	if (sip->cause != SIP_END_INPUT)
		control__live_remove(c, call);
	control__live_forget(c, call);
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
	call = control__call_find(c, event->call->number);
	if (!call)
		return;
	if (event->type == SIP_EVENT_KEY) {
		control__key_by_info(c, event, side_of(call, event->party));
		return;
	}
	/* Being brought back is not SIP, however often it happens. */
	if (!c->restoring)
		call->sip_ns = event->time_ns;
	switch (event->type) {
	case SIP_EVENT_IDENTITY:
		note_facts(call, event->call);
		decide(c, call);
		/* fallthrough */
	case SIP_EVENT_ANSWER:
		tell_segment(c, call, event, WRITER_UPDATE);
		break;
	case SIP_EVENT_MEDIA_OPEN:
	case SIP_EVENT_MEDIA_CLOSE:
		tell_media(c, call, event);
		control__live_change(c, call);
		break;
	case SIP_EVENT_HOLD:
	case SIP_EVENT_RESUME:
		hold(c, call, event);
		break;
	case SIP_EVENT_GOES_ON:
		tell_trust(c, call, event->time_ns);
		/* fallthrough */
	case SIP_EVENT_RINGING:
		control__live_change(c, call);
		break;
	case SIP_EVENT_END:
		end_call(c, call, event);
		break;
	case SIP_EVENT_KEY:
	case SIP_EVENT_REFER:
	case SIP_EVENT_MOVE:
	case SIP_EVENT_CALL:
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
