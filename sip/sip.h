/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SIP (RFC 3261), passively: from datagrams to calls and what happens to them.
 *
 *   text.c       slices, numbers, hashes, valid UTF-8
 *   prefilter.c  is this SIP, and of which call?  packet rate, no allocation
 *   stream.c     messages out of TCP connections
 *   websocket.c  ... that carry WebSocket
 *   scan.c       head and body of a message; the tolerant scan
 *   msg.c        one message -> struct sip_msg (libosip2 behind it, and the
 *                tolerant scan where libosip2 refuses)
 *   related.c    what it says of other dialogs
 *   sdp.c        session descriptions -> struct sip_media
 *   crypto.c     ... and the keys of SRTP in them
 *   identity.c   who is who
 *   dialog.c     offers and answers (RFC 3264): which media is valid when
 *   call.c       calls, from INVITE to BYE
 *   info.c       keyed digits in INFO
 *   report.c     quality reports of telephones (report.h)
 *   watch.c      headers that somebody waits for
 *   key.c        by what calls are found, other than their Call-ID
 *   legs.c       conversations: calls that are legs of one
 *   link.c       which calls are legs of one conversation, or follow another
 *   register.c   REGISTER -> struct sip_register
 *   registrar.c  who is logged in where (registrar.h)
 *   tracker.c    all calls: the map, time-outs, limits
 *   save.c       the state of a call as bytes, and back in another run
 *
 * The tracker is for one thread, has no clock and does no I/O: it is given
 * messages with their capture times and tells what happened by a callback.
 */
#ifndef SIP_SIP_H
#define SIP_SIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/pkt.h"
#include "capture/tcp.h"

/* ---- prefilter --------------------------------------------------------- */

struct sip_glance {
	const char *call_id; /**< slice of the message; NULL if cut off */
	uint32_t call_id_bytes;
	bool response;
};

/**
 * Is this datagram SIP? Looks at the first line, and for the Call-ID (or
 * compact "i"). Never reads past n.
 *
 * @return 1: SIP; 0: not SIP; -EAGAIN: only CR, LF or NUL (a keep-alive)
 * @cost no allocation; about 0.1 us for a message
 */
int sip_prefilter(const uint8_t *bytes, size_t n, struct sip_glance *glance);

/* ---- streams ------------------------------------------------------------ */

/** Longest message that is taken out of a stream; of a longer one, so much. */
#define SIP_STREAM_MESSAGE_MAX 65535

/** One row per counter: name, unit, text. */
#define SIP_STREAM_COUNTERS(X)                                                 \
	X(messages, "messages", "SIP messages in TCP connections")             \
	X(websocket, "messages", "of these, in WebSocket")                     \
	X(keepalives, "times", "SIP keep-alives in TCP connections")           \
	X(cut, "messages",                                                     \
	  "SIP messages in TCP of whose body a part never came")               \
	X(holes, "messages",                                                   \
	  "SIP messages in TCP whose head never came whole")                   \
	X(junk, "bytes", "what is no SIP in SIP connections")                 \
	X(over_limit, "messages", "SIP messages in TCP that are too long")     \
	X(compressed, "messages",                                              \
	  "messages in WebSocket that are compressed: not read")

struct sip_stream_counters {
#define X(name, unit, text) uint64_t name;
	SIP_STREAM_COUNTERS(X)
#undef X
};
#define SIP_STREAM_COUNTERS_COUNT                                              \
	(sizeof(struct sip_stream_counters) / sizeof(uint64_t))

/**
 * One SIP message of a stream.
 *
 * @param piece where it was found: its ends
 * @param message borrowed during the call
 * @param missing_bytes of its body, that never came
 */
typedef void (*sip_stream_fn)(void *ctx, const struct capture_tcp_piece *piece,
			      const uint8_t *message, uint32_t bytes,
			      uint32_t missing_bytes);

/** Who reads the connections of a thread. */
struct sip_stream_reader {
	sip_stream_fn fn;
	void *ctx;
	struct sip_stream_counters *counters;
	uint8_t *scratch; /**< [SIP_STREAM_MESSAGE_MAX], for WebSocket */
};

