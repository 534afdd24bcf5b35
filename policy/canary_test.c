/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Payments and the numbers that calls to them may have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/policy_priv.h"

static const char text[] =
    "version: 1\n"
    "organisation: {name: there, time_zone: UTC}\n"
    "access: {owner: [somebody]}\n"
    "purposes: [quality]\n"
    "numbering: {country: 44, national_prefix: \"0\", extension_digits: 4}\n"
    "retention: {standard: {max: 1 year}}\n"
    "metadata: {max: 2 years}\n"
    "sites: {hall: {extensions: 2500}}\n"
    "areas:\n"
    "  cash: {extensions: [2200-2299, 2300], queues: 01632 960110, sites: hall,\n"
    "         needs: nothing}\n"
    "  other: {extensions: 2400, needs: nothing}\n"
    "payments:\n"
    "  - name: card\n"
    "    areas: cash\n"
    "    triggers: {keys: \"*5\", call: [01632 9602*, 01632 960199]}\n"
    "    look_back: 7 s\n"
    "    resume: after 2 minutes\n"
    "    resume_keys: \"*6\"\n"
    "  - name: any\n"
    "    triggers: {hold: yes, header: {name: X-Pay}}\n"
    "rules:\n"
    "  - {name: no, match: {numbers: 2600}, decision: drop}\n"
    "  - {name: all, match: {from: 08081*}, decision: record,\n"
    "     retention: standard}\n";

#define MOST 200

struct fixture {
	struct policy *policy;
	char numbers[MOST][POLICY_NUMBER_BYTES];
	size_t count;
};

static int
setup(void **state)
{
	static struct policy_errors errors;
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	if (policy_load(&f->policy, text, strlen(text), &errors))
		fail_msg("%u: %s", errors.errors[0].line,
			 errors.errors[0].text);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	policy_free(&f->policy);
	free(f);
	return 0;
}

static void
ask(struct fixture *f, size_t payment, enum policy_example what)
{
	f->count =
	    policy_payment_examples(f->policy, payment, what, f->numbers, MOST);
	for (size_t i = 0; i < f->count; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(f->numbers[i], f->numbers[k]);
}

/* @return where it is; MOST: it is not there */
static size_t
place(const struct fixture *f, const char *number)
{
	for (size_t i = 0; i < f->count; i++)
		if (!strcmp(f->numbers[i], number))
			return i;
	return MOST;
}

static void
payments(void **state)
{
	struct fixture *f = *state;
	struct policy_payment payment;

	assert_true(policy_payment_peek(f->policy, 0, &payment));
	assert_string_equal(payment.name, "card");
	assert_string_equal(payment.keys, "*5");
	assert_string_equal(payment.resume_keys, "*6");
	assert_string_equal(payment.header, "");
	assert_string_equal(payment.info, "");
	assert_string_equal(payment.target, "+441632960200");
	assert_false(payment.hold);
	assert_int_equal(payment.lookback_ns, 7 * POLICY__SECOND_NS);
	assert_int_equal(payment.after_ns, 120 * POLICY__SECOND_NS);
	assert_true(policy_payment_peek(f->policy, 1, &payment));
	assert_true(payment.hold);
	assert_string_equal(payment.keys, "");
	assert_string_equal(payment.header, "X-Pay");
	assert_string_equal(payment.header_value, "");
	assert_string_equal(payment.target, "");
	assert_int_equal(payment.after_ns, 0);
	assert_false(policy_payment_peek(f->policy, 2, &payment));
}

static void
inside(void **state)
{
	struct fixture *f = *state;

	ask(f, 0, POLICY_EXAMPLE_INSIDE);
	/* those of the area come first, the ends of a range too */
	assert_int_equal(place(f, "2200"), 0);
	assert_true(place(f, "2299") < place(f, "2300"));
	assert_true(place(f, "2300") < place(f, "2500"));
	assert_true(place(f, "2500") < MOST);
	/* one of ours that no list names */
	assert_true(place(f, "3001") < MOST);
	/* not those of another area, nor of a rule that drops */
	assert_int_equal(place(f, "2400"), MOST);
	assert_int_equal(place(f, "2600"), MOST);
	/* a payment of all areas */
	ask(f, 1, POLICY_EXAMPLE_INSIDE);
	assert_true(place(f, "2400") < MOST);
}

static void
queues_and_others(void **state)
{
	struct fixture *f = *state;

	ask(f, 0, POLICY_EXAMPLE_QUEUE);
	assert_int_equal(f->count, 1);
	assert_string_equal(f->numbers[0], "+441632960110");
	ask(f, 0, POLICY_EXAMPLE_OUTSIDE);
	assert_int_equal(place(f, "+441632960001"), 0);
	assert_true(place(f, "+448081000000") < MOST);
	ask(f, 0, POLICY_EXAMPLE_TARGET);
	assert_true(place(f, "+441632960199") < MOST);
	for (size_t i = 0; i < f->count; i++)
		assert_true(policy_is_payment_target(f->policy, f->numbers[i]));
}

static void
no_more_than_room(void **state)
{
	struct fixture *f = *state;

	for (size_t most = 0; most < 12; most++)
		assert_int_equal(policy_payment_examples(f->policy, 0,
							 POLICY_EXAMPLE_INSIDE,
							 f->numbers, most),
				 most);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(payments, setup, teardown),
		cmocka_unit_test_setup_teardown(inside, setup, teardown),
		cmocka_unit_test_setup_teardown(queues_and_others, setup,
						teardown),
		cmocka_unit_test_setup_teardown(no_more_than_room, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
