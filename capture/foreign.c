/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See foreign.h. Each rule asks for so much that ordinary traffic and random
 * bytes are not taken for it; the first byte tells most of them apart:
 *
 *   0x16          TLS or DTLS handshake        0x17   TLS, in its middle
 *   0x03          TPKT                         'H'    HTTP response
 *   letters       MGCP                         else   SCCP, RAS: by port too
 */
#include "capture/foreign.h"

#include <stdbool.h>
#include <strings.h>

#include "capture/rd.h"

enum {
	PORT_SIP_TLS = 5061, /* RFC 3261 section 18.1 */
	PORT_SCCP = 2000,
	PORT_RAS = 1719,          /* H.225.0 */
	PORT_H225 = 1720,         /* H.225.0, call signalling */
	PORT_MGCP_GATEWAY = 2427, /* RFC 3435 section 3.1 */
	PORT_MGCP_AGENT = 2727
};

static const struct {
	const char *name, *unit, *text;
} kinds[CAPTURE_FOREIGN_COUNT] = {
#define X(name, unit, text) { #name, unit, text },
	CAPTURE_FOREIGN_KINDS(X)
#undef X
};

const char *
capture_foreign_name(enum capture_foreign kind)
{
	return kinds[kind].name;
}

int
capture_foreign_kind(const char *name)
{
	int kind;

	for (kind = 0; kind < CAPTURE_FOREIGN_COUNT; kind++)
		if (strcmp(kinds[kind].name, name) == 0)
			return kind;
	return -1;
}

const char *
capture_foreign_text(enum capture_foreign kind)
{
	return kinds[kind].text;
}

const char *
capture_foreign_unit(enum capture_foreign kind)
{
	return kinds[kind].unit;
}

/* ---- text ---------------------------------------------------------------- */

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Take this word, in letters of either size, if it is next. */
static bool
take_word(struct capture_rd *rd, const char *word)
{
	size_t n = strlen(word);

	return capture_rd_left(rd) >= n &&
	       strncasecmp((const char *)rd->p, word, n) == 0 &&
	       capture_rd_take(rd, n);
}

/* @return how many there were */
static size_t
skip_spaces(struct capture_rd *rd)
{
	size_t n = 0;

	for (; capture_rd_left(rd) && is_space(*rd->p); n++)
		capture_rd_u8(rd);
	return n;
}

/* The rest of a line, without its end. @return failed: there is no end of it */
static struct capture_rd
take_line(struct capture_rd *rd)
{
	const uint8_t *begin = rd->p;
	size_t left = capture_rd_left(rd), n;
	const uint8_t *end = left ? memchr(begin, '\n', left) : NULL;

	if (!end)
		return (struct capture_rd){ .failed = true };
	n = (size_t)(end - begin);
	capture_rd_take(rd, n + 1);
	if (n && begin[n - 1] == '\r')
		n--;
	return capture_rd_init(begin, n);
}

/* ---- TLS and DTLS -------------------------------------------------------- */

enum {
	RECORD_HEAD_BYTES = 5,
	RECORD_FIRST = 0x14, /* of the types that there are */
	RECORD_HANDSHAKE = 0x16,
	RECORD_DATA = 0x17,
	RECORD_BYTES_MAX = (1 << 14) + 2048, /* RFC 5246 section 6.2.3 */
	CLIENT_HELLO = 1,
	RANDOM_BYTES = 32,
	SESSION_ID_BYTES_MAX = 32,
	EXTENSION_USE_SRTP = 14, /* RFC 5764 section 4.1.1 */
	EXTENSION_ALPN = 16      /* RFC 7301 section 3.1 */
};

/* Step over an opaque<..> with a length of 8 or of 16 bits. @return its bytes
 */
static struct capture_rd
split_u8(struct capture_rd *rd)
{
	return capture_rd_split(rd, capture_rd_u8(rd));
}

static struct capture_rd
split_u16(struct capture_rd *rd)
{
	return capture_rd_split(rd, capture_rd_u16(rd));
}

static uint32_t
read_u24(struct capture_rd *rd)
{
	uint32_t high = capture_rd_u8(rd);

	return high << 16 | capture_rd_u16(rd);
}

