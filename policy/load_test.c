/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Policies, good and bad: each mistake with its line, column and words. */
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

static int
load_bytes(struct policy **policy, const char *text, size_t n,
	   struct policy_errors *errors)
{
	char *copy = testing_copy(text, n);
	int err = policy_load(policy, copy, n, errors);

	free(copy);
	return err;
}

/** The default policy with each `from` replaced by `to`. */
static char *
default_with(const char *from, const char *to)
{
	const char *text = policy_default_text();
	const char *at = strstr(text, from);
	char *made = NULL;

	if (!at)
		fail_msg("'%s' is not in the default policy", from);
	else
		assert_true(asprintf(&made, "%.*s%s%s", (int)(at - text), text,
				     to, at + strlen(from)) > 0);
	return made;
}

static void
the_default_policy(void **state)
{
	static const char *const purposes[] = { "quality", "training",
						"dispute", "abuse",
						"agreement" };
	char *text = default_with("%s", "alice");
	struct policy_facts facts = { .from = "2041", .to = "01495 222333" };
	struct policy_verdict verdict;
	struct policy_errors errors;
	struct policy_clock clock;
	struct policy *policy;

	(void)state;
	assert_null(strchr(text, '%'));
	assert_int_equal(load_bytes(&policy, text, strlen(text), &errors), 0);
	free(text);
	assert_int_equal(errors.count, 0);
	assert_string_equal(policy_organisation_peek(policy), "our office");
	assert_true(policy_user_is_owner(policy, "alice"));
	assert_false(policy_user_is_owner(policy, "bob"));
	for (size_t i = 0; i < COUNT(purposes); i++)
		assert_string_equal(policy_purpose_peek(policy, i),
				    purposes[i]);
	assert_null(policy_purpose_peek(policy, COUNT(purposes)));
	assert_non_null(policy_zone_peek(policy));
	policy_decide(policy, &facts, &verdict);
	assert_int_equal(verdict.decision, POLICY_RECORD);
	assert_string_equal(verdict.rule, "everything");
	assert_int_equal(policy_clock(policy, verdict.retention, 0, &clock), 0);
	assert_int_equal(clock.ceiling_ns,
			 INT64_C(90) * 86400 * INT64_C(1000000000));
	policy_free(&policy);
	assert_null(policy);
}

static void
assert_error(const struct policy_errors *errors, const char *wanted)
{
	char text[400] = "";

	for (uint32_t i = 0; i < errors->count; i++) {
		const struct policy_error *error = &errors->errors[i];

		snprintf(text, sizeof(text), "%u:%u: %s", error->line,
			 error->column, error->text);
		if (!strcmp(text, wanted))
			return;
	}
	fail_msg("wanted %s\nhave %s", wanted, text);
}

