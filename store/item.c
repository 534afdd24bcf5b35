/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bytes of a .rec file, as store/FORMAT.md has them: header, chunk heads
 * and the items inside the sealed text; and the walk over a file that needs no
 * key, for recovery and for verify on a machine that has none.
 *
 *   item:  u8 type | u8 stream | u16 body bytes | body
 *
 * A reader steps over types it does not know; bodies of a known type may grow
 * at their end, save that of a frame, whose payload takes the rest.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/store.h"
#include "store/store_priv.h"

#define VERSION 1

static const uint8_t magic[8] = "SPANREC\n";

enum {
	ITEM_STREAM = 1,
	ITEM_FORMAT = 2,
	ITEM_FRAME = 3,
	ITEM_GAP = 4,
	ITEM_TOTALS = 5,
	ITEM_SCRUBBED = 6
};

enum { KIND_CHUNK = 'C', KIND_FINAL = 'F' };

/* ---- header and heads -------------------------------------------------- */

void
store__header_encode(uint8_t bytes[STORE__HEADER_BYTES],
		     const struct store__header *header)
{
	memset(bytes, 0, STORE__HEADER_BYTES);
	memcpy(bytes, magic, sizeof(magic));
	store__le_put(bytes + 8, VERSION, 2);
	bytes[10] = header->cipher;
	store__le_put(bytes + 12, header->key_day, 4);
	store__le_put(bytes + 16, header->key_slot, 4);
	store__le_put(bytes + 24, (uint64_t)header->start_ns, 8);
	memcpy(bytes + 32, header->id,
	       strnlen(header->id, STORE_SEGMENT_ID_BYTES - 1));
}

