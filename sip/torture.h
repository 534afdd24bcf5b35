/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tests of messages that are hard to read share: a message goes the
 * way of a datagram, through the prefilter, the parser and a tracker, and what
 * each of them made of it is there to be looked at. At the end every cut of it
 * goes the same way, and a plain call after it is heard.
 *
 * The messages are written anew, each with the trick of the message of that
 * name in RFC 4475 or RFC 5118. A recorder answers nothing, so what a proxy
 * has to refuse is understood where it says enough to record.
 */
#ifndef SIP_TORTURE_H
#define SIP_TORTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sip/sip_priv.h"
#include "sip/stream_feed.h"

/** Three digits that become the length of the body. */
#define TORTURE_LENGTH "###"

/** Headers and SDP of where a test is not about them. */
#define TORTURE_VIA  "Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKmill7\r\n"
#define TORTURE_FROM "From: <sip:ruth@mill.example>;tag=r1\r\n"
#define TORTURE_TO   "To: <sip:olga@quay.example>\r\n"
#define TORTURE_BODY                                                           \
	"v=0\r\no=- 71 71 IN IP4 192.0.2.7\r\ns=-\r\n"                         \
	"c=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 41000 RTP/AVP 8 0 101\r\n"     \
	"m=video 41002 RTP/AVP 98\r\na=rtpmap:98 VP8/90000\r\n"
#define TORTURE_SDP                                                            \
	"Content-Type: application/sdp\r\nContent-Length: " TORTURE_LENGTH     \
	"\r\n\r\n" TORTURE_BODY
#define TORTURE_MEDIA "192.0.2.7:41000"

/** A call that nothing is odd about. */
#define TORTURE_PLAIN                                                          \
	"INVITE sip:desk@plain.example SIP/2.0\r\n"                            \
	"Via: SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKplain\r\n"                  \
	"From: <sip:hall@plain.example>;tag=p1\r\n"                            \
	"To: <sip:desk@plain.example>\r\nCall-ID: plain@192.0.2.99\r\n"        \
	"CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
#define TORTURE_PLAIN_BYTES (sizeof(TORTURE_PLAIN) - 1)

struct torture {
	struct sip_tracker *tracker;
	struct sip_parser *parser;
	int64_t time_ns;
	/* of the message heard last */
	uint8_t *bytes;
	size_t n;
	int glanced, parsed;
	struct sip_glance glance;
	struct sip_msg msg;
	/* of all of them */
	unsigned begun, ended, opened, answered;
	struct sip_call call;   /* that something happened to last */
	struct sip_media media; /* that was opened last */
};

/** What a message says; what is NULL or 0 is not compared. */
struct torture_read {
	const char *call_id;
	uint32_t cseq;
	enum sip_method method;
	const char *uri, *from, *to; /* user@host */
	const char *from_tag, *to_tag;
	const char *branch;
};

/** A heap block of exactly n bytes. Free it. */
static inline uint8_t *
torture_block(const void *bytes, size_t n)
{
	uint8_t *block;

	assert_int_not_equal(n, 0);
	block = malloc(n);
	assert_non_null(block);
	memcpy(block, bytes, n);
	return block;
}

static inline void
torture_note(void *ctx, const struct sip_event *event)
{
	struct torture *t = ctx;

	t->begun += event->type == SIP_EVENT_CALL;
	t->ended += event->type == SIP_EVENT_END;
	t->answered += event->type == SIP_EVENT_ANSWER;
	t->opened += event->type == SIP_EVENT_MEDIA_OPEN;
	t->call = *event->call;
	if (event->type == SIP_EVENT_MEDIA_OPEN)
		t->media = *event->media;
}

static inline void
torture_begin(struct torture *t)
{
	static const struct sip_config limits = { .message_bytes_max = 65535,
						  .headers_max = 256,
						  .line_bytes_max = 8192,
						  .separators_max = 512 };

	*t = (struct torture){ 0 };
	assert_int_equal(sip__parser_new(&t->parser, &limits), 0);
	assert_int_equal(sip_tracker_new(&t->tracker, NULL, torture_note, t),
			 0);
}

