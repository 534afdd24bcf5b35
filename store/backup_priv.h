/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files about backups share among themselves. */
#ifndef STORE_BACKUP_PRIV_H
#define STORE_BACKUP_PRIV_H

#include <sys/stat.h>

#include "store/backup.h"
#include "store/store_priv.h"

#define STORE__BACKUP_ID_BYTES 16
#define STORE__DAY_NS	       (86400 * NS_PER_S)
/** What lives longer than it was to is wrapped for so many days more. */
#define STORE__LEASE_DAYS 7
/** The period of what is kept for ever. */
#define STORE__PERIOD_NEVER 0
#define STORE__BACKUP_PATH_BYTES 160

/* ---- the folder (backup.c) ---------------------------------------------- */

struct store__backup {
	int dir_fd;
	int periods_fd; /**< -1: cannot be reached */
	int lock_fd;    /**< -1: not taken */
	uint8_t id[STORE__BACKUP_ID_BYTES];
	char periods[4096];
	bool owner_set; /**< by root, for whoever owns the archive */
	uint32_t uid, gid;
	void (*fault)(int step);
};

/** @return 0, -ENOENT (no backup), -EBADMSG, -EPROTO, ... */
int store__backup_open(struct store__backup *backup, const char *dir,
		       const char *periods) __attribute__((warn_unused_result));
/** Make it where there is none. @return 0, -EBUSY: somebody else does; -EEXIST,
 * -ENOTEMPTY, -ENOTDIR, ... */
int store__backup_create(const struct store_backup_config *config,
			 const struct store_archive *archive)
	__attribute__((warn_unused_result));
void store__backup_close(struct store__backup *backup);
/** Who makes backups in it. @return 0, -EBUSY, ... */
int store__backup_lock(struct store__backup *backup)
	__attribute__((warn_unused_result));
static inline void
store__backup_step(const struct store__backup *backup, int step)
{
	if (backup->fault)
		backup->fault(step);
}

/** Root makes it for whoever records. */
void store__backup_own(const struct store__backup *backup, int fd);
/** Folders above a file that are not there. @return 0, -errno */
int store__backup_folders(const struct store__backup *backup, int dir_fd,
			  const char *path) __attribute__((warn_unused_result));

/** Copy a file and hash it. @param from, to fds
 * @return 0; -EBADMSG: it cannot be read; -EIO, -ENOSPC, ...: nor written */
int store__copy(int from, int to, uint64_t *bytes,
		uint8_t hash[STORE_HASH_BYTES])
	__attribute__((warn_unused_result));
/** @return 0; -EBADMSG: it cannot be read; -ENOMEM */
int store__hash_file(int fd, uint64_t *bytes, uint8_t hash[STORE_HASH_BYTES])
	__attribute__((warn_unused_result));
/** Copy under another name, whole or not at all; not synced.
 * @return as store__copy */
int store__copy_to(const struct store__backup *backup, int from, int dir_fd,
		   const char *path, uint64_t *bytes,
		   uint8_t hash[STORE_HASH_BYTES])
	__attribute__((warn_unused_result));
/** Write bytes under another name, whole or not at all; not synced. */
int store__write_to(const struct store__backup *backup, int dir_fd,
		    const char *path, const void *bytes, size_t n)
	__attribute__((warn_unused_result));
/** Everything of a file. @param text malloc'd, with a NUL */
int store__read_all(int dir_fd, const char *path, char **text, size_t *n)
	__attribute__((warn_unused_result));
/** Remove a folder of a generation and what is in it. */
void store__generation_remove(const struct store__backup *backup,
			      uint64_t generation);
/** Each folder of a day, such as "audio/2019/03/28". @param fn 0 to go on
 * @return 0, what fn returned, -errno */
int store__audio_days(int dir_fd,
		      int (*fn)(void *ctx, uint32_t day, const char *path),
		      void *ctx) __attribute__((warn_unused_result));
