/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RFC 4475 sections 3.1.2 (invalid), 3.2 (of the transaction layer) and 3.3
 * (of the application). Most of the invalid ones say enough to record, and
 * what is wrong in them is the answerer's concern: they are understood.
 */
#include "sip/torture.h"

#define INVITE "INVITE sip:olga@quay.example SIP/2.0\r\n"
#define ENDS   TORTURE_VIA TORTURE_FROM TORTURE_TO

/** An INVITE of these two began, with this media. */
static void
assert_usual_call(const struct torture *t, const char *call_id)
{
	torture_assert_read(t,
			    &(struct torture_read){ .call_id = call_id,
						    .method = SIP_METHOD_INVITE,
						    .uri = "olga@quay.example",
						    .from = "ruth@mill.example",
						    .to = "olga@quay.example",
						    .from_tag = "r1" });
	torture_assert_call(t, "ruth@mill.example", "olga@quay.example",
			    TORTURE_MEDIA);
}

/** A message of these two that has no part in a call. */
static void
assert_no_part(const struct torture *t, enum sip_method method,
	       const char *call_id, uint32_t cseq)
{
	torture_assert_read(t,
			    &(struct torture_read){ .call_id = call_id,
						    .cseq = cseq,
						    .method = method,
						    .from = "ruth@mill.example",
						    .to = "olga@quay.example",
						    .from_tag = "r1" });
	torture_assert_no_call(t);
}

/* ---- 3.1.2: invalid ------------------------------------------------------ */

/* 3.1.2.1: separators with nothing between them: understood */
static void
badinv01(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(
	    &t, INVITE TORTURE_TO TORTURE_FROM
	    "Call-ID: nothing@192.0.2.7\r\nCSeq: 8 INVITE\r\n"
	    "Via: SIP/2.0/UDP 192.0.2.7;,;;,,;\r\n"
	    "Contact: \"Ruth\" <sip:ruth@mill.example>;;;\r\n" TORTURE_SDP);
	assert_usual_call(&t, "nothing@192.0.2.7");
	torture_assert_text(t.msg.branch, "");
	torture_end(&t);
}

#define LENGTH_OF(value)                                                       \
	INVITE "Max-Forwards: 80\r\n" ENDS                                     \
	       "Call-ID: length@192.0.2.7\r\nCSeq: 8 INVITE\r\n"               \
	       "Content-Type: application/sdp\r\n"                             \
	       "Content-Length: " value "\r\n\r\n" TORTURE_BODY

/* 3.1.2.2: more body announced than there is: what is there is understood */
static void
clerr(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, LENGTH_OF("9999"));
	assert_usual_call(&t, "length@192.0.2.7");
	assert_true(t.msg.cut);
	torture_assert_text(t.msg.sdp, TORTURE_BODY);
	torture_end(&t);
}

/*
 * ... in a connection what follows is its body, as it says. Cut by the end
 * a message of which a part never came; what follows a whole one is heard.
 */
static void
clerr_in_a_connection(void **state)
{
	static const char text[] = LENGTH_OF("9999");
	const char *body = strstr(text, "\r\n\r\n") + 4;
	uint32_t there = (uint32_t)(text + sizeof(text) - 1 - body);
	struct feed feed;

	(void)state;
	for (size_t size = 1; size < sizeof(text); size++) {
		feed_begin(&feed);
		torture_feed(&feed, (const uint8_t *)text, sizeof(text) - 1,
			     size);
		assert_int_equal(feed.count, 0);
		feed_hole(&feed);
		assert_int_equal(feed.count, 1);
		assert_int_equal(feed.messages[0].n, sizeof(text) - 1);
		assert_int_equal(feed.messages[0].missing_bytes, 9999 - there);
		assert_int_equal(feed.counters.cut, 1);
		feed_bytes(&feed, TORTURE_PLAIN, TORTURE_PLAIN_BYTES);
		assert_int_equal(feed.count, 2);
		assert_int_equal(feed.messages[1].n, TORTURE_PLAIN_BYTES);
		feed_end(&feed);
	}
	feed_begin(&feed);
	feed_bytes(&feed, text, sizeof(text) - 1);
	for (uint32_t n = there; n < 9999; n++)
		feed_bytes(&feed, "x", 1);
	feed_bytes(&feed, TORTURE_PLAIN, TORTURE_PLAIN_BYTES);
	assert_int_equal(feed.count, 2);
	assert_int_equal(feed.messages[0].n, (uint32_t)(body - text) + 9999);
	assert_int_equal(feed.messages[1].n, TORTURE_PLAIN_BYTES);
	feed_end(&feed);
}

