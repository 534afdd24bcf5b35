/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whole calls, message by message, and the exact list of events they give.
 *
 * A flow is written as a script, one message a line:
 *
 *   1000 A>B INVITE 1 b=1 sdp=10.0.0.1:4000
 *   1040 B>A 200/INVITE 1 b=1 t=y sdp=10.0.0.2:5000
 *
 * time in ms, who sends to whom (A is 10.0.0.1, B 10.0.0.2, ...), method or
 * status/method, CSeq number, then options: b= branch, f= and t= tags of From
 * and To (f is "x" unless given), i= Call-ID, sdp= address:port[/direction],
 * pai= an asserted user, rtp= profile. "tick", "alive" and "finish" are
 * what they say. Real messages are made of it, so all of the parser is run.
 */
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

#define MS 1000000LL

struct log {
	char text[8192];
	size_t n;
};

static void __attribute__((format(printf, 2, 3)))
print(struct log *log, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(log->text + log->n, sizeof(log->text) - log->n, format,
		      arguments);
	va_end(arguments);
	assert_true(n >= 0 && log->n + (size_t)n < sizeof(log->text));
	log->n += (size_t)n;
}

static void
note_event(void *ctx, const struct sip_event *event)
{
	static const char *const parties[] = { "caller", "callee" };
	static const char *const causes[] = { "bye",     "cancel", "rejected",
					      "timeout", "shed",   "input" };
	char text[CAPTURE_ENDPOINT_TEXT_BYTES];
	struct log *log = ctx;

	print(log, "%lld #%llu ", (long long)(event->time_ns / MS),
	      (unsigned long long)event->call->number);
	switch (event->type) {
	case SIP_EVENT_CALL:
		print(log, "call %s>%s", event->call->party[0].user,
		      event->call->party[1].user);
		break;
	case SIP_EVENT_IDENTITY:
		print(log, "identity %s>%s", event->call->party[0].user,
		      event->call->party[1].user);
		break;
	case SIP_EVENT_RINGING:
		print(log, "ringing");
		break;
	case SIP_EVENT_ANSWER:
		print(log, "answer");
		break;
	case SIP_EVENT_MEDIA_OPEN:
	case SIP_EVENT_MEDIA_CLOSE:
		print(log, "%s%llu %s %s",
		      event->type == SIP_EVENT_MEDIA_OPEN ? "+" : "-",
		      (unsigned long long)event->media->number,
		      parties[event->media->party],
		      capture_endpoint_text(&event->media->receive, text));
		break;
	case SIP_EVENT_HOLD:
		print(log, "hold by %s", parties[event->party]);
		break;
	case SIP_EVENT_RESUME:
		print(log, "resume by %s", parties[event->party]);
		break;
	case SIP_EVENT_END:
		print(log, "end %s %d by %s", causes[event->cause],
		      event->status, parties[event->party]);
		break;
	}
	print(log, "\n");
}

/* ---- messages of script lines ---------------------------------------------
 */

struct options {
	char branch[32], from_tag[32], to_tag[32], call_id[32], sdp[64],
	    pai[32];
	char profile[32];
};

static void
read_options(struct options *o, char *words)
{
	char *save, *word;

	*o = (struct options){ .from_tag = "x",
			       .call_id = "call",
			       .profile = "RTP/AVP" };
	for (word = strtok_r(words, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		char *value = strchr(word, '=');

		assert_non_null(value);
		*value++ = '\0';
		if (strcmp(word, "b") == 0)
			snprintf(o->branch, sizeof(o->branch), "%s", value);
		else if (strcmp(word, "f") == 0)
			snprintf(o->from_tag, sizeof(o->from_tag), "%s", value);
		else if (strcmp(word, "t") == 0)
			snprintf(o->to_tag, sizeof(o->to_tag), "%s", value);
		else if (strcmp(word, "i") == 0)
			snprintf(o->call_id, sizeof(o->call_id), "%s", value);
		else if (strcmp(word, "sdp") == 0)
			snprintf(o->sdp, sizeof(o->sdp), "%s", value);
		else if (strcmp(word, "pai") == 0)
			snprintf(o->pai, sizeof(o->pai), "%s", value);
		else if (strcmp(word, "rtp") == 0)
			snprintf(o->profile, sizeof(o->profile), "%s", value);
		else
			fail_msg("option %s", word);
	}
}

static void
write_sdp(struct log *sdp, const struct options *o)
{
	char address[64] = "", direction[16] = "sendrecv";
	unsigned port = 0;

	assert_true(
	    sscanf(o->sdp, "%63[^:]:%u/%15s", address, &port, direction) >= 2);
	print(sdp,
	      "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n",
	      address, address);
	print(sdp, "m=audio %u %s 8 101\r\na=%s\r\n", port, o->profile,
	      direction);
}

/** @param what "INVITE" or "200/INVITE" */
static void
write_message(struct log *m, const char *what, unsigned cseq,
	      const struct options *o)
{
	const char *method = strchr(what, '/');
	struct log sdp = { .n = 0 };

	if (o->sdp[0])
		write_sdp(&sdp, o);
	if (method)
		print(m, "SIP/2.0 %.3s Whatever\r\n", what);
	else
		print(m, "%s sip:2002@pbx.example SIP/2.0\r\n", what);
	print(m, "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK%s\r\n", o->branch);
	print(m, "From: <sip:2001@pbx.example>;tag=%s\r\n", o->from_tag);
	print(m, "To: <sip:2002@pbx.example>%s%s\r\n",
	      o->to_tag[0] ? ";tag=" : "", o->to_tag);
	print(m, "Call-ID: %s\r\nCSeq: %u %s\r\n", o->call_id, cseq,
	      method ? method + 1 : what);
	if (o->pai[0])
		print(m, "P-Asserted-Identity: <sip:%s@pbx.example>\r\n",
		      o->pai);
	if (sdp.n)
		print(m, "Content-Type: application/sdp\r\n");
	print(m, "Content-Length: %zu\r\n\r\n%.*s", sdp.n, (int)sdp.n,
	      sdp.text);
}

static void
endpoint(struct capture_endpoint *ep, char who)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "10.0.0.%d", who - 'A' + 1);

	assert_int_equal(capture_endpoint_parse(ep, text, (size_t)n, 5060), 0);
}

