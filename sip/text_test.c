/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/testing/testing.h"
#include "sip/sip_priv.h"

static void
slices_are_cut_and_compared(void **state)
{
	struct sip_text text = SIP_TEXT(" a:b:c\t\r\n"), rest;

	(void)state;
	text = sip__text_trim(text);
	assert_int_equal(text.n, 5);
	assert_true(
	    sip__text_equal(sip__text_cut(text, ':', &rest), SIP_TEXT("a")));
	assert_true(sip__text_equal(rest, SIP_TEXT("b:c")));
	assert_true(sip__text_equal(sip__text_cut(text, ';', &rest), text));
	assert_null(rest.p);
	assert_false(sip__text_equal(SIP_TEXT("a"), SIP_TEXT("A")));
	assert_true(sip__text_same(SIP_TEXT("aB"), SIP_TEXT("Ab")));
	assert_true(sip__text_begins(SIP_TEXT("RTP/AVP"), SIP_TEXT("rtp/")));
	assert_false(sip__text_begins(SIP_TEXT("RT"), SIP_TEXT("rtp/")));
	assert_true(
	    sip__text_has(SIP_TEXT("UDP/TLS/RTP/SAVPF"), SIP_TEXT("savp")));
	assert_false(sip__text_has(SIP_TEXT("RTP/SAV"), SIP_TEXT("savp")));
}

static void
numbers_do_not_overflow(void **state)
{
	uint32_t value;

	(void)state;
	assert_int_equal(sip__text_number(SIP_TEXT("4294967294 x"), &value),
			 10);
	assert_int_equal(value, 4294967294u);
	assert_int_equal(
	    sip__text_number(SIP_TEXT("99999999999999999999999999999"), &value),
	    29);
	assert_int_equal(value, UINT32_MAX);
	assert_int_equal(sip__text_number(SIP_TEXT("-1"), &value), 0);
	assert_int_equal(value, 0);
}

static void
lines_end_in_any_way(void **state)
{
	struct sip_text text = SIP_TEXT("a\r\n\nb"), line;

	(void)state;
	assert_true(sip__text_line(&text, &line));
	assert_true(sip__text_equal(line, SIP_TEXT("a")));
	assert_true(sip__text_line(&text, &line));
	assert_int_equal(line.n, 0);
	assert_true(sip__text_line(&text, &line));
	assert_true(sip__text_equal(line, SIP_TEXT("b")));
	assert_false(sip__text_line(&text, &line));
}

static void
kept_text_is_valid_utf8(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "Zo\xc3\xab", "Zo\xc3\xab" },
		{ "\xe2\x82\xac\xf0\x9f\x93\x9e",
		  "\xe2\x82\xac\xf0\x9f\x93\x9e" },
		{ "Zo\xeb", "Zo\xef\xbf\xbd" },
		{ "a\x01"
		  "b",
		  "a\xef\xbf\xbd"
		  "b" },
		/* overlong, a surrogate, beyond the last, cut in the middle */
		{ "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xf5", "\xef\xbf\xbd" },
		{ "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" },
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = strlen(cases[i].in);
		char *copy = testing_copy(cases[i].in, n);

		assert_true(sip__text_clean(out, sizeof(out),
					    (struct sip_text){ copy, n }));
		assert_string_equal(out, cases[i].out);
		free(copy);
	}
	/* cut between characters */
	assert_false(sip__text_clean(out, 5, SIP_TEXT("ab\xe2\x82\xac")));
	assert_string_equal(out, "ab");
	assert_true(sip__text_clean(out, 6, SIP_TEXT("ab\xe2\x82\xac")));
}

/** Computed by a second implementation that also gives the published values
 * of SipHash-2-4; key 00..0f, message 00, 01, ... */
static void
the_hash_is_siphash(void **state)
{
	uint8_t key[16];
	char bytes[16];

	(void)state;
	for (int i = 0; i < 16; i++) {
		key[i] = (uint8_t)i;
		bytes[i] = (char)i;
	}
	assert_true(sip__hash(key, (struct sip_text){ bytes, 0 }) ==
		    0xabac0158050fc4dc);
	assert_true(sip__hash(key, (struct sip_text){ bytes, 8 }) ==
		    0x369095118d299a8e);
	assert_true(sip__hash(key, (struct sip_text){ bytes, 15 }) ==
		    0xd320d86d2a519956);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slices_are_cut_and_compared),
		cmocka_unit_test(numbers_do_not_overflow),
		cmocka_unit_test(lines_end_in_any_way),
		cmocka_unit_test(kept_text_is_valid_utf8),
		cmocka_unit_test(the_hash_is_siphash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
