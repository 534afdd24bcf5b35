/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every section of a policy: a whole one as it should be understood, and each
 * mistake that can be made in it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"
#include "policy/test_priv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define WHOLE        "policy/load_test.yaml"

static char *
whole_text(void)
{
	size_t n;
	uint8_t *bytes = testing_read_file(WHOLE, &n);
	char *text = strndup((const char *)bytes, n);

	free(bytes);
	return text;
}

static struct policy *
whole_policy(void)
{
	char *text = whole_text();
	struct policy_errors errors;
	struct policy *policy;

	if (policy_load(&policy, text, strlen(text), &errors)) {
		policy_errors_print(&errors, WHOLE, stderr);
		fail_msg("a good policy is refused");
	}
	free(text);
	return policy;
}

/* ---- a whole policy ------------------------------------------------------ */

static int64_t
day(int64_t year, unsigned month, unsigned day_of_month)
{
	return policy__days_from_civil(year, month, day_of_month);
}

static void
assert_numbers(const struct policy__patterns *numbers, size_t count,
	       const char *first, const char *last)
{
	assert_int_equal(numbers->count, count);
	assert_string_equal(numbers->items[0].first, first);
	assert_string_equal(numbers->items[count - 1].first, last);
}

static void
who_made_it(void **state)
{
	struct policy *p = whole_policy();
	const struct policy__document *d = &p->document;
	struct policy_document document;

	(void)state;
	assert_false(p->unknown_recorded);
	assert_true(d->given && d->minor);
	assert_int_equal(d->at.line, 11);
	assert_int_equal(d->approved.day, day(2019, 9, 30));
	assert_int_equal(d->in_force.day, day(2019, 10, 7));
	assert_int_equal(d->review_by.day, day(2022, 9, 30));
	assert_string_equal(d->law, "Data Protection Act 2018");
	assert_string_equal(d->contact, "Data Protection Officer");
	assert_int_equal(d->consulted_count, 2);
	assert_string_equal(d->consulted[0].note, "agreed");
	assert_string_equal(d->consulted[1].note, "");
	assert_false(d->consulted[1].date.set);
	assert_int_equal(d->history_count, 1);
	assert_string_equal(d->history[0].number, "3.0");
	policy_document_peek(p, &document);
	assert_string_equal(document.title, "Call recording policy");
	assert_string_equal(document.revision, "3.1");
	assert_string_equal(document.owner, "Head of Customer Services");
	assert_string_equal(document.approver, "Corporate Management Team");
	assert_true(document.minor);
	policy_free(&p);
}

static void
its_areas(void **state)
{
	struct policy *p = whole_policy();
	const struct policy__area *area = p->areas;

	(void)state;
	assert_int_equal(p->groups_count, 2);
	assert_numbers(&p->groups[1].numbers, 1, "+4416329601", "+4416329601");
	assert_int_equal(p->sites_count, 2);
	assert_numbers(&p->sites[0].extensions, 1, "2200", "2200");
	assert_int_equal(p->sites[0].networks.items[0].bits, 96 + 22);
	assert_int_equal(p->areas_count, 3);
	assert_numbers(&area->extensions, 2, "2200", "2300");
	assert_true(area->has_sites && !area->sites.all);
	assert_int_equal(area->sites.count, 1);
	assert_int_equal(area->sites.items[0], 1);
	assert_int_equal(area->needs, POLICY__NEED_CASE | POLICY__NEED_REQUEST);
	assert_true(area->business_case.given && area->request.given);
	assert_string_equal(area->business_case.reference, "BC-7");
	assert_int_equal(area->business_case.ends.day, day(2030, 1, 1));
	assert_string_equal(area->consultation, "staff told");
	assert_string_equal(area->request.proposed_by, "Head of Housing");
	assert_string_equal(area->payments, "no");
	assert_numbers(&area->confidential, 1, "2249", "2249");
	assert_int_equal(area[1].needs, 0);
	assert_string_equal(area[1].payments, "card, bank");
	assert_false(area[1].has_sites);
	assert_string_equal(area[1].reason, "");
	assert_string_equal(area[1].business_case.approved_by, "");
	assert_int_equal(area[2].needs, POLICY__NEED_CASE);
	assert_string_equal(area[2].payments, "");
	assert_int_equal(area[2].at.line, 72);
	policy_free(&p);
}

