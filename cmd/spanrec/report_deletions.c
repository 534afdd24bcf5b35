/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * report deletions: every certificate of a deletion, or of a part that was
 * taken out, with the clock of the recording, as long as there is a row to tell
 * it.
 */
#include "cmd/spanrec/report_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "cmd/common/clocks.h"
#include "cmd/common/exit.h"
#include "cmd/common/giveway.h"
#include "cmd/common/log.h"

#define NS_PER_S INT64_C(1000000000)

enum { FROM = 0x200, TO, LATE };

struct arguments {
	struct spanrec_report report;
	const char *from, *to;
	bool late;
};

static const struct argp_option options[] = {
	{ "from", FROM, "T", 0, "Deleted at T or later", 0 },
	{ "to", TO, "T", 0, "Deleted before T; a day is taken in as a whole",
	  0 },
	{ "late", LATE, NULL, 0, "Only what was deleted after its ceiling", 0 },
	{ 0 },
};

static const char doc[] =
    "Show what was deleted: when, by whom and why, until when it was to be "
    "kept and to be gone, how late it was, and the number of its certificate "
    "in the ledger.\v"
    "Where the note of a call was removed too, since its own time is over, the "
    "certificate is all that is left. T is 2019-03-28, \"2019-03-28 14:15\", "
    "-7d, yesterday; see 'spanrec list --help'.\n\n"
    "Examples:\n"
    "  spanrec report deletions --from -31d\n"
    "  spanrec report deletions --late\n"
    "  spanrec report deletions --csv --out deletions.csv\n";

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->report;
		return 0;
	case FROM:
		arguments->from = value;
		return 0;
	case TO:
		arguments->to = value;
		return 0;
	case LATE:
		arguments->late = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "report deletions takes no '%s'", value);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- one certificate ----------------------------------------------------- */

struct deletions {
	const struct arguments *arguments;
	struct spanrec *spanrec;
	struct spanrec_applied_list applied; /**< before the entry */
	json_t *rows;
};

/* What its tombstone tells; of what was never recorded there were no clocks.
 * @return 0, -errno */
static int
set_clock(const struct deletions *deletions, json_t *row,
	  const struct store_segment *segment, int64_t deleted_ns)
{
	const bool recorded = spanrec_segment_recorded(segment);
	struct policy_clock clock;
	int64_t late_ns = 0, floor_ns = segment->not_before_ns;
	int r = spanrec_clock_then(deletions->spanrec, &deletions->applied,
				   segment, &clock);

	if (r)
		return r;
	if (recorded)
		late_ns = spanrec_span_ns(clock.ceiling_ns, deleted_ns);
	if (clock.floor_ns > segment->call_start_ns &&
	    clock.floor_ns > floor_ns)
		floor_ns = clock.floor_ns;
	if (spanrec_json_set(row, "class", segment->retention) |
	    spanrec_report_time(row, "start", segment->call_start_ns) |
	    spanrec_report_time(row, "floor", recorded ? floor_ns : 0) |
	    spanrec_report_time(row, "ceiling",
				recorded ? clock.ceiling_ns : 0) |
	    spanrec_report_count(row, "late_s",
				 late_ns > 0 ? (uint64_t)(late_ns / NS_PER_S)
					     : 0) |
	    json_object_set_new(row, "recorded", json_boolean(recorded)))
		return -ENOMEM;
	return 0;
}

/* What the note that is left would tell is null where there is none. */
static int
set_certificate(json_t *row, const struct store_ledger_entry *entry)
{
	static const char *const of_note[] = {
		"class", "start", "floor", "ceiling", "late_s", "recorded"
	};
	bool part = strcmp(entry->action, "scrub") == 0;
	/* the certificate says it longer than the note of the call does */
	bool gave_way = !part && strstr(entry->detail, GIVEWAY_WHY);
	int r = 0;

	for (size_t i = 0; i < sizeof(of_note) / sizeof(*of_note); i++)
		r |= json_object_set_new(row, of_note[i], json_null());
	return r | spanrec_json_set(row, "id", entry->subject) |
	       spanrec_json_set(row, "what",
				part       ? "a part of it"
				: gave_way ? "all, for room"
					   : "all") |
	       spanrec_report_time(row, "deleted", entry->time_ns) |
	       spanrec_report_count(row, "certificate", entry->number) |
	       spanrec_json_set(row, "by", entry->actor) |
	       spanrec_json_set(row, "why", entry->detail);
}

