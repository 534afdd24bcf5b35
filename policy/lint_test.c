/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is allowed and unwise is said, each thing once, and nothing else. */
#include <errno.h>
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

/** Nothing in it is unwise on 1 March 2024. */
static const char *const wise =
    "version: 1\n"
    "organisation: {name: x, time_zone: Europe/London}\n"
    "approval: {title: t, review_by: 2024-03-01}\n"
    "access: {owner: a}\n"
    "purposes: [quality]\n"
    "numbering: {country: 44}\n"
    "retention: {standard: {max: 90 days}, scrap: {min: 1 day, max: 2 days, "
    "gives_way: yes}}\n"
    "metadata: {max: 1 year}\n"
    "roles:\n"
    "  listener: {groups: tl}\n"
    "areas:\n"
    "  housing:\n"
    "    extensions: 2200-2249\n"
    "    needs: [business_case, request]\n"
    "    business_case: {reason: r, security: s, governance: g, consultation: "
    "c, access: a, approved_by: b, approved: 2023-01-01, review_by: 2024-03-01}"
    "\n"
    "    request: {approved_by: b, approved: 2023-01-01, ends: 2024-03-02}\n"
    "    payments: card\n"
    "    confidential: [2248-2249]\n"
    "  parks: {extensions: 2300, payments: no, confidential: 2399}\n"
    "exemptions:\n"
    "  - {name: union, numbers: 2240-2249, reason: r, proposed_by: p, "
    "approved_by: q, review_by: 2024-03-01}\n"
    "listen_deny:\n"
    "  - {name: personnel, numbers: 2760, reason: r, ends: 2024-03-02}\n"
    "payments:\n"
    "  - {name: card, areas: housing, triggers: {keys: \"*5\"}}\n"
    "announced:\n"
    "  - {numbers: 2200, announced: no, actions: letter}\n"
    "rules:\n"
    "  - {name: quiet, match: {numbers: 2399}, decision: drop}\n"
    "  - {name: all, decision: record, retention: standard}\n";

static void
lint(const char *text, struct policy_errors *warnings)
{
	static const struct policy_civil noon = {
		.year = 2024, .month = 3, .day = 1, .hour = 12
	};
	struct policy_errors errors;
	struct policy *policy;

	if (policy_load(&policy, text, strlen(text), &errors)) {
		policy_errors_print(&errors, "lint", stderr);
		fail_msg("a good policy is refused");
		return;
	}
	policy_lint(policy,
		    policy_zone_instant(policy_zone_peek(policy), &noon, false),
		    warnings);
	policy_free(&policy);
}

static void
nothing_to_say(void **state)
{
	struct policy_errors warnings;

	(void)state;
	lint(wise, &warnings);
	policy_warnings_print(&warnings, "wise", stderr);
	assert_int_equal(warnings.count, 0);
	lint("version: 1\n"
	     "organisation: {name: x, time_zone: UTC}\n"
	     "access: {owner: a}\n"
	     "purposes: [quality]\n"
	     "numbering: {country: 44}\n"
	     "retention: {standard: {max: 90 days}}\n"
	     "metadata: {max: 1 year}\n"
	     "exemptions: [{name: a, numbers: 22, reason: r}]\n"
	     "rules: [{name: a, decision: record, retention: standard}]\n",
	     &warnings);
	assert_int_equal(warnings.count, 0);
}

#define BOTH                                                                   \
	"19:3: an extension of the area 'parks' is one of the area 'housing' " \
	"too (line 12): its calls are of both"

