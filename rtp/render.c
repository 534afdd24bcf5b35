/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames of both sides of a recording -> stereo sound.
 *
 * Where a frame goes is the whole art. Its RTP timestamp says exactly where it
 * lies relative to the frame before, whatever the network did to its arrival;
 * its capture time says where it lies relative to the other side. So the first
 * frame of a stream goes where its capture time says, and the others follow by
 * their timestamps, as long as the two agree well enough:
 *
 *   off by               at a marker        elsewhere
 *   up to 120 ms         timestamp          timestamp
 *   up to 1 s            capture time       timestamp; if it lasts, drift
 *   more                 capture time       capture time: the sender jumped
 *
 * 120 ms is more than the jitter that telephones even out, and less than what
 * a listener notices between question and answer. Drift (the clocks of sender
 * and recorder differ by some 100 ppm, 0.36 s an hour) is put right by whole
 * frames, once in many minutes, instead of by clicks all the time.
 *
 * Several streams of one side at once are alternatives (tracks.h). Where their
 * timestamps tell that a relay passed the same sound on, they are a group and
 * lie at the same place to the sample, whatever the relay delays.
 *
 * Memory goes with the sound that waits to be taken, not with the length of
 * the recording.
 */
#include "rtp/rtp.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rtp/decoder.h"
#include "rtp/tracks.h"

#define SAMPLE_HZ 8000
#define SAMPLE_NS (1000000000 / SAMPLE_HZ)
#define SIDES     2

/* Longest frame: phones send 10 to 60 ms. */
#define FRAME_SAMPLES_MAX SAMPLE_HZ

#define OFF_SAMPLES  (120 * SAMPLE_HZ / 1000)
#define JUMP_SAMPLES SAMPLE_HZ

_Static_assert(RTP_RENDER_BEHIND_NS ==
		   (JUMP_SAMPLES + RTP_TRACKS_RELAY_SAMPLES) *
		       (int64_t)SAMPLE_NS,
	       "a frame is placed before its time, and taking looks ahead");

/* Before any first frame: far from all places, and nothing overflows. */
#define POSITION_NONE (INT64_MIN / 2)

/* A delay that lasts this many frames is no jitter. */
#define DRIFT_FRAMES 100

struct stream {
	uint32_t id;
	uint32_t group; /* of streams placed by the same timestamps */
	uint8_t channel;
	uint32_t timestamp;
	int64_t position;    /* sample where the frame of that timestamp is */
	uint32_t off_frames; /* in a row, to the same side */
	int64_t off_least;   /* of these, in samples */
	struct rtp_decoder *decoder;
	struct rtp_format format; /* of the decoder */
};

struct rtp_render {
	int64_t start_ns;
	int64_t taken; /* samples */
	int64_t end;   /* sample */
	struct rtp_tracks sides[SIDES];
	struct stream *streams;
	uint32_t streams_count;
	uint32_t groups_count;
	struct rtp_render_stats stats;
	int16_t decoded[FRAME_SAMPLES_MAX];
};

int
rtp_render_new(struct rtp_render **render, uint32_t sample_hz, int64_t start_ns,
	       int64_t end_ns)
{
	struct rtp_render *r;
	int64_t length_ns;

	if (sample_hz != SAMPLE_HZ ||
	    __builtin_sub_overflow(end_ns, start_ns, &length_ns) ||
	    length_ns < 0)
		return -EINVAL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->start_ns = start_ns;
	r->end = length_ns / SAMPLE_NS;
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
	for (int i = 0; i < SIDES; i++)
		rtp_tracks_fini(&r->sides[i]);
	for (uint32_t i = 0; i < r->streams_count; i++)
		rtp_decoder_close(&r->streams[i].decoder);
	free(r->streams);
	free(r);
}

const struct rtp_render_stats *
rtp_render_stats_peek(const struct rtp_render *render)
{
	return &render->stats;
}

/* The sample of a time, rounded down; times before the start are negative. */
static int64_t
position_of(const struct rtp_render *r, int64_t time_ns)
{
	int64_t since_ns;

	if (__builtin_sub_overflow(time_ns, r->start_ns, &since_ns))
		since_ns = time_ns < 0 ? INT64_MIN : INT64_MAX;
	return since_ns / SAMPLE_NS - (since_ns % SAMPLE_NS < 0);
}

static struct stream *
stream_of(struct rtp_render *r, uint32_t id, uint8_t channel)
{
	struct stream *streams;

	for (uint32_t i = 0; i < r->streams_count; i++) {
		if (r->streams[i].id == id)
			return &r->streams[i];
	}
	streams =
	    realloc(r->streams, (r->streams_count + 1) * sizeof(*r->streams));
	if (!streams)
		return NULL;
	r->streams = streams;
	streams[r->streams_count] = (struct stream){
		.id = id,
		.channel = channel,
		.position = POSITION_NONE,
	};
	return &streams[r->streams_count++];
}