/** A copy with the length of its body in it. Free it. */
static inline uint8_t *
torture_copy(const char *text, size_t n)
{
	static const char length[] = "Content-Length: " TORTURE_LENGTH;
	const size_t digits = sizeof(TORTURE_LENGTH) - 1;
	uint8_t *copy = torture_block(text, n);
	uint8_t *place = memmem(copy, n, length, sizeof(length) - 1);
	uint8_t *body = memmem(copy, n, "\r\n\r\n", 4);
	char number[8];

	if (!place)
		return copy;
	assert_non_null(body);
	snprintf(number, sizeof(number), "%03zu",
		 (size_t)(copy + n - (body + 4)));
	memcpy(place + sizeof(length) - 1 - digits, number, digits);
	return copy;
}

/** One datagram; `missing` bytes of it were cut off. */
static inline void
torture_input(struct torture *t, uint8_t *bytes, size_t n, size_t missing)
{
	struct capture_pkt pkt = { .time_ns = t->time_ns += 1000000,
				   .payload = bytes,
				   .payload_bytes = (uint32_t)n,
				   .missing_bytes = (uint32_t)missing };

	assert_int_equal(capture_endpoint_parse(&pkt.src, "192.0.2.1", 9, 5060),
			 0);
	assert_int_equal(capture_endpoint_parse(&pkt.dst, "192.0.2.2", 9, 5060),
			 0);
	t->glanced = sip_prefilter(bytes, n, &t->glance);
	t->parsed = sip__msg_parse(
	    t->parser, &t->msg, (struct sip_text){ (char *)bytes, n }, missing);
	/* what is not SIP is never shown to a tracker; here it is */
	assert_int_equal(sip_tracker_input(t->tracker, &pkt), t->parsed);
	if (t->parsed == 0)
		assert_int_equal(t->glanced, 1);
}

static inline void
torture_hear(struct torture *t, const char *text, size_t n)
{
	free(t->bytes);
	t->bytes = torture_copy(text, n);
	t->n = n;
	torture_input(t, t->bytes, n, 0);
}

/** A message that has NULs only where it is written so. */
#define TORTURE_HEAR(t, text) torture_hear(t, text, sizeof(text) - 1)

static inline void
torture_assert_text(struct sip_text text, const char *expected)
{
	if (!expected)
		return;
	if (text.n != strlen(expected) ||
	    (text.n && memcmp(text.p, expected, text.n)))
		fail_msg("'%.*s' is not '%s'", (int)text.n, text.p, expected);
}

static inline void
torture_assert_identity(const struct sip_identity *identity,
			const char *expected)
{
	char text[SIP_USER_BYTES + SIP_HOST_BYTES + 1];

	snprintf(text, sizeof(text), "%s@%s", identity->user, identity->host);
	assert_string_equal(text, expected);
}

static inline void
torture_assert_address(const struct sip_address *address, const char *expected)
{
	struct sip_identity identity;

	if (!expected)
		return;
	memset(&identity, 0, sizeof(identity));
	sip__identity_set(&identity, address);
	torture_assert_identity(&identity, expected);
}

/** The last message was understood, so. */
static inline void
torture_assert_read(const struct torture *t, const struct torture_read *read)
{
	const struct sip_msg *msg = &t->msg;

	assert_int_equal(t->glanced, 1);
	assert_int_equal(t->parsed, 0);
	torture_assert_text(msg->call_id, read->call_id);
	/* by which threads share the work: the two may not differ */
	assert_int_equal(t->glance.call_id_bytes, msg->call_id.n);
	assert_memory_equal(t->glance.call_id, msg->call_id.p, msg->call_id.n);
	assert_int_equal(msg->method, read->method);
	if (read->cseq)
		assert_int_equal(msg->cseq, read->cseq);
	torture_assert_address(&msg->uri, read->uri);
	torture_assert_address(&msg->from, read->from);
	torture_assert_address(&msg->to, read->to);
	torture_assert_text(msg->from.tag, read->from_tag);
	torture_assert_text(msg->to.tag, read->to_tag);
	torture_assert_text(msg->branch, read->branch);
}

