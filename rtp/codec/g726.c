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

/** Its old name, without a rate (RFC 1890). */
#define G721 32000

static int
open_g726(void **state, const struct rtp_format *format)
{
	const bool aal2 = strncasecmp(format->encoding, "AAL2-", 5) == 0;
	const char *dash = strrchr(format->encoding, '-');
	g726_state_t *g726 = malloc(sizeof(*g726));

	if (!g726)
		return -ENOMEM;
	g726_init(g726, dash ? (int)strtol(dash + 1, NULL, 10) * 1000 : G721,
		  G726_ENCODING_LINEAR,
		  aal2 ? G726_PACKING_LEFT : G726_PACKING_RIGHT);
	*state = g726;
	return 0;
}

static int
decode_g726(void *state, int16_t *pcm, size_t capacity, const uint8_t *payload,
	    size_t n)
{
	g726_state_t *g726 = state;

	if (n * 8 / (size_t)g726->bits_per_sample > capacity)
		return -ENOSPC;
	/* No sample goes on in another packet. */
	g726->bs.bitstream = 0;
	g726->bs.residue = 0;
	return g726_decode(g726, pcm, payload, (int)n);
}

#define G726(name)                                                             \
	{                                                                      \
		.encoding = name, .clock_hz = 8000, .channels_max = 1,         \
		.open = open_g726, .state_bytes = sizeof(g726_state_t),        \
		.decode = decode_g726,                                         \
	}

const struct rtp__codec rtp__codec_g726[RTP__CODEC_G726_COUNT] = {
	G726("G726-16"),      G726("G726-24"),      G726("G726-32"),
	G726("G726-40"),      G726("AAL2-G726-16"), G726("AAL2-G726-24"),
	G726("AAL2-G726-32"), G726("AAL2-G726-40"),
};
