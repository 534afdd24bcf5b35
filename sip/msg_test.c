/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/testing/testing.h"
#include "sip/sip_priv.h"

static const struct sip_config limits = { .message_bytes_max = 65535,
					  .headers_max = 256,
					  .line_bytes_max = 8192,
					  .separators_max = 512 };

#define START   "INVITE sip:2002@pbx.example SIP/2.0\r\n"
#define VIA     "Via: SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bKb1\r\n"
#define FROM    "From: \"Anne\" <sip:2001@pbx.example>;tag=f1\r\n"
#define TO      "To: <sip:2002@pbx.example>\r\n"
#define CALL_ID "Call-ID: 17@10.0.0.1\r\n"
#define CSEQ    "CSeq: 314 INVITE\r\n"
#define ALL     VIA FROM TO CALL_ID CSEQ
#define SDP     "v=0\r\nm=audio 4000 RTP/AVP 8\r\n"

struct parsed {
	struct sip_parser *parser;
	uint8_t *copy;
	struct sip_msg msg;
};

static int
parse(struct parsed *p, const char *text, size_t missing)
{
	size_t n = strlen(text);

	assert_int_equal(sip__parser_new(&p->parser, &limits), 0);
	p->copy = testing_copy(text, n);
	return sip__msg_parse(p->parser, &p->msg,
			      (struct sip_text){ (char *)p->copy, n }, missing);
}

static void
done(struct parsed *p)
{
	free(p->copy);
	sip__parser_free(&p->parser);
	assert_null(p->parser);
}

static void
assert_text(struct sip_text text, const char *expected)
{
	assert_int_equal(text.n, strlen(expected));
	if (text.n)
		assert_memory_equal(text.p, expected, text.n);
}

static void
assert_usual(const struct sip_msg *msg)
{
	assert_text(msg->call_id, "17@10.0.0.1");
	assert_int_equal(msg->cseq, 314);
	assert_int_equal(msg->method, SIP_METHOD_INVITE);
	assert_text(msg->branch, "z9hG4bKb1");
	assert_text(msg->from.user, "2001");
	assert_text(msg->from.host, "pbx.example");
	assert_text(msg->from.tag, "f1");
	assert_text(msg->to.user, "2002");
	assert_text(msg->to.tag, "");
}

static void
a_request_is_read_by_the_library(void **state)
{
	struct parsed p;

	(void)state;
	assert_int_equal(
	    parse(&p,
		  START ALL
		  "Contact: <sip:2001@10.0.0.1:5062>\r\n"
		  "Remote-Party-ID: <sip:9@x>;party=calling\r\n"
		  "P-Asserted-Identity: \"A\" <sip:+4412@trunk;x=y>\r\n"
		  "Content-Type: application/sdp\r\n"
		  "Content-Length: 29\r\n\r\n" SDP "x",
		  0),
	    0);
	assert_int_equal(p.msg.reading, SIP_READ);
	assert_usual(&p.msg);
	assert_int_equal(p.msg.status, 0);
	assert_text(p.msg.uri.user, "2002");
	assert_text(p.msg.contact.host, "10.0.0.1");
	assert_text(p.msg.from.display, "\"Anne\"");
	assert_text(p.msg.asserted.user, "+4412");
	assert_text(p.msg.asserted.host, "trunk");
	assert_text(p.msg.sdp, SDP);
	assert_false(p.msg.cut);
	done(&p);
}

static void
a_response_is_read_by_the_library(void **state)
{
	struct parsed p;

	(void)state;
	assert_int_equal(parse(&p,
			       "SIP/2.0 183 Session Progress\r\n" VIA FROM
			       "To: <sip:2002@pbx.example>;tag=t1\r\n" CALL_ID
			       "CSeq: 314 INVITE\r\n"
			       "Remote-Party-ID: <sip:9@x>;party=called\r\n"
			       "\r\n",
			       0),
			 0);
	assert_int_equal(p.msg.reading, SIP_READ);
	assert_int_equal(p.msg.status, 183);
	assert_int_equal(p.msg.method, SIP_METHOD_INVITE);
	assert_text(p.msg.to.tag, "t1");
	assert_text(p.msg.asserted.user, "9");
	assert_int_equal(p.msg.sdp.n, 0);
	done(&p);
}

