/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is known of a backup without reading all of it: from its manifest and
 * journal, or, where it cannot be reached, from the ledger, which says when one
 * was made, where, and what was deleted since.
 */
#include "store/backup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/backup_priv.h"

/* So many entries of the ledger are read in one transaction. */
#define ENTRIES_AT_ONCE 1000
#define BEGUN           "begun: "
#define DONE            "done: "
#define NUMBER          ", number "

/* ---- the ledger, from an entry on ---------------------------------------- */

struct reading {
	const struct store_archive *archive;
	uint64_t
	    next;  /* number of the entry that is read next; 0: it is over */
	bool back; /* towards older ones */
	/** @return true: it is enough */
	bool (*fn)(void *ctx, const struct store_ledger_entry *entry);
	void *ctx;
};

/** One that cannot be read is a matter of 'audit verify'. */
static bool
entry_tell(struct reading *reading, const MDB_val *k, const MDB_val *value)
{
	struct store_ledger_entry entry;

	if (k->mv_size == 8)
		reading->next = store__be_get(k->mv_data, 8);
	reading->next += reading->back ? -UINT64_C(1) : UINT64_C(1);
	if (store__ledger_decode(&entry, k, value))
		return false;
	return reading->fn(reading->ctx, &entry);
}

/** @return 1: there may be more; 0; -errno */
static int
read_some(struct reading *reading)
{
	uint8_t bytes[8];
	MDB_val k = { .mv_size = 8, .mv_data = bytes }, value;
	MDB_cursor *cursor;
	MDB_txn *txn;
	bool enough = false;
	int r = store__read_apart(reading->archive, &txn);

	if (r)
		return r;
	r = store__index_error(
	    mdb_cursor_open(txn, reading->archive->tables.ledger, &cursor));
	if (r) {
		mdb_txn_abort(txn);
		return r;
	}
	store__be_put(bytes, reading->next, 8);
	r = store__index_error(
	    mdb_cursor_get(cursor, &k, &value, MDB_SET_RANGE));
	for (int i = 0; r == 0 && !enough && i < ENTRIES_AT_ONCE; i++) {
		enough = entry_tell(reading, &k, &value);
		r = store__index_error(mdb_cursor_get(
		    cursor, &k, &value, reading->back ? MDB_PREV : MDB_NEXT));
	}
	mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
	if (r == 0 && !enough && reading->next)
		return 1;
	return r == -ENOENT ? 0 : r;
}

static int
read_all(struct reading *reading)
{
	int r;

	if (!reading->next)
		return 0;
	while ((r = read_some(reading)) > 0)
		;
	return r;
}

/* ---- deletions ----------------------------------------------------------- */

static bool
count_deletion(void *ctx, const struct store_ledger_entry *entry)
{
	uint64_t *count = ctx;
	char call[STORE_CALL_ID_BYTES];
	uint32_t segment;

	*count += (strcmp(entry->action, "purge") == 0 ||
		   strcmp(entry->action, "scrub") == 0) &&
		  store__segment_id_parse(entry->subject, call, &segment) == 0;
	return false;
}

int
store_deletions_since(const struct store_archive *archive, uint64_t number,
		      uint64_t *count)
{
	struct reading reading = { .archive = archive,
				   .next = number + 1,
				   .fn = count_deletion,
				   .ctx = count };

	*count = 0;
	return read_all(&reading);
}

/* ---- by the ledger ------------------------------------------------------- */

struct finding {
	const char *dir; /* NULL: any */
	uint64_t after;
	struct store_backup_state *state;
};

/** The folder that an entry names, as far as all name it. */
static void
dir_of(const struct store_ledger_entry *entry, const char *word,
       char dir[STORE_BACKUP_DIR_BYTES])
{
	const char *at = entry->detail + strlen(word);
	const char *end = strcmp(word, DONE) ? NULL : strstr(at, NUMBER);
	const char *next;

	/* the last that there is: a folder may have such a name */
	while (end && (next = strstr(end + 1, NUMBER)))
		end = next;
	snprintf(dir, STORE_BACKUP_DIR_BYTES, "%.*s",
		 (int)(end ? end - at : STORE_BACKUP_DIR_BYTES), at);
}

/** Back from the last: "done", and then the "begun" that was before it. */
static bool
find_made(void *ctx, const struct store_ledger_entry *entry)
{
	struct finding *f = ctx;
	struct store_backup_state *state = f->state;
	const char *word = state->made_ns ? BEGUN : DONE;
	const char *wanted = state->made_ns ? state->dir : f->dir;
	char dir[STORE_BACKUP_DIR_BYTES];

	if (entry->number <= f->after && !state->made_ns)
		return true;
	if (strcmp(entry->action, "backup") != 0 ||
	    strncmp(entry->detail, word, strlen(word)) != 0)
		return false;
	dir_of(entry, word, dir);
	if (wanted && strncmp(dir, wanted, sizeof(dir) - 1) != 0)
		return false;
	state->told = entry->number;
	if (state->made_ns)
		return true;
	state->made_ns = entry->time_ns;
	memcpy(state->dir, dir, sizeof(dir));
	return false;
}

int
store_backup_last(const struct store_archive *archive, const char *dir,
		  uint64_t after, struct store_backup_state *state)
{
	struct store_backup_state found = { .made_ns = 0 };
	struct finding finding = { .dir = dir,
				   .after = after,
				   .state = &found };
	struct reading reading = { .archive = archive,
				   .next = store_ledger_number(archive),
				   .back = true,
				   .fn = find_made,
				   .ctx = &finding };
	int r = read_all(&reading);

	if (r == 0 && !found.made_ns)
		r = -ENOENT;
	if (r == 0)
		*state = found;
	return r;
}

/* ---- by what is there ---------------------------------------------------- */

struct matching {
	const struct store__deletion *deletion;
	bool same;
};

static bool
match(void *ctx, const struct store_ledger_entry *entry)
{
	struct matching *m = ctx;

	m->same = entry->number == m->deletion->number &&
		  memcmp(entry->hash, m->deletion->hash,
			 sizeof(m->deletion->hash)) == 0;
	return true;
}

/** Up to which entry it was told: of the journal, if that is of this ledger. */
static int
find_told(const struct store_archive *archive,
	  const struct store__backup *backup,
	  const struct store__manifest *manifest,
	  struct store_backup_state *state)
{
	struct store__journal journal = { 0 };
	struct matching matching = { .same = false };
	struct reading reading = { .archive = archive,
				   .fn = match,
				   .ctx = &matching };
	int r = store__journal_read(backup, manifest->generation, &journal);

	state->made_ns = manifest->made_ns;
	state->told = manifest->ledger;
	if (r == 0 && journal.whole) {
		matching.deletion = &journal.list[journal.whole - 1];
		reading.next = matching.deletion->number;
		r = read_all(&reading);
	}
	if (r == 0 && matching.same)
		state->told = matching.deletion->number;
	store__journal_fini(&journal);
	return r;
}

int
store_backup_look(const struct store_archive *archive, const char *dir,
		  struct store_backup_state *state)
{
	struct store__manifest manifest = { 0 };
	struct store__backup backup;
	int r = store__backup_open(&backup, dir, NULL);

	if (r)
		return r;
	r = store__manifest_read(&backup, &manifest);
	if (r == 0)
		r = store__follows(archive, &manifest);
	if (r == 0)
		r = find_told(archive, &backup, &manifest, state);
	store__manifest_fini(&manifest);
	store__backup_close(&backup);
	return r;
}
