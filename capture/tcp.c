/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TCP connections. All are in one pool and one table; each is in one of two
 * lists by the time of its last segment: those that the reader wants to keep,
 * and the others. When the pool is used up the oldest of the others goes; but a
 * part of the pool is theirs, for those to be kept begin among them, and not
 * all of them have an end that is seen.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "capture/tcp_priv.h"

enum {
	CONNECTIONS_DEFAULT = 16384,
	STREAM_BYTES_DEFAULT = 128 << 10,
	/* So much of the pool is of those that nobody keeps: a quarter. */
	OTHERS_PART = 4,
	/* A FIN or RST this near is of this one. */
	END_BYTES = 1 << 16
};
static const uint64_t TOTAL_BYTES_DEFAULT = 64 << 20;
static const int64_t MS_NS = 1000000;

int
capture_tcp_new(struct capture_tcp **tcp,
		const struct capture_tcp_config *config)
{
	struct capture_tcp *t = calloc(1, sizeof(*t));
	struct capture_tcp_config *c;
	int r = -ENOMEM;

	if (!t)
		return r;
	t->config = *config;
	c = &t->config;
	if (!c->connections_max)
		c->connections_max = CONNECTIONS_DEFAULT;
	if (!c->stream_bytes)
		c->stream_bytes = STREAM_BYTES_DEFAULT;
	if (!c->total_bytes)
		c->total_bytes = TOTAL_BYTES_DEFAULT;
	if (!c->hole_ns)
		c->hole_ns = 2000 * MS_NS;
	if (!c->acked_ns)
		c->acked_ns = 200 * MS_NS;
	if (!c->quiet_ns)
		c->quiet_ns = 100 * MS_NS;
	if (!c->stale_ns)
		c->stale_ns = 60000 * MS_NS;
	t->free = t->busy_first = t->busy_last = NONE;
	t->lists[0] = t->lists[1] = (struct list){ NONE, NONE, 0 };
	t->pool = calloc(c->connections_max, sizeof(*t->pool));
	if (t->pool)
		r = capture_table_new(&t->table, c->connections_max,
				      c->hash_key);
	if (r < 0) {
		free(t->pool);
		free(t);
		return r;
	}
	*tcp = t;
	return 0;
}

/* ---- lists --------------------------------------------------------------- */

static uint32_t
index_of(const struct capture_tcp *t, const struct connection *c)
{
	return (uint32_t)(c - t->pool);
}

static void
list_remove(struct capture_tcp *t, struct connection *c)
{
	struct list *list = &t->lists[c->followed];

	list->count--;
	if (c->older == NONE)
		list->oldest = c->newer;
	else
		t->pool[c->older].newer = c->newer;
	if (c->newer == NONE)
		list->newest = c->older;
	else
		t->pool[c->newer].older = c->older;
}

static void
list_append(struct capture_tcp *t, struct connection *c)
{
	struct list *list = &t->lists[c->followed];
	uint32_t index = index_of(t, c);

	list->count++;
	c->older = list->newest;
	c->newer = NONE;
	if (list->newest == NONE)
		list->oldest = index;
	else
		t->pool[list->newest].newer = index;
	list->newest = index;
}

void
capture__tcp_keep(struct capture_tcp *t, struct connection *c, bool keep)
{
	if (c->followed == keep)
		return;
	list_remove(t, c);
	c->followed = keep;
	list_append(t, c);
}

static void
busy_remove(struct capture_tcp *t, struct connection *c)
{
	if (!c->busy)
		return;
	c->busy = false;
	if (c->busy_before == NONE)
		t->busy_first = c->busy_after;
	else
		t->pool[c->busy_before].busy_after = c->busy_after;
	if (c->busy_after == NONE)
		t->busy_last = c->busy_before;
	else
		t->pool[c->busy_after].busy_before = c->busy_before;
}

static void
busy_add(struct capture_tcp *t, struct connection *c)
{
	if (c->busy)
		return;
	c->busy = true;
	c->busy_before = NONE;
	c->busy_after = t->busy_first;
	if (t->busy_first == NONE)
		t->busy_last = index_of(t, c);
	else
		t->pool[t->busy_first].busy_before = index_of(t, c);
	t->busy_first = index_of(t, c);
}

static void
set_busy(struct capture_tcp *t, struct connection *c)
{
	if (capture__half_is_waiting(&c->half[0]) ||
	    capture__half_is_waiting(&c->half[1]) || c->over_ns)
		busy_add(t, c);
	else
		busy_remove(t, c);
}

/*
 * Those that have none and are busy all the same go to the other end, lest each
 * look for one has to pass them.
 */
bool
capture__tcp_shed_oldest(struct capture_tcp *t, const struct half *but)
{
	uint32_t index = t->busy_last, first = t->busy_first, next;
	struct connection *c;
	struct half *h;
	unsigned i;

	for (; index != NONE; index = next) {
		c = &t->pool[index];
		next = index == first ? NONE : c->busy_before;
		for (i = 0; i < 2; i++) {
			h = &c->half[i];
			if (h == but || !h->room_bytes)
				continue;
			t->counters.buffers_shed++;
			capture__half_drain(t, c, h);
			h->gap = true;
			set_busy(t, c);
			return true;
		}
		busy_remove(t, c);
		busy_add(t, c);
	}
	return false;
}

