/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A and B are telephones, P a switch where they log in, S a proxy or an SBC in
 * front of it. Times are in ms.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/testing/sip_script.h"
#include "cmd/testing/testing.h"
#include "sip/sip_priv.h"

#define MS 1000000LL

static const struct sip_config config = { .calls_max = 32,
					  .registrations_max = 24 };

struct lines {
	char line[64][512];
	size_t count;
};

static void
ignore(void *ctx, const struct sip_event *event)
{
	(void)ctx;
	(void)event;
}

static struct sip_tracker *
start(void)
{
	struct sip_tracker *tracker;

	assert_int_equal(sip_tracker_new(&tracker, &config, ignore, NULL), 0);
	return tracker;
}

/* ---- what there is, as text ---------------------------------------------- */

static void
note(void *ctx, const struct sip_registration *one)
{
	struct lines *lines = ctx;
	char from[CAPTURE_ENDPOINT_TEXT_BYTES];
	char server[CAPTURE_ADDRESS_TEXT_BYTES];

	assert_true(lines->count < 64);
	snprintf(lines->line[lines->count++], sizeof(lines->line[0]),
		 "%s %s %s%s by %s %s %lld-%lld\n", one->user, one->contact,
		 one->from.port ? capture_endpoint_text(&one->from, from) : "?",
		 one->from.port && !one->direct ? " (proxy)" : "",
		 capture_address_text(one->server.addr, server),
		 one->confirmed ? "since" : "claimed",
		 (long long)(one->since_ns / MS),
		 (long long)(one->until_ns / MS));
}

static int
compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
assert_all(const struct sip_tracker *tracker, const char *expected)
{
	const struct sip_registrar *r = sip_tracker_registrar_peek(tracker);
	struct lines lines = { .count = 0 };
	char text[sizeof(lines.line)] = "";

	sip_registrar_walk(r, note, &lines);
	assert_int_equal(lines.count, sip_registrar_count(r));
	qsort(lines.line, lines.count, sizeof(lines.line[0]), compare);
	for (size_t i = 0; i < lines.count; i++)
		strcat(text, lines.line[i]);
	assert_string_equal(text, expected);
}

static void
assert_script(const char *script, const char *expected)
{
	struct sip_tracker *tracker = start();

	testing_sip_run(tracker, script);
	assert_all(tracker, expected);
	sip_tracker_free(&tracker);
}

static const char *
user_at(const struct sip_tracker *tracker, const char *address, uint16_t port)
{
	struct capture_endpoint at;
	const struct sip_registration *one;

	assert_int_equal(
	    capture_endpoint_parse(&at, address, strlen(address), port), 0);
	one = sip_registrar_find_address(sip_tracker_registrar_peek(tracker),
					 &at);
	return one ? one->user : "nobody";
}

static const char *
contact_of(const struct sip_tracker *tracker, const char *user)
{
	const struct sip_registration *one =
	    sip_registrar_find_user(sip_tracker_registrar_peek(tracker), user);

	return one ? one->contact : "none";
}

/* ---- messages ------------------------------------------------------------ */

#define AT_A    "h=Contact:<sip:2041@10.0.0.1:5060> "
#define AT_B    "h=Contact:<sip:2041@10.0.0.2:5060> "
#define TO_2041 "b=1 t= from=2041 to=2041 "
#define CONFIRMED                                                              \
	"1000 A>P REGISTER 1 i=r " TO_2041 AT_A "h=Expires:60\n"               \
	"1010 P>A 200/REGISTER 1 i=r " TO_2041                                 \
	"h=Contact:<sip:2041@10.0.0.1:5060>;expires=60\n"
#define A_SINCE_1010                                                           \
	"2041 2041@10.0.0.1:5060 10.0.0.1:5060 by 10.0.0.16 since 1010-61010\n"

/* ---- what is accepted ---------------------------------------------------- */

static void
a_2xx_confirms(void **state)
{
	struct sip_tracker *tracker = start();

	(void)state;
	testing_sip_run(tracker, "1000 A>P REGISTER 1 i=r " TO_2041 AT_A
				 "h=Expires:60\n");
	assert_all(tracker, "2041 2041@10.0.0.1:5060 10.0.0.1:5060 by "
			    "10.0.0.16 claimed 1000-33000\n");
	assert_string_equal(contact_of(tracker, "2041"), "none");
	assert_string_equal(user_at(tracker, "10.0.0.1", 5060), "nobody");
	testing_sip_run(tracker,
			"1010 P>A 200/REGISTER 1 i=r " TO_2041
			"h=Contact:<sip:2041@10.0.0.1:5060>;expires=60\n");
	assert_all(tracker, A_SINCE_1010);
	assert_string_equal(contact_of(tracker, "2041"), "2041@10.0.0.1:5060");
	assert_string_equal(user_at(tracker, "10.0.0.1", 5060), "2041");
	testing_sip_run(tracker, "61009 tick\n");
	assert_all(tracker, A_SINCE_1010);
	testing_sip_run(tracker, "61010 tick\n");
	assert_all(tracker, "");
	assert_string_equal(contact_of(tracker, "2041"), "none");
	assert_int_equal(
	    sip_tracker_counters_peek(tracker)->registrations_expired, 1);
	sip_tracker_free(&tracker);
}

