/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control thread: one libuv loop. Merges the SIP of all capture threads by
 * time, gives it to the SIP tracker, whose events calls.c acts on, and
 * publishes the watermark.
 *
 * Time-outs of calls depend on media too, which only the writers see. So that
 * they come out the same for any timing of the threads, they are looked at on
 * a grid of whole seconds of packet time: all SIP up to the second understood,
 * all media up to the second less the reorder window taken, then the tick.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/common/log.h"
#include "cmd/spanrecd/control_priv.h"

static const int64_t SECOND_NS = 1000000000LL;
static const int64_t MS_NS = 1000000LL;
/* Live, time that passes faster than this was not watched: the clock was set,
 * or the machine slept. Nobody is timed out for it. */
static const int64_t JUMP_NS = 5 * 1000000000LL;
/* Once overloaded, for so long. */
static const int64_t OVERLOAD_NS = 1000000000LL;
/* A look at the counters for it. */
static const int64_t LOOK_NS = 100 * 1000000LL;

int64_t
control__wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * SECOND_NS + ts.tv_nsec;
}

int64_t
control__wire_ns(const struct control_state *c)
{
	int64_t most_ns = 0, offset_ns;
	uint32_t i;

	for (i = 0; i < c->pipeline->captures_count; i++) {
		offset_ns = atomic_load_explicit(
		    &c->pipeline->captures[i].offset_ns, memory_order_relaxed);
		if (offset_ns > most_ns)
			most_ns = offset_ns;
	}
	return control__wall_ns() + most_ns;
}
/* ---- to the writers ------------------------------------------------------ */

void
control__publish(struct control_state *c, int64_t watermark_ns)
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

static bool
keep_alive_report(struct control_state *c, const struct writer_report *report)
{
	if (c->reports_count == c->reports_capacity) {
		size_t n = 2 * c->reports_capacity + 1024;
		void *p = realloc(c->reports, n * sizeof(*c->reports));

		if (!p)
			return false;
		c->reports = p;
		c->reports_capacity = n;
	}
	c->reports[c->reports_count++] =
	    (struct alive_report){ report->call, report->time_ns };
	return true;
}

/* @return false: it stays in the ring */
static bool
take_report(struct control_state *c, const struct writer_report *report)
{
	switch (report->type) {
	case REPORT_STREAM:
		control__live_stream(c, report->call, &report->stream);
		return true;
	case REPORT_KEY:
		control__key_shown(c, report->call, &report->key);
		return true;
	case REPORT_ALIVE:
		break;
	}
	if (control__is_orphan(report->call)) {
		control__orphan_alive(c, report->call, report->time_ns);
		return true;
	}
	return keep_alive_report(c, report);
}

void
control__collect_reports(struct control_state *c)
{
	uint32_t i;

	for (i = 0; i < c->pipeline->writers_count; i++) {
		struct capture_ring *ring = c->pipeline->writers[i].reports;
		const struct writer_report *report;

		while ((report = capture_ring_peek(ring, NULL)) &&
		       take_report(c, report))
			capture_ring_wipe(ring);
	}
}

/* ---- to the archive thread ----------------------------------------------- */

struct control_request *
control__request(struct control_state *c, enum control_request_type type,
		 uint32_t state_bytes)
{
	uint32_t head = (uint32_t)offsetof(struct control_request, state);
	struct control_request *request = capture_ring_reserve(
	    c->pipeline->control.requests, head + state_bytes);

	if (!request)
		return NULL;
	request->type = type;
	request->token = 0;
	request->by = NULL;
	request->state_bytes = state_bytes;
	return request;
}

