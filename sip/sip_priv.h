/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of this folder share: slices of text, one decoded message,
 * one decoded session description, and the state of a call.
 */
#ifndef SIP_SIP_PRIV_H
#define SIP_SIP_PRIV_H

/* uthash: an element that finds no memory is not added, and its tbl is NULL */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include <string.h>

#include "sip/registrar.h"
#include "sip/sip.h"

/* ---- text.c ------------------------------------------------------------ */

/** A slice, not NUL-terminated; p is NULL when there is nothing. */
struct sip_text {
	const char *p;
	size_t n;
};

#define SIP_TEXT(literal) ((struct sip_text){ (literal), sizeof(literal) - 1 })
/** The bytes of an array. */
#define SIP_BYTES(array) ((struct sip_text){ (const char *)(array), sizeof(array) })

/** Without spaces, tabs, CR and LF at both ends. */
struct sip_text sip__text_trim(struct sip_text text);
/** What stands before the first `c`, or all of it; *rest is what follows. */
struct sip_text sip__text_cut(struct sip_text text, char c,
			      struct sip_text *rest);
/** What begins at a byte of it. @param at at most text.n */
struct sip_text sip__text_from(struct sip_text text, size_t at);
bool sip__text_equal(struct sip_text a, struct sip_text b);
/** ASCII letters compare without case. */
bool sip__text_same(struct sip_text a, struct sip_text b);
bool sip__text_begins(struct sip_text text, struct sip_text with);
/** Is `word` in text, without case? */
bool sip__text_has(struct sip_text text, struct sip_text word);

/**
 * Decimal digits at the start of text.
 *
 * @param value at most UINT32_MAX, also where there are more digits
 * @return digits read; 0 is not a number
 */
size_t sip__text_number(struct sip_text text, uint32_t *value);

/** The next line without its end (LF, CR LF); false at the end of text. */
bool sip__text_line(struct sip_text *text, struct sip_text *line);

/**
 * Copy as valid UTF-8 without control characters; what is neither becomes
 * U+FFFD. Cut between characters where it does not fit.
 *
 * @param out [out_bytes], gets a NUL
 * @return true if all of it fitted
 */
bool sip__text_clean(char *out, size_t out_bytes, struct sip_text text);

/** SipHash-1-3 (Aumasson, Bernstein, 2012). @param key [16] */
uint64_t sip__hash(const uint8_t *key, struct sip_text text);

/* ---- prefilter.c ------------------------------------------------------- */

#define SIP_METHOD_BYTES_MAX 64

/** Is this the first line of a message? @param response or of a request */
bool sip__is_start_line(struct sip_text line, bool *response);

/* ---- stream.c, websocket.c ---------------------------------------------- */

enum sip__mode {
	SIP_MODE_FRESH,   /* nothing is known yet */
	SIP_MODE_MESSAGE, /* between messages, or in the head of one */
	SIP_MODE_BODY,    /* `need` bytes are one message */
	SIP_MODE_OPEN,    /* a body of unknown length */
	SIP_MODE_SEARCH,  /* for the next message */
	SIP_MODE_HTTP,    /* the head of an upgrade to WebSocket */
	SIP_MODE_WEBSOCKET,
	SIP_MODE_WEBSOCKET_SEARCH
};

/** What was found in a head so far. */
enum {
	SIP_HAS_LENGTH = 1,
	SIP_HAS_TYPE = 2,
	SIP_HAS_VIA = 4,
	SIP_HAS_CALL_ID = 8,
	SIP_HAS_CSEQ = 16,
	SIP_HAS_UPGRADE = 32,
	SIP_HAS_LENGTH_BEGUN = 64, /* its value is in the next line */
	SIP_HAS_OTHER_CSEQ = 128,  /* not of this method */
	SIP_HAS_PROTOCOL = 256     /* WebSocket, with SIP in it (RFC 7118) */
};

/** State of a direction. Offsets count from the first byte not consumed. */
struct sip__stream {
	uint8_t mode;
	uint16_t has;    /* WEBSOCKET: a message has begun */
	bool known;      /* there was a message, or an upgrade */
	bool doubt;      /* a head that was searched for */
	bool mid_line;   /* SEARCH: the beginning of the line was dropped */
	uint32_t line;   /* the line, or frame, that is being read */
	uint32_t looked; /* no end of line before this */
	uint32_t length; /* Content-Length */
	uint32_t need;   /* bytes of the whole message */
	uint32_t begins; /* bytes in front of it in its first line */
	uint32_t odd;    /* bytes, or frames, in a row that were no SIP */
	uint64_t skip;   /* bytes to be stepped over */
};

