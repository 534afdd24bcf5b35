/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recipients that come and go, and the keys of what is stored sealed anew: by
 * whom it is opened, before and after a crash at every step; and that a purge
 * wins. */
#include "cmd/testing/testing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/fixture_priv.h"
#include "store/keys.h"
#include "store/purge_fixture_priv.h"

#define RECORDINGS 3

static const struct store_reseal_by by = { "bob", 9999 };

struct other {
	struct store_public pub;
	struct store_identity *identity;
};

static void
other_init(struct fixture *fx, struct other *other, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", fx->home, name);
	assert_int_equal(store_identity_create(path, &other->pub), 0);
	assert_int_equal(store_identity_load(&other->identity, path), 0);
}

static int
opens(struct fixture *fx, const struct store_identity *identity,
      const struct store_segment *s)
{
	struct store_reader *reader;
	int r = store_reader_open(&reader, fx->archive, identity, s);

	store_reader_close(&reader);
	return r;
}

static int
replace(struct fixture *fx, const struct store_public *old,
	const struct store_public *new, enum store_recipient_role role)
{
	struct store_recipient add = { .role = role,
				       .since_ns = 77 * NS_PER_S };

	if (new)
		add.pub = *new;
	return store_recipients_change(fx->archive, old, new ? &add : NULL,
				       "alice");
}

struct batch {
	struct fixture *fx;
	struct store_recipient recipients[STORE_RECIPIENTS_MAX];
	struct store_reseal many[STORE_RESEAL_MAX];
	size_t count, right, unopened, recipients_count;
};

static int
add_slot(void *ctx, const struct store_slot *slot)
{
	struct batch *batch = ctx;
	int r;

	if (store_slot_is_for(slot, batch->recipients,
			      batch->recipients_count)) {
		batch->right++;
		return 0;
	}
	r = store_reseal_make(&batch->many[batch->count], batch->fx->identity,
			      slot, batch->recipients, batch->recipients_count);
	batch->count += r == 0;
	batch->unopened += r == -ENOKEY;
	return 0;
}

static struct batch *
batch_make(struct fixture *fx)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	int count;

	batch->fx = fx;
	count = store_recipients(fx->archive, batch->recipients);
	assert_true(count > 0);
	batch->recipients_count = (size_t)count;
	assert_int_equal(store_slots(fx->archive, add_slot, batch), 0);
	return batch;
}

static void
expect_left(struct fixture *fx, off_t bytes)
{
	char path[300];
	struct stat st;

	snprintf(path, sizeof(path), "%s/reseal", fx->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, bytes);
}

/** The last entry of the ledger says so. @return its number */
static uint64_t
expect_entered(struct fixture *fx, unsigned count, const struct other *first,
	       const struct other *second)
{
	char a[STORE_FINGERPRINT_TEXT], b[STORE_FINGERPRINT_TEXT], text[128];
	struct store_ledger_entry entry;

	store_fingerprint_text(a, &first->pub);
	store_fingerprint_text(b, &second->pub);
	snprintf(text, sizeof(text),
		 "keys of %u recordings sealed anew to %s, %s", count, a, b);
	assert_int_equal(store_ledger_head(fx->archive, &entry), 0);
	assert_string_equal(entry.action, "key-reseal");
	assert_string_equal(entry.actor, by.actor);
	assert_int_equal(entry.time_ns, by.now_ns);
	assert_string_equal(entry.detail, text);
	return entry.number;
}

/* ---- recipients --------------------------------------------------------- */

