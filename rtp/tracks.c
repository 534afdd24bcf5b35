/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sound lies in blocks of one second, and in each by stream; both are made as
 * sound comes and freed as it is taken. Taking goes by stretches, in which the
 * same stream is heard, or none.
 */
#include "rtp/tracks.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SAMPLES RTP_TRACKS_BLOCK_SAMPLES

/* One stream in one second. */
struct track {
	struct track *next;
	struct rtp_tracks_owner owner;
	bool goes_on; /* it has the last sample of the second before */
	bool has[BLOCK_SAMPLES];
	int16_t pcm[BLOCK_SAMPLES];
};

struct rtp_tracks_block {
	struct rtp_tracks_block *next;
	int64_t first; /* sample; a multiple of BLOCK_SAMPLES */
	struct track *tracks;
};

static struct track *
find_track(const struct rtp_tracks_block *block, uint32_t stream)
{
	struct track *track = block->tracks;

	while (track && track->owner.stream != stream)
		track = track->next;
	return track;
}

/* The block that begins where this one ends, if there is sound in it. */
static struct rtp_tracks_block *
next_block(const struct rtp_tracks_block *block)
{
	struct rtp_tracks_block *next = block->next;

	return next && next->first == block->first + BLOCK_SAMPLES ? next
								   : NULL;
}

static void
free_first_block(struct rtp_tracks *tracks)
{
	struct rtp_tracks_block *block = tracks->blocks;
	const struct rtp_tracks_block *after = next_block(block);
	struct track *track, *next, *same;

	for (track = block->tracks; track; track = next) {
		next = track->next;
		same = after ? find_track(after, track->owner.stream) : NULL;
		if (same)
			same->goes_on = track->has[BLOCK_SAMPLES - 1];
		free(track);
	}
	tracks->blocks = block->next;
	tracks->blocks_count--;
	free(block);
}

void
rtp_tracks_fini(struct rtp_tracks *tracks)
{
	while (tracks->blocks)
		free_first_block(tracks);
}

/* ---- putting ------------------------------------------------------------ */

static int
block_at(struct rtp_tracks *tracks, int64_t position,
	 struct rtp_tracks_block **block)
{
	struct rtp_tracks_block **link = &tracks->blocks;
	int64_t first = position - position % BLOCK_SAMPLES;

	while (*link && (*link)->first < first)
		link = &(*link)->next;
	*block = *link;
	if (*block && (*block)->first == first)
		return 0;
	if (tracks->blocks_count == RTP_TRACKS_BLOCKS_MAX)
		return -ENOBUFS;
	*block = calloc(1, sizeof(**block));
	if (!*block)
		return -ENOMEM;
	(*block)->first = first;
	(*block)->next = *link;
	*link = *block;
	tracks->blocks_count++;
	return 0;
}

/* New ones go to the end: among equals the one that came first is heard. */
static int
track_at(struct rtp_tracks_block *block, const struct rtp_tracks_owner *owner,
	 struct track **track)
{
	struct track **link = &block->tracks;

	while (*link && (*link)->owner.stream != owner->stream)
		link = &(*link)->next;
	if (!*link)
		*link = calloc(1, sizeof(**link));
	*track = *link;
	if (!*track)
		return -ENOMEM;
	(*track)->owner = *owner;
	return 0;
}

int
rtp_tracks_put(struct rtp_tracks *tracks, const struct rtp_tracks_owner *owner,
	       int64_t position, const int16_t *pcm, size_t samples)
{
	while (samples > 0) {
		size_t i = (size_t)(position % BLOCK_SAMPLES), n;
		struct rtp_tracks_block *block;
		struct track *track;
		int rc = block_at(tracks, position, &block);

		if (rc == 0)
			rc = track_at(block, owner, &track);
		if (rc < 0)
			return rc;
		n = samples < BLOCK_SAMPLES - i ? samples : BLOCK_SAMPLES - i;
		for (size_t k = i; k < i + n; k++) {
			tracks->overlapped += track->has[k];
			track->has[k] = true;
		}
		memcpy(track->pcm + i, pcm, n * sizeof(*pcm));
		position += (int64_t)n;
		pcm += n;
		samples -= n;
	}
	return 0;
}

