/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever a payload says, its blocks lie within it, and what it brings along
 * has a length. */
#include <assert.h>
#include <stddef.h>

#include "rtp/earlier.h"
#include "rtp/red.h"

enum { OFFSET_MAX = 0x3fff, OPUS_FRAME_MAX = 2880 };

static const struct rtp_format formats[] = {
	{ "red", 8000, 63, 1, "" },
	{ "red", 48000, 63, 2, "" },
	{ "opus", 48000, 111, 2, "" },
	{ "AMR", 8000, 97, 1, "" },
	{ "AMR-WB", 16000, 98, 1, "octet-align=1" },
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct rtp_red_block blocks[RTP_RED_BLOCKS_MAX];
	uint32_t count = rtp_red_read(blocks, bytes, (uint32_t)n);

	assert(count <= RTP_RED_BLOCKS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		assert(blocks[i].payload >= bytes);
		assert(blocks[i].payload + blocks[i].bytes <= bytes + n);
	}
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		uint32_t units = rtp_earlier(&formats[i], bytes, (uint32_t)n);

		(void)rtp_earlier_length(&formats[i], bytes, (uint32_t)n);
		assert(units <= OFFSET_MAX + OPUS_FRAME_MAX ||
		       units == RTP_EARLIER_UNKNOWN);
	}
	return 0;
}
