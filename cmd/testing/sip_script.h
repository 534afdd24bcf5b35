/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whole calls as scripts, and the list of the events they give as text, for
 * tests of the SIP tracker. One message a line:
 *
 *   1000 A>B INVITE 1 b=1 sdp=10.0.0.1:4000
 *   1040 B>A 200/INVITE 1 b=1 t=y sdp=10.0.0.2:5000
 *
 * time in ms, who sends to whom (A is 10.0.0.1, B 10.0.0.2, ...), method or
 * status/method, CSeq number, then options: b= branch, f= and t= tags of From
 * and To (f is "x" unless given), i= Call-ID, sdp= address:port[/direction],
 * pai= an asserted user, rtp= profile, from= and to= users (2001 and 2002), h= a
 * header, body= its type and lines, with | between lines and ~ for blanks.
 * "tick", "alive" and "finish" are what they say.
 *
 * One event a line: time in ms, number of the call, what happened:
 *
 *   1000 #1 call 2001>2002
 *   1000 #1 +1 caller 10.0.0.1:4000
 *   9000 #2 call 2001>2003 after #1 transfer by refer
 */
#ifndef CMD_TESTING_SIP_SCRIPT_H
#define CMD_TESTING_SIP_SCRIPT_H

#include "sip/sip.h"

#define TESTING_SIP_NAMES 64

/**
 * What numbers of a tracker are called in the text: 1, 2, ... as they come,
 * which is what they are. A test that goes on with another tracker gives its
 * numbers the names of those whose place they take.
 */
struct testing_sip_names {
	uint64_t of[TESTING_SIP_NAMES]; /**< by number; 0: none yet */
	uint64_t last;
};

struct testing_sip_log {
	char text[8192];
	size_t n;
	uint32_t went_on; /**< SIP_EVENT_GOES_ON: no line, so that the text is
			   * that of a run without a restart */
	struct testing_sip_names calls, media;
};

/** A sip_event_fn. @param ctx struct testing_sip_log, zeros at first */
void testing_sip_note(void *ctx, const struct sip_event *event);

/** Run one line, without its end. Fails the test if it cannot be read. */
void testing_sip_line(struct sip_tracker *tracker, const char *line);
/** Run lines that all end with LF. */
void testing_sip_run(struct sip_tracker *tracker, const char *script);

#endif