/**
 * Take SIP messages out of one direction of a TCP connection: SIP itself (RFC
 * 3261 sections 7.5 and 18.3), or WebSocket with SIP in it (RFC 7118, RFC
 * 6455). What it is, is told by its first bytes, by content and never by port.
 *
 * A message without Content-Length (against the RFC) has no body, or, where it
 * has a Content-Type, one that ends where the next message begins or nothing
 * more comes. After a hole, or where a connection is seen from its middle on,
 * the next message is looked for, also in mid-line: one with Via, Call-ID and
 * CSeq, which names its method. In WebSocket it is looked for at the beginning
 * of what comes next. Of what is cut the head has to be whole.
 *
 * @param piece as capture_tcp tells; its reader is the state of the direction
 * @return bytes consumed, or CAPTURE_TCP_IGNORE: it is no SIP
 * @thread any; all state is in piece->reader
 * @cost no allocation; each byte is looked at a bounded number of times,
 *       however small the pieces
 */
int64_t sip_stream_input(const struct capture_tcp_piece *piece,
			 const struct sip_stream_reader *reader);

/* ---- calls ------------------------------------------------------------- */

enum sip_party { SIP_CALLER, SIP_CALLEE };

/** Longest kept parts of an address; longer ones are cut and counted. */
#define SIP_USER_BYTES 64
#define SIP_HOST_BYTES 128
#define SIP_DISPLAY_BYTES 96
#define SIP_CALL_ID_BYTES 256
#define SIP_TAG_BYTES 128

/** Who: from From/To, improved by P-Asserted-Identity and Request-URI. */
struct sip_identity {
	char user[SIP_USER_BYTES];       /**< as sent: "2041", "+441495..." */
	char host[SIP_HOST_BYTES];       /**< "" for tel: */
	char display[SIP_DISPLAY_BYTES]; /**< valid UTF-8 */
	bool anonymous; /**< RFC 3323: "anonymous@anonymous.invalid", or Privacy
			 * asks for it, and then the number may be there */
};

/** Numbers kept of others who have part in a call. */
#define SIP_OTHERS_MAX 7

/**
 * A call as seen so far: what bears one Call-ID. Owned by the tracker.
 *
 * What people call a conversation may be seen as several such calls, its legs:
 * from a telephone to the switch, from the switch to another telephone or to
 * a trunk. A conversation has two ends; it bears the number of the call that
 * began it, and its ends are that one's parties. Where a leg is crossed, its
 * caller stands at the end of the callee.
 */
struct sip_call {
	uint64_t number; /**< 1, 2, ...; never used twice in a tracker */
	char call_id[SIP_CALL_ID_BYTES];
	char from_tag[SIP_TAG_BYTES];
	struct sip_identity party[2]; /**< [SIP_CALLER], [SIP_CALLEE] */
	struct capture_endpoint signalling[2]; /**< where each sends SIP from */
	int64_t start_ns;  /**< first INVITE */
	int64_t answer_ns; /**< first 2xx to it, or its ACK where the 2xx
				was missed; 0 if not answered */
	bool hold[2];      /**< [party] has put the other on hold */
	uint64_t conversation; /**< of which it is a leg */
	bool crossed;
	uint32_t others_count; /**< who it was diverted from (RFC 5806, RFC
				    7044), or that was dialled at first; From,
				    where the network asserts another */
	char others[SIP_OTHERS_MAX][SIP_USER_BYTES];
};

/** The end of its conversation at which a party of a call stands. */
static inline enum sip_party
sip_end(const struct sip_call *call, enum sip_party party)
{
	return call->crossed ? (enum sip_party)!party : party;
}

/** What a call has to do with an earlier conversation; see link.c. */
enum sip_link_type {
	SIP_LINK_SAME,     /**< it is a leg of it */
	SIP_LINK_TRANSFER, /**< one end of it goes on with somebody else */
	SIP_LINK_PICKUP,   /**< ... who answers for who was called */
	SIP_LINK_CONSULT   /**< who made it holds the other conversation */
};

/** How that is known. */
enum sip_link_by {
	SIP_BY_REFER,    /**< RFC 3515 */
	SIP_BY_REFERRED, /**< RFC 3892: the REFER itself was missed */
	SIP_BY_REPLACES, /**< RFC 3891 */
	SIP_BY_REDIRECT, /**< a 3xx named the callee */
	SIP_BY_SESSION,  /**< RFC 7989 */
	SIP_BY_CHARGING, /**< RFC 7315 */
	SIP_BY_VENDOR,   /**< the same id in a header of a vendor's own */
	SIP_BY_MEDIA,    /**< a switch passes on where RTP is to go */
	SIP_BY_NUMBERS,  /**< a switch calls on at once for the same two */
	SIP_BY_HOLD      /**< who calls has somebody on hold */
};

