/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/decrypt.h"

#include <errno.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

enum { SSRC = 0x11223344, PAYLOAD = 160, KEYS = 4 };

/* A sender, and who listens to it. */
struct fixture {
	struct rtp_srtp_key key[KEYS];
	struct rtp_decrypt_key list[KEYS];
	struct rtp_decrypt_keys keys;
	struct rtp_decrypt_budget budget;
	struct rtp_srtp *sender;
	struct rtp_decrypt *stream;
	alignas(8) uint8_t packet[512];
	size_t n;
};

static void
begin(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	for (int i = 0; i < KEYS; i++) {
		f->key[i].suite = i & 1 ? RTP_SRTP_AEAD_AES_128_GCM
					: RTP_SRTP_AES_CM_128_HMAC_SHA1_80;
		memset(f->key[i].bytes, 17 * (i + 1), RTP_SRTP_KEY_MAX);
		f->list[i] =
		    (struct rtp_decrypt_key){ (uint64_t)i + 1, &f->key[i] };
	}
	f->keys = (struct rtp_decrypt_keys){ .generation = 1,
					     .count = KEYS,
					     .secure = true,
					     .key = f->list,
					     .budget = &f->budget };
	assert_int_equal(rtp_decrypt_new(&f->stream, SSRC), 0);
}

static void
end(struct fixture *f)
{
	rtp_srtp_free(&f->sender);
	rtp_decrypt_free(&f->stream);
}

/* From now on by this key. */
static void
send_by(struct fixture *f, const struct rtp_srtp_key *key, uint32_t roc)
{
	rtp_srtp_free(&f->sender);
	assert_int_equal(rtp_srtp_new(&f->sender, key, SSRC, true), 0);
	if (roc)
		rtp_srtp_set_roc(f->sender, roc);
}

/* One packet, as the jitter buffer gives it. */
static struct rtp_frame
send(struct fixture *f, uint32_t sequence)
{
	struct rtp_frame frame = { .sequence = 0x10000 + sequence,
				   .time_ns = sequence * 20000000LL,
				   .timestamp = sequence * 160,
				   .payload_type = 8 };
	uint8_t *p = f->packet;

	memset(p, 0, 12);
	p[0] = 0x80;
	p[1] = 8;
	p[2] = (uint8_t)(sequence >> 8);
	p[3] = (uint8_t)sequence;
	for (int i = 0; i < 4; i++) {
		p[4 + i] = (uint8_t)(frame.timestamp >> (24 - 8 * i));
		p[8 + i] = (uint8_t)(SSRC >> (24 - 8 * i));
	}
	memset(p + 12, (int)(sequence & 0xff), PAYLOAD);
	f->n = 12 + PAYLOAD;
	assert_int_equal(rtp_srtp_protect(f->sender, p, &f->n), 0);
	frame.body = frame.payload = p + 12;
	frame.body_bytes = frame.payload_bytes = (uint16_t)(f->n - 12);
	return frame;
}

static enum rtp_decrypt_answer
take(struct fixture *f, struct rtp_frame frame)
{
	uint32_t sequence = frame.sequence & 0xff;
	enum rtp_decrypt_answer answer =
	    rtp_decrypt_frame(f->stream, &frame, &f->keys);

	if (answer == RTP_DECRYPT_DONE) {
		assert_int_equal(frame.payload_bytes, PAYLOAD);
		for (int i = 0; i < PAYLOAD; i++)
			assert_int_equal(frame.payload[i], sequence);
	}
	rtp_decrypt_forget(f->stream);
	return answer;
}

static uint32_t
taken(struct fixture *f, uint32_t first, uint32_t count)
{
	uint32_t done = 0;

	for (uint32_t i = first; i < first + count; i++)
		done += take(f, send(f, i)) == RTP_DECRYPT_DONE;
	return done;
}

/* Whichever it is, from its first packet on, and once round. */
static void
one_of_several(void **state)
{
	struct fixture f;

	for (int i = 0; i < KEYS; i++) {
		begin(&f);
		send_by(&f, &f.key[i], 0);
		assert_int_equal(taken(&f, 65500, 100), 100);
		assert_true(rtp_decrypt_proved(f.stream));
		assert_int_equal(f.budget.tries, RTP_DECRYPT_TRIES - i - 1);
		end(&f);
	}
}

static void
met_in_the_middle(void **state)
{
	struct fixture f;

	for (uint32_t roc = 0; roc < RTP_DECRYPT_ROLLOVERS; roc += 21) {
		begin(&f);
		send_by(&f, &f.key[2], roc);
		assert_int_equal(taken(&f, 65500, 100), 100);
		end(&f);
	}
	/* That many nobody tries. */
	begin(&f);
	send_by(&f, &f.key[2], 4 * RTP_DECRYPT_ROLLOVERS);
	assert_int_equal(taken(&f, 65500, 10), 0);
	end(&f);
}

/* What no key proves is refused, however often it is tried. The right key is
 * found all the same. */
