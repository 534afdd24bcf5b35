/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * list and find: one search. `list` shows a period, and all there is if none
 * is given; `find` wants to be told what to look for.
 *
 * Calls that nobody answered, and times on hold, would flood the table; they
 * are hidden there, and counted below it. Programs (JSON, CSV) get every row.
 */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

enum {
	FROM = 0x200,
	TO,
	NUMBER,
	EXTENSION,
	AREA,
	AROUND,
	ALL,
	JSON,
	CSV,
	LIVE
};

struct arguments {
	struct spanrec *spanrec;
	const char *from, *to, *number, *extension, *area, *around;
	bool all, live;
	enum spanrec_format format;
};

/* What both commands understand. */
static const struct argp_option options[] = {
	{ "from", FROM, "T", 0, "Calls that were going on at T or later", 0 },
	{ "to", TO, "T", 0,
	  "Calls that began before T; a day is taken in as a whole", 0 },
	{ "around", AROUND, "\"T +-20m\"", 0,
	  "Calls near a time: 15 minutes around it if only T is given; a real "
	  "plus-minus sign works too",
	  0 },
	{ "number", NUMBER, "N", 0,
	  "Calls from or to this number, in any spelling", 0 },
	{ "extension", EXTENSION, "E", 0, "Calls of this extension", 0 },
	{ "area", AREA, "A", 0, "Calls of this area of the policy", 0 },
	{ "all", ALL, NULL, 0,
	  "Show calls without audio and deleted ones in the table too", 0 },
	{ "json", JSON, NULL, 0, "One JSON object a line, for every row", 0 },
	{ "csv", CSV, NULL, 0, "Comma-separated, for every row", 0 },
	{ 0 },
};

static const struct argp_option live_options[] = {
	{ "live", LIVE, NULL, 0,
	  "Calls that are in progress, from the recorder that runs", 0 },
	{ 0 },
};

static const char list_doc[] =
    "Show calls of a period, oldest first; without a period, all of them.\v"
    "T is 2019-03-28, \"2019-03-28 14:15\", 14:15 (today), -7d, -2h, now, "
    "today or yesterday, in the time zone of the site; a time in UTC ends in "
    "Z.\n\n"
    "Examples:\n"
    "  spanrec list --from yesterday\n"
    "  spanrec list --from 2019-03-01 --to 2019-03-31 --csv >march.csv\n"
    "  spanrec list --extension 2750 --from -7d --json\n"
    "  spanrec list --live\n";

static const char find_doc[] =
    "Find calls by number, extension, area or time, oldest first.\v"
    "T is 2019-03-28, \"2019-03-28 14:15\", 14:15 (today), -7d, -2h, now, "
    "today or yesterday, in the time zone of the site; a time in UTC ends in "
    "Z.\n\n"
    "Examples:\n"
    "  spanrec find --number 01534440440\n"
    "  spanrec find --extension 2750 --around \"2019-03-28 14:15 ±20m\"\n"
    "  spanrec find --number 01534440440 --from -7d --json\n";

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case FROM:
		arguments->from = value;
		return 0;
	case TO:
		arguments->to = value;
		return 0;
	case AROUND:
		arguments->around = value;
		return 0;
	case NUMBER:
		arguments->number = value;
		return 0;
	case EXTENSION:
		arguments->extension = value;
		return 0;
	case AREA:
		arguments->area = value;
		return 0;
	case ALL:
		arguments->all = true;
		return 0;
	case JSON:
		return spanrec_format_option(state, &arguments->format,
					     SPANREC_JSON);
	case CSV:
		return spanrec_format_option(state, &arguments->format,
					     SPANREC_CSV);
	case ARGP_KEY_ARG:
		argp_error(state,
			   "'%s' is no option; a call of which you know the "
			   "id is shown by 'spanrec show ID'",
			   value);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t
