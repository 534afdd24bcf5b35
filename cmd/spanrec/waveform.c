/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * show --waveform: the sound of a call as a picture. Whoever sees it hears the
 * call, as it were: so it wants the right to play it and a purpose, and stands
 * in the ledger like that.
 */
#include "cmd/spanrec/waveform_priv.h"

#include <errno.h>
#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/spanrec/export_priv.h"

#define NS_PER_S INT64_C(1000000000)

/* ---- columns ----------------------------------------------------------- */

int
spanrec_wave_rms(const struct spanrec_wave_column *column, int side)
{
	if (!column->count)
		return 0;
	return (int)lrint(sqrt(column->square[side] / (double)column->count));
}

int
spanrec_wave_peak(const struct spanrec_wave_column *column, int side)
{
	int low = -column->low[side], high = column->high[side];

	return low > high ? low : high;
}

struct gathering {
	struct spanrec_wave *wave;
	uint64_t frames;
};

static int
gather(void *ctx, const int16_t *pcm, size_t frames)
{
	struct gathering *gathering = ctx;
	const struct spanrec_wave *wave = gathering->wave;
	size_t i;
	int k;

	for (i = 0; i < frames; i++, pcm += 2) {
		/* frames fit into 48 bits, columns into 16 */
		struct spanrec_wave_column *column =
		    &wave->columns[gathering->frames++ * wave->columns_count /
				   wave->audio->frames];

		column->count++;
		for (k = 0; k < 2; k++) {
			if (pcm[k] < column->low[k])
				column->low[k] = pcm[k];
			if (pcm[k] > column->high[k])
				column->high[k] = pcm[k];
			column->square[k] += (double)pcm[k] * pcm[k];
		}
	}
	return 0;
}

/* @return exit code */
static int
make_columns(struct spanrec *spanrec, struct spanrec_wave *wave, size_t count)
{
	struct gathering gathering = { .wave = wave };

	wave->columns_count = count;
	wave->columns = calloc(count, sizeof(*wave->columns));
	if (!wave->columns) {
		log_error("not enough memory for the picture");
		return exit_code(-ENOMEM);
	}
	return spanrec_audio_render(spanrec, wave->audio, gather, &gathering);
}

/* ---- what is missing --------------------------------------------------- */

/* The last one is for all others. */
static const struct spanrec_wave_reason reasons[] = {
	{ "loss", 0xD62728, 31, 'x' },
	{ "kernel", 0xFF7F0E, 33, 'k' },
	{ "overrun", 0xFFBB33, 93, 'o' },
	{ "encrypted", 0x636363, 90, 'e' },
	{ "dtmf", 0x9467BD, 35, 'd' },
	{ "policy", 0x8C564B, 33, 'r' },
	{ "interrupted", 0x17BECF, 36, 'i' },
	{ "paused", 0xBCBD22, 93, 'p' },
	{ "payment", 0xE377C2, 95, '$' },
	{ "opt-out", 0x2CA02C, 32, 'n' },
	{ "scrub", 0x111111, 37, 's' },
	{ "not recorded", 0xAAAAAA, 90, '-' },
};
#define REASONS (sizeof(reasons) / sizeof(reasons[0]))
_Static_assert(REASONS <= SPANREC_WAVE_ENTRIES_MAX, "a legend has them all");

const struct spanrec_wave_reason *
spanrec_wave_reason(const struct spanrec_mark *mark)
{
	size_t i;

	for (i = 0; i < REASONS - 1; i++) {
		if (!strcmp(mark->reason, reasons[i].name))
			return &reasons[i];
	}
	return &reasons[REASONS - 1];
}

size_t
spanrec_wave_legend(const struct spanrec_wave *wave,
		    struct spanrec_wave_entry *entries)
{
	size_t i, n = 0, used = 0;

	for (n = 0; n < REASONS; n++) {
		struct spanrec_wave_entry entry = { .reason = &reasons[n] };

		for (i = 0; i < wave->marks.count; i++) {
			const struct spanrec_mark *mark = &wave->marks.marks[i];

			if (spanrec_wave_reason(mark) != entry.reason)
				continue;
			entry.count++;
			entry.seconds +=
			    (double)(mark->until_ns - mark->from_ns) / 1e9;
		}
		if (entry.count)
			entries[used++] = entry;
	}
	return used;
}

