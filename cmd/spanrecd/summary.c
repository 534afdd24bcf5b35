/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every counter that is not zero, under the heading of its place. */
#include "cmd/spanrecd/summary.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/spanrecd/pipeline.h"

/* So many RTP packets of no call, or one of so many, are nothing to tell. */
enum { UNCLAIMED_USUAL = 100, UNCLAIMED_SHARE = 10 };

int64_t
summary_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void
line(FILE *to, uint64_t value, const struct counter_row *row)
{
	char bytes[COUNTER_BYTES_TEXT_BYTES];

	if (!value)
		return;
	if (strcmp(row->unit, "bytes") == 0) {
		counter_bytes_text(value, bytes);
		fprintf(to, "%12s  %s\n", bytes, row->text);
	} else {
		fprintf(to, "%12" PRIu64 "  %s\n", value, row->text);
	}
}

bool
summary_unclaimed(const uint64_t *values, char text[SUMMARY_TEXT_BYTES])
{
	uint64_t unclaimed = values[COUNTER_unclaimed];

	if (unclaimed <= UNCLAIMED_USUAL ||
	    unclaimed <= values[COUNTER_rtp] / UNCLAIMED_SHARE)
		return false;
	snprintf(text, SUMMARY_TEXT_BYTES,
		 "%" PRIu64 " RTP packets belong to no call: their signalling "
		 "was not seen or not understood",
		 unclaimed);
	return true;
}

/* Lines of what cannot be recorded. */
enum { FOREIGN_LINES_MAX = 8 };

/* @return lines left of so many; the host of the last one may have more */
static uint32_t
foreign_host(FILE *to, const struct capture_sighting *host, uint32_t lines)
{
	enum capture_foreign kinds[CAPTURE_FOREIGN_COUNT];
	uint32_t i, n = capture_sighting_kinds(host, kinds);
	char text[CAPTURE_ADDRESS_TEXT_BYTES];

	capture_address_text(host->addr, text);
	for (i = 0; i < n && i < lines; i++) {
		uint64_t count = host->count[kinds[i]];
		const char *unit = capture_foreign_unit(kinds[i]);

		fprintf(to, "%12" PRIu64 " %-8.*s  %s at %s\n", count,
			(int)strlen(unit) - (count == 1), unit,
			capture_foreign_text(kinds[i]), text);
	}
	return lines - i;
}

static void
print_foreign(const struct pipeline *p, FILE *to)
{
	struct capture_sighting *hosts;
	uint32_t lines = FOREIGN_LINES_MAX;
	int i, count = pipeline_sightings(p, &hosts);

	if (count > 0)
		fputs("Seen but not recordable:\n", to);
	for (i = 0; i < count && lines > 0; i++)
		lines = foreign_host(to, &hosts[i], lines);
	if (i < count)
		fprintf(to, "%23sand %d more host%s\n", "", count - i,
			count - i > 1 ? "s" : "");
	free(hosts);
}

void
summary_print(const struct pipeline *p, int64_t took_ns, FILE *to)
{
	uint64_t values[COUNTER_ROWS_COUNT];
	char text[SUMMARY_TEXT_BYTES];
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
		line(to, values[i], &counter_rows[i]);
	for (i = COUNTER_frames + 1; i < COUNTER_ROWS_COUNT; i++)
		if (i < COUNTER_COUNT ||
		    i >= COUNTER_COUNT + CAPTURE_OUTCOME_COUNT)
			line(to, values[i], &counter_rows[i]);
	if (summary_unclaimed(values, text))
		fprintf(to, "%s%s.\n", text,
			p->config.live || p->config.orphans
			    ? ""
			    : "; --orphan-rtp records them, too");
	print_foreign(p, to);
}
