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

#define PARTS_MAX 12
#define TEXT_MAX  (16u << 10)

/* A stream, written as the parts it is made of. */
struct part {
	const char *text;
	enum { OTHER, MESSAGE } what;
};

struct stream {
	char text[TEXT_MAX];
	uint32_t n;
	uint32_t count; /* messages */
	struct {
		uint32_t begin, head, end; /* offsets */
	} message[PARTS_MAX];
};

/* Note where a message is, and write the length of its body into it. */
static void
stream_note(struct stream *s, uint32_t begin)
{
	char *head = strstr(s->text + begin, "\r\n\r\n"), length[4];
	char *place = strstr(s->text + begin, "###");
	uint32_t at = head ? (uint32_t)(head - s->text) + 4 : s->n;

	s->message[s->count].begin = begin;
	s->message[s->count].head = at;
	s->message[s->count++].end = s->n;
	if (!place)
		return;
	snprintf(length, sizeof(length), "%03u", s->n - at);
	memcpy(place, length, 3);
}

static void
stream_make(struct stream *s, const struct part *parts)
{
	uint32_t n;

	*s = (struct stream){ 0 };
	for (; parts->text; parts++) {
		n = (uint32_t)strlen(parts->text);
		assert_true(s->n + n < TEXT_MAX);
		memcpy(s->text + s->n, parts->text, n);
		s->n += n;
		if (parts->what == MESSAGE)
			stream_note(s, s->n - n);
	}
}

static void
feed_pieces(struct feed *feed, const char *bytes, uint32_t n, uint32_t size)
{
	uint32_t at = 0, piece;

	while (at < n && !feed->ignored) {
		piece = n - at < size ? n - at : size;
		feed_bytes(feed, bytes + at, piece);
		at += piece;
	}
}

static void
assert_message(const struct feed *feed, uint32_t i, const char *bytes,
	       uint32_t n)
{
	assert_true(i < feed->count);
	assert_int_equal(feed->messages[i].n, n);
	assert_memory_equal(feed->messages[i].bytes, bytes, n);
}

static void
assert_all(const struct feed *feed, const struct stream *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		assert_message(feed, i, s->text + s->message[i].begin,
			       s->message[i].end - s->message[i].begin);
		assert_int_equal(feed->messages[i].missing_bytes, 0);
	}
	assert_int_equal(feed->count, s->count);
	assert_int_equal(feed->counters.messages, s->count);
	assert_false(feed->ignored);
	assert_true(feed->keep);
}

/* In one piece, in two with each cut that there is, and byte by byte. */
static void
assert_read(const struct part *parts)
{
	struct stream s;
	struct feed feed;

	stream_make(&s, parts);
	for (uint32_t cut = 0; cut <= s.n; cut++) {
		feed_begin(&feed);
		feed_bytes(&feed, s.text, cut);
		feed_bytes(&feed, s.text + cut, s.n - cut);
		feed_show(&feed, FEED_LAST);
		assert_all(&feed, &s);
		feed_end(&feed);
	}
	feed_begin(&feed);
	feed_pieces(&feed, s.text, s.n, 1);
	feed_show(&feed, FEED_LAST);
	assert_all(&feed, &s);
	feed_end(&feed);
}

/* ### is the length of the body. */
#define HEAD(method, id)                                                       \
	"Via: SIP/2.0/TCP 10.0.0.1:5060;branch=z9hG4bK" id "\r\n"              \
	"From: \"Anne\" <sip:2001@pbx.example>;tag=f1\r\n"                     \
	"To: <sip:2002@pbx.example>\r\n"                                       \
	"Call-ID: " id "@10.0.0.1\r\nCSeq: 314 " method "\r\n"
#define REQUEST(method, id)                                                    \
	method " sip:2002@pbx.example SIP/2.0\r\n" HEAD(method, id)
