/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A recording without a part of it: read with the old key, written with a new
 * one, frame by frame. It is read twice, first to learn which streams there
 * are. Only memory that is locked ever holds plaintext.
 *
 * What is heard in a range is not what was captured in it: whoever plays it
 * lets a stream go on by its timestamps, and the network delays some packets.
 * So a packet goes if the range touches anything from the earlier to the later
 * of the two places where it may lie.
 */
#include "store/store.h"
#include "store/scrub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_priv.h"

#define MS INT64_C(1000000)

/* As players do: timestamps that say something else than the capture time are
 * believed up to so much; at a marker, or where it lasts, less. */
#define JUMP_NS    NS_PER_S
#define OFF_NS     (120 * MS)
#define OFF_FRAMES 100

/* Packets are no longer; so long is one of which nothing is known. */
#define PACKET_NS (200 * MS)

#define PAYLOAD_TYPES 128
#define USUAL_HZ      8000

struct stream {
	enum store_side side;
	bool heard;
	int64_t first_ns, until_ns; /**< between which it has packets */
	struct store_format formats[PAYLOAD_TYPES]; /**< clock 0: not told */
	bool placed;
	uint16_t sequence;
	uint32_t timestamp;
	int64_t at_ns; /**< where its last packet lies, by its timestamp */
	uint32_t off_frames;
	int64_t packet_ns; /**< how long they are */
	int64_t slack_ns;  /**< so much around the range goes too */
	int64_t last_ns; /**< time of the last packet, whatever became of it */
	/* packets that went, since the last that stayed */
	uint32_t run;
	int64_t run_from_ns;
};

struct making {
	struct store_reader *reader;
	struct store_recording *recording;
	struct store_segment segment;
	const struct store_scrub *scrub;
	store_scrub_earlier_fn earlier;
	struct store_scrub_result *result;
	uint32_t streams_count;
	struct stream streams[STORE_STREAMS_MAX];
	/** for the totals: those of the file, if it has any, else of the row */
	struct store_segment totals;
	bool totals_told;
};

