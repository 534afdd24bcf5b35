/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/common/json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "store/store.h"

/* No list in a row is longer, and so no line. */
#define LINE_BYTES STORE_SIP_CALL_IDS_BYTES
#define TIME_BYTES 32

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

json_t *
json_time(int64_t time_ns)
{
	time_t s = (time_t)(time_ns / 1000000000);
	char text[TIME_BYTES], whole[TIME_BYTES + 8];
	struct tm tm;

	if (time_ns <= 0 || !gmtime_r(&s, &tm))
		return json_null();
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(whole, sizeof(whole), "%s.%03dZ", text,
		 (int)(time_ns / 1000000 % 1000));
	return json_string(whole);
}

json_t *
json_number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

json_t *
json_clean(const char *text)
{
	json_t *json = json_string(text);

	return json ? json : json_string("?");
}
