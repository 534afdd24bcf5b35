/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a .rec file: one chunk at a time into locked memory, nothing handed
 * out before its chunk has authenticated. Where the file must end is known
 * from its final chunk and from the index; anything else is a cut.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store_priv.h"

struct store_reader {
	int fd;
	int error; /**< found damage: nothing follows */
	const struct store__cipher *cipher;
	struct store__header header;
	enum store_state state;
	uint32_t chunks_known; /**< by the index; 0: it does not say */
	uint32_t chunk;        /**< number of the next */
	uint32_t second;       /**< of the one before it */
	uint32_t streams_told; /**< bit n: stream n was */
	uint32_t text_bytes;   /**< of the chunk that is open */
	uint32_t used;         /**< of these, handed out */
	uint32_t item_at;      /**< where in it the last item began */
	bool final;            /**< the last one is open */
	uint64_t offset;       /**< of the next chunk */
	uint64_t chunk_offset; /**< of the one that is open */
	struct store__preamble preamble;
	uint8_t key[STORE_FILE_KEY_BYTES];
	uint8_t ad[STORE__AD_BYTES];
	uint8_t text[STORE__CHUNK_BYTES + STORE__TAG_BYTES];
};

static int
header_read(struct store_reader *reader, const struct store_segment *segment)
{
	int r = store__pread(reader->fd, reader->ad, STORE__HEADER_BYTES, 0);

	if (r)
		return r == -ENODATA ? -EBADMSG : r;
	r = store__header_decode(&reader->header, reader->ad);
	if (r)
		return r;
	if (strcmp(reader->header.id, segment->id) != 0 ||
	    reader->header.key_day != segment->key_day ||
	    reader->header.key_slot != segment->key_slot)
		return -EBADMSG;
	reader->cipher = store__cipher_find(reader->header.cipher);
	if (reader->cipher)
		return 0;
	return reader->header.cipher == STORE__AES256_GCM ? -ENOTSUP : -EPROTO;
}

int
store__reader_new(struct store_reader **reader, int fd,
		  const uint8_t key[STORE_FILE_KEY_BYTES],
		  const struct store_segment *segment)
{
	struct store_reader *rd = store__secret_new(sizeof(*rd));
	int r;

	*reader = NULL;
	if (!rd) {
		close(fd);
		return -ENOMEM;
	}
	rd->fd = fd;
	rd->state = store_segment_unheld(segment);
	rd->chunks_known = segment->chunks;
	rd->offset = STORE__HEADER_BYTES;
	memcpy(rd->key, key, sizeof(rd->key));
	r = header_read(rd, segment);
	if (r == 0)
		*reader = rd;
	else
		store_reader_close(&rd);
	return r;
}

/** @param key [STORE_FILE_KEY_BYTES] in locked memory */
static int
key_open(struct store_archive *archive, const struct store_identity *identity,
	 const struct store_segment *segment, uint8_t *key)
{
	struct store_sealed_key sealed;
	int r = store__keyring_read(archive, segment->key_day,
				    segment->key_slot, &sealed);

	if (r)
		return r;
	for (uint32_t i = 0; i < sealed.count; i++)
		if (crypto_box_seal_open(
			key, sealed.sealed[i], STORE_SEALED_KEY_BYTES,
			identity->pub.bytes, identity->secret) == 0)
			return 0;
	return -ENOKEY;
}

int
store_reader_open(struct store_reader **reader, struct store_archive *archive,
		  const struct store_identity *identity,
		  const struct store_segment *segment)
{
	char path[STORE__PATH_BYTES];
	uint8_t *key;
	int fd, r;

	*reader = NULL;
	/* Even while a purge is on its way, and file and key still whole. */
	if (segment->state == STORE_STATE_PURGED || segment->key_day == 0)
		return -ENOENT;
	store__recording_path(path, segment->key_day, segment->id,
			      segment->scrubs);
	fd = store__file_open(archive->dir_fd, path, O_RDONLY);
	if (fd < 0)
		return fd;
	key = store__secret_new(STORE_FILE_KEY_BYTES);
	r = key ? key_open(archive, identity, segment, key) : -ENOMEM;
	if (r == 0)
		r = store__reader_new(reader, fd, key, segment);
	else
		close(fd);
	store__secret_free(key, STORE_FILE_KEY_BYTES, STORE_FILE_KEY_BYTES);
	return r;
}

void
store_reader_close(struct store_reader **reader)
{
	struct store_reader *rd = *reader;

	*reader = NULL;
	if (!rd)
		return;
	close(rd->fd);
	free(rd->preamble.items);
	store__secret_free(rd, sizeof(*rd), sizeof(*rd));
}

void
store__reader_place(const struct store_reader *reader, uint32_t *chunk,
		    uint64_t *offset)
{
	bool open = reader->text_bytes > 0;

	*chunk = open ? reader->chunk - 1 : reader->chunk;
	*offset = open ? reader->chunk_offset : reader->offset;
}

uint32_t
store__reader_chunks(const struct store_reader *reader, bool *final)
{
	*final = reader->final;
	return reader->chunk;
}

/* ---- chunks ------------------------------------------------------------ */

