/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See listen.h; unix(7). */
#include "cmd/spanrecd/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/common/log.h"

/** People who ask at the same moment; more of them wait in connect(2). */
#define BACKLOG 64

/** Longest entry of the user and group databases. */
#define ENTRY_BYTES (256 * 1024)

#define NO_GROUP ((gid_t)-1)

/** Where the socket is, by path and by its directory. */
struct place {
	const char *path;
	const char *name; /**< in the directory */
	int dir_fd;
	struct sockaddr_un address;
};

/* ---- groups -------------------------------------------------------------- */

/** @return 0, -ENOENT no such group, -errno */
static int
group_find(const char *name, gid_t *gid)
{
	struct group group, *found = NULL;
	char *buffer = malloc(ENTRY_BYTES);
	int err;

	if (!buffer)
		return -ENOMEM;
	err = -getgrnam_r(name, &group, buffer, ENTRY_BYTES, &found);
	if (found)
		*gid = group.gr_gid;
	else if (!err)
		err = -ENOENT;
	free(buffer);
	return err;
}

static bool
group_is_ours(gid_t gid)
{
	gid_t *groups;
	bool found = gid == getegid();
	int n = found ? 0 : getgroups(0, NULL);

	if (n <= 0)
		return found;
	groups = calloc((size_t)n, sizeof(*groups));
	n = groups ? getgroups(n, groups) : 0;
	for (int i = 0; i < n && !found; i++)
		found = groups[i] == gid;
	free(groups);
	return found;
}

/** @return 0, -EINVAL, error printed */
static int
group_choose(const char *name, gid_t *gid)
{
	int err;

	*gid = NO_GROUP;
	if (!name || !name[0])
		return 0;
	err = group_find(name, gid);
	if (err) {
		log_error("the control socket is for the group '%s' "
			  "(control_group): %s",
			  name,
			  err == -ENOENT ? "there is no such group"
					 : strerror(-err));
		return -EINVAL;
	}
	if (group_is_ours(*gid))
		return 0;
	log_error("the control socket is for the group '%s' (control_group), "
		  "of which the account of the recorder (uid %u) is no member; "
		  "make it one: adduser ACCOUNT %s",
		  name, (unsigned)geteuid(), name);
	return -EINVAL;
}

/* ---- what is there ------------------------------------------------------- */

static int
place_fail(const struct place *place, int err)
{
	log_error("cannot make the control socket %s: %s", place->path,
		  strerror(-err));
	return err;
}

/** Open the directory; the caller closes dir_fd, also on failure. */
static int
place_open(struct place *place, const char *path)
{
	const size_t room = sizeof(place->address.sun_path);
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	size_t n;
	int w;

	*place = (struct place){ .path = path, .dir_fd = -1 };
	place->address.sun_family = AF_UNIX;
	place->name = slash ? slash + 1 : path;
	n = (size_t)(place->name - path);
	if (n >= sizeof(folder))
		return place_fail(place, -ENAMETOOLONG);
	w = snprintf(folder, sizeof(folder), "%.*s", (int)n, path);
	place->dir_fd =
	    open(w > 0 ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (place->dir_fd < 0)
		return place_fail(place, -errno);
	if (strlen(path) < room)
		w = snprintf(place->address.sun_path, room, "%s", path);
	else
		w = snprintf(place->address.sun_path, room,
			     "/proc/self/fd/%d/%s", place->dir_fd, place->name);
	if (w < 0 || (size_t)w >= room)
		return place_fail(place, -ENAMETOOLONG);
	return 0;
}

static int
stream_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

static int
address_connect(int fd, const struct place *place)
{
	const struct sockaddr *address = (const void *)&place->address;

	return connect(fd, address, sizeof(place->address)) < 0 ? -errno : 0;
}

static int
in_use(int fd, const struct place *place)
{
	struct ucred ucred = { 0 };
	socklen_t n = sizeof(ucred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &ucred, &n) == 0 &&
	    ucred.pid > 0)
		log_error("the control socket %s is in use by process %d",
			  place->path, (int)ucred.pid);
	else
		log_error("the control socket %s is in use", place->path);
	return -EADDRINUSE;
}

/** A socket is in the way. @return 0 when nobody answers and it is removed */
static int
stale_remove(const struct place *place)
{
	int fd = stream_socket();
	int err;

	if (fd < 0)
		return place_fail(place, fd);
	err = address_connect(fd, place);
	switch (err) {
	case 0:
	case -EAGAIN: /* so many wait there that there is no room */
		err = in_use(fd, place);
		break;
	case -ECONNREFUSED:
		err = unlinkat(place->dir_fd, place->name, 0) < 0 ? -errno : 0;
		if (err)
			err = place_fail(place, err);
		break;
	case -ENOENT: /* removed meanwhile */
		err = 0;
		break;
	case -EPROTOTYPE:
		log_error("%s is a socket of another program, not a control "
			  "socket; remove it, or set 'control' to another path",
			  place->path);
		err = -EEXIST;
		break;
	case -EACCES:
		log_error("%s is the control socket of another account; if no "
			  "recorder runs there, remove it",
			  place->path);
		break;
	default:
		err = place_fail(place, err);
	}
	close(fd);
	return err;
}

