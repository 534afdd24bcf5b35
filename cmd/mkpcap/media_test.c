/* SPDX-License-Identifier: GPL-3.0-or-later */
/* G.711 against a decoder written from the tables of the recommendation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/mkpcap/mkpcap_priv.h"

/* ITU-T G.711 table 1a: the value in the middle of the interval. */
static int
alaw_value(uint8_t code)
{
	int exponent = (code ^ 0x55) >> 4 & 7;
	int mantissa = (code ^ 0x55) & 15;
	int value =
	    exponent ? (2 * mantissa + 33) << (exponent - 1) : 2 * mantissa + 1;

	return 8 * ((code & 0x80) ? value : -value);
}

/* Table 2a, in units of 4. */
static int
ulaw_value(uint8_t code)
{
	int exponent = ~code >> 4 & 7;
	int value = ((2 * (~code & 15) + 33) << exponent) - 33;

	return 4 * ((code & 0x80) ? value : -value);
}

static void
known_codes(void **state)
{
	assert_int_equal(mkpcap__alaw(0), 0xd5);
	assert_int_equal(mkpcap__alaw(-1), 0x55);
	assert_int_equal(mkpcap__alaw(INT16_MAX), 0xaa);
	assert_int_equal(mkpcap__alaw(INT16_MIN), 0x2a);
	assert_int_equal(mkpcap__ulaw(0), 0xff);
	assert_int_equal(mkpcap__ulaw(INT16_MAX), 0x80);
	assert_int_equal(mkpcap__ulaw(INT16_MIN), 0x00);
}

/* The code's value is at most half an interval away. */
static void
nearest_codes(void **state)
{
	for (int sample = INT16_MIN; sample <= INT16_MAX; sample++) {
		int a = abs(alaw_value(mkpcap__alaw((int16_t)sample)) - sample);
		int u = abs(ulaw_value(mkpcap__ulaw((int16_t)sample)) - sample);
		/* Half an interval, which doubles with the exponent. */
		int half = abs(sample) < 512 ? 8 : abs(sample) / 32;

		assert_in_range(a, 0, half);
		/* Above 32,635 mu-law has no code. */
		half = (abs(sample) + 132) / 32;
		if (abs(sample) <= 32635)
			assert_in_range(u, 0, half);
	}
}

static void
picks(void **state)
{
	struct mkpcap_pick pick = { .ranges_count = 2 };
	uint64_t random = 1;
	unsigned picked = 0;

	pick.ranges[0].first = pick.ranges[0].last = 3;
	pick.ranges[1].first = 7;
	pick.ranges[1].last = 9;
	for (uint32_t i = 1; i < 12; i++)
		assert_int_equal(mkpcap__picked(&pick, i, &random),
				 i == 3 || (i >= 7 && i <= 9));
	pick = (struct mkpcap_pick){ .per_million = 20000 };
	for (uint32_t i = 0; i < 100000; i++)
		picked += mkpcap__picked(&pick, i, &random);
	assert_in_range(picked, 1900, 2100);
	pick.per_million = 1000000;
	assert_true(mkpcap__picked(&pick, 1, &random));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_codes),
		cmocka_unit_test(nearest_codes),
		cmocka_unit_test(picks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
