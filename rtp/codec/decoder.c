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

#include "rtp/codec/codec_priv.h"

/* Of UDP: no payload is longer, and every library can count so far. */
#define PAYLOAD_BYTES_MAX 65535

struct rtp_decoder {
	const struct rtp__codec *codec;
	void *state;
	uint32_t sample_hz;
	struct rtp__plc *plc; /* where the codec has none of its own */
};

/* G.729 is often announced by the annex that is used. */
static const struct {
	const char *name;
	const char *encoding;
} other_names[] = {
	{ "G729A", "G729" },
	{ "G729B", "G729" },
	{ "G729AB", "G729" },
	{ "G721", "G726-32" }, /* RFC 1890 */
};

static const struct rtp__codec *const codecs[] = {
	&rtp__codec_pcma,    &rtp__codec_pcmu,    &rtp__codec_g722,
	&rtp__codec_g726[0], &rtp__codec_g726[1], &rtp__codec_g726[2],
	&rtp__codec_g726[3], &rtp__codec_g726[4], &rtp__codec_g726[5],
	&rtp__codec_g726[6], &rtp__codec_g726[7], &rtp__codec_g729,
	&rtp__codec_gsm,     &rtp__codec_amr,     &rtp__codec_amr_wb,
	&rtp__codec_speex,   &rtp__codec_opus[0], &rtp__codec_opus[1],
	&rtp__codec_opus[2], &rtp__codec_l16,
};

static const struct rtp__codec *
find(const struct rtp_format *format)
{
	const char *encoding = format->encoding;

	for (size_t i = 0; i < sizeof(other_names) / sizeof(other_names[0]);
	     i++)
		if (strcasecmp(encoding, other_names[i].name) == 0)
			encoding = other_names[i].encoding;
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
		const struct rtp__codec *codec = codecs[i];

		if (strcasecmp(codec->encoding, encoding) == 0 &&
		    (!codec->clock_hz || codec->clock_hz == format->clock_hz) &&
		    format->channels <= codec->channels_max &&
		    (!codec->accepts || codec->accepts(format)))
			return codec;
	}
	return NULL;
}

bool
rtp_decoder_knows(const struct rtp_format *format)
{
	return find(format) != NULL;
}

int
rtp_decoder_open(struct rtp_decoder **decoder, const struct rtp_format *format)
{
	const struct rtp__codec *codec = find(format);
	const bool plc = codec && !codec->conceal && !codec->conceal_frame;
	struct rtp_decoder *d;
	int r = -ENOMEM;

	if (!codec)
		return -ENOTSUP;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->codec = codec;
	d->sample_hz = codec->sample_hz ? codec->sample_hz : format->clock_hz;
	if (plc) {
		d->plc = malloc(sizeof(*d->plc));
		if (!d->plc)
			goto fail;
		rtp__plc_init(d->plc, d->sample_hz);
	}
	r = codec->open ? codec->open(&d->state, format) : 0;
	if (r < 0)
		goto fail;
	*decoder = d;
	return 0;
fail:
	free(d->plc);
	free(d);
	return r;
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
	if (d->plc)
		explicit_bzero(d->plc, sizeof(*d->plc));
	free(d->plc);
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
	int samples;

	if (n > PAYLOAD_BYTES_MAX)
		return -EBADMSG;
	samples =
	    decoder->codec->decode(decoder->state, pcm, capacity, payload, n);
	/* The first sound after a gap is faded into from what was made up. */
	if (decoder->plc && samples > 0)
		rtp__plc_heard(decoder->plc, pcm, (size_t)samples);
	return samples;
}

bool
rtp_decoder_noisy(const struct rtp_decoder *decoder)
{
	return decoder->codec->noisy && decoder->codec->noisy(decoder->state);
}

/* What is over of the last frame is not heard. */
static void
conceal_frames(struct rtp_decoder *decoder, int16_t *pcm, size_t samples)
{
	const struct rtp__codec *codec = decoder->codec;
	const size_t frame = decoder->sample_hz / 1000 * codec->frame_ms;
	int16_t last[RTP__FRAME_SAMPLES_MAX];

	for (; samples >= frame; samples -= frame) {
		codec->conceal_frame(decoder->state, pcm);
		pcm += frame;
	}
	if (samples) {
		codec->conceal_frame(decoder->state, last);
		memcpy(pcm, last, samples * sizeof(*pcm));
		explicit_bzero(last, sizeof(last));
	}
}

void
rtp_decoder_conceal(struct rtp_decoder *decoder, int16_t *pcm, size_t samples,
		    const uint8_t *next, size_t next_bytes)
{
	if (decoder->plc)
		rtp__plc_conceal(decoder->plc, pcm, samples);
	else if (decoder->codec->conceal)
		decoder->codec->conceal(decoder->state, pcm, samples, next,
					next_bytes);
	else
		conceal_frames(decoder, pcm, samples);
}
