/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is it a stream of RTP? Without signalling a datagram that reads as an RTP
 * header may be anything: one in four DNS messages does. RFC 3550 appendix A.1
 * puts a source on probation until some packets came in sequence; so here.
 *
 * It is one when RTP_PROBE_PACKETS packets of one SSRC between the same two
 * ports were seen within RTP_PROBE_NS, each with a sequence number and a
 * timestamp after those of the one before, something in it, and a payload type
 * that sound may have.
 */
#ifndef RTP_PROBE_H
#define RTP_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "rtp/rtp.h"

enum { RTP_PROBE_PACKETS = 3 };

/** [ns] From the first packet to the one that shows what it is, at most. Long
 * enough for the comfort noise of somebody who is silent. */
#define RTP_PROBE_NS (3 * INT64_C(1000000000))

/** What is known of one SSRC between two ports. All zero at first. */
struct rtp_probe {
	int64_t first_ns; /**< of its first packet */
	uint32_t timestamp; /**< of the last of them ... */
	uint32_t bytes;     /**< ... its payload */
	uint16_t sequence;
	uint8_t count;  /**< packets in sequence, so far */
	uint8_t longer; /**< ... that are longer than their sound */
};

/**
 * May sound without signalling have this payload type? Those that RFC 3551
 * leaves to audio (0 to 23), and the dynamic ones (96 to 127); not those of
 * video, nor those that RTCP on the same port would read as.
 */
bool rtp_probe_type(uint8_t payload_type);

/**
 * Look at a packet.
 *
 * @return true once: now it is known to be a stream
 * @cost no allocation
 */
bool rtp_probe_packet(struct rtp_probe *probe, const struct rtp_hdr *hdr,
		      int64_t time_ns);

/**
 * Is it encrypted? Where the payload type has a fixed rate, SRTP shows: each
 * packet is longer than the time to the next by an authentication tag (RFC
 * 3711: 4 or 10 bytes; RFC 7714: 16). Known once it is a stream.
 */
bool rtp_probe_encrypted(const struct rtp_probe *probe);

#endif
