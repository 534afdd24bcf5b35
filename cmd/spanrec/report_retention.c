/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * report retention: what is kept by which clock, and whether it is as it
 * should be: nothing past its ceiling, nothing gone before its floor. What gave
 * way on a full disk went before its time, and not before its floor.
 *
 * What the floor of a recording was is asked of the policy of today and of the
 * one that decided: a floor that was made longer since breaks no promise.
 */
#include "cmd/spanrec/report_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cmd/common/clocks.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/common/request.h"
#include "store/cases.h"

#define DAY_NS    (INT64_C(86400) * 1000000000)
#define SOON_DAYS 7
#define DAYS_MAX  36500

enum { LIST = 0x200, DAYS };

struct arguments {
	struct spanrec_report report;
	const char *days;
	bool list;
};

static const struct argp_option options[] = {
	{ "list", LIST, NULL, 0,
	  "Each recording that is overdue, damaged, deleted before its floor, "
	  "for room on the disk or to half, held, due now or soon, instead of a "
	  "line for each class",
	  0 },
	{ "days", DAYS, "N", 0, "Soon is within N days (7)", 0 },
	{ 0 },
};

static const char doc[] =
    "Show for each retention class how many recordings there are, the oldest "
    "one, how many are held, due now, due soon, and what must not be: "
    "past their ceiling, deleted before their floor or to half, or held though "
    "the day is past on which that was to be looked at again; and how many gave "
    "way, as the policy says, when the disk was full.\v"
    "What is in brackets is no retention class: notes of calls that were not "
    "recorded, or whose recording is deleted; they go by a time of their own.\n\n"
    "Examples:\n"
    "  spanrec report retention\n"
    "  spanrec report retention --list --days 14\n"
    "  spanrec report retention --csv --out retention.csv\n";

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->report;
		return 0;
	case LIST:
		arguments->list = true;
		return 0;
	case DAYS:
		arguments->days = value;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "report retention takes no '%s'", value);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- one segment --------------------------------------------------------- */

enum finding {
	FINE,
	SOON,
	DUE,
	HELD,
	REVIEW,
	GAVE_WAY,
	EARLY,
	DAMAGED,
	UNFINISHED,
	OVERDUE,
	FINDINGS
};

static const char *const finding_words[FINDINGS] = {
	[SOON] = "due soon",
	[DUE] = "due now",
	[HELD] = "held",
	[REVIEW] = "held, review is due",
	[GAVE_WAY] = "gave way: the disk was full",
	[EARLY] = "deleted before its floor",
	[DAMAGED] = "damaged",
	[UNFINISHED] = "deletion not finished",
	[OVERDUE] = "overdue",
};

struct class
{
	char name[STORE_NAME_BYTES];
	uint64_t recordings, bytes; /* of "" notes */
	uint64_t found[FINDINGS];
	int64_t oldest_ns, next_ns; /* 0: none */
};

struct survey {
	const struct arguments *arguments;
	struct spanrec *spanrec;
	int64_t soon_ns;
	struct class *classes;
	size_t count;
	json_t *rows;    /* of --list */
	json_t *damaged; /* words by id: what verify found */
};