void
control__request_commit(struct control_state *c,
			const struct control_request *request)
{
	uint32_t head = (uint32_t)offsetof(struct control_request, state);

	capture_ring_commit(c->pipeline->control.requests,
			    head + request->state_bytes);
	sem_post(&c->pipeline->archiver.wake);
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
	int64_t until_ns = grid_ns - c->pipeline->lag_ns;
	size_t i = 0;

	control__collect_reports(c);
	if (c->reports_count)
		qsort(c->reports, c->reports_count, sizeof(*c->reports),
		      by_time);
	while (i < c->reports_count && c->reports[i].time_ns <= until_ns) {
		control__call_alive(c, c->reports[i].call,
				    c->reports[i].time_ns);
		i++;
	}
	c->reports_count -= i;
	if (c->reports_count)
		memmove(c->reports, c->reports + i,
			c->reports_count * sizeof(*c->reports));
	sip_tracker_tick(c->tracker, until_ns);
	control__orphans_tick(c, grid_ns);
	/* What was keyed before it is over, whatever the threads did first. */
	if (control__may_act(c))
		control__keys_settle(c, until_ns);
	control__time_passed(c, until_ns + 1);
	c->grid_ns = grid_ns;
}

/* The last whole second before or at a time. */
static int64_t
whole_second(int64_t time_ns)
{
	return time_ns - ((time_ns % SECOND_NS) + SECOND_NS) % SECOND_NS;
}

/* What nobody watched is no sign of death. */
static void
jump(struct control_state *c, int64_t to_ns)
{
	const struct control_call *call;

	for (call = c->calls; call; call = call->hh.next)
		control__call_alive(c, call->number, to_ns);
	c->grid_ns = to_ns - SECOND_NS;
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
	if (c->pipeline->config.live && last_ns - c->grid_ns > JUMP_NS)
		jump(c, last_ns);
	if (sip_tracker_calls(c->tracker) == 0 && !control__orphans_wait(c)) {
		tick(c, last_ns);
		return true;
	}
	while (c->grid_ns < last_ns) {
		int64_t next_ns = c->grid_ns + SECOND_NS;

		control__publish(c, next_ns);
		if (pipeline_drained(c->pipeline) <
		    next_ns - c->pipeline->lag_ns)
			return false;
		tick(c, next_ns);
	}
	return true;
}

/* ---- overload ------------------------------------------------------------ */

bool
control__may_act(const struct control_state *c)
{
	return c->sent_ns <= c->published_ns;
}

bool
control__overloaded(const struct control_state *c)
{
	return c->pipeline->config.live &&
	       strcmp(c->settings.overload, "new-calls") == 0 &&
	       control__wire_ns(c) < c->overloaded_ns;
}

static uint64_t
shed_so_far(const struct pipeline *p)
{
	return pipeline_counter(p, COUNTER_kernel_drops) +
	       pipeline_counter(p, COUNTER_rtp_no_flow) +
	       pipeline_counter(p, COUNTER_sip_shed) +
	       pipeline_counter(p, COUNTER_rtp_shed) +
	       pipeline_counter(p, COUNTER_hold_full);
}

/* Of what was captured, and of what the writers have taken. */
static int64_t
how_far_behind(struct pipeline *p, int64_t now_ns, int64_t position_ns)
{
	int64_t drained_ns = pipeline_drained(p);
	int64_t captured_ns = now_ns - position_ns;

	if (drained_ns == PIPELINE_BEFORE)
		return captured_ns;
	drained_ns = now_ns - drained_ns - p->times.window_ns;
	return drained_ns > captured_ns ? drained_ns : captured_ns;
}

