/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The layers among themselves. Each is given a reader that stands on its
 * header, hands the rest to the next layer, and returns what that returned.
 */
#ifndef CAPTURE_DECODE_PRIV_H
#define CAPTURE_DECODE_PRIV_H

#include "capture/decode.h"
#include "capture/rd.h"

/* ether.c: link layers */
enum capture_outcome capture__ether_read(struct capture_rd *rd,
					 struct capture_pkt *pkt);
enum capture_outcome capture__cooked1_read(struct capture_rd *rd,
					   struct capture_pkt *pkt);
enum capture_outcome capture__cooked2_read(struct capture_rd *rd,
					   struct capture_pkt *pkt);
enum capture_outcome capture__loopback_read(struct capture_rd *rd,
					    struct capture_pkt *pkt);

/* ip.c: the first takes either version, as the header itself says */
enum capture_outcome capture__ip_read(struct capture_rd *rd,
				      struct capture_pkt *pkt);
enum capture_outcome capture__ip4_read(struct capture_rd *rd,
				       struct capture_pkt *pkt);
enum capture_outcome capture__ip6_read(struct capture_rd *rd,
				       struct capture_pkt *pkt);

/**
 * udp.c
 *
 * @param ip_bytes what the IP header leaves for the datagram; the reader may
 *        have less (cut by the snap length), never more
 */
enum capture_outcome capture__udp_read(struct capture_rd *rd,
				       uint32_t ip_bytes,
				       struct capture_pkt *pkt);

#endif