static struct class *
class_of(struct survey *survey, const char *name)
{
	struct class *grown;

	for (size_t i = 0; i < survey->count; i++)
		if (!strcmp(survey->classes[i].name, name))
			return &survey->classes[i];
	grown =
	    reallocarray(survey->classes, survey->count + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	survey->classes = grown;
	grown += survey->count++;
	memset(grown, 0, sizeof(*grown));
	snprintf(grown->name, sizeof(grown->name), "%s", name);
	return grown;
}

/* Was it there to be heard, or listened to by nobody, before it went? */
static bool
was_kept(const struct store_segment *segment)
{
	return segment->chunks && (segment->decision == STORE_RECORD ||
				   segment->decision == STORE_LISTEN_DENY);
}

/* Was it to be there still when it was deleted? What a decision took back was
 * never to be kept. @return 1, 0, -errno */
static int
is_early(const struct survey *survey, const struct store_segment *segment,
	 int64_t floor_ns)
{
	struct spanrec *spanrec = survey->spanrec;
	const struct policy *policy;
	struct policy_clock then;
	int r;

	if (!was_kept(segment))
		return 0;
	if (segment->purged_ns < segment->not_before_ns)
		return 1;
	if (segment->purged_ns >= floor_ns)
		return 0;
	r = clocks_policy(spanrec->clocks, spanrec->archive, segment->policy,
			  &policy);
	if (r || !policy)
		return r ? r : 1;
	r = clocks_of(spanrec->clocks, spanrec->archive, policy, segment,
		      &then);
	/* a class that came with a hold may be newer than that policy */
	if (r == -ENOENT)
		return 1;
	return r < 0 ? r : segment->purged_ns < then.floor_ns;
}

static int
see_review(void *ctx, const struct store_hold *hold)
{
	const struct spanrec *spanrec = ctx;

	return !hold->ended_ns && hold->review_ns <= spanrec->now_ns;
}

/* @return enum finding, -errno */
static int
judge_held(const struct survey *survey, const struct store_segment *segment)
{
	int r = store_holds(survey->spanrec->archive, NULL, segment->id,
			    see_review, survey->spanrec);

	return r < 0 ? r : r ? REVIEW : HELD;
}

/* @return enum finding, -errno */
static int
judge(const struct survey *survey, const struct store_segment *segment,
      const struct spanrec_until *until)
{
	const int64_t now_ns = survey->spanrec->now_ns;
	int r;

	switch (segment->state) {
	case STORE_STATE_PURGED:
		r = is_early(survey, segment, until->floor_ns);
		if (r)
			return r < 0 ? r : EARLY;
		return segment->gave_way ? GAVE_WAY : FINE;
	case STORE_STATE_HELD:
		return judge_held(survey, segment);
	default:
		break;
	}
	if (until->ceiling_ns <= now_ns)
		return OVERDUE;
	if (segment->state == STORE_STATE_DAMAGED)
		return DAMAGED;
	if (until->due_ns <= now_ns)
		return DUE;
	return until->due_ns <= survey->soon_ns ? SOON : FINE;
}

/* The note of a call: when its time is over, the next purge removes it. */
static enum finding
judge_note(const struct survey *survey, int64_t note_ns)
{
	const int64_t late_ns =
	    spanrec_span_ns(note_ns, survey->spanrec->now_ns);

	if (late_ns >= CLOCKS_MARGIN_NS)
		return OVERDUE;
	if (late_ns >= 0)
		return DUE;
	return note_ns <= survey->soon_ns ? SOON : FINE;
}

struct reasons {
	const struct spanrec *spanrec;
	char text[512];
};

static int
add_reason(void *ctx, const struct store_hold *hold)
{
	struct reasons *reasons = ctx;
	size_t used = strlen(reasons->text);
	char review[SPANREC_TIME_BYTES];

	if (hold->ended_ns)
		return 0;
	spanrec_time_local(reasons->spanrec->zone, hold->review_ns, review);
	(void)!snprintf(reasons->text + used, sizeof(reasons->text) - used,
			"%s%s %s: %s (review %.10s)", used ? "; " : "",
			*hold->approver ? "case" : "request", hold->name,
			hold->reason, review);
	return 0;
}

/* @param reasons empty where it is neither held nor found damaged */
static int
why(const struct survey *survey, const struct store_segment *segment,
    enum finding finding, struct reasons *reasons)
{
	*reasons = (struct reasons){ .spanrec = survey->spanrec };
	if (finding == DAMAGED) {
		(void)!snprintf(
		    reasons->text, sizeof(reasons->text), "%s",
		    spanrec_json_text(survey->damaged, segment->id));
		return 0;
	}
	if (segment->state != STORE_STATE_HELD)
		return 0;
	return store_holds(survey->spanrec->archive, NULL, segment->id,
			   add_reason, reasons);
}

static int
add_row(struct survey *survey, const struct store_segment *segment,
	const char *class, const struct spanrec_until *until,
	enum finding finding)
{
	struct reasons reasons;
	int r = why(survey, segment, finding, &reasons);
	json_t *row;

	if (r)
		return r;
	row = json_object();
	if (!row)
		return -ENOMEM;
	if (spanrec_json_set(row, "id", segment->id) |
	    spanrec_json_set(row, "class", class) |
	    spanrec_json_set(row, "finding", finding_words[finding]) |
	    spanrec_json_set(row, "why", reasons.text) |
	    spanrec_report_time(row, "start", segment->call_start_ns) |
	    spanrec_report_time(row, "floor", until->floor_ns) |
	    spanrec_report_time(row, "due", until->due_ns) |
	    spanrec_report_time(row, "ceiling", until->ceiling_ns) |
	    spanrec_report_time(row, "deleted", segment->purged_ns) |
	    spanrec_report_count(row, "bytes", segment->bytes)) {
		json_decref(row);
		return -ENOMEM;
	}
	return json_array_append_new(survey->rows, row) ? -ENOMEM : 0;
}

/* @param due_ns 0: not as things are */
static void
count(struct class *class, const struct store_segment *segment, uint64_t bytes,
      int64_t due_ns)
{
	class->recordings++;
	class->bytes += bytes;
	if (!class->oldest_ns || segment->call_start_ns < class->oldest_ns)
		class->oldest_ns = segment->call_start_ns;
	if (due_ns && (!class->next_ns || due_ns < class->next_ns))
		class->next_ns = due_ns;
}

static int
note_finding(struct survey *survey, const char *class,
	     const struct store_segment *segment,
	     const struct spanrec_until *until, enum finding finding)
{
	struct class *counted = class_of(survey, class);

	if (!counted)
		return -ENOMEM;
	counted->found[finding]++;
	return survey->rows && finding != FINE
		   ? add_row(survey, segment, class, until, finding)
		   : 0;
}

static int
see_recording(struct survey *survey, const struct store_segment *segment,
	      const struct spanrec_until *until)
{
	struct class *class = class_of(survey, segment->retention);
	int r;

	if (!class)
		return -ENOMEM;
	if (segment->state != STORE_STATE_PURGED)
		count(class, segment, segment->bytes, until->due_ns);
	r = judge(survey, segment, until);
	if (r < 0)
		return r;
	/* held or due it can be all the same */
	if (r != DAMAGED && segment->state != STORE_STATE_PURGED &&
	    json_object_get(survey->damaged, segment->id)) {
		int error = note_finding(survey, segment->retention, segment,
					 until, DAMAGED);

		if (error)
			return error;
	}
	return note_finding(survey, segment->retention, segment, until,
			    (enum finding)r);
}

/* All that there is of a call. */
static int
see_note(struct survey *survey, const struct store_segment *segment,
	 int64_t note_ns)
{
	const struct spanrec_until until = { .due_ns = note_ns };
	struct class *class = class_of(survey, "");

	if (!class)
		return -ENOMEM;
	count(class, segment, 0, note_ns);
	return note_finding(survey, "", segment, &until,
			    judge_note(survey, note_ns));
}

static int
see(void *ctx, const struct store_segment *segment)
{
	const bool recorded = spanrec_segment_recorded(segment);
	struct survey *survey = ctx;
	struct spanrec_until until;
	int r = spanrec_until(survey->spanrec, segment, &until);

	if (r < 0 && r != -ENOENT)
		return r;
	r = recorded ? see_recording(survey, segment, &until) : 0;
	if (!r && (!recorded || segment->state == STORE_STATE_PURGED))
		r = see_note(survey, segment, until.note_ns);
	return r;
}

/* Deleted to half: the index says that it is gone, and key or file may be there
 * still. */
static int
see_pending(void *ctx, const struct store_segment *segment)
{
	struct survey *survey = ctx;
	struct spanrec_until until;
	int r = spanrec_until(survey->spanrec, segment, &until);

	if (r < 0 && r != -ENOENT)
		return r;
	return note_finding(survey, segment->retention, segment, &until,
			    UNFINISHED);
}

/* ---- a line for each class ----------------------------------------------- */

enum {
	CLASS,
	RECORDINGS,
	BYTES,
	OLDEST,
	IS_HELD,
	REVIEW_DUE,
	IS_DUE,
	DUE_SOON,
	IS_OVERDUE,
	IS_EARLY,
	WENT_FOR_ROOM,
	IS_UNFINISHED,
	IS_DAMAGED,
	NEXT
};

static const char *const class_headings[] = {
	"CLASS",      "RECORDINGS",   "MIB",      "OLDEST",   "HELD",
	"REVIEW DUE", "DUE NOW",      "DUE SOON", "OVERDUE",  "BELOW FLOOR",
	"GAVE WAY",   "NOT FINISHED", "DAMAGED",  "NEXT DUE",
};
static const char *const class_names[] = {
	"class",      "recordings",   "bytes",    "oldest",   "held",
	"review_due", "due_now",      "due_soon", "overdue",  "below_floor",
	"gave_way",   "not_finished", "damaged",  "next_due",
};

_Static_assert(sizeof(class_names) / sizeof(*class_names) == NEXT + 1,
	       "each column has its name");

static const char *
class_text(const char *class)
{
	return *class ? class : "(notes)";
}

static const char *
class_cell(const struct spanrec *spanrec, const json_t *row, size_t column,
	   char text[SPANREC_TIME_BYTES])
{
	const char *name = class_names[column];

	switch (column) {
	case CLASS:
		return class_text(spanrec_json_text(row, name));
	case OLDEST:
	case NEXT:
		return spanrec_rows_time(spanrec, spanrec_json_text(row, name),
					 text);
	case BYTES:
		snprintf(text, SPANREC_TIME_BYTES, "%.1f",
			 (double)spanrec_json_count(row, name) / (1 << 20));
		return text;
	default:
		snprintf(text, SPANREC_TIME_BYTES, "%" PRIu64,
			 spanrec_json_count(row, name));
		return text;
	}
}

static int
class_row(json_t *list, const struct class *class)
{
	const uint64_t counts[] = {
		[RECORDINGS] = class->recordings,
		[BYTES] = class->bytes,
		[IS_HELD] = class->found[HELD] + class->found[REVIEW],
		[REVIEW_DUE] = class->found[REVIEW],
		[IS_DUE] = class->found[DUE],
		[DUE_SOON] = class->found[SOON],
		[IS_OVERDUE] = class->found[OVERDUE],
		[IS_EARLY] = class->found[EARLY],
		[WENT_FOR_ROOM] = class->found[GAVE_WAY],
		[IS_UNFINISHED] = class->found[UNFINISHED],
		[IS_DAMAGED] = class->found[DAMAGED],
		[NEXT] = 0,
	};
	json_t *row = json_object();
	int r = row ? 0 : -1;

	for (size_t i = 0; !r && i < sizeof(counts) / sizeof(*counts); i++) {
		if (i == CLASS)
			r = spanrec_json_set(row, class_names[i], class->name);
		else if (i == OLDEST || i == NEXT)
			r = spanrec_report_time(row, class_names[i],
						i == OLDEST ? class->oldest_ns
							    : class->next_ns);
		else
			r = spanrec_report_count(row, class_names[i],
						 counts[i]);
	}
	if (r || json_array_append(list, row))
		r = -ENOMEM;
	json_decref(row);
	return r;
}

static int
class_compare(const void *a, const void *b)
{
	const struct class *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int
print_classes(const struct survey *survey)
{
	static const struct spanrec_rows shown = {
		.headings = class_headings,
		.headings_count =
		    sizeof(class_headings) / sizeof(*class_headings),
		.cell = class_cell,
		.may_be_cut = 1U << CLASS,
		.names = class_names,
		.names_count = sizeof(class_names) / sizeof(*class_names),
		.none = "Nothing is stored, and nothing was.",
	};
	json_t *list = json_array();
	int r = list ? 0 : -ENOMEM, rc;

	if (survey->count)
		qsort(survey->classes, survey->count, sizeof(*survey->classes),
		      class_compare);
	for (size_t i = 0; !r && i < survey->count; i++)
		r = class_row(list, &survey->classes[i]);
	if (r)
		log_error("not enough memory");
	rc = r ? EXIT_FAILED
	       : spanrec_report_print(&survey->arguments->report, &shown, list);
	json_decref(list);
	return rc;
}

/* ---- a line for each recording ------------------------------------------- */

enum { ID, ROW_CLASS, FINDING, START, FLOOR, ROW_DUE, CEILING, WHY };

static const char *const row_headings[] = { "ID",      "CLASS", "FINDING",
					    "START",   "FLOOR", "DUE",
					    "CEILING", "WHY" };
static const char *const row_names[] = { "id",      "class", "finding", "start",
					 "floor",   "due",   "ceiling", "why",
					 "deleted", "bytes" };

static const char *
row_cell(const struct spanrec *spanrec, const json_t *row, size_t column,
	 char text[SPANREC_TIME_BYTES])
{
	const char *value = spanrec_json_text(row, row_names[column]);

	if (column == ROW_CLASS)
		return class_text(value);
	return column < START || column == WHY
		   ? value
		   : spanrec_rows_time(spanrec, value, text);
}

static int
print_rows(const struct survey *survey)
{
	static const struct spanrec_rows shown = {
		.headings = row_headings,
		.headings_count = sizeof(row_headings) / sizeof(*row_headings),
		.cell = row_cell,
		.may_be_cut = 1U << ROW_CLASS | 1U << WHY,
		.names = row_names,
		.names_count = sizeof(row_names) / sizeof(*row_names),
		.none = "Nothing is overdue, held, damaged, due, deleted too "
			"early, for room or to half.",
	};

	return spanrec_report_print(&survey->arguments->report, &shown,
				    survey->rows);
}

/* ---- the report ---------------------------------------------------------- */

static int
read_days(const struct arguments *arguments, int64_t *days)
{
	const char *text = arguments->days;
	long n;

	*days = SOON_DAYS;
	if (!text)
		return 0;
	n = strlen(text) <= 5 ? strtol(text, NULL, 10) : DAYS_MAX + 1;
	if (!*text || strspn(text, "0123456789") != strlen(text) ||
	    n > DAYS_MAX) {
		log_error("--days %s: give a number of days, at most %d", text,
			  DAYS_MAX);
		return EXIT_USAGE;
	}
	*days = n;
	return 0;
}

/* @param skipped rows that cannot be read @return 0, -errno */
static int
look_at_all(struct survey *survey, uint64_t *skipped)
{
	const struct store_query query = { .purged = true };
	struct store_archive *archive = survey->spanrec->archive;
	int r;

	survey->damaged = json_object();
	if (!survey->damaged || (survey->arguments->list && !survey->rows))
		return -ENOMEM;
	r = store_ledger_walk(archive, spanrec_damage_add, survey->damaged);
	if (r == -EBADMSG)
		log_warning("the ledger is damaged, so that not all damage "
			    "that was found may be known; 'spanrec audit "
			    "verify' says where");
	if (!r || r == -EBADMSG)
		r = store_search(archive, &query, see, survey);
	if (r)
		return r;
	*skipped = store_rows_skipped(archive);
	r = store_purge_pending(archive, see_pending, survey);
	*skipped += store_rows_skipped(archive);
	return r;
}

/* No recordings, and what keeps them. */
static void
warn_requests(const struct spanrec *spanrec)
{
	char words[REQUEST_WORDS_BYTES];
	struct request_watch watch;

	if (request_watch(spanrec->archive, spanrec->zone, spanrec->now_ns,
			  &watch))
		log_warning("not all cases and holds could be read");
	for (unsigned i = 0; request_watch_words(&watch, i, words); i++)
		log_warning("%s", words);
}

static int
report(const struct arguments *arguments, int64_t days)
{
	struct spanrec *spanrec = arguments->report.spanrec;
	struct survey survey = { .arguments = arguments,
				 .spanrec = spanrec,
				 .soon_ns = spanrec->now_ns + days * DAY_NS,
				 .rows =
				     arguments->list ? json_array() : NULL };
	uint64_t skipped = 0;
	int rc, r = look_at_all(&survey, &skipped);

	if (r) {
		log_error("the archive cannot be read: %s", strerror(-r));
		rc = exit_code(r);
	} else {
		rc = survey.rows ? print_rows(&survey) : print_classes(&survey);
	}
	if (!rc)
		warn_requests(spanrec);
	if (!rc)
		rc = spanrec_rows_skipped(skipped);
	json_decref(survey.damaged);
	json_decref(survey.rows);
	free(survey.classes);
	return rc;
}

int
spanrec_report_retention(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .doc = doc,
					  .children = spanrec_report_options };
	struct arguments arguments = { .report = { .spanrec = spanrec,
						   .name = "retention" } };
	int64_t days;
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	rc = read_days(&arguments, &days);
	if (!rc)
		rc = spanrec_report_open(&arguments.report);
	return rc ? rc : report(&arguments, days);
}
