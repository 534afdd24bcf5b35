/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is heard of a stream: its payloads decoded, what is missing made up,
 * both at the rate of the output. Where the codec has that rate, and the
 * stream is not moved, samples are those of the decoder.
 */
#include "rtp/render_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Shorter sound is not made longer or shorter; it only goes on elsewhere. */
#define STRETCH_MIN 64

#define FADE_MS 10

/* ---- decoders ----------------------------------------------------------- */

static bool
is_same(const struct rtp_format *a, const struct rtp_format *b)
{
	return a->clock_hz == b->clock_hz && a->channels == b->channels &&
	       strcmp(a->encoding, b->encoding) == 0 &&
	       strcmp(a->parameters, b->parameters) == 0;
}

int
rtp__sound_decoder(struct rtp__stream *stream, const struct rtp_format *format,
		   struct rtp_decoder **decoder)
{
	struct rtp_decoder *made;
	struct rtp__decoder *room;
	int rc;

	for (uint32_t i = 0; i < RTP__DECODERS; i++) {
		room = &stream->decoders[i];
		*decoder = room->decoder;
		if (room->decoder && is_same(&room->format, format))
			return 0;
	}
	rc = rtp_decoder_open(&made, format);
	if (rc < 0)
		return rc;
	room = &stream->decoders[stream->next_decoder++ % RTP__DECODERS];
	if (stream->decoder == room->decoder)
		stream->decoder = NULL;
	rtp_decoder_close(&room->decoder);
	room->format = *format;
	room->decoder = *decoder = made;
	return 0;
}

void
rtp__sound_fini(struct rtp__stream *stream)
{
	for (uint32_t i = 0; i < RTP__DECODERS; i++)
		rtp_decoder_close(&stream->decoders[i].decoder);
	rtp_resample_free(&stream->resample);
}

/* ---- to the side -------------------------------------------------------- */

/* What of it lies in what is still to be taken. @return as rtp__sound_put */
static int
lay(struct rtp_render *r, const struct rtp__stream *s, int64_t position,
    const int16_t *pcm, size_t n, bool made_up)
{
	const struct rtp_tracks_owner owner = {
		.stream = (uint32_t)(s - r->streams),
		.group = s->place.group,
		.made_up = made_up,
	};
	int64_t from = position > r->taken ? position : r->taken;
	int64_t until = position + (int64_t)n;
	int rc;

	if (until > r->end)
		until = r->end;
	if (from >= until)
		return 0;
	rc = rtp_tracks_put(&r->sides[s->channel], &owner, from,
			    pcm + (from - position), (size_t)(until - from));
	return rc < 0 ? rc : 1;
}

/* The same, made longer if the stream is being moved. @return as
 * rtp__sound_put; *n is what it has become */
static int
lay_stretched(struct rtp_render *r, struct rtp__stream *s, int64_t position,
	      const int16_t *pcm, size_t *n, bool made_up)
{
	size_t longer = (size_t)((int64_t)*n + s->stretch);
	int16_t *to = pcm == r->out ? r->decoded : r->out;

	if (s->stretch && *n >= STRETCH_MIN && longer <= RTP__PCM_SAMPLES) {
		rtp_resample_stretch(to, longer, pcm, *n);
		pcm = to;
		*n = longer;
		r->stats.slipped++;
	}
	s->stretch = 0;
	return lay(r, s, position, pcm, *n, made_up);
}

int
rtp__sound_end(struct rtp_render *render, struct rtp__stream *stream)
{
	struct rtp__stream *s = stream;
	size_t n;
	int rc;

	if (!s->kept)
		return 0;
	s->kept = false;
	n = rtp_resample_end(s->resample, render->out, RTP__PCM_SAMPLES);
	rc = lay(render, s, s->resample_end, render->out, n, s->kept_made_up);
	return rc < 0 ? rc : 0;
}

/* At another rate. What it keeps goes before, unless this follows. @return as
 * rtp__sound_put */
static int
lay_resampled(struct rtp_render *r, struct rtp__stream *s, int64_t position,
	      size_t n, bool made_up)
{
	int rc;

	if (!s->resample || s->resample_hz != s->sample_hz) {
		rtp_resample_free(&s->resample);
		rc = rtp_resample_new(&s->resample, s->sample_hz, r->sample_hz);
		if (rc < 0)
			return rc;
		s->resample_hz = s->sample_hz;
	}
	if (!s->kept)
		s->resample_end = position;
	n = rtp_resample_run(s->resample, r->out, RTP__PCM_SAMPLES, r->decoded,
			     n);
	s->kept = true;
	s->kept_made_up = made_up;
	rc = lay_stretched(r, s, s->resample_end, r->out, &n, made_up);
	s->resample_end += (int64_t)n;
	return rc;
}

