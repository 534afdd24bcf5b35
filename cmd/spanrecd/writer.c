/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A writer thread: takes frames out of the jitter buffers once the watermark
 * has passed them, asks its copy of the media table whose they are, and puts
 * them into the segment of their call.
 *
 * Each call has one writer. A flow is consumed by any writer until it turns
 * out to be another one's call's: then it is handed over, with the frame that
 * showed it still in the buffer.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "cmd/common/log.h"
#include "cmd/spanrecd/tones.h"
#include "cmd/spanrecd/writer_priv.h"

static const int64_t SECOND_NS = 1000000000LL;
static const int64_t NAP_NS = 2 * 1000000LL;
/* Live, the watermark moves all the time by a little. A pass costs a look at
 * every flow, so it is worth it only when there are some frames in each. */
static const int64_t PASS_NS = 200 * 1000000LL;
static const int64_t LIVE_NAP_NS = 50 * 1000000LL;
static const int64_t MS_NS = 1000000LL;

enum { NO_STREAM = -1 };

/* So many flows ahead memory is asked for. */
enum { PREFETCH = 4 };

/* A timestamp ahead of its time by more than this has jumped. */
enum { JUMP_MS = 200, HIGHEST_CLOCK_KHZ = 48 };

/* ---- rings --------------------------------------------------------------- */

static void
take_answers(struct writer_state *w)
{
	const struct archive_answer *answer;

	while ((answer = capture_ring_peek(w->writer->answers, NULL))) {
		segment_opened(answer->segment, &w->input, answer);
		segment_take_back(answer->segment, &w->input, w->taken_ns);
		capture_ring_release(w->writer->answers);
	}
}

struct archive_request *
writer__request_room(void *ctx, uint32_t bytes)
{
	struct writer_state *w = ctx;
	struct archive_request *request;

	while (!(request = capture_ring_reserve(w->writer->requests, bytes))) {
		/* It may be waiting for room for its answers. */
		take_answers(w);
		sem_post(&w->pipeline->archiver.wake);
		pipeline_nap(&w->writer->wake, NAP_NS);
	}
	return request;
}

void
writer__request_commit(void *ctx, uint32_t bytes)
{
	struct writer_state *w = ctx;

	capture_ring_commit(w->writer->requests, bytes);
	sem_post(&w->pipeline->archiver.wake);
}

static void
send_report(struct writer_state *w, const struct writer_report *report)
{
	void *room;

	while (!(
	    room = capture_ring_reserve(w->writer->reports, sizeof(*report)))) {
		uv_async_send(&w->pipeline->control.kick);
		pipeline_nap(&w->writer->wake, NAP_NS);
	}
	memcpy(room, report, sizeof(*report));
	capture_ring_commit(w->writer->reports, sizeof(*report));
}

static void
tell_key(void *ctx, const struct writer_report *key)
{
	send_report(ctx, key);
}

static void
report_alive(struct writer_state *w, struct segment *segment, int64_t time_ns)
{
	struct writer_report report = { .type = REPORT_ALIVE,
					.call = segment->call };

	segment->alive_s = time_ns / SECOND_NS;
	/* Not that of the frame: which flow comes first is chance. */
	report.time_ns = segment->alive_s * SECOND_NS;
	send_report(w, &report);
}

/* By which the call knows it again after a restart. */
static void
report_stream(struct writer_state *w, const struct segment *segment,
	      const struct capture_flow_key *stream)
{
	const struct writer_report report = { .type = REPORT_STREAM,
					      .call = segment->call,
					      .stream = *stream };

	if (w->pipeline->config.live)
		send_report(w, &report);
}

/* ---- events ----------------------------------------------------------------
 */

static void
apply_events(struct writer_state *w)
{
	const struct writer_event *event;
	int r;

	while ((event = capture_ring_peek(w->writer->events, NULL)) &&
	       event->time_ns <= w->watermark_ns) {
		switch (event->type) {
		case WRITER_REPORT:
			writer__report_told(w, event);
			r = 0;
			break;
		case WRITER_MEDIA_OPEN:
		case WRITER_MEDIA_CLOSE:
		case WRITER_DOUBT:
		case WRITER_FIRST:
		case WRITER_TRUST:
			r = media_apply(w->media, event);
			break;
		default:
			r = writer__call_event(w, event);
		}
		if (r < 0)
			log_error("out of memory: a call is not recorded");
		if (event->type == WRITER_KEYS)
			capture_ring_wipe(w->writer->events);
		else
			capture_ring_release(w->writer->events);
	}
}

