/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocks of any size: zeroed, apart from each other, from any thread, and given
 * back when they are not in use. */
#include "capture/secret.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { BLOCKS = 2000, ROUNDS = 20000, BYTES_MAX = 5000, THREADS = 3 };

struct blocks {
	uint8_t *p[BLOCKS];
	size_t bytes[BLOCKS];
	uint32_t random;
};

static uint32_t
draw(struct blocks *b)
{
	b->random = b->random * 1664525 + 1013904223;
	return b->random >> 8;
}

static bool
is_filled(const uint8_t *p, size_t bytes, uint8_t value)
{
	while (bytes > 0 && p[bytes - 1] == value)
		bytes--;
	return bytes == 0;
}

static bool
drop(struct blocks *b, uint32_t i)
{
	bool good = !b->p[i] || is_filled(b->p[i], b->bytes[i], (uint8_t)i);

	capture_secret_free(b->p[i], b->bytes[i]);
	b->p[i] = NULL;
	return good;
}

static bool
make(struct blocks *b, uint32_t i)
{
	bool good;

	b->bytes[i] = draw(b) % (i % 16 ? 600 : BYTES_MAX);
	b->p[i] = capture_secret_new(b->bytes[i]);
	good = b->p[i] && is_filled(b->p[i], b->bytes[i], 0);
	if (good && b->bytes[i])
		memset(b->p[i], (int)i, b->bytes[i]);
	return good;
}

static void *
any_order(void *ctx)
{
	struct blocks *b = ctx;
	bool good = true;

	for (uint32_t round = 0; good && round < ROUNDS; round++) {
		uint32_t i = draw(b) % BLOCKS;

		good = drop(b, i) && (draw(b) % 2 || make(b, i));
	}
	for (uint32_t i = 0; i < BLOCKS; i++)
		good &= drop(b, i);
	return good ? b : NULL;
}

static void
test_threads(void **state)
{
	static struct blocks blocks[THREADS];
	pthread_t threads[THREADS];

	for (uint32_t i = 0; i < THREADS; i++) {
		blocks[i].random = i + 1;
		assert_int_equal(
		    pthread_create(&threads[i], NULL, any_order, &blocks[i]),
		    0);
	}
	for (uint32_t i = 0; i < THREADS; i++) {
		void *good;

		assert_int_equal(pthread_join(threads[i], &good), 0);
		assert_ptr_equal(good, &blocks[i]);
	}
}

/* What is resident, and what is mapped. [kB] */
static void
read_memory(unsigned long *mapped, unsigned long *resident)
{
	FILE *f = fopen("/proc/self/statm", "r");
	char line[200];
	char *end;

	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	*mapped = strtoul(line, &end, 10) * 4;
	*resident = strtoul(end, NULL, 10) * 4;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool is_sanitized = true;
#elif defined(__has_feature)
static const bool is_sanitized =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
static const bool is_sanitized = false;
#endif

/* Many small ones do not take a page each, and nothing stays. Under a sanitizer
 * they are malloc's. */
static void
test_room(void **state)
{
	static void *p[50000];
	unsigned long mapped, resident, mapped_then, resident_then;

	capture_secret_free(NULL, 100);
	if (is_sanitized)
		return;
	capture_secret_free(capture_secret_new(100), 100);
	read_memory(&mapped, &resident);
	for (uint32_t i = 0; i < 50000; i++) {
		p[i] = capture_secret_new(100);
		assert_non_null(p[i]);
		memset(p[i], 1, 100);
	}
	read_memory(&mapped_then, &resident_then);
	assert_true(resident_then - resident < 10000);
	for (uint32_t i = 0; i < 50000; i++)
		capture_secret_free(p[i], 100);
	read_memory(&mapped_then, &resident_then);
	assert_true(mapped_then < mapped + 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
