/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sound of a call as a picture: a lane for each side with peaks, and what
 * is loud in the mean inside of them; what is missing in the colour of its
 * reason; below them the time in the zone of the site, and the colours.
 */
#include "cmd/spanrec/waveform_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LETTER     6
#define LEFT_EDGE  20
#define RIGHT_EDGE 20
#define WIDTH      (LEFT_EDGE + SPANREC_PICTURE_COLUMNS + RIGHT_EDGE)

#define TITLE_Y        20
#define LANE_Y         40 /* of the first one's label */
#define LANE_HALF      60 /* of its height */
#define LANE_PITCH     150
#define AXIS_Y         (LANE_Y + 2 * LANE_PITCH)
#define LEGEND_Y       (AXIS_Y + 40)
#define LEGEND_ROW     16
#define LEGEND_COLUMN  230
#define LEGEND_COLUMNS 4

#define WHITE 0xFFFFFF
#define BLACK 0x222222
#define GREY  0x888888
#define PALE  0xF2F2F2

static const struct {
	uint32_t peak, mean;
} sound[2] = { { 0x9ECAE1, 0x3182BD }, { 0xA1D99B, 0x31A354 } };

struct picture {
	const struct spanrec_wave *wave;
	struct spanrec_canvas *canvas;
	int rows[2 * SPANREC_PICTURE_COLUMNS]; /**< of one kind of lines */
};

static int
middle(int side)
{
	return LANE_Y + 10 + LANE_HALF + side * LANE_PITCH;
}

static int
scaled(int sample)
{
	return sample * LANE_HALF / 32768;
}

static void
put_text(struct picture *picture, int x, int y, const char *text)
{
	const int at[2] = { x, y };

	picture->canvas->text(picture->canvas, at, BLACK, text);
}

static void
put_sound(struct picture *picture, int side)
{
	const struct spanrec_wave *wave = picture->wave;
	int y = middle(side), *rows = picture->rows;
	size_t i, n = wave->columns_count;

	for (i = 0; i < n; i++) {
		rows[2 * i] = y - scaled(wave->columns[i].high[side]);
		rows[2 * i + 1] = y - scaled(wave->columns[i].low[side]);
	}
	picture->canvas->lines(picture->canvas, LEFT_EDGE, rows, n,
			       sound[side].peak);
	for (i = 0; i < n; i++) {
		int mean = scaled(spanrec_wave_rms(&wave->columns[i], side));

		rows[2 * i] = y - mean;
		rows[2 * i + 1] = y + mean;
	}
	picture->canvas->lines(picture->canvas, LEFT_EDGE, rows, n,
			       sound[side].mean);
}

static void
put_missing(struct picture *picture, int side)
{
	const struct spanrec_wave *wave = picture->wave;
	char title[3 * STORE_NAME_BYTES + 32];
	size_t i, first, last;

	for (i = 0; i < wave->marks.count; i++) {
		const struct spanrec_mark *mark = &wave->marks.marks[i];
		int at[4] = { 0, middle(side) - LANE_HALF, 0, 2 * LANE_HALF };

		if (!(mark->sides >> side & 1))
			continue;
		spanrec_wave_span(wave, mark, &first, &last);
		at[0] = LEFT_EDGE + (int)first;
		at[2] = (int)(last - first) + 1;
		snprintf(title, sizeof(title), "%s: %s%s, %.3f s",
			 spanrec_mark_sides(mark),
			 mark->unrecorded ? "not recorded: " : "", mark->reason,
			 (double)(mark->until_ns - mark->from_ns) / 1e9);
		picture->canvas->box(picture->canvas, at,
				     spanrec_wave_reason(mark)->colour, title);
	}
}

static void
put_lane(struct picture *picture, int side)
{
	const int lane[4] = { LEFT_EDGE, middle(side) - LANE_HALF,
			      SPANREC_PICTURE_COLUMNS, 2 * LANE_HALF };
	const int line[4] = { LEFT_EDGE, middle(side), SPANREC_PICTURE_COLUMNS,
			      1 };
	char label[4 * STORE_NUMBER_BYTES];

	spanrec_wave_side(picture->wave, side, label, sizeof(label));
	put_text(picture, LEFT_EDGE, LANE_Y + 5 + side * LANE_PITCH, label);
	picture->canvas->box(picture->canvas, lane, PALE, NULL);
	put_missing(picture, side);
	put_sound(picture, side);
	picture->canvas->box(picture->canvas, line, GREY, NULL);
}

static void
put_axis(struct picture *picture)
{
	const struct spanrec_wave *wave = picture->wave;
	const struct spanrec_audio *audio = wave->audio;
	const int line[4] = { LEFT_EDGE, AXIS_Y, SPANREC_PICTURE_COLUMNS, 1 };
	int64_t step_ns = spanrec_wave_step_ns(wave, 10), at_ns;
	char clock[SPANREC_TIME_BYTES];

	picture->canvas->box(picture->canvas, line, BLACK, NULL);
	at_ns = (audio->start_ns + step_ns - 1) / step_ns * step_ns;
	for (; at_ns < audio->end_ns; at_ns += step_ns) {
		struct spanrec_mark mark = { .from_ns = at_ns,
					     .until_ns = at_ns };
		int tick[4] = { 0, AXIS_Y, 1, 5 }, x;
		size_t first, last;

		spanrec_wave_span(wave, &mark, &first, &last);
		tick[0] = LEFT_EDGE + (int)first;
		picture->canvas->box(picture->canvas, tick, BLACK, NULL);
		spanrec_wave_clock(wave, at_ns, clock);
		x = tick[0] - (int)strlen(clock) * LETTER / 2;
		put_text(picture, x < 2 ? 2 : x, AXIS_Y + 16, clock);
	}
}

static void
put_legend(struct picture *picture, const struct spanrec_wave_entry *entries,
	   size_t n)
{
	char text[SPANREC_TIME_BYTES];
	size_t i;

	for (i = 0; i < n; i++) {
		int x = LEFT_EDGE + (int)(i % LEGEND_COLUMNS) * LEGEND_COLUMN;
		int y = LEGEND_Y + (int)(i / LEGEND_COLUMNS) * LEGEND_ROW;
		const int square[4] = { x, y - 8, 10, 10 };

		picture->canvas->box(picture->canvas, square,
				     entries[i].reason->colour, NULL);
		spanrec_wave_entry_text(&entries[i], text);
		put_text(picture, x + 16, y, text);
	}
}

int
spanrec_wave_draw(const struct spanrec_wave *wave, FILE *to,
		  spanrec_canvas_fn canvas_new)
{
	struct spanrec_wave_entry entries[SPANREC_WAVE_ENTRIES_MAX];
	size_t n = spanrec_wave_legend(wave, entries);
	int height =
	    LEGEND_Y +
	    (int)((n + LEGEND_COLUMNS - 1) / LEGEND_COLUMNS) * LEGEND_ROW;
	char title[2 * SPANREC_TIME_BYTES + STORE_SEGMENT_ID_BYTES];
	const int all[4] = { 0, 0, WIDTH, height };
	struct picture picture = { .wave = wave };

	picture.canvas = canvas_new(to, WIDTH, height);
	if (!picture.canvas)
		return -ENOMEM;
	picture.canvas->box(picture.canvas, all, WHITE, NULL);
	spanrec_wave_title(wave, title, sizeof(title));
	put_text(&picture, LEFT_EDGE, TITLE_Y, title);
	put_lane(&picture, 0);
	put_lane(&picture, 1);
	put_axis(&picture);
	put_legend(&picture, entries, n);
	return picture.canvas->finish(picture.canvas);
}