static int
way_clear(const struct place *place)
{
	struct stat st;

	if (fstatat(place->dir_fd, place->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : place_fail(place, -errno);
	if (S_ISSOCK(st.st_mode))
		return stale_remove(place);
	log_error("%s exists and is no socket; it stays as it is: set "
		  "'control' to another path, or move it away",
		  place->path);
	return -EEXIST;
}

/* ---- making it ----------------------------------------------------------- */

/**
 * The name is there with bind(2), and answers with listen(2). Between them
 * the group is given, so that it is complete when the first can connect.
 */
static int
bind_and_listen(int fd, const struct place *place, gid_t gid)
{
	const struct sockaddr *address = (const void *)&place->address;
	int err = 0;

	/* bind takes the permissions of the file from the socket, less the
	 * umask, which belongs to all threads and is not ours to change */
	if (fchmod(fd, S_IRUSR | S_IWUSR) < 0 ||
	    bind(fd, address, sizeof(place->address)) < 0)
		return -errno;
	if (gid != NO_GROUP &&
	    (fchownat(place->dir_fd, place->name, (uid_t)-1, gid,
		      AT_SYMLINK_NOFOLLOW) < 0 ||
	     fchmodat(place->dir_fd, place->name,
		      S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP, 0) < 0))
		err = -errno;
	if (!err && listen(fd, BACKLOG) < 0)
		err = -errno;
	if (err)
		(void)unlinkat(place->dir_fd, place->name, 0);
	return err;
}

static int
make_socket(const struct place *place, gid_t gid, int *fd)
{
	int err = stream_socket();

	if (err < 0)
		return place_fail(place, err);
	*fd = err;
	err = bind_and_listen(*fd, place, gid);
	if (!err)
		return 0;
	close(*fd);
	*fd = -1;
	return place_fail(place, err);
}

int
control_listen(const char *path, const char *group, int *fd)
{
	struct place place;
	gid_t gid;
	int err;

	*fd = -1;
	err = group_choose(group, &gid);
	if (err)
		return err;
	err = place_open(&place, path);
	if (!err)
		err = way_clear(&place);
	if (!err)
		err = make_socket(&place, gid, fd);
	if (place.dir_fd >= 0)
		close(place.dir_fd);
	return err;
}

/* ---- who asks ------------------------------------------------------------ */

/** A name that does not fit would be somebody else's. */
static bool
name_find(uid_t uid, char name[STORE_NAME_BYTES])
{
	struct passwd user, *found = NULL;
	char *buffer = malloc(ENTRY_BYTES);
	int w = 0;

	if (buffer && !getpwuid_r(uid, &user, buffer, ENTRY_BYTES, &found) &&
	    found)
		w = snprintf(name, STORE_NAME_BYTES, "%s", user.pw_name);
	free(buffer);
	return w > 0 && w < STORE_NAME_BYTES;
}

int
control_peer(int fd, struct control_peer *peer)
{
	struct ucred ucred;
	socklen_t n = sizeof(ucred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &ucred, &n) < 0)
		return -errno;
	*peer = (struct control_peer){ .uid = ucred.uid,
				       .gid = ucred.gid,
				       .pid = ucred.pid };
	if (!name_find(peer->uid, peer->name))
		snprintf(peer->name, sizeof(peer->name), "uid %u",
			 (unsigned)peer->uid);
	return 0;
}

/** Was it among the supplementary groups of the peer? */
static bool
peer_has_group(int fd, gid_t gid)
{
	socklen_t bytes = 0;
	gid_t *groups;
	bool found = false;

	/* ERANGE tells how many there are; success, that there are none */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &bytes) == 0 ||
	    errno != ERANGE)
		return false;
	groups = malloc(bytes);
	if (groups &&
	    getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &bytes) == 0)
		for (size_t i = 0; i < bytes / sizeof(*groups); i++)
			found = found || groups[i] == gid;
	free(groups);
	return found;
}

bool
control_peer_allowed(int fd, const struct control_peer *peer, const char *group)
{
	gid_t gid;

	if (peer->uid == 0 || peer->uid == geteuid())
		return true;
	if (!group || !group[0] || group_find(group, &gid))
		return false;
	return peer->gid == gid || peer_has_group(fd, gid);
}
