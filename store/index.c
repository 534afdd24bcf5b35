/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The index: LMDB, one table for rows and one for each way that leads to them,
 * with composite keys (no MDB_DUPSORT: this version of LMDB has bugs there).
 * One thread of one process writes, in batches, because each commit is a sync;
 * any process may read at the same time. LMDB's codes become negative errno
 * values here and nowhere else.
 */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/store_priv.h"

#define SCHEMA           1
#define MAP_BYTES        (UINT64_C(64) << 30)
#define CREATE_MAP_BYTES (UINT64_C(1) << 20) /* the tables, empty */
#define TABLES_MAX       32
#define INDEX_PATH_BYTES 4096
#define META_BYTES       8192 /* two pages, that of each last commit */
/* Fewer free blocks than this: the disk is full. */
#define FULL_BLOCKS 256

int
store__index_error(int rc)
{
	switch (rc) {
	case MDB_NOTFOUND:
		return -ENOENT;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
		return -ENOSPC;
	case MDB_READERS_FULL:
		return -EAGAIN;
	case MDB_VERSION_MISMATCH:
		return -EPROTO;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_INCOMPATIBLE:
	case MDB_BAD_DBI:
	case MDB_CURSOR_FULL:
	case MDB_BAD_TXN:
		return -EBADMSG;
	default:
		return rc > 0 ? -rc : rc ? -EIO : 0;
	}
}

/* ---- keys -------------------------------------------------------------- */

static void
key_bytes(struct store__key *key, const void *bytes, size_t n)
{
	assert(key->bytes + n <= sizeof(key->data));
	memcpy(key->data + key->bytes, bytes, n);
	key->bytes += n;
}

void
store__key_text(struct store__key *key, const char *text)
{
	key_bytes(key, text, strlen(text) + 1);
}

void
store__key_time(struct store__key *key, int64_t time_ns)
{
	uint8_t bytes[8];

	/* The sign turned over, so that 1969 sorts before 1970. */
	store__be_put(bytes, (uint64_t)time_ns ^ UINT64_C(1) << 63, 8);
	key_bytes(key, bytes, sizeof(bytes));
}

void
store__key_segment(struct store__key *key, const char *call, uint32_t segment)
{
	uint8_t bytes[4];

	store__key_text(key, call);
	store__be_put(bytes, segment, 4);
	key_bytes(key, bytes, sizeof(bytes));
}

void
store__key_name(char name[STORE__KEY_NAME_BYTES], const struct store__key *key)
{
	const uint8_t *nul = memchr(key->data, 0, key->bytes);
	const size_t call_bytes = nul ? (size_t)(nul - key->data) : 0;
	size_t n = key->bytes;
	char call[STORE_CALL_ID_BYTES];
	uint32_t number;

	if (nul && n == call_bytes + 5 && call_bytes < sizeof(call)) {
		store__segment_id_make(name, (const char *)key->data,
				       (uint32_t)store__be_get(nul + 1, 4));
		if (store__segment_id_parse(name, call, &number) == 0)
			return;
	}
	if (n > (STORE__KEY_NAME_BYTES - 1) / 2)
		n = (STORE__KEY_NAME_BYTES - 1) / 2;
	store_hex(name, key->data, n);
}

/* ---- all of it ---------------------------------------------------------- */

/** @return LMDB code */
static int
table_read(MDB_txn *txn, MDB_dbi table)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc;

	if (!table)
		return 0;
	rc = mdb_cursor_open(txn, table, &cursor);
	if (rc)
		return rc;
	while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
		;
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int
store__index_read(struct store_archive *archive, const char **table)
{
	MDB_txn *txn;
	int rc = 0;
	int r = store__read_begin(archive, &txn);

	if (r)
		return r;
#define X(name)                                                                \
	if (rc == 0) {                                                         \
		*table = #name;                                                \
		rc = table_read(txn, archive->tables.name);                    \
	}
	STORE__TABLES(X)
#undef X
	store__read_end(archive, txn);
	return store__index_error(rc);
}

