/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Everything the recorder counts and measures, written once: name, unit, text.
 * The tables feed the code that counts, the summary of a run, `spanrec status`
 * and the manual.
 *
 * Each thread has a set of counters of its own and is the only one that adds
 * to it; anybody may read. What the decoder, the TCP connections and the SIP
 * tracker count is written in their own tables, and so are the kinds of what
 * cannot be recorded; counter_rows joins them all.
 */
#ifndef CMD_COMMON_COUNTERS_H
#define CMD_COMMON_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/decode.h"
#include "capture/foreign.h"
#include "capture/tcp.h"
#include "sip/sip.h"

#define COUNTERS(X)                                                            \
	X(frames, "frames", "frames read")                                     \
	X(clock_set_back, "times",                                             \
	  "times the clock was set back: what followed is dated too late")     \
	X(sip, "messages", "SIP messages, over UDP and TCP")                   \
	X(sip_shed, "messages", "SIP messages lost to a full ring")            \
	X(sip_too_long, "messages", "SIP messages longer than the ring takes") \
	X(keepalive, "packets", "SIP keep-alives")                             \
	X(kernel_drops, "frames",                                              \
	  "frames that the kernel dropped: this recorder did not keep up")     \
	X(interface_drops, "frames",                                           \
	  "frames that the network interface dropped before the kernel")       \
	X(rtp, "packets", "datagrams that look like RTP")                      \
	X(rtp_shed, "packets", "RTP packets shed: no room in a jitter buffer") \
	X(rtp_no_flow, "packets", "RTP packets shed: all flows in use")        \
	X(rtcp, "packets", "RTCP packets")                                     \
	X(rtcp_shed, "reports", "RTCP reports lost to a full ring")            \
	X(reports, "reports", "quality reports in SIP (RFC 6035)")             \
	X(reports_unclaimed, "reports",                                        \
	  "reports of telephones that belong to no call")                      \
	X(not_media, "packets",                                                \
	  "datagrams that are neither SIP nor RTP nor RTCP")                   \
	X(foreign_hosts_shed, "hosts",                                         \
	  "hosts of what cannot be recorded that are not listed any more")     \
	X(stored, "packets", "RTP packets stored")                             \
	X(duplicate, "packets", "RTP packets that were duplicates")            \
	X(late, "packets", "RTP packets that came too late")                   \
	X(lost, "packets", "RTP packets that never came")                      \
	X(lost_here, "packets",                                                \
	  "of these, while the kernel dropped frames: lost by us")             \
	X(reported, "packets",                                                 \
	  "RTP packets of calls that ended, of which telephones report")       \
	X(mirror_lost, "packets",                                              \
	  "of these, lost by the mirror port: who they were for has them")     \
	X(network_lost, "packets",                                             \
	  "of these, lost by the network: who they were for lacks them, too")  \
	X(one_way, "segments", "answered, but only one side sent any media")   \
	X(dead_air, "segments", "in which nobody was heard for long")          \
	X(no_media, "segments", "answered, but without any media")             \
	X(unclaimed, "packets", "RTP packets that belong to no call")          \
	X(orphans, "calls",                                                    \
	  "calls made of RTP streams that no SIP call announces")              \
	X(orphans_left_out, "calls",                                           \
	  "of these, left out by the policy, which is not told who talks")      \
	X(orphans_shed, "streams",                                             \
	  "RTP streams of which no such call was made: too many at a time")    \
	X(strangers, "packets",                                                \
	  "RTP packets of streams that a call from before the restart did "    \
	  "not have")                                                          \
	X(dropped_overrun, "packets",                                          \
	  "RTP packets of calls not stored: no room, or the disk failed")      \
	X(dropped_encrypted, "packets",                                        \
	  "RTP packets of calls not stored: encrypted")                        \
	X(srtp_decrypted, "packets", "SRTP packets of calls, decrypted")       \
	X(srtp_refused, "packets",                                             \
	  "SRTP packets that none of the keys of their call proves")           \
	X(srtcp_decrypted, "packets",                                          \
	  "SRTCP packets of calls, proved by a key of their call")             \
	X(srtcp_refused, "packets",                                            \
	  "SRTCP packets that none of the keys of their call proves")          \
	X(srtp_keys, "keys", "keys of SRTP seen in SDP")                       \
	X(srtp_unsupported, "keys",                                            \
	  "keys of SRTP by suites that are not supported, such as F8")         \
	X(srtp_keys_gone, "streams",                                           \
	  "encrypted streams of calls from before the restart: keys are not "  \
	  "kept")                                                              \
	X(dropped_dtmf, "packets",                                             \
	  "RTP packets of calls not stored: keyed digits")                     \
	X(dropped_policy, "packets",                                           \
	  "RTP packets of calls not stored: the policy says so")               \
	X(dropped_payment, "packets",                                          \
	  "RTP packets not stored: a payment was made")                        \
	X(dropped_opt_out, "packets",                                          \
	  "RTP packets not stored: the caller opted out")                      \
	X(dropped_paused, "packets",                                           \
	  "RTP packets of calls not stored: recording was paused")             \
	X(keys, "keys", "keys pressed in calls, each once")                    \
	X(keys_info, "keys", "of these, told by SIP INFO")                     \
	X(keys_heard, "keys", "heard in the sound of a stream")                \
	X(tones_unheard, "packets",                                            \
	  "in which keys could not be heard, for their codec")                 \
	X(hold_full, "packets",                                                \
	  "RTP packets left out since too much audio waited to be sealed")     \
	X(keys_shed, "keys", "keys that were shown while there was no room")   \
	X(streams_shed, "packets",                                             \
	  "RTP packets of a recording with too many streams")                  \
	X(calls_again, "calls",                                                \
	  "calls that are in the archive already, recorded once more")         \
	X(calls_overload, "calls",                                             \
	  "calls not recorded because this recorder could not keep up")        \
	X(calls_resumed, "calls", "calls that went on after a restart")        \
	X(pauses, "times", "times the recording of a call was paused")         \
	X(card_numbers, "times",                                               \
	  "card numbers keyed in a call that nothing had paused")              \
	X(opt_outs, "calls", "calls that were opted out of, and discarded")    \
	X(opt_out_returns, "times", "times somebody opted out and came back")  \
	X(recordings, "recordings", "recordings begun")                        \
	X(recordings_failed, "recordings",                                     \
	  "recordings that could not be written to the end")                   \
	X(overdue, "recordings",                                               \
	  "recordings past their time already: the next purge takes them")     \
	X(gave_way, "recordings",                                              \
	  "recordings deleted before their time to make room on the disk, as " \
	  "the policy says")                                                   \
	X(purge_refused, "times",                                              \
	  "times nothing was purged, because the clock was not trusted")       \
	X(payload_bytes, "bytes", "payload stored")                            \
	X(index_failed, "rows", "rows that could not be written to the index")

