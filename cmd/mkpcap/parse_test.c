/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scripts that are right, and the words for those that are not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/mkpcap/mkpcap_priv.h"
#include "cmd/testing/testing.h"

#define HOSTS "host a 10.0.0.1\nhost b 10.0.0.2\n"
#define CALL  HOSTS "call c from a:1 to b:2\n"

static const char whole[] =
    "start 2026-03-02T09:00:00.25Z\n"
    "seed 0x10\n"
    "link ethernet vlan 100 vlan 7 # both\n"
    "host a 10.0.0.1 sip 5070\n"
    "host b 10.0.0.2\n"
    "repeat 3 every 0.5 ports 4 users 1 tones 7\n"
    "call c from a:+441 to b:2 id \"x y@z\"\n"
    "at 0 c invite rtp 1000 codec PCMU,telephone-event\n"
    "  header \"X: y\" address 1.2.3.4 hold\n"
    "at 0.5ms c 486 \"No way\" to invite tag q delay 1min\n"
    "at 0.6 c refer uri sip:{c.id} header \"R: {c.callee%}\"\n"
    "at 1 c info from callee body text/plain unterminated\n"
    "| one\n"
    "|\n"
    "at 2 c ok again\n"
    "at 3 a -> b:9 text\n"
    "| two\n"
    "at 4 a:1->2 -> b bytes 00ff\n"
    "media c callee tone 440 then 0 at 2 from 1 to 3 ptime 30 loss 3,7-9\n"
    "\tdup 2.5% late 4 by 400ms reorder 6 jitter 5ms pause 1 to 2 digit \"#\" "
    "at 2\n"
    "end\n";

static int
parse(struct mkpcap_script **script, const char *text,
      struct mkpcap_errors *errors)
{
	return mkpcap_parse(script, text, strlen(text), errors);
}

static void
values(void **state)
{
	static const char text[] =
	    CALL "start 2026-03-02T09:00:00.25Z\nlink sll2\n"
		 "at 1.000000001 c ringing\n"
		 "at 400us c invite from callee rtp 1000 held codec GSM\n"
		 "media c callee from 1 to 3h tone 440 then 550 at 2\n"
		 " loss 3,7-9 dup 2.5% late 4 by 1.5s ssrc 0xffffffff\n"
		 " source a:7 digit * at 2 pause 1.5 to 2\n"
		 " digit A heard at 2.5\n";
	struct mkpcap_script *script;
	struct mkpcap_errors errors;
	const struct mkpcap_media *media;

	assert_int_equal(parse(&script, text, &errors), 0);
	assert_int_equal(script->start_ns, 1772442000250000000);
	assert_int_equal(script->link, MKPCAP_SLL2);
	assert_int_equal(script->hosts[1].sip_port, 5060);
	assert_memory_equal(script->hosts[1].addr, "\x0a\0\0\2", 4);
	assert_int_equal(script->calls[0].host[MKPCAP_CALLEE], 1);
	assert_int_equal(script->steps_count, 2);
	assert_int_equal(script->steps[0].at_ns, 1000000001);
	assert_int_equal(script->steps[0].status, 180);
	assert_int_equal(script->steps[1].at_ns, 400000);
	assert_string_equal(script->steps[1].method, "INVITE");
	assert_int_equal(script->steps[1].side, MKPCAP_CALLEE);
	assert_int_equal(script->steps[1].sdp.port, 1000);
	assert_int_equal(script->steps[1].sdp.direction, MKPCAP_RECVONLY);
	assert_string_equal(script->steps[1].sdp.codecs[0]->name, "GSM");
	media = &script->media[0];
	assert_int_equal(media->to_ns, 3ll * 3600 * SECOND_NS);
	assert_int_equal(media->tones_count, 2);
	assert_int_equal(media->tones[1].hz, 550);
	assert_int_equal(media->loss.ranges_count, 2);
	assert_int_equal(media->loss.ranges[1].first, 7);
	assert_int_equal(media->loss.ranges[1].last, 9);
	assert_int_equal(media->dup.per_million, 25000);
	assert_int_equal(media->late_by_ns, 1500 * MS_NS);
	assert_int_equal(media->ssrc, UINT32_MAX);
	assert_int_equal(media->source.port, 7);
	assert_int_equal(media->digits[0].event, 10);
	assert_false(media->digits[0].heard);
	assert_int_equal(media->digits[1].event, 12);
	assert_true(media->digits[1].heard);
	assert_int_equal(media->digits[1].at_ns, 2500 * MS_NS);
	assert_int_equal(media->pauses[0].from_ns, 1500 * MS_NS);
	mkpcap_script_free(&script);
}

