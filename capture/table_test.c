/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "capture/table_priv.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

static const uint8_t hash_key[16] = { 7, 1, 2, 3 };

static struct capture_table *
table_new(uint32_t capacity)
{
	struct capture_table *table = NULL;

	assert_int_equal(capture_table_new(&table, capacity, hash_key), 0);
	assert_non_null(table);
	return table;
}

static struct capture_flow_key
key_of(uint32_t number)
{
	struct capture_flow_key key = {
		.src.port = 10000,
		.dst.port = 20000,
		.ssrc = number,
	};

	key.src.addr[15] = (uint8_t)(number * 7);
	return key;
}

/*
 * Answers of another implementation: CPython 3.11 hashes bytes by SipHash-1-3.
 * Its key is zero with PYTHONHASHSEED=0, else made from the seed by the
 * generator x = x * 214013 + 2531011, bits 16 to 23.
 */
static void
test_known_answers(void **state)
{
	static const struct {
		uint8_t hash_key[16];
		uint64_t rising, falling; /* 00 01 .. 27; ff fe .. d8 */
	} cases[] = {
		{ { 0 }, 0x95bc321ab41d8206, 0x0a2b2b7f8406e64a },
		{ { 0x29, 0x23, 0xbe, 0x84, 0xe1, 0x6c, 0xd6, 0xae, 0x52, 0x90,
		    0x49, 0xf1, 0xf1, 0xbb, 0xe9, 0xeb },
		  0xdb056b8b4f38310b,
		  0x2f6f55d830ab245a },
		{ { 0xaf, 0x90, 0xcd, 0x68, 0xd3, 0x4f, 0x50, 0xdc, 0xc1, 0xe9,
		    0x99, 0xfe, 0x9f, 0xbb, 0x20, 0xb9 },
		  0xde03d697bf20e38a,
		  0xf2c68f5b9097408e },
	};
	uint8_t rising[40], falling[40];
	struct capture_flow_key key;
	size_t i;

	for (i = 0; i < 40; i++) {
		rising[i] = (uint8_t)i;
		falling[i] = (uint8_t)(255 - i);
	}
	for (i = 0; i < 3; i++) {
		memcpy(&key, rising, sizeof key);
		assert_true(capture__table_hash(cases[i].hash_key, &key) ==
			    cases[i].rising);
		memcpy(&key, falling, sizeof key);
		assert_true(capture__table_hash(cases[i].hash_key, &key) ==
			    cases[i].falling);
	}
}

static void
test_put_get_remove(void **state)
{
	struct capture_table *table = table_new(10);
	struct capture_flow_key one = key_of(1), two = key_of(2);

	assert_int_equal(capture_table_get(table, &one), CAPTURE_TABLE_NONE);
	assert_int_equal(capture_table_remove(table, &one), -ENOENT);
	assert_int_equal(capture_table_put(table, &one, 0), 0);
	assert_int_equal(capture_table_put(table, &two, 5), 0);
	assert_int_equal(capture_table_count(table), 2);
	assert_int_equal(capture_table_get(table, &one), 0);
	assert_int_equal(capture_table_put(table, &one, 6), 0);
	assert_int_equal(capture_table_count(table), 2);
	assert_int_equal(capture_table_get(table, &one), 6);
	assert_int_equal(capture_table_get(table, &two), 5);
	assert_int_equal(capture_table_remove(table, &one), 0);
	assert_int_equal(capture_table_remove(table, &one), -ENOENT);
	assert_int_equal(capture_table_get(table, &one), CAPTURE_TABLE_NONE);
	assert_int_equal(capture_table_get(table, &two), 5);
	assert_int_equal(capture_table_count(table), 1);
	capture_table_free(&table);
	assert_null(table);
	capture_table_free(&table);
}

/* Every part of the key tells flows apart. */
static void
test_every_byte_counts(void **state)
{
	struct capture_table *table = table_new(64);
	struct capture_flow_key key = key_of(0), other;
	uint32_t i;

	assert_int_equal(capture_table_put(table, &key, 100), 0);
	for (i = 0; i < sizeof key; i++) {
		other = key;
		((uint8_t *)&other)[i] ^= 1;
		assert_int_equal(capture_table_get(table, &other),
				 CAPTURE_TABLE_NONE);
		assert_int_equal(capture_table_put(table, &other, i), 0);
	}
	assert_int_equal(capture_table_get(table, &key), 100);
	assert_int_equal(capture_table_count(table), sizeof key + 1);
	capture_table_free(&table);
}

