/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From sealed recordings to sound. Recordings are read twice: first to prove
 * that every chunk is genuine and to learn how long they are, then to be
 * heard. So a damaged recording is found before the first sample leaves, and
 * a WAV header can tell the length before the samples come. Opening a chunk
 * costs about a nanosecond a byte; the second reading is not felt.
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

/** The longest packets in use hold 60 ms. What the last one holds is heard. */
#define LAST_PACKET_NS (60 * INT64_C(1000000))

/** No call is so long; a row that says so is damaged. */
#define LENGTH_MAX_NS (31 * 86400 * SECOND_NS)

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

unsigned
spanrec_audio_channels(const struct spanrec_audio *audio)
{
	return audio->channels == SPANREC_STEREO ? 2 : 1;
}

uint32_t
spanrec_audio_hz(const struct spanrec_audio *audio)
{
	return audio->sample_hz;
}

/* Samples from the start to the end. */
static uint64_t
count_samples(const struct spanrec_audio *audio)
{
	int64_t length_ns = audio->end_ns - audio->start_ns;

	return (uint64_t)(length_ns / SECOND_NS * audio->sample_hz +
			  length_ns % SECOND_NS * audio->sample_hz / SECOND_NS);
}

/* ---- reading ----------------------------------------------------------- */

bool
spanrec_segment_audible(const struct store_segment *segment)
{
	switch (segment->state) {
	case STORE_STATE_INTERRUPTED:
	case STORE_STATE_STORED:
	case STORE_STATE_HELD:
	case STORE_STATE_DAMAGED:
		return segment->bytes > 0 || segment->chunks > 0;
	default:
		return false;
	}
}

/* ---- first reading ----------------------------------------------------- */

/* Keyed digits and comfort noise are no sound, and nothing is missed. */
static bool
is_sound(const char *encoding)
{
	return strcasecmp(encoding, "telephone-event") != 0 &&
	       strcasecmp(encoding, "CN") != 0;
}

/* The rate of the sound is that of the best codec. @return 0, -ENOMEM */
static int
measure_rate(struct spanrec_audio *audio, const struct rtp_format *format)
{
	struct rtp_decoder *decoder;
	uint32_t hz;
	int rc = rtp_decoder_open(&decoder, format);

	if (rc < 0)
		return rc == -ENOMEM ? rc : 0;
	hz = rtp_decoder_sample_hz(decoder);
	rtp_decoder_close(&decoder);
	if (hz > 16000)
		audio->sample_hz = 48000;
	else if (hz > 8000 && audio->sample_hz < 16000)
		audio->sample_hz = 16000;
	return 0;
}

/* Most frames are of the format of the one before. @return 1: it can be
 * decoded; 0, -ENOMEM */
static int
measure_format(struct spanrec_audio *audio, const struct rtp_format *format)
{
	if (audio->rated.clock_hz == format->clock_hz &&
	    audio->rated.channels == format->channels &&
	    !strcmp(audio->rated.encoding, format->encoding) &&
	    !strcmp(audio->rated.parameters, format->parameters))
		return audio->rated_known;
	audio->rated = *format;
	audio->rated_known = rtp_decoder_knows(format);
	if (audio->rated_known && measure_rate(audio, format) < 0)
		return -ENOMEM;
	return audio->rated_known;
}

/* @return 0, -ENOMEM */
static int
measure_frame(struct spanrec_audio *audio, const struct spanrec_source *source,
	      const struct store_frame *stored)
{
	struct rtp_format fallback;
	const struct rtp_format *format;
	struct store_frame unpacked = *stored, *frame = &unpacked;
	int64_t end_ns;
	int known;

	spanrec_source_unpack(source, frame, NULL);
	format = spanrec_source_format(source, frame, &fallback);

	if (frame->time_ns < audio->start_ns)
		audio->start_ns = frame->time_ns;
	if (__builtin_add_overflow(frame->time_ns, LAST_PACKET_NS, &end_ns))
		end_ns = INT64_MAX;
	if (end_ns > audio->end_ns)
		audio->end_ns = end_ns;
	if (end_ns > audio->heard_ns)
		audio->heard_ns = end_ns;
	audio->frames++;
	known = measure_format(audio, format);
	if (known)
		return known < 0 ? known : 0;
	if (is_sound(format->encoding)) {
		audio->frames_unknown++;
		snprintf(audio->encoding, sizeof(audio->encoding), "%s",
			 format->encoding);
	}
	return 0;
}

