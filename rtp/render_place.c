/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a frame goes is the whole art. Its RTP timestamp says exactly where it
 * lies relative to the frame before, whatever the network did to its arrival;
 * its capture time says where it lies relative to the other side. So the first
 * frame of a stream goes where its capture time says, and the others follow by
 * their timestamps, as long as the two agree well enough:
 *
 *   off by               at a marker        elsewhere
 *   up to 120 ms         timestamp          timestamp; drift, see below
 *   up to 1 s            capture time       timestamp; if it lasts, moved
 *   more                 capture time       capture time: the sender jumped
 *
 * Some programs mark every packet, and send several at once: so a marker behind
 * a marker is none.
 *
 * 120 ms is more than the jitter that telephones even out, and less than what
 * a listener notices between question and answer.
 *
 * The clocks of sender and recorder differ, by up to some 100 ppm or 0.36 s an
 * hour. When that comes to some milliseconds (drift.h), one frame of every 160
 * ms is made 0.125 ms longer or shorter until it is put right: nobody hears
 * that, and all other frames are what the codec made of them, to the sample.
 *
 * Several streams of one side at once are alternatives (tracks.h). Where their
 * timestamps tell that a relay passed the same sound on, they are a group and
 * lie at the same place to the sample, whatever the relay delays. A group moves
 * as one: it is the clock of the sender that was off.
 */
#include "rtp/render_priv.h"

#include <stdlib.h>

#define SECOND_NS 1000000000

#define OFF_MS  120
#define JUMP_NS 1000000000LL

_Static_assert(RTP_RENDER_BEHIND_NS == JUMP_NS + RTP_TRACKS_RELAY_NS,
	       "a frame is placed before its time, and taking looks ahead");

/* A delay that lasts this many frames is no jitter. */
#define LASTS_FRAMES 100

/* Steps for drift: so much, so often. Streams of a group are behind each other
 * by less than this. */
#define SLIP_HZ 8000
#define SLIP_MS 160

int64_t
rtp__render_position(const struct rtp_render *render, int64_t time_ns)
{
	int64_t hz = render->sample_hz, since_ns, s, ns;

	if (__builtin_sub_overflow(time_ns, render->start_ns, &since_ns))
		since_ns = time_ns < 0 ? INT64_MIN : INT64_MAX;
	s = since_ns / SECOND_NS;
	ns = since_ns % SECOND_NS;
	if (ns < 0) {
		ns += SECOND_NS;
		s--;
	}
	return s * hz + ns * hz / SECOND_NS;
}

int64_t
rtp_render_heard_until(const struct rtp_render *render)
{
	int64_t hz = render->sample_hz, heard = render->heard;

	/* rounded up, so that it is this sample again */
	return render->start_ns + heard / hz * SECOND_NS +
	       (heard % hz * SECOND_NS + hz - 1) / hz;
}

/* Samples of the output in so many ticks of the clock, rounded down. */
static int64_t
samples_of(const struct rtp_render *render, const struct rtp__place *place,
	   int64_t ticks)
{
	int64_t hz = render->sample_hz, clock_hz = place->clock_hz;
	int64_t whole, rest;

	if (hz == clock_hz)
		return ticks;
	whole = ticks / clock_hz;
	rest = ticks % clock_hz;
	if (rest < 0) {
		rest += clock_hz;
		whole--;
	}
	return whole * hz + rest * hz / clock_hz;
}

/* Where the place has a timestamp. */
static int64_t
position_at(const struct rtp_render *render, const struct rtp__place *place,
	    uint32_t timestamp)
{
	int64_t ticks = place->ticks + (int32_t)(timestamp - place->timestamp);

	return place->base + samples_of(render, place, ticks);
}

/* Go on to a timestamp. */
static void
advance(const struct rtp_render *render, struct rtp__place *place,
	uint32_t timestamp)
{
	int64_t clock_hz = place->clock_hz, whole;

	place->ticks += (int32_t)(timestamp - place->timestamp);
	place->timestamp = timestamp;
	if (place->ticks >= 0 && place->ticks < clock_hz)
		return;
	whole = place->ticks / clock_hz - (place->ticks % clock_hz < 0);
	place->base += whole * render->sample_hz;
	place->ticks -= whole * clock_hz;
}

static int64_t
off_max(const struct rtp_render *render)
{
	return (int64_t)render->sample_hz * OFF_MS / 1000;
}

/*
 * Where a stream begins, or begins anew: where its capture time says, unless it
 * carries on the timestamps of another one of its side, as behind a relay, or
 * in the next segment of the call. Then where that one would have it.
 */
