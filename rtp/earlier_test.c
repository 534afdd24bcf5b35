/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a packet brings along, by what Opus's own decoder makes of it. */
#include "rtp/earlier.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <opus/opus.h>

#include "cmd/testing/testing.h"

enum { HZ = 48000, PACKETS = 60, FRAME_MAX = HZ * 6 / 100 };

static const struct rtp_format opus = { "opus", HZ, 111, 2, "" };
static const struct rtp_format red = { "red", HZ, 63, 2, "" };
static const struct rtp_format red_8k = { "RED", 8000, 63, 1, "" };
static const struct rtp_format pcma = { "PCMA", 8000, 8, 1, "" };

struct coded {
	uint8_t bytes[1500];
	uint32_t n;
};

struct coder {
	int bit_rate;
	int ms;
	int channels;
	bool fec;
	bool dtx;
};

static uint32_t
earlier(const struct rtp_format *format, const uint8_t *bytes, size_t n)
{
	uint8_t *copy = testing_copy(bytes, n);
	uint32_t units = rtp_earlier(format, copy, (uint32_t)n);

	free(copy);
	return units;
}

/* A voice of a sort, and in the middle nobody speaks. */
static void
encode(const struct coder *coder, struct coded coded[PACKETS])
{
	int16_t pcm[2 * FRAME_MAX];
	const int frame = HZ / 1000 * coder->ms;
	OpusEncoder *encoder = opus_encoder_create(HZ, coder->channels,
						   OPUS_APPLICATION_VOIP, NULL);
	double phase = 0;

	opus_encoder_ctl(encoder, OPUS_SET_BITRATE(coder->bit_rate));
	opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(coder->fec));
	opus_encoder_ctl(encoder, OPUS_SET_DTX(coder->dtx));
	opus_encoder_ctl(encoder, OPUS_SET_PACKET_LOSS_PERC(30));
	opus_encoder_ctl(encoder, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
	for (int p = 0; p < PACKETS; p++) {
		for (int i = 0; i < frame; i++) {
			double t = (double)(p * frame + i) / HZ, x = 0;

			phase += (150 + 50 * sin(2 * M_PI * 3 * t)) / HZ;
			for (int k = 1; k < 15; k++)
				x += sin(2 * M_PI * k * phase) / k;
			if (p >= PACKETS / 3 && p < PACKETS * 2 / 3)
				x = 0;
			for (int c = 0; c < coder->channels; c++)
				pcm[i * coder->channels + c] =
				    (int16_t)lrint(x * (c ? 2000 : 5000));
		}
		coded[p].n =
		    (uint32_t)opus_encode(encoder, pcm, frame, coded[p].bytes,
					  sizeof(coded[p].bytes));
	}
	opus_encoder_destroy(encoder);
}

static void
decode(OpusDecoder *decoder, const struct coded *coded, int16_t *pcm, int frame,
       bool of_before)
{
	assert_int_equal(opus_decode(decoder, coded ? coded->bytes : NULL,
				     coded ? (opus_int32)coded->n : 0, pcm,
				     frame, of_before),
			 frame);
}

/*
 * A packet has a copy of the one before if the decoder makes something else of
 * it in place of that one than it makes of nothing.
 *
 * @return how many have
 */
static uint32_t
with_copies(const struct coder *coder)
{
	static struct coded coded[PACKETS];
	static int16_t copy[2 * FRAME_MAX], none[2 * FRAME_MAX];
	const int frame = HZ / 1000 * coder->ms;
	const int size = opus_decoder_get_size(coder->channels);
	OpusDecoder *decoder = opus_decoder_create(HZ, coder->channels, NULL);
	OpusDecoder *other = malloc((size_t)size);
	uint32_t count = 0;

	encode(coder, coded);
	for (int p = 0; p < PACKETS; p++) {
		const struct coded *c = &coded[p];
		uint32_t units = earlier(&opus, c->bytes, c->n);
		bool differs;

		memcpy(other, decoder, (size_t)size);
		decode(other, c, copy, frame, true);
		memcpy(other, decoder, (size_t)size);
		decode(other, NULL, none, frame, false);
		differs = memcmp(copy, none,
				 (size_t)(frame * coder->channels) * 2) != 0;
		/* Where the mode changes, what is made of nothing does too. */
		if (p > 0 && c->bytes[0] == coded[p - 1].bytes[0])
			assert_int_equal(units > 0, differs);
		if (units > 0)
			assert_in_range(units, HZ / 100, frame);
		count += units > 0;
		decode(decoder, c, copy, frame, false);
	}
	free(other);
	opus_decoder_destroy(decoder);
	return count;
}