/** Line of the default policy in which `from` begins. */
static int
line_of(const char *from)
{
	const char *text = policy_default_text();
	const char *at = strstr(text, from);
	int line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

/** One change of the default policy, and the one mistake it makes. */
static const struct {
	const char *from, *to;
	int line; /* where, counted from the line of the change */
	int column;
	const char *error;
} mistakes[] = {
	{ "version: 1\n", "version: 2\n", 0, 10,
	  "'version' must be 1, the only one that this program knows, "
	  "but is '2'" },
	{ "version: 1\n", "version: 1\nversion: 1\n", 1, 1,
	  "'version' is given twice; first in line 4" },
	{ "version: 1\n", "version:\n", 0, 9, "'version' has no value" },
	{ "version: 1\n", "", 2, 1, "the policy lacks the key 'version'" },
	{ "purposes:", "purpose:", 0, 1,
	  "the policy knows no key 'purpose'; it knows: version, "
	  "organisation, numbering, networks, groups, sites, areas, roles, "
	  "purposes, access, retention, metadata, clock, exemptions, "
	  "listen_deny, "
	  "payments, opt_out, rules, approval, release, reminders, announced, "
	  "sampling, tests" },
	{ "Europe/London", "Europe/Londn", 0, 14,
	  "'time_zone' is 'Europe/Londn', which this machine does not "
	  "know; write it like Europe/London (or install tzdata)" },
	{ "Europe/London", "../../etc/passwd", 0, 14,
	  "'time_zone' is '../../etc/passwd', which this machine does "
	  "not know; write it like Europe/London (or install tzdata)" },
	{ "  time_zone: Europe/London\n", "", -1, 3,
	  "'organisation' lacks the key 'time_zone'" },
	{ "name: our office", "name: [our, office]", 0, 9,
	  "'name' must be a single value, but is a list" },
	{ "name: our office", "name: ''", 0, 9,
	  "'name' must have from 1 to 255 bytes, and has 0" },
	{ "['%s']", "[]", 0, 10, "'owner' is an empty list" },
	{ "['%s']", "{a: b}", 0, 10,
	  "'owner' must be a list ('[a, b]', or lines that begin with "
	  "'- '), but is a group of keys" },
	{ "['%s']", "[a, b, a]", 0, 17, "'owner' names 'a' twice" },
	{ "['%s']", "[\"a\\tb\"]", 0, 11,
	  "'owner' has a character in it that cannot be printed" },
	{ "[quality,", "['123456789012345678901234567890123456789012345678',",
	  0, 12, "'purposes' must have from 1 to 47 bytes, and has 48" },
	{ "country: 44", "country: +44", 0, 12,
	  "'country' must be digits only, but is '+44'" },
	{ "country: 44", "country: ''", 0, 12,
	  "'country' must have from 1 to 7 bytes, and has 0" },
	{ "national_prefix: \"0\"", "national_prefix: \"00\"", -2, 3,
	  "'national_prefix' and 'international_prefix' must differ" },
	{ "2-6", "6-2", 0, 21,
	  "'extension_digits' must be one number or two ('2-6'), from "
	  "1 to 10, but is '6-2'" },
	{ "2-6", "0-2", 0, 21,
	  "'extension_digits' must be one number or two ('2-6'), from "
	  "1 to 10, but is '0-2'" },
	{ "2-6", "2\n  national_digits: 3", 1, 20,
	  "'national_digits' must be from 4 to 15, but is 3" },
	{ "2-6", "2\n  national_digits: ten", 1, 20,
	  "'national_digits' must be a whole number, but is 'ten'" },
	{ "[999, 112]", "[999, 2399-2200]", 0, 19,
	  "'external': '2399-2200' is not a range: the first number is "
	  "above the last" },
	{ "10.0.0.0/8", "10.0.0.1/8", 0, 14,
	  "'10.0.0.1/8' is not a network: its address goes on after "
	  "/8" },
	{ "10.0.0.0/8", "128.0.0.0/0", 0, 14,
	  "'128.0.0.0/0' is not a network: its address goes on after "
	  "/0" },
	{ "10.0.0.0/8", "10.0.0/8", 0, 14,
	  "'10.0.0/8' is not a network; write it like 10.20.4.0/22 or "
	  "fd00::/8" },
	{ "10.0.0.0/8", "10.0.0.0/33", 0, 14,
	  "'10.0.0.0/33' is not a network; write it like 10.20.4.0/22 "
	  "or fd00::/8" },
	{ "10.0.0.0/8", "10.0.0.0/", 0, 14,
	  "'10.0.0.0/' is not a network; write it like 10.20.4.0/22 "
	  "or fd00::/8" },
	{ "{max: 90 days}", "{max: 90}", 0, 19,
	  "'max' is '90'; write it like 14 days, 6 months or 2 years, "
	  "at most 100 years" },
	{ "{max: 90 days}", "{}", 0, 13,
	  "the class 'standard' lacks the key 'max'" },
	{ "{max: 90 days}", "{max: 0 days}", 0, 13,
	  "the class 'standard' has a 'max' of nothing; to keep "
	  "nothing, use a rule that drops" },
	{ "{max: 90 days}", "{min: 12 months, max: 365 days}", 0, 13,
	  "the class 'standard': 'min' must be over before 'max' is, "
	  "in every year, or there is no time left to delete" },
	{ "{max: 90 days}", "{min: 90 days, max: 90 days, gives_way: yes}", 0,
	  13,
	  "the class 'standard': 'min' must be over before 'max' is, "
	  "in every year, or there is no time in which it can give way" },
	{ "{max: 90 days}", "{max: 90 days, gives_way: maybe}", 0, 39,
	  "'gives_way' must be yes or no, but is 'maybe'" },
	{ "{max: 90 days}", "{max: 90 days}\n  standard: {max: 91 days}", 1, 3,
	  "the class 'standard' is defined twice" },
	{ "{max: 24 months}", "{max: 2 months}", 0, 11,
	  "'metadata' ends before the recordings of class 'standard' "
	  "do" },
	{ "{direction: [in, out, internal, transit]}", "{direction: inwards}",
	  0, 24,
	  "'direction' is 'inwards', but must be in, out, internal or "
	  "transit" },
	{ "{direction: [in, out, internal, transit]}", "{number: 2041}", 0, 13,
	  "'match' knows no key 'number'; it knows: direction, areas, sites, "
	  "kinds, queues, numbers, from, to, logged_in" },
	{ "{direction: [in, out, internal, transit]}", "{from: group union}", 0,
	  19,
	  "'from' names the group 'union', which is not defined; defined are: "
	  "none" },
	{ "{direction: [in, out, internal, transit]}", "{sites: depot}", 0, 20,
	  "'sites' names the site 'depot', which is not defined; defined are: "
	  "none" },
	{ "{direction: [in, out, internal, transit]}", "{from: 20*41}", 0, 19,
	  "'from': '20*41' has a '*' that is not its end" },
	{ "decision: record", "decision: keep", 0, 15,
	  "'decision' is 'keep', but must be record, drop, listen-deny "
	  "or out-of-scope" },
	{ "decision: record", "decision: drop", 1, 16,
	  "the rule 'everything' records nothing, so it has no "
	  "'retention'" },
	{ "retention: standard\n", "retention: standrad\n", 0, 16,
	  "'retention' names the class 'standrad', which is not "
	  "defined; defined are: standard" },
	{ "    retention: standard\n", "", -3, 5,
	  "the rule 'everything' records, so it needs a 'retention'; "
	  "defined are: standard" },
	{ "retention: standard\n",
	  "retention: standard\n  - {name: late, decision: out-of-scope}\n", 1,
	  5,
	  "the rule 'late' never gets its turn: 'everything' before it "
	  "fits every call" },
	{ "retention: standard\n",
	  "retention: standard\n  - {name: union, decision: drop}\n", 1, 5,
	  "the rule 'union' is stricter than 'everything' and must "
	  "stand before it" },
	{ "retention: standard\n",
	  "retention: standard\n  - {name: everything, decision: drop}\n", 1, 5,
	  "the rule 'everything' is defined twice" },
	{ "rules:\n", "rules:\n  - everything\n", 1, 5,
	  "a rule must be a group of keys ('key: value'), but is a "
	  "single value" },
};

static void
each_mistake_in_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(mistakes); i++) {
		char *text = default_with(mistakes[i].from, mistakes[i].to);
		struct policy_errors errors;
		struct policy *policy;
		char wanted[400];

		snprintf(wanted, sizeof(wanted), "%d:%d: %s",
			 line_of(mistakes[i].from) + mistakes[i].line,
			 mistakes[i].column, mistakes[i].error);
		if (load_bytes(&policy, text, strlen(text), &errors) != -EINVAL)
			fail_msg("'%s' was let through", mistakes[i].to);
		assert_null(policy);
		assert_error(&errors, wanted);
		free(text);
	}
}

