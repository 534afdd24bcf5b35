/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * G.726 (ITU-T, 1990) at 16, 24, 32 and 40 kbit/s: 2 to 5 bits a sample at 8000
 * Hz. There are two packings (RFC 3551 section 4.5.4):
 *
 *   G726-32       the first sample in the low bits of a byte (ITU-T X.420)
 *   AAL2-G726-32  the first sample in the high bits (ITU-T I.366.2)
 *
 * and telephones that mix them up: baresip 1.0 and linphone 5.1 do. At 24 and
 * 40 kbit/s the wrong one is loud noise from the first packet on, so both are
 * tried there. At 16 and 32 it is speech with some noise, no rougher than
 * speech can be; what the name says has to be believed.
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

/** The wrong packing is rougher by 60 times and more. */
#define ROUGHER 16
/** What is less rough than this is next to silence, and tells nothing. */
#define ROUGH_MIN 100000

/** One of the packings. */
struct unpacked {
	g726_state_t g726;
	bool high_first;
	int16_t last;   /**< sample */
	uint64_t rough; /**< squares of the steps between samples, the older the
			     less of them */
};

struct state {
	unsigned code_bits;
	struct unpacked heard, other;
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
	memset(s, 0, sizeof(*s));
	g726_init(&s->heard.g726, bit_rate, G726_ENCODING_LINEAR,
		  G726_PACKING_NONE);
	s->code_bits = (unsigned)bit_rate / 8000;
	s->heard.high_first = strncasecmp(format->encoding, "AAL2-", 5) == 0;
	s->other = s->heard;
	s->other.high_first = !s->heard.high_first;
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

/* The next code of a row, and how many bits are left over. */
static uint8_t
take_code(const struct unpacked *u, unsigned code_bits, unsigned *bits,
	  unsigned have)
{
	const unsigned mask = (1U << code_bits) - 1;
	uint8_t code;

	if (u->high_first) {
		code = (uint8_t)(*bits >> have & mask);
		*bits &= (1U << have) - 1;
	} else {
		code = (uint8_t)(*bits & mask);
		*bits >>= code_bits;
	}
	return code;
}

/* @param pcm NULL: only to know how rough it is */
static void
unpack(struct unpacked *u, unsigned code_bits, const uint8_t *payload,
       size_t samples, int16_t *pcm)
{
	unsigned bits = 0, have = 0;

	u->rough /= 2;
	for (size_t i = 0; i < samples; i++) {
		int16_t sample;
		uint8_t code;
		int64_t step;

		if (have < code_bits) {
			bits = u->high_first
				   ? bits << 8 | *payload
				   : bits | (unsigned)*payload << have;
			payload++;
			have += 8;
		}
		have -= code_bits;
		code = take_code(u, code_bits, &bits, have);
		g726_decode(&u->g726, &sample, &code, 1);
		sample = limited(&u->g726, sample);
		step = sample - u->last;
		u->rough += (uint64_t)(step * step);
		u->last = sample;
		if (pcm)
			pcm[i] = sample;
	}
}

static int
decode_g726(void *state, int16_t *pcm, size_t capacity, const uint8_t *payload,
	    size_t n)
{
	struct state *s = state;
	const size_t samples = n * 8 / s->code_bits;
	struct unpacked before = s->other;

	if (samples > capacity)
		return -ENOSPC;
	unpack(&s->heard, s->code_bits, payload, samples, pcm);
	if (s->code_bits % 2 == 0)
		return (int)samples;
	unpack(&s->other, s->code_bits, payload, samples, NULL);
	if (s->heard.rough > ROUGH_MIN &&
	    s->heard.rough / ROUGHER > s->other.rough) {
		s->other = s->heard;
		s->heard = before;
		unpack(&s->heard, s->code_bits, payload, samples, pcm);
	}
	explicit_bzero(&before, sizeof(before));
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
