/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keyring: one file a day, fixed slots, each the key of one recording,
 * sealed to every recipient. Fixed and written in place, because the purge has
 * to overwrite exactly the bytes of one key; apart from the index, because
 * LMDB copies pages and would leave old keys behind. A slot is never used
 * again, neither when it was destroyed nor when the file was lost, so that day
 * and slot name one key for ever.
 *
 * Slots are 512 bytes, the least that disks write at once: neighbours are not
 * at risk when one is written.
 */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_priv.h"

#define VERSION     1
#define READ_AGAIN  3
#define CHECK_BYTES 16
#define CHECK_AT    (STORE__SLOT_BYTES - CHECK_BYTES)
#define KEYS_AT     16
#define FINGERPRINTS_AT                                                        \
	(CHECK_AT - STORE_RECIPIENTS_MAX * STORE_FINGERPRINT_BYTES)

static const uint8_t magic[4] = "SKEY";

_Static_assert(KEYS_AT + STORE_RECIPIENTS_MAX * STORE_SEALED_KEY_BYTES <=
		   FINGERPRINTS_AT,
	       "the keys of all recipients fit a slot");

/* ---- slots ------------------------------------------------------------- */

static void
slot_encode(uint8_t bytes[STORE__SLOT_BYTES], enum store__slot_state state,
	    uint32_t day, uint32_t slot, const struct store_sealed_key *sealed)
{
	memset(bytes, 0, STORE__SLOT_BYTES);
	memcpy(bytes, magic, sizeof(magic));
	bytes[4] = VERSION;
	bytes[5] = (uint8_t)state;
	store__le_put(bytes + 8, day, 4);
	store__le_put(bytes + 12, slot, 4);
	if (state == STORE__SLOT_KEY) {
		bytes[6] = (uint8_t)sealed->count;
		memcpy(bytes + KEYS_AT, sealed->sealed,
		       (size_t)sealed->count * STORE_SEALED_KEY_BYTES);
		memcpy(bytes + FINGERPRINTS_AT, sealed->fingerprints,
		       (size_t)sealed->count * STORE_FINGERPRINT_BYTES);
	}
	crypto_generichash(bytes + CHECK_AT, CHECK_BYTES, bytes, CHECK_AT, NULL,
			   0);
}

int
store__slot_decode(const uint8_t bytes[STORE__SLOT_BYTES], uint32_t day,
		   uint32_t slot, struct store_sealed_key *sealed)
{
	uint8_t check[CHECK_BYTES];

	crypto_generichash(check, CHECK_BYTES, bytes, CHECK_AT, NULL, 0);
	if (memcmp(check, bytes + CHECK_AT, CHECK_BYTES) != 0 ||
	    memcmp(bytes, magic, sizeof(magic)) != 0 || bytes[4] != VERSION ||
	    store__le_get(bytes + 8, 4) != day ||
	    store__le_get(bytes + 12, 4) != slot)
		return -EBADMSG;
	if (bytes[5] == STORE__SLOT_DESTROYED)
		return STORE__SLOT_DESTROYED;
	if (bytes[5] != STORE__SLOT_KEY || bytes[6] == 0 ||
	    bytes[6] > STORE_RECIPIENTS_MAX)
		return -EBADMSG;
	memset(sealed, 0, sizeof(*sealed));
	sealed->count = bytes[6];
	memcpy(sealed->sealed, bytes + KEYS_AT,
	       (size_t)sealed->count * STORE_SEALED_KEY_BYTES);
	memcpy(sealed->fingerprints, bytes + FINGERPRINTS_AT,
	       (size_t)sealed->count * STORE_FINGERPRINT_BYTES);
	return STORE__SLOT_KEY;
}

void
store__slot_encode(uint8_t bytes[STORE__SLOT_BYTES], uint32_t day,
		   uint32_t slot, const struct store_sealed_key *sealed)
{
	slot_encode(bytes, STORE__SLOT_KEY, day, slot, sealed);
}

