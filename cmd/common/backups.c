/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Telling the backups that the settings name what was deleted. */
#include "cmd/common/backups.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/log.h"

bool
backups_path(const struct home *home, const char *set, char path[PATH_MAX])
{
	int n = set[0] == '/' || !home->dir[0]
		    ? snprintf(path, PATH_MAX, "%s", set)
		    : snprintf(path, PATH_MAX, "%s/%s", home->dir, set);

	return n >= 0 && n < PATH_MAX;
}

bool
backups_known(const struct home *home, const char *dir)
{
	const struct policy_texts *set = &home->settings.backup;
	char path[PATH_MAX], real[PATH_MAX], wanted[PATH_MAX];

	if (!realpath(dir, wanted))
		return false;
	for (uint32_t i = 0; i < set->count; i++)
		if (backups_path(home, set->text[i], path) &&
		    realpath(path, real) && strcmp(real, wanted) == 0)
			return true;
	return false;
}

const char *
backups_error(int error)
{
	switch (error) {
	case -ENOENT:
		return "no backup is there";
	case -ENOTDIR:
		return "the folder with the keys of its periods is not there, "
		       "or is that of another backup: mount it, or name it "
		       "with --periods";
	case -EBUSY:
		return "another backup is being made there";
	case -ESTALE:
		return "it is the backup of another archive, or of what came "
		       "after this one was restored";
	case -EEXIST:
		return "there is something else in it; choose an empty folder";
	case -ENOTEMPTY:
		return "the folder for the keys of its periods has something "
		       "else in it; choose an empty one";
	case -ENODATA:
		return "the archive cannot be read, as is said above";
	case -EBADMSG:
		return "what is there is damaged, or is no backup; one made in "
		       "an empty folder is sound";
	case -EPROTO:
		return "it was made by another version of spanrec: use that "
		       "one, or make a backup in an empty folder";
	default:
		return strerror(-error);
	}
}

static void
note(int *last, int error, const char *path,
     const struct store_backup_result *result)
{
	/* Who makes a backup there tells it, too. */
	if (error == -EBUSY)
		error = 0;
	if (error && error != *last)
		log_warning("the backup %s cannot be told what was deleted: "
			    "%s; it is told when it can",
			    path, backups_error(error));
	if (!error && *last)
		log_info("the backup %s can be told again what was deleted",
			 path);
	if (result->deletions)
		log_info("%" PRIu64 " deletion%s told to the backup %s",
			 result->deletions, result->deletions == 1 ? "" : "s",
			 path);
	if (result->unlisted)
		log_warning("the backup %s: the list of a day in it cannot be "
			    "read; what was deleted on such days (%" PRIu64
			    ") is destroyed in it by its files and the ledger, "
			    "and the next 'spanrec backup' writes the list "
			    "anew",
			    path, result->unlisted);
	if (result->mended)
		log_warning("the backup %s: its journal of deletions was "
			    "damaged, and is told anew what the ledger has",
			    path);
	if (result->periods_ended)
		log_info("%" PRIu64
			 " period%s of the backup %s over, the key%s "
			 "destroyed",
			 result->periods_ended,
			 result->periods_ended == 1 ? "" : "s", path,
			 result->periods_ended == 1 ? "" : "s");
	*last = error;
}

uint32_t
backups_follow(struct backups *backups, struct store_archive *archive,
	       const struct home *home, int64_t now_ns)
{
	const struct policy_texts *dirs = &home->settings.backup;
	const struct policy_texts *apart = &home->settings.backup_periods;
	struct store_backup_result result;
	uint32_t failed = 0;
	char path[PATH_MAX];
	int r;

	for (uint32_t i = 0; i < dirs->count; i++) {
		memset(&result, 0, sizeof(result));
		r = backups_path(home, dirs->text[i], path)
			? store_backup_follow(archive, path, NULL, now_ns,
					      &result)
			: -ENAMETOOLONG;
		note(&backups->last[i], r, path, &result);
		failed += r && r != -EBUSY;
	}
	for (uint32_t i = 0; i < apart->count; i++) {
		memset(&result, 0, sizeof(result));
		r = backups_path(home, apart->text[i], path)
			? store_backup_follow(archive, NULL, path, now_ns,
					      &result)
			: -ENAMETOOLONG;
		note(&backups->last[POLICY_TEXTS_MAX + i], r, path, &result);
		failed += r && r != -EBUSY;
	}
	return failed;
}
