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

/* What a sample is. */
enum { NOTHING, MADE_UP, RECEIVED };

/* One stream in one second. */
struct track {
	struct track *next;
	struct rtp_tracks_owner owner;
	uint8_t goes_on; /* what the last sample of the second before is */
	size_t filled;   /* nothing is there from here on */
	int16_t *pcm;
	uint8_t what[];
};

struct rtp_tracks_block {
	struct rtp_tracks_block *next;
	int64_t first; /* sample; a multiple of a second's */
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
next_block(const struct rtp_tracks *tracks,
	   const struct rtp_tracks_block *block)
{
	struct rtp_tracks_block *next = block->next;

	return next && next->first == block->first + tracks->sample_hz ? next
								       : NULL;
}

/* What was heard does not stay in memory. */
static void
free_track(const struct rtp_tracks *tracks, struct track *track)
{
	explicit_bzero(track->pcm, tracks->sample_hz * sizeof(*track->pcm));
	free(track);
}

static void
free_first_block(struct rtp_tracks *tracks)
{
	struct rtp_tracks_block *block = tracks->blocks;
	const struct rtp_tracks_block *after = next_block(tracks, block);
	struct track *track, *next, *same;

	for (track = block->tracks; track; track = next) {
		next = track->next;
		same = after ? find_track(after, track->owner.stream) : NULL;
		if (same)
			same->goes_on = track->what[tracks->sample_hz - 1];
		free_track(tracks, track);
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
	int64_t first = position - position % tracks->sample_hz;

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
track_at(const struct rtp_tracks *tracks, struct rtp_tracks_block *block,
	 const struct rtp_tracks_owner *owner, struct track **track)
{
	struct track **link = &block->tracks, *made;
	size_t pcm_at = sizeof(*made) + tracks->sample_hz;

	while (*link && (*link)->owner.stream != owner->stream)
		link = &(*link)->next;
	if (!*link) {
		pcm_at += pcm_at % sizeof(int16_t);
		made = malloc(pcm_at + tracks->sample_hz * sizeof(int16_t));
		if (!made)
			return -ENOMEM;
		memset(made, 0, pcm_at);
		made->pcm = (int16_t *)(void *)((char *)made + pcm_at);
		*link = made;
	}
	*track = *link;
	(*track)->owner = *owner;
	return 0;
}

/* Where there is something already. */
static void
put_over(struct rtp_tracks *tracks, struct track *track, size_t i,
	 const int16_t *pcm, size_t n, uint8_t what)
{
	for (size_t end = i + n; i < end; i++, pcm++) {
		if (track->what[i] > what)
			continue;
		tracks->overlapped += track->what[i] == RECEIVED;
		track->what[i] = what;
		track->pcm[i] = *pcm;
	}
}

static void
put_samples(struct rtp_tracks *tracks, struct track *track, size_t i,
	    const int16_t *pcm, size_t n)
{
	uint8_t what = track->owner.made_up ? MADE_UP : RECEIVED;
	size_t over = track->filled > i ? track->filled - i : 0;

	if (over > n)
		over = n;
	put_over(tracks, track, i, pcm, over, what);
	if (over == n)
		return;
	memset(track->what + i + over, what, n - over);
	memcpy(track->pcm + i + over, pcm + over, (n - over) * sizeof(*pcm));
	track->filled = i + n;
}

int
rtp_tracks_put(struct rtp_tracks *tracks, const struct rtp_tracks_owner *owner,
	       int64_t position, const int16_t *pcm, size_t samples)
{
	while (samples > 0) {
		size_t i = (size_t)(position % tracks->sample_hz), n;
		struct rtp_tracks_block *block;
		struct track *track;
		int rc = block_at(tracks, position, &block);

		if (rc == 0)
			rc = track_at(tracks, block, owner, &track);
		if (rc < 0)
			return rc;
		n = tracks->sample_hz - i;
		if (samples < n)
			n = samples;
		put_samples(tracks, track, i, pcm, n);
		position += (int64_t)n;
		pcm += n;
		samples -= n;
	}
	return 0;
}

/* ---- taking ------------------------------------------------------------- */

/* How many samples from i on are of one kind. */
static size_t
stretch(const struct track *track, size_t i, size_t end)
{
	uint64_t eight = track->what[i] * UINT64_C(0x0101010101010101), next;
	size_t k = i + 1;

	for (; k + sizeof(next) <= end; k += sizeof(next)) {
		memcpy(&next, track->what + k, sizeof(next));
		if (next != eight)
			break;
	}
	while (k < end && track->what[k] == track->what[i])
		k++;
	return k - i;
}

/* How much of this stream is there from i on, without a hole, if it is less
 * than a relay delays. */
static size_t
rest_of(const struct rtp_tracks *tracks, const struct rtp_tracks_block *block,
	const struct track *track, size_t i, size_t most)
{
	size_t n = 0;

	while (n < most && track && track->what[i] == RECEIVED) {
		n++;
		if (++i < tracks->sample_hz)
			continue;
		block = next_block(tracks, block);
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
	const size_t relay =
	    tracks->sample_hz / (1000000000 / RTP_TRACKS_RELAY_NS);
	int64_t position = block->first + (int64_t)i, end;
	size_t rest;

	if ((i ? track->what[i - 1] : track->goes_on) != RECEIVED)
		return false;
	if (position != tracks->end)
		return position < tracks->rest_end;
	rest = rest_of(tracks, block, track, i, relay);
	if (rest == relay)
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
	const struct track *track, *same = NULL, *other = NULL, *made_up = NULL;

	for (track = block->tracks; track; track = track->next) {
		bool heard = track->owner.stream == tracks->stream;

		if (track->what[i] == MADE_UP && (heard || !made_up))
			made_up = track;
		if (track->what[i] != RECEIVED)
			continue;
		if (heard)
			return track;
		if (track->owner.group == tracks->group) {
			if (!same)
				same = track;
		} else if (!other && !repeats(tracks, block, track, i)) {
			other = track;
		}
	}
	if (same || other)
		return same ? same : other;
	return made_up;
}

/* Until one of the streams begins or ends, what is heard does not change. */
static size_t
unchanged(const struct rtp_tracks_block *block, size_t i, size_t end)
{
	for (const struct track *t = block->tracks; t; t = t->next)
		end = i + stretch(t, i, end);
	return end - i;
}

static void
note_heard(struct rtp_tracks *tracks, const struct track *track, size_t i,
	   int64_t end)
{
	if (track->what[i] != RECEIVED)
		return;
	tracks->stream = track->owner.stream;
	tracks->group = track->owner.group;
	tracks->end = end;
}

/* Most of the work of an export, so four at a time. @param from NULL: zeros */
static void
copy_out(int16_t *pcm, size_t step, const int16_t *from, size_t n)
{
	for (; !from && n; n--, pcm += step)
		*pcm = 0;
	for (; n >= 4; n -= 4, from += 4, pcm += 4 * step) {
		pcm[0] = from[0];
		pcm[step] = from[1];
		pcm[2 * step] = from[2];
		pcm[3 * step] = from[3];
	}
	for (; n; n--, pcm += step)
		*pcm = *from++;
}

/* One stretch, of at most n samples. @return samples */
static size_t
take_stretch(struct rtp_tracks *tracks, int16_t *pcm, size_t step,
	     int64_t position, size_t n)
{
	const struct rtp_tracks_block *block = tracks->blocks;
	size_t i = (size_t)(position % tracks->sample_hz);
	const struct track *track;

	if (n > tracks->sample_hz - i)
		n = tracks->sample_hz - i;
	if (!block || block->first != position - (int64_t)i)
		track = NULL;
	else if ((track = choose(tracks, block, i)) &&
		 track->what[i] == RECEIVED)
		n = stretch(track, i, i + n);
	else
		n = unchanged(block, i, i + n);
	copy_out(pcm, step, track ? track->pcm + i : NULL, n);
	if (track)
		note_heard(tracks, track, i, position + (int64_t)n);
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
		    tracks->blocks->first + tracks->sample_hz <= position)
			free_first_block(tracks);
	}
}