static void
copies_in_opus(void **state)
{
	static const int lengths[] = { 10, 20, 40, 60 };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (int channels = 1; channels <= 2; channels++) {
			struct coder coder = { .bit_rate = 24000 * channels,
					       .ms = lengths[i],
					       .channels = channels,
					       .fec = true };

			assert_true(with_copies(&coder) > PACKETS / 3);
			coder.dtx = true;
			assert_true(with_copies(&coder) > PACKETS / 6);
			coder.fec = false;
			assert_int_equal(with_copies(&coder), 0);
			/* both layers, then CELT alone */
			coder = (struct coder){ .bit_rate = 40000 * channels,
						.ms = lengths[i],
						.channels = channels,
						.fec = true };
			(void)with_copies(&coder);
			coder.bit_rate = 128000 * channels;
			(void)with_copies(&coder);
		}
}

static void
blocks_of_red(void **state)
{
	/* 320 and 160 units earlier, 2 bytes each, and its own */
	static const uint8_t three[] = { 0x88,
					 320 >> 6,
					 (320 & 63) << 2,
					 2,
					 0x88,
					 160 >> 6,
					 (160 & 63) << 2,
					 2,
					 8,
					 'a',
					 'a',
					 'b',
					 'b',
					 'c',
					 'c' };

	(void)state;
	assert_int_equal(earlier(&red_8k, three, sizeof(three)), 320);
	assert_int_equal(earlier(&red_8k, three + 8, sizeof(three) - 12), 0);
	for (size_t n = 0; n < 13; n++)
		assert_int_equal(earlier(&red_8k, three, n),
				 RTP_EARLIER_UNKNOWN);
	assert_int_equal(earlier(&pcma, three, sizeof(three)), 0);
}

static void
opus_in_red(void **state)
{
	static struct coded coded[PACKETS];
	const struct coder coder = {
		.bit_rate = 24000, .ms = 20, .channels = 1, .fec = true
	};
	uint8_t bytes[3100];

	(void)state;
	encode(&coder, coded);
	for (int p = 1; p < PACKETS; p++) {
		const struct coded *before = &coded[p - 1], *own = &coded[p];
		uint32_t inside = earlier(&opus, before->bytes, before->n);

		bytes[0] = 0x80 | 111;
		bytes[1] = 960 >> 6;
		bytes[2] = (uint8_t)((960 & 63) << 2 | before->n >> 8);
		bytes[3] = (uint8_t)before->n;
		bytes[4] = 111;
		memcpy(bytes + 5, before->bytes, before->n);
		memcpy(bytes + 5 + before->n, own->bytes, own->n);
		assert_int_equal(earlier(&red, bytes, 5 + before->n + own->n),
				 960 + inside);
	}
}

static void
frames_of_amr(void **state)
{
	static const struct rtp_format aligned = { "AMR", 8000, 97, 1,
						   "octet-align=1" };
	static const struct rtp_format efficient = { "amr-wb", 16000, 97, 1,
						     "" };
	/* three entries, each of six bits behind four: 1 1001 1 twice, 0 1001 1
	 */
	static const uint8_t three[] = { 0xf0, 0xbc, 0xbc, 0x3c, 1, 2, 3 };
	static const uint8_t efficient_three[] = { 0xfc, 0xf3, 0x4c, 0 };

	(void)state;
	assert_int_equal(rtp_earlier_length(&aligned, three, 7), 480);
	for (uint32_t n = 0; n < 4; n++)
		assert_int_equal(rtp_earlier_length(&aligned, three, n), 0);
	assert_int_equal(rtp_earlier_length(&efficient, efficient_three, 4),
			 3 * 320);
	assert_int_equal(rtp_earlier_length(&pcma, three, 7), 0);
}

static void
any_bytes(void **state)
{
	uint8_t bytes[12] = { 0 };
	uint32_t x = 1;

	(void)state;
	assert_int_equal(earlier(&opus, bytes, 0), 0);
	for (int i = 0; i < 200000; i++) {
		for (size_t k = 0; k < sizeof(bytes); k++) {
			x = x * 1664525 + 1013904223;
			bytes[k] = (uint8_t)(x >> 24);
		}
		uint32_t units = earlier(&opus, bytes, 1 + x % sizeof(bytes));

		assert_true(units <= FRAME_MAX || units == RTP_EARLIER_UNKNOWN);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_in_opus),
		cmocka_unit_test(blocks_of_red),
		cmocka_unit_test(opus_in_red),
		cmocka_unit_test(frames_of_amr),
		cmocka_unit_test(any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
