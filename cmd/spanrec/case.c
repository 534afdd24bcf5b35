/* SPDX-License-Identifier: GPL-3.0-or-later */
/* case: what recordings are held for. */
#include "cmd/spanrec/cases_priv.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "store/cases.h"

/* ---- open, close --------------------------------------------------------- */

static int
case_open(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "CASE",
		.doc = "Open a case, for which recordings can be held.\v"
		       "Example:\n"
		       "  spanrec case open CMP-9 --title \"complaint about "
		       "billing\" --approver j.smith --then complaints\n",
		.takes = SPANREC_CASE_TITLE | SPANREC_CASE_APPROVER |
			 SPANREC_CASE_THEN,
		.needs = SPANREC_CASE_TITLE | SPANREC_CASE_APPROVER,
		.what = "case",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct store_act act = { .type = STORE_ACT_OPEN };
	int rc = spanrec_case_parse(&o, &usage, argc, argv);

	if (!rc)
		rc = spanrec_open_beside(spanrec, STORE_WRITE);
	if (!rc)
		rc = spanrec_case_text(act.of.name, sizeof(act.of.name), "case",
				       o.name);
	if (!rc)
		rc = spanrec_case_text(act.of.title, sizeof(act.of.title),
				       "title", o.title);
	if (!rc)
		rc = spanrec_case_text(act.of.approver, sizeof(act.of.approver),
				       "approver", o.approver);
	if (!rc)
		rc = spanrec_case_text(act.of.then, sizeof(act.of.then), "then",
				       o.then);
	if (!rc)
		rc = spanrec_case_act(spanrec, &act);
	if (!rc && !spanrec->quiet)
		fprintf(spanrec->out, "case %s is open\n", act.of.name);
	return rc;
}

static int
case_close(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "CASE",
		.doc = "Close a case: what was held for it is deleted by the "
		       "policy again.\v"
		       "Nothing goes within seven days, nor before the "
		       "retention class of the case (--then when it was "
		       "opened), counted from now, is over. What will go, and "
		       "when, is printed.\n\n"
		       "Example:\n"
		       "  spanrec case close CMP-9 --reason \"answered\"\n",
		.takes = SPANREC_CASE_REASON,
		.needs = SPANREC_CASE_REASON,
		.what = "case",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct store_act act = { .type = STORE_ACT_CLOSE };
	struct store_case found;
	int rc = spanrec_case_parse(&o, &usage, argc, argv);

	if (!rc)
		rc = spanrec_open_beside(spanrec, STORE_WRITE);
	if (!rc)
		rc = spanrec_may_all(spanrec, POLICY_RIGHT_HOLD);
	if (!rc)
		rc = spanrec_case_get(spanrec, o.name, STORE_CASE, &found);
	if (!rc)
		rc = spanrec_case_text(act.reason, sizeof(act.reason), "reason",
				       o.reason);
	if (rc)
		return rc;
	memcpy(act.of.name, found.name, sizeof(act.of.name));
	rc = spanrec_case_act(spanrec, &act);
	if (rc || spanrec->quiet)
		return rc;
	fprintf(spanrec->out, "case %s is closed\n", act.of.name);
	return spanrec_holds_print(spanrec, act.of.name, false, SPANREC_TABLE);
}

/* ---- list, show ---------------------------------------------------------- */

static int
set_time(json_t *row, const char *name, int64_t time_ns)
{
	char text[SPANREC_TIME_BYTES] = "";

	if (time_ns)
		spanrec_time_utc(time_ns, text);
	return json_object_set_new(row, name,
				   *text ? json_string(text) : json_null());
}

/* @return NULL: no memory */
static json_t *
case_json(const struct store_case *found)
{
	json_t *row = json_object();

	if (row && !spanrec_json_set(row, "case", found->name) &&
	    !spanrec_json_set(row, "title", found->title) &&
	    !spanrec_json_set(row, "state",
			      found->closed_ns ? "closed" : "open") &&
	    !spanrec_json_set(row, "approver", found->approver) &&
	    !spanrec_json_set(row, "then", found->then) &&
	    !set_time(row, "opened", found->opened_ns) &&
	    !spanrec_json_set(row, "opened_by", found->opened_by) &&
	    !set_time(row, "closed", found->closed_ns) &&
	    !spanrec_json_set(row, "closed_by", found->closed_by) &&
	    !spanrec_json_set(row, "outcome", found->outcome))
		return row;
	json_decref(row);
	return NULL;
}

static int
add_case(void *ctx, const struct store_case *found)
{
	if (found->kind != STORE_CASE)
		return 0;
	return json_array_append_new(ctx, case_json(found)) ? -ENOMEM : 0;
}

static const char *const headings[] = { "CASE",     "STATE", "OPENED", "CLOSED",
					"APPROVER", "THEN",  "TITLE" };
static const char *const members[] = { "case",     "state", "opened", "closed",
				       "approver", "then",  "title" };
