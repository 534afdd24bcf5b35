/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/common/json.h"

#include <string.h>

#include "store/store.h"

/* No list in a row is longer, and so no line. */
#define LINE_BYTES STORE_SIP_CALL_IDS_BYTES

json_t *
json_lines(const char *lines, json_t *(*text)(const char *line))
{
	json_t *list = json_array();
	char line[LINE_BYTES];

	while (*lines) {
		size_t n = strcspn(lines, "\n");
		size_t kept = n < sizeof(line) ? n : sizeof(line) - 1;

		memcpy(line, lines, kept);
		line[kept] = '\0';
		(void)json_array_append_new(list, text(line));
		lines += n + (lines[n] == '\n');
	}
	return list;
}
