/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What happens in a call, and what binds it from then on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "policy/policy.h"

#define SECOND_NS INT64_C(1000000000)
#define START_NS  (INT64_C(1700000000) * SECOND_NS)
#define AT(s)     (START_NS + (int64_t)((s)*1000) * (SECOND_NS / 1000))

static const char text[] =
    "version: 1\n"
    "organisation: {name: town hall, time_zone: Europe/London}\n"
    "access: {owner: alice}\n"
    "purposes: [quality]\n"
    "numbering: {country: 44, extension_digits: 4}\n"
    "retention: {short: {max: 14d}}\n"
    "metadata: {max: 24 months}\n"
    "areas:\n"
    "  desk: {extensions: 2000-2099, needs: nothing}\n"
    "  cash: {extensions: 2100-2199, needs: nothing}\n"
    "  quiet: {extensions: 2200-2299, needs: nothing}\n"
    "exemptions: [{name: union, numbers: 4999, reason: r}]\n"
    "payments:\n"
    "  - name: card\n"
    "    areas: desk\n"
    "    triggers: {keys: '*5', header: {name: X-Pay, value: begin}, tones: "
    "yes, card_numbers: yes}\n"
    "    look_back: 20 s\n"
    "    resume_keys: '*6'\n"
    "  - name: timed\n"
    "    areas: [desk, cash]\n"
    "    triggers: {keys: '*7', info: {name: Record}}\n"
    "    look_back: 5 s\n"
    "    resume: after 10 minutes\n"
    "  - name: longer\n"
    "    areas: desk\n"
    "    triggers: {keys: '*8'}\n"
    "    resume: after 1 h\n"
    "  - name: provider\n"
    "    triggers: {call: 0333 0160000}\n"
    "    look_back: 30 s\n"
    "    resume: never\n"
    "  - name: cashier\n"
    "    areas: cash\n"
    "    triggers: {hold: yes, keys: '*5'}\n"
    "    look_back: 0 s\n"
    "  - name: final\n"
    "    areas: cash\n"
    "    triggers: {keys: '*5'}\n"
    "    look_back: 2 s\n"
    "    resume: never\n"
    "opt_out: {keys: '*#*', return: '1', areas: [desk, cash], wait: 30 s}\n"
    "rules:\n"
    "  - name: held\n"
    "    match: {kinds: [hold, queue]}\n"
    "    decision: out-of-scope\n"
    "  - name: all\n"
    "    decision: record\n"
    "    retention: short\n";

/** A call in which things happen. */
struct scene {
	struct policy *policy;
	struct policy_verdict verdict;
	struct policy_state state;
	struct policy_keys keys;
	struct policy_effect effect; /**< of what happened last */
};

static struct scene *
scene_new(const char *to)
{
	struct policy_facts facts = { .from = "+441632960001", .to = to };
	struct scene *scene = calloc(1, sizeof(*scene));
	struct policy_errors errors;

	assert_non_null(scene);
	if (policy_load(&scene->policy, text, sizeof(text) - 1, &errors) < 0) {
		policy_errors_print(&errors, "text", stdout);
		fail();
	}
	policy_decide(scene->policy, &facts, &scene->verdict);
	return scene;
}

/** It goes on with somebody else, or in another way. */
static void
moves(struct scene *scene, const char *to, enum policy_kind kind)
{
	const struct policy_facts facts = { .from = "+441632960001",
					    .to = to,
					    .kind = kind,
					    .state = &scene->state };

	policy_decide(scene->policy, &facts, &scene->verdict);
}

static void
scene_free(struct scene *scene)
{
	policy_free(&scene->policy);
	free(scene);
}

static const struct policy_effect *
happens(struct scene *scene, struct policy_event event)
{
	policy_call_event(scene->policy, &scene->verdict, &event, &scene->state,
			  &scene->keys, &scene->effect);
	return &scene->effect;
}