/* 3.1.2.3: less than nothing: as if no length were given: understood */
static void
ncl(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, LENGTH_OF("-999"));
	assert_usual_call(&t, "length@192.0.2.7");
	assert_false(t.msg.cut);
	torture_assert_text(t.msg.sdp, TORTURE_BODY);
	/* in a connection its body ends where the next message begins */
	torture_assert_stream(&t, t.n);
	torture_end(&t);
}

/* 3.1.2.4: a request with numbers out of range: it has no part in a call */
static void
scalar02(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, "REGISTER sip:quay.example SIP/2.0\r\n" ENDS
			 "CSeq: 18446744073709551617 REGISTER\r\n"
			 "Call-ID: big@192.0.2.7\r\n"
			 "Expires: 7"
			 "0000000000"
			 "0000000000"
			 "0000000000"
			 "0000000000"
			 "0000000000"
			 "\r\n"
			 "Contact: <sip:ruth@mill.example>\r\n"
			 "  ;expires=99999999999999\r\n"
			 "Content-Length: 0\r\n\r\n");
	/* the largest that is kept, not what is left of it in 32 bits: 1 */
	assert_no_part(&t, SIP_METHOD_REGISTER, "big@192.0.2.7", UINT32_MAX);
	torture_end(&t);
}

/* ... an INVITE with such a CSeq is a call none the less: understood */
static void
scalar02_begins_a_call(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, INVITE ENDS "CSeq: 18446744073709551617 INVITE\r\n"
				     "Call-ID: big@192.0.2.7\r\n" TORTURE_SDP);
	assert_usual_call(&t, "big@192.0.2.7");
	assert_int_equal(t.msg.cseq, UINT32_MAX);
	torture_end(&t);
}

/* 3.1.2.5: a response with numbers out of range */
static void
scalarlg(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t,
		     "SIP/2.0 503 Out of Order\r\n" ENDS
		     "CSeq: 340282366920938463463374607431768211457 OPTIONS\r\n"
		     "Call-ID: big@192.0.2.7\r\n"
		     "Retry-After: 88888888888888888888\r\n"
		     "Warning: 3070 lock \"Being Mended\"\r\n"
		     "Content-Length: 0\r\n\r\n");
	assert_int_equal(t.msg.status, 503);
	assert_no_part(&t, SIP_METHOD_OTHER, "big@192.0.2.7", UINT32_MAX);
	torture_end(&t);
}

/* 3.1.2.6: a quote that is not closed: the address behind it is understood */
static void
quotbal(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(
	    &t, INVITE
	    "To: \"O. Keys <sip:olga@quay.example>\r\n" TORTURE_FROM TORTURE_VIA
	    "Call-ID: quote@192.0.2.7\r\nCSeq: 8 INVITE\r\n" TORTURE_SDP);
	assert_usual_call(&t, "quote@192.0.2.7");
	torture_end(&t);
}

/* 3.1.2.7: a Request-URI in < >: understood, also where To says nothing */
static void
ltgtruri(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(
	    &t, "INVITE <sip:olga@quay.example> SIP/2.0\r\n" ENDS
		"Call-ID: corner@192.0.2.7\r\nCSeq: 1 INVITE\r\n" TORTURE_SDP);
	assert_usual_call(&t, "corner@192.0.2.7");
	torture_end(&t);
	torture_begin(&t);
	TORTURE_HEAR(
	    &t, "INVITE <sip:olga@quay.example> SIP/2.0\r\n" TORTURE_VIA
		    TORTURE_FROM "To: <sip:quay.example>\r\n"
		"Call-ID: corner@192.0.2.7\r\nCSeq: 1 INVITE\r\n" TORTURE_SDP);
	torture_assert_call(&t, "ruth@mill.example", "olga@quay.example",
			    TORTURE_MEDIA);
	torture_end(&t);
}

