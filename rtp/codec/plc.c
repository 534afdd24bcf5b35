/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Concealment of lost packets after ITU-T G.711 Appendix I (1999), for codecs
 * that have none of their own. The last period of the pitch is repeated; after
 * 10 ms the last two, after 20 ms the last three, so that it does not beep;
 * from 10 ms on it fades by a fifth each 10 ms, and after 60 ms it is silence.
 *
 * The appendix delays all sound by 3.75 ms, so as to blend what it makes up
 * into the sound before the gap. Here nothing that was received is held back:
 * the sound before the gap goes on mirrored in time meanwhile, as spandsp has
 * it.
 *
 * All lengths are of the appendix, which is for 8 kHz, at the rate at hand.
 */
#include <math.h>
#include <string.h>

#include "rtp/codec/codec_priv.h"

#define PITCH_MIN_US  5000
#define PITCH_MAX_US  15000
#define CORRELATED_US 20000
#define STEP_US       10000
#define BLEND_US      4000 /* at the end of a gap, for each 10 ms of it ... */
#define BLEND_MAX_US  10000
#define SILENT_US     60000

static uint32_t
samples_of(const struct rtp__plc *plc, uint32_t us)
{
	return (uint32_t)((uint64_t)plc->hz * us / 1000000);
}

static uint32_t
min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t
max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

void
rtp__plc_init(struct rtp__plc *plc, uint32_t hz)
{
	memset(plc, 0, sizeof(*plc));
	plc->hz = hz;
}

static void
remember(struct rtp__plc *plc, const int16_t *pcm, size_t n)
{
	/* At lower rates less of it is in use. */
	const size_t kept = samples_of(plc, PITCH_MAX_US) * 13 / 4;
	int16_t *end = plc->history + RTP__PLC_HISTORY;

	if (n > kept) {
		pcm += n - kept;
		n = kept;
	}
	memmove(end - kept, end - kept + n, (kept - n) * sizeof(*end));
	memcpy(end - n, pcm, n * sizeof(*end));
}

/* The last 20 ms, and as much a lag before. All sums are of whole numbers. */
struct window {
	const int16_t *now;
	uint32_t samples, lag;
	uint32_t step; /* each so many-th sample counts */
	double power;  /* of what lies before */
};

static void
window_init(struct window *w, const struct rtp__plc *plc, uint32_t lag,
	    uint32_t step)
{
	w->samples = samples_of(plc, CORRELATED_US);
	w->now = plc->heard + RTP__PLC_HISTORY - w->samples;
	w->lag = lag;
	w->step = step;
	w->power = 1;
	for (uint32_t i = 0; i < w->samples; i += step)
		w->power += (double)*(w->now + i - lag) * *(w->now + i - lag);
}

/* A step further back: a sample comes in, and one goes out. */
static void
window_move(struct window *w)
{
	uint32_t last = (w->samples - 1) / w->step * w->step;
	double out = *(w->now + last - w->lag), in;

	w->lag += w->step;
	in = *(w->now - w->lag);
	w->power += in * in - out * out;
}

/* How alike both are. Summed in four rows, which a processor takes at once. */
static double
likeness(const struct window *w)
{
	const int16_t *before = w->now - w->lag;
	int64_t sums[4] = { 0 };
	uint32_t i, k;

	for (i = 0; i + 3 * w->step < w->samples;) {
		for (k = 0; k < 4; k++, i += w->step)
			sums[k] += (int32_t)w->now[i] * before[i];
	}
	for (; i < w->samples; i += w->step)
		sums[0] += (int32_t)w->now[i] * before[i];
	return (double)(sums[0] + sums[1] + sums[2] + sums[3]) / sqrt(w->power);
}

/* The best of these lags, both ends included. */
static uint32_t
best_lag(const struct rtp__plc *plc, uint32_t from, uint32_t to, uint32_t step)
{
	struct window w;
	double alike, most;
	uint32_t best = from;

	window_init(&w, plc, from, step);
	most = likeness(&w);
	while (w.lag + step <= to) {
		window_move(&w);
		alike = likeness(&w);
		if (alike > most) {
			most = alike;
			best = w.lag;
		}
	}
	return best;
}

