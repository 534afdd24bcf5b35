/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * restore: a home of a backup, on a machine that has nothing else.
 *
 *   1. the home, marked as not finished; settings and policy
 *   2. files, keys, index, into a folder that is no archive yet
 *   3. calls of then are closed, deletions since are done again
 *   4. what is due by the clocks is deleted
 *   5. an entry in the ledger; the folder becomes the archive
 *
 * So nobody can listen to anything before all of that is done. Stopped, it is
 * done again from the beginning, but for recordings that are there. Who may
 * restore is a matter of who may read the backup and its keys: the rights of a
 * policy are not asked about, since on a new machine its users may have other
 * names.
 */
#include "cmd/spanrec/backup_priv.h"
#include "cmd/spanrec/folder_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/common/audit.h"
#include "cmd/common/backups.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/common/sweep.h"

enum { PERIODS = 0x200, ALTHOUGH_DAMAGED, CLOCK_IS_RIGHT };

#define MARK     "restoring"
#define PART     "archive." MARK
#define SETTINGS "spanrec.yaml"
#define POLICY   "policy.yaml"

/* So often another backup may be finished meanwhile. */
#define TRIES 10

struct arguments {
	struct spanrec *spanrec;
	const char *dir, *home, *periods;
	bool although_damaged, clock_is_right;
	int lock_fd; /* -1: not taken */
};

static const struct argp_option options[] = {
	{ "periods", PERIODS, "DIR2", 0,
	  "Where the keys of periods lie, if that is not where the backup says",
	  0 },
	{ "although-damaged", ALTHOUGH_DAMAGED, NULL, 0,
	  "Restore what is sound of a backup that is damaged", 0 },
	{ "clock-is-right", CLOCK_IS_RIGHT, NULL, 0,
	  "You have looked at the clock of this machine, and the ledger says "
	  "that you did",
	  0 },
	{ 0 },
};

static const char doc[] =
    "Make a home, which is empty or not there yet, of a backup. What was "
    "deleted since the backup was made, as far as that was told to it, and what "
    "is past its time by the clock of this machine, is deleted before anybody "
    "can listen to anything.\v"
    "If it is stopped, call it again. To listen, put the private key into the "
    "home as vault.key: it is in no backup. Entries of the ledger made since "
    "the backup are lost, and an anchor taken since shows that; one from "
    "before is still right.\n\n"
    "Examples:\n"
    "  spanrec restore /mnt/backup/calls ~/calls\n"
    "  spanrec restore /mnt/backup/calls ~/calls --periods /media/periods\n";

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
	case ALTHOUGH_DAMAGED:
		arguments->although_damaged = true;
		return 0;
	case CLOCK_IS_RIGHT:
		arguments->clock_is_right = true;
		return 0;
	case ARGP_KEY_ARG:
		if (!arguments->dir)
			arguments->dir = value;
		else if (!arguments->home)
			arguments->home = value;
		else
			argp_error(state, "one DIR and one HOME at a time");
		return 0;
	case ARGP_KEY_END:
		if (!arguments->home)
			argp_error(state, "from where to where? Give the DIR "
					  "of the backup and the HOME to make");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- the home ------------------------------------------------------------ */

static int
complain(const char *path, int error)
{
	log_error("%s: %s", path, strerror(-error));
	return exit_code(error);
}

/* @return exit code */
static int
path_in(char path[PATH_MAX], const char *home, const char *name)
{
	int n = snprintf(path, PATH_MAX, "%s/%s", home, name);

	if (n >= 0 && n < PATH_MAX)
		return 0;
	log_error("the path of the home is too long");
	return EXIT_USAGE;
}

