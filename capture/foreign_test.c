/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Telephony that cannot be recorded is recognised, from as few bytes as there
 * may be and no fewer; and nothing else is taken for it. Every message is an
 * exact-size block, at every length.
 */
#include "capture/foreign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cmd/testing/testing.h"

enum { NOTHING = -1, MESSAGE_MAX = 2048 };

struct message {
	uint8_t bytes[MESSAGE_MAX];
	size_t n;
};

static void
put_bytes(struct message *m, const void *bytes, size_t n)
{
	assert_true(m->n + n <= sizeof(m->bytes));
	if (n)
		memcpy(m->bytes + m->n, bytes, n);
	m->n += n;
}

/* Network order, in so many bytes. */
static void
put_number(struct message *m, uint32_t value, size_t n)
{
	while (n--) {
		uint8_t byte = (uint8_t)(value >> 8 * n);

		put_bytes(m, &byte, 1);
	}
}

/* One in another, with a length before it in so many bytes. */
static void
put_inside(struct message *m, const struct message *inside, size_t n)
{
	put_number(m, (uint32_t)inside->n, n);
	put_bytes(m, inside->bytes, inside->n);
}

/* ---- looking ------------------------------------------------------------- */

static int
look_udp(const void *bytes, size_t n, uint16_t from, uint16_t to)
{
	uint8_t *copy = testing_copy(bytes, n);
	const struct capture_pkt pkt = { .payload = copy,
					 .payload_bytes = (uint32_t)n,
					 .src.port = from,
					 .dst.port = to };
	int kind = capture_foreign_udp(&pkt);

	free(copy);
	return kind;
}

static int
look_tcp(const void *bytes, size_t n, uint16_t from, uint16_t to)
{
	uint8_t *copy = testing_copy(bytes, n);
	int kind = capture_foreign_tcp(copy, n, from, to);

	free(copy);
	return kind;
}

typedef int (*look_fn)(const void *bytes, size_t n, uint16_t from, uint16_t to);

/* At each length: nothing, and from `least` on what it is. */
static void
is_from(look_fn look, const struct message *m, size_t least, int kind,
	uint16_t to)
{
	size_t n;

	assert_true(least <= m->n);
	for (n = 0; n <= m->n; n++) {
		int wanted = n < least ? NOTHING : kind;

		if (look(m->bytes, n, 40000, to) != wanted)
			fail_msg("of %zu bytes, %zu are taken for %d", m->n, n,
				 look(m->bytes, n, 40000, to));
		assert_int_equal(look(m->bytes, n, to, 40000), wanted);
	}
}

static void
is_nothing(look_fn look, const struct message *m, uint16_t to)
{
	is_from(look, m, m->n, NOTHING, to);
}

/* A byte of it is another one: then it is nothing. */
static void
needs(look_fn look, const struct message *m, size_t at, uint8_t other,
      uint16_t to)
{
	struct message spoilt = *m;

	assert_true(at < m->n && m->bytes[at] != other);
	spoilt.bytes[at] = other;
	if (look(spoilt.bytes, spoilt.n, 40000, to) != NOTHING)
		fail_msg("0x%02x at %zu is let pass", other, at);
}

/* ---- TLS ----------------------------------------------------------------- */

enum { VERSION_TLS = 0x0303, VERSION_DTLS = 0xfefd, USE_SRTP = 14, ALPN = 16 };

/* An extension of each kind that any browser has, and perhaps this one. */
static void
put_extensions(struct message *m, uint16_t type, const struct message *data)
{
	struct message all = { .n = 0 };

	put_number(&all, 10, 2); /* supported_groups */
	put_number(&all, 4, 2);
	put_number(&all, 0x0002001d, 4);
	if (data) {
		put_number(&all, type, 2);
		put_inside(&all, data, 2);
	}
	put_number(&all, 23, 2); /* extended_master_secret */
	put_number(&all, 0, 2);
	put_inside(m, &all, 2);
}

/* Lengths of the parts of a hello. */
struct shape {
	uint32_t session, suites, compression;
};

static const struct shape usual = { 4, 4, 1 };

