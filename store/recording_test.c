/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing and reading .rec files: what goes in comes out, chunks close on the
 * grid, the disk may fail, and nothing of the plaintext is on it. */
#include "cmd/testing/testing.h"
#include "store/fixture_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void
expect_sound(struct fixture *fx, const struct store_segment *s)
{
	struct store_finding finding;

	assert_int_equal(store_verify(fx->archive, fx->identity, s, &finding),
			 0);
}

/** Read a recording of fixture_speak from its item on; check each. */
static void
expect_frames(struct store_reader *reader, unsigned from, unsigned until)
{
	uint8_t payload[FIXTURE_PAYLOAD_BYTES];
	unsigned next[2] = { from, from };
	struct store_item item;
	unsigned totals = 0;
	int r;

	while ((r = store_reader_next(reader, &item)) > 0) {
		if (item.type == STORE_ITEM_TOTALS)
			totals++;
		if (item.type != STORE_ITEM_FRAME)
			continue;
		assert_in_range(item.stream, 0, 1);
		assert_int_equal(item.frame.sequence, next[item.stream]);
		assert_int_equal(item.frame.timestamp, next[item.stream] * 160);
		assert_int_equal(item.frame.time_ns,
				 FIXTURE_START_NS +
				     next[item.stream] * INT64_C(20000000) +
				     item.stream * 5000000);
		assert_int_equal(item.frame.payload_type, 8);
		assert_int_equal(item.frame.marker, next[item.stream] == 0);
		assert_int_equal(item.frame.payload_bytes, sizeof(payload));
		fixture_payload(payload, item.stream, next[item.stream]);
		assert_memory_equal(item.frame.payload, payload,
				    sizeof(payload));
		next[item.stream]++;
	}
	assert_int_equal(r, 0);
	assert_int_equal(next[0], until);
	assert_int_equal(next[1], until);
	assert_int_equal(totals, 2);
}

static void
round_trip(struct fixture *fx, uint8_t cipher)
{
	struct store_reader *reader;
	struct store_segment s;
	struct store_item item;
	struct stat st;
	char path[512];

	fx->archive->cipher = store__cipher_find(cipher);
	assert_non_null(fx->archive->cipher);
	fixture_record(fx, &s, 0, 3500);
	assert_int_equal(s.chunks, 4);
	assert_int_equal(s.bytes, 2 * 175 * FIXTURE_PAYLOAD_BYTES);
	fixture_path(fx, &s, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0440);

	assert_int_equal(
	    store_reader_open(&reader, fx->archive, fx->identity, &s), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(store_reader_next(reader, &item), 1);
		assert_int_equal(item.type, STORE_ITEM_STREAM);
		assert_int_equal(item.stream, i);
		assert_int_equal(item.info.side, i);
		assert_int_equal(item.info.ssrc, 0x1000 + i);
		assert_int_equal(item.info.src_port, 4000);
		assert_int_equal(item.info.dst_port, 5000);
		assert_int_equal(store_reader_next(reader, &item), 1);
		assert_int_equal(item.type, STORE_ITEM_FORMAT);
		assert_int_equal(item.format.payload_type, 8);
		assert_int_equal(item.format.clock_hz, 8000);
		assert_int_equal(item.format.channels, 1);
		assert_string_equal(item.format.encoding, "PCMA");
	}
	expect_frames(reader, 0, 175);
	assert_int_equal(store_reader_next(reader, &item), 0);
	store_reader_close(&reader);
}

static void
test_round_trip_xchacha(void **state)
{
	round_trip(*state, STORE__XCHACHA20_POLY1305);
}

static void
test_round_trip_aes(void **state)
{
	if (!store__cipher_find(STORE__AES256_GCM))
		skip();
	round_trip(*state, STORE__AES256_GCM);
}