/* 3.1.2.8: white space in the Request-URI: understood; a re-INVITE */
static void
lwsruri(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t,
		     "INVITE sip:olga@quay.example; lr SIP/2.0\r\n" TORTURE_VIA
			 TORTURE_FROM "To: sip:olga@quay.example;tag=3-99-z\r\n"
		     "Call-ID: blank@192.0.2.7\r\n"
		     "CSeq: 2000000011 INVITE\r\n" TORTURE_SDP);
	torture_assert_read(&t, &(struct torture_read){
				    "blank@192.0.2.7", 2000000011,
				    SIP_METHOD_INVITE, "olga@quay.example",
				    "ruth@mill.example", "olga@quay.example",
				    "r1", "3-99-z", "z9hG4bKmill7" });
	/* it is of a dialog whose beginning was not seen */
	assert_int_equal(sip_tracker_counters_peek(t.tracker)->calls_midway, 1);
	torture_end(&t);
	torture_begin(&t);
	TORTURE_HEAR(
	    &t, "INVITE sip:olga@quay.example; lr SIP/2.0\r\n" ENDS
		"Call-ID: blank2@192.0.2.7\r\nCSeq: 1 INVITE\r\n" TORTURE_SDP);
	assert_usual_call(&t, "blank2@192.0.2.7");
	torture_end(&t);
}

/* 3.1.2.9: two blanks between the parts of the first line: understood */
static void
lwsstart(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(
	    &t, "INVITE  sip:olga@quay.example  SIP/2.0\r\n" ENDS
		"Call-ID: blanks@192.0.2.7\r\nCSeq: 18 INVITE\r\n" TORTURE_SDP);
	assert_usual_call(&t, "blanks@192.0.2.7");
	torture_assert_stream(&t, t.n);
	torture_end(&t);
}

/* 3.1.2.10: blanks at the end of the first line: understood */
static void
trws(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, "OPTIONS sip:olga@quay.example SIP/2.0  \r\n" ENDS
			 "Call-ID: end@192.0.2.7\r\nCSeq: 7411 OPTIONS\r\n"
			 "Content-Length: 0\r\n\r\n");
	assert_no_part(&t, SIP_METHOD_OTHER, "end@192.0.2.7", 7411);
	torture_assert_stream(&t, t.n);
	torture_end(&t);
}

/* 3.1.2.11: headers in the Request-URI: understood */
static void
escruri(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(
	    &t,
	    "INVITE sip:olga@quay.example?Route=%3Csip:"
	    "lock.example%3E SIP/2.0\r\n" ENDS
	    "Call-ID: headers@192.0.2.7\r\nCSeq: 14 INVITE\r\n" TORTURE_SDP);
	assert_usual_call(&t, "headers@192.0.2.7");
	torture_end(&t);
}

/* 3.1.2.12: a Date that is not of GMT: understood, nobody reads it */
static void
baddate(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, INVITE ENDS
		     "Call-ID: date@192.0.2.7\r\nCSeq: 13 INVITE\r\n"
		     "Date: Mon, 04 Mar 2024 09:00:00 CET\r\n" TORTURE_SDP);
	assert_usual_call(&t, "date@192.0.2.7");
	torture_end(&t);
}

/* 3.1.2.13: a Contact with headers and without < >: understood */
static void
regbadct(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, "REGISTER sip:quay.example SIP/2.0\r\n" ENDS
			 "Call-ID: bare@192.0.2.7\r\nCSeq: 1 REGISTER\r\n"
			 "Contact: sip:ruth@mill.example?Route=%3Csip:"
			 "lock.example%3E\r\nl: 0\r\n\r\n");
	assert_no_part(&t, SIP_METHOD_REGISTER, "bare@192.0.2.7", 1);
	torture_assert_address(&t.msg.contact, "ruth@mill.example");
	torture_end(&t);
}

