/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random policies, as YAML and as somebody would note them down, and random
 * calls. For oracle_test.c. */
#ifndef POLICY_ORACLE_H
#define POLICY_ORACLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "policy/policy.h"

enum { ITEMS = 3, SITES = 3, AREAS = 5, EXEMPTIONS = 3, DENIES = 2,
       PAYMENTS = 3, RULES = 8, NAMES = 2 };

/* ---- a policy, as somebody would note it down ---------------------------- */

struct item {
	enum { ONE, SPAN, BEGIN } how;
	char a[24], b[24];
};

struct list {
	int count;
	struct item items[ITEMS];
};

/** Bits; all: it was not said. */
struct choice {
	bool all;
	unsigned bits;
};

struct approval {
	bool given;
	int approved, ends; /* day of the month; ends 0: never */
};

struct model {
	int month; /* of 2019: 1 or 6 */
	bool unknown_recorded;
	bool short_gives_way, long_gives_way;
	int sites, areas, exemptions, denies, payments, rules;
	struct {
		struct list extensions;
		bool network; /* 10.<index + 1>.0.0/16 */
	} site[SITES];
	struct {
		struct list extensions, queues, confidential;
		unsigned sites;
		bool needs_case, needs_request;
		struct approval business_case, request;
	} area[AREAS];
	struct {
		struct list numbers;
		int ends;
		enum policy_traces traces;
	} exemption[EXEMPTIONS];
	struct {
		struct list numbers;
		int ends;
	} deny[DENIES];
	struct {
		struct choice areas;
		struct list targets;
		bool tones;
		int lookback_s;
	} payment[PAYMENTS];
	bool opt_out;
	struct choice opt_out_areas;
	int announcement_s;
	struct {
		enum policy_decision decision;
		unsigned routes, kinds; /* 0: all */
		struct choice areas, sites;
		struct list numbers, from, to, queues;
		bool logged_in, area, long_kept;
	} rule[RULES];
};

/** What is known of a call. */
struct call {
	char from[24], to[24];
	char also[NAMES][24], dialled[NAMES][24];
	int also_count, dialled_count;
	int from_net, to_net; /* 10.N.0.5; 0: 192.0.2.1 */
	bool from_logged_in, to_logged_in, from_unknown, to_unknown, held;
	bool no_signalling;
	enum policy_kind kind;
	bool has_state;
	struct policy_state state;
	int day, hour; /* where the organisation is */
};

/* ---- chance -------------------------------------------------------------- */

/** Where the random numbers are. */
static uint64_t chance;

static unsigned
below(unsigned n)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return (unsigned)((chance >> 11) % n);
}

static bool
one_in(unsigned n)
{
	return below(n) == 0;
}

static void
random_number(char number[24])
{
	static const char *const others[] = { "999", "+33123456789", "alice",
					      "bob", "dave" };

	switch (below(8)) {
	case 0:
	case 1:
	case 2:
	case 3:
		snprintf(number, 24, "20%02u", below(30));
		break;
	case 4:
	case 5:
	case 6:
		snprintf(number, 24, "+4416329600%02u", below(30));
		break;
	default:
		snprintf(number, 24, "%s", others[below(5)]);
	}
}

static void
random_item(struct item *item)
{
	unsigned first = below(28), last = first + 1 + below(29 - first);
	const char *begins = one_in(3) ? "+4416329600" : "20";

	memset(item, 0, sizeof(*item));
	switch (below(5)) {
	case 0:
		item->how = SPAN;
		snprintf(item->a, sizeof(item->a), "%s%02u", begins, first);
		snprintf(item->b, sizeof(item->b), "%s%02u", begins,
			 first + (last - first) / 4);
		break;
	case 1:
		item->how = BEGIN;
		snprintf(item->a, sizeof(item->a), "%s%u", begins, below(3));
		break;
	default:
		item->how = ONE;
		random_number(item->a);
	}
}

/** @param n at most; at least one */
static void
random_list(struct list *list, unsigned n)
{
	list->count = 1 + (int)below(n);
	for (int i = 0; i < list->count; i++)
		random_item(&list->items[i]);
}

static struct choice
random_choice(int of)
{
	struct choice choice = { .all = !of || one_in(2) };

	if (!choice.all)
		choice.bits = 1 + below((1U << of) - 1);
	return choice;
}

static struct approval
random_approval(void)
{
	return (struct approval){ !one_in(8), one_in(8) ? 15 : 10,
				  one_in(4) ? 16 + (int)below(3) : 0 };
}