/* ---- taking ------------------------------------------------------------- */

/* Samples from i on that are there as i is, or are not, as i is not. */
static size_t
stretch(const struct track *track, size_t i, size_t end)
{
	size_t k = i + 1;

	while (k < end && track->has[k] == track->has[i])
		k++;
	return k - i;
}

/* How much of this stream is there from i on, without a hole, if it is less
 * than a relay delays. */
static size_t
rest_of(const struct rtp_tracks_block *block, const struct track *track,
	size_t i)
{
	size_t n = 0;

	while (n < RTP_TRACKS_RELAY_SAMPLES && track && track->has[i]) {
		n++;
		if (++i < BLOCK_SAMPLES)
			continue;
		block = next_block(block);
		track = block ? find_track(block, track->owner.stream) : NULL;
		i = 0;
	}
	return n;
}

/*
 * Was this hop there before the one that was heard fell silent, and is it
 * nearly at its end too? Then it repeats the last words.
 */
static bool
repeats(struct rtp_tracks *tracks, const struct rtp_tracks_block *block,
	const struct track *track, size_t i)
{
	int64_t position = block->first + (int64_t)i, end;
	size_t rest;

	if (i ? !track->has[i - 1] : !track->goes_on)
		return false;
	if (position != tracks->end)
		return position < tracks->rest_end;
	rest = rest_of(block, track, i);
	if (rest == RTP_TRACKS_RELAY_SAMPLES)
		return false;
	end = position + (int64_t)rest;
	if (end > tracks->rest_end)
		tracks->rest_end = end;
	return true;
}

/* What is heard at sample i of a block. @return NULL: nothing */
static const struct track *
choose(struct rtp_tracks *tracks, const struct rtp_tracks_block *block,
       size_t i)
{
	const struct track *track, *same = NULL, *other = NULL;

	for (track = block->tracks; track; track = track->next) {
		if (!track->has[i])
			continue;
		if (track->owner.stream == tracks->stream)
			return track;
		if (track->owner.group == tracks->group) {
			if (!same)
				same = track;
		} else if (!other && !repeats(tracks, block, track, i)) {
			other = track;
		}
	}
	return same ? same : other;
}

/* Until one of the streams begins or ends, what is heard does not change. */
static size_t
silence(const struct rtp_tracks_block *block, size_t i, size_t end)
{
	for (const struct track *t = block->tracks; t; t = t->next)
		end = i + stretch(t, i, end);
	return end - i;
}

/* One stretch, of at most n samples. @return samples */
static size_t
take_stretch(struct rtp_tracks *tracks, int16_t *pcm, size_t step,
	     int64_t position, size_t n)
{
	const struct rtp_tracks_block *block = tracks->blocks;
	size_t i = (size_t)(position % BLOCK_SAMPLES);
	const struct track *track;

	if (n > BLOCK_SAMPLES - i)
		n = BLOCK_SAMPLES - i;
	if (!block || block->first != position - (int64_t)i)
		track = NULL;
	else if ((track = choose(tracks, block, i)))
		n = stretch(track, i, i + n);
	else
		n = silence(block, i, i + n);
	for (size_t k = 0; k < n; k++)
		pcm[k * step] = track ? track->pcm[i + k] : 0;
	if (track) {
		tracks->stream = track->owner.stream;
		tracks->group = track->owner.group;
		tracks->end = position + (int64_t)n;
	}
	return n;
}

void
rtp_tracks_take(struct rtp_tracks *tracks, int16_t *pcm, size_t step,
		int64_t position, size_t samples)
{
	while (samples > 0) {
		size_t n = take_stretch(tracks, pcm, step, position, samples);

		position += (int64_t)n;
		pcm += n * step;
		samples -= n;
		if (tracks->blocks &&
		    tracks->blocks->first + BLOCK_SAMPLES <= position)
			free_first_block(tracks);
	}
}