static void
test_full(void **state)
{
	uint32_t capacity, i;

	for (capacity = 1; capacity <= 40; capacity++) {
		struct capture_table *table = table_new(capacity);
		struct capture_flow_key key;

		for (i = 0; i < capacity; i++) {
			key = key_of(i);
			assert_int_equal(capture_table_put(table, &key, i), 0);
		}
		key = key_of(capacity);
		assert_int_equal(capture_table_put(table, &key, 1), -ENOSPC);
		assert_int_equal(capture_table_get(table, &key),
				 CAPTURE_TABLE_NONE);
		/* What is in it may still be replaced. */
		key = key_of(0);
		assert_int_equal(capture_table_put(table, &key, 99), 0);
		assert_int_equal(capture_table_get(table, &key), 99);
		capture_table_free(&table);
	}
}

/* Against an array that cannot be wrong: small and crowded, so that runs are
 * long, wrap around the end and are closed again in every way. The places fill
 * whole pages: a run past the end would fault. */
static void
test_against_model(void **state)
{
	enum { KEYS = 200, CAPACITY = 170 };
	struct capture_table *table = table_new(CAPACITY);
	uint32_t model[KEYS], count = 0, step, i, x = 1;

	for (i = 0; i < KEYS; i++)
		model[i] = CAPTURE_TABLE_NONE;
	for (step = 0; step < 200000; step++) {
		struct capture_flow_key key;
		int expected = 0;

		x = x * 1664525 + 1013904223;
		i = (x >> 20) % KEYS;
		key = key_of(i);
		if (x >> 31) {
			bool is_new = model[i] == CAPTURE_TABLE_NONE;

			if (is_new && count == CAPACITY)
				expected = -ENOSPC;
			else
				model[i] = step;
			count += is_new && !expected;
			assert_int_equal(capture_table_put(table, &key, step),
					 expected);
		} else {
			if (model[i] == CAPTURE_TABLE_NONE)
				expected = -ENOENT;
			count -= !expected;
			model[i] = CAPTURE_TABLE_NONE;
			assert_int_equal(capture_table_remove(table, &key),
					 expected);
		}
		assert_int_equal(capture_table_count(table), count);
		for (i = step % 8; i < KEYS; i += 8) {
			key = key_of(i);
			assert_int_equal(capture_table_get(table, &key),
					 model[i]);
		}
	}
	capture_table_free(&table);
}

static void
test_no_memory(void **state)
{
	struct capture_table *table = NULL;
	struct rlimit old, none = { 0 };
	int rc;

	testing_fail_allocation(1);
	assert_int_equal(capture_table_new(&table, 10, hash_key), -ENOMEM);
	assert_int_equal(testing_allocations(), 1);
	testing_fail_allocation(0);

	assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
	none.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	rc = capture_table_new(&table, 1 << 20, hash_key);
	assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
	assert_int_equal(rc, -ENOMEM);
	assert_null(table);

	assert_int_equal(capture_table_new(&table, 0, hash_key), -EINVAL);
	assert_int_equal(capture_table_new(&table, UINT32_MAX, hash_key),
			 -EINVAL);
}

static long
resident_pages(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size, resident;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld", &size, &resident), 2);
	fclose(f);
	return resident;
}

/* 72 MB of places, of which one is used. */
static void
test_costs_what_it_holds(void **state)
{
	struct capture_flow_key key = key_of(1);
	long before = resident_pages();
	struct capture_table *table = table_new(1000000);

	assert_int_equal(capture_table_put(table, &key, 1), 0);
	assert_in_range(resident_pages() - before, 0, 255);
	capture_table_free(&table);
}

static void
test_pair_hash(void **state)
{
	struct capture_endpoint a = { .port = 4000 }, b = { .port = 4001 };
	uint32_t seen[4] = { 0 }, i;

	/* One value for ever: captures replayed elsewhere are shared out alike.
	 */
	assert_int_equal(capture_pair_hash(&a, &b), 0x59c5ce7c);
	for (i = 0; i < 4096; i++) {
		a.addr[15] = (uint8_t)i;
		b.addr[14] = (uint8_t)(i >> 4);
		a.port = (uint16_t)(16384 + 2 * i);
		assert_int_equal(capture_pair_hash(&a, &b),
				 capture_pair_hash(&b, &a));
		seen[capture_pair_hash(&a, &b) % 4]++;
	}
	for (i = 0; i < 4; i++)
		assert_in_range(seen[i], 900, 1150);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_put_get_remove),
		cmocka_unit_test(test_every_byte_counts),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_against_model),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_costs_what_it_holds),
		cmocka_unit_test(test_pair_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
