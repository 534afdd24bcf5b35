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

#define HOUR_NS (3600 * NS_PER_S)

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

/** Copied, and named in the manifest. @param from_dir of path from */
static int
file_take(struct store__making *m, int from_dir, const char *from,
	  const char *to)
{
	uint8_t hash[STORE_HASH_BYTES];
	uint64_t bytes;
	int r, fd = openat(from_dir, from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
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
	close(fd);
	if (r == 0 && renameat(m->backup.dir_fd, part, m->backup.dir_fd, path))
		r = -errno;
	if (r)
		return r;
	m->result->index_bytes = bytes;
	m->result->copied_bytes += bytes;
	return store__manifest_add(&m->new, path, bytes, hash);
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
		if (r == -ENOENT && i > 0)
			r = 0;
	}
	for (size_t i = 0; r == 0 && i < m->config->files_count; i++) {
		store__generation_path(path, m->generation,
				       m->config->files[i].name);
		r = file_take(m, AT_FDCWD, m->config->files[i].path, path);
		if (r == -ENOENT || r == -EACCES) {
			store__making_tell(
			    m, STORE_BACKUP_NOTE, m->config->files[i].path,
			    "it cannot be read, and is not in the backup");
			r = 0;
		}
	}
	return r;
}

int
store__making_policy(void *ctx, const uint8_t hash[STORE_HASH_BYTES])
{
	char name[2 * STORE_HASH_BYTES + 1], path[STORE__BACKUP_PATH_BYTES];
	const struct store__listed *known;
	struct store__making *m = ctx;
	struct stat st;

	store_hex(name, hash, STORE_HASH_BYTES);
	snprintf(path, sizeof(path), "policy/%s.yaml", name);
	known = store__manifest_find(&m->old, path);
	if (known &&
	    fstatat(m->backup.dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (uint64_t)st.st_size == known->bytes) {
		m->result->unchanged_bytes += known->bytes;
		return store__manifest_add(&m->new, path, known->bytes,
					   known->hash);
	}
	return file_take(m, m->archive->dir_fd, path, path);
}

/* ---- a recording -------------------------------------------------------- */

bool
store__making_changed(const struct store__making *m,
		      const struct store_segment *row)
{
	struct store_segment now;
	MDB_txn *txn;
	int r = store__read_apart(m->archive, &txn);

	if (r)
		return false;
	r = store__row_get(m->archive, txn, row->id, &now);
	mdb_txn_abort(txn);
	return r == -ENOENT || (r == 0 && (now.state == STORE_STATE_PURGED ||
					   now.scrubs != row->scrubs));
}

static uint32_t
period_for(const struct store__making *m, const struct store_segment *row)
{
	const int64_t now_ns = m->config->now_ns;
	int64_t due_ns = INT64_MAX;
	uint32_t period;

	if (m->config->due)
		due_ns = m->config->due(m->config->due_ctx, row);
	period = store__period_of(due_ns);
	if (store__period_end(period) < now_ns + HOUR_NS)
		return store__period_of(now_ns +
					STORE__LEASE_DAYS * STORE__DAY_NS);
	return period;
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

	return r ? r
		 : store__unwrap(m->periods, row->key_day, row->key_slot,
				 wrapped, sealed);
}

/** Where it lies it may stay, if that is its period, or if it has no better
 * one and this lasts for a day at least. */
static bool
period_fits(const struct store__making *m, uint32_t has, uint32_t wanted)
{
	const int64_t now_ns = m->config->now_ns;

	if (has == wanted)
		return true;
	return wanted == store__period_of(now_ns +
					  STORE__LEASE_DAYS * STORE__DAY_NS) &&
	       has != STORE__PERIOD_NEVER && has < wanted &&
	       store__period_end(has) > now_ns + STORE__DAY_NS;
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
		if (store__making_changed(m, row))
			return 0;
		if (r < 0 && r != -ENOENT && r != -EBADMSG)
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
	r = wrap_add(m, &wrap);
	return r ? r : 1;
}

/** Is it what the index says, as far as one can tell without its key? */
static void
source_check(struct store__making *m, const struct store_segment *row, int fd)
{
	struct store__walk walk;
	int r = store__walk_file(&walk, fd);

	if (r == 0 && strcmp(walk.header.id, row->id) == 0 &&
	    walk.chunks == row->chunks && walk.good_bytes == walk.file_bytes &&
	    memcmp(walk.hash, row->file_hash, STORE_HASH_BYTES) == 0)
		return;
	if (store_segment_unheld(row) != STORE_STATE_DAMAGED)
		store__making_damaged(
		    m, row->id,
		    "its file in the archive is not what the index says; "
		    "it is copied as it is");
}

/** @return 1: copied; 0: it cannot be read; negative errno: nothing else can be
 * written either */
static int
file_copy(struct store__making *m, const struct store_segment *row, int fd,
	  const char *path, struct store__kept *kept)
{
	int r = store__copy_to(&m->backup, fd, m->backup.dir_fd, path,
			       &kept->bytes, kept->hash);

	/* A bad place on the disk of the archive, or on that of the backup? */
	if (r == -EIO && store__hash_file(fd, &kept->bytes, kept->hash)) {
		store__making_damaged(m, row->id,
				      "its file in the archive cannot be read");
		return 0;
	}
	if (r)
		return r;
	m->result->copied++;
	m->result->copied_bytes += kept->bytes;
	m->day_copied = true;
	source_check(m, row, fd);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	store__backup_step(&m->backup, 1);
	return 1;
}

/** One of before that is as it was. */
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
	int r, fd;

	store__recording_path(path, row->key_day, row->id, row->scrubs);
	if (file_known(m, row, path, kept)) {
		m->result->unchanged_bytes += kept->bytes;
		return 1;
	}
	fd = store__file_open(m->archive->dir_fd, path, O_RDONLY);
	if (fd == -ENOENT && store__making_changed(m, row))
		return 0;
	if (fd < 0 && store__error_is_ours(fd))
		return fd;
	if (fd < 0) {
		store__making_damaged(
		    m, row->id,
		    "its file in the archive is not there, or cannot be "
		    "opened");
		return 0;
	}
	r = file_copy(m, row, fd, path, kept);
	close(fd);
	return r;
}