/** Keys, one each 200 ms, the last of them then. */
static const struct policy_effect *
keyed(struct scene *scene, int64_t last_ns, bool inside, const char *keys)
{
	size_t n = strlen(keys);

	for (size_t i = 0; i < n; i++)
		happens(scene, (struct policy_event){
				   .type = POLICY_EVENT_KEY,
				   .time_ns = last_ns - (int64_t)(n - 1 - i) *
							    (SECOND_NS / 5),
				   .inside = inside,
				   .key = keys[i] });
	return &scene->effect;
}

static const struct policy_effect *
simply(struct scene *scene, int64_t time_ns, enum policy_event_type type)
{
	return happens(
	    scene, (struct policy_event){ .type = type, .time_ns = time_ns });
}

static const struct policy_effect *
told(struct scene *scene, int64_t time_ns, enum policy_event_type type,
     const char *name, const char *value)
{
	return happens(scene, (struct policy_event){ .type = type,
						     .time_ns = time_ns,
						     .name = name,
						     .value = value });
}

static void
assert_paused(const struct scene *scene, int64_t from_ns, const char *rule,
	      const char *by)
{
	assert_true(scene->effect.paused && scene->effect.changed);
	assert_int_equal(scene->effect.from_ns, from_ns);
	assert_string_equal(scene->state.rule, rule);
	assert_string_equal(scene->state.by, by);
	assert_int_equal(scene->state.pause, *rule ? POLICY_PAUSED_FOR_PAYMENT
						   : POLICY_PAUSED_BY_HAND);
}

static void
assert_nothing(const struct scene *scene)
{
	static const struct policy_effect nothing;

	assert_memory_equal(&scene->effect, &nothing, sizeof(nothing));
}

/* ---- payment ------------------------------------------------------------- */

static void
pause_by_keys_and_resume_by_keys(void **state)
{
	struct scene *s = scene_new("2001");

	(void)state;
	keyed(s, AT(60), true, "*");
	assert_nothing(s);
	keyed(s, AT(60.4), true, "5");
	assert_paused(s, AT(40.4), "card", "keys");
	assert_int_equal(s->state.paused_ns, AT(40.4));
	assert_false(s->effect.decide || s->effect.card_number);
	assert_int_equal(policy_call_due(&s->state), INT64_MAX);
	/* once more changes nothing of the gap */
	assert_false(keyed(s, AT(70), true, "*5")->paused);
	assert_int_equal(s->state.paused_ns, AT(40.4));
	keyed(s, AT(80), false, "*6");
	assert_nothing(s);
	keyed(s, AT(90), true, "*6");
	assert_true(s->effect.resumed && s->effect.changed);
	assert_int_equal(s->effect.from_ns, AT(90));
	assert_int_equal(s->state.pause, POLICY_NOT_PAUSED);
	assert_string_equal(s->state.rule, "");
	assert_string_equal(s->state.by, "");
	assert_int_equal(s->state.paused_ns, 0);
	keyed(s, AT(91), true, "*6");
	assert_nothing(s);
	scene_free(s);
}

static void
who_calls_cannot_pause(void **state)
{
	struct scene *s = scene_new("2001");

	(void)state;
	keyed(s, AT(60), false, "*5");
	assert_nothing(s);
	/* nor do the two sides key one code together */
	keyed(s, AT(60.2), true, "*");
	keyed(s, AT(60.4), false, "5");
	assert_nothing(s);
	/* nor two keys far apart, nor others between them */
	keyed(s, AT(66), true, "5");
	assert_nothing(s);
	keyed(s, AT(70), true, "*05");
	assert_nothing(s);
	/* 5 s are not too long */
	keyed(s, AT(80), true, "*");
	assert_true(keyed(s, AT(85), true, "5")->paused);
	scene_free(s);
}

