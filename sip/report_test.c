/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sip/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

static struct sip_report report;

static bool
read_copy(const char *text, size_t n)
{
	uint8_t *copy = testing_copy(text, n);
	bool is = sip_report_read(&report, copy, n);

	free(copy);
	return is;
}

/* In the shape of the example of RFC 6035 section 4.8, with both kinds of
 * metrics. */
static const char whole[] =
    "PUBLISH sip:collector@example.org SIP/2.0\r\n"
    "Via: SIP/2.0/UDP pc22.example.org;branch=z9hG4bK3343d7\r\n"
    "Call-ID: 4443e1\r\n"
    "Event: vq-rtcpxr\r\n"
    "Content-Type: application/vq-rtcpxr;charset=utf-8\r\n"
    "\r\n"
    "VQSessionReport: CallTerm\r\n"
    "CallID: 6dg37f1890463@192.0.2.1\r\n"
    "LocalID: Alice <sip:alice@example.org>\r\n"
    "RemoteID: Bill <sip:bill@elpmaxe.org>\r\n"
    "LocalAddr: IP=192.0.2.1 PORT=5000 SSRC=1a3b5c7d\r\n"
    "LocalMAC:00:1f:5b:cc:21:0f\r\n"
    "RemoteAddr:IP=192.0.2.150 PORT=5002 SSRC=0x2468AbCd\r\n"
    "LocalMetrics:\r\n"
    "Timestamps:START=2026-10-10T18:23:43Z STOP=2026-10-01T18:26:02Z\r\n"
    "JitterBuffer:JBA=3 JBR=2 JBN=40 JBM=80 JBX=120\r\n"
    "PacketLoss:NLR=5.0 JDR=2.25\r\n"
    "Delay:RTD=200 ESD=140 SOWD=100 IAJ=2 MAJ=10\r\n"
    "QualityEst:RLQ=90 RCQ=85 EXTRI=90 MOSLQ=4.2 MOSCQ=3.357 "
    "QoEEstAlg=P.564\r\n"
    "RemoteMetrics:\r\n"
    "PacketLoss:NLR=9.0 JDR=9.0\r\n"
    "QualityEst:MOSLQ=1.1 MOSCQ=1.1";

static void
whole_report(void **state)
{
	char text[CAPTURE_ENDPOINT_TEXT_BYTES];

	assert_true(read_copy(whole, sizeof(whole) - 1));
	assert_string_equal(report.call_id, "6dg37f1890463@192.0.2.1");
	assert_string_equal(capture_endpoint_text(&report.local, text),
			    "192.0.2.1:5000");
	assert_string_equal(capture_endpoint_text(&report.remote, text),
			    "192.0.2.150:5002");
	assert_int_equal(report.remote_ssrc, 0x2468abcd);
	assert_int_equal(report.loss, 500);
	assert_int_equal(report.discard, 225);
	assert_int_equal(report.round_trip_ms, 200);
	assert_int_equal(report.r, 85);
	assert_int_equal(report.mos_lq, 420);
	assert_int_equal(report.mos_cq, 335);
}

/* Cut anywhere: none, or one that knows its call and media. */
static void
truncations(void **state)
{
	for (size_t n = 0; n < sizeof(whole) - 1; n++)
		if (read_copy(whole, n))
			assert_true(report.local.port == 5000 &&
				    report.remote.port);
}

static void
variant(const char *from, const char *to, bool is)
{
	char text[2 * sizeof(whole)];
	const char *at = strstr(whole, from);

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - whole), whole, to,
		 at + strlen(from));
	assert_int_equal(read_copy(text, strlen(text)), is);
}

static void
variants(void **state)
{
	variant("PUBLISH", "NOTIFY", true);
	variant("PUBLISH", "OPTIONS", false);
	variant("vq-rtcpxr;charset", "sdp;charset", false);
	variant("Content-Type", "c", true);
	variant("CallID: 6dg37f1890463@192.0.2.1\r\n", "", false);
	variant("IP=192.0.2.1 ", "IP=pc22.example.org ", false);
	variant("PORT=5002", "PORT=500200", false);
	variant("PORT=5002", "", false);
	variant("IP=192.0.2.150", "IP=[2001:db8::1]", true);
	variant("SSRC=0x2468AbCd", "SSRC=none", true);
	assert_int_equal(report.remote_ssrc, 0);
	variant("RCQ=85 ", "", true);
	assert_int_equal(report.r, 90);
	variant("MOSLQ=4.2", "MOSLQ=99999999999999", true);
	assert_int_equal(report.mos_lq, 0);
	variant("LocalMetrics:\r\n", "", true);
	assert_int_equal(report.loss, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_report),
		cmocka_unit_test(truncations),
		cmocka_unit_test(variants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
