/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "capture/source.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

struct heard {
	uint32_t frames;
	int64_t last_ns;
	uint64_t bytes; /* sum of all */
};

static void
on_frame(void *ctx, const struct capture_frame *frame)
{
	struct heard *heard = ctx;
	uint32_t i;

	heard->frames++;
	heard->last_ns = frame->time_ns;
	assert_int_equal(frame->link_type, 101);
	for (i = 0; i < frame->captured_bytes; i++)
		heard->bytes += frame->bytes[i];
}

static size_t
put_frame(uint8_t *at, int64_t time_ns, uint32_t captured, uint32_t wire)
{
	memcpy(at, &time_ns, 8);
	memcpy(at + 8, &captured, 4);
	memcpy(at + 12, &wire, 4);
	memset(at + 16, 1, captured);
	return 16 + captured;
}

static struct capture_source *
mem_open(const void *bytes, size_t n)
{
	struct capture_source *source = NULL;

	assert_int_equal(capture_mem_open(&source, bytes, n, 101), 0);
	return source;
}

static void
test_frames(void **state)
{
	struct capture_source_stats stats;
	struct capture_source *source;
	struct heard heard = { 0 };
	uint8_t bytes[256];
	size_t n = 0;

	n += put_frame(bytes + n, 1000, 3, 3);
	n += put_frame(bytes + n, 2000, 0, 60);
	n += put_frame(bytes + n, 1500, 9, 10);
	source = mem_open(bytes, n);
	assert_int_equal(capture_source_fd(source), -1);
	assert_int_equal(capture_source_dispatch(source, 2, on_frame, &heard),
			 2);
	assert_int_equal(heard.last_ns, 2000);
	capture_source_stats(source, &stats);
	assert_int_equal(stats.frames, 2);
	assert_int_equal(stats.truncated, 1);
	assert_int_equal(stats.bytes_done, 35);
	assert_int_equal(stats.bytes_total, n);
	assert_int_equal(
	    capture_source_dispatch(source, UINT32_MAX, on_frame, &heard), 1);
	assert_int_equal(capture_source_dispatch(source, 5, on_frame, &heard),
			 0);
	assert_int_equal(heard.frames, 3);
	assert_int_equal(heard.last_ns, 1500);
	assert_int_equal(heard.bytes, 12);
	assert_string_equal(capture_source_error(source), "");
	capture_source_free(&source);
	assert_null(source);
}

static void
test_truncations(void **state)
{
	uint8_t bytes[64];
	size_t first = put_frame(bytes, 1, 5, 5), n = first, cut;

	n += put_frame(bytes + n, 2, 7, 7);
	for (cut = 0; cut < n; cut++) {
		uint8_t *copy = testing_copy(bytes, cut);
		struct capture_source *source = mem_open(copy, cut);
		struct heard heard = { 0 };
		int end = cut == 0 || cut == first ? 0 : -EBADMSG;

		if (cut >= first)
			assert_int_equal(capture_source_dispatch(
					     source, 9, on_frame, &heard),
					 1);
		assert_int_equal(
		    capture_source_dispatch(source, 9, on_frame, &heard), end);
		assert_int_equal(
		    capture_source_dispatch(source, 9, on_frame, &heard), end);
		assert_int_equal(heard.frames, cut >= first);
		assert_string_equal(capture_source_error(source),
				    end == 0 ? ""
				    : cut >= first
					? "memory: cut after frame 1"
					: "memory: cut after frame 0");
		capture_source_free(&source);
		free(copy);
	}
}

static void
test_impossible_times(void **state)
{
	static const int64_t wrong[] = { -1, INT64_MIN, INT64_MAX,
					 CAPTURE_TIME_MAX_NS + 1 };
	struct heard heard = { 0 };
	uint8_t bytes[32];
	size_t i;

	for (i = 0; i < 4; i++) {
		size_t n = put_frame(bytes, wrong[i], 4, 4);
		struct capture_source *source = mem_open(bytes, n);

		assert_int_equal(
		    capture_source_dispatch(source, 9, on_frame, &heard),
		    -EBADMSG);
		capture_source_free(&source);
	}
	assert_int_equal(heard.frames, 0);
}

static void
test_no_memory(void **state)
{
	struct capture_source *source = NULL;

	testing_fail_allocation(1);
	assert_int_equal(capture_mem_open(&source, NULL, 0, 1), -ENOMEM);
	testing_fail_allocation(0);
	assert_null(source);
	capture_source_free(&source);
	assert_int_equal(capture_mem_open(&source, NULL, 0, 1), 0);
	assert_int_equal(capture_source_dispatch(source, 1, on_frame, NULL), 0);
	capture_source_free(&source);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_truncations),
		cmocka_unit_test(test_impossible_times),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
