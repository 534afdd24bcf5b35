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

/* ---- what is stricter ---------------------------------------------------- */

static const char strict_text[] =
    "version: 1\n"
    "organisation: {name: town hall, time_zone: Europe/London}\n"
    "access: {owner: alice}\n"
    "purposes: [quality]\n"
    "numbering: {country: 44, extension_digits: 4, internal: 2000-2999}\n"
    "networks: {internal: 10.0.0.0/8}\n"
    "retention: {short: {max: 14d}, long: {max: 1 year}}\n"
    "metadata: {max: 24 months}\n"
    "sites:\n"
    "  depot: {networks: 10.30.0.0/16}\n"
    "  hall: {extensions: 2300-2399, networks: 10.20.0.0/16}\n"
    "areas:\n"
    "  late: {extensions: [2500, 2200-2209], needs: business_case, "
    "business_case: {reason: r, security: s, governance: g, consultation: c, "
    "access: a, approved_by: A, approved: 2023-12-01, ends: 2024-06-01}}\n"
    "  desk: {extensions: 2200-2249, queues: [01632 960100], needs: nothing}\n"
    "  yard: {sites: depot, needs: nothing, confidential: 4999}\n"
    "  asked: {extensions: 2600-2699, needs: request}\n"
    "exemptions:\n"
    "  - {name: informants, numbers: [2210, 01632 960150], reason: r, "
    "metadata: minimal}\n"
    "  - {name: union, numbers: [2211, 01632 960150], reason: r, metadata: "
    "count-only}\n"
    "  - {name: over, numbers: 2212, reason: r, ends: 2024-01-08}\n"
    "listen_deny: [{name: personnel, numbers: 2213, reason: r}]\n"
    "payments:\n"
    "  - {name: pay line, areas: desk, triggers: {call: 2880}, resume: never}\n"
    "  - {name: code, areas: desk, triggers: {keys: '*5', tones: yes}, "
    "look_back: 0 s}\n"
    "opt_out: {keys: '*#*', areas: desk, announcement: 20 s}\n"
    "rules:\n"
    "  - {name: depot, match: {sites: depot, to: 2999}, decision: drop}\n"
    "  - name: queue\n"
    "    match: {direction: in, areas: desk, queues: 01632 960100}\n"
    "    decision: record\n"
    "    retention: short\n"
    "  - {name: rest, match: {kinds: [agent, consult], direction: [in, out, "
    "internal]}, decision: record, retention: long, area: other}\n";

#define OUTSIDE "+441632960999"
#define QUEUE   "+441632960100"

