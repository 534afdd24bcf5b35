/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A capture thread of an interface: a libuv loop around the socket. What it
 * does with a frame is in capture_thread.c; here is when it looks, and what
 * time it is while nothing comes.
 *
 * The kernel hands frames over in blocks, and one that does not fill within
 * block_ms up to twice so late. So when a look at wall clock time W finds
 * nothing waiting, every frame captured before W - 2 block_ms was handled.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "cmd/spanrecd/capture_priv.h"

static const int64_t MS_NS = 1000000LL;
static const int64_t SECOND_NS = 1000000000LL;
/* For the timers of the kernel, on top of its two blocks. */
static const int64_t SLACK_NS = 10 * 1000000LL;
/* Asked to stop, what was captured before is still taken: for so long. */
static const int64_t STOP_NS = 2 * 1000000000LL;

/* Rounds of a batch before the timer gets its turn. */
enum { ROUNDS_MAX = 64 };
enum { TICK_MS_MIN = 5, TICK_MS_MAX = 20 };

struct live {
	struct capture_thread *t;
	uv_loop_t loop;
	uv_poll_t ready;
	uv_timer_t tick;
	int64_t margin_ns; /* frames come at most so late */
	int64_t state_ns;  /* when the state of the link was looked at */
	int64_t stop_ns;   /* when it was asked to stop; 0: it was not */
	/* by the loop's clock, which nobody sets: */
	uint64_t began_ms;
	uint64_t back_ms; /* the wall's was found behind; 0: it is not */
	bool begun;       /* what was captured before the start is through */
};

static int64_t
wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * SECOND_NS + ts.tv_nsec;
}

static int64_t
offset_ns(const struct capture_thread *t)
{
	return atomic_load_explicit(&t->offset_ns, memory_order_relaxed);
}

/* ---- what was dropped, and when ------------------------------------------ */

static void
note_drops(struct capture_drops *drops, int64_t from_ns, int64_t until_ns)
{
	uint32_t count =
	    atomic_load_explicit(&drops->count, memory_order_relaxed);
	uint32_t last = (count - 1) % CAPTURE_DROPS_MAX;
	uint32_t next = count % CAPTURE_DROPS_MAX;

	if (count > 0 &&
	    atomic_load_explicit(&drops->span[last].until_ns,
				 memory_order_relaxed) >= from_ns) {
		atomic_store_explicit(&drops->span[last].until_ns, until_ns,
				      memory_order_release);
		return;
	}
	atomic_store_explicit(&drops->span[next].from_ns, from_ns,
			      memory_order_relaxed);
	atomic_store_explicit(&drops->span[next].until_ns, until_ns,
			      memory_order_relaxed);
	atomic_store_explicit(&drops->count, count + 1, memory_order_release);
}

bool
capture_thread_dropped(const struct capture_thread *t, int64_t from_ns,
		       int64_t until_ns)
{
	const struct capture_drops *drops = &t->drops;
	uint32_t count =
	    atomic_load_explicit(&drops->count, memory_order_acquire);
	uint32_t n = count < CAPTURE_DROPS_MAX ? count : CAPTURE_DROPS_MAX;
	uint32_t i;

	for (i = 0; i < n; i++)
		if (atomic_load_explicit(&drops->span[i].from_ns,
					 memory_order_relaxed) <= until_ns &&
		    atomic_load_explicit(&drops->span[i].until_ns,
					 memory_order_acquire) >= from_ns)
			return true;
	return false;
}

/* The sets of a thread only grow: what is new since the last look. */
static uint64_t
count_up_to(struct counters *counters, enum counter which, uint64_t now)
{
	uint64_t before = counter_get(counters, which);

	if (now <= before)
		return 0;
	counter_add(counters, which, now - before);
	return now - before;
}

void
live__note_stats(struct capture_thread *t)
{
	int64_t now_ns = wall_ns() + offset_ns(t);
	struct capture_source_stats stats;

	capture_source_stats(t->source, &stats);
	count_up_to(&t->counters, COUNTER_interface_drops,
		    stats.interface_drops);
	/* They were dropped since the last look, or a little before it, for
	 * the kernel counts in its own time. */
	if (count_up_to(&t->counters, COUNTER_kernel_drops, stats.kernel_drops))
		note_drops(&t->drops, t->stats_ns - SLACK_NS, now_ns);
	t->stats_ns = now_ns;
}

/* ---- looking ------------------------------------------------------------- */

/* The others end too, in order. */
static void
fail(struct capture_thread *t, int error)
{
	t->error = error;
	pipeline_stop(t->pipeline);
}

/* @return was the end of what waits seen? */
static bool
take_frames(struct live *l)
{
	struct capture_thread *t = l->t;
	int i, n;

	for (i = 0; i < ROUNDS_MAX; i++) {
		n = capture_source_dispatch(t->source, CAPTURE_BATCH_FRAMES,
					    capture__on_frame, t);
		capture__flush(t);
		if (n < 0) {
			fail(t, n);
			uv_stop(&l->loop);
		}
		if (n < CAPTURE_BATCH_FRAMES)
			return true;
	}
	return false;
}

