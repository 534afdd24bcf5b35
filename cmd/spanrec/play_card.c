/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A sound card, by ALSA. */
#include "cmd/spanrec/play_priv.h"

#include <errno.h>
#include <stdlib.h>

#include <alsa/asoundlib.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

/** It holds so much, that a busy machine may forget us for a while. */
#define LATENCY_US 200000

struct spanrec_card {
	struct spanrec_sink sink;
	snd_pcm_t *pcm;
};

/* ALSA would print its own account of what fails on stderr. */
static void
say_nothing(const char *file, int line, const char *function, int error,
	    const char *format, ...)
{
}

static int
card_open(void *ctx, unsigned channels, uint32_t hz)
{
	struct spanrec_card *card = ctx;
	int rc;

	snd_lib_error_set_handler(say_nothing);
	rc = snd_pcm_open(&card->pcm, "default", SND_PCM_STREAM_PLAYBACK, 0);
	if (rc >= 0)
		rc = snd_pcm_set_params(card->pcm, SND_PCM_FORMAT_S16,
					SND_PCM_ACCESS_RW_INTERLEAVED, channels,
					hz, 1, LATENCY_US);
	if (rc >= 0)
		return 0;
	log_error("there is no sound card that works here (%s); write the "
		  "sound to a program instead: spanrec play ID - --purpose P "
		  "| PROGRAM",
		  snd_strerror(rc));
	return EXIT_FAILED;
}

static int
card_write(void *ctx, const int16_t *pcm, size_t frames)
{
	struct spanrec_card *card = ctx;
	snd_pcm_sframes_t n = snd_pcm_writei(card->pcm, pcm, frames);

	if (n < 0)
		n = snd_pcm_recover(card->pcm, (int)n, 1);
	if (n >= 0)
		return (int)n;
	log_error("the sound card stopped: %s", snd_strerror((int)n));
	return -EIO;
}

static size_t
card_delay(void *ctx)
{
	struct spanrec_card *card = ctx;
	snd_pcm_sframes_t frames;

	/* one that ran dry has none */
	if (snd_pcm_delay(card->pcm, &frames) < 0 || frames < 0)
		return 0;
	return (size_t)frames;
}

static void
card_drop(void *ctx)
{
	struct spanrec_card *card = ctx;

	snd_pcm_drop(card->pcm);
	snd_pcm_prepare(card->pcm);
}

static void
card_finish(void *ctx)
{
	struct spanrec_card *card = ctx;

	/* less than it begins at by itself */
	if (snd_pcm_state(card->pcm) == SND_PCM_STATE_PREPARED)
		snd_pcm_start(card->pcm);
}

static void
card_close(void *ctx)
{
	struct spanrec_card *card = ctx;

	if (card->pcm)
		snd_pcm_close(card->pcm);
	card->pcm = NULL;
	snd_config_update_free_global();
}

int
spanrec_card_new(struct spanrec_card **card, const struct spanrec_sink **sink)
{
	*card = calloc(1, sizeof(**card));
	if (!*card)
		return -ENOMEM;
	(*card)->sink = (struct spanrec_sink){ .ctx = *card,
					       .open = card_open,
					       .write = card_write,
					       .delay = card_delay,
					       .drop = card_drop,
					       .finish = card_finish,
					       .close = card_close };
	*sink = &(*card)->sink;
	return 0;
}

void
spanrec_card_free(struct spanrec_card **card)
{
	free(*card);
	*card = NULL;
}