static const char *const names[] = { "case",      "title",  "state",
				     "approver",  "then",   "opened",
				     "opened_by", "closed", "closed_by",
				     "outcome" };

static const char *
cell(const struct spanrec *spanrec, const json_t *row, size_t column,
     char text[SPANREC_TIME_BYTES])
{
	const char *value = spanrec_json_text(row, members[column]);

	if (column != 2 && column != 3)
		return value;
	spanrec_rows_time(spanrec, value, text);
	text[strcspn(text, " ")] = '\0';
	return text;
}

static int
case_list(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "",
		.doc = "Show all cases.",
		.takes = SPANREC_CASE_LIST,
	};
	static const struct spanrec_rows rows = {
		.headings = headings,
		.headings_count = sizeof(headings) / sizeof(*headings),
		.cell = cell,
		.may_be_cut = 1 << 4 | 1 << 6,
		.names = names,
		.names_count = sizeof(names) / sizeof(*names),
		.none = "There are no cases.",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	json_t *list = NULL;
	int rc = spanrec_case_parse(&o, &usage, argc, argv), r;

	if (!rc)
		rc = spanrec_open(spanrec, STORE_READ);
	if (!rc)
		rc = spanrec_may_all(spanrec, POLICY_RIGHT_HOLD);
	if (rc)
		return rc;
	list = json_array();
	r = list ? store_cases(spanrec->archive, add_case, list) : -ENOMEM;
	if (r) {
		log_error("the cases cannot be read: %s", strerror(-r));
		rc = exit_code(r);
	} else {
		rc = spanrec_rows_print(spanrec, &rows, list, o.format);
	}
	json_decref(list);
	return rc;
}

static int
show_json(struct spanrec *spanrec, const struct store_case *found)
{
	json_t *row = case_json(found), *list = json_array();
	int rc = spanrec_holds_json(spanrec, found->name, false, list);

	if (!rc && (!row || json_object_set(row, "holds", list)))
		rc = EXIT_FAILED;
	if (!rc)
		rc = spanrec_json_print_ascii(spanrec->out, row);
	json_decref(list);
	json_decref(row);
	return rc;
}

/* What others wrote does nothing to a terminal. */
static void
print_words(FILE *to, const char *before, const char *words, const char *after)
{
	char clean[SPANREC_TEXT_BYTES];

	fprintf(to, "%s%s%s", before,
		spanrec_text_clean(words, clean, sizeof(clean)), after);
}

static int
show_text(struct spanrec *spanrec, const struct store_case *found)
{
	char date[SPANREC_TIME_BYTES];
	FILE *to = spanrec->out;

	print_words(to, "Case      ", found->name, ": ");
	print_words(to, "", found->title, "\n");
	spanrec_case_date(spanrec, found->opened_ns, date);
	fprintf(to, "Opened    %s", date);
	print_words(to, " by ", found->opened_by, "");
	print_words(to, ", approved by ", found->approver, "\n");
	if (*found->then)
		print_words(to, "Then      retention class '", found->then,
			    "', from when it is closed\n");
	else
		fprintf(to, "Then      the retention class of each recording, "
			    "from when it is closed\n");
	if (found->closed_ns) {
		spanrec_case_date(spanrec, found->closed_ns, date);
		fprintf(to, "Closed    %s", date);
		print_words(to, " by ", found->closed_by, ": ");
		print_words(to, "", found->outcome, "\n");
	}
	fputc('\n', to);
	return spanrec_holds_print(spanrec, found->name, false, SPANREC_TABLE);
}

static int
case_show(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "CASE",
		.doc = "Show a case, and what is or was held for it.",
		.takes = SPANREC_CASE_LIST,
		.what = "case",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct store_case found;
	int rc = spanrec_case_parse(&o, &usage, argc, argv);

	if (!rc)
		rc = spanrec_open(spanrec, STORE_READ);
	if (!rc)
		rc = spanrec_may_all(spanrec, POLICY_RIGHT_HOLD);
	if (!rc)
		rc = spanrec_case_get(spanrec, o.name, STORE_CASE, &found);
	if (rc)
		return rc;
	switch (o.format) {
	case SPANREC_JSON:
		return show_json(spanrec, &found);
	case SPANREC_CSV:
		return spanrec_holds_print(spanrec, found.name, false,
					   SPANREC_CSV);
	default:
		return show_text(spanrec, &found);
	}
}

int
spanrec_case(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_action list[] = {
		{ "open", "CASE --title T ...", "open a case", case_open },
		{ "list", "", "all cases", case_list },
		{ "show", "CASE", "one, with what is held for it", case_show },
		{ "close", "CASE --reason R", "close it, and end its holds",
		  case_close },
	};
	static const struct spanrec_actions actions = {
		.command = "case",
		.summary =
		    "What recordings are held for: a complaint, a "
		    "dispute, an investigation. When a case is closed, a "
		    "retention class counts from then.",
		.list = list,
		.count = sizeof(list) / sizeof(*list),
	};

	return spanrec_actions_run(spanrec, &actions, argc, argv);
}
