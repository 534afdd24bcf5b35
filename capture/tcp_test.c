/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TCP connections: what their reader is given, whatever happens to the
 * segments on the way. The reader here writes down what it gets, "|" where it
 * is told of a hole, and "." after its last word: what it waited with.
 */
#include "capture/tcp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

static const int64_t MS_NS = 1000000;

enum { LOG_MAX = 300000, CONNECTIONS = 8, STREAM_BYTES = 16384 };

/* What was read of one direction. */
struct log {
	char text[LOG_MAX];
	uint32_t n;
	unsigned quiet, full;
};

static struct log logs[2]; /* from the client, from the server */
static struct capture_tcp *tcp;
static int64_t now_ns;

/* How the reader behaves. */
static uint32_t consume_from; /* it waits until so many bytes are there */
static bool ignoring;
static bool keeping;

static void
note(struct log *log, const void *bytes, uint32_t n)
{
	assert_true(log->n + n < LOG_MAX);
	memcpy(log->text + log->n, bytes, n);
	log->n += n;
	log->text[log->n] = '\0';
}

static int64_t
on_piece(void *ctx, const struct capture_tcp_piece *piece)
{
	struct log *log = &logs[piece->src->port == 5060];
	uint8_t *reader = piece->reader;

	/* The state is the direction's own, and zero at first. */
	assert_true(reader[0] == 0 || reader[0] == piece->src->port % 251);
	reader[0] = (uint8_t)(piece->src->port % 251);
	assert_ptr_equal((void *)((uintptr_t)reader & ~(uintptr_t)7), reader);
	log->quiet += piece->quiet;
	log->full += piece->full;
	if (ignoring)
		return CAPTURE_TCP_IGNORE;
	if (keeping)
		*piece->keep = true;
	if (piece->gap)
		note(log, "|", 1);
	if (piece->count < consume_from && !piece->last && !piece->full)
		return 0;
	note(log, piece->bytes, piece->count);
	if (piece->last)
		note(log, ".", 1);
	return piece->count;
}

static bool
begins(const uint8_t *bytes, uint32_t n)
{
	return n >= 3 && memcmp(bytes, "SIP", 3) == 0;
}

static int
setup(void **state)
{
	const struct capture_tcp_config config = {
		.connections_max = CONNECTIONS,
		.stream_bytes = STREAM_BYTES,
		.total_bytes = 3 * STREAM_BYTES,
		.hash_key = "key",
		.read = on_piece,
		.begins = begins,
	};

	memset(logs, 0, sizeof(logs));
	now_ns = 1000 * MS_NS;
	consume_from = 0;
	ignoring = keeping = false;
	return capture_tcp_new(&tcp, &config);
}

static int
teardown(void **state)
{
	capture_tcp_free(&tcp);
	return 0;
}

static const struct capture_tcp_counters *
counters(void)
{
	return capture_tcp_counters_peek(tcp);
}

/* ---- segments ------------------------------------------------------------ */

static void
segment(bool from_server, uint32_t client_port, uint32_t sequence,
	uint8_t flags, const void *bytes, uint32_t n)
{
	uint8_t *copy = testing_copy(bytes, n);
	struct capture_endpoint client = { .addr = { 10 },
					   .port = (uint16_t)client_port };
	struct capture_endpoint server = { .addr = { 9 }, .port = 5060 };
	struct capture_pkt pkt = {
		.time_ns = now_ns,
		.payload = copy,
		.payload_bytes = n,
		.src = from_server ? server : client,
		.dst = from_server ? client : server,
		.tcp = { .sequence = sequence, .flags = flags },
	};

	capture_tcp_input(tcp, &pkt);
	if (n)
		explicit_bzero(copy, n);
	free(copy);
}

static void
client(uint32_t sequence, const char *text)
{
	segment(false, 40000, sequence, 0, text, (uint32_t)strlen(text));
}

static void
ack_by_server(uint32_t acknowledged)
{
	struct capture_pkt pkt = {
		.time_ns = now_ns,
		.payload = (const uint8_t *)"",
		.src = { .addr = { 9 }, .port = 5060 },
		.dst = { .addr = { 10 }, .port = 40000 },
		.tcp = { .acknowledged = acknowledged,
			 .flags = CAPTURE_TCP_ACK },
	};

	capture_tcp_input(tcp, &pkt);
}

