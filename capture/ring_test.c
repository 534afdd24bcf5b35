/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "capture/ring.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <cmocka.h>

static struct capture_ring *
ring_new(uint32_t capacity_bytes)
{
	struct capture_ring *ring = NULL;

	assert_int_equal(capture_ring_new(&ring, capacity_bytes), 0);
	assert_non_null(ring);
	return ring;
}

static void
push(struct capture_ring *ring, uint8_t value, uint32_t bytes)
{
	uint8_t *room = capture_ring_reserve(ring, bytes);

	assert_non_null(room);
	assert_int_equal((uintptr_t)room % 8, 0);
	memset(room, value, bytes);
	capture_ring_commit(ring, bytes);
}

static void
pop(struct capture_ring *ring, uint8_t value, uint32_t bytes)
{
	uint32_t n = ~bytes, i;
	const uint8_t *record = capture_ring_peek(ring, &n);

	assert_non_null(record);
	assert_int_equal(n, bytes);
	for (i = 0; i < n; i++)
		assert_int_equal(record[i], value);
	assert_ptr_equal(capture_ring_peek(ring, NULL), record);
	capture_ring_release(ring);
}

/* Of every record that was taken out nothing is left, wherever it lay. */
static void
test_wipe(void **state)
{
	struct capture_ring *ring = ring_new(4096);
	uint32_t bytes, round, i;

	for (round = 0; round < 100; round++) {
		uint8_t *record;

		push(ring, 0xaa, round);
		push(ring, 0xbb, 301);
		record = (uint8_t *)(uintptr_t)capture_ring_peek(ring, &bytes);
		assert_int_equal(bytes, round);
		capture_ring_wipe(ring);
		for (i = 0; i < round; i++)
			assert_int_equal(record[i], 0);
		pop(ring, 0xbb, 301);
	}
	assert_int_equal(capture_ring_used(ring), 0);
	capture_ring_free(&ring);
}

