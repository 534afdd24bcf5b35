/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies as WAV: see wav.c. */
#include "cmd/spanrec/export_priv.h"

#include <errno.h>
#include <stdlib.h>

struct encoder {
	FILE *to;
	uint64_t written;
	struct spanrec_wav wav;
};

static int
wav_open(void **encoder, const struct spanrec_sound *sound, FILE *to)
{
	struct encoder *e = calloc(1, sizeof(*e));
	int rc;

	*encoder = e;
	if (!e)
		return -ENOMEM;
	e->to = to;
	e->wav = (struct spanrec_wav){ .channels = sound->channels,
				       .hz = sound->hz,
				       .frames = sound->frames,
				       .tags = sound->tags };
	rc = spanrec_wav_header(to, &e->wav);
	if (rc < 0) {
		free(e);
		*encoder = NULL;
	}
	return rc;
}

static int
wav_samples(void *encoder, const int16_t *pcm, size_t frames)
{
	struct encoder *e = encoder;

	e->written += frames;
	return spanrec_wav_samples(e->to, pcm, frames * e->wav.channels);
}

static int
wav_close(void **encoder)
{
	struct encoder *e = *encoder;
	int rc;

	e->wav.frames = e->written;
	rc = spanrec_wav_end(e->to, &e->wav);
	free(e);
	*encoder = NULL;
	return rc;
}

const struct spanrec_encoding spanrec_encoding_wav = {
	.name = "wav",
	.gaps_last = true,
	.open = wav_open,
	.samples = wav_samples,
	.close = wav_close,
};
