/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An archive of a backup. All is held against its hash while it is copied. What
 * the journal says was deleted since is not copied, neither file nor key, and
 * in the index it is deleted as in a purge. All of it may be done again after
 * it was stopped; whoever calls gives the archive its name when it is whole, so
 * that nobody can open half of one, or one that has what was deleted.
 */
#include "store/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/backup_priv.h"
#include "store/cases.h"

#define HOLDS_MAX 64 /* at a time */
/* So often another backup may be finished before one was read. */
#define RESTORE_TRIES 20
/* The reason that holds have for ending. */
#define HOLD_REASON "it was deleted before, in the archive that was lost"

struct restoring {
	struct store__reading reading;
	int dir_fd; /**< of the archive that is made */
};

/* ---- what was there before ---------------------------------------------- */

/** Keys are overwritten, as far as that helps. */
static int
keyring_scrap(int dir_fd, const char *name)
{
	uint8_t noise[STORE__SLOT_BYTES];
	struct stat st;
	int r = 0, fd = store__file_open(dir_fd, name, O_WRONLY);

	if (fd >= 0 && fstat(fd, &st) == 0) {
		randombytes_buf(noise, sizeof(noise));
		for (off_t at = 0; r == 0 && at < st.st_size;
		     at += (off_t)sizeof(noise))
			r = store__pwrite(fd, noise, sizeof(noise),
					  (uint64_t)at);
		if (r == 0 && fdatasync(fd))
			r = -errno;
	}
	if (fd >= 0)
		close(fd);
	return r == 0 && unlinkat(dir_fd, name, 0) ? -errno : r;
}

static int
file_scrap(int dir_fd, const char *name)
{
	if (strcmp(name, "pseudonyms") == 0)
		return keyring_scrap(dir_fd, name);
	return unlinkat(dir_fd, name, 0) ? -errno : 0;
}

/** Each file of a folder. @return 0 also where there is no such folder */
static int
files_scrap(int dir_fd, const char *path,
	    int (*fn)(int dir_fd, const char *name))
{
	int r = 0, fd = openat(dir_fd, path,
			       O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct dirent *entry;
	struct stat st;
	DIR *dir;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (entry = readdir(dir)) != NULL)
		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    !S_ISDIR(st.st_mode))
			r = fn(fd, entry->d_name);
	if (r == 0 && fsync(fd))
		r = -errno;
	closedir(dir);
	return r;
}

/** Whoever was stopped may have made it of another backup, and may have gone on
 * with it: all but the files of recordings, which are held against their
 * hashes, begins anew. */
static int
begin_anew(struct restoring *s)
{
	int r = files_scrap(s->dir_fd, "keyring", keyring_scrap);

	if (r == 0)
		r = files_scrap(s->dir_fd, "index", file_scrap);
	if (r == 0)
		r = files_scrap(s->dir_fd, "policy", file_scrap);
	return r ? r : files_scrap(s->dir_fd, ".", file_scrap);
}