_Static_assert(sizeof(struct sip__stream) <= CAPTURE_TCP_READER_BYTES,
	       "the state of a stream fits where it is kept");

/** A piece being read. */
struct sip__input {
	const struct capture_tcp_piece *piece;
	const struct sip_stream_reader *reader;
	struct sip__stream *s;
	const uint8_t *bytes; /* not consumed */
	uint32_t count;
};

/** What a step of reading came to. */
enum sip__step {
	SIP_STEP_ON,   /* something was consumed, or the mode is another */
	SIP_STEP_WAIT, /* for more */
	SIP_STEP_NOT_SIP
};

void sip__consume(struct sip__input *in, uint32_t n);
void sip__stream_mode(struct sip__stream *s, enum sip__mode mode);
void sip__deliver(struct sip__input *in, const uint8_t *message, uint32_t n,
		  uint32_t missing_bytes);

/** Step over bytes that are no SIP. @return false: enough of them */
bool sip__count_junk(struct sip__input *in, uint32_t n);

enum sip__step sip__websocket_step(struct sip__input *in);
enum sip__step sip__websocket_search(struct sip__input *in);
/** Do these bytes look like a frame of WebSocket with SIP in it? */
bool sip__websocket_begins(const uint8_t *bytes, uint32_t n);

/* ---- scan.c ------------------------------------------------------------ */

/** Headers that matter to a recorder; the first of each that says something. */
enum sip_field {
	SIP_FIELD_CALL_ID,
	SIP_FIELD_CONTACT,
	SIP_FIELD_CONTENT_LENGTH,
	SIP_FIELD_CONTENT_TYPE,
	SIP_FIELD_CSEQ,
	SIP_FIELD_EXPIRES,
	SIP_FIELD_FROM,
	SIP_FIELD_ASSERTED,
	SIP_FIELD_REMOTE_PARTY,
	SIP_FIELD_PREFERRED,
	SIP_FIELD_TO,
	SIP_FIELD_VIA,
	SIP_FIELD_PRIVACY,
	SIP_FIELD_DIVERSION,
	SIP_FIELD_HISTORY,
	SIP_FIELD_REFER_TO,
	SIP_FIELD_REFERRED_BY,
	SIP_FIELD_REPLACES,
	SIP_FIELD_SESSION,
	SIP_FIELD_CHARGING,
	SIP_FIELD_VENDOR, /* any of those that vendors made */
	SIP_FIELD_COUNT
};

/** Longest message that is looked at: a UDP datagram. */
#define SIP_MESSAGE_BYTES_MAX 65535
/** Room for the copy of a head whose line ends grew, and 4 NULs after it. */
#define SIP_HEAD_BYTES (2 * SIP_MESSAGE_BYTES_MAX + 8)

/** The head of a message: copied, unfolded, every line ended by CR LF. */
struct sip_head {
	char *text;
	size_t n; /**< with the empty line; 4 NULs follow */
	struct sip_text method; /**< of a request */
	struct sip_text uri;
	int status; /**< 0: a request */
	struct sip_text field[SIP_FIELD_COUNT];
	struct sip_text body; /**< borrowed from the message, to its end */
	uint32_t headers;
	uint32_t separators;
	size_t line_bytes_longest;
	bool complete; /**< the empty line was there */
	bool regular;  /**< nothing that libosip2 is known to get wrong */
};

struct sip_address {
	struct sip_text display; /**< as sent, with quotes */
	struct sip_text user;
	struct sip_text host;
	struct sip_text tag;
	bool escaped; /**< user still has its %41 */
};

enum sip_method {
	SIP_METHOD_OTHER,
	SIP_METHOD_INVITE,
	SIP_METHOD_ACK,
	SIP_METHOD_BYE,
	SIP_METHOD_CANCEL,
	SIP_METHOD_PRACK,
	SIP_METHOD_UPDATE,
	SIP_METHOD_REFER,
	SIP_METHOD_NOTIFY,
	SIP_METHOD_INFO,
	SIP_METHOD_REGISTER
};

