/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From scripts to packets: what is in the file, and what is said of it. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/mkpcap/mkpcap_priv.h"
#include "cmd/testing/testing.h"

#define HOSTS "host a 10.0.0.1\nhost b 10.0.0.2\n"
#define CALL  HOSTS "call c from a:1 to b:2\n"
#define MEDIA "source a:10 target b:20"

struct made {
	struct mkpcap_script *script;
	struct mkpcap_capture *capture;
	char *pcap;
	size_t n;
	const struct mkpcap_count *counts;
	uint32_t counts_count;
};

static int
make(struct made *made, const char *text, struct mkpcap_errors *errors)
{
	int rc;
	FILE *to;

	memset(made, 0, sizeof(*made));
	rc = mkpcap_parse(&made->script, text, strlen(text), errors);
	if (rc == 0)
		rc = mkpcap_build(&made->capture, made->script, errors);
	if (rc)
		return rc;
	to = open_memstream(&made->pcap, &made->n);
	assert_non_null(to);
	assert_int_equal(mkpcap_write(made->capture, to), 0);
	fclose(to);
	made->counts = mkpcap_counts(made->capture, &made->counts_count);
	return 0;
}

static void
setup(struct made *made, const char *text)
{
	struct mkpcap_errors errors;

	if (make(made, text, &errors))
		fail_msg("%u: %s", errors.errors[0].line,
			 errors.errors[0].text);
}

static void
cleanup(struct made *made)
{
	free(made->pcap);
	mkpcap_capture_free(&made->capture);
	mkpcap_script_free(&made->script);
}

/* The nth frame, from 0. */
static const uint8_t *
frame(const struct made *made, unsigned nth, uint32_t *n, int64_t *time_ns)
{
	const uint8_t *p = (const uint8_t *)made->pcap + 24;
	uint32_t head[4];

	for (;; nth--) {
		assert_in_range(p - (const uint8_t *)made->pcap, 24,
				made->n - 16);
		memcpy(head, p, 16); /* little-endian, as the test's machine */
		*n = head[2];
		*time_ns = head[0] * SECOND_NS + head[1];
		if (nth == 0)
			return p + 16;
		p += 16 + *n;
	}
}

/* UDP payload of the nth frame as text, Ethernet and IPv4. */
static const char *
sip_text(const struct made *made, unsigned nth)
{
	static char text[2000];
	int64_t time_ns;
	uint32_t n;
	const uint8_t *p = frame(made, nth, &n, &time_ns);

	assert_in_range(n, 42, sizeof(text) + 41);
	memcpy(text, p + 42, n - 42);
	text[n - 42] = '\0';
	return text;
}

static void
invite_text(void **state)
{
	struct made made;

	setup(&made, CALL "at 0 c invite rtp 10000 codec "
			  "PCMU,telephone-event hold header \"X: y\"");
	assert_string_equal(sip_text(&made, 0),
			    "INVITE sip:2@10.0.0.2 SIP/2.0\r\n"
			    "Via: SIP/2.0/UDP 10.0.0.1:5060;"
			    "branch=z9hG4bK54c0f601c608fa46\r\n"
			    "Max-Forwards: 70\r\n"
			    "From: <sip:1@10.0.0.1>;tag=a8601eff2\r\n"
			    "To: <sip:2@10.0.0.2>\r\n"
			    "Call-ID: c@mkpcap\r\n"
			    "CSeq: 101 INVITE\r\n"
			    "Contact: <sip:1@10.0.0.1>\r\n"
			    "X: y\r\n"
			    "Content-Type: application/sdp\r\n"
			    "Content-Length: 159\r\n"
			    "\r\n"
			    "v=0\r\n"
			    "o=- 1 1 IN IP4 10.0.0.1\r\n"
			    "s=-\r\n"
			    "c=IN IP4 10.0.0.1\r\n"
			    "t=0 0\r\n"
			    "m=audio 10000 RTP/AVP 0 101\r\n"
			    "a=rtpmap:0 PCMU/8000\r\n"
			    "a=rtpmap:101 telephone-event/8000\r\n"
			    "a=sendonly\r\n");
	cleanup(&made);
}

/* A header of the nth message, up to its line end. */
static const char *
header(const struct made *made, unsigned nth, const char *name)
{
	static char value[4][200];
	static unsigned turn;
	const char *at = strstr(sip_text(made, nth), name);
	char *into = value[turn++ % 4];

	assert_non_null(at);
	at += strlen(name);
	snprintf(into, 200, "%.*s", (int)strcspn(at, "\r"), at);
	return into;
}

