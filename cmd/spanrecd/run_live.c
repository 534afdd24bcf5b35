/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Recording from interfaces, as a service:
 *
 *   open the interfaces      with the rights that this needs
 *   become the archive's account, without any capability
 *   open the archive, listen on the control socket
 *   see nothing else of the file system
 *   record until SIGTERM or SIGINT
 */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/common/backups.h"
#include "cmd/common/exit.h"
#include "cmd/common/guard.h"
#include "cmd/common/log.h"
#include "cmd/common/memory.h"
#include "cmd/spanrecd/listen.h"
#include "cmd/spanrecd/notify.h"
#include "cmd/spanrecd/privilege.h"
#include "cmd/spanrecd/run.h"
#include "cmd/spanrecd/summary.h"
#include "rtp/srtp.h"

static const int64_t SECOND_NS = 1000000000LL;
/* 2024: no recording is older than this program. */
static const int64_t EARLIEST_NS = 1704067200 * 1000000000LL;

static int64_t
clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * SECOND_NS + ts.tv_nsec;
}

/* ---- interfaces ---------------------------------------------------------- */

static size_t
list_interfaces(const struct run_options *o, const struct home *home,
		const char *names[RUN_INTERFACES_MAX])
{
	const struct policy_texts *set = &home->settings.interfaces;
	size_t i;

	if (o->interfaces_count) {
		memcpy(names, o->interfaces,
		       o->interfaces_count * sizeof(*names));
		return o->interfaces_count;
	}
	for (i = 0; i < set->count; i++)
		names[i] = set->text[i];
	return set->count;
}

static void
free_sources(struct pipeline_config *config)
{
	while (config->sources_count > 0)
		capture_source_free(&config->sources[--config->sources_count]);
}

static int
check_interfaces(const struct run_options *o, const struct home *home,
		 uint32_t threads)
{
	const char *names[RUN_INTERFACES_MAX];
	size_t count = list_interfaces(o, home, names);

	if (count == 0) {
		log_error("nothing to record from: give --interface IF or "
			  "--read FILE, or name the interfaces in %s",
			  home->settings_path);
		return EXIT_USAGE;
	}
	if (count * threads > PIPELINE_THREADS_MAX) {
		log_error("%zu interfaces with %u threads each are more than "
			  "the %d capture threads there can be",
			  count, threads, PIPELINE_THREADS_MAX);
		return EXIT_USAGE;
	}
	return 0;
}

/* One for each interface and thread; those of an interface side by side. */
static int
open_sources(const struct run_options *o, const struct home *home,
	     struct pipeline_config *config, uint32_t threads)
{
	const char *names[RUN_INTERFACES_MAX];
	size_t count = list_interfaces(o, home, names), i;
	struct capture_live_config live = {
		.ring_bytes = home->settings.ring_mib << 20,
		.block_ms = home->settings.block_ms,
	};
	char error[CAPTURE_ERROR_BYTES];
	int r;

	for (i = 0; i < count; i++) {
		live.interface = names[i];
		r = capture_live_open(config->sources + config->sources_count,
				      threads, &live, error);
		if (r < 0) {
			log_error("%s", error);
			free_sources(config);
			return exit_code(r);
		}
		config->sources_count += threads;
	}
	config->several = count > 1;
	return 0;
}

/* ---- less rights --------------------------------------------------------- */

/* Directory of a file, for as long as `path` lives. */
static const char *
folder_of(const char *file, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s", file);
	return dirname(path);
}

/* What may be written. */
struct confined {
	const char *dirs[BACKUPS_MAX + 2];
	char paths[BACKUPS_MAX][PATH_MAX];
	size_t count;
};

