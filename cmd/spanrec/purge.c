/* SPDX-License-Identifier: GPL-3.0-or-later */
/* purge: one sweep by hand, or what it would delete. While a recorder runs, it
 * makes the sweep. */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "cmd/common/backups.h"
#include "cmd/common/control.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/common/progress.h"
#include "cmd/common/sweep.h"

enum { DRY_RUN = 0x200, AS_OF, CLOCK_IS_RIGHT };

struct arguments {
	struct spanrec *spanrec;
	bool dry;
	const char *as_of;
	bool clock_is_right;
};

static const struct argp_option options[] = {
	{ "dry-run", DRY_RUN, NULL, 0,
	  "Delete nothing; show what would be deleted", 0 },
	{ "as-of", AS_OF, "T", 0,
	  "With --dry-run: what would be deleted at T, such as 2027-01-31", 0 },
	{ "clock-is-right", CLOCK_IS_RIGHT, NULL, 0,
	  "Go by the clock though it was set: you have looked at it, and the "
	  "ledger says that you did",
	  0 },
	{ 0 },
};

static const char doc[] =
    "Delete what the policy says must be gone: its key is overwritten, its "
    "file removed, and a certificate goes into the ledger. A note that there "
    "was a call remains until its own time is over.\v"
    "A clock that was set back, is far ahead of the last purge, or is not "
    "synchronised where the policy wants that, is not gone by: see spanrec(1)."
    "\n\n"
    "Due times are ten minutes before a recording must be gone: let cron or "
    "a timer run this every five minutes. While a recorder runs, it is asked to "
    "do it; beside another process that writes to the archive, nothing is "
    "deleted.\n\n"
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
	case CLOCK_IS_RIGHT:
		arguments->clock_is_right = true;
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
		if (arguments->clock_is_right && arguments->dry)
			argp_error(state, "--clock-is-right is for what is "
					  "deleted, not with --dry-run");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- while it goes on -------------------------------------------------- */

struct shown {
	const struct spanrec *spanrec;
	struct progress progress;
	uint64_t recordings; /* dry: listed */
	int64_t now_ns;      /* dry: as of */
};

static void
list_due(void *ctx, const struct store_segment *segment,
	 const struct policy_clock *clock)
{
	struct shown *shown = ctx;
	const struct spanrec *spanrec = shown->spanrec;
	char due[SPANREC_TIME_BYTES], name[SPANREC_TEXT_BYTES];

	/* Of what was never recorded there is nothing to delete, but the note
	 * of it, when that time is over. */
	if (!spanrec_segment_recorded(segment) ||
	    segment->state == STORE_STATE_PURGED) {
		if (clock->metadata_ns > shown->now_ns)
			return;
		spanrec_time_local(spanrec->zone, clock->metadata_ns, due);
		fprintf(spanrec->out, "%s  due %s  note of %s call\n",
			segment->id, due,
			segment->state == STORE_STATE_PURGED ? "a deleted"
							     : "an unrecorded");
		return;
	}
	shown->recordings++;
	spanrec_time_local(spanrec->zone, clock->due_ns, due);
	fprintf(spanrec->out, "%s  due %s  %s%s%s, %" PRIu64 " bytes\n",
		segment->id, due,
		spanrec_text_clean(segment->retention, name, sizeof(name)),
		*segment->retention ? ", " : "", spanrec_segment_state(segment),
		segment->bytes);
}

static void
show_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct shown *shown = ctx;

	progress_update(&shown->progress, done, total);
}

static void
tell(void *ctx, bool error, const char *words)
{
	struct shown *shown = ctx;

	progress_fini(&shown->progress);
	if (error)
		log_error("%s", words);
	else
		log_warning("%s", words);
}

/* @return exit code */
static int
sweep(struct spanrec *spanrec, int64_t now_ns, bool dry, struct shown *shown,
      struct sweep_result *result)
{
	char actor[STORE_NAME_BYTES];
	struct sweep_config config = { .archive = spanrec->archive,
				       .policy = spanrec->policy,
				       .clocks = spanrec->clocks,
				       .now_ns = now_ns,
				       .actor = actor,
				       .dry = dry,
				       .ctx = shown,
				       .list = list_due,
				       .progress = show_progress,
				       .tell = tell };
	int rc;

	shown->now_ns = now_ns;
	spanrec_actor(actor);
	progress_init(&shown->progress, "deleting");
	if (spanrec->quiet)
		shown->progress.shown = false;
	rc = sweep_run(&config, result);
	progress_fini(&shown->progress);
	if (rc && exit_code(rc) != EXIT_DAMAGED)
		return EXIT_FAILED;
	return exit_code(rc);
}

