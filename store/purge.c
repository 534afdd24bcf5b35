/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Deleting recordings so that they cannot come back, many at a time, because
 * what costs is syncs:
 *
 *   1. tombstones, and the certificates to be, in one transaction
 *   2. the slots of their keys overwritten with random bytes, a sync a keyring
 *   3. the slots marked as destroyed, a sync a keyring
 *   4. the files unlinked, a sync a folder
 *   5. certificates into the ledger, the notes of 1 removed, in one transaction
 *
 * After 1 nobody is given the recordings any more; 2 to 4 may be done any
 * number of times; whoever finds the note of 1 goes on from 2. Where there is
 * no key to overwrite, somebody may still have it, and the certificate says
 * that.
 *
 * What is wrong with one recording does not keep the others. What is wrong with
 * a transaction may be about one of them, or be that together they want more
 * room than there is: then they are tried in halves.
 */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store_priv.h"

/** Who purges what, and why. */
struct purge {
	struct store_archive *archive;
	int64_t now_ns;
	const char *actor, *why;
	const char *reason; /**< the tombstone is stripped, and has this one;
			     * NULL: it is not */
};

/** @return 0, or -EINVAL */
static int
key_of(struct store__key *key, const char *id)
{
	char call[STORE_CALL_ID_BYTES];
	uint32_t number;
	int r = store__segment_id_parse(id, call, &number);

	key->bytes = 0;
	if (r == 0)
		store__key_segment(key, call, number);
	return r;
}

/** The note that a purge has begun: its certificate, but only with the reason
 * as detail. */
static int
note_put(const struct purge *purge, MDB_txn *txn,
	 const struct store_segment *segment)
{
	struct store_ledger_entry entry = { .time_ns = segment->purged_ns,
					    .action = "purge" };
	MDB_val k, value;
	uint8_t row[STORE__ROW_BYTES];
	struct store__key key;
	int r = key_of(&key, segment->id);

	if (r)
		return r;
	snprintf(entry.subject, sizeof(entry.subject), "%s", segment->id);
	snprintf(entry.actor, sizeof(entry.actor), "%s", purge->actor);
	snprintf(entry.detail, sizeof(entry.detail), "%s", purge->why);
	k = store__key_val(&key);
	value.mv_data = row;
	value.mv_size = store__entry_encode(row, &entry);
	return store__index_error(
	    mdb_put(txn, purge->archive->tables.purging, &k, &value, 0));
}

/** @return 0, -ENOENT: no purge of it has begun, or negative errno */
static int
note_get(const struct store_archive *archive, MDB_txn *txn, const char *id,
	 struct store_ledger_entry *entry)
{
	struct store__key key;
	MDB_val k, value;
	int r = key_of(&key, id);

	if (r)
		return r;
	k = store__key_val(&key);
	r = store__index_error(
	    mdb_get(txn, archive->tables.purging, &k, &value));
	return r ? r : store__entry_decode(entry, value.mv_data, value.mv_size);
}

static int
note_remove(const struct store_archive *archive, MDB_txn *txn, const char *id)
{
	struct store__key key;
	MDB_val k;
	int r = key_of(&key, id);

	if (r)
		return r;
	k = store__key_val(&key);
	return store__index_error(
	    mdb_del(txn, archive->tables.purging, &k, NULL));
}

/* ---- one transaction for all ------------------------------------------- */

/** Do something to one of them. @return what spoils the transaction; what is
 * wrong with this one alone goes into its result */
typedef int (*each_fn)(const struct purge *purge, MDB_txn *txn,
		       struct store_purge *one);

/** Would the next one fail just so? */
static bool
stops_all(int r)
{
	return r == -ENOSPC || r == -EDQUOT || r == -EROFS || r == -EBUSY;
}

static int
together(const struct purge *purge, struct store_purge *const *many,
	 size_t count, each_fn fn)
{
	MDB_txn *txn;
	int r = store__write_begin(purge->archive, &txn);

	if (r)
		return r;
	for (size_t i = 0; i < count && r == 0; i++)
		if (many[i]->result == 0)
			r = fn(purge, txn, many[i]);
	if (r == 0)
		return store__write_commit(purge->archive, txn);
	mdb_txn_abort(txn);
	return r;
}

