/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rewrap: the list of frames, what fills it, and chance. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "capture/source.h"
#include "cmd/testing/rewrap.h"

#define LINKTYPE_ETHERNET 1

/* splitmix64 */
uint64_t
rewrap_random(struct rewrap_traffic *traffic, uint64_t below)
{
	uint64_t z = traffic->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) % below;
}

int
rewrap_fail(struct rewrap_traffic *traffic, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(traffic->error, sizeof(traffic->error), format, args);
	va_end(args);
	return error;
}

int
rewrap_add(struct rewrap_traffic *traffic, struct rewrap_frame frame)
{
	if (traffic->count == traffic->room) {
		size_t room = traffic->room ? traffic->room * 2 : 1024;
		struct rewrap_frame *more = reallocarray(
		    traffic->frames, room, sizeof(*traffic->frames));

		if (!more) {
			free(frame.bytes);
			return rewrap_fail(traffic, -ENOMEM, "out of memory");
		}
		traffic->frames = more;
		traffic->room = room;
	}
	frame.order = traffic->count;
	traffic->frames[traffic->count++] = frame;
	return 0;
}

int
rewrap_add_copy(struct rewrap_traffic *traffic,
		const struct rewrap_frame *frame)
{
	struct rewrap_frame copy = *frame;

	copy.bytes = malloc(frame->n + 1);
	if (!copy.bytes)
		return rewrap_fail(traffic, -ENOMEM, "out of memory");
	memcpy(copy.bytes, frame->bytes, frame->n);
	return rewrap_add(traffic, copy);
}

struct rewrap_frame *
rewrap_take(struct rewrap_traffic *traffic, size_t *count)
{
	struct rewrap_frame *frames = traffic->frames;

	*count = traffic->count;
	traffic->frames = NULL;
	traffic->count = traffic->room = 0;
	return frames;
}

void
rewrap_frames_free(struct rewrap_frame *frames, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(frames[i].bytes);
	free(frames);
}

void
rewrap_fini(struct rewrap_traffic *traffic)
{
	size_t count;
	struct rewrap_frame *frames = rewrap_take(traffic, &count);

	rewrap_frames_free(frames, count);
}

static int
compare(const void *a, const void *b)
{
	const struct rewrap_frame *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

void
rewrap_sort(struct rewrap_traffic *traffic)
{
	if (traffic->count)
		qsort(traffic->frames, traffic->count, sizeof(*traffic->frames),
		      compare);
	for (size_t i = 0; i < traffic->count; i++)
		traffic->frames[i].order = i;
}

/* ---- reading ------------------------------------------------------------- */

struct reading {
	struct rewrap_traffic *traffic;
	int rc; /* of the first frame that could not be kept */
};

static int
frame_keep(struct rewrap_traffic *traffic, const struct capture_frame *frame)
{
	size_t number = traffic->count + 1;
	struct rewrap_frame kept = {
		.time_ns = frame->time_ns,
		.bytes = (uint8_t *)frame->bytes,
		.n = frame->captured_bytes,
	};

	if (frame->link_type != LINKTYPE_ETHERNET)
		return rewrap_fail(traffic, -EINVAL,
				   "link type %d, and not Ethernet",
				   frame->link_type);
	if (frame->captured_bytes < frame->wire_bytes)
		return rewrap_fail(traffic, -EINVAL,
				   "frame %zu is cut: %u bytes of %u", number,
				   frame->captured_bytes, frame->wire_bytes);
	if (frame->captured_bytes < 14)
		return rewrap_fail(traffic, -EINVAL,
				   "frame %zu has no Ethernet header", number);
	rewrap_ip_find(&kept);
	return rewrap_add_copy(traffic, &kept);
}

static void
on_frame(void *ctx, const struct capture_frame *frame)
{
	struct reading *reading = ctx;

	if (reading->rc == 0)
		reading->rc = frame_keep(reading->traffic, frame);
}

int
rewrap_read(struct rewrap_traffic *traffic, const char *path)
{
	struct reading reading = { .traffic = traffic };
	struct capture_source *source = NULL;
	char error[CAPTURE_ERROR_BYTES];
	int rc = capture_file_open(&source, &path, 1, error);

	if (rc)
		return rewrap_fail(traffic, rc, "%s", error);
	do
		rc = capture_source_dispatch(source, 1024, on_frame, &reading);
	while (rc > 0 && reading.rc == 0);
	if (rc < 0)
		rewrap_fail(traffic, rc, "%s", capture_source_error(source));
	else
		rc = reading.rc;
	capture_source_free(&source);
	rewrap_sort(traffic);
	return rc;
}
