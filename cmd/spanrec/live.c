/* SPDX-License-Identifier: GPL-3.0-or-later */
/* list --live: the calls that are in progress, as the recorder knows them. */
#include "cmd/spanrec/spanrec.h"

#include <string.h>

#include <jansson.h>

#include "cmd/common/control.h"

/* What stands in the table under each heading. */
static const char *const headings[] = {
	"START", "FROM",     "TO",     "LOCAL", "WAY",
	"KIND",  "DECISION", "PAUSED", "ID",
};
static const char *const members[] = {
	"start", "from",     "to",     "local", "direction",
	"kind",  "decision", "paused", "id",
};
static const char *const names[] = {
	"id",           "segment",      "kind",      "from", "to",
	"local",        "remote",       "direction", "area", "start",
	"answer",       "decision",     "reason",    "rule", "paused",
	"paused_since", "sip_call_ids",
};

static const char *
paused_text(const struct spanrec *spanrec, const json_t *call,
	    char text[SPANREC_TIME_BYTES])
{
	const char *since = spanrec_json_text(call, "paused_since");

	if (!json_is_true(json_object_get(call, "paused")))
		return "";
	if (!*since)
		return "yes";
	spanrec_rows_time(spanrec, since, text);
	/* the time of day: calls do not last for days */
	return strlen(text) > 11 ? text + 11 : text;
}

static const char *
cell(const struct spanrec *spanrec, const json_t *call, size_t column,
     char text[SPANREC_TIME_BYTES])
{
	const char *value = spanrec_json_text(call, members[column]);

	if (strcmp(members[column], "start") == 0)
		return spanrec_rows_time(spanrec, value, text);
	if (strcmp(members[column], "paused") == 0)
		return paused_text(spanrec, call, text);
	return value;
}

static const struct spanrec_rows rows = {
	.headings = headings,
	.headings_count = sizeof(headings) / sizeof(*headings),
	.cell = cell,
	.may_be_cut = 1 << 1 | 1 << 2,
	.names = names,
	.names_count = sizeof(names) / sizeof(*names),
	.none = "No calls in progress.",
};

int
spanrec_live(struct spanrec *spanrec, enum spanrec_format format)
{
	json_t *answer = NULL;
	int rc = spanrec_open_home(spanrec);

	if (!rc)
		rc = spanrec_ask(spanrec, json_pack("{ss}", "op", "calls"),
				 CONTROL_TIMEOUT_MS, &answer);
	if (!rc)
		rc = spanrec_rows_print(
		    spanrec, &rows, json_object_get(answer, "calls"), format);
	json_decref(answer);
	return rc;
}
