/* SPDX-License-Identifier: GPL-3.0-or-later */
/* report: what compliance staff show to others, by the word that follows. */
#include "cmd/spanrec/report_priv.h"

#include <errno.h>
#include <fcntl.h>
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
		report->format = SPANREC_JSON;
		return 0;
	case CSV:
		report->format = SPANREC_CSV;
		return 0;
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
	char text[SPANREC_TIME_BYTES] = "";

	if (time_ns)
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
		return spanrec_rows_print(&to, rows, objects, report->format);
	fd = open(report->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return cannot_write(report->path, errno);
	to.out = fdopen(fd, "w");
	if (!to.out) {
		close(fd);
		return cannot_write(report->path, ENOMEM);
	}
	rc = spanrec_rows_print(&to, rows, objects, report->format);
	if ((fflush(to.out) || fsync(fd)) && !rc)
		rc = cannot_write(report->path, errno);
	fclose(to.out);
	if (rc)
		unlink(report->path);
	return rc;
}
