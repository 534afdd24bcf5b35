/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the fuzzers of the tracker share: a row of messages with times, made of
 * the input,
 *
 *   u8 what    a built message, bytes as they are, a tick, alive; who sends
 *   u32 seed   of a built message, or how many bytes; top 8 bits: ms that pass
 *
 * and what must hold. Built messages are of a few calls, tags, branches,
 * methods and addresses, so that transactions and dialogs meet. Whatever comes,
 * each call begins once and ends once, its media is closed as often as opened
 * and after that, and no event is outside the times that were put in.
 */
#ifndef SIP_TRACKER_FUZZ_H
#define SIP_TRACKER_FUZZ_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/rd.h"
#include "sip/sip_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define MS        1000000LL
#define CALLS_MAX 4096
#define MEDIA_MAX 16384

enum life { UNBORN, LIVE, OVER };

static struct world {
	uint8_t calls[CALLS_MAX];
	uint8_t media[MEDIA_MAX];
	uint32_t media_of[MEDIA_MAX];
	uint32_t open[CALLS_MAX];
	int64_t last_ns[CALLS_MAX];
	bool hold[CALLS_MAX][2];
	int64_t now_ns, first_ns, most_ns;
} world;

static void
check_media(const struct sip_event *event, uint64_t call)
{
	uint64_t media = event->media->number;

	assert(media > 0 && media < MEDIA_MAX);
	assert(event->media->receive.port != 0);
	if (event->type == SIP_EVENT_MEDIA_OPEN) {
		assert(world.media[media] == UNBORN);
		world.media[media] = LIVE;
		world.media_of[media] = (uint32_t)call;
		world.open[call]++;
		assert(world.open[call] <= SIP_STREAMS_MAX);
	} else {
		assert(world.media[media] == LIVE);
		assert(world.media_of[media] == call);
		world.media[media] = OVER;
		world.open[call]--;
	}
}

static void
check(void *ctx, const struct sip_event *event)
{
	uint64_t call = event->call->number;

	(void)ctx;
	assert(call > 0 && call < CALLS_MAX);
	assert(world.calls[call] ==
	       (event->type == SIP_EVENT_CALL ? UNBORN : LIVE));
	assert(event->time_ns >= world.first_ns);
	assert(event->time_ns <= world.most_ns);
	assert(event->type == SIP_EVENT_CALL ||
	       event->time_ns >= world.last_ns[call]);
	world.last_ns[call] = event->time_ns;
	switch (event->type) {
	case SIP_EVENT_CALL:
		world.calls[call] = LIVE;
		memcpy(world.hold[call], event->call->hold,
		       sizeof(world.hold[call]));
		break;
	case SIP_EVENT_MEDIA_OPEN:
	case SIP_EVENT_MEDIA_CLOSE:
		check_media(event, call);
		break;
	case SIP_EVENT_HOLD:
	case SIP_EVENT_RESUME:
		assert(event->call->answer_ns != 0);
		assert(world.hold[call][event->party] ==
		       (event->type == SIP_EVENT_RESUME));
		world.hold[call][event->party] ^= 1;
		break;
	case SIP_EVENT_END:
		assert(world.open[call] == 0);
		world.calls[call] = OVER;
		break;
	default:
		break;
	}
	assert(memcmp(world.hold[call], event->call->hold,
		      sizeof(world.hold[call])) == 0);
}

/** A message out of a few of each kind. @return its length */
static size_t
build(char *text, size_t room, uint32_t seed)
{
	static const char *const starts[] = {
		"INVITE sip:a SIP/2.0",  "ACK sip:a SIP/2.0",
		"BYE sip:a SIP/2.0",     "CANCEL sip:a SIP/2.0",
		"PRACK sip:a SIP/2.0",   "UPDATE sip:a SIP/2.0",
		"SIP/2.0 183 Progress",  "SIP/2.0 200 OK",
		"SIP/2.0 200 OK",        "SIP/2.0 486 Busy",
		"SIP/2.0 401 Challenge", "SIP/2.0 487 Cancelled",
		"INVITE sip:a SIP/2.0",  "INVITE sip:a SIP/2.0",
		"SIP/2.0 180 Ringing",   "SIP/2.0 491 Pending",
	};
	static const char *const methods[] = { "INVITE", "ACK",   "BYE",
					       "CANCEL", "PRACK", "UPDATE" };
	static const char *const directions[] = { "sendrecv", "sendonly",
						  "recvonly", "inactive" };
	unsigned start = seed % 16;
	unsigned method = start < 6 ? start : start < 12 ? seed >> 4 & 3 : 0;
	int n;

	if (start >= 6 && start < 12 && method)
		method = method == 1 ? 2 : method + 2;
	n = snprintf(text, room,
		     "%s\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%u\r\n"
		     "From: <sip:1@h>;tag=%u\r\nTo: <sip:2@h>%s%u\r\n"
		     "Call-ID: %u\r\nCSeq: %u %s\r\n"
		     "P-Asserted-Identity: <sip:%u@h>\r\n"
		     "Content-Type: application/sdp\r\n\r\n",
		     starts[start], seed >> 6 & 7, seed >> 9 & 1,
		     seed >> 10 & 1 ? ";tag=" : ";x=", seed >> 11 & 3,
		     seed >> 13 & 1, seed >> 14 & 3, methods[method],
		     seed >> 16 & 1);
	if (seed >> 17 & 1)
		n += snprintf(text + n, room - (size_t)n,
			      "v=0\r\nc=IN IP4 %s\r\nm=audio %u RTP/AVP %u\r\n"
			      "a=%s\r\n",
			      seed >> 18 & 1 ? "10.0.0.1" : "0.0.0.0",
			      seed >> 19 & 3, seed >> 21 & 1,
			      directions[seed >> 22 & 3]);
	return (size_t)n;
}