static void
syn(uint32_t sequence)
{
	segment(false, 40000, sequence, CAPTURE_TCP_SYN, "", 0);
}

static void
pass(int64_t ms)
{
	now_ns += ms * MS_NS;
	capture_tcp_tick(tcp, now_ns);
}

#define CLIENT (logs[0].text)
#define SERVER (logs[1].text)

/* ---- in order ------------------------------------------------------------ */

static void
test_in_order(void **state)
{
	syn(99);
	segment(true, 40000, 499, CAPTURE_TCP_SYN | CAPTURE_TCP_ACK, "", 0);
	client(100, "one ");
	segment(true, 40000, 500, 0, "eins ", 5);
	client(104, "two");
	segment(true, 40000, 505, CAPTURE_TCP_FIN, "zwei", 4);
	segment(false, 40000, 107, CAPTURE_TCP_FIN, "", 0);
	assert_string_equal(CLIENT, "one two");
	assert_string_equal(SERVER, "eins zwei");
	assert_int_equal(counters()->connections, 1);
	assert_int_equal(counters()->mid_stream, 0);
}

static void
test_reader_that_waits(void **state)
{
	consume_from = 10;
	syn(99);
	client(100, "abc");
	client(103, "def");
	assert_string_equal(CLIENT, "");
	client(106, "ghijkl");
	assert_string_equal(CLIENT, "abcdefghijkl");
	client(112, "m");
	pass(80);
	assert_int_equal(logs[0].quiet, 0);
	pass(200);
	pass(600);
	assert_int_equal(logs[0].quiet, 1); /* told once */
	assert_string_equal(CLIENT, "abcdefghijkl");
	pass(60000);
	assert_string_equal(CLIENT, "abcdefghijklm.");
	consume_from = 0;
	client(113, "n");
	assert_string_equal(CLIENT, "abcdefghijklm.|n");
}

/* It may be SIP that tells a key of SRTP: nothing of it stays in memory that
 * was given back. */
static void
test_wiped(void **state)
{
	static const char secret[] = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1c";
	char text[1000];

	memset(text, 'x', sizeof(text));
	memcpy(text + 10, secret, sizeof(secret));
	testing_watch_free(secret, sizeof(secret) - 1);
	consume_from = 4000;
	syn(99);
	for (uint32_t i = 0; i < 3; i++)
		segment(false, 40000, 100 + i * 1000, 0, text, 1000);
	/* one that is not in order, too */
	segment(false, 40000, 4100, 0, text, 1000);
	segment(false, 40000, 3100, 0, text, 1000);
	segment(false, 40000, 5100, CAPTURE_TCP_FIN, text, 1000);
	pass(60000);
	assert_int_equal(testing_not_wiped(), 0);
	syn(99);
	client(100, text);
	capture_tcp_free(&tcp);
	assert_int_equal(testing_not_wiped(), 0);
	testing_watch_free(NULL, 0);
}

static void
test_number_wraps(void **state)
{
	syn(UINT32_MAX - 2);
	client(UINT32_MAX - 1, "abc");
	client(4, "gh");
	client(1, "def");
	assert_string_equal(CLIENT, "abcdefgh");
}

/* ---- out of order -------------------------------------------------------- */

static void
test_repeated_and_overlapping(void **state)
{
	syn(99);
	syn(99);
	client(100, "abcd");
	client(100, "abcd");
	client(102, "cdef");
	client(108, "ij");
	client(107, "hijk");
	client(105, "fgh");
	assert_string_equal(CLIENT, "abcdefghijk");
	assert_int_equal(counters()->repeated, 1);
	assert_int_equal(counters()->out_of_order, 2);
	assert_int_equal(counters()->holes, 0);
}

/* The mirror lost it, the receiver has it. */
static void
test_hole_acknowledged(void **state)
{
	syn(99);
	client(100, "abc");
	client(106, "ghi");
	ack_by_server(109);
	pass(150);
	assert_string_equal(CLIENT, "abc");
	pass(100);
	assert_string_equal(CLIENT, "abc|ghi");
	client(109, "jkl");
	client(103, "def"); /* too late */
	assert_string_equal(CLIENT, "abc|ghijkl");
	assert_int_equal(counters()->holes, 1);
}

