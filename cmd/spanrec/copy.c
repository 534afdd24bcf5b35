/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A file in the clear: only its maker can read it, and it is there as a whole
 * or not at all. It has no name while it is written, so that nothing of it
 * stays if the program is killed. Where file systems know no such files, or
 * none could get a name, it has another name in the same folder, and is removed
 * when anything goes wrong or somebody presses ^C.
 */
#include "cmd/spanrec/export_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

int
spanrec_copy_failed(const struct spanrec_copy *copy, int error)
{
	if (error == -EEXIST)
		log_error("%s exists; give another name, or --force to "
			  "overwrite it",
			  copy->path);
	else if (error == -EOVERFLOW)
		log_error("%s: the call is too long for a WAV file, which "
			  "holds 4 GiB; export its segments one by one, or as "
			  "FLAC or Opus",
			  copy->path);
	else
		log_error("%s cannot be written: %s", copy->path,
			  strerror(-error));
	/* a folder that is not there is not a recording that is not there */
	return error == -ENOENT ? EXIT_FAILED : exit_code(error);
}

int
spanrec_copy_check(const char *path, bool force)
{
	const struct spanrec_copy copy = { .path = path };
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : spanrec_copy_failed(&copy, -errno);
	if (S_ISDIR(st.st_mode))
		return spanrec_copy_failed(&copy, -EISDIR);
	return force ? 0 : spanrec_copy_failed(&copy, -EEXIST);
}

/* Signals are kept waiting and asked for between samples, so that the copy is
 * removed before the program ends. */
static void
hold_signals(struct spanrec_copy *copy)
{
	sigemptyset(&copy->stops);
	sigaddset(&copy->stops, SIGINT);
	sigaddset(&copy->stops, SIGTERM);
	sigaddset(&copy->stops, SIGHUP);
	sigaddset(&copy->stops, SIGQUIT);
	sigprocmask(SIG_BLOCK, &copy->stops, &copy->before);
}

bool
spanrec_copy_stopped(const struct spanrec_copy *copy)
{
	const struct timespec at_once = { 0, 0 };

	if (sigtimedwait(&copy->stops, NULL, &at_once) <= 0)
		return false;
	log_error("stopped; %s was not written", copy->path);
	return true;
}

/* A name in the same folder that nobody has. @return 0, -ENAMETOOLONG */
static int
choose_name(struct spanrec_copy *copy)
{
	char folder[PATH_MAX];
	int n;

	snprintf(folder, sizeof(folder), "%s", copy->path);
	n = snprintf(copy->temporary, sizeof(copy->temporary),
		     "%s/.spanrec-XXXXXX", dirname(folder));
	if (n >= 0 && n < PATH_MAX)
		return 0;
	*copy->temporary = '\0';
	return -ENAMETOOLONG;
}

/* @return descriptor, -errno */
static int
open_named(struct spanrec_copy *copy)
{
	int rc = choose_name(copy), fd;

	if (rc < 0)
		return rc;
	fd = mkostemp(copy->temporary, O_CLOEXEC); /* makes it 0600 */
	if (fd < 0) {
		fd = -errno;
		*copy->temporary = '\0';
	}
	return fd;
}

/* A file that has no name gets one that nobody has: by its descriptor, which
 * takes a privilege before Linux 6.10, else by its name in /proc, which a jail
 * may lack. @return 0, -ENOENT: neither can be, -errno */
static int
link_to(int fd, const char *path)
{
	char from[64];

	if (!linkat(fd, "", AT_FDCWD, path, AT_EMPTY_PATH))
		return 0;
	if (errno != ENOENT)
		return -errno;
	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0
		   ? -errno
		   : 0;
}

