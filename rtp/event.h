/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keyed digits in RTP: telephone events (RFC 4733, before it RFC 2833).
 *
 * A key is told by many packets: while it is down, every packet says for how
 * long so far, and the last one comes three times. All of them bear the
 * timestamp of its beginning, and by that they are one event, whichever of
 * them are lost, come twice or come late (sections 2.3 and 2.5). So a key is
 * told from the first packet of it that is seen, be that its last.
 *
 * An event longer than its duration can say, 65535 ticks, is told in segments,
 * each with the timestamp at which the one before it ended (section 2.5.1.3).
 *
 * Some senders let the timestamp run on from packet to packet of an event.
 * That is known by the duration, which grows by just as much: between two
 * events a timestamp grows by the silence between them too.
 */
#ifndef RTP_EVENT_H
#define RTP_EVENT_H

#include <stdbool.h>
#include <stdint.h>

/** Of one event in a packet (RFC 4733 section 2.3). */
#define RTP_EVENT_BYTES 4
/** Events of one packet that are looked at, from the first. */
#define RTP_EVENT_KEYS_MAX 8
/** Events of a stream that are remembered, the latest. */
#define RTP_EVENTS_MAX 16

struct rtp_event {
	uint32_t onset;     /**< timestamp */
	uint32_t timestamp; /**< of its last segment */
	uint32_t clock_hz;
	uint16_t duration; /**< of that segment so far [ticks] */
	uint8_t code;
	bool ended;
};

/** The events of one stream. All zero: none yet. Holds what was keyed: wipe it
 * before its memory goes. */
struct rtp_events {
	uint32_t count; /**< so far */
	struct rtp_event event[RTP_EVENTS_MAX];
};

struct rtp_event_packet {
	uint32_t timestamp; /**< RTP */
	uint32_t clock_hz;  /**< of the payload type: another one's timestamps
			     * are not compared with it */
	bool marker;
	const uint8_t *payload; /**< borrowed during the call */
	uint32_t payload_bytes;
};

/**
 * Which keys does this packet tell of for the first time? Keys are 0 to 9, *,
 * #, A to D; other events (a hook flash, tones) give nothing. Of several events
 * in a packet each begins where the one before it ends (section 2.5.1.5). A
 * duration of zero, with which some senders begin, is as good as another.
 *
 * @param keys [RTP_EVENT_KEYS_MAX]
 * @return how many; 0 also where the packet is too short
 * @thread one at a time per stream
 * @cost no allocation, bounded
 */
uint32_t rtp_events_take(struct rtp_events *events,
			 const struct rtp_event_packet *packet, char *keys);

#endif