/* It may be sent again, within bounds. */
static void
test_hole_not_acknowledged(void **state)
{
	syn(99);
	client(100, "abc");
	client(106, "ghi");
	ack_by_server(103);
	pass(1900);
	assert_string_equal(CLIENT, "abc");
	client(103, "def");
	assert_string_equal(CLIENT, "abcdefghi");
	client(112, "mno");
	pass(2100);
	assert_string_equal(CLIENT, "abcdefghi|mno");
}

/* A segment that its receiver never had (out of its window, with a checksum
 * that is wrong, sent by somebody else) makes a hole that nobody fills in time.
 * What is sent in its place later is still read. */
static void
test_hole_that_was_none(void **state)
{
	syn(99);
	client(100, "abc");
	client(2000, "x");
	client(4000, "y");
	client(100 + STREAM_BYTES + 900, "z");
	pass(3000);
	assert_string_equal(CLIENT, "abc|x|y|z");
	ack_by_server(103);
	client(103, "def");
	client(106, "ghi");
	ack_by_server(109);
	assert_string_equal(CLIENT, "abc|x|y|z|defghi");
	client(103, "def"); /* this is there already */
	assert_string_equal(CLIENT, "abc|x|y|z|defghi");
}

/* A SYN that its receiver has refused, and the connection goes on. */
static void
test_syn_that_was_none(void **state)
{
	syn(99);
	client(100, "abc");
	syn(90000);
	client(103, "def");
	client(106, "ghi");
	assert_string_equal(CLIENT, "abc|defghi");
}

/* An acknowledgment of what was never sent is of another connection. */
static void
test_acknowledgment_of_nothing(void **state)
{
	syn(99);
	client(100, "abc");
	ack_by_server(0x10000000);
	client(106, "ghi");
	ack_by_server(103);
	pass(1900);
	client(103, "def");
	assert_string_equal(CLIENT, "abcdefghi");
	/* The same ports, other numbers, and no SYN seen. */
	client(0x90000000, "jkl");
	client(0x90000006, "pqr");
	pass(1900);
	client(0x90000003, "mno");
	assert_string_equal(CLIENT, "abcdefghi|jklmnopqr");
}

static void
test_many_holes(void **state)
{
	char text[2] = "a";
	uint32_t i;

	syn(99);
	for (i = 1; i < 40; i++) {
		text[0] = (char)('a' + i % 26);
		client(100 + 2 * i, text);
	}
	pass(3000);
	/* All of them, each after a hole, and as little kept as is told. */
	assert_int_equal(logs[0].n, 39 * 2);
	assert_int_equal(counters()->holes, 39);
}

/* A hole larger than what is kept, and one that is another connection. */
static void
test_far_ahead(void **state)
{
	syn(99);
	client(100, "abc");
	client(100 + STREAM_BYTES + 5, "def");
	assert_string_equal(CLIENT, "abc|def");
	client(0x80000000, "ghi");
	assert_string_equal(CLIENT, "abc|def|ghi");
	client(5, "jkl");
	assert_string_equal(CLIENT, "abc|def|ghi|jkl");
}

/* ---- beginnings and ends ------------------------------------------------- */

/* Of a connection that began before, the first segments in any order. */
static void
test_mid_stream(void **state)
{
	client(1004, "ef");
	client(1000, "abcd");
	client(1006, "gh");
	assert_string_equal(CLIENT, "");
	pass(250);
	assert_string_equal(CLIENT, "|abcdefgh");
	client(1008, "ij");
	assert_string_equal(CLIENT, "|abcdefghij");
	segment(true, 40000, 500, 0, "xyz", 3);
	assert_int_equal(counters()->mid_stream, 1);
	assert_int_equal(counters()->holes, 0);
}

/* The SYN comes after what follows it. */
static void
test_late_syn(void **state)
{
	client(104, "ef");
	syn(99);
	assert_string_equal(CLIENT, "");
	client(100, "abcd");
	assert_string_equal(CLIENT, "abcdef");

	segment(true, 40000, 500, 0, "abc", 3);
	segment(true, 40000, 499, CAPTURE_TCP_SYN | CAPTURE_TCP_ACK, "", 0);
	segment(true, 40000, 503, 0, "def", 3);
	assert_string_equal(SERVER, "abcdef");
	assert_int_equal(counters()->holes, 0);
}

