/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ledger, read beside whoever writes the archive: from an entry on,
 * forwards or back. store_ledger_walk is for who holds the archive, and proves
 * the chain: it stops at an entry that cannot be read. Here that one is passed
 * over, as 'audit verify' tells of it, and what others say is to be done all
 * the same.
 */
#include "store/backup.h"

#include <errno.h>
#include <string.h>

#include "store/backup_priv.h"

/* So many are read in one transaction, for as long as that no page that it may
 * read is used again. */
#define ENTRIES_AT_ONCE 1000

/* ---- single entries ------------------------------------------------------ */

uint64_t
store_ledger_number(const struct store_archive *archive)
{
	uint64_t number = 0;
	MDB_cursor *cursor;
	MDB_val k, value;
	MDB_txn *txn;

	if (store__read_apart(archive, &txn))
		return 0;
	if (mdb_cursor_open(txn, archive->tables.ledger, &cursor) == 0) {
		if (mdb_cursor_get(cursor, &k, &value, MDB_LAST) == 0 &&
		    k.mv_size == 8)
			number = store__be_get(k.mv_data, 8);
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	return number;
}

/** @return 0, -ENOENT, -EBADMSG, ... */
static int
entry_get(const struct store_archive *archive, uint64_t number,
	  struct store_ledger_entry *entry)
{
	uint8_t bytes[8];
	MDB_val k = { .mv_size = 8, .mv_data = bytes }, value;
	MDB_txn *txn;
	int r = store__read_apart(archive, &txn);

	if (r)
		return r;
	store__be_put(bytes, number, 8);
	r = store__index_error(
	    mdb_get(txn, archive->tables.ledger, &k, &value));
	if (r == 0)
		r = store__ledger_decode(entry, &k, &value);
	mdb_txn_abort(txn);
	return r;
}

int
store__follows(const struct store_archive *archive,
	       const struct store__manifest *manifest)
{
	struct store_ledger_entry entry;
	int r;

	if (manifest->ledger == 0)
		return 0;
	r = entry_get(archive, manifest->ledger, &entry);
	if (r == -ENOENT)
		return -ESTALE;
	/* 'audit verify' tells of it. Deletions are to be told all the same. */
	if (r == -EBADMSG)
		return 0;
	if (r == 0 &&
	    memcmp(entry.hash, manifest->ledger_hash, STORE_HASH_BYTES) != 0)
		r = -ESTALE;
	return r;
}

bool
store__ledger_has(const struct store_archive *archive,
		  const struct store__deletion *deletion)
{
	struct store_ledger_entry entry;

	return entry_get(archive, deletion->number, &entry) == 0 &&
	       memcmp(entry.hash, deletion->hash, sizeof(deletion->hash)) == 0;
}

/* ---- from one on --------------------------------------------------------- */

struct walk {
	const struct store_archive *archive;
	uint64_t next; /**< number of the entry that is read next */
	bool back;
	bool over; /**< there are no more, or they are not wanted */
	store__ledger_fn *fn;
	void *ctx;
};

static int
entry_tell(struct walk *walk, MDB_txn *txn, const MDB_val *k,
	   const MDB_val *value)
{
	struct store_ledger_entry entry;
	int r;

	if (k->mv_size == 8)
		walk->next = store__be_get(k->mv_data, 8);
	walk->next += walk->back ? -UINT64_C(1) : UINT64_C(1);
	r = store__ledger_decode(&entry, k, value);
	if (r)
		return r == -EBADMSG ? 0 : r;
	return walk->fn(walk->ctx, txn, &entry);
}

/** @return 0, what fn returned, -errno */
static int
walk_some(struct walk *walk)
{
	const MDB_cursor_op onward = walk->back ? MDB_PREV : MDB_NEXT;
	uint8_t bytes[8];
	MDB_val k = { .mv_size = 8, .mv_data = bytes }, value;
	MDB_cursor *cursor;
	MDB_txn *txn;
	int r = store__read_apart(walk->archive, &txn);

	if (r)
		return r;
	r = store__index_error(
	    mdb_cursor_open(txn, walk->archive->tables.ledger, &cursor));
	if (r) {
		mdb_txn_abort(txn);
		return r;
	}
	store__be_put(bytes, walk->next, 8);
	r = store__index_error(
	    mdb_cursor_get(cursor, &k, &value, MDB_SET_RANGE));
	for (int i = 0; r == 0 && i < ENTRIES_AT_ONCE; i++) {
		r = entry_tell(walk, txn, &k, &value);
		if (r == 0)
			r = store__index_error(
			    mdb_cursor_get(cursor, &k, &value, onward));
	}
	mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
	walk->over = r != 0;
	return r == -ENOENT ? 0 : r;
}

int
store__ledger_from(const struct store_archive *archive, uint64_t number,
		   bool back, store__ledger_fn *fn, void *ctx)
{
	struct walk walk = { .archive = archive,
			     .next = number,
			     .back = back,
			     .fn = fn,
			     .ctx = ctx };
	int r = 0;

	while (r == 0 && !walk.over)
		r = walk_some(&walk);
	return r;
}