/* 3.1.2.14: blanks inside < >: understood */
static void
badaspec(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(
	    &t,
	    "OPTIONS sip:olga@quay.example SIP/2.0\r\n" TORTURE_VIA TORTURE_FROM
	    "To: \"Keys, Olga\" < sip:olga@quay.example >\r\n"
	    "Call-ID: inside@192.0.2.7\r\nCSeq: 39 OPTIONS\r\n"
	    "l: 0\r\n\r\n");
	assert_no_part(&t, SIP_METHOD_OTHER, "inside@192.0.2.7", 39);
	torture_assert_text(t.msg.to.display, "\"Keys, Olga\"");
	torture_end(&t);
}

/* 3.1.2.15: a comma in a name without quotes: understood, as phones send it */
static void
baddn(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, "OPTIONS sip:olga@quay.example SIP/2.0\r\n" TORTURE_VIA
			 "From:    Miller, Ruth <sip:ruth@mill.example>;tag=r1"
			 "\r\nTo:      Keys, Olga <sip:olga@quay.example>\r\n"
			 "Call-ID: comma@192.0.2.7\r\nCSeq:    39 OPTIONS\r\n"
			 "l: 0\r\n\r\n");
	assert_no_part(&t, SIP_METHOD_OTHER, "comma@192.0.2.7", 39);
	torture_assert_text(t.msg.from.display, "Miller, Ruth");
	torture_end(&t);
}

/* 3.1.2.16: of another version: not SIP as we know it, and no call */
static void
badvers(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(
	    &t,
	    "INVITE sip:olga@quay.example SIP/7.0\r\n"
	    "Via: SIP/7.0/UDP 192.0.2.7;branch=z9hG4bKmill7\r\n" TORTURE_FROM
		TORTURE_TO "Call-ID: version@192.0.2.7\r\nCSeq: 1 INVITE\r\n"
	    "l: 0\r\n\r\n");
	assert_int_equal(t.glanced, 0);
	assert_int_equal(t.parsed, -EBADMSG);
	torture_assert_no_call(&t);
	torture_end(&t);
}

/* 3.1.2.17: CSeq names another method: the first line counts; no call */
static void
mismatch01(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, "OPTIONS sip:olga@quay.example SIP/2.0\r\n" ENDS
			 "Call-ID: other@192.0.2.7\r\nCSeq: 8 INVITE\r\n"
			 "l: 0\r\n\r\n");
	assert_no_part(&t, SIP_METHOD_OTHER, "other@192.0.2.7", 8);
	torture_assert_stream(&t, t.n);
	torture_end(&t);
}

/* 3.1.2.18: ... of a method that nobody knows, with SDP; no call */
static void
mismatch02(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(
	    &t, "GREET sip:olga@quay.example SIP/2.0\r\n" ENDS
		"Call-ID: other@192.0.2.7\r\nCSeq: 8 INVITE\r\n" TORTURE_SDP);
	assert_no_part(&t, SIP_METHOD_OTHER, "other@192.0.2.7", 8);
	torture_end(&t);
}

/* 3.1.2.19: a status that is 200 in 32 bits: no response, and no answer */
static void
bigcode(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, INVITE ENDS
		     "Call-ID: code@192.0.2.7\r\nCSeq: 35 INVITE\r\n"
		     "\r\n");
	TORTURE_HEAR(
	    &t, "SIP/2.0 4294967496 very well\r\n" TORTURE_VIA TORTURE_FROM
		"To: <sip:olga@quay.example>;tag=o1\r\n"
		"Call-ID: code@192.0.2.7\r\nCSeq: 35 INVITE\r\n" TORTURE_SDP);
	assert_int_equal(t.parsed, -EBADMSG);
	assert_int_equal(sip_tracker_counters_peek(t.tracker)->malformed, 1);
	assert_int_equal(t.begun, 1);
	assert_int_equal(t.ended, 0);
	assert_int_equal(t.answered, 0);
	assert_int_equal(t.opened, 0);
	torture_end(&t);
}

/* ---- 3.2: of the transaction layer --------------------------------------- */

