/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/rtp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void
expect(uint8_t type, const char *encoding, uint32_t clock_hz, uint8_t channels)
{
	struct rtp_format format;

	assert_true(rtp_format_static(type, &format));
	assert_string_equal(format.encoding, encoding);
	assert_int_equal(format.clock_hz, clock_hz);
	assert_int_equal(format.payload_type, type);
	assert_int_equal(format.channels, channels);
}

static void
assigned(void **state)
{
	expect(0, "PCMU", 8000, 1);
	expect(3, "GSM", 8000, 1);
	expect(8, "PCMA", 8000, 1);
	expect(9, "G722", 8000, 1);
	expect(10, "L16", 44100, 2);
	expect(11, "L16", 44100, 1);
	expect(13, "CN", 8000, 1);
	expect(18, "G729", 8000, 1);
	expect(34, "H263", 90000, 1);
}

static void
unassigned(void **state)
{
	struct rtp_format format;
	unsigned count = 0;

	for (unsigned type = 0; type < 256; type++)
		count += rtp_format_static((uint8_t)type, &format);
	assert_int_equal(count, 24);
	assert_false(rtp_format_static(1, &format));
	assert_false(rtp_format_static(2, &format));
	assert_false(rtp_format_static(19, &format));
	assert_false(rtp_format_static(35, &format));
	assert_false(rtp_format_static(96, &format));
}

static void
parameters(void **state)
{
	const struct rtp_format format = {
		.parameters = "octet-align=1;Mode-Set=0,2;crc;x=;n=00;m=03"
	};
	const struct rtp_format none = { .encoding = "AMR" };
	size_t n = 99;

	assert_int_equal(*rtp_format_parameter(&format, "OCTET-ALIGN", &n),
			 '1');
	assert_int_equal(n, 1);
	assert_memory_equal(rtp_format_parameter(&format, "mode-set", &n),
			    "0,2", 3);
	assert_int_equal(n, 3);
	assert_non_null(rtp_format_parameter(&format, "crc", &n));
	assert_int_equal(n, 0);
	assert_non_null(rtp_format_parameter(&format, "x", &n));
	assert_int_equal(n, 0);
	assert_null(rtp_format_parameter(&format, "octet", &n));
	assert_null(rtp_format_parameter(&format, "octet-align=", &n));
	assert_null(rtp_format_parameter(&none, "crc", &n));
	assert_true(rtp_format_flag(&format, "octet-align"));
	assert_true(rtp_format_flag(&format, "m"));
	assert_false(rtp_format_flag(&format, "n"));
	assert_false(rtp_format_flag(&format, "x"));
	assert_false(rtp_format_flag(&format, "crc"));
	assert_false(rtp_format_flag(&none, "octet-align"));
}

static void
said(const char *text, unsigned type, const char *encoding, uint32_t clock_hz,
     unsigned channels, const char *more)
{
	struct rtp_format format;

	assert_int_equal(rtp_format_read(&format, text), 0);
	assert_int_equal(format.payload_type, type);
	assert_string_equal(format.encoding, encoding);
	assert_int_equal(format.clock_hz, clock_hz);
	assert_int_equal(format.channels, channels);
	assert_string_equal(format.parameters, more);
}

static void
as_people_write_it(void **state)
{
	static const char *const wrong[] = {
		"",
		"96",
		"96=",
		"96=opus",
		"96=opus/",
		"96=/8000",
		"=opus/8000",
		"128=opus/48000",
		"-1=opus/48000",
		" 96=opus/48000",
		"96=opus/0",
		"96=opus/48000/0",
		"96=opus/48000/256",
		"96=opus/48000/",
		"96=opus/48000/2/2",
		"96=opus/48000;",
		"96=opus/48000 ",
		"96=opus/1000001",
		"96=op us/48000",
		"96 opus/48000",
		"96=opus/48k",
		"96=AMR/8000;octet align",
		"96=AMR/99999999999999999999",
		"9 6=AMR/8000",
		"96=a-name-that-is-too-long-for-it/8000",
		"96=A/8;0123456789012345678901234567890123456789012345678901234567890123",
	};
	struct rtp_format format;

	said("96=opus/48000/2", 96, "opus", 48000, 2, "");
	said("0=PCMU/8000", 0, "PCMU", 8000, 1, "");
	said("127=L16/44100/1", 127, "L16", 44100, 1, "");
	said("97=AMR/8000;octet-align=1;mode-set=0,2", 97, "AMR", 8000, 1,
	     "octet-align=1;mode-set=0,2");
	said("97=AMR/8000/1;crc", 97, "AMR", 8000, 1, "crc");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(rtp_format_read(&format, wrong[i]), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters),
		cmocka_unit_test(as_people_write_it),
		cmocka_unit_test(assigned),
		cmocka_unit_test(unassigned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
