/* SPDX-License-Identifier: GPL-3.0-or-later */
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

static bool
identify(struct sip_identity *identity, const char *value)
{
	size_t n = strlen(value);
	char *copy = testing_copy(value, n);
	struct sip_address address;
	bool whole;

	sip__scan_address(&address, (struct sip_text){ copy, n });
	memset(identity, 0, sizeof(*identity));
	whole = sip__identity_set(identity, &address);
	free(copy);
	return whole;
}

static void
addresses_become_people(void **state)
{
	static const struct {
		const char *value, *user, *host, *display;
		bool anonymous;
	} cases[] = {
		{ "\"Anne \\\"Nan\\\" Lee\" <sip:2001@pbx:5060;x=y>;tag=1",
		  "2001", "pbx", "Anne \"Nan\" Lee", false },
		{ "Zo\xc3\xab, HR <sip:20%301@pbx>", "2001", "pbx",
		  "Zo\xc3\xab, HR", false },
		{ "Zo\xeb <sips:a@[2001:db8::1]:5061>", "a", "2001:db8::1",
		  "Zo\xef\xbf\xbd", false },
		{ "<tel:+44-1632-960111;phone-context=x>", "+44-1632-960111",
		  "", "", false },
		{ "tel:112", "112", "", "", false },
		{ "<tel:*21%23>", "*21#", "", "", false },
		{ "<tel:%2B441632960111;phone-context=+44>", "+441632960111",
		  "", "", false },
		{ "<tel:2041;phone-context=pbx.example>;tag=1", "2041", "", "",
		  false },
		{ "<TEL:2041;ext=7>", "2041", "", "", false },
		{ "<sip:+44%201632%20960111@gw;user=phone>", "+44 1632 960111",
		  "gw", "", false },
		{ "<sip:%2B441632960111;npdi;rn=%2B441632960000@gw;user=phone>",
		  "+441632960111", "gw", "", false },
		{ "<sip:2041;phone-context=pbx.example@pbx;user=phone>", "2041",
		  "pbx", "", false },
		{ "sip:2041@pbx;user=phone;tag=1", "2041", "pbx", "", false },
		{ "Anne Lee <sip:2041@pbx>", "2041", "pbx", "Anne Lee", false },
		{ "Lee, A. (HR) <sip:2041@pbx>;tag=1", "2041", "pbx",
		  "Lee, A. (HR)", false },
		{ "\"a <sip:1@b>, c\" <sip:2041@pbx>", "2041", "pbx",
		  "a <sip:1@b>, c", false },
		{ "\"Anne <sip:2041@pbx>", "2041", "pbx", "\"Anne", false },
		{ "\"\"<sip:2041@pbx>", "2041", "pbx", "", false },
		{ "\"Anonymous\" <sip:2041@pbx>", "2041", "pbx", "Anonymous",
		  false },
		{ "<sip:Anonymous@pbx>", "Anonymous", "pbx", "", true },
		{ "<sip:+441632960111;isub=1:pw@gw?x=y>", "+441632960111", "gw",
		  "", false },
		{ "<sip:pbx.example>", "", "pbx.example", "", false },
		{ "<urn:service:sos>", "service:sos", "", "", false },
		{ "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1",
		  "anonymous", "anonymous.invalid", "Anonymous", true },
		{ "<sip:a%00%zz%4@h>", "a\xef\xbf\xbd%zz%4", "h", "", false },
		{ "<sip:", "", "", "", false },
		{ "\"", "", "", "", false },
		{ "", "", "", "", false },
	};
	struct sip_identity identity;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(identify(&identity, cases[i].value));
		assert_string_equal(identity.user, cases[i].user);
		assert_string_equal(identity.host, cases[i].host);
		assert_string_equal(identity.display, cases[i].display);
		assert_int_equal(identity.anonymous, cases[i].anonymous);
	}
}

static void
every_truncation_is_read(void **state)
{
	static const char value[] =
	    "\"A \\\"B\\\"\" <sip:a%41:pw@[::1]:5060;lr?x=y>;p=\"q;\";tag=t";
	struct sip_identity identity;
	char cut[sizeof(value)];

	(void)state;
	for (size_t n = 0; n < sizeof(value); n++) {
		memcpy(cut, value, n);
		cut[n] = '\0';
		identify(&identity, cut);
		assert_true(strlen(identity.user) <= 4);
	}
}

