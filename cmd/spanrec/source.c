/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One recording, frame by frame, with what it says of its streams. */
#include "cmd/spanrec/audio_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "store/cases.h"
#include "rtp/earlier.h"
#include "rtp/transcode.h"

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

/* Which key would open it. */
static void
say_wanted(struct spanrec *spanrec, const struct store_segment *segment)
{
	char text[STORE_RECIPIENTS_MAX * (STORE_FINGERPRINT_TEXT + 4)] = "";
	static const uint8_t unknown[STORE_FINGERPRINT_BYTES];
	char one[STORE_FINGERPRINT_TEXT];
	struct store_sealed_key sealed;
	size_t n = 0;

	if (store_recording_keys(spanrec->archive, segment, &sealed) ||
	    !memcmp(sealed.fingerprints[0], unknown, sizeof(unknown)))
		return;
	for (uint32_t i = 0; i < sealed.count; i++) {
		store_hex(one, sealed.fingerprints[i], STORE_FINGERPRINT_BYTES);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s",
				      i ? " or " : "", one);
	}
	log_error("%s: it takes key %s: name its file with --key", segment->id,
		  text);
}

int
spanrec_reader_open(struct spanrec *spanrec,
		    const struct store_segment *segment,
		    struct store_reader **reader)
{
	int rc = store_reader_open(reader, spanrec->archive, spanrec->identity,
				   segment);

	if (rc == -ENOKEY)
		say_wanted(spanrec, segment);
	return rc < 0 ? spanrec_reader_failed(segment, rc) : 0;
}

int
spanrec_source_open(struct spanrec_source **source, struct spanrec *spanrec,
		    const struct store_segment *segment)
{
	int rc;

	*source = calloc(1, sizeof(**source));
	if (!*source)
		return spanrec_reader_failed(segment, -ENOMEM);
	(*source)->segment = segment;
	rc = spanrec_reader_open(spanrec, segment, &(*source)->reader);
	if (rc) {
		free(*source);
		*source = NULL;
	}
	return rc;
}

void
spanrec_source_close(struct spanrec_source **source)
{
	if (!*source)
		return;
	store_reader_close(&(*source)->reader);
	free(*source);
	*source = NULL;
}

void
spanrec_format_read(struct rtp_format *format,
		    const struct store_format *stored)
{
	snprintf(format->encoding, sizeof(format->encoding), "%s",
		 stored->encoding);
	snprintf(format->parameters, sizeof(format->parameters), "%s",
		 stored->parameters);
	format->clock_hz = stored->clock_hz;
	format->channels = stored->channels;
	format->payload_type = stored->payload_type;
}

int64_t
spanrec_earlier_ns(const struct rtp_format *format,
		   const struct store_frame *frame)
{
	const int64_t second_ns = 1000000000;
	uint32_t units =
	    rtp_earlier(format, frame->payload, frame->payload_bytes);
	int64_t ns = units == RTP_EARLIER_UNKNOWN || !format->clock_hz
			 ? 2 * second_ns
			 : units * second_ns / format->clock_hz;

	return units ? ns + rtp_transcode_behind_ns(format)
		     : rtp_transcode_behind_ns(format);
}

static void
note_format(struct spanrec_source *source, unsigned stream,
	    const struct store_format *stored)
{
	uint8_t type = stored->payload_type % SPANREC_PAYLOAD_TYPES;

	spanrec_format_read(&source->format[stream][type], stored);
}

const struct rtp_format *
spanrec_source_format(const struct spanrec_source *source,
		      const struct store_frame *frame,
		      struct rtp_format *fallback)
{
	uint8_t type = frame->payload_type % SPANREC_PAYLOAD_TYPES;
	const struct rtp_format *format = &source->format[frame->stream][type];

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

/* @return the format of a payload type, put into room if it was not told */
static const struct rtp_format *
format_of(const struct spanrec_source *source, const struct store_frame *frame,
	  uint8_t payload_type, struct rtp_format *room)
{
	struct store_frame block = *frame;

	block.payload_type = payload_type;
	return spanrec_source_format(source, &block, room);
}

bool
spanrec_source_unpack(const struct spanrec_source *source,
		      struct store_frame *frame, struct spanrec_spares *spares)
{
	struct rtp_red_block blocks[RTP_RED_BLOCKS_MAX];
	struct rtp_format room;
	uint32_t count, i;

	if (!spanrec_format_is_red(spanrec_source_format(source, frame, &room)))
		return false;
	count = rtp_red_read(blocks, frame->payload, frame->payload_bytes);
	if (!count)
		return false;
	for (i = 0; spares && i + 1 < count; i++) {
		spares->formats[i] =
		    *format_of(source, frame, blocks[i].payload_type, &room);
		spares->spares[i] = (struct rtp_render_spare){
			.timestamp = frame->timestamp - blocks[i].offset,
			.format = &spares->formats[i],
			.payload = blocks[i].payload,
			.payload_bytes = blocks[i].bytes,
		};
		spares->count = i + 1;
	}
	frame->payload_type = blocks[count - 1].payload_type;
	frame->payload = blocks[count - 1].payload;
	frame->payload_bytes = (uint16_t)blocks[count - 1].bytes;
	return true;
}

/* The end, or why there is no more. @return exit code */
static int
ended(struct spanrec_source *source, int error)
{
	if (error == -EBADMSG &&
	    store_segment_unheld(source->segment) == STORE_STATE_INTERRUPTED)
		source->torn = true;
	else if (error < 0)
		return spanrec_reader_failed(source->segment, error);
	return 0;
}

int
spanrec_source_next(struct spanrec_source *source, struct store_item *item,
		    bool *more)
{
	int error;

	*more = false;
	while ((error = store_reader_next(source->reader, item)) == 1) {
		if (item->stream >= STORE_STREAMS_MAX)
			return ended(source, -EBADMSG);
		if (item->type == STORE_ITEM_STREAM)
			source->info[item->stream] = item->info;
		else if (item->type == STORE_ITEM_FORMAT)
			note_format(source, item->stream, &item->format);
		if (item->type == STORE_ITEM_FRAME &&
		    item->frame.time_ns > source->last_ns)
			source->last_ns = item->frame.time_ns;
		*more = item->type == STORE_ITEM_FRAME ||
			item->type == STORE_ITEM_GAP;
		if (*more)
			return 0;
	}
	return ended(source, error);
}