#define RESPONSE(status, method, id) "SIP/2.0 " status "\r\n" HEAD(method, id)
#define SDP                                                                    \
	"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\n"       \
	"t=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"

#define INVITE                                                                 \
	REQUEST("INVITE", "17")                                                \
	"Content-Type: application/sdp\r\nContent-Length: ###\r\n\r\n" SDP
#define TRYING                                                                 \
	"SIP/2.0 100 Trying\r\nv:SIP/2.0/TCP 10.0.0.1;branch=z9hG4bK17\r\n"    \
	"f:<sip:2001@pbx.example>;tag=f1\r\nt:<sip:2002@pbx.example>\r\n"      \
	"i:17@10.0.0.1\r\nCSeq:314 INVITE\r\nl:0\r\n\r\n"
/* Bodies without an end of line at their end. */
#define XML "<?xml version=\"1.0\"?>\r\n<dialog-info>\r\n</dialog-info>"
#define NOTIFY                                                                 \
	REQUEST("NOTIFY", "18")                                                \
	"Content-Type: application/dialog-info+xml\r\n"                        \
	"Content-Length: ###\r\n\r\n" XML
#define SIPFRAG                                                                \
	REQUEST("NOTIFY", "19")                                                \
	"Content-Type: message/sipfrag\r\nContent-Length: ###\r\n\r\n"         \
	"SIP/2.0 200 OK"
#define BYE REQUEST("BYE", "17") "Content-Length: 0\r\n\r\n"

static const struct part five[] = { { INVITE, MESSAGE }, { TRYING, MESSAGE },
				    { NOTIFY, MESSAGE }, { SIPFRAG, MESSAGE },
				    { BYE, MESSAGE },    { NULL, OTHER } };

static void
messages_are_read_however_they_are_cut(void **state)
{
	(void)state;
	assert_read(five);
}

static void
keep_alives_stand_between(void **state)
{
	static const struct part parts[] = {
		{ "\r\n\r\n", OTHER }, { INVITE, MESSAGE }, { "\r\n", OTHER },
		{ BYE, MESSAGE },      { "\n\r\n", OTHER }, { TRYING, MESSAGE },
		{ "\r\n\r\n", OTHER }, { NULL, OTHER }
	};
	struct stream s;
	struct feed feed;

	(void)state;
	assert_read(parts);
	stream_make(&s, parts);
	feed_begin(&feed);
	feed_bytes(&feed, s.text, s.n);
	assert_int_equal(feed.counters.keepalives, 4);
	assert_int_equal(feed.kept_bytes, 0);
	feed_end(&feed);
}

static void
heads_of_all_kinds_are_read(void **state)
{
	static const struct part parts[] = {
		/* LF alone */
		{ "OPTIONS sip:a@b SIP/2.0\nl : 6 \nCSeq: 1 OPTIONS\n\nhello\n",
		  MESSAGE },
		/* the first length that is one counts */
		{ "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: many\r\n"
		  "CONTENT-LENGTH:4\r\nl: 9\r\n\r\nbody",
		  MESSAGE },
		/* neither length nor type: no body */
		{ "SIP/2.0 200\r\nVia: x\r\n\r\n", MESSAGE },
		/* what only looks like a header, or is empty */
		{ "SIP/2.0 200 OK\r\nContent-Lengths: 9\r\n: 9\r\nl 9\r\n\r\n",
		  MESSAGE },
		{ "BYE tel:+4412 sip/2.0 \r\n\r\n", MESSAGE },
		/* folded lines */
		{ "SIP/2.0 200 OK\r\nSubject: a\r\n l: 9\r\n\tl: 9\r\n"
		  "Content-Length:\r\n  \r\n 6\r\n\r\n123456",
		  MESSAGE },
		{ "SIP/2.0 200 OK\r\nl:\r\nX: y\r\n 6\r\n\r\n", MESSAGE },
		{ NULL, OTHER }
	};

	(void)state;
	assert_read(parts);
}

