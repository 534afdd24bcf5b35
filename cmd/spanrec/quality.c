/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the streams of a segment fared, as JSON and for people: what was counted
 * here, and beside it what telephones said. What was not measured is null, and
 * a dash.
 */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>

#include <jansson.h>
#include <libsmartcols/libsmartcols.h>

enum { CELL_BYTES = 32 };

/* ---- figures ------------------------------------------------------------- */

static double
percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* Mean length of a burst or a gap. */
static double
mean_ms(const struct store_quality *q, uint32_t packets, uint32_t count)
{
	return count ? (double)packets / count * q->ptime_us / 1e3 : 0;
}

/* Of a side, each stream by its packets. @return 0: there is no telling */
static double
side_mos(const struct store_segment *segment, enum store_side side)
{
	double sum = 0, packets = 0;
	uint32_t i;

	for (i = 0; i < segment->streams_count; i++) {
		const struct store_stream *s = &segment->streams[i];

		if (s->side != side || !s->quality.mos)
			continue;
		sum += s->quality.mos / 100.0 * (double)s->expected;
		packets += (double)s->expected;
	}
	return packets > 0 ? sum / packets : 0;
}

double
spanrec_segment_mos(const struct store_segment *segment)
{
	double left = side_mos(segment, STORE_LEFT);
	double right = side_mos(segment, STORE_RIGHT);

	if (left <= 0 || right <= 0)
		return left > 0 ? left : right;
	return left < right ? left : right;
}

/* ---- for programs -------------------------------------------------------- */

/* As many digits as were measured. */
static json_t *
json_figure(double value, double digits)
{
	return json_real(round(value * digits) / digits);
}

json_t *
spanrec_mos_json(const struct store_segment *segment)
{
	double mos = spanrec_segment_mos(segment);

	return mos > 0 ? json_figure(mos, 100) : json_null();
}

json_t *
spanrec_flags_json(const struct store_segment *segment)
{
	json_t *flags = json_array();
	int rc = 0;

	if (segment->flags & STORE_ONE_WAY)
		rc |= json_array_append_new(flags, json_string("one-way"));
	if (segment->flags & STORE_DEAD_AIR)
		rc |= json_array_append_new(flags, json_string("dead-air"));
	if (segment->flags & STORE_NO_MEDIA)
		rc |= json_array_append_new(flags, json_string("no-media"));
	if (rc) {
		json_decref(flags);
		return NULL;
	}
	return flags;
}

#define SET(name, value) rc |= json_object_set_new(object, name, value)
#define COUNT(n)         json_integer((json_int_t)(n))
/* null where it is zero */
#define SAID(n, figure) ((n) ? (figure) : json_null())

