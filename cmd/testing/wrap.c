/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Wrappings of frames, each as the standard of its name draws it. */
#include "cmd/testing/wrap.h"

#include <stdbool.h>
#include <string.h>

enum {
	ETHER_BYTES = 14,
	TYPE_IP4 = 0x0800,
	TYPE_IP6 = 0x86dd,
	TYPE_ETHERNET = 0x6558,
	TYPE_MPLS = 0x8847
};

/* A frame as it is wrapped: what is inside, and where to write. */
struct out {
	uint8_t *p;
	const uint8_t *frame; /* whole */
	uint32_t n;
	const uint8_t *packet; /* behind its Ethernet header */
	uint32_t packet_bytes;
	uint32_t type;  /* of the packet */
	uint8_t *total; /* IPv4: to be filled in at the end */
	uint8_t *ip6_total;
	uint8_t *sum;          /* of UDP or GRE: likewise */
	uint32_t sum_protocol; /* of UDP: its pseudo header's */
	const struct wrap_moment *moment;
	uint8_t *length[2]; /* of UDP, and another, from here on */
	uint32_t length_more[2];
};

static void
u8(struct out *o, uint32_t v)
{
	*o->p++ = (uint8_t)v;
}

static void
u16(struct out *o, uint32_t v)
{
	u8(o, v >> 8);
	u8(o, v);
}

static void
u32(struct out *o, uint32_t v)
{
	u16(o, v >> 16);
	u16(o, v);
}

static void
bytes(struct out *o, const void *from, uint32_t n)
{
	memcpy(o->p, from, n);
	o->p += n;
}

static void
fill16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t
read16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static bool
is_ip(const struct out *o)
{
	return o->type == TYPE_IP4 || o->type == TYPE_IP6;
}

static bool
put_frame(struct out *o)
{
	bytes(o, o->frame, o->n);
	return true;
}

static bool
put_packet(struct out *o)
{
	bytes(o, o->packet, o->packet_bytes);
	return true;
}

static bool
put_ip(struct out *o)
{
	return is_ip(o) && put_packet(o);
}

/* ---- outer headers ------------------------------------------------------- */

static void
ether(struct out *o, uint32_t type)
{
	static const uint8_t macs[12] = { 0x02, 0, 0, 0, 0xaa, 1,
					  0x02, 0, 0, 0, 0xaa, 2 };

	bytes(o, macs, sizeof(macs));
	u16(o, type);
}

static void
ip4(struct out *o, uint32_t protocol)
{
	static const uint8_t addresses[8] = { 192, 0, 2, 251, 192, 0, 2, 252 };

	u16(o, 0x4500);
	o->total = o->p;
	u16(o, 0);
	u32(o, 0x00014000); /* number 1, do not fragment */
	u8(o, 250);
	u8(o, protocol);
	u16(o, 0);
	bytes(o, addresses, sizeof(addresses));
}

static void
ip6(struct out *o, uint32_t next)
{
	static const uint8_t prefix[15] = { 0x20, 0x01, 0x0d, 0xb8, 0xff };

	u32(o, 0x60000000);
	o->ip6_total = o->p;
	u16(o, 0);
	u8(o, next);
	u8(o, 250);
	bytes(o, prefix, sizeof(prefix));
	u8(o, 1);
	bytes(o, prefix, sizeof(prefix));
	u8(o, 2);
}

/* A length of 16 bits, counted from here less `more`, filled in at the end. */
static void
length_here(struct out *o, uint32_t more)
{
	unsigned i = o->length[0] != NULL;

	o->length[i] = o->p;
	o->length_more[i] = more;
	u16(o, 0);
}

/* Inside flows are spread over ports (RFC 7348 section 5): the same for what
 * has the same addresses and ports. Of what is no IP, all is one flow. */
static uint32_t
flow_port(const struct out *o)
{
	bool v6 = o->type == TYPE_IP6;
	uint32_t from = v6 ? 8 : 12, to = v6 ? 44 : 24, hash = 2166136261u;

	for (; is_ip(o) && from < to && from < o->packet_bytes; from++)
		hash = (hash ^ o->packet[from]) * 16777619u;
	return 49152 + (hash >> 16 & 0x3fff);
}