static const struct {
	const char *from, *to, *also, *dialled, *from_addr, *to_addr;
	enum policy_kind kind;
	enum policy_decision decision;
	const char *reason, *rule, *area;
	enum policy_traces traces;
} strict_rows[] = {
	/* a target, as callee and as anybody, whatever area calls */
	{ "2220", "2880", "", "", "", "", POLICY_KIND_AGENT, POLICY_DROP,
	  "payment", "pay line", "desk", POLICY_TRACES_FULL },
	{ OUTSIDE, "2220", "2880", "", "", "", POLICY_KIND_AGENT, POLICY_DROP,
	  "payment", "pay line", "desk", POLICY_TRACES_FULL },
	{ OUTSIDE, "2880", "", "", "", "", POLICY_KIND_AGENT, POLICY_DROP,
	  "payment", "pay line", "", POLICY_TRACES_FULL },
	/* of who is exempt no more stays when somebody pays */
	{ "2210", "2880", "", "", "", "", POLICY_KIND_AGENT, POLICY_DROP,
	  "payment", "pay line", "desk", POLICY_TRACES_MINIMAL },
	/* whoever it is, and of several exemptions the one that leaves least */
	{ "2210", OUTSIDE, "", "", "", "", POLICY_KIND_AGENT, POLICY_DROP,
	  "exempt", "informants", "desk", POLICY_TRACES_MINIMAL },
	{ OUTSIDE, "2220", "2211", "", "", "", POLICY_KIND_AGENT, POLICY_DROP,
	  "exempt", "union", "desk", POLICY_TRACES_COUNT },
	{ "01632 960150", "2220", "", "", "", "", POLICY_KIND_AGENT,
	  POLICY_DROP, "exempt", "union", "desk", POLICY_TRACES_COUNT },
	{ OUTSIDE, "2220", "", "2210", "", "", POLICY_KIND_AGENT, POLICY_DROP,
	  "exempt", "informants", "desk", POLICY_TRACES_MINIMAL },
	/* until it ends */
	{ "2212", OUTSIDE, "", "", "", "", POLICY_KIND_AGENT, POLICY_RECORD,
	  "record", "rest", "desk", POLICY_TRACES_FULL },
	/* an unrecorded extension that no exemption names is none */
	{ OUTSIDE, "4999", "", "", "", "", POLICY_KIND_AGENT, POLICY_RECORD,
	  "record", "rest", "other", POLICY_TRACES_FULL },
	/* C-5, J-8: the area of either, or of the queue */
	{ OUTSIDE, "2601", "", "", "", "", POLICY_KIND_AGENT, POLICY_DROP,
	  "not-approved", "asked", "asked", POLICY_TRACES_FULL },
	{ "2601", "2220", "", "", "", "", POLICY_KIND_AGENT, POLICY_DROP,
	  "not-approved", "asked", "asked", POLICY_TRACES_FULL },
	{ "2220", "2601", "", "", "", "", POLICY_KIND_AGENT, POLICY_DROP,
	  "not-approved", "asked", "desk", POLICY_TRACES_FULL },
	{ OUTSIDE, "2500", "", "", "", "", POLICY_KIND_AGENT, POLICY_RECORD,
	  "record", "rest", "late", POLICY_TRACES_FULL },
	/* who is one of ours must be known */
	{ OUTSIDE, "", "", "", "", "10.1.1.1", POLICY_KIND_AGENT, POLICY_DROP,
	  "unknown-party", "unknown party", "", POLICY_TRACES_FULL },
	{ "anonymous", "2700", "", "", "10.1.1.1", "", POLICY_KIND_AGENT,
	  POLICY_RECORD, "record", "rest", "other", POLICY_TRACES_FULL },
	/* J-9, but not where nothing records */
	{ OUTSIDE, "2213", "", "", "", "", POLICY_KIND_AGENT,
	  POLICY_LISTEN_DENY, "listen-deny", "personnel", "desk",
	  POLICY_TRACES_FULL },
	{ OUTSIDE, "2213", "", "", "", "", POLICY_KIND_TRANSFER,
	  POLICY_OUT_OF_SCOPE, "no-rule", "", "desk", POLICY_TRACES_FULL },
	/* in the queue, until somebody else is called */
	{ OUTSIDE, "2220", "", QUEUE, "", "", POLICY_KIND_QUEUE, POLICY_RECORD,
	  "record", "queue", "desk", POLICY_TRACES_FULL },
	{ OUTSIDE, QUEUE, "", "", "", "10.1.1.1", POLICY_KIND_QUEUE,
	  POLICY_RECORD, "record", "queue", "desk", POLICY_TRACES_FULL },
	{ OUTSIDE, "2220", "", "2700", "", "", POLICY_KIND_TRANSFER,
	  POLICY_OUT_OF_SCOPE, "no-rule", "", "desk", POLICY_TRACES_FULL },
	{ OUTSIDE, "2220", "", QUEUE, "", "", POLICY_KIND_CONSULT,
	  POLICY_RECORD, "record", "rest", "desk", POLICY_TRACES_FULL },
	/* a building by number; by address of ours only, of whom the number
	 * says nothing */
	{ OUTSIDE, "2701", "", "", "", "10.30.0.7", POLICY_KIND_AGENT,
	  POLICY_RECORD, "record", "rest", "yard", POLICY_TRACES_FULL },
	{ "2999", "2701", "", "", "10.30.0.7", "", POLICY_KIND_AGENT,
	  POLICY_RECORD, "record", "rest", "yard", POLICY_TRACES_FULL },
	{ "2701", "2999", "", "", "10.30.0.7", "", POLICY_KIND_AGENT,
	  POLICY_DROP, "exempt", "depot", "yard", POLICY_TRACES_FULL },
	{ "2301", "2999", "", "", "10.30.0.7", "", POLICY_KIND_AGENT,
	  POLICY_RECORD, "record", "rest", "other", POLICY_TRACES_FULL },
	{ OUTSIDE, "2999", "", "", "10.30.0.7", "", POLICY_KIND_AGENT,
	  POLICY_RECORD, "record", "rest", "other", POLICY_TRACES_FULL },
};

