/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TCP connections. All are in one pool and one table; each is in one of two
 * lists by the time of its last segment: those that the reader wants to keep,
 * and the others. When the pool is used up the oldest of the others goes; but a
 * part of the pool is theirs, for those to be kept begin among them, and not
 * all of them have an end that is seen.
 *
 * A buffer begins with what is not consumed and has no holes ("have"). Behind
 * it, each at the place of its sequence number, are parts that came early:
 *
 *   bytes     start          next             parts[0]        parts[1]
 *     |  old  |  have bytes  |     hole       |.......|  hole |........|
 *
 * The first segment of a connection whose SYN was not seen is put a little
 * behind the start, as if after a hole, for what was sent before it may still
 * come, and the SYN too.
 */
#include "capture/tcp.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "capture/table.h"

enum {
	CONNECTIONS_DEFAULT = 16384,
	STREAM_BYTES_DEFAULT = 128 << 10,
	ROOM_MIN = 2048,
	/* So much of the pool is of those that nobody keeps: a quarter. */
	OTHERS_PART = 4,
	/* More holes than this at a time are not kept open. */
	PARTS_MIN = 8,
	PARTS_MAX = 1024,
	/* How far before the first segment others are looked for. */
	REACH_BYTES = 4096,
	/* A sequence number so far away is of another connection. */
	FAR_BYTES = 1 << 20,
	/* A FIN or RST this near is of this one. */
	END_BYTES = 1 << 16
};
static const uint64_t TOTAL_BYTES_DEFAULT = 64 << 20;
static const int64_t MS_NS = 1000000;

#define NONE CAPTURE_TABLE_NONE

/* What came early: sequence numbers from, until before to. */
struct part {
	uint32_t from, to;
	int64_t time_ns;
};

struct half {
	uint32_t next;  /* sequence number after what is there */
	uint32_t since; /* ... from which on to `next` nothing is missing */
	uint32_t first; /* ... of the first byte, where the SYN was seen */
	uint32_t acked; /* what the receiver has, up to before this */
	uint32_t fin;   /* number of the FIN */
	bool known;     /* next */
	bool first_known, acked_known, fin_known;
	bool gap;   /* not told yet */
	bool quiet; /* told */
	bool over;  /* the reader had its last word */
	bool shown; /* the reader has seen something of it */
	bool deaf;  /* ... and wants no more */
	uint8_t *bytes;
	uint32_t room_bytes, start, have;
	uint32_t parts_count, parts_room;
	struct part *parts;
	int64_t heard_ns; /* when `have` grew last */
	int64_t fin_ns;
	_Alignas(8) uint8_t reader[CAPTURE_TCP_READER_BYTES];
};

struct connection {
	struct capture_flow_key key; /* src is end 0 */
	uint32_t older, newer;       /* by last segment */
	uint32_t busy_before, busy_after;
	bool busy;     /* in the list of those that time matters for */
	bool followed; /* which list */
	bool ignored;
	int64_t over_ns;     /* both directions ended */
	struct half half[2]; /* sent by end 0, by end 1 */
};

struct list {
	uint32_t oldest, newest, count;
};

struct capture_tcp {
	struct capture_tcp_config config;
	struct capture_tcp_counters counters;
	struct capture_table *table;
	struct connection *pool;
	uint32_t used, free;
	struct list lists[2];           /* [followed] */
	uint32_t busy_first, busy_last; /* it became busy last, first */
	uint64_t bytes;                 /* of all buffers */
	int64_t now_ns;
};

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

static bool
is_waiting(const struct half *h)
{
	return h->have > 0 || h->parts_count > 0 || (h->fin_known && !h->over);
}

static void
set_busy(struct capture_tcp *t, struct connection *c)
{
	if (is_waiting(&c->half[0]) || is_waiting(&c->half[1]) || c->over_ns)
		busy_add(t, c);
	else
		busy_remove(t, c);
}

/* ---- buffers ------------------------------------------------------------- */

static void
drop_bytes(struct capture_tcp *t, struct half *h)
{
	t->bytes -= h->room_bytes + h->parts_room * sizeof(*h->parts);
	free(h->bytes);
	free(h->parts);
	h->bytes = NULL;
	h->parts = NULL;
	h->room_bytes = h->start = h->have = 0;
	h->parts_count = h->parts_room = 0;
}

