/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The jitter buffer of one flow: one producer thread puts packets in as they
 * are captured, one consumer thread takes frames out in sequence order once
 * they are due. Lock-free: C11 acquire and release, no fences, offsets only.
 *
 *   slots   power-of-two array, indexed by the extended sequence number:
 *           which frame, and where it lies
 *   log     entries in order of arrival: frames, and notes of duplicates,
 *           late packets and packets shed for want of room. The consumer
 *           gives room back in order of arrival.
 *
 *   producer: write entry in log -> publish slot -> publish end of log
 *   consumer: next number there?  due?  take; else is a later one due?  gap
 *
 * Whether a packet is late depends on capture times alone, never on how far
 * the consumer has got: a packet is late if a frame with a higher sequence
 * number was captured `window` or more before it. So the same packets give
 * the same frames, gaps and counts for any timing of the two threads, as long
 * as the consumer asks only for what is older than `capture time - window`. Where
 * it asks for more (a clock that ticks on a quiet wire), a packet that comes too late
 * for the consumer is late, and nothing is lost from the counts.
 *
 * The log uses the room again that was freed last, so that a flow touches
 * about as much memory as it holds, not the whole of it.
 */
#ifndef RTP_JITTER_H
#define RTP_JITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rtp/rtp.h"

struct rtp_jitter;

/** Longest payload that can be kept, with CSRCs, extension and padding;
 * Ethernet brings 1460 at most. */
#define RTP_JITTER_PAYLOAD_MAX 2008

/** Sizes, the same for all buffers of a recorder. */
struct rtp_jitter_config {
	uint32_t slots;     /**< power of two, 128 to 32768; reach of reordering */
	uint32_t log_bytes; /**< power of two, 4096 to 2^24 */
	int64_t window_ns;  /**< reorder window */
};

enum rtp_put {
	RTP_PUT_STORED,
	RTP_PUT_DUPLICATE, /**< this sequence number is here, or was taken */
	RTP_PUT_LATE,      /**< its place has passed; noted, not kept */
	RTP_PUT_FULL,      /**< no room now: wait and put again, or shed */
	RTP_PUT_NO_ROOM,   /**< no room, and waiting will not help: shed */
	RTP_PUT_RESTART    /**< a jump: this packet starts a new flow */
};

/** What the consumer gets, in order. */
enum rtp_take {
	RTP_TAKE_NONE,      /**< nothing more is due */
	RTP_TAKE_FRAME,
	RTP_TAKE_GAP,       /**< `missing` sequence numbers, never seen in time */
	RTP_TAKE_DUPLICATE, /**< a packet was a duplicate */
	RTP_TAKE_LATE,      /**< a packet came after its place was due */
	RTP_TAKE_SHED       /**< a packet was shed by rtp_jitter_shed */
};

struct rtp_frame {
	int64_t time_ns;      /**< capture time; of a gap: of the frame after it */
	uint32_t sequence;    /**< extended: cycles << 16 | sequence, from
				   cycle 1 on; of a gap: the first missing */
	uint32_t missing;     /**< RTP_TAKE_GAP: how many; of these */
	uint32_t shed;        /**< ... this many were shed by this recorder */
	uint32_t timestamp;   /**< RTP */
	uint8_t payload_type;
	bool marker;
	bool in_range;        /**< RTP_TAKE_LATE: its number was part of a gap */
	uint8_t flags;        /**< as in struct rtp_hdr */
	uint16_t payload_bytes;
	uint16_t body_bytes;
	const uint8_t *payload; /**< until the next take or peek */
	const uint8_t *body; /**< likewise; all that is after the fixed header:
			      * of SRTP it is proved and decrypted together */
};

/** Bytes of memory one buffer needs, 64-byte aligned. */
size_t rtp_jitter_bytes(const struct rtp_jitter_config *config);

