/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From sealed recordings to sound. Recordings are read twice: first to prove
 * that every chunk is genuine and to learn how long they are, then to be
 * heard. So a damaged recording is found before the first sample leaves, and
 * a WAV header can tell the length before the samples come. Opening a chunk
 * costs about a nanosecond a byte; the second reading is not felt.
 */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

#define SECOND_NS INT64_C(1000000000)
#define SAMPLE_NS (SECOND_NS / SPANREC_SAMPLE_HZ)

/** The longest packets in use hold 60 ms. What the last one holds is heard. */
#define LAST_PACKET_NS (60 * INT64_C(1000000))

/**
 * The writer drains the buffers of all streams once a second, so frames lie in
 * the file by seconds, one stream after the other in each. Sound is taken out
 * so far behind the newest frame, with room to spare.
 */
#define MARGIN_NS (10 * SECOND_NS + RTP_RENDER_BEHIND_NS)

/** No call is so long; a row that says so is damaged. */
#define LENGTH_MAX_NS (31 * 86400 * SECOND_NS)

#define PAYLOAD_TYPES 128
#define PCM_FRAMES    2048

/** What is known of the streams of one recording while it is read. */
struct streams {
	enum store_side side[STORE_STREAMS_MAX];
	/** by payload type; clock 0: not told */
	struct rtp_format format[STORE_STREAMS_MAX][PAYLOAD_TYPES];
};

struct rendering {
	const struct spanrec_audio *audio;
	struct spanrec_withheld *withheld; /**< of this segment */
	struct rtp_render *render;
	uint32_t first_stream; /**< tells streams of segments apart */
	int64_t newest_ns, taken_ns;
	uint64_t frames;
	spanrec_audio_fn fn;
	void *ctx;
};

/** While one segment is measured. */
struct measuring {
	struct spanrec_audio *audio;
	struct spanrec_withheld *withheld;
};

typedef int (*frame_fn)(void *ctx, const struct streams *streams,
			const struct store_frame *frame);
typedef int (*gap_fn)(void *ctx, enum store_side side,
		      const struct store_gap *gap);

/** What to do with what is read. @return exit code, which stops */
struct readers {
	frame_fn frame;
	gap_fn gap; /**< may be NULL */
	void *ctx;
};

unsigned
spanrec_audio_channels(const struct spanrec_audio *audio)
{
	return audio->channels == SPANREC_STEREO ? 2 : 1;
}

/* ---- reading ----------------------------------------------------------- */

int
spanrec_reader_failed(const struct store_segment *segment, int error)
{
	switch (error) {
	case -ENOENT:
		log_error("%s: the file of this recording is missing; "
			  "'spanrec verify' tells what else is",
			  segment->id);
		return EXIT_DAMAGED;
	case -ENOKEY:
		log_error("%s: the private key here does not open this "
			  "recording: it was sealed to another one",
			  segment->id);
		return EXIT_NOT_ALLOWED;
	case -EBADMSG:
		log_error("%s: this recording is damaged; 'spanrec verify %s' "
			  "tells where",
			  segment->id, segment->id);
		return EXIT_DAMAGED;
	default:
		log_error("%s: this recording cannot be read: %s", segment->id,
			  strerror(-error));
		return exit_code(error);
	}
}

int
spanrec_reader_open(struct spanrec *spanrec,
		    const struct store_segment *segment,
		    struct store_reader **reader)
{
	int rc = store_reader_open(reader, spanrec->archive, spanrec->identity,
				   segment);

	return rc < 0 ? spanrec_reader_failed(segment, rc) : 0;
}

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

static void
note_format(struct streams *streams, unsigned stream,
	    const struct store_format *stored)
{
	struct rtp_format *format =
	    &streams->format[stream][stored->payload_type % PAYLOAD_TYPES];

	snprintf(format->encoding, sizeof(format->encoding), "%s",
		 stored->encoding);
	format->clock_hz = stored->clock_hz;
	format->channels = stored->channels;
	format->payload_type = stored->payload_type;
}

