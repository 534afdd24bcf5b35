/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fragments of IPv4 (RFC 791, RFC 815) and IPv6 (RFC 8200 section 4.5).
 *
 * A datagram in fragments is a buffer and a bit for each of its units of 8
 * bytes. It is whole when the last fragment told its length and all bits are
 * set. Fragments that say different things of the same bytes are an attack, or
 * two datagrams under one number: nothing of either is used (RFC 5722, and for
 * IPv4 in the same way).
 *
 * A datagram that is whole stays for a while, so that the same fragments seen
 * once more, on a mirror of two ports, are known for what they are. Other ones
 * under its number begin a new datagram.
 *
 * The datagrams are in one list by the time of their first fragment. The
 * oldest goes when it is too old, or when there are too many, or too large.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/decode_priv.h"
#include "capture/table.h"

enum {
	UNIT_BYTES = 8,
	DATAGRAM_BYTES_MAX = 65535,
	UNITS_MAX = (DATAGRAM_BYTES_MAX + UNIT_BYTES - 1) / UNIT_BYTES,
	ROOM_MIN = 2048,
	DATAGRAMS_DEFAULT = 4096
};
static const uint64_t BYTES_DEFAULT = 16 << 20;
static const int64_t TIMEOUT_DEFAULT_NS = 5 * 1000000000LL;

#define NONE CAPTURE_TABLE_NONE

struct datagram {
	struct capture_flow_key key;
	int64_t time_ns;       /* of its first fragment */
	uint32_t older, newer; /* in the list */
	uint64_t frame;        /* it was handed out for this one */
	uint8_t *bytes;
	uint32_t room_bytes;
	uint32_t total_bytes;    /* 0: the last fragment has not come */
	uint32_t captured_bytes; /* of these, where the last one was cut */
	uint32_t units;          /* that are there */
	uint32_t end_bytes;      /* of the furthest fragment so far */
	uint8_t next;
	bool whole;
	bool dead; /* its fragments contradict each other */
	uint64_t there[UNITS_MAX / 64 + 1];
};

struct capture_frags {
	uint32_t datagrams_max;
	uint64_t bytes_max;
	int64_t timeout_ns;
	uint64_t bytes; /* of all buffers */
	struct capture_table *table;
	struct datagram *datagrams;
	uint32_t used; /* of them, so far: the others were never touched */
	uint32_t oldest, newest, free;
};

int
capture__frags_new(struct capture_frags **frags,
		   const struct capture_decode_config *config)
{
	struct capture_frags *f = calloc(1, sizeof(*f));
	int r = -ENOMEM;

	if (!f)
		return r;
	f->datagrams_max =
	    config->datagrams_max ? config->datagrams_max : DATAGRAMS_DEFAULT;
	f->bytes_max =
	    config->fragment_bytes ? config->fragment_bytes : BYTES_DEFAULT;
	f->timeout_ns =
	    config->fragment_ns ? config->fragment_ns : TIMEOUT_DEFAULT_NS;
	f->oldest = f->newest = f->free = NONE;
	f->datagrams = calloc(f->datagrams_max, sizeof(*f->datagrams));
	if (f->datagrams)
		r = capture_table_new(&f->table, f->datagrams_max,
				      config->hash_key);
	if (r < 0) {
		free(f->datagrams);
		free(f);
		return r;
	}
	*frags = f;
	return 0;
}

/* It may be SIP that tells a key. */
static void
drop_bytes(struct capture_frags *f, struct datagram *g)
{
	f->bytes -= g->room_bytes;
	if (g->bytes)
		explicit_bzero(g->bytes, g->room_bytes);
	free(g->bytes);
	g->bytes = NULL;
	g->room_bytes = 0;
}

void
capture__frags_free(struct capture_frags **frags)
{
	struct capture_frags *f = *frags;
	uint32_t i;

	if (f) {
		for (i = 0; i < f->used; i++)
			drop_bytes(f, &f->datagrams[i]);
		capture_table_free(&f->table);
		free(f->datagrams);
		free(f);
	}
	*frags = NULL;
}

/* ---- the list ------------------------------------------------------------ */

static void
unlink_datagram(struct capture_frags *f, struct datagram *g)
{
	if (g->older == NONE)
		f->oldest = g->newer;
	else
		f->datagrams[g->older].newer = g->newer;
	if (g->newer == NONE)
		f->newest = g->older;
	else
		f->datagrams[g->newer].older = g->older;
}

