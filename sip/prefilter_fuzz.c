/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sip/sip.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct sip_glance glance;
	uint8_t *copy = malloc(n);
	int rc;

	if (n)
		memcpy(copy, bytes, n);
	rc = sip_prefilter(copy, n, &glance);
	assert(rc == 1 || rc == 0 || rc == -EAGAIN);
	assert(rc == 1 || (!glance.call_id && !glance.response));
	if (glance.call_id) {
		const char *start = (const char *)copy;

		assert(glance.call_id_bytes > 0);
		assert(glance.call_id > start);
		assert(glance.call_id + glance.call_id_bytes < start + n);
		assert(!memchr(glance.call_id, '\n', glance.call_id_bytes));
	}
	free(copy);
	return 0;
}
