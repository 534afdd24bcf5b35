/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys in a backup. A slot of the archive is a file key sealed to the
 * recipients; in a backup that, and whose each copy is, is sealed once more,
 * with the key of the period in which the recording has to be gone: a day in
 * UTC. The key of a period lies in a file, with the list of slots that need it.
 * When the day is over and the archive has destroyed all of these, the key is
 * overwritten and its file removed, and no copy of the backup opens them any
 * more, wherever it is.
 *
 * A period is told of a slot before the slot is written, both durably: so no
 * key goes while something that lives needs it. That a slot is not there does
 * not say that it is dead: only a slot of the archive that is marked as
 * destroyed does. A disk that is not mounted ends no period.
 *
 * A backup that is made reads keys, and writes them a while later; meanwhile
 * others destroy some in the archive and here, or end a period. So who writes
 * looks at the archive once more, under a lock on the file of the slots that
 * who destroys takes as well; and under one on the file of the period, without
 * which it is not ended. Whoever wants both has that of the period first. What
 * is deleted after that look has its entry in the ledger after it, and whoever
 * follows that finds the slot.
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
#include <time.h>
#include <unistd.h>

#include "store/backup_priv.h"

/* A slot: magic 4, version, state, recipients, 0, day 4, slot 4, period 4, 0 4,
 * nonce 24, sealed keys, fingerprints and tag; at the end a check, as in a
 * keyring. */
#define VERSION     2
#define NONCE_AT    24
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TEXT_AT     (NONCE_AT + NONCE_BYTES)
#define CHECK_BYTES STORE_SLOT_CHECK_BYTES
#define CHECK_AT    (STORE__SLOT_BYTES - CHECK_BYTES)
#define AD_BYTES    (NONCE_AT + STORE__BACKUP_ID_BYTES)
/* For each recipient. */
#define ONE_BYTES ((size_t)STORE_SEALED_KEY_BYTES + STORE_FINGERPRINT_BYTES)
/* Beside who writes a slot, it may be met half written. */
#define READ_AGAIN 3

enum { STATE_KEY = 1, STATE_DESTROYED = 2 };

/* A period: magic 4, version, 0 3, day 4, 0 4, id of the backup 16, key 32; at
 * the end of 512 bytes a check. Then members, 8 bytes each: day and slot. */
#define PERIOD_VERSION 1
#define PERIOD_BYTES   512
#define PERIOD_ID_AT   16
#define PERIOD_KEY_AT  32
#define MEMBER_BYTES   8
#define NAME_BYTES     STORE_BACKUP_PERIOD_BYTES
/* So often somebody else may end it before we have it. */
#define PERIOD_TRIES 100
#define READ_TRIES   3
/* So long is waited for a lock. */
#define LOCK_TRIES   100
#define LOCK_WAIT_NS 100000000L

static const uint8_t slot_magic[4] = "SBAK", period_magic[4] = "SPER";

_Static_assert(TEXT_AT + STORE_RECIPIENTS_MAX * ONE_BYTES + STORE__TAG_BYTES <=
		   CHECK_AT,
	       "the keys of all recipients fit a slot");

/* ---- periods and days --------------------------------------------------- */

uint32_t
store__period_of(int64_t time_ns)
{
	/* 9999: as good as never, and the last that has four digits. */
	if (time_ns == INT64_MAX || store_day(time_ns) > 99991231)
		return STORE__PERIOD_NEVER;
	return store_day(time_ns);
}