/*
 * The body of a ClientHello (RFC 8446 section 4.1.2, RFC 9147 section 5.3):
 *
 *   | version 2 | random 32 | session id <0..32> | DTLS: cookie <0..255> |
 *   | cipher suites <2..2^16-2> | compression <1..255> | extensions <..2^16> |
 *
 * @return that it is sound as far as it is there. What is behind is left to
 * read: extensions, without their length
 */
static bool
read_hello(struct capture_rd *rd, bool datagram)
{
	struct capture_rd session, cookie, suites, compression;
	uint16_t version = capture_rd_u16(rd);

	capture_rd_take(rd, RANDOM_BYTES);
	session = split_u8(rd);
	if (datagram)
		cookie = split_u8(rd);
	else
		cookie = session;
	suites = split_u16(rd);
	compression = split_u8(rd);
	capture_rd_limit(rd, capture_rd_u16(rd));
	if (rd->failed || cookie.failed)
		return false;
	if (datagram ? version != 0xfeff && version != 0xfefd
		     : version < 0x0301 || version > 0x0303)
		return false;
	return capture_rd_left(&session) <= SESSION_ID_BYTES_MAX &&
	       capture_rd_left(&suites) >= 2 &&
	       capture_rd_left(&suites) % 2 == 0 &&
	       capture_rd_left(&compression) >= 1;
}

/* @return the extension; failed: it is not there, or not whole */
static struct capture_rd
find_extension(struct capture_rd *rd, uint16_t wanted)
{
	struct capture_rd extension;
	uint16_t type;

	while (!rd->failed) {
		type = capture_rd_u16(rd);
		extension = split_u16(rd);
		if (type == wanted && !extension.failed)
			return extension;
	}
	return (struct capture_rd){ .failed = true };
}

/* ALPN: | list <2..2^16-1> of names <1..255> |; "sip/2" is registered with
 * IANA, "sip" is met with too. */
static bool
speaks_sip(struct capture_rd alpn)
{
	struct capture_rd names = split_u16(&alpn), name;

	while (!names.failed && capture_rd_left(&names)) {
		name = split_u8(&names);
		if (take_word(&name, "sip") &&
		    (!capture_rd_left(&name) || take_word(&name, "/2")) &&
		    !capture_rd_left(&name))
			return true;
	}
	return false;
}

/* | type 1 | version 2 | length 2 | (RFC 8446 section 5.1). @return length;
 * 0: it is none */
static uint16_t
read_record(struct capture_rd *rd, uint8_t type)
{
	bool right = capture_rd_u8(rd) == type;
	uint16_t version = capture_rd_u16(rd);
	uint16_t bytes = capture_rd_u16(rd);

	if (rd->failed || !right || version < 0x0301 || version > 0x0303 ||
	    bytes > RECORD_BYTES_MAX)
		return 0;
	return bytes;
}

/*
 * A ClientHello is SIP's by its port or by its ALPN. On the port of SIP it may
 * end anywhere behind its version.
 */
static bool
is_sip_tls(const uint8_t *bytes, size_t n, bool port)
{
	struct capture_rd rd = capture_rd_init(bytes, n), hello;
	uint32_t record_bytes = read_record(&rd, RECORD_HANDSHAKE);
	bool begins = capture_rd_u8(&rd) == CLIENT_HELLO;
	uint32_t hello_bytes = read_u24(&rd);
	uint16_t version;

	if (rd.failed || !record_bytes || !begins || hello_bytes < 40 ||
	    hello_bytes > RECORD_BYTES_MAX)
		return false;
	capture_rd_limit(&rd, hello_bytes);
	hello = rd;
	version = capture_rd_u16(&rd);
	if (port)
		return !rd.failed && version >= 0x0301 && version <= 0x0303;
	return read_hello(&hello, false) &&
	       speaks_sip(find_extension(&hello, EXTENSION_ALPN));
}

/*
 * A session that was there before the recorder: a record of data on the port
 * of SIP, with as much of another behind it as there is. Phones hold theirs
 * for days.
 */
static bool
is_sip_tls_data(const uint8_t *bytes, size_t n, bool port)
{
	struct capture_rd rd = capture_rd_init(bytes, n);
	uint32_t record_bytes = read_record(&rd, RECORD_DATA);

	if (!port || !record_bytes)
		return false;
	if (capture_rd_left(&rd) <= record_bytes)
		return true;
	capture_rd_take(&rd, record_bytes);
	return capture_rd_left(&rd) < RECORD_HEAD_BYTES ||
	       (*rd.p >= RECORD_FIRST && *rd.p <= RECORD_DATA &&
		read_record(&rd, *rd.p));
}