/* A backup that is not mounted now cannot be reached later either. */
static void
add_backups(struct confined *write, const struct home *home,
	    const struct policy_texts *set)
{
	for (uint32_t i = 0; i < set->count; i++) {
		char *path = write->paths[write->count];

		if (!backups_path(home, set->text[i], path))
			continue;
		if (access(path, F_OK) == 0)
			write->dirs[++write->count] = path;
		else
			log_warning("the backup folder %s is not there now, "
				    "and so out of reach for this recorder "
				    "until it is started again: 'spanrec "
				    "backup' tells it what was deleted",
				    path);
	}
}

static const char *const *
writable(struct confined *write, const struct home *home)
{
	write->dirs[0] = home->archive_path;
	add_backups(write, home, &home->settings.backup);
	add_backups(write, home, &home->settings.backup_periods);
	write->dirs[write->count + 1] = NULL;
	return write->dirs;
}

/* The socket is there by now, and stays: its directory is the home, with the
 * policy and the private key, which no packet may ever get to write to. */
int
run_confine(const struct run_options *o, const struct home *home)
{
	char settings[PATH_MAX], policy[PATH_MAX];
	struct confined *write = calloc(1, sizeof(*write));
	const char *read_dirs[] = {
		folder_of(home->settings_path, settings),
		folder_of(o->policy ? o->policy : home->policy_path, policy),
		"/usr/share/zoneinfo",
		"/etc",
		"/proc",
		NULL
	};
	int r;

	r = write ? privilege_confine(writable(write, home), read_dirs)
		  : -ENOMEM;
	free(write);
	if (r < 0)
		log_error("cannot give up the rest of the file system: %s",
			  strerror(-r));
	return r < 0 ? EXIT_FAILED : 0;
}

static int
drop(const struct privilege *plan)
{
	int r = privilege_drop(plan);

	if (r < 0)
		log_error("cannot give up privileges: %s", strerror(-r));
	return r < 0 ? EXIT_FAILED : 0;
}

/* ---- running ------------------------------------------------------------- */

static void
tell_status(struct pipeline *pipeline)
{
	char text[160];

	snprintf(
	    text, sizeof(text),
	    "%llu frames, %llu recordings, %llu frames dropped by the "
	    "kernel",
	    (unsigned long long)pipeline_counter(pipeline, COUNTER_frames),
	    (unsigned long long)pipeline_counter(pipeline, COUNTER_recordings),
	    (unsigned long long)pipeline_counter(pipeline,
						 COUNTER_kernel_drops));
	notify_status(text);
}

/* The watermark follows the clock as long as capture and control are alive. */
static void
feed_watchdog(struct pipeline *pipeline, int64_t *seen_ns, int64_t *fed_ns)
{
	int64_t every_ns = notify_watchdog_ns();
	int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	int64_t watermark_ns =
	    atomic_load_explicit(&pipeline->watermark_ns, memory_order_acquire);

	if (every_ns == 0 || now_ns - *fed_ns < every_ns / 2 ||
	    watermark_ns == *seen_ns)
		return;
	*seen_ns = watermark_ns;
	*fed_ns = now_ns;
	notify_watchdog();
	tell_status(pipeline);
}

/* Whatever keeps the archive thread, this one sees it. Told once. */
static void
watch_purge(struct pipeline *pipeline, bool *told)
{
	bool stale = pipeline_purge_quiet_ns(pipeline) > GUARD_STALE_NS;

	if (stale && !*told)
		log_error("no purge has ended well for %d minutes: what is due "
			  "may not be gone",
			  (int)(GUARD_STALE_NS / 60000000000LL));
	else if (!stale && *told)
		log_info("a purge has ended well again");
	*told = stale;
}

static void
watch(struct pipeline *pipeline)
{
	const struct timespec pause = { 0, 100 * 1000000L };
	int64_t seen_ns = 0, fed_ns = 0;
	bool stopping = false, told = false;

	while (pipeline_running(pipeline)) {
		if (run_stop_asked() && !stopping) {
			stopping = true;
			notify_stopping();
			pipeline_stop(pipeline);
		}
		if (run_reload_asked())
			pipeline_reload(pipeline);
		feed_watchdog(pipeline, &seen_ns, &fed_ns);
		watch_purge(pipeline, &told);
		nanosleep(&pause, NULL);
	}
}