/* What was decoded. @return as rtp__sound_put */
static int
lay_decoded(struct rtp_render *r, struct rtp__stream *s, int64_t position,
	    size_t n, bool made_up)
{
	bool follows = llabs(position - s->end) <= 1;
	bool same = s->sample_hz == r->sample_hz;
	int64_t stretch = s->stretch;
	int rc = 0;

	/* What is kept is of before; nothing is in r->out yet. */
	if (s->kept && (!follows || same || s->resample_hz != s->sample_hz))
		rc = rtp__sound_end(r, s);
	s->end = position + stretch + (int64_t)n * r->sample_hz / s->sample_hz;
	if (!made_up && s->end > r->heard)
		r->heard = s->end < r->end ? s->end : r->end;
	if (rc < 0)
		return rc;
	if (!same)
		return lay_resampled(r, s, position, n, made_up);
	return lay_stretched(r, s, position, r->decoded, &n, made_up);
}

/* ---- sound -------------------------------------------------------------- */

int
rtp__sound_put(struct rtp_render *render, struct rtp__stream *stream,
	       const struct rtp__piece *piece)
{
	uint32_t hz = rtp_decoder_sample_hz(piece->decoder);
	int n = rtp_decoder_decode(
	    piece->decoder, render->decoded,
	    hz < RTP_DECODER_SAMPLES_MAX ? hz : RTP_DECODER_SAMPLES_MAX,
	    piece->payload, piece->bytes);

	if (n <= 0)
		return -EBADMSG;
	stream->decoder = piece->decoder;
	stream->sample_hz = hz;
	stream->frame_samples = (int64_t)n * render->sample_hz / hz;
	return lay_decoded(render, stream, piece->position, (size_t)n, false);
}

static void
fade_out(int16_t *pcm, size_t n, size_t fade)
{
	if (fade > n)
		fade = n;
	for (size_t i = 0; i < fade; i++)
		pcm[n - 1 - i] =
		    (int16_t)(pcm[n - 1 - i] * (int64_t)i / (int64_t)fade);
}

int
rtp__sound_conceal(struct rtp_render *render, struct rtp__stream *stream,
		   int64_t samples, const struct rtp__piece *next)
{
	bool goes_on = next && next->decoder == stream->decoder;
	size_t n;
	int rc;

	if (!stream->decoder)
		return 0;
	n = (size_t)(samples * stream->sample_hz / render->sample_hz);
	rtp_decoder_conceal(stream->decoder, render->decoded, n,
			    goes_on ? next->payload : NULL,
			    goes_on ? next->bytes : 0);
	if (!next)
		fade_out(render->decoded, n,
			 stream->sample_hz / 1000 * FADE_MS);
	rc = lay_decoded(render, stream, stream->end, n, true);
	if (rc > 0)
		render->stats.concealed += (uint64_t)samples;
	return rc < 0 ? rc : 0;
}

static void
make_noise(struct rtp_render *render, struct rtp__stream *s, size_t n)
{
	if (s->noise_of_codec)
		rtp_decoder_conceal(s->decoder, render->decoded, n, NULL, 0);
	else
		rtp_noise_make(&s->noise, render->decoded, n);
}

int
rtp__sound_noise(struct rtp_render *render, struct rtp__stream *stream,
		 int64_t until)
{
	struct rtp__stream *s = stream;
	uint32_t hz = s->sample_hz;
	int rc = 0;

	/* There was no room for it beside others. */
	if (s->noise_of_codec && !s->decoder)
		return 0;
	if (until > s->quiet_from)
		until = s->quiet_from;
	if (until > render->end)
		until = render->end;
	if (s->end < render->taken && until > s->end)
		s->end = until < render->taken ? until : render->taken;
	while (rc >= 0 && s->end < until) {
		int64_t n = (until - s->end) * hz / render->sample_hz;

		if (n == 0)
			break;
		if (n > hz)
			n = hz;
		make_noise(render, s, (size_t)n);
		render->stats.noise += (uint64_t)n * render->sample_hz / hz;
		rc = lay_decoded(render, s, s->end, (size_t)n, true);
	}
	return rc < 0 ? rc : 0;
}
