/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of backups share: making one, telling it, checking it, an
 * archive made of it, and what became of a recording. Goes behind
 * cmd/testing/testing.h. */
#ifndef STORE_BACKUP_FIXTURE_PRIV_H
#define STORE_BACKUP_FIXTURE_PRIV_H

#include "store/backup_priv.h"
#include "store/scrub_fixture_priv.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>

#define DAY       STORE__DAY_NS
#define KEPT_DAYS 90
#define NOW_NS    (FIXTURE_START_NS + DAY)
#define SHORT_MS  400

/* ---- what is said -------------------------------------------------------- */

struct said {
	unsigned news[STORE_BACKUP_NOTE + 1];
	char name[160]; /**< of the last damage */
};

static inline void
say(void *ctx, enum store_backup_news news, const char *name, const char *words)
{
	struct said *said = ctx;

	said->news[news]++;
	if (news == STORE_BACKUP_DAMAGED)
		snprintf(said->name, sizeof(said->name), "%s", name);
	(void)words;
}

static inline int64_t
due(void *ctx, const struct store_segment *segment)
{
	(void)ctx;
	return segment->call_start_ns + KEPT_DAYS * DAY;
}

static inline const char *
below(const struct fixture *fx, const char *name)
{
	static char paths[4][512];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, 512, "%s/%s", fx->home, name);
	return path;
}

static inline int
back_up_at(struct fixture *fx, const char *periods, int64_t now_ns,
	   struct store_backup_result *result)
{
	struct store_backup_config config = { .now_ns = now_ns, .due = due };
	char dir[512], apart[512];

	snprintf(dir, sizeof(dir), "%s/backup", fx->home);
	if (periods)
		snprintf(apart, sizeof(apart), "%s/%s", fx->home, periods);
	config.dir = dir;
	config.periods = periods ? apart : NULL;
	return store_backup_make(fx->archive, &config, result);
}

static inline void
back_up(struct fixture *fx, struct store_backup_result *result)
{
	assert_int_equal(back_up_at(fx, NULL, NOW_NS, result), 0);
}

static inline void
follow(struct fixture *fx, int64_t now_ns, struct store_backup_result *result)
{
	assert_int_equal(store_backup_follow(fx->archive, below(fx, "backup"),
					     NULL, now_ns, result),
			 0);
}

/** How much is not what it was. */
static inline uint64_t
check(struct fixture *fx, struct said *said)
{
	struct store_backup_watch watch = { .ctx = said, .tell = say };
	struct store_backup_result result;

	memset(said, 0, sizeof(*said));
	assert_int_equal(store_backup_check(below(fx, "backup"), NULL, NOW_NS,
					    &watch, &result),
			 0);
	return result.damaged;
}

/** Another archive, that of the backup, with the same key.
 * @param from the name of the backup */
static inline int
restore_from(struct fixture *fx, const char *from, struct fixture *to,
	     struct said *said, struct store_backup_result *result)
{
	struct store_backup_watch watch = { .ctx = said, .tell = say };
	int r;

	memset(said, 0, sizeof(*said));
	*to = *fx;
	to->archive = NULL;
	snprintf(to->dir, sizeof(to->dir), "%s/restored", fx->home);
	r = store_restore_files(below(fx, from), NULL, to->dir, NOW_NS, &watch,
				result);
	if (r)
		return r;
	fixture_open(to);
	return store_restore_replay(to->archive, below(fx, from), NOW_NS,
				    "carol", &watch, result);
}

static inline void
restore(struct fixture *fx, struct fixture *to,
	struct store_backup_result *result)
{
	struct said said;

	assert_int_equal(restore_from(fx, "backup", to, &said, result), 0);
}

static inline int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void
restored_remove(struct fixture *to)
{
	store_archive_close(&to->archive);
	nftw(to->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void
copy_folder(const char *from, const char *to)
{
	char command[1200];

	snprintf(command, sizeof(command), "rm -rf '%s'; cp -a '%s' '%s'", to,
		 from, to);
	assert_int_equal(system(command), 0);
}

static inline bool
has_file(const struct fixture *fx, const char *dir,
	 const struct store_segment *s)
{
	char path[STORE__PATH_BYTES], whole[768];

	store__recording_path(path, s->key_day, s->id, s->scrubs);
	snprintf(whole, sizeof(whole), "%s/%s/%s", fx->home, dir, path);
	return access(whole, F_OK) == 0;
}

/** What the backup has of its key. @return as store__wrapped_read */
static inline int
slot_of(const struct fixture *fx, const struct store_segment *s)
{
	struct store__wrapped wrapped;
	struct store__backup backup;
	int r;

	assert_int_equal(store__backup_open(&backup, below(fx, "backup"), NULL),
			 0);
	r = store__wrapped_read(&backup, s->key_day, s->key_slot, &wrapped);
	store__backup_close(&backup);
	return r;
}

/** Flip a bit of a file. */
static inline void
spoil(const char *path, size_t at)
{
	uint8_t *bytes;
	size_t n;

	bytes = testing_read_file(path, &n);
	assert_true(at < n);
	bytes[at] ^= 0x10;
	testing_write_file(path, bytes, n);
	free(bytes);
}

static inline enum store_state
state_of(struct fixture *fx, const char *id)
{
	struct store_segment s;

	assert_int_equal(store_segment_get(fx->archive, id, &s), 0);
	return s.state;
}

static inline void
purge(struct fixture *fx, const char *id)
{
	assert_int_equal(
	    store_purge(fx->archive, id, NOW_NS, "spanrecd", "it was due"), 0);
}

static inline unsigned
periods(const struct fixture *fx, const char *name)
{
	DIR *dir = opendir(below(fx, name));
	const struct dirent *entry;
	unsigned n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		n += strstr(entry->d_name, ".period") != NULL;
	closedir(dir);
	return n;
}

static inline void
expect_damaged(struct fixture *fx, const char *id)
{
	struct store_finding finding;
	struct store_segment now;

	assert_int_equal(store_segment_get(fx->archive, id, &now), 0);
	assert_int_equal(
	    store_verify(fx->archive, fx->identity, &now, &finding), 1);
}

#endif
