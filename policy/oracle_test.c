/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The engine against a second one, which is slow and obvious: it knows no
 * lookup, and reads the order of decisions off its sentences. Random policies,
 * loaded from YAML, and random facts; the seed is printed, and ORACLE_SEED
 * takes another, ORACLE_FACTS more of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <cmocka.h>

#include "policy/oracle.h"
#include "policy/policy.h"

#define FACTS      200000
#define PER_POLICY 400
#define SECOND_NS  INT64_C(1000000000)
#define DAY_S      INT64_C(86400)

/* ---- the second engine --------------------------------------------------- */

static bool
is_number(const char *name)
{
	if (*name == '+')
		name++;
	if (!*name)
		return false;
	for (; *name; name++) {
		if (*name < '0' || *name > '9')
			return false;
	}
	return true;
}

static bool
in_list(const struct list *list, const char *name)
{
	for (int i = 0; i < list->count; i++) {
		const struct item *item = &list->items[i];

		if (item->how == ONE && !strcmp(name, item->a))
			return true;
		if (item->how == BEGIN && is_number(name) &&
		    !strncmp(name, item->a, strlen(item->a)))
			return true;
		if (item->how == SPAN && strlen(name) == strlen(item->a) &&
		    strcmp(name, item->a) >= 0 && strcmp(name, item->b) <= 0)
			return true;
	}
	return false;
}

static bool
hides(const char *name)
{
	return !*name || !strcasecmp(name, "anonymous") ||
	       !strcasecmp(name, "withheld");
}

static bool
site_of_address(const struct model *m, int site, int net)
{
	return m->site[site].network && net == site + 1;
}

static bool
is_ours(const struct model *m, const char *name, int net)
{
	if (!*name)
		goto by_address;
	if (strlen(name) == 4 && is_number(name) && strcmp(name, "2000") >= 0 &&
	    strcmp(name, "2019") <= 0)
		return true;
	for (int i = 0; i < m->sites; i++) {
		if (in_list(&m->site[i].extensions, name))
			return true;
	}
	for (int i = 0; i < m->areas; i++) {
		if (in_list(&m->area[i].extensions, name) ||
		    in_list(&m->area[i].queues, name) ||
		    in_list(&m->area[i].confidential, name))
			return true;
	}
	if (is_number(name) || hides(name))
		return false;
by_address:
	if (net == 4)
		return true;
	for (int i = 0; i < m->sites; i++) {
		if (site_of_address(m, i, net))
			return true;
	}
	return false;
}

/** What is known of all of it together. */
struct picture {
	const struct model *m;
	const struct call *call;
	bool from_ours, to_ours;
	unsigned areas[3]; /* of the local party, of the other, of queues */
	unsigned all_areas, sites;
};

static unsigned
sites_of(const struct model *m, const char *name, bool ours, int net)
{
	unsigned by_number = 0, by_address = 0;

	for (int i = 0; i < m->sites; i++) {
		if (in_list(&m->site[i].extensions, name))
			by_number |= 1U << i;
		if (ours && site_of_address(m, i, net))
			by_address |= 1U << i;
	}
	return by_number ? by_number : by_address;
}

static unsigned
areas_of(const struct model *m, const char *name, unsigned sites)
{
	unsigned areas = 0;

	for (int i = 0; i < m->areas; i++) {
		if (in_list(&m->area[i].extensions, name) ||
		    m->area[i].sites & sites)
			areas |= 1U << i;
	}
	return areas;
}

static unsigned
queues_of(const struct model *m, const char *name)
{
	unsigned areas = 0;

	for (int i = 0; i < m->areas; i++) {
		if (in_list(&m->area[i].queues, name))
			areas |= 1U << i;
	}
	return areas;
}

static struct picture
look(const struct model *m, const struct call *call)
{
	struct picture p = { .m = m, .call = call };
	unsigned from_sites, to_sites, from_areas, to_areas;
	bool from_local;

	p.from_ours = is_ours(m, call->from, call->from_net);
	p.to_ours = is_ours(m, call->to, call->to_net);
	from_sites = sites_of(m, call->from, p.from_ours, call->from_net);
	to_sites = sites_of(m, call->to, p.to_ours, call->to_net);
	from_areas = areas_of(m, call->from, from_sites);
	to_areas = areas_of(m, call->to, to_sites);
	from_local = p.from_ours || !p.to_ours;
	p.areas[0] = from_local ? from_areas : to_areas;
	p.areas[1] = from_local ? to_areas : from_areas;
	p.areas[2] = queues_of(m, call->from) | queues_of(m, call->to);
	for (int i = 0; i < call->dialled_count; i++)
		p.areas[2] |= queues_of(m, call->dialled[i]);
	p.sites = from_sites | to_sites;
	p.all_areas = p.areas[0] | p.areas[1] | p.areas[2];
	return p;
}