/* ---- opening ----------------------------------------------------------- */

/** A table that may not be there yet. @param made it if it was not
 * @return LMDB code */
static int
later_open(MDB_txn *txn, const char *name, bool reading, MDB_dbi *table,
	   MDB_dbi *made)
{
	int rc = mdb_dbi_open(txn, name, 0, table);

	if (rc != MDB_NOTFOUND)
		return rc;
	*table = 0;
	if (reading)
		return 0;
	rc = mdb_dbi_open(txn, name, MDB_CREATE, table);
	*made = *table;
	return rc;
}

/** @param made those that are new, else 0: the rows know nothing of them */
static int
tables_open(struct store__tables *tables, MDB_txn *txn, unsigned flags,
	    bool reading, struct store__tables *made)
{
	int rc = 0;

#define X(name)                                                                \
	if (rc == 0)                                                           \
		rc = mdb_dbi_open(txn, #name, flags, &tables->name);
	STORE__TABLES_FIRST(X)
#undef X
#define X(name)                                                                \
	if (rc == 0)                                                           \
		rc = later_open(txn, #name, reading, &tables->name,            \
				&made->name);
	STORE__TABLES_LATER(X)
#undef X
	return store__index_error(rc);
}

const char *
store__table_name(const struct store_archive *archive, MDB_dbi table)
{
#define X(name)                                                                \
	if (archive->tables.name == table)                                     \
		return #name;
	STORE__TABLES(X)
#undef X
	return "";
}

static int
meta_get(const struct store__tables *tables, MDB_txn *txn, const char *name,
	 uint64_t *v)
{
	struct store__key key = { 0 };
	MDB_val k, value;
	int rc;

	store__key_text(&key, name);
	k = store__key_val(&key);
	rc = mdb_get(txn, tables->meta, &k, &value);
	if (rc)
		return store__index_error(rc);
	if (value.mv_size != 8)
		return -EBADMSG;
	*v = store__le_get(value.mv_data, 8);
	return 0;
}

static int
meta_put(const struct store__tables *tables, MDB_txn *txn, const char *name,
	 uint64_t v)
{
	struct store__key key = { 0 };
	uint8_t bytes[8];
	MDB_val k, value = { .mv_size = sizeof(bytes), .mv_data = bytes };

	store__le_put(bytes, v, 8);
	store__key_text(&key, name);
	k = store__key_val(&key);
	return store__index_error(mdb_put(txn, tables->meta, &k, &value, 0));
}

/* LMDB met a page that cannot be; it would abort. Bad pages end in this signal
 * otherwise, and who wants to tell of them waits for that. */
static void
on_assert(MDB_env *env, const char *message)
{
	raise(SIGBUS);
}

/** LMDB takes a file without its first pages for a new one. @return LMDB code
 */
static int
file_begun(const char *path)
{
	char file[INDEX_PATH_BYTES + 16];
	struct stat st;

	snprintf(file, sizeof(file), "%s/data.mdb", path);
	if (stat(file, &st))
		return errno == ENOENT ? 0 : errno;
	return st.st_size < META_BYTES ? MDB_INVALID : 0;
}

/** @return 0, or an LMDB code */
static int
env_open(MDB_env **env, const char *dir, uint64_t map_bytes, unsigned flags)
{
	char path[INDEX_PATH_BYTES];
	int rc;

	*env = NULL;
	if (snprintf(path, sizeof(path), "%s/index", dir) >= (int)sizeof(path))
		return ENAMETOOLONG;
	rc = file_begun(path);
	if (rc)
		return rc;
	rc = mdb_env_create(env);
	if (rc == 0)
		rc = mdb_env_set_assert(*env, on_assert);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(*env, TABLES_MAX);
	if (rc == 0)
		rc = mdb_env_set_mapsize(*env,
					 map_bytes ? map_bytes : MAP_BYTES);
	if (rc == 0)
		rc = mdb_env_open(*env, path, flags | MDB_NOTLS,
				  STORE__FILE_MODE);
	if (rc) {
		mdb_env_close(*env);
		*env = NULL;
	}
	return rc;
}

int
store__index_create(const char *dir)
{
	char path[INDEX_PATH_BYTES];
	struct store__tables tables, made;
	MDB_txn *txn = NULL;
	MDB_env *env;
	int rc = env_open(&env, dir, CREATE_MAP_BYTES, 0), r;

	if (rc == 0)
		rc = mdb_txn_begin(env, NULL, 0, &txn);
	if (rc) {
		mdb_env_close(env);
		return store__index_error(rc);
	}
	r = tables_open(&tables, txn, MDB_CREATE, false, &made);
	if (r == 0)
		r = meta_put(&tables, txn, "schema", SCHEMA);
	if (r == 0)
		r = store__index_error(mdb_txn_commit(txn));
	else
		mdb_txn_abort(txn);
	mdb_env_close(env);
	/* Whoever may read has to enter itself in the table of readers. */
	snprintf(path, sizeof(path), "%s/index/lock.mdb", dir);
	if (r == 0 && chmod(path, 0660))
		r = -errno;
	return r;
}

void
store__index_close(struct store_archive *archive)
{
	store_batch_abort(archive);
	if (archive->env)
		mdb_env_close(archive->env);
	archive->env = NULL;
}

/* ---- transactions ------------------------------------------------------ */

int
store__read_begin(struct store_archive *archive, MDB_txn **txn)
{
	int rc;

	if (archive->batch) {
		*txn = archive->batch;
		return 0;
	}
	rc = mdb_txn_begin(archive->env, NULL, MDB_RDONLY, txn);
	if (rc == MDB_MAP_RESIZED) {
		/* The writer has a larger map: take its size. */
		rc = mdb_env_set_mapsize(archive->env, 0);
		if (rc == 0)
			rc = mdb_txn_begin(archive->env, NULL, MDB_RDONLY, txn);
	}
	return store__index_error(rc);
}

void
store__read_end(struct store_archive *archive, MDB_txn *txn)
{
	if (txn != archive->batch)
		mdb_txn_abort(txn);
}

int
store__write_begin(struct store_archive *archive, MDB_txn **txn)
{
	if (archive->mode != STORE_WRITE)
		return -EROFS;
	if (archive->batch || archive->batch_error)
		return -EBUSY;
	return store__index_error(mdb_txn_begin(archive->env, NULL, 0, txn));
}

/* LMDB calls a short write an I/O error; on a full disk it is one. */
int
store__write_commit(struct store_archive *archive, MDB_txn *txn)
{
	int r = store__index_error(mdb_txn_commit(txn));
	struct statvfs fs;

	if (r == -EIO && fstatvfs(archive->dir_fd, &fs) == 0 &&
	    fs.f_bavail < FULL_BLOCKS)
		return -ENOSPC;
	return r;
}

int
store_batch_begin(struct store_archive *archive)
{
	return store__write_begin(archive, &archive->batch);
}

/* A transaction that met an error is of no more use to LMDB. */
int
store__batch_fail(struct store_archive *archive, int error)
{
	mdb_txn_abort(archive->batch);
	archive->batch = NULL;
	archive->batch_error = error;
	return error;
}

int
store_batch_commit(struct store_archive *archive)
{
	int r = archive->batch_error;

	if (archive->batch)
		r = store__write_commit(archive, archive->batch);
	archive->batch = NULL;
	archive->batch_error = 0;
	return r;
}

void
store_batch_abort(struct store_archive *archive)
{
	if (archive->batch)
		mdb_txn_abort(archive->batch);
	archive->batch = NULL;
	archive->batch_error = 0;
}

/* ---- rows and what leads to them --------------------------------------- */

int
store__index_longest(const struct store_archive *archive, MDB_txn *txn,
		     uint64_t *longest_ns)
{
	int r = meta_get(&archive->tables, txn, "longest", longest_ns);

	if (r == -ENOENT)
		*longest_ns = 0;
	return r == -ENOENT ? 0 : r;
}

static int
longest_grow(const struct store_archive *archive, MDB_txn *txn,
	     const struct store_segment *segment)
{
	const int64_t hour = 3600 * NS_PER_S;
	uint64_t longest = 0;
	int64_t length;
	int r;

	if (__builtin_sub_overflow(segment->end_ns, segment->start_ns,
				   &length) ||
	    length <= 0)
		return 0;
	r = store__index_longest(archive, txn, &longest);
	if (r || (uint64_t)length <= longest)
		return r;
	return meta_put(&archive->tables, txn, "longest",
			((uint64_t)length / (uint64_t)hour + 1) *
			    (uint64_t)hour);
}

/** @param name [32] of the entry of a day */
static void
slots_name(char *name, uint32_t day)
{
	snprintf(name, 32, "slots-%08" PRIu32, day);
}

int
store__index_slots(const struct store_archive *archive, MDB_txn *txn,
		   uint32_t day, uint64_t *slots)
{
	char name[32];
	int r;

	slots_name(name, day);
	r = meta_get(&archive->tables, txn, name, slots);
	if (r == -ENOENT)
		*slots = 0;
	return r == -ENOENT ? 0 : r;
}

int
store__index_slots_put(const struct store_archive *archive, MDB_txn *txn,
		       uint32_t day, uint64_t slots)
{
	char name[32];

	slots_name(name, day);
	return meta_put(&archive->tables, txn, name, slots);
}

static int
slots_grow(const struct store_archive *archive, MDB_txn *txn,
	   const struct store_segment *segment)
{
	uint64_t slots = 0;
	int r;

	if (!segment->key_day)
		return 0;
	r = store__index_slots(archive, txn, segment->key_day, &slots);
	if (r || segment->key_slot < slots)
		return r;
	return store__index_slots_put(archive, txn, segment->key_day,
				      (uint64_t)segment->key_slot + 1);
}

int
store__row_get(const struct store_archive *archive, MDB_txn *txn,
	       const char *id, struct store_segment *segment)
{
	char call[STORE_CALL_ID_BYTES];
	struct store__key key = { 0 };
	uint32_t number;
	MDB_val k, row;
	int rc, r = store__segment_id_parse(id, call, &number);

	if (r)
		return -ENOENT;
	store__key_segment(&key, call, number);
	k = store__key_val(&key);
	rc = mdb_get(txn, archive->tables.segments, &k, &row);
	if (rc)
		return store__index_error(rc);
	r = store__row_decode(segment, row.mv_data, row.mv_size);
	if (r == 0 && strcmp(segment->id, id) != 0)
		r = -EBADMSG;
	return r;
}

/**
 * Whoever writes an old row anew does not end what holds it.
 *
 * @return 0, or negative errno
 */
static int
keep_held(const struct store_archive *archive, MDB_txn *txn,
	  struct store_segment *segment, const struct store_segment *old)
{
	int r;

	if (old->state != STORE_STATE_HELD ||
	    segment->state == STORE_STATE_HELD ||
	    segment->state == STORE_STATE_PURGED)
		return 0;
	r = store__hold_any(archive, txn, segment);
	if (r <= 0)
		return r;
	segment->held_from = segment->state;
	segment->state = STORE_STATE_HELD;
	return 0;
}

/** ... nor what holds left that ended. @return 0, -EOVERFLOW */
static int
keep_successors(struct store_segment *segment, const struct store_segment *old)
{
	int r = 0;

	if (segment->not_before_ns < old->not_before_ns)
		segment->not_before_ns = old->not_before_ns;
	for (size_t i = 0; i < STORE_SUCCESSORS_MAX && r == 0; i++)
		r = store__successor_add(segment, old->successors[i].retention,
					 old->successors[i].from_ns);
	return r;
}

/** What was taken out stays out: whoever still holds a row from before does
 * not bring back the key and the file that went. */
static void
keep_scrubbed(struct store_segment *segment, const struct store_segment *old)
{
	if (old->scrubs <= segment->scrubs)
		return;
	segment->scrubs = old->scrubs;
	segment->key_slot = old->key_slot;
	segment->chunks = old->chunks;
	segment->bytes = old->bytes;
	memcpy(segment->replaced, old->replaced, STORE_HASH_BYTES);
	memcpy(segment->file_hash, old->file_hash, STORE_HASH_BYTES);
	segment->streams_count = old->streams_count;
	memcpy(segment->streams, old->streams, sizeof(old->streams));
}

int
store__row_put(const struct store_archive *archive, MDB_txn *txn,
	       const struct store_segment *given)
{
	uint8_t row[STORE__ROW_BYTES];
	struct store__ways from = { 0 }, to;
	struct store__key key = { 0 };
	struct store_segment old = { .state = STORE_STATE_NONE };
	struct store_segment copy = *given;
	const struct store_segment *segment = &copy;
	MDB_val k, value = { .mv_data = row };
	int r = store__row_get(archive, txn, segment->id, &old);

	if (r && r != -ENOENT)
		return r;
	/* What is purged stays purged, whoever still holds an old row. */
	if (r == 0 && old.state == STORE_STATE_PURGED)
		return -EALREADY;
	if (r == 0) {
		store__ways_of(&from, &archive->tables, &old);
		keep_scrubbed(&copy, &old);
		r = keep_successors(&copy, &old);
		if (r == 0)
			r = keep_held(archive, txn, &copy, &old);
		if (r < 0)
			return r;
	}
	store__ways_of(&to, &archive->tables, segment);
	store__key_segment(&key, segment->call, segment->segment);
	k = store__key_val(&key);
	value.mv_size = store__row_encode(row, segment);
	r = store__index_error(
	    mdb_put(txn, archive->tables.segments, &k, &value, 0));
	if (r == 0)
		r = store__ways_change(txn, &from, &to);
	if (r == 0)
		r = longest_grow(archive, txn, segment);
	if (r == 0)
		r = slots_grow(archive, txn, segment);
	return r;
}

int
store__row_remove(const struct store_archive *archive, MDB_txn *txn,
		  const struct store_segment *segment)
{
	struct store__ways from, to = { 0 };
	struct store__key key = { 0 };
	MDB_val k;
	int r;

	store__ways_of(&from, &archive->tables, segment);
	r = store__ways_change(txn, &from, &to);
	if (r == 0)
		r = store__holds_remove(archive, txn, segment);
	if (r)
		return r;
	store__key_segment(&key, segment->call, segment->segment);
	k = store__key_val(&key);
	return store__index_error(
	    mdb_del(txn, archive->tables.segments, &k, NULL));
}

static bool
text_ends(const char *text, size_t bytes)
{
	return memchr(text, 0, bytes) != NULL;
}

bool
store__segment_sound(const struct store_segment *segment)
{
	char id[STORE_SEGMENT_ID_BYTES];
	char call[STORE_CALL_ID_BYTES];
	uint32_t number;

	if (!text_ends(segment->id, sizeof(segment->id)) ||
	    !text_ends(segment->call, sizeof(segment->call)) ||
	    !text_ends(segment->from, sizeof(segment->from)) ||
	    !text_ends(segment->to, sizeof(segment->to)) ||
	    !text_ends(segment->local, sizeof(segment->local)) ||
	    !text_ends(segment->remote, sizeof(segment->remote)) ||
	    !text_ends(segment->others, sizeof(segment->others)) ||
	    !text_ends(segment->retention, sizeof(segment->retention)) ||
	    segment->streams_count > STORE_STREAMS_MAX)
		return false;
	store__segment_id_make(id, segment->call, segment->segment);
	return strcmp(id, segment->id) == 0 &&
	       store__segment_id_parse(id, call, &number) == 0;
}

int
store_segment_put(struct store_archive *archive,
		  const struct store_segment *segment)
{
	int r;

	if (archive->batch_error)
		return archive->batch_error;
	assert(archive->batch);
	if (!store__segment_sound(segment))
		return store__batch_fail(archive, -EINVAL);
	r = store__row_put(archive, archive->batch, segment);
	return r && r != -EALREADY ? store__batch_fail(archive, r) : r;
}

/* ---- opening an archive that is there ---------------------------------- */

/** What of the ways to a row leads through tables that are new. */
static int
ways_add(MDB_txn *txn, struct store__ways *ways,
	 const struct store__tables *made)
{
	MDB_val key, none = { .mv_size = 0, .mv_data = NULL };
	int rc = 0;

	for (size_t i = 0; i < ways->count && rc == 0; i++) {
		struct store__way *way = &ways->way[i];

		if (way->table != made->tombstones &&
		    way->table != made->longer)
			continue;
		key = store__key_val(&way->key);
		rc = mdb_put(txn, way->table, &key, &none, 0);
	}
	return store__index_error(rc);
}

/** The ways to rows of an archive that did not have them. */
static int
ways_fill(const struct store_archive *archive, MDB_txn *txn,
	  const struct store__tables *made)
{
	struct store_segment segment;
	MDB_cursor *cursor;
	struct store__ways ways;
	MDB_val key, row;
	int r, rc = mdb_cursor_open(txn, archive->tables.segments, &cursor);

	if (rc)
		return store__index_error(rc);
	r = store__index_error(mdb_cursor_get(cursor, &key, &row, MDB_FIRST));
	while (r == 0) {
		/* What cannot be read is told by whoever looks for it. */
		if (store__row_decode(&segment, row.mv_data, row.mv_size) ==
		    0) {
			store__ways_of(&ways, &archive->tables, &segment);
			r = ways_add(txn, &ways, made);
		}
		if (r == 0)
			r = store__index_error(
			    mdb_cursor_get(cursor, &key, &row, MDB_NEXT));
	}
	mdb_cursor_close(cursor);
	return r == -ENOENT ? 0 : r;
}

int
store__index_open(struct store_archive *archive, const char *dir,
		  uint64_t map_bytes)
{
	const bool reading = archive->mode == STORE_READ;
	uint64_t schema = 0;
	MDB_txn *txn = NULL;
	struct store__tables made = { 0 };
	int dead, r;
	int rc =
	    env_open(&archive->env, dir, map_bytes, reading ? MDB_RDONLY : 0);

	/* Readers that were killed would keep old pages from being reused. */
	if (rc == 0)
		rc = mdb_reader_check(archive->env, &dead);
	if (rc == 0)
		rc = mdb_txn_begin(archive->env, NULL, reading ? MDB_RDONLY : 0,
				   &txn);
	if (rc) {
		store__index_close(archive);
		return store__index_error(rc);
	}
	r = tables_open(&archive->tables, txn, 0, reading, &made);
	if (r == 0)
		r = meta_get(&archive->tables, txn, "schema", &schema);
	if (r == -ENOENT)
		r = -EBADMSG;
	if (r == 0 && schema != SCHEMA)
		r = -EPROTO;
	if (r == 0 && (made.tombstones || made.longer))
		r = ways_fill(archive, txn, &made);
	/* Only a commit makes the handles of the tables stay. */
	if (r == 0)
		r = store__index_error(mdb_txn_commit(txn));
	else
		mdb_txn_abort(txn);
	if (r)
		store__index_close(archive);
	return r;
}

/* ---- counters ---------------------------------------------------------- */

int
store__counter_put(const struct store_archive *archive, MDB_txn *txn,
		   uint32_t day, const char *name, uint64_t by)
{
	struct store__key key = { .bytes = 4 };
	uint8_t bytes[8];
	MDB_val k, value;
	int rc;

	if (strnlen(name, STORE_NAME_BYTES) == STORE_NAME_BYTES)
		return -EINVAL;
	store__be_put(key.data, day, 4);
	store__key_text(&key, name);
	k = store__key_val(&key);
	rc = mdb_get(txn, archive->tables.counters, &k, &value);
	if (rc == 0 && value.mv_size == sizeof(bytes))
		by += store__le_get(value.mv_data, 8);
	if (rc == 0 || rc == MDB_NOTFOUND) {
		store__le_put(bytes, by, 8);
		value = (MDB_val){ .mv_size = 8, .mv_data = bytes };
		rc = mdb_put(txn, archive->tables.counters, &k, &value, 0);
	}
	return store__index_error(rc);
}

int
store_counter_add(struct store_archive *archive, uint32_t day, const char *name,
		  uint64_t by)
{
	int r;

	if (archive->batch_error)
		return archive->batch_error;
	assert(archive->batch);
	r = store__counter_put(archive, archive->batch, day, name, by);
	return r ? store__batch_fail(archive, r) : 0;
}

int
store_counter_get(struct store_archive *archive, uint32_t day, const char *name,
		  uint64_t *count)
{
	struct store__key key = { .bytes = 4 };
	MDB_val k, value;
	MDB_txn *txn;
	int r;

	*count = 0;
	if (strnlen(name, STORE_NAME_BYTES) == STORE_NAME_BYTES)
		return -EINVAL;
	r = store__read_begin(archive, &txn);
	if (r)
		return r;
	store__be_put(key.data, day, 4);
	store__key_text(&key, name);
	k = store__key_val(&key);
	r = store__index_error(
	    mdb_get(txn, archive->tables.counters, &k, &value));
	if (r == 0 && value.mv_size == 8)
		*count = store__le_get(value.mv_data, 8);
	store__read_end(archive, txn);
	return r == -ENOENT ? 0 : r;
}

/** One count. @return 0, -ENODATA: of a later day, what fn returned */
static int
counter_tell(const MDB_val *k, const MDB_val *value, uint32_t until_day,
	     int (*fn)(void *, uint32_t, const char *, uint64_t), void *ctx)
{
	char name[STORE_NAME_BYTES];
	const char *text = (const char *)k->mv_data + 4;
	uint32_t day;
	size_t n;

	if (k->mv_size <= 4 || k->mv_size - 4 > sizeof(name) ||
	    value->mv_size != 8)
		return -EBADMSG;
	day = (uint32_t)store__be_get(k->mv_data, 4);
	if (day > until_day)
		return -ENODATA;
	n = strnlen(text, k->mv_size - 4);
	if (n == sizeof(name))
		return -EBADMSG;
	memcpy(name, text, n);
	name[n] = '\0';
	return fn(ctx, day, name, store__le_get(value->mv_data, 8));
}

int
store_counters(struct store_archive *archive, uint32_t from_day,
	       uint32_t until_day,
	       int (*fn)(void *ctx, uint32_t day, const char *name,
			 uint64_t count),
	       void *ctx)
{
	struct store__key key = { .bytes = 4 };
	MDB_cursor *cursor;
	MDB_val k, value;
	MDB_txn *txn;
	int r = store__read_begin(archive, &txn);

	if (r)
		return r;
	r = store__index_error(
	    mdb_cursor_open(txn, archive->tables.counters, &cursor));
	if (r == 0) {
		store__be_put(key.data, from_day, 4);
		k = store__key_val(&key);
		r = store__index_error(
		    mdb_cursor_get(cursor, &k, &value, MDB_SET_RANGE));
		while (r == 0) {
			r = counter_tell(&k, &value, until_day, fn, ctx);
			if (r == 0)
				r = store__index_error(mdb_cursor_get(
				    cursor, &k, &value, MDB_NEXT));
		}
		mdb_cursor_close(cursor);
	}
	store__read_end(archive, txn);
	return r == -ENOENT || r == -ENODATA ? 0 : r;
}
