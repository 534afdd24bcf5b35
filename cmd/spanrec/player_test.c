/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The player with a sink whose clock is ours. What is heard at each moment is
 * written down, so that a test can say when it changed.
 */
#include "cmd/spanrec/play_priv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/common/exit.h"

#define HZ      8000
#define PERIOD  (HZ * SPANREC_PERIOD_MS / 1000)
#define BUFFER  (10 * PERIOD) /* as that of a sound card */
#define LOG     (100 * HZ)
#define NOTHING (-1)
#define MODULUS 29989 /* of what a frame sounds like: no seek is a multiple */

struct press {
	double at_s;
	enum spanrec_key key;
};

struct fake {
	struct spanrec_sink sink;
	struct spanrec_player player;
	/* the sink */
	int16_t queue[BUFFER];
	size_t queued;
	bool started;
	int heard[LOG]; /**< by the clock, frame by frame; NOTHING */
	size_t now;     /**< the clock, in frames */
	int broken;     /**< write fails after so many frames; 0: never */
	size_t taken;
	/* the keys */
	const struct press *script;
	size_t pressed;
	/* the source: 0 counts frames, else a tone */
	double tone_hz;
	unsigned begun; /**< how often */
	struct spanrec_playing shown;
	int source_fails;
};

/* ---- the borders --------------------------------------------------------- */

/* The clock goes on, and what is queued is heard. */
static void
pass(struct fake *f, size_t frames)
{
	size_t i, n;

	assert_true(f->now + frames < LOG);
	for (i = 0; i < frames; i++)
		f->heard[f->now + i] = i < f->queued ? f->queue[i] : NOTHING;
	n = frames < f->queued ? frames : f->queued;
	memmove(f->queue, f->queue + n, (f->queued - n) * sizeof(*f->queue));
	f->queued -= n;
	f->now += frames;
}

static int
fake_open(void *ctx, unsigned channels, uint32_t hz)
{
	return 0;
}

static int
fake_write(void *ctx, const int16_t *pcm, size_t frames)
{
	struct fake *f = ctx;
	size_t room;

	assert_in_range(frames, 1, PERIOD);
	if (f->broken && f->taken >= (size_t)f->broken)
		return -5;
	if (f->queued == BUFFER)
		pass(f, PERIOD);
	room = BUFFER - f->queued;
	if (frames > room)
		frames = room;
	memcpy(f->queue + f->queued, pcm, frames * sizeof(*pcm));
	f->queued += frames;
	f->taken += frames;
	return (int)frames;
}

static size_t
fake_delay(void *ctx)
{
	const struct fake *f = ctx;

	return f->queued;
}

static void
fake_drop(void *ctx)
{
	struct fake *f = ctx;

	f->queued = 0;
}

static void
fake_nothing(void *ctx)
{
}

static enum spanrec_key
fake_key(void *ctx, int wait_ms)
{
	struct fake *f = ctx;
	const struct press *press = &f->script[f->pressed];

	pass(f, (size_t)wait_ms * HZ / 1000);
	if (press->key == SPANREC_KEY_NONE || press->at_s * HZ > (double)f->now)
		return SPANREC_KEY_NONE;
	f->pressed++;
	return press->key;
}

static void
fake_show(void *ctx, const struct spanrec_playing *playing)
{
	struct fake *f = ctx;

	f->shown = *playing;
	/* what is heard next is what is shown */
	if (f->tone_hz == 0 && f->queued && playing->speed == SPANREC_SPEED_ONE)
		assert_int_equal(playing->frame % MODULUS, f->queue[0]);
}

static int
fake_source(void *ctx, uint64_t from, spanrec_audio_fn fn, void *fn_ctx)
{
	struct fake *f = ctx;
	int16_t pcm[1000];
	uint64_t at = from;
	int rc = 0;

	f->begun++;
	if (f->source_fails)
		return f->source_fails;
	while (!rc && at < f->player.frames) {
		size_t i, n = f->player.frames - at < 1000
				  ? (size_t)(f->player.frames - at)
				  : 1000;

		for (i = 0; i < n; i++)
			pcm[i] =
			    f->tone_hz > 0
				? (int16_t)(8000 * sin(2 * M_PI * f->tone_hz *
						       (double)(at + i) / HZ))
				: (int16_t)((at + i) % MODULUS);
		rc = fn(fn_ctx, pcm, n);
		at += n;
	}
	return rc;
}

