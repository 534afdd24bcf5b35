/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps of changing keys as JSON: what is told is understood, and nothing else
 * is. */
#include "cmd/testing/testing.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/control.h"
#include "cmd/common/rekey.h"

/* The base point of X25519: anything can be sealed to it. */
static const struct store_public pub = { .bytes = { 9 } };

static struct rekey_step *
told(const struct rekey_step *step)
{
	json_t *json = rekey_step_json(step);
	char *text = json_dumps(json, JSON_COMPACT);
	struct rekey_step *got;

	assert_true(strlen(text) + 1 < CONTROL_REQUEST_BYTES);
	assert_int_equal(rekey_step_parse(&got, json), 0);
	free(text);
	json_decref(json);
	return got;
}

static void
test_change(void **state)
{
	struct rekey_step *step = calloc(1, sizeof(*step)), *got;

	(void)state;
	step->adds = true;
	step->add.pub = pub;
	step->add.role = STORE_RECIPIENT_ESCROW;
	got = told(step);
	assert_int_equal(got->type, REKEY_CHANGE);
	assert_true(got->adds && !got->removes);
	assert_int_equal(got->add.role, STORE_RECIPIENT_ESCROW);
	assert_memory_equal(&got->add.pub, &pub, sizeof(pub));
	free(got);
	step->removes = true;
	step->remove = pub;
	step->adds = false;
	got = told(step);
	assert_true(!got->adds && got->removes);
	assert_memory_equal(&got->remove, &pub, sizeof(pub));
	free(got);
	free(step);
}

/** As many as there can be, for as many recipients, fit a request. */
static void
test_reseal(void **state)
{
	struct rekey_step *step = calloc(1, sizeof(*step)), *got;

	(void)state;
	step->type = REKEY_RESEAL;
	step->count = STORE_RESEAL_MAX;
	for (uint32_t i = 0; i < STORE_RESEAL_MAX; i++) {
		struct store_reseal *one = &step->many[i];

		one->day = 20190328;
		one->slot = UINT32_MAX - i;
		memset(one->old, (int)i, sizeof(one->old));
		one->new.count = STORE_RECIPIENTS_MAX;
		memset(one->new.sealed, (int)(2 * i), sizeof(one->new.sealed));
		memset(one->new.fingerprints, 7, sizeof(one->new.fingerprints));
	}
	got = told(step);
	assert_memory_equal(got, step, sizeof(*got));
	free(got);
	free(step);
}

static void
test_nonsense(void **state)
{
#define RESEAL "{\"step\":\"reseal\","
#define WHOSE  "\"recipients\":[\"0102030405060708\"],"
	static const char *const texts[] = {
		"{}",
		"{\"step\":1}",
		"{\"step\":\"change\"}",
		"{\"step\":\"change\",\"add\":\"x\",\"role\":\"archive\"}",
		"{\"step\":\"change\",\"add\":7,\"role\":\"archive\"}",
		"{\"step\":\"change\",\"remove\":\"\"}",
		RESEAL "\"slots\":[]}",
		RESEAL WHOSE "\"slots\":[]}",
		RESEAL WHOSE "\"slots\":[1]}",
		RESEAL WHOSE "\"slots\":[[20190328,0]]}",
		RESEAL WHOSE "\"slots\":[[20190328,-1,\"00\",\"00\"]]}",
		RESEAL WHOSE "\"slots\":[[20190328,0,\"00\",\"00\"]]}",
		RESEAL "\"recipients\":[],\"slots\":[[20190328,0,"
		       "\"00000000000000000000000000000000\"]]}",
	};
	struct rekey_step *step;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		json_t *json = json_loads(texts[i], 0, NULL);

		assert_non_null(json);
		assert_int_equal(rekey_step_parse(&step, json), -EINVAL);
		assert_null(step);
		json_decref(json);
	}
}

/** A role that there is not, and none. */
static void
test_roles(void **state)
{
	struct rekey_step *step = calloc(1, sizeof(*step)), *got;
	json_t *json;

	(void)state;
	step->adds = true;
	step->add.pub = pub;
	json = rekey_step_json(step);
	json_object_set_new(json, "role", json_string("owner"));
	assert_int_equal(rekey_step_parse(&got, json), -EINVAL);
	json_object_del(json, "role");
	assert_int_equal(rekey_step_parse(&got, json), -EINVAL);
	json_decref(json);
	free(step);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_reseal),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_roles),
	};

	if (store_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