/* ---- the clock ---------------------------------------------------------- */

#define EXIT_REFUSED 256 /* by the guard: never the exit code of a program */

/* @return exit code */
static int
keep_pulse(struct spanrec *spanrec, const struct store_pulse *pulse,
	   struct store_ledger_entry *entry)
{
	int rc = store_pulse_put(spanrec->archive, pulse, entry);

	if (!rc)
		return 0;
	log_error("what the purge came to could not be noted in the archive: "
		  "%s",
		  strerror(-rc));
	return exit_code(rc);
}

/* Somebody looked at the clock. @return exit code */
static int
confirm_clock(struct spanrec *spanrec, struct store_pulse *pulse,
	      const struct guard_reading *clock)
{
	struct store_ledger_entry entry = { .time_ns = spanrec->now_ns,
					    .action = "clock",
					    .detail = GUARD_CONFIRMED };

	spanrec_actor(entry.actor);
	guard_confirm(pulse, clock);
	return keep_pulse(spanrec, pulse, &entry);
}

/* @return exit code, or EXIT_REFUSED */
static int
sweep_guarded(struct spanrec *spanrec, bool clock_is_right, struct shown *shown,
	      struct sweep_result *purge)
{
	bool synchronised = policy_clock_synchronised(spanrec->policy);
	enum guard_verdict verdict;
	struct guard_reading clock;
	struct store_pulse pulse;
	int rc = store_pulse_get(spanrec->archive, &pulse), noted;

	if (rc && rc != -ENOENT)
		log_warning("when the clock was trusted last cannot be read: "
			    "%s",
			    strerror(-rc));
	if (spanrec->clocks_read)
		clock = *spanrec->clocks_read;
	else
		guard_read(&clock);
	rc = clock_is_right ? confirm_clock(spanrec, &pulse, &clock) : 0;
	if (rc)
		return EXIT_REFUSED;
	verdict = guard_decide(&pulse, &clock, synchronised);
	if (verdict != GUARD_TRUSTED) {
		log_error("%s", guard_text(verdict));
		guard_note(&pulse, clock.wall_ns, verdict, NULL, 0);
		(void)keep_pulse(spanrec, &pulse, NULL);
		return EXIT_REFUSED;
	}
	guard_trust(&pulse, &clock);
	rc = sweep(spanrec, clock.wall_ns, false, shown, purge);
	guard_note(&pulse, clock.wall_ns, verdict, purge, rc);
	noted = keep_pulse(spanrec, &pulse, NULL);
	return rc ? rc : noted;
}

/* ---- the command ------------------------------------------------------- */

static void
report_gone(const struct spanrec *spanrec, const struct sweep_result *purge)
{
	uint64_t gone = purge->segments;

	fprintf(spanrec->out,
		"%" PRIu64 " segment%s deleted, %" PRIu64
		" with audio, %" PRIu64 " bytes of it\n",
		gone, gone == 1 ? "" : "s", purge->recordings, purge->bytes);
}

static void
report_dry(const struct spanrec *spanrec, const struct sweep_result *purge,
	   uint64_t recordings)
{
	uint64_t rest = purge->segments - recordings;

	fprintf(spanrec->out,
		"%" PRIu64 " recording%s would be deleted, %" PRIu64
		" bytes of audio\n",
		recordings, recordings == 1 ? "" : "s", purge->bytes);
	if (rest)
		fprintf(spanrec->out,
			"%" PRIu64 " segment%s without a recording would be "
			"marked as a note, which stays until its own time is "
			"over\n",
			rest, rest == 1 ? "" : "s");
}

