/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The line of the player:
 *
 *   > 0:05 / 1:02  1.0x  L# R:  [====|---x----]  right: loss
 *
 * ">" plays, "=" is paused; levels of both sides; where in the call it is, with
 * an x where something is missing; and what is missing here, or was just now.
 */
#include "cmd/spanrec/play_priv.h"

#include <stdarg.h>
#include <string.h>

/** What is missing stays on the screen so long [ns]. */
#define STAY_NS INT64_C(2000000000)

/** Columns of it, and of all but the lengths, the bar and it. */
#define MISSING_COLUMNS 26
#define FIXED_COLUMNS   24

#define BAR_COLUMNS_MIN 10
#define BAR_COLUMNS_MAX 200
#define NS_PER_S        INT64_C(1000000000)

struct text {
	char *bytes;
	size_t used;
};

static void put(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
put(struct text *text, const char *format, ...)
{
	size_t room = SPANREC_LINE_BYTES - text->used;
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(text->bytes + text->used, room, format, arguments);
	va_end(arguments);
	if (n > 0)
		text->used += (size_t)n < room ? (size_t)n : room - 1;
}

/* 0 to 8: each is 6 dB. */
static int
level(int16_t peak)
{
	int bits = 0;

	while (peak >> bits)
		bits++;
	return bits > 7 ? bits - 7 : 0;
}

static void
put_level(struct text *text, int16_t peak, bool utf8)
{
	static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄",
					      "▅", "▆", "▇", "█" };
	static const char ascii[] = " .:-=+*#@";

	if (utf8)
		put(text, "%s", blocks[level(peak)]);
	else
		put(text, "%c", ascii[level(peak)]);
}

static int64_t
time_of(const struct spanrec_audio *audio, uint64_t frame)
{
	return audio->start_ns +
	       (int64_t)((double)frame * 1e9 / spanrec_audio_hz(audio));
}

static void
put_bar(struct text *text, const struct spanrec_line *line, int64_t now_ns,
	int columns)
{
	const struct spanrec_audio *audio = line->audio;
	double length = (double)(audio->end_ns - audio->start_ns);
	char bar[BAR_COLUMNS_MAX + 1];
	size_t k;
	int at, i;

	if (length < 1)
		length = 1; /* nothing is heard of it */
	at = (int)((double)(now_ns - audio->start_ns) / length * columns);
	memset(bar, '-', (size_t)columns);
	for (k = 0; k < line->marks->count; k++) {
		const struct spanrec_mark *mark = &line->marks->marks[k];
		double from = (double)(mark->from_ns - audio->start_ns);
		double until = (double)(mark->until_ns - audio->start_ns);

		for (i = (int)(from / length * columns);
		     i < columns && i <= until / length * columns; i++)
			bar[i] = 'x';
	}
	for (i = 0; i < at && i < columns; i++)
		bar[i] = bar[i] == 'x' ? 'x' : '=';
	bar[at < columns ? at : columns - 1] = '|';
	bar[columns] = '\0';
	put(text, "[%s]", bar);
}

/* The one that began last. @return NULL: nothing is missing here */
static const struct spanrec_mark *
missing_at(const struct spanrec_marks *marks, int64_t now_ns)
{
	const struct spanrec_mark *found = NULL;
	size_t i;

	for (i = 0; i < marks->count && marks->marks[i].from_ns <= now_ns; i++)
		if (marks->marks[i].until_ns > now_ns - STAY_NS)
			found = &marks->marks[i];
	return found;
}

void
spanrec_line_text(const struct spanrec_line *line,
		  const struct spanrec_playing *playing, int columns, bool utf8,
		  char bytes[SPANREC_LINE_BYTES])
{
	const struct spanrec_audio *audio = line->audio;
	int64_t now_ns = time_of(audio, playing->frame);
	const struct spanrec_mark *missing = missing_at(line->marks, now_ns);
	char at[SPANREC_TIME_BYTES], length[SPANREC_TIME_BYTES];
	struct text text = { .bytes = bytes };
	int bar;

	spanrec_duration(now_ns - audio->start_ns, at);
	spanrec_duration(audio->end_ns - audio->start_ns, length);
	put(&text, "%c %s / %s  %d.%dx  ", playing->paused ? '=' : '>', at,
	    length, playing->speed / 10, playing->speed % 10);
	put(&text, "%s", playing->channels == 2 ? "L" : "");
	put_level(&text, playing->peak[0], utf8);
	if (playing->channels == 2) {
		put(&text, " R");
		put_level(&text, playing->peak[1], utf8);
	}
	put(&text, "  ");
	/* at first the time is shorter than the length */
	put(&text, "%*s", (int)(strlen(length) - strlen(at)), "");
	bar =
	    columns - FIXED_COLUMNS - 2 * (int)strlen(length) - MISSING_COLUMNS;
	if (bar > BAR_COLUMNS_MAX)
		bar = BAR_COLUMNS_MAX;
	if (bar >= BAR_COLUMNS_MIN)
		put_bar(&text, line, now_ns, bar);
	if (missing)
		put(&text, "  %s: %.*s%s", spanrec_mark_sides(missing), 14,
		    missing->reason, missing->unrecorded ? " (none)" : "");
}