/* @return descriptor, -EOPNOTSUPP: no such file would get a name, -errno */
static int
open_nameless(struct spanrec_copy *copy)
{
	char path[PATH_MAX], *folder;
	int fd;

	snprintf(path, sizeof(path), "%s", copy->path);
	folder = dirname(path);
	fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	/* Better known now than when the copy is whole: the name of the folder
	 * is taken, so where it can be linked it is not. */
	if (link_to(fd, folder) != -EEXIST) {
		close(fd);
		return -EOPNOTSUPP;
	}
	copy->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy->fd >= 0)
		return fd;
	close(fd);
	return -EMFILE;
}

/* @return 0, -errno */
static int
make(struct spanrec_copy *copy)
{
	int rc, fd = open_nameless(copy);

	if (fd == -EOPNOTSUPP || fd == -EISDIR || fd == -ENOENT)
		fd = open_named(copy);
	if (fd < 0)
		return fd;
	copy->file = fdopen(fd, "w");
	if (copy->file)
		return 0;
	rc = -errno;
	close(fd);
	return rc;
}

int
spanrec_copy_begin(struct spanrec_copy *copy, const char *path)
{
	int rc;

	*copy = (struct spanrec_copy){ .path = path, .fd = -1 };
	hold_signals(copy);
	rc = make(copy);
	return rc < 0 ? spanrec_copy_failed(copy, rc) : 0;
}

int
spanrec_copy_sync(struct spanrec_copy *copy)
{
	int rc = 0;

	errno = 0;
	if (fflush(copy->file) == EOF || fsync(fileno(copy->file)) < 0)
		rc = errno ? -errno : -EIO;
	if (fclose(copy->file) == EOF && !rc)
		rc = -errno;
	copy->file = NULL;
	return rc < 0 ? spanrec_copy_failed(copy, rc) : 0;
}

void
spanrec_copy_path(const struct spanrec_copy *copy, char *path, size_t bytes)
{
	char name[PATH_MAX], *folder;

	/* the folder in full, and the name that the copy will have in it */
	snprintf(name, sizeof(name), "%s", copy->path);
	folder = realpath(dirname(name), NULL);
	snprintf(name, sizeof(name), "%s", copy->path);
	snprintf(path, bytes, "%s/%s", folder ? folder : ".", basename(name));
	free(folder);
}

/* A name for a file that has none, so that it can take the place of another.
 * @return 0, -errno */
static int
link_aside(struct spanrec_copy *copy)
{
	int fd = open_named(copy), rc;

	if (fd < 0)
		return fd;
	close(fd);
	unlink(copy->temporary);
	rc = link_to(copy->fd, copy->temporary);
	if (rc < 0)
		*copy->temporary = '\0';
	return rc;
}

/* @return 0, -errno */
static int
name(struct spanrec_copy *copy, bool force)
{
	int rc = 0;

	if (copy->fd >= 0 && !force)
		return link_to(copy->fd, copy->path);
	if (copy->fd >= 0)
		rc = link_aside(copy);
	if (rc < 0)
		return rc;
	if (force) {
		if (rename(copy->temporary, copy->path) < 0)
			return -errno;
		*copy->temporary = '\0';
		return 0;
	}
	if (!renameat2(AT_FDCWD, copy->temporary, AT_FDCWD, copy->path,
		       RENAME_NOREPLACE)) {
		*copy->temporary = '\0';
		return 0;
	}
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* some file systems know no such rename; a link is as careful */
	return link(copy->temporary, copy->path) < 0 ? -errno : 0;
}

int
spanrec_copy_publish(struct spanrec_copy *copy, bool force)
{
	int rc = name(copy, force);

	return rc < 0 ? spanrec_copy_failed(copy, rc) : 0;
}

void
spanrec_copy_fini(struct spanrec_copy *copy)
{
	if (!copy->path)
		return;
	if (copy->file)
		fclose(copy->file);
	if (copy->fd >= 0)
		close(copy->fd);
	if (*copy->temporary)
		unlink(copy->temporary);
	sigprocmask(SIG_SETMASK, &copy->before, NULL);
	copy->path = NULL;
}
