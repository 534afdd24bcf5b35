/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making and opening archives, the lock, and what a crash leaves. */
#include "cmd/testing/testing.h"
#include "store/fixture_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void
below(const struct fixture *fx, const char *name, char path[512])
{
	snprintf(path, 512, "%s/%s", fx->home, name);
}

/* ---- making and opening ------------------------------------------------ */

static void
test_create(void **state)
{
	struct fixture *fx = *state;
	struct store_public zero = { { 0 } };
	char path[512];

	assert_int_equal(store_archive_create(fx->dir, &fx->pub, 1), -EEXIST);
	below(fx, "new", path);
	assert_int_equal(store_archive_create(path, &fx->pub, 0), -EINVAL);
	assert_int_equal(store_archive_create(path, &fx->pub, 5), -EINVAL);
	assert_int_equal(store_archive_create(path, &zero, 1), -EINVAL);
	assert_int_equal(access(path, F_OK), -1);
	/* An empty folder will do. */
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(store_archive_create(path, &fx->pub, 1), 0);
	assert_int_equal(store_archive_create(path, &fx->pub, 1), -EEXIST);
	below(fx, "none/new", path);
	assert_int_equal(store_archive_create(path, &fx->pub, 1), -ENOENT);
	assert_int_equal(store_archive_create(fx->key_path, &fx->pub, 1),
			 -EEXIST);
}

/** Nothing is half done: what failed can be tried again. */
static void
test_create_fails(void **state)
{
	struct fixture *fx = *state;
	struct store_archive *archive;
	char path[512];
	int status;

	below(fx, "new", path);
	testing_fail_allocation(1);
	assert_int_equal(
	    store_archive_open(&archive, path, STORE_READ, NULL, NULL),
	    -ENOMEM);
	testing_fail_allocation(0);
	signal(SIGXFSZ, SIG_IGN);
	if (fork() == 0) {
		struct rlimit limit = { .rlim_cur = 1000, .rlim_max = 1000 };
		int r;

		setrlimit(RLIMIT_FSIZE, &limit);
		r = store_archive_create(path, &fx->pub, 1);
		_exit(r == 0 ? 1 : access(path, F_OK) == 0 ? 2 : 0);
	}
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	assert_int_equal(store_archive_create(path, &fx->pub, 1), 0);
}

static void
test_open(void **state)
{
	struct fixture *fx = *state;
	struct store_archive *archive;
	char path[512];
	int r;

	below(fx, "none", path);
	assert_int_equal(
	    store_archive_open(&archive, path, STORE_READ, NULL, NULL),
	    -ENOENT);
	assert_null(archive);
	assert_int_equal(
	    store_archive_open(&archive, fx->home, STORE_WRITE, NULL, NULL),
	    -ENOENT);
	assert_int_equal(
	    store_archive_open(&archive, fx->key_path, STORE_READ, NULL, NULL),
	    -ENOENT);
	/* With the default map of 64 GiB, where there is room for it. */
	store_archive_close(&fx->archive);
	r = store_archive_open(&fx->archive, fx->dir, STORE_WRITE, NULL, NULL);
	assert_true(r == 0 || r == -EINVAL || r == -ENOMEM);
	store_archive_close(&fx->archive);
	store_archive_close(&fx->archive);

	below(fx, "archive/recipients", path);
	assert_int_equal(chmod(path, 0600), 0);
	testing_write_file(path, "nobody\n", 7);
	assert_int_equal(
	    store_archive_open(&fx->archive, fx->dir, STORE_READ, NULL, NULL),
	    -EBADMSG);
}

static void
test_damaged_index(void **state)
{
	struct fixture *fx = *state;
	char path[512];
	uint8_t *bytes;
	size_t n;

	store_archive_close(&fx->archive);
	below(fx, "archive/index/data.mdb", path);
	bytes = testing_read_file(path, &n);
	testing_write_file(path,
			   "this is no database, but it is long enough "
			   "to look like a part of one",
			   70);
	assert_true(store_archive_open(&fx->archive, fx->dir, STORE_WRITE,
				       &fixture_config, NULL) < 0);
	assert_null(fx->archive);
	testing_write_file(path, bytes, n);
	fixture_open(fx);
	free(bytes);
}