/* Who belongs to whom: tags, branches and CSeq through refusals, a second
 * INVITE, a re-INVITE from the other side, and BYE. */
static void
dialog(void **state)
{
	struct made made;

	setup(&made, CALL "at 0 c invite rtp 10\n"
			  "at 1 c trying\n"
			  "at 2 c 401\n"
			  "at 3 c ack\n"
			  "at 4 c invite sdp\n"
			  "at 5 c ok rtp 20\n"
			  "at 6 c ack\n"
			  "at 7 c invite from callee hold\n"
			  "at 8 c ok held\n"
			  "at 9 c ack\n"
			  "at 10 c bye\n"
			  "at 11 c ok\n");
	assert_null(strstr(sip_text(&made, 1), "tag=b"));
	assert_string_equal(header(&made, 1, "Via: "),
			    header(&made, 0, "Via: "));
	assert_non_null(strstr(sip_text(&made, 2), "tag=b"));
	assert_string_equal(header(&made, 3, "Via: "),
			    header(&made, 0, "Via: "));
	assert_string_equal(header(&made, 3, "CSeq: "), "101 ACK");
	assert_non_null(strstr(sip_text(&made, 3), "tag=b"));
	assert_null(strstr(sip_text(&made, 4), "tag=b"));
	assert_string_equal(header(&made, 5, "CSeq: "), "102 INVITE");
	assert_string_not_equal(header(&made, 6, "Via: "),
				header(&made, 4, "Via: "));
	assert_string_equal(header(&made, 7, "CSeq: "), "201 INVITE");
	assert_string_equal(header(&made, 7, "From: "),
			    header(&made, 6, "To: "));
	assert_string_equal(header(&made, 9, "CSeq: "), "201 ACK");
	assert_string_equal(header(&made, 11, "CSeq: "), "103 BYE");
	assert_string_equal(header(&made, 11, "To: "),
			    header(&made, 7, "From: "));
	cleanup(&made);
}

static void
dialog_ends(void **state)
{
	struct made made;

	setup(&made, CALL "at 0 c invite rtp 10\n"
			  "at 1 c ringing\n"
			  "at 2 c cancel\n"
			  "at 3 c ok\n"
			  "at 4 c terminated to invite\n"
			  "at 5 c ack\n"
			  "at 6 c ringing again\n");
	assert_string_equal(header(&made, 2, "Via: "),
			    header(&made, 0, "Via: "));
	assert_null(strstr(sip_text(&made, 2), "tag=b"));
	assert_string_equal(header(&made, 3, "CSeq: "), "101 CANCEL");
	assert_string_equal(header(&made, 4, "CSeq: "), "101 INVITE");
	assert_string_equal(header(&made, 5, "CSeq: "), "101 ACK");
	assert_string_equal(header(&made, 6, "SIP/2.0 "), "180 Ringing");
	cleanup(&made);
}

/* Both sides send an INVITE at once, and each gets its own answer. */
static void
glare(void **state)
{
	struct made made;

	setup(&made, CALL "at 0 c invite rtp 10\n"
			  "at 1 c ok rtp 20\n"
			  "at 2 c ack\n"
			  "at 3 c invite hold\n"
			  "at 4 c invite from callee hold\n"
			  "at 5 c pending to invite from callee\n"
			  "at 6 c ok held from caller\n"
			  "at 7 c ack from caller\n"
			  "at 8 c ack from callee\n"
			  "at 9 c subscribe\n"
			  "at 10 c ok\n"
			  "at 11 c 491 to invite\n");
	assert_string_equal(header(&made, 5, "CSeq: "), "102 INVITE");
	assert_string_equal(header(&made, 6, "CSeq: "), "201 INVITE");
	assert_string_equal(header(&made, 7, "CSeq: "), "102 ACK");
	assert_string_equal(header(&made, 7, "Via: "),
			    header(&made, 3, "Via: "));
	assert_string_equal(header(&made, 8, "CSeq: "), "201 ACK");
	assert_string_not_equal(header(&made, 8, "Via: "),
				header(&made, 4, "Via: "));
	assert_string_equal(header(&made, 10, "CSeq: "), "103 SUBSCRIBE");
	assert_string_equal(header(&made, 11, "CSeq: "), "201 INVITE");
	cleanup(&made);
}