static int
folders_make(struct restoring *s, const char *archive_dir)
{
	static const char *const folders[] = { "index", "keyring", "audio",
					       "policy" };

	if (mkdir(archive_dir, STORE__DIR_MODE) && errno != EEXIST)
		return -errno;
	s->dir_fd = open(archive_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (mkdirat(s->dir_fd, folders[i], STORE__DIR_MODE) &&
		    errno != EEXIST)
			return -errno;
	return 0;
}

/* ---- files -------------------------------------------------------------- */

/** One that was copied before it was stopped. */
static bool
is_there(const struct restoring *s, const char *path,
	 const struct store__listed *file)
{
	uint8_t found[STORE_HASH_BYTES];
	uint64_t bytes = 0;
	struct stat st;
	bool same;
	int fd;

	if (fstatat(s->dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) ||
	    (uint64_t)st.st_size != file->bytes)
		return false;
	fd = store__file_open(s->dir_fd, path, O_RDONLY);
	if (fd < 0)
		return false;
	same = store__hash_file(fd, &bytes, found) == 0 &&
	       bytes == file->bytes &&
	       memcmp(found, file->hash, sizeof(found)) == 0;
	close(fd);
	return same;
}

/** @return as store__reading_file */
static int
file_restore(struct restoring *s, const struct store__wanted *wanted,
	     const char *to, unsigned mode)
{
	int r;

	if (is_there(s, to, &wanted->file))
		return STORE__READ_SOUND;
	r = store__reading_file(&s->reading, wanted, s->dir_fd, to);
	if (r != STORE__READ_SOUND)
		return r;
	s->reading.result->copied_bytes += wanted->file.bytes;
	return fchmodat(s->dir_fd, to, mode, 0) ? -errno : STORE__READ_SOUND;
}

/* ---- recordings --------------------------------------------------------- */

static int
kept_restore(struct restoring *s, const struct store__kept *kept)
{
	const struct store__wanted wanted = store__wanted_of(kept);
	struct store_backup_result *result = s->reading.result;
	const char *path = wanted.file.path;
	struct store_sealed_key sealed;
	int r = STORE__READ_DELETED;

	if (!store__journal_means(&s->reading.journal, kept))
		r = store__reading_key(&s->reading, kept, &sealed);
	if (r == STORE__READ_SOUND)
		r = file_restore(s, &wanted, path, 0440);
	if (r < 0)
		return r;
	store__reading_progress(&s->reading, kept->bytes);
	/* One that was there before it was stopped, too. */
	if (r != STORE__READ_SOUND)
		return unlinkat(s->dir_fd, path, 0) && errno != ENOENT ? -errno
								       : 0;
	result->recordings++;
	result->bytes += kept->bytes;
	return store__keyring_put(s->dir_fd, kept->day, kept->slot, &sealed);
}

/** What lies in the folder of a day and is none of it goes. */
static int
strays_remove(struct restoring *s, const char *path,
	      const struct store__day_list *list)
{
	int r = 0, fd = openat(s->dir_fd, path,
			       O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r == -ENOENT ? 0 : r;
	}
	while (r == 0 && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' &&
		    !store__day_has_file(list, entry->d_name) &&
		    unlinkat(fd, entry->d_name, 0))
			r = -errno;
	closedir(dir);
	return r;
}

static int
day_restore(struct restoring *s, const struct store__listed *file, uint32_t day)
{
	struct store__reading *reading = &s->reading;
	struct store__day_list list;
	int r =
	    store__day_read(&reading->backup, &reading->manifest, day, &list);

	if (r == -EBADMSG || r == -EIO) {
		r = store__reading_again(reading);
		if (r == 0)
			store__reading_tell(
			    reading, STORE_BACKUP_DAMAGED, file->path,
			    "the list of this day is damaged: none of its "
			    "recordings can be restored");
		return r;
	}
	for (size_t i = 0; r == 0 && i < list.count; i++)
		r = kept_restore(s, &list.kept[i]);
	store__day_fini(&list);
	return r;
}

/** Of each folder of a day that is there. */
static int
day_clear(void *ctx, uint32_t day, const char *path)
{
	struct restoring *s = ctx;
	struct store__day_list list;
	int r = store__day_read(&s->reading.backup, &s->reading.manifest, day,
				&list);

	/* It was told, and nothing of it was restored; or it has gone since. */
	if (r == -EBADMSG || r == -EIO)
		r = store__reading_again(&s->reading);
	if (r == 0)
		r = strays_remove(s, path, &list);
	store__day_fini(&list);
	return r;
}

/* ---- all of it ---------------------------------------------------------- */

static const char *const needed[] = { "index/data.mdb", "recipients" };

/** Where does a file of the manifest belong? @return NULL: nowhere */
static const char *
place_of(const struct restoring *s, const char *path)
{
	char front[32];
	size_t n;

	if (strncmp(path, "policy/", 7) == 0)
		return path;
	n = (size_t)snprintf(front, sizeof(front), "%" PRIu64 "/",
			     s->reading.manifest.generation);
	if (strncmp(path, front, n) != 0)
		return NULL;
	path += n;
	/* Settings and the policy are not of the archive. */
	return strstr(path, ".yaml") ? NULL : path;
}

static bool
is_needed(const char *place)
{
	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		if (strcmp(place, needed[i]) == 0)
			return true;
	return false;
}

static int
listed_restore(struct restoring *s, const struct store__listed *file)
{
	const struct store__wanted wanted = { .file = *file,
					      .name = file->path };
	const char *place = place_of(s, file->path);
	uint32_t day;
	int r;

	if (store__day_path_parse(file->path, &day))
		return day_restore(s, file, day);
	if (!place)
		return 0;
	r = file_restore(s, &wanted, place,
			 place == file->path ? 0440 : STORE__FILE_MODE);
	/* Without these there is no archive. */
	if (r == STORE__READ_DAMAGED && is_needed(place))
		return -EBADMSG;
	return r < 0 ? r : 0;
}

/** @return 0; -EAGAIN: another backup took its place; -errno */
static int
restore(struct restoring *s)
{
	struct store_backup_result *result = s->reading.result;
	const struct store__manifest *manifest = &s->reading.manifest;
	int r = store__reading_begin(&s->reading);

	result->recordings = result->bytes = 0;
	result->damaged = result->gone = 0;
	if (r == 0)
		r = begin_anew(s);
	for (size_t i = 0; r == 0 && i < manifest->count; i++)
		r = listed_restore(s, &manifest->files[i]);
	if (r == 0)
		r = store__audio_days(s->dir_fd, day_clear, s);
	return r == 0 && syncfs(s->dir_fd) ? -errno : r;
}

int
store_restore_files(const char *dir, const char *periods,
		    const char *archive_dir, int64_t now_ns,
		    const struct store_backup_watch *watch,
		    struct store_backup_result *result)
{
	struct restoring s = { .reading = { .watch = watch,
					    .result = result,
					    .now_ns = now_ns },
			       .dir_fd = -1 };
	int r = store__reading_open(&s.reading, dir, periods);

	if (r == 0 && s.reading.backup.periods_fd < 0)
		r = -ENOTDIR;
	/* Is there one at all? */
	if (r == 0)
		r = store__reading_begin(&s.reading);
	if (r == 0)
		r = folders_make(&s, archive_dir);
	if (r == 0)
		r = -EAGAIN;
	for (int i = 0; r == -EAGAIN && i < RESTORE_TRIES; i++)
		r = restore(&s);
	if (s.dir_fd >= 0)
		close(s.dir_fd);
	store__reading_close(&s.reading);
	return r == -EAGAIN ? -EBUSY : r;
}

/* ---- in the index ------------------------------------------------------- */

/** Names of cases that a recording is held for. */
struct holding {
	size_t count;
	char names[HOLDS_MAX][STORE_CASE_BYTES];
};

static int
hold_see(void *ctx, const struct store_hold *hold)
{
	struct holding *holding = ctx;

	if (hold->ended_ns || holding->count == HOLDS_MAX)
		return 0;
	snprintf(holding->names[holding->count++], STORE_CASE_BYTES, "%s",
		 hold->name);
	return 0;
}

/** It could not have been deleted, had the hold not ended. */
static int
holds_end(struct store_archive *archive, const char *id, int64_t now_ns,
	  const char *actor)
{
	char ids[1][STORE_SEGMENT_ID_BYTES], failed[STORE_SEGMENT_ID_BYTES];
	struct store_act act = { .type = STORE_ACT_END,
				 .now_ns = now_ns,
				 .reason = HOLD_REASON,
				 .count = 1,
				 .ids = ids };
	struct holding holding;
	int r;

	snprintf(ids[0], sizeof(ids[0]), "%s", id);
	snprintf(act.actor, sizeof(act.actor), "%s", actor);
	do {
		holding.count = 0;
		r = store_holds(archive, NULL, id, hold_see, &holding);
		for (size_t i = 0; r == 0 && i < holding.count; i++) {
			memcpy(act.of.name, holding.names[i], STORE_CASE_BYTES);
			r = store_act(archive, &act, failed);
		}
	} while (r == 0 && holding.count == HOLDS_MAX);
	return r;
}

static int
replay(struct store_archive *archive, struct store__reading *reading,
       const struct store__deletion *deletion, const char *actor)
{
	const int64_t now_ns = reading->now_ns;
	struct store__kept kept;
	struct store_segment row;
	char why[160];
	MDB_txn *txn;
	int r = store__read_begin(archive, &txn);

	if (r)
		return r;
	r = store__row_get(archive, txn, deletion->id, &row);
	store__read_end(archive, txn);
	/* Begun and ended after the backup. */
	if (r == -ENOENT || (r == 0 && row.state == STORE_STATE_PURGED &&
			     deletion->kind != STORE__FORGOTTEN))
		return 0;
	/* What it had is not restored, whatever the index says. */
	if (r == -EBADMSG || r == -EPROTO) {
		store__reading_tell(reading, STORE_BACKUP_DAMAGED, deletion->id,
				    "its row in the index cannot be read, and "
				    "does not say what was deleted since");
		return 0;
	}
	if (r)
		return r;
	kept = (struct store__kept){ .day = row.key_day,
				     .slot = row.key_slot,
				     .scrubs = row.scrubs };
	if (!store__deletion_means(deletion, &kept))
		return 0;
	snprintf(why, sizeof(why),
		 deletion->kind == STORE__SCRUBBED
		     ? "restored from a backup that has only what was before a "
		       "part was taken out (entry %" PRIu64 ")"
		     : "restored from a backup; it was deleted since (entry "
		       "%" PRIu64 ")",
		 deletion->number);
	if (row.state == STORE_STATE_HELD)
		r = holds_end(archive, deletion->id, now_ns, actor);
	if (r == 0)
		r = store__purge_replay(archive, deletion->id, now_ns, actor,
					why,
					deletion->kind == STORE__FORGOTTEN);
	return r == -EALREADY || r == -ENOENT ? 0 : r;
}

/** Calls in progress of then are over: nobody goes on with them. */
struct calls {
	char (*keys)[STORE_SEGMENT_ID_BYTES];
	size_t count, room;
};

static int
call_see(void *ctx, const char *key, const struct store_segment *segment,
	 const void *state, size_t state_bytes)
{
	struct calls *calls = ctx;
	size_t room = calls->room ? 2 * calls->room : 64;
	void *grown;

	(void)segment;
	(void)state;
	(void)state_bytes;
	if (calls->count == calls->room) {
		grown = reallocarray(calls->keys, room, sizeof(*calls->keys));
		if (!grown)
			return -ENOMEM;
		calls->keys = grown;
		calls->room = room;
	}
	snprintf(calls->keys[calls->count++], STORE_SEGMENT_ID_BYTES, "%s",
		 key);
	return 0;
}

static int
calls_end(struct store_archive *archive)
{
	struct calls calls = { .count = 0 };
	uint64_t skipped;
	int r = store_live_walk(archive, call_see, &calls, &skipped);

	if (r == 0 && calls.count)
		r = store_batch_begin(archive);
	for (size_t i = 0; r == 0 && i < calls.count; i++)
		r = store_live_delete(archive, calls.keys[i]);
	if (calls.count && r)
		store_batch_abort(archive);
	else if (calls.count)
		r = store_batch_commit(archive);
	free(calls.keys);
	return r;
}

/** Of recordings that were under way a backup has no keys, but the index knows
 * how many slots there were. */
static int
keyring_end(struct store_archive *archive, const char *name)
{
	char path[STORE__PATH_BYTES];
	unsigned year, month, mday;
	uint64_t slots;
	struct stat st;
	MDB_txn *txn;
	int fd, r;

	if (sscanf(name, "%4u-%2u-%2u.keys", &year, &month, &mday) != 3)
		return 0;
	r = store__read_begin(archive, &txn);
	if (r)
		return r;
	r = store__index_slots(archive, txn, year * 10000 + month * 100 + mday,
			       &slots);
	store__read_end(archive, txn);
	snprintf(path, sizeof(path), "keyring/%.20s", name);
	fd = r ? -1 : store__file_open(archive->dir_fd, path, O_RDWR);
	if (fd < 0)
		return r ? r : fd;
	if (fstat(fd, &st) ||
	    ((uint64_t)st.st_size < slots * STORE__SLOT_BYTES &&
	     (ftruncate(fd, (off_t)(slots * STORE__SLOT_BYTES)) || fsync(fd))))
		r = -errno;
	close(fd);
	return r;
}

static int
keyrings_end(struct store_archive *archive)
{
	int fd = openat(archive->dir_fd, "keyring",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int r = 0;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(dir)))
		r = keyring_end(archive, entry->d_name);
	closedir(dir);
	return r;
}