static void
test_newer_schema(void **state)
{
	struct fixture *fx = *state;
	MDB_val key = { .mv_size = 7, .mv_data = (void *)"schema" };
	MDB_val value = { .mv_size = 8, .mv_data = (void *)"\2\0\0\0\0\0\0" };
	MDB_txn *txn;

	assert_int_equal(store__write_begin(fx->archive, &txn), 0);
	assert_int_equal(
	    mdb_put(txn, fx->archive->tables.meta, &key, &value, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	store_archive_close(&fx->archive);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_READ,
					    &fixture_config, NULL),
			 -EPROTO);
}

static void
test_read_only(void **state)
{
	struct fixture *fx = *state;
	struct store_ledger_entry entry = { .action = "play" };
	struct store_sealed_key sealed = { .count = 1 };
	struct store_segment s;
	uint8_t hash[STORE_HASH_BYTES];
	uint32_t slot;

	fixture_record(fx, &s, 0, 100);
	store_archive_close(&fx->archive);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_READ,
					    &fixture_config, NULL),
			 0);
	assert_int_equal(store_batch_begin(fx->archive), -EROFS);
	assert_int_equal(store_purge(fx->archive, s.id, 1, "me", "x"), -EROFS);
	assert_int_equal(store_ledger_append(fx->archive, &entry), -EROFS);
	assert_int_equal(store_forget_one(fx->archive, s.id), -EROFS);
	assert_int_equal(
	    store_keyring_add(fx->archive, FIXTURE_DAY, &sealed, &slot),
	    -EROFS);
	assert_int_equal(store_archive_keep_policy(fx->archive, "x", 1, hash),
			 -EROFS);
}

/* The store's calls come here: how often was this folder synced? */
static ino_t folder;
static unsigned folder_syncs;

int
fsync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0)
		folder_syncs += st.st_ino == folder;
	return (int)syscall(SYS_fsync, fd);
}

static void
test_keep_policy(void **state)
{
	struct stat st;
	struct fixture *fx = *state;
	uint8_t hash[STORE_HASH_BYTES], want[STORE_HASH_BYTES], *bytes;
	char name[2 * STORE_HASH_BYTES + 1], path[512];
	size_t n;

	below(fx, "archive/policy", path);
	assert_int_equal(stat(path, &st), 0);
	folder = st.st_ino;
	for (int i = 0; i < 2; i++) {
		folder_syncs = 0;
		assert_int_equal(store_archive_keep_policy(
				     fx->archive, "version: 1\n", 11, hash),
				 0);
		/* When it was made, and behind the rename. */
		assert_int_equal(folder_syncs, i == 0 ? 2 : 1);
	}
	store_hash(want, "version: 1\n", 11);
	assert_memory_equal(hash, want, sizeof(hash));
	store_hex(name, hash, sizeof(hash));
	snprintf(path, sizeof(path), "%s/policy/%s.yaml", fx->dir, name);
	bytes = testing_read_file(path, &n);
	assert_int_equal(n, 11);
	assert_memory_equal(bytes, "version: 1\n", 11);
	free(bytes);
}

static int
take_hash(void *ctx, const uint8_t hash[STORE_HASH_BYTES])
{
	memcpy(ctx, hash, STORE_HASH_BYTES);
	return -ECANCELED;
}

static int
count_hash(void *ctx, const uint8_t hash[STORE_HASH_BYTES])
{
	(void)hash;
	++*(unsigned *)ctx;
	return 0;
}

