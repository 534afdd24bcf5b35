/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames of both sides of a recording -> stereo sound. Memory goes with the
 * sound that waits to be taken, not with the length of the recording.
 */
#include "rtp/render_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Sequence numbers that jump by more begin anew (RFC 3550 appendix A.1). */
#define DROPOUT_MAX  3000
#define MISORDER_MAX 100

/* Of a stream that has told nothing else yet. */
#define NOISE_HZ       8000
#define NOISE_AHEAD_MS 40
#define NOISE_FRAME_MS 20

int
rtp_render_new(struct rtp_render **render,
	       const struct rtp_render_config *config)
{
	uint32_t hz = config->sample_hz;
	struct rtp_render *r;
	int64_t length_ns;

	if ((hz != 8000 && hz != 16000 && hz != 48000) ||
	    __builtin_sub_overflow(config->end_ns, config->start_ns,
				   &length_ns) ||
	    length_ns < 0)
		return -EINVAL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->sample_hz = hz;
	r->conceal = !config->no_conceal;
	r->start_ns = config->start_ns;
	r->end = rtp__render_position(r, config->end_ns);
	for (int i = 0; i < RTP__SIDES; i++)
		r->sides[i].sample_hz = hz;
	*render = r;
	return 0;
}

void
rtp_render_free(struct rtp_render **render)
{
	struct rtp_render *r = *render;

	*render = NULL;
	if (!r)
		return;
	for (int i = 0; i < RTP__SIDES; i++)
		rtp_tracks_fini(&r->sides[i]);
	for (uint32_t i = 0; i < r->streams_count; i++)
		rtp__sound_fini(&r->streams[i]);
	free(r->streams);
	explicit_bzero(r, sizeof(*r));
	free(r);
}

const struct rtp_render_stats *
rtp_render_stats_peek(const struct rtp_render *render)
{
	return &render->stats;
}

static struct rtp__stream *
stream_of(struct rtp_render *r, uint32_t id, uint8_t channel)
{
	struct rtp__stream *streams;

	for (uint32_t i = 0; i < r->streams_count; i++) {
		if (r->streams[i].id == id)
			return &r->streams[i];
	}
	streams =
	    realloc(r->streams, (r->streams_count + 1) * sizeof(*r->streams));
	if (!streams)
		return NULL;
	r->streams = streams;
	streams[r->streams_count] = (struct rtp__stream){
		.id = id,
		.channel = channel,
		.end = RTP__POSITION_NONE,
	};
	return &streams[r->streams_count++];
}

/* @return sequence numbers that are missing before this one; -1: it is older
 * than the one before */
static int
note_sequence(struct rtp__stream *s, uint16_t sequence)
{
	int distance = rtp_seq_distance(s->sequence, sequence);

	if (s->began && distance <= 0 && distance > -MISORDER_MAX)
		return -1;
	if (!s->began || distance <= 0 || distance > DROPOUT_MAX)
		distance = 1;
	s->began = true;
	s->sequence = sequence;
	return distance - 1;
}

/* The hole before a piece, if something is missing there. A loss may lie in a
 * pause; what is longer than what can be made up may be one. @return 0,
 * -ENOMEM, -ENOBUFS */
static int
fill(struct rtp_render *r, struct rtp__stream *s, int missing,
     const struct rtp__piece *next)
{
	int64_t most = (int64_t)r->sample_hz * RTP__CONCEAL_MS / 1000;
	int64_t hole = next->position - s->end, n = hole;

	if (!r->conceal || s->end == RTP__POSITION_NONE || hole <= 0)
		return 0;
	if (hole > most) {
		n = missing * s->frame_samples;
		n = n < most ? n : most;
		next = NULL;
	}
	return rtp__sound_conceal(r, s, n, next);
}

/* What is missing before a frame, as far as it came along with this one.
 * @return 0, -ENOMEM, -ENOBUFS */
static int
put_spares(struct rtp_render *r, struct rtp__stream *s, int missing,
	   const struct rtp_render_frame *frame, int64_t position)
{
	int rc = 0;

	for (uint32_t i = 0; rc >= 0 && i < frame->spares_count; i++) {
		const struct rtp_render_spare *spare = &frame->spares[i];
		int64_t back = frame->timestamp - spare->timestamp;
		struct rtp__piece piece = { .payload = spare->payload,
					    .bytes = spare->payload_bytes };

		piece.position =
		    position - back * r->sample_hz / s->place.clock_hz;
		if (piece.position >= position || piece.position < s->end ||
		    rtp__sound_decoder(s, spare->format, &piece.decoder) < 0)
			continue;
		rc = fill(r, s, missing, &piece);
		if (rc >= 0)
			rc = rtp__sound_put(r, s, &piece);
		r->stats.spares += rc > 0;
		if (rc == -EBADMSG)
			rc = 0;
	}
	return rc < 0 ? rc : 0;
}

/* What lies between the end of a stream and its next frame: noise, if it told
 * of any and nothing was left out; else a loss. @return 0, -ENOMEM, -ENOBUFS */
static int
put_between(struct rtp_render *r, struct rtp__stream *s, int missing,
	    const struct rtp_render_frame *frame,
	    const struct rtp__piece *piece)
{
	bool noisy = s->noisy;
	int rc;

	s->noisy = false;
	if (frame->after_gap)
		return 0;
	if (missing > 0)
		r->stats.missing += (uint64_t)missing;
	if (noisy)
		return rtp__sound_noise(r, s, piece->position);
	if (missing <= 0)
		return 0;
	rc = put_spares(r, s, missing, frame, piece->position);
	return rc < 0 ? rc : fill(r, s, missing, piece);
}

