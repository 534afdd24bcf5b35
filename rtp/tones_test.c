/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys are made as sines, coded, cut into packets and heard. What matters is
 * told by where the sines were: each key once, no frame with any of them left,
 * and nothing left out that is far from them.
 */
#include "rtp/tones.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <spandsp.h>

#include "cmd/testing/testing.h"

enum { MS = 8, SECONDS_MAX = 40, SAMPLES_MAX = SECONDS_MAX * 1000 * MS };
enum { FRAMES_MAX = SAMPLES_MAX / (10 * MS), KEYS_MAX = 128 };

/* More than this from a tone nothing is left out: the margin, the two blocks
 * that spandsp takes to see the end, and the rest of a packet of 60 ms. */
enum { FAR = (20 + 26 + 60) * MS };

static const char all_keys[] = "1234567890*#ABCD";
static const float rows[] = { 697, 770, 852, 941 };
static const float columns[] = { 1209, 1336, 1477, 1633 };

enum codec { PCMA, PCMU, G722, L16, CODECS };
static const struct rtp_format formats[CODECS] = {
	[PCMA] = { "PCMA", 8000, 8, 1, "" },
	[PCMU] = { "pcmu", 8000, 0, 1, "" },
	[G722] = { "G722", 8000, 9, 1, "" },
	[L16] = { "L16", 8000, 96, 1, "" },
};

struct sound {
	uint32_t samples;
	uint32_t keys_count; /* that were made */
	char key[KEYS_MAX];
	uint32_t from[KEYS_MAX], until[KEYS_MAX];
	float pcm[SAMPLES_MAX];
};

struct heard {
	uint32_t keys_count;
	char key[KEYS_MAX + 1];
	uint32_t timestamp[KEYS_MAX];
	uint32_t frames;
	bool marked[FRAMES_MAX];
	int16_t pcm[SAMPLES_MAX]; /* as it comes out of the decoder */
};

struct way {
	enum codec codec;
	uint32_t ptime_ms;
	uint32_t lost_from, lost_until; /* frames */
};

static struct sound sound;
static struct heard heard;

/* ---- making sound ---------------------------------------------------------
 */

static float
amplitude(float dbm0)
{
	return 32767 * powf(10, (dbm0 - 3.14F) / 20);
}

static void
begin(void)
{
	memset(&sound, 0, sizeof(sound));
}

static void
add_silence(uint32_t ms)
{
	sound.samples += ms * MS;
	assert_true(sound.samples <= SAMPLES_MAX);
}

static void
add_sine(float hz, float dbm0, uint32_t from, uint32_t until)
{
	for (uint32_t i = from; i < until; i++)
		sound.pcm[i] +=
		    amplitude(dbm0) * sinf(2 * (float)M_PI * hz *
					   (float)((i - from) % 8000) / 8000);
}

/* twist: by how much the low tone is stronger [dB] */
static void
add_key(char key, float dbm0, float twist, uint32_t ms)
{
	static const char grid[] = "123A456B789C*0#D";
	uint32_t at = (uint32_t)(strchr(grid, key) - grid);
	uint32_t from = sound.samples, until = from + ms * MS;

	assert_true(until <= SAMPLES_MAX && sound.keys_count < KEYS_MAX);
	add_sine(rows[at / 4], dbm0 - (twist < 0 ? -twist : 0), from, until);
	add_sine(columns[at % 4], dbm0 - (twist > 0 ? twist : 0), from, until);
	sound.key[sound.keys_count] = key;
	sound.from[sound.keys_count] = from;
	sound.until[sound.keys_count++] = until;
	sound.samples = until;
}

