/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bytes of a call's state: what is refused, and what comes back. That calls
 * go on as if nothing had been is in dialog_test.c, flow by flow.
 */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <utlist.h>

#include "cmd/testing/sip_script.h"
#include "cmd/testing/testing.h"
#include "sip/sip_priv.h"

#define MS 1000000LL

static const struct sip_config config = { .hash_key = "one key of many" };

/** A call that has something of everything: challenged, rung, early media,
 * on hold, and a re-INVITE that is not answered yet. */
#define CALL_SO_FAR                                                            \
	"0 A>B INVITE 1 b=1 sdp=10.0.0.1:4000 pai=2111\n"                      \
	"5 B>A 407/INVITE 1 b=1 t=v\n6 A>B ACK 1 b=1 t=v\n"                    \
	"7 A>B INVITE 2 b=2 sdp=10.0.0.1:4000 pai=2111\n"                      \
	"8 B>C INVITE 2 b=3 sdp=10.0.0.1:4000\n"                               \
	"40 C>B 180/INVITE 2 b=3 t=y\n"                                        \
	"50 B>A 183/INVITE 2 b=2 t=y sdp=10.0.0.2:5000 pai=2222\n"             \
	"90 B>A 200/INVITE 2 b=2 t=y sdp=10.0.0.2:5000\n"                      \
	"95 A>B ACK 2 b=4 t=y\n"                                               \
	"100 A>B INVITE 3 b=5 t=y sdp=10.0.0.1:4000/sendonly\n"                \
	"110 B>A 200/INVITE 3 b=5 t=y sdp=10.0.0.2:5000/recvonly\n"            \
	"200 A>B INVITE 4 b=6 t=y sdp=10.0.0.1:4444/sendonly\n"
#define CALL_FROM_THERE                                                        \
	"1010 B>A 200/INVITE 4 b=6 t=y sdp=10.0.0.2:5000/recvonly\n"           \
	"1100 B>A INVITE 9 b=7 f=y t=x sdp=10.0.0.2:5002 pai=2333\n"           \
	"1110 A>B 200/INVITE 9 b=7 f=y t=x sdp=10.0.0.1:4444\n"                \
	"1500 B>A BYE 10 b=8 f=y t=x\n"

struct one {
	struct testing_sip_log log;
	struct sip_tracker *tracker;
};

static void
make(struct one *one, const struct sip_config *with)
{
	memset(one, 0, sizeof(*one));
	assert_int_equal(
	    sip_tracker_new(&one->tracker, with, testing_sip_note, &one->log),
	    0);
}

struct saved {
	uint8_t bytes[SIP_SAVE_BYTES_MAX];
	size_t n;
};

static void
save(struct saved *saved, const struct sip_tracker *tracker, uint64_t number)
{
	int n = sip_tracker_save(tracker, number, saved->bytes,
				 sizeof(saved->bytes));

	assert_true(n > 0);
	saved->n = (size_t)n;
}

/** Of a tracker that is gone since. */
static void
save_script(struct saved *saved, const char *script)
{
	static struct one one;

	make(&one, &config);
	testing_sip_run(one.tracker, script);
	save(saved, one.tracker, 1);
	sip_tracker_free(&one.tracker);
}

static int
restore(struct one *one, const uint8_t *bytes, size_t n, int64_t now_ns)
{
	uint8_t *copy = testing_copy(bytes, n);
	int rc = sip_tracker_restore(one->tracker, copy, n, 0, now_ns);

	free(copy);
	if (rc) {
		assert_int_equal(one->log.n, 0);
		assert_int_equal(sip_tracker_calls(one->tracker), 0);
	}
	return rc;
}

/** Make the hash at the end right again. */
static void
reseal(struct saved *saved)
{
	size_t n = saved->n - 8;
	uint64_t hash = htole64(
	    sip__hash(config.hash_key,
		      (struct sip_text){ (const char *)saved->bytes, n }));

	memcpy(saved->bytes + n, &hash, sizeof(hash));
}

