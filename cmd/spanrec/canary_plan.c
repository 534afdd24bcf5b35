/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which triggers a policy has, and for each payment a call that would come to
 * it: the numbers that the policy names are tried until it says that such a
 * call is recorded and that this payment may be made in it.
 */
#include "cmd/spanrec/canary_priv.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define INSIDE_MOST  512
#define QUEUES_MOST  32
#define OUTSIDE_MOST 24

struct numbers {
	char inside[INSIDE_MOST][POLICY_NUMBER_BYTES];
	char queues[QUEUES_MOST][POLICY_NUMBER_BYTES];
	char outside[OUTSIDE_MOST][POLICY_NUMBER_BYTES];
	size_t inside_count, queues_count, outside_count;
};

/* ---- a call -------------------------------------------------------------- */

/* Some names that a policy may have for numbers do not fit into a script. */
static bool
is_plain(const char *number)
{
	if (!*number)
		return false;
	for (; *number; number++) {
		if (!isalnum((unsigned char)*number) &&
		    !strchr("+*._-", *number))
			return false;
	}
	return true;
}

/* @return the policy records it, and the payment may be made in it */
static bool
call_fits(const struct canary *canary, size_t payment, struct canary_call *call)
{
	const char *from = call->outgoing ? call->inside : call->outside;
	const char *to = call->outgoing ? call->outside : call->inside;
	const char *dialled[2] = { to, call->queue };
	const char *also[1] = { call->queue };
	struct policy_facts facts = {
		.from = from,
		.to = to,
		.also = also,
		.also_count = *call->queue ? 1 : 0,
		.dialled = dialled,
		.dialled_count = *call->queue ? 2 : 1,
		.from_logged_in = call->outgoing,
		.to_logged_in = !call->outgoing,
		.kind = POLICY_KIND_AGENT,
		.start_ns = canary->spanrec->now_ns,
	};

	inet_pton(AF_INET6,
		  call->outgoing ? "::ffff:10.66.0.2" : "::ffff:198.51.100.7",
		  facts.from_addr);
	inet_pton(AF_INET6,
		  call->outgoing ? "::ffff:198.51.100.7" : "::ffff:10.66.0.2",
		  facts.to_addr);
	policy_decide(canary->draft.policy, &facts, &call->verdict);
	return (call->verdict.decision == POLICY_RECORD ||
		call->verdict.decision == POLICY_LISTEN_DENY) &&
	       call->verdict.route ==
		   (call->outgoing ? POLICY_OUT : POLICY_IN) &&
	       call->verdict.payments >> payment & 1;
}

static void
copy_number(char to[POLICY_NUMBER_BYTES], const char *from)
{
	snprintf(to, POLICY_NUMBER_BYTES, "%s", from);
}

/* @param queue "": none is dialled */
static bool
find_by_queue(const struct canary *canary, size_t payment,
	      const struct numbers *numbers, const char *queue,
	      struct canary_call *call)
{
	copy_number(call->queue, queue);
	for (size_t i = 0; i < numbers->inside_count; i++) {
		if (!is_plain(numbers->inside[i]))
			continue;
		copy_number(call->inside, numbers->inside[i]);
		for (size_t o = 0; o < 2 * numbers->outside_count; o++) {
			const char *outside = numbers->outside[o / 2];

			call->outgoing = o % 2;
			copy_number(call->outside, outside);
			if (is_plain(outside) &&
			    call_fits(canary, payment, call))
				return true;
		}
	}
	return false;
}

/* @return 0, -ENOENT, -ENOMEM */
static int
find_call(const struct canary *canary, size_t payment, struct canary_call *call)
{
	struct numbers *numbers = calloc(1, sizeof(*numbers));
	const struct policy *policy = canary->draft.policy;
	bool found;

	if (!numbers)
		return -ENOMEM;
	numbers->inside_count =
	    policy_payment_examples(policy, payment, POLICY_EXAMPLE_INSIDE,
				    numbers->inside, INSIDE_MOST);
	numbers->queues_count =
	    policy_payment_examples(policy, payment, POLICY_EXAMPLE_QUEUE,
				    numbers->queues, QUEUES_MOST);
	numbers->outside_count =
	    policy_payment_examples(policy, payment, POLICY_EXAMPLE_OUTSIDE,
				    numbers->outside, OUTSIDE_MOST);
	found = find_by_queue(canary, payment, numbers, "", call);
	for (size_t i = 0; !found && i < numbers->queues_count; i++)
		found = is_plain(numbers->queues[i]) &&
			find_by_queue(canary, payment, numbers,
				      numbers->queues[i], call);
	free(numbers);
	return found ? 0 : -ENOENT;
}

/* ---- triggers ------------------------------------------------------------ */

static bool
has_trigger(const struct policy_payment *payment, enum canary_trigger trigger)
{
	switch (trigger) {
	case CANARY_KEYS:
		return *payment->keys;
	case CANARY_KEYS_HEARD:
		return *payment->keys && payment->tones;
	case CANARY_HEADER:
		return *payment->header;
	case CANARY_INFO:
		return *payment->info;
	case CANARY_CALL:
		return *payment->target;
	case CANARY_HOLD:
		return payment->hold;
	case CANARY_CARD_NUMBERS:
		return payment->card_numbers;
	case CANARY_CARD_NUMBERS_HEARD:
		return payment->card_numbers && payment->tones;
	case CANARY_TRIGGERS:
		break;
	}
	return false;
}

/* A header of a script stands in quotes; braces would name another call. */
static bool
is_writable(const char *text)
{
	for (; *text; text++) {
		if (strchr("\"{}", *text) || iscntrl((unsigned char)*text))
			return false;
	}
	return true;
}

static const char *
why_untested(const struct canary_test *test)
{
	const struct policy_payment *payment = &test->payment;
	bool writable = true;

	if (test->trigger == CANARY_HEADER)
		writable = is_writable(payment->header) &&
			   is_writable(payment->header_value);
	else if (test->trigger == CANARY_INFO)
		writable = is_writable(payment->info) &&
			   is_writable(payment->info_value);
	else if (test->trigger == CANARY_CALL)
		writable = is_plain(payment->target);
	return writable ? NULL : "it cannot be written into a synthetic call";
}

static int
add_test(struct canary *canary, const struct canary_test *test)
{
	size_t count = canary->tests_count;
	struct canary_test *more =
	    realloc(canary->tests, (count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	canary->tests = more;
	more[count] = *test;
	if (getrandom(more[count].marker, sizeof(more[count].marker), 0) !=
	    sizeof(more[count].marker))
		return -EIO;
	canary->tests_count++;
	return 0;
}

static int
plan_payment(struct canary *canary, size_t i,
	     const struct policy_payment *payment)
{
	struct canary_test test = { .payment = *payment };
	int rc = find_call(canary, i, &test.call);
	bool found = rc == 0;

	if (rc == -ENOENT)
		rc = 0;
	for (int trigger = 0; !rc && trigger < CANARY_TRIGGERS; trigger++) {
		test.trigger = (enum canary_trigger)trigger;
		if (!has_trigger(payment, test.trigger))
			continue;
		test.untested =
		    found ? why_untested(&test)
			  : "no call was found that is recorded and may come "
			    "to this payment: nothing to test";
		test.resumes = canary_resumes(&test);
		rc = add_test(canary, &test);
	}
	return rc;
}

int
canary_plan(struct canary *canary)
{
	struct policy_payment payment;
	int rc = 0;

	for (size_t i = 0;
	     !rc && policy_payment_peek(canary->draft.policy, i, &payment); i++)
		rc = plan_payment(canary, i, &payment);
	return rc;
}
