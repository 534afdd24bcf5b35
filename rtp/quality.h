/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How one RTP stream fared on its way to the tap: interarrival jitter (RFC 3550
 * section 6.4.1 and appendix A.8), bursts and gaps (RFC 3611 section 4.7.2),
 * reordering, the longest gap, how much was silence that nobody sent.
 *
 * It is told of frames and of losses in sequence order, as a jitter buffer gives
 * them, with the capture times. Jitter is measured in order of arrival all the
 * same: a packet that came up to 15 packets late finds its place.
 *
 * Silence suppression (DTX) is no loss: timestamps jump, sequence numbers do
 * not. Where timestamps and capture times part by half a second, the stream has
 * jumped, and no jitter or silence is made of it.
 *
 * One thread for each stream; no allocation.
 */
#ifndef RTP_QUALITY_H
#define RTP_QUALITY_H

#include <stdbool.h>
#include <stdint.h>

/** RFC 3611 section 4.7.2: so many packets in a row end a burst of losses. */
#define RTP_QUALITY_GMIN 16
/** Packets that wait for one that was sent before them. */
#define RTP_QUALITY_ORDER 16
/** Runs of lost packets that are remembered, the latest. */
#define RTP_QUALITY_RUNS 64

/** A frame, as far as it matters here. */
struct rtp_quality_frame {
	int64_t time_ns; /**< capture */
	uint32_t timestamp;
	uint32_t clock_hz; /**< of the timestamp; 0: not known, or the timestamp
			    * is not that of sound (RFC 4733 events) */
	uint16_t sequence;
};

/** In order of arrival, on its way to be measured. */
struct rtp_quality_waiting {
	int64_t time_ns;
	uint32_t timestamp, clock_hz;
	bool passed; /**< one of a higher number came before it */
};

/** A row of packets, so many of them lost. */
struct rtp_quality_row {
	uint64_t packets, lost;
};

/** Packets lost in a row: extended number of the first, how many. */
struct rtp_quality_run {
	uint32_t first, count;
};

/** All zero: nothing was seen. */
struct rtp_quality {
	bool begun;
	uint32_t next;  /**< sequence number, extended */
	uint64_t total; /**< numbers so far */
	struct rtp_quality_frame last; /**< in order of sequence */
	uint32_t since_last; /**< numbers that were left out after it */
	bool lost_since;     /**< ... and lost, at least one of them */
	/* order of arrival */
	uint32_t waiting_first, waiting_count;
	struct rtp_quality_waiting waiting[RTP_QUALITY_ORDER];
	int64_t base_ns;
	uint32_t clock_hz; /**< of what follows */
	bool moving;       /**< `transit` is that of the packet before */
	uint32_t transit;
	uint64_t jitter, jitter_max, jitter_sum; /**< 1/16 of a unit */
	uint64_t jittered; /**< packets in that sum */
	/* order of sequence, in units of the timestamp */
	uint32_t ptime, ptime_votes;
	uint32_t ptime_seen; /**< packets as long as that, since it is that */
	uint64_t span, silence;
	/* of clocks before */
	double past_jitter_sum_us, past_jitter_max_us, past_span_ms,
		past_silence_ms, past_ptime_us;
	uint64_t measured, reordered, lost, runs;
	int64_t longest_ns;
	/* bursts and gaps */
	uint64_t good;               /**< in a row, since the last loss */
	struct rtp_quality_row dense; /**< from a loss to the last one */
	struct rtp_quality_row burst, gap; /**< sums */
	uint64_t bursts, gaps, gap_run;
	struct rtp_quality_run run[RTP_QUALITY_RUNS];
};

/** What comes of it. */
struct rtp_figures {
	uint64_t measured;  /**< packets whose jitter is in it; 0: none */
	uint64_t reordered; /**< came after one of a higher number */
	uint64_t lost, runs; /**< ... in so many runs */
	double jitter_us, jitter_max_us; /**< mean of all packets, and largest */
	double ptime_us; /**< what most packets have; 0: not known */
	double span_ms;    /**< between first and last by timestamp ... */
	double silence_ms; /**< ... of it not sent */
	double longest_gap_ms; /**< for want of lost packets */
	uint64_t bursts, gaps;
	struct rtp_quality_row burst, gap; /**< in all bursts, in all gaps */
};

/** A frame came; the next in order of sequence. A number that neither follows
 * the last frame nor a loss that was told begins anew. */
void rtp_quality_frame(struct rtp_quality *quality,
		       const struct rtp_quality_frame *frame);

/** So many packets behind the last frame were lost (or came too late to be of
 * use, which RFC 3611 counts among them). */
void rtp_quality_lost(struct rtp_quality *quality, uint32_t count);

/** So many came, but nothing is known of them. */
void rtp_quality_unseen(struct rtp_quality *quality, uint32_t count);

/** All there is to tell so far. Changes nothing. */
void rtp_quality_figures(const struct rtp_quality *quality,
			 struct rtp_figures *figures);

/**
 * What a receiver should have counted when its highest sequence number was
 * this: all from the first packet on.
 *
 * @param highest its lower 16 bits matter
 * @param lost of those; where there were more runs of losses since than are
 *        remembered, too many
 */
void rtp_quality_until(const struct rtp_quality *quality, uint32_t highest,
		       uint64_t *expected, uint64_t *lost);

/** Mean length of a run of losses, over that of as much loss at random (ITU-T
 * G.107 clause 7.5); 1 where nothing was lost. */
double rtp_figures_burst_ratio(const struct rtp_figures *figures,
			       uint64_t expected);

#endif
