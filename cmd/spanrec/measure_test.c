/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Copies that are made while the recording is read for the first time, by what
 * it says at its end: the same as those of recordings that were read before,
 * whatever it says there, and none at all of what is not genuine.
 */
#include "cmd/spanrec/fixture_priv.h"
#include "cmd/spanrec/audio.h"

#include <errno.h>

#include <sndfile.h>

#define START_E (TESTING_CALL_A_NS + 1800 * SECOND)

/* What is heard of it when it is played, which reads it twice. */
static int16_t *
played(const struct fixture *f, const char *id, size_t *samples)
{
	char line[128];
	int16_t *pcm;
	char *wav;
	size_t n;

	snprintf(line, sizeof(line), "play %s - --purpose quality", id);
	wav = run_bytes(f, NOW, EXIT_DONE, &n, line);
	assert_true(n > 44);
	pcm = testing_copy(wav + 44, n - 44);
	free(wav);
	*samples = (n - 44) / sizeof(*pcm);
	return pcm;
}

/* Is a copy the same, and are all its chunks where its header says? */
static void
assert_copied(const struct fixture *f, const char *id, const char *gaps)
{
	char path[512];
	int16_t *heard, *pcm;
	SF_INFO info = { 0 };
	SNDFILE *file;
	size_t n, bytes;
	uint8_t *wav;

	heard = played(f, id, &n);
	snprintf(path, sizeof(path), "%s/a.wav", f->folder);
	free(run(f, NOW, EXIT_DONE, "export %s --out %s --purpose quality", id,
		 path));
	file = sf_open(path, SFM_READ, &info);
	assert_non_null(file);
	assert_int_equal((size_t)info.frames * 2, n);
	pcm = calloc(n, sizeof(*pcm));
	assert_int_equal(sf_readf_short(file, pcm, info.frames), info.frames);
	assert_memory_equal(pcm, heard, n * sizeof(*pcm));
	assert_has(sf_get_string(file, SF_STR_COMMENT), gaps);
	sf_close(file);
	wav = testing_read_file(path, &bytes);
	assert_int_equal(wav[4] | wav[5] << 8 | wav[6] << 16, bytes - 8);
	free(wav);
	free(pcm);
	free(heard);
	assert_int_equal(unlink(path), 0);
}

struct sound {
	size_t frames;
};

static int
count(void *ctx, const int16_t *pcm, size_t frames)
{
	struct sound *sound = ctx;

	sound->frames += frames;
	return 0;
}

/* @return what came of rendering; *foreseen: was it not read before? */
static int
render(const struct fixture *f, const char *id, bool *foreseen)
{
	struct spanrec spanrec = { .out = stdout,
				   .now_ns = NOW,
				   .home_option = f->home };
	struct store_segment *segment = calloc(1, sizeof(*segment));
	struct spanrec_selection selection = { .segments = segment,
					       .count = 1 };
	struct spanrec_audio audio = { .selection = &selection };
	struct sound sound = { 0 };
	int rc;

	assert_non_null(segment);
	assert_int_equal(spanrec_open(&spanrec, STORE_READ), 0);
	assert_int_equal(spanrec_open_key(&spanrec, true), 0);
	assert_int_equal(store_segment_get(spanrec.archive, id, segment), 0);
	assert_int_equal(spanrec_audio_foresee(&spanrec, &audio), 0);
	*foreseen = audio.seen != NULL;
	rc = spanrec_audio_render(&spanrec, &audio, count, &sound);
	assert_int_equal(sound.frames, audio.frames);
	spanrec_audio_fini(&audio);
	spanrec_fini(&spanrec);
	free(segment);
	return rc;
}

static void
test_foreseen(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES];
	bool foreseen;

	snprintf(id, sizeof(id), "%.27s-1", f->call[0]);
	assert_int_equal(render(f, id, &foreseen), 0);
	assert_true(foreseen);
	/* gaps are known when it is over */
	assert_copied(f, id, "GAPS=1\nGAP=0:00.980-0:01.200 right: loss");
	assert_copied(f, f->call[0], "GAPS=1\n");
	assert_copied(f, f->call[1], "GAPS=0");
}