/* ---- flows --------------------------------------------------------------- */

/*
 * Does this frame begin something new? A marker, or a timestamp that does not
 * fit the time that has passed, whatever the clock rate of the format.
 */
static bool
begins_anew(const struct flow_binding *b, enum rtp_take kind,
	    const struct rtp_frame *frame)
{
	int64_t passed_ms = (frame->time_ns - b->last_ns) / MS_NS;
	int64_t ticks = (int32_t)(frame->timestamp - b->last_timestamp);

	if (kind != RTP_TAKE_FRAME)
		return false;
	return frame->marker || ticks < 0 ||
	       ticks > (passed_ms + JUMP_MS) * HIGHEST_CLOCK_KHZ;
}

/*
 * Whose is this frame? Keeps the answer for the frames after it.
 *
 * A flow whose call is over stays with it while it lingers. But where the same
 * ports are another call's already, it is that call's from the first frame
 * that begins something new: some devices count on from call to call.
 */
static enum media_answer
find_owner(struct writer_state *w, struct flow *flow, enum rtp_take kind,
	   const struct rtp_frame *frame)
{
	struct flow_binding *b = &flow->binding;
	int64_t time_ns = frame->time_ns;
	const struct capture_flow_key *key = &flow->key;
	uint32_t generation = media_generation(w->media, &key->src, &key->dst);
	struct media_question question = {
		.flow = key,
		.time_ns = time_ns,
		.watermark_ns = w->watermark_ns,
		.bound = b->call,
	};
	struct media_owner owner;
	enum media_answer answer;

	if (b->entry && b->media_generation == generation &&
	    time_ns < b->until_ns && !(b->over && begins_anew(b, kind, frame)))
		return MEDIA_OWNED;
	answer = media_find(w->media, &question, &owner);
	if (answer == MEDIA_OWNED && owner.over &&
	    owner.entry->call == b->call && begins_anew(b, kind, frame)) {
		question.bound = 0;
		answer = media_find(w->media, &question, &owner);
	}
	b->entry = NULL;
	if (answer != MEDIA_OWNED)
		return answer;
	if (b->media != owner.entry->media.number ||
	    b->encrypted != owner.encrypted) {
		b->segment = NULL;
		b->stream = NO_STREAM;
		b->media = owner.entry->media.number;
	}
	b->entry = owner.entry;
	b->media_generation = generation;
	b->until_ns = owner.until_ns;
	b->over = owner.over;
	if (owner.entry->call != b->call)
		b->call = owner.sticky ? owner.entry->call : 0;
	b->speaker = (uint8_t)owner.speaker;
	b->encrypted = owner.encrypted;
	b->events = owner.events;
	return MEDIA_OWNED;
}

/* The stream of a flow in a segment is found when the first thing of it comes;
 * where what comes waits, when that leaves. */
static void
bind_stream(struct writer_state *w, struct flow *flow, struct segment *segment)
{
	struct flow_binding *b = &flow->binding;

	/* Not by its address: that may have been another's before. */
	if (b->segment_serial == segment->serial)
		return;
	b->segment_serial = segment->serial;
	b->stream = NO_STREAM;
	report_stream(w, segment, &flow->key);
}

static bool
covers(const struct segment *segment, int64_t time_ns)
{
	return time_ns >= segment->start_ns && time_ns < segment->end_ns;
}

/* The segment and stream of a bound flow at a time. */
static struct segment *
place(struct writer_state *w, struct flow *flow, int64_t time_ns)
{
	struct flow_binding *b = &flow->binding;
	struct segment *segment = b->segment;

	/* The generation first: the segment may be gone. */
	if (segment && b->segment_generation == w->segment_generation &&
	    covers(segment, time_ns))
		return segment;
	segment = writer__segment_find(w, b->entry->call, time_ns);
	b->segment = segment;
	b->segment_generation = w->segment_generation;
	if (segment)
		bind_stream(w, flow, segment);
	return segment;
}

/* A key may matter most while the call is not recorded. Nothing is keyed after
 * the end of the call, but it may be heard. */
