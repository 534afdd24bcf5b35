/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purging: what may go and what may not, a crash between any two steps, and
 * that neither key nor sound is left in any file. */
#include "cmd/testing/testing.h"
#include "store/purge_fixture_priv.h"

#include <errno.h>

static unsigned ledger_count(struct fixture *fx, const char *subject);

static void
expect_gone(struct fixture *fx, const struct store_segment *s,
	    const struct store_sealed_key *sealed)
{
	struct store_reader *reader;
	struct store_sealed_key got;
	struct store_finding finding;
	struct store_segment now;
	char path[512];

	assert_int_equal(store_segment_get(fx->archive, s->id, &now), 0);
	assert_int_equal(now.state, STORE_STATE_PURGED);
	assert_int_equal(now.purged_ns, 5555);
	assert_int_equal(
	    store_verify(fx->archive, fx->identity, &now, &finding), 0);
	assert_int_equal(
	    store_reader_open(&reader, fx->archive, fx->identity, &now),
	    -ENOENT);
	/* Not with the old row either. */
	assert_int_equal(
	    store_reader_open(&reader, fx->archive, fx->identity, s), -ENOENT);
	assert_int_equal(
	    store__keyring_read(fx->archive, s->key_day, s->key_slot, &got),
	    -ENOKEY);
	fixture_path(fx, s, path);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(
	    files_with(fx, sealed->sealed[0], STORE_SEALED_KEY_BYTES), 0);
	assert_int_equal(files_with(fx, "PLAINTEXT", 9), 0);
	assert_int_equal(ledger_count(fx, s->id), 1);
}

/* ---- the ledger of it -------------------------------------------------- */

struct counting {
	const char *subject;
	int64_t time_ns; /**< of the last */
	unsigned count;
};

static int
count_one(void *ctx, const struct store_ledger_entry *entry)
{
	struct counting *counting = ctx;

	if (strcmp(entry->subject, counting->subject) != 0)
		return 0;
	assert_string_equal(entry->action, "purge");
	assert_string_equal(entry->actor, "clock");
	counting->time_ns = entry->time_ns;
	assert_non_null(strstr(entry->detail, "key 20190328/"));
	assert_non_null(strstr(entry->detail, "overwritten"));
	assert_non_null(strstr(entry->detail, "90 days"));
	counting->count++;
	return 0;
}

static unsigned
ledger_count(struct fixture *fx, const char *subject)
{
	struct counting counting = { .subject = subject };

	assert_int_equal(store_ledger_walk(fx->archive, count_one, &counting),
			 0);
	return counting.count;
}

/** When the last of it was gone. */
static int64_t
gone_ns(struct fixture *fx, const char *subject)
{
	struct counting counting = { .subject = subject };

	assert_int_equal(store_ledger_walk(fx->archive, count_one, &counting),
			 0);
	return counting.time_ns;
}

/* ---- tests ------------------------------------------------------------- */

static void
test_purge(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s[3];
	struct store_sealed_key sealed[3];
	struct store_finding finding;

	for (unsigned i = 0; i < 3; i++) {
		fixture_record(fx, &s[i], i, 1200);
		assert_int_equal(store__keyring_read(fx->archive, s[i].key_day,
						     s[i].key_slot, &sealed[i]),
				 0);
		assert_int_equal(
		    files_with(fx, sealed[i].sealed[0], STORE_SEALED_KEY_BYTES),
		    1);
	}
	assert_int_equal(
	    store_purge(fx->archive, s[1].id, 5555, "clock", "90 days"), 0);
	expect_gone(fx, &s[1], &sealed[1]);
	/* Its neighbours are well. */
	for (unsigned i = 0; i < 3; i += 2)
		assert_int_equal(
		    store_verify(fx->archive, fx->identity, &s[i], &finding),
		    0);
	assert_int_equal(store_purge(fx->archive, s[1].id, 6666, "clock", "x"),
			 -EALREADY);
	assert_int_equal(store_purge(fx->archive, "none-1", 6666, "clock", "x"),
			 -ENOENT);
	/* A prefix is not enough to delete something. */
	assert_int_equal(
	    store_purge(fx->archive, s[0].call, 6666, "clock", "x"), -ENOENT);
	assert_int_equal(ledger_count(fx, s[1].id), 1);
}

