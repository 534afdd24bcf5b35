/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy log: policies that were applied, or that decided about calls. */
#include "cmd/spanrec/policy_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

enum { JSON = 0x200, CSV };

#define HEX_BYTES (2 * STORE_HASH_BYTES + 1)

struct arguments {
	struct spanrec *spanrec;
	enum spanrec_format format;
};

static const struct argp_option options[] = {
	{ "json", JSON, NULL, 0, "One JSON object a line", 0 },
	{ "csv", CSV, NULL, 0, "Comma-separated", 0 },
	{ 0 },
};

static const char doc[] =
    "Show the policies that were applied, and those that decided about calls "
    "that are in the archive: since when, which revision, who wrote, approved "
    "and applied them, and which one is in force: that of the home, which a "
    "recorder that runs takes by 'spanrec reload'. The archive keeps each as "
    "policy/HASH.yaml.\v"
    "A policy that was put in place without 'spanrec policy apply' is there "
    "since it first decided, and nobody is named who applied it.\n\n"
    "Examples:\n"
    "  spanrec policy log\n"
    "  spanrec policy log --csv >policies.csv\n";

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case JSON:
		return spanrec_format_option(state, &arguments->format,
					     SPANREC_JSON);
	case CSV:
		return spanrec_format_option(state, &arguments->format,
					     SPANREC_CSV);
	case ARGP_KEY_ARG:
		argp_error(state, "policy log takes no '%s'", value);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- what is known ------------------------------------------------------- */

/* A policy that came into force at a time: it may do so again. */
struct entry {
	uint8_t hash[STORE_HASH_BYTES];
	int64_t time_ns; /* applied, or decided first */
	bool applied;
	char by[STORE_NAME_BYTES];
	uint64_t segments; /* that it decided about; of the first entry */
	bool in_force;
};

struct entries {
	struct entry *items;
	size_t count, capacity;
};

static struct entry *
add(struct entries *entries)
{
	size_t capacity = entries->capacity ? 2 * entries->capacity : 16;
	struct entry *grown;

	if (entries->count == entries->capacity) {
		grown = reallocarray(entries->items, capacity, sizeof(*grown));
		if (!grown)
			return NULL;
		entries->items = grown;
		entries->capacity = capacity;
	}
	memset(&entries->items[entries->count], 0, sizeof(*grown));
	return &entries->items[entries->count++];
}

static struct entry *
find(const struct entries *entries, const uint8_t hash[STORE_HASH_BYTES])
{
	size_t i;

	for (i = 0; i < entries->count; i++)
		if (!memcmp(entries->items[i].hash, hash, STORE_HASH_BYTES))
			return &entries->items[i];
	return NULL;
}

/* @return false: it is no hash */
static bool
parse_hash(const char *text, uint8_t hash[STORE_HASH_BYTES])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < (size_t)2 * STORE_HASH_BYTES; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit)
			return false;
		hash[i / 2] = (uint8_t)(hash[i / 2] << 4 | (digit - digits));
	}
	return true;
}

static int
take_applied(void *ctx, const struct store_ledger_entry *ledger)
{
	struct entries *entries = ctx;
	uint8_t hash[STORE_HASH_BYTES] = { 0 };
	struct entry *entry;

	if (strcmp(ledger->action, "policy") != 0 ||
	    !parse_hash(ledger->detail, hash))
		return 0;
	entry = add(entries);
	if (!entry)
		return -ENOMEM;
	memcpy(entry->hash, hash, sizeof(hash));
	entry->time_ns = ledger->time_ns;
	entry->applied = true;
	memcpy(entry->by, ledger->actor, sizeof(entry->by));
	return 0;
}

static int
take_decided(void *ctx, const struct store_segment *segment)
{
	struct entries *entries = ctx;
	struct entry *entry = find(entries, segment->policy);

	if (!entry) {
		entry = add(entries);
		if (!entry)
			return -ENOMEM;
		memcpy(entry->hash, segment->policy, sizeof(entry->hash));
		entry->time_ns = segment->start_ns;
	}
	if (!entry->applied && segment->start_ns < entry->time_ns)
		entry->time_ns = segment->start_ns;
	entry->segments++;
	return 0;
}

static int
compare_entries(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	return (a->time_ns > b->time_ns) - (a->time_ns < b->time_ns);
}

/* ---- what is shown ------------------------------------------------------- */

static const char *const names[] = { "time",       "policy",   "revision",
				     "author",     "approver", "change",
				     "applied_by", "segments", "in_force" };

/* Of the text that the archive keeps. @return 0, -ENOMEM */
static int
set_document(const struct spanrec *spanrec, json_t *row,
	     const struct entry *entry)
{
	struct policy_document document = { .revision = "",
					    .author = "",
					    .approver = "" };
	struct policy_errors errors;
	struct policy *policy = NULL;
	char *text = NULL;
	size_t n;
	int rc = store_archive_policy(spanrec->archive, entry->hash, &text, &n);

	if (!rc)
		rc = policy_load(&policy, text, n, &errors);
	if (!rc)
		policy_document_peek(policy, &document);
	rc = rc == -ENOMEM ? rc : 0;
	if (spanrec_json_set(row, "revision", document.revision) |
	    spanrec_json_set(row, "author", document.author) |
	    spanrec_json_set(row, "approver", document.approver) |
	    spanrec_json_set(row, "change", document.minor ? "minor" : ""))
		rc = -ENOMEM;
	policy_free(&policy);
	free(text);
	return rc;
}