static int
out_of_memory(void)
{
	log_error("not enough memory for the sound");
	return exit_code(-ENOMEM);
}

/* Why there is nothing to hear of a segment. @return exit code */
static int
explain_silence(const struct spanrec *spanrec,
		const struct store_segment *segment)
{
	char when[SPANREC_TIME_BYTES];

	switch (segment->state) {
	case STORE_STATE_RECORDING:
		log_error("%s is still being recorded; try again when the call "
			  "has ended",
			  segment->id);
		return EXIT_FAILED;
	case STORE_STATE_PURGED:
		spanrec_time_zoned(spanrec->zone, segment->purged_ns, when);
		log_error("%s was deleted on %s, as the policy wants; it "
			  "cannot be heard any more",
			  segment->id, when);
		return EXIT_NOT_FOUND;
	default:
		log_error("%s has no audio ('spanrec why %s' says why)",
			  segment->id, segment->id);
		return EXIT_NOT_FOUND;
	}
}

/* It is stored, but the policy lets nobody listen. @return exit code */
static int
listening_denied(const struct store_segment *segment)
{
	char rule[SPANREC_TEXT_BYTES];

	log_error("the policy lets nobody listen to %s, by the rule '%s'; "
		  "other segments of the call may be named one by one",
		  segment->id,
		  spanrec_text_clean(segment->rule, rule, sizeof(rule)));
	return EXIT_NOT_ALLOWED;
}

/* Times out of a row or a file that no call can have: nothing later has to
 * fear that it overflows. @return exit code */
static int
check_times(const struct spanrec_audio *audio)
{
	int64_t length_ns = spanrec_span_ns(audio->start_ns, audio->end_ns);

	if (audio->start_ns >= 0 && length_ns >= 0 &&
	    length_ns <= LENGTH_MAX_NS &&
	    audio->end_ns < INT64_MAX - LENGTH_MAX_NS)
		return 0;
	log_error("%s: the times of this call cannot be true; its entry in the "
		  "index is damaged",
		  audio->selection->segments[0].id);
	return EXIT_DAMAGED;
}

/* @return exit code */
static int
set_length(struct spanrec_audio *audio)
{
	const char *id = audio->selection->segments[0].id;

	if (!audio->as_received && audio->frames &&
	    audio->frames == audio->frames_unknown) {
		log_error("%s is in the encoding '%s', which cannot be "
			  "decoded here: it is stored as received; export "
			  "--format pcap gives the packets",
			  id, audio->encoding);
		return EXIT_FAILED;
	}
	if (audio->frames_unknown && !audio->as_received)
		log_warning("%" PRIu64 " packets are in the encoding '%s', "
			    "which cannot be decoded here: they are stored as "
			    "received, and silence here; export --format pcap "
			    "gives the packets",
			    audio->frames_unknown, audio->encoding);
	audio->frames = count_samples(audio);
	return 0;
}

int
spanrec_audio_check(const struct spanrec *spanrec,
		    const struct spanrec_selection *selection)
{
	size_t i, found = 0;

	for (i = 0; i < selection->count; i++) {
		const struct store_segment *segment = &selection->segments[i];

		if (segment->state == STORE_STATE_RECORDING)
			return explain_silence(spanrec, segment);
		if (!spanrec_segment_audible(segment))
			continue;
		if (segment->decision != STORE_RECORD)
			return listening_denied(segment);
		found++;
	}
	if (!found)
		return explain_silence(spanrec, &selection->segments[0]);
	if (found < selection->count)
		log_info("segments of this call without audio: %zu of %zu; "
			 "'spanrec show' lists them",
			 selection->count - found, selection->count);
	return 0;
}

/* @return 0, -ENOMEM */
static int
measure_item(struct spanrec_audio *audio, struct spanrec_source *source,
	     const struct store_item *item, struct spanrec_withheld *withheld,
	     struct spanrec_covered *covered)
{
	const struct store_stream_info *info = &source->info[item->stream];
	uint64_t unknown = audio->frames_unknown;
	int rc;

	if (item->type == STORE_ITEM_GAP) {
		rc = spanrec_withheld_add(withheld, info->side, &item->gap);
		return rc ? rc : spanrec_covered_gap(covered, info, &item->gap);
	}
	rc = measure_frame(audio, source, &item->frame);
	return rc < 0 ? rc
		      : spanrec_covered_frame(covered, info, &item->frame,
					      unknown == audio->frames_unknown);
}

