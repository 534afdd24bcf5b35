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
#include "sip/sip_priv.h"

static struct sip_sdp sdp;

static int
parse(const char *text, bool cut)
{
	size_t n = strlen(text);
	char *copy = testing_copy(text, n);
	int rc = sip__sdp_parse(&sdp, (struct sip_text){ copy, n }, cut);

	free(copy);
	return rc;
}

/** "192.0.2.1:4000 #0 sendrecv plain 8:PCMA/8000/1 ..." for each stream. */
static void
describe(char *out, size_t out_bytes)
{
	static const char *const directions[] = { "sendrecv", "sendonly",
						  "recvonly", "inactive" };
	char ep[CAPTURE_ENDPOINT_TEXT_BYTES];
	size_t n = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < sdp.count; i++) {
		const struct sip_media *m = &sdp.audio[i];

		n += (size_t)snprintf(
		    out + n, out_bytes - n, "%s%s #%u %s %s", i ? "; " : "",
		    capture_endpoint_text(&m->receive, ep), m->index,
		    directions[m->direction], m->secure ? "secure" : "plain");
		for (uint32_t f = 0; f < m->formats_count; f++)
			n += (size_t)snprintf(
			    out + n, out_bytes - n, " %u:%s/%u/%u%s%s",
			    m->formats[f].payload_type, m->formats[f].encoding,
			    m->formats[f].clock_hz, m->formats[f].channels,
			    m->formats[f].parameters ? "?" : "",
			    sip_format_parameters(m, &m->formats[f]));
	}
}

#define HEAD  "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\n"
#define C1    "c=IN IP4 192.0.2.1\r\n"
#define T0    "t=0 0\r\n"
#define AUDIO "m=audio 4000 RTP/AVP 8\r\n"
#define PCMA  " 8:PCMA/8000/1"

