/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Many recordings: putting them into the index, finding one by number and
 * time, purging, starting; beside SQLite, which does the same to the same rows
 * in the same run, with the same bytes of the same keyring overwritten. Only at
 * the end some are purged that have files. The file system is that of $TMPDIR
 * or /tmp.
 *
 *   scale_bench [recordings [to be purged]]
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"
#include "store/store_priv.h"

#define START_NS   INT64_C(1553782503000000000)
#define DAYS       90
#define DAY_NS     (INT64_C(86400) * NS_PER_S)
#define BATCH      50000 /* rows put at once */
#define EXTENSIONS 3000
#define CALLS_EACH 100    /* of a number of the other side */
#define LONG_EACH  100000 /* one of so many goes on for nine hours */
#define LONG_NS    (9 * 3600 * NS_PER_S)
#define SEARCHES   4000
#define WINDOW_NS  DAY_NS
#define CLASS      "standard"
#define WITH_FILES 1024
#define FILE_BYTES (3 << 20) /* three minutes of G.711 */

static uint64_t rows = 1000000, purged = 100000;
static char home[256];

static void
must(int r)
{
	if (r < 0) {
		fprintf(stderr, "scale_bench: %s\n", strerror(-r));
		exit(1);
	}
}

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/** Time of the processor, which the others on the machine do not take. */
static int64_t
cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static double
seconds(int64_t began_ns)
{
	return (double)(now_ns() - began_ns) / 1e9;
}

/* ---- the rows ---------------------------------------------------------- */

/** Spread over the numbers without a pattern (splitmix64). */
static uint64_t
mix(uint64_t v)
{
	v += UINT64_C(0x9e3779b97f4a7c15);
	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	return v ^ v >> 31;
}

static void
remote_make(char number[STORE_NUMBER_BYTES], uint64_t v)
{
	snprintf(number, STORE_NUMBER_BYTES, "+441%09" PRIu64,
		 mix(v) % 1000000000);
}

static uint64_t
remotes(void)
{
	return rows / CALLS_EACH + 1;
}

static int64_t
step_ns(void)
{
	return DAYS * DAY_NS / (int64_t)rows;
}

static void
streams_make(struct store_segment *s, uint64_t v)
{
	s->streams_count = 2;
	for (unsigned i = 0; i < 2; i++)
		s->streams[i] = (struct store_stream){
			.side = i ? STORE_RIGHT : STORE_LEFT,
			.ssrc = (uint32_t)(v >> i),
			.codec = "PCMA",
			.seen = 9000 + v % 1000,
			.stored = 9000 + v % 1000 - 3,
			.late = 3,
			.expected = 9002 + v % 1000,
			.lost = 2,
			.gaps = 2,
			.first_ns = s->start_ns + 20000000,
			.last_ns = s->end_ns - 10000000,
		};
}

/** The nth of all, as a recorder would leave it. */
static void
segment_make(struct store_segment *s, uint64_t nth)
{
	const uint64_t v = mix(nth);
	char dialog[32];

	memset(s, 0, sizeof(*s));
	snprintf(dialog, sizeof(dialog), "d%" PRIu64, nth);
	s->call_start_ns = START_NS + (int64_t)nth * step_ns();
	s->start_ns = s->call_start_ns + 4 * NS_PER_S;
	s->end_ns = s->start_ns + (int64_t)(10 + v % 600) * NS_PER_S;
	if (nth % LONG_EACH == LONG_EACH - 1)
		s->end_ns = s->start_ns + LONG_NS;
	s->answer_ns = s->start_ns;
	store_call_id_make(s->call, s->call_start_ns, dialog, "t", 0);
	s->segment = 1;
	store__segment_id_make(s->id, s->call, 1);
	remote_make(s->from, v % remotes());
	snprintf(s->to, sizeof(s->to), "%u",
		 (unsigned)(2000 + (v >> 32) % EXTENSIONS));
	memcpy(s->local, s->to, sizeof(s->to));
	memcpy(s->remote, s->from, sizeof(s->from));
	snprintf(s->from_sent, sizeof(s->from_sent), "0%.40s", s->from + 3);
	snprintf(s->area, sizeof(s->area), "contact centre");
	snprintf(s->reason, sizeof(s->reason), "record");
	snprintf(s->rule, sizeof(s->rule), "contact centre");
	snprintf(s->began, sizeof(s->began), "call");
	snprintf(s->end_cause, sizeof(s->end_cause), "bye");
	snprintf(s->retention, sizeof(s->retention), CLASS);
	snprintf(s->sip_call_ids, sizeof(s->sip_call_ids),
		 "%016" PRIx64 "%016" PRIx64 "@10.0.0.12", v, mix(v));
	memset(s->policy, 0x5a, sizeof(s->policy));
	for (size_t i = 0; i < sizeof(s->file_hash); i++)
		s->file_hash[i] = (uint8_t)(v >> i % 8 * 8);
	s->state = STORE_STATE_STORED;
	s->bytes = 2880000 + v % 100000;
	s->chunks = 180;
	s->key_day = store_day(s->call_start_ns);
	s->key_slot = (uint32_t)((uint64_t)(s->call_start_ns % DAY_NS) /
				 (uint64_t)step_ns());
	streams_make(s, v);
}

