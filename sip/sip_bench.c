/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What SIP costs the control thread: one INVITE with SDP by libosip2 and by
 * the tolerant scan, its SDP, and from the prefilter on; a whole call of seven
 * messages through the tracker with 20,000 dialogs open, and their memory; a
 * tick; and a flood of INVITEs that nobody answers, beside calls that go on,
 * also of such as want to be linked to others by all there is. And what it
 * costs a capture thread to take messages out of a stream: in segments, and
 * byte by byte, where a byte may not cost more in a longer message.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sip/sip_priv.h"

#define STREAM_BYTES ((size_t)4 << 20)
#define ROUNDS       100000
#define MS           INT64_C(1000000)
/* 500 set-ups a second, of calls that ring 5 s and are over after 40 s */
#define SETUP_NS      (2 * MS)
#define CALLS_RINGING 2500U
#define CALLS_OPEN    20000U
#define CALLS         40000U
/* 10,000 INVITEs a second, beside calls that go on */
#define FLOOD         200000U
#define FLOOD_NS      (MS / 10)
#define FLOOD_TALKING 1000U
#define FLOOD_RINGING 1000U

/** Of this process: others may share the core. */
static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void
report(const char *name, int64_t start_ns, size_t count)
{
	printf("%-34s %8.0f ns\n", name,
	       (double)(now_ns() - start_ns) / (double)count);
}

