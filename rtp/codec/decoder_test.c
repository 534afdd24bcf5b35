/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/decoder.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <spandsp.h>

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
		{ "G722", 16000, 9, 1, "" },
		{ "GSM", 8000, 3, 2, "" },
		{ "iLBC", 8000, 97, 1, "mode=20" },
		{ "G723", 8000, 4, 1, "" },
		{ "SILK", 16000, 97, 1, "" },
		{ "telephone-event", 8000, 101, 1, "" },
		{ "CN", 8000, 13, 1, "" },
		{ "red", 8000, 121, 1, "" },
		{ "G726-48", 8000, 97, 1, "" },
		{ "AMR", 16000, 97, 1, "" },
		{ "AMR", 8000, 97, 2, "" },
		{ "AMR", 8000, 97, 1, "octet-align=1;crc=1" },
		{ "AMR", 8000, 97, 1, "robust-sorting=1" },
		{ "AMR-WB", 16000, 97, 1, "interleaving=4" },
		{ "AMR-WB+", 72000, 97, 1, "" },
		{ "speex", 44100, 97, 1, "" },
		{ "opus", 16000, 97, 2, "" },
		{ "opus", 48000, 97, 3, "" },
		{ "L16", 4000, 97, 1, "" },
		{ "L16", 96000, 97, 1, "" },
		{ "L16", 8000, 97, 3, "" },
		{ "PCMA", 16000, 8, 1, "" },
		{ "PCMA", 8000, 8, 2, "" },
		{ "", 8000, 8, 1, "" },
	};
	static const struct rtp_format any_case[] = {
		{ "pcmu", 8000, 0, 1, "" },
		{ "g722", 8000, 0, 1, "" },
		{ "G721", 8000, 0, 1, "" },
		{ "aal2-g726-40", 8000, 0, 1, "" },
		{ "G729a", 8000, 0, 1, "annexb=no" },
		{ "amr-wb", 16000, 0, 1, "crc=0;robust-sorting=0" },
		{ "SPEEX", 32000, 0, 1, "" },
		{ "Opus", 48000, 0, 1, "" },
		{ "l16", 44100, 0, 2, "" },
	};
	struct rtp_decoder *decoder;

	for (size_t i = 0; i < sizeof(any_case) / sizeof(any_case[0]); i++) {
		assert_true(rtp_decoder_knows(&any_case[i]));
		assert_int_equal(rtp_decoder_open(&decoder, &any_case[i]), 0);
		rtp_decoder_close(&decoder);
	}
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_false(rtp_decoder_knows(&unknown[i]));
		assert_int_equal(rtp_decoder_open(&decoder, &unknown[i]),
				 -ENOTSUP);
	}
}

static double
mean_power(const int16_t *pcm, size_t n)
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
	before = mean_power(pcm, 800);
	rtp_decoder_conceal(decoder, pcm, 80, NULL, 0);
	assert_true(mean_power(pcm, 80) > before * 0.4);
	rtp_decoder_conceal(decoder, pcm, 720, NULL, 0);
	assert_true(mean_power(pcm + 480, 240) < before * 0.01);
	rtp_decoder_close(&decoder);
}

/* Not whole frames, or not of this format at all. */
static void
malformed(void **state)
{
	static const struct rtp_format gsm = { "GSM", 8000, 3, 1, "" };
	static const struct rtp_format g729 = { "G729", 8000, 18, 1, "" };
	struct rtp_decoder *decoder = open_decoder(&gsm);
	uint8_t payload[66] = { 0xd0, [33] = 0xd0 };
	int16_t pcm[320];

	for (size_t n = 1; n <= 66; n++)
		assert_int_equal(
		    rtp_decoder_decode(decoder, pcm, 320, payload, n),
		    n % 33 ? -EBADMSG : (int)n / 33 * 160);
	payload[33] = 0xc0;
	assert_int_equal(rtp_decoder_decode(decoder, pcm, 320, payload, 66),
			 -EBADMSG);
	rtp_decoder_close(&decoder);
	decoder = open_decoder(&g729);
	for (size_t n = 1; n <= 32; n++) {
		assert_int_equal(
		    rtp_decoder_decode(decoder, pcm, 320, payload, n),
		    n % 10 == 0   ? (int)n * 8
		    : n % 10 == 2 ? ((int)n / 10 + 1) * 80
				  : -EBADMSG);
		/* until the next frame of speech */
		assert_int_equal(rtp_decoder_pauses(decoder), n % 10 >= 2);
	}
	rtp_decoder_close(&decoder);
}

/* Samples of either channel by themselves, and both. */
static void
mixes(void **state)
{
	static const struct rtp_format stereo = { "L16", 48000, 97, 2, "" };
	static const uint8_t payload[] = { 0x7f, 0xff, 0x7f, 0xff, 0x80, 0x00,
					   0x80, 0x00, 0x01, 0x00, 0xff, 0xfe };
	struct rtp_decoder *decoder = open_decoder(&stereo);
	int16_t pcm[3];

	assert_int_equal(
	    rtp_decoder_decode(decoder, pcm, 3, payload, sizeof(payload)), 3);
	assert_int_equal(pcm[0], 32767);
	assert_int_equal(pcm[1], -32768);
	assert_int_equal(pcm[2], 127);
	assert_int_equal(rtp_decoder_decode(decoder, pcm, 3, payload, 6),
			 -EBADMSG);
	rtp_decoder_close(&decoder);
}

/* A low tone, twice as loud as there is room for. @return bytes */
static int
code_tone(const struct rtp_format *format, uint8_t *payload)
{
	static int16_t pcm[4000];
	g722_encode_state_t *g722;
	g726_state_t *g726;
	int n;

	for (int i = 0; i < 4000; i++) {
		double x = 65534 * sin(2 * M_PI * i / 100);

		pcm[i] = (int16_t)fmin(fmax(x, INT16_MIN), INT16_MAX);
	}
	if (strcmp(format->encoding, "G722") == 0) {
		g722 = g722_encode_init(NULL, 64000, 0);
		n = g722_encode(g722, payload, pcm, 4000);
		g722_encode_free(g722);
	} else {
		g726 = g726_init(NULL, 32000, G726_ENCODING_LINEAR,
				 G726_PACKING_RIGHT);
		n = g726_encode(g726, payload, pcm, 4000);
		g726_free(g726);
	}
	return n;
}

/* It is cut off: no sample comes out with the other sign. */
static void
too_loud(void **state)
{
	static const struct rtp_format formats[] = {
		{ "G726-32", 8000, 97, 1, "" },
		{ "G722", 8000, 9, 1, "" },
	};
	static int16_t pcm[4000];
	static uint8_t payload[4000];

	for (int i = 0; i < 2; i++) {
		struct rtp_decoder *decoder = open_decoder(&formats[i]);
		int n = code_tone(&formats[i], payload), most = 0;

		assert_int_equal(
		    rtp_decoder_decode(decoder, pcm, 4000, payload, (size_t)n),
		    4000);
		for (int k = 1; k < 4000; k++) {
			assert_true(abs(pcm[k] - pcm[k - 1]) < 40000);
			most = abs(pcm[k]) > most ? abs(pcm[k]) : most;
		}
		assert_true(most >= INT16_MAX);
		rtp_decoder_close(&decoder);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes), cmocka_unit_test(malformed),
		cmocka_unit_test(formats), cmocka_unit_test(conceals),
		cmocka_unit_test(mixes),   cmocka_unit_test(too_loud),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
