/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as the text of an address; what is accepted must come back. */
#include "capture/pkt.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char text[CAPTURE_ENDPOINT_TEXT_BYTES];
	struct capture_endpoint ep, again;
	const char *begin, *end;
	int rc;

	if (capture_endpoint_parse(&ep, (const char *)data, n, 5060))
		return 0;
	capture_endpoint_text(&ep, text);
	begin = text + (text[0] == '[');
	end = strrchr(text, ':') - (text[0] == '[');
	rc = capture_endpoint_parse(&again, begin, (size_t)(end - begin), 5060);
	assert(rc == 0 && capture_endpoint_equal(&ep, &again));
	return 0;
}
