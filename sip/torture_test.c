/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 4475 sections 3.1.1 and 3.4: valid, however they look. */
#include "sip/torture.h"

/* 3.1.1.1: white space and folding wherever they may be, in a re-INVITE */
static void
wsinv(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, "INVITE sip:olga@quay.example SIP/2.0\r\n" TORTURE_VIA
			 "From: <sip:ruth@mill.example>;tag=r71\r\n" TORTURE_TO
			 "Call-ID: blanks@192.0.2.7\r\nCSeq: 8 INVITE\r\n"
			 "\r\n");
	TORTURE_HEAR(&t, "SIP/2.0 200 OK\r\n" TORTURE_VIA
			 "From: <sip:ruth@mill.example>;tag=r71\r\n"
			 "To: <sip:olga@quay.example>;tag=6553600q\r\n"
			 "Call-ID: blanks@192.0.2.7\r\nCSeq: 8 INVITE\r\n"
			 "\r\n");
	assert_int_equal(t.answered, 1);
	TORTURE_HEAR(
	    &t, "INVITE sip:olga@quay.example;newparam SIP/2.0\r\n"
		"tO :\r\n sip:olga@quay.example ;   tag\t = 6553600q\r\n"
		"fRoM   : \"R. Miller \\\\\\\"\"      <sip:ruth@mill.example>"
		"\r\n  ;\r\n  tag = r71\r\n"
		"mAx-FORWARDS: 0044\r\nCall-ID:\r\n\tblanks@192.0.2.7\r\n"
		"Content-Length: ###\r\ncseq: 0009\r\n  INVITE\r\n"
		"Via\t: SIP /\t2.0\r\n\t/\r\n UDP\r\n"
		"  192.0.2.7;branch=51grain\r\nS :\r\n"
		"Brand-New:   a value\r\n that goes on\r\n"
		"Odd-Value: ,;;,,;,\r\n"
		"Content-Type  :\r\n application/sdp\r\n"
		"Route:\r\n <sip:lock.example;lr;what=ever;nothing>\r\n"
		"V:\tSIP/  2.0 /  TCP  lock.example\t;\r\n"
		"\tbranch\t=\tz9hG4bKlock ,\r\n"
		"\tSIP /2.0/\tUDP  192.0.2.9  ;branch  =\r\n"
		"\tz9hG4bKgate\r\n"
		"m:\"With \\\"\\\" in it\" <sip:ruth@mill.example> ; some =\r\n"
		"      thing ;\r\n  other ; q = 0.5\r\n\r\n" TORTURE_BODY);
	torture_assert_read(&t, &(struct torture_read){
				    "blanks@192.0.2.7", 9, SIP_METHOD_INVITE,
				    "olga@quay.example", "ruth@mill.example",
				    "olga@quay.example", "r71", "6553600q",
				    "51grain" });
	torture_assert_text(t.msg.content_type, "application/sdp");
	torture_assert_text(t.msg.sdp, TORTURE_BODY);
	torture_assert_text(t.msg.contact.host, "mill.example");
	/* of the call that was there: its media is new */
	torture_assert_call(&t, "ruth@mill.example", "olga@quay.example",
			    TORTURE_MEDIA);
	torture_assert_stream(&t, t.n);
	torture_end(&t);
}

/* ... and where it begins a call, the name is read out of its quotes */
static void
wsinv_begins_a_call(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(
	    &t, "INVITE sip:olga@quay.example SIP/2.0\r\n"
		"Via:SIP  /  2.0  /\r\n UDP 192.0.2.7 ; branch =\r\n 51grain"
		"\r\nfRoM   : \"R. Miller \\\\\\\"\"    <sip:ruth@mill.example>"
		"\r\n  ;\r\n  tag = r71\r\ntO :\r\n sip:olga@quay.example\r\n"
		"Call-ID: blanks@192.0.2.7\r\nCSEQ :\t0009\r\n\tINVITE\r\n"
		"Content-Length: ###\r\nC :\r\n application/sdp\r\n"
		"\r\n" TORTURE_BODY);
	torture_assert_read(
	    &t, &(struct torture_read){ .call_id = "blanks@192.0.2.7",
					.cseq = 9,
					.method = SIP_METHOD_INVITE,
					.from_tag = "r71",
					.branch = "51grain" });
	torture_assert_call(&t, "ruth@mill.example", "olga@quay.example",
			    TORTURE_MEDIA);
	assert_string_equal(t.call.party[SIP_CALLER].display, "R. Miller \\\"");
	torture_end(&t);
}

