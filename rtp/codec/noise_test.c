/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/codec/noise.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

#define N 80000

static int16_t pcm[N];

static void
make(struct rtp_noise *noise, const uint8_t *payload, size_t n)
{
	uint8_t *copy = testing_copy(payload, n);

	assert_int_equal(rtp_noise_set(noise, copy, n), 0);
	free(copy);
	rtp_noise_make(noise, pcm, N);
}

/* Power in dBov, and how much a sample is like the one before, -1 to 1. */
static double
level(double *alike)
{
	double sum = 0, next = 0;

	for (size_t i = 0; i < N; i++) {
		sum += (double)pcm[i] * pcm[i];
		if (i)
			next += (double)pcm[i] * pcm[i - 1];
	}
	*alike = next / sum;
	return 10 * log10(sum / N / (32767.0 * 32767.0));
}

static void
levels(void **state)
{
	double alike;

	for (uint8_t db = 10; db <= 70; db += 10) {
		struct rtp_noise noise = { 0 };

		make(&noise, &db, 1);
		assert_true(fabs(level(&alike) + db) < 0.3);
		assert_true(fabs(alike) < 0.02);
	}
}

/* The first coefficient alone: each sample is like the one before by -k. */
static void
shapes(void **state)
{
	static const uint8_t codes[] = { 27, 77, 127, 177, 227 };

	for (size_t i = 0; i < sizeof(codes); i++) {
		const uint8_t payload[] = { 30, codes[i] };
		struct rtp_noise noise = { 0 };
		double k = (codes[i] - 127) * 258 / 32768.0, alike;

		make(&noise, payload, 2);
		assert_true(fabs(level(&alike) + 30) < 0.5);
		assert_true(fabs(alike + k) < 0.03);
	}
}

/* No payload makes it run away; what is too long is cut. */
static void
any_payload(void **state)
{
	struct rtp_noise noise = { 0 };
	uint8_t payload[64];
	double alike;

	for (unsigned fill = 0; fill < 256; fill += 15) {
		memset(payload, (int)fill, sizeof(payload));
		payload[0] = 60;
		for (size_t n = 1; n <= sizeof(payload); n += 21) {
			make(&noise, payload, n);
			assert_true(level(&alike) < -40);
		}
	}
	assert_int_equal(rtp_noise_set(&noise, payload, 0), -EBADMSG);
	/* the top bit is no part of the level */
	payload[0] = 0x80 | 60;
	make(&noise, payload, 1);
	assert_true(fabs(level(&alike) + 60) < 0.5);
}

static void
the_same_again(void **state)
{
	static const uint8_t payload[] = { 40, 100, 150 };
	struct rtp_noise a = { 0 }, b = { 0 };
	static int16_t first[N];

	rtp_noise_make(&a, pcm, 10);
	assert_int_equal(pcm[9], 0);
	a = b;
	make(&a, payload, 3);
	memcpy(first, pcm, sizeof(pcm));
	make(&b, payload, 3);
	assert_memory_equal(first, pcm, sizeof(pcm));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels),
		cmocka_unit_test(shapes),
		cmocka_unit_test(any_payload),
		cmocka_unit_test(the_same_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
