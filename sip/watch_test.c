/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Headers that are waited for: in which messages, how often, by whom. */
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

/* Headers, and between what they come. */
static void
note(void *ctx, const struct sip_event *event)
{
	if (event->type == SIP_EVENT_HEADER || event->type == SIP_EVENT_CALL ||
	    event->type == SIP_EVENT_END)
		testing_sip_note(ctx, event);
	if (event->type != SIP_EVENT_HEADER)
		assert_null(event->header);
}

static struct sip_tracker *
watch(struct testing_sip_log *log, const char *const names[], uint32_t count)
{
	struct sip_tracker *tracker;

	memset(log, 0, sizeof(*log));
	assert_int_equal(sip_tracker_new(&tracker, NULL, note, log), 0);
	assert_int_equal(sip_tracker_watch(tracker, names, count), 0);
	return tracker;
}

/* Each message has what libosip2 is not given: its scan is the other one. */
static void
run_scanned(struct sip_tracker *tracker, const char *script)
{
	const struct sip_counters *c = sip_tracker_counters_peek(tracker);
	char line[512];

	while (*script) {
		int n = (int)strcspn(script, "\n");

		assert_true(snprintf(line, sizeof(line), "%.*s h=Odd:%%00", n,
				     script) < (int)sizeof(line));
		testing_sip_line(tracker, line);
		script += n + 1;
	}
	assert_int_equal(c->fallback, c->messages);
}

/* In both ways that a message is read. */
static void
assert_told(const char *script, const char *expected)
{
	static const char *const names[] = { "X-Recording", "record" };
	struct testing_sip_log log;
	struct sip_tracker *tracker = watch(&log, names, 2);

	testing_sip_run(tracker, script);
	assert_int_equal(sip_tracker_counters_peek(tracker)->fallback, 0);
	assert_string_equal(log.text, expected);
	sip_tracker_free(&tracker);

	tracker = watch(&log, names, 2);
	run_scanned(tracker, script);
	assert_string_equal(log.text, expected);
	sip_tracker_free(&tracker);
}

#define INVITE "0 A>B INVITE 1 b=1 sdp=10.0.0.1:4000"
#define ANSWERED                                                               \
	INVITE "\n40 B>A 200/INVITE 1 b=1 t=y sdp=10.0.0.2:5000\n"             \
	       "50 A>B ACK 1 b=2 t=y\n"
#define CALL "0 #1 call 2001>2002\n"

static void
in_each_message_of_a_call(void **state)
{
	assert_told(INVITE " h=X-Recording:1\n"
			   "10 B>A 180/INVITE 1 b=1 t=y h=X-Recording:2\n"
			   "40 B>A 200/INVITE 1 b=1 t=y h=X-Recording:3\n"
			   "50 A>B ACK 1 b=2 t=y h=X-Recording:4\n"
			   "60 B>A UPDATE 1 b=3 f=y t=x h=X-Recording:5\n"
			   "70 A>B 200/UPDATE 1 b=3 f=y t=x h=X-Recording:6\n"
			   "80 B>A REFER 2 b=4 f=y t=x h=X-Recording:7\n"
			   "90 B>A BYE 3 b=5 f=y t=x h=X-Recording:8\n",
		    CALL "0 #1 header 'X-Recording' is '1' by caller\n"
			 "10 #1 header 'X-Recording' is '2' by callee\n"
			 "40 #1 header 'X-Recording' is '3' by callee\n"
			 "50 #1 header 'X-Recording' is '4' by caller\n"
			 "60 #1 header 'X-Recording' is '5' by callee\n"
			 "70 #1 header 'X-Recording' is '6' by caller\n"
			 "80 #1 header 'X-Recording' is '7' by callee\n"
			 "90 #1 header 'X-Recording' is '8' by callee\n"
			 "90 #1 end bye 0 by callee\n");
}

/* As telephones with a button do. */
static void
in_info(void **state)
{
	assert_told(ANSWERED "1000 A>B INFO 2 b=3 t=y h=Record:~off\n"
			     "1010 B>A 200/INFO 2 b=3 t=y h=Record:~ok\n"
			     "2000 B>A INFO 7 b=4 f=y t=x h=Record:~on\n",
		    CALL "1000 #1 header 'Record' is 'off' by caller in INFO\n"
			 "1010 #1 header 'Record' is 'ok' by callee\n"
			 "2000 #1 header 'Record' is 'on' by callee in INFO\n");
}

