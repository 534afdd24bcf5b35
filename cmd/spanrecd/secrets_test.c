/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/spanrecd/secrets.h"

#include <errno.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

static const int64_t MS = 1000000;
static const int64_t WINDOW = 200 * 1000000LL;

enum { PAYLOAD = 40, SSRC = 77 };

static struct secrets secrets;
static struct rtp_srtp *sender;
static alignas(8) uint8_t packet[256];

static struct rtp_srtp_key
key_of(char name)
{
	struct rtp_srtp_key key;

	memset(&key, 0, sizeof(key));
	memset(key.bytes, name, sizeof(key.bytes));
	return key;
}

/* What an SDP names: "ab" are two keys, tag 1 and 2. Those in capitals have no
 * tag to prove them. */
static void
tell(enum sip_party end, int64_t time_ns, const char *names)
{
	struct writer_event event = { .type = WRITER_KEYS, .time_ns = time_ns };

	event.keys.end = end;
	for (; *names; names++) {
		struct writer_key *key = &event.keys.key[event.keys.count++];

		key->key = key_of(*names);
		key->key.unauthenticated = *names < 'a';
		key->tag = event.keys.count;
	}
	assert_int_equal(secrets_add(&secrets, &event), 0);
}

static void
send_by(char name)
{
	struct rtp_srtp_key key = key_of(name);

	key.unauthenticated = name < 'a';
	rtp_srtp_free(&sender);
	assert_int_equal(rtp_srtp_new(&sender, &key, SSRC, true), 0);
}

static struct rtp_frame
send(uint16_t sequence, int64_t time_ns)
{
	struct rtp_frame frame = { .time_ns = time_ns,
				   .sequence = 0x10000u + sequence,
				   .payload_type = 8 };
	size_t n = 12 + PAYLOAD;

	memset(packet, 0, n);
	packet[0] = 0x80;
	packet[1] = 8;
	packet[2] = (uint8_t)(sequence >> 8);
	packet[3] = (uint8_t)sequence;
	packet[11] = SSRC;
	memset(packet + 12, 0x5a, PAYLOAD);
	if (sender)
		assert_int_equal(rtp_srtp_protect(sender, packet, &n), 0);
	frame.body = frame.payload = packet + 12;
	frame.body_bytes = frame.payload_bytes = (uint16_t)(n - 12);
	return frame;
}

static struct secrets_question
question(enum sip_party speaker, uint16_t port)
{
	static struct capture_flow_key flow;

	flow = (struct capture_flow_key){ .src.port = port, .ssrc = SSRC };
	return (struct secrets_question){ .flow = &flow,
					  .speaker = speaker,
					  .secure = true,
					  .wanted = true,
					  .window_ns = WINDOW };
}

static enum secrets_answer
open_one(const struct secrets_question *q, uint16_t sequence, int64_t time_ns)
{
	struct rtp_frame frame = send(sequence, time_ns);
	enum secrets_answer answer = secrets_open(&secrets, q, &frame);

	if (answer == SECRETS_DECRYPTED) {
		assert_int_equal(frame.payload_bytes, PAYLOAD);
		assert_int_equal(frame.payload[PAYLOAD - 1], 0x5a);
	}
	secrets_forget(&secrets);
	return answer;
}

static int
clear(void **state)
{
	rtp_srtp_free(&sender);
	secrets_clear(&secrets);
	assert_null(secrets.keys);
	assert_null(secrets.first);
	assert_null(secrets.reporters);
	return 0;
}

/* Without keys it is what the SDP says. */
static void
no_keys(void **state)
{
	struct secrets_question q = question(SIP_CALLER, 1);

	assert_int_equal(open_one(&q, 1, 0), SECRETS_REFUSED);
	q.secure = false;
	assert_int_equal(open_one(&q, 2, 0), SECRETS_PLAIN);
	assert_null(secrets.first);
}

