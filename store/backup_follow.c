/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What was deleted since a backup was made. The ledger knows of every deletion,
 * and the journal of the backup up to which entry it was told: so nothing has
 * to be remembered elsewhere while the backup cannot be reached.
 *
 *   1. what the ledger has of deletions, behind the last entry of the journal,
 *      into the journal, synced
 *   2. of each what the backup has: slot overwritten, file unlinked
 *   3. into the journal that this was done, synced; also where somebody was
 *      stopped before, and there is nothing new
 *   4. periods that are over: backup_keys.c
 *
 * Each step is safe to repeat. Whoever makes an archive of the backup reads the
 * journal, so after 1 nothing of it comes back.
 *
 * What the backup has of a recording, the list of its day says. Where that
 * cannot be read, the files of the day say it: their names, and in their
 * headers their slots. And the certificate says which key went, whatever was
 * lost. What cannot be done for one deletion keeps neither the others nor the
 * periods; it is done again the next time, since 3 waits for all of them.
 *
 * An archive that was made of a backup goes on with a ledger of its own.
 * Entries of the journal have a part of the hash of theirs, and where the
 * ledger does not have that, it is told anew from the backup on.
 */
#include "store/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/backup_priv.h"

#define VERSION      2
#define ID_AT        24
#define HASH_AT      64
#define SCRUBS_AT    80
#define KEY_DAY_AT   84
#define KEY_SLOT_AT  88
#define CHECK_BYTES  16
#define CHECK_AT     (STORE__DELETION_BYTES - CHECK_BYTES)
#define JOURNAL_MOST ((off_t)1 << 34)
/* So many without a deletion are noted, so that they are not read again. */
#define NOTED_AFTER 10000
/* So often a new backup may take the place of the one that is followed. */
#define MANIFEST_TRIES 3

static const uint8_t magic[4] = "SDEL";

/* ---- entries of the journal --------------------------------------------- */

void
store__deletion_encode(uint8_t bytes[STORE__DELETION_BYTES],
		       const struct store__deletion *d)
{
	memset(bytes, 0, STORE__DELETION_BYTES);
	memcpy(bytes, magic, sizeof(magic));
	bytes[4] = VERSION;
	bytes[5] = (uint8_t)d->kind;
	store__le_put(bytes + 8, d->number, 8);
	store__le_put(bytes + 16, (uint64_t)d->time_ns, 8);
	memcpy(bytes + ID_AT, d->id, sizeof(d->id));
	memcpy(bytes + HASH_AT, d->hash, sizeof(d->hash));
	store__le_put(bytes + SCRUBS_AT, d->scrubs, 4);
	store__le_put(bytes + KEY_DAY_AT, d->key_day, 4);
	store__le_put(bytes + KEY_SLOT_AT, d->key_slot, 4);
	crypto_generichash(bytes + CHECK_AT, CHECK_BYTES, bytes, CHECK_AT, NULL,
			   0);
}

int
store__deletion_decode(struct store__deletion *d,
		       const uint8_t bytes[STORE__DELETION_BYTES])
{
	uint8_t check[CHECK_BYTES];
	char call[STORE_CALL_ID_BYTES];
	uint32_t segment;

	crypto_generichash(check, CHECK_BYTES, bytes, CHECK_AT, NULL, 0);
	if (memcmp(check, bytes + CHECK_AT, CHECK_BYTES) != 0 ||
	    memcmp(bytes, magic, sizeof(magic)) != 0 || bytes[4] != VERSION ||
	    bytes[5] < STORE__DELETED || bytes[5] > STORE__FOLLOWED ||
	    bytes[ID_AT + sizeof(d->id) - 1])
		return -EBADMSG;
	d->kind = bytes[5];
	d->number = store__le_get(bytes + 8, 8);
	d->time_ns = (int64_t)store__le_get(bytes + 16, 8);
	memcpy(d->id, bytes + ID_AT, sizeof(d->id));
	memcpy(d->hash, bytes + HASH_AT, sizeof(d->hash));
	d->scrubs = (uint32_t)store__le_get(bytes + SCRUBS_AT, 4);
	d->key_day = (uint32_t)store__le_get(bytes + KEY_DAY_AT, 4);
	d->key_slot = (uint32_t)store__le_get(bytes + KEY_SLOT_AT, 4);
	if (d->kind != STORE__FOLLOWED &&
	    store__segment_id_parse(d->id, call, &segment))
		return -EBADMSG;
	return 0;
}

