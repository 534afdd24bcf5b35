/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RTP (RFC 3550): header, payload formats (RFC 3551), and rendering of stored
 * frames to sound. The jitter buffer has its own header, jitter.h.
 */
#ifndef RTP_RTP_H
#define RTP_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** RFC 3550 section 5.1, decoded. */
struct rtp_hdr {
	uint32_t ssrc;
	uint32_t timestamp;
	uint16_t sequence;
	uint8_t payload_type;
	bool marker;
	const uint8_t *payload; /**< borrowed; CSRCs, extension and padding cut */
	uint32_t payload_bytes;
	/* What SRTP is authenticated with, too (RFC 3711 section 3.1): */
	uint8_t flags;       /**< P, X and CC: six bits of the first byte */
	uint8_t tail_bytes;  /**< padding, after the payload */
	uint32_t head_bytes; /**< CSRCs and extension, before it */
};

/** Of the header, always there. */
#define RTP_FIXED_BYTES 12

/** All that comes after the fixed header. */
static inline const uint8_t *
rtp_hdr_body(const struct rtp_hdr *hdr)
{
	return hdr->payload ? hdr->payload - hdr->head_bytes : NULL;
}

static inline uint32_t
rtp_hdr_body_bytes(const struct rtp_hdr *hdr)
{
	return hdr->head_bytes + hdr->payload_bytes + hdr->tail_bytes;
}

/**
 * Find the payload in what comes after the fixed header.
 *
 * @param hdr flags; payload, payload_bytes, head_bytes and tail_bytes are set
 * @return 0, -EBADMSG: it is shorter than its own lengths say
 */
int rtp_hdr_parse_body(struct rtp_hdr *hdr, const uint8_t *body, size_t n)
	__attribute__((warn_unused_result));

/**
 * Decode an RTP header.
 *
 * @return header and CSRC bytes before the payload (> 0), or -EBADMSG if this
 *         is not RTP: version not 2, payload types 72 to 76 (RTCP, RFC 5761
 *         section 4), shorter than its own lengths say
 * @cost no allocation, no loop over the payload
 */
int rtp_hdr_parse(struct rtp_hdr *hdr, const uint8_t *bytes, size_t n)
	__attribute__((warn_unused_result));

/** Distance from a to b in sequence numbers, -32768 to 32767 (RFC 1982). */
static inline int
rtp_seq_distance(uint16_t a, uint16_t b)
{
	return (int16_t)(uint16_t)(b - a);
}

/* ---- payload formats --------------------------------------------------- */

/** Longest encoding name that is kept, with its NUL ("telephone-event"). */
#define RTP_ENCODING_BYTES 24

/** Format parameters that are kept, with their NUL. */
#define RTP_PARAMETERS_BYTES 64

/** What a payload type means: from the SDP, or from RFC 3551 table 4. */
struct rtp_format {
	char encoding[RTP_ENCODING_BYTES]; /**< "PCMA", as registered */
	uint32_t clock_hz;                 /**< of the RTP timestamp */
	uint8_t payload_type;
	uint8_t channels;
	/** Of a=fmtp, without blanks: "octet-align=1;mode-set=0,2". */
	char parameters[RTP_PARAMETERS_BYTES];
};

/** Of sound that the recorder itself made Opus (rtp/transcode.h): the rate that
 * it had before. No telephone says so. */
#define RTP_FORMAT_STORED_RATE "stored-rate"

/** Is this its encoding, in any case? */
bool rtp_format_is(const struct rtp_format *format, const char *encoding);

/** Is it decoded alike? Of the payload type nothing is asked. */
bool rtp_format_equal(const struct rtp_format *a, const struct rtp_format *b);

/**
 * The value of a format parameter, its name in any case. One without a value
 * has the empty one.
 *
 * @return NULL: it is not there. Else borrowed from format, *n bytes
 */
const char *rtp_format_parameter(const struct rtp_format *format,
				 const char *name, size_t *n);
/** Is this parameter a number other than 0? */
bool rtp_format_flag(const struct rtp_format *format, const char *name);

/**
 * The static assignments of RFC 3551 section 6.
 *
 * @return true and *format, or false for a dynamic or unassigned type
 */
bool rtp_format_static(uint8_t payload_type, struct rtp_format *format);

/**
 * Read what a payload type means, as people write it: as a=rtpmap and a=fmtp of
 * SDP say it (RFC 8866 section 6.6), with "=" after the type and ";" before
 * parameters: "96=opus/48000/2", "97=AMR/8000;octet-align=1".
 *
 * @return 0; -EINVAL, and *format is undefined
 */
int rtp_format_read(struct rtp_format *format, const char *text)
	__attribute__((warn_unused_result));

/* ---- rendering --------------------------------------------------------- */

