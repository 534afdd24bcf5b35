/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands, on the archive with known calls of cmd/testing/calls.h. */
#include "cmd/spanrec/spanrec.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <sndfile.h>

#include "cmd/common/exit.h"
#include "cmd/testing/calls.h"
#include "cmd/testing/testing.h"

#define SECOND INT64_C(1000000000)
#define DAY    (86400 * SECOND)

/* 2021-03-28 14:15:03, which is summer time, in Europe/London */
#define END_A (INT64_C(1616937303) * SECOND)
#define NOW   (TESTING_CALL_A_NS + 2 * DAY)

struct fixture {
	char *folder;
	char home[256];
	char call[TESTING_CALLS][STORE_CALL_ID_BYTES]; /**< A, B, C, D */
	unsigned fail_allocation; /**< in the next command; 0: none */
};

/* ---- running commands -------------------------------------------------- */

/*
 * Run a command line (words are cut at spaces) at a time; check its exit
 * code (-1: any). Returns what it printed, to be freed.
 */
static char *
run_bytes(const struct fixture *f, int64_t now_ns, int expected, size_t *bytes,
	  const char *line)
{
	struct spanrec spanrec = { .now_ns = now_ns, .home_option = f->home };
	char *argv[24] = { NULL }, *output = NULL, *words, *rest;
	int argc = 0, rc;

	words = testing_copy(line, strlen(line) + 1);
	argv[argc++] = testing_copy("spanrec", 8);
	for (rest = words; argc < 23 && (argv[argc] = strsep(&rest, " "));)
		argc++;
	spanrec.out = open_memstream(&output, bytes);
	assert_non_null(spanrec.out);
	testing_fail_allocation(f->fail_allocation);
	rc = spanrec_run(&spanrec, argc, argv);
	spanrec_fini(&spanrec);
	testing_fail_allocation(0);
	fclose(spanrec.out);
	free(argv[0]);
	free(words);
	if (expected >= 0)
		assert_int_equal(rc, expected);
	else
		assert_in_range(rc, EXIT_DONE, EXIT_DAMAGED);
	return output;
}

static char *run(const struct fixture *f, int64_t now_ns, int expected,
		 const char *format, ...) __attribute__((format(printf, 4, 5)));

static char *
run(const struct fixture *f, int64_t now_ns, int expected, const char *format,
    ...)
{
	char line[1024];
	va_list arguments;
	size_t n;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	return run_bytes(f, now_ns, expected, &n, line);
}

static void
assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in:\n%s", part, text);
}

static void
assert_has_not(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("'%s' is in:\n%s", part, text);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char path[512];

	assert_non_null(f);
	f->folder = testing_folder();
	snprintf(f->home, sizeof(f->home), "%s/home", f->folder);
	free(run(f, NOW, EXIT_DONE, "-q init %s", f->home));
	snprintf(path, sizeof(path), "%s/archive", f->home);
	testing_calls_fill(path, f->call);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	testing_folder_remove(f->folder);
	free(f);
	return 0;
}

