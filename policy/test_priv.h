/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The test cases that a policy brings along: a call, what happens in it, and
 * what the policy has to make of it. load_tests.c reads them, test.c runs them.
 * Offsets count from the start of the call.
 */
#ifndef POLICY_TEST_PRIV_H
#define POLICY_TEST_PRIV_H

#include "policy/policy_priv.h"

/** Texts that are lists of numbers, as they would be sent. */
struct policy__sent {
	uint32_t count;
	const char **items; /**< kept by the policy; the array is the test's */
};

struct policy__test_call {
	const char *from, *to;
	int64_t start_ns;
	bool answered;
	int64_t answer_ns; /**< offset */
	enum policy_kind kind;
	struct policy__sent dialled, also;
	bool from_logged_in, to_logged_in;
	uint8_t from_addr[16], to_addr[16]; /**< IPv4 mapped; zero: not said */
};

/** What happens: enum policy_event_type has those that a policy is told of;
 * the others make other segments. */
enum policy__test_what {
	POLICY__TEST_KEYS,        /**< `text`, by `inside` */
	POLICY__TEST_HEADER,      /**< `name`, `text` */
	POLICY__TEST_INFO,        /**< likewise */
	POLICY__TEST_AGENT,       /**< `text` answers for who was called */
	POLICY__TEST_HOLD,        /**< by `inside` */
	POLICY__TEST_UNHOLD,
	POLICY__TEST_ASKED,       /**< `text` is to be called: REFER */
	POLICY__TEST_TRANSFERRED, /**< `text` takes the place of who is inside */
	POLICY__TEST_CONSULTS,    /**< who is inside calls `text` meanwhile */
	POLICY__TEST_PAUSE,
	POLICY__TEST_RESUME,
	POLICY__TEST_END
};

struct policy__test_event {
	struct policy__place at;
	int64_t offset_ns;
	enum policy__test_what what;
	bool inside;
	const char *name; /**< "" */
	const char *text; /**< "" */
};

struct policy__test_gap {
	int64_t from_ns, until_ns; /**< offsets */
	const char *reason;        /**< "payment", "paused", "dtmf", "opt-out" */
};

/** A segment that must come. What was not said is not looked at: NULL, -1. */
struct policy__test_expect {
	struct policy__place at;
	int64_t offset_ns;
	int kind;      /**< enum policy_kind */
	int decision;  /**< enum policy_decision */
	int route;     /**< enum policy_route */
	int traces;    /**< enum policy_traces */
	const char *reason, *rule, *area, *retention;
	int64_t due_ns;     /**< `kept_until`, a time; 0: not said */
	int64_t ceiling_ns; /**< `gone_by`; 0 */
	int64_t room_ns;    /**< `gives_way`: from then on; 0 */
	bool stays;         /**< `gives_way: no` */
	bool consult;       /**< of the conversation that is made meanwhile */
	bool discarded;     /**< what was recorded of it was taken back */
	bool has_gaps;
	uint32_t gaps_count;
	struct policy__test_gap *gaps;
};

struct policy__test {
	const char *name;
	struct policy__place at;
	struct policy__test_call call;
	uint32_t events_count;
	struct policy__test_event *events; /**< the last is POLICY__TEST_END */
	uint32_t expects_count;
	struct policy__test_expect *expects;
};

/** Free what the tests hold besides texts. */
void policy__tests_free(struct policy *policy);

#endif
