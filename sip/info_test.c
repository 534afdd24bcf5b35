/* SPDX-License-Identifier: GPL-3.0-or-later */
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

static struct testing_sip_log keys;

static void
note_keys(void *ctx, const struct sip_event *event)
{
	if (event->type == SIP_EVENT_KEY)
		testing_sip_note(ctx, event);
}

/* An answered call, then these lines. */
static struct sip_tracker *
run(const char *script)
{
	struct sip_tracker *tracker;

	memset(&keys, 0, sizeof(keys));
	assert_int_equal(sip_tracker_new(&tracker, NULL, note_keys, &keys), 0);
	testing_sip_run(tracker, "0 A>B INVITE 1 b=1 sdp=10.0.0.1:4000\n"
				 "40 B>A 200/INVITE 1 b=1 t=y "
				 "sdp=10.0.0.2:5000\n"
				 "50 A>B ACK 1 b=2 t=y\n");
	testing_sip_run(tracker, script);
	return tracker;
}

static void
assert_keys(const char *script, const char *expected)
{
	struct sip_tracker *tracker = run(script);

	assert_string_equal(keys.text, expected);
	sip_tracker_free(&tracker);
}

#define RELAY "body=application/dtmf-relay|"
#define BARE  "body=application/dtmf|"

static void
dtmf_relay(void **state)
{
	assert_keys("1000 A>B INFO 2 b=3 t=y " RELAY "Signal=5|Duration=160\n",
		    "1000 #1 key 5 by caller for 160\n");
}

static void
dtmf_relay_of_many_spellings(void **state)
{
	assert_keys("1000 A>B INFO 2 b=3 t=y " RELAY "Signal=~5|Duration=~250\n"
		    "2000 A>B INFO 3 b=4 t=y " RELAY "signal:~*\n"
		    "3000 A>B INFO 4 b=5 t=y " RELAY
		    "Duration=100|SIGNAL~=~#~\n"
		    "4000 A>B INFO 5 b=6 t=y " RELAY "Signal=10\n"
		    "5000 A>B INFO 6 b=7 t=y " RELAY "Signal=11\n"
		    "6000 A>B INFO 7 b=8 t=y " RELAY "Signal=15\n"
		    "7000 A>B INFO 8 b=9 t=y " RELAY "Signal=b\n"
		    "8000 A>B INFO 9 b=10 t=y "
		    "body=Application/DTMF-Relay;charset=utf-8|Signal=0\n",
		    "1000 #1 key 5 by caller for 250\n"
		    "2000 #1 key * by caller\n"
		    "3000 #1 key # by caller for 100\n"
		    "4000 #1 key * by caller\n"
		    "5000 #1 key # by caller\n"
		    "6000 #1 key D by caller\n"
		    "7000 #1 key B by caller\n"
		    "8000 #1 key 0 by caller\n");
}

static void
dtmf_bare(void **state)
{
	assert_keys("1000 A>B INFO 2 b=3 t=y " BARE "5\n"
		    "2000 A>B INFO 3 b=4 t=y " BARE "~10~\n"
		    "3000 A>B INFO 4 b=5 t=y " BARE "Signal=7|Duration=90\n",
		    "1000 #1 key 5 by caller\n"
		    "2000 #1 key * by caller\n"
		    "3000 #1 key 7 by caller for 90\n");
}

static void
no_keys(void **state)
{
	assert_keys("1000 A>B INFO 2 b=3 t=y " RELAY "Signal=16\n"
		    "1100 A>B INFO 3 b=4 t=y " RELAY "Signal=hf\n"
		    "1150 A>B INFO 13 b=13 t=y " RELAY "Signal=99\n"
		    "1200 A>B INFO 4 b=5 t=y " RELAY "Signal=\n"
		    "1300 A>B INFO 5 b=6 t=y " RELAY "Duration=5\n"
		    "1400 A>B INFO 6 b=7 t=y " RELAY "5\n"
		    "1500 A>B INFO 7 b=8 t=y " BARE "9x\n"
		    "1600 A>B INFO 8 b=9 t=y " BARE "123\n"
		    "1700 A>B INFO 9 b=10 t=y body=text/plain|Signal=5\n"
		    "1800 A>B INFO 10 b=11 t=y\n"
		    "1900 A>B MESSAGE 11 b=12 t=y " RELAY "Signal=5\n",
		    "");
}

static void
keys_of_both_sides(void **state)
{
	assert_keys("1000 B>A INFO 7 b=3 f=y t=x " RELAY "Signal=1\n"
		    "1500 A>B INFO 7 b=4 t=y " RELAY "Signal=2\n",
		    "1000 #1 key 1 by callee\n"
		    "1500 #1 key 2 by caller\n");
}

static void
the_same_key_again_is_another(void **state)
{
	assert_keys("1000 A>B INFO 2 b=3 t=y " RELAY "Signal=5\n"
		    "1200 A>B INFO 3 b=4 t=y " RELAY "Signal=5\n",
		    "1000 #1 key 5 by caller\n"
		    "1200 #1 key 5 by caller\n");
}

