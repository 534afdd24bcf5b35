/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Telling the backups that the settings name what was deleted, and what is
 * known of them. */
#include "cmd/common/backups.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cmd/common/json.h"
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
	case -ENOTUNIQ:
		return "something else is in the place of a key, as is said "
		       "above";
	default:
		return strerror(-error);
	}
}

/* Of a file among the keys of periods. */
static const char *
stuck_error(int error)
{
	switch (error) {
	case -ESTALE:
		return "it is of another backup";
	case -EPROTO:
		return "it is of a newer version of spanrec";
	case -EBADMSG:
		return "it is no file";
	default:
		return strerror(-error);
	}
}

void
backups_stuck_text(const char *dir, const struct store_backup_result *result,
		   char text[BACKUPS_STUCK_BYTES])
{
	const bool apart = result->periods[0] == '/';

	snprintf(text, BACKUPS_STUCK_BYTES,
		 "not all keys of periods that are over could be destroyed: "
		 "look at %s in %.120s%s%.120s (%s), and move it away if it is "
		 "none of this backup; 'spanrec backup' or a purge tries again",
		 *result->period ? result->period : "what is", apart ? "" : dir,
		 apart ? "" : "/", result->periods,
		 stuck_error(result->periods_error));
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

/* Apart from what it was told of deletions. @param error of that */
static void
note_stuck(struct backups_stuck *stuck, int error, const char *path,
	   const struct store_backup_result *result)
{
	const int before = stuck->error;

	/* Nobody looked at them. */
	if (error && !result->periods_error)
		return;
	stuck->error = result->periods_error;
	if (stuck->error)
		backups_stuck_text(path, result, stuck->words);
	if (stuck->error && stuck->error != before)
		log_warning("the backup %s: %s", path, stuck->words);
	if (!stuck->error && before)
		log_info("the backup %s: all keys of periods that are over are "
			 "destroyed",
			 path);
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
		note_stuck(&backups->stuck[i], r, path, &result);
		failed += r && r != -EBUSY;
	}
	for (uint32_t i = 0; i < apart->count; i++) {
		memset(&result, 0, sizeof(result));
		r = backups_path(home, apart->text[i], path)
			? store_backup_follow(archive, NULL, path, now_ns,
					      &result)
			: -ENAMETOOLONG;
		note(&backups->last[POLICY_TEXTS_MAX + i], r, path, &result);
		note_stuck(&backups->stuck[POLICY_TEXTS_MAX + i], r, path,
			   &result);
		failed += r && r != -EBUSY;
	}
	return failed;
}

/* ---- what is known ------------------------------------------------------- */

static void
look(struct backups_known *known, const struct store_archive *archive,
     int follow_error)
{
	int r = store_backup_look(archive, known->path, &known->state);

	known->named = true;
	known->error = r ? r : follow_error == -EBUSY ? 0 : follow_error;
	/* It is not there, and the ledger knows when it was made. */
	if (r && !known->state.told && !known->sought) {
		(void)!store_backup_last(archive, known->path, 0,
					 &known->state);
		known->sought = true;
	}
	if (!known->state.made_ns ||
	    store_deletions_since(archive, known->state.told, &known->waiting))
		known->waiting = 0;
}

/* The last that was made, if it is none of those that are named. */
static void
look_elsewhere(struct backups *backups, const struct store_archive *archive)
{
	struct backups_known *known = &backups->known[backups->known_count];
	struct store_backup_state *latest = &backups->latest;
	uint64_t now = store_ledger_number(archive);

	(void)!store_backup_last(archive, NULL, backups->seen, latest);
	backups->seen = now;
	if (!latest->made_ns)
		return;
	for (uint32_t i = 0; i < backups->known_count; i++)
		if (strncmp(backups->known[i].path, latest->dir,
			    sizeof(latest->dir) - 1) == 0)
			return;
	*known = (struct backups_known){ .state = *latest };
	snprintf(known->path, sizeof(known->path), "%s", latest->dir);
	if (store_deletions_since(archive, latest->told, &known->waiting))
		known->waiting = 0;
	backups->known_count++;
}

