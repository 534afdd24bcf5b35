/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Quality reports that telephones send in PUBLISH or NOTIFY when a call is over,
 * or now and then (RFC 6035, application/vq-rtcpxr). Read is what the sender
 * says of what it has heard, and of which media; numbers and names of those who
 * talk are passed over.
 *
 * Pure: any thread, no allocation.
 */
#ifndef SIP_REPORT_H
#define SIP_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/pkt.h"

#define SIP_REPORT_CALL_ID_BYTES 256

/** Zero: not said. */
struct sip_report {
	char call_id[SIP_REPORT_CALL_ID_BYTES]; /**< of the call, not cut */
	struct capture_endpoint local, remote; /**< of its media */
	uint32_t remote_ssrc;    /**< of what it heard */
	uint32_t loss, discard;  /**< hundredths of a percent */
	uint32_t round_trip_ms;
	uint32_t r;              /**< of conversation, or else of listening */
	uint32_t mos_lq, mos_cq; /**< hundredths */
};

/**
 * Read a SIP message.
 *
 * @return true: it is such a report, and says which call and which media
 * @cost of other messages a look at the first word
 */
bool sip_report_read(struct sip_report *report, const uint8_t *message,
		     size_t n) __attribute__((warn_unused_result));

#endif
