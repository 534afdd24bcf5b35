/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The archive as a folder: making one, the lock of its one writer, opening,
 * and what has to be put right after a crash.
 */
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "store/store_priv.h"

/* ---- the reserve ------------------------------------------------------- */

/* What the index needs to recover some thousand recordings, and to note and
 * certify deletions. */
#define RESERVE_BYTES (4 << 20)
/* It is taken from a disk that has so many times as much. */
#define RESERVE_SHARE 4

/* Set it aside again, if there is room for it. */
static void
reserve_keep(int dir_fd)
{
	struct statvfs fs;
	int fd = store__file_open(dir_fd, "reserve", O_RDWR | O_CREAT);

	if (fd < 0)
		return;
	if (fstatvfs(fd, &fs) == 0 &&
	    fs.f_bavail * fs.f_frsize > RESERVE_SHARE * RESERVE_BYTES)
		(void)posix_fallocate(fd, 0, RESERVE_BYTES);
	close(fd);
}

static void
reserve_give_up(int dir_fd)
{
	int fd = store__file_open(dir_fd, "reserve", O_RDWR);

	if (fd < 0)
		return;
	(void)!ftruncate(fd, 0);
	close(fd);
}

bool
store__reserve_use(struct store_archive *archive)
{
	struct statvfs fs;
	struct stat st;

	/* Else it is the index that is full, not the disk. */
	if (fstatvfs(archive->dir_fd, &fs) ||
	    fs.f_bavail * fs.f_frsize >= RESERVE_BYTES ||
	    fstatat(archive->dir_fd, "reserve", &st, AT_SYMLINK_NOFOLLOW) ||
	    st.st_size == 0)
		return false;
	reserve_give_up(archive->dir_fd);
	archive->reserve_used = true;
	return true;
}

void
store__reserve_keep(struct store_archive *archive)
{
	struct stat st;

	if (!archive->reserve_used)
		return;
	reserve_keep(archive->dir_fd);
	archive->reserve_used =
	    fstatat(archive->dir_fd, "reserve", &st, AT_SYMLINK_NOFOLLOW) ||
	    st.st_size == 0;
}

/* ---- making one -------------------------------------------------------- */

static const char *const folders[] = { "index", "keyring", "audio", "policy" };
static const char *const files[] = { "recipients", "lock", "reserve",
				     "index/data.mdb", "index/lock.mdb" };

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/** @return 0, or -EEXIST if there is anything in it */
static int
folder_empty(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	DIR *dir;
	int r = 0;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			r = -EEXIST;
	closedir(dir);
	return r;
}

static int
recipients_write(int dir_fd, const struct store_public *recipients,
		 size_t count)
{
	char text[STORE_RECIPIENTS_MAX * (STORE_PUBLIC_TEXT_BYTES + 1)];
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		store_public_text(text + n, &recipients[i]);
		n += strlen(text + n);
		text[n++] = '\n';
	}
	return store__file_create(dir_fd, "recipients", text, n,
				  STORE__FILE_MODE);
}

static int
fill(int dir_fd, const char *dir, const struct store_public *recipients,
     size_t count)
{
	int r;

	for (size_t i = 0; i < COUNT(folders); i++)
		if (mkdirat(dir_fd, folders[i], STORE__DIR_MODE))
			return -errno;
	r = store__file_create(dir_fd, "lock", NULL, 0, STORE__FILE_MODE);
	if (r == 0)
		r = store__index_create(dir);
	if (r == 0)
		reserve_keep(dir_fd);
	/* Last, because it is what tells an archive from half of one. */
	if (r == 0)
		r = recipients_write(dir_fd, recipients, count);
	if (r == 0 && syncfs(dir_fd))
		r = -errno;
	return r;
}

