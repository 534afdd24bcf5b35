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
	const struct capture_thread *first = &p->captures[0];
	const uint64_t sip[] = {
#define X(name, unit, text) p->sip_counters.name,
		SIP_COUNTERS(X)
#undef X
	};
	/* Each capture thread of a file reads all of it. */
	uint64_t frames = counter_get(&first->counters, COUNTER_frames);
	double s = (double)took_ns / 1e9;
	uint32_t i;

	fprintf(to, "Read %" PRIu64 " frames in %.1f s", frames, s);
	if (s >= 1)
		fprintf(to, " (%.0f a second)", (double)frames / s);
	fputs(".\n", to);
	for (i = 0; i < CAPTURE_OUTCOME_COUNT; i++)
		line(to, first->outcomes[i],
		     counter_rows[COUNTER_COUNT + i].text);
	for (i = COUNTER_frames + 1; i < COUNTER_COUNT; i++)
		line(to,
		     i == COUNTER_clock_set_back
			 ? counter_get(&first->counters, i)
			 : pipeline_counter(p, i),
		     counter_rows[i].text);
	for (i = 0; i < sizeof(sip) / sizeof(sip[0]); i++)
		line(to, sip[i],
		     counter_rows[COUNTER_COUNT + CAPTURE_OUTCOME_COUNT + i]
			 .text);
}
