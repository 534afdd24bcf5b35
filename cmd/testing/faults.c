/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A shim for tests (LD_PRELOAD): whatever a program does to the files under one
 * folder is written into a log, with its bytes, in the order in which it was
 * done; and one of these calls can fail, or the program be killed at it. From
 * the log, .ci/crashes rebuilds what a power cut would have left.
 *
 *   FAULTS_UNDER   the folder, as realpath(3) has it
 *   FAULTS_LOG     the log; several programs may append to it, one after
 * another FAULTS_FAIL    KIND:N:ERROR[:TIMES]: the N-th call of that KIND (a
 * name below, or "any"; from 1) fails with ERROR (ENOSPC, ...), or "short":
 * half of the bytes are written. TIMES that many in a row; 0: from then on
 *   FAULTS_KILL    before:N or after:N: SIGKILL at the N-th call of any kind
 *   FAULTS_BAD     PART[:TIMES]: a bad place on the disk: reads of files there
 * whose path has this PART fail with EIO, as often as that; else always. They
 * are neither logged nor counted above
 *
 * Each record of the log, little-endian: the header below, then the bytes of
 * the path, of the other path (rename, link), and of the data.
 *
 * fopen(3) and its like are not seen: the archive is written without them.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define KINDS(X)                                                               \
	X(open)                                                                \
	X(write)                                                               \
	X(truncate)                                                            \
	X(allocate)                                                            \
	X(sync)                                                                \
	X(syncfs)                                                              \
	X(rename)                                                              \
	X(unlink)                                                              \
	X(rmdir)                                                               \
	X(link)                                                                \
	X(mkdir)                                                               \
	X(chmod)

enum kind {
#define X(name) KIND_##name,
	KINDS(X)
#undef X
	    KIND_COUNT
};

static const char *const kind_names[] = {
#define X(name) #name,
	KINDS(X)
#undef X
};

enum { FLAG_CREATED = 1, FLAG_TRUNCATED = 2, FLAG_DSYNC = 4, FLAG_DIR = 8 };
enum { FDS_MAX = 4096, SHORT = -1 };

struct header {
	uint32_t magic; /* "FLT1" */
	uint16_t kind;
	uint16_t flags;
	int32_t result;
	uint32_t pid;
	uint64_t inode;
	uint64_t offset;
	uint64_t bytes;
	uint32_t path_bytes;
	uint32_t other_bytes;
	uint32_t data_bytes;
	uint32_t zero;
};

/* What is about to be done. */
struct act {
	enum kind kind;
	struct header header;
	const char *path, *other;
	const struct iovec *data;
	int data_count;
	bool seen;
	bool shorter;
};

static struct {
	pthread_mutex_t mutex;
	const char *under;
	size_t under_bytes;
	int log_fd;
	uint64_t calls, of_kind[KIND_COUNT];
	int fail_kind; /* KIND_COUNT: any; -1: none */
	uint64_t fail_from, fail_times;
	int fail_error;
	uint64_t kill_before, kill_after;
	const char *bad; /* NULL: none */
	size_t bad_bytes;
	uint64_t bad_times;
	/* Of a descriptor: its path if it is one of ours. */
	char *paths[FDS_MAX];
} shim = { .mutex = PTHREAD_MUTEX_INITIALIZER, .log_fd = -1, .fail_kind = -1 };

/* ---- what it was told ---------------------------------------------------- */

static const struct {
	const char *name;
	int error;
} errors[] = {
	{ "EIO", EIO },       { "ENOSPC", ENOSPC }, { "EMFILE", EMFILE },
	{ "EROFS", EROFS },   { "EDQUOT", EDQUOT }, { "ENOMEM", ENOMEM },
	{ "EACCES", EACCES }, { "EINTR", EINTR },   { "short", SHORT },
};

static void
give_up(const char *what)
{
	fprintf(stderr, "faults: %s\n", what);
	_exit(99);
}