static void
pause_by_header_and_info(void **state)
{
	struct scene *s = scene_new("2001");

	(void)state;
	told(s, AT(10), POLICY_EVENT_HEADER, "X-Pay", "end");
	assert_nothing(s);
	told(s, AT(10), POLICY_EVENT_HEADER, "Record", "");
	assert_nothing(s);
	told(s, AT(30), POLICY_EVENT_HEADER, "x-pay", "BEGIN");
	assert_paused(s, AT(10), "card", "header");
	simply(s, AT(40), POLICY_EVENT_RESUME);
	assert_true(s->effect.resumed && !s->effect.refused);
	told(s, AT(50), POLICY_EVENT_INFO, "record", "whatever");
	assert_paused(s, AT(45), "timed", "info");
	simply(s, AT(60), POLICY_EVENT_RESUME);
	/* an INFO is a message of the call like others */
	told(s, AT(70), POLICY_EVENT_INFO, "X-Pay", "begin");
	assert_paused(s, AT(50), "card", "header");
	scene_free(s);
}

static void
a_pause_ends_by_itself(void **state)
{
	struct scene *s = scene_new("2001");

	(void)state;
	keyed(s, AT(60), true, "*7");
	assert_paused(s, AT(55), "timed", "keys");
	assert_int_equal(policy_call_due(&s->state), AT(660));
	simply(s, AT(659.999), POLICY_EVENT_TIME);
	assert_nothing(s);
	/* once more, and it lasts longer */
	keyed(s, AT(120), true, "*7");
	assert_int_equal(policy_call_due(&s->state), AT(720));
	/* of two the later end; the earlier one shortens nothing */
	keyed(s, AT(130), true, "*8");
	assert_int_equal(policy_call_due(&s->state), AT(3730));
	keyed(s, AT(140), true, "*7");
	assert_int_equal(policy_call_due(&s->state), AT(3730));
	/* told late: what is sealed by then stays left out */
	simply(s, AT(3800), POLICY_EVENT_TIME);
	assert_true(s->effect.resumed);
	assert_int_equal(s->effect.from_ns, AT(3800) - s->verdict.lookback_ns);
	assert_int_equal(policy_call_due(&s->state), INT64_MAX);
	keyed(s, AT(4000), true, "*7");
	simply(s, AT(4601), POLICY_EVENT_TIME);
	assert_int_equal(s->effect.from_ns, AT(4600));
	scene_free(s);
}

static void
the_longest_reason_holds(void **state)
{
	struct scene *s = scene_new("2001");

	(void)state;
	/* explicit, then timed: time does not end it */
	keyed(s, AT(60), true, "*5");
	keyed(s, AT(70), true, "*7");
	assert_string_equal(s->state.rule, "timed");
	assert_int_equal(policy_call_due(&s->state), INT64_MAX);
	simply(s, AT(80), POLICY_EVENT_RESUME);
	/* timed, then explicit */
	keyed(s, AT(90), true, "*7");
	keyed(s, AT(100), true, "*5");
	assert_int_equal(policy_call_due(&s->state), INT64_MAX);
	simply(s, AT(110), POLICY_EVENT_RESUME);
	/* by hand, then timed: the reason changes, and it is told again */
	simply(s, AT(120), POLICY_EVENT_PAUSE);
	assert_paused(s, AT(90), "", "hand");
	keyed(s, AT(150), true, "*7");
	assert_paused(s, AT(145), "timed", "keys");
	assert_int_equal(s->state.paused_ns, AT(90));
	assert_int_equal(policy_call_due(&s->state), INT64_MAX);
	simply(s, AT(160), POLICY_EVENT_RESUME);
	/* timed, then by hand too */
	keyed(s, AT(170), true, "*7");
	simply(s, AT(180), POLICY_EVENT_PAUSE);
	assert_true(s->effect.changed && !s->effect.paused);
	assert_string_equal(s->state.rule, "timed");
	assert_int_equal(policy_call_due(&s->state), INT64_MAX);
	simply(s, AT(181), POLICY_EVENT_PAUSE);
	assert_nothing(s);
	scene_free(s);
}

