/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The body of a report, or, where the first byte is odd, all of the message. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sip/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const char head[] = "PUBLISH sip:a SIP/2.0\r\n"
				   "Content-Type: application/vq-rtcpxr\r\n"
				   "\r\n";
	size_t head_bytes = n && bytes[0] & 1 ? 0 : sizeof(head) - 1;
	struct sip_report report;
	uint8_t *message;

	if (n == 0)
		return 0;
	message = malloc(head_bytes + n - 1);
	if (!message)
		return 0;
	memcpy(message, head, head_bytes);
	memcpy(message + head_bytes, bytes + 1, n - 1);
	if (sip_report_read(&report, message, head_bytes + n - 1)) {
		assert(report.call_id[0] && report.local.port &&
		       report.remote.port);
		assert(memchr(report.call_id, '\0', sizeof(report.call_id)));
		assert(report.mos_lq <= 500 && report.loss <= 10000);
	}
	free(message);
	return 0;
}
