/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Headers that somebody waits for: a policy may have a call paused by one, in
 * whatever message of the call it comes. They are looked for in the head as it
 * was sent, so that it does not matter how the message was read. Where nobody
 * waits it costs nothing.
 *
 * What was told is known by who asked, CSeq, method and status, which a
 * retransmission and every hop have in common, and by name and value.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sip/sip_priv.h"

/** Of one name in a message; more are somebody who plays. */
enum { OF_A_NAME_MAX = 8 };

int
sip_tracker_watch(struct sip_tracker *tracker, const char *const names[],
		  uint32_t count)
{
	struct sip_watch watch = { .count = count };

	if (count > SIP_WATCH_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < count; i++) {
		size_t n = strlen(names[i]);

		if (n == 0 || n >= sizeof(watch.name[i]))
			return -EINVAL;
		memcpy(watch.name[i], names[i], n + 1);
		watch.name_bytes[i] = (uint32_t)n;
	}
	tracker->watch = watch;
	return 0;
}

static struct sip_text
name_at(const struct sip_watch *watch, uint32_t i)
{
	return (struct sip_text){ watch->name[i], watch->name_bytes[i] };
}

/** @return which one it is, or watch->count: none */
static uint32_t
find(const struct sip_watch *watch, struct sip_text name)
{
	uint32_t i = 0;

	while (i < watch->count && !sip__text_same(name, name_at(watch, i)))
		i++;
	return i;
}

/** The next header that is watched. @return which, or watch->count: none */
static uint32_t
next_watched(const struct sip_watch *watch, const struct sip_head *head,
	     struct sip_text *at, struct sip_text *name, struct sip_text *value)
{
	struct sip_text line;
	uint32_t which;

	while (sip__text_line(at, &line)) {
		*name = sip__text_trim(sip__text_cut(line, ':', value));
		if (!value->p)
			continue;
		*value = sip__text_trim(*value);
		/* its name was hidden from libosip2 */
		if (value->p == head->field[SIP_FIELD_CONTENT_LENGTH].p)
			*name = SIP_TEXT("Content-Length");
		which = find(watch, *name);
		if (which < watch->count)
			return which;
	}
	return watch->count;
}

/**
 * Most calls have none, and calls are kept small. Without memory it is told
 * again.
 *
 * @param name as it is watched
 * @return was it told before? It is now.
 */
static bool
told(struct sip_call_state *call, const struct sip_turn *turn,
     struct sip_text name, struct sip_text value)
{
	const struct sip_tracker *t = call->tracker;
	const struct sip_msg *msg = turn->msg;
	const uint64_t parts[] = {
		(uint64_t)msg->status << 32 | msg->method,
		turn->txn,
		sip__tracker_hash(t, name),
		sip__tracker_hash(t, value),
	};
	uint32_t what = (uint32_t)sip__tracker_hash(t, SIP_BYTES(parts));
	struct sip_told *told = call->told_headers;
	uint32_t known;

	if (!told)
		told = call->told_headers = calloc(1, sizeof(*told));
	if (!told)
		return false;
	known = told->count < SIP_TOLD_MAX ? told->count : SIP_TOLD_MAX;
	for (uint32_t i = 0; i < known; i++)
		if (told->what[i] == what)
			return true;
	told->what[told->count++ % SIP_TOLD_MAX] = what;
	return false;
}

void
sip__watch_message(struct sip_call_state *call, const struct sip_turn *turn)
{
	const struct sip_watch *watch = &call->tracker->watch;
	const struct sip_msg *msg = turn->msg;
	struct sip_header header = { .info = msg->status == 0 &&
					     msg->method == SIP_METHOD_INFO };
	struct sip_text at = { msg->head->text, msg->head->n }, name, value;
	uint8_t count[SIP_WATCH_MAX] = { 0 };
	uint32_t which;

	sip__text_line(&at, &name);
	while ((which = next_watched(watch, msg->head, &at, &name, &value)) <
	       watch->count) {
		if (count[which] == OF_A_NAME_MAX ||
		    told(call, turn, name_at(watch, which), value))
			continue;
		count[which]++;
		sip__text_clean(header.name, sizeof(header.name), name);
		sip__text_clean(header.value, sizeof(header.value), value);
		sip__emit(call, (struct sip_event){ .type = SIP_EVENT_HEADER,
						    .time_ns = turn->time_ns,
						    .party = turn->party,
						    .header = &header });
	}
}