static void
long_parts_are_cut(void **state)
{
	struct sip_identity identity;
	char value[1024];

	(void)state;
	snprintf(value, sizeof(value), "\"%0200d\" <sip:%0300d@%0300d>", 0, 0,
		 0);
	assert_false(identify(&identity, value));
	assert_int_equal(strlen(identity.user), SIP_USER_BYTES - 1);
	assert_int_equal(strlen(identity.host), SIP_HOST_BYTES - 1);
	assert_int_equal(strlen(identity.display), SIP_DISPLAY_BYTES - 1);
}

static void
the_network_knows_better(void **state)
{
	struct sip_address asserted;
	struct sip_identity identity;

	(void)state;
	identify(&identity, "\"Desk\" <sip:anonymous@anonymous.invalid>");
	sip__scan_address(&asserted, SIP_TEXT("<sip:+441632960111@trunk>"));
	assert_true(sip__identity_assert(&identity, &asserted));
	assert_string_equal(identity.user, "+441632960111");
	assert_string_equal(identity.host, "trunk");
	assert_string_equal(identity.display, "Desk");
	assert_true(identity.anonymous);
	/* an assertion that says nothing */
	sip__scan_address(&asserted, SIP_TEXT("<sip:trunk>"));
	assert_true(sip__identity_assert(&identity, &asserted));
	assert_string_equal(identity.user, "+441632960111");
	sip__scan_address(&asserted, SIP_TEXT("\"New\" <sip:2001@pbx>"));
	assert_true(sip__identity_assert(&identity, &asserted));
	assert_string_equal(identity.user, "2001");
	assert_string_equal(identity.display, "New");
}

static void
who_is_called_is_known_however_many_were_called_before(void **state)
{
	static const struct sip_text numbers[] = { SIP_TEXT("sip:1@x"),
						   SIP_TEXT("sip:2@x"),
						   SIP_TEXT("sip:3@x"),
						   SIP_TEXT("sip:4@x") };
	struct sip_msg msg = { 0 };
	struct sip_call call = { 0 };

	(void)state;
	while (msg.related.diverted_count < SIP_DIVERTED_MAX) {
		uint32_t n = msg.related.diverted_count++;

		sip__scan_address(&msg.related.diverted[n], numbers[n]);
	}
	sip__scan_address(&msg.uri, SIP_TEXT("sip:4999@x"));
	sip__scan_address(&msg.from, SIP_TEXT("sip:2041@x"));
	assert_true(sip__identity_others(&call, &msg));
	assert_int_equal(call.others_count, SIP_DIVERTED_MAX + 2);
	assert_string_equal(call.others[SIP_DIVERTED_MAX], "4999");
	assert_string_equal(call.others[SIP_DIVERTED_MAX + 1], "2041");
}

static void
others_are_kept_once_and_by_name(void **state)
{
	struct sip_call call = { .party = { { .user = "1" },
					    { .user = "2" } } };
	char user[] = "10";

	(void)state;
	assert_true(sip__identity_other(&call, "1"));
	assert_true(sip__identity_other(&call, "2"));
	assert_true(sip__identity_other(&call, ""));
	assert_true(sip__identity_other(&call, "Anonymous"));
	assert_true(sip__identity_other(&call, "asterisk"));
	assert_int_equal(call.others_count, 0);
	for (int i = 0; i < SIP_OTHERS_MAX; i++, user[1]++) {
		assert_true(sip__identity_other(&call, user));
		assert_true(sip__identity_other(&call, user));
	}
	assert_int_equal(call.others_count, SIP_OTHERS_MAX);
	assert_true(sip__identity_other(&call, "10"));
	assert_false(sip__identity_other(&call, "20"));
	assert_int_equal(call.others_count, SIP_OTHERS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_become_people),
		cmocka_unit_test(every_truncation_is_read),
		cmocka_unit_test(long_parts_are_cut),
		cmocka_unit_test(the_network_knows_better),
		cmocka_unit_test(
		    who_is_called_is_known_however_many_were_called_before),
		cmocka_unit_test(others_are_kept_once_and_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
