/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mkpcap: a call script, which people can read and review, becomes a capture
 * file with exactly the packets it describes. The language is in mkpcap.1.
 *
 *   parse.c   script -> struct mkpcap_script, every mistake with its place
 *   value.c   ... its words: durations, lists of packets, endpoints
 *   option.c  ... the statements with options: messages and media
 *   sip.c     the steps of a call -> SIP messages, with the state of a dialog
 *   reference.c ... that name another call of the script in a header
 *   media.c   tones -> G.711 in RTP, or bytes as they are, and what the script
 *             does to the packets
 *   protect.c RTP -> SRTP
 *   frame.c   datagrams -> link frames, and the pcap format
 *   build.c   everything in order of time -> the file, and the counts
 *
 * The same script always gives the same bytes.
 */
#ifndef CMD_MKPCAP_MKPCAP_H
#define CMD_MKPCAP_MKPCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define MKPCAP_NONE UINT32_MAX

#define MKPCAP_HEADERS_MAX 16 /**< extra header lines of a message */
#define MKPCAP_CODECS_MAX  8 /**< of one SDP */
#define MKPCAP_CRYPTO_MAX  8 /**< likewise, and of one stream */
#define MKPCAP_RANGES_MAX  32
#define MKPCAP_TONES_MAX   16
#define MKPCAP_DIGITS_MAX  32
#define MKPCAP_PATTERN_MAX 160 /**< bytes */
#define MKPCAP_VLANS_MAX   2
/** Packets of one capture; they are sorted in memory, 24 bytes each. */
#define MKPCAP_PACKETS_MAX 50000000u

/** A slice of the script. */
struct mkpcap_text {
	const char *p;
	uint32_t n;
};

enum mkpcap_link {
	MKPCAP_ETHERNET,
	MKPCAP_SLL,
	MKPCAP_SLL2,
	MKPCAP_RAW
};

enum mkpcap_side { MKPCAP_CALLER, MKPCAP_CALLEE };

struct mkpcap_host {
	struct mkpcap_text name;
	struct mkpcap_text address; /**< as written */
	uint8_t addr[16];           /**< network order; IPv4 in the first 4 */
	bool v6;
	uint16_t sip_port;
};

struct mkpcap_endpoint {
	uint32_t host; /**< or MKPCAP_NONE */
	uint16_t port;
};

/** repeat COUNT every EVERY: what happens in between happens COUNT times. */
struct mkpcap_repeat {
	uint32_t count;
	int64_t every_ns;
	uint32_t port_step;
	uint32_t user_step;
	uint32_t tone_step;
};

struct mkpcap_call {
	struct mkpcap_text name;
	struct mkpcap_text user[2];
	uint32_t host[2];
	struct mkpcap_text id; /**< n = 0: made from the name */
	uint32_t repeat;       /**< index, or MKPCAP_NONE */
};

enum mkpcap_direction {
	MKPCAP_SENDRECV,
	MKPCAP_SENDONLY,
	MKPCAP_RECVONLY,
	MKPCAP_INACTIVE
};

/** A codec as SDP names it. */
struct mkpcap_codec {
	const char *name;
	uint8_t payload_type;
	const char *rtpmap; /**< "PCMA/8000" */
};

/** What a message says of the media of its sender. */
struct mkpcap_sdp {
	bool present;
	bool directed; /**< the script names a direction */
	enum mkpcap_direction direction;
	bool ported;   /**< ... a port; else as before */
	uint16_t port; /**< 0: the stream is refused */
	struct mkpcap_text address; /**< n = 0: that of the host */
	uint32_t codecs_count;      /**< 0: as before */
	const struct mkpcap_codec *codecs[MKPCAP_CODECS_MAX];
	uint32_t crypto_count;      /**< 0: not RTP/SAVP */
	struct mkpcap_text crypto[MKPCAP_CRYPTO_MAX]; /**< after a=crypto: */
};

enum mkpcap_what { MKPCAP_REQUEST, MKPCAP_RESPONSE, MKPCAP_PLAIN };

