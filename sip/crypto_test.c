/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"
#include "sip/sip_priv.h"

/* As in RFC 4568 section 6.1: 30 bytes "wTgvg..." */
#define KEY   "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
#define BYTES "wDfvg&T+)xG7@fb5jU,RaA}\\|p0%*#"
#define SUITE "AES_CM_128_HMAC_SHA1_80"

static int
read_text(struct sip_crypto_list *list, const char *text)
{
	size_t n = strlen(text);
	char *copy = testing_copy(text, n);
	int r = sip_crypto_read(list, copy, n);

	free(copy);
	return r;
}

/* "1 SUITE 30 mki/bytes flags" for each key. */
static void
describe(const struct sip_crypto_list *list, char *out, size_t bytes)
{
	size_t n = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < list->count; i++) {
		const struct sip_crypto *c = &list->crypto[i];

		n += (size_t)snprintf(
		    out + n, bytes - n, "%s%u %s %u %llu/%u%s%s%s%s",
		    i ? "; " : "", c->tag, c->suite, c->key_bytes,
		    (unsigned long long)c->mki, c->mki_bytes,
		    c->unencrypted ? " unencrypted" : "",
		    c->unencrypted_rtcp ? " unencrypted-rtcp" : "",
		    c->unauthenticated ? " unauthenticated" : "",
		    c->derives ? " derives" : "");
	}
}

static const struct {
	const char *text;
	int result;
	const char *keys;
} cases[] = {
	{ "1 " SUITE " inline:" KEY, 0, "1 " SUITE " 30 0/0" },
	{ "1 " SUITE " inline:" KEY "|2^20|1:4", 0, "1 " SUITE " 30 1/4" },
	/* how long it may be used stands before, or is missing */
	{ "1 " SUITE " inline:" KEY "|1:4", 0, "1 " SUITE " 30 1/4" },
	{ "7 " SUITE " inline:" KEY "|1048576", 0, "7 " SUITE " 30 0/0" },
	{ "1 " SUITE " inline:" KEY "|2^20|1:4;inline:" KEY "|2^20|2:4 KDR=0",
	  0, "1 " SUITE " 30 1/4; 1 " SUITE " 30 2/4" },
	{ "1 F8_128_HMAC_SHA1_80 INLINE:" KEY
	  " UNENCRYPTED_SRTP UNENCRYPTED_SRTCP UNAUTHENTICATED_SRTP WSH=64",
	  0,
	  "1 F8_128_HMAC_SHA1_80 30 0/0 unencrypted unencrypted-rtcp unauthenticated" },
	{ " 2\t" SUITE " inline:" KEY, -EBADMSG, "" },
	{ "  2  " SUITE "   inline:" KEY "  KDR=24 ", 0,
	  "2 " SUITE " 30 0/0 derives" },
	/* 46 bytes, with and without padding */
	{ "1 X inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	  "AAAAA==",
	  0, "1 X 46 0/0" },
	{ "1 X inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	  "AAAAA",
	  0, "1 X 46 0/0" },
	{ "1 X inline:" KEY "|65535:128", 0, "1 X 30 65535/128" },
	/* what nobody can read */
	{ "", -EBADMSG, "" },
	{ "1", -EBADMSG, "" },
	{ "1 " SUITE, -EBADMSG, "" },
	{ "x " SUITE " inline:" KEY, -EBADMSG, "" },
	{ "1 " SUITE " inline:", -EBADMSG, "" },
	{ "1 " SUITE " inline", -EBADMSG, "" },
	{ "1 " SUITE " outline:" KEY, -EBADMSG, "" },
	{ "1 " SUITE " inline:d0Rm!mcm", -EBADMSG, "" },
	{ "1 " SUITE " inline:" KEY "|2^20|1:0", -EBADMSG, "" },
	{ "1 " SUITE " inline:" KEY "|2^20|1:129", -EBADMSG, "" },
	{ "1 " SUITE " inline:" KEY "|2^20|1:4x", -EBADMSG, "" },
	{ "1 " SUITE " inline:" KEY "|2^20|x:4", -EBADMSG, "" },
	{ "1 " SUITE " inline:" KEY "|2^20|:4", -EBADMSG, "" },
	{ "1 " SUITE " inline:" KEY "|2^20|12345678901234567890:4", -EBADMSG,
	  "" },
	/* 65 bytes are more than any key has */
	{ "1 X inline:" KEY KEY "AAAAAAA", -EBADMSG, "" },
	{ "1 A_SUITE_WITH_A_NAME_OF_32_BYTES_ inline:" KEY, -EBADMSG, "" },
	/* the first one is good all the same */
	{ "1 " SUITE " inline:" KEY ";inline:?", -EBADMSG,
	  "1 " SUITE " 30 0/0" },
};

