/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See quality.h. */
#include "rtp/quality.h"

#include <string.h>

#include "rtp/rtp.h"

static const int64_t SECOND_NS = 1000000000LL;
/* Timestamps and clock apart by so much: a jump. */
static const int64_t JUMP_NS = 500 * 1000000LL;
/* Packets of sound are no longer. */
enum { PTIME_MAX_MS = 200 };
/* Capture times are taken from before the first, so that none is negative. */
static const int64_t BEFORE_NS = 60 * 1000000000LL;

/* ---- clocks -------------------------------------------------------------- */

static double
in_us(double units, uint32_t clock_hz)
{
	return clock_hz ? units * 1e6 / clock_hz : 0;
}

/* What was measured by a clock is kept in microseconds before another. */
static void
fold(struct rtp_quality *q)
{
	double max_us = in_us((double)q->jitter_max / 16, q->clock_hz);

	q->past_jitter_sum_us += in_us((double)q->jitter_sum / 16, q->clock_hz);
	if (max_us > q->past_jitter_max_us)
		q->past_jitter_max_us = max_us;
	q->past_span_ms += in_us((double)q->span, q->clock_hz) / 1e3;
	q->past_silence_ms += in_us((double)q->silence, q->clock_hz) / 1e3;
	if (q->ptime)
		q->past_ptime_us = in_us(q->ptime, q->clock_hz);
	q->jitter = q->jitter_max = q->jitter_sum = 0;
	q->span = q->silence = 0;
	q->ptime = q->ptime_votes = q->ptime_seen = 0;
	q->moving = false;
}

/* ---- jitter, in order of arrival ----------------------------------------- */

static uint32_t
arrival(const struct rtp_quality *q, int64_t time_ns)
{
	int64_t ns = time_ns - q->base_ns;

	return (uint32_t)(ns / SECOND_NS * q->clock_hz +
			  ns % SECOND_NS * q->clock_hz / SECOND_NS);
}

/* RFC 3550 appendix A.8. */
static void
measure(struct rtp_quality *q, const struct rtp_quality_waiting *packet)
{
	uint32_t transit, d;

	if (packet->clock_hz == 0 || packet->clock_hz != q->clock_hz)
		return;
	transit = arrival(q, packet->time_ns) - packet->timestamp;
	d = transit - q->transit;
	if ((int32_t)d < 0)
		d = -d;
	q->measured++;
	if (q->moving && d <= q->clock_hz / 2) {
		q->jitter += d;
		q->jitter -= (q->jitter - d + 8) >> 4;
		q->jitter_sum += q->jitter;
		q->jittered++;
		if (q->jitter > q->jitter_max)
			q->jitter_max = q->jitter;
	}
	q->transit = transit;
	q->moving = true;
}

static struct rtp_quality_waiting *
waiting_at(struct rtp_quality *q, uint32_t i)
{
	return &q->waiting[(q->waiting_first + i) % RTP_QUALITY_ORDER];
}

static void
measure_first(struct rtp_quality *q)
{
	measure(q, waiting_at(q, 0));
	q->waiting_first = (q->waiting_first + 1) % RTP_QUALITY_ORDER;
	q->waiting_count--;
}

static void
measure_all(struct rtp_quality *q)
{
	while (q->waiting_count)
		measure_first(q);
}

/* Behind all that came before it. */
static void
put(struct rtp_quality *q, const struct rtp_quality_frame *frame)
{
	uint32_t i;

	if (q->waiting_count == RTP_QUALITY_ORDER)
		measure_first(q);
	for (i = q->waiting_count; i > 0; i--) {
		struct rtp_quality_waiting *before = waiting_at(q, i - 1);

		if (before->time_ns <= frame->time_ns)
			break;
		q->reordered += !before->passed;
		before->passed = true;
		*waiting_at(q, i) = *before;
	}
	*waiting_at(q, i) =
	    (struct rtp_quality_waiting){ .time_ns = frame->time_ns,
					  .timestamp = frame->timestamp,
					  .clock_hz = frame->clock_hz };
	q->waiting_count++;
}

