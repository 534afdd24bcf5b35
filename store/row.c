/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows of the index as bytes. The structs that the header shows may grow from
 * version to version; rows stay readable because each field carries a tag:
 *
 *   row:    u8 version | fields
 *   field:  u8 tag | u16 length | value
 *
 * Numbers are little-endian without their zero bytes at the top, texts without
 * a NUL; a field that is zero or empty is left out, and a tag that is not known
 * is stepped over. Fields are written once, in the tables below.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "store/store.h"
#include "store/cases.h"
#include "store/scrub.h"
#include "store/store_priv.h"

#define VERSION          1
#define FIELD_HEAD_BYTES 3
#define TAG_STREAM       64 /* a stream: its value is again a row of fields */

enum field_type {
	NUMBER, /* any integer or enum; max is its largest value */
	TEXT,   /* char[] with a NUL */
	BYTES,  /* uint8_t[], all zero if not set */
};

struct field {
	uint8_t tag;
	enum field_type type;
	size_t offset, bytes;
	uint64_t max;
};

_Static_assert(STORE_SUCCESSORS_MAX == 8, "each has its fields below");

#define MEMBER(s, m)                                                           \
	.offset = offsetof(struct s, m), .bytes = sizeof(((struct s *)0)->m)
#define NUMBER_FIELD(t, s, m, limit)                                           \
	{                                                                      \
		.tag = (t), .type = NUMBER, MEMBER(s, m), .max = (limit)       \
	}
#define TEXT_FIELD(t, s, m)                                                    \
	{                                                                      \
		.tag = (t), .type = TEXT, MEMBER(s, m)                         \
	}
#define BYTES_FIELD(t, s, m)                                                   \
	{                                                                      \
		.tag = (t), .type = BYTES, MEMBER(s, m)                        \
	}

#define QUALITY_FIELD(t, m) NUMBER_FIELD(t, store_stream, quality.m, UINT32_MAX)

static const struct field segment_fields[] = {
	TEXT_FIELD(1, store_segment, call),
	NUMBER_FIELD(2, store_segment, segment, UINT32_MAX),
	NUMBER_FIELD(3, store_segment, kind, STORE_KIND_COUNT - 1),
	TEXT_FIELD(4, store_segment, from),
	TEXT_FIELD(5, store_segment, to),
	TEXT_FIELD(6, store_segment, local),
	TEXT_FIELD(7, store_segment, remote),
	NUMBER_FIELD(8, store_segment, direction, STORE_ROUTE_COUNT - 1),
	TEXT_FIELD(9, store_segment, area),
	NUMBER_FIELD(10, store_segment, call_start_ns, UINT64_MAX),
	NUMBER_FIELD(11, store_segment, start_ns, UINT64_MAX),
	NUMBER_FIELD(12, store_segment, end_ns, UINT64_MAX),
	NUMBER_FIELD(13, store_segment, answer_ns, UINT64_MAX),
	TEXT_FIELD(14, store_segment, end_cause),
	NUMBER_FIELD(15, store_segment, decision, STORE_DECISION_COUNT - 1),
	TEXT_FIELD(16, store_segment, reason),
	TEXT_FIELD(17, store_segment, rule),
	BYTES_FIELD(18, store_segment, policy),
	TEXT_FIELD(19, store_segment, retention),
	NUMBER_FIELD(20, store_segment, state, STORE_STATE_COUNT - 1),
	TEXT_FIELD(21, store_segment, sip_call_ids),
	NUMBER_FIELD(22, store_segment, bytes, UINT64_MAX),
	NUMBER_FIELD(23, store_segment, chunks, UINT32_MAX),
	NUMBER_FIELD(24, store_segment, key_day, UINT32_MAX),
	NUMBER_FIELD(25, store_segment, key_slot, UINT32_MAX),
	BYTES_FIELD(26, store_segment, file_hash),
	NUMBER_FIELD(27, store_segment, purged_ns, UINT64_MAX),
	TEXT_FIELD(28, store_segment, began),
	TEXT_FIELD(29, store_segment, from_sent),
	TEXT_FIELD(30, store_segment, to_sent),
	TEXT_FIELD(31, store_segment, from_name),
	TEXT_FIELD(32, store_segment, to_name),
	TEXT_FIELD(33, store_segment, others),
	NUMBER_FIELD(34, store_segment, held_from, STORE_STATE_COUNT - 1),
	NUMBER_FIELD(35, store_segment, not_before_ns, UINT64_MAX),
	TEXT_FIELD(36, store_segment, successors[0].retention),
	NUMBER_FIELD(37, store_segment, successors[0].from_ns, UINT64_MAX),
	TEXT_FIELD(38, store_segment, successors[1].retention),
	NUMBER_FIELD(39, store_segment, successors[1].from_ns, UINT64_MAX),
	TEXT_FIELD(40, store_segment, successors[2].retention),
	NUMBER_FIELD(41, store_segment, successors[2].from_ns, UINT64_MAX),
	TEXT_FIELD(42, store_segment, successors[3].retention),
	NUMBER_FIELD(43, store_segment, successors[3].from_ns, UINT64_MAX),
	TEXT_FIELD(44, store_segment, successors[4].retention),
	NUMBER_FIELD(45, store_segment, successors[4].from_ns, UINT64_MAX),
	TEXT_FIELD(46, store_segment, successors[5].retention),
	NUMBER_FIELD(47, store_segment, successors[5].from_ns, UINT64_MAX),
	TEXT_FIELD(48, store_segment, successors[6].retention),
	NUMBER_FIELD(49, store_segment, successors[6].from_ns, UINT64_MAX),
	NUMBER_FIELD(50, store_segment, scrubs, UINT32_MAX - 1),
	BYTES_FIELD(51, store_segment, replaced),
	TEXT_FIELD(52, store_segment, successors[7].retention),
	NUMBER_FIELD(53, store_segment, successors[7].from_ns, UINT64_MAX),
	NUMBER_FIELD(54, store_segment, gave_way, 1),
	NUMBER_FIELD(60, store_segment, flags, STORE_FLAGS_ALL),
	NUMBER_FIELD(61, store_segment, dead_air_s, UINT32_MAX),
};

