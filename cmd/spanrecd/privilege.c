/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Becoming an ordinary user for good. See privilege.h; capabilities(7),
 * credentials(7).
 */
#include "cmd/spanrecd/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/common/process.h"

/** Enough for two files of each of 500,000 calls; fs.nr_open of most kernels.
 */
#define FILES_WANTED ((rlim_t)1 << 20)

/* ---- which account ------------------------------------------------------- */

/** Length of what `chown` must reach: the home, if the archive is in one. */
static int
home_length(const char *archive_path)
{
	static const char name[] = "/archive";
	size_t n = strlen(archive_path);

	if (n >= sizeof(name) &&
	    strcmp(archive_path + n - (sizeof(name) - 1), name) == 0)
		n -= sizeof(name) - 1;
	return (int)n;
}

static int
refuse_root(const char *archive_path)
{
	const int n = home_length(archive_path);

	log_error("%s belongs to root, and a recorder, which reads the packets "
		  "of strangers, does not run as root. Give it an account of "
		  "its own:",
		  archive_path);
	log_error("  adduser --system --group --no-create-home --home %.*s "
		  "spanrec",
		  n, archive_path);
	log_error("  chown -R spanrec: %.*s", n, archive_path);
	log_error("or say why it has to be root: --as-root REASON");
	return EXIT_NOT_ALLOWED;
}

static void
name_set(struct privilege *plan, const struct passwd *user)
{
	snprintf(plan->account, sizeof(plan->account), "%s",
		 user ? user->pw_name : "");
}

/** The owner of the archive, for a process that may become anybody. */
static int
plan_owner(struct privilege *plan, const char *archive_path,
	   const struct stat *st)
{
	const struct passwd *user = getpwuid(st->st_uid);

	plan->from_root = true;
	plan->uid = st->st_uid;
	/* an account that is not known here has no groups but this one */
	plan->gid = user ? user->pw_gid : st->st_gid;
	name_set(plan, user);
	if (plan->uid != 0 && !user && plan->gid == 0) {
		log_error("%s belongs to uid %u, which has no account here, "
			  "and to the group of root; give both to the account "
			  "of the recorder: chown -R spanrec: %.*s",
			  archive_path, (unsigned)plan->uid,
			  home_length(archive_path), archive_path);
		return EXIT_NOT_ALLOWED;
	}
	return 0;
}

/** Whoever started it, for a process that can become nobody else. */
static int
plan_self(struct privilege *plan, const char *archive_path,
	  const struct stat *st)
{
	const struct passwd *user = getpwuid(geteuid());

	plan->uid = geteuid();
	plan->gid = getegid();
	name_set(plan, user);
	if (eaccess(archive_path, R_OK | W_OK | X_OK) == 0)
		return 0;
	user = getpwuid(st->st_uid);
	log_error("%s belongs to %s (uid %u) and cannot be written by %s (uid "
		  "%u): start the recorder as root or as its owner, or give "
		  "it away: chown -R %s: %.*s",
		  archive_path, user ? user->pw_name : "nobody here",
		  (unsigned)st->st_uid,
		  plan->account[0] ? plan->account : "you", (unsigned)plan->uid,
		  plan->account[0] ? plan->account : "spanrec",
		  home_length(archive_path), archive_path);
	return EXIT_NOT_ALLOWED;
}

static int
archive_stat(const char *path, struct stat *st)
{
	int err = 0;

	if (stat(path, st) < 0)
		err = -errno;
	else if (!S_ISDIR(st->st_mode))
		err = -ENOTDIR;
	if (!err)
		return 0;
	if (err == -ENOENT)
		log_error("there is no archive in %s; make one with: spanrec "
			  "init",
			  path);
	else
		log_error("cannot use the archive %s: %s", path,
			  strerror(-err));
	return exit_code(err);
}

