/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What it costs to make sound of a recording of G.711, beside a loop that opens
 * its chunks, expands each payload by a table and writes that down, without a
 * thought of where it belongs. In turns; the least of five counts.
 *
 *   sound_bench BIN HOME ID FOLDER
 *
 * The sound is written into FOLDER.
 */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rtp/g711.h"
#include "store/store.h"

#define ROUNDS 5

static const char *bin, *home, *id, *out;

static void
must(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "sound_bench: %s: %d\n", what, rc);
	exit(1);
}

static void
write_frame(FILE *to, const struct store_frame *frame)
{
	const int16_t *values = rtp_g711_values("PCMA");
	int16_t pcm[UINT16_MAX];

	for (uint32_t i = 0; i < frame->payload_bytes; i++)
		pcm[i] = values[frame->payload[i]];
	if (fwrite(pcm, sizeof(*pcm), frame->payload_bytes, to) !=
	    frame->payload_bytes)
		must(-1, out);
}

static void
bare(void)
{
	char path[PATH_MAX];
	struct store_identity *identity;
	struct store_archive *archive;
	struct store_segment segment;
	struct store_reader *reader;
	struct store_item item;
	FILE *to = fopen(out, "w");
	int rc;

	snprintf(path, sizeof(path), "%s/vault.key", home);
	must(store_init(), "store_init");
	must(store_identity_load(&identity, path), path);
	snprintf(path, sizeof(path), "%s/archive", home);
	must(store_archive_open(&archive, path, STORE_READ, NULL, NULL), path);
	must(store_segment_get(archive, id, &segment), id);
	must(store_reader_open(&reader, archive, identity, &segment), id);
	while ((rc = store_reader_next(reader, &item)) == 1) {
		if (item.type == STORE_ITEM_FRAME)
			write_frame(to, &item.frame);
	}
	must(rc, id);
	fclose(to);
	store_reader_close(&reader);
	store_archive_close(&archive);
	store_identity_free(&identity);
	exit(0);
}

static void
whole(void)
{
	execl(bin, bin, "--home", home, "export", "-q", id, "--out", out,
	      "--force", "--purpose", "quality", (char *)NULL);
	must(-1, bin);
}

static double
seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* Of the processor. */
static double
cost(void (*run)(void))
{
	struct rusage usage;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		run();
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0 || status != 0)
		must(-1, "a run failed");
	return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int
main(int argc, char **argv)
{
	char path[PATH_MAX];
	double least[2] = { 1e9, 1e9 };

	if (argc != 5) {
		fprintf(stderr, "usage: sound_bench BIN HOME ID FOLDER\n");
		return 2;
	}
	bin = argv[1];
	home = argv[2];
	id = argv[3];
	snprintf(path, sizeof(path), "%s/sound_bench.wav", argv[4]);
	out = path;
	for (int i = 0; i < ROUNDS; i++) {
		double a = cost(bare), b = cost(whole);

		least[0] = a < least[0] ? a : least[0];
		least[1] = b < least[1] ? b : least[1];
	}
	printf("opened, expanded and written   %.3f s of the processor\n"
	       "spanrec export                 %.3f s, %.2f times as much\n",
	       least[0], least[1], least[1] / least[0]);
	unlink(path);
	return 0;
}
