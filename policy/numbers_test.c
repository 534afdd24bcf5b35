/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers in the dialling plans of several countries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"
#include "policy/policy_priv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct policy__numbering uk = {
	.country = "44",
	.international_prefix = "00",
	.national_prefix = "0",
	.outside_line = "9",
	.extension_min = 2,
	.extension_max = 6,
};
static const struct policy__numbering us = {
	.country = "1",
	.international_prefix = "011",
	.national_prefix = "1",
	.outside_line = "9",
	.national_digits = 10,
	.extension_min = 3,
	.extension_max = 5,
};
static const struct policy__numbering germany = {
	.country = "49",
	.international_prefix = "00",
	.national_prefix = "0",
	.outside_line = "0",
	.extension_min = 2,
	.extension_max = 4,
};
/* no national prefix at all: Italy keeps the 0 of its numbers */
static const struct policy__numbering italy = {
	.country = "39",
	.international_prefix = "00",
	.extension_min = 3,
	.extension_max = 4,
};
static const struct policy__numbering russia = {
	.country = "7",
	.international_prefix = "810",
	.national_prefix = "8",
	.extension_min = 3,
	.extension_max = 4,
};

static const struct {
	const struct policy__numbering *plan;
	const char *number, *normalised;
} rows[] = {
	{ &uk, "01495222333", "+441495222333" },
	{ &uk, "01495 222333", "+441495222333" },
	{ &uk, "(01495) 222-333", "+441495222333" },
	{ &uk, "01495/222.333", "+441495222333" },
	{ &uk, "+441495222333", "+441495222333" },
	{ &uk, "+44 (0)1495 222333", "+441495222333" },
	{ &uk, "+4401495222333", "+441495222333" },
	{ &uk, "00441495222333", "+441495222333" },
	{ &uk, "004401495222333", "+441495222333" },
	{ &uk, "901495222333", "+441495222333" },
	{ &uk, "900441495222333", "+441495222333" },
	{ &uk, "01495222333;user=phone", "+441495222333" },
	{ &uk, "+441495222333;phone-context=x;isub=1", "+441495222333" },
	{ &uk, "(+44) (0)1495 222333", "+441495222333" },
	{ &uk, "00 44 (0) 1495 222333", "+441495222333" },
	{ &uk, "(0)1495 222333", "+441495222333" },
	{ &uk, "9 (01495) 222333", "+441495222333" },
	{ &uk, "9,01495222333", "+441495222333" },
	{ &uk, "9,,00441495222333", "+441495222333" },
	{ &uk, "9+441495222333", "+441495222333" },
	{ &uk, "2041+441495222333", "2041+441495222333" },
	/* after a number a comma begins what is dialled when it answers */
	{ &uk, "01495222333,,1234", "+441495222333" },
	{ &uk, "2041,1", "2041" },
	{ &uk, ",2041", ",2041" },
	{ &uk, "01495222333;ext=2041", "+441495222333" },
	{ &uk, "01495 222333 x2041", "01495 222333 x2041" },
	{ &uk, "01495222333;npdi;rn=+441632960000", "+441495222333" },
	/* trunks that send no +, and gateways that put one before anything */
	{ &uk, "441495222333", "+441495222333" },
	{ &uk, "44(0)1495222333", "+441495222333" },
	{ &uk, "9441495222333", "+441495222333" },
	{ &uk, "+01495222333", "+441495222333" },
	{ &uk, "+00441495222333", "+441495222333" },
	{ &uk, "+0033123456789", "+33123456789" },
	{ &uk, "+0001495222333", "+0001495222333" },
	{ &uk, "0001495222333", "0001495222333" },
	{ &uk, "4414952223", "4414952223" },
	{ &uk, "33123456789", "33123456789" },
	/* copied from a text: no-break space, figure dash, marks, a minus */
	{ &uk,
	  "01495\xc2\xa0"
	  "222\xe2\x80\x92"
	  "333",
	  "+441495222333" },
	{ &uk,
	  "\xe2\x80\xaa+44 1495\xe2\x80\xaf"
	  "222333\xe2\x80\xac",
	  "+441495222333" },
	{ &uk,
	  "01495\xe2\x88\x92"
	  "222333\t",
	  "+441495222333" },
	{ &uk,
	  "01495\xe2\x80\x9c"
	  "222333",
	  "01495\xe2\x80\x9c"
	  "222333" },
	{ &uk, "01495222333\xe2\x80", "01495222333\xe2\x80" },
	{ &uk, "0033123456789", "+33123456789" },
	{ &uk, "+49 (0)30 123456", "+4930123456" },
	{ &uk, "0049(0)30123456", "+4930123456" },
	/* Italy keeps the 0 of its numbers, whoever calls */
	{ &uk, "+39 (0)6 1234567", "+39061234567" },
	{ &uk, "+33 1 23 45 67 89", "+33123456789" },
	/* Jersey dials as the UK does */
	{ &uk, "01534 445500", "+441534445500" },
	{ &uk, "07797712345", "+447797712345" },
	/* extensions, emergency, short codes */
	{ &uk, "2041", "2041" },
	{ &uk, "20-41", "2041" },
	{ &uk, "2041;user=phone", "2041" },
	{ &uk, "999", "999" },
	{ &uk, "118500", "118500" },
	{ &uk, "01534", "01534" },
	/* what cannot be told stays: a subscriber in our own town */
	{ &uk, "2223334", "2223334" },
	{ &uk, "9222333", "9222333" },
	{ &uk, "5", "5" },
	{ &uk, "0", "0" },
	{ &uk, "9", "9" },
	{ &uk, "00", "00" },
	{ &uk, "", "" },
	{ &uk, ";user=phone", "" },
	{ &uk, "+", "+" },
	{ &uk, "--", "--" },
	{ &uk, "alice", "alice" },
	{ &uk, "Alice.Smith;x", "Alice.Smith" },
	{ &uk, "anonymous", "anonymous" },
	{ &uk, "*98", "*98" },
	{ &uk, "2041#", "2041#" },
	{ &uk, "12+34", "12+34" },
	{ &uk, "22 41 alice", "22 41 alice" },
	/* 41 digits are no number */
	{ &uk, "01234567890123456789012345678901234567890",
	  "01234567890123456789012345678901234567890" },
	{ &us, "2125551234", "+12125551234" },
	{ &us, "12125551234", "+12125551234" },
	{ &us, "+1 (212) 555-1234", "+12125551234" },
	{ &us, "912125551234", "+12125551234" },
	{ &us, "92125551234", "+12125551234" },
	/* New York's 917 is no 9 for an outside line */
	{ &us, "9175551234", "+19175551234" },
	{ &us, "99175551234", "+19175551234" },
	{ &us, "0114420712345678", "+4420712345678" },
	{ &us, "90114420712345678", "+4420712345678" },
	{ &us, "+1 (0)212 555 1234", "+12125551234" },
	{ &us, "011 44 (0)20 7123 4567", "+442071234567" },
	{ &us, "+011442071234567", "+442071234567" },
	{ &us, "5551234", "5551234" },
	{ &us, "911", "911" },
	{ &germany, "030123456", "+4930123456" },
	{ &germany, "0030123456", "+4930123456" },
	{ &germany, "00033123456789", "+33123456789" },
	{ &germany, "+49 (30) 123456", "+4930123456" },
	{ &italy, "+39 06 1234567", "+39061234567" },
	{ &italy, "0039061234567", "+39061234567" },
	{ &italy, "061234567", "061234567" },
	{ &italy, "+39 (0)6 1234567", "+39061234567" },
	{ &italy, "+061234567", "+061234567" },
	/* a mobile, not a country without its + */
	{ &italy, "39212345678", "39212345678" },
	{ &russia, "88121234567", "+78121234567" },
	{ &russia, "+78121234567", "+78121234567" },
	{ &russia, "78121234567", "+78121234567" },
	{ &russia, "810441495222333", "+441495222333" },
};

