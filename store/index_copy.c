/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A consistent copy of the index, beside whoever writes it: what was committed
 * when it began. Without the pages that LMDB has freed, which may keep old
 * numbers and names.
 */
#include "store/store.h"

#include <errno.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/backup_priv.h"

/* Fewer free blocks than this: the disk is full. */
#define FULL_BLOCKS 256

int
store__read_apart(const struct store_archive *archive, MDB_txn **txn)
{
	int rc = mdb_txn_begin(archive->env, NULL, MDB_RDONLY, txn);

	if (rc == MDB_MAP_RESIZED && archive->mode == STORE_READ) {
		/* The writer has a larger map: take its size. */
		rc = mdb_env_set_mapsize(archive->env, 0);
		if (rc == 0)
			rc = mdb_txn_begin(archive->env, NULL, MDB_RDONLY, txn);
	}
	return store__index_error(rc);
}

int
store__index_copy(const struct store_archive *archive, int fd)
{
	struct statvfs fs;
	MDB_txn *txn;
	int rc, r = store__read_apart(archive, &txn);

	if (r)
		return r;
	mdb_txn_abort(txn);
	rc = mdb_env_copyfd2(archive->env, fd, MDB_CP_COMPACT);
	/* Pages that nobody counts, as a writer that was killed may leave them:
	 * then as it is. */
	if (rc == MDB_INCOMPATIBLE || rc == MDB_CORRUPTED) {
		if (ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET))
			return -errno;
		rc = mdb_env_copyfd2(archive->env, fd, 0);
	}
	r = store__index_error(rc);
	/* LMDB calls a short write an I/O error. */
	if (r == -EIO && fstatvfs(fd, &fs) == 0 && fs.f_bavail < FULL_BLOCKS)
		r = -ENOSPC;
	if (r == 0 && fsync(fd))
		r = -errno;
	return r;
}
