/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies in each format, read by what is not ours. */
#include "cmd/spanrec/export_priv.h"
#include "cmd/spanrec/fixture_priv.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

#include <FLAC/metadata.h>
#include <sndfile.h>

/* Amplitude of one frequency (Goertzel), 0 to 1. */
static double
amplitude(const int16_t *pcm, size_t n, int step, double hz, int rate)
{
	double w = 2 * cos(2 * M_PI * hz / rate), s0, s1 = 0, s2 = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		s0 = pcm[i * (size_t)step] / 32768.0 + w * s1 - s2;
		s2 = s1;
		s1 = s0;
	}
	return 2 * sqrt(s1 * s1 + s2 * s2 - w * s1 * s2) / (double)n;
}

/* Half a second, from there on, in one channel: this tone, not that. */
static void
assert_tone(const int16_t *pcm, const SF_INFO *info, int channel, double from_s,
	    const double hz[2])
{
	const int16_t *at =
	    pcm + (size_t)(from_s * info->samplerate) * (size_t)info->channels +
	    channel;
	size_t n = (size_t)info->samplerate / 2;

	assert_true(amplitude(at, n, info->channels, hz[0], info->samplerate) >
		    0.4);
	assert_true(amplitude(at, n, info->channels, hz[1], info->samplerate) <
		    0.005);
}

static int16_t *
read_sound(const char *path, SF_INFO *info)
{
	SNDFILE *file;
	int16_t *pcm;

	memset(info, 0, sizeof(*info));
	file = sf_open(path, SFM_READ, info);
	assert_non_null(file);
	pcm =
	    calloc((size_t)info->frames * (size_t)info->channels, sizeof(*pcm));
	assert_non_null(pcm);
	assert_int_equal(sf_readf_short(file, pcm, info->frames), info->frames);
	sf_close(file);
	return pcm;
}

