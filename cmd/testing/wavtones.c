/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wavtones [-l | -b] FILE.wav: tells what is heard in each channel, as text
 * that a test can compare:
 *
 *   left 11.000 s
 *     0.000 silence
 *     0.055 440 Hz
 *    10.055 silence
 *
 * Sound is cut into blocks of 5 ms. A block's frequency is that of the sine
 * that fits best: for x(n) = sin(wn), x(n-1) + x(n+1) = 2 cos(w) x(n), so
 * cos(w) is a quotient of two sums. Blocks of like frequency make a run; what
 * is left of the run when its sine is taken away tells how pure it is, and
 * shows a second tone from 1 % of the power on. With -l each run has its level
 * too, 0 dB being that of mkpcap's tones: a tone that is there twice has 6 dB.
 * With -b there is a line for each block instead: frequency (0: silence) and
 * level of each channel.
 */
#include <math.h>
#include <sndfile.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS_PER_S 200
#define SILENCE      150.0 /* peak; a test tone has some 8000 */
#define LIKE         0.06  /* frequencies of one run differ by less */
#define IMPURE       0.01  /* share of the power that is not the tone */
#define FIT_BLOCKS   8
#define TONE_PEAK    8000.0 /* of mkpcap */
#define NEXT_HZ      3.0

struct sound {
	short *samples; /* interleaved */
	sf_count_t frames;
	int channels;
	int channel; /* looked at */
	int rate;
	int block; /* samples in one */
	bool levels;
};

static double
at(const struct sound *sound, sf_count_t frame)
{
	return sound->samples[frame * sound->channels + sound->channel];
}

/* Frequency of a block in Hz; 0: silence. */
static double
block_hz(const struct sound *sound, sf_count_t first)
{
	double peak = 0, dot = 0, square = 0, quotient;

	for (int i = 0; i < sound->block; i++) {
		double x = at(sound, first + i);

		peak = fmax(peak, fabs(x));
		if (i == 0 || i == sound->block - 1)
			continue;
		dot +=
		    x * (at(sound, first + i - 1) + at(sound, first + i + 1));
		square += x * x;
	}
	if (peak < SILENCE || square <= 0)
		return 0;
	quotient = fmax(-1, fmin(1, dot / (2 * square)));
	return acos(quotient) * sound->rate / (2 * M_PI);
}

/* Share of the power that a sine of this frequency does not explain; fitted
 * anew every FIT_BLOCKS, so that a jump of phase costs little. */
static double
residue(const struct sound *sound, sf_count_t first, sf_count_t n, double hz)
{
	double w = 2 * M_PI * hz / sound->rate, all = 0, left = 0;
	sf_count_t step = (sf_count_t)sound->block * FIT_BLOCKS;

	for (sf_count_t from = 0; from + step <= n; from += step) {
		double cc = 0, ss = 0, cs = 0, xc = 0, xs = 0, xx = 0, det;

		for (sf_count_t i = 0; i < step; i++) {
			double x = at(sound, first + from + i);
			double c = cos(w * (double)i), s = sin(w * (double)i);

			cc += c * c;
			ss += s * s;
			cs += c * s;
			xc += x * c;
			xs += x * s;
			xx += x * x;
		}
		det = cc * ss - cs * cs;
		all += xx;
		left +=
		    xx - (xc * xc * ss - 2 * xc * xs * cs + xs * xs * cc) / det;
	}
	return all > 0 ? left / all : 0;
}

/* The same of the frequency next to this one that explains most: in blocks that
 * hold the same part of the wave each time, the coder's errors do not cancel,
 * and the mean of the blocks is some Hz off. The residue is a parabola there.
 */
static double
residue_best(const struct sound *sound, sf_count_t first, sf_count_t n,
	     double hz)
{
	double below = residue(sound, first, n, hz - NEXT_HZ);
	double here = residue(sound, first, n, hz);
	double above = residue(sound, first, n, hz + NEXT_HZ);
	double curve = below + above - 2 * here, off;

	if (curve <= 0)
		return here;
	off = NEXT_HZ * (below - above) / (2 * curve);
	off = fmax(-2 * NEXT_HZ, fmin(2 * NEXT_HZ, off));
	return fmin(here, residue(sound, first, n, hz + off));
}

