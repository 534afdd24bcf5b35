/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text -> YAML document. A pass over the events comes first and refuses what
 * would make the document dangerous or hard to read; libyaml's own messages
 * are put into words with line and column.
 */
#include "policy/schema_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/*
 * Messages quote the file. What could steer a terminal is replaced: C0, DEL
 * and, in UTF-8, C1 (C2 80 to C2 9F). A character that the limit cut in two
 * goes.
 */
static void
text_make_printable(char *text)
{
	size_t n = strlen(text);
	size_t tail = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		unsigned char next = (unsigned char)text[i + 1];

		if (c < 0x20 || c == 0x7f)
			text[i] = '?';
		else if (c == 0xc2 && next >= 0x80 && next <= 0x9f)
			text[i] = text[i + 1] = '?';
	}
	while (tail < 3 && tail < n &&
	       ((unsigned char)text[n - 1 - tail] & 0xc0) == 0x80)
		tail++;
	if (tail < n) {
		unsigned char lead = (unsigned char)text[n - 1 - tail];
		size_t need = lead >= 0xf0   ? 3
			      : lead >= 0xe0 ? 2
			      : lead >= 0xc0 ? 1
					     : 0;

		if (need > tail)
			text[n - 1 - tail] = '\0';
	}
}

static void __attribute__((format(printf, 4, 0)))
complain(struct policy_errors *errors, size_t line, size_t column,
	 const char *format, va_list args)
{
	struct policy_error *error;

	if (errors->count ==
	    sizeof(errors->errors) / sizeof(errors->errors[0])) {
		errors->more++;
		return;
	}
	error = &errors->errors[errors->count++];
	error->line = (uint32_t)line;
	error->column = (uint32_t)column;
	vsnprintf(error->text, sizeof(error->text), format, args);
	text_make_printable(error->text);
}

void
policy__complain_at(struct policy_errors *errors, size_t line, size_t column,
		    const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(errors, line, column, format, args);
	va_end(args);
}

void
policy__complain(struct policy__yaml *yaml, const yaml_node_t *node,
		 const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(yaml->errors, node ? node->start_mark.line + 1 : 0,
		 node ? node->start_mark.column + 1 : 0, format, args);
	va_end(args);
}

static int
error_compare(const void *a, const void *b)
{
	const struct policy_error *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->column < y->column ? -1 : x->column > y->column;
}

void
policy__errors_sort(struct policy_errors *errors)
{
	qsort(errors->errors, errors->count, sizeof(errors->errors[0]),
	      error_compare);
}

/** @param kind "mistakes", before each of them `before` */
static void
errors_print(const struct policy_errors *errors, const char *file,
	     const char *before, const char *kind, FILE *to)
{
	for (uint32_t i = 0; i < errors->count; i++) {
		const struct policy_error *error = &errors->errors[i];

		if (error->line)
			fprintf(to, "%s:%u:%u: %s%s\n", file, error->line,
				error->column, before, error->text);
		else
			fprintf(to, "%s: %s%s\n", file, before, error->text);
	}
	if (errors->more)
		fprintf(to, "%s: and %u more %s\n", file, errors->more, kind);
}

void
policy_errors_print(const struct policy_errors *errors, const char *file,
		    FILE *to)
{
	errors_print(errors, file, "", "mistakes", to);
}

void
policy_warnings_print(const struct policy_errors *warnings, const char *file,
		      FILE *to)
{
	errors_print(warnings, file, "warning: ", "warnings", to);
}

/** Line and column, from 1, of a byte of the text. */
static void
text_place(const char *text, size_t at, size_t *line, size_t *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < at; i++) {
		if (text[i] == '\n') {
			(*line)++;
			*column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			(*column)++;
		}
	}
}

/** Is there a tab at this line and column, both from 0? */
static bool
text_has_tab(const char *text, size_t n, const yaml_mark_t *mark)
{
	const char *end = text + n;
	size_t line = mark->line, column = mark->column;

	while (line && (text = memchr(text, '\n', (size_t)(end - text)))) {
		text++;
		line--;
	}
	if (!text)
		return false;
	for (; text < end && *text != '\n'; text++) {
		if (((unsigned char)*text & 0xc0) == 0x80)
			continue;
		if (column-- == 0)
			return *text == '\t';
	}
	return false;
}

static void
complain_of_bytes(struct policy_errors *errors, const yaml_parser_t *parser,
		  const char *text, size_t n)
{
	size_t at = parser->problem_offset < n ? parser->problem_offset : n;
	size_t line, column;

	text_place(text, at, &line, &column);
	policy__complain_at(errors, line, column,
			    "the byte 0x%02x does not belong here: the file "
			    "must be plain text in UTF-8",
			    at < n ? (unsigned)(unsigned char)text[at] : 0);
}

