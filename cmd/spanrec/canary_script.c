/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The script of a call (see mkpcap(1)), and the capture that it makes:
 *
 *                       half of the look-back
 *                            │◄───►│ trigger
 *     │ first control marker │ card marker          │   second control marker
 *     └──────────────────────┴─────┴── 4111... ─────┴ resume keys ──────────┘
 *
 * Where the policy does not resume by keys the call ends with the payment.
 */
#include "cmd/spanrec/canary_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mkpcap/mkpcap.h"

/* Milliseconds from the start; all of them whole packets of 20 ms. */
#define MEDIA_FROM 500
#define CONTROL    3000 /* at least so long */
#define KEY_EVERY  200
#define PAYMENT    5000 /* from the trigger on */
#define PACKET     20

struct plan {
	int64_t trigger, card, digits, end;
	int64_t keys;    /* first of those that resume; 0: none */
	int64_t resumed; /* the last of them */
	int64_t after;   /* the second control marker */
	int64_t bye;
};

struct script {
	const struct canary *canary;
	const struct canary_test *test;
	struct plan plan;
	FILE *to;
	const char *side[CANARY_SIDES]; /* "caller", "callee" */
};

static int64_t
packets(int64_t ns)
{
	return (ns / 1000000 + PACKET - 1) / PACKET * PACKET;
}

/* ---- when ---------------------------------------------------------------- */

static int64_t
keys_last(const char *keys)
{
	return *keys ? KEY_EVERY * ((int64_t)strlen(keys) - 1) : 0;
}

bool
canary_is_heard(const struct canary_test *test)
{
	return test->trigger == CANARY_KEYS_HEARD ||
	       test->trigger == CANARY_CARD_NUMBERS_HEARD;
}

static bool
is_by_keys(const struct canary_test *test)
{
	return test->trigger == CANARY_KEYS ||
	       test->trigger == CANARY_KEYS_HEARD;
}

static bool
is_by_card_number(const struct canary_test *test)
{
	return test->trigger == CANARY_CARD_NUMBERS ||
	       test->trigger == CANARY_CARD_NUMBERS_HEARD;
}

static int64_t
resumed_after(const struct canary_test *test)
{
	/* who holds takes the call back first */
	return PAYMENT + (test->trigger == CANARY_HOLD ? 1000 : 0) +
	       keys_last(test->payment.resume_keys);
}

bool
canary_resumes(const struct canary_test *test)
{
	int64_t after_ns = test->payment.after_ns;

	return *test->payment.resume_keys && test->trigger != CANARY_CALL &&
	       (!after_ns || after_ns > (resumed_after(test) + 1000) * 1000000);
}

static void
plan_make(const struct canary_test *test, struct plan *plan)
{
	const struct policy_payment *payment = &test->payment;
	int64_t own = packets(payment->lookback_ns);
	int64_t by_itself = packets(payment->after_ns);

	plan->trigger =
	    MEDIA_FROM + CONTROL + packets(test->call.verdict.lookback_ns);
	if (is_by_keys(test))
		plan->trigger += keys_last(payment->keys);
	plan->card = own ? plan->trigger - packets(payment->lookback_ns / 2)
			 : plan->trigger + 2 * PACKET;
	plan->digits =
	    is_by_card_number(test) ? plan->trigger : plan->trigger + 600;
	plan->end = plan->trigger + PAYMENT;
	plan->bye = plan->end;
	if (test->resumes) {
		plan->resumed = plan->trigger + resumed_after(test);
		plan->keys = plan->resumed - keys_last(payment->resume_keys);
		plan->after = plan->resumed + 400;
		plan->bye = plan->after + CONTROL;
	} else if (by_itself && by_itself < PAYMENT) {
		plan->bye = plan->trigger + by_itself - PACKET;
	}
}

/* ---- words --------------------------------------------------------------- */

