/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From sealed recordings to sound. What is played, into a pipe or to a sound
 * card, is read twice: first to prove that every chunk is genuine and to learn
 * how long it is (measure.c), then to be heard. So a damaged recording is found
 * before the first sample leaves, and a WAV header can tell the length before
 * the samples come. A copy in a file gets its name when all of it has proved
 * genuine; there one reading does, and no chunk is heard before it is opened in
 * any case.
 */
#include "cmd/spanrec/audio_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "rtp/decoder.h"

#define SECOND_NS INT64_C(1000000000)

#define PCM_FRAMES 4096

struct rendering {
	const struct spanrec_audio *audio;
	struct rtp_render *render;
	struct spanrec_follow follow;
	int64_t taken_ns;
	uint64_t frames;
	spanrec_audio_fn fn;
	void *ctx;
};

static int
out_of_memory(void)
{
	log_error("not enough memory for the sound");
	return exit_code(-ENOMEM);
}

/* Two channels in place -> what was asked for. @return samples per channel */
static void
mix_down(enum spanrec_channels channels, int16_t *pcm, size_t frames)
{
	size_t i;

	if (channels == SPANREC_STEREO)
		return;
	for (i = 0; i < frames; i++) {
		int left = pcm[2 * i], right = pcm[2 * i + 1];

		if (channels == SPANREC_LEFT)
			pcm[i] = (int16_t)left;
		else if (channels == SPANREC_RIGHT)
			pcm[i] = (int16_t)right;
		else /* halved, so that nothing is ever clipped */
			pcm[i] = (int16_t)((left + right) / 2);
	}
}

static int
give_out(struct rendering *rendering, int16_t *pcm, size_t frames)
{
	const struct spanrec_audio *audio = rendering->audio;

	if (frames > audio->frames - rendering->frames)
		frames = (size_t)(audio->frames - rendering->frames);
	if (!frames)
		return 0;
	mix_down(audio->channels, pcm, frames);
	rendering->frames += frames;
	return rendering->fn(rendering->ctx, pcm, frames);
}

static int
drain(struct rendering *rendering, int64_t until_ns)
{
	int16_t pcm[PCM_FRAMES * 2];
	ssize_t n;
	int rc;

	while ((n = rtp_render_take(rendering->render, pcm, PCM_FRAMES,
				    until_ns)) > 0) {
		rc = give_out(rendering, pcm, (size_t)n);
		if (rc)
			return rc;
	}
	return n < 0 ? out_of_memory() : 0;
}

/* Noise goes on until the stream ends, or something was left out of its side:
 * of what there was meanwhile nothing is to be heard, not even its silence. */
static int64_t
quiet_until(const struct spanrec_audio *audio,
	    const struct spanrec_ordered *ordered,
	    struct spanrec_withheld *withheld)
{
	const struct store_segment *segment =
	    &audio->selection->segments[ordered->segment];
	const struct store_frame *frame = &ordered->frame;
	int64_t until_ns =
	    spanrec_withheld_next(withheld, ordered->side, frame->time_ns);
	int64_t end_ns = frame->stream < segment->streams_count
			     ? segment->streams[frame->stream].last_ns
			     : audio->end_ns;

	return until_ns < end_ns ? until_ns : end_ns;
}

/* One frame that is heard. @return 0, -errno */
static int
place_frame(struct rendering *rendering, const struct spanrec_ordered *ordered,
	    struct spanrec_withheld *withheld)
{
	const struct store_frame *frame = &ordered->frame;
	struct rtp_render_frame placed = {
		.time_ns = ordered->in_time_ns,
		.timestamp = frame->timestamp,
		.sequence = frame->sequence,
		.channel = ordered->side == STORE_RIGHT,
		.marker = frame->marker,
		.format = &ordered->format,
		.payload = frame->payload,
		.payload_bytes = frame->payload_bytes,
		.quiet_until_ns =
		    quiet_until(rendering->audio, ordered, withheld),
	};
	int rc = spanrec_follow_frame(&rendering->follow, ordered, withheld,
				      &placed.stream, &placed.after_gap);

	if (rc < 0)
		return rc;
	if (ordered->spares) {
		placed.spares = ordered->spares->spares;
		placed.spares_count = ordered->spares->count;
	}
	return rtp_render_frame(rendering->render, &placed);
}

static int
render_frame(void *ctx, const struct spanrec_ordered *ordered)
{
	struct rendering *rendering = ctx;
	const struct store_frame *frame = &ordered->frame;
	struct spanrec_withheld *withheld =
	    &rendering->audio->withheld[ordered->segment];
	int64_t until_ns = frame->time_ns - RTP_RENDER_BEHIND_NS;
	int rc = spanrec_withheld_ask(withheld, ordered->side, frame->stream,
				      frame->time_ns);

	if (rc == 0)
		rc = place_frame(rendering, ordered, withheld);
	if (rc < 0)
		return out_of_memory();
	if (until_ns <= rendering->taken_ns + SECOND_NS)
		return 0;
	rendering->taken_ns = until_ns;
	return drain(rendering, until_ns);
}

/* The rest, and silence up to the length that was promised. */
static int
render_tail(struct rendering *rendering)
{
	int16_t pcm[PCM_FRAMES * 2];
	int rc = drain(rendering, rendering->audio->end_ns);

	while (!rc && rendering->frames < rendering->audio->frames) {
		memset(pcm, 0, sizeof(pcm));
		rc = give_out(rendering, pcm, PCM_FRAMES);
	}
	return rc;
}

/* What of it was not received. */
static void
tell_made_up(const struct spanrec_audio *audio,
	     const struct rtp_render_stats *stats)
{
	if (stats->concealed)
		log_info("%.2f s of what was lost are made up from what lies "
			 "around it; --no-conceal leaves them out",
			 (double)stats->concealed / audio->sample_hz);
}

int
spanrec_audio_render(struct spanrec *spanrec, const struct spanrec_audio *audio,
		     spanrec_audio_fn fn, void *ctx)
{
	const struct rtp_render_config config = {
		.sample_hz = audio->sample_hz,
		.no_conceal = audio->no_conceal,
		.start_ns = audio->start_ns,
		.end_ns = audio->end_ns,
	};
	struct rendering rendering = { .audio = audio,
				       .fn = fn,
				       .ctx = ctx,
				       .taken_ns = audio->start_ns };
	const struct spanrec_wanted wanted = { .from_ns = audio->start_ns,
					       .seen = audio->seen };
	bool hidden = false;
	int rc;

	rc = rtp_render_new(&rendering.render, &config);
	if (rc < 0) {
		log_error("the sound cannot be made: %s", strerror(-rc));
		return exit_code(rc);
	}
	rc = spanrec_order_run(spanrec, audio->selection, &wanted, render_frame,
			       &rendering, &hidden);
	if (rc == 0)
		rc = render_tail(&rendering);
	if (rc == 0)
		rc = spanrec_audio_confirm(audio);
	if (rc == 0 && hidden)
		log_info("of segments at the same time one is heard at a time; "
			 "each is heard alone by its own id");
	if (rc == 0)
		tell_made_up(audio, rtp_render_stats_peek(rendering.render));
	rtp_render_free(&rendering.render);
	spanrec_follow_fini(&rendering.follow);
	return rc;
}