enum counter {
#define X(name, unit, text) COUNTER_##name,
	COUNTERS(X)
#undef X
#define X(name, unit, text) COUNTER_foreign_##name,
	    CAPTURE_FOREIGN_KINDS(X)
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

/** What is measured at the moment it is asked for. */
#define GAUGES(X)                                                              \
	X(calls, "calls", "calls in progress")                                 \
	X(calls_max, "calls", "calls in progress at most")                     \
	X(calls_recorded, "calls", "of these, being recorded now")             \
	X(calls_paused, "calls", "of these, paused")                           \
	X(registrations, "registrations", "telephones that are logged in")     \
	X(registrations_max, "registrations",                                  \
	  "telephones that are logged in at most")                             \
	X(flows, "streams", "media streams in the jitter buffers")             \
	X(flows_max, "streams", "media streams at most")                       \
	X(behind_ms, "ms", "how far the recorder is behind the wire")          \
	X(sip_ring, "%", "fullest ring of SIP messages")                       \
	X(event_ring, "%", "fullest ring of events to a writer")               \
	X(request_ring, "%", "fullest ring of requests to the archive")        \
	X(memory, "KiB", "memory in use, without files mapped into it")        \
	X(open_files, "files", "open files")                                   \
	X(threads, "threads", "threads")

enum gauge {
#define X(name, unit, text) GAUGE_##name,
	GAUGES(X)
#undef X
	    GAUGE_COUNT
};

/** A row of the tables. */
struct counter_row {
	const char *name;
	const char *unit;
	const char *text;
};

/**
 * Every counter there is: those of enum counter (counter_rows[i] for i), then
 * those of the decoder: what became of frames, in the order of enum
 * capture_outcome, and CAPTURE_DECODE_COUNTERS; then CAPTURE_TCP_COUNTERS,
 * SIP_STREAM_COUNTERS and, of the SIP tracker, SIP_COUNTERS.
 */
#define COUNTER_ROWS_COUNT                                                     \
	(COUNTER_COUNT + CAPTURE_OUTCOME_COUNT +                               \
	 CAPTURE_DECODE_COUNTERS_COUNT + CAPTURE_TCP_COUNTERS_COUNT +          \
	 SIP_STREAM_COUNTERS_COUNT +                                           \
	 sizeof(struct sip_counters) / sizeof(uint64_t))
extern const struct counter_row counter_rows[COUNTER_ROWS_COUNT];
extern const struct counter_row gauge_rows[GAUGE_COUNT];

enum { COUNTER_BYTES_TEXT_BYTES = 16 };

/** So many bytes as people read them: "512 bytes", "812.4 GiB". */
void counter_bytes_text(uint64_t bytes, char text[COUNTER_BYTES_TEXT_BYTES]);

#endif
