/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "capture/pkt.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

static int
parse(struct capture_endpoint *ep, const char *text)
{
	size_t n = strlen(text);
	char *copy = testing_copy(text, n);
	int rc = capture_endpoint_parse(ep, copy, n, 5060);

	free(copy);
	return rc;
}

static void
test_there_and_back(void **state)
{
	static const struct {
		const char *addr, *text;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1:5060" },
		{ "0.0.0.0", "0.0.0.0:5060" },
		{ "255.255.255.255", "255.255.255.255:5060" },
		{ "::ffff:192.0.2.1", "192.0.2.1:5060" },
		{ "2001:db8::1", "[2001:db8::1]:5060" },
		{ "2001:0DB8:0::01", "[2001:db8::1]:5060" },
		{ "::", "[::]:5060" },
		{ "1234:5678:9abc:def0:1234:5678:9abc:def0",
		  "[1234:5678:9abc:def0:1234:5678:9abc:def0]:5060" },
	};
	char text[CAPTURE_ENDPOINT_TEXT_BYTES];
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct capture_endpoint ep;

		assert_int_equal(parse(&ep, cases[i].addr), 0);
		assert_string_equal(capture_endpoint_text(&ep, text),
				    cases[i].text);
	}
}

static void
test_ip4_is_mapped(void **state)
{
	static const uint8_t addr[16] = { 0, 0, 0,    0,    0,   0, 0, 0,
					  0, 0, 0xff, 0xff, 192, 0, 2, 7 };
	struct capture_endpoint ep, same, other;

	assert_int_equal(parse(&ep, "192.0.2.7"), 0);
	assert_memory_equal(ep.addr, addr, 16);
	assert_int_equal(ep.port, 5060);
	assert_int_equal(parse(&same, "::ffff:c000:207"), 0);
	assert_true(capture_endpoint_equal(&ep, &same));
	assert_int_equal(parse(&other, "192.0.2.6"), 0);
	assert_false(capture_endpoint_equal(&ep, &other));
	same.port++;
	assert_false(capture_endpoint_equal(&ep, &same));
}

static void
test_no_address(void **state)
{
	static const char *const cases[] = {
		"",
		"192.0.2",
		"192.0.2.256",
		"192.0.2.1 ",
		"192.0.2.1:5060",
		"[2001:db8::1]",
		"2001:db8::1%eth0",
		"example.com",
		"1:2:3:4:5:6:7:8:9",
		"0000:0000:0000:0000:0000:ffff:255.255.255.2555",
		"1111111111111111111111111111111111111111111111111111111111111",
	};
	struct capture_endpoint ep = { .port = 7 };
	char *copy;
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(parse(&ep, cases[i]), -EINVAL);
	copy = testing_copy("192.0.2.1\0junk", 14);
	assert_int_equal(capture_endpoint_parse(&ep, copy, 14, 1), -EINVAL);
	free(copy);
	assert_int_equal(ep.port, 7);
}

static void
test_longest_text(void **state)
{
	char text[CAPTURE_ENDPOINT_TEXT_BYTES];
	struct capture_endpoint ep = { .port = 65535 };

	memset(ep.addr, 0xff, sizeof ep.addr);
	assert_string_equal(capture_endpoint_text(&ep, text),
			    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_ip4_is_mapped),
		cmocka_unit_test(test_no_address),
		cmocka_unit_test(test_longest_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
