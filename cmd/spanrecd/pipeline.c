/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See pipeline.h. */
#include "cmd/spanrecd/capture_priv.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>

static const int64_t MS_NS = 1000000LL;

/* How far capture may be ahead of what is due, beyond the reorder window. Two
 * rounds of capture_thread.c's TELL_NS, and some. */
static const int64_t LEAD_NS = 150 * 1000000LL;

/* For a call to be made of a stream that nobody has claimed: until it is known
 * for one, and the whole second after that when it is looked for who has. */
static const int64_t ORPHAN_NS = RTP_PROBE_NS + 2 * 1000000000LL;
/* What waits so long needs so many times the room, as far as a jitter buffer
 * has it. */
enum { ORPHAN_ROOM = 4, SLOTS_MAX = 32768, LOG_BYTES_MAX = 1 << 24 };

enum {
	EVENTS_BYTES = 1 << 20,
	REPORTS_BYTES = 1 << 18,
	REQUESTS_BYTES = 1 << 20,
	ANSWERS_BYTES = 1 << 18,
	CONTROL_REQUESTS_BYTES = 1 << 22,
	/* Of one capture thread to one writer: 2,900 reports wait at most. */
	RTCP_BYTES = 1 << 18
};

void
pipeline_nap(sem_t *wake, int64_t ns_max)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)(ns_max % 1000000000);
	until.tv_sec += (time_t)(ns_max / 1000000000);
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	if (sem_clockwait(wake, CLOCK_MONOTONIC, &until) < 0)
		return;
	/* One look at things answers all calls so far. */
	while (sem_trywait(wake) == 0)
		;
}

/*
 * What every writer has drained; it does not move while a flow is on its way
 * from one to another, for that flow may be behind.
 */
int64_t
pipeline_drained(struct pipeline *p)
{
	uint64_t handovers =
	    atomic_load_explicit(&p->handovers, memory_order_acquire);
	int64_t settled_ns =
	    atomic_load_explicit(&p->settled_ns, memory_order_acquire);
	int64_t min_ns = PIPELINE_OVER, ns;
	uint32_t i;

	for (i = 0; i < p->writers_count; i++) {
		if (atomic_load_explicit(&p->writers[i].settled,
					 memory_order_acquire) != handovers)
			return settled_ns;
		ns = atomic_load_explicit(&p->writers[i].drained_ns,
					  memory_order_acquire);
		if (ns < min_ns)
			min_ns = ns;
	}
	if (atomic_load_explicit(&p->handovers, memory_order_acquire) !=
	    handovers)
		return settled_ns;
	while (settled_ns < min_ns && !atomic_compare_exchange_weak(
					  &p->settled_ns, &settled_ns, min_ns))
		;
	return settled_ns < min_ns ? min_ns : settled_ns;
}

/* ---- making it ----------------------------------------------------------- */

static int
capture_layers_new(struct capture_thread *t)
{
	const struct home_settings *s = t->pipeline->config.settings;
	const uint8_t *key = t->pipeline->hash_key;
	struct capture_decode_config decode = {
		.fragment_bytes = (uint64_t)s->fragments_mib << 20,
	};
	struct capture_tcp_config tcp = {
		.connections_max = s->tcp_connections_max,
		.total_bytes = (uint64_t)s->tcp_mib << 20,
		.read = capture__on_stream,
		.begins = capture__begins_sip,
		.ctx = t,
	};
	int r;

	memcpy(decode.hash_key, key, sizeof(decode.hash_key));
	memcpy(tcp.hash_key, key, sizeof(tcp.hash_key));
	r = capture_decoder_new(&t->decoder, &decode);
	if (r == 0)
		r = capture_tcp_new(&t->tcp, &tcp);
	if (r == 0)
		r = capture_sightings_new(&t->sightings, key);
	return r;
}

static uint32_t
more_room(uint32_t room, uint32_t most)
{
	return room < most / ORPHAN_ROOM ? room * ORPHAN_ROOM : most;
}

