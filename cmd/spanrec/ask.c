/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The recorder that runs beside us: asking it, and reading what it says. */
#include "cmd/spanrec/spanrec.h"

#include <string.h>

#include <jansson.h>

#include "cmd/common/control.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"

/** Segments of one request: with their ids it stays below 64 KiB. */
#define SUBJECTS_MAX 1000

int
spanrec_patience_ms(const struct spanrec *spanrec, int usual_ms)
{
	return spanrec->patience_ms ? spanrec->patience_ms : usual_ms;
}

int
spanrec_ask(struct spanrec *spanrec, json_t *request, int timeout_ms,
	    json_t **answer)
{
	struct control_client client;
	int rc = control_client_init(&client, &spanrec->home);

	*answer = NULL;
	if (!rc)
		rc = control_client_ask(
		    &client, request, spanrec_patience_ms(spanrec, timeout_ms),
		    answer);
	else
		json_decref(request);
	if (rc)
		control_client_complain(&client);
	control_client_fini(&client);
	return rc;
}

/* ---- the ledger -------------------------------------------------------- */

/* The ids of audible segments from *next on, as many as one request takes.
 * @return NULL: no memory */
static json_t *
subjects(const struct spanrec_selection *selection, size_t *next)
{
	json_t *array = json_array();

	for (;
	     *next < selection->count && json_array_size(array) < SUBJECTS_MAX;
	     (*next)++) {
		const struct store_segment *segment =
		    &selection->segments[*next];

		if (spanrec_segment_audible(segment) &&
		    json_array_append_new(array, json_string(segment->id))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

int
spanrec_ask_ledger(struct spanrec *spanrec, const char *action,
		   const struct spanrec_selection *selection,
		   const char *detail)
{
	const size_t detail_bytes =
	    sizeof(((struct store_ledger_entry *)NULL)->detail);
	char clean[3 * sizeof(((struct store_ledger_entry *)NULL)->detail)];
	char cut[sizeof(((struct store_ledger_entry *)NULL)->detail)];
	json_t *answer;
	size_t next = 0;
	int rc = 0;

	/* the name of a file may be anything, but JSON is UTF-8 */
	spanrec_text_clean(detail, clean, sizeof(clean));
	spanrec_path_shorten(clean, cut, detail_bytes);
	while (!rc && next < selection->count) {
		json_t *array = subjects(selection, &next);

		if (array && !json_array_size(array)) {
			json_decref(array);
			break;
		}
		/* it takes the array, or sees that there is none */
		rc = spanrec_ask(spanrec,
				 json_pack("{ss ss so ss}", "op", "ledger",
					   "action", action, "subjects", array,
					   "detail", cut),
				 CONTROL_TIMEOUT_MS, &answer);
		json_decref(answer);
	}
	if (rc)
		log_error("the recorder did not take the entry for the ledger "
			  "of the archive, so nothing was done");
	return rc;
}

int
spanrec_ask_entry(struct spanrec *spanrec,
		  const struct store_ledger_entry *entry)
{
	char detail[3 * sizeof(entry->detail)];
	json_t *answer;
	int rc = spanrec_ask(spanrec,
			     json_pack("{ss ss s[s] ss}", "op", "ledger",
				       "action", entry->action, "subjects",
				       entry->subject, "detail",
				       spanrec_text_clean(entry->detail, detail,
							  sizeof(detail))),
			     CONTROL_TIMEOUT_MS, &answer);

	json_decref(answer);
	return rc;
}

/* ---- what it says ------------------------------------------------------ */

const char *
spanrec_json_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

int
spanrec_json_set(json_t *row, const char *name, const char *text)
{
	char clean[SPANREC_TEXT_BYTES];

	return json_object_set_new(
	    row, name,
	    json_string(spanrec_text_clean(text, clean, sizeof(clean))));
}

uint64_t
spanrec_json_count(const json_t *object, const char *name)
{
	json_int_t count = json_integer_value(json_object_get(object, name));

	return count > 0 ? (uint64_t)count : 0;
}

int
spanrec_json_print_ascii(FILE *to, const json_t *value)
{
	int rc = json_dumpf(value, to, JSON_COMPACT | JSON_ENSURE_ASCII);

	fputc('\n', to);
	/* a full disk is reported once, when the stream is flushed at the end
	 */
	if (!rc || ferror(to))
		return 0;
	log_error("not enough memory");
	return EXIT_FAILED;
}
