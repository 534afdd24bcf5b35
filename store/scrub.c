/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Taking a part out of a recording, so that it cannot come back:
 *
 *   1. proposed by one person
 *   2. another agrees: a new key into a slot, synced; then noted, with its
 *      slot, in one transaction
 *   3. the new file, under a name of its own, written and synced
 *   4. the row names the new key and file, and the note the old ones, in one
 *      transaction
 *   5. the old key overwritten, the old file unlinked, as in a purge
 *   6. certificate into the ledger, the note removed, in one transaction
 *
 * Before 4 the old recording holds, and what there is of the new one is undone;
 * after it the new one holds, and 5 and 6 may be done any number of times.
 * So at any time one of them is there whole, and no key is without a note that
 * leads to it, but for one that was made a moment ago and opens nothing.
 */
#include "store/store.h"
#include "store/scrub.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_priv.h"

/* A new file is hardly longer than the old one: gaps may come instead of
 * packets, and one item that tells what it replaces. */
#define LONGER_BYTES (UINT64_C(1) << 20)

/* ---- the table --------------------------------------------------------- */

static int
key_of(const char *id, struct store__key *key)
{
	char call[STORE_CALL_ID_BYTES];
	uint32_t segment;

	key->bytes = 0;
	if (store__segment_id_parse(id, call, &segment))
		return -ENOENT;
	store__key_segment(key, call, segment);
	return 0;
}

static int
entry_get(const struct store_archive *archive, MDB_txn *txn, const char *id,
	  struct store_scrub *scrub)
{
	struct store__key key;
	MDB_val k, value;
	int rc, r = key_of(id, &key);

	if (r || !archive->tables.scrubs)
		return -ENOENT;
	k = store__key_val(&key);
	rc = mdb_get(txn, archive->tables.scrubs, &k, &value);
	if (rc)
		return store__index_error(rc);
	r = store__scrub_decode(scrub, value.mv_data, value.mv_size);
	snprintf(scrub->id, sizeof(scrub->id), "%s", id);
	return r;
}

static int
entry_put(const struct store_archive *archive, MDB_txn *txn,
	  const struct store_scrub *scrub)
{
	uint8_t row[STORE__ROW_BYTES];
	MDB_val k, value = { .mv_data = row };
	struct store__key key;
	int r = key_of(scrub->id, &key);

	if (r)
		return r;
	k = store__key_val(&key);
	value.mv_size = store__scrub_encode(row, scrub);
	return store__index_error(
	    mdb_put(txn, archive->tables.scrubs, &k, &value, 0));
}

static int
entry_delete(const struct store_archive *archive, MDB_txn *txn, const char *id)
{
	struct store__key key;
	MDB_val k;
	int r = key_of(id, &key);

	if (r)
		return r;
	k = store__key_val(&key);
	return store__index_error(
	    mdb_del(txn, archive->tables.scrubs, &k, NULL));
}

int
store_scrub_get(struct store_archive *archive, const char *id,
		struct store_scrub *scrub)
{
	MDB_txn *txn;
	int r = store__read_begin(archive, &txn);

	if (r)
		return r;
	r = entry_get(archive, txn, id, scrub);
	store__read_end(archive, txn);
	return r;
}

/** The entry behind *key. @return 1; 0: there is none; -EBADMSG, -EPROTO: it
 * cannot be read, *key is that of it; -EIO */
static int
entry_next(struct store_archive *archive, struct store__key *key,
	   struct store_scrub *scrub)
{
	MDB_val k = store__key_val(key), value;
	MDB_cursor *cursor;
	MDB_txn *txn;
	int rc, r = store__read_begin(archive, &txn);