/* Each end sends by keys of its own, of which any may be picked. */
static void
both_ends(void **state)
{
	struct secrets_question caller, callee;

	tell(SIP_CALLER, 0, "abc");
	tell(SIP_CALLEE, 10 * MS, "d");
	send_by('b');
	caller = question(SIP_CALLER, 1);
	assert_int_equal(open_one(&caller, 1, 20 * MS), SECRETS_DECRYPTED);
	send_by('d');
	callee = question(SIP_CALLEE, 2);
	assert_int_equal(open_one(&callee, 1, 20 * MS), SECRETS_DECRYPTED);
	/* who is who was taken for the other */
	caller = question(SIP_CALLER, 3);
	assert_int_equal(open_one(&caller, 2, 40 * MS), SECRETS_DECRYPTED);
	send_by('x');
	assert_int_equal(open_one(&caller, 3, 60 * MS), SECRETS_REFUSED);
}

/* A key counts from the reorder window before it was told on: what is in the
 * table by chance does not. */
static void
by_time_alone(void **state)
{
	struct secrets_question q = question(SIP_CALLER, 1);

	tell(SIP_CALLER, 0, "a");
	tell(SIP_CALLER, 1000 * MS, "b");
	send_by('b');
	assert_int_equal(open_one(&q, 1, 799 * MS), SECRETS_REFUSED);
	assert_int_equal(open_one(&q, 2, 800 * MS), SECRETS_DECRYPTED);
}

/* Both ends have to agree that nothing proves what they send. */
static void
without_a_tag(void **state)
{
	struct secrets_question q = question(SIP_CALLER, 1);

	tell(SIP_CALLER, 0, "aB");
	send_by('B');
	assert_int_equal(open_one(&q, 1, 0), SECRETS_REFUSED);
	tell(SIP_CALLEE, 0, "c"); /* tag 1 was picked */
	assert_int_equal(open_one(&q, 2, 20 * MS), SECRETS_REFUSED);
	clear(state);
	tell(SIP_CALLER, 0, "aB");
	tell(SIP_CALLEE, 0, "C"); /* no answer to that */
	send_by('B');
	assert_int_equal(open_one(&q, 3, 40 * MS), SECRETS_REFUSED);
	clear(state);
	tell(SIP_CALLER, 0, "AB");
	tell(SIP_CALLEE, 0, "C"); /* likewise */
	send_by('A');
	assert_int_equal(open_one(&q, 1, 0), SECRETS_DECRYPTED);
	q = question(SIP_CALLEE, 2);
	send_by('C');
	assert_int_equal(open_one(&q, 1, 0), SECRETS_DECRYPTED);
	/* Then proof is wanted. */
	tell(SIP_CALLER, 1000 * MS, "d");
	tell(SIP_CALLEE, 1000 * MS, "e");
	assert_int_equal(open_one(&q, 2, 1000 * MS), SECRETS_REFUSED);
	send_by('e');
	assert_int_equal(open_one(&q, 3, 1020 * MS), SECRETS_DECRYPTED);
}

/* What the SDP does not call encrypted is so all the same once it was proved,
 * and before that what it says. */
static void
not_said_to_be(void **state)
{
	struct secrets_question q = question(SIP_CALLER, 1);

	q.secure = false;
	tell(SIP_CALLER, 0, "a");
	assert_int_equal(open_one(&q, 1, 0), SECRETS_PLAIN);
	send_by('a');
	assert_int_equal(open_one(&q, 2, 20 * MS), SECRETS_DECRYPTED);
	send_by('x');
	assert_int_equal(open_one(&q, 3, 40 * MS), SECRETS_REFUSED);
}

/* What nobody wants is not decrypted, and is found again. */
static void
not_wanted(void **state)
{
	struct secrets_question q = question(SIP_CALLER, 1);

	tell(SIP_CALLER, 0, "a");
	send_by('a');
	assert_int_equal(open_one(&q, 65000, 0), SECRETS_DECRYPTED);
	q.wanted = false;
	assert_int_equal(open_one(&q, 65001, 0), SECRETS_REFUSED);
	for (uint32_t s = 20000; s <= 60000; s += 20000)
		assert_int_equal(open_one(&q, (uint16_t)s, 0), SECRETS_REFUSED);
	/* Its rollover counter went on meanwhile. */
	q.wanted = true;
	assert_int_equal(open_one(&q, 61000, 0), SECRETS_DECRYPTED);
}