/** "7/name" */
void store__generation_path(char path[STORE__BACKUP_PATH_BYTES],
			    uint64_t generation, const char *name);

/* ---- lists (backup_list.c) ---------------------------------------------- */

/** A recording in a backup. */
struct store__kept {
	char id[STORE_SEGMENT_ID_BYTES];
	uint32_t day, slot, scrubs;
	uint64_t bytes;
	uint8_t hash[STORE_HASH_BYTES]; /**< of all of the file */
};

struct store__day_list {
	uint32_t day;
	struct store__kept *kept; /**< [count] in order of id */
	size_t count, room;
};

int store__day_add(struct store__day_list *list, const struct store__kept *kept)
	__attribute__((warn_unused_result));
void store__day_sort(struct store__day_list *list);
/** @return NULL: not in it */
const struct store__kept *store__day_find(const struct store__day_list *list,
					  const char *id);
void store__day_remove(struct store__day_list *list, const char *id);
/** Is this the name of a file that it lists? */
bool store__day_has_file(const struct store__day_list *list, const char *name);
void store__day_fini(struct store__day_list *list);
/** @param text malloc'd @return 0, -ENOMEM */
int store__day_text(const struct store__day_list *list, char **text, size_t *n)
	__attribute__((warn_unused_result));
/** @param text [n] @return 0, -EBADMSG, -ENOMEM */
int store__day_parse(struct store__day_list *list, uint32_t day,
		     const char *text, size_t n)
	__attribute__((warn_unused_result));

/** A file that the manifest names. */
struct store__listed {
	char path[STORE__BACKUP_PATH_BYTES];
	uint64_t bytes;
	uint8_t hash[STORE_HASH_BYTES];
};

struct store__manifest {
	uint8_t id[STORE__BACKUP_ID_BYTES];
	uint64_t generation;
	int64_t began_ns, made_ns;
	uint64_t ledger; /**< last entry in the index of it; 0: none */
	uint8_t ledger_hash[STORE_HASH_BYTES];
	uint64_t recordings, bytes, open;
	struct store__listed *files; /**< [count] */
	size_t count, room;
};

int store__manifest_add(struct store__manifest *manifest, const char *path,
			uint64_t bytes, const uint8_t hash[STORE_HASH_BYTES])
	__attribute__((warn_unused_result));
void store__manifest_fini(struct store__manifest *manifest);
/** Its last line: "end " and a hash of all before. */
#define STORE__MANIFEST_END_BYTES (4 + 2 * STORE_HASH_BYTES + 1)
/** Does a path stay in the folder of a backup? */
bool store__backup_path_sound(const char *path);
/** @return 0, -ENOMEM */
int store__manifest_text(const struct store__manifest *manifest, char **text,
			 size_t *n) __attribute__((warn_unused_result));
/** @return 0, -EBADMSG, -EPROTO, -ENOMEM */
int store__manifest_parse(struct store__manifest *manifest, const char *text,
			  size_t n) __attribute__((warn_unused_result));
/** @return 0, -ENOENT: none was ever finished; -EBADMSG, ... */
int store__manifest_read(const struct store__backup *backup,
			 struct store__manifest *manifest)
	__attribute__((warn_unused_result));
/** @return NULL: not in it */
const struct store__listed *
store__manifest_find(const struct store__manifest *manifest, const char *path);
/** Is it the list of a day? "days/2019-03-28.7" */
bool store__day_path_parse(const char *path, uint32_t *day);
void store__day_path(char path[STORE__BACKUP_PATH_BYTES], uint32_t day,
		     uint64_t generation);
/** The list of a day, if the manifest has one; else an empty one.
 * @return 0, -EBADMSG, ... */
int store__day_read(const struct store__backup *backup,
		    const struct store__manifest *manifest, uint32_t day,
		    struct store__day_list *list)
	__attribute__((warn_unused_result));