/**
 * Make an empty buffer in given memory. The memory may hold an old buffer;
 * the caller sees to it that nobody else uses it.
 *
 * @param memory rtp_jitter_bytes() bytes, 64-byte aligned; borrowed
 * @param first the packet that will be put first
 * @return the buffer, in that memory
 */
struct rtp_jitter *rtp_jitter_init(void *memory,
				   const struct rtp_jitter_config *config,
				   const struct rtp_hdr *first);

/**
 * Put a packet where it belongs.
 *
 * RTP_PUT_RESTART: the sequence number jumped by more than 3000 forward or
 * 100 back (RFC 3550 appendix A.1: MAX_DROPOUT, MAX_MISORDER), or by more than
 * 100 forward into the slot of a frame that is not due yet, or the flow has
 * used 2^31 numbers. Nothing was put; the caller begins a new buffer with this
 * packet.
 *
 * RTP_PUT_FULL and RTP_PUT_NO_ROOM: nothing was put, nothing noted. FULL: the
 * consumer has something to take that is due before time_ns - window; if it may
 * ask for that, it will make room, or else this becomes NO_ROOM. So a file
 * reader puts again while it is FULL, and sheds when there is NO_ROOM (too
 * much within one window, or a payload beyond RTP_JITTER_PAYLOAD_MAX); both
 * are the same for any timing of the threads.
 *
 * @param time_ns capture time. One that steps back counts as the latest so
 *        far for what is due and what is late
 * @thread producer
 * @cost no allocation, no system call; copies the payload once
 */
enum rtp_put rtp_jitter_put(struct rtp_jitter *jitter,
			    const struct rtp_hdr *hdr, int64_t time_ns);

/**
 * Fetch the memory that the next put will need, in two steps with other work
 * between them: the second looks at what the first has fetched.
 *
 * @thread producer
 */
void rtp_jitter_prefetch(const struct rtp_jitter *jitter);
void rtp_jitter_prefetch_end(const struct rtp_jitter *jitter);

/**
 * Give a packet up that found no room (rtp_jitter_put said so). It is noted
 * as soon as there is room for a note, at the latest when all else was taken,
 * and its number counts as shed in the gap it leaves. Of packets shed in a
 * row only the last may be known by number and time.
 *
 * @thread producer
 */
void rtp_jitter_shed(struct rtp_jitter *jitter, const struct rtp_hdr *hdr,
		     int64_t time_ns);

/** Latest capture time of what was put or shed. @thread producer */
int64_t rtp_jitter_last_ns(const struct rtp_jitter *jitter);

/**
 * The next thing that is due: captured at or before due_ns (a gap: the frame
 * after it was). Frames come in sequence order; notes in order of capture
 * among themselves, each after all frames captured before it were taken. A
 * note has no payload.
 *
 * @param due_ns the watermark less the window; never steps back
 * @thread consumer
 * @cost no allocation, no system call
 */
enum rtp_take rtp_jitter_take(struct rtp_jitter *jitter, int64_t due_ns,
			      struct rtp_frame *frame);

/**
 * Look at the next frame without taking it: what rtp_jitter_take would give.
 * Calling take with the same due_ns then gives the same thing.
 *
 * @thread consumer
 */
enum rtp_take rtp_jitter_peek(struct rtp_jitter *jitter, int64_t due_ns,
			      struct rtp_frame *frame);

/**
 * How many frames there are of a frame that was peeked at and the eight numbers
 * after it, captured until a window after it: the same for any timing of the
 * threads. A stream has several, one that somebody made up may have one.
 *
 * @thread consumer
 */
uint32_t rtp_jitter_run(struct rtp_jitter *jitter,
			const struct rtp_frame *frame);

/** Fetch the memory that the next take will look at first. @thread consumer */
void rtp_jitter_prefetch_take(const struct rtp_jitter *jitter);

/** Nothing is left that could ever become due. @thread consumer */
bool rtp_jitter_empty(struct rtp_jitter *jitter);

#endif
