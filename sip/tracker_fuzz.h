/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the fuzzers of the tracker share: a row of messages with times, made of
 * the input,
 *
 *   u8 what    a built message, bytes as they are, a tick, alive; who sends
 *   u32 seed   of a built message, or how many bytes; top 8 bits: ms that pass
 *   u32 more   of the seed, for messages that link calls
 *
 * and what must hold. Built messages are those of message_feed.h. Whatever
 * comes, each call begins once and ends once, its media is closed as often as
 * opened and after that, and no event is outside the times that were put in. Of
 * two headers that the built messages have it is told, a bounded number of times
 * a message.
 *
 * A call is a leg of one conversation at a time: its own, or one that a call
 * began and of which a leg lives. It changes only by MOVE, between the CLOSE
 * and the OPEN of all its media, with nothing in between. Legs of one
 * conversation are a circle of calls that live, and what calls are found by
 * leads to calls that are there.
 */
#ifndef SIP_TRACKER_FUZZ_H
#define SIP_TRACKER_FUZZ_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "capture/rd.h"
#include "sip/message_feed.h"
#include "sip/sip_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define MS        1000000LL
#define CALLS_MAX 4096
#define MEDIA_MAX 16384
#define OPEN_MAX  6

enum life { UNBORN, LIVE, OVER };

static const char *const watched[] = { "p-asserted-identity", "Session-ID" };
#define WATCHED (sizeof(watched) / sizeof(watched[0]))

