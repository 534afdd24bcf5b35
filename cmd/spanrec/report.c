/* SPDX-License-Identifier: GPL-3.0-or-later */
/* report: what compliance staff show to others, by the word that follows. */
#include "cmd/spanrec/report_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

static const struct spanrec_action list[] = {
	{ "retention", "[--list]",
	  "what is kept, for how long, and what is not "
	  "as it should be",
	  spanrec_report_retention },
	{ "deletions", "[--from T]", "what was deleted, when, why, how late",
	  spanrec_report_deletions },
};

int
spanrec_report(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct spanrec_actions actions = {
		.command = "report",
		.summary = "What the archive can show to whoever asks: as a "
			   "table, as CSV for a spreadsheet, as JSON.",
		.list = list,
		.count = sizeof(list) / sizeof(*list),
	};

	return spanrec_actions_run(spanrec, &actions, argc, argv);
}

/* ---- options of all reports ---------------------------------------------- */

enum { JSON = 0x300, CSV, OUT };

static const struct argp_option options[] = {
	{ "json", JSON, NULL, 0, "One JSON object a line", 0 },
	{ "csv", CSV, NULL, 0, "Comma-separated, for a spreadsheet", 0 },
	{ "out", OUT, "FILE", 0,
	  "Write it into a new file, which only its owner can read", 0 },
	{ 0 },
};

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct spanrec_report *report = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = report->spanrec;
		return 0;
	case JSON:
		return spanrec_format_option(state, &report->format,
					     SPANREC_JSON);
	case CSV:
		return spanrec_format_option(state, &report->format,
					     SPANREC_CSV);
	case OUT:
		report->path = value;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = { .options = options,
				  .parser = parse,
				  .children = spanrec_global_options };

const struct argp_child spanrec_report_options[] = {
	{ &argp, 0, NULL, 0 },
	{ 0 },
};

/* ---- rows ---------------------------------------------------------------- */

int
spanrec_report_time(json_t *row, const char *name, int64_t time_ns)
{
	char text[SPANREC_TIME_BYTES];

	if (!time_ns)
		return json_object_set_new(row, name, json_null());
	spanrec_time_utc(time_ns, text);
	return spanrec_json_set(row, name, text);
}

int
spanrec_report_count(json_t *row, const char *name, uint64_t count)
{
	return json_object_set_new(row, name, json_integer((json_int_t)count));
}

int
spanrec_report_open(const struct spanrec_report *report)
{
	int rc = spanrec_open(report->spanrec, STORE_READ);

	return rc ? rc : spanrec_may_all(report->spanrec, POLICY_RIGHT_REPORT);
}

/* ---- what it is a report of ---------------------------------------------- */

enum {
	NAME,
	MADE,
	BY,
	ORGANISATION,
	ARCHIVE,
	POLICY,
	REVISION,
	ZONE,
	FROM,
	TO
};

static const struct {
	const char *name, *label;
} facts[] = {
	[NAME] = { "report", "Report" },
	[MADE] = { "made", "Made" },
	[BY] = { "by", "By" },
	[ORGANISATION] = { "organisation", "Organisation" },
	[ARCHIVE] = { "archive", "Archive" },
	[POLICY] = { "policy", "Policy" },
	[REVISION] = { "revision", "Revision" },
	[ZONE] = { "time_zone", "Time zone" },
	[FROM] = { "from", "From" },
	[TO] = { "to", "To" },
};

/* The hash of the policy in force: that of the home. */
static void
policy_hash(const struct spanrec *spanrec, char hex[2 * STORE_HASH_BYTES + 1])
{
	uint8_t hash[STORE_HASH_BYTES];
	char *text;
	size_t n;

	hex[0] = '\0';
	if (home_file_read(spanrec->home.policy_path, &text, &n))
		return;
	store_hash(hash, text, n);
	store_hex(hex, hash, sizeof(hash));
	free(text);
}