static void
message(struct sip_tracker *tracker, const uint8_t *bytes, size_t n,
	int64_t time_ns, unsigned who)
{
	uint8_t *copy = malloc(n + !n);
	struct capture_pkt pkt = { .time_ns = time_ns,
				   .payload = copy,
				   .payload_bytes = (uint32_t)n,
				   .missing_bytes = who & 2 ? 7 : 0,
				   .src = { .port = 5060 },
				   .dst = { .port = 5060 } };

	if (n)
		memcpy(copy, bytes, n);
	pkt.src.addr[15] = (uint8_t)(who & 1);
	pkt.dst.addr[15] = (uint8_t)(~who & 1);
	(void)sip_tracker_input(tracker, &pkt);
	free(copy);
}

/* ---- the input ----------------------------------------------------------- */

/** One row of the input. */
struct row {
	unsigned what;
	uint32_t seed;
};

static struct sip_tracker *
tracker_make(void)
{
	const struct sip_config config = { .calls_max = 2,
					   .idle_timeout_ns = 1000 * MS,
					   .hold_timeout_ns = 1200 * MS,
					   .setup_timeout_ns = 1500 * MS,
					   .linger_ns = 500 * MS,
					   .hash_key = "of the fuzzers" };
	struct sip_tracker *tracker;

	if (sip_tracker_new(&tracker, &config, check, NULL))
		abort();
	return tracker;
}

static struct sip_tracker *
world_begin(void)
{
	memset(&world, 0, sizeof(world));
	world.now_ns = world.first_ns = world.most_ns = 1000000 * MS;
	return tracker_make();
}

/** @return false: the input is over */
static bool
row_next(struct row *row, struct capture_rd *rd)
{
	if (capture_rd_left(rd) < 5)
		return false;
	row->what = capture_rd_u8(rd);
	row->seed = capture_rd_u32(rd);
	world.now_ns += (int8_t)(row->seed >> 24) * MS;
	if (world.now_ns < world.first_ns)
		world.first_ns = world.now_ns;
	if (world.now_ns > world.most_ns)
		world.most_ns = world.now_ns;
	return true;
}

/** The bytes that follow a row, as many as its seed says. */
static const uint8_t *
row_bytes(const struct row *row, struct capture_rd *rd, size_t *n)
{
	size_t left = capture_rd_left(rd), wanted = row->seed & 1023;

	*n = wanted < left ? wanted : left;
	return capture_rd_take(rd, *n);
}

static void
row_run(struct sip_tracker *tracker, const struct row *row,
	struct capture_rd *rd)
{
	unsigned who = row->what >> 4;
	const uint8_t *bytes;
	char text[1024];
	size_t n;

	switch (row->what % 16) {
	case 0:
		sip_tracker_tick(tracker, world.now_ns);
		break;
	case 1:
		sip_tracker_alive(tracker, row->seed & 15, world.now_ns);
		break;
	case 2:
		bytes = row_bytes(row, rd, &n);
		message(tracker, bytes, n, world.now_ns, who);
		break;
	default:
		n = build(text, sizeof(text), row->seed);
		message(tracker, (const uint8_t *)text, n, world.now_ns, who);
	}
}

/** The input is over: so is every call. */
static void
world_end(struct sip_tracker *tracker)
{
	sip_tracker_finish(tracker, world.most_ns);
	for (unsigned i = 0; i < CALLS_MAX; i++)
		assert(world.calls[i] != LIVE);
	assert(sip_tracker_calls(tracker) == 0);
	sip_tracker_free(&tracker);
}

#endif
