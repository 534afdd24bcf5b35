/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/codec/noise.h"

#include <errno.h>
#include <math.h>

/* 0 dBov is a square wave of the largest samples. */
#define OVERLOAD 32767.0

/* A coefficient of 1 or more would let the filter run away. */
#define REFLECTION_MAX 0.99

int
rtp_noise_set(struct rtp_noise *noise, const uint8_t *payload, size_t n)
{
	double gain = 1;

	if (n == 0)
		return -EBADMSG;
	noise->order = 0;
	for (size_t i = 1; i < n && noise->order < RTP_NOISE_ORDER_MAX; i++) {
		double k = (payload[i] - 127) * 258 / 32768.0;

		k = fmax(-REFLECTION_MAX, fmin(REFLECTION_MAX, k));
		noise->reflection[noise->order++] = k;
		gain *= 1 - k * k;
	}
	for (unsigned i = noise->order; i < RTP_NOISE_ORDER_MAX; i++)
		noise->memory[i] = 0;
	/* Numbers that are as likely everywhere have a third of the power of
	 * their largest; the filter makes it more by 1 / gain. */
	noise->amplitude =
	    OVERLOAD * pow(10, -(payload[0] & 0x7f) / 20.0) * sqrt(3 * gain);
	return 0;
}

/* -1 to 1 (Knuth's generator; the high bits are the better ones). */
static double
next_random(struct rtp_noise *noise)
{
	noise->seed = noise->seed * 1664525 + 1013904223;
	return (int32_t)noise->seed / 2147483648.0;
}

/* One sample through the lattice, from the last stage to the first. */
static double
shape(struct rtp_noise *noise, double value)
{
	double *memory = noise->memory;

	for (unsigned i = noise->order; i-- > 0;) {
		value -= noise->reflection[i] * memory[i];
		if (i + 1 < RTP_NOISE_ORDER_MAX)
			memory[i + 1] =
			    memory[i] + noise->reflection[i] * value;
	}
	memory[0] = value;
	return value;
}

void
rtp_noise_make(struct rtp_noise *noise, int16_t *pcm, size_t samples)
{
	for (size_t i = 0; i < samples; i++) {
		double value =
		    shape(noise, noise->amplitude * next_random(noise));

		value = fmax(INT16_MIN, fmin(INT16_MAX, value));
		pcm[i] = (int16_t)lrint(value);
	}
}