static void
what_is_restored_is_told(void **state)
{
	static struct saved saved;
	static struct one one;
	const struct sip_call *call;

	(void)state;
	save_script(&saved, CALL_SO_FAR);
	make(&one, &config);
	/* numbers are those of this tracker */
	testing_sip_run(one.tracker, "300 A>B INVITE 1 b=1 i=other "
				     "sdp=10.0.0.7:7000\n");
	one.log.n = 0;
	assert_int_equal(sip_tracker_restore(one.tracker, saved.bytes, saved.n,
					     0, 1000 * MS),
			 0);
	assert_string_equal(one.log.text, "1000 #2 call 2111>2222\n"
					  "1000 #2 +2 caller 10.0.0.1:4000\n"
					  "1000 #2 +3 callee 10.0.0.2:5000\n"
					  "1000 #2 +4 caller 10.0.0.1:4444\n");
	assert_int_equal(sip_tracker_calls(one.tracker), 2);
	assert_int_equal(sip_tracker_counters_peek(one.tracker)->calls, 1);
	call = &sip__call_find(one.tracker, 2)->pub;
	assert_string_equal(call->call_id, "call");
	assert_string_equal(call->from_tag, "x");
	assert_string_equal(call->party[SIP_CALLEE].host, "pbx.example");
	assert_int_equal(call->signalling[SIP_CALLEE].addr[15], 2);
	assert_int_equal(call->signalling[SIP_CALLEE].port, 5060);
	assert_int_equal(call->start_ns, 0);
	assert_int_equal(call->answer_ns, 90 * MS);
	assert_true(call->hold[SIP_CALLER]);
	assert_false(call->hold[SIP_CALLEE]);
	one.log.n = 0;
	testing_sip_run(one.tracker, CALL_FROM_THERE);
	assert_string_equal(one.log.text, "1010 #2 -2 caller 10.0.0.1:4000\n"
					  "1100 #2 identity 2111>2333\n"
					  "1100 #2 +5 callee 10.0.0.2:5002\n"
					  "1110 #2 -3 callee 10.0.0.2:5000\n"
					  "1110 #2 resume by caller\n"
					  "1500 #2 -4 caller 10.0.0.1:4444\n"
					  "1500 #2 -5 callee 10.0.0.2:5002\n"
					  "1500 #2 end bye 0 by callee\n");
	sip_tracker_free(&one.tracker);
}

/** Of a call of another run: does a line show that it goes on? */
static bool
shows_life(const char *line)
{
	static struct saved saved;
	static struct one one;
	bool shown;

	save_script(&saved, CALL_SO_FAR);
	make(&one, &config);
	assert_int_equal(sip_tracker_restore(one.tracker, saved.bytes, saved.n,
					     0, 1000 * MS),
			 0);
	assert_int_equal(one.log.went_on, 0);
	testing_sip_run(one.tracker, line);
	shown = one.log.went_on == 1;
	/* Once is enough. */
	testing_sip_run(one.tracker, "1400 B>A UPDATE 20 b=30 f=y t=x\n"
				     "1410 A>B 200/UPDATE 20 b=30 f=y t=x\n");
	assert_int_equal(one.log.went_on, 1);
	sip_tracker_free(&one.tracker);
	return shown;
}