static void
random_areas(struct model *m)
{
	m->sites = (int)below(SITES + 1);
	for (int i = 0; i < m->sites; i++) {
		m->site[i].network = one_in(2);
		if (!m->site[i].network || one_in(2))
			random_list(&m->site[i].extensions, 1);
	}
	m->areas = (int)below(AREAS + 1);
	for (int i = 0; i < m->areas; i++) {
		random_list(&m->area[i].extensions, 2);
		if (one_in(2))
			random_list(&m->area[i].queues, 2);
		if (one_in(3))
			random_list(&m->area[i].confidential, 1);
		if (m->sites && one_in(3))
			m->area[i].sites = below(1U << m->sites);
		m->area[i].needs_case = one_in(4);
		m->area[i].needs_request = one_in(4);
		m->area[i].business_case = random_approval();
		m->area[i].request = random_approval();
	}
}

static void
random_rule(struct model *m, int i, enum policy_decision decision)
{
	unsigned what = below(8);

	m->rule[i].decision = decision;
	m->rule[i].routes = one_in(2) ? 1 + below(15) : 0;
	m->rule[i].kinds = one_in(3) ? 1 + below(31) : 0;
	m->rule[i].areas = random_choice(m->areas);
	m->rule[i].sites = one_in(3) ? random_choice(m->sites)
				     : (struct choice){ .all = true };
	if (what == 0 || decision == POLICY_DROP ||
	    decision == POLICY_LISTEN_DENY)
		random_list(&m->rule[i].numbers, ITEMS);
	if (what == 1)
		random_list(&m->rule[i].from, ITEMS);
	if (what == 2)
		random_list(&m->rule[i].to, ITEMS);
	if (what == 3)
		random_list(&m->rule[i].queues, ITEMS);
	m->rule[i].logged_in = one_in(6);
	m->rule[i].area = one_in(2);
	m->rule[i].long_kept = one_in(2);
	/* one that fits every call must be the last */
	if (what > 3 && !m->rule[i].numbers.count && m->rule[i].areas.all &&
	    m->rule[i].sites.all)
		m->rule[i].routes = 1 + below(14);
}

static void
random_model(struct model *m)
{
	int drops = one_in(2), denies = one_in(2);

	memset(m, 0, sizeof(*m));
	m->month = one_in(2) ? 1 : 6;
	m->unknown_recorded = one_in(3);
	m->short_gives_way = one_in(3);
	m->long_gives_way = one_in(3);
	random_areas(m);
	m->exemptions = (int)below(EXEMPTIONS + 1);
	for (int i = 0; i < m->exemptions; i++) {
		random_list(&m->exemption[i].numbers, 1);
		m->exemption[i].ends = one_in(3) ? 15 + (int)below(3) : 0;
		m->exemption[i].traces = (enum policy_traces)below(3);
	}
	m->denies = (int)below(DENIES + 1);
	for (int i = 0; i < m->denies; i++) {
		random_list(&m->deny[i].numbers, 1);
		m->deny[i].ends = one_in(3) ? 15 + (int)below(3) : 0;
	}
	m->payments = (int)below(PAYMENTS + 1);
	for (int i = 0; i < m->payments; i++) {
		m->payment[i].areas = random_choice(m->areas);
		if (one_in(2))
			random_list(&m->payment[i].targets, 1);
		m->payment[i].tones = one_in(3);
		m->payment[i].lookback_s = (int)below(3) * 5;
	}
	m->opt_out = one_in(2);
	m->opt_out_areas = random_choice(m->areas);
	m->announcement_s = 1 + (int)below(40);
	m->rules = 1 + (int)below(RULES);
	for (int i = 0; i < m->rules; i++)
		random_rule(m, i,
			    i < drops            ? POLICY_DROP
			    : i < drops + denies ? POLICY_LISTEN_DENY
			    : one_in(4)          ? POLICY_OUT_OF_SCOPE
						 : POLICY_RECORD);
}

static void
random_state(struct call *call)
{
	struct policy_state *state = &call->state;

	call->has_state = one_in(2);
	switch (below(8)) {
	case 0:
		state->pause = POLICY_PAUSED_FOR_PAYMENT;
		state->for_good = one_in(2);
		snprintf(state->rule, sizeof(state->rule), "pay %u", below(3));
		break;
	case 1:
		state->pause = POLICY_PAUSED_BY_HAND;
		break;
	case 2:
		state->opt = POLICY_OPT_PENDING;
		break;
	case 3:
		state->opt = POLICY_OPT_OUT;
		break;
	default:
		break;
	}
}