/* From here on there is noise where nothing is sent. @param decoder that makes
 * it, borrowed of the stream; NULL: it is that of RFC 3389 */
static void
begin_noise(struct rtp_render *r, struct rtp__stream *s,
	    const struct rtp_render_frame *frame, struct rtp_decoder *decoder)
{
	s->noisy = true;
	s->noise_decoder = decoder;
	s->quiet_from = rtp__render_position(r, frame->quiet_until_ns);
}

/* @return as rtp__sound_put */
static int
put_frame(struct rtp_render *r, struct rtp__stream *s,
	  const struct rtp_render_frame *frame, struct rtp_decoder *decoder)
{
	struct rtp__piece piece = { .decoder = decoder,
				    .payload = frame->payload,
				    .bytes = frame->payload_bytes };
	int missing = note_sequence(s, frame->sequence), rc = 0;
	int64_t end = s->end, stretch;

	piece.position =
	    rtp__render_place(r, s, frame, frame->format->clock_hz, &stretch);
	if (missing >= 0)
		rc = put_between(r, s, missing, frame, &piece);
	s->stretch = stretch;
	if (rc == 0)
		rc = rtp__sound_put(r, s, &piece);
	s->stretch = 0;
	if (rc >= 0 && missing >= 0 && r->conceal && rtp_decoder_noisy(decoder))
		begin_noise(r, s, frame, decoder);
	if (missing < 0 && s->end < end)
		s->end = end;
	return rc;
}

/* Comfort noise begins, or goes on in another way. Its timestamps are those of
 * the speech. @return as rtp__sound_put */
static int
put_noise(struct rtp_render *r, struct rtp__stream *s,
	  const struct rtp_render_frame *frame)
{
	uint32_t clock_hz =
	    s->place.clock_hz ? s->place.clock_hz : frame->format->clock_hz;
	int missing = note_sequence(s, frame->sequence), rc;
	struct rtp__piece piece = { .decoder = NULL };
	int64_t stretch;

	if (missing < 0)
		return 0;
	piece.position = rtp__render_place(r, s, frame, clock_hz, &stretch);
	rc = put_between(r, s, missing, frame, &piece);
	if (rc < 0 || !r->conceal)
		return rc < 0 ? rc : 1;
	rc = rtp_noise_set(&s->noise, frame->payload, frame->payload_bytes);
	if (rc < 0)
		return rc;
	begin_noise(r, s, frame, NULL);
	s->end = piece.position + stretch;
	if (!s->sample_hz)
		s->sample_hz = NOISE_HZ;
	return 1;
}

static bool
is_noise(const char *encoding)
{
	return (*encoding == 'C' || *encoding == 'c') &&
	       strcasecmp(encoding, "CN") == 0;
}

/* @return as rtp__sound_put, -ENOTSUP */
static int
put_any(struct rtp_render *r, struct rtp__stream *s,
	const struct rtp_render_frame *frame)
{
	struct rtp_decoder *decoder;
	int rc;

	if (frame->format->clock_hz == 0)
		return -ENOTSUP;
	if (is_noise(frame->format->encoding))
		return put_noise(r, s, frame);
	rc = rtp__sound_decoder(s, frame->format, &decoder);
	return rc < 0 ? rc : put_frame(r, s, frame, decoder);
}

int
rtp_render_frame(struct rtp_render *render,
		 const struct rtp_render_frame *frame)
{
	struct rtp__stream *s =
	    stream_of(render, frame->stream, frame->channel);
	int rc;

	assert(frame->channel < RTP__SIDES);
	if (!s)
		return -ENOMEM;
	rc = put_any(render, s, frame);
	if (rc == -ENOTSUP) {
		/* keyed digits, among others: not missing */
		note_sequence(s, frame->sequence);
		render->stats.no_codec++;
		return 0;
	}
	render->stats.frames += rc > 0;
	render->stats.out_of_range += rc == 0;
	render->stats.malformed += rc == -EBADMSG;
	render->stats.overlapped =
	    render->sides[0].overlapped + render->sides[1].overlapped;
	return rc == -EBADMSG || rc > 0 ? 0 : rc;
}

/* What streams that pause, or have ended, still have to say before this is
 * taken. @return 0, -ENOMEM, -ENOBUFS */
static int
go_on(struct rtp_render *r, int64_t until)
{
	/* so that what the resampler keeps is not asked for; codecs make whole
	 * frames */
	int64_t frame = r->sample_hz / 1000 * NOISE_FRAME_MS;
	int64_t ahead = r->sample_hz / 1000 * NOISE_AHEAD_MS;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < r->streams_count; i++) {
		struct rtp__stream *s = &r->streams[i];

		if (s->noisy && s->end < until)
			rc = rtp__sound_noise(
			    r, s,
			    s->end + (until - s->end + ahead) / frame * frame);
		if (rc == 0 && s->resample_end < until)
			rc = rtp__sound_end(r, s);
	}
	return rc;
}

ssize_t
rtp_render_take(struct rtp_render *render, int16_t *pcm, size_t frames_max,
		int64_t until_ns)
{
	struct rtp_render *r = render;
	int64_t until = rtp__render_position(r, until_ns);
	size_t n = 0;
	int rc;

	if (until > r->end)
		until = r->end;
	if (until > r->taken)
		n = (uint64_t)(until - r->taken) < frames_max
			? (size_t)(until - r->taken)
			: frames_max;
	rc = go_on(r, r->taken + (int64_t)n);
	if (rc < 0)
		return rc;
	for (int i = 0; i < RTP__SIDES; i++)
		rtp_tracks_take(&r->sides[i], pcm + i, RTP__SIDES, r->taken, n);
	r->taken += (int64_t)n;
	return (ssize_t)n;
}
