/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows, batches, searches, counters; a full map; a reader beside the writer. */
#include "cmd/testing/testing.h"
#include "store/fixture_priv.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct hits {
	unsigned count;
	unsigned stop_at;
	char ids[512][STORE_SEGMENT_ID_BYTES];
};

static int
hit(void *ctx, const struct store_segment *s)
{
	struct hits *hits = ctx;

	assert_in_range(hits->count, 0, 511);
	memcpy(hits->ids[hits->count++], s->id, sizeof(s->id));
	return hits->count == hits->stop_at ? -ECANCELED : 0;
}

/** How many rows a query finds. */
static unsigned
hits_of(struct fixture *fx, const struct store_query *query)
{
	struct hits *hits = calloc(1, sizeof(*hits));
	unsigned count;

	assert_int_equal(store_search(fx->archive, query, hit, hits), 0);
	count = hits->count;
	free(hits);
	return count;
}

static void
put_many(struct fixture *fx, unsigned count)
{
	struct store_segment s;

	assert_int_equal(store_batch_begin(fx->archive), 0);
	for (unsigned i = 0; i < count; i++) {
		fixture_segment(&s, i);
		if (i % 10 == 0)
			snprintf(s.local, sizeof(s.local), "204");
		if (i % 3 == 0)
			snprintf(s.area, sizeof(s.area), "housing");
		assert_int_equal(store_segment_put(fx->archive, &s), 0);
	}
	assert_int_equal(store_batch_commit(fx->archive), 0);
}

static void
test_put_and_get(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s, got;
	char call[STORE_CALL_ID_BYTES];

	fixture_segment(&s, 0);
	assert_int_equal(store_segment_get(fx->archive, s.id, &got), -ENOENT);
	assert_int_equal(store_call_exists(fx->archive, s.call), 0);
	fixture_put(fx, &s);
	assert_int_equal(store_segment_get(fx->archive, s.id, &got), 0);
	assert_memory_equal(&s, &got, sizeof(s));
	assert_int_equal(store_call_exists(fx->archive, s.call), 1);
	/* Not the begin of one, nor one that comes behind it. */
	memcpy(call, s.call, sizeof(call));
	call[24] = '\0';
	assert_int_equal(store_call_exists(fx->archive, call), 0);
	assert_int_equal(store_call_exists(fx->archive, ""), 0);
	memset(call, 'z', sizeof(call) - 1);
	call[sizeof(call) - 1] = '\0';
	assert_int_equal(store_call_exists(fx->archive, call), 0);
}

