/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * policy simulate: calls that are stored, decided again by another policy.
 *
 * A row does not tell everything that the recorder knew. What was dialled is
 * taken to be who else had part; who was ours to be logged in; and what was
 * decided because of something that happened in the call (a payment, an
 * opt-out, a recorder without room) stays decided. Where no number was kept
 * nothing can be said.
 */
#include "cmd/spanrec/policy_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

enum { SINCE = 0x200, FROM, TO, ALL, JSON, CSV };

struct arguments {
	struct spanrec *spanrec;
	const char *file, *from, *to;
	char since[32]; /* "-7d", of "7d" */
	bool all;
	enum spanrec_format format;
};

static const struct argp_option options[] = {
	{ "since", SINCE, "T", 0,
	  "The same as --from; 7d and 2h count back from now", 0 },
	{ "from", FROM, "T", 0, "Calls that were going on at T or later", 0 },
	{ "to", TO, "T", 0,
	  "Calls that began before T; a day is taken in as a whole", 0 },
	{ "all", ALL, NULL, 0,
	  "Show those for which nothing changes in the table too", 0 },
	{ "json", JSON, NULL, 0, "One JSON object a line, for every row", 0 },
	{ "csv", CSV, NULL, 0, "Comma-separated, for every row", 0 },
	{ 0 },
};

static const char doc[] =
    "Show what a policy would make of the calls that are stored: which would "
    "be recorded, which not, and which recordings it would delete earlier or "
    "later. Nothing is changed. Without FILE it is the policy of the home.\v"
    "T is 2019-03-28, \"2019-03-28 14:15\", -7d, 7d, yesterday; see "
    "'spanrec list --help'. What was decided since something happened in a "
    "call, a payment say, is not decided again.\n\n"
    "Examples:\n"
    "  spanrec policy simulate draft.yaml --since 7d\n"
    "  spanrec policy simulate draft.yaml --from 2019-03-01 --csv\n";

/* "7d" is meant back from now, as "-7d" is. */
static const char *
since(struct arguments *arguments, const char *value)
{
	size_t digits = strspn(value, "0123456789");

	if (!digits || !value[digits] || value[digits + 1])
		return value;
	snprintf(arguments->since, sizeof(arguments->since), "-%s", value);
	return arguments->since;
}

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case SINCE:
		arguments->from = since(arguments, value);
		return 0;
	case FROM:
		arguments->from = value;
		return 0;
	case TO:
		arguments->to = value;
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
		if (arguments->file)
			argp_error(state, "one FILE at a time");
		arguments->file = value;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- one segment --------------------------------------------------------- */

struct simulation {
	const struct arguments *arguments;
	const struct policy *policy; /* the draft */
	json_t *rows;
	uint64_t segments, unknown, earlier, later, at_once, gives_way,
	    forbidden;
	struct spanrec_asked asked;
	/* by decision before, and after */
	uint64_t decisions[STORE_DECISION_COUNT][STORE_DECISION_COUNT];
};

static const enum store_decision decisions[] = {
	[POLICY_RECORD] = STORE_RECORD,
	[POLICY_DROP] = STORE_DROP,
	[POLICY_LISTEN_DENY] = STORE_LISTEN_DENY,
	[POLICY_OUT_OF_SCOPE] = STORE_OUT_OF_SCOPE,
};

static enum policy_kind
kind_of(enum store_kind kind)
{
	static const enum policy_kind kinds[STORE_KIND_COUNT] = {
		[STORE_AGENT] = POLICY_KIND_AGENT,
		[STORE_QUEUE] = POLICY_KIND_QUEUE,
		[STORE_HOLD] = POLICY_KIND_AGENT,
		[STORE_CONSULT] = POLICY_KIND_CONSULT,
		[STORE_TRANSFER] = POLICY_KIND_TRANSFER,
		[STORE_PAYMENT] = POLICY_KIND_PAYMENT,
	};

	return kinds[kind];
}

