/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purging many at once: what is wrong with one does not keep the others, a
 * crash with some of them done, a full index, and that nothing of what had to
 * go is left in any file. */
#include "cmd/testing/testing.h"
#include "store/purge_fixture_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define MANY 4

/** Its file key, and that key as the keyring had it. */
struct known {
	struct store_segment segment;
	struct store_sealed_key sealed;
	uint8_t key[STORE_FILE_KEY_BYTES];
};

static void
record(struct fixture *fx, struct known *known, unsigned nth)
{
	struct store_segment *s = &known->segment;

	fixture_record(fx, s, nth, 1200);
	file_key(fx, s, &known->sealed, known->key);
}

/** Two days of recordings, in no order: @param known [MANY] */
static void
record_many(struct fixture *fx, struct known *known, struct store_purge *many,
	    unsigned from)
{
	const unsigned minutes[MANY] = { 601, 2, 600, 1 };

	for (unsigned i = 0; i < MANY; i++) {
		record(fx, &known[i], from + minutes[i]);
		memset(&many[i], 0, sizeof(many[i]));
		memcpy(many[i].id, known[i].segment.id, sizeof(many[i].id));
	}
	assert_int_not_equal(known[0].segment.key_day,
			     known[1].segment.key_day);
}

static int
purge(struct fixture *fx, struct store_purge *many, size_t count)
{
	return store_purge_many(fx->archive, many, count, 5555, "clock",
				"90 days");
}

/* ---- what is left in files --------------------------------------------- */

/** The sealed key is in the keyring alone, neither the key nor sound in any
 * file, before the purge as after. */
static void
expect_files(const struct fixture *fx, const struct known *known,
	     unsigned sealed)
{
	assert_int_equal(
	    files_with(fx, known->sealed.sealed[0], STORE_SEALED_KEY_BYTES),
	    sealed);
	/* Nor a part of it. */
	assert_int_equal(files_with(fx, known->sealed.sealed[0] + 32, 32),
			 sealed);
	assert_int_equal(files_with(fx, known->key, 16), 0);
	assert_int_equal(files_with(fx, known->key + 16, 16), 0);
	assert_int_equal(files_with(fx, "PLAINTEXT", 9), 0);
}

/* ---- the ledger of it -------------------------------------------------- */

struct counting {
	const char *subject;
	unsigned count;
};

static int
count_one(void *ctx, const struct store_ledger_entry *entry)
{
	struct counting *counting = ctx;

	if (strcmp(entry->subject, counting->subject) != 0 ||
	    strcmp(entry->action, "purge") != 0)
		return 0;
	assert_string_equal(entry->actor, "clock");
	assert_int_equal(entry->time_ns, 5555);
	assert_non_null(strstr(entry->detail, "90 days"));
	counting->count++;
	return 0;
}

static unsigned
certificates(struct fixture *fx, const char *subject)
{
	struct counting counting = { .subject = subject };

	assert_int_equal(store_ledger_walk(fx->archive, count_one, &counting),
			 0);
	return counting.count;
}