/** R-2: "never" holds whatever comes. */
static void
for_good(void **state)
{
	struct scene *s = scene_new("2001");

	(void)state;
	told(s, AT(100), POLICY_EVENT_TARGET, NULL, "2002");
	assert_nothing(s);
	told(s, AT(100), POLICY_EVENT_TARGET, NULL, "+44 333 0160000");
	assert_paused(s, AT(70), "provider", "transfer");
	assert_true(s->effect.decide && s->state.for_good);
	moves(s, "2001", POLICY_KIND_AGENT);
	assert_int_equal(s->verdict.decision, POLICY_DROP);
	assert_string_equal(s->verdict.rule, "provider");
	simply(s, AT(110), POLICY_EVENT_RESUME);
	assert_true(s->effect.refused && !s->effect.resumed);
	assert_false(s->effect.changed);
	assert_false(keyed(s, AT(120), true, "*6")->resumed);
	keyed(s, AT(130), true, "*5");
	assert_nothing(s);
	simply(s, AT(140), POLICY_EVENT_PAUSE);
	assert_nothing(s);
	simply(s, AT(90000), POLICY_EVENT_TIME);
	assert_nothing(s);
	assert_true(s->state.for_good);
	assert_string_equal(s->state.rule, "provider");
	scene_free(s);
}

/** Two payments wait for one code: both have it, the strict one stays. */
static void
one_code_of_two_payments(void **state)
{
	struct scene *s = scene_new("2101");

	(void)state;
	keyed(s, AT(60), true, "*5");
	assert_paused(s, AT(58), "final", "keys");
	assert_true(s->state.for_good && s->effect.decide);
	scene_free(s);
}

static void
pause_by_hold(void **state)
{
	struct scene *s = scene_new("2101");

	(void)state;
	happens(s, (struct policy_event){ .type = POLICY_EVENT_HOLD,
					  .time_ns = AT(30) });
	assert_nothing(s);
	happens(s, (struct policy_event){ .type = POLICY_EVENT_HOLD,
					  .time_ns = AT(31),
					  .inside = true });
	assert_paused(s, AT(31), "cashier", "hold");
	scene_free(s);
	/* other areas hold without paying */
	s = scene_new("2001");
	happens(s, (struct policy_event){ .type = POLICY_EVENT_HOLD,
					  .time_ns = AT(31),
					  .inside = true });
	assert_nothing(s);
	scene_free(s);
}

static void
pause_by_hand(void **state)
{
	struct scene *s = scene_new("2201");

	(void)state;
	/* only the provider is everywhere: as far as that reaches back */
	simply(s, AT(100), POLICY_EVENT_PAUSE);
	assert_paused(s, AT(70), "", "hand");
	simply(s, AT(101), POLICY_EVENT_PAUSE);
	assert_nothing(s);
	simply(s, AT(110), POLICY_EVENT_RESUME);
	assert_true(s->effect.resumed);
	assert_int_equal(s->effect.from_ns, AT(110));
	simply(s, AT(111), POLICY_EVENT_RESUME);
	assert_nothing(s);
	/* asked for while this conversation is not recorded: others are */
	moves(s, "2001", POLICY_KIND_QUEUE);
	assert_int_equal(s->verdict.lookback_ns, 0);
	simply(s, AT(200), POLICY_EVENT_PAUSE);
	assert_paused(s, AT(170), "", "hand");
	scene_free(s);
}

