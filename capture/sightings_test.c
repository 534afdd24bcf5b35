/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hosts and what was seen of them: counted, bounded, the oldest gives way. */
#include "capture/sightings.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cmd/testing/testing.h"

enum { MAX = CAPTURE_SIGHTINGS_HOSTS_MAX };

static const uint8_t key[16] = "0123456789abcdef";

struct fixture {
	struct capture_sightings *sightings;
	struct capture_sighting hosts[2 * MAX];
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	return f ? capture_sightings_new(&f->sightings, key) : -1;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	capture_sightings_free(&f->sightings);
	assert_null(f->sightings);
	free(f);
	return 0;
}

static const uint8_t *
address(uint32_t number, uint8_t addr[16])
{
	memset(addr, 0, 16);
	memcpy(addr + 12, &number, sizeof(number));
	return addr;
}

static int
see(const struct fixture *f, uint32_t number, enum capture_foreign kind,
    int64_t time_ns)
{
	uint8_t addr[16];

	return capture_sightings_add(f->sightings, address(number, addr), kind,
				     time_ns);
}

static uint32_t
read_all(struct fixture *f)
{
	return capture_sightings_read(f->sightings, f->hosts);
}

/* @return the host; NULL: it is not among them */
static const struct capture_sighting *
find(const struct fixture *f, uint32_t count, uint32_t number)
{
	uint8_t addr[16];
	uint32_t i;

	address(number, addr);
	for (i = 0; i < count; i++)
		if (memcmp(f->hosts[i].addr, addr, sizeof(addr)) == 0)
			return &f->hosts[i];
	return NULL;
}

static void
counted(void **state)
{
	struct fixture *f = *state;
	const struct capture_sighting *host;

	assert_int_equal(read_all(f), 0);
	assert_int_equal(see(f, 1, CAPTURE_FOREIGN_mgcp, 10), 0);
	assert_int_equal(see(f, 1, CAPTURE_FOREIGN_mgcp, 30), 0);
	assert_int_equal(see(f, 1, CAPTURE_FOREIGN_sccp, 20), 0);
	assert_int_equal(see(f, 2, CAPTURE_FOREIGN_sccp, 25), 0);
	assert_int_equal(read_all(f), 2);
	host = find(f, 2, 1);
	assert_non_null(host);
	assert_int_equal(host->count[CAPTURE_FOREIGN_mgcp], 2);
	assert_int_equal(host->last_ns[CAPTURE_FOREIGN_mgcp], 30);
	assert_int_equal(host->count[CAPTURE_FOREIGN_sccp], 1);
	assert_int_equal(host->last_ns[CAPTURE_FOREIGN_sccp], 20);
	assert_int_equal(host->count[CAPTURE_FOREIGN_h323], 0);
	host = find(f, 2, 2);
	assert_non_null(host);
	assert_int_equal(host->count[CAPTURE_FOREIGN_sccp], 1);
}

/* By the last sighting, not by the first. */
static void
oldest_gives_way(void **state)
{
	struct fixture *f = *state;
	const struct capture_sighting *host;
	uint32_t i;

	for (i = 0; i < MAX; i++)
		assert_int_equal(see(f, i, CAPTURE_FOREIGN_h323, i), 0);
	assert_int_equal(see(f, 0, CAPTURE_FOREIGN_h323, MAX), 0);
	assert_int_equal(see(f, MAX - 1, CAPTURE_FOREIGN_h323, MAX), 0);
	assert_int_equal(see(f, 100, CAPTURE_FOREIGN_h323, MAX), 0);
	assert_int_equal(see(f, MAX, CAPTURE_FOREIGN_mgcp, MAX), 1);
	assert_int_equal(read_all(f), MAX);
	assert_null(find(f, MAX, 1));
	assert_non_null(find(f, MAX, 0));
	assert_non_null(find(f, MAX, 2));
	assert_non_null(find(f, MAX, 100));
	host = find(f, MAX, MAX);
	assert_non_null(host);
	assert_int_equal(host->count[CAPTURE_FOREIGN_mgcp], 1);
	assert_int_equal(host->count[CAPTURE_FOREIGN_h323], 0);
}

/* Several times over, and then those that came last are there, no other. */
static void
many_hosts(void **state)
{
	struct fixture *f = *state;
	uint32_t i, shed = 0;

	for (i = 0; i < 10 * MAX; i++)
		shed += (uint32_t)see(f, i, CAPTURE_FOREIGN_dtls_srtp, i);
	assert_int_equal(shed, 9 * MAX);
	assert_int_equal(read_all(f), MAX);
	for (i = 9 * MAX; i < 10 * MAX; i++)
		assert_non_null(find(f, MAX, i));
}