/** Most of a key in a slot that is none any more: it was put back. */
static void
test_key_put_back(void **state)
{
	struct fixture *fx = *state;
	struct store_finding finding;
	struct store_segment s;
	uint8_t *slots;
	char path[512];
	size_t n;
	FILE *file;

	fixture_record(fx, &s, 0, 1200);
	snprintf(path, sizeof(path), "%s/keyring/2019-03-28.keys", fx->dir);
	slots = testing_read_file(path, &n);
	assert_int_equal(
	    store_purge(fx->archive, s.id, 5555, "clock", "90 days"), 0);
	assert_int_equal(store_segment_get(fx->archive, s.id, &s), 0);
	assert_int_equal(store_verify(fx->archive, NULL, &s, &finding), 0);
	slots[STORE__SLOT_BYTES - 1] ^= 1;
	file = fopen(path, "r+");
	assert_non_null(file);
	assert_int_equal(fwrite(slots, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
	free(slots);
	assert_int_equal(store_verify(fx->archive, NULL, &s, &finding), 1);
	assert_int_equal(finding.type, STORE_FINDING_NOT_ERASED);
	/* A file that is a new one has no key. */
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(truncate(path, (off_t)n), 0);
	assert_int_equal(store_verify(fx->archive, NULL, &s, &finding), 0);
}

static void
test_what_may_not_go(void **state)
{
	struct fixture *fx = *state;
	struct store_finding finding;
	struct store_recording *rec;
	struct store_segment s, live;

	fixture_record(fx, &s, 0, 1200);
	s.state = STORE_STATE_HELD;
	fixture_put(fx, &s);
	assert_int_equal(store_purge(fx->archive, s.id, 5555, "clock", "x"),
			 -EPERM);
	assert_int_equal(store_verify(fx->archive, fx->identity, &s, &finding),
			 0);
	fixture_segment(&live, 1);
	rec = fixture_begin(fx, &live);
	assert_int_equal(store_purge(fx->archive, live.id, 5555, "clock", "x"),
			 -EBUSY);
	fixture_finish(fx, &live, rec, 0);
	/* Whoever still has an old row cannot bring it back. */
	assert_int_equal(store_purge(fx->archive, live.id, 5555, "clock", "x"),
			 0);
	assert_int_equal(store_batch_begin(fx->archive), 0);
	assert_int_equal(store_segment_put(fx->archive, &live), -EALREADY);
	assert_int_equal(store_batch_commit(fx->archive), 0);
	assert_int_equal(store_segment_get(fx->archive, live.id, &live), 0);
	assert_int_equal(live.state, STORE_STATE_PURGED);
}

static int
purge_it(void *ctx, const struct store_segment *s)
{
	struct fixture *fx = ctx;

	return store_purge(fx->archive, s->id, 5555, "clock", "90 days");
}

static int
count_it(void *ctx, const struct store_segment *s)
{
	++*(unsigned *)ctx;
	return 0;
}

static int
count_finding(void *ctx, const struct store_finding *finding)
{
	++*(unsigned *)ctx;
	print_message("%s: %s\n", finding->id, finding->detail);
	return 0;
}

/** What store_due allows: purge from within the walk over what is due. */
static void
test_sweep(void **state)
{
	struct fixture *fx = *state;
	struct store_query query = { .number = "2041" };
	struct store_segment s;
	unsigned count = 0;

	for (unsigned i = 0; i < 50; i++) {
		fixture_segment(&s, i);
		fixture_put(fx, &s);
	}
	fixture_segment(&s, 40);
	assert_int_equal(
	    store_due(fx->archive, "standard", s.call_start_ns, purge_it, fx),
	    0);
	assert_int_equal(
	    store_due(fx->archive, "standard", INT64_MAX, count_it, &count), 0);
	assert_int_equal(count, 10);
	count = 0;
	assert_int_equal(store_search(fx->archive, &query, count_it, &count),
			 0);
	assert_int_equal(count, 10);
	query.purged = true;
	count = 0;
	assert_int_equal(store_search(fx->archive, &query, count_it, &count),
			 0);
	assert_int_equal(count, 50);
}

static void
test_forget(void **state)
{
	struct fixture *fx = *state;
	struct store_query query = { .purged = true };
	struct store_segment s;
	unsigned count = 0;

	for (unsigned i = 0; i < 4; i++) {
		fixture_segment(&s, i);
		fixture_put(fx, &s);
		if (i % 2 == 0)
			assert_int_equal(store_forget_one(fx->archive, s.id),
					 -EPERM);
		else
			assert_int_equal(
			    store_purge(fx->archive, s.id, 1000, "clock", "x"),
			    0);
	}
	assert_int_equal(store_forget_one(fx->archive, s.id), 0);
	assert_int_equal(store_forget_one(fx->archive, s.id), -ENOENT);
	assert_int_equal(store_search(fx->archive, &query, count_it, &count),
			 0);
	assert_int_equal(count, 3);
	query.number = "2041";
	count = 0;
	assert_int_equal(store_search(fx->archive, &query, count_it, &count),
			 0);
	assert_int_equal(count, 3);
}

static unsigned findings(struct fixture *fx);

/** What is there between the steps of a purge. */
static void
expect_stripped(struct fixture *fx, const struct store_segment *was)
{
	const char *const numbers[] = { was->from, was->to, was->local,
					was->remote, "2750" };
	struct store_query query = { .purged = true };
	struct store_segment now, bare;
	unsigned count = 0;

	assert_int_equal(store_segment_get(fx->archive, was->id, &now), 0);
	assert_int_equal(now.state, STORE_STATE_PURGED);
	assert_int_equal(now.decision, STORE_DROP);
	assert_string_equal(now.reason, "opt-out");
	bare = now;
	store_segment_strip(&bare);
	assert_memory_equal(&bare, &now, sizeof(now));
	assert_string_equal(now.from, "");
	assert_string_equal(now.others, "");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		query.number = numbers[i];
		assert_int_equal(
		    store_search(fx->archive, &query, count_it, &count), 0);
	}
	query.number = NULL;
	query.extension = was->local;
	assert_int_equal(store_search(fx->archive, &query, count_it, &count),
			 0);
	assert_int_equal(count, 0);
}

static int
discard(struct fixture *fx, const struct store_segment *s)
{
	return store_discard(fx->archive, s->id, 5555, "clock", "90 days",
			     "opt-out");
}

static uint64_t
opted_out(struct fixture *fx, const struct store_segment *s)
{
	uint64_t count;

	assert_int_equal(store_counter_get(fx->archive,
					   store_day(s->call_start_ns),
					   "opt-out", &count),
			 0);
	return count;
}

static void
record_people(struct fixture *fx, struct store_segment *s, unsigned nth)
{
	fixture_record(fx, s, nth, 1200);
	snprintf(s->others, sizeof(s->others), "+442071234567\n2750");
	snprintf(s->sip_call_ids, sizeof(s->sip_call_ids), "a@b");
	snprintf(s->from_name, sizeof(s->from_name), "Ann");
	fixture_put(fx, s);
}

static void
test_discard(void **state)
{
	struct fixture *fx = *state;
	struct store_query query = { .purged = true };
	struct store_sealed_key sealed;
	struct store_segment s[2], now;
	unsigned count = 0;
	char path[512];

	record_people(fx, &s[0], 0);
	record_people(fx, &s[1], 1);
	assert_int_equal(store__keyring_read(fx->archive, s[0].key_day,
					     s[0].key_slot, &sealed),
			 0);
	s[0].state = STORE_STATE_HELD;
	fixture_put(fx, &s[0]);
	assert_int_equal(discard(fx, &s[0]), -EPERM);
	s[0].state = STORE_STATE_STORED;
	fixture_put(fx, &s[0]);
	assert_int_equal(discard(fx, &s[0]), 0);
	fixture_path(fx, &s[0], path);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(
	    files_with(fx, sealed.sealed[0], STORE_SEALED_KEY_BYTES), 0);
	assert_int_equal(ledger_count(fx, s[0].id), 1);
	assert_int_equal(opted_out(fx, &s[0]), 1);
	assert_int_equal(store_segment_get(fx->archive, s[0].id, &now),
			 -ENOENT);
	assert_int_equal(discard(fx, &s[0]), -ENOENT);
	/* One that was purged, but not for this. */
	assert_int_equal(
	    store_purge(fx->archive, s[1].id, 5555, "clock", "90 days"), 0);
	assert_int_equal(discard(fx, &s[1]), 0);
	assert_int_equal(ledger_count(fx, s[1].id), 1);
	assert_int_equal(opted_out(fx, &s[0]), 2);
	assert_int_equal(store_search(fx->archive, &query, count_it, &count),
			 0);
	assert_int_equal(count, 0);
	assert_int_equal(findings(fx), 0);
}

static unsigned
tombstones_of(struct fixture *fx, const char *class, int64_t before_ns)
{
	unsigned count = 0;

	assert_int_equal(
	    store_tombstones(fx->archive, class, before_ns, count_it, &count),
	    0);
	assert_int_equal(store_rows_skipped(fx->archive), 0);
	return count;
}

static int
class_seen(void *ctx, const char *retention)
{
	size_t n = strlen(ctx);

	snprintf((char *)ctx + n, 100 - n, "%s,", retention);
	return 0;
}

static unsigned
findings(struct fixture *fx)
{
	unsigned count = 0;

	assert_int_equal(
	    store_verify_orphans(fx->archive, count_finding, &count), 0);
	return count;
}

/** From clocks to tombstones, and away; by class and start of the call. */
static void
test_tombstones(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s[4];
	char seen[100] = "";

	for (unsigned i = 0; i < 4; i++) {
		fixture_segment(&s[i], i);
		if (i == 3)
			snprintf(s[i].retention, sizeof(s[i].retention),
				 "long");
		fixture_put(fx, &s[i]);
	}
	assert_int_equal(store_tombstone_classes(fx->archive, class_seen, seen),
			 0);
	assert_string_equal(seen, "");
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(
		    store_purge(fx->archive, s[i].id, 1000, "clock", "x"), 0);
	assert_int_equal(store_tombstone_classes(fx->archive, class_seen, seen),
			 0);
	assert_string_equal(seen, "long,standard,");
	assert_int_equal(tombstones_of(fx, "standard", INT64_MAX), 2);
	assert_int_equal(tombstones_of(fx, "standard", s[2].call_start_ns), 1);
	assert_int_equal(tombstones_of(fx, "long", INT64_MAX), 1);
	assert_int_equal(tombstones_of(fx, "lon", INT64_MAX), 0);
	assert_int_equal(store_forget_one(fx->archive, s[1].id), 0);
	assert_int_equal(tombstones_of(fx, "standard", INT64_MAX), 1);
	assert_int_equal(findings(fx), 0);
}

/** An earlier build left tombstones, and no way to them but the old ones. */
static void
test_tombstones_of_before(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s;
	MDB_txn *txn;

	for (unsigned i = 0; i < 40; i++) {
		fixture_segment(&s, i);
		fixture_put(fx, &s);
		if (i % 2)
			assert_int_equal(
			    store_purge(fx->archive, s.id, 1000, "clock", "x"),
			    0);
	}
	assert_int_equal(store__write_begin(fx->archive, &txn), 0);
	assert_int_equal(mdb_drop(txn, fx->archive->tables.tombstones, 1), 0);
	assert_int_equal(mdb_drop(txn, fx->archive->tables.calls, 1), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	store_archive_close(&fx->archive);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_READ,
					    &fixture_config, NULL),
			 0);
	assert_int_equal(tombstones_of(fx, "standard", INT64_MAX), 0);
	assert_int_equal(store_tombstone_classes(fx->archive, class_seen, NULL),
			 0);
	assert_int_equal(findings(fx), 0);
	store_archive_close(&fx->archive);
	fixture_open(fx);
	assert_int_equal(tombstones_of(fx, "standard", INT64_MAX), 20);
	assert_int_equal(tombstones_of(fx, "standard",
				       FIXTURE_START_NS + 60 * 60 * NS_PER_S),
			 20);
	assert_int_equal(tombstones_of(fx, "standard",
				       FIXTURE_START_NS + 20 * 60 * NS_PER_S),
			 10);
	assert_int_equal(findings(fx), 0);
	fixture_segment(&s, 1);
	assert_int_equal(store_forget_one(fx->archive, s.id), 0);
	assert_int_equal(tombstones_of(fx, "standard", INT64_MAX), 19);
}