static void
lines(void **state)
{
	char text[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sip_crypto_list list = { 0 };

		assert_int_equal(read_text(&list, cases[i].text),
				 cases[i].result);
		describe(&list, text, sizeof(text));
		assert_string_equal(text, cases[i].keys);
	}
}

static void
the_key_itself(void **state)
{
	struct sip_crypto_list list = { 0 };

	assert_int_equal(read_text(&list, cases[0].text), 0);
	assert_memory_equal(list.crypto[0].key, BYTES, 30);
}

static void
truncations(void **state)
{
	static const char all[] =
	    "1 " SUITE " inline:" KEY "|2^20|1:4;inline:" KEY "|2^20|2:4 KDR=1";

	for (size_t n = 0; n < sizeof(all); n++) {
		struct sip_crypto_list list = { 0 };
		char *copy = testing_copy(all, n);

		(void)!sip_crypto_read(&list, copy, n);
		for (uint32_t i = 0; i < list.count; i++)
			assert_in_range(list.crypto[i].key_bytes, 1, 30);
		free(copy);
	}
}

static void
full(void **state)
{
	struct sip_crypto_list list = { 0 };

	for (int i = 0; i < SIP_CRYPTO_MAX; i++)
		assert_int_equal(read_text(&list, cases[0].text), 0);
	assert_int_equal(read_text(&list, cases[0].text), -ENOSPC);
	assert_int_equal(list.count, SIP_CRYPTO_MAX);
}

static void
the_same(void **state)
{
	struct sip_crypto_list a = { 0 }, b = { 0 }, none = { 0 };

	assert_true(sip__crypto_same(NULL, NULL));
	assert_true(sip__crypto_same(NULL, &none));
	assert_int_equal(read_text(&a, cases[0].text), 0);
	assert_false(sip__crypto_same(&a, NULL));
	assert_false(sip__crypto_same(NULL, &a));
	assert_int_equal(read_text(&b, cases[0].text), 0);
	assert_true(sip__crypto_same(&a, &b));
	b.crypto[0].key[29] ^= 1;
	assert_false(sip__crypto_same(&a, &b));
}

/* ---- in descriptions and calls ------------------------------------------- */

#define HEAD "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\n"

/* Keys belong to their m= section; those of a description are gone once it is
 * wiped, and none are left where it has none. */
static void
in_a_description(void **state)
{
	static struct sip_sdp sdp;
	static const char text[] =
	    HEAD "a=crypto:9 X inline:" KEY "\r\n"
		 "m=audio 4000 RTP/SAVP 8\r\na=crypto:1 A inline:" KEY "\r\n"
		 "a=crypto:2 B inline:" KEY "\r\n"
		 "a=candidate:1 1 UDP 2130706431 10.0.0.7 8998 typ host\r\n"
		 "m=video 4002 RTP/SAVP 99\r\na=crypto:3 C inline:" KEY "\r\n"
		 "m=audio 4004 RTP/AVP 8\r\n"
		 "m=audio 4006 UDP/TLS/RTP/SAVPF 8\r\na=fingerprint:sha-1 0\r\n"
		 "m=audio 4008 RTP/SAVP 8\r\na=crypto:4 D inline:" KEY "\r\n";
	const struct sip_text body = { text, sizeof(text) - 1 };
	const struct sip_text none = { text, strlen(HEAD) };

	assert_int_equal(sip__sdp_parse(&sdp, body, false), 0);
	assert_int_equal(sdp.count, 5);
	assert_int_equal(sdp.audio[0].crypto->count, 2);
	assert_string_equal(sdp.audio[0].crypto->crypto[1].suite, "B");
	assert_true(sdp.audio[1].candidate);
	assert_ptr_equal(sdp.audio[1].crypto, sdp.audio[0].crypto);
	assert_null(sdp.audio[2].crypto);
	assert_true(sdp.audio[3].dtls && !sdp.audio[3].crypto);
	assert_false(sdp.audio[4].dtls);
	assert_string_equal(sdp.audio[4].crypto->crypto[0].suite, "D");
	sip__sdp_wipe(&sdp);
	for (size_t i = 0; i + 30 < sizeof(sdp); i++)
		assert_memory_not_equal((const char *)&sdp + i, BYTES, 30);
	assert_int_equal(sip__sdp_parse(&sdp, none, false), 0);
}

