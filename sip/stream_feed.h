/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What tests and fuzzers of streams share: one direction of a connection as
 * capture_tcp shows it to a reader. What is not consumed is kept and shown
 * again with what follows it; every piece is a heap block of exactly its size.
 */
#ifndef SIP_STREAM_FEED_H
#define SIP_STREAM_FEED_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sip/sip_priv.h"

struct feed_message {
	uint8_t *bytes;
	uint32_t n;
	uint32_t missing_bytes;
};

struct feed {
	_Alignas(8) uint8_t reader[CAPTURE_TCP_READER_BYTES];
	struct sip_stream_counters counters;
	uint8_t *scratch;
	uint8_t *kept; /* not consumed */
	uint32_t kept_bytes;
	bool gap;
	bool keep;
	bool ignored;
	uint32_t count;
	struct feed_message *messages;
	struct capture_endpoint src, dst;
};

static inline void
feed_on_message(void *ctx, const struct capture_tcp_piece *piece,
		const uint8_t *message, uint32_t n, uint32_t missing_bytes)
{
	struct feed *feed = ctx;
	struct sip_glance glance;
	struct feed_message *m;

	assert(piece->src == &feed->src && piece->dst == &feed->dst);
	assert(n > 0 && n <= SIP_STREAM_MESSAGE_MAX);
	assert(sip_prefilter(message, n, &glance) == 1);
	m = realloc(feed->messages, (feed->count + 1) * sizeof(*m));
	assert(m);
	feed->messages = m;
	m += feed->count++;
	*m = (struct feed_message){ malloc(n), n, missing_bytes };
	assert(m->bytes);
	memcpy(m->bytes, message, n);
}

static inline void
feed_begin(struct feed *feed)
{
	*feed = (struct feed){ .scratch = malloc(SIP_STREAM_MESSAGE_MAX),
			       .messages = calloc(1, sizeof(*feed->messages)) };
	assert(feed->scratch && feed->messages);
}

static inline void
feed_end(struct feed *feed)
{
	for (uint32_t i = 0; i < feed->count; i++)
		free(feed->messages[i].bytes);
	free(feed->messages);
	free(feed->kept);
	free(feed->scratch);
	*feed = (struct feed){ 0 };
}

enum feed_how { FEED_MORE, FEED_LAST, FEED_FULL, FEED_QUIET };

/* Show what is there. */
static inline void
feed_show(struct feed *feed, enum feed_how how)
{
	const struct sip_stream_reader reader = { feed_on_message, feed,
						  &feed->counters,
						  feed->scratch };
	const struct capture_tcp_piece piece = {
		.src = &feed->src,
		.dst = &feed->dst,
		.bytes = feed->kept,
		.count = feed->kept_bytes,
		.gap = feed->gap,
		.last = how == FEED_LAST,
		.full = how == FEED_FULL,
		.quiet = how == FEED_QUIET,
		.reader = feed->reader,
		.keep = &feed->keep,
	};
	int64_t consumed;
	uint8_t *rest = NULL;

	if (feed->kept_bytes == 0 || feed->ignored)
		return;
	feed->gap = false;
	consumed = sip_stream_input(&piece, &reader);
	assert(consumed >= CAPTURE_TCP_IGNORE && consumed <= piece.count);
	feed->ignored = consumed < 0;
	if (how == FEED_LAST || feed->ignored)
		consumed = piece.count;
	feed->kept_bytes -= (uint32_t)consumed;
	if (feed->kept_bytes) {
		rest = malloc(feed->kept_bytes);
		assert(rest);
		memcpy(rest, feed->kept + consumed, feed->kept_bytes);
	}
	free(feed->kept);
	feed->kept = rest;
}

/* What is there is over: a hole follows. */
static inline void
feed_hole(struct feed *feed)
{
	feed_show(feed, FEED_LAST);
	feed->gap = true;
}

/* More bytes. */
static inline void
feed_bytes(struct feed *feed, const void *bytes, size_t n)
{
	uint8_t *grown;

	if (feed->ignored || n == 0)
		return;
	grown = malloc(feed->kept_bytes + n);
	assert(grown);
	if (feed->kept_bytes)
		memcpy(grown, feed->kept, feed->kept_bytes);
	memcpy(grown + feed->kept_bytes, bytes, n);
	free(feed->kept);
	feed->kept = grown;
	feed->kept_bytes += (uint32_t)n;
	feed_show(feed, FEED_MORE);
}

#endif
