/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opus (RFC 6716, RFC 7587). Whatever the SDP says, each packet tells its own
 * bandwidth and channels; the decoder makes mono at 48 kHz of all of them, but
 * for sound that was stored as Opus by this recorder: that comes out at the
 * rate it was received with (parameter `stored-rate`). A packet can bring a
 * coarse copy of the sound of the one before (FEC).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <opus/opus.h>

#include "rtp/codec/codec_priv.h"

/** The decoder conceals in steps of 2.5 ms, at most 120 ms at a time. */
#define STEPS_MAX        48
#define STEP_SAMPLES_MAX 120

/** A packet that is no longer than this has no sound (RFC 7587 section 3.1.3):
 * its sender is silent, and sends the next one in up to 400 ms. */
#define SILENT_BYTES_MAX 2

struct state {
	int hz; /* of the sound */
	bool pauses;
	OpusDecoder *opus;
};

/* Sound that was made smaller for storage has the rate that it came with. */
static int
rate_of(const struct rtp_format *format)
{
	size_t n;
	const char *value =
	    rtp_format_parameter(format, RTP_FORMAT_STORED_RATE, &n);

	if (value && n == 4 && strncmp(value, "8000", n) == 0)
		return 8000;
	if (value && n == 5 && strncmp(value, "16000", n) == 0)
		return 16000;
	return 48000;
}

static bool
accepts_8000(const struct rtp_format *format)
{
	return rate_of(format) == 8000;
}

static bool
accepts_16000(const struct rtp_format *format)
{
	return rate_of(format) == 16000;
}

static void
close_opus(void *state)
{
	struct state *s = state;

	if (s->opus)
		explicit_bzero(s->opus, (size_t)opus_decoder_get_size(1));
	free(s->opus);
	free(s);
}

static int
open_opus(void **state, const struct rtp_format *format)
{
	struct state *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->hz = rate_of(format);
	s->opus = malloc((size_t)opus_decoder_get_size(1));
	if (!s->opus || opus_decoder_init(s->opus, s->hz, 1) != OPUS_OK) {
		free(s->opus);
		free(s);
		return -ENOMEM;
	}
	*state = s;
	return 0;
}

static int
decode_opus(void *state, int16_t *pcm, size_t capacity, const uint8_t *payload,
	    size_t n)
{
	struct state *s = state;
	int samples;

	if (n == 0)
		return 0;
	samples = opus_packet_get_nb_samples(payload, (opus_int32)n, s->hz);
	if (samples < 0)
		return -EBADMSG;
	if ((size_t)samples > capacity)
		return -ENOSPC;
	samples = opus_decode(s->opus, payload, (opus_int32)n, pcm, samples, 0);
	if (samples < 0)
		return -EBADMSG;
	s->pauses = n <= SILENT_BYTES_MAX;
	return samples;
}

static bool
pauses_opus(const void *state)
{
	return ((const struct state *)state)->pauses;
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
	const struct state *s = state;
	const size_t step = (size_t)s->hz / 400;
	int16_t rest[STEP_SAMPLES_MAX];
	size_t part;

	if (next && (next_bytes == 0 || next_bytes > UINT16_MAX ||
		     opus_packet_get_nb_samples(next, (opus_int32)next_bytes,
						s->hz) <= 0))
		next = NULL;
	for (; samples > STEPS_MAX * step; samples -= STEPS_MAX * step) {
		conceal_steps(s->opus, pcm, STEPS_MAX * step, NULL, 0);
		pcm += STEPS_MAX * step;
	}
	part = samples % step;
	if (part) {
		conceal_steps(s->opus, rest, step, NULL, 0);
		memcpy(pcm, rest, part * sizeof(*pcm));
		explicit_bzero(rest, sizeof(rest));
	}
	if (samples > part)
		conceal_steps(s->opus, pcm + part, samples - part, next,
			      next_bytes);
}

#define CODEC(hz, judge)                                                       \
	{                                                                      \
		.encoding = "opus", .clock_hz = 48000, .sample_hz = (hz),      \
		.channels_max = 2, .accepts = (judge), .open = open_opus,      \
		.close = close_opus, .decode = decode_opus,                    \
		.pauses = pauses_opus, .conceal = conceal_opus,                \
	}

const struct rtp__codec rtp__codec_opus[RTP__CODEC_OPUS_COUNT] = {
	CODEC(8000, accepts_8000),
	CODEC(16000, accepts_16000),
	CODEC(48000, NULL),
};
