/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writing a .rec file. All of a recording - its key and the one chunk under
 * construction - lives in one locked mapping whose pages become resident as
 * they are first used, so that a quiet recording stays small; a chunk is
 * sealed where it stands and written with one system call:
 *
 *   | struct | head 16 | text, up to 32 KiB | tag 16 |
 *                ^ plaintext until sealed, then ciphertext
 */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_priv.h"

struct store_recording {
	const struct store_archive *archive;
	int64_t start_ns;
	uint64_t second; /**< of the youngest frame: a later one closes */
	int fd;          /**< -1 before store_recording_begin */
	int error;       /**< what the disk said; nothing goes on then */
	uint32_t day;
	uint32_t used; /**< bytes of text; 0: not begun */
	uint32_t streams;
	uint64_t offset; /**< end of what is written */
	/** Of whole chunks; their count is the number of the next one. */
	struct store_recording_result written;
	uint32_t open_payload_bytes; /**< in the chunk under construction */
	uint16_t open_frames[STORE_STREAMS_MAX];
	struct store__preamble preamble;
	crypto_generichash_state hash;
	char id[STORE_SEGMENT_ID_BYTES];
	uint8_t key[STORE_FILE_KEY_BYTES];
	uint8_t ad[STORE__AD_BYTES]; /**< header, then head of the chunk */
	uint8_t head[STORE__HEAD_BYTES];
	uint8_t text[STORE__CHUNK_BYTES + STORE__TAG_BYTES];
};

int
store_recording_new(struct store_recording **recording,
		    const struct store_archive *archive,
		    const struct store_recording_spec *spec)
{
	struct store_recording *rec;

	*recording = NULL;
	if (!store__id_sound(spec->id))
		return -EINVAL;
	rec = store__secret_new(sizeof(*rec));
	if (!rec)
		return -ENOMEM;
	rec->archive = archive;
	rec->start_ns = spec->start_ns;
	rec->fd = -1;
	memcpy(rec->id, spec->id, strlen(spec->id));
	randombytes_buf(rec->key, sizeof(rec->key));
	*recording = rec;
	return 0;
}

void
store_recording_seal_key(const struct store_recording *recording,
			 struct store_sealed_key *sealed)
{
	const struct store__recipients *all =
	    atomic_load(&recording->archive->recipients);

	memset(sealed, 0, sizeof(*sealed));
	sealed->count = all->count;
	for (uint32_t i = 0; i < sealed->count; i++) {
		int r =
		    crypto_box_seal(sealed->sealed[i], recording->key,
				    sizeof(recording->key), all->pub[i].bytes);

		store_fingerprint(sealed->fingerprints[i], &all->pub[i]);

		/* Points that cannot be sealed to were refused on loading. */
		assert(r == 0);
	}
}

/** @return a file of mode 0440 that is still open for writing, or -errno */
static int
file_create(int dir_fd, const char *path)
{
	const int flags = O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW;
	char dir[STORE__PATH_BYTES];
	int fd = openat(dir_fd, path, flags, 0440);

	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	/* First of its day: "audio", "audio/2019", ... */
	for (size_t i = 0; path[i]; i++) {
		if (path[i] == '/') {
			memcpy(dir, path, i);
			dir[i] = '\0';
			if (mkdirat(dir_fd, dir, STORE__DIR_MODE) &&
			    errno != EEXIST)
				return -errno;
		}
	}
	fd = openat(dir_fd, path, flags, 0440);
	return fd < 0 ? -errno : fd;
}

int
store__recording_begin_at(struct store_recording *recording, int fd,
			  uint32_t day, uint32_t slot)
{
	struct store_recording *rec = recording;
	struct store__header header = { .cipher = rec->archive->cipher->id,
					.key_day = day,
					.key_slot = slot,
					.start_ns = rec->start_ns };
	int r;

	assert(rec->fd < 0 && !rec->error);
	memcpy(header.id, rec->id, sizeof(header.id));
	store__header_encode(rec->ad, &header);
	r = store__pwrite(fd, rec->ad, STORE__HEADER_BYTES, 0);
	if (r)
		return r;
	crypto_generichash_init(&rec->hash, NULL, 0, STORE_HASH_BYTES);
	crypto_generichash_update(&rec->hash, rec->ad, STORE__HEADER_BYTES);
	rec->offset = STORE__HEADER_BYTES;
	rec->day = day;
	rec->fd = fd;
	return 0;
}