/* How far to move a stream that has been off by the same for long. */
static int64_t
drift(struct stream *s, int64_t off, int64_t frame_samples)
{
	int64_t move;

	if (llabs(off) <= OFF_SAMPLES || (off < 0) != (s->off_least < 0))
		s->off_frames = 0;
	if (llabs(off) <= OFF_SAMPLES)
		return 0;
	if (s->off_frames++ == 0 || llabs(off) < llabs(s->off_least))
		s->off_least = off;
	if (s->off_frames < DRIFT_FRAMES)
		return 0;
	s->off_frames = 0;
	move = s->off_least - s->off_least % frame_samples;
	return move ? move : s->off_least;
}

/*
 * Where a stream begins, or begins anew: where its capture time says, unless it
 * carries on the timestamps of another one of its side, as behind a relay, or
 * in the next segment of the call. Then where that one would have it.
 */
static int64_t
anchor(struct rtp_render *r, struct stream *s, uint32_t timestamp,
       int64_t captured)
{
	for (uint32_t i = 0; i < r->streams_count; i++) {
		const struct stream *other = &r->streams[i];
		int64_t position =
		    other->position + (int32_t)(timestamp - other->timestamp);

		if (other == s || other->channel != s->channel ||
		    llabs(captured - position) > OFF_SAMPLES)
			continue;
		s->group = other->group;
		return position;
	}
	s->group = ++r->groups_count;
	return captured;
}

/* A group moves as one: it is the clock of the sender that was off. */
static void
move_others(struct rtp_render *r, const struct stream *s, int64_t move)
{
	for (uint32_t i = 0; move && i < r->streams_count; i++) {
		struct stream *other = &r->streams[i];

		if (other == s || other->group != s->group)
			continue;
		other->position += move;
		other->off_frames = 0;
	}
}

/* Where a frame goes; see the top. */
static int64_t
place(struct rtp_render *r, struct stream *s,
      const struct rtp_render_frame *frame, int64_t frame_samples)
{
	int64_t captured = position_of(r, frame->time_ns);
	int64_t position =
	    s->position + (int32_t)(frame->timestamp - s->timestamp);
	int64_t off = captured - position, move;

	if (s->position == POSITION_NONE || llabs(off) > JUMP_SAMPLES ||
	    (frame->marker && llabs(off) > OFF_SAMPLES)) {
		position = anchor(r, s, frame->timestamp, captured);
	} else {
		move = drift(s, off, frame_samples);
		move_others(r, s, move);
		position += move;
	}
	s->position = position;
	s->timestamp = frame->timestamp;
	return position;
}

/* The stream's decoder of this format at our rate. @return 0, -ENOTSUP,
 * -ENOMEM */
static int
set_decoder(struct stream *s, const struct rtp_format *format)
{
	int err;

	if (s->decoder && s->format.clock_hz == format->clock_hz &&
	    s->format.channels == format->channels &&
	    strcmp(s->format.encoding, format->encoding) == 0)
		return 0;
	rtp_decoder_close(&s->decoder);
	err = rtp_decoder_open(&s->decoder, format);
	if (err < 0)
		return err;
	s->format = *format;
	if (rtp_decoder_sample_hz(s->decoder) == SAMPLE_HZ)
		return 0;
	rtp_decoder_close(&s->decoder);
	return -ENOTSUP;
}

int
rtp_render_frame(struct rtp_render *render,
		 const struct rtp_render_frame *frame)
{
	struct rtp_tracks_owner owner;
	struct stream *s = stream_of(render, frame->stream, frame->channel);
	int64_t position;
	int64_t from;
	int64_t until;
	int samples;
	int err;

	assert(frame->channel < SIDES);
	if (!s)
		return -ENOMEM;
	err = set_decoder(s, frame->format);
	if (err == -ENOTSUP) {
		render->stats.no_codec++;
		return 0;
	}
	if (err < 0)
		return err;
	samples =
	    rtp_decoder_decode(s->decoder, render->decoded, FRAME_SAMPLES_MAX,
			       frame->payload, frame->payload_bytes);
	if (samples <= 0) {
		render->stats.malformed++;
		return 0;
	}
	position = place(render, s, frame, samples);
	from = position > render->taken ? position : render->taken;
	until = position + samples;
	if (until > render->end)
		until = render->end;
	if (from >= until) {
		render->stats.out_of_range++;
		return 0;
	}
	owner.stream = (uint32_t)(s - render->streams);
	owner.group = s->group;
	err = rtp_tracks_put(&render->sides[s->channel], &owner, from,
			     render->decoded + (from - position),
			     (size_t)(until - from));
	if (err == 0)
		render->stats.frames++;
	render->stats.overlapped =
	    render->sides[0].overlapped + render->sides[1].overlapped;
	return err;
}

size_t
rtp_render_take(struct rtp_render *render, int16_t *pcm, size_t frames_max,
		int64_t until_ns)
{
	struct rtp_render *r = render;
	int64_t until = position_of(r, until_ns);
	size_t n = 0;

	if (until > r->end)
		until = r->end;
	if (until > r->taken)
		n = (uint64_t)(until - r->taken) < frames_max
			? (size_t)(until - r->taken)
			: frames_max;
	for (int i = 0; i < SIDES; i++)
		rtp_tracks_take(&r->sides[i], pcm + i, SIDES, r->taken, n);
	r->taken += (int64_t)n;
	return n;
}
