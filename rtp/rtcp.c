/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A datagram is a row of packets (RFC 3550 section 6.1):
 *
 *    0                   1                   2                   3
 *   |V=2|P|  count  |      type     |  length in words, less one    |
 *   |                     SSRC of the reporter                      |
 *   |  SR (200): NTP time, RTP time, packets, octets: 20 bytes      |
 *   |  SR, RR (201): `count` blocks of 24 bytes                     |
 *   |  XR (207): blocks of type, 8 bits, length in words            |
 */
#include "rtp/rtcp.h"

#include <errno.h>

#include "capture/rd.h"

enum { TYPE_FIRST = 192, TYPE_LAST = 223, SR = 200, RR = 201, XR = 207 };
enum { XR_VOIP = 7, XR_VOIP_WORDS = 8 };

struct reader {
	struct rtp_rtcp_report *reports;
	uint32_t count;
	uint32_t reporter; /* of the packet being read */
};

/* @return room for one more, or NULL */
static struct rtp_rtcp_report *
add(struct reader *r, enum rtp_rtcp_kind kind, uint32_t source)
{
	struct rtp_rtcp_report *report = &r->reports[r->count];

	if (r->count == RTP_RTCP_REPORTS_MAX)
		return NULL;
	r->count++;
	*report = (struct rtp_rtcp_report){ .kind = kind,
					    .reporter = r->reporter,
					    .source = source };
	return report;
}

static void
read_sender(struct reader *r, struct capture_rd *rd)
{
	uint32_t seconds = capture_rd_u32(rd);
	uint32_t fraction = capture_rd_u32(rd);
	struct rtp_rtcp_report *report;

	capture_rd_take(rd, 12);
	if (rd->failed)
		return;
	report = add(r, RTP_RTCP_SENT, r->reporter);
	if (report)
		report->sent_ntp = seconds << 16 | fraction >> 16;
}

/* 24 bits with a sign: packets that came twice make it negative. */
static int32_t
signed24(uint32_t bits)
{
	return bits & 0x800000 ? (int32_t)bits - 0x1000000 : (int32_t)bits;
}

static void
read_block(struct reader *r, struct capture_rd *rd)
{
	uint32_t source = capture_rd_u32(rd);
	uint32_t lost = capture_rd_u32(rd);
	uint32_t highest = capture_rd_u32(rd);
	uint32_t jitter = capture_rd_u32(rd);
	uint32_t last_sent = capture_rd_u32(rd);
	uint32_t delay = capture_rd_u32(rd);
	struct rtp_rtcp_report *report;

	if (rd->failed)
		return;
	report = add(r, RTP_RTCP_HEARD, source);
	if (!report)
		return;
	report->heard.fraction = lost >> 24;
	report->heard.lost = signed24(lost & 0xffffff);
	report->heard.highest = highest;
	report->heard.jitter = jitter;
	report->heard.last_sent = last_sent;
	report->heard.delay = delay;
}

/* RFC 3611 section 4.7, behind the four bytes of the block's head. */
static void
read_voip(struct reader *r, struct capture_rd *rd)
{
	uint32_t source = capture_rd_u32(rd);
	uint8_t loss = capture_rd_u8(rd);
	uint8_t discard = capture_rd_u8(rd);
	uint32_t round_trip_ms;
	struct rtp_rtcp_report *report;

	capture_rd_take(rd, 6); /* densities, durations of burst and gap */
	round_trip_ms = capture_rd_u16(rd);
	capture_rd_take(rd, 6); /* delay of the end, levels, RERL, Gmin */
	report = rd->failed ? NULL : add(r, RTP_RTCP_VOIP, source);
	if (!report)
		return;
	report->voip.loss = loss;
	report->voip.discard = discard;
	report->voip.round_trip_ms = round_trip_ms;
	report->voip.r = capture_rd_u8(rd);
	capture_rd_u8(rd); /* R of what is outside */
	report->voip.mos_lq = capture_rd_u8(rd);
	report->voip.mos_cq = capture_rd_u8(rd);
	if (rd->failed)
		r->count--;
}

static void
read_extended(struct reader *r, struct capture_rd *rd)
{
	while (capture_rd_left(rd) >= 4 && !rd->failed) {
		uint8_t type = capture_rd_u8(rd);
		struct capture_rd block;
		uint32_t words;

		capture_rd_u8(rd);
		words = capture_rd_u16(rd);
		block = capture_rd_split(rd, 4 * (size_t)words);
		if (!block.failed && type == XR_VOIP && words >= XR_VOIP_WORDS)
			read_voip(r, &block);
	}
}

/** One packet: its type, the count in its head, what follows that. */
struct packet {
	uint8_t type;
	uint32_t count;
	struct capture_rd body;
};

/* The next one. Only the last may have padding. @return false: it is none */
static bool
next_packet(struct capture_rd *rd, struct packet *packet)
{
	uint8_t flags = capture_rd_u8(rd);

	packet->count = flags & 0x1f;
	packet->type = capture_rd_u8(rd);
	packet->body = capture_rd_split(rd, 4 * (size_t)capture_rd_u16(rd));
	return !rd->failed && flags >> 6 == 2 && packet->type >= TYPE_FIRST &&
	       packet->type <= TYPE_LAST &&
	       (!(flags & 0x20) || capture_rd_left(rd) == 0);
}

/* @return false: there is less in it than it says */
static bool
read_packet(struct reader *r, struct packet *packet)
{
	struct capture_rd *rd = &packet->body;

	if (packet->type != SR && packet->type != RR && packet->type != XR)
		return true;
	r->reporter = capture_rd_u32(rd);
	if (packet->type == XR)
		read_extended(r, rd);
	else if (packet->type == SR)
		read_sender(r, rd);
	while (packet->type != XR && packet->count-- > 0 && !rd->failed)
		read_block(r, rd);
	return !rd->failed;
}

int
rtp_rtcp_read(struct rtp_rtcp_report *reports, const uint8_t *bytes, size_t n)
{
	struct reader r = { .reports = reports };
	struct capture_rd rd = capture_rd_init(bytes, n);
	struct packet packet;

	if (!rtp_rtcp_may_be(bytes, n))
		return -EBADMSG;
	while (capture_rd_left(&rd) > 0)
		if (!next_packet(&rd, &packet) || !read_packet(&r, &packet))
			return -EBADMSG;
	return (int)r.count;
}
