/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where frames come from: capture files, mirror ports (live.h), memory for
 * tests and fuzzers. All behind one struct of functions, so that the thread
 * that reads does not know which it has.
 */
#ifndef CAPTURE_SOURCE_H
#define CAPTURE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/pkt.h"

/**
 * Every source gives times from 1970 to here, in the year 2242, so that the
 * sum of a capture time and any duration fits its type. A frame of another
 * time is damage.
 */
#define CAPTURE_TIME_MAX_NS (INT64_C(0x200000000) * 1000000000)

static inline bool
capture_time_valid(int64_t time_ns)
{
	return time_ns >= 0 && time_ns <= CAPTURE_TIME_MAX_NS;
}

/** A frame as captured. The bytes are valid during the callback only. */
struct capture_frame {
	int64_t time_ns; /**< valid by capture_time_valid */
	const uint8_t *bytes;
	/* Not side by side: libpcap has just stored the two lengths, and one
	 * load of both would wait for every store before them to finish. */
	uint32_t captured_bytes;
	int link_type; /**< LINKTYPE_ value of tcpdump.org/linktypes.html */
	uint32_t wire_bytes;
};

typedef void (*capture_frame_fn)(void *ctx, const struct capture_frame *frame);

/** What a source counts; all since it was opened. */
struct capture_source_stats {
	uint64_t frames;
	uint64_t kernel_drops;    /**< full kernel ring; 0 for files */
	uint64_t interface_drops; /**< dropped by the interface; 0 for files */
	uint64_t truncated;       /**< frames shorter than on the wire */
	uint64_t bytes_done;      /**< of bytes_total; for a progress bar */
	uint64_t bytes_total;     /**< 0 where there is no end */
};

struct capture_source;

/** What each kind of source implements; see the functions below. */
struct capture_source_ops {
	int (*dispatch)(struct capture_source *source, uint32_t frames_max,
			capture_frame_fn fn, void *ctx);
	int (*fd)(const struct capture_source *source);
	void (*stats)(struct capture_source *source,
		      struct capture_source_stats *stats);
	const char *(*error)(const struct capture_source *source);
	void (*free)(struct capture_source *source);
};

/** Head of every source; the kinds embed it first. */
struct capture_source {
	const struct capture_source_ops *ops;
};

/** Longest error text, with its NUL. */
#define CAPTURE_ERROR_BYTES 512

/**
 * Open capture files (pcap, pcapng; through libpcap). Several files are
 * merged by time, as several mirror ports of one site would be.
 *
 * A damaged file ends early; -EBADMSG tells when all the others are read.
 *
 * @param paths [count], at least one; "-" is standard input
 * @param error [CAPTURE_ERROR_BYTES] what is wrong with which file
 * @return 0, -ENOENT, -EACCES, -EISDIR, -EBADMSG (empty, no capture file, or
 *         cut in its header), -ENOMEM, -EIO
 */
int capture_file_open(struct capture_source **source, const char *const *paths,
		      size_t count, char *error)
	__attribute__((warn_unused_result));

/**
 * Frames from memory: a row of
 *   i64 time_ns, u32 captured_bytes, u32 wire_bytes (host order), bytes.
 * A record cut at the end of the buffer, or of a time that is not valid, gives
 * -EBADMSG from dispatch.
 *
 * @param bytes borrowed until the source is freed
 * @return 0, -ENOMEM
 */
int capture_mem_open(struct capture_source **source, const void *bytes,
		     size_t count, int link_type)
	__attribute__((warn_unused_result));

/**
 * Call fn for up to frames_max (> 0) frames, in time order as far as the
 * source has it.
 *
 * @return frames delivered (> 0), 0 at the end of the input (files, memory)
 *         or when none is waiting (live), -EBADMSG when the file is damaged
 *         from here on (what came before was delivered and stays good), -EIO
 * @thread the one that owns the source
 * @cost no allocation; one or more reads
 */
static inline int
capture_source_dispatch(struct capture_source *source, uint32_t frames_max,
			capture_frame_fn fn, void *ctx)
{
	return source->ops->dispatch(source, frames_max, fn, ctx);
}

/** @return a descriptor to poll, or -1 where reading never waits */
static inline int
capture_source_fd(const struct capture_source *source)
{
	return source->ops->fd(source);
}

/** @thread the one that owns the source. @cost a system call per file */
static inline void
capture_source_stats(struct capture_source *source,
		     struct capture_source_stats *stats)
{
	source->ops->stats(source, stats);
}

/** What went wrong, naming the file or interface; "" if nothing did.
 * Borrowed from the source. */
static inline const char *
capture_source_error(const struct capture_source *source)
{
	return source->ops->error(source);
}

static inline void
capture_source_free(struct capture_source **source)
{
	if (*source)
		(*source)->ops->free(*source);
	*source = NULL;
}

#endif
