/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The codecs, each in a file of its own, as the decoder sees them. */
#ifndef RTP_CODEC_CODEC_PRIV_H
#define RTP_CODEC_CODEC_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "rtp/rtp.h"

/** What a codec does. State is whatever open made; NULL for none. */
struct rtp__codec {
	const char *encoding;
	uint32_t clock_hz;   /**< of the RTP timestamp; 0: open judges */
	uint32_t sample_hz;  /**< of the PCM; 0: the clock rate */
	uint8_t channels_max;
	/**
	 * @param sample_hz of the PCM; set where it is not as above
	 * @return 0, -ENOTSUP, -ENOMEM
	 */
	int (*open)(void **state, const struct rtp_format *format,
		    uint32_t *sample_hz);
	void (*close)(void *state); /**< NULL: wiped and freed by size */
	size_t state_bytes;
	/** As rtp_decoder_decode. */
	int (*decode)(void *state, int16_t *pcm, size_t capacity,
		      const uint8_t *payload, size_t n);
	/** As rtp_decoder_conceal; NULL: by G.711 Appendix I. */
	void (*conceal)(void *state, int16_t *pcm, size_t samples,
			const uint8_t *next, size_t next_bytes);
};

extern const struct rtp__codec rtp__codec_pcma;
extern const struct rtp__codec rtp__codec_pcmu;

#endif
