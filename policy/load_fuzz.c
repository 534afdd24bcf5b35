/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes are a policy that works, or mistakes with words. */
#include "policy/policy_priv.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void
check_errors(const struct policy_errors *errors)
{
	assert(errors->count == 64 || errors->more == 0);
	for (uint32_t i = 0; i < errors->count; i++) {
		const char *text = errors->errors[i].text;

		assert(memchr(text, '\0', sizeof(errors->errors[i].text)));
		assert(text[0]);
		for (; *text; text++)
			assert((unsigned char)*text >= 0x20 && *text != 0x7f);
	}
}

static void
check_clock(const struct policy *policy, const char *retention, int wanted)
{
	static const int64_t starts_s[] = { 0, 951825600, 1774746000,
					    1792888200, 4102444800 };

	for (size_t i = 0; i < 5; i++) {
		int64_t start_ns = starts_s[i] * POLICY__SECOND_NS;
		struct policy_clock clock;

		assert(policy_clock(policy, retention, start_ns, &clock) ==
		       wanted);
		assert(start_ns <= clock.floor_ns);
		assert(start_ns < clock.due_ns);
		assert(clock.floor_ns <= clock.due_ns);
		assert(clock.due_ns <= clock.ceiling_ns);
		assert(clock.ceiling_ns <= clock.metadata_ns);
		assert(clock.metadata_ns < INT64_MAX);
		assert(clock.gives_way == policy_gives_way(policy, retention));
		/* there is a time in which it can */
		assert(!clock.gives_way || clock.floor_ns < clock.ceiling_ns);
	}
}

static void
check_verdict(const struct policy *policy, const char *from, const char *to)
{
	const struct policy_facts facts = { .from = from, .to = to };
	struct policy_verdict verdict;
	bool records;

	policy_decide(policy, &facts, &verdict);
	records = verdict.decision == POLICY_RECORD ||
		  verdict.decision == POLICY_LISTEN_DENY;
	assert(verdict.reason[0]);
	assert(records == (verdict.retention[0] != '\0'));
	assert((verdict.route == POLICY_TRANSIT) == !verdict.local[0] ||
	       !from[0] || !to[0]);
	if (records)
		check_clock(policy, verdict.retention, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct policy_errors errors, warnings;
	struct policy *policy;
	int err = policy_load(&policy, (const char *)bytes, n, &errors);

	if (err) {
		assert(err == -EINVAL);
		assert(!policy);
		assert(errors.count > 0);
		check_errors(&errors);
		return 0;
	}
	check_verdict(policy, "2041", "01495 222333");
	check_verdict(policy, "+441495222333", "4999");
	check_verdict(policy, "alice", "bob");
	check_verdict(policy, "", "");
	check_clock(policy, "no such class at all", -ENOENT);
	policy_lint(policy, INT64_C(1709251200) * POLICY__SECOND_NS, &warnings);
	check_errors(&warnings);
	policy_free(&policy);
	return 0;
}
