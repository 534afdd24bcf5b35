/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * WAV, 16 bits, little-endian. The length is known before the first sample is
 * written, so that a pipe gets a true header: many players refuse or misread
 * the forms of WAV that are made for an unknown length.
 *
 * RIFF | 36 + data | WAVE | "fmt " | 16 | 1 (PCM) | channels | samples/s |
 * bytes/s | bytes/sample frame | bits | "data" | bytes | samples ...
 */
#include "cmd/spanrec/spanrec.h"

#include <endian.h>
#include <errno.h>

#define HEADER_BYTES 44
#define SAMPLE_BYTES 2

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
write_bytes(FILE *to, const uint8_t *bytes, size_t n)
{
	if (fwrite(bytes, 1, n, to) == n)
		return 0;
	return errno ? -errno : -EIO;
}

bool
spanrec_wav_fits(unsigned channels, uint64_t frames)
{
	return frames <= (UINT32_MAX - HEADER_BYTES) /
			     ((uint64_t)channels * SAMPLE_BYTES);
}

int
spanrec_wav_header(FILE *to, unsigned channels, uint32_t hz, uint64_t frames)
{
	uint8_t header[HEADER_BYTES] = { 'R', 'I', 'F', 'F', 0,   0,   0,   0,
					 'W', 'A', 'V', 'E', 'f', 'm', 't', ' ',
					 16,  0,   0,   0,   1,   0,   0,   0,
					 0,   0,   0,   0,   0,   0,   0,   0,
					 0,   0,   0,   0,   'd', 'a', 't', 'a',
					 0,   0,   0,   0 };
	uint32_t frame_bytes = channels * SAMPLE_BYTES;
	uint32_t data_bytes;

	if (!spanrec_wav_fits(channels, frames))
		return -EOVERFLOW;
	data_bytes = (uint32_t)frames * frame_bytes;
	put_le32(header + 4, HEADER_BYTES - 8 + data_bytes);
	put_le16(header + 22, channels);
	put_le32(header + 24, hz);
	put_le32(header + 28, hz * frame_bytes);
	put_le16(header + 32, frame_bytes);
	put_le16(header + 34, 8 * SAMPLE_BYTES);
	put_le32(header + 40, data_bytes);
	return write_bytes(to, header, sizeof(header));
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
