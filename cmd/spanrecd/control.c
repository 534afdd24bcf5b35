/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control thread: one libuv loop. Merges the SIP of all capture threads by
 * time, follows dialogs, asks the policy, tells the writers who owns which
 * address and which segment is recorded, and publishes the watermark.
 *
 * Time-outs of calls depend on media too, which only the writers see. So that
 * they come out the same for any timing of the threads, they are looked at on
 * a grid of whole seconds of packet time: all SIP up to the second understood,
 * all media up to the second less the reorder window taken, then the tick.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "cmd/common/log.h"
#include "cmd/spanrecd/events.h"
#include "cmd/spanrecd/pipeline.h"

static const int64_t SECOND_NS = 1000000000LL;
static const int64_t NAP_NS = 1000000LL;
/* Ids hold the second of the start: only calls that began this close to each
 * other can get the same one within a run. */
static const int64_t ID_MEMORY_NS = 10 * 1000000000LL;

struct call {
	UT_hash_handle hh;
	uint64_t number;
	uint32_t writer;
	uint32_t segments; /* begun so far */
	bool held[2];      /* [party]: has put the other on hold */
	char id[STORE_CALL_ID_BYTES];
	struct policy_verdict verdict;
};

/* An id given in this run. */
struct given_id {
	UT_hash_handle hh;
	struct given_id *next;
	int64_t start_ns;
	char id[STORE_CALL_ID_BYTES];
};

struct control_state {
	struct pipeline *pipeline;
	struct sip_tracker *tracker;
	struct call *calls;   /* uthash by number */
	struct given_id *ids; /* uthash by id */
	struct given_id *oldest, *newest;
	struct store_archive *index;  /* read only: ids of earlier runs */
	struct alive_report *reports; /* not yet due */
	size_t reports_count, reports_capacity;
	int64_t grid_ns; /* the last tick */
	int64_t published_ns;
	bool finished;
	bool loop_made, kick_made;
};

/* ---- to the writers ------------------------------------------------------ */

static void
publish(struct control_state *c, int64_t watermark_ns)
{
	uint32_t i;

	if (watermark_ns <= c->published_ns)
		return;
	c->published_ns = watermark_ns;
	atomic_store_explicit(&c->pipeline->watermark_ns, watermark_ns,
			      memory_order_release);
	for (i = 0; i < c->pipeline->writers_count; i++)
		sem_post(&c->pipeline->writers[i].wake);
}

static void
collect_reports(struct control_state *c)
{
	uint32_t i;

	for (i = 0; i < c->pipeline->writers_count; i++) {
		struct capture_ring *ring = c->pipeline->writers[i].reports;
		const struct alive_report *report;

		while ((report = capture_ring_peek(ring, NULL))) {
			if (c->reports_count == c->reports_capacity) {
				size_t n = 2 * c->reports_capacity + 1024;
				void *p = realloc(c->reports,
						  n * sizeof(*c->reports));

				if (!p)
					break; /* stays in the ring */
				c->reports = p;
				c->reports_capacity = n;
			}
			c->reports[c->reports_count++] = *report;
			capture_ring_release(ring);
		}
	}
}

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
		publish(c, event->time_ns);
		/* The writer may be waiting for room for its reports. */
		collect_reports(c);
		sem_post(&c->pipeline->writers[writer].wake);
		uv_sleep((unsigned)(NAP_NS / 1000000));
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

