/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Copies as FLAC, without loss. With libFLAC itself: libsndfile, which is
 * built on it, knows no tags but a few of its own.
 */
#include "cmd/spanrec/export_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <FLAC/metadata.h>
#include <FLAC/stream_encoder.h>

#define BLOCK_FRAMES 1024

struct encoder {
	FLAC__StreamEncoder *flac;
	FLAC__StreamMetadata *comments;
	FILE *to;
	unsigned channels;
	int error; /**< of the file; 0: none */
};

/* ---- the file ---------------------------------------------------------- */

static FLAC__StreamEncoderWriteStatus
write_bytes(const FLAC__StreamEncoder *flac, const FLAC__byte bytes[], size_t n,
	    uint32_t samples, uint32_t frame, void *ctx)
{
	struct encoder *e = ctx;

	errno = 0;
	if (fwrite(bytes, 1, n, e->to) == n)
		return FLAC__STREAM_ENCODER_WRITE_STATUS_OK;
	e->error = errno ? -errno : -EIO;
	return FLAC__STREAM_ENCODER_WRITE_STATUS_FATAL_ERROR;
}

/* The head is written again when length and hash are known. */
static FLAC__StreamEncoderSeekStatus
seek(const FLAC__StreamEncoder *flac, FLAC__uint64 offset, void *ctx)
{
	struct encoder *e = ctx;

	if (fseeko(e->to, (off_t)offset, SEEK_SET) == 0)
		return FLAC__STREAM_ENCODER_SEEK_STATUS_OK;
	e->error = -errno;
	return FLAC__STREAM_ENCODER_SEEK_STATUS_ERROR;
}

static FLAC__StreamEncoderTellStatus
tell(const FLAC__StreamEncoder *flac, FLAC__uint64 *offset, void *ctx)
{
	struct encoder *e = ctx;
	off_t at = ftello(e->to);

	if (at >= 0) {
		*offset = (FLAC__uint64)at;
		return FLAC__STREAM_ENCODER_TELL_STATUS_OK;
	}
	e->error = -errno;
	return FLAC__STREAM_ENCODER_TELL_STATUS_ERROR;
}

/* ---- the encoder ------------------------------------------------------- */

static int
add_comments(struct encoder *e, const struct spanrec_tags *tags)
{
	size_t i;

	e->comments =
	    FLAC__metadata_object_new(FLAC__METADATA_TYPE_VORBIS_COMMENT);
	if (!e->comments)
		return -ENOMEM;
	for (i = 0; i < tags->count; i++) {
		const FLAC__StreamMetadata_VorbisComment_Entry entry = {
			.length = (uint32_t)strlen(tags->texts[i]),
			.entry = (FLAC__byte *)tags->texts[i],
		};

		if (!FLAC__metadata_object_vorbiscomment_append_comment(
			e->comments, entry, true))
			return -ENOMEM;
	}
	return 0;
}

static void
free_encoder(struct encoder *e)
{
	if (e->flac)
		FLAC__stream_encoder_delete(e->flac);
	if (e->comments)
		FLAC__metadata_object_delete(e->comments);
	free(e);
}

/* @return 0, -errno */
static int
start(struct encoder *e, const struct spanrec_sound *sound)
{
	int rc = add_comments(e, sound->tags);

	if (rc < 0)
		return rc;
	e->flac = FLAC__stream_encoder_new();
	if (!e->flac)
		return -ENOMEM;
	FLAC__stream_encoder_set_channels(e->flac, sound->channels);
	FLAC__stream_encoder_set_bits_per_sample(e->flac, 16);
	FLAC__stream_encoder_set_sample_rate(e->flac, sound->hz);
	FLAC__stream_encoder_set_compression_level(e->flac, 5);
	FLAC__stream_encoder_set_total_samples_estimate(e->flac, sound->frames);
	FLAC__stream_encoder_set_metadata(e->flac, &e->comments, 1);
	if (FLAC__stream_encoder_init_stream(e->flac, write_bytes, seek, tell,
					     NULL, e) !=
	    FLAC__STREAM_ENCODER_INIT_STATUS_OK)
		return e->error ? e->error : -ENOMEM;
	return 0;
}

static int
flac_open(void **encoder, const struct spanrec_sound *sound, FILE *to)
{
	struct encoder *e = calloc(1, sizeof(*e));
	int rc;

	*encoder = NULL;
	if (!e)
		return -ENOMEM;
	e->to = to;
	e->channels = sound->channels;
	rc = start(e, sound);
	if (rc < 0)
		free_encoder(e);
	else
		*encoder = e;
	return rc;
}

static int
flac_samples(void *encoder, const int16_t *pcm, size_t frames)
{
	FLAC__int32 wide[BLOCK_FRAMES * 2];
	struct encoder *e = encoder;
	size_t i, n;

	while (frames) {
		n = frames < BLOCK_FRAMES ? frames : BLOCK_FRAMES;
		for (i = 0; i < n * e->channels; i++)
			wide[i] = pcm[i];
		if (!FLAC__stream_encoder_process_interleaved(e->flac, wide,
							      (uint32_t)n))
			return e->error ? e->error : -EIO;
		pcm += n * e->channels;
		frames -= n;
	}
	return 0;
}

static int
flac_close(void **encoder)
{
	struct encoder *e = *encoder;
	int rc = 0;

	*encoder = NULL;
	if (!FLAC__stream_encoder_finish(e->flac))
		rc = e->error ? e->error : -EIO;
	free_encoder(e);
	return rc;
}

const struct spanrec_encoding spanrec_encoding_flac = {
	.name = "flac",
	.open = flac_open,
	.samples = flac_samples,
	.close = flac_close,
};