void
store__slot_check(uint8_t check[STORE_SLOT_CHECK_BYTES], uint32_t day,
		  uint32_t slot, const struct store_sealed_key *sealed)
{
	uint8_t bytes[STORE__SLOT_BYTES];

	slot_encode(bytes, STORE__SLOT_KEY, day, slot, sealed);
	memcpy(check, bytes + CHECK_AT, STORE_SLOT_CHECK_BYTES);
}

static int
slot_read(const struct store_archive *archive, uint32_t day, uint32_t slot,
	  struct store_sealed_key *sealed)
{
	uint8_t bytes[STORE__SLOT_BYTES];
	char path[STORE__PATH_BYTES];
	int fd, r;

	store__keyring_path(path, day);
	fd = store__file_open(archive->dir_fd, path, O_RDONLY);
	if (fd < 0)
		return fd;
	r = store__pread(fd, bytes, sizeof(bytes),
			 (uint64_t)slot * STORE__SLOT_BYTES);
	if (r == -ENODATA)
		r = -ENOENT; /* behind the end */
	close(fd);
	if (r)
		return r;
	if (sodium_is_zero(bytes, sizeof(bytes)))
		return -ENOENT; /* the file is a new one */
	return store__slot_decode(bytes, day, slot, sealed);
}

int
store__keyring_look(const struct store_archive *archive, uint32_t day,
		    uint32_t slot, struct store_sealed_key *sealed)
{
	int r = slot_read(archive, day, slot, sealed);

	/* Beside a writer that seals it anew, it may be met half written. */
	for (int again = 0; again < READ_AGAIN && r == -EBADMSG; again++)
		r = slot_read(archive, day, slot, sealed);
	return r;
}

int
store__keyring_read(const struct store_archive *archive, uint32_t day,
		    uint32_t slot, struct store_sealed_key *sealed)
{
	int r = store__keyring_look(archive, day, slot, sealed);

	if (r == STORE__SLOT_DESTROYED || r == -ENOENT)
		return -ENOKEY;
	return r == STORE__SLOT_KEY ? 0 : r;
}

int
store__keyring_put(int dir_fd, uint32_t day, uint32_t slot,
		   const struct store_sealed_key *sealed)
{
	uint8_t bytes[STORE__SLOT_BYTES];
	char path[STORE__PATH_BYTES];
	int fd, r;

	store__keyring_path(path, day);
	fd = store__file_open(dir_fd, path, O_RDWR | O_CREAT);
	if (fd < 0)
		return fd;
	slot_encode(bytes, STORE__SLOT_KEY, day, slot, sealed);
	r = store__pwrite(fd, bytes, sizeof(bytes),
			  (uint64_t)slot * STORE__SLOT_BYTES);
	close(fd);
	return r;
}

/* ---- files ------------------------------------------------------------- */

static int
keyring_sync(struct store__keyring *ring)
{
	if (ring->dirty && fdatasync(ring->fd))
		return -errno;
	ring->dirty = false;
	return 0;
}

/** Slots up to the last that anything was written to, a torn one included.
 * Not by the length of the file: a hole behind them may be of any length. */
static int
slots_written(int fd, uint64_t *slots)
{
	off_t end = 0, data;

	while ((data = lseek(fd, end, SEEK_DATA)) >= 0) {
		end = lseek(fd, data, SEEK_HOLE);
		if (end < 0)
			return -errno;
	}
	if (errno != ENXIO)
		return -errno;
	*slots = ((uint64_t)end + STORE__SLOT_BYTES - 1) / STORE__SLOT_BYTES;
	return 0;
}

static int
slots_known(struct store_archive *archive, uint32_t day, uint64_t *known)
{
	MDB_txn *txn;
	int r = store__read_begin(archive, &txn);

	if (r)
		return r;
	r = store__index_slots(archive, txn, day, known);
	store__read_end(archive, txn);
	return r;
}