static struct policy *
load(const char *yaml, size_t n)
{
	struct policy_errors errors;
	struct policy *policy = NULL;

	if (policy_load(&policy, yaml, n, &errors) < 0) {
		policy_errors_print(&errors, "text", stdout);
		fail();
	}
	return policy;
}

#define NEW_YEAR_2024_NS (INT64_C(1704067200) * 1000000000)
#define DAYS_NS(days)    ((days)*INT64_C(86400) * 1000000000)

static void
what_is_stricter_wins(void **state)
{
	struct policy *policy = load(strict_text, sizeof(strict_text) - 1);

	(void)state;
	for (size_t i = 0; i < COUNT(strict_rows); i++) {
		struct policy_facts facts = {
			.from = strict_rows[i].from,
			.to = strict_rows[i].to,
			.also = &strict_rows[i].also,
			.also_count = strict_rows[i].also[0] != '\0',
			.dialled = &strict_rows[i].dialled,
			.dialled_count = strict_rows[i].dialled[0] != '\0',
			.kind = strict_rows[i].kind,
			.start_ns = NEW_YEAR_2024_NS + DAYS_NS(7),
		};
		struct policy_verdict v;

		address(facts.from_addr, strict_rows[i].from_addr);
		address(facts.to_addr, strict_rows[i].to_addr);
		policy_decide(policy, &facts, &v);
		if (v.decision != strict_rows[i].decision ||
		    strcmp(v.reason, strict_rows[i].reason) != 0 ||
		    strcmp(v.rule, strict_rows[i].rule) != 0 ||
		    strcmp(v.area, strict_rows[i].area) != 0 ||
		    v.traces != strict_rows[i].traces)
			fail_msg("row %zu: %d '%s' by '%s', area '%s', "
				 "traces %d",
				 i, v.decision, v.reason, v.rule, v.area,
				 v.traces);
	}
	policy_free(&policy);
}

/** Two addresses, and no more: of a policy that leaves anybody out nobody knows
 * whether it is they. */
static const char *
decided_without_signalling(const char *more)
{
	static const char begin[] =
	    "version: 1\n"
	    "access: {owner: alice}\n"
	    "purposes: [quality]\n"
	    "numbering: {country: 44, extension_digits: 4}\n"
	    "networks: {internal: [10.0.0.0/8]}\n"
	    "retention: {short: {max: 14d}}\n"
	    "metadata: {max: 24 months}\n";
	const struct policy_facts facts = { .from = "192.0.2.1:4000",
					    .to = "10.0.0.1:4000",
					    .from_unknown = true,
					    .to_unknown = true,
					    .no_signalling = true,
					    .start_ns = NEW_YEAR_2024_NS };
	static struct policy_verdict v;
	struct policy *policy;
	char whole[2048];
	struct policy_facts from_out = facts;

	snprintf(whole, sizeof(whole), "%s%s", begin, more);
	policy = load(whole, strlen(whole));
	address(from_out.from_addr, "192.0.2.1");
	address(from_out.to_addr, "10.0.0.1");
	policy_decide(policy, &from_out, &v);
	policy_free(&policy);
	assert_int_equal(v.route, POLICY_IN);
	assert_string_equal(v.local, "10.0.0.1:4000");
	return v.reason;
}