/* @param type of an extension, if data is not NULL */
static void
make_hello(struct message *hello, const struct shape *shape, uint16_t version,
	   uint16_t type, const struct message *data)
{
	uint32_t i;

	*hello = (struct message){ .n = 0 };
	put_number(hello, version, 2);
	for (i = 0; i < 8; i++)
		put_number(hello, 0x9e3779b9, 4);
	put_number(hello, shape->session, 1);
	for (i = 0; i < shape->session; i++)
		put_number(hello, i, 1);
	if (version == VERSION_DTLS)
		put_number(hello, 0, 1); /* cookie */
	put_number(hello, shape->suites, 2);
	for (i = 0; i < shape->suites; i++)
		put_number(hello, i % 2 ? 0x2f : 0xc0, 1);
	put_number(hello, shape->compression, 1);
	for (i = 0; i < shape->compression; i++)
		put_number(hello, 0, 1);
	put_extensions(hello, type, data);
}

/* In one record. */
static void
make_tls(struct message *m, const struct shape *shape, uint16_t type,
	 const struct message *data)
{
	struct message hello, handshake = { .n = 0 };

	make_hello(&hello, shape, VERSION_TLS, type, data);
	put_number(&handshake, 1, 1);
	put_inside(&handshake, &hello, 3);
	*m = (struct message){ .n = 0 };
	put_number(m, 0x160301, 3);
	put_inside(m, &handshake, 2);
}

/* Each name with its length before it. */
static void
make_alpn_shaped(struct message *m, const struct shape *shape,
		 const char *names)
{
	struct message alpn = { .n = 0 }, list = { .n = 0 };

	put_bytes(&list, names, strlen(names));
	put_inside(&alpn, &list, 2);
	make_tls(m, shape, ALPN, &alpn);
}

static void
make_alpn(struct message *m, const char *names)
{
	make_alpn_shaped(m, &usual, names);
}

/* On its port, whatever it says: behind 5 + 4 + 2 bytes. */
static void
tls_by_port(void **state)
{
	struct message m;

	(void)state;
	make_tls(&m, &usual, 0, NULL);
	is_from(look_tcp, &m, 11, CAPTURE_FOREIGN_sip_tls, 5061);
	is_nothing(look_tcp, &m, 443);
	is_nothing(look_tcp, &m, 5060);
	is_nothing(look_udp, &m, 5061);
	make_alpn(&m, "\x02h2");
	is_from(look_tcp, &m, 11, CAPTURE_FOREIGN_sip_tls, 5061);
	needs(look_tcp, &m, 0, 0x15, 5061); /* alert */
	needs(look_tcp, &m, 1, 0x02, 5061); /* version */
	needs(look_tcp, &m, 2, 0x00, 5061); /* SSL 3.0 */
	needs(look_tcp, &m, 2, 0x04, 5061);
	needs(look_tcp, &m, 3, 0xff, 5061); /* length of the record */
	needs(look_tcp, &m, 5, 0x02, 5061); /* ServerHello */
	needs(look_tcp, &m, 6, 0x01, 5061); /* length of the hello */
	needs(look_tcp, &m, 8, 0x02, 5061);
	needs(look_tcp, &m, 9, 0xfe, 5061); /* version of the hello */
	needs(look_tcp, &m, 10, 0x04, 5061);
}

/* On any port, by what it says it will speak; as soon as that is there. */
static void
tls_by_alpn(void **state)
{
	static const char *const others[] = {
		"\x02h2\x08http/1.1", "\x04sips",      "\x05sip/1",
		"\x06sip/22",         "\x02si",        "\x05\x03sip",
		"\x09xmpp-sips",      "\x06\x05sip/2",
	};
	/* behind the extension comes another one, of 4 bytes */
	static const size_t behind = 4;
	struct message m, none = { .n = 0 };
	size_t i;

	(void)state;
	make_alpn(&m, "\x03sip");
	is_from(look_tcp, &m, m.n - behind, CAPTURE_FOREIGN_sip_tls, 443);
	make_alpn(&m, "\x02h2\x05sip/2");
	is_from(look_tcp, &m, m.n - behind, CAPTURE_FOREIGN_sip_tls, 8443);
	for (i = 0; i < sizeof(others) / sizeof(*others); i++) {
		make_alpn(&m, others[i]);
		is_nothing(look_tcp, &m, 443);
	}
	make_tls(&m, &usual, ALPN, &none);
	is_nothing(look_tcp, &m, 443);
	/* Another extension, of the same bytes. */
	make_alpn(&m, "\x03sip");
	needs(look_tcp, &m, m.n - behind - 9, 0x11, 443);
}