int
privilege_plan(struct privilege *plan, const char *archive_path,
	       const char *reason_for_root)
{
	struct stat st;
	int err;

	memset(plan, 0, sizeof(*plan));
	err = archive_stat(archive_path, &st);
	if (err)
		return err;
	if (geteuid() != 0)
		err = plan_self(plan, archive_path, &st);
	else
		err = plan_owner(plan, archive_path, &st);
	if (err)
		return err;
	if (plan->uid != 0) {
		if (reason_for_root)
			log_warning("--as-root is not needed: the recorder "
				    "runs as %s (uid %u)",
				    plan->account, (unsigned)plan->uid);
		return 0;
	}
	if (!reason_for_root || !reason_for_root[0])
		return refuse_root(archive_path);
	plan->reason_for_root = reason_for_root;
	return 0;
}

/* ---- becoming it --------------------------------------------------------- */

/**
 * Memory of keys and audio is locked, a recording takes a descriptor: as much
 * of both as may be had. Failing is no error: store_init and the pipeline do
 * with less.
 */
static void
raise_limits(void)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit files;

	if (setrlimit(RLIMIT_MEMLOCK, &all) < 0 &&
	    getrlimit(RLIMIT_MEMLOCK, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_MEMLOCK, &files);
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
	    files.rlim_max < FILES_WANTED) {
		files.rlim_max = FILES_WANTED;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	process_raise_files();
}

/**
 * Only with CAP_SETPCAP, so while the process is root; without it no_new_privs
 * makes sure that nothing comes back from this set.
 */
static int
clear_bounding(void)
{
	int r;

	if (capng_get_caps_process() < 0)
		return -EPERM;
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		return 0;
	capng_clear(CAPNG_SELECT_BOUNDS);
	r = capng_apply(CAPNG_SELECT_BOUNDS);
	return r < 0 ? -EPERM : 0;
}

/** Groups first: uid 0 is what allows it. All three uids and gids. */
static int
change_ids(const struct privilege *plan)
{
	int r;

	if (plan->account[0])
		r = initgroups(plan->account, plan->gid);
	else
		r = setgroups(0, NULL);
	if (r < 0 || setresgid(plan->gid, plan->gid, plan->gid) < 0 ||
	    setresuid(plan->uid, plan->uid, plan->uid) < 0)
		return -errno;
	return 0;
}

/**
 * Root keeps none either: the archive is its own, and the owner of a file
 * needs no capability to read, write, chmod or remove it. CAP_DAC_OVERRIDE
 * would open every other file of the machine.
 */
static int
clear_capabilities(void)
{
	/* the ambient set goes with the permitted one */
	capng_clear(CAPNG_SELECT_CAPS);
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

static bool
capabilities_left(void)
{
	if (capng_get_caps_process() < 0)
		return true;
	return capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE ||
	       capng_have_capabilities(CAPNG_SELECT_AMBIENT) != CAPNG_NONE;
}

/** Try to undo it. @return -EPERM if anything can be undone */
static int
verify(const struct privilege *plan)
{
	uid_t uid[3];
	gid_t gid[3];

	if (getresuid(&uid[0], &uid[1], &uid[2]) < 0 ||
	    getresgid(&gid[0], &gid[1], &gid[2]) < 0)
		return -errno;
	for (int i = 0; i < 3; i++)
		if (uid[i] != plan->uid || gid[i] != plan->gid)
			return -EPERM;
	if (plan->uid != 0 &&
	    (setuid(0) == 0 || seteuid(0) == 0 || setreuid(0, 0) == 0))
		return -EPERM;
	if (plan->gid != 0 && (setgid(0) == 0 || setegid(0) == 0))
		return -EPERM;
#ifndef SPANREC_SANITIZED
	/* the thread of a sanitizer keeps its capabilities, and libc, which
	 * asks every thread, would abort over two answers */
	if (setgroups(0, NULL) == 0)
		return -EPERM;
#endif
	if (capabilities_left())
		return -EPERM;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : -EPERM;
}

int
privilege_drop(const struct privilege *plan)
{
	int err;

	raise_limits();
	err = clear_bounding();
	if (!err && plan->from_root)
		err = change_ids(plan);
	if (!err)
		err = clear_capabilities();
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		err = -errno;
	/* a change of uid leaves it as the machine's fs.suid_dumpable says */
	if (!err)
		err = process_guard();
#ifdef SPANREC_SANITIZED
	/* the leak checker attaches to its own process */
	if (!err && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		err = -errno;
#endif
	return err ? err : verify(plan);
}
