/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See keyed.h. */
#include "cmd/spanrecd/keyed.h"

#include <stdlib.h>
#include <string.h>

static struct keyed_stream *
begin(struct keyed *keyed, enum sip_party end,
      const struct capture_flow_key *flow)
{
	struct keyed_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->number = ++keyed->last_number;
	stream->end = end;
	stream->flow = *flow;
	return stream;
}

static void
forget(struct keyed_stream *stream)
{
	explicit_bzero(stream, sizeof(*stream));
	free(stream);
}

struct keyed_stream *
keyed_stream(struct keyed *keyed, enum sip_party end,
	     const struct capture_flow_key *flow)
{
	struct keyed_stream **link = &keyed->first, *stream;
	uint32_t i;

	for (i = 0; (stream = *link); i++, link = &stream->next) {
		if (stream->end == end &&
		    capture_flow_key_equal(&stream->flow, flow))
			break;
		if (i == KEYED_STREAMS_MAX - 1) {
			*link = NULL; /* it is the last one */
			forget(stream);
			stream = NULL;
			break;
		}
	}
	if (stream)
		*link = stream->next;
	else
		stream = begin(keyed, end, flow);
	if (!stream)
		return NULL;
	stream->next = keyed->first;
	keyed->first = stream;
	return stream;
}

void
keyed_clear(struct keyed *keyed)
{
	while (keyed->first) {
		struct keyed_stream *stream = keyed->first;

		keyed->first = stream->next;
		forget(stream);
	}
}