static void
how_long_says_the_contact_then_the_answer_then_the_request(void **state)
{
	(void)state;
	assert_script("0 A>P REGISTER 1 i=r " TO_2041 AT_A "h=Expires:60\n"
		      "0 P>A 200/REGISTER 1 i=r " TO_2041
		      "h=Expires:50 h=Contact:<sip:2041@10.0.0.1>;expires=40\n",
		      "2041 2041@10.0.0.1:5060 10.0.0.1:5060 by 10.0.0.16 "
		      "since 0-40000\n");
	assert_script("0 A>P REGISTER 1 i=r " TO_2041 AT_A "h=Expires:60\n"
		      "0 P>A 200/REGISTER 1 i=r " TO_2041 AT_A "h=Expires:50\n",
		      "2041 2041@10.0.0.1:5060 10.0.0.1:5060 by 10.0.0.16 "
		      "since 0-50000\n");
	assert_script("0 A>P REGISTER 1 i=r " TO_2041 "h=Expires:60 "
		      "h=Contact:<sip:2041@10.0.0.1:5060>;expires=30\n"
		      "0 P>A 200/REGISTER 1 i=r " TO_2041 AT_A "\n",
		      "2041 2041@10.0.0.1:5060 10.0.0.1:5060 by 10.0.0.16 "
		      "since 0-30000\n");
	assert_script("0 A>P REGISTER 1 i=r " TO_2041 AT_A "\n"
		      "0 P>A 200/REGISTER 1 i=r " TO_2041 AT_A "\n",
		      "2041 2041@10.0.0.1:5060 10.0.0.1:5060 by 10.0.0.16 "
		      "since 0-3600000\n");
}

static void
the_same_telephone_twice_is_one(void **state)
{
	(void)state;
	assert_script("0 P>A 200/REGISTER 1 i=r " TO_2041
		      "h=Contact:<sip:2041@10.0.0.1;x=1>;expires=50,"
		      "<sip:2041@10.0.0.1;x=2>;expires=10\n",
		      "2041 2041@10.0.0.1:5060 ? by 10.0.0.16 since 0-50000\n");
}

static void
a_challenge_is_no_registration(void **state)
{
	(void)state;
	assert_script("0 A>P REGISTER 1 i=r " TO_2041 AT_A "\n"
		      "1 P>A 401/REGISTER 1 i=r " TO_2041 "\n",
		      "");
	assert_script("0 A>P REGISTER 1 i=r " TO_2041 AT_A "\n"
		      "1 P>A 401/REGISTER 1 i=r " TO_2041 "\n"
		      "2 A>P REGISTER 2 i=r " TO_2041 AT_A "\n"
		      "3 P>A 423/REGISTER 2 i=r " TO_2041 "h=Min-Expires:90\n"
		      "4 A>P REGISTER 3 i=r " TO_2041 AT_A "h=Expires:90\n"
		      "5 P>A 100/REGISTER 3 i=r " TO_2041 "\n"
		      "6 P>A 200/REGISTER 3 i=r " TO_2041 AT_A "h=Expires:90\n",
		      "2041 2041@10.0.0.1:5060 10.0.0.1:5060 by 10.0.0.16 "
		      "since 6-90006\n");
}

static void
a_challenge_of_a_refresh_changes_nothing(void **state)
{
	(void)state;
	assert_script(CONFIRMED "50000 A>P REGISTER 2 i=r " TO_2041 AT_A "\n"
				"50001 P>A 401/REGISTER 2 i=r " TO_2041 "\n",
		      A_SINCE_1010);
	/* nor one of a leave */
	assert_script(CONFIRMED "5000 A>P REGISTER 2 i=r " TO_2041
				"h=Contact:* h=Expires:0\n"
				"5001 P>A 401/REGISTER 2 i=r " TO_2041 "\n",
		      A_SINCE_1010);
}

