/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The jitter buffer between two threads: a scrambled stream of fixed seed goes
 * through a small buffer, so that its blocks and slots are used again all the
 * time; the consumer checks each frame, and what both threads counted must
 * agree. Under the thread sanitizer this is the proof of the memory orders.
 */
#include "rtp/jitter.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MS      1000000LL
#define PACKETS 200000u
#define CYCLE   65536u

/* Shed without end, and the next number is a jump (RTP_PUT_RESTART). */
#define SHED_MAX 1000

static const struct rtp_jitter_config config = {
	.slots = 128,
	.log_bytes = 8192,
	.window_ns = 200 * MS,
};

struct packet {
	uint32_t sequence; /* extended */
	uint64_t arrival;  /* sorts */
};

struct totals {
	uint64_t by_kind[RTP_TAKE_SHED + 1];
	uint64_t missing;
	uint64_t shed;
	uint64_t late_in_range;
	uint64_t digest; /* of all frames and gaps in order */
	uint32_t first;
	uint32_t next;
};

struct stress {
	struct rtp_jitter *jitter;
	struct packet *packets;
	uint32_t n;
	bool wait;        /* when full, as a file reader; else shed, as live */
	int64_t ahead_ns; /* the clock of the consumer runs ahead */
	_Atomic int64_t watermark_ns;
	uint64_t put[RTP_PUT_RESTART + 1];
	struct totals totals;
};

static uint32_t
rnd(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(*seed >> 4) * below >> 28);
}

static int
by_arrival(const void *a, const void *b)
{
	const struct packet *x = a;
	const struct packet *y = b;

	return x->arrival < y->arrival ? -1 : x->arrival > y->arrival;
}

static uint32_t
packet_bytes(uint32_t sequence)
{
	return sequence % 16 ? 160 : sequence / 16 % 400;
}

static uint8_t
packet_byte(uint32_t sequence, uint32_t i)
{
	return (uint8_t)(sequence * 7 + (sequence >> 8) + i);
}

/* 1 % lost, 3 % twice, 5 % up to 300 ms late; 20 ms a packet. */
static uint32_t
scramble(struct packet *packets, uint32_t seed)
{
	uint32_t sequence = CYCLE + 65000;
	uint32_t n = 0;

	while (n < PACKETS) {
		uint32_t copies = rnd(&seed, 100) == 0  ? 0
				  : rnd(&seed, 33) == 0 ? 2
							: 1;

		sequence++;
		while (copies-- && n < PACKETS) {
			packets[n].sequence = sequence;
			packets[n].arrival = (uint64_t)sequence * 20000;
			if (rnd(&seed, 20) == 0)
				packets[n].arrival += rnd(&seed, 300000);
			n++;
		}
	}
	qsort(packets, n, sizeof(*packets), by_arrival);
	return n;
}

static void *
produce(void *arg)
{
	struct stress *s = arg;
	uint32_t shed_in_a_row = 0;
	uint8_t payload[400];

	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t sequence = s->packets[i].sequence;
		int64_t time_ns = (int64_t)s->packets[i].arrival * 1000;
		struct rtp_hdr hdr = {
			.timestamp = sequence * 160,
			.sequence = (uint16_t)sequence,
			.payload = payload,
			.payload_bytes = packet_bytes(sequence),
		};
		enum rtp_put result;

		for (uint32_t k = 0; k < hdr.payload_bytes; k++)
			payload[k] = packet_byte(sequence, k);
		atomic_store_explicit(&s->watermark_ns, time_ns,
				      memory_order_release);
		while ((result = rtp_jitter_put(s->jitter, &hdr, time_ns)) ==
			   RTP_PUT_FULL &&
		       (s->wait || shed_in_a_row == SHED_MAX))
			sched_yield();
		shed_in_a_row = result == RTP_PUT_FULL ? shed_in_a_row + 1 : 0;
		s->put[result]++;
		if (result == RTP_PUT_FULL || result == RTP_PUT_NO_ROOM)
			rtp_jitter_shed(s->jitter, &hdr, time_ns);
	}
	atomic_store_explicit(&s->watermark_ns, INT64_MAX,
			      memory_order_release);
	return NULL;
}

/* No assertions of cmocka off the main thread: it would not survive them. */
static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
check_frame(struct totals *t, const struct rtp_frame *f)
{
	if (t->first == 0)
		t->first = t->next = f->sequence;
	must(f->sequence == t->next);
	must(f->timestamp == f->sequence * 160);
	must(f->payload_bytes == packet_bytes(f->sequence));
	for (uint32_t i = 0; i < f->payload_bytes; i++)
		must(f->payload[i] == packet_byte(f->sequence, i));
	t->next = f->sequence + 1;
}

