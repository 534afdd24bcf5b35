/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The program around the pipeline.
 *
 *   main.c        arguments, home
 *   run.c         what both ways of running need
 *   acts.c        what it enters into the ledger: start, stop
 *   run_files.c   record from captures, until they end
 *   run_live.c    record from interfaces, until told to stop
 */
#ifndef CMD_SPANRECD_RUN_H
#define CMD_SPANRECD_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/spanrecd/events.h"
#include "cmd/spanrecd/pipeline.h"

enum { RUN_FILES_MAX = 64, RUN_INTERFACES_MAX = POLICY_TEXTS_MAX };

/** The command line. */
struct run_options {
	const char *home;
	const char *policy;
	const char *files[RUN_FILES_MAX];
	size_t files_count;
	const char *interfaces[RUN_INTERFACES_MAX];
	size_t interfaces_count; /**< 0: as the settings say */
	const char *reason_for_root;
	uint32_t threads; /**< 0: as the settings say */
	bool read;
	bool shift_now;
	bool again; /**< captures that were read before, too */
	bool orphans;
	struct rtp_format formats[WRITER_FORMATS_MAX]; /**< of orphans */
	uint32_t formats_count;
	bool check_only;
	bool quiet;
};

/* run.c */

/** SIGINT and SIGTERM stop, a second one at once; live, SIGHUP reloads. */
void run_catch_signals(bool live);

/** SIGINT or SIGTERM came. */
bool run_stop_asked(void);
/** SIGHUP came, since this was asked last. */
bool run_reload_asked(void);
/** Is standard input one of the captures? */
bool run_reads_stdin(const struct run_options *options);

/** Lower what settings allow to what this process has memory for; live, that is
 * said. Before the file system is given up. */
void run_fit_memory(const struct run_options *options, struct home *home);

/** Open the archive to write, and the key that signs its ledger.
 * @param recovery what the last run left
 * @return 0, or an exit code; the error is said */
int run_open_archive(const struct home *home, struct pipeline_config *config,
		     struct store_recovery *recovery)
	__attribute__((warn_unused_result));
/**
 * Read the policy, and keep it in the archive.
 *
 * @param config gets policy and policy_hash
 * @param policy the same, to be freed
 * @return 0, or an exit code; the error is said
 */
int run_open_policy(const struct run_options *options,
			 const struct home *home,
			 struct pipeline_config *config,
			 struct policy **policy)
	__attribute__((warn_unused_result));
/** What went wrong while it ran, worst first. @return 0, or an exit code */
int run_verdict(const struct pipeline *pipeline);

/** Close what run_open_archive opened. */
void run_close_archive(struct pipeline_config *config);

/* acts.c */

/**
 * Enter into the ledger that recording begins, by which policy, and what the
 * last run left; signed. Before the pipeline starts. What cannot be entered is
 * logged, and recording begins all the same.
 */
void run_enter_start(const struct pipeline_config *config,
		     const struct store_recovery *recovery);
/** ... that it ended, and what was seen, stored and lost. After the join.
 * @param pipeline NULL: it did not begin @param code exit code */
void run_enter_stop(const struct pipeline_config *config,
		    const struct pipeline *pipeline, int code);

/* run_live.c */

/**
 * Give up the file system but for what is needed to record: see
 * privilege_confine. Open the archive and make the control socket before.
 *
 * @return 0, or an exit code; the error is said
 */
int run_confine(const struct run_options *options, const struct home *home)
	__attribute__((warn_unused_result));

/** An entry of another kind. */
void run_enter(const struct pipeline_config *config, const char *action,
	       const char *detail);

/* ---- captures.c ---------------------------------------------------------- */

#define RUN_MARK_BYTES 33 /**< hexadecimal digits and a NUL */

/** By what the ledger tells the captures that are read; "": it cannot. */
struct run_captures {
	char mark[RUN_FILES_MAX][RUN_MARK_BYTES];
};

/** Was any of them read into the archive before?
 * @return 0, or an exit code; the error is said
 * @cost reads the ledger, and 2 MiB of each capture */
int run_captures_check(const struct run_options *options,
		       struct store_archive *archive,
		       struct run_captures *captures)
	__attribute__((warn_unused_result));
/** They were. */
void run_captures_enter(const struct run_options *options,
			const struct pipeline_config *config,
			const struct run_captures *captures);

/* run_files.c, run_live.c: @return exit code; errors are said */
int run_files(const struct run_options *options,
		       const struct home *home);
int run_live(const struct run_options *options,
		      const struct home *home);

/* ---- backups.c ----------------------------------------------------------- */

/**
 * Tell the backups of the settings what is deleted, from now on; what is known
 * of them goes into config->backups.
 *
 * @return NULL: there is no memory, which was logged
 */
struct run_backups *run_backups_start(const struct pipeline_config *config);
/** Before the archive is closed. Waits for a file system that hangs. NULL is
 * fine. */
void run_backups_stop(struct run_backups **backups);

#endif