static void
test_recipients(void **state)
{
	struct fixture *fx = *state;
	struct store_recipient got[STORE_RECIPIENTS_MAX];
	struct store_ledger_entry entry;
	struct other a, b, c, d;

	other_init(fx, &a, "a");
	other_init(fx, &b, "b");
	other_init(fx, &c, "c");
	other_init(fx, &d, "d");
	assert_int_equal(store_recipients(fx->archive, got), 1);
	assert_int_equal(got[0].role, STORE_RECIPIENT_ARCHIVE);
	assert_int_equal(got[0].since_ns, 0);
	assert_int_equal(replace(fx, NULL, &a.pub, STORE_RECIPIENT_ESCROW), 0);
	assert_int_equal(replace(fx, NULL, &a.pub, STORE_RECIPIENT_ESCROW),
			 -EALREADY);
	assert_int_equal(replace(fx, NULL, &a.pub, STORE_RECIPIENT_ARCHIVE),
			 -EEXIST);
	assert_int_equal(store_recipients(fx->archive, got), 2);
	assert_memory_equal(&got[0].pub, &fx->pub, sizeof(fx->pub));
	assert_int_equal(got[0].role, STORE_RECIPIENT_ARCHIVE);
	assert_int_equal(got[0].since_ns, 0);
	assert_int_equal(got[1].role, STORE_RECIPIENT_ESCROW);
	assert_int_equal(got[1].since_ns, 77 * NS_PER_S);
	/* The last of the archive is not removed, but replaced. */
	assert_int_equal(replace(fx, &fx->pub, NULL, 0), -EPERM);
	assert_int_equal(replace(fx, &fx->pub, &b.pub, STORE_RECIPIENT_ARCHIVE),
			 0);
	assert_int_equal(replace(fx, &fx->pub, &b.pub, STORE_RECIPIENT_ARCHIVE),
			 -EALREADY);
	assert_int_equal(replace(fx, &fx->pub, NULL, 0), -ENOENT);
	assert_int_equal(replace(fx, NULL, &c.pub, STORE_RECIPIENT_ARCHIVE), 0);
	assert_int_equal(replace(fx, NULL, &fx->pub, STORE_RECIPIENT_ESCROW),
			 0);
	assert_int_equal(replace(fx, NULL, &d.pub, STORE_RECIPIENT_ARCHIVE),
			 -E2BIG);
	assert_int_equal(replace(fx, &a.pub, NULL, 0), 0);
	assert_int_equal(store_ledger_head(fx->archive, &entry), 0);
	assert_string_equal(entry.action, "key-remove");
	assert_string_equal(entry.actor, "alice");
	store_archive_close(&fx->archive);
	fixture_open(fx);
	assert_int_equal(store_recipients(fx->archive, got), 3);
	store_identity_free(&a.identity);
	store_identity_free(&b.identity);
	store_identity_free(&c.identity);
	store_identity_free(&d.identity);
}

/** A recording that had its key already is for those of before. */
static void
test_new_recordings(void **state)
{
	struct fixture *fx = *state;
	struct store_segment before, after;
	struct store_recording *rec;
	struct other a;

	other_init(fx, &a, "a");
	fixture_segment(&before, 1);
	rec = fixture_begin(fx, &before);
	assert_int_equal(replace(fx, &fx->pub, &a.pub, STORE_RECIPIENT_ARCHIVE),
			 0);
	assert_int_equal(fixture_speak(rec, &before, 0, 1200), 0);
	fixture_finish(fx, &before, rec, 1200);
	fixture_record(fx, &after, 2, 1200);
	assert_int_equal(opens(fx, fx->identity, &before), 0);
	assert_int_equal(opens(fx, a.identity, &before), -ENOKEY);
	assert_int_equal(opens(fx, fx->identity, &after), -ENOKEY);
	assert_int_equal(opens(fx, a.identity, &after), 0);
	store_identity_free(&a.identity);
}

/* ---- slots --------------------------------------------------------------- */

