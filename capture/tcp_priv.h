/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the two files of TCP share: tcp.c has the connections and what their
 * segments say, tcp_half.c the bytes of one direction.
 */
#ifndef CAPTURE_TCP_PRIV_H
#define CAPTURE_TCP_PRIV_H

#include "capture/table.h"
#include "capture/tcp.h"

#define NONE CAPTURE_TABLE_NONE

enum {
	/* How far before the first segment others are looked for. */
	REACH_BYTES = 4096,
	/* A sequence number so far away is of another connection. */
	FAR_BYTES = 1 << 20
};

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

static inline bool
capture__is_near(uint32_t a, uint32_t b, uint32_t bytes)
{
	return a - b + bytes <= 2 * bytes;
}

/* tcp.c */

/** The reader wants to keep it, or no longer. */
void capture__tcp_keep(struct capture_tcp *t, struct connection *c, bool keep);

/**
 * The buffer that has waited longest is read as far as it came, and given up.
 *
 * @param but not this one
 * @return false: there is none
 */
bool capture__tcp_shed_oldest(struct capture_tcp *t, const struct half *but);

/* tcp_half.c; each may call the reader, but for the first four */

/** Is there anything that time matters for? */
bool capture__half_is_waiting(const struct half *h);
/** All that is in its buffer, as if it had never come. */
void capture__half_drop(struct capture_tcp *t, struct half *h);
/** Would these bytes fill a hole, or go on where it is? */
bool capture__half_is_missed(const struct half *h, uint32_t sequence,
			     uint32_t n);
/** Another connection of the same ports. */
void capture__half_begin_again(struct capture_tcp *t, struct connection *c,
			       struct half *h);
/** Its first bytes came before the SYN, and wait for it. */
void capture__half_begin_late(struct capture_tcp *t, struct connection *c,
			      struct half *h, uint32_t first);
/** Bytes of a segment. */
void capture__half_put(struct capture_tcp *t, struct connection *c,
		       struct half *h, uint32_t sequence, const uint8_t *bytes,
		       uint32_t n);
void capture__half_tick(struct capture_tcp *t, struct connection *c,
			struct half *h);
/** Whatever waits is read, as far as it came. */
void capture__half_drain(struct capture_tcp *t, struct connection *c,
			 struct half *h);
/** ... and nothing follows it. */
void capture__half_end(struct capture_tcp *t, struct connection *c,
		       struct half *h);

#endif