/* More keys and streams than are kept: the latest are there. */
static void
too_many(void **state)
{
	struct secrets_question q;

	for (int i = 0; i < 20; i++) {
		tell(SIP_CALLER, 0, (char[]){ (char)('a' + i), 0 });
		tell(SIP_CALLEE, 0, (char[]){ (char)('a' + 30 + i), 0 });
	}
	send_by('a');
	q = question(SIP_CALLER, 1);
	assert_int_equal(open_one(&q, 1, 0), SECRETS_REFUSED);
	send_by('a' + 19);
	for (uint16_t port = 1; port < 3 * SECRETS_STREAMS_MAX; port++) {
		q = question(SIP_CALLER, port);
		assert_int_equal(open_one(&q, 2, 0), SECRETS_DECRYPTED);
	}
}

/* Anybody can send packets of streams that he makes up. One that was proved
 * keeps its place, and what only its session knows: how often its sequence
 * number has gone round. */
static void
made_up_streams(void **state)
{
	struct secrets_question q;

	tell(SIP_CALLER, 0, "a");
	send_by('a');
	rtp_srtp_set_roc(sender, 3);
	q = question(SIP_CALLER, 1);
	assert_int_equal(open_one(&q, 1, 0), SECRETS_DECRYPTED);
	for (uint16_t i = 0; i < 40 * SECRETS_STREAMS_MAX; i++) {
		q = question(SIP_CALLER, 100 + i % (4 * SECRETS_STREAMS_MAX));
		send_by('x');
		assert_int_equal(open_one(&q, 2, i * MS), SECRETS_REFUSED);
	}
	send_by('a');
	rtp_srtp_set_roc(sender, 3);
	q = question(SIP_CALLER, 1);
	assert_int_equal(open_one(&q, 3, 2000 * MS), SECRETS_DECRYPTED);
}

/* A stream that begins among them is known after a few packets. */
static void
among_made_up_streams(void **state)
{
	uint32_t refused = 0;
	struct secrets_question q;

	tell(SIP_CALLER, 0, "a");
	for (uint16_t i = 0; i < 2000; i++) {
		int64_t time_ns = i * MS;

		if (i >= 1000 && i % 20 == 10) {
			send_by('a');
			rtp_srtp_set_roc(sender, 40);
			q = question(SIP_CALLER, 1);
			refused +=
			    open_one(&q, i / 20, time_ns) == SECRETS_REFUSED;
		}
		/* more than there is room for until the next one */
		send_by('x');
		for (uint16_t k = 0; k < 3; k++) {
			q = question(SIP_CALLER, (uint16_t)(100 + 3 * i + k));
			assert_int_equal(open_one(&q, i, time_ns),
					 SECRETS_REFUSED);
		}
	}
	/* of 50 */
	assert_in_range(refused, 0, 10);
}

/* Told again it is no other. */
static void
told_again(void **state)
{
	struct secrets_question q = question(SIP_CALLER, 1);

	tell(SIP_CALLER, 0, "a");
	for (int i = 0; i < SECRETS_MAX; i++)
		tell(SIP_CALLER, i * MS, "bc");
	send_by('a');
	assert_int_equal(open_one(&q, 1, SECRETS_MAX * MS), SECRETS_DECRYPTED);
}

static void
no_memory(void **state)
{
	struct secrets_question q = question(SIP_CALLER, 1);
	enum secrets_answer answer;

	tell(SIP_CALLER, 0, "a");
	send_by('a');
	/* Where a second try finds it, it is found. */
	for (unsigned nth = 1; nth <= 3; nth++) {
		struct rtp_frame frame = send((uint16_t)nth, 0);

		testing_fail_allocation(nth);
		answer = secrets_open(&secrets, &q, &frame);
		testing_fail_allocation(0);
		if (nth == 1)
			assert_int_equal(answer, SECRETS_REFUSED);
		secrets_forget(&secrets);
	}
	assert_int_equal(open_one(&q, 4, 0), SECRETS_DECRYPTED);
}

/* Reports are told by either end's keys, by time alone; each reporter counts by
 * itself, and there are only so many. */