/** @param many [count] those whose result is not 0 are left out
 * @return 0, or what stops all that comes */
static int
in_transaction(const struct purge *purge, struct store_purge *const *many,
	       size_t count, each_fn fn)
{
	int results[STORE_PURGE_MANY];
	int r;

	for (size_t i = 0; i < count; i++)
		results[i] = many[i]->result;
	do {
		/* Nothing was done to any of them. */
		for (size_t i = 0; i < count; i++)
			many[i]->result = results[i];
		r = together(purge, many, count, fn);
	} while (r == -ENOSPC && store__reserve_use(purge->archive));
	if (r == 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		many[i]->result = results[i];
	if (count > 1 && r != -EROFS && r != -EBUSY) {
		r = in_transaction(purge, many, count / 2, fn);
		many += count / 2;
		count -= count / 2;
		if (r == 0)
			return in_transaction(purge, many, count, fn);
	}
	for (size_t i = 0; i < count; i++)
		if (many[i]->result == 0)
			many[i]->result = r;
	return stops_all(r) ? r : 0;
}

/* ---- after the tombstone ----------------------------------------------- */

/** Many of one day, or only some of them. */
struct day {
	uint32_t day;
	struct store_purge **many;
	size_t count;
};

/** @param many [*count] sorted by day @return false: there are no more */
static bool
day_next(struct day *day, struct store_purge ***many, size_t *count)
{
	size_t n = 1;

	if (!*count)
		return false;
	while (n < *count && (*many)[n]->key_day == (*many)[0]->key_day)
		n++;
	*day = (struct day){ .day = (*many)[0]->key_day,
			     .many = *many,
			     .count = n };
	*many += n;
	*count -= n;
	return true;
}

static void
keys_destroy(struct store_archive *archive, const struct day *day)
{
	struct store__doomed doomed[STORE_PURGE_MANY];
	struct store_purge *whose[STORE_PURGE_MANY];
	size_t n = 0;

	for (size_t i = 0; i < day->count; i++)
		if (day->many[i]->result == 0) {
			doomed[n] = (struct store__doomed){
				.slot = day->many[i]->key_slot
			};
			whose[n++] = day->many[i];
		}
	store__keyring_destroy_many(archive, day->day, doomed, n);
	for (size_t i = 0; i < n; i++) {
		whose[i]->key_found = doomed[i].result == 0;
		if (doomed[i].result != -ENOKEY)
			whose[i]->result = doomed[i].result;
	}
}

/** @return what keeps all of them */
static int
folder_sync(const struct store_archive *archive, char *path)
{
	int fd, r;

	*strrchr(path, '/') = '\0';
	fd = openat(archive->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = fsync(fd) ? -errno : 0;
	close(fd);
	return r;
}

static void
files_remove(const struct store_archive *archive, const struct day *day)
{
	char path[STORE__PATH_BYTES] = "";
	int r = 0;

	for (size_t i = 0; i < day->count; i++) {
		struct store_purge *one = day->many[i];

		if (one->result)
			continue;
		store__recording_path(path, day->day, one->id, one->scrubs);
		if (unlinkat(archive->dir_fd, path, 0) && errno != ENOENT)
			one->result = -errno;
		else
			store__step(archive, 4);
	}
	if (*path)
		r = folder_sync(archive, path);
	for (size_t i = 0; i < day->count && r; i++)
		if (day->many[i]->result == 0)
			day->many[i]->result = r;
}

/** What was to be taken out of them, or was: the key and the file of that go
 * too. */
static void
scrubs_drop(const struct purge *purge, struct store_purge *const *many,
	    size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (many[i]->result == 0)
			many[i]->result = store__scrub_drop(
			    purge->archive, many[i]->id, purge->now_ns);
}

/** @param why what the note says */
static void
detail_make(struct store_ledger_entry *entry, const struct store_purge *one,
	    const char *why)
{
	char *text = entry->detail;
	const size_t n = sizeof(entry->detail);
	size_t used = 0;

	if (one->key_day)
		used = (size_t)snprintf(text, n,
					one->key_found
					    ? "key %" PRIu32 "/%" PRIu32
					      " overwritten, file removed: "
					    : "its key was not there (%" PRIu32
					      "/%" PRIu32 "), file removed: ",
					one->key_day, one->key_slot);
	else
		used = (size_t)snprintf(text, n, "there was no recording: ");
	/* What is too long is cut. */
	(void)!snprintf(text + used, n - used, "%s", why);
}

bool
store__certificate_key(const struct store_ledger_entry *entry, uint32_t *day,
		       uint32_t *slot)
{
	static const char *const words[] = { "key ", "its key was not there (",
					     ", old key ",
					     ", its key was not there, " };
	const char *text = entry->detail, *old, *none;

	/* Of a scrub it stands before why, and that may say anything. */
	if (strcmp(entry->action, "scrub") == 0) {
		old = strstr(text, ", old key ");
		none = strstr(text, ", its key was not there, ");
		text = !old || (none && none < old) ? none : old;
	}
	for (size_t i = 0; text && i < sizeof(words) / sizeof(*words); i++) {
		const size_t n = strlen(words[i]);

		if (strncmp(text, words[i], n) == 0)
			return sscanf(text + n, "%" SCNu32 "/%" SCNu32, day,
				      slot) == 2 &&
			       *day;
	}
	return false;
}

static int
certify(const struct purge *purge, MDB_txn *txn, struct store_purge *one)
{
	char why[sizeof(((struct store_ledger_entry *)0)->detail)];
	struct store_ledger_entry entry;
	int r = note_get(purge->archive, txn, one->id, &entry);

	if (r) {
		/* It was there twice. */
		one->result = r == -ENOENT ? -EALREADY : r;
		return 0;
	}
	/* What stopped on its way was not gone before now. */
	if (entry.time_ns < purge->now_ns)
		entry.time_ns = purge->now_ns;
	memcpy(why, entry.detail, sizeof(why));
	detail_make(&entry, one, why);
	r = store__ledger_put(purge->archive, txn, &entry);
	return r ? r : note_remove(purge->archive, txn, one->id);
}

static int
compare(const void *a, const void *b)
{
	const struct store_purge *x = *(struct store_purge *const *)a;
	const struct store_purge *y = *(struct store_purge *const *)b;

	if (x->key_day != y->key_day)
		return x->key_day < y->key_day ? -1 : 1;
	return x->key_slot < y->key_slot ? -1 : x->key_slot > y->key_slot;
}

/** @param many [count] those with result 0 have a tombstone and a note
 * @return 0, or what stops all that comes */
static int
finish(const struct purge *purge, struct store_purge *const *given,
       size_t count)
{
	struct store_archive *archive = purge->archive;
	struct store_purge *sorted[STORE_PURGE_MANY], **many = sorted;
	struct day day;
	size_t left = count;
	int r;

	memcpy(sorted, given, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare);
	while (day_next(&day, &many, &left))
		if (day.day)
			keys_destroy(archive, &day);
	many = sorted;
	left = count;
	while (day_next(&day, &many, &left))
		if (day.day)
			files_remove(archive, &day);
	scrubs_drop(purge, given, count);
	r = in_transaction(purge, given, count, certify);
	if (r == 0)
		store__step(archive, 5);
	return r;
}

/** Those that a crash or an error stopped, some at a time. */
struct finish_all {
	struct purge purge;
	struct store_recovery *found;
	struct store_purge many[STORE_PURGE_MANY];
	size_t count;
};

static void
finish_some(struct finish_all *all)
{
	struct store_purge *many[STORE_PURGE_MANY];

	for (size_t i = 0; i < all->count; i++)
		many[i] = &all->many[i];
	/* Their results tell. */
	(void)!finish(&all->purge, many, all->count);
	for (size_t i = 0; i < all->count; i++)
		if (many[i]->result)
			all->found->failed++;
		else
			all->found->purges++;
	all->count = 0;
}

static void
take(struct store_purge *one, const struct store_segment *segment)
{
	one->key_day = segment->key_day;
	one->key_slot = segment->key_slot;
	one->scrubs = segment->scrubs;
	one->key_found = false;
	one->chunks = segment->chunks;
	one->bytes = segment->bytes;
}

static int
finish_take(void *ctx, const struct store_segment *segment)
{
	struct finish_all *all = ctx;
	struct store_purge *one = &all->many[all->count++];

	*one = (struct store_purge){ .result = 0 };
	memcpy(one->id, segment->id, sizeof(one->id));
	take(one, segment);
	if (all->count == STORE_PURGE_MANY)
		finish_some(all);
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
store__purge_finish_all(struct store_archive *archive, int64_t now_ns,
			struct store_recovery *found)
{
	struct finish_all all = { .purge = { .archive = archive,
					     .now_ns = now_ns },
				  .found = found };
	int r = store__table_walk(archive, archive->tables.purging, finish_take,
				  finish_skipped, &all);

	if (all.count)
		finish_some(&all);
	return r;
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
		r = note_get(archive, txn, segment->id, &entry);
		return r == -ENOENT ? -EALREADY : r;
	default:
		return 0;
	}
}

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
entomb(const struct purge *purge, MDB_txn *txn, struct store_segment *segment)
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
	r = store__row_put(purge->archive, txn, segment);
	return r ? r : note_put(purge, txn, segment);
}

static int
begin(const struct purge *purge, MDB_txn *txn, struct store_purge *one)
{
	struct store_segment segment;
	int r = store__row_get(purge->archive, txn, one->id, &segment);

	if (r == 0)
		r = may_purge(purge->archive, txn, &segment);
	if (r) {
		one->result = r;
		return 0;
	}
	take(one, &segment);
	if (one->gives_way && segment.state != STORE_STATE_PURGED)
		segment.gave_way = 1;
	return segment.state == STORE_STATE_PURGED
		   ? 0
		   : entomb(purge, txn, &segment);
}

int
store_purge_begin(struct store_archive *archive,
		  const struct store_segment *row, int64_t now_ns,
		  const char *actor, const char *why, const char *reason)
{
	const struct purge purge = { .archive = archive,
				     .now_ns = now_ns,
				     .actor = actor,
				     .why = why,
				     .reason = reason };
	struct store_segment segment;
	int r;

	if (archive->batch_error)
		return archive->batch_error;
	assert(archive->batch);
	if (!store__segment_sound(row))
		return store__batch_fail(archive, -EINVAL);
	/* Whoever has an old row does not know that it is held by now. */
	r = store__row_get(archive, archive->batch, row->id, &segment);
	if (r == 0 && segment.state == STORE_STATE_HELD)
		return -EPERM;
	segment = *row;
	r = entomb(&purge, archive->batch, &segment);
	return r && r != -EALREADY ? store__batch_fail(archive, r) : r;
}

static int
purge_many(const struct purge *purge, struct store_purge *given, size_t count)
{
	struct store_purge *many[STORE_PURGE_MANY];
	int r, finished;

	assert(count <= STORE_PURGE_MANY);
	for (size_t i = 0; i < count; i++) {
		given[i].result = 0;
		many[i] = &given[i];
	}
	r = in_transaction(purge, many, count, begin);
	if (r == -EROFS || r == -EBUSY)
		return r;
	store__step(purge->archive, 1);
	finished = finish(purge, many, count);
	store__reserve_keep(purge->archive);
	return r ? r : finished;
}

int
store_purge_many(struct store_archive *archive, struct store_purge *many,
		 size_t count, int64_t now_ns, const char *actor,
		 const char *why)
{
	const struct purge purge = {
		.archive = archive, .now_ns = now_ns, .actor = actor, .why = why
	};

	return purge_many(&purge, many, count);
}

static int
purge_one(const struct purge *purge, const char *id)
{
	struct store_purge one = { .result = 0 };
	int r;

	if (snprintf(one.id, sizeof(one.id), "%s", id) >= (int)sizeof(one.id))
		return -ENOENT;
	r = purge_many(purge, &one, 1);
	return r ? r : one.result;
}

int
store_purge(struct store_archive *archive, const char *id, int64_t now_ns,
	    const char *actor, const char *why)
{
	const struct purge purge = {
		.archive = archive, .now_ns = now_ns, .actor = actor, .why = why
	};

	return purge_one(&purge, id);
}

int
store_purge_pending(struct store_archive *archive, store_segment_fn fn,
		    void *ctx)
{
	return store__table_walk(archive, archive->tables.purging, fn, NULL,
				 ctx);
}

int
store_purge_is_pending(struct store_archive *archive, const char *id)
{
	struct store_ledger_entry entry;
	MDB_txn *txn;
	int r = store__read_begin(archive, &txn);

	if (r)
		return r;
	r = note_get(archive, txn, id, &entry);
	store__read_end(archive, txn);
	return r == 0 ? 1 : r == -ENOENT ? 0 : r;
}

/* ---- the end of a tombstone -------------------------------------------- */

static int
forget(const struct purge *purge, MDB_txn *txn, struct store_purge *one)
{
	struct store_archive *archive = purge->archive;
	struct store_ledger_entry entry;
	struct store_segment segment;
	int r = store__row_get(archive, txn, one->id, &segment);

	if (r == 0 && segment.state != STORE_STATE_PURGED)
		r = -EPERM;
	/* The row is what an unfinished purge goes on from. */
	if (r == 0) {
		r = note_get(archive, txn, one->id, &entry);
		r = r == -ENOENT ? 0 : r < 0 ? r : -EBUSY;
	}
	if (r) {
		one->result = r;
		return 0;
	}
	r = store__row_remove(archive, txn, &segment);
	/* Calls are counted, not what they were cut into. */
	if (r == 0 && purge->reason && segment.segment == 1)
		r = store__counter_put(archive, txn,
				       store_day(segment.call_start_ns),
				       purge->reason, 1);
	return r;
}

static int
forget_many(const struct purge *purge, struct store_purge *given, size_t count)
{
	struct store_purge *many[STORE_PURGE_MANY];

	assert(count <= STORE_PURGE_MANY);
	for (size_t i = 0; i < count; i++) {
		given[i].result = 0;
		many[i] = &given[i];
	}
	return in_transaction(purge, many, count, forget);
}

static int
forget_one(const struct purge *purge, const char *id)
{
	struct store_purge one = { .result = 0 };
	int r;

	if (snprintf(one.id, sizeof(one.id), "%s", id) >= (int)sizeof(one.id))
		return -ENOENT;
	r = forget_many(purge, &one, 1);
	return r ? r : one.result;
}

int
store_forget_many(struct store_archive *archive, struct store_purge *many,
		  size_t count)
{
	return forget_many(&(struct purge){ .archive = archive }, many, count);
}

int
store_forget_one(struct store_archive *archive, const char *id)
{
	return forget_one(&(struct purge){ .archive = archive }, id);
}

int
store_discard(struct store_archive *archive, const char *id, int64_t now_ns,
	      const char *actor, const char *why, const char *reason)
{
	const struct purge purge = { .archive = archive,
				     .now_ns = now_ns,
				     .actor = actor,
				     .why = why,
				     .reason = reason };
	int r = purge_one(&purge, id);

	return r && r != -EALREADY ? r : forget_one(&purge, id);
}

/* ---- what was deleted before, in an archive that was restored ----------- */

int
store__purge_replay(struct store_archive *archive, const char *id,
		    int64_t now_ns, const char *actor, const char *why,
		    bool forget)
{
	const struct purge purge = { .archive = archive,
				     .now_ns = now_ns,
				     .actor = actor,
				     .why = why,
				     .reason = forget ? "restored" : NULL };
	int r = purge_one(&purge, id);

	/* It was counted when it was forgotten first. */
	if (forget && (r == 0 || r == -EALREADY))
		r = forget_one(&(struct purge){ .archive = archive }, id);
	return r;
}
