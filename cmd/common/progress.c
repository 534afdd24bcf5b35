/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One line on a terminal, drawn over itself. */
#include "cmd/common/progress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REDRAW_NS INT64_C(100000000)
#define SECOND_NS INT64_C(1000000000)

static int64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SECOND_NS + ts.tv_nsec;
}

static void
draw(const char *text)
{
	ssize_t n;

	do {
		n = write(STDERR_FILENO, text, strlen(text));
	} while (n < 0 && errno == EINTR);
}

void
progress_init(struct progress *progress, const char *what)
{
	const char *term = getenv("TERM");

	*progress = (struct progress){
		.what = what,
		.shown =
		    isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0,
		.began_ns = clock_ns(),
	};
}

/** "1.2 k", "34.5 M": three digits say enough. */
static void
rate_text(char *text, size_t bytes, double rate)
{
	static const char *const units[] = { "", "k", "M", "G", "T" };
	size_t unit = 0;

	while (rate >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		rate /= 1000;
		unit++;
	}
	snprintf(text, bytes, "%.*f %s", unit && rate < 99.95, rate,
		 units[unit]);
}

static void
left_text(char *text, size_t bytes, double seconds)
{
	unsigned long s = seconds < 360000 ? (unsigned long)seconds : 359999;

	if (s >= 3600)
		snprintf(text, bytes, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60,
			 s % 60);
	else
		snprintf(text, bytes, "%lu:%02lu", s / 60, s % 60);
}

void
progress_update(struct progress *progress, uint64_t done, uint64_t total)
{
	char line[160], rate[24], left[24];
	double elapsed_s, per_second;
	int64_t now_ns;

	if (!progress->shown)
		return;
	now_ns = clock_ns();
	if (progress->drawn_ns && now_ns - progress->drawn_ns < REDRAW_NS &&
	    done < total)
		return;
	progress->drawn_ns = now_ns;
	elapsed_s = (double)(now_ns - progress->began_ns) / (double)SECOND_NS;
	per_second = elapsed_s > 0 ? (double)done / elapsed_s : 0;
	rate_text(rate, sizeof(rate), per_second);
	if (total == 0 || done > total || per_second <= 0) {
		snprintf(line, sizeof(line), "\r%s %s/s\033[K", progress->what,
			 rate);
	} else {
		left_text(left, sizeof(left),
			  (double)(total - done) / per_second + 0.5);
		snprintf(line, sizeof(line),
			 "\r%s %3.0f %%, %s/s, %s left\033[K", progress->what,
			 100.0 * (double)done / (double)total, rate, left);
	}
	draw(line);
}

void
progress_fini(struct progress *progress)
{
	if (progress->shown && progress->drawn_ns)
		draw("\r\033[K");
	progress->shown = false;
}
