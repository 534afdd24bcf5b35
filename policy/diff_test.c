/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one policy says otherwise than another, and what is no difference. */
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

static struct policy *
load_text(const char *text)
{
	struct policy_errors errors;
	struct policy *policy;
	int err = policy_load(&policy, text, strlen(text), &errors);

	if (err)
		policy_errors_print(&errors, "policy", stderr);
	assert_int_equal(err, 0);
	return policy;
}

static char *
load_file(void)
{
	size_t n;
	uint8_t *bytes = testing_read_file("policy/load_test.yaml", &n);
	char *text = strndup((char *)bytes, n);

	free(bytes);
	assert_non_null(text);
	return text;
}

/** Each `from` in a text becomes `to`. */
static char *
replace(const char *text, const char *from, const char *to)
{
	const char *at;
	char *made;
	size_t n;
	FILE *out = open_memstream(&made, &n);

	if (!strstr(text, from))
		fail_msg("'%s' is not in the policy", from);
	while ((at = strstr(text, from))) {
		fwrite(text, 1, (size_t)(at - text), out);
		fputs(to, out);
		text = at + strlen(from);
	}
	fputs(text, out);
	fclose(out);
	return made;
}

/** @return how many differences; *said is freed by the caller */
static int
diff(const char *before, const char *after, char **said)
{
	struct policy *a = load_text(before), *b = load_text(after);
	size_t n;
	FILE *to = open_memstream(said, &n);
	int count = policy_diff(a, b, to);

	fclose(to);
	policy_free(&a);
	policy_free(&b);
	return count;
}

