/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Codecs whose senders fall silent: a voice in a quiet noise, coded by their
 * libraries. While nothing is sent the noise goes on as the codec has it, until
 * the next packet and not longer.
 */
#include "rtp/render_feed.h"

#include <bcg729/encoder.h>
#include <opencore-amrnb/interf_enc.h>
#include <opus/opus.h>
#include <vo-amrwbenc/enc_if.h>

#define FRAMES      400 /* of 20 ms */
#define SPEECH_END  100
#define SPEECH_NEXT 300
#define HZ_MAX      48000
#define FRAME_MAX   (HZ_MAX / 50)
#define NOISE       150
#define DTX_BYTES   2

static int16_t sound[2 * HZ_MAX * FRAMES / 50];

/* ---- coding -------------------------------------------------------------- */

struct way {
	struct rtp_format format;
	uint32_t hz; /* of its sound */
	void *(*open)(void);
	void (*close)(void *encoder);
	/* @return bytes of the payload; 0: nothing is sent */
	size_t (*encode)(void *encoder, const int16_t *pcm, uint8_t *out);
};

static void *
open_g729(void)
{
	return initBcg729EncoderChannel(1);
}

static void
close_g729(void *encoder)
{
	closeBcg729EncoderChannel(encoder);
}

/* A SID may be the second half of a packet. */
static size_t
encode_g729(void *encoder, const int16_t *pcm, uint8_t *out)
{
	size_t n = 0;

	for (int i = 0; i < 2; i++) {
		uint8_t bytes = 0;

		/* behind a SID there is no frame in a packet */
		bcg729Encoder(encoder, pcm + 80 * i, out + n, &bytes);
		n += bytes;
		if (bytes == 2)
			return n;
	}
	return n;
}

static void *
open_amr(void)
{
	return Encoder_Interface_init(1);
}

/* A frame as in a file, behind a request for nothing. */
static size_t
pack_amr(uint8_t *out, int bytes)
{
	out[0] = 0xf0;
	return bytes > 0 && (out[1] >> 3 & 15) != 15 ? (size_t)bytes + 1 : 0;
}

static size_t
encode_amr(void *encoder, const int16_t *pcm, uint8_t *out)
{
	return pack_amr(
	    out, Encoder_Interface_Encode(encoder, MR122, pcm, out + 1, 0));
}

static size_t
encode_amr_wb(void *encoder, const int16_t *pcm, uint8_t *out)
{
	return pack_amr(out, E_IF_encode(encoder, 2, pcm, out + 1, 1));
}

static void *
open_opus(void)
{
	OpusEncoder *opus =
	    opus_encoder_create(16000, 1, OPUS_APPLICATION_VOIP, NULL);

	opus_encoder_ctl(opus, OPUS_SET_BITRATE(16000));
	opus_encoder_ctl(opus, OPUS_SET_DTX(1));
	return opus;
}

static void
close_opus(void *encoder)
{
	opus_encoder_destroy(encoder);
}

static size_t
encode_opus(void *encoder, const int16_t *pcm, uint8_t *out)
{
	return (size_t)opus_encode(encoder, pcm, 320, out, 500);
}

static const struct way ways[] = {
	{ { "G729", 8000, 18, 1, "" },
	  8000,
	  open_g729,
	  close_g729,
	  encode_g729 },
	{ { "AMR", 8000, 97, 1, "octet-align=1" },
	  8000,
	  open_amr,
	  Encoder_Interface_exit,
	  encode_amr },
	{ { "AMR-WB", 16000, 97, 1, "octet-align=1" },
	  16000,
	  E_IF_init,
	  E_IF_exit,
	  encode_amr_wb },
	{ { "opus", 48000, 97, 1, "" },
	  16000,
	  open_opus,
	  close_opus,
	  encode_opus },
};

/* ---- sending ------------------------------------------------------------- */

static bool
is_speech(int frame)
{
	return frame < SPEECH_END || frame >= SPEECH_NEXT;
}

/* Pulses whose pitch and strength change, or only the noise behind them. */
static void
make_frame(const struct way *way, int frame, uint32_t *seed, int16_t *pcm)
{
	uint32_t n = way->hz / 50;

	for (uint32_t i = 0; i < n; i++) {
		double t = ((double)frame * n + i) / way->hz;
		double x = 0, phase = 130 * t + 5 * sin(4 * t);

		*seed = *seed * 1664525 + 1013904223;
		for (int k = 1; k < 12 && is_speech(frame); k++)
			x += sin(2 * M_PI * k * phase) / k;
		x *= 3000 * (1.1 + sin(2 * M_PI * 3 * t));
		x += NOISE * 1.732 * ((double)(*seed >> 16) / 32768 - 1);
		pcm[i] = (int16_t)lrint(x);
	}
}

struct sent {
	size_t packets, in_pause;
};

/* @param until_ns noise ends there, in the first pause
 * @param cut nothing is sent any more once the sender falls silent after it */