/* 3.2.1: a branch that is only its magic cookie tells no calls apart */
static void
badbranch(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(
	    &t,
	    "OPTIONS sip:olga@quay.example SIP/2.0\r\n" TORTURE_FROM TORTURE_TO
	    "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK\r\n"
	    "Call-ID: cookie@192.0.2.7\r\nCSeq: 8 OPTIONS\r\n"
	    "l: 0\r\n\r\n");
	assert_no_part(&t, SIP_METHOD_OTHER, "cookie@192.0.2.7", 8);
	torture_assert_text(t.msg.branch, "z9hG4bK");
	for (unsigned call = 1; call <= 2; call++) {
		char text[512];
		int n = snprintf(text, sizeof(text),
				 INVITE TORTURE_FROM TORTURE_TO
				 "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK\r\n"
				 "Call-ID: cookie%u@192.0.2.7\r\n"
				 "CSeq: 8 INVITE\r\nl: 0\r\n\r\n",
				 call);

		torture_hear(&t, text, (size_t)n);
		assert_int_equal(t.begun, call);
		torture_assert_text(t.msg.call_id, t.call.call_id);
	}
	torture_end(&t);
}

/* ---- 3.3: of the application --------------------------------------------- */

/* 3.3.1: no Call-ID, From and To: nothing that a call could be known by */
static void
insuf(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t,
		     INVITE "CSeq: 1234 INVITE\r\n" TORTURE_VIA TORTURE_SDP);
	assert_int_equal(t.glanced, 1);
	assert_null(t.glance.call_id);
	assert_int_equal(t.parsed, -EBADMSG);
	torture_assert_no_call(&t);
	torture_end(&t);
}

/* 3.3.2: a Request-URI of a scheme that nobody knows */
static void
unkscm(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, "OPTIONS unheardof:whatever SIP/2.0\r\n" ENDS
			 "Call-ID: scheme@192.0.2.7\r\nCSeq: 39 OPTIONS\r\n"
			 "Content-Length: 0\r\n\r\n");
	assert_no_part(&t, SIP_METHOD_OTHER, "scheme@192.0.2.7", 39);
	torture_assert_stream(&t, t.n);
	torture_end(&t);
}

/* 3.3.3: ... of one that is known, but not in SIP */
static void
novelsc(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, "OPTIONS coap.tcp://192.0.2.61:5683 SIP/2.0\r\n" ENDS
			 "Call-ID: scheme@192.0.2.7\r\nCSeq: 39 OPTIONS\r\n"
			 "Content-Length: 0\r\n\r\n");
	assert_no_part(&t, SIP_METHOD_OTHER, "scheme@192.0.2.7", 39);
	torture_assert_stream(&t, t.n);
	torture_end(&t);
}

#define UNKNOWN(start, method)                                                 \
	start "To: isbn:2004260304\r\nFrom: <http://www.mill.example>;tag=r1"  \
	      "\r\nCall-ID: schemes@192.0.2.7\r\nCSeq: 23 " method             \
	      "\r\n" TORTURE_VIA "Contact: <name:Ruth_Miller>\r\nl: 0\r\n\r\n"

/* 3.3.4: From, To and Contact of such schemes */
static void
unksm2(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(
	    &t, UNKNOWN("REGISTER sip:quay.example SIP/2.0\r\n", "REGISTER"));
	torture_assert_read(
	    &t, &(struct torture_read){ .call_id = "schemes@192.0.2.7",
					.cseq = 23,
					.method = SIP_METHOD_REGISTER,
					.from = "//www.mill.example@",
					.to = "2004260304@",
					.from_tag = "r1" });
	torture_assert_no_call(&t);
	/* of a call, what they are is kept */
	TORTURE_HEAR(&t, UNKNOWN(INVITE, "INVITE"));
	torture_assert_call(&t, "//www.mill.example@", "2004260304@", NULL);
	torture_end(&t);
}

/* 3.3.5: extensions that nobody supports are required */
static void
bext01(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, "OPTIONS sip:olga@quay.example SIP/2.0\r\n" ENDS
			 "Call-ID: require@192.0.2.7\r\nCSeq: 8 OPTIONS\r\n"
			 "Require: whatNobodyHas, whatNobodyWants\r\n"
			 "Proxy-Require: aProxyWithout, another\r\n"
			 "Content-Length: 0\r\n\r\n");
	assert_no_part(&t, SIP_METHOD_OTHER, "require@192.0.2.7", 8);
	torture_end(&t);
}

