/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A segment as a row of a table, as one JSON object a line, as a CSV line.
 * The JSON fields are a contract with other programs: they are only added to.
 */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <libsmartcols/libsmartcols.h>

#include "cmd/common/json.h"

struct spanrec_output {
	const struct spanrec *spanrec;
	enum spanrec_format format;
	struct libscols_table *table; /**< SPANREC_TABLE only */
	uint64_t count;
};

/* ---- what is said of a segment ----------------------------------------- */

bool
spanrec_segment_silent(const struct store_segment *segment)
{
	/* what a crash left counts chunks, but not what is in them */
	return segment->decision == STORE_RECORD && !segment->bytes &&
	       !segment->chunks && segment->state != STORE_STATE_RECORDING &&
	       segment->state != STORE_STATE_PURGED;
}

int64_t
spanrec_span_ns(int64_t from_ns, int64_t to_ns)
{
	int64_t span_ns;

	if (__builtin_sub_overflow(to_ns, from_ns, &span_ns))
		return to_ns < from_ns ? INT64_MIN : INT64_MAX;
	return span_ns;
}

int64_t
spanrec_seconds_stored(const struct store_segment *segment)
{
	int64_t length_ns = spanrec_span_ns(segment->start_ns, segment->end_ns);

	return length_ns > 0 && segment->chunks ? length_ns / 1000000000 : 0;
}

const char *
spanrec_segment_state(const struct store_segment *segment)
{
	if (segment->state == STORE_STATE_PURGED)
		return segment->gave_way ? "gave way"
					 : store_state_name(segment->state);
	if (spanrec_segment_silent(segment))
		return "no audio";
	if (segment->state == STORE_STATE_NONE)
		return store_decision_name(segment->decision);
	return store_state_name(segment->state);
}

bool
spanrec_encoding_untold(const char *encoding)
{
	return strncmp(encoding, "unknown-", 8) == 0;
}

static bool
stream_precedes(const struct store_stream *a, const struct store_stream *b)
{
	if (a->side != b->side)
		return a->side == STORE_LEFT;
	if (a->first_ns != b->first_ns)
		return a->first_ns < b->first_ns;
	return a->ssrc < b->ssrc;
}

void
spanrec_streams_sort(const struct store_segment *segment,
		     const struct store_stream *sorted[STORE_STREAMS_MAX])
{
	uint32_t i, j;

	for (i = 0; i < segment->streams_count; i++) {
		const struct store_stream *stream = &segment->streams[i];

		for (j = i; j > 0 && stream_precedes(stream, sorted[j - 1]);
		     j--)
			sorted[j] = sorted[j - 1];
		sorted[j] = stream;
	}
}

/* ---- JSON -------------------------------------------------------------- */

static json_t *
json_text(const char *text)
{
	char clean[SPANREC_TEXT_BYTES];

	return json_string(spanrec_text_clean(text, clean, sizeof(clean)));
}

static json_t *
json_count(uint64_t count)
{
	return json_integer((json_int_t)count);
}

/* Nobody knows its end yet; the row has its start there. */
static bool
is_running(const struct store_segment *segment)
{
	return segment->state == STORE_STATE_RECORDING;
}

/* Whole milliseconds, so that no digits are made up. */
static json_t *
json_duration(const struct store_segment *segment)
{
	int64_t length_ns = spanrec_span_ns(segment->start_ns, segment->end_ns);

	if (length_ns < 0 || is_running(segment))
		return json_null();
	return json_real((double)(length_ns - length_ns % 1000000) / 1e9);
}

static int
json_add_dropped(json_t *object, const struct store_stream *stream)
{
	json_t *dropped = json_object();
	int rc = 0;
	unsigned i;

	for (i = 0; i < STORE_REASON_COUNT; i++) {
		if (stream->dropped[i])
			rc |=
			    json_object_set_new(dropped, store_reason_name(i),
						json_count(stream->dropped[i]));
	}
	return rc | json_object_set_new(object, "dropped", dropped);
}