static void
report(const struct spanrec *spanrec, const struct sweep_result *purge,
       const struct shown *dry)
{
	if (spanrec->quiet)
		return;
	if (dry)
		report_dry(spanrec, purge, dry->recordings);
	else
		report_gone(spanrec, purge);
	if (purge->failed)
		fprintf(spanrec->out,
			"%" PRIu64 " error%s: not all that is due is gone\n",
			purge->failed, purge->failed == 1 ? "" : "s");
	if (purge->held)
		fprintf(spanrec->out, "%" PRIu64 " held, not deleted\n",
			purge->held);
	if (purge->tombstones)
		fprintf(spanrec->out,
			"%" PRIu64 " note%s of deleted calls %sremoved, %s "
			"time %s over too\n",
			purge->tombstones, purge->tombstones == 1 ? "" : "s",
			dry ? "would be " : "",
			purge->tombstones == 1 ? "its" : "their",
			dry ? "is" : "was");
	if (purge->cases)
		fprintf(spanrec->out,
			"%" PRIu64 " closed case%s removed, %s time was over "
			"too\n",
			purge->cases, purge->cases == 1 ? "" : "s",
			purge->cases == 1 ? "its" : "their");
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

/* What would be deleted now is not, while the clock is not trusted. */
static void
tell_clock(const struct spanrec *spanrec)
{
	enum guard_verdict verdict;
	struct guard_reading clock;
	struct store_pulse pulse;
	int rc = store_pulse_get(spanrec->archive, &pulse);

	if (rc && rc != -ENOENT)
		return;
	if (spanrec->clocks_read)
		clock = *spanrec->clocks_read;
	else
		guard_read(&clock);
	verdict = guard_decide(&pulse, &clock,
			       policy_clock_synchronised(spanrec->policy));
	if (verdict != GUARD_TRUSTED)
		fprintf(spanrec->out, "a purge would delete nothing now: %s\n",
			guard_text(verdict));
}

/* The recorder makes the sweep, and has said in its log what failed.
 * @return exit code */
static int
ask_sweep(struct spanrec *spanrec, bool clock_is_right)
{
	json_t *answer, *request = json_pack("{ss}", "op", "purge");
	struct sweep_result purge = { 0 };
	int rc;

	if (clock_is_right &&
	    json_object_set_new(request, "clock_is_right", json_true())) {
		json_decref(request);
		request = NULL;
	}
	rc = spanrec_ask(spanrec, request, CONTROL_PURGE_TIMEOUT_MS, &answer);

	if (rc)
		return rc;
	purge.segments = spanrec_json_count(answer, "segments");
	purge.recordings = spanrec_json_count(answer, "recordings");
	purge.bytes = spanrec_json_count(answer, "bytes");
	purge.tombstones = spanrec_json_count(answer, "tombstones");
	purge.cases = spanrec_json_count(answer, "cases");
	purge.held = spanrec_json_count(answer, "held");
	purge.failed = spanrec_json_count(answer, "failed");
	json_decref(answer);
	report(spanrec, &purge, NULL);
	if (!purge.failed)
		return 0;
	log_error("the recorder could not delete all that is due; its log "
		  "says why");
	return EXIT_FAILED;
}

/* Whoever edits the file may wonder why nothing goes earlier. */
static void
warn_edited(const struct spanrec *spanrec)
{
	uint8_t applied[STORE_HASH_BYTES], hash[STORE_HASH_BYTES];
	char *text;
	size_t n;

	if (store_policy_applied(spanrec->archive, applied) ||
	    home_file_read(spanrec->home.policy_path, &text, &n))
		return;
	store_hash(hash, text, n);
	free(text);
	if (memcmp(hash, applied, sizeof(hash)) != 0)
		log_warning("%s is not the policy that was applied last; "
			    "nothing is deleted earlier than by that one "
			    "('spanrec policy apply' puts another in force)",
			    spanrec->home.policy_path);
}

int
spanrec_purge(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	struct shown shown = { .spanrec = spanrec };
	struct backups told = { .last = { 0 } };
	struct sweep_result purge;
	int64_t now_ns;
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	rc = arguments.dry ? spanrec_open(spanrec, STORE_READ)
			   : spanrec_open_beside(spanrec, STORE_PURGE);
	if (!rc)
		rc = spanrec_may_all(spanrec, POLICY_RIGHT_DELETE);
	if (!rc && spanrec->beside)
		return ask_sweep(spanrec, arguments.clock_is_right);
	if (!rc)
		rc = when(&arguments, &now_ns);
	if (rc)
		return rc;
	warn_edited(spanrec);
	if (arguments.dry && !arguments.as_of)
		tell_clock(spanrec);
	if (arguments.dry)
		rc = sweep(spanrec, now_ns, true, &shown, &purge);
	else
		rc = sweep_guarded(spanrec, arguments.clock_is_right, &shown,
				   &purge);
	if (rc != EXIT_REFUSED)
		report(spanrec, &purge, arguments.dry ? &shown : NULL);
	/* Those that cannot be reached are told another time. */
	if (!arguments.dry)
		(void)backups_follow(&told, spanrec->archive, &spanrec->home,
				     spanrec->now_ns);
	return rc == EXIT_REFUSED ? EXIT_FAILED : rc;
}