/* What a payload type means: as told, else as RFC 3551 assigns it. */
static const struct rtp_format *
find_format(const struct streams *streams, const struct store_frame *frame,
	    struct rtp_format *fallback)
{
	uint8_t type = frame->payload_type % PAYLOAD_TYPES;
	const struct rtp_format *format = &streams->format[frame->stream][type];

	if (format->clock_hz)
		return format;
	if (!rtp_format_static(type, fallback)) {
		*fallback = (struct rtp_format){ .clock_hz = 8000,
						 .payload_type = type,
						 .channels = 1 };
		snprintf(fallback->encoding, sizeof(fallback->encoding),
			 "payload type %u", type);
	}
	return fallback;
}

/*
 * Hand out each frame and gap of one recording. One that was interrupted by a
 * crash or a full disk may be torn where it ends: then what lies before is
 * given out, all of it genuine.
 *
 * @param torn set if so, else left alone
 * @return exit code
 */
static int
read_items(struct spanrec *spanrec, const struct store_segment *segment,
	   const struct readers *to, bool *torn)
{
	struct streams *streams = calloc(1, sizeof(*streams));
	struct store_reader *reader = NULL;
	struct store_item item;
	int rc, error;

	if (!streams)
		return spanrec_reader_failed(segment, -ENOMEM);
	rc = spanrec_reader_open(spanrec, segment, &reader);
	if (rc)
		goto out;
	while ((error = store_reader_next(reader, &item)) == 1) {
		if (item.stream >= STORE_STREAMS_MAX) {
			error = -EBADMSG;
			break;
		}
		if (item.type == STORE_ITEM_STREAM)
			streams->side[item.stream] = item.info.side;
		else if (item.type == STORE_ITEM_FORMAT)
			note_format(streams, item.stream, &item.format);
		else if (item.type == STORE_ITEM_FRAME)
			rc = to->frame(to->ctx, streams, &item.frame);
		else if (item.type == STORE_ITEM_GAP && to->gap)
			rc = to->gap(to->ctx, streams->side[item.stream],
				     &item.gap);
		if (rc)
			goto out;
	}
	if (error == -EBADMSG && segment->state == STORE_STATE_INTERRUPTED)
		*torn = true;
	else if (error < 0)
		rc = spanrec_reader_failed(segment, error);
out:
	store_reader_close(&reader);
	free(streams);
	return rc;
}

/* ---- first reading ----------------------------------------------------- */

/* Keyed digits and comfort noise are no sound, and nothing is missed. */
static bool
is_sound(const char *encoding)
{
	return strcasecmp(encoding, "telephone-event") != 0 &&
	       strcasecmp(encoding, "CN") != 0;
}