/* Nothing is waiting: for how long is the loop's clock to say. */
static bool
is_past(const struct live *l, uint64_t since_ms)
{
	return (int64_t)(uv_now(&l->loop) - since_ms) * MS_NS >= l->margin_ns;
}

/*
 * A clock that was set back is told by the first frame; but one interface may
 * be quiet when others are not, and they would wait for it. Frames from before
 * it was set are through when it has been like that for a while.
 */
static void
follow_clock(struct live *l, int64_t looked_ns)
{
	struct capture_thread *t = l->t;
	int64_t behind_ns = t->now_ns - looked_ns - offset_ns(t);

	if (behind_ns <= t->pipeline->times.window_ns) {
		l->back_ms = 0;
	} else if (l->back_ms == 0) {
		l->back_ms = uv_now(&l->loop);
	} else if (is_past(l, l->back_ms)) {
		capture__set_back(t, behind_ns + l->margin_ns);
		l->back_ms = 0;
	}
}

/* Nothing is waiting, so time passes by the clock on the wall. */
static void
advance(struct live *l, int64_t looked_ns)
{
	struct capture_thread *t = l->t;
	int64_t time_ns;

	if (!l->begun && is_past(l, l->began_ms)) {
		capture_live_begun(t->source);
		l->begun = true;
	}
	follow_clock(l, looked_ns);
	time_ns = looked_ns - l->margin_ns + offset_ns(t);
	if (time_ns <= t->now_ns)
		return;
	t->now_ns = time_ns;
	t->frame = (uint64_t)time_ns;
}

static void
note_state(struct live *l, int64_t now_ns)
{
	struct capture_live_state state;

	if (now_ns - l->state_ns < SECOND_NS && now_ns >= l->state_ns)
		return;
	l->state_ns = now_ns;
	if (capture_live_state(l->t->source, &state) < 0)
		return;
	pthread_mutex_lock(&l->t->link_lock);
	l->t->link = state;
	pthread_mutex_unlock(&l->t->link_lock);
}

static void
stop_if_asked(struct live *l, int64_t now_ns)
{
	struct capture_thread *t = l->t;

	if (!atomic_load_explicit(&t->pipeline->stop, memory_order_relaxed))
		return;
	if (l->stop_ns == 0)
		l->stop_ns = now_ns;
	if (t->now_ns >= l->stop_ns + offset_ns(t) ||
	    now_ns - l->stop_ns > STOP_NS || now_ns < l->stop_ns)
		uv_stop(&l->loop);
}

static void
on_ready(uv_poll_t *handle, int status, int events)
{
	(void)status; /* an interface that went down: the source knows */
	(void)events;
	(void)take_frames(handle->data);
}

static void
on_tick(uv_timer_t *handle)
{
	struct live *l = handle->data;
	int64_t looked_ns = wall_ns();

	if (take_frames(l))
		advance(l, looked_ns);
	live__note_stats(l->t);
	l->t->ticked_ns = l->t->now_ns; /* else the next frame would, too */
	capture__tick(l->t);
	capture__tell(l->t);
	note_state(l, looked_ns);
	stop_if_asked(l, looked_ns);
	/* libuv gives up a descriptor that has an error. */
	if (!uv_is_active((uv_handle_t *)&l->ready))
		(void)uv_poll_start(&l->ready, UV_READABLE, on_ready);
}

/* ---- the loop ------------------------------------------------------------ */

static void
close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static int
loop_init(struct live *l)
{
	const struct home_settings *s = l->t->pipeline->config.settings;
	uint64_t tick_ms = s->block_ms;
	int r;

	if (tick_ms < TICK_MS_MIN)
		tick_ms = TICK_MS_MIN;
	if (tick_ms > TICK_MS_MAX)
		tick_ms = TICK_MS_MAX;
	l->margin_ns = 2 * s->block_ms * MS_NS + SLACK_NS;
	l->ready.data = l->tick.data = l;
	l->began_ms = uv_now(&l->loop);
	r = uv_timer_init(&l->loop, &l->tick);
	if (r == 0)
		r = uv_timer_start(&l->tick, on_tick, tick_ms, tick_ms);
	if (r == 0)
		r = uv_poll_init(&l->loop, &l->ready,
				 capture_source_fd(l->t->source));
	if (r == 0)
		r = uv_poll_start(&l->ready, UV_READABLE, on_ready);
	return r;
}

void *
live_thread_main(void *thread)
{
	struct capture_thread *t = thread;
	struct live l = { .t = t };
	int r = uv_loop_init(&l.loop);

	pthread_setname_np(pthread_self(), "capture");
	t->now_ns = t->stats_ns = t->pipeline->config.start_ns;
	t->frame = (uint64_t)t->now_ns;
	capture_live_begin(t->source, t->pipeline->config.start_ns);
	if (r == 0) {
		r = loop_init(&l);
		if (r == 0)
			uv_run(&l.loop, UV_RUN_DEFAULT);
		uv_walk(&l.loop, close_handle, NULL);
		uv_run(&l.loop, UV_RUN_DEFAULT);
		uv_loop_close(&l.loop);
	}
	if (r < 0) /* libuv's codes are those of errno, negative */
		fail(t, r);
	live__note_stats(t);
	capture__finish(t);
	return NULL;
}