static void
test_read_policy(void **state)
{
	static const char *const strangers[] = {
		"x.yaml",
		"README",
		"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
		".yaml",
		"0000000000000000000000000000000000000000000000000000000000000000"
		".part",
	};
	struct fixture *fx = *state;
	uint8_t hash[STORE_HASH_BYTES], found[STORE_HASH_BYTES];
	char name[2 * STORE_HASH_BYTES + 1], path[512], *text;
	unsigned count = 0;
	size_t n;

	assert_int_equal(
	    store_archive_policies(fx->archive, count_hash, &count), 0);
	assert_int_equal(count, 0);
	store_hash(hash, "version: 1\n", 11);
	assert_int_equal(store_archive_policy(fx->archive, hash, &text, &n),
			 -ENOENT);
	assert_null(text);
	assert_int_equal(
	    store_archive_keep_policy(fx->archive, "version: 1\n", 11, hash),
	    0);
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/policy/%s", fx->dir,
			 strangers[i]);
		testing_write_file(path, "?", 1);
	}
	assert_int_equal(store_archive_policy(fx->archive, hash, &text, &n), 0);
	assert_int_equal(n, 11);
	assert_memory_equal(text, "version: 1\n", 11);
	free(text);
	assert_int_equal(
	    store_archive_policies(fx->archive, count_hash, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(store_archive_policies(fx->archive, take_hash, found),
			 -ECANCELED);
	assert_memory_equal(found, hash, sizeof(hash));

	testing_fail_allocation(1);
	assert_int_equal(store_archive_policy(fx->archive, hash, &text, &n),
			 -ENOMEM);
	testing_fail_allocation(0);
	/* Not what it was: other, shorter, none, no file, far too long. */
	store_hex(name, hash, sizeof(hash));
	snprintf(path, sizeof(path), "%s/policy/%s.yaml", fx->dir, name);
	assert_int_equal(chmod(path, 0600), 0);
	testing_write_file(path, "version: 2\n", 11);
	assert_int_equal(store_archive_policy(fx->archive, hash, &text, &n),
			 -EBADMSG);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(store_archive_policy(fx->archive, hash, &text, &n),
			 -EBADMSG);
	assert_int_equal(truncate(path, STORE_POLICY_BYTES_MAX + 1), 0);
	assert_int_equal(store_archive_policy(fx->archive, hash, &text, &n),
			 -EBADMSG);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(store_archive_policy(fx->archive, hash, &text, &n),
			 -EBADMSG);
	assert_null(text);
	snprintf(path, sizeof(path), "%s/policy", fx->dir);
	testing_folder_remove(strdup(path));
	assert_int_equal(
	    store_archive_policies(fx->archive, count_hash, &count), -ENOENT);
}

/* ---- the lock ---------------------------------------------------------- */

static void
test_lock(void **state)
{
	struct fixture *fx = *state;
	struct store_archive *archive;
	struct stat before, after;
	char path[300];
	int status;

	assert_int_equal(store_archive_writer(fx->dir), getpid());
	assert_int_equal(store_archive_writer("/nowhere"), 0);
	if (fork() == 0) {
		int r = store_archive_open(&archive, fx->dir, STORE_WRITE,
					   &fixture_config, NULL);

		if (r != -EBUSY || archive)
			_exit(1);
		r = store_archive_open(&archive, fx->dir, STORE_READ,
				       &fixture_config, NULL);
		_exit(r ? 2 : 0);
	}
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	/* Nor does somebody who may not delete take the room that is set aside
	 * for it. */
	snprintf(path, sizeof(path), "%s/reserve", fx->dir);
	assert_int_equal(stat(path, &before), 0);
	if (fork() == 0)
		_exit(store_archive_open(&archive, fx->dir, STORE_PURGE,
					 &fixture_config, NULL) != -EBUSY);
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	assert_int_equal(stat(path, &after), 0);
	assert_true(before.st_size > 0);
	assert_true(before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
		    before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
	/* Being refused has not changed whose it is. */
	assert_int_equal(store_archive_writer(fx->dir), getpid());
	store_archive_close(&fx->archive);
	fixture_open(fx);
}

/* ---- crashes ----------------------------------------------------------- */

static unsigned
frames_of(struct fixture *fx, const struct store_segment *s)
{
	struct store_reader *reader;
	struct store_item item;
	unsigned frames = 0;
	int r;

	assert_int_equal(
	    store_reader_open(&reader, fx->archive, fx->identity, s), 0);
	while ((r = store_reader_next(reader, &item)) > 0)
		frames += item.type == STORE_ITEM_FRAME;
	assert_int_equal(r, 0);
	store_reader_close(&reader);
	return frames;
}

static void
expect_sound(struct fixture *fx, const struct store_segment *s)
{
	struct store_finding finding;

	assert_int_equal(store_verify(fx->archive, fx->identity, s, &finding),
			 0);
	assert_int_equal(store_verify(fx->archive, NULL, s, &finding), 0);
}

/** Files cut at any length, as if the machine had stopped there. */
static void
test_recover_any_length(void **state)
{
	struct fixture *fx = *state;
	const size_t chunk =
	    STORE__HEAD_BYTES + 168 + 100 * 180 + STORE__TAG_BYTES;
	struct store_recovery found;
	struct store_segment s, now;
	struct store_recording *rec;
	struct stat st;
	char path[512];

	for (size_t cut = 0; cut <= 72 + 2 * chunk + 50;
	     cut += cut < 140 || cut > 72 + 2 * chunk - 20 ? 10 : 4001) {
		fixture_segment(&s, (unsigned)cut);
		rec = fixture_begin(fx, &s);
		assert_int_equal(fixture_speak(rec, &s, 0, 3100), 0);
		store_recording_free(&rec, false);
		store_archive_close(&fx->archive);
		fixture_path(fx, &s, path);
		assert_int_equal(truncate(path, (off_t)cut), 0);
		assert_int_equal(store_archive_open(&fx->archive, fx->dir,
						    STORE_WRITE,
						    &fixture_config, &found),
				 0);
		assert_int_equal(found.interrupted, 1);
		assert_int_equal(store_segment_get(fx->archive, s.id, &now), 0);
		assert_int_equal(now.state, STORE_STATE_INTERRUPTED);
		assert_int_equal(now.chunks, cut < 72 ? 0 : (cut - 72) / chunk);
		assert_int_equal(found.empty, now.chunks == 0);
		assert_int_equal(now.end_ns,
				 now.chunks ? s.start_ns + now.chunks * NS_PER_S
					    : s.end_ns);
		if (cut < 72) {
			assert_int_equal(access(path, F_OK), -1);
			expect_sound(fx, &now);
			continue;
		}
		assert_int_equal(found.cut_bytes,
				 cut - 72 - now.chunks * chunk);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, 72 + now.chunks * chunk);
		assert_int_equal(st.st_mode & 07777, 0440);
		assert_int_equal(frames_of(fx, &now), now.chunks * 100);
		expect_sound(fx, &now);
	}
}

/** A power cut may leave pages that were never written. */
static void
test_recover_zero_pages(void **state)
{
	struct fixture *fx = *state;
	struct store_recovery found;
	struct store_recording *rec;
	struct store_segment s;
	struct stat st;
	char path[512];

	fixture_segment(&s, 0);
	rec = fixture_begin(fx, &s);
	assert_int_equal(fixture_speak(rec, &s, 0, 3100), 0);
	store_recording_free(&rec, false);
	store_archive_close(&fx->archive);
	fixture_path(fx, &s, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 5000), 0);
	assert_int_equal(truncate(path, st.st_size), 0);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_WRITE,
					    &fixture_config, &found),
			 0);
	assert_int_equal(store_segment_get(fx->archive, s.id, &s), 0);
	assert_int_equal(s.chunks, 2);
	assert_int_equal(frames_of(fx, &s), 200);
	expect_sound(fx, &s);
}