static void
fail_parse(const char *text)
{
	char kind[16], error[16];
	unsigned long from, times = 1;
	size_t i;

	if (sscanf(text, "%15[a-z]:%lu:%15[A-Za-z]:%lu", kind, &from, error,
		   &times) < 3)
		give_up("FAULTS_FAIL is KIND:N:ERROR[:TIMES]");
	shim.fail_kind = KIND_COUNT;
	for (i = 0; i < KIND_COUNT; i++)
		if (strcmp(kind, kind_names[i]) == 0)
			shim.fail_kind = (int)i;
	if (shim.fail_kind == KIND_COUNT && strcmp(kind, "any") != 0)
		give_up("there is no such kind of call");
	for (i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (strcmp(error, errors[i].name) == 0)
			shim.fail_error = errors[i].error;
	if (!shim.fail_error)
		give_up("there is no such error");
	shim.fail_from = from;
	shim.fail_times = times;
}

static void
bad_parse(const char *text)
{
	const char *colon = strchr(text, ':');

	shim.bad = text;
	shim.bad_bytes = colon ? (size_t)(colon - text) : strlen(text);
	shim.bad_times = colon ? strtoull(colon + 1, NULL, 10) : UINT64_MAX;
}

__attribute__((constructor)) static void
begin(void)
{
	const char *log = getenv("FAULTS_LOG");
	const char *fail = getenv("FAULTS_FAIL");
	const char *kill_at = getenv("FAULTS_KILL");

	shim.under = getenv("FAULTS_UNDER");
	if (!shim.under)
		return;
	shim.under_bytes = strlen(shim.under);
	if (log) {
		shim.log_fd =
		    open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		/* Out of the way of a limit of descriptors. */
		if (shim.log_fd < 0)
			give_up("the log cannot be opened");
	}
	if (fail)
		fail_parse(fail);
	if (getenv("FAULTS_BAD"))
		bad_parse(getenv("FAULTS_BAD"));
	if (kill_at && strncmp(kill_at, "before:", 7) == 0)
		shim.kill_before = strtoull(kill_at + 7, NULL, 10);
	else if (kill_at && strncmp(kill_at, "after:", 6) == 0)
		shim.kill_after = strtoull(kill_at + 6, NULL, 10);
}

/* ---- the calls that we stand in front of --------------------------------- */

#define REAL(name) ((__typeof__(&name))real(#name))

static void *
real(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (!function)
		give_up(name);
	return function;
}

/* ---- paths -----------------------------------------------------------------
 */

/** Is it in our folder, or that itself? @return its path there, or NULL */
static const char *
ours(const char *path)
{
	if (!shim.under || strncmp(path, shim.under, shim.under_bytes) != 0)
		return NULL;
	path += shim.under_bytes;
	if (*path == '\0')
		return path;
	return *path == '/' ? path + 1 : NULL;
}

/** Without "." and "//"; nobody here uses "..". */
static void
tidy(char *path)
{
	char *to = path, *from = path;

	while (*from) {
		if (from[0] == '/' &&
		    (from[1] == '/' ||
		     (from[1] == '.' && (from[2] == '/' || !from[2]))))
			from += from[1] == '/' ? 1 : 2;
		else
			*to++ = *from++;
	}
	*to = '\0';
}

static const char *
absolute(char out[PATH_MAX], int dir_fd, const char *path)
{
	char link[64], dir[PATH_MAX];
	ssize_t n;

	if (*path == '/') {
		(void)!snprintf(out, PATH_MAX, "%s", path);
	} else {
		if (dir_fd == AT_FDCWD)
			(void)!snprintf(link, sizeof(link), "/proc/self/cwd");
		else
			(void)!snprintf(link, sizeof(link), "/proc/self/fd/%d",
					dir_fd);
		n = readlink(link, dir, sizeof(dir) - 1);
		if (n < 0)
			return NULL;
		dir[n] = '\0';
		if (snprintf(out, PATH_MAX, "%s/%s", dir, path) >= PATH_MAX)
			return NULL;
	}
	tidy(out);
	return ours(out);
}

static void
remember(int fd, const char *path)
{
	if (fd < 0 || fd >= FDS_MAX)
		return;
	free(shim.paths[fd]);
	shim.paths[fd] = path ? strdup(path) : NULL;
}

static const char *
path_of(int fd)
{
	return shim.under && fd >= 0 && fd < FDS_MAX ? shim.paths[fd] : NULL;
}

/* ---- the log ----------------------------------------------------------------
 */

static void
log_bytes(const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n) {
		ssize_t done = REAL(write)(shim.log_fd, p, n);

		if (done <= 0)
			give_up("the log cannot be written");
		p += done;
		n -= (size_t)done;
	}
}

/** The first @param bytes of its data only. */
static void
log_data(const struct act *act, size_t bytes)
{
	for (int i = 0; i < act->data_count && bytes; i++) {
		size_t n = act->data[i].iov_len;

		n = n < bytes ? n : bytes;
		log_bytes(act->data[i].iov_base, n);
		bytes -= n;
	}
}