/* What contradicts itself, or has too much or too little, is no hello. */
static void
tls_malformed(void **state)
{
	static const struct shape sound[] = { { 0, 2, 1 }, { 32, 400, 255 } };
	static const struct shape others[] = {
		{ 33, 4, 1 }, { 255, 4, 1 }, { 4, 0, 1 },
		{ 4, 3, 1 },  { 4, 4, 0 },
	};
	struct message m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sound) / sizeof(*sound); i++) {
		make_alpn_shaped(&m, &sound[i], "\x03sip");
		is_from(look_tcp, &m, m.n - 4, CAPTURE_FOREIGN_sip_tls, 443);
	}
	for (i = 0; i < sizeof(others) / sizeof(*others); i++) {
		make_alpn_shaped(&m, &others[i], "\x03sip");
		is_nothing(look_tcp, &m, 443);
	}
	make_alpn(&m, "\x03sip");
	needs(look_tcp, &m, 57, 4, 443);    /* extensions end before it */
	needs(look_tcp, &m, 10, 0x00, 443); /* SSL 3.0 */
}

/* It was there before the recorder. */
static void
tls_in_its_middle(void **state)
{
	struct message m = { .n = 0 };

	(void)state;
	put_number(&m, 0x170303, 3);
	put_number(&m, 0x0004, 2);
	put_number(&m, 0xa1b2c3d4, 4);
	put_number(&m, 0x150303, 3); /* an alert follows */
	put_number(&m, 0x0002, 2);
	is_from(look_tcp, &m, 5, CAPTURE_FOREIGN_sip_tls, 5061);
	is_nothing(look_tcp, &m, 443);
	needs(look_tcp, &m, 0, 0x18, 5061);
	needs(look_tcp, &m, 1, 0x02, 5061);
	needs(look_tcp, &m, 3, 0x60, 5061); /* too long */
	needs(look_tcp, &m, 4, 0x03, 5061); /* what follows is no record */
	needs(look_tcp, &m, 9, 0x13, 5061);
	needs(look_tcp, &m, 10, 0x04, 5061);
}

/* ---- DTLS ---------------------------------------------------------------- */

/* In one datagram. */
static void
make_dtls(struct message *m, uint16_t type, const struct message *data)
{
	struct message hello, handshake = { .n = 0 };

	make_hello(&hello, &usual, VERSION_DTLS, type, data);
	put_number(&handshake, 1, 1);
	put_number(&handshake, (uint32_t)hello.n, 3);
	put_number(&handshake, 0, 2); /* message */
	put_number(&handshake, 0, 3); /* offset */
	put_inside(&handshake, &hello, 3);
	*m = (struct message){ .n = 0 };
	put_number(m, 0x16feff, 3);
	put_number(m, 0, 4); /* epoch, sequence number */
	put_number(m, 7, 4);
	put_inside(m, &handshake, 2);
}

static void
make_dtls_srtp(struct message *m)
{
	struct message srtp = { .n = 0 };

	put_number(&srtp, 4, 2);
	put_number(&srtp, 0x00070001, 4); /* profiles */
	put_number(&srtp, 0, 1);          /* no MKI */
	make_dtls(m, USE_SRTP, &srtp);
}

