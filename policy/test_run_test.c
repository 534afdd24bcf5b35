/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tests that a policy brings along: the calls that they tell of take place
 * as a recorder would see them, and what is expected wrongly is named. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"
#include "policy/policy.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/** Helpline 4000 with agents 2201 to 2209; 2750 is exempt. */
static const char begin[] =
    "version: 1\n"
    "organisation: {name: o, time_zone: Europe/London}\n"
    "access: {owner: root}\n"
    "purposes: [quality]\n"
    "numbering: {country: 44, international_prefix: '00', "
    "national_prefix: '0', internal: [2000-2999, 4000-4099]}\n"
    "retention: {short: {max: 14 days}, long: {min: 6 months, max: 1 year},\n"
    "  spare: {min: 1 day, max: 14 days, gives_way: yes}}\n"
    "metadata: {max: 2 years}\n"
    "areas:\n"
    "  help: {extensions: 2200-2299, queues: 4000, needs: nothing}\n"
    "  till: {extensions: 2300-2399, needs: nothing}\n"
    "exemptions:\n"
    "  - {name: union, numbers: 2750, reason: r, metadata: minimal}\n"
    "payments:\n"
    "  - name: pay\n"
    "    areas: help\n"
    "    triggers: {keys: '*5', header: {name: X-Pay, value: start}, "
    "info: {name: X-Pay}, card_numbers: yes}\n"
    "    look_back: 10 s\n"
    "    resume: after 10 minutes\n"
    "    resume_keys: '*6'\n"
    "  - name: provider\n"
    "    triggers: {call: 0333 0160000, hold: no}\n"
    "    look_back: 20 s\n"
    "    resume: never\n"
    "  - name: till\n"
    "    areas: till\n"
    "    triggers: {hold: yes}\n"
    "    look_back: 5 s\n"
    "    resume: explicit\n"
    "opt_out: {keys: '*#*', return: '1', areas: help, wait: 30 s}\n"
    "rules:\n"
    "  - name: spare\n"
    "    match: {numbers: 2999}\n"
    "    decision: record\n"
    "    retention: spare\n"
    "  - name: help\n"
    "    match: {areas: help, kinds: [agent, hold, consult]}\n"
    "    decision: record\n"
    "    retention: short\n"
    "  - name: others\n"
    "    match: {direction: [in, out], kinds: [agent, transfer, hold]}\n"
    "    decision: record\n"
    "    retention: long\n"
    "tests:\n";

/* ---- what comes of calls ------------------------------------------------- */

