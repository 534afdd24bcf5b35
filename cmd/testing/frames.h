/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames put together byte by byte, for tests of the decoders. The datagram in
 * them is always the same: FRAMES_PAYLOAD from port 5060 to port 40000, from
 * 192.0.2.1 to 198.51.100.2 or from 2001:db8::1 to 2001:db8::2.
 */
#ifndef CMD_TESTING_FRAMES_H
#define CMD_TESTING_FRAMES_H

#include <stdint.h>

#define FRAMES_PAYLOAD "RTP or SIP"
enum { FRAMES_PAYLOAD_BYTES = sizeof FRAMES_PAYLOAD - 1 };

enum {
	FRAMES_ETHERNET = 1,
	FRAMES_PPP = 9,
	FRAMES_PPP_HDLC = 50,
	FRAMES_RAW = 101,
	FRAMES_C_HDLC = 104,
	FRAMES_LOOP = 108,
	FRAMES_SLL = 113,
	FRAMES_ERF = 197,
	FRAMES_IP4 = 228,
	FRAMES_IP6 = 229,
	FRAMES_SLL2 = 276
};

struct built {
	uint8_t bytes[2048];
	uint32_t n;
	int link_type;
};

void put(struct built *b, const void *bytes, uint32_t n);
void put_u8(struct built *b, uint32_t v);
void put_u16(struct built *b, uint32_t v);
void put_u32(struct built *b, uint32_t v);
void put_fill(struct built *b, uint32_t n, uint8_t value);
void put_ether(struct built *b, uint32_t type);
/** Priority 3, VLAN 100, and the type of what follows. */
void put_tag(struct built *b, uint32_t type);
/** @param total_bytes as told, true or not
 * @param fragment flags and offset, as in the header */
void put_ip4(struct built *b, uint32_t options, uint32_t total_bytes,
	     uint32_t fragment, uint32_t protocol);
void put_ip6(struct built *b, uint32_t payload_bytes, uint32_t next);
void put_udp(struct built *b, uint32_t length);
/** Header with a true length, and payload. */
void put_datagram(struct built *b);
void put_ip4_datagram(struct built *b);
void put_ip6_datagram(struct built *b);

#endif
