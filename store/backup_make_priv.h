/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files that make a backup share among themselves: backup_make.c,
 * backup_take.c. */
#ifndef STORE_BACKUP_MAKE_PRIV_H
#define STORE_BACKUP_MAKE_PRIV_H

#include "store/backup_priv.h"

struct store__making {
	struct store_archive *archive;
	struct store_archive *copy; /**< the index, as it is in the backup */
	const struct store_backup_config *config;
	struct store_backup_result *result;
	struct store__backup backup;
	struct store__periods *periods;
	struct store__manifest old, new;
	uint64_t generation;
	bool resumed; /**< the last one was interrupted */
	bool strays;  /**< there may be what no list has */
	struct store__day_list gone; /**< of all days: goes with the last one */
	/* of the day that is looked at */
	struct store__day_list day, before, begun;
	struct store__wrap *wraps;
	size_t wraps_count, wraps_room;
	bool day_copied;
	bool list_lost; /**< that of the last backup cannot be read */
	struct store__noted noted;    /**< damaged in the backup: copied anew */
	struct store__noted unmended; /**< ... next time */
	uint64_t rows, rows_total;
};

void store__making_tell(const struct store__making *m,
			enum store_backup_news news, const char *name,
			const char *words);
/** Tell it, and count it. */
void store__making_damaged(struct store__making *m, const char *name,
			   const char *words);

/** @return 0, -ENOSPC, -EIO, ... */
int store__making_index(struct store__making *m)
	__attribute__((warn_unused_result));
/** What the archive has beside its index, and settings. @return 0, -errno */
int store__making_small_files(struct store__making *m)
	__attribute__((warn_unused_result));
/** Of store_archive_policies. @param ctx struct store__making */
int store__making_policy(void *ctx, const uint8_t hash[STORE_HASH_BYTES])
	__attribute__((warn_unused_result));

/** Was it deleted, or changed, since the index was copied?
 * @return 1: yes; 0: no, or its row cannot be read; -errno: nobody knows */
int store__making_changed(const struct store__making *m,
			  const struct store_segment *row)
	__attribute__((warn_unused_result));
/** @return 1: it is taken; 0: it is left out; negative errno */
int store__making_key(struct store__making *m, const struct store_segment *row)
	__attribute__((warn_unused_result));
/** @return as store__making_key */
int store__making_file(struct store__making *m, const struct store_segment *row,
		       struct store__kept *kept)
	__attribute__((warn_unused_result));
#endif