/* A header names another call: with the tag that its callee has by then. */
static void
references(void **state)
{
	struct made made;

	setup(&made, CALL "call d from a:1 to b:3 id \"1%@x\"\n"
			  "at 0 d invite rtp 10\n"
			  "at 1 d ringing tag early\n"
			  "at 2 c invite rtp 30 uri sip:{d.id%}@b\n"
			  " header \"R: {d.id};t={d.callee};f={d.caller}.\"\n"
			  "at 3 d ok tag late rtp 20\n"
			  "at 4 c options header \"R: ?{d.id%}%3B{d.callee}\"\n"
			  "at 5 d bye tag early\n");
	assert_string_equal(header(&made, 2, "INVITE "),
			    "sip:1%25%40x@b SIP/2.0");
	assert_string_equal(header(&made, 2, "R: "),
			    "1%@x;t=early;f=a8601e773.");
	assert_string_equal(header(&made, 0, "From: "),
			    "<sip:1@10.0.0.1>;tag=a8601e773");
	assert_string_equal(header(&made, 4, "R: "), "?1%25%40x%3Blate");
	assert_string_equal(header(&made, 5, "To: "),
			    "<sip:3@10.0.0.2>;tag=early");
	cleanup(&made);
}

/* Within one repetition, and out of it. */
static void
references_repeated(void **state)
{
	struct made made;

	setup(&made, HOSTS "call o from a:1 to b:2\n"
			   "repeat 2 every 1\n"
			   "call c from a:1 to b:2\n"
			   "call d from a:1 to b:3\n"
			   "at 0 c invite rtp 30\n"
			   " header \"R: {d.id} {o.id}\"\n"
			   "end");
	assert_string_equal(header(&made, 0, "R: "), "d@mkpcap o@mkpcap");
	assert_string_equal(header(&made, 1, "R: "), "d-2@mkpcap o@mkpcap");
	cleanup(&made);
}

static void
hand_written(void **state)
{
	struct made made;

	setup(&made, CALL "at 0 c invite body application/sdp unterminated\n"
			  "| v=0\n"
			  "|  m=x\n"
			  "at 1 a -> b:9 text\n"
			  "|\n"
			  "| x\n"
			  "at 2 a -> b bytes 0041\n");
	assert_non_null(strstr(sip_text(&made, 0), "Content-Length: 9\r\n"
						   "\r\nv=0\r\n m=x"));
	assert_string_equal(sip_text(&made, 1), "\r\nx\r\n");
	assert_memory_equal(sip_text(&made, 2), "\0A", 3);
	cleanup(&made);
}

static void
build_mistakes(void **state)
{
	static const struct {
		const char *text;
		uint32_t line;
		const char *words;
	} mistakes[] = {
		{ CALL "at 0 c ok", 4, "no request before" },
		{ CALL "at 0 c ack", 4, "no request before" },
		{ CALL "at 0 c invite sdp", 4, "no \"rtp PORT\"" },
		{ CALL "at 0 c invite\nat 1 c bye again", 5, "sent again" },
		{ CALL "media c caller from 1 to 2 tone 3", 4, "its caller" },
		{ CALL "media c callee source b:7 from 1 to 2 tone 3", 4,
		  "target HOST:PORT" },
		{ CALL "at 0 c invite rtp 1 codec G722\n"
		       "at 0 c ok rtp 1\n"
		       "media c caller from 1 to 2 tone 3",
		  6, "which codec" },
		{ CALL "media c caller from 1 to 8000h tone 3 ptime 5 " MEDIA,
		  4, "more than 50000000 packets" },
	};

	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct made made;
		struct mkpcap_errors errors;

		if (make(&made, mistakes[i].text, &errors) != -EINVAL)
			fail_msg("accepted: %s", mistakes[i].text);
		if (errors.errors[0].line != mistakes[i].line ||
		    !strstr(errors.errors[0].text, mistakes[i].words))
			fail_msg("%s\n%u: %s", mistakes[i].text,
				 errors.errors[0].line, errors.errors[0].text);
		cleanup(&made);
	}
}