/* So late that they were told already. */
static void
test_very_late_syn(void **state)
{
	client(100, "abc");
	pass(300);
	syn(99);
	client(103, "def");
	assert_string_equal(CLIENT, "|abcdef");
}

static void
test_syn_with_bytes(void **state)
{
	segment(false, 40000, 99, CAPTURE_TCP_SYN, "abc", 3);
	client(103, "def");
	assert_string_equal(CLIENT, "abcdef");
}

static void
test_ports_used_again(void **state)
{
	syn(99);
	client(100, "abc");
	segment(true, 40000, 499, CAPTURE_TCP_SYN | CAPTURE_TCP_ACK, "", 0);
	segment(true, 40000, 500, 0, "xyz", 3);
	syn(5099);
	segment(true, 40000, 700, CAPTURE_TCP_SYN | CAPTURE_TCP_ACK, "", 0);
	client(5100, "def");
	segment(true, 40000, 701, 0, "uvw", 3);
	assert_string_equal(CLIENT, "abcdef");
	assert_string_equal(SERVER, "xyzuvw");
}

static void
test_fin_before_the_rest(void **state)
{
	syn(99);
	client(100, "abc");
	segment(false, 40000, 106, CAPTURE_TCP_FIN, "ghi", 3);
	client(103, "def");
	assert_string_equal(CLIENT, "abcdefghi");
	/* Copies of what ended it are no new connection. */
	client(103, "def");
	segment(false, 40000, 106, CAPTURE_TCP_FIN, "ghi", 3);
	pass(3000);
	assert_string_equal(CLIENT, "abcdefghi");
	assert_int_equal(counters()->connections, 1);
}

static void
test_fin_after_a_hole(void **state)
{
	syn(99);
	client(100, "abc");
	segment(false, 40000, 106, CAPTURE_TCP_FIN, "", 0);
	pass(2500);
	assert_string_equal(CLIENT, "abc");
}

/* Anybody can send a FIN, too. */
static void
test_fin_that_was_none(void **state)
{
	syn(99);
	client(100, "abc");
	segment(false, 40000, 0x70000000, CAPTURE_TCP_FIN, "", 0);
	pass(3000);
	client(103, "def");
	assert_string_equal(CLIENT, "abcdef");
	segment(false, 40000, 200, CAPTURE_TCP_FIN, "", 0);
	pass(3000);
	client(106, "ghi");
	assert_string_equal(CLIENT, "abcdefghi");
	segment(false, 40000, 109, CAPTURE_TCP_FIN, "", 0);
	client(103, "def");
	client(109, "jkl");
	assert_string_equal(CLIENT, "abcdefghijkl");
	segment(false, 40000, 200, CAPTURE_TCP_FIN, "x", 1);
	pass(3000);
	client(112, "mno");
	assert_string_equal(CLIENT, "abcdefghijkl|x|mno");
}

static void
test_reset(void **state)
{
	consume_from = 100;
	syn(99);
	client(100, "abc");
	segment(false, 40000, 0x70000000, CAPTURE_TCP_RST, "", 0);
	assert_string_equal(CLIENT, ""); /* not for this connection */
	segment(false, 40000, 103, CAPTURE_TCP_RST, "", 0);
	assert_string_equal(CLIENT, "abc.");
	/* It was a lie: there is more. */
	consume_from = 0;
	client(103, "def");
	assert_string_equal(CLIENT, "abc.def");
}

static void
test_finish(void **state)
{
	consume_from = 100;
	syn(99);
	client(100, "abc");
	client(105, "fg");
	capture_tcp_finish(tcp, now_ns);
	assert_string_equal(CLIENT, "abc.|fg.");
}

/* ---- what is of no interest, and limits ---------------------------------- */

static void
test_ignored(void **state)
{
	ignoring = true;
	syn(99);
	client(100, "GET / HTTP/1.1");
	ignoring = false;
	client(114, "abc");
	segment(true, 40000, 500, 0, "xyz", 3);
	pass(500);
	assert_string_equal(CLIENT, "");
	assert_string_equal(SERVER, "");
	/* A new one on the same ports is looked at. */
	syn(7000);
	client(7001, "def");
	assert_string_equal(CLIENT, "def");
}

