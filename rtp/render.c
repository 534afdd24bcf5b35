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
 * Sound lies in blocks of one second, made as frames come and freed as they
 * are taken; where there is no block, there is silence. Memory thus goes with
 * the sound that waits, not with the length of the recording.
 */
#include "rtp/rtp.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_HZ     8000
#define SAMPLE_NS     (1000000000 / SAMPLE_HZ)
#define BLOCK_SAMPLES SAMPLE_HZ
#define BLOCKS_MAX    60
#define SIDES         2

/* Longest frame: phones send 10 to 60 ms. */
#define FRAME_SAMPLES_MAX SAMPLE_HZ

#define OFF_SAMPLES  (120 * SAMPLE_HZ / 1000)
#define JUMP_SAMPLES (RTP_RENDER_BEHIND_NS / SAMPLE_NS)

/* A delay that lasts this many frames is no jitter. */
#define DRIFT_FRAMES 100

struct block {
	struct block *next;
	int64_t first; /* sample; a multiple of BLOCK_SAMPLES */
	int16_t pcm[BLOCK_SAMPLES * SIDES];
	/* Which stream each sample is from: its index + 1, 0 none. */
	uint8_t owner[BLOCK_SAMPLES * SIDES];
};

struct stream {
	uint32_t id;
	uint32_t timestamp;
	int64_t position;    /* sample where the frame of that timestamp is */
	uint32_t off_frames; /* in a row, to the same side */
	int64_t off_least;   /* of these, in samples */
};

struct rtp_render {
	int64_t start_ns;
	int64_t taken;        /* samples */
	int64_t end;          /* sample */
	struct block *blocks; /* by time */
	uint32_t blocks_count;
	struct stream *streams;
	uint32_t streams_count;
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

static void
free_first_block(struct rtp_render *r)
{
	struct block *block = r->blocks;

	r->blocks = block->next;
	r->blocks_count--;
	free(block);
}

void
rtp_render_free(struct rtp_render **render)
{
	struct rtp_render *r = *render;

	*render = NULL;
	if (!r)
		return;
	while (r->blocks)
		free_first_block(r);
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

static int
block_at(struct rtp_render *r, int64_t position, struct block **block)
{
	struct block **link = &r->blocks;
	int64_t first = position - position % BLOCK_SAMPLES;

	while (*link && (*link)->first < first)
		link = &(*link)->next;
	*block = *link;
	if (*block && (*block)->first == first)
		return 0;
	if (r->blocks_count == BLOCKS_MAX)
		return -ENOBUFS;
	*block = calloc(1, sizeof(**block));
	if (!*block)
		return -ENOMEM;
	(*block)->first = first;
	(*block)->next = *link;
	*link = *block;
	r->blocks_count++;
	return 0;
}

static int16_t
mix(int16_t a, int16_t b)
{
	int sum = a + b;

	return (int16_t)(sum > INT16_MAX   ? INT16_MAX
			 : sum < INT16_MIN ? INT16_MIN
					   : sum);
}

/* A stream that goes back over its own sound replaces it; two streams of one
 * side are both heard. */
static void
set_sample(struct rtp_render *r, struct block *block, size_t i, uint8_t owner,
	   int16_t pcm)
{
	if (block->owner[i])
		r->stats.overlapped++;
	if (block->owner[i] && block->owner[i] != owner)
		pcm = mix(block->pcm[i], pcm);
	block->pcm[i] = pcm;
	block->owner[i] = owner;
}

/* Write samples [from, until); `decoded` begins at position. */
static int
write_samples(struct rtp_render *r, int64_t position, int64_t from,
	      int64_t until, uint8_t owner, uint8_t channel)
{
	while (from < until) {
		struct block *block;
		int64_t end;
		int err = block_at(r, from, &block);

		if (err < 0)
			return err;
		end = block->first + BLOCK_SAMPLES;
		for (; from < end && from < until; from++)
			set_sample(r, block,
				   (size_t)(from - block->first) * SIDES +
				       channel,
				   owner, r->decoded[from - position]);
	}
	return 0;
}

static struct stream *
stream_of(struct rtp_render *r, uint32_t id)
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
		.position = INT64_MIN,
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

/* Where a frame goes; see the top. */
static int64_t
place(const struct rtp_render *r, struct stream *s,
      const struct rtp_render_frame *frame, int64_t frame_samples)
{
	int64_t captured = position_of(r, frame->time_ns);
	int64_t position = captured;
	int64_t off;

	if (s->position != INT64_MIN) {
		position =
		    s->position + (int32_t)(frame->timestamp - s->timestamp);
		off = captured - position;
		if (llabs(off) > JUMP_SAMPLES ||
		    (frame->marker && llabs(off) > OFF_SAMPLES))
			position = captured;
		else
			position += drift(s, off, frame_samples);
	}
	s->position = position;
	s->timestamp = frame->timestamp;
	return position;
}

/* A decoder for this format at our rate. */
static const struct rtp_codec *
decoder(const struct rtp_format *format)
{
	const struct rtp_codec *codec = rtp_codec_find(format->encoding);

	if (!codec || codec->clock_hz != format->clock_hz ||
	    codec->sample_hz != SAMPLE_HZ || format->channels > 1)
		return NULL;
	return codec;
}

int
rtp_render_frame(struct rtp_render *render,
		 const struct rtp_render_frame *frame)
{
	const struct rtp_codec *codec = decoder(frame->format);
	struct stream *s;
	int64_t position;
	int64_t from;
	int64_t until;
	int samples;
	int err;

	assert(frame->channel < SIDES);
	if (!codec) {
		render->stats.no_codec++;
		return 0;
	}
	samples = codec->decode(render->decoded, FRAME_SAMPLES_MAX,
				frame->payload, frame->payload_bytes);
	if (samples <= 0) {
		render->stats.malformed++;
		return 0;
	}
	s = stream_of(render, frame->stream);
	if (!s)
		return -ENOMEM;
	position = place(render, s, frame, samples);
	from = position > render->taken ? position : render->taken;
	until = position + samples;
	if (until > render->end)
		until = render->end;
	if (from >= until) {
		render->stats.out_of_range++;
		return 0;
	}
	err = write_samples(render, position, from, until,
			    (uint8_t)((s - render->streams) % UINT8_MAX + 1),
			    frame->channel);
	if (err == 0)
		render->stats.frames++;
	return err;
}

size_t
rtp_render_take(struct rtp_render *render, int16_t *pcm, size_t frames_max,
		int64_t until_ns)
{
	struct rtp_render *r = render;
	int64_t until = position_of(r, until_ns);
	size_t taken = 0;

	if (until > r->end)
		until = r->end;
	while (r->taken < until && taken < frames_max) {
		int64_t in_block = r->taken % BLOCK_SAMPLES;
		size_t n = (size_t)(BLOCK_SAMPLES - in_block);

		if (n > frames_max - taken)
			n = frames_max - taken;
		if ((int64_t)n > until - r->taken)
			n = (size_t)(until - r->taken);
		if (r->blocks && r->blocks->first == r->taken - in_block)
			memcpy(pcm + taken * SIDES,
			       r->blocks->pcm + in_block * SIDES,
			       n * SIDES * sizeof(*pcm));
		else
			memset(pcm + taken * SIDES, 0,
			       n * SIDES * sizeof(*pcm));
		taken += n;
		r->taken += (int64_t)n;
		if (r->blocks && r->blocks->first + BLOCK_SAMPLES <= r->taken)
			free_first_block(r);
	}
	return taken;
}