static void
dtls(void **state)
{
	struct message m;

	(void)state;
	make_dtls_srtp(&m);
	is_from(look_udp, &m, m.n - 4, CAPTURE_FOREIGN_dtls_srtp, 20000);
	is_nothing(look_tcp, &m, 5061);
	m.bytes[2] = 0xfd; /* each version of the record */
	is_from(look_udp, &m, m.n - 4, CAPTURE_FOREIGN_dtls_srtp, 20000);
	m.bytes[2] = 0xfc;
	is_from(look_udp, &m, m.n - 4, CAPTURE_FOREIGN_dtls_srtp, 20000);
	needs(look_udp, &m, 0, 0x17, 20000);
	needs(look_udp, &m, 1, 0x03, 20000);
	needs(look_udp, &m, 2, 0xfb, 20000);
	needs(look_udp, &m, 4, 0x01, 20000);  /* epoch: encrypted */
	needs(look_udp, &m, 12, 0x10, 20000); /* record ends before it */
	needs(look_udp, &m, 13, 0x02, 20000); /* ServerHello */
	needs(look_udp, &m, 13, 0x03, 20000); /* HelloVerifyRequest */
	needs(look_udp, &m, 21, 0x01, 20000); /* not the first fragment */
	needs(look_udp, &m, 22, 0x01, 20000); /* longer than the whole */
	needs(look_udp, &m, 24, 0x20, 20000); /* fragment ends before it */
	needs(look_udp, &m, 25, 0x03, 20000); /* version of the hello */
}

/* A VPN; and offers of nothing. */
static void
dtls_without_srtp(void **state)
{
	struct message m, srtp = { .n = 0 };

	(void)state;
	make_dtls(&m, 0, NULL);
	is_nothing(look_udp, &m, 443);
	make_dtls(&m, USE_SRTP, &srtp);
	is_nothing(look_udp, &m, 20000);
	put_number(&srtp, 0, 2);
	put_number(&srtp, 0, 1);
	make_dtls(&m, USE_SRTP, &srtp);
	is_nothing(look_udp, &m, 20000);
	srtp.bytes[1] = 1; /* half a profile */
	make_dtls(&m, USE_SRTP, &srtp);
	is_nothing(look_udp, &m, 20000);
}

/* ---- SCCP ---------------------------------------------------------------- */

static void
make_sccp(struct message *m, uint32_t bytes, uint32_t version, uint32_t id)
{
	*m = (struct message){ .n = 0 };
	put_number(m, __builtin_bswap32(bytes), 4);
	put_number(m, __builtin_bswap32(version), 4);
	put_number(m, __builtin_bswap32(id), 4);
	put_number(m, 0x53455030, 4); /* "SEP0" */
}

static void
sccp(void **state)
{
	static const uint16_t known[] = { 0x0000, 0x0001, 0x0006, 0x0012,
					  0x0020, 0x0042, 0x0081, 0x008a,
					  0x009f, 0x0100, 0x0105, 0x014a };
	static const uint32_t unknown[] = { 0x0013,     0x001f,    0x0043,
					    0x0080,     0x0084,    0x00a0,
					    0x010a,     0x014b,    0x10001,
					    0x01000000, UINT32_MAX };
	struct message m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
		make_sccp(&m, 8, i % 2 ? 0 : 0x16, known[i]);
		is_from(look_tcp, &m, 12, CAPTURE_FOREIGN_sccp, 2000);
		is_nothing(look_tcp, &m, 2001);
		is_nothing(look_udp, &m, 2000);
	}
	for (i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
		make_sccp(&m, 8, 0, unknown[i]);
		is_nothing(look_tcp, &m, 2000);
	}
	make_sccp(&m, 3, 0, 1);
	is_nothing(look_tcp, &m, 2000);
	make_sccp(&m, 2048, 0, 1);
	is_from(look_tcp, &m, 12, CAPTURE_FOREIGN_sccp, 2000);
	make_sccp(&m, 2049, 0, 1);
	is_nothing(look_tcp, &m, 2000);
	make_sccp(&m, 8, 0x17, 1);
	is_nothing(look_tcp, &m, 2000);
}

/* ---- H.323 --------------------------------------------------------------- */