/* What phones send and libosip2 refuses; each gives the usual message. */
static void
refused_messages_are_scanned(void **state)
{
	static const char *const cases[] = {
		/* a name without quotes: UTF-8, comma, brackets */
		START VIA
		"From: Zo\xc3\xab <sip:2001@pbx.example>;tag=f1\r\n" TO CALL_ID
		    CSEQ "\r\n",
		START VIA
		"From: Lee, Anne (HR) <sip:2001@pbx.example>;tag=f1\r\n" TO
		    CALL_ID CSEQ "\r\n",
		/* a quote that is never closed */
		START VIA
		"From: \"Anne <sip:2001@pbx.example>;tag=f1\r\n" TO CALL_ID CSEQ
		"\r\n",
		/* twice the same, and a Contact that is none */
		START ALL CALL_ID "\r\n",
		START ALL "Contact: <foo\r\n\r\n",
		/* a CR alone is no end of a line */
		START "X: a\rContact: <sip:x@y>\r\n" ALL "\r\n",
		/* compact, folded, no space, LF alone, Via of two hops */
		"INVITE sip:2002@pbx.example SIP/2.0\n"
		"v:SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKb1,SIP/2.0/UDP "
		"b;branch=z9hG4bK2\n"
		"f:sip:2001@pbx.example\n ;tag=f1\n"
		"t:\n\t<sip:2002@pbx.example\n>\ni:17@10.0.0.1\ni:18\n"
		"CSeq:314\n INVITE\n\n",
	};
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(&p, cases[i], 0), 0);
		assert_int_equal(p.msg.reading, SIP_READ_FALLBACK);
		assert_usual(&p.msg);
		done(&p);
	}
}

/* RFC 3261 section 19.1.2: an escape is a character, and no separator. */
static void
an_escaped_user_is_whole(void **state)
{
	static const struct {
		const char *sent, *user;
	} cases[] = {
		{ "2%3001", "2001" },         { "20%00x", "20\xef\xbf\xbdx" },
		{ "%00", "\xef\xbf\xbd" },    { "20%3b01", "20;01" },
		{ "20%3B%301;x=y", "20;01" }, { "20%4001", "20@01" },
	};
	struct sip_identity from;
	char text[512];
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text),
			 START VIA
			 "From: <sip:%s@pbx.example>;tag=f1\r\n" TO CALL_ID CSEQ
			 "\r\n",
			 cases[i].sent);
		assert_int_equal(parse(&p, text, 0), 0);
		assert_text(p.msg.from.tag, "f1");
		assert_true(sip__identity_set(&from, &p.msg.from));
		assert_string_equal(from.user, cases[i].user);
		assert_string_equal(from.host, "pbx.example");
		done(&p);
	}
}

static void
a_status_line_without_reason_keeps_its_via(void **state)
{
	static const char *const starts[] = { "SIP/2.0 200\r\n",
					      "SIP/2.0 200x\r\n",
					      "SIP/2.0 200 \r\n",
					      "SIP/2.0 200 OK\r\n" };
	char text[512];
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), "%s%s\r\n", starts[i], ALL);
		assert_int_equal(parse(&p, text, 0), 0);
		assert_int_equal(p.msg.status, 200);
		assert_usual(&p.msg);
		assert_int_equal(p.msg.reading,
				 i < 2 ? SIP_READ_FALLBACK : SIP_READ);
		done(&p);
	}
}