/** What the file and the index say was taken: the file may be a new one. */
static int
slots_taken(struct store_archive *archive, int fd, uint32_t day,
	    uint64_t *slots)
{
	uint64_t known = 0;
	int r = slots_written(fd, slots);

	if (r == 0)
		r = slots_known(archive, day, &known);
	if (known > *slots)
		*slots = known;
	return r;
}

int
store__keyring_slots(struct store_archive *archive, uint32_t day,
		     uint64_t *known, uint64_t *written)
{
	char path[STORE__PATH_BYTES];
	int fd, r;

	store__keyring_path(path, day);
	fd = store__file_open(archive->dir_fd, path, O_RDONLY);
	if (fd < 0)
		return fd;
	r = slots_written(fd, written);
	close(fd);
	return r ? r : slots_known(archive, day, known);
}

static int
keyring_open(struct store_archive *archive, struct store__keyring *ring,
	     uint32_t day, bool create)
{
	char path[STORE__PATH_BYTES];
	uint64_t slots = 0;
	int fd, r;

	store__keyring_path(path, day);
	fd = store__file_open(archive->dir_fd, path, O_RDWR);
	if (fd == -ENOENT && create) {
		fd = store__file_open(archive->dir_fd, path, O_RDWR | O_CREAT);
		archive->keyring_created = true;
	}
	if (fd < 0)
		return fd;
	r = slots_taken(archive, fd, day, &slots);
	if (r) {
		close(fd);
		return r;
	}
	*ring = (struct store__keyring){ .day = day, .slots = slots, .fd = fd };
	return 0;
}

/** The open keyring of a day; the one unused for longest makes room. */
static int
keyring_find(struct store_archive *archive, uint32_t day, bool create,
	     struct store__keyring **found)
{
	struct store__keyring *ring, *oldest = archive->keyrings;
	int r;

	for (size_t i = 0; i < STORE__KEYRINGS_OPEN; i++) {
		ring = &archive->keyrings[i];
		if (ring->day == day) {
			oldest = ring;
			break;
		}
		if (ring->used < oldest->used)
			oldest = ring;
	}
	if (oldest->day != day) {
		if (oldest->day) {
			r = keyring_sync(oldest);
			if (r)
				return r;
			close(oldest->fd);
			*oldest = (struct store__keyring){ 0 };
		}
		r = keyring_open(archive, oldest, day, create);
		if (r)
			return r;
	}
	oldest->used = ++archive->keyring_uses;
	*found = oldest;
	return 0;
}

int
store_keyring_add(struct store_archive *archive, uint32_t day,
		  const struct store_sealed_key *sealed, uint32_t *slot)
{
	uint8_t bytes[STORE__SLOT_BYTES];
	struct store__keyring *ring;
	int r;

	if (archive->mode != STORE_WRITE)
		return -EROFS;
	if (day == 0)
		return -EINVAL;
	r = keyring_find(archive, day, true, &ring);
	if (r)
		return r;
	if (ring->slots > UINT32_MAX)
		return -EFBIG;
	*slot = (uint32_t)ring->slots;
	slot_encode(bytes, STORE__SLOT_KEY, day, *slot, sealed);
	r = store__pwrite(ring->fd, bytes, sizeof(bytes),
			  ring->slots * STORE__SLOT_BYTES);
	if (r)
		return r;
	ring->dirty = true;
	ring->slots++;
	return 0;
}

int
store_keyring_sync(struct store_archive *archive)
{
	int fd, r = 0;

	for (size_t i = 0; i < STORE__KEYRINGS_OPEN && r == 0; i++)
		r = keyring_sync(&archive->keyrings[i]);
	if (r || !archive->keyring_created)
		return r;
	fd = openat(archive->dir_fd, "keyring",
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd))
		r = -errno;
	else
		archive->keyring_created = false;
	close(fd);
	return r;
}