/* SIP in a body is of the body. */
static void
bodies_that_look_like_messages_are_bodies(void **state)
{
	static const struct part parts[] = {
		{ REQUEST(
		      "NOTIFY",
		      "20") "Content-Type: message/sipfrag\r\nContent-Length: "
			    "###\r\n\r\n" RESPONSE("180 Ringing", "INVITE", "x")
				REQUEST("BYE", "y"),
		  MESSAGE },
		{ REQUEST(
		      "INVITE",
		      "21") "Content-Type: multipart/mixed;boundary=b\r\nl: ###\r\n\r\n"
			    "--b\r\nContent-Type: message/sip\r\n\r\n" REQUEST(
				"BYE",
				"z") //
		  "Content-Length: 0\r\n\r\n--b\r\n"
		  "Content-Type: application/sdp\r\n\r\n" SDP "--b--\r\n",
		  MESSAGE },
		{ BYE, MESSAGE },
		{ NULL, OTHER }
	};

	(void)state;
	assert_read(parts);
}

#define OPEN REQUEST("INVITE", "22") "Content-Type: application/sdp\r\n\r\n" SDP

/* Without Content-Length, but with a Content-Type. */
static void
a_body_without_length_ends_at_the_next_message(void **state)
{
	static const struct part parts[] = { { OPEN, MESSAGE },
					     { OPEN, MESSAGE },
					     { TRYING, MESSAGE },
					     { OPEN, MESSAGE },
					     { NULL, OTHER } };

	(void)state;
	assert_read(parts);
}

static void
a_body_without_length_ends_when_it_is_quiet(void **state)
{
	static const struct part parts[] = { { OPEN, MESSAGE },
					     { BYE, MESSAGE },
					     { NULL, OTHER } };
	struct stream s;
	struct feed feed;

	(void)state;
	stream_make(&s, parts);
	feed_begin(&feed);
	feed_bytes(&feed, s.text, s.message[0].end - 3);
	feed_bytes(&feed, s.text + s.message[0].end - 3, 3);
	assert_int_equal(feed.count, 0);
	feed_show(&feed, FEED_QUIET);
	assert_int_equal(feed.count, 1);
	feed_bytes(&feed, s.text + s.message[1].begin, s.n - s.message[0].end);
	assert_all(&feed, &s);
	feed_end(&feed);
}

static void
what_has_a_length_does_not_end_when_it_is_quiet(void **state)
{
	struct stream s;
	struct feed feed;

	(void)state;
	stream_make(&s, five);
	feed_begin(&feed);
	for (uint32_t i = 0; i < s.n; i++) {
		feed_bytes(&feed, s.text + i, 1);
		feed_show(&feed, FEED_QUIET);
	}
	assert_all(&feed, &s);
	feed_end(&feed);
}

static void
junk_between_messages_is_stepped_over(void **state)
{
	static const struct part parts[] = {
		{ INVITE, MESSAGE },
		{ "junk\r\n\x80\x08zz", OTHER },
		{ "\r\nSIP/2.0 200 OK\r\nno: head\r\n\r\n", OTHER },
		{ "SIP/2.0 200 OK\r\nno: end of this head\r\n", OTHER },
		{ TRYING, MESSAGE },
		{ BYE, MESSAGE },
		{ "end", OTHER },
		{ NULL, OTHER }
	};
	struct stream s;
	struct feed feed;

	(void)state;
	assert_read(parts);
	stream_make(&s, parts);
	feed_begin(&feed);
	feed_bytes(&feed, s.text, s.n);
	assert_int_equal(feed.counters.junk,
			 s.message[1].begin - s.message[0].end);
	feed_show(&feed, FEED_LAST);
	assert_int_equal(feed.counters.junk,
			 s.message[1].begin - s.message[0].end + 3);
	feed_end(&feed);
}

