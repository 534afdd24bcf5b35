/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Link layers, and the tags and labels between a link header and IP. All of
 * them only say what follows; none says how long it is, so that is left to the
 * IP header.
 */
#include "capture/decode_priv.h"

/* IEEE registry of Ethernet types */
enum {
	ETHERTYPE_NONE = 0,
	ETHERTYPE_LENGTH_MAX = 0x05dc, /* 802.3: a length, not a type */
	ETHERTYPE_IP4 = 0x0800,
	ETHERTYPE_TRANSPARENT = 0x6558, /* an Ethernet frame, in GRE */
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IP6 = 0x86dd,
	ETHERTYPE_PPP = 0x880b,
	ETHERTYPE_MPLS = 0x8847,
	ETHERTYPE_MPLS_MULTICAST = 0x8848,
	ETHERTYPE_PPPOE = 0x8864,
	ETHERTYPE_QINQ = 0x88a8,    /* 802.1ad, the outer of two tags */
	ETHERTYPE_PBB = 0x88e7,     /* 802.1ah: a whole frame follows */
	ETHERTYPE_VNTAG = 0x8926,   /* Cisco fabric extenders */
	ETHERTYPE_QINQ_OLD = 0x9100 /* 802.1ad before it had a number */
};

/* IANA, PPP DLL protocol numbers */
enum { PPP_IP4 = 0x0021, PPP_IP6 = 0x0057, PPP_MPLS = 0x0281 };

static bool
is_tag(uint32_t type)
{
	return type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ ||
	       type == ETHERTYPE_QINQ_OLD || type == ETHERTYPE_VNTAG;
}

/*
 * 802.2 LLC with a SNAP header (RFC 1042): the type comes after all.
 *
 * | DSAP aa | SSAP aa | control 03 | organisation 00 00 00 | type |
 */
static uint32_t
snap_read(struct capture_rd *rd)
{
	struct capture_rd hdr = capture_rd_split(rd, 8);
	uint32_t sap = capture_rd_u16(&hdr);
	uint32_t control_org = capture_rd_u32(&hdr);

	if (sap != 0xaaaa || control_org != 0x03000000)
		return ETHERTYPE_NONE;
	return capture_rd_u16(&hdr);
}

/* A service instance, then the customer's whole frame. */
static CAPTURE_READER(pbb_read)
{
	capture_rd_take(rd, 4);
	return capture__ether_read(rd, pkt, d);
}

static capture__read_fn
reader_of(uint32_t type)
{
	switch (type) {
	case ETHERTYPE_MPLS:
	case ETHERTYPE_MPLS_MULTICAST:
		return capture__mpls_read;
	case ETHERTYPE_PPPOE:
		return capture__pppoe_read;
	case ETHERTYPE_PBB:
		return pbb_read;
	case ETHERTYPE_PPP:
		return capture__ppp_read;
	case ETHERTYPE_TRANSPARENT:
		return capture__ether_read;
	default:
		return NULL;
	}
}

static enum capture_outcome
other_type_read(struct capture_rd *rd, uint32_t type, struct capture_pkt *pkt,
		struct capture_decoder *d)
{
	capture__read_fn read = reader_of(type);

	if (read)
		return capture__tunnel_enter(d) ? read(rd, pkt, d)
						: CAPTURE_too_deep;
	if (type <= ETHERTYPE_LENGTH_MAX) {
		type = snap_read(rd);
		if (type == ETHERTYPE_IP4)
			return capture__ip4_read(rd, pkt, d);
		if (type == ETHERTYPE_IP6)
			return capture__ip6_read(rd, pkt, d);
	}
	return rd->failed ? CAPTURE_cut : CAPTURE_other_network;
}

/*
 * Any number of tags. Of 802.1Q each is 16 bits of priority and VLAN and the
 * type of what follows; a VN tag has 32 bits in front of that.
 */
