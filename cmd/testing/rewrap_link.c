/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rewrap: capture files of several link types, as tcpdump.org/linktypes.html
 * describes them; with nanoseconds, little-endian on every machine.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/testing/rewrap.h"

enum {
	TYPE_IP4 = 0x0800,
	TYPE_VLAN = 0x8100,
	TYPE_IP6 = 0x86dd,
	TYPE_MPLS = 0x8847,
	TYPE_QINQ = 0x88a8,
	TYPE_QINQ_OLD = 0x9100,
	TYPE_LENGTH_MAX = 1500,

	SLL_802_2 = 4, /* Linux's word for LLC */

	MAC_BYTES = 6,
	TYPE_AT = 12,
	HEADER_BYTES_MAX = 32
};

static const struct {
	const char *name;
	uint32_t number;
} links[] = {
	[REWRAP_ETHER] = { "ether", 1 },
	[REWRAP_NULL] = { "null", 0 },
	[REWRAP_LOOP] = { "loop", 108 },
	[REWRAP_RAW] = { "raw", 101 },
	[REWRAP_SLL] = { "sll", 113 },
	[REWRAP_SLL2] = { "sll2", 276 },
	[REWRAP_ERF] = { "erf", 197 },
	[REWRAP_ERF_EXTENDED] = { "erf-ext", 197 },
	[REWRAP_PPP] = { "ppp", 9 },
	[REWRAP_CHDLC] = { "chdlc", 104 },
};

int
rewrap_link_find(const char *name)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		if (strcmp(links[i].name, name) == 0)
			return (int)i;
	return -1;
}

static uint8_t *
put32_little(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++, value >>= 8)
		*p++ = (uint8_t)value;
	return p;
}

/* ---- link headers -------------------------------------------------------- */

/* A frame as it is written: a header, and what of the frame goes behind it. */
struct outgoing {
	const struct rewrap_frame *frame;
	uint32_t type;    /* of what follows */
	uint32_t rest_at; /* in the frame */
	uint8_t header[HEADER_BYTES_MAX];
	uint32_t header_bytes;
};

static bool
is_tag(uint32_t type)
{
	return type == TYPE_VLAN || type == TYPE_QINQ || type == TYPE_QINQ_OLD;
}

/* Interfaces without Ethernet have no VLANs. */
static void
tags_strip(struct outgoing *out)
{
	const struct rewrap_frame *frame = out->frame;

	while (is_tag(out->type) && out->rest_at + 4 <= frame->n) {
		out->type = rewrap_get16(frame->bytes + out->rest_at + 2);
		out->rest_at += 4;
	}
}

/* The address family of IPv6 is that of macOS; others have others. */
static bool
put_loopback(struct outgoing *out, bool big_endian)
{
	uint32_t family = out->type == TYPE_IP6 ? 30 : 2;

	if (big_endian)
		rewrap_put32(out->header, family);
	else
		put32_little(out->header, family);
	out->header_bytes = 4;
	return out->type == TYPE_IP4 || out->type == TYPE_IP6;
}

/* Packet type (to us), ARPHRD_ETHER, address length and address, protocol. */
static void
put_sll(struct outgoing *out)
{
	uint8_t *p = out->header;

	p = rewrap_put16(p, 0);
	p = rewrap_put16(p, 1);
	p = rewrap_put16(p, MAC_BYTES);
	memcpy(p, out->frame->bytes + MAC_BYTES, MAC_BYTES);
	rewrap_put16(p + 8,
		     out->type <= TYPE_LENGTH_MAX ? SLL_802_2 : out->type);
	out->header_bytes = 16;
}

/* Protocol, 0, interface, ARPHRD_ETHER, packet type, address. */
static void
put_sll2(struct outgoing *out)
{
	uint8_t *p = out->header;

	p = rewrap_put16(p,
			 out->type <= TYPE_LENGTH_MAX ? SLL_802_2 : out->type);
	p = rewrap_put16(p, 0);
	p = rewrap_put32(p, 2);
	p = rewrap_put16(p, 1);
	*p++ = 0;
	*p++ = MAC_BYTES;
	memcpy(p, out->frame->bytes + MAC_BYTES, MAC_BYTES);
	out->header_bytes = 20;
}

/*
 * Endace's record: time in 1/2^32 s, little-endian; type, with bit 7 if more
 * headers follow; flags (varying length); record length; losses; wire length;
 * and in front of Ethernet, an offset and padding. The further header is an
 * interception's, which means nothing here.
 */