/**
 * What a power cut left of entries that were appended together may have holes;
 * what was noted as done has none.
 *
 * @param bytes [n] @return 0, -ENOMEM
 */
static int
journal_parse(struct store__journal *journal, const uint8_t *bytes, size_t n)
{
	const size_t count = n / STORE__DELETION_BYTES;
	struct store__deletion *next;
	bool holes = false;

	journal->list = calloc(count + 1, sizeof(*journal->list));
	if (!journal->list)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		next = &journal->list[journal->count];
		if (store__deletion_decode(next,
					   bytes + i * STORE__DELETION_BYTES)) {
			holes = true;
			continue;
		}
		journal->damaged |= holes && next->kind == STORE__FOLLOWED;
		journal->count++;
		if (!holes) {
			journal->whole++;
			journal->good_bytes += STORE__DELETION_BYTES;
		}
	}
	return 0;
}

static int
journal_take(int fd, struct store__journal *journal)
{
	uint8_t *bytes = NULL;
	struct stat st;
	int r = fstat(fd, &st) ? -errno : 0;

	if (r == 0 && st.st_size > JOURNAL_MOST)
		r = -EBADMSG;
	if (r == 0) {
		bytes = malloc((size_t)st.st_size + 1);
		r = bytes ? store__pread(fd, bytes, (size_t)st.st_size, 0)
			  : -ENOMEM;
	}
	if (r == 0)
		r = journal_parse(journal, bytes, (size_t)st.st_size);
	free(bytes);
	if (r)
		store__journal_fini(journal);
	return r;
}

int
store__journal_read(const struct store__backup *backup, uint64_t generation,
		    struct store__journal *journal)
{
	char path[STORE__BACKUP_PATH_BYTES];
	int fd, r;

	*journal = (struct store__journal){ 0 };
	store__generation_path(path, generation, "deletions");
	fd = store__file_open(backup->dir_fd, path, O_RDONLY);
	if (fd < 0)
		return fd == -ENOENT ? -EBADMSG : fd;
	r = journal_take(fd, journal);
	close(fd);
	if (r == 0 && journal->damaged) {
		store__journal_fini(journal);
		r = -EBADMSG;
	}
	return r;
}

void
store__journal_fini(struct store__journal *journal)
{
	free(journal->list);
	*journal = (struct store__journal){ 0 };
}

int
store__deletion_compare(const void *a, const void *b)
{
	const struct store__deletion *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return memcmp(x->hash, y->hash, sizeof(x->hash));
}

static int
id_compare(const void *a, const void *b)
{
	const struct store__deletion *x = a, *y = b;

	return strcmp(x->id, y->id);
}

void
store__journal_sort(struct store__journal *journal)
{
	if (journal->count)
		qsort(journal->list, journal->count, sizeof(*journal->list),
		      id_compare);
}

bool
store__journal_means(const struct store__journal *journal,
		     const struct store__kept *kept)
{
	struct store__deletion key = { .number = 0 };
	const struct store__deletion *found, *end;

	if (!journal->count)
		return false;
	memcpy(key.id, kept->id, sizeof(key.id));
	found = bsearch(&key, journal->list, journal->count, sizeof(key),
			id_compare);
	if (!found)
		return false;
	/* There may be several of it, in no order. */
	end = journal->list + journal->count;
	while (found > journal->list && strcmp(found[-1].id, key.id) == 0)
		found--;
	for (; found < end && strcmp(found->id, key.id) == 0; found++)
		if (store__deletion_means(found, kept))
			return true;
	return false;
}

/* ---- following ---------------------------------------------------------- */

struct following {
	struct store__backup *backup;
	const struct store_archive *archive;
	const struct store__manifest *manifest;
	struct store_backup_result *result;
	int fd;                      /**< of the journal, locked */
	uint64_t from;               /**< entries behind this one */
	struct store__deletion last; /**< entry read last, or that one */
	struct store__deletion *news;
	size_t count, room;
	uint64_t resumed;           /**< it was told of these before */
	struct store__journal told; /**< ... all of them, where it is damaged */
	struct store__day_list day; /**< read last */
	bool day_read, day_lost;    /**< it was; it is made of the files */
	bool mend;                  /**< the journal is damaged */
	int error;                  /**< the first that kept something */
};

