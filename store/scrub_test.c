/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Taking a part out: that it is gone from every file and the rest is not, who
 * may and who may not, and a crash between any two steps. */
#include "cmd/testing/testing.h"
#include "store/purge_fixture_priv.h"
#include "store/scrub_fixture_priv.h"
#include "store/audit.h"
#include "store/scrub.h"

#include <errno.h>
#include <sys/stat.h>

/** What whoever has the file key can read: all chunks of a file, opened. */
static uint8_t *
plaintext(const uint8_t *file, size_t n, const uint8_t *key, size_t *text_bytes)
{
	uint8_t *all = malloc(n), *copy = testing_copy(file, n);
	uint8_t ad[STORE__AD_BYTES], nonce[STORE__NONCE_BYTES];
	const struct store__cipher *cipher = store__cipher_find(file[10]);
	struct store__head head = { 0 };
	size_t at = STORE__HEADER_BYTES;
	uint32_t chunk = 0;

	*text_bytes = 0;
	memcpy(ad, file, STORE__HEADER_BYTES);
	while (!head.final && at < n) {
		if (store__head_decode(&head, copy + at, chunk++, head.second))
			break;
		memcpy(ad + STORE__HEADER_BYTES, copy + at, STORE__HEAD_BYTES);
		store__nonce_make(nonce, head.chunk, head.final);
		at += STORE__HEAD_BYTES;
		if (cipher->open(copy + at, head.text_bytes, ad, sizeof(ad),
				 nonce, key))
			break;
		memcpy(all + *text_bytes, copy + at, head.text_bytes);
		*text_bytes += head.text_bytes;
		at += head.text_bytes + STORE__TAG_BYTES;
	}
	free(copy);
	return all;
}

/** As it was before, for those who look for it afterwards. */
struct before {
	struct store_segment segment;
	struct store_sealed_key sealed;
	uint8_t key[STORE_FILE_KEY_BYTES];
	uint8_t *file;
	size_t file_bytes;
};

static void
keep(struct fixture *fx, const struct store_segment *s, struct before *before)
{
	char path[512];

	before->segment = *s;
	file_key(fx, s, &before->sealed, before->key);
	fixture_path(fx, s, path);
	before->file = testing_read_file(path, &before->file_bytes);
}

static bool
has_mark(const uint8_t *text, size_t n, unsigned stream, unsigned sequence)
{
	uint8_t payload[FIXTURE_PAYLOAD_BYTES];

	fixture_payload(payload, stream, sequence);
	return memmem(text, n, payload, sizeof(payload)) != NULL;
}

/* ---- what is there ----------------------------------------------------- */

struct counting {
	const char *action;
	unsigned count;
	int64_t time_ns; /**< of the last */
	char detail[256];
};

static int
count_entry(void *ctx, const struct store_ledger_entry *entry)
{
	struct counting *counting = ctx;

	if (strcmp(entry->action, counting->action) != 0)
		return 0;
	counting->count++;
	counting->time_ns = entry->time_ns;
	memcpy(counting->detail, entry->detail, sizeof(counting->detail));
	return 0;
}

static unsigned
entries(struct fixture *fx, const char *action, char detail[256])
{
	struct counting counting = { .action = action };

	assert_int_equal(store_ledger_walk(fx->archive, count_entry, &counting),
			 0);
	if (detail)
		memcpy(detail, counting.detail, 256);
	return counting.count;
}

/** When the last of it was gone. */
static int64_t
gone_ns(struct fixture *fx)
{
	struct counting counting = { .action = "scrub" };

	assert_int_equal(store_ledger_walk(fx->archive, count_entry, &counting),
			 0);
	return counting.time_ns;
}

/** What is left of the two streams, the right one 5 ms behind the left one, in
 * the file that is there now. */