/** Files that are no policy at all. */
static const struct {
	const char *text, *error;
} broken[] = {
	{ "", "0:0: the file is empty; a policy that works is made by: "
	      "spanrec init" },
	{ "# nothing\n\n", "0:0: the file is empty; a policy that works is "
			   "made by: spanrec init" },
	{ "- a\n- b\n",
	  "1:1: the policy must be a group of keys ('key: value'), but is a "
	  "list" },
	{ "just text", "1:1: the policy must be a group of keys "
		       "('key: value'), but is a single value" },
	{ "version: 1\norganisation:\n\tname: x\n",
	  "3:1: a tab; YAML wants spaces here" },
	{ "version: [1\n", "2:1: not YAML: did not find expected ',' or ']', "
			   "while parsing a flow sequence that begins in line "
			   "1" },
	{ "a: b: c", "1:5: not YAML: no ':' may stand here; is the line "
		     "indented like those beside it? A text with ': ' in it "
		     "stands in quotes" },
	{ "keys: *#*\n", "1:8: not YAML: what begins with * stands in quotes: "
			 "keys like \"*#*\", for example" },
	{ "version: 1\norganisation: \xff\n",
	  "2:15: the byte 0xff does not belong here: the file must be plain "
	  "text in UTF-8" },
	{ "version: \xc3\xa9\x01\n",
	  "1:11: the byte 0x01 does not belong here: the file must be plain "
	  "text in UTF-8" },
	{ "a: &x 1\n",
	  "1:4: anchors (&name) are not used here: write the value out" },
	{ "a: !int 1\n",
	  "1:4: tags (!name) are not used here: write the value alone" },
	{ "version: 1\n---\nversion: 1\n",
	  "2:1: a second document begins here; one is all" },
	{ "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "1:17: nested too deeply" },
	{ "? [a]\n: 1\n", "1:3: a key must be a single value, but is a list" },
	{ "\"a\\0b\": 1\n", "1:1: a key has a zero byte in it" },
	/* what a terminal would obey is not repeated (nor a trigraph) */
	{ "\"\\e[2J\\u0085\": 1\n",
	  "1:1: the policy knows no key '?[2J?"
	  "?'; it knows: version, "
	  "organisation, numbering, networks, groups, sites, areas, roles, "
	  "purposes, access, retention, metadata, clock, exemptions, "
	  "listen_deny, "
	  "payments, opt_out, rules, approval, release, reminders, announced, "
	  "sampling, tests" },
};

static void
no_policy_at_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(broken); i++) {
		struct policy_errors errors;
		struct policy *policy;

		assert_int_equal(load_bytes(&policy, broken[i].text,
					    strlen(broken[i].text), &errors),
				 -EINVAL);
		assert_error(&errors, broken[i].error);
	}
}