static bool
anybody_in(const struct picture *p, const struct list *list)
{
	const struct call *call = p->call;

	if (in_list(list, call->from) || in_list(list, call->to))
		return true;
	for (int i = 0; i < call->also_count; i++) {
		if (in_list(list, call->also[i]))
			return true;
	}
	for (int i = 0; i < call->dialled_count; i++) {
		if (in_list(list, call->dialled[i]))
			return true;
	}
	return false;
}

static bool
chosen(struct choice choice, unsigned bits)
{
	return choice.all || choice.bits & bits;
}

static bool
over(const struct call *call, int ends)
{
	return ends && call->day >= ends;
}

static bool
approved(const struct call *call, const struct approval *approval)
{
	return approval->given && call->day >= approval->approved &&
	       !over(call, approval->ends);
}

static bool
may_record(const struct picture *p, int area)
{
	const struct model *m = p->m;

	if (m->area[area].needs_case &&
	    !approved(p->call, &m->area[area].business_case))
		return false;
	return !m->area[area].needs_request ||
	       approved(p->call, &m->area[area].request);
}

static enum policy_route
route_of(const struct picture *p)
{
	if (p->from_ours)
		return p->to_ours ? POLICY_INTERNAL : POLICY_OUT;
	return p->to_ours ? POLICY_IN : POLICY_TRANSIT;
}

static bool
queue_fits(const struct picture *p, const struct list *queues)
{
	if (!queues->count)
		return true;
	if (p->call->kind == POLICY_KIND_CONSULT)
		return false;
	if (in_list(queues, p->call->to))
		return true;
	for (int i = 0; i < p->call->dialled_count; i++) {
		if (in_list(queues, p->call->dialled[i]))
			return true;
	}
	return false;
}

static bool
numbers_fit(const struct picture *p, int i)
{
	const struct list *numbers = &p->m->rule[i].numbers;

	if (!numbers->count || in_list(numbers, p->call->from) ||
	    in_list(numbers, p->call->to))
		return true;
	for (int a = 0; a < p->call->also_count; a++) {
		if (p->m->rule[i].decision != POLICY_RECORD &&
		    in_list(numbers, p->call->also[a]))
			return true;
	}
	return false;
}

static bool
rule_fits(const struct picture *p, int i)
{
	const struct model *m = p->m;
	const struct call *call = p->call;
	enum policy_kind kind = call->held ? POLICY_KIND_HOLD : call->kind;
	enum policy_route route = route_of(p);
	bool logged_in = (call->from_logged_in && route != POLICY_IN) ||
			 (call->to_logged_in && route != POLICY_OUT);

	if (m->rule[i].routes && !(m->rule[i].routes >> route & 1))
		return false;
	if (m->rule[i].kinds && !(m->rule[i].kinds >> kind & 1))
		return false;
	if (!chosen(m->rule[i].areas, p->all_areas) ||
	    !chosen(m->rule[i].sites, p->sites))
		return false;
	if (m->rule[i].logged_in && !logged_in)
		return false;
	if (m->rule[i].from.count && !in_list(&m->rule[i].from, call->from))
		return false;
	if (m->rule[i].to.count && !in_list(&m->rule[i].to, call->to))
		return false;
	return numbers_fit(p, i) && queue_fits(p, &m->rule[i].queues);
}

static void
say(struct policy_verdict *v, enum policy_decision decision, const char *reason,
    const char *rule, int number)
{
	v->decision = decision;
	snprintf(v->reason, sizeof(v->reason), "%s", reason);
	if (number >= 0)
		snprintf(v->rule, sizeof(v->rule), "%s %d", rule, number);
	else
		snprintf(v->rule, sizeof(v->rule), "%s", rule);
}

