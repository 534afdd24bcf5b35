/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mirror ports of one site may show the same packet, each to a capture thread
 * of its own. Then a stream comes out of several jitter buffers, and this
 * tells what of it is there already: by sequence number and timestamp, within
 * the latest few seconds of one stream from one end to another.
 */
#ifndef CMD_SPANRECD_COPIES_H
#define CMD_SPANRECD_COPIES_H

#include <stdbool.h>
#include <stdint.h>

/** Packets that are remembered: 5 s of 20 ms. */
#define COPIES_PACKETS 256

/** All zero: nothing was seen. */
struct copies {
	bool begun;
	uint16_t newest; /**< sequence number */
	uint8_t state[COPIES_PACKETS]; /**< by sequence number */
	uint32_t timestamp[COPIES_PACKETS];
};

enum copies_answer {
	COPIES_NEW,   /**< not seen before */
	COPIES_FOUND, /**< ... but told to be missing: it is not */
	COPIES_AGAIN  /**< a copy */
};

/** What is this packet? Changes nothing. */
enum copies_answer copies_look(const struct copies *copies, uint16_t sequence,
			       uint32_t timestamp);

/** It was taken. */
void copies_note(struct copies *copies, uint16_t sequence, uint32_t timestamp);

/**
 * One jitter buffer misses packets.
 *
 * @return of them, those that no other has brought or missed before
 */
uint32_t copies_gap(struct copies *copies, uint16_t first, uint32_t count);

#endif