static const struct {
	const char *name, *test;
} right[] = {
	{ "a plain call, and its clocks",
	  "call: {from: 01632 960001, to: 2201, start: 2019-10-01 10:00}\n"
	  "    expect: [{at: 0:00, kind: agent, decision: record, "
	  "reason: record, rule: help, area: help, direction: in, "
	  "retention: short, kept_until: 2019-10-15 09:50, "
	  "gone_by: 2019-10-15 10:00, traces: full, gaps: []}]\n" },
	{ "a floor: six months by the calendar",
	  "call: {from: '2400', to: 01632 960001, start: 2019-08-31 10:00}\n"
	  "    expect: [{at: 0:00, decision: record, rule: others, "
	  "retention: long, kept_until: 2020-02-29 10:00, "
	  "gone_by: 2020-08-31 10:00, direction: out}]\n" },
	{ "what gives way, and from when on",
	  "call: {from: '2999', to: 01632 960001, start: 2019-10-01 10:00}\n"
	  "    expect: [{at: 0:00, decision: record, retention: spare, "
	  "kept_until: 2019-10-15 09:50, gives_way: 2019-10-02 10:00}]\n" },
	{ "what does not give way",
	  "call: {from: '2400', to: 01632 960001}\n"
	  "    expect: [{at: 0:00, decision: record, gives_way: no}]\n" },
	{ "exempt as caller",
	  "call: {from: '2750', to: '2201'}\n"
	  "    expect: [{at: 0:00, decision: drop, reason: exempt, "
	  "rule: union, traces: minimal}]\n" },
	{ "exempt among others",
	  "call: {from: 01632 960001, to: '2201', also: '2750'}\n"
	  "    expect: [{at: 0:00, decision: drop, reason: exempt}]\n" },
	{ "a queue, an agent, another agent",
	  "call: {from: 01632 960001, to: '4000', kind: queue}\n"
	  "    then: [{at: 0:30, agent: '2201'}, {at: 1:30, agent: '2202'}]\n"
	  "    expect:\n"
	  "      - {at: 0:00, kind: queue, decision: out-of-scope}\n"
	  "      - {at: 0:30, kind: agent, decision: record, rule: help}\n"
	  "      - {at: 1:30, kind: transfer, decision: record, "
	  "rule: others}\n" },
	{ "who was called turns out to be a queue",
	  "call: {from: 01632 960001, to: '4001'}\n"
	  "    then: [{at: 0:30, agent: '2201'}]\n"
	  "    expect:\n"
	  "      - {at: 0:00, kind: queue, decision: record}\n"
	  "      - {at: 0:30, kind: agent, decision: record}\n" },
	{ "a queue of the policy is one from the start",
	  "call: {from: 01632 960001, to: '4000'}\n"
	  "    then: [{at: 0:30, agent: '2201'}]\n"
	  "    expect:\n"
	  "      - {at: 0:00, kind: queue, decision: out-of-scope}\n"
	  "      - {at: 0:30, kind: agent, decision: record}\n" },
	{ "an exempt agent", "call: {from: 01632 960001, to: '4001'}\n"
			     "    then: [{at: 0:30, agent: '2750'}]\n"
			     "    expect:\n"
			     "      - {at: 0:00, decision: record}\n"
			     "      - {at: 0:30, decision: drop}\n" },
	{ "hold, and the talk again",
	  "call: {from: 01632 960001, to: '2201'}\n"
	  "    then: [{at: 0:30, hold: inside}, {at: 0:50, unhold: yes}]\n"
	  "    expect:\n"
	  "      - {at: 0:00, kind: agent, decision: record}\n"
	  "      - {at: 0:30, kind: hold, decision: record}\n"
	  "      - {at: 0:50, kind: agent, decision: record}\n" },
	{ "to an exempt extension: from the request on, whoever stays",
	  "call: {from: 01632 960001, to: '2201'}\n"
	  "    then: [{at: 0:30, asked_to_call: '2750'}, "
	  "{at: 0:40, transferred_to: '2750'}]\n"
	  "    expect:\n"
	  "      - {at: 0:00, decision: record}\n"
	  "      - {at: 0:30, kind: agent, decision: drop, rule: union}\n"
	  "      - {at: 0:40, kind: transfer, decision: drop, "
	  "rule: union}\n" },
	{ "from an exempt extension to another: anew",
	  "call: {from: 01632 960001, to: '2750'}\n"
	  "    then: [{at: 0:40, transferred_to: '2400'}]\n"
	  "    expect:\n"
	  "      - {at: 0:00, decision: drop}\n"
	  "      - {at: 0:40, kind: transfer, decision: record, "
	  "rule: others}\n" },
	{ "a request that does not matter",
	  "call: {from: 01632 960001, to: '2201'}\n"
	  "    then: [{at: 0:30, asked_to_call: '2202'}]\n"
	  "    expect: [{at: 0:00, decision: record}]\n" },
	{ "a colleague is asked, who is exempt; the call itself is not",
	  "call: {from: 01632 960001, to: '2201'}\n"
	  "    then: [{at: 0:20, hold: inside}, {at: 0:30, consults: '2750'}, "
	  "{at: 0:50, unhold: yes}]\n"
	  "    expect:\n"
	  "      - {at: 0:00, decision: record}\n"
	  "      - {at: 0:20, kind: hold, decision: record}\n"
	  "      - {at: 0:30, kind: consult, decision: drop, consult: yes, "
	  "direction: internal}\n"
	  "      - {at: 0:50, kind: agent, decision: record}\n" },
	{ "what was left out stays out while the talk is the same",
	  "call: {from: 01632 960001, to: '2201'}\n"
	  "    then: [{at: 0:30, asked_to_call: '2750'}, "
	  "{at: 0:35, asked_to_call: '2202'}, {at: 0:40, hold: inside}, "
	  "{at: 0:50, unhold: yes}]\n"
	  "    expect:\n"
	  "      - {at: 0:00, decision: record}\n"
	  "      - {at: 0:30, decision: drop}\n"
	  "      - {at: 0:40, kind: hold, decision: record}\n"
	  "      - {at: 0:50, kind: agent, decision: drop, rule: union}\n" },
	{ "a colleague who is gone when somebody pays",
	  "call: {from: 01632 960001, to: '2201'}\n"
	  "    then: [{at: 0:20, hold: inside}, {at: 0:30, consults: '2202'}, "
	  "{at: 0:50, unhold: yes}, {at: 0:55, asked_to_call: 0333 0160000}]\n"
	  "    expect:\n"
	  "      - {at: 0:00, decision: record}\n"
	  "      - {at: 0:20, kind: hold, decision: record}\n"
	  "      - {at: 0:30, consult: yes, decision: record, "
	  "gaps: [{from: 0:35, until: 0:50, reason: payment}]}\n"
	  "      - {at: 0:50, kind: payment, decision: drop}\n" },
	{ "a colleague who is there when somebody pays",
	  "call: {from: 01632 960001, to: '2201'}\n"
	  "    then: [{at: 0:20, hold: inside}, {at: 0:30, consults: '2202'}, "
	  "{at: 1:55, asked_to_call: 0333 0160000}]\n"
	  "    expect:\n"
	  "      - {at: 0:00, decision: record}\n"
	  "      - {at: 0:20, kind: hold, decision: record}\n"
	  "      - {at: 0:30, consult: yes, decision: record}\n"
	  "      - {at: 1:35, kind: hold, decision: drop, reason: payment}\n"
	  "      - {at: 1:35, kind: payment, decision: drop, consult: yes}\n" },
	{ "a colleague is asked by who calls out",
	  "call: {from: '2201', to: 01632 960001}\n"
	  "    then: [{at: 0:30, consults: '2202'}]\n"
	  "    expect:\n"
	  "      - {at: 0:00, decision: record, direction: out}\n"
	  "      - {at: 0:30, kind: consult, decision: record, consult: yes, "
	  "direction: internal, area: help}\n" },
	{ "paid by keys: the look-back, and by itself again",
	  "call: {from: 01632 960001, to: '2201'}\n"
	  "    then: [{at: 1:00, keys: '*5', by: inside}, "
	  "{at: 20:00, end: yes}]\n"
	  "    expect: [{at: 0:00, decision: record, "
	  "gaps: [{from: 0:50.2, until: 11:00.2, reason: payment}]}]\n" },
	{ "keys of who is paid for nothing",
	  "call: {from: 01632 960001, to: '2201'}\n"
	  "    then: [{at: 1:00, keys: '*5', by: outside}]\n"
	  "    expect: [{at: 0:00, decision: record, gaps: []}]\n" },
	{ "resumed by keys, paid again",
	  "call: {from: 01632 960001, to: '2201'}\n"
	  "    then: [{at: 1:00, header: {name: x-pay, value: START}}, "
	  "{at: 2:00, keys: '*6', by: inside}, {at: 3:00, info: "
	  "{name: X-Pay}}, {at: 3:30, end: yes}]\n"
	  "    expect: [{at: 0:00, decision: record, gaps: ["
	  "{from: 0:50, until: 2:00.2, reason: payment}, "
	  "{from: 2:50, until: 3:30, reason: payment}]}]\n" },
	{ "a card number, keyed by the caller",
	  "call: {from: 01632 960001, to: '2201'}\n"
	  "    then: [{at: 1:00, keys: '4111 1111 1111 1111', by: outside}, "
	  "{at: 2:00, resume: yes}]\n"
	  "    expect: [{at: 0:00, decision: record, "
	  "gaps: [{from: 0:50, until: 2:00, reason: payment}]}]\n" },
	{ "paid by a call, for good: from the look-back on",
	  "call: {from: 01632 960001, to: '2201'}\n"
	  "    then: [{at: 1:00, asked_to_call: 0333 0160000}, "
	  "{at: 1:10, transferred_to: 0333 0160000}, {at: 2:00, resume: yes}]\n"
	  "    expect:\n"
	  "      - {at: 0:00, kind: agent, decision: record, gaps: []}\n"
	  "      - {at: 0:40, kind: payment, decision: drop, reason: payment, "
	  "rule: provider}\n"
	  "      - {at: 1:10, kind: transfer, decision: drop, "
	  "reason: payment}\n" },
	{ "the look-back reaches over a hold",
	  "call: {from: 01632 960001, to: '2400'}\n"
	  "    then: [{at: 0:40, hold: inside}, {at: 0:50, unhold: yes}, "
	  "{at: 1:00, asked_to_call: 0333 0160000}]\n"
	  "    expect:\n"
	  "      - {at: 0:00, decision: record, gaps: []}\n"
	  "      - {at: 0:40, kind: hold, decision: record, "
	  "gaps: [{from: 0:40, until: 0:50, reason: payment}]}\n"
	  "      - {at: 0:50, kind: payment, decision: drop}\n" },
	{ "paid on hold",
	  "call: {from: 01632 960001, to: '2301'}\n"
	  "    then: [{at: 0:30, hold: outside}, {at: 0:40, unhold: yes}, "
	  "{at: 1:00, hold: inside}, {at: 1:30, unhold: yes}, "
	  "{at: 1:40, resume: yes}, {at: 2:00, end: yes}]\n"
	  "    expect:\n"
	  "      - {at: 0:00, decision: record, gaps: []}\n"
	  "      - {at: 0:30, kind: hold, decision: record, gaps: []}\n"
	  "      - {at: 0:40, kind: agent, decision: record, "
	  "gaps: [{from: 0:55, until: 1:00, reason: payment}]}\n"
	  "      - {at: 1:00, kind: hold, decision: record, "
	  "gaps: [{from: 1:00, until: 1:30, reason: payment}]}\n"
	  "      - {at: 1:30, kind: agent, decision: record, "
	  "gaps: [{from: 1:30, until: 1:40, reason: payment}]}\n" },
	{ "paused by hand, and then for a payment",
	  "call: {from: 01632 960001, to: '2201'}\n"
	  "    then: [{at: 1:00, pause: yes}, {at: 2:00, info: {name: X-Pay}}, "
	  "{at: 3:00, resume: yes}]\n"
	  "    expect: [{at: 0:00, decision: record, gaps: ["
	  "{from: 0:40, until: 1:50, reason: paused}, "
	  "{from: 1:50, until: 3:00, reason: payment}]}]\n" },
	{ "keys between two of ours",
	  "call: {from: '2400', to: '2201'}\n"
	  "    then: [{at: 1:00, keys: '*5', by: outside}, "
	  "{at: 2:00, end: yes}]\n"
	  "    expect: [{at: 0:00, decision: record, "
	  "gaps: [{from: 0:50.2, until: 2:00, reason: payment}]}]\n" },
	{ "opted out: all that was recorded goes",
	  "call: {from: 01632 960001, to: '2201'}\n"
	  "    then: [{at: 0:10, hold: inside}, {at: 0:20, unhold: yes}, "
	  "{at: 0:30, keys: '*#*', by: outside}, {at: 3:00, end: yes}]\n"
	  "    expect:\n"
	  "      - {at: 0:00, decision: record, discarded: yes}\n"
	  "      - {at: 0:10, decision: record, discarded: yes}\n"
	  "      - {at: 0:20, decision: record, discarded: yes}\n"
	  "      - {at: 1:00.4, decision: drop, reason: opt-out, "
	  "traces: count-only}\n" },
	{ "opted out, and back",
	  "call: {from: 01632 960001, to: '2201'}\n"
	  "    then: [{at: 0:30, keys: '*#*', by: outside}, "
	  "{at: 0:40, keys: '1', by: outside}, {at: 3:00, end: yes}]\n"
	  "    expect: [{at: 0:00, decision: record, gaps: []}]\n" },
	{ "opted out, and hung up",
	  "call: {from: 01632 960001, to: '2201'}\n"
	  "    then: [{at: 0:30, keys: '*#*', by: outside}, "
	  "{at: 0:40, end: yes}]\n"
	  "    expect: [{at: 0:00, decision: record, discarded: yes}]\n" },
	{ "who calls is not who may opt out here",
	  "call: {from: 01632 960001, to: '2201'}\n"
	  "    then: [{at: 0:30, keys: '*#*', by: inside}, "
	  "{at: 3:00, end: yes}]\n"
	  "    expect: [{at: 0:00, decision: record}]\n" },
};

