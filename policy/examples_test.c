/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The policies of policy/examples: each is without a mistake and warns of
 * nothing but what it says, its own tests hold, and the table of
 * policy/examples/README.md says of every requirement in which sections of the
 * file it is marked.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/testing/testing.h"
#include "policy/policy.h"

#define FOLDER "policy/examples/"

/** 2026-01-01: reviews come due, and then the examples warn, as they must. */
#define NOW_NS (INT64_C(1767225600) * 1000000000)

enum { REQUIREMENTS_MAX = 26, SECTION_BYTES = 32, SECTIONS_BYTES = 160 };

static const struct example {
	const char *file;
	char letter; /* of its requirements; 0: it has none */
	unsigned requirements;
	uint32_t tests;    /* at least */
	uint32_t warnings; /* each of an area that is not approved */
} examples[] = {
	{ FOLDER "jersey-cls.yaml", 'J', 26, 12, 4 },
	{ FOLDER "ccbc.yaml", 'C', 25, 12, 2 },
	{ FOLDER "reigate-banstead.yaml", 'R', 16, 12, 0 },
	{ FOLDER "west-lindsey.yaml", 'W', 12, 12, 0 },
	{ FOLDER "north-wales-housing.yaml", 'N', 22, 12, 0 },
	{ FOLDER "minimal.yaml", 0, 0, 0, 0 },
};
#define EXAMPLES (sizeof(examples) / sizeof(*examples))

static char *
read_text(const char *file)
{
	size_t n;
	uint8_t *bytes = testing_read_file(file, &n);
	char *text = malloc(n + 1);

	assert_non_null(text);
	memcpy(text, bytes, n);
	text[n] = '\0';
	free(bytes);
	return text;
}

static struct policy *
load(const struct example *example)
{
	char *text = read_text(example->file);
	struct policy_errors errors;
	struct policy *policy;
	int rc = policy_load(&policy, text, strlen(text), &errors);

	free(text);
	if (rc) {
		policy_errors_print(&errors, example->file, stderr);
		fail_msg("%s: has mistakes", example->file);
	}
	return policy;
}

static void
test_no_mistakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < EXAMPLES; i++) {
		struct policy *policy = load(&examples[i]);
		struct policy_errors warnings;
		uint32_t n;

		policy_lint(policy, NOW_NS, &warnings);
		for (n = 0; n < warnings.count; n++) {
			if (!strstr(warnings.errors[n].text, "not recorded"))
				fail_msg("%s: warns: %s", examples[i].file,
					 warnings.errors[n].text);
		}
		assert_int_equal(n, examples[i].warnings);
		policy_free(&policy);
	}
}

static void
test_their_tests(void **state)
{
	uint32_t failed = 0;

	(void)state;
	for (size_t i = 0; i < EXAMPLES; i++) {
		struct policy *policy = load(&examples[i]);
		struct policy_test_result result;

		assert_int_equal(
		    policy_test_run(policy, examples[i].file, stderr, &result),
		    0);
		failed += result.failed;
		if (result.passed + result.failed < examples[i].tests)
			fail_msg("%s: has %u tests, not %u", examples[i].file,
				 result.passed + result.failed,
				 examples[i].tests);
		policy_free(&policy);
	}
	assert_int_equal(failed, 0);
}

static void
test_minimal_is_ten_lines(void **state)
{
	char *text = read_text(FOLDER "minimal.yaml");
	unsigned lines = 0;

	(void)state;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		lines += line[0] != '#';
	free(text);
	assert_int_equal(lines, 10);
}

/* ---- requirements -------------------------------------------------------- */

/** In which sections each is marked: "rules, retention". */
struct marks {
	const struct example *example;
	char sections[REQUIREMENTS_MAX + 1][SECTIONS_BYTES];
};

static void
mark(struct marks *marks, unsigned number, const char *section)
{
	char *sections = marks->sections[number];
	size_t n = strlen(sections), length = strlen(section);

	/* a section is all in one place */
	if (n >= length && !strcmp(sections + n - length, section))
		return;
	snprintf(sections + n, SECTIONS_BYTES - n, "%s%s", n ? ", " : "",
		 section);
}

