/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames for tests, byte by byte. */
#include "cmd/testing/frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

void
put(struct built *b, const void *bytes, uint32_t n)
{
	assert_true(b->n + n <= sizeof b->bytes);
	memcpy(b->bytes + b->n, bytes, n);
	b->n += n;
}

void
put_u8(struct built *b, uint32_t v)
{
	put(b, &(uint8_t){ (uint8_t)v }, 1);
}

void
put_u16(struct built *b, uint32_t v)
{
	put_u8(b, v >> 8);
	put_u8(b, v & 0xff);
}

void
put_u32(struct built *b, uint32_t v)
{
	put_u16(b, v >> 16);
	put_u16(b, v & 0xffff);
}

void
put_fill(struct built *b, uint32_t n, uint8_t value)
{
	while (n--)
		put_u8(b, value);
}

void
put_ether(struct built *b, uint32_t type)
{
	if (b->n == 0)
		b->link_type = FRAMES_ETHERNET;
	put_fill(b, 6, 0xd0);
	put_fill(b, 6, 0x50);
	put_u16(b, type);
}

void
put_tag(struct built *b, uint32_t type)
{
	put_u16(b, 0x6064); /* priority 3, VLAN 100 */
	put_u16(b, type);
}

void
put_ip4(struct built *b, uint32_t options, uint32_t total_bytes,
	uint32_t fragment, uint32_t protocol)
{
	put_u8(b, 0x40 | (5 + options / 4));
	put_u8(b, 0xb8);
	put_u16(b, total_bytes);
	put_u16(b, 0x1234);
	put_u16(b, fragment);
	put_u8(b, 64);
	put_u8(b, protocol);
	put_u16(b, 0xffff);
	put(b, "\xc0\x00\x02\x01\xc6\x33\x64\x02", 8);
	put_fill(b, options, 1);
}

void
put_ip6(struct built *b, uint32_t payload_bytes, uint32_t next)
{
	static const uint8_t prefix[15] = { 0x20, 0x01, 0x0d, 0xb8 };

	put(b, "\x60\x01\x23\x45", 4);
	put_u16(b, payload_bytes);
	put_u8(b, next);
	put_u8(b, 64);
	put(b, prefix, 15);
	put_u8(b, 1);
	put(b, prefix, 15);
	put_u8(b, 2);
}

void
put_udp(struct built *b, uint32_t length)
{
	put_u16(b, 5060);
	put_u16(b, 40000);
	put_u16(b, length);
	put_u16(b, 0xabcd);
}

void
put_datagram(struct built *b)
{
	put_udp(b, 8 + FRAMES_PAYLOAD_BYTES);
	put(b, FRAMES_PAYLOAD, FRAMES_PAYLOAD_BYTES);
}

void
put_ip4_datagram(struct built *b)
{
	put_ip4(b, 0, 28 + FRAMES_PAYLOAD_BYTES, 0, 17);
	put_datagram(b);
}

void
put_ip6_datagram(struct built *b)
{
	put_ip6(b, 8 + FRAMES_PAYLOAD_BYTES, 17);
	put_datagram(b);
}
