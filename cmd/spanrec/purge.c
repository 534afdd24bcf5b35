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

#define CALENDAR_SLACK_NS (INT64_C(32) * 86400 * 1000000000)

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

/* The oldest come first: where one is not due, none after it is. */
static int
see_segment(void *ctx, const struct store_segment *segment)
{
	struct sweep *sweep = ctx;
	struct policy_clock clock;

	(void)policy_clock(sweep->spanrec->policy, segment->retention,
			   segment->call_start_ns, &clock);
	if (clock.due_ns > sweep->now_ns)
		return 1;
	if (segment->state == STORE_STATE_PURGED ||
	    segment->state == STORE_STATE_RECORDING)
		return 0;
	if (segment->state == STORE_STATE_HELD) {
		sweep->purge->held++;
		return 0;
	}
	sweep->purge->segments++;
	sweep->purge->recordings += segment->chunks > 0;
	sweep->purge->bytes += segment->bytes;
	if (sweep->purge->dry) {
		list_due(sweep, segment, &clock);
		return 0;
	}
	return spanrec_ids_add(&sweep->due, segment->id);
}

static void
see_class(const struct sweep *sweep, const char *retention)
{
	struct policy_clock clock;

	if (policy_clock(sweep->spanrec->policy, retention, sweep->now_ns,
			 &clock) == -ENOENT)
		log_warning("the retention class '%s' is not in the policy any "
			    "more; the shortest time that is allowed holds "
			    "for it",
			    retention);
}

/* @return 0, -errno */
static int
find_due(struct sweep *sweep)
{
	size_t i;
	int rc;

	rc = store_classes(sweep->spanrec->archive, add_class, sweep);
	for (i = 0; rc >= 0 && i < sweep->classes_count; i++) {
		see_class(sweep, sweep->classes[i]);
		rc = store_due(sweep->spanrec->archive, sweep->classes[i],
			       sweep->now_ns, see_segment, sweep);
	}
	return rc < 0 ? rc : 0;
}

/* @return exit code of the worst */
static int
purge_due(struct sweep *sweep)
{
	struct spanrec *spanrec = sweep->spanrec;
	struct spanrec_purge *purge = sweep->purge;
	struct progress progress;
	char actor[STORE_NAME_BYTES];
	int rc, worst = 0;
	size_t i;

	spanrec_actor(actor);
	progress_init(&progress, "deleting");
	if (spanrec->quiet)
		progress.shown = false;
	for (i = 0; i < sweep->due.count; i++) {
		const char *id = sweep->due.ids[i];

		rc = store_purge(spanrec->archive, id, sweep->now_ns, actor,
				 "past its time by the policy");
		progress_update(&progress, i + 1, sweep->due.count);
		if (rc == -EPERM)
			purge->held++;
		if (rc == 0 || rc == -EALREADY || rc == -EPERM)
			continue;
		progress_fini(&progress);
		log_error("%s could not be deleted: %s", id, strerror(-rc));
		purge->failed++;
		worst = exit_code(rc);
	}
	progress_fini(&progress);
	return worst;
}

/* ---- tombstones -------------------------------------------------------- */

static int
see_tombstone(void *ctx, const struct store_segment *segment)
{
	struct sweep *sweep = ctx;
	struct policy_clock clock;

	if (segment->state != STORE_STATE_PURGED)
		return 0;
	(void)policy_clock(sweep->spanrec->policy, segment->retention,
			   segment->call_start_ns, &clock);
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

/* @return exit code */
static int
forget_over(struct sweep *sweep)
{
	size_t i;
	int rc = find_over(sweep);

	for (i = 0; !rc && i < sweep->over.count; i++) {
		rc = store_forget_one(sweep->spanrec->archive,
				      sweep->over.ids[i]);
		if (!rc)
			sweep->purge->tombstones++;
	}
	if (rc < 0) {
		log_error("notes of deleted calls could not be removed: %s",
			  strerror(-rc));
		return exit_code(rc);
	}
	return 0;
}

int
spanrec_purge_run(struct spanrec *spanrec, int64_t now_ns,
		  struct spanrec_purge *purge)
{
	struct sweep sweep = { .spanrec = spanrec,
			       .purge = purge,
			       .now_ns = now_ns };
	int rc, error;

	error = find_due(&sweep);
	if (error < 0) {
		log_error("the index could not be read: %s", strerror(-error));
		rc = exit_code(error);
		goto out;
	}
	rc = purge_due(&sweep);
	if (!purge->dry) {
		error = forget_over(&sweep);
		rc = rc ? rc : error;
	}
out:
	spanrec_ids_fini(&sweep.due);
	spanrec_ids_fini(&sweep.over);
	free(sweep.classes);
	return rc;
}

/* ---- the command ------------------------------------------------------- */

static void
report(const struct spanrec *spanrec, const struct spanrec_purge *purge)
{
	uint64_t gone = purge->segments - purge->failed;

	if (spanrec->quiet)
		return;
	fprintf(spanrec->out,
		"%" PRIu64 " segment%s %s, %" PRIu64 " with audio, %" PRIu64
		" bytes of it\n",
		gone, gone == 1 ? "" : "s",
		purge->dry ? "would be deleted" : "deleted", purge->recordings,
		purge->bytes);
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
	rc = spanrec_open(spanrec, purge.dry ? STORE_READ : STORE_WRITE);
	if (!rc)
		rc = when(&arguments, &now_ns);
	if (rc)
		return rc;
	rc = spanrec_purge_run(spanrec, now_ns, &purge);
	if (!rc || purge.failed)
		report(spanrec, &purge);
	return rc;
}
