/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Acts on cases as JSON and back; what is none is refused. */
#include "cmd/common/act.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "cmd/common/exit.h"
#include "cmd/testing/testing.h"
#include "store/cases.h"

static char ids[2][STORE_SEGMENT_ID_BYTES] = { "a-1", "b-2" };

static const struct store_act full = {
	.type = STORE_ACT_SEARCH,
	.of = { .name = "S-1",
		.kind = STORE_CASE_SAR,
		.title = "Smith",
		.approver = "bob",
		.then = "complaints",
		.subjects = "2041\n2042",
		.law = "uk",
		.received_ns = 1,
		.answered_ns = -2,
		.paused_days = 3,
		.searches = { { .from_ns = 4,
				.to_ns = INT64_MAX,
				.found = 7 } } },
	.reason = "since",
	.approver = "ann",
	.review_ns = 5,
	.not_before_ns = 6, /* whoever does it says that */
	.count = 2,
	.ids = ids,
};

static void
test_there_and_back(void **state)
{
	json_t *json = act_json(&full);
	struct store_act *back, plain;

	assert_non_null(json);
	assert_int_equal(act_parse(json, &back), 0);
	assert_int_equal(back->count, 2);
	assert_memory_equal(back->ids, ids, sizeof(ids));
	plain = *back;
	plain.ids = ids;
	assert_memory_equal(&plain.of, &full.of, sizeof(plain.of));
	assert_int_equal(plain.type, full.type);
	assert_string_equal(plain.reason, full.reason);
	assert_string_equal(plain.approver, full.approver);
	assert_int_equal(plain.review_ns, 5);
	assert_int_equal(plain.not_before_ns, 0);
	act_free(&back);
	assert_null(back);
	json_decref(json);
}

static void
test_refused(void **state)
{
	static const char *const texts[] = {
		"{\"type\": -1}",
		"{\"type\": 10}",
		"{\"type\": 0, \"kind\": 2}",
		"{\"type\": 0, \"case\": 1}",
		("{\"type\": 0, \"case\": "
		 "\"1234567890123456789012345678901234567890\"}"),
		"{\"type\": 0, \"review\": \"x\"}",
		"{\"type\": 0, \"paused_days\": -1}",
		"{\"type\": 0, \"paused_days\": 4294967296}",
		"{\"type\": 0, \"ids\": [1]}",
		("{\"type\": 0, \"ids\": "
		 "[\"1234567890123456789012345678901234567890\"]}"),
	};
	struct store_act *act;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		json_t *json = json_loads(texts[i], 0, NULL);

		assert_non_null(json);
		assert_int_equal(act_parse(json, &act), -EINVAL);
		assert_null(act);
		json_decref(json);
	}
}

/* Out of memory at any point: nothing is left behind. */
static void
test_no_memory(void **state)
{
	json_t *json = act_json(&full);
	struct store_act *act;

	for (unsigned n = 1; n < 3; n++) {
		testing_fail_allocation(n);
		assert_int_equal(act_parse(json, &act), -ENOMEM);
		testing_fail_allocation(0);
		assert_null(act);
	}
	json_decref(json);
}

static void
test_words(void **state)
{
	struct store_act act = full;
	char text[320];

	assert_int_equal(act_error(&act, -ENOENT, "", text, sizeof(text)),
			 EXIT_NOT_FOUND);
	assert_string_equal(text, "request 'S-1': there is none of that name");
	act.type = STORE_ACT_HOLD;
	act.of.kind = STORE_CASE;
	assert_int_equal(act_error(&act, -EALREADY, "a-1", text, sizeof(text)),
			 EXIT_FAILED);
	assert_string_equal(
	    text, "a-1: it was purged before (case S-1); nothing was done");
	act.type = STORE_ACT_OPEN;
	assert_int_equal(act_error(&act, -EINVAL, "", text, sizeof(text)),
			 EXIT_USAGE);
	assert_int_equal(act_error(&act, -ENOSPC, "", text, sizeof(text)),
			 EXIT_FAILED);
	assert_non_null(strstr(text, "could not be written"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
