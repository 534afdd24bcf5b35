/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/testing/testing.h"
#include "sip/stream_feed.h"

#define BYTES_MAX (400u << 10)

enum {
	CONTINUATION = 0x00,
	TEXT = 0x01,
	BINARY = 0x02,
	CLOSE = 0x08,
	PING = 0x09,
	PONG = 0x0a,
	FIN = 0x80,
	COMPRESSED = 0x40
};

/* Frames in a row, and where each begins. */
struct wire {
	uint8_t *bytes;
	uint32_t n;
	uint32_t count;
	uint32_t frame[64];
	bool masked;
	unsigned length_bytes; /* 0: the shortest */
};

#define CLIENT                                                                 \
	{                                                                      \
		.masked = true                                                 \
	}
#define SERVER                                                                 \
	{                                                                      \
		.masked = false                                                \
	}

static void
put(struct wire *w, const void *bytes, uint32_t n)
{
	if (!w->bytes)
		w->bytes = malloc(BYTES_MAX);
	assert_non_null(w->bytes);
	assert_true(w->n + n <= BYTES_MAX);
	if (n)
		memcpy(w->bytes + w->n, bytes, n);
	w->n += n;
}

static void
put_byte(struct wire *w, unsigned byte)
{
	uint8_t b = (uint8_t)byte;

	put(w, &b, 1);
}

/* All of a frame but its payload. */
static void
put_head(struct wire *w, unsigned first, uint64_t n)
{
	unsigned length_bytes = w->length_bytes;
	unsigned mask = w->masked ? 0x80 : 0;

	assert_true(w->count < 64);
	w->frame[w->count++] = w->n;
	if (length_bytes == 0)
		length_bytes = n < 126 ? 1 : n < 65536 ? 2 : 8;
	put_byte(w, first);
	put_byte(w, mask | (length_bytes == 1   ? (unsigned)n
			    : length_bytes == 2 ? 126
						: 127));
	for (unsigned i = length_bytes; length_bytes > 1 && i-- > 0;)
		put_byte(w, (unsigned)(n >> (8 * i)) & 0xff);
	if (mask)
		put(w, "\x37\xfa\x21\x3d", 4);
}

static void
put_frame(struct wire *w, unsigned first, const char *text)
{
	static const uint8_t key[] = { 0x37, 0xfa, 0x21, 0x3d };
	uint32_t n = (uint32_t)strlen(text);

	put_head(w, first, n);
	for (uint32_t i = 0; i < n; i++)
		put_byte(w, (uint8_t)text[i] ^ (w->masked ? key[i % 4] : 0));
}

#define ASK                                                                    \
	"GET /sip HTTP/1.1\r\nHost: pbx\r\nUpgrade: WebSocket\r\n"             \
	"Connection: Upgrade\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
#define GRANT                                                                  \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"           \
	"Connection: Upgrade\r\nSec-WebSocket-Protocol: sip\r\n\r\n"

static void
put_upgrade(struct wire *w)
{
	const char *text = w->masked ? ASK : GRANT;

	put(w, text, (uint32_t)strlen(text));
}

#define HEAD                                                                   \
	"Via: SIP/2.0/WS a.invalid;branch=z9hG4bK1\r\nCall-ID: 1@a\r\n"        \
	"CSeq: 1 INVITE\r\n"
#define INVITE                                                                 \
	"INVITE sip:2002@pbx.example SIP/2.0\r\n" HEAD                         \
	"Content-Type: application/sdp\r\nContent-Length: 26\r\n\r\n"          \
	"v=0\r\no=- 1 1 IN IP4 1.1\r\n"
#define RINGING "SIP/2.0 180 Ringing\r\n" HEAD "\r\n"
#define BYE     "BYE sip:2002@pbx.example SIP/2.0\r\n" HEAD "\r\n"

static void
assert_messages(const struct feed *feed, const char *const *texts)
{
	uint32_t i;

	for (i = 0; texts[i]; i++) {
		assert_true(i < feed->count);
		assert_int_equal(feed->messages[i].n, strlen(texts[i]));
		assert_memory_equal(feed->messages[i].bytes, texts[i],
				    strlen(texts[i]));
		assert_int_equal(feed->messages[i].missing_bytes, 0);
	}
	assert_int_equal(feed->count, i);
	assert_int_equal(feed->counters.messages, i);
	assert_int_equal(feed->counters.websocket, i);
	assert_false(feed->ignored);
}