static void
what_it_keeps_out(void **state)
{
	struct policy *p = whole_policy();
	const struct policy__exemption *e = p->exemptions;
	const struct policy__payment *pay = p->payments;

	(void)state;
	assert_int_equal(p->exemptions_count, 2);
	assert_numbers(&e->numbers, 3, "2249", "2751");
	assert_string_equal(e->reason, "Confidential talk with the union\n"
				       "and about pay.");
	assert_int_equal(e->traces, POLICY_TRACES_COUNT);
	assert_true(e->approval.given && e->approval.ends.set);
	assert_int_equal(e[1].traces, POLICY_TRACES_MINIMAL);
	assert_false(e[1].approval.given);
	assert_int_equal(p->listen_denies_count, 1);
	assert_int_equal(p->payments_count, 2);
	assert_int_equal(pay->areas.items[0], 1);
	assert_string_equal(pay->keys, "*5");
	assert_string_equal(pay->header, "X-Payment");
	assert_string_equal(pay->header_value, "begin");
	assert_string_equal(pay->info, "Record");
	assert_string_equal(pay->info_value, "");
	assert_true(pay->hold && pay->tones && pay->card_numbers);
	assert_int_equal(pay->lookback_ns, 20 * POLICY__SECOND_NS);
	assert_int_equal(pay->resume, POLICY__RESUME_AFTER);
	assert_int_equal(pay->after_ns, 600 * POLICY__SECOND_NS);
	assert_string_equal(pay->resume_keys, "*6");
	assert_true(pay[1].areas.all);
	assert_int_equal(pay[1].lookback_ns, 10 * POLICY__SECOND_NS);
	assert_int_equal(pay[1].resume, POLICY__RESUME_NEVER);
	assert_string_equal(pay[1].header, "");
	assert_true(p->opt_out.given && p->opt_out.anybody);
	assert_string_equal(p->opt_out.keys, "*#*");
	assert_string_equal(p->opt_out.return_keys, "1");
	assert_int_equal(p->opt_out.announcement_ns, 20 * POLICY__SECOND_NS);
	assert_int_equal(p->opt_out.wait_ns, 60 * POLICY__SECOND_NS);
	policy_free(&p);
}

static void
what_it_records(void **state)
{
	struct policy *p = whole_policy();
	const struct policy__rule *rule = &p->rules[2];

	(void)state;
	assert_int_equal(p->rules_count, 4);
	assert_numbers(&p->rules[0].numbers, 2, "2750", "2751");
	assert_true(p->rules[0].areas.all && p->rules[0].sites.all);
	assert_int_equal(rule->routes, 1 << POLICY_IN);
	assert_int_equal(rule->kinds,
			 1 << POLICY_KIND_AGENT | 1 << POLICY_KIND_HOLD);
	assert_int_equal(rule->areas.count, 2);
	assert_int_equal(rule->areas.items[0], 0);
	assert_int_equal(rule->areas.items[1], 1);
	assert_int_equal(rule->sites.count, 1);
	assert_true(rule->has_queues && rule->logged_in);
	assert_string_equal(rule->retention, "corporate");
	assert_string_equal(p->rules[3].area, "nowhere");
	assert_string_equal(p->classes[0].then, "complaints");
	assert_string_equal(p->classes[0].beyond, "Information Governance");
	assert_string_equal(p->classes[1].beyond, "");
	policy_free(&p);
}

static void
its_people(void **state)
{
	struct policy *p = whole_policy();
	const struct policy__grant *grant = p->grants;

	(void)state;
	assert_int_equal(p->purposes_count, 4);
	assert_true(p->purposes[0].play_only);
	assert_true(p->purposes[2].needs_case);
	assert_true(p->purposes[2].needs_approver);
	assert_false(p->purposes[2].needs_advice);
	assert_int_equal(p->purposes[2].authorisers.count, 1);
	assert_true(p->purposes[3].needs_advice);
	assert_int_equal(p->roles_count, 3);
	assert_string_equal(p->roles[1].groups.items[1], "tl-revenues");
	assert_int_equal(p->grants_count, 3);
	assert_int_equal(grant[0].rights,
			 1 << POLICY_RIGHT_FIND | 1 << POLICY_RIGHT_PLAY);
	assert_int_equal(grant[0].purposes.count, 2);
	assert_true(grant[1].areas.all && !grant[1].purposes.count);
	assert_string_equal(grant[2].role, "service");
	assert_int_equal(p->releases_count, 2);
	assert_int_equal(p->releases[0].dispose_within.days, 28);
	assert_true(p->releases[1].outside && !p->releases[0].outside);
	assert_string_equal(p->releases[1].needs, "a written request");
	assert_int_equal(p->reminders[0].every.months, 6);
	assert_true(p->reminders[1].first_use);
	assert_string_equal(p->announced[1].actions,
			    "letter of 2019-10-01\nnote on the web site");
	assert_true(p->announced[0].announced);
	assert_int_equal(p->samples[0].per.days, 7);
	assert_true(p->samples[0].has_outbound);
	assert_int_equal(p->samples[0].outbound_percent, 50);
	policy_free(&p);
}