static void
a_refresh_goes_on(void **state)
{
	(void)state;
	assert_script(CONFIRMED "50000 A>P REGISTER 2 i=r " TO_2041 AT_A
				"h=Expires:60\n"
				"50010 P>A 200/REGISTER 2 i=r " TO_2041 AT_A
				"h=Expires:60\n",
		      "2041 2041@10.0.0.1:5060 10.0.0.1:5060 by 10.0.0.16 "
		      "since 1010-110010\n");
}

static void
a_server_that_lists_nothing_did_as_it_was_asked(void **state)
{
	(void)state;
	assert_script("1000 A>P REGISTER 1 i=r " TO_2041 AT_A "h=Expires:60\n"
		      "1010 P>A 200/REGISTER 1 i=r " TO_2041 "\n"
		      "1020 P>A 200/REGISTER 1 i=r " TO_2041 "\n",
		      A_SINCE_1010);
}

/* ---- what ends ----------------------------------------------------------- */

static void
who_logs_out_is_gone(void **state)
{
	(void)state;
	assert_script(CONFIRMED "5000 A>P REGISTER 2 i=r " TO_2041
				"h=Contact:<sip:2041@10.0.0.1>;expires=0\n"
				"5001 P>A 200/REGISTER 2 i=r " TO_2041 "\n",
		      "");
	assert_script(CONFIRMED "5000 A>P REGISTER 2 i=r " TO_2041
				"h=Contact:* h=Expires:0\n"
				"5001 P>A 200/REGISTER 2 i=r " TO_2041 "\n",
		      "");
	/* listed, as what it is no more */
	assert_script(CONFIRMED "5000 A>P REGISTER 2 i=r " TO_2041
				"h=Contact:<sip:2041@10.0.0.1>;expires=0\n"
				"5001 P>A 200/REGISTER 2 i=r " TO_2041
				"h=Contact:<sip:2041@10.0.0.1>;expires=0\n",
		      "");
	/* "*" without Expires: 0 means nothing (section 10.3) */
	assert_script(CONFIRMED "5000 A>P REGISTER 2 i=r " TO_2041
				"h=Contact:* h=Expires:9\n",
		      A_SINCE_1010);
}

static void
who_logs_out_unanswered_is_gone_soon(void **state)
{
	struct sip_tracker *tracker = start();

	(void)state;
	testing_sip_run(tracker, CONFIRMED "5000 A>P REGISTER 2 i=r " TO_2041
					   "h=Contact:* h=Expires:0\n"
					   "36999 tick\n");
	assert_string_equal(contact_of(tracker, "2041"), "2041@10.0.0.1:5060");
	testing_sip_run(tracker, "37000 tick\n");
	assert_all(tracker, "");
	assert_int_equal(
	    sip_tracker_counters_peek(tracker)->registrations_ended, 1);
	sip_tracker_free(&tracker);
}

static void
a_refresh_unanswered_holds_a_moment_more(void **state)
{
	(void)state;
	assert_script(CONFIRMED "60000 A>P REGISTER 2 i=r " TO_2041 AT_A "\n"
				"61010 tick\n91999 tick\n",
		      "2041 2041@10.0.0.1:5060 10.0.0.1:5060 by 10.0.0.16 "
		      "since 1010-92000\n");
	assert_script(CONFIRMED "60000 A>P REGISTER 2 i=r " TO_2041 AT_A "\n"
				"92000 tick\n",
		      "");
	/* but it ends nothing sooner, nor does who logs out later */
	assert_script(CONFIRMED "5000 A>P REGISTER 2 i=r " TO_2041 AT_A "\n",
		      A_SINCE_1010);
	assert_script(CONFIRMED "50000 A>P REGISTER 2 i=r " TO_2041
				"h=Contact:* h=Expires:0\n",
		      A_SINCE_1010);
}

static void
a_claim_is_gone_soon(void **state)
{
	struct sip_tracker *tracker = start();

	(void)state;
	testing_sip_run(tracker,
			"0 A>P REGISTER 1 i=r " TO_2041 AT_A "\n32000 tick\n");
	assert_all(tracker, "");
	assert_int_equal(
	    sip_tracker_counters_peek(tracker)->registrations_unanswered, 1);
	assert_int_equal(sip_tracker_counters_peek(tracker)->registrations, 0);
	sip_tracker_free(&tracker);
}

/* ---- several contacts, telephones, users --------------------------------- */

