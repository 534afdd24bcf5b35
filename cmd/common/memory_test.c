/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What control groups say, in folders that look like theirs. */
#include "cmd/common/memory.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cmd/testing/testing.h"

#define MIB (UINT64_C(1) << 20)

static int
setup(void **state)
{
	*state = testing_folder();
	return *state ? 0 : -1;
}

static int
teardown(void **state)
{
	testing_folder_remove(*state);
	return 0;
}

/** A file, and the folders above it. */
static void
put(const char *folder, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	for (char *p = path + strlen(folder) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		(void)mkdir(path, 0700);
		*p = '/';
	}
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static uint64_t
given(const char *folder, const char *groups)
{
	char file[PATH_MAX];

	put(folder, "cgroup", groups);
	snprintf(file, sizeof(file), "%s/cgroup", folder);
	return memory_of_groups(file, folder);
}

static void
test_version_2(void **state)
{
	const char *f = *state;

	put(f, "a.slice/b.service/memory.max", "max\n");
	assert_int_equal(given(f, "0::/a.slice/b.service\n"), 0);
	put(f, "a.slice/memory.max", "1073741824\n");
	assert_int_equal(given(f, "0::/a.slice/b.service\n"), 1024 * MIB);
	put(f, "a.slice/b.service/memory.max", "67108864\n");
	assert_int_equal(given(f, "0::/a.slice/b.service\n"), 64 * MIB);
	assert_int_equal(given(f, "0::/c.slice\n"), 0);
	/* in a container, that sees its own group as the root */
	put(f, "memory.max", "33554432\n");
	assert_int_equal(given(f, "0::/\n"), 32 * MIB);
	assert_int_equal(given(f, "0::/../../b\n"), 32 * MIB);
}

static void
test_version_1(void **state)
{
	const char *f = *state;

	put(f, "memory/memory.limit_in_bytes", "9223372036854771712\n");
	put(f, "memory/x/memory.limit_in_bytes", "134217728\n");
	assert_int_equal(given(f, "5:cpu:/x\n4:memory:/\n0::/\n"), 0);
	assert_int_equal(given(f, "5:cpu:/\n4:memory:/x\n0::/\n"), 128 * MIB);
	assert_int_equal(given(f, "4:cpu,memory:/x/y\n"), 128 * MIB);
	/* something else, whose name it is a part of */
	assert_int_equal(given(f, "4:memoryx:/x\n3:xmemory:/x\n"), 0);
}

static void
test_nothing_to_read(void **state)
{
	const char *f = *state;

	assert_int_equal(memory_of_groups("no/such", f), 0);
	assert_int_equal(given(f, ""), 0);
	assert_int_equal(given(f, "nonsense\n4:memory\n:::::\n"), 0);
	put(f, "memory.max", "");
	assert_int_equal(given(f, "0::/\n"), 0);
}

static void
test_settings_that_fit(void **state)
{
	const struct home_settings usual = { .flows_max = 16384,
					     .flow_slots = 256,
					     .flow_log_kib = 128,
					     .calls_max = 20000,
					     .lookback_mib = 1024,
					     .tcp_mib = 64,
					     .fragments_mib = 16 };
	struct home_settings s = usual;

	(void)state;
	assert_false(memory_fit(&s, 0, 1));
	assert_false(memory_fit(&s, 16384 * MIB, 1));
	assert_memory_equal(&s, &usual, sizeof(s));
	assert_true(memory_fit(&s, 1024 * MIB, 1));
	/* 384 MiB in buffers of 136 KiB */
	assert_int_equal(s.flows_max, 384 * 1024 / 136);
	assert_int_equal(s.calls_max, 16384);
	assert_int_equal(s.lookback_mib, 128);
	assert_int_equal(s.tcp_mib, 64);
	assert_int_equal(s.fragments_mib, 16);
	/* what fits is as it was given */
	assert_false(memory_fit(&s, 1024 * MIB, 1));
	s = usual;
	assert_true(memory_fit(&s, 1024 * MIB, 4));
	assert_int_equal(s.flows_max, 96 * 1024 / 136);
	assert_int_equal(s.tcp_mib, 32);
	assert_int_equal(s.fragments_mib, 8);
	/* and never less than settings may be */
	assert_true(memory_fit(&s, 1, 1));
	assert_int_equal(s.flows_max, 16);
	assert_int_equal(s.calls_max, 16);
	assert_int_equal(s.lookback_mib, 1);
}

static void
test_limit_of_data(void **state)
{
	struct rlimit before, limit;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_DATA, &before), 0);
	limit = before;
	/* More than the shadows of sanitizers. */
	limit.rlim_cur = (rlim_t)1 << 50;
	assert_int_equal(setrlimit(RLIMIT_DATA, &limit), 0);
	assert_true(memory_given() <= limit.rlim_cur);
	assert_true(memory_given() > 0);
	assert_int_equal(setrlimit(RLIMIT_DATA, &before), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_version_2, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_version_1, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_nothing_to_read, setup,
						teardown),
		cmocka_unit_test(test_settings_that_fit),
		cmocka_unit_test(test_limit_of_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
