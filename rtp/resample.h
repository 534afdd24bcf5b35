/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sound of one rate at another, and a little longer or shorter.
 */
#ifndef RTP_RESAMPLE_H
#define RTP_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

struct rtp_resample;

/** @return 0, -EINVAL: not with these rates, -ENOMEM */
int rtp_resample_new(struct rtp_resample **resample, uint32_t from_hz,
		     uint32_t to_hz) __attribute__((warn_unused_result));
void rtp_resample_free(struct rtp_resample **resample);

/**
 * Some milliseconds are kept until what follows them is known; nothing is
 * delayed: the first sample that comes out belongs where the first one that
 * went in belongs.
 *
 * @param out [capacity]; wants room for n at the other rate, and one more
 * @return samples
 */
size_t rtp_resample_run(struct rtp_resample *resample, int16_t *out,
			size_t capacity, const int16_t *pcm, size_t n);

/**
 * What was kept, as if silence followed. What comes next begins anew.
 *
 * @param out [capacity]; RTP_RESAMPLE_KEPT_MAX is enough
 * @return samples
 */
size_t rtp_resample_end(struct rtp_resample *resample, int16_t *out,
			size_t capacity);
#define RTP_RESAMPLE_KEPT_MAX 4096

/**
 * Sound of n samples in another number of them, which differs by little. The
 * ends stay where they are, and so does the speed there: joined to what comes
 * before and after it is smooth.
 *
 * @param out [out_n]
 * @param pcm [n], 1 or more
 */
void rtp_resample_stretch(int16_t *out, size_t out_n, const int16_t *pcm,
			  size_t n);

#endif
