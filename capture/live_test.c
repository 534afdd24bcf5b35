/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Live sources at a cable in a network namespace of this process: each frame
 * once, or counted as dropped. As root. What becomes of an interface is in
 * link_test.c.
 */
#include "capture/live.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "cmd/testing/cable.h"

#define MS_NS INT64_C(1000000)

enum { FLOWS = 64, SOURCES_MAX = 4, NUMBERS_MAX = 100000 };

static int
setup(void **state)
{
	(void)state;
	return testing_cable_new() ? -1 : 0;
}

/* ---- receiving ----------------------------------------------------------- */

struct seen {
	uint32_t frames;
	uint32_t of_flow[FLOWS];
	uint8_t times[NUMBERS_MAX]; /* that a number was seen */
	struct testing_frame last;
	int64_t last_ns;
	int64_t late_ns; /* it was handed over so long after its capture */
	uint32_t truncated;
	bool in_order;
};

static struct seen *
seen_new(void)
{
	struct seen *seen = calloc(1, sizeof(*seen));

	assert_non_null(seen);
	seen->in_order = true;
	return seen;
}

static void
on_frame(void *ctx, const struct capture_frame *frame)
{
	struct seen *seen = ctx;
	struct testing_frame got;

	assert_int_equal(frame->link_type, 1);
	if (!testing_frame_read(&got, frame->bytes, frame->captured_bytes))
		return;
	assert_true(got.flow < FLOWS && got.number < NUMBERS_MAX);
	seen->in_order &=
	    seen->frames == 0 ||
	    (got.number > seen->last.number && frame->time_ns >= seen->last_ns);
	seen->frames++;
	seen->of_flow[got.flow]++;
	seen->times[got.number]++;
	seen->truncated += frame->captured_bytes < frame->wire_bytes;
	seen->last = got;
	seen->last_ns = frame->time_ns;
	seen->late_ns = testing_now_ns() - frame->time_ns;
}

/* All that comes until nothing did for a while. */
static void
take(struct capture_source *source, struct seen *seen, int quiet_ms)
{
	int waited, n;

	for (waited = 0; waited < quiet_ms; waited += 5) {
		n = capture_source_dispatch(source, 1000, on_frame, seen);
		assert_true(n >= 0);
		if (n > 0)
			waited = 0;
		else
			testing_nap(5);
	}
}

static void
open_all(struct capture_source **sources, uint32_t count, const char *interface,
	 uint32_t ring_mib, uint32_t block_ms)
{
	const struct capture_live_config config = {
		.interface = interface,
		.ring_bytes = ring_mib << 20,
		.block_ms = block_ms,
	};
	char error[CAPTURE_ERROR_BYTES];

	if (capture_live_open(sources, count, &config, error) < 0)
		fail_msg("%s", error);
	assert_string_equal(error, "");
}

static struct capture_source *
open_one(const char *interface)
{
	struct capture_source *source;

	open_all(&source, 1, interface, 4, 10);
	return source;
}

static void
free_all(struct capture_source **sources, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		capture_source_free(&sources[i]);
		assert_null(sources[i]);
	}
}

static uint64_t
drops_of(struct capture_source *source)
{
	struct capture_source_stats stats;

	capture_source_stats(source, &stats);
	return stats.kernel_drops;
}

static void
send_numbers(const char *interface, uint32_t from, uint32_t until)
{
	struct testing_frame frame = { .flow = 1 };
	int fd = testing_cable_end(interface);

	for (frame.number = from; frame.number < until; frame.number++)
		testing_frame_send(fd, &frame);
	close(fd);
}

/* ---- each frame, once ---------------------------------------------------- */

static void
each_frame_once(void **state)
{
	struct capture_source *source = open_one("span0");
	struct capture_source_stats stats;
	struct seen *seen = seen_new();

	(void)state;
	assert_true(capture_source_fd(source) >= 0);
	take(source, seen, 50);
	assert_int_equal(seen->frames, 0);
	send_numbers("gen", 1, 1001);
	take(source, seen, 100);
	assert_int_equal(seen->frames, 1000);
	assert_true(seen->in_order);
	capture_source_stats(source, &stats);
	assert_true(stats.frames >= 1000);
	assert_int_equal(stats.kernel_drops, 0);
	assert_int_equal(stats.interface_drops, 0);
	assert_int_equal(stats.truncated, 0);
	assert_int_equal(stats.bytes_total, 0);
	assert_string_equal(capture_source_error(source), "");
	capture_source_free(&source);
	assert_null(source);
	free(seen);
}

