/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A is a customer's telephone (2001), B an agent's (2002), C a colleague's
 * (2003), P a switch.
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
#include "sip/restart_feed.h"
#include "sip/sip_priv.h"

#define UUID "5ab30317f1a784dc48ff824d0d3715d8"
#define NIL  "00000000000000000000000000000000"

static struct testing_sip_log links;

/** Only what links calls, and where media moves to. */
static void
note_links(void *ctx, const struct sip_event *event)
{
	switch (event->type) {
	case SIP_EVENT_CALL:
	case SIP_EVENT_REFER:
	case SIP_EVENT_MOVE:
	case SIP_EVENT_END:
		testing_sip_note(ctx, event);
		break;
	default:
		break;
	}
}

/** The line that asks for a transfer between two calls. @return -1: none */
static int
line_of_replaces(const char *script)
{
	const char *found = strstr(script, "?Replaces=");
	int line = 0;

	for (; found && script < found; script++)
		line += *script == '\n';
	return found ? line : -1;
}

/**
 * The same with a recorder that is killed after each line, and started again.
 *
 * @param forgotten what is told instead if that was after a transfer was asked
 *        for and before it was done: which two calls it is of is not kept
 */
static void
assert_links_go_on(const char *script, sip_event_fn fn, const char *expected,
		   const char *forgotten)
{
	static struct restart_feed feed;
	int lines = restart_feed_lines(script);
	int moment = line_of_replaces(script);

	for (int after = -1; after < lines; after++) {
		bool forgets = moment >= 0 && (after < 0 || after == moment);

		restart_feed_run(&feed, fn, script, after);
		assert_true(feed.restarted || after == lines - 1);
		assert_string_equal(feed.log.text,
				    forgets ? forgotten : expected);
	}
}

static void
assert_links_of(const char *script, sip_event_fn fn, const char *expected,
		const char *forgotten)
{
	struct sip_tracker *tracker;

	memset(&links, 0, sizeof(links));
	tracker = restart_feed_tracker(fn, &links);
	testing_sip_run(tracker, script);
	assert_string_equal(links.text, expected);
	sip_tracker_finish(tracker, 1000000000000);
	assert_null(tracker->slots);
	sip_tracker_free(&tracker);
	assert_links_go_on(script, fn, expected, forgotten);
}

static void
assert_links(const char *script, const char *expected)
{
	assert_links_of(script, note_links, expected, NULL);
}

/* A call from x to y, answered; t is a tenth of its time. */
#define CALL(t, x, y, id, from_to)                                             \
#t "0 " #x ">" #y " INVITE 1 b=1 i=" #id " f=" #id "f " from_to        \
	   " sdp=10.0.9.1:4000\n" #t "1 " #y ">" #x " 200/INVITE 1 b=1 i=" #id \
	   " f=" #id "f t=" #id "t " from_to " sdp=10.0.9.2:4000\n" #t "2 " #x \
	   ">" #y " ACK 1 b=2 i=" #id " f=" #id "f t=" #id "t " from_to "\n"

#define A_TO_B CALL(0, A, B, one, "from=2001 to=2002")

#define VIA_P                                                                  \
	"0 A>P INVITE 1 b=1 i=one f=of h=Session-ID:" UUID "\n"                \
	"5 P>B INVITE 1 b=2 i=two f=tf h=Session-ID:" UUID "\n"                \
	"10 B>P 200/INVITE 1 b=2 i=two f=tf t=tt\n"                            \
	"15 P>A 200/INVITE 1 b=1 i=one f=of t=ot\n"

static void
a_blind_transfer_is_followed(void **state)
{
	(void)state;
	assert_links(
	    A_TO_B
	    "1000 B>A REFER 1 b=r i=one f=onet t=onef h=Refer-To:sip:2003@C\n"
	    "1010 A>B 202/REFER 1 b=r i=one f=onet t=onef\n"
	    "1020 A>C INVITE 1 b=n i=two f=a from=2001 to=2003\n"
	    "1900 B>A BYE 2 b=q i=one f=onet t=onef\n",
	    "0 #1 call 2001>2002\n"
	    "1000 #1 refer by callee to 2003\n"
	    "1020 #2 call 2001>2003 after #1 transfer by refer\n"
	    "1900 #1 end bye 0 by callee\n");
}

