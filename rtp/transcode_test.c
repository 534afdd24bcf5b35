/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/transcode.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <opus/opus.h>

#include "cmd/testing/testing.h"
#include "rtp/g711.h"

#define HZ 8000

static const struct rtp_transcode_config config = { .bit_rate = 24000,
						    .complexity = 5 };
static const struct rtp_format pcma = { "PCMA", 8000, 8, 1, "" };
static const struct rtp_format noise = { "CN", 8000, 13, 1, "" };

static struct rtp_transcoder *
make(void)
{
	struct rtp_transcoder *transcoder;

	assert_int_equal(rtp_transcoder_new(&transcoder, &config), 0);
	return transcoder;
}

/* A-law of a tone, from a sample on. */
static void
tone(uint8_t *codes, uint32_t from, uint32_t n, double hz)
{
	const int16_t *values = rtp_g711_values("PCMA");
	static uint8_t nearest[HZ];
	static double made;

	for (uint32_t i = 0; made != hz && i < HZ; i++) {
		double wanted = 8000 * sin(2 * M_PI * hz * i / HZ);
		unsigned best = 0;

		for (unsigned c = 1; c < 256; c++)
			if (fabs(values[c] - wanted) <
			    fabs(values[best] - wanted))
				best = c;
		nearest[i] = (uint8_t)best;
	}
	made = hz;
	for (uint32_t i = 0; i < n; i++)
		codes[i] = nearest[(from + i) % HZ];
}

/* How much of the sound is that tone, from 0 to 1. */
static double
purity(const int16_t *pcm, uint32_t n, double hz)
{
	double re = 0, im = 0, sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		re += pcm[i] * cos(2 * M_PI * hz * i / HZ);
		im += pcm[i] * sin(2 * M_PI * hz * i / HZ);
		sum += (double)pcm[i] * pcm[i];
	}
	return 2 * (re * re + im * im) / n / sum;
}

/* A second of a tone in packets of so many samples. */
static void
second_of(uint32_t samples)
{
	struct rtp_transcoder *transcoder = make();
	OpusDecoder *decoder = opus_decoder_create(HZ, 1, NULL);
	uint8_t codes[960];
	int16_t pcm[HZ + 960];
	uint32_t heard = 0, bytes = 0;

	for (uint32_t i = 0; (i + 1) * samples <= HZ; i++) {
		const struct rtp_transcoded packet = {
			.format = pcma,
			.timestamp = 0xfffffff0u + i * samples,
			.payload = codes,
			.bytes = samples,
		};
		struct rtp_transcoded opus;
		int n;

		tone(codes, i * samples, samples, 400);
		assert_int_equal(rtp_transcode(transcoder, i, &packet, &opus),
				 0);
		assert_string_equal(opus.format.encoding, "opus");
		assert_int_equal(opus.format.clock_hz, 48000);
		assert_string_equal(opus.format.parameters, "stored-rate=8000");
		assert_int_equal(opus.format.payload_type, 8);
		assert_int_equal(opus.timestamp, 0xfffffff0u + i * samples * 6);
		n = opus_decode(decoder, opus.payload, (int)opus.bytes,
				pcm + heard, (int)samples, 0);
		assert_int_equal(n, samples);
		heard += samples;
		bytes += opus.bytes;
	}
	assert_true(purity(pcm + HZ / 2, HZ / 4, 400) > 0.95);
	assert_true(bytes < 24000 / 8 * 3 / 2);
	opus_decoder_destroy(decoder);
	rtp_transcoder_free(&transcoder);
	assert_null(transcoder);
}

static void
packet_times(void **state)
{
	static const uint32_t ms[] = { 5, 10, 20, 30, 40, 60, 70, 100, 120 };

	for (size_t i = 0; i < sizeof(ms) / sizeof(ms[0]); i++)
		second_of(ms[i] * HZ / 1000);
}

/* The same packet again, as where there was no room: nothing is encoded twice.
 */
static void
again(void **state)
{
	struct rtp_transcoder *transcoder = make();
	uint8_t codes[160];
	struct rtp_transcoded packet = { .format = pcma,
					 .timestamp = 1000,
					 .payload = codes,
					 .bytes = sizeof(codes) };
	struct rtp_transcoded first, second;
	uint8_t kept[1400];

	tone(codes, 0, 160, 400);
	for (uint32_t i = 0; i < 20; i++) {
		packet.timestamp += 160;
		assert_int_equal(rtp_transcode(transcoder, i, &packet, &first),
				 0);
		memcpy(kept, first.payload, first.bytes);
		assert_int_equal(rtp_transcode(transcoder, i, &packet, &second),
				 0);
		assert_int_equal(second.bytes, first.bytes);
		assert_int_equal(second.timestamp, first.timestamp);
		assert_memory_equal(second.payload, kept, first.bytes);
	}
	rtp_transcoder_free(&transcoder);
}