static void
the_list_of_the_server_counts(void **state)
{
	struct sip_tracker *tracker = start();

	(void)state;
	/* that of B was not seen, only that the server knows of it */
	testing_sip_run(tracker,
			"0 A>P REGISTER 1 i=r " TO_2041 AT_A "\n"
			"1 P>A 200/REGISTER 1 i=r " TO_2041
			"h=Contact:<sip:2041@10.0.0.2>;expires=20,"
			"\"A,\\\"<B>\"<sip:2041@10.0.0.1>;q=0.5;expires=30\n");
	assert_all(tracker,
		   "2041 2041@10.0.0.1:5060 10.0.0.1:5060 by 10.0.0.16 "
		   "since 1-30001\n"
		   "2041 2041@10.0.0.2:5060 ? by 10.0.0.16 since 1-20001\n");
	assert_string_equal(user_at(tracker, "10.0.0.2", 5060), "nobody");
	/* B takes A's away */
	testing_sip_run(tracker,
			"10 B>P REGISTER 5 i=s " TO_2041 AT_B
			"h=Contact:<sip:2041@10.0.0.1>;expires=0\n"
			"11 P>B 200/REGISTER 5 i=s " TO_2041 AT_B "\n");
	assert_all(tracker, "2041 2041@10.0.0.2:5060 10.0.0.2:5060 by "
			    "10.0.0.16 since 1-3600011\n");
	assert_string_equal(user_at(tracker, "10.0.0.2", 5060), "2041");
	assert_string_equal(user_at(tracker, "10.0.0.1", 5060), "nobody");
	sip_tracker_free(&tracker);
}

static void
hot_desking(void **state)
{
	struct sip_tracker *tracker = start();

	(void)state;
	/* 2041 leaves A, where 2042 sits down, and logs in at B */
	testing_sip_run(tracker, CONFIRMED
			"5000 A>P REGISTER 2 i=r " TO_2041
			"h=Contact:* h=Expires:0\n"
			"5001 P>A 200/REGISTER 2 i=r " TO_2041 "\n"
			"6000 A>P REGISTER 1 i=q b=1 from=2042 to=2042 "
			"h=Contact:<sip:2042@10.0.0.1>\n"
			"6001 P>A 200/REGISTER 1 i=q b=1 from=2042 to=2042 "
			"h=Contact:<sip:2042@10.0.0.1>\n"
			"7000 B>P REGISTER 1 i=s " TO_2041 AT_B "\n"
			"7001 P>B 200/REGISTER 1 i=s " TO_2041 AT_B "\n");
	assert_string_equal(user_at(tracker, "10.0.0.1", 5060), "2042");
	assert_string_equal(user_at(tracker, "10.0.0.2", 5060), "2041");
	assert_string_equal(contact_of(tracker, "2041"), "2041@10.0.0.2:5060");
	sip_tracker_free(&tracker);
}

static void
two_at_one_address_are_no_answer(void **state)
{
	struct sip_tracker *tracker = start();

	(void)state;
	testing_sip_run(tracker, CONFIRMED
			"6000 A>P REGISTER 1 i=q b=1 from=2042 to=2042 "
			"h=Contact:<sip:2042@10.0.0.1>\n");
	/* a claim is nobody */
	assert_string_equal(user_at(tracker, "10.0.0.1", 5060), "2041");
	testing_sip_run(tracker,
			"6001 P>A 200/REGISTER 1 i=q b=1 from=2042 to=2042 "
			"h=Contact:<sip:2042@10.0.0.1>\n");
	assert_string_equal(user_at(tracker, "10.0.0.1", 5060), "nobody");
	assert_string_equal(contact_of(tracker, "2042"), "2042@10.0.0.1:5060");
	sip_tracker_free(&tracker);
}

static void
a_contact_on_another_port_is_the_same_telephone(void **state)
{
	struct sip_tracker *tracker = start();

	(void)state;
	testing_sip_run(tracker, "0 A>P REGISTER 1 i=r " TO_2041
				 "h=Contact:<sip:x@10.0.0.1:5070>\n"
				 "1 P>A 200/REGISTER 1 i=r " TO_2041
				 "h=Contact:<sip:x@10.0.0.1:5070>\n");
	assert_string_equal(user_at(tracker, "10.0.0.1", 5060), "2041");
	assert_string_equal(user_at(tracker, "10.0.0.1", 5070), "2041");
	assert_string_equal(user_at(tracker, "10.0.0.1", 5071), "nobody");
	/* behind NAT it may be anybody's */
	testing_sip_run(tracker, "2 A>P REGISTER 2 i=r " TO_2041
				 "h=Contact:<sip:x@192.168.0.5:5070>\n"
				 "3 P>A 200/REGISTER 2 i=r " TO_2041
				 "h=Contact:<sip:x@192.168.0.5:5070>\n");
	assert_string_equal(user_at(tracker, "10.0.0.1", 5060), "2041");
	assert_string_equal(user_at(tracker, "192.168.0.5", 5070), "nobody");
	sip_tracker_free(&tracker);
}

