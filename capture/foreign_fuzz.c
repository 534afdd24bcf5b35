/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a datagram and as the beginning of a TCP connection, from and
 * to any port: which, the first four bytes say. What is found is of a kind that
 * goes by that transport, and the same in the other direction.
 */
#include "capture/foreign.h"

#include <assert.h>
#include <stdlib.h>

#include "capture/rd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const unsigned of_udp = 1u << CAPTURE_FOREIGN_dtls_srtp |
			       1u << CAPTURE_FOREIGN_h323 |
			       1u << CAPTURE_FOREIGN_mgcp;
static const unsigned of_tcp =
    1u << CAPTURE_FOREIGN_sip_tls | 1u << CAPTURE_FOREIGN_sccp |
    1u << CAPTURE_FOREIGN_h323 | 1u << CAPTURE_FOREIGN_ws_deflate;

static void
check(int kind, int back, unsigned wanted, const struct capture_pkt *pkt)
{
	const struct capture_endpoint *host, *same;

	assert(kind >= -1 && kind < CAPTURE_FOREIGN_COUNT);
	assert(kind == back);
	if (kind < 0)
		return;
	assert(wanted & 1u << kind);
	assert(*capture_foreign_name((enum capture_foreign)kind));
	assert(*capture_foreign_text((enum capture_foreign)kind));
	host = capture_foreign_host((enum capture_foreign)kind, &pkt->src,
				    &pkt->dst);
	same = capture_foreign_host((enum capture_foreign)kind, &pkt->src,
				    &pkt->dst);
	assert(host == same && (host == &pkt->src || host == &pkt->dst));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct capture_rd rd = capture_rd_init(data, n);
	struct capture_pkt pkt = { .src.port = capture_rd_u16(&rd),
				   .dst.port = capture_rd_u16(&rd) },
			   back = pkt;
	size_t left = capture_rd_left(&rd);
	uint8_t *copy;

	if (rd.failed)
		return 0;
	copy = malloc(left);
	if (left)
		memcpy(copy, rd.p, left);
	pkt.payload = back.payload = copy;
	pkt.payload_bytes = back.payload_bytes = (uint32_t)left;
	back.src = pkt.dst;
	back.dst = pkt.src;
	check(capture_foreign_udp(&pkt), capture_foreign_udp(&back), of_udp,
	      &pkt);
	check(capture_foreign_tcp(copy, left, pkt.src.port, pkt.dst.port),
	      capture_foreign_tcp(copy, left, pkt.dst.port, pkt.src.port),
	      of_tcp, &pkt);
	free(copy);
	return 0;
}
