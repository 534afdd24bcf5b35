/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * G.722 at 64 kbit/s (ITU-T, 1988; RFC 3551 section 4.5.2): two bands of 8 kHz
 * each, one byte for two samples at 16 kHz. The clock of its timestamps is 8000
 * Hz, by an old mistake that is kept.
 */
#include <errno.h>
#include <stdlib.h>

#include <spandsp.h>
#include <spandsp/private/g722.h>

#include "rtp/codec/codec_priv.h"

#define BIT_RATE 64000

static int
open_g722(void **state, const struct rtp_format *format)
{
	g722_decode_state_t *g722 = malloc(sizeof(*g722));

	if (!g722)
		return -ENOMEM;
	g722_decode_init(g722, BIT_RATE, 0);
	*state = g722;
	return 0;
}

static int
decode_g722(void *state, int16_t *pcm, size_t capacity, const uint8_t *payload,
	    size_t n)
{
	if (n > capacity / 2)
		return -ENOSPC;
	return g722_decode(state, pcm, payload, (int)n);
}

const struct rtp__codec rtp__codec_g722 = {
	.encoding = "G722",
	.clock_hz = 8000,
	.sample_hz = 16000,
	.channels_max = 1,
	.open = open_g722,
	.state_bytes = sizeof(g722_decode_state_t),
	.decode = decode_g722,
};
