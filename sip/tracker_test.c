/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The map of calls, its limits, its counters; flows are in dialog_test.c. */
#include <errno.h>
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

/** What a tracker told: calls begun and ended, media open. */
struct told {
	unsigned begun, ended, opened, closed;
	uint64_t last_ended;
	enum sip_end_cause cause;
	int64_t time_ns;
	struct sip_call call;
	struct sip_media media;
};

static void
note(void *ctx, const struct sip_event *event)
{
	struct told *told = ctx;

	told->begun += event->type == SIP_EVENT_CALL;
	told->opened += event->type == SIP_EVENT_MEDIA_OPEN;
	told->closed += event->type == SIP_EVENT_MEDIA_CLOSE;
	told->call = *event->call;
	if (event->media)
		told->media = *event->media;
	if (event->type == SIP_EVENT_END) {
		told->ended++;
		told->last_ended = event->call->number;
		told->cause = event->cause;
		told->time_ns = event->time_ns;
	}
}

static struct sip_tracker *
make(struct told *told, const struct sip_config *config)
{
	struct sip_tracker *tracker;

	memset(told, 0, sizeof(*told));
	assert_int_equal(sip_tracker_new(&tracker, config, note, told), 0);
	return tracker;
}

static int
put(struct sip_tracker *tracker, int64_t ms, const char *text, size_t missing)
{
	size_t n = strlen(text);
	uint8_t *copy = testing_copy(text, n);
	struct capture_pkt pkt = { .time_ns = ms * MS,
				   .payload = copy,
				   .payload_bytes = (uint32_t)n,
				   .missing_bytes = (uint32_t)missing };
	int rc;

	assert_int_equal(capture_endpoint_parse(&pkt.src, "10.0.0.1", 8, 5060),
			 0);
	assert_int_equal(capture_endpoint_parse(&pkt.dst, "10.0.0.2", 8, 5070),
			 0);
	rc = sip_tracker_input(tracker, &pkt);
	free(copy);
	return rc;
}

#define HEADERS(id)                                                            \
	"Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n"                        \
	"From: \"Anne\" <sip:2001@pbx>;tag=f1\r\nTo: <sip:pbx>\r\n"            \
	"Call-ID: " id "\r\nCSeq: 1 INVITE\r\n"
#define INVITE(id) "INVITE sip:2002@pbx SIP/2.0\r\n" HEADERS(id)
#define SDP                                                                    \
	"Content-Type: application/sdp\r\n\r\n"                                \
	"v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/SAVP 8\r\n"              \
	"m=audio 4002 RTP/AVP 8\r\n"

static void
put_call(struct sip_tracker *tracker, int64_t ms, unsigned id)
{
	char text[512];

	snprintf(text, sizeof(text), INVITE("%u") "\r\n", id);
	assert_int_equal(put(tracker, ms, text, 0), 0);
}

static void
put_start(struct sip_tracker *tracker, int64_t ms, const char *start,
	  unsigned id)
{
	char text[512];

	snprintf(text, sizeof(text), "%s\r\n" HEADERS("%u") "\r\n", start, id);
	assert_int_equal(put(tracker, ms, text, 0), 0);
}

static void
a_call_has_what_is_known(void **state)
{
	struct told told;
	struct sip_tracker *tracker = make(&told, NULL);
	char ep[CAPTURE_ENDPOINT_TEXT_BYTES];

	(void)state;
	assert_int_equal(put(tracker, 7, INVITE("x@y\xff") SDP, 0), 0);
	assert_int_equal(told.call.number, 1);
	assert_string_equal(told.call.call_id, "x@y\xef\xbf\xbd");
	assert_string_equal(told.call.from_tag, "f1");
	assert_string_equal(told.call.party[SIP_CALLER].display, "Anne");
	/* To has no user: the Request-URI has */
	assert_string_equal(told.call.party[SIP_CALLEE].user, "2002");
	assert_string_equal(
	    capture_endpoint_text(&told.call.signalling[SIP_CALLER], ep),
	    "10.0.0.1:5060");
	assert_string_equal(
	    capture_endpoint_text(&told.call.signalling[SIP_CALLEE], ep),
	    "10.0.0.2:5070");
	assert_int_equal(told.call.start_ns, 7 * MS);
	assert_int_equal(told.call.answer_ns, 0);
	assert_int_equal(told.opened, 2);
	assert_int_equal(told.media.number, 2);
	assert_int_equal(told.media.index, 1);
	assert_int_equal(told.media.party, SIP_CALLER);
	assert_int_equal(sip_tracker_calls(tracker), 1);
	assert_int_equal(sip_tracker_counters_peek(tracker)->secure_media, 1);
	sip_tracker_free(&tracker);
	sip_tracker_free(&tracker);
}