/* What one frame was sent as, and when. */
struct sent {
	uint8_t bytes[TESTING_FRAME_MAX + 4];
	size_t n;
	int64_t from_ns, until_ns;
	bool came;
};

static void
on_same(void *ctx, const struct capture_frame *frame)
{
	struct sent *sent = ctx;
	struct testing_frame got;

	if (!testing_frame_read(&got, frame->bytes, frame->captured_bytes))
		return;
	assert_false(sent->came);
	sent->came = true;
	assert_int_equal(frame->wire_bytes, sent->n);
	assert_int_equal(frame->captured_bytes, sent->n);
	assert_memory_equal(frame->bytes, sent->bytes, sent->n);
	assert_true(frame->time_ns >= sent->from_ns &&
		    frame->time_ns <= sent->until_ns);
}

/* The tag of a VLAN too, which the kernel takes out. */
static void
bytes_and_times(void **state)
{
	static const uint32_t lengths[] = { 60, 61, 214, 999, 1510 };
	struct capture_source *source = open_one("span0");
	struct sent *sent = calloc(1, sizeof(*sent));
	int fd = testing_cable_end("gen"), tries;
	struct testing_frame frame = { 0 };

	(void)state;
	assert_non_null(sent);
	for (frame.number = 0; frame.number < 10; frame.number++) {
		frame.bytes = lengths[frame.number % 5];
		frame.vlan = frame.number < 5 ? 0 : 0x6123;
		sent->n = testing_frame_write(&frame, sent->bytes);
		sent->came = false;
		sent->from_ns = testing_now_ns();
		assert_int_equal(send(fd, sent->bytes, sent->n, 0), sent->n);
		/* Another processor may still have it. */
		testing_nap(5);
		sent->until_ns = testing_now_ns();
		for (tries = 0; tries < 200 && !sent->came; tries++) {
			(void)capture_source_dispatch(source, 10, on_same,
						      sent);
			testing_nap(1);
		}
		assert_true(sent->came);
	}
	close(fd);
	free(sent);
	capture_source_free(&source);
}

static void
longer_than_the_snap_length(void **state)
{
	struct testing_frame frame = { .bytes = TESTING_FRAME_MAX };
	struct capture_source *source = open_one("span0");
	struct capture_source_stats stats;
	struct seen *seen = seen_new();
	int fd;

	(void)state;
	assert_int_equal(testing_shell("ip link set gen mtu 65535 && "
				       "ip link set span0 mtu 65535"),
			 0);
	fd = testing_cable_end("gen");
	testing_frame_send(fd, &frame);
	take(source, seen, 100);
	assert_int_equal(seen->frames, 1);
	assert_int_equal(seen->truncated, 1);
	assert_int_equal(seen->last.bytes, 65535);
	frame.bytes = 65535;
	frame.number = 1;
	testing_frame_send(fd, &frame);
	take(source, seen, 100);
	assert_int_equal(seen->frames, 2);
	assert_int_equal(seen->truncated, 1);
	capture_source_stats(source, &stats);
	assert_int_equal(stats.truncated, 1);
	close(fd);
	free(seen);
	capture_source_free(&source);
}

static void
not_what_we_send(void **state)
{
	struct capture_source *sources[2];
	struct seen *seen = seen_new();

	(void)state;
	open_all(sources, 1, "span0", 1, 10);
	/* More than there is room for: none of it takes any. */
	send_numbers("span0", 0, 20000);
	take(sources[0], seen, 50);
	assert_int_equal(seen->frames, 0);
	assert_int_equal(drops_of(sources[0]), 0);
	free_all(sources, 1);
	open_all(sources, 2, "span0", 4, 10);
	send_numbers("span0", 0, 1000);
	take(sources[0], seen, 50);
	take(sources[1], seen, 50);
	assert_int_equal(seen->frames, 0);
	free_all(sources, 2);
	free(seen);
}

/* There what is sent comes back: once, all the same. */
static void
loopback(void **state)
{
	struct capture_source *source = open_one("lo");
	struct seen *seen = seen_new();

	(void)state;
	send_numbers("lo", 0, 100);
	take(source, seen, 100);
	assert_int_equal(seen->frames, 100);
	assert_true(seen->in_order);
	capture_source_free(&source);
	free(seen);
}