static void
give_up(struct capture_frags *f, uint32_t index)
{
	struct datagram *g = &f->datagrams[index];
	int r = capture_table_remove(f->table, &g->key);

	assert(r == 0);
	unlink_datagram(f, g);
	drop_bytes(f, g);
	g->newer = f->free;
	f->free = index;
}

/* The oldest that this frame does not use. @return false: there is none */
static bool
shed_oldest(struct capture_decoder *d)
{
	struct capture_frags *f = d->frags;
	uint32_t index = f->oldest;
	struct datagram *g;

	while (index != NONE && f->datagrams[index].frame == d->frame)
		index = f->datagrams[index].newer;
	if (index == NONE)
		return false;
	g = &f->datagrams[index];
	if (!g->whole && !g->dead)
		d->counters.fragments_shed++;
	give_up(f, index);
	return true;
}

void
capture__frags_tick(struct capture_decoder *d, int64_t now_ns)
{
	struct capture_frags *f = d->frags;
	struct datagram *g;

	while (f->oldest != NONE) {
		g = &f->datagrams[f->oldest];
		if (g->time_ns + f->timeout_ns > now_ns || g->frame == d->frame)
			return;
		if (!g->whole && !g->dead)
			d->counters.fragments_timeout++;
		give_up(f, f->oldest);
	}
}

/* An empty datagram, the newest of all; or NULL. */
static struct datagram *
begin(struct capture_decoder *d, const struct capture_flow_key *key)
{
	struct capture_frags *f = d->frags;
	struct datagram *g;
	uint32_t index;

	if (f->free == NONE && f->used < f->datagrams_max) {
		f->datagrams[f->used].newer = NONE;
		f->free = f->used++;
	}
	if (f->free == NONE && !shed_oldest(d))
		return NULL;
	index = f->free;
	if (capture_table_put(f->table, key, index) < 0)
		return NULL;
	g = &f->datagrams[index];
	f->free = g->newer;
	*g = (struct datagram){
		.key = *key,
		.time_ns = d->now_ns,
		.older = f->newest,
		.newer = NONE,
	};
	if (f->newest == NONE)
		f->oldest = index;
	else
		f->datagrams[f->newest].newer = index;
	f->newest = index;
	return g;
}

/* ---- one datagram -------------------------------------------------------- */

static bool
is_there(const struct datagram *g, uint32_t unit)
{
	return g->there[unit / 64] >> (unit % 64) & 1;
}

static bool
grow(struct capture_decoder *d, struct datagram *g, uint32_t end_bytes)
{
	struct capture_frags *f = d->frags;
	uint32_t room = g->room_bytes ? g->room_bytes : ROOM_MIN;
	uint64_t frame = g->frame;
	uint8_t *bytes;
	bool shed = true;

	while (room < end_bytes)
		room *= 2;
	if (room == g->room_bytes)
		return true;
	g->frame = d->frame; /* not this one */
	while (shed && f->bytes - g->room_bytes + room > f->bytes_max)
		shed = shed_oldest(d);
	g->frame = frame;
	bytes = shed ? malloc(room) : NULL;
	if (!bytes)
		return false;
	if (g->bytes)
		memcpy(bytes, g->bytes, g->room_bytes);
	drop_bytes(f, g);
	f->bytes += room;
	g->bytes = bytes;
	g->room_bytes = room;
	return true;
}

/* The bytes of a fragment that are there already are the same. Of the last
 * fragment, cut, the last unit is not all there. */
static bool
agrees(const struct datagram *g, const struct capture__fragment *p)
{
	uint32_t end = p->offset_bytes + p->captured_bytes;
	uint32_t at = p->offset_bytes, n;

	if (g->total_bytes && end > g->captured_bytes)
		end = g->captured_bytes;
	for (; at < end; at += UNIT_BYTES) {
		n = end - at < UNIT_BYTES ? end - at : UNIT_BYTES;
		if (is_there(g, at / UNIT_BYTES) &&
		    memcmp(g->bytes + at, p->captured + at - p->offset_bytes,
			   n) != 0)
			return false;
	}
	return true;
}

static uint32_t
units_of(uint32_t bytes)
{
	return (bytes + UNIT_BYTES - 1) / UNIT_BYTES;
}

