/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See keyed.h. */
#include "cmd/spanrecd/keyed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/spanrecd/payload.h"
#include "rtp/red.h"

static struct keyed_stream *
begin(struct keyed *keyed, enum sip_party end,
      const struct capture_flow_key *flow)
{
	struct keyed_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->number = ++keyed->last_number;
	stream->end = end;
	stream->flow = *flow;
	return stream;
}

static void
forget(struct keyed_stream *stream)
{
	rtp_tones_free(&stream->tones);
	explicit_bzero(stream, sizeof(*stream));
	free(stream);
}

struct keyed_stream *
keyed_stream(struct keyed *keyed, enum sip_party end,
	     const struct capture_flow_key *flow)
{
	struct keyed_stream **link = &keyed->first, *stream;
	uint32_t i;

	for (i = 0; (stream = *link); i++, link = &stream->next) {
		if (stream->end == end &&
		    capture_flow_key_equal(&stream->flow, flow))
			break;
		if (i == KEYED_STREAMS_MAX - 1) {
			*link = NULL; /* it is the last one */
			forget(stream);
			stream = NULL;
			break;
		}
	}
	if (stream)
		*link = stream->next;
	else
		stream = begin(keyed, end, flow);
	if (!stream)
		return NULL;
	stream->next = keyed->first;
	keyed->first = stream;
	return stream;
}

void
keyed_clear(struct keyed *keyed)
{
	while (keyed->first) {
		struct keyed_stream *stream = keyed->first;

		keyed->first = stream->next;
		forget(stream);
	}
}

void
keyed_tell(const struct keyed_frame *in, struct key_report *key)
{
	struct writer_report report = { .type = REPORT_KEY, .call = in->call };

	key->time_ns = in->frame->time_ns;
	key->ssrc = in->flow->ssrc;
	key->end = in->end;
	key->left = (in->end == SIP_CALLER) == in->left_is_caller;
	report.key = *key;
	in->tell(in->ctx, &report);
	explicit_bzero(key, sizeof(*key));
	explicit_bzero(&report, sizeof(report));
}

static int
tell_events(struct keyed *keyed, const struct keyed_frame *in,
	    const struct rtp_event_packet *packet)
{
	struct keyed_stream *stream = keyed_stream(keyed, in->end, in->flow);
	char keys[RTP_EVENT_KEYS_MAX];
	uint32_t i, n;

	if (!stream)
		return -ENOMEM;
	n = rtp_events_take(&stream->events, packet, keys);
	for (i = 0; i < n; i++) {
		struct key_report key = { .source = stream->number,
					  .timestamp = packet->timestamp,
					  .key = keys[i] };

		keyed_tell(in, &key);
	}
	explicit_bzero(keys, sizeof(keys));
	return 0;
}

/* A key that is told again beside the sound is one key. */
static int
events_in_red(struct keyed *keyed, const struct keyed_frame *in)
{
	const struct rtp_frame *frame = in->frame;
	struct rtp_red_block blocks[RTP_RED_BLOCKS_MAX];
	uint32_t n = rtp_red_read(blocks, frame->payload, frame->payload_bytes);
	struct rtp_format format;
	uint32_t i;
	int r = 0;

	for (i = 0; i < n && r == 0; i++) {
		struct rtp_event_packet packet = {
			.timestamp = frame->timestamp - blocks[i].offset,
			.payload = blocks[i].payload,
			.payload_bytes = blocks[i].bytes,
		};

		if (!payload_format(in->media, blocks[i].payload_type,
				    &format) ||
		    strcasecmp(format.encoding, "telephone-event") != 0)
			continue;
		packet.clock_hz = format.clock_hz;
		r = tell_events(keyed, in, &packet);
	}
	return r;
}

int
keyed_events(struct keyed *keyed, const struct keyed_frame *in)
{
	const struct rtp_frame *frame = in->frame;
	struct rtp_event_packet packet = {
		.timestamp = frame->timestamp,
		.marker = frame->marker,
		.payload = frame->payload,
		.payload_bytes = frame->payload_bytes,
	};
	struct rtp_format format;
	bool known;

	if (in->over || !keyed_may_be(frame))
		return 0;
	known = payload_format(in->media, frame->payload_type, &format);
	if (known && payload_is_red(&format))
		return events_in_red(keyed, in);
	if (packet.payload_bytes > RTP_EVENT_KEYS_MAX * RTP_EVENT_BYTES ||
	    !payload_is_event(known ? &format : NULL, frame))
		return 0;
	packet.clock_hz = known ? format.clock_hz : 0;
	return tell_events(keyed, in, &packet);
}