int
store_archive_create(const char *dir, const struct store_public *recipients,
		     size_t count)
{
	bool made;
	int dir_fd, r;

	if (count == 0 || count > STORE_RECIPIENTS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		if (!store__public_usable(&recipients[i]))
			return -EINVAL;
	made = mkdir(dir, STORE__DIR_MODE) == 0;
	if (!made && errno != EEXIST)
		return -errno;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return errno == ENOTDIR ? -EEXIST : -errno;
	r = folder_empty(dir_fd);
	if (r == 0) {
		r = fill(dir_fd, dir, recipients, count);
		/* All or nothing: it was empty before. */
		for (size_t i = 0; r && i < COUNT(files); i++)
			(void)unlinkat(dir_fd, files[i], 0);
		for (size_t i = 0; r && i < COUNT(folders); i++)
			(void)unlinkat(dir_fd, folders[i], AT_REMOVEDIR);
	}
	close(dir_fd);
	if (r && made)
		(void)rmdir(dir);
	return r;
}

/* ---- the lock ---------------------------------------------------------- */

/** @param purge the room set aside is wanted: not before it is sure that nobody
 * else writes */
static int
lock_take(struct store_archive *archive, bool purge)
{
	char text[32];
	int n;

	archive->lock_fd =
	    store__file_open(archive->dir_fd, "lock", O_RDWR | O_CREAT);
	if (archive->lock_fd < 0)
		return archive->lock_fd;
	if (flock(archive->lock_fd, LOCK_EX | LOCK_NB)) {
		n = errno == EWOULDBLOCK ? -EBUSY : -errno;
		close(archive->lock_fd);
		archive->lock_fd = -1;
		return n;
	}
	if (purge)
		reserve_give_up(archive->dir_fd);
	n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(archive->lock_fd, 0))
		return -errno;
	n = store__pwrite(archive->lock_fd, text, (size_t)n, 0);
	/* It is there for a message only: a hold or a purge can do without. */
	return n == -ENOSPC || n == -EDQUOT ? 0 : n;
}

int
store_archive_writer(const char *dir)
{
	char text[32] = "";
	long pid = 0;
	ssize_t n;
	int fd;
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir_fd < 0)
		return 0;
	fd = store__file_open(dir_fd, "lock", O_RDONLY);
	close(dir_fd);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n > 0)
		pid = strtol(text, NULL, 10);
	return pid > 0 && pid < INT32_MAX ? (int)pid : 0;
}

/* ---- after a crash ----------------------------------------------------- */

struct recover {
	struct store_archive *archive;
	struct store_recovery *found;
	bool changed; /**< rows */
};

/** Cut a file down. It is 0440, so its owner has to ask to write. */
static int
file_cut(int dir_fd, const char *path, int fd, uint64_t bytes)
{
	int out, r = 0;

	if (fchmod(fd, 0640))
		return -errno;
	out = store__file_open(dir_fd, path, O_WRONLY);
	if (out < 0)
		return out;
	if (ftruncate(out, (off_t)bytes) || fchmod(out, 0440) || fsync(out))
		r = -errno;
	close(out);
	return r;
}

/** What there is of a recording that nobody finished. @return what the disk
 * said; then it is damaged, unless it says otherwise */
static int
salvage(struct recover *recover, struct store_segment *segment, int fd,
	const char *path)
{
	struct store__walk walk;
	int r = store__walk_file(&walk, fd);

	if (r == -EBADMSG && walk.file_bytes < STORE__HEADER_BYTES) {
		/* Not even its header was written. */
		recover->found->empty++;
		if (unlinkat(recover->archive->dir_fd, path, 0))
			return -errno;
		return 0;
	}
	if (r == 0 && strcmp(walk.header.id, segment->id) != 0)
		r = -EBADMSG;
	if (r == -EBADMSG || r == -EPROTO) {
		segment->state = STORE_STATE_DAMAGED;
		return 0;
	}
	if (r)
		return r;
	if (walk.good_bytes < walk.file_bytes) {
		r = file_cut(recover->archive->dir_fd, path, fd,
			     walk.good_bytes);
		recover->found->cut_bytes += walk.file_bytes - walk.good_bytes;
	} else if (fsync(fd)) {
		/* All of it could be read: if that does not last, verify
		 * tells. */
		recover->found->failed++;
	}
	segment->chunks = walk.chunks;
	memcpy(segment->file_hash, walk.hash, STORE_HASH_BYTES);
	if (walk.chunks == 0)
		recover->found->empty++;
	else
		segment->end_ns =
		    segment->start_ns + (walk.second + INT64_C(1)) * NS_PER_S;
	return r;
}

