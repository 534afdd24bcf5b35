/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files share that draw the sound of a call:
 *
 *   waveform.c          the command: who may, and from sound to columns
 *   waveform_text.c     a sketch for a terminal
 *   waveform_picture.c  a picture, on a canvas
 *   waveform_svg.c waveform_png.c
 *                       two kinds of canvas
 */
#ifndef CMD_SPANREC_WAVEFORM_PRIV_H
#define CMD_SPANREC_WAVEFORM_PRIV_H

#include "cmd/spanrec/audio.h"

/** The sound of one column: of left and right. */
struct spanrec_wave_column {
	int16_t low[2], high[2];
	double square[2]; /**< sum of the squares of all samples */
	uint64_t count;
};

struct spanrec_wave {
	const struct spanrec *spanrec;
	const struct spanrec_audio *audio;
	struct spanrec_marks marks;
	struct spanrec_wave_column *columns;
	size_t columns_count;
};

/** Root of the mean square of one side in a column. */
int spanrec_wave_rms(const struct spanrec_wave_column *column, int side);
/** The largest sample of one side in a column, without its sign. */
int spanrec_wave_peak(const struct spanrec_wave_column *column, int side);

/* ---- what is missing ----------------------------------------------------- */

/** How a reason is drawn. */
struct spanrec_wave_reason {
	const char *name;
	uint32_t colour; /**< 0xRRGGBB */
	int ansi;        /**< its like on a terminal: SGR 30 to 97 */
	char letter;     /**< where there are no colours */
};

/** Of a mark; never NULL: those that have no colour of their own share one. */
const struct spanrec_wave_reason *
spanrec_wave_reason(const struct spanrec_mark *mark);

/** One entry of the legend: all marks of one reason. */
struct spanrec_wave_entry {
	const struct spanrec_wave_reason *reason;
	size_t count;
	double seconds;
};

/** As many as there are kinds. */
#define SPANREC_WAVE_ENTRIES_MAX 16

/** @param entries [SPANREC_WAVE_ENTRIES_MAX] @return entries */
size_t spanrec_wave_legend(const struct spanrec_wave *wave,
			   struct spanrec_wave_entry *entries);
/** "loss: 2, 0.520 s" @param text [SPANREC_TIME_BYTES] */
void spanrec_wave_entry_text(const struct spanrec_wave_entry *entry,
			     char text[SPANREC_TIME_BYTES]);

/** Columns that a mark covers, the last one included. */
void spanrec_wave_span(const struct spanrec_wave *wave,
		       const struct spanrec_mark *mark, size_t *first,
		       size_t *last);

/* ---- time ---------------------------------------------------------------- */

/** A whole number of seconds, so that there are at most so many in all. */
int64_t spanrec_wave_step_ns(const struct spanrec_wave *wave, int ticks_max);
/** "14:15:03" in the zone of the site. */
void spanrec_wave_clock(const struct spanrec_wave *wave, int64_t time_ns,
			char text[SPANREC_TIME_BYTES]);
/** "ID, 2019-03-28 14:15:03 GMT, 0:06" */
void spanrec_wave_title(const struct spanrec_wave *wave, char *text, size_t n);
/** "left 2750": the side, and its number if there is one */
void spanrec_wave_side(const struct spanrec_wave *wave, int side, char *text,
		       size_t n);

/* ---- canvases ------------------------------------------------------------ */

/** Where a picture is drawn, in pixels from the upper left corner. Errors are
 * kept until the end. */
struct spanrec_canvas {
	/** @param title shown by programs that show such; NULL: none */
	void (*box)(struct spanrec_canvas *canvas, const int at[4],
		    uint32_t colour, const char *title);
	/** Upright lines one after another: columns[2 * i] to
	 * columns[2 * i + 1], from x on. */
	void (*lines)(struct spanrec_canvas *canvas, int x, const int *columns,
		      size_t count, uint32_t colour);
	/** Letters are 6 wide and 7 high; y is their lower edge. */
	void (*text)(struct spanrec_canvas *canvas, const int at[2],
		     uint32_t colour, const char *text);
	/** Writes what is left, and frees. @return 0, negative errno */
	int (*finish)(struct spanrec_canvas *canvas);
};

/** @return NULL: no memory */
struct spanrec_canvas *spanrec_canvas_svg(FILE *to, int width, int height);
struct spanrec_canvas *spanrec_canvas_png(FILE *to, int width, int height);

/* ---- drawing ------------------------------------------------------------- */

/** So many columns the picture wants. */
#define SPANREC_PICTURE_COLUMNS 900

typedef struct spanrec_canvas *(*spanrec_canvas_fn)(FILE *to, int width,
						    int height);

/** @return 0, negative errno */
int spanrec_wave_draw(const struct spanrec_wave *wave, FILE *to,
		      spanrec_canvas_fn canvas_new)
	__attribute__((warn_unused_result));

/** Columns of a sketch in a terminal of this width. */
size_t spanrec_sketch_columns(int width);

void spanrec_wave_sketch(const struct spanrec_wave *wave, FILE *to, bool utf8,
			 bool colours);

#endif