static const struct {
	const char *text;
	uint32_t line, column;
	const char *words;
} mistakes[] = {
	{ "hots a 1.2.3.4", 1, 1, "\"hots\" is none of" },
	{ "\n  # x\nhost a 1.2.3", 3, 8, "is no IP address" },
	{ "host a", 1, 7, "the address of the host is missing" },
	{ "host \"a b\" ", 1, 11, "is missing here" },
	{ "host a:b 1.2.3.4", 1, 6, "no colon" },
	{ "link token-ring", 1, 6, "none of the links" },
	{ "link ethernet vlan 4095", 1, 20, "from 0 to 4094" },
	{ "link sll vlan 1", 1, 10, "nothing is expected" },
	{ "start 2026-03-02 09:00", 1, 7, "a time in UTC" },
	{ "start 2026-03-02T09:00:00+01:00", 1, 7, "a time in UTC" },
	{ "start 1969-12-31T23:59:59Z", 1, 7, "a time in UTC" },
	{ "call c from a:1 to b:2", 1, 13, "no host \"a\"" },
	{ HOSTS "call c from a to b:2", 3, 13, "host:user" },
	{ HOSTS "host v ::1\ncall c from a:1 to v:2", 4, 20, "IPv6" },
	{ CALL "call c from a:1 to b:2", 4, 6, "already" },
	{ CALL "at 1 d invite", 4, 6, "no call \"d\"" },
	{ CALL "at x c invite", 4, 4, "the time is a time" },
	{ CALL "at 367000h c invite", 4, 4, "the time is a time" },
	{ CALL "at 1 c invites", 4, 8, "neither a method" },
	{ CALL "at 1 c 99", 4, 8, "neither a method" },
	{ CALL "at 1 c 700", 4, 8, "neither a method" },
	{ CALL "at 1 c invite rtp 65536", 4, 19, "0 to 65535" },
	{ CALL "at 1 c invite codec PCMA,X", 4, 21, "none of the codecs" },
	{ CALL "at 1 c invite to bye", 4, 15, "no option \"to\"" },
	{ CALL "at 1 c ok uri sip:x", 4, 11, "no option \"uri\"" },
	{ CALL "at 1 c bye header \"X: {d.id}\"", 4, 23, "no call of" },
	{ CALL "at 1 c bye header \"X: {c.tag}\"", 4, 23, "{CALL.id}" },
	{ CALL "at 1 c bye header \"X: {c.%}\"", 4, 23, "{CALL.id}" },
	{ CALL "at 1 c bye header \"X: {c}.id\"", 4, 23, "{CALL.id}" },
	{ CALL "at 1 c bye header \"{c.id} {c.id\"", 4, 27, "{CALL.id}" },
	{ CALL "at 1 c bye uri sip:{d.id}", 4, 20, "no call of" },
	{ CALL "at 1 c ok to bye,", 4, 14, "is no method" },
	{ CALL "at 1 c invite header \"X: y", 4, 22, "closing quote" },
	{ CALL "at 1 c invite body x/y", 4, 20, "must follow" },
	{ CALL "at 1 c invite\n| x", 4, 8, "no \"body TYPE\"" },
	{ "| x", 1, 1, "without a statement" },
	{ HOSTS "at 1 a -> b text", 3, 13, "must follow" },
	{ HOSTS "at 1 a -> b bytes 0", 3, 19, "an odd number" },
	{ HOSTS "at 1 a -> b bytes 0g", 3, 19, "hexadecimal" },
	{ HOSTS "at 1 a:x -> b bytes 00", 3, 6, "alice:10000" },
	{ CALL "media c caller tone 1", 4, 21, "\"from TIME to TIME\"" },
	{ CALL "media c caller from 1 to 2", 4, 26, "\"tone HZ\"" },
	{ CALL "media c caller from 2 to 2", 4, 26, "not after" },
	{ CALL "media c middle", 4, 9, "\"caller\" is expected" },
	{ CALL "media c caller tone 4000", 4, 21, "0 to 3999" },
	{ CALL "media c caller pattern 123", 4, 24, "an odd number" },
	{ CALL "media c caller pattern xy", 4, 24, "hexadecimal" },
	{ CALL "media c caller pattern \"\"", 4, 24, "1 to 160 bytes" },
	{ CALL "media c caller from 1 to 2 pattern 00 then 11", 4, 46, "\"at\"" },
	{ CALL "media c caller from 1 to 2 pattern 00 tone 1", 4, 44, "both" },
	{ CALL "media c caller ptime 4", 4, 22, "5 to 200" },
	{ CALL "media c caller loss 0", 4, 21, "counted from 1" },
	{ CALL "media c caller loss 5-3", 4, 21, "counted from 1" },
	{ CALL "media c caller loss 101%", 4, 21, "counted from 1" },
	{ CALL "media c caller loss \"\"", 4, 21, "counted from 1" },
	{ CALL "media c caller codec G722", 4, 22, "only PCMA and PCMU" },
	{ CALL "media c caller digit E at 1", 4, 22, "a digit is one of" },
	{ "end", 1, 1, "no repeat to end" },
	{ "host a 1.2.3.4\nrepeat 2 every 1", 2, 1, "has no end" },
	{ "repeat 2 every 1\nrepeat 2 every 1\nend", 2, 1, "inside" },
	{ "repeat 1000000 every 1h\nend", 1, 22, "more than a year" },
	{ CALL "repeat 2 every 1\nat 1 c bye\nend", 5, 6, "another repeat" },
};

