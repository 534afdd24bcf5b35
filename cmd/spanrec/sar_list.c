/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests, for those who may see of whom they are. */
#include "cmd/spanrec/sar_priv.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/common/request.h"
#include "store/cases.h"

/* ---- a request as JSON --------------------------------------------------- */

static int
set_day(json_t *row, const char *name, const struct spanrec *spanrec,
	int64_t time_ns)
{
	char day[REQUEST_DAY_BYTES];

	return json_object_set_new(
	    row, name,
	    time_ns ? json_string(request_day(spanrec->zone, time_ns, day))
		    : json_null());
}

static json_t *
subjects_json(const struct store_case *sar)
{
	json_t *list = json_array();
	const char *line = sar->subjects;
	size_t n;

	for (; *line; line += n + (line[n] == '\n')) {
		n = strcspn(line, "\n");
		if (json_array_append_new(list, json_stringn(line, n)))
			break;
	}
	return list;
}

static json_t *
searches_json(const struct store_case *sar)
{
	json_t *list = json_array();

	for (size_t i = 0; i < store_case_searches(sar); i++) {
		const struct store_case_search *search = &sar->searches[i];
		char searched[SPANREC_TIME_BYTES], from[SPANREC_TIME_BYTES],
		    to[SPANREC_TIME_BYTES];

		spanrec_time_utc(search->time_ns, searched);
		spanrec_time_utc(search->from_ns, from);
		spanrec_time_utc(search->to_ns, to);
		if (json_array_append_new(
			list, json_pack("{ss ss? ss? si}", "searched", searched,
					"from", search->from_ns ? from : NULL,
					"to", search->to_ns ? to : NULL,
					"found", (int)search->found)))
			break;
	}
	return list;
}

/* @return NULL: no memory */
static json_t *
sar_json(const struct spanrec *spanrec, const struct store_case *sar)
{
	const struct policy_zone *zone = spanrec->zone;
	const int64_t now_ns = spanrec->now_ns;
	char due[REQUEST_DAY_BYTES];
	json_t *row = json_object();

	if (row && !spanrec_json_set(row, "name", sar->name) &&
	    !spanrec_json_set(row, "state", request_state(zone, sar, now_ns)) &&
	    !json_object_set_new(row, "subjects", subjects_json(sar)) &&
	    !spanrec_json_set(row, "requester", sar->title) &&
	    !set_day(row, "received", spanrec, sar->received_ns) &&
	    !spanrec_json_set(row, "clock", sar->law) &&
	    !json_object_set_new(
		row, "paused_days",
		json_integer(request_paused_days(zone, sar, now_ns))) &&
	    !set_day(row, "extended", spanrec, sar->extended_ns) &&
	    !spanrec_json_set(row, "due",
			      request_due(zone, sar, now_ns, due)) &&
	    !set_day(row, "sent", spanrec, sar->answered_ns) &&
	    !json_object_set_new(
		row, "days_late",
		json_integer(request_days_late(zone, sar, now_ns))) &&
	    !json_object_set_new(row, "searches", searches_json(sar)))
		return row;
	json_decref(row);
	return NULL;
}

/* ---- list ---------------------------------------------------------------- */

struct listing {
	struct spanrec *spanrec;
	json_t *list;
};

static int
add_sar(void *ctx, const struct store_case *sar)
{
	struct listing *l = ctx;

	if (sar->kind != STORE_CASE_SAR)
		return 0;
	return json_array_append_new(l->list, sar_json(l->spanrec, sar))
		   ? -ENOMEM
		   : 0;
}

enum { SUBJECT = 2, PAUSED = 6 };

static const char *const headings[] = { "NAME",     "STATE", "SUBJECT",
					"RECEIVED", "CLOCK", "EXTENDED",
					"PAUSED",   "DUE",   "SENT",
					"REQUESTER" };
static const char *const members[] = { "name",        "state", "subjects",
				       "received",    "clock", "extended",
				       "paused_days", "due",   "sent",
				       "requester" };
static const char *const names[] = { "name",        "state",    "subjects",
				     "requester",   "received", "clock",
				     "paused_days", "extended", "due",
				     "sent",        "days_late" };

static const char *
cell(const struct spanrec *spanrec, const json_t *row, size_t column,
     char text[SPANREC_TIME_BYTES])
{
	const json_t *member = json_object_get(row, members[column]);
	size_t count = json_array_size(member);
	json_int_t days = json_integer_value(member);

	(void)spanrec;
	if (column == SUBJECT && count < 2)
		return count ? json_string_value(json_array_get(member, 0))
			     : "";
	if (column == SUBJECT)
		snprintf(text, SPANREC_TIME_BYTES, "%.24s +%zu",
			 json_string_value(json_array_get(member, 0)),
			 count - 1);
	else if (column == PAUSED && days)
		snprintf(text, SPANREC_TIME_BYTES, "%d day%s", (int)days,
			 days == 1 ? "" : "s");
	else
		return column == PAUSED
			   ? ""
			   : spanrec_json_text(row, members[column]);
	return text;
}