static void
look_for_keys(struct writer_state *w, const struct flow *flow,
	      const struct segment *segment, const struct rtp_frame *frame)
{
	const struct flow_binding *b = &flow->binding;
	struct writer_call *call = writer__call_find(w, segment->call);
	const struct keyed_frame in = {
		.call = segment->call,
		.over = segment->last && frame->time_ns >= segment->end_ns,
		.left_is_caller = segment->left_is_caller,
		.end = (enum sip_party)b->speaker,
		.flow = &flow->key,
		.media = &b->entry->media,
		.frame = frame,
		.tell = tell_key,
		.ctx = w,
	};

	if (keyed_events(&call->keyed, &in) < 0)
		log_error("out of memory: a key is not seen");
	if (!call->hold || !segment->lookback.lookback_ns ||
	    (b->events && !segment->lookback.tones))
		return;
	call->heard = true;
	if (tones_hear(&call->keyed, call->hold, &in, &w->writer->counters) < 0)
		log_error("out of memory: a key is not heard");
}

/* Taken, or put where it waits. */
static void
note_taken(struct writer_state *w, struct flow_binding *b,
	   struct segment *segment, const struct rtp_frame *frame)
{
	b->last_ns = frame->time_ns;
	b->last_timestamp = frame->timestamp;
	b->last_call = segment->call;
	if (frame->time_ns / SECOND_NS != segment->alive_s)
		report_alive(w, segment, frame->time_ns);
}

static bool
kernel_dropped(const struct writer_state *w, const struct flow_binding *b,
	       enum rtp_take kind, const struct rtp_frame *frame)
{
	return kind == RTP_TAKE_GAP &&
	       capture_thread_dropped(w->capture, b->last_ns, frame->time_ns);
}

/* What is known of a thing that the jitter buffer has. */
struct delivery {
	struct segment *segment;
	enum rtp_take kind;
	const struct rtp_frame *frame; /* decrypted, if it can be */
	bool encrypted;
	uint8_t run; /* for segment_stream */
};

/* There is no room for it to wait: it is counted, in the segment in which it
 * seems to be by now. Of a gap the hole in the sound tells. */
static void
leave_out_now(struct writer_state *w, const struct flow *flow,
	      const struct delivery *d)
{
	const struct flow_binding *b = &flow->binding;
	const struct segment_flow from = {
		.stream = segment_stream(d->segment, (enum sip_party)b->speaker,
					 &flow->key, d->run),
		.media = &b->entry->media,
	};

	counter_add(&w->writer->counters, COUNTER_hold_full, 1);
	if (d->kind == RTP_TAKE_GAP)
		return;
	if (from.stream < 0)
		segment_overflow(d->segment, &w->input, d->kind);
	else if (d->kind == RTP_TAKE_FRAME)
		segment_shed(d->segment, &w->input, from.stream);
	else
		(void)!segment_take(d->segment, &w->input, &from, d->kind,
				    d->frame);
}

static void
put_on_hold(struct writer_state *w, struct flow *flow, const struct delivery *d)
{
	const struct flow_binding *b = &flow->binding;
	const struct hold_item item = {
		.kind = d->kind,
		.speaker = (enum sip_party)b->speaker,
		.encrypted = d->encrypted,
		.kernel = kernel_dropped(w, b, d->kind, d->frame),
		.run = d->run,
		.key = flow->key,
		.last_ns = b->last_call == d->segment->call ? b->last_ns : 0,
		.frame = *d->frame,
	};
	int r = hold_put(*d->segment->hold, &item, &b->entry->media);

	if (r == -ENOMEM)
		log_error("out of memory: a packet is not recorded");
	if (r < 0)
		leave_out_now(w, flow, d);
}

/* Of what is not recorded only keys that are pressed may matter. */
static bool
is_wanted(const struct segment *segment, const struct rtp_frame *frame)
{
	return *segment->hold || keyed_may_be(frame) ||
	       segment->row.decision == STORE_RECORD ||
	       segment->row.decision == STORE_LISTEN_DENY;
}

static enum secrets_answer
open_frame(struct writer_state *w, const struct flow *flow,
	   const struct segment *segment, struct rtp_frame *frame)
{
	const struct flow_binding *b = &flow->binding;
	const struct secrets_question question = {
		.flow = &flow->key,
		.speaker = (enum sip_party)b->speaker,
		.secure = b->encrypted,
		.wanted = is_wanted(segment, frame),
		.window_ns = w->pipeline->times.window_ns,
	};

	if (!b->encrypted && !segment->secrets->keys)
		return SECRETS_PLAIN;
	return secrets_open(segment->secrets, &question, frame);
}