/** @return -EINVAL, -ENOMEM */
static int
parser_error(struct policy_errors *errors, const yaml_parser_t *parser,
	     const char *text, size_t n)
{
	const yaml_mark_t *mark = &parser->problem_mark;

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (parser->error == YAML_READER_ERROR)
		complain_of_bytes(errors, parser, text, n);
	else if (text_has_tab(text, n, mark))
		policy__complain_at(errors, mark->line + 1, mark->column + 1,
				    "a tab; YAML wants spaces here");
	else if (parser->context && strstr(parser->context, "an alias"))
		policy__complain_at(errors, mark->line + 1, mark->column + 1,
				    "not YAML: what begins with * stands in "
				    "quotes: keys like \"*#*\", for example");
	else if (parser->context)
		policy__complain_at(errors, mark->line + 1, mark->column + 1,
				    "not YAML: %s, %s that begins in line %zu",
				    parser->problem, parser->context,
				    parser->context_mark.line + 1);
	else if (strstr(parser->problem, "mapping values are not allowed"))
		policy__complain_at(errors, mark->line + 1, mark->column + 1,
				    "not YAML: no ':' may stand here; is the "
				    "line indented like those beside it? A "
				    "text with ': ' in it stands in quotes");
	else
		policy__complain_at(errors, mark->line + 1, mark->column + 1,
				    "not YAML: %s", parser->problem);
	return -EINVAL;
}

struct event_walk {
	struct policy_errors *errors;
	uint32_t depth;
	uint32_t documents;
};

static void
walk_complain(struct event_walk *walk, const yaml_event_t *event,
	      const char *text)
{
	policy__complain_at(walk->errors, event->start_mark.line + 1,
			    event->start_mark.column + 1, "%s", text);
}

static void
walk_node(struct event_walk *walk, const yaml_event_t *event,
	  const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		walk_complain(walk, event,
			      "anchors (&name) are not used here: write the "
			      "value out");
	if (tag)
		walk_complain(walk, event,
			      "tags (!name) are not used here: write the value "
			      "alone");
}

/** @return false: there is no sense in reading on */
static bool
walk_event(struct event_walk *walk, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (walk->documents++ == 0)
			return true;
		walk_complain(walk, event,
			      "a second document begins here; one is all");
		return false;
	case YAML_ALIAS_EVENT:
		walk_complain(walk, event,
			      "aliases (*name) are not used here: write the "
			      "value out; keys like *5 stand in quotes, "
			      "\"*5\"");
		return true;
	case YAML_SCALAR_EVENT:
		walk_node(walk, event, event->data.scalar.anchor,
			  event->data.scalar.tag);
		return true;
	case YAML_SEQUENCE_START_EVENT:
		walk_node(walk, event, event->data.sequence_start.anchor,
			  event->data.sequence_start.tag);
		break;
	case YAML_MAPPING_START_EVENT:
		walk_node(walk, event, event->data.mapping_start.anchor,
			  event->data.mapping_start.tag);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		walk->depth--;
		return true;
	default:
		return true;
	}
	if (++walk->depth <= POLICY__DEPTH_MAX)
		return true;
	walk_complain(walk, event, "nested too deeply");
	return false;
}

static bool
parser_begin(yaml_parser_t *parser, const char *text, size_t n)
{
	if (!yaml_parser_initialize(parser))
		return false;
	yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(parser, (const unsigned char *)text, n);
	return true;
}

static int
events_check(const char *text, size_t n, struct policy_errors *errors)
{
	struct event_walk walk = { .errors = errors };
	yaml_parser_t parser;
	bool more = true;
	int err = 0;

	if (!parser_begin(&parser, text, n))
		return -ENOMEM;
	while (more && !err) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event)) {
			err = parser_error(errors, &parser, text, n);
			break;
		}
		more = walk_event(&walk, &event) &&
		       event.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	if (err)
		return err;
	if (errors->count)
		return -EINVAL;
	return walk.documents ? 0 : -ENODATA;
}

int
policy__yaml_open(struct policy__yaml *yaml, const char *text, size_t n,
		  struct policy_errors *errors)
{
	yaml_parser_t parser;
	int err;

	memset(yaml, 0, sizeof(*yaml));
	memset(errors, 0, sizeof(*errors));
	yaml->errors = errors;
	if (n > POLICY__FILE_BYTES_MAX) {
		policy__complain_at(errors, 0, 0,
				    "the file is larger than 4 MiB");
		return -EINVAL;
	}
	err = events_check(text, n, errors);
	if (err)
		return err;
	if (!parser_begin(&parser, text, n))
		return -ENOMEM;
	if (!yaml_parser_load(&parser, &yaml->document))
		err = parser_error(errors, &parser, text, n);
	yaml_parser_delete(&parser);
	return err;
}

void
policy__yaml_close(struct policy__yaml *yaml)
{
	yaml_document_delete(&yaml->document);
}
