/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Decoders of payload formats: one of a stream, payloads in, PCM out. Most have
 * a memory of what came before, so payloads have to come in order, and what is
 * missing has to be told by rtp_decoder_conceal.
 *
 * PCM is mono, signed 16 bits, native-endian. Formats of several channels are
 * mixed to one: a telephone has one voice.
 */
#ifndef RTP_DECODER_H
#define RTP_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rtp/rtp.h"

/** The longest payload in use holds 120 ms (Opus); of PCM more may fit. */
#define RTP_DECODER_SAMPLES_MAX 48000

struct rtp_decoder;

/** Can this format be decoded? Names are compared in any case. */
bool rtp_decoder_knows(const struct rtp_format *format);

/**
 * @param format borrowed for the call
 * @return 0; -ENOTSUP: no decoder for this encoding, or not at this clock rate
 *         or number of channels; -ENOMEM
 */
int rtp_decoder_open(struct rtp_decoder **decoder,
		     const struct rtp_format *format)
	__attribute__((warn_unused_result));

/** Wipes what was heard. NULL is nothing. */
void rtp_decoder_close(struct rtp_decoder **decoder);

/** Rate of its PCM. That of the timestamp can be another: G.722 and Opus. */
uint32_t rtp_decoder_sample_hz(const struct rtp_decoder *decoder);

/**
 * The sound of one payload.
 *
 * @param pcm [capacity]
 * @return samples (0: none, as of an empty payload); -EBADMSG: not of this
 *         format; -ENOSPC: capacity is too small. After an error the decoder
 *         can go on with the next payload
 */
int rtp_decoder_decode(struct rtp_decoder *decoder, int16_t *pcm,
		       size_t capacity, const uint8_t *payload, size_t n)
	__attribute__((warn_unused_result));

/**
 * Did the last payload end with a description of noise, which goes on until
 * another one comes (a SID of AMR or G.729, DTX of Opus)? Then
 * rtp_decoder_conceal makes that noise.
 */
bool rtp_decoder_noisy(const struct rtp_decoder *decoder);

/**
 * Sound in place of what is missing: by the codec's own concealment, else by
 * ITU-T G.711 Appendix I. For playing only; nothing of it is ever stored.
 *
 * @param pcm [samples]; all are written
 * @param next the payload after the gap, if there is one: a codec that sends
 *        the frame before along (Opus) takes it from there. Decode it next
 */
void rtp_decoder_conceal(struct rtp_decoder *decoder, int16_t *pcm,
			 size_t samples, const uint8_t *next, size_t next_bytes);

#endif