/** A dialog, as another message names it. The tags may be "". */
struct sip_dialog_id {
	char call_id[SIP_CALL_ID_BYTES]; /**< "": none is named */
	char to_tag[SIP_TAG_BYTES];
	char from_tag[SIP_TAG_BYTES];
};

/** Numbers that a call was diverted from, the first ones. */
#define SIP_DIVERTED_MAX 4

/**
 * What a message says of other dialogs, and of who else has part in the call.
 * See related.c.
 */
struct sip_related {
	struct sip_dialog_id replaces;  /**< INVITE: Replaces (RFC 3891);
					     REFER: the same in its Refer-To */
	struct sip_address refer_to;    /**< RFC 3515 */
	struct sip_address referred_by; /**< RFC 3892 */
	struct sip_address diverted[SIP_DIVERTED_MAX]; /**< RFC 5806, 7044 */
	uint32_t diverted_count;
	struct sip_text session;    /**< RFC 7989: of the sender */
	struct sip_text charging;   /**< icid-value of RFC 7315 */
	struct sip_text vendor;     /**< id of a call in the words of a vendor;
				     *   of ids, those that may be only one's */
	bool withheld; /**< Privacy (RFC 3323), or that of Remote-Party-ID: who
			*   sent it is not to be shown */
	int fragment;  /**< status in a message/sipfrag (RFC 3420), or 0 */
};

/** How a message was read. */
enum sip_reading { SIP_READ, SIP_READ_FALLBACK, SIP_READ_OVER_LIMIT };

/** One message. Slices live until the parser reads the next. */
struct sip_msg {
	int status;             /**< 0: a request */
	enum sip_method method; /**< of a response: that of its CSeq */
	uint32_t cseq;
	struct sip_text call_id;
	struct sip_text branch; /**< of the topmost Via */
	struct sip_address uri; /**< Request-URI */
	struct sip_address from;
	struct sip_address to;
	struct sip_address contact;
	struct sip_address asserted; /**< P-Asserted-Identity, or else
					  Remote-Party-ID of the sender */
	struct sip_text content_type;
	struct sip_text body;
	struct sip_text sdp; /**< the part of the body that is SDP */
	struct sip_related related;
	bool cut;            /**< the body is shorter than it was */
	enum sip_reading reading;
	const struct sip_head *head; /**< for headers that are lists */
};

/**
 * Copy the head of a message and find its fields.
 *
 * @param copy [SIP_HEAD_BYTES]
 * @return 0, or -EBADMSG: the first line is not one of SIP, or has a status
 *         that there is not
 * @cost linear
 */
int sip__head_read(struct sip_head *head, char *copy, struct sip_text message)
	__attribute__((warn_unused_result));

/** Fill a message from its head, forgiving whatever can be. @cost linear
 * @return 0, or -EBADMSG: no Call-ID, or no CSeq */
int sip__scan(struct sip_msg *msg, const struct sip_head *head);

/** Fill what libosip2 leaves as text: asserted identity, body, SDP. */
void sip__scan_rest(struct sip_msg *msg, const struct sip_head *head,
		    size_t missing_bytes);

/** From, To, Contact and the like: name-addr or addr-spec, and a tag. */
void sip__scan_address(struct sip_address *address, struct sip_text value);

/**
 * The lines of one header, one after the other.
 *
 * @param at {NULL, 0} at first
 * @return false: there is no other
 */
bool sip__head_next(const struct sip_head *head, enum sip_field field,
		    struct sip_text *at, struct sip_text *value);

/** "sip:user:password@host:port;params", "tel:number;params" and others. */
void sip__scan_uri(struct sip_address *address, struct sip_text uri);

/** Where an unquoted `c` is in text; text.n if nowhere. */
size_t sip__find_unquoted(struct sip_text text, char c);

/**
 * One element of a comma-separated header.
 *
 * @param text becomes what follows
 * @return false: there is none
 */
bool sip__next_element(struct sip_text *text, struct sip_text *element);

/** The value of parameter `name` in ";a=1;b=2"; NULL without it. */
struct sip_text sip__parameter(struct sip_text text, struct sip_text name);

enum sip_method sip__method(struct sip_text name);

/* ---- related.c --------------------------------------------------------- */

/** @param msg all of it but this is read already */
void sip__related_read(struct sip_related *related, const struct sip_head *head,
		       const struct sip_msg *msg);