/* ---- between the steps ------------------------------------------------- */

static struct {
	struct fixture *fx;
	const char *id;
	unsigned looks;
} looking;

/** After the tombstone all is still there, and nobody is given it. */
static void
look(int step)
{
	struct store_archive *archive = looking.fx->archive;
	struct store_reader *reader;
	struct store_sealed_key sealed;
	struct store_segment now;
	char path[512];

	if (step != 1)
		return;
	assert_int_equal(store_segment_get(archive, looking.id, &now), 0);
	assert_int_equal(now.state, STORE_STATE_PURGED);
	fixture_path(looking.fx, &now, path);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(
	    store__keyring_read(archive, now.key_day, now.key_slot, &sealed),
	    0);
	assert_int_equal(
	    store_reader_open(&reader, archive, looking.fx->identity, &now),
	    -ENOENT);
	assert_null(reader);
	looking.looks++;
}

static void
test_refused_while_purging(void **state)
{
	struct fixture *fx = *state;
	struct store_sealed_key sealed;
	struct store_segment s;

	fixture_record(fx, &s, 0, 1200);
	assert_int_equal(
	    store__keyring_read(fx->archive, s.key_day, s.key_slot, &sealed),
	    0);
	looking.fx = fx;
	looking.id = s.id;
	looking.looks = 0;
	fx->archive->fault = look;
	assert_int_equal(
	    store_purge(fx->archive, s.id, 5555, "clock", "90 days"), 0);
	assert_int_equal(looking.looks, 1);
	expect_gone(fx, &s, &sealed);
}

