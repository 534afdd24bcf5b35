/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bytes of a .rec file are those of the example in store/FORMAT.md, and
 * every item is refused when cut. */
#include "cmd/testing/testing.h"
#include "store/fixture_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static const char example[] =
    "5350414e5245430a0100010078143401050000000000000000468845f4249015"
    "3230313930333238543134313530335a2d6b3771326d7834702d310000000000"
    "0000000000000000460000006c00000000000000000000000c1df9c782ca0ec0"
    "763939b0472740590602781334163e105fe16735d4ba3dde1fd43c99d2ea060a"
    "15f607bd87b4ab96019f5afaade6468d2d5d8af32ba14318120943078fb45b6f"
    "b2171195fea7d785d100a363153e11c5e265441145351ccc210377cd5c3a4610"
    "6179a8b765bacc9fecbf76ced83dae40a2074767";
static const char example_aes[] =
    "5350414e5245430a0100020078143401050000000000000000468845f4249015"
    "3230313930333238543134313530335a2d6b3771326d7834702d310000000000"
    "0000000000000000460000006c00000000000000000000006ed6a3597f27f2c3"
    "fe7fb16cc86a9ee1bb3ee7c1126b882b2301aee685645ff3496c4d8adcbcea6b"
    "58b54cc65d3e84f2149c8f4f649f0d1ba4b843323a23efc497f14b3e37322b59"
    "0d59a90e3efc9d14df7b2c8e2a14b82b30814aa3e97cf6d8d78fa9e8c75db7c3"
    "b30e2a676d23e2a548ef2dcb42ea3ba5c11e2fc0";
static const char example_aes_hash[] =
    "68ef3dce48ec7868478f6b4375f9427412cbb5d3a115f42259bafd91f990905b";
static const char example_text[] =
    "01002c00010000007856341200000000000000000000ffffc000020100000000"
    "000000000000ffffc63364070040a00f0200200008010000401f000050434d41"
    "00000000000000000000000000000000000000000300140067128800a0000000"
    "0073b946f4249015d555d454";
static const char example_hash[] =
    "220decef24d9360017622635bc365328c8c28725455628a3209890123839ffe0";

#define EXAMPLE_BYTES      212
#define EXAMPLE_TEXT_BYTES 108

static const uint8_t example_key[STORE_FILE_KEY_BYTES] = {
	0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
	16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
};

static const struct store_segment example_segment = {
	.id = "20190328T141503Z-k7q2mx4p-1",
	.key_day = 20190328,
	.key_slot = 5,
	.chunks = 1,
	.state = STORE_STATE_STORED,
};

static void
from_hex(uint8_t *bytes, size_t n, const char *hex)
{
	size_t got;

	assert_int_equal(
	    sodium_hex2bin(bytes, n, hex, strlen(hex), NULL, &got, NULL), 0);
	assert_int_equal(got, n);
}