static void
forget(struct capture_tcp *t, struct connection *c)
{
	int r = capture_table_remove(t->table, &c->key);

	assert(r == 0);
	drop_bytes(t, &c->half[0]);
	drop_bytes(t, &c->half[1]);
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
		drop_bytes(t, &c->half[0]);
	if (c->ignored || c->half[1].deaf)
		drop_bytes(t, &c->half[1]);
	set_busy(t, c);
}

/* How far the parts reach behind the start. */
static uint32_t
extent(const struct half *h)
{
	uint32_t parts =
	    h->parts_count ? h->parts[h->parts_count - 1].to - h->next : 0;

	return h->have + parts;
}

static bool shed_oldest_buffer(struct capture_tcp *t, const struct half *but);

/* May this half have more memory? Others lose theirs for it. */
static bool
is_granted(struct capture_tcp *t, const struct half *h, uint64_t more_bytes)
{
	bool shed = true;

	while (shed && t->bytes + more_bytes > t->config.total_bytes)
		shed = shed_oldest_buffer(t, h);
	return shed;
}

/* Room for so many bytes from the start on. */
static bool
make_room(struct capture_tcp *t, struct half *h, uint32_t bytes)
{
	uint32_t room = h->room_bytes ? h->room_bytes : ROOM_MIN;
	uint8_t *grown = NULL;

	if (bytes > t->config.stream_bytes)
		return false;
	if (h->start + bytes <= h->room_bytes)
		return true;
	/* Not for each few bytes that were read, however far the rest is. */
	if (h->start && h->start >= extent(h)) {
		memmove(h->bytes, h->bytes + h->start, extent(h));
		h->start = 0;
	}
	while (room < h->start + bytes)
		room *= 2;
	if (room == h->room_bytes)
		return true;
	if (is_granted(t, h, room - h->room_bytes))
		grown = realloc(h->bytes, room);
	if (!grown)
		return false;
	t->bytes += room - h->room_bytes;
	h->bytes = grown;
	h->room_bytes = room;
	return true;
}

/* Room for one part more. */
static bool
make_parts_room(struct capture_tcp *t, struct half *h)
{
	uint32_t room = h->parts_room ? 2 * h->parts_room : PARTS_MIN;
	struct part *grown = NULL;

	if (h->parts_count < h->parts_room)
		return true;
	if (h->parts_room == PARTS_MAX)
		return false;
	if (is_granted(t, h, (room - h->parts_room) * sizeof(*grown)))
		grown = realloc(h->parts, room * sizeof(*grown));
	if (!grown)
		return false;
	t->bytes += (room - h->parts_room) * sizeof(*grown);
	h->parts = grown;
	h->parts_room = room;
	return true;
}

/* ---- the reader ---------------------------------------------------------- */

enum { LAST = 1, FULL = 2, QUIET = 4 };

/*
 * Show the reader bytes, of the buffer or of the segment at hand.
 *
 * @return consumed
 */
static uint32_t
show(struct capture_tcp *t, struct connection *c, struct half *h,
     const struct capture_tcp_piece *what, unsigned how)
{
	struct capture_tcp_piece piece = *what;
	bool from_1 = h == &c->half[1], keep = c->followed;
	int64_t n;

	piece.src = from_1 ? &c->key.dst : &c->key.src;
	piece.dst = from_1 ? &c->key.src : &c->key.dst;
	piece.gap = h->gap;
	piece.last = how & LAST;
	piece.full = how & FULL;
	piece.quiet = how & QUIET;
	piece.reader = h->reader;
	piece.keep = &keep;
	h->gap = false;
	h->shown = true;
	n = t->config.read(t->config.ctx, &piece);
	assert(n <= piece.count);
	if (n < 0) {
		h->deaf = true;
		c->ignored = !keep;
		n = piece.count;
	}
	if (keep != c->followed) {
		list_remove(t, c);
		c->followed = keep;
		list_append(t, c);
	}
	return (uint32_t)n;
}