/* Whole, synced, in place of what is there. @return exit code */
static int
write_file(const char *path, const char *text, size_t n)
{
	int r = 0,
	    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return complain(path, -errno);
	while (r == 0 && n > 0) {
		ssize_t w = write(fd, text, n);

		if (w < 0 && errno != EINTR)
			r = -errno;
		if (w > 0) {
			text += w;
			n -= (size_t)w;
		}
	}
	if (r == 0 && fsync(fd))
		r = -errno;
	close(fd);
	return r ? complain(path, r) : 0;
}

/* What goes on with it keeps others from it. @return exit code */
static int
mark_lock(struct arguments *arguments, const char *mark)
{
	arguments->lock_fd = open(mark, O_RDONLY | O_CLOEXEC);
	if (arguments->lock_fd < 0)
		return complain(mark, -errno);
	if (flock(arguments->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	log_error("%s is being restored by another process: wait for that",
		  arguments->home);
	return EXIT_FAILED;
}

/* Empty, not there, or one that this began with. @return exit code */
static int
home_take(struct arguments *arguments)
{
	char mark[PATH_MAX];
	char *known;
	bool made, same;
	size_t n;
	int rc = path_in(mark, arguments->home, MARK);

	if (rc)
		return rc;
	if (home_file_read(mark, &known, &n)) {
		rc = spanrec_folder_make(arguments->home, &made);
	} else {
		same = n == strlen(arguments->dir) &&
		       memcmp(known, arguments->dir, n) == 0;
		free(known);
		/* Half of a mark is one all the same: nothing else is there. */
		if (!same && n) {
			log_error(
			    "%s is being restored from another backup: go "
			    "on with that one, or remove %s first",
			    arguments->home, arguments->home);
			return EXIT_FAILED;
		}
	}
	if (!rc)
		rc = write_file(mark, arguments->dir, strlen(arguments->dir));
	return rc ? rc : mark_lock(arguments, mark);
}

/* @param generation of which backup it is
 * @return exit code, or -1: the backup has none */
static int
file_take(const struct arguments *arguments, const char *name,
	  uint64_t *generation)
{
	char path[PATH_MAX], *text;
	size_t n;
	int rc = store_backup_file(arguments->dir, name, &text, &n, generation);

	if (rc == -ENOENT)
		return -1;
	if (rc) {
		log_error("%s of the backup %s: %s", name, arguments->dir,
			  backups_error(rc));
		return exit_code(rc);
	}
	rc = path_in(path, arguments->home, name);
	if (!rc)
		rc = write_file(path, text, n);
	free(text);
	return rc;
}

static int
write_defaults(const char *path)
{
	FILE *to = fopen(path, "we");
	int rc = to ? home_settings_write(to) : -errno;

	if (to && fclose(to) == EOF && !rc)
		rc = -errno;
	return rc ? complain(path, rc) : 0;
}

/* Settings may name places that are not here: they are put aside then. */
static int
settings_take(struct spanrec *spanrec, const struct arguments *arguments,
	      uint64_t *generation)
{
	char path[PATH_MAX], aside[PATH_MAX + 16], archive[PATH_MAX];
	int rc = path_in(path, arguments->home, SETTINGS);
	bool there;

	if (!rc)
		rc = path_in(archive, arguments->home, "archive");
	if (rc)
		return rc;
	rc = file_take(arguments, SETTINGS, generation);
	if (rc > 0)
		return rc;
	there = rc == 0 && home_open(&spanrec->home, arguments->home) == 0;
	if (there && strcmp(spanrec->home.archive_path, archive) == 0 &&
	    !*spanrec->home.settings.policy)
		return 0;
	snprintf(aside, sizeof(aside), "%s.from-backup", path);
	if (rc == 0 && rename(path, aside) == 0)
		log_warning("the settings of the backup name other places than "
			    "this home: they are in %s, and %s has the usual "
			    "ones",
			    aside, path);
	rc = write_defaults(path);
	return rc ? rc : home_open(&spanrec->home, arguments->home);
}

/* ---- its archive --------------------------------------------------------- */

static int
failed(const char *dir, int error)
{
	log_error("this backup cannot be restored");
	return spanrec_backup_failed(dir, error);
}

static int
files_take(const struct arguments *arguments, const char *part,
	   struct store_backup_result *result)
{
	struct spanrec *spanrec = arguments->spanrec;
	struct spanrec_backup_shown shown;
	int rc;

	spanrec_backup_shown_init(&shown, spanrec, "restoring");
	rc = store_restore_files(arguments->dir, arguments->periods, part,
				 spanrec->now_ns, &shown.watch, result);
	spanrec_backup_shown_fini(&shown);
	if (rc)
		return failed(arguments->dir, rc);
	if (!result->damaged || arguments->although_damaged)
		return 0;
	log_error("%" PRIu64 " thing%s in the backup %s not what was written: "
		  "mend that, or call this again with --although-damaged, for "
		  "all else",
		  result->damaged, spanrec_plural(result->damaged),
		  result->damaged == 1 ? "is" : "are");
	return EXIT_DAMAGED;
}

static int
part_open(struct spanrec *spanrec, const char *part)
{
	struct store_archive_config config = { .now_ns = spanrec->now_ns };
	int rc;

	config.map_bytes = spanrec->home.settings.index_map_mib << 20;
	rc = store_archive_open(&spanrec->archive, part, STORE_WRITE, &config,
				NULL);
	if (rc) {
		log_error("the archive that was restored cannot be opened: %s",
			  strerror(-rc));
		return exit_code(rc);
	}
	spanrec->writes = true;
	return 0;
}

/* May the clock of this machine be gone by? @return exit code */
static int
clock_check(struct spanrec *spanrec, const struct arguments *arguments,
	    struct guard_reading *clock)
{
	struct store_ledger_entry entry = { .action = "clock",
					    .detail = GUARD_CONFIRMED };
	enum guard_verdict verdict;
	struct store_pulse pulse;
	int rc = store_pulse_get(spanrec->archive, &pulse);

	if (rc && rc != -ENOENT)
		memset(&pulse, 0, sizeof(pulse));
	if (spanrec->clocks_read)
		*clock = *spanrec->clocks_read;
	else
		guard_read(clock);
	if (arguments->clock_is_right)
		guard_confirm(&pulse, clock);
	verdict = guard_decide(&pulse, clock,
			       policy_clock_synchronised(spanrec->policy));
	if (verdict != GUARD_TRUSTED) {
		log_error("%s. Nothing is served before what is due by a right "
			  "clock is deleted: put the clock right and call this "
			  "again, or with --clock-is-right",
			  guard_text(verdict));
		return EXIT_FAILED;
	}
	guard_trust(&pulse, clock);
	entry.time_ns = clock->wall_ns;
	spanrec_actor(entry.actor);
	rc = store_pulse_put(spanrec->archive, &pulse,
			     arguments->clock_is_right ? &entry : NULL);
	return rc ? complain("archive", rc) : 0;
}

static void
sweep_tell(void *ctx, bool error, const char *words)
{
	(void)ctx;
	if (error)
		log_error("%s", words);
	else
		log_warning("%s", words);
}

/* @return exit code */
static int
sweep(struct spanrec *spanrec, const struct arguments *arguments,
      struct sweep_result *swept)
{
	char actor[STORE_NAME_BYTES];
	struct guard_reading clock;
	struct sweep_config config = { .actor = actor, .tell = sweep_tell };
	int rc =
	    home_policy(&spanrec->home, NULL, &spanrec->policy, NULL, NULL);

	if (!rc && clocks_new(&spanrec->clocks))
		rc = complain("clocks", -ENOMEM);
	if (!rc)
		rc = clock_check(spanrec, arguments, &clock);
	if (rc)
		return rc;
	spanrec_actor(actor);
	config.archive = spanrec->archive;
	config.policy = spanrec->policy;
	config.clocks = spanrec->clocks;
	config.now_ns = clock.wall_ns;
	rc = sweep_run(&config, swept);
	if (rc)
		log_error("not all that is due could be deleted: %s",
			  strerror(-rc));
	return rc ? exit_code(rc) : 0;
}

/* ---- the end ------------------------------------------------------------- */

/* @return exit code */
static int
note(struct spanrec *spanrec, const struct arguments *arguments,
     const struct store_backup_result *result, const struct sweep_result *swept)
{
	struct store_ledger_entry entry = { .action = "restore" };
	char made[SPANREC_TIME_BYTES];
	struct store_signer *signer = audit_signer(&spanrec->home, false);
	int rc;

	spanrec_time_local(policy_zone_peek(spanrec->policy), result->made_ns,
			   made);
	entry.time_ns = spanrec->now_ns;
	spanrec_actor(entry.actor);
	snprintf(entry.detail, sizeof(entry.detail),
		 "from %.100s, number %" PRIu64 " of %s: %" PRIu64
		 " deleted since, %" PRIu64 " due; missing since: %" PRIu64
		 " entries or more, %" PRIu64 " then in progress, %" PRIu64
		 " damaged",
		 arguments->dir, result->generation, made, result->deletions,
		 swept->recordings, result->missing_entries, result->open,
		 result->damaged);
	rc = audit_enter(spanrec->archive, signer, &entry, 1);
	store_signer_free(&signer);
	return rc ? complain("the ledger", rc) : 0;
}

/* From now on it is an archive. @return exit code */
static int
finish(struct spanrec *spanrec, const char *home, const char *part)
{
	char archive[PATH_MAX], mark[PATH_MAX];
	int fd, r = 0, rc = path_in(archive, home, "archive");

	if (!rc)
		rc = path_in(mark, home, MARK);
	if (rc)
		return rc;
	store_archive_close(&spanrec->archive);
	spanrec->writes = false;
	if (rename(part, archive))
		return complain(archive, -errno);
	fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) || unlinkat(fd, MARK, 0) || fsync(fd))
		r = -errno;
	if (fd >= 0)
		close(fd);
	return r ? complain(home, r) : 0;
}

