/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * UDP datagrams as frames of four link types, and the pcap format with
 * nanoseconds, written little-endian on every machine.
 */
#include <errno.h>
#include <string.h>

#include "cmd/mkpcap/mkpcap_priv.h"

#define LINKTYPE_ETHERNET   1
#define LINKTYPE_RAW        101
#define LINKTYPE_LINUX_SLL  113
#define LINKTYPE_LINUX_SLL2 276
#define ETHERTYPE_IPV4      0x0800
#define ETHERTYPE_VLAN      0x8100
#define ETHERTYPE_IPV6      0x86dd

static uint8_t *
put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
	return p + 2;
}

/* A locally administered address made from the last bytes of the IP one. */
static uint8_t *
put_mac(uint8_t *p, const struct mkpcap_host *host)
{
	p[0] = 2;
	p[1] = 0;
	memcpy(p + 2, host->addr + (host->v6 ? 12 : 0), 4);
	return p + 6;
}

static uint8_t *
put_link(uint8_t *p, const struct mkpcap_script *script,
	 const struct mkpcap_datagram *datagram)
{
	uint32_t type = datagram->from->v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;

	switch (script->link) {
	case MKPCAP_ETHERNET:
		p = put_mac(p, datagram->to);
		p = put_mac(p, datagram->from);
		for (uint32_t i = 0; i < script->vlans_count; i++) {
			p = put16(p, ETHERTYPE_VLAN);
			p = put16(p, script->vlans[i]);
		}
		return put16(p, type);
	case MKPCAP_SLL: /* packet type, ARPHRD_ETHER, address, protocol */
		p = put16(p, 0);
		p = put16(p, 1);
		p = put16(p, 6);
		p = put_mac(p, datagram->from);
		p = put16(p, 0);
		return put16(p, type);
	case MKPCAP_SLL2: /* protocol, 0, interface 2, ARPHRD, type, address */
		p = put16(p, type);
		p = put16(p, 0);
		p = put16(p, 0);
		p = put16(p, 2);
		p = put16(p, 1);
		*p++ = 0;
		*p++ = 6;
		p = put_mac(p, datagram->from);
		return put16(p, 0);
	case MKPCAP_RAW:
		break;
	}
	return p;
}

/* One's complement sum (RFC 1071), not folded. */
static uint32_t
sum(uint32_t start, const uint8_t *p, uint32_t n)
{
	for (; n > 1; p += 2, n -= 2)
		start += (uint32_t)p[0] << 8 | p[1];
	return n ? start + ((uint32_t)p[0] << 8) : start;
}

static uint32_t
fold(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return ~total & 0xffff;
}

static uint8_t *
put_ipv4(uint8_t *p, const struct mkpcap_datagram *datagram)
{
	uint8_t *begin = p;

	p = put16(p, 0x4500);
	p = put16(p, 28 + datagram->bytes);
	p = put16(p, 0);
	p = put16(p, 0x4000); /* do not fragment */
	*p++ = 64;
	*p++ = 17;
	p = put16(p, 0);
	memcpy(p, datagram->from->addr, 4);
	memcpy(p + 4, datagram->to->addr, 4);
	put16(begin + 10, fold(sum(0, begin, 20)));
	return p + 8;
}

static uint8_t *
put_ipv6(uint8_t *p, const struct mkpcap_datagram *datagram)
{
	p = put16(p, 0x6000);
	p = put16(p, 0);
	p = put16(p, 8 + datagram->bytes);
	*p++ = 17;
	*p++ = 64;
	memcpy(p, datagram->from->addr, 16);
	memcpy(p + 16, datagram->to->addr, 16);
	return p + 32;
}

uint32_t
mkpcap__frame(const struct mkpcap_script *script,
	      const struct mkpcap_datagram *datagram, uint8_t *frame)
{
	uint32_t addr_bytes = datagram->from->v6 ? 16 : 4;
	uint32_t udp_bytes = 8 + datagram->bytes;
	uint8_t *p = put_link(frame, script, datagram);
	uint8_t *udp;
	uint32_t check;

	p = datagram->from->v6 ? put_ipv6(p, datagram) : put_ipv4(p, datagram);
	udp = p;
	p = put16(p, datagram->from_port);
	p = put16(p, datagram->to_port);
	p = put16(p, udp_bytes);
	p = put16(p, 0);
	memcpy(p, datagram->payload, datagram->bytes);
	p += datagram->bytes;
	/* Pseudo header: addresses, protocol, length (RFC 768, RFC 8200). */
	check = sum(17 + udp_bytes, datagram->from->addr, addr_bytes);
	check = sum(check, datagram->to->addr, addr_bytes);
	check = fold(sum(check, udp, udp_bytes));
	put16(udp + 6, check ? check : 0xffff);
	return (uint32_t)(p - frame);
}

static uint8_t *
put32_little(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++, value >>= 8)
		*p++ = (uint8_t)value;
	return p;
}

int
mkpcap__pcap_header(enum mkpcap_link link, FILE *to)
{
	static const uint32_t types[] = {
		[MKPCAP_ETHERNET] = LINKTYPE_ETHERNET,
		[MKPCAP_SLL] = LINKTYPE_LINUX_SLL,
		[MKPCAP_SLL2] = LINKTYPE_LINUX_SLL2,
		[MKPCAP_RAW] = LINKTYPE_RAW,
	};
	uint8_t header[24], *p = header;

	p = put32_little(p, 0xa1b23c4d);  /* nanoseconds */
	p = put32_little(p, 2 | 4 << 16); /* version 2.4 */
	p = put32_little(p, 0);
	p = put32_little(p, 0);
	p = put32_little(p, 262144);
	put32_little(p, types[link]);
	return fwrite(header, sizeof(header), 1, to) == 1 ? 0 : -errno;
}

int
mkpcap__pcap_frame(int64_t time_ns, const uint8_t *frame, uint32_t bytes,
		   FILE *to)
{
	uint8_t header[16], *p = header;

	p = put32_little(p, (uint32_t)(time_ns / SECOND_NS));
	p = put32_little(p, (uint32_t)(time_ns % SECOND_NS));
	p = put32_little(p, bytes);
	put32_little(p, bytes);
	if (fwrite(header, sizeof(header), 1, to) != 1 ||
	    fwrite(frame, bytes, 1, to) != 1)
		return -errno;
	return 0;
}
