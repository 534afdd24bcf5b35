/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From frames to UDP datagrams and TCP segments, through whatever a mirror or
 * a network has wrapped around them. One file per kind of layer, each given a
 * bounded reader that stands on its header:
 *
 *   ether.c      link layers, tags, MPLS, PPP
 *   ip.c         IPv4, IPv6, and what they carry
 *   frag.c       fragments of both
 *   transport.c  UDP and TCP headers
 *   tunnel.c     what has another packet inside: GRE, VXLAN, GTP-U, HEP ...
 */
#ifndef CAPTURE_DECODE_H
#define CAPTURE_DECODE_H

#include "capture/pkt.h"
#include "capture/source.h"

/**
 * What became of the frames; every frame is counted in exactly one of these.
 * One row per outcome: name, text for people.
 */
#define CAPTURE_OUTCOMES(X)                                                    \
	X(udp, "UDP datagrams decoded")                                        \
	X(tcp, "TCP segments decoded")                                         \
	X(fragment, "IP fragments that had to wait for others")                \
	X(other_link, "frames of a link type that is not understood")          \
	X(other_network, "frames that are neither IPv4 nor IPv6")              \
	X(other_transport, "IP packets that are neither UDP nor TCP")          \
	X(too_deep, "frames with more tunnels one in another than followed")   \
	X(cut, "frames cut before the end of a header")                        \
	X(malformed, "frames with a header that contradicts itself")

enum capture_outcome {
#define X(name, text) CAPTURE_##name,
	CAPTURE_OUTCOMES(X)
#undef X
	    CAPTURE_OUTCOME_COUNT
};

/** One row per counter: name, unit, text. */
#define CAPTURE_DECODE_COUNTERS(X)                                             \
	X(tunnelled, "frames", "frames with another packet inside")            \
	X(reassembled, "datagrams", "datagrams put together from fragments")   \
	X(fragments_doubled, "frames", "fragments that were there already")    \
	X(fragments_contradict, "datagrams",                                   \
	  "datagrams given up: their fragments contradict each other")         \
	X(fragments_timeout, "datagrams",                                      \
	  "datagrams given up: a fragment did not come in time")               \
	X(fragments_shed, "datagrams",                                         \
	  "datagrams given up: too many in fragments at a time")

struct capture_decode_counters {
#define X(name, unit, text) uint64_t name;
	CAPTURE_DECODE_COUNTERS(X)
#undef X
};
#define CAPTURE_DECODE_COUNTERS_COUNT                                          \
	(sizeof(struct capture_decode_counters) / sizeof(uint64_t))

/** Limits; every one has a counter. Zero means the default. */
struct capture_decode_config {
	uint32_t datagrams_max;  /**< 4096 in fragments at a time */
	uint64_t fragment_bytes; /**< 16 MiB of fragments at a time */
	int64_t fragment_ns;     /**< 5 s from first to last fragment */
	uint8_t hash_key[16];    /**< random: senders choose addresses */
};

/** Headers with another packet behind them, one in another, that are followed:
 * more is no network that anybody has built. */
#define CAPTURE_TUNNELS_MAX 8

/** The state of one thread that decodes: fragments that wait for others. */
struct capture_decoder;

/** @return 0, -ENOMEM */
int capture_decoder_new(struct capture_decoder **decoder,
			const struct capture_decode_config *config)
    __attribute__((warn_unused_result));
void capture_decoder_free(struct capture_decoder **decoder);

/** Name as in counters ("other_link"). */
const char *capture_outcome_name(enum capture_outcome outcome);

/** Is anything of frames of this link type understood? */
bool capture_link_known(int link_type);

/**
 * Cut the UDP datagram or TCP segment out of a frame. Understands
 *
 *   Ethernet, 802.1Q, 802.1ad, 802.1ah and VN tags, LLC/SNAP, MPLS and its
 *   pseudo-wires, PPPoE, PPP, Cisco HDLC, Linux cooked v1 and v2, BSD
 *   loopback, raw IP, ERF
 *   IPv4 (with options) and IPv6 (with extension headers), their fragments,
 *   and one in the other
 *   GRE, ERSPAN I to III, PPTP, EtherIP, MPLS in IP, AH
 *   VXLAN, VXLAN-GPE, GENEVE, GTP-U, TZSP, L2TPv2, HEP v3
 *
 * A tunnel over UDP is known by port and by what its header says; where either
 * does not fit, it is a datagram like another.
 *
 * @param now_ns time of the frame, that never runs back; pkt->time_ns
 * @param pkt filled when CAPTURE_udp or CAPTURE_tcp is returned, else
 *        undefined. Its payload lies in the frame or, of a datagram that came
 *        in fragments, in the decoder until the next call
 * @cost no system call; no allocation but for fragments
 * @thread the decoder's
 */
enum capture_outcome capture_decode(struct capture_decoder *decoder,
				    const struct capture_frame *frame,
				    int64_t now_ns, struct capture_pkt *pkt);

/** Give up the datagrams whose fragments have not all come until now_ns.
 * @cost O(of these) */
void capture_decoder_tick(struct capture_decoder *decoder, int64_t now_ns);

const struct capture_decode_counters *
capture_decoder_counters_peek(const struct capture_decoder *decoder);

#endif
