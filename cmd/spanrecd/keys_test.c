/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/spanrecd/control_priv.h"
#include "cmd/testing/testing.h"

#define MS INT64_C(1000000)

enum { PHONE = 1, RELAY = 2 }; /* streams, or legs */

struct world {
	struct control_state control;
	struct pipeline *pipeline;
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->pipeline = calloc(1, sizeof(*w->pipeline));
	assert_non_null(w->pipeline);
	w->control.pipeline = w->pipeline;
	assert_int_equal(control__keys_new(&w->control), 0);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	control__keys_free(&w->control);
	free(w->pipeline);
	free(w);
	return 0;
}

/* Each stream has timestamps of its own. */
static void
shown_in(struct world *w, uint64_t call, enum sip_party end, int64_t ms,
	 uint64_t stream, char key)
{
	const struct key_report report = {
		.time_ns = ms * MS,
		.source = stream,
		.ssrc = (uint32_t)stream,
		.timestamp = (uint32_t)(ms + (int64_t)stream * 12345) * 8,
		.end = end,
		.key = key,
	};

	control__key_shown(&w->control, call, &report);
}

static void
shown(struct world *w, int64_t ms, uint64_t stream, char key)
{
	shown_in(w, 1, SIP_CALLER, ms, stream, key);
}

static void
info_of(struct world *w, uint64_t leg, bool crossed, int64_t ms,
	struct sip_keyed keyed)
{
	const struct control_call call = { .number = 1 };
	const struct sip_call sip = { .number = leg, .crossed = crossed };
	const struct sip_event event = { .type = SIP_EVENT_KEY,
					 .time_ns = ms * MS,
					 .party =
					     crossed ? SIP_CALLEE : SIP_CALLER,
					 .call = &sip,
					 .keyed = &keyed };

	control__key_by_info(&w->control, &call, &event);
}

static void
info(struct world *w, int64_t ms, char key, uint32_t duration_ms, bool again)
{
	info_of(w, 1, false, ms,
		(struct sip_keyed){
		    .key = key, .duration_ms = duration_ms, .again = again });
}

static uint64_t
keys(struct world *w)
{
	control__keys_settle(&w->control, INT64_MAX);
	return counter_get(&w->pipeline->control.counters, COUNTER_keys);
}

static uint64_t
keys_info(struct world *w)
{
	return counter_get(&w->pipeline->control.counters, COUNTER_keys_info);
}

static uint64_t
keys_shed(struct world *w)
{
	return counter_get(&w->pipeline->control.counters, COUNTER_keys_shed);
}

static void
what_one_stream_shows_are_keys(void **state)
{
	shown(*state, 0, PHONE, '5');
	shown(*state, 60, PHONE, '5');
	shown(*state, 120, PHONE, '6');
	assert_int_equal(keys(*state), 3);
	assert_int_equal(keys_info(*state), 0);
}

static void
before_and_behind_a_relay(void **state)
{
	shown(*state, 0, PHONE, '5');
	shown(*state, 30, RELAY, '5');
	assert_int_equal(keys(*state), 1);
}

static void
fast_keys_before_and_behind_a_relay(void **state)
{
	int i;

	for (i = 0; i < 20; i++) {
		shown(*state, i * 70, PHONE, '5');
		shown(*state, i * 70 + 120, RELAY, '5');
	}
	assert_int_equal(keys(*state), 20);
}

/* The relay has lost one. */
static void
one_stream_shows_more(void **state)
{
	shown(*state, 0, PHONE, '5');
	shown(*state, 100, PHONE, '5');
	shown(*state, 130, RELAY, '5');
	assert_int_equal(keys(*state), 2);
}

static void
a_stream_that_comes_later_has_keys_of_its_own(void **state)
{
	shown(*state, 0, PHONE, '5');
	shown(*state, 400, RELAY, '5');
	assert_int_equal(keys(*state), 2);
}

/* Some relays pass packets on as they are, and take their time. */
static void
same_ssrc_and_timestamp(void **state)
{
	struct world *w = *state;
	struct key_report report = { .source = PHONE,
				     .ssrc = 7,
				     .timestamp = 8000,
				     .end = SIP_CALLER,
				     .key = '5' };

	control__key_shown(&w->control, 1, &report);
	report.source = RELAY;
	report.time_ns = 600 * MS;
	control__key_shown(&w->control, 1, &report);
	assert_int_equal(keys(w), 1);
	report.source = 3;
	report.ssrc = 8;
	control__key_shown(&w->control, 1, &report);
	assert_int_equal(keys(w), 2);
}

static void
other_ends_and_calls(void **state)
{
	shown_in(*state, 1, SIP_CALLER, 0, PHONE, '5');
	shown_in(*state, 1, SIP_CALLEE, 0, RELAY, '5');
	shown_in(*state, 2, SIP_CALLER, 0, RELAY, '5');
	assert_int_equal(keys(*state), 3);
}

static void
info_beside_rtp(void **state)
{
	shown(*state, 0, PHONE, '5');
	info(*state, 10, '5', 0, false);
	info(*state, 990, '6', 0, false);
	shown(*state, 1000, PHONE, '6');
	shown(*state, 1040, RELAY, '6');
	assert_int_equal(keys(*state), 2);
	assert_int_equal(keys_info(*state), 2);
}

static void
fast_keys_in_both(void **state)
{
	int i;

	for (i = 0; i < 12; i++) {
		shown(*state, i * 150, PHONE, '5');
		info(*state, i * 150 + 400, '5', 100, false);
	}
	assert_int_equal(keys(*state), 12);
	assert_int_equal(keys_info(*state), 12);
}