/* ---- what a search took ------------------------------------------------ */

static int
compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
report(const char *who, const char *what, double *us, size_t n,
       const char *more)
{
	qsort(us, n, sizeof(*us), compare);
	printf("%-7s %-44s %9.3f %9.3f %9.3f%s\n", who, what, us[n / 2] / 1e3,
	       us[n * 99 / 100] / 1e3, us[n - 1] / 1e3, more);
}

struct began {
	int64_t wall_ns, cpu_ns;
};

static struct began
begin(void)
{
	return (struct began){ .wall_ns = now_ns(), .cpu_ns = cpu_ns() };
}

static void
rate(const char *who, const char *what, uint64_t n, struct began began)
{
	const double s = seconds(began.wall_ns);

	printf("%-7s %-44s %9.0f a second (%.1f s; %.1f us of the processor "
	       "each)\n",
	       who, what, (double)n / s, s,
	       (double)(cpu_ns() - began.cpu_ns) / 1e3 / (double)n);
	fflush(stdout);
}

/** The part of the time that is looked into. */
static int64_t
window_start(uint64_t nth)
{
	return START_NS + (int64_t)(mix(nth) % (DAYS - 1)) * DAY_NS;
}

struct searcher {
	const char *who;
	/** @return found */
	unsigned (*number)(void *ctx, const char *number, int64_t from_ns);
	unsigned (*extension)(void *ctx, const char *number, int64_t from_ns);
	unsigned (*time)(void *ctx, int64_t from_ns, int64_t to_ns);
	void *ctx;
};

enum kind { NUMBER, EXTENSION, TEN_SECONDS };

/** The ith search of a kind. @return found */
static unsigned
search_one(const struct searcher *searcher, enum kind kind, uint64_t i)
{
	char number[STORE_NUMBER_BYTES];
	const int64_t from_ns = window_start(i);

	switch (kind) {
	case NUMBER:
		remote_make(number, mix(i) % remotes());
		return searcher->number(searcher->ctx, number, from_ns);
	case EXTENSION:
		snprintf(number, sizeof(number), "%u",
			 (unsigned)(2000 + mix(i) % EXTENSIONS));
		return searcher->extension(searcher->ctx, number, from_ns);
	case TEN_SECONDS:
		break;
	}
	return searcher->time(searcher->ctx, from_ns, from_ns + 10 * NS_PER_S);
}

static void
search_kind(const struct searcher *searcher, enum kind kind, const char *what)
{
	static double wall_us[SEARCHES], cpu_us[SEARCHES];
	const uint64_t count = kind == TEN_SECONDS ? SEARCHES / 10 : SEARCHES;
	uint64_t found = 0;
	char more[64];

	/* Warm: everything was asked for once before. */
	for (uint64_t i = 0; i < count; i++)
		(void)search_one(searcher, kind, i);
	for (uint64_t i = 0; i < count; i++) {
		const int64_t wall = now_ns(), cpu = cpu_ns();

		found += search_one(searcher, kind, i);
		cpu_us[i] = (double)(cpu_ns() - cpu) / 1e3;
		wall_us[i] = (double)(now_ns() - wall) / 1e3;
	}
	qsort(cpu_us, count, sizeof(*cpu_us), compare);
	snprintf(more, sizeof(more), " %9.3f  %.1f found",
		 cpu_us[count * 99 / 100] / 1e3, (double)found / (double)count);
	report(searcher->who, what, wall_us, count, more);
}