/* Show it what is there. The last word of a direction empties it. */
static void
deliver(struct capture_tcp *t, struct connection *c, struct half *h,
	unsigned how)
{
	struct capture_tcp_piece piece = { .count = h->have };
	uint32_t n;

	if (c->ignored || h->deaf) {
		h->start += h->have;
		h->have = 0;
		return;
	}
	if (h->have == 0)
		return;
	piece.bytes = h->bytes + h->start;
	n = show(t, c, h, &piece, how);
	if (how & LAST)
		n = h->have;
	h->start += n;
	h->have -= n;
	if (h->have == 0 && h->parts_count == 0)
		drop_bytes(t, h);
}

/* Parts that follow what is there without a hole are no longer parts. */
static void
absorb(struct capture_tcp *t, struct half *h)
{
	uint32_t n = 0, before = h->next;

	while (n < h->parts_count &&
	       (int32_t)(h->parts[n].from - h->next) <= 0) {
		if ((int32_t)(h->parts[n].to - h->next) > 0)
			h->next = h->parts[n].to;
		n++;
	}
	h->have += h->next - before;
	h->parts_count -= n;
	if (n)
		memmove(h->parts, h->parts + n,
			h->parts_count * sizeof(*h->parts));
	h->heard_ns = t->now_ns;
	h->quiet = false;
}

/* Or else what is before its first part may be nothing at all. */
static bool
has_begun(const struct half *h)
{
	return h->first_known || h->shown;
}

/* What is missing before the first part will not come. */
static void
skip_hole(struct capture_tcp *t, struct connection *c, struct half *h)
{
	uint32_t skip = h->parts[0].from - h->next;

	if (h->have > 0)
		deliver(t, c, h, LAST);
	h->start += skip;
	h->next += skip;
	h->since = h->next;
	h->gap = true;
	t->counters.holes += has_begun(h);
	absorb(t, h);
	deliver(t, c, h, 0);
}

/* Whatever waits is read, as far as it came. */
static void
drain(struct capture_tcp *t, struct connection *c, struct half *h)
{
	while (h->parts_count && !c->ignored)
		skip_hole(t, c, h);
	deliver(t, c, h, LAST);
	drop_bytes(t, h);
}

/*
 * Those that have none and are busy all the same go to the other end, lest each
 * look for one has to pass them.
 *
 * @param but not this one @return false: there is none
 */
static bool
shed_oldest_buffer(struct capture_tcp *t, const struct half *but)
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
			drain(t, c, h);
			h->gap = true;
			set_busy(t, c);
			return true;
		}
		busy_remove(t, c);
		busy_add(t, c);
	}
	return false;
}

static bool
is_near(uint32_t a, uint32_t b, uint32_t bytes)
{
	return a - b + bytes <= 2 * bytes;
}

/* The direction begins anew at a number, in the middle of something. */
static void
begin_at(struct capture_tcp *t, struct connection *c, struct half *h,
	 uint32_t sequence)
{
	drain(t, c, h);
	h->next = h->since = sequence;
	h->known = true;
	h->gap = true;
	h->fin_known = h->over = false;
	if (!is_near(h->acked, sequence, FAR_BYTES))
		h->acked_known = false;
}

static void
end_half(struct capture_tcp *t, struct connection *c, struct half *h)
{
	if (h->over || c->ignored || !h->known)
		return;
	drain(t, c, h);
	h->over = true;
}

/* ---- bytes of a segment -------------------------------------------------- */

/* Copy bytes to their place. @return false: they do not fit */
static bool
store(struct capture_tcp *t, struct half *h, uint32_t sequence,
      const uint8_t *bytes, uint32_t n)
{
	uint32_t at = h->have + (sequence - h->next);

	if (at > t->config.stream_bytes || !make_room(t, h, at + n))
		return false;
	memcpy(h->bytes + h->start + at, bytes, n);
	return true;
}

