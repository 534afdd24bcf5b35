/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is heard where packets are missing, and at other rates than that of the
 * codec. What was received is always heard as it was: but for the first 10 ms
 * after a loss, which are blended with what was made up.
 */
#include "rtp/render_feed.h"

#include <errno.h>

#define FRAME 160
#define BLEND 80
#define MOST  480 /* 60 ms are made up */

static int16_t sound[2 * 48000 * 12];

static struct rtp_render *
make_at(uint32_t hz, int64_t length_ns)
{
	const struct rtp_render_config config = { hz, false, START,
						  START + length_ns };
	struct rtp_render *r;

	assert_int_equal(rtp_render_new(&r, &config), 0);
	return r;
}

/* The same numbers everywhere, from a seed that is not 0. */
static uint32_t
random_of(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* ---- loss ---------------------------------------------------------------- */

/* Ten seconds, of which some frames are lost. Time is right to the sample,
 * whatever was; runs of more than 60 ms become silence, and nothing else. */
static void
check_losses(const bool *lost, uint16_t sequence, uint32_t timestamp)
{
	struct sender s = { .hz = 440,
			    .sequence = sequence,
			    .timestamp = timestamp };
	struct rtp_render *r = make_at(8000, 10 * S);
	size_t run = 0, missing = 0;

	for (int i = 0; i < 500; i++) {
		if (lost[i])
			lose(&s, FRAME);
		else
			send_frame(r, &s, 20 * MS * i, FRAME);
		missing += lost[i];
	}
	assert_int_equal(rtp_render_stats_peek(r)->missing, missing);
	assert_int_equal(finish(r, sound, 160000), 80000);
	for (size_t i = 0; i < 500; i++) {
		size_t at = i * FRAME, from = at + (run ? BLEND : 0);

		if (!lost[i]) {
			check_tone(sound, &s, from, at + FRAME, (uint32_t)from);
			run = 0;
		} else if ((run += FRAME) > MOST) {
			assert_int_equal(zeros(sound, at, at + FRAME, 0),
					 FRAME);
		}
	}
}

static void
random_losses(void **state)
{
	static const unsigned percents[] = { 1, 5, 10, 30 };
	uint32_t seed = 20260302;

	for (size_t k = 0; k < 4; k++) {
		for (unsigned round = 0; round < 5; round++) {
			bool lost[500] = { false };

			for (size_t i = 1; i < 499; i++)
				lost[i] = random_of(&seed) % 100 < percents[k];
			check_losses(lost, (uint16_t)seed, seed);
		}
	}
}

static void
bursts(void **state)
{
	uint32_t seed = 815;

	for (unsigned length = 1; length <= 40; length += 3) {
		bool lost[500] = { false };

		for (size_t i = 1; i + 60 < 500;) {
			i += 1 + random_of(&seed) % 50;
			for (unsigned k = 0; k < length && i < 499; k++)
				lost[i++] = true;
		}
		check_losses(lost, 65300, UINT32_MAX - 20000);
	}
}

/* A tone goes on through a short loss, and fades in a long one. */
static void
tone_goes_on(void **state)
{
	struct sender s = { .hz = 440 };
	struct rtp_render *r = make_at(8000, 2 * S);

	for (int i = 0; i < 100; i++) {
		if (i == 30 || (i >= 50 && i < 60))
			lose(&s, FRAME);
		else
			send_frame(r, &s, 20 * MS * i, FRAME);
	}
	assert_int_equal(rtp_render_stats_peek(r)->concealed, FRAME + MOST);
	assert_int_equal(finish(r, sound, 160000), 16000);
	assert_true(amplitude(sound + 2 * 30 * FRAME, FRAME, 0, 440) > 5000);
	assert_true(amplitude(sound + 2 * 50 * FRAME, FRAME, 0, 440) > 5000);
	assert_true(abs(sound[2 * (50 * FRAME + MOST - 1)]) < 100);
	assert_int_equal(zeros(sound, 50 * FRAME + MOST, 60 * FRAME, 0),
			 7 * FRAME);
	assert_true(bend(sound, 16000) < 4000);
}

/* No number is missing: the talker pauses. One is missing in a pause: it may
 * have been the last word. */
static void
pauses_are_silence(void **state)
{
	struct sender s = { .hz = 440 };
	struct rtp_render *r = make_at(8000, 6 * S);

	for (int i = 0; i < 300; i++) {
		if (i / 50 % 2 == 0) {
			send_frame(r, &s, 20 * MS * i, FRAME);
			continue;
		}
		s.timestamp += FRAME;
		s.sample += FRAME;
		if (i == 150)
			s.sequence++;
	}
	assert_int_equal(rtp_render_stats_peek(r)->missing, 1);
	assert_int_equal(rtp_render_stats_peek(r)->concealed, FRAME);
	assert_int_equal(finish(r, sound, 160000), 48000);
	check_tone(sound, &s, 0, 8000, 0);
	assert_int_equal(zeros(sound, 8000, 16000, 0), 8000);
	check_tone(sound, &s, 16000, 24000, 16000);
	assert_true(zeros(sound, 24000, 24000 + FRAME, 0) < 20);
	assert_int_equal(zeros(sound, 24000 + FRAME, 32000, 0), 8000 - FRAME);
	check_tone(sound, &s, 32000 + BLEND, 40000, 32000 + BLEND);
}

/* ---- more than a frame ----------------------------------------------------
 */

/* A frame of a sender, with what is particular to it. */
static void
send_as(struct rtp_render *r, struct sender *s, int64_t at_ns,
	struct rtp_render_frame *frame)
{
	uint8_t payload[FRAME];

	for (uint32_t i = 0; i < FRAME; i++)
		payload[i] = tone(s->hz, s->sample + i);
	frame->time_ns = START + at_ns;
	frame->stream = s->stream;
	frame->timestamp = s->timestamp;
	frame->sequence = s->sequence;
	frame->channel = s->channel;
	frame->payload = payload;
	frame->payload_bytes = FRAME;
	if (!frame->format)
		frame->format = &pcma;
	assert_int_equal(rtp_render_frame(r, frame), 0);
	lose(s, FRAME);
}

/* What was left out on purpose is not made up, however short. */
static void
nothing_is_made_up_on_purpose(void **state)
{
	struct rtp_render_frame after = { .after_gap = true };
	struct sender s = { .hz = 440 };
	struct rtp_render *r = make_at(8000, 1 * S);

	for (int i = 0; i < 50; i++) {
		if (i == 20)
			lose(&s, FRAME);
		else if (i == 21)
			send_as(r, &s, 20 * MS * i, &after);
		else
			send_frame(r, &s, 20 * MS * i, FRAME);
	}
	assert_int_equal(rtp_render_stats_peek(r)->concealed, 0);
	assert_int_equal(rtp_render_stats_peek(r)->missing, 0);
	assert_int_equal(finish(r, sound, 160000), 8000);
	assert_int_equal(zeros(sound, 20 * FRAME, 21 * FRAME, 0), FRAME);
	check_tone(sound, &s, 21 * FRAME, 8000, 21 * FRAME);
}

/* A packet with the two before it. */
static void
send_with_spares(struct rtp_render *r, struct sender *s, int64_t at_ns,
		 bool after_gap)
{
	struct rtp_render_spare spares[2];
	struct rtp_render_frame frame = { .spares = spares,
					  .spares_count = 2,
					  .after_gap = after_gap };
	uint8_t payloads[2][FRAME];

	for (uint32_t k = 0; k < 2; k++) {
		uint32_t back = (2 - k) * FRAME;

		for (uint32_t i = 0; i < FRAME; i++)
			payloads[k][i] = tone(s->hz, s->sample + i - back);
		spares[k] = (struct rtp_render_spare){
			.timestamp = s->timestamp - back,
			.format = &pcma,
			.payload = payloads[k],
			.payload_bytes = FRAME,
		};
	}
	send_as(r, s, at_ns, &frame);
}

/* One and two lost packets come along with the next one; of five, the last two
 * do. What was left out on purpose does not come back that way. */
static void
spares(void **state)
{
	struct sender s = { .hz = 440, .sequence = 65530 };
	struct rtp_render *r = make_at(8000, 2 * S);

	s.sample = 8000; /* tones repeat each second; spares look back */
	for (int i = 0; i < 100; i++) {
		if (i == 10 || i == 20 || i == 21 || (i >= 30 && i < 35) ||
		    i == 50)
			lose(&s, FRAME);
		else
			send_with_spares(r, &s, 20 * MS * i, i == 51);
	}
	assert_int_equal(rtp_render_stats_peek(r)->spares, 5);
	assert_int_equal(rtp_render_stats_peek(r)->missing, 8);
	assert_int_equal(rtp_render_stats_peek(r)->concealed, MOST);
	assert_int_equal(rtp_render_stats_peek(r)->overlapped, 0);
	assert_int_equal(finish(r, sound, 160000), 16000);
	check_tone(sound, &s, 0, 30 * FRAME, 0);
	check_tone(sound, &s, 33 * FRAME + BLEND, 50 * FRAME,
		   33 * FRAME + BLEND);
	assert_int_equal(zeros(sound, 50 * FRAME, 51 * FRAME, 0), FRAME);
	check_tone(sound, &s, 51 * FRAME, 100 * FRAME, 51 * FRAME);
}

/* What the other hop has is heard, and not what is made up. */
static void
received_before_made_up(void **state)
{
	struct sender near = { .hz = 440, .timestamp = 777 };
	struct sender far = { .hz = 440, .timestamp = 777, .stream = 1 };
	struct rtp_render *r = make_at(8000, 4 * S);

	for (int i = 0; i < 200; i++) {
		int64_t at = 20 * MS * i;

		if (i % 20 == 7)
			lose(&near, FRAME);
		else
			send_frame(r, &near, at, FRAME);
		if (i % 20 == 14)
			lose(&far, FRAME);
		else
			send_frame(r, &far, at + 37 * MS, FRAME);
	}
	assert_true(rtp_render_stats_peek(r)->concealed > 0);
	assert_int_equal(finish(r, sound, 160000), 32000);
	for (size_t i = 0; i < 200; i++) {
		/* the hop that is heard is changed to, and blended itself */
		size_t blend = i % 20 == 8 || i % 20 == 15 ? BLEND : 0;

		check_tone(sound, &near, i * FRAME + blend, (i + 1) * FRAME,
			   (uint32_t)(i * FRAME + blend));
	}
}

/* How a tone that began at a sample differs from what is there, in dB of its
 * power. */
static double
noise_db(const int16_t *pcm, size_t from, size_t until, double hz,
	 uint32_t sample_hz)
{
	double noise = 0;

	for (size_t i = from; i < until; i++) {
		double off = pcm[2 * i] -
			     10000 * sin(2 * M_PI * hz * (double)i / sample_hz);

		noise += off * off;
	}
	return 10 * log10(noise / (double)(until - from) / (1e8 / 2));
}

/* ---- comfort noise ---------------------------------------------------------
 */

static void
send_noise(struct rtp_render *r, struct sender *s, int64_t at_ns, uint8_t level,
	   int64_t until_ns)
{
	static const struct rtp_format cn = { .encoding = "CN",
					      .clock_hz = 8000,
					      .payload_type = 13,
					      .channels = 1 };
	const struct rtp_render_frame frame = {
		.time_ns = START + at_ns,
		.stream = s->stream,
		.timestamp = s->timestamp,
		.sequence = s->sequence++,
		.format = &cn,
		.payload = &level,
		.payload_bytes = 1,
		.quiet_until_ns = START + until_ns,
	};

	assert_int_equal(rtp_render_frame(r, &frame), 0);
}

/* In dBov. */
static double
level_of(const int16_t *pcm, size_t from, size_t until)
{
	double sum = 0;

	for (size_t i = from; i < until; i++)
		sum += (double)pcm[2 * i] * pcm[2 * i];
	return 10 * log10(sum / (double)(until - from) / (32767.0 * 32767.0));
}

/*
 * Speech to 1 s, noise of -40 dBov to 4 s, then of -60, speech from 6 to 7 s,
 * noise to 8 s, where it has to end; all of it is taken as time goes on. What a
 * second hop has in the noise, from 2.0 to 2.5 s, is heard.
 */
static void
noise_at(uint32_t hz)
{
	struct sender s = { .hz = 440 }, other = { .hz = 880, .stream = 1 };
	struct rtp_render *r = make_at(hz, 10 * S);
	size_t n = 0, ms = hz / 1000;

	for (int64_t i = 0; i < 500; i++) {
		int64_t at = 20 * MS * i;

		if (i < 50 || (i >= 300 && i < 350))
			send_frame(r, &s, at, FRAME);
		else if (i == 50 || i == 350)
			send_noise(r, &s, at, 40, i == 350 ? 8 * S : 9 * S);
		else if (i == 200)
			send_noise(r, &s, at, 60, 9 * S);
		if (i >= 50 && (i < 300 || i >= 350))
			s.timestamp += FRAME, s.sample += FRAME;
		if (i >= 100 && i < 125)
			send_frame(r, &other, at, FRAME);
		n += take(r, sound + 2 * n, 100000,
			  START + at - RTP_RENDER_BEHIND_NS);
	}
	assert_int_equal(rtp_render_stats_peek(r)->missing, 0);
	assert_int_equal(rtp_render_stats_peek(r)->concealed, 0);
	n += finish(r, sound + 2 * n, 200000);
	assert_int_equal(n, 10 * hz);
	assert_true(fabs(level_of(sound, 1010 * ms, 1990 * ms) + 40) < 0.5);
	assert_true(fabs(level_of(sound, 2510 * ms, 3990 * ms) + 40) < 0.5);
	assert_true(fabs(level_of(sound, 4010 * ms, 5990 * ms) + 60) < 0.5);
	assert_true(fabs(level_of(sound, 7010 * ms, 7990 * ms) + 40) < 0.5);
	assert_true(noise_db(sound, 10 * ms, 990 * ms, 440, hz) < -34);
	assert_true(noise_db(sound, 2010 * ms, 2490 * ms, 880, hz) < -34);
	assert_true(noise_db(sound, 6010 * ms, 6990 * ms, 440, hz) < -34);
	assert_int_equal(zeros(sound, 8010 * ms, 10000 * ms, 0), 1990 * ms);
}

static void
comfort_noise(void **state)
{
	noise_at(8000);
	noise_at(48000);
}

/* In what was left out there is no noise either; nor without concealment. */
static void
no_noise_on_purpose(void **state)
{
	struct rtp_render_frame after = { .after_gap = true };

	for (int conceal = 0; conceal < 2; conceal++) {
		struct sender s = { .hz = 440 };
		struct rtp_render *r =
		    conceal ? make_at(8000, 3 * S) : make(3 * S);

		send_frame(r, &s, 0, FRAME);
		send_noise(r, &s, 20 * MS, 30, conceal ? 1 * S : 3 * S);
		lose(&s, 2 * 8000 - FRAME);
		send_as(r, &s, 2 * S, &after);
		assert_int_equal(finish(r, sound, 160000), 24000);
		check_tone(sound, &s, 0, FRAME, 0);
		assert_int_equal(zeros(sound, conceal ? 8000 : FRAME, 16000, 0),
				 conceal ? 8000 : 16000 - FRAME);
		check_tone(sound, &s, 16000, 16160, 16000);
	}
}

/* ---- changes in mid-call ---------------------------------------------------
 */

/* The sender begins anew with another SSRC, other numbers and another length of
 * packets, as after a re-INVITE: time goes on. */
static void
another_ssrc(void **state)
{
	struct sender a = { .hz = 440, .timestamp = 1000, .sequence = 9 };
	struct sender b = { .hz = 440,
			    .stream = 1,
			    .timestamp = 0xfffff000,
			    .sequence = 65530,
			    .sample = 16000 };
	struct rtp_render *r = make_at(8000, 4 * S);

	for (int i = 0; i < 100; i++)
		send_frame(r, &a, 20 * MS * i, 160);
	for (int i = 0; i < 66; i++)
		send_frame(r, &b, 2 * S + 30 * MS * i, 240);
	assert_int_equal(rtp_render_stats_peek(r)->missing, 0);
	assert_int_equal(finish(r, sound, 160000), 32000);
	check_tone(sound, &a, 0, 16000, 0);
	check_tone(sound, &a, 16000, 16000 + 66 * 240, 16000);
}

/* A-law, mu-law and back, with comfort noise and digits in between: nothing is
 * missing, and each is decoded as what it is. */
static void
another_codec(void **state)
{
	static const struct rtp_format pcmu = { .encoding = "PCMU",
						.clock_hz = 8000,
						.channels = 1 };
	static const struct rtp_format event = { .encoding = "telephone-event",
						 .clock_hz = 8000,
						 .payload_type = 101,
						 .channels = 1 };
	const int16_t *values = rtp_g711_values("PCMU");
	struct sender s = { .hz = 440 };
	struct rtp_render *r = make_at(8000, 2 * S);

	for (int i = 0; i < 100; i++) {
		struct rtp_render_frame frame = { .format = NULL };

		if (i % 10 == 5)
			frame.format = &event;
		else if (i / 20 % 2 == 1)
			frame.format = &pcmu;
		send_as(r, &s, 20 * MS * i, &frame);
	}
	assert_int_equal(rtp_render_stats_peek(r)->missing, 0);
	assert_int_equal(rtp_render_stats_peek(r)->no_codec, 10);
	assert_int_equal(finish(r, sound, 160000), 16000);
	for (size_t i = 0; i < 100; i++) {
		size_t at = i * FRAME;

		if (i % 10 == 5)
			assert_int_equal(zeros(sound, at, at + FRAME, 0),
					 FRAME);
		else if (i / 20 % 2 == 0)
			check_tone(sound, &s, at, at + FRAME, (uint32_t)at);
		else
			assert_int_equal(sound[2 * at],
					 values[tone(440, (uint32_t)at)]);
	}
}

/* ---- other rates -----------------------------------------------------------
 */

static void
at_rate(uint32_t hz)
{
	const size_t times = hz / 8000;
	struct sender s = { .hz = 440 };
	struct rtp_render *r = make_at(hz, 3 * S);
	size_t n = 0;

	for (int64_t i = 0; i < 150; i++) {
		if (i >= 50 && i < 100)
			s.timestamp += FRAME, s.sample += FRAME;
		else
			send_frame(r, &s, 20 * MS * i, FRAME);
		n += take(r, sound + 2 * n, 700,
			  START + 20 * MS * i - RTP_RENDER_BEHIND_NS);
	}
	n += finish(r, sound + 2 * n, 3 * hz);
	assert_int_equal(n, 3 * hz);
	/* A-law alone is at -38 dB; sounds begin and end where they do */
	assert_true(noise_db(sound, 20 * times, 7980 * times, 440, hz) < -34);
	assert_true(noise_db(sound, 16020 * times, 23980 * times, 440, hz) <
		    -34);
	assert_int_equal(zeros(sound, 8000 * times, 16000 * times, 0),
			 8000 * times);
	assert_true(abs(sound[2 * (7995 * times)] - decoded(440, 7995)) < 2000);
}

static void
other_rates(void **state)
{
	at_rate(16000);
	at_rate(48000);
}

/* A clock that is off is put right at all rates alike, without a click. */
static void
rates_drift_alike(void **state)
{
	static const uint32_t rates[] = { 8000, 16000, 48000 };

	for (size_t k = 0; k < 3; k++) {
		struct sender s = { .hz = 440 };
		struct rtp_render *r = make_at(rates[k], 100 * S);

		for (int64_t i = 0; i < 4900; i++) {
			int64_t at = 20 * MS * i + i * 20 * 200;
			size_t n;

			send_frame(r, &s, at, FRAME);
			n = take(r, sound, 48000 * 12,
				 START + at - RTP_RENDER_BEHIND_NS);
			assert_true(bend(sound, n) < 2600);
			assert_int_equal(zeros(sound, 0, n, 0) > n / 40, false);
		}
		assert_in_range(rtp_render_stats_peek(r)->slipped, 80, 160);
		assert_int_equal(rtp_render_stats_peek(r)->overlapped, 0);
		rtp_render_free(&r);
	}
}

/* Two hops of one sender, whose clock is off; each loses what the other has.
 * They are moved alike: changes between them are not heard. */
static void
hops_drift_together(void **state)
{
	struct sender near = { .hz = 440 };
	struct sender far = { .hz = 440, .stream = 1 };
	struct rtp_render *r = make(600 * S);
	size_t holes = 0;

	for (int64_t i = 0; i < 29000; i++) {
		int64_t at = 20 * MS * i + i * 20 * 100;
		size_t n;

		if (i % 70 == 20)
			lose(&near, FRAME);
		else
			send_frame(r, &near, at, FRAME);
		if (i % 70 == 55)
			lose(&far, FRAME);
		else
			send_frame(r, &far, at + 33 * MS, FRAME);
		n = take(r, sound, 48000, START + at - RTP_RENDER_BEHIND_NS);
		holes += zeros(sound, 0, n, 0);
		assert_true(bend(sound, n) < 2600);
	}
	assert_int_equal(holes, 0);
	assert_true(rtp_render_stats_peek(r)->slipped > 800);
	assert_int_equal(rtp_render_stats_peek(r)->overlapped, 0);
	rtp_render_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_losses),
		cmocka_unit_test(bursts),
		cmocka_unit_test(tone_goes_on),
		cmocka_unit_test(pauses_are_silence),
		cmocka_unit_test(nothing_is_made_up_on_purpose),
		cmocka_unit_test(spares),
		cmocka_unit_test(received_before_made_up),
		cmocka_unit_test(comfort_noise),
		cmocka_unit_test(no_noise_on_purpose),
		cmocka_unit_test(another_ssrc),
		cmocka_unit_test(another_codec),
		cmocka_unit_test(other_rates),
		cmocka_unit_test(rates_drift_alike),
		cmocka_unit_test(hops_drift_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