static int
count_finding(void *ctx, const struct store_finding *finding)
{
	++*(unsigned *)ctx;
	print_message("%s: %s\n", finding->id, finding->detail);
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

static void
expect_gone(struct fixture *fx, const struct known *known)
{
	const struct store_segment *s = &known->segment;
	struct store_sealed_key got;
	struct store_segment now;
	char path[512];

	assert_int_equal(store_segment_get(fx->archive, s->id, &now), 0);
	assert_int_equal(now.state, STORE_STATE_PURGED);
	assert_int_equal(now.purged_ns, 5555);
	assert_int_equal(
	    store__keyring_read(fx->archive, s->key_day, s->key_slot, &got),
	    -ENOKEY);
	fixture_path(fx, s, path);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(certificates(fx, s->id), 1);
	expect_files(fx, known, 0);
}

static void
expect_there(struct fixture *fx, const struct known *known)
{
	struct store_finding finding;
	struct store_segment now;

	assert_int_equal(
	    store_segment_get(fx->archive, known->segment.id, &now), 0);
	assert_int_not_equal(now.state, STORE_STATE_PURGED);
	assert_int_equal(
	    store_verify(fx->archive, fx->identity, &now, &finding), 0);
	assert_int_equal(certificates(fx, now.id), 0);
	expect_files(fx, known, 1);
}

/* ---- each has its result ----------------------------------------------- */

static void
id_set(struct store_purge *one, const char *id)
{
	*one = (struct store_purge){ .result = 77 };
	assert_true(strlen(id) < sizeof(one->id));
	memcpy(one->id, id, strlen(id));
}

static void
test_results(void **state)
{
	struct fixture *fx = *state;
	struct known known[MANY], held, stays;
	struct store_purge many[MANY + 7];
	struct store_segment bare, live, gone;
	struct store_recording *rec;

	record_many(fx, known, many, 0);
	record(fx, &held, 10);
	fixture_hold(fx, held.segment.id);
	record(fx, &stays, 11);
	fixture_segment(&bare, 12);
	fixture_put(fx, &bare);
	fixture_segment(&gone, 13);
	fixture_put(fx, &gone);
	assert_int_equal(
	    store_purge(fx->archive, gone.id, 5555, "clock", "90 days"), 0);
	fixture_segment(&live, 14);
	rec = fixture_begin(fx, &live);
	id_set(&many[MANY], held.segment.id);
	id_set(&many[MANY + 1], bare.id);
	id_set(&many[MANY + 2], gone.id);
	id_set(&many[MANY + 3], live.id);
	id_set(&many[MANY + 4], "20190328T141503Z-aaaaaaaa-1");
	id_set(&many[MANY + 5], "no id");
	/* twice */
	id_set(&many[MANY + 6], known[2].segment.id);
	assert_int_equal(purge(fx, many, MANY + 7), 0);
	for (unsigned i = 0; i < MANY; i++) {
		if (i != 2)
			assert_int_equal(many[i].result, 0);
		assert_true(many[i].key_found);
		assert_int_equal(many[i].bytes, known[i].segment.bytes);
		assert_int_equal(many[i].chunks, known[i].segment.chunks);
		expect_gone(fx, &known[i]);
	}
	assert_int_equal(many[MANY].result, -EPERM);
	assert_int_equal(many[MANY + 1].result, 0);
	assert_int_equal(many[MANY + 1].chunks, 0);
	assert_int_equal(many[MANY + 2].result, -EALREADY);
	assert_int_equal(many[MANY + 3].result, -EBUSY);
	assert_int_equal(many[MANY + 4].result, -ENOENT);
	assert_int_equal(many[MANY + 5].result, -ENOENT);
	assert_int_equal(many[2].result + many[MANY + 6].result, -EALREADY);
	assert_int_equal(certificates(fx, bare.id), 1);
	assert_int_equal(certificates(fx, gone.id), 1);
	expect_there(fx, &held);
	expect_there(fx, &stays);
	fixture_finish(fx, &live, rec, 0);
	assert_int_equal(findings(fx), 0);
	assert_int_equal(purge(fx, many, 0), 0);
}

/** One whose file cannot be removed, one whose keyring cannot be read. */
static void
test_obstinate(void **state)
{
	struct fixture *fx = *state;
	char path[512], aside[512], keyring[300], keyring_aside[300];
	char other[512];
	struct store_purge many[MANY];
	struct store_recovery found;
	struct known known[MANY];

	record_many(fx, known, many, 0);
	snprintf(aside, sizeof(aside), "%s/aside", fx->home);
	snprintf(keyring, sizeof(keyring), "%s/keyring/2019-03-29.keys",
		 fx->dir);
	snprintf(keyring_aside, sizeof(keyring_aside), "%s/keys", fx->home);
	fixture_path(fx, &known[1].segment, path);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	store_archive_close(&fx->archive);
	assert_int_equal(rename(keyring, keyring_aside), 0);
	assert_int_equal(mkdir(keyring, 0700), 0);
	fixture_open(fx);
	assert_int_equal(purge(fx, many, MANY), 0);
	assert_int_equal(many[0].result, -EBADMSG);
	assert_int_equal(many[1].result, -EISDIR);
	assert_int_equal(many[2].result, -EBADMSG);
	assert_int_equal(many[3].result, 0);
	expect_gone(fx, &known[3]);
	/* The key goes first. */
	fixture_path(fx, &known[0].segment, other);
	assert_int_equal(access(other, F_OK), 0);
	/* Tombstones all the same; the rest is made up for. */
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(certificates(fx, known[i].segment.id), 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rename(aside, path), 0);
	assert_int_equal(purge(fx, &many[1], 1), 0);
	assert_int_equal(many[1].result, 0);
	expect_gone(fx, &known[1]);
	assert_int_equal(rmdir(keyring), 0);
	assert_int_equal(rename(keyring_aside, keyring), 0);
	store_archive_close(&fx->archive);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_WRITE,
					    &fixture_config, &found),
			 0);
	assert_int_equal(found.purges, 2);
	assert_int_equal(found.failed, 0);
	for (unsigned i = 0; i < MANY; i++)
		expect_gone(fx, &known[i]);
	assert_int_equal(findings(fx), 0);
}