/* The connection was of no interest; what takes its ports is looked at, and
 * does not go on with what was left of it. */
static void
test_ignored_and_begun_again(void **state)
{
	consume_from = 10;
	syn(99);
	client(100, "abc");
	ignoring = true;
	segment(true, 40000, 500, 0, "x", 1);
	pass(300);
	ignoring = false;
	segment(true, 40000, 899, CAPTURE_TCP_SYN | CAPTURE_TCP_ACK, "", 0);
	client(103, "defghijklmnop");
	pass(300);
	assert_string_equal(CLIENT, "|defghijklmnop");
}

/* It was judged by bytes that came first, and were not of it. */
static void
test_listened_to_again(void **state)
{
	ignoring = true;
	syn(99);
	client(100, "junk");
	ignoring = false;
	client(104, "still junk");
	client(100, "SIP one ");
	client(108, "two");
	pass(300);
	assert_string_equal(CLIENT, "|SIP one two");
}

/* One direction is kept, the other is nothing. */
static void
test_one_direction_ignored(void **state)
{
	keeping = true;
	syn(99);
	client(100, "abc");
	ignoring = true;
	segment(true, 40000, 499, CAPTURE_TCP_SYN | CAPTURE_TCP_ACK, "", 0);
	segment(true, 40000, 500, 0, "xyz", 3);
	ignoring = false;
	segment(true, 40000, 503, 0, "xyz", 3);
	client(103, "def");
	assert_string_equal(CLIENT, "abcdef");
	assert_string_equal(SERVER, "");
}

/* Too many: the oldest of those that nobody keeps goes first. */
static void
test_too_many(void **state)
{
	uint32_t port;

	keeping = true;
	syn(99);
	client(100, "abc");
	keeping = false;
	for (port = 1; port <= 3 * CONNECTIONS; port++)
		segment(false, port, 1, CAPTURE_TCP_SYN, "", 0);
	client(103, "def");
	assert_string_equal(CLIENT, "abcdef");
	assert_int_equal(counters()->connections, 1 + 3 * CONNECTIONS);
	assert_int_equal(counters()->connections_shed, 2 * CONNECTIONS + 1);
}

/* What waits is read before the connection is given up. */
static void
test_too_many_while_it_waits(void **state)
{
	uint32_t port;

	client(1000, "abc");
	client(1005, "fg");
	for (port = 1; port <= CONNECTIONS; port++)
		segment(false, port, 1, CAPTURE_TCP_SYN, "", 0);
	assert_string_equal(CLIENT, "|abc|fg");
}

/* Those that are kept and never end leave room for others. */
static void
test_too_many_kept(void **state)
{
	uint32_t port;

	keeping = true;
	for (port = 1; port <= CONNECTIONS; port++) {
		segment(false, port, 99, CAPTURE_TCP_SYN, "", 0);
		segment(false, port, 100, 0, "x", 1);
	}
	keeping = false;
	logs[0].n = 0;
	syn(99);
	segment(false, 101, 99, CAPTURE_TCP_SYN, "", 0);
	client(100, "abc");
	assert_string_equal(CLIENT, "abc");
	assert_int_equal(counters()->mid_stream, 0);
}

/* A reader that never consumes is told that there is no more room. */
static void
test_full(void **state)
{
	static char block[1000];
	uint32_t i;

	memset(block, 'x', sizeof(block));
	consume_from = UINT32_MAX;
	syn(99);
	for (i = 0; i < 40; i++)
		segment(false, 40000, 100 + i * 1000, 0, block, sizeof(block));
	assert_int_equal(logs[0].full, 2);
	assert_int_equal(logs[0].n, 32000);
	assert_int_equal(counters()->holes, 0);
}

/* All connections together are bounded: the oldest loses what it has. */
static void
test_total(void **state)
{
	static char block[STREAM_BYTES];
	uint32_t port;

	memset(block, 'x', sizeof(block));
	consume_from = UINT32_MAX;
	for (port = 1; port <= 5; port++) {
		segment(false, port, 99, CAPTURE_TCP_SYN, "", 0);
		segment(false, port, 100, 0, block, STREAM_BYTES);
	}
	assert_int_equal(counters()->buffers_shed, 2);
	assert_int_equal(logs[0].n, 2 * (STREAM_BYTES + 1));
}