/* ---- when ---------------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* @return half of the frames were handed over this long after their capture,
 * or sooner: of the rest others on this machine may be the cause */
static int64_t
lateness(uint32_t block_ms)
{
	enum { SAMPLES = 31, MEDIAN = SAMPLES / 2 };
	int64_t late_ns[SAMPLES];
	struct seen *seen = seen_new();
	int fd = testing_cable_end("gen");
	struct capture_source *source;
	struct testing_frame frame = { 0 };
	uint32_t i;

	open_all(&source, 1, "span0", 4, block_ms);
	for (i = 0; i < SAMPLES; i++) {
		struct pollfd ready = { .fd = capture_source_fd(source),
					.events = POLLIN };

		testing_nap(1 + i * 7 % (block_ms + 1));
		frame.number = i;
		testing_frame_send(fd, &frame);
		while (seen->frames == i) {
			assert_int_equal(poll(&ready, 1, 5000), 1);
			(void)capture_source_dispatch(source, 10, on_frame,
						      seen);
		}
		late_ns[i] = seen->late_ns;
	}
	qsort(late_ns, SAMPLES, sizeof(*late_ns), compare);
	print_message("# blocks of %u ms: frames came %.1f ms late, half of "
		      "them, and %.1f at most\n",
		      block_ms, (double)late_ns[MEDIAN] / 1e6,
		      (double)late_ns[SAMPLES - 1] / 1e6);
	close(fd);
	capture_source_free(&source);
	free(seen);
	return late_ns[MEDIAN];
}

/* The recorder relies on it: 2 block_ms and 10 ms. */
static void
late_by_a_block(void **state)
{
	(void)state;
	assert_true(lateness(1) <= 12 * MS_NS);
	assert_true(lateness(20) <= 50 * MS_NS);
	assert_true(lateness(60) > 12 * MS_NS);
}

/* Whatever the state of the wire, looking never waits. */
static void
looking_never_waits(void **state)
{
	static const char *const lines[] = {
		"true", "ip link set span0 down", "ip link set span0 up",
		"ip link set span0 down && ip link set span0 name other",
		"ip link del gen"
	};
	struct capture_source *source;
	struct seen *seen = seen_new();
	size_t i;
	int k;

	(void)state;
	open_all(&source, 1, "span0", 4, 1000);
	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		int64_t best_ns = INT64_MAX;

		assert_int_equal(testing_shell(lines[i]), 0);
		for (k = 0; k < 10; k++) {
			int64_t began_ns = testing_now_ns(), took_ns;

			assert_true(capture_source_dispatch(
					source, 10, on_frame, seen) >= 0);
			took_ns = testing_now_ns() - began_ns;
			if (took_ns < best_ns)
				best_ns = took_ns;
		}
		/* Ten waits of libpcap for an interface would be 10 ms. */
		assert_true(best_ns < MS_NS / 2);
	}
	free(seen);
	capture_source_free(&source);
}

static void
nothing_of_before(void **state)
{
	struct capture_source *source = open_one("span0");
	struct seen *seen = seen_new();

	(void)state;
	send_numbers("gen", 0, 10);
	testing_nap(50);
	capture_live_begin(source, testing_now_ns());
	send_numbers("gen", 10, 20);
	take(source, seen, 100);
	assert_int_equal(seen->frames, 10);
	assert_int_equal(seen->last.number, 19);
	capture_source_free(&source);
	free(seen);
}

/* As after a clock that was set back by an hour. */
static void
before_the_begin_again(void **state)
{
	struct capture_source *source = open_one("span0");
	struct seen *seen = seen_new();

	(void)state;
	capture_live_begin(source, testing_now_ns() + 3600 * 1000 * MS_NS);
	send_numbers("gen", 0, 10);
	take(source, seen, 100);
	assert_int_equal(seen->frames, 0);
	capture_live_begun(source);
	send_numbers("gen", 10, 20);
	take(source, seen, 100);
	assert_int_equal(seen->frames, 10);
	capture_source_free(&source);
	free(seen);
}

/* ---- shared among sources ------------------------------------------------ */

static void
send_flows(uint16_t vlan)
{
	int fd = testing_cable_end("gen"), flow, k;
	struct testing_frame frame = { .vlan = vlan };

	for (k = 0; k < 20; k++)
		for (flow = 0; flow < FLOWS; flow++) {
			frame.flow = (uint16_t)flow;
			frame.back = k & 1;
			testing_frame_send(fd, &frame);
			frame.number++;
		}
	close(fd);
}

