/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys of what is stored, sealed anew to other recipients, in the same slots:
 *
 *   1. the new slots into the file `reseal`, synced
 *   2. each over the old one, the keyrings synced
 *   3. `reseal` overwritten, synced, and cut to nothing
 *
 * A crash after 1 is finished from there when the archive is opened to write;
 * one before leaves a file whose hash is wrong, and the old slots as they were.
 * Not in the index: that would keep copies of keys in pages it has freed, and a
 * purge could not reach them. For the same reason a purge finishes what is in
 * `reseal` before it destroys anything.
 */
#include "store/keys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_priv.h"

#define NAME       "reseal"
#define HEAD_BYTES 16
#define REDO_BYTES                                                             \
	(HEAD_BYTES + STORE_RESEAL_MAX * STORE__SLOT_BYTES + STORE_HASH_BYTES)

static const uint8_t magic[8] = "SPANRSL1";

/* ---- the file of what is under way ------------------------------------- */

struct redo {
	uint32_t count;
	uint8_t bytes[REDO_BYTES];
};

static uint8_t *
redo_slot(struct redo *redo, uint32_t i)
{
	return redo->bytes + HEAD_BYTES + (size_t)i * STORE__SLOT_BYTES;
}

static size_t
redo_bytes(const struct redo *redo)
{
	return HEAD_BYTES + (size_t)redo->count * STORE__SLOT_BYTES;
}

static uint32_t
slot_day(const uint8_t *slot)
{
	return (uint32_t)store__le_get(slot + 8, 4);
}

static uint32_t
slot_number(const uint8_t *slot)
{
	return (uint32_t)store__le_get(slot + 12, 4);
}

/** @return 1; 0: nothing is under way; -errno */
static int
redo_read(const struct store_archive *archive, struct redo *redo)
{
	uint8_t hash[STORE_HASH_BYTES];
	ssize_t n;
	int r = 0;
	int fd = store__file_open(archive->dir_fd, NAME, O_RDONLY);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	n = pread(fd, redo->bytes, sizeof(redo->bytes), 0);
	if (n < 0)
		r = -errno;
	close(fd);
	if (r || n < HEAD_BYTES || memcmp(redo->bytes, magic, sizeof(magic)))
		return r;
	redo->count = (uint32_t)store__le_get(redo->bytes + 8, 4);
	if (redo->count > STORE_RESEAL_MAX ||
	    (size_t)n < redo_bytes(redo) + sizeof(hash))
		return 0;
	store_hash(hash, redo->bytes, redo_bytes(redo));
	return memcmp(hash, redo->bytes + redo_bytes(redo), sizeof(hash)) == 0;
}

static int
redo_write(struct store_archive *archive, struct redo *redo)
{
	int fd, r;

	memset(redo->bytes, 0, HEAD_BYTES);
	memcpy(redo->bytes, magic, sizeof(magic));
	store__le_put(redo->bytes + 8, redo->count, 4);
	store_hash(redo->bytes + redo_bytes(redo), redo->bytes,
		   redo_bytes(redo));
	fd = store__file_open(archive->dir_fd, NAME, O_RDWR | O_CREAT);
	if (fd < 0)
		return fd;
	archive->reseal_left = true;
	r = store__pwrite(fd, redo->bytes, redo_bytes(redo) + STORE_HASH_BYTES,
			  0);
	if (r == 0 && fsync(fd))
		r = -errno;
	close(fd);
	return r ? r : store__parent_sync(archive->dir_fd, NAME);
}

/** Nothing is under way any more; what was in it is not to be found there. */
static int
redo_wipe(struct store_archive *archive)
{
	uint8_t bytes[REDO_BYTES];
	struct stat st;
	int r = 0;
	int fd = store__file_open(archive->dir_fd, NAME, O_RDWR);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	randombytes_buf(bytes, sizeof(bytes));
	if (fstat(fd, &st))
		r = -errno;
	if (r == 0 && st.st_size > 0)
		r = store__pwrite(fd, bytes,
				  st.st_size < REDO_BYTES ? (size_t)st.st_size
							  : REDO_BYTES,
				  0);
	if (r == 0 && (fdatasync(fd) || ftruncate(fd, 0)))
		r = -errno;
	close(fd);
	if (r == 0)
		archive->reseal_left = false;
	return r;
}

/** A slot that is under way takes its bytes: that was destroyed stays so; that
 * cannot be read was torn while they were written. */
static int
slot_finish(struct store_archive *archive, const uint8_t *slot)
{
	struct store_sealed_key sealed;
	int r = store__keyring_look(archive, slot_day(slot), slot_number(slot),
				    &sealed);

	if (r == STORE__SLOT_DESTROYED || r == -ENOENT)
		return 0;
	if (r < 0 && r != -EBADMSG && r != -EIO)
		return r;
	return store__keyring_replace(archive, slot_day(slot),
				      slot_number(slot), slot);
}