/* 3.3.6: a body of a type that nobody knows: a call, its media unknown */
static void
invut(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, INVITE ENDS
		     "Call-ID: type@192.0.2.7\r\nCSeq: 23 INVITE\r\n"
		     "Content-Type: application/unheardof\r\n"
		     "Content-Length: ###\r\n\r\n"
		     "<sound>\r\n <mulaw port=\"41000\"/>\r\n</sound>\r\n");
	torture_assert_call(&t, "ruth@mill.example", "olga@quay.example", NULL);
	assert_int_equal(sip_tracker_counters_peek(t.tracker)->sdp_malformed,
			 0);
	torture_assert_stream(&t, t.n);
	torture_end(&t);
}

/* 3.3.7: an Authorization of a scheme that nobody knows */
static void
regaut01(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, "REGISTER sip:quay.example SIP/2.0\r\n" ENDS
			 "Call-ID: auth@192.0.2.7\r\nCSeq: 93 REGISTER\r\n"
			 "Authorization: Handshake firm=yes\r\n"
			 "Content-Length:0\r\n\r\n");
	assert_no_part(&t, SIP_METHOD_REGISTER, "auth@192.0.2.7", 93);
	torture_assert_stream(&t, t.n);
	torture_end(&t);
}

/* 3.3.8: what may be there once is there twice: the first counts */
static void
multi01(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t,
		     INVITE "Contact: <sip:ruth@192.0.2.7>\r\n" TORTURE_VIA
			    "Max-Forwards: 30\r\nCSeq: 4 INVITE\r\n"
			    "Call-ID: one@192.0.2.7\r\nCSeq: 41 INVITE\r\n"
			    "Call-ID: two@192.0.2.7\r\n" TORTURE_FROM TORTURE_TO
			    "To: sip:oleg@quay.example\r\n"
			    "From: sip:rolf@mill.example;tag=r2\r\n"
			    "Contact: <sip:rolf@192.0.2.8>\r\n"
			    "Max-Forwards: 5\r\n" TORTURE_SDP);
	assert_usual_call(&t, "one@192.0.2.7");
	assert_int_equal(t.msg.cseq, 4);
	torture_assert_address(&t.msg.contact, "ruth@192.0.2.7");
	torture_end(&t);
}

/* 3.3.9: two lengths of a body: the first counts, in both ways of reading */
static void
mcl01(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t,
		     "OPTIONS sip:olga@quay.example SIP/2.0\r\n" ENDS
		     "Call-ID: lengths@192.0.2.7\r\nCSeq: 15 OPTIONS\r\n"
		     "Content-Length: 12\r\nContent-Length: 4\r\n"
		     "Content-Type: text/plain\r\n\r\nHow long is this?\r\n");
	assert_no_part(&t, SIP_METHOD_OTHER, "lengths@192.0.2.7", 15);
	torture_assert_text(t.msg.body, "How long is ");
	TORTURE_HEAR(&t, "OPTIONS sip:olga@quay.example SIP/2.0\r\n" ENDS
			 "Call-ID: lengths@192.0.2.7\r\nCSeq: 15 OPTIONS\r\n"
			 "Content-Length: 12\r\nContent-Length: 4\r\n"
			 "Content-Type: text/plain\r\n\r\nHow long is ");
	torture_assert_stream(&t, t.n);
	torture_end(&t);
}

/* 3.3.10: a response whose second Via is everybody: of no call that is known */
static void
bcast(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(
	    &t,
	    "SIP/2.0 200 OK\r\n" TORTURE_VIA
	    "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKall\r\n" TORTURE_FROM
	    "To: sip:olga@quay.example;tag=o1\r\n"
	    "Call-ID: everybody@192.0.2.7\r\nCSeq: 35 INVITE\r\n" TORTURE_SDP);
	torture_assert_read(&t,
			    &(struct torture_read){
				"everybody@192.0.2.7", 35, SIP_METHOD_INVITE,
				NULL, "ruth@mill.example", "olga@quay.example",
				"r1", "o1", "z9hG4bKmill7" });
	torture_assert_no_call(&t);
	assert_int_equal(sip_tracker_counters_peek(t.tracker)->stray, 1);
	torture_end(&t);
}