static void
udp(struct out *o, uint32_t port)
{
	ether(o, TYPE_IP4);
	ip4(o, 17);
	u16(o, flow_port(o));
	u16(o, port);
	length_here(o, 4);
	o->sum = o->p;
	o->sum_protocol = 17;
	u16(o, 0);
}

static void
gre(struct out *o, uint32_t flags, uint32_t type)
{
	ether(o, TYPE_IP4);
	ip4(o, 47);
	u16(o, flags);
	u16(o, type);
}

/* One's complement sum (RFC 1071), not folded. */
static uint32_t
sum(uint32_t start, const uint8_t *p, const uint8_t *end)
{
	for (; end - p > 1; p += 2)
		start += read16(p);
	return p < end ? start + ((uint32_t)*p << 8) : start;
}

static uint32_t
fold(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return ~total & 0xffff;
}

static void
finish_ip4(struct out *o)
{
	uint8_t *header = o->total - 2;

	fill16(o->total, (uint32_t)(o->p - header));
	fill16(header + 10, fold(sum(0, header, header + 20)));
}

/* That of GRE, or of UDP with its pseudo header, is behind the header of IP. */
static void
finish_sum(struct out *o)
{
	const uint8_t *begin = o->total + 18;
	uint32_t total = 0;

	if (o->sum_protocol) {
		total = o->sum_protocol + (uint32_t)(o->p - begin);
		total = sum(total, begin - 8, begin);
	}
	total = fold(sum(total, begin, o->p));
	fill16(o->sum, o->sum_protocol && total == 0 ? 0xffff : total);
}

static void
finish(struct out *o)
{
	for (uint32_t i = 0; i < 2; i++)
		if (o->length[i])
			fill16(o->length[i], (uint32_t)(o->p - o->length[i]) +
						 o->length_more[i]);
	if (o->ip6_total)
		fill16(o->ip6_total, (uint32_t)(o->p - o->ip6_total) - 36);
	if (!o->total)
		return;
	finish_ip4(o);
	if (o->sum)
		finish_sum(o);
}

/* ---- tags and labels ----------------------------------------------------- */

static bool
tags(struct out *o, uint32_t first, uint32_t second)
{
	bytes(o, o->frame, 12);
	u16(o, first);
	u16(o, 0x6064);
	if (second) {
		u16(o, second);
		u16(o, 0x0065);
	}
	u16(o, o->type);
	return put_packet(o);
}

static bool
wrap_vlan(struct out *o)
{
	return tags(o, 0x8100, 0);
}

static bool
wrap_qinq(struct out *o)
{
	return tags(o, 0x88a8, 0x8100);
}

static bool
wrap_qinq9100(struct out *o)
{
	return tags(o, 0x9100, 0x8100);
}

static bool
wrap_vntag(struct out *o)
{
	bytes(o, o->frame, 12);
	u16(o, 0x8926);
	u32(o, 0x80010002);
	u16(o, o->type);
	return put_packet(o);
}

static bool
wrap_pbb(struct out *o)
{
	ether(o, 0x88e7);
	u32(o, 0x00001234);
	return put_frame(o);
}

static bool
wrap_snap(struct out *o)
{
	if (!is_ip(o) || o->packet_bytes + 8 > 1500)
		return false;
	bytes(o, o->frame, 12);
	u16(o, o->packet_bytes + 8);
	u32(o, 0xaaaa0300);
	u16(o, 0);
	u16(o, o->type);
	return put_packet(o);
}

static void
labels(struct out *o)
{
	u32(o, 100 << 12 | 0 << 8 | 64);
	u32(o, 200 << 12 | 1 << 8 | 63);
}

static bool
wrap_mpls(struct out *o)
{
	ether(o, TYPE_MPLS);
	labels(o);
	return put_ip(o);
}

static bool
wrap_mpls_pw(struct out *o)
{
	ether(o, TYPE_MPLS);
	labels(o);
	u32(o, 0); /* control word */
	return put_frame(o);
}