static struct fake *
fake_new(double seconds, const struct press *script)
{
	struct fake *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->sink = (struct spanrec_sink){ .ctx = f,
					 .open = fake_open,
					 .write = fake_write,
					 .delay = fake_delay,
					 .drop = fake_drop,
					 .finish = fake_nothing,
					 .close = fake_nothing };
	f->player =
	    (struct spanrec_player){ .ctx = f,
				     .source = fake_source,
				     .key = fake_key,
				     .show = fake_show,
				     .sink = &f->sink,
				     .channels = 1,
				     .hz = HZ,
				     .frames = (uint64_t)(seconds * HZ) };
	f->script = script;
	return f;
}

static size_t
at(double seconds)
{
	return (size_t)(seconds * HZ);
}

/* Heard from there to there: these frames of the source, one after another. */
static void
assert_heard(const struct fake *f, size_t from, size_t until, size_t frame)
{
	size_t i;

	for (i = from; i < until; i++)
		assert_int_equal(f->heard[i], (frame + i - from) % MODULUS);
}

static void
assert_silent(const struct fake *f, size_t from, size_t until)
{
	size_t i;

	for (i = from; i < until; i++)
		assert_int_equal(f->heard[i], NOTHING);
}

/* ---- tests --------------------------------------------------------------- */

static const struct press no_keys[] = { { 0, SPANREC_KEY_NONE } };

/* All of it, once, and not longer than it is. */
static void
test_through(void **state)
{
	struct fake *f = fake_new(2.345, no_keys);

	assert_int_equal(spanrec_player_run(&f->player), 0);
	assert_int_equal(f->queued, 0);
	assert_in_range(f->now, at(2.345), at(2.345) + PERIOD);
	assert_heard(f, 0, at(2.345), 0);
	assert_int_equal(f->shown.frame, at(2.345));
	assert_int_equal(f->begun, 1);
	free(f);
}

static void
test_from(void **state)
{
	struct fake *f = fake_new(3, no_keys);

	f->player.from = at(1.5);
	assert_int_equal(spanrec_player_run(&f->player), 0);
	assert_heard(f, 0, at(1.5), at(1.5));
	assert_in_range(f->now, at(1.5), at(1.5) + PERIOD);
	free(f);
}

/* Silent within a period; and then nothing is lost and nothing twice. */
static void
test_pause(void **state)
{
	static const struct press script[] = { { 1.005, SPANREC_KEY_PAUSE },
					       { 2.5, SPANREC_KEY_PAUSE },
					       { 0, SPANREC_KEY_NONE } };
	struct fake *f = fake_new(4, script);
	size_t stop = at(1.0), go;

	assert_int_equal(spanrec_player_run(&f->player), 0);
	while (f->heard[stop] != NOTHING)
		stop++;
	assert_in_range(stop, at(1.005), at(1.005) + PERIOD);
	go = at(2.5);
	while (f->heard[go] == NOTHING)
		go++;
	assert_in_range(go, at(2.5), at(2.5) + PERIOD);
	assert_heard(f, 0, stop, 0);
	assert_silent(f, stop, go);
	assert_heard(f, go, go + at(4) - stop, stop);
	free(f);
}

static void
test_seek(void **state)
{
	static const struct press script[] = { { 1.013, SPANREC_KEY_FORWARD },
					       { 2.0, SPANREC_KEY_FAR_FORWARD },
					       { 3.0, SPANREC_KEY_BACK },
					       { 4.0, SPANREC_KEY_FAR_BACK },
					       { 5.0, SPANREC_KEY_FAR_BACK },
					       { 6.0, SPANREC_KEY_FAR_FORWARD },
					       { 6.5, SPANREC_KEY_FAR_FORWARD },
					       { 0, SPANREC_KEY_NONE } };
	static const int by_s[] = { 5, 30, -5, -30, -30, 30 };
	struct fake *f = fake_new(50, script);
	size_t i, t = at(1.0), frame = 0;

	assert_int_equal(spanrec_player_run(&f->player), 0);
	for (i = 0; i < 6; i++) {
		int before, jump;

		/* the next sound that does not follow what was before */
		t = at(script[i].at_s) - 1;
		before = f->heard[t];
		do {
			before = (before + 1) % MODULUS;
			t++;
		} while (f->heard[t] == before);
		assert_in_range(t, at(script[i].at_s),
				at(script[i].at_s) + PERIOD);
		jump = (f->heard[t] - before + MODULUS) % MODULUS;
		if (i == 4) /* not before the beginning */
			assert_int_equal(f->heard[t], 0);
		else
			assert_int_equal(jump, (by_s[i] * HZ + 10 * MODULUS) %
						   MODULUS);
		frame = (size_t)f->heard[t];
	}
	/* the last one is beyond the end */
	assert_in_range(f->now, at(6.5), at(6.5) + PERIOD);
	assert_int_equal(f->shown.frame, at(50));
	assert_true(frame < MODULUS);
	free(f);
}