static int
recover_one(void *ctx, const struct store_segment *found)
{
	struct recover *recover = ctx;
	struct store_archive *archive = recover->archive;
	struct store_segment segment = *found;
	char path[STORE__PATH_BYTES];
	int fd, r = 0;

	segment.state = STORE_STATE_INTERRUPTED;
	segment.chunks = 0;
	if (segment.end_ns < segment.start_ns)
		segment.end_ns = segment.start_ns;
	store__recording_path(path, segment.key_day, segment.id,
			      segment.scrubs);
	fd = store__file_open(archive->dir_fd, path, O_RDONLY);
	if (fd >= 0) {
		r = salvage(recover, &segment, fd, path);
		close(fd);
	} else if (fd == -ENOENT) {
		recover->found->empty++;
	} else {
		r = fd;
	}
	if (store__error_is_ours(r))
		return r;
	/* One that cannot be put right must not keep all others waiting. */
	if (r)
		segment.state = STORE_STATE_DAMAGED;
	if (segment.state == STORE_STATE_DAMAGED)
		recover->found->failed++;
	else
		recover->found->interrupted++;
	recover->changed = true;
	return store_segment_put(archive, &segment);
}

static int
recover_skipped(void *ctx, const struct store__key *key, int error)
{
	struct recover *recover = ctx;

	(void)key;
	(void)error;
	recover->found->failed++;
	return 0;
}

/** Recordings that nobody finished. */
static int
recover_live(struct store_archive *archive, struct store_recovery *found)
{
	struct recover recover = { .archive = archive, .found = found };
	int r = store_batch_begin(archive);

	if (r)
		return r;
	*found = (struct store_recovery){ 0 };
	r = store__table_walk(archive, archive->tables.live, recover_one,
			      recover_skipped, &recover);
	/* The rows must not know more than the folders. */
	if (r == 0 && recover.changed)
		r = store_archive_sync(archive);
	if (r == 0 && recover.changed)
		r = store_batch_commit(archive);
	else
		store_batch_abort(archive);
	return r;
}

static int
recover_all(struct store_archive *archive, int64_t now_ns,
	    struct store_recovery *found)
{
	int r;

	do
		r = recover_live(archive, found);
	while (r == -ENOSPC && store__reserve_use(archive));
	/* Before any key is destroyed: it would not stay so. */
	if (r == 0 && store__reseal_finish(archive))
		found->failed++;
	if (r == 0)
		r = store__purge_finish_all(archive, now_ns, found);
	if (r == 0)
		r = store__scrub_finish_all(archive, now_ns, found);
	if (r == 0)
		r = store__leftovers_find(archive, found);
	return r;
}