/** Who pays is held, or in a queue, or was passed on: it binds all the same. */
static void
what_is_not_recorded_binds_too(void **state)
{
	struct scene *s = scene_new("2001");

	(void)state;
	moves(s, "2001", POLICY_KIND_QUEUE);
	assert_int_equal(s->verdict.decision, POLICY_OUT_OF_SCOPE);
	keyed(s, AT(60), true, "*5");
	assert_paused(s, AT(40), "card", "keys");
	/* where the payment is none the resume keys still are its own */
	moves(s, "2201", POLICY_KIND_TRANSFER);
	keyed(s, AT(70), true, "*6");
	assert_true(s->effect.resumed);
	moves(s, "2001", POLICY_KIND_QUEUE);
	told(s, AT(80), POLICY_EVENT_TARGET, NULL, "03330160000");
	assert_true(s->state.for_good);
	scene_free(s);
	s = scene_new("2001");
	moves(s, "2001", POLICY_KIND_QUEUE);
	keyed(s, AT(60), false, "*#*");
	assert_true(s->effect.pending);
	scene_free(s);
}

/* ---- card numbers -------------------------------------------------------- */

static void
a_card_number_is_an_alarm(void **state)
{
	struct scene *s = scene_new("2001");
	int64_t first_ns = AT(60) - 15 * (SECOND_NS / 5);

	(void)state;
	keyed(s, AT(60) - SECOND_NS / 5, false, "411111111111111");
	assert_nothing(s);
	assert_int_equal(policy_keys_since(s->policy, &s->keys, AT(60)),
			 AT(40) - 15 * (SECOND_NS / 5));
	keyed(s, AT(60), false, "1");
	assert_paused(s, first_ns - 20 * SECOND_NS, "card", "card number");
	assert_true(s->effect.card_number);
	/* the rest of a longer run alarms no more */
	assert_false(keyed(s, AT(61), false, "8")->card_number);
	simply(s, AT(62), POLICY_EVENT_RESUME);
	/* and what was keyed in the pause does not count after it */
	simply(s, AT(63), POLICY_EVENT_PAUSE);
	keyed(s, AT(70), false, "411111111111111");
	simply(s, AT(71), POLICY_EVENT_RESUME);
	keyed(s, AT(72), false, "1");
	assert_nothing(s);
	scene_free(s);
}

static const struct {
	const char *keys;
	bool inside, card;
	unsigned first; /* of its digits */
} cards[] = {
	{ "4111111111111111", false, true, 0 },
	{ "4111111111111111", true, true, 0 },
	{ "4222222222222", false, true, 0 },       /* 13 */
	{ "378282246310005", false, true, 0 },     /* 15 */
	{ "6304000000000000000", false, true, 0 }, /* 19 */
	/* 12 digits, and 16 of which no part passes */
	{ "411111111116", false, false, 0 },
	{ "4111111111000001", false, false, 0 },
	/* 16 that pass, but of no scheme: a reference */
	{ "7932398535520494", false, false, 0 },
	/* somebody leans on a key */
	{ "0000000000000000000", false, false, 0 },
	/* something else first, and with keys between */
	{ "12#4111111111111111", false, true, 3 },
	{ "41111111#11111111", false, false, 0 },
	/* the last 13 of these pass too; the first digit is the first */
	{ "4964773526377195", false, true, 0 },
};

static void
what_is_a_card_number(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cards) / sizeof(cards[0]); i++) {
		struct scene *s = scene_new("2001");
		size_t n = strlen(cards[i].keys);

		keyed(s, AT(100), cards[i].inside, cards[i].keys);
		if ((s->state.pause != POLICY_NOT_PAUSED) != cards[i].card)
			fail_msg("'%s'", cards[i].keys);
		if (cards[i].card)
			assert_int_equal(s->state.paused_ns,
					 AT(80) -
					     (int64_t)(n - 1 - cards[i].first) *
						 (SECOND_NS / 5));
		scene_free(s);
	}
}

