/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SIP in TCP connections: between the connections of a capture thread, the
 * reader of streams, and control. */
#include "cmd/spanrecd/capture_priv.h"

/* To control it is one message, as in a datagram. */
static void
on_message(void *ctx, const struct capture_tcp_piece *piece,
	   const uint8_t *message, uint32_t bytes, uint32_t missing_bytes)
{
	struct capture_thread *t = ctx;
	const struct capture_pkt pkt = {
		.time_ns = t->now_ns,
		.payload = message,
		.payload_bytes = bytes,
		.missing_bytes = missing_bytes,
		.src = *piece->src,
		.dst = *piece->dst,
	};

	capture__on_sip(t, &pkt);
}

bool
capture__begins_sip(const uint8_t *bytes, uint32_t n)
{
	struct sip_glance glance;

	return sip_prefilter(bytes, n, &glance) == 1;
}

/*
 * TLS and others are no SIP from their first byte on, and the direction is
 * looked at no more; so each counts once. After a hole, and where a connection
 * is seen from its middle on, SIP would be searched for: these are what they
 * are where a segment begins. The answer to a WebSocket is read as a head, and
 * gone when it is whole.
 */
int64_t
capture__on_stream(void *ctx, const struct capture_tcp_piece *piece)
{
	struct capture_thread *t = ctx;
	const struct sip_stream_reader reader = {
		.fn = on_message,
		.ctx = t,
		.counters = &t->streams,
		.scratch = t->message,
	};
	int64_t n;

	if (piece->gap && !*piece->keep && capture__foreign_tcp(t, piece))
		return CAPTURE_TCP_IGNORE;
	n = sip_stream_input(piece, &reader);
	if (n == CAPTURE_TCP_IGNORE || (n > 0 && piece->bytes[0] == 'H'))
		(void)capture__foreign_tcp(t, piece);
	return n;
}