static void
report_rate(const char *name, int64_t start_ns, size_t count, const char *what)
{
	double ns = (double)(now_ns() - start_ns) / (double)count;

	printf("%-34s %8.0f ns\n%-34s %8.0f %s/s\n", name, ns, "", 1e9 / ns,
	       what);
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

#define ANY_CALL      99999999U
#define ANY_CALL_TEXT "99999999"
#define DIGITS        (sizeof(ANY_CALL_TEXT) - 1)

/** A message of a call. */
struct step {
	const char *start, *cseq;
	const char *to_tag; /* "" before there is one, else what it begins by */
	bool sdp;
	const char *more; /* headers; NULL: none */
};

static const struct step flow[] = {
	{ "INVITE sip:2002@pbx.example SIP/2.0", "1 INVITE", "", true, NULL },
	{ "SIP/2.0 100 Trying", "1 INVITE", "", false, NULL },
	{ "SIP/2.0 180 Ringing", "1 INVITE", ";tag=as", false, NULL },
	{ "SIP/2.0 200 OK", "1 INVITE", ";tag=as", true, NULL },
	{ "ACK sip:2002@pbx.example SIP/2.0", "1 ACK", ";tag=as", false, NULL },
	{ "BYE sip:2002@pbx.example SIP/2.0", "2 BYE", ";tag=as", false, NULL },
	{ "SIP/2.0 200 OK", "2 BYE", ";tag=as", false, NULL },
};
#define FLOW (sizeof(flow) / sizeof(flow[0]))

/* The same id for all, one of its own, a call to take the place of that goes on
 * (the first of those beside a flood), and the same call to be replaced by who
 * is referred. */
static const struct step linking[] = {
	{ "INVITE sip:2002@pbx.example SIP/2.0", "1 INVITE", "", true,
	  "Session-ID: 0123456789abcdef01234567" ANY_CALL_TEXT "\r\n"
	  "P-Charging-Vector: icid-value=12345678;icid-generated-at=10.0.0.1\r\n"
	  "Cisco-Guid: 1-2-3-4-5\r\n"
	  "Replaces: a84b4c76e6671000200000@10.0.0.1;to-tag=as00200000;"
	  "from-tag=00200000\r\n" },
	{ "REFER sip:2002@pbx.example SIP/2.0", "2 REFER", ";tag=as", false,
	  "Refer-To: <sip:" ANY_CALL_TEXT "@pbx.example?Replaces="
	  "a84b4c76e6671000200000%4010.0.0.1%3Bto-tag%3Das00200000%3Bfrom-tag"
	  "%3D00200000>\r\n" },
};

/** @param call makes tags, branch and Call-ID */
static size_t
write_message(char *text, size_t room, const struct step *step, unsigned call)
{
	char tag[16] = "";
	int n;

	if (*step->to_tag)
		snprintf(tag, sizeof(tag), "%08u", call);
	n = snprintf(
	    text, room,
	    "%s\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK%08u;rport\r\n"
	    "Max-Forwards: 70\r\nContact: <sip:2001@10.0.0.1:5060>\r\n"
	    "To: <sip:2002@pbx.example>%s%s\r\n"
	    "From: \"Anne\" <sip:2001@pbx.example>;tag=%08u\r\n"
	    "Call-ID: a84b4c76e66710%08u@10.0.0.1\r\nCSeq: %s\r\n"
	    "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO\r\n"
	    "User-Agent: A desk telephone of some kind/4.7.1\r\n"
	    "%s%sContent-Length: %zu\r\n\r\n%s",
	    step->start, call, step->to_tag, tag, call, call, step->cseq,
	    step->more ? step->more : "",
	    step->sdp ? "Content-Type: application/sdp\r\n" : "",
	    step->sdp ? sizeof(sdp_text) - 1 : (size_t)0,
	    step->sdp ? sdp_text : "");

	return (size_t)n;
}

/** A message written once, whose call is changed in place: writing it anew
 * takes as long as reading it. */
struct template
{
	char text[2048];
	size_t n;
	char *digits[8]; /* where the call stands */
	size_t count;
};

static void
template_write(struct template *t, const struct step *step)
{
	t->count = 0;
	t->n = write_message(t->text, sizeof(t->text), step, ANY_CALL);
	for (char *p = t->text; (p = strstr(p, ANY_CALL_TEXT)); p += DIGITS) {
		if (t->count == sizeof(t->digits) / sizeof(t->digits[0]))
			abort();
		t->digits[t->count++] = p;
	}
}

static void
template_set(struct template *t, unsigned call)
{
	char digits[DIGITS];

	for (size_t i = DIGITS; i-- > 0; call /= 10)
		digits[i] = (char)('0' + call % 10);
	for (size_t i = 0; i < t->count; i++)
		memcpy(t->digits[i], digits, DIGITS);
}

static const struct sip_config limits = { .message_bytes_max = 65535,
					  .headers_max = 256,
					  .line_bytes_max = 8192,
					  .separators_max = 512 };

static void
bench_parse(void)
{
	static struct sip_sdp sdp;
	struct sip_parser *parser;
	struct sip_config none = limits;
	struct sip_msg msg;
	char text[4096];
	size_t n = write_message(text, sizeof(text), &flow[0], 1);

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

/** INVITEs, each of another call, as they come from a capture thread: is it
 * SIP, and what does it say, its SDP too. */
static void
bench_invites(void)
{
	static struct template invite;
	static struct sip_sdp sdp;
	struct sip_parser *parser;
	int64_t start;

	template_write(&invite, &flow[0]);
	if (sip__parser_new(&parser, &limits))
		abort();
	start = now_ns();
	for (unsigned i = 0; i < ROUNDS; i++) {
		const struct sip_text text = { invite.text, invite.n };
		struct sip_glance glance;
		struct sip_msg msg;

		template_set(&invite, i);
		if (sip_prefilter((const uint8_t *)text.p, text.n, &glance) !=
			1 ||
		    sip__msg_parse(parser, &msg, text, 0) ||
		    msg.reading != SIP_READ ||
		    sip__sdp_parse(&sdp, msg.sdp, false))
			abort();
	}
	report_rate("INVITE, prefilter to SDP", start, ROUNDS, "INVITEs");
	sip__parser_free(&parser);
}

static void
ignore(void *ctx, const struct sip_event *event)
{
	(void)event;
	++*(unsigned *)ctx;
}

static void
put(struct sip_tracker *tracker, struct template *message, unsigned call,
    int64_t time_ns)
{
	static const struct capture_endpoint ends[2] = {
		{ .addr = { [15] = 1 } }, { .addr = { [15] = 2 } }
	};
	bool response = message->text[0] == 'S';
	const struct capture_pkt pkt = { .time_ns = time_ns,
					 .payload = (uint8_t *)message->text,
					 .payload_bytes = (uint32_t)message->n,
					 .src = ends[response],
					 .dst = ends[!response] };

	template_set(message, call);
	if (sip_tracker_input(tracker, &pkt))
		abort();
}

/** What malloc gave out, large blocks too. */
static size_t
heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static struct sip_tracker *
tracker_new(unsigned *events)
{
	const struct sip_config config = { .calls_max = CALLS_OPEN };
	struct sip_tracker *tracker;

	if (sip_tracker_new(&tracker, &config, ignore, events))
		abort();
	return tracker;
}

/**
 * One set-up every 2 ms: a call begins as another is answered and a third is
 * over. The one that is over goes first: CALLS_OPEN is all there is room for.
 */
static void
set_up(struct sip_tracker *tracker, struct template *messages, unsigned call)
{
	int64_t time_ns = call * SETUP_NS;

	if (call >= CALLS_OPEN)
		for (size_t i = 5; i < FLOW; i++)
			put(tracker, &messages[i], call - CALLS_OPEN, time_ns);
	for (size_t i = 0; i < 3; i++)
		put(tracker, &messages[i], call, time_ns);
	if (call >= CALLS_RINGING)
		for (size_t i = 3; i < 5; i++)
			put(tracker, &messages[i], call - CALLS_RINGING,
			    time_ns);
	sip_tracker_tick(tracker, time_ns);
}

/** Nothing to do for a tick; and then every call is too old at once. */
static void
bench_tick(struct sip_tracker *tracker, int64_t time_ns)
{
	int64_t start = now_ns();

	for (unsigned i = 0; i < ROUNDS; i++)
		sip_tracker_tick(tracker, time_ns);
	report("a tick, none of the calls ends", start, ROUNDS);
	start = now_ns();
	sip_tracker_tick(tracker, time_ns + 3600 * 1000 * MS);
	report("a tick, all of them, each", start, CALLS_OPEN);
	if (sip_tracker_calls(tracker))
		abort();
}

static void
bench_dialogs(void)
{
	static struct template messages[FLOW];
	size_t before = heap_bytes();
	unsigned events = 0, call = 0;
	struct sip_tracker *tracker = tracker_new(&events);
	const struct sip_counters *counters =
	    sip_tracker_counters_peek(tracker);
	size_t empty = heap_bytes();
	int64_t start;

	for (size_t i = 0; i < FLOW; i++)
		template_write(&messages[i], &flow[i]);
	for (; call < CALLS_OPEN; call++)
		set_up(tracker, messages, call);
	start = now_ns();
	for (; call < CALLS_OPEN + CALLS; call++)
		set_up(tracker, messages, call);
	report("a call of 7 messages, tracker", start, CALLS);
	report_rate("a message of it", start, CALLS * FLOW, "messages");
	printf("%-34s %8u dialogs open, %" PRIu64 " calls shed, %" PRIu64
	       " strays, %u events\n",
	       "", sip_tracker_calls(tracker), counters->calls_shed,
	       counters->stray, events);
	printf("%-34s %8zu bytes, and %zu for the tracker itself\n",
	       "memory of a dialog", (heap_bytes() - empty) / CALLS_OPEN,
	       empty - before);
	printf("%-34s %8zu bytes, and %zu for each of 2 streams\n",
	       "of it, the state of a call", sizeof(struct sip_call_state),
	       sizeof(struct sip_stream));
	if (sip_tracker_calls(tracker) != CALLS_OPEN || counters->calls_shed)
		abort();
	bench_tick(tracker, call * SETUP_NS);
	sip_tracker_free(&tracker);
}

/** Calls that were there before the flood. */
static unsigned
begin_calls(struct sip_tracker *tracker)
{
	static struct template message;
	unsigned call;

	for (size_t i = 0; i < 5; i++) {
		template_write(&message, &flow[i]);
		for (call = 0; call < FLOOD_TALKING + FLOOD_RINGING; call++)
			if (i < 3 || call < FLOOD_TALKING)
				put(tracker, &message, FLOOD + call, 0);
	}
	return call;
}

/** @return how many of them have ended */
static unsigned
count_gone(struct sip_tracker *tracker, unsigned calls)
{
	unsigned gone = 0;

	for (uint64_t number = 1; number <= calls; number++)
		gone += !sip__call_find(tracker, number);
	return gone;
}

/** Tells a flood in parts, as long as all that there is room for each. */
static void
report_flood(const char *name, unsigned call, int64_t start, size_t bytes,
	     uint64_t shed)
{
	char text[64];

	snprintf(text, sizeof(text), "%s up to %u", name, call);
	report(text, start, CALLS_OPEN);
	printf("%-34s %8zu KiB, %" PRIu64 " calls shed\n", "", bytes >> 10,
	       shed);
}

/**
 * Calls that nobody answers, far more than there is room for: one may cost no
 * more when another has to give way for it, and no other call may.
 *
 * @param steps [count] of each
 */
static void
bench_flood(const char *name, const struct step *steps, size_t count)
{
	static struct template messages[2];
	unsigned events = 0, call = 0, calls, gone;
	struct sip_tracker *tracker = tracker_new(&events);
	const struct sip_counters *counters =
	    sip_tracker_counters_peek(tracker);
	size_t empty = heap_bytes(), full = 0, bytes = 0;

	calls = begin_calls(tracker);
	for (size_t i = 0; i < count; i++)
		template_write(&messages[i], &steps[i]);
	for (unsigned part = 1; part <= FLOOD / CALLS_OPEN; part++) {
		int64_t start = now_ns();

		for (; call < part * CALLS_OPEN; call++)
			for (size_t i = 0; i < count; i++)
				put(tracker, &messages[i], call,
				    call * FLOOD_NS);
		bytes = heap_bytes() - empty;
		full = part == 2 ? bytes : full;
		if (part <= 2 || part == FLOOD / CALLS_OPEN)
			report_flood(name, call, start, bytes,
				     counters->calls_shed);
	}
	gone = count_gone(tracker, calls);
	printf("%-34s %8u of %u\n", "calls in progress that it ended", gone,
	       calls);
	if (gone || counters->calls_shed != FLOOD + calls - CALLS_OPEN ||
	    bytes > full + full / 8 ||
	    counters->calls_linked != (count > 1 ? FLOOD : 0))
		abort();
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
	size_t n = write_message(text, sizeof(text), &flow[0], 1);
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

			snprintf(name, sizeof(name), "a message, %s, by %u",
				 masked ? "WebSocket" : "TCP", sizes[i]);
			report_rate(name, start, messages, "messages");
		}
	}
	bench_single_bytes();
}

int
main(void)
{
	bench_parse();
	bench_invites();
	bench_dialogs();
	bench_flood("flood, INVITE", flow, 1);
	bench_flood("flood, INVITE and REFER", linking, 2);
	bench_streams();
	return 0;
}