static void
a_refer_that_was_missed_is_in_referred_by(void **state)
{
	(void)state;
	assert_links(A_TO_B "1020 A>C INVITE 1 b=n i=two f=a from=2001 to=2003 "
			    "h=Referred-By:sip:2002@pbx\n",
		     "0 #1 call 2001>2002\n"
		     "1020 #2 call 2001>2003 after #1 transfer by "
		     "referred-by\n");
}

static void
who_was_not_asked_is_not_linked(void **state)
{
	(void)state;
	/* D calls the same number: nobody asked him */
	assert_links(
	    A_TO_B
	    "1000 B>A REFER 1 b=r i=one f=onet t=onef h=Refer-To:sip:2003@C\n"
	    "1020 D>C INVITE 1 b=n i=two f=d from=2009 to=2003\n",
	    "0 #1 call 2001>2002\n"
	    "1000 #1 refer by callee to 2003\n"
	    "1020 #2 call 2009>2003\n");
	/* nor a second time */
	assert_links(
	    A_TO_B
	    "1000 B>A REFER 1 b=r i=one f=onet t=onef h=Refer-To:sip:2003@C\n"
	    "1020 A>C INVITE 1 b=n i=two f=a from=2001 to=2003\n"
	    "1900 B>A BYE 2 b=q i=one f=onet t=onef\n"
	    "2000 A>C INVITE 1 b=n i=again f=a from=2001 to=2003\n",
	    "0 #1 call 2001>2002\n"
	    "1000 #1 refer by callee to 2003\n"
	    "1020 #2 call 2001>2003 after #1 transfer by refer\n"
	    "1900 #1 end bye 0 by callee\n"
	    "2000 #3 call 2001>2003\n");
	/* nor for another, by the same switch */
	assert_links(
	    VIA_P "1000 B>P REFER 1 b=r i=two f=tt t=tf h=Refer-To:sip:2003@P\n"
		  "1010 P>C INVITE 1 b=o i=other f=o from=2009 to=2003\n"
		  "1020 P>C INVITE 1 b=n i=new f=n from=2001 to=2003\n",
	    "0 #1 call 2001>2002\n"
	    "5 #2 call 2001>2002 of #1 same by session-id\n"
	    "1000 #2 refer by callee to 2003\n"
	    "1010 #3 call 2009>2003\n"
	    "1020 #4 call 2001>2003 of #1 transfer by refer\n");
	/* refused, failed, and too late */
	assert_links(
	    A_TO_B
	    "1000 B>A REFER 1 b=r i=one f=onet t=onef h=Refer-To:sip:2003@C\n"
	    "1010 A>B 603/REFER 1 b=r i=one f=onet t=onef\n"
	    "1020 A>C INVITE 1 b=n i=two f=a from=2001 to=2003\n",
	    "0 #1 call 2001>2002\n"
	    "1000 #1 refer by callee to 2003\n"
	    "1020 #2 call 2001>2003\n");
	assert_links(
	    A_TO_B
	    "1000 B>A REFER 1 b=r i=one f=onet t=onef h=Refer-To:sip:2003@C\n"
	    "70000 A>C INVITE 1 b=n i=two f=a from=2001 to=2003\n",
	    "0 #1 call 2001>2002\n"
	    "1000 #1 refer by callee to 2003\n"
	    "70000 #2 call 2001>2003\n");
}

static void
an_attended_transfer_is_followed(void **state)
{
	(void)state;
	assert_links_of(
	    A_TO_B
	    "500 B>A INVITE 1 b=h i=one f=onet t=onef "
	    "sdp=10.0.0.2:5000/sendonly\n"
	    "510 A>B 200/INVITE 1 b=h i=one f=onet t=onef "
	    "sdp=10.0.0.1:4000/recvonly\n" CALL(
		60, B, C, con,
		"from=2002 to=2003") "1000 B>A REFER 2 b=r i=one f=onet t=onef "
				     "h=Refer-To:<sip:2003@C?Replaces=con%3Bto-tag%3Dcont"
				     "%3Bfrom-tag%3Dconf>\n"
				     "1020 A>C INVITE 1 b=n i=two f=a from=2001 to=2003 "
				     "h=Replaces:con;to-tag=cont;from-tag=conf\n"
				     "1100 C>B BYE 1 b=q i=con f=cont t=conf\n"
				     "1200 B>A BYE 3 b=q i=one f=onet t=onef\n"
				     "2000 B>C INVITE 1 b=z i=new f=nf from=2002 to=2003\n",
	    note_links,
	    "0 #1 call 2001>2002\n"
	    "600 #2 call 2002>2003 after #1 consult by hold\n"
	    "1000 #1 refer by callee to 2003\n"
	    "1020 #3 call 2001>2003 after #1 transfer by refer\n"
	    "1100 #2 end bye 0 by callee\n"
	    "1200 #1 end bye 0 by callee\n"
	    "2000 #4 call 2002>2003\n",
	    "0 #1 call 2001>2002\n"
	    "600 #2 call 2002>2003 after #1 consult by hold\n"
	    "1000 #1 refer by callee to 2003\n"
	    "1020 #3 call 2001>2003 after #2 transfer by replaces\n"
	    "1100 #2 end bye 0 by callee\n"
	    "1200 #1 end bye 0 by callee\n"
	    "2000 #4 call 2002>2003\n");
}

