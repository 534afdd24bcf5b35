/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A stream, decoded and encoded again as Opus (RFC 6716), for archives that have
 * to be small: packet by packet, each in its place. Sequence number, capture
 * time and marker stay, so counts and gaps are those of what was received.
 *
 * Only what Opus makes smaller is changed: G.711, G.722, G.726 and linear sound.
 * Comfort noise (RFC 3389) stays, on the clock of Opus. Codecs that were made to
 * be small are for the caller to store as they came.
 *
 * The encoder looks ahead: sound comes out 5 to 6.5 ms late, also beside a side
 * that is stored as it came.
 */
#ifndef RTP_TRANSCODE_H
#define RTP_TRANSCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "rtp/rtp.h"

struct rtp_transcoder;

struct rtp_transcode_config {
	int32_t bit_rate;   /**< bits a second of a side, 6000 to 128000 */
	uint8_t complexity; /**< 0 (least work) to 10 */
};

/** A payload to be stored; until the next packet of the stream. */
struct rtp_transcoded {
	struct rtp_format format; /**< RFC 7587; its type is that of the packet */
	uint32_t timestamp;       /**< at 48000 Hz, whatever the packet's was */
	const uint8_t *payload;
	uint32_t bytes;
};

/** @return 0, -ENOMEM */
int rtp_transcoder_new(struct rtp_transcoder **transcoder,
		       const struct rtp_transcode_config *config)
	__attribute__((warn_unused_result));

/** Wipes what was heard. NULL is nothing. */
void rtp_transcoder_free(struct rtp_transcoder **transcoder);

/** How much of the sound of a packet that was made Opus here may be in the one
 * behind it. @return [ns]; 0: it was stored as it came */
int64_t rtp_transcode_behind_ns(const struct rtp_format *format);

/** Is this a format that rtp_transcode takes? */
bool rtp_transcode_takes(const struct rtp_format *format);

/**
 * The next packet of a stream. Given twice in a row it gives the same.
 *
 * @param sequence extended
 * @param packet format, timestamp and payload as received; borrowed
 * @return 0; -EBADMSG: no format that is taken, not of its format, or of a length that Opus has not
 *         (a multiple of 2.5 ms, up to 120 ms): to be stored as received;
 *         -ENOMEM
 * @cost 50 to 150 us for 20 ms of sound, by the complexity
 */
int rtp_transcode(struct rtp_transcoder *transcoder, uint32_t sequence,
		  const struct rtp_transcoded *packet,
		  struct rtp_transcoded *opus)
	__attribute__((warn_unused_result));

#endif
