/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Calls of people who have nothing to do with each other, and look as if they
 * had: none is linked.
 *
 * A and D are customers (2001, 2009), P, Q and R switches, B, C and E
 * telephones, M is a media server.
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
#include "sip/sip_priv.h"

static const struct sip_config config = { .calls_max = 32 };

#define UUID "5ab30317f1a784dc48ff824d0d3715d8"

static struct testing_sip_log links;

/** Only what links calls. */
static void
note_links(void *ctx, const struct sip_event *event)
{
	if (event->type == SIP_EVENT_CALL || event->type == SIP_EVENT_MOVE)
		testing_sip_note(ctx, event);
}

static void
assert_links(const char *script, const char *expected)
{
	struct sip_tracker *tracker;

	memset(&links, 0, sizeof(links));
	assert_int_equal(sip_tracker_new(&tracker, &config, note_links, &links),
			 0);
	testing_sip_run(tracker, script);
	assert_string_equal(links.text, expected);
	sip_tracker_free(&tracker);
}

/* An INVITE from x to y; the response to it */
#define INVITE(t, x, y, id, options)                                           \
#t " " #x ">" #y " INVITE 1 b=1" #id " i=" #id " f=" #id "f " options  \
	   "\n"
#define OK(t, y, x, id, options)                                               \
#t " " #y ">" #x " 200/INVITE 1 b=1" #id " i=" #id " f=" #id           \
	   "f t=" #id "t " options "\n"

/* x, who was called, asks y to call 2003 */
#define REFER(t, x, y, id)                                                     \
#t " " #x ">" #y " REFER 1 b=r i=" #id " f=" #id "t t=" #id            \
	   "f h=Refer-To:sip:2003@P\n"

/* x holds y, and y agrees; t is a tenth of its time */
#define HOLD(t, x, y, id)                                                      \
#t "0 " #x ">" #y " INVITE 2 b=2" #id " i=" #id " f=" #id "f t=" #id   \
	   "t sdp=10.0.0.9:4000/sendonly\n" #t "1 " #y ">" #x                  \
	   " 200/INVITE 2 b=2" #id " i=" #id " f=" #id "f t=" #id              \
	   "t sdp=10.0.0.9:6000/recvonly\n"

static void
who_calls_the_same_as_a_transfer(void **state)
{
	(void)state;
	/* the switch transfers 2001 to 2003, and calls 2003 for 2009 too */
	assert_links(
	    INVITE(0, A, P, one, "from=2001 to=100")
		INVITE(5, P, B, two, "from=2001 to=2002") OK(10, B, P, two, "")
		    OK(15, P, A, one, "") REFER(1000, B, P, two)
			INVITE(1020, P, C, stranger, "from=2009 to=2003")
			    INVITE(1030, P, C, new, "from=2001 to=2003"),
	    "0 #1 call 2001>100\n"
	    "5 #2 call 2001>2002\n"
	    "1020 #3 call 2009>2003\n"
	    "1030 #4 call 2001>2003 after #2 transfer by refer\n");
	/* where nobody says who calls, the address tells, but once */
	assert_links(
	    INVITE(0, P, B, one, "from=anonymous to=2002") OK(10, B, P, one, "")
		REFER(1000, B, P, one)
		    INVITE(1020, P, C, new, "from=anonymous to=2003")
			INVITE(1030, P, C, stranger, "from=anonymous to=2003"),
	    "0 #1 call anonymous>2002\n"
	    "1020 #2 call anonymous>2003 after #1 transfer by refer\n"
	    "1030 #3 call anonymous>2003\n");
}

static void
branches_of_a_transfer_are_one_call(void **state)
{
	(void)state;
	/* the switch calls both telephones of 2003; then 2001 calls again */
	assert_links(
	    INVITE(0, P, B, one, "from=2001 to=2002") OK(10, B, P, one, "")
		REFER(1000, B, P, one)
		    INVITE(1020, P, C, new, "from=2001 to=2003")
			INVITE(1021, P, E, branch, "from=2001 to=2003")
			    INVITE(1022, P, E, stranger, "from=2009 to=2003")
				INVITE(1600, P, C, later, "from=2001 to=2003"),
	    "0 #1 call 2001>2002\n"
	    "1020 #2 call 2001>2003 after #1 transfer by refer\n"
	    "1021 #3 call 2001>2003 of #2 same by refer\n"
	    "1022 #4 call 2009>2003\n"
	    "1600 #5 call 2001>2003\n");
}