/** at TIME ...: one message, or one datagram. */
struct mkpcap_step {
	int64_t at_ns;
	int64_t delay_ns; /**< captured so much later */
	uint32_t line;
	uint32_t repeat;
	uint32_t call; /**< MKPCAP_NONE: MKPCAP_PLAIN */
	enum mkpcap_what what;
	bool sided;            /**< the script names who sends it */
	enum mkpcap_side side; /**< who; a request's, if not: the caller */
	const char *method;    /**< of the request, or that is answered */
	uint32_t status;
	struct mkpcap_text reason;
	bool again;        /**< the same bytes as the last one like it */
	bool unterminated; /**< the text ends without CR LF */
	struct mkpcap_text tag; /**< the callee's from now on */
	struct mkpcap_text uri; /**< of a request; n = 0: of who gets it */
	struct mkpcap_sdp sdp;
	uint32_t headers_count;
	struct mkpcap_text headers[MKPCAP_HEADERS_MAX];
	struct mkpcap_text body_type;
	struct mkpcap_text block; /**< the lines after it, each with its "|" */
	struct mkpcap_text bytes; /**< MKPCAP_PLAIN: hexadecimal digits */
	struct mkpcap_endpoint from, to; /**< MKPCAP_PLAIN */
};

/** Some packets of a stream, by number from 1, or a share of all. */
struct mkpcap_pick {
	uint32_t ranges_count;
	struct {
		uint32_t first, last;
	} ranges[MKPCAP_RANGES_MAX];
	uint32_t per_million;
};

/** media CALL SIDE ...: one RTP stream. */
struct mkpcap_media {
	uint32_t line;
	uint32_t call;
	enum mkpcap_side side;
	int64_t from_ns, to_ns;
	int64_t ptime_ns;
	int64_t jitter_ns;
	int64_t late_by_ns;
	const struct mkpcap_codec *codec; /**< NULL: first of the SDP */
	uint32_t tones_count;
	struct {
		int64_t at_ns; /**< INT64_MIN: from the start */
		uint32_t hz;   /**< 0: silence */
	} tones[MKPCAP_TONES_MAX];
	uint32_t patterns_count; /**< payloads as they are, instead of tones */
	struct {
		int64_t at_ns; /**< INT64_MIN: from the start */
		struct mkpcap_text hex; /**< these bytes again and again */
	} patterns[MKPCAP_TONES_MAX];
	uint32_t pauses_count; /**< nothing is sent (DTX) */
	struct {
		int64_t from_ns, to_ns;
	} pauses[MKPCAP_TONES_MAX];
	uint32_t digits_count;
	struct {
		int64_t at_ns;
		uint8_t event; /**< RFC 4733 */
		bool heard;    /**< in the sound, not as an event */
	} digits[MKPCAP_DIGITS_MAX];
	uint32_t crypto_count; /**< 0: it is RTP */
	struct {
		int64_t at_ns; /**< INT64_MIN: from the start */
		struct mkpcap_text text; /**< as after a=crypto: */
	} crypto[MKPCAP_CRYPTO_MAX];
	uint32_t rollovers; /**< before its first packet */
	struct mkpcap_pick loss, reorder, dup, late;
	uint32_t burst;      /**< packets lost in a row, of a share */
	uint32_t reorder_by; /**< packets that may pass one; 0: one */
	int32_t fast_ppm;    /**< the sender's clock */
	struct mkpcap_endpoint source, target; /**< host NONE: from the SDP */
	bool has_ssrc, has_seq, has_ts;
	uint32_t ssrc;
	uint16_t seq;
	uint32_t ts;
};

/** rtcp CALL SIDE at TIME ...: a report (RFC 3550) on the other's stream. */
struct mkpcap_report {
	uint32_t line;
	uint32_t call;
	enum mkpcap_side side; /**< who sends it */
	int64_t at_ns;
	bool mux;         /**< from and to the ports of the media */
	uint32_t lost;    /**< packets, as its sender has counted */
	uint32_t highest; /**< number of the last one it heard; 0: sent last */
	int64_t jitter_ns;
	int64_t round_trip_ns; /**< to its sender and back; 0: not told */
	bool voip;             /**< with VoIP metrics (RFC 3611), of 256 ... */
	uint8_t voip_loss, voip_discard;
	uint8_t voip_mos; /**< ... and tenths */
};