static struct sent
send_all(struct rtp_render *r, const struct way *way, int64_t until_ns, int cut)
{
	void *encoder = way->open();
	struct sent sent = { .packets = 0 };
	bool silent = false;
	uint32_t seed = 1;

	for (int i = 0; i < FRAMES; i++) {
		int16_t pcm[FRAME_MAX];
		uint8_t bytes[512];
		struct rtp_render_frame frame = {
			.time_ns = START + 20 * MS * i,
			.timestamp = way->format.clock_hz / 50 * (uint32_t)i,
			.sequence = (uint16_t)sent.packets,
			.format = &way->format,
			.quiet_until_ns = START + until_ns,
		};
		uint8_t *copy;

		make_frame(way, i, &seed, pcm);
		frame.payload_bytes =
		    (uint32_t)way->encode(encoder, pcm, bytes);
		/* Of Opus the first in a pause is sent, as WebRTC does it. */
		if (way->encode == encode_opus &&
		    frame.payload_bytes <= DTX_BYTES) {
			if (silent)
				frame.payload_bytes = 0;
			silent = true;
		} else {
			silent = false;
		}
		if (!frame.payload_bytes && i >= cut)
			break;
		if (!frame.payload_bytes)
			continue;
		sent.packets++;
		sent.in_pause += i >= SPEECH_END + 50 && i < SPEECH_NEXT;
		frame.payload = copy = testing_copy(bytes, frame.payload_bytes);
		assert_int_equal(rtp_render_frame(r, &frame), 0);
		free(copy);
	}
	way->close(encoder);
	return sent;
}

static double
rms(size_t from, size_t until)
{
	double sum = 0;

	for (size_t i = from; i < until; i++)
		sum += (double)sound[2 * i] * sound[2 * i];
	return sqrt(sum / (double)(until - from));
}

static struct rtp_render *
make_for(const struct way *way, bool no_conceal)
{
	const struct rtp_render_config config = { way->hz, no_conceal, START,
						  START + FRAMES * 20 * MS };
	struct rtp_render *r;

	assert_int_equal(rtp_render_new(&r, &config), 0);
	return r;
}

/* ---- tests --------------------------------------------------------------- */

/* In the middle of the pause, piece by piece, there is about as much noise as
 * the talker had around him. */
static void
noise_goes_on(void **state)
{
	for (size_t k = 0; k < sizeof(ways) / sizeof(ways[0]); k++) {
		const struct way *way = &ways[k];
		size_t frame = way->hz / 50;
		struct rtp_render *r = make_for(way, false);
		struct sent sent = send_all(r, way, 100 * S, FRAMES);

		/* else there is nothing to hear in between */
		assert_in_range(sent.in_pause, 1, 50);
		assert_int_equal(rtp_render_stats_peek(r)->missing, 0);
		assert_int_equal(rtp_render_stats_peek(r)->concealed, 0);
		assert_true(rtp_render_stats_peek(r)->noise > 50 * frame);
		assert_int_equal(finish(r, sound, sizeof(sound) / 4),
				 FRAMES * frame);
		for (int i = SPEECH_END + 60; i < SPEECH_NEXT - 5; i += 5) {
			double is =
			    rms((size_t)i * frame, (size_t)(i + 5) * frame);

			if (is < NOISE / 3. || is > NOISE * 2.)
				fail_msg("%s, frame %d: %.0f, not %d",
					 way->format.encoding, i, is, NOISE);
		}
		assert_true(rms((SPEECH_NEXT + 20) * frame,
				(SPEECH_NEXT + 90) * frame) > 1000);
	}
}

/* Where something was left out, or the stream is over, it ends. */
static void
noise_ends(void **state)
{
	const int64_t end = 4000 * MS;

	for (size_t k = 0; k < sizeof(ways) / sizeof(ways[0]); k++) {
		const struct way *way = &ways[k];
		struct rtp_render *r = make_for(way, false);
		size_t at = (size_t)(end / MS) * way->hz / 1000;
		size_t step = way->hz / 7, until = at + way->hz;
		size_t n = 0, more;

		send_all(r, way, end, SPEECH_END + 60);
		while ((more = take(r, sound + 2 * n, step, INT64_MAX)) > 0)
			n += more;
		rtp_render_free(&r);
		assert_int_equal(n, FRAMES * (size_t)(way->hz / 50));
		assert_true(rms(at - way->hz / 10, at) > NOISE / 3.);
		/* a resampler rings on for a moment */
		assert_true(rms(at + way->hz / 50, until) == 0);
	}
}

/* Without anything made up, only what was sent. */
static void
no_noise(void **state)
{
	for (size_t k = 0; k < sizeof(ways) / sizeof(ways[0]); k++) {
		const struct way *way = &ways[k];
		struct rtp_render *r = make_for(way, true);
		size_t frame = way->hz / 50;
		struct sent sent = send_all(r, way, 100 * S, FRAMES);
		size_t from = (SPEECH_END + 50) * frame;
		size_t until = SPEECH_NEXT * frame;

		assert_int_equal(rtp_render_stats_peek(r)->noise, 0);
		finish(r, sound, sizeof(sound) / 4);
		assert_true(zeros(sound, from, until, 0) >=
			    until - from - (sent.in_pause + 1) * frame);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(noise_goes_on),
		cmocka_unit_test(noise_ends),
		cmocka_unit_test(no_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
