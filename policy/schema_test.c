/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Settings: read by their table, written as a file that reads back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"
#include "policy/policy.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct sample {
	bool quick;
	uint32_t size;
	uint64_t large;
	char path[POLICY_TEXT_BYTES];
	struct policy_texts names;
};

static const struct policy_field fields[] = {
	{ "quick", POLICY_FIELD_BOOL, offsetof(struct sample, quick), 0, 0, "",
	  "yes", "Quick or not." },
	{ "size_kib", POLICY_FIELD_U32, offsetof(struct sample, size), 4, 64,
	  "KiB", "16", "How large,\nin two lines." },
	{ "large", POLICY_FIELD_U64, offsetof(struct sample, large), 0,
	  UINT64_MAX, "", "18446744073709551615", "As large as can be." },
	{ "path", POLICY_FIELD_TEXT, offsetof(struct sample, path), 0, 5, "",
	  "''", "Where." },
	{ "names", POLICY_FIELD_TEXTS, offsetof(struct sample, names), 1, 3, "",
	  "[a, 'b c']", "Who." },
};

static int
load(struct sample *sample, const char *text, struct policy_errors *errors)
{
	size_t n = strlen(text);
	char *copy = testing_copy(text, n);
	int err;

	memset(sample, 0xee, sizeof(*sample));
	err =
	    policy_fields_load(fields, COUNT(fields), sample, copy, n, errors);
	free(copy);
	return err;
}

static void
defaults(void **state)
{
	static const char *const nothing[] = { "", "# a comment\n",
					       "quick: yes\n" };
	struct policy_errors errors;
	struct sample sample;

	(void)state;
	for (size_t i = 0; i < COUNT(nothing); i++) {
		assert_int_equal(load(&sample, nothing[i], &errors), 0);
		assert_true(sample.quick);
		assert_int_equal(sample.size, 16);
		assert_true(sample.large == UINT64_MAX);
		assert_string_equal(sample.path, "");
		assert_int_equal(sample.names.count, 2);
		assert_string_equal(sample.names.text[1], "b c");
	}
}

static void
values(void **state)
{
	struct policy_errors errors;
	struct sample sample;

	(void)state;
	assert_int_equal(load(&sample,
			      "names:\n- x\n- \"y\"\n- z\nquick: no\n"
			      "size_kib: 64\nlarge: 0\npath: /a/b c\n",
			      &errors),
			 -EINVAL);
	assert_int_equal(load(&sample,
			      "names:\n- x\n- \"y\"\n- z\nquick: no\n"
			      "size_kib: 64\nlarge: 0\npath: /a/bc\n",
			      &errors),
			 0);
	assert_false(sample.quick);
	assert_int_equal(sample.size, 64);
	assert_int_equal(sample.large, 0);
	assert_string_equal(sample.path, "/a/bc");
	assert_int_equal(sample.names.count, 3);
	assert_string_equal(sample.names.text[2], "z");
}

static void
mistakes(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "sise: 1", "1:1: the file knows no key 'sise'; it knows: "
			     "quick, size_kib, large, path, names" },
		{ "quick: 1", "1:8: 'quick' must be yes or no, but is '1'" },
		{ "quick: [yes]",
		  "1:8: 'quick' must be a single value, but is a list" },
		{ "size_kib: 3",
		  "1:11: 'size_kib' must be from 4 to 64 KiB, but is 3" },
		{ "size_kib: 65",
		  "1:11: 'size_kib' must be from 4 to 64 KiB, but is 65" },
		{ "size_kib: -5", "1:11: 'size_kib' must be a whole number of "
				  "KiB, but is '-5'" },
		{ "size_kib: 16k", "1:11: 'size_kib' must be a whole number "
				   "of KiB, but is '16k'" },
		{ "large: 18446744073709551616",
		  "1:8: 'large' must be from 0 to 18446744073709551615, but "
		  "is 18446744073709551616" },
		{ "path: abcdef", "1:7: 'path' must have from 0 to 5 "
				  "bytes, and has 6" },
		{ "names: []",
		  "1:8: 'names' must have from 1 to 3 entries, and has 0" },
		{ "names: [a, b, c, d]",
		  "1:8: 'names' must have from 1 to 3 entries, and has 4" },
		{ "names: a", "1:8: 'names' must be a list ('[a, b]', or lines "
			      "that begin with '- '), but is a single value" },
		{ "path: a\npath: b",
		  "2:1: 'path' is given twice; first in line 1" },
		{ "- a", "1:1: the file must be a group of keys "
			 "('key: value'), but is a list" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct policy_errors errors;
		struct sample sample;
		char error[400];

		assert_int_equal(load(&sample, rows[i].text, &errors), -EINVAL);
		assert_int_equal(errors.count, 1);
		snprintf(error, sizeof(error), "%u:%u: %s",
			 errors.errors[0].line, errors.errors[0].column,
			 errors.errors[0].text);
		assert_string_equal(error, rows[i].error);
	}
}

static void
written_as_a_commented_file(void **state)
{
	static const char wanted[] = "# Quick or not.\n"
				     "# yes or no\n"
				     "quick: yes\n"
				     "\n"
				     "# How large,\n"
				     "# in two lines.\n"
				     "# from 4 to 64 KiB\n"
				     "size_kib: 16\n"
				     "\n"
				     "# As large as can be.\n"
				     "# from 0 to 18446744073709551615\n"
				     "large: 18446744073709551615\n"
				     "\n"
				     "# Where.\n"
				     "path: ''\n"
				     "\n"
				     "# Who.\n"
				     "# a list of at most 3\n"
				     "names: [a, 'b c']\n";
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	(void)state;
	assert_int_equal(policy_fields_write(fields, COUNT(fields), to), 0);
	fclose(to);
	assert_string_equal(text, wanted);
	free(text);

	to = fopen("/dev/full", "w");
	setvbuf(to, NULL, _IONBF, 0);
	assert_int_equal(policy_fields_write(fields, COUNT(fields), to), -EIO);
	fclose(to);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(values),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(written_as_a_commented_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