/* What a call tells of its media: + opens, - closes, and the first key. */
static char told[256];

static void
note(void *ctx, const struct sip_event *event)
{
	const struct sip_media *m = event->media;
	size_t n = strlen(told);

	if (m)
		snprintf(told + n, sizeof(told) - n, "%s%u:%s ",
			 event->type == SIP_EVENT_MEDIA_OPEN ? "+" : "-",
			 m->receive.port,
			 m->crypto ? m->crypto->crypto[0].suite : "none");
}

static void
input(struct sip_tracker *tracker, int64_t s, const char *first, int cseq,
      const char *suite)
{
	char body[512], text[1536];
	bool answer = strncmp(first, "SIP", 3) == 0;
	struct capture_pkt pkt = { .time_ns = s * 1000000000 };

	snprintf(body, sizeof(body),
		 HEAD "m=audio %u RTP/SAVP 8\r\na=crypto:1 %s inline:" KEY
		      "\r\n",
		 answer ? 6000 : 4000, suite);
	snprintf(text, sizeof(text),
		 "%s\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK%d\r\n"
		 "From: <sip:1@x>;tag=a\r\nTo: <sip:2@x>%s\r\n"
		 "Call-ID: keys\r\nCSeq: %d INVITE\r\n"
		 "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n"
		 "%s",
		 first, cseq, answer || cseq > 1 ? ";tag=b" : "", cseq,
		 strlen(body), body);
	assert_int_equal(
	    capture_endpoint_parse(&pkt.src, answer ? "10.0.0.2" : "10.0.0.1",
				   8, 5060),
	    0);
	assert_int_equal(
	    capture_endpoint_parse(&pkt.dst, answer ? "10.0.0.1" : "10.0.0.2",
				   8, 5060),
	    0);
	pkt.payload = (const uint8_t *)text;
	pkt.payload_bytes = (uint32_t)strlen(text);
	assert_int_equal(sip_tracker_input(tracker, &pkt), 0);
}

/* The same keys again are the same media; others are other media, and the old
 * ones go when they are answered. */
static void
in_a_call(void **state)
{
	struct sip_tracker *tracker;

	told[0] = '\0';
	assert_int_equal(sip_tracker_new(&tracker, NULL, note, NULL), 0);
	input(tracker, 1, "INVITE sip:2@x SIP/2.0", 1, "A");
	input(tracker, 2, "SIP/2.0 200 OK", 1, "B");
	assert_string_equal(told, "+4000:A +6000:B ");
	input(tracker, 3, "INVITE sip:2@x SIP/2.0", 2, "A");
	input(tracker, 4, "SIP/2.0 200 OK", 2, "B");
	assert_string_equal(told, "+4000:A +6000:B ");
	told[0] = '\0';
	input(tracker, 5, "INVITE sip:2@x SIP/2.0", 3, "C");
	assert_string_equal(told, "+4000:C ");
	input(tracker, 6, "SIP/2.0 200 OK", 3, "D");
	assert_string_equal(told, "+4000:C +6000:D -6000:B -4000:A ");
	assert_int_equal(sip_tracker_counters_peek(tracker)->keyed_media, 4);
	assert_int_equal(sip_tracker_counters_peek(tracker)->dtls_media, 0);
	sip_tracker_free(&tracker);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(the_key_itself),
		cmocka_unit_test(truncations),
		cmocka_unit_test(full),
		cmocka_unit_test(the_same),
		cmocka_unit_test(in_a_description),
		cmocka_unit_test(in_a_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
