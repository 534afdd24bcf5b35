/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which codec belongs to an encoding name, and what all of them have in common:
 * a state that is wiped, and concealment for those that have none.
 */
#include "rtp/decoder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <spandsp.h>

#include "rtp/codec/codec_priv.h"

/* What plc_rx and plc_fillin are given at a time; they count in int. */
#define PIECE 8000

struct rtp_decoder {
	const struct rtp__codec *codec;
	void *state;
	uint32_t sample_hz;
	plc_state_t plc; /* where the codec has none of its own */
};

static const struct rtp__codec *const codecs[] = {
	&rtp__codec_pcma,
	&rtp__codec_pcmu,
};

static const struct rtp__codec *
find(const struct rtp_format *format)
{
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
		const struct rtp__codec *codec = codecs[i];

		if (strcasecmp(codec->encoding, format->encoding) == 0 &&
		    (!codec->clock_hz || codec->clock_hz == format->clock_hz) &&
		    format->channels <= codec->channels_max)
			return codec;
	}
	return NULL;
}

int
rtp_decoder_open(struct rtp_decoder **decoder, const struct rtp_format *format)
{
	const struct rtp__codec *codec = find(format);
	struct rtp_decoder *d;
	int err = 0;

	if (!codec)
		return -ENOTSUP;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->codec = codec;
	d->sample_hz = codec->sample_hz ? codec->sample_hz : format->clock_hz;
	if (codec->open)
		err = codec->open(&d->state, format, &d->sample_hz);
	if (err < 0) {
		free(d);
		return err;
	}
	plc_init(&d->plc);
	*decoder = d;
	return 0;
}

bool
rtp_decoder_knows(const struct rtp_format *format)
{
	struct rtp_decoder *decoder;
	int err = find(format) ? rtp_decoder_open(&decoder, format) : -ENOTSUP;

	if (err == 0)
		rtp_decoder_close(&decoder);
	return err != -ENOTSUP;
}

void
rtp_decoder_close(struct rtp_decoder **decoder)
{
	struct rtp_decoder *d = *decoder;

	*decoder = NULL;
	if (!d)
		return;
	if (d->codec->close) {
		d->codec->close(d->state);
	} else if (d->state) {
		explicit_bzero(d->state, d->codec->state_bytes);
		free(d->state);
	}
	explicit_bzero(d, sizeof(*d));
	free(d);
}

uint32_t
rtp_decoder_sample_hz(const struct rtp_decoder *decoder)
{
	return decoder->sample_hz;
}

int
rtp_decoder_decode(struct rtp_decoder *decoder, int16_t *pcm, size_t capacity,
		   const uint8_t *payload, size_t n)
{
	const struct rtp__codec *codec = decoder->codec;
	int samples = codec->decode(decoder->state, pcm, capacity, payload, n);
	int16_t *part = pcm;
	int left = samples;

	/* The first sound after a gap is faded into from what was made up. */
	while (!codec->conceal && left > 0) {
		int piece = left < PIECE ? left : PIECE;

		plc_rx(&decoder->plc, part, piece);
		part += piece;
		left -= piece;
	}
	return samples;
}

void
rtp_decoder_conceal(struct rtp_decoder *decoder, int16_t *pcm, size_t samples,
		    const uint8_t *next, size_t next_bytes)
{
	const struct rtp__codec *codec = decoder->codec;

	if (codec->conceal) {
		codec->conceal(decoder->state, pcm, samples, next, next_bytes);
		return;
	}
	while (samples) {
		size_t part = samples < PIECE ? samples : PIECE;

		plc_fillin(&decoder->plc, pcm, (int)part);
		pcm += part;
		samples -= part;
	}
}
