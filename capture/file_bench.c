/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What reading a capture costs: a plain loop over libpcap that only counts,
 * this project's source with a callback that does nothing, and with the
 * decoder. Reads the file it is given, or else one of its own making. Merging
 * reads that file twice at a time, so half of it comes from the cache.
 */
#include "capture/decode.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { FRAMES = 1000000, FRAME_BYTES = 214, RUNS = 3 };

struct result {
	uint64_t frames;
	uint64_t datagrams;
};

static struct capture_decoder *decoder;

static double
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* As RTP of 20 ms G.711 would be. */
static int
write_capture(const char *path)
{
	static const uint8_t frame[FRAME_BYTES] = {
		[12] = 0x08, [14] = 0x45, [17] = 200,  [22] = 64,
		[23] = 17,   [26] = 10,   [30] = 10,   [34] = 0x40,
		[36] = 0x41, [39] = 180,  [42] = 0x80,
	};
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 65535);
	pcap_dumper_t *out = pcap ? pcap_dump_open(pcap, path) : NULL;
	struct pcap_pkthdr hdr = { .caplen = FRAME_BYTES, .len = FRAME_BYTES };
	uint32_t i;

	if (!out)
		return -1;
	for (i = 0; i < FRAMES; i++) {
		hdr.ts.tv_sec = 1553782503 + i / 50000;
		hdr.ts.tv_usec = (suseconds_t)(i % 50000) * 20;
		pcap_dump((u_char *)out, &hdr, frame);
	}
	pcap_dump_close(out);
	pcap_close(pcap);
	return 0;
}

static void
count_only(void *ctx, const struct capture_frame *frame)
{
	struct result *result = ctx;

	result->frames++;
}

static void
count_decoded(void *ctx, const struct capture_frame *frame)
{
	struct result *result = ctx;
	struct capture_pkt pkt;

	result->frames++;
	if (capture_decode(decoder, frame, frame->time_ns, &pkt) == CAPTURE_udp)
		result->datagrams++;
}

static int
read_libpcap(const char *path, struct result *result)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(path, error);
	struct pcap_pkthdr *hdr;
	const u_char *bytes;

	if (!pcap) {
		fprintf(stderr, "%s\n", error);
		return -1;
	}
	while (pcap_next_ex(pcap, &hdr, &bytes) == 1)
		result->frames++;
	pcap_close(pcap);
	return 0;
}

static int
read_source(const char *const *paths, size_t count, capture_frame_fn fn,
	    struct result *result)
{
	struct capture_source *source;
	char error[CAPTURE_ERROR_BYTES];
	int rc = capture_file_open(&source, paths, count, error);

	if (rc) {
		fprintf(stderr, "%s\n", error);
		return rc;
	}
	do
		rc = capture_source_dispatch(source, 256, fn, result);
	while (rc > 0);
	capture_source_free(&source);
	return rc;
}

static int
run(const char *path, unsigned what, struct result *result)
{
	const char *const twice[] = { path, path };

	switch (what) {
	case 0:
		return read_libpcap(path, result);
	case 1:
		return read_source(&path, 1, count_only, result);
	case 2:
		return read_source(&path, 1, count_decoded, result);
	default:
		return read_source(twice, 2, count_only, result);
	}
}

/* The best of a few runs: the first fills the page cache. */
static int
measure(const char *path)
{
	static const char *const names[] = { "libpcap alone", "source",
					     "source + decode",
					     "two files merged" };
	unsigned what, i;

	for (what = 0; what < 4; what++) {
		struct result result = { 0 };
		double best = 0;

		for (i = 0; i < RUNS; i++) {
			double began = now_ns(), each;

			result = (struct result){ 0 };
			if (run(path, what, &result) || !result.frames)
				return 1;
			each = (now_ns() - began) / (double)result.frames;
			if (i == 0 || each < best)
				best = each;
		}
		printf("read %-17s %6.1f ns a frame, %llu frames, "
		       "%llu datagrams\n",
		       names[what], best, (unsigned long long)result.frames,
		       (unsigned long long)result.datagrams);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	char path[] = "/tmp/spanrec-bench-XXXXXX";
	const struct capture_decode_config config = { .hash_key = "bench" };
	int fd, rc = 1;

	if (capture_decoder_new(&decoder, &config) < 0)
		return 1;
	if (argc > 1)
		return measure(argv[1]);
	fd = mkstemp(path);
	if (fd < 0)
		return 1;
	if (write_capture(path) == 0)
		rc = measure(path);
	close(fd);
	unlink(path);
	return rc;
}
