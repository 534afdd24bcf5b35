/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a backup, to check it or to make an archive of it: everything is held
 * against the hashes that were noted when it was written, and what is not what
 * it was is told, in the same words for both.
 *
 * Others may go on meanwhile. What is not there, or not as it was, may have
 * been deleted since, and then the journal says so by now; or another backup
 * has taken the place of the one that is read (-EAGAIN), and whoever reads
 * begins anew with that. Only what is neither is damage.
 */
#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/backup_priv.h"

/* Another backup may take its place while it is opened, and another that one's:
 * not so often. */
#define BEGIN_TRIES 10
/* So often a key may be wrapped in another period while it is read. */
#define KEY_TRIES 3

/* ---- telling ------------------------------------------------------------ */

void
store__reading_tell(struct store__reading *reading, enum store_backup_news news,
		    const char *name, const char *words)
{
	const struct store_backup_watch *watch = reading->watch;

	if (news == STORE_BACKUP_DAMAGED)
		reading->result->damaged++;
	if (news == STORE_BACKUP_GONE)
		reading->result->gone++;
	if (watch && watch->tell)
		watch->tell(watch->ctx, news, name, words);
}

void
store__reading_progress(struct store__reading *reading, uint64_t bytes)
{
	const struct store_backup_watch *watch = reading->watch;

	reading->done += bytes;
	if (watch && watch->progress)
		watch->progress(watch->ctx, reading->done,
				reading->manifest.bytes);
}

/* ---- which backup ------------------------------------------------------- */

int
store__reading_open(struct store__reading *reading, const char *dir,
		    const char *periods)
{
	struct store_backup_result *result = reading->result;
	int r = store__backup_open(&reading->backup, dir, periods);

	memset(result, 0, sizeof(*result));
	if (r)
		return r;
	memcpy(result->periods, reading->backup.periods,
	       sizeof(result->periods));
	reading->periods = store__periods_new(&reading->backup);
	return reading->periods ? 0 : -ENOMEM;
}

void
store__reading_close(struct store__reading *reading)
{
	store__journal_fini(&reading->journal);
	store__manifest_fini(&reading->manifest);
	if (reading->periods)
		store__periods_free(&reading->periods);
	store__backup_close(&reading->backup);
}

/** The last line of the manifest, a hash of all before it, says which one it
 * is. Not an inode: not every file system has such. */
static int
manifest_end(const struct store__reading *reading,
	     char end[STORE__MANIFEST_END_BYTES])
{
	int r,
	    fd = store__file_open(reading->backup.dir_fd, "manifest", O_RDONLY);
	struct stat st;

	if (fd < 0)
		return fd;
	r = fstat(fd, &st) ? -errno : 0;
	if (r == 0 && st.st_size < STORE__MANIFEST_END_BYTES)
		r = -EBADMSG;
	if (r == 0)
		r = store__pread(fd, end, STORE__MANIFEST_END_BYTES,
				 (uint64_t)st.st_size -
				     STORE__MANIFEST_END_BYTES);
	close(fd);
	return r;
}

/** @return false: another backup took its place */
static bool
still_holds(const struct store__reading *reading)
{
	char end[STORE__MANIFEST_END_BYTES];

	return manifest_end(reading, end) == 0 &&
	       memcmp(end, reading->end, sizeof(end)) == 0;
}