static void
whoever_had_part_may_be_who_is_transferred(void **state)
{
	(void)state;
	assert_links(
	    INVITE(0, P, B, one, "from=2001 to=+441495002002")
		OK(10, B, P, one, "") REFER(1000, B, P, one)
		    INVITE(1020, P, C, new, "from=01495002002 to=2003"),
	    "0 #1 call 2001>+441495002002\n"
	    "1020 #2 call 01495002002>2003 after #1 transfer by refer\n");
	assert_links(INVITE(0, P, B, one, "from=2001 to=+441495002002")
			 OK(10, B, P, one, "") REFER(1000, B, P, one)
			     INVITE(1020, P, C, new,
				    "from=7 to=2003 "
				    "h=Referred-By:sip:01495002002@P"),
		     "0 #1 call 2001>+441495002002\n"
		     "1020 #2 call 7>2003 after #1 transfer by refer\n");
}

static void
who_is_redirected_to_the_same(void **state)
{
	(void)state;
	assert_links("0 A>P INVITE 1 b=1 i=one f=of from=2001 to=100\n"
		     "10 P>A 302/INVITE 1 b=1 i=one f=of t=ot "
		     "h=Contact:sip:2003@C\n"
		     "15 A>P ACK 1 b=1 i=one f=of t=ot\n" INVITE(
			 20, A, C, two, "from=2009 to=2003")
			 INVITE(30, A, C, three, "from=2001 to=2003"),
		     "0 #1 call 2001>100\n"
		     "20 #2 call 2009>2003\n"
		     "30 #3 call 2001>2003 of #1 same by redirect\n");
}

static void
who_calls_from_the_same_number_as_who_holds(void **state)
{
	(void)state;
	/* a switch that calls out with one number, and talks in another call */
	assert_links(
	    INVITE(0, P, A, one, "from=100 to=2001 sdp=10.0.0.9:4000")
		OK(10, A, P, one, "sdp=10.0.0.1:4000")
		    INVITE(20, P, A, two, "from=100 to=2005 sdp=10.0.0.9:4004")
			OK(30, A, P, two, "sdp=10.0.0.1:4004")
			    HOLD(50, P, A, one)
				INVITE(600, P, A, three, "from=100 to=2006"),
	    "0 #1 call 100>2001\n"
	    "20 #2 call 100>2005\n"
	    "600 #3 call 100>2006\n");
	/* its telephones are seen too: B holds A, C calls D, B asks E */
	assert_links(
	    INVITE(0, B, P, one, "from=2002 to=2001 h=Session-ID:" UUID)
		INVITE(5, P, A, two, "from=100 to=2001 h=Session-ID:" UUID)
		    OK(10, A, P, two, "sdp=10.0.0.1:4000")
			OK(15, P, B, one, "sdp=10.0.0.9:4002")
			    HOLD(50, B, P, one) HOLD(51, P, A, two) INVITE(
				600, C, P, other, "from=2003 to=2009")
				INVITE(605, P, D, three, "from=100 to=2009")
				    INVITE(700, B, P, ask, "from=2002 to=2004"),
	    "0 #1 call 2002>2001\n"
	    "5 #2 call 100>2001 of #1 same by session-id\n"
	    "600 #3 call 2003>2009\n"
	    "605 #4 call 100>2009\n"
	    "700 #5 call 2002>2004 after #1 consult by hold\n");
	assert_links(
	    INVITE(0, A, P, one, "from=anonymous to=100 sdp=10.0.0.1:4000")
		OK(10, P, A, one, "sdp=10.0.0.9:4000") HOLD(50, A, P, one)
		    INVITE(600, A, P, three, "from=anonymous to=100"),
	    "0 #1 call anonymous>100\n"
	    "600 #2 call anonymous>100\n");
}

static void
one_waits_in_a_queue_and_another_with_the_same_number_comes(void **state)
{
	(void)state;
	assert_links(INVITE(0, A, P, one, "from=2001 to=100")
			 OK(10, P, A, one, "")
			     INVITE(2000, A, P, other, "from=2001 to=100")
				 INVITE(2010, P, B, two, "from=2001 to=100"),
		     "0 #1 call 2001>100\n"
		     "2000 #2 call 2001>100\n"
		     "2010 #3 call 2001>100\n");
	/* nor is "unknown" the same as "unknown" */
	assert_links(INVITE(0, A, P, one, "from=unknown to=100")
			 INVITE(10, P, B, two, "from=unknown to=100"),
		     "0 #1 call unknown>100\n"
		     "10 #2 call unknown>100\n");
}