static int
add_row(const struct spanrec *spanrec, json_t *rows, const struct entry *entry)
{
	char time[SPANREC_TIME_BYTES], hex[HEX_BYTES];
	json_t *row = json_object();
	int rc;

	if (!row)
		return -ENOMEM;
	spanrec_time_utc(entry->time_ns, time);
	store_hex(hex, entry->hash, STORE_HASH_BYTES);
	rc =
	    spanrec_json_set(row, "time", time) |
	    spanrec_json_set(row, "policy", hex) |
	    spanrec_json_set(row, "applied_by", entry->by) |
	    json_object_set_new(row, "segments",
				json_integer((json_int_t)entry->segments)) |
	    json_object_set_new(row, "in_force", json_boolean(entry->in_force));
	if (!rc)
		rc = set_document(spanrec, row, entry);
	if (json_array_append_new(rows, row) || rc)
		return -ENOMEM;
	return 0;
}

enum { WHEN, POLICY, REVISION, AUTHOR, APPROVER, APPLIED, SEGMENTS, IN_FORCE };
static const char *const headings[] = { "WHEN",     "POLICY",   "REVISION",
					"AUTHOR",   "APPROVER", "APPLIED BY",
					"SEGMENTS", "IN FORCE" };

static const char *
cell(const struct spanrec *spanrec, const json_t *row, size_t column,
     char text[SPANREC_TIME_BYTES])
{
	switch (column) {
	case WHEN:
		return spanrec_rows_time(spanrec,
					 spanrec_json_text(row, "time"), text);
	case POLICY:
		snprintf(text, SPANREC_TIME_BYTES, "%.12s",
			 spanrec_json_text(row, "policy"));
		return text;
	case REVISION:
		return spanrec_json_text(row, "revision");
	case AUTHOR:
		return spanrec_json_text(row, "author");
	case APPROVER:
		return spanrec_json_text(row, "approver");
	case APPLIED:
		return spanrec_json_text(row, "applied_by");
	case SEGMENTS:
		snprintf(text, SPANREC_TIME_BYTES, "%" PRIu64,
			 spanrec_json_count(row, "segments"));
		return text;
	default:
		return json_is_true(json_object_get(row, "in_force")) ? "yes"
								      : "";
	}
}

/* @return 0, -errno */
static int
collect(struct spanrec *spanrec, struct entries *entries)
{
	const struct store_query query = { .purged = true };
	int rc = store_ledger_walk(spanrec->archive, take_applied, entries);

	if (!rc)
		rc = store_search(spanrec->archive, &query, take_decided,
				  entries);
	if (!rc && entries->count)
		qsort(entries->items, entries->count, sizeof(*entries->items),
		      compare_entries);
	return rc;
}

/* The policy of the home is in force, since it came there last. @return exit
 * code, 0 where it is none of these too */
static int
mark_in_force(const struct spanrec *spanrec, struct entries *entries,
	      bool *marked)
{
	char *home = NULL, *text;
	struct policy *policy;
	size_t home_bytes, n, i;
	int rc = home_policy(&spanrec->home, NULL, &policy, &home, &home_bytes);

	*marked = false;
	if (rc)
		return rc;
	policy_free(&policy);
	for (i = entries->count; i-- > 0 && !*marked;) {
		struct entry *entry = &entries->items[i];

		if (store_archive_policy(spanrec->archive, entry->hash, &text,
					 &n))
			continue; /* of which nobody knows what it was */
		entry->in_force = n == home_bytes && memcmp(text, home, n) == 0;
		*marked = entry->in_force;
		free(text);
	}
	free(home);
	return 0;
}

/* @return exit code */
static int
print_rows(const struct arguments *arguments, const json_t *rows, bool marked)
{
	static const struct spanrec_rows shown = {
		.headings = headings,
		.headings_count = sizeof(headings) / sizeof(headings[0]),
		.cell = cell,
		.may_be_cut = 1U << AUTHOR | 1U << APPROVER,
		.names = names,
		.names_count = sizeof(names) / sizeof(names[0]),
		.none = "No policy was applied, and none has decided yet.",
	};
	struct spanrec *spanrec = arguments->spanrec;
	int rc = spanrec_rows_print(spanrec, &shown, rows, arguments->format);

	if (!rc && !marked && json_array_size(rows) && !spanrec->quiet &&
	    arguments->format == SPANREC_TABLE)
		fputs("The policy in force is none of these: it was not "
		      "applied, and has decided nothing yet.\n",
		      spanrec->out);
	return rc;
}

static int
show(const struct arguments *arguments)
{
	struct spanrec *spanrec = arguments->spanrec;
	struct entries entries = { 0 };
	json_t *rows = json_array();
	bool marked = false;
	int rc = rows ? collect(spanrec, &entries) : -ENOMEM, code = 0;

	if (!rc)
		code = mark_in_force(spanrec, &entries, &marked);
	for (size_t i = 0; !rc && !code && i < entries.count; i++)
		rc = add_row(spanrec, rows, &entries.items[i]);
	if (rc) {
		log_error("the archive cannot be read: %s", strerror(-rc));
		code = exit_code(rc);
	}
	if (!code)
		code = print_rows(arguments, rows, marked);
	free(entries.items);
	json_decref(rows);
	return code;
}

int
spanrec_policy_log(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	rc = spanrec_open(spanrec, STORE_READ);
	return rc ? rc : show(&arguments);
}
