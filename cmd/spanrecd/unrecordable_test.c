/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What cannot be recorded, through the whole recorder: frames in memory, its
 * threads, and what it tells at the end: counters, hosts, lines of the summary.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cmd/common/log.h"
#include "cmd/spanrecd/pipeline.h"
#include "cmd/spanrecd/summary.h"
#include "cmd/testing/frames.h"
#include "cmd/testing/testing.h"

#define BYTES(x) (x), sizeof(x) - 1

static const int64_t START_NS = 1700000000LL * 1000000000;
enum { UDP = 17, TCP = 6 };

#define MGCP "CRCX 1204 aaln/1@rgw MGCP 1.0\r\n"
/* A ClientHello of SIP over TLS, cut where the rest does not matter. */
#define TLS "\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03Random bytes"
#define DTLS                                                                   \
	"\x16\xfe\xff\0\0\0\0\0\0\0\0\0\x43\x01\0\0\x37\0\0\0\0\0\0\0\x37"     \
	"\xfe\xfd"                                                             \
	"0123456789abcdef0123456789abcdef\0\0\0\2\xc0\x2b\1\0\0\x0b"           \
	"\0\x0e\0\7\0\4\0\7\0\1\0"
#define SCCP "\x08\0\0\0\0\0\0\0\x01\0\0\0SEP0"
#define H225 "\x03\0\0\x20\x08\x02\x2a\x01\x05\x04\x03\x80\x90\xa2"
#define DATA "\x17\x03\x03\0\x04\xa1\xb2\xc3\xd4"
#define SWITCH                                                                 \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"           \
	"Sec-WebSocket-Protocol: sip\r\n"                                      \
	"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"

/* ---- frames -------------------------------------------------------------- */

/* As capture_mem_open wants them. */
struct capture_of_test {
	uint8_t *bytes;
	size_t n;
	int64_t time_ns;
};

struct end {
	uint8_t host; /* the last byte of its address */
	uint16_t port;
};

static void
add(struct capture_of_test *c, const struct built *b)
{
	uint32_t head[4];

	memcpy(head, &c->time_ns, 8);
	head[2] = head[3] = b->n;
	c->bytes = realloc(c->bytes, c->n + sizeof(head) + b->n);
	assert_non_null(c->bytes);
	memcpy(c->bytes + c->n, head, sizeof(head));
	memcpy(c->bytes + c->n + sizeof(head), b->bytes, b->n);
	c->n += sizeof(head) + b->n;
	c->time_ns += 20 * 1000000;
}

/* IPv4 between two hosts of 192.0.2.0/24, up to the ports. */
static void
begin(struct built *b, struct end from, struct end to, uint32_t bytes,
      uint32_t protocol)
{
	*b = (struct built){ .link_type = FRAMES_RAW };
	put_ip4(b, 0, 20 + bytes, 0, protocol);
	memcpy(b->bytes + 12, (uint8_t[]){ 192, 0, 2, from.host }, 4);
	memcpy(b->bytes + 16, (uint8_t[]){ 192, 0, 2, to.host }, 4);
	put_u16(b, from.port);
	put_u16(b, to.port);
}

static void
add_udp(struct capture_of_test *c, struct end from, struct end to,
	const void *bytes, size_t n)
{
	struct built b;

	begin(&b, from, to, 8 + (uint32_t)n, UDP);
	put_u16(&b, 8 + (uint32_t)n);
	put_u16(&b, 0);
	put(&b, bytes, (uint32_t)n);
	add(c, &b);
}

/* A SYN, where bytes is NULL. */
static void
add_tcp(struct capture_of_test *c, struct end from, struct end to,
	uint32_t sequence, const void *bytes, size_t n)
{
	struct built b;

	begin(&b, from, to, 20 + (uint32_t)n, TCP);
	put_u32(&b, sequence);
	put_u32(&b, 1);
	put_u8(&b, 0x50);
	put_u8(&b, bytes ? CAPTURE_TCP_ACK : CAPTURE_TCP_SYN);
	put_u32(&b, 0xffff0000);
	put_u16(&b, 0);
	if (bytes)
		put(&b, bytes, (uint32_t)n);
	add(c, &b);
}

/* From its beginning; both sides send the same. */
static void
add_connection(struct capture_of_test *c, struct end from, struct end to,
	       const void *bytes, size_t n)
{
	add_tcp(c, from, to, 99, NULL, 0);
	add_tcp(c, to, from, 0, NULL, 0);
	add_tcp(c, from, to, 100, bytes, n);
	add_tcp(c, to, from, 1, bytes, n);
	add_tcp(c, from, to, 100 + (uint32_t)n, bytes, n);
}

