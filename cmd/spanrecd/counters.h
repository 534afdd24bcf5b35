/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Everything the recorder counts, written once: name, unit, text. Each thread
 * has a set of its own and is the only one that adds to it; anybody may read.
 * What the SIP tracker and the decoder count comes on top, from their tables.
 */
#ifndef CMD_SPANRECD_COUNTERS_H
#define CMD_SPANRECD_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#define COUNTERS(X)                                                            \
	X(frames, "frames", "frames read")                                     \
	X(clock_set_back, "times",                                             \
	  "times the clock was set back: what followed is dated too late")     \
	X(sip, "packets", "datagrams that are SIP")                            \
	X(sip_shed, "packets", "SIP messages lost to a full ring")             \
	X(sip_too_long, "packets", "SIP messages longer than the ring takes")  \
	X(keepalive, "packets", "SIP keep-alives")                             \
	X(rtp, "packets", "datagrams that look like RTP")                      \
	X(rtp_no_flow, "packets", "RTP packets shed: all flows in use")        \
	X(not_media, "packets", "datagrams that are neither")                  \
	X(stored, "packets", "RTP packets stored")                             \
	X(duplicate, "packets", "RTP packets that were duplicates")            \
	X(late, "packets", "RTP packets that came too late")                   \
	X(lost, "packets", "RTP packets that never came")                      \
	X(unclaimed, "packets", "RTP packets that belong to no call")          \
	X(dropped_overrun, "packets",                                          \
	  "RTP packets of calls not stored: no room, or the disk failed")      \
	X(dropped_encrypted, "packets",                                        \
	  "RTP packets of calls not stored: encrypted")                        \
	X(dropped_dtmf, "packets",                                             \
	  "RTP packets of calls not stored: keyed digits")                     \
	X(dropped_policy, "packets",                                           \
	  "RTP packets of calls not stored: the policy says so")               \
	X(streams_shed, "packets",                                             \
	  "RTP packets of a recording with too many streams")                  \
	X(calls_again, "calls",                                                \
	  "calls that are in the archive already, recorded once more")         \
	X(recordings, "recordings", "recordings begun")                        \
	X(recordings_failed, "recordings",                                     \
	  "recordings that could not be written to the end")                   \
	X(overdue, "recordings",                                               \
	  "recordings past their time already: the next purge takes them")     \
	X(payload_bytes, "bytes", "payload stored")                            \
	X(index_failed, "rows", "rows that could not be written to the index")

enum counter {
#define X(name, unit, text) COUNTER_##name,
	COUNTERS(X)
#undef X
	    COUNTER_COUNT
};

struct counters {
	_Atomic uint64_t value[COUNTER_COUNT];
};

/** By the one thread that owns the set. */
static inline void
counter_add(struct counters *counters, enum counter which, uint64_t n)
{
	uint64_t value =
	    atomic_load_explicit(&counters->value[which], memory_order_relaxed);

	atomic_store_explicit(&counters->value[which], value + n,
			      memory_order_relaxed);
}

static inline uint64_t
counter_get(const struct counters *counters, enum counter which)
{
	return atomic_load_explicit(&counters->value[which],
				    memory_order_relaxed);
}

#endif