/* ---- what is not as a recording says ------------------------------------- */

static int
say_longer(struct store_recording *recording, struct store_segment *segment)
{
	segment->streams[1].last_ns += 5 * SECOND;
	return 0;
}

static int
say_earlier(struct store_recording *recording, struct store_segment *segment)
{
	segment->streams[0].first_ns -= SECOND;
	return 0;
}

static int
leave_out(struct store_recording *recording, struct store_segment *segment)
{
	const struct store_gap gap = { .stream = 0,
				       .reason = STORE_REASON_paused,
				       .packets = 1,
				       .from_ns = START_E + SECOND,
				       .until_ns = START_E + SECOND };

	return store_recording_gap(recording, &gap);
}

/* Digits: in time, for too long, and where there is comfort noise. */
static int
put_digit(struct store_recording *recording, struct store_segment *segment)
{
	const struct store_gap gap = { .stream = 0,
				       .reason = STORE_REASON_dtmf,
				       .packets = 1,
				       .from_ns = START_E + SECOND,
				       .until_ns = START_E + SECOND };

	segment->streams[0].seen++;
	segment->streams[0].dropped[STORE_REASON_dtmf]++;
	return store_recording_gap(recording, &gap);
}

static int
put_long_digit(struct store_recording *recording, struct store_segment *segment)
{
	const struct store_gap gap = { .stream = 0,
				       .reason = STORE_REASON_dtmf,
				       .packets = 1,
				       .from_ns = START_E + SECOND,
				       .until_ns = START_E + 7 * SECOND };

	return store_recording_gap(recording, &gap);
}

static int
put_digit_and_noise(struct store_recording *recording,
		    struct store_segment *segment)
{
	const struct store_format format = { .payload_type = 13,
					     .channels = 1,
					     .clock_hz = 8000,
					     .encoding = "CN" };
	int rc = store_recording_format(recording, 0, &format);

	return rc < 0 ? rc : put_digit(recording, segment);
}

/* Two hops of a side: what one left out the other must not tell. */
static int
put_digit_of_two(struct store_recording *recording,
		 struct store_segment *segment)
{
	const struct store_stream_info info = { .side = STORE_LEFT,
						.ssrc = 0x3000 };
	int stream = store_recording_stream(recording, &info);

	if (stream != 2)
		return -EIO;
	segment->streams[2].ssrc = info.ssrc;
	segment->streams_count = 3;
	return put_digit(recording, segment);
}

static int
tell_of_wideband(struct store_recording *recording,
		 struct store_segment *segment)
{
	const struct store_format format = { .payload_type = 9,
					     .channels = 1,
					     .clock_hz = 8000,
					     .encoding = "G722" };

	return store_recording_format(recording, 0, &format);
}

static int
put_unknown(struct store_recording *recording, struct store_segment *segment)
{
	const struct store_frame frame = {
		.time_ns = START_E + SECOND,
		.timestamp = 8000,
		.sequence = 500,
		.payload = (const uint8_t *)"?",
		.payload_bytes = 1,
		.payload_type = 100,
		.stream = 0,
	};

	return store_recording_frame(recording, &frame);
}

/* What is short is known before what lies around it is heard. */
static void
test_digit(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], dir[512];
	bool foreseen;

	snprintf(dir, sizeof(dir), "%s/archive", f->home);
	testing_call_add(dir, id, put_digit);
	assert_int_equal(render(f, id, &foreseen), 0);
	assert_true(foreseen);
	assert_copied(f, id, "GAPS=1\nGAP=0:01.000-0:01.000 left: dtmf");
}

