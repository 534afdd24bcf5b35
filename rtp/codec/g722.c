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
/** Of the receive filter, for each of the two samples. */
#define TAPS 12
/** So many bytes are decoded at a time. */
#define BLOCK 160

struct state {
	g722_decode_state_t g722;
	/** Of the low and the high band; the first are those of before. */
	int32_t sum[TAPS - 1 + BLOCK];
	int32_t difference[TAPS - 1 + BLOCK];
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

/* Both bands in, two samples out for each pair, in the same place. */
static void
join_bands(struct state *s, int16_t *pcm, size_t pairs)
{
	static const int32_t taps[TAPS] = { 3,    -11,  12,  32,   -210, 951,
					    3876, -805, 362, -156, 53,   -11 };
	const size_t kept = (TAPS - 1) * sizeof(int32_t);

	for (size_t i = 0; i < pairs; i++) {
		const int32_t low = pcm[2 * i] / 2, high = pcm[2 * i + 1] / 2;
		const int32_t *sum = s->sum + i,
			      *difference = s->difference + i;
		int32_t first = 0, second = 0;

		s->sum[TAPS - 1 + i] = low + high;
		s->difference[TAPS - 1 + i] = low - high;
		for (int k = 0; k < TAPS; k++) {
			first += difference[k] * taps[TAPS - 1 - k];
			second += sum[k] * taps[k];
		}
		pcm[2 * i] = limited(first >> 11);
		pcm[2 * i + 1] = limited(second >> 11);
	}
	memmove(s->sum, s->sum + pairs, kept);
	memmove(s->difference, s->difference + pairs, kept);
}

static int
decode_g722(void *state, int16_t *pcm, size_t capacity, const uint8_t *payload,
	    size_t n)
{
	struct state *s = state;
	size_t part;

	if (n > capacity / 2)
		return -ENOSPC;
	for (size_t done = 0; done < n; done += part) {
		part = n - done < BLOCK ? n - done : BLOCK;
		g722_decode(&s->g722, pcm + 2 * done, payload + done,
			    (int)part);
		join_bands(s, pcm + 2 * done, part);
	}
	return (int)(2 * n);
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
