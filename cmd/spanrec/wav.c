/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * WAV, 16 bits, little-endian. The length is known before the first sample is
 * written, so that a pipe gets a true header: many players refuse or misread
 * the forms of WAV that are made for an unknown length.
 *
 * RIFF | bytes | WAVE
 *   "fmt " | 16 | 1 (PCM) | channels | samples/s | bytes/s | bytes/frame | bits
 * and, if there is more to tell,
 *   "bext" | 602 | description 256 | originator 32 | reference 32 |
 *          date 10 | time 8 | samples since midnight 8 | version 2 | zeros
 *                                             EBU Tech 3285: when it began, UTC
 * and then
 *   "data" | bytes | samples ...
 * and, if there is more to tell, which is known when all was read,
 *   "LIST" | bytes | INFO | four letters | bytes | text, zero, even ...
 */
#include "cmd/spanrec/export_priv.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT_BYTES 16
#define SAMPLE_BYTES 2
#define BEXT_BYTES   602

/** Of the LIST: for as many gaps as tags have, and then some. */
#define LIST_BYTES_MAX (1 << 20)

static void
put_le16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void
put_le32(uint8_t *p, uint32_t v)
{
	put_le16(p, v & 0xFFFF);
	put_le16(p + 2, v >> 16);
}

static int
write_bytes(FILE *to, const void *bytes, size_t n)
{
	errno = 0;
	if (fwrite(bytes, 1, n, to) == n)
		return 0;
	return errno ? -errno : -EIO;
}

static int
write_chunk_head(FILE *to, const char id[4], uint32_t bytes)
{
	uint8_t head[8];

	memcpy(head, id, 4);
	put_le32(head + 4, bytes);
	return write_bytes(to, head, sizeof(head));
}

/* ---- tags -------------------------------------------------------------- */

/* Texts of a LIST INFO: those that players show under names of their own, and
 * all of them as the comment. */
static const struct {
	const char id[5], *tag;
} infos[] = {
	{ "INAM", "TITLE" },
	{ "ICRD", "DATE" },
	{ "IART", "ORGANIZATION" },
	{ "ISFT", "ENCODER" },
};
#define INFOS (sizeof(infos) / sizeof(infos[0]))

/* One text, zero and padding: 8 bytes are before it. */
static size_t
info_bytes(size_t text)
{
	return text ? 8 + ((text + 1 + 1) & ~(size_t)1) : 0;
}

static size_t
comment_length(const struct spanrec_tags *tags)
{
	size_t i, n = 0;

	for (i = 0; i < tags->count; i++)
		n += strlen(tags->texts[i]) + 1;
	return n ? n - 1 : 0;
}

/* What the LIST has behind its head; all together. */
static size_t
list_bytes(const struct spanrec_tags *tags)
{
	size_t i, n = 4 + info_bytes(comment_length(tags));

	for (i = 0; i < INFOS; i++)
		n += info_bytes(strlen(spanrec_tags_value(tags, infos[i].tag)));
	return n;
}

/* Up to 2 zeros: the end of a text, and what makes it even. */
static int
write_info_end(FILE *to, size_t text)
{
	return write_bytes(to, "\0", text % 2 ? 1 : 2);
}

static int
write_info(FILE *to, const char *id, const char *text)
{
	size_t n = strlen(text);
	int rc;

	if (!n)
		return 0;
	rc = write_chunk_head(to, id, (uint32_t)n + 1);
	if (!rc)
		rc = write_bytes(to, text, n);
	return rc ? rc : write_info_end(to, n);
}

static int
write_comment(FILE *to, const struct spanrec_tags *tags)
{
	size_t i, n = comment_length(tags);
	int rc = write_chunk_head(to, "ICMT", (uint32_t)n + 1);

	for (i = 0; !rc && i < tags->count; i++) {
		if (i)
			rc = write_bytes(to, "\n", 1);
		if (!rc)
			rc = write_bytes(to, tags->texts[i],
					 strlen(tags->texts[i]));
	}
	return rc ? rc : write_info_end(to, n);
}

/* Of "2019-03-28T14:15:03.250Z". */
static uint64_t
samples_since_midnight(const char *utc, uint32_t hz)
{
	const char *clock = strchr(utc, 'T');
	unsigned h = 0, m = 0, ms = 0, s = 0;

	if (!clock || sscanf(clock, "T%2u:%2u:%2u.%3u", &h, &m, &s, &ms) != 4)
		return 0;
	return (uint64_t)(h * 3600 + m * 60 + s) * hz +
	       (uint64_t)ms * hz / 1000;
}

static void
put_text(uint8_t *p, size_t room, const char *text)
{
	memcpy(p, text, strnlen(text, room));
}