static void
test_reseal(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s[RECORDINGS];
	struct store_ledger_entry entry;
	struct batch *batch, *again;
	struct other a, escrow;
	uint64_t number;
	size_t done;

	other_init(fx, &a, "a");
	other_init(fx, &escrow, "escrow");
	for (unsigned i = 0; i < RECORDINGS; i++)
		fixture_record(fx, &s[i], i, 1200);
	batch = batch_make(fx);
	assert_int_equal(batch->right, RECORDINGS);
	free(batch);
	assert_int_equal(replace(fx, &fx->pub, &a.pub, STORE_RECIPIENT_ARCHIVE),
			 0);
	batch = batch_make(fx);
	assert_int_equal(batch->count, RECORDINGS);
	/* Others came meanwhile: nothing is done that would leave them out. */
	assert_int_equal(replace(fx, NULL, &escrow.pub, STORE_RECIPIENT_ESCROW),
			 0);
	assert_int_equal(
	    store_reseal(fx->archive, batch->many, batch->count, &by, &done),
	    -ESTALE);
	free(batch);
	batch = batch_make(fx);
	/* What is purged meanwhile stays so. */
	assert_int_equal(
	    store_purge(fx->archive, s[1].id, 5555, "clock", "due"), 0);
	assert_int_equal(
	    store_reseal(fx->archive, batch->many, batch->count, &by, &done),
	    0);
	assert_int_equal(done, RECORDINGS - 1);
	expect_left(fx, 0);
	number = expect_entered(fx, RECORDINGS - 1, &a, &escrow);
	for (int i = 0; i < RECORDINGS; i += 2) {
		assert_int_equal(opens(fx, fx->identity, &s[i]), -ENOKEY);
		assert_int_equal(opens(fx, a.identity, &s[i]), 0);
		assert_int_equal(opens(fx, escrow.identity, &s[i]), 0);
	}
	assert_int_equal(opens(fx, a.identity, &s[1]), -ENOENT);
	/* Again: they are others by now. */
	assert_int_equal(
	    store_reseal(fx->archive, batch->many, batch->count, &by, &done),
	    0);
	assert_int_equal(done, 0);
	assert_int_equal(store_ledger_head(fx->archive, &entry), 0);
	assert_int_equal(entry.number, number);
	again = batch_make(fx);
	assert_int_equal(again->right, RECORDINGS - 1);
	assert_int_equal(again->count + again->unopened, 0);
	free(again);
	free(batch);
	store_identity_free(&a.identity);
	store_identity_free(&escrow.identity);
}

static void
reseal(struct fixture *fx, void *ctx)
{
	struct batch *batch = ctx;
	size_t done;

	(void)!store_reseal(fx->archive, batch->many, batch->count, &by, &done);
}

/** Half of the slot was written when the power went. */
static void
tear(struct fixture *fx, const struct store_segment *s)
{
	uint8_t half[STORE__SLOT_BYTES / 2];
	char path[512], ring[STORE__PATH_BYTES];
	int fd;

	store__keyring_path(ring, s->key_day);
	snprintf(path, sizeof(path), "%s/%s", fx->dir, ring);
	memset(half, 0xa5, sizeof(half));
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(store__pwrite(fd, half, sizeof(half),
				       s->key_slot * STORE__SLOT_BYTES),
			 0);
	close(fd);
}

static void
test_crash(void **state)
{
	static const struct {
		int step, after;
	} deaths[] = { { 4, 0 }, { 5, 0 }, { 5, 1 }, { 5, 2 } };
	struct fixture *fx = *state;
	struct store_segment s[RECORDINGS];
	struct store_public last = fx->pub;
	struct batch *batch;
	struct other a;
	char name[8];

	for (unsigned i = 0; i < RECORDINGS; i++)
		fixture_record(fx, &s[i], i, 1200);
	for (size_t i = 0; i < sizeof(deaths) / sizeof(*deaths); i++) {
		snprintf(name, sizeof(name), "k%zu", i);
		other_init(fx, &a, name);
		assert_int_equal(
		    replace(fx, &last, &a.pub, STORE_RECIPIENT_ARCHIVE), 0);
		batch = batch_make(fx);
		assert_int_equal(batch->count, RECORDINGS);
		crash(fx, deaths[i].step, deaths[i].after, reseal, batch);
		tear(fx, &s[RECORDINGS - 1]);
		fixture_open(fx);
		expect_left(fx, 0);
		for (int j = 0; j < RECORDINGS; j++) {
			assert_int_equal(opens(fx, a.identity, &s[j]), 0);
			assert_int_equal(opens(fx, fx->identity, &s[j]),
					 -ENOKEY);
		}
		free(batch);
		last = a.pub;
		store_identity_free(&fx->identity);
		fx->identity = a.identity;
	}
}

/** A crash when what is to be done is written down, and nothing is done. */
struct under_way {
	struct store_segment s[RECORDINGS];
	struct other a; /* the new recipient */
	char path[300]; /* the file of it */
	uint8_t *bytes;
	size_t n;
};