/* 3.1.1.2: every character that each part may have, NUL among them */
static void
intmeth(void **state)
{
	static const char call_id[] =
	    "mill{wheel}<7>[~]%*+'_!.`-@(stone?)\\/:\"";
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(
	    &t,
	    "~Grind.2024%_!*+'`-day "
	    "sip:9$ruth+co/(mill's)&wheel!_~stone,lock?*-.;;/:&key,=7!"
	    "$(own)*~_.word+@quay.example SIP/2.0\r\n"
	    "Via: SIP/2.0/TCP mill.example;branch=z9hG4bK~'+%77_.`*!-\r\n"
	    "To: \"ring \\\x07, nothing \\\0, gone \\\x7f\" "
	    "<sip:9$ruth+co/(mill's)&wheel!_~stone,lock?*-.;;/@quay.example>"
	    "\r\nFrom: `Ruth! +of_ .the* mill'~%- <sip:ruth@mill.example>"
	    ";-%!'.mill_*~+=\"\xd0\xbc\xd0\xb5\xd0\xbb\xd1\x8c;,\""
	    ";tag=r!2.%*`'~_+-\r\n"
	    "Call-ID: mill{wheel}<7>[~]%*+'_!.`-@(stone?)\\/:\"\r\n"
	    "CSeq: 161803398 ~Grind.2024%_!*+'`-day\r\n"
	    "Max-Forwards: 250\r\nMill_.!~-*'`%+: \xef\xbb\xbf\xe7\xa3\xa8"
	    "\r\nContent-Length: 0\r\n\r\n");
	/* what follows a ';' in a user are its parameters (3.1.1.9) */
	torture_assert_read(
	    &t, &(struct torture_read){
		    .call_id = call_id,
		    .cseq = 161803398,
		    .method = SIP_METHOD_OTHER,
		    .uri = "9$ruth+co/(mill's)&wheel!_~stone,lock?*-.@"
			   "quay.example",
		    .from = "ruth@mill.example",
		    .to = "9$ruth+co/(mill's)&wheel!_~stone,lock?*-.@"
			  "quay.example",
		    .from_tag = "r!2.%*`'~_+-",
		    .branch = "z9hG4bK~'+%77_.`*!-" });
	torture_assert_no_call(&t);
	torture_assert_stream(&t, t.n);
	torture_end(&t);
}

/* 3.1.1.3: escapes stand for characters, and for no separators */
static void
esc01(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(
	    &t, "INVITE sip:sips%3Aolga%40quay.example@lock.example SIP/2.0\r\n"
		"To: sip:%6flg%61@quay.example\r\n"
		"From: <sip:Ruth%20of%20the%20mill@mill.example>;tag=r3\r\n"
		"i: escapes@192.0.2.7\r\nCSeq: 31415 INVITE\r\n" TORTURE_VIA
		"Contact:\r\n  <sip:r%75th@mill.example;%6C%72;b%61r=%62ar%25"
		"%34%31>\r\n" TORTURE_SDP);
	torture_assert_read(
	    &t, &(struct torture_read){
		    "escapes@192.0.2.7", 31415, SIP_METHOD_INVITE,
		    "sips:olga@quay.example@lock.example",
		    "Ruth of the mill@mill.example", "olga@quay.example", "r3",
		    "", "z9hG4bKmill7" });
	torture_assert_address(&t.msg.contact, "ruth@mill.example");
	torture_assert_call(&t, "Ruth of the mill@mill.example",
			    "olga@quay.example", TORTURE_MEDIA);
	torture_end(&t);
}

/* 3.1.1.4: an escaped NUL is a character, and no end of the user */
static void
escnull(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t,
		     "REGISTER sip:quay.example SIP/2.0\r\n"
		     "To: sip:nil-%00-nil@quay.example\r\n"
		     "From: sip:nil-%00-nil@quay.example;tag=n1\r\n"
		     "Call-ID: nil@192.0.2.7\r\n"
		     "CSeq: 2719 REGISTER\r\n" TORTURE_VIA
		     "Contact: <sip:%00@mill.example>\r\n"
		     "Contact: <sip:%00ruth%00@mill.example>\r\nL:0\r\n\r\n");
	torture_assert_read(&t, &(struct torture_read){
				    .call_id = "nil@192.0.2.7",
				    .cseq = 2719,
				    .method = SIP_METHOD_REGISTER,
				    .from = "nil-\xef\xbf\xbd-nil@quay.example",
				    .to = "nil-\xef\xbf\xbd-nil@quay.example",
				    .from_tag = "n1" });
	torture_assert_address(&t.msg.contact, "\xef\xbf\xbd@mill.example");
	torture_assert_no_call(&t);
	torture_end(&t);
}

