/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opus (RFC 6716, RFC 7587). Whatever the SDP says, each packet tells its own
 * bandwidth and channels; the decoder makes mono at 48 kHz of all of them. A
 * packet can bring a coarse copy of the sound of the one before (FEC).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <opus/opus.h>

#include "rtp/codec/codec_priv.h"

#define SAMPLE_HZ 48000
/** The decoder conceals in steps of 2.5 ms, at most 120 ms at a time. */
#define STEP_SAMPLES    120
#define CONCEAL_SAMPLES 5760

static int
open_opus(void **state, const struct rtp_format *format)
{
	OpusDecoder *opus = malloc((size_t)opus_decoder_get_size(1));

	if (!opus)
		return -ENOMEM;
	if (opus_decoder_init(opus, SAMPLE_HZ, 1) != OPUS_OK) {
		free(opus);
		return -ENOMEM;
	}
	*state = opus;
	return 0;
}

static void
close_opus(void *state)
{
	explicit_bzero(state, (size_t)opus_decoder_get_size(1));
	free(state);
}

static int
decode_opus(void *state, int16_t *pcm, size_t capacity, const uint8_t *payload,
	    size_t n)
{
	int samples;

	if (n == 0)
		return 0;
	samples = opus_packet_get_nb_samples(payload, (opus_int32)n, SAMPLE_HZ);
	if (samples < 0)
		return -EBADMSG;
	if ((size_t)samples > capacity)
		return -ENOSPC;
	samples = opus_decode(state, payload, (opus_int32)n, pcm, samples, 0);
	return samples < 0 ? -EBADMSG : samples;
}

/* A whole number of steps. @param next NULL: by its own concealment alone */
static void
conceal_steps(OpusDecoder *opus, int16_t *pcm, size_t samples,
	      const uint8_t *next, size_t next_bytes)
{
	int made;

	made = opus_decode(opus, next, next ? (opus_int32)next_bytes : 0, pcm,
			   (int)samples, next != NULL);
	if (made < 0 || (size_t)made < samples) {
		made = made < 0 ? 0 : made;
		memset(pcm + made, 0, (samples - (size_t)made) * sizeof(*pcm));
	}
}

/* What the next packet brings is the end of the gap. */
static void
conceal_opus(void *state, int16_t *pcm, size_t samples, const uint8_t *next,
	     size_t next_bytes)
{
	int16_t rest[STEP_SAMPLES];
	size_t part;

	if (next && (next_bytes == 0 || next_bytes > UINT16_MAX ||
		     opus_packet_get_nb_samples(next, (opus_int32)next_bytes,
						SAMPLE_HZ) <= 0))
		next = NULL;
	for (; samples > CONCEAL_SAMPLES; samples -= CONCEAL_SAMPLES) {
		conceal_steps(state, pcm, CONCEAL_SAMPLES, NULL, 0);
		pcm += CONCEAL_SAMPLES;
	}
	part = samples % STEP_SAMPLES;
	if (part) {
		conceal_steps(state, rest, STEP_SAMPLES, NULL, 0);
		memcpy(pcm, rest, part * sizeof(*pcm));
		explicit_bzero(rest, sizeof(rest));
	}
	if (samples > part)
		conceal_steps(state, pcm + part, samples - part, next,
			      next_bytes);
}

const struct rtp__codec rtp__codec_opus = {
	.encoding = "opus",
	.clock_hz = 48000,
	.channels_max = 2,
	.open = open_opus,
	.close = close_opus,
	.decode = decode_opus,
	.conceal = conceal_opus,
};
