/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How far the clock of a sender has run away from that of the recorder.
 *
 * Packets are late by what the network makes them wait, never early; so of
 * many packets the least late one tells the clocks apart. Of every 10 s the
 * least is taken. The first of them is what the others are compared with: it is
 * the way that the packets take, and is not to be put right. When two in a row
 * are off to the same side, by more than jitter makes of it, that is drift.
 */
#ifndef RTP_DRIFT_H
#define RTP_DRIFT_H

#include <stdbool.h>
#include <stdint.h>

/** All zero: nothing is known. Times are samples. */
struct rtp_drift {
	bool running; /**< in a window */
	int64_t from; /**< where it began */
	int64_t least;
	uint32_t frames;
	bool compared; /**< reference is known */
	int64_t reference;
	int64_t before; /**< off in the window before; 0: it was not */
};

/**
 * Tell of a frame.
 *
 * @param at capture time
 * @param off capture time less the place that the timestamp says
 * @return how far to move the stream, mostly 0. The move may take a while;
 *         until it is over, call rtp_drift_wait
 */
int64_t rtp_drift_note(struct rtp_drift *drift, int64_t at, int64_t off,
		       uint32_t sample_hz);

/** The stream is being moved: nothing of the window counts. */
void rtp_drift_wait(struct rtp_drift *drift);

#endif