/* In one piece, in two with each cut that there is, and byte by byte. */
static void
assert_read(const struct wire *w, const char *const *texts)
{
	struct feed feed;

	for (uint32_t cut = 0; cut <= w->n; cut++) {
		feed_begin(&feed);
		feed_bytes(&feed, w->bytes, cut);
		feed_bytes(&feed, w->bytes + cut, w->n - cut);
		feed_show(&feed, FEED_LAST);
		assert_messages(&feed, texts);
		assert_true(feed.keep);
		feed_end(&feed);
	}
	feed_begin(&feed);
	for (uint32_t i = 0; i < w->n; i++)
		feed_bytes(&feed, w->bytes + i, 1);
	assert_messages(&feed, texts);
	feed_end(&feed);
}

static void
frames_of_all_kinds_are_read(void **state)
{
	static const char *const texts[] = { INVITE, RINGING, BYE, NULL };
	static const unsigned lengths[] = { 0, 2, 8 };

	(void)state;
	for (int masked = 0; masked < 2; masked++)
		for (size_t i = 0; i < 3; i++) {
			struct wire w = { .masked = masked,
					  .length_bytes = lengths[i] };

			put_upgrade(&w);
			put_frame(&w, FIN | PING, "ping");
			put_frame(&w, FIN | TEXT, INVITE);
			put_frame(&w, FIN | TEXT, "\r\n\r\n");
			put_frame(&w, FIN | BINARY, RINGING);
			put_frame(&w, FIN | TEXT, "");
			put_frame(&w, FIN | TEXT, "no SIP");
			put_frame(&w, FIN | PONG, "");
			put_frame(&w, FIN | TEXT, BYE);
			put_frame(&w, FIN | CLOSE, "\x03\xe8");
			assert_read(&w, texts);
			free(w.bytes);
		}
}

static void
a_message_may_come_in_several_frames(void **state)
{
	static const char *const texts[] = { RINGING, BYE, NULL };
	struct wire w = CLIENT;

	(void)state;
	put_upgrade(&w);
	put_frame(&w, TEXT, "SIP/2.0 180 Rin");
	put_frame(&w, FIN | PING, "between");
	put_frame(&w, CONTINUATION, "ging\r\n" HEAD);
	put_frame(&w, CONTINUATION, "");
	put_frame(&w, FIN | PONG, "");
	put_frame(&w, FIN | CONTINUATION, "\r\n");
	put_frame(&w, BINARY, "");
	put_frame(&w, FIN | CONTINUATION, BYE);
	assert_read(&w, texts);
	free(w.bytes);
}

static void
what_is_in_frames_is_counted(void **state)
{
	struct wire w = CLIENT;
	struct feed feed;

	(void)state;
	put_upgrade(&w);
	put_frame(&w, FIN | TEXT, "\r\n\r\n");
	put_frame(&w, FIN | TEXT, BYE);
	put_frame(&w, FIN | COMPRESSED | TEXT, "\xaa\x55");
	feed_begin(&feed);
	feed_bytes(&feed, w.bytes, w.n);
	assert_int_equal(feed.counters.keepalives, 1);
	assert_int_equal(feed.counters.websocket, 1);
	assert_int_equal(feed.counters.compressed, 1);
	assert_int_equal(feed.counters.junk, 0);
	feed_end(&feed);
	free(w.bytes);
}

/* Each frame comes in a segment of its own; of all only the last, a BYE, is a
 * message. */
static void
assert_last_is_found(const struct wire *w)
{
	struct feed feed;
	uint32_t at = 0, end;

	feed_begin(&feed);
	for (uint32_t i = 0; i <= w->count; i++, at = end) {
		end = i < w->count ? w->frame[i] : w->n;
		feed_bytes(&feed, w->bytes + at, end - at);
		if (i == w->count - 1)
			assert_int_equal(feed.count, 0);
	}
	assert_int_equal(feed.count, 1);
	assert_int_equal(feed.messages[0].n, strlen(BYE));
	assert_int_equal(feed.kept_bytes, 0);
	feed_end(&feed);
}

