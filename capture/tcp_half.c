/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One direction of a TCP connection: from segments to what its reader is
 * shown.
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
#include "capture/tcp_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROOM_MIN = 2048,
	/* More holes than this at a time are not kept open. */
	PARTS_MIN = 8,
	PARTS_MAX = 1024
};

bool
capture__half_is_waiting(const struct half *h)
{
	return h->have > 0 || h->parts_count > 0 || (h->fin_known && !h->over);
}

/* ---- buffers ------------------------------------------------------------- */

/* It may be SIP that tells a key. */
static void
drop_bytes(struct half *h)
{
	if (h->bytes)
		explicit_bzero(h->bytes, h->room_bytes);
	free(h->bytes);
}

void
capture__half_drop(struct capture_tcp *t, struct half *h)
{
	t->bytes -= h->room_bytes + h->parts_room * sizeof(*h->parts);
	drop_bytes(h);
	free(h->parts);
	h->bytes = NULL;
	h->parts = NULL;
	h->room_bytes = h->start = h->have = 0;
	h->parts_count = h->parts_room = 0;
}

/* How far the parts reach behind the start. */
static uint32_t
extent(const struct half *h)
{
	uint32_t parts =
	    h->parts_count ? h->parts[h->parts_count - 1].to - h->next : 0;

	return h->have + parts;
}

/* May this half have more memory? Others lose theirs for it. */
static bool
is_granted(struct capture_tcp *t, const struct half *h, uint64_t more_bytes)
{
	bool shed = true;

	while (shed && t->bytes + more_bytes > t->config.total_bytes)
		shed = capture__tcp_shed_oldest(t, h);
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
		grown = malloc(room);
	if (!grown)
		return false;
	if (h->bytes)
		memcpy(grown, h->bytes, h->room_bytes);
	drop_bytes(h);
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
	capture__tcp_keep(t, c, keep);
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
		capture__half_drop(t, h);
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
void
capture__half_drain(struct capture_tcp *t, struct connection *c, struct half *h)
{
	while (h->parts_count && !c->ignored)
		skip_hole(t, c, h);
	deliver(t, c, h, LAST);
	capture__half_drop(t, h);
}

/* The direction begins anew at a number, in the middle of something. */
static void
begin_at(struct capture_tcp *t, struct connection *c, struct half *h,
	 uint32_t sequence)
{
	capture__half_drain(t, c, h);
	h->next = h->since = sequence;
	h->known = true;
	h->gap = true;
	h->fin_known = h->over = false;
	if (!capture__is_near(h->acked, sequence, FAR_BYTES))
		h->acked_known = false;
}

void
capture__half_end(struct capture_tcp *t, struct connection *c, struct half *h)
{
	if (h->over || c->ignored || !h->known)
		return;
	capture__half_drain(t, c, h);
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
	capture__half_put(t, c, h, sequence, bytes, n);
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
bool
capture__half_is_missed(const struct half *h, uint32_t sequence, uint32_t n)
{
	bool acked =
	    h->acked_known && (int32_t)(h->acked - (sequence + n)) >= 0;

	return !acked && (int32_t)(sequence - h->since) < 0;
}

void
capture__half_put(struct capture_tcp *t, struct connection *c, struct half *h,
		  uint32_t sequence, const uint8_t *bytes, uint32_t n)
{
	int32_t ahead = (int32_t)(sequence - h->next);
	uint32_t old;

	if (c->ignored || h->deaf)
		return;
	/* Numbers are compared with it only while it is near. */
	if (h->next - h->since > FAR_BYTES)
		h->since = h->next - FAR_BYTES;
	if (!capture__is_near(sequence, h->next, FAR_BYTES) ||
	    (ahead < 0 && capture__half_is_missed(h, sequence, n))) {
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

/* ---- beginnings and time --------------------------------------------------
 */

/* Its first bytes came before the SYN, and wait for it. */
void
capture__half_begin_late(struct capture_tcp *t, struct connection *c,
			 struct half *h, uint32_t first)
{
	h->start += first - h->next;
	h->next = h->since = first;
	h->gap = false;
	absorb(t, h);
	deliver(t, c, h, 0);
	if (h->have == 0 && h->parts_count == 0)
		capture__half_drop(t, h); /* the start may be behind its end */
}

/* Another connection of the same ports. */
void
capture__half_begin_again(struct capture_tcp *t, struct connection *c,
			  struct half *h)
{
	capture__half_end(t, c, h);
	capture__half_drop(t, h);
	memset(h, 0, sizeof(*h));
}

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

void
capture__half_tick(struct capture_tcp *t, struct connection *c, struct half *h)
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
		capture__half_end(t, c, h);
}
