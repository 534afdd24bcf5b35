/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Backups that the settings name: what was deleted is told to them when they
 * can be reached. Nothing has to be remembered for that, since the ledger
 * knows of every deletion, and a backup up to which entry it was told.
 */
#ifndef CMD_COMMON_BACKUPS_H
#define CMD_COMMON_BACKUPS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "cmd/common/home.h"
#include "store/backup.h"

#define BACKUPS_MAX (2 * POLICY_TEXTS_MAX)
/** What is said of a period that cannot be ended; longer paths are cut. */
#define BACKUPS_STUCK_BYTES 512

/** What is known of a backup. */
struct backups_known {
	char path[PATH_MAX];
	bool named;         /**< by the settings: it is told of deletions */
	bool sought;        /**< in the ledger, too */
	int error;          /**< it could not be reached: negative errno */
	uint64_t waiting;   /**< deletions that it was not told */
	struct store_backup_state state;
};

/** Keys of periods that are over, and that could not be destroyed. */
struct backups_stuck {
	int error; /**< negative errno; 0: all were */
	char words[BACKUPS_STUCK_BYTES];
};

/** How it went with each of them, so that the same is told once; and what is
 * known: first those that are named, then the last that was made elsewhere. */
struct backups {
	int last[BACKUPS_MAX];
	struct backups_stuck stuck[BACKUPS_MAX];
	struct backups_known known[POLICY_TEXTS_MAX + 1];
	uint32_t known_count;
	uint64_t seen; /**< entry of the ledger up to which one was looked for */
	struct store_backup_state latest;
};

/** Absolute, or relative to the home. @return false: too long */
bool backups_path(const struct home *home, const char *set,
		  char path[PATH_MAX]);

/** Does the settings file name this folder? */
bool backups_known(const struct home *home, const char *dir);

/** Why that could not be, in words. */
const char *backups_error(int error);

/** Which key of a period could not be destroyed, and what is to be done.
 * @param dir of the backup @param result with periods_error */
void backups_stuck_text(const char *dir,
			const struct store_backup_result *result,
			char text[BACKUPS_STUCK_BYTES]);

/**
 * Tell all of them. Logs what is new: one that cannot be reached any more, or
 * again; what was deleted there; keys of periods that cannot be destroyed.
 *
 * @return how many could not be told
 * @thread any, also beside the one that writes
 * @cost some reads, where nothing was deleted
 */
uint32_t backups_follow(struct backups *backups, struct store_archive *archive,
			const struct home *home, int64_t now_ns);

/**
 * See when each was made, and whether deletions wait for it.
 *
 * @thread any, also beside the one that writes
 * @cost looks into each of them; the first time, and for those that cannot be
 *       reached, reads the ledger back to when it was made
 */
void backups_look(struct backups *backups, const struct store_archive *archive,
		  const struct home *home);

struct json_t;

/**
 * What is known, in the member "backups": a list of objects with "path",
 * "named", "made", "waiting", "error".
 *
 * @param warnings an array; what is to be warned of is added: also of keys of
 *        periods
 */
void backups_json(const struct backups *backups, struct json_t *status,
		  struct json_t *warnings);

/** What one thread knows of backups, for another to tell. */
struct backups_view;

/** @return NULL: no memory. Free it after the threads that use it. */
struct backups_view *backups_view_new(void);
void backups_view_free(struct backups_view **view);
void backups_view_put(struct backups_view *view, const struct backups *backups);
/** backups_json; nothing, as long as nothing was put. */
void backups_view_json(struct backups_view *view, struct json_t *status,
		       struct json_t *warnings);

#endif
