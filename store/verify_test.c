/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Damage of every kind is found, named, and placed. */
#include "cmd/testing/testing.h"
#include "store/fixture_priv.h"
#include "store/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void
expect(struct fixture *fx, const struct store_segment *s, bool with_key,
       enum store_finding_type type, const char *detail)
{
	struct store_finding finding;
	int r = store_verify(fx->archive, with_key ? fx->identity : NULL, s,
			     &finding);

	assert_int_equal(r, type != STORE_FINDING_NONE);
	if (finding.type != type || !strstr(finding.detail, detail))
		print_message("%s\n", finding.detail);
	assert_int_equal(finding.type, type);
	assert_string_equal(finding.id, s->id);
	assert_non_null(strstr(finding.detail, detail));
}

static void
expect_both(struct fixture *fx, const struct store_segment *s,
	    enum store_finding_type type, const char *detail)
{
	expect(fx, s, false, type, detail);
	expect(fx, s, true, type, detail);
}

/** Damage is done by root or the owner; files are 0440. */
static void
overwrite(const struct fixture *fx, const struct store_segment *s,
	  const void *bytes, size_t n)
{
	char path[512];

	fixture_path(fx, s, path);
	assert_int_equal(chmod(path, 0640), 0);
	testing_write_file(path, bytes, n);
}

static void
test_sound(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s;

	fixture_record(fx, &s, 0, 2500);
	expect_both(fx, &s, STORE_FINDING_NONE, "");
	s.state = STORE_STATE_HELD;
	expect_both(fx, &s, STORE_FINDING_NONE, "");
	fixture_segment(&s, 1); /* not recorded */
	expect_both(fx, &s, STORE_FINDING_NONE, "");
}

/** Where in the file is this byte, and in which chunk? */
static uint32_t
chunk_of(const uint8_t *bytes, size_t at, uint64_t *offset)
{
	struct store__head head = { .second = 0 };
	uint32_t chunk = 0;

	*offset = STORE__HEADER_BYTES;
	for (;; chunk++) {
		uint64_t end;

		assert_int_equal(store__head_decode(&head, bytes + *offset,
						    chunk, head.second),
				 0);
		end = *offset + STORE__HEAD_BYTES + head.text_bytes +
		      STORE__TAG_BYTES;
		if (at < end)
			return chunk;
		*offset = end;
	}
}

static void
test_bit_flips(void **state)
{
	struct fixture *fx = *state;
	struct store_finding finding;
	struct store_segment s;
	char path[512], place[64];
	uint64_t offset;
	uint8_t *bytes;
	size_t n;

	fixture_record(fx, &s, 0, 2100);
	fixture_path(fx, &s, path);
	bytes = testing_read_file(path, &n);
	for (size_t i = 0; i < n; i += i < 200 || n - i < 200 ? 1 : 331) {
		uint32_t chunk = chunk_of(bytes, i, &offset);

		bytes[i] ^= (uint8_t)(1 << i % 8);
		overwrite(fx, &s, bytes, n);
		bytes[i] ^= (uint8_t)(1 << i % 8);
		if (i < 8)
			expect_both(fx, &s, STORE_FINDING_DAMAGED, "header");
		if (i < STORE__HEADER_BYTES) {
			/* version: -EPROTO; id: SWAPPED; the rest: damage */
			assert_int_not_equal(store_verify(fx->archive,
							  fx->identity, &s,
							  &finding),
					     0);
			continue;
		}
		snprintf(place, sizeof(place), "chunk %u at offset %llu ",
			 chunk, (unsigned long long)offset);
		if (i >= offset + STORE__HEAD_BYTES)
			expect(fx, &s, true, STORE_FINDING_DAMAGED, place);
		else
			assert_int_equal(store_verify(fx->archive, fx->identity,
						      &s, &finding),
					 1);
	}
	overwrite(fx, &s, bytes, n);
	expect_both(fx, &s, STORE_FINDING_NONE, "");
	free(bytes);
}

