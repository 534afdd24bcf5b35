/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whatever happens in a call, in whatever order: what is for good stays so,
 * nothing resumes that was not paused, a state says what its effect says, and
 * no digit is left in it.
 */
#include "policy/policy.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define START_NS (INT64_C(1700000000) * 1000000000)

static const char text[] =
    "version: 1\n"
    "organisation: {name: o, time_zone: UTC}\n"
    "access: {owner: a}\n"
    "purposes: [q]\n"
    "numbering: {country: 44, extension_digits: 4}\n"
    "retention: {short: {max: 14d}}\n"
    "metadata: {max: 24 months}\n"
    "areas:\n"
    "  desk: {extensions: 2000-2099, needs: nothing}\n"
    "  cash: {extensions: 2100-2199, needs: nothing}\n"
    "exemptions: [{name: union, numbers: 4999, reason: r, metadata: "
    "count-only}]\n"
    "payments:\n"
    "  - {name: card, areas: desk, triggers: {keys: '*5', header: {name: "
    "X-Pay, value: on}, card_numbers: yes}, resume_keys: '*6'}\n"
    "  - {name: timed, triggers: {keys: '*7', info: {name: Record}}, "
    "look_back: 0 s, resume: after 10 s, resume_keys: '5#'}\n"
    "  - {name: line, areas: cash, triggers: {call: 2880, hold: yes}, resume: "
    "never}\n"
    "opt_out: {keys: '*#*', return: '1', wait: 5 s}\n"
    "rules:\n"
    "  - {name: held, match: {kinds: hold}, decision: out-of-scope}\n"
    "  - {name: all, decision: record, retention: short}\n";

struct world {
	struct policy *policy;
	struct policy_verdict verdict;
	struct policy_state state;
	struct policy_keys keys;
	int64_t now_ns;
};

static void
world_check(const struct world *w)
{
	const struct policy_state *s = &w->state;

	assert((unsigned)s->pause <= POLICY_PAUSED_FOR_PAYMENT);
	assert(memchr(s->rule, '\0', sizeof(s->rule)));
	assert(memchr(s->by, '\0', sizeof(s->by)));
	assert(!s->for_good || s->pause == POLICY_PAUSED_FOR_PAYMENT);
	assert(!s->for_good || !s->resume_ns);
	assert((s->pause == POLICY_NOT_PAUSED) == !s->by[0]);
	assert((s->pause == POLICY_PAUSED_FOR_PAYMENT) == !!s->rule[0]);
	assert(s->pause != POLICY_NOT_PAUSED ||
	       (!s->paused_ns && !s->resume_ns));
	assert((s->opt == POLICY_OPT_PENDING) == !!s->opt_ns);
	assert(!strpbrk(s->by, "0123456789*#"));
	assert(!strpbrk(s->rule, "0123456789*#"));
	for (int side = 0; side < 2; side++)
		assert(w->keys.side[side].count <= POLICY_KEYS_KEPT);
}

static void
effect_check(const struct policy_state *before, const struct policy_state *now,
	     const struct policy_effect *effect)
{
	bool same = !memcmp(before, now, sizeof(*now));

	assert(same || effect->changed);
	assert(!before->for_good || now->for_good);
	assert(!before->for_good || !effect->resumed);
	assert(before->opt != POLICY_OPT_OUT || now->opt == POLICY_OPT_OUT);
	assert(!effect->resumed || (before->pause != POLICY_NOT_PAUSED &&
				    now->pause == POLICY_NOT_PAUSED));
	assert(now->pause == POLICY_NOT_PAUSED ||
	       before->pause != POLICY_NOT_PAUSED || effect->paused);
	assert(!effect->paused || now->pause != POLICY_NOT_PAUSED);
	assert(!effect->paused || effect->from_ns >= now->paused_ns);
	/* no pause gets shorter, but by resuming */
	assert(effect->resumed || before->pause == POLICY_NOT_PAUSED ||
	       (now->pause >= before->pause &&
		now->paused_ns <= before->paused_ns &&
		(!now->resume_ns ||
		 (before->resume_ns && now->resume_ns >= before->resume_ns))));
	assert(!effect->card_number || before->pause == POLICY_NOT_PAUSED);
	assert(!effect->refused || before->for_good);
	assert(!effect->discard || now->opt == POLICY_OPT_OUT);
	assert(!effect->discard || before->opt == POLICY_OPT_PENDING);
	assert(now->opt != POLICY_OPT_OUT || before->opt == POLICY_OPT_OUT ||
	       (effect->discard && effect->decide));
	assert(!now->for_good || before->for_good || effect->decide);
	assert(!effect->released || (before->opt == POLICY_OPT_PENDING &&
				     now->opt == POLICY_OPT_NONE));
}

/** The conversation goes on with somebody else, or otherwise. */
static void
decide(struct world *w, uint8_t how)
{
	static const char *const parties[] = { "2001", "2101",          "2880",
					       "4999", "+441632960001", "",
					       "3000" };
	const struct policy_facts facts = {
		.from = parties[how % 7],
		.to = parties[how / 7 % 7],
		.held = how & 0x80,
		.state = &w->state,
		.start_ns = START_NS,
	};

	policy_decide(w->policy, &facts, &w->verdict);
	if (w->state.for_good)
		assert(!strcmp(w->verdict.reason, "payment"));
	else if (w->state.opt == POLICY_OPT_OUT)
		assert(w->verdict.decision == POLICY_DROP);
}

static void
happens(struct world *w, uint8_t what, uint8_t how)
{
	static const char *const names[] = { "X-Pay", "record", "From", "" };
	static const char *const values[] = { "ON", "2880", "", "+442880" };
	const struct policy_event event = {
		.type = (enum policy_event_type)(what % 9),
		.time_ns = w->now_ns,
		.inside = what & 0x80,
		.key = "0123456789*#ABCD"[how % 16],
		.name = names[how % 4],
		.value = values[how / 4 % 4],
	};
	const struct policy_state before = w->state;
	struct policy_effect effect;

	policy_call_event(w->policy, &w->verdict, &event, &w->state, &w->keys,
			  &effect);
	effect_check(&before, &w->state, &effect);
	world_check(w);
	(void)policy_keys_since(w->policy, &w->keys, w->now_ns);
	if (event.type == POLICY_EVENT_TIME)
		assert(policy_call_due(&w->state) > w->now_ns);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct policy *policy;
	struct policy_errors errors;
	struct world w = { .now_ns = START_NS };

	if (!policy)
		assert(policy_load(&policy, text, sizeof(text) - 1, &errors) ==
		       0);
	w.policy = policy;
	decide(&w, 4 * 7);
	for (; n >= 3; bytes += 3, n -= 3) {
		/* mostly on, by 100 ms or by seconds; sometimes back */
		w.now_ns += bytes[0] < 8 ? -INT64_C(300000000) * bytes[0]
			    : bytes[0] < 200
				? INT64_C(1000000) * bytes[0]
				: INT64_C(100000000) * (bytes[0] - 190);
		if (bytes[1] % 10 == 9)
			decide(&w, bytes[2]);
		else
			happens(&w,
				(uint8_t)(bytes[1] / 10 % 9 |
					  (bytes[1] & 1 ? 0x80 : 0)),
				bytes[2]);
	}
	return 0;
}
