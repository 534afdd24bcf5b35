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

#define BEGUN  "begun: "
#define DONE   "done: "
#define NUMBER ", number "

/* ---- deletions ----------------------------------------------------------- */

static int
count_deletion(void *ctx, MDB_txn *txn, const struct store_ledger_entry *entry)
{
	uint64_t *count = ctx;
	char call[STORE_CALL_ID_BYTES];
	uint32_t segment;

	(void)txn;
	*count += (strcmp(entry->action, "purge") == 0 ||
		   strcmp(entry->action, "scrub") == 0) &&
		  store__segment_id_parse(entry->subject, call, &segment) == 0;
	return 0;
}

int
store_deletions_since(const struct store_archive *archive, uint64_t number,
		      uint64_t *count)
{
	*count = 0;
	return store__ledger_from(archive, number + 1, false, count_deletion,
				  count);
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
static int
find_made(void *ctx, MDB_txn *txn, const struct store_ledger_entry *entry)
{
	struct finding *f = ctx;
	struct store_backup_state *state = f->state;
	const char *word = state->made_ns ? BEGUN : DONE;
	const char *wanted = state->made_ns ? state->dir : f->dir;
	char dir[STORE_BACKUP_DIR_BYTES];

	(void)txn;
	if (entry->number <= f->after && !state->made_ns)
		return 1;
	if (strcmp(entry->action, "backup") != 0 ||
	    strncmp(entry->detail, word, strlen(word)) != 0)
		return 0;
	dir_of(entry, word, dir);
	if (wanted && strncmp(dir, wanted, sizeof(dir) - 1) != 0)
		return 0;
	state->told = entry->number;
	if (state->made_ns)
		return 1;
	state->made_ns = entry->time_ns;
	memcpy(state->dir, dir, sizeof(dir));
	return 0;
}

int
store_backup_last(const struct store_archive *archive, const char *dir,
		  uint64_t after, struct store_backup_state *state)
{
	struct store_backup_state found = { .made_ns = 0 };
	struct finding finding = { .dir = dir,
				   .after = after,
				   .state = &found };
	int r = store__ledger_from(archive, store_ledger_number(archive), true,
				   find_made, &finding);

	if (r < 0)
		return r;
	if (!found.made_ns)
		return -ENOENT;
	*state = found;
	return 0;
}

/* ---- by what is there ---------------------------------------------------- */

/** Up to which entry it was told: of the journal, if that is of this ledger. */
static int
find_told(const struct store_archive *archive,
	  const struct store__backup *backup,
	  const struct store__manifest *manifest,
	  struct store_backup_state *state)
{
	const struct store__deletion *last;
	struct store__journal journal;
	int r = store__journal_read(backup, manifest->generation, &journal);

	state->made_ns = manifest->made_ns;
	state->told = manifest->ledger;
	if (r)
		return r;
	last = journal.whole ? &journal.list[journal.whole - 1] : NULL;
	if (last && store__ledger_has(archive, last))
		state->told = last->number;
	store__journal_fini(&journal);
	return 0;
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
