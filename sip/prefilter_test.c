/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/testing/testing.h"
#include "sip/sip.h"

static int
look(const void *bytes, size_t n, struct sip_glance *glance, char *call_id)
{
	uint8_t *copy = testing_copy(bytes, n);
	int rc = sip_prefilter(copy, n, glance);

	memcpy(call_id, glance->call_id ? glance->call_id : "",
	       glance->call_id_bytes);
	call_id[glance->call_id_bytes] = '\0';
	free(copy);
	return rc;
}

#define REQUEST "INVITE sip:2002@pbx.example SIP/2.0\r\n"
#define VIA     "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n"

static void
sip_is_found_by_content(void **state)
{
	static const struct {
		const char *text, *call_id;
		bool response;
	} cases[] = {
		{ REQUEST VIA "Call-ID: 17@a\r\n\r\n", "17@a", false },
		{ REQUEST "i:17\r\n\r\n", "17", false },
		{ REQUEST "cAll-id \t:  17@a \t\r\n\r\n", "17@a", false },
		{ REQUEST "Call-ID:\r\n 17@a\r\n\r\n", "17@a", false },
		{ REQUEST "Call-ID: 1\nI: 2\n\n", "1", false },
		{ "\r\n\r\nSIP/2.0 200 OK\r\nCall-ID: x\r\n\r\n", "x", true },
		{ "SIP/2.0 180 \nCall-ID: x\n", "x", true },
		{ "ACK tel:+4412 SIP/2.0 \r\nCall-ID: x\r\n", "x", false },
		{ "NewM.-!%*_+`'~ sip:a@b sip/2.0\r\nCall-ID: x\r\n", "x",
		  false },
		/* a header that only looks alike, one behind the head */
		{ REQUEST "Call-IDs: 1\r\nContact: <sip:a@b>\r\n\r\ni: 3\r\n",
		  "", false },
		/* cut in the middle of the value */
		{ REQUEST "Call-ID: 17@a", "", false },
		{ "OPTIONS sip:a@b SIP/2.0", "", false },
	};
	struct sip_glance glance;
	char call_id[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(look(cases[i].text, strlen(cases[i].text),
				      &glance, call_id),
				 1);
		assert_string_equal(call_id, cases[i].call_id);
		assert_int_equal(glance.response, cases[i].response);
	}
}

static void
others_are_not_sip(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} cases[] = {
#define CASE(literal) { literal, sizeof(literal) - 1 }
		CASE("\x80\x08\x12\x34\x00\x00\x00\xa0\x11\x22\x33\x44zzzz"),
		CASE("\x81\xc8\x00\x06zzzzzzzzzzzzzzzzzzzz"),
		CASE("\x00\x01\x00\x00\x21\x12\xa4\x42zzzzzzzzzzzz"),
		CASE("\x16\xfe\xff\x00\x00zzzz"),
		CASE("GET /index.html HTTP/1.1\r\nHost: a\r\n\r\n"),
		CASE("HTTP/1.1 200 OK\r\n\r\n"),
		CASE("DESCRIBE rtsp://a/b RTSP/1.0\r\n\r\n"),
		CASE("INVITE sip:a@b SIP/7.0\r\n\r\n"),
		CASE("SIP/3.0 200 OK\r\n\r\n"),
		CASE("INVITE sip:a@b\r\nSIP/2.0\r\n"),
		CASE("INVITE SIP/2.0\r\n\r\n"),
		CASE("INVITE  SIP/2.0\r\n\r\n"),
		CASE(
		    "ThisMethodNameIsLongerThanAnyThatThereIsOrWillBeInAnyNetworkOnEarth"
		    " sip:a SIP/2.0\r\n"),
		CASE("hello"),
	};
	struct sip_glance glance;
	char call_id[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    look(cases[i].bytes, cases[i].n, &glance, call_id), 0);
		assert_null(glance.call_id);
	}
}

static void
keep_alives_are_told_apart(void **state)
{
	struct sip_glance glance;
	char call_id[8];

	(void)state;
	assert_int_equal(look("\r\n\r\n", 4, &glance, call_id), -EAGAIN);
	assert_int_equal(look("\0", 1, &glance, call_id), -EAGAIN);
	assert_int_equal(look("", 0, &glance, call_id), -EAGAIN);
}

static void
every_truncation_is_read(void **state)
{
	static const char text[] =
	    REQUEST VIA "Call-ID: 17@a\r\nCSeq: 1 INVITE\r\n\r\n";
	const size_t line = sizeof(REQUEST) - 3;
	const size_t id = sizeof(REQUEST VIA "Call-ID: 17@a\r\n") - 1;
	struct sip_glance glance;
	char call_id[64];

	(void)state;
	for (size_t n = 1; n < sizeof(text); n++) {
		assert_int_equal(look(text, n, &glance, call_id), n >= line);
		assert_string_equal(call_id, n >= id ? "17@a" : "");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sip_is_found_by_content),
		cmocka_unit_test(others_are_not_sip),
		cmocka_unit_test(keep_alives_are_told_apart),
		cmocka_unit_test(every_truncation_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