/* Each flow is one source's, both ways; no frame twice, none missing.
 * @param owners [FLOWS] which source's, filled */
static void
shared(struct capture_source **sources, uint32_t count, uint16_t vlan,
       uint32_t *owners)
{
	struct seen *seen = calloc(count, sizeof(*seen));
	uint32_t i, flow, used = 0;

	assert_non_null(seen);
	send_flows(vlan);
	for (i = 0; i < count; i++)
		take(sources[i], &seen[i], 60);
	for (flow = 0; flow < FLOWS; flow++) {
		uint32_t owned = 0;

		for (i = 0; i < count; i++)
			if (seen[i].of_flow[flow] > 0) {
				assert_int_equal(seen[i].of_flow[flow], 20);
				owners[flow] = i;
				owned++;
			}
		assert_int_equal(owned, 1);
	}
	for (i = 0; i < count; i++) {
		used += seen[i].frames > 0;
		assert_int_equal(seen[i].last.vlan, vlan);
	}
	assert_int_equal(used, count);
	free(seen);
}

static void
flows_stay_together(void **state)
{
	struct capture_source *sources[SOURCES_MAX];
	uint32_t before[FLOWS], after[FLOWS], count;

	(void)state;
	for (count = 2; count <= SOURCES_MAX; count += 2) {
		open_all(sources, count, "span0", 4, 10);
		shared(sources, count, 0, before);
		shared(sources, count, 42, after);
		/* A phone's frames with a tag, the answers without. */
		assert_memory_equal(before, after, sizeof(before));
		assert_int_equal(testing_shell("ip link set span0 down && "
					       "ip link set span0 up"),
				 0);
		testing_cable_wait("span0");
		shared(sources, count, 0, after);
		assert_memory_equal(before, after, sizeof(before));
		free_all(sources, count);
	}
}

struct flood {
	pthread_t thread;
	atomic_bool stop;
	_Atomic uint32_t next; /* numbers before it were sent */
	bool paced;            /* so that it does not run out soon */
};

static void *
flood_main(void *arg)
{
	struct flood *flood = arg;
	struct testing_frame frame = { 0 };
	int fd = testing_cable_end("gen");

	while (!atomic_load(&flood->stop) && frame.number < NUMBERS_MAX) {
		frame.flow = (uint16_t)(frame.number % FLOWS);
		testing_frame_send(fd, &frame);
		atomic_store(&flood->next, ++frame.number);
		if (flood->paced && frame.number % 20 == 0)
			testing_nap(1);
	}
	close(fd);
	return NULL;
}

/* While a source is not yet of the group it gets all that comes. */
static void
opened_on_a_busy_wire(void **state)
{
	struct capture_source *sources[SOURCES_MAX];
	struct seen *seen = seen_new();
	struct flood flood = { .paced = true };
	uint32_t i, from, twice = 0, missing = 0;
	int64_t begin_ns;

	(void)state;
	assert_int_equal(
	    pthread_create(&flood.thread, NULL, flood_main, &flood), 0);
	while (atomic_load(&flood.next) < 10)
		testing_nap(1);
	open_all(sources, SOURCES_MAX, "span0", 16, 10);
	begin_ns = testing_now_ns();
	from = atomic_load(&flood.next) + 1;
	for (i = 0; i < SOURCES_MAX; i++)
		capture_live_begin(sources[i], begin_ns);
	testing_nap(30);
	while (atomic_load(&flood.next) < from + 20)
		testing_nap(1);
	atomic_store(&flood.stop, true);
	pthread_join(flood.thread, NULL);
	for (i = 0; i < SOURCES_MAX; i++)
		take(sources[i], seen, 60);
	for (i = 0; i < flood.next; i++) {
		twice += seen->times[i] > 1;
		missing += i >= from && seen->times[i] == 0;
	}
	assert_int_equal(twice, 0);
	for (i = 0; i < SOURCES_MAX; i++)
		assert_int_equal(drops_of(sources[i]), 0);
	assert_int_equal(missing, 0);
	free_all(sources, SOURCES_MAX);
	free(seen);
}

/* ---- dropped ------------------------------------------------------------- */