static struct call *
find_call(struct control_state *c, uint64_t number)
{
	struct call *call;

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
give_id(struct control_state *c, struct call *call, const struct sip_call *sip)
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
decide(struct control_state *c, struct call *call, const struct sip_call *sip)
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
make_head(struct control_state *c, const struct call *call,
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
send_head(struct control_state *c, const struct call *call,
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
	struct call *call = calloc(1, sizeof(*call));

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
side_of(const struct call *call, enum sip_party party)
{
	bool caller = party == SIP_CALLER;

	return caller == call->verdict.local_is_caller ? STORE_LEFT
						       : STORE_RIGHT;
}

static void
tell_media(struct control_state *c, const struct call *call,
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
hold(struct control_state *c, struct call *call, const struct sip_event *event)
{
	bool before = call->held[0] || call->held[1];

	call->held[event->party] = event->type == SIP_EVENT_HOLD;
	if (before == (call->held[0] || call->held[1]))
		return;
	call->segments++;
	send_head(c, call, event, WRITER_SEGMENT);
}

static void
end_call(struct control_state *c, struct call *call,
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

static void
on_sip_event(void *ctx, const struct sip_event *event)
{
	struct control_state *c = ctx;
	struct call *call;

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

/* ---- time-outs ----------------------------------------------------------- */

static int
by_time(const void *a, const void *b)
{
	const struct alive_report *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->call < y->call ? -1 : x->call > y->call;
}

static void
tick(struct control_state *c, int64_t grid_ns)
{
	int64_t until_ns = grid_ns - c->pipeline->times.window_ns;
	size_t i = 0;

	collect_reports(c);
	if (c->reports_count)
		qsort(c->reports, c->reports_count, sizeof(*c->reports),
		      by_time);
	while (i < c->reports_count && c->reports[i].time_ns <= until_ns) {
		sip_tracker_alive(c->tracker, c->reports[i].call,
				  c->reports[i].time_ns);
		i++;
	}
	c->reports_count -= i;
	if (c->reports_count)
		memmove(c->reports, c->reports + i,
			c->reports_count * sizeof(*c->reports));
	sip_tracker_tick(c->tracker, until_ns);
	c->grid_ns = grid_ns;
}

/* The last whole second before or at a time. */
static int64_t
whole_second(int64_t time_ns)
{
	return time_ns - ((time_ns % SECOND_NS) + SECOND_NS) % SECOND_NS;
}

/*
 * Do the ticks before target_ns, all SIP up to which is understood.
 *
 * @return false if the writers have to catch up first
 */
static bool
ticks_until(struct control_state *c, int64_t target_ns)
{
	int64_t last_ns = whole_second(target_ns);

	if (last_ns <= c->grid_ns)
		return true;
	if (sip_tracker_calls(c->tracker) == 0) {
		tick(c, last_ns);
		return true;
	}
	while (c->grid_ns < last_ns) {
		int64_t next_ns = c->grid_ns + SECOND_NS;

		publish(c, next_ns);
		if (pipeline_drained(c->pipeline) <
		    next_ns - c->pipeline->times.window_ns)
			return false;
		tick(c, next_ns);
	}
	return true;
}

/* ---- the loop ------------------------------------------------------------ */

/* The oldest SIP message of all rings. */
static const struct sip_record *
oldest_sip(struct control_state *c, uint32_t *ring)
{
	const struct sip_record *best = NULL, *record;
	uint32_t i;

	for (i = 0; i < c->pipeline->captures_count; i++) {
		record = capture_ring_peek(c->pipeline->captures[i].sip, NULL);
		if (record && (!best || record->frame < best->frame)) {
			best = record;
			*ring = i;
		}
	}
	return best;
}

static int64_t
min_position(struct pipeline *p, uint64_t *frame)
{
	int64_t min_ns = PIPELINE_OVER, ns;
	uint64_t number;
	uint32_t i;

	*frame = UINT64_MAX;
	for (i = 0; i < p->captures_count; i++) {
		ns = atomic_load_explicit(&p->captures[i].position_ns,
					  memory_order_acquire);
		number = atomic_load_explicit(&p->captures[i].position_frame,
					      memory_order_acquire);
		if (ns < min_ns)
			min_ns = ns;
		if (number < *frame)
			*frame = number;
	}
	return min_ns;
}

/* Where the input ended: asked to stop, the threads end here and there. */
static int64_t
last_position(struct pipeline *p)
{
	int64_t max_ns = PIPELINE_BEFORE, ns;
	uint32_t i;

	for (i = 0; i < p->captures_count; i++) {
		ns = atomic_load_explicit(&p->captures[i].position_ns,
					  memory_order_acquire);
		if (ns > max_ns)
			max_ns = ns;
	}
	return max_ns;
}

static void
input(struct control_state *c, const struct sip_record *record, uint32_t ring)
{
	const struct capture_pkt pkt = {
		.time_ns = record->time_ns,
		.payload = record->message,
		.payload_bytes = record->bytes,
		.missing_bytes = record->missing_bytes,
		.src = record->src,
		.dst = record->dst,
	};

	(void)sip_tracker_input(c->tracker, &pkt);
	capture_ring_release(c->pipeline->captures[ring].sip);
	sem_post(&c->pipeline->captures[ring].wake);
}

static void
finish(struct control_state *c, int64_t last_ns)
{
	struct pipeline *p = c->pipeline;

	if (!c->finished) {
		sip_tracker_finish(c->tracker, last_ns);
		p->sip_counters = *sip_tracker_counters_peek(c->tracker);
		c->finished = true;
		publish(c, PIPELINE_OVER);
	}
	collect_reports(c); /* nobody needs them; the writers need the room */
	c->reports_count = 0;
	if (atomic_load_explicit(&p->writers_over, memory_order_acquire))
		uv_close((uv_handle_t *)&p->control.kick, NULL);
}

static void
on_kick(uv_async_t *handle)
{
	struct control_state *c = handle->data;
	struct pipeline *p = c->pipeline;
	/* In this order: what came before `over` is then in the rings. */
	bool over =
	    atomic_load_explicit(&p->capture_over, memory_order_acquire) ==
	    p->captures_count;
	uint64_t frame;
	int64_t position_ns = min_position(p, &frame);
	const struct sip_record *record;
	uint32_t ring = 0;

	if (over)
		position_ns = last_position(p);
	if (c->finished) {
		finish(c, position_ns);
		return;
	}
	collect_reports(c);
	while ((record = oldest_sip(c, &ring)) &&
	       (over || record->frame < frame)) {
		if (!ticks_until(c, record->time_ns - 1))
			return;
		input(c, record, ring);
	}
	/* Nothing was handled yet, or the position is that of a frame that
	 * may still be on its way. */
	if (position_ns == PIPELINE_BEFORE)
		return;
	if (!ticks_until(c, over ? position_ns : position_ns - 1))
		return;
	if (over)
		finish(c, position_ns);
	else
		publish(c, position_ns - 1);
}

int
control_new(struct pipeline *p)
{
	const struct home_settings *s = p->config.settings;
	struct sip_config config = {
		.calls_max = s->calls_max,
		.idle_timeout_ns = (int64_t)s->idle_timeout_s * SECOND_NS,
		.setup_timeout_ns = (int64_t)s->setup_timeout_s * SECOND_NS,
	};
	struct control_state *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	p->control.state = c;
	memcpy(config.hash_key, p->hash_key, sizeof(config.hash_key));
	c->pipeline = p;
	c->grid_ns = PIPELINE_BEFORE;
	c->published_ns = PIPELINE_BEFORE;
	r = sip_tracker_new(&c->tracker, &config, on_sip_event, c);
	if (r < 0)
		return r;
	r = uv_loop_init(&p->control.loop);
	if (r < 0)
		return r;
	c->loop_made = true;
	p->control.kick.data = c;
	r = uv_async_init(&p->control.loop, &p->control.kick, on_kick);
	c->kick_made = r == 0;
	return r;
}

void
control_free(struct pipeline *p)
{
	struct control_state *c = p->control.state;
	struct call *call, *next;

	if (!c)
		return;
	/* Here and not in the thread: others use descriptors to the end, and
	 * must not be given those of the loop. */
	if (c->kick_made && !uv_is_closing((uv_handle_t *)&p->control.kick)) {
		uv_close((uv_handle_t *)&p->control.kick, NULL);
		uv_run(&p->control.loop, UV_RUN_DEFAULT);
	}
	if (c->loop_made)
		uv_loop_close(&p->control.loop);
	call = c->calls;
	HASH_CLEAR(hh, c->calls);
	for (; call; call = next) {
		next = call->hh.next;
		free(call);
	}
	forget_ids(c, INT64_MAX);
	sip_tracker_free(&c->tracker);
	free(c->reports);
	free(c);
	p->control.state = NULL;
}

void *
control_main(void *pipeline)
{
	struct pipeline *p = pipeline;

	pthread_setname_np(pthread_self(), "control");
	uv_run(&p->control.loop, UV_RUN_DEFAULT);
	return NULL;
}