static void
its_tests(void **state)
{
	static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
	struct policy *p = whole_policy();
	const struct policy__test *test = p->tests;
	const struct policy__test_expect *expect = test->expects;
	/* 2019-10-01 10:00 in summer time */
	int64_t start_ns =
	    (day(2019, 10, 1) * 24 + 9) * 3600 * POLICY__SECOND_NS;

	(void)state;
	assert_int_equal(p->tests_count, 2);
	assert_int_equal(test->call.start_ns, start_ns);
	assert_true(test->call.answered);
	assert_int_equal(test->call.answer_ns, 5 * POLICY__SECOND_NS);
	assert_int_equal(test->call.kind, POLICY_KIND_QUEUE);
	assert_string_equal(test->call.dialled.items[0], "01632 960110");
	assert_true(test->call.to_logged_in && !test->call.from_logged_in);
	assert_memory_equal(test->call.from_addr, mapped, 16);
	assert_int_equal(test->events_count, 12);
	assert_int_equal(test->events[1].what, POLICY__TEST_KEYS);
	assert_string_equal(test->events[1].text, "*5");
	assert_true(test->events[1].inside);
	assert_int_equal(test->events[2].offset_ns,
			 INT64_C(21500) * 1000 * 1000);
	assert_string_equal(test->events[2].name, "X-Payment");
	assert_true(test->events[4].inside);
	assert_int_equal(test->events[10].what, POLICY__TEST_TRANSFERRED);
	assert_int_equal(test->events[11].offset_ns,
			 INT64_C(3723) * POLICY__SECOND_NS);
	assert_int_equal(test->expects_count, 2);
	assert_int_equal(expect[0].route, POLICY_IN);
	assert_int_equal(expect[0].due_ns,
			 start_ns + 366 * POLICY__DAY_S * POLICY__SECOND_NS);
	assert_true(expect[0].ceiling_ns > expect[0].due_ns);
	assert_int_equal(expect[0].gaps_count, 1);
	assert_string_equal(expect[0].gaps[0].reason, "payment");
	assert_int_equal(expect[0].traces, -1);
	assert_true(expect[1].consult && expect[1].discarded);
	assert_true(expect[1].has_gaps && !expect[1].gaps_count);
	assert_null(expect[1].rule);
	assert_int_equal(expect[1].kind, -1);
	/* without events: it ends after a minute */
	assert_false(test[1].call.answered);
	assert_int_equal(test[1].events_count, 1);
	assert_int_equal(test[1].events[0].what, POLICY__TEST_END);
	assert_int_equal(test[1].events[0].offset_ns, 60 * POLICY__SECOND_NS);
	policy_free(&p);
}

/* ---- mistakes ------------------------------------------------------------ */

