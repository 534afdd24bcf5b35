/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The folder of a backup, and copying files with their hash. Files get their
 * name when they are whole; what is synced, and when, is a matter of who calls.
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

#define COPY_BYTES     ((size_t)1 << 20)
#define TEXT_BYTES_MAX ((off_t)1 << 32)
#define IDENTITY       "backup"
#define LOCK           "lock"
#define WORD           "spanrec-backup-2 "
#define PERIODS_WORD   "periods "
#define PERIODS_USUAL  "periods"
#define DIR_MODE       0700

/* ---- small things ------------------------------------------------------- */

void
store__backup_own(const struct store__backup *backup, int fd)
{
	if (backup && backup->owner_set)
		(void)!fchown(fd, backup->uid, backup->gid);
}

void
store__generation_path(char path[STORE__BACKUP_PATH_BYTES], uint64_t generation,
		       const char *name)
{
	snprintf(path, STORE__BACKUP_PATH_BYTES, "%" PRIu64 "/%s", generation,
		 name);
}

int
store__backup_folders(const struct store__backup *backup, int dir_fd,
		      const char *path)
{
	char part[STORE__BACKUP_PATH_BYTES];
	const char *slash = path;
	size_t n;

	while ((slash = strchr(slash, '/'))) {
		n = (size_t)(slash++ - path);
		if (n >= sizeof(part))
			return -ENAMETOOLONG;
		memcpy(part, path, n);
		part[n] = '\0';
		if (mkdirat(dir_fd, part,
			    backup ? DIR_MODE : STORE__DIR_MODE)) {
			if (errno != EEXIST)
				return -errno;
			continue;
		}
		if (backup && backup->owner_set)
			(void)!fchownat(dir_fd, part, backup->uid, backup->gid,
					AT_SYMLINK_NOFOLLOW);
	}
	return 0;
}

int
store__read_all(int dir_fd, const char *path, char **text, size_t *n)
{
	int r, fd = store__file_open(dir_fd, path, O_RDONLY);
	struct stat st;

	*text = NULL;
	*n = 0;
	if (fd < 0)
		return fd;
	r = fstat(fd, &st) ? -errno : 0;
	if (r == 0 && st.st_size > TEXT_BYTES_MAX)
		r = -EBADMSG;
	if (r == 0) {
		*text = malloc((size_t)st.st_size + 1);
		r = *text ? store__pread(fd, *text, (size_t)st.st_size, 0)
			  : -ENOMEM;
	}
	close(fd);
	if (r == 0) {
		*n = (size_t)st.st_size;
		(*text)[*n] = '\0';
		return 0;
	}
	free(*text);
	*text = NULL;
	return r == -ENODATA ? -EBADMSG : r;
}

/* ---- copies ------------------------------------------------------------- */

/** What cannot be read is damaged, wherever that comes from: what is written
 * has other errors. @param to -1: only hash it */