/* What all copies of call A tell, at NOW. */
static void
assert_tags(const char *text)
{
	static const char *const tags[] = {
		"DATE=2019-03-28T14:15:03.000Z",
		"START=2019-03-28 14:15:03 GMT",
		"DIRECTION=in",
		"LOCAL=2750",
		"REMOTE=+441534440440",
		"ORGANIZATION=our office",
		"PURPOSE=dispute",
		"EXPORTED_BY=",
		"EXPORTED=2019-03-30T14:15:03.000Z",
		"GAPS=1",
		"GAP=0:00.980-0:01.200 right: loss",
	};
	size_t i;

	for (i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		assert_has(text, tags[i]);
}

/* ---- sound --------------------------------------------------------------- */

/* FLAC has the very samples of WAV. */
static void
test_lossless(void **state)
{
	const struct fixture *f = *state;
	int16_t *pcm[2];
	SF_INFO info;
	int i;

	for (i = 0; i < 2; i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/a.%d", f->folder, i);
		free(run(f, NOW, EXIT_DONE,
			 "export %s --format %s --channels right --out %s "
			 "--purpose dispute",
			 f->call[0], i ? "flac" : "wav", path));
		pcm[i] = read_sound(path, &info);
		assert_int_equal(info.channels, 1);
		assert_int_equal(info.frames, 48000);
	}
	assert_memory_equal(pcm[0], pcm[1], 2 * 48000);
	free(pcm[0]);
	free(pcm[1]);
}

static void
test_channels(void **state)
{
	static const double left[2] = { 440, 880 }, right[2] = { 880, 440 };
	const struct fixture *f = *state;
	char path[512], again[512];
	SF_INFO info;
	int16_t *pcm;
	uint8_t *bytes;
	size_t n, m;

	snprintf(path, sizeof(path), "%s/left.opus", f->folder);
	free(run(f, NOW, EXIT_DONE,
		 "export %s-2 --channels left --out %s --purpose dispute",
		 f->call[0], path));
	pcm = read_sound(path, &info);
	assert_int_equal(info.channels, 1);
	assert_tone(pcm, &info, 0, 0.1, left);
	free(pcm);
	snprintf(path, sizeof(path), "%s/right.opus", f->folder);
	free(run(f, NOW, EXIT_DONE,
		 "export %s-2 --channels right --out %s --purpose dispute",
		 f->call[0], path));
	pcm = read_sound(path, &info);
	assert_tone(pcm, &info, 0, 0.1, right);
	free(pcm);

	/* two names of one thing */
	snprintf(path, sizeof(path), "%s/mono.wav", f->folder);
	snprintf(again, sizeof(again), "%s/mix.wav", f->folder);
	free(run(f, NOW, EXIT_DONE,
		 "export %s --channels mono --out %s --purpose dispute",
		 f->call[0], path));
	free(run(f, NOW, EXIT_DONE,
		 "export %s --mix --out %s --purpose dispute", f->call[0],
		 again));
	bytes = testing_read_file(path, &n);
	pcm = (int16_t *)(void *)testing_read_file(again, &m);
	assert_int_equal(n, m);
	assert_memory_equal(bytes, pcm, n);
	free(bytes);
	free(pcm);
}

/* ---- tags ---------------------------------------------------------------- */

static void
check_wav(const struct fixture *f, const char *path)
{
	SF_BROADCAST_INFO bext;
	SF_INFO info = { 0 };
	SNDFILE *file;

	file = sf_open(path, SFM_READ, &info);
	assert_non_null(file);
	assert_string_equal(sf_get_string(file, SF_STR_TITLE), f->call[0]);
	assert_string_equal(sf_get_string(file, SF_STR_DATE),
			    "2019-03-28T14:15:03.000Z");
	assert_string_equal(sf_get_string(file, SF_STR_ARTIST), "our office");
	assert_has(sf_get_string(file, SF_STR_SOFTWARE), "spanrec");
	assert_tags(sf_get_string(file, SF_STR_COMMENT));
	assert_true(
	    sf_command(file, SFC_GET_BROADCAST_INFO, &bext, sizeof(bext)));
	assert_string_equal(bext.description, f->call[0]);
	assert_memory_equal(bext.origination_date, "2019-03-28", 10);
	assert_memory_equal(bext.origination_time, "14:15:03", 8);
	assert_int_equal(bext.time_reference_low, 51303 * 8000);
	sf_close(file);
}

static void
check_flac(const struct fixture *f, const char *path)
{
	const FLAC__StreamMetadata_VorbisComment *comments;
	FLAC__StreamMetadata *tags, head;
	char text[4096] = "";
	uint32_t i;

	assert_true(FLAC__metadata_get_tags(path, &tags));
	comments = &tags->data.vorbis_comment;
	for (i = 0; i < comments->num_comments; i++) {
		strcat(text, (const char *)comments->comments[i].entry);
		strcat(text, "\n");
	}
	FLAC__metadata_object_delete(tags);
	assert_tags(text);
	assert_has(text, f->call[0]);
	/* the head was written again at the end */
	assert_true(FLAC__metadata_get_streaminfo(path, &head));
	assert_int_equal(head.data.stream_info.total_samples, 48000);
}

static void
check_opus(const struct fixture *f, const char *path)
{
	char text[4097] = "";
	uint8_t *bytes;
	size_t n, i;

	bytes = testing_read_file(path, &n);
	for (i = 0; i < sizeof(text) - 1 && i < n; i++)
		text[i] = bytes[i] ? (char)bytes[i] : ' ';
	assert_has(text, "OpusTags");
	assert_tags(text);
	assert_has(text, f->call[0]);
	free(bytes);
}

/* In each format: the sound, and what is told of it. */
static void
test_sound(void **state)
{
	static const struct {
		const char *end;
		int format;
		void (*check)(const struct fixture *f, const char *path);
	} formats[] = {
		{ "wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, check_wav },
		{ "flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, check_flac },
		{ "opus", SF_FORMAT_OGG | SF_FORMAT_OPUS, check_opus },
	};
	static const double left[2] = { 440, 880 }, right[2] = { 880, 440 };
	const struct fixture *f = *state;
	char path[512];
	SF_INFO info;
	int16_t *pcm;
	size_t i;

	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/a.%s", f->folder,
			 formats[i].end);
		free(run(f, NOW, EXIT_DONE,
			 "export %s --out %s --purpose dispute", f->call[0],
			 path));
		pcm = read_sound(path, &info);
		assert_int_equal(info.format, formats[i].format);
		assert_int_equal(info.samplerate, 8000);
		assert_int_equal(info.channels, 2);
		assert_int_equal(info.frames, 48000);
		assert_tone(pcm, &info, 0, 0.1, left);
		assert_tone(pcm, &info, 1, 0.1, right);
		assert_tone(pcm, &info, 0, 5.4, left);
		assert_tone(pcm, &info, 1, 5.4, right);
		free(pcm);
		formats[i].check(f, path);
	}
}

static void
not_recorded(struct store_segment *segment)
{
	segment->state = STORE_STATE_NONE;
	segment->decision = STORE_DROP;
	snprintf(segment->reason, sizeof(segment->reason), "payment");
	segment->bytes = segment->chunks = 0;
	segment->streams_count = 0;
	segment->end_ns = segment->start_ns + 2 * SECOND;
}

/* What is missing before the copy begins is not missing of it. */
static void
test_tags_segment(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], path[512];
	SF_INFO info = { 0 };
	SNDFILE *file;

	snprintf(id, sizeof(id), "%.27s-1", f->call[0]);
	edit(f, id, not_recorded);
	snprintf(path, sizeof(path), "%s/a.wav", f->folder);
	free(run(f, NOW, EXIT_DONE, "export %s --out %s --purpose dispute",
		 f->call[0], path));
	file = sf_open(path, SFM_READ, &info);
	assert_non_null(file);
	assert_has(sf_get_string(file, SF_STR_COMMENT), "GAPS=0");
	sf_close(file);
}

