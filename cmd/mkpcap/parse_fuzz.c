/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any text as a call script. A script that is accepted and small is built and
 * written, twice, and must give the same bytes.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mkpcap/mkpcap_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static char *
built(const struct mkpcap_script *script, size_t *n)
{
	struct mkpcap_capture *capture = NULL;
	struct mkpcap_errors errors;
	char *pcap = NULL;
	FILE *to;
	int rc = mkpcap_build(&capture, script, &errors);

	assert((rc == 0) == (capture != NULL));
	assert(rc != -EINVAL || errors.count > 0);
	if (rc)
		return NULL;
	to = open_memstream(&pcap, n);
	assert(to);
	assert(mkpcap_write(capture, to) == 0);
	fclose(to);
	mkpcap_capture_free(&capture);
	return pcap;
}

/* Calls and packets that the script would make, about. */
static bool
small(const struct mkpcap_script *script)
{
	uint64_t repeats = 1, packets = 0;

	for (uint32_t i = 0; i < script->repeats_count; i++)
		if (script->repeats[i].count > repeats)
			repeats = script->repeats[i].count;
	for (uint32_t i = 0; i < script->media_count; i++)
		packets += mkpcap__slots(&script->media[i]);
	packets += script->steps_count + script->calls_count;
	return packets * repeats < 500;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct mkpcap_script *script = NULL;
	struct mkpcap_errors errors;
	char *one, *two;
	size_t one_bytes = 0, two_bytes = 0;
	int rc = mkpcap_parse(&script, (const char *)bytes, n, &errors);

	assert((rc == 0) == (script != NULL));
	assert(rc != -EINVAL || errors.count > 0);
	if (rc == 0 && small(script)) {
		one = built(script, &one_bytes);
		two = built(script, &two_bytes);
		assert(!one == !two && one_bytes == two_bytes);
		assert(!one || memcmp(one, two, one_bytes) == 0);
		free(one);
		free(two);
	}
	mkpcap_script_free(&script);
	return 0;
}
