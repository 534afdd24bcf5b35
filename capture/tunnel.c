/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What has another packet inside. Over IP: GRE and what a remote mirror puts
 * into it. Over UDP: overlays, mobile networks, remote mirrors. A tunnel over
 * UDP is believed if port and header both say so, for any port may carry
 * media.
 */
#include "capture/decode_priv.h"

/* ---- GRE ----------------------------------------------------------------- */

enum {
	GRE_CHECKSUM = 0x8000,
	GRE_ROUTING = 0x4000,
	GRE_KEY = 0x2000,
	GRE_SEQUENCE = 0x1000,
	GRE_ACKNOWLEDGED = 0x0080,
	GRE_VERSION = 0x0007,

	GRE_ERSPAN3 = 0x22eb,
	GRE_ERSPAN = 0x88be
};

/*
 * The optional fields of GRE (RFC 2784, RFC 2890) and of the version 1 of PPTP
 * (RFC 2637): checksum and offset, key, sequence, acknowledgment, 4 bytes
 * each; between them, in RFC 1701, routes until one is empty.
 */
static void
gre_options_read(struct capture_rd *rd, uint32_t flags)
{
	static const uint16_t before[] = { GRE_KEY, GRE_SEQUENCE,
					   GRE_ACKNOWLEDGED };
	uint32_t length = 1;
	size_t i;

	if (flags & (GRE_CHECKSUM | GRE_ROUTING))
		capture_rd_take(rd, 4);
	for (i = 0; i < sizeof(before) / sizeof(*before); i++)
		if (flags & before[i])
			capture_rd_take(rd, 4);
	while ((flags & GRE_ROUTING) && length && !rd->failed) {
		capture_rd_take(rd, 3); /* address family, offset */
		length = capture_rd_u8(rd);
		capture_rd_take(rd, length);
	}
}

/*
 * ERSPAN (draft-foschiano-erspan). Type I has no header and no sequence in
 * GRE; type II has 8 bytes:
 *
 * | version 1, 4 bits | VLAN, 12 | class, 3 | .. | session, 10 | index, 32 |
 */
static enum capture_outcome
erspan_read(struct capture_rd *rd, uint32_t flags, struct capture_pkt *pkt,
	    struct capture_decoder *d)
{
	if (flags & GRE_SEQUENCE)
		capture_rd_take(rd, 8);
	return capture__ether_read(rd, pkt, d);
}

/*
 * Type III has 12 bytes, and with bit O 8 more:
 *
 * | as type II, 32 bits | time stamp, 32 | SGT, 16 | P | frame type, 5 | .. | O
 * |
 */
static enum capture_outcome
erspan3_read(struct capture_rd *rd, struct capture_pkt *pkt,
	     struct capture_decoder *d)
{
	enum { FRAME_ETHERNET = 0, FRAME_IP = 2 };
	struct capture_rd hdr = capture_rd_split(rd, 12);
	uint32_t bits, frame;

	capture_rd_take(&hdr, 10);
	bits = capture_rd_u16(&hdr);
	frame = bits >> 10 & 0x1f;
	if (bits & 1)
		capture_rd_take(rd, 8);
	if (rd->failed)
		return CAPTURE_cut;
	if (frame == FRAME_ETHERNET)
		return capture__ether_read(rd, pkt, d);
	if (frame == FRAME_IP)
		return capture__ip_read(rd, pkt, d);
	return CAPTURE_other_network;
}

/* | flags and version, 16 bits | Ethernet type | options ... */
CAPTURE_READER(capture__gre_read)
{
	uint32_t flags = capture_rd_u16(rd);
	uint32_t type = capture_rd_u16(rd);

	if ((flags & GRE_VERSION) > 1)
		return CAPTURE_other_network;
	if ((flags & GRE_VERSION) == 0)
		flags &= ~(uint32_t)GRE_ACKNOWLEDGED;
	gre_options_read(rd, flags);
	if (rd->failed)
		return CAPTURE_cut;
	if (type == GRE_ERSPAN)
		return erspan_read(rd, flags, pkt, d);
	if (type == GRE_ERSPAN3)
		return erspan3_read(rd, pkt, d);
	/* PPTP tells what has come also where it has nothing to send. */
	if (capture_rd_left(rd) == 0)
		return CAPTURE_other_network;
	return capture__ethertype_read(rd, type, pkt, d);
}

/* RFC 3378: | version 3, 4 bits | 0, 12 bits | Ethernet frame */
CAPTURE_READER(capture__etherip_read)
{
	uint32_t version = capture_rd_u16(rd);

	if (rd->failed)
		return CAPTURE_cut;
	if (version != 0x3000)
		return CAPTURE_malformed;
	return capture__ether_read(rd, pkt, d);
}

/* ---- over UDP ------------------------------------------------------------ */

/*
 * Each of these steps over its header, if it is one.
 *
 * @return who reads what follows; NULL: it is none
 */
