/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a decision costs: a policy with 10,000 exemptions and 500 areas, as it
 * is asked at each event of a call. Prints ns of processor time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/policy.h"

enum {
	EXEMPTIONS = 10000,
	AREAS = 500,
	SITES = 50,
	RULES = 20,
	ROUNDS = 1000000,
	CALLEES = 15000
};

static int64_t
cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void
put_lists(FILE *f)
{
	fputs("sites:\n", f);
	for (int i = 0; i < SITES; i++)
		fprintf(f,
			"  site %d: {extensions: %d-%d, networks: "
			"10.%d.0.0/16}\n",
			i, 30000 + i * 1000, 30999 + i * 1000, i);
	fputs("areas:\n", f);
	for (int i = 0; i < AREAS; i++)
		fprintf(f,
			"  area %d: {extensions: %d-%d, queues: 01632 96%04d, "
			"needs: request, request: {approved_by: d, approved: "
			"2020-01-01}, sites: site %d}\n",
			i, 80000 + i * 30, 80029 + i * 30, i, i % SITES);
	fputs("exemptions:\n", f);
	/* of each kind: an extension, a range, a number of somebody outside */
	for (int i = 0; i < EXEMPTIONS; i++) {
		fprintf(f, "  - {name: e%d, reason: r, approved_by: d, ", i);
		if (i % 10 == 0)
			fprintf(f, "numbers: %d-%d}\n", 10000 + i, 10005 + i);
		else if (i % 10 == 1)
			fprintf(f, "numbers: 0207946%04d*}\n", i);
		else
			fprintf(f, "numbers: [%d, 0151%07d]}\n", 20000 + i, i);
	}
	fputs("payments:\n", f);
	for (int i = 0; i < 8; i++)
		fprintf(f,
			"  - {name: pay %d, areas: [area %d, area %d], "
			"triggers: {keys: '*%d', call: 0333 01600%02d}}\n",
			i, i, i + 100, i, i);
}

static char *
make_yaml(void)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	fputs("version: 1\n"
	      "organisation: {name: o, time_zone: Europe/London}\n"
	      "access: {owner: a}\n"
	      "purposes: [q]\n"
	      "numbering: {country: 44, extension_digits: 5}\n"
	      "retention: {short: {max: 14d}}\n"
	      "metadata: {max: 24 months}\n",
	      f);
	put_lists(f);
	fputs("rules:\n", f);
	for (int i = 0; i < RULES; i++)
		fprintf(f,
			"  - {name: r%d, match: {areas: [area %d, area %d], "
			"numbers: [%d-%d, 0117 4960%03d]}, decision: %s}\n",
			i, i, i + 200, 90000 + i, 90010 + i, i,
			i < RULES / 2 ? "drop" : "record, retention: short");
	fputs("  - {name: rest, match: {direction: [in, out]}, decision: "
	      "record, retention: short}\n",
	      f);
	return fclose(f) ? NULL : text;
}

static void
bench(const struct policy *policy, const char *what, uint32_t others)
{
	static const char *const also[] = { "+441632960099", "95999",
					    "+4420794609", "alice" };
	static char to[CALLEES][8];
	struct policy_state state = { 0 };
	struct policy_facts facts = { .from = "+441174960998",
				      .also = also,
				      .also_count = others,
				      .dialled = also,
				      .dialled_count = others,
				      .state = &state,
				      .start_ns =
					  INT64_C(1700000000000000000) };
	uint64_t recorded = 0;
	int64_t began, took;

	for (int i = 0; i < CALLEES; i++)
		snprintf(to[i], sizeof(to[i]), "%d", 80000 + i);
	began = cpu_ns();
	for (int i = 0; i < ROUNDS; i++) {
		struct policy_verdict verdict;

		facts.to = to[i % CALLEES];
		policy_decide(policy, &facts, &verdict);
		recorded += verdict.decision == POLICY_RECORD;
	}
	took = cpu_ns() - began;
	printf("%-46s %12.1f\n", what, (double)took / ROUNDS);
	if (!recorded)
		printf("nothing was recorded\n");
}

int
main(void)
{
	static struct policy_errors errors;
	struct policy *policy = NULL;
	char *text = make_yaml();
	int64_t began = cpu_ns(), took;

	if (!text || policy_load(&policy, text, strlen(text), &errors) < 0) {
		policy_errors_print(&errors, "bench", stderr);
		return 1;
	}
	took = cpu_ns() - began;
	printf("%-46s %12s\n", "10,000 exemptions, 500 areas, 21 rules",
	       "ns each");
	bench(policy, "decision, two parties", 0);
	bench(policy, "decision, 4 others, 4 dialled", 4);
	printf("%-46s %12.0f\n", "loading that policy", (double)took);
	policy_free(&policy);
	free(text);
	return 0;
}
