/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/resample.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <speex/speex_resampler.h>

/* Of 0 to 10: above 3.4 kHz of telephone sound nothing is left over. */
#define QUALITY 5

/* Samples on either side that count for one in between. */
#define REACH 8

struct rtp_resample {
	SpeexResamplerState *speex;
};

int
rtp_resample_new(struct rtp_resample **resample, uint32_t from_hz,
		 uint32_t to_hz)
{
	int error = RESAMPLER_ERR_SUCCESS;
	struct rtp_resample *r;

	if (!from_hz || !to_hz)
		return -EINVAL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->speex = speex_resampler_init(1, from_hz, to_hz, QUALITY, &error);
	if (!r->speex) {
		free(r);
		return error == RESAMPLER_ERR_INVALID_ARG ? -EINVAL : -ENOMEM;
	}
	speex_resampler_skip_zeros(r->speex);
	*resample = r;
	return 0;
}

void
rtp_resample_free(struct rtp_resample **resample)
{
	if (*resample)
		speex_resampler_destroy((*resample)->speex);
	free(*resample);
	*resample = NULL;
}

size_t
rtp_resample_run(struct rtp_resample *resample, int16_t *out, size_t capacity,
		 const int16_t *pcm, size_t n)
{
	spx_uint32_t in_n = (spx_uint32_t)n, out_n = (spx_uint32_t)capacity;

	speex_resampler_process_int(resample->speex, 0, pcm, &in_n, out,
				    &out_n);
	return out_n;
}

size_t
rtp_resample_end(struct rtp_resample *resample, int16_t *out, size_t capacity)
{
	static const int16_t silence[RTP_RESAMPLE_KEPT_MAX];
	int kept = speex_resampler_get_input_latency(resample->speex);
	size_t n = 0;

	if (kept > 0 && kept <= RTP_RESAMPLE_KEPT_MAX)
		n = rtp_resample_run(resample, out, capacity, silence,
				     (size_t)kept);
	speex_resampler_reset_mem(resample->speex);
	speex_resampler_skip_zeros(resample->speex);
	return n;
}

/*
 * The sample that lies between the one at i and the next: sin(pi x) / (pi x) of
 * those around, under a window that is as cheap as it is smooth.
 */
static double
between(const int16_t *pcm, int64_t n, int64_t i, double part)
{
	double sine = sin(M_PI * part) / M_PI, sum = 0, weights = 0;

	if (part < 1e-9)
		return pcm[i];
	for (int64_t k = 1 - REACH; k <= REACH; k++) {
		double x = part - (double)k, w = 1 - x * x / (REACH * REACH);
		double weight = (k & 1 ? -sine : sine) / x * w * w;
		int64_t at = i + k;

		at = at < 0 ? 0 : at;
		at = at >= n ? n - 1 : at;
		sum += weight * pcm[at];
		weights += weight;
	}
	return sum / weights;
}

void
rtp_resample_stretch(int16_t *out, size_t out_n, const int16_t *pcm, size_t n)
{
	double more = (double)out_n - (double)n;

	for (size_t i = 0; i < out_n; i++) {
		double u = (double)i / (double)out_n;
		double at = (double)i - more * u * u * (3 - 2 * u);
		double value =
		    between(pcm, (int64_t)n, (int64_t)at, at - floor(at));

		value = value > INT16_MAX ? INT16_MAX : value;
		value = value < INT16_MIN ? INT16_MIN : value;
		out[i] = (int16_t)lrint(value);
	}
}