/* 3.3.11: no hop is left */
static void
zeromf(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, "OPTIONS sip:olga@quay.example SIP/2.0\r\n" ENDS
			 "Call-ID: hops@192.0.2.7\r\nCSeq: 3923 OPTIONS\r\n"
			 "Max-Forwards: 0\r\nContent-Length: 0\r\n\r\n");
	assert_no_part(&t, SIP_METHOD_OTHER, "hops@192.0.2.7", 3923);
	torture_end(&t);
}

#define REGISTER_CONTACT(contact)                                              \
	"REGISTER sip:quay.example SIP/2.0\r\n" ENDS                           \
	"Call-ID: contact@192.0.2.7\r\nCSeq: 2 REGISTER\r\n" contact           \
	"\r\nl: 0\r\n\r\n"

/* 3.3.12: a parameter of Contact that nobody knows, without < > */
static void
cparam01(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, REGISTER_CONTACT("Contact: sip:+441632960001@"
					  "gate.example;unheardof"));
	assert_no_part(&t, SIP_METHOD_REGISTER, "contact@192.0.2.7", 2);
	torture_assert_address(&t.msg.contact, "+441632960001@gate.example");
	torture_end(&t);
}

/* 3.3.13: ... and one of the URI in it */
static void
cparam02(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, REGISTER_CONTACT("Contact: <sip:+441632960001@"
					  "gate.example;unheardof>"));
	assert_no_part(&t, SIP_METHOD_REGISTER, "contact@192.0.2.7", 2);
	torture_assert_address(&t.msg.contact, "+441632960001@gate.example");
	torture_end(&t);
}

/* 3.3.14: headers in the URI of Contact */
static void
regescrt(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, REGISTER_CONTACT("M: <sip:ruth@mill.example?Route="
					  "%3Csip:lock.example%3E>"));
	assert_no_part(&t, SIP_METHOD_REGISTER, "contact@192.0.2.7", 2);
	torture_assert_address(&t.msg.contact, "ruth@mill.example");
	torture_end(&t);
}

/* 3.3.15: an answer is asked for that is no SDP: a call, until it is refused */
static void
sdp01(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, INVITE ENDS
		     "Call-ID: accept@192.0.2.7\r\nCSeq: 8 INVITE\r\n"
		     "Accept: text/unheardof\r\n" TORTURE_SDP);
	assert_usual_call(&t, "accept@192.0.2.7");
	torture_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(badinv01),
		cmocka_unit_test(clerr),
		cmocka_unit_test(clerr_in_a_connection),
		cmocka_unit_test(ncl),
		cmocka_unit_test(scalar02),
		cmocka_unit_test(scalar02_begins_a_call),
		cmocka_unit_test(scalarlg),
		cmocka_unit_test(quotbal),
		cmocka_unit_test(ltgtruri),
		cmocka_unit_test(lwsruri),
		cmocka_unit_test(lwsstart),
		cmocka_unit_test(trws),
		cmocka_unit_test(escruri),
		cmocka_unit_test(baddate),
		cmocka_unit_test(regbadct),
		cmocka_unit_test(badaspec),
		cmocka_unit_test(baddn),
		cmocka_unit_test(badvers),
		cmocka_unit_test(mismatch01),
		cmocka_unit_test(mismatch02),
		cmocka_unit_test(bigcode),
		cmocka_unit_test(badbranch),
		cmocka_unit_test(insuf),
		cmocka_unit_test(unkscm),
		cmocka_unit_test(novelsc),
		cmocka_unit_test(unksm2),
		cmocka_unit_test(bext01),
		cmocka_unit_test(invut),
		cmocka_unit_test(regaut01),
		cmocka_unit_test(multi01),
		cmocka_unit_test(mcl01),
		cmocka_unit_test(bcast),
		cmocka_unit_test(zeromf),
		cmocka_unit_test(cparam01),
		cmocka_unit_test(cparam02),
		cmocka_unit_test(regescrt),
		cmocka_unit_test(sdp01),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