parse_list(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments;
		return 0;
	case LIVE:
		arguments->live = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- what is asked for ------------------------------------------------- */

/* The texts of numbers as the index has them. */
struct criteria {
	struct store_query query;
	char number[POLICY_NUMBER_BYTES];
	char extension[POLICY_NUMBER_BYTES];
};

int
spanrec_time_option(const struct spanrec *spanrec, const char *option,
		    const char *text, struct spanrec_period *period)
{
	char clean[SPANREC_TEXT_BYTES];
	int around = strcmp(option, "around") == 0;

	if (around &&
	    !spanrec_around_parse(text, spanrec->zone, spanrec->now_ns, period))
		return 0;
	if (!around &&
	    !spanrec_period_parse(text, spanrec->zone, spanrec->now_ns, period))
		return 0;
	log_error("--%s '%s' is no time; times are 2019-03-28, \"2019-03-28 "
		  "14:15\", 14:15, -7d, -2h, yesterday, today, now",
		  option, spanrec_text_clean(text, clean, sizeof(clean)));
	return EXIT_USAGE;
}

int
spanrec_period_option(const struct spanrec *spanrec, const char *from,
		      const char *to, struct store_query *query)
{
	struct spanrec_period period;

	if (from) {
		if (spanrec_time_option(spanrec, "from", from, &period))
			return EXIT_USAGE;
		query->from_ns = period.from_ns;
	}
	if (to) {
		if (spanrec_time_option(spanrec, "to", to, &period))
			return EXIT_USAGE;
		/* zero would mean any time; before 1970 there are no calls */
		query->to_ns = period.to_ns < 1 ? 1 : period.to_ns;
	}
	if (query->from_ns && query->to_ns && query->from_ns >= query->to_ns) {
		log_error("the period ends before it begins; --from must be "
			  "earlier than --to");
		return EXIT_USAGE;
	}
	return 0;
}

static int
read_period(const struct arguments *a, struct store_query *query)
{
	struct spanrec_period period;

	if (!a->around)
		return spanrec_period_option(a->spanrec, a->from, a->to, query);
	if (spanrec_time_option(a->spanrec, "around", a->around, &period))
		return EXIT_USAGE;
	query->from_ns = period.from_ns;
	query->to_ns = period.to_ns < 1 ? 1 : period.to_ns;
	return 0;
}

static int
stop_at_first(void *ctx, const struct store_segment *segment)
{
	(void)segment;
	*(bool *)ctx = true;
	return 1;
}

/* "housing, parks" */
static void
name_areas(const struct policy *policy, char text[SPANREC_TEXT_BYTES])
{
	char clean[SPANREC_TEXT_BYTES];
	const char *name;
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0;
	     (name = policy_area_peek(policy, i)) && used < SPANREC_TEXT_BYTES;
	     i++)
		used += (size_t)snprintf(
		    text + used, SPANREC_TEXT_BYTES - used, "%s%s",
		    i ? ", " : "",
		    spanrec_text_clean(name, clean, sizeof(clean)));
}

/* Is it one of the policy, or was it when there was a call of it?
 * @return exit code */
static int
check_area(const struct spanrec *spanrec, const char *area)
{
	const struct store_query query = { .area = area, .purged = true };
	char clean[SPANREC_TEXT_BYTES], names[SPANREC_TEXT_BYTES];
	const char *name;
	bool found = false;

	for (size_t i = 0; (name = policy_area_peek(spanrec->policy, i)); i++)
		if (!strcmp(name, area))
			return 0;
	/* what cannot be read is told when the list is made */
	if (store_search(spanrec->archive, &query, stop_at_first, &found) < 0 ||
	    found)
		return 0;
	name_areas(spanrec->policy, names);
	log_error("--area '%s' is no area of the policy, and no call is of one "
		  "of that name; %s%s",
		  spanrec_text_clean(area, clean, sizeof(clean)),
		  *names ? "the areas are: " : "the policy has no areas",
		  names);
	return EXIT_NOT_FOUND;
}

static int
read_criteria(const struct arguments *a, struct criteria *criteria)
{
	struct store_query *query = &criteria->query;
	int rc = 0;

	*criteria = (struct criteria){ .query = { .purged = true } };
	if (a->around && (a->from || a->to)) {
		log_error("--around says where the period begins and ends; "
			  "leave out --from and --to");
		return EXIT_USAGE;
	}
	if (a->number) {
		rc = spanrec_number_option(a->spanrec, "number", a->number,
					   criteria->number);
		query->number = criteria->number;
	}
	if (!rc && a->extension) {
		rc = spanrec_extension_option(a->spanrec, a->extension,
					      criteria->extension);
		query->extension = criteria->extension;
	}
	query->area = a->area;
	if (!rc && a->area)
		rc = check_area(a->spanrec, a->area);
	return rc ? rc : read_period(a, query);
}

/* ---- what is shown ----------------------------------------------------- */

struct listing {
	const struct arguments *arguments;
	struct spanrec_output *output;
	uint64_t shown, silent, purged, forbidden, unfinished, untold;
	struct spanrec_asked asked;
};

/* Is any of it in an encoding that no SDP named? */
static bool
is_untold(const struct store_segment *segment)
{
	bool untold = false;

	for (uint32_t i = 0; i < segment->streams_count; i++)
		untold = untold ||
			 spanrec_encoding_untold(segment->streams[i].codec);
	return untold && spanrec_segment_audible(segment);
}