/* That changes no call, and is in one. */
static void
in_a_method_of_no_part(void **state)
{
	assert_told(ANSWERED "1000 B>A MESSAGE 7 b=3 f=y t=x h=Record:off\n"
			     "1010 A>B 200/MESSAGE 7 b=3 f=y t=x h=Record:no\n"
			     "1020 A>B MESSAGE 8 b=4 i=other h=Record:off\n",
		    CALL "1000 #1 header 'Record' is 'off' by callee\n"
			 "1010 #1 header 'Record' is 'no' by caller\n");
}

static void
written_in_many_ways(void **state)
{
	assert_told(ANSWERED "1000 A>B INFO 2 b=3 t=y h=RECORD~:~~off~~\n"
			     "1100 A>B INFO 3 b=4 t=y h=record:|~~off|~now\n"
			     "1200 A>B INFO 4 b=5 t=y h=Record:\n"
			     "1300 A>B INFO 5 b=6 t=y h=Record:a:b,~\"c\";d=e\n"
			     "1400 A>B INFO 6 b=7 t=y h=Record:\x01\xff\n",
		    CALL
		    "1000 #1 header 'RECORD' is 'off' by caller in INFO\n"
		    "1100 #1 header 'record' is 'off now' by caller in INFO\n"
		    "1200 #1 header 'Record' is '' by caller in INFO\n"
		    "1300 #1 header 'Record' is 'a:b, \"c\";d=e' by caller in "
		    "INFO\n"
		    "1400 #1 header 'Record' is '\xef\xbf\xbd\xef\xbf\xbd' by "
		    "caller in INFO\n");
}

static void
several_in_a_message(void **state)
{
	assert_told(ANSWERED "1000 A>B INFO 2 b=3 t=y h=Record:1 h=Other:2 "
			     "h=X-Recording:3 h=Record:4 h=Record:1\n",
		    CALL "1000 #1 header 'Record' is '1' by caller in INFO\n"
			 "1000 #1 header 'X-Recording' is '3' by caller in "
			 "INFO\n"
			 "1000 #1 header 'Record' is '4' by caller in INFO\n");
}

/* Others are not kept from being seen by what is sent too often. */
static void
too_many_in_a_message(void **state)
{
	assert_told(ANSWERED "1000 A>B INFO 2 b=3 t=y h=Record:1 h=Record:2 "
			     "h=Record:3 h=Record:4 h=Record:5 h=Record:6 "
			     "h=Record:7 h=Record:8 h=Record:9 "
			     "h=X-Recording:10\n",
		    CALL "1000 #1 header 'Record' is '1' by caller in INFO\n"
			 "1000 #1 header 'Record' is '2' by caller in INFO\n"
			 "1000 #1 header 'Record' is '3' by caller in INFO\n"
			 "1000 #1 header 'Record' is '4' by caller in INFO\n"
			 "1000 #1 header 'Record' is '5' by caller in INFO\n"
			 "1000 #1 header 'Record' is '6' by caller in INFO\n"
			 "1000 #1 header 'Record' is '7' by caller in INFO\n"
			 "1000 #1 header 'Record' is '8' by caller in INFO\n"
			 "1000 #1 header 'X-Recording' is '10' by caller in "
			 "INFO\n");
}

/* Over UDP, by a proxy with another branch, and as seen on two ports. */
static void
sent_again_and_passed_on(void **state)
{
	assert_told("0 A>P INVITE 1 b=1 h=Record:off\n"
		    "1 P>B INVITE 1 b=2 h=Record:off\n"
		    "500 A>P INVITE 1 b=1 h=Record:off\n"
		    "600 B>P 200/INVITE 1 b=2 t=y h=Record:off\n"
		    "601 P>A 200/INVITE 1 b=1 t=y h=Record:off\n"
		    "610 A>P ACK 1 b=3 t=y h=Record:off\n"
		    "1000 A>P INFO 2 b=4 t=y h=Record:off\n"
		    "1001 P>B INFO 2 b=5 t=y h=Record:off\n"
		    "1500 A>P INFO 2 b=4 t=y h=Record:off\n"
		    "2000 A>P INFO 3 b=6 t=y h=Record:off\n"
		    "2010 A>P OPTIONS 4 b=7 t=y h=Record:off\n"
		    "2510 A>P OPTIONS 4 b=7 t=y h=Record:off\n",
		    CALL "0 #1 header 'Record' is 'off' by caller\n"
			 "600 #1 header 'Record' is 'off' by callee\n"
			 "610 #1 header 'Record' is 'off' by caller\n"
			 "1000 #1 header 'Record' is 'off' by caller in INFO\n"
			 "2000 #1 header 'Record' is 'off' by caller in INFO\n"
			 "2010 #1 header 'Record' is 'off' by caller\n");
}