static int
capture_new(struct pipeline *p, uint32_t i, char *error)
{
	const struct home_settings *s = p->config.settings;
	struct capture_thread *t = &p->captures[i];
	struct flows_config config = {
		.flows_max = s->flows_max,
		.jitter = { .slots = s->flow_slots,
			    .log_bytes = s->flow_log_kib * 1024,
			    .window_ns = p->times.window_ns },
		.idle_ns = s->flow_idle_ms * MS_NS,
		.writers = p->writers_count,
		.probe = p->config.orphans,
	};
	uint32_t w;
	int r;

	if (p->config.orphans) {
		config.jitter.slots = more_room(config.jitter.slots, SLOTS_MAX);
		config.jitter.log_bytes =
		    more_room(config.jitter.log_bytes, LOG_BYTES_MAX);
	}
	t->pipeline = p;
	t->index = i;
	t->source = p->config.sources[i];
	p->config.sources[i] = NULL;
	pthread_mutex_init(&t->link_lock, NULL);
	t->rtcp_closed_ns = PIPELINE_BEFORE;
	atomic_init(&t->first_ns, PIPELINE_OVER);
	atomic_init(&t->position_ns, PIPELINE_BEFORE);
	sem_init(&t->wake, 0, 0);
	r = capture_ring_new(&t->sip, s->sip_ring_kib * 1024);
	for (w = 0; w < p->writers_count && r == 0; w++)
		r = capture_ring_new(&t->rtcp[w], RTCP_BYTES);
	if (r == 0)
		r = capture_layers_new(t);
	if (r == 0)
		r = flows_new(&t->flows, &config, p->hash_key);
	if (r < 0) {
		snprintf(error, CAPTURE_ERROR_BYTES,
			 "no memory for %u flows of %u KiB", s->flows_max,
			 s->flow_log_kib);
		return r;
	}
	return 0;
}

static int
writer_make(struct pipeline *p, uint32_t i)
{
	struct writer *w = &p->writers[i];
	int r;

	w->pipeline = p;
	w->index = i;
	atomic_init(&w->drained_ns, PIPELINE_BEFORE);
	sem_init(&w->wake, 0, 0);
	r = capture_ring_new(&w->events, EVENTS_BYTES);
	if (r == 0)
		r = capture_ring_new(&w->reports, REPORTS_BYTES);
	if (r == 0)
		r = capture_ring_new(&w->requests, REQUESTS_BYTES);
	if (r == 0)
		r = capture_ring_new(&w->answers, ANSWERS_BYTES);
	if (r == 0)
		r = writer_new(w);
	return r;
}

/* Calls that outlive the recorder are found again under the same key. */
static int
make_key(struct pipeline *p)
{
	ssize_t n = sizeof(p->hash_key);

	if (p->config.live)
		return store_live_key(p->config.archive, p->hash_key);
	return getrandom(p->hash_key, (size_t)n, 0) == n ? 0 : -EIO;
}

static int
make(struct pipeline *p, char *error)
{
	const struct home_settings *s = p->config.settings;
	uint32_t i;
	int r = 0;

	r = make_key(p);
	if (r < 0)
		return r;
	p->times.window_ns = s->reorder_ms * MS_NS;
	p->times.claim_ns = s->claim_ms * MS_NS;
	p->times.linger_ns = s->linger_ms * MS_NS;
	p->lag_ns = p->times.window_ns;
	if (p->config.orphans) {
		p->times.orphan_ns = ORPHAN_NS;
		p->lag_ns += p->times.claim_ns + ORPHAN_NS;
	}
	p->lead_ns = p->lag_ns + LEAD_NS;
	p->captures_count = p->config.sources_count;
	p->writers_count = p->config.writers_count;
	atomic_init(&p->watermark_ns, PIPELINE_BEFORE);
	atomic_init(&p->keys_ns, PIPELINE_BEFORE);
	p->held.bytes_max = (uint64_t)p->config.settings->lookback_mib << 20;
	atomic_init(&p->settled_ns, PIPELINE_BEFORE);
	sem_init(&p->archiver.wake, 0, 0);
	r = capture_ring_new(&p->control.requests, CONTROL_REQUESTS_BYTES);
	if (r == 0)
		r = capture_ring_new(&p->control.answers, ANSWERS_BYTES);
	for (i = 0; i < p->captures_count && r == 0; i++)
		r = capture_new(p, i, error);
	if (r < 0)
		return r;
	for (i = 0; i < p->writers_count && r == 0; i++)
		r = writer_make(p, i);
	if (r == 0)
		r = control_new(p);
	if (r == 0)
		r = archiver_new(p);
	return r;
}

