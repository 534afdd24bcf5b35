/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where frames go, and what is heard of several streams. */
#include "rtp/render_feed.h"

#include <errno.h>

static int16_t sound[2 * 8000 * 20];

static void
one_tone_a_side(void **state)
{
	struct sender left = { .hz = 440, .timestamp = 12345 };
	struct sender right = { .hz = 880, .channel = 1, .stream = 1 };
	struct rtp_render *r = make(10 * S + 100 * MS);

	for (int i = 0; i < 500; i++) {
		send_frame(r, &left, 20 * MS * i, 160);
		send_frame(r, &right, 20 * MS * i + 7 * MS, 160);
	}
	assert_int_equal(rtp_render_stats_peek(r)->frames, 1000);
	assert_int_equal(rtp_render_stats_peek(r)->overlapped, 0);
	assert_int_equal(finish(r, sound, 160000), 80800);
	assert_true(amplitude(sound, 80000, 0, 440) > 9900);
	assert_true(amplitude(sound, 80000, 0, 880) < 20);
	assert_true(amplitude(sound, 80000, 1, 880) > 9900);
	assert_true(amplitude(sound, 80000, 1, 440) < 20);
	assert_int_equal(zeros(sound, 0, 80000, 0), 0);
	assert_int_equal(zeros(sound, 80000, 80800, 0), 800);
	assert_int_equal(zeros(sound, 0, 56, 1), 56);
	assert_int_equal(zeros(sound, 56, 80056, 1), 0);
	assert_int_equal(zeros(sound, 80056, 80800, 1), 744);
}

static void
lost_is_silence(void **state)
{
	struct sender s = { .hz = 440 };
	struct rtp_render *r = make(2 * S);

	for (int i = 0; i < 100; i++) {
		if (i == 30 || (i >= 50 && i < 55))
			lose(&s, 160);
		else
			send_frame(r, &s, 20 * MS * i, 160);
	}
	assert_int_equal(finish(r, sound, 160000), 16000);
	check_tone(sound, &s, 0, 4800, 0);
	assert_int_equal(zeros(sound, 4800, 4960, 0), 160);
	check_tone(sound, &s, 4960, 8000, 4960);
	assert_int_equal(zeros(sound, 8000, 8800, 0), 800);
	check_tone(sound, &s, 8800, 16000, 8800);
	assert_int_equal(zeros(sound, 0, 16000, 1), 16000);
}

/* Arrival 30 ms early or late, one spike of 0.9 s, and then 150 ms early and
 * late in turn: not a sample moves. */
static void
jitter_is_not_heard(void **state)
{
	struct sender s = { .hz = 440, .timestamp = 77 };
	struct rtp_render *r = make(10 * S);

	for (int i = 0; i < 500; i++) {
		int64_t at = 20 * MS * i;

		if (i > 0)
			at += MS * (i * 7919 % 61 - 30);
		if (i >= 200 && i < 245)
			at = 4900 * MS + 10000LL * i;
		if (i >= 300)
			at = 20 * MS * i + (i % 2 ? 150 : -150) * MS;
		send_frame(r, &s, at, 160);
	}
	assert_int_equal(finish(r, sound, 160000), 80000);
	check_tone(sound, &s, 0, 80000, 0);
}

static void
timestamps_wrap(void **state)
{
	struct sender s = { .hz = 440, .timestamp = UINT32_MAX - 1000 };
	struct rtp_render *r = make(1 * S);

	for (int i = 0; i < 50; i++)
		send_frame(r, &s, 20 * MS * i, 160);
	assert_true(s.timestamp < 8000);
	assert_int_equal(finish(r, sound, 160000), 8000);
	check_tone(sound, &s, 0, 8000, 0);
}