struct sip_link {
	enum sip_link_type type;
	enum sip_link_by by;
	uint64_t with;       /**< conversation */
	enum sip_party end;  /**< of it, that takes part in the call ... */
	enum sip_party party; /**< ... as this one */
};

/** "refer", "session-id", ... */
const char *sip_link_by_name(enum sip_link_by by);

#define SIP_FORMATS_MAX 24
#define SIP_ENCODING_BYTES 24
/** Format parameters, with their NUL: of one format, and of a whole stream. */
#define SIP_PARAMETERS_BYTES 64
#define SIP_MEDIA_PARAMETERS_BYTES 192

/** One payload format of an m= line. */
struct sip_format {
	char encoding[SIP_ENCODING_BYTES];
	uint32_t clock_hz;
	uint8_t payload_type;
	uint8_t channels;
	uint8_t parameters; /**< where those of the stream have them; 0: none */
};

/** RFC 3264: which way media may flow, as its receiver declared. */
enum sip_direction { SIP_SENDRECV, SIP_SENDONLY, SIP_RECVONLY, SIP_INACTIVE };

/** Keys kept of one stream. */
#define SIP_CRYPTO_MAX         12
#define SIP_CRYPTO_SUITE_BYTES 32
#define SIP_CRYPTO_KEY_MAX     64
#define SIP_CRYPTO_MKI_MAX     128

/** A key of SRTP, as a=crypto tells it (RFC 4568). Wiped after the callback:
 * whoever keeps it wipes it too. */
struct sip_crypto {
	uint32_t tag;
	char suite[SIP_CRYPTO_SUITE_BYTES]; /**< as it was written */
	bool unencrypted;     /**< UNENCRYPTED_SRTP */
	bool unencrypted_rtcp; /**< UNENCRYPTED_SRTCP */
	bool unauthenticated; /**< UNAUTHENTICATED_SRTP */
	bool derives;         /**< KDR: further keys are derived as it goes */
	uint8_t mki_bytes;    /**< 0: there is no identifier */
	uint64_t mki;
	uint8_t key_bytes;
	uint8_t key[SIP_CRYPTO_KEY_MAX]; /**< master key, then master salt */
};

struct sip_crypto_list {
	uint32_t count;
	struct sip_crypto crypto[SIP_CRYPTO_MAX];
};

/**
 * Read what follows "a=crypto:". Each key of it joins the list.
 *
 * @param list zeroed before its first
 * @return 0; -EBADMSG: nobody can read it; -ENOSPC: the list is full. Keys read
 *         before that stay
 * @cost linear, no allocation
 */
int sip_crypto_read(struct sip_crypto_list *list, const char *text, size_t n)
	__attribute__((warn_unused_result));

/** An audio stream as one party's SDP declares it. */
struct sip_media {
	uint64_t number; /**< 1, 2, ...: the same in its OPEN and its CLOSE */
	struct capture_endpoint receive; /**< where this party wants RTP */
	enum sip_party party;            /**< whose SDP it is */
	enum sip_direction direction;
	uint32_t index;   /**< which m= line, from 0 */
	bool secure;      /**< RTP/SAVP, SAVPF, or keys offered */
	bool dtls;        /**< keys are agreed on where nobody sees them (RFC
			   * 5764) */
	bool candidate;   /**< where ICE (RFC 8445) tries: it may be nobody's, or
			   * another's in a network of its own */
	uint32_t formats_count;
	struct sip_format formats[SIP_FORMATS_MAX];
	char parameters[SIP_MEDIA_PARAMETERS_BYTES]; /**< the first byte is NUL */
	const struct sip_crypto_list *crypto; /**< by which this party sends;
					       * NULL: no key was told */
};

/**
 * Those of a=fmtp: printable ASCII without blanks, "octet-align=1;mode-set=0";
 * of many, those that have room.
 *
 * @return borrowed from media
 */
static inline const char *
sip_format_parameters(const struct sip_media *media,
		      const struct sip_format *format)
{
	return media->parameters + format->parameters;
}