/* First roughly, as for 8 kHz, then to the sample around what was best. */
static uint32_t
pitch(const struct rtp__plc *plc)
{
	const uint32_t min = samples_of(plc, PITCH_MIN_US);
	const uint32_t max = samples_of(plc, PITCH_MAX_US);
	const uint32_t step = max_u32(plc->hz / 8000, 1);
	uint32_t best = best_lag(plc, min, max, step);

	return step == 1 ? best
			 : best_lag(plc, max_u32(best - step + 1, min),
				    min_u32(best + step - 1, max), 1);
}

/* A sample of what is repeated; its end is blended into its beginning. */
static double
repeated(const struct rtp__plc *plc, uint32_t periods, uint32_t offset)
{
	const uint32_t length = periods * plc->period;
	const uint32_t blend = plc->period / 4;
	const int16_t *p = plc->heard + RTP__PLC_HISTORY - length + offset;
	double weight;

	if (offset < length - blend)
		return *p;
	weight = (double)(offset - (length - blend) + 1) / (blend + 1);
	return (1 - weight) * *p + weight * *(p - length);
}

/*
 * One more sample. In the second and third 10 ms one more period is repeated
 * than before, and for a quarter of a period both ways are blended.
 */
static double
next_sample(struct rtp__plc *plc)
{
	const uint32_t step = samples_of(plc, STEP_US);
	const uint32_t blend = plc->period / 4;
	const uint32_t silent = samples_of(plc, SILENT_US);
	const uint32_t into = plc->missing % step;
	double sample, weight;

	if (into == 0 && plc->missing && plc->periods < 3) {
		plc->periods++;
		plc->offset_before = plc->offset;
		plc->offset %= plc->period;
	}
	sample = repeated(plc, plc->periods, plc->offset);
	if (plc->missing < blend) {
		weight = (double)(plc->missing + 1) / (blend + 1);
		sample = weight * sample +
			 (1 - weight) *
			     plc->heard[RTP__PLC_HISTORY - 1 - plc->missing];
	} else if (into < blend && plc->missing / step + 1 == plc->periods) {
		uint32_t before = (plc->periods - 1) * plc->period;
		uint32_t at = (plc->offset_before + into) % before;

		weight = (double)(into + 1) / (blend + 1);
		sample = weight * sample +
			 (1 - weight) * repeated(plc, plc->periods - 1, at);
	}
	plc->offset = (plc->offset + 1) % (plc->periods * plc->period);
	if (plc->missing >= silent)
		sample = 0;
	else if (plc->missing > step)
		sample *= (double)(silent - plc->missing) / (silent - step);
	if (plc->missing < silent)
		plc->missing++;
	return sample;
}

void
rtp__plc_conceal(struct rtp__plc *plc, int16_t *pcm, size_t samples)
{
	if (samples && plc->missing == 0) {
		memcpy(plc->heard, plc->history, sizeof(plc->heard));
		plc->period = pitch(plc);
		plc->periods = 1;
		plc->offset = 0;
	}
	for (size_t i = 0; i < samples; i++)
		pcm[i] = (int16_t)lrint(next_sample(plc));
	remember(plc, pcm, samples);
}

void
rtp__plc_heard(struct rtp__plc *plc, int16_t *pcm, size_t samples)
{
	if (samples == 0)
		return;
	if (plc->missing) {
		uint32_t tens = plc->missing / samples_of(plc, STEP_US) + 1;
		uint32_t us = min_u32(tens * BLEND_US, BLEND_MAX_US);
		uint32_t blend = samples_of(plc, us);

		if (blend > samples)
			blend = (uint32_t)samples;
		for (uint32_t i = 0; i < blend; i++) {
			double weight = (double)(i + 1) / (blend + 1);

			pcm[i] = (int16_t)lrint(
			    weight * pcm[i] + (1 - weight) * next_sample(plc));
		}
		plc->missing = 0;
	}
	remember(plc, pcm, samples);
}