/** One change of the whole policy, and the mistake it makes. */
static const struct {
	const char *from, *to;
	int line; /* where, counted from the line of the change */
	int column;
	const char *error;
} mistakes[] = {
	{ "unknown_party: drop", "unknown_party: maybe", 0, 18,
	  "'unknown_party' is 'maybe', but must be drop or record" },
	{ "areas_need: [business_case]", "areas_need: [busines_case]", 0, 16,
	  "'areas_need' is 'busines_case', but must be business_case, request or nothing" },
	{ "areas_need: [business_case]", "areas_need: [nothing, request]", 0,
	  15, "'areas_need' is both 'nothing' and something else" },
	{ "approved: 2019-09-30", "approved: 2019-09-31", 0, 13,
	  "'approved' is '2019-09-31'; write a day of the calendar like 2019-09-30" },
	{ "approved: 2019-09-30", "approved: 30.9.2019", 0, 13,
	  "'approved' is '30.9.2019'; write a day of the calendar like 2019-09-30" },
	{ "review_by: 2022-09-30", "review_by: 2012-09-30", 0, 14,
	  "'approval': 'review_by' is before 'approved'" },
	{ "change: minor", "change: tiny", 0, 11,
	  "'change' is 'tiny', but must be major or minor" },
	{ "title: Call recording policy", "title: ''", 0, 10,
	  "'title' must have from 1 to 2000 bytes, and has 0" },
	{ "title: Call recording policy", "title: \"a\\tb\"", 0, 10,
	  "'title' has a character in it that cannot be printed" },
	{ "{who: Members}", "{whom: Members}", 0, 7,
	  "an entry of 'consulted' lacks the key 'who'" },
	{ "[2000-4999,", "[group payroll,", 0, 14,
	  "'internal' cannot name a group ('payroll'): write its numbers" },
	{ "payroll: [2750, 2751]", "payroll: [2750, group helpline]", 0, 19,
	  "the group 'payroll' cannot name a group ('helpline'): write its numbers" },
	{ "  helpline: 01632", "  payroll: 01632", 0, 3,
	  "the group 'payroll' is defined twice" },
	{ "helpline: 01632 9601*", "helpline: []", 0, 13,
	  "the group 'helpline' is an empty list" },
	{ "depot: {networks: 10.30.0.0/16}", "depot: {}", 0, 10,
	  "the site 'depot' needs 'extensions' or 'networks', or both: nothing is in it" },
	{ "depot: {networks: 10.30.0.0/16}", "depot: {networks: 10.30.0.0/8}",
	  0, 21,
	  "'10.30.0.0/8' is not a network: its address goes on after /8" },
	{ "sites: [depot]", "sites: [depo]", 0, 13,
	  "'sites' names the site 'depo', which is not defined; defined are: town hall, depot" },
	{ "sites: [depot]", "sites: [depot, depot]", 0, 20,
	  "'sites' names 'depot' twice" },
	{ "queues: group helpline", "queues: group helplin", 0, 13,
	  "'queues' names the group 'helplin', which is not defined; defined are: payroll, helpline" },
	{ "needs: nothing", "needs: [nothing, request]", 0, 12,
	  "'needs' is both 'nothing' and something else" },
	{ "payments: [card, bank]", "payments: [card, no]", 0, 15,
	  "'payments' is both 'no' and something else" },
	{ "payments: [card, bank]", "payments: cash", 0, 15,
	  "'payments' is 'cash', but must be card, bank or no" },
	{ "parks: {sites: town hall}", "parks: {manager: x}", 0, 10,
	  "the area 'parks' needs 'extensions', 'queues' or 'sites': no call belongs to it" },
	{ "      security: no card data is taken\n", "", -1, 7,
	  "'business_case' lacks the key 'security'" },
	{ "ends: 2030-01-01", "ends: 2019-01-15", 0, 13,
	  "'business_case': 'ends' must be after 'approved'" },
	{ "reason: Informants, ", "", 0, 5,
	  "an exemption lacks the key 'reason'" },
	{ "metadata: count-only", "metadata: none", 0, 15,
	  "'metadata' is 'none', but must be full, minimal or count-only" },
	{ "name: fraud hotline", "name: union", 0, 5,
	  "the exemption 'union' is defined twice" },
	{ "name: personnel, ", "", 0, 5,
	  "an entry of 'listen_deny' lacks the key 'name'" },
	{ "keys: \"*5\"", "keys: \"*E\"", 0, 13,
	  "'keys' is '*E', but must be from 1 to 15 keys of a telephone: 0 to 9, *, #, A to D" },
	{ "keys: \"*5\"", "keys: *5", 0, 13,
	  "aliases (*name) are not used here: write the value out; keys like *5 stand in quotes, \"*5\"" },
	{ "{name: X-Payment, value: begin}", "{name: \"X Payment\"}", 0, 15,
	  "'header': 'X Payment' is not the name of a SIP header" },
	{ "look_back: 20 s", "look_back: 2 minutes", 0, 16,
	  "'look_back' must be from 0 s to 60 s, but is '2 minutes'" },
	{ "look_back: 20 s", "look_back: 20", 0, 16,
	  "'look_back' is '20'; write it like 10 s, 5 minutes or 1 hour" },
	{ "resume: after 10 minutes", "resume: later", 0, 13,
	  "'resume' is 'later', but must be explicit, never, or a time like 'after 10 minutes'" },
	{ "resume: after 10 minutes", "resume: after lunch", 0, 13,
	  "'resume' is 'lunch'; write it like 10 s, 5 minutes or 1 hour" },
	{ "resume: after 10 minutes", "resume: never", 1, 18,
	  "the payment 'pay by card' has 'resume_keys', but 'resume' is never" },
	{ "resume_keys: \"*6\"", "resume_keys: \"5\"", 0, 18,
	  "the payment 'pay by card': of 'keys' and 'resume_keys' one is the end of the other" },
	{ "triggers: {call: 0333 0160000}", "triggers: {tones: yes}", 0, 15,
	  "'tones' only hears keys, it is no trigger of its own; add keys, header, info, call, hold or by_hand" },
	{ "triggers: {call: 0333 0160000}", "triggers: {card_numbers: yes}", 0,
	  15,
	  "'card_numbers' is never the only control: the number has been said or keyed by then; add keys, header, info, call, hold or by_hand" },
	{ "triggers: {call: 0333 0160000}", "triggers: {hold: no}", 0, 15,
	  "'triggers' has none; there are keys, header, info, call, hold and by_hand" },
	{ "triggers: {call: 0333 0160000}", "triggers: {hold: often}", 0, 22,
	  "'hold' must be yes or no, but is 'often'" },
	{ "resume: never", "resume: never\n    areas: [revenue]", 1, 13,
	  "'areas' names the area 'revenue', which is not defined; defined are: housing, revenues, parks" },
	{ "return: \"1\"", "return: \"#*\"", 0, 32,
	  "'opt_out': of 'keys' and 'return' one is the end of the other" },
	{ "by: anybody", "by: everybody", 0, 41,
	  "'by' is 'everybody', but must be caller or anybody" },
	{ "wait: 1 min", "wait: 0 s", 0, 101,
	  "'wait' must be from 1 s to 24 hours, but is '0 s'" },
	{ "kinds: [agent, hold]", "kinds: [agent, payment]", 0, 22,
	  "'kinds' is 'payment', but must be agent, queue, hold, consult or transfer" },
	{ "kinds: [agent, hold]", "kinds: [agent, agent]", 0, 22,
	  "'kinds' names 'agent' twice" },
	{ "then: complaints", "then: complaint", 0, 53,
	  "'then' names the class 'complaint', which is not defined; defined are: corporate, short, complaints" },
	{ "dispute:\n", "dispute: yes\n", 0, 12,
	  "the purpose 'dispute' must be a group of keys ('key: value'), but is a single value" },
	{ "needs: advice", "needs: advise", 0, 18,
	  "'needs' is 'advise', but must be case, approver or advice" },
	{ "[people manager]}\n  other", "[people manger]}\n  other", 0, 55,
	  "'authorisers' names the role 'people manger', which is not defined; defined are: people manager, team leader, service" },
	{ "{role: service,", "{role: servant,", 0, 14,
	  "'role' names the role 'servant', which is not defined; defined are: people manager, team leader, service" },
	{ "may: [operate, policy]", "may: [operate, all]", 0, 38,
	  "'may' is 'all', but must be find, play, export, share, delete, hold, pause, report, operate or policy" },
	{ "purposes: [quality, dispute]}", "purposes: [quality, disput]}", 0,
	  94,
	  "'purposes' names the purpose 'disput', which is not defined; defined are: quality, dispute, discipline, other" },
	{ "users: contractor", "user: contractor", 0, 13,
	  "the role 'service' knows no key 'user'; it knows: users, groups" },
	{ "to: outside", "to: police", 0, 24,
	  "'to' is 'police', but must be inside or outside" },
	{ "dispose_within: 28 days", "dispose_within: soon", 0, 112,
	  "'dispose_within' is 'soon'; write it like 14 days, 6 months or 2 years, at most 100 years" },
	{ "first_use: yes", "first_use: no", 0, 5,
	  "the reminder 'newcomers' needs 'every', or 'first_use: yes': it is never due" },
	{ "announced: no,", "announced: never,", 0, 32,
	  "'announced' must be yes or no, but is 'never'" },
	{ "per_agent: 2", "per_agent: 0", 0, 69,
	  "'per_agent' must be from 1 to 100, but is 0" },
	{ "per: week", "per: fortnight", 0, 77,
	  "'per' is 'fortnight'; write it like 14 days, 6 months or 2 years, at most 100 years" },
	{ "outbound: 50 %", "outbound: 150 %", 0, 93,
	  "'outbound' is '150 %', but must be from 0 % to 100 %" },
	{ "outbound: 50 %", "outbound: half", 0, 93,
	  "'outbound' is 'half', but must be from 0 % to 100 %" },
	{ "purpose: quality, per_agent", "purpose: fun, per_agent", 0, 49,
	  "'purpose' names the purpose 'fun', which is not defined; defined are: quality, dispute, discipline, other" },
	{ "start: 2019-10-01 10:00", "start: 2019-10-01", 0, 14,
	  "'start' is '2019-10-01'; write a time of the calendar and the clock like 2019-10-01 10:00" },
	{ "start: 2019-10-01 10:00", "start: 2019-10-01 25:00", 0, 14,
	  "'start' is '2019-10-01 25:00'; write a time of the calendar and the clock like 2019-10-01 10:00" },
	{ "answered: 0:05", "answered: 5", 0, 17,
	  "'answered' is '5'; write the time since the call began like 0:05, or no" },
	{ "kind: queue\n      dialled", "kind: hold\n      dialled", 0, 13,
	  "'kind' is 'hold', but must be agent or queue" },
	{ "logged_in: to", "logged_in: both", 0, 18,
	  "'logged_in' is 'both', but must be from or to" },
	{ "from_address: 192.0.2.1", "from_address: 192.0.2.1/24", 0, 21,
	  "'from_address' is '192.0.2.1/24'; write it like 10.20.4.1 or fd00::1" },
	{ "{at: 0:20, keys: \"*5\", by: inside}", "{at: 0:20, keys: \"*5\"}", 0,
	  9, "'keys' need 'by', inside or outside: who presses them" },
	{ "{at: 0:20, keys: \"*5\", by: inside}",
	  "{at: 0:20, keys: five, by: inside}", 0, 26,
	  "'keys' is 'five', but must be from 1 to 62 keys of a telephone: 0 to 9, *, #, A to D" },
	{ "{at: 0:20, keys: \"*5\", by: inside}", "{at: 0:20}", 0, 9,
	  "an event has one key that says what happens, and this has none" },
	{ "{at: 0:20, keys: \"*5\", by: inside}",
	  "{at: 0:20, pause: yes, end: yes}", 0, 9,
	  "an event has one key that says what happens, and this has several" },
	{ "{at: 0:20, keys: \"*5\", by: inside}",
	  "{at: 0:20, pause: yes, by: inside}", 0, 36,
	  "'by' says who presses 'keys'; 'pause' has none" },
	{ "{at: 0:20, keys: \"*5\", by: inside}", "{at: 0:20, pause: no}", 0,
	  27,
	  "'pause' can only be yes; leave it out where it does not happen" },
	{ "{at: 0:20, keys: \"*5\", by: inside}", "{at: 0:20, end: yes}", 1, 9,
	  "nothing happens after the end" },
	{ "at: 0:21.5", "at: 0:01", 0, 9,
	  "this event is earlier than the one before it" },
	{ "at: 0:21.5", "at: 21 s", 0, 14,
	  "'at' is '21 s'; write the time since the call began like 0:30, 0:30.250 or 1:00:00" },
	{ "hold: inside", "hold: left", 0, 26,
	  "'hold' is 'left', but must be outside or inside" },
	{ "agent: 2202", "agent: [2202]", 0, 27,
	  "'agent' must be a single value, but is a list" },
	{ "kind: queue\n        decision", "kind: talk\n        decision", 0,
	  15,
	  "'kind' is 'talk', but must be agent, queue, hold, consult, transfer or payment" },
	{ "decision: record\n        reason", "decision: yes\n        reason",
	  0, 19,
	  "'decision' is 'yes', but must be record, drop, listen-deny or out-of-scope" },
	{ "reason: record\n", "reason: because\n", 0, 17,
	  "'reason' is 'because', but must be record, payment, opt-out, exempt, not-approved, unknown-party, listen-deny, out-of-scope or no-rule" },
	{ "retention: corporate\n        kept",
	  "retention: corporat\n        kept", 0, 20,
	  "'retention' names the class 'corporat', which is not defined; defined are: corporate, short, complaints" },
	{ "kept_until: 2020-10-01 10:00", "gives_way: sometimes", 0, 20,
	  "'gives_way' is 'sometimes'; write from when on, such as 2019-10-01 10:00, or no" },
	{ "kept_until: 2020-10-01 10:00", "kept_until: 2020-13-01 10:00", 0, 21,
	  "'kept_until' is '2020-13-01 10:00'; write a time of the calendar and the clock like 2019-10-01 10:00" },
	{ "until: 10:20, reason", "until: 0:20, reason", 0, 16,
	  "a gap must end ('until') after it begins ('from')" },
	{ "reason: payment}", "reason: dtfm}", 0, 51,
	  "'reason' is 'dtfm', but must be payment, paused, dtmf or opt-out" },
	{ "{at: 0:30, decision: drop", "{at: 0:30, decison: drop", 0, 9,
	  "an entry of 'expect' lacks the key 'decision'" },
	{ "expect: [{at: 0:00, decision: out-of-scope}]", "expect: []", 0, 13,
	  "'expect' is an empty list: a call has one segment at least" },
	{ "tests:\n", "tests: none\nx-tests:\n", 0, 8,
	  "'tests' must be a list ('[a, b]', or lines that begin with '- '), but is a single value" },
};

