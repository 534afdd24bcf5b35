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

static const struct sip_config limits = { .message_bytes_max = 65535,
					  .headers_max = 256,
					  .line_bytes_max = 8192,
					  .separators_max = 512 };

struct parsed {
	struct sip_parser *parser;
	uint8_t *copy;
	struct sip_msg msg;
};

/** A request of this method with these header lines and what follows. */
static const struct sip_related *
parse(struct parsed *p, const char *method, const char *rest)
{
	char text[4096];
	int n = snprintf(text, sizeof(text),
			 "%s sip:2002@pbx SIP/2.0\r\n"
			 "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKb1\r\n"
			 "From: <sip:2001@pbx>;tag=f1\r\n"
			 "To: <sip:2002@pbx>\r\n"
			 "Call-ID: 17\r\nCSeq: 1 %s\r\n%s",
			 method, method, rest);

	assert_true(n > 0 && (size_t)n < sizeof(text));
	assert_int_equal(sip__parser_new(&p->parser, &limits), 0);
	p->copy = testing_copy(text, (size_t)n);
	assert_int_equal(
	    sip__msg_parse(p->parser, &p->msg,
			   (struct sip_text){ (char *)p->copy, (size_t)n }, 0),
	    0);
	return &p->msg.related;
}

static void
done(struct parsed *p)
{
	free(p->copy);
	sip__parser_free(&p->parser);
}

static void
assert_text(struct sip_text text, const char *expected)
{
	assert_int_equal(text.n, strlen(expected));
	if (text.n)
		assert_memory_equal(text.p, expected, text.n);
}

static void
an_invite_names_the_dialog_it_replaces(void **state)
{
	const struct sip_related *r;
	struct parsed p;

	(void)state;
	r = parse(&p, "INVITE",
		  "Replaces: 425928@phone.example ; to-tag=7743;"
		  "from-tag=6472;early-only\r\n\r\n");
	assert_string_equal(r->replaces.call_id, "425928@phone.example");
	assert_string_equal(r->replaces.to_tag, "7743");
	assert_string_equal(r->replaces.from_tag, "6472");
	done(&p);
	r = parse(&p, "INVITE", "Replaces: a;from-tag=1;to-tag=2\r\n\r\n");
	assert_string_equal(r->replaces.to_tag, "2");
	done(&p);
	r = parse(&p, "INVITE", "Replaces: ;to-tag=2\r\n\r\n");
	assert_string_equal(r->replaces.call_id, "");
	done(&p);
	r = parse(&p, "BYE", "Replaces: a;to-tag=2\r\n\r\n");
	assert_string_equal(r->replaces.call_id, "");
	done(&p);
}

static void
a_refer_names_target_and_dialog(void **state)
{
	const struct sip_related *r;
	struct parsed p;

	(void)state;
	r = parse(&p, "REFER",
		  "Refer-To: \"C\" <sip:2043@10.0.0.3:5062;transport=udp"
		  "?Require=replaces&Replaces=12%40b%3Bto-tag%3Dt1%3B"
		  "from-tag%3Df2>\r\n"
		  "Referred-By: <sip:2042@pbx>;cid=\"1@x\"\r\n\r\n");
	assert_text(r->refer_to.user, "2043");
	assert_text(r->refer_to.host, "10.0.0.3");
	assert_string_equal(r->replaces.call_id, "12@b");
	assert_string_equal(r->replaces.to_tag, "t1");
	assert_string_equal(r->replaces.from_tag, "f2");
	assert_text(r->referred_by.user, "2042");
	done(&p);
	r = parse(&p, "REFER", "r: sip:2043@pbx\r\nb: sip:1@pbx\r\n\r\n");
	assert_text(r->refer_to.user, "2043");
	assert_text(r->referred_by.user, "1");
	assert_string_equal(r->replaces.call_id, "");
	done(&p);
}