/* ---- bursts and gaps ----------------------------------------------------- */

/* No more losses come near those that were. One alone is part of a gap. */
static void
close_dense(struct rtp_quality *q)
{
	if (q->dense.lost > 1) {
		q->bursts++;
		q->burst.packets += q->dense.packets;
		q->burst.lost += q->dense.lost;
		q->gaps += q->gap_run > 0;
		q->gap_run = 0;
	} else if (q->dense.lost == 1) {
		q->gap.packets++;
		q->gap.lost++;
		q->gap_run++;
	}
	q->dense = (struct rtp_quality_row){ 0, 0 };
}

static void
lose(struct rtp_quality *q, uint32_t count)
{
	if (q->dense.lost && q->good < RTP_QUALITY_GMIN) {
		q->dense.packets += q->good;
	} else {
		close_dense(q);
		q->gap.packets += q->good;
		q->gap_run += q->good;
	}
	q->good = 0;
	q->dense.packets += count;
	q->dense.lost += count;
}

/* ---- in order of sequence ------------------------------------------------ */

/* From one packet to the next, when packets are so long. */
static bool
is_silence(uint32_t units, uint32_t ptime)
{
	return units > ptime + ptime / 2;
}

/* Most packets are as long as the one that keeps its place here (Boyer,
 * Moore: "MJRTY, a fast majority vote algorithm", 1981). A short one counts as
 * often as it goes into the longest: of who listens most of the time most
 * packets tell his noise, each 160 ms (AMR), and are no longer for that. */
static void
vote_ptime(struct rtp_quality *q, uint32_t units)
{
	uint32_t longest = q->clock_hz / 1000 * PTIME_MAX_MS, votes;

	if (units > longest)
		return;
	votes = longest / units;
	if (units == q->ptime) {
		q->ptime_votes += votes;
		q->ptime_seen++;
	} else if (q->ptime_votes >= votes) {
		q->ptime_votes -= votes;
	} else {
		/* So those before were pauses. */
		if (is_silence(q->ptime, units))
			q->silence +=
			    (uint64_t)q->ptime_seen * (q->ptime - units);
		else if (!q->ptime)
			q->silence -= (uint64_t)q->ptime_seen * units;
		q->ptime = units;
		q->ptime_votes = votes - q->ptime_votes;
		q->ptime_seen = 1;
	}
}

static void
note_spacing(struct rtp_quality *q, const struct rtp_quality_frame *frame)
{
	int64_t passed_ns = frame->time_ns - q->last.time_ns;
	int32_t units = (int32_t)(frame->timestamp - q->last.timestamp);
	int64_t ahead_ns;

	if (frame->clock_hz == 0 || q->last.clock_hz != frame->clock_hz ||
	    units <= 0)
		return;
	ahead_ns = units * SECOND_NS / frame->clock_hz - passed_ns;
	if (ahead_ns > JUMP_NS || ahead_ns < -JUMP_NS)
		return;
	q->span += (uint32_t)units;
	if (q->since_last)
		return;
	vote_ptime(q, (uint32_t)units);
	/* What is too long to vote, before any has, has a packet in it, too. */
	if (!q->ptime)
		q->ptime_seen++;
	if (is_silence((uint32_t)units, q->ptime))
		q->silence += (uint32_t)units - q->ptime;
}

static void
note_gap(struct rtp_quality *q, const struct rtp_quality_frame *frame)
{
	int64_t gap_ns = frame->time_ns - q->last.time_ns;

	if (q->clock_hz)
		gap_ns -= q->ptime * SECOND_NS / q->clock_hz;
	if (gap_ns > q->longest_ns)
		q->longest_ns = gap_ns;
}

static void
begin(struct rtp_quality *q, const struct rtp_quality_frame *frame)
{
	/* From cycle 1 on, so that a number before it has one, too. */
	q->next = 0x10000U + frame->sequence;
	q->base_ns = frame->time_ns - BEFORE_NS;
	q->begun = true;
}