/* ---- keys (backup_keys.c) ----------------------------------------------- */

#define STORE__PERIODS_CACHED 32

struct store__period {
	uint32_t day; /**< 20190626, STORE__PERIOD_NEVER */
	bool used;
	uint8_t key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
};

/** Keys of periods that were used last. In locked memory. */
struct store__periods {
	const struct store__backup *backup;
	/** A file that has the name of one and is none of this backup, or of a
	 * newer version. */
	char stuck[STORE_BACKUP_PERIOD_BYTES];
	size_t next;
	struct store__period cached[STORE__PERIODS_CACHED];
};

struct store__periods *store__periods_new(const struct store__backup *backup);
void store__periods_free(struct store__periods **periods);

/** A slot of a backup, as it stands there. */
struct store__wrapped {
	uint8_t bytes[STORE__SLOT_BYTES];
	uint32_t period;
};

/** @return 0; -ENOKEY (destroyed, or never was); -EBADMSG; -EIO */
int store__wrapped_read(const struct store__backup *backup, uint32_t day,
			uint32_t slot, struct store__wrapped *wrapped)
	__attribute__((warn_unused_result));
/** @return 0; -ENOENT: there is no key of that period; -EBADMSG; ... */
int store__unwrap(struct store__periods *periods,
		  const struct store__wrapped *wrapped,
		  struct store_sealed_key *sealed)
	__attribute__((warn_unused_result));

/** A slot that is to be written. */
struct store__wrap {
	uint32_t day, slot, period;
	struct store_sealed_key sealed;
	bool of_backup; /**< the archive does not have it, or need not */
	uint8_t old[STORE_SLOT_CHECK_BYTES]; /**< ... but the slot with this */
};

/** It is made of what the backup has: is to be written only over just that. */
void store__wrap_again(struct store__wrap *wrap,
		       const struct store__wrapped *wrapped);

/** Write slots, after their periods have been told of them, durably; but what
 * was destroyed since it was read, in the archive or, if it was read there, in
 * the backup, stays so.
 * @param wraps [count] are sorted @return 0, -errno */
int store__wrap_all(struct store__periods *periods,
		    const struct store_archive *archive,
		    struct store__wrap *wraps, size_t count)
	__attribute__((warn_unused_result));
/** Overwrite, and mark; as in a keyring. @return 0, -ENOKEY, -errno */
int store__wrapped_destroy(const struct store__backup *backup, uint32_t day,
			   uint32_t slot) __attribute__((warn_unused_result));
/** Slots of a day that there are. @param fn 0 to go on */
int store__wrapped_walk(const struct store__backup *backup, uint32_t day,
			int (*fn)(void *ctx, uint32_t slot), void *ctx)
	__attribute__((warn_unused_result));
/** The day in UTC that has it. */
uint32_t store__period_of(int64_t time_ns);
/** When it is over. */
int64_t store__period_end(uint32_t period);
/**
 * Destroy the keys of periods that are over.
 *
 * @param backup its dir_fd may be -1: cannot be reached; periods_fd not
 * @param archive whose keyring says what lives
 * @param result periods_error and period are those of this time
 */
void store__periods_tend(struct store__backup *backup,
			 const struct store_archive *archive, int64_t now_ns,
			 struct store_backup_result *result);
/** What somebody left who was stopped while making the key of a period goes. */
void store__periods_tidy(const struct store__backup *backup);

/* ---- deletions (backup_follow.c) ---------------------------------------- */

enum store__deletion_kind {
	STORE__DELETED = 1,  /**< purged; there is a note of it */
	STORE__FORGOTTEN,    /**< there is no note either */
	STORE__SCRUBBED,     /**< a part was taken out */
	STORE__FOLLOWED      /**< all up to here was done */
};