/** In the order in which they were. In a journal that was mended some stand
 * twice. */
static int
replay_all(struct store_archive *archive, struct store__reading *reading,
	   const char *actor)
{
	const struct store__manifest *manifest = &reading->manifest;
	const struct store__journal *journal = &reading->journal;
	struct store_backup_result *result = reading->result;
	const struct store__deletion *before = NULL;
	uint64_t last = manifest->ledger;
	int r = 0;

	if (journal->count)
		qsort(journal->list, journal->count, sizeof(*journal->list),
		      store__deletion_compare);
	result->deletions = 0;
	for (size_t i = 0; r == 0 && i < journal->count; i++) {
		const struct store__deletion *deletion = &journal->list[i];
		bool again;

		if (deletion->number > last)
			last = deletion->number;
		if (deletion->kind == STORE__FOLLOWED)
			continue;
		again =
		    before && store__deletion_compare(before, deletion) == 0;
		if (again && before->kind == deletion->kind)
			continue;
		r = replay(archive, reading, deletion, actor);
		result->deletions += !again;
		before = deletion;
	}
	result->missing_entries = last - manifest->ledger;
	return r;
}

int
store_restore_replay(struct store_archive *archive, const char *dir,
		     int64_t now_ns, const char *actor,
		     const struct store_backup_watch *watch,
		     struct store_backup_result *result)
{
	struct store_backup_result now;
	struct store__reading reading = { .watch = watch,
					  .result = &now,
					  .now_ns = now_ns };
	int r = store__reading_open(&reading, dir, NULL);

	if (r == 0)
		r = store__reading_begin(&reading);
	/* The journal of another backup says nothing of what was deleted
	 * between the two. */
	if (r == 0 && (now.generation != result->generation ||
		       now.made_ns != result->made_ns))
		r = -EAGAIN;
	reading.result = result;
	if (r == 0)
		r = calls_end(archive);
	if (r == 0)
		r = keyrings_end(archive);
	if (r == 0)
		r = replay_all(archive, &reading, actor);
	store__reading_close(&reading);
	return r;
}
