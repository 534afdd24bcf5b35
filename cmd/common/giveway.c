/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Class by class, the oldest calls first, ids are collected until those of one
 * class would do alone; of all of them the oldest are deleted, on the way that
 * a sweep goes.
 */
#include "cmd/common/giveway.h"
#include "store/cases.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_BYTES 512
#define GIB         (UINT64_C(1) << 30)
/* By how much calls of one class may get over their floor in another order than
 * they began: see policy_clock_earliest. */
#define ORDER_SLACK_NS (INT64_C(4) * 86400 * 1000000000)

/* What a walk is stopped with: no error. */
#define STOP 1

/* ---- how much ---------------------------------------------------------- */

uint64_t
giveway_least(uint64_t whole, uint32_t percent)
{
	return whole / 100 * percent + whole % 100 * percent / 100;
}

static uint64_t
wanted(uint64_t left, uint64_t total, uint32_t percent, uint64_t most_more)
{
	const uint64_t least = giveway_least(total, percent);
	const uint64_t more = least / 8 < most_more ? least / 8 : most_more;

	return left < least ? least + more - left : 0;
}

bool
giveway_wanted(const struct giveway_disk *disk, uint32_t percent,
	       struct giveway_want *want)
{
	want->bytes = wanted(disk->free_bytes, disk->total_bytes, percent, GIB);
	want->files =
	    wanted(disk->free_files, disk->total_files, percent, UINT64_MAX);
	return want->bytes || want->files;
}

static uint64_t
less(uint64_t wanted, uint64_t done)
{
	return wanted > done ? wanted - done : 0;
}

/* ---- which ------------------------------------------------------------- */

struct candidate {
	char id[STORE_SEGMENT_ID_BYTES];
	int64_t start_ns;
	uint64_t bytes;
};

struct choice {
	const struct giveway_config *config;
	const struct giveway_want *want;
	struct giveway_result *result;
	struct candidate *candidates;
	size_t count, capacity;
	/* of the class that is looked at */
	const char *class;
	struct giveway_want left;
	size_t taken;
	int error; /* the first */
};

static void tell(const struct giveway_config *config, bool error,
		 const char *format, ...) __attribute__((format(printf, 3, 4)));

static void
tell(const struct giveway_config *config, bool error, const char *format, ...)
{
	char words[WORDS_BYTES];
	va_list arguments;

	if (!config->tell)
		return;
	va_start(arguments, format);
	vsnprintf(words, sizeof(words), format, arguments);
	va_end(arguments);
	config->tell(config->ctx, error, words);
}

static void
note_error(struct choice *choice, int error)
{
	if (!choice->error)
		choice->error = error;
}