static void
expect_scrubbed(struct fixture *fx, const struct before *before, uint32_t sides)
{
	const unsigned first = FROM_MS / PACKET_MS, end = UNTIL_MS / PACKET_MS;
	struct store_sealed_key sealed;
	uint8_t key[STORE_FILE_KEY_BYTES], *file, *text, *nothing;
	struct store_segment now;
	size_t n, text_bytes;
	char path[512], hash[65], detail[256];

	expect_sound(fx, before->segment.id, &now);
	assert_int_equal(now.scrubs, before->segment.scrubs + 1);
	assert_memory_equal(now.replaced, before->segment.file_hash,
			    STORE_HASH_BYTES);
	file_key(fx, &now, &sealed, key);
	fixture_path(fx, &now, path);
	file = testing_read_file(path, &n);
	/* The old key opens nothing, and is nowhere. */
	nothing = plaintext(file, n, before->key, &text_bytes);
	assert_int_equal(text_bytes, 0);
	free(nothing);
	assert_int_equal(
	    files_with(fx, before->sealed.sealed[0], STORE_SEALED_KEY_BYTES),
	    0);
	assert_int_equal(files_with(fx, before->key, sizeof(before->key)), 0);
	assert_int_equal(files_with(fx, key, sizeof(key)), 0);
	/* The old file is nowhere: not a piece of its first sealed text. */
	assert_int_equal(
	    files_with(
		fx, before->file + STORE__HEADER_BYTES + STORE__HEAD_BYTES, 64),
	    0);
	assert_int_equal(files_with(fx, "PLAINTEXT", 9), 0);
	text = plaintext(file, n, key, &text_bytes);
	for (unsigned stream = 0; stream < 2; stream++)
		for (unsigned i = 0; i < LONG_MS / PACKET_MS; i++)
			assert_int_equal(has_mark(text, text_bytes, stream, i),
					 !(sides >> stream & 1) ||
					     i < first - (stream == 1) ||
					     i >= end);
	free(text);
	free(file);
	assert_int_equal(entries(fx, "scrub", detail), 1);
	assert_non_null(strstr(detail, "proposed by ann: 4.000 s to 6.000 s"));
	assert_non_null(strstr(detail, "overwritten, old file removed"));
	assert_non_null(strstr(detail, "a card number"));
	assert_int_equal(entries(fx, "scrub-file", detail), 1);
	store_hex(hash, before->segment.file_hash, STORE_HASH_BYTES);
	assert_memory_equal(detail, hash, 64);
	store_hex(hash, now.file_hash, STORE_HASH_BYTES);
	assert_string_equal(detail + 64 + strlen(" replaced by "), hash);
}

/** Before it is scrubbed all of it is there, or the search finds nothing in any
 * case. */
static void
expect_whole(const struct before *before)
{
	size_t n;
	uint8_t *text =
	    plaintext(before->file, before->file_bytes, before->key, &n);

	for (unsigned stream = 0; stream < 2; stream++)
		for (unsigned i = 0; i < LONG_MS / PACKET_MS; i++)
			assert_true(has_mark(text, n, stream, i));
	free(text);
}

static void
test_gone(void **state)
{
	struct fixture *fx = *state;
	const uint32_t sides[] = { STORE_SIDES_BOTH, 1 << STORE_LEFT,
				   1 << STORE_RIGHT };
	struct before before;
	struct store_segment s, other;
	struct store_scrub scrub;

	for (unsigned i = 0; i < 3; i++) {
		fixture_record(fx, &s, 0, LONG_MS);
		fixture_record(fx, &other, 1, 1000);
		keep(fx, &s, &before);
		expect_whole(&before);
		assert_int_equal(propose(fx, &s, sides[i]), 0);
		assert_int_equal(agree(fx, s.id, &bob), 0);
		expect_scrubbed(fx, &before, sides[i]);
		expect_sound(fx, other.id, &other);
		assert_int_equal(store_scrub_get(fx->archive, s.id, &scrub),
				 -ENOENT);
		free(before.file);
		fixture_fini(fx);
		fixture_init(fx);
	}
}

