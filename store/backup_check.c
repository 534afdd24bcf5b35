/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is a backup whole? Every byte of it is read and held against the hashes that
 * were noted when it was written, and every key is opened with that of its
 * period. What it holds can be proved by that without the private key.
 */
#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/backup_priv.h"

struct checking {
	const struct store__backup *backup;
	const struct store_backup_watch *watch;
	struct store_backup_result *result;
	struct store__periods *periods;
	struct store__manifest manifest;
	struct store__journal journal;
	int64_t now_ns;
	uint64_t done;
};

static void
tell(struct checking *c, enum store_backup_news news, const char *name,
     const char *words)
{
	if (news == STORE_BACKUP_DAMAGED)
		c->result->damaged++;
	if (news == STORE_BACKUP_GONE)
		c->result->gone++;
	if (c->watch && c->watch->tell)
		c->watch->tell(c->watch->ctx, news, name, words);
}

static void
progress(struct checking *c, uint64_t bytes)
{
	c->done += bytes;
	if (c->watch && c->watch->progress)
		c->watch->progress(c->watch->ctx, c->done, c->manifest.bytes);
}

/** @return 0: it is told, if it is not what it was; negative errno: nothing
 * can be read any more */
static int
file_check(struct checking *c, const char *path, const char *name,
	   uint64_t bytes, const uint8_t hash[STORE_HASH_BYTES])
{
	uint8_t found[STORE_HASH_BYTES];
	uint64_t found_bytes = 0;
	int r, fd = store__file_open(c->backup->dir_fd, path, O_RDONLY);

	if (fd < 0 && store__error_is_ours(fd))
		return fd;
	if (fd < 0) {
		tell(c, STORE_BACKUP_DAMAGED, name,
		     fd == -ENOENT ? "its file is not there"
				   : "its file cannot be opened");
		return 0;
	}
	r = store__hash_file(fd, &found_bytes, found);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
	progress(c, found_bytes);
	if (r == -ENOMEM)
		return r;
	if (r)
		tell(c, STORE_BACKUP_DAMAGED, name, "its file cannot be read");
	else if (found_bytes != bytes)
		tell(c, STORE_BACKUP_DAMAGED, name,
		     found_bytes < bytes ? "its file is cut short"
					 : "its file is longer than it was");
	else if (memcmp(found, hash, STORE_HASH_BYTES) != 0)
		tell(c, STORE_BACKUP_DAMAGED, name,
		     "its file is not what was written");
	return 0;
}

/** @return false: there is nothing in its file that anybody could open */
static bool
key_check(struct checking *c, const struct store__kept *kept)
{
	struct store_sealed_key sealed;
	struct store__wrapped wrapped = { .period = 0 };
	int r = store__wrapped_read(c->backup, kept->day, kept->slot, &wrapped);

	if (r == 0)
		r = store__unwrap(c->periods, kept->day, kept->slot, &wrapped,
				  &sealed);
	if (r == -ENOENT && store__period_end(wrapped.period) <= c->now_ns) {
		tell(c, STORE_BACKUP_GONE, kept->id,
		     "its period is over, and the key of that was destroyed");
		return false;
	}
	if (r == -ENOENT)
		tell(c, STORE_BACKUP_DAMAGED, kept->id,
		     c->backup->periods_fd < 0
			 ? "the folder with the keys of periods is not there"
			 : "the key of its period is not there");
	else if (r)
		tell(c, STORE_BACKUP_DAMAGED, kept->id,
		     r == -ENOKEY ? "its key is not there"
				  : "its key is damaged");
	return r == 0;
}

static int
kept_check(struct checking *c, const struct store__kept *kept)
{
	char path[STORE__PATH_BYTES];

	if (store__journal_means(&c->journal, kept))
		return 0;
	c->result->recordings++;
	c->result->bytes += kept->bytes;
	if (!key_check(c, kept))
		return 0;
	store__recording_path(path, kept->day, kept->id, kept->scrubs);
	return file_check(c, path, kept->id, kept->bytes, kept->hash);
}

static int
day_check(struct checking *c, uint32_t day)
{
	struct store__day_list list;
	int r = store__day_read(c->backup, &c->manifest, day, &list);

	/* Its file is told by itself. */
	if (r == -EBADMSG || r == -EIO)
		return 0;
	for (size_t i = 0; r == 0 && i < list.count; i++)
		r = kept_check(c, &list.kept[i]);
	store__day_fini(&list);
	return r;
}

static int
check(struct checking *c)
{
	uint32_t day;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->manifest.count; i++) {
		const struct store__listed *file = &c->manifest.files[i];

		r = file_check(c, file->path, file->path, file->bytes,
			       file->hash);
		if (r == 0 && store__day_path_parse(file->path, &day))
			r = day_check(c, day);
	}
	return r;
}

int
store_backup_check(const char *dir, const char *periods, int64_t now_ns,
		   const struct store_backup_watch *watch,
		   struct store_backup_result *result)
{
	struct checking c = { .watch = watch,
			      .result = result,
			      .now_ns = now_ns };
	struct store__backup backup;
	int r = store__backup_open(&backup, dir, periods);

	memset(result, 0, sizeof(*result));
	if (r)
		return r;
	c.backup = &backup;
	c.periods = store__periods_new(&backup);
	r = c.periods ? store__manifest_read(&backup, &c.manifest) : -ENOMEM;
	if (r == 0)
		r = store__journal_read(&backup, c.manifest.generation,
					&c.journal);
	if (r == 0) {
		store__journal_sort(&c.journal);
		result->generation = c.manifest.generation;
		result->made_ns = c.manifest.made_ns;
		result->open = c.manifest.open;
		r = check(&c);
	}
	store__journal_fini(&c.journal);
	store__manifest_fini(&c.manifest);
	store__periods_free(&c.periods);
	store__backup_close(&backup);
	return r;
}
