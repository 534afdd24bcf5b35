/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hold: recordings that are not deleted, for a case, until it is closed. */
#include "cmd/spanrec/cases_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cmd/common/act.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "store/cases.h"

/* ---- ids ----------------------------------------------------------------- */

static int
no_memory(void)
{
	log_error("not enough memory");
	return EXIT_FAILED;
}

/* What a word means: a segment, or what there is of a call.
 * @return exit code */
static int
add_word(struct spanrec *spanrec, const char *word, struct spanrec_ids *ids)
{
	struct spanrec_selection selection;
	int rc = spanrec_select(spanrec, word, &selection);
	size_t before = ids->count;

	for (size_t i = 0; !rc && i < selection.count; i++) {
		const struct store_segment *segment = &selection.segments[i];

		if (!spanrec_segment_audible(segment))
			continue;
		if (spanrec_ids_add(ids, segment->id))
			rc = no_memory();
	}
	if (!rc && ids->count == before) {
		log_error("%s: there is no recording of it (%s), so there is "
			  "nothing to hold",
			  selection.segments[0].id,
			  spanrec_segment_state(&selection.segments[0]));
		rc = EXIT_NOT_FOUND;
	}
	spanrec_selection_fini(&selection);
	return rc;
}

static int
add_words(const struct spanrec_case_options *o, struct store_act *act,
	  struct spanrec_ids *ids)
{
	int rc = 0;

	for (int i = 0; !rc && i < o->ids_count; i++)
		rc = add_word(o->spanrec, o->ids[i], ids);
	if (!rc && ids->count > ACT_IDS_MAX) {
		log_error("at most %d segments at once", ACT_IDS_MAX);
		rc = EXIT_USAGE;
	}
	act->ids = ids->ids;
	act->count = (uint32_t)ids->count;
	return rc;
}

/* ---- add, end ------------------------------------------------------------ */

static int
hold_add(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "ID...",
		.doc = "Keep recordings from being deleted, for a case.\v"
		       "They stay until the case is closed or the hold ends; "
		       "what has been deleted does not come back. All that is "
		       "named is held, or nothing.\n\n"
		       "Example:\n"
		       "  spanrec hold add 20190328T141503Z-k7q2 --case CMP-9 "
		       "--reason \"complaint about billing\" --approver "
		       "j.smith --review 2019-06-01\n",
		.takes = SPANREC_CASE_CASE | SPANREC_CASE_REASON |
			 SPANREC_CASE_APPROVER | SPANREC_CASE_REVIEW,
		.needs = SPANREC_CASE_CASE | SPANREC_CASE_REASON |
			 SPANREC_CASE_APPROVER | SPANREC_CASE_REVIEW,
		.what = "recording",
		.many = true,
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct store_act act = { .type = STORE_ACT_HOLD };
	struct spanrec_ids ids = { 0 };
	struct store_case found;
	int rc = spanrec_case_parse(&o, &usage, argc, argv);

	if (!rc)
		rc = spanrec_open_beside(spanrec, STORE_WRITE);
	if (!rc)
		rc = spanrec_case_day(spanrec, "review", o.review,
				      &act.review_ns);
	if (!rc)
		rc = spanrec_case_text(act.reason, sizeof(act.reason), "reason",
				       o.reason);
	if (!rc)
		rc = spanrec_case_text(act.approver, sizeof(act.approver),
				       "approver", o.approver);
	if (!rc)
		rc = spanrec_case_get(spanrec, o.name, STORE_CASE, &found);
	if (!rc)
		rc = add_words(&o, &act, &ids);
	if (!rc) {
		memcpy(act.of.name, found.name, sizeof(act.of.name));
		rc = spanrec_case_act(spanrec, &act);
	}
	if (!rc && !spanrec->quiet)
		fprintf(spanrec->out, "%u segment%s held for %s\n", act.count,
			act.count == 1 ? "" : "s", act.of.name);
	spanrec_ids_fini(&ids);
	return rc;
}

/* Of holds that there are, for a case or for a request.
 * @param act ids that spanrec_ids_fini frees @return exit code */
static int
change_holds(const struct spanrec_case_options *o, struct store_act *act,
	     struct spanrec_ids *ids)
{
	struct store_case found;
	int rc = spanrec_open_beside(o->spanrec, STORE_WRITE);

	if (!rc)
		rc = spanrec_case_day(o->spanrec, "until", o->review,
				      &act->review_ns);
	if (!rc)
		rc = spanrec_case_text(act->reason, sizeof(act->reason),
				       "reason", o->reason);
	if (!rc)
		rc = spanrec_case_text(act->approver, sizeof(act->approver),
				       "approver", o->approver);
	if (!rc)
		rc = spanrec_case_any(o->spanrec, o->name, &found);
	if (!rc)
		rc = add_words(o, act, ids);
	if (rc)
		return rc;
	act->of.kind = found.kind;
	memcpy(act->of.name, found.name, sizeof(act->of.name));
	return spanrec_case_act(o->spanrec, act);
}

