/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What telephones say of the streams of one call, beside what was counted here:
 * a packet that we miss and the receiver has was lost by the mirror port, one
 * that it lacks too was lost by the network before both. Belongs to the writer
 * of the call.
 */
#ifndef CMD_SPANRECD_REPORTS_H
#define CMD_SPANRECD_REPORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/pkt.h"
#include "cmd/spanrecd/events.h"
#include "rtp/quality.h"
#include "rtp/rtcp.h"
#include "store/store.h"

/** Reporters, streams and segments of a call that are told apart. */
#define REPORTS_MAX 64
/** Senders whose clocks are remembered, for round trips, the latest. */
#define REPORTS_SENT_MAX 16

/** VoIP metrics, wherever they come from. 0: not said. */
struct reports_voip {
	uint32_t loss, discard; /**< hundredths of a percent */
	uint32_t round_trip_ms;
	uint32_t r;              /**< 1 to 100 */
	uint32_t mos_lq, mos_cq; /**< hundredths */
};

struct reports_entry;

/** All zero: none. */
struct reports {
	struct reports_entry *first; /**< the latest begun */
	uint32_t count;
	uint32_t sent_next;
	struct {
		uint32_t source, ntp;
		int64_t time_ns;
	} sent[REPORTS_SENT_MAX];
};

/** Who says it, and in which segment. */
struct reports_origin {
	uint64_t segment; /**< serial */
	bool from_start; /**< the segment is the first: what the receiver counts
			  * begins with it */
	enum sip_party end; /**< of the conversation */
	const struct capture_endpoint *src, *dst; /**< of its packet */
	int64_t time_ns;
};

/**
 * One report.
 *
 * @return 0; -ENOSPC: there are too many; -ENOMEM
 */
int reports_add(struct reports *reports, const struct reports_origin *origin,
		const struct rtp_rtcp_report *report)
	__attribute__((warn_unused_result));

/** The same of one that is not RTCP. @param source SSRC of the stream; 0: not
 * said */
int reports_add_voip(struct reports *reports,
		     const struct reports_origin *origin, uint32_t source,
		     const struct reports_voip *voip)
	__attribute__((warn_unused_result));

/** A stream that reports may be about. */
struct reports_stream {
	uint64_t segment;      /**< serial */
	enum sip_party sender; /**< the end of the conversation */
	uint32_t clock_hz;     /**< of its timestamps; 0: not known */
	const struct store_stream_info *info;
	const struct rtp_quality *quality; /**< what was counted here */
};

/** Into the row of the stream; of `row` its counts are filled. */
void reports_fill(const struct reports *reports,
		  const struct reports_stream *stream,
		  struct store_stream *row);

void reports_fini(struct reports *reports);

#endif