static void
report(const struct spanrec *spanrec, const struct arguments *arguments,
       const struct store_backup_result *result,
       const struct sweep_result *swept)
{
	struct stat st;

	if (spanrec->quiet)
		return;
	spanrec_backup_print(spanrec, arguments->home, NULL, result);
	fputc('\n', spanrec->out);
	fprintf(spanrec->out,
		"%" PRIu64 " deleted since the backup stayed out; %" PRIu64
		" past their time deleted\n",
		result->deletions, swept->recordings);
	if (result->gone)
		fprintf(spanrec->out,
			"%" PRIu64 " could not be opened any more: their time "
			"was over\n",
			result->gone);
	if (result->open)
		fprintf(spanrec->out,
			"%" PRIu64 " being recorded then: interrupted, without "
			"sound\n",
			result->open);
	fprintf(spanrec->out, "Missing is what came after the backup%s.\n",
		result->missing_entries ? ", entries of the ledger among it"
					: "");
	if (geteuid() == 0)
		fprintf(spanrec->out,
			"It belongs to root: give it to the account that "
			"records (chown -R) before spanrecd is started.\n");
	if (stat(spanrec->home.key_path, &st))
		fprintf(spanrec->out, "To listen, put the private key at %s.\n",
			spanrec->home.key_path);
}