/** Entries are appended, or one is mended in its place. */
static bool
same_journal(const struct stat *a, const struct stat *b)
{
	return a->st_nlink && b->st_nlink && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/** What was there before stays if nothing new is. */
static int
journal_load(struct store__reading *reading)
{
	const uint64_t generation = reading->manifest.generation;
	char path[STORE__BACKUP_PATH_BYTES];
	struct store__journal journal;
	struct stat st = { .st_size = 0 };
	int r;

	store__generation_path(path, generation, "deletions");
	(void)fstatat(reading->backup.dir_fd, path, &st, AT_SYMLINK_NOFOLLOW);
	if (same_journal(&st, &reading->journal_st))
		return 0;
	r = store__journal_read(&reading->backup, generation, &journal);
	if (r)
		return still_holds(reading) ? r : -EAGAIN;
	store__journal_fini(&reading->journal);
	reading->journal = journal;
	reading->journal_st = st;
	store__journal_sort(&reading->journal);
	return 0;
}

static int
begin(struct store__reading *reading)
{
	int r;

	store__manifest_fini(&reading->manifest);
	memset(&reading->journal_st, 0, sizeof(reading->journal_st));
	r = manifest_end(reading, reading->end);
	if (r == 0)
		r = store__manifest_read(&reading->backup, &reading->manifest);
	if (r == 0 && !still_holds(reading))
		r = -EAGAIN;
	return r ? r : journal_load(reading);
}

int
store__reading_begin(struct store__reading *reading)
{
	struct store_backup_result *result = reading->result;
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < BEGIN_TRIES; i++)
		r = begin(reading);
	if (r)
		return r == -EAGAIN ? -EBUSY : r;
	result->generation = reading->manifest.generation;
	result->made_ns = reading->manifest.made_ns;
	result->open = reading->manifest.open;
	reading->done = 0;
	return 0;
}

int
store__reading_again(struct store__reading *reading)
{
	/* The journal first: one that is gone is that of the last backup. */
	int r = journal_load(reading);

	return still_holds(reading) ? r : -EAGAIN;
}

/** It is not what it was. @param kept NULL: it is no recording
 * @return enum store__read, -EAGAIN, -errno */
static int
missed(struct store__reading *reading, const struct store__kept *kept,
       const char *name, const char *words)
{
	int r = store__reading_again(reading);

	if (r)
		return r;
	if (kept && store__journal_means(&reading->journal, kept))
		return STORE__READ_DELETED;
	store__reading_tell(reading, STORE_BACKUP_DAMAGED, name, words);
	return STORE__READ_DAMAGED;
}

/* ---- keys --------------------------------------------------------------- */

static int
key_try(const struct store__reading *reading, const struct store__kept *kept,
	struct store__wrapped *wrapped, struct store_sealed_key *sealed)
{
	int r = store__wrapped_read(&reading->backup, kept->day, kept->slot,
				    wrapped);

	return r ? r : store__unwrap(reading->periods, wrapped, sealed);
}

static const char *
key_words(const struct store__reading *reading, int error)
{
	switch (error) {
	case -ENOENT:
		return reading->backup.periods_fd < 0
			   ? "the folder with the keys of periods is not there"
			   : "the key of its period is not there";
	case -ENOKEY:
		return "its key is not there";
	default:
		return "its key is damaged";
	}
}

/** It did not open: with the keys of periods as they are now, and as long as it
 * is moved from one to another. @return as key_try */
static int
key_again(struct store__reading *reading, const struct store__kept *kept,
	  struct store__wrapped *wrapped, struct store_sealed_key *sealed)
{
	struct store__wrapped before;
	int r = -EBADMSG;

	store__periods_free(&reading->periods);
	reading->periods = store__periods_new(&reading->backup);
	if (!reading->periods)
		return -ENOMEM;
	for (int i = 0; r && i < KEY_TRIES; i++) {
		before = *wrapped;
		r = key_try(reading, kept, wrapped, sealed);
		if (memcmp(&before, wrapped, sizeof(before)) == 0)
			break;
	}
	return r;
}

int
store__reading_key(struct store__reading *reading,
		   const struct store__kept *kept,
		   struct store_sealed_key *sealed)
{
	struct store__wrapped wrapped = { .period = 0 };
	struct store_sealed_key own;
	int again, r;

	sealed = sealed ? sealed : &own;
	r = key_try(reading, kept, &wrapped, sealed);
	if (r)
		r = key_again(reading, kept, &wrapped, sealed);
	if (r == 0)
		return STORE__READ_SOUND;
	if (r != -ENOENT && r != -ENOKEY && r != -EBADMSG && r != -EIO)
		return r;
	if (r != -ENOENT || store__period_end(wrapped.period) > reading->now_ns)
		return missed(reading, kept, kept->id, key_words(reading, r));
	again = store__reading_again(reading);
	if (again)
		return again;
	if (store__journal_means(&reading->journal, kept))
		return STORE__READ_DELETED;
	store__reading_tell(
	    reading, STORE_BACKUP_GONE, kept->id,
	    "its period is over, and the key of that was destroyed");
	return STORE__READ_DELETED;
}