static void
anchor(struct rtp_render *r, struct rtp__stream *s, uint32_t timestamp,
       int64_t captured)
{
	struct rtp__place *place = &s->place;
	uint32_t clock_hz = place->clock_hz;

	*place = (struct rtp__place){ .clock_hz = clock_hz,
				      .timestamp = timestamp,
				      .base = captured };
	for (uint32_t i = 0; i < r->streams_count; i++) {
		const struct rtp__place *other = &r->streams[i].place;

		if (&r->streams[i] == s ||
		    r->streams[i].channel != s->channel ||
		    other->clock_hz != clock_hz ||
		    llabs(captured - position_at(r, other, timestamp)) >
			off_max(r))
			continue;
		place->group = other->group;
		place->timestamp = other->timestamp;
		place->base = other->base;
		place->ticks = other->ticks;
		place->slip = other->slip;
		return;
	}
	place->group = ++r->groups_count;
}

/* How far to move a stream that has been off by too much for long. */
static int64_t
lasting(struct rtp__place *place, int64_t off, int64_t most,
	int64_t frame_samples)
{
	int64_t move;

	if (llabs(off) <= most || (off < 0) != (place->off_least < 0))
		place->off_frames = 0;
	if (llabs(off) <= most)
		return 0;
	if (place->off_frames++ == 0 || llabs(off) < llabs(place->off_least))
		place->off_least = off;
	if (place->off_frames < LASTS_FRAMES)
		return 0;
	place->off_frames = 0;
	move = place->off_least;
	if (frame_samples > 0 && llabs(move) > frame_samples)
		move -= move % frame_samples;
	return move;
}

static void
move_group(struct rtp_render *r, uint32_t group, int64_t move)
{
	for (uint32_t i = 0; i < r->streams_count; i++) {
		struct rtp__place *place = &r->streams[i].place;

		if (place->group != group)
			continue;
		place->base += move;
		place->off_frames = 0;
		place->to_go = 0;
		place->drift = (struct rtp_drift){ 0 };
	}
}

/* Is the group being moved for drift, by one that still is there? Then no
 * other member starts that. */
static bool
is_moving(const struct rtp_render *r, const struct rtp__place *place)
{
	for (uint32_t i = 0; i < r->streams_count; i++) {
		const struct rtp__place *other = &r->streams[i].place;
		int32_t behind = (int32_t)(place->timestamp - other->timestamp);

		if (other->group == place->group && other->to_go != 0 &&
		    behind < (int32_t)place->clock_hz)
			return true;
	}
	return false;
}

/* The next step of the group, far enough ahead that all of it see it come. */
static void
begin_slip(struct rtp_render *r, struct rtp__place *place)
{
	uint32_t apart = place->clock_hz / 1000 * SLIP_MS;
	int64_t by = r->sample_hz / SLIP_HZ;

	if ((int32_t)(place->timestamp - place->slip_timestamp) <
	    (int32_t)apart)
		return;
	if (place->to_go < 0)
		by = -by;
	place->to_go -= by;
	for (uint32_t i = 0; i < r->streams_count; i++) {
		struct rtp__place *other = &r->streams[i].place;

		if (other->group != place->group)
			continue;
		other->slip.timestamp = place->timestamp + apart;
		other->slip.by += by;
	}
	place->slip_timestamp = place->timestamp;
}

static void
correct_drift(struct rtp_render *r, struct rtp__place *place, int64_t captured,
	      int64_t off)
{
	if (place->to_go == 0 && !is_moving(r, place)) {
		place->to_go =
		    rtp_drift_note(&place->drift, captured, off, r->sample_hz);
		place->to_go -= place->to_go % (r->sample_hz / SLIP_HZ);
		place->slip_timestamp =
		    place->timestamp - place->clock_hz / 1000 * SLIP_MS;
	} else {
		rtp_drift_wait(&place->drift);
	}
	if (place->to_go != 0)
		begin_slip(r, place);
}

/* The step that is due with this frame, if one is. */
static int64_t
take_slip(struct rtp__place *place)
{
	int64_t by = place->slip.by;

	if (by == 0 || (int32_t)(place->timestamp - place->slip.timestamp) < 0)
		return 0;
	place->slip.by = 0;
	place->base += by;
	return by;
}

int64_t
rtp__render_place(struct rtp_render *render, struct rtp__stream *stream,
		  const struct rtp_render_frame *frame, uint32_t clock_hz,
		  int64_t *stretch)
{
	struct rtp__place *place = &stream->place;
	int64_t captured = rtp__render_position(render, frame->time_ns);
	bool begins = place->clock_hz != clock_hz;
	bool talks = frame->marker && !place->marked;
	int64_t off, position;

	place->clock_hz = clock_hz;
	off = captured - position_at(render, place, frame->timestamp);
	if (begins || llabs(off) > render->sample_hz ||
	    (talks && llabs(off) > off_max(render))) {
		anchor(render, stream, frame->timestamp, captured);
	} else {
		int64_t move =
		    lasting(place, off, off_max(render), stream->frame_samples);

		if (move)
			move_group(render, place->group, move);
		else
			correct_drift(render, place, captured, off);
	}
	place->marked = frame->marker;
	advance(render, place, frame->timestamp);
	position = place->base + samples_of(render, place, place->ticks);
	*stretch = take_slip(place);
	return position;
}
