/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lookup of numbers against reading every list. */
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
#include "policy/policy_priv.h"

enum { LISTS = 12, PATTERNS = 6, BUILDINGS = 4 };

static const struct policy__numbering numbering = { .country = "44",
						    .international_prefix =
							"00",
						    .national_prefix = "0",
						    .extension_min = 2,
						    .extension_max = 6 };

/** Everything of a policy that names numbers. */
struct world {
	struct policy policy;
	struct policy__exemption exemptions[LISTS];
	struct policy__listen_deny listen_denies[LISTS];
	struct policy__payment payments[LISTS];
	struct policy__area areas[LISTS];
	struct policy__site sites[BUILDINGS];
	uint32_t area_sites[LISTS][BUILDINGS];
	struct policy__pattern patterns[6 * LISTS + BUILDINGS][PATTERNS];
	size_t lists;
};

/** Few digits, so that much overlaps. */
static void
random_digits(char *to, int n)
{
	for (int i = 0; i < n; i++)
		to[i] = (char)('1' + rand() % 3);
	to[n] = '\0';
}

static void
random_number(char *to)
{
	static const char *const names[] = { "alice", "bob", "1234x", "+" };

	if (rand() % 8 == 0)
		snprintf(to, 16, "%s", names[rand() % 4]);
	else if (rand() % 2)
		random_digits(to, 1 + rand() % 5);
	else {
		snprintf(to, 16, "+44");
		random_digits(to + 3, 1 + rand() % 3);
	}
}

static void
random_pattern(struct policy__pattern *pattern)
{
	char a[16], b[16], text[40];

	memset(pattern, 0, sizeof(*pattern));
	do {
		random_number(a);
		random_number(b);
		switch (rand() % 3) {
		case 0:
			snprintf(text, sizeof(text), "%s", a);
			break;
		case 1:
			snprintf(text, sizeof(text), "%s-%s", a, b);
			break;
		default:
			snprintf(text, sizeof(text), "%s*", a);
		}
	} while (policy__pattern_parse(&numbering, text, pattern));
}

static struct policy__patterns
random_list(struct world *w)
{
	struct policy__patterns list = { (size_t)(rand() % (PATTERNS + 1)),
					 w->patterns[w->lists++] };

	for (size_t i = 0; i < list.count; i++)
		random_pattern(&list.items[i]);
	return list;
}

static void
world_make(struct world *w)
{
	memset(w, 0, sizeof(*w));
	for (int i = 0; i < LISTS; i++) {
		w->exemptions[i].numbers = random_list(w);
		w->listen_denies[i].numbers = random_list(w);
		w->payments[i].targets = random_list(w);
		w->areas[i].extensions = random_list(w);
		w->areas[i].queues = random_list(w);
		w->areas[i].confidential = random_list(w);
		w->areas[i].has_sites = rand() % 2;
		w->areas[i].sites.items = w->area_sites[i];
		for (uint32_t s = 0; w->areas[i].has_sites && s < BUILDINGS;
		     s++) {
			if (rand() % 2)
				w->area_sites[i][w->areas[i].sites.count++] = s;
		}
	}
	for (int i = 0; i < BUILDINGS; i++)
		w->sites[i].extensions = random_list(w);
	w->policy = (struct policy){
		.exemptions = w->exemptions,
		.exemptions_count = (size_t)(rand() % (LISTS + 1)),
		.listen_denies = w->listen_denies,
		.listen_denies_count = (size_t)(rand() % (LISTS + 1)),
		.payments = w->payments,
		.payments_count = (size_t)(rand() % (LISTS + 1)),
		.areas = w->areas,
		.areas_count = (size_t)(rand() % (LISTS + 1)),
		.sites = w->sites,
		.sites_count = BUILDINGS,
	};
}

/** Bit by index, of each kind of list. */
struct named {
	uint64_t by[POLICY__NAMED_COUNT];
};

static void
note(void *ctx, enum policy__named what, uint32_t index)
{
	((struct named *)ctx)->by[what] |= UINT64_C(1) << index;
}

static void
scan_areas(const struct policy *p, const char *number, struct named *named)
{
	for (uint32_t i = 0; i < p->areas_count; i++) {
		const struct policy__area *area = &p->areas[i];

		if (policy__patterns_fit(&area->extensions, number))
			note(named, POLICY__NAMED_EXTENSION, i);
		for (size_t s = 0; s < area->sites.count; s++) {
			if (policy__patterns_fit(
				&p->sites[area->sites.items[s]].extensions,
				number))
				note(named, POLICY__NAMED_EXTENSION, i);
		}
		if (policy__patterns_fit(&area->queues, number))
			note(named, POLICY__NAMED_QUEUE, i);
		if (policy__patterns_fit(&area->confidential, number))
			note(named, POLICY__NAMED_CONFIDENTIAL, i);
	}
}

static void
scan(const struct policy *p, const char *number, struct named *named)
{
	uint32_t i;

	for (i = 0; i < p->exemptions_count; i++)
		if (policy__patterns_fit(&p->exemptions[i].numbers, number))
			note(named, POLICY__NAMED_EXEMPTION, i);
	for (i = 0; i < p->listen_denies_count; i++)
		if (policy__patterns_fit(&p->listen_denies[i].numbers, number))
			note(named, POLICY__NAMED_LISTEN_DENY, i);
	for (i = 0; i < p->payments_count; i++)
		if (policy__patterns_fit(&p->payments[i].targets, number))
			note(named, POLICY__NAMED_TARGET, i);
	for (i = 0; i < p->sites_count; i++)
		if (policy__patterns_fit(&p->sites[i].extensions, number))
			note(named, POLICY__NAMED_SITE, i);
	scan_areas(p, number, named);
}