/* ---- a crash between any two steps ------------------------------------- */

static void
purge(struct fixture *fx, void *ctx)
{
	(void)!store_purge(fx->archive, ctx, 5555, "clock", "90 days");
}

static void
test_crash_at_every_step(void **state)
{
	struct fixture *fx = *state;
	struct store_sealed_key sealed;
	struct store_recovery recovery;
	struct store_segment s;

	for (int step = 1; step <= 5; step++) {
		fixture_record(fx, &s, (unsigned)step, 1200);
		assert_int_equal(store__keyring_read(fx->archive, s.key_day,
						     s.key_slot, &sealed),
				 0);
		crash(fx, step, 0, purge, s.id);
		assert_int_equal(store_archive_open(&fx->archive, fx->dir,
						    STORE_WRITE,
						    &fixture_config, &recovery),
				 0);
		/* After the certificate nothing was left to do. */
		assert_int_equal(recovery.purges, step < 5);
		expect_gone(fx, &s, &sealed);
	}
}

/** A purge that an error stopped half-way is gone on with when called again,
 * and when the archive is opened. */
static void
test_again_after_error(void **state)
{
	struct fixture *fx = *state;
	struct store_archive_config later = fixture_config;
	struct store_sealed_key sealed;
	struct store_segment s;
	char path[512], aside[512];

	for (unsigned i = 0; i < 2; i++) {
		fixture_record(fx, &s, i, 1200);
		assert_int_equal(store__keyring_read(fx->archive, s.key_day,
						     s.key_slot, &sealed),
				 0);
		/* Something that cannot be unlinked in the file's place. */
		fixture_path(fx, &s, path);
		snprintf(aside, sizeof(aside), "%s/aside", fx->home);
		assert_int_equal(rename(path, aside), 0);
		assert_int_equal(mkdir(path, 0700), 0);
		assert_int_equal(
		    store_purge(fx->archive, s.id, 5555, "clock", "90 days"),
		    -EISDIR);
		assert_int_equal(store_forget_one(fx->archive, s.id), -EBUSY);
		assert_int_equal(rmdir(path), 0);
		assert_int_equal(rename(aside, path), 0);
		if (i == 0) {
			assert_int_equal(
			    store_purge(fx->archive, s.id, 6666, "other", "x"),
			    0);
		} else {
			later.now_ns = 6666;
			store_archive_close(&fx->archive);
			assert_int_equal(
			    store_archive_open(&fx->archive, fx->dir,
					       STORE_WRITE, &later, NULL),
			    0);
		}
		expect_gone(fx, &s, &sealed);
		assert_int_equal(gone_ns(fx, s.id), 6666);
	}
}