/* ---- who may, and what may not ----------------------------------------- */

static void
set_state(struct fixture *fx, struct store_segment *s, enum store_state state)
{
	assert_int_equal(store_segment_get(fx->archive, s->id, s), 0);
	s->state = state;
	fixture_put(fx, s);
}

/** Why it is done is kept as it was typed; the ledger does not say who called.
 */
static void
test_no_numbers(void **state)
{
	static const char *const actions[] = { "scrub-withdraw",
					       "scrub-propose", "scrub-agree",
					       "scrub" };
	struct fixture *fx = *state;
	char detail[256], local[STORE_PSEUDONYM_BYTES];
	struct store_scrub scrub = { .sides = 1,
				     .why = "2041 read a card number out",
				     .proposer = ann,
				     .proposed_ns = 1111 };
	struct store_segment s;

	fixture_record(fx, &s, 1, LONG_MS);
	assert_int_equal(store_pseudonym(fx->archive, 1111, "2041", local), 0);
	memcpy(scrub.id, s.id, sizeof(scrub.id));
	scrub.from_ns = s.start_ns + FROM_MS * MS;
	scrub.until_ns = s.start_ns + UNTIL_MS * MS;
	assert_int_equal(store_scrub_propose(fx->archive, &scrub), 0);
	assert_int_equal(store_scrub_withdraw(fx->archive, s.id, &bob, 1112),
			 0);
	assert_int_equal(store_scrub_propose(fx->archive, &scrub), 0);
	assert_int_equal(agree(fx, s.id, &bob), 0);
	for (unsigned i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		assert_true(entries(fx, actions[i], detail) > 0);
		assert_null(strstr(detail, "2041"));
		assert_non_null(strstr(detail, local));
	}
}

static void
test_two_people(void **state)
{
	struct fixture *fx = *state;
	/* Another name is not another person. */
	const struct store_person again = { .uid = 1001, .name = "root" };
	struct store_scrub scrub;
	struct store_segment s, now;
	struct before before;

	fixture_record(fx, &s, 0, LONG_MS);
	keep(fx, &s, &before);
	assert_int_equal(agree(fx, s.id, &bob), -ENOENT);
	assert_int_equal(propose(fx, &s, STORE_SIDES_BOTH), 0);
	assert_int_equal(propose(fx, &s, STORE_SIDES_BOTH), -EEXIST);
	assert_int_equal(agree(fx, s.id, &ann), -EACCES);
	assert_int_equal(agree(fx, s.id, &again), -EACCES);
	expect_sound(fx, s.id, &now);
	assert_memory_equal(&s, &now, sizeof(s));
	assert_int_equal(store_scrub_get(fx->archive, s.id, &scrub), 0);
	assert_int_equal(scrub.state, STORE_SCRUB_PROPOSED);
	assert_string_equal(scrub.why, "a card number");
	assert_string_equal(scrub.proposer.name, "ann");
	assert_int_equal(store_scrub_withdraw(fx->archive, s.id, &bob, 1), 0);
	assert_int_equal(store_scrub_withdraw(fx->archive, s.id, &bob, 1),
			 -ENOENT);
	assert_int_equal(agree(fx, s.id, &bob), -ENOENT);
	assert_int_equal(entries(fx, "scrub-propose", NULL), 1);
	assert_int_equal(entries(fx, "scrub-withdraw", NULL), 1);
	assert_int_equal(propose(fx, &s, STORE_SIDES_BOTH), 0);
	assert_int_equal(agree(fx, s.id, &bob), 0);
	expect_scrubbed(fx, &before, STORE_SIDES_BOTH);
	free(before.file);
}

