/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Taking a part out: that it is gone from every file and the rest is not, who
 * may and who may not, a crash between any two steps, and any order of gaps. */
#include "cmd/testing/testing.h"
#include "store/fixture_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS        INT64_C(1000000)
#define LONG_MS   10000 /* of a recording here */
#define FROM_MS   4000
#define UNTIL_MS  6000
#define PACKET_MS 20

static const struct store_person ann = { .uid = 1001, .name = "ann" };
static const struct store_person bob = { .uid = 1002, .name = "bob" };

static int
setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	fixture_init(fx);
	*state = fx;
	return 0;
}

static int
teardown(void **state)
{
	fixture_fini(*state);
	free(*state);
	return 0;
}

/* ---- search through every file ----------------------------------------- */

/* nftw has no context. */
static const uint8_t *needle;
static size_t needle_bytes;
static unsigned needle_files;

static int
look_into(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	uint8_t *bytes;
	size_t n;

	if (flag != FTW_F)
		return 0;
	bytes = testing_read_file(path, &n);
	needle_files += memmem(bytes, n, needle, needle_bytes) != NULL;
	free(bytes);
	return 0;
}

static unsigned
files_with(const char *dir, const void *bytes, size_t n)
{
	needle = bytes;
	needle_bytes = n;
	needle_files = 0;
	assert_int_equal(nftw(dir, look_into, 16, FTW_PHYS), 0);
	return needle_files;
}

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

static void
file_key(struct fixture *fx, const struct store_segment *s,
	 struct store_sealed_key *sealed, uint8_t key[STORE_FILE_KEY_BYTES])
{
	assert_int_equal(
	    store__keyring_read(fx->archive, s->key_day, s->key_slot, sealed),
	    0);
	assert_int_equal(
	    crypto_box_seal_open(key, sealed->sealed[0], STORE_SEALED_KEY_BYTES,
				 fx->identity->pub.bytes, fx->identity->secret),
	    0);
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
	char detail[256];
};

