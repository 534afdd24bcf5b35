/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What one policy says otherwise than another. Each is taken apart into facts:
 * "exemption 'union': numbers: 4999". A fact has the words of what it says, so
 * that two ways of writing one thing are one fact; what only one of the two
 * policies has is a difference. diff_facts.c takes policies apart.
 */
#include "policy/diff_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- facts --------------------------------------------------------------- */

void
policy__facts_free(struct policy__facts *facts)
{
	for (size_t i = 0; i < facts->count; i++)
		free(facts->items[i].words);
	free(facts->items);
	memset(facts, 0, sizeof(*facts));
}

static bool
facts_grow(struct policy__facts *facts)
{
	size_t capacity = facts->capacity ? 2 * facts->capacity : 256;
	struct policy__fact *grown;

	if (facts->count < facts->capacity)
		return true;
	grown = reallocarray(facts->items, capacity, sizeof(*grown));
	if (!grown)
		return false;
	facts->items = grown;
	facts->capacity = capacity;
	return true;
}

FILE *
policy__fact_begin(struct policy__facts *facts, const char *label)
{
	struct policy__fact *fact;

	if (facts->failed)
		return NULL;
	facts->failed = !facts_grow(facts);
	if (facts->failed)
		return NULL;
	fact = &facts->items[facts->count];
	*fact = (struct policy__fact){ .section = facts->section,
				       .object = facts->object,
				       .label = label };
	facts->stream = open_memstream(&fact->words, &facts->words_bytes);
	facts->failed = !facts->stream;
	return facts->stream;
}

void
policy__fact_end(struct policy__facts *facts)
{
	facts->failed |= fclose(facts->stream) == EOF;
	facts->stream = NULL;
	facts->count++;
}

static int
compare_names(const struct policy__fact *a, const struct policy__fact *b)
{
	int r = (a->section > b->section) - (a->section < b->section);

	return r ? r : strcmp(a->object, b->object);
}

/* Labels are told apart by name: no section has two of one name. */
static int
compare_facts(const void *x, const void *y)
{
	const struct policy__fact *a = x, *b = y;
	int r = compare_names(a, b);

	if (!r)
		r = strcmp(a->label, b->label);
	return r ? r : strcmp(a->words, b->words);
}

/** By name, and each once. */
static void
facts_sort(struct policy__facts *facts)
{
	size_t kept = 0;

	if (!facts->count)
		return;
	qsort(facts->items, facts->count, sizeof(*facts->items), compare_facts);
	for (size_t i = 1; i < facts->count; i++) {
		if (compare_facts(&facts->items[kept], &facts->items[i]) == 0)
			free(facts->items[i].words);
		else
			facts->items[++kept] = facts->items[i];
	}
	facts->count = kept + 1;
}

/* ---- differences --------------------------------------------------------- */

/** Two runs of facts: of one object, or with one label. */
struct run {
	const struct policy__fact *first;
	size_t count;
};

struct differences {
	FILE *to;
	int count;
};

static void
say_object(const struct differences *d, char mark,
	   const struct policy__fact *fact)
{
	fprintf(d->to, "%c %s", mark, policy__section_names[fact->section]);
	if (fact->object[0])
		fprintf(d->to, " '%s'", fact->object);
}

/** The whole object is new, or gone: all of its facts on one line. */
static void
tell_object(struct differences *d, char mark, const struct run *run)
{
	const char *joint = ": ";

	say_object(d, mark, run->first);
	for (size_t i = 0; i < run->count; i++) {
		const struct policy__fact *fact = &run->first[i];

		if (!fact->label[0])
			continue;
		fprintf(d->to, "%s%s %s", joint, fact->label, fact->words);
		joint = "; ";
	}
	fputc('\n', d->to);
	d->count++;
}

static void
tell_fact(struct differences *d, char mark, const struct policy__fact *fact)
{
	say_object(d, mark, fact);
	fprintf(d->to, ": %s %s\n", fact->label, fact->words);
	d->count++;
}

/** Facts of one label. One that became another is a change. */
static void
compare_label(struct differences *d, const struct run *a, const struct run *b)
{
	size_t i = 0, k = 0;

	if (a->count == 1 && b->count == 1) {
		if (!strcmp(a->first->words, b->first->words))
			return;
		say_object(d, '~', a->first);
		fprintf(d->to, ": %s %s (was %s)\n", a->first->label,
			b->first->words, a->first->words);
		d->count++;
		return;
	}
	while (i < a->count || k < b->count) {
		int r = i == a->count ? 1
			: k == b->count
			    ? -1
			    : strcmp(a->first[i].words, b->first[k].words);

		if (r < 0)
			tell_fact(d, '-', &a->first[i]);
		else if (r > 0)
			tell_fact(d, '+', &b->first[k]);
		i += r <= 0;
		k += r >= 0;
	}
}

static struct run
take_label(struct run *rest, const char *label)
{
	struct run run = { rest->first, 0 };

	while (run.count < rest->count &&
	       !strcmp(run.first[run.count].label, label))
		run.count++;
	rest->first += run.count;
	rest->count -= run.count;
	return run;
}