/* ---- files -------------------------------------------------------------- */

struct store__wanted
store__wanted_of(const struct store__kept *kept)
{
	struct store__wanted wanted = { .file = { .bytes = kept->bytes },
					.name = kept->id,
					.kept = kept };
	char path[STORE__PATH_BYTES];

	store__recording_path(path, kept->day, kept->id, kept->scrubs);
	snprintf(wanted.file.path, sizeof(wanted.file.path), "%s", path);
	memcpy(wanted.file.hash, kept->hash, sizeof(wanted.file.hash));
	return wanted;
}

/** @return NULL: it is what was written */
static const char *
file_words(const struct store__listed *file, uint64_t bytes,
	   const uint8_t hash[STORE_HASH_BYTES])
{
	if (bytes < file->bytes)
		return "its file is cut short";
	if (bytes > file->bytes)
		return "its file is longer than it was";
	return memcmp(hash, file->hash, STORE_HASH_BYTES) == 0
		   ? NULL
		   : "its file is not what was written";
}

int
store__reading_file(struct store__reading *reading,
		    const struct store__wanted *wanted, int to_dir,
		    const char *to)
{
	uint8_t hash[STORE_HASH_BYTES];
	const char *words;
	uint64_t bytes = 0;
	int r, fd = store__file_open(reading->backup.dir_fd, wanted->file.path,
				     O_RDONLY);

	if (fd < 0 && store__error_is_ours(fd))
		return fd;
	if (fd < 0)
		return missed(reading, wanted->kept, wanted->name,
			      fd == -ENOENT ? "its file is not there"
					    : "its file cannot be opened");
	r = to ? store__copy_to(NULL, fd, to_dir, to, &bytes, hash)
	       : store__hash_file(fd, &bytes, hash);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
	if (r && r != -EBADMSG)
		return r;
	words = r ? "its file cannot be read"
		  : file_words(&wanted->file, bytes, hash);
	if (!words)
		return STORE__READ_SOUND;
	if (to)
		(void)unlinkat(to_dir, to, 0);
	return missed(reading, wanted->kept, wanted->name, words);
}

/* ---- small files -------------------------------------------------------- */

/** @return 0; -ENOENT: the backup has none; -EBADMSG, ... */
static int
text_get(const struct store__reading *reading, const char *name, char **text,
	 size_t *n)
{
	const struct store__manifest *manifest = &reading->manifest;
	const struct store__listed *listed;
	char path[STORE__BACKUP_PATH_BYTES];
	uint8_t hash[STORE_HASH_BYTES];
	int r;

	store__generation_path(path, manifest->generation, name);
	listed = store__manifest_find(manifest, path);
	if (!listed)
		return -ENOENT;
	r = store__read_all(reading->backup.dir_fd, path, text, n);
	if (r)
		return r == -ENOENT ? -EBADMSG : r;
	store_hash(hash, *text, *n);
	if (memcmp(hash, listed->hash, sizeof(hash)) == 0)
		return 0;
	free(*text);
	*text = NULL;
	return -EBADMSG;
}

int
store_backup_file(const char *dir, const char *name, char **text, size_t *n,
		  uint64_t *generation)
{
	struct store_backup_result result;
	struct store__reading reading = { .result = &result };
	int again, r = store__reading_open(&reading, dir, NULL);

	*text = NULL;
	*n = 0;
	if (r == 0)
		r = -EAGAIN;
	for (int i = 0; r == -EAGAIN && i < BEGIN_TRIES; i++) {
		r = store__reading_begin(&reading);
		if (r)
			break;
		r = text_get(&reading, name, text, n);
		again = r ? store__reading_again(&reading) : 0;
		r = again ? again : r;
	}
	*generation = result.generation;
	store__reading_close(&reading);
	return r == -EAGAIN ? -EBUSY : r;
}