	if (r)
		return r;
	r = store__index_error(
	    mdb_cursor_open(txn, archive->tables.scrubs, &cursor));
	if (r) {
		store__read_end(archive, txn);
		return r;
	}
	rc = mdb_cursor_get(cursor, &k, &value,
			    key->bytes ? MDB_SET_RANGE : MDB_FIRST);
	if (rc == 0 && key->bytes && k.mv_size == key->bytes &&
	    memcmp(k.mv_data, key->data, key->bytes) == 0)
		rc = mdb_cursor_get(cursor, &k, &value, MDB_NEXT);
	r = rc == MDB_NOTFOUND ? 0 : rc ? store__index_error(rc) : 1;
	if (r == 1) {
		char name[STORE__KEY_NAME_BYTES], call[STORE_CALL_ID_BYTES];
		uint32_t segment;

		key->bytes = k.mv_size;
		memcpy(key->data, k.mv_data, k.mv_size);
		store__key_name(name, key);
		rc = store__scrub_decode(scrub, value.mv_data, value.mv_size);
		if (rc == 0 && store__segment_id_parse(name, call, &segment))
			rc = -EBADMSG;
		else
			snprintf(scrub->id, sizeof(scrub->id), "%.*s",
				 STORE_SEGMENT_ID_BYTES - 1, name);
		r = rc ? rc : 1;
	}
	mdb_cursor_close(cursor);
	store__read_end(archive, txn);
	return r;
}

int
store__scrub_walk(struct store_archive *archive, store__scrub_fn fn,
		  store__skipped_fn skipped, void *ctx)
{
	struct store__key key = { 0 };
	struct store_scrub scrub;
	uint64_t passed = 0;
	int next, r = 0;

	archive->skipped = 0;
	if (!archive->tables.scrubs)
		return 0;
	while (r == 0 && (next = entry_next(archive, &key, &scrub)) != 0) {
		if (next == 1) {
			r = fn ? fn(ctx, &scrub) : 0;
		} else if (next == -EBADMSG || next == -EPROTO) {
			passed++;
			r = skipped ? skipped(ctx, &key, next) : 0;
		} else {
			r = next;
		}
	}
	archive->skipped = passed;
	return r;
}

int
store_scrubs(struct store_archive *archive,
	     int (*fn)(void *ctx, const struct store_scrub *scrub), void *ctx)
{
	return store__scrub_walk(archive, fn, NULL, ctx);
}

/* ---- words for the ledger ---------------------------------------------- */

static const char *
sides_words(uint32_t sides)
{
	return sides == STORE_SIDES_BOTH   ? "both sides"
	       : sides == 1u << STORE_LEFT ? "left side"
					   : "right side";
}

static double
seconds(int64_t from_ns, int64_t to_ns)
{
	return ((double)to_ns - (double)from_ns) / (double)NS_PER_S;
}

static int ledger_enter(struct store_archive *archive, MDB_txn *txn,
			struct store_ledger_entry *entry, const char *format,
			...) __attribute__((format(printf, 4, 5)));

/** @param entry time and actor are given @param format of the detail */
static int
ledger_enter(struct store_archive *archive, MDB_txn *txn,
	     struct store_ledger_entry *entry, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(entry->detail, sizeof(entry->detail), format, ap);
	va_end(ap);
	return store__ledger_put(archive, txn, entry);
}

/** Why, without the numbers and names of who called. */
static int
why_of(struct store_archive *archive, const struct store_scrub *scrub,
       const struct store_segment *segment, int64_t time_ns,
       char why[STORE_WHY_BYTES])
{
	memcpy(why, scrub->why, STORE_WHY_BYTES);
	return store__hide_parties(archive, time_ns, segment, why,
				   STORE_WHY_BYTES);
}

static struct store_ledger_entry
entry_of(const struct store_scrub *scrub, const char *action,
	 const struct store_person *who, int64_t now_ns)
{
	struct store_ledger_entry entry = { .time_ns = now_ns };

	snprintf(entry.action, sizeof(entry.action), "%s", action);
	snprintf(entry.subject, sizeof(entry.subject), "%s", scrub->id);
	snprintf(entry.actor, sizeof(entry.actor), "%s", who->name);
	return entry;
}

/* ---- what may be scrubbed ---------------------------------------------- */