static void
whether_it_goes_on(void **state)
{
	static struct saved saved;
	static struct one one;

	(void)state;
	assert_true(shows_life("1010 B>A INVITE 9 b=7 f=y t=x\n"));
	assert_true(shows_life("1010 B>A 200/INVITE 4 b=6 t=y\n"));
	assert_true(shows_life("1010 A>B ACK 4 b=9 t=y\n"));
	/* Not known there, or what was sent before the restart already. */
	assert_false(shows_life("1010 B>A 481/INVITE 4 b=6 t=y\n"));
	assert_false(shows_life("1010 A>B INVITE 4 b=6 t=y "
				"sdp=10.0.0.1:4444/sendonly\n"));
	assert_false(shows_life("1010 A>B NOTIFY 5 b=9 t=y\n"));
	/* A new call does not have to show anything. */
	make(&one, &config);
	testing_sip_run(one.tracker, CALL_SO_FAR CALL_FROM_THERE);
	assert_int_equal(one.log.went_on, 0);
	sip_tracker_free(&one.tracker);
	/* It ends without ever having gone on. */
	save_script(&saved, CALL_SO_FAR);
	make(&one, &config);
	assert_int_equal(restore(&one, saved.bytes, saved.n, 1000 * MS), 0);
	testing_sip_run(one.tracker, "1020 B>A 200/BYE 5 b=9 t=y\n"
				     "1030 A>B BYE 5 b=9 t=y\n");
	assert_int_equal(one.log.went_on, 0);
	assert_int_equal(sip_tracker_calls(one.tracker), 0);
	sip_tracker_free(&one.tracker);
	/* Nor one that was refused meanwhile. */
	save_script(&saved,
		    "0 A>B INVITE 1 b=1\n40 B>A 180/INVITE 1 b=1 t=y\n");
	make(&one, &config);
	assert_int_equal(restore(&one, saved.bytes, saved.n, 1000 * MS), 0);
	testing_sip_run(one.tracker, "1010 A>B ACK 1 b=1 t=y\n");
	assert_int_equal(one.log.went_on, 0);
	sip_tracker_free(&one.tracker);
}

/** Down for an hour: the time-out begins anew. Clocks never run back. */
static void
time_goes_on_from_now(void **state)
{
	static struct saved saved;
	static struct one one;

	(void)state;
	save_script(&saved,
		    "5 A>B INVITE 1 b=1\n90 B>A 200/INVITE 1 b=1 t=y\n");
	make(&one, &config);
	assert_int_equal(restore(&one, saved.bytes, saved.n, 3600000 * MS), 0);
	testing_sip_run(one.tracker, "3659999 tick\n3660000 tick\n");
	assert_string_equal(one.log.text,
			    "3600000 #1 call 2001>2002\n"
			    "3600000 #1 end timeout 0 by caller\n");
	sip_tracker_free(&one.tracker);
	make(&one, &config);
	assert_int_equal(restore(&one, saved.bytes, saved.n, 50 * MS), 0);
	testing_sip_run(one.tracker, "60 A>B BYE 2 b=2 t=y\n");
	assert_string_equal(one.log.text, "90 #1 call 2001>2002\n"
					  "90 #1 end bye 0 by caller\n");
	sip_tracker_free(&one.tracker);
}

/** Those whose loss no flow shows. */
static void
quiet_members_come_back(void **state)
{
	static struct saved saved;
	static struct one one;
	struct sip_call_state *call;
	struct sip_stream *s;

	(void)state;
	make(&one, &config);
	testing_sip_run(one.tracker, CALL_SO_FAR);
	call = sip__call_find(one.tracker, 1);
	memcpy(call->pub.party[SIP_CALLEE].display, "Anne", 5);
	call->pub.party[SIP_CALLEE].anonymous = true;
	call->retry_ns = 5 * MS;
	call->offer.answer_directed = true;
	call->offer.answer_direction = SIP_RECVONLY;
	s = call->streams->next;
	s->media.direction = SIP_INACTIVE;
	s->media.index = 70000;
	s->media.secure = true;
	s->applied = 80000;
	save(&saved, one.tracker, 1);
	sip_tracker_free(&one.tracker);
	make(&one, &config);
	assert_int_equal(restore(&one, saved.bytes, saved.n, 1000 * MS), 0);
	call = sip__call_find(one.tracker, 1);
	assert_string_equal(call->pub.party[SIP_CALLEE].display, "Anne");
	assert_true(call->pub.party[SIP_CALLEE].anonymous);
	assert_false(call->pub.party[SIP_CALLER].anonymous);
	assert_int_equal(call->retry_ns, 5 * MS);
	assert_int_equal(call->retry_status, 407);
	assert_true(call->offer.answer_directed);
	assert_int_equal(call->offer.answer_direction, SIP_RECVONLY);
	assert_int_equal(call->alive_ns, 1000 * MS);
	s = call->streams->next;
	assert_int_equal(s->media.direction, SIP_INACTIVE);
	assert_int_equal(s->media.index, 70000);
	assert_true(s->media.secure);
	assert_int_equal(s->applied, 80000);
	sip_tracker_free(&one.tracker);
}