/* The same copy is the same file, however it is made. */
static void
test_deterministic(void **state)
{
	static const char *const ends[] = { "wav", "flac", "opus", "pcap" };
	const struct fixture *f = *state;
	uint8_t *bytes[2];
	size_t i, k, n[2];

	for (i = 0; i < 4; i++) {
		for (k = 0; k < 2; k++) {
			char path[512];

			snprintf(path, sizeof(path), "%s/%zu.%s", f->folder, k,
				 ends[i]);
			free(run(f, NOW, EXIT_DONE,
				 "export %s --out %s --purpose dispute",
				 f->call[0], path));
			bytes[k] = testing_read_file(path, &n[k]);
		}
		assert_int_equal(n[0], n[1]);
		assert_memory_equal(bytes[0], bytes[1], n[0]);
		free(bytes[0]);
		free(bytes[1]);
	}
}

/* ---- packets ------------------------------------------------------------- */

static uint32_t
le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static unsigned
be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* RFC 1071 over the pseudo header of IPv6 and what follows it. */
static unsigned
udp_sum(const uint8_t *ip, size_t n)
{
	uint32_t total = 17 + (uint32_t)(n - 40);
	size_t i;

	for (i = 8; i < n; i += 2)
		total += be16(ip + i);
	while (total >> 16)
		total = (total & 0xFFFF) + (total >> 16);
	return total;
}

/* One packet of call A. @return bytes */
static size_t
check_packet(const uint8_t *p, int64_t *before_ns, unsigned count[2])
{
	int64_t time_ns = le32(p) * SECOND + le32(p + 4);
	const uint8_t *ip = p + 16, *udp = ip + 40, *rtp = udp + 8;
	unsigned side = rtp[11];

	assert_int_equal(le32(p + 8), 40 + 8 + 12 + 160);
	assert_int_equal(le32(p + 12), le32(p + 8));
	assert_true(time_ns >= *before_ns);
	*before_ns = time_ns;
	assert_int_equal(ip[0], 0x60);
	assert_int_equal(ip[6], 17);
	assert_int_equal(be16(ip + 4), 8 + 12 + 160);
	assert_int_equal(be16(udp + 4), 8 + 12 + 160);
	assert_int_equal(udp_sum(ip, le32(p + 8)), 0xFFFF);
	assert_int_equal(rtp[0], 0x80);
	assert_int_equal(rtp[1] & 0x7F, 8);
	assert_in_range(side, 0, 1);
	assert_int_equal(be16(udp), 4000 + 2 * side);
	assert_int_equal(be16(udp + 2), 4002 - 2 * side);
	assert_int_equal(be16(rtp + 8) << 16 | be16(rtp + 10), 0x1000 + side);
	count[side]++;
	return 16 + le32(p + 8);
}

