/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any stream in any pieces. The input is
 *
 *   u8 how      what happens to the stream: a bit each, see below
 *   u8 n, u8[n] sizes of pieces, over and over
 *   the rest    the stream; { 0x01, times, byte } is a row of the same byte
 *
 * In pieces it gives the same messages as in one, where nothing is lost; and
 * whatever is lost, no more is consumed than there is, and every message passes
 * the prefilter (stream_feed.h asserts both).
 */
#include "capture/rd.h"
#include "sip/stream_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum {
	MID_STREAM = 1, /* it begins with a gap */
	LOSES = 2,      /* holes, quiet, no room: where a size says so */
	STREAM_MAX = 200000,
	/* Pieces are larger behind these: all of them are copied. */
	SMALL_PIECES = 300,
	SMALL_PIECES_BYTES = 4096,
};

static uint32_t
stretch(uint8_t *stream, struct capture_rd *rd)
{
	uint32_t n = 0, times;
	uint8_t byte;

	while (capture_rd_left(rd) && n < STREAM_MAX) {
		times = 1;
		byte = capture_rd_u8(rd);
		if (byte == 0x01 && capture_rd_left(rd) >= 2) {
			times = capture_rd_u8(rd);
			times *= times;
			byte = capture_rd_u8(rd);
		}
		while (times-- && n < STREAM_MAX)
			stream[n++] = byte;
	}
	return n;
}

static uint32_t
piece_bytes(uint8_t size, uint32_t pieces, uint32_t at)
{
	uint32_t n = size < 128 ? size + 1u : (size - 127u) * 64;

	return pieces > SMALL_PIECES || at > SMALL_PIECES_BYTES ? n * 128 : n;
}

static void
lose(struct feed *feed, uint8_t what)
{
	switch (what % 16) {
	case 0:
		feed_hole(feed);
		break;
	case 1:
		feed_show(feed, FEED_QUIET);
		break;
	case 2:
		feed_show(feed, FEED_FULL);
		break;
	case 3:
		/* As after a RST that was not meant for it. */
		feed_show(feed, FEED_LAST);
		break;
	default:
		break;
	}
}

static void
feed_in_pieces(struct feed *feed, const uint8_t *stream, uint32_t n,
	       struct capture_rd sizes, bool loses)
{
	struct capture_rd left = sizes;
	uint32_t at = 0, pieces = 0, piece;
	uint8_t size;

	while (at < n) {
		if (!capture_rd_left(&left))
			left = sizes;
		size = capture_rd_u8(&left);
		piece = piece_bytes(size, pieces++, at);
		if (piece > n - at)
			piece = n - at;
		feed_bytes(feed, stream + at, piece);
		at += piece;
		if (loses)
			lose(feed, size);
	}
	feed_show(feed, FEED_LAST);
}

/* Where a frame of WebSocket is searched for at the beginning of segments,
 * pieces matter. */
static bool
is_the_same_in_pieces(const struct feed *feed, bool mid_stream)
{
	const struct sip__stream *s = (const void *)feed->reader;

	return s->mode != SIP_MODE_WEBSOCKET_SEARCH &&
	       !(mid_stream && s->mode == SIP_MODE_WEBSOCKET);
}

static void
assert_same(const struct feed *a, const struct feed *b)
{
	assert(a->count == b->count);
	for (uint32_t i = 0; i < a->count; i++) {
		assert(a->messages[i].n == b->messages[i].n);
		assert(a->messages[i].missing_bytes ==
		       b->messages[i].missing_bytes);
		assert(memcmp(a->messages[i].bytes, b->messages[i].bytes,
			      a->messages[i].n) == 0);
	}
	assert(a->ignored == b->ignored && a->keep == b->keep);
	assert(a->counters.websocket == b->counters.websocket);
	assert(a->counters.over_limit == b->counters.over_limit);
	assert(a->counters.compressed == b->counters.compressed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static uint8_t stream[STREAM_MAX];
	struct capture_rd rd = capture_rd_init(bytes, n), sizes;
	uint8_t how = capture_rd_u8(&rd);
	struct feed whole, pieces;
	uint32_t count;

	sizes = capture_rd_split(&rd, capture_rd_u8(&rd));
	if (rd.failed)
		return 0;
	count = stretch(stream, &rd);
	feed_begin(&pieces);
	pieces.gap = how & MID_STREAM;
	feed_in_pieces(&pieces, stream, count, sizes, how & LOSES);
	feed_begin(&whole);
	whole.gap = how & MID_STREAM;
	feed_bytes(&whole, stream, count);
	feed_show(&whole, FEED_LAST);
	if (!(how & LOSES) && is_the_same_in_pieces(&whole, how & MID_STREAM) &&
	    is_the_same_in_pieces(&pieces, how & MID_STREAM))
		assert_same(&whole, &pieces);
	feed_end(&pieces);
	feed_end(&whole);
	return 0;
}
