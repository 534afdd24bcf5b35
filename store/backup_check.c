/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is a backup whole? Every byte of it is read and held against the hashes that
 * were noted when it was written, and every key is opened with that of its
 * period. What it holds can be proved by that without the private key. Files
 * that are damaged are noted in it, for the next backup.
 *
 * Where another backup takes its place meanwhile, that one is checked; what
 * both have, days that are as they were, is not read again.
 */
#include "store/backup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/backup_priv.h"

/* So often another backup may be finished before one was checked. */
#define CHECK_TRIES 20

/** A file of the manifest that was looked at; of a list, with what it lists. */
struct passed {
	struct store__listed file;
	struct store_backup_result counts;
};

struct checking {
	struct store__reading reading;
	struct store__noted noted;
	struct passed *passed; /**< [count] */
	size_t count, room;
};

/** @return as store__reading_file */
static int
file_check(struct checking *c, const struct store__wanted *wanted)
{
	int r = store__reading_file(&c->reading, wanted, -1, NULL);

	store__reading_progress(&c->reading, wanted->file.bytes);
	if (r != STORE__READ_DAMAGED)
		return r;
	r = store__noted_add(&c->noted, wanted->file.path);
	return r ? r : STORE__READ_DAMAGED;
}

static int
kept_check(struct checking *c, const struct store__kept *kept)
{
	const struct store__wanted wanted = store__wanted_of(kept);
	struct store_backup_result *result = c->reading.result;
	int r;

	if (store__journal_means(&c->reading.journal, kept))
		return 0;
	result->recordings++;
	result->bytes += kept->bytes;
	r = store__reading_key(&c->reading, kept, NULL);
	/* There is nothing in its file that anybody could open; but where the
	 * key is damaged, that is made anew, and needs the file. */
	if (r == STORE__READ_SOUND || r == STORE__READ_DAMAGED)
		r = file_check(c, &wanted);
	return r < 0 ? r : 0;
}

static int
day_check(struct checking *c, uint32_t day)
{
	struct store__day_list list;
	int r = store__day_read(&c->reading.backup, &c->reading.manifest, day,
				&list);

	/* Its file was told by itself, unless it has gone since. */
	if (r == -EBADMSG || r == -EIO)
		return store__reading_again(&c->reading);
	for (size_t i = 0; r == 0 && i < list.count; i++)
		r = kept_check(c, &list.kept[i]);
	store__day_fini(&list);
	return r;
}

static const struct passed *
passed_find(const struct checking *c, const struct store__listed *file)
{
	for (size_t i = 0; i < c->count; i++)
		if (strcmp(c->passed[i].file.path, file->path) == 0 &&
		    memcmp(c->passed[i].file.hash, file->hash,
			   sizeof(file->hash)) == 0)
			return &c->passed[i];
	return NULL;
}

/** @param before what was counted before it */
static int
passed_add(struct checking *c, const struct store__listed *file,
	   const struct store_backup_result *before)
{
	const struct store_backup_result *after = c->reading.result;
	size_t room = c->room ? 2 * c->room : 64;
	struct passed *passed;
	void *grown;

	if (c->count == c->room) {
		grown = reallocarray(c->passed, room, sizeof(*c->passed));
		if (!grown)
			return -ENOMEM;
		c->passed = grown;
		c->room = room;
	}
	passed = &c->passed[c->count++];
	*passed = (struct passed){ .file = *file };
	passed->counts.recordings = after->recordings - before->recordings;
	passed->counts.bytes = after->bytes - before->bytes;
	passed->counts.damaged = after->damaged - before->damaged;
	passed->counts.gone = after->gone - before->gone;
	return 0;
}

static int
listed_check(struct checking *c, const struct store__listed *file)
{
	const struct store__wanted wanted = { .file = *file,
					      .name = file->path };
	struct store_backup_result *result = c->reading.result;
	const struct store_backup_result before = *result;
	const struct passed *passed = passed_find(c, file);
	uint32_t day;
	int r;

	if (passed) {
		result->recordings += passed->counts.recordings;
		result->bytes += passed->counts.bytes;
		result->damaged += passed->counts.damaged;
		result->gone += passed->counts.gone;
		store__reading_progress(&c->reading, passed->counts.bytes);
		return 0;
	}
	r = file_check(c, &wanted);
	if (r >= 0)
		r = store__day_path_parse(file->path, &day) ? day_check(c, day)
							    : 0;
	return r ? r : passed_add(c, file, &before);
}

/** @return 0; -EAGAIN: another backup took its place; -errno */
static int
check(struct checking *c)
{
	struct store_backup_result *result = c->reading.result;
	const struct store__manifest *manifest = &c->reading.manifest;
	int r = store__reading_begin(&c->reading);

	result->recordings = result->bytes = 0;
	result->damaged = result->gone = 0;
	for (size_t i = 0; r == 0 && i < manifest->count; i++)
		r = listed_check(c, &manifest->files[i]);
	return r;
}

/** For the next backup, beside what that knows already. A medium that cannot be
 * written is checked all the same. */
static int
note(struct checking *c)
{
	const struct store__backup *backup = &c->reading.backup;
	struct store__noted all;
	int r = 0;

	if (!c->noted.count)
		return 0;
	store__noted_read(backup, &all);
	for (size_t i = 0; r == 0 && i < c->noted.count; i++)
		r = store__noted_add(&all, c->noted.paths[i]);
	if (r == 0 && store__noted_write(backup, &all))
		store__reading_tell(
		    &c->reading, STORE_BACKUP_NOTE, "damaged",
		    "this file cannot be written, so that the next backup "
		    "does not know what it has to copy anew");
	store__noted_fini(&all);
	return r;
}

int
store_backup_check(const char *dir, const char *periods, int64_t now_ns,
		   const struct store_backup_watch *watch,
		   struct store_backup_result *result)
{
	struct checking c = { .reading = { .watch = watch,
					   .result = result,
					   .now_ns = now_ns } };
	int r = store__reading_open(&c.reading, dir, periods);

	if (r == 0)
		r = -EAGAIN;
	for (int i = 0; r == -EAGAIN && i < CHECK_TRIES; i++)
		r = check(&c);
	if (r == 0)
		r = note(&c);
	store__noted_fini(&c.noted);
	free(c.passed);
	store__reading_close(&c.reading);
	return r == -EAGAIN ? -EBUSY : r;
}