#define SECONDS        "%" PRId64 ".%03" PRId64
#define IN_SECONDS(ms) (ms) / 1000, (ms) % 1000

static void
put_marker(const struct script *s, enum canary_phase phase,
	   enum canary_side side)
{
	char hex[2 * CANARY_MARKER_BYTES + 1];

	store_hex(hex, s->test->marker[phase][side], CANARY_MARKER_BYTES);
	fputs(hex, s->to);
}

static void
put_keys(const struct script *s, const char *keys, int64_t first)
{
	for (; *keys; keys++, first += KEY_EVERY)
		fprintf(s->to, "\n digit \"%c\" %sat " SECONDS, *keys,
			canary_is_heard(s->test) ? "heard " : "",
			IN_SECONDS(first));
}

/* What a side says and keys in the first call. */
static void
put_media(const struct script *s, enum canary_side side, int64_t until)
{
	const struct policy_payment *payment = &s->test->payment;
	const struct plan *plan = &s->plan;

	fprintf(s->to, "media c1 %s from " SECONDS " to " SECONDS "\n pattern ",
		s->side[side], IN_SECONDS((int64_t)MEDIA_FROM),
		IN_SECONDS(until));
	put_marker(s, CANARY_BEFORE, side);
	fputs(" then ", s->to);
	put_marker(s, CANARY_CARD, side);
	fprintf(s->to, " at " SECONDS, IN_SECONDS(plan->card));
	if (s->test->resumes) {
		/* silence, while the keys are understood */
		fprintf(s->to, " then d5 at " SECONDS " then ",
			IN_SECONDS(plan->resumed));
		put_marker(s, CANARY_AFTER, side);
		fprintf(s->to, " at " SECONDS, IN_SECONDS(plan->after));
	}
	if (side == CANARY_OUTSIDE && s->test->trigger != CANARY_CALL)
		put_keys(s, CANARY_CARD_NUMBER, plan->digits);
	if (side == CANARY_INSIDE && is_by_keys(s->test))
		put_keys(s, payment->keys,
			 plan->trigger - keys_last(payment->keys));
	if (side == CANARY_INSIDE && s->test->resumes)
		put_keys(s, payment->resume_keys, plan->keys);
	fputc('\n', s->to);
}

static void
put_register(const struct script *s)
{
	const char *user = s->test->call.inside;

	fprintf(s->to,
		"at 0.000 in -> switch text\n"
		"| REGISTER sip:10.66.0.1 SIP/2.0\n"
		"| Via: SIP/2.0/UDP 10.66.0.2;branch=z9hG4bKcanary\n"
		"| From: <sip:%s@10.66.0.1>;tag=1\n"
		"| To: <sip:%s@10.66.0.1>\n"
		"| Call-ID: canary-register\n"
		"| CSeq: 1 REGISTER\n"
		"| Contact: <sip:%s@10.66.0.2>\n"
		"| Expires: 3600\n"
		"| Content-Length: 0\n|\n",
		user, user, user);
	fprintf(s->to,
		"at 0.020 switch -> in text\n"
		"| SIP/2.0 200 OK\n"
		"| Via: SIP/2.0/UDP 10.66.0.2;branch=z9hG4bKcanary\n"
		"| From: <sip:%s@10.66.0.1>;tag=1\n"
		"| To: <sip:%s@10.66.0.1>;tag=2\n"
		"| Call-ID: canary-register\n"
		"| CSeq: 1 REGISTER\n"
		"| Contact: <sip:%s@10.66.0.2>;expires=3600\n"
		"| Content-Length: 0\n|\n",
		user, user, user);
}

static const char *
codecs(const struct script *s)
{
	return canary_is_heard(s->test) ? "PCMA" : "PCMA,telephone-event";
}