/** Payment before opt-out before exemptions. */
static bool
oracle_strict(const struct picture *p, struct policy_verdict *v)
{
	const struct model *m = p->m;
	const struct policy_state *state =
	    p->call->has_state ? &p->call->state : NULL;
	int least = -1;

	for (int i = 0; i < m->exemptions; i++) {
		if (!over(p->call, m->exemption[i].ends) &&
		    anybody_in(p, &m->exemption[i].numbers) &&
		    (least < 0 ||
		     m->exemption[i].traces > m->exemption[least].traces))
			least = i;
	}
	if (least >= 0)
		v->traces = m->exemption[least].traces;
	if (state && state->opt == POLICY_OPT_OUT)
		v->traces = POLICY_TRACES_COUNT;
	if (state && state->for_good) {
		say(v, POLICY_DROP, "payment", state->rule, -1);
		return true;
	}
	for (int i = 0; i < m->payments; i++) {
		if (anybody_in(p, &m->payment[i].targets)) {
			say(v, POLICY_DROP, "payment", "pay", i);
			return true;
		}
	}
	if (state && state->opt == POLICY_OPT_OUT) {
		say(v, POLICY_DROP, "opt-out", "opt-out", -1);
		return true;
	}
	if (least >= 0)
		say(v, POLICY_DROP, "exempt", "exempt", least);
	return least >= 0;
}

/** Of two addresses alone, nobody: not where anything is left out. */
static bool
oracle_unknown(const struct picture *p, struct policy_verdict *v)
{
	const struct model *m = p->m;
	const struct call *call = p->call;
	bool anything = m->payments || m->opt_out;

	for (int i = 0; i < m->rules; i++)
		anything |= m->rule[i].decision != POLICY_RECORD;
	if (m->unknown_recorded)
		return false;
	if (call->no_signalling &&
	    (anything || m->exemptions || m->denies || m->areas)) {
		say(v, POLICY_DROP, "unknown-party", "unknown party", -1);
		return true;
	}
	if (!m->exemptions && !m->denies && !m->areas)
		return false;
	if ((p->from_ours && (call->from_unknown || hides(call->from))) ||
	    (p->to_ours && (call->to_unknown || hides(call->to)))) {
		say(v, POLICY_DROP, "unknown-party", "unknown party", -1);
		return true;
	}
	return false;
}

/** Then rules that drop, areas that lack approval, and who is not known. */
static bool
oracle_drop(const struct picture *p, struct policy_verdict *v)
{
	const struct model *m = p->m;

	for (int i = 0; i < m->rules; i++) {
		if (m->rule[i].decision == POLICY_DROP && rule_fits(p, i)) {
			say(v, POLICY_DROP, "exempt", "rule", i);
			if (m->rule[i].area && !v->area[0])
				snprintf(v->area, sizeof(v->area), "text %d",
					 i);
			return true;
		}
	}
	for (int rank = 0; rank < 3; rank++) {
		for (int i = 0; i < m->areas; i++) {
			if (p->areas[rank] >> i & 1 && !may_record(p, i)) {
				say(v, POLICY_DROP, "not-approved", "area", i);
				return true;
			}
		}
	}
	return oracle_unknown(p, v);
}

static void
oracle_record(const struct picture *p, struct policy_verdict *v)
{
	const struct model *m = p->m;
	int found = -1;

	say(v, POLICY_OUT_OF_SCOPE, "no-rule", "", -1);
	for (int i = 0; i < m->rules && found < 0; i++) {
		if (m->rule[i].decision != POLICY_DROP && rule_fits(p, i))
			found = i;
	}
	if (found < 0)
		return;
	if (m->rule[found].area && !v->area[0])
		snprintf(v->area, sizeof(v->area), "text %d", found);
	if (m->rule[found].decision == POLICY_OUT_OF_SCOPE) {
		say(v, POLICY_OUT_OF_SCOPE, "out-of-scope", "rule", found);
		return;
	}
	snprintf(v->retention, sizeof(v->retention), "%s",
		 m->rule[found].long_kept ? "long" : "short");
	if (m->rule[found].decision == POLICY_LISTEN_DENY) {
		say(v, POLICY_LISTEN_DENY, "listen-deny", "rule", found);
		return;
	}
	for (int i = 0; i < m->denies; i++) {
		if (!over(p->call, m->deny[i].ends) &&
		    anybody_in(p, &m->deny[i].numbers)) {
			say(v, POLICY_LISTEN_DENY, "listen-deny", "deny", i);
			return;
		}
	}
	say(v, POLICY_RECORD, "record", "rule", found);
}

