/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the codec brings along is heard: the copy of a lost frame in the next
 * packet, noise that is described once and not sent; and a change of the codec
 * in mid-call, at other rates and other clocks, moves nothing.
 */
#include "rtp/render_feed.h"

#include <opus/opus.h>

#define HZ      48000
#define FRAME   960
#define PACKETS 150

static const struct rtp_format opus = { "opus", 48000, 96, 2, "" };
static const struct rtp_format linear = { "L16", 16000, 97, 1, "" };

static uint8_t packet[PACKETS][1500];
static size_t bytes[PACKETS];
static int16_t whole[2 * HZ * 4], sound[2 * HZ * 4];

static struct rtp_render *
make_wide(int64_t length_ns)
{
	const struct rtp_render_config config = { HZ, false, START,
						  START + length_ns };
	struct rtp_render *r;

	assert_int_equal(rtp_render_new(&r, &config), 0);
	return r;
}

/* ---- Opus ---------------------------------------------------------------- */

/* A voice of a sort: pulses whose pitch and strength go up and down. */
static void
speak(int16_t *pcm, int frame, double *phase)
{
	for (int i = 0; i < FRAME; i++) {
		double t = (frame * FRAME + i) / (double)HZ, x = 0;

		*phase += (150 + 50 * sin(2 * M_PI * 3 * t)) / HZ;
		for (int k = 1; k < 15; k++)
			x += sin(2 * M_PI * k * *phase) / k;
		pcm[i] =
		    (int16_t)lrint(x * 4000 * (1.2 + sin(2 * M_PI * 7 * t)));
	}
}

/* @param quiet_from frames from here on have a faint hiss */
static void
code(bool fec, bool dtx, int quiet_from)
{
	OpusEncoder *encoder =
	    opus_encoder_create(HZ, 1, OPUS_APPLICATION_VOIP, NULL);
	uint32_t seed = 1;
	double phase = 0;
	int16_t pcm[FRAME];

	opus_encoder_ctl(encoder, OPUS_SET_BITRATE(24000));
	opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(fec));
	opus_encoder_ctl(encoder, OPUS_SET_PACKET_LOSS_PERC(fec ? 30 : 0));
	opus_encoder_ctl(encoder, OPUS_SET_DTX(dtx));
	for (int p = 0; p < PACKETS; p++) {
		int n;

		speak(pcm, p, &phase);
		for (int i = 0; p >= quiet_from && i < FRAME; i++) {
			seed = seed * 1664525 + 1013904223;
			pcm[i] = (int16_t)((seed >> 16) % 21) - 10;
		}
		n = opus_encode(encoder, pcm, FRAME, packet[p], 1500);
		assert_true(n > 0);
		bytes[p] = (size_t)n;
	}
	opus_encoder_destroy(encoder);
}

/* All packets but those that are lost or, as a pause, not sent. */
static void
render(const bool *lost, const bool *unsent, int16_t *pcm,
       struct rtp_render_stats *stats)
{
	struct rtp_render *r = make_wide(4 * S);
	uint16_t sequence = 65500;

	for (int p = 0; p < PACKETS; p++) {
		uint8_t *copy = testing_copy(packet[p], bytes[p]);
		const struct rtp_render_frame frame = {
			.time_ns = START + 20 * MS * p,
			.timestamp = (uint32_t)(p * FRAME),
			.sequence = sequence,
			.format = &opus,
			.payload = copy,
			.payload_bytes = (uint32_t)bytes[p],
			.quiet_until_ns = START + 20 * MS * PACKETS,
		};

		sequence += !unsent[p];
		if (!lost[p] && !unsent[p])
			assert_int_equal(rtp_render_frame(r, &frame), 0);
		free(copy);
	}
	*stats = *rtp_render_stats_peek(r);
	assert_int_equal(finish(r, pcm, 4 * HZ), 4 * HZ);
}

static const bool none[PACKETS];

/* How like what was lost is what is heard in its place, of the last packet of
 * each run, in dB. */
static double
rebuilt_db(bool fec, int run)
{
	struct rtp_render_stats stats;
	bool lost[PACKETS] = { false };
	double sum = 0;
	int count = 0;

	code(fec, false, PACKETS);
	for (int p = 20; p < PACKETS - 5; p += 7)
		for (int k = 0; k < run; k++)
			lost[p + k] = true;
	render(none, none, whole, &stats);
	assert_int_equal(stats.concealed, 0);
	render(lost, none, sound, &stats);
	for (int p = 0; p < PACKETS; p++) {
		double signal = 1, noise = 1;

		if (!lost[p] || lost[p + 1])
			continue;
		for (int i = p * FRAME; i < (p + 1) * FRAME; i++) {
			double off = whole[2 * i] - sound[2 * i];

			signal += (double)whole[2 * i] * whole[2 * i];
			noise += off * off;
		}
		sum += 10 * log10(signal / noise);
		count++;
	}
	assert_int_equal(stats.missing, run * count);
	assert_int_equal(stats.concealed, run * count * FRAME);
	return sum / count;
}

