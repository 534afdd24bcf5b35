/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The headers of UDP (RFC 768) and TCP (RFC 9293). */
#include "capture/decode_priv.h"

enum { UDP_HEADER_BYTES = 8, TCP_HEADER_BYTES = 20 };

/*
 * | source port | destination port | length, with header | checksum |
 *
 * The length may be less than what IP carries (the rest is no part of the
 * datagram), but not more. What was not captured of it is `missing`.
 *
 * RTP and RTCP begin with the bits 10, which no tunnel does but VXLAN with a
 * group policy (88): they are done.
 */
enum capture_outcome
capture__udp_read(struct capture_rd *rd, uint32_t ip_bytes,
		  struct capture_pkt *pkt, struct capture_decoder *d)
{
	struct capture_rd hdr;
	uint32_t length;

	if (ip_bytes < UDP_HEADER_BYTES)
		return CAPTURE_malformed;
	hdr = capture_rd_split(rd, UDP_HEADER_BYTES);
	if (hdr.failed)
		return CAPTURE_cut;
	pkt->src.port = capture_rd_u16(&hdr);
	pkt->dst.port = capture_rd_u16(&hdr);
	length = capture_rd_u16(&hdr);
	if (length < UDP_HEADER_BYTES || length > ip_bytes)
		return CAPTURE_malformed;
	length -= UDP_HEADER_BYTES;
	capture_rd_limit(rd, length);
	pkt->payload = rd->p;
	pkt->payload_bytes = (uint32_t)capture_rd_left(rd);
	pkt->missing_bytes = length - pkt->payload_bytes;
	if (pkt->payload_bytes == 0 || (rd->p[0] >> 6 == 2 && rd->p[0] != 0x88))
		return CAPTURE_udp;
	return capture__udp_tunnel_read(pkt, d);
}

/*
 * | source port  | destination port                 |
 * | sequence number                                 |
 * | acknowledgment number                           |
 * | header / 4, 4 bits | flags, 8 bits | window     |
 * | checksum     | urgent pointer                   |
 * | options, to the length of the header            |
 */
enum capture_outcome
capture__tcp_read(struct capture_rd *rd, uint32_t ip_bytes,
		  struct capture_pkt *pkt)
{
	struct capture_rd hdr;
	uint32_t header_bytes;

	if (ip_bytes < TCP_HEADER_BYTES)
		return CAPTURE_malformed;
	hdr = capture_rd_split(rd, TCP_HEADER_BYTES);
	if (hdr.failed)
		return CAPTURE_cut;
	pkt->src.port = capture_rd_u16(&hdr);
	pkt->dst.port = capture_rd_u16(&hdr);
	pkt->tcp.sequence = capture_rd_u32(&hdr);
	pkt->tcp.acknowledged = capture_rd_u32(&hdr);
	header_bytes = (capture_rd_u8(&hdr) >> 4) * 4;
	pkt->tcp.flags = capture_rd_u8(&hdr);
	if (header_bytes < TCP_HEADER_BYTES || header_bytes > ip_bytes)
		return CAPTURE_malformed;
	if (!capture_rd_take(rd, header_bytes - TCP_HEADER_BYTES))
		return CAPTURE_cut;
	capture_rd_limit(rd, ip_bytes - header_bytes);
	pkt->payload = rd->p;
	pkt->payload_bytes = (uint32_t)capture_rd_left(rd);
	pkt->missing_bytes = ip_bytes - header_bytes - pkt->payload_bytes;
	return CAPTURE_tcp;
}
