/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See flows.h for who may do what. */
#include "cmd/spanrecd/flows.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A call of flows_sweep looks at this part of them, and some. */
enum { SWEEP_PART = 16 };

enum { PAGE_BYTES = 4096 };

struct flows {
	struct flows_config config;
	struct capture_table *table;
	size_t jitter_bytes; /* of one buffer, whole pages */
	size_t slab_bytes;
	uint8_t *slab;           /* jitter buffers */
	struct flow *flow;       /* [flows_max] */
	struct rtp_probe *probe; /* [flows_max]; NULL: not asked for */
	_Atomic uint8_t *state;
	_Atomic uint8_t *writer;
	_Atomic uint32_t high;
	_Atomic uint32_t used;
	uint32_t cursor; /* where the search for a free flow goes on */
	uint32_t sweep;
	int64_t closed_until_ns;
};

/* Zeroed memory that costs nothing until it is touched, kept out of core
 * files; locked, where the limits allow, as it is touched. */
static void *
reserve(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	(void)madvise(p, bytes, MADV_DONTDUMP);
	/* Pages of 2 MiB would make every flow resident at once. */
	(void)madvise(p, bytes, MADV_NOHUGEPAGE);
	(void)mlock2(p, bytes, MLOCK_ONFAULT);
	return p;
}

int
flows_new(struct flows **flows, const struct flows_config *config,
	  const uint8_t *hash_key)
{
	struct flows *f;
	int r;

	assert(config->writers > 0 && config->writers <= UINT8_MAX);
	if (config->flows_max == 0)
		return -EINVAL;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->config = *config;
	/* Whole pages each: a buffer that holds little touches few. */
	f->jitter_bytes = (rtp_jitter_bytes(&config->jitter) + PAGE_BYTES - 1) /
			  PAGE_BYTES * PAGE_BYTES;
	f->slab_bytes = f->jitter_bytes * config->flows_max;
	f->slab = reserve(f->slab_bytes);
	f->flow = reserve(sizeof(*f->flow) * config->flows_max);
	f->state = calloc(config->flows_max, sizeof(*f->state));
	f->writer = calloc(config->flows_max, sizeof(*f->writer));
	r = capture_table_new(&f->table, config->flows_max, hash_key);
	if (config->probe)
		f->probe = calloc(config->flows_max, sizeof(*f->probe));
	if (!f->slab || !f->flow || !f->state || !f->writer ||
	    (config->probe && !f->probe))
		r = -ENOMEM;
	if (r < 0)
		flows_free(&f);
	*flows = f;
	return r;
}

void
flows_free(struct flows **flows)
{
	struct flows *f = *flows;

	if (!f)
		return;
	capture_table_free(&f->table);
	if (f->slab)
		munmap(f->slab, f->slab_bytes);
	if (f->flow)
		munmap(f->flow, sizeof(*f->flow) * f->config.flows_max);
	free(f->probe);
	free((void *)f->state);
	free((void *)f->writer);
	free(f);
	*flows = NULL;
}

struct rtp_jitter *
flows_jitter(struct flows *flows, uint32_t index)
{
	return (struct rtp_jitter *)(void *)(flows->slab +
					     index * flows->jitter_bytes);
}

static uint8_t
state_of(const struct flows *flows, uint32_t index)
{
	return atomic_load_explicit(&flows->state[index], memory_order_acquire);
}

/* ---- capture thread ------------------------------------------------------ */

/* Low numbers first, so that the writers have few to look at. */
static uint32_t
find_free(struct flows *flows)
{
	uint32_t high =
	    atomic_load_explicit(&flows->high, memory_order_relaxed);
	uint32_t used = flows_used(flows);
	uint32_t i;

	if (used == flows->config.flows_max)
		return CAPTURE_TABLE_NONE;
	/* Worth a search only if a good part of the low ones is free. */
	if (used < high - high / 4 || high == flows->config.flows_max) {
		for (i = 0; i < high; i++) {
			if (++flows->cursor >= high)
				flows->cursor = 0;
			if (state_of(flows, flows->cursor) == FLOW_FREE)
				return flows->cursor;
		}
	}
	if (high == flows->config.flows_max)
		return CAPTURE_TABLE_NONE;
	atomic_store_explicit(&flows->high, high + 1, memory_order_release);
	return high;
}

