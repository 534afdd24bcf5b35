/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * G.711 (ITU-T, 1988): A-law and mu-law, one byte a sample at 8000 Hz. Decoded
 * by tables that the preprocessor works out from the definition: a code is a
 * sign, a segment of three bits and a step of four; each segment is twice as
 * coarse as the one below. Values are those of the standard scaled to 16 bits.
 */
#include "rtp/g711.h"

#include <errno.h>
#include <stddef.h>
#include <strings.h>

#include "rtp/codec/codec_priv.h"

#define STEP(c)    ((c)&0x0f)
#define SEGMENT(c) (((c) >> 4) & 0x07)

/* mu-law codes are sent inverted; 0x84 is the bias of the coder (33 << 2). */
#define MU_SIZE(c) ((((STEP(c) << 3) + 0x84) << SEGMENT(c)) - 0x84)
#define MU(c)      (int16_t)((c)&0x80 ? MU_SIZE(~(c)) : -MU_SIZE(~(c)))

/* A-law codes are sent with every other bit inverted; segments 0 and 1 have
 * the same step. */
#define A_SIZE(c)                                                              \
	(SEGMENT(c)                                                            \
	     ? ((STEP(c) << 4) + 0x108) << (SEGMENT(c) ? SEGMENT(c) - 1 : 0)   \
	     : (STEP(c) << 4) + 8)
#define A(c) (int16_t)((c)&0x80 ? A_SIZE((c) ^ 0x55) : -A_SIZE((c) ^ 0x55))

#define ROW4(law, c) law(c), law((c) + 1), law((c) + 2), law((c) + 3)
#define ROW16(law, c)                                                          \
	ROW4(law, c), ROW4(law, (c) + 4), ROW4(law, (c) + 8),                  \
	    ROW4(law, (c) + 12)
#define ROW64(law, c)                                                          \
	ROW16(law, c), ROW16(law, (c) + 16), ROW16(law, (c) + 32),             \
	    ROW16(law, (c) + 48)
#define TABLE(law)                                                             \
	{                                                                      \
		ROW64(law, 0), ROW64(law, 64), ROW64(law, 128),                \
		    ROW64(law, 192)                                            \
	}

static const int16_t mu_law[256] = TABLE(MU);
static const int16_t a_law[256] = TABLE(A);

const int16_t *
rtp_g711_values(const char *encoding)
{
	if (strcasecmp(encoding, "PCMA") == 0)
		return a_law;
	if (strcasecmp(encoding, "PCMU") == 0)
		return mu_law;
	return NULL;
}

static int
expand(int16_t *pcm, size_t capacity, const uint8_t *payload, size_t n,
       const int16_t *values)
{
	size_t i = 0;

	if (n > capacity)
		return -ENOSPC;
	/* of a long export a tenth; so four at a time */
	for (; i + 4 <= n; i += 4) {
		pcm[i] = values[payload[i]];
		pcm[i + 1] = values[payload[i + 1]];
		pcm[i + 2] = values[payload[i + 2]];
		pcm[i + 3] = values[payload[i + 3]];
	}
	for (; i < n; i++)
		pcm[i] = values[payload[i]];
	return (int)n;
}

static int
decode_pcma(void *state, int16_t *pcm, size_t capacity, const uint8_t *payload,
	    size_t n)
{
	return expand(pcm, capacity, payload, n, a_law);
}

static int
decode_pcmu(void *state, int16_t *pcm, size_t capacity, const uint8_t *payload,
	    size_t n)
{
	return expand(pcm, capacity, payload, n, mu_law);
}

const struct rtp__codec rtp__codec_pcma = {
	.encoding = "PCMA",
	.clock_hz = 8000,
	.channels_max = 1,
	.decode = decode_pcma,
};
const struct rtp__codec rtp__codec_pcmu = {
	.encoding = "PCMU",
	.clock_hz = 8000,
	.channels_max = 1,
	.decode = decode_pcmu,
};