static void
reports(void **state)
{
	struct secrets_question q = question(SIP_CALLEE, 3001);
	struct rtp_srtp_key key = key_of('a');
	alignas(8) uint8_t plain[RTP_DECRYPT_RTCP_MAX];
	size_t n = 8;

	assert_int_equal(rtp_srtp_new_rtcp(&sender, &key, SSRC, true), 0);
	memset(packet, 0, sizeof(packet));
	memcpy(packet, (uint8_t[]){ 0x80, 201, 0, 1, 0, 0, 0, SSRC }, 8);
	assert_int_equal(rtp_srtp_protect_rtcp(sender, packet, &n), 0);
	assert_int_equal(secrets_open_rtcp(&secrets, &q, 0, packet, n, plain),
			 -ENOKEY);
	tell(SIP_CALLER, 10 * MS, "b");
	tell(SIP_CALLER, 300 * MS, "a");
	assert_int_equal(secrets_open_rtcp(&secrets, &q, 300 * MS - WINDOW - 1,
					   packet, n, plain),
			 -EBADMSG);
	assert_int_equal(secrets_open_rtcp(&secrets, &q, 300 * MS - WINDOW,
					   packet, n, plain),
			 8);
	assert_int_equal(
	    secrets_open_rtcp(&secrets, &q, 301 * MS, packet, n, plain),
	    -EALREADY);
	for (uint16_t i = 1; i <= SECRETS_STREAMS_MAX; i++) {
		q = question(SIP_CALLEE, (uint16_t)(3001 + i));
		assert_int_equal(
		    secrets_open_rtcp(&secrets, &q, 400 * MS, packet, n, plain),
		    i < SECRETS_STREAMS_MAX ? 8 : -ENOSPC);
	}
}

/* Made-up ones keep out nobody who speaks. */
static void
made_up_reports(void **state)
{
	struct secrets_question q = question(SIP_CALLER, 1);
	struct rtp_srtp_key key = key_of('a');
	alignas(8) uint8_t plain[RTP_DECRYPT_RTCP_MAX];
	struct capture_flow_key flow = { .ssrc = 0x77 };
	uint8_t rubbish[40] = { 0x80, 201, 0, 1, 0, 0, 0, 0x77 };
	size_t n = 8;

	tell(SIP_CALLER, 0, "a");
	send_by('a');
	assert_int_equal(open_one(&q, 1, 0), SECRETS_DECRYPTED);
	q.flow = &flow;
	for (flow.src.port = 100; flow.src.port < 140; flow.src.port++)
		assert_int_equal(secrets_open_rtcp(&secrets, &q, MS, rubbish,
						   sizeof(rubbish), plain),
				 flow.src.port < 100 + SECRETS_STREAMS_MAX
				     ? -EBADMSG
				     : -ENOSPC);
	rtp_srtp_free(&sender);
	assert_int_equal(rtp_srtp_new_rtcp(&sender, &key, SSRC, true), 0);
	memcpy(packet, (uint8_t[]){ 0x80, 201, 0, 1, 0, 0, 0, SSRC }, 8);
	assert_int_equal(rtp_srtp_protect_rtcp(sender, packet, &n), 0);
	q = question(SIP_CALLER, 2);
	assert_int_equal(
	    secrets_open_rtcp(&secrets, &q, 2 * MS, packet, n, plain), 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(no_keys, clear),
		cmocka_unit_test_teardown(both_ends, clear),
		cmocka_unit_test_teardown(by_time_alone, clear),
		cmocka_unit_test_teardown(without_a_tag, clear),
		cmocka_unit_test_teardown(not_said_to_be, clear),
		cmocka_unit_test_teardown(not_wanted, clear),
		cmocka_unit_test_teardown(too_many, clear),
		cmocka_unit_test_teardown(made_up_streams, clear),
		cmocka_unit_test_teardown(among_made_up_streams, clear),
		cmocka_unit_test_teardown(made_up_reports, clear),
		cmocka_unit_test_teardown(told_again, clear),
		cmocka_unit_test_teardown(reports, clear),
		cmocka_unit_test_teardown(no_memory, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