static const struct {
	const char *text;
	const char *streams;
	enum sip_direction direction;
	uint32_t no_address;
} cases[] = {
	{ HEAD C1 T0
	  "m=audio 4000 RTP/AVP 8 0 18 101\r\n"
	  "a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
	  "a=fmtp:101 0-16\r\na=ptime:20\r\na=rtcp-mux\r\na=sendrecv\r\n",
	  "192.0.2.1:4000 #0 sendrecv plain 8:PCMA/8000/1 0:PCMU/8000/1 "
	  "18:G729/8000/1 101:telephone-event/8000/1?0-16",
	  SIP_SENDRECV, 0 },
	/* the address of the stream counts, not that of the session */
	{ HEAD C1 T0 AUDIO "c=IN IP4 192.0.2.7\r\n",
	  "192.0.2.7:4000 #0 sendrecv plain" PCMA, SIP_SENDRECV, 0 },
	/* G.722 has a clock of 8000; dynamic types mean what rtpmap says */
	{ HEAD C1 T0 "m=audio 4000 RTP/AVP 9 96 97\r\n"
		     "a=rtpmap:97 opus/48000/2\r\n",
	  "192.0.2.1:4000 #0 sendrecv plain 9:G722/8000/1 96:/0/0 "
	  "97:opus/48000/2",
	  SIP_SENDRECV, 0 },
	/* parameters: before the name or after, without blanks, those of no
	 * payload type and those that are no text left out */
	{ HEAD C1 T0 "m=audio 4000 RTP/AVP 96 97\r\n"
		     "a=fmtp:96 octet-align=1;  mode-set = 0,2 ;;\tcrc;\r\n"
		     "a=rtpmap:96 AMR/8000\r\na=rtpmap:97 AMR-WB/16000\r\n"
		     "a=fmtp:97\r\na=fmtp:\r\na=fmtp:x y\r\n"
		     "a=fmtp:98 a=b\r\na=fmtp:97 d\303\251=1;e=2\r\n"
		     "a=fmtp:97 again\r\n",
	  "192.0.2.1:4000 #0 sendrecv plain "
	  "96:AMR/8000/1?octet-align=1;mode-set=0,2;crc "
	  "97:AMR-WB/16000/1?e=2",
	  SIP_SENDRECV, 0 },
	/* ... and those that there is no room for */
	{ HEAD C1 T0
	  "m=audio 4000 RTP/AVP 97\r\n"
	  "a=fmtp:97 a=2345678901234567890123456789012345678901234567"
	  "890;c=3456;xx=234567890123456789;e=345;f=34\r\n",
	  "192.0.2.1:4000 #0 sendrecv plain 97:/0/0?"
	  "a=2345678901234567890123456789012345678901234567890;c=3456;f=34",
	  SIP_SENDRECV, 0 },
	/* LF alone, empty s=, no t=, a= and b= before c=, no last line end */
	{ "v=0\no=x\ns=\na=sendonly\nb=AS:80\nc=IN IP4 192.0.2.1\n"
	  "m=audio 4000 RTP/AVP 8\na=recvonly",
	  "192.0.2.1:4000 #0 recvonly plain" PCMA, SIP_RECVONLY, 0 },
	/* direction of the session */
	{ HEAD C1 T0 "a=inactive\r\n" AUDIO,
	  "192.0.2.1:4000 #0 inactive plain" PCMA, SIP_INACTIVE, 0 },
	/* several streams: refused, video, fax, another audio */
	{ HEAD C1 T0
	  "m=audio 0 RTP/AVP 8\r\nm=video 5000 RTP/AVP 31\r\na=sendonly\r\n"
	  "a=rtpmap:31 H261/90000\r\nm=image 5002 udptl t38\r\n"
	  "c=IN IP4 192.0.2.9\r\n" AUDIO "m=audio 4002/2 RTP/AVP 0\r\n"
	  "a=sendonly\r\n",
	  "192.0.2.1:4000 #3 sendrecv plain" PCMA
	  "; 192.0.2.1:4002 #4 sendonly plain 0:PCMU/8000/1",
	  SIP_SENDRECV, 0 },
	/* encrypted, in each of the ways it is said */
	{ HEAD C1 T0 "m=audio 4000 RTP/SAVP 8\r\n",
	  "192.0.2.1:4000 #0 sendrecv secure" PCMA, SIP_SENDRECV, 0 },
	{ HEAD C1 T0 "m=audio 4000 UDP/TLS/RTP/SAVPF 8\r\n",
	  "192.0.2.1:4000 #0 sendrecv secure" PCMA, SIP_SENDRECV, 0 },
	{ HEAD C1 T0 AUDIO "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n",
	  "192.0.2.1:4000 #0 sendrecv secure" PCMA, SIP_SENDRECV, 0 },
	{ HEAD C1 "a=fingerprint:sha-256 AA\r\n" T0 AUDIO,
	  "192.0.2.1:4000 #0 sendrecv secure" PCMA, SIP_SENDRECV, 0 },
	/* where ICE tries: RTP, UDP, once each, behind what it begins with */
	{ HEAD C1 T0 AUDIO
	  "a=candidate:1 1 UDP 2130706431 10.0.0.9 5000 typ host\r\n"
	  "a=candidate:1 2 UDP 2130706430 10.0.0.9 5001 typ host\r\n"
	  "a=candidate:2 1 udp 1694498815 192.0.2.1 4000 typ srflx raddr "
	  "10.0.0.9 rport 5000\r\n"
	  "a=candidate:3 1 TCP 1 10.0.0.9 9 typ host tcptype active\r\n"
	  "a=candidate:4 1 UDP 1 x.local 5000 typ host\r\n"
	  "a=candidate:4 1 UDP 1 10.0.0.9 5000 typ host\r\n"
	  "a=candidate:5 1 UDP 1 10.0.0.9 0 typ host\r\na=candidate:\r\n"
	  "m=audio 4002 RTP/AVP 8\r\n",
	  "192.0.2.1:4000 #0 sendrecv plain" PCMA
	  "; 10.0.0.9:5000 #0 sendrecv plain" PCMA
	  "; 192.0.2.1:4002 #1 sendrecv plain" PCMA,
	  SIP_SENDRECV, 0 },
	/* IPv6, multicast with a TTL */
	{ HEAD "c=IN IP6 2001:db8::1\r\n" T0 AUDIO,
	  "[2001:db8::1]:4000 #0 sendrecv plain" PCMA, SIP_SENDRECV, 0 },
	{ HEAD "c=IN IP4 224.2.1.1/127/3\r\n" T0 AUDIO,
	  "224.2.1.1:4000 #0 sendrecv plain" PCMA, SIP_SENDRECV, 0 },
	/* the old hold, whatever a= says */
	{ HEAD "c=IN IP4 0.0.0.0\r\n" T0 AUDIO "a=sendrecv\r\n", "",
	  SIP_SENDONLY, 0 },
	{ HEAD C1 T0 AUDIO "c=IN IP6 ::\r\n", "", SIP_SENDONLY, 0 },
	/* a name, and nothing at all */
	{ HEAD "c=IN IP4 media.example\r\n" T0 AUDIO AUDIO, "", SIP_SENDRECV,
	  2 },
	{ HEAD T0 AUDIO, "", SIP_SENDRECV, 1 },
	/* no audio: fax alone, no stream, a protocol that is not RTP */
	{ HEAD C1 T0 "m=image 5002 udptl t38\r\n", "", SIP_INACTIVE, 0 },
	{ HEAD C1 T0, "", SIP_INACTIVE, 0 },
	{ HEAD C1 T0 "m=audio 4000 TCP/MRCPv2 1\r\n", "", SIP_INACTIVE, 0 },
	/* numbers that are none */
	{ HEAD C1 T0 "m=audio 65536 RTP/AVP 8\r\n", "", SIP_INACTIVE, 0 },
	{ HEAD C1 T0 "m=audio 4000 RTP/AVP 128 x 8x 8\r\na=rtpmap:x y/z\r\n"
		     "a=rtpmap\r\na=rtpmap:\r\na=rtpmap:8\r\n",
	  "192.0.2.1:4000 #0 sendrecv plain 8:/0/1", SIP_SENDRECV, 0 },
	{ "m=\r\nm=audio\r\nc=\r\nc=IN\r\na=\r\n=\r\n\r\nx", "", SIP_INACTIVE,
	  0 },
};

