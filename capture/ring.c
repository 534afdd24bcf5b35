/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A ring of records between two threads.
 *
 *        tail                      head
 *   ------+--------+---------+------+-----------------+----
 *         | length | record  | ...  |  free           | skip
 *   ------+--------+---------+------+-----------------+----
 *
 * Each record has an 8-byte header with its length and is padded to 8 bytes.
 * One that would cross the end of the memory goes to the start, and a skip
 * mark is left in its place. Positions are counted in bytes since the start
 * and never wrap (at 10 GB/s that takes 58 years).
 *
 * What each thread writes has a cache line of its own, and each looks at the
 * other's position only when its last look does not suffice: in the steady
 * state the lines do not travel with every record.
 */
#include "capture/ring.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

enum { HEADER_BYTES = 8, RING_BYTES_MIN = 4096 };

/* In place of a length: go on at the start of the memory. */
#define SKIP UINT32_MAX

struct capture_ring {
	uint64_t capacity;
	/* producer */
	_Alignas(64) _Atomic uint64_t head; /* all before it is handed over */
	uint64_t tail_seen;
	uint64_t reserved;       /* where the reserved record's header goes */
	uint32_t reserved_bytes; /* 0: nothing is reserved */
	/* consumer */
	_Alignas(64) _Atomic uint64_t tail; /* all before it may be reused */
	uint64_t head_seen;
	uint64_t peeked; /* end of the record last peeked; = tail: none */
	uint32_t peeked_bytes;
	_Alignas(64) uint8_t memory[];
};

static uint64_t
record_bytes(uint32_t bytes)
{
	return HEADER_BYTES + (((uint64_t)bytes + 7) & ~UINT64_C(7));
}

/* Of the memory from this position on. */
static uint64_t
bytes_to_end(const struct capture_ring *ring, uint64_t position)
{
	return ring->capacity - (position & (ring->capacity - 1));
}

static uint8_t *
at(struct capture_ring *ring, uint64_t position)
{
	return ring->memory + (position & (ring->capacity - 1));
}

int
capture_ring_new(struct capture_ring **ring, uint32_t capacity_bytes)
{
	struct capture_ring *r;

	if (capacity_bytes < RING_BYTES_MIN ||
	    (capacity_bytes & (capacity_bytes - 1)))
		return -EINVAL;
	/* Not malloc: aligned, zeroed, and could be shared by processes. */
	r = mmap(NULL, sizeof *r + capacity_bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (r == MAP_FAILED)
		return -ENOMEM;
	r->capacity = capacity_bytes;
	*ring = r;
	return 0;
}

void
capture_ring_free(struct capture_ring **ring)
{
	if (*ring)
		munmap(*ring, sizeof **ring + (*ring)->capacity);
	*ring = NULL;
}

uint32_t
capture_ring_record_max(const struct capture_ring *ring)
{
	return (uint32_t)(ring->capacity / 4 - HEADER_BYTES);
}

/* @return whether all up to `end` may be written */
static bool
has_room(struct capture_ring *ring, uint64_t end)
{
	if (end - ring->tail_seen <= ring->capacity)
		return true;
	ring->tail_seen =
	    atomic_load_explicit(&ring->tail, memory_order_acquire);
	return end - ring->tail_seen <= ring->capacity;
}

void *
capture_ring_reserve(struct capture_ring *ring, uint32_t bytes)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint64_t need = record_bytes(bytes);
	uint64_t to_end = bytes_to_end(ring, head);
	uint64_t start = to_end < need ? head + to_end : head;

	ring->reserved_bytes = 0;
	if (bytes > capture_ring_record_max(ring) ||
	    !has_room(ring, start + need))
		return NULL;
	if (start != head)
		memcpy(at(ring, head), &(uint32_t){ SKIP }, 4);
	ring->reserved = start;
	ring->reserved_bytes = (uint32_t)need;
	return at(ring, start) + HEADER_BYTES;
}

void
capture_ring_commit(struct capture_ring *ring, uint32_t bytes)
{
	uint64_t start = ring->reserved;

	assert(record_bytes(bytes) <= ring->reserved_bytes);
	ring->reserved_bytes = 0;
	memcpy(at(ring, start), &bytes, 4);
	atomic_store_explicit(&ring->head, start + record_bytes(bytes),
			      memory_order_release);
}

const void *
capture_ring_peek(struct capture_ring *ring, uint32_t *bytes)
{
	uint64_t start =
	    atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint32_t length;

	if (start == ring->head_seen)
		ring->head_seen =
		    atomic_load_explicit(&ring->head, memory_order_acquire);
	if (start == ring->head_seen)
		return NULL;
	memcpy(&length, at(ring, start), 4);
	if (length == SKIP) {
		/* A record was handed over together with the mark. */
		start += bytes_to_end(ring, start);
		memcpy(&length, at(ring, start), 4);
	}
	ring->peeked = start + record_bytes(length);
	ring->peeked_bytes = length;
	if (bytes)
		*bytes = length;
	return at(ring, start) + HEADER_BYTES;
}

void
capture_ring_release(struct capture_ring *ring)
{
	assert(ring->peeked >
	       atomic_load_explicit(&ring->tail, memory_order_relaxed));
	atomic_store_explicit(&ring->tail, ring->peeked, memory_order_release);
}

void
capture_ring_wipe(struct capture_ring *ring)
{
	uint64_t start = ring->peeked - record_bytes(ring->peeked_bytes);

	explicit_bzero(at(ring, start) + HEADER_BYTES, ring->peeked_bytes);
	capture_ring_release(ring);
}

uint32_t
capture_ring_used(const struct capture_ring *ring)
{
	/* In this order the difference is never negative. */
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	uint64_t used = head - tail;

	return (uint32_t)(used < ring->capacity ? used : ring->capacity);
}
