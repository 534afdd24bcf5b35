/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * G.726 (ITU-T, 1990) at 16, 24, 32 and 40 kbit/s: 2 to 5 bits a sample at 8000
 * Hz. There are two packings (RFC 3551 section 4.5.4), and no way to hear which
 * it is but by the noise of the wrong one:
 *
 *   G726-32       the first sample in the low bits of a byte (ITU-T X.420)
 *   AAL2-G726-32  the first sample in the high bits (ITU-T I.366.2)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <spandsp.h>
#include <spandsp/private/bitstream.h>
#include <spandsp/private/g726.h>

#include "rtp/codec/codec_priv.h"

/** Of its old name, which has none (RFC 1890). */
#define G721_BIT_RATE 32000

struct state {
	g726_state_t g726;
	unsigned code_bits;
	bool high_first;
};

static int
open_g726(void **state, const struct rtp_format *format)
{
	const char *kbit = strrchr(format->encoding, '-');
	const int bit_rate =
	    kbit ? (int)strtol(kbit + 1, NULL, 10) * 1000 : G721_BIT_RATE;
	struct state *s = malloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	g726_init(&s->g726, bit_rate, G726_ENCODING_LINEAR, G726_PACKING_NONE);
	s->code_bits = (unsigned)bit_rate / 8000;
	s->high_first = strncasecmp(format->encoding, "AAL2-", 5) == 0;
	*state = s;
	return 0;
}

/*
 * The decoder has 14 bits and makes 16 of them by a shift, past the ends: what
 * is too loud would come out with the other sign. How large it was, the memory
 * of its predictor tells: a sign, an exponent of four bits above a mantissa of
 * six (FLOATB in the Recommendation).
 */
static int16_t
limited(const g726_state_t *g726, int16_t sample)
{
	const bool negative = g726->sr[0] < 0;
	const int size = negative ? g726->sr[0] + (1 << 10) : g726->sr[0];

	if (size >> 6 < 14)
		return sample;
	return negative ? INT16_MIN : INT16_MAX;
}

static int
decode_g726(void *state, int16_t *pcm, size_t capacity, const uint8_t *payload,
	    size_t n)
{
	struct state *s = state;
	const unsigned mask = (1U << s->code_bits) - 1;
	const size_t samples = n * 8 / s->code_bits;
	unsigned bits = 0, have = 0;

	if (samples > capacity)
		return -ENOSPC;
	for (size_t i = 0; i < samples; i++) {
		uint8_t code;

		if (have < s->code_bits) {
			bits = s->high_first
				   ? bits << 8 | *payload
				   : bits | (unsigned)*payload << have;
			payload++;
			have += 8;
		}
		have -= s->code_bits;
		code = (uint8_t)(s->high_first ? bits >> have & mask
					       : bits & mask);
		if (s->high_first)
			bits &= (1U << have) - 1;
		else
			bits >>= s->code_bits;
		g726_decode(&s->g726, &pcm[i], &code, 1);
		pcm[i] = limited(&s->g726, pcm[i]);
	}
	return (int)samples;
}

#define G726(name)                                                             \
	{                                                                      \
		.encoding = name, .clock_hz = 8000, .channels_max = 1,         \
		.open = open_g726, .state_bytes = sizeof(struct state),        \
		.decode = decode_g726,                                         \
	}

const struct rtp__codec rtp__codec_g726[RTP__CODEC_G726_COUNT] = {
	G726("G726-16"),      G726("G726-24"),      G726("G726-32"),
	G726("G726-40"),      G726("AAL2-G726-16"), G726("AAL2-G726-24"),
	G726("AAL2-G726-32"), G726("AAL2-G726-40"),
};