/** One that cannot be finished does not keep the archive shut, nor the others
 * from being finished. */
/** Its people are gone with the first step, and the last is made up for. */
static void
test_discard_after_error(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s, now;
	char path[512], aside[512];

	record_people(fx, &s, 0);
	fixture_path(fx, &s, path);
	snprintf(aside, sizeof(aside), "%s/aside", fx->home);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(discard(fx, &s), -EISDIR);
	expect_stripped(fx, &s);
	assert_int_equal(opted_out(fx, &s), 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rename(aside, path), 0);
	assert_int_equal(discard(fx, &s), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(store_segment_get(fx->archive, s.id, &now), -ENOENT);
	assert_int_equal(ledger_count(fx, s.id), 1);
	assert_int_equal(opted_out(fx, &s), 1);
	assert_int_equal(findings(fx), 0);
}

static void
test_stuck(void **state)
{
	struct fixture *fx = *state;
	struct store_sealed_key sealed[3];
	struct store_recovery found;
	struct store_segment s[3], now;
	char path[512], aside[512];
	char keyring[300], keyring_aside[300];

	snprintf(keyring, sizeof(keyring), "%s/keyring/2019-03-28.keys",
		 fx->dir);
	snprintf(keyring_aside, sizeof(keyring_aside), "%s/keys", fx->home);
	snprintf(aside, sizeof(aside), "%s/aside", fx->home);
	for (unsigned i = 0; i < 3; i++) {
		fixture_record(fx, &s[i], i, 1200);
		assert_int_equal(store__keyring_read(fx->archive, s[i].key_day,
						     s[i].key_slot, &sealed[i]),
				 0);
	}
	/* 0 finds a folder in place of its file, 1 and 2 one for the keys. */
	fixture_path(fx, &s[0], path);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(
	    store_purge(fx->archive, s[0].id, 5555, "clock", "90 days"),
	    -EISDIR);
	store_archive_close(&fx->archive);
	assert_int_equal(rename(keyring, keyring_aside), 0);
	assert_int_equal(mkdir(keyring, 0700), 0);
	fixture_open(fx);
	for (unsigned i = 1; i < 3; i++)
		assert_int_equal(
		    store_purge(fx->archive, s[i].id, 5555, "clock", "90 days"),
		    -EBADMSG);
	store_archive_close(&fx->archive);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_WRITE,
					    &fixture_config, &found),
			 0);
	assert_int_equal(found.purges, 0);
	assert_int_equal(found.failed, 3);
	/* The key goes first: the file is still there. */
	fixture_path(fx, &s[1], aside);
	assert_int_equal(access(aside, F_OK), 0);
	assert_int_equal(rmdir(keyring), 0);
	assert_int_equal(rename(keyring_aside, keyring), 0);
	store_archive_close(&fx->archive);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_WRITE,
					    &fixture_config, &found),
			 0);
	assert_int_equal(found.purges, 2);
	assert_int_equal(found.failed, 1);
	for (unsigned i = 1; i < 3; i++)
		expect_gone(fx, &s[i], &sealed[i]);
	assert_int_equal(rmdir(path), 0);
	store_archive_close(&fx->archive);
	fixture_open(fx);
	assert_int_equal(store_segment_get(fx->archive, s[0].id, &now), 0);
	assert_int_equal(now.state, STORE_STATE_PURGED);
	assert_int_equal(ledger_count(fx, s[0].id), 1);
}

