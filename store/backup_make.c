/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Making a backup, beside whoever writes the archive:
 *
 *   1. what was deleted since the last one is told to that (backup_follow.c)
 *   2. the index, in one read transaction: from here on this is what there is
 *   3. day by day: recordings that are new, synced; their keys, wrapped, and
 *      synced; the list of the day
 *   4. all of it synced; what was deleted meanwhile goes again
 *   5. the manifest, which makes it the backup; what only the last one needed
 *      goes
 *
 * Up to 5 the last one holds; from there on this one does, whatever fails.
 * Lists of days that were written before an interruption are gone by when it
 * goes on.
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

/** Has the archive a key there, as far as one can tell? */
static bool
slot_lives(const struct store__making *m, uint32_t day, uint32_t slot)
{
	struct store_sealed_key sealed;
	int r = store__keyring_look(m->archive, day, slot, &sealed);

	return r != STORE__SLOT_DESTROYED && r != -ENOENT;
}

enum { KEEP, LEAVE, DESTROY };

/** What becomes of what the last backup has, and what was met of it now.
 * @param new NULL: nothing @return KEEP, LEAVE, DESTROY; -errno */
static int
carried(const struct store__making *m, const struct store__kept *kept,
	const struct store__kept *new)
{
	struct store_segment row = { .scrubs = kept->scrubs };
	struct store_sealed_key sealed;
	int changed, r;

	if (new)
		return new->scrubs == kept->scrubs ? LEAVE : DESTROY;
	memcpy(row.id, kept->id, sizeof(row.id));
	changed = store__making_changed(m, &row);
	if (changed < 0)
		return changed;
	r = store__keyring_look(m->archive, kept->day, kept->slot, &sealed);
	/* Deleted, even if neither its row nor its certificate says that; or if
	 * its row does, and nobody else will: the keyring is lost. */
	if (r == STORE__SLOT_DESTROYED || (changed && r == -ENOENT))
		return DESTROY;
	return changed ? LEAVE : KEEP;
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
		const struct store__kept *kept = &m->before.kept[i];
		struct store__day_list met = m->day;

		met.count = count;
		r = carried(m, kept, store__day_find(&met, kept->id));
		if (r == DESTROY) {
			r = store__day_add(&m->gone, kept);
		} else if (r == KEEP) {
			m->new.recordings++;
			m->new.bytes += kept->bytes;
			r = store__day_add(&m->day, kept);
		} else if (r == LEAVE) {
			r = 0;
		}
	}
	return r;
}

/** The keys of the day. */
static int
wraps_write(struct store__making *m)
{
	const char *stuck = m->periods->stuck;
	int r =
	    store__wrap_all(m->periods, m->archive, m->wraps, m->wraps_count);

	if (r == 0 || !stuck[0])
		return r;
	store__making_tell(
	    m, STORE_BACKUP_DAMAGED, stuck,
	    "what has the name of this key of a period is of another backup, "
	    "or of a newer version of spanrec, or is no file: move it away");
	return -ENOTUNIQ;
}