/* The others are one a line. @param lines is cut up */
static uint32_t
split(char *lines, const char *items[STORE_OTHERS_BYTES / 2])
{
	uint32_t count = 0;
	char *rest, *line;

	for (line = strtok_r(lines, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		items[count++] = line;
	return count;
}

/* Was it decided since something had happened, of which the row does not tell?
 */
static bool
is_settled(const struct store_segment *segment)
{
	static const char *const reasons[] = { "payment", "opt-out",
					       "overload" };

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (!strcmp(segment->reason, reasons[i]))
			return true;
	return false;
}

static void
decide(const struct policy *policy, const struct store_segment *segment,
       struct policy_verdict *verdict)
{
	const char *others[STORE_OTHERS_BYTES / 2];
	char lines[STORE_OTHERS_BYTES];
	struct policy_facts facts = {
		.from =
		    segment->from_sent[0] ? segment->from_sent : segment->from,
		.to = segment->to_sent[0] ? segment->to_sent : segment->to,
		.also = others,
		.dialled = others,
		.from_logged_in = true,
		.to_logged_in = true,
		.kind = kind_of(segment->kind),
		.held = segment->kind == STORE_HOLD,
		.no_signalling = !strcmp(segment->began, "orphan"),
		.start_ns = segment->call_start_ns,
	};

	memcpy(lines, segment->others, sizeof(lines));
	facts.also_count = facts.dialled_count = split(lines, others);
	policy_decide(policy, &facts, verdict);
}

/* When a recording is due by either; zero: it is none. And whether it might go
 * before that, earlier than now. @return 0, -errno */
static int
due_times(const struct simulation *s, const struct store_segment *segment,
	  int64_t due_ns[2], bool *gives_way)
{
	struct policy_clock before, after;
	int r;

	due_ns[0] = due_ns[1] = 0;
	*gives_way = false;
	if (!spanrec_segment_audible(segment))
		return 0;
	r = spanrec_draft_clocks(s->arguments->spanrec, s->policy, segment,
				 &before, &after);
	if (r)
		return r;
	due_ns[0] = before.due_ns;
	due_ns[1] = after.due_ns;
	*gives_way = spanrec_gives_way_now(&before, &after);
	return 0;
}

/* ---- rows ---------------------------------------------------------------- */

static const char *const names[] = {
	"id",
	"start",
	"from",
	"to",
	"kind",
	"before",
	"reason_before",
	"rule_before",
	"after",
	"reason_after",
	"rule_after",
	"retention_before",
	"retention_after",
	"due_before",
	"due_after",
	"at_once",
	"gives_way",
};

static int
set_time(json_t *row, const char *name, int64_t time_ns)
{
	char text[SPANREC_TIME_BYTES] = "";

	if (!time_ns)
		return json_object_set_new(row, name, json_null());
	spanrec_time_utc(time_ns, text);
	return spanrec_json_set(row, name, text);
}

/* Would it be deleted now, and is not due? */
static bool
is_at_once(const struct simulation *s, const struct store_segment *segment,
	   const int64_t due_ns[2])
{
	const int64_t now_ns = s->arguments->spanrec->now_ns;

	return due_ns[1] && due_ns[1] <= now_ns && due_ns[0] > now_ns &&
	       segment->state != STORE_STATE_HELD;
}

/* @param v NULL: it cannot be known */
static int
add_row(struct simulation *s, const struct store_segment *segment,
	const struct policy_verdict *v, const int64_t due_ns[2], bool gives_way)
{
	json_t *row = json_object();
	const char *after =
	    v ? store_decision_name(decisions[v->decision]) : "unknown";
	int rc;

	if (!row)
		return -ENOMEM;
	rc = spanrec_json_set(row, "id", segment->id) |
	     set_time(row, "start", segment->start_ns) |
	     spanrec_json_set(row, "from", segment->from) |
	     spanrec_json_set(row, "to", segment->to) |
	     spanrec_json_set(row, "kind", store_kind_name(segment->kind)) |
	     spanrec_json_set(row, "before",
			      store_decision_name(segment->decision)) |
	     spanrec_json_set(row, "reason_before", segment->reason) |
	     spanrec_json_set(row, "rule_before", segment->rule) |
	     spanrec_json_set(row, "retention_before", segment->retention) |
	     spanrec_json_set(row, "after", after) |
	     spanrec_json_set(row, "reason_after", v ? v->reason : "") |
	     spanrec_json_set(row, "rule_after", v ? v->rule : "") |
	     spanrec_json_set(row, "retention_after", v ? v->retention : "") |
	     set_time(row, "due_before", due_ns[0]) |
	     set_time(row, "due_after", due_ns[1]) |
	     json_object_set_new(row, "at_once",
				 json_boolean(is_at_once(s, segment, due_ns))) |
	     json_object_set_new(row, "gives_way", json_boolean(gives_way));
	if (json_array_append_new(s->rows, row) || rc)
		return -ENOMEM;
	return 0;
}

/* What stays decided is told as it was. */
static void
as_before(const struct store_segment *segment, struct policy_verdict *v)
{
	size_t i;

	memset(v, 0, sizeof(*v));
	for (i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++)
		if (decisions[i] == segment->decision)
			v->decision = (enum policy_decision)i;
	memcpy(v->reason, segment->reason, sizeof(v->reason));
	memcpy(v->rule, segment->rule, sizeof(v->rule));
	memcpy(v->retention, segment->retention, sizeof(v->retention));
}

static int
simulate_segment(void *ctx, const struct store_segment *segment)
{
	struct simulation *s = ctx;
	bool known = segment->from[0] || segment->to[0];
	bool settled = is_settled(segment), changes;
	struct policy_verdict v = { 0 };
	int64_t due_ns[2];
	bool gives_way;
	int r;

	if (!spanrec_may_area(s->arguments->spanrec, &s->asked,
			      segment->area)) {
		s->forbidden++;
		return 0;
	}
	r = due_times(s, segment, due_ns, &gives_way);
	if (r)
		return r;
	if (settled)
		as_before(segment, &v);
	else if (known)
		decide(s->policy, segment, &v);
	s->segments++;
	s->earlier += due_ns[1] < due_ns[0];
	s->later += due_ns[1] > due_ns[0];
	s->at_once += is_at_once(s, segment, due_ns);
	s->unknown += !known && !settled;
	if (known || settled)
		s->decisions[segment->decision][decisions[v.decision]]++;
	s->gives_way += gives_way && due_ns[1] >= due_ns[0];
	changes = due_ns[0] != due_ns[1] || gives_way ||
		  decisions[v.decision] != segment->decision ||
		  strcmp(v.retention, segment->retention) != 0;
	if (s->arguments->format == SPANREC_TABLE && !s->arguments->all &&
	    (!changes || (!known && !settled)))
		return 0;
	return add_row(s, segment, known || settled ? &v : NULL, due_ns,
		       gives_way);
}

/* ---- what is shown ------------------------------------------------------- */

enum { ID, WHEN, CALLER, CALLEE, BEFORE, AFTER, DUE };
static const char *const headings[] = { "SEGMENT", "WHEN",  "FROM",   "TO",
					"BEFORE",  "AFTER", "DELETED" };

/* "record (standard)", "drop (exempt)" */
static const char *
decision_text(const json_t *row, const char *when,
	      char text[SPANREC_TIME_BYTES])
{
	char reason[32], class[32];
	const char *decision = spanrec_json_text(row, when), *detail;

	snprintf(reason, sizeof(reason), "reason_%s", when);
	snprintf(class, sizeof(class), "retention_%s", when);
	detail = spanrec_json_text(row, class);
	if (!*detail)
		detail = spanrec_json_text(row, reason);
	snprintf(text, SPANREC_TIME_BYTES, *detail ? "%s (%.24s)" : "%s",
		 decision, detail);
	return text;
}

static const char *
due_text(const json_t *row)
{
	const char *before = spanrec_json_text(row, "due_before");
	int order = strcmp(spanrec_json_text(row, "due_after"), before);

	if (json_is_true(json_object_get(row, "at_once")))
		return "at once";
	if (order < 0)
		return "earlier";
	if (json_is_true(json_object_get(row, "gives_way")))
		return "gives way";
	if (!order)
		return *before ? "as before" : "";
	return "later";
}

static const char *
cell(const struct spanrec *spanrec, const json_t *row, size_t column,
     char text[SPANREC_TIME_BYTES])
{
	switch (column) {
	case ID:
		return spanrec_json_text(row, "id");
	case WHEN:
		return spanrec_rows_time(spanrec,
					 spanrec_json_text(row, "start"), text);
	case CALLER:
		return spanrec_json_text(row, "from");
	case CALLEE:
		return spanrec_json_text(row, "to");
	case BEFORE:
		return decision_text(row, "before", text);
	case AFTER:
		return decision_text(row, "after", text);
	default:
		return due_text(row);
	}
}

static void
print_count(FILE *to, uint64_t count, const char *what)
{
	if (count)
		fprintf(to, "%" PRIu64 " %s%s %s\n", count, "recording",
			count == 1 ? "" : "s", what);
}

static void
print_summary(const struct simulation *s)
{
	FILE *to = s->arguments->spanrec->out;
	unsigned before, after;

	fprintf(to, "%" PRIu64 " segment%s decided again\n", s->segments,
		s->segments == 1 ? "" : "s");
	for (before = 0; before < STORE_DECISION_COUNT; before++) {
		for (after = 0; after < STORE_DECISION_COUNT; after++) {
			uint64_t count = s->decisions[before][after];

			if (!count)
				continue;
			fprintf(
			    to, "%8" PRIu64 " %s", count,
			    store_decision_name((enum store_decision)before));
			if (before == after)
				fputs(", as before\n", to);
			else
				fprintf(to, " before, %s now\n",
					store_decision_name(
					    (enum store_decision)after));
		}
	}
	if (s->unknown)
		fprintf(to,
			"%8" PRIu64 " of which no number was kept, so nothing "
			"can be said\n",
			s->unknown);
	if (s->forbidden)
		fprintf(to,
			"%8" PRIu64 " of areas whose calls you may not find\n",
			s->forbidden);
	print_count(to, s->earlier, "would be deleted earlier");
	print_count(to, s->at_once, "of these would be deleted at once");
	print_count(to, s->gives_way,
		    "would give way: earlier where the disk is full");
	print_count(to, s->later, "would be deleted later");
}

static int
print(const struct simulation *s)
{
	static const struct spanrec_rows rows = {
		.headings = headings,
		.headings_count = sizeof(headings) / sizeof(headings[0]),
		.cell = cell,
		.may_be_cut = 1U << CALLER | 1U << CALLEE,
		.names = names,
		.names_count = sizeof(names) / sizeof(names[0]),
		.none = "Nothing would change.",
	};
	const struct spanrec *spanrec = s->arguments->spanrec;
	int rc =
	    spanrec_rows_print(spanrec, &rows, s->rows, s->arguments->format);

	if (!rc && s->arguments->format == SPANREC_TABLE && !spanrec->quiet)
		print_summary(s);
	return rc;
}

static int
simulate(struct arguments *arguments, const struct policy *policy)
{
	struct spanrec *spanrec = arguments->spanrec;
	struct simulation s = { .arguments = arguments, .policy = policy };
	struct store_query query = { 0 };
	int rc = spanrec_period_option(spanrec, arguments->from, arguments->to,
				       &query);

	if (rc)
		return rc;
	s.rows = json_array();
	rc = s.rows
		 ? store_search(spanrec->archive, &query, simulate_segment, &s)
		 : -ENOMEM;
	if (rc)
		log_error("the search did not end well: %s", strerror(-rc));
	rc = rc ? exit_code(rc) : print(&s);
	json_decref(s.rows);
	return rc ? rc : spanrec_rows_complete(spanrec);
}

int
spanrec_policy_simulate(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .args_doc = "[FILE]",
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	struct spanrec_draft draft = { 0 };
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	rc = spanrec_open(spanrec, STORE_READ);
	if (!rc && arguments.file)
		rc = spanrec_draft_load(spanrec, arguments.file, &draft);
	if (!rc)
		rc = simulate(&arguments,
			      draft.policy ? draft.policy : spanrec->policy);
	spanrec_draft_fini(&draft);
	return rc;
}
