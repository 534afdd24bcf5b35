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

#include "cmd/spanrecd/control_priv.h"

static const int64_t SECOND_NS = 1000000000LL;
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

void
control__collect_reports(struct control_state *c)
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

	control__collect_reports(c);
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

		control__publish(c, next_ns);
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
		control__publish(c, PIPELINE_OVER);
	}
	control__collect_reports(
	    c); /* nobody needs them; the writers need the room */
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
	control__collect_reports(c);
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
		control__publish(c, position_ns - 1);
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
	r = sip_tracker_new(&c->tracker, &config, control__on_sip_event, c);
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
	control__calls_free(c);
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
