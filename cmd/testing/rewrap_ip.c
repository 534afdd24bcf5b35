/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rewrap: IP headers, and packets cut into fragments. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/testing/rewrap.h"

enum {
	TYPE_IP4 = 0x0800,
	TYPE_VLAN = 0x8100,
	TYPE_IP6 = 0x86dd,
	TYPE_QINQ = 0x88a8,
	TYPE_QINQ_OLD = 0x9100,

	IP4_BYTES = 20,
	IP4_DO_NOT_FRAGMENT = 0x4000,
	IP4_MORE = 0x2000,
	IP4_OFFSET = 0x1fff,
	IP6_BYTES = 40,
	IP6_FRAGMENT_BYTES = 8,
	IP6_FRAGMENT = 44,
	IP6_MORE = 1,
	UDP = 17,
	UDP_BYTES = 8
};

/* ---- headers ------------------------------------------------------------- */

uint32_t
rewrap_sum(uint32_t start, const uint8_t *bytes, size_t n)
{
	for (; n > 1; bytes += 2, n -= 2)
		start += rewrap_get16(bytes);
	return n ? start + ((uint32_t)*bytes << 8) : start;
}

uint32_t
rewrap_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static uint32_t
ip4_header_bytes(const uint8_t *ip)
{
	return (ip[0] & 0xfu) * 4;
}

void
rewrap_ip4_sum(uint8_t *ip)
{
	rewrap_put16(ip + 10, 0);
	rewrap_put16(ip + 10,
		     rewrap_fold(rewrap_sum(0, ip, ip4_header_bytes(ip))));
}

static bool
is_tag(uint32_t type)
{
	return type == TYPE_VLAN || type == TYPE_QINQ || type == TYPE_QINQ_OLD;
}

void
rewrap_ip_find(struct rewrap_frame *frame)
{
	uint32_t at = 12;
	uint32_t type;

	while (at + 6 <= frame->n && is_tag(rewrap_get16(frame->bytes + at)))
		at += 4;
	if (at + 2 > frame->n)
		return;
	type = rewrap_get16(frame->bytes + at);
	if (type == TYPE_IP4 || type == TYPE_IP6)
		frame->ip_tail = frame->n - at - 2;
}

uint32_t
rewrap_ip_bytes(const struct rewrap_frame *frame)
{
	const uint8_t *ip = frame->bytes + frame->n - frame->ip_tail;
	uint32_t total = 0;

	if (frame->ip_tail >= IP4_BYTES && ip[0] >> 4 == 4) {
		total = rewrap_get16(ip + 2);
		if (ip4_header_bytes(ip) < IP4_BYTES ||
		    ip4_header_bytes(ip) > total)
			return 0;
	} else if (frame->ip_tail >= IP6_BYTES && ip[0] >> 4 == 6) {
		total = IP6_BYTES + rewrap_get16(ip + 4);
	}
	return total <= frame->ip_tail ? total : 0;
}

bool
rewrap_datagram_peek(const struct rewrap_frame *frame,
		     struct rewrap_datagram *datagram)
{
	const uint8_t *ip = frame->bytes + frame->n - frame->ip_tail;
	uint32_t total = rewrap_ip_bytes(frame), header, n;
	bool v6;

	if (total == 0)
		return false;
	v6 = ip[0] >> 4 == 6;
	header = v6 ? IP6_BYTES : ip4_header_bytes(ip);
	if (ip[v6 ? 6 : 9] != UDP || header + UDP_BYTES > total ||
	    (!v6 && rewrap_get16(ip + 6) & (IP4_MORE | IP4_OFFSET)))
		return false;
	n = rewrap_get16(ip + header + 4);
	if (n < UDP_BYTES || n > total - header)
		return false;
	*datagram = (struct rewrap_datagram){
		.v6 = v6,
		.from = ip + (v6 ? 8 : 12),
		.to = ip + (v6 ? 24 : 16),
		.from_port = rewrap_get16(ip + header),
		.to_port = rewrap_get16(ip + header + 2),
		.payload = ip + header + UDP_BYTES,
		.payload_bytes = n - UDP_BYTES,
	};
	return true;
}

/* ---- fragments ----------------------------------------------------------- */

/* A packet as it is cut. */
struct cutting {
	const struct rewrap_frame *frame;
	const uint8_t *ip;
	uint32_t prefix;  /* bytes of the frame in front of IP */
	uint32_t header;  /* that each fragment begins with */
	uint32_t payload; /* all there is to cut */
	uint32_t id;
};

struct piece {
	uint32_t at, n; /* of the payload */
};

static void
finish_ip4(uint8_t *ip, const struct cutting *cutting,
	   const struct piece *piece)
{
	uint32_t offset = piece->at / 8;

	if (piece->at + piece->n < cutting->payload)
		offset |= IP4_MORE;
	rewrap_put16(ip + 2, cutting->header + piece->n);
	rewrap_put16(ip + 4, cutting->id);
	rewrap_put16(ip + 6, offset);
	rewrap_ip4_sum(ip);
}

static void
finish_ip6(uint8_t *ip, const struct cutting *cutting,
	   const struct piece *piece)
{
	uint8_t *fragment = ip + IP6_BYTES;
	uint32_t offset = piece->at;

	if (piece->at + piece->n < cutting->payload)
		offset |= IP6_MORE;
	*fragment = ip[6];
	fragment[1] = 0;
	rewrap_put16(fragment + 2, offset);
	rewrap_put32(fragment + 4, cutting->id);
	ip[6] = IP6_FRAGMENT;
	rewrap_put16(ip + 4, IP6_FRAGMENT_BYTES + piece->n);
}

