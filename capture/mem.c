/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames from memory: the source of tests and fuzzers, which can give the
 * whole recorder any input without a file.
 */
#include "capture/source.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "capture/rd.h"

struct mem_source {
	struct capture_source head;
	struct capture_source_stats stats;
	struct capture_rd rd;
	int link_type;
	int failure; /* what dispatch returns when nothing is left */
	char error[64];
};

static struct mem_source *
mem_source(struct capture_source *source)
{
	return (struct mem_source *)source;
}

static const struct mem_source *
mem_source_const(const struct capture_source *source)
{
	return (const struct mem_source *)source;
}

/* @return false at the end of the memory, or of what is good of it */
static bool
read_frame(struct mem_source *mem, struct capture_frame *frame)
{
	struct capture_rd hdr;

	if (mem->failure || capture_rd_left(&mem->rd) == 0)
		return false;
	*frame = (struct capture_frame){ .link_type = mem->link_type };
	hdr = capture_rd_split(&mem->rd, 16);
	if (!hdr.failed) {
		memcpy(&frame->time_ns, capture_rd_take(&hdr, 8), 8);
		memcpy(&frame->captured_bytes, capture_rd_take(&hdr, 4), 4);
		memcpy(&frame->wire_bytes, capture_rd_take(&hdr, 4), 4);
		frame->bytes = capture_rd_take(&mem->rd, frame->captured_bytes);
	}
	if (mem->rd.failed || !capture_time_valid(frame->time_ns)) {
		snprintf(mem->error, sizeof mem->error,
			 "memory: %s after frame %" PRIu64,
			 mem->rd.failed ? "cut" : "impossible time",
			 mem->stats.frames);
		mem->failure = -EBADMSG;
		return false;
	}
	return true;
}

static int
mem_dispatch(struct capture_source *source, uint32_t frames_max,
	     capture_frame_fn fn, void *ctx)
{
	struct mem_source *mem = mem_source(source);
	struct capture_frame frame;
	uint32_t n;

	if (frames_max > INT_MAX)
		frames_max = INT_MAX;
	for (n = 0; n < frames_max && read_frame(mem, &frame); n++) {
		mem->stats.frames++;
		mem->stats.truncated += frame.captured_bytes < frame.wire_bytes;
		fn(ctx, &frame);
	}
	return n ? (int)n : mem->failure;
}

static int
mem_fd(const struct capture_source *source)
{
	return -1;
}

static void
mem_stats(struct capture_source *source, struct capture_source_stats *stats)
{
	const struct mem_source *mem = mem_source_const(source);

	*stats = mem->stats;
	stats->bytes_done = stats->bytes_total - capture_rd_left(&mem->rd);
}

static const char *
mem_error(const struct capture_source *source)
{
	return mem_source_const(source)->error;
}

static void
mem_free(struct capture_source *source)
{
	free(mem_source(source));
}

int
capture_mem_open(struct capture_source **source, const void *bytes,
		 size_t count, int link_type)
{
	static const struct capture_source_ops ops = {
		.dispatch = mem_dispatch,
		.fd = mem_fd,
		.stats = mem_stats,
		.error = mem_error,
		.free = mem_free,
	};
	struct mem_source *mem = calloc(1, sizeof *mem);

	if (!mem)
		return -ENOMEM;
	mem->head.ops = &ops;
	mem->rd = capture_rd_init(bytes, count);
	mem->stats.bytes_total = count;
	mem->link_type = link_type;
	*source = &mem->head;
	return 0;
}