static void
every_message_is_counted(void **state)
{
	struct told told;
	struct sip_tracker *tracker = make(&told, NULL);
	const struct sip_counters *c = sip_tracker_counters_peek(tracker);
	char *big = malloc(66000);

	(void)state;
	assert_int_equal(put(tracker, 0, "what is this\r\n\r\n", 0), -EBADMSG);
	assert_int_equal(
	    put(tracker, 0, "OPTIONS sip:a SIP/2.0\r\n" HEADERS("1") "\r\n", 0),
	    0);
	assert_int_equal(
	    put(tracker, 0, "BYE sip:a SIP/2.0\r\n" HEADERS("1") "\r\n", 0), 0);
	assert_int_equal(put(tracker, 0, INVITE("1") "m: <x\r\n\r\n", 0), 0);
	assert_int_equal(put(tracker, 0, INVITE("1") "m: <x\r\n\r\n", 0), 0);
	snprintf(big, 66000, INVITE("2") "Subject: %08192d\r\n\r\n", 0);
	assert_int_equal(put(tracker, 0, big, 0), 0);
	free(big);
	assert_int_equal(
	    put(tracker, 0, INVITE("3") "c: application/sdp\r\n\r\nhello", 0),
	    0);
	assert_int_equal(put(tracker, 0,
			     INVITE("4") "c: application/sdp\r\n\r\n"
					 "v=0\r\nm=audio 4 RTP/AVP 8\r\n",
			     0),
			 0);
	assert_int_equal(c->malformed, 1);
	assert_int_equal(c->messages, 7);
	assert_int_equal(c->other_method, 1);
	assert_int_equal(c->stray, 1);
	assert_int_equal(c->fallback, 2);
	assert_int_equal(c->retransmissions, 1);
	assert_int_equal(c->over_limit, 1);
	assert_int_equal(c->sdp_malformed, 1);
	assert_int_equal(c->sdp_no_address, 1);
	assert_int_equal(c->calls, 4);
	assert_int_equal(told.begun, 4);
	sip_tracker_free(&tracker);
}

static void
long_texts_are_cut_and_counted(void **state)
{
	struct told told;
	struct sip_tracker *tracker = make(&told, NULL);
	char text[1024], id[301];

	(void)state;
	memset(id, 'i', 300);
	id[300] = '\0';
	snprintf(text, sizeof(text), INVITE("%s") "\r\n", id);
	assert_int_equal(put(tracker, 0, text, 0), 0);
	assert_int_equal(strlen(told.call.call_id), SIP_CALL_ID_BYTES - 1);
	snprintf(text, sizeof(text),
		 INVITE("2") "P-Asserted-Identity: <sip:%s@a>\r\n\r\n", id);
	assert_int_equal(put(tracker, 0, text, 0), 0);
	assert_int_equal(sip_tracker_counters_peek(tracker)->text_cut, 2);
	sip_tracker_free(&tracker);
}

#define HELD                                                                   \
	"1 A>B INVITE 1 b=1 i=held sdp=10.0.0.1:4000\n"                        \
	"2 B>A 200/INVITE 1 b=1 t=y i=held sdp=10.0.0.2:5000\n"                \
	"3 A>B INVITE 2 b=2 t=y i=held sdp=10.0.0.1:4000/sendonly\n"           \
	"4 B>A 200/INVITE 2 b=2 t=y i=held sdp=10.0.0.2:5000/recvonly\n"

static void
put_answered(struct sip_tracker *tracker, unsigned ms, unsigned id)
{
	char script[128];

	snprintf(script, sizeof(script),
		 "%u A>B INVITE 1 b=1 i=%u\n%u B>A 200/INVITE 1 b=1 t=y i=%u\n",
		 ms, id, ms, id);
	testing_sip_run(tracker, script);
}