static void
test_refused(void **state)
{
	struct fixture *fx = *state;
	struct store_scrub_result result;
	struct store_scrub begun,
	    none = { .id = "none-1", .until_ns = 1, .sides = 1, .why = "x" };
	struct store_recording *rec;
	struct store_segment s, live, now;
	int fd;

	assert_int_equal(store_scrub_propose(fx->archive, &none), -ENOENT);
	fixture_record(fx, &s, 0, LONG_MS);
	assert_int_equal(propose(fx, &s, 0), -EINVAL);
	assert_int_equal(propose(fx, &s, 4), -EINVAL);
	assert_int_equal(propose_range(fx, &s, 1, 5, 5), -EINVAL);
	fixture_segment(&live, 1);
	rec = fixture_begin(fx, &live);
	assert_int_equal(propose(fx, &live, STORE_SIDES_BOTH), -EBUSY);
	fixture_finish(fx, &live, rec, 0);
	/* Held: before, and at the last moment. */
	set_state(fx, &s, STORE_STATE_HELD);
	assert_int_equal(propose(fx, &s, STORE_SIDES_BOTH), -EPERM);
	set_state(fx, &s, STORE_STATE_STORED);
	assert_int_equal(propose(fx, &s, STORE_SIDES_BOTH), 0);
	set_state(fx, &s, STORE_STATE_HELD);
	assert_int_equal(agree(fx, s.id, &bob), -EPERM);
	set_state(fx, &s, STORE_STATE_STORED);
	fd = make(fx, s.id, &bob, &begun, &result);
	assert_true(fd >= 0);
	assert_int_equal(hand_over(fx, &begun, fd), 0);
	close(fd);
	set_state(fx, &s, STORE_STATE_HELD);
	assert_int_equal(store_scrub_commit(fx->archive, &begun, &result, 3333),
			 -EPERM);
	set_state(fx, &s, STORE_STATE_STORED);
	expect_sound(fx, s.id, &now);
	assert_int_equal(now.scrubs, 0);
	assert_int_equal(store_scrub_commit(fx->archive, &begun, &result, 3333),
			 0);
	expect_sound(fx, s.id, &now);
	assert_int_equal(now.scrubs, 1);
	assert_int_equal(store_scrub_commit(fx->archive, &begun, &result, 3333),
			 -ESTALE);
}

/** Whoever began it anew is the one who goes on. */
static void
test_begun_twice(void **state)
{
	const struct store_person cat = { .uid = 1003, .name = "cat" };
	struct fixture *fx = *state;
	struct store_scrub_result result[2];
	struct store_scrub begun[2];
	struct store_sealed_key sealed;
	struct store_segment s, now;
	int fd[2];

	fixture_record(fx, &s, 0, LONG_MS);
	assert_int_equal(propose(fx, &s, STORE_SIDES_BOTH), 0);
	fd[0] = make(fx, s.id, &bob, &begun[0], &result[0]);
	assert_true(fd[0] >= 0);
	assert_int_equal(hand_over(fx, &begun[0], fd[0]), 0);
	fd[1] = make(fx, s.id, &cat, &begun[1], &result[1]);
	assert_true(fd[1] >= 0);
	assert_int_equal(hand_over(fx, &begun[0], fd[0]), -ESTALE);
	assert_int_equal(
	    store_scrub_commit(fx->archive, &begun[0], &result[0], 1), -ESTALE);
	/* The key of the first is gone. */
	assert_int_equal(store__keyring_read(fx->archive, begun[0].key_day,
					     begun[0].key_slot, &sealed),
			 -ENOKEY);
	/* Half a file, and another's. */
	assert_int_equal(
	    store_scrub_commit(fx->archive, &begun[1], &result[1], 1), -ENOENT);
	assert_int_equal(store_scrub_write(fx->archive, &begun[1], 0, "x", 1),
			 0);
	assert_int_equal(
	    store_scrub_commit(fx->archive, &begun[1], &result[1], 1),
	    -EBADMSG);
	assert_int_equal(hand_over(fx, &begun[1], fd[0]), 0);
	assert_int_equal(
	    store_scrub_commit(fx->archive, &begun[1], &result[0], 1),
	    -EBADMSG);
	assert_int_equal(store_scrub_write(fx->archive, &begun[1],
					   UINT64_C(1) << 40, "x", 1),
			 -EFBIG);
	assert_int_equal(
	    store_scrub_write(fx->archive, &begun[1], UINT64_MAX, "x", 1),
	    -EFBIG);
	/* Not the one that it is said to be. */
	assert_int_equal(hand_over(fx, &begun[1], fd[1]), 0);
	result[1].file_hash[0] ^= 1;
	assert_int_equal(
	    store_scrub_commit(fx->archive, &begun[1], &result[1], 1),
	    -EBADMSG);
	result[1].file_hash[0] ^= 1;
	/* More taken out than there was. */
	assert_int_equal(hand_over(fx, &begun[1], fd[1]), 0);
	result[1].removed[0] += 1000;
	assert_int_equal(
	    store_scrub_commit(fx->archive, &begun[1], &result[1], 1),
	    -EBADMSG);
	result[1].removed[0] -= 1000;
	expect_sound(fx, s.id, &now);
	assert_int_equal(now.scrubs, 0);
	assert_int_equal(
	    store_scrub_commit(fx->archive, &begun[1], &result[1], 1), 0);
	expect_sound(fx, s.id, &now);
	assert_int_equal(now.scrubs, 1);
	close(fd[0]);
	close(fd[1]);
}