static struct policy *
load_test(const char *test)
{
	struct policy_errors errors;
	struct policy *policy;
	char *text;
	int err;

	assert_true(asprintf(&text, "%s  - name: t\n    %s", begin, test) > 0);
	err = policy_load(&policy, text, strlen(text), &errors);
	if (err)
		policy_errors_print(&errors, "policy", stderr);
	assert_int_equal(err, 0);
	free(text);
	return policy;
}

/** @return what was said, to be freed */
static char *
run(const char *test, struct policy_test_result *result)
{
	struct policy *policy = load_test(test);
	char *said;
	size_t n;
	FILE *to = open_memstream(&said, &n);

	assert_int_equal(policy_test_run(policy, "p.yaml", to, result), 0);
	fclose(to);
	policy_free(&policy);
	return said;
}

static void
calls(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(right); i++) {
		struct policy_test_result result;
		char *said = run(right[i].test, &result);

		if (*said || result.passed != 1 || result.failed)
			fail_msg("%s: %s", right[i].name, said);
		free(said);
	}
}

/* ---- what fails ---------------------------------------------------------- */

/** One thing is expected that does not come. */
static const struct {
	const char *then, *expect, *said;
} wrong[] = {
	{ "", "{at: 0:00, decision: drop}",
	  "segment 1 (0:00): decision is record (record, by 'help'), expected "
	  "drop\n" },
	{ "", "{at: 0:01, decision: record}",
	  "segment 1 (0:00): it was expected at 0:01\n" },
	{ "", "{at: 0:00, decision: record, kind: queue}",
	  "segment 1 (0:00): kind is agent, expected queue\n" },
	{ "", "{at: 0:00, decision: record, direction: out}",
	  "segment 1 (0:00): direction is in, expected out\n" },
	{ "", "{at: 0:00, decision: record, traces: minimal}",
	  "segment 1 (0:00): what is traced is full, expected minimal\n" },
	{ "", "{at: 0:00, decision: record, reason: exempt}",
	  "segment 1 (0:00): reason is 'record', expected 'exempt'\n" },
	{ "", "{at: 0:00, decision: record, rule: other}",
	  "segment 1 (0:00): rule is 'help', expected 'other'\n" },
	{ "", "{at: 0:00, decision: record, area: till}",
	  "segment 1 (0:00): area is 'help', expected 'till'\n" },
	{ "", "{at: 0:00, decision: record, retention: long}",
	  "segment 1 (0:00): retention is 'short', expected 'long'\n" },
	{ "", "{at: 0:00, decision: record, kept_until: 2024-01-22 10:00}",
	  "segment 1 (0:00): it is kept until 2024-01-22 09:50, expected "
	  "2024-01-22 10:00\n" },
	{ "", "{at: 0:00, decision: record, gone_by: 2024-01-22 10:00:01}",
	  "segment 1 (0:00): it is gone by 2024-01-22 10:00, expected "
	  "2024-01-22 10:00:01\n" },
	{ "", "{at: 0:00, decision: record, gives_way: 2024-01-09 10:00}",
	  "segment 1 (0:00): it does not give way, expected from 2024-01-09 "
	  "10:00 on\n" },
	{ "", "{at: 0:00, decision: record, discarded: yes}",
	  "segment 1 (0:00): what was recorded of it is kept, expected "
	  "otherwise\n" },
	{ "", "{at: 0:00, decision: record, consult: yes}",
	  "segment 1 (0:00): it is no consultation, expected one\n" },
	{ "",
	  "{at: 0:00, decision: record, gaps: [{from: 0:01, until: 0:02, "
	  "reason: paused}]}",
	  "segment 1 (0:00): left out of it is nothing, expected 0:01 to 0:02 "
	  "(paused)\n" },
	{ "{at: 1:00, pause: yes}, {at: 1:01, resume: yes}, "
	  "{at: 2:00, pause: yes}, {at: 2:00.5, resume: yes}",
	  "{at: 0:00, decision: record, gaps: [{from: 0:40, until: 1:01, "
	  "reason: paused}]}",
	  "segment 1 (0:00): left out of it is 0:40 to 1:01 (paused), 1:40 to "
	  "2:00.500 (paused), expected 0:40 to 1:01 (paused)\n" },
	{ "{at: 1:00, pause: yes}, {at: 1:01, resume: yes}",
	  "{at: 0:00, decision: record, gaps: []}",
	  "segment 1 (0:00): left out of it is 0:40 to 1:01 (paused), expected "
	  "nothing\n" },
	{ "{at: 1:00, asked_to_call: 2750}",
	  "{at: 0:00, decision: record}, {at: 1:00, decision: drop, "
	  "kept_until: 2024-01-22 10:00}",
	  "segment 2 (1:00): it is not recorded, so it is not kept until "
	  "then\n" },
	{ "{at: 1:00, asked_to_call: 2750}",
	  "{at: 0:00, decision: record}, {at: 1:00, decision: drop, "
	  "retention: short}",
	  "segment 2 (1:00): it has no retention, expected 'short'\n" },
	{ "{at: 1:02:03, hold: inside}", "{at: 0:00, decision: record}",
	  "2 segments came, expected 1: 0:00 agent record (record), 1:02:03 "
	  "hold record (record)\n" },
	{ "", "{at: 0:00, decision: record}, {at: 0:01, decision: record}",
	  "1 segment came, expected 2: 0:00 agent record (record)\n" },
};