enum capture_outcome
capture__ethertype_read(struct capture_rd *rd, uint32_t type,
			struct capture_pkt *pkt, struct capture_decoder *d)
{
	while (is_tag(type)) {
		capture_rd_take(rd, type == ETHERTYPE_VNTAG ? 4 : 2);
		type = capture_rd_u16(rd);
	}
	if (rd->failed)
		return CAPTURE_cut;
	if (type == ETHERTYPE_IP4)
		return capture__ip4_read(rd, pkt, d);
	if (type == ETHERTYPE_IP6)
		return capture__ip6_read(rd, pkt, d);
	return other_type_read(rd, type, pkt, d);
}

CAPTURE_READER(capture__ether_read)
{
	struct capture_rd hdr = capture_rd_split(rd, 14);

	capture_rd_take(&hdr, 12); /* destination, source */
	return capture__ethertype_read(rd, capture_rd_u16(&hdr), pkt, d);
}

/* LINKTYPE_LINUX_SLL: direction, ARPHRD, address length (2 each), address
 * (8), then an Ethernet type. */
CAPTURE_READER(capture__cooked1_read)
{
	struct capture_rd hdr = capture_rd_split(rd, 16);

	capture_rd_take(&hdr, 14);
	return capture__ethertype_read(rd, capture_rd_u16(&hdr), pkt, d);
}

/* LINKTYPE_LINUX_SLL2: the Ethernet type, then 18 bytes of interface,
 * direction and address. */
CAPTURE_READER(capture__cooked2_read)
{
	struct capture_rd hdr = capture_rd_split(rd, 20);

	return capture__ethertype_read(rd, capture_rd_u16(&hdr), pkt, d);
}

/* The address family is in the byte order, and for IPv6 in the numbering, of
 * the machine that captured. The IP header says the same more plainly. */
CAPTURE_READER(capture__loopback_read)
{
	capture_rd_take(rd, 4);
	return capture__ip_read(rd, pkt, d);
}

/*
 * LINKTYPE_ERF, of capture cards (Endace, "ERF types reference guide"):
 *
 * | time stamp, 8 | type | flags | record length | loss or colour | wire length
 * |
 *
 * Bit 7 of the type says that headers of 8 bytes follow, and bit 7 of the
 * first byte of each that one more does. Ethernet has 2 bytes of offset and
 * padding in front of the frame.
 */
CAPTURE_READER(capture__erf_read)
{
	enum {
		ERF_ETHERNET = 2,
		ERF_ETHERNET_COLOUR = 11,
		ERF_ETHERNET_STREAM = 16,
		ERF_ETHERNET_COLOUR_HASH = 20,
		ERF_IP4 = 22,
		ERF_IP6 = 23,
		ERF_MORE = 0x80
	};
	struct capture_rd hdr = capture_rd_split(rd, 16);
	uint32_t type, more;

	capture_rd_take(&hdr, 8);
	type = more = capture_rd_u8(&hdr);
	while (more & ERF_MORE) {
		more = capture_rd_u8(rd);
		capture_rd_take(rd, 7);
	}
	switch (type & ~(uint32_t)ERF_MORE) {
	case ERF_ETHERNET:
	case ERF_ETHERNET_COLOUR:
	case ERF_ETHERNET_STREAM:
	case ERF_ETHERNET_COLOUR_HASH:
		capture_rd_take(rd, 2);
		return capture__ether_read(rd, pkt, d);
	case ERF_IP4:
		return capture__ip4_read(rd, pkt, d);
	case ERF_IP6:
		return capture__ip6_read(rd, pkt, d);
	default:
		return rd->failed ? CAPTURE_cut : CAPTURE_other_link;
	}
}

/* Cisco HDLC: address, 0, Ethernet type. */
CAPTURE_READER(capture__chdlc_read)
{
	struct capture_rd hdr = capture_rd_split(rd, 4);

	capture_rd_take(&hdr, 2);
	return capture__ethertype_read(rd, capture_rd_u16(&hdr), pkt, d);
}

