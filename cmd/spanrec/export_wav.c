/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies as WAV: see wav.c. */
#include "cmd/spanrec/export_priv.h"

#include <errno.h>
#include <stdlib.h>

struct encoder {
	FILE *to;
	unsigned channels;
};

static int
wav_open(void **encoder, const struct spanrec_sound *sound, FILE *to)
{
	const struct spanrec_wav wav = { .channels = sound->channels,
					 .hz = sound->hz,
					 .frames = sound->frames,
					 .tags = sound->tags };
	struct encoder *e = calloc(1, sizeof(*e));
	int rc;

	*encoder = e;
	if (!e)
		return -ENOMEM;
	e->to = to;
	e->channels = sound->channels;
	rc = spanrec_wav_header(to, &wav);
	if (rc < 0) {
		free(e);
		*encoder = NULL;
	}
	return rc;
}

static int
wav_samples(void *encoder, const int16_t *pcm, size_t frames)
{
	const struct encoder *e = encoder;

	return spanrec_wav_samples(e->to, pcm, frames * e->channels);
}

static int
wav_close(void **encoder)
{
	free(*encoder);
	*encoder = NULL;
	return 0;
}

const struct spanrec_encoding spanrec_encoding_wav = { "wav", wav_open,
						       wav_samples, wav_close };
