/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes, and each beginning of them: what is read lies within bounds. */
#include "rtp/rtcp.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void
check(const struct rtp_rtcp_report *report)
{
	switch (report->kind) {
	case RTP_RTCP_SENT:
		assert(report->reporter == report->source);
		break;
	case RTP_RTCP_HEARD:
		assert(report->heard.fraction < 256);
		assert(report->heard.lost >= -0x800000 &&
		       report->heard.lost < 0x800000);
		break;
	case RTP_RTCP_VOIP:
		assert(report->voip.loss < 256 && report->voip.discard < 256);
		assert(report->voip.round_trip_ms < 65536);
		break;
	}
}

static void
read_copy(const uint8_t *bytes, size_t n)
{
	struct rtp_rtcp_report reports[RTP_RTCP_REPORTS_MAX];
	uint8_t *copy = malloc(n ? n : 1);
	int count, i;

	assert(copy);
	if (n)
		memcpy(copy, bytes, n);
	count = rtp_rtcp_read(reports, copy, n);
	assert(count <= RTP_RTCP_REPORTS_MAX);
	/* Each report has a place of its own: a sender's 28 bytes, a block 24.
	 */
	assert(count < 0 || (size_t)count * 24 <= n);
	for (i = 0; i < count; i++)
		check(&reports[i]);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	read_copy(bytes, n);
	if (n > 4)
		read_copy(bytes, n / 2);
	return 0;
}