/*
 * The events of a call come in order of time, CALL first and END last, each
 * MEDIA_CLOSE after its MEDIA_OPEN and all of them before END.
 *
 * MEDIA_OPEN comes with the SDP itself, be it an offer, early media or an
 * answer. In mid-call the old media stays open beside what is offered until
 * the offer is answered (the old closes) or refused (the new closes). The same
 * address with other formats, or other keys, is other media: its OPEN comes
 * before the CLOSE of the old, so tell them apart by `number`. A party may
 * have several streams, and the same sound may be seen on several hops.
 *
 * A refusal that makes callers try again (401, 302, 422, ...) closes media at
 * once, but END comes only after `linger_ns` without another INVITE; it bears
 * the time of the refusal. In the same way END of a time-out bears the time
 * of the last sign of life.
 *
 * A call that is linked to a conversation says so in its CALL, if that is known
 * by then. If it turns out later that it is a leg of another conversation, its
 * media is closed, MOVE comes, and its media is opened again.
 *
 * HOLD and RESUME compare with how the call began: a call that is one-way
 * from its first answer (announcement, paging) is not on hold.
 */
enum sip_event_type {
	SIP_EVENT_CALL,        /**< a call begins: by INVITE, or by what shows
				* that the mirror lost that */
	SIP_EVENT_IDENTITY,    /**< call->party changed */
	SIP_EVENT_RINGING,     /**< first 1xx above 100 */
	SIP_EVENT_ANSWER,      /**< first 2xx to the INVITE */
	SIP_EVENT_MEDIA_OPEN,  /**< `media` is valid from now on */
	SIP_EVENT_MEDIA_CLOSE, /**< `media` ends: moved, rejected, call over */
	SIP_EVENT_HOLD,        /**< `party` put the other on hold */
	SIP_EVENT_RESUME,      /**< ... and took the call back */
	SIP_EVENT_KEY,         /**< `party` has pressed a key: `keyed` */
	SIP_EVENT_HEADER,      /**< `party` sent a header that is watched:
				* `header` */
	SIP_EVENT_REFER,       /**< `party` asks the other to call `target` */
	SIP_EVENT_MOVE,        /**< call->conversation is another: `link` */
	SIP_EVENT_GOES_ON,     /**< of a call that was restored: the first
				* message which shows that it is not over */
	SIP_EVENT_END          /**< last event of a call; `cause` and `status` */
};

enum sip_end_cause {
	SIP_END_BYE,
	SIP_END_CANCEL,
	SIP_END_REJECTED,  /**< `status` 3xx to 6xx */
	SIP_END_TIMEOUT,   /**< no sign of life; time is that of the last one */
	SIP_END_SHED,      /**< too many calls, and this was missed least */
	SIP_END_INPUT      /**< the input ended in mid-call */
};

/** A key, as INFO tells. Wiped after the callback: whoever keeps it wipes it
 * too. */
struct sip_keyed {
	char key;      /**< 0 to 9, *, #, A to D */
	bool again;    /**< the INFO before it was challenged: the same key */
	uint32_t duration_ms; /**< as told; 0: it was not */
};

#define SIP_WATCH_MAX          64
#define SIP_HEADER_NAME_BYTES  64
#define SIP_HEADER_VALUE_BYTES 128

/** A header as it was sent; what does not fit is cut. */
struct sip_header {
	char name[SIP_HEADER_NAME_BYTES];
	char value[SIP_HEADER_VALUE_BYTES];
	bool info; /**< of an INFO */
};

struct sip_event {
	enum sip_event_type type;
	int64_t time_ns;
	const struct sip_call *call;   /**< borrowed during the callback */
	const struct sip_media *media; /**< MEDIA_OPEN, MEDIA_CLOSE, else NULL */
	const struct sip_link *link;   /**< CALL (or NULL), MOVE, else NULL */
	const struct sip_identity *target; /**< REFER, else NULL */
	const struct sip_keyed *keyed; /**< KEY, else NULL */
	const struct sip_header *header; /**< HEADER, else NULL */
	bool moved; /**< MEDIA_CLOSE: it goes on in another conversation */
	enum sip_party party;          /**< HOLD, RESUME, KEY, HEADER, REFER,
					* END (who hung up) */
	enum sip_end_cause cause;      /**< END */
	int status;                    /**< END: 0, or the SIP status code */
};

typedef void (*sip_event_fn)(void *ctx, const struct sip_event *event);

struct sip_tracker;

