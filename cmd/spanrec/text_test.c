/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/spanrec/spanrec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "cmd/testing/testing.h"

#define BAD "\xEF\xBF\xBD"

static const struct {
	const char *text, *clean;
} cleaning[] = {
	{ "", "" },
	{ "+441534440440", "+441534440440" },
	{ "J\xC3\xBCrgen \xE2\x82\xAC \xF0\x9F\x98\x80",
	  "J\xC3\xBCrgen \xE2\x82\xAC \xF0\x9F\x98\x80" },
	/* what a terminal would obey: ESC, BEL, DEL, and CSI in one byte */
	{ "a\x1B[2J\x07\x7F", "a" BAD "[2J" BAD BAD },
	{ "\xC2\x9B"
	  "2J",
	  BAD BAD "2J" },
	{ "a\nb\tc", "a" BAD "b" BAD "c" },
	/* Latin-1, overlong, surrogate, too large, cut off, alone */
	{ "J\xFCrgen", "J" BAD "rgen" },
	{ "\xC0\x80", BAD BAD },
	{ "\xE0\x80\x80", BAD BAD BAD },
	{ "\xED\xA0\x80", BAD BAD BAD },
	{ "\xF4\x90\x80\x80", BAD BAD BAD BAD },
	{ "\xF0\x80\x80\x80", BAD BAD BAD BAD },
	{ "\xE2\x82", BAD BAD },
	{ "\x80", BAD },
	{ "\xFF\xFE", BAD BAD },
	/* what turns the direction of writing, and what ends a line */
	{ "1\xE2\x80\xAA"
	  "2\xE2\x80\xAE"
	  "3",
	  "1" BAD BAD BAD "2" BAD BAD BAD "3" },
	{ "\xE2\x81\xA6 \xE2\x81\xA9", BAD BAD BAD " " BAD BAD BAD },
	{ "\xE2\x80\xA8 \xE2\x80\xA9", BAD BAD BAD " " BAD BAD BAD },
	/* their neighbours are harmless */
	{ "\xE2\x80\xA7\xE2\x80\xAF\xE2\x81\xA5\xE2\x81\xAA",
	  "\xE2\x80\xA7\xE2\x80\xAF\xE2\x81\xA5\xE2\x81\xAA" },
};

static void
test_clean(void **state)
{
	char clean[SPANREC_TEXT_BYTES];
	json_t *json;
	char *copy;
	size_t i;

	for (i = 0; i < sizeof(cleaning) / sizeof(*cleaning); i++) {
		copy = testing_copy(cleaning[i].text,
				    strlen(cleaning[i].text) + 1);
		assert_string_equal(
		    spanrec_text_clean(copy, clean, sizeof(clean)),
		    cleaning[i].clean);
		free(copy);
		/* what is clean is accepted by jansson */
		json = json_string(clean);
		assert_non_null(json);
		json_decref(json);
	}
}

/* Whatever room there is, the result is whole characters that fit. */
static void
test_clean_cut(void **state)
{
	static const char text[] = "\xE2\x82\xAC\xE2\x82\xAC\x1B";
	char *clean;
	size_t n;

	for (n = 1; n < 16; n++) {
		clean = malloc(n);
		assert_non_null(clean);
		spanrec_text_clean(text, clean, n);
		assert_true(strlen(clean) < n);
		assert_int_equal(strlen(clean) % 3, 0);
		free(clean);
	}
}

/* Any byte string becomes UTF-8. */
static void
test_clean_all_pairs(void **state)
{
	char text[3] = "", clean[16];
	json_t *json;
	int i;

	for (i = 0x101; i < 0x10000; i++) {
		text[0] = (char)(i >> 8);
		text[1] = (char)i;
		spanrec_text_clean(text, clean, sizeof(clean));
		json = json_string(clean);
		assert_non_null(json);
		json_decref(json);
	}
}

static void
test_shorten(void **state)
{
	static const struct {
		const char *path;
		size_t n;
		const char *shortened;
	} cases[] = {
		{ "/srv/calls/a.wav", 17, "/srv/calls/a.wav" },
		{ "/srv/calls/a.wav", 16, "/srv/c.../a.wav" },
		{ "/srv/calls/a.wav", 12, "/s.../a.wav" },
		{ "/srv/calls/a.wav", 10, ".../a.wav" },
		/* the name alone is too long: its end is what tells files */
		{ "/srv/calls/a.wav", 9, "...a.wav" },
		{ "/srv/calls/a.wav", 8, "....wav" },
		{ "a-long-name.wav", 12, "...name.wav" },
		/* whole characters */
		{ "/\xC3\xBC\xC3\xBC\xC3\xBC/a.wav", 12, "/.../a.wav" },
		{ "\xC3\xBC\xC3\xBC\xC3\xBC\xC3\xBC", 7, "...\xC3\xBC" },
		{ "", 1, "" },
	};
	char *to;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		to = malloc(cases[i].n);
		assert_non_null(to);
		spanrec_path_shorten(cases[i].path, to, cases[i].n);
		assert_string_equal(to, cases[i].shortened);
		free(to);
	}
}

static void
assert_csv(const char *text, const char *expected)
{
	char *field = NULL;
	size_t n;
	FILE *to = open_memstream(&field, &n);

	assert_non_null(to);
	spanrec_csv_field(to, text);
	fclose(to);
	assert_string_equal(field, expected);
	free(field);
}

static void
test_csv(void **state)
{
	assert_csv("", "");
	assert_csv("2750", "2750");
	assert_csv("Smith, John", "\"Smith, John\"");
	assert_csv("the \"boss\"", "\"the \"\"boss\"\"\"");
	assert_csv("two\r\nlines", "\"two\r\nlines\"");
	/* RFC 4180 says nothing of formulas, spreadsheets do */
	assert_csv("+441534440440", "+441534440440");
	assert_csv("+1+cmd", "'+1+cmd");
	assert_csv("=1,2", "\"'=1,2\"");
	assert_csv("@SUM(A1)", "'@SUM(A1)");
	assert_csv("-7", "'-7");
}

static void
test_wrap(void **state)
{
	char *text = NULL, *line, *rest;
	size_t n, words = 0;
	FILE *to = open_memstream(&text, &n);

	assert_non_null(to);
	spanrec_text_wrap(to,
			  "one two three four five six seven eight nine ten "
			  "eleven twelve thirteen fourteen  fifteen sixteen "
			  "seventeen eighteen nineteen twenty",
			  0);
	fclose(to);
	assert_int_equal(text[n - 1], '\n');
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		assert_true(strlen(line) <= 78);
		words++;
		for (; *line; line++)
			words += *line == ' ';
	}
	assert_int_equal(words, 20);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_clean_cut),
		cmocka_unit_test(test_clean_all_pairs),
		cmocka_unit_test(test_shorten),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