/* All of one backup. @param again another one took its place meanwhile
 * @return exit code */
static int
take(struct spanrec *spanrec, const struct arguments *arguments,
     const char *part, struct store_backup_result *result, bool *again)
{
	uint64_t settings = 0, policy = 0;
	struct spanrec_backup_shown shown;
	char actor[STORE_NAME_BYTES];
	int rc = settings_take(spanrec, arguments, &settings);

	*again = false;
	if (!rc)
		rc = file_take(arguments, POLICY, &policy);
	if (rc < 0) {
		log_error("the backup %s has no policy, and nothing says what "
			  "may be kept",
			  arguments->dir);
		return EXIT_DAMAGED;
	}
	if (!rc)
		rc = files_take(arguments, part, result);
	if (!rc)
		rc = part_open(spanrec, part);
	if (rc)
		return rc;
	spanrec_actor(actor);
	spanrec_backup_shown_init(&shown, spanrec, "deleting");
	rc = store_restore_replay(spanrec->archive, arguments->dir,
				  spanrec->now_ns, actor, &shown.watch, result);
	spanrec_backup_shown_fini(&shown);
	*again = rc == -EAGAIN || settings != result->generation ||
		 policy != result->generation;
	if (!*again)
		return rc ? failed(arguments->dir, rc) : 0;
	store_archive_close(&spanrec->archive);
	spanrec->writes = false;
	return 0;
}