static void
run_line(struct sip_tracker *tracker, char *line)
{
	struct capture_pkt pkt;
	struct log message = { .n = 0 };
	char what[32], from, to;
	struct options o;
	long long ms;
	unsigned cseq;
	uint8_t *bytes;
	int n = 0;

	assert_int_equal(sscanf(line, "%lld %31s%n", &ms, what, &n), 2);
	if (strcmp(what, "tick") == 0) {
		sip_tracker_tick(tracker, ms * MS);
		return;
	}
	if (strcmp(what, "finish") == 0) {
		sip_tracker_finish(tracker, ms * MS);
		return;
	}
	if (strcmp(what, "alive") == 0) {
		sip_tracker_alive(tracker, strtoull(line + n, NULL, 10),
				  ms * MS);
		return;
	}
	assert_int_equal(sscanf(line, "%lld %c>%c %31s %u%n", &ms, &from, &to,
				what, &cseq, &n),
			 5);
	read_options(&o, line + n);
	write_message(&message, what, cseq, &o);
	bytes = testing_copy(message.text, message.n);
	pkt = (struct capture_pkt){ .time_ns = ms * MS,
				    .payload = bytes,
				    .payload_bytes = (uint32_t)message.n };
	endpoint(&pkt.src, from);
	endpoint(&pkt.dst, to);
	assert_int_equal(sip_tracker_input(tracker, &pkt), 0);
	free(bytes);
}

static void
run(struct sip_tracker *tracker, const char *script)
{
	char line[512];
	size_t n;

	for (; *script; script += n + 1) {
		n = strcspn(script, "\n");
		assert_true(n < sizeof(line));
		memcpy(line, script, n);
		line[n] = '\0';
		run_line(tracker, line);
	}
}

/* ---- flows ------------------------------------------------------------------
 */

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
		       "95 A>B ACK 1 b=2 t=y\n500 A>B BYE 2 b=3 t=y\n",
	  .events = CALL_A "95 #1 answer\n500 #1 -1 caller 10.0.0.1:4000\n"
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

	{ .name = "a call found in the middle",
	  .script = "0 A>B INVITE 5 b=1 t=y sdp=10.0.0.1:4000\n"
		    "10 B>A 200/INVITE 5 b=1 t=y sdp=10.0.0.2:5000\n"
		    "20 A>B BYE 6 b=2 t=y\n",
	  .events = "",
	  .stray = 3 },

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

static void
flows_give_their_events(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++) {
		const struct sip_counters *counters;
		struct sip_tracker *tracker;
		struct log log = { .n = 0 };

		assert_int_equal(
		    sip_tracker_new(&tracker, NULL, note_event, &log), 0);
		run(tracker, flows[i].script);
		counters = sip_tracker_counters_peek(tracker);
		if (strcmp(log.text, flows[i].events) != 0)
			print_error("flow: %s\n", flows[i].name);
		assert_string_equal(log.text, flows[i].events);
		assert_int_equal(counters->retransmissions,
				 flows[i].retransmissions);
		assert_int_equal(counters->stray, flows[i].stray);
		assert_int_equal(counters->fallback, 0);
		assert_int_equal(counters->malformed, 0);
		sip_tracker_free(&tracker);
		assert_null(tracker);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_give_their_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