static void
search_all(const struct searcher *searcher)
{
	search_kind(searcher, NUMBER, "find: number and a day, ms");
	search_kind(searcher, EXTENSION, "find: extension and a day, ms");
	search_kind(searcher, TEN_SECONDS, "find: ten seconds of all, ms");
	fflush(stdout);
}

/* ---- LMDB -------------------------------------------------------------- */

static struct store_archive *archive;

static void
archive_open(void)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/archive", home);
	must(store_archive_open(&archive, path, STORE_WRITE, NULL, NULL));
}

static void
archive_make(void)
{
	struct store_public pub;
	char path[300];

	snprintf(path, sizeof(path), "%s/key", home);
	must(store_identity_create(path, &pub));
	snprintf(path, sizeof(path), "%s/archive", home);
	must(store_archive_create(path, &pub, 1));
	archive_open();
}

/** Keys for those that will be purged. */
static void
keys_add(void)
{
	const struct store_sealed_key sealed = { .count = 1,
						 .sealed = { { 0x77 } } };
	struct store_segment s;
	uint32_t slot;

	for (uint64_t i = 0; i < purged + WITH_FILES; i++) {
		segment_make(&s, i);
		do
			must(store_keyring_add(archive, s.key_day, &sealed,
					       &slot));
		while (slot < s.key_slot);
	}
	must(store_keyring_sync(archive));
}

static void
archive_fill(void)
{
	struct store_segment s;
	struct began began = begin(), part = began;

	for (uint64_t i = 0; i < rows; i++) {
		if (i % BATCH == 0)
			must(store_batch_begin(archive));
		segment_make(&s, i);
		must(store_segment_put(archive, &s));
		if (i % BATCH == BATCH - 1 || i == rows - 1)
			must(store_batch_commit(archive));
		if (i % 1000000 == 999999 && i + 1 < rows) {
			rate("spanrec", "... the last million", 1000000, part);
			part = begin();
		}
	}
	rate("spanrec", "put, 50,000 at once", rows, began);
}

static int
count_one(void *ctx, const struct store_segment *segment)
{
	++*(unsigned *)ctx;
	return 0;
}

static unsigned
archive_search(const struct store_query *query)
{
	unsigned found = 0;

	must(store_search(archive, query, count_one, &found));
	return found;
}

static unsigned
archive_number(void *ctx, const char *number, int64_t from_ns)
{
	return archive_search(
	    &(struct store_query){ .number = number,
				   .from_ns = from_ns,
				   .to_ns = from_ns + WINDOW_NS });
}

static unsigned
archive_extension(void *ctx, const char *number, int64_t from_ns)
{
	return archive_search(
	    &(struct store_query){ .extension = number,
				   .from_ns = from_ns,
				   .to_ns = from_ns + WINDOW_NS });
}

static unsigned
archive_time(void *ctx, int64_t from_ns, int64_t to_ns)
{
	return archive_search(
	    &(struct store_query){ .from_ns = from_ns, .to_ns = to_ns });
}

struct taking {
	struct store_purge many[STORE_PURGE_MANY];
	size_t count;
};

static int
take_one(void *ctx, const struct store_segment *segment)
{
	struct taking *taking = ctx;
	struct store_purge *one = &taking->many[taking->count++];

	memcpy(one->id, segment->id, sizeof(one->id));
	return taking->count == STORE_PURGE_MANY;
}

/** As a sweep does it: what is due, the oldest first. */
static size_t
purge_batch(uint64_t most)
{
	struct taking taking = { .count = 0 };

	must(store_due(archive, CLASS, INT64_MAX, take_one, &taking));
	if (taking.count > most)
		taking.count = most;
	must(store_purge_many(archive, taking.many, taking.count,
			      START_NS + DAYS * DAY_NS, "clock",
			      "past its time by the policy"));
	for (size_t i = 0; i < taking.count; i++) {
		must(taking.many[i].result);
		assert(taking.many[i].key_found);
	}
	return taking.count;
}

