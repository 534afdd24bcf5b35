/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spanrecd: the recorder. Arguments, settings, start, progress, summary. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/home.h"
#include "cmd/common/log.h"
#include "cmd/common/process.h"
#include "cmd/common/progress.h"
#include "cmd/spanrecd/pipeline.h"
#include "cmd/spanrecd/summary.h"

const char *argp_program_version = "spanrecd 0.1.0";

enum { FILES_MAX = 64, OPTION_SHIFT = 256 };

struct options {
	const char *home;
	const char *policy;
	const char *files[FILES_MAX];
	size_t files_count;
	uint32_t threads; /* 0: as the settings say */
	bool read;
	bool shift_now;
	bool check_only;
	bool quiet;
};

static volatile sig_atomic_t stop_asked;

static void
on_signal(int number)
{
	(void)number;
	stop_asked = 1;
}

/* ---- arguments ----------------------------------------------------------- */

static const char doc[] =
    "Record the telephone calls of captures into an archive.\v"
    "Example:\n"
    "  spanrec init /srv/calls\n"
    "  spanrecd --home /srv/calls --read monday.pcap\n"
    "  spanrec --home /srv/calls list\n"
    "\n"
    "Several captures are merged by time, as those of several mirror ports.\n"
    "Exit status: 0 done, 1 failed, 2 usage, 3 not found, 4 not allowed,\n"
    "5 damaged. See spanrecd(8).";

static const struct argp_option argp_options[] = {
	{ "home", 'H', "DIR", 0,
	  "The home that `spanrec init` made (default: $SPANREC_HOME, then "
	  "what /etc/spanrec/spanrec.yaml names)",
	  0 },
	{ "read", 'r', "FILE", 0,
	  "Record from this capture (pcap or pcapng; - is standard input) and "
	  "exit; more files may follow",
	  0 },
	{ "policy", 'p', "FILE", 0, "Use this policy, not the home's", 0 },
	{ "threads", 't', "N", 0,
	  "Capture threads, and as many that write (default: the setting)", 0 },
	{ "shift", OPTION_SHIFT, "now", 0,
	  "Move the times of the capture so that it ends now: for a "
	  "demonstration with an old one",
	  0 },
	{ "check", 'n', 0, 0, "Check settings, policy and archive, and exit",
	  0 },
	{ "quiet", 'q', 0, 0, "No progress bar, no summary", 0 },
	{ 0 },
};

static uint32_t
parse_threads(struct argp_state *state, const char *arg)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 10);

	if (*arg < '0' || *arg > '9' || *end || n < 1 ||
	    n > PIPELINE_THREADS_MAX)
		argp_error(state,
			   "--threads takes a number from 1 to %d, "
			   "not '%s'",
			   PIPELINE_THREADS_MAX, arg);
	return (uint32_t)n;
}

static void
add_file(struct argp_state *state, struct options *o, const char *file)
{
	if (o->files_count == FILES_MAX)
		argp_error(state, "more than %d captures at a time", FILES_MAX);
	o->files[o->files_count++] = file;
}

static bool
reads_stdin(const struct options *o)
{
	size_t i;

	for (i = 0; i < o->files_count; i++)
		if (strcmp(o->files[i], "-") == 0)
			return true;
	return false;
}

