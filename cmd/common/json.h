/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CMD_COMMON_JSON_H
#define CMD_COMMON_JSON_H

#include <stdint.h>

#include <jansson.h>

/**
 * A list of texts, of which a row has one a line.
 *
 * @param text makes one of them
 * @return a new reference, NULL: out of memory
 */
json_t *json_lines(const char *lines, json_t *(*text)(const char *line));

/** "2019-03-28T14:15:03.250Z". @return a new reference: of no time null, NULL:
 * out of memory */
json_t *json_time(int64_t time_ns);

/** A count. */
json_t *json_number(uint64_t value);

/** Whatever bytes a text has that came from elsewhere: text, or nothing. */
json_t *json_clean(const char *text);

#endif