static void
log_act(const struct act *act)
{
	struct header h = act->header;

	if (shim.log_fd < 0)
		return;
	memcpy(&h.magic, "FLT1", 4);
	h.kind = (uint16_t)act->kind;
	h.pid = (uint32_t)getpid();
	h.path_bytes = act->path ? (uint32_t)strlen(act->path) : 0;
	h.other_bytes = act->other ? (uint32_t)strlen(act->other) : 0;
	if (act->kind == KIND_write)
		h.data_bytes = (uint32_t)(h.result > 0 ? h.result : 0);
	log_bytes(&h, sizeof(h));
	if (h.path_bytes)
		log_bytes(act->path, h.path_bytes);
	if (h.other_bytes)
		log_bytes(act->other, h.other_bytes);
	log_data(act, h.data_bytes);
}

/* ---- around each call -------------------------------------------------------
 */

/**
 * Count it, and let it fail if it is its turn. What happens to our files
 * happens one after another from here on, up to finish().
 *
 * @return 0, or the error with which it is to fail
 */
static int
start(struct act *act, const char *path)
{
	uint64_t n;

	act->path = path;
	act->seen = path != NULL;
	if (!act->seen)
		return 0;
	pthread_mutex_lock(&shim.mutex);
	n = ++shim.of_kind[act->kind];
	if (++shim.calls == shim.kill_before)
		kill(getpid(), SIGKILL);
	if (shim.fail_kind == KIND_COUNT)
		n = shim.calls;
	else if (shim.fail_kind != (int)act->kind)
		return 0;
	if (n < shim.fail_from ||
	    (shim.fail_times && n >= shim.fail_from + shim.fail_times))
		return 0;
	if (shim.fail_error != SHORT)
		return shim.fail_error;
	act->shorter = act->kind == KIND_write;
	return 0;
}

/** @return what the call returned, with its errno */
static ssize_t
finish(struct act *act, ssize_t result)
{
	int error = errno;

	if (!act->seen)
		return result;
	act->header.result = (int32_t)(result < 0 ? -error : result);
	log_act(act);
	if (shim.calls == shim.kill_after)
		kill(getpid(), SIGKILL);
	pthread_mutex_unlock(&shim.mutex);
	errno = error;
	return result;
}

static ssize_t
refuse(struct act *act, int error)
{
	errno = error;
	return finish(act, -1);
}

static void
note_inode(struct act *act, int fd)
{
	struct stat st;

	if (act->seen && fstat(fd, &st) == 0) {
		act->header.inode = st.st_ino;
		if (S_ISDIR(st.st_mode))
			act->header.flags |= FLAG_DIR;
	}
}

/* ---- open -------------------------------------------------------------------
 */

static int
open_at(int dir_fd, const char *path, int flags, mode_t mode)
{
	struct act act = { .kind = KIND_open };
	char whole[PATH_MAX];
	struct stat st;
	const char *name = absolute(whole, dir_fd, path);
	int fd, error;
	bool there;

	if (!name)
		return REAL(openat)(dir_fd, path, flags, mode);
	error = start(&act, name);
	if (error)
		return (int)refuse(&act, error);
	there = fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
	fd = REAL(openat)(dir_fd, path, flags, mode);
	if (fd >= 0) {
		if (!there)
			act.header.flags |= FLAG_CREATED;
		else if (flags & O_TRUNC)
			act.header.flags |= FLAG_TRUNCATED;
		note_inode(&act, fd);
		remember(fd, name);
	}
	return (int)finish(&act, fd);
}

#define MODE(flags)                                                            \
	mode_t mode = 0;                                                       \
	if ((flags) & (O_CREAT | __O_TMPFILE)) {                               \
		va_list ap;                                                    \
		va_start(ap, flags);                                           \
		mode = va_arg(ap, mode_t);                                     \
		va_end(ap);                                                    \
	}