/* Of two tables: each host once, most first, equals by address. */
static void
merged(void **state)
{
	struct fixture *f = *state, *other;
	uint8_t addr[16];
	uint32_t n;
	int i;

	assert_int_equal(setup((void **)&other), 0);
	see(f, 1, CAPTURE_FOREIGN_mgcp, 50);
	see(f, 3, CAPTURE_FOREIGN_mgcp, -70);
	see(f, 4, CAPTURE_FOREIGN_sccp, 1);
	for (i = 0; i < 3; i++)
		see(other, 2, CAPTURE_FOREIGN_sccp, i);
	see(other, 1, CAPTURE_FOREIGN_mgcp, 40);
	see(other, 3, CAPTURE_FOREIGN_h323, -60);
	see(other, 3, CAPTURE_FOREIGN_mgcp, -80);
	see(other, 3, CAPTURE_FOREIGN_sip_tls, 0);
	n = read_all(f);
	n += capture_sightings_read(other->sightings, f->hosts + n);
	assert_int_equal(n, 6);
	n = capture_sightings_merge(f->hosts, n);
	assert_int_equal(n, 4);
	assert_memory_equal(f->hosts[0].addr, address(3, addr), 16);
	assert_int_equal(f->hosts[0].count[CAPTURE_FOREIGN_mgcp], 2);
	assert_int_equal(f->hosts[0].last_ns[CAPTURE_FOREIGN_mgcp], -70);
	assert_int_equal(f->hosts[0].last_ns[CAPTURE_FOREIGN_h323], -60);
	assert_memory_equal(f->hosts[1].addr, address(2, addr), 16);
	assert_int_equal(f->hosts[1].last_ns[CAPTURE_FOREIGN_sccp], 2);
	assert_memory_equal(f->hosts[2].addr, address(1, addr), 16);
	assert_int_equal(f->hosts[2].count[CAPTURE_FOREIGN_mgcp], 2);
	assert_int_equal(f->hosts[2].last_ns[CAPTURE_FOREIGN_mgcp], 50);
	assert_memory_equal(f->hosts[3].addr, address(4, addr), 16);
	assert_int_equal(capture_sightings_merge(f->hosts, 0), 0);
	teardown((void **)&other);
}

static void
kinds_in_order(void **state)
{
	struct capture_sighting host = {
		.count = { [CAPTURE_FOREIGN_dtls_srtp] = 3,
			   [CAPTURE_FOREIGN_h323] = 7,
			   [CAPTURE_FOREIGN_mgcp] = 3,
			   [CAPTURE_FOREIGN_ws_deflate] = 8 },
	};
	enum capture_foreign kinds[CAPTURE_FOREIGN_COUNT];
	size_t i;

	(void)state;
	assert_int_equal(capture_sighting_kinds(&host, kinds), 4);
	assert_int_equal(kinds[0], CAPTURE_FOREIGN_ws_deflate);
	assert_int_equal(kinds[1], CAPTURE_FOREIGN_h323);
	assert_int_equal(kinds[2], CAPTURE_FOREIGN_dtls_srtp);
	assert_int_equal(kinds[3], CAPTURE_FOREIGN_mgcp);
	for (i = 0; i < CAPTURE_FOREIGN_COUNT; i++)
		host.count[i] = i + 1;
	assert_int_equal(capture_sighting_kinds(&host, kinds),
			 CAPTURE_FOREIGN_COUNT);
	for (i = 0; i < CAPTURE_FOREIGN_COUNT; i++)
		assert_int_equal(kinds[i], CAPTURE_FOREIGN_COUNT - 1 - i);
}

/* A reader while a thread writes: each picture is whole, and grows. */
static void *
write_many(void *fixture)
{
	uint32_t i;

	for (i = 0; i < 20000; i++) {
		see(fixture, i % 3, CAPTURE_FOREIGN_mgcp, i);
		see(fixture, i % 1000, CAPTURE_FOREIGN_sccp, i);
	}
	return NULL;
}

static void
read_while_written(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	uint32_t i, k, n;

	assert_int_equal(pthread_create(&thread, NULL, write_many, f), 0);
	for (i = 0; i < 100; i++) {
		n = read_all(f);
		assert_true(n <= MAX);
		for (k = 0; k < n; k++)
			assert_true(
			    f->hosts[k].count[CAPTURE_FOREIGN_mgcp] +
				f->hosts[k].count[CAPTURE_FOREIGN_sccp] >
			    0);
		assert_int_equal(capture_sightings_merge(f->hosts, n), n);
	}
	pthread_join(thread, NULL);
	assert_int_equal(read_all(f), MAX);
}

static void
allocation_failures(void **state)
{
	struct capture_sightings *sightings = NULL;
	unsigned n;
	int r = -ENOMEM;

	(void)state;
	for (n = 1; r < 0; n++) {
		assert_true(n < 10);
		testing_fail_allocation(n);
		r = capture_sightings_new(&sightings, key);
		testing_fail_allocation(0);
		assert_true(r == 0 || r == -ENOMEM);
	}
	assert_true(n > 2);
	capture_sightings_free(&sightings);
	capture_sightings_free(&sightings);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counted, setup, teardown),
		cmocka_unit_test_setup_teardown(oldest_gives_way, setup,
						teardown),
		cmocka_unit_test_setup_teardown(many_hosts, setup, teardown),
		cmocka_unit_test_setup_teardown(merged, setup, teardown),
		cmocka_unit_test(kinds_in_order),
		cmocka_unit_test_setup_teardown(read_while_written, setup,
						teardown),
		cmocka_unit_test(allocation_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