/** The last of three slots is cut off: no key is made up in its place. */
static void
test_key_not_there(void **state)
{
	struct fixture *fx = *state;
	struct store_ledger_entry head;
	struct store_purge many[3];
	struct known known[3];
	char keyring[300];
	struct stat st;

	for (unsigned i = 0; i < 3; i++) {
		record(fx, &known[i], i);
		id_set(&many[i], known[i].segment.id);
	}
	snprintf(keyring, sizeof(keyring), "%s/keyring/2019-03-28.keys",
		 fx->dir);
	assert_int_equal(truncate(keyring, 2 * STORE__SLOT_BYTES), 0);
	assert_int_equal(purge(fx, many, 3), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(many[i].result, 0);
		assert_int_equal(many[i].key_found, i < 2);
		expect_gone(fx, &known[i]);
	}
	assert_int_equal(store_ledger_head(fx->archive, &head), 0);
	assert_string_equal(head.subject, known[2].segment.id);
	assert_string_equal(head.detail, "its key was not there (20190328/2), "
					 "file removed: 90 days");
	assert_int_equal(stat(keyring, &st), 0);
	assert_int_equal(st.st_size, 2 * STORE__SLOT_BYTES);
}

/* ---- a crash with some of them done ------------------------------------ */

static void
purge_again(struct fixture *fx, void *ctx)
{
	struct store_purge many[MANY];

	memcpy(many, ctx, sizeof(many));
	(void)!purge(fx, many, MANY);
}

static void
test_crash_at_every_step(void **state)
{
	/* The steps that are taken for each are 2, 3 and 4. */
	static const int times[] = { 0, 1, MANY, MANY, MANY, 1 };
	struct fixture *fx = *state;
	struct store_purge many[MANY];
	struct store_recovery found;
	struct known known[MANY];
	unsigned from = 0;

	for (int step = 1; step <= 5; step++)
		for (int after = 0; after < times[step]; after++) {
			record_many(fx, known, many, from);
			from += 3;
			crash(fx, step, after, purge_again, many);
			assert_int_equal(store_archive_open(
					     &fx->archive, fx->dir, STORE_WRITE,
					     &fixture_config, &found),
					 0);
			/* After the certificates nothing was left to do. */
			assert_int_equal(found.purges, step < 5 ? MANY : 0);
			assert_int_equal(found.failed, 0);
			for (unsigned i = 0; i < MANY; i++)
				expect_gone(fx, &known[i]);
		}
	assert_int_equal(findings(fx), 0);
}

/* ---- an index without room --------------------------------------------- */

static const struct store_archive_config tiny = { .map_bytes = 512 << 10 };
/* Not for all at once, but for one after the other. */
static const struct store_archive_config less_tiny = { .map_bytes = 552 << 10 };

/** Rows until there is no room for one more. @return so many */
static unsigned
fill(struct fixture *fx)
{
	struct store_segment s;
	unsigned n = 0;
	int r = 0;

	while (r == 0) {
		fixture_segment(&s, n);
		assert_int_equal(store_batch_begin(fx->archive), 0);
		r = store_segment_put(fx->archive, &s);
		if (r == 0)
			r = store_batch_commit(fx->archive);
		else
			store_batch_abort(fx->archive);
		n += r == 0;
	}
	assert_int_equal(r, -ENOSPC);
	return n;
}

