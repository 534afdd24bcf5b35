/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Deleting a recording so that it cannot come back:
 *
 *   1. tombstone, and the certificate to be, in one transaction
 *   2. the slot of its key overwritten with random bytes, synced
 *   3. the slot marked as destroyed, synced
 *   4. the file unlinked, its folder synced
 *   5. certificate into the ledger, the note of 1 removed, in one transaction
 *
 * After 1 nobody is given the recording any more; 2 to 4 may be done any number
 * of times; whoever finds the note of 1 goes on from 2. Where there is no key
 * to overwrite, somebody may still have it, and the certificate says that.
 */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/store_priv.h"

static struct store__key
key_of(const struct store_segment *segment)
{
	struct store__key key = { 0 };

	store__key_segment(&key, segment->call, segment->segment);
	return key;
}

/** The note that a purge has begun: its certificate, but only with the reason
 * as detail. */
static int
note_put(const struct store_archive *archive, MDB_txn *txn,
	 const struct store_segment *segment, const char *actor,
	 const char *why)
{
	struct store_ledger_entry entry = { .time_ns = segment->purged_ns,
					    .action = "purge" };
	struct store__key key = key_of(segment);
	uint8_t row[STORE__ROW_BYTES];
	MDB_val k = store__key_val(&key), value = { .mv_data = row };

	snprintf(entry.subject, sizeof(entry.subject), "%s", segment->id);
	snprintf(entry.actor, sizeof(entry.actor), "%s", actor);
	snprintf(entry.detail, sizeof(entry.detail), "%s", why);
	value.mv_size = store__entry_encode(row, &entry);
	return store__index_error(
	    mdb_put(txn, archive->tables.purging, &k, &value, 0));
}

/** @return 0, -ENOENT: no purge of it has begun, or negative errno */
static int
note_get(const struct store_archive *archive, MDB_txn *txn,
	 const struct store_segment *segment, struct store_ledger_entry *entry)
{
	struct store__key key = key_of(segment);
	MDB_val k = store__key_val(&key), value;
	int rc = mdb_get(txn, archive->tables.purging, &k, &value);

	if (rc)
		return store__index_error(rc);
	return store__entry_decode(entry, value.mv_data, value.mv_size);
}

/* ---- after the tombstone ----------------------------------------------- */

