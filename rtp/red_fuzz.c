/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever a payload says, its blocks lie within it. */
#include <assert.h>
#include <stddef.h>

#include "rtp/red.h"

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
	return 0;
}
