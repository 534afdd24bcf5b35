/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Payloads of RFC 4867 put together by hand, bit by bit. */
#include "rtp/decoder.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

#define FRAME    160
#define MODE_122 7
#define SID      8
#define LOST     14
#define NO_DATA  15

static const struct rtp_format efficient = { "AMR", 8000, 97, 1, "" };
static const struct rtp_format aligned = { "AMR", 8000, 97, 1,
					   "octet-align=1" };
static const struct rtp_format wide = { "AMR-WB", 16000, 97, 1, "" };

static int16_t pcm[RTP_DECODER_SAMPLES_MAX];

struct writer {
	uint8_t bytes[1024];
	size_t bits;
};

static void
put(struct writer *w, unsigned value, unsigned bits)
{
	while (bits--) {
		if (value >> bits & 1)
			w->bytes[w->bits / 8] |= (uint8_t)(0x80 >> w->bits % 8);
		w->bits++;
	}
}

static struct rtp_decoder *
open_decoder(const struct rtp_format *format)
{
	struct rtp_decoder *decoder;

	assert_int_equal(rtp_decoder_open(&decoder, format), 0);
	return decoder;
}

static int
decode(struct rtp_decoder *decoder, const struct writer *w)
{
	size_t n = (w->bits + 7) / 8;
	uint8_t *copy = testing_copy(w->bytes, n);
	int r =
	    rtp_decoder_decode(decoder, pcm, RTP_DECODER_SAMPLES_MAX, copy, n);

	free(copy);
	return r;
}

/* One frame of a type, bandwidth-efficient. */
static int
decode_one(struct rtp_decoder *decoder, unsigned type, unsigned good,
	   unsigned bits)
{
	struct writer w = { .bits = 0 };

	put(&w, 15, 4);
	put(&w, type << 1 | good, 6);
	for (unsigned i = 0; i < bits; i++)
		put(&w, i * i / 3 & 1, 1);
	return decode(decoder, &w);
}

/* Table 1a of TS 26.101, table 2 of TS 26.201: exactly so long, in octets. */
static void
lengths(void **state)
{
	static const int narrow_bits[16] = { 95,  103, 118, 134, 148, 159,
					     204, 244, 39,  -1,  -1,  -1,
					     -1,  -1,  -1,  0 };
	static const int wide_bits[16] = { 132, 177, 253, 285, 317, 365,
					   397, 461, 477, 40,  -1,  -1,
					   -1,  -1,  0,   0 };

	for (int k = 0; k < 2; k++) {
		const int *bits = k ? wide_bits : narrow_bits;
		struct rtp_decoder *decoder =
		    open_decoder(k ? &wide : &efficient);

		for (unsigned type = 0; type < 16; type++) {
			if (bits[type] < 0)
				assert_int_equal(
				    decode_one(decoder, type, 1, 30), -EBADMSG);
			for (unsigned n = 0; n < 500; n++) {
				bool fits = (10 + n + 7) / 8 ==
					    ((unsigned)bits[type] + 17) / 8;

				if (bits[type] >= 0 && fits)
					assert_int_equal(
					    decode_one(decoder, type, 1, n),
					    k ? 2 * FRAME : FRAME);
			}
		}
		rtp_decoder_close(&decoder);
	}
}

/* Each frame has an entry; the last one says that it is the last. */
static void
several(void **state)
{
	for (int align = 0; align < 2; align++) {
		struct rtp_decoder *decoder =
		    open_decoder(align ? &aligned : &efficient);

		for (unsigned frames = 1; frames < 20; frames++) {
			struct writer w = { .bits = 0 };

			put(&w, 15, align ? 8 : 4);
			for (unsigned i = 0; i < frames; i++) {
				put(&w, i < frames - 1, 1);
				put(&w, i % 2 ? NO_DATA : SID, 4);
				put(&w, 1, 1);
				put(&w, 0, align ? 2 : 0);
			}
			for (unsigned i = 0; i < frames; i += 2) {
				put(&w, 0x1234567, 30);
				put(&w, 0, align ? 10 : 9);
			}
			assert_int_equal(decode(decoder, &w), frames * FRAME);
			w.bits -= w.bits > 8 ? 8 : 0;
			assert_int_equal(decode(decoder, &w), -EBADMSG);
		}
		rtp_decoder_close(&decoder);
	}
}