static int
file_remove(const struct store_archive *archive,
	    const struct store_segment *segment)
{
	char path[STORE__PATH_BYTES];
	int fd, r;

	store__recording_path(path, segment->key_day, segment->id,
			      segment->scrubs);
	if (unlinkat(archive->dir_fd, path, 0) && errno != ENOENT)
		return -errno;
	*strrchr(path, '/') = '\0';
	fd = openat(archive->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = fsync(fd) ? -errno : 0;
	close(fd);
	return r;
}

/** @param why what the note says @param key_found it was overwritten */
static void
detail_make(struct store_ledger_entry *entry,
	    const struct store_segment *segment, const char *why,
	    bool key_found)
{
	char *text = entry->detail;
	const size_t n = sizeof(entry->detail);
	size_t used = 0;

	if (segment->key_day)
		used = (size_t)snprintf(text, n,
					key_found
					    ? "key %" PRIu32 "/%" PRIu32
					      " overwritten, file removed: "
					    : "its key was not there (%" PRIu32
					      "/%" PRIu32 "), file removed: ",
					segment->key_day, segment->key_slot);
	else
		used = (size_t)snprintf(text, n, "there was no recording: ");
	/* What is too long is cut. */
	(void)!snprintf(text + used, n - used, "%s", why);
}

static int
certify(struct store_archive *archive, const struct store_segment *segment,
	bool key_found)
{
	char why[sizeof(((struct store_ledger_entry *)0)->detail)];
	struct store__key key = key_of(segment);
	MDB_val k = store__key_val(&key);
	struct store_ledger_entry entry;
	MDB_txn *txn;
	int r = store__write_begin(archive, &txn);

	if (r)
		return r;
	r = note_get(archive, txn, segment, &entry);
	if (r == 0) {
		memcpy(why, entry.detail, sizeof(why));
		detail_make(&entry, segment, why, key_found);
		r = store__ledger_put(archive, txn, &entry);
	}
	if (r == 0)
		r = store__index_error(
		    mdb_del(txn, archive->tables.purging, &k, NULL));
	if (r == 0)
		return store__write_commit(archive, txn);
	mdb_txn_abort(txn);
	return r;
}

static int
finish(struct store_archive *archive, const struct store_segment *segment)
{
	bool key_found = false;
	int r = 0;

	if (segment->key_day) {
		r = store__keyring_destroy(archive, segment->key_day,
					   segment->key_slot);
		if (r && r != -ENOKEY)
			return r;
		key_found = r == 0;
		store__step(archive, 3);
		r = file_remove(archive, segment);
		if (r)
			return r;
		store__step(archive, 4);
	}
	r = store__scrub_drop(archive, segment);
	if (r == 0)
		r = certify(archive, segment, key_found);
	if (r == 0)
		store__step(archive, 5);
	return r;
}

struct finish_all {
	struct store_archive *archive;
	struct store_recovery *found;
};

static int
finish_one(void *ctx, const struct store_segment *segment)
{
	struct finish_all *all = ctx;

	if (finish(all->archive, segment) == 0)
		all->found->purges++;
	else
		all->found->failed++;
	return 0;
}

static int
finish_skipped(void *ctx, const struct store__key *key, int error)
{
	struct finish_all *all = ctx;

	(void)key;
	(void)error;
	all->found->failed++;
	return 0;
}

int
store__purge_finish_all(struct store_archive *archive,
			struct store_recovery *found)
{
	struct finish_all all = { .archive = archive, .found = found };

	return store__table_walk(archive, archive->tables.purging, finish_one,
				 finish_skipped, &all);
}

/* ---- the tombstone ----------------------------------------------------- */

/** May it be purged? @return 0, or why not */
static int
may_purge(const struct store_archive *archive, MDB_txn *txn,
	  const struct store_segment *segment)
{
	struct store_ledger_entry entry;
	int r;

	switch (segment->state) {
	case STORE_STATE_HELD:
		return -EPERM;
	case STORE_STATE_RECORDING:
		return -EBUSY;
	case STORE_STATE_PURGED:
		/* One that stopped half-way is gone on with. */
		r = note_get(archive, txn, segment, &entry);
		return r == -ENOENT ? -EALREADY : r;
	default:
		return 0;
	}
}

/** Who purges what, and why. */
struct purge {
	int64_t now_ns;
	const char *actor, *why;
	const char *reason; /**< the tombstone is stripped, and has this one;
			     * NULL: it is not */
};

void
store_segment_strip(struct store_segment *segment)
{
#define CLEAR(member) memset(segment->member, 0, sizeof(segment->member))
	CLEAR(from);
	CLEAR(to);
	CLEAR(local);
	CLEAR(remote);
	CLEAR(from_sent);
	CLEAR(to_sent);
	CLEAR(from_name);
	CLEAR(to_name);
	CLEAR(others);
	CLEAR(sip_call_ids);
#undef CLEAR
}

/** @param segment what stands there, then the tombstone */
static int
entomb(struct store_archive *archive, MDB_txn *txn,
       struct store_segment *segment, const struct purge *purge)
{
	int r;

	if (purge->reason) {
		store_segment_strip(segment);
		segment->decision = STORE_DROP;
		snprintf(segment->reason, sizeof(segment->reason), "%s",
			 purge->reason);
	}
	segment->state = STORE_STATE_PURGED;
	segment->purged_ns = purge->now_ns;
	r = store__row_put(archive, txn, segment);
	return r ? r
		 : note_put(archive, txn, segment, purge->actor, purge->why);
}

int
store_purge_begin(struct store_archive *archive,
		  const struct store_segment *row, int64_t now_ns,
		  const char *actor, const char *why, const char *reason)
{
	const struct purge purge = {
		.now_ns = now_ns, .actor = actor, .why = why, .reason = reason
	};
	struct store_segment segment = *row;
	int r;

	if (archive->batch_error)
		return archive->batch_error;
	assert(archive->batch);
	if (!store__segment_sound(row))
		return store__batch_fail(archive, -EINVAL);
	r = entomb(archive, archive->batch, &segment, &purge);
	return r && r != -EALREADY ? store__batch_fail(archive, r) : r;
}

static int
purge_one(struct store_archive *archive, const char *id,
	  const struct purge *purge)
{
	struct store_segment segment;
	MDB_txn *txn;
	int r = store__write_begin(archive, &txn);

	if (r)
		return r;
	r = store__row_get(archive, txn, id, &segment);
	if (r == 0)
		r = may_purge(archive, txn, &segment);
	if (r || segment.state == STORE_STATE_PURGED) {
		mdb_txn_abort(txn);
		return r ? r : finish(archive, &segment);
	}
	r = entomb(archive, txn, &segment, purge);
	if (r) {
		mdb_txn_abort(txn);
		return r;
	}
	r = store__write_commit(archive, txn);
	if (r)
		return r;
	store__step(archive, 1);
	return finish(archive, &segment);
}

int
store_purge(struct store_archive *archive, const char *id, int64_t now_ns,
	    const char *actor, const char *why)
{
	const struct purge purge = { .now_ns = now_ns,
				     .actor = actor,
				     .why = why };

	return purge_one(archive, id, &purge);
}

int
store_purge_pending(struct store_archive *archive, store_segment_fn fn,
		    void *ctx)
{
	return store__table_walk(archive, archive->tables.purging, fn, NULL,
				 ctx);
}

/* ---- the end of a tombstone -------------------------------------------- */

/** @param counter the name of what it was one more of; NULL: of nothing */
static int
forget(struct store_archive *archive, const char *id, const char *counter)
{
	struct store_ledger_entry entry;
	struct store_segment segment;
	MDB_txn *txn;
	int r = store__write_begin(archive, &txn);

	if (r)
		return r;
	r = store__row_get(archive, txn, id, &segment);
	if (r == 0 && segment.state != STORE_STATE_PURGED)
		r = -EPERM;
	/* The row is what an unfinished purge goes on from. */
	if (r == 0) {
		r = note_get(archive, txn, &segment, &entry);
		r = r == -ENOENT ? 0 : r < 0 ? r : -EBUSY;
	}
	if (r == 0)
		r = store__row_remove(archive, txn, &segment);
	/* Calls are counted, not what they were cut into. */
	if (r == 0 && counter && segment.segment == 1)
		r = store__counter_put(
		    archive, txn, store_day(segment.call_start_ns), counter, 1);
	if (r) {
		mdb_txn_abort(txn);
		return r;
	}
	return store__write_commit(archive, txn);
}

int
store_forget_one(struct store_archive *archive, const char *id)
{
	return forget(archive, id, NULL);
}

int
store_discard(struct store_archive *archive, const char *id, int64_t now_ns,
	      const char *actor, const char *why, const char *reason)
{
	const struct purge purge = {
		.now_ns = now_ns, .actor = actor, .why = why, .reason = reason
	};
	int r = purge_one(archive, id, &purge);

	return r && r != -EALREADY ? r : forget(archive, id, reason);
}
