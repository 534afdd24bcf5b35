/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * backup: a copy of the archive beside it, brought up to date; or proof that
 * one is whole. It needs no private key, and reads beside a recorder. The
 * archive is opened to write only for the entries of the ledger, so that nobody
 * waits.
 */
#include "cmd/spanrec/backup_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmd/common/backups.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "store/backup.h"

enum { PERIODS = 0x200, CHECK };

/* ioprio_set(2) has no wrapper. */
#define IO_OF_PROCESS 1
#define IO_LAST       (2 << 13 | 7) /* best effort, of the lowest rank */

struct arguments {
	struct spanrec *spanrec;
	const char *dir, *periods;
	bool check;
};

static const struct argp_option options[] = {
	{ "periods", PERIODS, "DIR2", 0,
	  "Where the keys of periods lie: on another disk or machine, so that "
	  "a copy of DIR alone opens nothing. Needed once; the backup "
	  "remembers it",
	  0 },
	{ "check", CHECK, NULL, 0,
	  "Read all of the backup, and say whether it is what was written; "
	  "nothing is changed, but the next backup copies anew what is damaged",
	  0 },
	{ 0 },
};

static const char doc[] =
    "Bring a backup of the archive up to date, or make the first one. The next "
    "time only what is new is copied. The recorder goes on meanwhile; no "
    "private key is needed, and none gets into the backup.\v"
    "Name DIR as 'backup' in spanrec.yaml: then it is told of each "
    "deletion, and what was deleted does not come back. Keys in it are sealed "
    "once more with a key of the day on which the recording has to be gone; "
    "that one is destroyed when the day is over.\n\n"
    "'spanrec restore' makes an archive of it. What else has to be kept: the "
    "private key, or an escrow key. See spanrec(1), BACKUP, for what a copy of "
    "DIR that was taken away can still do.\n\n"
    "Examples:\n"
    "  spanrec backup /mnt/backup/calls\n"
    "  spanrec backup /mnt/backup/calls --periods /srv/periods\n"
    "  spanrec backup /mnt/backup/calls --check\n";

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case PERIODS:
		arguments->periods = value;
		return 0;
	case CHECK:
		arguments->check = true;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->dir)
			argp_error(state, "one DIR at a time");
		arguments->dir = value;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "where to? Give the DIR of the backup");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- beside a recorder ----------------------------------------------------
 */

/* A recorder on this machine comes first, with disk and processor. */
static void
step_back(void)
{
	(void)!setpriority(PRIO_PROCESS, 0, 10);
	(void)!syscall(SYS_ioprio_set, IO_OF_PROCESS, 0, IO_LAST);
}

/* When it has to be gone: what the key in the backup is made to last for. */
static int64_t
due(void *ctx, const struct store_segment *segment)
{
	struct spanrec *spanrec = ctx;
	struct policy_clock clock;

	(void)!clocks_of(spanrec->clocks, spanrec->archive, spanrec->policy,
			 segment, &clock);
	return clock.due_ns;
}

/* ---- words ----------------------------------------------------------------
 */