static void
the_same_private_address_in_two_houses(void **state)
{
	(void)state;
	/* the switch passes on what telephones say */
	assert_links(
	    INVITE(0, A, P, one, "from=2001 to=100 sdp=192.168.1.10:5004")
		INVITE(5, P, Q, two, "from=2001 to=100 sdp=192.168.1.10:5004")
		    OK(10, Q, P, two, "") OK(15, P, A, one, "")
			INVITE(900, D, P, other,
			       "from=2009 to=100 sdp=192.168.1.10:5004")
			    INVITE(905, P, Q, next,
				   "from=2009 to=100 sdp=192.168.1.10:5004"),
	    "0 #1 call 2001>100\n"
	    "5 #2 call 2001>100 of #1 same by same numbers\n"
	    "900 #3 call 2009>100\n"
	    "905 #4 call 2009>100 of #3 same by same numbers\n");
	/* both at once */
	assert_links(
	    INVITE(0, A, P, one, "from=2001 to=100 sdp=192.168.1.10:5004")
		INVITE(2, D, P, other, "from=2009 to=100 sdp=192.168.1.10:5004")
		    INVITE(5, P, Q, two,
			   "from=2001 to=100 sdp=192.168.1.10:5004")
			INVITE(7, P, Q, next,
			       "from=2009 to=100 sdp=192.168.1.10:5004"),
	    "0 #1 call 2001>100\n"
	    "2 #2 call 2009>100\n"
	    "5 #3 call 2001>100 of #1 same by same numbers\n"
	    "7 #4 call 2009>100 of #2 same by same numbers\n");
	assert_links(
	    INVITE(0, A, P, one, "from=2001 to=100 sdp=192.168.1.10:5004")
		INVITE(2, D, P, other, "from=2009 to=100 sdp=192.168.1.10:5004")
		    INVITE(5, P, Q, two, "from=7 to=100 sdp=192.168.1.10:5004")
			INVITE(7, P, Q, next,
			       "from=7 to=100 sdp=192.168.1.10:5004"),
	    "0 #1 call 2001>100\n"
	    "2 #2 call 2009>100\n"
	    "5 #3 call 7>100\n"
	    "7 #4 call 7>100\n");
}

static void
music_on_hold_from_one_address(void **state)
{
	(void)state;
	/* P holds both, and Q passes on to whom */
	assert_links(
	    INVITE(0, P, Q, one, "from=2001 to=3001 sdp=10.0.0.1:4000") INVITE(
		5, Q, B, two,
		"from=2001 to=3001 sdp=10.0.0.1:4000") OK(10, B, Q, two,
							  "sdp=10.0.0.2:4000")
		OK(15, Q, P, one, "sdp=10.0.0.2:4000") INVITE(
		    20, P, Q, other, "from=2009 to=3002 sdp=10.0.0.4:4000")
		    INVITE(25, Q, C, next,
			   "from=2009 to=3002 sdp=10.0.0.4:4000")
			OK(30, C, Q, next, "sdp=10.0.0.3:4000") OK(
			    35, Q, P, other,
			    "sdp=10.0.0.3:4000") "500 P>Q INVITE 2 b=h i=one f=onef t=onet "
						 "sdp=10.0.9.9:4000/sendonly\n"
						 "505 P>Q INVITE 2 b=k i=other f=otherf t=othert "
						 "sdp=10.0.9.9:4000/sendonly\n"
						 "510 Q>B INVITE 2 b=l i=two f=twof t=twot "
						 "sdp=10.0.9.9:4000/sendonly\n"
						 "515 Q>C INVITE 2 b=m i=next f=nextf t=nextt "
						 "sdp=10.0.9.9:4000/sendonly\n",
	    "0 #1 call 2001>3001\n"
	    "5 #2 call 2001>3001 of #1 same by same numbers\n"
	    "20 #3 call 2009>3002\n"
	    "25 #4 call 2009>3002 of #3 same by same numbers\n");
}

static void
a_conference_with_one_address(void **state)
{
	(void)state;
	/* each is switched to M by a call with numbers of its own */
	assert_links(
	    INVITE(0, A, P, one, "from=2001 to=800 sdp=10.0.0.1:4000")
		INVITE(5, P, M, in, "from=7 to=1 sdp=10.0.0.16:6000") OK(
		    10, M, P, in, "sdp=10.0.0.13:5000")
		    OK(15, P, A, one, "sdp=10.0.0.13:5000") INVITE(
			20, D, P, other, "from=2009 to=800 sdp=10.0.0.4:4000")
			INVITE(25, P, M, next, "from=8 to=1 sdp=10.0.0.16:6002")
			    OK(30, M, P, next, "sdp=10.0.0.13:5000")
				OK(35, P, D, other, "sdp=10.0.0.13:5000"),
	    "0 #1 call 2001>800\n"
	    "5 #2 call 7>1\n"
	    "15 #2 move of #1 same by same media\n"
	    "20 #3 call 2009>800\n"
	    "25 #4 call 8>1\n");
}

