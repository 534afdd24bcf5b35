/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The codecs, each in a file of its own, as the decoder sees them. */
#ifndef RTP_CODEC_CODEC_PRIV_H
#define RTP_CODEC_CODEC_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rtp/rtp.h"

/** What a codec does. State is whatever open made; NULL for none. */
struct rtp__codec {
	const char *encoding;
	uint32_t clock_hz;  /**< of the RTP timestamp; 0: accepts judges */
	uint32_t sample_hz; /**< of the PCM; 0: the clock rate */
	uint8_t channels_max;
	/** Of this name, rate and channels: are the rest and the parameters
	 * such that it can be decoded? NULL: always. */
	bool (*accepts)(const struct rtp_format *format);
	/** @return 0, -ENOMEM */
	int (*open)(void **state, const struct rtp_format *format);
	void (*close)(void *state); /**< NULL: wiped and freed by size */
	size_t state_bytes;
	/** As rtp_decoder_decode; n is at most 65535. */
	int (*decode)(void *state, int16_t *pcm, size_t capacity,
		      const uint8_t *payload, size_t n);
	/** As rtp_decoder_noisy. NULL: never. */
	bool (*noisy)(const void *state);
	/** The sound of one frame that is missing, so long. */
	void (*conceal_frame)(void *state, int16_t *pcm);
	uint32_t frame_ms;
	/** As rtp_decoder_conceal. Neither: by G.711 Appendix I. */
	void (*conceal)(void *state, int16_t *pcm, size_t samples,
			const uint8_t *next, size_t next_bytes);
};

/** The longest frame of those that conceal by frames: 20 ms at 32 kHz. */
#define RTP__FRAME_SAMPLES_MAX 640

extern const struct rtp__codec rtp__codec_pcma;
extern const struct rtp__codec rtp__codec_pcmu;
extern const struct rtp__codec rtp__codec_g722;
extern const struct rtp__codec rtp__codec_g726[];
#define RTP__CODEC_G726_COUNT 8
extern const struct rtp__codec rtp__codec_g729;
extern const struct rtp__codec rtp__codec_gsm;
extern const struct rtp__codec rtp__codec_amr;
extern const struct rtp__codec rtp__codec_amr_wb;
extern const struct rtp__codec rtp__codec_speex;
#define RTP__CODEC_OPUS_COUNT 3
extern const struct rtp__codec rtp__codec_opus[RTP__CODEC_OPUS_COUNT];
extern const struct rtp__codec rtp__codec_l16;

/* ---- concealment for codecs that have none ------------------------------- */

/** The longest pitch period is 15 ms; three and a quarter are kept. */
#define RTP__PLC_HISTORY (48000 * 15 / 1000 * 13 / 4)

/** ITU-T G.711 Appendix I at any rate up to 48 kHz, without its delay. */
struct rtp__plc {
	uint32_t hz;
	uint32_t missing; /**< samples made up since the last that was heard */
	uint32_t period;  /**< of the pitch, in samples */
	uint32_t periods; /**< how many of them are repeated, 1 to 3 */
	uint32_t offset;  /**< in what is repeated */
	uint32_t offset_before; /**< when one period less was */
	int16_t history[RTP__PLC_HISTORY]; /**< the newest is the last */
	int16_t heard[RTP__PLC_HISTORY];   /**< before the gap */
};

/** @param hz 8000 to 48000 */
void rtp__plc_init(struct rtp__plc *plc, uint32_t hz);
/** Sound was decoded. After a gap its start is blended with what was made up.*/
void rtp__plc_heard(struct rtp__plc *plc, int16_t *pcm, size_t samples);
/** Make up what is missing: it fades, and is silence from 60 ms on. */
void rtp__plc_conceal(struct rtp__plc *plc, int16_t *pcm, size_t samples);

#endif
