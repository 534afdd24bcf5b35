/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every counter that is not zero, under the heading of its place. */
#include "cmd/spanrecd/summary.h"

#include <inttypes.h>
#include <time.h>

#include "cmd/spanrecd/pipeline.h"

int64_t
summary_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void
line(FILE *to, uint64_t value, const char *text)
{
	if (value)
		fprintf(to, "%12" PRIu64 "  %s\n", value, text);
}

void
summary_print(const struct pipeline *p, int64_t took_ns, FILE *to)
{
	uint64_t values[COUNTER_ROWS_COUNT];
	double s = (double)took_ns / 1e9;
	size_t i;

	pipeline_counters(p, &p->sip_counters, values);
	fprintf(to, "Read %" PRIu64 " frames in %.1f s", values[COUNTER_frames],
		s);
	if (s >= 1)
		fprintf(to, " (%.0f a second)",
			(double)values[COUNTER_frames] / s);
	fputs(".\n", to);
	for (i = COUNTER_COUNT; i < COUNTER_COUNT + CAPTURE_OUTCOME_COUNT; i++)
		line(to, values[i], counter_rows[i].text);
	for (i = COUNTER_frames + 1; i < COUNTER_ROWS_COUNT; i++)
		if (i < COUNTER_COUNT ||
		    i >= COUNTER_COUNT + CAPTURE_OUTCOME_COUNT)
			line(to, values[i], counter_rows[i].text);
}
