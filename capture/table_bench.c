/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Look-up, insertion and removal, with tables that fit a cache and not. */
#include "capture/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const uint8_t hash_key[16] = { 3, 1, 4, 1, 5, 9 };

static double
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void
report(uint32_t entries, const char *what, double ns, uint32_t count)
{
	printf("table %7u entries  %-8s %6.1f ns\n", entries, what,
	       ns / (double)count);
}

static struct capture_flow_key
key_of(uint32_t number)
{
	struct capture_flow_key key = {
		.src.port = (uint16_t)(16384 + number % 8192 * 2),
		.dst.port = 30000,
		.ssrc = number * 2654435761u,
	};

	key.src.addr[14] = (uint8_t)(number >> 16);
	key.src.addr[15] = (uint8_t)(number >> 8);
	return key;
}

/* Keys from `first` on, in any order but that of insertion. */
static void
fill(struct capture_flow_key *keys, uint32_t entries, uint32_t first)
{
	uint32_t i;

	for (i = 0; i < entries; i++)
		keys[(uint64_t)i * 2654435761u % entries] = key_of(first + i);
}

/* @return sum of what was found */
static uint64_t
get_all(const struct capture_table *table, const struct capture_flow_key *keys,
	uint32_t entries, const char *what)
{
	uint32_t rounds = 4000000 / entries, round, i;
	double began = now_ns();
	uint64_t sum = 0;

	for (round = 0; round < rounds; round++)
		for (i = 0; i < entries; i++)
			sum += capture_table_get(table, &keys[i]);
	report(entries, what, now_ns() - began, rounds * entries);
	return sum;
}

static int
run(uint32_t entries, struct capture_flow_key *keys)
{
	struct capture_table *table;
	uint64_t sum = 0;
	double began;
	uint32_t i;

	if (capture_table_new(&table, entries, hash_key))
		return 1;
	began = now_ns();
	for (i = 0; i < entries; i++) {
		struct capture_flow_key key = key_of(i);

		if (capture_table_put(table, &key, i))
			return 1;
	}
	report(entries, "put", now_ns() - began, entries);
	fill(keys, entries, entries);
	sum += get_all(table, keys, entries, "miss");
	fill(keys, entries, 0);
	sum += get_all(table, keys, entries, "get");
	began = now_ns();
	for (i = 0; i < entries; i++)
		if (capture_table_remove(table, &keys[i]))
			return 1;
	report(entries, "remove", now_ns() - began, entries);
	capture_table_free(&table);
	return sum == 0;
}

int
main(void)
{
	enum { SMALL = 10000, LARGE = 1000000 };
	struct capture_flow_key *keys = calloc(LARGE, sizeof *keys);
	int rc = !keys || run(SMALL, keys) || run(LARGE, keys);

	free(keys);
	return rc;
}
