/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of rewrap share. A capture is a list of Ethernet frames in
 * memory; each pass turns the list into another. See rewrap.c for their order.
 *
 * Functions that fail leave a text in traffic->error.
 */
#ifndef CMD_TESTING_REWRAP_H
#define CMD_TESTING_REWRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cmd/testing/wrap.h"

#define REWRAP_ERROR_BYTES 160
#define REWRAP_WRAPS_MAX   16
#define REWRAP_US_NS       INT64_C(1000)
#define REWRAP_MS_NS       INT64_C(1000000)

/**
 * A frame. What is inside is always at its end, so places are told by how far
 * from the end they are: wrapping does not change that.
 */
struct rewrap_frame {
	int64_t time_ns;
	uint64_t order; /**< among those of the same time */
	uint8_t *bytes; /**< owned */
	uint32_t n;
	uint32_t ip_tail;     /**< of the outermost IP header; 0: there is
				   none at once behind tags and labels */
	uint32_t length_tail; /**< of a length field of 16 bits in front of
				   that, of SNAP or PPPoE; 0: none */
};

struct rewrap_traffic {
	struct rewrap_frame *frames;
	size_t count, room;
	uint64_t random;      /**< state */
	uint32_t fragment_id; /**< counts */
	char error[REWRAP_ERROR_BYTES];
};

/** How the fragments of a packet come. */
enum rewrap_fragments {
	REWRAP_IN_ORDER,
	REWRAP_REVERSE,
	REWRAP_SHUFFLED,
	REWRAP_DOUBLED,
	REWRAP_OVERLAP
};

enum rewrap_link {
	REWRAP_ETHER,
	REWRAP_NULL,
	REWRAP_LOOP,
	REWRAP_RAW,
	REWRAP_SLL,
	REWRAP_SLL2,
	REWRAP_ERF,
	REWRAP_ERF_EXTENDED,
	REWRAP_PPP,
	REWRAP_CHDLC
};

/** How the segments of TCP come. */
enum rewrap_tcp_order {
	REWRAP_TCP_IN_ORDER,
	REWRAP_TCP_SHUFFLED,
	REWRAP_TCP_DOUBLED,
	REWRAP_TCP_LOST
};

struct rewrap_tcp_options {
	uint64_t min, max; /**< bytes of a segment; max 0: no TCP */
	bool websocket;
	bool no_syn;
	bool keepalive;
	bool no_length;
	enum rewrap_tcp_order order;
	uint64_t lost; /**< which data segment, from 1; with LOST */
};

/** A whole UDP datagram in a frame; pointers into the frame. */
struct rewrap_datagram {
	bool v6;
	const uint8_t *from, *to; /**< addresses, 4 or 16 bytes */
	uint32_t from_port, to_port;
	const uint8_t *payload;
	uint32_t payload_bytes;
};

/** What grows. */
struct rewrap_buffer {
	uint8_t *bytes;
	size_t n, room;
};

static inline uint32_t
rewrap_get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/** @return what is behind it */
static inline uint8_t *
rewrap_put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
	return p + 2;
}

static inline uint8_t *
rewrap_put32(uint8_t *p, uint32_t value)
{
	return rewrap_put16(rewrap_put16(p, value >> 16), value);
}

/* ---- rewrap_traffic.c ---------------------------------------------------- */

/** @return a random number below `below` (> 0) */
uint64_t rewrap_random(struct rewrap_traffic *traffic, uint64_t below);

/** Say what went wrong. @return error, as given */
int rewrap_fail(struct rewrap_traffic *traffic, int error, const char *format,
		...) __attribute__((format(printf, 3, 4)));

/**
 * Add a frame at the end.
 *
 * @param frame its order is set here
 * @ownership its bytes are taken, also where that fails
 * @return 0, -ENOMEM
 */
int rewrap_add(struct rewrap_traffic *traffic, struct rewrap_frame frame)
    __attribute__((warn_unused_result));

/** As rewrap_add, of a copy. */
int rewrap_add_copy(struct rewrap_traffic *traffic,
		    const struct rewrap_frame *frame)
    __attribute__((warn_unused_result));

/**
 * Take all frames out, so that a pass can put in others.
 *
 * @ownership the caller frees each frame's bytes that it does not put back,
 *            and the array
 */
struct rewrap_frame *rewrap_take(struct rewrap_traffic *traffic, size_t *count);

/** Free frames that were taken, but for those whose bytes are NULL. */
void rewrap_frames_free(struct rewrap_frame *frames, size_t count);

/** Sort by time; what has the same stays in the order in which it came. */
void rewrap_sort(struct rewrap_traffic *traffic);

/**
 * Read a capture file of Ethernet frames, sorted by time.
 *
 * @return 0; -EINVAL: another link type, or frames that are cut; else as
 *         capture_file_open and capture_source_dispatch
 */
