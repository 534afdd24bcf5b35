/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Copies as Ogg Opus (RFC 7845), for those who need small files. The sides are
 * two streams that are not coupled, so that nothing of one is ever heard in the
 * other: mapping family 1 with two channels is stereo to every player.
 */
#include "cmd/spanrec/export_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <opus/opusenc.h>

/** A side. Opus has speech of telephones transparent from about 24000 on. */
#define BITS_PER_SECOND 32000

/** Of 10. From here on what is gained is hardly measurable, and what it takes
 * doubles. */
#define COMPLEXITY 5

#define BLOCK_FRAMES 1024

struct encoder {
	OggOpusEnc *opus;
	OggOpusComments *comments;
	FILE *to;
	unsigned channels;
	int error; /**< of the file; 0: none */
};

static int
write_page(void *ctx, const unsigned char *bytes, opus_int32 n)
{
	struct encoder *e = ctx;

	errno = 0;
	if (fwrite(bytes, 1, (size_t)n, e->to) == (size_t)n)
		return 0;
	e->error = errno ? -errno : -EIO;
	return 1;
}

static int
close_nothing(void *ctx)
{
	return 0;
}

/* What libopusenc says, or better what the file said. @return -errno */
static int
failed(const struct encoder *e, int opus)
{
	if (e->error)
		return e->error;
	return opus == OPE_ALLOC_FAIL ? -ENOMEM : -EIO;
}

static void
free_encoder(struct encoder *e)
{
	if (e->opus)
		ope_encoder_destroy(e->opus);
	if (e->comments)
		ope_comments_destroy(e->comments);
	free(e);
}

static int
add_comments(struct encoder *e, const struct spanrec_tags *tags)
{
	size_t i;

	e->comments = ope_comments_create();
	if (!e->comments)
		return -ENOMEM;
	for (i = 0; i < tags->count; i++) {
		if (ope_comments_add_string(e->comments, tags->texts[i]))
			return -ENOMEM;
	}
	return 0;
}

/* The number of an Ogg stream is to be its own, and the same each time: FNV-1a
 * of its id. */
static int
serial_number(const struct spanrec_tags *tags)
{
	const char *id = spanrec_tags_value(tags, "TITLE");
	uint32_t hash = 2166136261U;

	for (; *id; id++)
		hash = (hash ^ (uint8_t)*id) * 16777619U;
	return (int)(hash & INT32_MAX);
}

/* @return 0, or what libopusenc says */
static int
make(struct encoder *e, const struct spanrec_sound *sound)
{
	static const OpusEncCallbacks callbacks = { write_page, close_nothing };
	static const unsigned char mapping[2] = { 0, 1 };
	bool stereo = sound->channels > 1;
	int rc;

	/* family -1: told below, which libopusenc 0.2.1 can with the others
	 * only */
	e->opus = ope_encoder_create_callbacks(
	    &callbacks, e, e->comments, (opus_int32)sound->hz,
	    (int)sound->channels, stereo ? -1 : 0, &rc);
	if (!e->opus)
		return rc ? rc : OPE_ALLOC_FAIL;
	return stereo ? ope_encoder_deferred_init_with_mapping(e->opus, 1, 2, 0,
							       mapping)
		      : 0;
}

/* @return 0, or what libopusenc says */
static int
set(struct encoder *e, const struct spanrec_sound *sound)
{
	int serial = serial_number(sound->tags);
	int bits_per_second = BITS_PER_SECOND * (int)sound->channels;
	int rc = ope_encoder_ctl(e->opus, OPE_SET_SERIALNO(serial));

	if (!rc)
		rc =
		    ope_encoder_ctl(e->opus, OPUS_SET_BITRATE(bits_per_second));
	if (!rc)
		rc = ope_encoder_ctl(e->opus, OPUS_SET_COMPLEXITY(COMPLEXITY));
	if (!rc)
		rc = ope_encoder_ctl(e->opus,
				     OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
	return rc;
}

/* @return 0, -errno */
static int
start(struct encoder *e, const struct spanrec_sound *sound)
{
	int rc = add_comments(e, sound->tags);

	if (rc < 0)
		return rc;
	rc = make(e, sound);
	if (!rc)
		rc = set(e, sound);
	return rc ? failed(e, rc) : 0;
}

static int
opus_open(void **encoder, const struct spanrec_sound *sound, FILE *to)
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
opus_samples(void *encoder, const int16_t *pcm, size_t frames)
{
	struct encoder *e = encoder;
	size_t n;
	int rc;

	while (frames) {
		n = frames < BLOCK_FRAMES ? frames : BLOCK_FRAMES;
		rc = ope_encoder_write(e->opus, pcm, (int)n);
		if (rc || e->error)
			return failed(e, rc);
		pcm += n * e->channels;
		frames -= n;
	}
	return 0;
}

static int
opus_close(void **encoder)
{
	struct encoder *e = *encoder;
	int rc = ope_encoder_drain(e->opus);

	if (rc || e->error)
		rc = failed(e, rc);
	*encoder = NULL;
	free_encoder(e);
	return rc;
}

const struct spanrec_encoding spanrec_encoding_opus = {
	.name = "opus",
	.open = opus_open,
	.samples = opus_samples,
	.close = opus_close,
};