/** Who still holds a row from before does not bring back what went, and what
 * came instead goes with a purge. */
static void
test_old_row(void **state)
{
	struct fixture *fx = *state;
	struct store_sealed_key got;
	struct store_segment s, now, later;

	fixture_record(fx, &s, 0, LONG_MS);
	assert_int_equal(propose(fx, &s, STORE_SIDES_BOTH), 0);
	assert_int_equal(agree(fx, s.id, &bob), 0);
	expect_sound(fx, s.id, &now);
	snprintf(s.area, sizeof(s.area), "elsewhere");
	fixture_put(fx, &s);
	expect_sound(fx, s.id, &later);
	assert_string_equal(later.area, "elsewhere");
	memcpy(later.area, now.area, sizeof(now.area));
	assert_memory_equal(&later, &now, sizeof(now));
	assert_int_equal(store_batch_begin(fx->archive), 0);
	assert_int_equal(
	    store_purge_begin(fx->archive, &s, 5555, "clock", "x", NULL), 0);
	assert_int_equal(store_batch_commit(fx->archive), 0);
	assert_int_equal(store_purge(fx->archive, s.id, 5555, "clock", "x"), 0);
	assert_int_equal(
	    store__keyring_read(fx->archive, now.key_day, now.key_slot, &got),
	    -ENOKEY);
	expect_sound(fx, s.id, &now);
	assert_int_equal(now.state, STORE_STATE_PURGED);
}

/** Time is over for a recording whose scrub is on its way: all of it goes. */
static void
test_purge_wins(void **state)
{
	struct fixture *fx = *state;
	struct store_scrub_result result;
	struct store_sealed_key old, new, got;
	struct store_scrub begun;
	struct store_segment s, now;
	char path[512];
	int fd;

	for (unsigned i = 0; i < 3; i++) {
		fixture_record(fx, &s, i, LONG_MS);
		assert_int_equal(store__keyring_read(fx->archive, s.key_day,
						     s.key_slot, &old),
				 0);
		new = old;
		assert_int_equal(propose(fx, &s, STORE_SIDES_BOTH), 0);
		if (i == 1) {
			fd = make(fx, s.id, &bob, &begun, &result);
			assert_true(fd >= 0);
			assert_int_equal(hand_over(fx, &begun, fd), 0);
			close(fd);
			assert_int_equal(
			    store__keyring_read(fx->archive, begun.key_day,
						begun.key_slot, &new),
			    0);
		} else if (i == 2) {
			assert_int_equal(agree(fx, s.id, &bob), 0);
			expect_sound(fx, s.id, &now);
			assert_int_equal(
			    store__keyring_read(fx->archive, now.key_day,
						now.key_slot, &new),
			    0);
		}
		assert_int_equal(
		    store_purge(fx->archive, s.id, 5555, "clock", "90 days"),
		    0);
		expect_sound(fx, s.id, &now);
		assert_int_equal(now.state, STORE_STATE_PURGED);
		assert_int_equal(
		    files_with(fx, old.sealed[0], STORE_SEALED_KEY_BYTES), 0);
		assert_int_equal(
		    files_with(fx, new.sealed[0], STORE_SEALED_KEY_BYTES), 0);
		assert_int_equal(store__keyring_read(fx->archive, s.key_day,
						     s.key_slot, &got),
				 -ENOKEY);
		for (uint32_t scrubs = 0; scrubs < 3; scrubs++) {
			s.scrubs = scrubs;
			fixture_path(fx, &s, path);
			assert_int_equal(access(path, F_OK), -1);
		}
		assert_int_equal(store_scrub_get(fx->archive, s.id, &begun),
				 -ENOENT);
		if (i == 1)
			assert_int_equal(
			    store_scrub_commit(fx->archive, &begun, &result, 1),
			    -ESTALE);
	}
}