static int
hold_review(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "ID...",
		.doc =
		    "Note that a hold was looked at and is needed for longer.\v"
		    "Why it was held stays; who looked, why it is needed and "
		    "who allowed it go into the ledger each time.\n\n"
		    "Example:\n"
		    "  spanrec hold review 20190328T141503Z-k7q2 --case CMP-9 "
		    "--until 2019-12-01 --reason \"court in November\" "
		    "--approver j.smith\n",
		.takes = SPANREC_CASE_CASE | SPANREC_CASE_UNTIL |
			 SPANREC_CASE_REASON | SPANREC_CASE_APPROVER,
		.needs = SPANREC_CASE_CASE | SPANREC_CASE_UNTIL |
			 SPANREC_CASE_REASON | SPANREC_CASE_APPROVER,
		.what = "recording",
		.many = true,
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct store_act act = { .type = STORE_ACT_REVIEW };
	struct spanrec_ids ids = { 0 };
	int rc = spanrec_case_parse(&o, &usage, argc, argv);
	char date[SPANREC_TIME_BYTES];

	if (!rc)
		rc = change_holds(&o, &act, &ids);
	if (!rc && !spanrec->quiet) {
		spanrec_case_date(spanrec, act.review_ns, date);
		fprintf(spanrec->out,
			"%u segment%s held for %s, to be looked at on %s\n",
			act.count, act.count == 1 ? "" : "s", act.of.name,
			date);
	}
	spanrec_ids_fini(&ids);
	return rc;
}

static int
hold_end(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "ID...",
		.doc =
		    "End the hold of recordings for a case, or a request, that "
		    "stays open.\v"
		    "They are deleted by the policy again, but not within "
		    "seven days, and not before the retention class of the "
		    "case, counted from now, is over. Another search for a "
		    "request does not hold them again.\n\n"
		    "Example:\n"
		    "  spanrec hold end 20190328T141503Z-k7q2 --case CMP-9 "
		    "--reason \"another call\"\n",
		.takes = SPANREC_CASE_CASE | SPANREC_CASE_REASON,
		.needs = SPANREC_CASE_CASE | SPANREC_CASE_REASON,
		.what = "recording",
		.many = true,
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct store_act act = { .type = STORE_ACT_END };
	struct spanrec_ids ids = { 0 };
	int rc = spanrec_case_parse(&o, &usage, argc, argv);

	if (!rc)
		rc = change_holds(&o, &act, &ids);
	if (!rc && !spanrec->quiet)
		fprintf(spanrec->out,
			"%u segment%s no longer held for %s; 'spanrec hold "
			"list' says until when %s kept\n",
			act.count, act.count == 1 ? "" : "s", act.of.name,
			act.count == 1 ? "it is" : "they are");
	spanrec_ids_fini(&ids);
	return rc;
}

/* ---- list ---------------------------------------------------------------- */

struct listing {
	struct spanrec *spanrec;
	json_t *list;
	bool due;
	struct spanrec_asked asked;
};

static int
set_time(json_t *row, const char *name, int64_t time_ns)
{
	char text[SPANREC_TIME_BYTES] = "";

	if (time_ns)
		spanrec_time_utc(time_ns, text);
	return json_object_set_new(row, name,
				   *text ? json_string(text) : json_null());
}

static const char *
state_of(const struct spanrec *spanrec, const struct store_hold *hold,
	 const struct store_segment *segment)
{
	if (segment->state == STORE_STATE_PURGED)
		return "deleted";
	if (hold->ended_ns)
		return segment->state == STORE_STATE_HELD ? "held otherwise"
							  : "to be deleted";
	return hold->review_ns <= spanrec->now_ns ? "review is due" : "held";
}

/* @return 0, -ENOMEM */
static int
add_hold(struct listing *l, const struct store_hold *hold,
	 const struct store_segment *segment)
{
	const struct spanrec *spanrec = l->spanrec;
	const bool held = segment->state == STORE_STATE_HELD;
	struct policy_clock clock = { 0 };
	json_t *row = json_object();
	int64_t gone_ns;

	(void)!clocks_of(spanrec->clocks, spanrec->archive, spanrec->policy,
			 segment, &clock);
	gone_ns = segment->state == STORE_STATE_PURGED ? segment->purged_ns
		  : held                               ? 0
						       : clock.due_ns;
	if (!row || spanrec_json_set(row, "id", hold->id) ||
	    spanrec_json_set(row, "case", hold->name) ||
	    spanrec_json_set(row, "state", state_of(spanrec, hold, segment)) ||
	    set_time(row, "held", hold->held_ns) ||
	    set_time(row, "review", hold->review_ns) ||
	    set_time(row, "ended", hold->ended_ns) ||
	    set_time(row, "gone", gone_ns) ||
	    spanrec_json_set(row, "approver", hold->approver) ||
	    spanrec_json_set(row, "by", hold->by) ||
	    spanrec_json_set(row, "reason", hold->reason) ||
	    set_time(row, "reviewed", hold->reviewed_ns) ||
	    spanrec_json_set(row, "reviewed_by", hold->reviewed_by) ||
	    spanrec_json_set(row, "review_reason", hold->review_reason) ||
	    spanrec_json_set(row, "ended_by", hold->ended_by) ||
	    spanrec_json_set(row, "end_reason", hold->end_reason) ||
	    json_array_append(l->list, row)) {
		json_decref(row);
		return -ENOMEM;
	}
	json_decref(row);
	return 0;
}