/* Does the length that this fragment tells fit what came before? */
static bool
length_agrees(const struct datagram *g, const struct capture__fragment *p)
{
	uint32_t end = p->offset_bytes + p->bytes;

	if (g->total_bytes)
		return p->more ? end <= g->total_bytes : end == g->total_bytes;
	return p->more || end >= g->end_bytes;
}

static bool
covers(const struct datagram *g, const struct capture__fragment *p)
{
	uint32_t unit = p->offset_bytes / UNIT_BYTES;
	uint32_t end = units_of(p->offset_bytes + p->captured_bytes);

	while (unit < end && is_there(g, unit))
		unit++;
	return unit == end;
}

static void
fill(struct datagram *g, const struct capture__fragment *p)
{
	uint32_t unit = p->offset_bytes / UNIT_BYTES;
	uint32_t end = units_of(p->offset_bytes + p->captured_bytes);

	if (p->captured_bytes)
		memcpy(g->bytes + p->offset_bytes, p->captured,
		       p->captured_bytes);
	for (; unit < end; unit++) {
		g->units += !is_there(g, unit);
		g->there[unit / 64] |= UINT64_C(1) << (unit % 64);
	}
	if (g->end_bytes < p->offset_bytes + p->bytes)
		g->end_bytes = p->offset_bytes + p->bytes;
	if (p->offset_bytes == 0)
		g->next = p->next;
	if (!p->more) {
		g->total_bytes = p->offset_bytes + p->bytes;
		g->captured_bytes = p->offset_bytes + p->captured_bytes;
	}
}

/* ---- */

static struct capture_flow_key
key_of(const struct capture__fragment *p)
{
	struct capture_flow_key key = { .src = p->src,
					.dst = p->dst,
					.ssrc = p->id };

	/* Of IPv6 only the first fragment knows the protocol. */
	key.src.port = p->version == 4 ? p->next : 0;
	key.dst.port = p->version;
	return key;
}

static bool
is_malformed(const struct capture__fragment *p)
{
	return p->bytes == 0 || p->captured_bytes > p->bytes ||
	       (p->more && p->bytes % UNIT_BYTES != 0) ||
	       p->offset_bytes + p->bytes > DATAGRAM_BYTES_MAX;
}

static void
kill_datagram(struct capture_decoder *d, struct datagram *g)
{
	d->counters.fragments_contradict++;
	g->dead = true;
	drop_bytes(d->frags, g);
}

/* What is to be put together with a fragment, or NULL: nothing. */
static struct datagram *
datagram_for(struct capture_decoder *d, const struct capture__fragment *p)
{
	struct capture_flow_key key = key_of(p);
	uint32_t index = capture_table_get(d->frags->table, &key);
	struct datagram *g;

	if (index == NONE)
		return begin(d, &key);
	g = &d->frags->datagrams[index];
	/* Fragments of a datagram within that datagram are nonsense. */
	if (g->dead || g->frame == d->frame)
		return NULL;
	if (!length_agrees(g, p) || !agrees(g, p)) {
		if (!g->whole) {
			kill_datagram(d, g);
			return NULL;
		}
		give_up(d->frags, index);
		return begin(d, &key);
	}
	if (g->whole || (covers(g, p) && (p->more || g->total_bytes))) {
		d->counters.fragments_doubled++;
		return NULL;
	}
	return g;
}

enum capture_outcome
capture__frags_put(struct capture_decoder *d,
		   const struct capture__fragment *fragment,
		   struct capture__datagram *datagram)
{
	struct capture__fragment part = *fragment, *p = &part;
	struct datagram *g;

	if (is_malformed(p))
		return CAPTURE_malformed;
	/* What is cut in the middle of a datagram leaves a hole. */
	if (p->more)
		p->captured_bytes -= p->captured_bytes % UNIT_BYTES;
	capture__frags_tick(d, d->now_ns);
	g = datagram_for(d, p);
	if (!g)
		return CAPTURE_fragment;
	if (!grow(d, g, p->offset_bytes + p->bytes)) {
		kill_datagram(d, g);
		return CAPTURE_fragment;
	}
	fill(g, p);
	if (!g->total_bytes || g->units < units_of(g->captured_bytes))
		return CAPTURE_fragment;
	g->whole = true;
	g->frame = d->frame;
	d->counters.reassembled++;
	*datagram = (struct capture__datagram){
		.bytes = g->bytes,
		.captured_bytes = g->captured_bytes,
		.total_bytes = g->total_bytes,
		.next = g->next,
	};
	return CAPTURE_udp;
}