static void
ids_of_the_whole_call_are_found(void **state)
{
	const struct sip_related *r;
	struct parsed p;

	(void)state;
	r = parse(&p, "INVITE",
		  "Session-ID: ab30317f1a784dc48ff824d0d3715d86;"
		  "remote=00000000000000000000000000000000\r\n"
		  "P-Charging-Vector: icid-value=\"12;ab-34\";"
		  "icid-generated-at=10.0.0.1\r\n"
		  "Cisco-Guid: 1-2-3-4-5\r\n\r\n");
	assert_text(r->session, "ab30317f1a784dc48ff824d0d3715d86");
	assert_text(r->charging, "12;ab-34");
	assert_text(r->vendor, "1-2-3-4-5");
	done(&p);
	r = parse(
	    &p, "INVITE",
	    "Session-ID: 00000000000000000000000000000000;remote=6ab30317f1a784dc48ff824d0d3715d8\r\n"
	    "P-Charging-Vector: icid-value=77777778\r\n\r\n");
	assert_text(r->session, "");
	assert_text(r->charging, "77777778");
	done(&p);
}

static void
ids_that_may_be_anothers_are_none(void **state)
{
	const struct sip_related *r;
	struct parsed p;

	(void)state;
	r = parse(&p, "INVITE",
		  "Session-ID: ab30317f\r\n"
		  "P-Charging-Vector: icid-value=0\r\n"
		  "X-CID: 00000000000\r\n\r\n");
	assert_text(r->session, "");
	assert_text(r->charging, "");
	assert_text(r->vendor, "");
	done(&p);
}

static void
numbers_diverted_from_are_found(void **state)
{
	const struct sip_related *r;
	struct parsed p;

	(void)state;
	r = parse(&p, "INVITE",
		  "Diversion: \"A, b\" <sip:2050@pbx>;reason=no-answer,"
		  " <sip:2051@pbx>\r\n"
		  "Diversion: tel:+441495\r\n"
		  "History-Info: <sip:1@x>;index=1\r\n\r\n");
	assert_int_equal(r->diverted_count, 3);
	assert_text(r->diverted[0].user, "2050");
	assert_text(r->diverted[1].user, "2051");
	assert_text(r->diverted[2].user, "+441495");
	done(&p);
	r = parse(&p, "INVITE",
		  "History-Info: <sip:2050@pbx?Reason=SIP%3Bcause%3D302>;"
		  "index=1,\r\n <sip:2051@pbx>;index=1.1\r\n"
		  "History-Info: <sip:2052@pbx>;index=1.1.1\r\n\r\n");
	assert_int_equal(r->diverted_count, 2);
	assert_text(r->diverted[0].user, "2050");
	assert_text(r->diverted[1].user, "2051");
	done(&p);
	r = parse(&p, "INVITE",
		  "Diversion: <sip:1@x>, <sip:2@x>, <sip:3@x>, <sip:4@x>, "
		  "<sip:5@x>,,\r\n\r\n");
	assert_int_equal(r->diverted_count, SIP_DIVERTED_MAX);
	done(&p);
}

static void
privacy_is_found(void **state)
{
	const struct sip_related *r;
	struct parsed p;

	(void)state;
	r = parse(&p, "INVITE",
		  "Privacy: critical; id\r\n"
		  "\r\n");
	assert_true(r->withheld);
	done(&p);
	r = parse(&p, "INVITE", "Privacy: none\r\n\r\n");
	assert_false(r->withheld);
	done(&p);
}

static void
the_asserted_number_counts(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, "INVITE",
	      "P-Asserted-Identity: \"A, B\" <sip:anne@pbx>, "
	      "<tel:+441495222333>\r\n\r\n");
	assert_text(p.msg.asserted.user, "+441495222333");
	done(&p);
	parse(&p, "INVITE",
	      "P-Asserted-Identity: \"A\" <sip:anne@pbx>\r\n"
	      "P-Asserted-Identity: tel:2041\r\n\r\n");
	assert_text(p.msg.asserted.user, "2041");
	done(&p);
	parse(&p, "INVITE",
	      "P-Asserted-Identity: <sip:anne@pbx>, <sip:bob@pbx>\r\n\r\n");
	assert_text(p.msg.asserted.user, "anne");
	done(&p);
	parse(&p, "INVITE",
	      "Remote-Party-ID: <sip:2042@pbx>;party=called\r\n"
	      "Remote-Party-ID: \"A\" <sip:2041@pbx>;party=calling;"
	      "privacy=full\r\n\r\n");
	assert_text(p.msg.asserted.user, "2041");
	done(&p);
}