/* What does not fit what the SDP said is what fits. */
static void
other_framing(void **state)
{
	struct writer w = { .bits = 0 };
	static int16_t before[FRAME];
	struct rtp_decoder *decoder;

	put(&w, 0xf0, 8);
	put(&w, MODE_122 << 3 | 1 << 2, 8);
	for (unsigned i = 0; i < 244; i++)
		put(&w, i * i / 3 & 1, 1);
	put(&w, 0, 4);
	for (int k = 0; k < 2; k++) {
		decoder = open_decoder(k ? &efficient : &aligned);
		assert_int_equal(decode(decoder, &w), FRAME);
		if (k)
			assert_memory_equal(before, pcm, sizeof(before));
		memcpy(before, pcm, sizeof(before));
		assert_int_equal(decode_one(decoder, MODE_122, 1, 244), FRAME);
		rtp_decoder_close(&decoder);
	}
}

/* A bad frame is as if it were missing, and so is one that was lost. */
static void
bad(void **state)
{
	static int16_t missing[2 * FRAME];

	for (int k = 0; k < 3; k++) {
		struct rtp_decoder *decoder = open_decoder(&wide);

		for (int i = 0; i < 5; i++)
			assert_int_equal(decode_one(decoder, 2, 1, 253),
					 2 * FRAME);
		if (k == 0)
			rtp_decoder_conceal(decoder, pcm, 2 * FRAME, NULL, 0);
		else if (k == 1)
			assert_int_equal(decode_one(decoder, 2, 0, 253),
					 2 * FRAME);
		else
			assert_int_equal(decode_one(decoder, LOST, 1, 0),
					 2 * FRAME);
		if (k)
			assert_memory_equal(pcm, missing, sizeof(missing));
		memcpy(missing, pcm, sizeof(missing));
		rtp_decoder_close(&decoder);
	}
}

/* Noise before the first speech is silence, as is what is missing there. */
static void
before_speech(void **state)
{
	struct rtp_decoder *decoder = open_decoder(&wide);

	for (int round = 0; round < 3; round++) {
		assert_int_equal(
		    decode_one(decoder, round ? 9 : NO_DATA, 1, round ? 40 : 0),
		    2 * FRAME);
		for (int i = 0; i < 2 * FRAME; i++)
			assert_int_equal(pcm[i], 0);
		rtp_decoder_conceal(decoder, pcm, 2 * FRAME, NULL, 0);
		for (int i = 0; i < 2 * FRAME; i++)
			assert_int_equal(pcm[i], 0);
	}
	rtp_decoder_close(&decoder);
}

/* Noise goes on behind a SID, and what was not sent then, until there is
 * speech. */
static void
noise_goes_on(void **state)
{
	for (int k = 0; k < 2; k++) {
		struct rtp_decoder *decoder =
		    open_decoder(k ? &wide : &efficient);
		const unsigned sid = k ? SID + 1 : SID;

		assert_false(rtp_decoder_noisy(decoder));
		decode_one(decoder, MODE_122, 1, k ? 461 : 244);
		assert_false(rtp_decoder_noisy(decoder));
		decode_one(decoder, sid, 1, k ? 40 : 39);
		assert_true(rtp_decoder_noisy(decoder));
		decode_one(decoder, NO_DATA, 1, 0);
		assert_true(rtp_decoder_noisy(decoder));
		decode_one(decoder, MODE_122, 1, k ? 461 : 244);
		assert_false(rtp_decoder_noisy(decoder));
		decode_one(decoder, NO_DATA, 1, 0);
		assert_false(rtp_decoder_noisy(decoder));
		rtp_decoder_close(&decoder);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths),
		cmocka_unit_test(several),
		cmocka_unit_test(other_framing),
		cmocka_unit_test(bad),
		cmocka_unit_test(noise_goes_on),
		cmocka_unit_test(before_speech),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