/* In the middle of a message comes what is no frame. */
static void
no_frame_is_stepped_over(void **state)
{
	static const unsigned firsts[] = { FIN | 0x03, FIN | 0x07, PING };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct wire w = SERVER;

		put_upgrade(&w);
		put_frame(&w, TEXT, INVITE);
		put_frame(&w, firsts[i], "");
		put_frame(&w, FIN | TEXT, BYE);
		assert_last_is_found(&w);
		free(w.bytes);
	}
}

/* Frames of a message that are not read, and those that go with them. */
static void
what_cannot_be_read_is_stepped_over(void **state)
{
	struct wire w = CLIENT;
	struct feed feed;

	(void)state;
	put_upgrade(&w);
	for (int i = 0; i < 15; i++) {
		put_frame(&w, COMPRESSED | TEXT, "INVITE sip:a@b SIP/2.0\r\n");
		put_frame(&w, CONTINUATION, "SIP/2.0 200 OK\r\n\r\n");
		put_frame(&w, FIN | CONTINUATION, "SIP/2.0 200 OK\r\n\r\n");
	}
	/* Half a message. */
	put_frame(&w, TEXT, "SIP/2.0 200 OK\r\n");
	put_frame(&w, FIN | TEXT, BYE);
	assert_last_is_found(&w);
	feed_begin(&feed);
	feed_bytes(&feed, w.bytes, w.n);
	assert_int_equal(feed.counters.compressed, 15);
	assert_int_equal(feed.counters.holes, 1);
	feed_end(&feed);
	free(w.bytes);
}

/* Much longer than any message: parts of it are not taken for one. */
static void
frames_that_are_too_long_are_stepped_over(void **state)
{
	char *text = malloc(150001);
	struct wire w = SERVER;
	struct feed feed;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 150000);
	text[150000] = '\0';
	memcpy(text, INVITE, strlen(INVITE));
	put_upgrade(&w);
	put_frame(&w, TEXT, text);
	put_frame(&w, FIN | CONTINUATION, INVITE);
	text[66000] = '\0';
	put_frame(&w, FIN | TEXT, text);
	text[33000] = '\0';
	put_frame(&w, TEXT, text);
	put_frame(&w, FIN | CONTINUATION, text);
	put_frame(&w, FIN | TEXT, BYE);
	assert_last_is_found(&w);
	feed_begin(&feed);
	for (uint32_t i = 0; i < w.n; i += 1000)
		feed_bytes(&feed, w.bytes + i, w.n - i < 1000 ? w.n - i : 1000);
	assert_int_equal(feed.count, 1);
	assert_int_equal(feed.counters.over_limit, 3);
	assert_int_equal(feed.counters.junk, 0);
	feed_end(&feed);
	free(w.bytes);
	free(text);
}

/* A length that cannot be is none: the reader does not wait for so much. */
static void
a_frame_without_end_is_none(void **state)
{
	static const uint64_t lengths[] = { (1 << 20) + 1, 1ull << 62,
					    UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct wire w = SERVER;

		put_upgrade(&w);
		put_head(&w, FIN | TEXT, lengths[i]);
		put(&w, "x", 1);
		put_frame(&w, FIN | TEXT, BYE);
		assert_last_is_found(&w);
		free(w.bytes);
	}
}

/* ---- from the middle on -------------------------------------------------- */

/* Segments from one on, each with one frame. */
static void
feed_frames(struct feed *feed, const struct wire *w, uint32_t from)
{
	uint32_t end;

	for (uint32_t i = from; i < w->count; i++) {
		end = i + 1 < w->count ? w->frame[i + 1] : w->n;
		feed_bytes(feed, w->bytes + w->frame[i], end - w->frame[i]);
	}
}

static void
a_connection_is_picked_up_at_any_frame(void **state)
{
	(void)state;
	for (int masked = 0; masked < 2; masked++) {
		struct wire w = { .masked = masked };

		put_frame(&w, FIN | PING, "");
		put_frame(&w, FIN | TEXT, INVITE);
		put_frame(&w, FIN | TEXT, "\r\n\r\n");
		put_frame(&w, TEXT, RINGING);
		put_frame(&w, FIN | CONTINUATION, "");
		put_frame(&w, FIN | PING, "");
		put_frame(&w, FIN | BINARY, BYE);
		for (uint32_t from = 0; from < w.count; from++) {
			const char *texts[] = { INVITE, RINGING, BYE, NULL };
			uint32_t lost =
			    (from > 1 ? 1u : 0) + (from > 3 ? 1u : 0);
			struct feed feed;

			feed_begin(&feed);
			feed.gap = true;
			feed_frames(&feed, &w, from);
			assert_messages(&feed, texts + lost);
			assert_true(feed.keep);
			feed_end(&feed);
		}
		free(w.bytes);
	}
}