/* Every frame and gap of a recording. @return exit code */
static int
measure_items(struct spanrec_audio *audio, struct spanrec_source *source,
	      struct spanrec_withheld *withheld)
{
	struct spanrec_covered *covered = spanrec_covered_new();
	struct store_item item;
	bool more;
	int rc, error = covered ? 0 : -ENOMEM;

	if (!covered)
		return out_of_memory();
	while ((rc = spanrec_source_next(source, &item, &more)) == 0 && more) {
		error = measure_item(audio, source, &item, withheld, covered);
		if (error < 0)
			break;
	}
	if (!rc && !error)
		error = spanrec_covered_rest(covered, withheld, &audio->gaps);
	spanrec_covered_free(&covered);
	return error < 0 ? out_of_memory() : rc;
}

/* Read one recording through. @return exit code */
static int
measure_segment(struct spanrec *spanrec, struct spanrec_audio *audio, size_t i)
{
	const struct store_segment *segment = &audio->selection->segments[i];
	struct spanrec_source *source;
	char until[SPANREC_TIME_BYTES];
	uint64_t before = audio->frames;
	bool torn;
	int rc;

	audio->heard_ns = segment->start_ns;
	if (segment->scrubs)
		log_info("%s: a part of it was taken out afterwards, and is "
			 "silence here; 'spanrec show %s' tells where",
			 segment->id, segment->id);
	rc = spanrec_source_open(&source, spanrec, segment);
	if (rc)
		return rc;
	rc = measure_items(audio, source, &audio->withheld[i]);
	torn = source->torn;
	spanrec_source_close(&source);
	if (rc || !torn)
		return rc;
	if (audio->frames == before)
		return spanrec_reader_failed(segment, -EBADMSG);
	audio->torn = true;
	spanrec_duration(spanrec_span_ns(segment->start_ns, audio->heard_ns),
			 until);
	log_warning("%s was interrupted and is damaged: what follows %s after "
		    "its beginning is missing; 'spanrec verify %s' tells where",
		    segment->id, until, segment->id);
	return 0;
}

int
spanrec_audio_measure(struct spanrec *spanrec, struct spanrec_audio *audio)
{
	const struct spanrec_selection *selection = audio->selection;
	size_t i;
	int rc;

	audio->start_ns = INT64_MAX;
	audio->end_ns = INT64_MIN;
	audio->sample_hz = 8000;
	audio->frames = audio->frames_unknown = 0;
	audio->torn = false;
	audio->withheld = calloc(selection->count, sizeof(*audio->withheld));
	if (!audio->withheld)
		return out_of_memory();
	for (i = 0; i < selection->count; i++) {
		const struct store_segment *segment = &selection->segments[i];

		if (!spanrec_segment_audible(segment))
			continue;
		if (segment->start_ns < audio->start_ns)
			audio->start_ns = segment->start_ns;
		/* interrupted ones may have no end */
		if (segment->start_ns > audio->end_ns)
			audio->end_ns = segment->start_ns;
		if (segment->end_ns > audio->end_ns)
			audio->end_ns = segment->end_ns;
		rc = measure_segment(spanrec, audio, i);
		if (rc)
			return rc;
	}
	spanrec_gaps_sort(&audio->gaps);
	rc = check_times(audio);
	return rc ? rc : set_length(audio);
}

void
spanrec_audio_fini(struct spanrec_audio *audio)
{
	size_t i;

	for (i = 0; audio->withheld && i < audio->selection->count; i++)
		spanrec_withheld_fini(&audio->withheld[i]);
	free(audio->withheld);
	audio->withheld = NULL;
	spanrec_gaps_fini(&audio->gaps);
}

void
spanrec_audio_skip(struct spanrec_audio *audio, int64_t offset_ns)
{
	audio->start_ns += offset_ns;
	audio->frames = count_samples(audio);
}

/* ---- second reading ---------------------------------------------------- */

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
		.time_ns = frame->time_ns,
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
	const struct spanrec_wanted wanted = { .from_ns = audio->start_ns };
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
	if (hidden)
		log_info("of segments at the same time one is heard at a time; "
			 "each is heard alone by its own id");
	if (rc == 0)
		tell_made_up(audio, rtp_render_stats_peek(rendering.render));
	rtp_render_free(&rendering.render);
	spanrec_follow_fini(&rendering.follow);
	return rc;
}
