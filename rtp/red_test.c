/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/testing/testing.h"
#include "rtp/red.h"

static uint32_t
read_copy(struct rtp_red_block *blocks, const uint8_t *bytes, size_t n)
{
	uint8_t *copy = testing_copy(bytes, n);
	uint32_t count = rtp_red_read(blocks, copy, (uint32_t)n);

	for (uint32_t i = 0; i < count; i++) {
		assert_true(blocks[i].payload >= copy);
		assert_true(blocks[i].payload + blocks[i].bytes <= copy + n);
	}
	free(copy);
	return count;
}

/* One block of before, 160 ticks earlier, 4 bytes; then the packet's own. */
static const uint8_t event[] = { 0x80 | 101, 0x02, 0x80, 0x04, 8,   5,
				 0x8a,       0x03, 0x20, 0xd5, 0xd5 };

static void
blocks_are_told_apart(void **state)
{
	struct rtp_red_block blocks[RTP_RED_BLOCKS_MAX];

	(void)state;
	assert_int_equal(read_copy(blocks, event, sizeof(event)), 2);
	assert_int_equal(blocks[0].payload_type, 101);
	assert_int_equal(blocks[0].offset, 160);
	assert_int_equal(blocks[0].bytes, 4);
	assert_int_equal(blocks[1].payload_type, 8);
	assert_int_equal(blocks[1].offset, 0);
	assert_int_equal(blocks[1].bytes, 2);
	assert_int_equal(read_copy(blocks, (const uint8_t[]){ 8, 1, 2 }, 3), 1);
	assert_int_equal(blocks[0].bytes, 2);
}

static void
what_is_cut_or_too_much_is_none(void **state)
{
	struct rtp_red_block blocks[RTP_RED_BLOCKS_MAX];
	uint8_t many[64];

	(void)state;
	for (size_t n = 0; n < 9; n++)
		assert_int_equal(read_copy(blocks, event, n), 0);
	assert_int_equal(read_copy(blocks, event, 9), 2);
	memset(many, 0, sizeof(many));
	for (size_t i = 0; i < RTP_RED_BLOCKS_MAX; i++)
		many[4 * i] = 0x80;
	assert_int_equal(read_copy(blocks, many, sizeof(many)), 0);
	many[(size_t)4 * (RTP_RED_BLOCKS_MAX - 1)] = 0;
	assert_int_equal(read_copy(blocks, many, sizeof(many)),
			 RTP_RED_BLOCKS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_told_apart),
		cmocka_unit_test(what_is_cut_or_too_much_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