static int
candidate_add(struct choice *choice, const struct store_segment *segment)
{
	size_t capacity = choice->capacity ? 2 * choice->capacity : 64;
	struct candidate *grown, *one;

	if (choice->count == choice->capacity) {
		grown =
		    reallocarray(choice->candidates, capacity, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		choice->candidates = grown;
		choice->capacity = capacity;
	}
	one = &choice->candidates[choice->count++];
	memcpy(one->id, segment->id, sizeof(one->id));
	one->start_ns = segment->call_start_ns;
	one->bytes = segment->bytes;
	choice->taken++;
	choice->left.bytes = less(choice->left.bytes, segment->bytes);
	choice->left.files = less(choice->left.files, 1);
	return 0;
}

static bool
is_enough(const struct choice *choice)
{
	return (!choice->left.bytes && !choice->left.files) ||
	       choice->taken == STORE_PURGE_MANY;
}

/* Is there anything behind this one that is old enough? By the policy of today
 * alone, since others only make a floor later. */
static bool
all_below_floor(const struct choice *choice,
		const struct store_segment *segment)
{
	struct policy_clock clock;
	const char *class;
	int64_t start_ns;

	store_segment_counts(segment, &class, &start_ns);
	(void)policy_clock(choice->config->policy, class, start_ns, &clock);
	return clock.floor_ns - ORDER_SLACK_NS > choice->config->now_ns;
}

/* @return 1, 0, -errno */
static int
may_go(const struct giveway_config *config, const struct store_segment *segment)
{
	struct policy_clock clock;
	int r;

	if (segment->state != STORE_STATE_STORED &&
	    segment->state != STORE_STATE_INTERRUPTED)
		return 0;
	/* Where nothing was recorded there is no room to be had; the days of
	 * grace after a hold are for who may still want it. */
	if (!segment->chunks || segment->not_before_ns > config->now_ns)
		return 0;
	r = clocks_of(config->clocks, config->archive, config->policy, segment,
		      &clock);
	if (r)
		return r == CLOCKS_KEPT || r == -ENOENT ? 0 : r;
	return clock.gives_way && clock.floor_ns <= config->now_ns &&
	       clock.due_ns > config->now_ns;
}

static int
see_segment(void *ctx, const struct store_segment *segment)
{
	struct choice *choice = ctx;
	int r;

	if (is_enough(choice)) {
		choice->result->more = true;
		return STOP;
	}
	r = may_go(choice->config, segment);
	if (r > 0)
		return candidate_add(choice, segment);
	return r < 0 ? r : all_below_floor(choice, segment) ? STOP : 0;
}

static int
see_class(void *ctx, const char *class)
{
	struct choice *choice = ctx;
	const struct giveway_config *config = choice->config;
	int r;

	if (!policy_gives_way(config->policy, class))
		return 0;
	choice->left = *choice->want;
	choice->taken = 0;
	r = store_due(config->archive, class, config->now_ns, see_segment,
		      choice);
	if (r >= 0)
		return 0;
	tell(config, true,
	     "the index could not be read for all of the retention class "
	     "'%s': %s",
	     class, strerror(-r));
	note_error(choice, r);
	return 0;
}

static int
compare_start(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return strcmp(x->id, y->id);
}

/* ---- deleting ---------------------------------------------------------- */

/* The oldest of all, as many as are wanted. @return how many */
static size_t
choose(struct choice *choice, struct store_purge *many)
{
	size_t count = 0;

	if (choice->count)
		qsort(choice->candidates, choice->count,
		      sizeof(*choice->candidates), compare_start);
	choice->left = *choice->want;
	choice->taken = 0;
	while (count < choice->count && !is_enough(choice)) {
		const struct candidate *one = &choice->candidates[count];

		many[count] = (struct store_purge){ .gives_way = true };
		memcpy(many[count++].id, one->id, sizeof(one->id));
		choice->taken++;
		choice->left.bytes = less(choice->left.bytes, one->bytes);
		choice->left.files = less(choice->left.files, 1);
	}
	choice->result->more |= count < choice->count;
	return count;
}

/* @param stopped what keeps all of them, and was told; 0: nothing */
static void
note_purged(struct choice *choice, const struct store_purge *one, int stopped,
	    struct giveway_want *want)
{
	const int r = one->result;

	if (!r) {
		choice->result->recordings++;
		choice->result->bytes += one->bytes;
		want->bytes = less(want->bytes, one->bytes);
		want->files = less(want->files, 1);
		return;
	}
	/* Held meanwhile, or gone. */
	if (r == -EPERM || r == -EALREADY || r == -EBUSY)
		return;
	choice->result->failed++;
	note_error(choice, r);
	if (r != stopped)
		tell(choice->config, true, "%s could not be deleted: %s",
		     one->id, strerror(-r));
}

int
giveway_run(const struct giveway_config *config, struct giveway_want *want,
	    struct giveway_result *result)
{
	struct choice choice = { .config = config,
				 .want = want,
				 .result = result };
	struct store_purge many[STORE_PURGE_MANY];
	size_t count;
	int r;

	*result = (struct giveway_result){ 0 };
	clocks_refresh(config->clocks);
	r = store_classes(config->archive, see_class, &choice);
	if (r < 0) {
		tell(config, true,
		     "not all retention classes could be found in the index: "
		     "%s",
		     strerror(-r));
		note_error(&choice, r);
	}
	count = choose(&choice, many);
	free(choice.candidates);
	if (!count)
		return choice.error;
	r = store_purge_many(config->archive, many, count, config->now_ns,
			     config->actor, GIVEWAY_WHY);
	if (r) {
		tell(config, true, "what gives way could not be deleted: %s",
		     strerror(-r));
		note_error(&choice, r);
	}
	for (size_t i = 0; i < count; i++)
		note_purged(&choice, &many[i], r, want);
	return choice.error;
}