static void
frame_lengths(void **state)
{
	static const uint32_t lengths[] = { 80, 160, 240, 480 };

	for (int k = 0; k < 4; k++) {
		struct sender s = { .hz = 880, .channel = 1 };
		struct rtp_render *r = make(1200 * MS);

		for (int64_t i = 0; i < 9600 / lengths[k]; i++)
			send_frame(r, &s, i * lengths[k] * MS / 8, lengths[k]);
		assert_int_equal(finish(r, sound, 160000), 9600);
		check_tone(sound, &s, 0, 9600, 0);
	}
}

/* One stream replaces its own sound; what another one has there waits. */
static void
overlaps(void **state)
{
	struct sender a = { .hz = 440 };
	struct sender b = { .hz = 880, .stream = 1 };
	struct rtp_render *r = make(100 * MS);

	send_frame(r, &a, 0, 160);
	a.timestamp -= 80;
	send_frame(r, &a, 20 * MS, 160);
	assert_int_equal(rtp_render_stats_peek(r)->overlapped, 80);
	send_frame(r, &b, 0, 160);
	assert_int_equal(rtp_render_stats_peek(r)->overlapped, 80);
	assert_int_equal(finish(r, sound, 160000), 800);
	check_tone(sound, &a, 0, 80, 0);
	check_tone(sound, &a, 80, 240, 160);
	assert_int_equal(zeros(sound, 240, 800, 0), 560);
}

/* Two hops of one sound, the second behind by a relay; each loses packets that
 * the other has. The same timestamps: not a sample is missing or moves. */
static void
relay_keeps_timestamps(void **state)
{
	struct sender near = { .hz = 440, .timestamp = 777 };
	struct sender far = { .hz = 440, .timestamp = 777, .stream = 1 };
	struct rtp_render *r = make(4 * S);

	for (int i = 0; i < 200; i++) {
		int64_t at = 20 * MS * i;

		if (i == 30 || (i >= 50 && i < 80))
			lose(&near, 160);
		else
			send_frame(r, &near, at, 160);
		if (i == 40 || (i >= 120 && i < 150))
			lose(&far, 160);
		else
			send_frame(r, &far, at + 37 * MS + i % 7 * MS, 160);
	}
	assert_int_equal(finish(r, sound, 160000), 32000);
	check_tone(sound, &near, 0, 32000, 0);
}

/* Timestamps of its own: the second hop lies where it was captured, and a
 * change to it and back repeats and skips what the relay delays. */
static void
relay_has_its_own_timestamps(void **state)
{
	struct sender near = { .hz = 440 };
	struct sender far = { .hz = 440, .timestamp = 99999, .stream = 1 };
	struct rtp_render *r = make(4 * S);

	for (int i = 0; i < 190; i++) {
		int64_t at = 20 * MS * i;

		if (i >= 50 && i < 60)
			lose(&near, 160);
		else
			send_frame(r, &near, at, 160);
		if (i >= 100 && i < 110)
			lose(&far, 160);
		else
			send_frame(r, &far, at + 37 * MS, 160);
	}
	assert_int_equal(finish(r, sound, 160000), 32000);
	check_tone(sound, &near, 0, 8000, 0);
	check_tone(sound, &near, 8000, 16296, 8000 - 296);
	check_tone(sound, &near, 16296, 30400, 16296);
	/* what the second has left when the first ends is no news */
	assert_int_equal(zeros(sound, 30400, 32000, 0), 1600);
}

/* Both hops run on the clock of the sender, and are moved together. */
static void
relay_drifts_with_the_sender(void **state)
{
	struct sender near = { .hz = 440 };
	struct sender far = { .hz = 440, .stream = 1 };
	struct rtp_render *r = make(20 * S);
	size_t hole = 0;

	for (int i = 0; i < 900; i++) {
		int64_t at = 20 * MS * i + 200000LL * i;

		/* The first has enough of it after some 600 frames. */
		if (i == 850)
			lose(&near, 160);
		else
			send_frame(r, &near, at, 160);
		send_frame(r, &far, at + 5 * MS, 160);
	}
	assert_int_equal(finish(r, sound, 160000), 160000);
	while (hole < 144000 && sound[2 * hole] != 0)
		hole++;
	assert_in_range(hole, 90000, 120000);
	check_tone(sound, &near, 0, hole, 0);
	check_tone(sound, &near, 850 * 160 + 960, 899 * 160 + 960, 850 * 160);
}