/** The row of what a crash left, after recovery. */
static void
recovered(struct fixture *fx, struct store_segment *s)
{
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_WRITE,
					    &fixture_config, NULL),
			 0);
	assert_int_equal(store_segment_get(fx->archive, s->id, s), 0);
	assert_int_equal(s->state, STORE_STATE_INTERRUPTED);
}

static uint64_t
longest(struct fixture *fx)
{
	uint64_t longest_ns;
	MDB_txn *txn;

	assert_int_equal(store__read_begin(fx->archive, &txn), 0);
	assert_int_equal(store__index_longest(fx->archive, txn, &longest_ns),
			 0);
	store__read_end(fx->archive, txn);
	return longest_ns;
}

/** Heads are in the clear: one that tells of the next century is no head. */
static void
test_recover_wild_second(void **state)
{
	static const uint32_t seconds[] = { 4000000000, STORE__SECOND_MAX + 1,
					    0 };
	const off_t third =
	    STORE__HEADER_BYTES +
	    2 * (STORE__HEAD_BYTES + 168 + 100 * 180 + STORE__TAG_BYTES);
	struct fixture *fx = *state;
	struct store_recording *rec;
	struct store_segment s;
	uint8_t second[4];
	char path[512];
	int fd;

	for (unsigned i = 0; i < 3; i++) {
		fixture_segment(&s, i);
		s.end_ns = s.start_ns;
		rec = fixture_begin(fx, &s);
		assert_int_equal(fixture_speak(rec, &s, 0, 3100), 0);
		store_recording_free(&rec, false);
		store_archive_close(&fx->archive);
		fixture_path(fx, &s, path);
		assert_int_equal(chmod(path, 0640), 0);
		fd = open(path, O_WRONLY);
		store__le_put(second, seconds[i], 4);
		assert_int_equal(store__pwrite(fd, second, sizeof(second),
					       (uint64_t)third + 12),
				 0);
		close(fd);
		recovered(fx, &s);
		assert_int_equal(s.chunks, 2);
		assert_int_equal(s.end_ns, s.start_ns + 2 * NS_PER_S);
		assert_int_equal(frames_of(fx, &s), 200);
		assert_int_equal(longest(fx), 3600 * NS_PER_S);
		expect_sound(fx, &s);
	}
}