/* ---- the recorder -------------------------------------------------------- */

struct fixture {
	char *folder;
	struct store_archive *archive;
	struct capture_of_test capture;
	struct capture_source *sources[4]; /* as long as the pipeline */
};

static int
setup(void **state)
{
	static const struct store_public recipient = { { 9 } };
	static const struct store_archive_config small = { .map_bytes = 16
									<< 20 };
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*state = f;
	f->capture.time_ns = START_NS;
	log_init("unrecordable_test", LOG_LEVEL_ERROR);
	f->folder = testing_folder();
	assert_int_equal(store_init(), 0);
	assert_int_equal(store_archive_create(f->folder, &recipient, 1), 0);
	return store_archive_open(&f->archive, f->folder, STORE_WRITE, &small,
				  NULL);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	store_archive_close(&f->archive);
	testing_folder_remove(f->folder);
	free(f->capture.bytes);
	free(f);
	return 0;
}

/* To the end of the capture. */
static struct pipeline *
record(struct fixture *f, uint32_t threads)
{
	static const struct home_settings settings = {
		.reorder_ms = 200,
		.claim_ms = 2000,
		.linger_ms = 500,
		.flows_max = 64,
		.flow_slots = 128,
		.flow_log_kib = 8,
		.flow_idle_ms = 10000,
		.sip_ring_kib = 512,
		.calls_max = 64,
		.idle_timeout_s = 60,
		.setup_timeout_s = 180,
		.sync_s = 60,
	};
	const char *text = policy_default_text();
	struct policy_errors errors;
	struct policy *policy;
	struct pipeline_config config = {
		.settings = &settings,
		.archive = f->archive,
		.sources = f->sources,
		.sources_count = threads,
		.writers_count = 1,
	};
	char error[CAPTURE_ERROR_BYTES];
	struct pipeline *pipeline;
	uint32_t i;

	for (i = 0; i < threads; i++)
		assert_int_equal(capture_mem_open(&f->sources[i],
						  f->capture.bytes,
						  f->capture.n, FRAMES_RAW),
				 0);
	assert_int_equal(policy_load(&policy, text, strlen(text), &errors), 0);
	config.policy = policy;
	if (pipeline_start(&pipeline, &config, error) < 0)
		fail_msg("%s", error);
	pipeline_join(pipeline);
	policy_free(&policy);
	return pipeline;
}

/* The summary from these words on, or ""; free() it. */
static char *
summary_from(const struct pipeline *pipeline, const char *words)
{
	char *text = NULL, *part;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	assert_non_null(to);
	summary_print(pipeline, 1, to);
	fclose(to);
	part = strstr(text, words);
	part = testing_copy(part ? part : "", part ? strlen(part) + 1 : 1);
	free(text);
	return part;
}

static char *
summary_of(const struct pipeline *pipeline)
{
	return summary_from(pipeline, "Seen but not recordable:\n");
}

