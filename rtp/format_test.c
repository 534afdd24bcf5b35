/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/rtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void
expect(uint8_t type, const char *encoding, uint32_t clock_hz, uint8_t channels)
{
	struct rtp_format format;

	assert_true(rtp_format_static(type, &format));
	assert_string_equal(format.encoding, encoding);
	assert_int_equal(format.clock_hz, clock_hz);
	assert_int_equal(format.payload_type, type);
	assert_int_equal(format.channels, channels);
}

static void
assigned(void **state)
{
	expect(0, "PCMU", 8000, 1);
	expect(3, "GSM", 8000, 1);
	expect(8, "PCMA", 8000, 1);
	expect(9, "G722", 8000, 1);
	expect(10, "L16", 44100, 2);
	expect(11, "L16", 44100, 1);
	expect(13, "CN", 8000, 1);
	expect(18, "G729", 8000, 1);
	expect(34, "H263", 90000, 1);
}

static void
unassigned(void **state)
{
	struct rtp_format format;
	unsigned count = 0;

	for (unsigned type = 0; type < 256; type++)
		count += rtp_format_static((uint8_t)type, &format);
	assert_int_equal(count, 24);
	assert_false(rtp_format_static(1, &format));
	assert_false(rtp_format_static(2, &format));
	assert_false(rtp_format_static(19, &format));
	assert_false(rtp_format_static(35, &format));
	assert_false(rtp_format_static(96, &format));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(assigned),
		cmocka_unit_test(unassigned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