static void
test_seek(void **state)
{
	struct fixture *fx = *state;
	struct store_reader *reader;
	struct store_segment s;
	struct store_item item;

	fixture_record(fx, &s, 0, 5000);
	assert_int_equal(
	    store_reader_open(&reader, fx->archive, fx->identity, &s), 0);
	for (int back = 0; back < 2; back++) {
		/* The chunk that holds 3.5 s begins at 3 s. */
		assert_int_equal(
		    store_reader_seek(reader, s.start_ns + 3500000000), 0);
		if (!back) {
			assert_int_equal(store_reader_next(reader, &item), 1);
			assert_int_equal(item.type, STORE_ITEM_STREAM);
		}
		expect_frames(reader, 150, 250);
	}
	assert_int_equal(store_reader_seek(reader, INT64_MIN), 0);
	expect_frames(reader, 0, 250);
	/* Far behind the end: the last chunk. */
	assert_int_equal(store_reader_seek(reader, INT64_MAX), 0);
	expect_frames(reader, 200, 250);
	store_reader_close(&reader);
}

/** The same frames in another order between streams: as many chunks. */
static void
test_grid(void **state)
{
	struct fixture *fx = *state;
	const unsigned pass_ms[] = { 20, 60, 240, 1000 };
	struct store_recording_result result;
	struct store_recording *rec;
	struct store_segment s;

	for (unsigned n = 0; n < 4; n++) {
		int64_t now, end, until, grid, t[2];

		fixture_segment(&s, n);
		rec = fixture_begin(fx, &s);
		t[0] = t[1] = s.start_ns;
		now = s.start_ns;
		end = s.start_ns + 10 * NS_PER_S;
		while (now < end) {
			until = now + pass_ms[n] * INT64_C(1000000);
			grid = now - (now - s.start_ns) % NS_PER_S + NS_PER_S;
			if (until > grid)
				until = grid;
			for (unsigned i = 0; i < 2; i++)
				for (; t[i] < until; t[i] += 20000000)
					/* Side 0 is silent in second 3. */
					if (i ||
					    t[i] < s.start_ns + 3 * NS_PER_S ||
					    t[i] >= s.start_ns + 4 * NS_PER_S)
						assert_int_equal(
						    fixture_frame(rec, i, 1,
								  t[i]),
						    0);
			now = until;
			assert_int_equal(store_recording_flush(rec, now), 0);
		}
		assert_int_equal(store_recording_finish(rec, &s, &result), 0);
		/* ten of sound and the final one */
		assert_int_equal(result.chunks, 11);
		store_recording_free(&rec, false);
	}
}

static void
test_behind_the_grid(void **state)
{
	struct fixture *fx = *state;
	struct store_recording_result result;
	struct store_recording *rec;
	struct store_segment s;

	fixture_segment(&s, 0);
	rec = fixture_begin(fx, &s);
	assert_int_equal(fixture_frame(rec, 0, 0, s.start_ns - 5000), 0);
	assert_int_equal(fixture_frame(rec, 0, 1, s.start_ns + NS_PER_S), 0);
	assert_int_equal(fixture_frame(rec, 1, 0, s.start_ns + 999999999), 0);
	assert_int_equal(fixture_frame(rec, 1, 1, s.start_ns - NS_PER_S), 0);
	assert_int_equal(store_recording_flush(rec, s.start_ns + 1999999999),
			 0);
	assert_int_equal(fixture_frame(rec, 1, 2, s.start_ns + 1999999999), 0);
	assert_int_equal(store_recording_finish(rec, &s, &result), 0);
	assert_int_equal(result.chunks, 2);
	store_recording_free(&rec, false);
}

/** A second of more than 32 KiB is several chunks; none is longer. */
static void
test_full_chunks(void **state)
{
	struct fixture *fx = *state;
	struct store_recording_result result;
	struct store_recording *rec;
	struct store_segment s;

	fixture_segment(&s, 0);
	rec = fixture_begin(fx, &s);
	for (unsigned i = 0; i < 400; i++)
		assert_int_equal(fixture_frame(rec, i % 2, i / 2, s.start_ns),
				 0);
	assert_int_equal(store_recording_finish(rec, &s, &result), 0);
	/* 400 * 180 bytes, 168 of streams and formats in each chunk */
	assert_int_equal(result.chunks, 3);
	store_recording_free(&rec, false);
}

