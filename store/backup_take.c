/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a backup takes of an archive: the index, small files, and of each
 * recording its key and its file. What cannot be read there is told and
 * counted, and costs nothing else; an error is what keeps anything from being
 * written.
 */
#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/backup_make_priv.h"

void
store__making_tell(const struct store__making *m, enum store_backup_news news,
		   const char *name, const char *words)
{
	const struct store_backup_watch *watch = &m->config->watch;

	if (watch->tell)
		watch->tell(watch->ctx, news, name, words);
}

void
store__making_damaged(struct store__making *m, const char *name,
		      const char *words)
{
	m->result->damaged++;
	store__making_tell(m, STORE_BACKUP_DAMAGED, name, words);
}

/* ---- single files ------------------------------------------------------- */

/** Copied, and named in the manifest. @param from_dir of path from
 * @return 0; -ENODATA: it is not there; -EBADMSG: it cannot be read; other
 * errors are those of the backup */
static int
file_take(struct store__making *m, int from_dir, const char *from,
	  const char *to)
{
	uint8_t hash[STORE_HASH_BYTES];
	uint64_t bytes;
	int r, fd = openat(from_dir, from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && store__error_is_ours(-errno))
		return -errno;
	if (fd < 0)
		return errno == ENOENT ? -ENODATA : -EBADMSG;
	r = store__copy_to(&m->backup, fd, m->backup.dir_fd, to, &bytes, hash);
	close(fd);
	if (r == 0) {
		m->result->copied_bytes += bytes;
		r = store__manifest_add(&m->new, to, bytes, hash);
	}
	return r;
}

int
store__making_index(struct store__making *m)
{
	char path[STORE__BACKUP_PATH_BYTES], part[STORE__BACKUP_PATH_BYTES];
	uint8_t hash[STORE_HASH_BYTES];
	uint64_t bytes;
	int fd, r;

	store__generation_path(path, m->generation, "index/data.mdb");
	store__generation_path(part, m->generation, "index/data.part");
	r = store__backup_folders(&m->backup, m->backup.dir_fd, path);
	if (r)
		return r;
	(void)unlinkat(m->backup.dir_fd, part, 0);
	fd =
	    store__file_open(m->backup.dir_fd, part, O_RDWR | O_CREAT | O_EXCL);
	if (fd < 0)
		return fd;
	store__backup_own(&m->backup, fd);
	r = store__index_copy(m->archive, fd);
	/* What is read here is what was written. */
	if (r == 0)
		r = store__hash_file(fd, &bytes, hash);
	if (r == -EBADMSG)
		r = -EIO;
	close(fd);
	if (r == 0 && renameat(m->backup.dir_fd, part, m->backup.dir_fd, path))
		r = -errno;
	if (r)
		return r;
	m->result->index_bytes = bytes;
	m->result->copied_bytes += bytes;
	return store__manifest_add(&m->new, path, bytes, hash);
}

static int
unreadable(struct store__making *m, const char *name)
{
	store__making_damaged(m, name,
			      "it cannot be read, and is not in the backup");
	return 0;
}

/** @return -ENODATA */
static int
no_archive(struct store__making *m, const char *name)
{
	store__making_damaged(
	    m, name,
	    "it cannot be read in the archive, and without it "
	    "nothing could be restored");
	return -ENODATA;
}

int
store__making_small_files(struct store__making *m)
{
	static const char *const names[] = { "recipients", "audit.pub",
					     "pseudonyms" };
	char path[STORE__BACKUP_PATH_BYTES];
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(names) / sizeof(*names); i++) {
		store__generation_path(path, m->generation, names[i]);
		r = file_take(m, m->archive->dir_fd, names[i], path);
		if (r == -ENODATA && i > 0)
			r = 0;
		if (r == -EBADMSG && i > 0)
			r = unreadable(m, names[i]);
		/* Without the first there is no archive. */
		if (r == -ENODATA || r == -EBADMSG)
			r = no_archive(m, names[i]);
	}
	for (size_t i = 0; r == 0 && i < m->config->files_count; i++) {
		store__generation_path(path, m->generation,
				       m->config->files[i].name);
		r = file_take(m, AT_FDCWD, m->config->files[i].path, path);
		if (r == -EBADMSG)
			r = unreadable(m, m->config->files[i].path);
		if (r == -ENODATA) {
			store__making_tell(
			    m, STORE_BACKUP_NOTE, m->config->files[i].path,
			    "it is not there, and not in the backup");
			r = 0;
		}
	}
	return r;
}

/** The archive does not have it as it was: the backup keeps what it has. */
static int
policy_lost(struct store__making *m, const struct store__listed *known,
	    const char *path)
{
	int r;

	store__making_damaged(m, path, "it cannot be read in the archive");
	if (!known)
		return 0;
	r = store__noted_add(&m->unmended, path);
	return r ? r
		 : store__manifest_add(&m->new, path, known->bytes,
				       known->hash);
}

