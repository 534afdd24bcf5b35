/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is keyed in the streams of one conversation, as its writer sees it. It
 * belongs to that and not to a segment or a flow: a key may make the
 * call go into another segment, and a stream of which several mirror ports show
 * packets is one stream.
 */
#ifndef CMD_SPANRECD_KEYED_H
#define CMD_SPANRECD_KEYED_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/table.h"
#include "cmd/spanrecd/events.h"
#include "rtp/event.h"
#include "rtp/jitter.h"
#include "rtp/tones.h"
#include "sip/sip.h"

/** Streams of a call in which something was keyed, the latest. */
#define KEYED_STREAMS_MAX 32

struct keyed_stream {
	struct keyed_stream *next; /**< one where something was keyed before */
	uint64_t number; /**< never that of another stream of this call */
	enum sip_party end;
	struct capture_flow_key flow;
	struct rtp_events events;
	/* tones.c: */
	struct rtp_tones *tones; /**< NULL: its sound was not heard yet */
	int64_t heard_ns;        /**< of the last frame that was ... */
	uint32_t sequence;       /**< ... and which */
	bool quiet;              /**< and nothing came for a while */
};

/** Of one call. All zero: nothing was keyed. */
struct keyed {
	struct keyed_stream *first;
	uint64_t last_number;
};

/**
 * The stream of a flow, begun if need be; then, of too many, the one in which
 * nothing was keyed for longest is forgotten.
 *
 * @return NULL: out of memory
 */
struct keyed_stream *keyed_stream(struct keyed *keyed, enum sip_party end,
				  const struct capture_flow_key *flow);

/** A frame of a conversation. All pointers are borrowed. */
struct keyed_frame {
	uint64_t call;
	bool over; /**< it came after the end of the call: no key is told */
	bool left_is_caller;
	enum sip_party end; /**< that sends it */
	const struct capture_flow_key *flow;
	const struct writer_media *media; /**< what its payload types mean */
	const struct rtp_frame *frame;
	void (*tell)(void *ctx, const struct writer_report *key);
	void *ctx;
};

/** Can there be an event in this? Those of several payloads have a dynamic type
 * (RFC 3551). */
static inline bool
keyed_may_be(const struct rtp_frame *frame)
{
	enum { DYNAMIC_TYPES = 96 };

	return frame->payload_bytes <= RTP_EVENT_KEYS_MAX * RTP_EVENT_BYTES ||
	       frame->payload_type >= DYNAMIC_TYPES;
}

/**
 * Tell of each key that is new in the stream of a frame, as telephone events
 * show it: also those beside the sound (RFC 2198).
 *
 * @return 0, -ENOMEM: one may have gone unseen
 */
int keyed_events(struct keyed *keyed, const struct keyed_frame *in)
	__attribute__((warn_unused_result));

/** Tell of a key of a stream.
 * @param key its source, timestamp and key; the rest is filled in; is wiped */
void keyed_tell(const struct keyed_frame *in, struct key_report *key);

/** Forget all of it, and leave no trace in memory. */
void keyed_clear(struct keyed *keyed);

#endif