static uint32_t
begin(struct flows *flows, const struct flows_packet *packet)
{
	const struct capture_flow_key *key = &packet->key;
	uint32_t i;

	if (flows_closed(flows, packet->pkt.time_ns))
		return CAPTURE_TABLE_NONE;
	i = find_free(flows);
	if (i == CAPTURE_TABLE_NONE)
		return i;
	if (capture_table_put(flows->table, key, i) < 0)
		return CAPTURE_TABLE_NONE;
	memset(&flows->flow[i], 0, sizeof(flows->flow[i]));
	flows->flow[i].key = *key;
	if (flows->probe)
		memset(&flows->probe[i], 0, sizeof(flows->probe[i]));
	rtp_jitter_init(flows_jitter(flows, i), &flows->config.jitter,
			&packet->hdr);
	/* Release: whoever sees the new writer must not see the old state. */
	atomic_store_explicit(&flows->writer[i],
			      (uint8_t)(i % flows->config.writers),
			      memory_order_release);
	atomic_fetch_add_explicit(&flows->used, 1, memory_order_relaxed);
	atomic_store_explicit(&flows->state[i], FLOW_ACTIVE,
			      memory_order_release);
	return i;
}

static void
detach(struct flows *flows, uint32_t index)
{
	(void)capture_table_remove(flows->table, &flows->flow[index].key);
	atomic_store_explicit(&flows->state[index], FLOW_DETACHED,
			      memory_order_release);
}

void
flows_prepare(struct flows *flows, struct flows_packet *packets, uint32_t count)
{
	uint32_t index[FLOWS_BATCH], i;

	assert(count <= FLOWS_BATCH);
	for (i = 0; i < count; i++) {
		struct flows_packet *p = &packets[i];

		p->key = (struct capture_flow_key){ p->pkt.src, p->pkt.dst,
						    p->hdr.ssrc };
		p->hash = capture_table_hash(flows->table, &p->key);
		capture_table_prefetch(flows->table, p->hash);
	}
	for (i = 0; i < count; i++) {
		index[i] = capture_table_find(flows->table, &packets[i].key,
					      packets[i].hash);
		if (index[i] != CAPTURE_TABLE_NONE)
			rtp_jitter_prefetch(flows_jitter(flows, index[i]));
	}
	for (i = 0; i < count; i++)
		if (index[i] != CAPTURE_TABLE_NONE)
			rtp_jitter_prefetch_end(flows_jitter(flows, index[i]));
}

/* Taken in. */
static enum flows_put
look_at(struct flows *flows, uint32_t index, const struct flows_packet *packet)
{
	if (flows->probe && rtp_probe_packet(&flows->probe[index], &packet->hdr,
					     packet->pkt.time_ns))
		return FLOWS_STREAM;
	return FLOWS_PUT;
}

const struct rtp_probe *
flows_stream(const struct flows *flows, const struct flows_packet *packet)
{
	uint32_t i =
	    capture_table_find(flows->table, &packet->key, packet->hash);

	assert(flows->probe && i != CAPTURE_TABLE_NONE);
	return &flows->probe[i];
}