/** Where there is no room for so many at once they go in smaller lots. */
static void
test_no_room(void **state)
{
	struct store_purge many[STORE_PURGE_MANY];
	struct fixture *fx = *state;
	struct store_segment s;

	store_archive_close(&fx->archive);
	assert_int_equal(
	    store_archive_open(&fx->archive, fx->dir, STORE_WRITE, &tiny, NULL),
	    0);
	assert_true(fill(fx) > STORE_PURGE_MANY);
	store_archive_close(&fx->archive);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_WRITE,
					    &less_tiny, NULL),
			 0);
	for (unsigned i = 0; i < STORE_PURGE_MANY; i++) {
		fixture_segment(&s, i);
		id_set(&many[i], s.id);
	}
	assert_int_equal(purge(fx, many, STORE_PURGE_MANY), 0);
	for (unsigned i = 0; i < STORE_PURGE_MANY; i++) {
		assert_int_equal(many[i].result, 0);
		assert_int_equal(certificates(fx, many[i].id), 1);
	}
	assert_int_equal(findings(fx), 0);
}

/* ---- tombstones -------------------------------------------------------- */

static void
test_forget_many(void **state)
{
	struct fixture *fx = *state;
	struct store_purge many[5];
	struct store_segment s, now;

	for (unsigned i = 0; i < 5; i++) {
		fixture_segment(&s, i);
		if (i != 3)
			fixture_put(fx, &s);
		id_set(&many[i], s.id);
	}
	assert_int_equal(purge(fx, many, 2), 0);
	assert_int_equal(store_forget_many(fx->archive, many, 5), 0);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(many[i].result, i < 2    ? 0
						 : i == 3 ? -ENOENT
							  : -EPERM);
		assert_int_equal(
		    store_segment_get(fx->archive, many[i].id, &now),
		    i == 2 || i == 4 ? 0 : -ENOENT);
	}
	assert_int_equal(findings(fx), 0);
	store_archive_close(&fx->archive);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_READ,
					    &fixture_config, NULL),
			 0);
	assert_int_equal(store_forget_many(fx->archive, &many[4], 1), -EROFS);
	assert_int_equal(many[4].result, -EROFS);
	assert_int_equal(purge(fx, &many[4], 1), -EROFS);
}

/* ---- a disk without room ------------------------------------------------- */

#define DISK_MANY STORE_PURGE_MANY

static void
disk_fill(int dir_fd)
{
	static const uint8_t zeros[4096];
	int fd = openat(dir_fd, "filler", O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	close(fd);
}

static bool
set_aside(int dir_fd)
{
	struct stat st;

	assert_int_equal(fstatat(dir_fd, "reserve", &st, 0), 0);
	return st.st_size > 0;
}

/** The recorder, which has the archive open all the time, deletes on a full
 * disk too, and sets the room for that aside again. */
static void
test_full_disk(void **state)
{
	struct fixture *fx = *state;
	struct store_purge many[STORE_PURGE_MANY];
	struct store_segment s;
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/small", fx->home);
	assert_int_equal(mkdir(path, 0755), 0);
	if (mount("tmpfs", path, "tmpfs", 0, "size=24m")) {
		print_message("skipped: no right to mount a small tmpfs\n");
		skip();
	}
	store_archive_close(&fx->archive);
	snprintf(fx->dir, sizeof(fx->dir), "%.200s/small/archive", fx->home);
	assert_int_equal(store_archive_create(fx->dir, &fx->pub, 1), 0);
	fixture_open(fx);
	/* From now on it lives by what is open in it, and ends with that. */
	assert_int_equal(umount2(path, MNT_DETACH), 0);
	fd = fx->archive->dir_fd;
	for (unsigned i = 0; i < STORE_PURGE_MANY; i++) {
		fixture_segment(&s, i);
		fixture_put(fx, &s);
		id_set(&many[i], s.id);
	}
	assert_true(set_aside(fd));
	disk_fill(fd);
	assert_int_equal(purge(fx, many, STORE_PURGE_MANY), 0);
	for (unsigned i = 0; i < STORE_PURGE_MANY; i++)
		assert_int_equal(many[i].result, 0);
	assert_false(set_aside(fd));
	assert_int_equal(unlinkat(fd, "filler", 0), 0);
	fixture_segment(&s, STORE_PURGE_MANY);
	fixture_put(fx, &s);
	id_set(&many[0], s.id);
	assert_int_equal(purge(fx, many, 1), 0);
	assert_true(set_aside(fd));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_results),       TEST(test_obstinate),
		TEST(test_key_not_there), TEST(test_crash_at_every_step),
		TEST(test_no_room),       TEST(test_full_disk),
		TEST(test_forget_many),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