int rewrap_read(struct rewrap_traffic *traffic, const char *path)
    __attribute__((warn_unused_result));

void rewrap_fini(struct rewrap_traffic *traffic);

/* ---- rewrap_ip.c --------------------------------------------------------- */

/** One's complement sum (RFC 1071), not folded. */
uint32_t rewrap_sum(uint32_t start, const uint8_t *bytes, size_t n);
/** Fold it and turn it round: a checksum. */
uint32_t rewrap_fold(uint32_t sum);
/** Write the checksum of an IPv4 header. */
void rewrap_ip4_sum(uint8_t *ip);

/** Find the IP header of a frame as captured: behind tags, or none. */
void rewrap_ip_find(struct rewrap_frame *frame);

/** @return bytes of the IP packet as its header says, 0: no IP, or not whole */
uint32_t rewrap_ip_bytes(const struct rewrap_frame *frame);

/** @return false: no UDP, or no whole datagram */
bool rewrap_datagram_peek(const struct rewrap_frame *frame,
			  struct rewrap_datagram *datagram);

/**
 * Cut IP packets that are longer than mtu into fragments.
 *
 * @param mtu [bytes of IP] at least 68
 * @return 0; -EINVAL: what is too long cannot be cut; -ENOMEM
 */
int rewrap_fragment(struct rewrap_traffic *traffic, uint32_t mtu,
		    enum rewrap_fragments how)
    __attribute__((warn_unused_result));

/* ---- rewrap_wrap.c ------------------------------------------------------- */

/** A wrapping by the name that users know. @return it, or -1 */
int rewrap_wrap_find(const char *name, size_t n);
/** Print all names, to be read by users. */
void rewrap_wraps_tell(FILE *to);

/**
 * Wrap every frame. What carries packets only is given others in GRE.
 *
 * @param wraps [count] outermost first
 * @return 0; -EINVAL: a frame that cannot be wrapped; -ENOMEM
 */
int rewrap_wrap(struct rewrap_traffic *traffic, const enum wrap *wraps,
		size_t count) __attribute__((warn_unused_result));

/* ---- rewrap_link.c ------------------------------------------------------- */

/** @return a link type by its name, or -1 */
int rewrap_link_find(const char *name);

/**
 * Write a capture file with nanoseconds, of frames as this link type has them.
 *
 * @return 0; -EINVAL: a frame that the link type cannot carry; -ENOMEM, or what
 *         the system said
 */
int rewrap_write(struct rewrap_traffic *traffic, enum rewrap_link link,
		 FILE *to) __attribute__((warn_unused_result));

/* ---- rewrap_tcp.c -------------------------------------------------------- */

/**
 * Turn SIP datagrams into TCP connections.
 *
 * @return 0, -ENOMEM
 */
int rewrap_tcp(struct rewrap_traffic *traffic,
	       const struct rewrap_tcp_options *options)
    __attribute__((warn_unused_result));

/* ---- rewrap_message.c ---------------------------------------------------- */

/** @return 0, -ENOMEM */
int rewrap_append(struct rewrap_buffer *buffer, const void *bytes, size_t n)
    __attribute__((warn_unused_result));

/** Does it begin like SIP? The first line says so. */
bool rewrap_is_sip(const uint8_t *payload, size_t n);

/** Drop Content-Length lines. @return bytes left */
size_t rewrap_length_drop(uint8_t *message, size_t n);

/** The upgrade of a connection to WebSocket, with RFC 6455's sample key. */
extern const char rewrap_ws_request[], rewrap_ws_response[];

/** Of RFC 6455 section 5.2. */
enum {
	REWRAP_WS_CONTINUATION = 0x0,
	REWRAP_WS_TEXT = 0x1,
	REWRAP_WS_PING = 0x9,
	REWRAP_WS_PONG = 0xa,
	REWRAP_WS_FIN = 0x80
};

/**
 * Append a WebSocket frame.
 *
 * @param first its first byte, as above
 * @param mask NULL: none, as servers send it; else [4]
 * @return 0, -ENOMEM
 */
int rewrap_ws_append(struct rewrap_buffer *buffer, uint32_t first,
		     const uint8_t *mask, const uint8_t *payload, size_t n)
    __attribute__((warn_unused_result));

/* ---- rewrap_mirror.c ----------------------------------------------------- */

/**
 * Each frame twice, as by a mirror of both ports of a router.
 *
 * @param vlan the second one in another VLAN
 * @return 0, -ENOMEM
 */
int rewrap_double(struct rewrap_traffic *traffic, bool vlan)
    __attribute__((warn_unused_result));

/** Move each frame by 0 to max_ns. */
void rewrap_reorder(struct rewrap_traffic *traffic, int64_t max_ns);

#endif
