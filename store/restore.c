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

#define HOLDS_MAX 64
/* The reason that holds have for ending. */
#define HOLD_REASON "it was deleted before, in the archive that was lost"

struct restoring {
	struct store__backup backup;
	const struct store_backup_watch *watch;
	struct store_backup_result *result;
	struct store__periods *periods;
	struct store__manifest manifest;
	struct store__journal journal;
	int64_t now_ns;
	int dir_fd; /**< of the archive that is made */
	uint64_t done;
};

static void
tell(struct restoring *s, enum store_backup_news news, const char *name,
     const char *words)
{
	if (news == STORE_BACKUP_DAMAGED)
		s->result->damaged++;
	if (news == STORE_BACKUP_GONE)
		s->result->gone++;
	if (s->watch && s->watch->tell)
		s->watch->tell(s->watch->ctx, news, name, words);
}

/* ---- files -------------------------------------------------------------- */

/** One that was copied before it was stopped. */
static bool
is_there(const struct restoring *s, const char *path, uint64_t bytes,
	 const uint8_t hash[STORE_HASH_BYTES])
{
	uint8_t found[STORE_HASH_BYTES];
	uint64_t found_bytes = 0;
	struct stat st;
	bool same;
	int fd;

	if (fstatat(s->dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) ||
	    (uint64_t)st.st_size != bytes)
		return false;
	fd = store__file_open(s->dir_fd, path, O_RDONLY);
	if (fd < 0)
		return false;
	same = store__hash_file(fd, &found_bytes, found) == 0 &&
	       found_bytes == bytes && memcmp(found, hash, sizeof(found)) == 0;
	close(fd);
	return same;
}

/** What was copied is not what was written. */
static int
unlike(struct restoring *s, const char *to, const char *name, uint64_t found,
       uint64_t bytes)
{
	(void)unlinkat(s->dir_fd, to, 0);
	tell(s, STORE_BACKUP_DAMAGED, name,
	     found < bytes ? "its file is cut short"
			   : "its file is not what was written");
	return 0;
}

/**
 * @param name for people
 * @return 1: it is there; 0: it is damaged, which was told; negative errno
 */
static int
file_restore(struct restoring *s, const struct store__listed *file,
	     const char *to, const char *name, unsigned mode)
{
	uint8_t hash[STORE_HASH_BYTES];
	uint64_t bytes = 0;
	int fd, r;

	if (is_there(s, to, file->bytes, file->hash))
		return 1;
	fd = store__file_open(s->backup.dir_fd, file->path, O_RDONLY);
	if (fd < 0 && store__error_is_ours(fd))
		return fd;
	if (fd < 0) {
		tell(s, STORE_BACKUP_DAMAGED, name,
		     fd == -ENOENT ? "its file is not there"
				   : "its file cannot be opened");
		return 0;
	}
	r = store__copy_to(NULL, fd, s->dir_fd, to, &bytes, hash);
	if (r == -EIO && store__hash_file(fd, &bytes, hash)) {
		tell(s, STORE_BACKUP_DAMAGED, name, "its file cannot be read");
		r = 1;
	}
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
	if (r)
		return r < 0 ? r : 0;
	if (bytes != file->bytes || memcmp(hash, file->hash, sizeof(hash)) != 0)
		return unlike(s, to, name, bytes, file->bytes);
	s->result->copied_bytes += bytes;
	return fchmodat(s->dir_fd, to, mode, 0) ? -errno : 1;
}

/* ---- recordings --------------------------------------------------------- */

/** @return 1: its key is there; 0: it is not, and that was told; negative
 * errno: it cannot be written */
static int
key_restore(struct restoring *s, const struct store__kept *kept)
{
	struct store__wrapped wrapped = { .period = 0 };
	struct store_sealed_key sealed;
	int r =
	    store__wrapped_read(&s->backup, kept->day, kept->slot, &wrapped);

	if (r == 0)
		r = store__unwrap(s->periods, kept->day, kept->slot, &wrapped,
				  &sealed);
	if (r == 0) {
		r = store__keyring_put(s->dir_fd, kept->day, kept->slot,
				       &sealed);
		return r ? r : 1;
	}
	if (r == -ENOENT && store__period_end(wrapped.period) <= s->now_ns)
		tell(s, STORE_BACKUP_GONE, kept->id,
		     "its period is over, and the key of that was destroyed");
	else if (r == -ENOENT || r == -ENOKEY || r == -EBADMSG || r == -EIO)
		tell(s, STORE_BACKUP_DAMAGED, kept->id,
		     r == -ENOENT   ? "the key of its period is not there"
		     : r == -ENOKEY ? "its key is not there"
				    : "its key is damaged");
	else
		return r;
	return 0;
}

static int
kept_restore(struct restoring *s, const struct store__kept *kept)
{
	struct store__listed file = { .bytes = kept->bytes };
	char path[STORE__PATH_BYTES];
	int r;

	if (store__journal_means(&s->journal, kept))
		return 0;
	store__recording_path(path, kept->day, kept->id, kept->scrubs);
	snprintf(file.path, sizeof(file.path), "%s", path);
	memcpy(file.hash, kept->hash, sizeof(file.hash));
	r = key_restore(s, kept);
	if (r > 0)
		r = file_restore(s, &file, path, kept->id, 0440);
	if (r > 0) {
		s->result->recordings++;
		s->result->bytes += kept->bytes;
	}
	s->done += kept->bytes;
	if (s->watch && s->watch->progress)
		s->watch->progress(s->watch->ctx, s->done, s->manifest.bytes);
	return r < 0 ? r : 0;
}