/* The library and the scan must not differ where both can read. */
static void
library_and_scan_agree(void **state)
{
	static const char *const cases[] = {
		START ALL "\r\n",
		"BYE sip:a@b SIP/2.0\r\n" VIA
		"From: <sips:b%6fb:secret@[2001:db8::1]:5061;lr?x=y>;a=\"b;tag=z"
		"\";tag=f 1\r\n"
		"To: tel:+44-12;phone-context=+44;tag=t1\r\n" CALL_ID
		"CSeq: 7 BYE\r\n\r\n",
		"SIP/2.0 486 Busy Here\r\n" VIA
		"From: sip:bob@example.com;tag=f1\r\n"
		"To: \"B \\\"<x>\\\"\" <sip:example.com>;tag=t1\r\n" CALL_ID
		    CSEQ "\r\n",
	};
	char *copy = malloc(SIP_HEAD_BYTES);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sip_identity a, b;
		struct sip_head head;
		struct sip_msg scanned;
		struct parsed p;

		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		assert_int_equal(parse(&p, cases[i], 0), 0);
		assert_int_equal(p.msg.reading, SIP_READ);
		assert_int_equal(
		    sip__head_read(
			&head, copy,
			(struct sip_text){ cases[i], strlen(cases[i]) }),
		    0);
		assert_int_equal(sip__scan(&scanned, &head), 0);
		assert_int_equal(scanned.status, p.msg.status);
		assert_int_equal(scanned.method, p.msg.method);
		assert_int_equal(scanned.cseq, p.msg.cseq);
		assert_true(sip__text_equal(scanned.call_id, p.msg.call_id));
		assert_true(sip__text_equal(scanned.branch, p.msg.branch));
		assert_true(sip__text_equal(scanned.to.tag, p.msg.to.tag));
		sip__identity_set(&a, &scanned.from);
		sip__identity_set(&b, &p.msg.from);
		assert_memory_equal(&a, &b, sizeof(a));
		sip__identity_set(&a, &scanned.to);
		sip__identity_set(&b, &p.msg.to);
		assert_string_equal(a.user, b.user);
		assert_string_equal(a.host, b.host);
		assert_string_equal(a.display, b.display);
		done(&p);
	}
	free(copy);
}

static void
only_the_topmost_via_counts(void **state)
{
	static const char *const cases[] = {
		START VIA "Via: SIP/2.0/UDP b;branch=z9hG4bK2\r\n",
		START "Via: SIP/2.0/UDP a, SIP/2.0/UDP b;branch=z9hG4bK2\r\n",
	};
	char text[512];
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		/* the second pair is for the scan */
		snprintf(text, sizeof(text), "%s%s%s\r\n", cases[i % 2],
			 FROM TO CALL_ID CSEQ, i < 2 ? "" : CALL_ID);
		assert_int_equal(parse(&p, text, 0), 0);
		assert_int_equal(p.msg.reading,
				 i < 2 ? SIP_READ : SIP_READ_FALLBACK);
		assert_text(p.msg.branch, i % 2 ? "" : "z9hG4bKb1");
		done(&p);
	}
}

static void
nobody_can_read_these(void **state)
{
	static const char *const cases[] = {
		"",
		"\r\n\r\n",
		START "\r\n",
		START VIA FROM TO CSEQ "\r\n",
		START VIA FROM TO CALL_ID "\r\n",
		START VIA FROM TO CALL_ID "CSeq: INVITE\r\n\r\n",
		"SIP/2.0 99 x\r\n" ALL "\r\n",
		"SIP/2.0 700 x\r\n" ALL "\r\n",
		"SIP/2.0 4294967301 x\r\n" ALL "\r\n",
		"SIP/2.x 200 OK\r\n" ALL "\r\n",
		"INVITE\r\n" ALL "\r\n",
		"INVITE sip:a SIP/3.0\r\n" ALL "\r\n",
	};
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(&p, cases[i], 0), -EBADMSG);
		done(&p);
	}
}