static void
a_rewritten_contact_is_followed(void **state)
{
	(void)state;
	assert_script("0 A>P REGISTER 1 i=r " TO_2041
		      "h=Contact:<sip:2041@192.168.0.5>\n"
		      "1 P>A 200/REGISTER 1 i=r " TO_2041 AT_A "\n"
		      "500 A>P REGISTER 2 i=r " TO_2041
		      "h=Contact:<sip:2041@192.168.0.5>\n"
		      "501 P>A 200/REGISTER 2 i=r " TO_2041 AT_A "\n",
		      "2041 2041@10.0.0.1:5060 10.0.0.1:5060 by 10.0.0.16 "
		      "since 1-3600501\n");
}

/* ---- hops ---------------------------------------------------------------- */

#define HOP "h=Via:SIP/2.0/UDP,SIP/2.0/UDP "

static void
a_proxy_is_passed_through(void **state)
{
	struct sip_tracker *tracker = start();

	(void)state;
	testing_sip_run(tracker,
			"0 A>S REGISTER 1 i=r " TO_2041 AT_A "\n"
			"1 S>P REGISTER 1 i=r " HOP TO_2041 AT_A "\n"
			"2 P>S 200/REGISTER 1 i=r " HOP TO_2041 AT_A "\n"
			"3 S>A 200/REGISTER 1 i=r " TO_2041 AT_A "\n");
	assert_all(tracker, "2041 2041@10.0.0.1:5060 10.0.0.1:5060 by "
			    "10.0.0.19 since 2-3600003\n");
	assert_string_equal(user_at(tracker, "10.0.0.1", 5060), "2041");
	assert_string_equal(user_at(tracker, "10.0.0.19", 5060), "nobody");
	sip_tracker_free(&tracker);

	tracker = start();
	testing_sip_run(tracker,
			"1 S>P REGISTER 1 i=r " HOP TO_2041 AT_A "\n"
			"2 P>S 200/REGISTER 1 i=r " HOP TO_2041 AT_A "\n");
	assert_all(tracker, "2041 2041@10.0.0.1:5060 10.0.0.19:5060 (proxy) "
			    "by 10.0.0.16 since 2-3600002\n");
	assert_string_equal(user_at(tracker, "10.0.0.19", 5060), "nobody");
	sip_tracker_free(&tracker);
}

#define BY_S "2041 2041@10.0.0.1:5060 10.0.0.1:5060 by 10.0.0.19 since "

static void
hops_come_in_any_order(void **state)
{
	(void)state;
	assert_script("0 S>A 200/REGISTER 1 i=r " TO_2041 AT_A "\n"
		      "0 P>S 200/REGISTER 1 i=r " HOP TO_2041 AT_A "\n"
		      "0 A>S REGISTER 1 i=r " TO_2041 AT_A "\n"
		      "0 S>P REGISTER 1 i=r " HOP TO_2041 AT_A "\n",
		      BY_S "0-3600000\n");
	/* the telephone has moved: the nearest hop says where to */
	assert_script("0 A>S REGISTER 1 i=r " TO_2041 AT_A "\n"
		      "0 S>A 200/REGISTER 1 i=r " TO_2041 AT_A "\n"
		      "9 B>S REGISTER 2 i=r " TO_2041 AT_A "\n"
		      "9 S>P REGISTER 2 i=r " HOP TO_2041 AT_A "\n"
		      "9 P>S 200/REGISTER 2 i=r " HOP TO_2041 AT_A "\n",
		      "2041 2041@10.0.0.1:5060 10.0.0.2:5060 by 10.0.0.19 "
		      "since 0-3600009\n");
	/* no list on either hop, twice */
	assert_script("0 A>S REGISTER 1 i=r " TO_2041 AT_A "\n"
		      "0 S>A 200/REGISTER 1 i=r " TO_2041 "\n"
		      "9 A>S REGISTER 2 i=r " TO_2041 AT_A "\n"
		      "9 S>P REGISTER 2 i=r " HOP TO_2041 AT_A "\n"
		      "9 P>S 200/REGISTER 2 i=r " HOP TO_2041 "\n"
		      "9 S>A 200/REGISTER 2 i=r " TO_2041 "\n",
		      BY_S "0-3600009\n");
}