/* ... though that which was no message named a length. */
static void
what_follows_junk_has_its_own_length(void **state)
{
	static const struct part parts[] = {
		{ BYE, MESSAGE },
		{ "-\r\nSIP/2.0 200 OK\r\nl: 50\r\n", OTHER },
		{ REQUEST("BYE", "23") "\r\n", MESSAGE },
		{ INVITE, MESSAGE },
		{ NULL, OTHER }
	};

	(void)state;
	assert_read(parts);
}

/* How much of it is missing nobody knows; that some is, its last line tells. */
static void
a_body_without_length_may_be_cut(void **state)
{
	const uint32_t n = (uint32_t)strlen(OPEN);
	struct feed feed;

	(void)state;
	for (uint32_t cut = 0; cut < 4; cut++) {
		feed_begin(&feed);
		feed_bytes(&feed, OPEN, n - cut);
		feed_hole(&feed);
		assert_message(&feed, 0, OPEN, n - cut);
		assert_int_equal(feed.messages[0].missing_bytes, cut > 0);
		feed_end(&feed);
	}
}

/* ---- holes --------------------------------------------------------------- */

/*
 * Bytes from, until before to, never came. Each message wholly outside is
 * there; of one of whose body a part is missing, what was before that; nothing
 * else.
 */
static void
assert_around_hole(const struct feed *feed, const struct stream *s,
		   uint32_t from, uint32_t to)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t begin = s->message[i].begin, end = s->message[i].end;
		uint32_t missing = 0;

		if (end > from && begin < to) {
			if (s->message[i].head > from || begin >= from)
				continue;
			missing = end - from;
		}
		assert_message(feed, count, s->text + begin,
			       end - begin - missing);
		assert_int_equal(feed->messages[count].missing_bytes, missing);
		count++;
	}
	assert_int_equal(feed->count, count);
	assert_false(feed->ignored);
}

static void
read_around_hole(const struct stream *s, uint32_t from, uint32_t to,
		 uint32_t size)
{
	struct feed feed;

	feed_begin(&feed);
	feed_pieces(&feed, s->text, from, size);
	feed_hole(&feed);
	feed_pieces(&feed, s->text + to, s->n - to, size);
	feed_show(&feed, FEED_LAST);
	assert_around_hole(&feed, s, from, to);
	feed_end(&feed);
}

#define TEXT(id, text)                                                         \
	REQUEST("MESSAGE", id) "c:text/plain\r\nl:###\r\n\r\n" text

/* Where one ends without an end of line, the next is in the same line. */
static const struct part glued[] = {
	{ TEXT("30", "hello"), MESSAGE },
	{ REQUEST("PRACK", "31") "\r\n", MESSAGE },
	{ TEXT("32", "SIP/2.0 180 Ringing"), MESSAGE },
	{ RESPONSE("200 OK", "INVITE", "33") "l:0\r\n\r\n", MESSAGE },
	{ TEXT("34", "SIP/2.0 ?"), MESSAGE },
	{ RESPONSE("404 sip: SIP/2.0", "BYE", "35") "\r\n", MESSAGE },
	{ TEXT("36", "a: INVITE sip:a@b SIP/2.0\r\n"), MESSAGE },
	{ REQUEST("BENOTIFY", "37") "\r\n", MESSAGE },
	{ NULL, OTHER }
};

static const struct part between[] = {
	{ "\r\n\r\n", OTHER },       { NOTIFY, MESSAGE },
	{ TRYING, MESSAGE },         { "\r\n", OTHER },
	{ INVITE, MESSAGE },         { "\r\n\r\n\r\n\r\n", OTHER },
	{ "junk\r\n", OTHER },       { BYE, MESSAGE },
	{ "GET / HTTP/1.1", OTHER }, { NULL, OTHER }
};

static void
try_holes(const struct part *parts)
{
	static const uint32_t lengths[] = { 1, 2, 7, 40, 150, 400, 1000 };
	struct stream s;

	stream_make(&s, parts);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (uint32_t from = 0; from + lengths[i] <= s.n; from++) {
			read_around_hole(&s, from, from + lengths[i], s.n);
			if (from % 8 == i)
				read_around_hole(&s, from, from + lengths[i],
						 1);
		}
}

