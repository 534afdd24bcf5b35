/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The manual of the recorder names every counter, gauge and setting, with the
 * unit and the text of the table: it cannot fall behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/common/counters.h"
#include "cmd/common/home.h"
#include "cmd/testing/testing.h"

#define MANUAL "cmd/spanrecd/spanrecd.8"

static char *
manual_read(void)
{
	size_t n;
	uint8_t *bytes = testing_read_file(MANUAL, &n);
	char *text = malloc(n + 1);

	assert_non_null(text);
	memcpy(text, bytes, n);
	text[n] = '\0';
	free(bytes);
	return text;
}

static void
names_row(const char *manual, const struct counter_row *row)
{
	char wanted[512];

	snprintf(wanted, sizeof(wanted), "\n.It Cm %s Pq %s\n%s.\n", row->name,
		 row->unit, row->text);
	if (!strstr(manual, wanted))
		fail_msg(MANUAL " does not have, as the table does:%s", wanted);
}

static void
counters(void **state)
{
	char *manual = manual_read();
	size_t i;

	(void)state;
	for (i = 0; i < COUNTER_ROWS_COUNT; i++)
		names_row(manual, &counter_rows[i]);
	for (i = 0; i < GAUGE_COUNT; i++)
		names_row(manual, &gauge_rows[i]);
	free(manual);
}

/* Is the word in there, and not as a part of another? */
static bool
has_word(const char *text, const char *word)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
	size_t n = strlen(word);
	const char *at;

	for (at = strstr(text, word); at; at = strstr(at + 1, word))
		if ((at == text || !strchr(letters, at[-1])) &&
		    (at[n] == '\0' || !strchr(letters, at[n])))
			return true;
	return false;
}

static void
settings(void **state)
{
	char *manual = manual_read(), *file = NULL, *line, *next;
	size_t n = 0, named = 0;
	FILE *to = open_memstream(&file, &n);

	(void)state;
	assert_int_equal(home_settings_write(to), 0);
	fclose(to);
	for (line = file; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (*line == '#' || !strchr(line, ':'))
			continue;
		*strchr(line, ':') = '\0';
		named++;
		if (!has_word(manual, line))
			fail_msg(MANUAL " does not name the setting %s", line);
	}
	assert_true(named > 20);
	free(file);
	free(manual);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters),
		cmocka_unit_test(settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
