/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/spanrecd/keyed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

static struct capture_flow_key
flow(uint32_t ssrc)
{
	return (struct capture_flow_key){ .ssrc = ssrc };
}

static void
one_stream_of_a_flow_and_end(void **state)
{
	struct capture_flow_key a = flow(1), b = flow(2);
	struct keyed keyed = { 0 };
	struct keyed_stream *caller = keyed_stream(&keyed, SIP_CALLER, &a);
	struct keyed_stream *callee = keyed_stream(&keyed, SIP_CALLEE, &a);
	struct keyed_stream *other = keyed_stream(&keyed, SIP_CALLER, &b);

	assert_non_null(caller);
	assert_non_null(callee);
	assert_non_null(other);
	assert_true(caller != callee && caller != other);
	assert_true(caller->number && caller->number != callee->number &&
		    caller->number != other->number);
	assert_ptr_equal(keyed_stream(&keyed, SIP_CALLER, &a), caller);
	assert_ptr_equal(keyed_stream(&keyed, SIP_CALLER, &b), other);
	assert_ptr_equal(keyed_stream(&keyed, SIP_CALLEE, &a), callee);
	keyed_clear(&keyed);
	assert_null(keyed.first);
}

static void
of_too_many_the_idlest_is_forgotten(void **state)
{
	struct capture_flow_key key;
	struct keyed keyed = { 0 };
	struct keyed_stream *s;
	uint32_t i, count = 0;

	for (i = 0; i < KEYED_STREAMS_MAX; i++) {
		key = flow(i);
		s = keyed_stream(&keyed, SIP_CALLER, &key);
		s->events.count = 100 + i;
	}
	key = flow(0);
	assert_int_equal(keyed_stream(&keyed, SIP_CALLER, &key)->events.count,
			 100);
	key = flow(i);
	s = keyed_stream(&keyed, SIP_CALLER, &key);
	assert_int_equal(s->events.count, 0);
	assert_int_equal(s->number, KEYED_STREAMS_MAX + 1);
	for (s = keyed.first; s; s = s->next)
		count++;
	assert_int_equal(count, KEYED_STREAMS_MAX);
	key = flow(0);
	assert_int_equal(keyed_stream(&keyed, SIP_CALLER, &key)->events.count,
			 100);
	key = flow(1);
	assert_int_equal(keyed_stream(&keyed, SIP_CALLER, &key)->events.count,
			 0);
	keyed_clear(&keyed);
}

static void
no_memory(void **state)
{
	struct capture_flow_key key = flow(1);
	struct keyed keyed = { 0 };

	testing_fail_allocation(1);
	assert_null(keyed_stream(&keyed, SIP_CALLER, &key));
	testing_fail_allocation(0);
	assert_non_null(keyed_stream(&keyed, SIP_CALLER, &key));
	keyed_clear(&keyed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_stream_of_a_flow_and_end),
		cmocka_unit_test(of_too_many_the_idlest_is_forgotten),
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
