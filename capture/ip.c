/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IPv4 (RFC 791) and IPv6 (RFC 8200), and what they carry.
 *
 * Lengths are taken from the IP header, not from the frame: Ethernet pads
 * short frames, and a snap length cuts long ones. They are not compared with
 * the frame's length on the wire either, because tools that shorten captures
 * set that to what they left. Checksums are not looked at: a mirror of a
 * sending host shows packets before its network card has filled them in.
 */
#include "capture/decode_priv.h"

#include <string.h>

enum {
	IP4_HEADER_BYTES = 20,
	IP6_HEADER_BYTES = 40,
	IP6_EXTENSION_BYTES = 8, /* the shortest, and the unit of length */

	IP4_MORE = 0x2000,   /* flag MF ... */
	IP4_OFFSET = 0x1fff, /* ... and offset, in units of 8 bytes */
	IP6_MORE = 0x0001,   /* the same, RFC 8200 section 4.5 */
	IP6_OFFSET = 0xfff8, /* in bytes, as it stands there */

	/* IANA, assigned Internet protocol numbers */
	PROTOCOL_HOP_BY_HOP = 0,
	PROTOCOL_IP4 = 4,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_IP6 = 41,
	PROTOCOL_ROUTING = 43,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_GRE = 47,
	PROTOCOL_AH = 51,
	PROTOCOL_DESTINATION = 60,
	PROTOCOL_ETHERIP = 97,
	PROTOCOL_MPLS = 137
};

/* ---- what is carried ----------------------------------------------------- */

/*
 * The authentication header (RFC 4302) hides nothing:
 *
 * | next header | length / 4 - 2 | reserved | index | sequence | check ...
 */
static uint8_t
ah_read(struct capture_rd *rd)
{
	uint8_t next = capture_rd_u8(rd);
	uint32_t length = capture_rd_u8(rd);

	capture_rd_take(rd, (length + 2) * 4 - 2);
	return next;
}

static capture__read_fn
reader_of(uint8_t protocol)
{
	switch (protocol) {
	case PROTOCOL_IP4:
		return capture__ip4_read;
	case PROTOCOL_IP6:
		return capture__ip6_read;
	case PROTOCOL_GRE:
		return capture__gre_read;
	case PROTOCOL_ETHERIP:
		return capture__etherip_read;
	case PROTOCOL_MPLS:
		return capture__mpls_read;
	default:
		return NULL;
	}
}

/*
 * @param ip_bytes what the header leaves for it; the reader has that or, cut
 *        by the snap length, less
 */
static enum capture_outcome
payload_read(struct capture_rd *rd, uint8_t protocol, uint32_t ip_bytes,
	     struct capture_pkt *pkt, struct capture_decoder *d)
{
	capture__read_fn read;

	while (protocol == PROTOCOL_AH) {
		const uint8_t *begin = rd->p;

		protocol = ah_read(rd);
		if (rd->failed)
			return CAPTURE_cut;
		ip_bytes -= (uint32_t)(rd->p - begin);
	}
	if (protocol == PROTOCOL_UDP)
		return capture__udp_read(rd, ip_bytes, pkt, d);
	if (protocol == PROTOCOL_TCP)
		return capture__tcp_read(rd, ip_bytes, pkt);
	read = reader_of(protocol);
	if (!read)
		return CAPTURE_other_transport;
	return capture__tunnel_enter(d) ? read(rd, pkt, d) : CAPTURE_too_deep;
}

/* ---- fragments ----------------------------------------------------------- */

static enum capture_outcome payload6_read(struct capture_rd *rd, uint8_t next,
					  uint32_t ip_bytes,
					  struct capture_pkt *pkt,
					  struct capture_decoder *d);

/*
 * @param rd stands on what is in the fragment, and has no more than that
 * @param fragment all but the addresses and the bytes
 */
static enum capture_outcome
fragment_read(struct capture_rd *rd, struct capture__fragment *fragment,
	      struct capture_pkt *pkt, struct capture_decoder *d)
{
	struct capture__datagram datagram;
	enum capture_outcome outcome;
	struct capture_rd whole;

	fragment->src = pkt->src;
	fragment->dst = pkt->dst;
	fragment->captured = rd->p;
	fragment->captured_bytes = (uint32_t)capture_rd_left(rd);
	outcome = capture__frags_put(d, fragment, &datagram);
	if (outcome != CAPTURE_udp)
		return outcome;
	whole = capture_rd_init(datagram.bytes, datagram.captured_bytes);
	if (fragment->version == 6)
		return payload6_read(&whole, datagram.next,
				     datagram.total_bytes, pkt, d);
	return payload_read(&whole, datagram.next, datagram.total_bytes, pkt,
			    d);
}