static bool
in_period(const struct spanrec_report *report, int64_t time_ns)
{
	return (!report->from_ns || time_ns >= report->from_ns) &&
	       (!report->to_ns || time_ns < report->to_ns);
}

static int
take(void *ctx, const struct store_ledger_entry *entry)
{
	struct deletions *deletions = ctx;
	struct spanrec *spanrec = deletions->spanrec;
	struct store_segment segment;
	json_t *row;
	int r = spanrec_applied_add(&deletions->applied, entry);

	if (r)
		return r;
	if ((strcmp(entry->action, "purge") != 0 &&
	     strcmp(entry->action, "scrub") != 0) ||
	    !in_period(&deletions->arguments->report, entry->time_ns))
		return 0;
	row = json_object();
	if (!row)
		return -ENOMEM;
	r = set_certificate(row, entry) ? -ENOMEM : 0;
	if (!r) {
		r = store_segment_get(spanrec->archive, entry->subject,
				      &segment);
		if (!r)
			r = set_clock(deletions, row, &segment, entry->time_ns);
		else if (r != -ENOMEM)
			r = 0; /* gone, or it cannot be read */
	}
	if (!r &&
	    (!deletions->arguments->late || spanrec_json_count(row, "late_s")))
		r = json_array_append(deletions->rows, row) ? -ENOMEM : 0;
	json_decref(row);
	return r;
}

/* ---- the report ---------------------------------------------------------- */

enum { DELETED, ID, WHAT, CLASS, CEILING, LATENESS, BY, CERTIFICATE };

static const char *const headings[] = { "DELETED", "ID",         "WHAT",
					"CLASS",   "TO BE GONE", "LATE",
					"BY",      "CERTIFICATE" };
static const char *const columns[] = { "deleted", "id",         "what",
				       "class",   "ceiling",    "late_s",
				       "by",      "certificate" };
static const char *const names[] = { "deleted", "id",     "what",
				     "class",   "start",  "floor",
				     "ceiling", "late_s", "recorded",
				     "by",      "why",    "certificate" };

_Static_assert(sizeof(columns) / sizeof(*columns) == CERTIFICATE + 1,
	       "each column has its name");

static const char *
cell(const struct spanrec *spanrec, const json_t *row, size_t column,
     char text[SPANREC_TIME_BYTES])
{
	const char *name = columns[column];
	uint64_t count = spanrec_json_count(row, name);

	switch (column) {
	case DELETED:
	case CEILING:
		return spanrec_rows_time(spanrec, spanrec_json_text(row, name),
					 text);
	case LATENESS:
		text[0] = '\0';
		if (count)
			spanrec_duration((int64_t)count * NS_PER_S, text);
		return text;
	case CERTIFICATE:
		snprintf(text, SPANREC_TIME_BYTES, "%" PRIu64, count);
		return text;
	default:
		return spanrec_json_text(row, name);
	}
}

static int
report(const struct arguments *arguments)
{
	static const struct spanrec_rows shown = {
		.headings = headings,
		.headings_count = sizeof(headings) / sizeof(*headings),
		.cell = cell,
		.may_be_cut = 1U << CLASS | 1U << BY,
		.names = names,
		.names_count = sizeof(names) / sizeof(*names),
		.none = "Nothing was deleted.",
	};
	struct spanrec *spanrec = arguments->report.spanrec;
	struct deletions deletions = { .arguments = arguments,
				       .spanrec = spanrec,
				       .rows = json_array() };
	int rc, r = deletions.rows
			? store_ledger_walk(spanrec->archive, take, &deletions)
			: -ENOMEM;

	if (r)
		log_error("the ledger cannot be read to its end: %s",
			  strerror(-r));
	rc = r ? exit_code(r)
	       : spanrec_report_print(&arguments->report, &shown,
				      deletions.rows);
	spanrec_applied_fini(&deletions.applied);
	json_decref(deletions.rows);
	return rc;
}

int
spanrec_report_deletions(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .doc = doc,
					  .children = spanrec_report_options };
	struct arguments arguments = { .report = { .spanrec = spanrec,
						   .name = "deletions" } };
	struct store_query period = { 0 };
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	rc = spanrec_report_open(&arguments.report);
	if (!rc)
		rc = spanrec_period_option(spanrec, arguments.from,
					   arguments.to, &period);
	arguments.report.from_ns = period.from_ns;
	arguments.report.to_ns = period.to_ns;
	return rc ? rc : report(&arguments);
}