/*
 * PPP (RFC 1661, RFC 1662): the address ff and control 03 may be left out, and
 * so may the high byte of the protocol, which is even where it is there.
 */
CAPTURE_READER(capture__ppp_read)
{
	struct capture_rd ahead = *rd;
	uint32_t protocol;

	if (capture_rd_left(rd) < 2)
		return CAPTURE_cut;
	if (capture_rd_u16(&ahead) == 0xff03)
		*rd = ahead;
	protocol = capture_rd_u8(rd);
	if (!(protocol & 1))
		protocol = protocol << 8 | capture_rd_u8(rd);
	if (rd->failed)
		return CAPTURE_cut;
	switch (protocol) {
	case PPP_IP4:
		return capture__ip4_read(rd, pkt, d);
	case PPP_IP6:
		return capture__ip6_read(rd, pkt, d);
	case PPP_MPLS:
		return capture__mpls_read(rd, pkt, d);
	default:
		return CAPTURE_other_network;
	}
}

/*
 * PPPoE, session stage (RFC 2516):
 *
 * | version 1, type 1 | code 0 | session | length | PPP without ff 03
 */
CAPTURE_READER(capture__pppoe_read)
{
	struct capture_rd hdr = capture_rd_split(rd, 6);
	uint32_t version_code = capture_rd_u16(&hdr);

	if (hdr.failed)
		return CAPTURE_cut;
	if (version_code != 0x1100)
		return CAPTURE_malformed;
	capture_rd_take(&hdr, 2);
	capture_rd_limit(rd, capture_rd_u16(&hdr));
	return capture__ppp_read(rd, pkt, d);
}

/* LINKTYPE_PPP_HDLC is either, as the address says: ff, or 0f to one and 8f to
 * all. */
CAPTURE_READER(capture__ppp_hdlc_read)
{
	struct capture_rd ahead = *rd;

	return (capture_rd_u8(&ahead) & 0x7f) == 0x0f
		   ? capture__chdlc_read(rd, pkt, d)
		   : capture__ppp_read(rd, pkt, d);
}

/* Would an Ethernet frame, so many bytes on, be one that is understood? */
static bool
ether_follows(struct capture_rd rd, uint32_t skip_bytes)
{
	uint32_t type;

	capture_rd_take(&rd, skip_bytes + 12);
	type = capture_rd_u16(&rd);
	if (!rd.failed && type <= ETHERTYPE_LENGTH_MAX)
		type = snap_read(&rd);
	return !rd.failed && (type == ETHERTYPE_IP4 || type == ETHERTYPE_IP6 ||
			      is_tag(type) || reader_of(type));
}

/*
 * A stack of labels (RFC 3032), the last with bit S:
 *
 * | label, 20 bits | class, 3 | S | TTL, 8 |
 *
 * Nothing says what is under it. The first 4 bits do: 4 and 6 are IP, 0 is the
 * control word of a pseudo-wire (RFC 4385), which is there so that an Ethernet
 * frame is not taken for IP. Some leave the word out; then the Ethernet type
 * tells. Where the address of a device begins with a 4 or 6 it could be both.
 */
CAPTURE_READER(capture__mpls_read)
{
	struct capture_rd ahead;
	uint32_t label, first;
	bool ether;

	do
		label = capture_rd_u32(rd);
	while (!rd->failed && !(label & 0x100));
	ahead = *rd;
	first = capture_rd_u8(&ahead) >> 4;
	if (ahead.failed)
		return CAPTURE_cut;
	ether = ether_follows(*rd, 0);
	if ((first == 4 || first == 6) && (!ether || capture__ip_fits(*rd)))
		return capture__ip_read(rd, pkt, d);
	if (first == 0 && ether_follows(*rd, 4))
		capture_rd_take(rd, 4);
	else if (!ether)
		return CAPTURE_other_network;
	return capture__ether_read(rd, pkt, d);
}