static void
test_seek_paused(void **state)
{
	static const struct press script[] = { { 1.0, SPANREC_KEY_PAUSE },
					       { 2.0, SPANREC_KEY_FORWARD },
					       { 3.0, SPANREC_KEY_PAUSE },
					       { 3.5, SPANREC_KEY_QUIT },
					       { 0, SPANREC_KEY_NONE } };
	struct fake *f = fake_new(20, script);

	assert_int_equal(spanrec_player_run(&f->player), 0);
	assert_silent(f, at(1.0), at(3.0));
	/* a period may have gone until the player looked */
	assert_int_equal(f->heard[at(3.1)], at(6.0 + 0.1) % MODULUS);
	free(f);
}

static void
test_quit(void **state)
{
	static const struct press script[] = { { 1.234, SPANREC_KEY_QUIT },
					       { 0, SPANREC_KEY_NONE } };
	struct fake *f = fake_new(20, script);

	assert_int_equal(spanrec_player_run(&f->player), 0);
	assert_in_range(f->now, at(1.234), at(1.234) + PERIOD);
	assert_int_equal(f->queued, 0);
	free(f);
}

static void
test_quit_paused(void **state)
{
	static const struct press script[] = { { 1.0, SPANREC_KEY_PAUSE },
					       { 2.0, SPANREC_KEY_QUIT },
					       { 0, SPANREC_KEY_NONE } };
	struct fake *f = fake_new(20, script);

	assert_int_equal(spanrec_player_run(&f->player), 0);
	assert_in_range(f->now, at(2.0), at(2.0) + PERIOD);
	free(f);
}

/* While the last of it is heard, keys do what they do. */
static void
test_key_at_end(void **state)
{
	static const struct press script[] = { { 5.9, SPANREC_KEY_BACK },
					       { 0, SPANREC_KEY_NONE } };
	struct fake *f = fake_new(6, script);

	assert_int_equal(spanrec_player_run(&f->player), 0);
	assert_in_range(f->now, at(5.9 + 5.1), at(5.9 + 5.1) + 2 * PERIOD);
	assert_int_equal(f->heard[at(5.93)], at(0.93));
	free(f);
}

/* ---- speed --------------------------------------------------------------- */

/* By its zero crossings. */
static double
pitch(const struct fake *f, size_t from, size_t until)
{
	size_t i, n = 0;

	for (i = from + 1; i < until; i++)
		n += f->heard[i - 1] < 0 && f->heard[i] >= 0;
	return (double)n * HZ / (double)(until - from);
}

static void
test_speed(void **state)
{
	static const struct {
		int steps;
		double speed;
	} speeds[] = { { 10, 2.0 }, { 5, 1.5 }, { -5, 0.5 }, { 12, 2.0 } };
	size_t i;

	for (i = 0; i < 4; i++) {
		struct press script[16] = { { 0, SPANREC_KEY_NONE } };
		int k, n = abs(speeds[i].steps);
		struct fake *f;

		for (k = 0; k < n; k++)
			script[k] =
			    (struct press){ 1.0, speeds[i].steps > 0
						     ? SPANREC_KEY_FASTER
						     : SPANREC_KEY_SLOWER };
		script[n].key = SPANREC_KEY_NONE;
		f = fake_new(7, script);
		f->tone_hz = 200;
		assert_int_equal(spanrec_player_run(&f->player), 0);
		/* a second as it was, and six of the source */
		assert_in_range(f->now, at(1 + 6 / speeds[i].speed - 0.1),
				at(1 + 6 / speeds[i].speed + 0.3));
		assert_true(
		    fabs(pitch(f, at(1.5), at(1 + 5.5 / speeds[i].speed)) -
			 200) < 4);
		assert_int_equal(f->shown.frame, at(7));
		free(f);
	}
}

/* A new speed is heard within a period, and what is shown follows it. */
static void
test_speed_position(void **state)
{
	static const struct press script[] = {
		{ 1.0, SPANREC_KEY_FASTER }, { 1.0, SPANREC_KEY_FASTER },
		{ 1.0, SPANREC_KEY_FASTER }, { 1.0, SPANREC_KEY_FASTER },
		{ 1.0, SPANREC_KEY_FASTER }, { 3.0, SPANREC_KEY_QUIT },
		{ 0, SPANREC_KEY_NONE }
	};
	struct fake *f = fake_new(20, script);

	f->tone_hz = 200;
	assert_int_equal(spanrec_player_run(&f->player), 0);
	/* a second, and two at half as fast again */
	assert_in_range(f->shown.frame, at(3.9), at(4.2));
	free(f);
}

/* ---- what goes wrong ----------------------------------------------------- */