/* For three seconds; INFO is sent when it is up. */
static void
a_key_held_down(void **state)
{
	shown(*state, 0, PHONE, '5');
	info(*state, 3010, '5', 3000, false);
	assert_int_equal(keys(*state), 1);
	info(*state, 9000, '5', 0, false);
	assert_int_equal(keys(*state), 2);
}

/* Whatever it says: nothing is remembered for so long. */
static void
a_key_held_down_for_hours(void **state)
{
	shown(*state, 0, PHONE, '5');
	shown(*state, 4000, PHONE, '6');
	info(*state, 7500, '5', UINT32_MAX, false);
	assert_int_equal(keys(*state), 3);
}

static void
info_alone(void **state)
{
	info(*state, 0, '5', 0, false);
	info(*state, 200, '5', 0, false);
	assert_int_equal(keys(*state), 2);
	assert_int_equal(keys_info(*state), 2);
}

/* A switch passes INFO on; in the other leg who sends it is the callee. */
static void
info_from_leg_to_leg(void **state)
{
	const struct sip_keyed keyed = { .key = '5' };
	int i;

	for (i = 0; i < 5; i++) {
		info_of(*state, 1, false, i * 100, keyed);
		info_of(*state, 2, true, i * 100 + 130, keyed);
	}
	assert_int_equal(keys(*state), 5);
	assert_int_equal(keys_info(*state), 5);
}

/* A switch makes RTP of INFO. */
static void
info_in_one_leg_rtp_in_the_other(void **state)
{
	const struct sip_keyed keyed = { .key = '5' };
	int i;

	for (i = 0; i < 5; i++) {
		info_of(*state, 1, false, i * 300, keyed);
		shown(*state, i * 300 + 400, RELAY, '5');
	}
	assert_int_equal(keys(*state), 5);
}

static void
info_again_after_a_challenge(void **state)
{
	info(*state, 0, '5', 0, false);
	info(*state, 40, '5', 0, true);
	info(*state, 500, '5', 0, false);
	info(*state, 540, '6', 0, true);
	assert_int_equal(keys(*state), 3);
	assert_int_equal(keys_info(*state), 3);
}

static void
only_what_is_due(void **state)
{
	struct world *w = *state;

	shown(w, 300, PHONE, '3');
	shown(w, 100, PHONE, '1');
	shown(w, 200, PHONE, '2');
	control__keys_settle(&w->control, 99 * MS);
	assert_int_equal(
	    counter_get(&w->pipeline->control.counters, COUNTER_keys), 0);
	control__keys_settle(&w->control, 200 * MS);
	assert_int_equal(
	    counter_get(&w->pipeline->control.counters, COUNTER_keys), 2);
	assert_int_equal(keys(w), 3);
}

/* A hundred keys in a random order, settled in random steps: what comes of
 * them depends on their times alone. */
static void
any_order(void **state)
{
	struct world *w = *state;
	uint32_t round, i, j, swap, order[200];
	uint64_t before = 0, count = 0;

	srand(1);
	for (round = 0; round < 50; round++) {
		int64_t start = (int64_t)round * 100000;

		for (i = 0; i < 200; i++)
			order[i] = i;
		for (i = 199; i > 0; i--) {
			j = (uint32_t)rand() % (i + 1);
			swap = order[i];
			order[i] = order[j];
			order[j] = swap;
		}
		for (i = 0; i < 200; i++) {
			uint32_t key = order[i] / 2;
			bool relay = order[i] % 2;

			shown(w, start + key * 90 + (relay ? 70 : 0),
			      relay ? RELAY : PHONE,
			      (char)('0' + key / 3 % 10));
		}
		for (i = 0; i < 20; i++)
			control__keys_settle(
			    &w->control,
			    (start + rand() % (int)(i * 500 + 1)) * MS);
		count = keys(w);
		assert_int_equal(count - before, 100);
		before = count;
	}
}

static void
many_calls(void **state)
{
	uint64_t call;

	for (call = 1; call <= 3000; call++)
		shown_in(*state, call, SIP_CALLER, (int64_t)call * 10, PHONE,
			 '1');
	assert_int_equal(keys(*state), 3000);
}

static void
too_many_at_once(void **state)
{
	int i;

	for (i = 0; i < 20000; i++)
		shown(*state, i, PHONE, '1');
	assert_int_equal(keys(*state) + keys_shed(*state), 20000);
	assert_int_equal(keys_shed(*state), 20000 - 16384);
	shown(*state, 30000, PHONE, '1');
	assert_int_equal(keys(*state), 16385);
}

static void
no_memory(void **state)
{
	shown(*state, 0, PHONE, '1');
	testing_fail_allocation(1);
	assert_int_equal(keys(*state), 0);
	testing_fail_allocation(0);
	assert_int_equal(keys_shed(*state), 1);
	shown(*state, 100, PHONE, '1');
	assert_int_equal(keys(*state), 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_one_stream_shows_are_keys),
		TEST(before_and_behind_a_relay),
		TEST(fast_keys_before_and_behind_a_relay),
		TEST(one_stream_shows_more),
		TEST(a_stream_that_comes_later_has_keys_of_its_own),
		TEST(same_ssrc_and_timestamp),
		TEST(other_ends_and_calls),
		TEST(info_beside_rtp),
		TEST(fast_keys_in_both),
		TEST(a_key_held_down),
		TEST(a_key_held_down_for_hours),
		TEST(info_alone),
		TEST(info_from_leg_to_leg),
		TEST(info_in_one_leg_rtp_in_the_other),
		TEST(info_again_after_a_challenge),
		TEST(only_what_is_due),
		TEST(any_order),
		TEST(many_calls),
		TEST(too_many_at_once),
		TEST(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
