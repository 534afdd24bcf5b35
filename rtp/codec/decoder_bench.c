/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How fast each codec decodes, in times real time, beside its library alone:
 * packets of 20 ms as they come against frames that lie ready.
 *
 *   decoder_bench [ENCODING]
 */
#include "rtp/decoder.h"

#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "rtp/codec/coders_feed.h"

#define SECONDS 60
#define PACKETS (SECONDS * 50)

static struct packet packets[PACKETS];
static int16_t sound[FRAME_MAX];

static double
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double
library_speed(const struct way *way)
{
	void *decoder = way->open_decoder();
	double began = now_s();

	for (size_t i = 0; i < PACKETS; i++) {
		way->decode(decoder, &packets[i], sound);
		sink += sound[0];
	}
	return SECONDS / (now_s() - began);
}

static double
our_speed(const struct way *way)
{
	struct rtp_format format = { .clock_hz = way->clock_hz, .channels = 1 };
	struct rtp_decoder *decoder;
	double began;

	snprintf(format.encoding, sizeof(format.encoding), "%s", way->encoding);
	snprintf(format.parameters, sizeof(format.parameters), "%s",
		 way->parameters);
	if (rtp_decoder_open(&decoder, &format) < 0)
		exit(1);
	began = now_s();
	for (size_t i = 0; i < PACKETS; i++) {
		int n = rtp_decoder_decode(decoder, sound, FRAME_MAX,
					   packets[i].bytes, packets[i].n);

		if ((uint32_t)n != way->sample_hz / 50)
			exit(1);
		sink += sound[0];
	}
	began = now_s() - began;
	rtp_decoder_close(&decoder);
	return SECONDS / began;
}

static double
best_of(double (*speed)(const struct way *), const struct way *way)
{
	double best = 0;

	for (int i = 0; i < 5; i++)
		best = fmax(best, speed(way));
	return best;
}

int
main(int argc, char **argv)
{
	printf("%-10s %12s %12s   times real time, one core\n", "", "decoder",
	       "library");
	for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
		const struct way *way = &ways[w];

		if (argc > 1 && strcasecmp(argv[1], way->encoding) != 0)
			continue;
		code(way, packets, PACKETS);
		printf("%-10s %12.0f", way->encoding, best_of(our_speed, way));
		if (way->open_decoder)
			printf(" %12.0f", best_of(library_speed, way));
		printf("\n");
	}
	return 0;
}
