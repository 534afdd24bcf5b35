/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of mkpcap share. */
#ifndef CMD_MKPCAP_MKPCAP_PRIV_H
#define CMD_MKPCAP_MKPCAP_PRIV_H

#include <stdarg.h>

#include "cmd/mkpcap/mkpcap.h"
#include "rtp/srtp.h"

#define SECOND_NS   1000000000ll
#define MS_NS       1000000ll
/** Longest time a script may name: a year, so that sums never overflow. */
#define TIME_MAX_NS (366ll * 86400 * SECOND_NS)

/* ---- parse.c, value.c ---------------------------------------------------- */

struct mkpcap_word {
	struct mkpcap_text text; /**< without its quotes */
	uint32_t line, column;
	bool quoted;
};

#define MKPCAP_WORDS_MAX 256

/** One statement being read. */
struct mkpcap_line {
	struct mkpcap_script *script;
	struct mkpcap_errors *errors;
	uint32_t count;
	uint32_t next;
	struct mkpcap_word words[MKPCAP_WORDS_MAX];
	struct mkpcap_text block;
};

void mkpcap__error(struct mkpcap_errors *errors, uint32_t line,
		   uint32_t column, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/** Complain about the word read last. @return -EINVAL */
int mkpcap__fail(struct mkpcap_line *line, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

bool mkpcap__is(const struct mkpcap_text *text, const char *word);
bool mkpcap__same(const struct mkpcap_text *a, const struct mkpcap_text *b);

/** The next word, or -EINVAL and "... is missing" with what it would be. */
int mkpcap__word(struct mkpcap_line *line, const char *what,
		 struct mkpcap_text *text);
/** Step over the next word if it is this one. */
bool mkpcap__accept(struct mkpcap_line *line, const char *word);
int mkpcap__expect(struct mkpcap_line *line, const char *word);
int mkpcap__number(struct mkpcap_line *line, const char *what, uint64_t max,
		   uint64_t *number);
int mkpcap__duration(struct mkpcap_line *line, const char *what,
		     int64_t *duration_ns);
int mkpcap__pick(struct mkpcap_line *line, struct mkpcap_pick *pick);
/** Two digits a byte. */
int mkpcap__hex(struct mkpcap_line *line, struct mkpcap_text *hex);
uint8_t mkpcap__hex_at(const struct mkpcap_text *hex, uint32_t i);
int mkpcap__port(struct mkpcap_line *line, uint16_t *port);
int mkpcap__host(struct mkpcap_line *line, const struct mkpcap_text *name,
		 uint32_t *host);
/** "alice" or "alice:10000" */
int mkpcap__endpoint(struct mkpcap_line *line, uint16_t otherwise,
		     struct mkpcap_endpoint *endpoint);
int mkpcap__codec(struct mkpcap_line *line, const struct mkpcap_text *name,
		  const struct mkpcap_codec **codec);
/** What is spoken where no script says anything. */
extern const struct mkpcap_codec mkpcap__pcma;
int mkpcap__start(struct mkpcap_line *line, int64_t *start_ns);

/** value.c also reads the two statements with options. */
int mkpcap__step_options(struct mkpcap_line *line, struct mkpcap_step *step);
int mkpcap__media_options(struct mkpcap_line *line, struct mkpcap_media *media);

/* ---- sip.c --------------------------------------------------------------- */

#define MKPCAP_MESSAGE_MAX 65000 /**< bytes in one UDP datagram */

struct mkpcap_party {
	char user[64];
	const struct mkpcap_host *host;
	char tag[64];
	uint32_t cseq;         /**< of its last request */
	struct mkpcap_sdp sdp; /**< as far as named */
	uint32_t sdp_version;
	bool ported;
	uint16_t first_port;   /**< where its media is unless a script says */
};

/** The last request of a method and a side: what a response to it repeats. */
struct mkpcap_request {
	const char *method;
	enum mkpcap_side side;
	uint32_t cseq;
	bool tagged;  /**< its To had a tag */
	bool refused; /**< an INVITE that got 3xx to 6xx, or the ACK to it */
};

#define MKPCAP_METHODS_MAX 14

/** A call as far as its messages have been made. */
struct mkpcap_dialog {
	const struct mkpcap_script *script;
	const struct mkpcap_call *call;
	uint32_t instance; /**< of a repeat, from 0 */
	uint32_t port_shift;
	char name[64];
	char id[128];
	struct mkpcap_party party[2];
	bool answered; /**< a 2xx to an INVITE was sent */
	bool tagged;   /**< the callee's tag is known */
	uint32_t requests_count;
	struct mkpcap_request requests[2 * MKPCAP_METHODS_MAX];
	struct mkpcap_request *invite; /**< the last one */
	struct mkpcap_request *last; /**< that can be answered */
};

void mkpcap__dialog_init(struct mkpcap_dialog *dialog,
			 const struct mkpcap_script *script,
			 const struct mkpcap_call *call, uint32_t instance);

/**
 * Make the message of a step.
 *
 * @param text [MKPCAP_MESSAGE_MAX]
 * @param from which side sends it
 * @return bytes, or -EMSGSIZE, -ENOMEM, -ENOENT (a response, ACK or CANCEL to
 *         nothing), -ENXIO (SDP, but no port was ever named)
 */
int mkpcap__message(struct mkpcap_dialog *dialog,
		    const struct mkpcap_step *step, char *text,
		    enum mkpcap_side *from);

/** The lines of a block, or hexadecimal digits, as bytes. */
int mkpcap__plain(const struct mkpcap_step *step, char *text);

/* ---- reference.c --------------------------------------------------------- */

/** What names a dialog; the tags in the order of enum mkpcap_side. */
enum mkpcap_named {
	MKPCAP_NAMED_CALLER,
	MKPCAP_NAMED_CALLEE,
	MKPCAP_NAMED_ID
};

/** {CALL.id} and its like in a header. */
struct mkpcap_reference {
	uint32_t call;
	enum mkpcap_named named;
	bool escaped; /**< as in a URI */
};

/** Longest text of one: a Call-ID of 127 bytes, escaped. */
#define MKPCAP_REFERENCE_MAX (3 * 128 + 4)

/**
 * @param text begins with "{"
 * @return bytes up to and with "}", -EBADMSG: no such words, -ENOENT: no such
 *         call
 */
int mkpcap__reference(const struct mkpcap_script *script,
		      const struct mkpcap_text *text,
		      struct mkpcap_reference *reference);

/** @param at_ns when it is said: which tag the callee has then */
void mkpcap__reference_text(const struct mkpcap_dialog *dialog,
			    const struct mkpcap_reference *reference,
			    int64_t at_ns, char text[MKPCAP_REFERENCE_MAX]);

/* ---- media.c ------------------------------------------------------------- */

/** One RTP stream, worked out. */
struct mkpcap_stream {
	const struct mkpcap_media *media;
	const struct mkpcap_codec *codec;
	int64_t shift_ns; /**< of its repetition */
	uint32_t tone_shift_hz;
	struct mkpcap_endpoint source, target;
	uint32_t ssrc;
	uint16_t seq;
	uint32_t ts;
};

/** A packet of a stream; `slot` counts in ptime, also where nothing is sent. */
struct mkpcap_packet {
	uint32_t slot;
	uint32_t number; /**< from 0; what the sequence number counts */
};

/** Longest RTP packet: 200 ms of G.711, encrypted. */
#define MKPCAP_RTP_MAX (12 + 1600 + RTP_SRTP_TRAILER_MAX)

/** From slot to slot, by a true clock; ptime is of whole milliseconds. */
static inline int64_t
mkpcap__step_ns(const struct mkpcap_media *media)
{
	return media->ptime_ns - media->ptime_ns / 1000000 * media->fast_ppm;
}

/** When a slot is, in the script. */
static inline int64_t
mkpcap__slot_ns(const struct mkpcap_media *media, uint32_t slot)
{
	return media->from_ns + slot * mkpcap__step_ns(media);
}

uint32_t mkpcap__slots(const struct mkpcap_media *media);
/** Does a packet leave in this slot? */
bool mkpcap__slot_sent(const struct mkpcap_media *media, uint32_t slot);
bool mkpcap__picked(const struct mkpcap_pick *pick, uint32_t number,
		    uint64_t *random);
uint64_t mkpcap__random(uint64_t *state);
/** FNV-1a */
uint64_t mkpcap__hash(uint64_t hash, const void *bytes, size_t n);
#define MKPCAP_HASH 0xcbf29ce484222325u

/** A sine of one second at 1 Hz, so that every whole frequency is exact. */
struct mkpcap_sine {
	int16_t at[8000];
};
void mkpcap__sine_init(struct mkpcap_sine *sine);

/** @param bytes [MKPCAP_RTP_MAX] @return bytes of the RTP packet */
uint32_t mkpcap__rtp(const struct mkpcap_stream *stream,
		     const struct mkpcap_sine *sine,
		     const struct mkpcap_packet *packet, uint8_t *bytes);

uint8_t mkpcap__alaw(int16_t sample);
uint8_t mkpcap__ulaw(int16_t sample);

/* ---- protect.c ----------------------------------------------------------- */

/** What encrypts a stream. All zero: nothing was encrypted yet. */
struct mkpcap_cipher {
	struct rtp_srtp *srtp;
	uint32_t crypto; /**< which one of the stream it is by */
};

/**
 * Encrypt a packet of a stream, if it is to be.
 *
 * @param rtp [MKPCAP_RTP_MAX], 4-byte aligned
 * @param bytes of it, before and after
 * @return 0, -EINVAL, -ENOMEM, -ENOSYS
 */
int mkpcap__protect(struct mkpcap_cipher *cipher,
		    const struct mkpcap_media *media, uint32_t slot,
		    uint8_t *rtp, uint32_t *bytes);
void mkpcap__cipher_fini(struct mkpcap_cipher *cipher);

/**
 * A word that says by which key, as after "a=crypto:".
 *
 * @param key NULL: only to see that it can be read
 * @return 0, -EINVAL
 */
int mkpcap__crypto(const struct mkpcap_text *text, struct rtp_srtp_key *key);
/* ---- report.c ------------------------------------------------------------ */

/** Options of an rtcp statement, from "at TIME" on. */
int mkpcap__report_options(struct mkpcap_line *line,
			   struct mkpcap_report *report);

/** Longest: SR with a block, SDES, XR. */
#define MKPCAP_RTCP_MAX 128

/** What a report is made from. */
struct mkpcap_rtcp {
	const struct mkpcap_report *report;
	int64_t time_ns;                    /**< when it is sent */
	const struct mkpcap_stream *own;    /**< of its sender; NULL: none */
	const struct mkpcap_stream *about;  /**< what it hears */
	int64_t heard_ns; /**< when the other's last report passed; 0: none */
};

/** @param bytes [MKPCAP_RTCP_MAX] @return bytes of the RTCP packet */
uint32_t mkpcap__rtcp(const struct mkpcap_rtcp *rtcp, uint8_t *bytes);

/**
 * Encrypt it, if the media of its sender is (protect.c).
 *
 * @param nth which report of its sender it is, from 0: that is its index
 * @param bytes [MKPCAP_RTCP_MAX + RTP_SRTCP_TRAILER_MAX], 4-byte aligned
 * @param n of these, before and after
 * @return 0, -EINVAL, -ENOMEM, -ENOSYS
 */
int mkpcap__protect_rtcp(const struct mkpcap_rtcp *rtcp, uint32_t nth,
			 uint8_t *bytes, uint32_t *n);

/* ---- frame.c ------------------------------------------------------------- */

/** Longest frame: SLL2 (20), IPv6 (40), UDP (8), 65,000 bytes. */
#define MKPCAP_FRAME_MAX 65600

struct mkpcap_datagram {
	const struct mkpcap_host *from, *to;
	uint16_t from_port, to_port;
	const uint8_t *payload;
	uint32_t bytes;
};

/** @param frame [MKPCAP_FRAME_MAX] @return its bytes */
uint32_t mkpcap__frame(const struct mkpcap_script *script,
		       const struct mkpcap_datagram *datagram, uint8_t *frame);
int mkpcap__pcap_header(enum mkpcap_link link, FILE *to);
int mkpcap__pcap_frame(int64_t time_ns, const uint8_t *frame, uint32_t bytes,
		       FILE *to);

#endif
