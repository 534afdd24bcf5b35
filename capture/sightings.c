/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See sightings.h. */
#include "capture/sightings.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "capture/table.h"

#define NONE CAPTURE_TABLE_NONE

/* A host, and its place in the list by last sighting. */
struct place {
	struct capture_sighting host;
	uint32_t older, newer;
};

struct capture_sightings {
	pthread_mutex_t lock;
	struct capture_table *table; /* address -> index in places */
	uint32_t used, oldest, newest;
	struct place places[CAPTURE_SIGHTINGS_HOSTS_MAX];
};

int
capture_sightings_new(struct capture_sightings **sightings,
		      const uint8_t *hash_key)
{
	struct capture_sightings *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	r = capture_table_new(&s->table, CAPTURE_SIGHTINGS_HOSTS_MAX, hash_key);
	if (r < 0) {
		free(s);
		return r;
	}
	pthread_mutex_init(&s->lock, NULL);
	s->oldest = s->newest = NONE;
	*sightings = s;
	return 0;
}

void
capture_sightings_free(struct capture_sightings **sightings)
{
	struct capture_sightings *s = *sightings;

	if (s) {
		pthread_mutex_destroy(&s->lock);
		capture_table_free(&s->table);
		free(s);
	}
	*sightings = NULL;
}

/* ---- the list ------------------------------------------------------------ */

static void
list_remove(struct capture_sightings *s, uint32_t i)
{
	const struct place *p = &s->places[i];

	if (p->older == NONE)
		s->oldest = p->newer;
	else
		s->places[p->older].newer = p->newer;
	if (p->newer == NONE)
		s->newest = p->older;
	else
		s->places[p->newer].older = p->older;
}

static void
list_append(struct capture_sightings *s, uint32_t i)
{
	s->places[i].older = s->newest;
	s->places[i].newer = NONE;
	if (s->newest == NONE)
		s->oldest = i;
	else
		s->places[s->newest].newer = i;
	s->newest = i;
}

/* ---- sightings ----------------------------------------------------------- */

static struct capture_flow_key
key_of(const uint8_t *addr)
{
	struct capture_flow_key key = { 0 };

	memcpy(key.src.addr, addr, sizeof(key.src.addr));
	return key;
}

/* An empty place, in no list. @return 1: a host was in it */
static int
take_place(struct capture_sightings *s, uint32_t *i)
{
	struct capture_flow_key key;

	if (s->used < CAPTURE_SIGHTINGS_HOSTS_MAX) {
		*i = s->used++;
		return 0;
	}
	*i = s->oldest;
	key = key_of(s->places[*i].host.addr);
	capture_table_remove(s->table, &key);
	list_remove(s, *i);
	return 1;
}

int
capture_sightings_add(struct capture_sightings *s, const uint8_t *addr,
		      enum capture_foreign kind, int64_t time_ns)
{
	struct capture_flow_key key = key_of(addr);
	struct capture_sighting *host;
	int shed = 0, r = 0;
	uint32_t i;

	pthread_mutex_lock(&s->lock);
	i = capture_table_get(s->table, &key);
	if (i == NONE) {
		shed = take_place(s, &i);
		r = capture_table_put(s->table, &key, i);
		s->places[i].host = (struct capture_sighting){ 0 };
		memcpy(s->places[i].host.addr, addr, sizeof(host->addr));
	} else {
		list_remove(s, i);
	}
	list_append(s, i);
	host = &s->places[i].host;
	host->count[kind]++;
	host->last_ns[kind] = time_ns;
	pthread_mutex_unlock(&s->lock);
	assert(r == 0); /* there are as many places as entries */
	return shed;
}

/* ---- reading ------------------------------------------------------------- */

uint32_t
capture_sightings_read(struct capture_sightings *s,
		       struct capture_sighting *hosts)
{
	uint32_t i, count;

	pthread_mutex_lock(&s->lock);
	count = s->used;
	for (i = 0; i < count; i++)
		hosts[i] = s->places[i].host;
	pthread_mutex_unlock(&s->lock);
	return count;
}

static uint64_t
sum_of(const struct capture_sighting *host)
{
	uint64_t sum = 0;
	size_t kind;

	for (kind = 0; kind < CAPTURE_FOREIGN_COUNT; kind++)
		sum += host->count[kind];
	return sum;
}

static int
by_address(const void *a, const void *b)
{
	const struct capture_sighting *x = a, *y = b;

	return memcmp(x->addr, y->addr, sizeof(x->addr));
}

static int
by_sum(const void *a, const void *b)
{
	uint64_t x = sum_of(a), y = sum_of(b);

	if (x != y)
		return x > y ? -1 : 1;
	return by_address(a, b);
}

static void
join(struct capture_sighting *into, const struct capture_sighting *host)
{
	size_t kind;

	for (kind = 0; kind < CAPTURE_FOREIGN_COUNT; kind++) {
		if (host->count[kind] &&
		    (!into->count[kind] ||
		     into->last_ns[kind] < host->last_ns[kind]))
			into->last_ns[kind] = host->last_ns[kind];
		into->count[kind] += host->count[kind];
	}
}

uint32_t
capture_sightings_merge(struct capture_sighting *hosts, uint32_t count)
{
	uint32_t i, n = 0;

	if (count == 0)
		return 0;
	qsort(hosts, count, sizeof(*hosts), by_address);
	for (i = 1; i < count; i++) {
		if (by_address(&hosts[n], &hosts[i]) == 0)
			join(&hosts[n], &hosts[i]);
		else
			hosts[++n] = hosts[i];
	}
	n++;
	qsort(hosts, n, sizeof(*hosts), by_sum);
	return n;
}

uint32_t
capture_sighting_kinds(const struct capture_sighting *host,
		       enum capture_foreign *kinds)
{
	uint32_t i, at, n = 0;

	for (i = 0; i < CAPTURE_FOREIGN_COUNT; i++) {
		if (host->count[i] == 0)
			continue;
		for (at = n;
		     at > 0 && host->count[kinds[at - 1]] < host->count[i];
		     at--)
			kinds[at] = kinds[at - 1];
		kinds[at] = (enum capture_foreign)i;
		n++;
	}
	return n;
}