static void
failures(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct policy_test_result result;
		char *test, *said, *at;

		assert_true(asprintf(&test,
				     "call: {from: 01632 960001, to: '2201'}\n"
				     "    then: [%s]\n    expect: [%s]\n",
				     wrong[i].then, wrong[i].expect) > 0);
		said = run(test, &result);
		assert_int_equal(result.passed, 0);
		assert_int_equal(result.failed, 1);
		assert_memory_equal(said, "p.yaml:", 7);
		at = strstr(said, ": test 't': ");
		assert_non_null(at);
		assert_string_equal(at + 12, wrong[i].said);
		free(said);
		free(test);
	}
}

/** The line is the one of what was expected. */
static void
line_of_a_failure(void **state)
{
	struct policy_test_result result;
	char wanted[80];
	unsigned line = 1;
	char *said;

	(void)state;
	for (const char *c = begin; *c; c++)
		line += *c == '\n';
	said = run("call: {from: 01632 960001, to: '2201'}\n"
		   "    then: [{at: 1:00, hold: inside}]\n"
		   "    expect:\n"
		   "      - {at: 0:00, decision: record}\n"
		   "      - {at: 1:00, decision: drop}\n",
		   &result);
	snprintf(wanted, sizeof(wanted), "p.yaml:%u: test 't': segment 2 ",
		 line + 5);
	assert_memory_equal(said, wanted, strlen(wanted));
	free(said);
}

