/* SPDX-License-Identifier: GPL-3.0-or-later */
/* registrations: who is logged in where, as the recorder knows it. */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cmd/common/control.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"

static const char doc[] =
    "Show who is logged in where: each telephone that the recorder saw "
    "register, and its server accept.\v"
    "FROM is the address that it registers from, if it does so without a proxy "
    "between. A STATE of 'claimed' means that no answer was seen yet. After a "
    "restart of the recorder the list fills again as telephones refresh.\n\n"
    "Examples:\n"
    "  spanrec registrations\n"
    "  spanrec registrations --json | jq -r .user\n";

enum { JSON = 0x200, CSV };

static const struct argp_option options[] = {
	{ "json", JSON, NULL, 0, "One JSON object a line", 0 },
	{ "csv", CSV, NULL, 0, "Comma-separated", 0 },
	{ 0 },
};

struct arguments {
	struct spanrec *spanrec;
	enum spanrec_format format;
};

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = a->spanrec;
		return 0;
	case JSON:
		return spanrec_format_option(state, &a->format, SPANREC_JSON);
	case CSV:
		return spanrec_format_option(state, &a->format, SPANREC_CSV);
	case ARGP_KEY_ARG:
		argp_error(state, "registrations takes no '%s'", value);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* What stands in the table under each heading. */
static const char *const headings[] = {
	"ADDRESS-OF-RECORD", "CONTACT", "FROM", "STATE", "SINCE", "EXPIRES",
};
static const char *const members[] = {
	"record", "contact", "from", "state", "since", "expires",
};
static const char *const names[] = {
	"record", "user",  "contact", "from",    "direct",
	"server", "state", "since",   "expires",
};

static const char *
cell(const struct spanrec *spanrec, const json_t *row, size_t column,
     char text[SPANREC_TIME_BYTES])
{
	const char *value = spanrec_json_text(row, members[column]);

	if (strcmp(members[column], "since") == 0 ||
	    strcmp(members[column], "expires") == 0)
		return spanrec_rows_time(spanrec, value, text);
	if (strcmp(members[column], "from") == 0 && *value &&
	    !json_is_true(json_object_get(row, "direct")))
		return "a proxy";
	return value;
}

static const struct spanrec_rows rows = {
	.headings = headings,
	.headings_count = sizeof(headings) / sizeof(*headings),
	.cell = cell,
	.may_be_cut = 1 << 0 | 1 << 1,
	.names = names,
	.names_count = sizeof(names) / sizeof(*names),
	.none = "Nobody is logged in.",
};

/* ---- order: the recorder tells them in none ----------------------------- */

static int
compare(const void *a, const void *b)
{
	const json_t *const *one = a, *const *other = b;
	int order = strcmp(spanrec_json_text(*one, "record"),
			   spanrec_json_text(*other, "record"));

	return order ? order
		     : strcmp(spanrec_json_text(*one, "contact"),
			      spanrec_json_text(*other, "contact"));
}

/* @return a list of the same, in order; NULL: no memory */
static json_t *
sorted(const json_t *list)
{
	size_t i, n = json_array_size(list);
	json_t **all = calloc(n + 1, sizeof(*all));
	json_t *result = all ? json_array() : NULL;

	for (i = 0; result && i < n; i++)
		all[i] = json_array_get(list, i);
	if (result)
		qsort(all, n, sizeof(*all), compare);
	for (i = 0; result && i < n; i++) {
		if (json_array_append(result, all[i])) {
			json_decref(result);
			result = NULL;
		}
	}
	free(all);
	return result;
}

int
spanrec_registrations(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments a = { .spanrec = spanrec };
	json_t *answer = NULL, *list = NULL;
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &a))
		return EXIT_USAGE;
	rc = spanrec_open_home(spanrec);
	if (!rc)
		rc = spanrec_ask(spanrec,
				 json_pack("{ss}", "op", "registrations"),
				 CONTROL_TIMEOUT_MS, &answer);
	if (!rc) {
		list = sorted(json_object_get(answer, "registrations"));
		if (!list)
			log_error("not enough memory");
		rc = list ? spanrec_rows_print(spanrec, &rows, list, a.format)
			  : EXIT_FAILED;
	}
	json_decref(list);
	json_decref(answer);
	return rc;
}
