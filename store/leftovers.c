/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys that no row of the index knows. A slot is synced before its row is
 * committed, and a file is made after that: so a crash leaves a key here and
 * there that opens nothing. Where there is a file as well, the index is older
 * than the rest, as after a restore: nobody can find that recording, nor delete
 * it when its time is over. Nothing is taken away here, as somebody may still
 * bring the rest: it is told once, and the slots count as taken from then on.
 *
 * Only the slots behind the last that the index has are looked at, so that this
 * costs one system call for each day.
 */
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/store_priv.h"

struct leftovers {
	struct store_archive *archive;
	struct store_recovery *found;
	uint32_t day;
};

typedef int (*name_fn)(struct leftovers *l, const char *name);

/** @return 0 also where there is no such folder */
static int
each_name(struct leftovers *l, const char *path, name_fn fn)
{
	struct dirent *entry;
	DIR *dir;
	int r = 0;
	int fd = openat(l->archive->dir_fd, path,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			r = fn(l, entry->d_name);
	closedir(dir);
	return r;
}

static int
recording_file(struct leftovers *l, const char *name)
{
	char id[STORE_SEGMENT_ID_BYTES];
	struct store_segment segment;
	uint32_t scrubs;
	MDB_txn *txn;
	int r;

	if (store__recording_name_parse(name, id, &scrubs))
		return 0;
	r = store__read_begin(l->archive, &txn);
	if (r)
		return r;
	if (store__row_get(l->archive, txn, id, &segment) == -ENOENT)
		l->found->unknown++;
	store__read_end(l->archive, txn);
	return 0;
}

/** @return keys from the slot `known` on, up to `slots` */
static uint64_t
keys_count(const struct leftovers *l, uint64_t known, uint64_t slots)
{
	struct store_sealed_key sealed;
	uint64_t keys = 0;

	for (uint64_t slot = known; slot < slots && slot <= UINT32_MAX; slot++)
		keys += store__keyring_read(l->archive, l->day, (uint32_t)slot,
					    &sealed) == 0;
	return keys;
}

/** They are told, and are not again. */
static int
slots_note(const struct leftovers *l, const char *keyring, uint64_t slots)
{
	MDB_txn *txn;
	int r, fd = store__file_open(l->archive->dir_fd, keyring, O_RDONLY);

	if (fd < 0)
		return fd;
	/* The index must not know of more than there is. */
	r = fdatasync(fd) ? -errno : 0;
	close(fd);
	if (r == 0)
		r = store__write_begin(l->archive, &txn);
	if (r)
		return r;
	r = store__index_slots_put(l->archive, txn, l->day, slots);
	if (r == 0)
		return store__write_commit(l->archive, txn);
	mdb_txn_abort(txn);
	return r;
}

static int
keyring_file(struct leftovers *l, const char *name)
{
	char path[STORE__PATH_BYTES], right_path[STORE__PATH_BYTES];
	unsigned year, month, mday;
	uint64_t known, slots, keys;
	int r;

	/* verify tells of what is no keyring. */
	if (sscanf(name, "%4u-%2u-%2u", &year, &month, &mday) != 3)
		return 0;
	l->day = year * 10000 + month * 100 + mday;
	snprintf(path, sizeof(path), "keyring/%.60s", name);
	store__keyring_path(right_path, l->day);
	if (strcmp(path, right_path) != 0)
		return 0;
	r = store__keyring_slots(l->archive, l->day, &known, &slots);
	if (r || slots <= known)
		return r;
	keys = keys_count(l, known, slots);
	if (keys == 0)
		return 0;
	l->found->keys += keys;
	snprintf(path, sizeof(path), "audio/%04u/%02u/%02u", year, month, mday);
	r = each_name(l, path, recording_file);
	return r ? r : slots_note(l, right_path, slots);
}

int
store__leftovers_find(struct store_archive *archive,
		      struct store_recovery *found)
{
	struct leftovers l = { .archive = archive, .found = found };
	int r = each_name(&l, "keyring", keyring_file);

	/* What cannot be looked at, or noted on a full disk, is no reason not
	 * to record: it is told of the next time. */
	return r == -ENOMEM ? r : 0;
}