static void
aliases_cannot_unfold(void **state)
{
	static const char bomb[] = "a: &a [x, x]\n"
				   "b: &b [*a, *a]\n"
				   "c: [*b, *b]\n";
	struct policy_errors errors;
	struct policy *policy;

	(void)state;
	assert_int_equal(load_bytes(&policy, bomb, sizeof(bomb) - 1, &errors),
			 -EINVAL);
	assert_int_equal(errors.count, 6);
}

static void
every_mistake_at_once(void **state)
{
	static const char text[] =
	    "version: 3\n"
	    "organisation: {name: x, time_zone: Nowhere}\n"
	    "access: 5\n"
	    "purposes: [a, a]\n"
	    "numbering: {country: x}\n"
	    "retention: {b: {max: 1 fortnight}}\n"
	    "metadata: {}\n"
	    "rules: []\n"
	    "extra: 1\n";
	static const uint32_t lines[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	struct policy_errors errors;
	struct policy *policy;

	(void)state;
	assert_int_equal(load_bytes(&policy, text, sizeof(text) - 1, &errors),
			 -EINVAL);
	assert_int_equal(errors.count, COUNT(lines));
	for (size_t i = 0; i < COUNT(lines); i++)
		assert_int_equal(errors.errors[i].line, lines[i]);
}

static void
many_mistakes_are_counted(void **state)
{
	char *text = NULL, *printed = NULL, *last;
	size_t n, printed_bytes;
	FILE *to = open_memstream(&text, &n);
	struct policy_errors errors;
	struct policy *policy;

	(void)state;
	for (int i = 0; i < 100; i++)
		fprintf(to, "k%d: 1\n", i);
	fclose(to);
	assert_int_equal(load_bytes(&policy, text, n, &errors), -EINVAL);
	assert_int_equal(errors.count, 64);
	assert_int_equal(errors.more, 100 + 8 - 64);
	free(text);

	to = open_memstream(&printed, &printed_bytes);
	policy_errors_print(&errors, "p.yaml", to);
	fclose(to);
	assert_memory_equal(printed,
			    "p.yaml:1:1: the policy knows no key "
			    "'k0'",
			    38);
	last = strstr(printed, "p.yaml: and ");
	assert_non_null(last);
	assert_string_equal(last, "p.yaml: and 44 more mistakes\n");
	free(printed);
}

static void
sizes_are_limited(void **state)
{
	size_t n = 4 * 1024 * 1024 + 1;
	char *text = malloc(n);
	struct policy_errors errors;
	struct policy *policy;

	(void)state;
	memset(text, '\n', n);
	assert_int_equal(policy_load(&policy, text, n, &errors), -EINVAL);
	assert_string_equal(errors.errors[0].text,
			    "the file is larger than 4 MiB");
	/* a list of too many items is not searched for its doubles */
	n = 100000;
	for (size_t i = (size_t)snprintf(text, n, "purposes: ["); i < n; i++)
		text[i] = i % 2 ? 'a' : ',';
	text[n - 2] = ']';
	assert_int_equal(policy_load(&policy, text, n - 1, &errors), -EINVAL);
	free(text);
}

static void
every_truncation_ends_well(void **state)
{
	const char *text = policy_default_text();
	size_t n = strlen(text);

	(void)state;
	for (size_t length = 0; length < n; length++) {
		struct policy_errors errors;
		struct policy *policy;
		int err = load_bytes(&policy, text, length, &errors);

		/* only the last line end may go */
		assert_int_equal(err, length == n - 1 ? 0 : -EINVAL);
		assert_int_equal(errors.count == 0, err == 0);
		policy_free(&policy);
	}
}

static void
allocation_failures(void **state)
{
	static const char text[] =
	    "version: 1\n"
	    "organisation: {name: x, time_zone: Europe/London}\n"
	    "access: {owner: a}\n"
	    "purposes: [a]\n"
	    "numbering: {country: 44, internal: 2*, external: 999}\n"
	    "networks: {internal: '::1'}\n"
	    "retention: {a: {min: 1d, max: 3d, gives_way: yes}}\n"
	    "metadata: {max: 3d}\n"
	    "rules:\n"
	    "  - name: a\n"
	    "    match: {numbers: 1*, from: 2*, to: 3*}\n"
	    "    decision: record\n"
	    "    retention: a\n";
	struct policy_errors errors;
	struct policy *policy;
	unsigned nth = 0;
	int err;

	(void)state;
	do {
		testing_fail_allocation(++nth);
		err = policy_load(&policy, text, sizeof(text) - 1, &errors);
		testing_fail_allocation(0);
		assert_true(err == 0 || err == -ENOMEM);
		assert_int_equal(!policy, err != 0);
	} while (err);
	/* the policy, two for the zone, seventeen lists and their sorted
	 * names, and then none failed */
	assert_true(nth > 1 + 2 + 12);
	policy_free(&policy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_policy),
		cmocka_unit_test(each_mistake_in_words),
		cmocka_unit_test(no_policy_at_all),
		cmocka_unit_test(aliases_cannot_unfold),
		cmocka_unit_test(every_mistake_at_once),
		cmocka_unit_test(many_mistakes_are_counted),
		cmocka_unit_test(sizes_are_limited),
		cmocka_unit_test(every_truncation_ends_well),
		cmocka_unit_test(allocation_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