static void
archive_purge(uint64_t count, const char *what, const char *each)
{
	double *us = calloc(count / STORE_PURGE_MANY + 1, sizeof(*us));
	const struct began began = begin();
	uint64_t done = 0;
	size_t batches = 0;

	while (us && done < count) {
		const int64_t batch = now_ns();

		done += purge_batch(count - done);
		us[batches++] = (double)(now_ns() - batch) / 1e3;
	}
	rate("spanrec", what, done, began);
	if (us)
		report("spanrec", each, us, batches, "");
	free(us);
}

/** The files of those that are due next. */
static void
files_make(void)
{
	char path[STORE__PATH_BYTES];
	struct store_segment s;
	int fd;

	for (uint64_t i = purged; i < purged + WITH_FILES; i++) {
		segment_make(&s, i);
		store__recording_path(path, s.key_day, s.id, s.scrubs);
		for (char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
			*p = '\0';
			if (mkdirat(archive->dir_fd, path, 0700) &&
			    errno != EEXIST)
				must(-errno);
			*p = '/';
		}
		fd = openat(archive->dir_fd, path, O_WRONLY | O_CREAT, 0600);
		if (fd < 0)
			must(-errno);
		must(-posix_fallocate(fd, 0, FILE_BYTES));
		close(fd);
	}
	must(store_archive_sync(archive));
}

static int
stop_at_once(void *ctx, const struct store_segment *segment)
{
	return 1;
}

/** Out of memory, as far as the kernel follows the advice. */
static void
cool(const char *name)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", home, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		must(-errno);
	(void)!fdatasync(fd);
	(void)!posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
}

static void
archive_start(bool cold)
{
	char number[STORE_NUMBER_BYTES];
	int64_t began;

	if (cold)
		cool("archive/index/data.mdb");
	began = now_ns();
	archive_open();
	remote_make(number, 1);
	(void)archive_number(NULL, number, window_start(1));
	must(store_due(archive, CLASS, INT64_MAX, stop_at_once, NULL));
	printf("%-7s %-44s %9.3f\n", "spanrec",
	       cold ? "open, first find, first due; cold, ms"
		    : "open, first find, first due; warm, ms",
	       seconds(began) * 1e3);
}

static double
file_mib(const char *name)
{
	char path[300];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", home, name);
	return stat(path, &st) ? 0 : (double)st.st_blocks / 2048;
}

static void
bench_archive(void)
{
	const struct searcher searcher = { .who = "spanrec",
					   .number = archive_number,
					   .extension = archive_extension,
					   .time = archive_time };

	archive_make();
	keys_add();
	archive_fill();
	printf("%-7s %-44s %9.0f MiB\n", "spanrec", "on the disk",
	       file_mib("archive/index/data.mdb"));
	store_archive_close(&archive);
	archive_start(true);
	store_archive_close(&archive);
	archive_start(false);
	search_all(&searcher);
	archive_purge(purged, "purge, 256 at once", "... each 256, ms");
	files_make();
	archive_purge(WITH_FILES, "purge, 256 at once, and their files",
		      "... each 256, ms");
	store_archive_close(&archive);
}

/* ---- SQLite ------------------------------------------------------------ */

static sqlite3 *db;

static void
sql_must(int rc)
{
	if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW) {
		fprintf(stderr, "scale_bench: SQLite: %s\n",
			db ? sqlite3_errmsg(db) : "cannot open");
		exit(1);
	}
}

static void
sql(const char *text)
{
	sql_must(sqlite3_exec(db, text, NULL, NULL, NULL));
}

static sqlite3_stmt *
prepare(const char *text)
{
	sqlite3_stmt *statement;

	sql_must(sqlite3_prepare_v2(db, text, -1, &statement, NULL));
	return statement;
}

static int
step(sqlite3_stmt *statement)
{
	int rc = sqlite3_step(statement);

	sql_must(rc);
	return rc;
}

static void
run(sqlite3_stmt *statement)
{
	step(statement);
	sql_must(sqlite3_reset(statement));
}

static void
bind_text(sqlite3_stmt *statement, int at, const char *text)
{
	sql_must(sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC));
}

static void
bind_int(sqlite3_stmt *statement, int at, int64_t v)
{
	sql_must(sqlite3_bind_int64(statement, at, v));
}

static void
bind_blob(sqlite3_stmt *statement, int at, const void *bytes, size_t n)
{
	sql_must(
	    sqlite3_bind_blob(statement, at, bytes, (int)n, SQLITE_STATIC));
}