/* ... in a call, whose parties are not told apart without it */
static void
escnull_begins_a_call(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, "INVITE sip:%00@quay.example SIP/2.0\r\n"
			 "To: sip:nil-%00-two@quay.example\r\n"
			 "From: sip:nil-%00-one@mill.example;tag=n1\r\n"
			 "Call-ID: nil@192.0.2.7\r\n"
			 "CSeq: 1 INVITE\r\n" TORTURE_VIA TORTURE_SDP);
	torture_assert_call(&t, "nil-\xef\xbf\xbd-one@mill.example",
			    "nil-\xef\xbf\xbd-two@quay.example", TORTURE_MEDIA);
	torture_end(&t);
}

/* 3.1.1.5: no escapes where none are: a method and a header of other names */
static void
esc02(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, "INV%49TE sip:lock.example SIP/2.0\r\n"
			 "To: \"%Q%41\" <sip:olga@quay.example>\r\n"
			 "From: \"%Q%41\" <sip:ruth@mill.example>;tag=r5\r\n"
			 "Call-ID: plainer@192.0.2.7\r\n"
			 "Via: SIP/2.0/TCP mill.example;branch=z9hG4bK5%qx\r\n"
			 "CSeq: 4021 INV%49TE\r\nMax-Forwards: 70\r\n"
			 "C%6Fntact: <sip:ruth2@mill2.example>\r\n"
			 "Contact: <sip:ruth1@mill1.example>\r\n"
			 "Contact: <sip:ruth3@mill3.example>\r\nl: 0\r\n\r\n");
	torture_assert_read(
	    &t, &(struct torture_read){ .call_id = "plainer@192.0.2.7",
					.cseq = 4021,
					.method = SIP_METHOD_OTHER,
					.from = "ruth@mill.example",
					.to = "olga@quay.example",
					.from_tag = "r5",
					.branch = "z9hG4bK5%qx" });
	torture_assert_text(t.msg.from.display, "\"%Q%41\"");
	torture_assert_address(&t.msg.contact, "ruth1@mill1.example");
	torture_assert_no_call(&t);
	torture_assert_stream(&t, t.n);
	torture_end(&t);
}

/* 3.1.1.6: no blank between a name and its < */
static void
lwsdisp(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(
	    &t, "OPTIONS sip:olga@quay.example SIP/2.0\r\n" TORTURE_TO
		"From: Ruth<sip:ruth@mill.example>;tag=r6\r\n"
		"Call-ID: close@192.0.2.7\r\nCSeq: 61 OPTIONS\r\n" TORTURE_VIA
		"l: 0\r\n\r\n");
	torture_assert_read(
	    &t, &(struct torture_read){ .call_id = "close@192.0.2.7",
					.cseq = 61,
					.method = SIP_METHOD_OTHER,
					.from = "ruth@mill.example",
					.to = "olga@quay.example",
					.from_tag = "r6" });
	torture_assert_text(t.msg.from.display, "Ruth");
	torture_assert_no_call(&t);
	torture_end(&t);
}

#define TEN(text)         text text text text text text text text text text
#define LONG              TEN("quitelong")
#define A_VIA(name, host) name "SIP/2.0/TCP gate" host ".example\r\n"