static void
replaces_alone_tells_a_transfer(void **state)
{
	(void)state;
	assert_links(
	    CALL(
		0, B, C, con,
		"from=2002 to=2003") "1020 A>C INVITE 1 b=n i=two f=a from=2001 to=2003 "
				     "h=Replaces:con;to-tag=cont;from-tag=conf\n",
	    "0 #1 call 2002>2003\n"
	    "1020 #2 call 2001>2003 after #1 transfer by replaces\n");
	/* of a call that rings it is a pickup, and goes on with the caller */
	assert_links("0 A>B INVITE 1 b=1 i=one f=of from=2001 to=2002\n"
		     "10 B>A 180/INVITE 1 b=1 i=one f=of t=ot\n"
		     "900 C>A INVITE 1 b=n i=two f=c from=2003 to=2001 "
		     "h=Replaces:one;to-tag=of;from-tag=ot;early-only\n",
		     "0 #1 call 2001>2002\n"
		     "900 #2 call 2003>2001 of #1 pickup by replaces "
		     "crossed\n");
	/* of nothing */
	assert_links("900 C>A INVITE 1 b=n i=two f=c from=2003 to=2001 "
		     "h=Replaces:none;to-tag=x;from-tag=y\n",
		     "900 #1 call 2003>2001\n");
}

static void
legs_of_a_switch_are_one_conversation(void **state)
{
	static const char *const ids[][2] = {
		{ "h=Session-ID:" UUID ";remote=" NIL "", "session-id" },
		{ "h=P-Charging-Vector:icid-value=12-icid-3;x=y",
		  "charging-vector" },
		{ "h=Cisco-Guid:1-2-3-4-5", "vendor-id" },
	};
	char script[512], expected[256];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		snprintf(script, sizeof(script),
			 "0 A>P INVITE 1 b=1 i=one f=a from=2001 to=100 %s\n"
			 "9 P>B INVITE 1 b=2 i=two f=p from=2001 to=2002 %s\n",
			 ids[i][0], ids[i][0]);
		snprintf(expected, sizeof(expected),
			 "0 #1 call 2001>100\n"
			 "9 #2 call 2001>2002 of #1 same by %s\n",
			 ids[i][1]);
		assert_links(script, expected);
	}
	/* a vendor's that all of a switch's calls have */
	assert_links("0 A>P INVITE 1 b=1 i=one f=a h=Cisco-Guid:1-2-3-4-5\n"
		     "9 P>C INVITE 1 b=2 i=two f=p from=2005 to=2003 "
		     "h=Cisco-Guid:1-2-3-4-5\n",
		     "0 #1 call 2001>2002\n"
		     "9 #2 call 2005>2003\n");
	/* two of one telephone are not two legs of one conversation */
	assert_links("0 A>P INVITE 1 b=1 i=one f=a h=Session-ID:" UUID "\n"
		     "9 A>P INVITE 1 b=2 i=two f=p to=9 h=Session-ID:" UUID
		     "\n",
		     "0 #1 call 2001>2002\n"
		     "9 #2 call 2001>9\n");
}