/** Days since 1970 of a date. After H. Hinnant's description. */
static int64_t
days_of(uint32_t date)
{
	int64_t y = date / 10000, m = date / 100 % 100, d = date % 100;
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = y / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

int64_t
store__period_end(uint32_t period)
{
	const int64_t most = INT64_MAX / STORE__DAY_NS - 1;
	int64_t days = days_of(period) + 1;

	if (period == STORE__PERIOD_NEVER || days > most)
		return INT64_MAX;
	return days * STORE__DAY_NS;
}

static void
period_name(char name[NAME_BYTES], uint32_t period)
{
	if (period == STORE__PERIOD_NEVER)
		snprintf(name, NAME_BYTES, "never.period");
	else
		snprintf(name, NAME_BYTES,
			 "%04" PRIu32 "-%02" PRIu32 "-%02" PRIu32 ".period",
			 period / 10000, period / 100 % 100, period % 100);
}

/** @return false: it is no period with an end */
static bool
period_name_parse(const char *name, uint32_t *period)
{
	unsigned y = 0, m = 0, d = 0;
	char again[NAME_BYTES];

	if (sscanf(name, "%4u-%2u-%2u", &y, &m, &d) != 3 || y < 1970)
		return false;
	*period = y * 10000 + m * 100 + d;
	period_name(again, *period);
	return strcmp(name, again) == 0;
}

static void
check_make(uint8_t *bytes)
{
	crypto_generichash(bytes + CHECK_AT, CHECK_BYTES, bytes, CHECK_AT, NULL,
			   0);
}

static bool
check_right(const uint8_t *bytes)
{
	uint8_t check[CHECK_BYTES];

	crypto_generichash(check, CHECK_BYTES, bytes, CHECK_AT, NULL, 0);
	return memcmp(check, bytes + CHECK_AT, CHECK_BYTES) == 0;
}

/* ---- locks -------------------------------------------------------------- */

/** Others hold it for a moment; one that was stopped in that is not waited for.
 * @return 0, -EBUSY, ... */
static int
lock(int fd)
{
	const struct timespec wait = { .tv_nsec = LOCK_WAIT_NS };

	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB); i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (i == LOCK_TRIES)
			return -EBUSY;
		nanosleep(&wait, NULL);
	}
	return 0;
}