/** One change, and what is said of it. */
static const struct {
	const char *from, *to;
	const char *warning;
} changes[] = {
	{ "{standard: {max: 90 days}",
	  "{standard: {max: 90 days, gives_way: yes}",
	  "7:13: the class 'standard' gives way and has no 'min': where the "
	  "disk fills, calls of the same day may be deleted" },
	{ "title: t, review_by: 2024-03-01", "review_by: 2024-02-29",
	  "3:11: this policy was to be reviewed by 2024-02-29" },
	{ "{groups: tl}", "{}", "10:3: nobody holds the role 'listener'" },
	{ "    business_case: {reason: r, security: s, governance: g, "
	  "consultation: c, access: a, approved_by: b, approved: 2023-01-01, "
	  "review_by: 2024-03-01}\n",
	  "",
	  "12:3: the area 'housing' needs a business case and has none: calls "
	  "of it are not recorded" },
	{ "approved: 2023-01-01, review_by: 2024-03-01",
	  "approved: 2023-01-01, review_by: 2024-01-31",
	  "15:20: the business case of the area 'housing' was to be reviewed "
	  "by 2024-01-31" },
	{ "ends: 2024-03-02}\n    payments", "ends: 2024-03-01}\n    payments",
	  "16:14: the request of the area 'housing' ended on 2024-03-01: calls "
	  "of it are not recorded" },
	{ "request: {approved_by: b, approved: 2023-01-01, ends: 2024-03-02}",
	  "request: {approved_by: b, approved: 2024-03-02}",
	  "16:14: the request of the area 'housing' is approved from "
	  "2024-03-02 on: until then calls of it are not recorded" },
	{ "payments: no", "payments: [bank]",
	  "19:3: the area 'parks' takes payments, and no entry of 'payments' "
	  "keeps them out of its recordings" },
	{ ", confidential: 2399", "",
	  "19:3: the rules record the area 'parks' without exception, and its "
	  "people have no extension that is not recorded ('confidential')" },
	{ "confidential: 2399", "confidential: 2398",
	  "19:3: a confidential extension of the area 'parks' is in no "
	  "exemption: it is recorded" },
	{ "[2248-2249]", "[2248-2250]",
	  "12:3: a confidential extension of the area 'housing' is in no "
	  "exemption: it is recorded" },
	{ "parks: {extensions: 2300", "parks: {extensions: [2300, 2249]",
	  BOTH },
	{ "parks: {extensions: 2300", "parks: {extensions: [2300, 2240-2260]",
	  BOTH },
	{ "parks: {extensions: 2300", "parks: {extensions: [2300, 2100-2300]",
	  BOTH },
	{ "parks: {extensions: 2300", "parks: {extensions: \"22*\"", BOTH },
	{ "parks: {extensions: 2300", "parks: {extensions: \"224*\"", BOTH },
	{ "extensions: 2200-2249", "extensions: [\"22*\", \"230*\"]", BOTH },
	{ "extensions: 2200-2249", "extensions: [\"22*\", 2100-2400]", BOTH },
	{ "proposed_by: p, ", "",
	  "21:5: the exemption 'union' does not say who proposed it" },
	{ "approved_by: q, ", "",
	  "21:5: the exemption 'union' does not say who approved it" },
	{ "q, review_by: 2024-03-01", "q, review_by: 1999-12-31",
	  "21:5: the exemption 'union' was to be reviewed by 1999-12-31" },
	{ "q, review_by: 2024-03-01", "q, ends: 2024-03-01",
	  "21:5: the exemption 'union' ended on 2024-03-01: it exempts no "
	  "more" },
	{ "reason: r, ends: 2024-03-02", "reason: r, ends: 2024-01-02",
	  "23:5: 'personnel' of 'listen_deny' ended on 2024-01-02: it bars "
	  "nobody from listening" },
	{ ", actions: letter", "",
	  "27:5: callers of these numbers are not told that they are "
	  "recorded, and nothing is done instead ('actions')" },
};

static void
each_thing_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(changes); i++) {
		const char *at = strstr(wise, changes[i].from);
		struct policy_errors warnings;
		char *text, said[400];

		if (!at)
			fail_msg("'%s' is not there", changes[i].from);
		assert_true(asprintf(&text, "%.*s%s%s", (int)(at - wise), wise,
				     changes[i].to,
				     at + strlen(changes[i].from)) > 0);
		lint(text, &warnings);
		free(text);
		snprintf(said, sizeof(said), "%u:%u: %s",
			 warnings.errors[0].line, warnings.errors[0].column,
			 warnings.count ? warnings.errors[0].text : "nothing");
		assert_string_equal(said, changes[i].warning);
		assert_int_equal(warnings.count, 1);
	}
}

/** All telephones of a building, and some of them: that is as it should be. */
static void
areas_of_a_site(void **state)
{
	struct policy_errors warnings;
	char *text;
	const char *at = strstr(wise, "  parks: {extensions: 2300");

	(void)state;
	assert_true(asprintf(&text,
			     "%.*s  town: {sites: hall, confidential: 2399}\n"
			     "%ssites: {hall: {extensions: 2200-2399}}\n",
			     (int)(at - wise), wise, at) > 0);
	lint(text, &warnings);
	free(text);
	policy_warnings_print(&warnings, "site", stderr);
	assert_int_equal(warnings.count, 0);
}

/** Limits of a rule by kind or queue leave time that is not recorded. */
static void
not_always_recorded(void **state)
{
	static const char *const limits[] = { "kinds: agent", "queues: 0163296",
					      "from: 22", "areas: housing" };

	(void)state;
	for (size_t i = 0; i < COUNT(limits); i++) {
		const char *at = strstr(wise, ", confidential: 2399}");
		struct policy_errors warnings;
		char *text;

		assert_true(
		    asprintf(&text,
			     "%.*s}\n%.*s  - {name: all, match: {%s}, "
			     "decision: record, retention: standard}\n",
			     (int)(at - wise), wise,
			     (int)(strstr(wise, "  - {name: all") - at - 22),
			     at + 22, limits[i]) > 0);
		lint(text, &warnings);
		free(text);
		assert_int_equal(warnings.count, 0);
	}
}

static void
printed_as_warnings(void **state)
{
	struct policy_errors warnings = { .count = 1, .more = 2 };
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	(void)state;
	warnings.errors[0].line = 3;
	warnings.errors[0].column = 1;
	strncpy(warnings.errors[0].text, "so so", 6);
	policy_warnings_print(&warnings, "p.yaml", to);
	fclose(to);
	assert_string_equal(text, "p.yaml:3:1: warning: so so\n"
				  "p.yaml: and 2 more warnings\n");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_say),
		cmocka_unit_test(each_thing_once),
		cmocka_unit_test(areas_of_a_site),
		cmocka_unit_test(not_always_recorded),
		cmocka_unit_test(printed_as_warnings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
