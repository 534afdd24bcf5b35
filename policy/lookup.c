/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Number -> every list of the policy that names it, however many lists there
 * are: a call is looked up at each of its events.
 *
 *   exact    sorted by hash: the numbers themselves lie far apart in memory
 *   prefix   likewise; every beginning of the number is looked up, of as many
 *            digits as there are prefixes of
 *   range    sorted by first; a balanced tree of ranges, each node of which
 *            knows the last number below it, lies in the array itself: the
 *            middle of a part is the root of it
 *
 * Numbers of one range have the same number of digits, so shorter ones come
 * before longer ones, and those of one length by their digits.
 *
 * What is of a building is of each area of that building too. This is looked up
 * in a second step: a large building of many areas stands here once.
 */
#include "policy/policy_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	const struct policy__pattern *pattern;
	const struct entry *most; /* ranges: of it and those below it the one
				   * with the last number */
	uint64_t hash;            /* of the pattern's first; ranges have none */
	uint32_t length;          /* of the pattern's first, and of its last */
	enum policy__named what;
	uint32_t index;
};

struct entries {
	size_t count;
	struct entry *items;
};

/** Sorted by length first: entries of a length stand together. */
struct lengths {
	struct entries of[POLICY_NUMBER_BYTES];
};

struct policy__lookup {
	struct lengths exact, prefix;
	struct entries range;
	struct entry *all;    /* owns them */
	int64_t back_ns;      /* the longest look-back of all */
	uint32_t *site_areas; /* site by site */
	size_t *site_from;    /* [site] where they begin; one more: the end */
};

static int
number_compare(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	if (n != m)
		return n < m ? -1 : 1;
	return memcmp(a, b, n);
}

#define HASH_BEGIN UINT64_C(0xcbf29ce484222325)

/** FNV-1a, a character more. */
static uint64_t
hash_add(uint64_t hash, char c)
{
	return (hash ^ (unsigned char)c) * UINT64_C(0x100000001b3);
}

static uint64_t
hash_of(const char *text)
{
	uint64_t hash = HASH_BEGIN;

	while (*text)
		hash = hash_add(hash, *text++);
	return hash;
}

static int
entry_compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order;

	if (x->pattern->kind != y->pattern->kind)
		return x->pattern->kind < y->pattern->kind ? -1 : 1;
	if (x->length != y->length)
		return x->length < y->length ? -1 : 1;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	order = number_compare(x->pattern->first, y->pattern->first);
	if (order)
		return order;
	if (x->what != y->what)
		return x->what < y->what ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int64_t
longest_back_ns(const struct policy *policy)
{
	int64_t longest_ns = 0;
	size_t i;

	for (i = 0; i < policy->exemptions_count; i++)
		if (policy->exemptions[i].lookback_ns > longest_ns)
			longest_ns = policy->exemptions[i].lookback_ns;
	for (i = 0; i < policy->payments_count; i++)
		if (policy->payments[i].lookback_ns > longest_ns)
			longest_ns = policy->payments[i].lookback_ns;
	return longest_ns;
}

/* ---- building ------------------------------------------------------------ */

/** Called once to count and once to fill. */
struct build {
	struct entry *items; /* NULL: count */
	size_t count;
};

static void
patterns_add(struct build *build, const struct policy__patterns *patterns,
	     enum policy__named what, size_t index)
{
	for (size_t i = 0; build->items && i < patterns->count; i++) {
		const struct policy__pattern *pattern = &patterns->items[i];

		build->items[build->count + i] = (struct entry){
			.pattern = pattern,
			.hash = pattern->kind == POLICY__RANGE
				    ? 0
				    : hash_of(pattern->first),
			.length = (uint32_t)strlen(pattern->first),
			.what = what,
			.index = (uint32_t)index,
		};
	}
	build->count += patterns->count;
}

static void
area_add(struct build *build, const struct policy *policy, size_t i)
{
	const struct policy__area *area = &policy->areas[i];

	patterns_add(build, &area->extensions, POLICY__NAMED_EXTENSION, i);
	patterns_add(build, &area->queues, POLICY__NAMED_QUEUE, i);
	patterns_add(build, &area->confidential, POLICY__NAMED_CONFIDENTIAL, i);
}