static void
ends_of_a_switch_are_told_apart(void **state)
{
	(void)state;
	/* the switch calls both */
	assert_links("0 P>A INVITE 1 b=1 i=one f=a h=Session-ID:" UUID "\n"
		     "9 P>B INVITE 1 b=2 i=two f=p h=Session-ID:" UUID "\n",
		     "0 #1 call 2001>2002\n"
		     "9 #2 call 2001>2002 of #1 same by session-id crossed\n");
	/* both call the switch */
	assert_links("0 A>P INVITE 1 b=1 i=one f=a h=Session-ID:" UUID "\n"
		     "9 B>P INVITE 1 b=2 i=two f=p h=Session-ID:" UUID "\n",
		     "0 #1 call 2001>2002\n"
		     "9 #2 call 2001>2002 of #1 same by session-id crossed\n");
}

static void
a_switch_that_calls_on_is_known_by_the_numbers(void **state)
{
	(void)state;
	assert_links(
	    "0 A>P INVITE 1 b=1 i=one f=a from=+441495222333 to=01495111222\n"
	    "9 P>B INVITE 1 b=2 i=two f=p from=01495222333 to=+441495111222\n",
	    "0 #1 call +441495222333>01495111222\n"
	    "9 #2 call 01495222333>+441495111222 of #1 same by same "
	    "numbers\n");
	/* two may be meant; too late; answered; nobody says who calls */
	assert_links("0 A>P INVITE 1 b=1 i=one f=a\n"
		     "1 A>P INVITE 1 b=3 i=another f=b\n"
		     "9 P>B INVITE 1 b=2 i=two f=p\n",
		     "0 #1 call 2001>2002\n"
		     "1 #2 call 2001>2002\n"
		     "9 #3 call 2001>2002\n");
	assert_links("0 A>P INVITE 1 b=1 i=one f=a\n"
		     "5001 P>B INVITE 1 b=2 i=two f=p\n",
		     "0 #1 call 2001>2002\n"
		     "5001 #2 call 2001>2002\n");
	assert_links("0 A>P INVITE 1 b=1 i=one f=a\n"
		     "1 P>A 200/INVITE 1 b=1 i=one f=a t=t\n"
		     "2 P>B INVITE 1 b=2 i=two f=p\n",
		     "0 #1 call 2001>2002\n"
		     "2 #2 call 2001>2002\n");
	assert_links("0 A>P INVITE 1 b=1 i=one f=a from=anonymous\n"
		     "2 P>B INVITE 1 b=2 i=two f=p from=anonymous\n",
		     "0 #1 call anonymous>2002\n"
		     "2 #2 call anonymous>2002\n");
}

static void
a_switch_that_passes_addresses_on_is_known_by_them(void **state)
{
	(void)state;
	assert_links_of(
	    "0 A>P INVITE 1 b=1 i=one f=a from=2001 to=100 "
	    "sdp=10.0.0.1:4000\n"
	    "9 P>B INVITE 1 b=2 i=two f=p from=7 to=2002 sdp=10.0.0.1:4000\n",
	    testing_sip_note,
	    "0 #1 call 2001>100\n"
	    "0 #1 +1 caller 10.0.0.1:4000\n"
	    "9 #2 call 7>2002\n"
	    "9 #2 +2 caller 10.0.0.1:4000\n"
	    "9 #2 -2 caller 10.0.0.1:4000\n"
	    "9 #2 move of #1 same by same media\n"
	    "9 #2 +3 caller 10.0.0.1:4000\n",
	    NULL);
	/* the same telephone, whose BYE was missed, calls again */
	assert_links("0 A>P INVITE 1 b=1 i=one f=a from=2001 to=100 "
		     "sdp=10.0.0.1:4000\n"
		     "9 A>P INVITE 1 b=2 i=two f=b from=2001 to=101 "
		     "sdp=10.0.0.1:4000\n",
		     "0 #1 call 2001>100\n"
		     "9 #2 call 2001>101\n");
	/* its next call is not joined with that either, by no leg of it */
	assert_links("0 A>P INVITE 1 b=1 i=one f=a from=2001 to=100 "
		     "sdp=10.0.0.1:4000\n"
		     "9 A>P INVITE 1 b=2 i=two f=b from=2001 to=2003 "
		     "sdp=10.0.0.1:4000\n"
		     "11 P>C INVITE 1 b=3 i=three f=p from=2001 to=2003 "
		     "sdp=10.0.0.1:4000\n",
		     "0 #1 call 2001>100\n"
		     "9 #2 call 2001>2003\n"
		     "11 #3 call 2001>2003 of #2 same by same numbers\n");
	/* another's telephone got the address */
	assert_links("0 A>P INVITE 1 b=1 i=one f=a from=2001 to=100 "
		     "sdp=10.0.0.1:4000\n"
		     "9 C>D INVITE 1 b=2 i=two f=b from=2003 to=2004 "
		     "sdp=10.0.0.1:4000\n",
		     "0 #1 call 2001>100\n"
		     "9 #2 call 2003>2004\n");
}