/* 3.1.1.7: long values, 34 times Via: what is kept of them is cut */
static void
longreq(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(
	    &t,
	    "INVITE sip:olga@quay.example SIP/2.0\r\n"
	    "To: \"A name " LONG "\"<sip:olga@quay.example:6000;a" LONG "=" LONG
	    ";" LONG "name=b" LONG ">\r\n"
	    "F: sip:ruth" LONG "@mill.example;tag=7" TEN(
		"3141592653") ";c" LONG "=d" LONG ";" LONG "\r\n"
			      "Call-ID: long" LONG LONG
			      "id\r\nCSeq: 90210 INVITE\r\n"
			      "New-" LONG "-Name: " LONG "; " LONG "-e = " LONG
			      "\r\n" A_VIA("Via: ", "33") A_VIA(
				  "v: ",
				  "32") A_VIA("V: ",
					      "31") A_VIA("ViA: ",
							  "30") A_VIA("VIa: ",
								      "29")
				  A_VIA("VIA: ", "28") A_VIA("via: ", "27") A_VIA(
				      "viA: ",
				      "26") A_VIA("vIa: ",
						  "25") A_VIA("vIA: ",
							      "24") A_VIA("V :  ",
									  "23")
				      A_VIA("v :  ", "22") A_VIA(
					  "V  : ",
					  "21") A_VIA("v  : ",
						      "20") A_VIA("Via : ",
								  "19")
					  A_VIA("Via  : ", "18") TEN(A_VIA(
					      "Via: ", "17")) A_VIA("Via: ",
								    "7")
					      A_VIA("Via: ", "6") A_VIA(
						  "Via: ",
						  "5") A_VIA("Via: ",
							     "4") A_VIA("Via: ",
									"3")
						  A_VIA("Via: ", "2") A_VIA(
						      "Via: ",
						      "1") "Via: SIP/2.0/TCP mill.example;received=192.0.2.7;branch=" LONG
						      LONG "\r\nMax-Forwards: 70\r\n"
							   "Contact: <sip:ruth" LONG
							   "@mill.example>\r\n" TORTURE_SDP);
	torture_assert_read(
	    &t, &(struct torture_read){ .call_id = "long" LONG LONG "id",
					.cseq = 90210,
					.method = SIP_METHOD_INVITE,
					.uri = "olga@quay.example",
					.to = "olga@quay.example",
					.from_tag = "7" TEN("3141592653"),
					/* only the topmost, which has none */
					.branch = "" });
	assert_int_equal(t.msg.from.user.n, strlen("ruth" LONG));
	assert_int_equal(t.begun, 1);
	assert_string_equal(t.call.call_id, "long" LONG LONG "id");
	/* the first 63 bytes of the user are kept, and that is counted */
	assert_int_equal(strlen(t.call.party[SIP_CALLER].user),
			 SIP_USER_BYTES - 1);
	assert_memory_equal(t.call.party[SIP_CALLER].user, "ruth" LONG,
			    SIP_USER_BYTES - 1);
	assert_string_equal(t.call.party[SIP_CALLER].host, "mill.example");
	assert_int_equal(sip_tracker_counters_peek(t.tracker)->text_cut, 1);
	assert_int_equal(t.opened, 1);
	torture_end(&t);
}

#define TWO_FIRST                                                              \
	"REGISTER sip:lock.example SIP/2.0\r\n"                                \
	"To: sip:ruth@mill.example\r\n"                                        \
	"From: sip:ruth@mill.example;tag=r8\r\nI: first@192.0.2.7\r\n"         \
	"Contact: sip:ruth@192.0.2.7\r\nCSeq: 8 REGISTER\r\n" TORTURE_VIA      \
	"Content-Length: 0\r\n\r\n"
#define TWO_SECOND                                                                          \
	"INVITE sip:olga@quay.example SIP/2.0\r\nt: sip:olga@quay.example\r\n" TORTURE_FROM \
	"Call-ID: second@192.0.2.7\r\nCSeq: 8 INVITE\r\n" TORTURE_VIA                       \
	"Content-Length: 0\r\n\r\n"

/* 3.1.1.8: behind the end of a datagram's message there is nothing */
static void
dblreq(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, TWO_FIRST "\r\n" TWO_SECOND);
	torture_assert_read(
	    &t, &(struct torture_read){ .call_id = "first@192.0.2.7",
					.cseq = 8,
					.method = SIP_METHOD_REGISTER,
					.from = "ruth@mill.example",
					.to = "ruth@mill.example" });
	assert_int_equal(t.msg.body.n, 0);
	torture_assert_no_call(&t);
	/* a datagram of its own is a call; and so it is in a connection */
	TORTURE_HEAR(&t, TWO_SECOND);
	torture_assert_call(&t, "ruth@mill.example", "olga@quay.example", NULL);
	torture_end(&t);
}

static void
dblreq_in_a_connection(void **state)
{
	static const char both[] = TWO_FIRST "\r\n" TWO_SECOND;
	struct feed feed;

	(void)state;
	for (size_t size = 1; size < sizeof(both); size++) {
		feed_begin(&feed);
		torture_feed(&feed, (const uint8_t *)both, sizeof(both) - 1,
			     size);
		assert_int_equal(feed.count, 2);
		assert_int_equal(feed.messages[0].n, sizeof(TWO_FIRST) - 1);
		assert_int_equal(feed.messages[1].n, sizeof(TWO_SECOND) - 1);
		assert_memory_equal(feed.messages[1].bytes, TWO_SECOND,
				    sizeof(TWO_SECOND) - 1);
		feed_end(&feed);
	}
}