static void
an_sbc_registers_for_others(void **state)
{
	struct sip_tracker *tracker = start();

	(void)state;
	/* each answer lists what its server has */
	testing_sip_run(tracker, "0 A>S REGISTER 1 i=r " TO_2041 AT_A "\n"
				 "1 S>P REGISTER 9 i=z " TO_2041
				 "h=Contact:<sip:2041@10.0.0.19>\n"
				 "2 P>S 200/REGISTER 9 i=z " TO_2041
				 "h=Contact:<sip:2041@10.0.0.19>\n"
				 "3 S>A 200/REGISTER 1 i=r " TO_2041 AT_A "\n");
	assert_all(tracker, "2041 2041@10.0.0.19:5060 10.0.0.19:5060 by "
			    "10.0.0.16 since 2-3600002\n"
			    "2041 2041@10.0.0.1:5060 10.0.0.1:5060 by "
			    "10.0.0.19 since 3-3600003\n");
	assert_string_equal(user_at(tracker, "10.0.0.19", 5060), "nobody");
	assert_string_equal(user_at(tracker, "10.0.0.1", 5060), "2041");
	sip_tracker_free(&tracker);
}

/* ---- out of order, missed ------------------------------------------------ */

static void
an_answer_that_overtook_its_request(void **state)
{
	(void)state;
	assert_script("1010 P>A 200/REGISTER 1 i=r " TO_2041 AT_A
		      "h=Expires:60\n"
		      "1000 A>P REGISTER 1 i=r " TO_2041 AT_A "h=Expires:60\n",
		      A_SINCE_1010);
}

static void
what_is_late_counts_no_more(void **state)
{
	/* of the log-in before, sent again */
	static const char script[] = CONFIRMED
	    "5000 A>P REGISTER 2 i=r " TO_2041 AT_A "h=Expires:90\n"
	    "5001 P>A 200/REGISTER 2 i=r " TO_2041 AT_A "h=Expires:90\n"
	    "5002 A>P REGISTER 1 i=r " TO_2041 "h=Contact:* h=Expires:0\n"
	    "5003 P>A 200/REGISTER 1 i=r " TO_2041 "\n"
	    "5004 P>A 200/REGISTER 1 i=r " TO_2041 AT_A "h=Expires:5\n";

	(void)state;
	assert_script(script, "2041 2041@10.0.0.1:5060 10.0.0.1:5060 by "
			      "10.0.0.16 since 1010-95001\n");
}

static void
an_answer_sent_again_ends_nothing(void **state)
{
	(void)state;
	assert_script(CONFIRMED
		      "1100 B>P REGISTER 1 i=s " TO_2041 AT_B "h=Expires:50\n"
		      "1110 P>B 200/REGISTER 1 i=s " TO_2041
		      "h=Contact:<sip:2041@10.0.0.2>;expires=50,"
		      "<sip:2041@10.0.0.1>;expires=60\n"
		      "1500 P>A 200/REGISTER 1 i=r " TO_2041
		      "h=Contact:<sip:2041@10.0.0.1:5060>;expires=60\n",
		      "2041 2041@10.0.0.1:5060 10.0.0.1:5060 by 10.0.0.16 "
		      "since 1010-61500\n"
		      "2041 2041@10.0.0.2:5060 10.0.0.2:5060 by 10.0.0.16 "
		      "since 1110-51110\n");
}

static void
a_request_that_was_missed(void **state)
{
	(void)state;
	assert_script("1010 P>A 200/REGISTER 1 i=r " TO_2041 AT_A
		      "h=Expires:60\n",
		      "2041 2041@10.0.0.1:5060 ? by 10.0.0.16 since "
		      "1010-61010\n");
	/* that of a log-out */
	assert_script(CONFIRMED "5001 P>A 200/REGISTER 2 i=r " TO_2041 "\n",
		      "");
}

/* ---- limits -------------------------------------------------------------- */

static void
register_one(struct sip_tracker *tracker, unsigned i, bool answered)
{
	char line[256];

	snprintf(line, sizeof(line),
		 "%u A>P REGISTER 1 b=1 i=n%u from=%u to=%u "
		 "h=Contact:<sip:%u@10.1.0.1>",
		 i, i, i, i, i);
	testing_sip_line(tracker, line);
	snprintf(line, sizeof(line),
		 "%u P>A 200/REGISTER 1 b=1 i=n%u from=%u to=%u "
		 "h=Contact:<sip:%u@10.1.0.1>",
		 i, i, i, i, i);
	if (answered)
		testing_sip_line(tracker, line);
}