static void
test_prefix(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s, got;
	char first[STORE_SEGMENT_ID_BYTES];
	struct store_query query = { 0 };

	for (unsigned i = 1; i <= 12; i++) {
		fixture_segment(&s, 0);
		s.segment = i;
		store__segment_id_make(s.id, s.call, i);
		fixture_put(fx, &s);
	}
	fixture_segment(&s, 0);
	memcpy(first, s.id, sizeof(first));
	/* "-1" is one of them, though "-10" begins with it. */
	assert_int_equal(store_segment_get(fx->archive, first, &got), 0);
	assert_string_equal(got.id, first);
	assert_int_equal(store_segment_get(fx->archive, s.call, &got), -EEXIST);
	query.id_prefix = first;
	assert_int_equal(hits_of(fx, &query), 4); /* 1 10 11 12 */
	query.id_prefix = s.call;
	assert_int_equal(hits_of(fx, &query), 12);
	query.id_prefix = "2019";
	assert_int_equal(hits_of(fx, &query), 12);
	query.id_prefix = "20190328T141503Z-";
	assert_int_equal(hits_of(fx, &query), 12);
	query.id_prefix = "2018";
	assert_int_equal(hits_of(fx, &query), 0);
	query.id_prefix = "-";
	assert_int_equal(hits_of(fx, &query), 0);

	fixture_segment(&s, 1);
	fixture_put(fx, &s);
	assert_int_equal(store_segment_get(fx->archive, "20190328T1416", &got),
			 0);
	assert_string_equal(got.id, s.id);
	assert_int_equal(store_segment_get(fx->archive, s.call, &got), 0);
	assert_int_equal(store_segment_get(fx->archive, "2019", &got), -EEXIST);
	assert_int_equal(store_segment_get(fx->archive, "2020", &got), -ENOENT);
	assert_int_equal(store_segment_get(fx->archive, "", &got), -ENOENT);
	assert_int_equal(store_segment_get(fx->archive, "../x", &got), -ENOENT);
	assert_int_equal(store_segment_get(
			     fx->archive,
			     "20190328T141503Z-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			     &got),
			 -ENOENT);
}

static int
no_finding(void *ctx, const struct store_finding *finding)
{
	(void)ctx;
	fail_msg("%s", finding->detail);
	return 0;
}

static void
test_others(void **state)
{
	struct fixture *fx = *state;
	struct store_segment other;
	struct store_query q;

	/* by who only had part in it, but not by part of a number */
	fixture_segment(&other, 0);
	snprintf(other.others, sizeof(other.others), "2750\n+441534445505");
	fixture_put(fx, &other);
	q = (struct store_query){ .number = "2750" };
	assert_int_equal(hits_of(fx, &q), 1);
	q.number = "+441534445505";
	assert_int_equal(hits_of(fx, &q), 1);
	q.number = "275";
	assert_int_equal(hits_of(fx, &q), 0);
	snprintf(other.others, sizeof(other.others), "2751");
	fixture_put(fx, &other);
	q.number = "2750";
	assert_int_equal(hits_of(fx, &q), 0);
	q.number = "2751";
	assert_int_equal(hits_of(fx, &q), 1);
	assert_int_equal(store_verify_orphans(fx->archive, no_finding, NULL),
			 0);
}

static void
test_search(void **state)
{
	struct fixture *fx = *state;
	const int64_t minute = 60 * NS_PER_S;
	struct store_query q = { 0 };
	struct hits *hits = calloc(1, sizeof(*hits));
	struct store_segment s;

	put_many(fx, 200);
	assert_int_equal(hits_of(fx, &q), 200);
	/* In order of start. */
	assert_int_equal(store_search(fx->archive, &q, hit, hits), 0);
	for (unsigned i = 0; i < 200; i++) {
		fixture_segment(&s, i);
		assert_string_equal(hits->ids[i], s.id);
	}
	/* A segment lasts ten seconds of its minute. */
	q.from_ns = FIXTURE_START_NS + 10 * minute;
	assert_int_equal(hits_of(fx, &q), 190);
	q.to_ns = q.from_ns + minute;
	assert_int_equal(hits_of(fx, &q), 1);
	q.to_ns++;
	assert_int_equal(hits_of(fx, &q), 2);
	q.from_ns += 9 * NS_PER_S;
	assert_int_equal(hits_of(fx, &q), 2);
	q.from_ns += NS_PER_S;
	assert_int_equal(hits_of(fx, &q), 1);
	q.from_ns = 0;
	assert_int_equal(hits_of(fx, &q), 12);

	q = (struct store_query){ .number = "+441495123407" };
	assert_int_equal(hits_of(fx, &q), 2);
	q.number = "+44149512340"; /* no prefixes */
	assert_int_equal(hits_of(fx, &q), 0);
	q.number = "2041";
	assert_int_equal(hits_of(fx, &q), 200);
	q.from_ns = FIXTURE_START_NS + 195 * minute;
	assert_int_equal(hits_of(fx, &q), 5);
	q.to_ns = FIXTURE_START_NS + 197 * minute;
	assert_int_equal(hits_of(fx, &q), 2);

	q = (struct store_query){ .extension = "204" };
	assert_int_equal(hits_of(fx, &q), 20);
	q.area = "housing";
	assert_int_equal(hits_of(fx, &q), 7);
	q.number = "2041";
	q.limit = 3;
	assert_int_equal(hits_of(fx, &q), 3);
	q = (struct store_query){ .limit = 37 };
	assert_int_equal(hits_of(fx, &q), 37);

	hits->count = 0;
	hits->stop_at = 20;
	q = (struct store_query){ 0 };
	assert_int_equal(store_search(fx->archive, &q, hit, hits), -ECANCELED);
	assert_int_equal(hits->count, 20);
	free(hits);
}

static void
test_odd_queries(void **state)
{
	struct fixture *fx = *state;
	char longer[600];
	struct store_query q = { .number = longer };
	struct store_segment s;

	memset(longer, '7', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	fixture_segment(&s, 0);
	s.from[0] = s.remote[0] = '\0'; /* withheld */
	fixture_put(fx, &s);
	assert_int_equal(hits_of(fx, &q), 0);
	q = (struct store_query){ .extension = longer };
	assert_int_equal(hits_of(fx, &q), 0);
	q = (struct store_query){ .id_prefix = longer };
	assert_int_equal(hits_of(fx, &q), 0);
	q = (struct store_query){ .number = "2041" };
	assert_int_equal(hits_of(fx, &q), 1);
	q = (struct store_query){ .from_ns = INT64_MIN, .to_ns = INT64_MAX };
	assert_int_equal(hits_of(fx, &q), 1);
}

/** A call that goes on for hours is found in each of them. */
static void
test_long_segments(void **state)
{
	struct fixture *fx = *state;
	const int64_t hour = 3600 * NS_PER_S;
	struct store_query q = { .from_ns = FIXTURE_START_NS + 20 * hour };
	struct store_segment s;

	put_many(fx, 3);
	assert_int_equal(hits_of(fx, &q), 0);
	fixture_segment(&s, 1);
	s.state = STORE_STATE_RECORDING; /* no end yet */
	s.end_ns = 0;
	fixture_put(fx, &s);
	assert_int_equal(hits_of(fx, &q), 1);
	q.number = "2041";
	q.limit = 1;
	assert_int_equal(hits_of(fx, &q), 1);
	q.number = "2042";
	assert_int_equal(hits_of(fx, &q), 0);
	q = (struct store_query){ .from_ns = q.from_ns };
	s.state = STORE_STATE_STORED;
	s.end_ns = s.start_ns + 19 * hour;
	fixture_put(fx, &s);
	assert_int_equal(hits_of(fx, &q), 0);
	q.from_ns = FIXTURE_START_NS + 18 * hour;
	assert_int_equal(hits_of(fx, &q), 1);
	q.extension = "2041";
	assert_int_equal(hits_of(fx, &q), 1);
}

/** What no longer leads to a row leads nowhere. */
static void
test_replace(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s;

	fixture_segment(&s, 0);
	fixture_put(fx, &s);
	snprintf(s.from, sizeof(s.from), "anonymous");
	snprintf(s.remote, sizeof(s.remote), "anonymous");
	snprintf(s.local, sizeof(s.local), "2042");
	snprintf(s.to, sizeof(s.to), "2042");
	snprintf(s.retention, sizeof(s.retention), "long");
	s.start_ns += 5;
	fixture_put(fx, &s);
	assert_int_equal(
	    hits_of(fx, &(struct store_query){ .number = "+441495123400" }), 0);
	assert_int_equal(hits_of(fx, &(struct store_query){ .number = "2041" }),
			 0);
	assert_int_equal(
	    hits_of(fx, &(struct store_query){ .extension = "2041" }), 0);
	assert_int_equal(
	    hits_of(fx, &(struct store_query){ .number = "anonymous" }), 1);
	assert_int_equal(
	    hits_of(fx, &(struct store_query){ .extension = "2042" }), 1);
	assert_int_equal(hits_of(fx, &(struct store_query){ 0 }), 1);
}

static int
class_seen(void *ctx, const char *retention)
{
	size_t n = strlen(ctx);

	snprintf((char *)ctx + n, 100 - n, "%s,", retention);
	return 0;
}

static void
test_due(void **state)
{
	struct fixture *fx = *state;
	struct hits *hits = calloc(1, sizeof(*hits));
	static const char *const classes[] = { "short", "", "short2", "long" };
	struct store_segment s;
	char seen[100] = "";

	assert_int_equal(store_classes(fx->archive, class_seen, seen), 0);
	assert_string_equal(seen, "");
	for (unsigned i = 0; i < 40; i++) {
		fixture_segment(&s, 39 - i);
		snprintf(s.retention, sizeof(s.retention), "%s",
			 classes[i % 4]);
		fixture_put(fx, &s);
	}
	assert_int_equal(store_classes(fx->archive, class_seen, seen), 0);
	assert_string_equal(seen, ",long,short,short2,");
	fixture_segment(&s, 20);
	assert_int_equal(
	    store_due(fx->archive, "short", s.call_start_ns, hit, hits), 0);
	/* 3, 7, 11, 15, 19: oldest first, those that began before */
	assert_int_equal(hits->count, 5);
	fixture_segment(&s, 3);
	assert_string_equal(hits->ids[0], s.id);
	fixture_segment(&s, 19);
	assert_string_equal(hits->ids[4], s.id);
	hits->count = 0;
	assert_int_equal(store_due(fx->archive, "", INT64_MAX, hit, hits), 0);
	assert_int_equal(hits->count, 10);
	hits->count = 0;
	assert_int_equal(store_due(fx->archive, "shor", INT64_MAX, hit, hits),
			 0);
	assert_int_equal(hits->count, 0);
	free(hits);
}

static void
test_batches(void **state)
{
	struct fixture *fx = *state;
	struct store_ledger_entry entry = { .action = "play" };
	struct store_segment s, got;

	fixture_segment(&s, 0);
	assert_int_equal(store_batch_begin(fx->archive), 0);
	assert_int_equal(store_batch_begin(fx->archive), -EBUSY);
	assert_int_equal(store_segment_put(fx->archive, &s), 0);
	/* The batch sees what it will write. */
	assert_int_equal(store_segment_get(fx->archive, s.id, &got), 0);
	assert_int_equal(store_call_exists(fx->archive, s.call), 0);
	assert_int_equal(store_purge(fx->archive, s.id, 1, "me", "why"),
			 -EBUSY);
	assert_int_equal(store_ledger_append(fx->archive, &entry), -EBUSY);
	store_batch_abort(fx->archive);
	store_batch_abort(fx->archive);
	assert_int_equal(store_segment_get(fx->archive, s.id, &got), -ENOENT);
	assert_int_equal(store_batch_begin(fx->archive), 0);
	assert_int_equal(store_batch_commit(fx->archive), 0);

	/* One bad row undoes the batch, and commit says so. */
	assert_int_equal(store_batch_begin(fx->archive), 0);
	assert_int_equal(store_segment_put(fx->archive, &s), 0);
	got = s;
	got.segment = 2;
	assert_int_equal(store_segment_put(fx->archive, &got), -EINVAL);
	assert_int_equal(store_segment_put(fx->archive, &s), -EINVAL);
	assert_int_equal(store_counter_add(fx->archive, 1, "x", 1), -EINVAL);
	assert_int_equal(store_batch_commit(fx->archive), -EINVAL);
	assert_int_equal(store_segment_get(fx->archive, s.id, &got), -ENOENT);
	fixture_put(fx, &s);
	assert_int_equal(store_segment_get(fx->archive, s.id, &got), 0);
}

static void
test_bad_rows(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s;

	for (int i = 0; i < 5; i++) {
		fixture_segment(&s, 0);
		if (i == 0)
			memset(s.id, 'x', sizeof(s.id));
		if (i == 1)
			memset(s.from, '1', sizeof(s.from));
		if (i == 2)
			s.streams_count = STORE_STREAMS_MAX + 1;
		if (i == 3)
			s.call[3] = '/', s.id[3] = '/';
		if (i == 4)
			s.segment = 0, s.id[26] = '0';
		assert_int_equal(store_batch_begin(fx->archive), 0);
		assert_int_equal(store_segment_put(fx->archive, &s), -EINVAL);
		store_batch_abort(fx->archive);
	}
}

static int
count_class(void *ctx, const char *retention)
{
	assert_string_equal(retention, "standard");
	++*(unsigned *)ctx;
	return 0;
}

/** One damaged row, one that is gone, one in another's place, and keys that
 * lead nowhere: everything else is still found. */
static void
test_damaged_rows(void **state)
{
	struct fixture *fx = *state;
	const struct store__tables *tables = &fx->archive->tables;
	struct store_query query = { 0 };
	struct store_segment s, got;
	struct store__key key = { 0 };
	struct hits *hits = calloc(1, sizeof(*hits));
	uint8_t row[STORE__ROW_BYTES], longest[511];
	unsigned classes = 0;
	size_t n;

	put_many(fx, 40);
	fixture_segment(&s, 10);
	n = store__row_encode(row, &s);
	fixture_segment(&s, 7);
	key = fixture_key(&s);
	fixture_index_set(fx, tables->segments, &key, row, n);
	fixture_segment(&s, 3);
	key = fixture_key(&s);
	fixture_index_set(fx, tables->segments, &key, NULL, 0);
	fixture_segment(&s, 5);
	key = fixture_key(&s);
	fixture_index_set(fx, tables->segments, &key, row, n - 1);
	memset(longest, 'a', sizeof(longest));
	memcpy(key.data, longest, sizeof(longest));
	key.bytes = sizeof(longest);
	fixture_index_set(fx, tables->clocks, &key, "", 0);
	fixture_index_set(fx, tables->times, &key, "", 0);

	assert_int_equal(hits_of(fx, &query), 37);
	assert_int_equal(store_rows_skipped(fx->archive), 4);
	query.number = "2041";
	assert_int_equal(hits_of(fx, &query), 37);
	assert_int_equal(store_rows_skipped(fx->archive), 3);
	query.number = NULL;
	query.from_ns = FIXTURE_START_NS + 20 * 60 * NS_PER_S;
	assert_int_equal(hits_of(fx, &query), 20);
	assert_int_equal(
	    store_due(fx->archive, "standard", INT64_MAX, hit, hits), 0);
	assert_int_equal(hits->count, 37);
	assert_int_equal(store_rows_skipped(fx->archive), 3);
	assert_int_equal(store_classes(fx->archive, count_class, &classes), 0);
	assert_int_equal(classes, 1);
	assert_int_equal(store_segment_get(fx->archive, s.id, &got), -EBADMSG);
	assert_int_equal(store_segment_get(fx->archive, s.call, &got),
			 -EBADMSG);
	fixture_segment(&s, 6);
	assert_int_equal(store_segment_get(fx->archive, s.call, &got), 0);
	assert_int_equal(store_rows_skipped(fx->archive), 0);
	free(hits);
}

static void
test_counters(void **state)
{
	struct fixture *fx = *state;
	char longer[STORE_NAME_BYTES + 1];
	uint64_t count;

	assert_int_equal(
	    store_counter_get(fx->archive, 20190328, "calls", &count), 0);
	assert_int_equal(count, 0);
	assert_int_equal(store_batch_begin(fx->archive), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(
		    store_counter_add(fx->archive, 20190328, "calls", 5), 0);
	assert_int_equal(store_counter_add(fx->archive, 20190329, "calls", 1),
			 0);
	assert_int_equal(store_batch_commit(fx->archive), 0);
	assert_int_equal(
	    store_counter_get(fx->archive, 20190328, "calls", &count), 0);
	assert_int_equal(count, 15);
	assert_int_equal(
	    store_counter_get(fx->archive, 20190328, "call", &count), 0);
	assert_int_equal(count, 0);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(store_counter_get(fx->archive, 1, longer, &count),
			 -EINVAL);
}

/** A full map: the batch is refused as a whole, what was there stays. */
static void
test_map_full(void **state)
{
	struct fixture *fx = *state;
	const struct store_archive_config tiny = { .map_bytes = 256 << 10 };
	struct store_segment s, got;
	int r = 0;

	store_archive_close(&fx->archive);
	assert_int_equal(
	    store_archive_open(&fx->archive, fx->dir, STORE_WRITE, &tiny, NULL),
	    0);
	fixture_segment(&s, 0);
	fixture_put(fx, &s);
	assert_int_equal(store_batch_begin(fx->archive), 0);
	for (unsigned i = 1; i < 5000 && r == 0; i++) {
		fixture_segment(&s, i);
		r = store_segment_put(fx->archive, &s);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(store_segment_put(fx->archive, &s), -ENOSPC);
	assert_int_equal(store_batch_commit(fx->archive), -ENOSPC);
	fixture_segment(&s, 0);
	assert_int_equal(store_segment_get(fx->archive, s.id, &got), 0);
	fixture_segment(&s, 1);
	assert_int_equal(store_segment_get(fx->archive, s.id, &got), -ENOENT);
	/* What is small enough still goes in ... */
	fixture_put(fx, &s);
	/* ... and with a larger map all of it. */
	store_archive_close(&fx->archive);
	fixture_open(fx);
	put_many(fx, 500);
	assert_int_equal(hits_of(fx, &(struct store_query){ 0 }), 500);
}

/** The file of the index cannot grow: a commit fails, nothing is lost. */
static void
test_disk_full(void **state)
{
	struct fixture *fx = *state;
	struct rlimit limit, old;
	struct store_segment s;
	int r;

	put_many(fx, 10);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 200000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(store_batch_begin(fx->archive), 0);
	for (unsigned i = 10; i < 500; i++) {
		fixture_segment(&s, i);
		assert_int_equal(store_segment_put(fx->archive, &s), 0);
	}
	r = store_batch_commit(fx->archive);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	/* LMDB says EIO where a write fell short. */
	assert_true(r == -EFBIG || r == -EIO);
	assert_int_equal(hits_of(fx, &(struct store_query){ 0 }), 10);
	put_many(fx, 20);
	assert_int_equal(hits_of(fx, &(struct store_query){ 0 }), 20);
}

/** fn of a search may write; the search holds no transaction. */
static int
put_from_search(void *ctx, const struct store_segment *found)
{
	struct store_segment s = *found;

	snprintf(s.rule, sizeof(s.rule), "seen");
	fixture_put(ctx, &s);
	return 0;
}

static void
test_write_from_search(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s, got;

	put_many(fx, 50);
	assert_int_equal(store_search(fx->archive, &(struct store_query){ 0 },
				      put_from_search, fx),
			 0);
	fixture_segment(&s, 49);
	assert_int_equal(store_segment_get(fx->archive, s.id, &got), 0);
	assert_string_equal(got.rule, "seen");
}

/** Child: open to read, count rows, say how many. */
static void
reader_process(const char *dir, int ask, int answer)
{
	struct store_archive *archive = NULL;
	struct hits *hits = calloc(1, sizeof(*hits));
	char byte;

	if (store_archive_open(&archive, dir, STORE_READ, &fixture_config,
			       NULL))
		_exit(1);
	while (read(ask, &byte, 1) == 1) {
		hits->count = 0;
		if (store_search(archive, &(struct store_query){ 0 }, hit,
				 hits))
			_exit(2);
		if (write(answer, &hits->count, sizeof(hits->count)) < 0)
			_exit(3);
	}
	if (store_batch_begin(archive) != -EROFS)
		_exit(4);
	store_archive_close(&archive);
	free(hits);
	_exit(0);
}

static void
test_reader_beside_writer(void **state)
{
	struct fixture *fx = *state;
	int ask[2], answer[2], status;
	unsigned count;
	pid_t child;

	assert_int_equal(pipe(ask), 0);
	assert_int_equal(pipe(answer), 0);
	store_archive_close(&fx->archive);
	child = fork();
	if (child == 0) {
		close(ask[1]);
		reader_process(fx->dir, ask[0], answer[1]);
	}
	close(ask[0]);
	fixture_open(fx);
	for (unsigned n = 0; n <= 60; n += 20) {
		put_many(fx, n);
		assert_int_equal(write(ask[1], "?", 1), 1);
		assert_int_equal(read(answer[0], &count, sizeof(count)),
				 sizeof(count));
		assert_int_equal(count, n);
	}
	/* In the middle of a batch the reader sees what was before it. */
	assert_int_equal(store_batch_begin(fx->archive), 0);
	for (unsigned i = 100; i < 110; i++) {
		struct store_segment s;

		fixture_segment(&s, i);
		assert_int_equal(store_segment_put(fx->archive, &s), 0);
	}
	assert_int_equal(write(ask[1], "?", 1), 1);
	assert_int_equal(read(answer[0], &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 60);
	assert_int_equal(store_batch_commit(fx->archive), 0);
	close(ask[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(answer[0]);
	close(answer[1]);
}

static void
test_allocation(void **state)
{
	struct fixture *fx = *state;
	struct store_segment got;

	put_many(fx, 1);
	testing_fail_allocation(1);
	assert_int_equal(store_segment_get(fx->archive, "2019", &got), -ENOMEM);
	testing_fail_allocation(0);
	assert_int_equal(store_segment_get(fx->archive, "2019", &got), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_put_and_get),
		TEST(test_prefix),
		TEST(test_search),
		TEST(test_others),
		TEST(test_odd_queries),
		TEST(test_long_segments),
		TEST(test_replace),
		TEST(test_due),
		TEST(test_batches),
		TEST(test_bad_rows),
		TEST(test_damaged_rows),
		TEST(test_counters),
		TEST(test_map_full),
		TEST(test_disk_full),
		TEST(test_write_from_search),
		TEST(test_reader_beside_writer),
		TEST(test_allocation),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