static void
only_calls_that_live_are_saved(void **state)
{
	static struct saved saved;
	static struct one one;
	size_t room = sizeof(saved.bytes);

	(void)state;
	make(&one, &config);
	assert_int_equal(sip_tracker_save(one.tracker, 1, saved.bytes, room),
			 -ENOENT);
	testing_sip_run(one.tracker, CALL_SO_FAR);
	save(&saved, one.tracker, 1);
	for (size_t n = 0; n < saved.n; n++) {
		uint8_t *small = malloc(n + !n);

		assert_int_equal(sip_tracker_save(one.tracker, 1, small, n),
				 -ENOBUFS);
		free(small);
	}
	assert_int_equal(sip_tracker_save(one.tracker, 1, saved.bytes, saved.n),
			 saved.n);
	testing_sip_run(one.tracker, CALL_FROM_THERE);
	assert_int_equal(sip_tracker_save(one.tracker, 1, saved.bytes, room),
			 -ENOENT);
	sip_tracker_free(&one.tracker);
}

/** One tracker for thousands of attempts, and how many events it gave. */
static struct sip_tracker *scratch;
static unsigned scratch_events;

static void
count_event(void *ctx, const struct sip_event *event)
{
	(void)event;
	++*(unsigned *)ctx;
}

static int
make_scratch(void **state)
{
	(void)state;
	return sip_tracker_new(&scratch, &config, count_event, &scratch_events);
}

static int
free_scratch(void **state)
{
	(void)state;
	sip_tracker_free(&scratch);
	return 0;
}

/** Restore, and save again. @return what restore did */
static int
again(struct saved *saved, const uint8_t *bytes, size_t n)
{
	uint8_t *copy = testing_copy(bytes, n);
	int rc;

	scratch_events = 0;
	rc = sip_tracker_restore(scratch, copy, n, 0, INT64_MIN);
	free(copy);
	if (rc == 0)
		save(saved, scratch, scratch->last_call);
	else
		assert_int_equal(scratch_events, 0);
	assert_int_equal(sip_tracker_calls(scratch), rc == 0);
	sip_tracker_finish(scratch, 0);
	return rc;
}

static void
part_of_a_state_is_none(void **state)
{
	static struct saved saved, same;

	(void)state;
	save_script(&saved, CALL_SO_FAR);
	for (size_t n = 0; n < saved.n; n++)
		assert_int_equal(again(&same, saved.bytes, n), -EBADMSG);
	saved.bytes[saved.n] = 0;
	assert_int_equal(again(&same, saved.bytes, saved.n + 1), -EBADMSG);
	assert_int_equal(again(&same, saved.bytes, saved.n), 0);
	assert_int_equal(same.n, saved.n);
	assert_memory_equal(same.bytes, saved.bytes, saved.n);
	/* nor with the right hash at its new end */
	for (same.n = 13; same.n < saved.n; same.n++) {
		memcpy(same.bytes, saved.bytes, same.n);
		reseal(&same);
		assert_int_equal(again(&same, same.bytes, same.n), -EBADMSG);
	}
	memcpy(same.bytes, saved.bytes, saved.n);
	same.n = saved.n + 1;
	reseal(&same);
	assert_int_equal(again(&same, same.bytes, same.n), -EBADMSG);
}