/**
 * Limits; every one has a counter. Zero means the default.
 *
 * Where `calls_max` calls are in progress and another begins, one is given up
 * (SIP_END_SHED): one that was challenged or cancelled, else one that nobody
 * has heard ring, else one that rings, else an answered one, else one on hold;
 * of these the one that was not heard of for longest. So INVITEs without an
 * answer, however many, cost no answered call. What comes of a call that was
 * given up is stray, but for its INVITE sent again, which begins it anew.
 *
 * Calls that ended are remembered for `linger_ns`, as long as they and those in
 * progress are not more than `calls_max` and an 8th part of it.
 */
struct sip_config {
	uint32_t calls_max;          /**< 20000 in progress, see below */
	uint32_t registrations_max;  /**< 20000 */
	uint32_t message_bytes_max;  /**< 65535 */
	uint32_t headers_max;        /**< 256 in a message */
	uint32_t line_bytes_max;     /**< 8192 */
	uint32_t separators_max;     /**< 512 of ; , ? & in a message's head */
	int64_t idle_timeout_ns;     /**< answered, no media, no SIP: 60 s */
	int64_t hold_timeout_ns;     /**< on hold, no media, no SIP: 2 h */
	int64_t setup_timeout_ns;    /**< not answered, no SIP: 180 s */
	int64_t linger_ns;           /**< ended calls that answer retransmissions: 32 s */
	/**
	 * Random: callers choose Call-IDs. Calls that are restored need the key
	 * under which they were saved. Whoever knows it can make states of
	 * calls that are believed, and can try out what a saved hash is of: a
	 * key kept on disk must be as secret as the saved calls.
	 */
	uint8_t hash_key[16];
};

/** One row per counter: name, unit, text for people. */
#define SIP_COUNTERS(X)                                                       \
	X(messages, "messages", "SIP messages understood")                    \
	X(fallback, "messages",                                               \
	  "SIP messages that libosip2 refused and the tolerant scan took")    \
	X(malformed, "messages", "SIP messages nobody could read")            \
	X(over_limit, "messages",                                             \
	  "SIP messages over a limit of size or count, scanned only")         \
	X(other_method, "messages",                                           \
	  "SIP messages that have no part in a call")                         \
	X(stray, "messages",                                                  \
	  "SIP messages of a call whose start was not seen")                  \
	X(retransmissions, "messages", "SIP messages sent again")             \
	X(sdp_malformed, "bodies", "SDP bodies nobody could read")            \
	X(sdp_no_address, "streams",                                          \
	  "audio streams whose address is a name or missing")                 \
	X(sdp_cut, "bodies",                                                  \
	  "SDP bodies with more streams or formats than are kept")            \
	X(text_cut, "calls",                                                  \
	  "calls with a name, number or Call-ID too long to be kept")         \
	X(calls, "calls", "calls begun")                                      \
	X(calls_midway, "calls",                                              \
	  "of these, met in the middle: their INVITE was not seen")           \
	X(calls_linked, "calls",                                              \
	  "calls that are a leg of, or follow, another")                      \
	X(calls_shed, "calls",                                                \
	  "calls given up because there were too many")                       \
	X(secure_media, "streams", "audio streams offered with encryption")   \
	X(keyed_media, "streams", "of these, with keys in the SDP (SDES)")    \
	X(dtls_media, "streams",                                              \
	  "of these, with keys by DTLS alone: they cannot be decrypted")      \
	X(registrations, "registrations", "telephones that logged in")        \
	X(registrations_ended, "registrations", "telephones that logged out") \
	X(registrations_expired, "registrations",                             \
	  "telephones whose registration ran out")                            \
	X(registrations_unanswered, "registrations",                          \
	  "registrations asked for, that nobody was seen to answer")          \
	X(registrations_shed, "registrations",                                \
	  "registrations not kept: too many, or too long")

struct sip_counters {
#define X(name, unit, text) uint64_t name;
	SIP_COUNTERS(X)
#undef X
};

/**
 * @param config NULL for defaults; copied
 * @param fn called from within input, tick, restore and finish; may not call
 *        back into the tracker
 * @return 0, -EINVAL, -ENOMEM
 */
int sip_tracker_new(struct sip_tracker **tracker,
		    const struct sip_config *config, sip_event_fn fn,
		    void *ctx) __attribute__((warn_unused_result));
void sip_tracker_free(struct sip_tracker **tracker);

/**
 * One SIP message, as it came in a datagram.
 *
 * @param pkt its payload is the message. What is missing of it, cut by the
 *        snap length, makes a short body a known loss, not an error
 * @return 0, or -EBADMSG (counted; nothing to do)
 */