/** "J-14" and the like in a comment, up to the end of its line. */
static void
comment_read(struct marks *marks, const char *comment, size_t n,
	     const char *section)
{
	for (size_t i = 1; i + 2 < n; i++) {
		unsigned long number;

		if (comment[i] < 'A' || comment[i] > 'Z' ||
		    comment[i + 1] != '-' ||
		    isalnum((unsigned char)comment[i - 1]) ||
		    !isdigit((unsigned char)comment[i + 2]))
			continue;
		number = strtoul(comment + i + 2, NULL, 10);
		if (comment[i] != marks->example->letter || number < 1 ||
		    number > marks->example->requirements)
			fail_msg("%s: %c-%lu is no requirement of it",
				 marks->example->file, comment[i], number);
		mark(marks, (unsigned)number, section);
	}
}

/** A '#' that begins a comment, or the end of the line. */
static const char *
comment_find(const char *line, const char *end)
{
	for (const char *c = line; c < end; c++) {
		if (*c == '#' && (c == line || c[-1] == ' '))
			return c;
	}
	return end;
}

/** A comment that is alone on its lines is of what comes next. */
static void
file_read(struct marks *marks, const char *text)
{
	char section[SECTION_BYTES] = "";
	const char *waits = NULL, *end;

	for (const char *line = text; *line; line = end + 1) {
		const char *comment;

		end = line + strcspn(line, "\n");
		comment = comment_find(line, end);
		if (line + strspn(line, " ") == comment) {
			waits = waits ? waits : line;
			/* the head of the file has an end */
			waits = line == end ? NULL : waits;
			continue;
		}
		if (isalpha((unsigned char)line[0]))
			snprintf(section, sizeof(section), "%.*s",
				 (int)strcspn(line, ":"), line);
		if (!strcmp(section, "tests"))
			return;
		if (waits)
			comment_read(marks, waits, (size_t)(line - waits),
				     section);
		comment_read(marks, comment, (size_t)(end - comment), section);
		waits = NULL;
	}
}

/** The row of a requirement in the table: "| J-1 | what | sections | ... |" */
static void
row_check(const struct marks *marks, unsigned number, const char *readme)
{
	static const char *const states[] = { "met", "in part: ", "not yet: ",
					      "not by software: " };
	const char *sections = marks->sections[number], *row, *state;
	char begin[16], expected[SECTIONS_BYTES + 8];
	bool known = false;

	snprintf(begin, sizeof(begin), "\n| %c-%u | ", marks->example->letter,
		 number);
	row = strstr(readme, begin);
	if (!row) {
		fail_msg("no row %s", begin + 1);
		return;
	}
	row += strlen(begin);
	row += strcspn(row, "|");
	snprintf(expected, sizeof(expected), "| %s | ",
		 sections[0] ? sections : "–");
	if (strncmp(row, expected, strlen(expected)) != 0)
		fail_msg("%s is marked in %s, not in %.40s", begin + 1,
			 expected, row);
	state = row + strlen(expected);
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		known |= !strncmp(state, states[i], strlen(states[i]));
	if (!known)
		fail_msg("%s: what is '%.20s'?", begin + 1, state);
}

static void
test_requirements(void **state)
{
	char *readme = read_text(FOLDER "README.md");

	(void)state;
	for (size_t i = 0; i < EXAMPLES; i++) {
		struct marks marks = { .example = &examples[i] };
		char *text = read_text(examples[i].file);

		file_read(&marks, text);
		for (unsigned n = 1; n <= examples[i].requirements; n++)
			row_check(&marks, n, readme);
		free(text);
	}
	free(readme);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_mistakes),
		cmocka_unit_test(test_their_tests),
		cmocka_unit_test(test_minimal_is_ten_lines),
		cmocka_unit_test(test_requirements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
