/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * purge: delete what is past its time, by the clocks of the policy, class by
 * class. Due times are computed here and now, so that a change of the policy
 * holds for what is stored. Ids are collected first and deleted then, so that
 * no walk over the index meets its own deletions.
 */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/common/progress.h"

enum { DRY_RUN = 0x200, AS_OF };

#define DAY_NS            (INT64_C(86400) * 1000000000)
#define CALENDAR_SLACK_NS (32 * DAY_NS)

/** By how much due times of one class may be out of order; twice what the
 * shortest month and a zone can do. */
#define ORDER_SLACK_NS (4 * DAY_NS)

struct arguments {
	struct spanrec *spanrec;
	bool dry;
	const char *as_of;
};

static const struct argp_option options[] = {
	{ "dry-run", DRY_RUN, NULL, 0,
	  "Delete nothing; show what would be deleted", 0 },
	{ "as-of", AS_OF, "T", 0,
	  "With --dry-run: what would be deleted at T, such as 2027-01-31", 0 },
	{ 0 },
};

static const char doc[] =
    "Delete what the policy says must be gone: its key is overwritten, its "
    "file removed, and a certificate goes into the ledger. A note that there "
    "was a call remains until its own time is over.\v"
    "Due times are ten minutes before a recording must be gone: let cron or "
    "a timer run this every five minutes. It refuses to work beside another "
    "process that writes to the archive.\n\n"
    "Examples:\n"
    "  spanrec purge --dry-run\n"
    "  spanrec purge --dry-run --as-of 2027-01-31\n"
    "  spanrec purge\n";

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case DRY_RUN:
		arguments->dry = true;
		return 0;
	case AS_OF:
		arguments->as_of = value;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state,
			   "purge goes by the clocks alone; it takes "
			   "no '%s'",
			   value);
		return EINVAL;
	case ARGP_KEY_END:
		if (arguments->as_of && !arguments->dry)
			argp_error(state, "--as-of needs --dry-run: nothing is "
					  "deleted before its time");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- one sweep --------------------------------------------------------- */

/* The class that is swept, and what was found in it. */
struct sweep {
	struct spanrec *spanrec;
	struct spanrec_purge *purge;
	int64_t now_ns;
	char (*classes)[STORE_NAME_BYTES];
	size_t classes_count;
	bool warned; /**< of this class */
	int worst;   /**< exit code */
	struct spanrec_ids due;
	struct spanrec_ids over; /**< tombstones whose own time is over */
};

static int
add_class(void *ctx, const char *retention)
{
	struct sweep *sweep = ctx;
	void *grown = reallocarray(sweep->classes, sweep->classes_count + 1,
				   sizeof(*sweep->classes));

	if (!grown)
		return -ENOMEM;
	sweep->classes = grown;
	snprintf(sweep->classes[sweep->classes_count++], STORE_NAME_BYTES, "%s",
		 retention);
	return 0;
}

static void
list_due(struct sweep *sweep, const struct store_segment *segment,
	 const struct policy_clock *clock)
{
	const struct spanrec *spanrec = sweep->spanrec;
	char due[SPANREC_TIME_BYTES], name[SPANREC_TEXT_BYTES];

	spanrec_time_local(spanrec->zone, clock->due_ns, due);
	fprintf(spanrec->out, "%s  due %s  %s, %s, %" PRIu64 " bytes\n",
		segment->id, due,
		spanrec_text_clean(segment->retention, name, sizeof(name)),
		spanrec_segment_state(segment), segment->bytes);
}

/* What cannot be done is counted, and the rest is done all the same. */
static void
note_failure(struct sweep *sweep, int error)
{
	sweep->purge->failed++;
	if (exit_code(error) == EXIT_DAMAGED)
		sweep->worst = EXIT_DAMAGED;
	else if (!sweep->worst)
		sweep->worst = EXIT_FAILED;
}

/* The walk goes on behind a row that cannot be read; whether that one is due
 * nobody knows. */