static void
count(struct totals *t, enum rtp_take kind, const struct rtp_frame *f)
{
	t->by_kind[kind]++;
	if (kind == RTP_TAKE_FRAME)
		check_frame(t, f);
	if (kind == RTP_TAKE_GAP) {
		must(f->sequence == t->next && f->shed <= f->missing);
		t->missing += f->missing;
		t->shed += f->shed;
		t->next += f->missing;
	}
	if (kind == RTP_TAKE_LATE)
		t->late_in_range += f->in_range;
	if (kind == RTP_TAKE_FRAME || kind == RTP_TAKE_GAP)
		t->digest = (t->digest ^ f->sequence ^ (uint64_t)f->time_ns ^
			     f->missing) *
			    0x9e3779b97f4a7c15u;
}

static void *
consume(void *arg)
{
	struct stress *s = arg;
	uint32_t seed = 99;
	struct rtp_frame f;
	int64_t t;

	do {
		int64_t due_ns;

		t = atomic_load_explicit(&s->watermark_ns,
					 memory_order_acquire);
		due_ns =
		    t == INT64_MAX ? t : t - config.window_ns - 1 + s->ahead_ns;
		for (uint32_t takes = 1 + rnd(&seed, 60); takes; takes--) {
			enum rtp_take kind;

			kind = rtp_jitter_take(s->jitter, due_ns, &f);
			if (kind == RTP_TAKE_NONE)
				break;
			count(&s->totals, kind, &f);
		}
		if (rnd(&seed, 50) == 0)
			sched_yield();
	} while (t != INT64_MAX || !rtp_jitter_empty(s->jitter));
	return NULL;
}

static void
run(struct stress *s)
{
	void *memory = aligned_alloc(64, rtp_jitter_bytes(&config));
	struct rtp_hdr first = { 0 };
	pthread_t producer;
	pthread_t consumer;

	assert_non_null(memory);
	first.sequence = (uint16_t)s->packets[0].sequence;
	s->jitter = rtp_jitter_init(memory, &config, &first);
	assert_int_equal(pthread_create(&producer, NULL, produce, s), 0);
	assert_int_equal(pthread_create(&consumer, NULL, consume, s), 0);
	pthread_join(producer, NULL);
	pthread_join(consumer, NULL);
	free(memory);
}

static void
check_conservation(const struct stress *s)
{
	const struct totals *t = &s->totals;

	assert_int_equal(
	    t->by_kind[RTP_TAKE_FRAME] + t->by_kind[RTP_TAKE_DUPLICATE] +
		t->by_kind[RTP_TAKE_LATE] + t->by_kind[RTP_TAKE_SHED],
	    s->n);
	assert_int_equal(t->by_kind[RTP_TAKE_FRAME] + t->missing,
			 t->next - t->first);
	assert_int_equal(s->put[RTP_PUT_RESTART], 0);
	assert_int_equal(t->by_kind[RTP_TAKE_SHED],
			 s->put[RTP_PUT_FULL] + s->put[RTP_PUT_NO_ROOM]);
	assert_int_equal(t->by_kind[RTP_TAKE_DUPLICATE],
			 s->put[RTP_PUT_DUPLICATE]);
}

static struct packet packets[PACKETS];

/* Three runs; each frame, gap and count is the same. */
static void
waits_when_full(void **state)
{
	struct stress first = { 0 };

	for (int i = 0; i < 3; i++) {
		struct stress s = { .packets = packets, .wait = true };

		s.n = scramble(packets, 4711);
		run(&s);
		check_conservation(&s);
		assert_int_equal(s.totals.by_kind[RTP_TAKE_FRAME],
				 s.put[RTP_PUT_STORED]);
		assert_int_equal(s.totals.by_kind[RTP_TAKE_LATE],
				 s.put[RTP_PUT_LATE]);
		assert_int_equal(s.totals.shed, 0);
		if (i == 0)
			first = s;
		assert_memory_equal(&s.totals, &first.totals, sizeof(s.totals));
	}
	assert_true(first.totals.by_kind[RTP_TAKE_LATE] > 1500);
	assert_true(first.totals.by_kind[RTP_TAKE_DUPLICATE] > 5000);
	assert_true(first.totals.missing > 2000);
}

/* The consumer asks for more than it should, and a full buffer sheds. */
static void
sheds_when_full(void **state)
{
	for (uint32_t i = 0; i < 2; i++) {
		struct stress s = { .packets = packets,
				    .ahead_ns = 250 * MS * i };

		s.n = scramble(packets, 815);
		run(&s);
		check_conservation(&s);
		/* What was stored behind the consumer's back is late. */
		assert_int_equal(s.totals.by_kind[RTP_TAKE_FRAME] +
				     s.totals.by_kind[RTP_TAKE_LATE],
				 s.put[RTP_PUT_STORED] + s.put[RTP_PUT_LATE]);
		assert_true(s.totals.shed <= s.totals.by_kind[RTP_TAKE_SHED]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_when_full),
		cmocka_unit_test(sheds_when_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
