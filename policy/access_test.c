/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may do what with recordings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "policy/policy.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char text[] =
    "version: 1\n"
    "organisation: {name: town hall, time_zone: Europe/London}\n"
    "numbering: {country: 44}\n"
    "retention: {short: {max: 14d}}\n"
    "metadata: {max: 24 months}\n"
    "areas:\n"
    "  housing: {extensions: 2000-2099, needs: nothing}\n"
    "  revenues: {extensions: 2100-2199, needs: nothing}\n"
    "rules: [{name: all, decision: record, retention: short}]\n"
    "purposes:\n"
    "  quality: {play_only: yes}\n"
    "  dispute:\n"
    "  discipline: {needs: [case, approver], authorisers: people manager}\n"
    "  named: {authorisers: [people manager, team leader]}\n"
    "  other: {needs: advice}\n"
    "roles:\n"
    "  people manager: {users: [pat, alice]}\n"
    "  team leader: {users: tom, groups: [tl-housing, tl-all]}\n"
    "  contractor: {users: carl}\n"
    "  idle: {users: ida}\n"
    "access:\n"
    "  owner: [root, alice]\n"
    "  matrix:\n"
    "    - {role: team leader, may: [find, play, export], areas: housing, "
    "purposes: [quality, dispute]}\n"
    "    - {role: people manager, may: [find, play, export, share, delete]}\n"
    "    - {role: contractor, may: [operate, policy]}\n";

static struct policy *
policy_new(void)
{
	struct policy_errors errors;
	struct policy *policy;

	if (policy_load(&policy, text, sizeof(text) - 1, &errors) < 0) {
		policy_errors_print(&errors, "text", stdout);
		fail();
	}
	return policy;
}

static struct policy_person
person(const char *user, const char *const *group)
{
	return (struct policy_person){ .user = user,
				       .groups = group,
				       .groups_count = *group ? 1 : 0 };
}

static const struct {
	const char *user, *group;
	enum policy_right right;
	const char *area, *purpose;
	bool may;
	const char *why; /* a part of it */
} rows[] = {
	/* owners everything, but what a purpose forbids to all */
	{ "root", NULL, POLICY_RIGHT_DELETE, "housing", NULL, true, "" },
	{ "alice", NULL, POLICY_RIGHT_EXPORT, "", "dispute", true, "" },
	{ "root", NULL, POLICY_RIGHT_EXPORT, "", "quality", false,
	  "no copies made" },
	{ "root", NULL, POLICY_RIGHT_SHARE, "", "quality", false,
	  "no copies made" },
	{ "root", NULL, POLICY_RIGHT_PLAY, "", "quality", true, "" },
	{ "root", NULL, POLICY_RIGHT_PLAY, "", "curiosity", false,
	  "knows no purpose 'curiosity'" },
	/* a role by name, or by a group of the system */
	{ "tom", NULL, POLICY_RIGHT_PLAY, "housing", "quality", true, "" },
	{ "eve", "tl-housing", POLICY_RIGHT_PLAY, "housing", "dispute", true,
	  "" },
	{ "eve", "tl-revenues", POLICY_RIGHT_PLAY, "housing", "dispute", false,
	  "does not give 'eve' the right to play what is of 'housing' for "
	  "dispute" },
	{ "tl-housing", NULL, POLICY_RIGHT_PLAY, "housing", "dispute", false,
	  "'tl-housing'" },
	/* only its areas; what is of none is of none of these */
	{ "tom", NULL, POLICY_RIGHT_FIND, "housing", NULL, true, "" },
	{ "tom", NULL, POLICY_RIGHT_FIND, "revenues", NULL, false,
	  "to find what is of 'revenues'" },
	{ "tom", NULL, POLICY_RIGHT_FIND, "", NULL, false,
	  "the right to find" },
	{ "tom", NULL, POLICY_RIGHT_FIND, "hous", NULL, false, "'hous'" },
	/* only its purposes */
	{ "tom", NULL, POLICY_RIGHT_PLAY, "housing", "other", false,
	  "for other" },
	{ "tom", NULL, POLICY_RIGHT_EXPORT, "housing", "dispute", true, "" },
	{ "tom", NULL, POLICY_RIGHT_EXPORT, "housing", "quality", false,
	  "no copies" },
	/* only its rights */
	{ "tom", NULL, POLICY_RIGHT_DELETE, "housing", NULL, false,
	  "to delete" },
	{ "pat", NULL, POLICY_RIGHT_DELETE, "revenues", NULL, true, "" },
	{ "pat", NULL, POLICY_RIGHT_DELETE, "", NULL, true, "" },
	{ "pat", NULL, POLICY_RIGHT_HOLD, "", NULL, false, "to hold" },
	/* N-12: who looks after the machine finds nothing in it */
	{ "carl", NULL, POLICY_RIGHT_OPERATE, "", NULL, true, "" },
	{ "carl", NULL, POLICY_RIGHT_FIND, "housing", NULL, false, "to find" },
	{ "carl", NULL, POLICY_RIGHT_PLAY, "housing", "dispute", false,
	  "to play" },
	{ "ida", NULL, POLICY_RIGHT_FIND, "housing", NULL, false, "'ida'" },
	{ "", NULL, POLICY_RIGHT_FIND, "housing", NULL, false, "''" },
};