static int
redo_run(struct store_archive *archive, struct redo *redo)
{
	int error = 0, r;

	for (uint32_t i = 0; i < redo->count; i++) {
		r = slot_finish(archive, redo_slot(redo, i));
		if (r == 0)
			store__step(archive, 5);
		/* One that cannot be written does not keep the others. */
		if (r && error == 0)
			error = r;
	}
	r = store_keyring_sync(archive);
	return error ? error : r;
}

int
store__reseal_finish(struct store_archive *archive)
{
	struct redo *redo = calloc(1, sizeof(*redo));
	int r;

	if (!redo)
		return -ENOMEM;
	r = redo_read(archive, redo);
	if (r == 1)
		r = redo_run(archive, redo);
	if (r == 0)
		r = redo_wipe(archive);
	else
		archive->reseal_left = true;
	free(redo);
	return r;
}

bool
store__reseal_has(const struct store_archive *archive, uint32_t day,
		  uint32_t slot)
{
	struct redo *redo = calloc(1, sizeof(*redo));
	bool has = !redo || redo_read(archive, redo) < 0;

	for (uint32_t i = 0; redo && i < redo->count && !has; i++)
		has = slot_day(redo_slot(redo, i)) == day &&
		      slot_number(redo_slot(redo, i)) == slot;
	free(redo);
	return has;
}

/* ---- one step ---------------------------------------------------------- */

/** Those that are still what they were. */
static int
redo_fill(struct store_archive *archive, struct redo *redo,
	  const struct store_reseal *many, size_t count)
{
	uint8_t check[STORE_SLOT_CHECK_BYTES];
	struct store_sealed_key sealed;

	for (size_t i = 0; i < count; i++) {
		const struct store_reseal *one = &many[i];
		int r =
		    store__keyring_look(archive, one->day, one->slot, &sealed);

		if (r < 0 && r != -ENOENT && r != -EBADMSG)
			return r;
		if (r != STORE__SLOT_KEY)
			continue;
		store__slot_check(check, one->day, one->slot, &sealed);
		if (memcmp(check, one->old, sizeof(check)) != 0)
			continue;
		store__slot_encode(redo_slot(redo, redo->count++), one->day,
				   one->slot, &one->new);
	}
	return 0;
}

/** "keys of 3 recordings sealed anew to 0123456789abcdef, ..." */
static int
enter(struct store_archive *archive, const struct redo *redo,
      const struct store_sealed_key *whose, const struct store_reseal_by *by)
{
	struct store_ledger_entry entry = { .time_ns = by->now_ns,
					    .action = "key-reseal" };
	char text[STORE_FINGERPRINT_TEXT];
	size_t n;

	snprintf(entry.actor, sizeof(entry.actor), "%s", by->actor);
	n = (size_t)snprintf(entry.detail, sizeof(entry.detail),
			     "keys of %u recording%s sealed anew to",
			     redo->count, redo->count == 1 ? "" : "s");
	for (uint32_t i = 0; i < whose->count; i++) {
		store_hex(text, whose->fingerprints[i],
			  STORE_FINGERPRINT_BYTES);
		n +=
		    (size_t)snprintf(entry.detail + n, sizeof(entry.detail) - n,
				     "%s %s", i ? "," : "", text);
	}
	return store_ledger_append(archive, &entry);
}