/* A sender that counts back is followed, too. */
static void
timestamps_step_back(void **state)
{
	struct sender s = { .hz = 440 };
	struct rtp_render *r = make(100 * MS);

	send_frame(r, &s, 20 * MS, 160);
	s.timestamp -= 240;
	send_frame(r, &s, 40 * MS, 160);
	assert_int_equal(rtp_render_stats_peek(r)->overlapped, 80);
	assert_int_equal(finish(r, sound, 160000), 800);
	assert_int_equal(zeros(sound, 0, 80, 0), 80);
	check_tone(sound, &s, 80, 240, 160);
	check_tone(sound, &s, 240, 320, 80);
}

/* Where a second frame lands that is `off` ms later than it should be. */
static void
expect_second_at(int64_t off_ms, bool marker, size_t sample)
{
	struct sender s = { .hz = 440 };
	struct rtp_render *r = make(5 * S);

	send_frame(r, &s, 2000 * MS, 160);
	assert_int_equal(put(r, &s, (2020 + off_ms) * MS, 160, marker), 0);
	assert_int_equal(finish(r, sound, 160000), 40000);
	check_tone(sound, &s, sample, sample + 160, 160);
}

static void
anchors(void **state)
{
	expect_second_at(120, true, 16160);
	expect_second_at(121, true, 16160 + 968);
	expect_second_at(-121, true, 16160 - 968);
	expect_second_at(121, false, 16160);
	expect_second_at(1000, false, 16160);
	expect_second_at(1001, false, 16160 + 8008);
	expect_second_at(-1001, false, 16160 - 8008);
}

/* The sender begins a new count of timestamps. */
static void
timestamp_jumps(void **state)
{
	struct sender s = { .hz = 440 };
	struct rtp_render *r = make(2 * S);

	for (int i = 0; i < 100; i++) {
		if (i == 50)
			s.timestamp = 0x80001234;
		send_frame(r, &s, 20 * MS * i, 160);
	}
	assert_int_equal(finish(r, sound, 160000), 16000);
	check_tone(sound, &s, 0, 16000, 0);
}

/*
 * An hour with a sender whose clock is wrong by so many ppm, taken as it goes,
 * with jitter of 30 ms. In the end its sound is within so many samples of where
 * its capture time says; there is no hole, and no click on the way; memory was
 * that of a few seconds. @return steps that were made
 */
static uint64_t
run_an_hour(int ppm, int most)
{
	struct sender s = { .hz = 440 };
	struct rtp_render *r = make(3600 * S);
	size_t total = 0, last;
	int64_t at = 0;
	uint64_t steps;

	for (int64_t i = 0; at < 3599 * S; i++) {
		int64_t jitter = i * 7919 % 31 * MS;
		size_t n;

		at = 20 * MS * i - i * 20 * ppm;
		send_frame(r, &s, at + jitter, 160);
		n = take(r, sound, 160000, START + at - RTP_RENDER_BEHIND_NS);
		total += n;
		assert_true(bend(sound, n) < 2600);
		assert_int_equal(zeros(sound, 0, n, 0), 0);
	}
	assert_int_equal(total, (at - RTP_RENDER_BEHIND_NS) / 125000);
	last = take(r, sound, 160000, INT64_MAX);
	assert_int_equal(total + last, 3600 * 8000);
	while (last && sound[2 * (last - 1)] == 0)
		last--;
	/* `last` ends the frame sent at `at`. */
	assert_in_range((int64_t)(total + last) - 160 + most - at / 125000, 0,
			2 * most);
	assert_int_equal(rtp_render_stats_peek(r)->out_of_range, 0);
	assert_int_equal(rtp_render_stats_peek(r)->overlapped, 0);
	steps = rtp_render_stats_peek(r)->slipped;
	rtp_render_free(&r);
	return steps;
}

