/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/rtp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

static int16_t
decode_one(const struct rtp_codec *codec, unsigned code)
{
	uint8_t byte = (uint8_t)code;
	int16_t pcm;

	assert_int_equal(codec->decode(&pcm, 1, &byte, 1), 1);
	return pcm;
}

/* Decision values of G.711 tables 1a and 2a, scaled by 8 and 4. */
static void
known_values(void **state)
{
	const struct rtp_codec *pcma = rtp_codec_find("PCMA");
	const struct rtp_codec *pcmu = rtp_codec_find("PCMU");

	assert_int_equal(decode_one(pcma, 0xd5), 8);
	assert_int_equal(decode_one(pcma, 0x55), -8);
	assert_int_equal(decode_one(pcma, 0xc5), 264);
	assert_int_equal(decode_one(pcma, 0xaa), 32256);
	assert_int_equal(decode_one(pcma, 0x2a), -32256);
	assert_int_equal(decode_one(pcmu, 0xff), 0);
	assert_int_equal(decode_one(pcmu, 0x7f), 0);
	assert_int_equal(decode_one(pcmu, 0xfe), 8);
	assert_int_equal(decode_one(pcmu, 0xef), 132);
	assert_int_equal(decode_one(pcmu, 0x80), 32124);
	assert_int_equal(decode_one(pcmu, 0x00), -32124);
}

/* Steps double from segment to segment; codes are symmetric about zero. */
static void
segments(void **state)
{
	const struct rtp_codec *pcma = rtp_codec_find("PCMA");
	const struct rtp_codec *pcmu = rtp_codec_find("PCMU");

	for (unsigned c = 0; c < 127; c++) {
		unsigned segment = c / 16;
		unsigned next = (c + 1) / 16;
		int a_step = 16 << (segment ? segment - 1 : 0);
		int a_next = 16 << (next ? next - 1 : 0);

		assert_int_equal(decode_one(pcma, (c + 1) ^ 0xd5) -
				     decode_one(pcma, c ^ 0xd5),
				 (a_step + a_next) / 2);
		assert_int_equal(decode_one(pcmu, 0xff - (c + 1)) -
				     decode_one(pcmu, 0xff - c),
				 (8 << segment) / 2 + (8 << next) / 2);
		assert_int_equal(decode_one(pcma, c ^ 0x55),
				 -decode_one(pcma, c ^ 0xd5));
		assert_int_equal(decode_one(pcmu, 0x7f - c),
				 -decode_one(pcmu, 0xff - c));
	}
}

static void
lengths(void **state)
{
	static const uint8_t payload[4] = { 0xd5, 0x55, 0xaa, 0x2a };
	const struct rtp_codec *pcma = rtp_codec_find("PCMA");
	uint8_t *copy = testing_copy(payload, 4);
	int16_t pcm[4];

	assert_int_equal(pcma->decode(pcm, 4, copy, 4), 4);
	assert_int_equal(pcm[3], -32256);
	assert_int_equal(pcma->decode(pcm, 3, copy, 4), -ENOSPC);
	assert_int_equal(pcma->decode(pcm, 0, copy, 0), 0);
	free(copy);
}

static void
found_by_name(void **state)
{
	assert_string_equal(rtp_codec_find("pcma")->encoding, "PCMA");
	assert_int_equal(rtp_codec_find("PCMU")->clock_hz, 8000);
	assert_int_equal(rtp_codec_find("PcmU")->sample_hz, 8000);
	assert_null(rtp_codec_find("PCM"));
	assert_null(rtp_codec_find("G729"));
	assert_null(rtp_codec_find(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(segments),
		cmocka_unit_test(lengths),
		cmocka_unit_test(found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