void
pipeline_free(struct pipeline **pipeline)
{
	struct pipeline *p = *pipeline;
	uint32_t i, w;

	if (!p)
		return;
	for (i = 0; i < p->captures_count; i++) {
		capture_source_free(&p->config.sources[i]);
		capture_source_free(&p->captures[i].source);
		capture_ring_free(&p->captures[i].sip);
		for (w = 0; w < p->writers_count; w++)
			capture_ring_free(&p->captures[i].rtcp[w]);
		capture_decoder_free(&p->captures[i].decoder);
		capture_tcp_free(&p->captures[i].tcp);
		capture_sightings_free(&p->captures[i].sightings);
		flows_free(&p->captures[i].flows);
	}
	for (i = 0; i < p->writers_count; i++) {
		capture_ring_free(&p->writers[i].events);
		capture_ring_free(&p->writers[i].reports);
		capture_ring_free(&p->writers[i].requests);
		capture_ring_free(&p->writers[i].answers);
		writer_free(&p->writers[i]);
	}
	control_free(p);
	archiver_free(p);
	capture_ring_free(&p->control.requests);
	capture_ring_free(&p->control.answers);
	free(p);
	*pipeline = NULL;
}

/* A thread that cannot be made this late is out of the question to handle:
 * the others are waiting for it. */
static void
start_thread(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	int r = pthread_create(thread, NULL, fn, arg);

	if (r != 0) {
		fprintf(stderr, "spanrecd: cannot make a thread: %s\n",
			strerror(r));
		_exit(1);
	}
}

int
pipeline_start(struct pipeline **pipeline, const struct pipeline_config *config,
	       char *error)
{
	struct pipeline *p = calloc(1, sizeof(*p));
	uint32_t i;
	int r;

	error[0] = '\0';
	if (!p) {
		for (i = 0; i < config->sources_count; i++)
			capture_source_free(&config->sources[i]);
		return -ENOMEM;
	}
	p->config = *config;
	r = make(p, error);
	if (r < 0 && error[0] == '\0')
		snprintf(error, CAPTURE_ERROR_BYTES, "cannot start: %s",
			 strerror(-r));
	if (r < 0) {
		pipeline_free(&p);
		return r;
	}
	(void)prctl(PR_SET_TIMERSLACK, 1000UL); /* naps are short; inherited */
	start_thread(&p->archiver.thread, archiver_main, p);
	start_thread(&p->control.thread, control_main, p);
	for (i = 0; i < p->writers_count; i++)
		start_thread(&p->writers[i].thread, writer_main,
			     &p->writers[i]);
	for (i = 0; i < p->captures_count; i++)
		start_thread(&p->captures[i].thread,
			     p->config.live ? live_thread_main
					    : capture_thread_main,
			     &p->captures[i]);
	*pipeline = p;
	return 0;
}

/* ---- running it ---------------------------------------------------------- */

void
pipeline_stop(struct pipeline *p)
{
	atomic_store_explicit(&p->stop, 1, memory_order_relaxed);
}

void
pipeline_reload(struct pipeline *p)
{
	atomic_store_explicit(&p->reload, 1, memory_order_relaxed);
	uv_async_send(&p->control.kick);
}

void
pipeline_progress(const struct pipeline *p, uint64_t *done, uint64_t *total)
{
	*done = atomic_load_explicit(&p->captures[0].bytes_done,
				     memory_order_relaxed);
	*total = atomic_load_explicit(&p->captures[0].bytes_total,
				      memory_order_relaxed);
}

int
pipeline_running(const struct pipeline *p)
{
	return atomic_load_explicit(&p->watermark_ns, memory_order_acquire) !=
	       PIPELINE_OVER;
}