static bool
wrap_mpls_pw_numbered(struct out *o)
{
	ether(o, TYPE_MPLS);
	labels(o);
	u32(o, o->moment->number & 0xffff);
	return put_frame(o);
}

/* Without a control word. What begins like IP would be taken for it: that is
 * why there is one. */
static bool
wrap_mpls_eth(struct out *o)
{
	ether(o, 0x8848);
	labels(o);
	return o->frame[0] >> 4 != 4 && o->frame[0] >> 4 != 6 && put_frame(o);
}

static void
ppp(struct out *o)
{
	u16(o, o->type == TYPE_IP4 ? 0x0021 : 0x0057);
}

static bool
wrap_pppoe(struct out *o)
{
	ether(o, 0x8864);
	u16(o, 0x1100);
	u16(o, 77);
	length_here(o, (uint32_t)-2);
	ppp(o);
	return put_ip(o);
}

/* ---- over IP ------------------------------------------------------------- */

static bool
wrap_gre(struct out *o)
{
	gre(o, 0, o->type);
	return put_packet(o);
}

static bool
wrap_gre_full(struct out *o)
{
	gre(o, 0xb000, o->type);
	o->sum = o->p;
	u32(o, 0);
	u32(o, 99);
	u32(o, o->moment->number);
	return put_packet(o);
}

static bool
wrap_gre_teb(struct out *o)
{
	gre(o, 0x2000, TYPE_ETHERNET);
	u32(o, 5);
	return put_frame(o);
}

static bool
wrap_gre_mpls(struct out *o)
{
	gre(o, 0, TYPE_MPLS);
	labels(o);
	return put_ip(o);
}

static bool
wrap_gre_route(struct out *o)
{
	gre(o, 0x4000, o->type);
	u32(o, 0);
	u32(o, 0x08000004); /* a route of 4 bytes, and the last, empty */
	u32(o, 0xc0000201);
	u32(o, 0);
	return put_packet(o);
}

static bool
wrap_pptp(struct out *o)
{
	gre(o, 0x3081, 0x880b);
	u32(o, (o->packet_bytes + 4) << 16 | 1);
	u32(o, 10);
	u32(o, 9);
	u16(o, 0xff03);
	ppp(o);
	return put_ip(o);
}

static bool
wrap_erspan1(struct out *o)
{
	gre(o, 0, 0x88be);
	return put_frame(o);
}

static bool
wrap_erspan2(struct out *o)
{
	gre(o, 0x1000, 0x88be);
	u32(o, o->moment->number);
	u32(o, 0x10640000 | 3);
	u32(o, 0x12);
	return put_frame(o);
}

static void
erspan3(struct out *o, uint32_t frame_type, bool sub)
{
	gre(o, 0x1000, 0x22eb);
	u32(o, o->moment->number);
	u32(o, 0x20640000 | 3);
	u32(o, (uint32_t)(o->moment->time_ns / 100000)); /* of 100 us */
	u16(o, 0);
	u16(o, frame_type << 10 | sub);
	if (sub) {
		u32(o, 0x04000000);
		u32(o, 0);
	}
}

static bool
wrap_erspan3(struct out *o)
{
	erspan3(o, 0, false);
	return put_frame(o);
}

static bool
wrap_erspan3_sub(struct out *o)
{
	erspan3(o, 0, true);
	return put_frame(o);
}

static bool
wrap_erspan3_ip(struct out *o)
{
	erspan3(o, 2, false);
	return put_ip(o);
}

static bool
wrap_ipip(struct out *o)
{
	ether(o, TYPE_IP4);
	ip4(o, o->type == TYPE_IP4 ? 4 : 41);
	return put_ip(o);
}

static bool
wrap_ip6ip(struct out *o)
{
	ether(o, TYPE_IP6);
	ip6(o, o->type == TYPE_IP4 ? 4 : 41);
	return put_ip(o);
}

static bool
wrap_mplsip(struct out *o)
{
	ether(o, TYPE_IP4);
	ip4(o, 137);
	labels(o);
	return put_ip(o);
}

static bool
wrap_etherip(struct out *o)
{
	ether(o, TYPE_IP4);
	ip4(o, 97);
	u16(o, 0x3000);
	return put_frame(o);
}

