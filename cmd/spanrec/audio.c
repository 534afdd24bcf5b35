/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From sealed recordings to sound. Where it ends is known when all frames have
 * their place: some senders are ahead of their timestamps, and only these say
 * what comes behind the last packet.
 *
 * What is played, into a pipe or to a sound card, is read before: to prove that
 * every chunk is genuine (measure.c), and to find its end here. So a damaged
 * recording is found before the first sample leaves, and a WAV header can tell
 * the length before the samples come. A copy in a file gets its name when all
 * of it has proved genuine, and its length last; there one reading does, and no
 * chunk is heard before it is opened in any case.
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
	bool hidden; /**< not all was heard: other segments were */
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
drain(struct rendering *rendering, int64_t until_ns)
{
	int16_t pcm[PCM_FRAMES * 2];
	ssize_t n;
	int rc;

	while ((n = rtp_render_take(rendering->render, pcm, PCM_FRAMES,
				    until_ns)) > 0) {
		mix_down(rendering->audio->channels, pcm, (size_t)n);
		rc = rendering->fn(rendering->ctx, pcm, (size_t)n);
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

/* Where the sound of all frames ends, or the recordings do. */
static int64_t
heard_until(const struct rendering *rendering)
{
	const struct spanrec_audio *audio = rendering->audio;
	int64_t until_ns = rtp_render_heard_until(rendering->render);

	return audio->end_known || until_ns < audio->end_ns ? audio->end_ns
							    : until_ns;
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

/* @return exit code */
static int
render_frames(struct spanrec *spanrec, struct rendering *rendering)
{
	const struct spanrec_audio *audio = rendering->audio;
	const struct spanrec_wanted wanted = { .from_ns = audio->start_ns,
					       .seen = audio->seen };

	return spanrec_order_run(spanrec, audio->selection, &wanted,
				 render_frame, rendering, &rendering->hidden);
}

/* @return exit code */
static int
begin(struct rendering *rendering)
{
	const struct spanrec_audio *audio = rendering->audio;
	const struct rtp_render_config config = {
		.sample_hz = audio->sample_hz,
		.no_conceal = audio->no_conceal,
		.start_ns = audio->start_ns,
		.end_ns = audio->end_known
			      ? audio->end_ns
			      : audio->end_ns + RTP_RENDER_AHEAD_NS,
	};
	int rc = rtp_render_new(&rendering->render, &config);

	rendering->taken_ns = audio->start_ns;
	if (rc == 0)
		return 0;
	log_error("the sound cannot be made: %s", strerror(-rc));
	return exit_code(rc);
}

static void
end(struct rendering *rendering)
{
	rtp_render_free(&rendering->render);
	spanrec_follow_fini(&rendering->follow);
}

int
spanrec_audio_render(struct spanrec *spanrec, const struct spanrec_audio *audio,
		     spanrec_audio_fn fn, void *ctx)
{
	struct rendering rendering = { .audio = audio, .fn = fn, .ctx = ctx };
	int rc = begin(&rendering);

	if (rc)
		return rc;
	rc = render_frames(spanrec, &rendering);
	if (rc == 0)
		rc = drain(&rendering, heard_until(&rendering));
	if (rc == 0)
		rc = spanrec_audio_confirm(audio);
	if (rc == 0 && rendering.hidden)
		log_info("of segments at the same time one is heard at a time; "
			 "each is heard alone by its own id");
	if (rc == 0)
		tell_made_up(audio, rtp_render_stats_peek(rendering.render));
	end(&rendering);
	return rc;
}

/* ---- where it ends ----------------------------------------------------- */

static int
give_nobody(void *ctx, const int16_t *pcm, size_t frames)
{
	return 0;
}

int
spanrec_audio_find_end(struct spanrec *spanrec,
		       const struct spanrec_audio *audio, int64_t *end_ns)
{
	struct rendering rendering = { .audio = audio, .fn = give_nobody };
	int rc = begin(&rendering);

	if (rc)
		return rc;
	rc = render_frames(spanrec, &rendering);
	*end_ns = heard_until(&rendering);
	end(&rendering);
	return rc;
}
