/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control socket: making it, so that only those can reach it who may, and
 * knowing who is at its other end. What is said through it: control.h.
 *
 * Names of users and groups are looked up as the system says: behind
 * privilege_confine that needs /etc among what may be read.
 */
#ifndef CMD_SPANRECD_LISTEN_H
#define CMD_SPANRECD_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

#include "store/store.h"

/**
 * Make the socket and listen: non-blocking, close-on-exec, for our own account
 * only, or also for a group. At no moment can anybody else connect.
 *
 * A socket that nobody answers is a dead recorder's, and replaced; the caller
 * holds the write lock of the archive, so that no other recorder of it lives.
 * Anything else at that path stays as it is.
 *
 * @param group "" or NULL: our own account only
 * @param fd -1 on failure
 * @return 0; error already printed: -EADDRINUSE somebody answers there,
 *         -EEXIST no socket, or not of our kind, -EINVAL no such group or not
 *         one of ours, -ENAMETOOLONG a name of more than about 85 bytes,
 *         -ENOENT no such directory, -EACCES, -errno
 */
int control_listen(const char *path, const char *group, int *fd)
	__attribute__((warn_unused_result));

/** Who is at the other end, at the time when they connected. */
struct control_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid; /**< 0: of another PID namespace */
	char name[STORE_NAME_BYTES]; /**< "uid N" where there is none */
};

/**
 * @param fd an accepted connection
 * @return 0, -errno
 * @cost looks the name up, which may ask a directory service
 */
int control_peer(int fd, struct control_peer *peer)
	__attribute__((warn_unused_result));

/**
 * Root, our own account, and members of the group, by the groups the process
 * had when it connected. The permissions of the socket say the same; this
 * holds also where somebody changed them, and for inherited descriptors.
 *
 * @param group "" or NULL: none
 */
bool control_peer_allowed(int fd, const struct control_peer *peer,
			  const char *group);

#endif