/** Finished, but the index never heard of it. */
static void
test_recover_finished(void **state)
{
	struct fixture *fx = *state;
	struct store_recording_result result;
	struct store_recording *rec;
	struct store_recovery found;
	struct store_segment s;

	fixture_segment(&s, 0);
	rec = fixture_begin(fx, &s);
	assert_int_equal(fixture_speak(rec, &s, 0, 3100), 0);
	fixture_totals(&s, 3100);
	assert_int_equal(store_recording_finish(rec, &s, &result), 0);
	store_recording_free(&rec, false);
	store_archive_close(&fx->archive);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_WRITE,
					    &fixture_config, &found),
			 0);
	assert_int_equal(found.interrupted, 1);
	assert_int_equal(found.cut_bytes, 0);
	assert_int_equal(store_segment_get(fx->archive, s.id, &s), 0);
	assert_int_equal(s.state, STORE_STATE_INTERRUPTED);
	assert_int_equal(s.chunks, result.chunks);
	assert_memory_equal(s.file_hash, result.file_hash, STORE_HASH_BYTES);
	assert_int_equal(frames_of(fx, &s), 310);
	expect_sound(fx, &s);
}

/** A row without a file, and a file that is another recording's. */
static void
test_recover_odd_files(void **state)
{
	struct fixture *fx = *state;
	struct store_segment a, b, now;
	struct store_recording *rec;
	struct store_recovery found;
	char a_path[512], b_path[512];
	uint8_t *bytes;
	size_t n;

	fixture_segment(&a, 0);
	rec = fixture_begin(fx, &a);
	store_recording_free(&rec, true);
	fixture_segment(&b, 1);
	rec = fixture_begin(fx, &b);
	assert_int_equal(fixture_speak(rec, &b, 0, 3100), 0);
	store_recording_free(&rec, false);
	store_archive_close(&fx->archive);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_WRITE,
					    &fixture_config, &found),
			 0);
	assert_int_equal(found.interrupted, 2);
	assert_int_equal(found.empty, 1);
	assert_int_equal(store_segment_get(fx->archive, a.id, &now), 0);
	assert_int_equal(now.state, STORE_STATE_INTERRUPTED);
	assert_int_equal(now.chunks, 0);
	expect_sound(fx, &now);

	fixture_put(fx, &a); /* in state recording again */
	fixture_path(fx, &a, a_path);
	fixture_path(fx, &b, b_path);
	bytes = testing_read_file(b_path, &n);
	testing_write_file(a_path, bytes, n);
	store_archive_close(&fx->archive);
	fixture_open(fx);
	assert_int_equal(store_segment_get(fx->archive, a.id, &now), 0);
	assert_int_equal(now.state, STORE_STATE_DAMAGED);
	/* Nothing is found a second time. */
	store_archive_close(&fx->archive);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_WRITE,
					    &fixture_config, &found),
			 0);
	assert_int_equal(found.interrupted, 0);
	free(bytes);
}

/** Keys that a crash left without a row; and an index that is older than the
 * recordings: it is told once, and all stays as it is. */
