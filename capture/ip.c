/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IPv4 (RFC 791) and IPv6 (RFC 8200).
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

	IP4_MORE_OR_OFFSET = 0x3fff, /* flag MF, fragment offset */
	IP6_MORE_OR_OFFSET = 0xfff9, /* the same, RFC 8200 section 4.5 */

	PROTOCOL_HOP_BY_HOP = 0,
	PROTOCOL_UDP = 17,
	PROTOCOL_ROUTING = 43,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_DESTINATION = 60
};

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
 */
enum capture_outcome
capture__ip4_read(struct capture_rd *rd, struct capture_pkt *pkt)
{
	struct capture_rd hdr = capture_rd_split(rd, IP4_HEADER_BYTES);
	uint32_t version_length = capture_rd_u8(&hdr);
	uint32_t header_bytes = (version_length & 0xf) * 4;
	uint32_t total_bytes, fragment;
	uint8_t protocol;

	if (hdr.failed)
		return CAPTURE_cut;
	capture_rd_take(&hdr, 1);
	total_bytes = capture_rd_u16(&hdr);
	capture_rd_take(&hdr, 2);
	fragment = capture_rd_u16(&hdr);
	capture_rd_take(&hdr, 1);
	protocol = capture_rd_u8(&hdr);
	capture_rd_take(&hdr, 2);
	set_ip4(&pkt->src, capture_rd_take(&hdr, 4));
	set_ip4(&pkt->dst, capture_rd_take(&hdr, 4));

	if (version_length >> 4 != 4 || header_bytes < IP4_HEADER_BYTES ||
	    total_bytes < header_bytes)
		return CAPTURE_malformed;
	if (fragment & IP4_MORE_OR_OFFSET)
		return CAPTURE_fragment;
	if (protocol != PROTOCOL_UDP)
		return CAPTURE_other_transport;
	capture_rd_limit(rd, total_bytes - IP4_HEADER_BYTES);
	if (!capture_rd_take(rd, header_bytes - IP4_HEADER_BYTES))
		return CAPTURE_cut;
	return capture__udp_read(rd, total_bytes - header_bytes, pkt);
}

static bool
is_extension(uint8_t protocol)
{
	return protocol == PROTOCOL_HOP_BY_HOP ||
	       protocol == PROTOCOL_ROUTING || protocol == PROTOCOL_FRAGMENT ||
	       protocol == PROTOCOL_DESTINATION;
}

/*
 * Step over one extension header (RFC 8200 section 4.2):
 *
 * | next header   | length / 8 - 1 | ...
 *
 * The fragment header has a reserved byte in place of the length, which is
 * always 8. One with offset 0 and no more to come is a whole packet that says
 * it is a fragment (RFC 6946, "atomic fragment").
 *
 * @param next in: what this header is; out: what follows
 * @param ip_bytes left of the payload; this header is taken off
 * @return CAPTURE_udp: go on
 */
static enum capture_outcome
extension_read(struct capture_rd *rd, uint8_t *next, uint32_t *ip_bytes)
{
	uint32_t bytes = IP6_EXTENSION_BYTES, length;
	uint8_t type = *next;

	*next = capture_rd_u8(rd);
	length = capture_rd_u8(rd);
	if (type == PROTOCOL_FRAGMENT) {
		if (capture_rd_u16(rd) & IP6_MORE_OR_OFFSET)
			return CAPTURE_fragment;
		capture_rd_take(rd, 4);
	} else {
		bytes += length * IP6_EXTENSION_BYTES;
		capture_rd_take(rd, bytes - 2);
	}
	if (*ip_bytes < bytes)
		return CAPTURE_malformed;
	if (rd->failed)
		return CAPTURE_cut;
	*ip_bytes -= bytes;
	return CAPTURE_udp;
}

/*
 *  0                   1                   2                   3
 * |version| traffic class |            flow label                 |
 * |        payload length         |  next header  |   hop limit   |
 * |                       source, 16 bytes                        |
 * |                     destination, 16 bytes                     |
 */
enum capture_outcome
capture__ip6_read(struct capture_rd *rd, struct capture_pkt *pkt)
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

	capture_rd_limit(rd, ip_bytes);
	while (is_extension(next)) {
		enum capture_outcome outcome =
		    extension_read(rd, &next, &ip_bytes);

		if (outcome != CAPTURE_udp)
			return outcome;
	}
	if (next != PROTOCOL_UDP)
		return CAPTURE_other_transport;
	return capture__udp_read(rd, ip_bytes, pkt);
}

enum capture_outcome
capture__ip_read(struct capture_rd *rd, struct capture_pkt *pkt)
{
	struct capture_rd ahead = *rd;
	uint32_t version = capture_rd_u8(&ahead) >> 4;

	if (ahead.failed)
		return CAPTURE_cut;
	if (version == 4)
		return capture__ip4_read(rd, pkt);
	if (version == 6)
		return capture__ip6_read(rd, pkt);
	return CAPTURE_other_network;
}