#define assert_counter(pipeline, name, wanted)                                 \
	assert_int_equal(pipeline_counter(pipeline, COUNTER_##name), wanted)

/* ---- what is told -------------------------------------------------------- */

static void
each_kind(struct capture_of_test *c)
{
	const struct end phone = { 1, 40000 }, other = { 2, 40002 };

	add_udp(c, phone, (struct end){ 30, 2427 }, BYTES(MGCP));
	add_udp(c, (struct end){ 30, 2427 }, phone, BYTES(MGCP));
	add_udp(c, phone, (struct end){ 30, 2427 }, BYTES(MGCP));
	add_udp(c, phone, (struct end){ 40, 40000 }, BYTES(DTLS));
	add_udp(c, phone, (struct end){ 40, 40000 }, BYTES(DTLS));
	/* what follows is not counted: a response, an answer */
	add_udp(c, (struct end){ 30, 2427 }, phone, BYTES("200 1204 OK\r\n"));
	add_udp(c, phone, (struct end){ 53, 53 }, BYTES("\x12\x34\1\0\0\1\0"));
	add_connection(c, phone, (struct end){ 10, 5061 }, BYTES(TLS));
	add_connection(c, other, (struct end){ 10, 5061 }, BYTES(TLS));
	add_connection(c, phone, (struct end){ 11, 443 }, BYTES(TLS));
	add_connection(c, phone, (struct end){ 20, 2000 }, BYTES(SCCP));
	add_connection(c, phone, (struct end){ 21, 1720 }, BYTES(H225));
}

static const char of_each_kind[] =
    "Seen but not recordable:\n"
    "           3 commands  MGCP at 192.0.2.30\n"
    "           2 sessions  DTLS-SRTP (keys of encrypted media) at 192.0.2.1\n"
    "           2 sessions  SIP over TLS at 192.0.2.10\n"
    "           1 session   SCCP (Skinny) at 192.0.2.20\n"
    "           1 request   H.323 at 192.0.2.21\n";

/* The same, however many threads there are. */
static void
told(void **state)
{
	struct fixture *f = *state;
	struct capture_sighting *hosts;
	struct pipeline *pipeline;
	uint32_t threads;
	char *text;

	each_kind(&f->capture);
	for (threads = 1; threads <= 4; threads++) {
		pipeline = record(f, threads);
		text = summary_of(pipeline);
		assert_string_equal(text, of_each_kind);
		free(text);
		assert_counter(pipeline, foreign_mgcp, 3);
		assert_counter(pipeline, foreign_dtls_srtp, 2);
		assert_counter(pipeline, foreign_sip_tls, 2);
		assert_counter(pipeline, foreign_sccp, 1);
		assert_counter(pipeline, foreign_h323, 1);
		assert_counter(pipeline, foreign_ws_deflate, 0);
		assert_counter(pipeline, foreign_hosts_shed, 0);
		assert_counter(pipeline, not_media, 7);
		assert_int_equal(pipeline_sightings(pipeline, &hosts), 5);
		assert_int_equal(hosts[0].last_ns[CAPTURE_FOREIGN_mgcp],
				 START_NS + 40 * 1000000);
		free(hosts);
		pipeline_free(&pipeline);
	}
}

static void
nothing_to_tell(void **state)
{
	struct fixture *f = *state;
	struct capture_sighting *hosts;
	struct pipeline *pipeline;
	char *text;

	add_udp(&f->capture, (struct end){ 1, 53 }, (struct end){ 2, 53 },
		BYTES("\x12\x34\1\0\0\1\0"));
	pipeline = record(f, 1);
	assert_int_equal(pipeline_sightings(pipeline, &hosts), 0);
	assert_null(hosts);
	text = summary_of(pipeline);
	assert_string_equal(text, "");
	free(text);
	pipeline_free(&pipeline);
}

/* Seen from their middle on; and a WebSocket, which begins as if it were to be
 * read. */
static void
tcp_otherwise(void **state)
{
	const struct end phone = { 1, 40000 }, tls = { 10, 5061 },
			 sccp = { 20, 2000 }, web = { 80, 80 };
	static const char get[] = "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n"
				  "Sec-WebSocket-Protocol: sip\r\n\r\n";
	struct fixture *f = *state;
	struct capture_of_test *c = &f->capture;
	struct pipeline *pipeline;
	uint32_t i;

	for (i = 0; i < 5; i++)
		add_tcp(c, tls, phone, 1000 + 9 * i, BYTES(DATA));
	for (i = 0; i < 5; i++)
		add_tcp(c, phone, sccp, 1000 + 16 * i, BYTES(SCCP));
	add_tcp(c, phone, web, 99, NULL, 0);
	add_tcp(c, web, phone, 0, NULL, 0);
	add_tcp(c, phone, web, 100, get, sizeof(get) - 1);
	add_tcp(c, web, phone, 1, SWITCH, 20);
	add_tcp(c, web, phone, 21, &SWITCH[20], sizeof(SWITCH) - 21);
	add_tcp(c, web, phone, sizeof(SWITCH), BYTES("\xc1\2ab"));
	pipeline = record(f, 1);
	assert_counter(pipeline, foreign_sip_tls, 1);
	assert_counter(pipeline, foreign_sccp, 1);
	assert_counter(pipeline, foreign_ws_deflate, 1);
	pipeline_free(&pipeline);
}

static void
more_than_lines(void **state)
{
	struct fixture *f = *state;
	struct pipeline *pipeline;
	uint8_t i, k;
	char *text;

	for (i = 1; i <= 10; i++)
		for (k = 0; k < 11 - i; k++)
			add_udp(&f->capture, (struct end){ 99, 40000 },
				(struct end){ i, 2427 }, BYTES(MGCP));
	/* the last line is of a host of which more could be told */
	add_udp(&f->capture, (struct end){ 8, 40000 },
		(struct end){ 99, 40000 }, BYTES(DTLS));
	pipeline = record(f, 2);
	text = summary_of(pipeline);
	assert_non_null(strstr(text,
			       "\n           3 commands  MGCP at 192.0.2.8\n"
			       "                       and 2 more hosts\n"));
	assert_null(strstr(text, "192.0.2.9\n"));
	free(text);
	pipeline_free(&pipeline);
}

/* More hosts than a table has, of one thread and of several. */
static void
more_than_hosts(void **state)
{
	enum { HOSTS = 3 * CAPTURE_SIGHTINGS_HOSTS_MAX };
	struct fixture *f = *state;
	struct capture_sighting *hosts;
	struct pipeline *pipeline;
	struct built b;
	uint32_t i;

	for (i = 0; i < HOSTS; i++) {
		begin(&b, (struct end){ 1, 40000 }, (struct end){ 2, 2427 },
		      8 + sizeof(MGCP) - 1, UDP);
		put_u16(&b, 8 + sizeof(MGCP) - 1);
		put_u16(&b, 0);
		put(&b, BYTES(MGCP));
		b.bytes[18] = (uint8_t)(i >> 8);
		b.bytes[19] = (uint8_t)i;
		add(&f->capture, &b);
	}
	pipeline = record(f, 1);
	assert_counter(pipeline, foreign_mgcp, HOSTS);
	assert_counter(pipeline, foreign_hosts_shed,
		       HOSTS - CAPTURE_SIGHTINGS_HOSTS_MAX);
	pipeline_free(&pipeline);
	pipeline = record(f, 4);
	assert_counter(pipeline, foreign_mgcp, HOSTS);
	assert_int_equal(pipeline_sightings(pipeline, &hosts),
			 CAPTURE_SIGHTINGS_HOSTS_MAX);
	free(hosts);
	pipeline_free(&pipeline);
}

/* ---- media without signalling -------------------------------------------- */

static void
unclaimed_is_told(void **state)
{
	static const struct {
		uint64_t unclaimed, rtp;
		bool told;
	} rows[] = { { 0, 0, false },         { 100, 100, false },
		     { 101, 101, true },      { 101, 1009, true },
		     { 101, 1010, false },    { 5000, 50000, false },
		     { 5001, 50000, true },   { UINT64_MAX, UINT64_MAX, true },
		     { 0, UINT64_MAX, false } };
	uint64_t values[COUNTER_ROWS_COUNT] = { 0 };
	char text[SUMMARY_TEXT_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		values[COUNTER_unclaimed] = rows[i].unclaimed;
		values[COUNTER_rtp] = rows[i].rtp;
		assert_int_equal(summary_unclaimed(values, text), rows[i].told);
	}
	values[COUNTER_unclaimed] = UINT64_MAX;
	assert_true(summary_unclaimed(values, text));
	assert_string_equal(text, "18446744073709551615 RTP packets belong to "
				  "no call: their signalling was not seen or "
				  "not understood");
}

/* One stream that no SIP tells of, of so many packets. */
static void
add_rtp(struct capture_of_test *c, struct end from, uint16_t packets)
{
	uint8_t rtp[12 + 160] = { 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3 };
	uint16_t i;

	for (i = 0; i < packets; i++) {
		uint32_t samples = i * 160u;

		rtp[2] = (uint8_t)(i >> 8);
		rtp[3] = (uint8_t)i;
		rtp[5] = (uint8_t)(samples >> 16);
		rtp[6] = (uint8_t)(samples >> 8);
		rtp[7] = (uint8_t)samples;
		add_udp(c, from, (struct end){ 2, 20000 }, rtp, sizeof(rtp));
	}
}

static void
unclaimed_in_summary(void **state)
{
	static const char told[] =
	    "\n101 RTP packets belong to no call: their signalling was not "
	    "seen or not understood; --orphan-rtp records them, too.\n";
	struct fixture *f = *state;
	struct pipeline *pipeline;
	char *text;

	add_rtp(&f->capture, (struct end){ 1, 10000 }, 100);
	pipeline = record(f, 1);
	assert_counter(pipeline, unclaimed, 100);
	text = summary_from(pipeline, "Read ");
	assert_null(strstr(text, "belong to no call:"));
	free(text);
	pipeline_free(&pipeline);
	add_rtp(&f->capture, (struct end){ 3, 10000 }, 1);
	pipeline = record(f, 1);
	assert_counter(pipeline, unclaimed, 101);
	text = summary_from(pipeline, "Read ");
	assert_non_null(strstr(text, told));
	free(text);
	pipeline_free(&pipeline);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(told, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_to_tell, setup,
						teardown),
		cmocka_unit_test_setup_teardown(tcp_otherwise, setup, teardown),
		cmocka_unit_test_setup_teardown(more_than_lines, setup,
						teardown),
		cmocka_unit_test_setup_teardown(more_than_hosts, setup,
						teardown),
		cmocka_unit_test(unclaimed_is_told),
		cmocka_unit_test_setup_teardown(unclaimed_in_summary, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