static void
policy_add(struct build *build, const struct policy *policy)
{
	size_t i;

	for (i = 0; i < policy->exemptions_count; i++)
		patterns_add(build, &policy->exemptions[i].numbers,
			     POLICY__NAMED_EXEMPTION, i);
	for (i = 0; i < policy->listen_denies_count; i++)
		patterns_add(build, &policy->listen_denies[i].numbers,
			     POLICY__NAMED_LISTEN_DENY, i);
	for (i = 0; i < policy->payments_count; i++)
		patterns_add(build, &policy->payments[i].targets,
			     POLICY__NAMED_TARGET, i);
	for (i = 0; i < policy->areas_count; i++)
		area_add(build, policy, i);
	for (i = 0; i < policy->sites_count; i++)
		patterns_add(build, &policy->sites[i].extensions,
			     POLICY__NAMED_SITE, i);
}

/** @return of the ranges from lo to before hi the one with the last number */
static const struct entry *
range_most(struct entry *items, size_t lo, size_t hi)
{
	size_t root = lo + (hi - lo) / 2;
	const struct entry *below, *most = &items[root];

	if (lo < root) {
		below = range_most(items, lo, root);
		if (number_compare(below->pattern->last, most->pattern->last) >
		    0)
			most = below;
	}
	if (root + 1 < hi) {
		below = range_most(items, root + 1, hi);
		if (number_compare(below->pattern->last, most->pattern->last) >
		    0)
			most = below;
	}
	items[root].most = most;
	return most;
}

/** @return where the entries of a kind begin */
static struct entry *
kind_begin(struct entry *all, size_t count, int kind)
{
	while (count && (int)all->pattern->kind < kind) {
		all++;
		count--;
	}
	return all;
}

static void
lengths_make(struct lengths *lengths, struct entry *from,
	     const struct entry *until)
{
	for (; from < until; from++) {
		struct entries *of = &lengths->of[from->length];

		if (!of->count++)
			of->items = from;
	}
}

static void
kinds_make(struct policy__lookup *lookup, size_t count)
{
	struct entry *all = lookup->all, *end = all + count;
	struct entry *range = kind_begin(all, count, POLICY__RANGE);
	struct entry *prefix = kind_begin(all, count, POLICY__PREFIX);

	lengths_make(&lookup->exact, all, range);
	lookup->range = (struct entries){ (size_t)(prefix - range), range };
	lengths_make(&lookup->prefix, prefix, end);
	if (lookup->range.count)
		range_most(range, 0, lookup->range.count);
}

static size_t
sites_of(const struct policy__area *area)
{
	return area->has_sites ? area->sites.count : 0;
}

/** Which areas each site has. @return 0, -ENOMEM */
static int
site_areas_new(struct policy__lookup *lookup, const struct policy *policy)
{
	size_t *end, total = 0;

	for (size_t a = 0; a < policy->areas_count; a++)
		total += sites_of(&policy->areas[a]);
	lookup->site_from = calloc(policy->sites_count + 2, sizeof(*end));
	lookup->site_areas = calloc(total + 1, sizeof(lookup->site_areas[0]));
	if (!lookup->site_from || !lookup->site_areas)
		return -ENOMEM;
	/* counted two places on, begun one place on, filled: in place */
	end = lookup->site_from + 1;
	for (size_t a = 0; a < policy->areas_count; a++)
		for (size_t i = 0; i < sites_of(&policy->areas[a]); i++)
			end[policy->areas[a].sites.items[i] + 1]++;
	for (size_t s = 1; s <= policy->sites_count; s++)
		end[s] += end[s - 1];
	for (size_t a = 0; a < policy->areas_count; a++)
		for (size_t i = 0; i < sites_of(&policy->areas[a]); i++)
			lookup->site_areas
			    [end[policy->areas[a].sites.items[i]]++] =
			    (uint32_t)a;
	return 0;
}