static void
a_hole_costs_no_more_than_what_it_hits(void **state)
{
	(void)state;
	try_holes(five);
	try_holes(glued);
	try_holes(between);
}

static void
pick_up_anywhere(const struct part *parts)
{
	struct stream s;
	struct feed feed;

	stream_make(&s, parts);
	for (uint32_t from = 0; from < s.n; from++)
		for (uint32_t size = 1; size <= s.n; size += s.n - 1) {
			feed_begin(&feed);
			feed.gap = true;
			feed_pieces(&feed, s.text + from, s.n - from, size);
			feed_show(&feed, FEED_LAST);
			assert_around_hole(&feed, &s, 0, from);
			feed_end(&feed);
		}
}

static void
a_connection_is_picked_up_anywhere(void **state)
{
	(void)state;
	pick_up_anywhere(five);
	pick_up_anywhere(glued);
	pick_up_anywhere(between);
}

/* ... of which one that only stands in a header is none. */
static void
a_message_in_a_header_is_not_found(void **state)
{
	static const char first[] = "INVITE sip:a@b SIP/2.0\r\n";
	static const char *const headers[] = {
		"Subject: a\r\n INVITE sip:c@d SIP/2.0\r\n",
		"Subject: INVITE sip:c@d SIP/2.0\r\n",
		"Subject: a\r\n\tSIP/2.0 200 OK\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		for (int cut = 0; cut < 2; cut++) {
			char text[512];
			struct feed feed;
			int n = snprintf(text, sizeof(text), "%s%s%s\r\n",
					 cut ? "" : first, headers[i],
					 HEAD("INVITE", "38"));

			feed_begin(&feed);
			feed.gap = true;
			feed_bytes(&feed, text, (size_t)n);
			assert_int_equal(feed.count, !cut);
			if (!cut)
				assert_message(&feed, 0, text, (uint32_t)n);
			feed_end(&feed);
		}
}

/* ---- limits -------------------------------------------------------------- */

struct long_stream {
	char *text;
	uint32_t n;
};

static void
put(struct long_stream *s, const char *text, uint32_t times)
{
	size_t n = strlen(text);

	s->text = realloc(s->text, s->n + n * times);
	assert_non_null(s->text);
	for (uint32_t i = 0; i < times; i++, s->n += (uint32_t)n)
		memcpy(s->text + s->n, text, n);
}

/* Behind a BYE, and before one, pieces of any size give the same: `first` bytes
 * of what is too long. */
static void
assert_long(struct long_stream *s, uint32_t first, uint32_t missing,
	    bool over_limit)
{
	static const uint32_t sizes[] = { 99, 1460, 40000, 1 << 20 };
	const uint32_t bye = (uint32_t)strlen(BYE);
	struct feed feed;

	put(s, BYE, 1);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t count = 1;

		feed_begin(&feed);
		feed_bytes(&feed, BYE, bye);
		feed_pieces(&feed, s->text, s->n, sizes[i]);
		assert_false(feed.ignored);
		if (first) {
			assert_message(&feed, count, s->text, first);
			assert_int_equal(feed.messages[count++].missing_bytes,
					 missing);
		}
		assert_message(&feed, count++, BYE, bye);
		assert_int_equal(feed.count, count);
		assert_int_equal(feed.counters.over_limit, over_limit);
		feed_end(&feed);
	}
	free(s->text);
}