static bool
has_error(const struct policy_errors *errors, const char *wanted)
{
	char text[400];

	for (uint32_t i = 0; i < errors->count; i++) {
		const struct policy_error *error = &errors->errors[i];

		snprintf(text, sizeof(text), "%u:%u: %s", error->line,
			 error->column, error->text);
		if (!strcmp(text, wanted))
			return true;
	}
	return false;
}

/** The whole policy with the first `from` replaced. @param line of it */
static char *
whole_with(const char *from, const char *to, int *line)
{
	char *text = whole_text(), *made = NULL;
	const char *at = strstr(text, from);

	if (!at) {
		free(text);
		fail_msg("'%s' is not in " WHOLE, from);
		return NULL;
	}
	*line = 1;
	for (const char *c = text; c < at; c++)
		*line += *c == '\n';
	assert_true(asprintf(&made, "%.*s%s%s", (int)(at - text), text, to,
			     at + strlen(from)) > 0);
	free(text);
	return made;
}

static void
each_mistake_in_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(mistakes); i++) {
		int line;
		char *text =
		    whole_with(mistakes[i].from, mistakes[i].to, &line);
		struct policy_errors errors;
		struct policy *policy;
		char wanted[400];
		int err = policy_load(&policy, text, strlen(text), &errors);

		free(text);
		if (err != -EINVAL)
			fail_msg("'%s' was let through", mistakes[i].to);
		snprintf(wanted, sizeof(wanted), "%d:%d: %s",
			 line + mistakes[i].line, mistakes[i].column,
			 mistakes[i].error);
		if (has_error(&errors, wanted))
			continue;
		policy_errors_print(&errors, WHOLE, stderr);
		fail_msg("wanted %s", wanted);
	}
}

