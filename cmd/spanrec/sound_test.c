/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is heard of the known calls, and what is not: play and export. */
#include "cmd/spanrec/fixture_priv.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

#include <sndfile.h>

/* Amplitude of one frequency (Goertzel), 0 to 1. */
static double
amplitude(const int16_t *pcm, size_t n, int step, double hz)
{
	double w = 2 * cos(2 * M_PI * hz / 8000.0), s0, s1 = 0, s2 = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		s0 = pcm[i * (size_t)step] / 32768.0 + w * s1 - s2;
		s2 = s1;
		s1 = s0;
	}
	return 2 * sqrt(s1 * s1 + s2 * s2 - w * s1 * s2) / (double)n;
}

/* From, for so long, in one channel: this frequency and none of the others. */
static void
assert_tone(const int16_t *pcm, int channels, int channel, double from_s,
	    double hz)
{
	static const double all[] = { 440, 880, 600, 1100 };
	const int16_t *start =
	    pcm + (size_t)(from_s * 8000) * (size_t)channels + channel;
	size_t i, n = 4000;

	for (i = 0; i < 4; i++) {
		double a = amplitude(start, n, channels, all[i]);

		if (all[i] == hz)
			assert_true(a > 0.45 && a < 0.55);
		else
			assert_true(a < 0.01);
	}
}