/* ---- a crash between any two steps ------------------------------------- */

static int
count_unused(void *ctx, const struct store_finding *finding)
{
	*(unsigned *)ctx += finding->type == STORE_FINDING_KEY_UNUSED;
	return 0;
}

static unsigned
keys_unused(struct fixture *fx)
{
	unsigned count = 0;

	assert_int_equal(
	    store_verify_orphans(fx->archive, count_unused, &count), 0);
	return count;
}

static void
agree_on(struct fixture *fx, void *ctx)
{
	(void)!agree(fx, ctx, &bob);
}

static void
test_crash_at_every_step(void **state)
{
	/* in this order; 2 is within the destruction of the old key */
	const int steps[] = { 11, 12, 13, 14, 2, 15, 16, 17 };
	struct fixture *fx = *state;
	struct store_recovery recovery;
	struct store_segment s, now, next;
	struct store_scrub scrub;
	struct before before;
	char path[512];

	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const int step = steps[i];
		const bool done = step == 2 || step > 13;

		fixture_record(fx, &s, i, LONG_MS);
		keep(fx, &s, &before);
		assert_int_equal(propose(fx, &s, STORE_SIDES_BOTH), 0);
		crash(fx, step, 0, agree_on, s.id);
		/* Also whoever only reads finds one of them whole. */
		assert_int_equal(store_archive_open(&fx->archive, fx->dir,
						    STORE_READ, &fixture_config,
						    NULL),
				 0);
		assert_int_equal(store_segment_get(fx->archive, s.id, &now), 0);
		assert_int_equal(now.scrubs, done);
		{
			struct store_finding finding;

			assert_int_equal(store_verify(fx->archive, fx->identity,
						      &now, &finding),
					 0);
		}
		store_archive_close(&fx->archive);
		assert_int_equal(store_archive_open(&fx->archive, fx->dir,
						    STORE_WRITE,
						    &fixture_config, &recovery),
				 0);
		assert_int_equal(recovery.purges, done && step != 17);
		assert_int_equal(recovery.failed, 0);
		if (!done) {
			expect_sound(fx, s.id, &now);
			assert_memory_equal(&now, &s, sizeof(s));
			/* What was made of the new one is undone. */
			assert_int_equal(
			    store_scrub_get(fx->archive, s.id, &scrub), 0);
			assert_int_equal(scrub.state, STORE_SCRUB_PROPOSED);
			assert_int_equal(keys_unused(fx), step == 11);
			next = s;
			next.scrubs = 1;
			fixture_path(fx, &next, path);
			assert_int_equal(access(path, F_OK), -1);
			assert_int_equal(entries(fx, "scrub", NULL), 0);
			/* Who agreed did, whatever became of it. */
			assert_int_equal(entries(fx, "scrub-agree", NULL),
					 step > 11);
			assert_int_equal(agree(fx, s.id, &bob), 0);
		}
		assert_int_equal(gone_ns(fx), done && step != 17 ? 5555 : 3333);
		expect_scrubbed(fx, &before, STORE_SIDES_BOTH);
		free(before.file);
		fixture_fini(fx);
		fixture_init(fx);
	}
}