static void
drift_does_not_add_up(void **state)
{
	assert_in_range(run_an_hour(100, 50), 2800, 2900);
	assert_in_range(run_an_hour(-100, 50), 2800, 2900);
	assert_in_range(run_an_hour(300, 100), 8400, 8700);
	assert_int_equal(run_an_hour(0, 0), 0);
}

static void
start_and_end(void **state)
{
	struct sender s = { .hz = 440 };
	struct rtp_render *r = make(50 * MS);

	/* Half before the start, one in full, half after the end, outside. */
	send_frame(r, &s, -10 * MS, 160);
	send_frame(r, &s, 10 * MS, 160);
	send_frame(r, &s, 30 * MS, 160);
	send_frame(r, &s, 50 * MS, 160);
	s.stream = 1;
	send_frame(r, &s, -20 * MS, 160);
	s.stream = 2;
	s.channel = 1;
	send_frame(r, &s, -1, 80);
	s.channel = 0;
	s.stream = 3;
	send_frame(r, &s, INT64_MIN / 2, 160);
	assert_int_equal(rtp_render_stats_peek(r)->frames, 4);
	assert_int_equal(rtp_render_stats_peek(r)->out_of_range, 3);
	assert_int_equal(finish(r, sound, 160000), 400);
	/* A nanosecond before the start is the sample before it. */
	assert_int_equal(zeros(sound, 0, 79, 1), 0);
	assert_int_equal(zeros(sound, 79, 400, 1), 321);
	check_tone(sound, &s, 0, 400, 80);
}

static void
refused(void **state)
{
	static const struct rtp_format others[] = {
		{ .encoding = "G723", .clock_hz = 8000, .channels = 1 },
		{ .encoding = "telephone-event",
		  .clock_hz = 8000,
		  .channels = 1 },
		{ .encoding = "PCMA", .clock_hz = 16000, .channels = 1 },
		{ .encoding = "PCMA", .clock_hz = 8000, .channels = 2 },
	};
	static const struct rtp_render_config configs[] = {
		{ 44100, false, 0, 1 },
		{ 8000, false, 1, 0 },
		{ 8000, false, INT64_MIN, INT64_MAX },
	};
	struct rtp_render_frame frame = { .time_ns = START };
	uint8_t *payload = calloc(1, 8001);
	struct rtp_render *r = make(2 * S);

	frame.payload = payload;
	frame.payload_bytes = 160;
	for (int i = 0; i < 4; i++) {
		frame.format = &others[i];
		assert_int_equal(rtp_render_frame(r, &frame), 0);
	}
	assert_int_equal(rtp_render_stats_peek(r)->no_codec, 4);
	frame.format = &pcma;
	frame.payload_bytes = 8001;
	assert_int_equal(rtp_render_frame(r, &frame), 0);
	frame.payload_bytes = 0;
	assert_int_equal(rtp_render_frame(r, &frame), 0);
	assert_int_equal(rtp_render_stats_peek(r)->malformed, 2);
	frame.payload_bytes = 8000;
	assert_int_equal(rtp_render_frame(r, &frame), 0);
	assert_int_equal(rtp_render_stats_peek(r)->frames, 1);
	free(payload);
	rtp_render_free(&r);
	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++)
		assert_int_equal(rtp_render_new(&r, &configs[i]), -EINVAL);
}