static void
report(const struct spanrec *spanrec, const char *dir,
       const struct store_backup_result *result)
{
	FILE *out = spanrec->out;
	bool apart = result->periods[0] == '/';

	if (spanrec->quiet)
		return;
	spanrec_backup_print(spanrec, dir, NULL, result);
	fputc('\n', out);
	fprintf(out,
		"%" PRIu64 " recording%s copied; %" PRIu64
		" bytes written, %" PRIu64 " of them the index; %" PRIu64
		" bytes unchanged\n",
		result->copied, spanrec_plural(result->copied),
		result->copied_bytes, result->index_bytes,
		result->unchanged_bytes);
	if (result->keys_mended)
		fprintf(out,
			"%" PRIu64 " key%s in it could not be opened any more, "
			"and %s sealed anew\n",
			result->keys_mended,
			spanrec_plural(result->keys_mended),
			result->keys_mended == 1 ? "was" : "were");
	if (result->open)
		fprintf(out,
			"%" PRIu64 " being recorded: with the next backup\n",
			result->open);
	if (result->deletions)
		fprintf(out, "%" PRIu64 " deletion%s told to it\n",
			result->deletions, spanrec_plural(result->deletions));
	if (result->unlisted)
		fprintf(out,
			"%" PRIu64
			" of them on days whose list in it could not be read: "
			"by its files and the ledger\n",
			result->unlisted);
	if (result->mended)
		fprintf(out, "its journal of deletions was damaged, and was "
			     "told anew what the ledger has\n");
	if (result->periods_ended)
		fprintf(out, "%" PRIu64 " period%s over, %s key%s destroyed\n",
			result->periods_ended,
			spanrec_plural(result->periods_ended),
			result->periods_ended == 1 ? "its" : "their",
			spanrec_plural(result->periods_ended));
	if (result->generation > 1)
		return;
	fprintf(out,
		"Not in it, and needed to listen after a restore: the private "
		"key. Keep that, or an escrow key, elsewhere.\n"
		"The keys of periods are in %s%s%s: a copy of %s.\n",
		apart ? "" : dir, apart ? "" : "/", result->periods,
		apart ? "both is needed to restore"
		      : "the folder has them; --periods keeps them apart");
	if (!backups_known(&spanrec->home, dir))
		fprintf(out,
			"Name it as 'backup' in %s, so that it is told what is "
			"deleted.\n",
			spanrec->home.settings_path);
}

/* ---- proof --------------------------------------------------------------- */

static int
check(struct spanrec *spanrec, const struct arguments *arguments)
{
	struct store_backup_result result;
	struct spanrec_backup_shown shown;
	char made[SPANREC_TIME_BYTES];
	int rc = policy_zone_load(&spanrec->utc, "UTC");

	/* A bare machine has no home, and no policy that names its zone. */
	if (rc)
		return spanrec_backup_failed(arguments->dir, rc);
	spanrec_backup_shown_init(&shown, spanrec, "checking");
	rc = store_backup_check(arguments->dir, arguments->periods,
				spanrec->now_ns, &shown.watch, &result);
	spanrec_backup_shown_fini(&shown);
	if (rc)
		return spanrec_backup_failed(arguments->dir, rc);
	spanrec_time_local(spanrec->utc, result.made_ns, made);
	if (!spanrec->quiet) {
		spanrec_backup_print(spanrec, arguments->dir, made, &result);
		fprintf(spanrec->out, ": %s\n",
			result.damaged ? "damaged" : "whole");
	}
	if (!result.damaged)
		return EXIT_DONE;
	log_error("%" PRIu64 " thing%s in %s %s not what was written: the next "
		  "'spanrec backup' copies that anew from the archive",
		  result.damaged, spanrec_plural(result.damaged),
		  arguments->dir, result.damaged == 1 ? "is" : "are");
	return EXIT_DAMAGED;
}

/* ---- making one ---------------------------------------------------------- */

/* The archive is opened to write, or the recorder asked, for a moment.
 * @return exit code */
static int
enter(struct spanrec *spanrec, const char *detail)
{
	struct store_ledger_entry entry = { .action = "backup" };
	int rc = spanrec_open_beside(spanrec, STORE_WRITE);

	if (!rc)
		rc = spanrec_may_all(spanrec, POLICY_RIGHT_OPERATE);
	if (rc)
		return rc;
	entry.time_ns = spanrec->now_ns;
	snprintf(entry.detail, sizeof(entry.detail), "%s", detail);
	rc = spanrec_ledger_enter(spanrec, &entry);
	spanrec_fini(spanrec);
	return rc;
}

/* A disk that cannot be written can be saved all the same. */
static bool
read_only(struct spanrec *spanrec)
{
	struct home home;

	return home_open(&home, spanrec->home_option) == 0 &&
	       access(home.archive_path, W_OK) < 0 && errno == EROFS;
}

static int
make(struct spanrec *spanrec, const struct arguments *arguments,
     struct store_backup_result *result)
{
	const struct store_backup_file files[] = {
		{ "policy.yaml", spanrec->home.policy_path },
		{ "spanrec.yaml", spanrec->home.settings_path },
	};
	struct spanrec_backup_shown shown;
	struct store_backup_config config = {
		.dir = arguments->dir,
		.periods = arguments->periods,
		.now_ns = spanrec->now_ns,
		.due = due,
		.due_ctx = spanrec,
		.files = files,
		.files_count = sizeof(files) / sizeof(*files),
	};
	int rc;