static int
example_fd(const uint8_t *bytes, size_t n)
{
	int fd = memfd_create("example", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(store__pwrite(fd, bytes, n, 0), 0);
	return fd;
}

/** Read a file of the example, whatever it is sealed with. */
static void
read_example(const char *file, const char *file_hash)
{
	static const uint8_t local[4] = { 192, 0, 2, 1 };
	uint8_t bytes[EXAMPLE_BYTES], hash[STORE_HASH_BYTES];
	struct store_reader *reader;
	struct store__walk walk;
	struct store_item item;
	int fd;

	from_hex(bytes, sizeof(bytes), file);
	fd = example_fd(bytes, sizeof(bytes));
	assert_int_equal(store__walk_file(&walk, fd), 0);
	from_hex(hash, sizeof(hash), file_hash);
	assert_memory_equal(walk.hash, hash, sizeof(hash));
	assert_int_equal(walk.chunks, 1);
	assert_true(walk.final);

	assert_int_equal(
	    store__reader_new(&reader, fd, example_key, &example_segment), 0);
	assert_int_equal(store_reader_next(reader, &item), 1);
	assert_int_equal(item.type, STORE_ITEM_STREAM);
	assert_int_equal(item.info.side, STORE_RIGHT);
	assert_int_equal(item.info.ssrc, 0x12345678);
	assert_memory_equal(item.info.src_addr + 12, local, 4);
	assert_int_equal(item.info.src_port, 16384);
	assert_int_equal(item.info.dst_port, 4000);
	assert_int_equal(store_reader_next(reader, &item), 1);
	assert_int_equal(item.type, STORE_ITEM_FORMAT);
	assert_string_equal(item.format.encoding, "PCMA");
	assert_int_equal(item.format.clock_hz, 8000);
	assert_int_equal(store_reader_next(reader, &item), 1);
	assert_int_equal(item.type, STORE_ITEM_FRAME);
	assert_int_equal(item.frame.sequence, 4711);
	assert_int_equal(item.frame.timestamp, 160);
	assert_true(item.frame.marker);
	assert_int_equal(item.frame.time_ns, INT64_C(1553782503020000000));
	assert_memory_equal(item.frame.payload, "\xd5\x55\xd4\x54", 4);
	assert_int_equal(store_reader_next(reader, &item), 0);
	store_reader_close(&reader);
}

static void
test_example_is_read(void **state)
{
	read_example(example, example_hash);
}

static void
test_example_is_read_aes(void **state)
{
	if (!store__cipher_find(STORE__AES256_GCM)) {
		print_message("skipped: this processor has no AES\n");
		skip();
	}
	read_example(example_aes, example_aes_hash);
}

static void
test_example_is_written(void **state)
{
	uint8_t want[EXAMPLE_TEXT_BYTES], text[EXAMPLE_TEXT_BYTES];
	uint8_t bytes[EXAMPLE_BYTES], header[STORE__HEADER_BYTES];
	struct store__header fields;
	struct store_item item;
	size_t n = 0, took;
	bool known;

	from_hex(want, sizeof(want), example_text);
	memset(text, 0xee, sizeof(text));
	while (n < sizeof(want)) {
		took = (size_t)store__item_decode(&item, &known, want + n,
						  sizeof(want) - n);
		assert_true(known);
		if (item.type == STORE_ITEM_STREAM)
			store__stream_encode(text + n, 0, &item.info);
		else if (item.type == STORE_ITEM_FORMAT)
			store__format_encode(text + n, 0, &item.format);
		else
			store__frame_encode(text + n, &item.frame);
		n += took;
	}
	assert_memory_equal(text, want, sizeof(want));
	from_hex(bytes, sizeof(bytes), example);
	assert_int_equal(store__header_decode(&fields, bytes), 0);
	store__header_encode(header, &fields);
	assert_memory_equal(header, bytes, sizeof(header));
}

/** Seal a chunk at its place in a file. @return bytes of it, head and all */
static size_t
chunk_put(uint8_t *file, size_t at, const struct store__head *head,
	  const uint8_t *text)
{
	const struct store__cipher *cipher = store__cipher_find(file[10]);
	uint8_t ad[STORE__AD_BYTES], nonce[STORE__NONCE_BYTES];

	store__head_encode(file + at, head);
	memcpy(ad, file, STORE__HEADER_BYTES);
	memcpy(ad + STORE__HEADER_BYTES, file + at, STORE__HEAD_BYTES);
	memcpy(file + at + STORE__HEAD_BYTES, text, head->text_bytes);
	store__nonce_make(nonce, head->chunk, head->final);
	assert_int_equal(cipher->seal(file + at + STORE__HEAD_BYTES,
				      head->text_bytes, ad, sizeof(ad), nonce,
				      example_key),
			 0);
	return STORE__HEAD_BYTES + head->text_bytes + STORE__TAG_BYTES;
}

static void
test_example_is_sealed(void **state)
{
	const struct store__head head = { .final = true,
					  .text_bytes = EXAMPLE_TEXT_BYTES };
	uint8_t text[EXAMPLE_TEXT_BYTES];
	uint8_t want[EXAMPLE_BYTES], bytes[EXAMPLE_BYTES];

	from_hex(text, sizeof(text), example_text);
	from_hex(want, sizeof(want), example);
	memcpy(bytes, want, STORE__HEADER_BYTES);
	assert_int_equal(chunk_put(bytes, STORE__HEADER_BYTES, &head, text),
			 EXAMPLE_BYTES - STORE__HEADER_BYTES);
	assert_memory_equal(bytes, want, sizeof(want));
	if (!store__cipher_find(STORE__AES256_GCM)) {
		print_message("skipped: this processor has no AES\n");
		skip();
	}
	from_hex(want, sizeof(want), example_aes);
	memcpy(bytes, want, STORE__HEADER_BYTES);
	chunk_put(bytes, STORE__HEADER_BYTES, &head, text);
	assert_memory_equal(bytes, want, sizeof(want));
}

/** Properly sealed, but the second chunk says it is older than the first. */
static void
test_seconds_that_fall(void **state)
{
	uint8_t text[EXAMPLE_TEXT_BYTES], bytes[2 * EXAMPLE_BYTES];
	struct store_segment s = example_segment;
	struct store_reader *reader;
	struct store__walk walk;
	struct store_item item;
	struct store__head head;
	size_t n;
	int fd;

	s.chunks = 2;
	from_hex(text, sizeof(text), example_text);
	for (uint32_t second = 4; second < 7; second++) {
		from_hex(bytes, EXAMPLE_BYTES, example);
		head = (struct store__head){ .text_bytes = sizeof(text),
					     .second = 5 };
		n = STORE__HEADER_BYTES;
		n += chunk_put(bytes, n, &head, text);
		head = (struct store__head){ .text_bytes = sizeof(text),
					     .chunk = 1,
					     .second = second,
					     .final = true };
		n += chunk_put(bytes, n, &head, text);
		fd = example_fd(bytes, n);
		assert_int_equal(store__walk_file(&walk, fd), 0);
		assert_int_equal(walk.chunks, second < 5 ? 1 : 2);
		assert_int_equal(walk.malformed, second < 5);
		assert_int_equal(
		    store__reader_new(&reader, fd, example_key, &s), 0);
		for (unsigned i = 0; i < 4 - (second < 5); i++)
			assert_int_equal(store_reader_next(reader, &item), 1);
		assert_int_equal(store_reader_next(reader, &item),
				 second < 5 ? -EBADMSG : 0);
		store_reader_close(&reader);
	}
}

/** The first item again: the same is no news, any other is damage. */
static void
test_stream_again(void **state)
{
	uint8_t text[EXAMPLE_TEXT_BYTES + STORE__STREAM_BYTES];
	uint8_t bytes[EXAMPLE_BYTES + STORE__STREAM_BYTES];
	const struct store__head head = { .text_bytes = sizeof(text),
					  .final = true };
	struct store_reader *reader;
	struct store_item item;
	int r;

	for (unsigned other = 0; other < STORE__STREAM_BYTES; other++) {
		from_hex(bytes, EXAMPLE_BYTES, example);
		from_hex(text, EXAMPLE_TEXT_BYTES, example_text);
		memcpy(text + EXAMPLE_TEXT_BYTES, text, STORE__STREAM_BYTES);
		if (other >= STORE__ITEM_HEAD_BYTES)
			text[EXAMPLE_TEXT_BYTES + other] ^= 1;
		chunk_put(bytes, STORE__HEADER_BYTES, &head, text);
		r = store__reader_new(&reader, example_fd(bytes, sizeof(bytes)),
				      example_key, &example_segment);
		assert_int_equal(r, 0);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(store_reader_next(reader, &item), 1);
		assert_int_equal(store_reader_next(reader, &item),
				 other < STORE__ITEM_HEAD_BYTES ? 0 : -EBADMSG);
		store_reader_close(&reader);
	}
}

static void
test_headers_refused(void **state)
{
	uint8_t bytes[EXAMPLE_BYTES];
	struct store__header header;

	from_hex(bytes, sizeof(bytes), example);
	bytes[8] = 2;
	assert_int_equal(store__header_decode(&header, bytes), -EPROTO);
	bytes[8] = 1;
	bytes[32] = 0;
	assert_int_equal(store__header_decode(&header, bytes), -EBADMSG);
	memset(bytes + 32, 'x', 40);
	assert_int_equal(store__header_decode(&header, bytes), -EBADMSG);
	bytes[0] ^= 1;
	assert_int_equal(store__header_decode(&header, bytes), -EBADMSG);
}

static int
head_judge(const uint8_t *bytes, uint32_t chunk, uint32_t second)
{
	struct store__head head;

	return store__head_decode(&head, bytes, chunk, second);
}

static void
test_heads_refused(void **state)
{
	uint8_t bytes[EXAMPLE_BYTES], *head = bytes + 72;

	from_hex(bytes, sizeof(bytes), example);
	assert_int_equal(head_judge(head, 0, 0), 0);
	for (unsigned i = 0; i < 4; i++) {
		head[i] ^= 4;
		assert_int_equal(head_judge(head, 0, 0), -EBADMSG);
		head[i] ^= 4;
	}
	store__le_put(head + 4, 32769, 4);
	assert_int_equal(head_judge(head, 0, 0), -EBADMSG);
	store__le_put(head + 4, 32768, 4);
	assert_int_equal(head_judge(head, 0, 0), 0);
	/* The number that is due, no other. */
	assert_int_equal(head_judge(head, 1, 0), -EBADMSG);
	store__le_put(head + 8, 7, 4);
	assert_int_equal(head_judge(head, 7, 0), 0);
	assert_int_equal(head_judge(head, 6, 0), -EBADMSG);
	/* Seconds never fall, and end at 31 days. */
	store__le_put(head + 12, 100, 4);
	assert_int_equal(head_judge(head, 7, 100), 0);
	assert_int_equal(head_judge(head, 7, 101), -EBADMSG);
	store__le_put(head + 12, 31 * 86400, 4);
	assert_int_equal(head_judge(head, 7, 100), 0);
	store__le_put(head + 12, 31 * 86400 + 1, 4);
	assert_int_equal(head_judge(head, 7, 100), -EBADMSG);
	store__le_put(head + 12, 4000000000, 4);
	assert_int_equal(head_judge(head, 7, 100), -EBADMSG);
}

/** A sealed file whose cipher this processor, or version, does not have. */
static void
test_unknown_cipher(void **state)
{
	uint8_t bytes[EXAMPLE_BYTES], key[32] = { 0 };
	struct store_reader *reader;

	from_hex(bytes, sizeof(bytes), example);
	bytes[10] = 77;
	assert_int_equal(store__reader_new(&reader,
					   example_fd(bytes, sizeof(bytes)),
					   key, &example_segment),
			 -EPROTO);
	assert_null(reader);
	assert_int_equal(store__reader_new(&reader, example_fd(bytes, 71), key,
					   &example_segment),
			 -EBADMSG);
}

/** Each type of item: cut anywhere, and with a body one byte short. */
static void
test_items_cut(void **state)
{
	const struct store_stream_info info = { .ssrc = 1 };
	const struct store_format format = { .encoding = "PCMA" };
	const struct store_frame frame = { .payload_bytes = 0 };
	const struct store_gap gap = { .packets = 1 };
	const struct store_stream totals = { .codec = "PCMA" };
	const struct store_scrubbed scrubbed = { .sides = 1 };
	uint8_t item[STORE__TOTALS_BYTES + 1], *copy;
	struct store_item got;
	bool known;
	size_t n;

	for (unsigned type = 0; type < 6; type++) {
		n = type == 0   ? store__stream_encode(item, 0, &info)
		    : type == 1 ? store__format_encode(item, 0, &format)
		    : type == 2 ? store__frame_encode(item, &frame)
		    : type == 3 ? store__gap_encode(item, &gap)
		    : type == 4 ? store__scrubbed_encode(item, &scrubbed)
				: store__totals_encode(item, 0, &totals);
		for (size_t i = 0; i <= n; i++) {
			copy = testing_copy(item, i);
			assert_int_equal(
			    store__item_decode(&got, &known, copy, i),
			    i == n ? (int)n : -EBADMSG);
			free(copy);
		}
		store__le_put(item + 2, n - 4 - 1, 2);
		copy = testing_copy(item, n - 1);
		assert_int_equal(store__item_decode(&got, &known, copy, n - 1),
				 -EBADMSG);
		free(copy);
		/* Grown by a byte: known all the same. */
		store__le_put(item + 2, n - 4 + 1, 2);
		copy = testing_copy(item, n + 1);
		assert_int_equal(store__item_decode(&got, &known, copy, n + 1),
				 (int)n + 1);
		assert_true(known);
		free(copy);
	}
	item[0] = 200;
	assert_true(store__item_decode(&got, &known, item, sizeof(item)) > 0);
	assert_false(known);
}

/** Writers that knew of six reasons: the others are none. */
static void
test_totals_of_before(void **state)
{
	const size_t later = 8 * (STORE_REASON_COUNT - 6);
	struct store_stream totals = { .codec = "PCMA", .seen = 5 };
	uint8_t item[STORE__TOTALS_BYTES], *old;
	struct store_item got;
	bool known;
	size_t n;

	for (unsigned i = 0; i < STORE_REASON_COUNT; i++)
		totals.dropped[i] = 10 + i;
	n = store__totals_encode(item, 0, &totals);
	assert_int_equal(n, STORE__TOTALS_BYTES);
	assert_int_equal(item[5], STORE_REASON_COUNT);
	item[5] = 6;
	memmove(item + n - STORE_NAME_BYTES - later,
		item + n - STORE_NAME_BYTES, STORE_NAME_BYTES);
	n -= later;
	store__le_put(item + 2, n - STORE__ITEM_HEAD_BYTES, 2);
	old = testing_copy(item, n);
	assert_int_equal(store__item_decode(&got, &known, old, n), n);
	assert_string_equal(got.totals.codec, "PCMA");
	assert_int_equal(got.totals.seen, 5);
	for (unsigned i = 0; i < STORE_REASON_COUNT; i++)
		assert_int_equal(got.totals.dropped[i], i < 6 ? 10 + i : 0);
	free(old);
}

static void
test_items_refused(void **state)
{
	const struct store_stream_info info = { .ssrc = 1 };
	const struct store_format format = { .encoding = "PCMA" };
	const struct store_gap gap = { .packets = 1 };
	const struct store_stream totals = { .codec = "PCMA" };
	uint8_t item[STORE__TOTALS_BYTES];
	struct store_item got;
	bool known;
	size_t n;

	n = store__stream_encode(item, 0, &info);
	item[4] = 2; /* a third side */
	assert_int_equal(store__item_decode(&got, &known, item, n), -EBADMSG);
	n = store__format_encode(item, 0, &format);
	memset(item + 12, 'x', 24); /* a name without an end */
	assert_int_equal(store__item_decode(&got, &known, item, n), -EBADMSG);
	n = store__gap_encode(item, &gap);
	item[4] = STORE_REASON_COUNT;
	assert_int_equal(store__item_decode(&got, &known, item, n), -EBADMSG);
	n = store__totals_encode(item, 0, &totals);
	item[5] = 255; /* more reasons than there is room for */
	assert_int_equal(store__item_decode(&got, &known, item, n), -EBADMSG);
}

/** Parameters are the rest of a FORMAT, as many as there is room for. */
static void
test_format_parameters(void **state)
{
	struct store_format format = { .payload_type = 97,
				       .channels = 1,
				       .clock_hz = 16000,
				       .encoding = "AMR-WB" };
	uint8_t item[STORE__FORMAT_BYTES_MAX + 9], *copy;
	struct store_item got;
	bool known;
	size_t n;

	for (size_t length = 0; length < 64; length++) {
		memset(format.parameters, 'a', length);
		n = store__format_encode(item, 3, &format);
		assert_int_equal(n, STORE__FORMAT_BYTES + length);
		copy = testing_copy(item, n);
		assert_int_equal(store__item_decode(&got, &known, copy, n), n);
		assert_int_equal(got.stream, 3);
		assert_int_equal(got.format.clock_hz, 16000);
		assert_string_equal(got.format.encoding, "AMR-WB");
		assert_string_equal(got.format.parameters, format.parameters);
		free(copy);
	}
	/* A later version may have more to say. */
	memset(item + n, 'b', 9);
	item[2] += 9;
	assert_int_equal(store__item_decode(&got, &known, item, n + 9), n + 9);
	assert_string_equal(got.format.parameters, format.parameters);
}

/** Formats that change are replaced where they stand, whatever their length. */
static void
test_preamble(void **state)
{
	static const char *const parameters[] = { "", "octet-align=1", "a",
						  "octet-align=0;b", "" };
	const size_t count = sizeof(parameters) / sizeof(parameters[0]);
	struct store__preamble preamble = { 0 };
	const struct store_stream_info info = { .ssrc = 1 };
	uint8_t item[STORE__FORMAT_BYTES_MAX];
	size_t n, before = 0;

	for (uint8_t stream = 0; stream < 3; stream++) {
		struct store_format format = { .encoding = "AMR" };

		n = store__stream_encode(item, stream, &info);
		assert_int_equal(store__preamble_put(&preamble, item, n), 1);
		n = store__format_encode(item, stream, &format);
		assert_int_equal(store__preamble_put(&preamble, item, n), 1);
	}
	before = preamble.bytes;
	for (size_t i = 1; i < count; i++) {
		struct store_format format = { .encoding = "AMR" };
		struct store_item got;
		bool known;
		int r;

		snprintf(format.parameters, sizeof(format.parameters), "%s",
			 parameters[i]);
		n = store__format_encode(item, 1, &format);
		testing_fail_allocation(1);
		r = store__preamble_put(&preamble, item, n);
		assert_true(r == 1 || r == -ENOMEM);
		testing_fail_allocation(0);
		if (r < 0)
			r = store__preamble_put(&preamble, item, n);
		assert_int_equal(r, 1);
		assert_int_equal(store__preamble_put(&preamble, item, n), 0);
		assert_int_equal(preamble.bytes,
				 before + strlen(parameters[i]));
		for (size_t at = 0, k = 0; at < preamble.bytes; k++) {
			r = store__item_decode(&got, &known,
					       preamble.items + at,
					       preamble.bytes - at);
			assert_true(r > 0);
			at += (size_t)r;
			assert_int_equal(got.stream, k / 2);
			if (k % 2)
				assert_string_equal(got.format.parameters,
						    k == 3 ? parameters[i]
							   : "");
		}
	}
	free(preamble.items);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example_is_read),
		cmocka_unit_test(test_example_is_read_aes),
		cmocka_unit_test(test_example_is_written),
		cmocka_unit_test(test_example_is_sealed),
		cmocka_unit_test(test_seconds_that_fall),
		cmocka_unit_test(test_stream_again),
		cmocka_unit_test(test_headers_refused),
		cmocka_unit_test(test_heads_refused),
		cmocka_unit_test(test_unknown_cipher),
		cmocka_unit_test(test_items_cut),
		cmocka_unit_test(test_totals_of_before),
		cmocka_unit_test(test_items_refused),
		cmocka_unit_test(test_format_parameters),
		cmocka_unit_test(test_preamble),
	};

	return store_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
