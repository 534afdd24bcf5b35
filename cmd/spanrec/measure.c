/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is going to be heard: from when until when, at which rate, with which
 * gaps. That takes reading the recordings through, which also proves that every
 * chunk is genuine.
 *
 * Whoever writes a file, which has no name yet while it is written, can have
 * that in the same reading as the sound. Whole recordings say at their end what
 * is in them; what that makes of the sound is foreseen, the reading tells
 * whether it was so, and if not all is done again.
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
#include "store/cases.h"

#define SECOND_NS INT64_C(1000000000)

/** Frames wait for longer than this before they are heard (order.c), so a gap
 * that is no longer has been read by then. */
#define DIGIT_MAX_NS (5 * SECOND_NS)

/** No call is so long; a row that says so is damaged. */
#define LENGTH_MAX_NS (31 * 86400 * SECOND_NS)

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
	int known;

	format = spanrec_source_format(source, frame, &fallback);
	if (spanrec_format_is_red(format) &&
	    spanrec_source_unpack(source, frame, NULL))
		format = spanrec_source_format(source, frame, &fallback);
	if (frame->time_ns < audio->start_ns)
		audio->start_ns = frame->time_ns;
	if (frame->time_ns > audio->end_ns)
		audio->end_ns = frame->time_ns;
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
	const char *unfinished = spanrec_unfinished(spanrec, segment);
	char when[SPANREC_TIME_BYTES];

	switch (segment->state) {
	case STORE_STATE_RECORDING:
		log_error("%s is still being recorded; try again when the call "
			  "has ended",
			  segment->id);
		return EXIT_FAILED;
	case STORE_STATE_PURGED:
		spanrec_time_zoned(spanrec->zone, segment->purged_ns, when);
		if (unfinished)
			log_error("%s is to be deleted since %s, and cannot be "
				  "heard any more; but its deletion is not "
				  "finished: %s. 'spanrec purge' goes on with "
				  "it when the disk can be written",
				  segment->id, when, unfinished);
		else
			log_error("%s was deleted on %s, as the policy wants; "
				  "it cannot be heard any more",
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
 * fear that it overflows. */
static bool
times_possible(const struct spanrec_audio *audio)
{
	int64_t length_ns = spanrec_span_ns(audio->start_ns, audio->end_ns);

	return audio->start_ns >= 0 && length_ns >= 0 &&
	       length_ns <= LENGTH_MAX_NS &&
	       audio->end_ns < INT64_MAX - LENGTH_MAX_NS;
}

/* @return exit code */
static int
check_times(const struct spanrec_audio *audio)
{
	if (times_possible(audio))
		return 0;
	log_error("%s: the times of this call cannot be true; its entry in the "
		  "index is damaged",
		  audio->selection->segments[0].id);
	return EXIT_DAMAGED;
}

/* Where no SDP named it, whoever knows it can. */
static const char *
nobody_told(const struct spanrec_audio *audio)
{
	return spanrec_encoding_untold(audio->encoding) ||
		       strncmp(audio->encoding, "payload type", 12) == 0
		   ? "; " SPANREC_ENCODING_ADVICE
		   : "";
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
			  "--format pcap gives the packets%s",
			  id, audio->encoding, nobody_told(audio));
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

/* Was it lost, or known in time? */
static bool
is_gap_foreseen(const struct spanrec_audio *audio, const struct store_gap *gap)
{
	int64_t length_ns = spanrec_span_ns(gap->from_ns, gap->until_ns);

	switch (gap->reason) {
	case STORE_REASON_loss:
	case STORE_REASON_kernel:
	case STORE_REASON_overrun:
		return true;
	case STORE_REASON_dtmf:
		return !audio->no_digits && length_ns <= DIGIT_MAX_NS &&
		       length_ns >= -DIGIT_MAX_NS;
	default:
		return false;
	}
}

/* @return 0, -ENOMEM */
static int
measure_item(struct spanrec_audio *audio, size_t segment,
	     const struct store_stream_info *info,
	     const struct spanrec_source *source, const struct store_item *item)
{
	struct spanrec_covered **covered = &audio->covered[segment];
	uint64_t unknown = audio->frames_unknown;
	int rc;

	if (!*covered)
		*covered = spanrec_covered_new();
	if (!*covered)
		return -ENOMEM;
	if (item->type == STORE_ITEM_FRAME) {
		rc = measure_frame(audio, source, &item->frame);
		return rc < 0 ? rc
			      : spanrec_covered_frame(
				    *covered, info, &item->frame,
				    unknown == audio->frames_unknown);
	}
	audio->surprise |= !is_gap_foreseen(audio, &item->gap);
	rc = spanrec_withheld_add(&audio->withheld[segment], info->side,
				  &item->gap);
	return rc < 0 ? rc : spanrec_covered_gap(*covered, info, &item->gap);
}

int
spanrec_measure_item(struct spanrec_audio *audio, size_t segment,
		     const struct spanrec_source *source,
		     const struct store_item *item)
{
	const struct store_stream_info *info = &source->info[item->stream];

	return measure_item(audio, segment, info, source, item) < 0
		   ? out_of_memory()
		   : 0;
}

/* All of a recording was read: which gaps does it have, that no other hop
 * fills? @return exit code */
static int
tell_gaps(struct spanrec_audio *audio, size_t segment)
{
	struct spanrec_covered **covered = &audio->covered[segment];
	int rc = *covered
		     ? spanrec_covered_rest(*covered, &audio->withheld[segment],
					    &audio->gaps)
		     : 0;

	spanrec_covered_free(covered);
	return rc < 0 ? out_of_memory() : 0;
}

/* Every frame and gap of a recording. @return exit code */
static int
measure_items(struct spanrec_audio *audio, size_t i,
	      struct spanrec_source *source)
{
	struct store_item item;
	bool more;
	int rc;

	while ((rc = spanrec_source_next(source, &item, &more)) == 0 && more) {
		rc = spanrec_measure_item(audio, i, source, &item);
		if (rc)
			return rc;
	}
	return rc ? rc : tell_gaps(audio, i);
}

/* Read one recording through. @return exit code */
static int
measure_segment(struct spanrec *spanrec, struct spanrec_audio *audio, size_t i)
{
	const struct store_segment *segment = &audio->selection->segments[i];
	struct spanrec_source *source;
	char until[SPANREC_TIME_BYTES];
	uint64_t before = audio->frames;
	int64_t last_ns;
	bool torn;
	int rc;

	if (segment->scrubs)
		log_info("%s: a part of it was taken out afterwards, and is "
			 "silence here; 'spanrec show %s' tells where",
			 segment->id, segment->id);
	rc = spanrec_source_open(&source, spanrec, segment);
	if (rc)
		return rc;
	rc = measure_items(audio, i, source);
	torn = source->torn;
	last_ns = source->last_ns;
	spanrec_source_close(&source);
	if (rc || !torn)
		return rc;
	if (audio->frames == before)
		return spanrec_reader_failed(segment, -EBADMSG);
	audio->torn = true;
	spanrec_duration(spanrec_span_ns(segment->start_ns, last_ns), until);
	log_warning("%s was interrupted and is damaged: what follows %s after "
		    "its beginning is missing; 'spanrec verify %s' tells where",
		    segment->id, until, segment->id);
	return 0;
}

/* What is known before anything is read. @return exit code */
static int
begin(struct spanrec_audio *audio)
{
	const struct spanrec_selection *selection = audio->selection;
	size_t i;

	spanrec_audio_fini(audio);
	*audio = (struct spanrec_audio){
		.selection = selection,
		.channels = audio->channels,
		.no_conceal = audio->no_conceal,
		.as_received = audio->as_received,
		.start_ns = INT64_MAX,
		.end_ns = INT64_MIN,
		.sample_hz = 8000,
		.withheld = calloc(selection->count, sizeof(*audio->withheld)),
		.covered = calloc(selection->count, sizeof(*audio->covered)),
	};
	if (!audio->withheld || !audio->covered)
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
	}
	return 0;
}

/* All of it, but for where its sound ends. @return exit code */
static int
read_through(struct spanrec *spanrec, struct spanrec_audio *audio)
{
	const struct spanrec_selection *selection = audio->selection;
	int rc = begin(audio);
	size_t i;

	for (i = 0; !rc && i < selection->count; i++) {
		if (spanrec_segment_audible(&selection->segments[i]))
			rc = measure_segment(spanrec, audio, i);
	}
	if (rc)
		return rc;
	spanrec_gaps_sort(&audio->gaps);
	rc = check_times(audio);
	return rc ? rc : set_length(audio);
}

int
spanrec_audio_measure(struct spanrec *spanrec, struct spanrec_audio *audio)
{
	int rc = read_through(spanrec, audio);

	if (!rc && !audio->as_received)
		rc = spanrec_audio_find_end(spanrec, audio, &audio->end_ns);
	if (rc)
		return rc;
	audio->end_known = true;
	audio->frames = count_samples(audio);
	return 0;
}

void
spanrec_audio_fini(struct spanrec_audio *audio)
{
	size_t i;

	for (i = 0; audio->withheld && i < audio->selection->count; i++)
		spanrec_withheld_fini(&audio->withheld[i]);
	free(audio->withheld);
	audio->withheld = NULL;
	for (i = 0; audio->covered && i < audio->selection->count; i++)
		spanrec_covered_free(&audio->covered[i]);
	free(audio->covered);
	audio->covered = NULL;
	spanrec_gaps_fini(&audio->gaps);
	if (audio->seen) {
		audio->seen->withheld = NULL; /* it was ours */
		spanrec_audio_fini(audio->seen);
	}
	free(audio->seen);
	audio->seen = NULL;
}

void
spanrec_audio_skip(struct spanrec_audio *audio, int64_t offset_ns)
{
	audio->start_ns += offset_ns;
	audio->frames = count_samples(audio);
}

/* ---- by what it says at its end ----------------------------------------- */

/** What a recording says of itself. */
struct ending {
	uint32_t streams, of_side[2];
	bool noise; /**< comfort noise was sent */
	bool known; /**< what it says is enough */
};

static bool
is_noise(const char *encoding)
{
	return strcasecmp(encoding, "CN") == 0;
}

static void
foresee_format(struct spanrec_audio *audio, struct ending *ending,
	       const struct store_format *told)
{
	struct rtp_format format;

	spanrec_format_read(&format, told);
	ending->noise |= is_noise(format.encoding);
	if (!audio->as_received && is_sound(format.encoding) &&
	    measure_format(audio, &format) <= 0)
		ending->known = false;
}

/* What was left out is to be known before what lies around it is heard; of
 * keyed digits, which are short, it is. */
static void
foresee_stream(struct spanrec_audio *audio, struct ending *ending,
	       const struct store_stream *totals)
{
	unsigned i;

	for (i = 0; i < STORE_REASON_COUNT; i++) {
		if (totals->dropped[i] && i != STORE_REASON_dtmf)
			ending->known = false;
	}
	ending->streams++;
	ending->of_side[totals->side == STORE_RIGHT]++;
	if (totals->stored && totals->first_ns < audio->start_ns)
		audio->start_ns = totals->first_ns;
	if (totals->stored && totals->last_ns > audio->end_ns)
		audio->end_ns = totals->last_ns;
}

/* The last chunk, which has all that was told of streams, and then the totals.
 * @return as store_reader_next */
static int
read_ending(struct store_reader *reader, struct spanrec_audio *audio,
	    struct ending *ending)
{
	struct store_item item;
	int rc = store_reader_seek(reader, INT64_MAX);

	if (rc < 0)
		return rc;
	while (ending->known && (rc = store_reader_next(reader, &item)) == 1) {
		if (item.type == STORE_ITEM_FORMAT)
			foresee_format(audio, ending, &item.format);
		else if (item.type == STORE_ITEM_TOTALS)
			foresee_stream(audio, ending, &item.totals);
	}
	return rc;
}

/* Whatever is wrong with it is told by who reads it through. @return whether
 * enough is known of it */
static bool
foresee_segment(struct spanrec *spanrec, struct spanrec_audio *audio, size_t i)
{
	const struct store_segment *segment = &audio->selection->segments[i];
	struct ending ending = { .known = true };
	struct store_reader *reader;
	int rc;

	if (store_segment_unheld(segment) != STORE_STATE_STORED ||
	    segment->scrubs ||
	    store_reader_open(&reader, spanrec->archive, spanrec->identity,
			      segment) < 0)
		return false;
	rc = read_ending(reader, audio, &ending);
	store_reader_close(&reader);
	/* A digit of one hop is not to be heard of another, nor noise in it */
	if (ending.of_side[0] > 1 || ending.of_side[1] > 1 || ending.noise)
		audio->no_digits = true;
	return ending.known && rc == 0 &&
	       ending.streams == segment->streams_count;
}

/* @return exit code */
static int
begin_to_see(struct spanrec_audio *audio)
{
	int rc;

	audio->seen = calloc(1, sizeof(*audio->seen));
	if (!audio->seen)
		return out_of_memory();
	audio->seen->selection = audio->selection;
	audio->seen->as_received = audio->as_received;
	rc = begin(audio->seen);
	if (rc) {
		spanrec_audio_fini(audio->seen);
		free(audio->seen);
		audio->seen = NULL;
		return rc;
	}
	/* what is left out is to be known where it is asked for */
	free(audio->seen->withheld);
	audio->seen->withheld = audio->withheld;
	audio->seen->no_digits = audio->no_digits;
	return 0;
}

int
spanrec_audio_foresee(struct spanrec *spanrec, struct spanrec_audio *audio)
{
	const struct spanrec_selection *selection = audio->selection;
	int rc = begin(audio);
	size_t i;

	for (i = 0; !rc && i < selection->count; i++) {
		if (spanrec_segment_audible(&selection->segments[i]) &&
		    !foresee_segment(spanrec, audio, i))
			return read_through(spanrec, audio);
	}
	if (rc)
		return rc;
	if (!times_possible(audio))
		return read_through(spanrec, audio);
	audio->frames = count_samples(audio);
	return begin_to_see(audio);
}

static bool
is_as_foreseen(const struct spanrec_audio *audio)
{
	const struct spanrec_audio *seen = audio->seen;

	return !seen->surprise && seen->start_ns == audio->start_ns &&
	       seen->end_ns == audio->end_ns &&
	       (audio->as_received || (seen->sample_hz == audio->sample_hz &&
				       seen->frames_unknown == 0));
}

int
spanrec_audio_confirm(const struct spanrec_audio *audio)
{
	return !audio->seen || is_as_foreseen(audio) ? 0 : SPANREC_AUDIO_AGAIN;
}

int
spanrec_audio_settle(struct spanrec_audio *audio)
{
	size_t i;
	int rc = 0;

	if (!audio->seen)
		return 0;
	for (i = 0; !rc && i < audio->selection->count; i++)
		rc = tell_gaps(audio->seen, i);
	audio->gaps = audio->seen->gaps;
	audio->seen->gaps = (struct spanrec_gaps){ 0 };
	spanrec_gaps_sort(&audio->gaps);
	return rc;
}
