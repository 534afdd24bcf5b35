/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a capture file, in memory under a path. Read alone and merged
 * with itself: then each frame comes twice.
 */
#include "capture/source.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
on_frame(void *ctx, const struct capture_frame *frame)
{
	uint64_t *sum = ctx;
	uint32_t i;

	assert(capture_time_valid(frame->time_ns));
	for (i = 0; i < frame->captured_bytes; i++)
		*sum += frame->bytes[i];
}

/* @return what ended it */
static int
read_all(const char *const *paths, size_t count, uint64_t *frames,
	 uint64_t *sum)
{
	struct capture_source_stats stats = { 0 };
	struct capture_source *source;
	char error[CAPTURE_ERROR_BYTES];
	int rc = capture_file_open(&source, paths, count, error);

	*frames = *sum = 0;
	assert((rc < 0) == (error[0] != '\0'));
	if (rc)
		return rc;
	while ((rc = capture_source_dispatch(source, 7, on_frame, sum)) > 0)
		*frames += (uint64_t)rc;
	capture_source_stats(source, &stats);
	assert(stats.frames == *frames);
	assert(stats.bytes_done <= stats.bytes_total);
	assert((rc < 0) == (capture_source_error(source)[0] != '\0'));
	capture_source_free(&source);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint64_t frames, sum, merged_frames, merged_sum;
	int fd = memfd_create("capture", MFD_CLOEXEC), rc;
	const char *paths[2];
	char path[32];

	assert(fd >= 0 && write(fd, data, n) == (ssize_t)n);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	paths[0] = paths[1] = path;
	rc = read_all(paths, 1, &frames, &sum);
	assert(rc == 0 || rc == -EBADMSG);
	assert(read_all(paths, 2, &merged_frames, &merged_sum) == rc);
	assert(merged_frames == 2 * frames && merged_sum == 2 * sum);
	close(fd);
	return 0;
}
