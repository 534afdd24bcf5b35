/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 5118 section 4: addresses of IPv6 wherever they may be. */
#include "sip/torture.h"

#define VIA6 "Via: SIP/2.0/UDP [2001:db8:b::5];branch=z9hG4bKmill7\r\n"
#define REST6                                                                  \
	VIA6 TORTURE_FROM "Contact: \"Ruth\" <sip:ruth@[2001:db8::7]>\r\n"     \
			  "Call-ID: six@mill\r\n"

static void
assert_read6(const struct torture *t, const char *uri, enum sip_method method,
	     uint32_t cseq)
{
	torture_assert_read(t,
			    &(struct torture_read){ .call_id = "six@mill",
						    .cseq = cseq,
						    .method = method,
						    .uri = uri,
						    .from = "ruth@mill.example",
						    .from_tag = "r1",
						    .branch = "z9hG4bKmill7" });
	torture_assert_address(&t->msg.contact, "ruth@2001:db8::7");
}

#define REGISTER6(uri)                                                         \
	"REGISTER " uri " SIP/2.0\r\n" TORTURE_TO REST6                        \
	"CSeq: 98 REGISTER\r\nContent-Length: 0\r\n\r\n"
#define INVITE6(uri)                                                           \
	"INVITE " uri " SIP/2.0\r\nTo: <" uri ">\r\n" REST6                    \
	"CSeq: 99 INVITE\r\n" TORTURE_SDP

/* 4.1: in brackets, as it has to be */
static void
ipv6_good(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, REGISTER6("sip:[2001:db8:a::40]"));
	assert_read6(&t, "@2001:db8:a::40", SIP_METHOD_REGISTER, 98);
	torture_assert_no_call(&t);
	TORTURE_HEAR(&t, INVITE6("sip:olga@[2001:db8:a::40]"));
	assert_read6(&t, "olga@2001:db8:a::40", SIP_METHOD_INVITE, 99);
	torture_assert_call(&t, "ruth@mill.example", "olga@2001:db8:a::40",
			    TORTURE_MEDIA);
	torture_end(&t);
}

/*
 * 4.2: invalid: without brackets the host ends at the first colon. The rest is
 * understood, and the user of a call with it.
 */
static void
ipv6_bad(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, REGISTER6("sip:2001:db8:a::40"));
	assert_read6(&t, NULL, SIP_METHOD_REGISTER, 98);
	torture_assert_no_call(&t);
	TORTURE_HEAR(&t, INVITE6("sip:olga@2001:db8:a::40"));
	assert_read6(&t, NULL, SIP_METHOD_INVITE, 99);
	assert_int_equal(t.begun, 1);
	assert_string_equal(t.call.party[SIP_CALLEE].user, "olga");
	assert_int_equal(t.opened, 1);
	torture_end(&t);
}

/* 4.3: a port that was meant, but is inside the brackets: of the address */
static void
port_ambiguous(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, REGISTER6("sip:[2001:db8:a::40:5071]"));
	assert_read6(&t, "@2001:db8:a::40:5071", SIP_METHOD_REGISTER, 98);
	torture_assert_no_call(&t);
	TORTURE_HEAR(&t, INVITE6("sip:olga@[2001:db8:a::40:5071]"));
	torture_assert_call(&t, "ruth@mill.example", "olga@2001:db8:a::40:5071",
			    TORTURE_MEDIA);
	torture_end(&t);
}

/* 4.4: behind the brackets it is a port */
static void
port_unambiguous(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, REGISTER6("sip:[2001:db8:a::40]:5071"));
	assert_read6(&t, "@2001:db8:a::40", SIP_METHOD_REGISTER, 98);
	torture_assert_no_call(&t);
	TORTURE_HEAR(&t, INVITE6("sip:olga@[2001:db8:a::40]:5071"));
	torture_assert_call(&t, "ruth@mill.example", "olga@2001:db8:a::40",
			    TORTURE_MEDIA);
	torture_end(&t);
}

#define RECEIVED(start, address)                                                  \
	start                                                                     \
	    " sip:[2001:db8:a::40] SIP/2.0\r\n"                                   \
	    "To: sip:olga@quay.example;tag=o1\r\n" TORTURE_FROM                   \
	    "Via: SIP/2.0/UDP [2001:db8:b::5];received=" address                  \
	    ";branch=z9hG4bKmill7\r\n"                                            \
	    "Call-ID: six@mill\r\nContact: \"Ruth\" <sip:ruth@[2001:db8::7]>\r\n" \
	    "CSeq: 321 " start "\r\nContent-Length: 0\r\n\r\n"