static void
a_card_number_where_a_control_held(void **state)
{
	struct scene *s = scene_new("2001");

	(void)state;
	/* paused: it is as it should be */
	keyed(s, AT(50), true, "*5");
	keyed(s, AT(60), false, "4111111111111111");
	assert_false(s->effect.card_number);
	assert_int_equal(s->state.paused_ns, AT(30));
	scene_free(s);
	/* nothing is recorded: so is it */
	s = scene_new("2001");
	moves(s, "2001", POLICY_KIND_QUEUE);
	keyed(s, AT(60), false, "4111111111111111");
	assert_nothing(s);
	scene_free(s);
	/* no payment here looks for any; but the call may be passed on to where
	 * one does, and the rest be keyed there */
	s = scene_new("2201");
	keyed(s, AT(60), false, "411111111111111");
	assert_nothing(s);
	assert_int_equal(policy_keys_since(s->policy, &s->keys, AT(60)),
			 AT(40) - 14 * (SECOND_NS / 5));
	moves(s, "2001", POLICY_KIND_TRANSFER);
	keyed(s, AT(61), false, "1");
	assert_paused(s, AT(40) - 14 * (SECOND_NS / 5), "card", "card number");
	scene_free(s);
}

static void
digits_too_far_apart(void **state)
{
	struct scene *s = scene_new("2001");

	(void)state;
	keyed(s, AT(60), false, "41111111");
	keyed(s, AT(70.1) + 7 * (SECOND_NS / 5), false, "11111111");
	assert_nothing(s);
	scene_free(s);
	s = scene_new("2001");
	keyed(s, AT(60), false, "41111111");
	keyed(s, AT(70) + 7 * (SECOND_NS / 5), false, "11111111");
	assert_true(s->effect.card_number);
	scene_free(s);
}

/** Nothing is sealed since the first digit, as long as another may come. */
static void
digits_hold_what_they_were_heard_in(void **state)
{
	struct scene *s = scene_new("2001");

	(void)state;
	assert_int_equal(policy_keys_since(s->policy, &s->keys, AT(60)),
			 INT64_MAX);
	keyed(s, AT(60), true, "#7");
	assert_int_equal(policy_keys_since(s->policy, &s->keys, AT(60)),
			 AT(40));
	keyed(s, AT(65), false, "12");
	assert_int_equal(policy_keys_since(s->policy, &s->keys, AT(65)),
			 AT(40));
	assert_int_equal(policy_keys_since(s->policy, &s->keys, AT(70.1)),
			 AT(44.8));
	assert_int_equal(policy_keys_since(s->policy, &s->keys, AT(75.1)),
			 INT64_MAX);
	keyed(s, AT(66), false, "*");
	assert_int_equal(policy_keys_since(s->policy, &s->keys, AT(71)),
			 INT64_MAX);
	scene_free(s);
}

/** Keys are heard of a moment after SIP of the same time. */
static void
resume_keyed_before_the_trigger(void **state)
{
	struct scene *s = scene_new("2001");

	(void)state;
	told(s, AT(60), POLICY_EVENT_HEADER, "X-Pay", "begin");
	assert_paused(s, AT(40), "card", "header");
	keyed(s, AT(59.8), true, "*6");
	assert_nothing(s);
	assert_int_equal(s->state.pause, POLICY_PAUSED_FOR_PAYMENT);
	assert_true(keyed(s, AT(60), true, "*6")->resumed);
	scene_free(s);
}

/** It was over then: also where time is told of to what is not recorded. */
static void
resume_by_time_in_what_is_not_recorded(void **state)
{
	struct scene *s = scene_new("2101");

	(void)state;
	keyed(s, AT(60), true, "*7");
	moves(s, "2101", POLICY_KIND_QUEUE);
	assert_int_equal(s->verdict.lookback_ns, 0);
	simply(s, AT(661), POLICY_EVENT_TIME);
	assert_true(s->effect.resumed);
	assert_int_equal(s->effect.from_ns, AT(660));
	scene_free(s);
}

/* ---- keys ---------------------------------------------------------------- */

static bool
is_blank(const struct policy_keys *keys, int side)
{
	static const struct policy_keys blank;

	return !memcmp(&keys->side[side], &blank.side[side],
		       sizeof(blank.side[side]));
}

