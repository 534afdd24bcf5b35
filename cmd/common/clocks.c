/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Policies of then, and who has the word about a segment. */
#include "cmd/common/clocks.h"
#include "store/cases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct kept {
	uint8_t hash[STORE_HASH_BYTES];
	struct policy *policy; /**< NULL: missing, or not what it was */
};

struct clocks {
	struct kept *kept;
	size_t count, capacity;
	bool all; /**< every policy of the archive is in here */
};

int
clocks_new(struct clocks **clocks)
{
	*clocks = calloc(1, sizeof(**clocks));
	return *clocks ? 0 : -ENOMEM;
}

void
clocks_free(struct clocks **clocks)
{
	struct clocks *c = *clocks;
	size_t i;

	*clocks = NULL;
	if (!c)
		return;
	for (i = 0; i < c->count; i++)
		policy_free(&c->kept[i].policy);
	free(c->kept);
	free(c);
}

void
clocks_refresh(struct clocks *clocks)
{
	size_t i, count = 0;

	for (i = 0; i < clocks->count; i++)
		if (clocks->kept[i].policy)
			clocks->kept[count++] = clocks->kept[i];
	clocks->count = count;
	clocks->all = false;
}

/* ---- policies of then -------------------------------------------------- */

/* @return 0 (*policy is NULL if it is missing or damaged), -ENOMEM, -EMFILE,
 * -ENFILE: says nothing of the file */
static int
load(struct store_archive *archive, const uint8_t hash[STORE_HASH_BYTES],
     struct policy **policy)
{
	struct policy_errors errors;
	char *text;
	size_t n;
	int r = store_archive_policy(archive, hash, &text, &n);

	*policy = NULL;
	if (r == 0)
		r = policy_load(policy, text, n, &errors);
	free(text);
	return r == -ENOMEM || r == -EMFILE || r == -ENFILE ? r : 0;
}

static struct kept *
find(const struct clocks *clocks, const uint8_t hash[STORE_HASH_BYTES])
{
	size_t i;

	for (i = 0; i < clocks->count; i++)
		if (!memcmp(clocks->kept[i].hash, hash, STORE_HASH_BYTES))
			return &clocks->kept[i];
	return NULL;
}