/** A hold keeps a recording, not what must not be in it: card numbers have to
 * go all the same, where two people say so. */
static int
may_scrub(const struct store_segment *segment, const struct store_scrub *scrub)
{
	if (segment->state == STORE_STATE_HELD && !scrub->although_held)
		return -EPERM;
	switch (store_segment_unheld(segment)) {
	case STORE_STATE_RECORDING:
		return -EBUSY;
	case STORE_STATE_DAMAGED:
		return -EBADMSG;
	case STORE_STATE_STORED:
	case STORE_STATE_INTERRUPTED:
		return segment->key_day && segment->chunks ? 0 : -ENOENT;
	default:
		return -ENOENT;
	}
}

static int
row_for(struct store_archive *archive, MDB_txn *txn,
	const struct store_scrub *scrub, struct store_segment *segment)
{
	int r = store__row_get(archive, txn, scrub->id, segment);

	return r ? r : may_scrub(segment, scrub);
}

static const char *
held_words(const struct store_segment *segment)
{
	return segment->state == STORE_STATE_HELD ? "although it is held, "
						  : "";
}

/** The end of a transaction: what was done in it holds only if all of it was
 * done. */
static int
end(struct store_archive *archive, MDB_txn *txn, int r)
{
	if (r == 0)
		return store__write_commit(archive, txn);
	mdb_txn_abort(txn);
	return r;
}

/* ---- 1. proposed ------------------------------------------------------- */

int
store_scrub_propose(struct store_archive *archive,
		    const struct store_scrub *scrub)
{
	struct store_scrub known, new = { .state = STORE_SCRUB_PROPOSED };
	struct store_ledger_entry entry;
	struct store_segment segment;
	char why[STORE_WHY_BYTES];
	MDB_txn *txn;
	int r;

	if (scrub->until_ns <= scrub->from_ns || scrub->sides == 0 ||
	    scrub->sides > STORE_SIDES_BOTH || !scrub->why[0])
		return -EINVAL;
	snprintf(new.id, sizeof(new.id), "%s", scrub->id);
	snprintf(new.why, sizeof(new.why), "%s", scrub->why);
	new.from_ns = scrub->from_ns;
	new.until_ns = scrub->until_ns;
	new.sides = scrub->sides;
	new.proposer = scrub->proposer;
	new.proposed_ns = scrub->proposed_ns;
	new.although_held = scrub->although_held;
	r = store__write_begin(archive, &txn);
	if (r)
		return r;
	r = row_for(archive, txn, &new, &segment);
	if (r == 0) {
		r = entry_get(archive, txn, new.id, &known);
		r = r == -ENOENT ? 0 : r == 0 ? -EEXIST : r;
	}
	if (r == 0)
		r = entry_put(archive, txn, &new);
	if (r == 0)
		r = why_of(archive, &new, &segment, new.proposed_ns, why);
	if (r == 0) {
		entry = entry_of(&new, "scrub-propose", &new.proposer,
				 new.proposed_ns);
		r = ledger_enter(archive, txn, &entry,
				 "%s%.3f s to %.3f s, %s: %s",
				 held_words(&segment),
				 seconds(segment.start_ns, new.from_ns),
				 seconds(segment.start_ns, new.until_ns),
				 sides_words(new.sides), why);
	}
	return end(archive, txn, r);
}

/* ---- files and keys that go -------------------------------------------- */

static int
file_remove(const struct store_archive *archive,
	    const struct store_scrub *scrub, uint32_t scrubs)
{
	char path[STORE__PATH_BYTES];
	int r;

	store__recording_path(path, scrub->key_day, scrub->id, scrubs);
	if (unlinkat(archive->dir_fd, path, 0) && errno != ENOENT)
		return -errno;
	r = store__parent_sync(archive->dir_fd, path);
	return r == -ENOENT ? 0 : r;
}