static void
note_skipped(struct sweep *sweep, const char *what)
{
	uint64_t skipped = store_rows_skipped(sweep->spanrec->archive);

	if (!skipped)
		return;
	log_error("%s: %" PRIu64 " entr%s of the index cannot be read, so what "
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
	log_warning("the retention class '%s' is not in the policy any more; "
		    "the shortest time that is allowed holds for it",
		    retention);
}

static void
count_deleted(struct spanrec_purge *purge, const struct store_segment *segment)
{
	purge->segments++;
	purge->recordings += segment->chunks > 0;
	purge->bytes += segment->bytes;
}

/*
 * Is nothing due any more behind this one? Rows come by the start of the call,
 * and due times nearly so: months are clamped to their last day, clocks go back
 * an hour, zones move by a day. A class that the policy does not know has
 * segments of several policies, or a ceiling now of this class and now of that;
 * there is no order.
 */
static bool
is_far(const struct sweep *sweep, const struct store_segment *segment,
       const struct policy_clock *clock, int known)
{
	return known == 0 && *segment->retention &&
	       spanrec_span_ns(sweep->now_ns, clock->due_ns) > ORDER_SLACK_NS;
}

static int
see_segment(void *ctx, const struct store_segment *segment)
{
	struct sweep *sweep = ctx;
	struct policy_clock clock;
	int rc;

	if (segment->state == STORE_STATE_PURGED ||
	    segment->state == STORE_STATE_RECORDING)
		return 0;
	rc = spanrec_clock(sweep->spanrec, segment, &clock);
	if (rc == -ENOMEM)
		return rc;
	if (rc == -ENOENT)
		warn_fallback(sweep, segment->retention);
	if (clock.due_ns > sweep->now_ns)
		return is_far(sweep, segment, &clock, rc);
	if (segment->state == STORE_STATE_HELD) {
		sweep->purge->held++;
		return 0;
	}
	if (sweep->purge->dry) {
		count_deleted(sweep->purge, segment);
		list_due(sweep, segment, &clock);
		return 0;
	}
	return spanrec_ids_add(&sweep->due, segment->id);
}

/* What is found before an error is purged; other classes are looked at. */
static void
find_due(struct sweep *sweep)
{
	struct store_archive *archive = sweep->spanrec->archive;
	size_t i;
	int rc = store_classes(archive, add_class, sweep);

	if (rc < 0) {
		log_error("not all retention classes could be found in the "
			  "index: %s",
			  strerror(-rc));
		note_failure(sweep, rc);
	}
	for (i = 0; i < sweep->classes_count; i++) {
		const char *class = sweep->classes[i];

		sweep->warned = false;
		rc = store_due(archive, class, sweep->now_ns, see_segment,
			       sweep);
		note_skipped(sweep, *class ? class : "calls not recorded");
		if (rc >= 0)
			continue;
		log_error("the index could not be read for all of the "
			  "retention class '%s': %s",
			  class, strerror(-rc));
		note_failure(sweep, rc);
	}
}

/* @return 0, -errno */
static int
purge_one(struct sweep *sweep, const char *id, const char *actor)
{
	struct store_archive *archive = sweep->spanrec->archive;
	struct store_segment segment;
	int rc = store_segment_get(archive, id, &segment);

	if (!rc)
		rc = store_purge(archive, id, sweep->now_ns, actor,
				 "past its time by the policy");
	if (rc == -EPERM)
		sweep->purge->held++;
	if (rc == -EALREADY || rc == -EPERM)
		return 0;
	if (!rc)
		count_deleted(sweep->purge, &segment);
	return rc;
}

static void
purge_due(struct sweep *sweep)
{
	struct progress progress;
	char actor[STORE_NAME_BYTES];
	size_t i;
	int rc;

	spanrec_actor(actor);
	progress_init(&progress, "deleting");
	if (sweep->spanrec->quiet)
		progress.shown = false;
	for (i = 0; i < sweep->due.count; i++) {
		rc = purge_one(sweep, sweep->due.ids[i], actor);
		progress_update(&progress, i + 1, sweep->due.count);
		if (!rc)
			continue;
		progress_fini(&progress);
		log_error("%s could not be deleted: %s", sweep->due.ids[i],
			  strerror(-rc));
		note_failure(sweep, rc);
	}
	progress_fini(&progress);
}

/* ---- tombstones -------------------------------------------------------- */

static int
see_tombstone(void *ctx, const struct store_segment *segment)
{
	struct sweep *sweep = ctx;
	struct policy_clock clock;

	if (segment->state != STORE_STATE_PURGED)
		return 0;
	if (spanrec_clock(sweep->spanrec, segment, &clock) == -ENOMEM)
		return -ENOMEM;
	if (clock.metadata_ns > sweep->now_ns)
		return 0;
	return spanrec_ids_add(&sweep->over, segment->id);
}

/*
 * Each tombstone goes by its own clock, which counts from the start of the
 * call. So only calls that began long ago are looked at: longer ago than the
 * clock runs for a call of now, less the few days by which months differ.
 */
static int
find_over(struct sweep *sweep)
{
	struct store_query query = { .purged = true };
	struct policy_clock clock;

	(void)policy_clock(sweep->spanrec->policy, "", sweep->now_ns, &clock);
	query.to_ns = sweep->now_ns - (clock.metadata_ns - sweep->now_ns) +
		      CALENDAR_SLACK_NS;
	return store_search(sweep->spanrec->archive, &query, see_tombstone,
			    sweep);
}

static void
forget_over(struct sweep *sweep)
{
	size_t i;
	int rc = find_over(sweep);

	note_skipped(sweep, "notes of deleted calls");
	if (rc < 0) {
		log_error("not all notes of deleted calls could be read: %s",
			  strerror(-rc));
		note_failure(sweep, rc);
	}
	for (i = 0; i < sweep->over.count; i++) {
		rc = store_forget_one(sweep->spanrec->archive,
				      sweep->over.ids[i]);
		if (!rc) {
			sweep->purge->tombstones++;
			continue;
		}
		log_error("%s: the note that it was deleted could not be "
			  "removed: %s",
			  sweep->over.ids[i], strerror(-rc));
		note_failure(sweep, rc);
	}
}

int
spanrec_purge_run(struct spanrec *spanrec, int64_t now_ns,
		  struct spanrec_purge *purge)
{
	struct sweep sweep = { .spanrec = spanrec,
			       .purge = purge,
			       .now_ns = now_ns };

	find_due(&sweep);
	purge_due(&sweep);
	if (!purge->dry)
		forget_over(&sweep);
	spanrec_ids_fini(&sweep.due);
	spanrec_ids_fini(&sweep.over);
	free(sweep.classes);
	return sweep.worst;
}

/* ---- the command ------------------------------------------------------- */

static void
report(const struct spanrec *spanrec, const struct spanrec_purge *purge)
{
	uint64_t gone = purge->segments;

	if (spanrec->quiet)
		return;
	fprintf(spanrec->out,
		"%" PRIu64 " segment%s %s, %" PRIu64 " with audio, %" PRIu64
		" bytes of it\n",
		gone, gone == 1 ? "" : "s",
		purge->dry ? "would be deleted" : "deleted", purge->recordings,
		purge->bytes);
	if (purge->failed)
		fprintf(spanrec->out,
			"%" PRIu64 " error%s: not all that is due is gone\n",
			purge->failed, purge->failed == 1 ? "" : "s");
	if (purge->held)
		fprintf(spanrec->out, "%" PRIu64 " held, not deleted\n",
			purge->held);
	if (purge->tombstones)
		fprintf(spanrec->out,
			"%" PRIu64 " notes of deleted calls removed, their "
			"time was over too\n",
			purge->tombstones);
}

/* @return exit code */
static int
when(const struct arguments *arguments, int64_t *now_ns)
{
	const struct spanrec *spanrec = arguments->spanrec;
	struct spanrec_period period;

	*now_ns = spanrec->now_ns;
	if (!arguments->as_of)
		return 0;
	if (spanrec_period_parse(arguments->as_of, spanrec->zone,
				 spanrec->now_ns, &period)) {
		log_error("--as-of '%s' is no time; write 2027-01-31 or "
			  "\"2027-01-31 14:15\"",
			  arguments->as_of);
		return EXIT_USAGE;
	}
	*now_ns = period.to_ns;
	return 0;
}

int
spanrec_purge(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	struct spanrec_purge purge = { 0 };
	int64_t now_ns;
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	purge.dry = arguments.dry;
	rc = spanrec_open(spanrec, purge.dry ? STORE_READ : STORE_PURGE);
	if (!rc)
		rc = when(&arguments, &now_ns);
	if (rc)
		return rc;
	rc = spanrec_purge_run(spanrec, now_ns, &purge);
	report(spanrec, &purge);
	return rc;
}
