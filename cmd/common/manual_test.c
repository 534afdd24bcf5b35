/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The manual of the recorder names every counter and gauge, with the unit and
 * the text of the table, and every setting, in the section that is theirs; and
 * no counter that there is no longer: it cannot fall behind.
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

/* One section: the same word means something else in another one. */
static char *
section_read(const char *title)
{
	size_t n;
	uint8_t *bytes = testing_read_file(MANUAL, &n);
	char *text = malloc(n + 1), *begin, *end;
	char head[64];

	assert_non_null(text);
	memcpy(text, bytes, n);
	text[n] = '\0';
	free(bytes);
	snprintf(head, sizeof(head), "\n.Sh %s\n", title);
	begin = strstr(text, head);
	if (!begin) {
		fail_msg(MANUAL " has no section %s", title);
		return NULL;
	}
	end = strstr(begin + 1, "\n.Sh ");
	memmove(text, begin, strlen(begin) + 1);
	if (end)
		text[end - begin] = '\0';
	return text;
}

static size_t
items_count(const char *section)
{
	static const char item[] = "\n.It ";
	size_t n = 0;

	for (; (section = strstr(section, item)); section++)
		n++;
	return n;
}

static void
names_row(const char *section, const struct counter_row *row)
{
	char wanted[512];

	snprintf(wanted, sizeof(wanted), "\n.It Cm %s Pq %s\n%s.\n", row->name,
		 row->unit, row->text);
	if (!strstr(section, wanted))
		fail_msg(MANUAL " does not have, as the table does:%s", wanted);
}

static void
counters(void **state)
{
	char *section = section_read("COUNTERS");
	size_t i;

	(void)state;
	for (i = 0; i < COUNTER_ROWS_COUNT; i++)
		names_row(section, &counter_rows[i]);
	for (i = 0; i < GAUGE_COUNT; i++)
		names_row(section, &gauge_rows[i]);
	/* All of the tables are there, so what is more is of no table. */
	assert_int_equal(items_count(section),
			 COUNTER_ROWS_COUNT + GAUGE_COUNT);
	free(section);
}

/* Is it on one of the lines that name settings, by itself? */
static bool
names_setting(const char *section, const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
	size_t n = strlen(name);
	const char *at, *line;

	for (at = strstr(section, name); at; at = strstr(at + 1, name)) {
		for (line = at; line > section && line[-1] != '\n'; line--)
			;
		if ((strncmp(line, ".Cm ", 4) == 0 ||
		     strncmp(line, ".It Cm ", 7) == 0) &&
		    at[-1] == ' ' && !(at[n] && strchr(letters, at[n])))
			return true;
	}
	return false;
}

static void
settings(void **state)
{
	char *section = section_read("SETTINGS"), *file = NULL, *line, *next;
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
		if (!names_setting(section, line))
			fail_msg(MANUAL " does not name the setting %s", line);
	}
	assert_true(named > 20);
	free(file);
	free(section);
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