/** @return 1; 0: the file ends here; -ENODATA: within a head; -EBADMSG; -EIO */
static int
head_read(struct store_reader *rd, struct store__head *head)
{
	uint8_t *bytes = rd->ad + STORE__HEADER_BYTES;
	ssize_t n;
	int r;

	do
		n = pread(rd->fd, bytes, STORE__HEAD_BYTES, (off_t)rd->offset);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n ? -errno : 0;
	if (n < STORE__HEAD_BYTES)
		return -ENODATA;
	r = store__head_decode(head, bytes, rd->chunk, rd->second);
	return r ? r : 1;
}

/** The file ends where a chunk might begin: may it? */
static int
end_check(const struct store_reader *rd)
{
	if (rd->state == STORE_STATE_RECORDING)
		return 0;
	if (rd->chunk != rd->chunks_known)
		return -EBADMSG;
	return rd->final || rd->state != STORE_STATE_STORED ? 0 : -EBADMSG;
}

/** @return 1: a chunk is open; 0: the end, as it should be; negative errno */
static int
chunk_open(struct store_reader *rd)
{
	uint8_t nonce[STORE__NONCE_BYTES];
	struct store__head head;
	int r;

	rd->text_bytes = rd->used = rd->item_at = 0;
	r = head_read(rd, &head);
	if (r == 0)
		return end_check(rd);
	if (r > 0 && rd->final)
		r = -EBADMSG; /* something behind the end */
	if (r > 0)
		r = store__pread(rd->fd, rd->text,
				 head.text_bytes + STORE__TAG_BYTES,
				 rd->offset + STORE__HEAD_BYTES);
	/* A chunk that is being written right now is not there yet. */
	if (r == -ENODATA)
		return rd->state == STORE_STATE_RECORDING ? 0 : -EBADMSG;
	if (r < 0)
		return r;
	store__nonce_make(nonce, rd->chunk, head.final);
	r = rd->cipher->open(rd->text, head.text_bytes, rd->ad, sizeof(rd->ad),
			     nonce, rd->key);
	if (r)
		return r;
	rd->text_bytes = head.text_bytes;
	rd->chunk_offset = rd->offset;
	rd->offset += STORE__HEAD_BYTES + head.text_bytes + STORE__TAG_BYTES;
	rd->chunk++;
	rd->second = head.second;
	rd->final = head.final;
	return 1;
}

/* ---- items ------------------------------------------------------------- */

/** Each chunk repeats streams and formats; the caller is told of news only. */
static int
item_is_news(struct store_reader *rd, const struct store_item *item,
	     const uint8_t *p, size_t n)
{
	if (item->stream >= STORE_STREAMS_MAX)
		return -EBADMSG;
	if (item->type == STORE_ITEM_STREAM)
		rd->streams_told |= UINT32_C(1) << item->stream;
	else if (item->type != STORE_ITEM_TOTALS &&
		 item->type != STORE_ITEM_SCRUBBED &&
		 !(rd->streams_told >> item->stream & 1))
		return -EBADMSG;
	if (item->type != STORE_ITEM_STREAM && item->type != STORE_ITEM_FORMAT)
		return 1;
	return store__preamble_put(&rd->preamble, p, n);
}

static int
item_next(struct store_reader *rd, struct store_item *item)
{
	bool known;
	int n, r = 0;

	while (r == 0) {
		while (rd->used == rd->text_bytes) {
			r = chunk_open(rd);
			if (r <= 0)
				return r;
		}
		rd->item_at = rd->used;
		n = store__item_decode(item, &known, rd->text + rd->used,
				       rd->text_bytes - rd->used);
		if (n < 0)
			return n;
		r = known
			? item_is_news(rd, item, rd->text + rd->used, (size_t)n)
			: 0;
		rd->used += (uint32_t)n;
	}
	return r;
}

int
store_reader_next(struct store_reader *reader, struct store_item *item)
{
	int r;

	if (reader->error)
		return reader->error;
	r = item_next(reader, item);
	if (r < 0)
		reader->error = r;
	return r;
}

int
store_reader_seek(struct store_reader *reader, int64_t time_ns)
{
	struct store__head head = { 0 };
	int64_t since;
	int r;

	if (__builtin_sub_overflow(time_ns, reader->header.start_ns, &since))
		since = time_ns < 0 ? 0 : INT64_MAX;
	since /= NS_PER_S;
	if (since > STORE__SECOND_MAX)
		since = STORE__SECOND_MAX;
	reader->error = 0;
	reader->final = false;
	reader->offset = STORE__HEADER_BYTES;
	reader->chunk = reader->second = 0;
	reader->text_bytes = reader->used = 0;
	while ((r = head_read(reader, &head)) > 0) {
		if (head.final || (int64_t)head.second >= since)
			return 0;
		reader->offset +=
		    STORE__HEAD_BYTES + head.text_bytes + STORE__TAG_BYTES;
		reader->chunk++;
		reader->second = head.second;
	}
	/* Behind the last chunk: store_reader_next says whether that is all. */
	return r == -EBADMSG || r == -ENODATA ? 0 : r;
}
