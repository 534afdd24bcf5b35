/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What making, checking and restoring a backup say alike. */
#ifndef CMD_SPANREC_BACKUP_PRIV_H
#define CMD_SPANREC_BACKUP_PRIV_H

#include "cmd/common/progress.h"
#include "cmd/spanrec/spanrec.h"
#include "store/backup.h"

/** What comes of it, for people: news and a progress bar. */
struct spanrec_backup_shown {
	struct store_backup_watch watch; /**< borrows all of this */
	struct progress progress;
	struct spanrec *spanrec;
};

/** @param what is done: "copying"; borrowed */
void spanrec_backup_shown_init(struct spanrec_backup_shown *shown,
			       struct spanrec *spanrec, const char *what);
void spanrec_backup_shown_fini(struct spanrec_backup_shown *shown);

/** Say why a backup cannot be made or read. @return exit code */
int spanrec_backup_failed(const char *dir, int error);

/** "dir: backup 7 of 2026-11-29 12:00:00 UTC, 3 recordings, 4711 bytes of sound"
 * @param made NULL: without that */
void spanrec_backup_print(const struct spanrec *spanrec, const char *name,
			  const char *made,
			  const struct store_backup_result *result);

/** "s", unless it is one. */
const char *spanrec_plural(uint64_t count);

/** Can a folder for a backup, or for keys of periods, be one? Says what to do.
 * @return exit code */
int spanrec_backup_folder(const char *path);
/** Say why one cannot be made, and what to do. @return exit code */
int spanrec_backup_unmade(const char *dir, int error);
#endif
