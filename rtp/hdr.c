/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The RTP header (RFC 3550 section 5.1):
 *
 *    0                   1                   2                   3
 *   |V=2|P|X|  CC   |M|     PT      |       sequence number         |
 *   |                           timestamp                           |
 *   |                             SSRC                              |
 *   |              CSRC, CC times; extension if X; payload          |
 *
 * Anything on a UDP port may come here, so that what is refused matters as
 * much as what is read.
 */
#include "rtp/rtp.h"

#include <errno.h>

#include "capture/rd.h"

/* RTCP types 200 to 204 read as RTP: marker set, type 72 to 76
 * (RFC 5761 section 4). */
#define RTCP_FIRST 72
#define RTCP_LAST  76

/* RFC 3550 section 5.3.1: 16 bits for the profile, then a length in words
 * that does not count these first four bytes. */
static void
skip_extension(struct capture_rd *rd)
{
	capture_rd_u16(rd);
	capture_rd_take(rd, 4 * (size_t)capture_rd_u16(rd));
}

/* The last byte counts the padding, itself included. */
static int
cut_padding(struct capture_rd *rd, struct rtp_hdr *hdr)
{
	size_t left = capture_rd_left(rd);

	if (left == 0)
		return -EBADMSG;
	hdr->tail_bytes = rd->p[left - 1];
	if (hdr->tail_bytes == 0 || hdr->tail_bytes > left)
		return -EBADMSG;
	capture_rd_limit(rd, left - hdr->tail_bytes);
	return 0;
}

int
rtp_hdr_parse_body(struct rtp_hdr *hdr, const uint8_t *body, size_t n)
{
	struct capture_rd rd = capture_rd_init(body, n);

	hdr->tail_bytes = 0;
	capture_rd_take(&rd, 4 * (size_t)(hdr->flags & 0x0f));
	if (hdr->flags & 0x10)
		skip_extension(&rd);
	if (rd.failed)
		return -EBADMSG;
	if (hdr->flags & 0x20 && cut_padding(&rd, hdr) < 0)
		return -EBADMSG;
	hdr->payload = rd.p;
	hdr->payload_bytes = (uint32_t)capture_rd_left(&rd);
	hdr->head_bytes = (uint32_t)(rd.p - body);
	return 0;
}

int
rtp_hdr_parse(struct rtp_hdr *hdr, const uint8_t *bytes, size_t n)
{
	struct capture_rd rd = capture_rd_init(bytes, n);
	uint8_t flags = capture_rd_u8(&rd);
	uint8_t type = capture_rd_u8(&rd);

	hdr->marker = type >> 7;
	hdr->payload_type = type & 0x7f;
	hdr->sequence = capture_rd_u16(&rd);
	hdr->timestamp = capture_rd_u32(&rd);
	hdr->ssrc = capture_rd_u32(&rd);
	if (rd.failed || flags >> 6 != 2)
		return -EBADMSG;
	if (hdr->payload_type >= RTCP_FIRST && hdr->payload_type <= RTCP_LAST)
		return -EBADMSG;
	hdr->flags = flags & 0x3f;
	if (rtp_hdr_parse_body(hdr, rd.p, capture_rd_left(&rd)) < 0)
		return -EBADMSG;
	return (int)(RTP_FIXED_BYTES + hdr->head_bytes);
}