/** Of any length but the right one; also without the key. */
static void
test_cuts(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s;
	char path[512], place[64];
	uint64_t offset = STORE__HEADER_BYTES;
	uint8_t *bytes;
	size_t n;

	fixture_record(fx, &s, 0, 2100);
	assert_int_equal(s.chunks, 3);
	fixture_path(fx, &s, path);
	bytes = testing_read_file(path, &n);
	for (size_t i = 0; i < n; i += i < 200 || n - i < 200 ? 1 : 331) {
		overwrite(fx, &s, bytes, i);
		expect_both(fx, &s, STORE_FINDING_CUT, "cut off");
	}
	/* At each boundary of chunks, the last included. */
	for (uint32_t chunk = 0; chunk < 3; chunk++) {
		overwrite(fx, &s, bytes, offset);
		snprintf(place, sizeof(place), "offset %llu: %u of 3 chunks",
			 (unsigned long long)offset, chunk);
		expect_both(fx, &s, STORE_FINDING_CUT, place);
		assert_int_equal(chunk_of(bytes, offset, &offset), chunk);
		offset += STORE__HEAD_BYTES + STORE__TAG_BYTES +
			  store__le_get(bytes + offset + 4, 4);
	}
	assert_int_equal(offset, n);
	/* ... even if the index was told the same lie. */
	s.chunks = 2;
	overwrite(fx, &s, bytes,
		  chunk_of(bytes, n - 1, &offset) == 2 ? offset : 0);
	expect_both(fx, &s, STORE_FINDING_CUT, "should be there");
	s.chunks = 3;
	/* Something behind the end is damage too. */
	bytes = realloc(bytes, n + 20);
	memset(bytes + n, 0, 20);
	for (size_t more = 1; more <= 20; more++) {
		overwrite(fx, &s, bytes, n + more);
		expect_both(fx, &s, STORE_FINDING_DAMAGED, "more than");
	}
	free(bytes);
}

static void
test_swap_of_files(void **state)
{
	struct fixture *fx = *state;
	struct store_segment a, b;
	uint8_t *a_bytes, *b_bytes;
	char path[512];
	size_t an, bn;

	fixture_record(fx, &a, 0, 2100);
	fixture_record(fx, &b, 1, 2100);
	fixture_path(fx, &a, path);
	a_bytes = testing_read_file(path, &an);
	fixture_path(fx, &b, path);
	b_bytes = testing_read_file(path, &bn);
	overwrite(fx, &a, b_bytes, bn);
	overwrite(fx, &b, a_bytes, an);
	expect_both(fx, &a, STORE_FINDING_SWAPPED, b.id);
	expect_both(fx, &b, STORE_FINDING_SWAPPED, a.id);
	/* With headers that say the right thing nothing authenticates. */
	memcpy(b_bytes, a_bytes, STORE__HEADER_BYTES);
	overwrite(fx, &a, b_bytes, bn);
	expect(fx, &a, true, STORE_FINDING_DAMAGED, "chunk 0 at offset 72");
	expect(fx, &a, false, STORE_FINDING_DAMAGED, "hash");
	free(a_bytes);
	free(b_bytes);
}

/** Chunks of one file in another order. */
static void
test_reordered_chunks(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s;
	uint8_t *bytes, *copy;
	char path[512];
	uint64_t at;
	size_t n, one;

	fixture_record(fx, &s, 0, 3100);
	fixture_path(fx, &s, path);
	bytes = testing_read_file(path, &n);
	copy = testing_copy(bytes, n);
	at = STORE__HEADER_BYTES;
	one = STORE__HEAD_BYTES + STORE__TAG_BYTES +
	      store__le_get(bytes + at + 4, 4);
	memcpy(copy + at, bytes + at + one, one);
	memcpy(copy + at + one, bytes + at, one);
	overwrite(fx, &s, copy, n);
	expect_both(fx, &s, STORE_FINDING_DAMAGED, "chunk 0 at offset 72");
	/* With their numbers put right too. */
	store__le_put(copy + at + 8, 0, 4);
	store__le_put(copy + at + one + 8, 1, 4);
	store__le_put(copy + at + 12, 0, 4);
	store__le_put(copy + at + one + 12, 1, 4);
	overwrite(fx, &s, copy, n);
	expect(fx, &s, true, STORE_FINDING_DAMAGED, "chunk 0 at offset 72");
	expect(fx, &s, false, STORE_FINDING_DAMAGED, "hash");
	free(copy);
	free(bytes);
}