static int
fragment_add(struct rewrap_traffic *traffic, const struct cutting *cutting,
	     const struct piece *piece, int64_t time_ns)
{
	const struct rewrap_frame *whole = cutting->frame;
	bool v6 = cutting->ip[0] >> 4 == 6;
	uint32_t header = cutting->header + (v6 ? IP6_FRAGMENT_BYTES : 0);
	struct rewrap_frame frame = {
		.time_ns = time_ns,
		.n = cutting->prefix + header + piece->n,
		.ip_tail = header + piece->n,
	};
	uint8_t *ip;

	frame.bytes = malloc(frame.n);
	if (!frame.bytes)
		return rewrap_fail(traffic, -ENOMEM, "out of memory");
	memcpy(frame.bytes, whole->bytes, cutting->prefix);
	ip = frame.bytes + cutting->prefix;
	memcpy(ip, cutting->ip, cutting->header);
	memcpy(ip + header, cutting->ip + cutting->header + piece->at,
	       piece->n);
	if (v6)
		finish_ip6(ip, cutting, piece);
	else
		finish_ip4(ip, cutting, piece);
	if (whole->length_tail) {
		uint32_t at = whole->n - whole->length_tail;
		uint32_t length = rewrap_get16(whole->bytes + at);

		rewrap_put16(frame.bytes + at, length + frame.n - whole->n);
		frame.length_tail = frame.n - at;
	}
	return rewrap_add(traffic, frame);
}

static void
pieces_swap(struct piece *a, struct piece *b)
{
	struct piece was = *a;

	*a = *b;
	*b = was;
}

/* @param pieces [2 * count], doubled in place with REWRAP_DOUBLED
 * @return how many come */
static size_t
pieces_arrange(struct rewrap_traffic *traffic, struct piece *pieces,
	       size_t count, enum rewrap_fragments how)
{
	size_t i;

	if (how == REWRAP_REVERSE)
		for (i = 0; i < count / 2; i++)
			pieces_swap(&pieces[i], &pieces[count - 1 - i]);
	if (how == REWRAP_SHUFFLED)
		for (i = count - 1; i > 0; i--)
			pieces_swap(&pieces[i],
				    &pieces[rewrap_random(traffic, i + 1)]);
	if (how != REWRAP_DOUBLED)
		return count;
	for (i = count; i-- > 0;)
		pieces[2 * i] = pieces[2 * i + 1] = pieces[i];
	return 2 * count;
}

/* Cut, each of at most `most` bytes; where they overlap, by 8 with the next,
 * but for the one whose last bytes are all that the next has. */
static int
packet_cut(struct rewrap_traffic *traffic, const struct cutting *cutting,
	   uint32_t most, enum rewrap_fragments how)
{
	uint32_t overlap = how == REWRAP_OVERLAP ? 8 : 0;
	uint32_t step = (most & ~7u) - overlap;
	size_t count = 0;
	struct piece *pieces =
	    calloc(2 * (cutting->payload / step + 1), sizeof(*pieces));
	int rc = 0;

	if (!pieces)
		return rewrap_fail(traffic, -ENOMEM, "out of memory");
	for (uint32_t at = 0; at < cutting->payload; at += step) {
		uint32_t left = cutting->payload - at;
		uint32_t n = left < step ? left : step;

		if (n + overlap < left)
			n += overlap;
		pieces[count++] = (struct piece){ at, n };
	}
	count = pieces_arrange(traffic, pieces, count, how);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = fragment_add(traffic, cutting, &pieces[i],
				  cutting->frame->time_ns +
				      (int64_t)i * REWRAP_US_NS);
	free(pieces);
	return rc;
}

/* Fragments are not cut again, and headers that would have to be in each
 * fragment of IPv6 are not made by what makes captures here. */
static bool
can_be_cut(const uint8_t *ip)
{
	if (ip[0] >> 4 == 4)
		return (rewrap_get16(ip + 6) & (IP4_MORE | IP4_OFFSET)) == 0;
	return ip[6] != 0 && ip[6] != 43 && ip[6] != IP6_FRAGMENT &&
	       ip[6] != 60;
}

static int
frame_cut(struct rewrap_traffic *traffic, const struct rewrap_frame *frame,
	  uint32_t mtu, enum rewrap_fragments how)
{
	const uint8_t *ip = frame->bytes + frame->n - frame->ip_tail;
	bool v6 = ip[0] >> 4 == 6;
	struct cutting cutting = {
		.frame = frame,
		.ip = ip,
		.prefix = frame->n - frame->ip_tail,
		.header = v6 ? IP6_BYTES : ip4_header_bytes(ip),
		.id = ++traffic->fragment_id,
	};
	uint32_t most = mtu - cutting.header - (v6 ? IP6_FRAGMENT_BYTES : 0);

	cutting.payload = rewrap_ip_bytes(frame) - cutting.header;
	if (!can_be_cut(ip) || mtu < cutting.header + 16)
		return rewrap_fail(traffic, -EINVAL,
				   "frame %" PRIu64 " is longer than %u bytes, "
				   "and a fragment or with headers of its own: "
				   "it cannot be cut",
				   frame->order + 1, mtu);
	return packet_cut(traffic, &cutting, most, how);
}

int
rewrap_fragment(struct rewrap_traffic *traffic, uint32_t mtu,
		enum rewrap_fragments how)
{
	size_t count;
	struct rewrap_frame *frames = rewrap_take(traffic, &count);
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++) {
		if (rewrap_ip_bytes(&frames[i]) > mtu) {
			rc = frame_cut(traffic, &frames[i], mtu, how);
			continue;
		}
		rc = rewrap_add(traffic, frames[i]);
		frames[i].bytes = NULL;
	}
	rewrap_frames_free(frames, count);
	rewrap_sort(traffic);
	return rc;
}
