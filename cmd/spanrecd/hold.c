/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See hold.h. */
#include "cmd/spanrecd/hold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/secret.h"

/** A description of media that items speak of. */
struct held_media {
	struct held_media *next;
	struct writer_media media;
};

struct hold {
	struct hold_budget *budget;
	struct hold_item *first, *last;
	struct held_media *media; /* the latest first */
};

struct hold *
hold_new(struct hold_budget *budget)
{
	struct hold *hold = calloc(1, sizeof(*hold));

	if (hold)
		hold->budget = budget;
	return hold;
}

void
hold_free(struct hold **hold)
{
	struct hold *h = *hold;

	if (!h)
		return;
	while (h->first)
		hold_drop(h);
	while (h->media) {
		struct held_media *media = h->media;

		h->media = media->next;
		free(media);
	}
	free(h);
	*hold = NULL;
}

static const struct writer_media *
keep_media(struct hold *hold, const struct writer_media *media)
{
	struct held_media *held = hold->media;
	size_t bytes;

	while (held && held->media.number != media->number)
		held = held->next;
	if (held)
		return &held->media;
	/* With as many formats as it has, as in the media table. */
	bytes = offsetof(struct writer_media, formats) +
		media->formats_count * sizeof(media->formats[0]);
	held = malloc(offsetof(struct held_media, media) + bytes);
	if (!held)
		return NULL;
	memcpy(&held->media, media, bytes);
	held->next = hold->media;
	hold->media = held;
	return &held->media;
}

static bool
reserve(struct hold_budget *budget, uint32_t bytes)
{
	uint64_t before = atomic_fetch_add_explicit(&budget->bytes, bytes,
						    memory_order_relaxed);

	if (before + bytes <= budget->bytes_max)
		return true;
	atomic_fetch_sub_explicit(&budget->bytes, bytes, memory_order_relaxed);
	return false;
}

int
hold_put(struct hold *hold, const struct hold_item *item,
	 const struct writer_media *media)
{
	uint32_t payload_bytes =
	    item->kind == RTP_TAKE_FRAME ? item->frame.payload_bytes : 0;
	uint32_t bytes = (uint32_t)sizeof(*item) + payload_bytes;
	const struct writer_media *kept;
	struct hold_item *held;

	if (!reserve(hold->budget, bytes))
		return -ENOBUFS;
	kept = keep_media(hold, media);
	held = kept ? capture_secret_new(bytes) : NULL;
	if (!held) {
		atomic_fetch_sub_explicit(&hold->budget->bytes, bytes,
					  memory_order_relaxed);
		return -ENOMEM;
	}
	*held = *item;
	held->next = NULL;
	held->before = hold->last;
	held->bytes = bytes;
	held->media = kept;
	if (payload_bytes)
		memcpy(held->payload, item->frame.payload, payload_bytes);
	held->frame.payload = held->payload;
	held->frame.body = NULL; /* of no use any more */
	held->frame.body_bytes = 0;
	if (hold->last)
		hold->last->next = held;
	else
		hold->first = held;
	hold->last = held;
	return 0;
}

const struct hold_item *
hold_peek(const struct hold *hold)
{
	return hold->first;
}

void
hold_drop(struct hold *hold)
{
	struct hold_item *item = hold->first;

	hold->first = item->next;
	if (hold->first)
		hold->first->before = NULL;
	else
		hold->last = NULL;
	atomic_fetch_sub_explicit(&hold->budget->bytes, item->bytes,
				  memory_order_relaxed);
	capture_secret_free(item, item->bytes);
}

bool
hold_has_before(const struct hold *hold, int64_t time_ns)
{
	const struct hold_item *item = hold->first;

	while (item && item->frame.time_ns >= time_ns)
		item = item->next;
	return item != NULL;
}

void
hold_mark(struct hold *hold, const struct capture_flow_key *key, uint32_t first,
	  uint32_t last)
{
	struct hold_item *item;
	bool found = false;

	for (item = hold->last; item; item = item->before) {
		if (item->kind != RTP_TAKE_FRAME ||
		    !capture_flow_key_equal(&item->key, key))
			continue;
		if (item->frame.sequence - first <= last - first)
			found = item->tone = true;
		else if (found)
			break;
	}
}