static void
too_many_payments(void **state)
{
	char *text = NULL, *head;
	size_t n;
	FILE *to = open_memstream(&text, &n);
	struct policy_errors errors;
	struct policy *policy;
	int line;

	(void)state;
	head = whole_with("payments:\n  - name: pay by card", "payments:\n",
			  &line);
	fwrite(head, 1, (size_t)(strstr(head, "payments:\n\n") - head + 10),
	       to);
	free(head);
	for (int i = 0; i <= POLICY_PAYMENTS_MAX; i++)
		fprintf(to, "  - {name: p%d, triggers: {hold: yes}}\n", i);
	fclose(to);
	assert_int_equal(policy_load(&policy, text, n, &errors), -EINVAL);
	free(text);
	for (uint32_t i = 0; i < errors.count; i++)
		if (!strcmp(errors.errors[i].text,
			    "'payments' has 33 entries; there may be 32"))
			return;
	fail_msg("33 payments are let through");
}

/* ---- limits -------------------------------------------------------------- */

#define HEAD                                                                   \
	"version: 1\n"                                                         \
	"organisation: {name: x, time_zone: UTC}\n"                            \
	"access: {owner: a}\n"                                                 \
	"purposes: [a]\n"                                                      \
	"numbering: {country: 44, extension_digits: 2-10}\n"                   \
	"retention: {a: {max: 3d}}\n"                                          \
	"metadata: {max: 3d}\n"                                                \
	"rules: [{name: all, decision: record, retention: a}]\n"