static void
test_recover_keys(void **state)
{
	struct fixture *fx = *state;
	struct store_sealed_key sealed = { .count = 1 };
	struct store_recovery found;
	struct store_segment known, unknown;
	char path[512], index[512];
	uint8_t *bytes;
	uint32_t slot;
	size_t n;

	fixture_record(fx, &known, 0, 1000);
	assert_int_equal(
	    store_keyring_add(fx->archive, FIXTURE_DAY, &sealed, &slot), 0);
	assert_int_equal(
	    store_keyring_add(fx->archive, FIXTURE_DAY, &sealed, &slot), 0);
	assert_int_equal(store_keyring_sync(fx->archive), 0);
	store_archive_close(&fx->archive);
	snprintf(index, sizeof(index), "%s/index/data.mdb", fx->dir);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(store_archive_open(&fx->archive, fx->dir,
						    STORE_WRITE,
						    &fixture_config, &found),
				 0);
		assert_int_equal(found.keys, again ? 0 : 2);
		assert_int_equal(found.unknown, 0);
		store_archive_close(&fx->archive);
	}
	bytes = testing_read_file(index, &n);
	fixture_open(fx);
	fixture_record(fx, &unknown, 1, 1000);
	assert_int_equal(unknown.key_slot, slot + 1);
	store_archive_close(&fx->archive);
	testing_write_file(index, bytes, n);
	free(bytes);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(store_archive_open(&fx->archive, fx->dir,
						    STORE_WRITE,
						    &fixture_config, &found),
				 0);
		assert_int_equal(found.keys, again ? 0 : 1);
		assert_int_equal(found.unknown, again ? 0 : 1);
		if (!again)
			store_archive_close(&fx->archive);
	}
	fixture_path(fx, &unknown, path);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(store__keyring_read(fx->archive, FIXTURE_DAY,
					     unknown.key_slot, &sealed),
			 0);
	expect_sound(fx, &known);
}

/** What is in the place of a live recording may be anything, and its row too:
 * the others are recovered, and the archive opens. */
static void
test_recover_no_files(void **state)
{
	struct fixture *fx = *state;
	struct store_finding finding;
	struct store_segment s, now;
	struct store_recording *rec;
	struct store_recovery found;
	struct store__key key;
	char path[512];

	for (unsigned i = 0; i < 5; i++) {
		fixture_segment(&s, i);
		rec = fixture_begin(fx, &s);
		assert_int_equal(fixture_speak(rec, &s, 0, 1100), 0);
		store_recording_free(&rec, i < 3);
		fixture_path(fx, &s, path);
		if (i < 3)
			assert_int_equal(i == 0   ? symlink("/dev/zero", path)
					 : i == 1 ? mkfifo(path, 0600)
						  : mkdir(path, 0700),
					 0);
	}
	key = fixture_key(&s);
	fixture_index_set(fx, fx->archive->tables.segments, &key, "\1", 1);
	store_archive_close(&fx->archive);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_WRITE,
					    &fixture_config, &found),
			 0);
	assert_int_equal(found.interrupted, 1);
	assert_int_equal(found.failed, 4);
	for (unsigned i = 0; i < 4; i++) {
		fixture_segment(&s, i);
		assert_int_equal(store_segment_get(fx->archive, s.id, &now), 0);
		assert_int_equal(now.state, i < 3 ? STORE_STATE_DAMAGED
						  : STORE_STATE_INTERRUPTED);
		assert_int_equal(
		    store_verify(fx->archive, fx->identity, &now, &finding),
		    i < 3);
		if (i == 3)
			continue;
		assert_int_equal(finding.type, STORE_FINDING_DAMAGED);
		assert_non_null(strstr(finding.detail, ".rec is no file"));
	}
	/* Only the row that cannot be read is left. */
	store_archive_close(&fx->archive);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_WRITE,
					    &fixture_config, &found),
			 0);
	assert_int_equal(found.interrupted, 0);
	assert_int_equal(found.failed, 1);
}

/** A FIFO in the place of a file makes nobody wait. */
static void
test_fifos(void **state)
{
	static const char *const names[] = { "archive/lock",
					     "archive/recipients" };
	struct fixture *fx = *state;
	char path[512], aside[512];

	store_archive_close(&fx->archive);
	below(fx, "aside", aside);
	for (int i = 0; i < 2; i++) {
		below(fx, names[i], path);
		assert_int_equal(rename(path, aside), 0);
		assert_int_equal(mkfifo(path, 0600), 0);
		if (i == 0)
			assert_int_equal(store_archive_writer(fx->dir), 0);
		assert_int_equal(store_archive_open(&fx->archive, fx->dir,
						    STORE_WRITE,
						    &fixture_config, NULL),
				 -EBADMSG);
		assert_int_equal(rename(aside, path), 0);
	}
	fixture_open(fx);
}

/** Child: records for ever, says after each second that it did. */
static void
writer_process(struct fixture *fx, struct store_segment *s, int say)
{
	struct store_recording *rec;

	if (store_archive_open(&fx->archive, fx->dir, STORE_WRITE,
			       &fixture_config, NULL))
		_exit(1);
	rec = fixture_begin(fx, s);
	for (unsigned second = 0; second < 3600; second++) {
		if (fixture_speak(rec, s, second * 1000, (second + 1) * 1000) ||
		    store_recording_flush(rec, s->start_ns +
						   (second + 1) * NS_PER_S) ||
		    write(say, &second, sizeof(second)) != sizeof(second))
			_exit(2);
	}
	_exit(0);
}