/* ---- sound ------------------------------------------------------------- */

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
	/* 6 s, and 40 ms that a last packet could have been longer */
	assert_int_equal(info.frames, 48320);
	assert_tone(pcm, 2, 0, 0.1, 440);
	assert_tone(pcm, 2, 1, 0.1, 880);
	/* the gap: 10 packets of silence on the right, from 1.0 s */
	assert_true(amplitude(&pcm[2 * 8000 + 1], 1600, 2, 880) < 0.001);
	assert_tone(pcm, 2, 0, 0.9, 440);
	assert_tone(pcm, 2, 1, 1.3, 880);
	/* the second segment */
	assert_tone(pcm, 2, 0, 4.0, 440);
	assert_tone(pcm, 2, 1, 5.4, 880);
	free(pcm);

	/* one segment of another call */
	snprintf(path, sizeof(path), "%s/b.wav", f->folder);
	free(run(f, NOW, EXIT_DONE, "export %s-1 --out %s --purpose quality",
		 f->call[1], path));
	pcm = read_wav(path, &info);
	assert_int_equal(info.frames, 16320);
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
	assert_int_equal(info.frames, 24320);
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
	assert_int_equal(n, 44 + 4 * 48320);
	free(bytes);
	unlink(path);

	free(run(f, NOW, EXIT_USAGE, "export %s --out %s", f->call[0], path));
	free(run(f, NOW, EXIT_NOT_ALLOWED, "export %s --out %s --purpose fun",
		 f->call[0], path));
	free(run(f, NOW, EXIT_FAILED,
		 "export %s --out %s/none/a.wav --purpose abuse", f->call[0],
		 f->folder));
	free(run(f, NOW, EXIT_USAGE, "export %s --out a.flac --purpose abuse",
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

/* Names in a folder. */
static unsigned
count_files(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	unsigned n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.' || entry->d_name[1] == 's';
	closedir(dir);
	return n;
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
	assert_int_equal(count_files(f->folder), 1);

	/* the file cannot get as long as it must */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 100000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	free(run_bytes(f, NOW, EXIT_FAILED, &n, line));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(count_files(f->folder), 1);

	free(run_bytes(f, NOW, EXIT_DONE, &n, line));
	assert_int_equal(count_files(f->folder), 2);
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
	assert_int_equal(n, 44 + 4 * 48320);
	assert_memory_equal(wav, "RIFF", 4);
	assert_int_equal(le32(wav + 4), n - 8);
	assert_int_equal(le32(wav + 40), n - 44);
	free(wav);

	/* the right side alone, from the third second on */
	snprintf(line, sizeof(line),
		 "play %s - --side right --from 0:03 --purpose training",
		 f->call[0]);
	wav = run_bytes(f, NOW, EXIT_DONE, &n, line);
	assert_int_equal(n, 44 + 2 * 24320);
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

/* ---- ids --------------------------------------------------------------- */

static void
test_ids(void **state)
{
	const struct fixture *f = *state;
	char *output;

	/* calls of one day fit this */
	free(run(f, NOW, EXIT_USAGE, "show 2019"));
	free(run(f, NOW, EXIT_NOT_FOUND, "show 2020"));
	free(run(f, NOW, EXIT_NOT_FOUND, "why %s-9", f->call[0]));
	free(run(f, NOW, EXIT_USAGE, "why "));
	/* as much as fits one call: both its segments, in order */
	output = run(f, NOW, EXIT_DONE, "show %.13s --json", f->call[0]);
	assert_has(strchr(output, '\n'), "-2\"");
	assert_has(output, "-1\"");
	free(output);
	output = run(f, NOW, EXIT_DONE, "show %s-2 --json", f->call[0]);
	assert_has_not(output, "\"segment\":1,");
	free(output);
}

/* Change a row behind the back of the commands. */
static void
edit(const struct fixture *f, const char *id,
     void (*change)(struct store_segment *segment))
{
	struct store_segment *segment = malloc(sizeof(*segment));
	struct store_archive *archive;
	char path[512];

	assert_non_null(segment);
	snprintf(path, sizeof(path), "%s/archive", f->home);
	assert_int_equal(
	    store_archive_open(&archive, path, STORE_WRITE, NULL, NULL), 0);
	assert_int_equal(store_segment_get(archive, id, segment), 0);
	change(segment);
	assert_int_equal(store_batch_begin(archive), 0);
	assert_int_equal(store_segment_put(archive, segment), 0);
	assert_int_equal(store_batch_commit(archive), 0);
	store_archive_close(&archive);
	free(segment);
}

static void
make_tenth(struct store_segment *segment)
{
	segment->segment = 10;
	snprintf(segment->id, sizeof(segment->id), "%s-10", segment->call);
}

/* "X-1" is the beginning of "X-10" too, and yet means itself. */
static void
test_id_exact(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *output;

	snprintf(id, sizeof(id), "%.27s-1", f->call[3]);
	edit(f, id, make_tenth);
	output = run(f, NOW, EXIT_DONE, "show %s --json", id);
	assert_has(output, "\"segment\":1,");
	assert_has_not(output, "\"segment\":10,");
	free(output);
	output = run(f, NOW, EXIT_DONE, "show %s --json", f->call[3]);
	assert_has(output, "\"segment\":10,");
	free(output);
	free(run(f, NOW, EXIT_DONE, "verify"));
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

/* ---- lists ------------------------------------------------------------- */

/* The nth line as JSON. */
static json_t *
json_line(const char *output, int n)
{
	json_t *object;

	while (n-- && output)
		output = strchr(output, '\n') ? strchr(output, '\n') + 1 : NULL;
	assert_non_null(output);
	object = json_loads(output, JSON_DISABLE_EOF_CHECK, NULL);
	assert_non_null(object);
	return object;
}

static void
assert_text(const json_t *object, const char *name, const char *expected)
{
	const char *text = json_string_value(json_object_get(object, name));

	assert_non_null(text);
	assert_string_equal(text, expected);
}

static void
assert_number(const json_t *object, const char *name, json_int_t expected)
{
	const json_t *value = json_object_get(object, name);

	assert_true(json_is_integer(value));
	assert_int_equal(json_integer_value(value), expected);
}

static void
test_list_json(void **state)
{
	const struct fixture *f = *state;
	char *output, id[STORE_SEGMENT_ID_BYTES];
	json_t *object, *stream;

	output = run(f, NOW, EXIT_DONE, "list --json");
	object = json_line(output, 0);
	snprintf(id, sizeof(id), "%.27s-1", f->call[0]);
	assert_text(object, "id", id);
	assert_text(object, "call", f->call[0]);
	assert_number(object, "segment", 1);
	assert_text(object, "kind", "agent");
	assert_text(object, "from", "+441534440440");
	assert_text(object, "to", "2750");
	assert_text(object, "local", "2750");
	assert_text(object, "remote", "+441534440440");
	assert_text(object, "direction", "in");
	assert_text(object, "area", "office");
	assert_text(object, "start", "2019-03-28T14:15:03.000Z");
	assert_text(object, "end", "2019-03-28T14:15:06.000Z");
	assert_true(json_real_value(json_object_get(object, "duration_s")) ==
		    3.0);
	assert_text(object, "decision", "record");
	assert_text(object, "reason", "record");
	assert_text(object, "rule", "everything");
	assert_text(object, "state", "stored");
	assert_true(json_is_null(json_object_get(object, "floor")));
	/* 90 days of 24 h; due ten minutes before */
	assert_text(object, "ceiling", "2019-06-26T14:15:03.000Z");
	assert_text(object, "due", "2019-06-26T14:05:03.000Z");
	assert_true(json_is_null(json_object_get(object, "mos")));
	assert_number(object, "bytes", 46400);
	assert_int_equal(
	    json_array_size(json_object_get(object, "sip_call_ids")), 1);
	assert_int_equal(json_object_size(object), 24);

	stream = json_array_get(json_object_get(object, "streams"), 1);
	assert_text(stream, "side", "right");
	assert_text(stream, "ssrc", "0x00001001");
	assert_text(stream, "codec", "PCMA");
	assert_number(stream, "packets", 140);
	assert_number(stream, "seen", 140);
	assert_number(stream, "stored", 140);
	assert_number(stream, "expected", 150);
	assert_number(stream, "lost", 10);
	assert_number(stream, "late", 0);
	assert_number(stream, "duplicate", 0);
	assert_number(stream, "gaps", 1);
	assert_int_equal(json_object_size(json_object_get(stream, "dropped")),
			 0);
	json_decref(object);

	/* invalid UTF-8 and an escape sequence, made harmless */
	object = json_line(output, 2);
	assert_text(object, "from", "J\xEF\xBF\xBDrgen\xEF\xBF\xBD[2J");
	json_decref(object);
	/* no audio; not recorded: nothing is stored */
	object = json_line(output, 3);
	assert_true(json_is_null(json_object_get(object, "state")));
	json_decref(object);
	object = json_line(output, 4);
	assert_text(object, "decision", "drop");
	assert_text(object, "reason", "exempt");
	json_decref(object);
	free(output);
}

static void
test_list_table(void **state)
{
	const struct fixture *f = *state;
	char *output;

	output = run(f, NOW, EXIT_DONE, "list");
	assert_has(output, f->call[0]);
	assert_has(output, "2019-03-28 14:15:03");
	assert_has(output, "drop");
	assert_has_not(output, f->call[2]);
	assert_has(output, "1 segment without audio not shown (--all)\n");
	assert_has_not(output, "\x1B");
	free(output);
	output = run(f, NOW, EXIT_DONE, "list --all");
	assert_has(output, f->call[2]);
	assert_has(output, "no audio");
	assert_has_not(output, "not shown");
	free(output);
	output = run(f, NOW, EXIT_DONE, "list --to 2018-01-01");
	assert_string_equal(output, "No calls to show.\n");
	free(output);
	output = run(f, NOW, EXIT_DONE, "list --to 2018-01-01 --json");
	assert_string_equal(output, "");
	free(output);
}

static void
test_find(void **state)
{
	const struct fixture *f = *state;
	char *output;

	free(run(f, NOW, EXIT_USAGE, "find"));
	/* another spelling of the same number */
	output = run(f, NOW, EXIT_DONE, "find --number 01534440440 --json");
	assert_has(output, f->call[0]);
	free(output);
	output = run(f, NOW, EXIT_DONE, "find --extension 2751 --json");
	assert_has_not(output, f->call[0]);
	assert_has(output, f->call[1]);
	free(output);
	output =
	    run(f, NOW, EXIT_DONE, "find --around 2019-03-28T14:20±2m --json");
	assert_has_not(output, f->call[0]);
	assert_has(output, f->call[1]);
	free(output);
	output = run(f, NOW, EXIT_DONE, "find --from -7d --to -2d --json");
	assert_has_not(output, f->call[1]);
	free(output);
	free(run(f, NOW, EXIT_USAGE, "find --from soon"));
	free(run(f, NOW, EXIT_USAGE, "find --from -1d --to -2d"));
	free(run(f, NOW, EXIT_USAGE, "find --from -1d --around now"));
}

static void
test_list_csv(void **state)
{
	const struct fixture *f = *state;
	size_t columns[8] = { 0 }, rows = 0;
	char *output, *p;

	output = run(f, NOW, EXIT_DONE, "list --csv");
	for (p = output; *p; p++) {
		assert_true(rows < 8);
		columns[rows] += *p == ',';
		rows += *p == '\n';
	}
	assert_int_equal(rows, 6);
	while (rows--)
		assert_int_equal(columns[rows], 27);
	assert_has(output, "\r\n");
	assert_has(output, ",290,10,0,0,1,,46400,a84b4c76e66710@10.0.0.1\r\n");
	free(output);
}

static void
test_show_why(void **state)
{
	const struct fixture *f = *state;
	char *output;

	output = run(f, NOW, EXIT_DONE, "show %s", f->call[0]);
	assert_has(output, "Gone by     2019-06-26 15:15:03 BST");
	assert_has(output, "6.67");
	assert_has(output, "at 0:00.980, right side");
	assert_has(output, "10 packets (loss)");
	free(output);
	output = run(f, NOW, EXIT_DONE, "why %s", f->call[3]);
	assert_has(output, "not to record it");
	assert_has(output, "'works");
	assert_has(output, "reason code");
	free(output);
	output = run(f, NOW, EXIT_DONE, "why %s", f->call[2]);
	assert_has(output, "No audio was seen");
	free(output);
}

/* ---- the key, other processes ------------------------------------------ */

static void
test_no_key(void **state)
{
	const struct fixture *f = *state;
	char from[512], to[512], *output;

	snprintf(from, sizeof(from), "%s/vault.key", f->home);
	snprintf(to, sizeof(to), "%s/away.key", f->folder);
	assert_int_equal(rename(from, to), 0);
	free(run(f, NOW, EXIT_NOT_ALLOWED, "play %s - --purpose abuse",
		 f->call[0]));
	output = run(f, NOW, EXIT_DONE, "show %s", f->call[0]);
	assert_has(output, "the private key is not here");
	assert_has_not(output, "abuse");
	free(output);
	output = run(f, NOW, EXIT_DONE, "verify");
	assert_has(output, "3 recordings checked, 0 damaged");
	assert_has(output, "Without the private key");
	free(output);
}

/* A child that writes to the archive until it is told to end. */
static pid_t
writer(const struct fixture *f, int *hold)
{
	struct store_archive *archive;
	char path[512], c = 0;
	int ready[2], wait[2];
	pid_t pid;

	snprintf(path, sizeof(path), "%s/archive", f->home);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(wait), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(wait[1]);
		if (store_archive_open(&archive, path, STORE_WRITE, NULL, NULL))
			_exit(1);
		if (write(ready[1], &c, 1) != 1 || read(wait[0], &c, 1) < 0)
			_exit(1);
		_exit(0);
	}
	close(wait[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	*hold = wait[1];
	return pid;
}

static void
test_busy(void **state)
{
	const struct fixture *f = *state;
	int hold, status;
	pid_t pid = writer(f, &hold);

	/* what must be written into the archive is refused, the rest works */
	free(run(f, NOW, EXIT_FAILED, "play %s - --purpose abuse", f->call[0]));
	free(run(f, NOW, EXIT_FAILED, "export %s --out x.wav --purpose abuse",
		 f->call[0]));
	free(run(f, NOW, EXIT_FAILED, "purge"));
	free(run(f, NOW, EXIT_DONE, "purge --dry-run"));
	free(run(f, NOW, EXIT_DONE, "list"));
	free(run(f, NOW, EXIT_DONE, "show %s", f->call[0]));
	close(hold);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(access("x.wav", F_OK), -1);
}

/* Whatever allocation fails: a message, an exit code, no leak, no copy left. */
static void
test_no_memory(void **state)
{
	static const char *const lines[] = {
		"list",
		"find --extension 2750 --json",
		"list --csv",
		"show 20190328T141503Z",
		"why 20190328T1420",
		"verify",
		"purge --dry-run",
		"show 20190328T1420 --json",
		"play 20190328T1420 - --purpose abuse",
		"export 20190328T1420 --out none.wav --purpose fun",
	};
	struct fixture *f = *state;
	unsigned n;
	size_t i, bytes;

	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		for (n = 1; n < 60; n++) {
			f->fail_allocation = n;
			free(run_bytes(f, NOW, -1, &bytes, lines[i]));
		}
	}
	f->fail_allocation = 0;
	free(run(f, NOW, EXIT_DONE, "verify"));
	assert_int_equal(access("none.wav", F_OK), -1);
}

/* ---- verify and purge -------------------------------------------------- */

static void
recording_path(const struct fixture *f, const char *call, char path[512])
{
	snprintf(path, 512, "%s/archive/audio/2019/03/28/%s-1.rec", f->home,
		 call);
}

static void
test_verify(void **state)
{
	const struct fixture *f = *state;
	char path[512], *output;
	uint8_t *bytes;
	size_t n;

	output = run(f, NOW, EXIT_DONE, "verify");
	assert_string_equal(output, "3 recordings checked, 0 damaged, 0 other "
				    "findings\n");
	free(output);

	recording_path(f, f->call[1], path);
	bytes = testing_read_file(path, &n);
	bytes[n / 2] ^= 1;
	assert_int_equal(chmod(path, 0600), 0);
	testing_write_file(path, bytes, n);
	free(bytes);
	output = run(f, NOW, EXIT_DAMAGED, "verify --all");
	assert_has(output, f->call[1]);
	assert_has(output, "damaged");
	assert_has_not(output, f->call[0]);
	free(output);
	free(run(f, NOW, EXIT_DONE, "verify %s", f->call[0]));
	free(run(f, NOW, EXIT_DAMAGED, "verify %s", f->call[1]));
	/* and not a sample of it leaves */
	output =
	    run(f, NOW, EXIT_DAMAGED, "play %s - --purpose abuse", f->call[1]);
	assert_string_equal(output, "");
	free(output);
	free(run(f, NOW, EXIT_DAMAGED, "show %s", f->call[1]));

	assert_int_equal(unlink(path), 0);
	output = run(f, NOW, EXIT_DAMAGED, "verify");
	assert_has(output, "file missing");
	free(output);
}

static void
test_purge(void **state)
{
	const struct fixture *f = *state;
	const int64_t due = TESTING_CALL_A_NS + 90 * DAY - 600 * SECOND;
	char path[512], *output;

	/* not a nanosecond too early, and never by looking */
	output = run(f, due - 1, EXIT_DONE, "purge");
	assert_has(output, "0 segments deleted");
	free(output);
	output = run(f, due, EXIT_DONE, "purge --dry-run");
	assert_has(output, "2 segments would be deleted, 2 with audio, 94400 "
			   "bytes");
	free(output);
	output = run(f, NOW, EXIT_DONE, "purge --dry-run --as-of 2019-06-26");
	assert_has(output, "5 segments would be deleted, 3 with audio");
	free(output);
	recording_path(f, f->call[0], path);
	assert_int_equal(access(path, F_OK), 0);

	output = run(f, due, EXIT_DONE, "purge");
	assert_has(output, "2 segments deleted");
	free(output);
	assert_int_equal(access(path, F_OK), -1);
	recording_path(f, f->call[1], path);
	assert_int_equal(access(path, F_OK), 0);

	/* the note that it was there */
	free(run(f, due, EXIT_NOT_FOUND, "play %s - --purpose abuse",
		 f->call[0]));
	output = run(f, due, EXIT_DONE, "list");
	assert_has(output, "2 deleted segments not shown (--all)");
	free(output);
	output = run(f, due, EXIT_DONE, "list --json");
	assert_has(output, "\"state\":\"purged\"");
	free(output);
	output = run(f, due, EXIT_DONE, "why %s-1", f->call[0]);
	assert_has(output, "It was deleted on 2019-06-26");
	free(output);
	free(run(f, due, EXIT_DONE, "verify"));

	/* 24 months after the start of its call each note goes as well */
	output = run(f, due + 300 * SECOND, EXIT_DONE, "purge");
	assert_has(output, "1 segment deleted");
	assert_has_not(output, "notes");
	free(output);
	output = run(f, END_A - 1, EXIT_DONE, "purge");
	assert_has(output, "2 segments deleted");
	assert_has_not(output, "notes");
	free(output);
	free(run(f, END_A - 1, EXIT_DONE, "purge"));
	free(run(f, NOW, EXIT_DONE, "why %s-1", f->call[0]));
	output = run(f, END_A, EXIT_DONE, "purge");
	assert_has(output, "2 notes of deleted calls removed");
	free(output);
	free(run(f, NOW, EXIT_NOT_FOUND, "why %s", f->call[0]));
	free(run(f, NOW, EXIT_DONE, "why %s", f->call[1]));
	output = run(f, END_A + DAY, EXIT_DONE, "purge");
	assert_has(output, "3 notes of deleted calls removed");
	free(output);
	free(run(f, NOW, EXIT_DONE, "verify"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_export),
		TEST(test_export_mix),
		TEST(test_export_refused),
		TEST(test_export_stopped),
		TEST(test_play_pipe),
		TEST(test_play_card),
		TEST(test_ids),
		TEST(test_id_exact),
		TEST(test_listen_deny),
		TEST(test_list_json),
		TEST(test_list_table),
		TEST(test_find),
		TEST(test_list_csv),
		TEST(test_show_why),
		TEST(test_no_key),
		TEST(test_busy),
		TEST(test_no_memory),
		TEST(test_verify),
		TEST(test_purge),
#undef TEST
	};

	unsetenv("SPANREC_HOME");
	if (store_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