int
open(const char *path, int flags, ...)
{
	MODE(flags)
	return open_at(AT_FDCWD, path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
	MODE(flags)
	return open_at(AT_FDCWD, path, flags, mode);
}

int
openat(int dir_fd, const char *path, int flags, ...)
{
	MODE(flags)
	return open_at(dir_fd, path, flags, mode);
}

int
openat64(int dir_fd, const char *path, int flags, ...)
{
	MODE(flags)
	return open_at(dir_fd, path, flags, mode);
}

/* What a hardened build calls when it gives no mode. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir_fd, const char *path, int flags);
int __openat64_2(int dir_fd, const char *path, int flags);

int
__open_2(const char *path, int flags)
{
	return open_at(AT_FDCWD, path, flags, 0);
}

int
__open64_2(const char *path, int flags)
{
	return open_at(AT_FDCWD, path, flags, 0);
}

int
__openat_2(int dir_fd, const char *path, int flags)
{
	return open_at(dir_fd, path, flags, 0);
}

int
__openat64_2(int dir_fd, const char *path, int flags)
{
	return open_at(dir_fd, path, flags, 0);
}

int
close(int fd)
{
	if (path_of(fd)) {
		pthread_mutex_lock(&shim.mutex);
		remember(fd, NULL);
		pthread_mutex_unlock(&shim.mutex);
	}
	return REAL(close)(fd);
}

/* ---- bytes ------------------------------------------------------------------
 */

/** @param offset -1: where the descriptor is */
static ssize_t
write_at(int fd, const struct iovec *data, int count, off_t offset)
{
	struct act act = { .kind = KIND_write,
			   .data = data,
			   .data_count = count };
	struct iovec half;
	const off_t given = offset;
	int error = start(&act, path_of(fd));

	if (error)
		return refuse(&act, error);
	if (act.seen) {
		if (given < 0)
			offset = lseek(fd, 0, SEEK_CUR);
		if (fcntl(fd, F_GETFL) & O_DSYNC)
			act.header.flags |= FLAG_DSYNC;
		act.header.offset = (uint64_t)offset;
		note_inode(&act, fd);
	}
	if (act.shorter) {
		half = data[0];
		half.iov_len = (half.iov_len + 1) / 2;
		data = &half;
		count = 1;
	}
	return finish(&act, given < 0 ? REAL(writev)(fd, data, count)
				      : REAL(pwritev)(fd, data, count, given));
}

ssize_t
write(int fd, const void *bytes, size_t n)
{
	const struct iovec data = { (void *)(uintptr_t)bytes, n };

	/* A pipe or a socket, as most are here. */
	if (!path_of(fd))
		return REAL(write)(fd, bytes, n);
	return write_at(fd, &data, 1, -1);
}

ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
	const struct iovec data = { (void *)(uintptr_t)bytes, n };

	return write_at(fd, &data, 1, offset);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t n, off64_t offset)
{
	return pwrite(fd, bytes, n, offset);
}

ssize_t
writev(int fd, const struct iovec *data, int count)
{
	return write_at(fd, data, count, -1);
}

ssize_t
pwritev(int fd, const struct iovec *data, int count, off_t offset)
{
	return write_at(fd, data, count, offset);
}

ssize_t
pwritev64(int fd, const struct iovec *data, int count, off64_t offset)
{
	return write_at(fd, data, count, offset);
}

int
ftruncate(int fd, off_t bytes)
{
	struct act act = { .kind = KIND_truncate };
	int error = start(&act, path_of(fd));

	if (error)
		return (int)refuse(&act, error);
	act.header.bytes = (uint64_t)bytes;
	note_inode(&act, fd);
	return (int)finish(&act, REAL(ftruncate)(fd, bytes));
}

int
ftruncate64(int fd, off64_t bytes)
{
	return ftruncate(fd, bytes);
}

int
posix_fallocate(int fd, off_t offset, off_t bytes)
{
	struct act act = { .kind = KIND_allocate };
	int error = start(&act, path_of(fd));

	if (error) {
		(void)refuse(&act, error);
		return error;
	}
	act.header.offset = (uint64_t)offset;
	act.header.bytes = (uint64_t)bytes;
	note_inode(&act, fd);
	error = REAL(posix_fallocate)(fd, offset, bytes);
	errno = error;
	(void)finish(&act, error ? -1 : 0);
	return error;
}

int
posix_fallocate64(int fd, off64_t offset, off64_t bytes)
{
	return posix_fallocate(fd, offset, bytes);
}

int
fallocate(int fd, int mode, off_t offset, off_t bytes)
{
	struct act act = { .kind = KIND_allocate };
	int error = start(&act, path_of(fd));

	if (error)
		return (int)refuse(&act, error);
	act.header.offset = (uint64_t)offset;
	act.header.bytes = (uint64_t)bytes;
	note_inode(&act, fd);
	return (int)finish(&act, REAL(fallocate)(fd, mode, offset, bytes));
}

int
fallocate64(int fd, int mode, off64_t offset, off64_t bytes)
{
	return fallocate(fd, mode, offset, bytes);
}

/* ---- a bad place ------------------------------------------------------------
 */

