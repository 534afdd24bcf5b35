/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is keyed in the streams of one conversation, as its writer sees it. It
 * belongs to that and not to a segment or a flow: a key may make the
 * call go into another segment, and a stream of which several mirror ports show
 * packets is one stream.
 */
#ifndef CMD_SPANRECD_KEYED_H
#define CMD_SPANRECD_KEYED_H

#include <stdint.h>

#include "capture/table.h"
#include "rtp/event.h"
#include "sip/sip.h"

/** Streams of a call in which something was keyed, the latest. */
#define KEYED_STREAMS_MAX 16

struct keyed_stream {
	struct keyed_stream *next; /**< one where something was keyed before */
	uint64_t number; /**< never that of another stream of this call */
	enum sip_party end;
	struct capture_flow_key flow;
	struct rtp_events events;
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

/** Forget all of it, and leave no trace in memory. */
void keyed_clear(struct keyed *keyed);

#endif