static void
keys_are_forgotten(void **state)
{
	struct scene *s = scene_new("2001");

	(void)state;
	keyed(s, AT(60), false, "12");
	keyed(s, AT(65), true, "34");
	assert_int_equal(s->keys.side[0].count, 2);
	/* whatever happens after them */
	simply(s, AT(70.5), POLICY_EVENT_TIME);
	assert_true(is_blank(&s->keys, 0));
	assert_false(is_blank(&s->keys, 1));
	told(s, AT(75.5), POLICY_EVENT_HEADER, "X-Pay", "no");
	assert_true(is_blank(&s->keys, 1));
	keyed(s, AT(80), true, "12");
	policy_keys_wipe(&s->keys);
	assert_true(is_blank(&s->keys, 1));
	scene_free(s);
}

static void
more_keys_than_are_kept(void **state)
{
	struct scene *s = scene_new("2001");

	(void)state;
	for (int i = 0; i < 3 * POLICY_KEYS_KEPT; i++)
		keyed(s, AT(60 + i), true, "#");
	assert_int_equal(s->keys.side[1].count, POLICY_KEYS_KEPT);
	assert_true(keyed(s, AT(140), true, "*5")->paused);
	scene_free(s);
}

/* ---- opt-out ------------------------------------------------------------- */

/** W-2. */
static void
opt_out_and_return(void **state)
{
	struct scene *s = scene_new("2001");

	(void)state;
	keyed(s, AT(10), true, "*#*");
	assert_nothing(s); /* an officer cannot for the caller */
	keyed(s, AT(20), false, "1");
	assert_nothing(s);
	keyed(s, AT(30), false, "*#*");
	assert_true(s->effect.pending && s->effect.changed);
	assert_false(s->effect.discard || s->effect.decide);
	assert_int_equal(s->state.opt, POLICY_OPT_PENDING);
	assert_int_equal(policy_call_due(&s->state), AT(60));
	keyed(s, AT(35), false, "*#*");
	assert_nothing(s);
	keyed(s, AT(36), true, "1");
	assert_nothing(s);
	keyed(s, AT(40), false, "1");
	assert_true(s->effect.released && s->effect.changed);
	assert_int_equal(s->state.opt, POLICY_OPT_NONE);
	assert_int_equal(s->state.returns, 1);
	assert_int_equal(policy_call_due(&s->state), INT64_MAX);
	simply(s, AT(70), POLICY_EVENT_TIME);
	assert_nothing(s);
	simply(s, AT(80), POLICY_EVENT_END);
	assert_nothing(s);
	scene_free(s);
}

static void
opt_out_is_final(void **state)
{
	struct scene *s = scene_new("2001");

	(void)state;
	/* when nobody came back */
	keyed(s, AT(30), false, "*#*");
	simply(s, AT(59.9), POLICY_EVENT_TIME);
	assert_nothing(s);
	simply(s, AT(60), POLICY_EVENT_TIME);
	assert_true(s->effect.discard && s->effect.decide && s->effect.changed);
	assert_int_equal(s->state.opt, POLICY_OPT_OUT);
	moves(s, "2101", POLICY_KIND_TRANSFER);
	assert_string_equal(s->verdict.reason, "opt-out");
	assert_int_equal(s->verdict.traces, POLICY_TRACES_COUNT);
	keyed(s, AT(61), false, "1");
	assert_nothing(s);
	simply(s, AT(62), POLICY_EVENT_END);
	assert_nothing(s);
	scene_free(s);
	/* or when the call is over */
	s = scene_new("2001");
	keyed(s, AT(30), false, "*#*");
	simply(s, AT(35), POLICY_EVENT_END);
	assert_true(s->effect.discard);
	assert_int_equal(s->state.opt, POLICY_OPT_OUT);
	scene_free(s);
	/* not where there is none */
	s = scene_new("2201");
	keyed(s, AT(30), false, "*#*");
	assert_nothing(s);
	scene_free(s);
}