static void
test_key_slots(void **state)
{
	struct fixture *fx = *state;
	struct store_segment a, b;
	uint8_t slots[2][STORE__SLOT_BYTES];
	char path[300];
	int fd;

	fixture_record(fx, &a, 0, 1100);
	fixture_record(fx, &b, 1, 1100);
	snprintf(path, sizeof(path), "%s/keyring/2019-03-28.keys", fx->dir);
	fd = open(path, O_RDWR);
	assert_int_equal(store__pread(fd, slots, sizeof(slots), 0), 0);
	/* Another slot in its place. */
	assert_int_equal(store__pwrite(fd, slots[1], STORE__SLOT_BYTES, 0), 0);
	expect(fx, &a, true, STORE_FINDING_KEY_MISSING, "damaged");
	expect(fx, &a, false, STORE_FINDING_KEY_MISSING, "damaged");
	/* Another key, in a slot that is otherwise right. */
	memcpy(slots[1] + 12, slots[0] + 12, 4);
	crypto_generichash(slots[1] + 496, 16, slots[1], 496, NULL, 0);
	assert_int_equal(store__pwrite(fd, slots[1], STORE__SLOT_BYTES, 0), 0);
	expect(fx, &a, true, STORE_FINDING_DAMAGED, "chunk 0 at offset 72");
	/* Destroyed, though the row says nothing of it. */
	assert_int_equal(
	    store__keyring_destroy(fx->archive, a.key_day, a.key_slot), 0);
	expect_both(fx, &a, STORE_FINDING_KEY_MISSING, "gone");
	expect_both(fx, &b, STORE_FINDING_NONE, "");
	close(fd);
}

static void
test_missing_file(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s;
	char path[512];

	fixture_record(fx, &s, 0, 1100);
	fixture_path(fx, &s, path);
	assert_int_equal(unlink(path), 0);
	expect_both(fx, &s, STORE_FINDING_FILE_MISSING, ".rec is not there");
	s.key_day = 0;
	expect_both(fx, &s, STORE_FINDING_FILE_MISSING, "no key");
}

/** What the index says must be what the sealed file says. */
static void
test_conservation(void **state)
{
	struct fixture *fx = *state;
	struct store_recording_result result;
	struct store_segment s, wrong;
	struct store_recording *rec;

	fixture_record(fx, &s, 0, 1100);
	wrong = s;
	wrong.streams[1].lost++;
	expect(fx, &wrong, true, STORE_FINDING_COUNTS, "stream 1 differ");
	wrong = s;
	wrong.streams_count = 1;
	expect(fx, &wrong, true, STORE_FINDING_COUNTS, "totals of 2 streams");
	wrong = s;
	wrong.bytes--;
	expect(fx, &wrong, true, STORE_FINDING_COUNTS, "bytes of payload");

	/* Totals that do not add up, in file and index alike. */
	fixture_segment(&s, 1);
	rec = fixture_begin(fx, &s);
	assert_int_equal(fixture_speak(rec, &s, 0, 1000), 0);
	fixture_finish(fx, &s, rec, 980);
	expect(fx, &s, true, STORE_FINDING_COUNTS,
	       "stream 0 has 50 frames, its totals say 49");
	fixture_segment(&s, 2);
	rec = fixture_begin(fx, &s);
	assert_int_equal(fixture_speak(rec, &s, 0, 1000), 0);
	fixture_totals(&s, 1000);
	s.streams[1].dropped[STORE_REASON_policy] = 1;
	assert_int_equal(store_recording_finish(rec, &s, &result), 0);
	s.state = STORE_STATE_STORED;
	s.bytes = result.payload_bytes;
	s.chunks = result.chunks;
	memcpy(s.file_hash, result.file_hash, sizeof(s.file_hash));
	store_recording_free(&rec, false);
	expect(fx, &s, true, STORE_FINDING_COUNTS,
	       "packets of stream 1 do not add up");
}

