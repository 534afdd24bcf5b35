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

/* How alike the last 20 ms and those a lag before are, each step-th sample. */
static double
likeness(const struct rtp__plc *plc, uint32_t lag, uint32_t step)
{
	const uint32_t n = samples_of(plc, CORRELATED_US);
	const int16_t *now = plc->heard + RTP__PLC_HISTORY - n;
	double product = 0, power = 1;

	for (uint32_t i = 0; i < n; i += step) {
		product += (double)now[i] * *(now + i - lag);
		power += (double)*(now + i - lag) * *(now + i - lag);
	}
	return product / sqrt(power);
}

/* First roughly, as for 8 kHz, then to the sample around what was best. */
static uint32_t
pitch(const struct rtp__plc *plc)
{
	const uint32_t min = samples_of(plc, PITCH_MIN_US);
	const uint32_t max = samples_of(plc, PITCH_MAX_US);
	const uint32_t step = plc->hz / 8000 ? plc->hz / 8000 : 1;
	uint32_t best = max, rough;
	double alike = likeness(plc, max, step);

	for (uint32_t lag = min; lag < max; lag += step) {
		double this = likeness(plc, lag, step);

		if (this > alike) {
			alike = this;
			best = lag;
		}
	}
	if (step == 1)
		return best;
	rough = best;
	alike = likeness(plc, best, 1);
	for (uint32_t lag = rough - step + 1; lag < rough + step; lag++) {
		double this =
		    lag < min || lag > max ? alike : likeness(plc, lag, 1);

		if (this > alike) {
			alike = this;
			best = lag;
		}
	}
	return best;
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