/** What was answered goes last, though others were heard of later. */
static void
who_gives_way(void **state)
{
	static const unsigned order[] = { 7, 6, 5, 3, 4, 2, 8 };
	const struct sip_config config = { .calls_max = 7 };
	struct told told;
	struct sip_tracker *tracker = make(&told, &config);

	(void)state;
	testing_sip_run(tracker, HELD);
	put_answered(tracker, 5, 2);
	testing_sip_run(tracker, "10 A>B INVITE 1 b=1 i=rings\n"
				 "11 B>A 180/INVITE 1 b=1 t=y i=rings\n"
				 "12 A>B INVITE 1 b=1 i=rings_on\n"
				 "13 B>A 183/INVITE 1 b=1 t=y i=rings_on\n"
				 "14 B>C INVITE 1 b=2 i=rings_on\n"
				 "20 A>B INVITE 1 b=1 i=silent\n"
				 "21 B>A 100/INVITE 1 b=1 i=silent\n"
				 "30 A>B INVITE 1 b=1 i=challenged\n"
				 "31 A>B INVITE 1 b=1 i=cancelled\n"
				 "32 A>B CANCEL 1 b=1 i=cancelled\n"
				 "33 B>A 401/INVITE 1 b=1 t=y i=challenged\n");
	assert_int_equal(told.begun, 7);
	for (unsigned i = 0; i < 7; i++) {
		assert_int_equal(told.ended, i);
		put_answered(tracker, 40 + i, 8 + i);
		assert_int_equal(told.last_ended, order[i]);
		assert_int_equal(told.cause, SIP_END_SHED);
	}
	assert_int_equal(told.ended, 7);
	assert_int_equal(sip_tracker_counters_peek(tracker)->calls_shed, 7);
	sip_tracker_free(&tracker);
}

/** There is nothing else left: what is on hold gives way, too. */
static void
what_is_on_hold_gives_way(void **state)
{
	const struct sip_config config = { .calls_max = 1 };
	struct told told;
	struct sip_tracker *tracker = make(&told, &config);

	(void)state;
	testing_sip_run(tracker, HELD);
	assert_true(told.call.hold[SIP_CALLER]);
	put_call(tracker, 5, 2);
	assert_int_equal(told.last_ended, 1);
	assert_int_equal(told.begun, 2);
	sip_tracker_free(&tracker);
}

/** A call that was given up is no more; its INVITE, sent again, begins it. */
static void
what_gave_way_may_come_again(void **state)
{
	const struct sip_config config = { .calls_max = 1 };
	struct told told;
	struct sip_tracker *tracker = make(&told, &config);

	(void)state;
	put_call(tracker, 1, 1);
	put_call(tracker, 2, 2);
	assert_int_equal(told.last_ended, 1);
	put_call(tracker, 3, 1);
	assert_int_equal(told.last_ended, 2);
	assert_int_equal(told.begun, 3);
	sip_tracker_free(&tracker);
}

/** However many begin: else a BYE that is sent again would be a stray. */
static void
some_that_ended_are_remembered(void **state)
{
	const struct sip_config config = { .calls_max = 8 };
	struct told told;
	struct sip_tracker *tracker = make(&told, &config);
	const struct sip_counters *c = sip_tracker_counters_peek(tracker);
	const char *bye = "9 A>B BYE 2 b=2 t=y i=1\n";

	(void)state;
	put_answered(tracker, 1, 1);
	testing_sip_run(tracker, bye);
	for (unsigned i = 2; i < 100; i++)
		put_call(tracker, 10, i);
	assert_int_equal(sip_tracker_calls(tracker), 8);
	assert_int_equal(c->calls_shed, 90);
	testing_sip_run(tracker, bye);
	assert_int_equal(c->retransmissions, 1);
	/* there is room for one beside the eight */
	put_start(tracker, 11, "SIP/2.0 486 Busy", 99);
	put_call(tracker, 12, 100);
	assert_int_equal(c->calls_shed, 90);
	testing_sip_run(tracker, bye);
	assert_int_equal(c->stray, 1);
	put_start(tracker, 13, "SIP/2.0 486 Busy", 99);
	assert_int_equal(c->retransmissions, 2);
	sip_tracker_free(&tracker);
}

