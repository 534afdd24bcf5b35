/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What it costs when somebody wants it to cost much: floods through the
 * decoder and the TCP connections, a million packets a second by their time
 * stamps. Neither time nor memory may depend on how long a flood goes on; each
 * runs in a process of its own, twice as long the second time.
 *
 * The reader of streams is the most patient there is: it waits for the end of a
 * line, and wants to know of everything.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "capture/decode.h"
#include "capture/tcp.h"

enum {
	PACKETS = 2000000,
	FRAME_BYTES = 2048,
	ETHER_BYTES = 14,
	IP_BYTES = 20,
	TCP_BYTES = 20,
	TCP_AT = ETHER_BYTES + IP_BYTES,
	TEXT_AT = TCP_AT + TCP_BYTES,
	TICK_PACKETS = 50000,
	FIN = CAPTURE_TCP_FIN,
	SYN = CAPTURE_TCP_SYN,
	ACK = CAPTURE_TCP_ACK
};

static uint8_t frame[FRAME_BYTES];

static void
put16(uint32_t at, uint32_t value)
{
	frame[at] = (uint8_t)(value >> 8);
	frame[at + 1] = (uint8_t)value;
}

static void
put32(uint32_t at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

/* ---- frames -------------------------------------------------------------- */

/* An IPv4 packet whose sender is told by a number. @return bytes of the frame
 */
static uint32_t
ip(uint32_t sender, uint8_t protocol, uint32_t payload_bytes)
{
	put16(12, 0x0800);
	frame[ETHER_BYTES] = 0x45;
	put16(ETHER_BYTES + 2, IP_BYTES + payload_bytes);
	put32(ETHER_BYTES + 4, 0);
	frame[ETHER_BYTES + 9] = protocol;
	put32(ETHER_BYTES + 12, 0x0b000000 + sender);
	put32(ETHER_BYTES + 16, 0x0a000001);
	return ETHER_BYTES + IP_BYTES + payload_bytes;
}

/* A segment of a connection that is told by a number. */
static uint32_t
tcp(uint32_t connection, uint32_t sequence, uint32_t flags, uint32_t bytes)
{
	put16(TCP_AT, 40000);
	put16(TCP_AT + 2, 5060);
	put32(TCP_AT + 4, sequence);
	put32(TCP_AT + 8, 0);
	put16(TCP_AT + 12, 0x5000 | flags);
	return ip(connection, 6, TCP_BYTES + bytes);
}

static uint32_t
tcp_back(uint32_t connection, uint32_t flags)
{
	uint32_t n = tcp(connection, !(flags & SYN), flags, 0),
		 at = ETHER_BYTES + 12;

	put32(at + 4, 0x0b000000 + connection);
	put32(at, 0x0a000001);
	put16(TCP_AT, 5060);
	put16(TCP_AT + 2, 40000);
	return n;
}

static uint32_t
fragment(uint32_t sender, uint32_t id, uint32_t offset_bytes, uint32_t bytes)
{
	uint32_t n = ip(sender, 17, bytes);

	put16(ETHER_BYTES + 4, id);
	put16(ETHER_BYTES + 6, 0x2000 | offset_bytes / 8);
	return n;
}

/* ---- floods: the packet of a number -------------------------------------- */

static uint32_t
syns(uint32_t i)
{
	return tcp(i, 99, SYN, 0);
}

static uint32_t
middles(uint32_t i)
{
	return tcp(i, 99, ACK, 1000);
}

/* Connections that begin a message and leave it at that. */
static uint32_t
halves(uint32_t i)
{
	return i % 2 ? tcp(i / 2, 100, ACK, 1000) : tcp(i / 2, 99, SYN, 0);
}

static uint32_t
one_byte(uint32_t i)
{
	return i ? tcp(0, 99 + i, ACK, 1) : tcp(0, 99, SYN, 0);
}

static uint32_t
every_second_byte(uint32_t i)
{
	return i ? tcp(0, 99 + 2 * i, ACK, 1) : tcp(0, 99, SYN, 0);
}

/* The same backwards, so that each comes before all the others. */
static uint32_t
backwards(uint32_t i)
{
	uint32_t k = i % 1000;

	return k ? tcp(i / 1000, 2100 - 2 * k, ACK, 1)
		 : tcp(i / 1000, 99, SYN, 0);
}

/* A line is read and one more byte comes at the far end of the buffer. */
static uint32_t
far_end(uint32_t i)
{
	const uint32_t far = (128 << 10) - 1;
	uint32_t c = i / 200000, k = i % 200000 / 2, n;

	if (i % 200000 == 0)
		return tcp(c, 99, SYN, 0);
	n = tcp(c, 100 + k + (i % 2 ? 0 : far), ACK, 1);
	frame[TEXT_AT] = '\n';
	return n;
}

/* Buffers as large as they get, each made by one segment, until there is no
 * room; and connections that have ended and are kept for a while. */
static uint32_t
large_buffers(uint32_t i)
{
	uint32_t c = i / 4;

	if (i / 60000 % 2)
		return i % 2 ? tcp(c, 100 + (100 << 10), ACK, 1)
			     : tcp(c, 99, SYN, 0);
	switch (i % 4) {
	case 0:
		return tcp(c, 99, SYN, 0);
	case 1:
		return tcp_back(c, SYN | ACK);
	case 2:
		return tcp(c, 100, ACK | FIN, 0);
	default:
		return tcp_back(c, ACK | FIN);
	}
}

static uint32_t
first_fragments(uint32_t i)
{
	return fragment(i >> 16, i & 0xffff, 0, 1400);
}

static uint32_t
last_fragments(uint32_t i)
{
	return fragment(i >> 16, i & 0xffff, 65000, 8);
}

/* Each in the middle of one datagram, and one more tells its end, before it. */
static uint32_t
ends_that_lie(uint32_t i)
{
	uint32_t n = fragment(i >> 17, i / 2 & 0xffff, i % 2 ? 8 : 65000, 8);

	if (i % 2)
		put16(ETHER_BYTES + 6, 1);
	return n;
}

/* Any bytes behind a type of an Ethernet frame that has something inside. */
static uint32_t
junk(uint32_t i)
{
	static const uint16_t types[] = { 0x0800, 0x86dd, 0x8847, 0x8100,
					  0x8864, 0x88e7, 0x880b, 0x6558 };
	static uint32_t seed = 1;
	uint32_t at;

	for (at = ETHER_BYTES; at < 256; at += 4) {
		seed = seed * 1664525 + 1013904223;
		put32(at, seed ^ seed >> 16);
	}
	put16(12, types[i % 8]);
	if (i % 8 < 2)
		frame[ETHER_BYTES] = i % 8 ? 0x60 : 0x45;
	return 256;
}

/* Labels without end. */
static uint32_t
labels(uint32_t i)
{
	memset(frame, 0, 1500);
	put16(12, 0x8847);
	return 1500;
}

/* ---- */

static int64_t
read_line(void *ctx, const struct capture_tcp_piece *piece)
{
	const uint8_t *end = piece->bytes + piece->count;

	*piece->keep = false;
	if (piece->count && end[-1] == '\n')
		return piece->count;
	return piece->last || piece->full ? piece->count : 0;
}

static double
cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* @return ns of one packet */
static double
flood(uint32_t (*make)(uint32_t i), uint32_t packets)
{
	const struct capture_decode_config config = { .hash_key = "bench" };
	const struct capture_tcp_config tcp_config = { .hash_key = "bench",
						       .read = read_line };
	struct capture_frame f = { .bytes = frame, .link_type = 1 };
	struct capture_decoder *decoder;
	struct capture_tcp *t;
	struct capture_pkt pkt;
	double began, making;
	uint32_t i;

	if (capture_decoder_new(&decoder, &config) < 0 ||
	    capture_tcp_new(&t, &tcp_config) < 0)
		abort();
	began = cpu_ns();
	for (i = 0; i < packets; i++)
		(void)make(i);
	making = cpu_ns() - began;
	began = cpu_ns();
	for (i = 0; i < packets; i++) {
		f.captured_bytes = f.wire_bytes = make(i);
		f.time_ns = 1000000000LL + (int64_t)i * 1000;
		if (i % TICK_PACKETS == 0) {
			capture_decoder_tick(decoder, f.time_ns);
			capture_tcp_tick(t, f.time_ns);
		}
		if (capture_decode(decoder, &f, f.time_ns, &pkt) == CAPTURE_tcp)
			capture_tcp_input(t, &pkt);
	}
	return (cpu_ns() - began - making) / packets;
}

static void
run(const char *name, uint32_t (*make)(uint32_t i), uint32_t packets)
{
	struct rusage usage;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		printf("flood %-18s %5.1f M %8.1f ns", name, packets / 1e6,
		       flood(make, packets));
		fflush(stdout);
		_exit(0);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0 || status != 0)
		abort();
	printf(" %6.1f MiB\n", (double)usage.ru_maxrss / 1024);
}

#define RUN(name) (run(#name, name, PACKETS), run(#name, name, 2 * PACKETS))

int
main(void)
{
	RUN(syns);
	RUN(middles);
	RUN(halves);
	RUN(one_byte);
	RUN(every_second_byte);
	RUN(backwards);
	RUN(far_end);
	RUN(large_buffers);
	RUN(first_fragments);
	RUN(last_fragments);
	RUN(ends_that_lie);
	RUN(junk);
	RUN(labels);
	return 0;
}