/* The head of a message is there, but not all frames or all of the last. */
static void
what_there_is_of_a_body_is_read(void **state)
{
	const uint32_t head = (uint32_t)(strstr(INVITE, "v=0") - INVITE);
	const uint32_t whole = (uint32_t)strlen(INVITE);

	(void)state;
	for (int frames = 1; frames < 3; frames++) {
		struct wire w = CLIENT;
		uint32_t first;

		put_upgrade(&w);
		put_frame(&w, frames == 1 ? FIN | TEXT : TEXT, INVITE);
		first = w.n;
		if (frames == 2)
			put_frame(&w, FIN | CONTINUATION, INVITE);
		for (uint32_t n = w.frame[0] + 8; n < w.n; n++) {
			uint32_t got = n - w.frame[0] - 8;
			struct feed feed;

			if (n >= first) {
				got = n - first < 8 ? 0 : n - first - 8;
				got += whole;
			}
			feed_begin(&feed);
			feed_bytes(&feed, w.bytes, n);
			assert_int_equal(feed.count, 0);
			feed_hole(&feed);
			assert_int_equal(feed.count, got >= head);
			assert_int_equal(feed.counters.cut, got >= head);
			assert_int_equal(feed.counters.holes, got < head);
			if (feed.count) {
				assert_int_equal(feed.messages[0].n, got);
				assert_in_range(feed.messages[0].missing_bytes,
						1, whole);
			}
			if (frames == 1 && feed.count)
				assert_int_equal(feed.messages[0].missing_bytes,
						 whole - got);
			feed_end(&feed);
		}
		free(w.bytes);
	}
}

/* No more fits: at which byte it may be, the frame after it is found. */
static void
a_message_for_which_there_is_no_room_is_left_out(void **state)
{
	struct wire w = SERVER;

	(void)state;
	put_upgrade(&w);
	put_frame(&w, TEXT, INVITE);
	put_frame(&w, FIN | CONTINUATION, INVITE);
	put_frame(&w, FIN | TEXT, BYE);
	for (uint32_t n = w.frame[0] + 4; n < w.frame[2]; n++) {
		struct feed feed;

		feed_begin(&feed);
		feed_bytes(&feed, w.bytes, n);
		feed_show(&feed, FEED_FULL);
		assert_in_range(feed.kept_bytes, 0, 3);
		feed_bytes(&feed, w.bytes + n, w.n - n);
		assert_int_equal(feed.count, 1);
		assert_int_equal(feed.messages[0].n, strlen(BYE));
		assert_int_equal(feed.counters.over_limit, 1);
		assert_int_equal(feed.counters.junk, 0);
		feed_end(&feed);
	}
	free(w.bytes);
}

/* Bytes from, until before to, never came. What comes in segments behind them
 * is found. */
static void
a_hole_costs_no_more_than_the_segments_it_hits(void **state)
{
	const uint32_t head = (uint32_t)(strstr(INVITE, "v=0") - INVITE);
	const char *texts[] = { INVITE, RINGING, BYE, NULL };
	struct wire w = CLIENT;

	(void)state;
	put_upgrade(&w);
	for (int i = 0; texts[i]; i++)
		put_frame(&w, FIN | TEXT, texts[i]);
	for (uint32_t from = 0; from < w.frame[1]; from++)
		for (uint32_t to = from + 1; to < w.frame[1]; to += 97) {
			struct feed feed;
			bool first = from < w.frame[0] && to <= w.frame[0];

			feed_begin(&feed);
			feed_bytes(&feed, w.bytes, from);
			feed_hole(&feed);
			if (to < w.frame[0])
				feed_bytes(&feed, w.bytes + to,
					   w.frame[0] - to);
			to = to < w.frame[0] ? w.frame[0] : to;
			if (to < w.frame[1])
				feed_bytes(&feed, w.bytes + to,
					   w.frame[1] - to);
			feed_frames(&feed, &w, 1);
			/* Of the first the head was there. */
			if (feed.counters.cut) {
				assert_true(from >= w.frame[0] + 8 + head);
				assert_int_equal(feed.messages[0].n,
						 from - w.frame[0] - 8);
				free(feed.messages[0].bytes);
				memmove(feed.messages, feed.messages + 1,
					--feed.count * sizeof(*feed.messages));
				feed.counters.messages--;
				feed.counters.websocket--;
			}
			assert_messages(&feed, texts + !first);
			feed_end(&feed);
		}
	free(w.bytes);
}