void
spanrec_wave_entry_text(const struct spanrec_wave_entry *entry,
			char text[SPANREC_TIME_BYTES])
{
	snprintf(text, SPANREC_TIME_BYTES, "%s: %zu, %.3f s",
		 entry->reason->name, entry->count, entry->seconds);
}

static size_t
column_of(const struct spanrec_wave *wave, int64_t time_ns)
{
	const struct spanrec_audio *audio = wave->audio;
	int64_t length_ns = audio->end_ns - audio->start_ns;
	double part = length_ns > 0 ? (double)(time_ns - audio->start_ns) /
					  (double)length_ns
				    : 0;
	size_t column =
	    part > 0 ? (size_t)(part * (double)wave->columns_count) : 0;

	return column < wave->columns_count ? column : wave->columns_count - 1;
}

void
spanrec_wave_span(const struct spanrec_wave *wave,
		  const struct spanrec_mark *mark, size_t *first, size_t *last)
{
	*first = column_of(wave, mark->from_ns);
	*last = column_of(wave, mark->until_ns);
}

/* ---- time -------------------------------------------------------------- */

int64_t
spanrec_wave_step_ns(const struct spanrec_wave *wave, int ticks_max)
{
	static const int steps_s[] = { 1,   2,   5,   10,  15,   30,  60,
				       120, 300, 600, 900, 1800, 3600 };
	int64_t length_ns = wave->audio->end_ns - wave->audio->start_ns;
	int64_t step_ns;
	size_t i;

	for (i = 0; i < sizeof(steps_s) / sizeof(steps_s[0]); i++) {
		if (length_ns / (steps_s[i] * NS_PER_S) < ticks_max)
			return steps_s[i] * NS_PER_S;
	}
	for (step_ns = 2 * 3600 * NS_PER_S; length_ns / step_ns >= ticks_max;)
		step_ns *= 2;
	return step_ns;
}

void
spanrec_wave_clock(const struct spanrec_wave *wave, int64_t time_ns,
		   char text[SPANREC_TIME_BYTES])
{
	char day[SPANREC_TIME_BYTES];

	spanrec_time_local(wave->spanrec->zone, time_ns, day);
	snprintf(text, SPANREC_TIME_BYTES, "%s",
		 strchr(day, ' ') ? strchr(day, ' ') + 1 : day);
}

void
spanrec_wave_title(const struct spanrec_wave *wave, char *text, size_t n)
{
	const struct spanrec_selection *selection = wave->audio->selection;
	const struct spanrec_audio *audio = wave->audio;
	char start[SPANREC_TIME_BYTES], length[SPANREC_TIME_BYTES];

	spanrec_time_zoned(wave->spanrec->zone, audio->start_ns, start);
	spanrec_duration(audio->end_ns - audio->start_ns, length);
	snprintf(text, n, "%s, %s, %s",
		 selection->count == 1 ? selection->segments[0].id
				       : selection->segments[0].call,
		 start, length);
}

void
spanrec_wave_side(const struct spanrec_wave *wave, int side, char *text,
		  size_t n)
{
	const struct store_segment *first = wave->audio->selection->segments;
	const char *number = side ? first->remote : first->local;
	char clean[3 * STORE_NUMBER_BYTES];

	snprintf(text, n, "%s%s%s", side ? "right" : "left", *number ? " " : "",
		 spanrec_text_clean(number, clean, sizeof(clean)));
}

/* ---- the command ------------------------------------------------------- */

static spanrec_canvas_fn
canvas_by_end(const char *path)
{
	const char *dot = strrchr(path, '.');

	if (dot && !strcasecmp(dot, ".svg"))
		return spanrec_canvas_svg;
	if (dot && !strcasecmp(dot, ".png"))
		return spanrec_canvas_png;
	return NULL;
}

bool
spanrec_waveform_is_picture(const char *name)
{
	return canvas_by_end(name) != NULL;
}

/* @param path NULL: it is shown in the terminal @return exit code */
static int
write_down(struct spanrec *spanrec, const struct spanrec_waveform *waveform,
	   const struct spanrec_audio *audio, const char *path)
{
	char detail[sizeof(((struct store_ledger_entry *)NULL)->detail)];
	size_t n;

	spanrec_authority_text(waveform->authority, detail, sizeof(detail) / 2);
	n = strlen(detail);
	n += (size_t)snprintf(detail + n, sizeof(detail) - n, ", waveform%s",
			      path ? " to " : "");
	if (path)
		spanrec_path_shorten(path, detail + n, sizeof(detail) - n);
	return spanrec_ledger_add(spanrec, "play", audio->selection, detail);
}