/* ---- msg.c ------------------------------------------------------------- */

struct sip_parser;

/** @param config of a tracker, its defaults filled in. @return 0, -ENOMEM */
int sip__parser_new(struct sip_parser **parser, const struct sip_config *config)
	__attribute__((warn_unused_result));
void sip__parser_free(struct sip_parser **parser);

/**
 * Read one message.
 *
 * @return 0 or -EBADMSG
 * @thread one at a time per parser
 * @cost no allocation; 3 us for an INVITE by libosip2, 1 us by the scan
 */
int sip__msg_parse(struct sip_parser *parser, struct sip_msg *msg,
		   struct sip_text message, size_t missing_bytes)
	__attribute__((warn_unused_result));

/* ---- crypto.c ---------------------------------------------------------- */

/** @param a, b NULL: no keys */
bool sip__crypto_same(const struct sip_crypto_list *a,
		      const struct sip_crypto_list *b);

/* ---- sdp.c ------------------------------------------------------------- */

/** Audio streams kept of one session description. */
#define SIP_AUDIO_MAX 8

struct sip_sdp {
	uint32_t count; /**< streams with an address and a port */
	struct sip_media audio[SIP_AUDIO_MAX];
	bool directed; /**< there is audio, so `direction` means something */
	enum sip_direction direction; /**< of all audio; 0.0.0.0 is a hold */
	uint32_t no_address; /**< streams left out: c= is a name or missing */
	bool cut;            /**< more streams, formats or keys than are kept */
	struct sip_crypto_list crypto[SIP_AUDIO_MAX]; /**< what `audio` has;
						       * see sip__sdp_wipe */
};

/** Its keys are not needed any more. Before it is filled again, too. */
void sip__sdp_wipe(struct sip_sdp *sdp);

/**
 * Keep the parameters of a format of this stream that has none yet.
 *
 * @return false: there is no room for them
 */
bool sip__parameters_keep(struct sip_media *media, struct sip_format *format,
			  const char *text);

/**
 * Keep the parameters of a format of this stream that has none yet.
 *
 * @return false: there is no room for them
 */
bool sip__parameters_keep(struct sip_media *media, struct sip_format *format,
			  const char *text);

/**
 * @param text may end in mid-line
 * @param cut the end of text is missing: an unfinished last line is ignored
 * @return 0, or -EBADMSG: this is no session description
 * @cost linear, no allocation
 */
int sip__sdp_parse(struct sip_sdp *sdp, struct sip_text text, bool cut)
	__attribute__((warn_unused_result));

/* ---- identity.c -------------------------------------------------------- */

/** %41 -> A (RFC 3261 section 19.1.2). @return length, at most out_bytes */
size_t sip__unescape(char *out, size_t out_bytes, struct sip_text text);

/** Does an address hide who it is (RFC 3323 section 4.1.1.3)? */
bool sip__is_anonymous(const struct sip_address *address);

/** Does a user tell who it is? Not what gateways say where they do not know. */
bool sip__is_named(const char *user);

/** Fill from an address. @return false: a part did not fit and was cut */
bool sip__identity_set(struct sip_identity *identity,
		       const struct sip_address *address);

/**
 * Improve by an identity that the network asserts (RFC 3325): its user and
 * host count; a name is kept where it has none; anonymous stays anonymous.
 */
bool sip__identity_assert(struct sip_identity *identity,
			  const struct sip_address *address);

/** Somebody else is called now; who was called is one of the others. @return
 * false: it is the same one */
bool sip__identity_redirect(struct sip_call *call,
			    const struct sip_address *to);

/** One more who has part in a call, unless he is known. @return false: there
 * is no room */
bool sip__identity_other(struct sip_call *call, const char *user);

/** Others who have part in a call, by its INVITE: who is called now, what the
 * caller says he is, who it was diverted from. @return false: some were cut, or
 * left out */
bool sip__identity_others(struct sip_call *call, const struct sip_msg *msg);

/* ---- register.c, registrar.c -------------------------------------------- */

/** Contacts read of one message, and kept of one address-of-record. */
#define SIP_CONTACTS_MAX 16

/** An element of a Contact header. */
struct sip_contact {
	char text[SIP_CONTACT_BYTES]; /**< as in struct sip_registration */
	struct capture_endpoint at;   /**< port 0: its host is a name */
	bool expires;                 /**< it says so itself */
	uint32_t expires_s;
};

