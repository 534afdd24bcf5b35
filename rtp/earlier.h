/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sound of packets before it that a packet brings along, so that it can take
 * their place if they are lost. Where those must not be heard, neither must it.
 * AMR that is sent twice (RFC 4867 section 3.7.1) bears the timestamp of the
 * oldest of its frames, and reaches as far into what comes.
 */
#ifndef RTP_EARLIER_H
#define RTP_EARLIER_H

#include <stdint.h>

#include "rtp/rtp.h"

/** More than any packet brings along: what is told of one that cannot be read. */
#define RTP_EARLIER_UNKNOWN UINT32_MAX

/**
 * How long before the timestamp of a packet its sound begins: the earliest block
 * of redundant audio (RFC 2198), and the packet before in lower quality inside
 * of Opus (in-band FEC, RFC 6716 section 2.1.7), inside of such blocks too.
 *
 * @return [units of the format's clock]; 0: it has no sound but its own;
 *         RTP_EARLIER_UNKNOWN: it says it has, and cannot be taken apart
 * @cost none but reading its head
 */
uint32_t rtp_earlier(const struct rtp_format *format, const uint8_t *payload,
		     uint32_t n);

/**
 * How long the sound of a packet lasts from its timestamp on, where it may be
 * that of the next one, too: AMR and AMR-WB.
 *
 * @return [units of the format's clock]; 0: of another codec, or no such payload
 * @cost none but reading its head
 */
uint32_t rtp_earlier_length(const struct rtp_format *format,
			    const uint8_t *payload, uint32_t n);

#endif
