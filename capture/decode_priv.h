/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The layers among themselves. Each is given a reader that stands on its
 * header, hands the rest to the next layer, and returns what that returned.
 * The decoder goes along for what needs more than the packet: fragments, and
 * the count of tunnels.
 */
#ifndef CAPTURE_DECODE_PRIV_H
#define CAPTURE_DECODE_PRIV_H

#include "capture/decode.h"
#include "capture/rd.h"

struct capture_frags;

struct capture_decoder {
	uint32_t tunnels; /* of this frame, so far */
	uint32_t within;  /* and fragments of IPv6, as one may be in another */
	uint64_t frame;   /* its number */
	int64_t now_ns;
	struct capture_frags *frags;
	struct capture_decode_counters counters;
};

/** What a layer is: the rest of the packet, where its parts are to be written,
 * and the decoder. */
typedef enum capture_outcome (*capture__read_fn)(struct capture_rd *rd,
						 struct capture_pkt *pkt,
						 struct capture_decoder *d);

#define CAPTURE_READER(name)                                                   \
	enum capture_outcome name(struct capture_rd *rd,                       \
				  struct capture_pkt *pkt,                     \
				  struct capture_decoder *d)

/* ether.c */
CAPTURE_READER(capture__ether_read);
CAPTURE_READER(capture__cooked1_read);
CAPTURE_READER(capture__cooked2_read);
CAPTURE_READER(capture__loopback_read);
CAPTURE_READER(capture__erf_read);
CAPTURE_READER(capture__chdlc_read);
CAPTURE_READER(capture__ppp_read);
CAPTURE_READER(capture__ppp_hdlc_read);
CAPTURE_READER(capture__pppoe_read);
CAPTURE_READER(capture__mpls_read);
/** What follows an Ethernet type. */
enum capture_outcome capture__ethertype_read(struct capture_rd *rd,
					     uint32_t type,
					     struct capture_pkt *pkt,
					     struct capture_decoder *d);

/* ip.c: the first takes either version, as the header itself says */
CAPTURE_READER(capture__ip_read);
CAPTURE_READER(capture__ip4_read);
CAPTURE_READER(capture__ip6_read);
/** Does an IP packet fill the rest, or is it one by its checksum? For where IP
 * is not the only thing that it could be; it begins with a 4 or 6. */
bool capture__ip_fits(struct capture_rd rd);

/* transport.c; the reader has ip_bytes at most: what the IP header leaves for
 * it. It may have less (cut by the snap length). */
enum capture_outcome capture__udp_read(struct capture_rd *rd, uint32_t ip_bytes,
				       struct capture_pkt *pkt,
				       struct capture_decoder *d);
enum capture_outcome capture__tcp_read(struct capture_rd *rd, uint32_t ip_bytes,
				       struct capture_pkt *pkt);

/* tunnel.c */
/** One packet more inside another. @return false: too deep */
static inline bool
capture__tunnel_enter(struct capture_decoder *d)
{
	return ++d->tunnels <= CAPTURE_TUNNELS_MAX;
}

CAPTURE_READER(capture__gre_read);
CAPTURE_READER(capture__etherip_read);
/**
 * The datagram in pkt may carry another packet: see whether it does.
 *
 * @param pkt in: the outer datagram; out: the inner one, if there is one
 * @return CAPTURE_udp with pkt as it was, if it is no tunnel
 */
enum capture_outcome capture__udp_tunnel_read(struct capture_pkt *pkt,
					      struct capture_decoder *d);

/* frag.c */
struct capture__fragment {
	struct capture_endpoint src, dst; /**< ports are not looked at */
	uint8_t version;
	uint32_t id;
	uint32_t offset_bytes;
	uint32_t bytes; /**< as the header says; captured may be fewer */
	uint8_t next;   /**< protocol of what is in fragments */
	bool more;
	const uint8_t *captured;
	uint32_t captured_bytes;
};

/** A datagram whose fragments have all come. */
struct capture__datagram {
	const uint8_t *bytes; /**< of the decoder, until it has another frame */
	uint32_t captured_bytes;
	uint32_t total_bytes;
	uint8_t next;
};

int capture__frags_new(struct capture_frags **frags,
		       const struct capture_decode_config *config)
    __attribute__((warn_unused_result));
void capture__frags_free(struct capture_frags **frags);
void capture__frags_tick(struct capture_decoder *d, int64_t now_ns);

/**
 * Take a fragment.
 *
 * @return CAPTURE_udp: the datagram is whole; CAPTURE_fragment: kept, or not
 *         needed; CAPTURE_malformed
 * @cost a copy of the fragment; an allocation for the first of a datagram, and
 *       where it grows
 */
enum capture_outcome
capture__frags_put(struct capture_decoder *d,
		   const struct capture__fragment *fragment,
		   struct capture__datagram *datagram);

#endif