static struct world {
	uint8_t calls[CALLS_MAX];
	uint8_t media[MEDIA_MAX];
	uint32_t media_of[MEDIA_MAX];
	uint32_t open[CALLS_MAX];
	int64_t last_ns[CALLS_MAX];
	bool hold[CALLS_MAX][2];
	uint64_t conversation[CALLS_MAX];
	bool began[CALLS_MAX]; /* a conversation bears its number */
	uint64_t moving;       /* a call whose media is closed for a MOVE */
	uint64_t moved;        /* ... after which it is opened again */
	uint32_t suspended;
	uint32_t headers;      /* told of this message */
	bool restoring;
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

/** It changes by MOVE alone, which nothing interrupts. */
static void
check_move(const struct sip_event *event, uint64_t call)
{
	bool suspends = event->type == SIP_EVENT_MEDIA_CLOSE && event->moved;

	assert(!event->moved || suspends);
	if (world.moved) {
		assert(event->type == SIP_EVENT_MEDIA_OPEN);
		assert(world.moved == call);
		if (--world.suspended == 0)
			world.moved = 0;
	} else if (suspends) {
		assert(!world.moving || world.moving == call);
		world.moving = call;
		world.suspended++;
	} else if (event->type == SIP_EVENT_MOVE) {
		assert(!world.moving || world.moving == call);
		assert(world.open[call] == 0);
		world.moved = world.moving;
		world.moving = 0;
	} else {
		assert(!world.moving);
	}
}

/** Does a leg of this conversation live? */
static bool
is_carried(uint64_t conversation, uint64_t but)
{
	for (uint64_t i = 1; i < CALLS_MAX; i++)
		if (i != but && world.calls[i] == LIVE &&
		    world.conversation[i] == conversation)
			return true;
	return false;
}

static void
check_conversation(const struct sip_event *event, uint64_t call)
{
	uint64_t conversation = event->call->conversation;
	const struct sip_link *link = event->link;

	assert(conversation > 0 && conversation < CALLS_MAX);
	if (event->type == SIP_EVENT_CALL && conversation == call) {
		world.began[call] = true;
		assert(!event->call->crossed || world.restoring);
		assert(!link || link->type != SIP_LINK_SAME);
	} else if (event->type == SIP_EVENT_CALL ||
		   event->type == SIP_EVENT_MOVE) {
		assert(is_carried(conversation, call));
		assert(link ? link->with == conversation : world.restoring);
		assert(world.conversation[call] != conversation);
	} else {
		assert(!link && world.conversation[call] == conversation);
	}
	assert(event->type != SIP_EVENT_MOVE || link);
	assert(!link || (link->with != call && world.began[link->with]));
	assert(world.began[conversation]);
	world.conversation[call] = conversation;
}

/** 8 of a name in a message, and in those that waited for it. */
static void
check_header(const struct sip_header *header)
{
	const char *end = memchr(header->value, 0, sizeof(header->value));

	assert(!strcasecmp(header->name, watched[0]) ||
	       !strcasecmp(header->name, watched[1]));
	assert(end);
	assert(++world.headers <= 8 * WATCHED * (1 + SIP_EARLY_MAX));
}

static void
check(void *ctx, const struct sip_event *event)
{
	uint64_t call = event->call->number;

	(void)ctx;
	assert(call > 0 && call < CALLS_MAX);
	assert(world.calls[call] ==
	       (event->type == SIP_EVENT_CALL ? UNBORN : LIVE));
	assert((event->type == SIP_EVENT_HEADER) == (event->header != NULL));
	assert(event->time_ns >= world.first_ns);
	assert(event->time_ns <= world.most_ns);
	assert(event->type == SIP_EVENT_CALL ||
	       event->time_ns >= world.last_ns[call]);
	world.last_ns[call] = event->time_ns;
	check_move(event, call);
	check_conversation(event, call);
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
	case SIP_EVENT_HEADER:
		check_header(event->header);
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

/* ---- what a tracker is like between two messages ------------------------- */

static void
check_circle(const struct sip_call_state *call)
{
	const struct sip_call_state *leg = call;
	unsigned n = 0;

	do {
		assert(leg->leg_next->leg_prev == leg);
		assert(leg->told && leg->wait != SIP_WAIT_GONE);
		assert(leg->pub.conversation == call->pub.conversation);
		leg = leg->leg_next;
		assert(++n <= OPEN_MAX);
	} while (leg != call);
}

/** How many keys of a call, or of its streams, it is found by. */
static unsigned
count_keys(const struct sip_call_state *call)
{
	const struct sip_stream *s;
	unsigned n = 0;

	for (int type = 0; type < SIP_KEYS_COUNT; type++)
		n += call->ids[type].slot != NULL;
	n += call->peer.slot != NULL;
	n += call->self[SIP_CALLER].slot != NULL;
	n += call->self[SIP_CALLEE].slot != NULL;
	for (s = call->streams; s; s = s->next)
		n += s->key.slot != NULL;
	assert(call->told || n == 0);
	return n + (call->refer.key.slot != NULL);
}

static bool
is_allocated(const struct sip_tracker *tracker,
	     const struct sip_call_state *wanted)
{
	const struct sip_call_state *call;

	for (call = tracker->calls; call; call = call->by_id.next)
		if (call == wanted)
			return true;
	return false;
}

static void
check_tracker(const struct sip_tracker *tracker)
{
	const struct sip_call_state *call;
	const struct sip_slot *slot;
	const struct sip_key *key;
	unsigned keys = 0;

	assert(!world.moving && !world.moved);
	for (call = tracker->calls; call; call = call->by_id.next) {
		assert(call->told == (call->wait != SIP_WAIT_GONE));
		if (call->told)
			check_circle(call);
		keys += count_keys(call);
	}
	for (slot = tracker->slots; slot; slot = slot->hh.next) {
		assert(slot->first);
		for (key = slot->first; key; key = key->next) {
			assert(key->slot == slot && key->hash == slot->hash);
			assert(is_allocated(tracker, key->call));
			keys--;
		}
	}
	assert(keys == 0);
}

/** @param who of four: 2 bits for who sends, 2 for who it is sent to */
static void
message(struct sip_tracker *tracker, const uint8_t *bytes, size_t n,
	int64_t time_ns, unsigned who, uint32_t missing_bytes)
{
	uint8_t *copy = malloc(n + !n);
	struct capture_pkt pkt = { .time_ns = time_ns,
				   .payload = copy,
				   .payload_bytes = (uint32_t)n,
				   .missing_bytes = missing_bytes,
				   .src = { .port = 5060 },
				   .dst = { .port = 5060 } };

	if (n)
		memcpy(copy, bytes, n);
	pkt.src.addr[15] = (uint8_t)(who & 3);
	pkt.dst.addr[15] = (uint8_t)(who >> 2 & 3);
	world.headers = 0;
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
	const struct sip_config config = { .calls_max = OPEN_MAX,
					   .idle_timeout_ns = 1000 * MS,
					   .hold_timeout_ns = 1200 * MS,
					   .setup_timeout_ns = 1500 * MS,
					   .linger_ns = 500 * MS,
					   .hash_key = "of the fuzzers" };
	struct sip_tracker *tracker;

	if (sip_tracker_new(&tracker, &config, check, NULL) ||
	    sip_tracker_watch(tracker, watched, WATCHED))
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

/** A message of a few calls between two hosts. */
static void
row_message(struct sip_tracker *tracker, const uint8_t *bytes, size_t n,
	    unsigned who)
{
	message(tracker, bytes, n, world.now_ns, (who & 1) | (~who & 1) << 2,
		who & 2 ? 7 : 0);
}

static void
row_run(struct sip_tracker *tracker, const struct row *row,
	struct capture_rd *rd)
{
	unsigned who = row->what >> 4;
	const uint8_t *bytes;
	char text[1024];
	uint64_t more;
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
		row_message(tracker, bytes, n, who);
		break;
	case 3:
	case 4:
	case 5:
	case 6:
	case 7:
		n = feed_message(text, sizeof(text), row->seed);
		row_message(tracker, (const uint8_t *)text, n, who);
		break;
	default:
		more = capture_rd_u32(rd);
		n = feed_linked(text, sizeof(text),
				more << 24 | (row->seed & 0xffffff));
		message(tracker, (const uint8_t *)text, n, world.now_ns, who,
			0);
	}
	check_tracker(tracker);
}

/** The input is over: so is every call. */
static void
world_end(struct sip_tracker *tracker)
{
	sip_tracker_finish(tracker, world.most_ns);
	for (unsigned i = 0; i < CALLS_MAX; i++)
		assert(world.calls[i] != LIVE);
	assert(sip_tracker_calls(tracker) == 0);
	assert(!tracker->calls && !tracker->slots);
	sip_tracker_free(&tracker);
}

#endif