/** A recording with a gap, and totals that the caller has changed. */
static void
expect_gap(struct fixture *fx, unsigned nth, enum store_reason reason,
	   const struct store_stream *more, const char *words)
{
	const struct store_gap gap = { .reason = reason, .packets = 7 };
	struct store_stream *stream;
	struct store_recording_result result;
	struct store_recording *rec;
	struct store_segment s;

	fixture_segment(&s, nth);
	rec = fixture_begin(fx, &s);
	assert_int_equal(store_recording_gap(rec, &gap), 0);
	assert_int_equal(fixture_speak(rec, &s, 0, 1000), 0);
	fixture_totals(&s, 1000);
	stream = &s.streams[0];
	stream->lost = more->lost;
	stream->late = more->late;
	stream->seen += more->late;
	for (unsigned i = 0; i < STORE_REASON_COUNT; i++) {
		stream->dropped[i] = more->dropped[i];
		stream->seen += more->dropped[i];
	}
	stream->expected = stream->seen + stream->lost;
	assert_int_equal(store_recording_finish(rec, &s, &result), 0);
	s.state = STORE_STATE_STORED;
	s.bytes = result.payload_bytes;
	s.chunks = result.chunks;
	memcpy(s.file_hash, result.file_hash, sizeof(s.file_hash));
	store_recording_free(&rec, false);
	expect(fx, &s, true, *words ? STORE_FINDING_COUNTS : STORE_FINDING_NONE,
	       words);
}

/** Gaps have no more packets than the totals have. */
static void
test_gaps(void **state)
{
	static const enum store_reason unseen[] = { STORE_REASON_loss,
						    STORE_REASON_overrun,
						    STORE_REASON_kernel };
	static const enum store_reason left_out[] = { STORE_REASON_dtmf,
						      STORE_REASON_paused };
	struct fixture *fx = *state;
	struct store_stream more;
	unsigned n = 0;

	for (unsigned i = 0; i < 3; i++) {
		more = (struct store_stream){ .lost = 3, .late = 2 };
		more.dropped[STORE_REASON_overrun] = 2;
		expect_gap(fx, n++, unseen[i], &more, "");
		more.late = 1;
		expect_gap(fx, n++, unseen[i], &more,
			   "gaps of stream 0 have more packets");
	}
	for (unsigned i = 0; i < 2; i++) {
		more = (struct store_stream){ .lost = 3, .late = 2 };
		more.dropped[left_out[i]] = 7;
		expect_gap(fx, n++, left_out[i], &more, "");
		more.dropped[left_out[i]] = 6;
		more.dropped[STORE_REASON_policy] = 1;
		expect_gap(fx, n++, left_out[i], &more,
			   "gaps of stream 0 have more packets");
	}
	/* What was never seen counts as lost, not as dropped. */
	more = (struct store_stream){ .lost = 7 };
	more.dropped[STORE_REASON_kernel] = 1;
	expect_gap(fx, n++, STORE_REASON_kernel, &more,
		   "packets of stream 0 do not add up");
}

static void
test_not_erased(void **state)
{
	struct fixture *fx = *state;
	struct store_sealed_key sealed = { .count = 1 };
	struct store_segment s, purged;
	uint8_t slot[STORE__SLOT_BYTES];
	char path[512], keyring[300];
	uint8_t *bytes;
	size_t n;
	int fd;

	fixture_record(fx, &s, 0, 1100);
	fixture_path(fx, &s, path);
	bytes = testing_read_file(path, &n);
	snprintf(keyring, sizeof(keyring), "%s/keyring/2019-03-28.keys",
		 fx->dir);
	fd = open(keyring, O_RDWR);
	assert_int_equal(store__pread(fd, slot, sizeof(slot), 0), 0);
	assert_int_equal(store_purge(fx->archive, s.id, 5, "me", "test"), 0);
	assert_int_equal(store_segment_get(fx->archive, s.id, &purged), 0);
	expect_both(fx, &purged, STORE_FINDING_NONE, "");
	/* A backup brings the file back, then the key. */
	testing_write_file(path, bytes, n);
	expect_both(fx, &purged, STORE_FINDING_NOT_ERASED, ".rec is there");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store__pwrite(fd, slot, sizeof(slot), 0), 0);
	expect_both(fx, &purged, STORE_FINDING_NOT_ERASED, "slot 0");
	assert_int_equal(
	    store__keyring_read(fx->archive, s.key_day, 0, &sealed), 0);
	close(fd);
	free(bytes);
}

