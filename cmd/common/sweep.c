/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One sweep, class by class. Ids are collected first and deleted then, the
 * longest due first, so that no walk over the index meets its own deletions and
 * no class waits for another one.
 */
#include "cmd/common/sweep.h"
#include "store/audit.h"
#include "store/cases.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_BYTES 512

/* What a walk is stopped with: no error. */
#define STOP 1

struct due {
	char id[STORE_SEGMENT_ID_BYTES];
	int64_t due_ns, ceiling_ns;
};

struct list {
	struct due *due;
	size_t count, capacity;
};

struct classes {
	char (*names)[STORE_NAME_BYTES];
	size_t count;
};

struct sweep {
	const struct sweep_config *config;
	struct sweep_result *result;
	int worst;
	bool full; /**< an error that stops all was met */
	struct list due;
	struct list over; /**< tombstones whose own time is over */
	/* of the class that is looked at */
	bool warned;
	size_t taken;
};

/* ---- what went wrong --------------------------------------------------- */

static void tell(const struct sweep *sweep, bool error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
tell(const struct sweep *sweep, bool error, const char *format, ...)
{
	char words[WORDS_BYTES];
	va_list arguments;

	if (!sweep->config->tell)
		return;
	va_start(arguments, format);
	vsnprintf(words, sizeof(words), format, arguments);
	va_end(arguments);
	sweep->config->tell(sweep->config->ctx, error, words);
}

/* What cannot be done is counted, and the rest is done all the same, unless it
 * would fail just so. */
static void
note_failure(struct sweep *sweep, int error)
{
	sweep->result->failed++;
	if (!sweep->worst || error == -EBADMSG)
		sweep->worst = error;
	sweep->full |= error == -ENOSPC || error == -EDQUOT || error == -EROFS;
}

/* The walk goes on behind a row that cannot be read; whether that one is due
 * nobody knows. */
static void
note_skipped(struct sweep *sweep, const char *what)
{
	uint64_t skipped = store_rows_skipped(sweep->config->archive);

	if (!skipped)
		return;
	tell(sweep, true,
	     "%s: %" PRIu64 " entr%s of the index cannot be read, so what "
	     "they are about is not deleted; 'spanrec verify' names them",
	     what, skipped, skipped == 1 ? "y" : "ies");
	note_failure(sweep, -EBADMSG);
}

/* Told once for each class. */
static void
warn_fallback(struct sweep *sweep, const char *retention)
{
	if (sweep->warned)
		return;
	sweep->warned = true;
	tell(sweep, false,
	     "the retention class '%s' is not in the policy any more; "
	     "the shortest time that is allowed holds for it",
	     retention);
}

/* ---- lists ------------------------------------------------------------- */

static int
list_add(struct list *list, const struct store_segment *segment,
	 const struct policy_clock *clock)
{
	size_t capacity = list->capacity ? 2 * list->capacity : 64;
	struct due *grown, *due;

	if (list->count == list->capacity) {
		grown = realloc(list->due, capacity * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		list->due = grown;
		list->capacity = capacity;
	}
	due = &list->due[list->count++];
	memcpy(due->id, segment->id, sizeof(due->id));
	due->due_ns = clock->due_ns;
	due->ceiling_ns = clock->ceiling_ns;
	return 0;
}

static int
compare_due(const void *a, const void *b)
{
	const struct due *x = a, *y = b;

	if (x->due_ns != y->due_ns)
		return x->due_ns < y->due_ns ? -1 : 1;
	return strcmp(x->id, y->id);
}

static void
list_sort(struct list *list)
{
	if (list->count)
		qsort(list->due, list->count, sizeof(*list->due), compare_due);
}

/* May this class have no more in the list? */
static bool
list_full(const struct sweep *sweep)
{
	const uint64_t limit = sweep->config->limit;

	return limit && !sweep->config->dry && sweep->taken >= limit &&
	       sweep->taken - limit >= SWEEP_AHEAD;
}

static bool
limit_reached(const struct sweep *sweep)
{
	const struct sweep_result *result = sweep->result;

	return sweep->full ||
	       (sweep->config->limit &&
		result->segments + result->tombstones >= sweep->config->limit);
}

static int
add_class(void *ctx, const char *retention)
{
	struct classes *classes = ctx;
	void *grown = realloc(classes->names,
			      (classes->count + 1) * sizeof(*classes->names));

	if (!grown)
		return -ENOMEM;
	classes->names = grown;
	snprintf(classes->names[classes->count++], STORE_NAME_BYTES, "%s",
		 retention);
	return 0;
}

/* ---- what is due ------------------------------------------------------- */

static void
count_deleted(struct sweep_result *result, uint32_t chunks, uint64_t bytes)
{
	result->segments++;
	result->recordings += chunks > 0;
	result->bytes += bytes;
}

/* This one is not deleted, not now. */
static void
note_left(struct sweep *sweep, const char *id, int64_t due_ns,
	  int64_t ceiling_ns)
{
	struct sweep_result *result = sweep->result;

	result->overdue += ceiling_ns <= sweep->config->now_ns;
	if (due_ns >= result->next_due_ns)
		return;
	result->next_due_ns = due_ns;
	snprintf(result->next_id, sizeof(result->next_id), "%s", id);
}

/* @return STOP: nothing is due any more behind this one; 0, -errno */
static int
look_further(const struct sweep *sweep, const struct store_segment *segment)
{
	const struct sweep_config *config = sweep->config;
	int64_t due_ns, metadata_ns;
	int rc =
	    clocks_earliest(config->clocks, config->archive, config->policy,
			    segment, &due_ns, &metadata_ns);

	if (rc)
		return rc;
	return due_ns > config->now_ns ? STOP : 0;
}

static int
take_due(struct sweep *sweep, const struct store_segment *segment,
	 const struct policy_clock *clock)
{
	const struct sweep_config *config = sweep->config;

	if (config->dry) {
		count_deleted(sweep->result, segment->chunks, segment->bytes);
		/* deleted, it is a note, which goes by its own time */
		sweep->result->tombstones +=
		    clock->metadata_ns <= config->now_ns;
		if (config->list)
			config->list(config->ctx, segment, clock);
		return 0;
	}
	if (list_full(sweep)) {
		sweep->result->more = true;
		note_left(sweep, segment->id, clock->due_ns, clock->ceiling_ns);
		return STOP;
	}
	sweep->taken++;
	return list_add(&sweep->due, segment, clock);
}

static int
see_segment(void *ctx, const struct store_segment *segment)
{
	struct sweep *sweep = ctx;
	const struct sweep_config *config = sweep->config;
	struct policy_clock clock;
	int rc = clocks_of(config->clocks, config->archive, config->policy,
			   segment, &clock);

	if (rc == -ENOENT)
		warn_fallback(sweep, segment->retention);
	else if (rc < 0)
		return rc;
	if (clock.due_ns <= config->now_ns) {
		if (segment->state == STORE_STATE_HELD)
			sweep->result->held++;
		else if (segment->state == STORE_STATE_RECORDING)
			note_left(sweep, segment->id, clock.due_ns,
				  clock.ceiling_ns);
		else
			return take_due(sweep, segment, &clock);
		return 0;
	}
	if (segment->state == STORE_STATE_HELD)
		return 0; /* the next one says what is due next */
	note_left(sweep, segment->id, clock.due_ns, clock.ceiling_ns);
	return look_further(sweep, segment);
}

/* Deleted to half: key or file may still be there. */
static int
see_pending(void *ctx, const struct store_segment *segment)
{
	struct sweep *sweep = ctx;
	const struct sweep_config *config = sweep->config;
	struct policy_clock clock;
	int rc = clocks_of(config->clocks, config->archive, config->policy,
			   segment, &clock);

	if (rc < 0 && rc != -ENOENT)
		return rc;
	return take_due(sweep, segment, &clock);
}

static void
find_pending(struct sweep *sweep)
{
	int rc =
	    store_purge_pending(sweep->config->archive, see_pending, sweep);

	note_skipped(sweep, "deletions that were begun");
	if (rc >= 0)
		return;
	tell(sweep, true, "not all deletions that were begun could be read: %s",
	     strerror(-rc));
	note_failure(sweep, rc);
}

/* What is found before an error is purged; other classes are looked at. */
static void
find_due(struct sweep *sweep)
{
	struct store_archive *archive = sweep->config->archive;
	struct classes classes = { 0 };
	size_t i;
	int rc = store_classes(archive, add_class, &classes);

	if (rc < 0) {
		tell(sweep, true,
		     "not all retention classes could be found in the "
		     "index: %s",
		     strerror(-rc));
		note_failure(sweep, rc);
	}
	for (i = 0; i < classes.count; i++) {
		const char *class = classes.names[i];

		sweep->warned = false;
		sweep->taken = 0;
		rc = store_due(archive, class, sweep->config->now_ns,
			       see_segment, sweep);
		note_skipped(sweep, *class ? class : "calls not recorded");
		if (rc >= 0)
			continue;
		tell(sweep, true,
		     "the index could not be read for all of the "
		     "retention class '%s': %s",
		     class, strerror(-rc));
		note_failure(sweep, rc);
	}
	free(classes.names);
}

/* The next of a list, as many as may go at once and the limit allows. */
static size_t
next_many(const struct sweep *sweep, const struct list *list, size_t from,
	  struct store_purge *many)
{
	const struct sweep_result *result = sweep->result;
	const uint64_t limit = sweep->config->limit;
	size_t count = list->count - from;

	if (count > STORE_PURGE_MANY)
		count = STORE_PURGE_MANY;
	if (limit && count > limit - result->segments - result->tombstones)
		count = limit - result->segments - result->tombstones;
	for (size_t i = 0; i < count; i++) {
		many[i] = (struct store_purge){ .result = 0 };
		memcpy(many[i].id, list->due[from + i].id, sizeof(many[i].id));
	}
	return count;
}

/* @param stopped what keeps all of them, and was told; 0: nothing */
static void
note_purged(struct sweep *sweep, const struct due *due,
	    const struct store_purge *one, int stopped)
{
	const int r = one->result;

	if (!r) {
		count_deleted(sweep->result, one->chunks, one->bytes);
		return;
	}
	if (r == -EPERM)
		sweep->result->held++;
	if (r == -EALREADY || r == -EPERM)
		return;
	if (r != stopped) {
		tell(sweep, true, "%s could not be deleted: %s", due->id,
		     strerror(-r));
		note_failure(sweep, r);
	}
	note_left(sweep, due->id, due->due_ns, due->ceiling_ns);
}

static void
note_stopped(struct sweep *sweep, const char *what, int error)
{
	if (!error)
		return;
	tell(sweep, true, "%s: %s", what, strerror(-error));
	note_failure(sweep, error);
	sweep->full = true;
	sweep->result->more = true;
}

static void
purge_due(struct sweep *sweep)
{
	const struct sweep_config *config = sweep->config;
	const struct due *due = sweep->due.due;
	struct store_purge many[STORE_PURGE_MANY];
	size_t i = 0, count;
	int rc;

	while (i < sweep->due.count && !limit_reached(sweep)) {
		count = next_many(sweep, &sweep->due, i, many);
		rc = store_purge_many(config->archive, many, count,
				      config->now_ns, config->actor,
				      "past its time by the policy");
		note_stopped(sweep, "what is due could not be deleted", rc);
		for (size_t j = 0; j < count; j++)
			note_purged(sweep, &due[i + j], &many[j], rc);
		i += count;
		if (config->progress)
			config->progress(config->ctx, i, sweep->due.count);
	}
	for (; i < sweep->due.count; i++) {
		sweep->result->more = true;
		note_left(sweep, due[i].id, due[i].due_ns, due[i].ceiling_ns);
	}
}

/* ---- tombstones -------------------------------------------------------- */

/* Each goes by its own clock, which counts from the start of the call. */
static int
see_tombstone(void *ctx, const struct store_segment *segment)
{
	struct sweep *sweep = ctx;
	const struct sweep_config *config = sweep->config;
	int64_t due_ns, metadata_ns;
	struct policy_clock clock;
	int rc = clocks_of(config->clocks, config->archive, config->policy,
			   segment, &clock);

	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (clock.metadata_ns > config->now_ns) {
		rc = clocks_earliest(config->clocks, config->archive,
				     config->policy, segment, &due_ns,
				     &metadata_ns);
		if (rc)
			return rc;
		return metadata_ns > config->now_ns ? STOP : 0;
	}
	if (config->dry) {
		sweep->result->tombstones++;
		if (config->list)
			config->list(config->ctx, segment, &clock);
		return 0;
	}
	if (list_full(sweep)) {
		sweep->result->more = true;
		return STOP;
	}
	sweep->taken++;
	return list_add(&sweep->over, segment, &clock);
}

static void
find_over(struct sweep *sweep)
{
	struct store_archive *archive = sweep->config->archive;
	struct classes classes = { 0 };
	size_t i;
	int rc = store_tombstone_classes(archive, add_class, &classes);

	for (i = 0; i < classes.count && rc >= 0; i++) {
		sweep->taken = 0;
		rc = store_tombstones(archive, classes.names[i],
				      sweep->config->now_ns, see_tombstone,
				      sweep);
		note_skipped(sweep, "notes of deleted calls");
	}
	free(classes.names);
	if (rc >= 0)
		return;
	tell(sweep, true, "not all notes of deleted calls could be read: %s",
	     strerror(-rc));
	note_failure(sweep, rc);
}

static void
note_forgotten(struct sweep *sweep, const struct store_purge *one, int stopped)
{
	const int r = one->result;

	if (!r) {
		sweep->result->tombstones++;
	} else if (r != stopped) {
		tell(sweep, true,
		     "%s: the note that it was deleted could not be "
		     "removed: %s",
		     one->id, strerror(-r));
		note_failure(sweep, r);
	}
}

static void
forget_over(struct sweep *sweep)
{
	struct store_purge many[STORE_PURGE_MANY];
	size_t i = 0, count;
	int rc;

	if (!limit_reached(sweep))
		find_over(sweep);
	else
		sweep->result->more = true;
	while (i < sweep->over.count && !limit_reached(sweep)) {
		count = next_many(sweep, &sweep->over, i, many);
		rc = store_forget_many(sweep->config->archive, many, count);
		note_stopped(sweep,
			     "notes of deleted calls could not be removed", rc);
		for (size_t j = 0; j < count; j++)
			note_forgotten(sweep, &many[j], rc);
		i += count;
	}
	sweep->result->more |= i < sweep->over.count;
}

/* ---- cases -------------------------------------------------------------- */

struct closed {
	const struct sweep *sweep;
	char (*names)[STORE_CASE_BYTES];
	size_t count;
};

static int
see_case(void *ctx, const struct store_case *found)
{
	struct closed *closed = ctx;
	const struct sweep_config *config = closed->sweep->config;
	void *grown;

	if (!found->closed_ns ||
	    policy_metadata_ns(config->policy, found->closed_ns) >
		config->now_ns)
		return 0;
	grown = reallocarray(closed->names, closed->count + 1,
			     sizeof(*closed->names));
	if (!grown)
		return -ENOMEM;
	closed->names = grown;
	memcpy(closed->names[closed->count++], found->name, STORE_CASE_BYTES);
	return 0;
}

/* Cases that were closed and requests that were answered, when notes of that
 * time go: a request has the numbers of who asked. */
static void
forget_cases(struct sweep *sweep)
{
	const struct sweep_config *config = sweep->config;
	struct closed closed = { .sweep = sweep };
	int rc = store_cases(config->archive, see_case, &closed);

	if (rc < 0) {
		tell(sweep, true, "not all cases could be read: %s",
		     strerror(-rc));
		note_failure(sweep, rc);
	}
	for (size_t i = 0; i < closed.count && !sweep->full; i++) {
		if (sweep->result->cases == SWEEP_CASES) {
			sweep->result->more = true;
			break;
		}
		rc = store_case_forget(config->archive, closed.names[i],
				       config->now_ns, config->actor);
		/* what was held for it is not gone: another time */
		if (rc == -EAGAIN)
			continue;
		sweep->result->cases += rc == 0;
		if (rc == 0)
			continue;
		tell(sweep, true, "case '%s' could not be removed: %s",
		     closed.names[i], strerror(-rc));
		note_failure(sweep, rc);
	}
	free(closed.names);
}

/* What stood for numbers in the ledger, in months for which no metadata is kept
 * any more. */
static void
forget_numbers(struct sweep *sweep)
{
	const struct sweep_config *config = sweep->config;
	int rc = store_pseudonyms_forget(
	    config->archive,
	    policy_metadata_over(config->policy, config->now_ns));

	if (rc >= 0)
		return;
	tell(sweep, true,
	     "keys of numbers in the ledger could not be removed: "
	     "%s",
	     strerror(-rc));
	note_failure(sweep, rc);
}

static void
watch_requests(struct sweep *sweep)
{
	const struct sweep_config *config = sweep->config;
	int rc =
	    request_watch(config->archive, policy_zone_peek(config->policy),
			  config->now_ns, &sweep->result->watch);

	if (rc < 0)
		tell(sweep, false, "not all cases and holds could be read: %s",
		     strerror(-rc));
}

int
sweep_run(const struct sweep_config *config, struct sweep_result *result)
{
	struct sweep sweep = { .config = config, .result = result };

	*result = (struct sweep_result){ .next_due_ns = INT64_MAX };
	clocks_refresh(config->clocks);
	if (!config->dry)
		find_pending(&sweep);
	find_due(&sweep);
	list_sort(&sweep.due);
	purge_due(&sweep);
	if (config->dry) {
		find_over(&sweep);
	} else {
		forget_over(&sweep);
		if (!limit_reached(&sweep))
			forget_cases(&sweep);
		if (!result->more)
			forget_numbers(&sweep);
		watch_requests(&sweep);
	}
	free(sweep.due.due);
	free(sweep.over.due);
	return sweep.worst;
}