/* The same with what came early: it is read, as after a hole. */
static void
test_total_early(void **state)
{
	static char block[STREAM_BYTES];
	uint32_t port;

	memset(block, 'x', sizeof(block));
	consume_from = UINT32_MAX;
	client(1000, "abc");
	for (port = 1; port <= 3; port++) {
		segment(false, port, 99, CAPTURE_TCP_SYN, "", 0);
		segment(false, port, 100, 0, block, STREAM_BYTES);
	}
	assert_int_equal(counters()->buffers_shed, 1);
	assert_string_equal(CLIENT, "|abc.");
}

/* Noting what came early costs memory, too. */
static void
test_total_parts(void **state)
{
	uint32_t port;
	uint32_t i;

	for (port = 1; port <= CONNECTIONS; port++)
		segment(false, port, 99, CAPTURE_TCP_SYN, "", 0);
	for (i = 1; i < 900; i++)
		for (port = 1; port <= CONNECTIONS; port++)
			segment(false, port, 100 + 2 * i, 0, "x", 1);
	assert_true(counters()->buffers_shed >= CONNECTIONS / 2);
}

static void
test_no_memory(void **state)
{
	const struct capture_tcp_config config = { .read = on_piece };
	struct capture_tcp *t = NULL;
	unsigned i;
	int r;

	for (i = 1; i < 10; i++) {
		testing_fail_allocation(i);
		r = capture_tcp_new(&t, &config);
		testing_fail_allocation(0);
		if (r == 0)
			break;
		assert_int_equal(r, -ENOMEM);
	}
	assert_true(i > 1);
	capture_tcp_free(&t);
}

/* ---- anything at all ----------------------------------------------------- */

enum { TEXT_BYTES = 3000 };

struct part {
	uint32_t from, n;
	bool lost;
};

static uint32_t
random_below(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % below;
}

/* Cut a text at random. Neither the first part is lost, nor the last: nobody
 * would know. */
static uint32_t
cut(struct part *parts, uint32_t part_max, uint32_t *seed)
{
	uint32_t at = 0, count = 0;

	while (at < TEXT_BYTES) {
		struct part *p = &parts[count++];

		p->from = at;
		p->n = 1 + random_below(seed, part_max);
		if (p->n > TEXT_BYTES - at)
			p->n = TEXT_BYTES - at;
		p->lost = at > 0 && at + p->n < TEXT_BYTES &&
			  random_below(seed, 20) == 0;
		at += p->n;
	}
	return count;
}

/* Mix up what is near, but for the first. */
static void
mix(struct part *parts, uint32_t count, uint32_t *seed)
{
	uint32_t i, k;

	for (i = 1; i < count; i++) {
		struct part swap = parts[i];

		k = i + random_below(seed, 8);
		if (k >= count)
			continue;
		parts[i] = parts[k];
		parts[k] = swap;
	}
}

/* What was sent is read, in order, and of what was not it is told. */
static void
check_random(uint32_t seed)
{
	static struct part parts[TEXT_BYTES];
	static char text[TEXT_BYTES], expected[2 * TEXT_BYTES];
	uint32_t count = cut(parts, seed % 3 ? 5 : 300, &seed);
	uint32_t first = seed, i, n = 0;
	bool hole = false;

	for (i = 0; i < TEXT_BYTES; i++)
		text[i] = (char)('a' + i % 26);
	for (i = 0; i < count; i++) {
		if (hole && !parts[i].lost)
			expected[n++] = '|';
		if (!parts[i].lost) {
			memcpy(expected + n, text + parts[i].from, parts[i].n);
			n += parts[i].n;
		}
		hole = parts[i].lost;
	}
	mix(parts, count, &seed);
	syn(first - 1);
	for (i = 0; i < count; i++) {
		unsigned copies = 1 + (random_below(&seed, 4) == 0);

		for (; copies && !parts[i].lost; copies--)
			segment(false, 40000, first + parts[i].from, 0,
				text + parts[i].from, parts[i].n);
		ack_by_server(first + parts[i].from);
		pass(1);
	}
	pass(3000);
	capture_tcp_finish(tcp, now_ns);
	/* A last word is said before a hole only where something waits. */
	for (i = 0, count = 0; i < logs[0].n; i++)
		if (CLIENT[i] != '.')
			CLIENT[count++] = CLIENT[i];
	assert_int_equal(count, n);
	assert_memory_equal(CLIENT, expected, n);
}

