/* SPDX-License-Identifier: GPL-3.0-or-later */
/* UDP (RFC 768). */
#include "capture/decode_priv.h"

enum { UDP_HEADER_BYTES = 8 };

/*
 * | source port | destination port | length, with header | checksum |
 *
 * The length may be less than what IP carries (the rest is no part of the
 * datagram), but not more. What was not captured of it is `missing`.
 */
enum capture_outcome
capture__udp_read(struct capture_rd *rd, uint32_t ip_bytes,
		  struct capture_pkt *pkt)
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
	return CAPTURE_udp;
}