/* The frame was taken, and is not needed any more. */
static void
close_frame(struct writer_state *w, const struct segment *segment,
	    enum secrets_answer answer)
{
	if (answer == SECRETS_DECRYPTED)
		counter_add(&w->writer->counters, COUNTER_srtp_decrypted, 1);
	else if (answer == SECRETS_REFUSED && segment->secrets->keys)
		counter_add(&w->writer->counters, COUNTER_srtp_refused, 1);
	secrets_forget(segment->secrets);
}

/* What no key proves is nobody's stream, however much there is of it. */
static uint8_t
run_of(const struct flow_binding *b, struct rtp_jitter *jitter,
       const struct delivery *d, enum secrets_answer answer)
{
	if (answer == SECRETS_REFUSED && d->segment->secrets->keys)
		return 1;
	if (b->frames >= SEGMENT_RUN_MAX)
		return SEGMENT_RUN_MAX;
	if (d->kind != RTP_TAKE_FRAME)
		return b->frames ? b->frames : 1;
	return (uint8_t)(b->frames + rtp_jitter_run(jitter, d->frame));
}

static void
find_stream(const struct flow *flow, struct flow_binding *b,
	    const struct delivery *d)
{
	if (*d->segment->hold)
		b->stream = NO_STREAM;
	if (*d->segment->hold || b->stream >= 0)
		return;
	b->stream = segment_stream(d->segment, (enum sip_party)b->speaker,
				   &flow->key, d->run);
	if (b->stream >= 0)
		segment_forget_formats(d->segment, b->stream);
}

/* @return 0, or -ENOBUFS: not yet */
static int
deliver_to(struct writer_state *w, struct flow *flow, const struct delivery *d)
{
	struct flow_binding *b = &flow->binding;
	struct segment *segment = d->segment;

	if (*segment->hold)
		put_on_hold(w, flow, d);
	/* If it is not taken now it comes again, and then nothing is new. */
	if (d->kind == RTP_TAKE_FRAME && !d->encrypted &&
	    (*segment->hold || keyed_may_be(d->frame)))
		look_for_keys(w, flow, segment, d->frame);
	if (*segment->hold) {
		/* it is found out later what it is of */
		return 0;
	} else if (b->stream < 0) {
		segment_overflow(segment, &w->input, d->kind);
		return 0;
	} else {
		const struct segment_flow from = {
			.stream = b->stream,
			.encrypted = d->encrypted,
			.media = &b->entry->media,
			.last_ns =
			    b->last_call == segment->call ? b->last_ns : 0,
			.several = w->pipeline->config.several,
			.kernel = kernel_dropped(w, b, d->kind, d->frame),
		};

		return segment_take(segment, &w->input, &from, d->kind,
				    d->frame);
	}
}

/*
 * One thing that the jitter buffer has, to where it belongs.
 *
 * @return 0, or -ENOBUFS: not yet
 */
static int
deliver(struct writer_state *w, struct flow *flow, struct rtp_jitter *jitter,
	enum rtp_take kind, const struct rtp_frame *frame)
{
	struct flow_binding *b = &flow->binding;
	struct delivery d = { .segment = place(w, flow, frame->time_ns),
			      .kind = kind,
			      .frame = frame,
			      .encrypted = b->encrypted };
	enum secrets_answer answer = SECRETS_PLAIN;
	struct rtp_frame opened;
	int r;

	if (!d.segment) {
		if (kind != RTP_TAKE_GAP)
			counter_add(&w->writer->counters, COUNTER_unclaimed, 1);
		return 0;
	}
	if (kind == RTP_TAKE_FRAME) {
		opened = *frame;
		answer = open_frame(w, flow, d.segment, &opened);
		d.frame = &opened;
		d.encrypted = answer == SECRETS_REFUSED;
	}
	if (*d.segment->hold || b->stream < 0)
		d.run = run_of(b, jitter, &d, answer);
	find_stream(flow, b, &d);
	r = deliver_to(w, flow, &d);
	if (r == 0 && kind == RTP_TAKE_FRAME && b->frames < SEGMENT_RUN_MAX)
		b->frames++;
	if (r == 0 && answer != SECRETS_PLAIN)
		close_frame(w, d.segment, answer);
	if (r == 0 && kind == RTP_TAKE_FRAME &&
	    (*d.segment->hold || b->stream >= 0))
		note_taken(w, b, d.segment, frame);
	return r;
}