static int
pump(int from, int to, uint64_t *bytes, uint8_t hash[STORE_HASH_BYTES])
{
	crypto_generichash_state state;
	uint8_t *buffer = malloc(COPY_BYTES);
	ssize_t n = 0;
	int r = buffer ? 0 : -ENOMEM;

	*bytes = 0;
	crypto_generichash_init(&state, NULL, 0, STORE_HASH_BYTES);
	(void)posix_fadvise(from, 0, 0, POSIX_FADV_SEQUENTIAL);
	while (r == 0) {
		n = pread(from, buffer, COPY_BYTES, (off_t)*bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = -EBADMSG;
		if (n <= 0)
			break;
		crypto_generichash_update(&state, buffer, (size_t)n);
		if (to >= 0)
			r = store__pwrite(to, buffer, (size_t)n, *bytes);
		*bytes += (uint64_t)n;
	}
	crypto_generichash_final(&state, hash, STORE_HASH_BYTES);
	free(buffer);
	return r;
}

int
store__copy(int from, int to, uint64_t *bytes, uint8_t hash[STORE_HASH_BYTES])
{
	return pump(from, to, bytes, hash);
}

int
store__hash_file(int fd, uint64_t *bytes, uint8_t hash[STORE_HASH_BYTES])
{
	return pump(fd, -1, bytes, hash);
}

/** A new file under the name that it has until it is whole. @return fd */
static int
part_open(const struct store__backup *backup, int dir_fd, const char *path,
	  char part[STORE__BACKUP_PATH_BYTES])
{
	int fd, n = snprintf(part, STORE__BACKUP_PATH_BYTES, "%s.part", path);

	if (n < 0 || n >= STORE__BACKUP_PATH_BYTES)
		return -ENAMETOOLONG;
	(void)unlinkat(dir_fd, part, 0);
	fd = store__file_open(dir_fd, part, O_RDWR | O_CREAT | O_EXCL);
	if (fd == -ENOENT) {
		int r = store__backup_folders(backup, dir_fd, path);

		if (r)
			return r;
		fd = store__file_open(dir_fd, part, O_RDWR | O_CREAT | O_EXCL);
	}
	if (fd >= 0)
		store__backup_own(backup, fd);
	return fd;
}

/** @param r what came of it so far */
static int
part_end(int dir_fd, const char *part, const char *path, int fd, int r)
{
	if (close(fd) && r == 0)
		r = -errno;
	if (r == 0 && renameat(dir_fd, part, dir_fd, path))
		r = -errno;
	if (r)
		(void)unlinkat(dir_fd, part, 0);
	return r;
}

int
store__copy_to(const struct store__backup *backup, int from, int dir_fd,
	       const char *path, uint64_t *bytes,
	       uint8_t hash[STORE_HASH_BYTES])
{
	char part[STORE__BACKUP_PATH_BYTES];
	int r, fd = part_open(backup, dir_fd, path, part);

	if (fd < 0)
		return fd;
	r = store__copy(from, fd, bytes, hash);
	return part_end(dir_fd, part, path, fd, r);
}

int
store__write_to(const struct store__backup *backup, int dir_fd,
		const char *path, const void *bytes, size_t n)
{
	char part[STORE__BACKUP_PATH_BYTES];
	int r, fd = part_open(backup, dir_fd, path, part);

	if (fd < 0)
		return fd;
	r = store__pwrite(fd, bytes, n, 0);
	if (r == 0 && fsync(fd))
		r = -errno;
	return part_end(dir_fd, part, path, fd, r);
}

/* ---- a generation that is not needed any more --------------------------- */

/* Keys of pseudonyms are overwritten, as far as that helps. */
static void
file_scrap(int dir_fd, const char *path)
{
	static const uint8_t zeros[4096];
	struct stat st;
	int fd = store__file_open(dir_fd, path, O_WRONLY);

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size < (1 << 20)) {
		for (off_t at = 0; at < st.st_size; at += (off_t)sizeof(zeros))
			(void)!store__pwrite(fd, zeros, sizeof(zeros),
					     (uint64_t)at);
		(void)fdatasync(fd);
	}
	if (fd >= 0)
		close(fd);
	(void)unlinkat(dir_fd, path, 0);
}

static void
folder_remove(int dir_fd, const char *path)
{
	int fd = openat(dir_fd, path,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct dirent *entry;
	DIR *dir;

	if (fd < 0)
		return;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, "pseudonyms") == 0)
			file_scrap(fd, entry->d_name);
		else if (entry->d_name[0] != '.')
			(void)unlinkat(fd, entry->d_name, 0);
	}
	closedir(dir);
	(void)unlinkat(dir_fd, path, AT_REMOVEDIR);
}

void
store__generation_remove(const struct store__backup *backup,
			 uint64_t generation)
{
	char path[STORE__BACKUP_PATH_BYTES];

	store__generation_path(path, generation, "index");
	folder_remove(backup->dir_fd, path);
	snprintf(path, sizeof(path), "%" PRIu64, generation);
	folder_remove(backup->dir_fd, path);
}

/* ---- folders of days ---------------------------------------------------- */

struct days {
	int dir_fd;
	int (*fn)(void *ctx, uint32_t day, const char *path);
	void *ctx;
};

/** @param date as far as the path has it @param depth of folders below "audio"
 * that were gone through */
static int
days_walk(const struct days *days, const char *path, uint32_t date, int depth)
{
	int r = 0, fd = openat(days->dir_fd, path,
			       O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	char below[STORE__BACKUP_PATH_BYTES];
	struct dirent *entry;
	uint32_t part;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r == -ENOENT || r == -ENOTDIR ? 0 : r;
	}
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9' ||
		    snprintf(below, sizeof(below), "%s/%s", path,
			     entry->d_name) >= (int)sizeof(below))
			continue;
		part = date * 100 + (uint32_t)strtoul(entry->d_name, NULL, 10);
		r = depth < 2 ? days_walk(days, below, part, depth + 1)
			      : days->fn(days->ctx, part, below);
	}
	closedir(dir);
	return r;
}

int
store__audio_days(int dir_fd,
		  int (*fn)(void *ctx, uint32_t day, const char *path),
		  void *ctx)
{
	const struct days days = { dir_fd, fn, ctx };

	return days_walk(&days, "audio", 0, 0);
}