static void
a_head_that_is_too_long_is_left_out(void **state)
{
	const uint32_t head = (uint32_t)strlen(TRYING) - 2;
	struct long_stream s = { 0 };

	(void)state;
	put(&s, TRYING, 1);
	s.n = head; /* without the empty line */
	put(&s, "X: more of it\r\n", 6000);
	put(&s, "\r\n", 1);
	assert_long(&s, 0, 0, true);

	/* one line of it */
	s = (struct long_stream){ 0 };
	put(&s, TRYING, 1);
	s.n = head;
	put(&s, "X: ", 100000);
	put(&s, "\r\n\r\n", 1);
	assert_long(&s, 0, 0, true);

	/* as long as it may be */
	s = (struct long_stream){ 0 };
	put(&s, TRYING, 1);
	s.n = head;
	put(&s, "X", SIP_STREAM_MESSAGE_MAX - head - 4);
	put(&s, "\r\n\r\n", 1);
	assert_long(&s, SIP_STREAM_MESSAGE_MAX, 0, false);

	/* one byte longer */
	s = (struct long_stream){ 0 };
	put(&s, TRYING, 1);
	s.n = head;
	put(&s, "X", SIP_STREAM_MESSAGE_MAX - head - 3);
	put(&s, "\r\n\r\n", 1);
	assert_long(&s, 0, 0, true);
}

static void
of_a_body_that_is_too_long_the_first_part_is_read(void **state)
{
	static const char head[] = "SIP/2.0 200 OK\r\nl: 100000\r\n\r\n";
	static const char full[] = "SIP/2.0 200 OK\r\nl: 65507\r\n\r\n";
	static const char minus[] = "SIP/2.0 200 OK\r\nl: 4294967295\r\n\r\n";
	static const char open[] = "SIP/2.0 200 OK\r\nc: x\r\n\r\n";
	struct long_stream s = { 0 };

	(void)state;
	put(&s, head, 1);
	put(&s, "SIP/2.0 200 OK\r\nl:0\r\n", 4000);
	put(&s, "x", 16000);
	assert_int_equal(s.n, sizeof(head) - 1 + 100000);
	assert_long(
	    &s, SIP_STREAM_MESSAGE_MAX,
	    100000 + (uint32_t)sizeof(head) - 1 - SIP_STREAM_MESSAGE_MAX, true);

	/* no length that can be: only so much is taken for its body */
	s = (struct long_stream){ 0 };
	put(&s, minus, 1);
	put(&s, "line\r\n", 20000);
	assert_long(&s, SIP_STREAM_MESSAGE_MAX,
		    UINT32_MAX - SIP_STREAM_MESSAGE_MAX, true);

	s = (struct long_stream){ 0 };
	put(&s, full, 1);
	put(&s, "x", 65507);
	assert_int_equal(s.n, SIP_STREAM_MESSAGE_MAX);
	assert_long(&s, SIP_STREAM_MESSAGE_MAX, 0, false);

	s = (struct long_stream){ 0 };
	put(&s, open, 1);
	put(&s, "line\r\n", 20000);
	assert_long(&s, SIP_STREAM_MESSAGE_MAX, 0, true);
}

/* No more fits: the head is given up, what follows it is not. */
static void
a_head_for_which_there_is_no_room_is_left_out(void **state)
{
	struct feed feed;

	(void)state;
	feed_begin(&feed);
	feed_bytes(&feed, BYE, strlen(BYE));
	feed_bytes(&feed, INVITE, 100);
	feed_show(&feed, FEED_FULL);
	assert_int_equal(feed.kept_bytes, 0);
	assert_int_equal(feed.counters.over_limit, 1);
	feed_bytes(&feed, &INVITE[100], strlen(INVITE) - 100);
	feed_bytes(&feed, BYE, strlen(BYE));
	assert_int_equal(feed.count, 2);
	feed_end(&feed);
}