/* Nothing counts as drained before its new writer has looked at the flow. */
static void
handed_over(struct writer_state *w, uint32_t to)
{
	atomic_fetch_add_explicit(&w->pipeline->handovers, 1,
				  memory_order_release);
	sem_post(&w->pipeline->writers[to].wake);
}

static void
count_ownerless(struct writer_state *w, enum media_answer answer,
		enum rtp_take kind)
{
	if (kind != RTP_TAKE_GAP)
		counter_add(&w->writer->counters,
			    answer == MEDIA_STRANGER ? COUNTER_strangers
						     : COUNTER_unclaimed,
			    1);
}

/* @return false if another writer has it now */
static bool
drain_flow(struct writer_state *w, struct flows *flows, uint32_t index,
	   struct flow *flow)
{
	struct rtp_jitter *jitter = flows_jitter(flows, index);
	struct rtp_frame frame;
	enum media_answer answer;
	enum rtp_take kind;

	while ((kind = rtp_jitter_peek(jitter, w->due_ns, &frame)) !=
	       RTP_TAKE_NONE) {
		answer = find_owner(w, flow, kind, &frame);
		switch (answer) {
		case MEDIA_WAIT:
			return true;
		case MEDIA_NOBODY:
		case MEDIA_STRANGER:
			count_ownerless(w, answer, kind);
			break;
		case MEDIA_OWNED:
			if (flow->binding.entry->writer != w->writer->index) {
				uint32_t to = flow->binding.entry->writer;

				/* What it knows is of this writer's memory. */
				memset(&flow->binding, 0,
				       sizeof(flow->binding));
				flows_hand_over(flows, index, to);
				handed_over(w, to);
				return false;
			}
			if (deliver(w, flow, jitter, kind, &frame) ==
			    -ENOBUFS) {
				if (frame.time_ns < w->stuck_ns)
					w->stuck_ns = frame.time_ns;
				return true;
			}
		}
		(void)rtp_jitter_take(jitter, w->due_ns, &frame);
	}
	return true;
}

static void
drain_flows(struct writer_state *w, const struct capture_thread *capture)
{
	struct flows *flows = capture->flows;
	uint32_t high = flows_high(flows), i;

	w->capture = capture;
	for (i = 0; i < high; i++) {
		bool detached;
		struct flow *flow;

		if (i + PREFETCH < high)
			flows_prefetch(flows, i + PREFETCH);
		flow = flows_claim(flows, i, w->writer->index, &detached);
		if (!flow)
			continue;
		if (drain_flow(w, flows, i, flow) && detached &&
		    rtp_jitter_empty(flows_jitter(flows, i)))
			flows_release(flows, i);
	}
}

/* ---- the loop ------------------------------------------------------------ */

static void
publish_drained(struct writer_state *w)
{
	struct writer *writer = w->writer;
	int64_t before_ns =
	    atomic_load_explicit(&writer->drained_ns, memory_order_relaxed);
	uint64_t settled =
	    atomic_load_explicit(&writer->settled, memory_order_relaxed);
	int64_t drained_ns = w->taken_ns;
	uint32_t i;

	if (w->stuck_ns <= drained_ns)
		drained_ns = w->stuck_ns - 1;
	if (drained_ns <= before_ns && w->handovers == settled)
		return;
	if (drained_ns > before_ns)
		atomic_store_explicit(&writer->drained_ns, drained_ns,
				      memory_order_release);
	atomic_store_explicit(&writer->settled, w->handovers,
			      memory_order_release);
	for (i = 0; i < w->pipeline->captures_count; i++)
		sem_post(&w->pipeline->captures[i].wake);
	uv_async_send(&w->pipeline->control.kick);
}

/* @param keys_ns read before the watermark: all that came of keys by then is in
 * the ring, and is due */
