/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What SIP costs the control thread: one INVITE with SDP by libosip2 and by
 * the tolerant scan, its SDP, and a whole call of seven messages through the
 * tracker, with 10,000 other calls open (that includes writing their text). And
 * what it costs a capture thread to take messages out of a stream: in segments,
 * and byte by byte, where a byte may not cost more in a longer message.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sip/sip_priv.h"

#define STREAM_BYTES ((size_t)4 << 20)
#define ROUNDS       100000
#define CALLS        20000
#define CALLS_OPEN   10000
#define MS           INT64_C(1000000)

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void
report(const char *name, int64_t start_ns, unsigned count)
{
	printf("%-34s %8.0f ns\n", name, (double)(now_ns() - start_ns) / count);
}

static const char sdp_text[] =
    "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=call\r\n"
    "c=IN IP4 10.0.0.1\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 8 0 9 101\r\n"
    "a=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:9 G722/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

/** @param call makes tags, branch and Call-ID */
static size_t
write_message(char *text, size_t room, const char *start, const char *cseq,
	      unsigned call, bool sdp)
{
	int n = snprintf(
	    text, room,
	    "%s\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK%u;rport\r\n"
	    "Max-Forwards: 70\r\nContact: <sip:2001@10.0.0.1:5060>\r\n"
	    "To: <sip:2002@pbx.example>\r\n"
	    "From: \"Anne\" <sip:2001@pbx.example>;tag=%u\r\n"
	    "Call-ID: a84b4c76e66710%u@10.0.0.1\r\nCSeq: %s\r\n"
	    "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO\r\n"
	    "User-Agent: A desk telephone of some kind/4.7.1\r\n"
	    "%sContent-Length: %zu\r\n\r\n%s",
	    start, call, call, call, cseq,
	    sdp ? "Content-Type: application/sdp\r\n" : "",
	    sdp ? sizeof(sdp_text) - 1 : (size_t)0, sdp ? sdp_text : "");

	return (size_t)n;
}

static void
bench_parse(void)
{
	static const struct sip_config limits = { .message_bytes_max = 65535,
						  .headers_max = 256,
						  .line_bytes_max = 8192,
						  .separators_max = 512 };
	static struct sip_sdp sdp;
	struct sip_parser *parser;
	struct sip_config none = limits;
	struct sip_msg msg;
	char text[4096];
	size_t n = write_message(text, sizeof(text),
				 "INVITE sip:2002@pbx.example SIP/2.0",
				 "1 INVITE", 1, true);

	none.headers_max = 1;
	for (int scan = 0; scan < 2; scan++) {
		int64_t start = now_ns();

		if (sip__parser_new(&parser, scan ? &none : &limits))
			abort();
		for (unsigned i = 0; i < ROUNDS; i++)
			if (sip__msg_parse(parser, &msg,
					   (struct sip_text){ text, n }, 0))
				abort();
		report(scan ? "INVITE, tolerant scan" : "INVITE, libosip2",
		       start, ROUNDS);
		if (!scan) {
			start = now_ns();
			for (unsigned i = 0; i < ROUNDS; i++)
				if (sip__sdp_parse(&sdp, msg.sdp, false))
					abort();
			report("SDP", start, ROUNDS);
		}
		sip__parser_free(&parser);
	}
}

static void
ignore(void *ctx, const struct sip_event *event)
{
	(void)event;
	++*(unsigned *)ctx;
}

static const struct {
	const char *start, *cseq;
	bool sdp;
} flow[] = {
	{ "INVITE sip:2002@pbx.example SIP/2.0", "1 INVITE", true },
	{ "SIP/2.0 100 Trying", "1 INVITE", false },
	{ "SIP/2.0 180 Ringing", "1 INVITE", false },
	{ "SIP/2.0 200 OK", "1 INVITE", true },
	{ "ACK sip:2002@pbx.example SIP/2.0", "1 ACK", false },
	{ "BYE sip:2002@pbx.example SIP/2.0", "2 BYE", false },
	{ "SIP/2.0 200 OK", "2 BYE", false },
};
#define FLOW (sizeof(flow) / sizeof(flow[0]))

static void
put(struct sip_tracker *tracker, unsigned call, size_t step, int64_t time_ns)
{
	char text[4096];
	size_t n = write_message(text, sizeof(text), flow[step].start,
				 flow[step].cseq, call, flow[step].sdp);
	const struct capture_pkt pkt = { .time_ns = time_ns,
					 .payload = (uint8_t *)text,
					 .payload_bytes = (uint32_t)n,
					 .src = { .addr = { [15] = 1 } },
					 .dst = { .addr = { [15] = 2 } } };

	if (sip_tracker_input(tracker, &pkt))
		abort();
}

static void
bench_tracker(void)
{
	struct sip_tracker *tracker;
	unsigned events = 0;
	int64_t start;

	if (sip_tracker_new(&tracker, NULL, ignore, &events))
		abort();
	for (unsigned i = 0; i < CALLS_OPEN; i++)
		for (size_t step = 0; step < 5; step++)
			put(tracker, i, step, MS);
	start = now_ns();
	for (unsigned i = 0; i < CALLS; i++) {
		for (size_t step = 0; step < FLOW; step++)
			put(tracker, CALLS_OPEN + i, step, i * MS);
		sip_tracker_tick(tracker, i * MS);
	}
	report("a call of 7 messages, tracker", start, CALLS);
	printf("%-34s %8u calls, %u events\n", "", CALLS, events);
	printf("%-34s %8zu bytes, and %zu for each stream\n",
	       "memory of a call", sizeof(struct sip_call_state),
	       sizeof(struct sip_stream));
	sip_tracker_free(&tracker);
}