static void
the_body_ends_where_it_should(void **state)
{
	static const struct {
		const char *headers, *body, *sdp;
		bool cut;
	} cases[] = {
		{ "Content-Type: application/sdp\r\n", SDP, SDP, false },
		{ "c: APPLICATION/SDP;x=y\r\nl: 29\r\n", SDP "BYE sip:x", SDP,
		  false },
		{ "Content-Type: application/sdp\r\nContent-Length: 30\r\n",
		  SDP, SDP, true },
		{ "Content-Type: application/sdp\r\nContent-Length: -9\r\n",
		  SDP, SDP, false },
		{ "Content-Length: 29\r\n", SDP, SDP, false },
		{ "Content-Type: text/plain\r\n", SDP, "", false },
		{ "Content-Length: 0\r\n", SDP, "", false },
		{ "Content-Type: multipart/mixed;boundary=xx\r\n",
		  "--xx\r\nContent-Type: text/plain\r\n\r\nv=0\r\n"
		  "--xx\r\nContent-ID: 1\r\ncontent-type: application/sdp\r\n"
		  "\r\n" SDP "--xx--\r\n",
		  "v=0\r\nm=audio 4000 RTP/AVP 8", false },
		{ "Content-Type: multipart/related; a=b; boundary=\"x y\"\r\n",
		  "junk\r\n--x y\r\nc: application/sdp\r\n\r\nv=0\r\n", "v=0",
		  false },
		{ "Content-Type: multipart/mixed\r\n", "--\r\n\r\nv=0", "",
		  false },
	};
	char text[1024];
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), START ALL "%s\r\n%s",
			 cases[i].headers, cases[i].body);
		assert_int_equal(parse(&p, text, 0), 0);
		assert_usual(&p.msg);
		assert_text(p.msg.sdp, cases[i].sdp);
		assert_int_equal(p.msg.cut, cases[i].cut);
		done(&p);
	}
	/* cut by the snap length; without Content-Length nobody else knows */
	assert_int_equal(
	    parse(&p, START ALL "Content-Type: application/sdp\r\n\r\n" SDP, 5),
	    0);
	assert_true(p.msg.cut);
	assert_text(p.msg.sdp, SDP);
	done(&p);
}

static void
every_truncation_is_read(void **state)
{
	static const char text[] = START ALL
	    "Content-Type: multipart/mixed;boundary=xx\r\n"
	    "P-Asserted-Identity: \"A\" <sip:+4412@trunk>\r\n"
	    "Content-Length: 74\r\n\r\n"
	    "--xx\r\nContent-Type: application/sdp\r\n\r\n" SDP "--xx--\r\n";
	const size_t enough = sizeof(START VIA FROM TO CALL_ID "CSeq: 3") - 1;
	char cut[sizeof(text)];
	struct parsed p;

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		memcpy(cut, text, n);
		cut[n] = '\0';
		assert_int_equal(parse(&p, cut, sizeof(text) - n),
				 n < enough ? -EBADMSG : 0);
		done(&p);
	}
}

static void
zero_bytes_do_not_end_the_head(void **state)
{
	static const char text[] = START "X: a\0b\r\n" ALL "\r\n";
	struct parsed p;
	char *copy = testing_copy(text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(parse(&p, START, 0), -EBADMSG);
	assert_int_equal(
	    sip__msg_parse(p.parser, &p.msg,
			   (struct sip_text){ copy, sizeof(text) - 1 }, 0),
	    0);
	assert_usual(&p.msg);
	assert_int_equal(p.msg.reading, SIP_READ_FALLBACK);
	free(copy);
	done(&p);
}

/* ---- limits -------------------------------------------------------------- */

/** A message that repeats `piece` behind `before`, 63 KB in all. */
static char *
repeated(const char *before, const char *piece, const char *after)
{
	const size_t room = 66000;
	char *text = malloc(room);
	size_t used;

	assert_non_null(text);
	used = (size_t)snprintf(text, room, "%s", before);
	while (used < 63000)
		used += (size_t)snprintf(text + used, room - used, "%s", piece);
	snprintf(text + used, room - used, "%s", after);
	return text;
}

static void
what_costs_quadratic_time_is_only_scanned(void **state)
{
	static const struct {
		const char *before, *piece, *after;
	} cases[] = {
		{ START "Via: SIP/2.0/UDP a;branch=z9hG4bKb1", ";a",
		  "\r\n" FROM TO CALL_ID CSEQ "\r\n" },
		{ START ALL, "X: y\r\n", "\r\n" },
		{ START ALL, "Contact: <sip:a@b>,<sip:c@d>\r\n", "\r\n" },
		{ START ALL "Contact: <sip:a@b?", "x&", ">\r\n\r\n" },
		{ START ALL "Subject:", "\r\n x", "\r\n\r\n" },
		{ START ALL "Subject: ", "x", "\r\n\r\n" },
	};
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text =
		    repeated(cases[i].before, cases[i].piece, cases[i].after);

		assert_int_equal(parse(&p, text, 0), 0);
		assert_int_equal(p.msg.reading, SIP_READ_OVER_LIMIT);
		assert_usual(&p.msg);
		free(text);
		done(&p);
	}
}