/* Then what is sent again is told again: better than not at all. */
static void
out_of_memory(void **state)
{
	static const char *const names[] = { "Record" };
	struct testing_sip_log log;
	struct sip_tracker *tracker = watch(&log, names, 1);

	testing_sip_run(tracker, ANSWERED);
	for (unsigned i = 0; i < 3; i++) {
		testing_fail_allocation(i ? 0 : 1);
		testing_sip_run(tracker,
				"1000 A>B INFO 2 b=3 t=y h=Record:off\n");
	}
	testing_fail_allocation(0);
	assert_string_equal(
	    log.text,
	    CALL "1000 #1 header 'Record' is 'off' by caller in INFO\n"
		 "1000 #1 header 'Record' is 'off' by caller in INFO\n");
	sip_tracker_free(&tracker);
}

/* A response that overtook its INVITE has to wait for it. */
static void
in_what_came_too_early(void **state)
{
	assert_told("0 B>A 180/INVITE 1 b=1 t=y h=Record:off\n" INVITE "\n",
		    CALL "0 #1 header 'Record' is 'off' by callee\n");
}

static void
not_of_a_call(void **state)
{
	assert_told("0 A>B INFO 1 b=1 t=y h=Record:off\n"
		    "1 A>B REGISTER 1 b=2 h=Record:off\n" ANSWERED
		    "2000 A>B BYE 3 b=4 t=y\n"
		    "2010 B>A 200/BYE 3 b=4 t=y h=Record:off\n"
		    "2020 A>B INFO 4 b=5 t=y h=Record:off\n"
		    "2030 A>B MESSAGE 5 b=6 t=y h=Record:off\n",
		    CALL "2000 #1 end bye 0 by caller\n");
}

/* Only the head is looked at, and in it not the first line. */
static void
not_in_a_body(void **state)
{
	static const char *const names[] = { "INVITE sip" };
	struct testing_sip_log log;
	struct sip_tracker *tracker = watch(&log, names, 1);

	testing_sip_run(tracker, INVITE "\n");
	assert_string_equal(log.text, CALL);
	sip_tracker_free(&tracker);
	assert_told(ANSWERED "1000 A>B INFO 2 b=3 t=y "
			     "body=text/plain|Record:~off\n"
			     "1100 A>B INFO 3 b=4 t=y h=Recorder:off "
			     "h=X:Record:off\n",
		    CALL);
}

/* Over a limit: libosip2 does not see it at all. Nor would it have a line
 * without a colon. */
static void
in_a_message_over_a_limit(void **state)
{
	static const char *const names[] = { "record" };
	const struct sip_config config = { .headers_max = 8 };
	struct testing_sip_log log = { .n = 0 };
	struct sip_tracker *tracker;

	assert_int_equal(sip_tracker_new(&tracker, &config, note, &log), 0);
	assert_int_equal(sip_tracker_watch(tracker, names, 1), 0);
	testing_sip_run(tracker, INVITE " h=a:1 h=b:2 h=Record h=Record:off\n");
	assert_int_equal(sip_tracker_counters_peek(tracker)->over_limit, 1);
	assert_string_equal(log.text,
			    CALL "0 #1 header 'Record' is 'off' by caller\n");
	sip_tracker_free(&tracker);
}

/* What does not fit is cut, and a character is not. */
static void
a_long_value(void **state)
{
	static const char *const names[] = { "X" };
	char line[512], expected[512];
	struct testing_sip_log log;
	struct sip_tracker *tracker = watch(&log, names, 1);

	snprintf(line, sizeof(line), INVITE " h=X:%0126d\xc3\xa4more\n", 0);
	testing_sip_run(tracker, line);
	snprintf(expected, sizeof(expected),
		 CALL "0 #1 header 'X' is '%0126d' by caller\n", 0);
	assert_string_equal(log.text, expected);
	sip_tracker_free(&tracker);
}

/* Its name is hidden from libosip2, and not from who waits for it. */
static void
content_length(void **state)
{
	static const char *const names[] = { "content-length", "xontent-length",
					     "x" };
	struct testing_sip_log log;
	struct sip_tracker *tracker = watch(&log, names, 3);

	testing_sip_run(tracker, "0 A>B INVITE 1 b=1\n");
	assert_string_equal(log.text, CALL
			    "0 #1 header 'Content-Length' is '0' by caller\n");
	sip_tracker_free(&tracker);
}