static void
h225(void **state)
{
	static const uint8_t setup[] = { 0x03, 0x00, 0x00, 0x20, 0x08,
					 0x02, 0x2a, 0x01, 0x05, 0x04,
					 0x03, 0x80, 0x90, 0xa2 };
	static const uint8_t types[] = { 0x01, 0x02, 0x03, 0x05, 0x07, 0x0d,
					 0x5a, 0x62, 0x6e, 0x75, 0x7b, 0x7d };
	/* Connection requests of X.224: RDP, and of S7. */
	static const uint8_t rdp[] = { 0x03, 0x00, 0x00, 0x13, 0x0e, 0xe0, 0x00,
				       0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x08,
				       0x00, 0x03, 0x00, 0x00, 0x00 };
	struct message m = { .n = 0 };
	size_t i;

	(void)state;
	put_bytes(&m, setup, sizeof(setup));
	is_from(look_tcp, &m, 9, CAPTURE_FOREIGN_h323, 1720);
	is_from(look_tcp, &m, 9, CAPTURE_FOREIGN_h323, 40720);
	is_nothing(look_udp, &m, 1720);
	for (i = 0; i < sizeof(types); i++) {
		m.bytes[8] = types[i];
		is_from(look_tcp, &m, 9, CAPTURE_FOREIGN_h323, 1720);
	}
	needs(look_tcp, &m, 0, 0x02, 1720);
	needs(look_tcp, &m, 1, 0x01, 1720);
	needs(look_tcp, &m, 3, 0x08, 1720);
	needs(look_tcp, &m, 4, 0x09, 1720);
	needs(look_tcp, &m, 5, 0x01, 1720);
	needs(look_tcp, &m, 8, 0x00, 1720);
	needs(look_tcp, &m, 8, 0x45, 1720);
	m = (struct message){ .n = 0 };
	put_bytes(&m, rdp, sizeof(rdp));
	is_nothing(look_tcp, &m, 3389);
	is_nothing(look_tcp, &m, 1720);
}

static void
ras(void **state)
{
	static const uint8_t request[] = { 0x0e, 0x80, 0x12, 0x6d, 0x06,
					   0x00, 0x08, 0x91, 0x4a, 0x00,
					   0x06, 0x00, 0x01, 0x00, 0x0a };
	/* callModel is there, or not; the identifier is "80". */
	static const uint8_t call[] = { 0x27, 0x90, 0x00, 0x07, 0x00, 0x10,
					0x00, 0x38, 0x00, 0x30, 0x01 };
	static const uint8_t call_short[] = { 0x26, 0x90, 0x00, 0x07,
					      0x00, 0x40, 0x00, 0x38,
					      0x00, 0x30, 0x01 };
	struct message m = { .n = 0 };

	(void)state;
	put_bytes(&m, request, sizeof(request));
	is_from(look_udp, &m, 10, CAPTURE_FOREIGN_h323, 1719);
	is_nothing(look_udp, &m, 1718);
	is_nothing(look_tcp, &m, 1719);
	needs(look_udp, &m, 0, 0x8e, 1719); /* a choice of later versions */
	needs(look_udp, &m, 0, 0x12, 1719); /* confirmed */
	needs(look_udp, &m, 4, 0x05, 1719);
	needs(look_udp, &m, 8, 0x4b, 1719);
	needs(look_udp, &m, 9, 0x01, 1719);
	m.bytes[0] = 0x02; /* for a gatekeeper */
	is_from(look_udp, &m, 10, CAPTURE_FOREIGN_h323, 1719);
	m = (struct message){ .n = 0 };
	put_bytes(&m, call, sizeof(call));
	is_from(look_udp, &m, 10, CAPTURE_FOREIGN_h323, 1719);
	is_nothing(look_udp, &m, 1720);
	needs(look_udp, &m, 0, 0x2b, 1719); /* confirmed */
	needs(look_udp, &m, 1, 0x91, 1719); /* padding */
	needs(look_udp, &m, 4, 0x80, 1719);
	needs(look_udp, &m, 5, 0x11, 1719);
	needs(look_udp, &m, 6, 0x01, 1719);
	needs(look_udp, &m, 7, 0x07, 1719);
	m = (struct message){ .n = 0 };
	put_bytes(&m, call_short, sizeof(call_short));
	is_from(look_udp, &m, 10, CAPTURE_FOREIGN_h323, 1719);
	needs(look_udp, &m, 5, 0x50, 1719);
}