/** A REGISTER, or a response to one. */
struct sip_register {
	char user[SIP_USER_BYTES]; /**< of the address-of-record */
	char host[SIP_HOST_BYTES];
	uint32_t hops;    /**< Via headers: 1 is from, or to, who registers */
	bool all;         /**< "Contact: *" */
	bool expires;     /**< there is an Expires header */
	uint32_t expires_s;
	uint32_t count;
	uint32_t left_out; /**< contacts: too many, or too long */
	struct sip_contact contact[SIP_CONTACTS_MAX];
};

/** RFC 3261 section 10.2.1.1: for so long, if nothing else is said. */
#define SIP_EXPIRES_DEFAULT_S 3600

/**
 * Read what a message registers.
 *
 * @param msg a REGISTER, or a response to one
 * @return false: it names nobody, or somebody whose name is too long
 */
bool sip__register_read(struct sip_register *reg, const struct sip_msg *msg);

struct sip_turn;

/**
 * @param config of a tracker, its defaults filled in; as long as this lives
 * @param counters likewise
 * @return 0, -ENOMEM
 */
int sip__registrar_new(struct sip_registrar **registrar,
		       const struct sip_config *config,
		       struct sip_counters *counters)
	__attribute__((warn_unused_result));
void sip__registrar_free(struct sip_registrar **registrar);
/** @param turn msg, src, dst and time_ns of it. @cost of a 2xx O(contacts) */
void sip__registrar_input(struct sip_registrar *registrar,
			  const struct sip_turn *turn);
/** What is over by now goes. @cost O(log n) for each that does */
void sip__registrar_tick(struct sip_registrar *registrar, int64_t now_ns);

/* ---- calls: tracker.c, call.c, dialog.c, key.c, legs.c, link.c, save.c --- */

/* What is added to the state of a call belongs into save.c too. */

#define SIP_STREAMS_MAX  16 /**< open at once in a call */
#define SIP_LEGS_MAX     4  /**< answered forks of a call */
#define SIP_BRANCHES_MAX 8  /**< INVITE transactions before the answer */
#define SIP_SEEN_MAX     32 /**< messages remembered as seen, per call */

/**
 * By what calls are linked. A key is the keyed hash of what it stands for, and
 * of its type.
 */
enum sip_key_type {
	SIP_KEY_SESSION,
	SIP_KEY_CHARGING,
	SIP_KEY_VENDOR,
	SIP_KEY_NUMBERS, /**< a switch is called by somebody for somebody */
	SIP_KEY_PEER,    /**< an address from which somebody talks to somebody */
	SIP_KEYS_COUNT,  /**< so many each call has from its beginning */
	SIP_KEY_MEDIA = SIP_KEYS_COUNT, /**< where media is received */
	SIP_KEY_SELF,    /**< an address, and who talks there */
	SIP_KEY_TARGET   /**< somebody is to be called instead */
};

struct sip_call_state;
struct sip_slot;

/** A call is found by this, or a registration. All zeros: it is not. */
struct sip_key {
	uint64_t hash; /**< 0: none */
	struct sip_key *prev, *next; /**< of those with the same hash */
	struct sip_slot *slot;
	struct sip_call_state *call;
	enum sip_party party;
};

/** All keys of one hash, the newest first. */
struct sip_slot {
	UT_hash_handle hh;
	uint64_t hash;
	struct sip_key *first;
};

/** Somebody was asked to call somebody, by REFER or by a redirection. */
struct sip_refer {
	bool open;
	bool redirect;
	enum sip_party by;  /**< who asked: the other is to call */
	uint64_t replaces;  /**< number of the call that is to end for it */
	uint64_t made; /**< number of the call that was made for it, or 0 */
	uint64_t anchor; /**< number of a leg that goes on after this one's end */
	int64_t until_ns;
	struct sip_key key;
};

/** Media that is valid now; in order of opening. */
struct sip_stream {
	struct sip_stream *prev, *next;
	struct sip_media media; /**< its keys are a copy, this one's own */
	uint64_t tag;     /**< hash: of the dialog end that declared it */
	uint64_t txn;     /**< transaction that declared it last */
	uint8_t hop[16];  /**< address it was declared from last */
	uint32_t applied; /**< number of the SDP that declared it last */
	bool pending;     /**< offered in mid-call, not answered yet */
	struct sip_key key;
};