static void
test_too_long(void **state)
{
	struct fixture *fx = *state;
	const uint16_t most = STORE__CHUNK_BYTES - 168 - STORE__FRAME_BYTES;
	uint8_t *payload = calloc(1, 65535);
	struct store_frame frame = { .payload = payload };
	struct store_recording_result result;
	struct store_recording *rec;
	struct store_segment s;

	fixture_segment(&s, 0);
	rec = fixture_begin(fx, &s);
	frame.time_ns = s.start_ns;
	frame.payload_bytes = (uint16_t)(most + 1);
	assert_int_equal(store_recording_frame(rec, &frame), -EMSGSIZE);
	frame.payload_bytes = 65535;
	assert_int_equal(store_recording_frame(rec, &frame), -EMSGSIZE);
	for (int i = 0; i < 3; i++) {
		frame.payload_bytes = most;
		assert_int_equal(store_recording_frame(rec, &frame), 0);
		frame.payload_bytes = 0;
		assert_int_equal(store_recording_frame(rec, &frame), 0);
	}
	frame.stream = 2;
	assert_int_equal(store_recording_frame(rec, &frame), -EINVAL);
	assert_int_equal(store_recording_finish(rec, &s, &result), 0);
	assert_int_equal(result.chunks, 6);
	assert_int_equal(result.payload_bytes, 3 * most);
	store_recording_free(&rec, false);
	free(payload);
}

static void
test_before_begin(void **state)
{
	struct fixture *fx = *state;
	struct store_recording_result result;
	struct store_recording_spec spec;
	struct store_sealed_key sealed;
	struct store_recording *rec;
	struct store_segment s;

	fixture_segment(&s, 0);
	spec =
	    (struct store_recording_spec){ .id = s.id, .start_ns = s.start_ns };
	assert_int_equal(store_recording_new(&rec, fx->archive, &spec), 0);
	fixture_streams(rec);
	assert_int_equal(fixture_speak(rec, &s, 0, 1000), 0);
	/* The second is over, but there is no file to put it into. */
	assert_int_equal(fixture_frame(rec, 0, 50, s.start_ns + NS_PER_S),
			 -ENOBUFS);
	assert_int_equal(store_recording_flush(rec, s.start_ns + NS_PER_S), 0);
	assert_int_equal(store_recording_finish(rec, &s, &result), -EINVAL);
	assert_true(sodium_is_zero((uint8_t *)&result, sizeof(result)));
	for (unsigned i = 0; i < 81; i++)
		assert_int_equal(fixture_frame(rec, 0, 0, s.start_ns), 0);
	assert_int_equal(fixture_frame(rec, 0, 0, s.start_ns), -ENOBUFS);

	store_recording_seal_key(rec, &sealed);
	s.key_day = FIXTURE_DAY;
	assert_int_equal(
	    store_keyring_add(fx->archive, s.key_day, &sealed, &s.key_slot), 0);
	assert_int_equal(store_recording_begin(rec, s.key_day, s.key_slot), 0);
	assert_int_equal(fixture_frame(rec, 0, 50, s.start_ns + NS_PER_S), 0);
	assert_int_equal(store_recording_finish(rec, &s, &result), 0);
	assert_int_equal(result.chunks, 2);
	assert_int_equal(result.frames[0], 50 + 81 + 1);
	assert_int_equal(result.frames[1], 50);
	assert_int_equal(result.frames[2], 0);
	assert_int_equal(store_recording_finish(rec, &s, &result), -EALREADY);
	assert_int_equal(result.chunks, 2);
	assert_int_equal(fixture_frame(rec, 0, 0, s.start_ns), -EALREADY);
	store_recording_free(&rec, false);
}