/* Note a part that was stored, joined with those that it touches. */
static bool
note_part(struct capture_tcp *t, struct half *h, uint32_t from, uint32_t to)
{
	struct part part = { from, to, t->now_ns };
	uint32_t first = 0, after = h->parts_count, middle;

	/* The first that does not end before it. */
	while (first < after) {
		middle = (first + after) / 2;
		if ((int32_t)(h->parts[middle].to - from) < 0)
			first = middle + 1;
		else
			after = middle;
	}
	for (after = first; after < h->parts_count &&
			    (int32_t)(h->parts[after].from - to) <= 0;
	     after++) {
		if ((int32_t)(h->parts[after].from - part.from) < 0)
			part.from = h->parts[after].from;
		if ((int32_t)(h->parts[after].to - part.to) > 0)
			part.to = h->parts[after].to;
		if (h->parts[after].time_ns < part.time_ns)
			part.time_ns = h->parts[after].time_ns;
	}
	if (after == first && !make_parts_room(t, h))
		return false;
	memmove(h->parts + first + 1, h->parts + after,
		(h->parts_count - after) * sizeof(*h->parts));
	h->parts_count += 1 - (after - first);
	h->parts[first] = part;
	return true;
}

static void put_bytes(struct capture_tcp *t, struct connection *c,
		      struct half *h, uint32_t sequence, const uint8_t *bytes,
		      uint32_t n);

/* It waits for what is before it. Where there is no room to wait, the oldest
 * hole is given up for it. */
static void
put_early(struct capture_tcp *t, struct connection *c, struct half *h,
	  uint32_t sequence, const uint8_t *bytes, uint32_t n)
{
	if (store(t, h, sequence, bytes, n) &&
	    note_part(t, h, sequence, sequence + n)) {
		t->counters.out_of_order += has_begun(h);
		return;
	}
	if (h->parts_count) {
		skip_hole(t, c, h);
	} else {
		begin_at(t, c, h, sequence);
		t->counters.holes++;
	}
	/* Again, with a hole less. */
	put_bytes(t, c, h, sequence, bytes, n);
}

/* In order. Where nothing waits, the reader is shown the segment itself. */
static void
put_next(struct capture_tcp *t, struct connection *c, struct half *h,
	 const uint8_t *bytes, uint32_t n)
{
	bool direct = h->have == 0 && h->parts_count == 0;
	const struct capture_tcp_piece piece = { .bytes = bytes, .count = n };
	uint32_t consumed = 0;

	if (direct)
		consumed = show(t, c, h, &piece, 0);
	h->next += consumed;
	bytes += consumed;
	n -= consumed;
	if (n == 0)
		return;
	if (!store(t, h, h->next, bytes, n)) {
		deliver(t, c, h, FULL);
		if (!store(t, h, h->next, bytes, n)) {
			t->counters.buffers_shed++;
			begin_at(t, c, h, h->next + n);
			return;
		}
	}
	h->have += n;
	h->next += n;
	absorb(t, h);
	if (!direct)
		deliver(t, c, h, 0);
}

/*
 * Is this what a hole was given up for, after all? Anybody can make a hole, by
 * a segment that its receiver does not take. What lies before the last one and
 * is not acknowledged was sent for the first time, or is needed once more.
 */
static bool
is_missed(const struct half *h, uint32_t sequence, uint32_t n)
{
	bool acked =
	    h->acked_known && (int32_t)(h->acked - (sequence + n)) >= 0;

	return !acked && (int32_t)(sequence - h->since) < 0;
}