/** A purge that nobody has given is not finished, a broken one is counted. */
static void
test_false_notes(void **state)
{
	struct fixture *fx = *state;
	struct store_recovery found;
	struct store_finding finding;
	struct store__key key;
	struct store_segment s;

	for (unsigned i = 0; i < 2; i++) {
		fixture_record(fx, &s, i, 100);
		key = fixture_key(&s);
		fixture_index_set(fx, fx->archive->tables.purging, &key, "\1",
				  1);
	}
	fixture_index_set(fx, fx->archive->tables.segments, &key, NULL, 0);
	store_archive_close(&fx->archive);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_WRITE,
					    &fixture_config, &found),
			 0);
	assert_int_equal(found.purges, 0);
	assert_int_equal(found.failed, 2);
	fixture_segment(&s, 0);
	assert_int_equal(store_segment_get(fx->archive, s.id, &s), 0);
	assert_int_equal(store_verify(fx->archive, fx->identity, &s, &finding),
			 0);
}

/** No certificate says that a key was overwritten that nobody found. */
static void
test_key_not_there(void **state)
{
	struct fixture *fx = *state;
	struct store_ledger_entry head;
	struct store_segment s[2];
	char keyring[300], aside[300], path[512];

	snprintf(keyring, sizeof(keyring), "%s/keyring/2019-03-28.keys",
		 fx->dir);
	snprintf(aside, sizeof(aside), "%s/keys", fx->home);
	for (unsigned i = 0; i < 2; i++)
		fixture_record(fx, &s[i], i, 1200);
	store_archive_close(&fx->archive);
	fixture_open(fx);
	assert_int_equal(rename(keyring, aside), 0);
	assert_int_equal(
	    store_purge(fx->archive, s[0].id, 5555, "clock", "90 days"), 0);
	assert_int_equal(store_ledger_head(fx->archive, &head), 0);
	assert_string_equal(head.subject, s[0].id);
	assert_string_equal(head.actor, "clock");
	assert_string_equal(head.detail, "its key was not there (20190328/0), "
					 "file removed: 90 days");
	assert_int_equal(access(keyring, F_OK), -1);
	fixture_path(fx, &s[0], path);
	assert_int_equal(access(path, F_OK), -1);
	/* The file is there, the slot is not. */
	assert_int_equal(rename(aside, keyring), 0);
	assert_int_equal(truncate(keyring, STORE__SLOT_BYTES), 0);
	assert_int_equal(
	    store_purge(fx->archive, s[1].id, 5555, "clock", "90 days"), 0);
	assert_int_equal(store_ledger_head(fx->archive, &head), 0);
	assert_string_equal(head.detail, "its key was not there (20190328/1), "
					 "file removed: 90 days");
	assert_int_equal(head.number, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_key_put_back),
		TEST(test_purge),
		TEST(test_what_may_not_go),
		TEST(test_discard),
		TEST(test_discard_after_error),
		TEST(test_sweep),
		TEST(test_forget),
		TEST(test_tombstones),
		TEST(test_tombstones_of_before),
		TEST(test_refused_while_purging),
		TEST(test_crash_at_every_step),
		TEST(test_again_after_error),
		TEST(test_stuck),
		TEST(test_false_notes),
		TEST(test_key_not_there),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