static void
keep_error(struct following *f, int r)
{
	if (r && !f->error)
		f->error = r;
}

static int
news_add(struct following *f, const struct store__deletion *deletion)
{
	size_t room = f->room ? 2 * f->room : 64;
	void *grown;

	if (f->count == f->room) {
		grown = reallocarray(f->news, room, sizeof(*f->news));
		if (!grown)
			return -ENOMEM;
		f->news = grown;
		f->room = room;
	}
	f->news[f->count++] = *deletion;
	return 0;
}

/** Is there still a note of what was purged? One that left none is to leave
 * none in an archive of the backup either. */
static void
kind_find(const struct following *f, MDB_txn *txn, const char *action,
	  struct store__deletion *deletion)
{
	struct store_segment row = { .scrubs = UINT32_MAX };
	int r = store__row_get(f->archive, txn, deletion->id, &row);

	if (strcmp(action, "scrub") == 0) {
		deletion->kind = STORE__SCRUBBED;
		deletion->scrubs = r ? UINT32_MAX : row.scrubs;
	} else {
		deletion->kind =
		    r == -ENOENT ? STORE__FORGOTTEN : STORE__DELETED;
		deletion->scrubs = r ? 0 : row.scrubs;
	}
}

bool
store__deletion_means(const struct store__deletion *deletion,
		      const struct store__kept *kept)
{
	if (deletion->kind != STORE__SCRUBBED)
		return deletion->kind == STORE__DELETED ||
		       deletion->kind == STORE__FORGOTTEN;
	/* Its row could not be read: that of this key, and no newer one. */
	if (deletion->scrubs == UINT32_MAX && deletion->key_day)
		return kept->day == deletion->key_day &&
		       kept->slot == deletion->key_slot;
	return kept->scrubs < deletion->scrubs;
}

static bool
was_told(const struct following *f, const struct store__deletion *deletion)
{
	return f->told.count &&
	       bsearch(deletion, f->told.list, f->told.count, sizeof(*deletion),
		       store__deletion_compare);
}

static int
entry_take(void *ctx, MDB_txn *txn, const struct store_ledger_entry *entry)
{
	struct following *f = ctx;
	struct store__deletion deletion = { .number = entry->number,
					    .time_ns = entry->time_ns };
	char call[STORE_CALL_ID_BYTES];
	uint32_t segment;

	memcpy(deletion.hash, entry->hash, sizeof(deletion.hash));
	f->last = deletion;
	if ((strcmp(entry->action, "purge") != 0 &&
	     strcmp(entry->action, "scrub") != 0) ||
	    store__segment_id_parse(entry->subject, call, &segment) ||
	    was_told(f, &deletion))
		return 0;
	memcpy(deletion.id, entry->subject, sizeof(deletion.id));
	kind_find(f, txn, entry->action, &deletion);
	if (!store__certificate_key(entry, &deletion.key_day,
				    &deletion.key_slot))
		deletion.key_day = deletion.key_slot = 0;
	return news_add(f, &deletion);
}

/* ---- what the backup has of it ------------------------------------------ */

static int
file_unlink(const struct store__backup *backup, uint32_t day, const char *id,
	    uint32_t scrubs)
{
	char path[STORE__PATH_BYTES];

	store__recording_path(path, day, id, scrubs);
	if (unlinkat(backup->dir_fd, path, 0) && errno != ENOENT)
		return -errno;
	return 0;
}

int
store__kept_destroy(const struct store__backup *backup,
		    const struct store__kept *kept)
{
	int r = store__wrapped_destroy(backup, kept->day, kept->slot);
	int unlinked = file_unlink(backup, kept->day, kept->id, kept->scrubs);

	return r && r != -ENOKEY ? r : unlinked;
}