static void
damage_is_seen(void **state)
{
	static struct saved saved, bad;

	(void)state;
	save_script(&saved, CALL_SO_FAR);
	for (size_t i = 0; i < saved.n; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			saved.bytes[i] ^= (uint8_t)(1 << bit);
			/* the version and the key come first */
			assert_int_equal(again(&bad, saved.bytes, saved.n),
					 i < 5 ? -EPROTO : -EBADMSG);
			saved.bytes[i] ^= (uint8_t)(1 << bit);
		}
	}
}

static void
assert_clean(const char *text)
{
	char clean[SIP_CALL_ID_BYTES];

	sip__text_clean(clean, sizeof(clean),
			(struct sip_text){ text, strlen(text) });
	assert_string_equal(text, clean);
}

static void
assert_sound(const struct sip_call_state *call)
{
	const struct sip_stream *s;

	assert_clean(call->pub.call_id);
	assert_clean(call->pub.from_tag);
	assert_clean(call->pub.party[SIP_CALLER].user);
	assert_clean(call->pub.party[SIP_CALLEE].host);
	assert_true(call->wait < SIP_WAIT_GONE);
	assert_true((call->wait == SIP_WAIT_TALKING ||
		     call->wait == SIP_WAIT_HOLDING) ==
		    (call->pub.answer_ns != 0));
	assert_true(call->retry_status <= 699);
	assert_true(call->declared[0] <= SIP_INACTIVE);
	assert_true(call->declared[1] <= SIP_INACTIVE);
	assert_true(call->offer.party <= SIP_CALLEE);
	assert_true(call->offer.direction <= SIP_INACTIVE);
	assert_true(call->offer.answer_direction <= SIP_INACTIVE);
	for (s = call->streams; s; s = s->next) {
		assert_int_not_equal(s->media.receive.port, 0);
		assert_true(s->media.party <= SIP_CALLEE);
		assert_true(s->media.direction <= SIP_INACTIVE);
		for (uint32_t i = 0; i < s->media.formats_count; i++)
			assert_true(s->media.formats[i].payload_type <= 127);
	}
}

/** Somebody who has the key: what is taken is sound, and a call like others.
 * @return 1: taken; 0: refused */
static unsigned
try_forged(const struct saved *forged)
{
	static struct saved same;
	static struct one one;
	int rc = again(&same, forged->bytes, forged->n);

	if (rc) {
		assert_int_equal(rc, -EBADMSG);
		return 0;
	}
	assert_int_equal(same.n, forged->n);
	assert_memory_equal(same.bytes, forged->bytes, same.n);
	make(&one, &config);
	assert_int_equal(restore(&one, forged->bytes, forged->n, 1000 * MS), 0);
	assert_sound(sip__call_find(one.tracker, 1));
	testing_sip_run(one.tracker, CALL_FROM_THERE "1600 finish\n");
	assert_int_equal(sip_tracker_calls(one.tracker), 0);
	sip_tracker_free(&one.tracker);
	return 1;
}

static void
forged_states_are_refused_or_harmless(void **state)
{
	static const uint8_t masks[] = { 1, 2, 4, 16, 128, 255 };
	static struct saved saved, forged;
	unsigned taken = 0, tried = 0;

	(void)state;
	save_script(&saved, CALL_SO_FAR);
	for (size_t i = 5; i < saved.n - 8; i++) {
		for (size_t m = 0; m < sizeof(masks); m++, tried++) {
			forged = saved;
			forged.bytes[i] ^= masks[m];
			reseal(&forged);
			taken += try_forged(&forged);
		}
	}
	/* hashes may be anything; lengths, flags and choices may not */
	assert_true(taken > tried / 2);
	assert_true(taken < tried * 9 / 10);
}