static void
a_transfer_by_a_switch_is_one_more_leg(void **state)
{
	(void)state;
	assert_links(
	    VIA_P "1000 B>P REFER 1 b=r i=two f=tt t=tf h=Refer-To:sip:2003@P\n"
		  "1020 P>C INVITE 1 b=n i=new f=n from=2001 to=2003\n"
		  "1100 P>B BYE 2 b=q i=two f=tf t=tt\n",
	    "0 #1 call 2001>2002\n"
	    "5 #2 call 2001>2002 of #1 same by session-id\n"
	    "1000 #2 refer by callee to 2003\n"
	    "1020 #3 call 2001>2003 of #1 transfer by refer\n"
	    "1100 #2 end bye 0 by caller\n");
}

static void
a_switch_joins_what_is_left_of_two(void **state)
{
	(void)state;
	assert_links_of(
	    VIA_P
	    "600 B>P INVITE 1 b=1 i=con f=cf from=2002 to=2003\n"
	    "605 P>C INVITE 1 b=4 i=four f=ff from=2002 to=2003\n"
	    "610 C>P 200/INVITE 1 b=4 i=four f=ff t=ft from=2002 to=2003\n"
	    "620 P>B 200/INVITE 1 b=1 i=con f=cf t=ct from=2002 to=2003\n"
	    "1000 B>P REFER 2 b=r i=two f=tt t=tf "
	    "h=Refer-To:<sip:2003@P?Replaces=con%3Bto-tag%3Dct"
	    "%3Bfrom-tag%3Dcf>\n"
	    "1100 P>B BYE 2 b=q i=two f=tf t=tt\n"
	    "1110 P>B BYE 2 b=q i=con f=ct t=cf\n"
	    "2000 B>C INVITE 1 b=z i=new f=nf from=2002 to=2003\n",
	    note_links,
	    "0 #1 call 2001>2002\n"
	    "5 #2 call 2001>2002 of #1 same by session-id\n"
	    "600 #3 call 2002>2003\n"
	    "605 #4 call 2002>2003 of #3 same by same numbers\n"
	    "1000 #2 refer by callee to 2003\n"
	    "1100 #4 move of #1 transfer by refer\n"
	    "1100 #2 end bye 0 by caller\n"
	    "1110 #3 end bye 0 by callee\n"
	    "2000 #5 call 2002>2003\n",
	    "0 #1 call 2001>2002\n"
	    "5 #2 call 2001>2002 of #1 same by session-id\n"
	    "600 #3 call 2002>2003\n"
	    "605 #4 call 2002>2003 of #3 same by same numbers\n"
	    "1000 #2 refer by callee to 2003\n"
	    "1100 #2 end bye 0 by caller\n"
	    "1110 #3 end bye 0 by callee\n"
	    "2000 #5 call 2002>2003\n");
}

static void
a_redirection_is_followed(void **state)
{
	(void)state;
	assert_links("0 A>B INVITE 1 b=1 i=one f=of\n"
		     "10 B>A 302/INVITE 1 b=1 i=one f=of t=ot "
		     "h=Contact:sip:2003@C\n"
		     "15 A>B ACK 1 b=1 i=one f=of t=ot\n"
		     "20 A>C INVITE 1 b=2 i=two f=n to=2003\n",
		     "0 #1 call 2001>2002\n"
		     "20 #2 call 2001>2003 of #1 same by redirect\n");
}

