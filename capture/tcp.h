/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TCP, passively (RFC 9293): from the segments of a mirror, which may come
 * twice, out of order, late or never, to the bytes each side sent.
 *
 * Each direction of a connection is one buffer of the bytes that its reader
 * has not consumed. What comes behind a hole waits in its place until the hole
 * is filled. A hole is given up when the receiver has acknowledged what is
 * behind it (it did come, the mirror lost it), when nobody has filled it for
 * too long, or when the buffer is full; the reader is told. What was sent into
 * a hole and is not acknowledged is read even later, as if after another: what
 * made the hole may be a segment that the receiver has never had.
 *
 * Most of the TCP on a mirror is of no interest. The reader sees the beginning
 * of every connection, or of one that began before what is seen of it first,
 * and says whether to go on, and which to keep when there are too many.
 */
#ifndef CAPTURE_TCP_H
#define CAPTURE_TCP_H

#include "capture/pkt.h"

/** One row per counter: name, unit, text. */
#define CAPTURE_TCP_COUNTERS(X)                                                \
	X(connections, "connections", "TCP connections looked into")           \
	X(mid_stream, "connections", "of these, seen after their beginning")   \
	X(repeated, "segments", "TCP segments that were there already")        \
	X(out_of_order, "segments", "TCP segments ahead of their turn")        \
	X(holes, "times", "times a part of a TCP connection never came")       \
	X(connections_shed, "connections",                                     \
	  "TCP connections given up: too many at a time")                      \
	X(buffers_shed, "times",                                               \
	  "times the unread part of a TCP connection was given up for room")

struct capture_tcp_counters {
#define X(name, unit, text) uint64_t name;
	CAPTURE_TCP_COUNTERS(X)
#undef X
};
#define CAPTURE_TCP_COUNTERS_COUNT                                             \
	(sizeof(struct capture_tcp_counters) / sizeof(uint64_t))

/** What a reader keeps of a direction; all zero at its beginning. */
#define CAPTURE_TCP_READER_BYTES 96

/** What a reader gets: all bytes that were not consumed, and how they stand. */
struct capture_tcp_piece {
	const struct capture_endpoint *src, *dst;
	const uint8_t *bytes; /**< borrowed during the call */
	uint32_t count;
	bool gap;     /**< bytes are missing right before these; told once */
	bool full;    /**< more will not fit: consume, or they are dropped */
	bool last;    /**< nothing or a hole follows: no more can be added */
	bool quiet;   /**< nothing has come for a while */
	void *reader; /**< [CAPTURE_TCP_READER_BYTES], 8-byte aligned */
	bool *keep;   /**< set: of all connections, keep this one longest */
};

/** The direction is of no interest; nor is the connection, unless it was to be
 * kept for the other direction. */
#define CAPTURE_TCP_IGNORE (-1)

/** @return bytes consumed, 0 to count, or CAPTURE_TCP_IGNORE */
typedef int64_t (*capture_tcp_read_fn)(void *ctx,
				       const struct capture_tcp_piece *piece);

/** Does a segment of a connection of no interest make it one after all? It may
 * have been judged by bytes that its receiver never took. */
typedef bool (*capture_tcp_begins_fn)(const uint8_t *bytes, uint32_t n);

/** Limits; every one has a counter. Zero means the default. */
struct capture_tcp_config {
	uint32_t connections_max; /**< 16384 at a time */
	uint32_t stream_bytes;    /**< 128 KiB of one direction, not consumed */
	uint64_t total_bytes;     /**< 64 MiB of all */
	int64_t hole_ns;          /**< 2 s: a hole is given up */
	int64_t
	    acked_ns; /**< 200 ms: ... of which the receiver knows nothing */
	int64_t quiet_ns;     /**< 100 ms: a reader that waits is told */
	int64_t stale_ns;     /**< 60 s: what a reader waits with is given up */
	uint8_t hash_key[16]; /**< random: senders choose addresses */
	capture_tcp_read_fn read;
	capture_tcp_begins_fn begins; /**< may be NULL */
	void *ctx;
};

/** All connections of one thread. */
struct capture_tcp;

/** @param config copied @return 0, -ENOMEM */
int capture_tcp_new(struct capture_tcp **tcp,
		    const struct capture_tcp_config *config)
    __attribute__((warn_unused_result));
void capture_tcp_free(struct capture_tcp **tcp);

/**
 * Take a segment. The reader may be called, several times and for both
 * directions, from within; it may not call back.
 *
 * @param pkt of capture_decode; its time never runs back
 * @cost one look-up where it is of no interest. A copy and allocations where
 * the reader leaves bytes
 */
void capture_tcp_input(struct capture_tcp *tcp, const struct capture_pkt *pkt);

/** Let time pass: holes are given up, readers told that it is quiet.
 * @cost O(connections with bytes that were not consumed, or just ended) */
void capture_tcp_tick(struct capture_tcp *tcp, int64_t now_ns);

/** The input is over: the last word of every connection. */
void capture_tcp_finish(struct capture_tcp *tcp, int64_t now_ns);

const struct capture_tcp_counters *
capture_tcp_counters_peek(const struct capture_tcp *tcp);

#endif