void
backups_look(struct backups *backups, const struct store_archive *archive,
	     const struct home *home)
{
	const struct policy_texts *dirs = &home->settings.backup;

	backups->known_count = 0;
	for (uint32_t i = 0; i < dirs->count; i++) {
		struct backups_known *known =
		    &backups->known[backups->known_count];

		if (!backups_path(home, dirs->text[i], known->path))
			continue;
		look(known, archive, backups->last[i]);
		backups->known_count++;
	}
	look_elsewhere(backups, archive);
}

/* ---- in words ------------------------------------------------------------ */

/* @return NULL: nothing */
static json_t *
warning(const struct backups_known *known)
{
	char waiting[80] = "", text[PATH_MAX + 256];

	if (known->waiting)
		snprintf(waiting, sizeof(waiting),
			 "%" PRIu64 " deletion%s since it was told last did "
			 "not reach it",
			 known->waiting, known->waiting == 1 ? "" : "s");
	if (known->named && known->error && !known->state.made_ns)
		snprintf(text, sizeof(text), "no backup was made in %s yet%s%s",
			 known->path, known->error == -ENOENT ? "" : ": ",
			 known->error == -ENOENT ? ""
						 : backups_error(known->error));
	else if (known->named && known->error)
		snprintf(text, sizeof(text),
			 "the backup %s cannot be reached (%s)%s%s",
			 known->path, backups_error(known->error),
			 *waiting ? ": " : "", waiting);
	else if (!known->named && known->waiting)
		snprintf(text, sizeof(text),
			 "the backup %s is not told what is deleted, for "
			 "'backup' in the settings does not name it: %s",
			 known->path, waiting);
	else
		return NULL;
	return json_clean(text);
}

void
backups_json(const struct backups *backups, json_t *status, json_t *warnings)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < backups->known_count; i++) {
		const struct backups_known *known = &backups->known[i];
		const bool made = known->state.made_ns != 0;
		json_t *words = warning(known);

		if (words)
			(void)json_array_append_new(warnings, words);
		(void)json_array_append_new(
		    list,
		    json_pack(
			"{s:o,s:b,s:o,s:o,s:o}", "path",
			json_clean(known->path), "named", known->named, "made",
			json_time(known->state.made_ns), "waiting",
			made ? json_number(known->waiting) : json_null(),
			"error",
			known->error ? json_clean(backups_error(known->error))
				     : json_null()));
	}
	for (size_t i = 0; i < BACKUPS_MAX; i++)
		if (backups->stuck[i].error)
			(void)json_array_append_new(
			    warnings, json_clean(backups->stuck[i].words));
	(void)json_object_set_new(status, "backups", list);
}

/* ---- for another thread -------------------------------------------------- */

struct backups_view {
	pthread_mutex_t lock;
	bool filled;
	struct backups backups;
};

struct backups_view *
backups_view_new(void)
{
	struct backups_view *view = calloc(1, sizeof(*view));

	if (view)
		pthread_mutex_init(&view->lock, NULL);
	return view;
}

void
backups_view_free(struct backups_view **view)
{
	if (*view)
		pthread_mutex_destroy(&(*view)->lock);
	free(*view);
	*view = NULL;
}

void
backups_view_put(struct backups_view *view, const struct backups *backups)
{
	pthread_mutex_lock(&view->lock);
	view->backups = *backups;
	view->filled = true;
	pthread_mutex_unlock(&view->lock);
}

void
backups_view_json(struct backups_view *view, json_t *status, json_t *warnings)
{
	pthread_mutex_lock(&view->lock);
	if (view->filled)
		backups_json(&view->backups, status, warnings);
	pthread_mutex_unlock(&view->lock);
}
