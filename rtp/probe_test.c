/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is a stream of RTP, by its packets alone, and what is not. */
#include "rtp/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MS 1000000LL
#define T0 (1000000 * MS)

static struct rtp_probe probe;

static int
setup(void **state)
{
	(void)state;
	probe = (struct rtp_probe){ 0 };
	return 0;
}

static bool
packet(uint16_t sequence, uint32_t timestamp, int64_t ms, uint8_t type,
       uint32_t bytes)
{
	const struct rtp_hdr hdr = { .sequence = sequence,
				     .timestamp = timestamp,
				     .payload_type = type,
				     .payload_bytes = bytes };

	return rtp_probe_packet(&probe, &hdr, T0 + ms * MS);
}

/* 20 ms of G.711. */
static bool
sound(uint16_t sequence, int64_t ms)
{
	return packet(sequence, sequence * 160u, ms, 8, 160);
}

static void
test_three_in_a_row(void **state)
{
	(void)state;
	assert_false(sound(1, 0));
	assert_false(rtp_probe_encrypted(&probe));
	assert_false(sound(2, 20));
	assert_true(sound(3, 40));
	assert_int_equal(probe.first_ns, T0);
	assert_false(rtp_probe_encrypted(&probe));
	/* once */
	for (uint16_t i = 4; i < 100; i++)
		assert_false(sound(i, i * 20));
}

static void
test_wrap(void **state)
{
	(void)state;
	assert_false(packet(65534, UINT32_MAX - 100, 0, 0, 160));
	assert_false(packet(65535, 59, 20, 0, 160));
	assert_true(packet(0, 219, 40, 0, 160));
}

/* Lost, late, twice, and in between with nothing in it. */
static void
test_disorder(void **state)
{
	(void)state;
	assert_false(sound(10, 0));
	assert_false(sound(10, 1));
	assert_false(sound(8, 2));
	assert_false(packet(11, 1760, 10, 8, 0));
	assert_false(sound(110, 20));
	assert_false(sound(94, 30));
	assert_true(sound(111, 40));
	assert_int_equal(probe.first_ns, T0);
}

static void
test_too_far_apart(void **state)
{
	(void)state;
	assert_false(sound(1, 0));
	assert_false(sound(2, 20));
	assert_false(sound(103, 40)); /* begins anew */
	assert_false(sound(203, 60));
	assert_true(sound(204, 80));
	/* of one SSRC all the same */
	assert_int_equal(probe.first_ns, T0);
}

/* Packets of one moment are not sound that goes on. */
static void
test_timestamps_that_rest(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 100; i++)
		assert_false(packet(i, 7, i, 101, 4));
	assert_false(packet(100, 8, 100, 101, 4));
	assert_true(packet(101, 9, 101, 101, 4));
}

static void
test_too_slow(void **state)
{
	(void)state;
	assert_false(sound(1, 0));
	assert_false(sound(2, 1500));
	assert_false(sound(3, 3001)); /* begins anew */
	assert_false(sound(4, 4000));
	assert_true(sound(5, 6001));
	assert_int_equal(probe.first_ns, T0 + 3001 * MS);
}

static void
test_timestamps_that_run_back(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 100; i++)
		assert_false(packet(i, 1000000 - i * 160u, i * 20, 8, 160));
}

/* A DNS message whose id begins with binary 10 reads as RTP: the flags are the
 * sequence number, the counts of records the rest. */
static void
test_dns(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		assert_false(packet(0x0100, 0x00010000, i, 0, 20));
	for (int i = 0; i < 100; i++)
		assert_false(
		    packet(i & 1 ? 0x0100 : 0x8180, 0x00010001, i, 0, 20));
}

/* Likewise, with other flags. */
static void
test_dns_flags(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		assert_false(packet((uint16_t)(0x0100 + i % 4 * 0x10),
				    0x00010000, i, 0, 20));
}

static void
test_payload_types(void **state)
{
	unsigned count = 0;

	(void)state;
	for (uint8_t type = 0; type < 128; type++) {
		setup(NULL);
		for (uint16_t i = 0; i < 3; i++)
			count += packet(i, i * 80u, i, type, 10);
	}
	assert_int_equal(count, 24 + 32);
	assert_true(rtp_probe_type(0) && rtp_probe_type(23));
	assert_true(rtp_probe_type(96) && rtp_probe_type(127));
	/* video, and RTCP on the same port (RFC 5761) */
	assert_false(rtp_probe_type(31) || rtp_probe_type(34));
	assert_false(rtp_probe_type(72) || rtp_probe_type(95));
}

static bool
encrypted(uint8_t type, uint32_t bytes, uint32_t ticks)
{
	setup(NULL);
	for (uint16_t i = 0; i < 3; i++)
		(void)packet(i, i * ticks, i * 20, type, bytes);
	return rtp_probe_encrypted(&probe);
}

static void
test_encrypted(void **state)
{
	static const struct {
		uint8_t type;
		uint32_t bytes, ticks;
	} clear[] = {
		{ 0, 160, 160 }, { 8, 240, 240 }, { 9, 160, 160 },
		{ 18, 20, 160 }, { 3, 33, 160 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(clear) / sizeof(clear[0]); i++) {
		uint8_t type = clear[i].type;
		uint32_t bytes = clear[i].bytes, ticks = clear[i].ticks;

		assert_false(encrypted(type, bytes, ticks));
		assert_true(encrypted(type, bytes + 4, ticks));
		assert_true(encrypted(type, bytes + 10, ticks));
		assert_true(encrypted(type, bytes + 16, ticks));
		assert_false(encrypted(type, bytes + 9, ticks));
		assert_false(encrypted(type, bytes - 10, ticks));
	}
	/* Where nobody knows how long a packet is. */
	assert_false(encrypted(96, 170, 160));
	assert_false(encrypted(18, 30, 161));
	/* Two of three: what follows the second is not the next. */
	setup(NULL);
	packet(1, 160, 0, 8, 170);
	packet(2, 320, 20, 8, 170);
	assert_true(packet(4, 640, 60, 8, 170));
	assert_false(rtp_probe_encrypted(&probe));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_three_in_a_row, setup),
		cmocka_unit_test_setup(test_wrap, setup),
		cmocka_unit_test_setup(test_disorder, setup),
		cmocka_unit_test_setup(test_too_far_apart, setup),
		cmocka_unit_test_setup(test_too_slow, setup),
		cmocka_unit_test_setup(test_timestamps_that_rest, setup),
		cmocka_unit_test_setup(test_dns_flags, setup),
		cmocka_unit_test_setup(test_timestamps_that_run_back, setup),
		cmocka_unit_test_setup(test_dns, setup),
		cmocka_unit_test(test_payload_types),
		cmocka_unit_test(test_encrypted),
	};

	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