/* ---- streams ------------------------------------------------------------- */

static uint8_t stream[STREAM_BYTES];

static void
count_message(void *ctx, const struct capture_tcp_piece *piece,
	      const uint8_t *message, uint32_t bytes, uint32_t missing_bytes)
{
	(void)piece;
	(void)message;
	(void)bytes;
	(void)missing_bytes;
	++*(unsigned *)ctx;
}

/* All of a stream, in pieces of so many bytes. @return messages */
static unsigned
read_stream(size_t n, uint32_t size)
{
	static uint8_t scratch[SIP_STREAM_MESSAGE_MAX];
	_Alignas(8) uint8_t state[CAPTURE_TCP_READER_BYTES] = { 0 };
	struct capture_endpoint ends[2] = { 0 };
	struct sip_stream_counters counters = { 0 };
	unsigned messages = 0;
	const struct sip_stream_reader reader = { count_message, &messages,
						  &counters, scratch };
	bool keep = false;
	struct capture_tcp_piece piece = {
		.src = &ends[0],
		.dst = &ends[1],
		.bytes = stream,
		.reader = state,
		.keep = &keep,
	};
	int64_t consumed;

	for (size_t at = 0; at < n;) {
		uint32_t more = n - at < size ? (uint32_t)(n - at) : size;

		at += more;
		piece.count += more;
		consumed = sip_stream_input(&piece, &reader);
		if (consumed < 0)
			abort();
		piece.bytes += consumed;
		piece.count -= (uint32_t)consumed;
	}
	return messages;
}

/* As many as fit. @param masked in frames of WebSocket, of a client */
static size_t
fill_stream(bool masked)
{
	static const char upgrade[] = "GET / HTTP/1.1\r\nUpgrade: websocket\r\n"
				      "Sec-WebSocket-Protocol: sip\r\n\r\n";
	uint8_t frame[8] = { 0x81, 0xfe, 0, 0, 1, 2, 3, 4 };
	char text[4096];
	size_t n = write_message(text, sizeof(text),
				 "INVITE sip:2002@pbx.example SIP/2.0",
				 "1 INVITE", 1, true);
	size_t at = 0;

	if (masked) {
		frame[2] = (uint8_t)(n >> 8);
		frame[3] = (uint8_t)n;
		for (size_t i = 0; i < n; i++)
			text[i] = (char)(text[i] ^ frame[4 + i % 4]);
		memcpy(stream, upgrade, sizeof(upgrade) - 1);
		at = sizeof(upgrade) - 1;
	}
	while (at + sizeof(frame) + n <= STREAM_BYTES) {
		if (masked)
			memcpy(stream + at, frame, sizeof(frame));
		at += masked ? sizeof(frame) : 0;
		memcpy(stream + at, text, n);
		at += n;
	}
	return at;
}

/* What a byte costs that comes alone, by the length of the message: of one of
 * many lines, of one long line, and of a long body. */
static void
bench_single_bytes(void)
{
	static const struct {
		const char *name, *start, *more, *end;
	} kinds[] = {
		{ "lines", "SIP/2.0 200 OK\r\n", "X: y\r\n", "\r\n" },
		{ "one line", "SIP/2.0 200 OK\r\nX: ", "xxxxxx", "\r\n\r\n" },
		{ "a body", "SIP/2.0 200 OK\r\nc:x\r\n\r\n", "xxxxxx",
		  "\r\nBYE sip:a@b SIP/2.0\r\n" },
	};
	static const size_t lengths[] = { 1000, 8000, 60000 };
	char name[64];

	for (size_t i = 0; i < 9; i++) {
		size_t k = i / 3, n = lengths[i % 3];
		unsigned rounds = (unsigned)(4000000 / n);
		FILE *f = fmemopen(stream, STREAM_BYTES, "w");
		int64_t start;

		if (!f)
			abort();
		fputs(kinds[k].start, f);
		while (ftell(f) < (long)n)
			fputs(kinds[k].more, f);
		fputs(kinds[k].end, f);
		n = (size_t)ftell(f);
		fclose(f);
		start = now_ns();
		for (unsigned round = 0; round < rounds; round++)
			if (read_stream(n, 1) != 1)
				abort();
		snprintf(name, sizeof(name), "a byte alone, %zu of %s", n,
			 kinds[k].name);
		report(name, start, (unsigned)(rounds * n));
	}
}

static void
bench_streams(void)
{
	static const uint32_t sizes[] = { 1460, 64, 1 };
	char name[64];

	for (int masked = 0; masked < 2; masked++) {
		size_t n = fill_stream(masked);

		for (size_t i = 0; i < 3; i++) {
			int64_t start = now_ns();
			unsigned messages = read_stream(n, sizes[i]);
			double seconds = (double)(now_ns() - start) / 1e9;

			snprintf(name, sizeof(name), "a message, %s, by %u",
				 masked ? "WebSocket" : "TCP", sizes[i]);
			report(name, start, messages);
			printf("%-34s %8.0f messages/s\n", "",
			       messages / seconds);
		}
	}
	bench_single_bytes();
}

int
main(void)
{
	bench_parse();
	bench_tracker();
	bench_streams();
	return 0;
}