/* Reading it shows that; the copy is made by what is in it. */
static void
test_not_as_foreseen(void **state)
{
	static const struct {
		testing_call_fn before_end;
		const char *gaps;
	} cases[] = {
		{ say_longer, "GAPS=0" },
		{ say_earlier, "GAPS=0" },
		{ leave_out, "GAPS=1" },
		{ tell_of_wideband, "GAPS=0" },
		{ put_unknown, "GAPS=0" },
		{ put_long_digit, "GAPS=1" },
		{ put_digit_of_two, "GAPS=1" },
		{ put_digit_and_noise, "GAPS=1" },
	};
	const struct fixture *f;
	char id[STORE_SEGMENT_ID_BYTES], dir[512];
	bool foreseen;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		void *other = NULL;

		assert_int_equal(fixture_setup(&other), 0);
		f = other;
		snprintf(dir, sizeof(dir), "%s/archive", f->home);
		testing_call_add(dir, id, cases[i].before_end);
		assert_int_equal(render(f, id, &foreseen), SPANREC_AUDIO_AGAIN);
		assert_true(foreseen);
		assert_copied(f, id, cases[i].gaps);
		fixture_teardown(&other);
	}
}

static int
drop_some(struct store_recording *recording, struct store_segment *segment)
{
	segment->streams[0].seen++;
	segment->streams[0].dropped[STORE_REASON_paused]++;
	return 0;
}

static int
forget_a_stream(struct store_recording *recording,
		struct store_segment *segment)
{
	segment->streams_count = 1;
	return 0;
}

static void
have_two(struct store_segment *segment)
{
	segment->streams_count = 2;
}

/* Where something was left out, all of it must be known before. */
static void
test_not_foreseen(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], dir[512];
	bool foreseen;

	snprintf(dir, sizeof(dir), "%s/archive", f->home);
	testing_call_add(dir, id, drop_some);
	assert_int_equal(render(f, id, &foreseen), 0);
	assert_false(foreseen);
	assert_copied(f, id, "GAPS=0");
}

/* ... and where the row has a stream of which the end says nothing. */
static void
test_not_told(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], dir[512];
	bool foreseen;

	snprintf(dir, sizeof(dir), "%s/archive", f->home);
	testing_call_add(dir, id, forget_a_stream);
	edit(f, id, have_two);
	assert_int_equal(render(f, id, &foreseen), 0);
	assert_false(foreseen);
	assert_copied(f, id, "GAPS=0");
}

/* ---- what is not genuine ------------------------------------------------- */

/* Wherever a byte was changed: no copy, under whatever name, and nobody is said
 * to have one. */
static void
test_damaged(void **state)
{
	const struct fixture *f = *state;
	char path[512], *output;
	uint8_t *bytes;
	unsigned before, i;
	size_t n;

	snprintf(path, sizeof(path), "%s/archive/audio/2019/03/28/%s-1.rec",
		 f->home, f->call[1]);
	bytes = testing_read_file(path, &n);
	assert_int_equal(chmod(path, 0600), 0);
	before = testing_folder_count(f->folder);
	for (i = 0; i < 20; i++) {
		bytes[n * i / 20 + 30] ^= 1;
		testing_write_file(path, bytes, n);
		bytes[n * i / 20 + 30] ^= 1;
		free(run(f, NOW, EXIT_DAMAGED,
			 "export %s --out %s/a.%s --purpose abuse", f->call[1],
			 f->folder, i & 1 ? "wav" : "pcap"));
		assert_int_equal(testing_folder_count(f->folder), before);
	}
	/* the last chunk is missing */
	testing_write_file(path, bytes, n - 1);
	free(run(f, NOW, EXIT_DAMAGED,
		 "export %s --out %s/a.wav --purpose abuse", f->call[1],
		 f->folder));
	assert_int_equal(testing_folder_count(f->folder), before);
	testing_write_file(path, bytes, n);
	free(bytes);
	output = run(f, NOW, EXIT_DONE, "show %s", f->call[1]);
	assert_has_not(output, "abuse");
	free(output);
	assert_copied(f, f->call[1], "GAPS=0");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_foreseen),
		FIXTURE_TEST(test_digit),
		cmocka_unit_test(test_not_as_foreseen),
		FIXTURE_TEST(test_not_foreseen),
		FIXTURE_TEST(test_not_told),
		FIXTURE_TEST(test_damaged),
	};

	return cmocka_run_group_tests(tests, fixture_begin, NULL);
}