typedef capture__read_fn (*header_fn)(struct capture_rd *rd);

/*
 * VXLAN (RFC 7348), and with its group policy:
 *
 * | flags, of which I is set | group, 16 | VNI, 24 | 0 |
 */
static capture__read_fn
vxlan_header(struct capture_rd *rd)
{
	uint32_t flags = capture_rd_u8(rd);

	capture_rd_take(rd, 6);
	if ((flags & 0x77) != 0 || !(flags & 0x08) || capture_rd_u8(rd) != 0)
		return NULL;
	return capture__ether_read;
}

/* VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe): with P, the last of the 4 bytes that
 * begin it says what follows. */
static capture__read_fn
vxlan_gpe_header(struct capture_rd *rd)
{
	uint32_t flags = capture_rd_u32(rd);

	capture_rd_take(rd, 3);
	if ((flags & 0x08000000) == 0 || flags >> 30 != 0 ||
	    capture_rd_u8(rd) != 0)
		return NULL;
	if (!(flags & 0x04000000))
		return capture__ether_read;
	switch (flags & 0xff) {
	case 1:
		return capture__ip4_read;
	case 2:
		return capture__ip6_read;
	case 3:
		return capture__ether_read;
	default:
		return NULL;
	}
}

/*
 * GENEVE (RFC 8926):
 *
 * | version 0, 2 bits | options / 4, 6 | O C, 0 | type, 16 | VNI, 24 | 0 |
 */
static CAPTURE_READER(geneve_payload_read)
{
	/* The header was checked; the type lies before the options. */
	struct capture_rd hdr = capture_rd_split(rd, 8);
	uint32_t options = capture_rd_u8(&hdr) & 0x3f;
	uint32_t type;

	capture_rd_take(&hdr, 1);
	type = capture_rd_u16(&hdr);
	capture_rd_take(rd, options * 4);
	return capture__ethertype_read(rd, type, pkt, d);
}

static capture__read_fn
geneve_header(struct capture_rd *rd)
{
	struct capture_rd hdr = *rd;
	uint32_t first = capture_rd_u32(&hdr);

	capture_rd_take(&hdr, 3);
	if (first >> 30 != 0 || (first & 0x003f0000) != 0 ||
	    capture_rd_u8(&hdr) != 0 || hdr.failed)
		return NULL;
	return geneve_payload_read;
}

/*
 * GTP-U (3GPP TS 29.281): version 1, a G-PDU:
 *
 * | 001 1 0 E S N | 255 | length, 16 | tunnel, 32 |
 * | sequence, 16 | number, 8 | next header, 8 |     if any of E, S, N
 *
 * A next header is counted in units of 4 bytes, and ends with the type of the
 * one after it.
 */
static capture__read_fn
gtpu_header(struct capture_rd *rd)
{
	uint32_t flags = capture_rd_u8(rd);
	uint32_t next = 0, length;

	if (flags >> 4 != 3 || capture_rd_u8(rd) != 255)
		return NULL;
	capture_rd_take(rd, 6);
	if (flags & 7) {
		capture_rd_take(rd, 3);
		next = capture_rd_u8(rd);
	}
	while ((flags & 4) && next && !rd->failed) {
		length = capture_rd_u8(rd) * 4;
		if (length < 4)
			return NULL;
		capture_rd_take(rd, length - 2);
		next = capture_rd_u8(rd);
	}
	return capture__ip_read;
}

/*
 * TZSP, of access points and of MikroTik's "sniffer": | version 1 | type |
 * what follows, 16 bits |, then tags | type | length | ... until type 1.
 */
static capture__read_fn
tzsp_header(struct capture_rd *rd)
{
	enum { TAG_PADDING = 0, TAG_END = 1, ETHERNET = 1 };
	uint32_t version_type = capture_rd_u16(rd);
	uint32_t tag;

	if (version_type > 0x0101 || version_type < 0x0100 ||
	    capture_rd_u16(rd) != ETHERNET)
		return NULL;
	while ((tag = capture_rd_u8(rd)) != TAG_END && !rd->failed)
		if (tag != TAG_PADDING)
			capture_rd_take(rd, capture_rd_u8(rd));
	return capture__ether_read;
}

/*
 * L2TP version 2 (RFC 2661), a data message:
 *
 * | T L 0 0 S 0 O P, 0 | version 2 | [length] | tunnel | session |
 * | [Ns | Nr] | [offset | padding] | PPP
 */
static capture__read_fn
l2tp_header(struct capture_rd *rd)
{
	uint32_t flags = capture_rd_u16(rd);

	if ((flags & 0xb0ff) != 0x0002)
		return NULL;
	if (flags & 0x4000)
		capture_rd_take(rd, 2);
	capture_rd_take(rd, 4);
	if (flags & 0x0800)
		capture_rd_take(rd, 4);
	if (flags & 0x0200)
		capture_rd_take(rd, capture_rd_u16(rd));
	return capture__ppp_read;
}