static void
no_memory(void **state)
{
	struct policy *policy = load_test(
	    "call: {from: 01632 960001, to: '2201'}\n"
	    "    then: [{at: 0:30, pause: yes}, {at: 1:00, consults: '2202'}]\n"
	    "    expect: [{at: 0:00, decision: record}, "
	    "{at: 1:00, decision: record, consult: yes}]\n");
	struct policy_test_result result;
	unsigned nth = 0;
	int rc;

	(void)state;
	do {
		testing_fail_allocation(++nth);
		rc = policy_test_run(policy, "p.yaml", stderr, &result);
		testing_fail_allocation(0);
		assert_true(rc == 0 || rc == -ENOMEM);
	} while (rc);
	assert_int_equal(result.passed, 1);
	assert_true(nth > 4);
	policy_free(&policy);
}

static void
no_tests(void **state)
{
	struct policy_test_result result = { 7, 7 };
	struct policy_errors errors;
	struct policy *policy;

	(void)state;
	assert_int_equal(policy_load(&policy, begin,
				     strlen(begin) - strlen("tests:\n"),
				     &errors),
			 0);
	assert_int_equal(policy_test_run(policy, "p.yaml", stderr, &result), 0);
	assert_int_equal(result.passed, 0);
	assert_int_equal(result.failed, 0);
	policy_free(&policy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls),
		cmocka_unit_test(failures),
		cmocka_unit_test(line_of_a_failure),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(no_tests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