/* ---- MGCP ---------------------------------------------------------------- */

static void
make_text(struct message *m, const char *text)
{
	*m = (struct message){ .n = 0 };
	put_bytes(m, text, strlen(text));
}

/* All of the first line is needed, and nothing behind it. */
static void
mgcp(void **state)
{
	static const char *const commands[] = {
		"CRCX 1204 aaln/1@rgw-2567.example.net MGCP 1.0\r\nC: A3C4\r\n",
		"EPCF 1 *@rgw MGCP 1.0\n",
		"MDCX 999999999 a@b MGCP 1.0\r\n",
		"DLCX 1 a@b MGCP 1.0 NCS 1.0\r\n",
		"rqnt 1 a@[192.0.2.1] mgcp 1.0\r\n",
		"NTFY  1\ta@b  MGCP\t1.0\r\n",
		"AUEP 1 a@b MGCP 1.0\r\n.\r\nNTFY 2 a@b MGCP 1.0\r\n",
		"AUCX 1 a@b MGCP 1.0\r\n",
		"RSIP 1 a@b MGCP 1.0\r\n",
	};
	static const char *const others[] = {
		"200 1204 OK\r\n",
		"CRCX 1234567890 a@b MGCP 1.0\r\n",
		"CRCX x a@b MGCP 1.0\r\n",
		"CRCX  a@b MGCP 1.0\r\n",
		"CRCX1 a@b MGCP 1.0\r\n",
		"CRCX 1 ab MGCP 1.0\r\n",
		"CRCX 1 @bc MGCP 1.0\r\n",
		"CRCX 1 ab@ MGCP 1.0\r\n",
		"CRCX 1 a@b MGCP1.0\r\n",
		"CRCX 1 a@b MGCP 1.01\r\n",
		"CRCX 1 a@b MGCP 2.0\r\n",
		"CRCX 1 a@b SIP/2.0\r\n",
		"CRCX 1\r\na@b MGCP 1.0\r\n",
		"FETC 1 a@b MGCP 1.0\r\n",
		"\nCRCX 1 a@b MGCP 1.0\r\n",
	};
	struct message m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		make_text(&m, commands[i]);
		is_from(look_udp, &m, strcspn(commands[i], "\n") + 1,
			CAPTURE_FOREIGN_mgcp, i % 2 ? 2427 : 12427);
		is_nothing(look_tcp, &m, 2427);
	}
	for (i = 0; i < sizeof(others) / sizeof(*others); i++) {
		make_text(&m, others[i]);
		is_nothing(look_udp, &m, 2427);
	}
}

/* ---- WebSocket ----------------------------------------------------------- */

#define SWITCHING "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"

static void
websocket(void **state)
{
	static const char *const others[] = {
		SWITCHING "Sec-WebSocket-Protocol: sip\r\n\r\n",
		SWITCHING "Sec-WebSocket-Protocol: sip\r\n\r\n"
			  "Sec-WebSocket-Extensions: permessage-deflate\r\n",
		SWITCHING "Sec-WebSocket-Protocol: sips\r\n"
			  "Sec-WebSocket-Extensions: permessage-deflate\r\n",
		SWITCHING "Sec-WebSocket-Protocol: sip\r\n"
			  "Sec-WebSocket-Extensions: x-deflate\r\n\r\n",
		SWITCHING "Sec-WebSocket-Extensions: permessage-deflate\r\n"
			  "\r\n",
		"HTTP/1.1 200 OK\r\nSec-WebSocket-Protocol: sip\r\n"
		"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
		"GET / HTTP/1.1\r\nSec-WebSocket-Protocol: sip\r\n"
		"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
	};
	struct message m;
	size_t i;

	(void)state;
	make_text(&m, SWITCHING "sec-websocket-protocol: SIP\r\n"
				"Sec-WebSocket-Extensions: other, "
				"permessage-deflate; server_no_context"
				"_takeover\r\n\r\n");
	is_from(look_tcp, &m, m.n - 2, CAPTURE_FOREIGN_ws_deflate, 80);
	is_nothing(look_udp, &m, 80);
	for (i = 0; i < sizeof(others) / sizeof(*others); i++) {
		make_text(&m, others[i]);
		is_nothing(look_tcp, &m, 80);
	}
}