/** verify names what a crash leaves, as long as nobody put it right. */
static void
test_verify_tells(void **state)
{
	struct fixture *fx = *state;
	struct store_finding finding;
	struct store_scrub scrub;
	struct store_segment s, now;
	struct before before;
	char path[512];

	fixture_record(fx, &s, 0, LONG_MS);
	keep(fx, &s, &before);
	assert_int_equal(propose(fx, &s, STORE_SIDES_BOTH), 0);
	crash(fx, 14, 0, agree_on, s.id);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_READ,
					    &fixture_config, NULL),
			 0);
	assert_int_equal(findings(fx), 1);
	store_archive_close(&fx->archive);
	fixture_open(fx);
	expect_sound(fx, s.id, &now);
	/* A row that names another file as the one before. */
	now.replaced[0] ^= 1;
	assert_int_equal(
	    store_verify(fx->archive, fx->identity, &now, &finding), 1);
	now.replaced[0] ^= 1;
	now.scrubs++;
	assert_true(store_verify(fx->archive, fx->identity, &now, &finding) !=
		    0);
	/* An old file that somebody brought back. */
	fixture_path(fx, &s, path);
	testing_write_file(path, before.file, before.file_bytes);
	assert_int_equal(findings(fx), 1);
	assert_int_equal(unlink(path), 0);
	/* One that nobody made. */
	s.scrubs = 2;
	fixture_path(fx, &s, path);
	testing_write_file(path, before.file, before.file_bytes);
	assert_int_equal(findings(fx), 1);
	assert_int_equal(unlink(path), 0);
	/* A note that cannot be read. */
	{
		struct store__key key = fixture_key(&s);

		fixture_index_set(fx, fx->archive->tables.scrubs, &key, "\1\1",
				  2);
		assert_int_equal(findings(fx), 1);
		assert_int_equal(store_scrub_get(fx->archive, s.id, &scrub),
				 -EBADMSG);
		/* It keeps no purge waiting. */
		assert_int_equal(
		    store_purge(fx->archive, s.id, 5555, "clock", "x"), 0);
	}
	free(before.file);
}

/** Without its private key, or damaged, nothing of it is lost. */
static void
test_damaged(void **state)
{
	struct fixture *fx = *state;
	struct store_scrub_result result;
	struct store_finding finding;
	struct store_scrub begun;
	struct store_segment s, now;
	struct before before;
	char path[512];

	fixture_record(fx, &s, 0, LONG_MS);
	keep(fx, &s, &before);
	assert_int_equal(propose(fx, &s, STORE_SIDES_BOTH), 0);
	before.file[before.file_bytes / 2] ^= 1;
	fixture_path(fx, &s, path);
	assert_int_equal(unlink(path), 0);
	testing_write_file(path, before.file, before.file_bytes);
	assert_int_equal(make(fx, s.id, &bob, &begun, &result), -EBADMSG);
	store_archive_close(&fx->archive);
	fixture_open(fx);
	assert_int_equal(store_segment_get(fx->archive, s.id, &now), 0);
	assert_memory_equal(&now, &s, sizeof(s));
	assert_int_equal(
	    store_verify(fx->archive, fx->identity, &now, &finding), 1);
	assert_int_equal(findings(fx), 0);
	free(before.file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_gone),         TEST(test_no_numbers),
		TEST(test_two_people),   TEST(test_refused),
		TEST(test_begun_twice),  TEST(test_old_row),
		TEST(test_purge_wins),   TEST(test_crash_at_every_step),
		TEST(test_verify_tells), TEST(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