uint32_t
store__slot_of_file(int dir_fd, const char *name, uint32_t day)
{
	uint8_t bytes[STORE__HEADER_BYTES];
	char id[STORE_SEGMENT_ID_BYTES];
	struct store__header header;
	uint32_t scrubs;
	int fd = store__file_open(dir_fd, name, O_RDONLY), r;

	if (fd < 0)
		return STORE__SLOT_UNKNOWN;
	r = store__pread(fd, bytes, sizeof(bytes), 0);
	close(fd);
	if (r == 0)
		r = store__header_decode(&header, bytes);
	if (r || store__recording_name_parse(name, id, &scrubs) ||
	    header.key_day != day || strcmp(header.id, id) != 0)
		return STORE__SLOT_UNKNOWN;
	return header.key_slot;
}

/** @return 0; -errno: the folder cannot be read */
static int
files_list(struct following *f, int dir_fd, DIR *dir)
{
	struct store__kept kept = { .day = f->day.day };
	struct dirent *entry;
	int r = 0;

	errno = 0;
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		if (store__recording_name_parse(entry->d_name, kept.id,
						&kept.scrubs) == 0) {
			kept.slot = store__slot_of_file(dir_fd, entry->d_name,
							kept.day);
			r = store__day_add(&f->day, &kept);
		}
		errno = 0;
	}
	store__day_sort(&f->day);
	return r ? r : -errno;
}

/** The list of a day made of its files. Those of an interrupted backup are
 * among them, so there may be several of one recording. */