/** Is this still the file of that name? */
static bool
is_named(int fd, int dir_fd, const char *name)
{
	struct stat st, named;

	return fstat(fd, &st) == 0 &&
	       fstatat(dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_ino == named.st_ino && st.st_dev == named.st_dev;
}

/* ---- a period ------------------------------------------------------------ */

/** @return 0; -EBADMSG: its bytes are not what was written; -EPROTO, -ESTALE:
 * they are, and it is of a newer version, or of another backup */
static int
period_decode(struct store__period *period, const uint8_t bytes[PERIOD_BYTES],
	      const struct store__backup *backup, uint32_t day)
{
	if (!check_right(bytes) ||
	    memcmp(bytes, period_magic, sizeof(period_magic)) != 0)
		return -EBADMSG;
	if (bytes[4] != PERIOD_VERSION)
		return -EPROTO;
	if (store__le_get(bytes + 8, 4) != day ||
	    memcmp(bytes + PERIOD_ID_AT, backup->id, sizeof(backup->id)) != 0)
		return -ESTALE;
	period->day = day;
	period->used = true;
	memcpy(period->key, bytes + PERIOD_KEY_AT, sizeof(period->key));
	return 0;
}

/** @param fd of its file */
static int
period_read(struct store__period *period, int fd,
	    const struct store__backup *backup, uint32_t day)
{
	uint8_t bytes[PERIOD_BYTES];
	int r = store__pread(fd, bytes, sizeof(bytes), 0);

	if (r == 0)
		r = period_decode(period, bytes, backup, day);
	sodium_memzero(bytes, sizeof(bytes));
	return r == -ENODATA ? -EBADMSG : r;
}

static int
period_load(struct store__period *period, const struct store__backup *backup,
	    uint32_t day)
{
	char name[NAME_BYTES];
	int fd, r;

	if (backup->periods_fd < 0)
		return -ENOENT;
	period_name(name, day);
	fd = store__file_open(backup->periods_fd, name, O_RDONLY);
	if (fd < 0)
		return fd;
	r = period_read(period, fd, backup, day);
	close(fd);
	/* Whatever it is, it opens nothing here. */
	return r == -EPROTO || r == -ESTALE ? -EBADMSG : r;
}

/** Give a file its name, unless there is one of that name. Not every file
 * system has both calls. @return 0, -EEXIST, ... */
static int
publish(int dir_fd, const char *part, const char *name)
{
	if (linkat(dir_fd, part, dir_fd, name, 0) == 0)
		return unlinkat(dir_fd, part, 0) ? -errno : 0;
	if (errno == EEXIST)
		return -EEXIST;
	return renameat2(dir_fd, part, dir_fd, name, RENAME_NOREPLACE) ? -errno
								       : 0;
}

static void
period_encode(uint8_t bytes[PERIOD_BYTES], const struct store__backup *backup,
	      uint32_t day)
{
	memset(bytes, 0, PERIOD_BYTES);
	memcpy(bytes, period_magic, sizeof(period_magic));
	bytes[4] = PERIOD_VERSION;
	store__le_put(bytes + 8, day, 4);
	memcpy(bytes + PERIOD_ID_AT, backup->id, sizeof(backup->id));
	randombytes_buf(bytes + PERIOD_KEY_AT,
			crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
	check_make(bytes);
}

/** A new one, whole or not at all. Of two that are made at a time one remains.
 * @return 0, -EEXIST: somebody else was first; -EAGAIN; ... */
static int
period_make(const struct store__backup *backup, uint32_t day)
{
	char name[NAME_BYTES], part[2 * NAME_BYTES];
	uint8_t bytes[PERIOD_BYTES];
	int fd, r;

	period_name(name, day);
	/* A name of its own: nobody writes into it beside us. */
	snprintf(part, sizeof(part), "%s.%08" PRIx32 ".part", name,
		 randombytes_random());
	fd = store__file_open(backup->periods_fd, part,
			      O_RDWR | O_CREAT | O_EXCL);
	if (fd < 0)
		return fd;
	store__backup_own(backup, fd);
	/* As long as it is locked it is no leftover; it may have been taken
	 * for one in the moment before. */
	r = lock(fd);
	if (r == 0 && !is_named(fd, backup->periods_fd, part))
		r = -EAGAIN;
	period_encode(bytes, backup, day);
	if (r == 0)
		r = store__pwrite(fd, bytes, sizeof(bytes), 0);
	sodium_memzero(bytes, sizeof(bytes));
	if (r == 0 && fsync(fd))
		r = -errno;
	store__backup_step(backup, 9);
	if (r == 0)
		r = publish(backup->periods_fd, part, name);
	if (r)
		(void)unlinkat(backup->periods_fd, part, 0);
	close(fd);
	return r;
}

/** The folder that they lie in. @return NULL: errno says why */
static DIR *
periods_list(const struct store__backup *backup)
{
	int fd =
	    openat(backup->periods_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

/** "2019-06-26.period.0a1b2c3d.part" */
static bool
is_part(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && strcmp(dot, ".part") == 0 && strstr(name, ".period.");
}

void
store__periods_tidy(const struct store__backup *backup)
{
	DIR *dir = periods_list(backup);
	struct dirent *entry;
	int fd;

	while (dir && (entry = readdir(dir)) != NULL) {
		if (!is_part(entry->d_name))
			continue;
		fd =
		    store__file_open(backup->periods_fd, entry->d_name, O_RDWR);
		if (fd < 0)
			continue;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			(void)unlinkat(backup->periods_fd, entry->d_name, 0);
		close(fd);
	}
	if (dir)
		closedir(dir);
}

struct store__periods *
store__periods_new(const struct store__backup *backup)
{
	struct store__periods *periods = store__secret_new(sizeof(*periods));

	if (periods)
		periods->backup = backup;
	return periods;
}

void
store__periods_free(struct store__periods **periods)
{
	store__secret_free(*periods, sizeof(**periods), sizeof(**periods));
	*periods = NULL;
}

/** Where one is cached, or may be. */
static struct store__period *
period_place(struct store__periods *periods, uint32_t day)
{
	struct store__period *period;

	for (size_t i = 0; i < STORE__PERIODS_CACHED; i++)
		if (periods->cached[i].used && periods->cached[i].day == day)
			return &periods->cached[i];
	period = &periods->cached[periods->next++ % STORE__PERIODS_CACHED];
	period->used = false;
	return period;
}

/** @return 0, -ENOENT, -EBADMSG, ... */
static int
period_get(struct store__periods *periods, uint32_t day,
	   const struct store__period **found)
{
	struct store__period *period = period_place(periods, day);

	*found = period;
	return period->used ? 0 : period_load(period, periods->backup, day);
}

/* ---- one that is held ---------------------------------------------------- */

/** Overwrite its key, and the file goes. @param fd locked */
static int
period_destroy(const struct store__backup *backup, const char *name, int fd)
{
	uint8_t bytes[PERIOD_BYTES];
	int r;

	randombytes_buf(bytes, sizeof(bytes));
	r = store__pwrite(fd, bytes, sizeof(bytes), 0);
	if (r == 0 && fsync(fd))
		r = -errno;
	if (r == 0 && unlinkat(backup->periods_fd, name, 0))
		r = -errno;
	if (r == 0 && fsync(backup->periods_fd))
		r = -errno;
	return r;
}

/** @param fd its file, locked: the key in it is the one that counts, whatever
 * was read of it before
 * @return 0; -EAGAIN: it was ended, or has been now since it is damaged; ... */
static int
period_take(struct store__periods *periods, uint32_t day, const char *name,
	    int fd)
{
	struct store__period *period = period_place(periods, day);
	int r;

	period->used = false;
	if (!is_named(fd, periods->backup->periods_fd, name))
		return -EAGAIN;
	r = period_read(period, fd, periods->backup, day);
	if (r != -EBADMSG)
		return r;
	/* Nothing that was wrapped in it can be opened: what the archive still
	 * has is wrapped anew, in another one of that name. */
	r = period_destroy(periods->backup, name, fd);
	return r ? r : -EAGAIN;
}

/** A period that is not ended before this is closed; made if there is none.
 * What is in its way is named in periods->stuck.
 * @return fd, -ENOTDIR, ... */
static int
period_hold(struct store__periods *periods, uint32_t day)
{
	const int dir_fd = periods->backup->periods_fd;
	char name[NAME_BYTES];
	int fd, r = -EAGAIN, errors = 0;

	if (dir_fd < 0)
		return -ENOTDIR;
	period_name(name, day);
	for (int i = 0; r == -EAGAIN && i < PERIOD_TRIES; i++) {
		fd = store__file_open(dir_fd, name, O_RDWR);
		if (fd == -ENOENT) {
			r = period_make(periods->backup, day);
			if (r == 0 || r == -EEXIST)
				r = -EAGAIN;
			continue;
		}
		r = fd < 0 ? fd : lock(fd);
		if (r == 0)
			r = period_take(periods, day, name, fd);
		if (r == 0)
			return fd;
		if (fd < 0)
			break;
		close(fd);
		/* What the disk does not give now it may give the next time:
		 * that ends no period. */
		if (r == -EIO && ++errors < READ_TRIES)
			r = -EAGAIN;
	}
	if (r == -ESTALE || r == -EPROTO || r == -EBADMSG)
		memcpy(periods->stuck, name, sizeof(name));
	return r;
}

/* ---- slots -------------------------------------------------------------- */

static void
slots_path(char path[STORE__BACKUP_PATH_BYTES], uint32_t day)
{
	snprintf(path, STORE__BACKUP_PATH_BYTES,
		 "keys/%04" PRIu32 "-%02" PRIu32 "-%02" PRIu32 ".keys",
		 day / 10000, day / 100 % 100, day % 100);
}

static void
head_make(uint8_t bytes[STORE__SLOT_BYTES], uint8_t state, uint32_t day,
	  uint32_t slot)
{
	memset(bytes, 0, STORE__SLOT_BYTES);
	memcpy(bytes, slot_magic, sizeof(slot_magic));
	bytes[4] = VERSION;
	bytes[5] = state;
	store__le_put(bytes + 8, day, 4);
	store__le_put(bytes + 12, slot, 4);
}

static void
ad_make(uint8_t ad[AD_BYTES], const uint8_t *bytes,
	const struct store__backup *backup)
{
	memcpy(ad, bytes, NONCE_AT);
	memcpy(ad + NONCE_AT, backup->id, sizeof(backup->id));
}

static int
wrap_encode(struct store__periods *periods, const struct store__wrap *wrap,
	    uint8_t bytes[STORE__SLOT_BYTES])
{
	const size_t count = wrap->sealed.count;
	uint8_t text[STORE_RECIPIENTS_MAX * ONE_BYTES];
	const struct store__period *period;
	uint8_t ad[AD_BYTES];
	int r = period_get(periods, wrap->period, &period);

	if (r)
		return r;
	memcpy(text, wrap->sealed.sealed, count * STORE_SEALED_KEY_BYTES);
	memcpy(text + count * STORE_SEALED_KEY_BYTES, wrap->sealed.fingerprints,
	       count * STORE_FINGERPRINT_BYTES);
	head_make(bytes, STATE_KEY, wrap->day, wrap->slot);
	bytes[6] = (uint8_t)count;
	store__le_put(bytes + 16, wrap->period, 4);
	randombytes_buf(bytes + NONCE_AT, NONCE_BYTES);
	ad_make(ad, bytes, periods->backup);
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(
	    bytes + TEXT_AT, NULL, text, count * ONE_BYTES, ad, sizeof(ad),
	    NULL, bytes + NONCE_AT, period->key);
	check_make(bytes);
	return 0;
}

static int
slot_read(int fd, uint32_t day, uint32_t slot, struct store__wrapped *wrapped)
{
	const uint8_t *bytes = wrapped->bytes;
	int r = store__pread(fd, wrapped->bytes, STORE__SLOT_BYTES,
			     (uint64_t)slot * STORE__SLOT_BYTES);

	if (r)
		return r == -ENODATA ? -ENOKEY : r;
	if (sodium_is_zero(bytes, STORE__SLOT_BYTES))
		return -ENOKEY;
	if (!check_right(bytes) ||
	    memcmp(bytes, slot_magic, sizeof(slot_magic)) != 0 ||
	    bytes[4] != VERSION || store__le_get(bytes + 8, 4) != day ||
	    store__le_get(bytes + 12, 4) != slot)
		return -EBADMSG;
	if (bytes[5] == STATE_DESTROYED)
		return -ENOKEY;
	if (bytes[5] != STATE_KEY || bytes[6] == 0 ||
	    bytes[6] > STORE_RECIPIENTS_MAX)
		return -EBADMSG;
	wrapped->period = (uint32_t)store__le_get(bytes + 16, 4);
	return 0;
}

int
store__wrapped_read(const struct store__backup *backup, uint32_t day,
		    uint32_t slot, struct store__wrapped *wrapped)
{
	char path[STORE__BACKUP_PATH_BYTES];
	int fd, r;

	slots_path(path, day);
	fd = store__file_open(backup->dir_fd, path, O_RDONLY);
	if (fd < 0)
		return fd == -ENOENT ? -ENOKEY : fd;
	r = slot_read(fd, day, slot, wrapped);
	for (int again = 0; again < READ_AGAIN && r == -EBADMSG; again++)
		r = slot_read(fd, day, slot, wrapped);
	close(fd);
	return r;
}

int
store__unwrap(struct store__periods *periods,
	      const struct store__wrapped *wrapped,
	      struct store_sealed_key *sealed)
{
	const uint8_t *bytes = wrapped->bytes;
	uint8_t text[STORE_RECIPIENTS_MAX * ONE_BYTES];
	const struct store__period *period;
	const size_t count = bytes[6];
	uint8_t ad[AD_BYTES];
	int r = period_get(periods, wrapped->period, &period);

	memset(sealed, 0, sizeof(*sealed));
	if (r)
		return r;
	ad_make(ad, bytes, periods->backup);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(
		text, NULL, NULL, bytes + TEXT_AT,
		count * ONE_BYTES + STORE__TAG_BYTES, ad, sizeof(ad),
		bytes + NONCE_AT, period->key))
		return -EBADMSG;
	sealed->count = (uint32_t)count;
	memcpy(sealed->sealed, text, count * STORE_SEALED_KEY_BYTES);
	memcpy(sealed->fingerprints, text + count * STORE_SEALED_KEY_BYTES,
	       count * STORE_FINGERPRINT_BYTES);
	return 0;
}

void
store__wrap_again(struct store__wrap *wrap,
		  const struct store__wrapped *wrapped)
{
	wrap->of_backup = true;
	memcpy(wrap->old, wrapped->bytes + CHECK_AT, sizeof(wrap->old));
}

/* ---- writing many ------------------------------------------------------- */

/** By period, and in that by day. */
static int
by_period(const void *a, const void *b)
{
	const struct store__wrap *x = a, *y = b;

	if (x->period != y->period)
		return x->period < y->period ? -1 : 1;
	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/** Tell a period who needs it; its name is durable with the first of them.
 * @param fd held @param wraps [count] all of it */
static int
members_add(const struct store__backup *backup, int fd,
	    const struct store__wrap *wraps, size_t count)
{
	uint8_t *bytes = malloc(count * MEMBER_BYTES);
	struct stat st;
	uint64_t at = 0;
	int r = bytes ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < count; i++) {
		store__le_put(bytes + i * MEMBER_BYTES, wraps[i].day, 4);
		store__le_put(bytes + i * MEMBER_BYTES + 4, wraps[i].slot, 4);
	}
	if (r == 0 && fstat(fd, &st))
		r = -errno;
	if (r == 0) {
		/* One cut short is written over. */
		at = (uint64_t)st.st_size / MEMBER_BYTES * MEMBER_BYTES;
		r = store__pwrite(fd, bytes, count * MEMBER_BYTES, at);
	}
	if (r == 0 && fdatasync(fd))
		r = -errno;
	if (r == 0 && at == PERIOD_BYTES && fsync(backup->periods_fd))
		r = -errno;
	free(bytes);
	return r;
}

/** Has it been destroyed since it was read? What was read in the archive may
 * be unreadable there now: if that is a deletion that has begun, whoever
 * follows it comes later. @param fd of the slots, locked */
static bool
is_dead(const struct store_archive *archive, int fd,
	const struct store__wrap *wrap)
{
	struct store_sealed_key sealed;
	struct store__wrapped now;
	int r = store__keyring_look(archive, wrap->day, wrap->slot, &sealed);

	if (r == STORE__SLOT_DESTROYED)
		return true;
	if (!wrap->of_backup)
		return r == -ENOENT;
	return slot_read(fd, wrap->day, wrap->slot, &now) ||
	       memcmp(now.bytes + CHECK_AT, wrap->old, sizeof(wrap->old)) != 0;
}

/** @param fd locked @param wraps [count] all of one day */
static int
slots_put(struct store__periods *periods, const struct store_archive *archive,
	  int fd, const struct store__wrap *wraps, size_t count)
{
	uint8_t bytes[STORE__SLOT_BYTES];
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		if (is_dead(archive, fd, &wraps[i]))
			continue;
		r = wrap_encode(periods, &wraps[i], bytes);
		if (r == 0)
			r = store__pwrite(fd, bytes, sizeof(bytes),
					  (uint64_t)wraps[i].slot *
					      STORE__SLOT_BYTES);
	}
	return r == 0 && fdatasync(fd) ? -errno : r;
}

static int
slots_write(struct store__periods *periods, const struct store_archive *archive,
	    const struct store__wrap *wraps, size_t count)
{
	const struct store__backup *backup = periods->backup;
	char path[STORE__BACKUP_PATH_BYTES];
	int fd, r;

	slots_path(path, wraps->day);
	r = store__backup_folders(backup, backup->dir_fd, path);
	if (r)
		return r;
	fd = store__file_open(backup->dir_fd, path, O_RDWR | O_CREAT);
	if (fd < 0)
		return fd;
	store__backup_own(backup, fd);
	r = lock(fd);
	if (r == 0)
		r = slots_put(periods, archive, fd, wraps, count);
	close(fd);
	return r ? r : store__parent_sync(backup->dir_fd, path);
}

/** @param wraps [count] all of one period */
static int
period_wrap(struct store__periods *periods, const struct store_archive *archive,
	    const struct store__wrap *wraps, size_t count)
{
	int fd = period_hold(periods, wraps->period);
	size_t i, n;
	int r;

	if (fd < 0)
		return fd;
	r = members_add(periods->backup, fd, wraps, count);
	store__backup_step(periods->backup, 2);
	for (i = 0; r == 0 && i < count; i += n) {
		for (n = 1; i + n < count && wraps[i + n].day == wraps[i].day;)
			n++;
		r = slots_write(periods, archive, wraps + i, n);
	}
	close(fd);
	return r;
}

int
store__wrap_all(struct store__periods *periods,
		const struct store_archive *archive, struct store__wrap *wraps,
		size_t count)
{
	size_t i, n;
	int r = 0;

	if (count == 0)
		return 0;
	qsort(wraps, count, sizeof(*wraps), by_period);
	for (i = 0; r == 0 && i < count; i += n) {
		for (n = 1;
		     i + n < count && wraps[i + n].period == wraps[i].period;)
			n++;
		r = period_wrap(periods, archive, wraps + i, n);
	}
	store__backup_step(periods->backup, 3);
	return r;
}

/* ---- the end of a slot -------------------------------------------------- */

/** @param fd of the slots, locked */
static int
slot_destroy(int fd, uint32_t day, uint32_t slot)
{
	const uint64_t offset = (uint64_t)slot * STORE__SLOT_BYTES;
	uint8_t bytes[STORE__SLOT_BYTES];
	int r = store__pread(fd, bytes, sizeof(bytes), offset);

	if (r == -ENODATA || (r == 0 && sodium_is_zero(bytes, sizeof(bytes))) ||
	    (r == 0 && check_right(bytes) && bytes[5] == STATE_DESTROYED))
		return -ENOKEY;
	randombytes_buf(bytes, sizeof(bytes));
	r = store__pwrite(fd, bytes, sizeof(bytes), offset);
	if (r == 0 && fdatasync(fd))
		r = -errno;
	head_make(bytes, STATE_DESTROYED, day, slot);
	check_make(bytes);
	if (r == 0)
		r = store__pwrite(fd, bytes, sizeof(bytes), offset);
	return r == 0 && fdatasync(fd) ? -errno : r;
}

int
store__wrapped_destroy(const struct store__backup *backup, uint32_t day,
		       uint32_t slot)
{
	char path[STORE__BACKUP_PATH_BYTES];
	int fd, r;

	slots_path(path, day);
	fd = store__file_open(backup->dir_fd, path, O_RDWR);
	/* Whoever makes it now sees that the key is gone. */
	if (fd < 0)
		return fd == -ENOENT ? -ENOKEY : fd;
	r = lock(fd);
	if (r == 0)
		r = slot_destroy(fd, day, slot);
	close(fd);
	return r;
}

int
store__wrapped_walk(const struct store__backup *backup, uint32_t day,
		    int (*fn)(void *ctx, uint32_t slot), void *ctx)
{
	char path[STORE__BACKUP_PATH_BYTES];
	off_t data;
	int fd, r = 0;

	slots_path(path, day);
	fd = store__file_open(backup->dir_fd, path, O_RDONLY);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	for (uint32_t slot = 0; r == 0; slot++) {
		data = lseek(fd, (off_t)slot * STORE__SLOT_BYTES, SEEK_DATA);
		if (data < 0 || data / STORE__SLOT_BYTES >= UINT32_MAX)
			break;
		slot = (uint32_t)(data / STORE__SLOT_BYTES);
		r = fn(ctx, slot);
	}
	close(fd);
	return r;
}

/* ---- the end of a period ------------------------------------------------ */

struct tending {
	struct store__backup *backup;
	const struct store_archive *archive;
	struct store__periods *periods;
	int64_t now_ns;
	uint32_t period;
	bool lives; /**< something in it, that cannot be moved (yet) */
	struct store__wrap *moved;
	size_t count, room;
};

/** It lives longer than the period: into another one with it. */
static int
member_move(struct tending *t, uint32_t day, uint32_t slot,
	    const struct store__wrapped *wrapped)
{
	const int64_t until_ns = t->now_ns + STORE__LEASE_DAYS * STORE__DAY_NS;
	struct store__wrap wrap = { .day = day,
				    .slot = slot,
				    .period = store__period_of(until_ns) };
	size_t room = t->room ? 2 * t->room : 64;
	void *grown;
	int r = store__unwrap(t->periods, wrapped, &wrap.sealed);

	store__wrap_again(&wrap, wrapped);
	/* What cannot be opened by this key does not need it. */
	if (r == -EBADMSG)
		return 0;
	if (r)
		return r;
	if (t->count == t->room) {
		grown = reallocarray(t->moved, room, sizeof(*t->moved));
		if (!grown)
			return -ENOMEM;
		t->moved = grown;
		t->room = room;
	}
	t->moved[t->count++] = wrap;
	return 0;
}

static int
member_tend(struct tending *t, uint32_t day, uint32_t slot)
{
	struct store_sealed_key sealed;
	struct store__wrapped wrapped;
	int r = store__keyring_look(t->archive, day, slot, &sealed);

	if (r == STORE__SLOT_DESTROYED)
		return 0;
	/* The purge may be late by some hours: it is given a day. */
	if (t->backup->dir_fd < 0 ||
	    t->now_ns < store__period_end(t->period) + STORE__DAY_NS) {
		t->lives = true;
		return 0;
	}
	r = store__wrapped_read(t->backup, day, slot, &wrapped);
	if (r == -ENOKEY || r == -EBADMSG)
		return 0;
	if (r)
		return r;
	return wrapped.period == t->period ? member_move(t, day, slot, &wrapped)
					   : 0;
}

/** @param fd held */
static int
members_tend(struct tending *t, int fd)
{
	uint8_t member[MEMBER_BYTES];
	int r = 0;

	t->lives = false;
	t->count = 0;
	for (uint64_t at = PERIOD_BYTES; r == 0 && !t->lives;
	     at += MEMBER_BYTES) {
		r = store__pread(fd, member, sizeof(member), at);
		if (r == 0)
			r = member_tend(t, (uint32_t)store__le_get(member, 4),
					(uint32_t)store__le_get(member + 4, 4));
	}
	return r == -ENODATA ? 0 : r;
}

/** @param fd held */
static int
period_end(struct tending *t, const char *name, int fd,
	   struct store_backup_result *result)
{
	int r = members_tend(t, fd);

	if (r || t->lives)
		return r;
	r = store__wrap_all(t->periods, t->archive, t->moved, t->count);
	if (r)
		return r;
	result->rewrapped += t->count;
	store__backup_step(t->backup, 6);
	r = period_destroy(t->backup, name, fd);
	if (r == 0)
		result->periods_ended++;
	return r;
}

static int
period_tend(struct tending *t, const char *name,
	    struct store_backup_result *result)
{
	int fd = store__file_open(t->backup->periods_fd, name, O_RDWR), r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = flock(fd, LOCK_EX | LOCK_NB) ? -errno : 0; /* -EAGAIN */
	if (r == 0)
		r = period_take(t->periods, t->period, name, fd);
	if (r == 0)
		r = period_end(t, name, fd, result);
	close(fd);
	/* Somebody is about to wrap something in it, or to end it; or it is
	 * not there any more. */
	return r == -EAGAIN ? 0 : r;
}

void
store__periods_tend(struct store__backup *backup,
		    const struct store_archive *archive, int64_t now_ns,
		    struct store_backup_result *result)
{
	struct tending t = { .backup = backup,
			     .archive = archive,
			     .now_ns = now_ns,
			     .periods = store__periods_new(backup) };
	DIR *dir = periods_list(backup);
	struct dirent *entry;
	int r;

	result->period[0] = '\0';
	result->periods_error = dir ? t.periods ? 0 : -ENOMEM : -errno;
	/* One that cannot be ended does not keep the others. */
	while (t.periods && dir && (entry = readdir(dir)) != NULL) {
		if (!period_name_parse(entry->d_name, &t.period) ||
		    store__period_end(t.period) > now_ns)
			continue;
		t.periods->stuck[0] = '\0';
		r = period_tend(&t, entry->d_name, result);
		if (r == 0 || result->periods_error)
			continue;
		result->periods_error = r;
		if (t.periods->stuck[0])
			memcpy(result->period, t.periods->stuck,
			       sizeof(result->period));
		else
			period_name(result->period, t.period);
	}
	if (dir)
		closedir(dir);
	free(t.moved);
	if (t.periods)
		store__periods_free(&t.periods);
}