static int
count_entry(void *ctx, const struct store_ledger_entry *entry)
{
	struct counting *counting = ctx;

	if (strcmp(entry->action, counting->action) != 0)
		return 0;
	counting->count++;
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

static int
count_finding(void *ctx, const struct store_finding *finding)
{
	if (finding->type != STORE_FINDING_KEY_UNUSED) {
		++*(unsigned *)ctx;
		print_message("%s: %s\n", finding->id, finding->detail);
	}
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
expect_sound(struct fixture *fx, const char *id, struct store_segment *now)
{
	struct store_finding finding;
	int r;

	assert_int_equal(store_segment_get(fx->archive, id, now), 0);
	r = store_verify(fx->archive, fx->identity, now, &finding);
	if (r)
		print_message("%s\n", finding.detail);
	assert_int_equal(r, 0);
	assert_int_equal(findings(fx), 0);
}

/* ---- scrubbing --------------------------------------------------------- */

static int
propose_range(struct fixture *fx, const struct store_segment *s, uint32_t sides,
	      int64_t from_ns, int64_t until_ns)
{
	struct store_scrub scrub = { .from_ns = from_ns,
				     .until_ns = until_ns,
				     .sides = sides,
				     .why = "a card number",
				     .proposer = ann,
				     .proposed_ns = 1111 };

	memcpy(scrub.id, s->id, sizeof(scrub.id));
	return store_scrub_propose(fx->archive, &scrub);
}

static int
propose(struct fixture *fx, const struct store_segment *s, uint32_t sides)
{
	return propose_range(fx, s, sides, s->start_ns + FROM_MS * MS,
			     s->start_ns + UNTIL_MS * MS);
}

static int
hand_over(struct fixture *fx, const struct store_scrub *begun, int fd)
{
	uint8_t piece[5000];
	uint64_t offset = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 &&
	       (n = pread(fd, piece, sizeof(piece), (off_t)offset)) > 0) {
		r = store_scrub_write(fx->archive, begun, offset, piece,
				      (size_t)n);
		offset += (uint64_t)n;
	}
	return r;
}

/** From the agreement to the file in memory. @return its descriptor, or errno
 * of the first step that failed */
static int
make(struct fixture *fx, const char *id, const struct store_person *who,
     struct store_scrub *begun, struct store_scrub_result *result)
{
	struct store_recording_spec spec = { .id = id };
	struct store_sealed_key sealed;
	struct store_recording *rec;
	struct store_segment s;
	int fd, r;

	r = store_segment_get(fx->archive, id, &s);
	if (r)
		return r;
	spec.start_ns = s.start_ns;
	assert_int_equal(store_recording_new(&rec, fx->archive, &spec), 0);
	store_recording_seal_key(rec, &sealed);
	r = store_scrub_begin(fx->archive, id, who, 2222, &sealed, begun);
	if (r) {
		store_recording_free(&rec, false);
		return r;
	}
	fd = memfd_create("scrub", MFD_CLOEXEC);
	assert_true(fd >= 0);
	r = store_scrub_make(fx->archive, fx->identity, &s, begun, rec, fd,
			     result);
	store_recording_free(&rec, false);
	if (r)
		close(fd);
	return r ? r : fd;
}

static int
agree(struct fixture *fx, const char *id, const struct store_person *who)
{
	struct store_scrub_result result;
	struct store_scrub begun;
	int r, fd = make(fx, id, who, &begun, &result);

	if (fd < 0)
		return fd;
	r = hand_over(fx, &begun, fd);
	close(fd);
	return r ? r : store_scrub_commit(fx->archive, &begun, &result, 3333);
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
	assert_int_equal(files_with(fx->home, before->sealed.sealed[0],
				    STORE_SEALED_KEY_BYTES),
			 0);
	assert_int_equal(files_with(fx->home, before->key, sizeof(before->key)),
			 0);
	assert_int_equal(files_with(fx->home, key, sizeof(key)), 0);
	/* The old file is nowhere: not a piece of its first sealed text. */
	assert_int_equal(
	    files_with(fx->home,
		       before->file + STORE__HEADER_BYTES + STORE__HEAD_BYTES,
		       64),
	    0);
	assert_int_equal(files_with(fx->home, "PLAINTEXT", 9), 0);
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

/* ---- gaps -------------------------------------------------------------- */

struct told {
	unsigned frames, gaps, scrub_gaps;
	int64_t from_ns, until_ns; /* of the scrub's last gap */
	uint32_t packets;
};

static void
read_stream(struct fixture *fx, const struct store_segment *s, unsigned stream,
	    struct told *told)
{
	struct store_reader *reader;
	struct store_item item;
	int r;

	memset(told, 0, sizeof(*told));
	assert_int_equal(
	    store_reader_open(&reader, fx->archive, fx->identity, s), 0);
	while ((r = store_reader_next(reader, &item)) > 0) {
		if (item.type == STORE_ITEM_SCRUBBED || item.stream != stream)
			continue;
		told->frames += item.type == STORE_ITEM_FRAME;
		if (item.type != STORE_ITEM_GAP)
			continue;
		told->gaps++;
		if (item.gap.reason != STORE_REASON_scrub)
			continue;
		told->scrub_gaps++;
		told->from_ns = item.gap.from_ns;
		told->until_ns = item.gap.until_ns;
		told->packets = item.gap.packets;
	}
	assert_int_equal(r, 0);
	store_reader_close(&reader);
}

/** The gap reaches from the packet before to the packet behind; at the ends, as
 * far as there was one. */
static void
test_true_length(void **state)
{
	struct fixture *fx = *state;
	/* milliseconds: range; gap: packets, from, until */
	const struct {
		int from, until, packets, gap_from, gap_until;
	} rows[] = {
		{ 4000, 6000, 100, 3980, 6000 },
		{ 0, 2000, 100, 0, 2000 },
		{ -5000, 1000, 50, 0, 1000 },
		{ 8000, 10000, 100, 7980, 9980 },
		{ 8000, 99000, 100, 7980, 9980 },
		{ -1000, 99000, 500, 0, 9980 },
		/* Into the middle of a packet: all of it goes. */
		{ 4010, 4011, 1, 3980, 4020 },
		{ 4019, 4021, 2, 3980, 4040 },
	};
	struct store_segment s, now;
	struct told told;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fixture_record(fx, &s, i, LONG_MS);
		assert_int_equal(propose_range(fx, &s, 1 << STORE_LEFT,
					       s.start_ns + rows[i].from * MS,
					       s.start_ns + rows[i].until * MS),
				 0);
		assert_int_equal(agree(fx, s.id, &bob), 0);
		expect_sound(fx, s.id, &now);
		read_stream(fx, &now, 0, &told);
		assert_int_equal(told.scrub_gaps, 1);
		assert_int_equal(told.packets, rows[i].packets);
		assert_int_equal(told.from_ns - s.start_ns,
				 rows[i].gap_from * MS);
		assert_int_equal(told.until_ns - s.start_ns,
				 rows[i].gap_until * MS);
		assert_int_equal(now.streams[0].stored,
				 500 - (unsigned)rows[i].packets);
		assert_int_equal(now.streams[0].dropped[STORE_REASON_scrub],
				 rows[i].packets);
		assert_int_equal(now.streams[0].seen, 500);
		assert_int_equal(now.streams[0].gaps, 1);
		assert_int_equal(now.streams[1].stored, 500);
		assert_int_equal(now.bytes,
				 s.bytes - (unsigned)rows[i].packets *
					       FIXTURE_PAYLOAD_BYTES);
		read_stream(fx, &now, 1, &told);
		assert_int_equal(told.frames, 500);
		assert_int_equal(told.gaps, 0);
	}
}

/** A stream by hand: packets, and gaps of other reasons between them. */
static void
record_random(struct fixture *fx, struct store_segment *s, unsigned nth)
{
	struct store_recording_result result;
	struct store_recording *rec;
	struct store_gap gap = { .stream = 0 };
	struct store_stream *t = &s->streams[0];
	unsigned sequence = 0;

	fixture_segment(s, nth);
	rec = fixture_begin(fx, s);
	fixture_totals(s, 0);
	s->streams[1].first_ns = s->streams[1].last_ns = 0;
	while (sequence < 200) {
		int64_t at_ns = s->start_ns + sequence * PACKET_MS * MS;
		unsigned n = 1 + randombytes_uniform(30);

		if (randombytes_uniform(3)) {
			for (unsigned i = 0; i < n; i++)
				assert_int_equal(
				    fixture_frame(rec, 0, sequence + i,
						  at_ns + i * PACKET_MS * MS),
				    0);
			t->stored += n;
			t->seen += n;
		} else {
			gap.reason = randombytes_uniform(2)
					 ? STORE_REASON_dtmf
					 : STORE_REASON_payment;
			gap.packets = n;
			gap.from_ns = sequence ? at_ns - PACKET_MS * MS : at_ns;
			gap.until_ns = at_ns + n * PACKET_MS * MS;
			assert_int_equal(store_recording_gap(rec, &gap), 0);
			t->dropped[gap.reason] += n;
			t->seen += n;
			t->gaps++;
		}
		sequence += n;
	}
	t->expected = t->seen;
	s->end_ns = s->start_ns + sequence * PACKET_MS * MS;
	assert_int_equal(store_recording_finish(rec, s, &result), 0);
	s->state = STORE_STATE_STORED;
	s->bytes = result.payload_bytes;
	s->chunks = result.chunks;
	memcpy(s->file_hash, result.file_hash, sizeof(s->file_hash));
	store_recording_free(&rec, false);
	fixture_put(fx, s);
}

/** In any order of gaps, any part, and again: what was in the range is gone,
 * what was not is there, packets add up, and between the first and the last
 * packet there is no time that neither a packet nor a gap tells of. */
static void
expect_told(struct fixture *fx, const struct store_segment *s, int64_t from_ns,
	    int64_t until_ns, unsigned stored)
{
	struct store_reader *reader;
	struct store_item item;
	int64_t told_ns = INT64_MIN;
	unsigned frames = 0;

	assert_int_equal(
	    store_reader_open(&reader, fx->archive, fx->identity, s), 0);
	while (store_reader_next(reader, &item) > 0) {
		int64_t begin_ns, end_ns;

		if (item.type == STORE_ITEM_FRAME) {
			begin_ns = item.frame.time_ns;
			end_ns = begin_ns + PACKET_MS * MS;
			assert_true(end_ns <= from_ns || begin_ns >= until_ns);
			frames++;
		} else if (item.type == STORE_ITEM_GAP) {
			begin_ns = item.gap.from_ns;
			end_ns = item.gap.until_ns;
			assert_true(begin_ns <= end_ns);
		} else {
			continue;
		}
		if (told_ns != INT64_MIN)
			assert_true(begin_ns <= told_ns + PACKET_MS * MS);
		if (end_ns > told_ns)
			told_ns = end_ns;
	}
	store_reader_close(&reader);
	assert_int_equal(frames, s->streams[0].stored);
	assert_int_equal(stored - frames,
			 s->streams[0].dropped[STORE_REASON_scrub]);
}

static void
test_any_gaps(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s, now;

	for (unsigned i = 0; i < 20; i++) {
		record_random(fx, &s, i);
		for (unsigned again = 0; again < 3; again++) {
			const int64_t length = s.end_ns - s.start_ns;
			int64_t from_ns =
			    s.start_ns + randombytes_uniform(4000) * MS;
			int64_t until_ns =
			    from_ns + MS +
			    (int64_t)randombytes_uniform(2000) * MS;

			assert_true(length > 0);
			assert_int_equal(propose_range(fx, &s, STORE_SIDES_BOTH,
						       from_ns, until_ns),
					 0);
			assert_int_equal(agree(fx, s.id, &bob), 0);
			expect_sound(fx, s.id, &now);
			assert_int_equal(now.scrubs, again + 1);
			expect_told(fx, &now, from_ns, until_ns,
				    (unsigned)s.streams[0].stored);
		}
	}
}

/** As fixture_finish, with packets by hand: [count] of each stream. */
static void
finish_with(struct fixture *fx, struct store_segment *s,
	    struct store_recording *rec, const unsigned *count,
	    unsigned streams_count)
{
	struct store_recording_result result;

	s->streams_count = streams_count;
	s->end_ns = s->start_ns + LONG_MS * MS;
	for (unsigned i = 0; i < streams_count; i++)
		s->streams[i] = (struct store_stream){ .side = i == 1,
						       .ssrc = 0x1000 + i,
						       .codec = "PCMA",
						       .seen = count[i],
						       .stored = count[i],
						       .expected = count[i] };
	assert_int_equal(store_recording_finish(rec, s, &result), 0);
	s->state = STORE_STATE_STORED;
	s->bytes = result.payload_bytes;
	s->chunks = result.chunks;
	memcpy(s->file_hash, result.file_hash, sizeof(s->file_hash));
	store_recording_free(&rec, false);
	fixture_put(fx, s);
}

/** The network held packets back: what they say is heard before they came. */
static void
test_late_packets(void **state)
{
	struct fixture *fx = *state;
	struct store_recording *rec;
	struct store_segment s, now;
	struct told told;

	fixture_segment(&s, 0);
	rec = fixture_begin(fx, &s);
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(
		    fixture_frame(rec, 0, i,
				  s.start_ns + i * PACKET_MS * MS +
				      (i >= 200 && i < 260 ? 110 * MS : 0)),
		    0);
	finish_with(fx, &s, rec, (const unsigned[]){ 500, 0 }, 2);
	/* 250 to 255 are heard then, and came 110 ms later. */
	assert_int_equal(propose_range(fx, &s, STORE_SIDES_BOTH,
				       s.start_ns + 5000 * MS,
				       s.start_ns + 5100 * MS),
			 0);
	assert_int_equal(agree(fx, s.id, &bob), 0);
	expect_sound(fx, s.id, &now);
	read_stream(fx, &now, 0, &told);
	assert_in_range(told.packets, 10, 11);
}

/** Two streams of one side at once may be the same sound, one behind the
 * other. */
static void
test_relay(void **state)
{
	struct fixture *fx = *state;
	const struct store_stream_info info = { .side = STORE_LEFT,
						.ssrc = 0x1002 };
	struct store_recording *rec;
	struct store_segment s, now;
	struct told told;

	fixture_segment(&s, 0);
	rec = fixture_begin(fx, &s);
	assert_int_equal(store_recording_stream(rec, &info), 2);
	for (unsigned i = 0; i < 500; i++) {
		assert_int_equal(
		    fixture_frame(rec, 0, i, s.start_ns + i * PACKET_MS * MS),
		    0);
		assert_int_equal(
		    fixture_frame(rec, 2, i,
				  s.start_ns + (i * PACKET_MS + 90) * MS),
		    0);
	}
	finish_with(fx, &s, rec, (const unsigned[]){ 500, 0, 500 }, 3);
	assert_int_equal(propose(fx, &s, STORE_SIDES_BOTH), 0);
	assert_int_equal(agree(fx, s.id, &bob), 0);
	expect_sound(fx, s.id, &now);
	/* What was said from 4 s to 6 s came by the relay until 6.09 s. */
	for (unsigned stream = 0; stream < 3; stream += 2) {
		read_stream(fx, &now, stream, &told);
		assert_true(told.from_ns < s.start_ns + 4000 * MS - MS);
		assert_true(told.until_ns >= s.start_ns + 6090 * MS);
		assert_in_range(told.packets, 110, 122);
	}
}

/** One that was cut off by a crash has no counts, neither before nor after. */
static void
test_interrupted(void **state)
{
	struct fixture *fx = *state;
	struct store_recording *rec;
	struct store_segment s, now;
	struct told told;

	fixture_segment(&s, 0);
	rec = fixture_begin(fx, &s);
	assert_int_equal(fixture_speak(rec, &s, 0, LONG_MS), 0);
	store_recording_free(&rec, false);
	store_archive_close(&fx->archive);
	fixture_open(fx);
	assert_int_equal(store_segment_get(fx->archive, s.id, &s), 0);
	assert_int_equal(s.state, STORE_STATE_INTERRUPTED);
	assert_int_equal(s.streams_count, 0);
	assert_int_equal(propose(fx, &s, STORE_SIDES_BOTH), 0);
	assert_int_equal(agree(fx, s.id, &bob), 0);
	expect_sound(fx, s.id, &now);
	assert_int_equal(now.state, STORE_STATE_INTERRUPTED);
	read_stream(fx, &now, 0, &told);
	assert_int_equal(told.packets, 100);
}

/* ---- who may, and what may not ----------------------------------------- */

static void
set_state(struct fixture *fx, struct store_segment *s, enum store_state state)
{
	assert_int_equal(store_segment_get(fx->archive, s->id, s), 0);
	s->state = state;
	fixture_put(fx, s);
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
		    files_with(fx->home, old.sealed[0], STORE_SEALED_KEY_BYTES),
		    0);
		assert_int_equal(
		    files_with(fx->home, new.sealed[0], STORE_SEALED_KEY_BYTES),
		    0);
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

static int die_at;

static void
die(int step)
{
	if (step == die_at)
		_exit(77);
}

/** In a process of its own, which is killed there. */
static void
agree_until(struct fixture *fx, const char *id, int step)
{
	int status;

	store_archive_close(&fx->archive);
	if (fork() == 0) {
		if (store_archive_open(&fx->archive, fx->dir, STORE_WRITE,
				       &fixture_config, NULL))
			_exit(1);
		die_at = step;
		fx->archive->fault = die;
		(void)!agree(fx, id, &bob);
		_exit(2);
	}
	assert_true(wait(&status) > 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 77);
}

static void
test_crash_at_every_step(void **state)
{
	/* in this order; 2 is within the destruction of the old key */
	const int steps[] = { 11, 12, 13, 14, 2, 15, 16, 17 };
	struct fixture *fx = *state;
	struct store_recovery recovery;
	struct store_segment s, now;
	struct before before;

	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const int step = steps[i];
		const bool done = step == 2 || step > 13;

		fixture_record(fx, &s, i, LONG_MS);
		keep(fx, &s, &before);
		assert_int_equal(propose(fx, &s, STORE_SIDES_BOTH), 0);
		agree_until(fx, s.id, step);
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
			assert_int_equal(entries(fx, "scrub", NULL), 0);
			assert_int_equal(agree(fx, s.id, &bob), 0);
		}
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
	struct store_scrub scrub;
	struct store_segment s, now;
	struct before before;
	char path[512];

	fixture_record(fx, &s, 0, LONG_MS);
	keep(fx, &s, &before);
	assert_int_equal(propose(fx, &s, STORE_SIDES_BOTH), 0);
	agree_until(fx, s.id, 14);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_READ,
					    &fixture_config, NULL),
			 0);
	assert_int_equal(findings(fx), 1);
	store_archive_close(&fx->archive);
	fixture_open(fx);
	expect_sound(fx, s.id, &now);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_gone),
		TEST(test_true_length),
		TEST(test_any_gaps),
		TEST(test_late_packets),
		TEST(test_relay),
		TEST(test_interrupted),
		TEST(test_two_people),
		TEST(test_refused),
		TEST(test_begun_twice),
		TEST(test_purge_wins),
		TEST(test_crash_at_every_step),
		TEST(test_verify_tells),
		TEST(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