int
store__keyring_replace(struct store_archive *archive, uint32_t day,
		       uint32_t slot, const uint8_t bytes[STORE__SLOT_BYTES])
{
	struct store__keyring *ring;
	int r = keyring_find(archive, day, false, &ring);

	if (r)
		return r;
	/* Written or half written, it has to reach the disk. */
	ring->dirty = true;
	return store__pwrite(ring->fd, bytes, STORE__SLOT_BYTES,
			     (uint64_t)slot * STORE__SLOT_BYTES);
}

/** Is there nothing in a slot that could be overwritten? One that cannot be
 * read is not empty: writing may still succeed. */
static bool
slot_empty(const struct store__keyring *ring, uint32_t slot)
{
	const uint64_t offset = (uint64_t)slot * STORE__SLOT_BYTES;
	uint8_t bytes[STORE__SLOT_BYTES];
	struct stat st;

	if (fstat(ring->fd, &st) == 0 && (uint64_t)st.st_size <= offset)
		return true;
	return store__pread(ring->fd, bytes, sizeof(bytes), offset) == 0 &&
	       sodium_is_zero(bytes, sizeof(bytes));
}

/** Where there are keys: other bytes there, on the disk when this returns.
 * @param step of a purge: 2 random bytes, 3 that it was destroyed; told of each
 * @return what keeps all of them */
static int
slots_overwrite(struct store_archive *archive, struct store__keyring *ring,
		struct store__doomed *doomed, size_t count, int step)
{
	uint8_t bytes[STORE__SLOT_BYTES];

	randombytes_buf(bytes, sizeof(bytes));
	for (size_t i = 0; i < count; i++) {
		if (doomed[i].result)
			continue;
		if (step == 3)
			slot_encode(bytes, STORE__SLOT_DESTROYED, ring->day,
				    doomed[i].slot, NULL);
		doomed[i].result =
		    store__pwrite(ring->fd, bytes, sizeof(bytes),
				  (uint64_t)doomed[i].slot * STORE__SLOT_BYTES);
		if (doomed[i].result == 0)
			store__step(archive, step);
	}
	return fdatasync(ring->fd) ? -errno : 0;
}

void
store__keyring_destroy_many(struct store_archive *archive, uint32_t day,
			    struct store__doomed *doomed, size_t count)
{
	struct store__keyring *ring;
	size_t keys = 0;
	bool left = archive->reseal_left && store__reseal_finish(archive);
	int r = keyring_find(archive, day, false, &ring);

	if (r == -ENOENT)
		r = -ENOKEY;
	for (size_t i = 0; i < count && r == 0; i++) {
		doomed[i].result =
		    slot_empty(ring, doomed[i].slot) ? -ENOKEY : 0;
		/* Another try would bring it back. */
		if (left && store__reseal_has(archive, day, doomed[i].slot))
			doomed[i].result = -EIO;
		keys += doomed[i].result == 0;
	}
	if (r == 0 && keys)
		r = slots_overwrite(archive, ring, doomed, count, 2);
	if (r == 0 && keys)
		r = slots_overwrite(archive, ring, doomed, count, 3);
	for (size_t i = 0; i < count && r; i++)
		if (doomed[i].result != -ENOKEY)
			doomed[i].result = r;
}

int
store__keyring_destroy(struct store_archive *archive, uint32_t day,
		       uint32_t slot)
{
	struct store__doomed doomed = { .slot = slot };

	store__keyring_destroy_many(archive, day, &doomed, 1);
	return doomed.result;
}

void
store__keyring_close(struct store_archive *archive)
{
	for (size_t i = 0; i < STORE__KEYRINGS_OPEN; i++) {
		struct store__keyring *ring = &archive->keyrings[i];

		if (ring->day)
			close(ring->fd);
		*ring = (struct store__keyring){ 0 };
	}
}
