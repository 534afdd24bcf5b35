/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy in plain English: what is said to whom, and how. */
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"
#include "policy/words_priv.h"

/** 1 January 2020 */
#define NOW (INT64_C(1577880000) * POLICY__SECOND_NS)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct policy *
load_file(const char *path)
{
	struct policy_errors errors;
	struct policy *policy;
	size_t n;
	uint8_t *text = testing_read_file(path, &n);
	int err = policy_load(&policy, (char *)text, n, &errors);

	if (err)
		policy_errors_print(&errors, path, stderr);
	assert_int_equal(err, 0);
	free(text);
	return policy;
}

static char *
explain(const struct policy *policy, enum policy_audience audience,
	const char *area)
{
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	assert_non_null(to);
	assert_int_equal(policy_explain(policy, audience, area, NOW, to), 0);
	assert_int_equal(fclose(to), 0);
	return text;
}

static void
has(const char *text, const char *wanted)
{
	if (!strstr(text, wanted))
		fail_msg("'%s' is not in:\n%s", wanted, text);
}

static void
has_not(const char *text, const char *unwanted)
{
	if (strstr(text, unwanted))
		fail_msg("'%s' is in:\n%s", unwanted, text);
}

/* ---- pieces -------------------------------------------------------------- */

/** What was written to a stream by `call`. */
#define SAID(wanted, call)                                                     \
	do {                                                                   \
		char *said = NULL;                                             \
		size_t said_bytes;                                             \
		FILE *to = open_memstream(&said, &said_bytes);                 \
                                                                               \
		call;                                                          \
		fclose(to);                                                    \
		assert_string_equal(said, wanted);                             \
		free(said);                                                    \
	} while (0)