int
store_recording_begin(struct store_recording *recording, uint32_t day,
		      uint32_t slot)
{
	const int dir_fd = recording->archive->dir_fd;
	char path[STORE__PATH_BYTES];
	int fd, r;

	store__recording_path(path, day, recording->id, 0);
	fd = file_create(dir_fd, path);
	if (fd < 0)
		return fd;
	r = store__recording_begin_at(recording, fd, day, slot);
	if (r) {
		(void)unlinkat(dir_fd, path, 0);
		close(fd);
	}
	return r;
}

/* ---- chunks ------------------------------------------------------------ */

/** Whole seconds since the start; a frame before the start counts as first. */
static uint64_t
grid_second(const struct store_recording *rec, int64_t time_ns)
{
	if (time_ns <= rec->start_ns)
		return 0;
	return ((uint64_t)time_ns - (uint64_t)rec->start_ns) / NS_PER_S;
}

/** The chunk under construction is over, for better or worse. */
static void
chunk_end(struct store_recording *rec, bool written)
{
	if (written) {
		for (uint32_t i = 0; i < rec->streams; i++)
			rec->written.frames[i] += rec->open_frames[i];
		rec->written.payload_bytes += rec->open_payload_bytes;
		rec->written.chunks++;
	}
	memset(rec->open_frames, 0, sizeof(rec->open_frames));
	rec->open_payload_bytes = 0;
	rec->used = 0;
}

/**
 * After an error of the disk: keep what is whole, refuse the rest. A part of
 * the chunk may have reached the disk, so its nonce is used up: nothing may be
 * sealed with it again, whatever room there is later.
 */
static int
give_up(struct store_recording *rec, int error)
{
	/* If this fails too, verify tells of the part that is too much. */
	(void)!ftruncate(rec->fd, (off_t)rec->offset);
	sodium_memzero(rec->text, rec->used);
	chunk_end(rec, false);
	rec->error = error;
	return error;
}

static int
chunk_write(struct store_recording *rec, bool final)
{
	const uint32_t second = rec->second < STORE__SECOND_MAX
				    ? (uint32_t)rec->second
				    : STORE__SECOND_MAX;
	const struct store__head head = { .final = final,
					  .text_bytes = rec->used,
					  .chunk = rec->written.chunks,
					  .second = second };
	const size_t n = STORE__HEAD_BYTES + rec->used + STORE__TAG_BYTES;
	uint8_t nonce[STORE__NONCE_BYTES];
	int r;

	store__head_encode(rec->head, &head);
	memcpy(rec->ad + STORE__HEADER_BYTES, rec->head, STORE__HEAD_BYTES);
	store__nonce_make(nonce, head.chunk, final);
	r = rec->archive->cipher->seal(rec->text, rec->used, rec->ad,
				       sizeof(rec->ad), nonce, rec->key);
	assert(r == 0);
	r = store__pwrite(rec->fd, rec->head, n, rec->offset);
	if (r)
		return give_up(rec, r);
	crypto_generichash_update(&rec->hash, rec->head, STORE__HEAD_BYTES);
	crypto_generichash_update(&rec->hash, rec->text + rec->used,
				  STORE__TAG_BYTES);
	rec->offset += n;
	chunk_end(rec, true);
	return 0;
}

static void
chunk_begin(struct store_recording *rec, int64_t time_ns)
{
	uint64_t second = grid_second(rec, time_ns);

	if (second > rec->second)
		rec->second = second;
	if (rec->preamble.bytes)
		memcpy(rec->text, rec->preamble.items, rec->preamble.bytes);
	rec->used = rec->preamble.bytes;
}

/**
 * Where the next n bytes of items go. Items a little behind the grid go into
 * the chunk that is open: chunks only ever close forwards.
 *
 * @return 0 and *at; -ENOBUFS, -EMSGSIZE, or what the disk said
 */
static int
chunk_room(struct store_recording *rec, int64_t time_ns, size_t n, uint8_t **at)
{
	int r;

	if (rec->error)
		return rec->error;
	if (rec->preamble.bytes + n > STORE__CHUNK_BYTES)
		return -EMSGSIZE;
	if (rec->used && (grid_second(rec, time_ns) > rec->second ||
			  rec->used + n > STORE__CHUNK_BYTES)) {
		if (rec->fd < 0)
			return -ENOBUFS;
		r = chunk_write(rec, false);
		if (r)
			return r;
	}
	if (!rec->used)
		chunk_begin(rec, time_ns);
	*at = rec->text + rec->used;
	return 0;
}

/* ---- items ------------------------------------------------------------- */

/** Into the preamble, and into the chunk that is open already. */
static int
told_once(struct store_recording *rec, const uint8_t *item, size_t n)
{
	int r;

	if (rec->error)
		return rec->error;
	if (rec->used + n > STORE__CHUNK_BYTES) {
		if (rec->fd < 0)
			return -ENOBUFS;
		r = chunk_write(rec, false);
		if (r)
			return r;
	}
	r = store__preamble_put(&rec->preamble, item, n);
	if (r == 1 && rec->used) {
		memcpy(rec->text + rec->used, item, n);
		rec->used += (uint32_t)n;
	}
	return r < 0 ? r : 0;
}