static uint32_t
random_next(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Power of its own at dbm0, about normal. */
static void
add_noise(float dbm0, uint32_t seed)
{
	float rms = amplitude(dbm0) / sqrtf(2);

	for (uint32_t i = 0; i < sound.samples; i++) {
		float x = 0;

		for (uint32_t k = 0; k < 12; k++)
			x += (float)random_next(&seed) / (1 << 24) - 0.5F;
		sound.pcm[i] += x * rms;
	}
}

/* ---- hearing it -----------------------------------------------------------
 */

static int16_t
sample(uint32_t i)
{
	float x = i < sound.samples ? sound.pcm[i] : 0;

	return (int16_t)(x > 32767 ? 32767 : x < -32767 ? -32767 : x);
}

static uint32_t
encode(enum codec codec, g722_encode_state_t *g722, uint32_t from, uint32_t n,
       uint8_t *payload)
{
	int16_t pcm[60 * MS];

	for (uint32_t i = 0; i < n; i++) {
		pcm[i] = sample(from + i);
		if (codec == PCMA)
			payload[i] = linear_to_alaw(pcm[i]);
		if (codec == PCMU)
			payload[i] = linear_to_ulaw(pcm[i]);
		if (codec == L16) {
			payload[2 * i] = (uint8_t)((uint16_t)pcm[i] >> 8);
			payload[2 * i + 1] = (uint8_t)pcm[i];
		}
	}
	if (codec == G722)
		return (uint32_t)g722_encode(g722, payload, pcm, (int)n);
	return codec == L16 ? 2 * n : n;
}

static void
decode(enum codec codec, g722_decode_state_t *g722, uint32_t from,
       const uint8_t *payload, uint32_t bytes)
{
	int16_t *pcm = heard.pcm + from;

	if (codec == G722)
		g722_decode(g722, pcm, payload, (int)bytes);
	for (uint32_t i = 0; codec == PCMA && i < bytes; i++)
		pcm[i] = alaw_to_linear(payload[i]);
	for (uint32_t i = 0; codec == PCMU && i < bytes; i++)
		pcm[i] = ulaw_to_linear(payload[i]);
	for (uint32_t i = 0; codec == L16 && i < bytes / 2; i++)
		pcm[i] = sample(from + i);
}

/* Numbers that wrap, on purpose. */
enum { FIRST_SEQUENCE = 65500, FIRST_TIMESTAMP = 0x7ffffff0 };

static void
note(const struct rtp_tones_told *told, uint32_t last)
{
	for (uint32_t i = 0; i < told->keys_count; i++) {
		assert_true(heard.keys_count < KEYS_MAX);
		heard.timestamp[heard.keys_count] =
		    told->keys[i].timestamp - FIRST_TIMESTAMP * 2U;
		heard.key[heard.keys_count++] = told->keys[i].key;
	}
	if (!told->marked)
		return;
	assert_true(told->first >= FIRST_SEQUENCE && told->first <= told->last);
	assert_true(told->last <= last);
	for (uint32_t i = told->first; i <= told->last; i++)
		heard.marked[i - FIRST_SEQUENCE] = true;
}

static void
hear(const struct way *way)
{
	uint32_t n = way->ptime_ms * MS, i;
	g722_encode_state_t *coder =
	    g722_encode_init(NULL, 64000, G722_SAMPLE_RATE_8000);
	g722_decode_state_t *decoder =
	    g722_decode_init(NULL, 64000, G722_SAMPLE_RATE_8000);
	struct rtp_tones_told told;
	struct rtp_tones *tones;
	uint8_t bytes[2 * 60 * MS];
	uint32_t last = FIRST_SEQUENCE;

	memset(&heard, 0, sizeof(heard));
	assert_int_equal(rtp_tones_new(&tones), 0);
	heard.frames = sound.samples / n;
	for (i = 0; i < heard.frames; i++) {
		uint32_t length = encode(way->codec, coder, i * n, n, bytes);
		uint8_t *copy = testing_copy(bytes, length);
		const struct rtp_tones_frame frame = {
			.sequence = FIRST_SEQUENCE + i,
			.timestamp = FIRST_TIMESTAMP * 2U + i * n,
			.format = &formats[way->codec],
			.payload = copy,
			.payload_bytes = length,
		};

		if (i < way->lost_from || i >= way->lost_until) {
			decode(way->codec, decoder, i * n, copy, length);
			rtp_tones_take(tones, &frame, &told);
			last = frame.sequence;
			note(&told, last);
		}
		free(copy);
	}
	rtp_tones_end(tones, &told);
	note(&told, last);
	rtp_tones_free(&tones);
	assert_null(tones);
	g722_encode_free(coder);
	g722_decode_free(decoder);
}

/* ---- judging --------------------------------------------------------------
 */

/* Delay of the coder and its decoder, in samples. */
static uint32_t
slack(const struct way *way)
{
	return way->codec == G722 ? 4 : 0;
}

static bool
has_tone(uint32_t from, uint32_t until, uint32_t around)
{
	for (uint32_t k = 0; k < sound.keys_count; k++)
		if (from < sound.until[k] + around &&
		    until + around > sound.from[k])
			return true;
	return false;
}

static bool
lost(const struct way *way, uint32_t frame)
{
	return frame >= way->lost_from && frame < way->lost_until;
}

static void
check_marks(const struct way *way)
{
	uint32_t n = way->ptime_ms * MS;

	for (uint32_t i = 0; i < heard.frames; i++) {
		if (lost(way, i))
			continue;
		if (has_tone(i * n, (i + 1) * n, slack(way)) &&
		    !heard.marked[i])
			fail_msg("codec %d, %u ms: frame %u of %u has a tone",
				 way->codec, way->ptime_ms, i, heard.frames);
		if (heard.marked[i] && !has_tone(i * n, (i + 1) * n, FAR))
			fail_msg("codec %d, %u ms: frame %u is far from any",
				 way->codec, way->ptime_ms, i);
	}
}

/* Level of a frequency in a block, as a sine's would be [dBm0]. */
static float
level(const int16_t *pcm, uint32_t n, float hz)
{
	float re = 0, im = 0;

	for (uint32_t i = 0; i < n; i++) {
		float angle = 2 * (float)M_PI * hz * (float)i / 8000;

		re += (float)pcm[i] * cosf(angle);
		im += (float)pcm[i] * sinf(angle);
	}
	return 20 * log10f(sqrtf(re * re + im * im) * 2 / (float)n / 32767 +
			   1e-9F) +
	       3.14F;
}

/* Of what remains no block has a row and a column stronger than that. */
static void
check_remains(const struct way *way, float dbm0)
{
	enum { N = 102 };
	uint32_t n = way->ptime_ms * MS, r, c;

	for (uint32_t i = 0; i < heard.frames; i++)
		if (heard.marked[i] || lost(way, i))
			memset(heard.pcm + i * n, 0, n * sizeof(int16_t));
	for (uint32_t i = 0; i + N <= heard.frames * n; i += N / 2) {
		float row = -99, column = -99;

		for (r = 0; r < 4; r++)
			row = fmaxf(row, level(heard.pcm + i, N, rows[r]));
		for (c = 0; c < 4; c++)
			column =
			    fmaxf(column, level(heard.pcm + i, N, columns[c]));
		if (row > dbm0 && column > dbm0)
			fail_msg("at %u ms there is %.0f and %.0f dBm0", i / MS,
				 (double)row, (double)column);
	}
}

static void
check_keys(const char *wanted, const struct way *way)
{
	heard.key[heard.keys_count] = 0;
	if (strcmp(heard.key, wanted) != 0)
		fail_msg("codec %d, %u ms: %s for %s", way->codec,
			 way->ptime_ms, heard.key, wanted);
}

/* Where each begins is told to a block. */
static void
check_onsets(void)
{
	for (uint32_t k = 0; k < sound.keys_count; k++)
		assert_in_range(heard.timestamp[k] + 13 * MS, sound.from[k] + 1,
				sound.from[k] + 26 * MS);
}

static const struct way *
each_way(uint32_t i)
{
	static const uint32_t ptimes[] = { 10, 20, 30, 60 };
	static struct way way;

	if (i == CODECS * 4)
		return NULL;
	way = (struct way){ .codec = i / 4, .ptime_ms = ptimes[i % 4] };
	return &way;
}

static void
add_all_keys(float dbm0, float twist, uint32_t ms, uint32_t gap_ms)
{
	add_silence(300);
	for (const char *key = all_keys; *key; key++) {
		add_key(*key, dbm0, twist, ms);
		add_silence(gap_ms);
	}
	add_silence(300);
}

/* ---- tests ----------------------------------------------------------------
 */

static void
test_all_keys(void **state)
{
	static const float levels[] = { -5, -17, -30 };
	static const float twists[] = { -6, 0, 6 };
	static const uint32_t lengths[] = { 40, 75, 500 };
	const struct way *way;

	for (uint32_t i = 0; i < 27; i++) {
		begin();
		add_all_keys(levels[i / 9], twists[i / 3 % 3], lengths[i % 3],
			     40);
		for (uint32_t w = 0; (way = each_way(w)); w++) {
			hear(way);
			check_keys(all_keys, way);
			check_onsets();
			check_marks(way);
		}
	}
}

static void
test_nothing_remains(void **state)
{
	const struct way *way;

	for (uint32_t ms = 40; ms < 140; ms += 9) {
		begin();
		add_all_keys(-8, 2, ms, 200 + ms);
		for (uint32_t w = 0; (way = each_way(w)); w++) {
			hear(way);
			check_keys(all_keys, way);
			check_remains(way, -8 - 40);
		}
	}
}

/* A hum, and noise 20 dB below. */
static void
test_noise(void **state)
{
	const struct way *way;

	for (uint32_t seed = 1; seed <= 4; seed++) {
		begin();
		add_all_keys(-12, seed & 1 ? 4 : -4, 60, 60);
		add_noise(-32, seed);
		add_sine(seed & 2 ? 440 : 150, -26, 0, sound.samples);
		for (uint32_t w = 0; (way = each_way(w)); w++) {
			hear(way);
			check_keys(all_keys, way);
			check_marks(way);
		}
	}
}

/* One packet of a key is missing; it is one key. Both sides of it go. */
static void
test_loss_in_a_key(void **state)
{
	const struct way *each;
	uint32_t w;

	for (w = 0; (each = each_way(w)); w++) {
		struct way way = *each;

		for (uint32_t lost_ms = 400; lost_ms < 640; lost_ms += 10) {
			begin();
			add_silence(425);
			add_key('7', -10, 0, 200);
			add_silence(225);
			add_key('#', -10, 0, 100);
			add_silence(330);
			way.lost_from = lost_ms / way.ptime_ms;
			way.lost_until = way.lost_from + 1;
			hear(&way);
			check_keys("7#", &way);
			check_marks(&way);
		}
	}
}

/* What was pressed twice is two keys, also where more is lost between. */
static void
test_long_loss(void **state)
{
	struct way way = { .codec = PCMA, .ptime_ms = 20 };

	begin();
	add_silence(200);
	add_key('4', -10, 0, 100);
	add_silence(100);
	add_key('4', -10, 0, 100);
	add_silence(200);
	hear(&way);
	check_keys("44", &way);
	way.lost_from = 15;
	way.lost_until = 20;
	hear(&way);
	check_keys("44", &way);
	check_marks(&way);
}

/* A stream that begins or ends in a tone: no key, perhaps, but no sound. */
static void
test_cut_tones(void **state)
{
	const struct way *way;

	for (uint32_t ms = 13; ms < 60; ms++) {
		for (uint32_t w = 0; (way = each_way(w)); w++) {
			begin();
			add_key('5', -10, 0, ms);
			add_silence(60 * 5 - ms);
			hear(way);
			check_marks(way);
			begin();
			add_silence(60 * 5 - ms);
			add_key('9', -10, 3, ms);
			hear(way);
			check_marks(way);
		}
	}
}

/* Whichever packets it comes in, the same is heard. */
static void
test_packets_do_not_matter(void **state)
{
	struct way way = { .codec = PCMU };
	struct heard first;

	begin();
	add_all_keys(-20, -3, 57, 43);
	add_noise(-40, 7);
	sound.samples -= sound.samples % (60 * MS);
	way.ptime_ms = 10;
	hear(&way);
	first = heard;
	for (way.ptime_ms = 20; way.ptime_ms <= 60; way.ptime_ms += 10) {
		hear(&way);
		assert_int_equal(heard.keys_count, first.keys_count);
		assert_memory_equal(heard.timestamp, first.timestamp,
				    sizeof(heard.timestamp));
	}
}

/*
 * Voices: many harmonics of 90 to 260 Hz under formants that wander, in
 * syllables. What is left out of it is printed; no key is heard.
 */
static void
test_speech(void **state)
{
	const struct way way = { .codec = PCMA, .ptime_ms = 20 };
	uint32_t seed = 11, marks = 0;

	begin();
	while (sound.samples + 300 * MS < SAMPLES_MAX) {
		uint32_t ms = 80 + random_next(&seed) % 200;
		float pitch = 90 + (float)(random_next(&seed) % 170);
		float f1 = 300 + (float)(random_next(&seed) % 600);
		float f2 = 900 + (float)(random_next(&seed) % 1400);

		for (uint32_t i = 1; pitch * (float)i < 3400; i++) {
			float hz = pitch * (float)i;
			float near =
			    fminf(fabsf(hz - f1) / 80, fabsf(hz - f2) / 120);

			add_sine(hz, -14 - fminf(near * 3, 40), sound.samples,
				 sound.samples + ms * MS);
		}
		sound.samples += ms * MS;
		add_silence(random_next(&seed) % 100);
	}
	add_noise(-50, 3);
	hear(&way);
	for (uint32_t i = 0; i < heard.frames; i++)
		marks += heard.marked[i] && (i == 0 || !heard.marked[i - 1]);
	print_message("# of %u s of voices %u were taken for tones\n",
		      sound.samples / MS / 1000, marks);
	check_keys("", &way);
	assert_true(marks <= 8);
}

/* One tone is no key, nor are two of a row; nor is what is too faint. */
static void
test_not_keys(void **state)
{
	static const float pairs[][2] = { { 697, 770 },   { 1209, 1336 },
					  { 440, 480 },   { 941, 941 },
					  { 350, 440 },   { 1633, 1633 },
					  { 620, 1209 },  { 852, 1100 },
					  { 1400, 2060 }, { 697, 1750 } };
	const struct way *way;

	for (uint32_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		begin();
		add_silence(500);
		add_sine(pairs[i][0], -10, 800, 2400);
		add_sine(pairs[i][1], -10, 800, 2400);
		for (uint32_t w = 0; (way = each_way(w)); w++) {
			hear(way);
			check_keys("", way);
			check_marks(way);
		}
	}
	begin();
	add_all_keys(-55, 0, 100, 100);
	sound.keys_count = 0;
	way = each_way(0);
	hear(way);
	check_keys("", way);
	check_marks(way);
}

static void
test_formats(void **state)
{
	static const struct rtp_format others[] = {
		{ "G729", 8000, 18, 1, "" },
		{ "opus", 48000, 111, 2, "" },
		{ "PCMA", 16000, 96, 1, "" },
		{ "L16", 8000, 97, 2, "" },
		{ "telephone-event", 8000, 101, 1, "" },
		{ "CN", 8000, 13, 1, "" },
	};
	static const uint8_t bytes[160];
	struct rtp_tones_frame frame = { .payload = bytes,
					 .payload_bytes = sizeof(bytes) };
	struct rtp_tones_told told;
	struct rtp_tones *tones;
	uint32_t i;

	assert_int_equal(rtp_tones_new(&tones), 0);
	for (i = 0; i < CODECS; i++)
		assert_true(rtp_tones_hears(&formats[i]));
	assert_false(rtp_tones_hears(NULL));
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_false(rtp_tones_hears(&others[i]));
		frame.format = &others[i];
		frame.sequence++;
		rtp_tones_take(tones, &frame, &told);
		assert_false(told.marked || told.keys_count);
	}
	rtp_tones_end(tones, &told);
	assert_false(told.marked || told.keys_count);
	rtp_tones_free(&tones);
	rtp_tones_free(&tones);
}

