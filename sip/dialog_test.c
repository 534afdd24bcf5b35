/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whole calls, message by message, and the exact list of events they give. How
 * a flow is written: see cmd/testing/sip_script.h.
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
#include "sip/restart_feed.h"
#include "sip/sip_priv.h"

#define INVITE_A   "0 A>B INVITE 1 b=1 sdp=10.0.0.1:4000\n"
#define ANSWER_B   "90 B>A 200/INVITE 1 b=1 t=y sdp=10.0.0.2:5000\n"
#define CALL_A     "0 #1 call 2001>2002\n0 #1 +1 caller 10.0.0.1:4000\n"
#define ANSWERED_B "90 #1 answer\n90 #1 +2 callee 10.0.0.2:5000\n"
#define CLOSED(at)                                                             \
#at " #1 -1 caller 10.0.0.1:4000\n" #at " #1 -2 callee 10.0.0.2:5000\n"

static const struct flow {
	const char *name;
	const char *script;
	const char *events;
	uint64_t retransmissions;
	uint64_t stray;
} flows[] = {
	{ .name = "basic",
	  .script = INVITE_A "10 B>A 100/INVITE 1 b=1\n"
			     "40 B>A 180/INVITE 1 b=1 t=y\n"
			     "50 B>A 180/INVITE 1 b=1 t=y\n" ANSWER_B
			     "95 A>B ACK 1 b=2 t=y\n"
			     "500 B>A BYE 1 b=3 f=y t=x\n"
			     "510 A>B 200/BYE 1 b=3 f=y t=x\n",
	  .events = CALL_A "40 #1 ringing\n" ANSWERED_B CLOSED(
	      500) "500 #1 end bye 0 by callee\n",
	  .retransmissions = 1 },

	{ .name = "late offer",
	  .script = "0 A>B INVITE 1 b=1\n" ANSWER_B
		    "95 A>B ACK 1 b=2 t=y sdp=10.0.0.1:4000\n"
		    "500 A>B BYE 2 b=3 t=y\n",
	  .events = "0 #1 call 2001>2002\n"
		    "90 #1 answer\n90 #1 +1 callee 10.0.0.2:5000\n"
		    "95 #1 +2 caller 10.0.0.1:4000\n"
		    "500 #1 -1 callee 10.0.0.2:5000\n"
		    "500 #1 -2 caller 10.0.0.1:4000\n"
		    "500 #1 end bye 0 by caller\n" },

	{ .name = "early media, moved by the answer",
	  .script = INVITE_A
	  "40 B>A 183/INVITE 1 b=1 t=y\n"
	  "50 B>A 183/INVITE 1 b=1 t=y sdp=10.0.0.3:6000\n" ANSWER_B
	  "500 A>B BYE 2 b=3 t=y\n",
	  .events = CALL_A "40 #1 ringing\n50 #1 +2 callee 10.0.0.3:6000\n"
			   "90 #1 answer\n90 #1 +3 callee 10.0.0.2:5000\n"
			   "90 #1 -2 callee 10.0.0.3:6000\n"
			   "500 #1 -1 caller 10.0.0.1:4000\n"
			   "500 #1 -3 callee 10.0.0.2:5000\n"
			   "500 #1 end bye 0 by caller\n" },

	{ .name = "early media, the same in the answer",
	  .script = INVITE_A
	  "50 B>A 183/INVITE 1 b=1 t=y sdp=10.0.0.2:5000\n" ANSWER_B
	  "95 A>B ACK 1 b=2 t=y\n500 A>B BYE 2 b=3 t=y\n",
	  .events = CALL_A
	  "50 #1 ringing\n50 #1 +2 callee 10.0.0.2:5000\n"
	  "90 #1 answer\n" CLOSED(500) "500 #1 end bye 0 by caller\n" },

	{ .name = "forked: early media of the fork that lost is over",
	  .script = INVITE_A
	  "50 B>A 183/INVITE 1 b=1 t=z sdp=10.0.0.3:6000\n" ANSWER_B
	  "500 A>B BYE 2 b=3 t=y\n",
	  .events = CALL_A "50 #1 ringing\n50 #1 +2 callee 10.0.0.3:6000\n"
			   "90 #1 answer\n90 #1 +3 callee 10.0.0.2:5000\n"
			   "90 #1 -2 callee 10.0.0.3:6000\n"
			   "500 #1 -1 caller 10.0.0.1:4000\n"
			   "500 #1 -3 callee 10.0.0.2:5000\n"
			   "500 #1 end bye 0 by caller\n" },

	{ .name = "forked: two answer, one is hung up, on two hops",
	  .script = INVITE_A ANSWER_B
	  "92 B>A 200/INVITE 1 b=1 t=z sdp=10.0.0.3:6000\n"
	  "100 A>B BYE 2 b=3 t=z\n102 B>C BYE 2 b=4 t=z\n"
	  "110 B>A 200/BYE 2 b=3 t=z\n"
	  "500 A>B BYE 2 b=5 t=y\n",
	  .events = CALL_A ANSWERED_B "92 #1 +3 callee 10.0.0.3:6000\n"
				      "100 #1 -3 callee 10.0.0.3:6000\n" CLOSED(
					  500) "500 #1 end bye 0 by caller\n" },

	{ .name = "forked by a proxy: refused branches do not end the call",
	  .script = INVITE_A
	  "1 B>C INVITE 1 b=10 sdp=10.0.0.1:4000\n"
	  "2 B>D INVITE 1 b=11 sdp=10.0.0.1:4000\n"
	  "50 C>B 486/INVITE 1 b=10 t=z\n"
	  "89 D>B 200/INVITE 1 b=11 t=y sdp=10.0.0.2:5000\n" ANSWER_B
	  "500 A>B BYE 2 b=3 t=y\n501 B>D BYE 2 b=4 t=y\n",
	  .events =
	      CALL_A "89 #1 answer\n89 #1 +2 callee 10.0.0.2:5000\n" CLOSED(
		  500) "500 #1 end bye 0 by caller\n" },

	{ .name = "forked by a proxy: all refuse",
	  .script = INVITE_A "1 B>C INVITE 1 b=10 sdp=10.0.0.1:4000\n"
			     "50 C>B 486/INVITE 1 b=10 t=z\n"
			     "52 B>A 486/INVITE 1 b=1 t=z\n"
			     "53 A>B ACK 1 b=1 t=z\n",
	  .events = CALL_A "52 #1 -1 caller 10.0.0.1:4000\n"
			   "52 #1 end rejected 486 by callee\n" },

	{ .name = "two hops with a media relay between: both are open",
	  .script = INVITE_A
	  "1 B>C INVITE 1 b=10 sdp=10.0.0.9:7000\n"
	  "80 C>B 200/INVITE 1 b=10 t=y sdp=10.0.0.3:6000\n" ANSWER_B
	  "500 A>B BYE 2 b=3 t=y\n",
	  .events = CALL_A "1 #1 +2 caller 10.0.0.9:7000\n80 #1 answer\n"
			   "80 #1 +3 callee 10.0.0.3:6000\n"
			   "90 #1 +4 callee 10.0.0.2:5000\n"
			   "500 #1 -1 caller 10.0.0.1:4000\n"
			   "500 #1 -2 caller 10.0.0.9:7000\n"
			   "500 #1 -3 callee 10.0.0.3:6000\n"
			   "500 #1 -4 callee 10.0.0.2:5000\n"
			   "500 #1 end bye 0 by caller\n" },

	{ .name = "cancelled",
	  .script = INVITE_A "40 B>A 180/INVITE 1 b=1 t=y\n"
			     "60 A>B CANCEL 1 b=1\n"
			     "61 B>A 200/CANCEL 1 b=1 t=y\n"
			     "62 B>A 487/INVITE 1 b=1 t=y\n"
			     "63 A>B ACK 1 b=1 t=y\n",
	  .events = CALL_A "40 #1 ringing\n62 #1 -1 caller 10.0.0.1:4000\n"
			   "62 #1 end cancel 487 by caller\n" },

	{ .name = "cancelled, the 487 is missed",
	  .script = INVITE_A "60 A>B CANCEL 1 b=1\n"
			     "32060 tick\n",
	  .events = CALL_A "60 #1 -1 caller 10.0.0.1:4000\n"
			   "60 #1 end cancel 0 by caller\n" },

	{ .name = "cancelled too late",
	  .script = INVITE_A "60 A>B CANCEL 1 b=1\n" ANSWER_B
			     "500 A>B BYE 2 b=3 t=y\n",
	  .events =
	      CALL_A ANSWERED_B CLOSED(500) "500 #1 end bye 0 by caller\n" },

	{ .name = "challenged, and asked again",
	  .script = INVITE_A "5 B>A 401/INVITE 1 b=1 t=z\n6 A>B ACK 1 b=1 t=z\n"
			     "7 A>B INVITE 2 b=2 sdp=10.0.0.1:4000\n"
			     "90 B>A 200/INVITE 2 b=2 t=y sdp=10.0.0.2:5000\n"
			     "500 A>B BYE 3 b=3 t=y\n",
	  .events = CALL_A "5 #1 -1 caller 10.0.0.1:4000\n"
			   "7 #1 +2 caller 10.0.0.1:4000\n90 #1 answer\n"
			   "90 #1 +3 callee 10.0.0.2:5000\n"
			   "500 #1 -2 caller 10.0.0.1:4000\n"
			   "500 #1 -3 callee 10.0.0.2:5000\n"
			   "500 #1 end bye 0 by caller\n" },

	{ .name = "challenged, asked again from another port, refused",
	  .script = INVITE_A "5 B>A 407/INVITE 1 b=1 t=z\n6 A>B ACK 1 b=1 t=z\n"
			     "7 A>B INVITE 2 b=2 sdp=10.0.0.1:4002\n"
			     "90 B>A 603/INVITE 2 b=2 t=y\n",
	  .events = CALL_A "5 #1 -1 caller 10.0.0.1:4000\n"
			   "7 #1 +2 caller 10.0.0.1:4002\n"
			   "90 #1 -2 caller 10.0.0.1:4002\n"
			   "90 #1 end rejected 603 by callee\n" },

	{ .name = "asked again while the challenge is missed",
	  .script = INVITE_A "7 A>B INVITE 2 b=2 sdp=10.0.0.1:4002\n"
			     "90 B>A 486/INVITE 2 b=2 t=y\n",
	  .events = CALL_A "7 #1 +2 caller 10.0.0.1:4002\n"
			   "7 #1 -1 caller 10.0.0.1:4000\n"
			   "90 #1 -2 caller 10.0.0.1:4002\n"
			   "90 #1 end rejected 486 by callee\n" },

	{ .name = "redirected: session timer too small, then moved",
	  .script = "0 A>B INVITE 1 b=1\n1 B>A 422/INVITE 1 b=1 t=z\n"
		    "2 A>B ACK 1 b=1 t=z\n3 A>B INVITE 2 b=2\n"
		    "4 B>A 302/INVITE 2 b=2 t=y\n5 A>C INVITE 3 b=3\n"
		    "6 C>A 404/INVITE 3 b=3 t=v\n",
	  .events = "0 #1 call 2001>2002\n6 #1 end rejected 404 by callee\n" },

	{ .name = "challenged and given up",
	  .script = INVITE_A "5 B>A 401/INVITE 1 b=1 t=z\n32004 tick\n"
			     "32005 tick\n",
	  .events = CALL_A "5 #1 -1 caller 10.0.0.1:4000\n"
			   "5 #1 end rejected 401 by callee\n" },

	{ .name = "hold and resume by both",
	  .script = INVITE_A ANSWER_B
	  "100 A>B INVITE 2 b=3 t=y sdp=10.0.0.1:4000/sendonly\n"
	  "110 B>A 200/INVITE 2 b=3 t=y sdp=10.0.0.2:5000/recvonly\n"
	  "111 A>B ACK 2 b=4 t=y\n"
	  "120 B>A INVITE 7 b=5 f=y t=x sdp=10.0.0.2:5000/inactive\n"
	  "130 A>B 200/INVITE 7 b=5 f=y t=x sdp=10.0.0.1:4000/inactive\n"
	  "200 A>B INVITE 3 b=6 t=y sdp=10.0.0.1:4000\n"
	  "210 B>A 200/INVITE 3 b=6 t=y sdp=10.0.0.2:5000/sendonly\n"
	  "220 B>A INVITE 8 b=7 f=y t=x sdp=10.0.0.2:5000\n"
	  "230 A>B 200/INVITE 8 b=7 f=y t=x sdp=10.0.0.1:4000\n"
	  "500 B>A BYE 9 b=8 f=y t=x\n",
	  .events = CALL_A ANSWERED_B
	  "110 #1 hold by caller\n130 #1 hold by callee\n"
	  "210 #1 resume by caller\n230 #1 resume by callee\n" CLOSED(
	      500) "500 #1 end bye 0 by callee\n" },

	{ .name = "one-way from the start is no hold",
	  .script = "0 A>B INVITE 1 b=1 sdp=10.0.0.1:4000/sendonly\n"
		    "90 B>A 200/INVITE 1 b=1 t=y sdp=10.0.0.2:5000/recvonly\n"
		    "500 A>B BYE 2 b=3 t=y\n",
	  .events =
	      CALL_A ANSWERED_B CLOSED(500) "500 #1 end bye 0 by caller\n" },

	{ .name = "keys on the same port are new media",
	  .script = INVITE_A ANSWER_B
	  "100 A>B INVITE 2 b=3 t=y sdp=10.0.0.1:4000 rtp=RTP/SAVP\n"
	  "110 B>A 200/INVITE 2 b=3 t=y sdp=10.0.0.2:5000 rtp=RTP/SAVP\n"
	  "500 A>B BYE 4 b=6 t=y\n",
	  .events = CALL_A ANSWERED_B "100 #1 +3 caller 10.0.0.1:4000\n"
				      "110 #1 +4 callee 10.0.0.2:5000\n"
				      "110 #1 -2 callee 10.0.0.2:5000\n"
				      "110 #1 -1 caller 10.0.0.1:4000\n"
				      "500 #1 -3 caller 10.0.0.1:4000\n"
				      "500 #1 -4 callee 10.0.0.2:5000\n"
				      "500 #1 end bye 0 by caller\n" },

	{ .name = "the old hold: 0.0.0.0",
	  .script = INVITE_A ANSWER_B
	  "100 B>A INVITE 7 b=3 f=y t=x sdp=0.0.0.0:5000\n"
	  "110 A>B 200/INVITE 7 b=3 f=y t=x sdp=10.0.0.1:4000\n"
	  "200 B>A INVITE 8 b=4 f=y t=x sdp=10.0.0.2:5000\n"
	  "210 A>B 200/INVITE 8 b=4 f=y t=x sdp=10.0.0.1:4000\n"
	  "500 B>A BYE 9 b=5 f=y t=x\n",
	  .events = CALL_A ANSWERED_B "110 #1 -2 callee 10.0.0.2:5000\n"
				      "110 #1 hold by callee\n"
				      "200 #1 +3 callee 10.0.0.2:5000\n"
				      "210 #1 resume by callee\n"
				      "500 #1 -1 caller 10.0.0.1:4000\n"
				      "500 #1 -3 callee 10.0.0.2:5000\n"
				      "500 #1 end bye 0 by callee\n" },

	{ .name = "resumed by a re-INVITE without SDP",
	  .script = INVITE_A ANSWER_B
	  "100 A>B INVITE 2 b=3 t=y sdp=10.0.0.1:4000/inactive\n"
	  "110 B>A 200/INVITE 2 b=3 t=y sdp=10.0.0.2:5000/inactive\n"
	  "200 A>B INVITE 3 b=4 t=y\n"
	  "210 B>A 200/INVITE 3 b=4 t=y sdp=10.0.0.2:5000\n"
	  "211 A>B ACK 3 b=5 t=y sdp=10.0.0.1:4000\n"
	  "500 A>B BYE 4 b=6 t=y\n",
	  .events = CALL_A ANSWERED_B
	  "110 #1 hold by caller\n211 #1 resume by caller\n" CLOSED(
	      500) "500 #1 end bye 0 by caller\n" },

	{ .name = "a held party refreshes the session: no hold of its own",
	  .script = INVITE_A ANSWER_B
	  "100 A>B INVITE 2 b=3 t=y sdp=10.0.0.1:4000/inactive\n"
	  "110 B>A 200/INVITE 2 b=3 t=y sdp=10.0.0.2:5000/inactive\n"
	  "120 B>A UPDATE 7 b=4 f=y t=x sdp=10.0.0.2:5000/inactive\n"
	  "130 A>B 200/UPDATE 7 b=4 f=y t=x sdp=10.0.0.1:4000/inactive\n"
	  "500 A>B BYE 4 b=6 t=y\n",
	  .events = CALL_A ANSWERED_B "110 #1 hold by caller\n" CLOSED(
	      500) "500 #1 end bye 0 by caller\n" },

	{ .name = "re-INVITE with a new port",
	  .script = INVITE_A ANSWER_B
	  "100 A>B INVITE 2 b=3 t=y sdp=10.0.0.1:4444\n"
	  "110 B>A 200/INVITE 2 b=3 t=y sdp=10.0.0.2:5555\n"
	  "500 A>B BYE 4 b=6 t=y\n",
	  .events = CALL_A ANSWERED_B "100 #1 +3 caller 10.0.0.1:4444\n"
				      "110 #1 +4 callee 10.0.0.2:5555\n"
				      "110 #1 -2 callee 10.0.0.2:5000\n"
				      "110 #1 -1 caller 10.0.0.1:4000\n"
				      "500 #1 -3 caller 10.0.0.1:4444\n"
				      "500 #1 -4 callee 10.0.0.2:5555\n"
				      "500 #1 end bye 0 by caller\n" },

	{ .name = "re-INVITE past the proxy, answered with a new address",
	  .script = INVITE_A ANSWER_B
	  "100 A>D INVITE 2 b=3 t=y sdp=10.0.0.1:4000\n"
	  "110 D>A 200/INVITE 2 b=3 t=y sdp=10.0.0.4:5555\n"
	  "500 A>D BYE 4 b=6 t=y\n",
	  .events = CALL_A ANSWERED_B "110 #1 +3 callee 10.0.0.4:5555\n"
				      "110 #1 -2 callee 10.0.0.2:5000\n"
				      "500 #1 -1 caller 10.0.0.1:4000\n"
				      "500 #1 -3 callee 10.0.0.4:5555\n"
				      "500 #1 end bye 0 by caller\n" },

	{ .name = "re-INVITE answered early, the 200 without SDP",
	  .script = INVITE_A ANSWER_B
	  "100 A>B INVITE 2 b=3 t=y sdp=10.0.0.1:4000/sendonly\n"
	  "105 B>A 183/INVITE 2 b=3 t=y sdp=10.0.0.2:5555/recvonly\n"
	  "110 B>A 200/INVITE 2 b=3 t=y\n"
	  "500 A>B BYE 4 b=6 t=y\n",
	  .events = CALL_A ANSWERED_B "105 #1 +3 callee 10.0.0.2:5555\n"
				      "110 #1 -2 callee 10.0.0.2:5000\n"
				      "110 #1 hold by caller\n"
				      "500 #1 -1 caller 10.0.0.1:4000\n"
				      "500 #1 -3 callee 10.0.0.2:5555\n"
				      "500 #1 end bye 0 by caller\n" },

	{ .name = "a 183 that was overtaken by the answer",
	  .script = INVITE_A ANSWER_B
	  "91 B>A 183/INVITE 1 b=1 t=y sdp=10.0.0.3:6000\n"
	  "500 A>B BYE 4 b=6 t=y\n",
	  .events =
	      CALL_A ANSWERED_B CLOSED(500) "500 #1 end bye 0 by caller\n" },

	{ .name = "re-INVITE refused, then repeated: 491",
	  .script = INVITE_A ANSWER_B
	  "100 A>B INVITE 2 b=3 t=y sdp=10.0.0.1:4444\n"
	  "110 B>A 491/INVITE 2 b=3 t=y\n111 A>B ACK 2 b=3 t=y\n"
	  "200 A>B INVITE 3 b=4 t=y sdp=10.0.0.1:4446\n"
	  "210 B>A 488/INVITE 3 b=4 t=y\n"
	  "500 A>B BYE 4 b=6 t=y\n",
	  .events = CALL_A ANSWERED_B "100 #1 +3 caller 10.0.0.1:4444\n"
				      "110 #1 -3 caller 10.0.0.1:4444\n"
				      "200 #1 +4 caller 10.0.0.1:4446\n"
				      "210 #1 -4 caller 10.0.0.1:4446\n" CLOSED(
					  500) "500 #1 end bye 0 by caller\n" },

	{ .name = "the stream is refused: port 0",
	  .script =
	      INVITE_A ANSWER_B "100 A>B INVITE 2 b=3 t=y sdp=10.0.0.1:0\n"
				"110 B>A 200/INVITE 2 b=3 t=y sdp=10.0.0.2:0\n"
				"500 A>B BYE 4 b=6 t=y\n",
	  .events = CALL_A ANSWERED_B "110 #1 -2 callee 10.0.0.2:5000\n"
				      "110 #1 -1 caller 10.0.0.1:4000\n"
				      "500 #1 end bye 0 by caller\n" },

	{ .name = "PRACK and UPDATE before the answer",
	  .script = "0 A>B INVITE 1 b=1\n"
		    "50 B>A 183/INVITE 1 b=1 t=y sdp=10.0.0.2:5000\n"
		    "60 A>B PRACK 2 b=2 t=y sdp=10.0.0.1:4000\n"
		    "61 B>A 200/PRACK 2 b=2 t=y\n"
		    "70 A>B UPDATE 3 b=3 t=y sdp=10.0.0.1:4002\n"
		    "71 B>A 200/UPDATE 3 b=3 t=y sdp=10.0.0.2:5000\n"
		    "90 B>A 200/INVITE 1 b=1 t=y\n"
		    "500 A>B BYE 4 b=6 t=y\n",
	  .events = "0 #1 call 2001>2002\n50 #1 ringing\n"
		    "50 #1 +1 callee 10.0.0.2:5000\n"
		    "60 #1 +2 caller 10.0.0.1:4000\n"
		    "70 #1 +3 caller 10.0.0.1:4002\n"
		    "71 #1 -2 caller 10.0.0.1:4000\n"
		    "90 #1 answer\n"
		    "500 #1 -1 callee 10.0.0.2:5000\n"
		    "500 #1 -3 caller 10.0.0.1:4002\n"
		    "500 #1 end bye 0 by caller\n" },

	{ .name = "retransmissions are nothing new",
	  .script = INVITE_A INVITE_A ANSWER_B ANSWER_B
	  "95 A>B ACK 1 b=2 t=y\n96 A>B ACK 1 b=2 t=y\n"
	  "500 A>B BYE 2 b=3 t=y\n501 A>B BYE 2 b=3 t=y\n"
	  "502 B>A 200/BYE 2 b=3 t=y\n600 A>B INVITE 1 b=1 "
	  "sdp=10.0.0.1:4000\n",
	  .events =
	      CALL_A ANSWERED_B CLOSED(500) "500 #1 end bye 0 by caller\n",
	  .retransmissions = 5 },

	{ .name = "responses before their INVITE",
	  .script = "0 B>A 180/INVITE 1 b=1 t=y\n"
		    "1 B>A 200/INVITE 1 b=1 t=y sdp=10.0.0.2:5000\n"
		    "2 A>B INVITE 1 b=1 sdp=10.0.0.1:4000\n"
		    "500 A>B BYE 2 b=3 t=y\n",
	  .events = "2 #1 call 2001>2002\n2 #1 +1 caller 10.0.0.1:4000\n"
		    "2 #1 ringing\n2 #1 answer\n"
		    "2 #1 +2 callee 10.0.0.2:5000\n" CLOSED(
			500) "500 #1 end bye 0 by caller\n" },

	{ .name = "responses long before an INVITE are not its own",
	  .script = "0 B>A 200/INVITE 1 b=1 t=y sdp=10.0.0.2:5000\n"
		    "1001 A>B INVITE 1 b=1 sdp=10.0.0.1:4000\n"
		    "1500 finish\n",
	  .events = "1001 #1 call 2001>2002\n1001 #1 +1 caller 10.0.0.1:4000\n"
		    "1500 #1 -1 caller 10.0.0.1:4000\n"
		    "1500 #1 end input 0 by caller\n",
	  .stray = 1 },

	{ .name = "BYE before the answer to the INVITE",
	  .script = INVITE_A "80 A>B BYE 2 b=3 t=y\n" ANSWER_B
			     "91 B>A 200/BYE 2 b=3 t=y\n",
	  .events = CALL_A "80 #1 -1 caller 10.0.0.1:4000\n"
			   "80 #1 end bye 0 by caller\n" },

	{ .name = "the BYE is missed, its answer is not",
	  .script = INVITE_A ANSWER_B "500 B>A 200/BYE 2 b=3 t=y\n",
	  .events =
	      CALL_A ANSWERED_B CLOSED(500) "500 #1 end bye 0 by caller\n" },

	{ .name = "the answer is missed, the ACK is not",
	  .script =
	      INVITE_A "1 B>C INVITE 1 b=10 sdp=10.0.0.1:4000\n"
		       "50 C>B 486/INVITE 1 b=10 t=z\n51 B>C ACK 1 b=10 t=z\n"
		       "60 B>A 180/INVITE 1 b=1 t=y\n"
		       "95 A>B ACK 1 b=2 t=y\n500 A>B BYE 2 b=3 t=y\n",
	  .events = CALL_A
	  "60 #1 ringing\n95 #1 answer\n500 #1 -1 caller 10.0.0.1:4000\n"
	  "500 #1 end bye 0 by caller\n" },

	{ .name = "an ACK of a refusal on a hop not seen before is no answer",
	  .script = "0 A>B INVITE 1 b=1\n50 C>B 486/INVITE 1 b=10 t=z\n"
		    "51 B>C ACK 1 b=10 t=z\n60 B>A 486/INVITE 1 b=1 t=z\n",
	  .events = "0 #1 call 2001>2002\n60 #1 end rejected 486 by callee\n" },

	{ .name = "an ACK of an attempt before is no answer",
	  .script = "0 A>B INVITE 1 b=1\n5 B>A 401/INVITE 1 b=1 t=z\n"
		    "7 A>B INVITE 2 b=2\n8 A>B ACK 1 b=1 t=z\n"
		    "9 A>B ACK 2 b=2 t=z\n"
		    "10 B>A 486/INVITE 2 b=2 t=y\n",
	  .events = "0 #1 call 2001>2002\n10 #1 end rejected 486 by callee\n" },

	{ .name = "302, and the other is called under the same Call-ID",
	  .script = INVITE_A "10 B>A 302/INVITE 1 b=1 t=y\n"
			     "11 A>B ACK 1 b=1 t=y\n"
			     "20 A>C INVITE 2 b=2 to=2003 sdp=10.0.0.1:4000\n"
			     "30 C>A 200/INVITE 2 b=2 t=z to=2003 "
			     "sdp=10.0.0.3:5000\n"
			     "500 A>C BYE 3 b=3 t=z to=2003\n",
	  .events = CALL_A "10 #1 -1 caller 10.0.0.1:4000\n"
			   "20 #1 identity 2001>2003\n"
			   "20 #1 +2 caller 10.0.0.1:4000\n"
			   "30 #1 answer\n30 #1 +3 callee 10.0.0.3:5000\n"
			   "500 #1 -2 caller 10.0.0.1:4000\n"
			   "500 #1 -3 callee 10.0.0.3:5000\n"
			   "500 #1 end bye 0 by caller\n" },

	{ .name = "a call found in the middle",
	  .script = "0 A>B INVITE 5 b=1 t=y sdp=10.0.0.1:4000\n"
		    "10 B>A 200/INVITE 5 b=1 t=y sdp=10.0.0.2:5000\n"
		    "20 A>B BYE 6 b=2 t=y\n",
	  .events = "0 #1 call 2001>2002\n0 #1 +1 caller 10.0.0.1:4000\n"
		    "10 #1 answer\n10 #1 +2 callee 10.0.0.2:5000\n" CLOSED(
			20) "20 #1 end bye 0 by caller\n" },

	{ .name = "its first INVITE was missed, and it is put on hold",
	  .script = "0 B>A 200/INVITE 1 b=1 t=y sdp=10.0.0.2:5000\n"
		    "5 A>B ACK 1 b=2 t=y\n"
		    "100 B>A INVITE 1 b=3 f=y t=x "
		    "sdp=10.0.0.2:5000/sendonly\n"
		    "110 A>B 200/INVITE 1 b=3 f=y t=x "
		    "sdp=10.0.0.1:4000/recvonly\n"
		    "200 A>B BYE 6 b=4 t=y\n",
	  .events = "5 #1 call 2001>2002\n5 #1 answer\n"
		    "5 #1 +1 callee 10.0.0.2:5000\n"
		    "110 #1 +2 caller 10.0.0.1:4000\n"
		    "110 #1 hold by callee\n"
		    "200 #1 -1 callee 10.0.0.2:5000\n"
		    "200 #1 -2 caller 10.0.0.1:4000\n"
		    "200 #1 end bye 0 by caller\n" },

	{ .name = "an ACK alone begins no call",
	  .script = "5 A>B ACK 1 b=2 t=y\n7 A>B BYE 2 b=3 t=y\n",
	  .events = "",
	  .stray = 2 },

	{ .name = "time-outs: answered, kept alive by media",
	  .script = INVITE_A ANSWER_B
	  "50000 alive 1\n100000 alive 1\n60090 tick\n159999 tick\n"
	  "160000 tick\n",
	  .events = CALL_A ANSWERED_B CLOSED(
	      100000) "100000 #1 end timeout 0 by caller\n" },

	{ .name = "time-outs: on hold for longer than a silence",
	  .script = INVITE_A ANSWER_B
	  "100 A>B INVITE 2 b=3 t=y sdp=10.0.0.1:4000/inactive\n"
	  "110 B>A 200/INVITE 2 b=3 t=y sdp=10.0.0.2:5000/inactive\n"
	  "7200109 tick\n"
	  "7200109 A>B INVITE 3 b=4 t=y sdp=10.0.0.1:4000\n"
	  "7200110 B>A 200/INVITE 3 b=4 t=y sdp=10.0.0.2:5000\n"
	  "7260109 tick\n7260110 tick\n",
	  .events = CALL_A ANSWERED_B
	  "110 #1 hold by caller\n7200110 #1 resume by caller\n" CLOSED(
	      7200110) "7200110 #1 end timeout 0 by caller\n" },

	{ .name = "time-outs: given up while on hold",
	  .script = INVITE_A ANSWER_B
	  "100 A>B INVITE 2 b=3 t=y sdp=10.0.0.1:4000/inactive\n"
	  "110 B>A 200/INVITE 2 b=3 t=y sdp=10.0.0.2:5000/inactive\n"
	  "7200110 tick\n",
	  .events = CALL_A ANSWERED_B "110 #1 hold by caller\n" CLOSED(
	      110) "110 #1 end timeout 0 by caller\n" },

	{ .name = "time-outs: nobody answers",
	  .script = INVITE_A "40 B>A 180/INVITE 1 b=1 t=y\n180039 tick\n"
			     "180040 tick\n",
	  .events = CALL_A "40 #1 ringing\n40 #1 -1 caller 10.0.0.1:4000\n"
			   "40 #1 end timeout 0 by caller\n" },

	{ .name = "the input ends: in order of number",
	  .script = "0 A>B INVITE 1 b=1 i=one\n1 A>B INVITE 1 b=2 i=two\n"
		    "2 A>B INVITE 1 b=3 i=three\n3 alive 1\n9 finish\n",
	  .events =
	      "0 #1 call 2001>2002\n1 #2 call 2001>2002\n"
	      "2 #3 call 2001>2002\n9 #1 end input 0 by caller\n"
	      "9 #2 end input 0 by caller\n9 #3 end input 0 by caller\n" },

	{ .name = "a Call-ID used again",
	  .script = INVITE_A "50 B>A 404/INVITE 1 b=1 t=y\n"
			     "60 A>B INVITE 1 b=9 f=v sdp=10.0.0.1:4000\n"
			     "70 A>B CANCEL 1 b=9 f=v\n"
			     "71 B>A 487/INVITE 1 b=9 f=v t=z\n",
	  .events =
	      CALL_A "50 #1 -1 caller 10.0.0.1:4000\n"
		     "50 #1 end rejected 404 by callee\n"
		     "60 #2 call 2001>2002\n60 #2 +2 caller 10.0.0.1:4000\n"
		     "71 #2 -2 caller 10.0.0.1:4000\n"
		     "71 #2 end cancel 487 by caller\n" },

	{ .name = "who it is becomes known",
	  .script = "0 A>B INVITE 1 b=1 pai=2111\n"
		    "1 B>C INVITE 1 b=2 pai=441632960111\n"
		    "40 B>A 180/INVITE 1 b=1 t=y pai=2222\n"
		    "90 B>A 200/INVITE 1 b=1 t=y pai=2222\n"
		    "100 B>A UPDATE 1 b=3 f=y t=x pai=2333\n"
		    "500 A>B BYE 4 b=6 t=y\n",
	  .events = "0 #1 call 2111>2002\n40 #1 identity 2111>2222\n"
		    "40 #1 ringing\n90 #1 answer\n"
		    "100 #1 identity 2111>2333\n"
		    "500 #1 end bye 0 by caller\n" },

	{ .name = "time runs back a little",
	  .script = "10 A>B INVITE 1 b=1 sdp=10.0.0.1:4000\n"
		    "5 B>A 200/INVITE 1 b=1 t=y sdp=10.0.0.2:5000\n"
		    "4 A>B BYE 2 b=3 t=y\n",
	  .events = "10 #1 call 2001>2002\n10 #1 +1 caller 10.0.0.1:4000\n"
		    "10 #1 answer\n10 #1 +2 callee 10.0.0.2:5000\n" CLOSED(
			10) "10 #1 end bye 0 by caller\n" },
};