/**
 * Frames of one recording in, sound out: two channels, 0 = left = local,
 * 1 = right = remote, aligned by capture time, silence where nothing was sent.
 * Frames may come in any order between streams; within a stream in sequence
 * order.
 *
 * Placement: the first frame of a stream is placed by its capture time; those
 * that follow, by their RTP timestamp (RFC 3550 section 5.1), so that network
 * jitter is not heard. When the two disagree too much (a marker after a pause
 * that the timestamps do not show, a jump), capture time wins; clocks that drift
 * apart are put right little by little. Of several streams of one side at the
 * same time, which are the same sound on several hops, one is heard (tracks.h).
 *
 * Pauses: timestamps that go on without a number missing are a pause of the
 * talker: silence, or noise if the sender told of any (RFC 3389, or as its codec
 * has it: decoder.h).
 *
 * Loss: where sequence numbers are missing, what another hop or a later packet
 * (RFC 2198) has is heard, else up to 60 ms are made up by the codec, and what
 * is longer is silence.
 */
struct rtp_render;

/**
 * So much must rtp_render_take stay behind the frames that are still to come
 * [ns]: one may be placed 1 s before its capture time, and what is heard is
 * chosen by what comes in the next 100 ms.
 */
#define RTP_RENDER_BEHIND_NS 1100000000LL

/** So long behind the last capture time sound may end [ns]: one may be placed 1 s
 * after it, and a packet holds up to another one. */
#define RTP_RENDER_AHEAD_NS 2000000000LL

/** What a packet carries of one before it. */
struct rtp_render_spare {
	uint32_t timestamp;
	const struct rtp_format *format; /**< borrowed for the call */
	const uint8_t *payload;          /**< borrowed for the call */
	uint32_t payload_bytes;
};

struct rtp_render_frame {
	int64_t time_ns;    /**< capture time */
	uint32_t stream;    /**< any number that tells streams apart */
	uint32_t timestamp; /**< RTP */
	uint16_t sequence;
	uint8_t channel;    /**< 0 or 1, the same for all of a stream */
	bool marker;
	bool after_gap;     /**< what is missing before it was left out, or it
				 is not known why: nothing is made up */
	const struct rtp_format *format; /**< borrowed for the call */
	const uint8_t *payload;          /**< borrowed for the call */
	uint32_t payload_bytes;
	const struct rtp_render_spare *spares; /**< the earliest first */
	uint32_t spares_count;
	int64_t quiet_until_ns; /**< noise that it may begin ends by then */
};

/** Counts of what could not be rendered, and of what was made up. */
struct rtp_render_stats {
	uint64_t frames;         /**< placed, if only in part */
	uint64_t no_codec;       /**< of an encoding or rate not decoded here */
	uint64_t malformed;      /**< the decoder refused */
	uint64_t overlapped;     /**< samples of a stream over its own */
	uint64_t out_of_range;   /**< frames before the start, after the end, or
				      before what was taken out */
	uint64_t missing;        /**< sequence numbers */
	uint64_t spares;         /**< of these, found in a later packet */
	uint64_t concealed;      /**< samples made up for others, on each hop */
	uint64_t noise;          /**< samples of comfort noise, on each hop */
	uint64_t slipped;        /**< steps for drift */
};

struct rtp_render_config {
	uint32_t sample_hz;       /**< of the output: 8000, 16000 or 48000 */
	bool no_conceal;          /**< nothing is made up, nor noise */
	int64_t start_ns; /**< capture time of the first output sample */
	int64_t end_ns;   /**< output never gets longer than this */
};

/** @return 0, -EINVAL, -ENOMEM */
int rtp_render_new(struct rtp_render **render,
		   const struct rtp_render_config *config)
	__attribute__((warn_unused_result));
/** Wipes what was heard. */
void rtp_render_free(struct rtp_render **render);

/**
 * Place a frame. Only the sound that was not taken out is kept, in blocks of a
 * second where there is any.
 *
 * @return 0 (also when the frame could only be counted), -ENOMEM, or -ENOBUFS:
 *         60 such seconds wait, take them out first
 */
int rtp_render_frame(struct rtp_render *render,
		     const struct rtp_render_frame *frame)
	__attribute__((warn_unused_result));

/**
 * Take finished sound out: everything earlier than until_ns, silence included.
 * until_ns is the capture time of the next frame less RTP_RENDER_BEHIND_NS;
 * after the last frame, the end or later.
 *
 * @param pcm [frames_max * 2], interleaved left, right
 * @return stereo frames written; 0 when no more before until_ns; -ENOMEM
 */
ssize_t rtp_render_take(struct rtp_render *render, int16_t *pcm,
			size_t frames_max, int64_t until_ns)
	__attribute__((warn_unused_result));

/**
 * When what was received of all frames so far ends: where they lie, which may
 * be up to 1 s from when they came.
 *
 * @return capture time [ns]; the start, if there is nothing to hear
 */
int64_t rtp_render_heard_until(const struct rtp_render *render);

const struct rtp_render_stats *
rtp_render_stats_peek(const struct rtp_render *render);

#endif