/** The offer that waits for its answer. */
struct sip_offer {
	bool open;
	uint64_t txn;
	uint64_t tag;
	enum sip_party party;
	bool directed;
	enum sip_direction direction;
	bool answer_directed; /**< by a provisional response */
	enum sip_direction answer_direction;
	struct capture_endpoint src; /**< who sent it, on the first hop */
};

/** INFO of a party that told of keys, the latest. Of no use after a restart: it
 * is not saved. */
#define SIP_INFO_MAX 8
struct sip_info {
	uint32_t count; /**< so far */
	uint32_t txn[SIP_INFO_MAX]; /**< half of the hash: calls are kept small */
	bool challenged; /**< the last one */
};

/** Headers of a call that were told, the latest. Of no use after a restart
 * either. */
#define SIP_TOLD_MAX 16
struct sip_told {
	uint32_t count; /**< so far */
	uint32_t what[SIP_TOLD_MAX]; /**< half of a hash */
};

/** A callee that answered. */
struct sip_leg {
	uint64_t tag;
	bool gone; /**< ... and hung up, while others talk on */
};

/** An INVITE transaction before the call is answered. */
struct sip_branch {
	uint64_t branch;
	uint64_t tag;
	uint32_t cseq;
	bool refused;
};

/** Which list of the tracker a call waits in; each has one time-out. */
enum sip_wait {
	SIP_WAIT_SETUP,   /**< for a telephone to ring, or an answer */
	SIP_WAIT_RETRY,   /**< challenged or cancelled: for what follows */
	SIP_WAIT_TALKING, /**< for the BYE */
	SIP_WAIT_HOLDING, /**< likewise; silence is no sign of death */
	SIP_WAIT_RINGING, /**< for an answer; after the others: it is saved */
	SIP_WAIT_GONE,    /**< ended: for retransmissions to die away */
	SIP_WAIT_COUNT
};

struct sip_call_state {
	struct sip_call pub;
	struct sip_tracker *tracker;
	UT_hash_handle by_id;
	UT_hash_handle by_number;
	struct sip_call_state *prev, *next; /**< in its waiting list */
	enum sip_wait wait;
	int64_t alive_ns; /**< last sign of life */
	int64_t clock_ns; /**< time of the last event: never runs back */
	bool doubtful;    /**< restored, and may have been over since */

	uint64_t caller_tags[SIP_LEGS_MAX];
	struct sip_leg legs[SIP_LEGS_MAX];
	struct sip_branch branches[SIP_BRANCHES_MAX];
	uint64_t seen[SIP_SEEN_MAX];
	uint64_t asserted_txn[2];
	uint32_t caller_tags_count;
	uint32_t legs_count;
	uint32_t branches_count;
	uint32_t seen_count;
	bool ringing;
	int retry_status;  /**< of the challenge; 0: cancelled */
	int64_t retry_ns;  /**< when it was challenged or cancelled */

	struct sip_stream *streams;
	uint32_t streams_count;
	uint32_t applied;
	struct sip_offer offer;
	uint64_t answered_txn; /**< whose offer was answered last */
	bool agreed;           /**< an offer was answered */
	enum sip_direction declared[2];
	struct sip_info info[2]; /**< [party] */
	struct sip_told *told_headers; /**< NULL: none was told yet */

	/* link.c */
	struct sip_call_state *leg_prev, *leg_next; /**< of the conversation,
						     *   in a circle */
	struct sip_key ids[SIP_KEYS_COUNT]; /**< by type */
	struct sip_key peer;      /**< SIP_KEY_PEER of the callee */
	struct sip_key self[2]; /**< SIP_KEY_SELF, [party] */
	struct sip_refer refer;   /**< the last one */
	uint64_t consulted; /**< number of the call whose REFER ends this one */
	bool told;     /**< its CALL was emitted, its END was not */
};

/** A response that came before its INVITE; see tracker.c. */
#define SIP_EARLY_MAX       16
#define SIP_EARLY_BYTES_MAX 8192
struct sip_early {
	uint64_t call; /**< hash of the Call-ID */
	int64_t time_ns;
	struct capture_endpoint src, dst;
	size_t missing_bytes;
	size_t n;
	uint8_t *bytes;
};