static double
level_db(const struct sound *sound, sf_count_t first, sf_count_t n)
{
	double square = 0;

	for (sf_count_t i = first; i < first + n; i++)
		square += at(sound, i) * at(sound, i);
	return 10 * log10(2 * square / (double)n / (TONE_PEAK * TONE_PEAK));
}

/* Blocks from `first` on that sound alike; *hz is their mean. */
static sf_count_t
run_find(const struct sound *sound, sf_count_t first, sf_count_t blocks,
	 double *hz)
{
	sf_count_t n = 1;
	double total = block_hz(sound, first * sound->block);

	*hz = total;
	for (; first + n < blocks; n++) {
		double next = block_hz(sound, (first + n) * sound->block);

		if ((next > 0) != (*hz > 0) ||
		    (next > 0 && fabs(next - *hz) > LIKE * *hz))
			break;
		total += next;
		*hz = total / (double)(n + 1);
	}
	return n;
}

static void
run_tell(const struct sound *sound, sf_count_t first, sf_count_t n, double hz)
{
	double rest;

	printf("%7.3f ", (double)first / BLOCKS_PER_S);
	if (hz <= 0) {
		printf("silence\n");
		return;
	}
	rest = residue_best(sound, first * sound->block, n * sound->block, hz);
	printf("%.0f Hz", round(hz / 10) * 10);
	if (rest > IMPURE)
		printf(", and %.0f %% of the power is something else",
		       100 * rest);
	if (sound->levels)
		printf(", %+.0f dB",
		       level_db(sound, first * sound->block, n * sound->block));
	printf("\n");
}

/* A run of one block is the seam between two others, or what is left of one at
 * the end: not told. */
static void
channel_tell(const struct sound *sound)
{
	sf_count_t blocks = sound->frames / sound->block;
	sf_count_t n;
	double hz, last = -1;

	for (sf_count_t i = 0; i < blocks; i += n) {
		n = run_find(sound, i, blocks, &hz);
		if (n == 1)
			continue;
		if (last >= 0 && fabs(hz - last) <= LIKE * hz)
			continue;
		run_tell(sound, i, n, hz);
		last = hz;
	}
}

static void
blocks_tell(struct sound *sound)
{
	for (sf_count_t i = 0; i < sound->frames / sound->block; i++) {
		sf_count_t first = i * sound->block;

		for (int k = 0; k < sound->channels; k++) {
			double hz;

			sound->channel = k;
			hz = block_hz(sound, first);
			printf("%s%.0f %.0f", k ? " " : "", hz,
			       hz > 0 ? level_db(sound, first, sound->block)
				      : 0);
		}
		printf("\n");
	}
}

int
main(int argc, char **argv)
{
	static const char *const names[] = { "left", "right" };
	SF_INFO info = { 0 };
	bool levels = argc == 3 && strcmp(argv[1], "-l") == 0;
	bool blocks = argc == 3 && strcmp(argv[1], "-b") == 0;
	bool option = levels || blocks;
	const char *path = argc == 2 + option ? argv[1 + option] : NULL;
	SNDFILE *file = path ? sf_open(path, SFM_READ, &info) : NULL;
	struct sound sound = { .levels = levels };
	int rc = EXIT_FAILURE;

	if (!file) {
		fprintf(stderr, "wavtones: %s\n",
			path ? sf_strerror(NULL)
			     : "usage: wavtones [-l | -b] FILE.wav");
		return EXIT_FAILURE;
	}
	sound.samples =
	    calloc((size_t)(info.frames * info.channels + 1), sizeof(short));
	if (!sound.samples)
		goto out;
	sound.frames = sf_readf_short(file, sound.samples, info.frames);
	sound.channels = info.channels;
	sound.rate = info.samplerate;
	sound.block = info.samplerate / BLOCKS_PER_S;
	if (blocks)
		blocks_tell(&sound);
	for (; !blocks && sound.channel < sound.channels; sound.channel++) {
		printf("%s %.3f s\n",
		       info.channels == 2 ? names[sound.channel] : "mono",
		       (double)sound.frames / sound.rate);
		channel_tell(&sound);
	}
	rc = EXIT_SUCCESS;
out:
	free(sound.samples);
	sf_close(file);
	return rc;
}
