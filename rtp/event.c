/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See event.h. */
#include "rtp/event.h"

/* RFC 4733 section 3.2: codes 0 to 15. */
static const char names[] = { '0', '1', '2', '3', '4', '5', '6', '7',
			      '8', '9', '*', '#', 'A', 'B', 'C', 'D' };

enum {
	END_BIT = 0x80,
	SEGMENT_TICKS = 0xffff,
	/* A segment that ends after so much was a full one, of a sender that
	 * counts in whole packets. */
	SEGMENT_TICKS_MIN = 0xf000,
	/* So many may go unseen in a row. */
	SEGMENTS_LOST_MAX = 16
};

/* One event of a packet. */
struct report {
	uint32_t timestamp;
	uint32_t clock_hz;
	uint16_t duration;
	uint8_t code;
	bool end;
	bool marker;
};

/* Is this a later segment of the event? */
static bool
is_segment(const struct rtp_event *e, const struct report *r)
{
	uint32_t ahead = r->timestamp - e->timestamp;

	if (e->ended)
		return false;
	if (ahead % SEGMENT_TICKS == 0)
		return ahead / SEGMENT_TICKS <= SEGMENTS_LOST_MAX;
	return !r->marker && ahead == e->duration &&
	       e->duration >= SEGMENT_TICKS_MIN;
}

/* Is this the next packet of a sender that lets the timestamp run on? */
static bool
runs_on(const struct rtp_event *e, const struct report *r)
{
	uint32_t ahead = r->timestamp - e->timestamp;

	if (r->marker || r->duration < e->duration)
		return false;
	if (e->ended)
		return r->end && r->duration == e->duration &&
		       ahead < r->duration;
	return ahead == (uint32_t)(r->duration - e->duration);
}

static bool
is_of(const struct rtp_event *e, const struct report *r)
{
	if (e->code != r->code || e->clock_hz != r->clock_hz)
		return false;
	if (r->timestamp - e->onset <= e->timestamp - e->onset)
		return true;
	return is_segment(e, r) || runs_on(e, r);
}

static void
follow(struct rtp_event *e, const struct report *r)
{
	if ((int32_t)(r->timestamp - e->timestamp) > 0) {
		e->timestamp = r->timestamp;
		e->duration = r->duration;
	} else if (r->timestamp == e->timestamp && r->duration > e->duration) {
		e->duration = r->duration;
	}
	e->ended |= r->end;
}

/* @return is it a new event? */
static bool
take(struct rtp_events *events, const struct report *r)
{
	uint32_t known =
	    events->count < RTP_EVENTS_MAX ? events->count : RTP_EVENTS_MAX;
	uint32_t i;

	for (i = 1; i <= known; i++) {
		struct rtp_event *e =
		    &events->event[(events->count - i) % RTP_EVENTS_MAX];

		if (is_of(e, r)) {
			follow(e, r);
			return false;
		}
	}
	events->event[events->count++ % RTP_EVENTS_MAX] =
	    (struct rtp_event){ .onset = r->timestamp,
				.timestamp = r->timestamp,
				.clock_hz = r->clock_hz,
				.duration = r->duration,
				.code = r->code,
				.ended = r->end };
	return true;
}

uint32_t
rtp_events_take(struct rtp_events *events,
		const struct rtp_event_packet *packet, char *keys)
{
	const uint8_t *p = packet->payload;
	struct report r = { .timestamp = packet->timestamp,
			    .clock_hz = packet->clock_hz,
			    .marker = packet->marker };
	uint32_t n = packet->payload_bytes / RTP_EVENT_BYTES;
	uint32_t count = 0, i;

	if (n > RTP_EVENT_KEYS_MAX)
		n = RTP_EVENT_KEYS_MAX;
	for (i = 0; i < n; i++, p += RTP_EVENT_BYTES) {
		r.code = p[0];
		r.end = (p[1] & END_BIT) != 0;
		r.duration = (uint16_t)(p[2] << 8 | p[3]);
		if (r.code < sizeof(names) && take(events, &r))
			keys[count++] = names[r.code];
		r.timestamp += r.duration;
	}
	return count;
}
