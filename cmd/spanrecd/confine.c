/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Landlock: an ordinary process takes away from itself what it will not need.
 * See privilege.h; landlock(7). glibc has no functions for it, and the header
 * of the kernel that this was built on may be older than the kernel that it
 * runs on: the numbers are here, each with the version (ABI) that brought it.
 */
#include "cmd/spanrecd/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmd/common/log.h"

#define FS_EXECUTE     (1ULL << 0)
#define FS_WRITE_FILE  (1ULL << 1)
#define FS_READ_FILE   (1ULL << 2)
#define FS_READ_DIR    (1ULL << 3)
#define FS_REMOVE_DIR  (1ULL << 4)
#define FS_REMOVE_FILE (1ULL << 5)
#define FS_MAKE_CHAR   (1ULL << 6)
#define FS_MAKE_DIR    (1ULL << 7)
#define FS_MAKE_REG    (1ULL << 8)
#define FS_MAKE_SOCK   (1ULL << 9)
#define FS_MAKE_FIFO   (1ULL << 10)
#define FS_MAKE_BLOCK  (1ULL << 11)
#define FS_MAKE_SYM    (1ULL << 12)
#define FS_REFER       (1ULL << 13) /* ABI 2: rename to another directory */
#define FS_TRUNCATE    (1ULL << 14) /* ABI 3 */
#define FS_IOCTL_DEV   (1ULL << 15) /* ABI 5 */

#define FS_ABI_1 (FS_MAKE_SYM | (FS_MAKE_SYM - 1))

#define NET_BIND_TCP    (1ULL << 0) /* ABI 4 */
#define NET_CONNECT_TCP (1ULL << 1) /* ABI 4 */

/* ABI 6: signals to processes outside. Abstract sockets, which it could close
 * too, are how some service managers are told that a service is ready. */
#define SCOPE_SIGNAL (1ULL << 1)

#define CREATE_RULESET_VERSION (1U << 0)
#define RULE_PATH_BENEATH      1

#define READ (FS_READ_FILE | FS_READ_DIR)
/* What the archive is made of. No devices, sockets, pipes or symbolic links,
 * and nothing to be executed. */
#define WRITE                                                                  \
	(READ | FS_WRITE_FILE | FS_TRUNCATE | FS_REMOVE_DIR | FS_REMOVE_FILE | \
	 FS_MAKE_DIR | FS_MAKE_REG | FS_REFER)
/* Those of them that a rule for a file may name. */
#define OF_A_FILE (FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE)

struct ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

struct path_beneath {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

/** What this kernel can take away. */
static struct ruleset
ruleset_of(long abi)
{
	struct ruleset set = { .fs = FS_ABI_1 };

	if (abi >= 2)
		set.fs |= FS_REFER;
	if (abi >= 3)
		set.fs |= FS_TRUNCATE;
	if (abi >= 4)
		set.net = NET_BIND_TCP | NET_CONNECT_TCP;
	if (abi >= 5)
		set.fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		set.scoped = SCOPE_SIGNAL;
	return set;
}

/** Its size tells an older kernel where to stop reading. */
static size_t
ruleset_bytes(long abi)
{
	if (abi >= 6)
		return sizeof(struct ruleset);
	return abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

/** @return 0, -ENOENT, -errno */
static int
allow(int ruleset_fd, const char *path, uint64_t access)
{
	struct path_beneath rule = { .allowed = access };
	struct statfs fs = { 0 };
	struct stat st;
	int err = 0;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return -errno;
	if (fstat(rule.parent_fd, &st) < 0 || fstatfs(rule.parent_fd, &fs) < 0)
		err = -errno;
	if (!err && !S_ISDIR(st.st_mode))
		rule.allowed &= OF_A_FILE;
	if (!err && syscall(SYS_landlock_add_rule, ruleset_fd,
			    RULE_PATH_BENEATH, &rule, 0) < 0)
		err = -errno;
	/* /proc makes a directory anew, without our rule, when it had to make
	 * room in memory: it has to stay open. */
	if (err || fs.f_type != PROC_SUPER_MAGIC)
		close(rule.parent_fd);
	return err;
}

static int
allow_all(int ruleset_fd, const char *const *write_dirs,
	  const char *const *read_dirs, uint64_t handled)
{
	int err;

	for (; *write_dirs; write_dirs++) {
		err = allow(ruleset_fd, *write_dirs, WRITE & handled);
		if (err)
			return err;
	}
	for (; *read_dirs; read_dirs++) {
		err = allow(ruleset_fd, *read_dirs, READ & handled);
		if (err && err != -ENOENT)
			return err;
	}
	return 0;
}

int
privilege_confine(const char *const *write_dirs, const char *const *read_dirs)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
			   CREATE_RULESET_VERSION);
	struct ruleset set = ruleset_of(abi);
	int fd, err;

	if (abi < 1) {
		log_info("this kernel has no Landlock: only file permissions "
			 "keep the recorder from other files");
		return 1;
	}
	/* allowed to whoever cannot gain privileges */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	fd = (int)syscall(SYS_landlock_create_ruleset, &set, ruleset_bytes(abi),
			  0);
	if (fd < 0)
		return -errno;
	err = allow_all(fd, write_dirs, read_dirs, set.fs);
	if (!err && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		err = -errno;
	close(fd);
	return err;
}