static void
random_call(struct call *call)
{
	static const char *const hidden[] = { "", "Anonymous", "withheld" };

	memset(call, 0, sizeof(*call));
	random_number(call->from);
	random_number(call->to);
	if (one_in(12))
		snprintf(call->from, sizeof(call->from), "%s",
			 hidden[below(3)]);
	if (one_in(12))
		snprintf(call->to, sizeof(call->to), "%s", hidden[below(3)]);
	call->also_count = one_in(2) ? 0 : (int)below(NAMES + 1);
	call->dialled_count = one_in(2) ? 0 : (int)below(NAMES + 1);
	for (int i = 0; i < NAMES; i++) {
		random_number(call->also[i]);
		random_number(call->dialled[i]);
	}
	call->from_net = (int)below(6);
	call->to_net = (int)below(6);
	call->from_logged_in = one_in(2);
	call->to_logged_in = one_in(2);
	call->from_unknown = one_in(20);
	call->to_unknown = one_in(20);
	call->no_signalling = one_in(20);
	call->held = one_in(5);
	call->kind = (enum policy_kind)below(POLICY_KIND_PAYMENT);
	call->day = 13 + (int)below(6);
	call->hour = one_in(2) ? 0 : 23;
	random_state(call);
}

/* ---- as YAML ------------------------------------------------------------- */

static void
put_list(FILE *f, const char *key, const struct list *list)
{
	if (!list->count)
		return;
	fprintf(f, ", %s: [", key);
	for (int i = 0; i < list->count; i++) {
		const struct item *item = &list->items[i];

		fprintf(f, "%s\"%s%s%s\"", i ? ", " : "", item->a,
			item->how == SPAN    ? "-"
			: item->how == BEGIN ? "*"
					     : "",
			item->b);
	}
	fputs("]", f);
}

static void
put_names(FILE *f, const char *key, const char *name, unsigned bits)
{
	bool any = false;

	fprintf(f, ", %s: [", key);
	for (int i = 0; i < 8; i++) {
		if (bits >> i & 1) {
			fprintf(f, "%s%s %d", any ? ", " : "", name, i);
			any = true;
		}
	}
	fputs("]", f);
}

static void
put_choice(FILE *f, const char *key, const char *name, struct choice choice)
{
	if (!choice.all)
		put_names(f, key, name, choice.bits);
}

static void
put_words(FILE *f, const char *key, const char *const *words, unsigned bits)
{
	bool any = false;

	if (!bits)
		return;
	fprintf(f, ", %s: [", key);
	for (int i = 0; bits >> i; i++) {
		if (bits >> i & 1) {
			fprintf(f, "%s%s", any ? ", " : "", words[i]);
			any = true;
		}
	}
	fputs("]", f);
}

static void
put_ends(FILE *f, const struct model *m, int ends)
{
	if (ends)
		fprintf(f, ", ends: 2019-%02d-%02d", m->month, ends);
}

static void
put_approval(FILE *f, const struct model *m, const char *key,
	     const struct approval *approval, const char *rest)
{
	if (!approval->given)
		return;
	fprintf(f, ", %s: {approved_by: A, approved: 2019-%02d-%02d%s", key,
		m->month, approval->approved, rest);
	put_ends(f, m, approval->ends);
	fputs("}", f);
}

static void
put_areas(FILE *f, const struct model *m)
{
	static const char *const needs[] = { "business_case", "request" };

	for (int i = 0; i < m->sites; i++) {
		fprintf(f, "%s  site %d: {", i ? "" : "sites:\n", i);
		if (m->site[i].network)
			fprintf(f, "networks: 10.%d.0.0/16", i + 1);
		/* the list begins with ", " */
		if (m->site[i].extensions.count && !m->site[i].network)
			fputs("networks: 10.200.0.0/16", f);
		put_list(f, "extensions", &m->site[i].extensions);
		fputs("}\n", f);
	}
	for (int i = 0; i < m->areas; i++) {
		unsigned bits = m->area[i].needs_case |
				(unsigned)m->area[i].needs_request << 1;

		fprintf(f, "%s  area %d: {manager: M", i ? "" : "areas:\n", i);
		put_list(f, "extensions", &m->area[i].extensions);
		put_list(f, "queues", &m->area[i].queues);
		put_list(f, "confidential", &m->area[i].confidential);
		if (m->area[i].sites)
			put_names(f, "sites", "site", m->area[i].sites);
		if (bits)
			put_words(f, "needs", needs, bits);
		else
			fputs(", needs: nothing", f);
		put_approval(f, m, "business_case", &m->area[i].business_case,
			     ", reason: r, security: s, governance: g, "
			     "consultation: c, access: a");
		put_approval(f, m, "request", &m->area[i].request, "");
		fputs("}\n", f);
	}
}