static int
lines(const char *text)
{
	int count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

/* ---- no difference ------------------------------------------------------- */

static void
the_same(void **state)
{
	static const struct {
		const char *from, *to;
	} ways[] = {
		{ "# A policy", "# Another note on a policy" },
		{ "\n\n", "\n# a note\n\n" },
		{ "14 days", "2 weeks" },
		{ "{min: 12 months, max: 24 months", "{max: 2y, min: 1 year" },
		{ "[2750, 2751]", "['2751', 2750]" },
		{ "20 seconds", "20 s" },
		{ "[10.0.0.0/8, \"fc00::/7\"]", "['fc00::/7', 10.0.0.0/8]" },
		{ "direction: [out, internal]", "direction: [internal, out]" },
		{ "01632 960199", "+44 1632 960 199" },
		{ "numbers: group payroll", "numbers: [2750, 2751]" },
	};
	char *text = load_file(), *said;

	(void)state;
	assert_int_equal(diff(text, text, &said), 0);
	assert_string_equal(said, "");
	free(said);
	for (size_t i = 0; i < COUNT(ways); i++) {
		char *other = replace(text, ways[i].from, ways[i].to);
		int count = diff(text, other, &said);

		if (count || *said)
			fail_msg("%s: %d: %s", ways[i].to, count, said);
		free(said);
		free(other);
	}
	free(text);
}

/* ---- differences --------------------------------------------------------- */

/** In each section one thing is changed: what is said, and what is said the
 * other way round. */
static const struct {
	const char *from, *to, *said, *back;
} changes[] = {
	{ "name: Borough of Test", "name: Test",
	  "~ organisation: name Test (was Borough of Test)\n",
	  "~ organisation: name Borough of Test (was Test)\n" },
	{ "Europe/London", "Europe/Paris",
	  "~ organisation: time zone Europe/Paris (was Europe/London)\n",
	  "~ organisation: time zone Europe/London (was Europe/Paris)\n" },
	{ "unknown_party: drop", "unknown_party: record",
	  "~ organisation: unknown party recorded (was not recorded)\n",
	  "~ organisation: unknown party not recorded (was recorded)\n" },
	{ "approved: 2019-09-30\n", "approved: 2019-10-01\n",
	  "~ approval: approved 1 October 2019 (was 30 September 2019)\n",
	  "~ approval: approved 30 September 2019 (was 1 October 2019)\n" },
	{ "change: minor", "change: major",
	  "~ approval: change major (was minor)\n",
	  "~ approval: change minor (was major)\n" },
	{ "    - {who: Members}\n", "", "- who was consulted: 'Members'\n",
	  "+ who was consulted: 'Members'\n" },
	{ "external: [999, 112]", "external: 999",
	  "- numbering: external number 112\n",
	  "+ numbering: external number 112\n" },
	{ "internal: [10.0.0.0/8, ", "internal: [10.0.0.0/9, ",
	  "- networks: network 10.0.0.0/8\n+ networks: network 10.0.0.0/9\n",
	  "+ networks: network 10.0.0.0/8\n- networks: network 10.0.0.0/9\n" },
	{ "depot: {networks: 10.30.0.0/16}", "depot: {networks: 10.31.0.0/16}",
	  "~ site 'depot': network 10.31.0.0/16 (was 10.30.0.0/16)\n",
	  "~ site 'depot': network 10.30.0.0/16 (was 10.31.0.0/16)\n" },
	{ "extensions: [2200-2249, 2300]", "extensions: [2200-2249, 2300-2301]",
	  "- area 'housing': extension 2300\n"
	  "+ area 'housing': extension 2300 to 2301\n",
	  "+ area 'housing': extension 2300\n"
	  "- area 'housing': extension 2300 to 2301\n" },
	{ "security: no card data is taken", "security: none",
	  "~ area 'housing': case security none (was no card data is taken)\n",
	  "~ area 'housing': case security no card data is taken (was none)\n" },
	{ "metadata: count-only", "metadata: full",
	  "~ exemption 'union': metadata full (was count-only)\n",
	  "~ exemption 'union': metadata count-only (was full)\n" },
	{ "resume: after 10 minutes", "resume: after 5 minutes",
	  "~ payment 'pay by card': resume after 5 minutes (was 10 minutes)\n",
	  "~ payment 'pay by card': resume after 10 minutes (was 5 minutes)\n" },
	{ "wait: 1 min", "wait: 30 s",
	  "~ opt-out: wait 30 seconds (was 1 minute)\n",
	  "~ opt-out: wait 1 minute (was 30 seconds)\n" },
	{ "kinds: [agent, hold]", "kinds: [agent]",
	  "- rule 'in the queue': kind hold\n",
	  "+ rule 'in the queue': kind hold\n" },
	{ "short: {max: 14 days}", "short: {max: 28 days}",
	  "~ retention class 'short': at most 28 days (was 14 days)\n",
	  "~ retention class 'short': at most 14 days (was 28 days)\n" },
	{ "short: {max: 14 days}", "short: {max: 14 days, gives_way: yes}",
	  "+ retention class 'short': gives way yes\n",
	  "- retention class 'short': gives way yes\n" },
	{ "metadata: {max: 7 years}", "metadata: {max: 8 years}",
	  "~ metadata: at most 8 years (was 7 years)\n",
	  "~ metadata: at most 7 years (was 8 years)\n" },
	{ "metadata: {max: 7 years}",
	  "metadata: {max: 7 years}\nclock: {synchronised: required}",
	  "~ clock: synchronised required (was optional)\n",
	  "~ clock: synchronised optional (was required)\n" },
	{ "quality: {play_only: yes}", "quality: {}",
	  "- purpose 'quality': play only yes\n",
	  "+ purpose 'quality': play only yes\n" },
	{ "owner: [root, alice]", "owner: [root]", "- owner 'alice'\n",
	  "+ owner 'alice'\n" },
	{ "service: {users: contractor}", "service: {users: [contractor, bob]}",
	  "+ role 'service': user bob\n", "- role 'service': user bob\n" },
	{ "may: [operate, policy]", "may: [operate]",
	  "- access of 'service': may change the policy\n",
	  "+ access of 'service': may change the policy\n" },
	{ "dispose_within: 28 days", "dispose_within: 30 days",
	  "~ release 'within': disposed of within 30 days (was 28 days)\n",
	  "~ release 'within': disposed of within 28 days (was 30 days)\n" },
	{ "every: 6 months", "every: 1 year",
	  "~ reminder 'staff': every 12 months (was 6 months)\n",
	  "~ reminder 'staff': every 6 months (was 12 months)\n" },
	{ "numbers: 2300, announced: no, actions: [",
	  "numbers: 2300, announced: yes, actions: [",
	  "~ announced number '2300': announced yes (was no)\n",
	  "~ announced number '2300': announced no (was yes)\n" },
	{ "per_agent: 2", "per_agent: 3",
	  "~ sampling 'quality': of each agent 3 (was 2)\n",
	  "~ sampling 'quality': of each agent 2 (was 3)\n" },
	{ "name: nobody answers", "name: somebody answers",
	  "- test 'nobody answers'\n+ test 'somebody answers'\n",
	  "+ test 'nobody answers'\n- test 'somebody answers'\n" },
};

static void
each_section(void **state)
{
	char *text = load_file(), *said;

	(void)state;
	for (size_t i = 0; i < COUNT(changes); i++) {
		char *other = replace(text, changes[i].from, changes[i].to);
		int count = diff(text, other, &said);

		assert_string_equal(said, changes[i].said);
		assert_int_equal(count, lines(said));
		free(said);
		count = diff(other, text, &said);
		assert_string_equal(said, changes[i].back);
		assert_int_equal(count, lines(said));
		free(said);
		free(other);
	}
	free(text);
}

/** What is new, or gone, is told as a whole. */
static void
whole_objects(void **state)
{
	static const char added[] =
	    "rules:\n"
	    "  - name: payroll calls\n"
	    "    match: {direction: in, numbers: 2755}\n"
	    "    decision: drop\n";
	char *text = load_file(), *said;
	char *other = replace(text, "rules:\n", added);

	(void)state;
	assert_int_equal(diff(text, other, &said), 1);
	assert_string_equal(said, "+ rule 'payroll calls': decision drop; "
				  "direction in; number 2755\n");
	free(said);
	assert_int_equal(diff(other, text, &said), 1);
	assert_string_equal(said, "- rule 'payroll calls': decision drop; "
				  "direction in; number 2755\n");
	free(said);
	free(other);
	free(text);
}

/** The first rule that fits decides, so their order is no matter of taste. */
static void
order_of_rules(void **state)
{
	static const char begin[] =
	    "version: 1\n"
	    "organisation: {name: o, time_zone: UTC}\n"
	    "access: {owner: root}\n"
	    "purposes: [quality]\n"
	    "numbering: {country: 44}\n"
	    "retention: {a: {max: 1 day}, b: {max: 2 days}}\n"
	    "metadata: {max: 1 year}\n"
	    "rules:\n";
	static const char *const rules[] = {
		"  - {name: x, match: {direction: in}, decision: record, "
		"retention: a}\n",
		"  - {name: y, match: {direction: out}, decision: record, "
		"retention: b}\n",
		"  - {name: z, match: {direction: internal}, decision: record, "
		"retention: b}\n",
	};
	char *one, *other, *said;

	(void)state;
	assert_true(asprintf(&one, "%s%s%s%s", begin, rules[0], rules[1],
			     rules[2]) > 0);
	assert_true(asprintf(&other, "%s%s%s%s", begin, rules[0], rules[2],
			     rules[1]) > 0);
	assert_int_equal(diff(one, other, &said), 1);
	assert_string_equal(said,
			    "~ the order of rules is now 'x', 'z', 'y'\n");
	free(said);
	free(other);
	/* one that is gone moves no others */
	assert_true(asprintf(&other, "%s%s%s", begin, rules[1], rules[2]) > 0);
	assert_int_equal(diff(one, other, &said), 1);
	assert_string_equal(
	    said, "- rule 'x': decision record; direction in; retention a\n");
	free(said);
	free(other);
	free(one);
}

static void
no_memory(void **state)
{
	char *text = load_file();
	char *other = replace(text, "wait: 1 min", "wait: 30 s");
	struct policy *a = load_text(text), *b = load_text(other);
	FILE *nowhere = fopen("/dev/null", "w");
	unsigned nth = 0;
	int count;

	(void)state;
	assert_non_null(nowhere);
	do {
		testing_fail_allocation(++nth);
		count = policy_diff(a, b, nowhere);
		testing_fail_allocation(0);
		assert_true(count == 1 || count == -ENOMEM);
	} while (count < 0);
	assert_true(nth > 5);
	fclose(nowhere);
	policy_free(&a);
	policy_free(&b);
	free(text);
	free(other);
}

/** Ten thousand exemptions, each new: no work by pairs. */
static void
many(void **state)
{
	char *text = load_file(), *other, *made, *said;
	size_t n;
	FILE *to = open_memstream(&made, &n);

	(void)state;
	fputs("exemptions:\n", to);
	for (unsigned i = 0; i < 10000; i++)
		fprintf(to,
			"  - {name: n%u, numbers: '+44163296%04u', "
			"reason: r}\n",
			i, i);
	fclose(to);
	other = replace(text, "exemptions:\n", made);
	assert_int_equal(diff(text, other, &said), 10000);
	free(said);
	free(other);
	free(made);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same),
		cmocka_unit_test(each_section),
		cmocka_unit_test(whole_objects),
		cmocka_unit_test(order_of_rules),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