/* ---- what is something else ---------------------------------------------- */

#define BYTES(x) (const uint8_t *)(x), sizeof(x) - 1

/* The beginnings of what most mirrors carry. */
static const struct {
	const uint8_t *bytes;
	size_t n;
} ordinary[] = {
	/* DNS, query */
	{ BYTES("\x16\x03\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07"
		"example\x03"
		"com\x00\x00\x01\x00\x01") },
	/* NTP, client, version 4 */
	{ BYTES(
	    "\x23\x00\x06\xec\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00") },
	/* SNMP, get */
	{ BYTES("\x30\x26\x02\x01\x01\x04\x06public\xa0\x19\x02\x01\x01\x02") },
	{ BYTES("INVITE sip:2041@pbx SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n\r\n") },
	{ BYTES("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a\r\n\r\n") },
	/* STUN, binding request, and its answer */
	{ BYTES("\x00\x01\x00\x00\x21\x12\xa4\x42"
		"abcdefghijkl") },
	{ BYTES("\x01\x01\x00\x0c\x21\x12\xa4\x42"
		"abcdefghijkl\x00\x20\x00\x08"
		"\x00\x01\xa1\x47\xe1\x12\xa6\x43") },
	/* QUIC, Initial */
	{ BYTES(
	    "\xc3\x00\x00\x00\x01\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\x00"
	    "\x00\x44\x9e\x7b\x9a\xec\x34\xd1\xb1\xc9\x8d\xd7\x68\x9f\xb8") },
	{ BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ BYTES("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") },
	{ BYTES("SSH-2.0-OpenSSH_9.2\r\n") },
	/* RTCP, sender report */
	{ BYTES("\x80\xc8\x00\x06\x11\x22\x33\x44\x00\x00\x00\x00\x00\x00\x00"
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00") },
	/* TLS: ServerHello, ChangeCipherSpec, alert */
	{ BYTES("\x16\x03\x03\x00\x3d\x02\x00\x00\x39\x03\x03"
		"0123456789012345"
		"6789012345678901\x00\xc0\x2f\x00") },
	{ BYTES("\x14\x03\x03\x00\x01\x01") },
	{ BYTES("\x15\x03\x03\x00\x02\x02\x28") },
	/* OpenVPN, WireGuard, IKE */
	{ BYTES("\x38\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x00\x00\x00") },
	{ BYTES("\x01\x00\x00\x00\x8f\x1c\x22\x4e"
		"abcdefghijklmnopqrstuvwxyz") },
	{ BYTES("\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x00\x00\x00\x00\x00"
		"\x00\x21\x20\x22\x08\x00\x00\x00\x00\x00\x00\x01\x50") },
	/* SMB, LDAP, MySQL, Postgres */
	{ BYTES("\x00\x00\x00\x54\xfe\x53\x4d\x42\x40\x00\x00\x00\x00\x00\x00"
		"\x00") },
	{ BYTES("\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00") },
	{ BYTES("\x4a\x00\x00\x00\x0a\x38\x2e\x30\x2e\x33\x33\x00\x08\x00\x00"
		"\x00") },
	{ BYTES("\x00\x00\x00\x08\x04\xd2\x16\x2f") },
	/* keep-alives */
	{ BYTES("\r\n\r\n") },
	{ BYTES("\0\0\0\0") },
};

static const uint16_t ports[] = { 53,   443,  1719, 1720,  2000, 2427,
				  2727, 5060, 5061, 40000, 0,    65535 };
enum { PORTS = sizeof(ports) / sizeof(*ports) };

/* On the ports too that are of something. */
static void
ordinary_traffic(void **state)
{
	struct message m;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(ordinary) / sizeof(*ordinary); i++) {
		m = (struct message){ .n = 0 };
		put_bytes(&m, ordinary[i].bytes, ordinary[i].n);
		for (k = 0; k < PORTS; k++) {
			is_nothing(look_udp, &m, ports[k]);
			is_nothing(look_tcp, &m, ports[k]);
		}
	}
}

static void
random_bytes(void **state)
{
	uint64_t seed = 1;
	uint8_t bytes[64];
	size_t i, k, n;

	(void)state;
	for (i = 0; i < 200000; i++) {
		for (k = 0; k < sizeof(bytes); k++) {
			seed = seed * 6364136223846793005U + 1;
			bytes[k] = (uint8_t)(seed >> 56);
		}
		n = bytes[0] % sizeof(bytes);
		assert_int_equal(
		    look_udp(bytes + 1, n, 40000, ports[i % PORTS]), NOTHING);
		assert_int_equal(
		    look_tcp(bytes + 1, n, 40000, ports[i % PORTS]), NOTHING);
	}
}

/* ---- whose it is --------------------------------------------------------- */

static void
hosts(void **state)
{
	static const struct {
		enum capture_foreign kind;
		uint16_t from, to;
		bool sender;
	} rows[] = {
		{ CAPTURE_FOREIGN_sip_tls, 40000, 5061, false },
		{ CAPTURE_FOREIGN_sip_tls, 5061, 40000, true },
		{ CAPTURE_FOREIGN_sip_tls, 40000, 443, false },
		{ CAPTURE_FOREIGN_sip_tls, 5061, 5061, false },
		{ CAPTURE_FOREIGN_sccp, 2000, 40000, true },
		{ CAPTURE_FOREIGN_sccp, 40000, 2000, false },
		{ CAPTURE_FOREIGN_h323, 1720, 40000, true },
		{ CAPTURE_FOREIGN_h323, 1719, 1719, false },
		{ CAPTURE_FOREIGN_h323, 40000, 40001, false },
		{ CAPTURE_FOREIGN_mgcp, 2727, 2427, false },
		{ CAPTURE_FOREIGN_mgcp, 2427, 40000, true },
		{ CAPTURE_FOREIGN_mgcp, 2727, 40000, true },
		{ CAPTURE_FOREIGN_dtls_srtp, 40000, 5061, true },
		{ CAPTURE_FOREIGN_ws_deflate, 80, 40000, true },
	};
	struct capture_endpoint src = { .port = 0 }, dst = { .port = 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		src.port = rows[i].from;
		dst.port = rows[i].to;
		assert_ptr_equal(capture_foreign_host(rows[i].kind, &src, &dst),
				 rows[i].sender ? &src : &dst);
	}
	assert_string_equal(capture_foreign_name(CAPTURE_FOREIGN_sip_tls),
			    "sip_tls");
	assert_string_equal(capture_foreign_text(CAPTURE_FOREIGN_mgcp), "MGCP");
	assert_string_equal(capture_foreign_unit(CAPTURE_FOREIGN_mgcp),
			    "commands");
	for (i = 0; i < CAPTURE_FOREIGN_COUNT; i++)
		assert_int_equal(capture_foreign_kind(capture_foreign_name(
				     (enum capture_foreign)i)),
				 i);
	assert_int_equal(capture_foreign_kind(""), NOTHING);
	assert_int_equal(capture_foreign_kind("MGCP"), NOTHING);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls_by_port),
		cmocka_unit_test(tls_by_alpn),
		cmocka_unit_test(tls_malformed),
		cmocka_unit_test(tls_in_its_middle),
		cmocka_unit_test(dtls),
		cmocka_unit_test(dtls_without_srtp),
		cmocka_unit_test(sccp),
		cmocka_unit_test(h225),
		cmocka_unit_test(ras),
		cmocka_unit_test(mgcp),
		cmocka_unit_test(websocket),
		cmocka_unit_test(ordinary_traffic),
		cmocka_unit_test(random_bytes),
		cmocka_unit_test(hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
