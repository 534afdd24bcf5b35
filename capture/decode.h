/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From frames to UDP datagrams: one file per layer (ether.c, ip.c, udp.c),
 * each given a bounded reader that stands on its header.
 */
#ifndef CAPTURE_DECODE_H
#define CAPTURE_DECODE_H

#include "capture/pkt.h"
#include "capture/source.h"

/**
 * What became of the frames; every frame is counted in exactly one of these.
 * One row per outcome: name, text for people.
 */
#define CAPTURE_OUTCOMES(X)                                                  \
	X(udp, "UDP datagrams decoded")                                      \
	X(other_link, "frames of a link type that is not understood")        \
	X(other_network, "frames that are neither IPv4 nor IPv6")            \
	X(other_transport, "IP packets that are not UDP")                    \
	X(fragment, "IP fragments")                                          \
	X(cut, "frames cut before the end of a header")                      \
	X(malformed, "frames with a header that contradicts itself")

enum capture_outcome {
#define X(name, text) CAPTURE_##name,
	CAPTURE_OUTCOMES(X)
#undef X
	CAPTURE_OUTCOME_COUNT
};

/** Name as in counters ("other_link"). */
const char *capture_outcome_name(enum capture_outcome outcome);

/**
 * Cut the UDP datagram out of a frame. Understands Ethernet, 802.1Q,
 * Linux cooked v1 and v2, raw IP, IPv4 (with options) and IPv6 (with
 * extension headers).
 *
 * @param pkt filled when CAPTURE_udp is returned, else undefined
 * @cost no allocation, no system call
 * @thread any; no state
 */
enum capture_outcome capture_decode(const struct capture_frame *frame,
				    struct capture_pkt *pkt);

#endif