static int
see_hold(void *ctx, const struct store_hold *hold)
{
	struct listing *l = ctx;
	struct store_segment segment;
	int r;

	if (l->due && (hold->ended_ns || hold->review_ns > l->spanrec->now_ns))
		return 0;
	r = store_segment_get(l->spanrec->archive, hold->id, &segment);
	if (r == -ENOENT)
		return 0;
	if (r)
		return r;
	if (!spanrec_may_area(l->spanrec, &l->asked, segment.area))
		return 0;
	return add_hold(l, hold, &segment);
}

int
spanrec_holds_json(struct spanrec *spanrec, const char *name, bool due,
		   json_t *list)
{
	struct listing l = { .spanrec = spanrec,
			     .list = list,
			     .due = due,
			     .asked.right = POLICY_RIGHT_HOLD };
	int r = list ? store_holds(spanrec->archive, name, NULL, see_hold, &l)
		     : -ENOMEM;

	if (!r)
		return 0;
	log_error("the holds cannot be read: %s", strerror(-r));
	return exit_code(r);
}

static const char *const headings[] = { "ID",       "CASE",  "HELD SINCE",
					"REVIEW",   "STATE", "UNTIL",
					"APPROVER", "REASON" };
static const char *const members[] = { "id",    "case", "held",     "review",
				       "state", "gone", "approver", "reason" };
static const char *const names[] = {
	"id",       "case",        "state",         "held",     "review",
	"ended",    "gone",        "approver",      "by",       "reason",
	"reviewed", "reviewed_by", "review_reason", "ended_by", "end_reason"
};

/* Days are enough, but for when it goes. */
static const char *
cell(const struct spanrec *spanrec, const json_t *row, size_t column,
     char text[SPANREC_TIME_BYTES])
{
	const char *value = spanrec_json_text(row, members[column]);

	if (column != 2 && column != 3 && column != 5)
		return value;
	spanrec_rows_time(spanrec, value, text);
	text[strcspn(text, " ")] = '\0';
	return text;
}

int
spanrec_holds_print(struct spanrec *spanrec, const char *name, bool due,
		    enum spanrec_format format)
{
	static const struct spanrec_rows rows = {
		.headings = headings,
		.headings_count = sizeof(headings) / sizeof(*headings),
		.cell = cell,
		.may_be_cut = 1 << 6 | 1 << 7,
		.names = names,
		.names_count = sizeof(names) / sizeof(*names),
		.none = "Nothing is held.",
	};
	json_t *list = json_array();
	int rc = spanrec_holds_json(spanrec, name, due, list);

	if (!rc)
		rc = spanrec_rows_print(spanrec, &rows, list, format);
	json_decref(list);
	return rc;
}

static int
hold_list(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "",
		.doc = "Show what is held, for which case, until when.\v"
		       "What was held stays in the list until it is gone: "
		       "UNTIL is when it will be deleted, or was. It shows "
		       "what is of areas for which you may hold.\n\n"
		       "Examples:\n"
		       "  spanrec hold list\n"
		       "  spanrec hold list --due-review\n",
		.takes =
		    SPANREC_CASE_DUE | SPANREC_CASE_CASE | SPANREC_CASE_LIST,
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	int rc = spanrec_case_parse(&o, &usage, argc, argv);

	struct store_case found;

	if (!rc)
		rc = spanrec_open(spanrec, STORE_READ);
	if (!rc)
		rc = spanrec_may_some(spanrec, POLICY_RIGHT_HOLD);
	if (!rc && o.name)
		rc = spanrec_case_any(spanrec, o.name, &found);
	return rc ? rc : spanrec_holds_print(spanrec, o.name, o.due, o.format);
}

int
spanrec_hold(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_action list[] = {
		{ "add", "ID... --case C ...", "do not delete a recording",
		  hold_add },
		{ "list", "[--due-review]", "what is held, why, until when",
		  hold_list },
		{ "review", "ID... --case C --until D ...",
		  "it is needed for longer", hold_review },
		{ "end", "ID... --case C ...", "let it be deleted in its time",
		  hold_end },
	};
	static const struct spanrec_actions actions = {
		.command = "hold",
		.summary =
		    "Recordings that are needed for longer than the "
		    "policy keeps them: for a case, with a reason, "
		    "somebody who allowed it, and a day on which that is "
		    "looked at again.",
		.list = list,
		.count = sizeof(list) / sizeof(*list),
	};

	return spanrec_actions_run(spanrec, &actions, argc, argv);
}