static void
drops_are_counted(void **state)
{
	struct capture_source *source;
	struct seen *seen = seen_new();
	uint64_t first;

	(void)state;
	open_all(&source, 1, "span0", 1, 10);
	send_numbers("gen", 0, 30000);
	first = drops_of(source);
	assert_true(first > 0 && first < 30000);
	send_numbers("gen", 30000, 60000);
	take(source, seen, 100);
	assert_true(drops_of(source) > first);
	assert_int_equal(seen->frames + drops_of(source), 60000);
	/* They are not told twice, and there are no more of them. */
	send_numbers("gen", 60000, 61000);
	take(source, seen, 100);
	assert_int_equal(seen->frames + drops_of(source), 61000);
	assert_int_equal(seen->last.number, 60999);
	capture_source_free(&source);
	free(seen);
}

struct reader {
	pthread_t thread;
	struct capture_source *source;
	struct seen *seen;
	atomic_bool stop;
};

static void *
reader_main(void *arg)
{
	struct reader *reader = arg;
	bool last = false;
	int n = 0;

	/* Slowly, so that there are drops; after the end, all that is left. */
	while (n > 0 || !last) {
		last = atomic_load(&reader->stop);
		n = capture_source_dispatch(reader->source, 100, on_frame,
					    reader->seen);
		if (n <= 0 || !last)
			testing_nap(20);
	}
	return NULL;
}

/* Of a group each source counts its own; each in a thread, as they are used. */
static void
drops_of_a_group(void **state)
{
	struct capture_source *sources[SOURCES_MAX];
	struct reader readers[SOURCES_MAX] = { 0 };
	uint64_t frames = 0, drops = 0;
	struct flood flood = { 0 };
	uint32_t i, k, dropping = 0;

	(void)state;
	open_all(sources, SOURCES_MAX, "span0", 1, 10);
	for (i = 0; i < SOURCES_MAX; i++) {
		readers[i].source = sources[i];
		readers[i].seen = seen_new();
		assert_int_equal(pthread_create(&readers[i].thread, NULL,
						reader_main, &readers[i]),
				 0);
	}
	flood_main(&flood);
	testing_nap(100);
	for (i = 0; i < SOURCES_MAX; i++)
		atomic_store(&readers[i].stop, true);
	for (i = 0; i < SOURCES_MAX; i++) {
		pthread_join(readers[i].thread, NULL);
		frames += readers[i].seen->frames;
		drops += drops_of(sources[i]);
		dropping += drops_of(sources[i]) > 0;
	}
	assert_int_equal(dropping, SOURCES_MAX);
	assert_int_equal(frames + drops, NUMBERS_MAX);
	for (k = 0; k < NUMBERS_MAX; k++) {
		uint32_t times = 0;

		for (i = 0; i < SOURCES_MAX; i++)
			times += readers[i].seen->times[k];
		assert_true(times <= 1);
	}
	for (i = 0; i < SOURCES_MAX; i++)
		free(readers[i].seen);
	free_all(sources, SOURCES_MAX);
}

/* ---- what is left behind ------------------------------------------------- */

static bool
promiscuous(void)
{
	return testing_shell("ip -d link show span0 | "
			     "grep -q 'promiscuity 0'") != 0;
}

static void
nothing_stays(void **state)
{
	struct capture_source *sources[2];
	int before = dup(0), after;

	(void)state;
	close(before);
	open_all(sources, 2, "span0", 1, 10);
	assert_true(promiscuous());
	/* Programs that are started could capture through it. */
	assert_true(fcntl(capture_source_fd(sources[1]), F_GETFD) & FD_CLOEXEC);
	free_all(sources, 2);
	assert_false(promiscuous());
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_frame_once, setup),
		cmocka_unit_test_setup(bytes_and_times, setup),
		cmocka_unit_test_setup(longer_than_the_snap_length, setup),
		cmocka_unit_test_setup(not_what_we_send, setup),
		cmocka_unit_test_setup(loopback, setup),
		cmocka_unit_test_setup(late_by_a_block, setup),
		cmocka_unit_test_setup(looking_never_waits, setup),
		cmocka_unit_test_setup(nothing_of_before, setup),
		cmocka_unit_test_setup(before_the_begin_again, setup),
		cmocka_unit_test_setup(flows_stay_together, setup),
		cmocka_unit_test_setup(opened_on_a_busy_wire, setup),
		cmocka_unit_test_setup(drops_are_counted, setup),
		cmocka_unit_test_setup(drops_of_a_group, setup),
		cmocka_unit_test_setup(nothing_stays, setup),
	};
	const char *why = testing_cable_new();

	if (why) {
		printf("skipped: %s\n", why);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
