/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How fast a call in each codec becomes a WAV, in times real time, both sides,
 * beside the codec's library alone with the same packets: so what is left is
 * the least that the copy could take. Times are those of the processor, the
 * least of three, in turns.
 *
 *   codecs_bench FOLDER [ENCODING]
 *
 * FOLDER gets an archive with these calls.
 */
#include <limits.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "cmd/common/log.h"
#include "cmd/spanrec/spanrec.h"
#include "rtp/codec/coders_feed.h"
#include "rtp/decoder.h"

#define ROUNDS   3
#define SECONDS  180
#define PACKETS  (SECONDS * 50)
#define CODED    3000 /* a minute; then the same again */
#define SECOND   INT64_C(1000000000)
#define START_NS (INT64_C(1772442000) * SECOND) /* 2 March 2026, 9:00 */
#define DAY      20260302
#define TYPE     96

struct bench {
	char home[PATH_MAX / 2], wav[PATH_MAX / 2];
	char id[STORE_SEGMENT_ID_BYTES];
	const struct way *way;
};

static struct packet packets[CODED];

static void
must(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "codecs_bench: %s failed: %d\n", what, rc);
	exit(1);
}

static void
spanrec(struct bench *bench, int argc, char **argv)
{
	struct spanrec spanrec = { .out = stdout, .home_option = bench->home };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	spanrec.now_ns = now.tv_sec * SECOND + now.tv_nsec;
	must(-spanrec_run(&spanrec, argc, argv), argv[2]);
	spanrec_fini(&spanrec);
}

/* ---- the call -------------------------------------------------------------
 */

static void
put_frames(struct store_recording *recording, const struct way *way)
{
	struct store_frame frame = { .payload_type = TYPE };

	for (uint32_t i = 0; i < PACKETS; i++) {
		frame.time_ns = START_NS + i * (SECOND / 50);
		frame.timestamp = i * (way->clock_hz / 50);
		frame.sequence = (uint16_t)i;
		frame.payload = packets[i % CODED].bytes;
		frame.payload_bytes = (uint16_t)packets[i % CODED].n;
		for (frame.stream = 0; frame.stream < 2; frame.stream++)
			must(store_recording_frame(recording, &frame), "frame");
	}
}

static void
put_streams(struct store_recording *recording, struct store_segment *segment,
	    const struct way *way)
{
	struct store_format format = { .payload_type = TYPE,
				       .channels = 1,
				       .clock_hz = way->clock_hz };

	snprintf(format.encoding, sizeof(format.encoding), "%s", way->encoding);
	snprintf(format.parameters, sizeof(format.parameters), "%s",
		 way->parameters);
	segment->streams_count = 2;
	for (int i = 0; i < 2; i++) {
		const struct store_stream_info info = { .side = i ? STORE_RIGHT
								  : STORE_LEFT,
							.ssrc = TYPE };

		segment->streams[i] = (struct store_stream){
			.side = info.side,
			.ssrc = info.ssrc,
			.seen = PACKETS,
			.stored = PACKETS,
			.expected = PACKETS,
			.first_ns = START_NS,
			.last_ns = START_NS + (PACKETS - 1) * (SECOND / 50)
		};
		must(store_recording_stream(recording, &info), "stream");
		must(store_recording_format(recording, i, &format), "format");
	}
	put_frames(recording, way);
}

static void
put_row(struct store_archive *archive, const struct store_segment *segment)
{
	must(store_batch_begin(archive), "batch");
	must(store_segment_put(archive, segment), "row");
	must(store_batch_commit(archive), "commit");
}

static void
describe(struct store_segment *segment, const struct bench *bench)
{
	*segment = (struct store_segment){
		.segment = 1,
		.kind = STORE_AGENT,
		.call_start_ns = START_NS,
		.start_ns = START_NS,
		.end_ns = START_NS + SECONDS * SECOND,
		.decision = STORE_RECORD,
		.reason = "record",
		.retention = "standard",
		.key_day = DAY,
		.state = STORE_STATE_STORED,
	};
	store_call_id_make(segment->call, START_NS, bench->way->encoding, "",
			   0);
	snprintf(segment->id, sizeof(segment->id), "%s-1", segment->call);
}

static void
record(struct bench *bench)
{
	struct store_segment *segment = malloc(sizeof(*segment));
	struct store_recording_spec spec = { .start_ns = START_NS };
	struct store_recording_result result;
	struct store_recording *recording;
	struct store_archive *archive;
	struct store_sealed_key sealed;
	char path[PATH_MAX];

