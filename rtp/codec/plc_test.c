/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A tone goes on, at any rate, without a click, and fades. */
#include "rtp/codec/codec_priv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const uint32_t rates[] = { 8000, 11025, 16000, 32000, 44100, 48000 };
#define RATES (sizeof(rates) / sizeof(rates[0]))

static struct rtp__plc plc;
static int16_t pcm[48000];

static int16_t
tone(size_t i, uint32_t hz, double frequency)
{
	return (int16_t)lrint(10000 *
			      sin(2 * M_PI * frequency * (double)i / hz));
}

static size_t
hear(uint32_t hz, double frequency, size_t from, size_t n)
{
	for (size_t i = from; i < from + n; i++)
		pcm[i] = tone(i, hz, frequency);
	rtp__plc_heard(&plc, pcm + from, n);
	return from + n;
}

static double
snr_db(uint32_t hz, double frequency, size_t from, size_t n, double gain)
{
	double signal = 1, noise = 1;

	for (size_t i = from; i < from + n; i++) {
		double wanted = gain * tone(i, hz, frequency);

		signal += wanted * wanted;
		noise += (wanted - pcm[i]) * (wanted - pcm[i]);
	}
	return 10 * log10(signal / noise);
}

/* Pitches of voices, 70 to 200 Hz, and tones that are several of them. The
 * start is the sound mirrored, and is left out. */
static void
goes_on(void **state)
{
	static const double frequencies[] = { 70, 100, 143, 200, 440, 1000 };

	for (size_t r = 0; r < RATES; r++) {
		uint32_t hz = rates[r];
		size_t ms = hz / 1000;

		for (size_t f = 0; f < 6; f++) {
			double frequency = frequencies[f];
			size_t end;

			rtp__plc_init(&plc, hz);
			end = hear(hz, frequency, 0, 100 * ms + 7);
			rtp__plc_conceal(&plc, pcm + end, 20 * ms);
			assert_true(snr_db(hz, frequency, end + 4 * ms, 6 * ms,
					   1) > 12);
			/* Louder or softer, never more than before. */
			for (size_t i = end; i < end + 20 * ms; i++)
				assert_true(abs(pcm[i]) <= 10100);
			end = hear(hz, frequency, end + 20 * ms, 50 * ms);
			assert_true(snr_db(hz, frequency, end - 39 * ms,
					   39 * ms, 1) > 60);
		}
	}
}

/* No step is larger than the tone has itself, but where it is mirrored. */
static void
no_click(void **state)
{
	for (size_t r = 0; r < RATES; r++) {
		uint32_t hz = rates[r];
		size_t ms = hz / 1000, end, gap = 7 * ms + 3;
		double step = 10000 * 2 * M_PI * 150 / hz;

		rtp__plc_init(&plc, hz);
		end = hear(hz, 150, 0, 60 * ms);
		for (int k = 0; k < 6; k++) {
			rtp__plc_conceal(&plc, pcm + end, gap / 2);
			rtp__plc_conceal(&plc, pcm + end + gap / 2,
					 gap - gap / 2);
			end = hear(hz, 150, end + gap, 40 * ms);
			gap += 9 * ms;
		}
		for (size_t i = 1; i < end; i++)
			assert_true(abs(pcm[i] - pcm[i - 1]) < 3 * step + 50);
	}
}

static void
fades(void **state)
{
	for (size_t r = 0; r < RATES; r++) {
		uint32_t hz = rates[r];
		size_t ms = hz / 1000, end;
		int most[8] = { 0 };

		rtp__plc_init(&plc, hz);
		end = hear(hz, 200, 0, 60 * ms);
		rtp__plc_conceal(&plc, pcm + end, 80 * ms);
		for (size_t i = 0; i < 80 * ms; i++)
			if (abs(pcm[end + i]) > most[i / (10 * ms)])
				most[i / (10 * ms)] = abs(pcm[end + i]);
		/* A fifth less in each 10 ms, from 10 ms on. */
		for (int k = 0; k < 6; k++)
			assert_true(most[k] <= 10050 - 2000 * (k - 1) &&
				    most[k] >= 9300 - 2000 * (k > 0 ? k : 0));
		for (size_t i = end + 61 * ms; i < end + 80 * ms; i++)
			assert_int_equal(pcm[i], 0);
		/* ... and what comes then comes softly. */
		hear(hz, 200, end + 80 * ms, 40 * ms);
		for (size_t i = 0; i < ms; i++)
			assert_true(abs(pcm[end + 80 * ms + i]) < 2000);
	}
}

/* In pieces of any length it is the same. */
static void
pieces(void **state)
{
	static int16_t whole[48000];
	size_t end, n;

	for (size_t piece = 1; piece < 900; piece = piece * 2 + 1) {
		rtp__plc_init(&plc, 16000);
		for (size_t i = 0; i < 3200; i++)
			pcm[i] = tone(i, 16000, 170);
		for (end = 0; end < 3200; end += n) {
			n = piece < 3200 - end ? piece : 3200 - end;
			rtp__plc_heard(&plc, pcm + end, n);
		}
		for (; end < 4800; end += n) {
			n = piece < 4800 - end ? piece : 4800 - end;
			rtp__plc_conceal(&plc, pcm + end, n);
		}
		if (piece > 1)
			assert_memory_equal(pcm, whole, 4800 * sizeof(*pcm));
		memcpy(whole, pcm, 4800 * sizeof(*pcm));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on),
		cmocka_unit_test(no_click),
		cmocka_unit_test(fades),
		cmocka_unit_test(pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