static void
test_gaps_formats_late_streams(void **state)
{
	struct fixture *fx = *state;
	const struct store_gap gap = { .stream = 1,
				       .reason = STORE_REASON_dtmf,
				       .packets = 7,
				       .from_ns = FIXTURE_START_NS,
				       .until_ns = FIXTURE_START_NS + 5 };
	struct store_format format = { .payload_type = 96,
				       .channels = 2,
				       .clock_hz = 48000,
				       .encoding = "opus" };
	struct store_stream_info info = { .side = STORE_RIGHT, .ssrc = 7 };
	struct store_recording *rec;
	struct store_reader *reader;
	struct store_segment s;
	struct store_item item;
	unsigned formats = 0, streams = 0, gaps = 0;

	memset(info.src_addr, 0xab, sizeof(info.src_addr));
	fixture_segment(&s, 0);
	rec = fixture_begin(fx, &s);
	assert_int_equal(store_recording_gap(rec, &gap), 0);
	assert_int_equal(fixture_speak(rec, &s, 0, 2000), 0);
	assert_int_equal(store_recording_stream(rec, &info), 2);
	assert_int_equal(store_recording_format(rec, 2, &format), 0);
	/* The same again is nothing new; another meaning is. */
	assert_int_equal(store_recording_format(rec, 2, &format), 0);
	format.clock_hz = 16000;
	assert_int_equal(store_recording_format(rec, 2, &format), 0);
	assert_int_equal(store_recording_format(rec, 3, &format), -EINVAL);
	assert_int_equal(store_recording_format(rec, -1, &format), -EINVAL);
	assert_int_equal(fixture_frame(rec, 2, 0, s.start_ns + 4 * NS_PER_S),
			 0);
	fixture_finish(fx, &s, rec, 2000);

	assert_int_equal(
	    store_reader_open(&reader, fx->archive, fx->identity, &s), 0);
	while (store_reader_next(reader, &item) > 0) {
		if (item.type == STORE_ITEM_GAP) {
			assert_int_equal(item.gap.stream, 1);
			assert_int_equal(item.gap.reason, STORE_REASON_dtmf);
			assert_int_equal(item.gap.packets, 7);
			assert_int_equal(item.gap.from_ns, gap.from_ns);
			assert_int_equal(item.gap.until_ns, gap.until_ns);
			gaps++;
		}
		streams += item.type == STORE_ITEM_STREAM;
		formats += item.type == STORE_ITEM_FORMAT;
		if (item.type == STORE_ITEM_STREAM && item.stream == 2) {
			assert_int_equal(item.info.ssrc, 7);
			assert_memory_equal(item.info.src_addr, info.src_addr,
					    16);
		}
	}
	assert_int_equal(gaps, 1);
	assert_int_equal(streams, 3);
	assert_int_equal(formats, 4);
	store_reader_close(&reader);
}

static void
test_many_streams(void **state)
{
	struct fixture *fx = *state;
	const struct store_recording_spec spec = { .id = "c-1" };
	struct store_stream_info info = { .ssrc = 0 };
	struct store_format format = { .encoding = "PCMA" };
	struct store_recording *rec;
	int r = 0, formats;

	assert_int_equal(store_recording_new(&rec, fx->archive, &spec), 0);
	for (int i = 0; i < STORE_STREAMS_MAX; i++)
		assert_int_equal(store_recording_stream(rec, &info), i);
	assert_int_equal(store_recording_stream(rec, &info), -ENOSPC);
	for (formats = 0; r == 0; formats++) {
		format.payload_type = (uint8_t)(formats % 128);
		r = store_recording_format(rec, formats / 128, &format);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(
	    formats - 1,
	    (STORE__PREAMBLE_BYTES - STORE_STREAMS_MAX * STORE__STREAM_BYTES) /
		STORE__FORMAT_BYTES);
	store_recording_free(&rec, true);
}

static void
test_allocation(void **state)
{
	struct fixture *fx = *state;
	const struct store_recording_spec spec = { .id = "c-1" };
	const struct store_stream_info info = { .ssrc = 1 };
	struct store_recording *rec;

	assert_int_equal(store_recording_new(&rec, fx->archive, &spec), 0);
	testing_fail_allocation(1);
	assert_int_equal(store_recording_stream(rec, &info), -ENOMEM);
	testing_fail_allocation(0);
	assert_int_equal(store_recording_stream(rec, &info), 0);
	store_recording_free(&rec, false);
	assert_null(rec);
	store_recording_free(&rec, false);
}

static void
test_bad_ids(void **state)
{
	struct fixture *fx = *state;
	static const char *const ids[] = {
		"",
		"../c-1",
		".c-1",
		"a/b-1",
		"a b-1",
		"c\n-1",
		"0123456789012345678901234567890123456789-1"
	};
	struct store_recording_spec spec = { 0 };
	struct store_recording *rec;

	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		spec.id = ids[i];
		assert_int_equal(store_recording_new(&rec, fx->archive, &spec),
				 -EINVAL);
		assert_null(rec);
	}
}