struct mkpcap_script {
	int64_t start_ns;
	uint64_t seed;
	enum mkpcap_link link;
	uint32_t vlans_count;
	uint16_t vlans[MKPCAP_VLANS_MAX];
	struct mkpcap_host *hosts;
	struct mkpcap_call *calls;
	struct mkpcap_step *steps;
	struct mkpcap_media *media;
	struct mkpcap_report *reports;
	struct mkpcap_repeat *repeats;
	uint32_t hosts_count, calls_count, steps_count, media_count,
		reports_count, repeats_count;
};

#define MKPCAP_ERRORS_MAX 20

struct mkpcap_errors {
	uint32_t count; /**< of these are kept at most MKPCAP_ERRORS_MAX */
	struct {
		uint32_t line, column; /**< from 1; line 0: the whole script */
		char text[160];
	} errors[MKPCAP_ERRORS_MAX];
};

/**
 * Read a script.
 *
 * @param text not NUL-terminated; borrowed by the script until it is freed
 * @param errors filled on -EINVAL
 * @return 0, -EINVAL (see errors), -ENOMEM
 */
int mkpcap_parse(struct mkpcap_script **script, const char *text, size_t n,
		 struct mkpcap_errors *errors)
	__attribute__((warn_unused_result));
void mkpcap_script_free(struct mkpcap_script **script);

/** What was done to one RTP stream, in packets. */
struct mkpcap_count {
	char call[64];     /**< name; repeated ones "name-2", "name-3" ... */
	char call_id[128];
	enum mkpcap_side side;
	uint32_t ssrc;
	const char *codec;
	uint64_t packets;   /**< different ones in the file */
	uint64_t lost;      /**< missing between the first and the last */
	uint64_t duplicate; /**< second copies */
	uint64_t reordered; /**< after one with a higher number; not the late */
	uint64_t late;      /**< held back by the script's "late" */
	int64_t first_ns, last_ns; /**< capture times */
};

/** A capture that is ready to be written, as it is described. */
struct mkpcap_capture;

/**
 * Work a script out.
 *
 * @param script borrowed until the capture is freed
 * @param errors filled on -EINVAL: what only shows when messages are made
 * @return 0, -EINVAL, -ENOMEM
 */
int mkpcap_build(struct mkpcap_capture **capture,
		 const struct mkpcap_script *script,
		 struct mkpcap_errors *errors)
	__attribute__((warn_unused_result));
void mkpcap_capture_free(struct mkpcap_capture **capture);

/** Write it as pcap with nanoseconds. @return 0, -ENOSPC, -EIO, ... */
int mkpcap_write(const struct mkpcap_capture *capture, FILE *to)
	__attribute__((warn_unused_result));

/** Frames in it. */
uint32_t mkpcap_packets(const struct mkpcap_capture *capture);

/**
 * A line for each message, in order of time: number from 1, seconds from the
 * start of the script, call, who sends it to whom, its first line, and of a
 * response to which method.
 *
 * @return 0, -ENOSPC, -EIO, ...
 */
int mkpcap_list(const struct mkpcap_capture *capture, FILE *to)
	__attribute__((warn_unused_result));

/**
 * Leave one message out, as a mirror port does that loses it.
 *
 * @param number as mkpcap_list() counts them; the next one has it then
 * @return 0, -ENOENT: there are not so many
 */
int mkpcap_leave_out(struct mkpcap_capture *capture, uint32_t number)
	__attribute__((warn_unused_result));

/** One per media line and repetition, in order of the script. */
const struct mkpcap_count *
mkpcap_counts(const struct mkpcap_capture *capture, uint32_t *count);

#endif
