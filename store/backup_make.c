/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Making a backup, beside whoever writes the archive:
 *
 *   1. what was deleted since the last one is told to that (backup_follow.c)
 *   2. the index, in one read transaction: from here on this is what there is
 *   3. day by day: recordings that are new, synced; their keys, wrapped,
 * synced; the list of the day
 *   4. all of it synced; what was deleted meanwhile goes again
 *   5. the manifest, which makes it the backup; what only the last one needed
 *      goes
 *
 * Up to 5 the last one holds. Lists of days that were written before an
 * interruption are gone by when it goes on.
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
#include <time.h>
#include <unistd.h>

#include "store/backup_priv.h"
#include "store/cases.h"

#define RUNNING        "running"
#define HOUR_NS        (3600 * NS_PER_S)
#define COPY_MAP_BYTES (UINT64_C(1) << 20) /* as large as the file is */
/* Somebody follows it: that takes less than so long. */
#define FOLLOW_TRIES   100
#define FOLLOW_WAIT_NS 100000000L

struct making {
	struct store_archive *archive;
	struct store_archive *copy; /**< the index, as it is in the backup */
	const struct store_backup_config *config;
	struct store_backup_result *result;
	struct store__backup backup;
	struct store__periods *periods;
	struct store__manifest old, new;
	uint64_t generation;
	bool resumed; /**< the last one was interrupted */
	/* of the day that is looked at */
	struct store__day_list day, before, begun;
	struct store__wrap *wraps;
	size_t wraps_count, wraps_room;
	bool day_copied;
	bool list_lost; /**< that of the last backup cannot be read */
	uint64_t rows, rows_total;
};

static void
tell(const struct making *m, enum store_backup_news news, const char *name,
     const char *words)
{
	const struct store_backup_watch *watch = &m->config->watch;

	if (watch->tell)
		watch->tell(watch->ctx, news, name, words);
}

static void
damaged(struct making *m, const char *name, const char *words)
{
	m->result->damaged++;
	tell(m, STORE_BACKUP_DAMAGED, name, words);
}

/* ---- single files ------------------------------------------------------- */

/** Copied, and named in the manifest. @param from_dir of path from */
static int
file_take(struct making *m, int from_dir, const char *from, const char *to)
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

static int
index_take(struct making *m)
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

/** What the archive has beside its index. */
static int
small_files_take(struct making *m)
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
			tell(m, STORE_BACKUP_NOTE, m->config->files[i].path,
			     "it cannot be read, and is not in the backup");
			r = 0;
		}
	}
	return r;
}

