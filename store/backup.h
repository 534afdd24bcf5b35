/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Backups of an archive, and archives made of them. Threads and errors are those
 * of store/store.h; the layout of bytes is in store/FORMAT.md, "Backups".
 *
 *   backup.c          the folder, files copied with their hash
 *   backup_list.c     what there is in it: manifest, and a list for each day
 *   backup_keys.c     keys of periods, and keys of recordings wrapped in them
 *   backup_make.c     making one, and the next
 *   backup_take.c     ... what of the archive goes into it
 *   backup_follow.c   what was deleted since: told to it
 *   backup_read.c     reading one, beside those that go on with it
 *   backup_look.c     when it was made, and up to where it was told
 *   backup_ledger.c   the ledger, beside whoever writes it
 *   backup_check.c    is it whole?
 *   backup_noted.c    what it found, for the next backup
 *   restore.c         an archive of it
 *
 * It needs no private key. A backup holds the keys of recordings sealed to the
 * recipients, as the archive does, and each once more in the key of its period,
 * the day on which it has to be gone. These keys may lie elsewhere; with the
 * key of a period goes what all copies of the backup still have of it.
 */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include "store/store.h"

/** A file that is kept beside the archive: settings, policy. */
struct store_backup_file {
	const char *name; /**< without a slash: "policy.yaml" */
	const char *path;
};

/** What has happened that somebody should hear of. */
enum store_backup_news {
	STORE_BACKUP_OPEN,    /**< is being recorded: comes next time */
	STORE_BACKUP_DAMAGED, /**< in the archive, or in the backup */
	STORE_BACKUP_GONE,    /**< its period is over, and its key with it */
	STORE_BACKUP_NOTE     /**< else */
};

/** All may be NULL. Names are those of segments or files. */
struct store_backup_watch {
	void *ctx;
	void (*tell)(void *ctx, enum store_backup_news news, const char *name,
		     const char *words);
	/** so many bytes of so many were looked at */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
};

struct store_backup_config {
	const char *dir;     /**< absolute; made where it is not there */
	const char *periods; /**< absolute: where the keys of periods lie; NULL:
			      * where they did, at first in the backup */
	int64_t now_ns;
	/** When it has to be gone, or is to be; INT64_MAX: never. */
	int64_t (*due)(void *ctx, const struct store_segment *segment);
	void *due_ctx;
	const struct store_backup_file *files; /**< [files_count] */
	size_t files_count;
	struct store_backup_watch watch;
	/** Tests die in here, between steps. */
	void (*fault)(int step);
};

/** The name of the file of a period, and a NUL. */
#define STORE_BACKUP_PERIOD_BYTES 48

struct store_backup_result {
	uint64_t generation;
	uint64_t recordings;       /**< in the backup */
	uint64_t bytes;            /**< ... of sound, encrypted */
	uint64_t copied;           /**< recordings that are new in it */
	uint64_t copied_bytes;     /**< of all that was written */
	uint64_t index_bytes;      /**< ... of this the index, always whole */
	uint64_t unchanged_bytes;  /**< there, and as it was */
	uint64_t rewrapped;        /**< went from one period into another */
	uint64_t keys_mended;      /**< that it had did not open: sealed anew */
	uint64_t open;             /**< being recorded: come next time */
	uint64_t damaged;
	uint64_t deletions;        /**< told to it */
	uint64_t unlisted;         /**< deletions on days whose list cannot be
				    * read: by files and certificates */
	uint64_t mended;           /**< its journal was damaged: from the ledger */
	uint64_t periods_ended;    /**< whose keys were destroyed */
	uint64_t gone;             /**< check, restore: of a period that is over */
	uint64_t missing_entries;  /**< restore: of the ledger, known of */
	int64_t made_ns;           /**< check, restore: when it was made */
	char periods[4096];        /**< where the keys of periods lie */
	/** Keys of periods that are over could not be destroyed: the first
	 * reason, negative errno; and the file that is in the way, or "". */
	int periods_error;
	char period[STORE_BACKUP_PERIOD_BYTES];
	/** It is made, but what is deleted may still be in it: negative errno;
	 * the next one goes on with that. */
	int unfinished;
};

/**
 * Bring a backup up to date. What was there before holds until all of it is
 * written and synced; then the new one does, at once. One that was
 * interrupted goes on where it stopped. Reads the archive beside whoever
 * writes it; holds one read transaction while the index is copied.
 *
 * @param archive to read, or to write
 * @return 0: it holds (damage in the archive is told and counted, and what can
 *         be copied is; see also unfinished and periods_error of the result);
 *         -EBUSY (another one is being made there); -ESTALE (it is the backup
 *         of another archive); -EEXIST (the folder has something else),
 *         -ENOTEMPTY (that for the keys of periods has); -EBADMSG (what is there
 *         is damaged); -EPROTO (it is of a newer version); -ENOTDIR (the folder
 *         with the keys of periods is not there); -ENOTUNIQ (a key of a period
 *         cannot be made, for something else has its name, which was told);
 *         -ENODATA (the archive cannot be read, which was told); -ENOSPC,
 *         -EACCES, -EROFS, -EIO, ...
 */
int store_backup_make(struct store_archive *archive,
		      const struct store_backup_config *config,
		      struct store_backup_result *result)
	__attribute__((warn_unused_result));