/* ---- the folder --------------------------------------------------------- */

static int
folder_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/** "spanrec-backup-2 <id>\nperiods <where>\n" */
static int
identity_parse(struct store__backup *backup, const char *text)
{
	const size_t hex = (size_t)2 * STORE__BACKUP_ID_BYTES;
	char id[2 * STORE__BACKUP_ID_BYTES + 1];
	const char *end;

	if (strncmp(text, "spanrec-backup-", 15) != 0)
		return -EBADMSG;
	if (strncmp(text, WORD, strlen(WORD)) != 0)
		return -EPROTO;
	text += strlen(WORD);
	if (strnlen(text, hex) < hex || text[hex] != '\n')
		return -EBADMSG;
	memcpy(id, text, hex);
	id[hex] = '\0';
	if (store_unhex(backup->id, sizeof(backup->id), id))
		return -EBADMSG;
	text += hex + 1;
	end = strchr(text, '\n');
	if (strncmp(text, PERIODS_WORD, strlen(PERIODS_WORD)) != 0 || !end)
		return -EBADMSG;
	text += strlen(PERIODS_WORD);
	if (end == text || (size_t)(end - text) >= sizeof(backup->periods))
		return -EBADMSG;
	memcpy(backup->periods, text, (size_t)(end - text));
	backup->periods[end - text] = '\0';
	return 0;
}

/** Are these the periods of this backup? */
static int
periods_check(const struct store__backup *backup)
{
	struct store__backup other = { .dir_fd = -1 };
	char *text;
	size_t n;
	int r = store__read_all(backup->periods_fd, IDENTITY, &text, &n);

	if (r == 0)
		r = identity_parse(&other, text);
	free(text);
	if (r == 0 && memcmp(other.id, backup->id, sizeof(other.id)) != 0)
		r = -ESTALE;
	return r;
}

static int
periods_open(struct store__backup *backup, const char *given)
{
	const char *path = given ? given : backup->periods;
	int r;

	if (path[0] == '/')
		backup->periods_fd = folder_open(path);
	else
		backup->periods_fd = openat(backup->dir_fd, path,
					    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (given)
		snprintf(backup->periods, sizeof(backup->periods), "%s", given);
	if (backup->periods_fd < 0) {
		backup->periods_fd = -1;
		return 0;
	}
	r = periods_check(backup);
	/* Not mounted: what is there is an empty folder. */
	if (r) {
		close(backup->periods_fd);
		backup->periods_fd = -1;
	}
	return r == -ENOENT || !given ? 0 : r;
}

int
store__backup_open(struct store__backup *backup, const char *dir,
		   const char *periods)
{
	struct stat st;
	char *text;
	size_t n;
	int r;

	*backup = (struct store__backup){ .periods_fd = -1, .lock_fd = -1 };
	backup->dir_fd = folder_open(dir);
	if (backup->dir_fd < 0)
		return backup->dir_fd;
	r = store__read_all(backup->dir_fd, IDENTITY, &text, &n);
	if (r == 0)
		r = identity_parse(backup, text);
	free(text);
	if (r == 0)
		r = periods_open(backup, periods);
	if (r == 0 && geteuid() == 0 && fstat(backup->dir_fd, &st) == 0) {
		backup->owner_set = true;
		backup->uid = st.st_uid;
		backup->gid = st.st_gid;
	}
	if (r)
		store__backup_close(backup);
	return r;
}

void
store__backup_close(struct store__backup *backup)
{
	if (backup->lock_fd >= 0)
		close(backup->lock_fd);
	if (backup->periods_fd >= 0)
		close(backup->periods_fd);
	if (backup->dir_fd >= 0)
		close(backup->dir_fd);
	backup->lock_fd = backup->periods_fd = backup->dir_fd = -1;
}

/** @return fd, to be closed; -EBUSY, ... */
static int
lock_take(const struct store__backup *as, int dir_fd)
{
	int r, fd = store__file_open(dir_fd, LOCK, O_RDWR | O_CREAT);

	if (fd < 0)
		return fd;
	store__backup_own(as, fd);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	r = errno == EWOULDBLOCK ? -EBUSY : -errno;
	close(fd);
	return r;
}

int
store__backup_lock(struct store__backup *backup)
{
	backup->lock_fd = lock_take(backup, backup->dir_fd);
	return backup->lock_fd < 0 ? backup->lock_fd : 0;
}

/* ---- a new one ---------------------------------------------------------- */

static int
folder_has(int fd, bool *any)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	DIR *dir;

	*any = false;
	if (copy < 0)
		return -errno;
	dir = fdopendir(copy);
	if (!dir) {
		close(copy);
		return -ENOMEM;
	}
	/* What a file system has of itself, and half of an identity. */
	while ((entry = readdir(dir)) != NULL)
		*any |= entry->d_name[0] != '.' &&
			strcmp(entry->d_name, "lost+found") != 0 &&
			strcmp(entry->d_name, PERIODS_USUAL) != 0 &&
			strcmp(entry->d_name, LOCK) != 0 &&
			strcmp(entry->d_name, IDENTITY ".part") != 0;
	closedir(dir);
	return 0;
}