/*
 * DTLS record and handshake header (RFC 6347 section 4):
 *
 *   | type 1 | version 2 | epoch 2 | sequence 6 | length 2 |
 *   | msg type 1 | length 3 | msg seq 2 | fragment offset 3, length 3 |
 *
 * Only what offers SRTP keys is telephony (RFC 5764 section 4.1); without it
 * is a VPN. The extension is looked for in the first fragment.
 */
static bool
is_dtls_srtp(const uint8_t *bytes, size_t n)
{
	struct capture_rd rd = capture_rd_init(bytes, n), fragment, srtp, list;
	bool begins = capture_rd_u8(&rd) == RECORD_HANDSHAKE;
	uint16_t version = capture_rd_u16(&rd);
	uint16_t epoch = capture_rd_u16(&rd);
	uint32_t hello_bytes, offset, fragment_bytes;

	capture_rd_take(&rd, 6);
	capture_rd_limit(&rd, capture_rd_u16(&rd));
	begins = begins && capture_rd_u8(&rd) == CLIENT_HELLO;
	hello_bytes = read_u24(&rd);
	capture_rd_u16(&rd);
	offset = read_u24(&rd);
	fragment_bytes = read_u24(&rd);
	if (rd.failed || !begins || epoch != 0 || offset != 0 ||
	    fragment_bytes > hello_bytes ||
	    (version != 0xfeff && version != 0xfefd && version != 0xfefc))
		return false;
	fragment = rd;
	capture_rd_limit(&fragment, fragment_bytes);
	if (!read_hello(&fragment, true))
		return false;
	srtp = find_extension(&fragment, EXTENSION_USE_SRTP);
	list = split_u16(&srtp);
	return !list.failed && capture_rd_left(&list) >= 2 &&
	       capture_rd_left(&list) % 2 == 0;
}

/* ---- SCCP ---------------------------------------------------------------- */

enum { SCCP_BYTES_MIN = 4, SCCP_BYTES_MAX = 2048, SCCP_VERSION_MAX = 0x16 };

static uint32_t
read_u32_little(struct capture_rd *rd)
{
	return __builtin_bswap32(capture_rd_u32(rd));
}

/* Messages of Cisco's that are known, first and last of each row of them: of
 * a phone, then of a call manager. */