static int
policy_take(void *ctx, const uint8_t hash[STORE_HASH_BYTES])
{
	char name[2 * STORE_HASH_BYTES + 1], path[STORE__BACKUP_PATH_BYTES];
	const struct store__listed *known;
	struct making *m = ctx;
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

/** Was it deleted, or changed, since the index was copied? */
static bool
changed_since(const struct making *m, const struct store_segment *row)
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
period_for(const struct making *m, const struct store_segment *row)
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
wrap_add(struct making *m, const struct store__wrap *wrap)
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
key_known(struct making *m, const struct store_segment *row,
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
period_fits(const struct making *m, uint32_t has, uint32_t wanted)
{
	const int64_t now_ns = m->config->now_ns;

	if (has == wanted)
		return true;
	return wanted == store__period_of(now_ns +
					  STORE__LEASE_DAYS * STORE__DAY_NS) &&
	       has != STORE__PERIOD_NEVER && has < wanted &&
	       store__period_end(has) > now_ns + STORE__DAY_NS;
}

/** @return 1: it is taken; 0: it is left out; negative errno */
static int
key_take(struct making *m, const struct store_segment *row)
{
	struct store__wrap wrap = { .day = row->key_day,
				    .slot = row->key_slot };
	struct store__wrapped wrapped;
	struct store_sealed_key known;
	bool has = key_known(m, row, &wrapped, &known) == 0;
	int r = store__keyring_look(m->archive, row->key_day, row->key_slot,
				    &wrap.sealed);

	if (r != STORE__SLOT_KEY) {
		if (changed_since(m, row))
			return 0;
		if (r < 0 && r != -ENOENT && r != -EBADMSG)
			return r;
		damaged(m, row->id,
			has ? "its key in the archive is gone or damaged; the "
			      "backup still has it"
			    : "its key in the archive is gone or damaged");
		if (!has)
			return 0;
		wrap.sealed = known;
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
source_check(struct making *m, const struct store_segment *row, int fd)
{
	struct store__walk walk;
	int r = store__walk_file(&walk, fd);

	if (r == 0 && strcmp(walk.header.id, row->id) == 0 &&
	    walk.chunks == row->chunks && walk.good_bytes == walk.file_bytes &&
	    memcmp(walk.hash, row->file_hash, STORE_HASH_BYTES) == 0)
		return;
	if (store_segment_unheld(row) != STORE_STATE_DAMAGED)
		damaged(m, row->id,
			"its file in the archive is not what the index says; "
			"it is copied as it is");
}

/** @return 1: copied; 0: it cannot be read; negative errno: nothing else can be
 * written either */
static int
file_copy(struct making *m, const struct store_segment *row, int fd,
	  const char *path, struct store__kept *kept)
{
	int r = store__copy_to(&m->backup, fd, m->backup.dir_fd, path,
			       &kept->bytes, kept->hash);

	/* A bad place on the disk of the archive, or on that of the backup? */
	if (r == -EIO && store__hash_file(fd, &kept->bytes, kept->hash)) {
		damaged(m, row->id, "its file in the archive cannot be read");
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
file_known(const struct making *m, const struct store_segment *row,
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

/** @return as key_take */
static int
file_of_row(struct making *m, const struct store_segment *row,
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
	if (fd == -ENOENT && changed_since(m, row))
		return 0;
	if (fd < 0 && store__error_is_ours(fd))
		return fd;
	if (fd < 0) {
		damaged(m, row->id,
			"its file in the archive is not there, or cannot be "
			"opened");
		return 0;
	}
	r = file_copy(m, row, fd, path, kept);
	close(fd);
	return r;
}

/* ---- a day -------------------------------------------------------------- */

static int
list_write(struct making *m)
{
	char path[STORE__BACKUP_PATH_BYTES];
	uint8_t hash[STORE_HASH_BYTES];
	char *text;
	size_t n;
	int r;

	store__day_sort(&m->day);
	r = store__day_text(&m->day, &text, &n);
	if (r)
		return r;
	store_hash(hash, text, n);
	/* As it was: under its old name, if that is whole. */
	for (size_t i = 0; i < m->old.count && !m->list_lost; i++) {
		const struct store__listed *file = &m->old.files[i];
		uint32_t day;

		if (memcmp(file->hash, hash, sizeof(hash)) == 0 &&
		    store__day_path_parse(file->path, &day) &&
		    day == m->day.day) {
			free(text);
			m->result->unchanged_bytes += n;
			return store__manifest_add(&m->new, file->path,
						   file->bytes, hash);
		}
	}
	store__day_path(path, m->day.day, m->generation);
	r = store__write_to(&m->backup, m->backup.dir_fd, path, text, n);
	free(text);
	m->result->copied_bytes += n;
	return r ? r : store__manifest_add(&m->new, path, n, hash);
}

/** What the last backup has of this day, and was not met: where a row of the
 * index cannot be read, the backup keeps what it has. Of what was made anew
 * without a part of it, the old file goes. */
static int
carry_over(struct making *m)
{
	const size_t count = m->day.count;
	int r = 0;

	store__day_sort(&m->day);
	for (size_t i = 0; r == 0 && i < m->before.count; i++) {
		const struct store__kept *kept = &m->before.kept[i], *new;
		struct store_segment row = { .scrubs = kept->scrubs };
		struct store__day_list met = m->day;

		met.count = count;
		new = store__day_find(&met, kept->id);
		if (new &&new->scrubs != kept->scrubs)
			r = store__kept_destroy(&m->backup, kept);
		memcpy(row.id, kept->id, sizeof(row.id));
		if (new || changed_since(m, &row))
			continue;
		m->new.recordings++;
		m->new.bytes += kept->bytes;
		r = store__day_add(&m->day, kept);
	}
	return r;
}

static int
day_end(struct making *m)
{
	int r = carry_over(m);

	if (r == 0 && m->day_copied && syncfs(m->backup.dir_fd))
		r = -errno;
	if (r == 0)
		r = store__wrap_all(m->periods, m->wraps, m->wraps_count);
	m->result->copied_bytes += m->wraps_count * STORE__SLOT_BYTES;
	m->wraps_count = 0;
	m->day_copied = false;
	if (r == 0 && m->day.count)
		r = list_write(m);
	store__day_fini(&m->day);
	store__day_fini(&m->before);
	store__day_fini(&m->begun);
	return r;
}

/** What an interrupted run had finished of this day. */
static void
begun_read(struct making *m, uint32_t day)
{
	char path[STORE__BACKUP_PATH_BYTES], *text;
	size_t n;

	store__day_path(path, day, m->generation);
	if (store__read_all(m->backup.dir_fd, path, &text, &n))
		return;
	(void)!store__day_parse(&m->begun, day, text, n);
	free(text);
}

static int
day_begin(struct making *m, uint32_t day)
{
	int r = store__day_read(&m->backup, &m->old, day, &m->before);

	m->list_lost = r != 0;
	if (r == -EBADMSG) {
		tell(m, STORE_BACKUP_NOTE, "a list of the last backup",
		     "it is damaged; its recordings are copied again");
		r = 0;
	}
	if (m->resumed)
		begun_read(m, day);
	m->day.day = day;
	return r;
}

static int
row_take(struct making *m, const struct store_segment *row)
{
	struct store__kept kept = { .day = row->key_day,
				    .slot = row->key_slot,
				    .scrubs = row->scrubs };
	int r = 0;

	if (row->key_day != m->day.day) {
		r = day_end(m);
		if (r == 0)
			r = day_begin(m, row->key_day);
	}
	if (r)
		return r;
	memcpy(kept.id, row->id, sizeof(kept.id));
	r = key_take(m, row);
	if (r <= 0)
		return r;
	r = file_of_row(m, row, &kept);
	/* Its key is of no use without it. */
	if (r == 0 && m->wraps_count &&
	    m->wraps[m->wraps_count - 1].slot == row->key_slot)
		m->wraps_count--;
	if (r <= 0)
		return r;
	m->new.recordings++;
	m->new.bytes += kept.bytes;
	return store__day_add(&m->day, &kept);
}

/** Stopped before anything of it was on the disk. */
static bool
has_no_file(const struct making *m, const struct store_segment *row)
{
	char path[STORE__PATH_BYTES];

	if (row->chunks || store_segment_unheld(row) == STORE_STATE_STORED)
		return false;
	store__recording_path(path, row->key_day, row->id, row->scrubs);
	return faccessat(m->archive->dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) &&
	       errno == ENOENT;
}

static int
row_see(void *ctx, const struct store_segment *row)
{
	struct making *m = ctx;
	const struct store_backup_watch *watch = &m->config->watch;

	m->rows++;
	if (watch->progress)
		watch->progress(watch->ctx, m->rows, m->rows_total);
	if (row->state == STORE_STATE_RECORDING) {
		m->new.open++;
		tell(m, STORE_BACKUP_OPEN, row->id,
		     "it is being recorded, and comes with the next backup");
		return 0;
	}
	if (!row->key_day || row->state == STORE_STATE_PURGED ||
	    row->state == STORE_STATE_NONE || has_no_file(m, row))
		return 0;
	return row_take(m, row);
}

static int
row_skipped(void *ctx, const struct store__key *key, int error)
{
	char name[STORE__KEY_NAME_BYTES];
	struct making *m = ctx;

	(void)error;
	store__key_name(name, key);
	damaged(m, name, "its row in the index cannot be read");
	return 0;
}

/** Days of the last backup of which no row was met: see carry_over. */
static int
days_carry(struct making *m)
{
	uint32_t day, other;
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->old.count; i++) {
		bool met = false;

		if (!store__day_path_parse(m->old.files[i].path, &day))
			continue;
		for (size_t j = 0; !met && j < m->new.count; j++)
			met = store__day_path_parse(m->new.files[j].path,
						    &other) &&
			      other == day;
		if (met)
			continue;
		r = day_begin(m, day);
		if (r == 0)
			r = day_end(m);
	}
	return r;
}

static int
rows_take(struct making *m)
{
	MDB_txn *txn;
	MDB_stat stat;
	int r = store__read_begin(m->copy, &txn);

	if (r)
		return r;
	if (mdb_stat(txn, m->copy->tables.segments, &stat) == 0)
		m->rows_total = stat.ms_entries;
	store__read_end(m->copy, txn);
	r = store__table_walk(m->copy, m->copy->tables.segments, row_see,
			      row_skipped, m);
	if (r == 0)
		r = day_end(m);
	return r ? r : days_carry(m);
}

/* ---- what is not needed any more ---------------------------------------- */

static int
stray_slot(void *ctx, uint32_t slot)
{
	struct making *m = ctx;

	for (size_t i = 0; i < m->day.count; i++)
		if (m->day.kept[i].slot == slot)
			return 0;
	(void)!store__wrapped_destroy(&m->backup, m->day.day, slot);
	return 0;
}

/** Of a day what no list has: an interrupted backup copied it, and then it was
 * deleted. */
static void
stray_day(struct making *m, const char *path)
{
	int fd = openat(m->backup.dir_fd, path,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	const struct store__kept *kept;
	char id[STORE_SEGMENT_ID_BYTES];
	struct dirent *entry;
	uint32_t scrubs;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		kept = NULL;
		if (store__recording_name_parse(entry->d_name, id, &scrubs) ==
		    0)
			kept = store__day_find(&m->day, id);
		if (!kept || kept->scrubs != scrubs)
			(void)unlinkat(fd, entry->d_name, 0);
	}
	closedir(dir);
	(void)!store__wrapped_walk(&m->backup, m->day.day, stray_slot, m);
}

/** @param depth of folders below "audio" that were gone through */
static void
strays_remove(struct making *m, const char *path, uint32_t date, int depth)
{
	int fd = openat(m->backup.dir_fd, path,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	char below[STORE__BACKUP_PATH_BYTES];
	struct dirent *entry;
	uint32_t part;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	while (dir && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9' ||
		    snprintf(below, sizeof(below), "%s/%s", path,
			     entry->d_name) >= (int)sizeof(below))
			continue;
		part = date * 100 + (uint32_t)strtoul(entry->d_name, NULL, 10);
		if (depth < 2) {
			strays_remove(m, below, depth ? part : part % 10000,
				      depth + 1);
			continue;
		}
		if (store__day_read(&m->backup, &m->new, part, &m->day) == 0) {
			m->day.day = part;
			stray_day(m, below);
		}
		store__day_fini(&m->day);
	}
	if (dir)
		closedir(dir);
}

/** Files that only the last backup named. */
static void
old_remove(struct making *m)
{
	for (size_t i = 0; i < m->old.count; i++)
		if (!store__manifest_find(&m->new, m->old.files[i].path))
			(void)unlinkat(m->backup.dir_fd, m->old.files[i].path,
				       0);
	if (m->old.generation)
		store__generation_remove(&m->backup, m->old.generation);
}

/* ---- all of it ---------------------------------------------------------- */

/** Whoever follows it meanwhile is done in a moment. */
static int
follow(struct making *m, const struct store__manifest *manifest)
{
	const struct timespec wait = { .tv_nsec = FOLLOW_WAIT_NS };
	int r = -EBUSY;

	for (int i = 0; r == -EBUSY && i < FOLLOW_TRIES; i++) {
		if (i)
			nanosleep(&wait, NULL);
		r = store__follow(&m->backup, m->archive, manifest,
				  m->config->now_ns, m->result);
	}
	return r;
}

static int
mark(struct making *m)
{
	int fd;

	m->resumed = faccessat(m->backup.dir_fd, RUNNING, F_OK, 0) == 0;
	fd = store__file_open(m->backup.dir_fd, RUNNING, O_WRONLY | O_CREAT);
	if (fd < 0)
		return fd;
	store__backup_own(&m->backup, fd);
	close(fd);
	return fsync(m->backup.dir_fd) ? -errno : 0;
}

static int
old_take(struct making *m)
{
	int r = store__manifest_read(&m->backup, &m->old);

	if (r == 0)
		r = store__follows(m->archive, &m->old);
	if (r == 0)
		r = follow(m, &m->old);
	if (r == -ENOENT)
		r = 0;
	m->generation = m->old.generation + 1;
	m->new.generation = m->generation;
	memcpy(m->new.id, m->backup.id, sizeof(m->new.id));
	m->new.began_ns = m->config->now_ns;
	return r;
}

static int
copy_open(struct making *m)
{
	const struct store_archive_config config = { .map_bytes =
							 COPY_MAP_BYTES };
	struct store_ledger_entry head = { .number = 0 };
	char path[4096 + 32];
	int r;

	snprintf(path, sizeof(path), "%s/%" PRIu64, m->config->dir,
		 m->generation);
	r = store_archive_open(&m->copy, path, STORE_READ, &config, NULL);
	if (r == 0)
		r = store_ledger_head(m->copy, &head);
	if (r && r != -ENOENT)
		return r;
	m->new.ledger = head.number;
	memcpy(m->new.ledger_hash, head.hash, STORE_HASH_BYTES);
	return 0;
}

/** Empty: what comes now was deleted behind the ledger of its index. */
static int
journal_make(struct making *m)
{
	char path[STORE__BACKUP_PATH_BYTES];

	store__generation_path(path, m->generation, "deletions");
	return store__write_to(&m->backup, m->backup.dir_fd, path, "", 0);
}

static int
contents_take(struct making *m)
{
	char path[STORE__BACKUP_PATH_BYTES];
	int r = journal_make(m);

	if (r == 0)
		r = index_take(m);
	if (r == 0)
		r = small_files_take(m);
	if (r == 0)
		r = copy_open(m);
	if (r == 0)
		r = store_archive_policies(m->archive, policy_take, m);
	if (r == 0)
		r = rows_take(m);
	store_archive_close(&m->copy);
	/* That of whoever read it: nobody else is to need it. */
	store__generation_path(path, m->generation, "index/lock.mdb");
	(void)unlinkat(m->backup.dir_fd, path, 0);
	if (r == 0 && syncfs(m->backup.dir_fd))
		r = -errno;
	store__backup_step(&m->backup, 7);
	return r ? r : follow(m, &m->new);
}

static int
manifest_write(struct making *m)
{
	struct timespec now;
	char *text;
	size_t n;
	int r;

	clock_gettime(CLOCK_REALTIME, &now);
	m->new.made_ns = now.tv_sec *NS_PER_S + now.tv_nsec;
	r = store__manifest_text(&m->new, &text, &n);
	if (r)
		return r;
	r = store__write_to(&m->backup, m->backup.dir_fd, "manifest", text, n);
	free(text);
	m->result->copied_bytes += n;
	return r == 0 && fsync(m->backup.dir_fd) ? -errno : r;
}

static int
make(struct making *m)
{
	int r = store__backup_lock(&m->backup);

	if (r == 0)
		r = mark(m);
	if (r == 0)
		r = old_take(m);
	if (r == 0)
		store__generation_remove(&m->backup, m->generation);
	if (r == 0)
		r = contents_take(m);
	if (r == 0)
		r = manifest_write(m);
	if (r)
		return r;
	store__backup_step(&m->backup, 8);
	old_remove(m);
	if (m->resumed)
		strays_remove(m, "audio", 0, 0);
	(void)unlinkat(m->backup.dir_fd, RUNNING, 0);
	m->result->generation = m->new.generation;
	m->result->recordings = m->new.recordings;
	m->result->bytes = m->new.bytes;
	m->result->open = m->new.open;
	m->result->made_ns = m->new.made_ns;
	return syncfs(m->backup.dir_fd) ? -errno : 0;
}

int
store_backup_make(struct store_archive *archive,
		  const struct store_backup_config *config,
		  struct store_backup_result *result)
{
	struct making *m = calloc(1, sizeof(*m));
	int r = m ? 0 : -ENOMEM;

	memset(result, 0, sizeof(*result));
	if (r)
		return r;
	m->archive = archive;
	m->config = config;
	m->result = result;
	r = store__backup_create(config->dir, config->periods, archive);
	if (r == 0)
		r = store__backup_open(&m->backup, config->dir,
				       config->periods);
	if (r) {
		free(m);
		return r;
	}
	m->backup.fault = config->fault;
	memcpy(result->periods, m->backup.periods, sizeof(result->periods));
	m->periods = store__periods_new(&m->backup);
	r = m->backup.periods_fd < 0 ? -ENOTDIR : m->periods ? 0 : -ENOMEM;
	if (r == 0)
		r = make(m);
	store_archive_close(&m->copy);
	store__periods_free(&m->periods);
	store__day_fini(&m->day);
	store__day_fini(&m->before);
	store__day_fini(&m->begun);
	store__manifest_fini(&m->old);
	store__manifest_fini(&m->new);
	store__backup_close(&m->backup);
	free(m->wraps);
	free(m);
	return r;
}