/* 3.1.1.9: parameters in the user are the user's, an escaped @ too */
static void
semiuri(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, "OPTIONS sip:olga;by=r%40mill.example@quay.example "
			 "SIP/2.0\r\n" TORTURE_TO TORTURE_FROM
			 "Call-ID: semi@192.0.2.7\r\nCSeq: 8 OPTIONS\r\n"
			 "Accept: text/plain,\r\n"
			 "\tmultipart/mixed ,\r\n"
			 "\tapplication/sdp\r\n" TORTURE_VIA "l: 0\r\n\r\n");
	torture_assert_read(
	    &t, &(struct torture_read){ .call_id = "semi@192.0.2.7",
					.cseq = 8,
					.method = SIP_METHOD_OTHER,
					.uri = "olga@quay.example",
					.from = "ruth@mill.example",
					.to = "olga@quay.example" });
	torture_assert_no_call(&t);
	torture_end(&t);
}

/* 3.1.1.10: transports that there are, and one that there is not */
static void
transports(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(
	    &t,
	    "OPTIONS sip:olga@quay.example SIP/2.0\r\n" TORTURE_TO TORTURE_FROM
	    "Call-ID:  many@192.0.2.7\r\nCSeq: 61 OPTIONS\r\n"
	    "Via: SIP/2.0/PIGEON g1.example;branch=z9hG4bKone\r\n"
	    "Via: SIP/2.0/SCTP g2.example;branch=z9hG4bKtwo\r\n"
	    "Via: SIP/2.0/TLS g3.example;branch=z9hG4bKthree\r\n"
	    "Via: SIP/2.0/UDP g4.example;branch=z9hG4bKfour\r\n"
	    "Via: SIP/2.0/TCP g5.example;branch=z9hG4bKfive\r\n"
	    "l: 0\r\n\r\n");
	torture_assert_read(&t,
			    &(struct torture_read){ .call_id = "many@192.0.2.7",
						    .cseq = 61,
						    .method = SIP_METHOD_OTHER,
						    .from = "ruth@mill.example",
						    .to = "olga@quay.example",
						    .branch = "z9hG4bKone" });
	torture_assert_no_call(&t);
	torture_end(&t);
}

#define BINARY                                                                 \
	"--7g4edge\r\nContent-Type: application/octet-stream\r\n"              \
	"Content-Transfer-Encoding: binary\r\n\r\n"                            \
	"\x01\xfe\0\x80GRIST\n\xff\x9f\r\nv=0\n\0\0--7g4\r\n\x7f\r\n"
#define PARTS(start, method, part)                                             \
	start TORTURE_VIA TORTURE_FROM TORTURE_TO                              \
	    "Call-ID: parts@192.0.2.7\r\nCSeq: 1 " method "\r\n"               \
	    "Content-Type: multipart/mixed;boundary=7g4edge\r\n"               \
	    "Content-Length: ###\r\n\r\n" BINARY "--7g4edge\r\n" part          \
	    "\r\n--7g4edge--\r\n"

/* 3.1.1.11: a body in parts, one of them binary */
static void
mpart01(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t, PARTS("MESSAGE sip:olga@quay.example SIP/2.0\r\n",
			       "MESSAGE",
			       "Content-Type: text/plain\r\n\r\nGood day\r\n"));
	torture_assert_read(
	    &t, &(struct torture_read){ .call_id = "parts@192.0.2.7",
					.cseq = 1,
					.method = SIP_METHOD_OTHER,
					.from = "ruth@mill.example",
					.to = "olga@quay.example" });
	assert_int_equal(t.msg.sdp.n, 0);
	assert_false(t.msg.cut);
	torture_assert_no_call(&t);
	torture_assert_stream(&t, t.n);
	torture_end(&t);
}

/* ... and the SDP of a call behind it */
static void
mpart01_begins_a_call(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(
	    &t, PARTS("INVITE sip:olga@quay.example SIP/2.0\r\n", "INVITE",
		      "Content-Type: application/sdp\r\n\r\n" TORTURE_BODY));
	torture_assert_call(&t, "ruth@mill.example", "olga@quay.example",
			    TORTURE_MEDIA);
	torture_assert_stream(&t, t.n);
	torture_end(&t);
}

#define REPLIED                                                                \
	"Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKmill7\r\n" TORTURE_FROM      \
	"To: <sip:olga@quay.example>;tag=o1\r\n"                               \
	"Call-ID: replied@192.0.2.7\r\nCSeq: 35 INVITE\r\n"

