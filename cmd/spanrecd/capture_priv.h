/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the two kinds of capture thread share: capture_thread.c reads files,
 * live_thread.c interfaces. */
#ifndef CMD_SPANRECD_CAPTURE_PRIV_H
#define CMD_SPANRECD_CAPTURE_PRIV_H

#include "cmd/spanrecd/pipeline.h"

/** Frames between two looks at the other threads. */
enum { CAPTURE_BATCH_FRAMES = 256 };

/** A frame of the source, to where it belongs: capture_frame_fn, ctx is the
 * capture_thread. */
void capture__on_frame(void *ctx, const struct capture_frame *frame);

/** Put what waits. To be done before a position is told that is past it. */
void capture__flush(struct capture_thread *t);

/** Tell that everything before now was handled. Flush first. */
void capture__tell(struct capture_thread *t);

/** A SIP message, in whatever it came, to control. */
void capture__on_sip(struct capture_thread *t, const struct capture_pkt *pkt);

/**
 * The first bytes that are seen of one side of a TCP connection, or the first
 * ones that say that they are no SIP: if they are of what cannot be recorded,
 * count it, and tell of its host.
 *
 * @return whether they are
 */
bool capture__foreign_tcp(struct capture_thread *t,
			  const struct capture_tcp_piece *piece);

/** Time has passed: what waits for packets that do not come, in the decoder, in
 * TCP connections and in silent streams. Before a position is told. */
void capture__tick(struct capture_thread *t);

/** The end of the thread's input. */
void capture__finish(struct capture_thread *t);

/** A SIP message in a TCP connection: capture_tcp_read_fn, ctx is the
 * capture_thread. */
int64_t capture__on_stream(void *ctx, const struct capture_tcp_piece *piece);

/** Does a segment begin with a SIP message? capture_tcp_begins_fn. */
bool capture__begins_sip(const uint8_t *bytes, uint32_t n);

/** The clock was set back: what follows is dated later by so much. */
void capture__set_back(struct capture_thread *t, int64_t by_ns);

/** What the source counts, into the counters; where the kernel dropped frames,
 * for whom it may concern. Before a position is told that is past it. */
void live__note_stats(struct capture_thread *t);

#endif