/** Key and file of the new recording that does not come. */
static int
undo(struct store_archive *archive, const struct store_scrub *scrub)
{
	int r = 0;

	if (scrub->state != STORE_SCRUB_BEGUN)
		return 0;
	r = store__keyring_destroy(archive, scrub->key_day, scrub->key_slot);
	if (r && r != -ENOKEY)
		return r;
	return file_remove(archive, scrub, scrub->scrubs + 1);
}

/* ---- 6. certificate ---------------------------------------------------- */

static int
certify_in(struct store_archive *archive, MDB_txn *txn,
	   const struct store_scrub *scrub, bool key_found, int64_t now_ns)
{
	const int64_t gone_ns =
	    now_ns > scrub->agreed_ns ? now_ns : scrub->agreed_ns;
	char old[2 * STORE_HASH_BYTES + 1], new[2 * STORE_HASH_BYTES + 1];
	struct store_ledger_entry entry =
	    entry_of(scrub, "scrub", &scrub->agreer, gone_ns);
	struct store_segment segment;
	char why[STORE_WHY_BYTES];
	int r = store__row_get(archive, txn, scrub->id, &segment);

	if (r == 0)
		r = why_of(archive, scrub, &segment, gone_ns, why);
	if (r == 0)
		r = ledger_enter(
		    archive, txn, &entry,
		    "proposed by %s: %s%.3f s to %.3f s, %s, %s %" PRIu32
		    "/%" PRIu32 "%s: %s",
		    scrub->proposer.name, held_words(&segment),
		    seconds(segment.start_ns, scrub->from_ns),
		    seconds(segment.start_ns, scrub->until_ns),
		    sides_words(scrub->sides),
		    key_found ? "old key" : "its key was not there,",
		    scrub->key_day, scrub->key_slot,
		    key_found ? " overwritten, old file removed"
			      : ", old file removed",
		    why);
	if (r)
		return r;
	store_hex(old, scrub->file_hash, STORE_HASH_BYTES);
	store_hex(new, segment.file_hash, STORE_HASH_BYTES);
	entry = entry_of(scrub, "scrub-file", &scrub->agreer, gone_ns);
	r = ledger_enter(archive, txn, &entry, "%s replaced by %s", old, new);
	return r ? r : entry_delete(archive, txn, scrub->id);
}

/** 5 and 6. */
static int
finish(struct store_archive *archive, const struct store_scrub *scrub,
       int64_t now_ns)
{
	bool key_found;
	MDB_txn *txn;
	int r =
	    store__keyring_destroy(archive, scrub->key_day, scrub->key_slot);

	if (r && r != -ENOKEY)
		return r;
	key_found = r == 0;
	store__step(archive, 15);
	r = file_remove(archive, scrub, scrub->scrubs);
	if (r)
		return r;
	store__step(archive, 16);
	r = store__write_begin(archive, &txn);
	if (r)
		return r;
	r = end(archive, txn,
		certify_in(archive, txn, scrub, key_found, now_ns));
	if (r == 0)
		store__step(archive, 17);
	return r;
}

/* ---- what is begun and does not come ----------------------------------- */

struct finishing {
	struct store_archive *archive;
	struct store_recovery *found;
	int64_t now_ns;
};

/** It waits again, as before anybody agreed. */
static int
back_to_proposed(struct store_archive *archive, struct store_scrub *scrub)
{
	MDB_txn *txn;
	int r = undo(archive, scrub);

	if (r)
		return r;
	scrub->state = STORE_SCRUB_PROPOSED;
	memset(&scrub->agreer, 0, sizeof(scrub->agreer));
	memset(scrub->file_hash, 0, sizeof(scrub->file_hash));
	scrub->agreed_ns = 0;
	scrub->key_day = scrub->key_slot = scrub->scrubs = 0;
	r = store__write_begin(archive, &txn);
	return r ? r : end(archive, txn, entry_put(archive, txn, scrub));
}

