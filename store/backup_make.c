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

#include "store/backup_make_priv.h"

#define RUNNING        "running"
#define COPY_MAP_BYTES (UINT64_C(1) << 20) /* as large as the file is */
/* Somebody follows it: that takes less than so long. */
#define FOLLOW_TRIES   100
#define FOLLOW_WAIT_NS 100000000L

/* ---- a day -------------------------------------------------------------- */

static int
list_write(struct store__making *m)
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
carry_over(struct store__making *m)
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
		if (new || store__making_changed(m, &row))
			continue;
		m->new.recordings++;
		m->new.bytes += kept->bytes;
		r = store__day_add(&m->day, kept);
	}
	return r;
}

static int
day_end(struct store__making *m)
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
begun_read(struct store__making *m, uint32_t day)
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
day_begin(struct store__making *m, uint32_t day)
{
	int r = store__day_read(&m->backup, &m->old, day, &m->before);

	m->list_lost = r != 0;
	if (r == -EBADMSG) {
		store__making_tell(
		    m, STORE_BACKUP_NOTE, "a list of the last backup",
		    "it is damaged; its recordings are copied again");
		r = 0;
	}
	if (m->resumed)
		begun_read(m, day);
	m->day.day = day;
	return r;
}

static int
row_take(struct store__making *m, const struct store_segment *row)
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
	r = store__making_key(m, row);
	if (r <= 0)
		return r;
	r = store__making_file(m, row, &kept);
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
has_no_file(const struct store__making *m, const struct store_segment *row)
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
	struct store__making *m = ctx;
	const struct store_backup_watch *watch = &m->config->watch;

	m->rows++;
	if (watch->progress)
		watch->progress(watch->ctx, m->rows, m->rows_total);
	if (row->state == STORE_STATE_RECORDING) {
		m->new.open++;
		store__making_tell(
		    m, STORE_BACKUP_OPEN, row->id,
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
	struct store__making *m = ctx;

	(void)error;
	store__key_name(name, key);
	store__making_damaged(m, name, "its row in the index cannot be read");
	return 0;
}

/** Days of the last backup of which no row was met: see carry_over. */
static int
days_carry(struct store__making *m)
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
rows_take(struct store__making *m)
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
	struct store__making *m = ctx;

	for (size_t i = 0; i < m->day.count; i++)
		if (m->day.kept[i].slot == slot)
			return 0;
	(void)!store__wrapped_destroy(&m->backup, m->day.day, slot);
	return 0;
}

/** Of a day what no list has: an interrupted backup copied it, and then it was
 * deleted. */
static void
stray_day(struct store__making *m, const char *path)
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
strays_remove(struct store__making *m, const char *path, uint32_t date,
	      int depth)
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
old_remove(struct store__making *m)
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
follow(struct store__making *m, const struct store__manifest *manifest)
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
mark(struct store__making *m)
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
old_take(struct store__making *m)
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
copy_open(struct store__making *m)
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
journal_make(struct store__making *m)
{
	char path[STORE__BACKUP_PATH_BYTES];

	store__generation_path(path, m->generation, "deletions");
	return store__write_to(&m->backup, m->backup.dir_fd, path, "", 0);
}

static int
contents_take(struct store__making *m)
{
	char path[STORE__BACKUP_PATH_BYTES];
	int r = journal_make(m);

	if (r == 0)
		r = store__making_index(m);
	if (r == 0)
		r = store__making_small_files(m);
	if (r == 0)
		r = copy_open(m);
	if (r == 0)
		r = store_archive_policies(m->archive, store__making_policy, m);
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
manifest_write(struct store__making *m)
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
make(struct store__making *m)
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
	store__generations_tidy(&m->backup, &m->new);
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
	struct store__making *m = calloc(1, sizeof(*m));
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
