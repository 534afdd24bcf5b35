/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What it costs to hear keys in the sound of a packet of 20 ms, with many
 * streams in turn; and without: the same packets are only looked at.
 */
#include "rtp/tones.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SAMPLES = 160, STREAMS = 200, ROUNDS = 500, KINDS = 8 };

static volatile uint64_t sink;

static double
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void
report(const char *name, double ns)
{
	double each = ns / ((double)STREAMS * ROUNDS);

	printf("%-44s %7.1f ns a packet, %6.0f streams a core\n", name, each,
	       20e6 / each);
}

/* Bytes of any law: sound between loud and faint. */
static void
make_sound(uint8_t payloads[KINDS][SAMPLES])
{
	uint32_t seed = 5, i, k;

	for (k = 0; k < KINDS; k++)
		for (i = 0; i < SAMPLES; i++) {
			seed = seed * 1664525 + 1013904223;
			payloads[k][i] = (uint8_t)(seed >> 24);
		}
}

static void
without(const uint8_t payloads[KINDS][SAMPLES])
{
	double from = now_ns();
	uint32_t i, k;

	for (i = 0; i < ROUNDS * STREAMS; i++)
		for (k = 0; k < SAMPLES; k += 64)
			sink += payloads[i % KINDS][k];
	report("without", now_ns() - from);
}

static void
with(const uint8_t payloads[KINDS][SAMPLES], const struct rtp_format *format)
{
	struct rtp_tones *tones[STREAMS];
	struct rtp_tones_told told;
	char name[48];
	double from;
	uint32_t i, k;

	for (k = 0; k < STREAMS; k++)
		if (rtp_tones_new(&tones[k]) < 0)
			abort();
	from = now_ns();
	for (i = 0; i < ROUNDS; i++)
		for (k = 0; k < STREAMS; k++) {
			const struct rtp_tones_frame frame = {
				.sequence = i,
				.timestamp = i * SAMPLES,
				.format = format,
				.payload = payloads[(i + k) % KINDS],
				.payload_bytes = SAMPLES,
			};

			rtp_tones_take(tones[k], &frame, &told);
			sink += told.keys_count;
		}
	snprintf(name, sizeof(name), "with, %s", format->encoding);
	report(name, now_ns() - from);
	for (k = 0; k < STREAMS; k++)
		rtp_tones_free(&tones[k]);
}

int
main(void)
{
	static const struct rtp_format formats[] = {
		{ "PCMA", 8000, 8, 1, "" },
		{ "PCMU", 8000, 0, 1, "" },
		{ "G722", 8000, 9, 1, "" },
	};
	static uint8_t payloads[KINDS][SAMPLES];

	make_sound(payloads);
	without(payloads);
	for (uint32_t i = 0; i < 3; i++)
		with(payloads, &formats[i]);
	return 0;
}