/* What cannot be Opus is refused, and what follows keeps its place. */
static void
refused(void **state)
{
	static const struct rtp_format others[] = {
		{ "telephone-event", 8000, 101, 1, "" },
		{ "GSM", 8000, 3, 1, "" },
		{ "opus", 48000, 111, 2, "" },
		{ "G723", 8000, 4, 1, "" },
	};
	struct rtp_transcoder *transcoder = make();
	uint8_t codes[1600];
	struct rtp_transcoded packet = {
		.format = pcma, .timestamp = 160, .payload = codes, .bytes = 160
	};
	struct rtp_transcoded opus;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(rtp_transcode_takes(&others[i]));
	assert_true(rtp_transcode_takes(&pcma));
	assert_true(rtp_transcode_takes(&noise));
	tone(codes, 0, sizeof(codes), 400);
	assert_int_equal(rtp_transcode(transcoder, 1, &packet, &opus), 0);
	packet.timestamp = 320;
	packet.bytes = 161;
	assert_int_equal(rtp_transcode(transcoder, 2, &packet, &opus),
			 -EBADMSG);
	packet.timestamp = 481;
	packet.bytes = 1600; /* 200 ms */
	assert_int_equal(rtp_transcode(transcoder, 3, &packet, &opus),
			 -EBADMSG);
	packet.bytes = 0;
	assert_int_equal(rtp_transcode(transcoder, 4, &packet, &opus),
			 -EBADMSG);
	packet.bytes = 160;
	packet.timestamp = 640;
	assert_int_equal(rtp_transcode(transcoder, 5, &packet, &opus), 0);
	assert_int_equal(opus.timestamp, 160 + (640 - 160) * 6);
	rtp_transcoder_free(&transcoder);
}

/* Sound at a rate that Opus has not, and what nobody gave a clock: each time.
 */
static void
no_such_rate(void **state)
{
	static const struct rtp_format others[] = {
		{ "L16", 44100, 11, 1, "" }, { "L16", 44100, 10, 2, "" },
		{ "L16", 11025, 97, 1, "" }, { "", 0, 96, 1, "" },
		{ "PCMA", 0, 8, 1, "" },
	};
	uint8_t codes[160];
	struct rtp_transcoded opus, packet = { .format = pcma,
					       .payload = codes,
					       .bytes = sizeof(codes) };

	tone(codes, 0, 160, 400);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct rtp_transcoder *transcoder = make();

		for (uint32_t n = 0; n < 8; n++) {
			bool known = n == 3 || n == 7;

			packet.format = known ? pcma : others[i];
			packet.timestamp = n * 160;
			assert_int_equal(
			    rtp_transcode(transcoder, n, &packet, &opus),
			    known ? 0 : -EBADMSG);
		}
		rtp_transcoder_free(&transcoder);
	}
}

static void
comfort_noise(void **state)
{
	static const uint8_t level[1] = { 60 };
	struct rtp_transcoder *transcoder = make();
	uint8_t codes[160];
	struct rtp_transcoded packet = { .format = pcma,
					 .timestamp = 160,
					 .payload = codes,
					 .bytes = sizeof(codes) };
	struct rtp_transcoded opus;

	tone(codes, 0, 160, 400);
	assert_int_equal(rtp_transcode(transcoder, 1, &packet, &opus), 0);
	packet = (struct rtp_transcoded){
		.format = noise, .timestamp = 320, .payload = level, .bytes = 1
	};
	assert_int_equal(rtp_transcode(transcoder, 2, &packet, &opus), 0);
	assert_string_equal(opus.format.encoding, "CN");
	assert_int_equal(opus.format.clock_hz, 48000);
	assert_int_equal(opus.timestamp, 160 + 160 * 6);
	assert_int_equal(opus.bytes, 1);
	assert_int_equal(opus.payload[0], 60);
	rtp_transcoder_free(&transcoder);
}

static void
allocation_fails(void **state)
{
	struct rtp_transcoder *transcoder;

	testing_fail_allocation(1);
	assert_int_equal(rtp_transcoder_new(&transcoder, &config), -ENOMEM);
	testing_fail_allocation(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packet_times),
		cmocka_unit_test(again),
		cmocka_unit_test(refused),
		cmocka_unit_test(no_such_rate),
		cmocka_unit_test(comfort_noise),
		cmocka_unit_test(allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
