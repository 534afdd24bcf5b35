/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The reader of .rec files, in two ways, by the first byte of the input:
 *
 *   even  a sound file, changed as the input says (edits, then a length):
 *         items come from the chunks before the first change, and only those;
 *         whatever was changed, the end is never reported as sound
 *   odd   the input as the plaintext of one chunk, properly sealed: what an
 *         attacker with the key, or a bug of ours, might have written
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/store.h"
#include "store/store_priv.h"

#define CHUNKS           4
#define FRAMES_PER_CHUNK 3
#define IMAGE_BYTES      4096

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[STORE_FILE_KEY_BYTES] = "a key that is no secret";
static uint8_t image[IMAGE_BYTES];
static size_t image_bytes;
static size_t chunk_ends[CHUNKS];

/** Seal what stands at text as one chunk. @return bytes of it, head and all */
static size_t
chunk_seal(uint8_t *file, size_t at, size_t text_bytes, uint32_t chunk,
	   bool final)
{
	const struct store__cipher *cipher = store__cipher_find(file[10]);
	const struct store__head head = { .final = final,
					  .text_bytes = (uint32_t)text_bytes,
					  .chunk = chunk,
					  .second = chunk };
	uint8_t ad[STORE__AD_BYTES], nonce[STORE__NONCE_BYTES];

	store__head_encode(file + at, &head);
	memcpy(ad, file, STORE__HEADER_BYTES);
	memcpy(ad + STORE__HEADER_BYTES, file + at, STORE__HEAD_BYTES);
	store__nonce_make(nonce, chunk, final);
	assert(cipher->seal(file + at + STORE__HEAD_BYTES, text_bytes, ad,
			    sizeof(ad), nonce, key) == 0);
	return STORE__HEAD_BYTES + text_bytes + STORE__TAG_BYTES;
}

static void
header_make(uint8_t *file)
{
	const struct store__header header = { .cipher =
						  STORE__XCHACHA20_POLY1305,
					      .key_day = 20190328,
					      .start_ns = 1,
					      .id = "c-1" };

	store__header_encode(file, &header);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct store_stream_info info = { .ssrc = 1 };
	struct store_frame frame = { .payload = (const uint8_t *)"payload.",
				     .payload_bytes = 8 };

	(void)argc;
	(void)argv;
	if (store_init())
		return -1;
	header_make(image);
	image_bytes = STORE__HEADER_BYTES;
	for (uint32_t chunk = 0; chunk < CHUNKS; chunk++) {
		uint8_t *text = image + image_bytes + STORE__HEAD_BYTES;
		size_t n = store__stream_encode(text, 0, &info);

		for (unsigned i = 0; i < FRAMES_PER_CHUNK; i++) {
			n += store__frame_encode(text + n, &frame);
			frame.sequence++;
		}
		image_bytes += chunk_seal(image, image_bytes, n, chunk,
					  chunk == CHUNKS - 1);
		chunk_ends[chunk] = image_bytes;
	}
	return 0;
}

/** @return what ended it; *frames is how many came, in their order */
static int
read_all(const uint8_t *file, size_t n, uint32_t chunks, unsigned *frames)
{
	const struct store_segment segment = { .id = "c-1",
					       .key_day = 20190328,
					       .state = STORE_STATE_STORED,
					       .chunks = chunks };
	struct store_reader *reader;
	struct store__walk walk;
	struct store_item item;
	int fd = memfd_create("rec", MFD_CLOEXEC), r;

	*frames = 0;
	assert(fd >= 0);
	assert(store__pwrite(fd, file, n, 0) == 0);
	if (store__walk_file(&walk, fd) == 0)
		assert(walk.good_bytes <= n && walk.file_bytes == n &&
		       walk.second <= STORE__SECOND_MAX);
	r = store__reader_new(&reader, fd, key, &segment);
	if (r)
		return r;
	while ((r = store_reader_next(reader, &item)) > 0) {
		volatile uint8_t sum = 0;

		assert(item.stream < STORE_STREAMS_MAX);
		if (item.type != STORE_ITEM_FRAME)
			continue;
		for (unsigned i = 0; i < item.frame.payload_bytes; i++)
			sum = (uint8_t)(sum + item.frame.payload[i]);
		++*frames;
	}
	assert(r == 0 || r == -EBADMSG || r == -ENOSPC);
	/* Damage stays damage, and seeking to it does not crash. */
	assert(store_reader_next(reader, &item) == r);
	assert(store_reader_seek(reader, INT64_MAX) <= 0);
	(void)!store_reader_next(reader, &item);
	store_reader_close(&reader);
	return r;
}

/** Edits of 3 bytes: where (16 bits), what (xor); then the length. */
static void
fuzz_changes(const uint8_t *data, size_t size)
{
	uint8_t file[IMAGE_BYTES];
	size_t n = image_bytes, first;
	unsigned frames, sound = 0;
	int r;

	memcpy(file, image, sizeof(file));
	for (; size >= 3; data += 3, size -= 3)
		file[store__le_get(data, 2) % image_bytes] ^= data[2];
	if (size == 2)
		n = store__le_get(data, 2) % (image_bytes + 32);
	for (first = 0; first < n && first < image_bytes; first++)
		if (file[first] != image[first])
			break;
	r = read_all(file, n, CHUNKS, &frames);
	if (first == image_bytes && n == image_bytes) {
		assert(r == 0 && frames == CHUNKS * FRAMES_PER_CHUNK);
		return;
	}
	assert(r < 0);
	for (unsigned i = 0; i < CHUNKS; i++)
		sound += first >= chunk_ends[i];
	assert(frames ==
	       (first < STORE__HEADER_BYTES ? 0 : sound * FRAMES_PER_CHUNK));
}

static void
fuzz_plaintext(const uint8_t *data, size_t size)
{
	uint8_t *file;
	unsigned frames;
	size_t n;

	if (size > STORE__CHUNK_BYTES)
		return;
	n = STORE__HEADER_BYTES + STORE__HEAD_BYTES + size + STORE__TAG_BYTES;
	file = calloc(1, n);
	assert(file);
	header_make(file);
	memcpy(file + STORE__HEADER_BYTES + STORE__HEAD_BYTES, data, size);
	chunk_seal(file, STORE__HEADER_BYTES, size, 0, true);
	(void)read_all(file, n, 1, &frames);
	free(file);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
		fuzz_plaintext(data + 1, size - 1);
	else
		fuzz_changes(data + 1, size - 1);
	return 0;
}
