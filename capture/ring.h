/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A ring of records for one producer thread and one consumer thread.
 *
 * Records have any length and are contiguous in memory: the producer reserves
 * room, writes the record in place and commits; the consumer peeks at the
 * oldest record in place and releases it. Positions are 64-bit and only grow;
 * each side keeps a cached copy of the other's. C11 acquire and release, no
 * fences, no pointers inside the shared part.
 */
#ifndef CAPTURE_RING_H
#define CAPTURE_RING_H

#include <stddef.h>
#include <stdint.h>

struct capture_ring;

/**
 * @param capacity_bytes a power of two, at least 4096; one record may take at
 *        most a quarter of it
 * @return 0, -EINVAL, -ENOMEM
 */
int capture_ring_new(struct capture_ring **ring, uint32_t capacity_bytes)
	__attribute__((warn_unused_result));
void capture_ring_free(struct capture_ring **ring);

/**
 * Room for one record, 8-byte aligned.
 *
 * @return where to write it, or NULL while the ring is too full (or the
 *         record is longer than a quarter of the ring, see
 *         capture_ring_record_max)
 * @thread producer
 */
void *capture_ring_reserve(struct capture_ring *ring, uint32_t bytes);

/**
 * Hand the reserved record over. bytes may be less than was reserved.
 *
 * @thread producer
 */
void capture_ring_commit(struct capture_ring *ring, uint32_t bytes);

/**
 * The oldest record; stays valid until capture_ring_release.
 *
 * @param bytes its length; may be NULL
 * @return NULL if the ring is empty
 * @thread consumer
 */
const void *capture_ring_peek(struct capture_ring *ring, uint32_t *bytes);

/** Give the room of the record last peeked back. @thread consumer */
void capture_ring_release(struct capture_ring *ring);

/** The same, of a record that must leave no trace in memory: it is overwritten
 * before. @thread consumer */
void capture_ring_wipe(struct capture_ring *ring);

/** Longest record that ever fits. @thread any */
uint32_t capture_ring_record_max(const struct capture_ring *ring);

/** Bytes in use now; a gauge, exact only for producer or consumer at rest.
 * @thread any */
uint32_t capture_ring_used(const struct capture_ring *ring);

#endif