/* @return exit code */
static int
restore(struct spanrec *spanrec, const struct arguments *arguments)
{
	struct store_backup_result result = { 0 };
	struct sweep_result swept = { 0 };
	char part[PATH_MAX];
	bool again = true;
	int rc = path_in(part, arguments->home, PART);

	for (int i = 0; !rc && again && i < TRIES; i++)
		rc = take(spanrec, arguments, part, &result, &again);
	if (!rc && again)
		rc = failed(arguments->dir, -EBUSY);
	if (rc)
		return rc;
	rc = sweep(spanrec, arguments, &swept);
	if (!rc)
		rc = note(spanrec, arguments, &result, &swept);
	if (!rc)
		rc = finish(spanrec, arguments->home, part);
	if (rc)
		return rc;
	report(spanrec, arguments, &result, &swept);
	return result.damaged ? EXIT_DAMAGED : EXIT_DONE;
}

/* Before anything is made: is it a backup? */
static int
backup_check(const struct arguments *arguments)
{
	uint64_t generation;
	char *text;
	size_t n;
	int rc =
	    store_backup_file(arguments->dir, POLICY, &text, &n, &generation);

	free(text);
	if (rc == -ENOENT)
		log_error("%s is no backup, or none was ever finished there, "
			  "or it has no policy, without which nothing says "
			  "what may be kept",
			  arguments->dir);
	else if (rc)
		return failed(arguments->dir, rc);
	return rc ? EXIT_NOT_FOUND : 0;
}

/* Something was renamed, but the mark is still there. */
static int
finished_before(const struct arguments *arguments, bool *was)
{
	char mark[PATH_MAX], archive[PATH_MAX];
	int rc = path_in(mark, arguments->home, MARK);

	*was = false;
	if (!rc)
		rc = path_in(archive, arguments->home, "archive");
	if (rc || access(mark, F_OK) || access(archive, F_OK))
		return rc;
	*was = true;
	return unlink(mark) ? complain(mark, -errno) : 0;
}

int
spanrec_restore(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .args_doc = "DIR HOME",
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec, .lock_fd = -1 };
	char dir[PATH_MAX];
	bool was;
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	if (!realpath(arguments.dir, dir)) {
		rc = errno;
		log_error("the backup %s: %s%s", arguments.dir, strerror(rc),
			  rc == ENOENT ? "; mount the disk that it is on" : "");
		return rc == ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED;
	}
	arguments.dir = dir;
	umask(077);
	rc = spanrec_backup_folder(dir);
	if (!rc)
		rc = finished_before(&arguments, &was);
	if (rc || was) {
		if (!rc)
			log_info("%s was restored before", arguments.home);
		return rc;
	}
	rc = backup_check(&arguments);
	if (!rc)
		rc = home_take(&arguments);
	if (!rc)
		rc = restore(spanrec, &arguments);
	if (arguments.lock_fd >= 0)
		close(arguments.lock_fd);
	return rc;
}