static int
day_end(struct store__making *m)
{
	int r = carry_over(m);

	if (r == 0 && m->day_copied && syncfs(m->backup.dir_fd))
		r = -errno;
	if (r == 0)
		r = wraps_write(m);
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
	m->strays |= m->list_lost;
	if (r == -EBADMSG || r == -EIO) {
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

/** The backup has what the archive has lost. */
static bool
is_carried(const struct store__making *m, const struct store_segment *row)
{
	const struct store__kept *kept = store__day_find(&m->before, row->id);

	return kept && kept->slot == row->key_slot &&
	       kept->scrubs == row->scrubs &&
	       store__making_changed(m, row) == 0;
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
	/* Its key is of no use without it; the backup may have it. */
	if (r == 0 && m->wraps_count &&
	    m->wraps[m->wraps_count - 1].slot == row->key_slot &&
	    !is_carried(m, row))
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
	if (slot_lives(m, m->day.day, slot))
		return 0;
	(void)!store__wrapped_destroy(&m->backup, m->day.day, slot);
	return 0;
}

/** Of a day what no list has: an interrupted backup copied it, and then it was
 * deleted; or the list was lost. What the archive has a key of stays: perhaps
 * its row cannot be read. */
static void
stray_day(struct store__making *m, const char *path)
{
	int fd = openat(m->backup.dir_fd, path,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct dirent *entry;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' &&
		    !store__day_has_file(&m->day, entry->d_name) &&
		    !slot_lives(
			m, m->day.day,
			store__slot_of_file(fd, entry->d_name, m->day.day)))
			(void)unlinkat(fd, entry->d_name, 0);
	closedir(dir);
	(void)!store__wrapped_walk(&m->backup, m->day.day, stray_slot, m);
}

static int
strays_remove(void *ctx, uint32_t day, const char *path)
{
	struct store__making *m = ctx;

	if (store__day_read(&m->backup, &m->new, day, &m->day) == 0)
		stray_day(m, path);
	store__day_fini(&m->day);
	return 0;
}

/** In a folder: what this backup does not name. */
static void
unnamed_remove(struct store__making *m, const char *folder)
{
	int fd = openat(m->backup.dir_fd, folder,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char path[STORE__BACKUP_PATH_BYTES];
	struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' &&
		    snprintf(path, sizeof(path), "%s/%s", folder,
			     entry->d_name) < (int)sizeof(path) &&
		    !store__manifest_find(&m->new, path))
			(void)unlinkat(fd, entry->d_name, 0);
	if (dir)
		closedir(dir);
}

/** Of the last one, and of those that were interrupted or could not remove it:
 * their indexes, and keys of pseudonyms, are not to stay for ever. */
static void
leftovers_remove(struct store__making *m)
{
	int fd = openat(m->backup.dir_fd, ".",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	uint64_t generation;
	char *end;

	while (dir && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		generation = strtoull(entry->d_name, &end, 10);
		if (*end == '\0' && generation != m->new.generation)
			store__generation_remove(&m->backup, generation);
	}
	if (dir)
		closedir(dir);
	unnamed_remove(m, "days");
	unnamed_remove(m, "policy");
	store__periods_tidy(&m->backup);
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
	m->strays = m->resumed;
	fd = store__file_open(m->backup.dir_fd, RUNNING, O_WRONLY | O_CREAT);
	if (fd < 0)
		return fd;
	store__backup_own(&m->backup, fd);
	close(fd);
	return fsync(m->backup.dir_fd) ? -errno : 0;
}

static int
journal_make(struct store__making *m, uint64_t generation)
{
	char path[STORE__BACKUP_PATH_BYTES];

	store__generation_path(path, generation, "deletions");
	return store__write_to(&m->backup, m->backup.dir_fd, path, "", 0);
}

/** One that was lost is told again all that the ledger has. */
static int
journal_keep(struct store__making *m, uint64_t generation)
{
	char path[STORE__BACKUP_PATH_BYTES];

	store__generation_path(path, generation, "deletions");
	return faccessat(m->backup.dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) &&
		       errno == ENOENT
		   ? journal_make(m, generation)
		   : 0;
}

static int
old_take(struct store__making *m)
{
	int r = store__manifest_read(&m->backup, &m->old);

	/* The first, or nobody knows what the last one had. */
	m->strays |= r == -ENOENT;
	if (r == 0)
		r = store__follows(m->archive, &m->old);
	if (r == 0)
		r = journal_keep(m, m->old.generation);
	if (r == 0)
		r = follow(m, &m->old);
	if (m->old.generation == 0 && r == -ENOENT)
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

static int
contents_take(struct store__making *m)
{
	char path[STORE__BACKUP_PATH_BYTES];
	/* Empty: what comes now was deleted behind the ledger of its index. */
	int r = journal_make(m, m->generation);

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

/** What only the last one had, now that it holds no more. */
static int
gone_destroy(struct store__making *m)
{
	int r, error = 0;

	for (size_t i = 0; i < m->gone.count; i++) {
		r = store__kept_destroy(&m->backup, &m->gone.kept[i]);
		error = error ? error : r;
	}
	return error;
}

/** For the next one: what this one could not mend, and what a check beside it
 * noted, which may be of what it had looked at before. */
static int
noted_pass_on(struct store__making *m)
{
	struct store__noted now;
	int r = 0;

	store__noted_read(&m->backup, &now);
	for (size_t i = 0; r == 0 && i < now.count; i++)
		if (!store__noted_has(&m->noted, now.paths[i]))
			r = store__noted_add(&m->unmended, now.paths[i]);
	store__noted_fini(&now);
	return r ? r : store__noted_write(&m->backup, &m->unmended);
}

/** It holds. What fails from here on is done by the next one, which goes over
 * all folders if this one leaves its mark. */
static int
clear_up(struct store__making *m)
{
	int r, error;

	leftovers_remove(m);
	error = gone_destroy(m);
	/* What was told to the last one in the moment before. */
	r = follow(m, &m->new);
	error = error ? error : r;
	(void)!noted_pass_on(m);
	if (m->strays)
		(void)!store__audio_days(m->backup.dir_fd, strays_remove, m);
	if (syncfs(m->backup.dir_fd) && !error)
		error = -errno;
	if (error == 0)
		(void)unlinkat(m->backup.dir_fd, RUNNING, 0);
	return error;
}

static int
make(struct store__making *m)
{
	int r = store__backup_lock(&m->backup);

	if (r == 0)
		r = mark(m);
	if (r == 0)
		r = old_take(m);
	store__noted_read(&m->backup, &m->noted);
	if (r == 0)
		store__generation_remove(&m->backup, m->generation);
	if (r == 0)
		r = contents_take(m);
	if (r == 0)
		r = manifest_write(m);
	if (r)
		return r;
	m->result->generation = m->new.generation;
	m->result->recordings = m->new.recordings;
	m->result->bytes = m->new.bytes;
	m->result->open = m->new.open;
	m->result->made_ns = m->new.made_ns;
	store__backup_step(&m->backup, 8);
	m->result->unfinished = clear_up(m);
	return 0;
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
	r = store__backup_create(config, archive);
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
	store__day_fini(&m->gone);
	store__manifest_fini(&m->old);
	store__manifest_fini(&m->new);
	store__backup_close(&m->backup);
	store__noted_fini(&m->noted);
	store__noted_fini(&m->unmended);
	free(m->wraps);
	free(m);
	return r;
}