/* Sound an hour ahead costs a block; 61 seconds of sound must be taken. */
static void
memory_goes_with_sound(void **state)
{
	struct sender s = { .hz = 440 };
	struct rtp_render *r = make(3600 * S);

	for (int64_t i = 0; i < 60; i++) {
		s.timestamp = (uint32_t)i * 60 * 8000;
		assert_int_equal(put(r, &s, i * 60 * S, 160, false), 0);
	}
	s.timestamp += 8000;
	assert_int_equal(put(r, &s, 3541 * S, 160, false), -ENOBUFS);
	assert_int_equal(take(r, sound, 160000, START + S), 8000);
	assert_int_equal(put(r, &s, 3541 * S, 160, false), 0);
	assert_int_equal(rtp_render_stats_peek(r)->frames, 61);
	assert_int_equal(rtp_render_stats_peek(r)->overlapped, 0);
	rtp_render_free(&r);
}

static void
taken_in_pieces(void **state)
{
	struct sender s = { .hz = 440 };
	struct rtp_render *r = make(3 * S);
	size_t total = 0;
	size_t n;

	for (int i = 0; i < 150; i++)
		send_frame(r, &s, 20 * MS * i, 160);
	assert_int_equal(take(r, sound, 100, START - 1), 0);
	assert_int_equal(take(r, sound, 100, START + 124999), 0);
	assert_int_equal(take(r, sound, 100, START + 125000), 1);
	for (total = 1;
	     (n = take(r, sound + 2 * total, 777, START + 3 * S)) > 0;)
		total += n;
	assert_int_equal(total, 24000);
	check_tone(sound, &s, 0, 24000, 0);
	/* What comes for a place that was taken is counted. */
	send_frame(r, &s, 0, 160);
	assert_int_equal(rtp_render_stats_peek(r)->out_of_range, 1);
	rtp_render_free(&r);
}

static void
allocations_fail(void **state)
{
	const struct rtp_render_config config = { 8000, false, START,
						  START + S };
	struct sender s = { .hz = 440 };
	struct rtp_render *r = NULL;

	testing_fail_allocation(1);
	assert_int_equal(rtp_render_new(&r, &config), -ENOMEM);
	assert_null(r);
	testing_fail_allocation(0);
	r = make(S);
	for (unsigned nth = 1; nth <= 2; nth++) {
		testing_fail_allocation(nth);
		assert_int_equal(put(r, &s, 0, 160, false), -ENOMEM);
		testing_fail_allocation(0);
	}
	assert_int_equal(put(r, &s, 0, 160, false), 0);
	rtp_render_free(&r);
	rtp_render_free(&r);
}

/* ffmpeg marks each packet of some codecs, and sends several at once. */
static void
every_packet_marked(void **state)
{
	struct rtp_render *r = make(3 * S);
	struct sender s = { .hz = 440 };

	for (int i = 0; i < 150; i++) {
		int at_once = i / 10 * 10;

		assert_int_equal(put(r, &s, at_once * 20 * MS, 160, true), 0);
		lose(&s, 160);
	}
	assert_int_equal(finish(r, sound, 24000), 24000);
	check_tone(sound, &s, 0, 24000, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_tone_a_side),
		cmocka_unit_test(lost_is_silence),
		cmocka_unit_test(jitter_is_not_heard),
		cmocka_unit_test(timestamps_wrap),
		cmocka_unit_test(frame_lengths),
		cmocka_unit_test(overlaps),
		cmocka_unit_test(timestamps_step_back),
		cmocka_unit_test(relay_keeps_timestamps),
		cmocka_unit_test(relay_has_its_own_timestamps),
		cmocka_unit_test(relay_drifts_with_the_sender),
		cmocka_unit_test(anchors),
		cmocka_unit_test(timestamp_jumps),
		cmocka_unit_test(drift_does_not_add_up),
		cmocka_unit_test(start_and_end),
		cmocka_unit_test(refused),
		cmocka_unit_test(memory_goes_with_sound),
		cmocka_unit_test(taken_in_pieces),
		cmocka_unit_test(every_packet_marked),
		cmocka_unit_test(allocations_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