static void
nobody_knows_who_talks(void **state)
{
#define WHO "organisation: {name: us, time_zone: UTC}\n"
#define ANYBODY                                                                \
	"organisation: {name: us, time_zone: UTC, "                            \
	"unknown_party: record}\n"
#define EXEMPT  "exemptions: [{name: a, numbers: 2041, reason: law}]\n"
#define PAY     "payments: [{name: a, triggers: {keys: '*'}}]\n"
#define OPT_OUT "opt_out: {keys: '#'}\n"
#define RECORD  "  - {name: all, decision: record, retention: short}\n"
#define DROP    "  - {name: b, match: {numbers: 2042}, decision: drop}\n"
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ WHO "rules:\n" RECORD, "record" },
		{ WHO EXEMPT "rules:\n" RECORD, "unknown-party" },
		{ WHO PAY "rules:\n" RECORD, "unknown-party" },
		{ WHO OPT_OUT "rules:\n" RECORD, "unknown-party" },
		{ WHO "rules:\n" DROP RECORD, "unknown-party" },
		{ ANYBODY EXEMPT PAY OPT_OUT "rules:\n" DROP RECORD, "record" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(decided_without_signalling(cases[i].text),
				    cases[i].reason);
}

/** Days are those of the organisation, in summer too. */
static void
approvals_begin_and_end(void **state)
{
	struct policy *policy = load(strict_text, sizeof(strict_text) - 1);
	struct policy_facts facts = { .from = OUTSIDE, .to = "2500" };
	struct policy_verdict v;
	const int64_t june_ns =
	    NEW_YEAR_2024_NS + DAYS_NS(152) - INT64_C(3600) * 1000000000;

	(void)state;
	facts.start_ns = NEW_YEAR_2024_NS - DAYS_NS(31) - 1;
	policy_decide(policy, &facts, &v);
	assert_string_equal(v.reason, "not-approved");
	facts.start_ns++;
	policy_decide(policy, &facts, &v);
	assert_string_equal(v.reason, "record");
	facts.start_ns = june_ns - 1;
	policy_decide(policy, &facts, &v);
	assert_string_equal(v.reason, "record");
	facts.start_ns++;
	policy_decide(policy, &facts, &v);
	assert_string_equal(v.reason, "not-approved");
	/* exemptions likewise: from the day on that one ends */
	facts.to = "2212";
	facts.start_ns = NEW_YEAR_2024_NS + DAYS_NS(7) - 1;
	policy_decide(policy, &facts, &v);
	assert_string_equal(v.rule, "over");
	policy_free(&policy);
}

static void
what_has_happened_binds(void **state)
{
	struct policy *policy = load(strict_text, sizeof(strict_text) - 1);
	struct policy_state happened = { 0 };
	struct policy_facts facts = { .from = OUTSIDE,
				      .to = "2211",
				      .state = &happened,
				      .start_ns = NEW_YEAR_2024_NS };
	struct policy_verdict v;

	(void)state;
	happened.opt = POLICY_OPT_OUT;
	policy_decide(policy, &facts, &v);
	assert_string_equal(v.reason, "opt-out");
	assert_int_equal(v.traces, POLICY_TRACES_COUNT);
	happened.for_good = true;
	memcpy(happened.rule, "pay line", sizeof("pay line"));
	policy_decide(policy, &facts, &v);
	assert_string_equal(v.reason, "payment");
	assert_string_equal(v.rule, "pay line");
	/* a pause that may end is a gap, no decision; nor is one who may come
	 * back */
	happened = (struct policy_state){ .pause = POLICY_PAUSED_FOR_PAYMENT,
					  .opt = POLICY_OPT_PENDING };
	facts.to = "2220";
	policy_decide(policy, &facts, &v);
	assert_string_equal(v.reason, "record");
	policy_free(&policy);
}

