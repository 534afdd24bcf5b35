/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is missing, with and without the copy in the packet behind it. */
#include "rtp/decoder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <opus/opus.h>

#include "cmd/testing/testing.h"

#define FRAME   960
#define PACKETS 50

static const struct rtp_format format = { "opus", 48000, 97, 2,
					  "useinbandfec=1" };

static uint8_t packet[PACKETS][1500];
static size_t bytes[PACKETS];
static int16_t sound[PACKETS][FRAME];

/* A voice of a sort: pulses whose pitch and strength go up and down. */
static void
encode(bool fec)
{
	OpusEncoder *opus =
	    opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP, NULL);
	int16_t pcm[FRAME];
	double phase = 0;

	opus_encoder_ctl(opus, OPUS_SET_BITRATE(24000));
	opus_encoder_ctl(opus, OPUS_SET_INBAND_FEC(fec));
	opus_encoder_ctl(opus, OPUS_SET_PACKET_LOSS_PERC(fec ? 30 : 0));
	for (int p = 0; p < PACKETS; p++) {
		for (int i = 0; i < FRAME; i++) {
			double t = (p * FRAME + i) / 48000.0;
			double x = 0;

			phase += (150 + 50 * sin(2 * M_PI * 3 * t)) / 48000;
			for (int k = 1; k < 15; k++)
				x += sin(2 * M_PI * k * phase) / k;
			pcm[i] = (int16_t)lrint(x * 4000 *
						(1.2 + sin(2 * M_PI * 7 * t)));
		}
		bytes[p] = (size_t)opus_encode(opus, pcm, FRAME, packet[p],
					       sizeof(packet[p]));
	}
	opus_encoder_destroy(opus);
}

static double
snr_db(const int16_t *wanted, const int16_t *got, size_t n)
{
	double signal = 1, noise = 1;

	for (size_t i = 0; i < n; i++) {
		double off = wanted[i] - got[i];

		signal += (double)wanted[i] * wanted[i];
		noise += off * off;
	}
	return 10 * log10(signal / noise);
}

static void
decode(struct rtp_decoder *decoder, int p, int16_t *pcm)
{
	uint8_t *copy = testing_copy(packet[p], bytes[p]);

	assert_int_equal(
	    rtp_decoder_decode(decoder, pcm, FRAME, copy, bytes[p]), FRAME);
	free(copy);
}

/*
 * Mean likeness to what was lost, where every fifth packet and `more` before it
 * are missing, of the last of them.
 */
static double
concealed_db(bool use_next, int more)
{
	static int16_t pcm[6 * FRAME];
	struct rtp_decoder *decoder;
	double sum = 0;
	int count = 0;

	assert_int_equal(rtp_decoder_open(&decoder, &format), 0);
	for (int p = 0; p < PACKETS; p++)
		decode(decoder, p, sound[p]);
	rtp_decoder_close(&decoder);
	assert_int_equal(rtp_decoder_open(&decoder, &format), 0);
	for (int p = 0; p < PACKETS - 1; p++) {
		size_t samples = (size_t)(more + 1) * FRAME;
		uint8_t *next = testing_copy(packet[p + 1], bytes[p + 1]);

		if (p % 5 == 4 && p > 10) {
			rtp_decoder_conceal(decoder, pcm, samples,
					    use_next ? next : NULL,
					    bytes[p + 1]);
			sum += snr_db(sound[p], pcm + samples - FRAME, FRAME);
			count++;
		} else if (p % 5 < 4 - more || p < 10) {
			decode(decoder, p, pcm);
		}
		free(next);
	}
	rtp_decoder_close(&decoder);
	return sum / count;
}

static void
copy_behind(void **state)
{
	encode(true);
	assert_true(concealed_db(true, 0) > concealed_db(false, 0) + 6);
	/* It is of the last one, however long the gap. */
	assert_true(concealed_db(true, 2) > concealed_db(false, 2) + 2);
	encode(false);
	assert_true(fabs(concealed_db(true, 0) - concealed_db(false, 0)) < 3);
}

/* Nothing of it depends on the next one being good. */
static void
any_next(void **state)
{
	static const uint8_t nonsense[3] = { 0xff, 0xff, 0xff };
	static int16_t pcm[100 * FRAME + 1], wanted[FRAME];
	struct rtp_decoder *decoder;

	encode(true);
	for (int k = 0; k < 3; k++) {
		assert_int_equal(rtp_decoder_open(&decoder, &format), 0);
		for (int p = 0; p < 20; p++)
			decode(decoder, p, pcm);
		rtp_decoder_conceal(decoder, pcm, FRAME,
				    k == 1   ? nonsense
				    : k == 2 ? packet[0]
					     : NULL,
				    k == 1 ? sizeof(nonsense) : 0);
		if (k)
			assert_memory_equal(pcm, wanted, sizeof(wanted));
		memcpy(wanted, pcm, sizeof(wanted));
		/* Longer than the library does at a time, and odd. */
		pcm[50001] = 12345;
		rtp_decoder_conceal(decoder, pcm, 50001, packet[21], bytes[21]);
		assert_int_equal(pcm[50001], 12345);
		rtp_decoder_close(&decoder);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copy_behind),
		cmocka_unit_test(any_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