static int
day_restore(struct restoring *s, const struct store__listed *file, uint32_t day)
{
	struct store__day_list list;
	int r = store__day_read(&s->backup, &s->manifest, day, &list);

	if (r == -EBADMSG || r == -EIO) {
		tell(s, STORE_BACKUP_DAMAGED, file->path,
		     "the list of this day is damaged: none of its "
		     "recordings can be restored");
		return 0;
	}
	for (size_t i = 0; r == 0 && i < list.count; i++)
		r = kept_restore(s, &list.kept[i]);
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
			     s->manifest.generation);
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
	const char *place = place_of(s, file->path);
	uint32_t day;
	int r;

	if (store__day_path_parse(file->path, &day))
		return day_restore(s, file, day);
	if (!place)
		return 0;
	/* Whoever was stopped may have gone on with the index: anew. */
	if (strncmp(place, "policy/", 7) != 0)
		(void)unlinkat(s->dir_fd, place, 0);
	r = file_restore(s, file, place, file->path,
			 place == file->path ? 0440 : STORE__FILE_MODE);
	/* Without these there is no archive. */
	if (r == 0 && is_needed(place))
		return -EBADMSG;
	return r < 0 ? r : 0;
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
	(void)unlinkat(s->dir_fd, "index/lock.mdb", 0);
	return 0;
}

static int
restore(struct restoring *s, const char *archive_dir)
{
	int r = folders_make(s, archive_dir);

	for (size_t i = 0; r == 0 && i < s->manifest.count; i++)
		r = listed_restore(s, &s->manifest.files[i]);
	if (r == 0 && syncfs(s->dir_fd))
		r = -errno;
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	return r;
}

int
store_restore_files(const char *dir, const char *periods,
		    const char *archive_dir, int64_t now_ns,
		    const struct store_backup_watch *watch,
		    struct store_backup_result *result)
{
	struct restoring s = {
		.watch = watch, .result = result, .now_ns = now_ns, .dir_fd = -1
	};
	int r = store__backup_open(&s.backup, dir, periods);

	memset(result, 0, sizeof(*result));
	if (r)
		return r;
	memcpy(result->periods, s.backup.periods, sizeof(result->periods));
	s.periods = store__periods_new(&s.backup);
	r = s.backup.periods_fd < 0 ? -ENOTDIR : s.periods ? 0 : -ENOMEM;
	if (r == 0)
		r = store__manifest_read(&s.backup, &s.manifest);
	if (r == 0)
		r = store__journal_read(&s.backup, s.manifest.generation,
					&s.journal);
	if (r == 0) {
		store__journal_sort(&s.journal);
		result->generation = s.manifest.generation;
		result->made_ns = s.manifest.made_ns;
		result->open = s.manifest.open;
		r = restore(&s, archive_dir);
	}
	store__journal_fini(&s.journal);
	store__manifest_fini(&s.manifest);
	store__periods_free(&s.periods);
	store__backup_close(&s.backup);
	return r;
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
	struct holding holding = { .count = 0 };
	int r = store_holds(archive, NULL, id, hold_see, &holding);

	snprintf(ids[0], sizeof(ids[0]), "%s", id);
	snprintf(act.actor, sizeof(act.actor), "%s", actor);
	for (size_t i = 0; r == 0 && i < holding.count; i++) {
		memcpy(act.of.name, holding.names[i], STORE_CASE_BYTES);
		r = store_act(archive, &act, failed);
	}
	return r;
}

static int
replay(struct store_archive *archive, const struct store__deletion *deletion,
       int64_t now_ns, const char *actor)
{
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
	if (r)
		return r;
	if (deletion->kind == STORE__SCRUBBED && row.scrubs >= deletion->scrubs)
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

static int
replay_all(struct store_archive *archive, const struct store__backup *backup,
	   const struct store__manifest *manifest, int64_t now_ns,
	   struct store_backup_result *result, const char *actor)
{
	struct store__journal journal;
	uint64_t last = manifest->ledger;
	int r = store__journal_read(backup, manifest->generation, &journal);

	for (size_t i = 0; r == 0 && i < journal.count; i++) {
		const struct store__deletion *deletion = &journal.list[i];

		if (deletion->number > last)
			last = deletion->number;
		if (deletion->kind == STORE__FOLLOWED)
			continue;
		r = replay(archive, deletion, now_ns, actor);
		result->deletions++;
	}
	result->missing_entries = last - manifest->ledger;
	store__journal_fini(&journal);
	return r;
}

int
store_restore_replay(struct store_archive *archive, const char *dir,
		     int64_t now_ns, const char *actor,
		     struct store_backup_result *result)
{
	struct store__manifest manifest = { 0 };
	struct store__backup backup;
	int r = store__backup_open(&backup, dir, NULL);

	if (r)
		return r;
	r = store__manifest_read(&backup, &manifest);
	if (r == 0)
		r = calls_end(archive);
	if (r == 0)
		r = keyrings_end(archive);
	if (r == 0)
		r = replay_all(archive, &backup, &manifest, now_ns, result,
			       actor);
	store__manifest_fini(&manifest);
	store__backup_close(&backup);
	return r;
}
