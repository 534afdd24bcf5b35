/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records of some lengths through a ring of 1 MiB: by one thread in turns,
 * which is what the code costs, and between two, which is what moving the
 * cache lines between processors costs.
 */
#include "capture/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { RECORDS = 4000000 };

struct job {
	struct capture_ring *ring;
	uint32_t bytes;
};

static double
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void *
produce(void *arg)
{
	const struct job *job = arg;
	uint32_t i = 0;

	while (i < RECORDS) {
		void *room = capture_ring_reserve(job->ring, job->bytes);

		if (!room) {
			sched_yield();
			continue;
		}
		memset(room, (int)i++, job->bytes);
		capture_ring_commit(job->ring, job->bytes);
	}
	return NULL;
}

static uint64_t
consume(struct capture_ring *ring, uint32_t count)
{
	uint64_t sum = 0;
	uint32_t i = 0;

	while (i < count) {
		const uint8_t *record = capture_ring_peek(ring, NULL);

		if (!record) {
			sched_yield();
			continue;
		}
		sum += record[0];
		capture_ring_release(ring);
		i++;
	}
	return sum;
}

static uint64_t
alternate(const struct job *job)
{
	uint64_t sum = 0;
	uint32_t i, k;

	for (i = 0; i < RECORDS; i += 32) {
		for (k = 0; k < 32; k++) {
			void *room =
			    capture_ring_reserve(job->ring, job->bytes);

			memset(room, (int)k, job->bytes);
			capture_ring_commit(job->ring, job->bytes);
		}
		sum += consume(job->ring, 32);
	}
	return sum;
}

static int
run(uint32_t bytes)
{
	struct job job = { .bytes = bytes };
	pthread_t producer;
	uint64_t sum;
	double began;

	if (capture_ring_new(&job.ring, 1 << 20))
		return 1;
	began = now_ns();
	sum = alternate(&job);
	printf("ring %4u bytes  one thread  %6.1f ns\n", bytes,
	       (now_ns() - began) / RECORDS);
	began = now_ns();
	if (pthread_create(&producer, NULL, produce, &job))
		return 1;
	sum += consume(job.ring, RECORDS);
	pthread_join(producer, NULL);
	printf("ring %4u bytes  two threads %6.1f ns\n", bytes,
	       (now_ns() - began) / RECORDS);
	capture_ring_free(&job.ring);
	return sum == 0;
}

int
main(void)
{
	return run(16) || run(200) || run(1000);
}