/** Names of headers that are waited for. */
struct sip_watch {
	uint32_t count;
	uint32_t name_bytes[SIP_WATCH_MAX];
	char name[SIP_WATCH_MAX][SIP_HEADER_NAME_BYTES];
};

struct sip_tracker {
	struct sip_config config;
	struct sip_watch watch;
	sip_event_fn fn;
	void *ctx;
	struct sip_parser *parser;
	struct sip_counters counters;
	struct sip_msg msg;
	struct sip_sdp sdp;
	struct sip_call_state *calls;   /**< by Call-ID, in order of number */
	struct sip_call_state *numbers; /**< by number, those that live */
	struct sip_call_state *waiting[SIP_WAIT_COUNT];
	struct sip_slot *slots; /**< by hash */
	struct sip_registrar *registrar;
	uint64_t last_call;
	uint64_t last_media;
	struct sip_early early[SIP_EARLY_MAX];
	uint32_t early_next;
};

/** One message in the light of its call. */
struct sip_turn {
	const struct sip_msg *msg;
	const struct capture_endpoint *src;
	const struct capture_endpoint *dst;
	int64_t time_ns;
	enum sip_party party; /**< who sent it */
	uint64_t tag;         /**< hash of the tag of who sent it */
	uint64_t peer_tag;    /**< ... and of the other */
	uint64_t txn;         /**< hash of who asked, and CSeq number */
};

/** The first byte of a saved call; and what the key is checked by. */
#define SIP_SAVE_VERSION   3
#define SIP_SAVE_KEY_CHECK SIP_TEXT("spanrec: the state of a call")

/* tracker.c */
void sip__emit(struct sip_call_state *call, struct sip_event event);
void sip__call_wait(struct sip_call_state *call, enum sip_wait wait);
/** @return NULL: no call of this number lives */
struct sip_call_state *sip__call_find(const struct sip_tracker *tracker,
				      uint64_t number);
/**
 * Make a call that was restored one of its tracker's: a number, its place in
 * the maps and in the list that it waits in. Nothing is emitted.
 *
 * @return 0, -EEXIST, -ENOSPC, -ENOMEM
 */
int sip__call_adopt(struct sip_call_state *call);
uint64_t sip__tracker_hash(const struct sip_tracker *tracker,
			   struct sip_text text);

/** By Call-ID, as it is kept. @return NULL: there is none, nor one that is
 * over and remembered */
struct sip_call_state *sip__call_find_id(const struct sip_tracker *tracker,
					 const char *call_id);

/* call.c */
/** A new call from its INVITE: identities, and SIP_EVENT_CALL. */
void sip__call_begin(struct sip_call_state *call, const struct sip_msg *msg,
		     const struct capture_endpoint *src,
		     const struct capture_endpoint *dst, int64_t time_ns);
/** Not the first time, and noted. @return was it seen? */
bool sip__call_seen(struct sip_call_state *call, const struct sip_msg *msg,
		    const struct capture_endpoint *src);
void sip__call_input(struct sip_call_state *call, struct sip_turn *turn);
/** A message that has no part in the call: only its headers may count. */
void sip__call_beside(struct sip_call_state *call, struct sip_turn *turn);
/** It ends, and with the last leg of a conversation those that were refused and
 * not tried again. */
void sip__call_end(struct sip_call_state *call, struct sip_event end);
/** Of a call that was refused or cancelled: it ended then. */
void sip__call_give_up(struct sip_call_state *call);

/* dialog.c */
/** Offers, answers and refusals in a message. */
void sip__dialog_input(struct sip_call_state *call,
		       const struct sip_turn *turn);
/** A callee answered: media of forks that did not is over. */
void sip__dialog_confirm(struct sip_call_state *call,
			 const struct sip_turn *turn);
/** A leg hung up. @return other answered legs go on */
bool sip__dialog_leave(struct sip_call_state *call, uint64_t tag,
		       int64_t time_ns);
/** Close all media. */
void sip__dialog_end(struct sip_call_state *call, int64_t time_ns);
/** Close all media, to open it again in another conversation. */
void sip__dialog_suspend(struct sip_call_state *call, int64_t time_ns);
/** Number all media anew, and open it: of a call that was restored, or moved. */
void sip__dialog_reopen(struct sip_call_state *call, int64_t time_ns);
/** Free all media without a word. */
void sip__dialog_drop(struct sip_call_state *call);

/* ---- watch.c ----------------------------------------------------------- */

