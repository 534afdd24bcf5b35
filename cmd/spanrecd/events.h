/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the threads tell each other, as records in rings of one producer and
 * one consumer each:
 *
 *   capture ──sip_record──► control ──writer_event──► writer
 *   capture ──rtcp_record──► every writer
 *   control ◄─writer_report── writer ──archive_request──► archive
 *                             writer ◄──archive_answer── archive
 *   control ──control_request──► archive ──control_answer──► control
 */
#ifndef CMD_SPANRECD_EVENTS_H
#define CMD_SPANRECD_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/pkt.h"
#include "capture/table.h"
#include "cmd/common/rekey.h"
#include "cmd/common/scrub.h"
#include "cmd/common/act.h"
#include "cmd/common/sweep.h"
#include "rtp/rtcp.h"
#include "rtp/rtp.h"
#include "rtp/srtp.h"
#include "sip/report.h"
#include "sip/sip.h"
#include "store/store.h"
#include "store/cases.h"

/** A SIP message, as captured; `bytes` of it follow. Or, where it is asked for
 * (pipeline_config.orphans), a stream of RTP that began, whosever it is. */
struct sip_record {
	int64_t time_ns;
	uint64_t frame; /**< number of the frame in the input: breaks ties */
	struct capture_endpoint src;
	struct capture_endpoint dst;
	uint32_t bytes;
	uint32_t missing_bytes;
	bool stream;      /**< it is one, known by then to be RTP */
	bool encrypted;   /**< ... its packets are longer than their sound */
	uint32_t ssrc;    /**< ... of it */
	int64_t first_ns; /**< ... its first packet */
	uint8_t message[];
};

/** A report of RTCP, or a packet of SRTCP as captured, to all writers: one of
 * them has the call. `bytes` of the packet follow. */
struct rtcp_record {
	int64_t time_ns;
	struct capture_endpoint src;
	struct capture_endpoint dst;
	struct rtp_rtcp_report report; /**< of SRTCP `reporter` alone */
	uint32_t bytes;                /**< 0: it is a report */
	uint8_t packet[];
};

enum writer_event_type {
	WRITER_MEDIA_OPEN,  /**< to all writers: `media` */
	WRITER_MEDIA_CLOSE, /**< to all writers: `media` */
	WRITER_DOUBT,       /**< to all writers: the call may be over, its ports
			     * another's: only `known` streams are its own */
	WRITER_FIRST,       /**< to all writers: the first frame of this run was
			     * at this time */
	WRITER_REPORT,      /**< to all writers: a telephone reports: `report` */
	WRITER_TRUST,       /**< to all writers: it is not over */
	WRITER_KEYS,        /**< to the call's writer: `keys` of SRTP. Wipe it */
	WRITER_SEGMENT,     /**< ... a segment begins */
	WRITER_UPDATE,      /**< ... what is known of its current one changed */
	WRITER_PAUSE,       /**< ... it is not recorded from `at_ns` on */
	WRITER_RESUME,      /**< ... it is recorded again from `at_ns` on */
	WRITER_HOLD,        /**< ... nothing of it is sealed from now on ... */
	WRITER_RELEASE,     /**< ... it is again, and what waited too ... */
	WRITER_KEEP,        /**< ... nothing is sealed that is later than `at_ns`
			     * and not sealed yet; INT64_MAX: all may be */
	WRITER_DISCARD,     /**< ... all of `id` goes, sealed or not: the caller
			     * has opted out */
	WRITER_END          /**< ... the call is over */
};

#define WRITER_FORMATS_MAX SIP_FORMATS_MAX

/** One party's receive address, and what it means. */
struct writer_media {
	uint64_t number; /**< the same in its OPEN and its CLOSE */
	struct capture_endpoint receive;
	enum sip_party receiver; /**< the end that hears what is sent there */
	bool secure;              /**< keys were offered, or RTP/SAVP */
	bool weak;  /**< any other claim is better */
	bool orphan; /**< nobody announced it: what goes between `receive` and
		      * `peer`, either way, if nobody else claims it */
	struct capture_endpoint peer;
	bool moved; /**< CLOSE: what comes is another conversation's at once */
	uint32_t formats_count;
	struct rtp_format formats[WRITER_FORMATS_MAX];
};

/** A key of SRTP. */
struct writer_key {
	uint32_t tag; /**< by which an answer names it */
	struct rtp_srtp_key key;
};

/** By which an end may encrypt what it sends; the best one first. */
struct writer_keys {
	enum sip_party end;
	uint32_t count;
	struct writer_key key[SIP_CRYPTO_MAX];
};

/** Streams of a call that are remembered, the latest. */
#define WRITER_STREAMS_MAX 16

/** What a call is known to have had. */
struct writer_streams {
	uint32_t count;
	struct capture_flow_key stream[WRITER_STREAMS_MAX];
};

/** Reason code of calls that are not recorded for want of room. */
#define OVERLOAD_REASON "overload"

/** ... and of those whose caller did not want to be. */
#define OPT_OUT_REASON "opt-out"

/** All of a row of the index but its streams. */
#define SEGMENT_HEAD_BYTES offsetof(struct store_segment, streams)

/** How long audio of a segment waits before it is sealed. */
struct writer_lookback {
	int64_t lookback_ns; /**< 0: not at all */
	int64_t until_ns;    /**< and nothing is before then; 0 */
	bool tones;          /**< keys are heard for in the sound */
};