static void
rtp_packets(void **state)
{
	struct made made;
	int64_t time_ns;
	uint32_t n;
	const uint8_t *p;

	setup(&made,
	      CALL "start 1970-01-01T00:00:01Z\n"
		   "media c caller from 1 to 1.12 tone 1000 codec PCMU " MEDIA
		   " ssrc 0x01020304 seq 65535 ts 0xffffffff"
		   " pause 1.04 to 1.08");
	assert_int_equal(mkpcap_packets(made.capture), 4);
	p = frame(&made, 0, &n, &time_ns);
	assert_int_equal(time_ns, 2 * SECOND_NS);
	assert_int_equal(n, 14 + 20 + 8 + 12 + 160);
	assert_memory_equal(p, "\2\0\12\0\0\2\2\0\12\0\0\1\10\0\105\0", 16);
	assert_memory_equal(p + 34, "\0\12\0\24\0\264", 6);
	assert_memory_equal(p + 42, "\x80\x80\xff\xff\xff\xff\xff\xff\1\2\3\4",
			    12);
	/* 1000 Hz: eight samples a turn */
	assert_int_equal(p[54], 0xff);
	assert_int_equal(p[54 + 2], mkpcap__ulaw(8000));
	assert_int_equal(p[54 + 6], mkpcap__ulaw(-8000));
	p = frame(&made, 1, &n, &time_ns);
	assert_memory_equal(p + 42, "\x80\x00\0\0\0\0\0\x9f", 8);
	p = frame(&made, 2, &n, &time_ns); /* after the pause: marker */
	assert_int_equal(time_ns, 2080 * MS_NS);
	assert_memory_equal(p + 42, "\x80\x80\0\1\0\0\2\x7f", 8);
	cleanup(&made);
}

static void
digit_packets(void **state)
{
	struct made made;
	int64_t time_ns;
	uint32_t n;
	const uint8_t *p;

	setup(&made, CALL "media c caller from 0 to 1 tone 0 digit \"#\" at "
			  "0.1 " MEDIA " ts 0");
	assert_int_equal(mkpcap_packets(made.capture), 50);
	p = frame(&made, 5, &n, &time_ns);
	assert_int_equal(n, 42 + 16);
	assert_memory_equal(p + 43, "\xe5", 1); /* marker, type 101 */
	assert_memory_equal(p + 46, "\0\0\3\x20", 4);
	assert_memory_equal(p + 54, "\13\12\0\xa0", 4);
	p = frame(&made, 12, &n, &time_ns); /* the last of three ends */
	assert_memory_equal(p + 46, "\0\0\3\x20", 4);
	assert_memory_equal(p + 54, "\13\x8a\3\x20", 4);
	p = frame(&made, 13, &n, &time_ns);
	assert_memory_equal(p + 46, "\0\0\x08\x20", 4);
	assert_int_equal(n, 42 + 172);
	cleanup(&made);
}

/* How much of a frequency is in a packet of PCMU, of what mkpcap's tones have.
 */
static double
share(const uint8_t *payload, double hz)
{
	double re = 0, im = 0;

	for (unsigned i = 0; i < 160; i++) {
		unsigned code = ~payload[i] & 0xff;
		double x =
		    ((((code & 15) << 3) + 0x84) << (code >> 4 & 7)) - 0x84;

		x = code & 0x80 ? -x : x;
		re += x * cos(2 * M_PI * hz * i / 8000);
		im += x * sin(2 * M_PI * hz * i / 8000);
	}
	return sqrt(re * re + im * im) / 80 / 8000;
}

/* From 0.11 to 0.21: in the middle of packets. */
static void
heard_digit(void **state)
{
	struct made made;
	int64_t time_ns;
	uint32_t n, i;

	setup(&made, CALL "media c caller from 0 to 1 tone 400 codec PCMU "
			  "digit C heard at 0.11 " MEDIA);
	assert_int_equal(mkpcap_packets(made.capture), 50);
	for (i = 0; i < 20; i++) {
		const uint8_t *p = frame(&made, i, &n, &time_ns) + 54;
		double want = i < 5 || i > 10 ? 0 : i == 5 || i == 10 ? 0.5 : 1;

		assert_int_equal(n, 42 + 172);
		assert_true(fabs(share(p, 852) - want) < 0.1);
		assert_true(fabs(share(p, 1633) - want) < 0.1);
		assert_true(fabs(share(p, 400) - (1 - want)) < 0.1);
	}
	cleanup(&made);
}