static void
announce(const struct pipeline_config *config)
{
	struct capture_live_state state;
	uint32_t i;

	for (i = 0; i < config->sources_count; i += config->writers_count)
		if (capture_live_state(config->sources[i], &state) == 0)
			log_info("recording from %s as %s%s", state.name,
				 config->account,
				 state.link == CAPTURE_LINK_UP
				     ? ""
				     : ", which is down");
	if (config->reason_for_root)
		log_warning("running as root: %s", config->reason_for_root);
}

static int
record(const struct run_options *o, struct pipeline_config *config,
       const struct store_recovery *recovery)
{
	char error[CAPTURE_ERROR_BYTES];
	struct run_backups *backups;
	struct pipeline *pipeline;
	int64_t began_ns = summary_clock();
	int r;

	config->start_ns = clock_ns(CLOCK_REALTIME);
	if (config->start_ns < EARLIEST_NS) {
		log_error("the clock of this machine is years late: set it, "
			  "for retention counts from the time of a call");
		return EXIT_FAILED;
	}
	announce(config);
	run_enter_start(config, recovery);
	r = pipeline_start(&pipeline, config, error);
	config->sources_count = 0; /* it has them */
	if (r < 0) {
		log_error("%s", error);
		run_enter_stop(config, NULL, exit_code(r));
		return exit_code(r);
	}
	notify_ready();
	backups = run_backups_start(config);
	watch(pipeline);
	pipeline_join(pipeline);
	run_backups_stop(&backups);
	r = run_verdict(pipeline);
	run_enter_stop(config, pipeline, r);
	if (!o->quiet)
		summary_print(pipeline, summary_clock() - began_ns, stdout);
	pipeline_free(&pipeline);
	return r;
}

static int
run(const struct run_options *o, const struct home *home,
    struct pipeline_config *config)
{
	struct policy *policy = NULL;
	struct store_recovery recovery = { 0 };
	int r = run_open_archive(home, config, &recovery);

	if (r == 0)
		r = run_open_policy(o, home, config, &policy);
	if (r == 0 && home->control_path[0] &&
	    control_listen(home->control_path, home->settings.control_group,
			   &config->control_fd) < 0)
		r = EXIT_FAILED;
	/* It reads libraries, which are out of sight from here on. */
	if (r == 0 && rtp_srtp_init() < 0)
		log_warning("libsrtp2 does not work: encrypted calls are not "
			    "recorded");
	if (r == 0)
		r = run_confine(o, home);
	if (r == 0)
		r = record(o, config, &recovery);
	policy_free(&policy);
	run_close_archive(config);
	return r;
}

int
run_live(const struct run_options *o, const struct home *home)
{
	struct capture_source *sources[PIPELINE_THREADS_MAX] = { 0 };
	uint32_t threads = o->threads ? o->threads : home->settings.threads;
	struct pipeline_config config = { .settings = &home->settings,
					  .sources = sources,
					  .writers_count = threads,
					  .live = true,
					  .memory_bytes = memory_given(),
					  .home = home,
					  .home_option = o->home,
					  .policy_path = o->policy,
					  .control_fd = -1 };
	struct privilege plan;
	int r = check_interfaces(o, home, threads);

	if (r == 0)
		r = privilege_plan(&plan, home->archive_path,
				   o->reason_for_root);
	if (r != 0)
		return r;
	config.account = plan.account[0] ? plan.account
					 : "an account without "
					   "a name";
	config.reason_for_root = plan.reason_for_root;
	config.backups = backups_view_new();
	r = open_sources(o, home, &config, threads);
	if (r == 0)
		r = drop(&plan);
	if (r == 0)
		r = run(o, home, &config);
	free_sources(&config);
	backups_view_free(&config.backups);
	return r;
}