static void
oracle_ahead(const struct picture *p, struct policy_verdict *v)
{
	const struct model *m = p->m;
	bool recorded =
	    v->decision == POLICY_RECORD || v->decision == POLICY_LISTEN_DENY;
	int64_t least_ns = 0;

	for (int i = 0; i < m->payments; i++) {
		if (recorded &&
		    m->payment[i].lookback_s * SECOND_NS > v->lookback_ns)
			v->lookback_ns = m->payment[i].lookback_s * SECOND_NS;
		if (!chosen(m->payment[i].areas, p->all_areas))
			continue;
		v->payments |= 1U << i;
		if (!recorded)
			continue;
		v->tones |= m->payment[i].tones;
		least_ns = SECOND_NS / 5;
	}
	if (m->opt_out && chosen(m->opt_out_areas, p->all_areas) &&
	    p->from_ours != p->to_ours) {
		v->opt_out = true;
		if (recorded) {
			v->announcement_ns = m->announcement_s * SECOND_NS;
			least_ns = SECOND_NS / 5;
		}
	}
	if (v->tones)
		least_ns = SECOND_NS;
	if (v->lookback_ns < least_ns)
		v->lookback_ns = least_ns;
}

static void
oracle(const struct model *m, const struct call *call, struct policy_verdict *v)
{
	const struct picture p = look(m, call);
	const char *local = call->from, *remote = call->to;

	memset(v, 0, sizeof(*v));
	snprintf(v->from, sizeof(v->from), "%s", call->from);
	snprintf(v->to, sizeof(v->to), "%s", call->to);
	v->route = route_of(&p);
	v->local_is_caller = v->route != POLICY_IN;
	if (v->route == POLICY_IN) {
		local = call->to;
		remote = call->from;
	}
	snprintf(v->local, sizeof(v->local), "%s",
		 v->route == POLICY_TRANSIT ? "" : local);
	snprintf(v->remote, sizeof(v->remote), "%s", remote);
	for (int rank = 2; rank >= 0; rank--) {
		for (int i = m->areas - 1; i >= 0; i--) {
			if (p.areas[rank] >> i & 1)
				snprintf(v->area, sizeof(v->area), "area %d",
					 i);
		}
	}
	if (!oracle_strict(&p, v) && !oracle_drop(&p, v))
		oracle_record(&p, v);
	oracle_ahead(&p, v);
}

/* ---- side by side -------------------------------------------------------- */

static void
address(uint8_t bytes[16], int net)
{
	const uint8_t outside[4] = { 192, 0, 2, 1 };
	const uint8_t inside[4] = { 10, (uint8_t)net, 0, 5 };

	memset(bytes, 0, 16);
	bytes[10] = bytes[11] = 0xff;
	memcpy(bytes + 12, net ? inside : outside, 4);
}

static int64_t
start_of(const struct model *m, const struct call *call)
{
	/* days from 1970 to the first of January and June 2019 */
	int64_t first = m->month == 1 ? 17897 : 18048;
	int64_t summer_s = m->month == 1 ? 0 : 3600;

	return ((first + call->day - 1) * DAY_S + call->hour * 3600 + 1800 -
		summer_s) *
	       SECOND_NS;
}

static void
engine(const struct policy *policy, const struct model *m,
       const struct call *call, struct policy_verdict *v)
{
	const char *also[NAMES], *dialled[NAMES];
	struct policy_facts facts = {
		.from = call->from,
		.to = call->to,
		.also = also,
		.also_count = (uint32_t)call->also_count,
		.dialled = dialled,
		.dialled_count = (uint32_t)call->dialled_count,
		.from_logged_in = call->from_logged_in,
		.to_logged_in = call->to_logged_in,
		.from_unknown = call->from_unknown,
		.to_unknown = call->to_unknown,
		.no_signalling = call->no_signalling,
		.kind = call->kind,
		.held = call->held,
		.state = call->has_state ? &call->state : NULL,
		.start_ns = start_of(m, call),
	};

	for (int i = 0; i < NAMES; i++) {
		also[i] = call->also[i];
		dialled[i] = call->dialled[i];
	}
	address(facts.from_addr, call->from_net);
	address(facts.to_addr, call->to_net);
	policy_decide(policy, &facts, v);
}

static bool
same(const struct policy_verdict *a, const struct policy_verdict *b)
{
	return a->decision == b->decision && !strcmp(a->reason, b->reason) &&
	       !strcmp(a->rule, b->rule) && a->route == b->route &&
	       a->traces == b->traces &&
	       a->local_is_caller == b->local_is_caller &&
	       !strcmp(a->from, b->from) && !strcmp(a->to, b->to) &&
	       !strcmp(a->local, b->local) && !strcmp(a->remote, b->remote) &&
	       !strcmp(a->area, b->area) &&
	       !strcmp(a->retention, b->retention) &&
	       a->payments == b->payments && a->tones == b->tones &&
	       a->opt_out == b->opt_out && a->lookback_ns == b->lookback_ns &&
	       a->announcement_ns == b->announcement_ns;
}