static int
finish_one(void *ctx, const struct store_scrub *found)
{
	struct finishing *f = ctx;
	struct store_scrub scrub = *found;
	int r = 0;

	if (scrub.state == STORE_SCRUB_DONE)
		r = finish(f->archive, &scrub, f->now_ns);
	else if (scrub.state == STORE_SCRUB_BEGUN)
		r = back_to_proposed(f->archive, &scrub);
	if (r)
		f->found->failed++;
	else if (found->state == STORE_SCRUB_DONE)
		f->found->purges++;
	else if (found->state == STORE_SCRUB_BEGUN)
		f->found->scrubs++;
	return 0;
}

static int
finish_skipped(void *ctx, const struct store__key *key, int error)
{
	struct finishing *f = ctx;

	(void)key;
	(void)error;
	f->found->failed++;
	return 0;
}

int
store__scrub_finish_all(struct store_archive *archive, int64_t now_ns,
			struct store_recovery *found)
{
	struct finishing f = { archive, found, now_ns };

	return store__scrub_walk(archive, finish_one, finish_skipped, &f);
}

int
store__scrub_drop(struct store_archive *archive, const char *id, int64_t now_ns)
{
	struct store_scrub scrub;
	MDB_txn *txn;
	int r = store_scrub_get(archive, id, &scrub);

	/* verify tells of one that cannot be read; nothing waits for it. */
	if (r == -ENOENT || r == -EBADMSG || r == -EPROTO)
		return 0;
	if (r)
		return r;
	if (scrub.state == STORE_SCRUB_DONE)
		return finish(archive, &scrub, now_ns);
	r = undo(archive, &scrub);
	if (r)
		return r;
	r = store__write_begin(archive, &txn);
	return r ? r : end(archive, txn, entry_delete(archive, txn, scrub.id));
}

int
store_scrub_withdraw(struct store_archive *archive, const char *id,
		     const struct store_person *who, int64_t now_ns)
{
	struct store_ledger_entry entry;
	struct store_segment segment;
	char why[STORE_WHY_BYTES];
	struct store_scrub scrub;
	MDB_txn *txn;
	int r = archive->mode == STORE_WRITE ? 0 : -EROFS;

	if (r == 0)
		r = store_scrub_get(archive, id, &scrub);
	if (r)
		return r;
	if (scrub.state == STORE_SCRUB_DONE) {
		r = finish(archive, &scrub, now_ns);
		return r ? r : -EALREADY;
	}
	r = undo(archive, &scrub);
	if (r)
		return r;
	entry = entry_of(&scrub, "scrub-withdraw", who, now_ns);
	r = store__write_begin(archive, &txn);
	if (r)
		return r;
	r = store__row_get(archive, txn, id, &segment);
	if (r == 0)
		r = why_of(archive, &scrub, &segment, now_ns, why);
	if (r == 0)
		r = ledger_enter(archive, txn, &entry, "proposed by %s: %s",
				 scrub.proposer.name, why);
	if (r == 0)
		r = entry_delete(archive, txn, id);
	return end(archive, txn, r);
}

/* ---- 2. agreed --------------------------------------------------------- */

/** The note that leads to the new key, and who agreed. */
static int
begin_in(struct store_archive *archive, MDB_txn *txn,
	 const struct store_scrub *scrub)
{
	struct store_ledger_entry entry =
	    entry_of(scrub, "scrub-agree", &scrub->agreer, scrub->agreed_ns);
	struct store_segment segment;
	char why[STORE_WHY_BYTES];
	int r = row_for(archive, txn, scrub, &segment);

	if (r == 0 &&
	    memcmp(segment.file_hash, scrub->file_hash, STORE_HASH_BYTES) != 0)
		r = -ESTALE;
	if (r == 0)
		r = entry_put(archive, txn, scrub);
	if (r == 0)
		r = why_of(archive, scrub, &segment, scrub->agreed_ns, why);
	return r ? r
		 : ledger_enter(archive, txn, &entry,
				"proposed by %s, %snew key %" PRIu32 "/%" PRIu32
				": %s",
				scrub->proposer.name, held_words(&segment),
				scrub->key_day, scrub->key_slot, why);
}