static void
one_spelling(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *number =
		    testing_copy(rows[i].number, strlen(rows[i].number) + 1);
		char once[POLICY_NUMBER_BYTES], twice[POLICY_NUMBER_BYTES];

		policy__number_normalise(rows[i].plan, number, once);
		if (strcmp(once, rows[i].normalised) != 0)
			fail_msg("row %zu: '%s' gives '%s'", i, number, once);
		policy__number_normalise(rows[i].plan, once, twice);
		assert_string_equal(twice, once);
		free(number);
	}
}

static void
long_names_are_cut_between_characters(void **state)
{
	char name[100], normalised[POLICY_NUMBER_BYTES];

	(void)state;
	memset(name, 'a', sizeof(name));
	memcpy(name + 62, "\xc3\xa9", 2);
	name[99] = '\0';
	policy__number_normalise(&uk, name, normalised);
	assert_int_equal(strlen(normalised), 62);
	memcpy(name + 61,
	       "\xc3\xa9"
	       "b",
	       3);
	policy__number_normalise(&uk, name, normalised);
	assert_int_equal(strlen(normalised), 63);
}

static void
patterns(void **state)
{
	static const struct {
		const char *pattern, *number;
		bool fits;
	} fit[] = {
		{ "2750", "2750", true },
		{ "2750", "2751", false },
		{ "2750", "27500", false },
		{ "alice", "alice", true },
		{ "alice", "Alice", false },
		{ "jean-luc", "jean-luc", true },
		{ "*98", "*98", true },
		{ "01534 445500", "+441534445500", true },
		{ "+44 1534 445500", "+441534445500", true },
		{ "2200-2399", "2200", true },
		{ "2200-2399", "2399", true },
		{ "2200 - 2399", "2300", true },
		{ "2200-2399", "2400", false },
		{ "2200-2399", "2199", false },
		{ "2200-2399", "22000", false },
		{ "2200-2399", "220", false },
		{ "2200-2399", "22ab", false },
		{ "01534 445500-01534 445599", "+441534445542", true },
		{ "01534 445500-01534 445599", "+441534445600", false },
		{ "01534 4455*", "+441534445542", true },
		{ "01534 4455*", "+441534445642", false },
		{ "+33*", "+33123456789", true },
		{ "0033*", "+33123456789", true },
		{ "4415344*", "+441534445542", true },
		{ "441534445500-441534445599", "+441534445542", true },
		{ "44*", "4422", true },
		{ "44*", "+441534445542", false },
		{ "0*", "+441534445542", true },
		{ "(01534) 4455*", "+441534445542", true },
		{ "22*", "2299", true },
		{ "22*", "22", true },
		{ "22*", "+442299123123", false },
		{ "22*", "22x", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(fit); i++) {
		struct policy__pattern pattern;
		struct policy__patterns one = { 1, &pattern };

		assert_null(
		    policy__pattern_parse(&uk, fit[i].pattern, &pattern));
		if (policy__patterns_fit(&one, fit[i].number) != fit[i].fits)
			fail_msg("'%s' and '%s'", fit[i].pattern,
				 fit[i].number);
	}
}

static void
bad_patterns(void **state)
{
	static const char *const bad[] = {
		"",
		"2399-2200",
		"220-2399",
		"2200-2300-2399",
		"2200-",
		"-2399",
		"-",
		"22*3",
		"*",
		"ab*",
		"2**",
		"2200-2399*",
		"01234567890123456789012345678901234567890123456789012345678901234",
		"+123-4567",
		"2200\xe2\x80\x93"
		"2399",
		"01534\xc2\xa0"
		"445500",
		"2200, 2201",
		"31O9",
		"01632 96O700",
		"l234",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct policy__pattern pattern;

		if (!policy__pattern_parse(&uk, bad[i], &pattern))
			fail_msg("'%s'", bad[i]);
	}
}

static bool
internal(const struct policy__numbering *numbering, const char *number)
{
	struct policy policy = { .numbering = *numbering };
	char normalised[POLICY_NUMBER_BYTES];

	policy_number_normalise(&policy, number, normalised);
	return policy_number_internal(&policy, normalised);
}

static void
which_numbers_are_ours(void **state)
{
	struct policy__pattern ours[2], theirs[1];
	struct policy__numbering numbering = uk;

	(void)state;
	assert_true(internal(&numbering, "2041"));
	assert_true(internal(&numbering, "999"));
	assert_false(internal(&numbering, "2"));
	assert_false(internal(&numbering, "2041999"));
	assert_false(internal(&numbering, "01534445500"));
	assert_false(internal(&numbering, "+44"));
	assert_false(internal(&numbering, "alice"));
	assert_false(internal(&numbering, ""));

	assert_null(policy__pattern_parse(&uk, "999", &theirs[0]));
	numbering.external = (struct policy__patterns){ 1, theirs };
	assert_false(internal(&numbering, "999"));
	assert_true(internal(&numbering, "2041"));

	assert_null(policy__pattern_parse(&uk, "2200-2399", &ours[0]));
	assert_null(policy__pattern_parse(&uk, "01534 4455*", &ours[1]));
	numbering.internal = (struct policy__patterns){ 2, ours };
	assert_false(internal(&numbering, "999"));
	assert_false(internal(&numbering, "2041"));
	assert_true(internal(&numbering, "2241"));
	assert_true(internal(&numbering, "+44 1534 445500"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_spelling),
		cmocka_unit_test(long_names_are_cut_between_characters),
		cmocka_unit_test(patterns),
		cmocka_unit_test(bad_patterns),
		cmocka_unit_test(which_numbers_are_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
