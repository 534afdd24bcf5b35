/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists that a recorder tells, as a table, as JSON, as CSV. */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <jansson.h>
#include <libsmartcols/libsmartcols.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

/* ---- table ------------------------------------------------------------- */

const char *
spanrec_rows_time(const struct spanrec *spanrec, const char *utc,
		  char text[SPANREC_TIME_BYTES])
{
	int64_t time_ns;

	if (!spanrec_time_utc_parse(utc, &time_ns))
		spanrec_time_local(spanrec->zone, time_ns, text);
	else
		snprintf(text, SPANREC_TIME_BYTES, "%s", utc);
	return text;
}

/* @return 0, -ENOMEM */
static int
table_row(const struct spanrec *spanrec, const struct spanrec_rows *rows,
	  struct libscols_table *table, const json_t *row)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	char clean[SPANREC_TEXT_BYTES], time[SPANREC_TIME_BYTES];
	size_t i;

	if (!line)
		return -ENOMEM;
	for (i = 0; i < rows->headings_count; i++) {
		const char *cell = rows->cell(spanrec, row, i, time);

		spanrec_text_clean(cell, clean, sizeof(clean));
		if (scols_line_set_data(line, i, clean))
			return -ENOMEM;
	}
	return 0;
}

/* @return 0, -ENOMEM */
static int
print_table(const struct spanrec *spanrec, const struct spanrec_rows *rows,
	    const json_t *list)
{
	struct libscols_table *table = scols_new_table();
	size_t i;
	int rc = table ? 0 : -ENOMEM;

	if (!rc)
		scols_table_set_stream(table, spanrec->out);
	for (i = 0; !rc && i < rows->headings_count; i++) {
		int flags = rows->may_be_cut >> i & 1 ? SCOLS_FL_TRUNC : 0;

		if (!scols_table_new_column(table, rows->headings[i], 0, flags))
			rc = -ENOMEM;
	}
	for (i = 0; !rc && i < json_array_size(list); i++)
		rc = table_row(spanrec, rows, table, json_array_get(list, i));
	if (!rc && i)
		rc = scols_print_table(table) ? -ENOMEM : 0;
	else if (!rc && !spanrec->quiet)
		fprintf(spanrec->out, "%s\n", rows->none);
	if (table)
		scols_unref_table(table);
	return rc;
}

/* ---- CSV --------------------------------------------------------------- */

void
spanrec_csv_list(FILE *to, const json_t *list)
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
		spanrec_csv_list(to, value);
	else if (json_is_boolean(value))
		fputs(json_is_true(value) ? "true" : "false", to);
}

static void
print_csv(FILE *to, const struct spanrec_rows *rows, const json_t *list)
{
	size_t i, j;

	for (j = 0; j < rows->names_count; j++)
		fprintf(to, "%s%s", j ? "," : "", rows->names[j]);
	fputs("\r\n", to);
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *row = json_array_get(list, i);

		for (j = 0; j < rows->names_count; j++) {
			if (j)
				fputc(',', to);
			csv_value(to, json_object_get(row, rows->names[j]));
		}
		fputs("\r\n", to);
	}
}

int
spanrec_rows_skipped(uint64_t skipped)
{
	if (!skipped)
		return 0;
	log_error("%" PRIu64 " %s of the index cannot be read and %s not "
		  "shown; 'spanrec verify' names them",
		  skipped, skipped == 1 ? "entry" : "entries",
		  skipped == 1 ? "is" : "are");
	return EXIT_DAMAGED;
}

int
spanrec_rows_complete(const struct spanrec *spanrec)
{
	return spanrec_rows_skipped(store_rows_skipped(spanrec->archive));
}

/* ---- all three --------------------------------------------------------- */

/* @return exit code */
static int
print_json(FILE *to, const json_t *list)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < json_array_size(list); i++)
		rc = spanrec_json_print_ascii(to, json_array_get(list, i));
	return rc;
}

int
spanrec_rows_print(const struct spanrec *spanrec,
		   const struct spanrec_rows *rows, const json_t *list,
		   enum spanrec_format format)
{
	if (format == SPANREC_JSON)
		return print_json(spanrec->out, list);
	if (format == SPANREC_CSV) {
		print_csv(spanrec->out, rows, list);
		return 0;
	}
	if (!print_table(spanrec, rows, list))
		return 0;
	log_error("not enough memory");
	return EXIT_FAILED;
}