/** The new key, and the note that leads to it. */
static int
allot(struct store_archive *archive, struct store_scrub *scrub,
      const struct store_sealed_key *sealed)
{
	MDB_txn *txn;
	int r = store_keyring_add(archive, scrub->key_day, sealed,
				  &scrub->key_slot);

	if (r == 0)
		r = store_keyring_sync(archive);
	if (r)
		return r;
	store__step(archive, 11);
	scrub->state = STORE_SCRUB_BEGUN;
	r = store__write_begin(archive, &txn);
	if (r)
		return r;
	r = end(archive, txn, begin_in(archive, txn, scrub));
	if (r)
		/* It opens nothing; so it need not stay either. */
		(void)!store__keyring_destroy(archive, scrub->key_day,
					      scrub->key_slot);
	else
		store__step(archive, 12);
	return r;
}

int
store_scrub_begin(struct store_archive *archive, const char *id,
		  const struct store_person *who, int64_t now_ns,
		  const struct store_sealed_key *sealed,
		  struct store_scrub *begun)
{
	struct store_segment segment;
	MDB_txn *txn;
	int r;

	if (archive->mode != STORE_WRITE)
		return -EROFS;
	if (archive->batch || archive->batch_error)
		return -EBUSY;
	if (sealed->count == 0 || sealed->count > STORE_RECIPIENTS_MAX)
		return -EINVAL;
	/* Made before these were changed: it would be for keys that go. */
	if (!store__sealed_to_all(archive, sealed))
		return -ESTALE;
	r = store__read_begin(archive, &txn);
	if (r)
		return r;
	r = entry_get(archive, txn, id, begun);
	if (r == 0)
		r = row_for(archive, txn, begun, &segment);
	store__read_end(archive, txn);
	if (r)
		return r;
	if (who->uid == begun->proposer.uid)
		return -EACCES;
	if (begun->state == STORE_SCRUB_DONE)
		return -EALREADY;
	if (begun->state == STORE_SCRUB_BEGUN)
		r = back_to_proposed(archive, begun);
	if (r)
		return r;
	begun->agreer = *who;
	begun->agreed_ns = now_ns;
	begun->key_day = segment.key_day;
	begun->scrubs = segment.scrubs;
	memcpy(begun->file_hash, segment.file_hash, STORE_HASH_BYTES);
	return allot(archive, begun, sealed);
}

/* ---- 3. the new file --------------------------------------------------- */

/** What is noted, if it is still what somebody began. */
static int
still_begun(struct store_archive *archive, const struct store_scrub *begun,
	    struct store_scrub *scrub)
{
	int r = archive->mode == STORE_WRITE ? 0 : -EROFS;

	if (r == 0)
		r = store_scrub_get(archive, begun->id, scrub);
	if (r)
		return r == -ENOENT ? -ESTALE : r;
	if (scrub->state != STORE_SCRUB_BEGUN ||
	    scrub->key_slot != begun->key_slot)
		return -ESTALE;
	return 0;
}