/* Each capture thread reads the input for itself, and so does --shift. */
static void
check_input(struct argp_state *state, const struct options *o)
{
	if (reads_stdin(o) && (o->threads > 1 || o->shift_now))
		argp_error(state, "standard input can be read once only: not "
				  "with --threads above 1 or --shift");
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'H':
		o->home = arg;
		break;
	case 'p':
		o->policy = arg;
		break;
	case 'r':
		o->read = true;
		add_file(state, o, arg);
		break;
	case 't':
		o->threads = parse_threads(state, arg);
		break;
	case OPTION_SHIFT:
		if (strcmp(arg, "now") != 0)
			argp_error(state, "--shift takes 'now', not '%s'", arg);
		o->shift_now = true;
		break;
	case 'n':
		o->check_only = true;
		break;
	case 'q':
		o->quiet = true;
		break;
	case ARGP_KEY_ARG:
		if (!o->read)
			argp_error(state,
				   "'%s': captures are given with "
				   "--read FILE",
				   arg);
		add_file(state, o, arg);
		break;
	case ARGP_KEY_END:
		check_input(state, o);
		if (!o->read && !o->check_only)
			argp_error(state, "nothing to record from: give "
					  "--read FILE");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* ---- before -------------------------------------------------------------- */

static void
last_time(void *ctx, const struct capture_frame *frame)
{
	int64_t *last_ns = ctx;

	if (frame->time_ns > *last_ns)
		*last_ns = frame->time_ns;
}

/* Read the captures once for their last time. */
static int
find_shift(const struct options *o, int64_t *shift_ns)
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

static int
open_archive(const struct home *home, struct store_archive **archive)
{
	const struct store_archive_config config = {
		.map_bytes = home->settings.index_map_mib << 20,
	};
	struct store_recovery recovery = { 0 };
	int r = store_archive_open(archive, home->archive_path, STORE_WRITE,
				   &config, &recovery);

	if (r == -EBUSY)
		log_error("%s is being written by process %d: wait for it, or "
			  "stop it",
			  home->archive_path,
			  store_archive_writer(home->archive_path));
	else if (r == -ENOENT)
		log_error("there is no archive in %s; make one with: spanrec "
			  "init",
			  home->archive_path);
	else if (r < 0)
		log_error("cannot open the archive %s: %s", home->archive_path,
			  strerror(-r));
	if (r < 0)
		return exit_code(r);
	if (recovery.interrupted || recovery.empty || recovery.purges)
		log_info("recovered after an interruption: %" PRIu64
			 " recordings closed, %" PRIu64 " bytes of half-"
			 "written chunks cut, %" PRIu64 " empty, %" PRIu64
			 " purges finished",
			 recovery.interrupted, recovery.cut_bytes,
			 recovery.empty, recovery.purges);
	if (recovery.failed)
		log_warning("%" PRIu64 " things in the archive could not be "
			    "mended; 'spanrec verify' names them",
			    recovery.failed);
	return 0;
}

/* ---- running ------------------------------------------------------------- */

static void
watch(struct pipeline *pipeline, bool quiet)
{
	const struct timespec pause = { 0, 20 * 1000000L };
	struct progress progress;
	uint64_t done, total;

	if (!quiet)
		progress_init(&progress, "recording");
	while (pipeline_running(pipeline)) {
		if (stop_asked)
			pipeline_stop(pipeline);
		pipeline_progress(pipeline, &done, &total);
		if (!quiet)
			progress_update(&progress, done, total);
		nanosleep(&pause, NULL);
	}
	if (!quiet)
		progress_fini(&progress);
}

/* What went wrong while it ran, worst first. */
static int
verdict(const struct pipeline *pipeline)
{
	const struct capture_thread *first = &pipeline->captures[0];
	uint64_t failed = pipeline_counter(pipeline, COUNTER_recordings_failed);
	int error = atomic_load(&pipeline->archive_error);

	if (error == 0)
		error = atomic_load(&pipeline->recording_error);
	if (error < 0) {
		log_error("%" PRIu64 " recordings are not complete: %s", failed,
			  strerror(-error));
		return EXIT_FAILED;
	}
	if (first->error < 0) {
		log_error("%s; what came before is recorded",
			  capture_source_error(first->source));
		return exit_code(first->error);
	}
	if (stop_asked) {
		log_warning("stopped before the end of the input; what came "
			    "before is recorded");
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

static int
record(const struct options *o, const struct pipeline_config *config)
{
	char error[CAPTURE_ERROR_BYTES];
	struct pipeline *pipeline;
	int64_t began_ns;
	int r;

	began_ns = summary_clock();
	r = pipeline_start(&pipeline, config, error);
	if (r < 0) {
		log_error("%s", error);
		return exit_code(r);
	}
	watch(pipeline, o->quiet);
	pipeline_join(pipeline);
	r = verdict(pipeline);
	if (!o->quiet)
		summary_print(pipeline, summary_clock() - began_ns, stdout);
	pipeline_free(&pipeline);
	return r;
}

static int
open_files(void *ctx, struct capture_source **source, char *error)
{
	const struct options *o = ctx;

	return capture_file_open(source, o->files, o->files_count, error);
}

static int
run(struct options *o, const struct home *home, struct store_archive *archive)
{
	struct pipeline_config config = {
		.settings = &home->settings,
		.archive = archive,
		.threads = o->threads ? o->threads : home->settings.threads,
		.open_source = open_files,
		.open_ctx = o,
	};
	struct policy *policy = NULL;
	char *text = NULL;
	size_t text_bytes;
	int r;

	if (reads_stdin(o))
		config.threads = 1;
	r = home_policy(home, o->policy, &policy, &text, &text_bytes);
	if (r != 0)
		return r;
	config.policy = policy;
	if (o->check_only)
		goto out;
	r = store_archive_keep_policy(archive, text, text_bytes,
				      config.policy_hash);
	if (r < 0) {
		log_error("cannot keep the policy in the archive: %s",
			  strerror(-r));
		r = exit_code(r);
		goto out;
	}
	if (o->shift_now)
		r = find_shift(o, &config.shift_ns);
	if (r == 0)
		r = record(o, &config);
out:
	free(text);
	policy_free(&policy);
	return r;
}

int
main(int argc, char **argv)
{
	static const struct argp argp = { .options = argp_options,
					  .parser = parse,
					  .args_doc = "[FILE...]",
					  .doc = doc };
	/* The second one ends it at once; recovery mends what that leaves. */
	const struct sigaction action = { .sa_handler = on_signal,
					  .sa_flags = (int)SA_RESETHAND };
	struct store_archive *archive = NULL;
	struct options options = { 0 };
	struct home home;
	int r;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	log_init("spanrecd", LOG_LEVEL_INFO);
	r = process_guard();
	if (r == 0)
		r = store_init();
	if (r < 0) {
		log_error("cannot protect keys in memory: %s", strerror(-r));
		return EXIT_FAILED;
	}
	process_raise_files();
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	r = home_open(&home, options.home);
	if (r == 0)
		r = open_archive(&home, &archive);
	if (r == 0)
		r = run(&options, &home, archive);
	store_archive_close(&archive);
	if (r == 0 && fflush(stdout) == EOF)
		r = EXIT_FAILED;
	return r;
}