static void
put_people(FILE *f, const struct model *m)
{
	static const char *const traces[] = { "full", "minimal", "count-only" };

	for (int i = 0; i < m->exemptions; i++) {
		fprintf(f, "%s  - {name: exempt %d, reason: r, metadata: %s",
			i ? "" : "exemptions:\n", i,
			traces[m->exemption[i].traces]);
		put_list(f, "numbers", &m->exemption[i].numbers);
		put_ends(f, m, m->exemption[i].ends);
		fputs("}\n", f);
	}
	for (int i = 0; i < m->denies; i++) {
		fprintf(f, "%s  - {name: deny %d, reason: r",
			i ? "" : "listen_deny:\n", i);
		put_list(f, "numbers", &m->deny[i].numbers);
		put_ends(f, m, m->deny[i].ends);
		fputs("}\n", f);
	}
	for (int i = 0; i < m->payments; i++) {
		fprintf(f, "%s  - {name: pay %d, look_back: %d s",
			i ? "" : "payments:\n", i, m->payment[i].lookback_s);
		put_choice(f, "areas", "area", m->payment[i].areas);
		fprintf(f, ", triggers: {keys: \"*%d\", tones: %s", i,
			m->payment[i].tones ? "yes" : "no");
		put_list(f, "call", &m->payment[i].targets);
		fputs("}}\n", f);
	}
	if (!m->opt_out)
		return;
	fprintf(f, "opt_out: {keys: \"*#*\", announcement: %d s",
		m->announcement_s);
	put_choice(f, "areas", "area", m->opt_out_areas);
	fputs("}\n", f);
}

static void
put_rules(FILE *f, const struct model *m)
{
	static const char *const decisions[] = { "record", "drop",
						 "listen-deny",
						 "out-of-scope" };
	static const char *const routes[] = { "in", "out", "internal",
					      "transit" };
	static const char *const kinds[] = { "agent", "queue", "hold",
					     "consult", "transfer" };

	fputs("rules:\n", f);
	for (int i = 0; i < m->rules; i++) {
		enum policy_decision decision = m->rule[i].decision;

		fprintf(f, "  - {name: rule %d, decision: %s", i,
			decisions[decision]);
		if (decision == POLICY_RECORD || decision == POLICY_LISTEN_DENY)
			fprintf(f, ", retention: %s",
				m->rule[i].long_kept ? "long" : "short");
		if (m->rule[i].area)
			fprintf(f, ", area: text %d", i);
		fprintf(f, ", match: {logged_in: %s",
			m->rule[i].logged_in ? "yes" : "no");
		put_words(f, "direction", routes, m->rule[i].routes);
		put_words(f, "kinds", kinds, m->rule[i].kinds);
		put_choice(f, "areas", "area", m->rule[i].areas);
		put_choice(f, "sites", "site", m->rule[i].sites);
		put_list(f, "numbers", &m->rule[i].numbers);
		put_list(f, "from", &m->rule[i].from);
		put_list(f, "to", &m->rule[i].to);
		put_list(f, "queues", &m->rule[i].queues);
		fputs("}}\n", f);
	}
}

static char *
yaml_of(const struct model *m)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	fprintf(f,
		"version: 1\n"
		"organisation: {name: o, time_zone: Europe/London, "
		"unknown_party: %s}\n"
		"numbering: {country: 44, extension_digits: 4, "
		"internal: 2000-2019, external: 999}\n"
		"networks: {internal: 10.4.0.0/16}\n"
		"retention: {short: {max: 14 days, gives_way: %s}, "
		"long: {min: 1 month, max: 1 year%s}}\n"
		"metadata: {max: 2 years}\n"
		"purposes: [quality]\n"
		"access: {owner: alice}\n",
		m->unknown_recorded ? "record" : "drop",
		m->short_gives_way ? "yes" : "no",
		m->long_gives_way ? ", gives_way: yes" : "");
	put_areas(f, m);
	put_people(f, m);
	put_rules(f, m);
	assert_int_equal(fclose(f), 0);
	return text;
}

#endif
