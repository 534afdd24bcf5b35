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
	bool applied_known;
	bool applied_any;
	uint8_t applied[STORE_HASH_BYTES]; /**< the policy applied last */
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
	clocks->applied_known = false;
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

static int
know_applied(struct clocks *clocks, struct store_archive *archive)
{
	int r;

	if (clocks->applied_known)
		return 0;
	r = store_policy_applied(archive, clocks->applied);
	if (r && r != -ENOENT)
		return r;
	clocks->applied_any = r == 0;
	clocks->applied_known = true;
	return 0;
}

/* The policy that was applied last, else the one that decided. */
static int
agreed_policy(struct clocks *clocks, struct store_archive *archive,
	      const struct store_segment *segment, const struct policy **policy)
{
	int r = know_applied(clocks, archive);

	if (r)
		return r;
	return clocks_policy(
	    clocks, archive,
	    clocks->applied_any ? clocks->applied : segment->policy, policy);
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

static void
later(int64_t *time_ns, int64_t other_ns)
{
	if (other_ns > *time_ns)
		*time_ns = other_ns;
}

/* Nothing becomes shorter because of another clock, or gives way. */
static void
clock_extend(struct policy_clock *clock, const struct policy_clock *other)
{
	later(&clock->floor_ns, other->floor_ns);
	later(&clock->due_ns, other->due_ns);
	later(&clock->ceiling_ns, other->ceiling_ns);
	later(&clock->metadata_ns, other->metadata_ns);
	clock->gives_way &= other->gives_way;
}

/* Of a segment, by a policy. */
struct question {
	struct clocks *clocks;
	struct store_archive *archive;
	const struct policy *policy;
	const struct store_segment *segment;
	bool alone; /* whatever was agreed to */
};

/* A class that counts from a time, by the policy asked for or else by the one
 * that decided. */
static int
clock_known(const struct question *q, const struct store_successor *counts,
	    struct policy_clock *clock)
{
	const char *class = counts->retention;
	const struct policy *decided;
	struct policy_clock then;
	int r = policy_clock(q->policy, class, counts->from_ns, clock);

	if (r != -ENOENT)
		return r;
	r = clocks_policy(q->clocks, q->archive, q->segment->policy, &decided);
	if (r)
		return r;
	if (!decided || policy_clock(decided, class, counts->from_ns, &then))
		return -ENOENT;
	/* how long notes stay is no matter of classes: today's policy says */
	later(&clock->metadata_ns, then.ceiling_ns);
	then.metadata_ns = clock->metadata_ns;
	/* ... and what gives way */
	then.gives_way = false;
	*clock = then;
	return CLOCKS_KEPT;
}

/* The same, and not earlier than what was agreed to. */
static int
clock_of(const struct question *q, const struct store_successor *counts,
	 struct policy_clock *clock)
{
	const struct policy *agreed;
	struct policy_clock other;
	int result = clock_known(q, counts, clock);
	int r;

	if (result || q->alone)
		return result;
	r = agreed_policy(q->clocks, q->archive, q->segment, &agreed);
	if (r)
		return r;
	if (agreed && policy_clock(agreed, counts->retention, counts->from_ns,
				   &other) == 0)
		clock_extend(clock, &other);
	else
		clock->gives_way = false; /* nobody agreed to that */
	return 0;
}

static int
answer(const struct question *q, struct policy_clock *clock)
{
	const struct store_segment *segment = q->segment;
	struct store_successor own = { .from_ns = segment->call_start_ns };
	struct policy_clock other;
	int result, r;

	memcpy(own.retention, segment->retention, sizeof(own.retention));
	result = clock_of(q, &own, clock);
	for (size_t i = 0; i < STORE_SUCCESSORS_MAX; i++) {
		if (!segment->successors[i].retention[0])
			continue;
		r = clock_of(q, &segment->successors[i], &other);
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

int
clocks_of(struct clocks *clocks, struct store_archive *archive,
	  const struct policy *policy, const struct store_segment *segment,
	  struct policy_clock *clock)
{
	const struct question q = { .clocks = clocks,
				    .archive = archive,
				    .policy = policy,
				    .segment = segment };

	return answer(&q, clock);
}

int
clocks_if_applied(struct clocks *clocks, struct store_archive *archive,
		  const struct policy *policy,
		  const struct store_segment *segment,
		  struct policy_clock *clock)
{
	const struct question q = { .clocks = clocks,
				    .archive = archive,
				    .policy = policy,
				    .segment = segment,
				    .alone = true };

	return answer(&q, clock);
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

/* Of a class that the policy applied last knows too, the later of both: what
 * would have gone by a changed file is not walked over in each sweep. */
static int
not_before_applied(const struct get_all *all, const char *class,
		   int64_t start_ns, int64_t *due_ns, int64_t *metadata_ns)
{
	const struct policy *applied;
	struct policy_clock clock;
	int64_t applied_ns, notes_ns;
	int r = know_applied(all->clocks, all->archive);

	if (r || !all->clocks->applied_any)
		return r;
	r = clocks_policy(all->clocks, all->archive, all->clocks->applied,
			  &applied);
	if (r || !applied || policy_clock(applied, class, start_ns, &clock))
		return r;
	policy_clock_earliest(applied, class, start_ns, &applied_ns, &notes_ns);
	later(due_ns, applied_ns);
	later(metadata_ns, notes_ns);
	return 0;
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
		return not_before_applied(&all, class, start_ns, due_ns,
					  metadata_ns);
	if (!clocks->all) {
		r = store_archive_policies(archive, get_one, &all);
		if (r)
			return r;
		clocks->all = true;
	}
	earliest_of_kept(clocks, class, start_ns, due_ns);
	return 0;
}