enum flows_put
flows_put(struct flows *flows, const struct flows_packet *packet, bool shed)
{
	const struct capture_flow_key *key = &packet->key;
	const struct rtp_hdr *hdr = &packet->hdr;
	int64_t time_ns = packet->pkt.time_ns;
	/* Anew: the packet before may have begun or ended the flow. */
	uint32_t i = capture_table_find(flows->table, key, packet->hash);
	enum rtp_put put;

	if (i != CAPTURE_TABLE_NONE &&
	    time_ns - rtp_jitter_last_ns(flows_jitter(flows, i)) >
		flows->config.idle_ns) {
		detach(flows, i);
		i = CAPTURE_TABLE_NONE;
	}
	if (i == CAPTURE_TABLE_NONE) {
		i = begin(flows, packet);
		if (i == CAPTURE_TABLE_NONE)
			return FLOWS_EXHAUSTED;
	}
	put = rtp_jitter_put(flows_jitter(flows, i), hdr, time_ns);
	if (put == RTP_PUT_RESTART) {
		detach(flows, i);
		i = begin(flows, packet);
		if (i == CAPTURE_TABLE_NONE)
			return FLOWS_EXHAUSTED;
		put = rtp_jitter_put(flows_jitter(flows, i), hdr, time_ns);
		assert(put != RTP_PUT_RESTART);
	}
	if (put != RTP_PUT_FULL && put != RTP_PUT_NO_ROOM)
		return look_at(flows, i, packet);
	if (put == RTP_PUT_FULL && !shed)
		return FLOWS_WAIT;
	rtp_jitter_shed(flows_jitter(flows, i), hdr, time_ns);
	return look_at(flows, i, packet);
}

void
flows_close(struct flows *flows, int64_t until_ns)
{
	flows->closed_until_ns = until_ns;
}

bool
flows_closed(const struct flows *flows, int64_t time_ns)
{
	return time_ns < flows->closed_until_ns;
}

void
flows_sweep(struct flows *flows, int64_t now_ns)
{
	uint32_t high =
	    atomic_load_explicit(&flows->high, memory_order_relaxed);
	uint32_t n = high < SWEEP_PART ? high : high / SWEEP_PART + SWEEP_PART;

	while (n--) {
		if (++flows->sweep >= high)
			flows->sweep = 0;
		if (state_of(flows, flows->sweep) == FLOW_ACTIVE &&
		    now_ns - rtp_jitter_last_ns(
				 flows_jitter(flows, flows->sweep)) >
			flows->config.idle_ns)
			detach(flows, flows->sweep);
	}
}

void
flows_detach_all(struct flows *flows)
{
	uint32_t high =
	    atomic_load_explicit(&flows->high, memory_order_relaxed);
	uint32_t i;

	for (i = 0; i < high; i++)
		if (state_of(flows, i) == FLOW_ACTIVE)
			detach(flows, i);
}

uint32_t
flows_used(const struct flows *flows)
{
	return atomic_load_explicit(&flows->used, memory_order_relaxed);
}

/* ---- writers ------------------------------------------------------------- */

uint32_t
flows_high(const struct flows *flows)
{
	return atomic_load_explicit(&flows->high, memory_order_acquire);
}

void
flows_prefetch(struct flows *flows, uint32_t index)
{
	const uint8_t *flow = (const uint8_t *)&flows->flow[index];

	__builtin_prefetch(flow, 1);
	__builtin_prefetch(flow + 64, 1);
	rtp_jitter_prefetch_take(flows_jitter(flows, index));
}

struct flow *
flows_claim(struct flows *flows, uint32_t index, uint32_t writer,
	    bool *detached)
{
	uint8_t state = state_of(flows, index);

	if (state == FLOW_FREE)
		return NULL;
	if (atomic_load_explicit(&flows->writer[index], memory_order_acquire) !=
	    writer)
		return NULL;
	/* The writer before may have seen it free itself, and begun anew. */
	state = state_of(flows, index);
	*detached = state == FLOW_DETACHED;
	return state == FLOW_FREE ? NULL : &flows->flow[index];
}

void
flows_hand_over(struct flows *flows, uint32_t index, uint32_t writer)
{
	atomic_store_explicit(&flows->writer[index], (uint8_t)writer,
			      memory_order_release);
}

void
flows_release(struct flows *flows, uint32_t index)
{
	atomic_fetch_sub_explicit(&flows->used, 1, memory_order_relaxed);
	atomic_store_explicit(&flows->state[index], FLOW_FREE,
			      memory_order_release);
}