/** Files may say any time. */
static int64_t
add(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

static int64_t
distance(int64_t a, int64_t b)
{
	int64_t d;

	if (__builtin_sub_overflow(a, b, &d) || d == INT64_MIN)
		return INT64_MAX;
	return d < 0 ? -d : d;
}

/* ---- which packets go -------------------------------------------------- */

/** Where the packet lies by its timestamp, and how long packets are. */
static void
place(struct stream *s, const struct store_frame *frame)
{
	const uint32_t hz =
	    s->formats[frame->payload_type % PAYLOAD_TYPES].clock_hz;
	const int64_t units = (int32_t)(frame->timestamp - s->timestamp);
	const int64_t step = units * NS_PER_S / (hz ? hz : USUAL_HZ);
	const int64_t at_ns = add(s->at_ns, step);
	const int64_t off = distance(at_ns, frame->time_ns);

	if (s->placed && step > 0 && step <= PACKET_NS &&
	    frame->sequence == (uint16_t)(s->sequence + 1))
		s->packet_ns = step;
	s->off_frames = off > OFF_NS ? s->off_frames + 1 : 0;
	if (!s->placed || off > JUMP_NS || (off > OFF_NS && frame->marker) ||
	    s->off_frames == OFF_FRAMES) {
		s->at_ns = frame->time_ns;
		s->off_frames = 0;
	} else {
		s->at_ns = at_ns;
	}
	s->placed = true;
	s->sequence = frame->sequence;
	s->timestamp = frame->timestamp;
}

static bool
goes(const struct making *m, const struct stream *s,
     const struct store_frame *frame)
{
	const struct store_scrub *scrub = m->scrub;
	const struct store_format *format =
	    &s->formats[frame->payload_type % PAYLOAD_TYPES];
	int64_t first = s->at_ns, last = frame->time_ns;

	if (!(scrub->sides >> s->side & 1))
		return false;
	if (first > last) {
		first = frame->time_ns;
		last = s->at_ns;
	}
	first =
	    add(first, -m->earlier(format->clock_hz ? format : NULL, frame));
	return add(last, s->packet_ns) > add(scrub->from_ns, -s->slack_ns) &&
	       first < add(scrub->until_ns, s->slack_ns);
}

/* ---- items ------------------------------------------------------------- */

/** The packets that went are over. @param until_ns of the one behind them */
static int
run_end(struct making *m, uint8_t stream, int64_t until_ns)
{
	struct stream *s = &m->streams[stream];
	const struct store_gap gap = { .stream = stream,
				       .reason = STORE_REASON_scrub,
				       .packets = s->run,
				       .from_ns = s->run_from_ns,
				       .until_ns = until_ns };

	if (!s->run)
		return 0;
	s->run = 0;
	m->result->gaps[stream]++;
	return store_recording_gap(m->recording, &gap);
}

static int
take_frame(struct making *m, const struct store_frame *frame)
{
	struct stream *s = &m->streams[frame->stream];
	const bool first = !s->placed;
	int r = 0;

	place(s, frame);
	if (goes(m, s, frame)) {
		if (s->run == UINT32_MAX)
			return -EBADMSG;
		if (s->run++ == 0)
			s->run_from_ns = first ? frame->time_ns : s->last_ns;
		m->result->removed[frame->stream]++;
		m->result->payload_bytes += frame->payload_bytes;
	} else {
		r = run_end(m, frame->stream, frame->time_ns);
		if (r == 0)
			r = store_recording_frame(m->recording, frame);
	}
	s->last_ns = frame->time_ns;
	return r;
}

static int
take_gap(struct making *m, const struct store_gap *gap)
{
	struct stream *s = &m->streams[gap->stream];
	int r = run_end(m, gap->stream, s->last_ns);

	if (r == 0)
		r = store_recording_gap(m->recording, gap);
	s->last_ns = gap->until_ns;
	return r;
}

/* ---- first reading ----------------------------------------------------- */

static void
note_frame(struct stream *s, int64_t time_ns)
{
	if (!s->heard || time_ns < s->first_ns)
		s->first_ns = time_ns;
	if (!s->heard || time_ns > s->until_ns)
		s->until_ns = time_ns;
	s->heard = true;
}

/** Is another stream of its side there at the same time? A relay may send the
 * same sound a little later, and which of them was heard nobody knows. */
static bool
has_company(const struct making *m, const struct stream *me)
{
	for (uint32_t i = 0; i < STORE_STREAMS_MAX; i++) {
		const struct stream *other = &m->streams[i];

		if (other != me && me->heard && other->heard &&
		    other->side == me->side &&
		    other->first_ns <= add(me->until_ns, STORE_RELAY_NS) &&
		    me->first_ns <= add(other->until_ns, STORE_RELAY_NS))
			return true;
	}
	return false;
}

/** Which streams there are, and when. */
static int
survey(struct making *m)
{
	struct store_item item;
	int r;

	while ((r = store_reader_next(m->reader, &item)) > 0) {
		if (item.type == STORE_ITEM_STREAM)
			m->streams[item.stream].side = item.info.side;
		if (item.type == STORE_ITEM_FRAME)
			note_frame(&m->streams[item.stream],
				   item.frame.time_ns);
	}
	for (uint32_t i = 0; i < STORE_STREAMS_MAX; i++) {
		m->streams[i].packet_ns = PACKET_NS;
		if (has_company(m, &m->streams[i]))
			m->streams[i].slack_ns = STORE_RELAY_NS;
	}
	return r;
}

/* ---- second reading ---------------------------------------------------- */

static int
take_stream(struct making *m, const struct store_item *item)
{
	int r;

	if (item->stream != m->streams_count)
		return -EBADMSG;
	m->streams_count++;
	r = store_recording_stream(m->recording, &item->info);
	return r < 0 ? r : 0;
}

static int
take_format(struct making *m, const struct store_item *item)
{
	const uint8_t type = item->format.payload_type;

	m->streams[item->stream].formats[type % PAYLOAD_TYPES] = item->format;
	return store_recording_format(m->recording, item->stream,
				      &item->format);
}

static int
take_totals(struct making *m, const struct store_item *item)
{
	if (!m->totals_told)
		m->totals.streams_count = 0;
	m->totals_told = true;
	if (item->stream != m->totals.streams_count)
		return -EBADMSG;
	m->totals.streams[m->totals.streams_count++] = item->totals;
	return 0;
}

static int
take(struct making *m, const struct store_item *item)
{
	switch (item->type) {
	case STORE_ITEM_STREAM:
		return take_stream(m, item);
	case STORE_ITEM_FORMAT:
		return take_format(m, item);
	case STORE_ITEM_FRAME:
		return take_frame(m, &item->frame);
	case STORE_ITEM_GAP:
		return take_gap(m, &item->gap);
	case STORE_ITEM_TOTALS:
		return take_totals(m, item);
	case STORE_ITEM_SCRUBBED:
		return store__recording_scrubbed(m->recording, &item->scrubbed);
	}
	return -EBADMSG;
}

/* ---- the whole of it --------------------------------------------------- */

int
store__scrub_counts(struct store_segment *segment,
		    const struct store_scrub_result *result)
{
	for (uint32_t i = 0; i < STORE_STREAMS_MAX; i++) {
		struct store_stream *s = &segment->streams[i];

		if (i >= segment->streams_count)
			break;
		if (result->removed[i] > s->stored ||
		    result->gaps[i] > result->removed[i])
			return -EBADMSG;
		s->stored -= result->removed[i];
		s->dropped[STORE_REASON_scrub] += result->removed[i];
		s->gaps += result->gaps[i];
	}
	return 0;
}

static int
copy(struct making *m)
{
	struct store_item item;
	int r;

	while ((r = store_reader_next(m->reader, &item)) > 0) {
		r = take(m, &item);
		if (r)
			return r;
	}
	for (uint32_t i = 0; i < m->streams_count && r == 0; i++)
		r = run_end(m, (uint8_t)i, m->streams[i].last_ns);
	return r;
}

static int
finish(struct making *m)
{
	struct store_scrubbed scrubbed = { .from_ns = m->scrub->from_ns,
					   .until_ns = m->scrub->until_ns,
					   .sides = m->scrub->sides };
	struct store_recording_result written;
	int r;

	memcpy(scrubbed.file_hash, m->segment.file_hash, STORE_HASH_BYTES);
	r = store__recording_scrubbed(m->recording, &scrubbed);
	if (r == 0)
		r = store__scrub_counts(&m->totals, m->result);
	if (r == 0)
		r = store_recording_finish(m->recording, &m->totals, &written);
	if (r)
		return r;
	m->result->chunks = written.chunks;
	memcpy(m->result->file_hash, written.file_hash, STORE_HASH_BYTES);
	return 0;
}

/** It ends up closed, whatever becomes of it. */
static int
begin(struct store_recording *recording, const struct store_scrub *begun,
      int fd)
{
	int own = dup(fd), r;

	if (own < 0)
		return -errno;
	r = store__recording_begin_at(recording, own, begun->key_day,
				      begun->key_slot);
	if (r)
		close(own);
	return r;
}

/** Both readings, and the end. */
static int
make(struct making *m, struct store_archive *archive,
     const struct store_identity *identity, int fd)
{
	const struct store_segment *segment = &m->segment;
	int r = store_reader_open(&m->reader, archive, identity, segment);

	if (r == 0)
		r = survey(m);
	store_reader_close(&m->reader);
	if (r == 0)
		r = store_reader_open(&m->reader, archive, identity, segment);
	if (r == 0)
		r = begin(m->recording, m->scrub, fd);
	if (r == 0)
		r = copy(m);
	if (r == 0)
		r = finish(m);
	store_reader_close(&m->reader);
	return r;
}

int
store_scrub_make(struct store_archive *archive,
		 const struct store_scrub_reading *reading,
		 const struct store_scrub *begun,
		 struct store_recording *recording, int fd,
		 struct store_scrub_result *result)
{
	struct making *m = calloc(1, sizeof(*m));
	struct stat st;
	int r;

	memset(result, 0, sizeof(*result));
	if (!m)
		return -ENOMEM;
	m->recording = recording;
	m->scrub = begun;
	m->earlier = reading->earlier;
	m->result = result;
	r = store_segment_get(archive, begun->id, &m->segment);
	if (r == 0 && memcmp(m->segment.file_hash, begun->file_hash,
			     STORE_HASH_BYTES) != 0)
		r = -ESTALE;
	m->totals = m->segment;
	if (r == 0)
		r = make(m, archive, reading->identity, fd);
	if (r == 0 && fstat(fd, &st))
		r = -errno;
	if (r == 0)
		result->file_bytes = (uint64_t)st.st_size;
	free(m);
	return r;
}
