/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CMD_COMMON_JSON_H
#define CMD_COMMON_JSON_H

#include <jansson.h>

/**
 * A list of texts, of which a row has one a line.
 *
 * @param text makes one of them
 * @return a new reference, NULL: out of memory
 */
json_t *json_lines(const char *lines, json_t *(*text)(const char *line));

#endif