/** One call has begun, of these; @param media NULL: without any */
static inline void
torture_assert_call(const struct torture *t, const char *caller,
		    const char *callee, const char *media)
{
	char text[CAPTURE_ENDPOINT_TEXT_BYTES];

	assert_int_equal(t->begun, 1);
	assert_int_equal(t->ended, 0);
	torture_assert_text(t->msg.call_id, t->call.call_id);
	torture_assert_identity(&t->call.party[SIP_CALLER], caller);
	torture_assert_identity(&t->call.party[SIP_CALLEE], callee);
	assert_int_equal(t->opened, media != NULL);
	if (media)
		assert_string_equal(
		    capture_endpoint_text(&t->media.receive, text), media);
}

/** Understood, but of no call, or one that goes on as it was. */
static inline void
torture_assert_no_call(const struct torture *t)
{
	assert_int_equal(t->begun, 0);
	assert_int_equal(t->opened, 0);
}

/** Is a call that nothing is odd about heard, after all that? */
static inline void
torture_assert_goes_on(struct torture *t)
{
	uint8_t *plain = torture_block(TORTURE_PLAIN, TORTURE_PLAIN_BYTES);
	unsigned begun = t->begun;

	torture_input(t, plain, TORTURE_PLAIN_BYTES, 0);
	assert_int_equal(t->begun, begun + 1);
	assert_string_equal(t->call.call_id, "plain@192.0.2.99");
	torture_assert_identity(&t->call.party[SIP_CALLER],
				"hall@plain.example");
	torture_assert_identity(&t->call.party[SIP_CALLEE],
				"desk@plain.example");
	free(plain);
}

static inline void
torture_end(struct torture *t)
{
	torture_assert_goes_on(t);
	sip_tracker_finish(t->tracker, t->time_ns);
	assert_int_equal(t->ended, t->begun);
	for (size_t n = 1; n < t->n; n++) {
		uint8_t *cut = torture_block(t->bytes, n);

		torture_input(t, cut, n, t->n - n);
		free(cut);
	}
	torture_assert_goes_on(t);
	sip_tracker_free(&t->tracker);
	sip__parser_free(&t->parser);
	free(t->bytes);
}

/* ---- the same in a TCP connection ---------------------------------------- */

static inline void
torture_feed(struct feed *feed, const uint8_t *bytes, size_t n, size_t size)
{
	for (size_t at = 0; at < n; at += size)
		feed_bytes(feed, bytes + at, n - at < size ? n - at : size);
}

/**
 * The last message in a connection, and a plain call behind it, in pieces of
 * any size: two messages, and the first has `n` bytes.
 */
static inline void
torture_assert_stream(const struct torture *t, size_t n)
{
	struct feed feed;

	for (size_t size = 1; size <= t->n + TORTURE_PLAIN_BYTES; size++) {
		uint8_t *both = malloc(t->n + TORTURE_PLAIN_BYTES);

		assert_non_null(both);
		memcpy(both, t->bytes, t->n);
		memcpy(both + t->n, TORTURE_PLAIN, TORTURE_PLAIN_BYTES);
		feed_begin(&feed);
		torture_feed(&feed, both, t->n + TORTURE_PLAIN_BYTES, size);
		assert_int_equal(feed.count, 2);
		assert_int_equal(feed.messages[0].n, n);
		assert_int_equal(feed.messages[0].missing_bytes, 0);
		assert_memory_equal(feed.messages[0].bytes, t->bytes, n);
		assert_int_equal(feed.messages[1].n, TORTURE_PLAIN_BYTES);
		assert_memory_equal(feed.messages[1].bytes, TORTURE_PLAIN,
				    TORTURE_PLAIN_BYTES);
		assert_false(feed.ignored);
		feed_end(&feed);
		free(both);
	}
}

#endif