struct store__deletion {
	enum store__deletion_kind kind;
	uint64_t number;  /**< of the entry of the ledger */
	int64_t time_ns;
	char id[STORE_SEGMENT_ID_BYTES];
	uint8_t hash[16]; /**< of that entry, the first bytes */
	uint32_t scrubs;  /**< SCRUBBED: files of which fewer went before; else
			   * that of the file, as far as is known */
	uint32_t key_day, key_slot; /**< of the key, by that entry; day 0: it
				     * does not say */
};

#define STORE__DELETION_BYTES 128
void store__deletion_encode(uint8_t bytes[STORE__DELETION_BYTES],
			    const struct store__deletion *deletion);
/** @return 0, -EBADMSG */
int store__deletion_decode(struct store__deletion *deletion,
			   const uint8_t bytes[STORE__DELETION_BYTES])
	__attribute__((warn_unused_result));

/** All of a journal. */
struct store__journal {
	struct store__deletion *list; /**< [count] as they came */
	size_t count;
	size_t whole;        /**< of these, before the first hole */
	uint64_t good_bytes; /**< of those */
	bool damaged;        /**< what is missing had been written */
};

/** @return 0, -EBADMSG: damaged in the middle, ... */
int store__journal_read(const struct store__backup *backup, uint64_t generation,
			struct store__journal *journal)
	__attribute__((warn_unused_result));
void store__journal_fini(struct store__journal *journal);
/** Sort by id, for store__journal_means. */
void store__journal_sort(struct store__journal *journal);
/** In the order of the ledger: by number, then by hash. */
int store__deletion_compare(const void *a, const void *b);
/** Was what the backup has of that recording deleted since? */
bool store__journal_means(const struct store__journal *journal,
			  const struct store__kept *kept);

/** @param backup open @param manifest of which generation */
int store__follow(struct store__backup *backup,
		  const struct store_archive *archive,
		  const struct store__manifest *manifest, int64_t now_ns,
		  struct store_backup_result *result)
	__attribute__((warn_unused_result));
/** Does this deletion mean what the backup has of that recording? */
bool store__deletion_means(const struct store__deletion *deletion,
			   const struct store__kept *kept);
/** What a backup has of a recording goes: slot, file; each, whatever becomes
 * of the other. */
int store__kept_destroy(const struct store__backup *backup,
			const struct store__kept *kept)
	__attribute__((warn_unused_result));

/** Behind the end of every keyring. */
#define STORE__SLOT_UNKNOWN UINT32_MAX
/** What the header of a recording in a backup says, if it can be read and fits
 * name and day. @param dir_fd of its folder @return or STORE__SLOT_UNKNOWN */
uint32_t store__slot_of_file(int dir_fd, const char *name, uint32_t day);

/* ---- the ledger (backup_ledger.c) --------------------------------------- */

/** Is this the backup of this archive? @return 0, -ESTALE, -errno */
int store__follows(const struct store_archive *archive,
		   const struct store__manifest *manifest)
	__attribute__((warn_unused_result));
/** Has the ledger that entry, as the journal knows it? */
bool store__ledger_has(const struct store_archive *archive,
		       const struct store__deletion *deletion);

/** @param txn that it is read in @return 0 to go on, 1: enough, -errno */
typedef int store__ledger_fn(void *ctx, MDB_txn *txn,
			     const struct store_ledger_entry *entry);
/**
 * Entries from one on; those that cannot be read are passed over.
 *
 * @param back towards older ones
 * @return 0: there are no more; what fn returned; -EIO, ...
 * @thread any, also beside the one that writes
 */
int store__ledger_from(const struct store_archive *archive, uint64_t number,
		       bool back, store__ledger_fn *fn, void *ctx)
	__attribute__((warn_unused_result));

/* ---- reading one (backup_read.c) ---------------------------------------- */

/** A backup that is read, while others may tell it of deletions, and make the
 * next one. */
