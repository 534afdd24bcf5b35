/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Headers that somebody waits for: a policy may have a call paused by one, in
 * whatever message of the call it comes. Where nobody waits it costs nothing.
 */
#include <errno.h>
#include <string.h>

#include "sip/sip_priv.h"

/** Of one name in a message; more are somebody who plays. */
enum { TOLD_MAX = 8 };

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
	}
	tracker->watch = watch;
	return 0;
}

static bool
is_watched(const struct sip_watch *watch, struct sip_text name)
{
	for (uint32_t i = 0; i < watch->count; i++) {
		struct sip_text one = { watch->name[i],
					strlen(watch->name[i]) };

		if (sip__text_same(name, one))
			return true;
	}
	return false;
}

void
sip__watch_message(struct sip_call_state *call, const struct sip_turn *turn)
{
	const struct sip_watch *watch = &call->tracker->watch;
	const struct sip_head *head = turn->msg->head;
	struct sip_text at = { head->text, head->n }, line, name, value;
	struct sip_header header = { .info =
					 turn->msg->method == SIP_METHOD_INFO };
	uint32_t told = 0;

	sip__text_line(&at, &line);
	while (told < TOLD_MAX && sip__text_line(&at, &line) && line.n) {
		name = sip__text_trim(sip__text_cut(line, ':', &value));
		if (!value.p || !is_watched(watch, name))
			continue;
		sip__text_clean(header.name, sizeof(header.name), name);
		sip__text_clean(header.value, sizeof(header.value),
				sip__text_trim(value));
		told++;
		sip__emit(call, (struct sip_event){ .type = SIP_EVENT_HEADER,
						    .time_ns = turn->time_ns,
						    .party = turn->party,
						    .header = &header });
	}
}