int
store_reseal(struct store_archive *archive, const struct store_reseal *many,
	     size_t count, const struct store_reseal_by *by, size_t *done)
{
	struct redo *redo;
	int r;

	*done = 0;
	if (archive->mode != STORE_WRITE)
		return -EROFS;
	if (archive->batch)
		return -EBUSY;
	if (count > STORE_RESEAL_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		if (!store__sealed_to_all(archive, &many[i].new))
			return -ESTALE;
	r = archive->reseal_left ? store__reseal_finish(archive) : 0;
	if (r)
		return r;
	redo = calloc(1, sizeof(*redo));
	if (!redo)
		return -ENOMEM;
	r = redo_fill(archive, redo, many, count);
	/* Rather an entry of what then failed than none of what was done. */
	if (r == 0 && redo->count)
		r = enter(archive, redo, &many[0].new, by);
	if (r == 0 && redo->count) {
		r = redo_write(archive, redo);
		if (r) /* the old slots are as they were */
			(void)!redo_wipe(archive);
		else
			store__step(archive, 4);
		if (r == 0)
			r = redo_run(archive, redo);
		if (r == 0)
			r = redo_wipe(archive);
	}
	if (r == 0)
		*done = redo->count;
	free(redo);
	return r;
}

/* ---- made by whoever has a key ----------------------------------------- */

bool
store_slot_is_for(const struct store_slot *slot,
		  const struct store_recipient *recipients, size_t count)
{
	uint8_t fingerprint[STORE_FINGERPRINT_BYTES];
	bool same = slot->readable && slot->sealed.count == count;

	for (size_t i = 0; same && i < count; i++) {
		store_fingerprint(fingerprint, &recipients[i].pub);
		same = memcmp(fingerprint, slot->sealed.fingerprints[i],
			      sizeof(fingerprint)) == 0;
	}
	return same;
}

int
store_reseal_make(struct store_reseal *reseal,
		  const struct store_identity *identity,
		  const struct store_slot *slot,
		  const struct store_recipient *recipients, size_t count)
{
	uint8_t *key = store__secret_new(STORE_FILE_KEY_BYTES);
	bool opened = false;
	int r = 0;

	if (!key)
		return -ENOMEM;
	*reseal = (struct store_reseal){ .day = slot->day, .slot = slot->slot };
	store__slot_check(reseal->old, slot->day, slot->slot, &slot->sealed);
	for (uint32_t i = 0; i < slot->sealed.count && !opened; i++)
		opened = crypto_box_seal_open(key, slot->sealed.sealed[i],
					      STORE_SEALED_KEY_BYTES,
					      identity->pub.bytes,
					      identity->secret) == 0;
	for (size_t i = 0; opened && r == 0 && i < count; i++) {
		if (crypto_box_seal(reseal->new.sealed[i], key,
				    STORE_FILE_KEY_BYTES,
				    recipients[i].pub.bytes))
			r = -EINVAL;
		store_fingerprint(reseal->new.fingerprints[i],
				  &recipients[i].pub);
	}
	reseal->new.count = (uint32_t)count;
	store__secret_free(key, STORE_FILE_KEY_BYTES, STORE_FILE_KEY_BYTES);
	return opened ? r : -ENOKEY;
}

/* ---- all slots --------------------------------------------------------- */

typedef int (*slot_fn)(void *ctx, const struct store_slot *slot);

static int
slot_tell(int fd, uint32_t day, uint32_t number, slot_fn fn, void *ctx)
{
	uint8_t bytes[STORE__SLOT_BYTES];
	struct store_slot slot = { .day = day, .slot = number };
	int r = store__pread(fd, bytes, sizeof(bytes),
			     (uint64_t)number * sizeof(bytes));

	if (r == 0 && sodium_is_zero(bytes, sizeof(bytes)))
		return 0;
	if (r == 0)
		r = store__slot_decode(bytes, day, number, &slot.sealed);
	if (r == STORE__SLOT_DESTROYED)
		return 0;
	slot.readable = r == STORE__SLOT_KEY;
	slot.known = slot.readable &&
		     !sodium_is_zero(slot.sealed.fingerprints[0],
				     sizeof(slot.sealed.fingerprints[0]));
	return fn(ctx, &slot);
}

/** From data to data: a hole has no keys, of whatever length it is. */
static int
day_slots(const struct store_archive *archive, uint32_t day, slot_fn fn,
	  void *ctx)
{
	char path[STORE__PATH_BYTES];
	off_t data = 0;
	int fd, r = 0;

	store__keyring_path(path, day);
	fd = store__file_open(archive->dir_fd, path, O_RDONLY);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	for (uint64_t slot = 0; r == 0; slot++) {
		data = lseek(fd, (off_t)(slot * STORE__SLOT_BYTES), SEEK_DATA);
		if (data < 0 || data / STORE__SLOT_BYTES > UINT32_MAX)
			break;
		slot = (uint64_t)data / STORE__SLOT_BYTES;
		r = slot_tell(fd, day, (uint32_t)slot, fn, ctx);
	}
	if (r == 0 && data < 0 && errno != ENXIO)
		r = -errno;
	close(fd);
	return r;
}

static int
day_compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/** @param days malloc'd @return 0, -errno */
static int
days_of(const struct store_archive *archive, uint32_t **days, size_t *count)
{
	unsigned year, month, day;
	struct dirent *entry;
	uint32_t *more;
	DIR *dir;
	int fd = openat(archive->dir_fd, "keyring",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (sscanf(entry->d_name, "%4u-%2u-%2u.keys", &year, &month,
			   &day) != 3)
			continue;
		more = realloc(*days, (*count + 1) * sizeof(**days));
		if (!more) {
			closedir(dir);
			return -ENOMEM;
		}
		*days = more;
		more[(*count)++] = year * 10000 + month * 100 + day;
	}
	closedir(dir);
	return 0;
}

int
store_slots(struct store_archive *archive, slot_fn fn, void *ctx)
{
	uint32_t *days = NULL;
	size_t count = 0;
	int r = days_of(archive, &days, &count);

	if (count)
		qsort(days, count, sizeof(*days), day_compare);
	for (size_t i = 0; i < count && r == 0; i++)
		r = day_slots(archive, days[i], fn, ctx);
	free(days);
	return r;
}

int
store_recording_keys(struct store_archive *archive,
		     const struct store_segment *segment,
		     struct store_sealed_key *sealed)
{
	return store__keyring_read(archive, segment->key_day, segment->key_slot,
				   sealed);
}