static bool
wrap_ah(struct out *o)
{
	ether(o, TYPE_IP4);
	ip4(o, 51);
	u8(o, o->type == TYPE_IP4 ? 4 : 41);
	u8(o, 4); /* 24 bytes */
	u16(o, 0);
	u32(o, 0x100);
	u32(o, 1);
	u32(o, 0xdeadbeef);
	u32(o, 0xdeadbeef);
	u32(o, 0xdeadbeef);
	return put_ip(o);
}

/* ---- over UDP ------------------------------------------------------------ */

static bool
vxlan(struct out *o, uint32_t port, uint32_t flags)
{
	udp(o, port);
	u32(o, flags);
	u32(o, 0x00123400);
	return put_frame(o);
}

static bool
wrap_vxlan(struct out *o)
{
	return vxlan(o, 4789, 0x08000000);
}

static bool
wrap_vxlan_gbp(struct out *o)
{
	return vxlan(o, 4789, 0x88000011);
}

static bool
wrap_vxlan_linux(struct out *o)
{
	return vxlan(o, 8472, 0x08000000);
}

static bool
wrap_vxlan_gpe(struct out *o)
{
	return vxlan(o, 4790, 0x0c000003);
}

static bool
wrap_vxlan_gpe_ip(struct out *o)
{
	udp(o, 4790);
	u32(o, 0x0c000000 | (o->type == TYPE_IP4 ? 1 : 2));
	u32(o, 0x00123400);
	return put_ip(o);
}

static void
geneve(struct out *o, uint32_t options, uint32_t type)
{
	udp(o, 6081);
	u8(o, options);
	u8(o, options ? 0x40 : 0);
	u16(o, type);
	u32(o, 0x00123400);
	for (uint32_t i = 0; i < options; i++)
		u32(o, 0x0102 << 16 | 1);
}

static bool
wrap_geneve(struct out *o)
{
	geneve(o, 0, TYPE_ETHERNET);
	return put_frame(o);
}

static bool
wrap_geneve_options(struct out *o)
{
	geneve(o, 2, TYPE_ETHERNET);
	return put_frame(o);
}

static bool
wrap_geneve_ip(struct out *o)
{
	geneve(o, 0, o->type);
	return put_packet(o);
}

static bool
wrap_tzsp(struct out *o)
{
	udp(o, 37008);
	u32(o, 0x01000001);
	u8(o, 0); /* padding */
	u8(o, 10);
	u8(o, 1);
	u8(o, 0xd3); /* signal strength */
	u8(o, 41);
	u8(o, 2);
	u16(o, 1500);
	u8(o, 1);
	return put_frame(o);
}

static bool
wrap_l2tp(struct out *o)
{
	udp(o, 1701);
	u16(o, 0x0002);
	u32(o, 0x00010002);
	u16(o, 0xff03);
	ppp(o);
	return put_ip(o);
}

/* With length, numbers and offset; PPP without its address, and short. */
static bool
wrap_l2tp_full(struct out *o)
{
	udp(o, 1701);
	u16(o, 0x4a02);
	length_here(o, 2);
	u32(o, 0x00010002);
	u32(o, 0x00030004);
	u16(o, 2);
	u16(o, 0);
	u8(o, o->type == TYPE_IP4 ? 0x21 : 0x57);
	return put_ip(o);
}

static bool
wrap_gtpu(struct out *o)
{
	udp(o, 2152);
	u16(o, 0x30ff);
	u16(o, o->packet_bytes);
	u32(o, 0x11223344);
	return put_ip(o);
}

static bool
wrap_gtpu_extension(struct out *o)
{
	udp(o, 2152);
	u16(o, 0x37ff);
	u16(o, o->packet_bytes + 12);
	u32(o, 0x11223344);
	u16(o, 7);
	u8(o, 0);
	u8(o, 0x85); /* PDU session container */
	u32(o, 0x01000985);
	u32(o, 0x01000900);
	return put_ip(o);
}

/* ---- HEP ----------------------------------------------------------------- */