/* Pings say nothing of what else there is, but are no reason to look away. */
static void
pings_after_a_hole_are_waited_with(void **state)
{
	const char *texts[] = { BYE, RINGING, NULL };
	struct wire w = CLIENT;
	struct feed feed;

	(void)state;
	put_upgrade(&w);
	put_frame(&w, FIN | TEXT, BYE);
	put_frame(&w, FIN | PING, "1234");
	put_frame(&w, FIN | TEXT, RINGING);
	feed_begin(&feed);
	feed_bytes(&feed, w.bytes, w.frame[1]);
	feed_hole(&feed);
	for (int i = 0; i < 1000; i++)
		feed_bytes(&feed, w.bytes + w.frame[1],
			   w.frame[2] - w.frame[1]);
	assert_int_equal(feed.counters.junk, 0);
	feed_frames(&feed, &w, 2);
	assert_messages(&feed, texts);

	/* Nor is the rest of what is very long. */
	feed_hole(&feed);
	for (int i = 0; i < 60; i++)
		feed_bytes(&feed, INVITE, 100);
	assert_int_equal(feed.counters.junk, 6000);
	feed_frames(&feed, &w, 2);
	assert_int_equal(feed.count, 3);
	feed_end(&feed);
	free(w.bytes);
}

/* ---- with something else in it ------------------------------------------- */

static void
websocket_without_sip_is_given_up(void **state)
{
	static const char upgrade[] =
	    "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";
	static const struct {
		unsigned first;
		const char *text;
	} cases[] = {
		{ FIN | TEXT, "{\"price\": 7}" },
		{ FIN | BINARY, "\x80\x08" },
		{ FIN | COMPRESSED | TEXT, "\xaa\x55" },
		{ FIN | CONTINUATION, "x" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire w = CLIENT;
		struct feed feed;

		put(&w, upgrade, sizeof(upgrade) - 1);
		for (int k = 0; k < 40; k++) {
			put_frame(&w, FIN | PING, "");
			put_frame(&w, cases[i].first, cases[i].text);
			if (w.count > 60)
				w.count = 0;
		}
		feed_begin(&feed);
		feed_bytes(&feed, w.bytes, w.n);
		assert_true(feed.ignored);
		assert_false(feed.keep);
		assert_int_equal(feed.count, 0);
		feed_end(&feed);
		free(w.bytes);
	}
}

/* Some phones and servers do not say what they will talk. */
static void
what_is_said_counts_more_than_its_name(void **state)
{
	static const char upgrade[] =
	    "HTTP/1.1 101 Yes\r\nUPGRADE: WEBSOCKET\r\n\r\n";
	static const char *const texts[] = { RINGING, BYE, NULL };
	struct wire w = SERVER;

	(void)state;
	put(&w, upgrade, sizeof(upgrade) - 1);
	put_frame(&w, FIN | TEXT, "hello");
	put_frame(&w, FIN | TEXT, RINGING);
	put_frame(&w, FIN | TEXT, BYE);
	assert_read(&w, texts);
	free(w.bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_all_kinds_are_read),
		cmocka_unit_test(a_message_may_come_in_several_frames),
		cmocka_unit_test(what_is_in_frames_is_counted),
		cmocka_unit_test(no_frame_is_stepped_over),
		cmocka_unit_test(what_cannot_be_read_is_stepped_over),
		cmocka_unit_test(frames_that_are_too_long_are_stepped_over),
		cmocka_unit_test(a_frame_without_end_is_none),
		cmocka_unit_test(a_connection_is_picked_up_at_any_frame),
		cmocka_unit_test(
		    a_hole_costs_no_more_than_the_segments_it_hits),
		cmocka_unit_test(pings_after_a_hole_are_waited_with),
		cmocka_unit_test(websocket_without_sip_is_given_up),
		cmocka_unit_test(what_is_said_counts_more_than_its_name),
		cmocka_unit_test(what_there_is_of_a_body_is_read),
		cmocka_unit_test(
		    a_message_for_which_there_is_no_room_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