static bool
is_sccp_message(uint32_t id)
{
	static const uint16_t rows[][2] = {
		{ 0x0000, 0x0012 }, { 0x0020, 0x0042 }, { 0x0081, 0x0083 },
		{ 0x0085, 0x009f }, { 0x0100, 0x0109 }, { 0x0110, 0x014a },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (id >= rows[i][0] && id <= rows[i][1])
			return true;
	return false;
}

/*
 * No RFC: Cisco's own, as Wireshark's dissector "skinny" reads it. All little
 * endian; the length is that of the message id and what follows it:
 *
 *   | length 4 | version 4, 0 in old ones | message id 4 | ...
 */
static bool
is_sccp(const uint8_t *bytes, size_t n, bool port)
{
	struct capture_rd rd = capture_rd_init(bytes, n);
	uint32_t message_bytes = read_u32_little(&rd);
	uint32_t version = read_u32_little(&rd);
	uint32_t id = read_u32_little(&rd);

	return port && !rd.failed && message_bytes >= SCCP_BYTES_MIN &&
	       message_bytes <= SCCP_BYTES_MAX && version <= SCCP_VERSION_MAX &&
	       is_sccp_message(id);
}

/* ---- H.323 --------------------------------------------------------------- */

/* Q.931 table 4-2, as far as H.225.0 table 4 has them. */
static bool
is_q931_message(uint8_t type)
{
	static const uint8_t types[] = {
		0x01, /* Alerting */
		0x02, /* Call Proceeding */
		0x03, /* Progress */
		0x05, /* Setup */
		0x07, /* Connect */
		0x0d, /* Setup Acknowledge */
		0x5a, /* Release Complete */
		0x62, /* Facility */
		0x6e, /* Notify */
		0x75, /* Status Inquiry */
		0x7b, /* Information */
		0x7d, /* Status */
	};

	return memchr(types, type, sizeof(types)) != NULL;
}

/*
 * Call signalling of H.225.0 is Q.931 in TPKT (RFC 1006 section 6):
 *
 *   | 3 | 0 | length 2, with these four |
 *   | discriminator 8 | length of the call reference, 2 | it 2 | message 1 |
 *
 * RDP and others use TPKT too, but X.224 behind it, which has no 8, 2 there.
 */
static bool
is_h225(const uint8_t *bytes, size_t n)
{
	struct capture_rd rd = capture_rd_init(bytes, n);
	uint16_t version = capture_rd_u16(&rd);
	uint16_t packet_bytes = capture_rd_u16(&rd);
	uint16_t reference = capture_rd_u16(&rd);

	capture_rd_u16(&rd);
	return is_q931_message(capture_rd_u8(&rd)) && !rd.failed &&
	       version == 0x0300 && packet_bytes >= 9 && reference == 0x0802;
}

enum { RAS_GATEKEEPER = 0, RAS_REGISTRATION = 3, RAS_ADMISSION = 9 };

/*
 * What follows requestSeqNum in a request for a call: callType (a bit that is
 * 0, two of choice), callModel if it is there (two bits), and then, after seven
 * bits of length less one and padding, the characters of endpointIdentifier,
 * 16 bits each, and never but of Latin letters and digits.
 */
static bool
is_ras_admission(uint16_t head, const uint8_t *after)
{
	unsigned padding = head & 0x100 ? 0x0f : 0x3f;

	return (head & 3) == 0 && after[0] < 0x80 && !(after[1] & padding) &&
	       after[2] == 0 && after[3] > ' ' && after[3] < 0x7f;
}

/*
 * RAS of H.225.0, in aligned PER (X.691): a bit that is 0, five bits of
 * choice, a bit and the presence of optional parts, padded to two bytes; then
 * requestSeqNum, two bytes. In the requests that find a gatekeeper or register
 * with it, next comes protocolIdentifier, {itu-t(0) recommendation(0) h(8)
 * 2250 version(0) n}. Only these and those for a call are counted: all others
 * follow from them.
 */
static bool
is_ras(const uint8_t *bytes, size_t n, bool port)
{
	static const uint8_t identifier[] = { 6, 0, 8, 0x91, 0x4a, 0 };
	struct capture_rd rd = capture_rd_init(bytes, n);
	uint16_t head = capture_rd_u16(&rd);
	unsigned choice = head >> 10; /* above 31 with the bit that is 0 */
	const uint8_t *after;

	capture_rd_u16(&rd);
	after = capture_rd_take(&rd, sizeof(identifier));
	if (!port || !after)
		return false;
	if (choice == RAS_GATEKEEPER || choice == RAS_REGISTRATION)
		return memcmp(after, identifier, sizeof(identifier)) == 0;
	return choice == RAS_ADMISSION && is_ras_admission(head, after);
}

/* ---- MGCP ---------------------------------------------------------------- */

enum { TRANSACTION_DIGITS_MAX = 9 };

static bool
take_verb(struct capture_rd *rd)
{
	static const char *const verbs[] = { "EPCF", "CRCX", "MDCX",
					     "DLCX", "RQNT", "NTFY",
					     "AUEP", "AUCX", "RSIP" };
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (take_word(rd, verbs[i]))
			return skip_spaces(rd) > 0;
	return false;
}

/* 1*9 digits */
static bool
take_transaction(struct capture_rd *rd)
{
	size_t n = 0;

	for (; capture_rd_left(rd) && is_digit(*rd->p); n++)
		capture_rd_u8(rd);
	return n >= 1 && n <= TRANSACTION_DIGITS_MAX && skip_spaces(rd) > 0;
}

/* "aaln/1@gateway.example": printable, with an at-sign in it. */
static bool
take_endpoint(struct capture_rd *rd)
{
	const uint8_t *begin = rd->p;
	size_t n;

	while (capture_rd_left(rd) && *rd->p > ' ' && *rd->p < 0x7f)
		capture_rd_u8(rd);
	n = (size_t)(rd->p - begin);
	return n >= 3 && memchr(begin + 1, '@', n - 2) && skip_spaces(rd) > 0;
}

/*
 * RFC 3435 section 3.2.1, the first line of a command; its words may be in
 * letters of either size:
 *
 *   verb SP transaction-id SP endpoint SP "MGCP" SP "1.0" [SP profile] EOL
 */
static bool
is_mgcp(const uint8_t *bytes, size_t n)
{
	struct capture_rd rd = capture_rd_init(bytes, n), line;

	if (!take_verb(&rd))
		return false;
	line = take_line(&rd);
	return !line.failed && take_transaction(&line) &&
	       take_endpoint(&line) && take_word(&line, "MGCP") &&
	       skip_spaces(&line) && take_word(&line, "1.0") &&
	       (!capture_rd_left(&line) || skip_spaces(&line));
}

/* ---- WebSocket ----------------------------------------------------------- */

/* A list of words with commas or parameters: is this one of them? */
static bool
lists_word(struct capture_rd value, const char *word)
{
	while (capture_rd_left(&value)) {
		skip_spaces(&value);
		if (take_word(&value, word) &&
		    (!capture_rd_left(&value) || is_space(*value.p) ||
		     *value.p == ',' || *value.p == ';'))
			return true;
		while (capture_rd_left(&value) && capture_rd_u8(&value) != ',')
			;
	}
	return false;
}

/*
 * The server's half of the handshake (RFC 6455 section 4.2.2), in which it
 * has agreed to SIP (RFC 7118 section 4) and to compression (RFC 7692 section
 * 7): what is offered before is not yet so.
 */
static bool
is_ws_deflate(const uint8_t *bytes, size_t n)
{
	struct capture_rd rd = capture_rd_init(bytes, n), line;
	bool sip = false, deflate = false;

	if (!take_word(&rd, "HTTP/1.1 101"))
		return false;
	take_line(&rd);
	for (line = take_line(&rd); !line.failed && capture_rd_left(&line);
	     line = take_line(&rd)) {
		if (take_word(&line, "Sec-WebSocket-Protocol:"))
			sip = sip || lists_word(line, "sip");
		else if (take_word(&line, "Sec-WebSocket-Extensions:"))
			deflate =
			    deflate || lists_word(line, "permessage-deflate");
	}
	return sip && deflate;
}

/* ---- all of them --------------------------------------------------------- */

int
capture_foreign_udp(const struct capture_pkt *pkt)
{
	const uint8_t *bytes = pkt->payload;
	size_t n = pkt->payload_bytes;

	if (is_dtls_srtp(bytes, n))
		return CAPTURE_FOREIGN_dtls_srtp;
	if (is_ras(bytes, n,
		   pkt->src.port == PORT_RAS || pkt->dst.port == PORT_RAS))
		return CAPTURE_FOREIGN_h323;
	return is_mgcp(bytes, n) ? CAPTURE_FOREIGN_mgcp : -1;
}

int
capture_foreign_tcp(const uint8_t *bytes, size_t n, uint16_t src_port,
		    uint16_t dst_port)
{
	bool tls = src_port == PORT_SIP_TLS || dst_port == PORT_SIP_TLS;
	bool sccp = src_port == PORT_SCCP || dst_port == PORT_SCCP;

	if (is_sip_tls(bytes, n, tls) || is_sip_tls_data(bytes, n, tls))
		return CAPTURE_FOREIGN_sip_tls;
	if (is_h225(bytes, n))
		return CAPTURE_FOREIGN_h323;
	if (is_sccp(bytes, n, sccp))
		return CAPTURE_FOREIGN_sccp;
	return is_ws_deflate(bytes, n) ? CAPTURE_FOREIGN_ws_deflate : -1;
}

static bool
is_well_known(enum capture_foreign kind, uint16_t port)
{
	switch (kind) {
	case CAPTURE_FOREIGN_sip_tls:
		return port == PORT_SIP_TLS;
	case CAPTURE_FOREIGN_sccp:
		return port == PORT_SCCP;
	case CAPTURE_FOREIGN_h323:
		return port == PORT_RAS || port == PORT_H225;
	case CAPTURE_FOREIGN_mgcp:
		return port == PORT_MGCP_GATEWAY || port == PORT_MGCP_AGENT;
	default:
		return false;
	}
}

const struct capture_endpoint *
capture_foreign_host(enum capture_foreign kind,
		     const struct capture_endpoint *src,
		     const struct capture_endpoint *dst)
{
	if (kind == CAPTURE_FOREIGN_dtls_srtp ||
	    kind == CAPTURE_FOREIGN_ws_deflate)
		return src;
	return is_well_known(kind, src->port) && !is_well_known(kind, dst->port)
		   ? src
		   : dst;
}