/* Over UDP, and by a proxy, whose branch is another. */
static void
sent_again_and_passed_on(void **state)
{
	assert_keys("1000 A>P INFO 2 b=3 t=y " RELAY "Signal=5\n"
		    "1001 P>B INFO 2 b=4 t=y " RELAY "Signal=5\n"
		    "1500 A>P INFO 2 b=3 t=y " RELAY "Signal=5\n"
		    "1501 P>B INFO 2 b=4 t=y " RELAY "Signal=5\n",
		    "1000 #1 key 5 by caller\n");
}

static void
challenged(void **state)
{
	assert_keys("1000 A>B INFO 2 b=3 t=y " RELAY "Signal=5\n"
		    "1010 B>A 401/INFO 2 b=3 t=y\n"
		    "1020 A>B INFO 3 b=4 t=y " RELAY "Signal=5\n"
		    "1030 B>A 401/INFO 2 b=3 t=y\n"
		    "1040 B>A 200/INFO 3 b=4 t=y\n"
		    "1300 A>B INFO 4 b=5 t=y " RELAY "Signal=5\n",
		    "1000 #1 key 5 by caller\n"
		    "1020 #1 key 5 by caller again\n"
		    "1300 #1 key 5 by caller\n");
}

/* What the callee sends has nothing to do with the caller's challenge. */
static void
challenged_on_one_side(void **state)
{
	assert_keys("1000 A>B INFO 2 b=3 t=y " RELAY "Signal=5\n"
		    "1010 B>A 407/INFO 2 b=3 t=y\n"
		    "1020 B>A INFO 9 b=4 f=y t=x " RELAY "Signal=5\n",
		    "1000 #1 key 5 by caller\n"
		    "1020 #1 key 5 by callee\n");
}

static void
not_of_a_call(void **state)
{
	assert_keys("1000 A>B INFO 2 b=3 i=other t=y " RELAY "Signal=5\n"
		    "2000 A>B BYE 3 b=4 t=y\n"
		    "2010 B>A 200/BYE 3 b=4 t=y\n"
		    "2020 A>B INFO 4 b=5 t=y " RELAY "Signal=5\n",
		    "");
}

/* By the snap length: "1" may have been "10". */
static void
cut(void **state)
{
	static const char message[] =
	    "INFO sip:2002@pbx.example SIP/2.0\r\n"
	    "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK9\r\n"
	    "From: <sip:2001@pbx.example>;tag=x\r\n"
	    "To: <sip:2002@pbx.example>;tag=y\r\n"
	    "Call-ID: call\r\nCSeq: 2 INFO\r\n"
	    "Content-Type: application/dtmf-relay\r\n"
	    "Content-Length: 25\r\n\r\n"
	    "Signal=10\r\nDuration=160\r\n";
	size_t whole = sizeof(message) - 1, n;

	for (n = whole - 25; n <= whole; n++) {
		struct sip_tracker *tracker = run("");
		struct capture_pkt pkt = { .time_ns = 1000000000,
					   .payload = testing_copy(message, n),
					   .payload_bytes = (uint32_t)n,
					   .missing_bytes =
					       (uint32_t)(whole - n) };

		assert_int_equal(sip_tracker_input(tracker, &pkt), 0);
		if (keys.n)
			assert_memory_equal(keys.text, "1000 #1 key * ", 14);
		assert_int_equal(keys.n > 0, n >= whole - 25 + 10);
		sip_tracker_free(&tracker);
		free((void *)(uintptr_t)pkt.payload);
	}
}

/* Nothing that is kept of a call depends on what was keyed. */
static void
no_trace_in_what_is_saved(void **state)
{
	static const char *const scripts[] = {
		"1000 A>B INFO 2 b=3 t=y " RELAY "Signal=5|Duration=160\n",
		"1000 A>B INFO 2 b=3 t=y " RELAY "Signal=8|Duration=160\n",
	};
	uint8_t saved[2][SIP_SAVE_BYTES_MAX];
	int n[2], i;

	for (i = 0; i < 2; i++) {
		struct sip_tracker *tracker = run(scripts[i]);

		n[i] = sip_tracker_save(tracker, 1, saved[i], sizeof(saved[i]));
		sip_tracker_free(&tracker);
	}
	assert_true(n[0] > 0);
	assert_int_equal(n[0], n[1]);
	assert_memory_equal(saved[0], saved[1], (size_t)n[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dtmf_relay),
		cmocka_unit_test(dtmf_relay_of_many_spellings),
		cmocka_unit_test(dtmf_bare),
		cmocka_unit_test(no_keys),
		cmocka_unit_test(keys_of_both_sides),
		cmocka_unit_test(the_same_key_again_is_another),
		cmocka_unit_test(sent_again_and_passed_on),
		cmocka_unit_test(challenged),
		cmocka_unit_test(challenged_on_one_side),
		cmocka_unit_test(not_of_a_call),
		cmocka_unit_test(cut),
		cmocka_unit_test(no_trace_in_what_is_saved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