/** Change one thing of a state, seal it, and see that it is refused. */
#define CONTRADICTS(script, change)                                            \
	do {                                                                   \
		static struct saved saved, same;                               \
		static struct one one;                                         \
		struct sip_call_state *call;                                   \
                                                                               \
		make(&one, &config);                                           \
		testing_sip_run(one.tracker, script);                          \
		call = sip__call_find(one.tracker, 1);                         \
		change;                                                        \
		save(&saved, one.tracker, 1);                                  \
		sip_tracker_free(&one.tracker);                                \
		assert_int_equal(again(&same, saved.bytes, saved.n),           \
				 -EBADMSG);                                    \
	} while (0)

#define SETUP  "10 A>B INVITE 1 b=1 sdp=10.0.0.1:4000\n"
#define ANSWER "90 B>A 200/INVITE 1 b=1 t=y sdp=10.0.0.2:5000\n"

static void
contradictions_are_refused(void **state)
{
	(void)state;
	CONTRADICTS(SETUP, call->pub.answer_ns = 1);
	CONTRADICTS(SETUP, call->pub.hold[SIP_CALLEE] = true);
	CONTRADICTS(SETUP, call->pub.start_ns = 10 * MS + 1);
	CONTRADICTS(SETUP, call->retry_status = 200);
	CONTRADICTS(SETUP, call->retry_status = 700);
	CONTRADICTS(SETUP ANSWER, call->pub.answer_ns = 0);
	CONTRADICTS(SETUP ANSWER, call->pub.answer_ns = 90 * MS + 1);
	CONTRADICTS(SETUP ANSWER, call->pub.hold[SIP_CALLER] = true);
	CONTRADICTS(CALL_SO_FAR, call->pub.hold[SIP_CALLER] = false);
}

static void
media_has_a_port(void **state)
{
	static const uint8_t port_4000[] = { 10, 0, 0, 1, 0xa0, 0x0f };
	static struct saved saved, same;
	uint8_t *at;

	(void)state;
	save_script(&saved, SETUP);
	at = memmem(saved.bytes, saved.n, port_4000, sizeof(port_4000));
	assert_non_null(at);
	at[4] = at[5] = 0;
	reseal(&saved);
	assert_int_equal(again(&same, saved.bytes, saved.n), -EBADMSG);
}

static void
another_key_or_version_is_told_apart(void **state)
{
	struct sip_config other = config;
	static struct saved saved;
	static struct one one;

	(void)state;
	save_script(&saved, CALL_SO_FAR);
	other.hash_key[15] ^= 1;
	make(&one, &other);
	assert_int_equal(restore(&one, saved.bytes, saved.n, 0), -EPROTO);
	sip_tracker_free(&one.tracker);
	make(&one, &config);
	saved.bytes[0]++;
	reseal(&saved);
	assert_int_equal(restore(&one, saved.bytes, saved.n, 0), -EPROTO);
	assert_int_equal(restore(&one, saved.bytes, 1, 0), -EPROTO);
	sip_tracker_free(&one.tracker);
}

static void
there_is_room_or_an_error(void **state)
{
	struct sip_config two = config;
	static struct saved saved, other;
	static struct one one;

	(void)state;
	two.calls_max = 2;
	save_script(&saved, CALL_SO_FAR);
	save_script(&other, "0 A>B INVITE 1 b=1 i=other\n");
	make(&one, &two);
	testing_sip_run(one.tracker, CALL_SO_FAR);
	one.log.n = 0;
	assert_int_equal(
	    sip_tracker_restore(one.tracker, saved.bytes, saved.n, 0, 0),
	    -EEXIST);
	testing_sip_run(one.tracker, CALL_FROM_THERE);
	/* over, but still known: it must not rise again */
	assert_int_equal(
	    sip_tracker_restore(one.tracker, saved.bytes, saved.n, 0, 0),
	    -EEXIST);
	testing_sip_run(one.tracker, "1600 A>B INVITE 1 b=1 i=third\n");
	one.log.n = 0;
	/* the one that is over gives way, those that live do not */
	assert_int_equal(sip_tracker_restore(one.tracker, other.bytes, other.n,
					     0, 1700 * MS),
			 0);
	assert_string_equal(one.log.text, "1700 #3 call 2001>2002\n");
	assert_int_equal(
	    sip_tracker_restore(one.tracker, saved.bytes, saved.n, 0, 0),
	    -ENOSPC);
	assert_string_equal(one.log.text, "1700 #3 call 2001>2002\n");
	assert_int_equal(sip_tracker_calls(one.tracker), 2);
	sip_tracker_free(&one.tracker);
}