static void
pattern_packets(void **state)
{
	struct made made;
	int64_t time_ns;
	uint32_t n;
	const uint8_t *p;

	setup(&made,
	      CALL "media c caller from 1 to 2 pattern 0102fe then "
		   "A0b1c2d3e4f506 at 1.11 digit 1 at 1.5 digit 2 heard at "
		   "1.81 " MEDIA);
	assert_int_equal(mkpcap_packets(made.capture), 50);
	p = frame(&made, 0, &n, &time_ns);
	assert_int_equal(n, 42 + 172);
	assert_memory_equal(p + 54, "\1\2\xfe\1\2\xfe\1", 7);
	/* 160 bytes are no multiple of three: it goes on where it was */
	p = frame(&made, 1, &n, &time_ns);
	assert_memory_equal(p + 54, "\2\xfe\1", 3);
	p = frame(&made, 5, &n, &time_ns);
	assert_memory_equal(p + 54, "\xfe\1\2", 3);
	/* the first packet that begins no earlier */
	p = frame(&made, 6, &n, &time_ns);
	assert_memory_equal(p + 54, "\xa0\xb1\xc2\xd3\xe4\xf5\6\xa0", 8);
	p = frame(&made, 25, &n, &time_ns);
	assert_int_equal(n, 42 + 16);
	/* a key is heard instead from the middle of this one on */
	p = frame(&made, 40, &n, &time_ns);
	assert_memory_equal(p + 54, "\xb1\xc2", 2);
	assert_memory_equal(p + 54 + 78, "\xc2\xd3", 2);
	assert_int_not_equal(p[54 + 80] << 8 | p[54 + 81], 0xe4f5);
	p = frame(&made, 46, &n, &time_ns);
	assert_memory_equal(p + 54, "\xc2\xd3", 2);
	cleanup(&made);
}

static uint16_t
seq(const struct made *made, unsigned nth, int64_t *time_ns)
{
	uint32_t n;
	const uint8_t *p = frame(made, nth, &n, time_ns);

	return (uint16_t)(p[44] << 8 | p[45]);
}

static void
impairments(void **state)
{
	static const uint16_t order[] = { 0, 1, 3, 2, 4, 4, 8, 9, 7 };
	struct made made;
	int64_t time_ns;

	/* 1 to 10: 6 and 7 are lost, 3 after 4, 5 twice, 8 late */
	setup(&made, CALL "media c caller from 0 to 0.2 tone 440 seq 0 " MEDIA
			  " loss 6-7 reorder 3 dup 5 late 8 by 50ms");
	assert_int_equal(mkpcap_packets(made.capture), 9);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(seq(&made, i, &time_ns), order[i]);
	assert_int_equal(time_ns, 190 * MS_NS);
	seq(&made, 3, &time_ns);
	assert_int_equal(time_ns, 65 * MS_NS);
	assert_int_equal(made.counts_count, 1);
	assert_int_equal(made.counts->packets, 8);
	assert_int_equal(made.counts->lost, 2);
	assert_int_equal(made.counts->duplicate, 1);
	assert_int_equal(made.counts->reordered, 1);
	assert_int_equal(made.counts->late, 1);
	assert_int_equal(made.counts->first_ns, 0);
	assert_int_equal(made.counts->last_ns, 190 * MS_NS);
	cleanup(&made);
}

/* What is lost before the first or after the last packet cannot be told. */
static void
loss_at_ends(void **state)
{
	struct made made;

	setup(&made, CALL "media c caller from 0 to 0.2 tone 440 " MEDIA
			  " loss 1,5,10");
	assert_int_equal(made.counts->packets, 7);
	assert_int_equal(made.counts->lost, 1);
	cleanup(&made);
}

static void
repeated(void **state)
{
	struct made made;
	int64_t time_ns;
	uint32_t n;
	const uint8_t *p;

	setup(&made, HOSTS "repeat 3 every 10 ports 4 users 1 tones 7\n"
			   "call c from a:x099 to b:2 id k@a\n"
			   "at 0 c invite rtp 10\n"
			   "at 1 c ok rtp 20\n"
			   "media c caller from 1 to 1.02 tone 440 ssrc 5\n"
			   "end\n");
	assert_int_equal(mkpcap_packets(made.capture), 9);
	assert_string_equal(header(&made, 6, "Call-ID: "), "3-k@a");
	assert_string_equal(header(&made, 6, "INVITE "),
			    "sip:4@10.0.0.2 SIP/2.0");
	assert_non_null(strstr(sip_text(&made, 6), "<sip:x101@"));
	assert_non_null(strstr(sip_text(&made, 6), "m=audio 18 "));
	p = frame(&made, 8, &n, &time_ns);
	assert_int_equal(time_ns, 21 * SECOND_NS);
	assert_memory_equal(p + 34, "\0\22\0\34", 4);
	assert_string_equal(made.counts[2].call, "c-3");
	assert_int_equal(made.counts[2].ssrc, 7);
	cleanup(&made);
}