static void
mistakes_told(void **state)
{
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct mkpcap_script *script;
		struct mkpcap_errors errors;

		if (parse(&script, mistakes[i].text, &errors) != -EINVAL)
			fail_msg("accepted: %s", mistakes[i].text);
		assert_null(script);
		if (errors.errors[0].line != mistakes[i].line ||
		    errors.errors[0].column != mistakes[i].column ||
		    !strstr(errors.errors[0].text, mistakes[i].words))
			fail_msg("%s\n%u:%u: %s", mistakes[i].text,
				 errors.errors[0].line, errors.errors[0].column,
				 errors.errors[0].text);
	}
}

static void
every_mistake_told(void **state)
{
	struct mkpcap_script *script;
	struct mkpcap_errors errors;

	assert_int_equal(parse(&script, "x\nlink sll\ny\nz\n", &errors),
			 -EINVAL);
	assert_int_equal(errors.count, 3);
	assert_int_equal(errors.errors[2].line, 4);
}

static void
many_mistakes(void **state)
{
	struct mkpcap_script *script;
	struct mkpcap_errors errors;
	char text[201];

	for (int i = 0; i < 200; i += 2)
		memcpy(text + i, "x\n", 3);
	assert_int_equal(parse(&script, text, &errors), -EINVAL);
	assert_int_equal(errors.count, 100);
}

static void
truncated(void **state)
{
	struct mkpcap_script *script;
	struct mkpcap_errors errors;

	assert_int_equal(parse(&script, "", &errors), 0);
	mkpcap_script_free(&script);
	for (size_t n = 0; n < sizeof(whole); n++) {
		char *copy = testing_copy(whole, n);
		int rc = mkpcap_parse(&script, copy, n, &errors);

		assert_true(rc == 0 || rc == -EINVAL);
		mkpcap_script_free(&script);
		free(copy);
	}
}

static void
out_of_memory(void **state)
{
	static const char text[] = CALL "repeat 2 every 1\nend\nat 1 c invite\n"
					"media c caller from 1 to 2 tone 3\n";
	struct mkpcap_script *script;
	struct mkpcap_errors errors;
	unsigned allocations;

	testing_fail_allocation(0);
	assert_int_equal(parse(&script, text, &errors), 0);
	allocations = testing_allocations();
	mkpcap_script_free(&script);
	assert_true(allocations >= 8);
	for (unsigned i = 1; i <= allocations; i++) {
		testing_fail_allocation(i);
		assert_int_equal(parse(&script, text, &errors), -ENOMEM);
		assert_null(script);
	}
	testing_fail_allocation(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(mistakes_told),
		cmocka_unit_test(every_mistake_told),
		cmocka_unit_test(many_mistakes),
		cmocka_unit_test(truncated),
		cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