/* Is the recorder behind, or has it shed anything? */
static void
look_for_overload(struct control_state *c, int64_t position_ns)
{
	int64_t now_ns = control__wire_ns(c);
	uint64_t shed;

	c->behind_ns = how_far_behind(c->pipeline, now_ns, position_ns);
	if (now_ns - c->looked_ns < LOOK_NS && now_ns >= c->looked_ns)
		return;
	c->looked_ns = now_ns;
	shed = shed_so_far(c->pipeline);
	if (shed != c->shed_seen ||
	    c->behind_ns > c->settings.behind_ms * MS_NS)
		c->overloaded_ns = now_ns + OVERLOAD_NS;
	c->shed_seen = shed;
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

/* The first frame of all, when no earlier one can come any more. */
static void
look_for_first(struct control_state *c, int64_t position_ns)
{
	struct pipeline *p = c->pipeline;
	int64_t first_ns = PIPELINE_OVER, ns;
	uint32_t i;

	if (c->first_told)
		return;
	for (i = 0; i < p->captures_count; i++) {
		ns = atomic_load_explicit(&p->captures[i].first_ns,
					  memory_order_relaxed);
		if (ns < first_ns)
			first_ns = ns;
	}
	if (first_ns >= position_ns)
		return;
	c->first_told = true;
	control__tell_first(c, first_ns);
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
	struct sip_report report;

	if (record->stream)
		control__orphans_stream(c, record);
	else
		(void)sip_tracker_input(c->tracker, &pkt);
	if (!record->stream &&
	    sip_report_read(&report, record->message, record->bytes)) {
		counter_add(&c->pipeline->control.counters, COUNTER_reports, 1);
		control__tell_report(c, &report, record->time_ns);
	}
	/* Keyed digits may be in it, or keys of SRTP. */
	capture_ring_wipe(c->pipeline->captures[ring].sip);
	sem_post(&c->pipeline->captures[ring].wake);
}

static void
finish(struct control_state *c, int64_t last_ns)
{
	struct pipeline *p = c->pipeline;

	if (!c->finished) {
		(void)control__live_flush(c, true);
		control__orphans_decide(c, last_ns);
		sip_tracker_finish(c->tracker, last_ns);
		control__orphans_finish(c, last_ns);
		p->sip_counters = *sip_tracker_counters_peek(c->tracker);
		c->finished = true;
		control__publish(c, PIPELINE_OVER);
	}
	control__collect_reports(
	    c); /* nobody needs them; the writers need the room */
	c->reports_count = 0;
	if (!atomic_load_explicit(&p->writers_over, memory_order_acquire))
		return;
	control__collect_reports(c);
	control__keys_settle(c, INT64_MAX);
	uv_close((uv_handle_t *)&p->control.kick, NULL);
	if (c->server)
		control__server_close(c->server);
}

/* All SIP that is there, by time.
 *
 * @return false if the writers have to catch up first */
static bool
input_all(struct control_state *c, uint64_t before_frame)
{
	const struct sip_record *record;
	uint32_t ring = 0;

	while ((record = oldest_sip(c, &ring)) &&
	       record->frame < before_frame) {
		if (!ticks_until(c, record->time_ns - 1))
			return false;
		input(c, record, ring);
	}
	return true;
}

/* From here on commands may act, if they may at all. */
static void
act(struct control_state *c)
{
	char text[512];

	if (!c->pipeline->config.live)
		return;
	control__answers_take(c);
	control__mirror_note(c);
	control__disk_note(c);
	if (control__may_act(c) &&
	    atomic_exchange_explicit(&c->pipeline->reload, 0,
				     memory_order_relaxed))
		(void)control__reload(c, "SIGHUP", text, sizeof(text));
	control__commands_run(c);
	(void)control__live_flush(c, false);
}

/* What comes of a key stands behind nothing that is yet to come. */
static void
settle_keys(struct control_state *c, int64_t drained_ns)
{
	struct pipeline *p = c->pipeline;
	uint32_t i;

	if (!control__may_act(c))
		return;
	control__keys_settle(c, drained_ns);
	if (drained_ns <=
	    atomic_load_explicit(&p->keys_ns, memory_order_relaxed))
		return;
	atomic_store_explicit(&p->keys_ns, drained_ns, memory_order_release);
	for (i = 0; i < p->writers_count; i++)
		sem_post(&p->writers[i].wake);
}

static void
go_forward(struct control_state *c)
{
	struct pipeline *p = c->pipeline;
	/* In this order: what came before `over` is then in the rings. */
	bool over =
	    atomic_load_explicit(&p->capture_over, memory_order_acquire) ==
	    p->captures_count;
	/* What was taken by then is reported by then. */
	int64_t drained_ns = pipeline_drained(p);
	uint64_t frame;
	int64_t position_ns = min_position(p, &frame);

	if (over)
		position_ns = last_position(p);
	control__collect_reports(c);
	settle_keys(c, drained_ns);
	if (c->finished) {
		finish(c, position_ns);
		return;
	}
	if (p->config.live && position_ns != PIPELINE_BEFORE) {
		look_for_overload(c, position_ns);
		look_for_first(c, position_ns);
	}
	if (!input_all(c, over ? UINT64_MAX : frame))
		return;
	/* Nothing was handled yet, or the position is that of a frame that
	 * may still be on its way. */
	if (position_ns == PIPELINE_BEFORE)
		return;
	if (!ticks_until(c, over ? position_ns : position_ns - 1))
		return;
	if (over)
		finish(c, position_ns);
	else
		control__publish(c, position_ns - 1);
}

static void
on_kick(uv_async_t *handle)
{
	struct control_state *c = handle->data;

	go_forward(c);
	act(c);
}

static int
loop_init(struct control_state *c)
{
	struct pipeline *p = c->pipeline;
	int r = uv_loop_init(&p->control.loop);

	if (r < 0)
		return r;
	c->loop_made = true;
	p->control.kick.data = c;
	r = uv_async_init(&p->control.loop, &p->control.kick, on_kick);
	c->kick_made = r == 0;
	if (r == 0 && p->config.live && p->config.control_fd >= 0)
		r = control__server_new(c, p->config.control_fd);
	return r;
}

int
control_new(struct pipeline *p)
{
	const struct home_settings *s = p->config.settings;
	struct sip_config config = {
		.calls_max = s->calls_max,
		.registrations_max = s->registrations_max,
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
	c->policy = p->config.policy;
	memcpy(c->policy_hash, p->config.policy_hash, sizeof(c->policy_hash));
	c->settings = *s;
	c->grid_ns = PIPELINE_BEFORE;
	c->published_ns = PIPELINE_BEFORE;
	c->sent_ns = PIPELINE_BEFORE;
	r = sip_tracker_new(&c->tracker, &config, control__on_sip_event, c);
	if (r == 0) {
		control__watch(c);
		r = control__keys_new(c);
	}
	if (r == 0)
		r = control__orphans_new(c);
	if (r == 0)
		r = control__live_load(c);
	if (r == 0)
		r = loop_init(c);
	return r;
}

static void
loop_fini(struct control_state *c)
{
	struct pipeline *p = c->pipeline;

	if (c->kick_made && !uv_is_closing((uv_handle_t *)&p->control.kick)) {
		uv_close((uv_handle_t *)&p->control.kick, NULL);
		if (c->server)
			control__server_close(c->server);
		uv_run(&p->control.loop, UV_RUN_DEFAULT);
	}
	control__server_free(&c->server);
	if (c->loop_made)
		uv_loop_close(&p->control.loop);
}

void
control_free(struct pipeline *p)
{
	struct control_state *c = p->control.state;

	if (!c)
		return;
	/* Here and not in the thread: others use descriptors to the end, and
	 * must not be given those of the loop. */
	loop_fini(c);
	control__commands_free(c);
	control__live_free(c);
	control__keys_free(c);
	control__calls_free(c);
	control__orphans_free(c);
	sip_tracker_free(&c->tracker);
	policy_free(&c->own_policy);
	free(c->reports);
	free(c);
	p->control.state = NULL;
}

void *
control_main(void *pipeline)
{
	struct pipeline *p = pipeline;

	pthread_setname_np(pthread_self(), "control");
	control__live_restore(p->control.state);
	uv_run(&p->control.loop, UV_RUN_DEFAULT);
	return NULL;
}