	must(segment ? 0 : -1, "memory");
	describe(segment, bench);
	memcpy(bench->id, segment->id, sizeof(bench->id));
	spec.id = segment->id;
	snprintf(path, sizeof(path), "%s/archive", bench->home);
	must(store_archive_open(&archive, path, STORE_WRITE, NULL, NULL), path);
	must(store_recording_new(&recording, archive, &spec), "recording");
	store_recording_seal_key(recording, &sealed);
	must(store_keyring_add(archive, DAY, &sealed, &segment->key_slot),
	     "key");
	must(store_keyring_sync(archive), "keyring");
	must(store_recording_begin(recording, DAY, segment->key_slot), "file");
	put_streams(recording, segment, bench->way);
	must(store_recording_finish(recording, segment, &result), "end");
	store_recording_free(&recording, false);
	segment->bytes = result.payload_bytes;
	segment->chunks = result.chunks;
	memcpy(segment->file_hash, result.file_hash, STORE_HASH_BYTES);
	put_row(archive, segment);
	store_archive_close(&archive);
	free(segment);
}

/* ---- measuring ------------------------------------------------------------
 */

static void
by_library(struct bench *bench)
{
	const struct way *way = bench->way;
	int16_t pcm[FRAME_MAX];

	for (int side = 0; side < 2; side++) {
		void *decoder = way->open_decoder();

		for (uint32_t i = 0; i < PACKETS; i++) {
			way->decode(decoder, &packets[i % CODED], pcm);
			sink += pcm[0];
		}
	}
}

static void
by_decoder(struct bench *bench)
{
	const struct way *way = bench->way;
	struct rtp_format format = { .clock_hz = way->clock_hz, .channels = 1 };
	struct rtp_decoder *decoder;
	int16_t pcm[FRAME_MAX];

	snprintf(format.encoding, sizeof(format.encoding), "%s", way->encoding);
	snprintf(format.parameters, sizeof(format.parameters), "%s",
		 way->parameters);
	for (int side = 0; side < 2; side++) {
		must(rtp_decoder_open(&decoder, &format), "decoder");
		for (uint32_t i = 0; i < PACKETS; i++) {
			const struct packet *p = &packets[i % CODED];

			must(rtp_decoder_decode(decoder, pcm, FRAME_MAX,
						p->bytes, p->n),
			     "decoding");
			sink += pcm[0];
		}
		rtp_decoder_close(&decoder);
	}
}

static void
by_export(struct bench *bench)
{
	char *argv[] = { (char[]){ "spanrec" },
			 (char[]){ "-q" },
			 (char[]){ "export" },
			 bench->id,
			 (char[]){ "--out" },
			 bench->wav,
			 (char[]){ "--purpose" },
			 (char[]){ "quality" },
			 NULL };

	spanrec(bench, 8, argv);
	unlink(bench->wav);
}

static double
cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
measure(struct bench *bench)
{
	static void (*const all[])(struct bench *) = { by_library, by_decoder,
						       by_export };
	double least[3] = { 1e9, 1e9, 1e9 };

	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < 3; i++) {
			double began = cpu_s();

			if (i == 0 && !bench->way->open_decoder)
				continue;
			all[i](bench);
			least[i] = fmin(least[i], cpu_s() - began);
		}
	}
	printf("%-10s", bench->way->encoding);
	if (bench->way->open_decoder)
		printf(" %12.0f", SECONDS / least[0]);
	else
		printf(" %12s", "-");
	printf(" %12.0f %12.0f\n", SECONDS / least[1], SECONDS / least[2]);
}

int
main(int argc, char **argv)
{
	struct bench bench = { 0 };
	char *init[] = { (char[]){ "spanrec" }, (char[]){ "-q" },
			 (char[]){ "init" }, bench.home, NULL };

	if (argc < 2 || store_init() < 0)
		return 2;
	log_init("codecs_bench", LOG_LEVEL_WARNING);
	snprintf(bench.home, sizeof(bench.home), "%s/codecs_bench", argv[1]);
	snprintf(bench.wav, sizeof(bench.wav), "%s/codecs_bench.wav", argv[1]);
	spanrec(&bench, 4, init);
	printf("A call of %d s, both sides, times real time, one core\n"
	       "%-10s %12s %12s %12s\n",
	       SECONDS, "", "library", "decoder", "WAV");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		bench.way = &ways[i];
		if (argc > 2 && strcasecmp(argv[2], bench.way->encoding) != 0)
			continue;
		code(bench.way, packets, CODED);
		record(&bench);
		measure(&bench);
	}
	return 0;
}