static void
leave_under_way(struct fixture *fx, struct under_way *u)
{
	struct batch *batch;

	for (unsigned i = 0; i < RECORDINGS; i++)
		fixture_record(fx, &u->s[i], i, 1200);
	other_init(fx, &u->a, "a");
	assert_int_equal(
	    replace(fx, &fx->pub, &u->a.pub, STORE_RECIPIENT_ARCHIVE), 0);
	batch = batch_make(fx);
	crash(fx, 4, 0, reseal, batch);
	free(batch);
	snprintf(u->path, sizeof(u->path), "%s/reseal", fx->dir);
	u->bytes = testing_read_file(u->path, &u->n);
}

/** The file has so many of the bytes, whatever became of it. */
static void
put_under_way(const struct under_way *u, size_t n)
{
	assert_int_equal(unlink(u->path), 0);
	assert_int_equal(
	    store__file_create(AT_FDCWD, u->path, u->bytes, n, 0600), 0);
}

static void
under_way_fini(struct under_way *u)
{
	free(u->bytes);
	store_identity_free(&u->a.identity);
}

/** What is left of a file that was not whole when the power went is nothing to
 * be done: the slots are as they were. */
static void
test_torn_redo(void **state)
{
	struct fixture *fx = *state;
	struct under_way u;

	leave_under_way(fx, &u);
	for (size_t cut = 0; cut < u.n; cut += 97) {
		put_under_way(&u, cut);
		fixture_open(fx);
		expect_left(fx, 0);
		assert_int_equal(opens(fx, fx->identity, &u.s[0]), 0);
		store_archive_close(&fx->archive);
	}
	u.bytes[u.n / 2] ^= 1;
	put_under_way(&u, u.n);
	fixture_open(fx);
	assert_int_equal(opens(fx, fx->identity, &u.s[0]), 0);
	under_way_fini(&u);
}

/** A purge that comes upon what an error left finishes it first: it would bring
 * the key back. */
static void
test_purge_first(void **state)
{
	struct fixture *fx = *state;
	struct under_way u;

	leave_under_way(fx, &u);
	fixture_open(fx);
	/* As if the disk had not let it be finished. */
	put_under_way(&u, u.n);
	fx->archive->reseal_left = true;
	assert_int_equal(
	    store_purge(fx->archive, u.s[0].id, 5555, "clock", "due"), 0);
	expect_left(fx, 0);
	store_archive_close(&fx->archive);
	fixture_open(fx);
	assert_int_equal(opens(fx, u.a.identity, &u.s[0]), -ENOENT);
	assert_int_equal(opens(fx, u.a.identity, &u.s[1]), 0);
	under_way_fini(&u);
}

/** Nothing can be written behind so many bytes of a file, as on a full disk. */
static void
room(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
test_no_room(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s[RECORDINGS];
	struct store_recipient got[STORE_RECIPIENTS_MAX];
	struct batch *batch;
	struct other a;
	size_t done;

	signal(SIGXFSZ, SIG_IGN);
	for (unsigned i = 0; i < RECORDINGS; i++)
		fixture_record(fx, &s[i], i, 1200);
	other_init(fx, &a, "a");
	room(20);
	assert_true(replace(fx, &fx->pub, &a.pub, STORE_RECIPIENT_ARCHIVE) < 0);
	room(RLIM_INFINITY);
	assert_int_equal(store_recipients(fx->archive, got), 1);
	assert_memory_equal(&got[0].pub, &fx->pub, sizeof(fx->pub));
	assert_int_equal(replace(fx, &fx->pub, &a.pub, STORE_RECIPIENT_ARCHIVE),
			 0);
	batch = batch_make(fx);
	for (rlim_t bytes = 10; bytes < STORE__SLOT_BYTES; bytes += 100) {
		room(bytes);
		assert_true(store_reseal(fx->archive, batch->many, batch->count,
					 &by, &done) < 0);
		room(RLIM_INFINITY);
		assert_int_equal(done, 0);
		for (int i = 0; i < RECORDINGS; i++)
			assert_int_equal(opens(fx, fx->identity, &s[i]), 0);
	}
	assert_int_equal(
	    store_reseal(fx->archive, batch->many, batch->count, &by, &done),
	    0);
	assert_int_equal(done, RECORDINGS);
	assert_int_equal(opens(fx, a.identity, &s[0]), 0);
	free(batch);
	store_identity_free(&a.identity);
}

int
main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_recipients), TEST(test_new_recordings),
		TEST(test_reseal),     TEST(test_crash),
		TEST(test_torn_redo),  TEST(test_purge_first),
		TEST(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