/** What is kept until its ceiling goes earlier only if its class gives way; and
 * that it does not is no reason to be kept for longer than its floor. */
static bool
same_clock(const struct policy *policy, const struct model *m,
	   const struct policy_verdict *v, int64_t start_ns)
{
	bool is_long = !strcmp(v->retention, "long");
	bool gives_way = is_long ? m->long_gives_way : m->short_gives_way;
	struct policy_clock clock;

	if (!v->retention[0])
		return true;
	if (policy_clock(policy, v->retention, start_ns, &clock))
		return false;
	return clock.gives_way == gives_way &&
	       policy_gives_way(policy, v->retention) == gives_way &&
	       (clock.floor_ns > start_ns) == is_long &&
	       clock.due_ns == (is_long && !gives_way
				    ? clock.floor_ns
				    : clock.ceiling_ns - 600 * SECOND_NS);
}

static void
verdict_print(const char *who, const struct policy_verdict *v)
{
	printf("%s: decision %d reason '%s' rule '%s' route %d traces %d "
	       "local '%s' remote '%s' area '%s' retention '%s' payments %x "
	       "tones %d opt-out %d look-back %lld announcement %lld\n",
	       who, v->decision, v->reason, v->rule, v->route, v->traces,
	       v->local, v->remote, v->area, v->retention, v->payments,
	       v->tones, v->opt_out, (long long)v->lookback_ns,
	       (long long)v->announcement_ns);
}

static void
call_print(const struct call *call)
{
	printf("from '%s' (net %d) to '%s' (net %d) kind %d held %d day %d "
	       "hour %d state %d: pause %d for good %d opt %d\n",
	       call->from, call->from_net, call->to, call->to_net, call->kind,
	       call->held, call->day, call->hour, call->has_state,
	       call->state.pause, call->state.for_good, call->state.opt);
	for (int i = 0; i < call->also_count; i++)
		printf("  also '%s'\n", call->also[i]);
	for (int i = 0; i < call->dialled_count; i++)
		printf("  dialled '%s'\n", call->dialled[i]);
}

static struct policy *
load(const char *text)
{
	struct policy_errors errors;
	struct policy *policy = NULL;

	if (policy_load(&policy, text, strlen(text), &errors) < 0) {
		policy_errors_print(&errors, "random", stdout);
		fputs(text, stdout);
		fail_msg("a random policy is not one");
	}
	return policy;
}

static const char *const reasons[] = { "record",       "payment",
				       "opt-out",      "exempt",
				       "not-approved", "unknown-party",
				       "listen-deny",  "out-of-scope",
				       "no-rule" };
enum { REASONS = sizeof(reasons) / sizeof(reasons[0]) };

static void
count_reason(unsigned counts[REASONS], const char *reason)
{
	for (int i = 0; i < REASONS; i++)
		counts[i] += !strcmp(reasons[i], reason);
}

static void
both_decide_alike(void **state)
{
	const char *seed = getenv("ORACLE_SEED");
	const char *more = getenv("ORACLE_FACTS");
	long facts = more ? strtol(more, NULL, 10) : FACTS;
	unsigned counts[REASONS] = { 0 };
	struct policy *policy = NULL;
	static struct model model;
	char *text = NULL;

	(void)state;
	chance = seed ? strtoull(seed, NULL, 0) : 20240229;
	printf("# ORACLE_SEED=%llu\n", (unsigned long long)chance);
	for (long i = 0; i < facts; i++) {
		struct policy_verdict a, b;
		struct call call;

		if (i % PER_POLICY == 0) {
			policy_free(&policy);
			free(text);
			random_model(&model);
			text = yaml_of(&model);
			policy = load(text);
		}
		random_call(&call);
		engine(policy, &model, &call, &a);
		oracle(&model, &call, &b);
		count_reason(counts, b.reason);
		if (same(&a, &b) &&
		    same_clock(policy, &model, &b, start_of(&model, &call)))
			continue;
		fputs(text, stdout);
		call_print(&call);
		verdict_print("engine", &a);
		verdict_print("oracle", &b);
		fail_msg("call %ld: they do not agree", i);
	}
	policy_free(&policy);
	free(text);
	for (int i = 0; i < REASONS; i++) {
		printf("# %-14s %u\n", reasons[i], counts[i]);
		/* a reason that hardly ever comes is not compared */
		assert_true(counts[i] > facts / 400);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_decide_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
