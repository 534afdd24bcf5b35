/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Link layers: Ethernet, 802.1Q tags, the "cooked" headers that Linux makes
 * for its device "any", and the loopback header of the BSDs. All of them only
 * say which network layer follows.
 */
#include "capture/decode_priv.h"

enum {
	ETHERTYPE_IP4 = 0x0800,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IP6 = 0x86dd,
	ETHERTYPE_QINQ = 0x88a8,    /* 802.1ad, the outer of two tags */
	ETHERTYPE_QINQ_OLD = 0x9100 /* the same before it had a number */
};

static bool
is_tag(uint16_t type)
{
	return type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ ||
	       type == ETHERTYPE_QINQ_OLD;
}

/*
 * Any number of tags, each 16 bits of priority and VLAN and the type of what
 * follows. A length (802.3) in place of the type is below 0x600 and so is
 * neither IPv4 nor IPv6.
 */
static enum capture_outcome
network_read(struct capture_rd *rd, uint16_t type, struct capture_pkt *pkt)
{
	while (is_tag(type)) {
		capture_rd_take(rd, 2);
		type = capture_rd_u16(rd);
	}
	if (rd->failed)
		return CAPTURE_cut;
	if (type == ETHERTYPE_IP4)
		return capture__ip4_read(rd, pkt);
	if (type == ETHERTYPE_IP6)
		return capture__ip6_read(rd, pkt);
	return CAPTURE_other_network;
}

enum capture_outcome
capture__ether_read(struct capture_rd *rd, struct capture_pkt *pkt)
{
	struct capture_rd hdr = capture_rd_split(rd, 14);

	capture_rd_take(&hdr, 12); /* destination, source */
	return network_read(rd, capture_rd_u16(&hdr), pkt);
}

/* LINKTYPE_LINUX_SLL: direction, ARPHRD, address length (2 each), address
 * (8), then an Ethernet type. */
enum capture_outcome
capture__cooked1_read(struct capture_rd *rd, struct capture_pkt *pkt)
{
	struct capture_rd hdr = capture_rd_split(rd, 16);

	capture_rd_take(&hdr, 14);
	return network_read(rd, capture_rd_u16(&hdr), pkt);
}

/* LINKTYPE_LINUX_SLL2: the Ethernet type, then 18 bytes of interface,
 * direction and address. */
enum capture_outcome
capture__cooked2_read(struct capture_rd *rd, struct capture_pkt *pkt)
{
	struct capture_rd hdr = capture_rd_split(rd, 20);

	return network_read(rd, capture_rd_u16(&hdr), pkt);
}

/* The address family is in the byte order, and for IPv6 in the numbering, of
 * the machine that captured. The IP header says the same more plainly. */
enum capture_outcome
capture__loopback_read(struct capture_rd *rd, struct capture_pkt *pkt)
{
	capture_rd_take(rd, 4);
	return capture__ip_read(rd, pkt);
}
