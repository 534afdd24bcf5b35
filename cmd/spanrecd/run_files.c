/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recording from captures: one run, as fast as it goes, with a progress bar. */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/common/progress.h"
#include "cmd/spanrecd/run.h"
#include "cmd/spanrecd/summary.h"

static void
last_time(void *ctx, const struct capture_frame *frame)
{
	int64_t *last_ns = ctx;

	if (frame->time_ns > *last_ns)
		*last_ns = frame->time_ns;
}

/* Read the captures once for their last time. */
static int
find_shift(const struct run_options *o, int64_t *shift_ns)
{
	char error[CAPTURE_ERROR_BYTES];
	struct capture_source *source;
	struct timespec now;
	int64_t last_ns = 0;
	int r;

	r = capture_file_open(&source, o->files, o->files_count, error);
	if (r < 0) {
		log_error("%s", error);
		return exit_code(r);
	}
	while (capture_source_dispatch(source, 1000, last_time, &last_ns) > 0)
		;
	capture_source_free(&source);
	clock_gettime(CLOCK_REALTIME, &now);
	*shift_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - last_ns;
	return 0;
}

/* Each capture thread reads all of it. */
static int
open_sources(const struct run_options *o, struct pipeline_config *config,
	     uint32_t count)
{
	char error[CAPTURE_ERROR_BYTES];
	int r;

	for (config->sources_count = 0; config->sources_count < count;
	     config->sources_count++) {
		r = capture_file_open(&config->sources[config->sources_count],
				      o->files, o->files_count, error);
		if (r == 0)
			continue;
		while (config->sources_count > 0)
			capture_source_free(
			    &config->sources[--config->sources_count]);
		log_error("%s", error);
		return exit_code(r);
	}
	return 0;
}

static void
watch(struct pipeline *pipeline, bool quiet)
{
	const struct timespec pause = { 0, 20 * 1000000L };
	struct progress progress;
	uint64_t done, total;

	if (!quiet)
		progress_init(&progress, "recording");
	while (pipeline_running(pipeline)) {
		if (run_stop_asked())
			pipeline_stop(pipeline);
		pipeline_progress(pipeline, &done, &total);
		if (!quiet)
			progress_update(&progress, done, total);
		nanosleep(&pause, NULL);
	}
	if (!quiet)
		progress_fini(&progress);
}

static int
record(const struct run_options *o, const struct pipeline_config *config,
       const struct store_recovery *recovery,
       const struct run_captures *captures)
{
	char error[CAPTURE_ERROR_BYTES];
	struct pipeline *pipeline;
	int64_t began_ns = summary_clock();
	int r;

	run_enter_start(config, recovery);
	r = pipeline_start(&pipeline, config, error);
	if (r < 0) {
		log_error("%s", error);
		run_enter_stop(config, NULL, exit_code(r));
		return exit_code(r);
	}
	watch(pipeline, o->quiet);
	pipeline_join(pipeline);
	r = run_verdict(pipeline);
	if (r == 0 && run_stop_asked()) {
		log_warning("stopped before the end of the input; what came "
			    "before is recorded");
		r = EXIT_FAILED;
	}
	/* One that is damaged is read as far as it goes. */
	if (r == 0 || r == EXIT_DAMAGED)
		run_captures_enter(o, config, captures);
	run_enter_stop(config, pipeline, r);
	if (!o->quiet)
		summary_print(pipeline, summary_clock() - began_ns, stdout);
	pipeline_free(&pipeline);
	return r;
}

/* Root could write into anybody's archive, files that its owner could neither
 * read nor delete when they are due. */
static int
check_owner(const struct run_options *o, const struct home *home)
{
	const struct passwd *owner;
	struct stat st;

	if (geteuid() != 0 || o->reason_for_root ||
	    stat(home->archive_path, &st) < 0 || st.st_uid == 0)
		return 0;
	owner = getpwuid(st.st_uid);
	log_error("%s belongs to %s (uid %u), who could not delete what root "
		  "writes there. Run this as %s (runuser -u %s -- spanrecd "
		  "...), or say why it has to be root: --as-root REASON",
		  home->archive_path, owner ? owner->pw_name : "nobody here",
		  (unsigned)st.st_uid, owner ? owner->pw_name : "its owner",
		  owner ? owner->pw_name : "OWNER");
	return EXIT_NOT_ALLOWED;
}

int
run_files(const struct run_options *o, const struct home *home)
{
	struct capture_source *sources[PIPELINE_THREADS_MAX] = { 0 };
	struct pipeline_config config = { .settings = &home->settings,
					  .sources = sources,
					  .orphans = o->orphans,
					  .orphan_formats = o->formats,
					  .orphan_formats_count =
					      o->formats_count,
					  .control_fd = -1 };
	uint32_t threads = o->threads ? o->threads : home->settings.threads;
	struct policy *policy = NULL;
	struct store_recovery recovery = { 0 };
	struct run_captures captures;
	int r = check_owner(o, home);

	if (r == 0)
		r = run_open_archive(home, &config, &recovery);

	if (run_reads_stdin(o))
		threads = 1;
	config.writers_count = threads;
	if (r == 0)
		r = run_open_policy(o, home, &config, &policy);
	if (r == 0 && !o->check_only) {
		r = run_captures_check(o, config.archive, &captures);
		if (r == 0 && o->shift_now)
			r = find_shift(o, &config.shift_ns);
		if (r == 0)
			r = open_sources(o, &config, threads);
		if (r == 0)
			r = record(o, &config, &recovery, &captures);
	}
	policy_free(&policy);
	run_close_archive(&config);
	return r;
}
