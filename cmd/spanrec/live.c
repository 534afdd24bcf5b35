/* SPDX-License-Identifier: GPL-3.0-or-later */
/* list --live: the calls that are in progress, as the recorder knows them. */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>
#include <libsmartcols/libsmartcols.h>

#include "cmd/common/control.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"

/* @return exit code */
static int
no_memory(void)
{
	log_error("not enough memory");
	return EXIT_FAILED;
}

/* ---- table ------------------------------------------------------------- */

static const char *const headings[] = {
	"START", "FROM",     "TO",     "LOCAL", "WAY",
	"KIND",  "DECISION", "PAUSED", "ID",
};
#define COLUMNS (sizeof(headings) / sizeof(*headings))

/* In the time zone of the site; what is no time, as it is. */
static const char *
local_time(const struct spanrec *spanrec, const char *utc,
	   char text[SPANREC_TIME_BYTES])
{
	int64_t time_ns;

	if (!spanrec_time_utc_parse(utc, &time_ns))
		spanrec_time_local(spanrec->zone, time_ns, text);
	else
		snprintf(text, SPANREC_TIME_BYTES, "%s", utc);
	return text;
}

static const char *
paused_text(const struct spanrec *spanrec, const json_t *call,
	    char text[SPANREC_TIME_BYTES])
{
	const char *since = spanrec_json_text(call, "paused_since");

	if (!json_is_true(json_object_get(call, "paused")))
		return "";
	if (!*since)
		return "yes";
	local_time(spanrec, since, text);
	/* the time of day: calls do not last for days */
	return strlen(text) > 11 ? text + 11 : text;
}

/* @return 0, -ENOMEM */
static int
table_row(const struct spanrec *spanrec, struct libscols_table *table,
	  const json_t *call)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	char start[SPANREC_TIME_BYTES], paused[SPANREC_TIME_BYTES];
	const char *const cells[COLUMNS] = {
		local_time(spanrec, spanrec_json_text(call, "start"), start),
		spanrec_json_text(call, "from"),
		spanrec_json_text(call, "to"),
		spanrec_json_text(call, "local"),
		spanrec_json_text(call, "direction"),
		spanrec_json_text(call, "kind"),
		spanrec_json_text(call, "decision"),
		paused_text(spanrec, call, paused),
		spanrec_json_text(call, "id"),
	};
	char clean[SPANREC_TEXT_BYTES];
	size_t i;

	if (!line)
		return -ENOMEM;
	for (i = 0; i < COLUMNS; i++) {
		spanrec_text_clean(cells[i], clean, sizeof(clean));
		if (scols_line_set_data(line, i, clean))
			return -ENOMEM;
	}
	return 0;
}

/* @return exit code */
static int
print_table(const struct spanrec *spanrec, const json_t *calls)
{
	struct libscols_table *table = scols_new_table();
	size_t i;
	int rc = table ? 0 : -ENOMEM;

	if (!rc)
		scols_table_set_stream(table, spanrec->out);
	for (i = 0; !rc && i < COLUMNS; i++) {
		if (!scols_table_new_column(table, headings[i], 0,
					    i == 1 || i == 2 ? SCOLS_FL_TRUNC
							     : 0))
			rc = -ENOMEM;
	}
	for (i = 0; !rc && i < json_array_size(calls); i++)
		rc = table_row(spanrec, table, json_array_get(calls, i));
	if (!rc && i)
		rc = scols_print_table(table) ? -ENOMEM : 0;
	else if (!rc && !spanrec->quiet)
		fputs("No calls in progress.\n", spanrec->out);
	if (table)
		scols_unref_table(table);
	return rc ? no_memory() : 0;
}

/* ---- CSV --------------------------------------------------------------- */

/* Texts, with blanks between. */
static void
csv_list(FILE *to, const json_t *list)
{
	char clean[SPANREC_TEXT_BYTES], text[SPANREC_TEXT_BYTES] = "";
	size_t used = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *one = json_string_value(json_array_get(list, i));
		size_t room = sizeof(text) - used;
		int n = snprintf(
		    text + used, room, "%s%s", used ? " " : "",
		    spanrec_text_clean(one ? one : "", clean, sizeof(clean)));

		used += (size_t)n < room ? (size_t)n : room - 1;
	}
	spanrec_csv_field(to, text);
}

static void
csv_value(FILE *to, const json_t *value)
{
	char clean[SPANREC_TEXT_BYTES];

	if (json_is_string(value))
		spanrec_csv_field(to,
				  spanrec_text_clean(json_string_value(value),
						     clean, sizeof(clean)));
	else if (json_is_integer(value))
		fprintf(to, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_array(value))
		csv_list(to, value);
	else if (json_is_boolean(value))
		fputs(json_is_true(value) ? "true" : "false", to);
}

static void
print_csv(const struct spanrec *spanrec, const json_t *calls)
{
	static const char *const names[] = {
		"id",           "segment",      "kind",      "from", "to",
		"local",        "remote",       "direction", "area", "start",
		"answer",       "decision",     "reason",    "rule", "paused",
		"paused_since", "sip_call_ids",
	};
	const size_t count = sizeof(names) / sizeof(*names);
	size_t i, j;

	for (j = 0; j < count; j++)
		fprintf(spanrec->out, "%s%s", j ? "," : "", names[j]);
	fputs("\r\n", spanrec->out);
	for (i = 0; i < json_array_size(calls); i++) {
		for (j = 0; j < count; j++) {
			if (j)
				fputc(',', spanrec->out);
			csv_value(spanrec->out,
				  json_object_get(json_array_get(calls, i),
						  names[j]));
		}
		fputs("\r\n", spanrec->out);
	}
}

/* ---- all three --------------------------------------------------------- */

/* @return exit code */
static int
print_json(const struct spanrec *spanrec, const json_t *calls)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < json_array_size(calls); i++)
		rc = spanrec_json_print_ascii(spanrec->out,
					      json_array_get(calls, i));
	return rc;
}

int
spanrec_live(struct spanrec *spanrec, enum spanrec_format format)
{
	json_t *answer = NULL;
	const json_t *calls;
	int rc = spanrec_open_home(spanrec);

	if (!rc)
		rc = spanrec_ask(spanrec, json_pack("{ss}", "op", "calls"),
				 CONTROL_TIMEOUT_MS, &answer);
	if (rc)
		return rc;
	calls = json_object_get(answer, "calls");
	if (format == SPANREC_JSON)
		rc = print_json(spanrec, calls);
	else if (format == SPANREC_CSV)
		print_csv(spanrec, calls);
	else
		rc = print_table(spanrec, calls);
	json_decref(answer);
	return rc;
}
