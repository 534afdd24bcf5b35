/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * playing CLOCK HEARD ...: spanrec with the rest of the command line, and in
 * place of a sound card a sink whose clock is the pipe CLOCK: for each line of
 * it so many milliseconds go by. What is heard goes into the file HEARD, as
 * samples of 16 bits. So a test can stop the time and look at the screen.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/spanrec/player.h"

#define BUFFER_MS         200
#define BUFFER_FRAMES_MAX (48 * BUFFER_MS)
#define CHANNELS_MAX      2

struct card {
	int clock;
	FILE *heard;
	unsigned channels;
	uint32_t hz;
	char line[32];
	size_t used;
	uint64_t to_pass; /**< frames of time that are still to go by */
	int16_t queue[BUFFER_FRAMES_MAX * CHANNELS_MAX];
	size_t queued, room;
};

static void
read_clock(struct card *card, int wait_ms)
{
	struct pollfd from = { .fd = card->clock, .events = POLLIN };
	char byte;

	if (poll(&from, 1, card->to_pass ? 0 : wait_ms) <= 0)
		return;
	while (read(card->clock, &byte, 1) == 1) {
		if (byte != '\n' && card->used < sizeof(card->line) - 1) {
			card->line[card->used++] = byte;
			continue;
		}
		card->line[card->used] = '\0';
		card->used = 0;
		card->to_pass +=
		    strtoull(card->line, NULL, 10) * card->hz / 1000;
	}
}

/* Without sound the clock stands, too. */
static void
pass(struct card *card, int wait_ms)
{
	size_t n;

	read_clock(card, wait_ms);
	n = card->to_pass < card->queued ? card->to_pass : card->queued;
	fwrite(card->queue, sizeof(*card->queue) * card->channels, n,
	       card->heard);
	fflush(card->heard);
	card->queued -= n;
	card->to_pass -= n;
	memmove(card->queue, card->queue + n * card->channels,
		card->queued * card->channels * sizeof(*card->queue));
}

static int
card_open(void *ctx, unsigned channels, uint32_t hz)
{
	struct card *card = ctx;

	card->channels = channels;
	card->hz = hz;
	card->room = (size_t)hz * BUFFER_MS / 1000;
	return 0;
}

static int
card_write(void *ctx, const int16_t *pcm, size_t frames)
{
	struct card *card = ctx;

	if (card->queued == card->room)
		pass(card, SPANREC_PERIOD_MS);
	if (frames > card->room - card->queued)
		frames = card->room - card->queued;
	memcpy(card->queue + card->queued * card->channels, pcm,
	       frames * card->channels * sizeof(*pcm));
	card->queued += frames;
	return (int)frames;
}

static size_t
card_delay(void *ctx)
{
	struct card *card = ctx;

	pass(card, 0);
	return card->queued;
}

static void
card_drop(void *ctx)
{
	struct card *card = ctx;

	card->queued = 0;
}

static void
card_nothing(void *ctx)
{
}

static int
run(struct card *card, int argc, char **argv)
{
	const struct spanrec_sink sink = { .ctx = card,
					   .open = card_open,
					   .write = card_write,
					   .delay = card_delay,
					   .drop = card_drop,
					   .finish = card_nothing,
					   .close = card_nothing };
	struct spanrec spanrec = { .out = stdout, .sink = &sink };
	struct timespec now;
	int rc;

	clock_gettime(CLOCK_REALTIME, &now);
	spanrec.now_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
	rc = spanrec_run(&spanrec, argc, argv);
	spanrec_fini(&spanrec);
	return rc;
}

int
main(int argc, char **argv)
{
	struct card card = { .clock = -1 };
	int rc;

	setlocale(LC_CTYPE, "");
	log_init("spanrec", LOG_LEVEL_INFO);
	if (argc < 4 || store_init() < 0)
		return EXIT_USAGE;
	/* for both, so that it has no end */
	card.clock = open(argv[1], O_RDWR | O_NONBLOCK | O_CLOEXEC);
	card.heard = fopen(argv[2], "w");
	if (card.clock < 0 || !card.heard) {
		fprintf(stderr, "playing: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	rc = run(&card, argc - 2, argv + 2);
	fclose(card.heard);
	close(card.clock);
	return rc;
}
