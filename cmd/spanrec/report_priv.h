/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the reports share. */
#ifndef CMD_SPANREC_REPORT_PRIV_H
#define CMD_SPANREC_REPORT_PRIV_H

#include "cmd/spanrec/spanrec.h"

/** What each report can be asked for. */
struct spanrec_report {
	struct spanrec *spanrec;
	const char *name; /**< "retention" */
	int64_t from_ns, to_ns; /**< that it is about; 0: no end */
	const char *path; /**< of a new file; NULL: standard output */
	enum spanrec_format format;
};

/** Options of every report, as a child parser; its input is the struct. */
extern const struct argp_child spanrec_report_options[];

/**
 * Print the rows of a report where they are asked for, below when, by whom and
 * of what it was made: as lines above the table, as the first object, as a line
 * that begins with # above CSV. A file that is named is
 * new, or nothing is written.
 *
 * @return exit code
 */
int spanrec_report_print(const struct spanrec_report *report,
			 const struct spanrec_rows *rows,
			 const struct json_t *objects)
	__attribute__((warn_unused_result));

/** Open the archive to read, for somebody who may see reports.
 * @return exit code */
int spanrec_report_open(const struct spanrec_report *report)
	__attribute__((warn_unused_result));

/** Give a row a time, in UTC; null for none. @return 0, -1: out of memory */
int spanrec_report_time(struct json_t *row, const char *name, int64_t time_ns)
	__attribute__((warn_unused_result));

/** Give a row a number. @return 0, -1: out of memory */
int spanrec_report_count(struct json_t *row, const char *name, uint64_t count)
	__attribute__((warn_unused_result));

/* one report each, in a file of its own; exit code */
int spanrec_report_retention(struct spanrec *spanrec, int argc, char **argv);
int spanrec_report_deletions(struct spanrec *spanrec, int argc, char **argv);

#endif