void
pipeline_join(struct pipeline *p)
{
	uint32_t i;

	for (i = 0; i < p->captures_count; i++)
		pthread_join(p->captures[i].thread, NULL);
	for (i = 0; i < p->writers_count; i++)
		pthread_join(p->writers[i].thread, NULL);
	atomic_store_explicit(&p->writers_over, 1, memory_order_release);
	uv_async_send(&p->control.kick);
	pthread_join(p->control.thread, NULL);
	atomic_store_explicit(&p->archive_over, 1, memory_order_release);
	sem_post(&p->archiver.wake);
	pthread_join(p->archiver.thread, NULL);
}

/* Capture threads whose counts of frames add up: of files each sees them all.
 */
static uint32_t
readers(const struct pipeline *p)
{
	return p->config.live ? p->captures_count : 1;
}

uint64_t
pipeline_counter(const struct pipeline *p, enum counter which)
{
	bool of_input =
	    which == COUNTER_frames || which == COUNTER_clock_set_back;
	uint32_t captures = of_input ? readers(p) : p->captures_count;
	uint64_t sum = counter_get(&p->archiver.counters, which) +
		       counter_get(&p->control.counters, which);
	uint32_t i;

	for (i = 0; i < captures; i++)
		sum += counter_get(&p->captures[i].counters, which);
	for (i = 0; i < p->writers_count; i++)
		sum += counter_get(&p->writers[i].counters, which);
	return sum;
}

/*
 * An array of counters in each capture thread, summed up.
 *
 * @param captures of so many threads
 * @param offset of the array in a thread
 * @return behind what was written to values
 */
static uint64_t *
sum_up(const struct pipeline *p, uint32_t captures, size_t offset, size_t count,
       uint64_t *values)
{
	const _Atomic uint64_t *of;
	uint32_t i;

	memset(values, 0, count * sizeof(*values));
	for (i = 0; i < captures; i++) {
		of = (const void *)((const char *)&p->captures[i] + offset);
		for (size_t k = 0; k < count; k++)
			values[k] +=
			    atomic_load_explicit(&of[k], memory_order_relaxed);
	}
	return values + count;
}

void
pipeline_counters(const struct pipeline *p, const struct sip_counters *sip,
		  uint64_t *values)
{
	const uint64_t of_sip[] = {
#define X(name, unit, text) sip->name,
		SIP_COUNTERS(X)
#undef X
	};
	uint32_t i;

	for (i = 0; i < COUNTER_COUNT; i++)
		*values++ = pipeline_counter(p, (enum counter)i);
	values =
	    sum_up(p, readers(p), offsetof(struct capture_thread, outcomes),
		   CAPTURE_OUTCOME_COUNT, values);
	values = sum_up(p, readers(p),
			offsetof(struct capture_thread, decode_counters),
			CAPTURE_DECODE_COUNTERS_COUNT, values);
	values = sum_up(p, p->captures_count,
			offsetof(struct capture_thread, tcp_counters),
			CAPTURE_TCP_COUNTERS_COUNT, values);
	values = sum_up(p, p->captures_count,
			offsetof(struct capture_thread, stream_counters),
			SIP_STREAM_COUNTERS_COUNT, values);
	memcpy(values, of_sip, sizeof(of_sip));
}

int64_t
pipeline_purge_quiet_ns(struct pipeline *p)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec -
	       atomic_load(&p->purged_ns);
}

int
pipeline_sightings(const struct pipeline *p, struct capture_sighting **hosts)
{
	struct capture_sighting *all = calloc(
	    p->captures_count, CAPTURE_SIGHTINGS_HOSTS_MAX * sizeof(*all));
	uint32_t i, count = 0;

	*hosts = NULL;
	if (!all)
		return -ENOMEM;
	for (i = 0; i < p->captures_count; i++)
		count += capture_sightings_read(p->captures[i].sightings,
						all + count);
	count = capture_sightings_merge(all, count);
	if (count == 0)
		free(all);
	else
		*hosts = all;
	return count < CAPTURE_SIGHTINGS_HOSTS_MAX
		   ? (int)count
		   : CAPTURE_SIGHTINGS_HOSTS_MAX;
}