static void
hear_invite(struct torture *t)
{
	TORTURE_HEAR(
	    t,
	    "INVITE sip:olga@quay.example SIP/2.0\r\n" TORTURE_VIA TORTURE_FROM
		TORTURE_TO "Call-ID: replied@192.0.2.7\r\nCSeq: 35 INVITE\r\n"
	    "Content-Length: 0\r\n\r\n");
	assert_int_equal(t->begun, 1);
	assert_int_equal(t->opened, 0);
}

/* 3.1.1.12: a reason in any letters */
static void
unreason(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	hear_invite(&t);
	TORTURE_HEAR(&t, "SIP/2.0 200 (100 + 100) \xd0\xbc\xd0\xb5\xd0\xbb"
			 "\xd1\x8c\xd0\xbd\xd0\xb8\xd1\x86\xd0\xb0\r\n" REPLIED
			 "Contact: <sip:olga@192.0.2.8>\r\n" TORTURE_SDP);
	assert_true(t.glance.response);
	assert_int_equal(t.msg.status, 200);
	torture_assert_read(&t,
			    &(struct torture_read){
				"replied@192.0.2.7", 35, SIP_METHOD_INVITE,
				NULL, "ruth@mill.example", "olga@quay.example",
				"r1", "o1", "z9hG4bKmill7" });
	assert_int_equal(t.answered, 1);
	torture_assert_call(&t, "ruth@mill.example", "olga@quay.example",
			    TORTURE_MEDIA);
	assert_int_equal(t.media.party, SIP_CALLEE);
	torture_end(&t);
}

/* 3.1.1.13: no reason, only the blank before it */
static void
noreason(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	hear_invite(&t);
	TORTURE_HEAR(&t,
		     "SIP/2.0 200 \r\n" REPLIED "Content-Length: 0\r\n\r\n");
	assert_true(t.glance.response);
	assert_int_equal(t.msg.status, 200);
	torture_assert_read(
	    &t, &(struct torture_read){ .call_id = "replied@192.0.2.7",
					.cseq = 35,
					.method = SIP_METHOD_INVITE,
					.to_tag = "o1",
					.branch = "z9hG4bKmill7" });
	assert_int_equal(t.answered, 1);
	torture_assert_stream(&t, t.n);
	torture_end(&t);
}

/* 3.4.1: of RFC 2543: no branch, no tag, no Content-Length, no Contact */
static void
inv2543(void **state)
{
	struct torture t;

	(void)state;
	torture_begin(&t);
	TORTURE_HEAR(&t,
		     "INVITE sip:Olga@quay.example SIP/2.0\r\n"
		     "Via: SIP/2.0/UDP gate.mill.example\r\n"
		     "From: <sip:+441632960001@mill.example;user=phone>\r\n"
		     "Record-Route: <sip:Olga@quay.example;maddr=lock.example>"
		     "\r\nTo: sip:+441632960002@lock.example;user=phone\r\n"
		     "Call-ID: old@gate.mill.example\r\nCSeq: 57 INVITE\r\n"
		     "Content-Type: application/sdp\r\n\r\n" TORTURE_BODY);
	torture_assert_read(&t, &(struct torture_read){
				    "old@gate.mill.example", 57,
				    SIP_METHOD_INVITE, "Olga@quay.example",
				    "+441632960001@mill.example",
				    "+441632960002@lock.example", "", "", "" });
	torture_assert_call(&t, "+441632960001@mill.example",
			    "+441632960002@lock.example", TORTURE_MEDIA);
	torture_assert_stream(&t, t.n);
	torture_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wsinv),
		cmocka_unit_test(wsinv_begins_a_call),
		cmocka_unit_test(intmeth),
		cmocka_unit_test(esc01),
		cmocka_unit_test(escnull),
		cmocka_unit_test(escnull_begins_a_call),
		cmocka_unit_test(esc02),
		cmocka_unit_test(lwsdisp),
		cmocka_unit_test(longreq),
		cmocka_unit_test(dblreq),
		cmocka_unit_test(dblreq_in_a_connection),
		cmocka_unit_test(semiuri),
		cmocka_unit_test(transports),
		cmocka_unit_test(mpart01),
		cmocka_unit_test(mpart01_begins_a_call),
		cmocka_unit_test(unreason),
		cmocka_unit_test(noreason),
		cmocka_unit_test(inv2543),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