static void
test_file_there_already(void **state)
{
	struct fixture *fx = *state;
	struct store_recording_spec spec;
	struct store_recording *rec;
	struct store_segment s;
	size_t before, after;
	char path[512];

	fixture_record(fx, &s, 0, 100);
	fixture_path(fx, &s, path);
	free(testing_read_file(path, &before));
	spec =
	    (struct store_recording_spec){ .id = s.id, .start_ns = s.start_ns };
	assert_int_equal(store_recording_new(&rec, fx->archive, &spec), 0);
	assert_int_equal(store_recording_begin(rec, s.key_day, 1), -EEXIST);
	/* Not its own: it stays. */
	store_recording_free(&rec, true);
	free(testing_read_file(path, &after));
	assert_int_equal(before, after);
}

static void
test_free_unlinks(void **state)
{
	struct fixture *fx = *state;
	struct store_recording *rec;
	struct store_segment s;
	char path[512];

	fixture_segment(&s, 0);
	rec = fixture_begin(fx, &s);
	fixture_path(fx, &s, path);
	assert_int_equal(fixture_speak(rec, &s, 0, 2500), 0);
	assert_int_equal(access(path, F_OK), 0);
	store_recording_free(&rec, true);
	assert_int_equal(access(path, F_OK), -1);
}

static void
test_reading_what_is_being_written(void **state)
{
	struct fixture *fx = *state;
	struct store_recording *rec;
	struct store_reader *reader;
	struct store_segment s;
	struct store_item item;
	unsigned frames = 0;

	fixture_segment(&s, 0);
	rec = fixture_begin(fx, &s);
	assert_int_equal(fixture_speak(rec, &s, 0, 2500), 0);
	assert_int_equal(
	    store_reader_open(&reader, fx->archive, fx->identity, &s), 0);
	while (store_reader_next(reader, &item) > 0)
		frames += item.type == STORE_ITEM_FRAME;
	assert_int_equal(frames, 200);
	/* ... and on, as more is written */
	assert_int_equal(fixture_speak(rec, &s, 2500, 4020), 0);
	while (store_reader_next(reader, &item) > 0)
		frames += item.type == STORE_ITEM_FRAME;
	assert_int_equal(frames, 400);
	store_reader_close(&reader);
	store_recording_free(&rec, true);
}

