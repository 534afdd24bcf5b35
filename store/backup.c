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
#define WORD           "spanrec-backup-1 "
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

/** @param to -1: only hash it */
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
			r = -errno;
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

/** The folder of a generation? @return 0: something else */
static uint64_t
generation_parse(const char *name)
{
	char *end;
	uint64_t generation = strtoull(name, &end, 10);

	return name[0] >= '1' && name[0] <= '9' && *end == '\0' ? generation
								: 0;
}

static void
generations_remove(const struct store__backup *backup, uint64_t but)
{
	int fd =
	    openat(backup->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	uint64_t found;

	if (!dir && fd >= 0)
		close(fd);
	while (dir && (entry = readdir(dir)) != NULL) {
		found = generation_parse(entry->d_name);
		if (found && found != but)
			store__generation_remove(backup, found);
	}
	if (dir)
		closedir(dir);
}

static void
lists_remove(const struct store__backup *backup,
	     const struct store__manifest *manifest)
{
	int fd =
	    openat(backup->dir_fd, "days", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char path[STORE__BACKUP_PATH_BYTES];
	struct dirent *entry;
	int n;

	if (!dir && fd >= 0)
		close(fd);
	while (dir && (entry = readdir(dir)) != NULL) {
		n = snprintf(path, sizeof(path), "days/%s", entry->d_name);
		if (entry->d_name[0] != '.' && n < (int)sizeof(path) &&
		    !store__manifest_find(manifest, path))
			(void)unlinkat(fd, entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

void
store__generations_tidy(const struct store__backup *backup,
			const struct store__manifest *manifest)
{
	generations_remove(backup, manifest->generation);
	lists_remove(backup, manifest);
}

/* ---- the folder --------------------------------------------------------- */

static int
folder_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/** "spanrec-backup-1 <id>\nperiods <where>\n" */
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

int
store__backup_lock(struct store__backup *backup)
{
	backup->lock_fd =
	    store__file_open(backup->dir_fd, "lock", O_RDWR | O_CREAT);
	if (backup->lock_fd < 0)
		return backup->lock_fd;
	store__backup_own(backup, backup->lock_fd);
	if (flock(backup->lock_fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return 0;
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

/** The keys first: a backup without them is none. */
static int
create_in(struct store__backup *as, int fd, const char *periods)
{
	int periods_fd, r;
	bool any;

	r = folder_has(fd, &any);
	if (r || any)
		return r ? r : -EEXIST;
	randombytes_buf(as->id, sizeof(as->id));
	if (periods) {
		periods_fd = folder_make(periods, as);
	} else {
		if (mkdirat(fd, PERIODS_USUAL, DIR_MODE) && errno != EEXIST)
			return -errno;
		periods_fd = openat(fd, PERIODS_USUAL,
				    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (periods_fd >= 0)
			store__backup_own(as, periods_fd);
	}
	if (periods_fd < 0)
		return -ENOTDIR;
	/* Those of another backup are not taken for ours. */
	r = periods ? folder_has(periods_fd, &any) : 0;
	if (r == 0 && periods && any)
		r = -EEXIST;
	if (r == 0)
		r = identity_write(as, periods_fd,
				   periods ? periods : PERIODS_USUAL);
	close(periods_fd);
	return r ? r
		 : identity_write(as, fd, periods ? periods : PERIODS_USUAL);
}

int
store__backup_create(const char *dir, const char *periods,
		     const struct store_archive *archive)
{
	struct store__backup as = { .dir_fd = -1 };
	struct stat st;
	int fd, r;

	if (geteuid() == 0 && fstat(archive->dir_fd, &st) == 0) {
		as.owner_set = true;
		as.uid = st.st_uid;
		as.gid = st.st_gid;
	}
	fd = folder_make(dir, &as);
	if (fd < 0)
		return fd;
	r = faccessat(fd, IDENTITY, F_OK, 0) == 0 ? 0
						  : create_in(&as, fd, periods);
	close(fd);
	return r;
}

int
store_backup_file(const char *dir, const char *name, char **text, size_t *n)
{
	const struct store__listed *listed = NULL;
	char path[STORE__BACKUP_PATH_BYTES];
	struct store__manifest manifest = { 0 };
	uint8_t hash[STORE_HASH_BYTES];
	struct store__backup backup;
	int r = store__backup_open(&backup, dir, NULL);

	*text = NULL;
	if (r)
		return r;
	r = store__manifest_read(&backup, &manifest);
	store__generation_path(path, manifest.generation, name);
	if (r == 0)
		listed = store__manifest_find(&manifest, path);
	if (r == 0 && !listed)
		r = -ENOENT;
	if (r == 0)
		r = store__read_all(backup.dir_fd, path, text, n);
	if (r == 0) {
		store_hash(hash, *text, *n);
		if (memcmp(hash, listed->hash, sizeof(hash)) != 0)
			r = -EBADMSG;
	}
	if (r) {
		free(*text);
		*text = NULL;
	}
	store__manifest_fini(&manifest);
	store__backup_close(&backup);
	return r;
}
