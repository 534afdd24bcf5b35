/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/decoder.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"
#include "rtp/g711.h"

static const struct rtp_format pcma = { "PCMA", 8000, 8, 1, "" };

static struct rtp_decoder *
open_decoder(const struct rtp_format *format)
{
	struct rtp_decoder *decoder;

	assert_int_equal(rtp_decoder_open(&decoder, format), 0);
	return decoder;
}

static void
decodes(void **state)
{
	static const uint8_t payload[4] = { 0xd5, 0x55, 0xaa, 0x2a };
	struct rtp_decoder *decoder = open_decoder(&pcma);
	uint8_t *copy = testing_copy(payload, 4);
	int16_t pcm[4];

	assert_int_equal(rtp_decoder_sample_hz(decoder), 8000);
	assert_int_equal(rtp_decoder_decode(decoder, pcm, 4, copy, 4), 4);
	assert_int_equal(pcm[0], 8);
	assert_int_equal(pcm[3], -32256);
	assert_int_equal(rtp_decoder_decode(decoder, pcm, 3, copy, 4), -ENOSPC);
	assert_int_equal(rtp_decoder_decode(decoder, pcm, 0, copy, 0), 0);
	free(copy);
	rtp_decoder_close(&decoder);
	assert_null(decoder);
	rtp_decoder_close(&decoder);
}

static void
formats(void **state)
{
	static const struct rtp_format unknown[] = {
		{ "PCM", 8000, 8, 1, "" },
		{ "PCMA", 16000, 8, 1, "" },
		{ "PCMA", 8000, 8, 2, "" },
		{ "", 8000, 8, 1, "" },
	};
	static const struct rtp_format any_case = { "pcmu", 8000, 0, 1, "" };
	struct rtp_decoder *decoder;

	assert_true(rtp_decoder_knows(&any_case));
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_false(rtp_decoder_knows(&unknown[i]));
		assert_int_equal(rtp_decoder_open(&decoder, &unknown[i]),
				 -ENOTSUP);
	}
}

static double
power(const int16_t *pcm, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)pcm[i] * pcm[i];
	return sum / (double)n;
}

/* A tone goes on where a packet is missing, and fades within 50 ms. */
static void
conceals(void **state)
{
	const int16_t *values = rtp_g711_values("PCMA");
	struct rtp_decoder *decoder = open_decoder(&pcma);
	uint8_t payload[800];
	int16_t pcm[800];
	double before;

	for (size_t i = 0; i < 800; i++) {
		double wanted = 8000 * sin(2 * M_PI * 200 * (double)i / 8000);
		unsigned best = 0;

		for (unsigned c = 1; c < 256; c++)
			if (fabs(values[c] - wanted) <
			    fabs(values[best] - wanted))
				best = c;
		payload[i] = (uint8_t)best;
	}
	assert_int_equal(rtp_decoder_decode(decoder, pcm, 800, payload, 800),
			 800);
	before = power(pcm, 800);
	rtp_decoder_conceal(decoder, pcm, 80, NULL, 0);
	assert_true(power(pcm, 80) > before * 0.4);
	rtp_decoder_conceal(decoder, pcm, 720, NULL, 0);
	assert_true(power(pcm + 480, 240) < before * 0.01);
	rtp_decoder_close(&decoder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes),
		cmocka_unit_test(formats),
		cmocka_unit_test(conceals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