static const struct field stream_fields[] = {
	NUMBER_FIELD(1, store_stream, side, STORE_RIGHT),
	NUMBER_FIELD(2, store_stream, ssrc, UINT32_MAX),
	TEXT_FIELD(3, store_stream, codec),
	NUMBER_FIELD(4, store_stream, seen, UINT64_MAX),
	NUMBER_FIELD(5, store_stream, stored, UINT64_MAX),
	NUMBER_FIELD(6, store_stream, late, UINT64_MAX),
	NUMBER_FIELD(7, store_stream, duplicate, UINT64_MAX),
	NUMBER_FIELD(8, store_stream, lost, UINT64_MAX),
	NUMBER_FIELD(9, store_stream, expected, UINT64_MAX),
	NUMBER_FIELD(10, store_stream, gaps, UINT64_MAX),
	NUMBER_FIELD(11, store_stream, first_ns, UINT64_MAX),
	NUMBER_FIELD(12, store_stream, last_ns, UINT64_MAX),
#define X(name, text)                                                          \
	NUMBER_FIELD(32 + STORE_REASON_##name, store_stream,                   \
		     dropped[STORE_REASON_##name], UINT64_MAX),
	STORE_REASONS(X)
#undef X
	    QUALITY_FIELD(96, measured),
	QUALITY_FIELD(97, reordered),
	QUALITY_FIELD(98, jitter_us),
	QUALITY_FIELD(99, jitter_max_us),
	QUALITY_FIELD(100, ptime_us),
	QUALITY_FIELD(101, span_ms),
	QUALITY_FIELD(102, silence_ms),
	QUALITY_FIELD(103, longest_gap_ms),
	QUALITY_FIELD(104, bursts),
	QUALITY_FIELD(105, burst_packets),
	QUALITY_FIELD(106, burst_lost),
	QUALITY_FIELD(107, gaps),
	QUALITY_FIELD(108, gap_packets),
	QUALITY_FIELD(109, gap_lost),
	QUALITY_FIELD(110, mos),
	QUALITY_FIELD(111, mirror_lost),
	QUALITY_FIELD(112, network_lost),
	QUALITY_FIELD(113, reports),
	QUALITY_FIELD(114, reported_packets),
	QUALITY_FIELD(115, reported_lost),
	QUALITY_FIELD(116, reported_jitter_us),
	QUALITY_FIELD(117, tap_round_trip_us),
	QUALITY_FIELD(118, voip_reports),
	QUALITY_FIELD(119, voip_loss),
	QUALITY_FIELD(120, voip_discard),
	QUALITY_FIELD(121, voip_round_trip_ms),
	QUALITY_FIELD(122, voip_r),
	QUALITY_FIELD(123, voip_mos_lq),
	QUALITY_FIELD(124, voip_mos_cq),
};

static const struct field entry_fields[] = {
	NUMBER_FIELD(1, store_ledger_entry, time_ns, UINT64_MAX),
	TEXT_FIELD(2, store_ledger_entry, action),
	TEXT_FIELD(3, store_ledger_entry, subject),
	TEXT_FIELD(4, store_ledger_entry, actor),
	TEXT_FIELD(5, store_ledger_entry, detail),
};

#define SEARCH_FIELDS(t, i)                                                    \
	NUMBER_FIELD((t), store_case, searches[i].time_ns, UINT64_MAX),        \
	    NUMBER_FIELD((t) + 1, store_case, searches[i].from_ns,             \
			 UINT64_MAX),                                          \
	    NUMBER_FIELD((t) + 2, store_case, searches[i].to_ns, UINT64_MAX),  \
	    NUMBER_FIELD((t) + 3, store_case, searches[i].found, UINT32_MAX)

_Static_assert(STORE_SEARCHES_MAX == 16, "each has its fields below");

static const struct field case_fields[] = {
	TEXT_FIELD(1, store_case, name),
	NUMBER_FIELD(2, store_case, kind, STORE_CASE_SAR),
	TEXT_FIELD(3, store_case, title),
	TEXT_FIELD(4, store_case, approver),
	TEXT_FIELD(5, store_case, then),
	TEXT_FIELD(6, store_case, opened_by),
	TEXT_FIELD(7, store_case, closed_by),
	NUMBER_FIELD(8, store_case, opened_ns, UINT64_MAX),
	NUMBER_FIELD(9, store_case, closed_ns, UINT64_MAX),
	TEXT_FIELD(10, store_case, outcome),
	TEXT_FIELD(11, store_case, subjects),
	TEXT_FIELD(12, store_case, law),
	NUMBER_FIELD(13, store_case, received_ns, UINT64_MAX),
	NUMBER_FIELD(14, store_case, answered_ns, UINT64_MAX),
	NUMBER_FIELD(15, store_case, paused_ns, UINT64_MAX),
	NUMBER_FIELD(16, store_case, paused_days, UINT32_MAX),
	NUMBER_FIELD(21, store_case, extended_ns, UINT64_MAX),
	SEARCH_FIELDS(17, 0),
	SEARCH_FIELDS(24, 1),
	SEARCH_FIELDS(28, 2),
	SEARCH_FIELDS(32, 3),
	SEARCH_FIELDS(36, 4),
	SEARCH_FIELDS(40, 5),
	SEARCH_FIELDS(44, 6),
	SEARCH_FIELDS(48, 7),
	SEARCH_FIELDS(52, 8),
	SEARCH_FIELDS(56, 9),
	SEARCH_FIELDS(60, 10),
	SEARCH_FIELDS(64, 11),
	SEARCH_FIELDS(68, 12),
	SEARCH_FIELDS(72, 13),
	SEARCH_FIELDS(76, 14),
	SEARCH_FIELDS(80, 15),
};

static const struct field hold_fields[] = {
	TEXT_FIELD(1, store_hold, id),
	TEXT_FIELD(2, store_hold, name),
	TEXT_FIELD(3, store_hold, reason),
	TEXT_FIELD(4, store_hold, approver),
	TEXT_FIELD(5, store_hold, by),
	TEXT_FIELD(6, store_hold, ended_by),
	NUMBER_FIELD(7, store_hold, held_ns, UINT64_MAX),
	NUMBER_FIELD(8, store_hold, review_ns, UINT64_MAX),
	NUMBER_FIELD(9, store_hold, ended_ns, UINT64_MAX),
	TEXT_FIELD(10, store_hold, end_reason),
	NUMBER_FIELD(11, store_hold, reviewed_ns, UINT64_MAX),
	TEXT_FIELD(12, store_hold, reviewed_by),
	TEXT_FIELD(13, store_hold, review_reason),
};

static const struct field scrub_fields[] = {
	NUMBER_FIELD(1, store_scrub, state, STORE_SCRUB_STATE_COUNT - 1),
	NUMBER_FIELD(2, store_scrub, from_ns, UINT64_MAX),
	NUMBER_FIELD(3, store_scrub, until_ns, UINT64_MAX),
	NUMBER_FIELD(4, store_scrub, sides, STORE_SIDES_BOTH),
	TEXT_FIELD(5, store_scrub, why),
	NUMBER_FIELD(6, store_scrub, proposer.uid, UINT32_MAX),
	TEXT_FIELD(7, store_scrub, proposer.name),
	NUMBER_FIELD(8, store_scrub, proposed_ns, UINT64_MAX),
	NUMBER_FIELD(9, store_scrub, agreer.uid, UINT32_MAX),
	TEXT_FIELD(10, store_scrub, agreer.name),
	NUMBER_FIELD(11, store_scrub, agreed_ns, UINT64_MAX),
	NUMBER_FIELD(12, store_scrub, key_day, UINT32_MAX),
	NUMBER_FIELD(13, store_scrub, key_slot, UINT32_MAX),
	NUMBER_FIELD(14, store_scrub, scrubs, UINT32_MAX - 1),
	BYTES_FIELD(15, store_scrub, file_hash),
	NUMBER_FIELD(16, store_scrub, although_held, 1),
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ---- fields ------------------------------------------------------------ */

static uint64_t
number_get(const uint8_t *member, size_t bytes)
{
	uint32_t v32;
	uint64_t v64;

	if (bytes == sizeof(v32)) {
		memcpy(&v32, member, sizeof(v32));
		return v32;
	}
	memcpy(&v64, member, sizeof(v64));
	return v64;
}

static void
number_set(uint8_t *member, size_t bytes, uint64_t v)
{
	uint32_t v32 = (uint32_t)v;

	if (bytes == sizeof(v32))
		memcpy(member, &v32, sizeof(v32));
	else
		memcpy(member, &v, sizeof(v));
}

/** @return bytes of the value written to p */
static size_t
value_encode(uint8_t *p, const struct field *field, const uint8_t *member)
{
	uint64_t v;
	size_t n = 0;

	switch (field->type) {
	case NUMBER:
		for (v = number_get(member, field->bytes); v; v >>= 8)
			p[n++] = (uint8_t)v;
		return n;
	case TEXT:
		n = strnlen((const char *)member, field->bytes - 1);
		break;
	case BYTES:
		n = sodium_is_zero(member, field->bytes) ? 0 : field->bytes;
		break;
	}
	memcpy(p, member, n);
	return n;
}

static int
value_decode(uint8_t *member, const struct field *field, const uint8_t *p,
	     size_t n)
{
	uint64_t v = 0;

	switch (field->type) {
	case NUMBER:
		if (n > field->bytes)
			return -EBADMSG;
		for (size_t i = n; i > 0; i--)
			v = v << 8 | p[i - 1];
		if (v > field->max)
			return -EBADMSG;
		number_set(member, field->bytes, v);
		return 0;
	case TEXT:
		if (n >= field->bytes || memchr(p, 0, n))
			return -EBADMSG;
		memset(member, 0, field->bytes);
		break;
	case BYTES:
		if (n != field->bytes)
			return -EBADMSG;
		break;
	}
	memcpy(member, p, n);
	return 0;
}

static size_t
fields_encode(uint8_t *p, const struct field *fields, size_t count,
	      const void *from)
{
	const uint8_t *base = from;
	uint8_t *start = p;

	for (size_t i = 0; i < count; i++) {
		size_t n = value_encode(p + FIELD_HEAD_BYTES, &fields[i],
					base + fields[i].offset);

		if (n == 0)
			continue;
		p[0] = fields[i].tag;
		store__le_put(p + 1, n, 2);
		p += FIELD_HEAD_BYTES + n;
	}
	return (size_t)(p - start);
}

/** @return bytes of the field, and where its value is; or -EBADMSG */
static int
field_decode(uint8_t *tag, const uint8_t **value, size_t *value_bytes,
	     const uint8_t *p, size_t n)
{
	if (n < FIELD_HEAD_BYTES)
		return -EBADMSG;
	*tag = p[0];
	*value_bytes = store__le_get(p + 1, 2);
	*value = p + FIELD_HEAD_BYTES;
	if (n - FIELD_HEAD_BYTES < *value_bytes)
		return -EBADMSG;
	return (int)(FIELD_HEAD_BYTES + *value_bytes);
}

static int
field_store(const struct field *fields, size_t count, void *into, uint8_t tag,
	    const uint8_t *value, size_t value_bytes)
{
	for (size_t i = 0; i < count; i++)
		if (fields[i].tag == tag)
			return value_decode((uint8_t *)into + fields[i].offset,
					    &fields[i], value, value_bytes);
	return 0;
}

static int
fields_decode(const struct field *fields, size_t count, void *into,
	      const uint8_t *p, size_t n)
{
	const uint8_t *value;
	size_t value_bytes;
	uint8_t tag;
	int took, r;

	for (; n; p += took, n -= (size_t)took) {
		took = field_decode(&tag, &value, &value_bytes, p, n);
		if (took < 0)
			return took;
		r = field_store(fields, count, into, tag, value, value_bytes);
		if (r)
			return r;
	}
	return 0;
}

/* ---- rows -------------------------------------------------------------- */

size_t
store__row_encode(uint8_t *row, const struct store_segment *segment)
{
	uint8_t *p = row;

	*p++ = VERSION;
	p += fields_encode(p, segment_fields, COUNT(segment_fields), segment);
	for (uint32_t i = 0; i < segment->streams_count; i++) {
		size_t n =
		    fields_encode(p + FIELD_HEAD_BYTES, stream_fields,
				  COUNT(stream_fields), &segment->streams[i]);

		p[0] = TAG_STREAM;
		store__le_put(p + 1, n, 2);
		p += FIELD_HEAD_BYTES + n;
	}
	return (size_t)(p - row);
}

int
store__row_decode(struct store_segment *segment, const uint8_t *row, size_t n)
{
	char call[STORE_CALL_ID_BYTES];
	const uint8_t *value;
	size_t value_bytes;
	uint32_t number;
	uint8_t tag;
	int took, r = 0;

	memset(segment, 0, sizeof(*segment));
	if (n < 1)
		return -EBADMSG;
	if (row[0] != VERSION)
		return -EPROTO;
	for (row++, n--; n && r == 0; row += took, n -= (size_t)took) {
		took = field_decode(&tag, &value, &value_bytes, row, n);
		if (took < 0)
			return took;
		if (tag != TAG_STREAM) {
			r = field_store(segment_fields, COUNT(segment_fields),
					segment, tag, value, value_bytes);
			continue;
		}
		if (segment->streams_count == STORE_STREAMS_MAX)
			return -EBADMSG;
		r = fields_decode(stream_fields, COUNT(stream_fields),
				  &segment->streams[segment->streams_count++],
				  value, value_bytes);
	}
	if (r)
		return r;
	store__segment_id_make(segment->id, segment->call, segment->segment);
	return store__segment_id_parse(segment->id, call, &number) ? -EBADMSG
								   : 0;
}

static size_t
plain_encode(uint8_t *row, const struct field *fields, size_t count,
	     const void *from)
{
	row[0] = VERSION;
	return 1 + fields_encode(row + 1, fields, count, from);
}

/** @param into all zero */
static int
plain_decode(void *into, const struct field *fields, size_t count,
	     const uint8_t *row, size_t n)
{
	if (n < 1)
		return -EBADMSG;
	if (row[0] != VERSION)
		return -EPROTO;
	return fields_decode(fields, count, into, row + 1, n - 1);
}

size_t
store__scrub_encode(uint8_t *row, const struct store_scrub *scrub)
{
	row[0] = VERSION;
	return 1 +
	       fields_encode(row + 1, scrub_fields, COUNT(scrub_fields), scrub);
}

int
store__scrub_decode(struct store_scrub *scrub, const uint8_t *row, size_t n)
{
	memset(scrub, 0, sizeof(*scrub));
	if (n < 1)
		return -EBADMSG;
	if (row[0] != VERSION)
		return -EPROTO;
	return fields_decode(scrub_fields, COUNT(scrub_fields), scrub, row + 1,
			     n - 1);
}

size_t
store__entry_encode(uint8_t *row, const struct store_ledger_entry *e)
{
	return plain_encode(row, entry_fields, COUNT(entry_fields), e);
}

int
store__entry_decode(struct store_ledger_entry *e, const uint8_t *row, size_t n)
{
	memset(e, 0, sizeof(*e));
	return plain_decode(e, entry_fields, COUNT(entry_fields), row, n);
}

size_t
store__case_encode(uint8_t *row, const struct store_case *c)
{
	return plain_encode(row, case_fields, COUNT(case_fields), c);
}

int
store__case_decode(struct store_case *c, const uint8_t *row, size_t n)
{
	memset(c, 0, sizeof(*c));
	return plain_decode(c, case_fields, COUNT(case_fields), row, n);
}

size_t
store__hold_encode(uint8_t *row, const struct store_hold *hold)
{
	return plain_encode(row, hold_fields, COUNT(hold_fields), hold);
}

int
store__hold_decode(struct store_hold *hold, const uint8_t *row, size_t n)
{
	memset(hold, 0, sizeof(*hold));
	return plain_decode(hold, hold_fields, COUNT(hold_fields), row, n);
}