static void
times_in_words(void **state)
{
	static const struct {
		struct policy__duration duration;
		const char *words;
	} durations[] = {
		{ { .days = 1 }, "1 day" },
		{ { .days = 14 }, "14 days" },
		{ { .months = 1 }, "1 month" },
		{ { .months = 18 }, "18 months" },
		{ { .months = 12 }, "12 months" },
		{ { .months = 72 }, "6 years" },
	};
	static const struct {
		int64_t ms;
		const char *words;
	} spans[] = {
		{ 0, "0 seconds" },
		{ 1000, "1 second" },
		{ 250, "250 milliseconds" },
		{ 90000, "1 minute and 30 seconds" },
		{ 3600000, "1 hour" },
		{ 3723000, "1 hour, 2 minutes and 3 seconds" },
		{ 86400000, "24 hours" },
	};
	static const struct {
		int64_t day;
		const char *words;
	} days[] = {
		{ 0, "1 January 1970" },        { -1, "31 December 1969" },
		{ 18169, "30 September 2019" }, { 11016, "29 February 2000" },
		{ 18261, "31 December 2019" },  { 18262, "1 January 2020" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(durations); i++)
		SAID(durations[i].words,
		     policy__say_duration(to, &durations[i].duration));
	for (size_t i = 0; i < COUNT(spans); i++)
		SAID(spans[i].words,
		     policy__say_span(to, spans[i].ms * INT64_C(1000000)));
	for (size_t i = 0; i < COUNT(days); i++) {
		const struct policy__date date = { true, days[i].day };

		SAID(days[i].words, policy__say_date(to, &date));
	}
}

static void
lists_in_words(void **state)
{
	const struct policy__duration year = { .months = 12 };
	struct policy__list_words list = { 0 };

	(void)state;
	SAID("", policy__say_list(to, &list, "and"));
	policy__list_add(&list, "a");
	SAID("a", policy__say_list(to, &list, "and"));
	policy__list_add(&list, "b");
	SAID("a and b", policy__say_list(to, &list, "and"));
	policy__list_add(&list, "c");
	SAID("a, b or c", policy__say_list(to, &list, "or"));
	SAID("every year", policy__say_every(to, &year));
	SAID("one two", policy__say_text(to, "one\ntwo. \n"));
	SAID("Our office", policy__say_first(to, "our office"));
	SAID("all calls", policy__say_routes(to, 15, false));
	SAID("Incoming and outgoing calls", policy__say_routes(to, 3, true));
	SAID("internal calls",
	     policy__say_routes(to, 1U << POLICY_INTERNAL, false));
}

static void
numbers_in_words(void **state)
{
	struct policy policy = { .numbering = { .country = "44",
						.national_prefix = "0" } };
	struct policy__pattern items[] = {
		{ POLICY__EXACT, "2750", "" },
		{ POLICY__RANGE, "2200", "2299" },
		{ POLICY__PREFIX, "+44153444", "" },
		{ POLICY__EXACT, "+3312345678", "" },
	};
	struct policy__patterns numbers = { 0, items };

	(void)state;
	numbers.count = 1;
	SAID("2750", policy__say_numbers(to, &policy, &numbers, "and"));
	SAID("the queue 2750",
	     policy__say_these(to, &policy, "queue", &numbers, "and"));
	numbers.count = 4;
	SAID("2750, 2200 to 2299, any number that begins with 0153444 or "
	     "+3312345678",
	     policy__say_numbers(to, &policy, &numbers, "or"));
	numbers.items = items + 1;
	numbers.count = 1;
	SAID("the extensions 2200 to 2299",
	     policy__say_these(to, &policy, "extension", &numbers, "and"));
	numbers.items = items + 2;
	SAID("the queues that begin with 0153444",
	     policy__say_these(to, &policy, "queue", &numbers, "and"));
}

/* ---- style --------------------------------------------------------------- */

/** A line is a heading, an item or a paragraph; paragraphs end like sentences.
 */
static void
check_line(const char *line, size_t n)
{
	assert_true(n > 2);
	if (line[0] == '#') {
		assert_memory_equal(line, "# ", 2);
		return;
	}
	if (line[n - 1] != '.' && line[n - 1] != ':')
		fail_msg("no end: %.*s", (int)n, line);
	/* names stand first in items; sentences begin with capitals */
	if (line[0] != '-' && !isupper((unsigned char)line[0]))
		fail_msg("no beginning: %.*s", (int)n, line);
}

static void
check_style(const char *text)
{
	static const char *const never[] = { "  ", " .",     " ,",    "..",
					     "()", ".,",     ",.",    ":.",
					     "''", "(null)", "\n\n\n" };
	const char *line = text;

	for (size_t i = 0; i < COUNT(never); i++)
		has_not(text, never[i]);
	while (*line) {
		size_t n = strcspn(line, "\n");

		if (n)
			check_line(line, n);
		assert_int_equal(line[n], '\n');
		line += n + 1;
	}
}

static const enum policy_audience audiences[] = { POLICY_FOR_COMPLIANCE,
						  POLICY_FOR_STAFF,
						  POLICY_FOR_CALLER };

/** For everybody, of all areas and of each. */
static void
check_texts(const char *path)
{
	struct policy *policy = load_file(path);

	for (size_t i = 0; i < COUNT(audiences); i++) {
		for (size_t a = 0; a <= policy->areas_count; a++) {
			char *text =
			    explain(policy, audiences[i],
				    a ? policy->areas[a - 1].name : NULL);

			check_style(text);
			free(text);
		}
	}
	policy_free(&policy);
}

static void
texts_are_well_formed(void **state)
{
	glob_t files;

	(void)state;
	check_texts("policy/load_test.yaml");
	assert_int_equal(glob("policy/examples/*.yaml", 0, NULL, &files), 0);
	assert_true(files.gl_pathc >= 6);
	for (size_t i = 0; i < files.gl_pathc; i++)
		check_texts(files.gl_pathv[i]);
	globfree(&files);
}

/** A policy says little, and yet all texts can be read. */
static void
the_default_policy(void **state)
{
	struct policy_errors errors;
	struct policy *policy;
	char *yaml, *text;

	(void)state;
	yaml = strdup(policy_default_text());
	assert_non_null(yaml);
	/* any name does */
	*strchr(yaml, '%') = 'u';
	assert_int_equal(policy_load(&policy, yaml, strlen(yaml), &errors), 0);
	for (size_t i = 0; i < COUNT(audiences); i++) {
		text = explain(policy, audiences[i], NULL);
		check_style(text);
		has(text, "at most 90 days");
		free(text);
	}
	text = explain(policy, POLICY_FOR_CALLER, NULL);
	assert_string_equal(
	    text, "# Recording of telephone calls\n\n"
		  "Our office records incoming and outgoing calls, for "
		  "quality, training, dispute, abuse and agreement. Recordings "
		  "are kept for at most 90 days, counted from the start of the "
		  "call, and are then deleted automatically. One that is "
		  "needed for a case, such as a complaint or a claim, or that "
		  "somebody who is in it has asked for, is held until that is "
		  "over, and deleted then.\n");
	free(text);
	policy_free(&policy);
	free(yaml);
}

/* ---- what is said -------------------------------------------------------- */

static void
for_compliance(void **state)
{
	static const char *const wanted[] = {
		"# Call recording policy\n",
		"It is revision 3.1, written by A. Writer, a minor amendment. "
		"It was approved by Corporate Management Team on 30 September "
		"2019. It is in force from 7 October 2019. It has to be "
		"reviewed by 30 September 2022.",
		"- Consulted: Staff side, 1 August 2019 (agreed).\n",
		"Our own numbers are 2000 to 4999 and 01632960100 to "
		"01632960199, but not 999 or 112.",
		"address is in 10.0.0.0/8 or fc00::/7.",
		"is in it is not recorded.",
		"Days and hours are those of Europe/London.",
		"- parks: all telephones of the site town hall. It is not "
		"recorded: it has no business case.",
		"are recorded and kept for at least 12 months and at most 24 months.",
		"Approved by Director General on 1 March 2019 (reference "
		"EX-1). To be reviewed by 1 March 2020. Ends on 1 January "
		"2031. Nothing stays but the number of such calls each day.",
		"Nobody is named who approved it. It stays known when, and by "
		"which exemption, but no number.",
		"- provider. Recording stops when a call or a transfer is made "
		"to 03330160000. What was said in the 10 seconds before is not "
		"recorded either. The rest of the call is not recorded.\n",
		"10 minutes later the call is recorded again, or before that "
		"when a member of staff keys *6 or resumes it by hand.",
		"- corporate: kept for at least 12 months and at most 24 months, and "
		"deleted when 12 months old. After a hold or a case has ended, "
		"the class complaints holds, counted from then on.",
		"- short: kept for at most 14 days, and deleted just before "
		"that.",
		"- discipline: needs a case and an approver; authorised by "
		"people manager.\n",
		"Every right is with root and alice.",
		"- service may operate the recorder and change the policy.\n",
		"- For everybody recorded: every 6 months, since 7 October "
		"2019. Business calls only.\n",
		"Done instead: letter of 2019-10-01; note on the web site.",
		"- quality: 2 calls a week of each agent of revenues, for "
		"quality, 50 % of them outgoing; no copies are made.",
	};
	struct policy *policy = load_file("policy/load_test.yaml");
	char *text = explain(policy, POLICY_FOR_COMPLIANCE, NULL);

	(void)state;
	for (size_t i = 0; i < COUNT(wanted); i++)
		has(text, wanted[i]);
	free(text);
	policy_free(&policy);
}

static void
for_staff(void **state)
{
	struct policy *policy = load_file("policy/load_test.yaml");
	char *text = explain(policy, POLICY_FOR_STAFF, "housing");

	(void)state;
	has(text, "notice to staff: housing\n");
	has(text, "In this area: Disputes over what was said.");
	has(text, "the extensions 2200 to 2249 and 2300");
	has(text, "there are these telephones:\n\n- housing: 2249.\n");
	has(text, "Who listens, and what for, is written down each time.");
	has(text, "Data Protection Officer.");
	has_not(text, "In the area revenues");
	has_not(text, "parks");
	/* its own payments need not be said to be its own */
	has(text, "- Recording stops when a call or a transfer is made");
	free(text);

	/* nobody is told of recordings that are not made */
	text = explain(policy, POLICY_FOR_STAFF, "parks");
	has(text, "does not record these telephone calls: it has no business "
		  "case.\n");
	has_not(text, "Who may listen");
	free(text);
	policy_free(&policy);
}

/** What a rule says of an area that lacks its business case is not so yet. */
static void
areas_without_a_case(void **state)
{
	static const char yaml[] =
	    "version: 1\n"
	    "organisation: {name: x, time_zone: UTC}\n"
	    "access: {owner: a}\n"
	    "purposes: [quality]\n"
	    "numbering: {country: 44}\n"
	    "retention: {standard: {max: 90 days}, long: {max: 2 years}}\n"
	    "metadata: {max: 3 years}\n"
	    "areas:\n"
	    "  housing: {extensions: 2100, needs: business_case}\n"
	    "  parks: {extensions: 2200}\n"
	    "rules:\n"
	    "  - {name: a, match: {areas: [housing, parks]}, decision: record, "
	    "retention: standard}\n"
	    "  - {name: b, match: {areas: housing}, decision: record, "
	    "retention: long}\n";
	struct policy_errors errors;
	struct policy *policy;
	char *text;

	(void)state;
	assert_int_equal(policy_load(&policy, yaml, sizeof(yaml) - 1, &errors),
			 0);
	text = explain(policy, POLICY_FOR_STAFF, NULL);
	has(text, "of the areas housing and parks. No call of the area housing "
		  "is recorded before that is approved: it has no business "
		  "case.\n");
	has(text, "- Not recorded yet: ");
	has_not(text, "24 months");
	free(text);
	text = explain(policy, POLICY_FOR_STAFF, "parks");
	has_not(text, "housing is recorded before");
	free(text);
	/* then nothing is */
	policy->areas[1].needs = policy->areas[0].needs;
	text = explain(policy, POLICY_FOR_STAFF, NULL);
	has(text, "X does not record your telephone calls.\n");
	free(text);
	text = explain(policy, POLICY_FOR_CALLER, NULL);
	has(text, "X does not record your telephone calls.\n");
	free(text);
	policy_free(&policy);
}

/** A telephone is only called unrecorded where it is. */
static void
confidential_extensions(void **state)
{
	struct policy *policy = load_file("policy/load_test.yaml");
	struct policy__patterns *exempt = &policy->exemptions[0].numbers;
	char *text;

	(void)state;
	exempt->items[0].first[0] = '3';
	text = explain(policy, POLICY_FOR_STAFF, NULL);
	has_not(text, "there are these telephones");
	free(text);
	text = explain(policy, POLICY_FOR_COMPLIANCE, NULL);
	has(text, "its people have 2249, but no exemption covers all of that.");
	free(text);
	policy_free(&policy);
}

/** Who may delete and not listen is not among those who may listen; and what is
 * held is kept for longer. */
static void
staff_who_delete(void **state)
{
	static const char yaml[] =
	    "version: 1\n"
	    "organisation: {name: x, time_zone: UTC}\n"
	    "numbering: {country: 44, extension_digits: 4}\n"
	    "access: {owner: a, matrix: [\n"
	    "  {role: hearers, may: [find, play]},\n"
	    "  {role: weeders, may: [find, delete]}]}\n"
	    "roles: {hearers: {users: b}, weeders: {users: c}}\n"
	    "purposes: [quality]\n"
	    "retention: {standard: {max: 90 days}}\n"
	    "metadata: {max: 24 months}\n"
	    "rules: [{name: all, decision: record, retention: standard}]\n";
	struct policy_errors errors;
	struct policy *policy;
	char *text, *end;

	(void)state;
	assert_int_equal(policy_load(&policy, yaml, sizeof(yaml) - 1, &errors),
			 0);
	text = explain(policy, POLICY_FOR_STAFF, NULL);
	has(text, "is held until that is over, and deleted then.");
	has(text, "weeders may delete");
	end = strstr(text, "Besides, every right");
	assert_non_null(end);
	*end = '\0';
	has(text, "hearers may listen");
	has_not(text, "weeders");
	free(text);
	text = explain(policy, POLICY_FOR_COMPLIANCE, NULL);
	has(text, "Our own numbers are those of 4 digits.");
	free(text);
	policy_free(&policy);
}

/** What has ended by now is not said to hold. */
static void
approvals_that_ended(void **state)
{
	struct policy *policy = load_file("policy/load_test.yaml");
	struct policy__area *housing = &policy->areas[0];
	char *text;

	(void)state;
	housing->business_case.ends.day = NOW / POLICY__SECOND_NS / 86400;
	text = explain(policy, POLICY_FOR_STAFF, "housing");
	has(text, "does not record these telephone calls: its business case "
		  "has ended.");
	free(text);
	housing->business_case.ends.day++;
	text = explain(policy, POLICY_FOR_STAFF, "housing");
	has(text, "# Who may listen");
	has(text, "(union)");
	free(text);
	housing->request.approved.day = NOW / POLICY__SECOND_NS / 86400 + 1;
	text = explain(policy, POLICY_FOR_STAFF, NULL);
	has(text, "not recorded, since the request for it is not yet "
		  "approved.");
	free(text);
	policy->exemptions[0].approval.ends.day = 0;
	text = explain(policy, POLICY_FOR_STAFF, NULL);
	has_not(text, "(union)");
	has_not(text, "there are these telephones");
	free(text);
	policy_free(&policy);
}

/** Two classes of one length are one to who reads of them. */
static void
lengths_once(void **state)
{
	struct policy *policy = load_file("policy/load_test.yaml");
	char *text;

	(void)state;
	policy->classes[1].has_min = true;
	policy->classes[1].min = policy->classes[0].min;
	policy->classes[1].max = policy->classes[0].max;
	text = explain(policy, POLICY_FOR_CALLER, NULL);
	has(text, "kept for at least 12 months and at most 24 months, counted");
	free(text);
	policy_free(&policy);
}

/** Staff and callers read that it may be for less; who answers for it, when. */
static void
what_gives_way(void **state)
{
	struct policy *policy = load_file("policy/load_test.yaml");
	char *text;

	(void)state;
	policy->classes[0].gives_way = true;
	text = explain(policy, POLICY_FOR_CALLER, NULL);
	has(text, "kept for at least 12 months and at most 24 months as long "
		  "as there is room, or");
	free(text);
	text = explain(policy, POLICY_FOR_COMPLIANCE, NULL);
	has(text, "and deleted just before that. Where the disk of the "
		  "recorder fills, its recordings give way, the oldest first, "
		  "but none that is not 12 months old; one that is held does "
		  "not. Of each it is known that and why it went.");
	free(text);
	policy->classes[0].has_min = false;
	text = explain(policy, POLICY_FOR_COMPLIANCE, NULL);
	has(text, "give way, the oldest first; one that is held does not.");
	free(text);
	policy_free(&policy);
}

static void
for_callers(void **state)
{
	struct policy *policy = load_file("policy/load_test.yaml");
	char *text = explain(policy, POLICY_FOR_CALLER, "revenues");

	(void)state;
	has(text, "Borough of Test records some incoming and outgoing calls");
	has(text,
	    "for at least 12 months and at most 24 months, or for at most 14 "
	    "days, depending on the call");
	has(text, "Keying 1 within 1 minute takes that back.");
	has(text, "Payments are not recorded: recording stops when you pay.");
	has(text, "To ask for a copy of a recording of you, or to complain: "
		  "Data Protection Officer.");
	free(text);
	/* housing has no opt-out, and its only payment ends the recording */
	text = explain(policy, POLICY_FOR_CALLER, "housing");
	has_not(text, "does not want to be recorded");
	has(text, "recording stops when you pay, for the rest of the call.");
	free(text);
	policy_free(&policy);
}

static void
no_such_area(void **state)
{
	struct policy *policy = load_file("policy/load_test.yaml");

	(void)state;
	assert_int_equal(
	    policy_explain(policy, POLICY_FOR_STAFF, "moon", NOW, stderr),
	    -ENOENT);
	policy_free(&policy);
}

static void
no_memory(void **state)
{
	struct policy *policy = load_file("policy/load_test.yaml");
	char room[64];
	FILE *full = fmemopen(room, sizeof(room), "w");

	(void)state;
	setbuf(full, NULL);
	assert_int_equal(
	    policy_explain(policy, POLICY_FOR_COMPLIANCE, NULL, NOW, full),
	    -ENOMEM);
	fclose(full);
	policy_free(&policy);
}

/* ---- decisions ----------------------------------------------------------- */

static void
decisions_in_words(void **state)
{
	static const struct {
		struct policy_decided decided;
		const char *words;
	} cases[] = {
		{ { "exempt", "union", "", 0 },
		  " 'union' is an exemption; its reason: Confidential talk "
		  "with the union and about pay. Proposed by Director of "
		  "Services. Approved by Director General on 1 March 2019 "
		  "(reference EX-1). To be reviewed by 1 March 2020. Ends on "
		  "1 January 2031. Nothing stays but the number of such calls "
		  "each day." },
		{ { "exempt", "payroll office", "", 0 }, "" },
		{ { "not-approved", "parks", "parks", 0 },
		  " The area 'parks' may be recorded only when what it needs "
		  "is approved. It has no approved business case." },
		{ { "not-approved", "housing", "housing", 0 },
		  " The area 'housing' may be recorded only when what it needs "
		  "is approved. Its business case was approved only on 15 "
		  "January 2019. Its request was approved only on 1 February "
		  "2019." },
		{ { "not-approved", "housing", "housing",
		    INT64_C(1900000000) * POLICY__SECOND_NS },
		  " The area 'housing' may be recorded only when what it needs "
		  "is approved. Its business case ended on 1 January 2030." },
		{ { "payment", "provider", "", 0 },
		  " Somebody was paying. Recording stops when a call or a "
		  "transfer is made to 03330160000. What was said in the 10 "
		  "seconds before is not recorded either. The rest of the call "
		  "is not recorded." },
		{ { "opt-out", "opt-out", "", 0 },
		  " The caller did not want to be recorded." },
		{ { "no-rule", "", "", 0 },
		  " No rule of the policy fits such a call." },
		{ { "listen-deny", "personnel", "", 0 },
		  " The reason of 'personnel': Only the law opens these. "
		  "Approved by Director General on 1 March 2019." },
		{ { "record", "in the queue", "housing", 0 },
		  " The business case of its area 'housing' was approved by "
		  "Director of Services on 15 January 2019 (reference BC-7). "
		  "To be reviewed by 15 January 2021. Ends on 1 January 2030. "
		  "Its reason: Disputes over what was said." },
		{ { "record", "in the queue", "", 0 }, "" },
		{ { "overload", "", "", 0 }, "" },
	};
	struct policy *policy = load_file("policy/load_test.yaml");

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		SAID(cases[i].words,
		     policy_explain_decision(policy, &cases[i].decided, to));
	policy_free(&policy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_in_words),
		cmocka_unit_test(lists_in_words),
		cmocka_unit_test(numbers_in_words),
		cmocka_unit_test(texts_are_well_formed),
		cmocka_unit_test(the_default_policy),
		cmocka_unit_test(for_compliance),
		cmocka_unit_test(for_staff),
		cmocka_unit_test(areas_without_a_case),
		cmocka_unit_test(confidential_extensions),
		cmocka_unit_test(staff_who_delete),
		cmocka_unit_test(approvals_that_ended),
		cmocka_unit_test(lengths_once),
		cmocka_unit_test(what_gives_way),
		cmocka_unit_test(for_callers),
		cmocka_unit_test(no_such_area),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(decisions_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