/* 4.5: where it was received from, in brackets */
static void
via_received_param_with_delim(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, RECEIVED("BYE", "[2001:db8:c::6]"));
	assert_read6(&t, "@2001:db8:a::40", SIP_METHOD_BYE, 321);
	torture_assert_no_call(&t);
	torture_end(&t);
}

/* 4.5: ... and without; what stands behind it is found */
static void
via_received_param_no_delim(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, RECEIVED("OPTIONS", "2001:db8:c::6"));
	assert_read6(&t, "@2001:db8:a::40", SIP_METHOD_OTHER, 321);
	torture_assert_no_call(&t);
	torture_end(&t);
}

#define OFFER6(sdp)                                                            \
	"INVITE sip:olga@[2001:db8:a::40] SIP/2.0\r\n"                         \
	"To: sip:olga@[2001:db8:a::40]\r\n" REST6 "CSeq: 86 INVITE\r\n"        \
	"Content-Type: application/sdp\r\nContent-Length: ###\r\n\r\n" sdp

/* 4.6: in SDP there are no brackets */
static void
ipv6_in_sdp(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, OFFER6("v=0\r\n"
				"o=ruth 9717 0 IN IP6 2001:db8:d::20f\r\n"
				"s=About the mill's wheel\r\n"
				"c=IN IP6 2001:db8:d::20f\r\n"
				"t=3913056000 3913059600\r\n"
				"m=audio 43000 RTP/AVP 97\r\n"
				"a=rtpmap:97 AMR-WB/16000\r\n"
				"m=video 43200 RTP/AVP 98\r\n"
				"a=rtpmap:98 VP8/90000\r\n"));
	assert_read6(&t, "olga@2001:db8:a::40", SIP_METHOD_INVITE, 86);
	torture_assert_call(&t, "ruth@mill.example", "olga@2001:db8:a::40",
			    "[2001:db8:d::20f]:43000");
	assert_string_equal(t.media.formats[0].encoding, "AMR-WB");
	torture_assert_stream(&t, t.n);
	torture_end(&t);
}

/* 4.7: Via of both kinds; the BYE ends its call */
static void
mult_ip_in_header(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, INVITE6("sip:olga@quay.example"));
	TORTURE_HEAR(&t,
		     "BYE sip:olga@quay.example SIP/2.0\r\n"
		     "Via: SIP/2.0/UDP [2001:db8:b::5]:5077;branch=z9hG4bKa\r\n"
		     "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKb\r\n"
		     "Via: SIP/2.0/TCP [2001:db8:c::6];branch=z9hG4bKc;"
		     "received=192.0.2.45\r\n"
		     "Call-ID: six@mill\r\nCSeq: 187 BYE\r\n"
		     "To: sip:olga@quay.example;tag=98--4\r\n" TORTURE_FROM
		     "Content-Length: 0\r\n\r\n");
	torture_assert_read(&t, &(struct torture_read){
				    "six@mill", 187, SIP_METHOD_BYE,
				    "olga@quay.example", "ruth@mill.example",
				    "olga@quay.example", "r1", "98--4",
				    "z9hG4bKa" });
	assert_int_equal(t.begun, 1);
	assert_int_equal(t.ended, 1);
	torture_end(&t);
}

/* 4.8: of two streams each has its own kind of address */
static void
mult_ip_in_sdp(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, OFFER6("v=0\r\n"
				"o=ruth 2807 2897 IN IP4 mill.example\r\n"
				"s=\r\nt=0 0\r\n"
				"m=audio 43100 RTP/AVP 0\r\n"
				"c=IN IP4 192.0.2.7\r\n"
				"m=video 43200 RTP/AVP 98\r\n"
				"c=IN IP6 2001:db8::7\r\n"
				"a=rtpmap:98 VP8/90000\r\n"));
	torture_assert_call(&t, "ruth@mill.example", "olga@2001:db8:a::40",
			    "192.0.2.7:43100");
	torture_end(&t);
}