/* What RTCP and RFC 6035 said. */
static json_t *
reported_json(const struct store_quality *q)
{
	json_t *object = json_object();
	int rc = 0;

	SET("rtcp_reports", COUNT(q->reports));
	SET("packets", SAID(q->reports, COUNT(q->reported_packets)));
	SET("lost", SAID(q->reports, COUNT(q->reported_lost)));
	SET("loss_percent",
	    SAID(q->reported_packets,
		 json_figure(percent(q->reported_lost, q->reported_packets),
			     1000)));
	SET("jitter_max_ms",
	    SAID(q->reports, json_figure(q->reported_jitter_us / 1e3, 1000)));
	SET("tap_round_trip_ms",
	    SAID(q->tap_round_trip_us,
		 json_figure(q->tap_round_trip_us / 1e3, 1000)));
	SET("voip_reports", COUNT(q->voip_reports));
	SET("voip_loss_percent",
	    SAID(q->voip_reports, json_figure(q->voip_loss / 100.0, 100)));
	SET("voip_discard_percent",
	    SAID(q->voip_reports, json_figure(q->voip_discard / 100.0, 100)));
	SET("voip_round_trip_ms",
	    SAID(q->voip_round_trip_ms, COUNT(q->voip_round_trip_ms)));
	SET("voip_r", SAID(q->voip_r, COUNT(q->voip_r)));
	SET("voip_mos_lq",
	    SAID(q->voip_mos_lq, json_figure(q->voip_mos_lq / 100.0, 100)));
	SET("voip_mos_cq",
	    SAID(q->voip_mos_cq, json_figure(q->voip_mos_cq / 100.0, 100)));
	if (rc) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static bool
is_reported(const struct store_quality *q)
{
	return q->reports || q->voip_reports;
}

json_t *
spanrec_quality_json(const struct store_stream *stream)
{
	const struct store_quality *q = &stream->quality;
	json_t *object;
	int rc = 0;

	if (!q->measured && !is_reported(q))
		return json_null();
	object = json_object();
	SET("mos_tap", SAID(q->mos, json_figure(q->mos / 100.0, 100)));
	SET("loss_percent",
	    json_figure(percent(stream->lost, stream->expected), 1000));
	SET("jitter_ms",
	    SAID(q->measured, json_figure(q->jitter_us / 1e3, 1000)));
	SET("jitter_max_ms",
	    SAID(q->measured, json_figure(q->jitter_max_us / 1e3, 1000)));
	SET("reordered", COUNT(q->reordered));
	SET("ptime_ms",
	    SAID(q->ptime_us, json_figure(q->ptime_us / 1e3, 1000)));
	SET("longest_gap_ms", COUNT(q->longest_gap_ms));
	SET("bursts", COUNT(q->bursts));
	SET("burst_density_percent",
	    json_figure(percent(q->burst_lost, q->burst_packets), 1000));
	SET("burst_duration_ms",
	    json_figure(mean_ms(q, q->burst_packets, q->bursts), 10));
	SET("gap_density_percent",
	    json_figure(percent(q->gap_lost, q->gap_packets), 1000));
	SET("gap_duration_ms",
	    json_figure(mean_ms(q, q->gap_packets, q->gaps), 10));
	SET("silence_percent",
	    SAID(q->span_ms,
		 json_figure(percent(q->silence_ms, q->span_ms), 100)));
	SET("mirror_lost", SAID(q->reported_packets, COUNT(q->mirror_lost)));
	SET("mirror_loss_percent",
	    SAID(q->reported_packets,
		 json_figure(percent(q->mirror_lost, q->reported_packets),
			     1000)));
	SET("network_lost", SAID(q->reported_packets, COUNT(q->network_lost)));
	SET("network_loss_percent",
	    SAID(q->reported_packets,
		 json_figure(percent(q->network_lost, q->reported_packets),
			     1000)));
	SET("reported", is_reported(q) ? reported_json(q) : json_null());
	if (rc) {
		json_decref(object);
		return NULL;
	}
	return object;
}

#undef SET
#undef COUNT
#undef SAID

/* ---- for people ---------------------------------------------------------- */

void
spanrec_flags_text(const struct store_segment *segment,
		   char text[SPANREC_TEXT_BYTES])
{
	char dead[SPANREC_TEXT_BYTES / 2] = "";
	bool one_way = segment->flags & STORE_ONE_WAY;

	if (segment->flags & STORE_DEAD_AIR)
		snprintf(dead, sizeof(dead),
			 "%snobody was heard for %" PRIu32 " s",
			 one_way ? "; " : "", segment->dead_air_s);
	snprintf(text, SPANREC_TEXT_BYTES, "%s%s%s",
		 segment->flags & STORE_NO_MEDIA
		     ? "no media, though it was answered"
		     : "",
		 one_way ? "one-way: only one side sent any media" : "", dead);
}

enum column {
	SIDE,
	SSRC,
	MOS,
	JITTER,
	JITTER_MAX,
	PTIME,
	REORDERED,
	BURSTS,
	LONGEST,
	SILENCE,
	COLUMNS
};

static struct libscols_table *
table_new(FILE *to)
{
	static const char *const titles[COLUMNS] = {
		[SIDE] = "  SIDE",         [SSRC] = "SSRC",
		[MOS] = "MOS-TAP",         [JITTER] = "JITTER",
		[JITTER_MAX] = "MAX",      [PTIME] = "PTIME",
		[REORDERED] = "REORDERED", [BURSTS] = "BURSTS",
		[LONGEST] = "LONGEST GAP", [SILENCE] = "SILENCE",
	};
	struct libscols_table *table = scols_new_table();
	size_t i;

	if (!table)
		return NULL;
	scols_table_set_stream(table, to);
	for (i = 0; i < COLUMNS; i++) {
		if (!scols_table_new_column(table, titles[i], 0,
					    i >= MOS ? SCOLS_FL_RIGHT : 0)) {
			scols_unref_table(table);
			return NULL;
		}
	}
	return table;
}

static void cell(struct libscols_line *row, size_t column, bool known,
		 const char *format, ...) __attribute__((format(printf, 4, 5)));

static void
cell(struct libscols_line *row, size_t column, bool known, const char *format,
     ...)
{
	char text[CELL_BYTES] = "-";
	va_list args;

	va_start(args, format);
	if (known)
		vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)scols_line_set_data(row, column, text);
}

