/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes as people read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/common/counters.h"

/* Never "1024.0" of a unit, whatever it is rounded from. */
static void
bytes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
		{ 0, "0 bytes" },
		{ 1023, "1023 bytes" },
		{ 1024, "1.0 KiB" },
		{ 1536, "1.5 KiB" },
		{ 1048524, "1023.9 KiB" },
		{ 1048525, "1.0 MiB" },
		{ 15840000, "15.1 MiB" },
		{ UINT64_C(872331001856), "812.4 GiB" },
		{ UINT64_C(1979120929996), "1.8 TiB" },
		{ UINT64_C(1) << 50, "1.0 PiB" },
		{ UINT64_MAX, "16.0 EiB" },
	};
	char text[COUNTER_BYTES_TEXT_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		counter_bytes_text(rows[i].bytes, text);
		assert_string_equal(text, rows[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