/** kill -9 in the middle of a recording: what it said is there. */
static void
test_kill(void **state)
{
	struct fixture *fx = *state;
	struct store_recovery found;
	struct store_segment s;
	unsigned second = 0;
	int say[2], status;
	pid_t child;

	for (unsigned round = 0; round < 10; round++) {
		store_archive_close(&fx->archive);
		fixture_segment(&s, round);
		s.state = STORE_STATE_RECORDING;
		s.key_day = FIXTURE_DAY;
		s.key_slot = round;
		assert_int_equal(pipe(say), 0);
		child = fork();
		if (child == 0)
			writer_process(fx, &s, say[1]);
		close(say[1]);
		do
			assert_int_equal(read(say[0], &second, sizeof(second)),
					 sizeof(second));
		while (second < round * 3);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		while (read(say[0], &second, sizeof(second)) > 0)
			;
		close(say[0]);
		assert_int_equal(store_archive_open(&fx->archive, fx->dir,
						    STORE_WRITE,
						    &fixture_config, &found),
				 0);
		assert_int_equal(found.interrupted, 1);
		assert_int_equal(store_segment_get(fx->archive, s.id, &s), 0);
		assert_int_equal(s.state, STORE_STATE_INTERRUPTED);
		/* Each second it told of, and at most one it did not. */
		assert_in_range(s.chunks, second + 1, second + 2);
		assert_int_equal(frames_of(fx, &s), s.chunks * 100);
		expect_sound(fx, &s);
	}
}

/** A disk that is really full. */
static void
test_full_disk(void **state)
{
	struct fixture *fx = *state;
	struct store_recording_result result;
	struct store_archive *archive;
	struct store_recording *rec;
	struct fixture small = *fx;
	struct store_segment s, first;
	char path[512];
	unsigned nth = 1;
	int r = 0;

	below(fx, "small", path);
	assert_int_equal(mkdir(path, 0755), 0);
	if (mount("tmpfs", path, "tmpfs", 0, "size=1m")) {
		print_message("skipped: no right to mount a small tmpfs\n");
		skip();
	}
	snprintf(small.dir, sizeof(small.dir), "%s/small/archive", fx->home);
	assert_int_equal(store_archive_create(small.dir, &fx->pub, 1), 0);
	assert_int_equal(store_archive_open(&archive, small.dir, STORE_WRITE,
					    &fixture_config, NULL),
			 0);
	small.archive = archive;
	/* From now on it lives by what is open in it, and ends with that. */
	assert_int_equal(umount2(path, MNT_DETACH), 0);
	fixture_record(&small, &first, 0, 1100);
	fixture_segment(&s, nth);
	rec = fixture_begin(&small, &s);
	for (unsigned ms = 0; r == 0; ms += 1000)
		r = fixture_speak(rec, &s, ms, ms + 1000);
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(store_recording_finish(rec, &s, &result), -ENOSPC);
	store_recording_free(&rec, false);
	assert_in_range(result.chunks, 10, 60);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(result.frames[i], result.chunks * 50);
	s.state = STORE_STATE_INTERRUPTED;
	s.chunks = result.chunks;
	memcpy(s.file_hash, result.file_hash, sizeof(s.file_hash));
	assert_int_equal(frames_of(&small, &s), s.chunks * 100);
	/* The index cannot grow now; what is stored is not harmed. */
	expect_sound(&small, &first);
	expect_sound(&small, &s);
	store_archive_close(&small.archive);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_create),
		TEST(test_create_fails),
		TEST(test_open),
		TEST(test_damaged_index),
		TEST(test_newer_schema),
		TEST(test_read_only),
		TEST(test_keep_policy),
		TEST(test_read_policy),
		TEST(test_lock),
		TEST(test_recover_any_length),
		TEST(test_recover_zero_pages),
		TEST(test_recover_wild_second),
		TEST(test_recover_finished),
		TEST(test_recover_odd_files),
		TEST(test_recover_keys),
		TEST(test_recover_no_files),
		TEST(test_fifos),
		TEST(test_kill),
		TEST(test_full_disk),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