static void
no_key_fits(void **state)
{
	struct rtp_srtp_key other = { .bytes = { 99 } };
	struct fixture f;

	begin(&f);
	send_by(&f, &other, 0);
	assert_int_equal(taken(&f, 1, 2000), 0);
	assert_false(rtp_decrypt_proved(f.stream));
	assert_true(f.budget.tries < RTP_DECRYPT_TRIES);
	send_by(&f, &f.key[0], 0);
	assert_true(taken(&f, 2001, 100) >= 84);
	end(&f);
}

/* A stream of one packet that no key proves. */
static void
one_rubbish_packet(struct fixture *f, int64_t time_ns)
{
	static const uint8_t rubbish[PAYLOAD];
	struct rtp_frame frame = { .sequence = 0x10000,
				   .time_ns = time_ns,
				   .body = rubbish,
				   .body_bytes = PAYLOAD };
	struct rtp_decrypt *stream;

	assert_int_equal(rtp_decrypt_new(&stream, 99), 0);
	assert_int_equal(rtp_decrypt_frame(stream, &frame, &f->keys),
			 RTP_DECRYPT_REFUSED);
	rtp_decrypt_free(&stream);
}

/* Whoever makes up streams cannot spend all of it, nor more than comes back;
 * what goes on in sequence has its key and rollover found. */
static void
rubbish_in_between(void **state)
{
	uint32_t before, spent = 0;
	struct fixture f;

	begin(&f);
	for (int i = 0; i < 2000; i++)
		one_rubbish_packet(&f, 0);
	assert_true(f.budget.tries >= RTP_DECRYPT_TRIES / 4);
	for (int64_t i = 0; i < 2000; i++) {
		before = f.budget.tries;
		one_rubbish_packet(&f, i * 1000000);
		if (f.budget.tries < before)
			spent += before - f.budget.tries;
	}
	assert_true(spent <= 2 * RTP_DECRYPT_TRIES_HZ + KEYS);
	f.budget.time_ns = 0;
	send_by(&f, &f.key[1], 9);
	assert_int_equal(taken(&f, 1, 20), 17);
	end(&f);
}

/* In a stream that was proved they cost what is its own. */
static void
rubbish_in_a_stream(void **state)
{
	struct rtp_srtp_key other = { .bytes = { 99 } };
	struct fixture f;
	uint32_t left;

	begin(&f);
	send_by(&f, &f.key[0], 0);
	assert_int_equal(taken(&f, 1, 10), 10);
	left = f.budget.tries;
	send_by(&f, &other, 0);
	assert_int_equal(taken(&f, 11, 500), 0);
	assert_int_equal(f.budget.tries, left);
	send_by(&f, &f.key[0], 0);
	assert_int_equal(taken(&f, 511, 10), 10);
	end(&f);
}

/* What is not said to be encrypted is looked at seldom: by its first packet,
 * the second, the fourth ... */
static void
mostly_plain(void **state)
{
	struct rtp_srtp_key other = { .bytes = { 99 } };
	uint32_t before, tried = 0;
	struct fixture f;

	begin(&f);
	f.keys.secure = false;
	f.keys.generation = 0;
	f.budget.tries = RTP_DECRYPT_TRIES;
	send_by(&f, &other, 0);
	for (uint32_t i = 1; i <= 1000; i++) {
		f.budget.time_ns = i * 20000000LL;
		before = f.budget.tries;
		assert_int_equal(taken(&f, i, 1), 0);
		tried += before - f.budget.tries;
	}
	assert_int_equal(tried, 10 * KEYS);
	f.keys.generation = 1;
	send_by(&f, &f.key[3], 0);
	assert_int_equal(taken(&f, 1001, 10), 10);
	end(&f);
}

/* An old key goes on after a new one was told, and a new one counts from its
 * first packet on, wherever its rollover counter begins. */
static void
a_new_key(void **state)
{
	for (uint32_t roc = 0; roc < 2; roc++) {
		struct fixture f;

		begin(&f);
		f.keys.count = 1;
		send_by(&f, &f.key[0], 0);
		assert_int_equal(taken(&f, 65500, 50), 50);
		f.keys.count = KEYS;
		f.keys.generation = 2;
		assert_int_equal(taken(&f, 65550, 50), 50);
		send_by(&f, &f.key[3], roc);
		assert_int_equal(taken(&f, 65600, 50), 50);
		end(&f);
	}
}

/* It is told a while before it is used, to who knows no other. */
static void
the_first_key(void **state)
{
	struct rtp_srtp_key other = { .bytes = { 99 } };
	struct fixture f;

	begin(&f);
	f.keys.count = 0;
	send_by(&f, &other, 0);
	assert_int_equal(taken(&f, 1, 1000), 0);
	f.keys.count = KEYS;
	f.keys.generation = 2;
	assert_int_equal(taken(&f, 1001, 20), 0);
	send_by(&f, &f.key[1], 0);
	assert_int_equal(taken(&f, 1021, 20), 20);
	end(&f);
}

