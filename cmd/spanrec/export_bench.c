/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * export_bench HOME: how fast copies are made of the one recording in a home,
 * beside the least that can be done: its frames are opened, decoded and written
 * by side, without order, time or gaps. Times are those of the processor, the
 * least of three; files go into the folder that HOME is in.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/common/log.h"
#include "cmd/spanrec/audio_priv.h"
#include "rtp/decoder.h"

#define ROUNDS      3
#define SAMPLES_MAX 8000
#define FORMATS     6

struct bench {
	const char *home;
	char id[STORE_SEGMENT_ID_BYTES], path[PATH_MAX];
	double length_s;
};

static double
cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
must(int rc, const char *what)
{
	if (!rc)
		return;
	fprintf(stderr, "export_bench: %s failed: %d\n", what, rc);
	exit(1);
}

/* ---- the least ----------------------------------------------------------- */

static int
take_first(void *ctx, const struct store_segment *segment)
{
	memcpy(ctx, segment, sizeof(*segment));
	return 1;
}

static void
write_frames(struct store_reader *reader, FILE *to)
{
	static const struct rtp_format pcma = { .encoding = "PCMA",
						.clock_hz = 8000,
						.channels = 1,
						.payload_type = 8 };
	struct rtp_decoder *decoder;
	struct store_item item;
	int16_t pcm[SAMPLES_MAX];
	int n;

	must(rtp_decoder_open(&decoder, &pcma), "decoder");
	while (store_reader_next(reader, &item) == 1) {
		if (item.type != STORE_ITEM_FRAME)
			continue;
		n = rtp_decoder_decode(decoder, pcm, SAMPLES_MAX,
				       item.frame.payload,
				       item.frame.payload_bytes);
		must(n < 0, "decode");
		fwrite(pcm, sizeof(*pcm), (size_t)n, to);
	}
	rtp_decoder_close(&decoder);
}

static void
least(struct bench *bench)
{
	struct store_segment *segment = calloc(1, sizeof(*segment));
	struct spanrec spanrec = { .out = stdout, .home_option = bench->home };
	const struct store_query all = { 0 };
	struct store_reader *reader;
	FILE *to = fopen(bench->path, "w");

	must(!segment || !to, "file");
	must(spanrec_open(&spanrec, STORE_READ), "open");
	must(spanrec_open_key(&spanrec, true), "key");
	must(store_search(spanrec.archive, &all, take_first, segment) != 1,
	     "search");
	memcpy(bench->id, segment->id, sizeof(bench->id));
	bench->length_s = (double)(segment->end_ns - segment->start_ns) / 1e9;
	must(spanrec_reader_open(&spanrec, segment, &reader), "reader");
	write_frames(reader, to);
	must(fflush(to) || fsync(fileno(to)), "write");
	fclose(to);
	store_reader_close(&reader);
	spanrec_fini(&spanrec);
	free(segment);
}

/* ---- copies -------------------------------------------------------------- */

static void
copy(struct bench *bench, const char *what)
{
	bool mix = !strcmp(what, "mix");
	char format[5];
	char *argv[] = { (char[]){ "spanrec" },
			 (char[]){ "-q" },
			 (char[]){ "export" },
			 bench->id,
			 (char[]){ "--format" },
			 format,
			 (char[]){ "--out" },
			 bench->path,
			 (char[]){ "--purpose" },
			 (char[]){ "quality" },
			 mix ? (char[]){ "--mix" } : NULL,
			 NULL };
	struct spanrec spanrec = { .out = stdout, .home_option = bench->home };
	struct timespec now;

	snprintf(format, sizeof(format), "%s", mix ? "wav" : what);
	clock_gettime(CLOCK_REALTIME, &now);
	spanrec.now_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
	must(spanrec_run(&spanrec, mix ? 11 : 10, argv), what);
	spanrec_fini(&spanrec);
}

int
main(int argc, char **argv)
{
	static const char *const formats[] = { "",     "wav",  "mix",
					       "flac", "opus", "pcap" };
	struct bench bench = { 0 };
	double best[FORMATS];
	size_t i, round;

	if (argc != 2 || store_init() < 0)
		return 2;
	log_init("export_bench", LOG_LEVEL_WARNING);
	bench.home = argv[1];
	snprintf(bench.path, sizeof(bench.path), "%s.copy", argv[1]);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < FORMATS; i++) {
			double began = cpu_s(), took;

			/* a minute each time, and the disk does not matter */
			if (round && !strcmp(formats[i], "opus"))
				continue;
			if (*formats[i])
				copy(&bench, formats[i]);
			else
				least(&bench);
			took = cpu_s() - began;
			if (!round || took < best[i])
				best[i] = took;
			unlink(bench.path);
		}
	}
	printf("a call of %.0f s, G.711, both sides\n", bench.length_s);
	for (i = 0; i < FORMATS; i++)
		printf("%-26s %7.2f s %7.0f x real time %5.2f x the first\n",
		       *formats[i] ? formats[i] : "open, decode, write alone",
		       best[i], bench.length_s / best[i], best[i] / best[0]);
	return 0;
}