static void
the_idlest_call_gives_way(void **state)
{
	struct sip_config config = { .calls_max = 3 };
	struct told told;
	struct sip_tracker *tracker = make(&told, &config);
	const struct sip_counters *c = sip_tracker_counters_peek(tracker);

	(void)state;
	put_call(tracker, 1, 1);
	put_call(tracker, 2, 2);
	put_call(tracker, 3, 3);
	sip_tracker_alive(tracker, 1, 4 * MS);
	put_call(tracker, 5, 4);
	assert_int_equal(told.ended, 1);
	assert_int_equal(told.last_ended, 2);
	assert_int_equal(told.cause, SIP_END_SHED);
	assert_int_equal(told.time_ns, 5 * MS);
	assert_int_equal(c->calls_shed, 1);
	assert_int_equal(sip_tracker_calls(tracker), 3);
	/* a call that is over is forgotten first */
	assert_int_equal(
	    put(tracker, 6, "BYE sip:a SIP/2.0\r\n" HEADERS("4") "\r\n", 0), 0);
	assert_int_equal(told.cause, SIP_END_BYE);
	assert_int_equal(sip_tracker_calls(tracker), 2);
	put_call(tracker, 7, 5);
	assert_int_equal(c->calls_shed, 1);
	assert_int_equal(sip_tracker_calls(tracker), 3);
	sip_tracker_finish(tracker, 9 * MS);
	assert_int_equal(told.ended, 5);
	assert_int_equal(told.last_ended, 5);
	assert_int_equal(told.time_ns, 9 * MS);
	assert_int_equal(sip_tracker_calls(tracker), 0);
	sip_tracker_free(&tracker);
}

static void
what_rings_times_out_as_a_set_up(void **state)
{
	struct told told;
	struct sip_tracker *tracker = make(&told, NULL);

	(void)state;
	put_call(tracker, 0, 1);
	put_start(tracker, 10, "SIP/2.0 180 Ringing", 1);
	sip_tracker_tick(tracker, 180009 * MS);
	assert_int_equal(told.ended, 0);
	sip_tracker_tick(tracker, 180010 * MS);
	assert_int_equal(told.ended, 1);
	assert_int_equal(told.cause, SIP_END_TIMEOUT);
	sip_tracker_free(&tracker);
}

/** A tick looks at no call that is not due: counted by those that it ends. */
static void
many_calls_time_out_in_order(void **state)
{
	struct told told;
	struct sip_tracker *tracker = make(&told, NULL);

	(void)state;
	for (unsigned i = 1; i <= 1000; i++)
		put_call(tracker, i, i);
	sip_tracker_tick(tracker, 180000 * MS);
	assert_int_equal(told.ended, 0);
	for (unsigned i = 1; i <= 1000; i++) {
		sip_tracker_tick(tracker, (180000 + i) * MS);
		assert_int_equal(told.ended, i);
		assert_int_equal(told.last_ended, i);
		assert_int_equal(told.time_ns, i * MS);
	}
	sip_tracker_free(&tracker);
}

static void
an_ended_call_is_forgotten(void **state)
{
	struct told told;
	struct sip_tracker *tracker = make(&told, NULL);
	const struct sip_counters *c = sip_tracker_counters_peek(tracker);
	const char *bye = "BYE sip:a SIP/2.0\r\n" HEADERS("1") "\r\n";

	(void)state;
	put_call(tracker, 0, 1);
	assert_int_equal(put(tracker, 10, bye, 0), 0);
	sip_tracker_tick(tracker, 32009 * MS);
	assert_int_equal(put(tracker, 32009, bye, 0), 0);
	assert_int_equal(c->retransmissions, 1);
	assert_int_equal(c->stray, 0);
	sip_tracker_tick(tracker, 64009 * MS);
	assert_int_equal(put(tracker, 64010, bye, 0), 0);
	assert_int_equal(c->stray, 1);
	assert_int_equal(told.ended, 1);
	sip_tracker_alive(tracker, 1, 0);
	sip_tracker_alive(tracker, 99, 0);
	sip_tracker_free(&tracker);
}

/** SDP of a message cut by the snap length never gives half a port. */
static void
a_cut_body_is_believed_by_lines(void **state)
{
	static const char text[] = INVITE("1") SDP;
	char cut[sizeof(text)];

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		struct told told;
		struct sip_tracker *tracker = make(&told, NULL);

		memcpy(cut, text, n);
		cut[n] = '\0';
		(void)put(tracker, 0, cut, sizeof(text) - n);
		sip_tracker_finish(tracker, 5 * MS);
		assert_int_equal(told.opened, told.closed);
		assert_int_equal(told.begun, told.ended);
		if (told.opened)
			assert_int_equal(told.media.receive.port, 4000);
		sip_tracker_free(&tracker);
	}
}

