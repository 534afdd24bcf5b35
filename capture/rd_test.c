/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "capture/rd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

static void
test_network_order(void **state)
{
	struct capture_rd rd = capture_rd_init(bytes, sizeof bytes);

	assert_int_equal(capture_rd_u8(&rd), 0x01);
	assert_int_equal(capture_rd_u16(&rd), 0x0203);
	assert_int_equal(capture_rd_u32(&rd), 0x04050607);
	assert_int_equal(capture_rd_left(&rd), 2);
	assert_ptr_equal(capture_rd_take(&rd, 2), bytes + 7);
	assert_false(rd.failed);
	assert_ptr_equal(capture_rd_take(&rd, 0), bytes + 9);
	assert_false(rd.failed);
}

/* Every length of input: what does not fit gives 0, and all after it too. */
static void
test_truncations(void **state)
{
	size_t n;

	for (n = 0; n < 7; n++) {
		uint8_t *copy = testing_copy(bytes, n);
		struct capture_rd rd = capture_rd_init(copy, n);
		unsigned a = capture_rd_u16(&rd);
		unsigned b = capture_rd_u32(&rd);
		unsigned c = capture_rd_u8(&rd);

		assert_int_equal(a, n >= 2 ? 0x0102 : 0);
		assert_int_equal(b, n >= 6 ? 0x03040506 : 0);
		assert_int_equal(c, n >= 7 ? 7 : 0);
		assert_true(rd.failed);
		assert_null(capture_rd_take(&rd, 0));
		free(copy);
	}
}

static void
test_split(void **state)
{
	struct capture_rd rd = capture_rd_init(bytes, sizeof bytes);
	struct capture_rd hdr = capture_rd_split(&rd, 4);

	assert_int_equal(capture_rd_left(&hdr), 4);
	assert_int_equal(capture_rd_left(&rd), 5);
	assert_int_equal(capture_rd_u32(&hdr), 0x01020304);
	assert_int_equal(capture_rd_u8(&hdr), 0);
	assert_true(hdr.failed);
	assert_int_equal(capture_rd_u8(&rd), 5);
	hdr = capture_rd_split(&rd, 5);
	assert_true(hdr.failed);
	assert_true(rd.failed);
	assert_int_equal(capture_rd_left(&hdr), 0);
}

static void
test_limit(void **state)
{
	struct capture_rd rd = capture_rd_init(bytes, sizeof bytes);

	capture_rd_limit(&rd, 100);
	assert_int_equal(capture_rd_left(&rd), 9);
	capture_rd_limit(&rd, 1);
	assert_int_equal(capture_rd_u16(&rd), 0);
	assert_true(rd.failed);
}

static void
test_nothing(void **state)
{
	struct capture_rd rd = capture_rd_init(NULL, 0);

	assert_int_equal(capture_rd_left(&rd), 0);
	assert_int_equal(capture_rd_u8(&rd), 0);
	assert_true(rd.failed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_network_order),
		cmocka_unit_test(test_truncations),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