static void
ids_that_all_calls_of_a_switch_have(void **state)
{
	static const char *const ids[][2] = {
		{ "h=Session-ID:" UUID, "session-id" },
		{ "h=P-Charging-Vector:icid-value=constant1",
		  "charging-vector" },
		{ "h=Cisco-Guid:0000000000-0000000000-0000000000-0000000000",
		  "vendor-id" },
	};
	char script[1024], expected[256];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const char *id = ids[i][0];

		snprintf(
		    script, sizeof(script),
		    INVITE(0, A, P, one, "from=2001 to=100 %s")
			INVITE(5, P, B, two, "from=2001 to=2002 %s")
			    INVITE(900, A, P, other, "from=2009 to=100 %s")
				INVITE(905, P, C, next, "from=2009 to=2003 %s"),
		    id, id, id, id);
		snprintf(expected, sizeof(expected),
			 "0 #1 call 2001>100\n"
			 "5 #2 call 2001>2002 of #1 same by %s\n"
			 "900 #3 call 2009>100\n"
			 "905 #4 call 2009>2003\n",
			 ids[i][1]);
		assert_links(script, expected);
		/* calls on from another address than it is called at */
		snprintf(script, sizeof(script),
			 INVITE(0, A, P, one, "from=2001 to=100 %s")
			     INVITE(5, Q, R, two, "from=2001 to=100 %s") INVITE(
				 900, A, P, other, "from=2009 to=100 %s")
				 INVITE(905, Q, R, next, "from=2009 to=100 %s"),
			 id, id, id, id);
		snprintf(expected, sizeof(expected),
			 "0 #1 call 2001>100\n"
			 "5 #2 call 2001>100 of #1 same by %s\n"
			 "900 #3 call 2009>100\n"
			 "905 #4 call 2009>100\n",
			 ids[i][1]);
		assert_links(script, expected);
	}
}

static void
ids_that_all_calls_of_a_telephone_have(void **state)
{
	(void)state;
	assert_links(
	    INVITE(0, B, P, one, "from=2002 to=2001 h=Session-ID:" UUID)
		INVITE(5, P, A, two, "from=100 to=2001 h=Session-ID:" UUID)
		    OK(6, A, P, two, "") OK(7, P, B, one, "")
			INVITE(900, B, P, other,
			       "from=2002 to=2003 h=Session-ID:" UUID)
			    INVITE(905, P, C, next,
				   "from=2002 to=2003 h=Session-ID:" UUID),
	    "0 #1 call 2002>2001\n"
	    "5 #2 call 100>2001 of #1 same by session-id\n"
	    "900 #3 call 2002>2003\n"
	    "905 #4 call 2002>2003 of #3 same by session-id\n");
}

static void
ids_of_branches_of_one_call(void **state)
{
	(void)state;
	assert_links(
	    INVITE(0, A, P, one, "from=2001 to=100 h=Session-ID:" UUID) INVITE(
		5, P, Q, two, "from=2001 to=2002 h=Session-ID:" UUID)
		INVITE(6, P, Q, three, "from=2001 to=2003 h=Session-ID:" UUID),
	    "0 #1 call 2001>100\n"
	    "5 #2 call 2001>2002 of #1 same by session-id\n"
	    "6 #3 call 2001>2003 of #1 same by session-id\n");
	assert_links(
	    INVITE(0, A, P, one, "from=anonymous to=100 h=Session-ID:" UUID)
		INVITE(5, P, Q, two,
		       "from=anonymous to=2002 h=Session-ID:" UUID)
		    INVITE(6, P, Q, three,
			   "from=anonymous to=2003 h=Session-ID:" UUID),
	    "0 #1 call anonymous>100\n"
	    "5 #2 call anonymous>2002 of #1 same by session-id\n"
	    "6 #3 call anonymous>2003 of #1 same by session-id\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_calls_the_same_as_a_transfer),
		cmocka_unit_test(branches_of_a_transfer_are_one_call),
		cmocka_unit_test(whoever_had_part_may_be_who_is_transferred),
		cmocka_unit_test(who_is_redirected_to_the_same),
		cmocka_unit_test(who_calls_from_the_same_number_as_who_holds),
		cmocka_unit_test(
		    one_waits_in_a_queue_and_another_with_the_same_number_comes),
		cmocka_unit_test(the_same_private_address_in_two_houses),
		cmocka_unit_test(music_on_hold_from_one_address),
		cmocka_unit_test(a_conference_with_one_address),
		cmocka_unit_test(ids_that_all_calls_of_a_switch_have),
		cmocka_unit_test(ids_that_all_calls_of_a_telephone_have),
		cmocka_unit_test(ids_of_branches_of_one_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
