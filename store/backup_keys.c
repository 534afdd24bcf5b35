/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys in a backup. A slot of the archive is a file key sealed to the
 * recipients; in a backup that is sealed once more, with the key of the period
 * in which the recording has to be gone: a day in UTC. The key of a period lies
 * in a file, with the list of slots that need it. When the day is over and
 * the archive has destroyed all of these, the key is overwritten and its file
 * removed, and no copy of the backup opens them any more, wherever it is.
 *
 * A period is told of a slot before the slot is written, both durably: so no
 * key goes while something that lives needs it. That a slot is not there does
 * not say that it is dead: only a slot of the archive that is marked as
 * destroyed does. A disk that is not mounted ends no period.
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
#include <unistd.h>

#include "store/backup_priv.h"

/* A slot: magic 4, version, state, recipients, 0, day 4, slot 4, period 4, 0 4,
 * nonce 24, sealed keys and tag; at the end a check, as in a keyring. */
#define VERSION     1
#define NONCE_AT    24
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TEXT_AT     (NONCE_AT + NONCE_BYTES)
#define CHECK_BYTES 16
#define CHECK_AT    (STORE__SLOT_BYTES - CHECK_BYTES)
#define AD_BYTES    (NONCE_AT + STORE__BACKUP_ID_BYTES)

enum { STATE_KEY = 1, STATE_DESTROYED = 2 };

/* A period: magic 4, version, 0 3, day 4, 0 4, id of the backup 16, key 32; at
 * the end of 512 bytes a check. Then members, 8 bytes each: day and slot. */
#define PERIOD_BYTES  512
#define PERIOD_ID_AT  16
#define PERIOD_KEY_AT 32
#define MEMBER_BYTES  8
#define NAME_BYTES    32

static const uint8_t slot_magic[4] = "SBAK", period_magic[4] = "SPER";

