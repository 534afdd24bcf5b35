/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RTCP: what telephones say of the streams that they send and hear. Read are
 * sender and receiver reports (RFC 3550 section 6.4) and the VoIP metrics of
 * extended reports (RFC 3611 section 4.7); the rest is stepped over.
 *
 * Pure: any thread, no allocation. Of SRTCP (RFC 3711 section 3.4) the lengths do
 * not add up, so that it is refused: see decrypt.h.
 */
#ifndef RTP_RTCP_H
#define RTP_RTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Reports that are taken out of one packet: 31 blocks, and some. */
#define RTP_RTCP_REPORTS_MAX 40

enum rtp_rtcp_kind {
	RTP_RTCP_SENT,  /**< a sender tells its clock */
	RTP_RTCP_HEARD, /**< a report block */
	RTP_RTCP_VOIP   /**< VoIP metrics */
};

/** What RFC 3611 has for "not available" in its ratings. */
#define RTP_RTCP_UNKNOWN 127

struct rtp_rtcp_report {
	enum rtp_rtcp_kind kind;
	uint32_t reporter; /**< SSRC of who says it */
	uint32_t source;   /**< SSRC of the stream that it is about */
	union {
		/** Middle 32 bits of its NTP time: what `last_sent` quotes. */
		uint32_t sent_ntp;
		struct {
			uint32_t fraction;  /**< lost of 256, since the last */
			int32_t lost;       /**< packets, since the beginning */
			uint32_t highest;   /**< sequence number, extended */
			uint32_t jitter;    /**< units of its timestamps */
			uint32_t last_sent; /**< sent_ntp heard last; 0: none */
			uint32_t delay;     /**< since then [1/65536 s] */
		} heard;
		struct {
			uint32_t loss, discard; /**< of 256 */
			uint32_t round_trip_ms; /**< 0: not known */
			uint8_t r;              /**< 0 to 100, or UNKNOWN */
			uint8_t mos_lq, mos_cq; /**< tenths, or UNKNOWN */
		} voip;
	};
};

/** May these bytes of a datagram be RTCP and no RTP (RFC 5761 section 4)? A
 * look at two of them, at packet rate. */
static inline bool
rtp_rtcp_may_be(const uint8_t *bytes, size_t n)
{
	return n >= 8 && bytes[0] >> 6 == 2 && bytes[1] >= 200 &&
	       bytes[1] <= 207;
}

/** What rtp_rtcp_read cannot read may be SRTCP (RFC 3711 section 3.4), of which
 * the first eight bytes are in clear, and index and tag lie behind. */
static inline bool
rtp_rtcp_may_be_secure(const uint8_t *bytes, size_t n)
{
	return n >= 8 + 14 && bytes[0] >> 6 == 2 &&
	       bytes[1] >= 200 && bytes[1] <= 204 &&
	       4 * ((size_t)(bytes[2] << 8 | bytes[3]) + 1) <= n - 14;
}

/**
 * Read one datagram: a compound packet, or one of reduced size (RFC 5506).
 *
 * @param reports [RTP_RTCP_REPORTS_MAX] in order; what does not fit is left out
 * @return how many there are, or -EBADMSG: not RTCP, cut, or encrypted
 */
int rtp_rtcp_read(struct rtp_rtcp_report *reports, const uint8_t *bytes,
		  size_t n) __attribute__((warn_unused_result));

#endif