/* Damaged ones in between cost themselves and nothing else. */
static void
damage(void **state)
{
	struct fixture f;

	begin(&f);
	send_by(&f, &f.key[0], 0);
	for (uint32_t i = 1; i < 200; i++) {
		struct rtp_frame frame = send(&f, i);

		if (i % 3 == 0)
			f.packet[20] ^= 4;
		assert_int_equal(take(&f, frame), i % 3 == 0
						      ? RTP_DECRYPT_REFUSED
						      : RTP_DECRYPT_DONE);
	}
	assert_int_equal(f.budget.tries, RTP_DECRYPT_TRIES - 1);
	end(&f);
}

/* So many were left out that its rollover counter went on. */
static void
after_a_pause(void **state)
{
	struct fixture f;

	begin(&f);
	send_by(&f, &f.key[0], 0);
	assert_int_equal(taken(&f, 65000, 10), 10);
	send_by(&f, &f.key[0], 3);
	assert_true(taken(&f, 50000, 10) >= 6);
	end(&f);
}

/* Of what has no tag nothing is believed but what both ends want. */
static void
unproved(void **state)
{
	struct rtp_srtp_key key = { .unauthenticated = true, .bytes = { 5 } };
	const struct rtp_decrypt_key agreed = { 9, &key };
	struct rtp_decrypt_key one = agreed;
	struct fixture f;

	begin(&f);
	f.keys.key = &one;
	f.keys.count = 1;
	send_by(&f, &key, 0);
	assert_int_equal(taken(&f, 65000, 10), 0);
	f.keys.unproved = &agreed;
	f.keys.generation++;
	assert_int_equal(taken(&f, 65010, 1000), 1000);
	assert_false(rtp_decrypt_proved(f.stream));
	f.keys.unproved = NULL;
	assert_int_equal(taken(&f, 66010, 10), 0);
	end(&f);
}

/* Asked again it is the same frame, which a session would call a replay. */
static void
asked_again(void **state)
{
	struct rtp_frame frame, again;
	struct fixture f;

	begin(&f);
	send_by(&f, &f.key[0], 0);
	frame = again = send(&f, 7);
	assert_int_equal(rtp_decrypt_frame(f.stream, &frame, &f.keys),
			 RTP_DECRYPT_DONE);
	assert_int_equal(rtp_decrypt_frame(f.stream, &again, &f.keys),
			 RTP_DECRYPT_DONE);
	assert_ptr_equal(again.payload, frame.payload);
	assert_int_equal(again.payload[0], 7);
	rtp_decrypt_forget(f.stream);
	for (int i = 0; i < PAYLOAD; i++)
		assert_int_equal(again.payload[i], 0);
	end(&f);
}

/* CSRCs, an extension and padding: the tag is of all of them, and only what is
 * decrypted tells how much is padding. */
static void
all_of_the_packet(void **state)
{
	static const uint8_t plain[] = {
		0xb1, 0x88, 0, 9, 0,   0,   0,   0,    0x11, 0x22,
		0x33, 0x44, 0, 0, 0,   1,   0,   0xbe, 0,    1,
		1,    2,    3, 4, 'a', 'b', 'c', 0,    0,    3,
	};
	struct rtp_frame frame = { .sequence = 0x10009,
				   .payload_type = 8,
				   .marker = true,
				   .flags = 0x31 };
	struct fixture f;

	begin(&f);
	send_by(&f, &f.key[0], 0);
	memcpy(f.packet, plain, sizeof(plain));
	f.n = sizeof(plain);
	assert_int_equal(rtp_srtp_protect(f.sender, f.packet, &f.n), 0);
	frame.body = f.packet + 12;
	frame.body_bytes = (uint16_t)(f.n - 12);
	assert_int_equal(rtp_decrypt_frame(f.stream, &frame, &f.keys),
			 RTP_DECRYPT_DONE);
	assert_int_equal(frame.payload_bytes, 3);
	assert_memory_equal(frame.payload, "abc", 3);
	assert_int_equal(frame.body_bytes, sizeof(plain) - 12);
	end(&f);
}

/* Short ones, with any flags: refused, and nothing is read that is not there.
 */
static void
truncations(void **state)
{
	struct fixture f;

	begin(&f);
	send_by(&f, &f.key[0], 0);
	for (uint32_t n = 0; n < PAYLOAD; n++) {
		struct rtp_frame frame = send(&f, n);
		uint8_t *copy = testing_copy(frame.body, n);

		frame.body = copy;
		frame.body_bytes = (uint16_t)n;
		frame.flags = n & 0x3f;
		assert_int_equal(take(&f, frame), RTP_DECRYPT_REFUSED);
		free(copy);
	}
	end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_of_several),
		cmocka_unit_test(met_in_the_middle),
		cmocka_unit_test(no_key_fits),
		cmocka_unit_test(rubbish_in_between),
		cmocka_unit_test(rubbish_in_a_stream),
		cmocka_unit_test(mostly_plain),
		cmocka_unit_test(a_new_key),
		cmocka_unit_test(the_first_key),
		cmocka_unit_test(damage),
		cmocka_unit_test(after_a_pause),
		cmocka_unit_test(unproved),
		cmocka_unit_test(asked_again),
		cmocka_unit_test(all_of_the_packet),
		cmocka_unit_test(truncations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