static void
compare_object(struct differences *d, struct run a, struct run b)
{
	while (a.count || b.count) {
		const char *label = a.count ? a.first->label : b.first->label;
		struct run x, y;

		if (a.count && b.count && strcmp(b.first->label, label) < 0)
			label = b.first->label;
		x = take_label(&a, label);
		y = take_label(&b, label);
		compare_label(d, &x, &y);
	}
}

static struct run
take_object(const struct policy__facts *facts, size_t *at)
{
	struct run run = { facts->items + *at, 0 };

	while (*at < facts->count &&
	       compare_names(run.first, &facts->items[*at]) == 0) {
		run.count++;
		(*at)++;
	}
	return run;
}

static void
compare_all(struct differences *d, const struct policy__facts *a,
	    const struct policy__facts *b)
{
	size_t i = 0, k = 0;

	while (i < a->count || k < b->count) {
		int r = i == a->count ? 1
			: k == b->count
			    ? -1
			    : compare_names(&a->items[i], &b->items[k]);
		struct run x = { 0 }, y = { 0 };

		if (r <= 0)
			x = take_object(a, &i);
		if (r >= 0)
			y = take_object(b, &k);
		if (!x.count)
			tell_object(d, '+', &y);
		else if (!y.count)
			tell_object(d, '-', &x);
		else
			compare_object(d, x, y);
	}
}

/* ---- order --------------------------------------------------------------- */

/** Names of a list whose order counts. */
struct names {
	const char *items; /**< each begins with its name */
	size_t count, bytes;
};

static const char *
name_at(const struct names *names, size_t i)
{
	return names->items + i * names->bytes;
}

/** A name, and where it stands. */
struct place {
	const char *name;
	size_t at;
};

static int
compare_places(const void *x, const void *y)
{
	const struct place *a = x, *b = y;

	return strcmp(a->name, b->name);
}

/** Where each of `names` stands in the other list, by its place in this one.
 * SIZE_MAX: it does not. @return NULL: no memory */
static size_t *
places_in(const struct names *names, const struct names *other)
{
	struct place *sorted = calloc(other->count + 1, sizeof(*sorted));
	size_t *places = calloc(names->count + 1, sizeof(*places));
	size_t i;

	if (!sorted || !places) {
		free(sorted);
		free(places);
		return NULL;
	}
	for (i = 0; i < other->count; i++)
		sorted[i] = (struct place){ name_at(other, i), i };
	qsort(sorted, other->count, sizeof(*sorted), compare_places);
	for (i = 0; i < names->count; i++) {
		const struct place wanted = { name_at(names, i), 0 };
		const struct place *found =
		    bsearch(&wanted, sorted, other->count, sizeof(*sorted),
			    compare_places);

		places[i] = found ? found->at : SIZE_MAX;
	}
	free(sorted);
	return places;
}

/** What both have stands in another order: say in which. @return 0, -ENOMEM */
static int
compare_order(struct differences *d, const char *what, const struct names *a,
	      const struct names *b)
{
	size_t *places = places_in(b, a), last = 0, said = 0, i;
	bool moved = false;

	if (!places)
		return -ENOMEM;
	for (i = 0; i < b->count; i++) {
		if (places[i] == SIZE_MAX)
			continue;
		moved |= places[i] < last;
		last = places[i];
	}
	free(places);
	if (!moved)
		return 0;
	fprintf(d->to, "~ the order of %s is now ", what);
	for (i = 0; i < b->count; i++)
		fprintf(d->to, "%s'%s'", said++ ? ", " : "", name_at(b, i));
	fputc('\n', d->to);
	d->count++;
	return 0;
}

/* By order the first rule, payment or area that fits is chosen. */
#define NAMES(p, list)                                                         \
	{                                                                      \
		(const char *)(p)->list, (p)->list##_count,                    \
		    sizeof((p)->list[0])                                       \
	}

static int
compare_orders(struct differences *d, const struct policy *a,
	       const struct policy *b)
{
	const struct {
		const char *what;
		struct names a, b;
	} lists[] = {
		{ "rules", NAMES(a, rules), NAMES(b, rules) },
		{ "areas", NAMES(a, areas), NAMES(b, areas) },
		{ "payments", NAMES(a, payments), NAMES(b, payments) },
	};
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof(lists) / sizeof(lists[0]); i++)
		rc = compare_order(d, lists[i].what, &lists[i].a, &lists[i].b);
	return rc;
}

int
policy_diff(const struct policy *before, const struct policy *after, FILE *to)
{
	struct differences d = { .to = to };
	struct policy__facts a = { 0 }, b = { 0 };
	int rc = 0;

	policy__facts_of(before, &a);
	policy__facts_of(after, &b);
	if (a.failed || b.failed) {
		rc = -ENOMEM;
		goto out;
	}
	facts_sort(&a);
	facts_sort(&b);
	compare_all(&d, &a, &b);
	rc = compare_orders(&d, before, after);
out:
	policy__facts_free(&a);
	policy__facts_free(&b);
	return rc ? rc : d.count;
}