static void
a_flood_of_claims_takes_no_room_from_who_is_logged_in(void **state)
{
	struct sip_tracker *tracker = start();
	const struct sip_counters *counters =
	    sip_tracker_counters_peek(tracker);

	(void)state;
	for (unsigned i = 1; i <= 20; i++)
		register_one(tracker, i, true);
	for (unsigned i = 1000; i < 3000; i++)
		register_one(tracker, i, false);
	assert_int_equal(
	    sip_registrar_count(sip_tracker_registrar_peek(tracker)), 24);
	for (unsigned i = 1; i <= 20; i++) {
		char user[8];

		snprintf(user, sizeof(user), "%u", i);
		assert_string_not_equal(contact_of(tracker, user), "none");
	}
	assert_int_equal(counters->registrations_unanswered, 1996);
	/* others log in: claims give way; then it is full */
	for (unsigned i = 21; i <= 30; i++)
		register_one(tracker, i, true);
	assert_int_equal(counters->registrations, 24);
	assert_int_equal(counters->registrations_shed, 12);
	assert_string_equal(contact_of(tracker, "24"), "24@10.1.0.1:5060");
	assert_string_equal(contact_of(tracker, "25"), "none");
	sip_tracker_free(&tracker);
}

static void
an_address_of_record_has_so_many_contacts(void **state)
{
	struct sip_tracker *tracker = start();
	char line[256];

	(void)state;
	testing_sip_run(tracker, CONFIRMED);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(line, sizeof(line),
			 "2000 A>P REGISTER 1 i=n%u " TO_2041
			 "h=Contact:<sip:2041@10.0.1.%u>",
			 i, i);
		testing_sip_line(tracker, line);
	}
	assert_int_equal(
	    sip_registrar_count(sip_tracker_registrar_peek(tracker)),
	    SIP_CONTACTS_MAX);
	assert_string_equal(contact_of(tracker, "2041"), "2041@10.0.0.1:5060");
	sip_tracker_free(&tracker);
}

static void
a_list_that_is_too_long_ends_nothing(void **state)
{
	struct sip_tracker *tracker = start();

	(void)state;
	testing_sip_run(tracker, CONFIRMED
			"2000 P>B 200/REGISTER 1 i=s " TO_2041
			"h=Contact:<sip:a@h>,<sip:b@h>,<sip:c@h>,<sip:d@h>,"
			"<sip:e@h>,<sip:f@h>,<sip:g@h>,<sip:h@h>,<sip:i@h>,"
			"<sip:j@h>,<sip:k@h>,<sip:l@h>,<sip:m@h>,<sip:n@h>,"
			"<sip:o@h>,<sip:p@h>,<sip:2041@10.0.0.1>\n");
	assert_string_equal(user_at(tracker, "10.0.0.1", 5060), "2041");
	sip_tracker_free(&tracker);
}

static void
each_ends_in_its_time(void **state)
{
	struct sip_tracker *tracker = start();
	const struct sip_registrar *r = sip_tracker_registrar_peek(tracker);
	char line[256];

	(void)state;
	/* 1 to 23 s, in another order */
	for (unsigned i = 1; i < 24; i++) {
		snprintf(line, sizeof(line),
			 "0 P>A 200/REGISTER 1 b=1 i=n%u from=%u to=%u "
			 "h=Contact:<sip:%u@h>;expires=%u",
			 i, i, i, i, i * 7 % 24 + (i * 7 % 24 == 0));
		testing_sip_line(tracker, line);
	}
	for (unsigned s = 1; s < 24; s++) {
		assert_int_equal(sip_registrar_count(r), 24 - s);
		snprintf(line, sizeof(line), "%u tick", s * 1000);
		testing_sip_line(tracker, line);
	}
	assert_int_equal(sip_registrar_count(r), 0);
	sip_tracker_free(&tracker);
}

static void
what_does_not_fit_is_counted(void **state)
{
	static char line[600];
	struct sip_tracker *tracker = start();
	const struct sip_counters *counters =
	    sip_tracker_counters_peek(tracker);

	(void)state;
	snprintf(line, sizeof(line),
		 "0 A>P REGISTER 1 i=r " TO_2041 "h=Contact:<sip:%0200d@h>", 1);
	testing_sip_line(tracker, line);
	assert_int_equal(counters->registrations_shed, 1);
	testing_sip_line(tracker, "0 A>P REGISTER 1 i=r " TO_2041
				  "h=Contact:<tel:+441632960001>");
	assert_int_equal(counters->registrations_shed, 2);
	assert_all(tracker, "");
	sip_tracker_free(&tracker);
}