static void
the_asserted_number_is_found_in_any_form(void **state)
{
	static const struct {
		const char *lines, *user;
		bool withheld;
	} cases[] = {
		{ "P-Asserted-Identity: <sip:4anne@pbx>, <tel:+44-1495-222333>",
		  "+44-1495-222333", false },
		{ "P-Asserted-Identity: anne, Lee <sip:2041@pbx>", "2041",
		  false },
		{ "P-Asserted-Identity: <sip:anne@pbx>,"
		  " <sip:%2B441495222333;npdi@pbx;user=phone>",
		  "%2B441495222333;npdi", false },
		{ "P-Asserted-Identity: <tel:2041>, <tel:2042>", "2041",
		  false },
		{ "P-Asserted-Identity: <sip:(01495)222333@pbx>",
		  "(01495)222333", false },
		/* of several in one line, the one of the sender */
		{ "Remote-Party-ID: <sip:2042@pbx>;party=called, \"A, B\""
		  " <sip:2041@pbx>;party=calling;screen=yes;privacy=off",
		  "2041", false },
		{ "Remote-Party-ID: <sip:2041@pbx>;privacy=full", "2041",
		  true },
		{ "Remote-Party-ID: <sip:2041@pbx>;privacy=uri-network", "2041",
		  true },
		{ "Remote-Party-ID: <sip:2041@pbx>;privacy=name", "2041",
		  false },
		{ "Remote-Party-ID: <sip:2042@pbx>;party=called;privacy=full",
		  "", false },
		{ "P-Asserted-Identity: <sip:2043@pbx>\r\n"
		  "Remote-Party-ID: <sip:2041@pbx>",
		  "2043", false },
		/* who is not hidden says it in From */
		{ "P-Preferred-Identity: <sip:001011234567893@pbx>", "",
		  false },
	};
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char lines[512];
		const struct sip_related *r;

		snprintf(lines, sizeof(lines), "%s\r\n\r\n", cases[i].lines);
		r = parse(&p, "INVITE", lines);
		assert_text(p.msg.asserted.user, cases[i].user);
		assert_int_equal(r->withheld, cases[i].withheld);
		done(&p);
	}
}

static void
who_hides_is_known_to_his_switch(void **state)
{
	static const char text[] =
	    "INVITE sip:2002@pbx SIP/2.0\r\n"
	    "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKb1\r\n"
	    "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=f1\r\n"
	    "To: <sip:2002@pbx>\r\n"
	    "Call-ID: 17\r\nCSeq: 1 INVITE\r\n"
	    "P-Preferred-Identity: \"Anne\" <sip:2041@pbx>\r\n"
	    "Privacy: id\r\n\r\n";
	struct sip_parser *parser;
	struct sip_msg msg;

	(void)state;
	assert_int_equal(sip__parser_new(&parser, &limits), 0);
	assert_int_equal(
	    sip__msg_parse(parser, &msg,
			   (struct sip_text){ text, sizeof(text) - 1 }, 0),
	    0);
	assert_text(msg.asserted.user, "2041");
	assert_true(msg.related.withheld);
	sip__parser_free(&parser);
}

static void
a_fragment_tells_its_status(void **state)
{
	const struct sip_related *r;
	struct parsed p;

	(void)state;
	r = parse(&p, "NOTIFY",
		  "Content-Type: message/sipfrag;version=2.0\r\n\r\n"
		  "SIP/2.0 200 OK\r\n");
	assert_int_equal(r->fragment, 200);
	done(&p);
	r = parse(&p, "NOTIFY",
		  "Content-Type: message/sipfrag\r\n\r\nSIP/2.0 99999\r\n");
	assert_int_equal(r->fragment, 0);
	done(&p);
	r = parse(&p, "NOTIFY",
		  "Content-Type: text/plain\r\n\r\nSIP/2.0 200 OK\r\n");
	assert_int_equal(r->fragment, 0);
	done(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_invite_names_the_dialog_it_replaces),
		cmocka_unit_test(a_refer_names_target_and_dialog),
		cmocka_unit_test(ids_of_the_whole_call_are_found),
		cmocka_unit_test(ids_that_may_be_anothers_are_none),
		cmocka_unit_test(numbers_diverted_from_are_found),
		cmocka_unit_test(privacy_is_found),
		cmocka_unit_test(the_asserted_number_counts),
		cmocka_unit_test(the_asserted_number_is_found_in_any_form),
		cmocka_unit_test(who_hides_is_known_to_his_switch),
		cmocka_unit_test(a_fragment_tells_its_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