/* ---- what should not be there ------------------------------------------ */

struct seen {
	unsigned count;
	enum store_finding_type type;
	char id[200];
};

static int
see(void *ctx, const struct store_finding *finding)
{
	struct seen *seen = ctx;

	seen->count++;
	seen->type = finding->type;
	snprintf(seen->id, sizeof(seen->id), "%s", finding->id);
	return 0;
}

static void
expect_orphan(struct fixture *fx, unsigned count, enum store_finding_type type,
	      const char *id)
{
	struct seen seen = { 0 };

	assert_int_equal(store_verify_orphans(fx->archive, see, &seen), 0);
	if (seen.count != count)
		print_message("%s\n", seen.id);
	assert_int_equal(seen.count, count);
	if (count == 0)
		return;
	assert_int_equal(seen.type, type);
	assert_non_null(strstr(seen.id, id));
}

static void
test_orphans(void **state)
{
	struct fixture *fx = *state;
	struct store_sealed_key sealed = { .count = 1 };
	struct store_segment s, live;
	struct store_recording *rec;
	uint8_t slot[STORE__SLOT_BYTES];
	char path[512], stray[600];
	uint32_t number;
	uint8_t *bytes;
	size_t n;
	int fd;

	expect_orphan(fx, 0, 0, "");
	fixture_record(fx, &s, 0, 1100);
	fixture_segment(&live, 1);
	rec = fixture_begin(fx, &live);
	expect_orphan(fx, 0, 0, "");

	fixture_path(fx, &s, path);
	bytes = testing_read_file(path, &n);
	snprintf(stray, sizeof(stray), "%s/audio/2019/03/28/%s-77.rec", fx->dir,
		 s.call);
	testing_write_file(stray, bytes, n);
	expect_orphan(fx, 1, STORE_FINDING_FILE_UNKNOWN, "-77.rec");
	assert_int_equal(unlink(stray), 0);
	/* A known file in another folder, and things that are none. */
	snprintf(stray, sizeof(stray), "%s/audio/2019/%s.rec", fx->dir, s.id);
	testing_write_file(stray, bytes, n);
	expect_orphan(fx, 1, STORE_FINDING_FILE_UNKNOWN, s.id);
	assert_int_equal(unlink(stray), 0);
	snprintf(stray, sizeof(stray), "%s/audio/2019/03/28/notes.txt",
		 fx->dir);
	testing_write_file(stray, "x", 1);
	expect_orphan(fx, 1, STORE_FINDING_FILE_UNKNOWN, "notes.txt");
	assert_int_equal(unlink(stray), 0);
	snprintf(stray, sizeof(stray), "%s/keyring/2019-03-28.bak", fx->dir);
	testing_write_file(stray, "x", 1);
	expect_orphan(fx, 1, STORE_FINDING_FILE_UNKNOWN, ".bak");
	assert_int_equal(unlink(stray), 0);
	snprintf(stray, sizeof(stray), "%s/keyring/nothing", fx->dir);
	testing_write_file(stray, "x", 1);
	expect_orphan(fx, 1, STORE_FINDING_FILE_UNKNOWN, "nothing");
	assert_int_equal(unlink(stray), 0);

	/* A key whose row was never written. */
	assert_int_equal(
	    store_keyring_add(fx->archive, 20190328, &sealed, &number), 0);
	assert_int_equal(number, 2);
	expect_orphan(fx, 1, STORE_FINDING_KEY_UNUSED,
		      "2019-03-28.keys slot 2");
	assert_int_equal(store__keyring_destroy(fx->archive, 20190328, 2), 0);
	expect_orphan(fx, 0, 0, "");

	/* Purged, and back from a backup. */
	snprintf(stray, sizeof(stray), "%s/keyring/2019-03-28.keys", fx->dir);
	fd = open(stray, O_RDWR);
	assert_int_equal(store__pread(fd, slot, sizeof(slot), 0), 0);
	assert_int_equal(store_purge(fx->archive, s.id, 5, "me", "test"), 0);
	expect_orphan(fx, 0, 0, "");
	testing_write_file(path, bytes, n);
	expect_orphan(fx, 1, STORE_FINDING_NOT_ERASED, s.id);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store__pwrite(fd, slot, sizeof(slot), 0), 0);
	expect_orphan(fx, 1, STORE_FINDING_NOT_ERASED,
		      "2019-03-28.keys slot 0");
	close(fd);
	store_recording_free(&rec, true);
	free(bytes);
}