static void
the_matrix(void **state)
{
	struct policy *policy = policy_new();

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct policy_person who =
		    person(rows[i].user, &rows[i].group);
		char why[320] = "?";
		const struct policy_wish wish = { rows[i].right, rows[i].area,
						  rows[i].purpose };
		bool may = policy_may(policy, &who, &wish, why, sizeof(why));

		if (may != rows[i].may || !strstr(why, rows[i].why) ||
		    (may && *why))
			fail_msg("row %zu: %d, '%s'", i, may, why);
	}
	policy_free(&policy);
}

static void
why_fits_where_it_is_written(void **state)
{
	struct policy *policy = policy_new();
	const struct policy_person eve = { .user = "eve" };
	const struct policy_wish wish = { POLICY_RIGHT_FIND, "housing", NULL };
	char whole[320], cut[12];

	(void)state;
	assert_false(policy_may(policy, &eve, &wish, whole, sizeof(whole)));
	assert_false(policy_may(policy, &eve, &wish, cut, sizeof(cut)));
	assert_int_equal(strlen(cut), sizeof(cut) - 1);
	assert_memory_equal(cut, whole, sizeof(cut) - 1);
	assert_false(policy_may(policy, &eve, &wish, NULL, 0));
	policy_free(&policy);
}

static void
who_is_known(void **state)
{
	static const char *const groups[] = { "users", "tl-all" };
	struct policy *policy = policy_new();
	struct policy_person who = { .user = "eve", .groups = groups };

	(void)state;
	assert_false(policy_person_known(policy, &who));
	who.groups_count = 1;
	assert_false(policy_person_known(policy, &who));
	who.groups_count = 2;
	assert_true(policy_person_known(policy, &who));
	who = (struct policy_person){ .user = "root" };
	assert_true(policy_person_known(policy, &who));
	/* a role is enough, whether or not the matrix has a line for it */
	who.user = "ida";
	assert_true(policy_person_known(policy, &who));
	policy_free(&policy);
}

static void
what_a_purpose_needs(void **state)
{
	struct policy *policy = policy_new();

	(void)state;
	assert_int_equal(policy_purpose_needs(policy, "dispute"), 0);
	assert_int_equal(policy_purpose_needs(policy, "curiosity"), 0);
	assert_int_equal(policy_purpose_needs(policy, "discipline"),
			 POLICY_NEEDS_CASE | POLICY_NEEDS_APPROVER);
	assert_int_equal(policy_purpose_needs(policy, "other"),
			 POLICY_NEEDS_ADVICE);
	/* whoever is named to allow it has to */
	assert_int_equal(policy_purpose_needs(policy, "named"),
			 POLICY_NEEDS_APPROVER);
	policy_free(&policy);
}

static void
who_authorises(void **state)
{
	static const char *const group = "tl-all", *const none = NULL;
	struct policy *policy = policy_new();
	const struct policy_person pat = person("pat", &none);
	const struct policy_person eve = person("eve", &none);
	const struct policy_person leader = person("eve", &group);
	const struct policy_person root = person("root", &none);

	(void)state;
	assert_true(policy_authorises(policy, &pat, "discipline"));
	assert_false(policy_authorises(policy, &leader, "discipline"));
	/* an owner is none of those by being owner */
	assert_false(policy_authorises(policy, &root, "discipline"));
	assert_true(policy_authorises(policy, &leader, "named"));
	assert_false(policy_authorises(policy, &eve, "named"));
	/* nobody is named: anybody of ours */
	assert_true(policy_authorises(policy, &leader, "dispute"));
	assert_false(policy_authorises(policy, &eve, "dispute"));
	assert_false(policy_authorises(policy, &pat, "curiosity"));
	policy_free(&policy);
}

static void
rights_have_names(void **state)
{
	(void)state;
	for (int i = 0; i < POLICY_RIGHT_COUNT; i++)
		assert_string_not_equal(policy_right_name((enum policy_right)i),
					"?");
	assert_string_equal(policy_right_name(POLICY_RIGHT_COUNT), "?");
	assert_string_equal(policy_right_name(POLICY_RIGHT_POLICY), "policy");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_matrix),
		cmocka_unit_test(why_fits_where_it_is_written),
		cmocka_unit_test(who_is_known),
		cmocka_unit_test(what_a_purpose_needs),
		cmocka_unit_test(who_authorises),
		cmocka_unit_test(rights_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
