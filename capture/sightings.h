/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where telephony that cannot be recorded (capture/foreign.h) was seen: a
 * bounded table of hosts, with counts and the last time of each kind.
 *
 * One per capture thread. Its lock is taken at a sighting, which is as rare as
 * a call, and by whoever reads. When it is full the host that was seen least
 * recently gives way: senders choose their addresses.
 */
#ifndef CAPTURE_SIGHTINGS_H
#define CAPTURE_SIGHTINGS_H

#include "capture/foreign.h"

/** Most hosts of a table. */
#define CAPTURE_SIGHTINGS_HOSTS_MAX 512

/** One host. */
struct capture_sighting {
	uint8_t addr[16];                      /**< network order */
	uint64_t count[CAPTURE_FOREIGN_COUNT]; /**< of each kind */
	int64_t last_ns[CAPTURE_FOREIGN_COUNT];
};

struct capture_sightings;

/**
 * @param hash_key [16] random bytes
 * @return 0, -ENOMEM
 */
int capture_sightings_new(struct capture_sightings **sightings,
			  const uint8_t *hash_key)
    __attribute__((warn_unused_result));
void capture_sightings_free(struct capture_sightings **sightings);

/**
 * Something of this kind was seen.
 *
 * @param addr [16] of the host, as in struct capture_endpoint
 * @return 1: another host had to give way and is forgotten; else 0
 * @thread any @cost a lock, one look-up
 */
int capture_sightings_add(struct capture_sightings *sightings,
			  const uint8_t *addr, enum capture_foreign kind,
			  int64_t time_ns);

/**
 * A copy of what is in it now.
 *
 * @param hosts [CAPTURE_SIGHTINGS_HOSTS_MAX]
 * @return how many
 * @thread any @cost O(hosts), under the lock
 */
uint32_t capture_sightings_read(struct capture_sightings *sightings,
				struct capture_sighting *hosts);

/**
 * Make one list of those of several tables, in place: each host once, those
 * with the highest sum of counts first, equals by address.
 *
 * @return how many are left
 * @cost O(n log n)
 */
uint32_t capture_sightings_merge(struct capture_sighting *hosts,
				 uint32_t count);

/**
 * What was seen of a host, in the order in which it is told: most first.
 *
 * @param kinds [CAPTURE_FOREIGN_COUNT]
 * @return how many kinds were seen at all
 */
uint32_t capture_sighting_kinds(const struct capture_sighting *host,
				enum capture_foreign *kinds);

#endif
