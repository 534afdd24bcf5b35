/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Backups in words: what is said while one is made, checked or restored, and
 * why that cannot be. */
#include "cmd/spanrec/backup_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/common/backups.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"

/* ---- while it goes on ---------------------------------------------------- */

static void
tell(void *ctx, enum store_backup_news news, const char *name,
     const char *words)
{
	const struct spanrec_backup_shown *shown = ctx;
	const struct spanrec *spanrec = shown->spanrec;
	char clean[SPANREC_TEXT_BYTES];

	spanrec_text_clean(name, clean, sizeof(clean));
	if (news == STORE_BACKUP_DAMAGED)
		log_error("%s: %s", clean, words);
	else if (!spanrec->quiet)
		fprintf(spanrec->out, "%s: %s\n", clean, words);
}

static void
show_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct spanrec_backup_shown *shown = ctx;

	progress_update(&shown->progress, done, total);
}

void
spanrec_backup_shown_init(struct spanrec_backup_shown *shown,
			  struct spanrec *spanrec, const char *what)
{
	shown->spanrec = spanrec;
	shown->watch = (struct store_backup_watch){ .ctx = shown,
						    .tell = tell,
						    .progress = show_progress };
	progress_init(&shown->progress, what);
	if (spanrec->quiet)
		shown->progress.shown = false;
}

void
spanrec_backup_shown_fini(struct spanrec_backup_shown *shown)
{
	progress_fini(&shown->progress);
}

/* ---- what came of it ----------------------------------------------------- */

const char *
spanrec_plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

void
spanrec_backup_print(const struct spanrec *spanrec, const char *name,
		     const char *made, const struct store_backup_result *result)
{
	fprintf(spanrec->out,
		"%s: backup %" PRIu64 "%s%s%s, %" PRIu64 " recording%s, "
		"%" PRIu64 " bytes of sound",
		name, result->generation, made ? " of " : "", made ? made : "",
		made ? " UTC" : "", result->recordings,
		spanrec_plural(result->recordings), result->bytes);
}

/* Which are no matter of rights, nor of what is not there. */
static bool
is_of_the_folder(int error)
{
	return error == -ESTALE || error == -EEXIST || error == -ENOTDIR ||
	       error == -ENOTEMPTY || error == -ENODATA;
}

int
spanrec_backup_failed(const char *dir, int error)
{
	log_error("the backup %s: %s", dir, backups_error(error));
	return is_of_the_folder(error) ? EXIT_FAILED : exit_code(error);
}

/* ---- folders ------------------------------------------------------------- */

/* That above it. */
static void
parent_of(const char *path, char parent[PATH_MAX])
{
	char *slash;

	snprintf(parent, PATH_MAX, "%s", path);
	slash = strrchr(parent, '/');
	if (slash)
		slash[slash == parent ? 1 : 0] = '\0';
}

int
spanrec_backup_folder(const char *path)
{
	char parent[PATH_MAX];
	struct stat st;

	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		log_error(
		    "%s is no folder, and a backup is one: choose another "
		    "place",
		    path);
		return EXIT_FAILED;
	}
	if (errno != ENOENT) {
		log_error("%s cannot be used: %s; choose another place", path,
			  strerror(errno));
		return errno == EACCES ? EXIT_NOT_ALLOWED : EXIT_FAILED;
	}
	parent_of(path, parent);
	if (stat(parent, &st) == 0)
		return 0;
	log_error("there is no folder %s to make %s in: make it first, or "
		  "mount the disk that it is on",
		  parent, path);
	return EXIT_FAILED;
}

int
spanrec_backup_unmade(const char *dir, int error)
{
	char parent[PATH_MAX];
	struct stat st;
	bool there = stat(dir, &st) == 0;

	parent_of(dir, parent);
	switch (error) {
	case -EACCES:
	case -EPERM:
		log_error("the backup %s: this user may not write in %s: give "
			  "that folder to this user (chown), or choose another "
			  "place",
			  dir, there ? dir : parent);
		return EXIT_NOT_ALLOWED;
	case -ENOENT:
		if (there)
			break;
		log_error("the backup %s: no folder can be made in %s: choose "
			  "a place on a disk",
			  dir, parent);
		return EXIT_FAILED;
	case -ENOSPC:
	case -EDQUOT:
		log_error("the backup %s: %s; the last one holds as it is: "
			  "make room and call this again, it goes on",
			  dir, strerror(-error));
		return EXIT_FAILED;
	default:
		break;
	}
	return spanrec_backup_failed(dir, error);
}
