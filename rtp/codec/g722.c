/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * G.722 at 64 kbit/s (ITU-T, 1988; RFC 3551 section 4.5.2): two bands of 8 kHz
 * each, one byte for two samples at 16 kHz. The clock of its timestamps is 8000
 * Hz, by an old mistake that is kept.
 *
 * The bands are put together here: spandsp leaves out the limit,
 * and what is too loud would come out with the other sign.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <spandsp.h>
#include <spandsp/private/g722.h>

#include "rtp/codec/codec_priv.h"

#define BIT_RATE 64000
/** Of the receive filter: half of them for each of the two samples. */
#define TAPS 24

struct state {
	g722_decode_state_t g722;
	int32_t
	    sums[TAPS]; /**< low and high band, sum and difference in turn */
};

static int
open_g722(void **state, const struct rtp_format *format)
{
	struct state *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	g722_decode_init(&s->g722, BIT_RATE, 0);
	s->g722.itu_test_mode = 1; /* the bands by themselves, times two */
	*state = s;
	return 0;
}

static int16_t
limited(int32_t sample)
{
	return (int16_t)(sample > INT16_MAX   ? INT16_MAX
			 : sample < INT16_MIN ? INT16_MIN
					      : sample);
}

/* Two bands in, two samples out, in the same place.
 */
static void
join_bands(int32_t *sums, int16_t pcm[2])
{
	static const int32_t taps[TAPS / 2] = { 3,    -11,  12,   32,
						-210, 951,  3876, -805,
						362,  -156, 53,   -11 };
	const int32_t low = pcm[0] / 2, high = pcm[1] / 2;
	int32_t first = 0, second = 0;

	memmove(sums, sums + 2, (TAPS - 2) * sizeof(*sums));
	sums[TAPS - 2] = low + high;
	sums[TAPS - 1] = low - high;
	for (int i = 0; i < TAPS / 2; i++) {
		second += sums[2 * i] * taps[i];
		first += sums[2 * i + 1] * taps[TAPS / 2 - 1 - i];
	}
	pcm[0] = limited(first >> 11);
	pcm[1] = limited(second >> 11);
}

static int
decode_g722(void *state, int16_t *pcm, size_t capacity, const uint8_t *payload,
	    size_t n)
{
	struct state *s = state;
	int samples;

	if (n > capacity / 2)
		return -ENOSPC;
	samples = g722_decode(&s->g722, pcm, payload, (int)n);
	for (int i = 0; i < samples; i += 2)
		join_bands(s->sums, pcm + i);
	return samples;
}

const struct rtp__codec rtp__codec_g722 = {
	.encoding = "G722",
	.clock_hz = 8000,
	.sample_hz = 16000,
	.channels_max = 1,
	.open = open_g722,
	.state_bytes = sizeof(struct state),
	.decode = decode_g722,
};
