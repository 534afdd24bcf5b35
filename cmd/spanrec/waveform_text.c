/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sound of a call as text:
 *
 *   20190328T141503Z-rq7gp4xt-1, 2019-03-28 14:15:03 GMT, 0:03
 *   left 2750            peak  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇
 *                        mean  ▆▆▆▆▆▆▆▆▆▆▆▆▆▆
 *   right +441534440440  peak  ▇▇▇▇▇xx▇▇▇▇▇▇▇
 *                        mean  ▆▆▆▆▆xx▆▆▆▆▆▆▆
 *                              |14:15:03
 *   x loss: 1, 0.220 s
 */
#include "cmd/spanrec/waveform_priv.h"

#include <stdlib.h>
#include <string.h>

/** What stands before the columns. */
#define LABEL_COLUMNS 21
#define KIND_COLUMNS  6

#define COLUMNS_MIN 10
#define COLUMNS_MAX 1000

#define CLOCK_COLUMNS 10 /* with a blank behind it */

struct sketch {
	const struct spanrec_wave *wave;
	FILE *to;
	bool utf8, colours;
	/** what is missing in each column, by side; NULL: nothing */
	const struct spanrec_wave_reason *missing[2][COLUMNS_MAX];
};

size_t
spanrec_sketch_columns(int width)
{
	int columns = width - LABEL_COLUMNS - KIND_COLUMNS - 1;

	if (columns < COLUMNS_MIN)
		return COLUMNS_MIN;
	return columns < COLUMNS_MAX ? (size_t)columns : COLUMNS_MAX;
}

static void
note_missing(struct sketch *sketch)
{
	const struct spanrec_marks *marks = &sketch->wave->marks;
	size_t i, k, first, last;
	int side;

	for (i = 0; i < marks->count; i++) {
		const struct spanrec_mark *mark = &marks->marks[i];

		spanrec_wave_span(sketch->wave, mark, &first, &last);
		for (side = 0; side < 2; side++) {
			if (!(mark->sides >> side & 1))
				continue;
			for (k = first; k <= last; k++)
				sketch->missing[side][k] =
				    spanrec_wave_reason(mark);
		}
	}
}

/* Each step is 6 dB; the lowest is what is not silent at all. */
static int
level(int sample)
{
	int bits = 0;

	while (bits < 15 && sample >> bits)
		bits++;
	return bits > 7 ? bits - 7 : bits > 4;
}

static void
put_level(const struct sketch *sketch, int sample)
{
	static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄",
					      "▅", "▆", "▇", "█" };
	static const char ascii[] = " .:-=+*#@";

	if (sketch->utf8)
		fputs(blocks[level(sample)], sketch->to);
	else
		fputc(ascii[level(sample)], sketch->to);
}

static void
put_letter(const struct sketch *sketch,
	   const struct spanrec_wave_reason *reason)
{
	if (sketch->colours)
		fprintf(sketch->to, "\033[%dm%c\033[0m", reason->ansi,
			reason->letter);
	else
		fputc(reason->letter, sketch->to);
}

/* What is missing has its letter; but what is heard all the same, since another
 * hop has it, has its mean. */
static void
put_column(const struct sketch *sketch, int side, size_t i, bool peak)
{
	const struct spanrec_wave_column *column = &sketch->wave->columns[i];
	int sample = peak ? spanrec_wave_peak(column, side)
			  : spanrec_wave_rms(column, side);

	if (sketch->missing[side][i] && (peak || level(sample) == 0))
		put_letter(sketch, sketch->missing[side][i]);
	else
		put_level(sketch, sample);
}

static void
put_row(const struct sketch *sketch, int side, bool peak)
{
	size_t i;

	for (i = 0; i < sketch->wave->columns_count; i++)
		put_column(sketch, side, i, peak);
	fputc('\n', sketch->to);
}

static void
put_side(const struct sketch *sketch, int side)
{
	char label[4 * STORE_NUMBER_BYTES];

	spanrec_wave_side(sketch->wave, side, label, sizeof(label));
	fprintf(sketch->to, "%-*.*s%-*s", LABEL_COLUMNS, LABEL_COLUMNS - 1,
		label, KIND_COLUMNS, "peak");
	put_row(sketch, side, true);
	fprintf(sketch->to, "%*s%-*s", LABEL_COLUMNS, "", KIND_COLUMNS, "mean");
	put_row(sketch, side, false);
}

static void
put_axis(const struct sketch *sketch)
{
	const struct spanrec_wave *wave = sketch->wave;
	const struct spanrec_audio *audio = wave->audio;
	size_t columns = wave->columns_count, written = 0;
	int64_t step_ns, at_ns;
	char clock[SPANREC_TIME_BYTES];

	step_ns = spanrec_wave_step_ns(wave, (int)columns / CLOCK_COLUMNS);
	at_ns = (audio->start_ns + step_ns - 1) / step_ns * step_ns;
	fprintf(sketch->to, "%*s", LABEL_COLUMNS + KIND_COLUMNS, "");
	for (; at_ns < audio->end_ns; at_ns += step_ns) {
		struct spanrec_mark tick = { .from_ns = at_ns,
					     .until_ns = at_ns };
		size_t first, last;

		spanrec_wave_span(wave, &tick, &first, &last);
		if (first < written || first + CLOCK_COLUMNS > columns + 1)
			continue;
		spanrec_wave_clock(wave, at_ns, clock);
		fprintf(sketch->to, "%*s|%s", (int)(first - written), "",
			clock);
		written = first + 1 + strlen(clock);
	}
	fputc('\n', sketch->to);
}

void
spanrec_wave_sketch(const struct spanrec_wave *wave, FILE *to, bool utf8,
		    bool colours)
{
	struct sketch sketch = {
		.wave = wave, .to = to, .utf8 = utf8, .colours = colours
	};
	struct spanrec_wave_entry entries[SPANREC_WAVE_ENTRIES_MAX];
	size_t i, n = spanrec_wave_legend(wave, entries);
	char title[2 * SPANREC_TIME_BYTES + STORE_SEGMENT_ID_BYTES],
	    text[SPANREC_TIME_BYTES];

	note_missing(&sketch);
	spanrec_wave_title(wave, title, sizeof(title));
	fprintf(to, "%s\n", title);
	put_side(&sketch, 0);
	put_side(&sketch, 1);
	put_axis(&sketch);
	for (i = 0; i < n; i++) {
		put_letter(&sketch, entries[i].reason);
		spanrec_wave_entry_text(&entries[i], text);
		fprintf(to, " %s\n", text);
	}
}