static void
put_head(const struct script *s, size_t which)
{
	const struct canary_call *call = &s->test->call;
	char start[SPANREC_TIME_BYTES];

	spanrec_time_utc(s->canary->spanrec->now_ns, start);
	fprintf(s->to,
		"start %s\nseed %zu\nhost in 10.66.0.2\nhost out "
		"198.51.100.7\nhost switch 10.66.0.1\nhost pay 10.66.0.9\n",
		start, which + 1);
	fprintf(s->to, "call c1 from %s:%s to %s:%s id \"canary-%zu@10.66\"\n",
		call->outgoing ? "in" : "out",
		call->outgoing ? call->inside : call->outside,
		call->outgoing ? "out" : "in",
		call->outgoing ? call->outside : call->inside, which + 1);
	put_register(s);
	fprintf(s->to, "at 0.200 c1 invite rtp 20000 codec %s", codecs(s));
	if (*call->queue)
		fprintf(s->to, "\n header \"Diversion: <sip:%s@10.66.0.1>\"",
			call->queue);
	fprintf(s->to, "\nat 0.300 c1 ok rtp 30000 codec %s\nat 0.320 c1 ack\n",
		codecs(s));
}

/* ---- what happens -------------------------------------------------------- */

static void
put_header(const struct script *s, const char *name, const char *value)
{
	fprintf(s->to, " header \"%s: %s\"", name, *value ? value : "canary");
}

/* One of ours asks the caller to call who takes payments. */
static void
put_transfer(const struct script *s, size_t which)
{
	const struct canary_call *call = &s->test->call;
	const char *target = s->test->payment.target;
	int64_t at = s->plan.trigger;

	fprintf(s->to,
		"at " SECONDS " c1 refer from %s "
		"header \"Refer-To: <sip:%s@10.66.0.9>\" "
		"header \"Referred-By: <sip:%s@10.66.0.2>\"\n"
		"at " SECONDS " c1 accepted\n",
		IN_SECONDS(at), s->side[CANARY_INSIDE], target, call->inside,
		IN_SECONDS(at + 20));
	fprintf(s->to, "at " SECONDS " c1 bye from %s\nat " SECONDS " c1 ok\n",
		IN_SECONDS(at + 2000), s->side[CANARY_INSIDE],
		IN_SECONDS(at + 2020));
	fprintf(s->to,
		"call c2 from out:%s to pay:%s id \"canary-%zu-pay@10.66\"\n"
		"at " SECONDS " c2 invite rtp 20002 codec PCMA,telephone-event "
		"header \"Referred-By: <sip:%s@10.66.0.2>\"\n"
		"at " SECONDS " c2 ok rtp 30002 codec PCMA,telephone-event\n"
		"at " SECONDS " c2 ack\n",
		call->outside, target, which + 1, IN_SECONDS(at + 2100),
		call->inside, IN_SECONDS(at + 2200), IN_SECONDS(at + 2220));
	fprintf(s->to,
		"media c2 callee from " SECONDS " to " SECONDS " pattern ",
		IN_SECONDS(at + 2240), IN_SECONDS(at + 8000));
	put_marker(s, CANARY_CARD, CANARY_INSIDE);
	fprintf(s->to,
		"\nmedia c2 caller from " SECONDS " to " SECONDS " pattern ",
		IN_SECONDS(at + 2240), IN_SECONDS(at + 8000));
	put_marker(s, CANARY_CARD, CANARY_OUTSIDE);
	put_keys(s, CANARY_CARD_NUMBER, at + 3000);
	fprintf(s->to, "\nat " SECONDS " c2 bye\nat " SECONDS " c2 ok\n",
		IN_SECONDS(at + 8000), IN_SECONDS(at + 8020));
}