struct store__reading {
	struct store__backup backup;
	const struct store_backup_watch *watch;
	struct store_backup_result *result;
	struct store__periods *periods;
	struct store__manifest manifest;
	struct store__journal journal; /**< sorted */
	char end[STORE__MANIFEST_END_BYTES]; /**< of the manifest */
	struct stat journal_st;		       /**< as it was read */
	int64_t now_ns;
	uint64_t done; /**< bytes that were looked at */
};

/** What became of a thing in it. */
enum store__read {
	STORE__READ_DAMAGED, /**< it was told */
	STORE__READ_SOUND,
	STORE__READ_DELETED /**< since: nobody misses it */
};

/** @param reading its now_ns, watch and result are set
 * @return 0, -ENOENT (no backup), -EBADMSG, ...; to be closed in any case */
int store__reading_open(struct store__reading *reading, const char *dir,
			const char *periods)
	__attribute__((warn_unused_result));
void store__reading_close(struct store__reading *reading);
/** Manifest and journal as they are now; for result, too. The backup that held
 * until now need not any more. @return 0, -ENOENT, -EBADMSG, ... */
int store__reading_begin(struct store__reading *reading)
	__attribute__((warn_unused_result));
/** Is that still the one that holds? Then what was deleted meanwhile is in its
 * journal now. @return 0; -EAGAIN: another one does; -errno */
int store__reading_again(struct store__reading *reading)
	__attribute__((warn_unused_result));
/** Told, and counted. @param words NULL: counted */
void store__reading_tell(struct store__reading *reading,
			 enum store_backup_news news, const char *name,
			 const char *words);
void store__reading_progress(struct store__reading *reading, uint64_t bytes);

/** The key of a recording, unwrapped. @param sealed may be NULL
 * @return enum store__read; -EAGAIN as above; -errno */
int store__reading_key(struct store__reading *reading,
		       const struct store__kept *kept,
		       struct store_sealed_key *sealed)
	__attribute__((warn_unused_result));

/** A file in a backup, and what it is for people. */
struct store__wanted {
	struct store__listed file;
	const char *name;
	const struct store__kept *kept; /**< NULL: it is no recording */
};

/** Read all of it, and hold it against its hash.
 * @param to_dir, to: where it is copied to, if it is sound; -1, NULL: nowhere
 * @return as store__reading_key */
int store__reading_file(struct store__reading *reading,
			const struct store__wanted *wanted, int to_dir,
			const char *to) __attribute__((warn_unused_result));
/** That of a recording. */
struct store__wanted store__wanted_of(const struct store__kept *kept);

/* ---- what was found damaged (backup_noted.c) ---------------------------- */

/** Files in a backup that a check found damaged, and that the next one is to
 * copy anew: by their paths. */
struct store__noted {
	char (*paths)[STORE__BACKUP_PATH_BYTES]; /**< [count] */
	size_t count, room;
};

/** @return 0, -ENOMEM */
int store__noted_add(struct store__noted *noted, const char *path)
	__attribute__((warn_unused_result));
bool store__noted_has(const struct store__noted *noted, const char *path);
/** What the last check noted; nothing where that cannot be read. */
void store__noted_read(const struct store__backup *backup,
		       struct store__noted *noted);
/** In place of what was noted before.
 * @param noted is sorted @return 0, -EROFS, -EACCES, ... */
int store__noted_write(const struct store__backup *backup,
		       struct store__noted *noted)
	__attribute__((warn_unused_result));
void store__noted_fini(struct store__noted *noted);

/* ---- elsewhere ---------------------------------------------------------- */

/** A consistent copy of the index (index_copy.c). @param fd empty file
 * @return 0, -ENOSPC, -EIO, ... */
int store__index_copy(const struct store_archive *archive, int fd)
	__attribute__((warn_unused_result));
/** A read transaction of this thread alone. @thread any */
int store__read_apart(const struct store_archive *archive, MDB_txn **txn)
	__attribute__((warn_unused_result));
#endif