/** How long the new file may be. */
static int
bytes_most(const struct store_archive *archive, const struct store_scrub *scrub,
	   uint64_t *most)
{
	char path[STORE__PATH_BYTES];
	struct stat st;

	store__recording_path(path, scrub->key_day, scrub->id, scrub->scrubs);
	if (fstatat(archive->dir_fd, path, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	*most = (uint64_t)st.st_size + LONGER_BYTES;
	return 0;
}

int
store_scrub_write(struct store_archive *archive,
		  const struct store_scrub *begun, uint64_t offset,
		  const void *bytes, size_t n)
{
	char path[STORE__PATH_BYTES];
	struct store_scrub scrub;
	uint64_t most = 0;
	int fd, r = still_begun(archive, begun, &scrub);

	if (r == 0)
		r = bytes_most(archive, &scrub, &most);
	if (r)
		return r;
	if (offset > most || n > most - offset)
		return -EFBIG;
	store__recording_path(path, scrub.key_day, scrub.id, scrub.scrubs + 1);
	fd = store__file_open(archive->dir_fd, path, O_WRONLY | O_CREAT);
	if (fd < 0)
		return fd;
	r = store__pwrite(fd, bytes, n, offset);
	close(fd);
	if (r == 0)
		store__step(archive, 13);
	return r;
}

/** Is it what it should be, as far as one can tell without the key? Then it
 * is made durable. */
static int
file_check(const struct store_archive *archive, const struct store_scrub *scrub,
	   const struct store_scrub_result *result)
{
	char path[STORE__PATH_BYTES];
	struct store__walk walk;
	int fd, r;

	store__recording_path(path, scrub->key_day, scrub->id,
			      scrub->scrubs + 1);
	fd = store__file_open(archive->dir_fd, path, O_RDONLY);
	if (fd < 0)
		return fd;
	r = store__walk_file(&walk, fd);
	if (r == 0 &&
	    (strcmp(walk.header.id, scrub->id) != 0 ||
	     walk.header.key_day != scrub->key_day ||
	     walk.header.key_slot != scrub->key_slot || !walk.final ||
	     walk.good_bytes != walk.file_bytes ||
	     walk.file_bytes != result->file_bytes ||
	     walk.chunks != result->chunks ||
	     memcmp(walk.hash, result->file_hash, STORE_HASH_BYTES) != 0))
		r = -EBADMSG;
	if (r == 0 && (fchmod(fd, 0440) || fsync(fd)))
		r = -errno;
	close(fd);
	return r ? r : store__parent_sync(archive->dir_fd, path);
}

/* ---- 4. it holds ------------------------------------------------------- */

static int
row_change(struct store_segment *segment, const struct store_scrub *scrub,
	   const struct store_scrub_result *result)
{
	int r = store__scrub_counts(segment, result);

	/* One that recovery closed has neither counts nor bytes. */
	if (r)
		return r;
	if (result->payload_bytes <= segment->bytes)
		segment->bytes -= result->payload_bytes;
	else if (segment->bytes)
		return -EBADMSG;
	segment->key_slot = scrub->key_slot;
	segment->chunks = result->chunks;
	segment->scrubs = scrub->scrubs + 1;
	memcpy(segment->replaced, segment->file_hash, STORE_HASH_BYTES);
	memcpy(segment->file_hash, result->file_hash, STORE_HASH_BYTES);
	return 0;
}

/** @param scrub as noted; then it is DONE, and names what goes */
static int
change_over(struct store_archive *archive, struct store_scrub *scrub,
	    const struct store_scrub_result *result, int64_t now_ns)
{
	struct store_segment segment;
	uint32_t old_slot;
	MDB_txn *txn;
	int r = store__write_begin(archive, &txn);

	if (r)
		return r;
	r = row_for(archive, txn, scrub, &segment);
	if (r == 0 && (segment.scrubs != scrub->scrubs ||
		       memcmp(segment.file_hash, scrub->file_hash,
			      STORE_HASH_BYTES) != 0))
		r = -ESTALE;
	old_slot = segment.key_slot;
	if (r == 0)
		r = row_change(&segment, scrub, result);
	if (r == 0)
		r = store__row_put(archive, txn, &segment);
	if (r == 0) {
		scrub->state = STORE_SCRUB_DONE;
		scrub->key_slot = old_slot;
		scrub->agreed_ns = now_ns;
		r = entry_put(archive, txn, scrub);
	}
	return end(archive, txn, r);
}

int
store_scrub_commit(struct store_archive *archive,
		   const struct store_scrub *begun,
		   const struct store_scrub_result *result, int64_t now_ns)
{
	struct store_scrub scrub;
	int r = still_begun(archive, begun, &scrub);

	if (r)
		return r;
	if (scrub.agreer.uid != begun->agreer.uid)
		return -ESTALE;
	r = file_check(archive, &scrub, result);
	if (r)
		return r;
	r = change_over(archive, &scrub, result, now_ns);
	if (r)
		return r;
	store__step(archive, 14);
	return finish(archive, &scrub, now_ns);
}