int
store_recording_stream(struct store_recording *recording,
		       const struct store_stream_info *info)
{
	uint8_t item[STORE__STREAM_BYTES];
	size_t n;
	int r;

	if (recording->streams == STORE_STREAMS_MAX)
		return -ENOSPC;
	n = store__stream_encode(item, (uint8_t)recording->streams, info);
	r = told_once(recording, item, n);
	return r ? r : (int)recording->streams++;
}

int
store_recording_format(struct store_recording *recording, int stream,
		       const struct store_format *format)
{
	uint8_t item[STORE__FORMAT_BYTES_MAX];
	size_t n;

	if (stream < 0 || (uint32_t)stream >= recording->streams)
		return -EINVAL;
	n = store__format_encode(item, (uint8_t)stream, format);
	return told_once(recording, item, n);
}

int
store_recording_frame(struct store_recording *recording,
		      const struct store_frame *frame)
{
	const size_t n = STORE__FRAME_BYTES + (size_t)frame->payload_bytes;
	uint8_t *at;
	int r;

	if (frame->stream >= recording->streams)
		return -EINVAL;
	r = chunk_room(recording, frame->time_ns, n, &at);
	if (r)
		return r;
	recording->used += (uint32_t)store__frame_encode(at, frame);
	recording->open_payload_bytes += frame->payload_bytes;
	recording->open_frames[frame->stream]++;
	return 0;
}

int
store_recording_gap(struct store_recording *recording,
		    const struct store_gap *gap)
{
	uint8_t *at;
	int r;

	if (gap->stream >= recording->streams)
		return -EINVAL;
	r = chunk_room(recording, gap->from_ns, STORE__GAP_BYTES, &at);
	if (r)
		return r;
	recording->used += (uint32_t)store__gap_encode(at, gap);
	return 0;
}

int
store__recording_scrubbed(struct store_recording *recording,
			  const struct store_scrubbed *scrubbed)
{
	uint8_t *at;
	int r = chunk_room(recording, INT64_MIN, STORE__SCRUBBED_BYTES, &at);

	if (r)
		return r;
	recording->used += (uint32_t)store__scrubbed_encode(at, scrubbed);
	return 0;
}

int
store_recording_flush(struct store_recording *recording, int64_t now_ns)
{
	if (recording->error)
		return recording->error;
	if (recording->fd < 0 || !recording->used ||
	    grid_second(recording, now_ns) <= recording->second)
		return 0;
	return chunk_write(recording, false);
}

/* ---- the end ----------------------------------------------------------- */

static int
totals_write(struct store_recording *rec, const struct store_segment *segment)
{
	uint8_t *at;
	int r;

	for (uint32_t i = 0; i < segment->streams_count; i++) {
		/* Not on the grid: they follow the last frame. */
		r = chunk_room(rec, INT64_MIN, STORE__TOTALS_BYTES, &at);
		if (r)
			return r;
		rec->used += (uint32_t)store__totals_encode(
		    at, (uint8_t)i, &segment->streams[i]);
	}
	return chunk_write(rec, true);
}

int
store_recording_finish(struct store_recording *recording,
		       const struct store_segment *segment,
		       struct store_recording_result *result)
{
	struct store_recording *rec = recording;
	int r;

	*result = rec->written;
	if (rec->fd < 0)
		return rec->error ? rec->error : -EINVAL;
	r = rec->error ? rec->error : totals_write(rec, segment);
	crypto_generichash_final(&rec->hash, rec->written.file_hash,
				 STORE_HASH_BYTES);
	*result = rec->written;
	if (close(rec->fd) && r == 0)
		r = -errno;
	rec->fd = -1;
	rec->error = r ? r : -EALREADY;
	return r;
}

void
store_recording_free(struct store_recording **recording, bool unlink)
{
	struct store_recording *rec = *recording;
	char path[STORE__PATH_BYTES];

	*recording = NULL;
	if (!rec)
		return;
	if (rec->fd >= 0)
		close(rec->fd);
	if (unlink && rec->offset) {
		store__recording_path(path, rec->day, rec->id, 0);
		(void)unlinkat(rec->archive->dir_fd, path, 0);
	}
	free(rec->preamble.items);
	/* Behind what is used there is only ciphertext of older chunks. */
	store__secret_free(rec, sizeof(*rec),
			   offsetof(struct store_recording, text) + rec->used);
}