static int
measure_frame(void *ctx, const struct streams *streams,
	      const struct store_frame *frame)
{
	const struct measuring *measuring = ctx;
	struct spanrec_audio *audio = measuring->audio;
	struct rtp_format fallback;
	const struct rtp_format *format =
	    find_format(streams, frame, &fallback);
	int64_t end_ns;

	if (frame->time_ns < audio->start_ns)
		audio->start_ns = frame->time_ns;
	if (__builtin_add_overflow(frame->time_ns, LAST_PACKET_NS, &end_ns))
		end_ns = INT64_MAX;
	if (end_ns > audio->end_ns)
		audio->end_ns = end_ns;
	if (end_ns > audio->heard_ns)
		audio->heard_ns = end_ns;
	audio->frames++;
	if (!rtp_codec_find(format->encoding) && is_sound(format->encoding)) {
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

static int
measure_gap(void *ctx, enum store_side side, const struct store_gap *gap)
{
	const struct measuring *measuring = ctx;

	return spanrec_withheld_add(measuring->withheld, side, gap) < 0
		   ? out_of_memory()
		   : 0;
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
	int64_t length_ns = audio->end_ns - audio->start_ns;

	if (audio->frames && audio->frames == audio->frames_unknown) {
		log_error("%s is in the encoding '%s', which this version "
			  "stores but cannot play",
			  id, audio->encoding);
		return EXIT_FAILED;
	}
	if (audio->frames_unknown)
		log_warning("%" PRIu64 " packets are in the encoding '%s', "
			    "which this version cannot play; they are "
			    "silence here",
			    audio->frames_unknown, audio->encoding);
	audio->frames = (uint64_t)(length_ns / SAMPLE_NS);
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

/* Read one recording through. @return exit code */
static int
measure_segment(struct spanrec *spanrec, struct spanrec_audio *audio, size_t i)
{
	const struct store_segment *segment = &audio->selection->segments[i];
	struct measuring measuring = { audio, &audio->withheld[i] };
	const struct readers to = { measure_frame, measure_gap, &measuring };
	char until[SPANREC_TIME_BYTES];
	uint64_t before = audio->frames;
	bool torn = false;
	int rc;

	audio->heard_ns = segment->start_ns;
	rc = read_items(spanrec, segment, &to, &torn);
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
}

void
spanrec_audio_skip(struct spanrec_audio *audio, int64_t offset_ns)
{
	audio->start_ns += offset_ns;
	audio->frames =
	    (uint64_t)((audio->end_ns - audio->start_ns) / SAMPLE_NS);
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
	size_t n;
	int rc;

	while ((n = rtp_render_take(rendering->render, pcm, PCM_FRAMES,
				    until_ns)) > 0) {
		rc = give_out(rendering, pcm, n);
		if (rc)
			return rc;
	}
	return 0;
}

static int
render_frame(void *ctx, const struct streams *streams,
	     const struct store_frame *frame)
{
	struct rendering *rendering = ctx;
	struct rtp_format fallback;
	const struct rtp_render_frame placed = {
		.time_ns = frame->time_ns,
		.stream = rendering->first_stream + frame->stream,
		.timestamp = frame->timestamp,
		.sequence = frame->sequence,
		.channel = streams->side[frame->stream] == STORE_RIGHT,
		.marker = frame->marker,
		.format = find_format(streams, frame, &fallback),
		.payload = frame->payload,
		.payload_bytes = frame->payload_bytes,
	};
	int rc = spanrec_withheld_ask(rendering->withheld,
				      streams->side[frame->stream],
				      frame->stream, frame->time_ns);

	if (rc == 0)
		rc = rtp_render_frame(rendering->render, &placed);
	if (rc < 0)
		return out_of_memory();
	if (frame->time_ns > rendering->newest_ns)
		rendering->newest_ns = frame->time_ns;
	if (rendering->newest_ns - MARGIN_NS <= rendering->taken_ns + SECOND_NS)
		return 0;
	rendering->taken_ns = rendering->newest_ns - MARGIN_NS;
	return drain(rendering, rendering->taken_ns);
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

int
spanrec_audio_render(struct spanrec *spanrec, const struct spanrec_audio *audio,
		     spanrec_audio_fn fn, void *ctx)
{
	const struct spanrec_selection *selection = audio->selection;
	struct rendering rendering = { .audio = audio,
				       .fn = fn,
				       .ctx = ctx,
				       .newest_ns = audio->start_ns,
				       .taken_ns = audio->start_ns };
	const struct readers to = { render_frame, NULL, &rendering };
	bool torn = false; /* said when it was measured */
	size_t i;
	int rc;

	rc = rtp_render_new(&rendering.render, SPANREC_SAMPLE_HZ,
			    audio->start_ns, audio->end_ns);
	if (rc < 0) {
		log_error("the sound cannot be made: %s", strerror(-rc));
		return exit_code(rc);
	}
	for (i = 0; i < selection->count; i++) {
		if (!spanrec_segment_audible(&selection->segments[i]))
			continue;
		rendering.first_stream = (uint32_t)(i * STORE_STREAMS_MAX);
		rendering.withheld = &audio->withheld[i];
		rc = read_items(spanrec, &selection->segments[i], &to, &torn);
		if (rc)
			goto out;
	}
	rc = render_tail(&rendering);
out:
	rtp_render_free(&rendering.render);
	return rc;
}
