/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines on stderr, each in one write(2), so that lines of several threads and
 * processes do not mix. No time in front: journald and the like add it.
 *
 * Warnings are what a stranger's packets can cause, so a call site (told by
 * its format) may print ten a second; the next one after that tells how many
 * were left out.
 */
#include "cmd/common/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES   1024
#define SITES        64 /* some warnings share one */
#define WARNINGS_MAX 10 /* of one site in a window */
#define WINDOW_NS    INT64_C(1000000000)

struct site {
	int64_t began_ns;
	uint32_t count;
	uint32_t left_out;
};

/* Set once before threads. The only state that a program has of its own:
 * what a log line starts with would be an argument of every function else. */
static const char *log_program = "spanrec";
static enum log_level log_level = LOG_LEVEL_INFO;

static pthread_mutex_t sites_lock = PTHREAD_MUTEX_INITIALIZER;
static struct site sites[SITES];

void
log_init(const char *program, enum log_level level)
{
	log_program = program;
	log_level = level;
}

/** May this warning be printed? *left_out of its kind were not. */
static bool
site_may_print(const char *format, uint32_t *left_out)
{
	struct site *site = &sites[((uintptr_t)format >> 3) % SITES];
	struct timespec ts;
	int64_t now_ns;
	bool may;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now_ns = ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
	pthread_mutex_lock(&sites_lock);
	*left_out = 0;
	if (now_ns - site->began_ns >= WINDOW_NS) {
		*left_out = site->left_out;
		*site = (struct site){ .began_ns = now_ns };
	}
	may = site->count < WARNINGS_MAX;
	if (may)
		site->count++;
	else
		site->left_out++;
	pthread_mutex_unlock(&sites_lock);
	return may;
}

/**
 * Length of what a terminal or a reader would obey at p: C0 and DEL; C1, and
 * what turns the direction of writing or ends a line (U+2028 to 202E, U+2066 to
 * 2069), in UTF-8.
 */
static size_t
control_bytes(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	if (p[0] < 0x20 || p[0] == 0x7f)
		return 1;
	if (p[0] == 0xC2 && p[1] >= 0x80 && p[1] <= 0x9F)
		return 2;
	if (p[0] == 0xE2 && p[1] == 0x80 && p[2] >= 0xA8 && p[2] <= 0xAE)
		return 3;
	if (p[0] == 0xE2 && p[1] == 0x81 && p[2] >= 0xA6 && p[2] <= 0xA9)
		return 3;
	return 0;
}

static void __attribute__((format(printf, 3, 0)))
log_line(const char *prefix, uint32_t left_out, const char *format,
	 va_list args)
{
	char line[LINE_BYTES];
	size_t n;
	int w = snprintf(line, sizeof(line), "%s: %s", log_program, prefix);

	n = w < 0 ? 0 : (size_t)w;
	if (n < sizeof(line))
		vsnprintf(line + n, sizeof(line) - n, format, args);
	n = strlen(line);
	if (left_out && n < sizeof(line))
		snprintf(line + n, sizeof(line) - n,
			 " (and %u like it left out)", left_out);
	n = strlen(line);
	for (size_t i = 0; i < n; i++) {
		/* names come from packets: no line of theirs, no escapes */
		memset(line + i, '?', control_bytes(line + i));
	}
	line[n++] = '\n'; /* over the NUL */
	while (write(STDERR_FILENO, line, n) < 0 && errno == EINTR)
		;
}

void
log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line("", 0, format, args);
	va_end(args);
}

void
log_warning(const char *format, ...)
{
	uint32_t left_out;
	va_list args;

	if (log_level < LOG_LEVEL_WARNING || !site_may_print(format, &left_out))
		return;
	va_start(args, format);
	log_line("warning: ", left_out, format, args);
	va_end(args);
}

void
log_info(const char *format, ...)
{
	va_list args;

	if (log_level < LOG_LEVEL_INFO)
		return;
	va_start(args, format);
	log_line("", 0, format, args);
	va_end(args);
}

void
log_debug(const char *format, ...)
{
	va_list args;

	if (log_level < LOG_LEVEL_DEBUG)
		return;
	va_start(args, format);
	log_line("debug: ", 0, format, args);
	va_end(args);
}
