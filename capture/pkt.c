/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text of endpoints, out and in. For people and for SDP, never for every
 * packet: that is why inet_ntop and snprintf are good enough.
 */
#include "capture/pkt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

/* RFC 4291 section 2.5.5.2: ::ffff:a.b.c.d */
static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

_Static_assert(CAPTURE_ADDRESS_TEXT_BYTES == INET6_ADDRSTRLEN,
	       "every address has room");

static bool
is_ip4(const uint8_t *addr)
{
	return memcmp(addr, mapped, sizeof mapped) == 0;
}

const char *
capture_address_text(const uint8_t *addr, char *text)
{
	/* Cannot fail: the families are known and the room is enough. */
	if (is_ip4(addr))
		inet_ntop(AF_INET, addr + 12, text, INET_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, addr, text, INET6_ADDRSTRLEN);
	return text;
}

const char *
capture_endpoint_text(const struct capture_endpoint *ep, char *text)
{
	char addr[CAPTURE_ADDRESS_TEXT_BYTES];

	capture_address_text(ep->addr, addr);
	snprintf(text, CAPTURE_ENDPOINT_TEXT_BYTES,
		 is_ip4(ep->addr) ? "%s:%u" : "[%s]:%u", addr, ep->port);
	return text;
}

int
capture_endpoint_parse(struct capture_endpoint *ep, const char *text,
		       size_t text_bytes, uint16_t port)
{
	struct capture_endpoint parsed = { .port = port };
	char addr[INET6_ADDRSTRLEN];

	if (text_bytes >= sizeof addr || memchr(text, '\0', text_bytes))
		return -EINVAL;
	memcpy(addr, text, text_bytes);
	addr[text_bytes] = '\0';
	if (inet_pton(AF_INET, addr, parsed.addr + 12) == 1)
		memcpy(parsed.addr, mapped, sizeof mapped);
	else if (inet_pton(AF_INET6, addr, parsed.addr) != 1)
		return -EINVAL;
	*ep = parsed;
	return 0;
}