static void
streams_of_a_call_are_bounded(void **state)
{
	struct told told;
	struct sip_tracker *tracker = make(&told, NULL);
	char text[1024];

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(text, sizeof(text),
			 "INVITE sip:2002@pbx SIP/2.0\r\n"
			 "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK%u\r\n"
			 "From: <sip:2001@pbx>;tag=%u\r\nTo: <sip:pbx>\r\n"
			 "Call-ID: 1\r\nCSeq: 1 INVITE\r\n"
			 "Content-Type: application/sdp\r\n\r\n"
			 "v=0\r\nc=IN IP4 10.0.0.1\r\n"
			 "m=audio %u RTP/AVP 8\r\n",
			 i, i, 4000 + i);
		assert_int_equal(put(tracker, i, text, 0), 0);
	}
	assert_int_equal(told.opened - told.closed, SIP_STREAMS_MAX);
	assert_int_equal(sip_tracker_counters_peek(tracker)->sdp_cut,
			 100 - SIP_STREAMS_MAX);
	sip_tracker_finish(tracker, 0);
	assert_int_equal(told.opened, told.closed);
	sip_tracker_free(&tracker);
}

static void
memory_may_run_out_at_any_point(void **state)
{
	struct sip_tracker *tracker;
	struct told told = { 0 };
	unsigned nth;
	int rc = -ENOMEM;

	(void)state;
	for (nth = 1; rc == -ENOMEM; nth++) {
		testing_fail_allocation(nth);
		rc = sip_tracker_new(&tracker, NULL, note, &told);
		testing_fail_allocation(0);
		if (rc == -ENOMEM)
			assert_null(tracker);
	}
	assert_int_equal(rc, 0);
	assert_true(nth > 2);
	sip_tracker_free(&tracker);
	for (nth = 1; nth < 20; nth++) {
		tracker = make(&told, NULL);
		testing_fail_allocation(nth);
		(void)put(tracker, 0,
			  "SIP/2.0 180 Ringing\r\n" HEADERS("1") "\r\n", 0);
		(void)put(tracker, 0, INVITE("1") SDP, 0);
		testing_fail_allocation(0);
		sip_tracker_finish(tracker, MS);
		assert_int_equal(told.opened, told.closed);
		assert_int_equal(told.begun, told.ended);
		assert_int_equal(
		    told.begun + sip_tracker_counters_peek(tracker)->calls_shed,
		    1);
		sip_tracker_free(&tracker);
	}
}

static void
settings_are_checked(void **state)
{
	struct sip_config config = { .linger_ns = -1 };
	struct sip_tracker *tracker;

	(void)state;
	assert_int_equal(sip_tracker_new(&tracker, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(sip_tracker_new(&tracker, &config, note, NULL),
			 -EINVAL);
	config = (struct sip_config){ .message_bytes_max = 65536 };
	assert_int_equal(sip_tracker_new(&tracker, &config, note, NULL),
			 -EINVAL);
	assert_null(tracker);
}

/** Idle calls are kept small: the state and its two usual streams. */
static void
a_call_is_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct sip_call_state) +
			2 * sizeof(struct sip_stream) <=
		    5248);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_has_what_is_known),
		cmocka_unit_test(every_message_is_counted),
		cmocka_unit_test(long_texts_are_cut_and_counted),
		cmocka_unit_test(who_gives_way),
		cmocka_unit_test(what_is_on_hold_gives_way),
		cmocka_unit_test(what_gave_way_may_come_again),
		cmocka_unit_test(some_that_ended_are_remembered),
		cmocka_unit_test(the_idlest_call_gives_way),
		cmocka_unit_test(what_rings_times_out_as_a_set_up),
		cmocka_unit_test(many_calls_time_out_in_order),
		cmocka_unit_test(an_ended_call_is_forgotten),
		cmocka_unit_test(a_cut_body_is_believed_by_lines),
		cmocka_unit_test(streams_of_a_call_are_bounded),
		cmocka_unit_test(memory_may_run_out_at_any_point),
		cmocka_unit_test(settings_are_checked),
		cmocka_unit_test(a_call_is_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