/** What a limit on the size of files does, a full disk does too. */
static void
test_disk_full(void **state)
{
	struct fixture *fx = *state;
	struct store_recording_result result;
	struct rlimit limit, old;
	struct store_recording *rec;
	struct store_reader *reader;
	struct store_segment s;
	struct store_item item;
	struct stat st;
	unsigned frames = 0;
	char path[512];
	int r;

	fixture_segment(&s, 0);
	rec = fixture_begin(fx, &s);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 45000; /* two chunks and a half */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	r = fixture_speak(rec, &s, 0, 5000);
	assert_int_equal(r, -EFBIG);
	assert_int_equal(fixture_frame(rec, 0, 0, s.start_ns), -EFBIG);
	assert_int_equal(store_recording_flush(rec, INT64_MAX), -EFBIG);
	assert_int_equal(store_recording_finish(rec, &s, &result), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(result.chunks, 2);
	/* The third chunk was taken, but never written. */
	assert_int_equal(result.payload_bytes, 200 * FIXTURE_PAYLOAD_BYTES);
	assert_int_equal(result.frames[0], 100);
	assert_int_equal(result.frames[1], 100);
	store_recording_free(&rec, false);

	/* What is there is whole. */
	fixture_path(fx, &s, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, STORE__HEADER_BYTES +
					 2 * (STORE__HEAD_BYTES + 168 +
					      100 * 180 + STORE__TAG_BYTES));
	s.state = STORE_STATE_INTERRUPTED;
	s.chunks = result.chunks;
	assert_int_equal(
	    store_reader_open(&reader, fx->archive, fx->identity, &s), 0);
	while ((r = store_reader_next(reader, &item)) > 0)
		frames += item.type == STORE_ITEM_FRAME;
	assert_int_equal(r, 0);
	assert_int_equal(frames, 200);
	store_reader_close(&reader);
}

/** The disk is full only when the last chunk has to be written. */
static void
test_disk_full_at_last(void **state)
{
	struct fixture *fx = *state;
	struct store_recording_result result;
	struct rlimit limit, old;
	struct store_recording *rec;
	struct store_segment s;

	fixture_segment(&s, 0);
	rec = fixture_begin(fx, &s);
	assert_int_equal(fixture_speak(rec, &s, 0, 1100), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 20000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(store_recording_finish(rec, &s, &result), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(result.chunks, 1);
	assert_int_equal(result.frames[0], 50);
	assert_int_equal(result.frames[1], 50);
	assert_int_equal(result.payload_bytes, 100 * FIXTURE_PAYLOAD_BYTES);
	store_recording_free(&rec, false);
	s.state = STORE_STATE_INTERRUPTED;
	s.chunks = result.chunks;
	memcpy(s.file_hash, result.file_hash, sizeof(s.file_hash));
	expect_sound(fx, &s);
}

#define SEALS_MAX 8

/** A cipher that keeps the nonces it was given. */
static struct {
	const struct store__cipher *real;
	uint8_t nonces[SEALS_MAX][STORE__NONCE_BYTES];
	unsigned count;
} noted;

static int
noting_seal(uint8_t *text, size_t n, const uint8_t *ad, size_t ad_bytes,
	    const uint8_t *nonce, const uint8_t *key)
{
	assert_in_range(noted.count, 0, SEALS_MAX - 1);
	memcpy(noted.nonces[noted.count++], nonce, STORE__NONCE_BYTES);
	return noted.real->seal(text, n, ad, ad_bytes, nonce, key);
}

/** A nonce whose chunk went half-way to the disk is never used again, though
 * there is room again and frames go on coming. */
static void
test_nonces_once(void **state)
{
	struct fixture *fx = *state;
	const struct store_gap gap = { .packets = 1 };
	struct store_recording_result result;
	struct store_stream_info info = { .ssrc = 7 };
	struct store_format format = { .encoding = "PCMU" };
	struct store__cipher cipher;
	struct rlimit limit, old;
	struct store_recording *rec;
	struct store_segment s;
	int64_t later;

	noted.real = fx->archive->cipher;
	noted.count = 0;
	cipher = *noted.real;
	cipher.seal = noting_seal;
	fx->archive->cipher = &cipher;
	fixture_segment(&s, 0);
	later = s.start_ns + 9 * NS_PER_S;
	rec = fixture_begin(fx, &s);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 45000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(fixture_speak(rec, &s, 0, 5000), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(fixture_frame(rec, 0, 0, later), -EFBIG);
	assert_int_equal(store_recording_gap(rec, &gap), -EFBIG);
	assert_int_equal(store_recording_stream(rec, &info), -EFBIG);
	assert_int_equal(store_recording_format(rec, 0, &format), -EFBIG);
	assert_int_equal(store_recording_flush(rec, later), -EFBIG);
	assert_int_equal(fixture_frame(rec, 0, 1, later + NS_PER_S), -EFBIG);
	assert_int_equal(store_recording_finish(rec, &s, &result), -EFBIG);
	assert_int_equal(store_recording_finish(rec, &s, &result), -EFBIG);
	store_recording_free(&rec, false);
	assert_int_equal(noted.count, 3);
	for (unsigned i = 0; i < noted.count; i++)
		assert_int_equal(noted.nonces[i][0], i);
}

/** Frames from beyond what a head may say: still a chunk a second, and all of
 * it is read, and found. */
static void
test_longest(void **state)
{
	const int64_t longest_ns = STORE__SECOND_MAX * NS_PER_S;
	struct fixture *fx = *state;
	struct store_reader *reader;
	struct store_recording *rec;
	struct store__walk walk;
	struct store_segment s;
	struct store_item item;
	unsigned frames = 0;
	char path[512];
	int fd;

	fixture_segment(&s, 0);
	rec = fixture_begin(fx, &s);
	assert_int_equal(fixture_frame(rec, 0, 0, s.start_ns), 0);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(
		    fixture_frame(rec, 0, i + 1,
				  s.start_ns + longest_ns + i * NS_PER_S / 2),
		    0);
	assert_int_equal(fixture_frame(rec, 0, 7, INT64_MAX), 0);
	assert_int_equal(store_recording_flush(rec, INT64_MAX), 0);
	fixture_finish(fx, &s, rec, 2000);
	assert_int_equal(s.chunks, 5);

	fixture_path(fx, &s, path);
	fd = open(path, O_RDONLY);
	assert_int_equal(store__walk_file(&walk, fd), 0);
	close(fd);
	assert_int_equal(walk.chunks, 5);
	assert_int_equal(walk.second, STORE__SECOND_MAX);
	assert_int_equal(
	    store_reader_open(&reader, fx->archive, fx->identity, &s), 0);
	assert_int_equal(store_reader_seek(reader, INT64_MAX), 0);
	while (store_reader_next(reader, &item) > 0)
		frames += item.type == STORE_ITEM_FRAME;
	assert_int_equal(frames, 7);
	store_reader_close(&reader);
}

/** A limit below the header: begin fails, leaves nothing, and may be tried
 * again. */
static void
test_disk_full_at_once(void **state)
{
	struct fixture *fx = *state;
	struct store_recording_spec spec;
	struct rlimit limit, old;
	struct store_recording *rec;
	struct store_segment s;
	char path[512];

	fixture_segment(&s, 0);
	s.key_day = FIXTURE_DAY;
	spec =
	    (struct store_recording_spec){ .id = s.id, .start_ns = s.start_ns };
	assert_int_equal(store_recording_new(&rec, fx->archive, &spec), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 40;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(store_recording_begin(rec, FIXTURE_DAY, 0), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	fixture_path(fx, &s, path);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(store_recording_begin(rec, FIXTURE_DAY, 0), 0);
	assert_int_equal(access(path, F_OK), 0);
	store_recording_free(&rec, true);
}

/** What reading to the end gives. */
static int
read_all(struct fixture *fx, const struct store_segment *s)
{
	struct store_reader *reader;
	struct store_item item;
	int r, again;

	assert_int_equal(
	    store_reader_open(&reader, fx->archive, fx->identity, s), 0);
	while ((r = store_reader_next(reader, &item)) > 0)
		;
	again = store_reader_next(reader, &item);
	assert_int_equal(again, r);
	store_reader_close(&reader);
	return r;
}

/** Cut at each boundary between chunks: the reader does not take it for the
 * end, whatever the state. */
static void
test_cut_between_chunks(void **state)
{
	struct fixture *fx = *state;
	static const enum store_state states[] = { STORE_STATE_STORED,
						   STORE_STATE_HELD,
						   STORE_STATE_DAMAGED,
						   STORE_STATE_INTERRUPTED };
	const off_t chunk =
	    STORE__HEAD_BYTES + 168 + 100 * 180 + STORE__TAG_BYTES;
	struct store_segment s;
	char path[512];

	fixture_record(fx, &s, 0, 3100);
	fixture_path(fx, &s, path);
	assert_int_equal(s.chunks, 4);
	for (unsigned i = 0; i < 4; i++) {
		s.state = states[i];
		assert_int_equal(read_all(fx, &s), 0);
		s.chunks = 5;
		assert_int_equal(read_all(fx, &s), -EBADMSG);
		s.chunks = 3;
		assert_int_equal(read_all(fx, &s), -EBADMSG);
		s.chunks = 4;
	}
	assert_int_equal(truncate(path, STORE__HEADER_BYTES + 3 * chunk), 0);
	for (unsigned i = 0; i < 4; i++) {
		s.state = states[i];
		s.chunks = 4;
		assert_int_equal(read_all(fx, &s), -EBADMSG);
		/* The index agrees: all there was, unless it was finished. */
		s.chunks = 3;
		assert_int_equal(read_all(fx, &s),
				 s.state == STORE_STATE_STORED ? -EBADMSG : 0);
	}
	s.state = STORE_STATE_RECORDING;
	s.chunks = 0;
	assert_int_equal(read_all(fx, &s), 0);
}

/* ---- several threads --------------------------------------------------- */

#define THREADS    4
#define PER_THREAD 25

struct writer {
	struct store_segment segments[PER_THREAD];
	struct store_recording *recs[PER_THREAD];
	int failed;
};

/** What a writer thread does while the archive's does its own work. */
static void *
writer_thread(void *ctx)
{
	struct writer *w = ctx;
	struct store_recording_result result;

	for (unsigned i = 0; i < PER_THREAD; i++) {
		struct store_segment *s = &w->segments[i];

		w->failed |=
		    store_recording_begin(w->recs[i], s->key_day, s->key_slot);
		fixture_streams(w->recs[i]);
		w->failed |= fixture_speak(w->recs[i], s, 0, 1500);
		fixture_totals(s, 1500);
		w->failed |= store_recording_finish(w->recs[i], s, &result);
		s->state = STORE_STATE_STORED;
		s->bytes = result.payload_bytes;
		s->chunks = result.chunks;
		memcpy(s->file_hash, result.file_hash, sizeof(s->file_hash));
		store_recording_free(&w->recs[i], false);
	}
	return NULL;
}

static void
test_threads(void **state)
{
	struct fixture *fx = *state;
	struct writer *writers = calloc(THREADS, sizeof(*writers));
	struct store_sealed_key sealed;
	struct store_finding finding;
	struct store_segment other;
	pthread_t threads[THREADS];
	uint32_t slot;

	for (unsigned t = 0; t < THREADS; t++) {
		for (unsigned i = 0; i < PER_THREAD; i++) {
			struct store_segment *s = &writers[t].segments[i];
			struct store_recording_spec spec = { .id = s->id };

			fixture_segment(s, t * PER_THREAD + i);
			spec.start_ns = s->start_ns;
			assert_int_equal(
			    store_recording_new(&writers[t].recs[i],
						fx->archive, &spec),
			    0);
			store_recording_seal_key(writers[t].recs[i], &sealed);
			s->key_day = FIXTURE_DAY;
			assert_int_equal(store_keyring_add(fx->archive,
							   s->key_day, &sealed,
							   &s->key_slot),
					 0);
		}
	}
	assert_int_equal(store_keyring_sync(fx->archive), 0);
	for (unsigned t = 0; t < THREADS; t++)
		assert_int_equal(pthread_create(&threads[t], NULL,
						writer_thread, &writers[t]),
				 0);
	for (unsigned i = 0; i < 20; i++) {
		fixture_segment(&other, 1000 + i);
		fixture_put(fx, &other);
		assert_int_equal(
		    store_keyring_add(fx->archive, FIXTURE_DAY, &sealed, &slot),
		    0);
		assert_int_equal(store_keyring_sync(fx->archive), 0);
		assert_int_equal(store_archive_sync(fx->archive), 0);
	}
	for (unsigned t = 0; t < THREADS; t++) {
		assert_int_equal(pthread_join(threads[t], NULL), 0);
		assert_int_equal(writers[t].failed, 0);
		for (unsigned i = 0; i < PER_THREAD; i++) {
			struct store_segment *s = &writers[t].segments[i];

			assert_int_equal(store_verify(fx->archive, fx->identity,
						      s, &finding),
					 0);
		}
	}
	free(writers);
}

/** Two recipients: each opens it, a third does not. */
static void
test_escrow(void **state)
{
	struct fixture *fx = *state;
	struct store_identity *ids[3];
	struct store_public pubs[3];
	struct store_reader *reader;
	struct store_segment s;
	char path[300];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%u.key", fx->home, i);
		assert_int_equal(store_identity_create(path, &pubs[i]), 0);
		assert_int_equal(store_identity_load(&ids[i], path), 0);
	}
	store_archive_close(&fx->archive);
	snprintf(fx->dir, sizeof(fx->dir), "%s/two", fx->home);
	assert_int_equal(store_archive_create(fx->dir, pubs, 2), 0);
	fixture_open(fx);
	fixture_record(fx, &s, 0, 100);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(
		    store_reader_open(&reader, fx->archive, ids[i], &s),
		    i < 2 ? 0 : -ENOKEY);
		store_reader_close(&reader);
		store_identity_free(&ids[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_round_trip_xchacha),
		TEST(test_round_trip_aes),
		TEST(test_seek),
		TEST(test_grid),
		TEST(test_behind_the_grid),
		TEST(test_full_chunks),
		TEST(test_too_long),
		TEST(test_before_begin),
		TEST(test_gaps_formats_late_streams),
		TEST(test_many_streams),
		TEST(test_allocation),
		TEST(test_bad_ids),
		TEST(test_file_there_already),
		TEST(test_free_unlinks),
		TEST(test_reading_what_is_being_written),
		TEST(test_disk_full),
		TEST(test_disk_full_at_last),
		TEST(test_nonces_once),
		TEST(test_longest),
		TEST(test_disk_full_at_once),
		TEST(test_cut_between_chunks),
		TEST(test_threads),
		TEST(test_escrow),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