/** When what is recovered is finished. */
static int64_t
recovered_ns(const struct store_archive_config *config)
{
	struct timespec now;

	if (config && config->now_ns)
		return config->now_ns;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* ---- opening ----------------------------------------------------------- */

int
store_archive_open(struct store_archive **archive, const char *dir,
		   enum store_mode mode,
		   const struct store_archive_config *config,
		   struct store_recovery *recovery)
{
	struct store_recovery found = { 0 };
	struct store_archive *a = calloc(1, sizeof(*a));
	int r;

	*archive = NULL;
	if (!a)
		return -ENOMEM;
	a->mode = mode == STORE_READ ? STORE_READ : STORE_WRITE;
	a->cipher = store__cipher_best();
	a->lock_fd = -1;
	a->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = a->dir_fd < 0 ? -errno : store__recipients_load(a);
	if (r == -ENOTDIR)
		r = -ENOENT;
	if (r == 0 && a->mode == STORE_WRITE)
		r = lock_take(a, mode == STORE_PURGE);
	if (r == 0)
		r = store__index_open(a, dir, config ? config->map_bytes : 0);
	if (r == 0 && a->mode == STORE_WRITE)
		r = recover_all(a, recovered_ns(config), &found);
	if (r)
		store_archive_close(&a);
	if (recovery)
		*recovery = found;
	*archive = a;
	return r;
}

void
store_archive_close(struct store_archive **archive)
{
	struct store_archive *a = *archive;

	*archive = NULL;
	if (!a)
		return;
	store__index_close(a);
	store__keyring_close(a);
	if (a->mode == STORE_WRITE && a->lock_fd >= 0)
		reserve_keep(a->dir_fd);
	store__recipients_free(a);
	if (a->lock_fd >= 0)
		close(a->lock_fd);
	if (a->dir_fd >= 0)
		close(a->dir_fd);
	free(a);
}

int
store_archive_sync(struct store_archive *archive)
{
	return syncfs(archive->dir_fd) ? -errno : 0;
}

/* ---- policies ---------------------------------------------------------- */

int
store_archive_keep_policy(struct store_archive *archive, const void *text,
			  size_t n, uint8_t hash[STORE_HASH_BYTES])
{
	char name[2 * STORE_HASH_BYTES + 1];
	char path[128], part[128];
	int r;

	store_hash(hash, text, n);
	store_hex(name, hash, STORE_HASH_BYTES);
	snprintf(path, sizeof(path), "policy/%s.yaml", name);
	r = faccessat(archive->dir_fd, path, F_OK, 0);
	if (archive->mode != STORE_WRITE)
		return r ? -EROFS : 0;
	/* Whoever made it may have been killed before its name was durable. */
	if (r == 0)
		return store__parent_sync(archive->dir_fd, path);
	/* Whole under its name or not there: one of its size may be cut. */
	snprintf(part, sizeof(part), "policy/%s.part", name);
	(void)unlinkat(archive->dir_fd, part, 0);
	r = store__file_create(archive->dir_fd, part, text, n, 0440);
	if (r == 0 && renameat(archive->dir_fd, part, archive->dir_fd, path))
		r = -errno;
	if (r)
		(void)unlinkat(archive->dir_fd, part, 0);
	return r ? r : store__parent_sync(archive->dir_fd, path);
}

static int
text_read(int fd, char **text, size_t *n)
{
	struct stat st;
	int r;

	if (fstat(fd, &st))
		return -errno;
	if (st.st_size > STORE_POLICY_BYTES_MAX)
		return -EBADMSG;
	*n = (size_t)st.st_size;
	*text = malloc(*n + 1);
	if (!*text)
		return -ENOMEM;
	r = store__pread(fd, *text, *n, 0);
	return r == -ENODATA ? -EBADMSG : r;
}

int
store_archive_policy(struct store_archive *archive,
		     const uint8_t hash[STORE_HASH_BYTES], char **text,
		     size_t *n)
{
	char name[2 * STORE_HASH_BYTES + 1], path[128];
	uint8_t found[STORE_HASH_BYTES];
	int fd, r;

	*text = NULL;
	*n = 0;
	store_hex(name, hash, STORE_HASH_BYTES);
	snprintf(path, sizeof(path), "policy/%s.yaml", name);
	fd = store__file_open(archive->dir_fd, path, O_RDONLY);
	if (fd < 0)
		return fd;
	r = text_read(fd, text, n);
	close(fd);
	if (r == 0) {
		store_hash(found, *text, *n);
		if (memcmp(found, hash, STORE_HASH_BYTES) != 0)
			r = -EBADMSG;
	}
	if (r) {
		free(*text);
		*text = NULL;
		*n = 0;
	}
	return r;
}

/** "<64 hexadecimal digits, lower case>.yaml" */
static bool
policy_name(const char *name, uint8_t hash[STORE_HASH_BYTES])
{
	char again[2 * STORE_HASH_BYTES + 1];
	const char *end;
	size_t n;

	if (sodium_hex2bin(hash, STORE_HASH_BYTES, name,
			   strnlen(name, sizeof(again) - 1), NULL, &n, &end) ||
	    n != STORE_HASH_BYTES || strcmp(end, ".yaml") != 0)
		return false;
	store_hex(again, hash, STORE_HASH_BYTES);
	return strncmp(again, name, strlen(again)) == 0;
}

int
store_archive_policies(struct store_archive *archive,
		       int (*fn)(void *ctx,
				 const uint8_t hash[STORE_HASH_BYTES]),
		       void *ctx)
{
	uint8_t hash[STORE_HASH_BYTES];
	struct dirent *entry;
	DIR *dir;
	int r = 0;
	int fd = openat(archive->dir_fd, "policy",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (entry = readdir(dir)) != NULL)
		if (policy_name(entry->d_name, hash))
			r = fn(ctx, hash);
	closedir(dir);
	return r;
}