static void
who_was_redirected_hangs_up(void **state)
{
	struct sip_tracker *tracker = restart_feed_tracker(note_links, &links);

	(void)state;
	memset(&links, 0, sizeof(links));
	/* the conversation ends with its last call, at once */
	testing_sip_run(tracker,
			"0 A>B INVITE 1 b=1 i=one f=of\n"
			"10 B>A 302/INVITE 1 b=1 i=one f=of t=ot "
			"h=Contact:sip:2003@C\n"
			"20 A>C INVITE 1 b=2 i=two f=n to=2003\n"
			"30 C>A 200/INVITE 1 b=2 i=two f=n t=nt to=2003\n"
			"90 A>C BYE 2 b=q i=two f=n t=nt to=2003\n");
	assert_string_equal(links.text,
			    "0 #1 call 2001>2002\n"
			    "20 #2 call 2001>2003 of #1 same by redirect\n"
			    "10 #1 end rejected 302 by callee\n"
			    "90 #2 end bye 0 by caller\n");
	sip_tracker_free(&tracker);
}

static void
a_held_call_is_asked_about(void **state)
{
	(void)state;
	/* who is held calls somebody: no question about it */
	assert_links(A_TO_B
		     "500 B>A INVITE 1 b=h i=one f=onet t=onef "
		     "sdp=10.0.0.2:5000/sendonly\n"
		     "510 A>B 200/INVITE 1 b=h i=one f=onet t=onef "
		     "sdp=10.0.0.1:4000/recvonly\n"
		     "600 A>C INVITE 1 b=1 i=new f=n from=2001 to=2003\n"
		     /* nor when somebody calls who holds */
		     "700 D>B INVITE 1 b=1 i=more f=m from=2004 to=2002\n",
		     "0 #1 call 2001>2002\n"
		     "600 #2 call 2001>2003\n"
		     "700 #3 call 2004>2002\n");
	/* nor after the hold */
	assert_links(
	    A_TO_B
	    "500 B>A INVITE 1 b=h i=one f=onet t=onef "
	    "sdp=10.0.0.2:5000/sendonly\n"
	    "510 A>B 200/INVITE 1 b=h i=one f=onet t=onef "
	    "sdp=10.0.0.1:4000/recvonly\n"
	    "600 B>A INVITE 2 b=i i=one f=onet t=onef sdp=10.0.0.2:5000\n"
	    "610 A>B 200/INVITE 2 b=i i=one f=onet t=onef sdp=10.0.0.1:4000\n"
	    "700 B>C INVITE 1 b=1 i=new f=n from=2002 to=2003\n",
	    "0 #1 call 2001>2002\n"
	    "700 #2 call 2002>2003\n");
}

/** Calls in progress, found by all that a call can be found by, two of them by
 * the same address. */
static void
a_tracker_may_be_freed_at_any_time(void **state)
{
	struct sip_tracker *tracker;

	(void)state;
	memset(&links, 0, sizeof(links));
	tracker = restart_feed_tracker(note_links, &links);
	testing_sip_run(
	    tracker,
	    "0 A>P INVITE 1 b=1 i=one f=a h=Session-ID:5ab sdp=10.0.0.1:4000\n"
	    "9 C>D INVITE 1 b=2 i=two f=c sdp=10.0.0.1:4000\n"
	    "10 D>C 200/INVITE 1 b=2 i=two f=c t=t sdp=10.0.0.1:4002\n"
	    "20 D>C REFER 1 b=r i=two f=t t=c h=Refer-To:sip:2003@C\n");
	assert_non_null(tracker->slots);
	/* leaks, and what is used after it was freed, the sanitizers tell */
	sip_tracker_free(&tracker);
	assert_null(tracker);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_blind_transfer_is_followed),
		cmocka_unit_test(a_refer_that_was_missed_is_in_referred_by),
		cmocka_unit_test(who_was_not_asked_is_not_linked),
		cmocka_unit_test(an_attended_transfer_is_followed),
		cmocka_unit_test(replaces_alone_tells_a_transfer),
		cmocka_unit_test(legs_of_a_switch_are_one_conversation),
		cmocka_unit_test(ends_of_a_switch_are_told_apart),
		cmocka_unit_test(
		    a_switch_that_calls_on_is_known_by_the_numbers),
		cmocka_unit_test(
		    a_switch_that_passes_addresses_on_is_known_by_them),
		cmocka_unit_test(a_transfer_by_a_switch_is_one_more_leg),
		cmocka_unit_test(a_switch_joins_what_is_left_of_two),
		cmocka_unit_test(a_redirection_is_followed),
		cmocka_unit_test(who_was_redirected_hangs_up),
		cmocka_unit_test(a_held_call_is_asked_about),
		cmocka_unit_test(a_tracker_may_be_freed_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
