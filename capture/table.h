/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Flow table: from (source, destination, SSRC) to a small number, the index of
 * the flow. Open addressing with linear probing and backward-shift deletion,
 * hashed by SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input
 * PRF", 2012) under a random key, because whoever sends packets to a mirror
 * port chooses the addresses.
 *
 * One thread per table. Memory is taken once, at its full size, and touched
 * as it is used.
 */
#ifndef CAPTURE_TABLE_H
#define CAPTURE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "capture/pkt.h"

#define CAPTURE_TABLE_NONE UINT32_MAX

/** Largest capacity; 144 bytes of address space for every two entries. */
#define CAPTURE_TABLE_ENTRIES_MAX (1u << 30)

struct capture_table;

struct capture_flow_key {
	struct capture_endpoint src;
	struct capture_endpoint dst;
	uint32_t ssrc;
};

static inline bool
capture_flow_key_equal(const struct capture_flow_key *a,
		       const struct capture_flow_key *b)
{
	return a->ssrc == b->ssrc && capture_endpoint_equal(&a->src, &b->src) &&
	       capture_endpoint_equal(&a->dst, &b->dst);
}

/**
 * @param capacity entries that must fit; there are half as many places again,
 *        of 48 bytes
 * @param hash_key [16] bytes
 * @return 0, -EINVAL, -ENOMEM
 */
int capture_table_new(struct capture_table **table, uint32_t capacity,
		      const uint8_t *hash_key)
	__attribute__((warn_unused_result));
void capture_table_free(struct capture_table **table);

/** @return the value, or CAPTURE_TABLE_NONE. @cost one hash, one probe run */
uint32_t capture_table_get(const struct capture_table *table,
			   const struct capture_flow_key *key);

/**
 * The same in steps, for several keys at a time: hash and prefetch them all,
 * and the memory of one is on its way while the next is hashed.
 */
uint32_t capture_table_hash(const struct capture_table *table,
			    const struct capture_flow_key *key);
void capture_table_prefetch(const struct capture_table *table, uint32_t hash);
uint32_t capture_table_find(const struct capture_table *table,
			    const struct capture_flow_key *key, uint32_t hash);

/**
 * Insert or replace.
 *
 * @param value not CAPTURE_TABLE_NONE
 * @return 0, or -ENOSPC if capacity entries are in it
 */
int capture_table_put(struct capture_table *table,
		      const struct capture_flow_key *key, uint32_t value)
	__attribute__((warn_unused_result));

/** @return 0, or -ENOENT */
int capture_table_remove(struct capture_table *table,
			 const struct capture_flow_key *key);

uint32_t capture_table_count(const struct capture_table *table);

/**
 * A hash of the pair of endpoints that is the same for both directions and in
 * every run: shares flows out between capture threads as PACKET_FANOUT_HASH
 * does between sockets. Not keyed; not for tables.
 */
uint32_t capture_pair_hash(const struct capture_endpoint *a,
			   const struct capture_endpoint *b);

#endif