static void
test_sink_fails(void **state)
{
	struct fake *f = fake_new(20, no_keys);

	f->broken = HZ;
	assert_int_equal(spanrec_player_run(&f->player), EXIT_FAILED);
	assert_in_range(f->taken, HZ, HZ + PERIOD);
	free(f);
}

static void
test_source_fails(void **state)
{
	struct fake *f = fake_new(20, no_keys);

	f->source_fails = EXIT_DAMAGED;
	assert_int_equal(spanrec_player_run(&f->player), EXIT_DAMAGED);
	free(f);
}

/* ---- keys and the line --------------------------------------------------- */

static enum spanrec_key
last_key(const char *bytes)
{
	struct spanrec_keyboard keyboard = { 0 };
	enum spanrec_key key = SPANREC_KEY_NONE;

	for (; *bytes; bytes++) {
		assert_int_equal(key, SPANREC_KEY_NONE);
		key = spanrec_keyboard_byte(&keyboard, *bytes);
	}
	return key;
}

static void
test_keyboard(void **state)
{
	static const struct {
		const char *bytes;
		enum spanrec_key key;
	} cases[] = {
		{ " ", SPANREC_KEY_PAUSE },
		{ "q", SPANREC_KEY_QUIT },
		{ "\003", SPANREC_KEY_QUIT },
		{ "[", SPANREC_KEY_SLOWER },
		{ "]", SPANREC_KEY_FASTER },
		{ "\033[D", SPANREC_KEY_BACK },
		{ "\033OC", SPANREC_KEY_FORWARD },
		{ "\033[5~", SPANREC_KEY_FAR_BACK },
		{ "\033[6~", SPANREC_KEY_FAR_FORWARD },
		/* others, whole ones that end like ours, and too long ones */
		{ "x", SPANREC_KEY_NONE },
		{ "\033[A", SPANREC_KEY_NONE },
		{ "\033[1;5D", SPANREC_KEY_NONE },
		{ "\033[99999999999999~", SPANREC_KEY_NONE },
		/* an escape that was a key of its own */
		{ "\033\033[C", SPANREC_KEY_FORWARD },
		{ "\033[1\033[C", SPANREC_KEY_FORWARD },
		{ "\033x", SPANREC_KEY_NONE },
		{ "\033xq", SPANREC_KEY_QUIT },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(last_key(cases[i].bytes), cases[i].key);
}

static void
test_line(void **state)
{
	static struct spanrec_mark gaps[] = {
		{ .from_ns = 30 * INT64_C(1000000000),
		  .until_ns = 33 * INT64_C(1000000000),
		  .sides = 1U << STORE_RIGHT,
		  .reason = "loss" },
		{ .from_ns = 50 * INT64_C(1000000000),
		  .until_ns = 60 * INT64_C(1000000000),
		  .sides = STORE_SIDES_BOTH,
		  .unrecorded = true,
		  .reason = "payment" },
	};
	const struct spanrec_marks marks = { .marks = gaps, .count = 2 };
	const struct spanrec_audio audio = { .end_ns =
						 100 * INT64_C(1000000000),
					     .sample_hz = HZ,
					     .frames = 100 * HZ };
	const struct spanrec_line line = { .audio = &audio, .marks = &marks };
	struct spanrec_playing playing = { .frame = 10 * HZ,
					   .channels = 2,
					   .peak = { 16000, 0 },
					   .speed = 10 };
	char text[SPANREC_LINE_BYTES];

	spanrec_line_text(&line, &playing, 70, false, text);
	assert_string_equal(text, "> 0:10 / 1:40  1.0x  L# R   "
				  "[=|-x--xx----]");
	playing.frame = 34 * HZ;
	playing.paused = true;
	playing.speed = 15;
	playing.peak[1] = INT16_MAX;
	spanrec_line_text(&line, &playing, 70, true, text);
	assert_string_equal(text, "= 0:34 / 1:40  1.5x  L▇ R█  "
				  "[===x|-xx----]  right: loss");
	playing.frame = 55 * HZ;
	playing.channels = 1;
	spanrec_line_text(&line, &playing, 30, true, text);
	assert_string_equal(text, "= 0:55 / 1:40  1.5x  ▇    both sides: "
				  "payment (none)");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_through),
		cmocka_unit_test(test_from),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_seek),
		cmocka_unit_test(test_seek_paused),
		cmocka_unit_test(test_quit),
		cmocka_unit_test(test_quit_paused),
		cmocka_unit_test(test_key_at_end),
		cmocka_unit_test(test_speed),
		cmocka_unit_test(test_speed_position),
		cmocka_unit_test(test_sink_fails),
		cmocka_unit_test(test_source_fails),
		cmocka_unit_test(test_keyboard),
		cmocka_unit_test(test_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
