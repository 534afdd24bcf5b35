/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What stands in the ledger for a number: a keyed hash of it, with a key for
 * each month. The ledger is never shortened, but with the key of a month goes
 * all that its entries told of numbers.
 *
 * The keys are not in the index, because LMDB writes each change to another
 * page and leaves the old one as it was. They lie in a file of slots that are
 * written once and overwritten once, in place, as those of the keyring are.
 *
 *   slot   u32 month, 202611 | u32 state | key 32 | random 24
 */
#include "store/store.h"
#include "store/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_priv.h"

#define FILE_NAME  "pseudonyms"
#define SLOT_BYTES 64
#define KEY_AT     8
#define KEY_BYTES  32
#define NAME_CHARS 12

enum { SLOT_USED = 1, SLOT_DESTROYED = 2 };

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

static uint32_t
month_of(int64_t time_ns)
{
	return store_day(time_ns) / 100;
}

/**
 * The slot of a month, or the first one from `at` on that is in use.
 *
 * @param month 0: any
 * @param at where to begin, then where it is, or the end of the file
 * @return 0, -ENOENT, -EIO
 */
static int
slot_find(int fd, uint32_t month, uint8_t slot[SLOT_BYTES], uint64_t *at)
{
	int r;

	for (;; *at += SLOT_BYTES) {
		r = store__pread(fd, slot, SLOT_BYTES, *at);
		/* A slot that was half written when the power went is written
		 * over: nobody has used its key. */
		if (r == -ENODATA)
			return -ENOENT;
		if (r)
			return r;
		if (store__le_get(slot + 4, 4) == SLOT_USED &&
		    (month == 0 || store__le_get(slot, 4) == month))
			return 0;
	}
}

/** The first one to write may be root; whoever records has to, too. */
static void
owner_set(int dir_fd, int fd)
{
	struct stat dir, st;

	if (fstat(dir_fd, &dir) == 0 && fstat(fd, &st) == 0 &&
	    st.st_uid != dir.st_uid)
		(void)!fchown(fd, dir.st_uid, dir.st_gid);
}

static int
slot_make(int dir_fd, int fd, uint32_t month, uint8_t slot[SLOT_BYTES],
	  uint64_t at)
{
	int r;

	randombytes_buf(slot, SLOT_BYTES);
	store__le_put(slot, month, 4);
	store__le_put(slot + 4, SLOT_USED, 4);
	owner_set(dir_fd, fd);
	r = store__pwrite(fd, slot, SLOT_BYTES, at);
	if (r == 0 && fsync(fd))
		r = -errno;
	return r ? r : store__parent_sync(dir_fd, FILE_NAME);
}

static int
key_of(const struct store_archive *archive, uint32_t month,
       uint8_t key[KEY_BYTES])
{
	const bool writing = archive->mode == STORE_WRITE;
	uint8_t slot[SLOT_BYTES];
	uint64_t at = 0;
	int r, fd = store__file_open(archive->dir_fd, FILE_NAME,
				     writing ? O_RDWR | O_CREAT : O_RDONLY);

	if (fd < 0)
		return fd;
	r = slot_find(fd, month, slot, &at);
	if (r == -ENOENT && writing)
		r = slot_make(archive->dir_fd, fd, month, slot, at);
	close(fd);
	if (r == 0)
		memcpy(key, slot + KEY_AT, KEY_BYTES);
	sodium_memzero(slot, sizeof(slot));
	return r;
}

int
store_pseudonym(struct store_archive *archive, int64_t time_ns,
		const char *number, char text[STORE_PSEUDONYM_BYTES])
{
	uint8_t key[KEY_BYTES], hash[STORE_HASH_BYTES];
	int r = key_of(archive, month_of(time_ns), key);

	text[0] = '\0';
	if (r)
		return r;
	crypto_generichash(hash, sizeof(hash), (const uint8_t *)number,
			   strlen(number), key, sizeof(key));
	sodium_memzero(key, sizeof(key));
	memcpy(text, "n-", 2);
	for (size_t i = 0; i < NAME_CHARS; i++)
		text[2 + i] = alphabet[hash[i] & 31];
	text[2 + NAME_CHARS] = '\0';
	return 0;
}

/** Over the key first: a slot that is half overwritten is still found. */
static int
slot_destroy(int fd, uint8_t slot[SLOT_BYTES], uint64_t at)
{
	int r;

	randombytes_buf(slot + KEY_AT, SLOT_BYTES - KEY_AT);
	r = store__pwrite(fd, slot, SLOT_BYTES, at);
	if (r == 0 && fsync(fd))
		r = -errno;
	if (r)
		return r;
	store__le_put(slot + 4, SLOT_DESTROYED, 4);
	r = store__pwrite(fd, slot, SLOT_BYTES, at);
	return r == 0 && fsync(fd) ? -errno : r;
}

int
store_pseudonyms_forget(struct store_archive *archive, int64_t before_ns)
{
	const uint32_t month = month_of(before_ns);
	uint8_t slot[SLOT_BYTES];
	int fd, r, forgotten = 0;

	if (archive->mode != STORE_WRITE)
		return -EROFS;
	fd = store__file_open(archive->dir_fd, FILE_NAME, O_RDWR);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	for (uint64_t at = 0; (r = slot_find(fd, 0, slot, &at)) == 0;
	     at += SLOT_BYTES) {
		if (store__le_get(slot, 4) >= month)
			continue;
		r = slot_destroy(fd, slot, at);
		if (r)
			break;
		forgotten++;
	}
	sodium_memzero(slot, sizeof(slot));
	close(fd);
	return r == -ENOENT ? forgotten : r;
}