static int
write_bext(FILE *to, const struct spanrec_wav *wav)
{
	const char *date = spanrec_tags_value(wav->tags, "DATE");
	uint64_t samples = samples_since_midnight(date, wav->hz);
	uint8_t bext[BEXT_BYTES] = { 0 };
	int rc = write_chunk_head(to, "bext", sizeof(bext));

	put_text(bext, 256, spanrec_tags_value(wav->tags, "TITLE"));
	put_text(bext + 256, 32, "spanrec");
	put_text(bext + 288, 32, spanrec_tags_value(wav->tags, "TITLE"));
	put_text(bext + 320, 10, date);
	if (strlen(date) > 11)
		put_text(bext + 330, 8, date + 11);
	put_le32(bext + 338, (uint32_t)samples);
	put_le32(bext + 342, (uint32_t)(samples >> 32));
	return rc ? rc : write_bytes(to, bext, sizeof(bext));
}

static int
write_list(FILE *to, const struct spanrec_tags *tags)
{
	int rc = write_chunk_head(to, "LIST", (uint32_t)list_bytes(tags));
	size_t i;

	if (!rc)
		rc = write_bytes(to, "INFO", 4);
	for (i = 0; !rc && i < INFOS; i++)
		rc = write_info(to, infos[i].id,
				spanrec_tags_value(tags, infos[i].tag));
	return rc ? rc : write_comment(to, tags);
}

/* ---- the file ---------------------------------------------------------- */

/* Between the first 8 bytes and the samples. */
static size_t
before_data(const struct spanrec_wav *wav)
{
	return 4 + 8 + FORMAT_BYTES + (wav->tags ? 8 + BEXT_BYTES : 0) + 8;
}

static uint32_t
data_bytes(const struct spanrec_wav *wav)
{
	return (uint32_t)wav->frames * wav->channels * SAMPLE_BYTES;
}

bool
spanrec_wav_fits(const struct spanrec_wav *wav)
{
	size_t others = before_data(wav) + (wav->tags ? LIST_BYTES_MAX : 0);

	return wav->frames <=
	       (UINT32_MAX - others) / ((uint64_t)wav->channels * SAMPLE_BYTES);
}

static int
write_format(FILE *to, const struct spanrec_wav *wav)
{
	uint32_t frame_bytes = wav->channels * SAMPLE_BYTES;
	uint8_t format[FORMAT_BYTES] = { 1 };
	int rc = write_chunk_head(to, "fmt ", sizeof(format));

	put_le16(format + 2, wav->channels);
	put_le32(format + 4, wav->hz);
	put_le32(format + 8, wav->hz * frame_bytes);
	put_le16(format + 12, frame_bytes);
	put_le16(format + 14, 8 * SAMPLE_BYTES);
	return rc ? rc : write_bytes(to, format, sizeof(format));
}

int
spanrec_wav_header(FILE *to, const struct spanrec_wav *wav)
{
	uint32_t data = data_bytes(wav);
	int rc;

	if (!spanrec_wav_fits(wav))
		return -EOVERFLOW;
	rc = write_chunk_head(to, "RIFF", (uint32_t)before_data(wav) + data);
	if (!rc)
		rc = write_bytes(to, "WAVE", 4);
	if (!rc)
		rc = write_format(to, wav);
	if (!rc && wav->tags)
		rc = write_bext(to, wav);
	return rc ? rc : write_chunk_head(to, "data", data);
}

static int
write_size_at(FILE *to, size_t at, uint32_t size)
{
	uint8_t bytes[4];

	put_le32(bytes, size);
	return fseek(to, (long)at, SEEK_SET) < 0
		   ? -errno
		   : write_bytes(to, bytes, sizeof(bytes));
}

int
spanrec_wav_end(FILE *to, const struct spanrec_wav *wav)
{
	uint32_t data = data_bytes(wav);
	size_t list;
	int rc;

	if (!wav->tags)
		return 0;
	list = 8 + list_bytes(wav->tags);
	if (list > LIST_BYTES_MAX || !spanrec_wav_fits(wav))
		return -EOVERFLOW;
	rc = write_list(to, wav->tags);
	/* the header did not know */
	if (!rc)
		rc = write_size_at(to, 4,
				   (uint32_t)(before_data(wav) + list) + data);
	if (!rc)
		rc = write_size_at(to, 8 + before_data(wav) - 4, data);
	return rc == 0 && fseek(to, 0, SEEK_END) < 0 ? -errno : rc;
}

int
spanrec_wav_samples(FILE *to, const int16_t *pcm, size_t count)
{
	uint8_t bytes[1024 * SAMPLE_BYTES];
	size_t i, n;
	int rc;

	if (htole16(1) == 1)
		return write_bytes(to, (const uint8_t *)pcm,
				   count * SAMPLE_BYTES);
	while (count) {
		n = count < 1024 ? count : 1024;
		for (i = 0; i < n; i++)
			put_le16(bytes + i * SAMPLE_BYTES, (uint16_t)pcm[i]);
		rc = write_bytes(to, bytes, n * SAMPLE_BYTES);
		if (rc < 0)
			return rc;
		pcm += n;
		count -= n;
	}
	return 0;
}
