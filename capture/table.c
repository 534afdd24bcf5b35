/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Flow table. A place holds its key, value and 32 bits of the hash, so that
 * a run is walked, and closed again after a removal, without hashing anew.
 * The home of a hash is found by multiplying (hash x places / 2^32), which
 * works for any number of places: half as many again as entries.
 *
 * A removal moves the entries behind it back to close the gap, so there are
 * no tombstones and a table that lives for months stays as fast as a new one.
 */
#include "capture/table_priv.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Hashed and compared as bytes: there must be no padding in it. */
_Static_assert(sizeof(struct capture_flow_key) == 40, "flow key has padding");

struct place {
	struct capture_flow_key key;
	uint32_t value;
	uint32_t hash; /* 0: free */
};

struct capture_table {
	uint8_t hash_key[16];
	uint32_t capacity;
	uint32_t count;
	uint32_t places_count;
	struct place *places;
};

/* ---- hash -------------------------------------------------------------- */

static uint64_t
word(const uint8_t *bytes)
{
	uint64_t w;

	memcpy(&w, bytes, 8);
	return le64toh(w);
}

static uint64_t
rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

/* Inline, or gcc makes calls and keeps the state in memory: 28 ns, not 12. */
static inline void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static inline void
sip_word(uint64_t v[4], uint64_t w)
{
	v[3] ^= w;
	sip_round(v);
	v[0] ^= w;
}

/* Section 2 of the paper, with c = 1, d = 3 and a length that is known: the
 * last word has no bytes, only the length in its top one. */
uint64_t
capture__table_hash(const uint8_t *hash_key, const struct capture_flow_key *key)
{
	const uint8_t *bytes = (const uint8_t *)key;
	uint64_t k0 = word(hash_key), k1 = word(hash_key + 8);
	uint64_t v[4] = {
		k0 ^ UINT64_C(0x736f6d6570736575),
		k1 ^ UINT64_C(0x646f72616e646f6d),
		k0 ^ UINT64_C(0x6c7967656e657261),
		k1 ^ UINT64_C(0x7465646279746573),
	};

	sip_word(v, word(bytes));
	sip_word(v, word(bytes + 8));
	sip_word(v, word(bytes + 16));
	sip_word(v, word(bytes + 24));
	sip_word(v, word(bytes + 32));
	sip_word(v, (uint64_t)sizeof *key << 56);
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The lowest bit does not help to find the home: the table has fewer than
 * 2^31 places. So it can say that the place is taken. */
static uint32_t
place_hash(const struct capture_table *table,
	   const struct capture_flow_key *key)
{
	return (uint32_t)(capture__table_hash(table->hash_key, key) >> 32) | 1;
}

uint32_t
capture_pair_hash(const struct capture_endpoint *a,
		  const struct capture_endpoint *b)
{
	static const uint8_t no_key[16];
	struct capture_flow_key key = { .src = *a, .dst = *b };
	int order = memcmp(a->addr, b->addr, sizeof a->addr);

	if (order > 0 || (order == 0 && a->port > b->port))
		key = (struct capture_flow_key){ .src = *b, .dst = *a };
	return (uint32_t)capture__table_hash(no_key, &key);
}

/* ---- table ------------------------------------------------------------- */

int
capture_table_new(struct capture_table **table, uint32_t capacity,
		  const uint8_t *hash_key)
{
	struct capture_table *t;

	if (capacity == 0 || capacity > CAPTURE_TABLE_ENTRIES_MAX)
		return -EINVAL;
	t = calloc(1, sizeof *t);
	if (!t)
		return -ENOMEM;
	memcpy(t->hash_key, hash_key, sizeof t->hash_key);
	t->capacity = capacity;
	t->places_count = capacity + capacity / 2 + 1;
	/* Not malloc: pages that are never touched cost nothing. */
	t->places =
	    mmap(NULL, t->places_count * sizeof *t->places,
		 PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->places == MAP_FAILED) {
		free(t);
		return -ENOMEM;
	}
	*table = t;
	return 0;
}

void
capture_table_free(struct capture_table **table)
{
	struct capture_table *t = *table;

	if (t) {
		munmap(t->places, t->places_count * sizeof *t->places);
		free(t);
	}
	*table = NULL;
}

static uint32_t
home_of(const struct capture_table *table, uint32_t hash)
{
	return (uint32_t)((uint64_t)hash * table->places_count >> 32);
}

static uint32_t
next_of(const struct capture_table *table, uint32_t index)
{
	return index + 1 == table->places_count ? 0 : index + 1;
}

/* The place of this key, or the free one where its run ends: one place at
 * least is always free. */
static struct place *
find(const struct capture_table *table, const struct capture_flow_key *key,
     uint32_t hash)
{
	uint32_t index = home_of(table, hash);
	struct place *place = &table->places[index];

	while (place->hash && (place->hash != hash ||
			       memcmp(&place->key, key, sizeof *key) != 0)) {
		index = next_of(table, index);
		place = &table->places[index];
	}
	return place;
}

uint32_t
capture_table_get(const struct capture_table *table,
		  const struct capture_flow_key *key)
{
	const struct place *place = find(table, key, place_hash(table, key));

	return place->hash ? place->value : CAPTURE_TABLE_NONE;
}

int
capture_table_put(struct capture_table *table,
		  const struct capture_flow_key *key, uint32_t value)
{
	uint32_t hash = place_hash(table, key);
	struct place *place = find(table, key, hash);

	assert(value != CAPTURE_TABLE_NONE);
	if (!place->hash) {
		if (table->count == table->capacity)
			return -ENOSPC;
		table->count++;
		place->key = *key;
		place->hash = hash;
	}
	place->value = value;
	return 0;
}

/* How far a place lies behind another, around the end. */
static uint32_t
distance(const struct capture_table *table, uint32_t from, uint32_t to)
{
	return to >= from ? to - from : to + table->places_count - from;
}

int
capture_table_remove(struct capture_table *table,
		     const struct capture_flow_key *key)
{
	struct place *place = find(table, key, place_hash(table, key));
	uint32_t gap, index;

	if (!place->hash)
		return -ENOENT;
	gap = (uint32_t)(place - table->places);
	for (index = next_of(table, gap); table->places[index].hash;
	     index = next_of(table, index)) {
		uint32_t home = home_of(table, table->places[index].hash);

		/* Only back to where a search for it still passes. */
		if (distance(table, home, index) >=
		    distance(table, gap, index)) {
			table->places[gap] = table->places[index];
			gap = index;
		}
	}
	table->places[gap].hash = 0;
	table->count--;
	return 0;
}

uint32_t
capture_table_count(const struct capture_table *table)
{
	return table->count;
}