static void
test_sizes(void **state)
{
	static const uint32_t wrong[] = { 0, 1, 2048, 4097, 6144, UINT32_MAX };
	struct capture_ring *ring = NULL;
	size_t i;

	for (i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(capture_ring_new(&ring, wrong[i]), -EINVAL);
	assert_null(ring);
	capture_ring_free(&ring);
	ring = ring_new(4096);
	assert_int_equal(capture_ring_record_max(ring), 1016);
	assert_null(capture_ring_reserve(ring, 1017));
	assert_null(capture_ring_reserve(ring, UINT32_MAX));
	push(ring, 1, 1016);
	assert_int_equal(capture_ring_used(ring), 1024);
	capture_ring_free(&ring);
	assert_null(ring);
}

static void
test_no_memory(void **state)
{
	struct capture_ring *ring = NULL;
	struct rlimit old, none = { 0 };
	int rc;

	assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
	none.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	rc = capture_ring_new(&ring, 1 << 20);
	assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
	assert_int_equal(rc, -ENOMEM);
	assert_null(ring);
}

static void
test_in_order(void **state)
{
	struct capture_ring *ring = ring_new(4096);

	assert_null(capture_ring_peek(ring, NULL));
	push(ring, 1, 5);
	push(ring, 2, 0);
	push(ring, 3, 100);
	assert_int_equal(capture_ring_used(ring), 16 + 8 + 112);
	pop(ring, 1, 5);
	pop(ring, 2, 0);
	pop(ring, 3, 100);
	assert_null(capture_ring_peek(ring, NULL));
	assert_int_equal(capture_ring_used(ring), 0);
	capture_ring_free(&ring);
}

static void
test_reserve_and_commit_less(void **state)
{
	struct capture_ring *ring = ring_new(4096);
	uint8_t *first = capture_ring_reserve(ring, 1000);

	assert_null(capture_ring_peek(ring, NULL));
	/* A reservation that is not used may be made again. */
	assert_ptr_equal(capture_ring_reserve(ring, 500), first);
	first[0] = 9;
	capture_ring_commit(ring, 1);
	assert_int_equal(capture_ring_used(ring), 16);
	push(ring, 4, 8);
	pop(ring, 9, 1);
	pop(ring, 4, 8);
	capture_ring_free(&ring);
}

/* Filled to the last byte and emptied, with all lengths, so that the end of
 * the memory is met in every way. */
static void
test_full(void **state)
{
	struct capture_ring *ring = ring_new(4096);
	uint32_t bytes;

	for (bytes = 0; bytes <= 1016; bytes++) {
		unsigned in = 0, out = 0;
		uint8_t *room;

		while ((room = capture_ring_reserve(ring, bytes))) {
			memset(room, (uint8_t)in++, bytes);
			capture_ring_commit(ring, bytes);
			assert_true(capture_ring_used(ring) <= 4096);
		}
		/* At worst one place is lost to the end of the memory. */
		assert_in_range(in, 4096 / (8 + (bytes + 7) / 8 * 8) - 1,
				4096 / (8 + (bytes + 7) / 8 * 8));
		while (out < in)
			pop(ring, (uint8_t)out++, bytes);
		assert_null(capture_ring_peek(ring, NULL));
	}
	capture_ring_free(&ring);
}

/* One in, one out: the skip mark at each possible place, and no record ever
 * beyond the end. */
static void
test_wrap(void **state)
{
	struct capture_ring *ring = ring_new(4096);
	const uint8_t *first = capture_ring_reserve(ring, 1);
	uint32_t i;

	for (i = 0; i < 100000; i++) {
		uint32_t bytes = i * 7919 % 1017;
		const uint8_t *record = capture_ring_reserve(ring, bytes);

		assert_true(record >= first &&
			    record + bytes <= first + 4096 - 8);
		push(ring, (uint8_t)i, bytes);
		pop(ring, (uint8_t)i, bytes);
	}
	capture_ring_free(&ring);
}

/* ---- two threads ------------------------------------------------------- */

enum { STRESS_RECORDS = 400000 };

/* Lengths and contents follow from the number of the record. */
static uint32_t
stress_bytes(uint32_t number)
{
	uint32_t x = number * 2654435761u;

	return 4 + (x >> 16) % (number % 64 ? 60 : 1000);
}

static void
stress_fill(uint8_t *record, uint32_t number)
{
	uint32_t bytes = stress_bytes(number), i;

	memcpy(record, &number, 4);
	for (i = 4; i < bytes; i++)
		record[i] = (uint8_t)(number + i);
}

static void *
stress_produce(void *arg)
{
	struct capture_ring *ring = arg;
	uint32_t number = 0;

	while (number < STRESS_RECORDS) {
		/* Now and then ask for more than is used. */
		uint32_t bytes = stress_bytes(number);
		uint8_t *room = capture_ring_reserve(ring, bytes + number % 3);

		if (!room) {
			sched_yield();
			continue;
		}
		stress_fill(room, number++);
		capture_ring_commit(ring, bytes);
	}
	return NULL;
}

static void
test_two_threads(void **state)
{
	struct capture_ring *ring = ring_new(8192);
	uint8_t expected[1024];
	uint32_t number = 0;
	pthread_t producer;

	assert_int_equal(pthread_create(&producer, NULL, stress_produce, ring),
			 0);
	while (number < STRESS_RECORDS) {
		uint32_t bytes;
		const uint8_t *record = capture_ring_peek(ring, &bytes);

		assert_true(capture_ring_used(ring) <= 8192);
		if (!record) {
			sched_yield();
			continue;
		}
		stress_fill(expected, number);
		if (bytes != stress_bytes(number) ||
		    memcmp(record, expected, bytes) != 0)
			fail_msg("record %u is not what was sent", number);
		capture_ring_release(ring);
		number++;
	}
	assert_int_equal(pthread_join(producer, NULL), 0);
	assert_null(capture_ring_peek(ring, NULL));
	capture_ring_free(&ring);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_wipe),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_reserve_and_commit_less),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