int
store__making_policy(void *ctx, const uint8_t hash[STORE_HASH_BYTES])
{
	char name[2 * STORE_HASH_BYTES + 1], path[STORE__BACKUP_PATH_BYTES];
	const struct store__listed *known;
	struct store__making *m = ctx;
	struct stat st;
	int r;

	store_hex(name, hash, STORE_HASH_BYTES);
	snprintf(path, sizeof(path), "policy/%s.yaml", name);
	known = store__manifest_find(&m->old, path);
	if (known && !store__noted_has(&m->noted, path) &&
	    fstatat(m->backup.dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (uint64_t)st.st_size == known->bytes) {
		m->result->unchanged_bytes += known->bytes;
		return store__manifest_add(&m->new, path, known->bytes,
					   known->hash);
	}
	r = file_take(m, m->archive->dir_fd, path, path);
	if (r == -EBADMSG || r == -ENODATA)
		r = policy_lost(m, known, path);
	return r;
}

/* ---- a recording -------------------------------------------------------- */

int
store__making_changed(const struct store__making *m,
		      const struct store_segment *row)
{
	struct store_segment now;
	MDB_txn *txn;
	int r = store__read_apart(m->archive, &txn);

	if (r)
		return r;
	r = store__row_get(m->archive, txn, row->id, &now);
	mdb_txn_abort(txn);
	return r == -ENOENT || (r == 0 && (now.state == STORE_STATE_PURGED ||
					   now.scrubs != row->scrubs));
}

/** Until when what is held is wrapped. */
static int64_t
lease_ns(const struct store__making *m)
{
	return m->config->now_ns + STORE__LEASE_DAYS * STORE__DAY_NS;
}

/** The day on which it has to be gone, to its end. What lives longer is held,
 * and then it is for a while; or somebody is late, and is not given more than
 * this day. */
static uint32_t
period_for(const struct store__making *m, const struct store_segment *row)
{
	const int64_t now_ns = m->config->now_ns;
	int64_t due_ns = INT64_MAX;
	uint32_t period;

	if (m->config->due)
		due_ns = m->config->due(m->config->due_ctx, row);
	period = store__period_of(due_ns);
	if (store__period_end(period) > now_ns)
		return period;
	return store__period_of(row->state == STORE_STATE_HELD ? lease_ns(m)
							       : now_ns);
}

static int
wrap_add(struct store__making *m, const struct store__wrap *wrap)
{
	size_t room = m->wraps_room ? 2 * m->wraps_room : 64;
	void *grown;

	if (m->wraps_count == m->wraps_room) {
		grown = reallocarray(m->wraps, room, sizeof(*m->wraps));
		if (!grown)
			return -ENOMEM;
		m->wraps = grown;
		m->wraps_room = room;
	}
	m->wraps[m->wraps_count++] = *wrap;
	return 0;
}

/** What the backup has of its key. @return 0, else it has none that opens */
static int
key_known(struct store__making *m, const struct store_segment *row,
	  struct store__wrapped *wrapped, struct store_sealed_key *sealed)
{
	int r = store__wrapped_read(&m->backup, row->key_day, row->key_slot,
				    wrapped);

	return r ? r : store__unwrap(m->periods, wrapped, sealed);
}

/** Where it lies it may stay, if that is its period; or if it is held longer
 * than it was to be kept, and this lasts for a day at least. */
static bool
period_fits(const struct store__making *m, uint32_t has, uint32_t wanted)
{
	if (has == wanted)
		return true;
	return wanted == store__period_of(lease_ns(m)) &&
	       has != STORE__PERIOD_NEVER && has < wanted &&
	       store__period_end(has) > m->config->now_ns + STORE__DAY_NS;
}

static bool
is_listed(const struct store__making *m, const struct store_segment *row)
{
	const struct store__kept *kept = store__day_find(&m->before, row->id);

	return kept && kept->slot == row->key_slot;
}

/** Nobody destroys a key but to delete: a row that knows nothing of that is
 * older than the keys, and does not bring it back. */
static int
key_destroyed(struct store__making *m, const struct store_segment *row)
{
	const struct store__kept *kept = store__day_find(&m->before, row->id);
	int r = kept ? store__day_add(&m->gone, kept) : 0;

	store__making_damaged(
	    m, row->id,
	    "its key in the archive was destroyed, though the "
	    "index says nothing of that; the backup does not "
	    "keep it");
	if (r == 0 && kept)
		store__day_remove(&m->before, row->id);
	return r;
}

int
store__making_key(struct store__making *m, const struct store_segment *row)
{
	struct store__wrap wrap = { .day = row->key_day,
				    .slot = row->key_slot };
	struct store__wrapped wrapped;
	struct store_sealed_key known;
	bool has = key_known(m, row, &wrapped, &known) == 0;
	int r = store__keyring_look(m->archive, row->key_day, row->key_slot,
				    &wrap.sealed);

	if (r != STORE__SLOT_KEY) {
		int changed = store__making_changed(m, row);

		if (changed)
			return changed < 0 ? changed : 0;
		if (r == STORE__SLOT_DESTROYED)
			return key_destroyed(m, row);
		if (r == -EACCES || r == -EPERM) {
			store__making_damaged(
			    m, row->id,
			    "this user may not read its key in "
			    "the archive");
			return -ENODATA;
		}
		if (r < 0 && r != -ENOENT && r != -EBADMSG && r != -EIO)
			return r;
		store__making_damaged(
		    m, row->id,
		    has ? "its key in the archive is gone or damaged; the "
			  "backup still has it"
			: "its key in the archive is gone or damaged");
		if (!has)
			return 0;
		wrap.sealed = known;
		store__wrap_again(&wrap, &wrapped);
	}
	wrap.period = period_for(m, row);
	if (has && memcmp(&known, &wrap.sealed, sizeof(known)) == 0) {
		if (period_fits(m, wrapped.period, wrap.period))
			return 1;
		m->result->rewrapped++;
	}
	/* Its slot, or the key of its period, is damaged or not there. */
	if (!has && is_listed(m, row))
		m->result->keys_mended++;
	r = wrap_add(m, &wrap);
	return r ? r : 1;
}

/** Is it what the index says, as far as one can tell without its key? */
static bool
is_sound(const struct store_segment *row, int fd)
{
	struct store__walk walk;

	return store__walk_file(&walk, fd) == 0 &&
	       strcmp(walk.header.id, row->id) == 0 &&
	       walk.chunks == row->chunks &&
	       walk.good_bytes == walk.file_bytes &&
	       memcmp(walk.hash, row->file_hash, STORE_HASH_BYTES) == 0;
}

/** The next backup looks at the archive again. */
static int
try_again(struct store__making *m, const struct store_segment *row,
	  const char *path, const char *words)
{
	store__making_damaged(m, row->id, words);
	return store__noted_add(&m->unmended, path);
}

/** @return 1: copied; 0: it cannot be read; negative errno: nothing else can be
 * written either */
static int
file_copy(struct store__making *m, const struct store_segment *row, int fd,
	  const char *path, struct store__kept *kept)
{
	int r = store__copy_to(&m->backup, fd, m->backup.dir_fd, path,
			       &kept->bytes, kept->hash);

	if (r == -EBADMSG)
		return try_again(m, row, path,
				 "its file in the archive cannot be read");
	if (r)
		return r;
	m->result->copied++;
	m->result->copied_bytes += kept->bytes;
	m->day_copied = true;
	if (store_segment_unheld(row) != STORE_STATE_DAMAGED &&
	    !is_sound(row, fd))
		r = try_again(m, row, path,
			      "its file in the archive is not what the index "
			      "says; it is copied as it is");
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	store__backup_step(&m->backup, 1);
	return r ? r : 1;
}

/** One of before that is as it was, as far as its size tells. */
static bool
file_known(const struct store__making *m, const struct store_segment *row,
	   const char *path, struct store__kept *kept)
{
	const struct store__day_list *lists[] = { &m->before, &m->begun };
	const struct store__kept *known;
	struct stat st;

	for (size_t i = 0; i < 2; i++) {
		known = store__day_find(lists[i], row->id);
		if (!known || known->scrubs != row->scrubs ||
		    known->slot != row->key_slot)
			continue;
		if (fstatat(m->backup.dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) ||
		    (uint64_t)st.st_size != known->bytes)
			continue;
		*kept = *known;
		return true;
	}
	return false;
}

int
store__making_file(struct store__making *m, const struct store_segment *row,
		   struct store__kept *kept)
{
	char path[STORE__PATH_BYTES];
	bool known;
	int r, fd;

	store__recording_path(path, row->key_day, row->id, row->scrubs);
	known = file_known(m, row, path, kept);
	if (known && !store__noted_has(&m->noted, path)) {
		m->result->unchanged_bytes += kept->bytes;
		return 1;
	}
	fd = store__file_open(m->archive->dir_fd, path, O_RDONLY);
	if (fd == -ENOENT) {
		r = store__making_changed(m, row);
		if (r)
			return r < 0 ? r : 0;
	}
	if (fd < 0 && store__error_is_ours(fd))
		return fd;
	if (fd < 0)
		return try_again(m, row, path,
				 "its file in the archive is not there, or "
				 "cannot be opened");
	/* Of two that are damaged the backup keeps its own. */
	if (known && !is_sound(row, fd))
		r = try_again(m, row, path,
			      "it is damaged in the backup, and its file in "
			      "the archive is not what the index says");
	else
		r = file_copy(m, row, fd, path, kept);
	close(fd);
	return r;
}