/** Also of what was recorded before somebody paid. */
static void
opt_out_after_payment(void **state)
{
	struct scene *s = scene_new("2001");

	(void)state;
	told(s, AT(100), POLICY_EVENT_TARGET, NULL, "03330160000");
	moves(s, "2001", POLICY_KIND_AGENT);
	keyed(s, AT(120), false, "*#*");
	assert_true(s->effect.pending);
	simply(s, AT(150), POLICY_EVENT_TIME);
	assert_true(s->effect.discard);
	assert_true(s->state.for_good);
	scene_free(s);
}

static void
both_are_due(void **state)
{
	struct scene *s = scene_new("2001");

	(void)state;
	keyed(s, AT(60), true, "*7");
	keyed(s, AT(640), false, "*#*");
	assert_int_equal(policy_call_due(&s->state), AT(660));
	simply(s, AT(670), POLICY_EVENT_TIME);
	assert_true(s->effect.resumed && s->effect.discard);
	assert_int_equal(policy_call_due(&s->state), INT64_MAX);
	scene_free(s);
}

/* ---- what is waited for -------------------------------------------------- */

static void
headers_are_watched_once(void **state)
{
	static const char more[] =
	    "  - name: all\n    decision: record\n    retention: short\n"
	    "payments:\n"
	    "  - {name: a, triggers: {header: {name: X-Pay}}}\n"
	    "  - {name: b, triggers: {header: {name: x-PAY, value: y}, "
	    "info: {name: Record}}}\n"
	    "  - {name: c, triggers: {keys: '*1', info: {name: X-Pay}}}\n";
	const char *names[2 * POLICY_PAYMENTS_MAX];
	const char *first = strstr(text, "areas:"), *rules;
	struct policy_errors errors;
	struct policy *policy;
	char *other = NULL;
	size_t n;
	FILE *f = open_memstream(&other, &n);

	(void)state;
	assert_non_null(f);
	rules = "rules:\n";
	fwrite(text, 1, (size_t)(first - text), f);
	fputs(rules, f);
	fputs(more, f);
	fclose(f);
	assert_int_equal(policy_load(&policy, other, n, &errors), 0);
	assert_int_equal(policy_watched(policy, names), 2);
	assert_string_equal(names[0], "X-Pay");
	assert_string_equal(names[1], "Record");
	policy_free(&policy);
	free(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pause_by_keys_and_resume_by_keys),
		cmocka_unit_test(who_calls_cannot_pause),
		cmocka_unit_test(pause_by_header_and_info),
		cmocka_unit_test(a_pause_ends_by_itself),
		cmocka_unit_test(the_longest_reason_holds),
		cmocka_unit_test(for_good),
		cmocka_unit_test(one_code_of_two_payments),
		cmocka_unit_test(pause_by_hold),
		cmocka_unit_test(pause_by_hand),
		cmocka_unit_test(what_is_not_recorded_binds_too),
		cmocka_unit_test(a_card_number_is_an_alarm),
		cmocka_unit_test(what_is_a_card_number),
		cmocka_unit_test(a_card_number_where_a_control_held),
		cmocka_unit_test(digits_too_far_apart),
		cmocka_unit_test(digits_hold_what_they_were_heard_in),
		cmocka_unit_test(keys_are_forgotten),
		cmocka_unit_test(more_keys_than_are_kept),
		cmocka_unit_test(resume_keyed_before_the_trigger),
		cmocka_unit_test(resume_by_time_in_what_is_not_recorded),
		cmocka_unit_test(opt_out_and_return),
		cmocka_unit_test(opt_out_is_final),
		cmocka_unit_test(opt_out_after_payment),
		cmocka_unit_test(both_are_due),
		cmocka_unit_test(headers_are_watched_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