/* Phones say nothing else for days, and may then make a call. */
static void
keep_alives_alone_are_waited_with(void **state)
{
	struct feed feed;

	(void)state;
	for (int gap = 0; gap < 2; gap++) {
		feed_begin(&feed);
		feed.gap = gap;
		for (int i = 0; i < 100000; i++)
			feed_bytes(&feed, "\r\n\r\n", 4);
		assert_false(feed.ignored);
		assert_int_equal(feed.kept_bytes, 0);
		assert_int_equal(feed.counters.keepalives, 100000);
		assert_int_equal(feed.counters.junk, 0);
		feed_bytes(&feed, BYE, strlen(BYE));
		assert_int_equal(feed.count, 1);
		feed_end(&feed);
	}
}

static void
the_head_of_an_upgrade_has_an_end(void **state)
{
	static const uint32_t sizes[] = { 10, 1000, 100000 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct long_stream s = { 0 };
		struct feed feed;

		put(&s, "GET / HTTP/1.1\r\nUpgrade: websocket\r\n", 1);
		put(&s, "X: yyy\r\n", 2100);
		put(&s, "\r\n", 1);
		feed_begin(&feed);
		feed_pieces(&feed, s.text, s.n, sizes[i]);
		assert_true(feed.ignored);
		feed_end(&feed);
		free(s.text);
	}
}

/* What is blank within a line that was too long is of it, and what follows the
 * line is not. */
static void
keep_alives_stand_between_lines(void **state)
{
	static const uint32_t sizes[] = { 10, 1000, 100000 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct long_stream s = { 0 };
		struct feed feed;

		put(&s, "x", 100);
		put(&s, "\r", 20000);
		put(&s, "x\r\n", 1);
		feed_begin(&feed);
		feed_bytes(&feed, BYE, strlen(BYE));
		feed_hole(&feed);
		feed_pieces(&feed, s.text, s.n, sizes[i]);
		assert_int_equal(feed.counters.junk, s.n);
		assert_int_equal(feed.counters.keepalives, 0);
		feed_bytes(&feed, "\r\n\r\n", 4);
		assert_int_equal(feed.counters.junk, s.n);
		assert_int_equal(feed.counters.keepalives, 1);
		feed_end(&feed);
		free(s.text);
	}
}

/* ---- what is no SIP ------------------------------------------------------ */

/* How many of these bytes, one by one, until it is known to be no SIP. */
static uint32_t
bytes_looked_at(const void *bytes, uint32_t n, bool gap)
{
	struct feed feed;
	uint32_t i;

	feed_begin(&feed);
	feed.gap = gap;
	for (i = 0; i < n && !feed.ignored; i++)
		feed_bytes(&feed, (const uint8_t *)bytes + i, 1);
	assert_int_equal(feed.count, 0);
	assert_false(feed.keep);
	assert_true(feed.ignored);
	feed_end(&feed);
	return i;
}