_Static_assert(TEXT_AT + STORE_RECIPIENTS_MAX * STORE_SEALED_KEY_BYTES +
		       STORE__TAG_BYTES <=
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

static int
period_decode(struct store__period *period, const uint8_t bytes[PERIOD_BYTES],
	      const struct store__backup *backup, uint32_t day)
{
	if (!check_right(bytes) ||
	    memcmp(bytes, period_magic, sizeof(period_magic)) != 0 ||
	    bytes[4] != VERSION || store__le_get(bytes + 8, 4) != day ||
	    memcmp(bytes + PERIOD_ID_AT, backup->id, sizeof(backup->id)) != 0)
		return -EBADMSG;
	period->day = day;
	period->used = true;
	memcpy(period->key, bytes + PERIOD_KEY_AT, sizeof(period->key));
	return 0;
}

static int
period_load(struct store__period *period, const struct store__backup *backup,
	    uint32_t day)
{
	uint8_t bytes[PERIOD_BYTES];
	char name[NAME_BYTES];
	int fd, r;

	if (backup->periods_fd < 0)
		return -ENOENT;
	period_name(name, day);
	fd = store__file_open(backup->periods_fd, name, O_RDONLY);
	if (fd < 0)
		return fd;
	r = store__pread(fd, bytes, sizeof(bytes), 0);
	close(fd);
	if (r == 0)
		r = period_decode(period, bytes, backup, day);
	sodium_memzero(bytes, sizeof(bytes));
	return r == -ENODATA ? -EBADMSG : r;
}

/** A new one, whole or not at all. */
static int
period_make(const struct store__backup *backup, uint32_t day)
{
	uint8_t bytes[PERIOD_BYTES] = { 0 };
	char name[NAME_BYTES];
	int r;

	if (backup->periods_fd < 0)
		return -ENOTDIR;
	memcpy(bytes, period_magic, sizeof(period_magic));
	bytes[4] = VERSION;
	store__le_put(bytes + 8, day, 4);
	memcpy(bytes + PERIOD_ID_AT, backup->id, sizeof(backup->id));
	randombytes_buf(bytes + PERIOD_KEY_AT,
			crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
	check_make(bytes);
	period_name(name, day);
	r = store__write_to(backup, backup->periods_fd, name, bytes,
			    sizeof(bytes));
	if (r == 0 && fsync(backup->periods_fd))
		r = -errno;
	sodium_memzero(bytes, sizeof(bytes));
	return r;
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

/** @param make if it is not there @return 0, -ENOENT, -EBADMSG, ... */
static int
period_get(struct store__periods *periods, uint32_t day, bool make,
	   const struct store__period **found)
{
	struct store__period *period;
	int r;

	for (size_t i = 0; i < STORE__PERIODS_CACHED; i++)
		if (periods->cached[i].used && periods->cached[i].day == day) {
			*found = &periods->cached[i];
			return 0;
		}
	period = &periods->cached[periods->next++ % STORE__PERIODS_CACHED];
	period->used = false;
	r = period_load(period, periods->backup, day);
	if (r == -ENOENT && make) {
		r = period_make(periods->backup, day);
		if (r == 0)
			r = period_load(period, periods->backup, day);
	}
	*found = period;
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
	const struct store__period *period;
	uint8_t ad[AD_BYTES];
	int r = period_get(periods, wrap->period, false, &period);

	if (r)
		return r;
	head_make(bytes, STATE_KEY, wrap->day, wrap->slot);
	bytes[6] = (uint8_t)wrap->sealed.count;
	store__le_put(bytes + 16, wrap->period, 4);
	randombytes_buf(bytes + NONCE_AT, NONCE_BYTES);
	ad_make(ad, bytes, periods->backup);
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(
	    bytes + TEXT_AT, NULL, wrap->sealed.sealed[0],
	    (size_t)wrap->sealed.count * STORE_SEALED_KEY_BYTES, ad, sizeof(ad),
	    NULL, bytes + NONCE_AT, period->key);
	check_make(bytes);
	return 0;
}

int
store__wrapped_read(const struct store__backup *backup, uint32_t day,
		    uint32_t slot, struct store__wrapped *wrapped)
{
	const uint8_t *bytes = wrapped->bytes;
	char path[STORE__BACKUP_PATH_BYTES];
	int fd, r;

	slots_path(path, day);
	fd = store__file_open(backup->dir_fd, path, O_RDONLY);
	if (fd < 0)
		return fd == -ENOENT ? -ENOKEY : fd;
	r = store__pread(fd, wrapped->bytes, STORE__SLOT_BYTES,
			 (uint64_t)slot * STORE__SLOT_BYTES);
	close(fd);
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
store__unwrap(struct store__periods *periods, uint32_t day, uint32_t slot,
	      const struct store__wrapped *wrapped,
	      struct store_sealed_key *sealed)
{
	const uint8_t *bytes = wrapped->bytes;
	const struct store__period *period;
	uint8_t ad[AD_BYTES];
	int r = period_get(periods, wrapped->period, false, &period);

	(void)day;
	(void)slot;
	memset(sealed, 0, sizeof(*sealed));
	if (r)
		return r;
	sealed->count = bytes[6];
	ad_make(ad, bytes, periods->backup);
	return crypto_aead_xchacha20poly1305_ietf_decrypt(
		   sealed->sealed[0], NULL, NULL, bytes + TEXT_AT,
		   (size_t)sealed->count * STORE_SEALED_KEY_BYTES +
		       STORE__TAG_BYTES,
		   ad, sizeof(ad), bytes + NONCE_AT, period->key)
		   ? -EBADMSG
		   : 0;
}

/* ---- writing many ------------------------------------------------------- */

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

static int
by_day(const void *a, const void *b)
{
	const struct store__wrap *x = a, *y = b;

	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/** Tell a period who needs it. @param wraps [count] all of it */
static int
members_add(struct store__periods *periods, const struct store__wrap *wraps,
	    size_t count)
{
	const struct store__backup *backup = periods->backup;
	const struct store__period *period;
	uint8_t *bytes = malloc(count * MEMBER_BYTES);
	char name[NAME_BYTES];
	struct stat st;
	uint64_t at = 0;
	int fd = -1, r = bytes ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < count; i++) {
		store__le_put(bytes + i * MEMBER_BYTES, wraps[i].day, 4);
		store__le_put(bytes + i * MEMBER_BYTES + 4, wraps[i].slot, 4);
	}
	if (r == 0)
		r = period_get(periods, wraps->period, true, &period);
	period_name(name, wraps->period);
	if (r == 0) {
		fd = store__file_open(backup->periods_fd, name, O_RDWR);
		r = fd < 0 ? fd : 0;
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
	if (fd >= 0)
		close(fd);
	free(bytes);
	return r;
}

/** @param wraps [count] all of one day */
static int
slots_write(struct store__periods *periods, const struct store__wrap *wraps,
	    size_t count)
{
	const struct store__backup *backup = periods->backup;
	uint8_t bytes[STORE__SLOT_BYTES];
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
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = wrap_encode(periods, &wraps[i], bytes);
		if (r == 0)
			r = store__pwrite(fd, bytes, sizeof(bytes),
					  (uint64_t)wraps[i].slot *
					      STORE__SLOT_BYTES);
	}
	if (r == 0 && fdatasync(fd))
		r = -errno;
	close(fd);
	return r ? r : store__parent_sync(backup->dir_fd, path);
}

int
store__wrap_all(struct store__periods *periods, struct store__wrap *wraps,
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
		r = members_add(periods, wraps + i, n);
	}
	store__backup_step(periods->backup, 2);
	qsort(wraps, count, sizeof(*wraps), by_day);
	for (i = 0; r == 0 && i < count; i += n) {
		for (n = 1; i + n < count && wraps[i + n].day == wraps[i].day;)
			n++;
		r = slots_write(periods, wraps + i, n);
	}
	store__backup_step(periods->backup, 3);
	return r;
}

/* ---- the end of a slot -------------------------------------------------- */

int
store__wrapped_destroy(const struct store__backup *backup, uint32_t day,
		       uint32_t slot)
{
	const uint64_t offset = (uint64_t)slot * STORE__SLOT_BYTES;
	uint8_t bytes[STORE__SLOT_BYTES];
	char path[STORE__BACKUP_PATH_BYTES];
	int fd, r;

	slots_path(path, day);
	fd = store__file_open(backup->dir_fd, path, O_RDWR);
	if (fd < 0)
		return fd == -ENOENT ? -ENOKEY : fd;
	r = store__pread(fd, bytes, sizeof(bytes), offset);
	if (r == -ENODATA || (r == 0 && sodium_is_zero(bytes, sizeof(bytes))) ||
	    (r == 0 && check_right(bytes) && bytes[5] == STATE_DESTROYED)) {
		close(fd);
		return -ENOKEY;
	}
	randombytes_buf(bytes, sizeof(bytes));
	r = store__pwrite(fd, bytes, sizeof(bytes), offset);
	if (r == 0 && fdatasync(fd))
		r = -errno;
	head_make(bytes, STATE_DESTROYED, day, slot);
	check_make(bytes);
	if (r == 0)
		r = store__pwrite(fd, bytes, sizeof(bytes), offset);
	if (r == 0 && fdatasync(fd))
		r = -errno;
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
	int r = store__unwrap(t->periods, day, slot, wrapped, &wrap.sealed);

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

/** Overwrite its key, and the file goes. */
static int
period_destroy(const struct store__backup *backup, const char *name)
{
	uint8_t bytes[PERIOD_BYTES];
	int r = 0, fd = store__file_open(backup->periods_fd, name, O_RDWR);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	randombytes_buf(bytes, sizeof(bytes));
	r = store__pwrite(fd, bytes, sizeof(bytes), 0);
	if (r == 0 && fsync(fd))
		r = -errno;
	close(fd);
	if (r == 0 && unlinkat(backup->periods_fd, name, 0))
		r = -errno;
	if (r == 0 && fsync(backup->periods_fd))
		r = -errno;
	return r;
}

static int
members_tend(struct tending *t, const char *name)
{
	uint8_t member[MEMBER_BYTES];
	int r = 0, fd = store__file_open(t->backup->periods_fd, name, O_RDONLY);

	if (fd < 0)
		return fd;
	t->lives = false;
	t->count = 0;
	for (uint64_t at = PERIOD_BYTES; r == 0 && !t->lives;
	     at += MEMBER_BYTES) {
		r = store__pread(fd, member, sizeof(member), at);
		if (r == 0)
			r = member_tend(t, (uint32_t)store__le_get(member, 4),
					(uint32_t)store__le_get(member + 4, 4));
	}
	close(fd);
	return r == -ENODATA ? 0 : r;
}

static int
period_tend(struct tending *t, const char *name,
	    struct store_backup_result *result)
{
	int r = members_tend(t, name);

	if (r || t->lives)
		return r;
	r = store__wrap_all(t->periods, t->moved, t->count);
	if (r)
		return r;
	result->rewrapped += t->count;
	store__backup_step(t->backup, 6);
	r = period_destroy(t->backup, name);
	if (r == 0)
		result->periods_ended++;
	return r;
}

int
store__periods_tend(struct store__backup *backup,
		    const struct store_archive *archive, int64_t now_ns,
		    struct store_backup_result *result)
{
	struct tending t = { .backup = backup,
			     .archive = archive,
			     .now_ns = now_ns };
	struct dirent *entry;
	DIR *dir = NULL;
	int fd, r = 0;

	if (backup->periods_fd < 0)
		return -ENOENT;
	t.periods = store__periods_new(backup);
	fd =
	    openat(backup->periods_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		dir = fdopendir(fd);
	if (!t.periods || !dir)
		r = fd < 0 ? -errno : -ENOMEM;
	if (fd >= 0 && !dir)
		close(fd);
	while (r == 0 && (entry = readdir(dir)) != NULL)
		if (period_name_parse(entry->d_name, &t.period) &&
		    store__period_end(t.period) <= now_ns)
			r = period_tend(&t, entry->d_name, result);
	if (dir)
		closedir(dir);
	free(t.moved);
	store__periods_free(&t.periods);
	return r;
}