/**
 * Tell a backup what was deleted since it was made, and destroy what it has of
 * that; then the keys of periods that are over, in which nothing lives. What
 * lives longer than it was to is wrapped anew, for a week.
 *
 * @param periods NULL: where the backup says. With dir NULL: of a backup that
 *        cannot be reached; then only keys go that nothing can need
 * @return 0: it was told (periods_error of the result is apart from that);
 *         -ENOENT (cannot be reached, or is none yet); -EBUSY (somebody else
 *         does it); -ESTALE (it is the backup of another archive), -EBADMSG (it
 *         is damaged), -EPROTO (it is of a newer version), -ENOTDIR (it is no
 *         folder), -ENOSPC, -EACCES, -EIO, ...
 * @thread any, also beside the one that writes
 */
int store_backup_follow(struct store_archive *archive, const char *dir,
			const char *periods, int64_t now_ns,
			struct store_backup_result *result)
	__attribute__((warn_unused_result));

/** So much of the path of a folder is in the ledger, and a NUL. */
#define STORE_BACKUP_DIR_BYTES 121

/** What is known of a backup without reading all of it. */
struct store_backup_state {
	char dir[STORE_BACKUP_DIR_BYTES]; /**< by the ledger: its beginning */
	int64_t made_ns; /**< when the last one was finished; 0: none was */
	uint64_t told;   /**< what was deleted up to this entry of the ledger */
};

/**
 * Look at the backup in a folder.
 *
 * @param state its made_ns and told are set, dir is not. Where only the journal
 *        cannot be read (-EBADMSG, -EIO), told is what the backup had when it
 *        was made; after any other error both are as they were
 * @return 0; -ENOENT (cannot be reached, or is none yet); -ESTALE (it is the
 *         backup of another archive, or of what came after this one was
 *         restored); -EBADMSG (its identity, its manifest or its journal is
 *         damaged); -EPROTO (it is of a newer version); -ENOTDIR (it is no
 *         folder); -ENOMEM, -EACCES, -EIO, ...
 * @thread any, also beside the one that writes
 */
int store_backup_look(const struct store_archive *archive, const char *dir,
		      struct store_backup_state *state)
	__attribute__((warn_unused_result));

/**
 * The last that was made, by the ledger alone. It may have been told more since.
 *
 * @param dir NULL: anywhere
 * @param after entries of the ledger up to this one are not looked at
 * @param state as it was on failure
 * @return 0, -ENOENT: none was, -EIO, ...
 * @thread likewise @cost reads the ledger back to where it stands
 */
int store_backup_last(const struct store_archive *archive, const char *dir,
		      uint64_t after, struct store_backup_state *state)
	__attribute__((warn_unused_result));

/** What was deleted behind an entry of the ledger.
 * @return 0, -EIO, ... @thread likewise @cost reads all that is behind it */
int store_deletions_since(const struct store_archive *archive, uint64_t number,
			  uint64_t *count) __attribute__((warn_unused_result));

/**
 * Is it whole? Reads all of it, and changes nothing; files that are damaged are
 * noted in it, where it can be written, so that the next store_backup_make
 * copies them anew. Others may tell it of deletions meanwhile, and finish
 * another backup: then that one is looked at.
 *
 * @return 0: what was read is told and counted, result->damaged says how much
 *         is not what it was; -ENOENT (no backup), -EBADMSG (its manifest is
 *         damaged), -EBUSY (others are finished faster than it can be read),
 *         -EPROTO, -EIO, ...
 */
int store_backup_check(const char *dir, const char *periods, int64_t now_ns,
		       const struct store_backup_watch *watch,
		       struct store_backup_result *result)
	__attribute__((warn_unused_result));

/** Read a small file that is kept in it by its name.
 * @param text malloc'd @param generation of which backup it is
 * @return 0, -ENOENT, -EBADMSG, ... */
int store_backup_file(const char *dir, const char *name, char **text, size_t *n,
		      uint64_t *generation)
	__attribute__((warn_unused_result));

/**
 * Make the files of an archive of a backup. What was deleted since is left out.
 * May be called again after it was stopped, also when there is another backup
 * by then: what that one does not have goes, keys first. Nobody can open what
 * is made before all of it is there.
 *
 * @param archive_dir is made; or one that was stopped, and has nothing else
 * @return as store_backup_check; -ENOTDIR (no keys of periods); what is damaged
 *         is left out
 */
int store_restore_files(const char *dir, const char *periods,
			const char *archive_dir, int64_t now_ns,
			const struct store_backup_watch *watch,
			struct store_backup_result *result)
	__attribute__((warn_unused_result));

/**
 * ... and in its index: what was deleted since is deleted, calls in progress
 * are over.
 *
 * @param archive to write, just opened
 * @param actor for the certificates
 * @param watch a row that cannot be read, of what was deleted, is told as
 *        damaged: nothing else of it was restored
 * @param result of store_restore_files; what was deleted is added, each once
 * @return 0; -EAGAIN: another backup was finished since, whose journal says
 *         nothing of what was deleted before it: again from
 *         store_restore_files; -EBADMSG, -EIO, ...
 */
int store_restore_replay(struct store_archive *archive, const char *dir,
			 int64_t now_ns, const char *actor,
			 const struct store_backup_watch *watch,
			 struct store_backup_result *result)
	__attribute__((warn_unused_result));

#endif
