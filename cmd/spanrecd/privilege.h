/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the recorder gives up before it reads the first packet of a stranger:
 * the account that started it, every capability, and the files that are not
 * its own. In this order:
 *
 *   privilege_plan      before anything is opened
 *   ... open what needs privilege: the mirror ports
 *   privilege_drop      then archive, control socket: as the account
 *   privilege_confine   when all of that is open
 *   ... threads
 */
#ifndef CMD_SPANRECD_PRIVILEGE_H
#define CMD_SPANRECD_PRIVILEGE_H

#include <stdbool.h>
#include <sys/types.h>

/** The account to run as. All that is in it may be read. */
struct privilege {
	uid_t uid;
	gid_t gid;
	char account[64]; /**< its name; "" where the uid has none */
	/** Started as root: ids and groups change. Else they are right. */
	bool from_root;
	/** Why uid 0 is kept, for status and log; NULL: it is not. */
	const char *reason_for_root;
};

/**
 * Which account the recorder is to run as: the owner of the archive.
 *
 * Started as root it becomes the owner of the archive's directory, with the
 * owner's groups. An archive of root is refused unless there is a reason.
 * Started as anybody else it stays that, and must be able to write there.
 *
 * @param reason_for_root --as-root REASON, borrowed by *plan; NULL: none. An
 *        archive that is not root's makes it needless: a warning says so.
 * @return 0, or an exit code (see cmd/common/exit.h), error already printed:
 *         EXIT_NOT_FOUND no archive, EXIT_NOT_ALLOWED, EXIT_FAILED
 */
int privilege_plan(struct privilege *plan, const char *archive_path,
		   const char *reason_for_root)
	__attribute__((warn_unused_result));

/**
 * Become that account for good: uids, gids and groups, no capability in any
 * set (of the bounding set: as far as the process may), no_new_privs, not
 * dumpable. The limits of locked memory and open files are raised before,
 * while that is still allowed. Descriptors stay open, and what they are good
 * for stays: a packet socket goes on, a new one cannot be made.
 *
 * @return 0; -EPERM when it did not hold, and then there is nothing to do but
 *         to exit; -errno of the step that failed
 * @thread before any other is made: capabilities are per thread
 */
int privilege_drop(const struct privilege *plan)
	__attribute__((warn_unused_result));

/**
 * From here on only what lies beneath these directories can be opened (by
 * Landlock), and no TCP connection made or awaited. Descriptors already open
 * are not affected, nor are connections to Unix sockets by path.
 *
 * A rule sticks to the directory, not to its name: name the directory of a
 * file that may be replaced (spanrec.yaml, policy.yaml, /etc/passwd), never
 * the file. What the recorder reads while it runs: the home or the folders
 * of settings and policy, /usr/share/zoneinfo, /etc for the names of users and
 * groups (see listen.h), /proc/self.
 *
 * @param write_dirs, read_dirs NULL at the end. Beneath write_dirs files may
 *        be read, made, renamed and removed as well. What is not there is no
 *        error in read_dirs.
 * @return 0; 1 this kernel has no Landlock, told in the log; -ENOENT, -errno
 * @thread before any other is made: it holds for the caller and its threads
 */
int privilege_confine(const char *const *write_dirs,
		      const char *const *read_dirs)
	__attribute__((warn_unused_result));

#endif