static int
show_segment(void *ctx, const struct store_segment *segment)
{
	struct listing *listing = ctx;
	bool unfinished;

	if (!spanrec_may_area(listing->arguments->spanrec, &listing->asked,
			      segment->area)) {
		listing->forbidden++;
		return 0;
	}
	unfinished = spanrec_unfinished(listing->arguments->spanrec, segment);
	listing->unfinished += unfinished;
	if (listing->arguments->format == SPANREC_TABLE &&
	    !listing->arguments->all) {
		if (segment->state == STORE_STATE_PURGED && !unfinished) {
			listing->purged++;
			return 0;
		}
		if (spanrec_segment_silent(segment)) {
			listing->silent++;
			return 0;
		}
	}
	listing->shown++;
	listing->untold += is_untold(segment);
	return spanrec_output_segment(listing->output, segment);
}

static void
print_footer(const struct listing *listing)
{
	FILE *to = listing->arguments->spanrec->out;
	const char *plural;

	if (listing->arguments->spanrec->quiet ||
	    listing->arguments->format != SPANREC_TABLE)
		return;
	if (!listing->shown)
		fprintf(to, "No calls to show.\n");
	plural = listing->silent == 1 ? "" : "s";
	if (listing->silent)
		fprintf(to,
			"%" PRIu64 " segment%s without audio not shown "
			"(--all)\n",
			listing->silent, plural);
	plural = listing->forbidden == 1 ? "" : "s";
	if (listing->forbidden)
		fprintf(to,
			"%" PRIu64 " segment%s of areas that you have no right "
			"to find not shown\n",
			listing->forbidden, plural);
	plural = listing->purged == 1 ? "" : "s";
	if (listing->purged)
		fprintf(to, "%" PRIu64 " deleted segment%s not shown (--all)\n",
			listing->purged, plural);
	if (listing->untold)
		fprintf(to,
			"%" PRIu64 " %s in an encoding that no SDP named: "
			"'spanrec show ID' says what to do\n",
			listing->untold, listing->untold == 1 ? "is" : "are");
	plural = listing->unfinished == 1 ? "" : "s";
	if (listing->unfinished)
		fprintf(to,
			"%" PRIu64
			" deletion%s not finished: 'spanrec show ID' "
			"says why, 'spanrec purge' goes on\n",
			listing->unfinished, plural);
}

/* What leaves no row but a number. */
static int
print_counts(const struct arguments *arguments, const struct store_query *query)
{
	FILE *to = arguments->spanrec->out;
	struct spanrec_counts counts;
	int rc;

	if (arguments->spanrec->quiet || arguments->format != SPANREC_TABLE ||
	    query->number || query->extension || query->area)
		return 0;
	rc = spanrec_counts_read(arguments->spanrec, query->from_ns,
				 query->to_ns, &counts);
	if (rc || !counts.count)
		return rc;
	fputs("Counted by day, and no more is kept: ", to);
	spanrec_counts_print(to, &counts);
	fputc('\n', to);
	return 0;
}

static int
search(struct arguments *arguments)
{
	struct spanrec *spanrec = arguments->spanrec;
	struct listing listing = { .arguments = arguments };
	struct criteria criteria;
	int rc;

	rc = spanrec_open(spanrec, STORE_READ);
	if (rc)
		return rc;
	rc = read_criteria(arguments, &criteria);
	if (rc)
		return rc;
	rc = spanrec_output_new(&listing.output, spanrec, arguments->format);
	if (!rc)
		rc = store_search(spanrec->archive, &criteria.query,
				  show_segment, &listing);
	if (!rc)
		rc = spanrec_output_end(listing.output);
	if (rc)
		log_error("the search did not end well: %s", strerror(-rc));
	else
		print_footer(&listing);
	if (!rc)
		rc = print_counts(arguments, &criteria.query);
	spanrec_output_free(&listing.output);
	return rc ? exit_code(rc) : spanrec_rows_complete(spanrec);
}

/* What goes on now has no period and is not looked for. */
static int
live(const struct arguments *a)
{
	if (a->from || a->to || a->around || a->number || a->extension ||
	    a->area || a->all) {
		log_error("--live shows the calls in progress, all of them; "
			  "it goes with --json and --csv only");
		return EXIT_USAGE;
	}
	return spanrec_live(a->spanrec, a->format);
}

int
spanrec_list(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp search_argp = {
		.options = options,
		.parser = parse,
		.children = spanrec_global_options,
	};
	static const struct argp_child children[] = {
		{ &search_argp, 0, NULL, 0 },
		{ 0 },
	};
	static const struct argp argp = { .options = live_options,
					  .parser = parse_list,
					  .doc = list_doc,
					  .children = children };
	struct arguments arguments = { .spanrec = spanrec };

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	if (arguments.live)
		return live(&arguments);
	return search(&arguments);
}

int
spanrec_find(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .doc = find_doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	if (!arguments.from && !arguments.to && !arguments.number &&
	    !arguments.extension && !arguments.area && !arguments.around) {
		log_error("find what? Give --number, --extension, --area, "
			  "--from, --to or --around; 'spanrec list' shows all "
			  "calls");
		return EXIT_USAGE;
	}
	return search(&arguments);
}