/* ---- IPv4 ---------------------------------------------------------------- */

static void
set_ip4(struct capture_endpoint *ep, const uint8_t *addr)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	memcpy(ep->addr, mapped, 12);
	memcpy(ep->addr + 12, addr, 4);
}

/*
 *  0                   1                   2                   3
 * |version|  IHL  |      TOS      |         total length          |
 * |        identification         | flags |    fragment offset    |
 * |      TTL      |   protocol    |           checksum            |
 * |                            source                             |
 * |                          destination                          |
 * |                  options, to IHL x 4 bytes                    |
 *
 * A total length of 0 is what a host shows of its own packets where the
 * network card cuts them (segmentation offload): all that is there.
 */
CAPTURE_READER(capture__ip4_read)
{
	struct capture_rd hdr = capture_rd_split(rd, IP4_HEADER_BYTES);
	uint32_t version_length = capture_rd_u8(&hdr);
	uint32_t header_bytes = (version_length & 0xf) * 4;
	uint32_t total_bytes, id_offset;
	uint8_t protocol;

	if (hdr.failed)
		return CAPTURE_cut;
	capture_rd_take(&hdr, 1);
	total_bytes = capture_rd_u16(&hdr);
	id_offset = capture_rd_u32(&hdr);
	capture_rd_take(&hdr, 1);
	protocol = capture_rd_u8(&hdr);
	capture_rd_take(&hdr, 2);
	set_ip4(&pkt->src, capture_rd_take(&hdr, 4));
	set_ip4(&pkt->dst, capture_rd_take(&hdr, 4));

	if (total_bytes == 0)
		total_bytes = IP4_HEADER_BYTES + (uint32_t)capture_rd_left(rd);
	if (version_length >> 4 != 4 || header_bytes < IP4_HEADER_BYTES ||
	    total_bytes < header_bytes)
		return CAPTURE_malformed;
	capture_rd_limit(rd, total_bytes - IP4_HEADER_BYTES);
	if (!capture_rd_take(rd, header_bytes - IP4_HEADER_BYTES))
		return CAPTURE_cut;
	if (id_offset & (IP4_MORE | IP4_OFFSET)) {
		struct capture__fragment fragment = {
			.version = 4,
			.id = id_offset >> 16,
			.offset_bytes = (id_offset & IP4_OFFSET) * 8,
			.bytes = total_bytes - header_bytes,
			.next = protocol,
			.more = id_offset & IP4_MORE,
		};

		return fragment_read(rd, &fragment, pkt, d);
	}
	if (protocol == PROTOCOL_UDP)
		return capture__udp_read(rd, total_bytes - header_bytes, pkt,
					 d);
	return payload_read(rd, protocol, total_bytes - header_bytes, pkt, d);
}

/* ---- IPv6 ---------------------------------------------------------------- */

static bool
is_extension(uint8_t protocol)
{
	return protocol == PROTOCOL_HOP_BY_HOP ||
	       protocol == PROTOCOL_ROUTING || protocol == PROTOCOL_AH ||
	       protocol == PROTOCOL_DESTINATION;
}

/*
 * Step over one extension header (RFC 8200 section 4.2):
 *
 * | next header   | length / 8 - 1 | ...
 *
 * or the authentication header, which is one of them and counts otherwise.
 *
 * @param next in: what this header is; out: what follows
 * @param ip_bytes left of the payload; this header is taken off
 * @return CAPTURE_udp: go on
 */
static enum capture_outcome
extension_read(struct capture_rd *rd, uint8_t *next, uint32_t *ip_bytes)
{
	bool authentication = *next == PROTOCOL_AH;
	uint32_t length, bytes;

	*next = capture_rd_u8(rd);
	length = capture_rd_u8(rd);
	bytes = authentication ? (length + 2) * 4
			       : (length + 1) * IP6_EXTENSION_BYTES;
	capture_rd_take(rd, bytes - 2);
	if (*ip_bytes < bytes)
		return CAPTURE_malformed;
	if (rd->failed)
		return CAPTURE_cut;
	*ip_bytes -= bytes;
	return CAPTURE_udp;
}

/*
 * | next header | reserved | offset / 8, 2 bits, M | identification, 32 bits |
 *
 * One with offset 0 and no more to come is a whole packet that says it is a
 * fragment (RFC 6946, "atomic fragment").
 */