static int
files_read(struct following *f, uint32_t day)
{
	char path[STORE__PATH_BYTES];
	int fd, r;
	DIR *dir;

	store__recording_path(path, day, "x", 0);
	*strrchr(path, '/') = '\0';
	f->day = (struct store__day_list){ .day = day };
	fd = openat(f->backup->dir_fd, path,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	r = files_list(f, fd, dir);
	closedir(dir);
	return r;
}

/** What the backup has of a day, into f->day. */
static int
day_take(struct following *f, uint32_t day)
{
	int r;

	if (f->day_read && f->day.day == day)
		return 0;
	store__day_fini(&f->day);
	r = store__day_read(f->backup, f->manifest, day, &f->day);
	f->day_lost = r != 0;
	if (r) {
		store__day_fini(&f->day);
		r = files_read(f, day);
	}
	f->day_read = r == 0;
	return r;
}

/** "20190328T..." */
static uint32_t
day_of_id(const char *id)
{
	char words[9];

	snprintf(words, sizeof(words), "%.8s", id);
	return (uint32_t)strtoul(words, NULL, 10);
}

/** What the day has of it: list, or files. */
static void
listed_destroy(struct following *f, const struct store__deletion *deletion)
{
	const struct store__kept *kept, *end;

	kept = store__day_find(&f->day, deletion->id);
	if (!kept)
		return;
	end = f->day.kept + f->day.count;
	while (kept > f->day.kept && strcmp(kept[-1].id, deletion->id) == 0)
		kept--;
	for (; kept < end && strcmp(kept->id, deletion->id) == 0; kept++)
		if (store__deletion_means(deletion, kept))
			keep_error(f, store__kept_destroy(f->backup, kept));
}

/** What its certificate says, since an interrupted backup may have of it what
 * no list has. Of what was there before a scrub the file is not named, and goes
 * with what is stray. */
static void
certified_destroy(struct following *f, const struct store__deletion *deletion)
{
	struct store__kept kept = { .day = deletion->key_day,
				    .slot = deletion->key_slot,
				    .scrubs = deletion->scrubs };
	int r;

	if (!deletion->key_day)
		return;
	memcpy(kept.id, deletion->id, sizeof(kept.id));
	if (deletion->kind != STORE__SCRUBBED) {
		keep_error(f, store__kept_destroy(f->backup, &kept));
		return;
	}
	r = store__wrapped_destroy(f->backup, kept.day, kept.slot);
	if (r != -ENOKEY)
		keep_error(f, r);
}

static void
destroy(struct following *f, const struct store__deletion *deletion)
{
	int r;

	if (deletion->kind == STORE__FOLLOWED)
		return;
	r = day_take(f, day_of_id(deletion->id));
	keep_error(f, r);
	if (f->day_lost)
		f->result->unlisted++;
	if (r == 0)
		listed_destroy(f, deletion);
	certified_destroy(f, deletion);
	store__backup_step(f->backup, 5);
}

/* ---- the journal -------------------------------------------------------- */

/** Whole, or nothing of it. */
static int
append(struct following *f, const struct store__deletion *list, size_t count)
{
	uint8_t bytes[STORE__DELETION_BYTES];
	uint64_t begin, at;
	struct stat st;
	int r = 0;

	if (fstat(f->fd, &st))
		return -errno;
	/* One cut short is written over. */
	begin = (uint64_t)st.st_size / sizeof(bytes) * sizeof(bytes);
	at = begin;
	for (size_t i = 0; r == 0 && i < count; i++) {
		store__deletion_encode(bytes, &list[i]);
		r = store__pwrite(f->fd, bytes, sizeof(bytes), at);
		at += sizeof(bytes);
	}
	if (r == 0 && fdatasync(f->fd))
		r = -errno;
	if (r)
		(void)!ftruncate(f->fd, (off_t)begin);
	return r;
}

/** Behind which entry of the ledger it goes on: the last of the journal, if the
 * ledger has that; else the one that the manifest names. */
static void
from_find(struct following *f, const struct store__journal *journal)
{
	const struct store__deletion *last = NULL;

	f->last.number = f->manifest->ledger;
	memcpy(f->last.hash, f->manifest->ledger_hash, sizeof(f->last.hash));
	if (journal->whole && !f->mend)
		last = &journal->list[journal->whole - 1];
	if (last && store__ledger_has(f->archive, last)) {
		f->last.number = last->number;
		f->last.time_ns = last->time_ns;
		memcpy(f->last.hash, last->hash, sizeof(f->last.hash));
	}
	f->from = f->last.number;
}

/** Of deletions alone, in the order of store__deletion_compare. */
static void
told_keep(struct following *f, struct store__journal *journal)
{
	size_t count = 0;

	for (size_t i = 0; i < journal->count; i++)
		if (journal->list[i].kind != STORE__FOLLOWED)
			journal->list[count++] = journal->list[i];
	journal->count = count;
	if (count)
		qsort(journal->list, count, sizeof(*journal->list),
		      store__deletion_compare);
	f->told = *journal;
	*journal = (struct store__journal){ 0 };
}

/**
 * What was told and perhaps not done yet: behind the last note that it was. In
 * one that is damaged, nobody knows behind which; what was lost of it is told
 * anew by the ledger.
 */
static int
journal_resume(struct following *f)
{
	struct store__journal journal = { 0 };
	int r = journal_take(f->fd, &journal);

	if (r)
		return r;
	f->mend = journal.damaged;
	if (!f->mend && ftruncate(f->fd, (off_t)journal.good_bytes))
		r = -errno;
	for (size_t i = journal.count; r == 0 && i > 0; i--) {
		const struct store__deletion *deletion = &journal.list[i - 1];

		if (deletion->kind == STORE__FOLLOWED && !f->mend)
			break;
		destroy(f, deletion);
		f->resumed += deletion->kind != STORE__FOLLOWED;
	}
	from_find(f, &journal);
	if (f->mend)
		told_keep(f, &journal);
	store__journal_fini(&journal);
	return r;
}

/** All that it had is done, and what was lost of it is told again: in place of
 * that its neighbour stands twice, and it counts as whole. */
static int
journal_mend(struct following *f)
{
	uint8_t bytes[STORE__DELETION_BYTES], sound[STORE__DELETION_BYTES];
	struct store__deletion deletion;
	uint64_t at = 0, holes = 0;
	int r = 0, found = 0;

	for (; r == 0; at += sizeof(bytes)) {
		r = store__pread(f->fd, bytes, sizeof(bytes), at);
		if (r)
			break;
		if (store__deletion_decode(&deletion, bytes) == 0) {
			memcpy(sound, bytes, sizeof(sound));
			found = 1;
			for (; holes; holes--)
				r = store__pwrite(f->fd, sound, sizeof(sound),
						  at - holes * sizeof(sound));
		} else if (found) {
			r = store__pwrite(f->fd, sound, sizeof(sound), at);
		} else {
			holes++;
		}
	}
	if (r == -ENODATA)
		r = 0;
	return r == 0 && fdatasync(f->fd) ? -errno : r;
}

static void
followed(struct following *f)
{
	struct store__deletion done;
	int written = 0;

	/* What could be read is told. */
	keep_error(f, store__ledger_from(f->archive, f->from + 1, false,
					 entry_take, f));
	if (f->count)
		written = append(f, f->news, f->count);
	store__backup_step(f->backup, 4);
	for (size_t i = 0; i < f->count; i++)
		destroy(f, &f->news[i]);
	if ((f->count || f->resumed) && syncfs(f->backup->dir_fd))
		keep_error(f, -errno);
	/* On a disk that was full there is room now. */
	if (written)
		written = append(f, f->news, f->count);
	keep_error(f, written);
	if (written == 0)
		f->result->deletions += f->count;
	if (f->error == 0 && f->mend) {
		keep_error(f, journal_mend(f));
		f->result->mended += f->error == 0;
	}
	done = f->last;
	done.kind = STORE__FOLLOWED;
	if (f->error == 0 &&
	    (f->count || f->resumed || done.number > f->from + NOTED_AFTER))
		keep_error(f, append(f, &done, 1));
}

static int
follow_locked(struct following *f)
{
	int r;

	if (flock(f->fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	r = journal_resume(f);
	if (r)
		return r;
	followed(f);
	return f->error;
}

int
store__follow(struct store__backup *backup, const struct store_archive *archive,
	      const struct store__manifest *manifest, int64_t now_ns,
	      struct store_backup_result *result)
{
	struct following f = { .backup = backup,
			       .archive = archive,
			       .manifest = manifest,
			       .result = result };
	char path[STORE__BACKUP_PATH_BYTES];
	int r;

	store__generation_path(path, manifest->generation, "deletions");
	f.fd = store__file_open(backup->dir_fd, path, O_RDWR);
	r = f.fd == -ENOENT ? -EBADMSG : f.fd;
	if (f.fd >= 0) {
		r = follow_locked(&f);
		close(f.fd);
	}
	free(f.news);
	store__journal_fini(&f.told);
	store__day_fini(&f.day);
	if (r != -EBUSY && backup->periods_fd >= 0)
		store__periods_tend(backup, archive, now_ns, result);
	return r;
}

/** Only the keys of periods can be reached. */
static int
follow_periods(struct store_archive *archive, const char *path, int64_t now_ns,
	       struct store_backup_result *result)
{
	struct store__backup backup;
	int r = store__backup_open(&backup, path, path);

	if (r)
		return r;
	close(backup.dir_fd);
	backup.dir_fd = -1;
	memcpy(result->periods, backup.periods, sizeof(result->periods));
	if (backup.periods_fd < 0)
		r = -ENOENT;
	else
		store__periods_tend(&backup, archive, now_ns, result);
	store__backup_close(&backup);
	return r;
}

/** @return as store_backup_follow; -EAGAIN: meanwhile there is a newer one, and
 * what this one had may be gone for that */
static int
follow_one(struct store__backup *backup, const struct store_archive *archive,
	   int64_t now_ns, struct store_backup_result *result)
{
	struct store__manifest manifest = { 0 }, newer = { 0 };
	int r = store__manifest_read(backup, &manifest);

	if (r == 0)
		r = store__follows(archive, &manifest);
	if (r == 0)
		r = store__follow(backup, archive, &manifest, now_ns, result);
	if ((r || result->unlisted) &&
	    store__manifest_read(backup, &newer) == 0 &&
	    newer.generation > manifest.generation && manifest.generation)
		r = -EAGAIN;
	store__manifest_fini(&manifest);
	store__manifest_fini(&newer);
	return r;
}

int
store_backup_follow(struct store_archive *archive, const char *dir,
		    const char *periods, int64_t now_ns,
		    struct store_backup_result *result)
{
	struct store__backup backup;
	int r;

	memset(result, 0, sizeof(*result));
	if (!dir)
		return follow_periods(archive, periods, now_ns, result);
	r = store__backup_open(&backup, dir, periods);
	if (r)
		return r;
	memcpy(result->periods, backup.periods, sizeof(result->periods));
	r = -EAGAIN;
	for (int i = 0; r == -EAGAIN && i < MANIFEST_TRIES; i++) {
		result->unlisted = 0;
		r = follow_one(&backup, archive, now_ns, result);
	}
	store__backup_close(&backup);
	return r;
}
