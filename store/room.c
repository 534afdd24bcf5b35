/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How much room the index has left: LMDB has a map of a fixed size, and a list
 * of the pages in it that are free again. */
#include "store/room.h"

#include <string.h>

#include "store/store_priv.h"

enum { FREE_PAGES = 0 }; /* LMDB's own table: how many, then which */

static int
free_pages(MDB_txn *txn, uint64_t *pages)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	size_t count;
	int rc = mdb_cursor_open(txn, FREE_PAGES, &cursor);

	*pages = 0;
	if (rc)
		return store__index_error(rc);
	while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		if (value.mv_size < sizeof(count))
			continue;
		memcpy(&count, value.mv_data, sizeof(count));
		*pages += count;
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : store__index_error(rc);
}

int
store_index_room(struct store_archive *archive, struct store_index_room *room)
{
	MDB_envinfo info;
	uint64_t pages, used;
	MDB_stat st;
	MDB_txn *txn;
	int r = store__read_begin(archive, &txn);

	if (r)
		return r;
	r = free_pages(txn, &pages);
	store__read_end(archive, txn);
	if (r)
		return r;
	r = store__index_error(mdb_env_stat(archive->env, &st));
	if (r == 0)
		r = store__index_error(mdb_env_info(archive->env, &info));
	if (r)
		return r;
	used = (uint64_t)info.me_last_pgno + 1;
	used = used > pages ? used - pages : 0;
	room->used_bytes = used * st.ms_psize;
	room->map_bytes = info.me_mapsize;
	return 0;
}