static void
pass(struct writer_state *w, int64_t keys_ns, int64_t watermark_ns)
{
	struct pipeline *p = w->pipeline;
	/* Before the flows are looked at: what others have handed over by
	 * then is seen in this pass. */
	int64_t drained_ns = pipeline_drained(p);
	uint32_t i;

	w->keys_ns = keys_ns;
	w->handovers =
	    atomic_load_explicit(&p->handovers, memory_order_acquire);
	w->watermark_ns = watermark_ns;
	w->due_ns = watermark_ns - p->times.window_ns;
	w->taken_ns = watermark_ns - p->lag_ns;
	w->stuck_ns = INT64_MAX;
	atomic_store_explicit(&w->writer->full, 0, memory_order_relaxed);
	apply_events(w);
	for (i = 0; i < p->captures_count; i++)
		drain_flows(w, &p->captures[i]);
	writer__reports_take(w);
	writer__held_release(w);
	writer__segments_flush(w);
	writer__segments_close(w, drained_ns);
	/* By what all have drained: a flow handed over may be behind. */
	media_expire(w->media, drained_ns);
	publish_drained(w);
}

/*
 * Is a pass worth it? Whole seconds are what control waits for; and what
 * others wait for, or what was not ready before, cannot wait.
 */
static bool
worth_a_pass(const struct writer_state *w, int64_t watermark_ns)
{
	const struct pipeline *p = w->pipeline;

	if (watermark_ns == PIPELINE_BEFORE)
		return false;
	return !p->config.live || watermark_ns == PIPELINE_OVER ||
	       watermark_ns - w->watermark_ns >= PASS_NS ||
	       watermark_ns / SECOND_NS != w->watermark_ns / SECOND_NS ||
	       w->stuck_ns != INT64_MAX ||
	       atomic_load_explicit(&w->writer->full, memory_order_acquire) ||
	       atomic_load_explicit(&p->handovers, memory_order_acquire) !=
		   w->handovers;
}

static bool
finished(const struct writer_state *w)
{
	return w->watermark_ns == PIPELINE_OVER && !w->calls &&
	       pipeline_drained(w->pipeline) >= w->taken_ns;
}

void *
writer_main(void *thread)
{
	struct writer *writer = thread;
	struct writer_state *w = writer->state;
	int64_t nap_ns = w->pipeline->config.live ? LIVE_NAP_NS : NAP_NS;

	pthread_setname_np(pthread_self(), "writer");
	for (;;) {
		int64_t keys_ns = atomic_load_explicit(&w->pipeline->keys_ns,
						       memory_order_acquire);
		int64_t watermark_ns = atomic_load_explicit(
		    &w->pipeline->watermark_ns, memory_order_acquire);

		take_answers(w);
		if (worth_a_pass(w, watermark_ns))
			pass(w, keys_ns, watermark_ns);
		if (finished(w))
			break;
		pipeline_nap(&writer->wake, nap_ns);
	}
	return NULL;
}

int
writer_new(struct writer *writer)
{
	const struct home_settings *s = writer->pipeline->config.settings;
	struct writer_state *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	writer->state = w;
	w->writer = writer;
	w->pipeline = writer->pipeline;
	w->watermark_ns = PIPELINE_BEFORE;
	w->stuck_ns = INT64_MAX;
	w->flushed_ns = PIPELINE_BEFORE;
	w->keys_ns = PIPELINE_BEFORE;
	w->opus = (struct rtp_transcode_config){
		.bit_rate = (int32_t)s->opus_bit_rate,
		.complexity = (uint8_t)s->opus_complexity,
	};
	w->input = (struct segment_input){
		.opus = strcmp(s->storage, "opus") == 0 ? &w->opus : NULL,
		.archive = writer->pipeline->config.archive,
		.counters = &writer->counters,
		.dead_air_ns =
		    writer->pipeline->config.settings->dead_air_s * SECOND_NS,
		.error = &writer->pipeline->recording_error,
		.request = writer__request_room,
		.commit = writer__request_commit,
		.ctx = w,
	};
	return media_table_new(&w->media, &writer->pipeline->times,
			       writer->pipeline->hash_key);
}

void
writer_free(struct writer *writer)
{
	struct writer_state *w = writer->state;
	struct writer_call *call, *next;

	if (!w)
		return;
	call = w->calls;
	HASH_CLEAR(hh, w->calls);
	for (; call; call = next) {
		next = call->hh.next;
		writer__call_free(call);
	}
	media_table_free(&w->media);
	free(w);
	writer->state = NULL;
}
