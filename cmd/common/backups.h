/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Backups that the settings name: what was deleted is told to them when they
 * can be reached. Nothing has to be remembered for that, since the ledger
 * knows of every deletion, and a backup up to which entry it was told.
 */
#ifndef CMD_COMMON_BACKUPS_H
#define CMD_COMMON_BACKUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/common/home.h"
#include "store/backup.h"

#define BACKUPS_MAX (2 * POLICY_TEXTS_MAX)

/** How it went with each of them, so that the same is told once. */
struct backups {
	int last[BACKUPS_MAX];
};

/** Absolute, or relative to the home. @return false: too long */
bool backups_path(const struct home *home, const char *set,
		  char path[PATH_MAX]);

/** Does the settings file name this folder? */
bool backups_known(const struct home *home, const char *dir);

/** Why that could not be, in words. */
const char *backups_error(int error);

/**
 * Tell all of them. Logs what is new: one that cannot be reached any more, or
 * again; what was deleted there.
 *
 * @return how many could not be told
 * @thread any, also beside the one that writes
 * @cost some reads, where nothing was deleted
 */
uint32_t backups_follow(struct backups *backups, struct store_archive *archive,
			const struct home *home, int64_t now_ns);

#endif
