/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Facts in, verdicts out. */
#include <arpa/inet.h>
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

static const char text[] =
    "version: 1\n"
    "organisation: {name: town hall, time_zone: Europe/London}\n"
    "access: {owner: alice}\n"
    "purposes: [quality]\n"
    "numbering: {country: 44, outside_line: 9, external: [999, emergency]}\n"
    "networks: {internal: [10.20.4.0/22, fd00:1::/33]}\n"
    "retention: {short: {max: 14d}, long: {max: 12 months}}\n"
    "metadata: {max: 24 months}\n"
    "rules:\n"
    "  - name: hotline\n"
    "    match: {numbers: [01534 445599, 4999, union]}\n"
    "    decision: drop\n"
    "  - name: personnel\n"
    "    match: {numbers: 2750-2759, direction: internal}\n"
    "    decision: listen-deny\n"
    "    retention: short\n"
    "    area: personnel office\n"
    "  - name: france out\n"
    "    match: {from: 22*, to: 0033*}\n"
    "    decision: record\n"
    "    retention: long\n"
    "  - name: not transit\n"
    "    match: {direction: transit}\n"
    "    decision: out-of-scope\n"
    "  - name: inside and in\n"
    "    match: {direction: [in, internal]}\n"
    "    decision: record\n"
    "    retention: short\n"
    "    area: front desk\n";

static const struct {
	const char *from, *to, *from_addr, *to_addr;
	enum policy_route route;
	enum policy_decision decision;
	const char *local, *remote;
	const char *rule, *reason, *retention, *area;
} rows[] = {
	/* by number; the networks say the contrary and are not asked */
	{ "01495 222333", "2041", "10.20.4.1", "192.0.2.1", POLICY_IN,
	  POLICY_RECORD, "2041", "+441495222333", "inside and in", "record",
	  "short", "front desk" },
	{ "2041", "901495222333", "192.0.2.1", "10.20.4.1", POLICY_OUT,
	  POLICY_OUT_OF_SCOPE, "2041", "+441495222333", "", "no-rule", "", "" },
	{ "2041", "2042", "192.0.2.1", "192.0.2.1", POLICY_INTERNAL,
	  POLICY_RECORD, "2041", "2042", "inside and in", "record", "short",
	  "front desk" },
	{ "2042", "2041", "", "", POLICY_INTERNAL, POLICY_RECORD, "2042",
	  "2041", "inside and in", "record", "short", "front desk" },
	{ "01495222333", "+33123456789", "10.20.4.1", "10.20.4.1",
	  POLICY_TRANSIT, POLICY_OUT_OF_SCOPE, "", "+33123456789",
	  "not transit", "out-of-scope", "", "" },
	{ "2041", "999", "", "", POLICY_OUT, POLICY_OUT_OF_SCOPE, "2041", "999",
	  "", "no-rule", "", "" },
	/* by network where there is no number */
	{ "alice", "bob", "10.20.4.1", "10.20.7.255", POLICY_INTERNAL,
	  POLICY_RECORD, "alice", "bob", "inside and in", "record", "short",
	  "front desk" },
	{ "alice", "bob", "10.20.8.0", "10.20.7.255", POLICY_IN, POLICY_RECORD,
	  "bob", "alice", "inside and in", "record", "short", "front desk" },
	{ "alice", "bob", "10.20.4.0", "10.20.3.255", POLICY_OUT,
	  POLICY_OUT_OF_SCOPE, "alice", "bob", "", "no-rule", "", "" },
	{ "alice", "bob", "fd00:1:7fff::1", "fd00:1:8000::1", POLICY_OUT,
	  POLICY_OUT_OF_SCOPE, "alice", "bob", "", "no-rule", "", "" },
	{ "alice", "emergency", "10.20.4.1", "10.20.4.1", POLICY_OUT,
	  POLICY_OUT_OF_SCOPE, "alice", "emergency", "", "no-rule", "", "" },
	/* who hides comes from outside, whatever relays the call */
	{ "Anonymous", "2041", "10.20.4.1", "10.20.4.1", POLICY_IN,
	  POLICY_RECORD, "2041", "Anonymous", "inside and in", "record",
	  "short", "front desk" },
	{ "", "2041", "10.20.4.1", "", POLICY_INTERNAL, POLICY_RECORD, "",
	  "2041", "inside and in", "record", "short", "front desk" },
	{ "", "", "", "", POLICY_TRANSIT, POLICY_OUT_OF_SCOPE, "", "",
	  "not transit", "out-of-scope", "", "" },
	/* an exempt number counts on either side, in any spelling */
	{ "+44 1534 445599", "2041", "", "", POLICY_IN, POLICY_DROP, "2041",
	  "+441534445599", "hotline", "exempt", "", "" },
	{ "2041", "9 01534 445599", "", "", POLICY_OUT, POLICY_DROP, "2041",
	  "+441534445599", "hotline", "exempt", "", "" },
	{ "4999", "2755", "", "", POLICY_INTERNAL, POLICY_DROP, "4999", "2755",
	  "hotline", "exempt", "", "" },
	{ "union", "2755", "", "", POLICY_IN, POLICY_DROP, "2755", "union",
	  "hotline", "exempt", "", "" },
	/* every condition of a rule must hold */
	{ "2041", "2755", "", "", POLICY_INTERNAL, POLICY_LISTEN_DENY, "2041",
	  "2755", "personnel", "listen-deny", "short", "personnel office" },
	{ "01495222333", "2755", "", "", POLICY_IN, POLICY_RECORD, "2755",
	  "+441495222333", "inside and in", "record", "short", "front desk" },
	{ "2241", "0033123456789", "", "", POLICY_OUT, POLICY_RECORD, "2241",
	  "+33123456789", "france out", "record", "long", "" },
	{ "2141", "0033123456789", "", "", POLICY_OUT, POLICY_OUT_OF_SCOPE,
	  "2141", "+33123456789", "", "no-rule", "", "" },
	{ "2241", "0032123456789", "", "", POLICY_OUT, POLICY_OUT_OF_SCOPE,
	  "2241", "+32123456789", "", "no-rule", "", "" },
};