/* ... and where both are audio, there are both */
static void
mult_ip_in_sdp_of_audio(void **state)
{
	char text[CAPTURE_ENDPOINT_TEXT_BYTES];
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, OFFER6("v=0\r\n"
				"o=ruth 2807 2897 IN IP4 mill.example\r\n"
				"s=\r\nt=0 0\r\n"
				"m=audio 43100 RTP/AVP 0\r\n"
				"c=IN IP4 192.0.2.7\r\n"
				"m=audio 43200 RTP/AVP 8\r\n"
				"c=IN IP6 2001:db8::7\r\n"));
	assert_int_equal(t.opened, 2);
	assert_string_equal(capture_endpoint_text(&t.media.receive, text),
			    "[2001:db8::7]:43200");
	torture_end(&t);
}

/* 4.9: of IPv4 in IPv6: packets of that media are IPv4 */
static void
ipv4_mapped_ipv6(void **state)
{
	struct capture_endpoint ipv4;
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(
	    &t,
	    "INVITE sip:olga@quay.example SIP/2.0\r\n" TORTURE_TO TORTURE_FROM
	    "Via: SIP/2.0/UDP [::ffff:192.0.2.44]:5099"
	    ";branch=z9hG4bKmill7\r\n"
	    "Via: SIP/2.0/UDP [::ffff:192.0.2.7];branch=z9hG4bKb\r\n"
	    "Call-ID: six@mill\r\nCSeq: 612 INVITE\r\n"
	    "Contact: \"R. at the desk\" <sip:ruth@[::ffff:192.0.2.7]>"
	    "\r\nContent-Type: application/sdp\r\n"
	    "Content-Length: ###\r\n\r\nv=0\r\n"
	    "o=ruth 9717 0 IN IP6 ::ffff:192.0.2.7\r\ns=Come!\r\n"
	    "c=IN IP6 ::ffff:192.0.2.7\r\nt=0 0\r\n"
	    "m=audio 43000 RTP/AVP 97\r\na=rtpmap:97 AMR-WB/16000\r\n");
	torture_assert_read(&t,
			    &(struct torture_read){ .call_id = "six@mill",
						    .cseq = 612,
						    .method = SIP_METHOD_INVITE,
						    .branch = "z9hG4bKmill7" });
	torture_assert_address(&t.msg.contact, "ruth@::ffff:192.0.2.7");
	torture_assert_call(&t, "ruth@mill.example", "olga@quay.example",
			    "192.0.2.7:43000");
	assert_int_equal(capture_endpoint_parse(&ipv4, "192.0.2.7", 9, 43000),
			 0);
	assert_memory_equal(t.media.receive.addr, ipv4.addr, 16);
	torture_end(&t);
}

#define COLONS(colons)                                                         \
	"OPTIONS sip:olga@[2001:db8:f" colons "192.0.2.61] SIP/2.0\r\n"        \
	"To: sip:olga@[2001:db8:f" colons "192.0.2.61]\r\n" REST6              \
	"CSeq: 689 OPTIONS\r\nContent-Length: 0\r\n\r\n"

/* 4.10: the grammar of RFC 3261 made three colons of two: let pass */
static void
ipv6_bug_abnf_3_colons(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, COLONS(":::"));
	assert_read6(&t, "olga@2001:db8:f:::192.0.2.61", SIP_METHOD_OTHER, 689);
	torture_assert_address(&t.msg.to, "olga@2001:db8:f:::192.0.2.61");
	torture_assert_no_call(&t);
	torture_end(&t);
}

/* 4.10: ... two are right */
static void
ipv6_correct_abnf_2_colons(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, COLONS("::"));
	assert_read6(&t, "olga@2001:db8:f::192.0.2.61", SIP_METHOD_OTHER, 689);
	torture_assert_address(&t.msg.to, "olga@2001:db8:f::192.0.2.61");
	torture_assert_no_call(&t);
	torture_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv6_good),
		cmocka_unit_test(ipv6_bad),
		cmocka_unit_test(port_ambiguous),
		cmocka_unit_test(port_unambiguous),
		cmocka_unit_test(via_received_param_with_delim),
		cmocka_unit_test(via_received_param_no_delim),
		cmocka_unit_test(ipv6_in_sdp),
		cmocka_unit_test(mult_ip_in_header),
		cmocka_unit_test(mult_ip_in_sdp),
		cmocka_unit_test(mult_ip_in_sdp_of_audio),
		cmocka_unit_test(ipv4_mapped_ipv6),
		cmocka_unit_test(ipv6_bug_abnf_3_colons),
		cmocka_unit_test(ipv6_correct_abnf_2_colons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
