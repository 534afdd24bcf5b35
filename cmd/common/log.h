/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the programs say on stderr. Never a keyed digit or a key; telephone
 * numbers at LOG_LEVEL_DEBUG only. Warnings, whose cause is input, are limited
 * to ten a second for each call site. Thread-safe.
 */
#ifndef CMD_COMMON_LOG_H
#define CMD_COMMON_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO,
		 LOG_LEVEL_DEBUG };

/** Once, at the start, before threads. @param program borrowed */
void log_init(const char *program, enum log_level level);

/** "program: text" and a newline. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...)
	__attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