struct writer_event {
	enum writer_event_type type;
	uint32_t writer; /**< the call's */
	int64_t time_ns; /**< a writer acts on it when the watermark is there */
	uint64_t call;   /**< number; grows with the start of the call */
	bool left_is_caller; /**< SEGMENT, UPDATE: the end whose side is left */
	uint8_t traces; /**< SEGMENT, UPDATE: enum policy_traces; of what is not
			 * recorded, what may stay */
	struct writer_lookback lookback; /**< SEGMENT, UPDATE */
	enum store_reason reason;        /**< PAUSE: of the gap */
	bool resumed;    /**< SEGMENT: an earlier run has recorded the one before;
			  * without media there is no row of it */
	union {
		struct writer_media media;
		struct writer_keys keys;
		struct sip_report report;
		struct {
			int64_t sip_ns; /**< the last of it, before this run */
			struct writer_streams streams;
		} known;
		/** SEGMENT, UPDATE: SEGMENT_HEAD_BYTES of a row;
		 * END: of it end_ns, end_cause */
		uint8_t head[SEGMENT_HEAD_BYTES];
		struct {
			char cause[STORE_NAME_BYTES];
			bool silent; /**< with its last frame, if not before */
			bool by_media; /**< with its last frame */
			bool joined; /**< it goes on in another: without media
				      * there is no row of it */
		} end;
		int64_t at_ns; /**< PAUSE, RESUME: later than what was sealed */
		char id[STORE_CALL_ID_BYTES]; /**< DISCARD */
	};
};

/** A call had media at a time. */
struct alive_report {
	uint64_t call;
	int64_t time_ns;
};

enum writer_report_type {
	REPORT_ALIVE,  /**< `time_ns` */
	REPORT_STREAM, /**< live: `stream` is one of the call */
	REPORT_KEY     /**< `key` was pressed in the call */
};

/** A key, as a stream of a conversation or INFO of a leg shows it. Wipe it where
 * it was. */
struct key_report {
	int64_t time_ns; /**< of the packet that showed it first */
	bool info;       /**< INFO has shown it */
	uint64_t source; /**< which stream of the conversation, or which leg */
	uint32_t ssrc, timestamp; /**< of a stream: of its beginning */
	int64_t held_ns; /**< INFO: for how long it was down, as far as told */
	enum sip_party end; /**< of the conversation, at which it was pressed */
	bool left;          /**< that end was the left side then */
	bool again; /**< INFO: told before, but that was challenged */
	char key;   /**< 0 to 9, *, #, A to D */
};

struct writer_report {
	enum writer_report_type type;
	uint64_t call;
	union {
		int64_t time_ns;
		struct capture_flow_key stream;
		struct key_report key;
	};
};

enum archive_request_type {
	ARCHIVE_OPEN,  /**< row and sealed key of a recording that begins */
	ARCHIVE_CLOSE, /**< row of a segment that is over, recorded or not */
	ARCHIVE_TAKE_BACK, /**< ... of one that must not have been recorded */
	ARCHIVE_DISCARD    /**< all that row.call has in the archive goes, for
			    * row.reason */
};

struct archive_request {
	enum archive_request_type type;
	struct segment *segment; /**< OPEN: comes back in the answer */
	uint8_t traces; /**< CLOSE, TAKE_BACK: enum policy_traces */
	struct store_sealed_key key;
	struct store_segment row; /**< cut after the streams it has */
};

/** The key of a recording is durable; its file may be begun. */
struct archive_answer {
	struct segment *segment;
	int error;    /**< negative errno: this recording cannot be made */
	uint32_t day;
	uint32_t slot;
};

enum control_request_type {
	CONTROL_LIVE_PUT,    /**< `live`, `state` of a conversation */
	CONTROL_LIVE_DELETE, /**< `live.key`: it is over */
	CONTROL_TAKE_BACK,   /**< `taken`: what an earlier run recorded */
	CONTROL_LEDGER,      /**< `entry` */
	CONTROL_POLICY,      /**< `policy`: retention goes by it from now on */
	CONTROL_SCRUB,       /**< `scrub`: a step of one */
	CONTROL_REKEY,       /**< `rekey`: a step of changing keys */
	CONTROL_ACT,         /**< `act` on a case; it comes back in the answer */
	CONTROL_SWEEP,       /**< purge now, without waiting for the minute */
	CONTROL_HEAD         /**< sign the ledger as it is now */
};

struct control_request {
	enum control_request_type type;
	uint64_t token; /**< of the answer; 0: none is wanted */
	struct person *by; /**< ACT, SCRUB: who asks; taken */
	union {
		struct {
			/** the conversation: id of its first segment */
			char key[STORE_SEGMENT_ID_BYTES];
			uint8_t head[SEGMENT_HEAD_BYTES];
		} live;
		struct {
			char id[STORE_SEGMENT_ID_BYTES];
			uint8_t head[SEGMENT_HEAD_BYTES];
			uint8_t traces; /**< enum policy_traces */
		} taken;
		struct store_ledger_entry entry;
		struct policy *policy; /**< taken */
		struct {
			bool clock_is_right; /**< says `by` */
			char by[STORE_NAME_BYTES];
		} sweep;
		struct store_act *act; /**< taken */
		struct scrub_step *scrub; /**< likewise */
		struct rekey_step *rekey; /**< likewise */
	};
	uint32_t state_bytes;
	uint8_t state[];
};

/** What was asked for is durable, or failed. */
struct control_answer {
	uint64_t token; /**< 0: the archive thread swept by itself */
	int error;
	struct store_act *act; /**< that was done, or failed; taken */
	char failed[STORE_SEGMENT_ID_BYTES]; /**< ... as store_act tells */
	int refused; /**< exit code: it was not tried, for `refusal` */
	struct act_refusal refusal;
	bool swept; /**< `sweep` is filled */
	struct sweep_result sweep;
};

#endif