/* A sender whose timestamps stand still, or go back. */
static void
test_wrong_timestamps(void **state)
{
	struct rtp_tones_frame frame = { .format = &formats[PCMA] };
	struct rtp_tones_told told;
	struct rtp_tones *tones;
	uint8_t bytes[20 * MS];
	uint32_t keys = 0, marked = 0, i;

	begin();
	add_silence(200);
	add_key('3', -10, 0, 100);
	add_silence(200);
	assert_int_equal(rtp_tones_new(&tones), 0);
	for (i = 0; i < sound.samples / sizeof(bytes); i++) {
		frame.payload = bytes;
		frame.payload_bytes =
		    encode(PCMA, NULL, i * sizeof(bytes), sizeof(bytes), bytes);
		frame.sequence = i + 1;
		frame.timestamp = i < 12 ? 90000 : 10000 - i;
		rtp_tones_take(tones, &frame, &told);
		keys += told.keys_count;
		marked += told.marked;
	}
	assert_int_equal(keys, 1);
	assert_in_range(marked, 5, 9);
	rtp_tones_free(&tones);
}

static void
test_no_memory(void **state)
{
	struct rtp_tones *tones = NULL;

	testing_fail_allocation(1);
	assert_int_equal(rtp_tones_new(&tones), -12);
	testing_fail_allocation(0);
	assert_null(tones);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_keys),
		cmocka_unit_test(test_nothing_remains),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_loss_in_a_key),
		cmocka_unit_test(test_long_loss),
		cmocka_unit_test(test_cut_tones),
		cmocka_unit_test(test_packets_do_not_matter),
		cmocka_unit_test(test_speech),
		cmocka_unit_test(test_not_keys),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_wrong_timestamps),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