static void
streams_are_found(void **state)
{
	char out[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].text, false), 0);
		describe(out, sizeof(out));
		assert_string_equal(out, cases[i].streams);
		assert_int_equal(sdp.direction, cases[i].direction);
		assert_int_equal(sdp.no_address, cases[i].no_address);
		assert_false(sdp.cut);
	}
}

static void
every_truncation_is_read(void **state)
{
	const char *text = cases[0].text;
	char cut[1024];
	size_t media = (size_t)(strstr(text, "a=rtpmap") - text);

	(void)state;
	for (size_t n = 0; n < strlen(text); n++) {
		memcpy(cut, text, n);
		cut[n] = '\0';
		assert_int_equal(parse(cut, true), n < 5 ? -EBADMSG : 0);
		/* half a line never opens a stream at half a port */
		assert_int_equal(sdp.count, n >= media);
		assert_int_equal(parse(cut, false), n < 2 ? -EBADMSG : 0);
	}
}

static void
what_is_no_sdp_is_refused(void **state)
{
	(void)state;
	assert_int_equal(parse("", false), -EBADMSG);
	assert_int_equal(parse("<xml>\r\na=b\r\n</xml>\r\n", false), -EBADMSG);
	assert_int_equal(parse("\r\n\r\n", false), -EBADMSG);
}

/** Thousands of streams, formats and attributes: kept within limits. */
static void
limits_are_kept(void **state)
{
	const size_t room = 70000;
	char *text = malloc(room);
	size_t n;

	(void)state;
	n = (size_t)snprintf(text, room, HEAD C1 T0);
	while (n < 63000)
		n += (size_t)snprintf(text + n, room - n, AUDIO);
	assert_int_equal(parse(text, false), 0);
	assert_int_equal(sdp.count, SIP_AUDIO_MAX);
	assert_true(sdp.cut);

	n = (size_t)snprintf(text, room, HEAD C1 T0 "m=audio 4000 RTP/AVP");
	while (n < 63000)
		n += (size_t)snprintf(text + n, room - n, " 96");
	assert_int_equal(parse(text, false), 0);
	assert_int_equal(sdp.count, 1);
	assert_int_equal(sdp.audio[0].formats_count, SIP_FORMATS_MAX);
	assert_true(sdp.cut);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_are_found),
		cmocka_unit_test(every_truncation_is_read),
		cmocka_unit_test(what_is_no_sdp_is_refused),
		cmocka_unit_test(limits_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