static void
chunk(struct out *o, uint32_t type, const void *value, uint32_t n)
{
	u16(o, 0);
	u16(o, type);
	u16(o, 6 + n);
	bytes(o, value, n);
}

static void
chunk32(struct out *o, uint32_t type, uint32_t value)
{
	u16(o, 0);
	u16(o, type);
	u16(o, 10);
	u32(o, value);
}

/* What a datagram seems to carry, by HEP's numbers. */
static const char *
hep_protocol(const uint8_t *payload, uint32_t n)
{
	if (n < 2 || payload[0] >> 6 != 2)
		return "\x01"; /* SIP */
	/* RTCP has packet types from 192 on, where RTP has marker and payload
	 * types that are not used for that (RFC 5761 section 4). */
	return payload[1] >= 192 && payload[1] < 224 ? "\x05" : "\x22";
}

/* @return the datagram's header, or NULL: there is no whole one */
static const uint8_t *
datagram_of(const struct out *o, uint32_t *payload_bytes)
{
	bool v6 = o->type == TYPE_IP6;
	uint32_t header = v6 ? 40 : 20, n;

	if (!is_ip(o) || o->packet_bytes < header + 8 ||
	    o->packet[v6 ? 6 : 9] != 17)
		return NULL;
	if (!v6 &&
	    (o->packet[0] != 0x45 || o->packet[6] & 0x3f || o->packet[7]))
		return NULL;
	n = read16(o->packet + header + 4);
	if (n < 8 || n > o->packet_bytes - header)
		return NULL;
	*payload_bytes = n - 8;
	return o->packet + header;
}

static bool
wrap_hep(struct out *o)
{
	bool v6 = o->type == TYPE_IP6;
	uint32_t address = v6 ? 16 : 4, n = 0;
	const uint8_t *from = o->packet + (v6 ? 8 : 12);
	const uint8_t *datagram = datagram_of(o, &n);
	int64_t time_us = o->moment->time_ns / 1000;

	if (!datagram)
		return false;
	udp(o, 9060);
	bytes(o, "HEP3", 4);
	length_here(o, 4);
	chunk(o, 1, v6 ? "\x0a" : "\x02", 1);
	chunk(o, 2, "\x11", 1);
	chunk(o, v6 ? 5 : 3, from, address);
	chunk(o, v6 ? 6 : 4, from + address, address);
	chunk(o, 7, datagram, 2);
	chunk(o, 8, datagram + 2, 2);
	chunk32(o, 9, (uint32_t)(time_us / 1000000));
	chunk32(o, 10, (uint32_t)(time_us % 1000000));
	chunk(o, 11, hep_protocol(datagram + 8, n), 1);
	chunk32(o, 12, 2001);
	chunk(o, 15, datagram + 8, n);
	return true;
}

/* ---- */

static bool (*const wraps[])(struct out *) = {
#define X(name) wrap_##name,
	WRAPS(X)
#undef X
};

static const char *const names[] = {
#define X(name) #name,
	WRAPS(X)
#undef X
};

const char *
wrap_name(enum wrap wrap)
{
	return names[wrap];
}

int
wrap_find(const char *name, uint32_t n)
{
	for (int i = 0; i < WRAP_COUNT; i++)
		if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
			return i;
	return -1;
}

uint32_t
wrap_frame(enum wrap wrap, const uint8_t *frame, uint32_t n, uint8_t *out)
{
	static const struct wrap_moment any = {
		.number = 42, .time_ns = INT64_C(1700000000) * 1000000000
	};

	return wrap_frame_at(wrap, frame, n, &any, out);
}

uint32_t
wrap_frame_at(enum wrap wrap, const uint8_t *frame, uint32_t n,
	      const struct wrap_moment *moment, uint8_t *out)
{
	struct out o = {
		.p = out,
		.frame = frame,
		.n = n,
		.packet = frame + ETHER_BYTES,
		.packet_bytes = n - ETHER_BYTES,
		.moment = moment,
	};

	if (n <= ETHER_BYTES)
		return 0;
	o.type = (uint32_t)frame[12] << 8 | frame[13];
	if (!wraps[wrap](&o))
		return 0;
	finish(&o);
	return (uint32_t)(o.p - out);
}
