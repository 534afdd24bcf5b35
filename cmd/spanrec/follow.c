/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which frames follow each other. A telephone sends one stream of packets
 * through a whole call; the call is cut into recordings where somebody else
 * begins to talk, and something of it may not be recorded, or not be heard.
 */
#include "cmd/spanrec/audio_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct spanrec_followed {
	struct store_stream_info info;
	/* the last frame of it */
	size_t segment;
	unsigned stream;
	int64_t time_ns;
};

void
spanrec_follow_fini(struct spanrec_follow *follow)
{
	free(follow->streams);
	*follow = (struct spanrec_follow){ 0 };
}

static bool
is_same(const struct store_stream_info *a, const struct store_stream_info *b)
{
	return a->side == b->side && a->ssrc == b->ssrc &&
	       a->src_port == b->src_port && a->dst_port == b->dst_port &&
	       !memcmp(a->src_addr, b->src_addr, sizeof(a->src_addr)) &&
	       !memcmp(a->dst_addr, b->dst_addr, sizeof(a->dst_addr));
}

static struct spanrec_followed *
find(const struct spanrec_follow *follow, const struct store_stream_info *info)
{
	uint32_t i;

	for (i = 0; i < follow->count; i++) {
		if (is_same(&follow->streams[i].info, info))
			return &follow->streams[i];
	}
	return NULL;
}

static struct spanrec_followed *
add(struct spanrec_follow *follow, const struct store_stream_info *info)
{
	struct spanrec_followed *streams =
	    reallocarray(follow->streams, follow->count + 1, sizeof(*streams));

	if (!streams)
		return NULL;
	follow->streams = streams;
	streams[follow->count] =
	    (struct spanrec_followed){ .info = *info, .segment = SIZE_MAX };
	return &streams[follow->count++];
}

int
spanrec_follow_frame(struct spanrec_follow *follow,
		     const struct spanrec_ordered *ordered,
		     struct spanrec_withheld *withheld, uint32_t *number,
		     bool *gap)
{
	struct spanrec_followed *stream = find(follow, ordered->info);
	int64_t time_ns = ordered->frame.time_ns;

	if (!stream)
		stream = add(follow, ordered->info);
	if (!stream)
		return -ENOMEM;
	*number = (uint32_t)(stream - follow->streams);
	*gap = stream->segment != ordered->segment ||
	       stream->stream != ordered->frame.stream || ordered->resumes ||
	       spanrec_withheld_between(withheld, ordered->side,
					stream->time_ns, time_ns);
	stream->segment = ordered->segment;
	stream->stream = ordered->frame.stream;
	stream->time_ns = time_ns;
	return 0;
}