static enum capture_outcome
fragment6_read(struct capture_rd *rd, uint32_t ip_bytes,
	       struct capture_pkt *pkt, struct capture_decoder *d)
{
	struct capture__fragment fragment = { .version = 6 };
	uint32_t offset;

	fragment.next = capture_rd_u8(rd);
	capture_rd_take(rd, 1);
	offset = capture_rd_u16(rd);
	fragment.id = capture_rd_u32(rd);
	if (ip_bytes < IP6_EXTENSION_BYTES)
		return CAPTURE_malformed;
	if (rd->failed)
		return CAPTURE_cut;
	fragment.bytes = ip_bytes - IP6_EXTENSION_BYTES;
	fragment.offset_bytes = offset & IP6_OFFSET;
	fragment.more = offset & IP6_MORE;
	if (fragment.offset_bytes == 0 && !fragment.more)
		return payload6_read(rd, fragment.next, fragment.bytes, pkt, d);
	return fragment_read(rd, &fragment, pkt, d);
}

static enum capture_outcome
payload6_read(struct capture_rd *rd, uint8_t next, uint32_t ip_bytes,
	      struct capture_pkt *pkt, struct capture_decoder *d)
{
	while (is_extension(next)) {
		enum capture_outcome outcome =
		    extension_read(rd, &next, &ip_bytes);

		if (outcome != CAPTURE_udp)
			return outcome;
	}
	if (next != PROTOCOL_FRAGMENT)
		return payload_read(rd, next, ip_bytes, pkt, d);
	return ++d->within <= CAPTURE_TUNNELS_MAX
		   ? fragment6_read(rd, ip_bytes, pkt, d)
		   : CAPTURE_too_deep;
}

/*
 *  0                   1                   2                   3
 * |version| traffic class |            flow label                 |
 * |        payload length         |  next header  |   hop limit   |
 * |                       source, 16 bytes                        |
 * |                     destination, 16 bytes                     |
 *
 * A length of 0 is that of more than it can say (RFC 2675), and as in IPv4 what
 * a host shows of its own TCP.
 */
CAPTURE_READER(capture__ip6_read)
{
	struct capture_rd hdr = capture_rd_split(rd, IP6_HEADER_BYTES);
	uint32_t version = capture_rd_u32(&hdr) >> 28;
	uint32_t ip_bytes = capture_rd_u16(&hdr);
	uint8_t next = capture_rd_u8(&hdr);

	if (hdr.failed)
		return CAPTURE_cut;
	if (version != 6)
		return CAPTURE_malformed;
	capture_rd_take(&hdr, 1);
	memcpy(pkt->src.addr, capture_rd_take(&hdr, 16), 16);
	memcpy(pkt->dst.addr, capture_rd_take(&hdr, 16), 16);
	if (ip_bytes == 0 &&
	    (next == PROTOCOL_HOP_BY_HOP || next == PROTOCOL_TCP))
		ip_bytes = (uint32_t)capture_rd_left(rd);
	capture_rd_limit(rd, ip_bytes);
	if (next == PROTOCOL_UDP)
		return capture__udp_read(rd, ip_bytes, pkt, d);
	return payload6_read(rd, next, ip_bytes, pkt, d);
}

CAPTURE_READER(capture__ip_read)
{
	struct capture_rd ahead = *rd;
	uint32_t version = capture_rd_u8(&ahead) >> 4;

	if (ahead.failed)
		return CAPTURE_cut;
	if (version == 4)
		return capture__ip4_read(rd, pkt, d);
	if (version == 6)
		return capture__ip6_read(rd, pkt, d);
	return CAPTURE_other_network;
}

/* Is the checksum of an IPv4 header right? */
static bool
is_sum_right(struct capture_rd hdr)
{
	uint32_t sum = 0;

	while (capture_rd_left(&hdr) > 0)
		sum += capture_rd_u16(&hdr);
	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

bool
capture__ip_fits(struct capture_rd rd)
{
	size_t left = capture_rd_left(&rd);
	struct capture_rd hdr = rd;
	uint32_t first = capture_rd_u8(&hdr);
	uint32_t header_bytes = (first & 0xf) * 4, bytes;

	capture_rd_take(&hdr, 1);
	bytes = capture_rd_u16(&hdr);
	if (first >> 4 == 6) /* 2 bytes further on */
		return left >= IP6_HEADER_BYTES &&
		       capture_rd_u16(&hdr) == left - IP6_HEADER_BYTES;
	if (header_bytes < IP4_HEADER_BYTES || left < header_bytes)
		return false;
	return bytes == left ||
	       is_sum_right(capture_rd_split(&rd, header_bytes));
}