int
store__header_decode(struct store__header *header,
		     const uint8_t bytes[STORE__HEADER_BYTES])
{
	if (memcmp(bytes, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	if (store__le_get(bytes + 8, 2) != VERSION)
		return -EPROTO;
	header->cipher = bytes[10];
	header->key_day = (uint32_t)store__le_get(bytes + 12, 4);
	header->key_slot = (uint32_t)store__le_get(bytes + 16, 4);
	header->start_ns = (int64_t)store__le_get(bytes + 24, 8);
	memcpy(header->id, bytes + 32, STORE_SEGMENT_ID_BYTES);
	return store__id_sound(header->id) ? 0 : -EBADMSG;
}

void
store__head_encode(uint8_t bytes[STORE__HEAD_BYTES],
		   const struct store__head *head)
{
	memset(bytes, 0, STORE__HEAD_BYTES);
	bytes[0] = head->final ? KIND_FINAL : KIND_CHUNK;
	store__le_put(bytes + 4, head->text_bytes, 4);
	store__le_put(bytes + 8, head->chunk, 4);
	store__le_put(bytes + 12, head->second, 4);
}

int
store__head_decode(struct store__head *head,
		   const uint8_t bytes[STORE__HEAD_BYTES], uint32_t chunk,
		   uint32_t second)
{
	head->final = bytes[0] == KIND_FINAL;
	head->text_bytes = (uint32_t)store__le_get(bytes + 4, 4);
	head->chunk = (uint32_t)store__le_get(bytes + 8, 4);
	head->second = (uint32_t)store__le_get(bytes + 12, 4);
	if ((bytes[0] != KIND_CHUNK && bytes[0] != KIND_FINAL) || bytes[1] ||
	    bytes[2] || bytes[3] || head->text_bytes > STORE__CHUNK_BYTES ||
	    head->chunk != chunk || head->second < second ||
	    head->second > STORE__SECOND_MAX)
		return -EBADMSG;
	return 0;
}

/* ---- items ------------------------------------------------------------- */

static size_t
item_begin(uint8_t *p, uint8_t type, uint8_t stream, size_t item_bytes)
{
	p[0] = type;
	p[1] = stream;
	store__le_put(p + 2, item_bytes - STORE__ITEM_HEAD_BYTES, 2);
	return item_bytes;
}

size_t
store__stream_encode(uint8_t *p, uint8_t stream,
		     const struct store_stream_info *info)
{
	uint8_t *body = p + STORE__ITEM_HEAD_BYTES;

	store__le_put(body, info->side, 4);
	store__le_put(body + 4, info->ssrc, 4);
	memcpy(body + 8, info->src_addr, 16);
	memcpy(body + 24, info->dst_addr, 16);
	store__le_put(body + 40, info->src_port, 2);
	store__le_put(body + 42, info->dst_port, 2);
	return item_begin(p, ITEM_STREAM, stream, STORE__STREAM_BYTES);
}

static int
stream_decode(struct store_stream_info *info, const uint8_t *body, size_t n)
{
	if (n < STORE__STREAM_BYTES - STORE__ITEM_HEAD_BYTES ||
	    store__le_get(body, 4) > STORE_RIGHT)
		return -EBADMSG;
	info->side = body[0];
	info->ssrc = (uint32_t)store__le_get(body + 4, 4);
	memcpy(info->src_addr, body + 8, 16);
	memcpy(info->dst_addr, body + 24, 16);
	info->src_port = (uint16_t)store__le_get(body + 40, 2);
	info->dst_port = (uint16_t)store__le_get(body + 42, 2);
	return 0;
}

size_t
store__format_encode(uint8_t *p, uint8_t stream,
		     const struct store_format *format)
{
	uint8_t *body = p + STORE__ITEM_HEAD_BYTES;
	const size_t parameters =
	    strnlen(format->parameters, sizeof(format->parameters) - 1);

	memset(body, 0, STORE__FORMAT_BYTES - STORE__ITEM_HEAD_BYTES);
	body[0] = format->payload_type;
	body[1] = format->channels;
	store__le_put(body + 4, format->clock_hz, 4);
	memcpy(body + 8, format->encoding,
	       strnlen(format->encoding, sizeof(format->encoding) - 1));
	memcpy(body + 32, format->parameters, parameters);
	return item_begin(p, ITEM_FORMAT, stream,
			  STORE__FORMAT_BYTES + parameters);
}

static int
format_decode(struct store_format *format, const uint8_t *body, size_t n)
{
	size_t parameters;

	if (n < STORE__FORMAT_BYTES - STORE__ITEM_HEAD_BYTES || body[31])
		return -EBADMSG;
	parameters = n - (STORE__FORMAT_BYTES - STORE__ITEM_HEAD_BYTES);
	if (parameters > sizeof(format->parameters) - 1)
		parameters = sizeof(format->parameters) - 1;
	memset(format->parameters, 0, sizeof(format->parameters));
	memcpy(format->parameters, body + 32, parameters);
	format->payload_type = body[0];
	format->channels = body[1];
	format->clock_hz = (uint32_t)store__le_get(body + 4, 4);
	memcpy(format->encoding, body + 8, sizeof(format->encoding));
	return 0;
}

size_t
store__frame_encode(uint8_t *p, const struct store_frame *frame)
{
	uint8_t *body = p + STORE__ITEM_HEAD_BYTES;

	store__le_put(body, frame->sequence, 2);
	body[2] = (uint8_t)((frame->payload_type & 0x7f) |
			    (frame->marker ? 0x80 : 0));
	body[3] = 0;
	store__le_put(body + 4, frame->timestamp, 4);
	store__le_put(body + 8, (uint64_t)frame->time_ns, 8);
	if (frame->payload_bytes)
		memcpy(body + 16, frame->payload, frame->payload_bytes);
	return item_begin(p, ITEM_FRAME, frame->stream,
			  STORE__FRAME_BYTES + (size_t)frame->payload_bytes);
}

static int
frame_decode(struct store_frame *frame, const uint8_t *body, size_t n)
{
	if (n < 16)
		return -EBADMSG;
	frame->sequence = (uint16_t)store__le_get(body, 2);
	frame->payload_type = body[2] & 0x7f;
	frame->marker = body[2] >> 7;
	frame->timestamp = (uint32_t)store__le_get(body + 4, 4);
	frame->time_ns = (int64_t)store__le_get(body + 8, 8);
	frame->payload = body + 16;
	frame->payload_bytes = (uint16_t)(n - 16);
	return 0;
}

size_t
store__gap_encode(uint8_t *p, const struct store_gap *gap)
{
	uint8_t *body = p + STORE__ITEM_HEAD_BYTES;

	store__le_put(body, gap->reason, 4);
	store__le_put(body + 4, gap->packets, 4);
	store__le_put(body + 8, (uint64_t)gap->from_ns, 8);
	store__le_put(body + 16, (uint64_t)gap->until_ns, 8);
	return item_begin(p, ITEM_GAP, gap->stream, STORE__GAP_BYTES);
}

static int
gap_decode(struct store_gap *gap, const uint8_t *body, size_t n)
{
	if (n < STORE__GAP_BYTES - STORE__ITEM_HEAD_BYTES ||
	    store__le_get(body, 4) >= STORE_REASON_COUNT)
		return -EBADMSG;
	gap->reason = body[0];
	gap->packets = (uint32_t)store__le_get(body + 4, 4);
	gap->from_ns = (int64_t)store__le_get(body + 8, 8);
	gap->until_ns = (int64_t)store__le_get(body + 16, 8);
	return 0;
}

size_t
store__totals_encode(uint8_t *p, uint8_t stream,
		     const struct store_stream *totals)
{
	const uint64_t counts[] = { totals->seen,
				    totals->stored,
				    totals->late,
				    totals->duplicate,
				    totals->lost,
				    totals->expected,
				    totals->gaps,
				    (uint64_t)totals->first_ns,
				    (uint64_t)totals->last_ns };
	uint8_t *body = p + STORE__ITEM_HEAD_BYTES;

	body[0] = (uint8_t)totals->side;
	body[1] = STORE_REASON_COUNT;
	store__le_put(body + 2, 0, 2);
	store__le_put(body + 4, totals->ssrc, 4);
	for (size_t i = 0; i < 9; i++)
		store__le_put(body + 8 + 8 * i, counts[i], 8);
	for (size_t i = 0; i < STORE_REASON_COUNT; i++)
		store__le_put(body + 80 + 8 * i, totals->dropped[i], 8);
	body += 80 + 8 * STORE_REASON_COUNT;
	memset(body, 0, STORE_NAME_BYTES);
	memcpy(body, totals->codec,
	       strnlen(totals->codec, STORE_NAME_BYTES - 1));
	return item_begin(p, ITEM_TOTALS, stream, STORE__TOTALS_BYTES);
}

static int
totals_decode(struct store_stream *totals, const uint8_t *body, size_t n)
{
	uint64_t *const counts[] = { &totals->seen, &totals->stored,
				     &totals->late, &totals->duplicate,
				     &totals->lost, &totals->expected,
				     &totals->gaps };
	size_t reasons = n >= 80 ? body[1] : 0;
	const uint8_t *codec = body + 80 + 8 * reasons;

	if (n < 80 + 8 * reasons + STORE_NAME_BYTES || body[0] > STORE_RIGHT ||
	    codec[STORE_NAME_BYTES - 1])
		return -EBADMSG;
	memset(totals, 0, sizeof(*totals));
	totals->side = body[0];
	totals->ssrc = (uint32_t)store__le_get(body + 4, 4);
	for (size_t i = 0; i < 7; i++)
		*counts[i] = store__le_get(body + 8 + 8 * i, 8);
	totals->first_ns = (int64_t)store__le_get(body + 64, 8);
	totals->last_ns = (int64_t)store__le_get(body + 72, 8);
	for (size_t i = 0; i < reasons && i < STORE_REASON_COUNT; i++)
		totals->dropped[i] = store__le_get(body + 80 + 8 * i, 8);
	memcpy(totals->codec, codec, STORE_NAME_BYTES);
	return 0;
}

size_t
store__scrubbed_encode(uint8_t *p, const struct store_scrubbed *scrubbed)
{
	uint8_t *body = p + STORE__ITEM_HEAD_BYTES;

	memcpy(body, scrubbed->file_hash, STORE_HASH_BYTES);
	store__le_put(body + 32, (uint64_t)scrubbed->from_ns, 8);
	store__le_put(body + 40, (uint64_t)scrubbed->until_ns, 8);
	store__le_put(body + 48, scrubbed->sides, 4);
	store__le_put(body + 52, 0, 4);
	return item_begin(p, ITEM_SCRUBBED, 0, STORE__SCRUBBED_BYTES);
}

static int
scrubbed_decode(struct store_scrubbed *scrubbed, const uint8_t *body, size_t n)
{
	if (n < STORE__SCRUBBED_BYTES - STORE__ITEM_HEAD_BYTES)
		return -EBADMSG;
	memcpy(scrubbed->file_hash, body, STORE_HASH_BYTES);
	scrubbed->from_ns = (int64_t)store__le_get(body + 32, 8);
	scrubbed->until_ns = (int64_t)store__le_get(body + 40, 8);
	scrubbed->sides = (uint32_t)store__le_get(body + 48, 4);
	return 0;
}

int
store__item_decode(struct store_item *item, bool *known, const uint8_t *p,
		   size_t n)
{
	const uint8_t *body = p + STORE__ITEM_HEAD_BYTES;
	size_t body_bytes;
	int r = 0;

	if (n < STORE__ITEM_HEAD_BYTES)
		return -EBADMSG;
	body_bytes = store__le_get(p + 2, 2);
	if (n - STORE__ITEM_HEAD_BYTES < body_bytes)
		return -EBADMSG;
	item->stream = p[1];
	*known = true;
	switch (p[0]) {
	case ITEM_STREAM:
		item->type = STORE_ITEM_STREAM;
		r = stream_decode(&item->info, body, body_bytes);
		break;
	case ITEM_FORMAT:
		item->type = STORE_ITEM_FORMAT;
		r = format_decode(&item->format, body, body_bytes);
		break;
	case ITEM_FRAME:
		item->type = STORE_ITEM_FRAME;
		r = frame_decode(&item->frame, body, body_bytes);
		item->frame.stream = p[1];
		break;
	case ITEM_GAP:
		item->type = STORE_ITEM_GAP;
		r = gap_decode(&item->gap, body, body_bytes);
		item->gap.stream = p[1];
		break;
	case ITEM_TOTALS:
		item->type = STORE_ITEM_TOTALS;
		r = totals_decode(&item->totals, body, body_bytes);
		break;
	case ITEM_SCRUBBED:
		item->type = STORE_ITEM_SCRUBBED;
		r = scrubbed_decode(&item->scrubbed, body, body_bytes);
		break;
	default:
		*known = false;
	}
	return r ? r : (int)(STORE__ITEM_HEAD_BYTES + body_bytes);
}

/* ---- preamble ---------------------------------------------------------- */

/** Are these about the same stream, or the same payload type of it? */
static bool
same_subject(const uint8_t *a, const uint8_t *b)
{
	return a[0] == b[0] && a[1] == b[1] &&
	       (a[0] != ITEM_FORMAT ||
		a[STORE__ITEM_HEAD_BYTES] == b[STORE__ITEM_HEAD_BYTES]);
}

int
store__preamble_put(struct store__preamble *preamble, const uint8_t *item,
		    size_t n)
{
	size_t left = preamble->bytes, old = 0;
	uint8_t *p = preamble->items;
	uint32_t bytes;

	for (; left; p += old, left -= old) {
		old = STORE__ITEM_HEAD_BYTES + store__le_get(p + 2, 2);
		if (same_subject(p, item))
			break;
	}
	if (left && old == n && memcmp(p, item, n) == 0)
		return 0;
	if (left && item[0] != ITEM_FORMAT)
		return -EBADMSG; /* another stream */
	if (!left)
		old = 0;
	bytes = preamble->bytes - (uint32_t)old + (uint32_t)n;
	if (bytes > STORE__PREAMBLE_BYTES)
		return -ENOSPC;
	if (bytes > preamble->bytes) {
		uint8_t *grown = realloc(preamble->items, bytes);

		if (!grown)
			return -ENOMEM;
		p = grown + (preamble->bytes - left);
		preamble->items = grown;
	}
	/* Another format takes the place of the old one. */
	memmove(p + n, p + old, left - old);
	memcpy(p, item, n);
	preamble->bytes = bytes;
	return 1;
}

/* ---- without the key --------------------------------------------------- */

/**
 * A power cut can leave a file as long as it should be whose last pages were
 * never written. No real tag is all zero, as good as never.
 */
static bool
tag_written(const uint8_t tag[STORE__TAG_BYTES])
{
	return !sodium_is_zero(tag, STORE__TAG_BYTES);
}

static int
walk_header(struct store__walk *walk, int fd, crypto_generichash_state *hash)
{
	uint8_t header[STORE__HEADER_BYTES];
	struct stat st;
	int r;

	if (fstat(fd, &st))
		return -errno;
	walk->file_bytes = (uint64_t)st.st_size;
	if (walk->file_bytes < sizeof(header))
		return -EBADMSG;
	r = store__pread(fd, header, sizeof(header), 0);
	if (r == 0)
		r = store__header_decode(&walk->header, header);
	walk->good_bytes = sizeof(header);
	crypto_generichash_init(hash, NULL, 0, STORE_HASH_BYTES);
	crypto_generichash_update(hash, header, sizeof(header));
	return r;
}

int
store__walk_file(struct store__walk *walk, int fd)
{
	const size_t around = STORE__HEAD_BYTES + STORE__TAG_BYTES;
	uint8_t head_bytes[STORE__HEAD_BYTES], tag[STORE__TAG_BYTES];
	crypto_generichash_state hash;
	struct store__head head;
	uint64_t end;
	int r;

	memset(walk, 0, sizeof(*walk));
	r = walk_header(walk, fd, &hash);
	if (r)
		return r;
	while (r == 0 && !walk->final &&
	       walk->file_bytes - walk->good_bytes >= around) {
		r = store__pread(fd, head_bytes, sizeof(head_bytes),
				 walk->good_bytes);
		if (r)
			break;
		walk->malformed =
		    store__head_decode(&head, head_bytes, walk->chunks,
				       walk->second) != 0;
		if (walk->malformed)
			break;
		end = walk->good_bytes + around + head.text_bytes;
		if (end > walk->file_bytes)
			break;
		r = store__pread(fd, tag, sizeof(tag), end - sizeof(tag));
		if (r || !tag_written(tag))
			break;
		crypto_generichash_update(&hash, head_bytes,
					  sizeof(head_bytes));
		crypto_generichash_update(&hash, tag, sizeof(tag));
		walk->chunks++;
		walk->second = head.second;
		walk->final = head.final;
		walk->good_bytes = end;
	}
	crypto_generichash_final(&hash, walk->hash, STORE_HASH_BYTES);
	return r;
}