	spanrec_backup_shown_init(&shown, spanrec, "copying");
	config.watch = shown.watch;
	step_back();
	rc = store_backup_make(spanrec->archive, &config, result);
	spanrec_backup_shown_fini(&shown);
	return rc ? spanrec_backup_unmade(arguments->dir, rc) : 0;
}

/* It is made, but not all is as it should be. @return exit code */
static int
trouble(const char *dir, const struct store_backup_result *result, int rc)
{
	char text[BACKUPS_STUCK_BYTES];

	if (result->damaged) {
		log_error("%" PRIu64 " thing%s in the archive %s damaged; "
			  "'spanrec verify --all' tells more. All else is in "
			  "the backup",
			  result->damaged, spanrec_plural(result->damaged),
			  result->damaged == 1 ? "is" : "are");
		rc = EXIT_DAMAGED;
	}
	if (result->periods_error) {
		backups_stuck_text(dir, result, text);
		log_error("the backup %s is made, but %s", dir, text);
		rc = EXIT_DAMAGED;
	}
	if (!result->unfinished)
		return rc;
	log_error("the backup %s is made, but what is deleted may still be in "
		  "it: %s; call this again, it goes on",
		  dir, strerror(-result->unfinished));
	return result->unfinished == -EBADMSG ? EXIT_DAMAGED : EXIT_FAILED;
}

/* @return exit code */
static int
backup(struct spanrec *spanrec, const struct arguments *arguments)
{
	struct store_backup_result result = { 0 };
	char detail[sizeof(((struct store_ledger_entry *)0)->detail)];
	bool unwritable = read_only(spanrec);
	int rc = 0;

	snprintf(detail, sizeof(detail), "begun: %.200s", arguments->dir);
	if (unwritable)
		log_warning("the archive cannot be written, so its ledger does "
			    "not say that a backup was made");
	else
		rc = enter(spanrec, detail);
	if (!rc)
		rc = spanrec_open(spanrec, STORE_READ);
	if (!rc)
		rc = spanrec_may_all(spanrec, POLICY_RIGHT_OPERATE);
	if (!rc)
		rc = make(spanrec, arguments, &result);
	if (rc)
		return rc;
	report(spanrec, arguments->dir, &result);
	spanrec_fini(spanrec);
	snprintf(detail, sizeof(detail),
		 "done: %.120s, number %" PRIu64 ", %" PRIu64
		 " recordings, %" PRIu64 " damaged",
		 arguments->dir, result.generation, result.recordings,
		 result.damaged);
	if (!unwritable)
		rc = enter(spanrec, detail);
	return trouble(arguments->dir, &result, rc);
}

/* The folder need not be there yet: that above it has to. @return exit code */
static int
absolute(const char *given, char path[PATH_MAX])
{
	char cwd[PATH_MAX];
	int n;

	if (!given[0]) {
		log_error("'' is no folder");
		return EXIT_USAGE;
	}
	if (given[0] == '/')
		n = snprintf(path, PATH_MAX, "%s", given);
	else if (getcwd(cwd, sizeof(cwd)))
		n = snprintf(path, PATH_MAX, "%s/%s", cwd, given);
	else
		n = -1;
	for (; n > 1 && n < PATH_MAX && path[n - 1] == '/'; n--)
		path[n - 1] = '\0';
	if (n > 0 && n < PATH_MAX - 64 && !strchr(path, '\n'))
		return 0;
	log_error("%s: this path cannot be used", given);
	return EXIT_USAGE;
}

int
spanrec_backup(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .args_doc = "DIR",
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	char dir[PATH_MAX], periods[PATH_MAX];
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	rc = absolute(arguments.dir, dir);
	arguments.dir = dir;
	if (!rc && arguments.periods) {
		rc = absolute(arguments.periods, periods);
		arguments.periods = periods;
	}
	if (rc)
		return rc;
	umask(077);
	if (!arguments.check || access(dir, F_OK) == 0)
		rc = spanrec_backup_folder(dir);
	if (!rc && arguments.periods && !arguments.check)
		rc = spanrec_backup_folder(periods);
	if (rc)
		return rc;
	return arguments.check ? check(spanrec, &arguments)
			       : backup(spanrec, &arguments);
}