static void
other_protocols_are_soon_known_to_be_others(void **state)
{
	static const struct {
		const char *bytes;
		uint32_t n;
	} cases[] = {
#define CASE(literal) { literal, sizeof(literal) - 1 }
		CASE("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
		CASE("\x00\x00\x00\x85\xffSMB"),
		CASE("SSH-2.0-OpenSSH_9.2\r\n"),
		CASE("220 mail.example ESMTP\r\n"),
		CASE("POST / HTTP/1.1\r\n"),
		CASE("HTTP/1.1 200 OK\r\n"),
		CASE("GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n"),
		CASE("DESCRIBE rtsp://a/b RTSP/1.0\r\n"),
		CASE("INVITE sip:a@b SIP/3.0\r\n"),
#undef CASE
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		bytes_looked_at(cases[i].bytes, cases[i].n, false);
}

/* Of a connection that is seen from its middle on it is not as easy to tell. */
static void
others_in_mid_stream_are_given_up_after_a_while(void **state)
{
	const uint32_t n = 200000;
	uint8_t *bytes = malloc(n);
	uint32_t word = 1, looked;

	(void)state;
	assert_non_null(bytes);
	for (uint32_t i = 0; i < n; i++) {
		word = word * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(word >> 24);
	}
	looked = bytes_looked_at(bytes, n, true);
	assert_in_range(looked, 64 << 10, 72 << 10);
	memset(bytes, 'x', n);
	looked = bytes_looked_at(bytes, n, true);
	assert_in_range(looked, 64 << 10, 72 << 10);
	free(bytes);
}

/* Where there was SIP, more is forgiven. */
static void
what_was_sip_is_given_up_late(void **state)
{
	char junk[1000];
	struct feed feed;

	(void)state;
	memset(junk, 'x', sizeof(junk));
	junk[500] = '\n';
	feed_begin(&feed);
	feed_bytes(&feed, BYE, strlen(BYE));
	for (int i = 0; i < 1000; i++)
		feed_bytes(&feed, junk, sizeof(junk));
	feed_bytes(&feed, "\n" BYE, strlen(BYE) + 1);
	assert_int_equal(feed.count, 2);
	assert_int_equal(feed.counters.junk, 1000001);
	for (int i = 0; i < 1100; i++)
		feed_bytes(&feed, junk, sizeof(junk));
	assert_true(feed.ignored);
	feed_end(&feed);
}

static void
a_word_longer_than_a_method_is_no_sip(void **state)
{
	char text[200];

	(void)state;
	memset(text, 'A', sizeof(text));
	assert_int_equal(bytes_looked_at(text, sizeof(text), false),
			 SIP_METHOD_BYTES_MAX + 1);
}

/* A hole in the first line of all is no reason to look away. */
static void
a_hole_in_the_first_line_does_not_end_it(void **state)
{
	static const char *const begins[] = {
		"I", "INVITE sip:2002@pbx", "SIP/2.", "GET /",
		"GET /sip HTTP/1.1\r\nUpgrade: webs"
	};
	struct feed feed;

	(void)state;
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		feed_begin(&feed);
		feed_bytes(&feed, begins[i], strlen(begins[i]));
		feed_hole(&feed);
		assert_false(feed.ignored);
		feed_bytes(&feed, BYE, strlen(BYE));
		assert_int_equal(feed.count, 1);
		assert_message(&feed, 0, BYE, (uint32_t)strlen(BYE));
		feed_end(&feed);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_read_however_they_are_cut),
		cmocka_unit_test(keep_alives_stand_between),
		cmocka_unit_test(heads_of_all_kinds_are_read),
		cmocka_unit_test(bodies_that_look_like_messages_are_bodies),
		cmocka_unit_test(
		    a_body_without_length_ends_at_the_next_message),
		cmocka_unit_test(a_body_without_length_ends_when_it_is_quiet),
		cmocka_unit_test(
		    what_has_a_length_does_not_end_when_it_is_quiet),
		cmocka_unit_test(junk_between_messages_is_stepped_over),
		cmocka_unit_test(other_protocols_are_soon_known_to_be_others),
		cmocka_unit_test(a_hole_in_the_first_line_does_not_end_it),
		cmocka_unit_test(a_word_longer_than_a_method_is_no_sip),
		cmocka_unit_test(what_follows_junk_has_its_own_length),
		cmocka_unit_test(a_hole_costs_no_more_than_what_it_hits),
		cmocka_unit_test(a_connection_is_picked_up_anywhere),
		cmocka_unit_test(a_head_that_is_too_long_is_left_out),
		cmocka_unit_test(
		    of_a_body_that_is_too_long_the_first_part_is_read),
		cmocka_unit_test(a_head_for_which_there_is_no_room_is_left_out),
		cmocka_unit_test(keep_alives_alone_are_waited_with),
		cmocka_unit_test(
		    others_in_mid_stream_are_given_up_after_a_while),
		cmocka_unit_test(what_was_sip_is_given_up_late),
		cmocka_unit_test(a_body_without_length_may_be_cut),
		cmocka_unit_test(the_head_of_an_upgrade_has_an_end),
		cmocka_unit_test(keep_alives_stand_between_lines),
		cmocka_unit_test(a_message_in_a_header_is_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