void
rtp_quality_frame(struct rtp_quality *q, const struct rtp_quality_frame *frame)
{
	bool follows = q->begun;

	if (!q->begun)
		begin(q, frame);
	if ((uint16_t)q->next != frame->sequence) {
		q->next += (uint16_t)(frame->sequence - (uint16_t)q->next);
		measure_all(q);
		q->moving = follows = false;
	}
	if (frame->clock_hz && frame->clock_hz != q->clock_hz) {
		measure_all(q);
		fold(q);
		q->clock_hz = frame->clock_hz;
	}
	if (follows)
		note_spacing(q, frame);
	if (follows && q->lost_since)
		note_gap(q, frame);
	put(q, frame);
	q->last = *frame;
	q->since_last = 0;
	q->lost_since = false;
	q->good++;
	q->total++;
	q->next++;
}

/* One that goes on where the last one ended is part of it. */
static void
note_run(struct rtp_quality *q, uint32_t count)
{
	struct rtp_quality_run *run = &q->run[(q->runs - 1) % RTP_QUALITY_RUNS];

	if (q->runs && run->first + run->count == q->next) {
		run->count += count;
		return;
	}
	run = &q->run[q->runs++ % RTP_QUALITY_RUNS];
	run->first = q->next;
	run->count = count;
}

void
rtp_quality_lost(struct rtp_quality *q, uint32_t count)
{
	if (!q->begun || count == 0)
		return;
	note_run(q, count);
	q->lost_since = true;
	q->since_last += count;
	q->lost += count;
	q->total += count;
	q->next += count;
	lose(q, count);
}

void
rtp_quality_unseen(struct rtp_quality *q, uint32_t count)
{
	if (!q->begun)
		return;
	q->since_last += count;
	q->good += count;
	q->total += count;
	q->next += count;
}

/* ---- figures ------------------------------------------------------------- */

void
rtp_quality_figures(const struct rtp_quality *quality, struct rtp_figures *f)
{
	struct rtp_quality q = *quality;

	measure_all(&q);
	fold(&q);
	close_dense(&q);
	q.gap.packets += q.good;
	q.gap_run += q.good;
	*f = (struct rtp_figures){
		.measured = q.measured,
		.reordered = q.reordered,
		.lost = q.lost,
		.runs = q.runs,
		.jitter_max_us = q.past_jitter_max_us,
		.ptime_us = q.past_ptime_us,
		.span_ms = q.past_span_ms,
		.silence_ms = q.past_silence_ms,
		.longest_gap_ms = (double)q.longest_ns / 1e6,
		.bursts = q.bursts,
		.gaps = q.gaps + (q.gap_run > 0),
		.burst = q.burst,
		.gap = q.gap,
	};
	if (q.jittered)
		f->jitter_us = q.past_jitter_sum_us / (double)q.jittered;
}

void
rtp_quality_until(const struct rtp_quality *q, uint32_t highest,
		  uint64_t *expected, uint64_t *lost)
{
	uint32_t last = q->next - 1, i;
	uint16_t beyond = (uint16_t)(last - highest);

	*expected = *lost = 0;
	if (!q->begun)
		return;
	/* It has heard what we have not, or of before the first. */
	if (beyond > 0x7fff)
		beyond = 0;
	if (beyond >= q->total)
		return;
	*expected = q->total - beyond;
	*lost = q->lost;
	for (i = 0; i < RTP_QUALITY_RUNS; i++) {
		uint32_t from = q->run[i].first, count = q->run[i].count;
		uint32_t end = last + 1 - beyond;

		if (count && from + count > end)
			*lost -= from >= end ? count : from + count - end;
	}
}

double
rtp_figures_burst_ratio(const struct rtp_figures *f, uint64_t expected)
{
	double mean, kept;

	if (!f->lost || !f->runs || expected <= f->lost)
		return 1;
	mean = (double)f->lost / (double)f->runs;
	kept = 1 - (double)f->lost / (double)expected;
	/* At random a run has 1 / (1 - p) on average. */
	return mean * kept;
}