#define FLOWS (sizeof(flows) / sizeof(flows[0]))

static void
compare(const struct flow *flow, const struct testing_sip_log *log,
	const struct sip_counters *counters)
{
	if (strcmp(log->text, flow->events) != 0)
		print_error("flow: %s\n", flow->name);
	assert_string_equal(log->text, flow->events);
	assert_int_equal(counters->retransmissions, flow->retransmissions);
	assert_int_equal(counters->stray, flow->stray);
	assert_int_equal(counters->fallback, 0);
	assert_int_equal(counters->malformed, 0);
}

static void
flows_give_their_events(void **state)
{
	(void)state;
	for (size_t i = 0; i < FLOWS; i++) {
		struct testing_sip_log log = { .n = 0 };
		struct sip_tracker *tracker;

		assert_int_equal(
		    sip_tracker_new(&tracker, NULL, testing_sip_note, &log), 0);
		testing_sip_run(tracker, flows[i].script);
		compare(&flows[i], &log, sip_tracker_counters_peek(tracker));
		sip_tracker_free(&tracker);
		assert_null(tracker);
	}
}

/* ---- the same, with a recorder that is killed and started again ------------
 */

/**
 * Whatever message was the last one before the recorder died: what the rest
 * tells is what it would have told without that.
 */
static void
flows_go_on_after_a_restart(void **state)
{
	static struct restart_feed feed;
	unsigned restarts = 0;

	(void)state;
	for (size_t i = 0; i < FLOWS; i++) {
		int lines = restart_feed_lines(flows[i].script);

		for (int after = -1; after < lines; after++) {
			restart_feed_run(&feed, testing_sip_note,
					 flows[i].script, after);
			compare(&flows[i], &feed.log, &feed.counters);
			restarts += feed.restarted;
		}
	}
	assert_true(restarts > 2 * FLOWS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_give_their_events),
		cmocka_unit_test(flows_go_on_after_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