static void
put_bytes(struct capture_tcp *t, struct connection *c, struct half *h,
	  uint32_t sequence, const uint8_t *bytes, uint32_t n)
{
	int32_t ahead = (int32_t)(sequence - h->next);
	uint32_t old;

	if (c->ignored || h->deaf)
		return;
	/* Numbers are compared with it only while it is near. */
	if (h->next - h->since > FAR_BYTES)
		h->since = h->next - FAR_BYTES;
	if (!is_near(sequence, h->next, FAR_BYTES) ||
	    (ahead < 0 && is_missed(h, sequence, n))) {
		begin_at(t, c, h, sequence);
		t->counters.holes++;
		ahead = 0;
	}
	if (ahead > 0) {
		put_early(t, c, h, sequence, bytes, n);
		return;
	}
	old = (uint32_t)-ahead;
	if (old >= n)
		t->counters.repeated++;
	else
		put_next(t, c, h, bytes + old, n - old);
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
	end_half(t, c, &c->half[0]);
	end_half(t, c, &c->half[1]);
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

/* Its first bytes came before the SYN, and wait for it. */
static void
begin_late(struct capture_tcp *t, struct connection *c, struct half *h,
	   uint32_t first)
{
	h->start += first - h->next;
	h->next = h->since = first;
	h->gap = false;
	absorb(t, h);
	deliver(t, c, h, 0);
	if (h->have == 0 && h->parts_count == 0)
		drop_bytes(t, h); /* the start may be behind its end */
}

/* Another connection of the same ports. */
static void
begin_again(struct capture_tcp *t, struct connection *c, struct half *h)
{
	end_half(t, c, h);
	drop_bytes(t, h);
	memset(h, 0, sizeof(*h));
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
			begin_late(t, c, h, first);
			return;
		}
		if (h->next - first <= FAR_BYTES)
			return; /* they came before it, and were told */
	}
	if (h->known || c->ignored) {
		begin_again(t, c, h);
		if (c->ignored || !(pkt->tcp.flags & CAPTURE_TCP_ACK))
			begin_again(t, c, &c->half[!end]);
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
	if (peer->known && !is_near(acked, peer->next, FAR_BYTES))
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
	bool near = h->known && is_near(pkt->tcp.sequence, h->next, END_BYTES);

	if ((pkt->tcp.flags & CAPTURE_TCP_FIN) && near && !h->fin_known) {
		h->fin_known = true;
		h->fin = pkt->tcp.sequence + syn + pkt->payload_bytes +
			 pkt->missing_bytes;
		h->fin_ns = t->now_ns;
	}
	if (h->fin_known && h->next == h->fin)
		end_half(t, c, h);
	if ((pkt->tcp.flags & CAPTURE_TCP_RST) && near) {
		end_half(t, c, &c->half[0]);
		end_half(t, c, &c->half[1]);
	}
	if (c->half[0].over && c->half[1].over && !c->over_ns)
		c->over_ns = t->now_ns;
}

/* There is more after a FIN or RST: it was not for this connection. */
static void
revive(struct connection *c, struct half *h, const struct capture_pkt *pkt,
       uint32_t sequence)
{
	if (!h->over || ((int32_t)(sequence - h->next) < 0 &&
			 !is_missed(h, sequence, pkt->payload_bytes)))
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
	if (!c || (c->ignored && !syn))
		return;
	h = &c->half[end];
	note_ack(&c->half[!end], pkt);
	if (syn)
		on_syn(t, c, end, pkt);
	if (pkt->payload_bytes) {
		if (!h->known)
			begin_in_the_middle(t, c, end, sequence);
		revive(c, h, pkt, sequence);
		if (!h->over)
			put_bytes(t, c, h, sequence, pkt->payload,
				  pkt->payload_bytes);
	}
	if (!c->ignored)
		note_end(t, c, h, pkt);
	settle(t, c);
}

/* ---- time ---------------------------------------------------------------- */

static bool
hole_is_old(const struct capture_tcp *t, const struct half *h)
{
	int64_t age_ns = t->now_ns - h->parts[0].time_ns;
	bool acked =
	    h->acked_known && (int32_t)(h->acked - h->parts[0].from) >= 0;

	/* What may have been sent before the first that was seen does not
	 * have to be acknowledged by anybody. */
	return age_ns >= t->config.hole_ns ||
	       ((acked || !has_begun(h)) && age_ns >= t->config.acked_ns);
}

static void
half_tick(struct capture_tcp *t, struct connection *c, struct half *h)
{
	int64_t quiet_ns = t->now_ns - h->heard_ns;

	while (h->parts_count && !c->ignored && hole_is_old(t, h))
		skip_hole(t, c, h);
	if (h->have && quiet_ns >= t->config.quiet_ns && !h->quiet) {
		h->quiet = true;
		deliver(t, c, h, QUIET);
	}
	if (h->have && quiet_ns >= t->config.stale_ns) {
		deliver(t, c, h, LAST);
		h->gap = true;
	}
	if (h->fin_known && !h->over && !h->parts_count &&
	    t->now_ns - h->fin_ns >= t->config.hole_ns)
		end_half(t, c, h);
}

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
		half_tick(t, c, &c->half[0]);
		if (!c->ignored)
			half_tick(t, c, &c->half[1]);
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
		end_half(t, &t->pool[index], &t->pool[index].half[0]);
		end_half(t, &t->pool[index], &t->pool[index].half[1]);
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
			drop_bytes(t, &t->pool[i].half[0]);
			drop_bytes(t, &t->pool[i].half[1]);
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