static double
load_seconds(const char *text, size_t n, int wanted)
{
	struct timespec begin, end;
	struct policy_errors errors;
	struct policy *policy;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	if (policy_load(&policy, text, n, &errors) != wanted) {
		policy_errors_print(&errors, "large", stderr);
		fail_msg("not as it should be");
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	policy_free(&policy);
	return (double)(end.tv_sec - begin.tv_sec) +
	       (double)(end.tv_nsec - begin.tv_nsec) * 1e-9;
}

static void
a_large_policy_is_read_soon(void **state)
{
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);
	double seconds;

	(void)state;
	fputs(HEAD "areas:\n", to);
	for (int i = 0; i < 500; i++)
		fprintf(to, "  area %d: {extensions: %d-%d}\n", i,
			200000 + i * 100, 200099 + i * 100);
	fputs("exemptions:\n", to);
	for (int i = 0; i < 10000; i++)
		fprintf(to,
			"  - {name: exemption %d, numbers: [%d, 0163296%04d], "
			"reason: r, proposed_by: a, approved_by: b}\n",
			i, 300000 + i, i);
	fclose(to);
	seconds = load_seconds(text, n, 0);
	free(text);
	print_message("10,000 exemptions and 500 areas: %.3f s\n", seconds);
#ifndef SPANREC_SANITIZED
	assert_true(seconds < 1);
#endif
}

