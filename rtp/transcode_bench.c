/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What it costs to store G.711 as Opus, by complexity, beside libopus alone on
 * the same sound: packets of 20 ms, many streams in turn. A call has two.
 */
#include "rtp/transcode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <opus/opus.h>

#include "rtp/g711.h"

enum { SAMPLES = 160, STREAMS = 50, ROUNDS = 100, BIT_RATE = 24000 };

static uint8_t sound[ROUNDS][SAMPLES];

static double
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void
report(const char *name, unsigned complexity, double ns)
{
	double each = ns / (STREAMS * ROUNDS);

	printf("%-10s complexity %2u %8.1f us a packet, %5.0f calls a core\n",
	       name, complexity, each / 1e3, 20e6 / each / 2);
}

/* Two harmonics that come and go, as a voice does. */
static void
make_sound(void)
{
	const int16_t *values = rtp_g711_values("PCMA");

	for (int r = 0; r < ROUNDS; r++)
		for (int i = 0; i < SAMPLES; i++) {
			double t = (r * SAMPLES + i) / 8000.0;
			double wanted = 6000 * sin(2 * M_PI * 3 * t) *
					(sin(2 * M_PI * 140 * t) +
					 0.5 * sin(2 * M_PI * 700 * t));
			unsigned best = 0;

			for (unsigned c = 1; c < 256; c++)
				if (fabs(values[c] - wanted) <
				    fabs(values[best] - wanted))
					best = c;
			sound[r][i] = (uint8_t)best;
		}
}

static int
transcoders(unsigned complexity)
{
	const struct rtp_transcode_config config = { .bit_rate = BIT_RATE,
						     .complexity =
							 (uint8_t)complexity };
	struct rtp_transcoder *streams[STREAMS];
	struct rtp_transcoded packet = { .format = { "PCMA", 8000, 8, 1, "" },
					 .bytes = SAMPLES },
			      opus;
	double from;

	for (int s = 0; s < STREAMS; s++)
		if (rtp_transcoder_new(&streams[s], &config))
			return 1;
	from = now_ns();
	for (uint32_t r = 0; r < ROUNDS; r++)
		for (int s = 0; s < STREAMS; s++) {
			packet.payload = sound[r];
			packet.timestamp = r * SAMPLES;
			if (rtp_transcode(streams[s], r, &packet, &opus))
				return 1;
		}
	report("recorder", complexity, now_ns() - from);
	for (int s = 0; s < STREAMS; s++)
		rtp_transcoder_free(&streams[s]);
	return 0;
}

static int
library(unsigned complexity)
{
	const int16_t *values = rtp_g711_values("PCMA");
	OpusEncoder *streams[STREAMS];
	int16_t pcm[SAMPLES];
	uint8_t out[400];
	double from;

	for (int s = 0; s < STREAMS; s++) {
		streams[s] =
		    opus_encoder_create(8000, 1, OPUS_APPLICATION_VOIP, NULL);
		if (!streams[s])
			return 1;
		opus_encoder_ctl(streams[s], OPUS_SET_BITRATE(BIT_RATE));
		opus_encoder_ctl(streams[s],
				 OPUS_SET_COMPLEXITY((int)complexity));
		opus_encoder_ctl(streams[s],
				 OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
	}
	from = now_ns();
	for (int r = 0; r < ROUNDS; r++)
		for (int s = 0; s < STREAMS; s++) {
			for (int i = 0; i < SAMPLES; i++)
				pcm[i] = values[sound[r][i]];
			if (opus_encode(streams[s], pcm, SAMPLES, out,
					sizeof(out)) < 0)
				return 1;
		}
	report("libopus", complexity, now_ns() - from);
	for (int s = 0; s < STREAMS; s++)
		opus_encoder_destroy(streams[s]);
	return 0;
}

int
main(void)
{
	static const unsigned complexities[] = { 0, 5, 10 };
	int bad = 0;

	make_sound();
	for (int i = 0; i < 3 && !bad; i++)
		bad = library(complexities[i]) || transcoders(complexities[i]);
	return bad;
}