static void
without_memory_nothing_is_broken(void **state)
{
	static const char script[] = CONFIRMED
	    "5000 B>P REGISTER 1 i=s " TO_2041 AT_B "\n"
	    "5001 P>B 200/REGISTER 1 i=s " TO_2041 AT_A AT_B "\n"
	    "6000 B>P REGISTER 2 i=s " TO_2041 "h=Contact:* h=Expires:0\n"
	    "6001 P>B 200/REGISTER 2 i=s " TO_2041 "\n";

	(void)state;
	for (unsigned i = 1; i < 40; i++) {
		struct sip_tracker *tracker = start();

		testing_fail_allocation(i);
		testing_sip_run(tracker, script);
		testing_fail_allocation(0);
		assert_all(tracker, "");
		sip_tracker_free(&tracker);
	}
}

/* ---- how contacts are written -------------------------------------------- */

static void
assert_contact(const char *header, const char *expected)
{
	struct sip_tracker *tracker = start();
	char line[256];

	snprintf(line, sizeof(line),
		 "0 P>A 200/REGISTER 1 i=r b=1 from=2041 to=2041 h=%s", header);
	testing_sip_line(tracker, line);
	assert_string_equal(contact_of(tracker, "2041"), expected);
	sip_tracker_free(&tracker);
}

static void
contacts_as_they_are_written(void **state)
{
	(void)state;
	assert_contact("Contact:sip:2041@10.0.0.1", "2041@10.0.0.1:5060");
	assert_contact("m:<sip:2041@Phone.Example>", "2041@phone.example:5060");
	assert_contact("Contact:<sips:2041@h>", "2041@h:5061");
	assert_contact("Contact:<sip:2041@h;transport=tls>", "2041@h:5061");
	assert_contact("Contact:<sip:10.0.0.1:5080;ob>", "10.0.0.1:5080");
	assert_contact("Contact:<sip:20%34%31:pass@h>", "2041@h:5060");
	assert_contact("Contact:<sip:a,b@[2001:db8::1]:5070>",
		       "a,b@[2001:db8::1]:5070");
	assert_contact("Contact:<sip:a@[2001:db8::1]>", "a@[2001:db8::1]:5060");
	assert_contact("Contact:<sip:a@h:99999>", "a@h:5060");
	assert_contact("Contact:,,<sip:a@h>,", "a@h:5060");
	assert_contact("Contact:<sip:a@h>;expires=\"60\"", "a@h:5060");
	assert_contact("Contact:<sip:a@h>;expires=0", "none");
	assert_contact("Contact:<mailto:a@h>", "none");
	assert_contact("Contact:<sip:>", "none");
	assert_contact("Contact:\"<sip:a@h>", "none");
	assert_contact("Contact:\"a,<sip:x@y>\"<sip:a@h>", "a@h:5060");
	assert_contact("Contact:\"a\\\"\"<sip:a@h>,<sip:b@h>", "b@h:5060");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_2xx_confirms),
		cmocka_unit_test(
		    how_long_says_the_contact_then_the_answer_then_the_request),
		cmocka_unit_test(the_same_telephone_twice_is_one),
		cmocka_unit_test(a_challenge_is_no_registration),
		cmocka_unit_test(a_challenge_of_a_refresh_changes_nothing),
		cmocka_unit_test(a_refresh_goes_on),
		cmocka_unit_test(
		    a_server_that_lists_nothing_did_as_it_was_asked),
		cmocka_unit_test(who_logs_out_is_gone),
		cmocka_unit_test(who_logs_out_unanswered_is_gone_soon),
		cmocka_unit_test(a_refresh_unanswered_holds_a_moment_more),
		cmocka_unit_test(a_claim_is_gone_soon),
		cmocka_unit_test(the_list_of_the_server_counts),
		cmocka_unit_test(hot_desking),
		cmocka_unit_test(two_at_one_address_are_no_answer),
		cmocka_unit_test(
		    a_contact_on_another_port_is_the_same_telephone),
		cmocka_unit_test(a_rewritten_contact_is_followed),
		cmocka_unit_test(a_proxy_is_passed_through),
		cmocka_unit_test(hops_come_in_any_order),
		cmocka_unit_test(an_sbc_registers_for_others),
		cmocka_unit_test(an_answer_that_overtook_its_request),
		cmocka_unit_test(what_is_late_counts_no_more),
		cmocka_unit_test(an_answer_sent_again_ends_nothing),
		cmocka_unit_test(a_request_that_was_missed),
		cmocka_unit_test(
		    a_flood_of_claims_takes_no_room_from_who_is_logged_in),
		cmocka_unit_test(an_address_of_record_has_so_many_contacts),
		cmocka_unit_test(a_list_that_is_too_long_ends_nothing),
		cmocka_unit_test(each_ends_in_its_time),
		cmocka_unit_test(what_does_not_fit_is_counted),
		cmocka_unit_test(without_memory_nothing_is_broken),
		cmocka_unit_test(contacts_as_they_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