static void
sqlite_open(void)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/sqlite.db", home);
	sql_must(sqlite3_open(path, &db));
	sql("PRAGMA journal_mode = WAL");
	sql("PRAGMA synchronous = FULL");
	sql("PRAGMA cache_size = -1000000");
	sql("PRAGMA mmap_size = 64000000000");
}

/* The same ways that lead to a row as in the index of the archive. */
static void
sqlite_make(void)
{
	sqlite_open();
	sql("CREATE TABLE segments (n INTEGER PRIMARY KEY, id TEXT UNIQUE, "
	    "start INT, end INT, call_start INT, class TEXT, state INT, "
	    "local TEXT, row BLOB)");
	sql("CREATE TABLE numbers (number TEXT, start INT, n INT, "
	    "PRIMARY KEY (number, start, n)) WITHOUT ROWID");
	sql("CREATE INDEX times ON segments (start)");
	sql("CREATE INDEX extensions ON segments (local, start)");
	sql("CREATE INDEX clocks ON segments (class, call_start) "
	    "WHERE state <> 4");
	sql("CREATE INDEX tombstones ON segments (class, call_start) "
	    "WHERE state = 4");
	sql("CREATE TABLE purging (n INTEGER PRIMARY KEY, entry BLOB)");
	sql("CREATE TABLE ledger (n INTEGER PRIMARY KEY, previous BLOB, "
	    "hash BLOB, entry BLOB)");
	_Static_assert(STORE_STATE_PURGED == 4, "as in the text of the index");
}

static void
sqlite_put(sqlite3_stmt *put, sqlite3_stmt *number, uint64_t nth)
{
	const char *who[2];
	struct store_segment s;
	uint8_t row[STORE__ROW_BYTES];

	segment_make(&s, nth);
	bind_int(put, 1, (int64_t)nth);
	bind_text(put, 2, s.id);
	bind_int(put, 3, s.start_ns);
	bind_int(put, 4, s.end_ns);
	bind_int(put, 5, s.call_start_ns);
	bind_text(put, 6, s.retention);
	bind_int(put, 7, s.state);
	bind_text(put, 8, s.local);
	bind_blob(put, 9, row, store__row_encode(row, &s));
	run(put);
	who[0] = s.from;
	who[1] = s.to;
	for (unsigned i = 0; i < 2; i++) {
		bind_text(number, 1, who[i]);
		bind_int(number, 2, s.start_ns);
		bind_int(number, 3, (int64_t)nth);
		run(number);
	}
}

