/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps of a scrub as JSON: there and back, within the room that a request has,
 * and whatever else somebody may ask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>

#include "cmd/common/control.h"
#include "cmd/common/scrub.h"
#include "cmd/testing/testing.h"

static struct scrub_step *
step_new(enum scrub_step_type type)
{
	struct scrub_step *step = calloc(1, sizeof(*step));

	assert_non_null(step);
	step->type = type;
	memcpy(step->scrub.id, "20190328T141503Z-k7q2mx4p-1", 28);
	return step;
}

/* As a line of the socket, and read from it. */
static struct scrub_step *
there_and_back(const struct scrub_step *step)
{
	json_t *json = scrub_step_json(step), *again;
	struct scrub_step *back;
	char *line;

	assert_non_null(json);
	line = json_dumps(json, JSON_COMPACT);
	assert_non_null(line);
	assert_true(strlen(line) < CONTROL_REQUEST_BYTES - 1);
	again = json_loads(line, 0, NULL);
	assert_int_equal(scrub_step_parse(&back, again), 0);
	json_decref(json);
	json_decref(again);
	free(line);
	assert_int_equal(back->type, step->type);
	assert_string_equal(back->scrub.id, step->scrub.id);
	return back;
}

static void
round_trips(void **state)
{
	struct scrub_step *step = step_new(SCRUB_PROPOSE), *back;

	step->scrub.from_ns = -5;
	step->scrub.until_ns = INT64_MAX;
	step->scrub.sides = STORE_SIDES_BOTH;
	memset(step->scrub.why, '"', sizeof(step->scrub.why) - 1);
	back = there_and_back(step);
	assert_memory_equal(&back->scrub, &step->scrub, sizeof(step->scrub));
	free(back);
	step->type = SCRUB_WITHDRAW;
	free(there_and_back(step));
	step->type = SCRUB_BEGIN;
	step->sealed.count = STORE_RECIPIENTS_MAX;
	memset(step->sealed.sealed, 0xa5, sizeof(step->sealed.sealed));
	back = there_and_back(step);
	assert_memory_equal(&back->sealed, &step->sealed, sizeof(step->sealed));
	free(back);
	free(step);
	step = step_new(SCRUB_WRITE);
	step->scrub.key_slot = UINT32_MAX;
	step->piece.offset = INT64_MAX;
	step->piece.n = SCRUB_PIECE_BYTES;
	memset(step->piece.bytes, 0x5a, SCRUB_PIECE_BYTES);
	back = there_and_back(step);
	assert_int_equal(back->scrub.key_slot, UINT32_MAX);
	assert_memory_equal(&back->piece, &step->piece, sizeof(step->piece));
	free(back);
	free(step);
	step = step_new(SCRUB_COMMIT);
	for (uint32_t i = 0; i < STORE_STREAMS_MAX; i++) {
		step->result.removed[i] = INT64_MAX - i;
		step->result.gaps[i] = i;
	}
	step->result.chunks = UINT32_MAX;
	step->result.file_bytes = 5;
	step->result.payload_bytes = 6;
	memset(step->result.file_hash, 0x3c, STORE_HASH_BYTES);
	back = there_and_back(step);
	assert_memory_equal(&back->result, &step->result, sizeof(step->result));
	free(back);
	free(step);
}

#define ID     "\"id\":\"c-1\","
#define BEGIN  "{\"step\":\"begin\"," ID
#define WRITE  "{\"step\":\"write\"," ID
#define COMMIT "{\"step\":\"commit\"," ID

static void
refused(void **state)
{
	static const char *const lines[] = {
		"{}",
		"[]",
		"{\"step\":5}",
		"{\"step\":\"begun\"," ID "\"keys\":[]}",
		"{\"step\":\"withdraw\"}",
		"{\"step\":\"withdraw\",\"id\":"
		"\"0123456789012345678901234567890123456789\"}",
		"{\"step\":\"propose\"," ID
		"\"from\":1.5,\"until\":2,\"sides\":1,\"why\":\"x\"}",
		"{\"step\":\"propose\"," ID
		"\"from\":1,\"until\":2,\"sides\":-1,\"why\":\"x\"}",
		"{\"step\":\"propose\"," ID
		"\"from\":1,\"until\":2,\"sides\":1}",
		"{\"step\":\"propose\"," ID "\"from\":1,\"until\":2,"
		"\"sides\":1,\"why\":\"x\",\"although_held\":2}",
		BEGIN "\"keys\":[]}",
		BEGIN "\"keys\":[1]}",
		BEGIN "\"keys\":[\"00\"]}",
		BEGIN "\"keys\":{}}",
		WRITE "\"slot\":1,\"offset\":-1,\"bytes\":\"00\"}",
		WRITE "\"slot\":4294967296,\"offset\":0,\"bytes\":\"00\"}",
		WRITE "\"slot\":1,\"offset\":0,\"bytes\":\"0\"}",
		WRITE "\"slot\":1,\"offset\":0,\"bytes\":\"0g\"}",
		WRITE "\"slot\":1,\"offset\":0}",
		COMMIT
		"\"slot\":1,\"removed\":[],\"gaps\":[],\"payload_bytes\":0,"
		"\"file_bytes\":0,\"chunks\":0,\"hash\":\"\"}",
	};
	char *longer = malloc(2 * SCRUB_PIECE_BYTES + 200);
	struct scrub_step *step;
	json_t *json;
	size_t n;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		json = json_loads(lines[i], 0, NULL);
		assert_non_null(json);
		assert_int_equal(scrub_step_parse(&step, json), -EINVAL);
		assert_null(step);
		json_decref(json);
	}
	/* A byte more than a piece has. */
	n = (size_t)sprintf(longer,
			    WRITE "\"slot\":1,\"offset\":0,\"bytes\":\"");
	memset(longer + n, '0', 2 * SCRUB_PIECE_BYTES + 2);
	memcpy(longer + n + 2 * SCRUB_PIECE_BYTES + 2, "\"}", 3);
	json = json_loads(longer, 0, NULL);
	assert_non_null(json);
	assert_int_equal(scrub_step_parse(&step, json), -EINVAL);
	json_decref(json);
	free(longer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips),
		cmocka_unit_test(refused),
	};

	return store_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
