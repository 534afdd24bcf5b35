/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Telephones that mix up the two packings of G.726 are heard all the same at 24
 * and 40 kbit/s, where it can be told; and nobody else is heard otherwise.
 */
#include "rtp/decoder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <spandsp.h>

#include "cmd/testing/testing.h"

#define FRAME   160
#define PACKETS 150

static int16_t said[PACKETS][FRAME], heard[2][PACKETS][FRAME];

/* Hiss, a voice of a sort, silence, and the voice again, so loud. */
static void
speak(double loud)
{
	uint32_t seed = 1;

	for (int p = 0; p < PACKETS; p++) {
		for (int i = 0; i < FRAME; i++) {
			double t = (p * FRAME + i) / 8000.0, x = 0;

			for (int k = 1; k < 15; k++)
				x += sin(2 * M_PI * k * 130 * t) / k;
			x *= 1.1 + sin(2 * M_PI * 3 * t);
			seed = seed * 1664525 + 1013904223;
			if (p < 20)
				x = (seed >> 16) % 100 / 5000.0;
			if (p >= 70 && p < 90)
				x = 0;
			said[p][i] = (int16_t)lrint(loud * x);
		}
	}
}

/* Send in one packing, decode by the name of one. */
static void
send(int kbit, int packing, const char *name, int16_t pcm[PACKETS][FRAME])
{
	g726_state_t *encoder =
	    g726_init(NULL, kbit * 1000, G726_ENCODING_LINEAR, packing);
	struct rtp_format format = { .clock_hz = 8000, .channels = 1 };
	struct rtp_decoder *decoder;

	snprintf(format.encoding, sizeof(format.encoding), "%s-%d", name, kbit);
	assert_int_equal(rtp_decoder_open(&decoder, &format), 0);
	for (int p = 0; p < PACKETS; p++) {
		uint8_t bytes[FRAME], *copy;
		int n = g726_encode(encoder, bytes, said[p], FRAME);

		copy = testing_copy(bytes, (size_t)n);
		assert_int_equal(
		    rtp_decoder_decode(decoder, pcm[p], FRAME, copy, (size_t)n),
		    FRAME);
		free(copy);
	}
	rtp_decoder_close(&decoder);
	g726_free(encoder);
}

static double
snr_db(const int16_t pcm[PACKETS][FRAME])
{
	double signal = 1, noise = 1;

	for (int p = 0; p < PACKETS; p++) {
		for (int i = 0; i < FRAME; i++) {
			double off = pcm[p][i] - said[p][i];

			signal += (double)said[p][i] * said[p][i];
			noise += off * off;
		}
	}
	return 10 * log10(signal / noise);
}

static void
either_packing(void **state)
{
	static const int rates[] = { 24, 40 };
	static const int packings[] = { G726_PACKING_RIGHT, G726_PACKING_LEFT };

	for (double loud = 100; loud < 10000; loud *= 4) {
		speak(loud);
		for (int k = 0; k < 4; k++) {
			int packing = packings[k / 2], kbit = rates[k % 2];

			send(kbit, packing, "G726", heard[0]);
			send(kbit, packing, "AAL2-G726", heard[1]);
			assert_memory_equal(heard[0], heard[1],
					    sizeof(heard[0]));
			assert_true(snr_db(heard[0]) > 15);
		}
	}
}

/* At 16 and 32 the name is believed. */
static void
by_name(void **state)
{
	double right_db;

	speak(3000);
	for (int kbit = 16; kbit <= 32; kbit += 16) {
		send(kbit, G726_PACKING_RIGHT, "G726", heard[0]);
		right_db = snr_db(heard[0]);
		send(kbit, G726_PACKING_LEFT, "AAL2-G726", heard[1]);
		assert_memory_equal(heard[0], heard[1], sizeof(heard[0]));
		send(kbit, G726_PACKING_LEFT, "G726", heard[1]);
		assert_true(snr_db(heard[1]) < right_db - 3);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(either_packing),
		cmocka_unit_test(by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