static void
test_packets(void **state)
{
	const struct fixture *f = *state;
	int64_t before_ns = TESTING_CALL_A_NS;
	unsigned count[2] = { 0, 0 };
	char path[512];
	uint8_t *bytes;
	size_t n, at;

	snprintf(path, sizeof(path), "%s/a.pcap", f->folder);
	free(run(f, NOW, EXIT_DONE, "export %s --out %s --purpose dispute",
		 f->call[0], path));
	bytes = testing_read_file(path, &n);
	assert_int_equal(le32(bytes), 0xa1b23c4d);
	assert_int_equal(le32(bytes + 20), 101);
	for (at = 24; at < n;)
		at += check_packet(bytes + at, &before_ns, count);
	assert_int_equal(at, n);
	assert_int_equal(count[0], 300);
	assert_int_equal(count[1], 290);
	free(bytes);

	free(run(f, NOW, EXIT_DONE,
		 "export %s --out %s --channels right --force --purpose "
		 "dispute",
		 f->call[0], path));
	bytes = testing_read_file(path, &n);
	assert_int_equal(n, 24 + 290 * (16 + 220));
	free(bytes);
	free(run(f, NOW, EXIT_USAGE,
		 "export %s --out %s --mix --force --purpose dispute",
		 f->call[0], path));
}

/* The file cannot get as long as it must: no format leaves half a copy. */
static void
test_disk_full(void **state)
{
	static const char *const formats[] = { "wav", "flac", "opus", "pcap" };
	const struct fixture *f = *state;
	struct rlimit before, limit;
	char path[512];
	size_t i;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 20000;
	for (i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%zu", f->folder, i);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		free(run(f, NOW, EXIT_FAILED,
			 "export %s --format %s --out %s --purpose dispute",
			 f->call[0], formats[i], path));
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		assert_int_equal(access(path, F_OK), -1);
	}
}

/* While it is written a copy has no name: nobody finds it, whatever becomes of
 * this program. */
static void
test_nameless(void **state)
{
	const struct fixture *f = *state;
	const unsigned before = testing_folder_count(f->folder);
	struct spanrec_copy copy;
	char path[512], *text;
	size_t n;

	snprintf(path, sizeof(path), "%s/copy", f->folder);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(spanrec_copy_begin(&copy, path), 0);
		fprintf(copy.file, "sound %d", again);
		fflush(copy.file);
		assert_int_equal(testing_folder_count(f->folder),
				 before + (unsigned)again);
		assert_int_equal(spanrec_copy_sync(&copy), 0);
		assert_int_equal(spanrec_copy_publish(&copy, again), 0);
		spanrec_copy_fini(&copy);
		assert_int_equal(testing_folder_count(f->folder), before + 1);
		text = (char *)testing_read_file(path, &n);
		assert_int_equal(n, 7);
		assert_int_equal(text[6], '0' + again);
		free(text);
	}
	/* not in place of another one */
	assert_int_equal(spanrec_copy_begin(&copy, path), 0);
	assert_int_equal(spanrec_copy_sync(&copy), 0);
	assert_int_not_equal(spanrec_copy_publish(&copy, false), 0);
	spanrec_copy_fini(&copy);
	assert_int_equal(testing_folder_count(f->folder), before + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_sound),
		FIXTURE_TEST(test_lossless),
		FIXTURE_TEST(test_channels),
		FIXTURE_TEST(test_tags_segment),
		FIXTURE_TEST(test_deterministic),
		FIXTURE_TEST(test_packets),
		FIXTURE_TEST(test_disk_full),
		FIXTURE_TEST(test_nameless),
	};

	return cmocka_run_group_tests(tests, fixture_begin, NULL);
}