static void
finds_what_a_scan_finds(void **state)
{
	static struct world w;
	char number[POLICY_NUMBER_BYTES];
	unsigned found = 0;

	(void)state;
	srand(20240229);
	for (int round = 0; round < 400; round++) {
		world_make(&w);
		assert_int_equal(policy__lookup_new(&w.policy), 0);
		for (int i = 0; i < 300; i++) {
			struct named looked = { 0 }, scanned = { 0 };

			random_number(number);
			policy__lookup_each(&w.policy, number, note, &looked);
			scan(&w.policy, number, &scanned);
			if (memcmp(&looked, &scanned, sizeof(looked)) != 0)
				fail_msg("round %d: '%s'", round, number);
			found += looked.by[POLICY__NAMED_EXTENSION] != 0;
		}
		policy__lookup_free(&w.policy.lookup);
		assert_null(w.policy.lookup);
	}
	assert_in_range(found, 10000, 110000);
}

static void
a_site_has_its_areas(void **state)
{
	static struct world w;

	(void)state;
	srand(7);
	world_make(&w);
	w.policy.areas_count = LISTS;
	assert_int_equal(policy__lookup_new(&w.policy), 0);
	for (uint32_t s = 0; s < BUILDINGS; s++) {
		struct named named = { 0 }, expected = { 0 };

		note(&expected, POLICY__NAMED_SITE, s);
		for (uint32_t a = 0; a < LISTS; a++)
			for (size_t i = 0; i < w.areas[a].sites.count; i++)
				if (w.areas[a].sites.items[i] == s)
					note(&expected, POLICY__NAMED_EXTENSION,
					     a);
		policy__lookup_site(&w.policy, s, note, &named);
		assert_memory_equal(&named, &expected, sizeof(named));
	}
	policy__lookup_free(&w.policy.lookup);
}

static void
without_memory(void **state)
{
	static struct world w;
	int r;

	(void)state;
	srand(8);
	world_make(&w);
	for (unsigned nth = 1;; nth++) {
		testing_fail_allocation(nth);
		r = policy__lookup_new(&w.policy);
		if (!r)
			break;
		assert_int_equal(r, -ENOMEM);
		assert_null(w.policy.lookup);
		assert_in_range(nth, 1, 10);
	}
	testing_fail_allocation(0);
	policy__lookup_free(&w.policy.lookup);
}

static void
nothing_is_named(void **state)
{
	struct policy policy = { 0 };
	struct named named = { 0 }, none = { 0 };
	char longest[POLICY_NUMBER_BYTES];

	(void)state;
	policy__lookup_each(&policy, "2001", note, &named);
	assert_int_equal(policy__lookup_new(&policy), 0);
	memset(longest, '1', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	policy__lookup_each(&policy, "", note, &named);
	policy__lookup_each(&policy, "2001", note, &named);
	policy__lookup_each(&policy, longest, note, &named);
	assert_memory_equal(&named, &none, sizeof(named));
	policy__lookup_free(&policy.lookup);
	policy__lookup_free(&policy.lookup);
}

static void
count(void *ctx, enum policy__named what, uint32_t index)
{
	(void)what;
	(void)index;
	++*(size_t *)ctx;
}

/** Many areas in one large building; and ranges each of which lies in the one
 * before. Neither is gone through one by one, nor multiplied. */
static void
large_policies(void **state)
{
	enum { MANY = 20000, MANY_AREAS = 3000, LOOKS = 20000 };
	struct policy__pattern *patterns = calloc(MANY, sizeof(*patterns));
	struct policy__area *areas = calloc(MANY_AREAS, sizeof(*areas));
	struct policy__site site = { .extensions = { MANY, patterns } };
	struct policy policy = { .sites = &site,
				 .sites_count = 1,
				 .areas = areas,
				 .areas_count = MANY_AREAS };
	uint32_t zero = 0;
	size_t told = 0;
	clock_t began = clock();

	(void)state;
	assert_true(patterns && areas);
	for (int i = 0; i < MANY; i++) {
		patterns[i].kind = POLICY__RANGE;
		snprintf(patterns[i].first, sizeof(patterns[i].first), "%d",
			 100000 + i);
		snprintf(patterns[i].last, sizeof(patterns[i].last), "%d",
			 500000 - i);
	}
	for (int i = 0; i < MANY_AREAS; i++) {
		areas[i].has_sites = true;
		areas[i].sites =
		    (struct policy__set){ .count = 1, .items = &zero };
	}
	assert_int_equal(policy__lookup_new(&policy), 0);
	for (int i = 0; i < LOOKS; i++)
		policy__lookup_each(&policy, i % 2 ? "100000" : "500001", count,
				    &told);
	assert_int_equal(told, (size_t)LOOKS / 2 * (MANY_AREAS + 1));
	assert_true((clock() - began) / CLOCKS_PER_SEC < 5);
	policy__lookup_free(&policy.lookup);
	free(patterns);
	free(areas);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_a_scan_finds),
		cmocka_unit_test(a_site_has_its_areas),
		cmocka_unit_test(without_memory),
		cmocka_unit_test(nothing_is_named),
		cmocka_unit_test(large_policies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
