/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Captures that were read into an archive: the ledger has an entry of each, so
 * that one that is read again, which would list its calls twice, is noticed. A
 * capture is told by its length, its beginning and its end: packets with their
 * times. Standard input cannot be told, and is not.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/spanrecd/run.h"

#define ACTION     "capture"
#define PART_BYTES ((size_t)1 << 20) /* so much of each end */

/* ---- which capture it is ------------------------------------------------- */

static size_t
read_at(int fd, uint8_t *bytes, off_t at)
{
	size_t n = 0;
	ssize_t got;

	while (n < PART_BYTES &&
	       (got = pread(fd, bytes + n, PART_BYTES - n, at + (off_t)n)) > 0)
		n += (size_t)got;
	return n;
}

/* @return false: it cannot be told; whoever reads it says why */
static bool
mark_of(const char *path, char mark[RUN_MARK_BYTES])
{
	struct stat st;
	/* what a pipe holds is there once */
	bool regular = strcmp(path, "-") != 0 && stat(path, &st) == 0 &&
		       S_ISREG(st.st_mode);
	int fd = regular ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	uint8_t *bytes = malloc(sizeof(uint64_t) + 2 * PART_BYTES);
	uint8_t hash[STORE_HASH_BYTES];
	size_t n = sizeof(uint64_t);
	bool told = fd >= 0 && bytes && fstat(fd, &st) == 0 &&
		    S_ISREG(st.st_mode) && st.st_size > 0;

	if (told) {
		const uint64_t length = (uint64_t)st.st_size;
		const uint64_t little = htole64(length);

		memcpy(bytes, &little, sizeof(little));
		n += read_at(fd, bytes + n, 0);
		n += read_at(fd, bytes + n,
			     length > PART_BYTES ? (off_t)(length - PART_BYTES)
						 : 0);
		store_hash(hash, bytes, n);
		store_hex(mark, hash, (RUN_MARK_BYTES - 1) / 2);
	}
	free(bytes);
	if (fd >= 0)
		close(fd);
	return told;
}

/* ---- the ledger ---------------------------------------------------------- */

struct looking {
	const struct run_options *options;
	struct run_captures *captures;
	size_t found; /* of the files, the first that was read */
	int64_t time_ns;
};

static int
look(void *ctx, const struct store_ledger_entry *entry)
{
	struct looking *l = ctx;

	if (strcmp(entry->action, ACTION) != 0)
		return 0;
	for (size_t i = 0; i < l->options->files_count; i++) {
		const char *mark = l->captures->mark[i];

		if (!*mark || strncmp(entry->detail, mark, strlen(mark)) != 0)
			continue;
		l->found = i;
		l->time_ns = entry->time_ns;
		return 1;
	}
	return 0;
}

/* @return exit code */
static int
refuse(const struct looking *l)
{
	time_t when = (time_t)(l->time_ns / 1000000000);
	char text[32];
	struct tm tm;

	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%SZ",
		 gmtime_r(&when, &tm));
	log_error("%s was read into this archive before, on %s: its calls "
		  "would be there twice. --again reads it all the same",
		  l->options->files[l->found], text);
	return EXIT_FAILED;
}

int
run_captures_check(const struct run_options *o, struct store_archive *archive,
		   struct run_captures *captures)
{
	struct looking l = { .options = o, .captures = captures };

	memset(captures, 0, sizeof(*captures));
	for (size_t i = 0; i < o->files_count; i++)
		if (!mark_of(o->files[i], captures->mark[i]))
			captures->mark[i][0] = '\0';
	/* Moved to another time they are other calls. */
	if (o->again || o->shift_now)
		return 0;
	/* What of the ledger cannot be read 'audit verify' tells. */
	return store_ledger_walk(archive, look, &l) == 1 ? refuse(&l) : 0;
}

/* Without its name: that may be a number of somebody. */
void
run_captures_enter(const struct run_options *o,
		   const struct pipeline_config *config,
		   const struct run_captures *captures)
{
	char detail[RUN_MARK_BYTES + 16];

	for (size_t i = 0; i < o->files_count; i++) {
		if (!captures->mark[i][0])
			continue;
		snprintf(detail, sizeof(detail), "%s%s", captures->mark[i],
			 o->shift_now ? ", moved to now" : "");
		run_enter(config, ACTION, detail);
	}
}
