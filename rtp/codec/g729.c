/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * G.729 Annex A and B (ITU-T, 1996; RFC 3551 section 4.5.6): frames of 10 bytes
 * for 10 ms, several in a packet; the last may be a SID of 2 bytes, after which
 * nothing is sent while there is only noise.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bcg729/decoder.h>

#include "rtp/codec/codec_priv.h"

#define FRAME_BYTES   10
#define SID_BYTES     2
#define FRAME_SAMPLES 80

struct state {
	bcg729DecoderChannelContextStruct *decoder;
	bool noisy; /**< the last frame was a SID */
};

static int
open_g729(void **state, const struct rtp_format *format)
{
	struct state *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->decoder = initBcg729DecoderChannel();
	if (!s->decoder) {
		free(s);
		return -ENOMEM;
	}
	*state = s;
	return 0;
}

static void
close_g729(void *state)
{
	struct state *s = state;

	closeBcg729DecoderChannel(s->decoder);
	free(s);
}

static int
decode_g729(void *state, int16_t *pcm, size_t capacity, const uint8_t *payload,
	    size_t n)
{
	struct state *s = state;
	const size_t sid = n % FRAME_BYTES == SID_BYTES;
	const size_t frames = n / FRAME_BYTES + sid;

	if (n % FRAME_BYTES && !sid)
		return -EBADMSG;
	if (frames > capacity / FRAME_SAMPLES)
		return -ENOSPC;
	for (size_t i = 0; i < frames; i++) {
		bool noise = sid && i == frames - 1;

		bcg729Decoder(s->decoder, payload + i * FRAME_BYTES,
			      noise ? SID_BYTES : FRAME_BYTES, 0, noise, 0,
			      pcm + i * FRAME_SAMPLES);
	}
	if (frames)
		s->noisy = sid;
	return (int)(frames * FRAME_SAMPLES);
}

static bool
noisy_g729(const void *state)
{
	const struct state *s = state;

	return s->noisy;
}

/* After a SID this is the noise that goes on. */
static void
conceal_g729(void *state, int16_t *pcm)
{
	struct state *s = state;

	bcg729Decoder(s->decoder, NULL, 0, 1, 0, 0, pcm);
}

const struct rtp__codec rtp__codec_g729 = {
	.encoding = "G729",
	.clock_hz = 8000,
	.channels_max = 1,
	.open = open_g729,
	.close = close_g729,
	.decode = decode_g729,
	.noisy = noisy_g729,
	.conceal_frame = conceal_g729,
	.frame_ms = 10,
};