/* Read a WAV with a library that is not ours. */
static int16_t *
read_wav(const char *path, SF_INFO *info)
{
	SNDFILE *file;
	int16_t *pcm;

	memset(info, 0, sizeof(*info));
	file = sf_open(path, SFM_READ, info);
	assert_non_null(file);
	assert_int_equal(info->samplerate, 8000);
	assert_int_equal(info->format, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
	pcm =
	    calloc((size_t)info->frames * (size_t)info->channels, sizeof(*pcm));
	assert_non_null(pcm);
	assert_int_equal(sf_readf_short(file, pcm, info->frames), info->frames);
	sf_close(file);
	return pcm;
}

static void
test_export(void **state)
{
	const struct fixture *f = *state;
	char path[512];
	struct stat st;
	SF_INFO info;
	int16_t *pcm;

	snprintf(path, sizeof(path), "%s/a.wav", f->folder);
	free(run(f, NOW, EXIT_DONE, "export %s --out %s --purpose dispute",
		 f->call[0], path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	pcm = read_wav(path, &info);
	assert_int_equal(info.channels, 2);
	/* as long as it was made */
	assert_int_equal(info.frames, 48000);
	assert_tone(pcm, 2, 0, 0.1, 440);
	assert_tone(pcm, 2, 1, 0.1, 880);
	/* the gap: 10 packets on the right, from 1.0 s. Of 0.2 s, 60 ms are
	 * made up */
	assert_true(amplitude(&pcm[2 * 8000 + 1], 160, 2, 880) > 0.25);
	assert_true(amplitude(&pcm[2 * 8480 + 1], 1120, 2, 880) < 0.001);
	assert_tone(pcm, 2, 0, 0.9, 440);
	assert_tone(pcm, 2, 1, 1.3, 880);
	/* the second segment */
	assert_tone(pcm, 2, 0, 4.0, 440);
	assert_tone(pcm, 2, 1, 5.4, 880);
	free(pcm);

	snprintf(path, sizeof(path), "%s/received.wav", f->folder);
	free(run(f, NOW, EXIT_DONE,
		 "export %s --out %s --purpose dispute --no-conceal",
		 f->call[0], path));
	pcm = read_wav(path, &info);
	assert_true(amplitude(&pcm[2 * 8000 + 1], 1600, 2, 880) < 0.001);
	free(pcm);

	/* one segment of another call */
	snprintf(path, sizeof(path), "%s/b.wav", f->folder);
	free(run(f, NOW, EXIT_DONE, "export %s-1 --out %s --purpose quality",
		 f->call[1], path));
	pcm = read_wav(path, &info);
	assert_int_equal(info.frames, 16000);
	assert_tone(pcm, 2, 0, 0.1, 600);
	assert_tone(pcm, 2, 1, 1.4, 1100);
	free(pcm);
}

static void
test_export_mix(void **state)
{
	const struct fixture *f = *state;
	char path[512];
	SF_INFO info;
	int16_t *pcm;

	snprintf(path, sizeof(path), "%s/mix.wav", f->folder);
	free(run(f, NOW, EXIT_DONE,
		 "export %s-2 --mix --out %s --purpose quality", f->call[0],
		 path));
	pcm = read_wav(path, &info);
	assert_int_equal(info.channels, 1);
	assert_int_equal(info.frames, 24000);
	assert_true(amplitude(pcm, 16000, 1, 440) > 0.23);
	assert_true(amplitude(pcm, 16000, 1, 880) > 0.23);
	free(pcm);
}

static void
test_export_refused(void **state)
{
	const struct fixture *f = *state;
	char path[512], *listing;
	uint8_t *bytes;
	size_t n;

	/* an existing file is kept */
	snprintf(path, sizeof(path), "%s/a.wav", f->folder);
	testing_write_file(path, "precious", 8);
	free(run(f, NOW, EXIT_FAILED, "export %s --out %s --purpose dispute",
		 f->call[0], path));
	bytes = testing_read_file(path, &n);
	assert_int_equal(n, 8);
	assert_memory_equal(bytes, "precious", 8);
	free(bytes);
	free(run(f, NOW, EXIT_DONE,
		 "export %s --out %s --purpose dispute --force", f->call[0],
		 path));
	bytes = testing_read_file(path, &n);
	assert_true(n > 4 * 48000);
	free(bytes);
	unlink(path);

	free(run(f, NOW, EXIT_USAGE, "export %s --out %s", f->call[0], path));
	free(run(f, NOW, EXIT_NOT_ALLOWED, "export %s --out %s --purpose fun",
		 f->call[0], path));
	free(run(f, NOW, EXIT_FAILED,
		 "export %s --out %s/none/a.wav --purpose abuse", f->call[0],
		 f->folder));
	free(run(f, NOW, EXIT_USAGE, "export %s --out a.mp3 --purpose abuse",
		 f->call[0]));
	free(run(f, NOW, EXIT_USAGE, "export %s --out a --purpose abuse",
		 f->call[0]));
	/* nothing to hear */
	free(run(f, NOW, EXIT_NOT_FOUND, "export %s --out %s --purpose abuse",
		 f->call[2], path));
	free(run(f, NOW, EXIT_NOT_FOUND, "export %s --out %s --purpose abuse",
		 f->call[3], path));
	assert_int_equal(access(path, F_OK), -1);

	/* of all that was refused the ledger knows nothing */
	listing = run(f, NOW, EXIT_DONE, "show %s-1 --json", f->call[0]);
	assert_has(listing, "purpose dispute");
	assert_has_not(listing, "abuse");
	free(listing);
}

/* What stops in the middle leaves no copy, under whatever name. */
static void
test_export_stopped(void **state)
{
	const struct fixture *f = *state;
	struct rlimit before, limit;
	sigset_t term, mask;
	char line[512];
	size_t n;

	snprintf(line, sizeof(line), "export %s --out %s/a.wav --purpose abuse",
		 f->call[0], f->folder);

	/* somebody ends the program */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &mask);
	raise(SIGTERM);
	free(run_bytes(f, NOW, EXIT_FAILED, &n, line));
	sigprocmask(SIG_SETMASK, &mask, NULL);
	assert_int_equal(testing_folder_count(f->folder), 1);

	/* the file cannot get as long as it must */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 100000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	free(run_bytes(f, NOW, EXIT_FAILED, &n, line));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(testing_folder_count(f->folder), 1);

	free(run_bytes(f, NOW, EXIT_DONE, &n, line));
	assert_int_equal(testing_folder_count(f->folder), 2);
}

static uint32_t
le32(const char *p)
{
	const unsigned char *b = (const unsigned char *)p;

	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
	       (uint32_t)b[3] << 24;
}

static void
test_play_pipe(void **state)
{
	const struct fixture *f = *state;
	char line[256], *wav;
	size_t n;

	snprintf(line, sizeof(line), "play %s - --purpose training",
		 f->call[0]);
	wav = run_bytes(f, NOW, EXIT_DONE, &n, line);
	assert_int_equal(n, 44 + 4 * 48000);
	assert_memory_equal(wav, "RIFF", 4);
	assert_int_equal(le32(wav + 4), n - 8);
	assert_int_equal(le32(wav + 40), n - 44);
	free(wav);

	/* the right side alone, from the third second on */
	snprintf(line, sizeof(line),
		 "play %s - --side right --from 0:03 --purpose training",
		 f->call[0]);
	wav = run_bytes(f, NOW, EXIT_DONE, &n, line);
	assert_int_equal(n, 44 + 2 * 24000);
	assert_tone((const int16_t *)(const void *)(wav + 44), 1, 0, 0.1, 880);
	free(wav);

	snprintf(line, sizeof(line), "play %s - --from 9 --purpose training",
		 f->call[0]);
	free(run_bytes(f, NOW, EXIT_USAGE, &n, line));
	snprintf(line, sizeof(line), "play %s -", f->call[0]);
	free(run_bytes(f, NOW, EXIT_USAGE, &n, line));
}

/* A sound card that writes what it plays into a file. */
static void
test_play_card(void **state)
{
	const struct fixture *f = *state;
	char config[512], text[1024], raw[512], *wav;
	uint8_t *played;
	size_t n, wav_bytes;

	snprintf(config, sizeof(config), "%s/asound.conf", f->folder);
	snprintf(raw, sizeof(raw), "%s/card.raw", f->folder);
	snprintf(text, sizeof(text),
		 "pcm.!default { type file slave.pcm { type null } "
		 "file \"%s\" format \"raw\" }\n",
		 raw);
	testing_write_file(config, text, strlen(text));
	assert_int_equal(setenv("ALSA_CONFIG_PATH", config, 1), 0);
	free(run(f, NOW, EXIT_DONE, "play %s --purpose training", f->call[0]));
	played = testing_read_file(raw, &n);

	/* the same as goes into a pipe */
	snprintf(text, sizeof(text), "play %s - --purpose training",
		 f->call[0]);
	wav = run_bytes(f, NOW, EXIT_DONE, &wav_bytes, text);
	assert_int_equal(n, wav_bytes - 44);
	assert_memory_equal(played, wav + 44, n);
	free(played);
	free(wav);

	/* no card, no entry in the ledger */
	assert_int_equal(setenv("ALSA_CONFIG_PATH", "/dev/null", 1), 0);
	free(run(f, NOW, EXIT_FAILED, "play %s --purpose abuse", f->call[0]));
	wav = run(f, NOW, EXIT_DONE, "show %s-1", f->call[0]);
	assert_has(wav, "play by ");
	assert_has_not(wav, "abuse");
	free(wav);
	unsetenv("ALSA_CONFIG_PATH");
}

static void
deny_listening(struct store_segment *segment)
{
	segment->decision = STORE_LISTEN_DENY;
}

/* Stored, but not to be heard by anybody, also by way of the whole call. */
static void
test_listen_deny(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *output;

	snprintf(id, sizeof(id), "%.27s-2", f->call[0]);
	edit(f, id, deny_listening);
	output = run(f, NOW, EXIT_NOT_ALLOWED, "play %s - --purpose abuse", id);
	assert_string_equal(output, "");
	free(output);
	output = run(f, NOW, EXIT_NOT_ALLOWED, "play %s - --purpose abuse",
		     f->call[0]);
	assert_string_equal(output, "");
	free(output);
	free(run(f, NOW, EXIT_NOT_ALLOWED,
		 "export %s --out none.wav --purpose abuse", f->call[0]));
	assert_int_equal(access("none.wav", F_OK), -1);
	free(run(f, NOW, EXIT_DONE, "play %s-1 - --purpose abuse", f->call[0]));
	free(run(f, NOW, EXIT_DONE, "verify"));
}

static void
test_wrong_key(void **state)
{
	const struct fixture *f = *state;
	char key[512], path[512], *output;

	snprintf(key, sizeof(key), "%s/vault.key", f->home);
	snprintf(path, sizeof(path), "%s/other.key", f->folder);
	free(run(f, NOW, EXIT_DONE, "key new %s", path));
	assert_int_equal(rename(path, key), 0);
	free(run(f, NOW, EXIT_NOT_ALLOWED, "play %s - --purpose abuse",
		 f->call[0]));
	output = run(f, NOW, EXIT_DAMAGED, "verify %s", f->call[1]);
	assert_has(output, "for another key: ");
	assert_has(output, " is sealed to key ");
	free(output);
	testing_write_file(key, "nonsense", 8);
	free(
	    run(f, NOW, EXIT_DAMAGED, "play %s - --purpose abuse", f->call[0]));
}

/* ---- what a crash or a fault of the disk left ------------------------- */

static void
interrupt(struct store_segment *segment)
{
	/* what recovery knows of one */
	segment->state = STORE_STATE_INTERRUPTED;
	segment->bytes = 0;
}

static void
hold(struct store_segment *segment)
{
	segment->state = STORE_STATE_HELD;
}

/* Change a byte of the recording of call B, so far from its beginning. */
static void
damage(const struct fixture *f, double part)
{
	char path[512];
	uint8_t *bytes;
	size_t n;

	snprintf(path, sizeof(path), "%s/archive/audio/2019/03/28/%s-1.rec",
		 f->home, f->call[1]);
	bytes = testing_read_file(path, &n);
	bytes[(size_t)(part * (double)n)] ^= 1;
	assert_int_equal(chmod(path, 0600), 0);
	testing_write_file(path, bytes, n);
	free(bytes);
}

static void
test_torn(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], line[256], path[512], *whole, *part;
	size_t whole_bytes, n;
	SF_INFO info;
	int16_t *pcm;

	snprintf(id, sizeof(id), "%.27s-1", f->call[1]);
	snprintf(line, sizeof(line), "play %s - --purpose quality", id);
	edit(f, id, interrupt);
	whole = run_bytes(f, NOW, EXIT_DONE, &whole_bytes, line);
	damage(f, 0.6);

	/* the left side comes first in this file; it is what it was */
	part = run_bytes(f, NOW, EXIT_DAMAGED, &n, line);
	/* the row says 2 s, and of what was heard nothing reaches further */
	assert_int_equal(whole_bytes, 44 + 4 * 16000);
	assert_int_equal(n, 44 + 4 * 16000);
	assert_tone((const int16_t *)(const void *)(part + 44), 2, 0, 0.1, 600);
	assert_true(memcmp(part, whole, n) != 0);
	free(part);
	free(whole);
	snprintf(path, sizeof(path), "%s/torn.wav", f->folder);
	free(run(f, NOW, EXIT_DAMAGED, "export %s --out %s --purpose quality",
		 id, path));
	pcm = read_wav(path, &info);
	assert_tone(pcm, 2, 0, 0.1, 600);
	free(pcm);
	part = run(f, NOW, EXIT_DAMAGED, "show %s", id);
	assert_has(part, "export by ");
	free(part);

	/* no other state lets damage pass */
	edit(f, id, hold);
	part = run_bytes(f, NOW, EXIT_DAMAGED, &n, line);
	assert_int_equal(n, 0);
	free(part);
}

/* Where nothing authenticates nothing is heard, and nobody listened. */
static void
test_torn_at_once(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *output;

	snprintf(id, sizeof(id), "%.27s-1", f->call[1]);
	edit(f, id, interrupt);
	damage(f, 0.01);
	output = run(f, NOW, EXIT_DAMAGED, "play %s - --purpose abuse", id);
	assert_string_equal(output, "");
	free(output);
	output = run(f, NOW, EXIT_DAMAGED, "show %s", id);
	assert_has_not(output, "abuse");
	free(output);
}

static void
make_endless(struct store_segment *segment)
{
	segment->start_ns = -INT64_MAX;
	segment->end_ns = INT64_MAX;
}

static void
make_ancient(struct store_segment *segment)
{
	segment->start_ns = INT64_MIN;
	segment->end_ns = INT64_MIN + 1;
}

static void
make_too_long(struct store_segment *segment)
{
	segment->end_ns = segment->start_ns + 40 * DAY;
}

/* Times that no call has: nothing overflows, and nobody is said to have
 * listened to what could not be opened. */
static void
test_times_impossible(void **state)
{
	static void (*const changes[])(struct store_segment *) = {
		make_endless, make_ancient, make_too_long
	};
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *output;
	size_t i;

	snprintf(id, sizeof(id), "%.27s-1", f->call[0]);
	for (i = 0; i < 3; i++) {
		edit(f, id, changes[i]);
		output =
		    run(f, NOW, EXIT_DAMAGED, "play %s - --purpose abuse", id);
		assert_string_equal(output, "");
		free(output);
		free(run(f, NOW, EXIT_DAMAGED,
			 "export %s --out none.wav --purpose abuse", id));
		assert_int_equal(access("none.wav", F_OK), -1);
		free(run(f, NOW, EXIT_DONE, "list --all"));
		free(run(f, NOW, EXIT_DONE, "list --json"));
		free(run(f, NOW, EXIT_DONE, "list --csv"));
		free(run(f, NOW, EXIT_DONE, "why %s", id));
		output = run(f, NOW, EXIT_DONE, "show %s", id);
		assert_has_not(output, "abuse");
		free(output);
	}
}

static void
make_long(struct store_segment *segment)
{
	segment->end_ns = segment->start_ns + 3 * DAY;
}

/* Three days in two channels fit no WAV: known before the ledger is written. */
static void
test_too_long_for_wav(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *output;

	snprintf(id, sizeof(id), "%.27s-1", f->call[0]);
	edit(f, id, make_long);
	output = run(f, NOW, EXIT_FAILED, "play %s - --purpose abuse", id);
	assert_string_equal(output, "");
	free(output);
	output = run(f, NOW, EXIT_DONE, "show %s", id);
	assert_has_not(output, "abuse");
	free(output);
}

/* However deep the folder, the ledger has the name of the copy. */
static void
test_long_path(void **state)
{
	const struct fixture *f = *state;
	char path[900], *output;
	size_t n;
	int i;

	n = (size_t)snprintf(path, sizeof(path), "%s", f->folder);
	for (i = 0; i < 5; i++) {
		n += (size_t)snprintf(path + n, sizeof(path) - n,
				      "/a-folder-with-a-long-name-%d-%050d", i,
				      i);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	free(run(f, NOW, EXIT_DONE,
		 "export %s-1 --out %s/the-copy-of-call-b.wav --purpose "
		 "dispute",
		 f->call[1], path));
	output = run(f, NOW, EXIT_DONE, "show %s --json", f->call[1]);
	assert_has(output, "purpose dispute, wav to /");
	assert_has(output, ".../the-copy-of-call-b.wav\"");
	free(output);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_export),
		FIXTURE_TEST(test_export_mix),
		FIXTURE_TEST(test_export_refused),
		FIXTURE_TEST(test_export_stopped),
		FIXTURE_TEST(test_play_pipe),
		FIXTURE_TEST(test_play_card),
		FIXTURE_TEST(test_listen_deny),
		FIXTURE_TEST(test_wrong_key),
		FIXTURE_TEST(test_torn),
		FIXTURE_TEST(test_torn_at_once),
		FIXTURE_TEST(test_times_impossible),
		FIXTURE_TEST(test_too_long_for_wav),
		FIXTURE_TEST(test_long_path),
	};

	return cmocka_run_group_tests(tests, fixture_begin, NULL);
}
