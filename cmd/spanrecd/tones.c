/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See tones.h. */
#include "cmd/spanrecd/tones.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "cmd/spanrecd/payload.h"
#include "rtp/red.h"
#include "rtp/tones.h"

/* A stream shows a key in its sound, or as an event, or both: it counts as
 * two. */
static const uint64_t IN_SOUND = UINT64_C(1) << 63;

/* A stream that pauses for longer is at an end, for now. By the times of its
 * frames alone: the same for any timing of the threads. */
static const int64_t QUIET_NS = 100 * 1000000LL;

static void
mark(const struct keyed_stream *stream, struct hold *hold,
     const struct rtp_tones_told *told)
{
	if (told->marked)
		hold_mark(hold, &stream->flow, told->first, told->last);
}

static void
end(struct keyed_stream *stream, struct hold *hold)
{
	struct rtp_tones_told told;

	if (!stream->tones || stream->quiet)
		return;
	stream->quiet = true;
	rtp_tones_end(stream->tones, &told);
	mark(stream, hold, &told);
}

/* What of a stream ends here, and what begins? */
static int
prepare(struct keyed_stream *stream, struct hold *hold,
	const struct rtp_frame *frame)
{
	if (stream->heard_ns < frame->time_ns - QUIET_NS)
		end(stream, hold);
	if (stream->tones && frame->sequence <= stream->sequence) {
		/* It begins anew. */
		end(stream, hold);
		rtp_tones_free(&stream->tones);
	}
	stream->heard_ns = frame->time_ns;
	stream->sequence = frame->sequence;
	stream->quiet = false;
	return stream->tones ? 0 : rtp_tones_new(&stream->tones);
}

/* What of a packet is its own sound: of several (RFC 2198), the last. */
static bool
own_sound(const struct keyed_frame *in, struct rtp_frame *own,
	  struct rtp_format *format)
{
	struct rtp_red_block blocks[RTP_RED_BLOCKS_MAX];
	uint32_t n;

	*own = *in->frame;
	if (!payload_format(in->media, own->payload_type, format))
		return false;
	if (!payload_is_red(format))
		return true;
	n = rtp_red_read(blocks, own->payload, own->payload_bytes);
	if (n == 0)
		return false;
	own->payload_type = blocks[n - 1].payload_type;
	own->payload = blocks[n - 1].payload;
	own->payload_bytes = (uint16_t)blocks[n - 1].bytes;
	return payload_format(in->media, own->payload_type, format);
}

/* Can there be keys in the sound of this? Where there may be, but nobody could
 * hear them, it is counted. */
static bool
is_heard(const struct keyed_frame *in, struct rtp_frame *own,
	 struct rtp_format *format, struct counters *counters)
{
	bool known = own_sound(in, own, format);

	if (known && rtp_tones_hears(format))
		return true;
	if (!payload_is_event(known ? format : NULL, own) &&
	    !(known && strcasecmp(format->encoding, "CN") == 0))
		counter_add(counters, COUNTER_tones_unheard, 1);
	return false;
}

/* Nobody has heard what the blocks of packets that were lost hold. */
static void
mark_unheard(const struct keyed_stream *stream, struct hold *hold,
	     const struct keyed_frame *in, const struct rtp_frame *own)
{
	const struct rtp_frame *frame = in->frame;

	if (own->payload != frame->payload && stream->tones &&
	    frame->sequence > stream->sequence + 1)
		hold_mark(hold, in->flow, frame->sequence, frame->sequence);
}

static void
tell(const struct keyed_stream *stream, const struct keyed_frame *in,
     const struct rtp_tones_told *told)
{
	uint32_t i;

	for (i = 0; i < told->keys_count; i++) {
		struct key_report key = { .source = stream->number | IN_SOUND,
					  .timestamp = told->keys[i].timestamp,
					  .key = told->keys[i].key };

		keyed_tell(in, &key);
	}
}

int
tones_hear(struct keyed *keyed, struct hold *hold, const struct keyed_frame *in,
	   struct counters *counters)
{
	const struct rtp_frame *frame = in->frame;
	struct keyed_stream *stream;
	struct rtp_tones_told told;
	struct rtp_format format;
	struct rtp_frame own;

	if (!is_heard(in, &own, &format, counters))
		return 0;
	stream = keyed_stream(keyed, in->end, in->flow);
	if (stream)
		mark_unheard(stream, hold, in, &own);
	if (!stream || prepare(stream, hold, frame) < 0) {
		hold_mark(hold, in->flow, frame->sequence, frame->sequence);
		return -ENOMEM;
	}
	rtp_tones_take(stream->tones,
		       &(struct rtp_tones_frame){
			   .sequence = frame->sequence,
			   .timestamp = frame->timestamp,
			   .format = &format,
			   .payload = frame->payload,
			   .payload_bytes = frame->payload_bytes,
		       },
		       &told);
	mark(stream, hold, &told);
	counter_add(counters, COUNTER_keys_heard, told.keys_count);
	if (!in->over)
		tell(stream, in, &told);
	explicit_bzero(&told, sizeof(told));
	return 0;
}

void
tones_settle(const struct keyed *keyed, struct hold *hold, int64_t now_ns)
{
	struct keyed_stream *stream;

	for (stream = keyed->first; stream; stream = stream->next)
		if (stream->heard_ns < now_ns - QUIET_NS)
			end(stream, hold);
}