static void
memory_may_run_out_at_any_point(void **state)
{
	static struct saved saved;
	static struct one one;
	int rc = -ENOMEM;
	unsigned nth;

	(void)state;
	save_script(&saved, CALL_SO_FAR);
	for (nth = 1; rc; nth++) {
		make(&one, &config);
		testing_fail_allocation(nth);
		rc = sip_tracker_restore(one.tracker, saved.bytes, saved.n, 0,
					 0);
		testing_fail_allocation(0);
		if (rc) {
			assert_int_equal(rc, -ENOMEM);
			assert_int_equal(one.log.n, 0);
			assert_int_equal(sip_tracker_calls(one.tracker), 0);
			/* and nothing of it is left */
			assert_int_equal(restore(&one, saved.bytes, saved.n, 0),
					 0);
		}
		testing_sip_run(one.tracker, CALL_FROM_THERE);
		assert_int_equal(sip_tracker_calls(one.tracker), 0);
		sip_tracker_free(&one.tracker);
	}
	/* the call, three streams, and two maps */
	assert_true(nth > 6);
}

/** SDES keys (RFC 4568), and digits in INFO: neither they nor their hashes. */
static void
secrets_are_not_in_it(void **state)
{
	static const char invite[] =
	    "INVITE sip:2@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
	    "From: <sip:1@h>;tag=a\r\nTo: <sip:2@h>\r\nCall-ID: 1\r\n"
	    "CSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n\r\n"
	    "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/SAVP 8\r\n"
	    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGw\r\n";
	static const char info[] =
	    "INFO sip:2@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK2\r\n"
	    "From: <sip:1@h>;tag=a\r\nTo: <sip:2@h>;tag=b\r\nCall-ID: 1\r\n"
	    "CSeq: 2 INFO\r\nContent-Type: application/dtmf-relay\r\n\r\n"
	    "Signal=7\r\nDuration=160\r\n";
	static struct saved before, after;
	static struct one one;
	struct capture_pkt pkt = { .payload = (const uint8_t *)invite,
				   .payload_bytes = sizeof(invite) - 1 };

	(void)state;
	make(&one, &config);
	assert_int_equal(sip_tracker_input(one.tracker, &pkt), 0);
	save(&before, one.tracker, 1);
	assert_null(memmem(before.bytes, before.n, "WVNf", 4));
	assert_null(
	    memmem(before.bytes, before.n, one.tracker->config.hash_key, 16));
	pkt.payload = (const uint8_t *)info;
	pkt.payload_bytes = sizeof(info) - 1;
	assert_int_equal(sip_tracker_input(one.tracker, &pkt), 0);
	save(&after, one.tracker, 1);
	assert_int_equal(after.n, before.n);
	assert_memory_equal(after.bytes, before.bytes, after.n);
	sip_tracker_free(&one.tracker);
}

#define FILL(array) memset(array, 'x', sizeof(array) - 1)