static int
keep(struct clocks *clocks, const struct kept *kept)
{
	size_t capacity = clocks->capacity ? 2 * clocks->capacity : 8;
	struct kept *grown;

	if (clocks->count == clocks->capacity) {
		grown = realloc(clocks->kept, capacity * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		clocks->kept = grown;
		clocks->capacity = capacity;
	}
	clocks->kept[clocks->count++] = *kept;
	return 0;
}

int
clocks_policy(struct clocks *clocks, struct store_archive *archive,
	      const uint8_t hash[STORE_HASH_BYTES],
	      const struct policy **policy)
{
	const struct kept *known = find(clocks, hash);
	struct kept kept = { .policy = NULL };
	int r;

	*policy = NULL;
	if (!known) {
		memcpy(kept.hash, hash, STORE_HASH_BYTES);
		r = load(archive, hash, &kept.policy);
		if (r == 0)
			r = keep(clocks, &kept);
		if (r) {
			policy_free(&kept.policy);
			return r;
		}
		known = &kept;
	}
	*policy = known->policy;
	return 0;
}

struct get_all {
	struct clocks *clocks;
	struct store_archive *archive;
};

static int
get_one(void *ctx, const uint8_t hash[STORE_HASH_BYTES])
{
	const struct get_all *all = ctx;
	const struct policy *policy;

	return clocks_policy(all->clocks, all->archive, hash, &policy);
}

/* ---- whose word it is -------------------------------------------------- */

/* A class that counts from a time, and by whose word. */
static int
clock_of(struct clocks *clocks, struct store_archive *archive,
	 const struct policy *policy, const struct store_segment *segment,
	 const struct store_successor *counts, struct policy_clock *clock)
{
	const char *class = counts->retention;
	const struct policy *decided;
	struct policy_clock then;
	int r = policy_clock(policy, class, counts->from_ns, clock);

	if (r != -ENOENT)
		return r;
	r = clocks_policy(clocks, archive, segment->policy, &decided);
	if (r)
		return r;
	if (!decided || policy_clock(decided, class, counts->from_ns, &then))
		return -ENOENT;
	/* how long notes stay is no matter of classes: today's policy says */
	if (then.ceiling_ns > clock->metadata_ns)
		clock->metadata_ns = then.ceiling_ns;
	then.metadata_ns = clock->metadata_ns;
	*clock = then;
	return CLOCKS_KEPT;
}

static void
later(int64_t *time_ns, int64_t other_ns)
{
	if (other_ns > *time_ns)
		*time_ns = other_ns;
}

/* Nothing becomes shorter because there was a hold. */
static void
clock_extend(struct policy_clock *clock, const struct policy_clock *other)
{
	later(&clock->floor_ns, other->floor_ns);
	later(&clock->due_ns, other->due_ns);
	later(&clock->ceiling_ns, other->ceiling_ns);
	later(&clock->metadata_ns, other->metadata_ns);
}

int
clocks_of(struct clocks *clocks, struct store_archive *archive,
	  const struct policy *policy, const struct store_segment *segment,
	  struct policy_clock *clock)
{
	struct store_successor own = { .from_ns = segment->call_start_ns };
	struct policy_clock other;
	int result, r;

	memcpy(own.retention, segment->retention, sizeof(own.retention));
	result = clock_of(clocks, archive, policy, segment, &own, clock);
	for (size_t i = 0; i < STORE_SUCCESSORS_MAX; i++) {
		if (!segment->successors[i].retention[0])
			continue;
		r = clock_of(clocks, archive, policy, segment,
			     &segment->successors[i], &other);
		clock_extend(clock, &other);
		/* the fallback, and what could not be read, are told first */
		if (r < 0 && (result >= 0 || result == -ENOENT))
			result = r;
	}
	if (!segment->not_before_ns)
		return result;
	later(&clock->due_ns, segment->not_before_ns);
	later(&clock->ceiling_ns, segment->not_before_ns + CLOCKS_MARGIN_NS);
	later(&clock->metadata_ns, clock->ceiling_ns);
	return result;
}

/* The earliest of all policies of then that know the class. */
static void
earliest_of_kept(const struct clocks *clocks, const char *class,
		 int64_t start_ns, int64_t *due_ns)
{
	int64_t then_ns, metadata_ns;
	struct policy_clock clock;
	bool known = false;
	size_t i;

	for (i = 0; i < clocks->count; i++) {
		const struct policy *then = clocks->kept[i].policy;

		if (!then || policy_clock(then, class, start_ns, &clock))
			continue;
		policy_clock_earliest(then, class, start_ns, &then_ns,
				      &metadata_ns);
		if (!known || then_ns < *due_ns)
			*due_ns = then_ns;
		known = true;
	}
}

int
clocks_earliest(struct clocks *clocks, struct store_archive *archive,
		const struct policy *policy,
		const struct store_segment *segment, int64_t *due_ns,
		int64_t *metadata_ns)
{
	struct get_all all = { .clocks = clocks, .archive = archive };
	struct policy_clock clock;
	const char *class;
	int64_t start_ns;
	int r;

	store_segment_counts(segment, &class, &start_ns);
	policy_clock_earliest(policy, class, start_ns, due_ns, metadata_ns);
	if (policy_clock(policy, class, start_ns, &clock) == 0)
		return 0;
	if (!clocks->all) {
		r = store_archive_policies(archive, get_one, &all);
		if (r)
			return r;
		clocks->all = true;
	}
	earliest_of_kept(clocks, class, start_ns, due_ns);
	return 0;
}