/** Each list names a group of many numbers: a small file, much memory. */
static void
groups_do_not_unfold_without_end(void **state)
{
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	(void)state;
	fputs(HEAD "groups:\n  g: [1", to);
	for (int i = 2; i < 10000; i++)
		fprintf(to, ", %d", i);
	fputs("]\nareas:\n", to);
	for (int i = 0; i < 10000; i++)
		fprintf(to, "  a%d: {queues: group g}\n", i);
	fclose(to);
	load_seconds(text, n, -EINVAL);
	free(text);
}

static void
names_by_the_thousand_are_not_compared_all(void **state)
{
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);
	double seconds;

	(void)state;
	fputs(HEAD "areas:\n", to);
	for (int i = 0; i < 20000; i++)
		fprintf(to, "  a%d: {extensions: 22, payments: no}\n", i);
	fputs("payments:\n", to);
	for (int i = 0; i < 10; i++) {
		fprintf(to, "  - {name: p%d, triggers: {hold: yes}, areas: [a0",
			i);
		for (int j = 1; j < 20000; j++)
			fprintf(to, ", a%d", j);
		fputs("]}\n", to);
	}
	fclose(to);
	seconds = load_seconds(text, n, 0);
	free(text);
	print_message("20,000 areas named ten times: %.3f s\n", seconds);
#ifndef SPANREC_SANITIZED
	assert_true(seconds < 2);
#endif
}

static void
allocation_failures(void **state)
{
	char *text = whole_text();
	size_t n = strlen(text);
	struct policy_errors errors;
	struct policy *policy;
	unsigned nth = 0;
	int err;

	(void)state;
	do {
		testing_fail_allocation(++nth);
		err = policy_load(&policy, text, n, &errors);
		testing_fail_allocation(0);
		assert_true(err == 0 || err == -ENOMEM);
		assert_int_equal(!policy, err != 0);
	} while (err);
	assert_true(nth > 150);
	policy_free(&policy);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_made_it),
		cmocka_unit_test(its_areas),
		cmocka_unit_test(what_it_keeps_out),
		cmocka_unit_test(what_it_records),
		cmocka_unit_test(its_people),
		cmocka_unit_test(its_tests),
		cmocka_unit_test(each_mistake_in_words),
		cmocka_unit_test(too_many_payments),
		cmocka_unit_test(a_large_policy_is_read_soon),
		cmocka_unit_test(groups_do_not_unfold_without_end),
		cmocka_unit_test(names_by_the_thousand_are_not_compared_all),
		cmocka_unit_test(allocation_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
