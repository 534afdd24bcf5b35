/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Comfort noise (RFC 3389): what a telephone sends instead of silence is how
 * loud its noise is and, if it likes, the shape of its spectrum.
 */
#ifndef RTP_CODEC_NOISE_H
#define RTP_CODEC_NOISE_H

#include <stddef.h>
#include <stdint.h>

/** Coefficients of a spectrum that are looked at; senders use about ten. */
#define RTP_NOISE_ORDER_MAX 16

/** All zero: silence. The same payloads make the same noise. */
struct rtp_noise {
	uint32_t seed;
	unsigned order;
	double amplitude;
	double reflection[RTP_NOISE_ORDER_MAX];
	double memory[RTP_NOISE_ORDER_MAX];
};

/**
 * From now on it is as a payload says: its level in -dBov, then reflection
 * coefficients.
 *
 * @return 0; -EBADMSG: there is no level in it
 */
int rtp_noise_set(struct rtp_noise *noise, const uint8_t *payload, size_t n)
	__attribute__((warn_unused_result));

/** @param pcm [samples], of the rate that the payload is of */
void rtp_noise_make(struct rtp_noise *noise, int16_t *pcm, size_t samples);

#endif