/**
 * Heads of every size up to 60 KB, all within the limits: where the arena runs
 * out depends on it, and nothing may be missing then.
 */
static void
what_does_not_fit_the_arena_is_scanned(void **state)
{
	const size_t room = 66000;
	char *text = malloc(room);
	unsigned scanned = 0;
	struct parsed p;
	size_t n;

	(void)state;
	n = (size_t)snprintf(text, room, "%s", START ALL);
	for (int i = 0; i < 248; i++) {
		snprintf(text + n, room - n,
			 "Contact: <sip:a@10.0.0.7>\r\n\r\n");
		assert_int_equal(parse(&p, text, 0), 0);
		assert_int_not_equal(p.msg.reading, SIP_READ_OVER_LIMIT);
		scanned += p.msg.reading == SIP_READ_FALLBACK;
		assert_usual(&p.msg);
		assert_text(p.msg.contact.host, "10.0.0.7");
		done(&p);
		n += (size_t)snprintf(text + n, room - n, "Subject: %0230d\r\n",
				      i);
	}
	assert_in_range(scanned, 1, 247);
	free(text);
}

static void
a_limit_is_met_exactly(void **state)
{
	struct sip_config tight = limits;
	struct sip_parser *parser;
	struct sip_msg msg;
	struct sip_text text = SIP_TEXT(START ALL "\r\n");

	(void)state;
	tight.headers_max = 6; /* the start line counts */
	tight.separators_max = 3;
	tight.line_bytes_max = sizeof(VIA) - 3;
	tight.message_bytes_max = (uint32_t)text.n;
	for (int i = 0; i < 5; i++) {
		struct sip_config config = tight;

		config.headers_max -= i == 1;
		config.separators_max -= i == 2;
		config.line_bytes_max -= i == 3;
		config.message_bytes_max -= i == 4;
		assert_int_equal(sip__parser_new(&parser, &config), 0);
		assert_int_equal(sip__msg_parse(parser, &msg, text, 0), 0);
		assert_int_equal(msg.reading,
				 i ? SIP_READ_OVER_LIMIT : SIP_READ);
		sip__parser_free(&parser);
	}
}

static void
nothing_is_printed(void **state)
{
	static const char *const cases[] = { START ALL CALL_ID "\r\n",
					     START ALL "Contact: <foo\r\n\r\n",
					     "x y z\r\na\r\n" };
	char *folder = testing_folder(), path[256];
	int out = dup(1), err = dup(2);
	struct parsed p;
	uint8_t *bytes;
	size_t n;

	(void)state;
	snprintf(path, sizeof(path), "%s/out", folder);
	testing_write_file(path, "", 0);
	fflush(stdout);
	assert_non_null(freopen(path, "a", stdout));
	assert_int_equal(dup2(1, 2), 2);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)!parse(&p, cases[i], 0);
		done(&p);
	}
	fflush(stdout);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	bytes = testing_read_file(path, &n);
	free(bytes);
	testing_folder_remove(folder);
	assert_int_equal(n, 0);
}

static void
no_memory_no_parser(void **state)
{
	struct sip_parser *parser;

	(void)state;
	testing_fail_allocation(1);
	assert_int_equal(sip__parser_new(&parser, &limits), -ENOMEM);
	testing_fail_allocation(0);
	assert_null(parser);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_read_by_the_library),
		cmocka_unit_test(a_response_is_read_by_the_library),
		cmocka_unit_test(refused_messages_are_scanned),
		cmocka_unit_test(an_escaped_user_is_whole),
		cmocka_unit_test(a_status_line_without_reason_keeps_its_via),
		cmocka_unit_test(library_and_scan_agree),
		cmocka_unit_test(only_the_topmost_via_counts),
		cmocka_unit_test(nobody_can_read_these),
		cmocka_unit_test(the_body_ends_where_it_should),
		cmocka_unit_test(every_truncation_is_read),
		cmocka_unit_test(zero_bytes_do_not_end_the_head),
		cmocka_unit_test(what_costs_quadratic_time_is_only_scanned),
		cmocka_unit_test(what_does_not_fit_the_arena_is_scanned),
		cmocka_unit_test(a_limit_is_met_exactly),
		cmocka_unit_test(nothing_is_printed),
		cmocka_unit_test(no_memory_no_parser),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
