/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/g711.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

/* Decision values of G.711 tables 1a and 2a, scaled by 8 and 4. */
static void
known_values(void **state)
{
	const int16_t *pcma = rtp_g711_values("PCMA");
	const int16_t *pcmu = rtp_g711_values("PCMU");

	assert_int_equal(pcma[0xd5], 8);
	assert_int_equal(pcma[0x55], -8);
	assert_int_equal(pcma[0xc5], 264);
	assert_int_equal(pcma[0xaa], 32256);
	assert_int_equal(pcma[0x2a], -32256);
	assert_int_equal(pcmu[0xff], 0);
	assert_int_equal(pcmu[0x7f], 0);
	assert_int_equal(pcmu[0xfe], 8);
	assert_int_equal(pcmu[0xef], 132);
	assert_int_equal(pcmu[0x80], 32124);
	assert_int_equal(pcmu[0x00], -32124);
}

/* Steps double from segment to segment; codes are symmetric about zero. */
static void
segments(void **state)
{
	const int16_t *pcma = rtp_g711_values("PCMA");
	const int16_t *pcmu = rtp_g711_values("PCMU");

	for (unsigned c = 0; c < 127; c++) {
		unsigned segment = c / 16;
		unsigned next = (c + 1) / 16;
		int a_step = 16 << (segment ? segment - 1 : 0);
		int a_next = 16 << (next ? next - 1 : 0);

		assert_int_equal(pcma[(c + 1) ^ 0xd5] - pcma[c ^ 0xd5],
				 (a_step + a_next) / 2);
		assert_int_equal(pcmu[0xff - (c + 1)] - pcmu[0xff - c],
				 (8 << segment) / 2 + (8 << next) / 2);
		assert_int_equal(pcma[c ^ 0x55], -pcma[c ^ 0xd5]);
		assert_int_equal(pcmu[0x7f - c], -pcmu[0xff - c]);
	}
}

static void
found_by_name(void **state)
{
	assert_ptr_equal(rtp_g711_values("pcma"), rtp_g711_values("PCMA"));
	assert_ptr_not_equal(rtp_g711_values("PcmU"), rtp_g711_values("PCMA"));
	assert_null(rtp_g711_values("PCM"));
	assert_null(rtp_g711_values(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(segments),
		cmocka_unit_test(found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