static bool
is_bad(int fd)
{
	const char *path = shim.bad ? path_of(fd) : NULL;
	bool bad;

	if (!path || !memmem(path, strlen(path), shim.bad, shim.bad_bytes))
		return false;
	pthread_mutex_lock(&shim.mutex);
	bad = shim.bad_times > 0;
	if (bad)
		shim.bad_times--;
	pthread_mutex_unlock(&shim.mutex);
	if (bad)
		errno = EIO;
	return bad;
}

ssize_t
pread(int fd, void *bytes, size_t n, off_t offset)
{
	return is_bad(fd) ? -1 : REAL(pread)(fd, bytes, n, offset);
}

ssize_t
pread64(int fd, void *bytes, size_t n, off64_t offset)
{
	return pread(fd, bytes, n, offset);
}

/* What a hardened build calls when it knows how much room there is. */
ssize_t __pread_chk(int fd, void *bytes, size_t n, off_t offset, size_t room);
ssize_t __pread64_chk(int fd, void *bytes, size_t n, off64_t offset,
		      size_t room);

ssize_t
__pread_chk(int fd, void *bytes, size_t n, off_t offset, size_t room)
{
	if (n > room)
		give_up("more is read than there is room for");
	return pread(fd, bytes, n, offset);
}

ssize_t
__pread64_chk(int fd, void *bytes, size_t n, off64_t offset, size_t room)
{
	return __pread_chk(fd, bytes, n, offset, room);
}

/* ---- durable ----------------------------------------------------------------
 */

#define SYNC(name, KIND)                                                       \
	int name(int fd)                                                       \
	{                                                                      \
		struct act act = { .kind = KIND };                             \
		int error = start(&act, path_of(fd));                          \
                                                                               \
		if (error)                                                     \
			return (int)refuse(&act, error);                       \
		note_inode(&act, fd);                                          \
		return (int)finish(&act, REAL(name)(fd));                      \
	}

SYNC(fsync, KIND_sync)
SYNC(fdatasync, KIND_sync)
SYNC(syncfs, KIND_syncfs)

/* ---- names ------------------------------------------------------------------
 */

int
renameat2(int from_fd, const char *from, int to_fd, const char *to,
	  unsigned flags)
{
	struct act act = { .kind = KIND_rename };
	char whole[PATH_MAX], other[PATH_MAX];
	int error;

	act.other = absolute(other, to_fd, to);
	error = start(&act, absolute(whole, from_fd, from));
	if (error)
		return (int)refuse(&act, error);
	return (int)finish(&act,
			   REAL(renameat2)(from_fd, from, to_fd, to, flags));
}

int
renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return renameat2(from_fd, from, to_fd, to, 0);
}

int
rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	struct act act = { .kind = KIND_link };
	char whole[PATH_MAX], other[PATH_MAX];
	int error;

	act.other = absolute(other, to_fd, to);
	error = start(&act, absolute(whole, from_fd, from));
	if (error)
		return (int)refuse(&act, error);
	return (int)finish(&act, REAL(linkat)(from_fd, from, to_fd, to, flags));
}

int
link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
unlinkat(int dir_fd, const char *path, int flags)
{
	struct act act = { .kind = flags & AT_REMOVEDIR ? KIND_rmdir
							: KIND_unlink };
	char whole[PATH_MAX];
	int error = start(&act, absolute(whole, dir_fd, path));

	if (error)
		return (int)refuse(&act, error);
	return (int)finish(&act, REAL(unlinkat)(dir_fd, path, flags));
}

int
unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int
rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int
mkdirat(int dir_fd, const char *path, mode_t mode)
{
	struct act act = { .kind = KIND_mkdir };
	char whole[PATH_MAX];
	int error = start(&act, absolute(whole, dir_fd, path));

	if (error)
		return (int)refuse(&act, error);
	return (int)finish(&act, REAL(mkdirat)(dir_fd, path, mode));
}

int
mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

int
fchmod(int fd, mode_t mode)
{
	struct act act = { .kind = KIND_chmod };
	int error = start(&act, path_of(fd));

	if (error)
		return (int)refuse(&act, error);
	act.header.bytes = mode;
	note_inode(&act, fd);
	return (int)finish(&act, REAL(fchmod)(fd, mode));
}

int
chmod(const char *path, mode_t mode)
{
	struct act act = { .kind = KIND_chmod };
	char whole[PATH_MAX];
	int error = start(&act, absolute(whole, AT_FDCWD, path));

	if (error)
		return (int)refuse(&act, error);
	act.header.bytes = mode;
	return (int)finish(&act, REAL(chmod)(path, mode));
}