/** Made, or there. @return fd */
static int
folder_make(const char *dir, const struct store__backup *as)
{
	bool made = mkdir(dir, DIR_MODE) == 0;
	int fd;

	if (!made && errno != EEXIST)
		return -errno;
	fd = folder_open(dir);
	if (fd >= 0 && made)
		store__backup_own(as, fd);
	return fd;
}

static int
identity_write(const struct store__backup *as, int fd, const char *periods)
{
	char hex[2 * STORE__BACKUP_ID_BYTES + 1], text[4096 + 128];
	int n, r;

	store_hex(hex, as->id, sizeof(as->id));
	n = snprintf(text, sizeof(text), WORD "%s\n" PERIODS_WORD "%s\n", hex,
		     periods);
	if (n < 0 || (size_t)n >= sizeof(text))
		return -ENAMETOOLONG;
	r = store__write_to(as, fd, IDENTITY, text, (size_t)n);
	return r == 0 && fsync(fd) ? -errno : r;
}

/** One without anything else: nobody makes a backup there before the lock is
 * closed. @param taken what to return if it has something @return fd of the
 * lock, -EBUSY, ... */
static int
folder_claim(const struct store__backup *as, int fd, int taken)
{
	int r, lock_fd;
	bool any;

	/* Into what is somebody else's not even a lock is put. */
	r = folder_has(fd, &any);
	if (r || any)
		return r ? r : taken;
	lock_fd = lock_take(as, fd);
	if (lock_fd < 0)
		return lock_fd;
	store__backup_step(as, 10);
	r = folder_has(fd, &any);
	if (r == 0 && !any)
		return lock_fd;
	close(lock_fd);
	return r ? r : taken;
}

/** In the folder of the backup, under the lock of that. */
static int
usual_periods(const struct store__backup *as, int dir_fd)
{
	int r, fd;

	if (mkdirat(dir_fd, PERIODS_USUAL, DIR_MODE) && errno != EEXIST)
		return -errno;
	fd = openat(dir_fd, PERIODS_USUAL, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -ENOTDIR;
	store__backup_own(as, fd);
	r = identity_write(as, fd, PERIODS_USUAL);
	close(fd);
	return r;
}

/** Elsewhere. Those of another backup are not taken for ours, nor are ours for
 * those of one that is made meanwhile. */
static int
apart_periods(const struct store__backup *as, const char *periods)
{
	int r, lock_fd, fd = folder_make(periods, as);

	if (fd < 0)
		return -ENOTDIR;
	lock_fd = folder_claim(as, fd, -ENOTEMPTY);
	r = lock_fd < 0 ? lock_fd : identity_write(as, fd, periods);
	if (lock_fd >= 0)
		close(lock_fd);
	close(fd);
	return r;
}

/** The keys first: a backup without them is none. */
static int
create_in(struct store__backup *as, int fd, const char *periods)
{
	int r, lock_fd = folder_claim(as, fd, -EEXIST);

	if (lock_fd < 0)
		return lock_fd;
	randombytes_buf(as->id, sizeof(as->id));
	r = periods ? apart_periods(as, periods) : usual_periods(as, fd);
	if (r == 0)
		r = identity_write(as, fd, periods ? periods : PERIODS_USUAL);
	close(lock_fd);
	return r;
}

static bool
has_identity(int fd)
{
	return faccessat(fd, IDENTITY, F_OK, 0) == 0;
}

int
store__backup_create(const struct store_backup_config *config,
		     const struct store_archive *archive)
{
	struct store__backup as = { .dir_fd = -1, .fault = config->fault };
	struct stat st;
	int fd, r = 0;

	if (geteuid() == 0 && fstat(archive->dir_fd, &st) == 0) {
		as.owner_set = true;
		as.uid = st.st_uid;
		as.gid = st.st_gid;
	}
	fd = folder_make(config->dir, &as);
	if (fd < 0)
		return fd;
	if (!has_identity(fd))
		r = create_in(&as, fd, config->periods);
	/* Somebody else was first. */
	if (r == -EEXIST && has_identity(fd))
		r = 0;
	close(fd);
	return r;
}
