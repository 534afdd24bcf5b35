/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as the memory that the memory source reads frames from. */
#include "capture/source.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct heard {
	const uint8_t *begin, *end;
	uint64_t frames;
	uint64_t truncated;
	uint64_t bytes;
};

static void
on_frame(void *ctx, const struct capture_frame *frame)
{
	struct heard *heard = ctx;

	assert(frame->bytes >= heard->begin && frame->bytes <= heard->end);
	assert(frame->captured_bytes <= heard->end - frame->bytes);
	assert(capture_time_valid(frame->time_ns));
	heard->frames++;
	heard->truncated += frame->captured_bytes < frame->wire_bytes;
	heard->bytes += 16 + frame->captured_bytes;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct heard heard = { .begin = data, .end = data + n };
	struct capture_source_stats stats;
	struct capture_source *source;
	int rc = capture_mem_open(&source, data, n, 1);

	assert(rc == 0);
	while ((rc = capture_source_dispatch(source, 3, on_frame, &heard)) > 0)
		assert(rc <= 3);
	capture_source_stats(source, &stats);
	assert(stats.frames == heard.frames);
	assert(stats.truncated == heard.truncated);
	assert(stats.bytes_total == n);
	/* At the end all was read, or the error says where it stopped. */
	assert(rc < 0 || (heard.bytes == n && stats.bytes_done == n));
	assert((rc < 0) == (capture_source_error(source)[0] != '\0'));
	capture_source_free(&source);
	return 0;
}
