/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes: the payload lies inside them, behind a header of 12 or more. */
#include "rtp/rtp.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct rtp_hdr hdr;
	int offset = rtp_hdr_parse(&hdr, bytes, n);

	if (offset < 0)
		return 0;
	assert(offset >= 12 && offset % 4 == 0);
	assert(hdr.payload == bytes + offset);
	assert((size_t)offset + hdr.payload_bytes <= n);
	assert(hdr.payload_type < 128);
	if (!(bytes[0] & 0x20))
		assert((size_t)offset + hdr.payload_bytes == n);
	return 0;
}
