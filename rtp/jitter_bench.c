/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the jitter buffer costs: put and take of one flow in order and with 1 %
 * out of order, of many flows in turn (each put touches another flow's lines,
 * as on a real mirror port), and the memory that many flows touch.
 *
 *   jitter_bench          all of it
 *   jitter_bench in-order|reorder|FLOWS    one of it, for callgrind
 */
#include "rtp/jitter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#define MS        1000000LL
#define PACKET_NS (20 * MS)
/* A flow is taken from this much behind: window and writer. */
#define HELD_NS (450 * MS)

static const struct rtp_jitter_config config = {
	.slots = 128,
	.log_bytes = 32768,
	.window_ns = 200 * MS,
};

static uint8_t payload[160];
static volatile uint64_t sink;

static double
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double
now_cycles(void)
{
#if defined(__x86_64__)
	return (double)__rdtsc();
#else
	return 0;
#endif
}

static long
resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long total = 0;
	long resident = 0;

	if (!f || fscanf(f, "%ld %ld", &total, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return resident * sysconf(_SC_PAGESIZE);
}

static void
put_one(struct rtp_jitter *jitter, uint32_t i, int64_t time_ns)
{
	struct rtp_hdr hdr = {
		.timestamp = i * 160,
		.sequence = (uint16_t)i,
		.payload_type = 8,
		.payload = payload,
		.payload_bytes = sizeof(payload),
	};

	sink += rtp_jitter_put(jitter, &hdr, time_ns);
}

static void
take_due(struct rtp_jitter *jitter, int64_t due_ns)
{
	struct rtp_frame frame;

	while (rtp_jitter_take(jitter, due_ns, &frame) != RTP_TAKE_NONE)
		sink += frame.payload[0];
}

static void
report(const char *name, double ns, double cycles, double operations)
{
	printf("%-44s %7.1f ns %7.1f cycles per put + take\n", name,
	       ns / operations, cycles / operations);
}

static void
one_flow(const char *name, uint32_t reorder_every)
{
	uint32_t n = 5000000;
	void *memory = aligned_alloc(64, rtp_jitter_bytes(&config));
	struct rtp_hdr first = { .sequence = 0 };
	struct rtp_jitter *jitter;
	double ns;
	double cycles;

	if (!memory)
		abort();
	jitter = rtp_jitter_init(memory, &config, &first);
	ns = now_ns();
	cycles = now_cycles();
	for (uint32_t i = 0; i < n; i++) {
		uint32_t swap = reorder_every && i % reorder_every < 2 ? 1 : 0;

		put_one(jitter, i ^ swap, i * PACKET_NS);
		/* The writer wakes up each 100 ms or so. */
		if (i % 5 == 4)
			take_due(jitter, i * PACKET_NS - HELD_NS);
	}
	report(name, now_ns() - ns, now_cycles() - cycles, n);
	free(memory);
}

/* One packet of each flow in turn; the writer goes over all flows each
 * 100 ms. */
static void
many_flows(uint32_t flows)
{
	uint32_t rounds = 4000000 / flows;
	size_t each = rtp_jitter_bytes(&config);
	uint8_t *memory = mmap(NULL, each * flows, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct rtp_hdr first = { .sequence = 0 };
	char name[64];
	long before;
	double ns;
	double cycles;

	if (memory == MAP_FAILED)
		abort();
	before = resident_bytes();
	for (uint32_t f = 0; f < flows; f++)
		rtp_jitter_init(memory + f * each, &config, &first);
	ns = now_ns();
	cycles = now_cycles();
	for (uint32_t i = 0; i < rounds; i++) {
		for (uint32_t f = 0; f < flows; f++)
			put_one((void *)(memory + f * each), i, i * PACKET_NS);
		for (uint32_t f = 0; f < flows && i % 5 == 4; f++)
			take_due((void *)(memory + f * each),
				 i * PACKET_NS - HELD_NS);
	}
	snprintf(name, sizeof(name), "%u flows in turn", flows);
	report(name, now_ns() - ns, now_cycles() - cycles,
	       (double)rounds * flows);
	printf("%-44s %7ld bytes resident per flow\n", "",
	       (resident_bytes() - before) / (long)flows);
	munmap(memory, each * flows);
}

int
main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : "";

	memset(payload, 0xd5, sizeof(payload));
	if (!*only || strcmp(only, "in-order") == 0)
		one_flow("one flow in order, 160 bytes", 0);
	if (!*only || strcmp(only, "reorder") == 0)
		one_flow("one flow, 1 % out of order", 100);
	if (!*only) {
		many_flows(1000);
		many_flows(4000);
	} else if (atoi(only) > 0) {
		many_flows((uint32_t)atoi(only));
	}
	return 0;
}