/* With each set of names only what is of it; with none, nothing. */
static void
another_set(void **state)
{
	static const char *const first[] = { "Record" }, *const second[] = {
		"Other", "X-Recording"
	};
	struct testing_sip_log log;
	struct sip_tracker *tracker = watch(&log, NULL, 0);

	testing_sip_run(tracker, ANSWERED "100 A>B INFO 2 b=3 t=y "
					  "h=Record:1 h=Other:1\n");
	assert_int_equal(sip_tracker_watch(tracker, first, 1), 0);
	testing_sip_run(tracker, "200 A>B INFO 3 b=4 t=y "
				 "h=Record:1 h=Other:1\n");
	/* sent again, and there it is another that counts */
	assert_int_equal(sip_tracker_watch(tracker, second, 2), 0);
	testing_sip_run(tracker, "300 A>B INFO 3 b=4 t=y "
				 "h=Record:1 h=Other:1\n");
	assert_int_equal(sip_tracker_watch(tracker, NULL, 0), 0);
	testing_sip_run(tracker, "400 A>B INFO 4 b=5 t=y "
				 "h=Record:1 h=Other:1\n");
	assert_string_equal(log.text, CALL
			    "200 #1 header 'Record' is '1' by caller in INFO\n"
			    "300 #1 header 'Other' is '1' by caller in INFO\n");
	sip_tracker_free(&tracker);
}

/* What is refused leaves the names that were there. */
static void
limits_of_names(void **state)
{
	char long_name[SIP_HEADER_NAME_BYTES + 1];
	const char *names[SIP_WATCH_MAX + 1];
	struct testing_sip_log log;
	struct sip_tracker *tracker;

	for (unsigned i = 0; i <= SIP_WATCH_MAX; i++)
		names[i] = "Other";
	names[SIP_WATCH_MAX - 1] = "Record";
	tracker = watch(&log, names, SIP_WATCH_MAX);
	assert_int_equal(sip_tracker_watch(tracker, names, SIP_WATCH_MAX + 1),
			 -EINVAL);
	names[1] = "";
	assert_int_equal(sip_tracker_watch(tracker, names, 2), -EINVAL);
	memset(long_name, 'a', sizeof(long_name));
	long_name[SIP_HEADER_NAME_BYTES] = '\0';
	names[1] = long_name;
	assert_int_equal(sip_tracker_watch(tracker, names, 2), -EINVAL);
	testing_sip_run(tracker, INVITE " h=Record:off\n");
	assert_string_equal(log.text,
			    CALL "0 #1 header 'Record' is 'off' by caller\n");
	long_name[SIP_HEADER_NAME_BYTES - 1] = '\0';
	assert_int_equal(sip_tracker_watch(tracker, names, 2), 0);
	sip_tracker_free(&tracker);
}

/* A name as long as may be is told whole. */
static void
a_long_name(void **state)
{
	char name[SIP_HEADER_NAME_BYTES], line[512], expected[512];
	const char *const names[] = { name };
	struct testing_sip_log log;
	struct sip_tracker *tracker;

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	tracker = watch(&log, names, 1);
	snprintf(line, sizeof(line), INVITE " h=%s:1 h=%sn:2\n", name, name);
	testing_sip_run(tracker, line);
	snprintf(expected, sizeof(expected),
		 CALL "0 #1 header '%s' is '1' by caller\n", name);
	assert_string_equal(log.text, expected);
	sip_tracker_free(&tracker);
}

/* Nothing that is kept of a call depends on what was in it. */
static void
no_trace_in_what_is_saved(void **state)
{
	static const char *const names[] = { "Record" };
	static const char *const scripts[] = {
		ANSWERED "1000 A>B OPTIONS 2 b=3 t=y h=Record:off\n",
		ANSWERED "1000 A>B OPTIONS 2 b=3 t=y h=Record:on\n",
	};
	uint8_t saved[2][SIP_SAVE_BYTES_MAX];
	struct testing_sip_log log;
	int n[2], i;

	for (i = 0; i < 2; i++) {
		struct sip_tracker *tracker = watch(&log, names, 1);

		testing_sip_run(tracker, scripts[i]);
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
		cmocka_unit_test(in_each_message_of_a_call),
		cmocka_unit_test(in_info),
		cmocka_unit_test(in_a_method_of_no_part),
		cmocka_unit_test(written_in_many_ways),
		cmocka_unit_test(several_in_a_message),
		cmocka_unit_test(too_many_in_a_message),
		cmocka_unit_test(sent_again_and_passed_on),
		cmocka_unit_test(out_of_memory),
		cmocka_unit_test(in_what_came_too_early),
		cmocka_unit_test(not_of_a_call),
		cmocka_unit_test(not_in_a_body),
		cmocka_unit_test(in_a_message_over_a_limit),
		cmocka_unit_test(a_long_value),
		cmocka_unit_test(content_length),
		cmocka_unit_test(another_set),
		cmocka_unit_test(limits_of_names),
		cmocka_unit_test(a_long_name),
		cmocka_unit_test(no_trace_in_what_is_saved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