static void
how_far_it_reaches_back(void **state)
{
	struct policy *policy = load(strict_text, sizeof(strict_text) - 1);
	struct policy_facts facts = { .from = OUTSIDE,
				      .to = "2220",
				      .start_ns = NEW_YEAR_2024_NS };
	struct policy_verdict v;

	(void)state;
	policy_decide(policy, &facts, &v);
	assert_int_equal(v.payments, 3);
	assert_true(v.tones && v.opt_out);
	assert_int_equal(v.lookback_ns, INT64_C(10000000000));
	assert_int_equal(v.announcement_ns, INT64_C(20000000000));
	/* not recorded: nothing waits, but what happens is looked for */
	facts.kind = POLICY_KIND_TRANSFER;
	policy_decide(policy, &facts, &v);
	assert_int_equal(v.payments, 3);
	assert_true(v.opt_out && !v.tones);
	assert_int_equal(v.lookback_ns, 0);
	assert_int_equal(v.announcement_ns, 0);
	/* nobody to whom it could be announced */
	facts.kind = POLICY_KIND_AGENT;
	facts.from = "2700";
	policy_decide(policy, &facts, &v);
	assert_false(v.opt_out);
	/* another area */
	facts.to = "2701";
	policy_decide(policy, &facts, &v);
	assert_int_equal(v.payments, 0);
	/* who pays there may be passed on from here */
	assert_int_equal(v.lookback_ns, INT64_C(10000000000));
	policy_free(&policy);
}

/** @param last what the last of them needs. Free with free() */
static char *
many_areas(const char *last)
{
	char *yaml = NULL;
	size_t n;
	FILE *f = open_memstream(&yaml, &n);

	assert_non_null(f);
	fwrite(text, 1, (size_t)(strstr(text, "rules:") - text), f);
	fputs("areas:\n", f);
	for (int i = 0; i < 40; i++)
		fprintf(f, "  a%02d: {extensions: %s, needs: %s}\n", i,
			i % 2 ? "20*" : "2001-2002",
			i == 39 ? last : "nothing");
	fputs("payments: [{name: p, areas: a38, triggers: {keys: '*5'}}]\n"
	      "rules:\n"
	      "  - {name: a, match: {areas: a38}, decision: record, "
	      "retention: long}\n"
	      "  - {name: b, match: {areas: a02}, decision: record, "
	      "retention: short}\n",
	      f);
	fclose(f);
	return yaml;
}

/** Of more areas than are remembered the first are; for the rest it is strict:
 * it may be one that pays, and none that records. */
static void
a_number_of_very_many_areas(void **state)
{
	static const char *const last[] = { "request", "nothing" };
	const struct policy_facts facts = { .from = OUTSIDE, .to = "2001" };
	struct policy_verdict v;

	(void)state;
	for (int i = 0; i < 2; i++) {
		char *yaml = many_areas(last[i]);
		struct policy *policy = load(yaml, strlen(yaml));

		policy_decide(policy, &facts, &v);
		assert_string_equal(v.reason, i ? "record" : "not-approved");
		assert_string_equal(v.rule, i ? "b" : "a39");
		assert_string_equal(v.area, "a00");
		assert_int_equal(v.payments, 1);
		policy_free(&policy);
		free(yaml);
	}
}

static void
a_call_of_very_many(void **state)
{
	enum { MANY = 40 };
	struct policy *policy = load(strict_text, sizeof(strict_text) - 1);
	const char *numbers[MANY];
	struct policy_facts facts = { .from = OUTSIDE,
				      .to = "2220",
				      .also = numbers,
				      .also_count = MANY,
				      .start_ns = NEW_YEAR_2024_NS };
	struct policy_verdict v;

	(void)state;
	for (int i = 0; i < MANY; i++)
		numbers[i] = "2700";
	for (int i = 0; i < MANY; i++) {
		numbers[i] = "01632 960150";
		policy_decide(policy, &facts, &v);
		assert_string_equal(v.rule, "union");
		numbers[i] = "2700";
		policy_decide(policy, &facts, &v);
		assert_string_equal(v.rule, "rest");
	}
	facts.also_count = 0;
	facts.dialled = numbers;
	facts.dialled_count = MANY - 1;
	numbers[MANY - 2] = "01632 960100";
	policy_decide(policy, &facts, &v);
	assert_string_equal(v.rule, "queue");
	policy_free(&policy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(anybody_is_enough_to_leave_a_call_out),
		cmocka_unit_test(what_is_stricter_wins),
		cmocka_unit_test(approvals_begin_and_end),
		cmocka_unit_test(nobody_knows_who_talks),
		cmocka_unit_test(what_has_happened_binds),
		cmocka_unit_test(how_far_it_reaches_back),
		cmocka_unit_test(a_number_of_very_many_areas),
		cmocka_unit_test(a_call_of_very_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