static void
sqlite_fill(void)
{
	sqlite3_stmt *put =
	    prepare("INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
	sqlite3_stmt *number = prepare("INSERT INTO numbers VALUES (?, ?, ?)");
	struct began began = begin(), part = began;

	for (uint64_t i = 0; i < rows; i++) {
		if (i % BATCH == 0)
			sql("BEGIN IMMEDIATE");
		sqlite_put(put, number, i);
		if (i % BATCH == BATCH - 1 || i == rows - 1)
			sql("COMMIT");
		if (i % 1000000 == 999999 && i + 1 < rows) {
			rate("SQLite", "... the last million", 1000000, part);
			part = begin();
		}
	}
	sql_must(sqlite3_finalize(put));
	sql_must(sqlite3_finalize(number));
	rate("SQLite", "put, 50,000 at once", rows, began);
}

struct statements {
	sqlite3_stmt *number, *extension, *time;
};

/** @return rows, all read as the archive's searches read them */
static unsigned
sqlite_rows(sqlite3_stmt *statement)
{
	struct store_segment s;
	unsigned found = 0;

	while (step(statement) == SQLITE_ROW) {
		must(store__row_decode(
		    &s, sqlite3_column_blob(statement, 0),
		    (size_t)sqlite3_column_bytes(statement, 0)));
		found++;
	}
	sql_must(sqlite3_reset(statement));
	return found;
}

static void
bind_window(sqlite3_stmt *statement, int64_t from_ns, int64_t to_ns)
{
	/* It is told how long the longest is. */
	bind_int(statement, 1, from_ns - LONG_NS);
	bind_int(statement, 2, to_ns);
	bind_int(statement, 3, from_ns);
}

static unsigned
sqlite_number(void *ctx, const char *number, int64_t from_ns)
{
	sqlite3_stmt *statement = ((struct statements *)ctx)->number;

	bind_window(statement, from_ns, from_ns + WINDOW_NS);
	bind_text(statement, 4, number);
	return sqlite_rows(statement);
}

static unsigned
sqlite_extension(void *ctx, const char *number, int64_t from_ns)
{
	sqlite3_stmt *statement = ((struct statements *)ctx)->extension;

	bind_window(statement, from_ns, from_ns + WINDOW_NS);
	bind_text(statement, 4, number);
	return sqlite_rows(statement);
}

static unsigned
sqlite_time(void *ctx, int64_t from_ns, int64_t to_ns)
{
	sqlite3_stmt *statement = ((struct statements *)ctx)->time;

	bind_window(statement, from_ns, to_ns);
	return sqlite_rows(statement);
}

static void
statements_make(struct statements *s)
{
	s->number = prepare("SELECT row FROM numbers JOIN segments USING (n) "
			    "WHERE number = ?4 AND numbers.start >= ?1 AND "
			    "numbers.start < ?2 AND end > ?3 AND state <> 4 "
			    "ORDER BY numbers.start");
	s->extension = prepare("SELECT row FROM segments WHERE local = ?4 AND "
			       "start >= ?1 AND start < ?2 AND end > ?3 AND "
			       "state <> 4 ORDER BY start");
	s->time = prepare("SELECT row FROM segments WHERE start >= ?1 AND "
			  "start < ?2 AND end > ?3 AND state <> 4 "
			  "ORDER BY start");
}

/** The keyring of the archive again: its slots are overwritten once more. */
static void
slots_destroy(const struct store_segment *many, size_t count)
{
	struct store__doomed doomed[STORE_PURGE_MANY];
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		doomed[n++].slot = many[i].key_slot;
		if (i + 1 < count && many[i + 1].key_day == many[i].key_day)
			continue;
		store__keyring_destroy_many(archive, many[i].key_day, doomed,
					    n);
		for (size_t j = 0; j < n; j++)
			must(doomed[j].result);
		n = 0;
	}
}

struct purging {
	sqlite3_stmt *due, *entomb, *note, *entry, *done;
	uint8_t hash[STORE_HASH_BYTES];
	uint64_t number;
	struct store_segment many[STORE_PURGE_MANY];
	int64_t n[STORE_PURGE_MANY];
	size_t count;
};

static void
sqlite_due(struct purging *p, uint64_t limit)
{
	bind_text(p->due, 1, CLASS);
	bind_int(p->due, 2, INT64_MAX);
	bind_int(p->due, 3, (int64_t)limit);
	for (p->count = 0; step(p->due) == SQLITE_ROW; p->count++) {
		p->n[p->count] = sqlite3_column_int64(p->due, 0);
		must(store__row_decode(
		    &p->many[p->count], sqlite3_column_blob(p->due, 1),
		    (size_t)sqlite3_column_bytes(p->due, 1)));
	}
	sql_must(sqlite3_reset(p->due));
}

static size_t
entry_make(uint8_t *bytes, const struct store_segment *s)
{
	struct store_ledger_entry entry = { .time_ns = s->purged_ns,
					    .action = "purge",
					    .actor = "clock" };

	snprintf(entry.subject, sizeof(entry.subject), "%s", s->id);
	snprintf(entry.detail, sizeof(entry.detail),
		 "key %" PRIu32 "/%" PRIu32 " overwritten, file removed: past "
		 "its time by the policy",
		 s->key_day, s->key_slot);
	return store__entry_encode(bytes, &entry);
}

static void
sqlite_entomb(struct purging *p)
{
	uint8_t bytes[STORE__ROW_BYTES];

	sql("BEGIN IMMEDIATE");
	for (size_t i = 0; i < p->count; i++) {
		struct store_segment *s = &p->many[i];

		s->state = STORE_STATE_PURGED;
		s->purged_ns = START_NS + DAYS * DAY_NS;
		bind_blob(p->entomb, 1, bytes, store__row_encode(bytes, s));
		bind_int(p->entomb, 2, p->n[i]);
		run(p->entomb);
		bind_int(p->note, 1, p->n[i]);
		bind_blob(p->note, 2, bytes, entry_make(bytes, s));
		run(p->note);
	}
	sql("COMMIT");
}