static void
copy_in_the_next(void **state)
{
	double copied = rebuilt_db(true, 1), made_up = rebuilt_db(false, 1);

	print_message("one lost: %.1f dB with its copy, %.1f dB made up\n",
		      copied, made_up);
	assert_true(copied > made_up + 5);
	copied = rebuilt_db(true, 3);
	made_up = rebuilt_db(false, 3);
	print_message("three lost: %.1f dB, %.1f dB\n", copied, made_up);
	assert_true(copied > made_up + 2);
}

/* After the packet that says so nothing is sent until there is more to say. */
static void
noise_goes_on(void **state)
{
	OpusDecoder *decoder = opus_decoder_create(HZ, 1, NULL);
	bool unsent[PACKETS] = { false };
	struct rtp_render_stats stats;
	int16_t pcm[FRAME];
	int count = 0;

	code(false, true, 50);
	for (int p = 1; p < PACKETS; p++)
		unsent[p] = bytes[p] <= 2 && bytes[p - 1] <= 2;
	render(none, unsent, sound, &stats);
	for (int p = 0; p < PACKETS; p++) {
		assert_int_equal(
		    opus_decode(decoder, unsent[p] ? NULL : packet[p],
				unsent[p] ? 0 : (opus_int32)bytes[p], pcm,
				FRAME, 0),
		    FRAME);
		count += unsent[p];
		for (int i = 0; i < FRAME; i++)
			assert_int_equal(sound[2 * (p * FRAME + i)], pcm[i]);
	}
	assert_true(count > 50);
	assert_int_equal(stats.missing, 0);
	assert_int_equal(stats.concealed, 0);
	assert_true(stats.noise > 50 * FRAME);
	opus_decoder_destroy(decoder);
}

/* ---- another codec in mid-call ------------------------------------------- */

/* A second of a tone in this format: 20 ms a frame, whatever the clock. */
static void
send_second(struct rtp_render *r, const struct rtp_format *format, int second,
	    struct rtp_render_frame *frame)
{
	uint32_t samples = format->clock_hz / 50;

	for (int p = 0; p < 50; p++) {
		uint8_t payload[1500];
		uint32_t n = samples;

		for (uint32_t i = 0; i < samples && format != &opus; i++) {
			double x =
			    10000 * sin(2 * M_PI * 440 * i / format->clock_hz);
			int16_t v = (int16_t)lrint(x);

			payload[i] = tone(440, (uint32_t)p * samples + i);
			if (format != &linear)
				continue;
			payload[2 * i] = (uint8_t)(v >> 8);
			payload[2 * i + 1] = (uint8_t)v;
			n = 2 * samples;
		}
		if (format == &opus) {
			n = (uint32_t)bytes[p];
			memcpy(payload, packet[p], n);
		}
		frame->time_ns = START + S * second + 20 * MS * p;
		frame->format = format;
		frame->payload = payload;
		frame->payload_bytes = n;
		assert_int_equal(rtp_render_frame(r, frame), 0);
		frame->sequence++;
		frame->timestamp += samples;
	}
}

/* 20 ms, at the end of which a voice is louder than nothing. */
static bool
is_heard(size_t at)
{
	double sum = 0;

	for (size_t i = at; i < at + FRAME; i++)
		sum += (double)sound[2 * i] * sound[2 * i];
	return sum > FRAME * 100.0 * 100;
}

/*
 * A-law, linear sound at 16 kHz, Opus, and A-law again, in one stream, as by
 * other payload types without a re-INVITE. The other side is not moved by it.
 */
static void
one_stream_of_many_rates(void **state)
{
	static const struct rtp_format *const formats[] = { &pcma, &linear,
							    &opus, &pcma };
	struct rtp_render_frame left = { .sequence = 65530,
					 .timestamp = 0xffffff00 };
	struct rtp_render_frame right = { .stream = 1, .channel = 1 };
	struct rtp_render *alone = make_wide(4 * S), *r = make_wide(4 * S);

	code(false, false, PACKETS);
	for (int second = 0; second < 4; second++) {
		send_second(r, formats[second], second, &left);
		send_second(r, &pcma, second, &right);
	}
	assert_int_equal(rtp_render_stats_peek(r)->missing, 0);
	assert_int_equal(rtp_render_stats_peek(r)->no_codec, 0);
	assert_int_equal(rtp_render_stats_peek(r)->overlapped, 0);
	assert_int_equal(finish(r, sound, 4 * HZ), 4 * HZ);
	for (size_t p = 0; p < 200; p++)
		assert_true(is_heard(p * FRAME));
	right = (struct rtp_render_frame){ .stream = 1, .channel = 1 };
	for (int second = 0; second < 4; second++)
		send_second(alone, &pcma, second, &right);
	assert_int_equal(finish(alone, whole, 4 * HZ), 4 * HZ);
	for (size_t i = 0; i < 4 * HZ; i++)
		assert_int_equal(sound[2 * i + 1], whole[2 * i + 1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copy_in_the_next),
		cmocka_unit_test(noise_goes_on),
		cmocka_unit_test(one_stream_of_many_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