static void
forget(struct capture_tcp *t, struct connection *c)
{
	int r = capture_table_remove(t->table, &c->key);

	assert(r == 0);
	capture__half_drop(t, &c->half[0]);
	capture__half_drop(t, &c->half[1]);
	busy_remove(t, c);
	list_remove(t, c);
	c->newer = t->free;
	t->free = index_of(t, c);
}

/* After what was done to a connection. */
static void
settle(struct capture_tcp *t, struct connection *c)
{
	if (c->ignored || c->half[0].deaf)
		capture__half_drop(t, &c->half[0]);
	if (c->ignored || c->half[1].deaf)
		capture__half_drop(t, &c->half[1]);
	set_busy(t, c);
}

/* ---- segments ------------------------------------------------------------ */

/* Room for another connection. */
static void
give_up_oldest(struct capture_tcp *t)
{
	bool followed =
	    t->lists[0].count <= t->config.connections_max / OTHERS_PART;
	struct connection *c;

	if (t->lists[followed].count == 0)
		followed = !followed;
	c = &t->pool[t->lists[followed].oldest];
	if (!c->ignored && !c->over_ns)
		t->counters.connections_shed++;
	capture__half_end(t, c, &c->half[0]);
	capture__half_end(t, c, &c->half[1]);
	forget(t, c);
}

/* @return the connection; NULL: there is none, and none is wanted */
static struct connection *
connection_of(struct capture_tcp *t, const struct capture_flow_key *key,
	      bool create)
{
	uint32_t index = capture_table_get(t->table, key);
	struct connection *c;
	int r;

	if (index != NONE) {
		c = &t->pool[index];
		list_remove(t, c);
		list_append(t, c);
		return c;
	}
	if (!create)
		return NULL;
	if (t->free == NONE && t->used < t->config.connections_max) {
		t->pool[t->used].newer = NONE;
		t->free = t->used++;
	}
	if (t->free == NONE)
		give_up_oldest(t);
	index = t->free;
	c = &t->pool[index];
	t->free = c->newer;
	memset(c, 0, sizeof(*c));
	c->key = *key;
	r = capture_table_put(t->table, key, index);
	assert(r == 0); /* there is a place for each of the pool */
	list_append(t, c);
	t->counters.connections++;
	return c;
}

/* The same for both directions. @return the end that sent it */
static unsigned
key_of(const struct capture_pkt *pkt, struct capture_flow_key *key)
{
	int order = memcmp(pkt->src.addr, pkt->dst.addr, 16);
	bool swap = order > 0 || (order == 0 && pkt->src.port > pkt->dst.port);

	*key = (struct capture_flow_key){
		.src = swap ? pkt->dst : pkt->src,
		.dst = swap ? pkt->src : pkt->dst,
	};
	return swap;
}

/* A SYN: the direction begins, or begins again. */
static void
on_syn(struct capture_tcp *t, struct connection *c, unsigned end,
       const struct capture_pkt *pkt)
{
	struct half *h = &c->half[end];
	uint32_t first = pkt->tcp.sequence + 1;

	if (h->first_known && h->first == first)
		return; /* once more */
	if (h->known && !h->first_known && !h->over) {
		h->first_known = true;
		h->first = first;
		if (!h->shown && h->parts_count &&
		    first - h->next <= REACH_BYTES) {
			capture__half_begin_late(t, c, h, first);
			return;
		}
		if (h->next - first <= FAR_BYTES)
			return; /* they came before it, and were told */
	}
	if (h->known || c->ignored) {
		capture__half_begin_again(t, c, h);
		if (c->ignored || !(pkt->tcp.flags & CAPTURE_TCP_ACK))
			capture__half_begin_again(t, c, &c->half[!end]);
		c->ignored = false;
		c->over_ns = 0;
	}
	h->known = h->first_known = true;
	h->next = h->since = h->first = first;
}

static void
note_ack(struct half *peer, const struct capture_pkt *pkt)
{
	uint32_t acked = pkt->tcp.acknowledged;

	if (!(pkt->tcp.flags & CAPTURE_TCP_ACK))
		return;
	/* Of a connection that is not this one. */
	if (peer->known && !capture__is_near(acked, peer->next, FAR_BYTES))
		return;
	if (!peer->acked_known || (int32_t)(acked - peer->acked) > 0)
		peer->acked = acked;
	peer->acked_known = true;
}

/*
 * Anybody can send a FIN or RST; one of another connection is not believed, and
 * what comes after all is read on.
 */