/* @return NULL: no memory */
static json_t *
heading_json(const struct spanrec_report *report)
{
	const struct spanrec *spanrec = report->spanrec;
	char actor[STORE_NAME_BYTES], hex[2 * STORE_HASH_BYTES + 1];
	char path[PATH_MAX];
	struct policy_document document;
	json_t *heading = json_object();

	spanrec_actor(actor);
	policy_hash(spanrec, hex);
	policy_document_peek(spanrec->policy, &document);
	if (heading &&
	    !(spanrec_json_set(heading, facts[NAME].name, report->name) |
	      spanrec_report_time(heading, facts[MADE].name, spanrec->now_ns) |
	      spanrec_json_set(heading, facts[BY].name, actor) |
	      spanrec_json_set(heading, facts[ORGANISATION].name,
			       policy_organisation_peek(spanrec->policy)) |
	      spanrec_json_set(heading, facts[ARCHIVE].name,
			       realpath(spanrec->home.archive_path, path)
				   ? path
				   : spanrec->home.archive_path) |
	      spanrec_json_set(heading, facts[POLICY].name, hex) |
	      spanrec_json_set(heading, facts[REVISION].name,
			       document.revision) |
	      spanrec_json_set(heading, facts[ZONE].name,
			       policy_zone_name_peek(spanrec->policy)) |
	      spanrec_report_time(heading, facts[FROM].name, report->from_ns) |
	      spanrec_report_time(heading, facts[TO].name, report->to_ns)))
		return heading;
	json_decref(heading);
	return NULL;
}

/* "2019-03-28 14:15:03 GMT": people read it in their time. @return text */
static const char *
zoned(const struct spanrec *spanrec, const char *utc,
      char text[SPANREC_TIME_BYTES])
{
	int64_t time_ns;

	if (spanrec_time_utc_parse(utc, &time_ns))
		return utc;
	spanrec_time_zoned(spanrec->zone, time_ns, text);
	return text;
}

/* In lines above a table, or in one above CSV. */
static void
print_facts(const struct spanrec *spanrec, const json_t *heading, bool table)
{
	char clean[SPANREC_TEXT_BYTES], time[SPANREC_TIME_BYTES];

	fputs(table ? "" : "#", spanrec->out);
	for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++) {
		const char *text = spanrec_json_text(heading, facts[i].name);

		if (!*text)
			continue;
		if (table)
			text = zoned(spanrec, text, time);
		spanrec_text_clean(text, clean, sizeof(clean));
		fprintf(spanrec->out, table ? "%-13s %s\n" : " %s: %s;",
			facts[i].label, clean);
	}
	fputs(table ? "\n" : " times are UTC\r\n", spanrec->out);
}

/* @return exit code */
static int
print_heading(const struct spanrec *to, const struct spanrec_report *report)
{
	json_t *heading = heading_json(report);
	int rc = 0;

	if (!heading) {
		log_error("not enough memory");
		return EXIT_FAILED;
	}
	if (report->format == SPANREC_JSON)
		rc = spanrec_json_print_ascii(to->out, heading);
	else
		print_facts(to, heading, report->format == SPANREC_TABLE);
	json_decref(heading);
	return rc;
}

/* @return exit code */
static int
print_all(const struct spanrec *to, const struct spanrec_report *report,
	  const struct spanrec_rows *rows, const json_t *objects)
{
	int rc = print_heading(to, report);

	return rc ? rc : spanrec_rows_print(to, rows, objects, report->format);
}

static int
cannot_write(const char *path, int error)
{
	log_error("cannot write %s: %s", path, strerror(error));
	return exit_code(-error);
}

int
spanrec_report_print(const struct spanrec_report *report,
		     const struct spanrec_rows *rows, const json_t *objects)
{
	struct spanrec to = *report->spanrec;
	int fd, rc;

	if (!report->path)
		return print_all(&to, report, rows, objects);
	fd = open(report->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return cannot_write(report->path, errno);
	to.out = fdopen(fd, "w");
	if (!to.out) {
		close(fd);
		return cannot_write(report->path, ENOMEM);
	}
	rc = print_all(&to, report, rows, objects);
	if ((fflush(to.out) || fsync(fd)) && !rc)
		rc = cannot_write(report->path, errno);
	fclose(to.out);
	if (rc)
		unlink(report->path);
	return rc;
}