static int
terminal_width(const struct spanrec *spanrec)
{
	int fd = fileno(spanrec->out);
	struct winsize size;

	if (fd >= 0 && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return SPANREC_SCREEN_COLUMNS;
}

/* @return exit code */
static int
sketch(struct spanrec *spanrec, const struct spanrec_waveform *waveform,
       struct spanrec_wave *wave)
{
	int fd = fileno(spanrec->out), width = terminal_width(spanrec);
	int rc = write_down(spanrec, waveform, wave->audio, NULL);

	if (!rc)
		rc = make_columns(spanrec, wave, spanrec_sketch_columns(width));
	if (!rc)
		spanrec_wave_sketch(wave, spanrec->out,
				    !strcmp(nl_langinfo(CODESET), "UTF-8"),
				    fd >= 0 && isatty(fd));
	return rc;
}

/* @return exit code */
static int
picture(struct spanrec *spanrec, const struct spanrec_waveform *waveform,
	struct spanrec_wave *wave)
{
	struct spanrec_copy copy = { .path = NULL };
	char path[2 * PATH_MAX], length[SPANREC_TIME_BYTES];
	int error, rc = make_columns(spanrec, wave, SPANREC_PICTURE_COLUMNS);

	if (!rc)
		rc = spanrec_copy_begin(&copy, waveform->path);
	if (rc)
		goto out;
	error =
	    spanrec_wave_draw(wave, copy.file, canvas_by_end(waveform->path));
	if (error < 0)
		rc = spanrec_copy_failed(&copy, error);
	if (!rc)
		rc = spanrec_copy_sync(&copy);
	if (!rc && spanrec_copy_stopped(&copy))
		rc = EXIT_FAILED;
	spanrec_copy_path(&copy, path, sizeof(path));
	if (!rc)
		rc = write_down(spanrec, waveform, wave->audio, path);
	if (!rc)
		rc = spanrec_copy_publish(&copy, waveform->force);
	if (!rc && !spanrec->quiet) {
		spanrec_duration(wave->audio->end_ns - wave->audio->start_ns,
				 length);
		fprintf(spanrec->out,
			"%s: %s, left our side, right the other "
			"side\n",
			waveform->path, length);
	}
out:
	spanrec_copy_fini(&copy);
	return rc;
}

/* @return exit code */
static int
draw(struct spanrec *spanrec, const struct spanrec_waveform *waveform,
     const struct spanrec_audio *audio)
{
	struct spanrec_wave wave = { .spanrec = spanrec, .audio = audio };
	int rc = spanrec_marks_make(audio, &wave.marks);

	if (!rc)
		rc = waveform->path ? picture(spanrec, waveform, &wave)
				    : sketch(spanrec, waveform, &wave);
	free(wave.columns);
	spanrec_marks_fini(&wave.marks);
	return rc || !audio->torn ? rc : EXIT_DAMAGED;
}

int
spanrec_waveform_show(struct spanrec *spanrec,
		      const struct spanrec_waveform *waveform)
{
	struct spanrec_selection selection = { 0 };
	/* what was received, not what is made up */
	struct spanrec_audio audio = { .selection = &selection,
				       .no_conceal = true };
	int rc = 0;

	if (waveform->path && !canvas_by_end(waveform->path)) {
		log_error("--waveform %s: the end of the name says the format: "
			  ".svg or .png; - shows it in the terminal",
			  waveform->path);
		return EXIT_USAGE;
	}
	if (waveform->path)
		rc = spanrec_copy_check(waveform->path, waveform->force);
	if (!rc)
		rc = spanrec_authority_open(spanrec, waveform->authority,
					    POLICY_RIGHT_PLAY, waveform->id,
					    &selection);
	if (!rc)
		rc = spanrec_audio_measure(spanrec, &audio);
	if (!rc)
		rc = draw(spanrec, waveform, &audio);
	spanrec_audio_fini(&audio);
	spanrec_selection_fini(&selection);
	return rc;
}