static void
test_random(void **state)
{
	uint32_t seed;

	for (seed = 1; seed <= 300; seed++) {
		(void)setup(NULL);
		consume_from = seed % 4 == 0 ? 50 : 0;
		check_random(seed);
		(void)teardown(NULL);
	}
}

/* ---- lies ---------------------------------------------------------------- */

/* A segment that its receiver does not take, for its number; or an
 * acknowledgment of what it never sent. */
static void
tell_lie(uint32_t next, uint32_t *seed)
{
	static const uint8_t flags[] = { 0, CAPTURE_TCP_FIN, CAPTURE_TCP_RST,
					 CAPTURE_TCP_SYN };
	uint32_t what = random_below(seed, 6);
	uint32_t lie = random_below(seed, 1 << 16) << 16 | 0x8000;

	if (random_below(seed, 2))
		lie = next + 100 + random_below(seed, 1 << 18);
	if (what == 5)
		ack_by_server(lie + (1 << 21));
	else
		segment(false, 40000, lie, flags[what % 4],
			what < 2 ? "###" : "", what < 2 ? 3 : 0);
}

/* Whatever anybody sends that is not in its turn: what is in its turn is read,
 * once. */
static void
check_lies(uint32_t seed)
{
	static char text[TEXT_BYTES];
	uint32_t first = seed * 2654435761u, at, n, i, count = 0;

	for (i = 0; i < TEXT_BYTES; i++)
		text[i] = (char)('a' + (i * i + i / 26) % 26);
	syn(first - 1);
	for (at = 0; at < TEXT_BYTES; at += n) {
		n = 1 + random_below(&seed, 99);
		if (n > TEXT_BYTES - at)
			n = TEXT_BYTES - at;
		if (at > 0 && random_below(&seed, 2))
			tell_lie(first + at, &seed);
		pass(random_below(&seed, 2) ? 1 : 3000);
		segment(false, 40000, first + at, 0, text + at, n);
		ack_by_server(first + at + n);
		pass(1);
	}
	pass(5000);
	capture_tcp_finish(tcp, now_ns);
	for (i = 0; i < logs[0].n; i++)
		if (!strchr("|.#", CLIENT[i]))
			CLIENT[count++] = CLIENT[i];
	assert_int_equal(count, TEXT_BYTES);
	assert_memory_equal(CLIENT, text, TEXT_BYTES);
}

static void
test_lies(void **state)
{
	uint32_t seed;

	for (seed = 1; seed <= 300; seed++) {
		(void)setup(NULL);
		keeping = true;
		check_lies(seed);
		(void)teardown(NULL);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_in_order),
		TEST(test_reader_that_waits),
		TEST(test_wiped),
		TEST(test_number_wraps),
		TEST(test_repeated_and_overlapping),
		TEST(test_hole_acknowledged),
		TEST(test_hole_not_acknowledged),
		TEST(test_hole_that_was_none),
		TEST(test_syn_that_was_none),
		TEST(test_acknowledgment_of_nothing),
		TEST(test_many_holes),
		TEST(test_far_ahead),
		TEST(test_mid_stream),
		TEST(test_late_syn),
		TEST(test_very_late_syn),
		TEST(test_syn_with_bytes),
		TEST(test_ports_used_again),
		TEST(test_fin_before_the_rest),
		TEST(test_fin_after_a_hole),
		TEST(test_fin_that_was_none),
		TEST(test_reset),
		TEST(test_finish),
		TEST(test_ignored),
		TEST(test_ignored_and_begun_again),
		TEST(test_listened_to_again),
		TEST(test_one_direction_ignored),
		TEST(test_too_many),
		TEST(test_too_many_while_it_waits),
		TEST(test_too_many_kept),
		TEST(test_full),
		TEST(test_total),
		TEST(test_total_early),
		TEST(test_total_parts),
		TEST(test_no_memory),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