static void
put_hold(const struct script *s)
{
	const char *side = s->side[CANARY_INSIDE];
	int64_t at = s->plan.trigger;

	fprintf(s->to,
		"at " SECONDS " c1 invite from %s hold\nat " SECONDS
		" c1 ok held\nat " SECONDS " c1 ack\n",
		IN_SECONDS(at), side, IN_SECONDS(at + 10), IN_SECONDS(at + 20));
	if (!s->test->resumes)
		return;
	at = s->plan.end;
	fprintf(s->to,
		"at " SECONDS " c1 invite from %s resume\nat " SECONDS
		" c1 ok resume\nat " SECONDS " c1 ack\n",
		IN_SECONDS(at), side, IN_SECONDS(at + 10), IN_SECONDS(at + 20));
}

static void
put_trigger(const struct script *s, size_t which)
{
	const struct policy_payment *payment = &s->test->payment;
	int64_t at = s->plan.trigger;

	switch (s->test->trigger) {
	case CANARY_HEADER:
		fprintf(s->to, "at " SECONDS " c1 invite from %s sdp",
			IN_SECONDS(at), s->side[CANARY_INSIDE]);
		put_header(s, payment->header, payment->header_value);
		fprintf(s->to,
			"\nat " SECONDS " c1 ok sdp\nat " SECONDS " c1 ack\n",
			IN_SECONDS(at + 20), IN_SECONDS(at + 40));
		break;
	case CANARY_INFO:
		fprintf(s->to, "at " SECONDS " c1 info from %s", IN_SECONDS(at),
			s->side[CANARY_INSIDE]);
		put_header(s, payment->info, payment->info_value);
		fprintf(s->to, "\nat " SECONDS " c1 ok\n", IN_SECONDS(at + 20));
		break;
	case CANARY_CALL:
		put_transfer(s, which);
		break;
	case CANARY_HOLD:
		put_hold(s);
		break;
	case CANARY_KEYS:
	case CANARY_KEYS_HEARD:
	case CANARY_CARD_NUMBERS:
	case CANARY_CARD_NUMBERS_HEARD:
	case CANARY_TRIGGERS:
		break;
	}
}

static void
put_call(struct script *s, size_t which)
{
	bool outgoing = s->test->call.outgoing;
	int64_t until;

	s->side[CANARY_INSIDE] = outgoing ? "caller" : "callee";
	s->side[CANARY_OUTSIDE] = outgoing ? "callee" : "caller";
	plan_make(s->test, &s->plan);
	until = s->test->trigger == CANARY_CALL ? s->plan.trigger + 2000
						: s->plan.bye;
	put_head(s, which);
	put_media(s, CANARY_INSIDE, until);
	put_media(s, CANARY_OUTSIDE, until);
	put_trigger(s, which);
	if (s->test->trigger != CANARY_CALL)
		fprintf(s->to, "at " SECONDS " c1 bye\nat " SECONDS " c1 ok\n",
			IN_SECONDS(until), IN_SECONDS(until + 20));
}

/* ---- the capture --------------------------------------------------------- */

static int
capture_write(const struct mkpcap_capture *capture, const char *path)
{
	FILE *to = fopen(path, "wxe");
	int rc;

	if (!to)
		return -errno;
	rc = mkpcap_write(capture, to);
	if (fclose(to) && !rc)
		rc = -errno;
	return rc;
}

int
canary_capture(const struct canary *canary, size_t which, const char *path)
{
	struct script s = { .canary = canary, .test = &canary->tests[which] };
	struct mkpcap_script *script = NULL;
	struct mkpcap_capture *capture = NULL;
	struct mkpcap_errors errors;
	char *text = NULL;
	size_t n = 0;
	int rc = -ENOMEM;

	s.to = open_memstream(&text, &n);
	if (s.to) {
		put_call(&s, which);
		rc = fclose(s.to) ? -ENOMEM : 0;
	}
	if (!rc)
		rc = mkpcap_parse(&script, text, n, &errors);
	if (!rc)
		rc = mkpcap_build(&capture, script, &errors);
	if (!rc)
		rc = capture_write(capture, path);
	mkpcap_capture_free(&capture);
	mkpcap_script_free(&script);
	free(text);
	return rc;
}