int
policy__lookup_new(struct policy *policy)
{
	struct build build = { 0 };
	struct policy__lookup *lookup = calloc(1, sizeof(*lookup));

	if (!lookup)
		return -ENOMEM;
	policy_add(&build, policy);
	lookup->all = calloc(build.count + 1, sizeof(lookup->all[0]));
	if (!lookup->all || site_areas_new(lookup, policy) < 0) {
		policy__lookup_free(&lookup);
		return -ENOMEM;
	}
	build = (struct build){ .items = lookup->all };
	policy_add(&build, policy);
	qsort(lookup->all, build.count, sizeof(lookup->all[0]), entry_compare);
	kinds_make(lookup, build.count);
	lookup->back_ns = longest_back_ns(policy);
	policy->lookup = lookup;
	return 0;
}

int64_t
policy__lookup_back_ns(const struct policy *policy)
{
	return policy->lookup ? policy->lookup->back_ns : 0;
}

void
policy__lookup_free(struct policy__lookup **lookup)
{
	if (!*lookup)
		return;
	free((*lookup)->all);
	free((*lookup)->site_areas);
	free((*lookup)->site_from);
	free(*lookup);
	*lookup = NULL;
}

/* ---- looking ------------------------------------------------------------- */

/** Somebody who looks a number up. */
struct look {
	const struct policy *policy;
	policy__named_fn fn;
	void *ctx;
	const char *number;
	size_t length;
};

void
policy__lookup_site(const struct policy *policy, uint32_t site,
		    policy__named_fn fn, void *ctx)
{
	const struct policy__lookup *lookup = policy->lookup;

	fn(ctx, POLICY__NAMED_SITE, site);
	for (size_t i = lookup->site_from[site];
	     i < lookup->site_from[site + 1]; i++)
		fn(ctx, POLICY__NAMED_EXTENSION, lookup->site_areas[i]);
}

static void
tell(const struct look *look, const struct entry *entry)
{
	if (entry->what == POLICY__NAMED_SITE)
		policy__lookup_site(look->policy, entry->index, look->fn,
				    look->ctx);
	else
		look->fn(look->ctx, entry->what, entry->index);
}

/** Those whose first is exactly what the number begins with. */
static void
equal_each(const struct look *look, const struct entries *entries,
	   uint64_t hash)
{
	size_t lo = 0, hi = entries->count;
	const struct entry *entry;

	while (lo < hi) {
		size_t middle = lo + (hi - lo) / 2;

		if (entries->items[middle].hash < hash)
			lo = middle + 1;
		else
			hi = middle;
	}
	for (; lo < entries->count; lo++) {
		entry = &entries->items[lo];
		if (entry->hash != hash)
			return;
		if (!memcmp(entry->pattern->first, look->number, entry->length))
			tell(look, entry);
	}
}

/** @return below 0, 0, above 0 */
static int
compare(const char *a, size_t n, const struct look *look)
{
	if (n != look->length)
		return n < look->length ? -1 : 1;
	return memcmp(a, look->number, n);
}

static void
range_each(const struct look *look, const struct entry *items, size_t lo,
	   size_t hi)
{
	while (lo < hi) {
		size_t root = lo + (hi - lo) / 2;
		const struct entry *entry = &items[root];

		if (compare(entry->most->pattern->last, entry->most->length,
			    look) < 0)
			return;
		range_each(look, items, lo, root);
		if (compare(entry->pattern->first, entry->length, look) > 0)
			return;
		if (compare(entry->pattern->last, entry->length, look) >= 0)
			tell(look, entry);
		lo = root + 1;
	}
}

void
policy__lookup_each(const struct policy *policy, const char *normalised,
		    policy__named_fn fn, void *ctx)
{
	const struct policy__lookup *lookup = policy->lookup;
	const struct look look = { policy, fn, ctx, normalised,
				   strlen(normalised) };
	uint64_t hash = HASH_BEGIN;
	bool number;

	if (!lookup || !look.length || look.length >= POLICY_NUMBER_BYTES)
		return;
	number = policy_is_number(normalised);
	for (size_t n = 1; n <= look.length; n++) {
		hash = hash_add(hash, normalised[n - 1]);
		if (number && lookup->prefix.of[n].count)
			equal_each(&look, &lookup->prefix.of[n], hash);
	}
	equal_each(&look, &lookup->exact.of[look.length], hash);
	if (number)
		range_each(&look, lookup->range.items, 0, lookup->range.count);
}
