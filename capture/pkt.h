/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A packet as the capture decoders leave it: addresses, ports and a slice of
 * the captured bytes. Nothing is copied; the slice lives as long as the frame
 * it was cut from.
 */
#ifndef CAPTURE_PKT_H
#define CAPTURE_PKT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Bytes of an address's text form, with its NUL: INET6_ADDRSTRLEN. */
#define CAPTURE_ADDRESS_TEXT_BYTES 46

/** Bytes of an endpoint's text form, with its NUL: "[v6]:65535". */
#define CAPTURE_ENDPOINT_TEXT_BYTES 56

/**
 * One end of a flow. IPv4 addresses are kept as IPv4-mapped IPv6 addresses
 * (RFC 4291 section 2.5.5.2), so that there is one kind of key everywhere.
 */
struct capture_endpoint {
	uint8_t addr[16]; /**< network order */
	uint16_t port;    /**< host order */
};

/** Flags of a TCP segment (RFC 9293 section 3.1). */
enum {
	CAPTURE_TCP_FIN = 0x01,
	CAPTURE_TCP_SYN = 0x02,
	CAPTURE_TCP_RST = 0x04,
	CAPTURE_TCP_ACK = 0x10
};

/** A UDP datagram or a TCP segment cut out of a frame. */
struct capture_pkt {
	int64_t time_ns;        /**< capture time, UTC, since 1970 */
	const uint8_t *payload; /**< borrowed from the frame */
	uint32_t payload_bytes; /**< of these, captured */
	uint32_t missing_bytes; /**< of the datagram, cut by the snap length */
	struct capture_endpoint src;
	struct capture_endpoint dst;
	struct {
		uint32_t sequence; /**< of the first byte, or of SYN or FIN */
		uint32_t acknowledged; /**< with ACK: all before it has come */
		uint8_t flags;
	} tcp; /**< of a segment only */
};

static inline bool
capture_endpoint_equal(const struct capture_endpoint *a,
		       const struct capture_endpoint *b)
{
	return a->port == b->port && memcmp(a->addr, b->addr, 16) == 0;
}

/**
 * Write an address as "192.0.2.1" or "2001:db8::1".
 *
 * @param addr [16] as in struct capture_endpoint
 * @param text [CAPTURE_ADDRESS_TEXT_BYTES]
 * @return text
 */
const char *capture_address_text(const uint8_t *addr, char *text);

/**
 * Write an endpoint as "192.0.2.1:5060" or "[2001:db8::1]:5060".
 *
 * @param text [CAPTURE_ENDPOINT_TEXT_BYTES]
 * @return text
 */
const char *capture_endpoint_text(const struct capture_endpoint *ep,
				  char *text);

/**
 * Read an address ("192.0.2.1", "2001:db8::1", no brackets, no port).
 *
 * @param text not NUL-terminated
 * @return 0, or -EINVAL if it is no address literal
 */
int capture_endpoint_parse(struct capture_endpoint *ep, const char *text,
			   size_t text_bytes, uint16_t port)
    __attribute__((warn_unused_result));

#endif