static void
address(uint8_t bytes[16], const char *in_words)
{
	memset(bytes, 0, 16);
	if (strchr(in_words, ':')) {
		assert_int_equal(inet_pton(AF_INET6, in_words, bytes), 1);
	} else if (in_words[0]) {
		bytes[10] = bytes[11] = 0xff;
		assert_int_equal(inet_pton(AF_INET, in_words, bytes + 12), 1);
	}
}

static void
verdicts(void **state)
{
	struct policy_errors errors;
	struct policy *policy;

	(void)state;
	assert_int_equal(policy_load(&policy, text, sizeof(text) - 1, &errors),
			 0);
	testing_fail_allocation(0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct policy_facts facts = { .from = rows[i].from,
					      .to = rows[i].to };
		struct policy_verdict verdict, again;

		address(facts.from_addr, rows[i].from_addr);
		address(facts.to_addr, rows[i].to_addr);
		policy_decide(policy, &facts, &verdict);
		if (verdict.route != rows[i].route ||
		    verdict.decision != rows[i].decision ||
		    strcmp(verdict.local, rows[i].local) != 0 ||
		    strcmp(verdict.remote, rows[i].remote) != 0 ||
		    strcmp(verdict.rule, rows[i].rule) != 0)
			fail_msg("row %zu: route %d, decision %d by '%s', "
				 "local '%s', remote '%s'",
				 i, verdict.route, verdict.decision,
				 verdict.rule, verdict.local, verdict.remote);
		assert_string_equal(verdict.reason, rows[i].reason);
		assert_string_equal(verdict.retention, rows[i].retention);
		assert_string_equal(verdict.area, rows[i].area);
		assert_int_equal(verdict.local_is_caller,
				 rows[i].route != POLICY_IN);
		policy_decide(policy, &facts, &again);
		assert_memory_equal(&verdict, &again, sizeof(again));
	}
	assert_int_equal(testing_allocations(), 0);
	policy_free(&policy);
}

/** J-5: whoever bears a number that is left out; but who only rang along makes
 * no call one that is recorded. */
static void
anybody_is_enough_to_leave_a_call_out(void **state)
{
	static const char *const exempt[] = { "2043", "+441534445599" };
	static const char *const personnel[] = { "2755" };
	static const char *const france[] = { "2201", "0033123456789" };
	struct policy_facts facts = { .from = "2041", .to = "2042" };
	struct policy_verdict verdict;
	struct policy_errors errors;
	struct policy *policy;

	(void)state;
	assert_int_equal(policy_load(&policy, text, sizeof(text) - 1, &errors),
			 0);
	facts.also = exempt;
	facts.also_count = 1;
	policy_decide(policy, &facts, &verdict);
	assert_string_equal(verdict.rule, "inside and in");
	facts.also_count = 2;
	policy_decide(policy, &facts, &verdict);
	assert_string_equal(verdict.rule, "hotline");
	assert_int_equal(verdict.decision, POLICY_DROP);
	assert_string_equal(verdict.to, "2042");
	facts.also = personnel;
	facts.also_count = 1;
	policy_decide(policy, &facts, &verdict);
	assert_int_equal(verdict.decision, POLICY_LISTEN_DENY);
	facts.to = "901495222333";
	facts.also = france;
	facts.also_count = 2;
	policy_decide(policy, &facts, &verdict);
	assert_string_equal(verdict.reason, "no-rule");
	policy_free(&policy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(anybody_is_enough_to_leave_a_call_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