static void
fill_streams(struct sip_call_state *call)
{
	while (call->streams_count < SIP_STREAMS_MAX) {
		struct sip_stream *s = calloc(1, sizeof(*s));

		s->media.receive.port = (uint16_t)++call->streams_count;
		s->media.formats_count = SIP_FORMATS_MAX;
		for (int i = 0; i < SIP_FORMATS_MAX; i++)
			FILL(s->media.formats[i].encoding);
		for (uint8_t i = 0; i < 3; i++)
			s->media.formats[i].parameters = (uint8_t)(1 + 63 * i);
		for (int i = 1; i < SIP_MEDIA_PARAMETERS_BYTES; i++)
			s->media.parameters[i] = i % 63 ? 'x' : '\0';
		DL_APPEND(call->streams, s);
	}
}

static void
the_longest_state_fits(void **state)
{
	static struct saved saved, same;
	static struct one one;
	struct sip_call_state *call;

	(void)state;
	make(&one, &config);
	testing_sip_run(one.tracker, "0 A>B INVITE 1 b=1\n");
	call = sip__call_find(one.tracker, 1);
	FILL(call->pub.call_id);
	FILL(call->pub.from_tag);
	for (int i = 0; i < 2; i++) {
		FILL(call->pub.party[i].user);
		FILL(call->pub.party[i].host);
		FILL(call->pub.party[i].display);
	}
	call->caller_tags_count = call->legs_count = SIP_LEGS_MAX;
	call->branches_count = SIP_BRANCHES_MAX;
	call->seen_count = 3 * SIP_SEEN_MAX + 5;
	for (uint64_t i = 0; i < SIP_SEEN_MAX; i++)
		call->seen[(5 + i) % SIP_SEEN_MAX] = i;
	fill_streams(call);
	save(&saved, one.tracker, 1);
	print_message("the longest state: %zu bytes\n", saved.n);
	assert_int_equal(again(&same, saved.bytes, saved.n), 0);
	assert_int_equal(same.n, saved.n);
	assert_memory_equal(same.bytes, saved.bytes, saved.n);
	sip_tracker_free(&one.tracker);
	/* the oldest message seen is the next to be forgotten */
	make(&one, &config);
	assert_int_equal(restore(&one, saved.bytes, saved.n, 0), 0);
	call = sip__call_find(one.tracker, 1);
	for (uint32_t i = 0; i < SIP_SEEN_MAX; i++)
		assert_int_equal(
		    call->seen[(call->seen_count + i) % SIP_SEEN_MAX], i);
	sip_tracker_free(&one.tracker);
}

static void
a_usual_state_is_short(void **state)
{
	static struct saved saved;

	(void)state;
	save_script(&saved, SETUP ANSWER "95 A>B ACK 1 b=2 t=y\n");
	print_message("the state of a call of two streams: %zu bytes\n",
		      saved.n);
	assert_true(saved.n < 1024);
	save_script(&saved, CALL_SO_FAR);
	print_message("... of three, after a dozen messages: %zu bytes\n",
		      saved.n);
	assert_true(saved.n < 1024);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_restored_is_told),
		cmocka_unit_test(whether_it_goes_on),
		cmocka_unit_test(time_goes_on_from_now),
		cmocka_unit_test(quiet_members_come_back),
		cmocka_unit_test(only_calls_that_live_are_saved),
		cmocka_unit_test(part_of_a_state_is_none),
		cmocka_unit_test(damage_is_seen),
		cmocka_unit_test(forged_states_are_refused_or_harmless),
		cmocka_unit_test(contradictions_are_refused),
		cmocka_unit_test(media_has_a_port),
		cmocka_unit_test(another_key_or_version_is_told_apart),
		cmocka_unit_test(there_is_room_or_an_error),
		cmocka_unit_test(memory_may_run_out_at_any_point),
		cmocka_unit_test(secrets_are_not_in_it),
		cmocka_unit_test(the_longest_state_fits),
		cmocka_unit_test(a_usual_state_is_short),
	};

	return cmocka_run_group_tests(tests, make_scratch, free_scratch);
}
