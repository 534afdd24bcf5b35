/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys heard in the sound of a stream: DTMF (ITU-T Q.23, Q.24).
 *
 * Two tests hear the same samples. Which key was pressed is told by spandsp,
 * whose blocks of 12.75 ms have to agree twice. In which frames there is a tone
 * is told by a more eager test, whose blocks overlap by half: it hears the
 * halves of a tone that is cut by the edge of a stream or by loss, too.
 *
 * A tone is known only after it began, so the answer for a frame comes late:
 * with a frame that is taken later, at most RTP_TONES_LATE_NS of sound. Who
 * wants no tone stored keeps frames back for so long.
 *
 * G.711, G.722 and linear sound at 8 kHz are heard; other codecs are not.
 */
#ifndef RTP_TONES_H
#define RTP_TONES_H

#include <stdbool.h>
#include <stdint.h>

#include "rtp/rtp.h"

/** So much sound after a frame nothing more is found out about it [ns]. */
#define RTP_TONES_LATE_NS 100000000LL

/** A frame has no more: each takes two blocks, and two to end. */
#define RTP_TONES_KEYS_MAX 8

/** The hearing of one stream. Holds what was heard; wiped when freed. */
struct rtp_tones;

struct rtp_tones_frame {
	uint32_t sequence;  /**< extended; grows from frame to frame */
	uint32_t timestamp; /**< RTP */
	const struct rtp_format *format; /**< borrowed during the call */
	const uint8_t *payload;          /**< likewise */
	uint32_t payload_bytes;
};

struct rtp_tones_key {
	char key;           /**< 0 to 9, *, #, A to D */
	uint32_t timestamp; /**< RTP, about where it begins */
};

/** What is known since the frame that was taken now. */
struct rtp_tones_told {
	bool marked;          /**< frames first to last have a tone in them, or
			       * are within 20 ms of one */
	uint32_t first, last; /**< sequence; last is at most this frame's */
	uint32_t keys_count;
	struct rtp_tones_key keys[RTP_TONES_KEYS_MAX]; /**< each once */
};

/** @return 0, -ENOMEM */
int rtp_tones_new(struct rtp_tones **tones) __attribute__((warn_unused_result));
void rtp_tones_free(struct rtp_tones **tones);

/** Is this a format in which tones are heard? */
bool rtp_tones_hears(const struct rtp_format *format);

/**
 * Hear a frame, in order of their sequence numbers. What is lost is told by the
 * timestamps: up to 60 ms may be missing from a key, and it is one key; more
 * than that ends it. A frame of a format that is not heard is silent.
 *
 * @thread one at a time per stream
 * @cost no allocation; a few operations a sample
 */
void rtp_tones_take(struct rtp_tones *tones,
		    const struct rtp_tones_frame *frame,
		    struct rtp_tones_told *told);

/** No frame will come for now: is what was heard last half a tone? The stream
 * may go on, as after loss. */
void rtp_tones_end(struct rtp_tones *tones, struct rtp_tones_told *told);

#endif
