/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tones for the tests of rendering: senders of A-law, and what is heard of
 * them. A-law knows no zero: its smallest values are 8 and -8. So a sample of
 * zero is silence that was never sent, and tests count them exactly.
 */
#ifndef RTP_RENDER_FEED_H
#define RTP_RENDER_FEED_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"
#include "rtp/g711.h"
#include "rtp/rtp.h"

#define MS    1000000LL
#define S     (1000 * MS)
#define START (1553782503 * S + 123456789)

static const struct rtp_format pcma = { .encoding = "PCMA",
					.clock_hz = 8000,
					.payload_type = 8,
					.channels = 1 };

/* A stream of frames of one tone. */
struct sender {
	uint32_t stream;
	uint32_t timestamp;
	uint16_t sequence;
	uint8_t channel;
	double hz;
	uint32_t sample; /* sent so far: the phase */
};

static inline uint8_t
encode(double value)
{
	const int16_t *values = rtp_g711_values("PCMA");
	uint8_t best = 0;
	double error = 1e9;

	for (unsigned code = 0; code < 256; code++) {
		if (fabs(values[code] - value) < error) {
			error = fabs(values[code] - value);
			best = (uint8_t)code;
		}
	}
	return best;
}

/* The brute force above, once for each sample of one second of a tone. */
static inline uint8_t
tone(double hz, uint32_t sample)
{
	static uint8_t table[2][8000];
	static bool made[2];
	int i = hz > 600;

	for (uint32_t k = 0; !made[i] && k < 8000; k++)
		table[i][k] = encode(10000 * sin(2 * M_PI * hz * k / 8000));
	made[i] = true;
	return table[i][sample % 8000];
}

static inline int
put(struct rtp_render *r, const struct sender *s, int64_t at_ns,
    uint32_t samples, bool marker)
{
	uint8_t payload[480];
	struct rtp_render_frame frame = {
		.time_ns = START + at_ns,
		.stream = s->stream,
		.timestamp = s->timestamp,
		.sequence = s->sequence,
		.channel = s->channel,
		.marker = marker,
		.format = &pcma,
		.payload_bytes = samples,
	};
	uint8_t *copy;
	int err;

	for (uint32_t i = 0; i < samples; i++)
		payload[i] = tone(s->hz, s->sample + i);
	frame.payload = copy = testing_copy(payload, samples);
	err = rtp_render_frame(r, &frame);
	free(copy);
	return err;
}

static inline void
lose(struct sender *s, uint32_t samples)
{
	s->timestamp += samples;
	s->sample += samples;
	s->sequence++;
}

static inline void
send_frame(struct rtp_render *r, struct sender *s, int64_t at_ns,
	   uint32_t samples)
{
	assert_int_equal(put(r, s, at_ns, samples, false), 0);
	lose(s, samples);
}

/* Nothing is made up. */
static inline struct rtp_render *
make(int64_t length_ns)
{
	const struct rtp_render_config config = { 8000, true, START,
						  START + length_ns };
	struct rtp_render *r;

	assert_int_equal(rtp_render_new(&r, &config), 0);
	return r;
}

static inline size_t
take(struct rtp_render *r, int16_t *pcm, size_t frames_max, int64_t until_ns)
{
	ssize_t n = rtp_render_take(r, pcm, frames_max, until_ns);

	assert_true(n >= 0);
	return (size_t)n;
}

/* Take all that is left, and free the render. */
static inline size_t
finish(struct rtp_render *r, int16_t *pcm, size_t frames_max)
{
	size_t n = take(r, pcm, frames_max, INT64_MAX);
	int16_t more[2];

	assert_int_equal(take(r, more, 1, INT64_MAX), 0);
	rtp_render_free(&r);
	assert_null(r);
	return n;
}

/* Goertzel: amplitude of hz in one channel. */
static inline double
amplitude(const int16_t *pcm, size_t n, int channel, double hz)
{
	double c = 2 * cos(2 * M_PI * hz / 8000);
	double a = 0;
	double b = 0;

	for (size_t i = 0; i < n; i++) {
		double next = pcm[2 * i + (size_t)channel] + c * a - b;

		b = a;
		a = next;
	}
	return 2 * sqrt(a * a + b * b - c * a * b) / (double)n;
}

static inline size_t
zeros(const int16_t *pcm, size_t from, size_t until, int channel)
{
	size_t count = 0;

	for (size_t i = from; i < until; i++)
		count += pcm[2 * i + (size_t)channel] == 0;
	return count;
}

static inline int16_t
decoded(double hz, uint32_t sample)
{
	return rtp_g711_values("PCMA")[tone(hz, sample)];
}

static inline void
check_tone(const int16_t *pcm, const struct sender *s, size_t from,
	   size_t until, uint32_t sample)
{
	for (size_t i = from; i < until; i++, sample++)
		assert_int_equal(pcm[2 * i + s->channel],
				 decoded(s->hz, sample));
}

/* The largest bend from sample to sample: a click has a larger one. */
static inline int
bend(const int16_t *pcm, size_t n)
{
	int most = 0;

	for (size_t i = 2; i < n; i++) {
		int at = abs(pcm[2 * i] - 2 * pcm[2 * i - 2] + pcm[2 * i - 4]);

		most = at > most ? at : most;
	}
	return most;
}

#endif