static json_t *
stream_json(const struct store_stream *stream)
{
	json_t *object = json_object();
	char ssrc[16];
	int rc = 0;

	snprintf(ssrc, sizeof(ssrc), "0x%08" PRIx32, stream->ssrc);
#define SET(name, value) rc |= json_object_set_new(object, name, value)
	SET("side", json_string(stream->side == STORE_LEFT ? "left" : "right"));
	SET("ssrc", json_string(ssrc));
	SET("codec", json_text(stream->codec));
	SET("packets", json_count(stream->seen));
	SET("lost", json_count(stream->lost));
	SET("late", json_count(stream->late));
	SET("duplicate", json_count(stream->duplicate));
	SET("gaps", json_count(stream->gaps));
	SET("seen", json_count(stream->seen));
	SET("stored", json_count(stream->stored));
	SET("expected", json_count(stream->expected));
#undef SET
	rc |= json_add_dropped(object, stream);
	rc |= json_object_set_new(object, "quality",
				  spanrec_quality_json(stream));
	if (rc) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static json_t *
streams_json(const struct store_segment *segment)
{
	const struct store_stream *sorted[STORE_STREAMS_MAX];
	json_t *array = json_array();
	uint32_t i;

	spanrec_streams_sort(segment, sorted);
	for (i = 0; i < segment->streams_count; i++) {
		if (json_array_append_new(array, stream_json(sorted[i]))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *
state_json(const struct store_segment *segment)
{
	if (segment->state == STORE_STATE_NONE)
		return json_null();
	return json_string(store_state_name(segment->state));
}

json_t *
spanrec_segment_json(const struct spanrec *spanrec,
		     const struct store_segment *segment)
{
	const char *unfinished = spanrec_unfinished(spanrec, segment);
	json_t *object = json_object();
	struct spanrec_until until;
	int rc = 0;

	/* of a class that no policy knows the clock is given all the same */
	if (spanrec_until(spanrec, segment, &until) == -ENOMEM)
		rc = -1;
#define SET(name, value) rc |= json_object_set_new(object, name, value)
	SET("id", json_text(segment->id));
	SET("call", json_text(segment->call));
	SET("segment", json_count(segment->segment));
	SET("kind", json_string(store_kind_name(segment->kind)));
	SET("from", json_text(segment->from));
	SET("to", json_text(segment->to));
	SET("local", json_text(segment->local));
	SET("remote", json_text(segment->remote));
	SET("direction", json_string(store_route_name(segment->direction)));
	SET("area", json_text(segment->area));
	SET("start", json_time(segment->start_ns));
	SET("end",
	    is_running(segment) ? json_null() : json_time(segment->end_ns));
	SET("duration_s", json_duration(segment));
	SET("decision", json_string(store_decision_name(segment->decision)));
	SET("reason", json_text(segment->reason));
	SET("rule", json_text(segment->rule));
	SET("state", state_json(segment));
	SET("floor", json_time(until.floor_ns));
	SET("ceiling", json_time(until.ceiling_ns));
	SET("due", json_time(until.due_ns));
	SET("streams", streams_json(segment));
	SET("mos", spanrec_mos_json(segment));
	SET("bytes", json_count(segment->bytes));
	SET("sip_call_ids", json_lines(segment->sip_call_ids, json_text));
	SET("began", json_text(segment->began));
	SET("ended", json_text(segment->end_cause));
	SET("from_sent", json_text(segment->from_sent));
	SET("to_sent", json_text(segment->to_sent));
	SET("from_name", json_text(segment->from_name));
	SET("to_name", json_text(segment->to_name));
	SET("others", json_lines(segment->others, json_text));
	SET("flags", spanrec_flags_json(segment));
	SET("dead_air_s", json_count(segment->dead_air_s));
	SET("deleted", json_time(segment->purged_ns));
	SET("note_until", json_time(until.note_ns));
	SET("gave_way", json_boolean(segment->gave_way));
	SET("unfinished", unfinished ? json_string(unfinished) : json_null());
#undef SET
	if (rc) {
		json_decref(object);
		return NULL;
	}
	return object;
}

int
spanrec_json_print(FILE *to, json_t *object)
{
	int rc;

	if (!object)
		return -ENOMEM;
	rc = json_dumpf(object, to, JSON_COMPACT | JSON_REAL_PRECISION(12));
	json_decref(object);
	fputc('\n', to);
	/* a full disk is reported once, when the stream is flushed at the end
	 */
	return rc && !ferror(to) ? -ENOMEM : 0;
}

/* ---- CSV --------------------------------------------------------------- */

static const char csv_header[] =
    "id,call,segment,kind,from,to,local,remote,direction,area,start,end,"
    "duration_s,decision,reason,rule,state,floor,ceiling,due,packets,lost,late,"
    "duplicate,gaps,mos,bytes,sip_call_ids,began,ended,from_sent,to_sent,"
    "from_name,to_name,others,flags,dead_air_s,deleted,note_until,gave_way,"
    "unfinished\r\n";

/* One row from the JSON object, so that both always say the same. */
static void
csv_value(FILE *to, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		spanrec_csv_field(to, json_string_value(value));
		break;
	case JSON_INTEGER:
		fprintf(to, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		fprintf(to, "%.3f", json_real_value(value));
		break;
	case JSON_ARRAY:
		spanrec_csv_list(to, value);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		fputs(json_is_true(value) ? "true" : "false", to);
		break;
	default:
		break;
	}
}

/* All streams together; a table has no room for a list. */
static void
csv_streams(FILE *to, const struct store_segment *segment)
{
	uint64_t packets = 0, lost = 0, late = 0, duplicate = 0, gaps = 0;
	uint32_t i;

	for (i = 0; i < segment->streams_count; i++) {
		packets += segment->streams[i].seen;
		lost += segment->streams[i].lost;
		late += segment->streams[i].late;
		duplicate += segment->streams[i].duplicate;
		gaps += segment->streams[i].gaps;
	}
	fprintf(to, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64,
		packets, lost, late, duplicate, gaps);
}

static int
print_csv(struct spanrec_output *output, const struct store_segment *segment)
{
	FILE *to = output->spanrec->out;
	json_t *object = spanrec_segment_json(output->spanrec, segment);
	const char *key, *comma = "";
	json_t *value;

	if (!object)
		return -ENOMEM;
	json_object_foreach(object, key, value)
	{
		fputs(comma, to);
		comma = ",";
		if (!strcmp(key, "streams"))
			csv_streams(to, segment);
		else
			csv_value(to, value);
	}
	fputs("\r\n", to);
	json_decref(object);
	return 0;
}

/* ---- table ------------------------------------------------------------- */

enum column { START, LENGTH, WAY, FROM, TO, STATE, ID };

static struct libscols_table *
table_new(FILE *to)
{
	struct libscols_table *table = scols_new_table();

	if (!table)
		return NULL;
	scols_table_set_stream(table, to);
	if (!scols_table_new_column(table, "START", 0, 0) ||
	    !scols_table_new_column(table, "LENGTH", 0, SCOLS_FL_RIGHT) ||
	    !scols_table_new_column(table, "WAY", 0, 0) ||
	    !scols_table_new_column(table, "FROM", 0, SCOLS_FL_TRUNC) ||
	    !scols_table_new_column(table, "TO", 0, SCOLS_FL_TRUNC) ||
	    !scols_table_new_column(table, "STATE", 0, 0) ||
	    !scols_table_new_column(table, "ID", 0, 0)) {
		scols_unref_table(table);
		return NULL;
	}
	return table;
}

/* libsmartcols prints bytes that are no text as \x.. escapes; U+FFFD is
 * shorter. */
static int
table_text(struct libscols_line *line, size_t column, const char *text)
{
	char clean[SPANREC_TEXT_BYTES];

	spanrec_text_clean(text, clean, sizeof(clean));
	return scols_line_set_data(line, column, clean);
}

static int
table_row(struct spanrec_output *output, const struct store_segment *segment)
{
	struct libscols_line *line = scols_table_new_line(output->table, NULL);
	char start[SPANREC_TIME_BYTES], length[SPANREC_TIME_BYTES];

	if (!line)
		return -ENOMEM;
	spanrec_time_local(output->spanrec->zone, segment->start_ns, start);
	spanrec_duration(spanrec_span_ns(segment->start_ns, segment->end_ns),
			 length);
	if (is_running(segment))
		*length = '\0';
	if (table_text(line, START, start) ||
	    table_text(line, LENGTH, length) ||
	    table_text(line, WAY, store_route_name(segment->direction)) ||
	    table_text(line, FROM, segment->from) ||
	    table_text(line, TO, segment->to) ||
	    table_text(line, STATE,
		       spanrec_unfinished(output->spanrec, segment)
			   ? "not deleted"
			   : spanrec_segment_state(segment)) ||
	    table_text(line, ID, segment->id))
		return -ENOMEM;
	return 0;
}

/* ---- all three --------------------------------------------------------- */

int
spanrec_output_new(struct spanrec_output **output,
		   const struct spanrec *spanrec, enum spanrec_format format)
{
	struct spanrec_output *o = calloc(1, sizeof(*o));

	*output = NULL;
	if (!o)
		return -ENOMEM;
	o->spanrec = spanrec;
	o->format = format;
	if (format == SPANREC_TABLE) {
		o->table = table_new(spanrec->out);
		if (!o->table) {
			free(o);
			return -ENOMEM;
		}
	}
	if (format == SPANREC_CSV)
		fputs(csv_header, spanrec->out);
	*output = o;
	return 0;
}

int
spanrec_output_segment(struct spanrec_output *output,
		       const struct store_segment *segment)
{
	output->count++;
	switch (output->format) {
	case SPANREC_JSON:
		return spanrec_json_print(
		    output->spanrec->out,
		    spanrec_segment_json(output->spanrec, segment));
	case SPANREC_CSV:
		return print_csv(output, segment);
	default:
		return table_row(output, segment);
	}
}

int
spanrec_output_end(struct spanrec_output *output)
{
	if (output->format != SPANREC_TABLE || !output->count)
		return 0;
	return scols_print_table(output->table) ? -ENOMEM : 0;
}

void
spanrec_output_free(struct spanrec_output **output)
{
	if (!*output)
		return;
	if ((*output)->table)
		scols_unref_table((*output)->table);
	free(*output);
	*output = NULL;
}