static void
sqlite_certify(struct purging *p)
{
	uint8_t bytes[8 + STORE_HASH_BYTES + STORE__ROW_BYTES];
	uint8_t previous[STORE_HASH_BYTES];
	size_t n;

	sql("BEGIN IMMEDIATE");
	for (size_t i = 0; i < p->count; i++) {
		memcpy(previous, p->hash, sizeof(previous));
		store__le_put(bytes, ++p->number, 8);
		memcpy(bytes + 8, previous, sizeof(previous));
		n = entry_make(bytes + 8 + sizeof(previous), &p->many[i]);
		store_hash(p->hash, bytes, 8 + sizeof(previous) + n);
		bind_int(p->entry, 1, (int64_t)p->number);
		bind_blob(p->entry, 2, previous, sizeof(previous));
		bind_blob(p->entry, 3, p->hash, sizeof(p->hash));
		bind_blob(p->entry, 4, bytes + 8 + sizeof(previous), n);
		run(p->entry);
		bind_int(p->done, 1, p->n[i]);
		run(p->done);
	}
	sql("COMMIT");
}

static void
sqlite_purge(void)
{
	static struct purging p;
	double *us = calloc(purged / STORE_PURGE_MANY + 1, sizeof(*us));
	const struct began began = begin();
	uint64_t done = 0;
	size_t batches = 0;

	p.due = prepare("SELECT n, row FROM segments WHERE class = ? AND "
			"call_start < ? AND state <> 4 ORDER BY call_start "
			"LIMIT ?");
	p.entomb = prepare("UPDATE segments SET state = 4, row = ? "
			   "WHERE n = ?");
	p.note = prepare("INSERT INTO purging VALUES (?, ?)");
	p.entry = prepare("INSERT INTO ledger VALUES (?, ?, ?, ?)");
	p.done = prepare("DELETE FROM purging WHERE n = ?");
	while (us && done < purged) {
		const int64_t batch = now_ns();
		const uint64_t left = purged - done;

		sqlite_due(&p,
			   left < STORE_PURGE_MANY ? left : STORE_PURGE_MANY);
		sqlite_entomb(&p);
		slots_destroy(p.many, p.count);
		sqlite_certify(&p);
		done += p.count;
		us[batches++] = (double)(now_ns() - batch) / 1e3;
	}
	rate("SQLite", "purge, 256 at once", done, began);
	if (us)
		report("SQLite", "... each 256, ms", us, batches, "");
	free(us);
	sqlite3_finalize(p.due);
	sqlite3_finalize(p.entomb);
	sqlite3_finalize(p.note);
	sqlite3_finalize(p.entry);
	sqlite3_finalize(p.done);
}

static void
bench_sqlite(void)
{
	struct statements statements;
	const struct searcher searcher = { .who = "SQLite",
					   .number = sqlite_number,
					   .extension = sqlite_extension,
					   .time = sqlite_time,
					   .ctx = &statements };

	sqlite_make();
	sqlite_fill();
	sql("PRAGMA wal_checkpoint(TRUNCATE)");
	sql("ANALYZE");
	printf("%-7s %-44s %9.0f MiB\n", "SQLite", "on the disk",
	       file_mib("sqlite.db"));
	statements_make(&statements);
	search_all(&searcher);
	archive_open();
	sqlite_purge();
	store_archive_close(&archive);
	sqlite3_finalize(statements.number);
	sqlite3_finalize(statements.extension);
	sqlite3_finalize(statements.time);
	sql_must(sqlite3_close(db));
}

int
main(int argc, char **argv)
{
	const char *base = getenv("TMPDIR");
	char command[400];

	if (argc > 1)
		rows = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		purged = strtoull(argv[2], NULL, 10);
	if (rows < purged + WITH_FILES)
		return 2;
	must(store_init());
	snprintf(home, sizeof(home), "%s/scale-bench-XXXXXX",
		 base ? base : "/tmp");
	if (!mkdtemp(home))
		must(-errno);
	printf("%" PRIu64 " recordings of %d days; of searches: median, 99 %%, "
	       "longest, 99 %% of the processor's time\n",
	       rows, DAYS);
	bench_archive();
	if (!getenv("SCALE_ALONE"))
		bench_sqlite();
	snprintf(command, sizeof(command), "rm -rf '%s'", home);
	return getenv("SCALE_KEEP") ? 0 : system(command) != 0;
}