/** Each row is found by each of its keys, and each key leads to its row; what
 * is wrong is named by the id. */
static void
test_index(void **state)
{
	struct fixture *fx = *state;
	const struct store__tables *tables = &fx->archive->tables;
	struct store__key clock = { 0 }, key, stray = { 0 };
	uint8_t row[STORE__ROW_BYTES];
	struct store_segment s, other;
	size_t n;

	fixture_segment(&other, 9);
	fixture_put(fx, &other);
	fixture_segment(&s, 0);
	fixture_put(fx, &s);
	key = fixture_key(&s);
	expect_orphan(fx, 0, 0, "");
	/* Never due, and kept for ever. */
	store__key_text(&clock, s.retention);
	store__key_time(&clock, s.call_start_ns);
	store__key_segment(&clock, s.call, s.segment);
	fixture_index_set(fx, tables->clocks, &clock, NULL, 0);
	expect_orphan(fx, 1, STORE_FINDING_INDEX, s.id);
	fixture_index_set(fx, tables->clocks, &clock, "", 0);
	expect_orphan(fx, 0, 0, "");
	/* A key of another time, and one of a row that is not there. */
	store__key_text(&stray, s.retention);
	store__key_time(&stray, s.call_start_ns + 1);
	store__key_segment(&stray, s.call, s.segment);
	fixture_index_set(fx, tables->clocks, &stray, "", 0);
	expect_orphan(fx, 1, STORE_FINDING_INDEX, s.id);
	fixture_index_set(fx, tables->clocks, &stray, NULL, 0);
	stray.bytes = 0;
	store__key_segment(&stray, s.call, 77);
	fixture_index_set(fx, tables->live, &stray, "", 0);
	expect_orphan(fx, 1, STORE_FINDING_INDEX, "-77");
	fixture_index_set(fx, tables->live, &stray, NULL, 0);
	fixture_index_set(fx, tables->live, &key, "", 0);
	expect_orphan(fx, 1, STORE_FINDING_INDEX, s.id);
	fixture_index_set(fx, tables->live, &key, NULL, 0);
	/* A key that is none, and a row under it. */
	memset(stray.data, 'x', stray.bytes);
	fixture_index_set(fx, tables->segments, &stray, "\1", 1);
	expect_orphan(fx, 1, STORE_FINDING_INDEX, "787878787878");
	fixture_index_set(fx, tables->segments, &stray, NULL, 0);
	/* A row that cannot be read, of this version and of none. */
	n = store__row_encode(row, &s);
	fixture_index_set(fx, tables->segments, &key, row, n - 1);
	expect_orphan(fx, 1, STORE_FINDING_INDEX, s.id);
	row[0] = 2;
	fixture_index_set(fx, tables->segments, &key, row, n);
	expect_orphan(fx, 1, STORE_FINDING_INDEX, s.id);
	/* Gone: times, two numbers, extension and clock lead to nothing. */
	fixture_index_set(fx, tables->segments, &key, NULL, 0);
	expect_orphan(fx, 5, STORE_FINDING_INDEX, s.id);
}