static header_fn
header_of(const struct capture_pkt *pkt)
{
	enum {
		PORT_L2TP = 1701,
		PORT_GTPU = 2152,
		PORT_VXLAN = 4789,
		PORT_VXLAN_GPE = 4790,
		PORT_GENEVE = 6081,
		PORT_VXLAN_LINUX = 8472, /* before it had a number */
		PORT_TZSP = 37008
	};

	switch (pkt->dst.port) {
	case PORT_VXLAN:
	case PORT_VXLAN_LINUX:
		return vxlan_header;
	case PORT_VXLAN_GPE:
		return vxlan_gpe_header;
	case PORT_GENEVE:
		return geneve_header;
	case PORT_GTPU:
		return gtpu_header;
	case PORT_TZSP:
		return tzsp_header;
	case PORT_L2TP:
		return l2tp_header;
	default:
		/* The other end of this one may have any port. */
		return pkt->src.port == PORT_L2TP ? l2tp_header : NULL;
	}
}

/* ---- HEP ----------------------------------------------------------------- */

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static void
hep_address(struct capture_endpoint *ep, struct capture_rd *chunk)
{
	if (capture_rd_left(chunk) == 4) {
		memcpy(ep->addr, mapped, 12);
		memcpy(ep->addr + 12, capture_rd_take(chunk, 4), 4);
	} else if (capture_rd_left(chunk) == 16) {
		memcpy(ep->addr, capture_rd_take(chunk, 16), 16);
	}
}

/*
 * One chunk: | vendor, 16 | type, 16 | length with these 6 bytes, 16 | ...
 *
 * @return false: no further one can be read
 */
static bool
hep_chunk_read(struct capture_rd *rd, struct capture_pkt *pkt)
{
	enum {
		SOURCE_4 = 3,
		TARGET_4 = 4,
		SOURCE_6 = 5,
		TARGET_6 = 6,
		SOURCE_PORT = 7,
		TARGET_PORT = 8,
		PAYLOAD = 15
	};
	uint32_t vendor = capture_rd_u16(rd);
	uint32_t type = capture_rd_u16(rd);
	uint32_t bytes = capture_rd_u16(rd) - 6u;
	struct capture_rd chunk = *rd;

	if (rd->failed || bytes > 65535)
		return false;
	capture_rd_limit(&chunk, bytes);
	if (!capture_rd_take(rd, bytes))
		rd->p = rd->end;
	if (vendor != 0)
		return true;
	if (type == PAYLOAD) {
		pkt->payload = chunk.p;
		pkt->payload_bytes = (uint32_t)capture_rd_left(&chunk);
		pkt->missing_bytes = bytes - pkt->payload_bytes;
	} else if (type == SOURCE_4 || type == SOURCE_6) {
		hep_address(&pkt->src, &chunk);
	} else if (type == TARGET_4 || type == TARGET_6) {
		hep_address(&pkt->dst, &chunk);
	} else if (type == SOURCE_PORT) {
		pkt->src.port = capture_rd_u16(&chunk);
	} else if (type == TARGET_PORT) {
		pkt->dst.port = capture_rd_u16(&chunk);
	}
	return true;
}

/*
 * HEP version 3 ("The Homer Encapsulation Protocol"), by which proxies report
 * each message they handle: "HEP3", length, chunks. Its time stamp is not
 * used: messages are understood in the order in which they come.
 */
static enum capture_outcome
hep_read(struct capture_pkt *pkt, struct capture_decoder *d)
{
	struct capture_rd rd =
	    capture_rd_init(pkt->payload, pkt->payload_bytes);
	struct capture_pkt inner = { .time_ns = pkt->time_ns };

	capture_rd_take(&rd, 4);
	capture_rd_limit(&rd, capture_rd_u16(&rd) - 6u);
	while (capture_rd_left(&rd) > 0 && hep_chunk_read(&rd, &inner))
		;
	if (!inner.payload || !inner.src.port || !inner.dst.port)
		return CAPTURE_udp;
	d->tunnels++;
	*pkt = inner;
	return CAPTURE_udp;
}

/* ---- */

enum capture_outcome
capture__udp_tunnel_read(struct capture_pkt *pkt, struct capture_decoder *d)
{
	struct capture_rd rd =
	    capture_rd_init(pkt->payload, pkt->payload_bytes);
	header_fn header = header_of(pkt);
	capture__read_fn read;

	if (!header) {
		if (pkt->payload_bytes > 6 &&
		    memcmp(pkt->payload, "HEP3", 4) == 0)
			return hep_read(pkt, d);
		return CAPTURE_udp;
	}
	read = header(&rd);
	if (!read || rd.failed)
		return CAPTURE_udp;
	return capture__tunnel_enter(d) ? read(&rd, pkt, d) : CAPTURE_too_deep;
}