static void
note_end(struct capture_tcp *t, struct connection *c, struct half *h,
	 const struct capture_pkt *pkt)
{
	bool syn = pkt->tcp.flags & CAPTURE_TCP_SYN;
	bool near =
	    h->known && capture__is_near(pkt->tcp.sequence, h->next, END_BYTES);

	if ((pkt->tcp.flags & CAPTURE_TCP_FIN) && near && !h->fin_known) {
		h->fin_known = true;
		h->fin = pkt->tcp.sequence + syn + pkt->payload_bytes +
			 pkt->missing_bytes;
		h->fin_ns = t->now_ns;
	}
	if (h->fin_known && h->next == h->fin)
		capture__half_end(t, c, h);
	if ((pkt->tcp.flags & CAPTURE_TCP_RST) && near) {
		capture__half_end(t, c, &c->half[0]);
		capture__half_end(t, c, &c->half[1]);
	}
	if (c->half[0].over && c->half[1].over && !c->over_ns)
		c->over_ns = t->now_ns;
}

/* There is more after a FIN or RST: it was not for this connection. */
static void
revive(struct connection *c, struct half *h, const struct capture_pkt *pkt,
       uint32_t sequence)
{
	if (!h->over ||
	    ((int32_t)(sequence - h->next) < 0 &&
	     !capture__half_is_missed(h, sequence, pkt->payload_bytes)))
		return;
	h->over = h->fin_known = false;
	c->over_ns = 0;
}

/* A direction of which nothing was seen before. */
static void
begin_in_the_middle(struct capture_tcp *t, struct connection *c, unsigned end,
		    uint32_t sequence)
{
	const struct half *other = &c->half[!end];
	struct half *h = &c->half[end];

	h->known = true;
	h->gap = true;
	h->next = h->since = sequence - REACH_BYTES;
	t->counters.mid_stream += !other->known || other->first_known;
}

/* What nobody wanted to read begins like what is wanted. */
static void
listen_again(struct capture_tcp *t, struct connection *c, unsigned end,
	     const struct capture_pkt *pkt)
{
	if (!t->config.begins ||
	    !t->config.begins(pkt->payload, pkt->payload_bytes))
		return;
	if (c->ignored)
		capture__half_begin_again(t, c, &c->half[!end]);
	capture__half_begin_again(t, c, &c->half[end]);
	c->ignored = false;
	c->over_ns = 0;
}

void
capture_tcp_input(struct capture_tcp *t, const struct capture_pkt *pkt)
{
	bool syn = pkt->tcp.flags & CAPTURE_TCP_SYN;
	uint32_t sequence = pkt->tcp.sequence + syn;
	struct capture_flow_key key;
	unsigned end = key_of(pkt, &key);
	struct connection *c;
	struct half *h;

	t->now_ns = pkt->time_ns;
	c = connection_of(t, &key, syn || pkt->payload_bytes);
	if (!c)
		return;
	h = &c->half[end];
	if (pkt->payload_bytes && (c->ignored || h->deaf))
		listen_again(t, c, end, pkt);
	if (c->ignored && !syn)
		return;
	note_ack(&c->half[!end], pkt);
	if (syn)
		on_syn(t, c, end, pkt);
	if (pkt->payload_bytes) {
		if (!h->known)
			begin_in_the_middle(t, c, end, sequence);
		revive(c, h, pkt, sequence);
		if (!h->over)
			capture__half_put(t, c, h, sequence, pkt->payload,
					  pkt->payload_bytes);
	}
	if (!c->ignored)
		note_end(t, c, h, pkt);
	settle(t, c);
}

/* ---- time ---------------------------------------------------------------- */

void
capture_tcp_tick(struct capture_tcp *t, int64_t now_ns)
{
	uint32_t index = t->busy_first;
	struct connection *c;

	t->now_ns = now_ns;
	while (index != NONE) {
		c = &t->pool[index];
		index = c->busy_after;
		if (c->over_ns) {
			/* Copies of what ended it may still come. */
			if (now_ns - c->over_ns >= t->config.hole_ns)
				forget(t, c);
			continue;
		}
		capture__half_tick(t, c, &c->half[0]);
		if (!c->ignored)
			capture__half_tick(t, c, &c->half[1]);
		if (c->half[0].over && c->half[1].over)
			c->over_ns = now_ns;
		settle(t, c);
	}
}

void
capture_tcp_finish(struct capture_tcp *t, int64_t now_ns)
{
	uint32_t index;

	t->now_ns = now_ns;
	while ((index = t->busy_first) != NONE) {
		capture__half_end(t, &t->pool[index], &t->pool[index].half[0]);
		capture__half_end(t, &t->pool[index], &t->pool[index].half[1]);
		forget(t, &t->pool[index]);
	}
}

void
capture_tcp_free(struct capture_tcp **tcp)
{
	struct capture_tcp *t = *tcp;
	uint32_t i;

	if (t) {
		for (i = 0; i < t->used; i++) {
			capture__half_drop(t, &t->pool[i].half[0]);
			capture__half_drop(t, &t->pool[i].half[1]);
		}
		capture_table_free(&t->table);
		free(t->pool);
		free(t);
	}
	*tcp = NULL;
}

const struct capture_tcp_counters *
capture_tcp_counters_peek(const struct capture_tcp *t)
{
	return &t->counters;
}