int sip_tracker_input(struct sip_tracker *tracker,
		      const struct capture_pkt *pkt);

/**
 * Tell of these headers, in any message of a call, as SIP_EVENT_HEADER: after
 * CALL, before END, and not again where it is known that the message was sent
 * again, or seen on another hop. Each value is told, of one name up to 8 in a
 * message. Takes the place of what was watched before.
 *
 * @param names [count] in any case, not the compact forms; copied
 * @return 0; -EINVAL: more than SIP_WATCH_MAX, empty, or too long: those of
 *         before stay
 * @cost a look at each line of each message of a call, if there are any
 */
int sip_tracker_watch(struct sip_tracker *tracker, const char *const names[],
		      uint32_t count) __attribute__((warn_unused_result));

/** The call has media: it is alive at time_ns. Unknown numbers are ignored. */
void sip_tracker_alive(struct sip_tracker *tracker, uint64_t call_number,
		       int64_t time_ns);

/**
 * Let time pass: time-outs up to now_ns become SIP_EVENT_END. Nothing else
 * makes time-outs happen: sip_tracker_input never does, so that signs of life
 * from other threads can be told before.
 *
 * @cost O(calls that end)
 */
void sip_tracker_tick(struct sip_tracker *tracker, int64_t now_ns);

/** The input is over: every open call ends with SIP_END_INPUT at now_ns. */
void sip_tracker_finish(struct sip_tracker *tracker, int64_t now_ns);

/** Other time-outs from the next tick on, for calls in progress too. */
void sip_tracker_set_timeouts(struct sip_tracker *tracker, int64_t idle_ns,
			      int64_t setup_ns);

/** Longest state of a call as bytes. */
#define SIP_SAVE_BYTES_MAX 20480

/**
 * The state of one call as bytes, for sip_tracker_restore in another run. Holds
 * who called whom, but no key material, and nothing of INFO bodies. The bytes
 * are sealed against damage under config.hash_key; they are not encrypted.
 *
 * Calls that are over are not saved, nor are responses that came before their
 * INVITE, nor the last sign of life.
 *
 * @param bytes [bytes_max]; SIP_SAVE_BYTES_MAX is always enough
 * @return bytes written (> 0), -ENOENT (no such live call), -ENOBUFS
 * @thread that of the tracker, and not from within its callback
 * @cost no allocation; 400 to 700 bytes for a call of two or three streams
 */
int sip_tracker_save(const struct sip_tracker *tracker, uint64_t call_number,
		     uint8_t *bytes, size_t bytes_max)
	__attribute__((warn_unused_result));

/**
 * Bring a call back: as a call of this tracker, with numbers of its own for
 * the call and its media. Emits SIP_EVENT_CALL, and SIP_EVENT_MEDIA_OPEN for
 * each stream that was open, and nothing else: see call->answer_ns and
 * call->hold for what was told before. All of them bear now_ns, or the time of
 * the call's last event where that is later. The call is alive at now_ns.
 * Whether it goes on, or was over before this run, SIP_EVENT_GOES_ON tells,
 * before what comes of its message. A BYE is no such message, nor are refusals.
 * Counts nothing: neither the call nor its media begins now.
 *
 * @param with number of a call that was restored before, of whose conversation
 *        it is a leg; 0: of none
 * @param now_ns from here on the call has its full time-out
 * @return 0, -EBADMSG (damaged, or contradicts itself), -EPROTO (of another
 *         version, or under another hash_key), -EEXIST (the Call-ID is in
 *         use), -ENOMEM, -ENOSPC (calls_max). After an error nothing happened
 * @cost allocates the call and its streams
 */
int sip_tracker_restore(struct sip_tracker *tracker, const uint8_t *bytes,
			size_t n, uint64_t with, int64_t now_ns)
	__attribute__((warn_unused_result));

/**
 * By which a call that is not saved is known again in another run: a hash of
 * its Call-ID under config.hash_key, which tells nothing to who does not have
 * that.
 */
uint64_t sip_tracker_mark(const struct sip_tracker *tracker,
			  const struct sip_call *call);

const struct sip_counters *
sip_tracker_counters_peek(const struct sip_tracker *tracker);

/** Calls open now; a gauge. */
uint32_t sip_tracker_calls(const struct sip_tracker *tracker);

#endif
