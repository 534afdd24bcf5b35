/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The recorder at two cables while the clock is set back by hours: for it the
 * same as a start that lies hours ahead, since the clock of the test's machine
 * is not the test's. As root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/common/log.h"
#include "cmd/spanrecd/pipeline.h"
#include "cmd/testing/cable.h"
#include "cmd/testing/testing.h"

#define SECOND_NS INT64_C(1000000000)

static const int64_t AHEAD_NS = 3 * 3600 * SECOND_NS;

enum { WAIT_MS = 10000, CALLS = 2, CALL_SECONDS = 2 };

static const struct home_settings settings = {
	.overload = "new-calls",
	.behind_ms = 1000,
	.block_ms = 20,
	.reorder_ms = 200,
	.claim_ms = 2000,
	.linger_ms = 500,
	.flows_max = 64,
	.flow_slots = 256,
	.flow_log_kib = 32,
	.flow_idle_ms = 10000,
	.fragments_mib = 1,
	.tcp_connections_max = 8,
	.tcp_mib = 1,
	.lookback_mib = 16,
	.sip_ring_kib = 512,
	.calls_max = 64,
	.idle_timeout_s = 60,
	.setup_timeout_s = 180,
	.sync_s = 60,
};

struct fixture {
	char *dir;
	struct store_archive *archive;
	struct policy *policy;
	struct pipeline *pipeline;
	struct capture_source *sources[2]; /* the pipeline's */
	int64_t start_ns;
	bool stopped;
};

static struct capture_source *
open_one(const char *interface)
{
	const struct capture_live_config config = { .interface = interface,
						    .ring_bytes = 4 << 20,
						    .block_ms = 20 };
	char error[CAPTURE_ERROR_BYTES];
	struct capture_source *source;

	if (capture_live_open(&source, 1, &config, error) < 0)
		fail_msg("%s", error);
	return source;
}

static void
start(struct fixture *f)
{
	struct pipeline_config config = {
		.settings = &settings,
		.policy = f->policy,
		.archive = f->archive,
		.sources = f->sources,
		.sources_count = 2,
		.writers_count = 1,
		.live = true,
		.control_fd = -1,
		.start_ns = testing_now_ns() + AHEAD_NS,
	};
	char error[CAPTURE_ERROR_BYTES];

	f->sources[0] = open_one("span0");
	f->sources[1] = open_one("span1");
	f->start_ns = config.start_ns;
	if (pipeline_start(&f->pipeline, &config, error) < 0)
		fail_msg("%s", error);
}

static int
setup(void **state)
{
	static const struct store_public recipient = { { 9 } };
	const struct store_archive_config small = { .map_bytes = 16 << 20 };
	const char *text = policy_default_text();
	struct fixture *f;
	struct policy_errors errors;
	char path[256];

	if (testing_cable_new() ||
	    testing_shell("ip link add gen1 type veth peer name span1 && "
			  "ip link set gen1 up && ip link set span1 up"))
		return -1;
	testing_cable_wait("span1");
	*state = f = calloc(1, sizeof(*f));
	f->stopped = true;
	log_init("test", LOG_LEVEL_ERROR);
	f->dir = testing_folder();
	snprintf(path, sizeof(path), "%s/archive", f->dir);
	assert_int_equal(store_init(), 0);
	assert_int_equal(store_archive_create(path, &recipient, 1), 0);
	assert_int_equal(
	    store_archive_open(&f->archive, path, STORE_WRITE, &small, NULL),
	    0);
	assert_int_equal(policy_load(&f->policy, text, strlen(text), &errors),
			 0);
	start(f);
	f->stopped = false;
	return 0;
}

static void
stop(struct fixture *f)
{
	if (f->stopped)
		return;
	pipeline_stop(f->pipeline);
	pipeline_join(f->pipeline);
	f->stopped = true;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	stop(f);
	pipeline_free(&f->pipeline);
	policy_free(&f->policy);
	store_archive_close(&f->archive);
	testing_folder_remove(f->dir);
	free(f);
	return 0;
}

static void
wait_for_watermark(const struct fixture *f, int64_t time_ns)
{
	int waited;

	for (waited = 0; waited < WAIT_MS; waited += 10) {
		if (atomic_load(&f->pipeline->watermark_ns) > time_ns)
			return;
		testing_nap(10);
	}
	fail_msg("time stands still");
}

/* Also on an interface with no frame to tell that it was set. */
static void
time_goes_on(void **state)
{
	const struct fixture *f = *state;

	wait_for_watermark(f, f->start_ns + SECOND_NS);
	/* Once for each: it is not set again and again. */
	assert_int_equal(pipeline_counter(f->pipeline, COUNTER_clock_set_back),
			 2);
	/* It goes no faster than it does. */
	testing_nap(500);
	assert_true(atomic_load(&f->pipeline->watermark_ns) <
		    testing_now_ns() + AHEAD_NS + SECOND_NS);
}

static void
call(const char *tools)
{
	char line[512];

	snprintf(line, sizeof(line),
		 "%s/callgen --interface gen --calls %d --seconds %d "
		 ">/dev/null 2>&1",
		 tools, CALLS, CALL_SECONDS);
	assert_int_equal(testing_shell(line), 0);
}

static void
calls_are_recorded(void **state)
{
	const char *bin = getenv("BIN");
	struct fixture *f = *state;
	char tools[256];

	if (!bin)
		skip(); /* .ci/tests says where callgen is */
	snprintf(tools, sizeof(tools), "%s/../cmd/testing", bin);
	wait_for_watermark(f, f->start_ns + SECOND_NS);
	call(tools);
	testing_nap(1500);
	stop(f);
	assert_int_equal(pipeline_counter(f->pipeline, COUNTER_recordings),
			 CALLS);
	/* Every packet, and there were some. */
	assert_int_equal(pipeline_counter(f->pipeline, COUNTER_stored),
			 pipeline_counter(f->pipeline, COUNTER_rtp));
	assert_in_range(pipeline_counter(f->pipeline, COUNTER_rtp), CALLS * 100,
			CALLS * CALL_SECONDS * 110);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(time_goes_on),
		TEST(calls_are_recorded),
#undef TEST
	};
	const char *why_not = testing_cable_new();

	if (why_not) {
		printf("skipped: %s\n", why_not);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