static void
stream_row(struct libscols_line *row, const struct store_stream *s)
{
	const struct store_quality *q = &s->quality;
	bool known = q->measured;

	(void)scols_line_set_data(row, SIDE,
				  s->side == STORE_LEFT ? "  left" : "  right");
	cell(row, SSRC, true, "%08" PRIx32, s->ssrc);
	cell(row, MOS, q->mos, "%.2f", q->mos / 100.0);
	cell(row, JITTER, known, "%.1f ms", q->jitter_us / 1e3);
	cell(row, JITTER_MAX, known, "%.1f ms", q->jitter_max_us / 1e3);
	cell(row, PTIME, q->ptime_us, "%g ms", q->ptime_us / 1e3);
	cell(row, REORDERED, true, "%" PRIu32, q->reordered);
	cell(row, BURSTS, true, "%" PRIu32, q->bursts);
	cell(row, LONGEST, true, "%" PRIu32 " ms", q->longest_gap_ms);
	cell(row, SILENCE, q->span_ms, "%.0f %%",
	     percent(q->silence_ms, q->span_ms));
}

static void
print_loss(FILE *to, const struct store_quality *q)
{
	uint64_t behind = q->reported_lost > q->network_lost
			      ? q->reported_lost - q->network_lost
			      : 0;

	if (!q->reported_packets)
		return;
	if (q->mirror_lost)
		fprintf(to, "; mirror loss %.2f %%",
			percent(q->mirror_lost, q->reported_packets));
	if (q->network_lost)
		fprintf(to, "; network loss %.2f %%",
			percent(q->network_lost, q->reported_packets));
	if (behind)
		fprintf(to, "; lost between here and there %.2f %%",
			percent(behind, q->reported_packets));
}

static void
print_voip(FILE *to, const struct store_quality *q)
{
	fprintf(to, "%.2f %% lost and %.2f %% discarded", q->voip_loss / 100.0,
		q->voip_discard / 100.0);
	if (q->voip_round_trip_ms)
		fprintf(to, ", round trip %" PRIu32 " ms",
			q->voip_round_trip_ms);
	if (q->voip_mos_lq)
		fprintf(to, ", MOS-LQ %.2f", q->voip_mos_lq / 100.0);
	if (q->voip_mos_cq)
		fprintf(to, ", MOS-CQ %.2f", q->voip_mos_cq / 100.0);
}

/* What the telephone says that hears this stream. */
static void
print_reported(FILE *to, const struct store_stream *s)
{
	const struct store_quality *q = &s->quality;
	const char *side = s->side == STORE_LEFT ? "left" : "right";

	if (q->reports) {
		fprintf(to,
			"  %s side, %08" PRIx32 ": %" PRIu32 " of %" PRIu32
			" packets lost, jitter up to %.1f ms",
			side, s->ssrc, q->reported_lost, q->reported_packets,
			q->reported_jitter_us / 1e3);
		if (q->tap_round_trip_us)
			fprintf(to, ", %.1f ms from here and back",
				q->tap_round_trip_us / 1e3);
		print_loss(to, q);
		fputc('\n', to);
	}
	if (q->voip_reports) {
		fprintf(to, "  %s side, %08" PRIx32 ": ", side, s->ssrc);
		print_voip(to, q);
		fputc('\n', to);
	}
}

static void
show_reported(FILE *to, const struct store_segment *segment,
	      const struct store_stream *const *sorted)
{
	bool any = false;
	uint32_t i;

	for (i = 0; i < segment->streams_count; i++)
		any |= is_reported(&sorted[i]->quality);
	if (!any)
		return;
	fprintf(to, "\n  What telephones report of what they hear\n");
	for (i = 0; i < segment->streams_count; i++)
		print_reported(to, sorted[i]);
}

int
spanrec_quality_show(FILE *to, const struct store_segment *segment)
{
	const struct store_stream *sorted[STORE_STREAMS_MAX];
	struct libscols_table *table;
	bool any = false;
	uint32_t i;
	int rc = 0;

	spanrec_streams_sort(segment, sorted);
	for (i = 0; i < segment->streams_count; i++)
		any |= sorted[i]->quality.measured > 0;
	if (!any)
		return 0;
	table = table_new(to);
	if (!table)
		return -ENOMEM;
	for (i = 0; rc == 0 && i < segment->streams_count; i++) {
		struct libscols_line *row = scols_table_new_line(table, NULL);

		if (row)
			stream_row(row, sorted[i]);
		else
			rc = -ENOMEM;
	}
	fprintf(to, "\n  Quality here, at the tap (MOS: estimated by G.107)\n");
	if (rc == 0 && scols_print_table(table))
		rc = -ENOMEM;
	scols_unref_table(table);
	show_reported(to, segment, sorted);
	return rc;
}