static bool
put_erf(struct outgoing *out, bool more)
{
	uint64_t ns = (uint64_t)out->frame->time_ns;
	uint64_t fraction = (ns % 1000000000 << 32) / 1000000000;
	uint8_t *p = out->header;

	out->header_bytes = more ? 26 : 18;
	out->rest_at = 0;
	if (out->frame->n + out->header_bytes > UINT16_MAX)
		return false;
	p = put32_little(p, (uint32_t)fraction);
	p = put32_little(p, (uint32_t)(ns / 1000000000));
	*p++ = more ? 0x82 : 0x02;
	*p++ = 0x04;
	p = rewrap_put16(p, out->frame->n + out->header_bytes);
	p = rewrap_put16(p, 0);
	p = rewrap_put16(p, out->frame->n);
	if (more)
		p = rewrap_put32(rewrap_put32(p, 0x04000000), 7);
	rewrap_put16(p, 0);
	return true;
}

static bool
put_ppp(struct outgoing *out)
{
	uint32_t protocol = out->type == TYPE_IP4   ? 0x0021
			    : out->type == TYPE_IP6 ? 0x0057
						    : 0x0281;

	rewrap_put16(rewrap_put16(out->header, 0xff03), protocol);
	out->header_bytes = 4;
	return out->type == TYPE_IP4 || out->type == TYPE_IP6 ||
	       out->type == TYPE_MPLS;
}

/* Unicast, and the Ethernet type. */
static bool
put_chdlc(struct outgoing *out)
{
	rewrap_put16(rewrap_put16(out->header, 0x0f00), out->type);
	out->header_bytes = 4;
	return out->type > TYPE_LENGTH_MAX;
}

/* @return false: the link type cannot carry that */
static bool
put_link(struct outgoing *out, enum rewrap_link link)
{
	if (link == REWRAP_NULL || link == REWRAP_LOOP || link == REWRAP_RAW ||
	    link == REWRAP_PPP)
		tags_strip(out);
	switch (link) {
	case REWRAP_ETHER:
		out->rest_at = 0;
		return true;
	case REWRAP_NULL:
	case REWRAP_LOOP:
		return put_loopback(out, link == REWRAP_LOOP);
	case REWRAP_RAW:
		return out->type == TYPE_IP4 || out->type == TYPE_IP6;
	case REWRAP_SLL:
		put_sll(out);
		return true;
	case REWRAP_SLL2:
		put_sll2(out);
		return true;
	case REWRAP_ERF:
	case REWRAP_ERF_EXTENDED:
		return put_erf(out, link == REWRAP_ERF_EXTENDED);
	case REWRAP_PPP:
		return put_ppp(out);
	case REWRAP_CHDLC:
		return put_chdlc(out);
	}
	return false;
}

/* ---- the file ------------------------------------------------------------ */

static bool
file_begin(enum rewrap_link link, FILE *to)
{
	uint8_t header[24], *p = header;

	p = put32_little(p, 0xa1b23c4d);  /* nanoseconds */
	p = put32_little(p, 2 | 4 << 16); /* version 2.4 */
	p = put32_little(p, 0);
	p = put32_little(p, 0);
	p = put32_little(p, 262144);
	put32_little(p, links[link].number);
	return fwrite(header, sizeof(header), 1, to) == 1;
}

static bool
outgoing_write(const struct outgoing *out, FILE *to)
{
	const struct rewrap_frame *frame = out->frame;
	uint32_t rest = frame->n - out->rest_at;
	uint32_t n = out->header_bytes + rest;
	uint8_t header[16], *p = header;

	p = put32_little(p, (uint32_t)(frame->time_ns / 1000000000));
	p = put32_little(p, (uint32_t)(frame->time_ns % 1000000000));
	p = put32_little(p, n);
	put32_little(p, n);
	return fwrite(header, sizeof(header), 1, to) == 1 &&
	       fwrite(out->header, 1, out->header_bytes, to) ==
		   out->header_bytes &&
	       fwrite(frame->bytes + out->rest_at, 1, rest, to) == rest;
}

int
rewrap_write(struct rewrap_traffic *traffic, enum rewrap_link link, FILE *to)
{
	bool written = file_begin(link, to);

	for (size_t i = 0; i < traffic->count && written; i++) {
		const struct rewrap_frame *frame = &traffic->frames[i];
		struct outgoing out = {
			.frame = frame,
			.type = rewrap_get16(frame->bytes + TYPE_AT),
			.rest_at = TYPE_AT + 2,
		};

		if (!put_link(&out, link))
			return rewrap_fail(traffic, -EINVAL,
					   "frame %zu, of Ethernet type 0x%04x "
					   "and %u bytes, does not go over %s",
					   i + 1, out.type, frame->n,
					   links[link].name);
		written = outgoing_write(&out, to);
	}
	return written ? 0 : rewrap_fail(traffic, -EIO, "%s", strerror(errno));
}