/** Made long without being written, or no file at all. */
static void
test_odd_keyrings(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s;
	char path[300];

	fixture_record(fx, &s, 0, 1100);
	snprintf(path, sizeof(path), "%s/keyring/2019-03-28.keys", fx->dir);
	if (truncate(path, INT64_C(8) << 40))
		skip();
	expect_orphan(fx, 0, 0, "");
	snprintf(path, sizeof(path), "%s/keyring/2019-03-29.keys", fx->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_orphan(fx, 1, STORE_FINDING_DAMAGED, "2019-03-29.keys");
}

static void
test_unfinished_purge(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s;
	char path[512];

	fixture_record(fx, &s, 0, 1100);
	fixture_path(fx, &s, path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(store_purge(fx->archive, s.id, 5, "me", "x"), -EISDIR);
	/* The folder, and the note of the purge. */
	expect_orphan(fx, 2, STORE_FINDING_NOT_ERASED, s.id);
}

/** Sealed to a key of before: that one is named. */
static void
test_other_key(void **state)
{
	struct fixture *fx = *state;
	struct store_identity *other, *own = fx->identity;
	char path[512], text[2 * STORE_FINGERPRINT_BYTES + 1];
	struct store_sealed_key sealed;
	struct store_segment s;
	struct store_public pub;

	fixture_record(fx, &s, 0, 1100);
	assert_int_equal(store_recording_keys(fx->archive, &s, &sealed), 0);
	store_hex(text, sealed.fingerprints[0], STORE_FINGERPRINT_BYTES);
	snprintf(path, sizeof(path), "%s/other.key", fx->home);
	assert_int_equal(store_identity_create(path, &pub), 0);
	assert_int_equal(store_identity_load(&other, path), 0);
	fx->identity = other;
	expect(fx, &s, true, STORE_FINDING_KEY_OTHER, text);
	fx->identity = own;
	store_identity_free(&other);
	expect(fx, &s, true, STORE_FINDING_NONE, "");
}

/** What may not be read has a name, and keeps nothing else from being checked.
 */
static void
test_refused(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s;
	char path[300], command[400];

	fixture_record(fx, &s, 0, 1100);
	snprintf(path, sizeof(path), "%s/keyring/2019-03-28.keys", fx->dir);
	snprintf(command, sizeof(command), "chown -R 65534 %s", fx->home);
	if (geteuid() == 0 && (system(command) || seteuid(65534)))
		skip();
	assert_int_equal(chmod(path, 0), 0);
	expect_orphan(fx, 1, STORE_FINDING_REFUSED, "2019-03-28.keys");
	assert_int_equal(chmod(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/audio/2019", fx->dir);
	assert_int_equal(chmod(path, 0), 0);
	expect_orphan(fx, 1, STORE_FINDING_REFUSED, "audio/2019");
	assert_int_equal(chmod(path, 0700), 0);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

static void
test_allocation(void **state)
{
	struct fixture *fx = *state;
	struct store_finding finding;
	struct store_segment s;
	struct seen seen = { 0 };
	unsigned count;

	fixture_record(fx, &s, 0, 1100);
	testing_fail_allocation(0);
	assert_int_equal(store_verify(fx->archive, fx->identity, &s, &finding),
			 0);
	count = testing_allocations();
	assert_in_range(count, 2, 20);
	for (unsigned i = 1; i <= count; i++) {
		testing_fail_allocation(i);
		assert_int_equal(
		    store_verify(fx->archive, fx->identity, &s, &finding),
		    -ENOMEM);
	}
	testing_fail_allocation(0);
	assert_int_equal(store_verify_orphans(fx->archive, see, &seen), 0);
	count = testing_allocations();
	for (unsigned i = 1; i <= count; i++) {
		testing_fail_allocation(i);
		assert_int_equal(store_verify_orphans(fx->archive, see, &seen),
				 -ENOMEM);
	}
	testing_fail_allocation(0);
	assert_int_equal(seen.count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_sound),
		TEST(test_bit_flips),
		TEST(test_cuts),
		TEST(test_swap_of_files),
		TEST(test_reordered_chunks),
		TEST(test_key_slots),
		TEST(test_missing_file),
		TEST(test_conservation),
		TEST(test_gaps),
		TEST(test_not_erased),
		TEST(test_orphans),
		TEST(test_index),
		TEST(test_odd_keyrings),
		TEST(test_unfinished_purge),
		TEST(test_other_key),
		TEST(test_refused),
		TEST(test_allocation),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