static void
links(void **state)
{
	static const struct {
		const char *link;
		uint8_t type;
		uint32_t header_bytes;
		const char *header;
	} kinds[] = {
		{ "ethernet vlan 5 vlan 6", 1, 22,
		  "\2\0\12\0\0\2\2\0\12\0\0\1\x81\0\0\5\x81\0\0\6\x08\0" },
		{ "sll", 113, 16, "\0\0\0\1\0\6\2\0\12\0\0\1\0\0\x08\0" },
		{ "sll2", 20, 20,
		  "\x08\0\0\0\0\0\0\2\0\1\0\6\2\0\12\0\0\1\0\0" },
		{ "raw", 101, 0, "" },
	};

	for (size_t i = 0; i < 4; i++) {
		struct made made;
		int64_t time_ns;
		uint32_t n, header_bytes = kinds[i].header_bytes;
		const uint8_t *p;
		char text[200];

		snprintf(text, sizeof(text),
			 HOSTS "link %s\nat 0 a:1 -> b:2 bytes 00\n",
			 kinds[i].link);
		setup(&made, text);
		p = frame(&made, 0, &n, &time_ns);
		assert_int_equal((uint8_t)made.pcap[20], kinds[i].type);
		assert_int_equal(n, header_bytes + 29);
		assert_memory_equal(p, kinds[i].header, header_bytes);
		assert_int_equal(p[header_bytes], 0x45);
		cleanup(&made);
	}
}

static uint32_t
ones_sum(const uint8_t *p, uint32_t n)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* With its pseudo header a right datagram sums up to 0xffff. */
static void
checksums(void **state)
{
	struct made made;
	int64_t time_ns;
	uint32_t n;
	uint8_t pseudo[64] = { 0 };
	const uint8_t *p;

	setup(&made, "link raw\n" HOSTS "at 0 a:1 -> b:2 bytes 123456\n"
		     "host v 2001:db8::1\nhost w 2001:db8::2\n"
		     "at 1 v:1 -> w:2 bytes 123456\n");
	p = frame(&made, 0, &n, &time_ns);
	assert_int_equal(ones_sum(p, 20), 0xffff);
	memcpy(pseudo, p + 12, 8);
	pseudo[9] = 17;
	pseudo[11] = 11;
	memcpy(pseudo + 12, p + 20, 11);
	assert_int_equal(ones_sum(pseudo, 24), 0xffff);
	p = frame(&made, 1, &n, &time_ns);
	assert_int_equal(n, 40 + 11);
	assert_memory_equal(p, "\x60\0\0\0\0\x0b\x11\x40", 8);
	memset(pseudo, 0, sizeof(pseudo));
	memcpy(pseudo, p + 8, 32);
	pseudo[35] = 11;
	pseudo[39] = 17;
	memcpy(pseudo + 40, p + 40, 11);
	assert_int_equal(ones_sum(pseudo, 52), 0xffff);
	cleanup(&made);
}

static void
out_of_memory(void **state)
{
	static const char text[] =
	    CALL "at 0 c invite rtp 10\nat 0 a -> b bytes 00\n"
		 "media c caller from 0 to 0.1 tone 440 " MEDIA;
	struct made made;
	struct mkpcap_errors errors;
	unsigned allocations;

	setup(&made, text);
	mkpcap_capture_free(&made.capture);
	testing_fail_allocation(0);
	assert_int_equal(mkpcap_build(&made.capture, made.script, &errors), 0);
	allocations = testing_allocations();
	assert_true(allocations >= 12);
	for (unsigned i = 1; i <= allocations; i++) {
		mkpcap_capture_free(&made.capture);
		testing_fail_allocation(i);
		assert_int_equal(
		    mkpcap_build(&made.capture, made.script, &errors), -ENOMEM);
		assert_null(made.capture);
	}
	testing_fail_allocation(0);
	cleanup(&made);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(invite_text),
		cmocka_unit_test(dialog),
		cmocka_unit_test(dialog_ends),
		cmocka_unit_test(glare),
		cmocka_unit_test(references),
		cmocka_unit_test(references_repeated),
		cmocka_unit_test(hand_written),
		cmocka_unit_test(build_mistakes),
		cmocka_unit_test(rtp_packets),
		cmocka_unit_test(digit_packets),
		cmocka_unit_test(heard_digit),
		cmocka_unit_test(pattern_packets),
		cmocka_unit_test(impairments),
		cmocka_unit_test(loss_at_ends),
		cmocka_unit_test(repeated),
		cmocka_unit_test(links),
		cmocka_unit_test(checksums),
		cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
