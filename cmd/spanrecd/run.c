/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What both ways of running need: signals, archive, policy, the verdict. */
#include "cmd/spanrecd/run.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/audit.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/common/memory.h"
#include "store/audit.h"

/* ---- signals ------------------------------------------------------------- */

static volatile sig_atomic_t stop_asked, reload_asked;

static void
on_signal(int number)
{
	if (number == SIGHUP)
		reload_asked = 1;
	else
		stop_asked = 1;
}

void
run_catch_signals(bool live)
{
	/* The second one ends it at once; recovery mends what that leaves. */
	const struct sigaction stop = { .sa_handler = on_signal,
					.sa_flags = (int)SA_RESETHAND };
	const struct sigaction reload = { .sa_handler = on_signal };

	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	if (live)
		sigaction(SIGHUP, &reload, NULL);
	signal(SIGPIPE, SIG_IGN);
}

bool
run_stop_asked(void)
{
	return stop_asked;
}

bool
run_reload_asked(void)
{
	bool asked = reload_asked;

	reload_asked = 0;
	return asked;
}

/* ---- archive and policy ---------------------------------------------------
 */

bool
run_reads_stdin(const struct run_options *o)
{
	size_t i;

	for (i = 0; i < o->files_count; i++)
		if (strcmp(o->files[i], "-") == 0)
			return true;
	return false;
}

void
run_fit_memory(const struct run_options *o, struct home *home)
{
	struct home_settings *s = &home->settings;
	size_t interfaces =
	    o->interfaces_count ? o->interfaces_count : s->interfaces.count;
	uint32_t threads = o->threads ? o->threads : s->threads;
	uint64_t bytes = memory_given();
	bool lowered;

	/* What waits without signalling has four times the room. */
	if (o->read)
		threads *= o->orphans ? 4 : 1;
	else
		threads *= (uint32_t)(interfaces ? interfaces : 1);
	lowered = memory_fit(s, bytes, threads);
	if (lowered)
		log_warning("it is given %" PRIu64 " MiB of memory: flows_max "
			    "is %" PRIu32 ", calls_max %" PRIu32
			    ", lookback_mib %" PRIu32 ", tcp_mib %" PRIu32
			    ", fragments_mib %" PRIu32 "; what comes beyond "
			    "that is left out, and counted",
			    bytes >> 20, s->flows_max, s->calls_max,
			    s->lookback_mib, s->tcp_mib, s->fragments_mib);
}

int
run_open_archive(const struct home *home, struct pipeline_config *config,
		 struct store_recovery *recovery)
{
	const struct store_archive_config opening = {
		.map_bytes = home->settings.index_map_mib << 20,
	};
	int r = store_archive_open(&config->archive, home->archive_path,
				   STORE_WRITE, &opening, recovery);

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
	audit_recovery_tell(recovery);
	config->signer = audit_signer(home, false);
	return 0;
}

void
run_close_archive(struct pipeline_config *config)
{
	store_archive_close(&config->archive);
	store_signer_free(&config->signer);
}

int
run_open_policy(const struct run_options *o, const struct home *home,
		struct pipeline_config *config, struct policy **policy)
{
	char *text = NULL;
	size_t text_bytes;
	int r = home_policy(home, o->policy, policy, &text, &text_bytes);

	if (r != 0)
		return r;
	config->policy = *policy;
	home_policy_lint(home, o->policy, *policy, o->check_only);
	if (!o->check_only)
		r = store_archive_keep_policy(config->archive, text, text_bytes,
					      config->policy_hash);
	free(text);
	if (r == 0)
		return 0;
	log_error("cannot keep the policy in the archive: %s", strerror(-r));
	return exit_code(r);
}

int
run_verdict(const struct pipeline *pipeline)
{
	uint64_t failed = pipeline_counter(pipeline, COUNTER_recordings_failed);
	int error = atomic_load(&pipeline->archive_error);
	uint32_t i;

	if (error == 0)
		error = atomic_load(&pipeline->recording_error);
	if (error < 0) {
		log_error("%" PRIu64 " recordings are not complete: %s", failed,
			  strerror(-error));
		return EXIT_FAILED;
	}
	for (i = 0; i < pipeline->captures_count; i++) {
		const struct capture_thread *t = &pipeline->captures[i];

		if (t->error == 0)
			continue;
		log_error("%s; what came before is recorded",
			  capture_source_error(t->source));
		return exit_code(t->error);
	}
	return EXIT_DONE;
}