/** A message of a call: are there headers that are waited for? Those that were
 * told of it already are not told again. */
void sip__watch_message(struct sip_call_state *call,
			const struct sip_turn *turn);

/* info.c */
/** INFO, and responses to it. */
void sip__info_input(struct sip_call_state *call, const struct sip_turn *turn);

/* key.c */
/** A key with its hash joins those of the same in a map. Out of memory it does
 * not, and its slot is NULL. */
void sip__slot_enter(struct sip_slot **slots, struct sip_key *key);
/** It leaves them, if it was there. */
void sip__slot_leave(struct sip_slot **slots, struct sip_key *key);
/** The newest with this hash; see key->next. */
struct sip_key *sip__slot_first(struct sip_slot *slots, uint64_t hash);

/** The call is found by this hash from now on (0: not). Out of memory it is
 * not. */
void sip__key_set(struct sip_call_state *call, struct sip_key *key,
		  uint64_t hash, enum sip_party party);
/** It is not any more. */
void sip__key_drop(struct sip_key *key);
/** The newest with this hash; see key->next. */
const struct sip_key *sip__key_first(const struct sip_tracker *tracker,
				     uint64_t hash);

/* legs.c */
static inline bool
sip__same_host(const struct capture_endpoint *a,
	       const struct capture_endpoint *b)
{
	return memcmp(a->addr, b->addr, sizeof(a->addr)) == 0;
}

static inline enum sip_party
sip__other(enum sip_party party)
{
	return party == SIP_CALLER ? SIP_CALLEE : SIP_CALLER;
}

/** Does it go on, and do others know of it? */
bool sip__call_lives(const struct sip_call_state *call);
/** Are both seen between the same two hosts, the same way round? Then neither
 * calls on for the other. */
bool sip__same_way(const struct sip_call *a, const struct sip_call *b);
/** A conversation of its own. It is a leg of none yet. */
void sip__leg_alone(struct sip_call_state *call);
/** @param crossed its caller stands at the end of the callee */
void sip__leg_join(struct sip_call_state *call, struct sip_call_state *with,
		   bool crossed);
void sip__leg_leave(struct sip_call_state *call);
bool sip__leg_has_others(const struct sip_call_state *call);
/** Would it be crossed as a leg of this conversation? */
bool sip__leg_crossed(const struct sip_call_state *call,
		      const struct sip_call_state *with);
/**
 * All legs of a call's conversation become legs of another.
 *
 * @param but this one does not, for it ends with a transfer; or NULL
 * @param turned the ends of the one are the other way round in the other
 */
void sip__legs_move(struct sip_call_state *call,
		    const struct sip_call_state *but,
		    struct sip_call_state *with, bool turned,
		    struct sip_link link, int64_t time_ns);

/* link.c */
/**
 * A call begins: what has it to do with others? Settles conversation and
 * crossed; from now on others may find it.
 *
 * @param turn its INVITE
 * @return true: *link is filled
 */
bool sip__link_begin(struct sip_call_state *call, const struct sip_turn *turn,
		     struct sip_link *link);
/** A call is one of the conversation `with`, or of its own (0). */
void sip__link_restore(struct sip_call_state *call, uint64_t with);
/** REFER, NOTIFY, and responses to them. */
void sip__link_message(struct sip_call_state *call, const struct sip_turn *turn);
/** A 3xx to its INVITE named somebody else. */
void sip__link_redirected(struct sip_call_state *call,
			  const struct sip_turn *turn);
/** A description was applied: is its media another conversation's too? */
void sip__link_described(struct sip_call_state *call,
			 const struct sip_turn *turn);
/** A stream is valid, or not any more. */
void sip__link_stream(struct sip_call_state *call, struct sip_stream *stream,
		      bool open);
/** A party is seen here: who begins a call, or holds. */
void sip__link_self(struct sip_call_state *call, enum sip_party party,
		    const struct capture_endpoint *at);
/** Somebody hung up: what is left of a transfer may go on elsewhere. */
void sip__link_left(struct sip_call_state *call, int64_t time_ns);
/** A call is over: it is a leg no longer, and found only by its Call-ID, and by
 * who it asked to call somebody. Again without effect. */
void sip__link_drop(struct sip_call_state *call);
/** Before it is freed. */
void sip__link_forget(struct sip_call_state *call);

#endif