int
spanrec_sar_list(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "",
		.doc = "Show all requests, and by when they have to be "
		       "answered.\v"
		       "PAUSED is for how many days the clock stood still, DUE "
		       "the last day with them.\n",
		.takes = SPANREC_CASE_LIST,
	};
	static const struct spanrec_rows rows = {
		.headings = headings,
		.headings_count = sizeof(headings) / sizeof(*headings),
		.cell = cell,
		.may_be_cut = 1 << 9,
		.names = names,
		.names_count = sizeof(names) / sizeof(*names),
		.none = "There are no requests.",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct listing l = { .spanrec = spanrec };
	int rc = spanrec_sar_begin(&o, &usage, argc, argv, STORE_READ), r;

	if (rc)
		return rc;
	l.list = json_array();
	r = l.list ? store_cases(spanrec->archive, add_sar, &l) : -ENOMEM;
	if (r) {
		log_error("the requests cannot be read: %s", strerror(-r));
		rc = exit_code(r);
	} else {
		rc = spanrec_rows_print(spanrec, &rows, l.list, o.format);
	}
	json_decref(l.list);
	return rc;
}

/* ---- show ---------------------------------------------------------------- */

void
spanrec_sar_print_answer(const struct spanrec *spanrec,
			 const struct store_case *sar)
{
	const uint32_t late =
	    request_days_late(spanrec->zone, sar, spanrec->now_ns);
	char day[REQUEST_DAY_BYTES];

	fprintf(spanrec->out, "%s was answered on %s", sar->name,
		request_day(spanrec->zone, sar->answered_ns, day));
	if (late)
		fprintf(spanrec->out, ", %u day%s late: it was due by %s", late,
			late == 1 ? "" : "s",
			request_due(spanrec->zone, sar, spanrec->now_ns, day));
	fputc('\n', spanrec->out);
}

static int
show_text(struct spanrec *spanrec, const struct store_case *sar)
{
	char day[REQUEST_DAY_BYTES], words[REQUEST_WORDS_BYTES],
	    period[2 * SPANREC_TIME_BYTES + 16], subjects[SPANREC_TEXT_BYTES],
	    clean[SPANREC_TEXT_BYTES];
	const struct policy_zone *zone = spanrec->zone;
	FILE *to = spanrec->out;

	fprintf(to, "Request   %s%s%s\n", sar->name, *sar->title ? ": " : "",
		spanrec_text_clean(sar->title, clean, sizeof(clean)));
	fprintf(to, "Subject   %s\n", spanrec_sar_subjects(sar, subjects));
	fprintf(to, "State     %s\n",
		request_state(zone, sar, spanrec->now_ns));
	fprintf(to, "Received  %s, noted by %s\n",
		request_day(zone, sar->received_ns, day), sar->opened_by);
	fprintf(to, "Due       %s (%s)\n",
		request_due(zone, sar, spanrec->now_ns, day),
		request_due_words(zone, sar, spanrec->now_ns, words));
	if (sar->paused_ns && !sar->closed_ns)
		fprintf(to, "Paused    since %s\n",
			request_day(zone, sar->paused_ns, day));
	for (size_t i = 0; i < store_case_searches(sar); i++)
		fprintf(to, "Searched  %s: calls %s, %u found\n",
			request_day(zone, sar->searches[i].time_ns, day),
			spanrec_sar_period(spanrec, &sar->searches[i], period),
			sar->searches[i].found);
	if (sar->closed_ns)
		spanrec_sar_print_answer(spanrec, sar);
	fputc('\n', to);
	return spanrec_holds_print(spanrec, sar->name, false, SPANREC_TABLE);
}

static int
show_json(struct spanrec *spanrec, const struct store_case *sar)
{
	json_t *row = sar_json(spanrec, sar), *list = json_array();
	int rc = spanrec_holds_json(spanrec, sar->name, false, list);

	if (!rc && (!row || json_object_set(row, "holds", list)))
		rc = EXIT_FAILED;
	if (!rc)
		rc = spanrec_json_print_ascii(spanrec->out, row);
	json_decref(list);
	json_decref(row);
	return rc;
}

int
spanrec_sar_show(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_case_usage usage = {
		.arguments = "NAME",
		.doc = "Show a request: when it is due and why then, what was "
		       "searched for it, and what is or was held.",
		.takes = SPANREC_CASE_JSON,
		.what = "request",
	};
	struct spanrec_case_options o = { .spanrec = spanrec };
	struct store_case sar;
	int rc = spanrec_sar_begin(&o, &usage, argc, argv, STORE_READ);

	if (!rc)
		rc = spanrec_case_get(spanrec, o.name, STORE_CASE_SAR, &sar);
	if (rc)
		return rc;
	return o.format == SPANREC_JSON ? show_json(spanrec, &sar)
					: show_text(spanrec, &sar);
}
