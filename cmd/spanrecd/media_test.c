/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who owns a frame: each rule of media.h, and the orders of events that a
 * mirror port can show. Times are in milliseconds here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/spanrecd/media.h"

#define MS     1000000LL
#define WINDOW 200
#define CLAIM  2000
#define LINGER 500
#define FRESH  5000
#define ORPHAN 3000
#define T0     1000000 /* far from zero */

static struct media_table *table;

static struct capture_endpoint
endpoint(uint8_t host, uint16_t port)
{
	struct capture_endpoint ep = {
		.addr = { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = host },
		.port = port
	};

	return ep;
}

static int
setup(void **state)
{
	const struct media_times times = { WINDOW * MS, CLAIM * MS, LINGER * MS,
					   0 };
	static const uint8_t key[16] = "fixed for tests";

	(void)state;
	return media_table_new(&table, &times, key);
}

static int
setup_orphans(void **state)
{
	const struct media_times times = { WINDOW * MS, CLAIM * MS, LINGER * MS,
					   ORPHAN * MS };
	static const uint8_t key[16] = "fixed for tests";

	(void)state;
	return media_table_new(&table, &times, key);
}

static int
teardown(void **state)
{
	(void)state;
	media_table_free(&table);
	return 0;
}

/* The number of a claim is that of its call, with hundreds to tell more apart,
 * thousands for those with keys of SRTP, and from 500 on with telephone events.
 */
static void
tell(enum writer_event_type type, uint64_t number, int64_t ms,
     struct capture_endpoint receive, enum sip_party receiver)
{
	struct writer_event event = { .type = type,
				      .call = number % 100,
				      .time_ns = (T0 + ms) * MS };

	event.media.number = number;
	event.media.receive = receive;
	event.media.receiver = receiver;
	event.media.secure = number >= 1000;
	if (number >= 500 && number < 1000)
		event.media.formats[event.media.formats_count++] =
		    (struct rtp_format){ "Telephone-Event", 8000, 101, 1, "" };
	assert_int_equal(media_apply(table, &event), 0);
}

static void
open_at(uint64_t number, int64_t ms, struct capture_endpoint receive,
	enum sip_party receiver)
{
	tell(WRITER_MEDIA_OPEN, number, ms, receive, receiver);
}

static void
close_at(uint64_t number, int64_t ms, struct capture_endpoint receive)
{
	tell(WRITER_MEDIA_CLOSE, number, ms, receive, SIP_CALLER);
}

static uint32_t ssrc; /* of the frames that are asked for */

/* A call that no SIP announces, between the caller and the callee. */
static void
orphan_at(enum writer_event_type type, uint64_t number, int64_t ms,
	  struct capture_endpoint caller, struct capture_endpoint callee)
{
	struct writer_event event = { .type = type,
				      .call = number,
				      .time_ns = (T0 + ms) * MS };

	event.media.number = number;
	event.media.receive = callee;
	event.media.peer = caller;
	event.media.receiver = SIP_CALLEE;
	event.media.orphan = event.media.moved = true;
	assert_int_equal(media_apply(table, &event), 0);
}

/* Phone (left) at .1:1000, its peer (right) at .2:2000. */
#define PHONE endpoint(1, 1000)
#define PEER  endpoint(2, 2000)

static enum media_answer
ask(struct capture_endpoint src, struct capture_endpoint dst, int64_t ms,
    int64_t watermark_ms, uint64_t bound, struct media_owner *owner)
{
	const struct capture_flow_key flow = { src, dst, ssrc };
	const struct media_question question = {
		.flow = &flow,
		.time_ns = (T0 + ms) * MS,
		.watermark_ns = (T0 + watermark_ms) * MS,
		.bound = bound,
	};

	return media_find(table, &question, owner);
}

/* The call that a frame from the phone to its peer belongs to; 0: nobody's,
 * -1: not known yet. */
static int
caller_frame(int64_t ms, uint64_t bound)
{
	struct media_owner owner;
	enum media_answer answer =
	    ask(PHONE, PEER, ms, ms + WINDOW, bound, &owner);

	if (answer != MEDIA_OWNED)
		return answer == MEDIA_WAIT ? -1 : 0;
	assert_int_equal(owner.speaker, SIP_CALLER);
	return (int)owner.entry->call;
}

/* Whose a frame is when all is known; 0: nobody's. @param speaker who sends it
 */
static int
in_the_end(struct capture_endpoint src, struct capture_endpoint dst, int64_t ms,
	   enum sip_party *speaker)
{
	struct media_owner owner = { .speaker = SIP_CALLER };
	enum media_answer answer =
	    ask(src, dst, ms, ms + CLAIM + ORPHAN + 1, 0, &owner);

	assert_int_not_equal(answer, MEDIA_WAIT);
	*speaker = owner.speaker;
	return answer == MEDIA_OWNED ? (int)owner.entry->call : 0;
}

/* Both ways between two addresses, and nothing else; by times alone. */
static void
test_orphan(void **state)
{
	enum sip_party speaker;

	(void)state;
	orphan_at(WRITER_MEDIA_OPEN, 7, 0, PHONE, PEER);
	assert_int_equal(in_the_end(PHONE, PEER, 0, &speaker), 7);
	assert_int_equal(speaker, SIP_CALLER);
	assert_int_equal(in_the_end(PEER, PHONE, 0, &speaker), 7);
	assert_int_equal(speaker, SIP_CALLEE);
	assert_int_equal(in_the_end(PHONE, PEER, -1, &speaker), 0);
	assert_int_equal(in_the_end(PHONE, endpoint(9, 9), 0, &speaker), 0);
	assert_int_equal(in_the_end(endpoint(9, 9), PEER, 0, &speaker), 0);
	assert_int_equal(in_the_end(endpoint(1, 1001), PEER, 0, &speaker), 0);
	orphan_at(WRITER_MEDIA_CLOSE, 7, 5000, PHONE, PEER);
	assert_int_equal(in_the_end(PHONE, PEER, 4999, &speaker), 7);
	assert_int_equal(in_the_end(PHONE, PEER, 5000, &speaker), 0);
}

/* Until nobody can announce it any more it is not known. */
static void
test_orphan_waits(void **state)
{
	struct media_owner owner;

	(void)state;
	assert_int_equal(ask(PHONE, PEER, 0, CLAIM + ORPHAN, 0, &owner),
			 MEDIA_WAIT);
	assert_int_equal(ask(PHONE, PEER, 0, CLAIM + ORPHAN + 1, 0, &owner),
			 MEDIA_NOBODY);
	orphan_at(WRITER_MEDIA_OPEN, 7, 0, PHONE, PEER);
	assert_int_equal(ask(PHONE, PEER, 0, CLAIM, 0, &owner), MEDIA_WAIT);
	assert_int_equal(ask(PHONE, PEER, 0, CLAIM + 1, 0, &owner),
			 MEDIA_OWNED);
	assert_false(owner.sticky);
	/* What is known of this one is not of those after it. */
	assert_true(owner.until_ns <= (T0 + 1) * MS);
	assert_int_equal(ask(PHONE, PEER, 0, 2 * CLAIM, 0, &owner),
			 MEDIA_OWNED);
	assert_int_equal(owner.until_ns, (T0 + CLAIM) * MS);
}

/* Whoever announces it has it, from `claim` before that on, and while it
 * lingers; the orphan has what is before and after that. */
static void
test_orphan_gives_way(void **state)
{
	enum sip_party speaker;

	(void)state;
	orphan_at(WRITER_MEDIA_OPEN, 7, 0, PHONE, PEER);
	open_at(1, 10000, PHONE, SIP_CALLEE);
	assert_int_equal(in_the_end(PHONE, PEER, 10000 - CLAIM - 1, &speaker),
			 7);
	assert_int_equal(in_the_end(PHONE, PEER, 10000 - CLAIM, &speaker), 1);
	assert_int_equal(speaker, SIP_CALLEE);
	assert_int_equal(in_the_end(PEER, PHONE, 10000, &speaker), 1);
	close_at(1, 20000, PHONE);
	assert_int_equal(in_the_end(PHONE, PEER, 20000 + LINGER - 1, &speaker),
			 1);
	assert_int_equal(in_the_end(PHONE, PEER, 20000 + LINGER, &speaker), 7);
}

static void
test_sides(void **state)
{
	struct media_owner owner;

	(void)state;
	open_at(1, 0, PHONE, SIP_CALLER);
	open_at(1, 0, PEER, SIP_CALLEE);
	assert_int_equal(ask(PHONE, PEER, 10, 300, 0, &owner), MEDIA_OWNED);
	assert_int_equal(owner.speaker, SIP_CALLER);
	assert_true(owner.sticky);
	assert_int_equal(ask(PEER, PHONE, 10, 300, 0, &owner), MEDIA_OWNED);
	assert_int_equal(owner.speaker, SIP_CALLEE);
	/* To the phone from an address that no SDP named: the peer's. */
	assert_int_equal(ask(endpoint(9, 9), PHONE, 10, 300, 0, &owner),
			 MEDIA_OWNED);
	assert_int_equal(owner.speaker, SIP_CALLEE);
	/* From the phone to an address that no SDP named: the phone's. */
	assert_int_equal(ask(PHONE, endpoint(9, 9), 10, 300, 0, &owner),
			 MEDIA_OWNED);
	assert_int_equal(owner.speaker, SIP_CALLER);
}

/** What goes to another conversation does so at once, bound or not. */
static void
test_moved(void **state)
{
	struct writer_event event = {
		.type = WRITER_MEDIA_CLOSE,
		.call = 2,
		.time_ns = (T0 + 100) * MS,
		.media = { .number = 2, .receive = PEER, .moved = true }
	};
	struct media_owner owner;

	(void)state;
	open_at(2, 0, PEER, SIP_CALLEE);
	assert_int_equal(media_apply(table, &event), 0);
	open_at(1, 100, PEER, SIP_CALLER);
	assert_int_equal(ask(PHONE, PEER, 99, 400, 2, &owner), MEDIA_OWNED);
	assert_int_equal(owner.entry->call, 2);
	assert_int_equal(ask(PHONE, PEER, 100, 400, 2, &owner), MEDIA_OWNED);
	assert_int_equal(owner.entry->call, 1);
	assert_int_equal(owner.speaker, SIP_CALLEE);
	assert_int_equal(ask(PHONE, PEER, 110, 400, 2, &owner), MEDIA_OWNED);
	assert_int_equal(owner.entry->call, 1);
}

/** What ICE only tries gives way to who was told to send there. */
static void
test_weak(void **state)
{
	struct writer_event event = {
		.type = WRITER_MEDIA_OPEN,
		.call = 3,
		.time_ns = T0 * MS,
		.media = { .number = 3, .receive = PEER, .weak = true }
	};
	struct media_owner owner;

	(void)state;
	assert_int_equal(media_apply(table, &event), 0);
	assert_int_equal(ask(PHONE, PEER, 10, 400, 0, &owner), MEDIA_OWNED);
	assert_int_equal(owner.entry->call, 3);
	open_at(1, 0, PEER, SIP_CALLEE);
	assert_int_equal(ask(PHONE, PEER, 10, 400, 0, &owner), MEDIA_OWNED);
	assert_int_equal(owner.entry->call, 1);
}

static void
test_before_the_sdp(void **state)
{
	struct media_owner owner;

	(void)state;
	/* Nobody yet: wait until `claim` has passed, then forget. */
	assert_int_equal(ask(PHONE, PEER, 0, WINDOW, 0, &owner), MEDIA_WAIT);
	assert_int_equal(ask(PHONE, PEER, 0, CLAIM, 0, &owner), MEDIA_WAIT);
	assert_int_equal(ask(PHONE, PEER, 0, CLAIM + 1, 0, &owner),
			 MEDIA_NOBODY);
	open_at(1, 1500, PEER, SIP_CALLEE);
	assert_int_equal(caller_frame(-501, 0), -1);
	assert_int_equal(caller_frame(-500, 0), 1);
	assert_int_equal(caller_frame(1500, 0), 1);
}

static void
test_after_the_bye(void **state)
{
	(void)state;
	open_at(1, 0, PEER, SIP_CALLEE);
	close_at(1, 1000, PEER);
	assert_int_equal(caller_frame(999, 0), 1);
	assert_int_equal(caller_frame(1000, 0), 1);
	assert_int_equal(caller_frame(1000 + LINGER - 1, 0), 1);
	assert_int_equal(caller_frame(1000 + LINGER, 0), -1);
}

static void
test_port_used_again_after_20_ms(void **state)
{
	(void)state;
	open_at(1, 0, PEER, SIP_CALLEE);
	close_at(1, 1000, PEER);
	open_at(2, 1020, PEER, SIP_CALLEE);
	/* The old flow stays with the old call until its linger is over. */
	assert_int_equal(caller_frame(1050, 1), 1);
	assert_int_equal(caller_frame(1000 + LINGER, 1), 2);
	/* A new flow is the new call's, even before its SDP. */
	assert_int_equal(caller_frame(1010, 0), 2);
	assert_int_equal(caller_frame(1050, 0), 2);
	/* Before the BYE a flow is the old call's. */
	assert_int_equal(caller_frame(990, 0), 1);
}

static void
test_lost_bye(void **state)
{
	(void)state;
	open_at(1, 0, PEER, SIP_CALLEE);
	open_at(2, 5000, PEER, SIP_CALLEE);
	assert_int_equal(caller_frame(4000, 0), 1);
	assert_int_equal(caller_frame(6000, 0), 2);
	/* The newer call wins by either address. */
	open_at(3, 7000, PHONE, SIP_CALLER);
	assert_int_equal(caller_frame(8000, 0), 3);
}

static void
test_same_address_declared_anew(void **state)
{
	(void)state;
	/* New formats at the old address; the old claim may close after. */
	open_at(1, 0, PEER, SIP_CALLEE);
	open_at(101, 1000, PEER, SIP_CALLEE);
	close_at(1, 1000, PEER);
	assert_int_equal(caller_frame(3000, 0), 1);
	close_at(101, 4000, PEER);
	assert_int_equal(caller_frame(4000 + LINGER, 0), -1);
}

static void
test_keys_on_both_ends(void **state)
{
	struct media_owner owner;

	(void)state;
	/* Keys offered: encrypted as far as is known ... */
	open_at(1001, 0, PHONE, SIP_CALLER);
	assert_int_equal(ask(PEER, PHONE, 10, 300, 0, &owner), MEDIA_OWNED);
	assert_true(owner.encrypted);
	/* ... but not if the answer has none ... */
	open_at(1, 100, PEER, SIP_CALLEE);
	assert_int_equal(ask(PEER, PHONE, 200, 400, 0, &owner), MEDIA_OWNED);
	assert_false(owner.encrypted);
	assert_int_equal(ask(PHONE, PEER, 200, 400, 0, &owner), MEDIA_OWNED);
	assert_false(owner.encrypted);
	/* ... until it has. */
	open_at(1101, 300, PEER, SIP_CALLEE);
	close_at(1, 300, PEER);
	assert_int_equal(ask(PEER, PHONE, 400, 600, 0, &owner), MEDIA_OWNED);
	assert_true(owner.encrypted);
	assert_int_equal(ask(PHONE, PEER, 400, 600, 0, &owner), MEDIA_OWNED);
	assert_true(owner.encrypted);
}

static bool
by_events(struct capture_endpoint src, struct capture_endpoint dst, int64_t ms)
{
	struct media_owner owner;

	assert_int_equal(ask(src, dst, ms, ms + 200, 0, &owner), MEDIA_OWNED);
	return owner.events;
}

static void
test_events_at_both_ends(void **state)
{
	(void)state;
	/* One end alone, or an end of another call, says nothing. */
	open_at(501, 0, PHONE, SIP_CALLER);
	assert_false(by_events(PEER, PHONE, 10));
	open_at(502, 50, PEER, SIP_CALLEE);
	assert_false(by_events(PEER, PHONE, 60));
	close_at(502, 70, PEER);
	open_at(1, 100, PEER, SIP_CALLEE);
	assert_false(by_events(PEER, PHONE, 200));
	assert_false(by_events(PHONE, PEER, 200));
	open_at(601, 300, PEER, SIP_CALLEE);
	close_at(1, 300, PEER);
	assert_true(by_events(PEER, PHONE, 400));
	assert_true(by_events(PHONE, PEER, 400));
}

static void
test_generation(void **state)
{
	struct capture_endpoint a = PHONE, b = PEER, other = endpoint(7, 7);
	uint32_t before = media_generation(table, &a, &b);
	uint32_t others = media_generation(table, &other, &other);

	(void)state;
	open_at(1, 0, PEER, SIP_CALLEE);
	assert_int_not_equal(media_generation(table, &a, &b), before);
	assert_int_equal(media_generation(table, &other, &other), others);
	before = media_generation(table, &a, &b);
	close_at(1, 10, PEER);
	assert_int_not_equal(media_generation(table, &a, &b), before);
}

/* ---- calls of an earlier run --------------------------------------------- */

/* The first of these streams are known, and the last SIP. */
static void
doubt_about(uint64_t call, uint32_t known_ssrc, uint32_t count, int64_t sip_ms)
{
	const struct writer_event event = {
		.type = WRITER_DOUBT,
		.call = call,
		.time_ns = T0 * MS,
		.known = { .sip_ns = (T0 + sip_ms) * MS,
			   .streams = { .count = count,
					.stream = { { PEER, PHONE,
						      known_ssrc + 1 },
						    { PHONE, PEER,
						      known_ssrc } } } }
	};

	assert_int_equal(media_apply(table, &event), 0);
}

/* The flow from the phone to its peer is known, under this SSRC. */
static void
doubt(uint64_t call, uint32_t known_ssrc)
{
	doubt_about(call, known_ssrc, 2, -1);
}

/* The first frame of this run. */
static void
first(int64_t ms)
{
	const struct writer_event event = { .type = WRITER_FIRST,
					    .time_ns = (T0 + ms) * MS };

	assert_int_equal(media_apply(table, &event), 0);
}

static void
trust(uint64_t call, int64_t ms)
{
	const struct writer_event event = { .type = WRITER_TRUST,
					    .call = call,
					    .time_ns = (T0 + ms) * MS };

	assert_int_equal(media_apply(table, &event), 0);
}

static void
test_only_what_it_had(void **state)
{
	struct media_owner owner;

	(void)state;
	doubt(1, 70);
	open_at(1, 0, PHONE, SIP_CALLER);
	open_at(1, 0, PEER, SIP_CALLEE);
	ssrc = 70;
	assert_int_equal(caller_frame(10, 0), 1);
	assert_int_equal(ask(PHONE, PEER, 10, 300, 0, &owner), MEDIA_OWNED);
	assert_true(owner.sticky);
	/* Another sender, or the same one elsewhere; nobody yet, then never. */
	ssrc = 71;
	assert_int_equal(caller_frame(10, 0), -1);
	assert_int_equal(ask(PHONE, PEER, 10, CLAIM + 11, 0, &owner),
			 MEDIA_STRANGER);
	ssrc = 70;
	assert_int_equal(ask(PHONE, endpoint(9, 9), 10, CLAIM + 11, 0, &owner),
			 MEDIA_STRANGER);
	assert_int_equal(ask(endpoint(9, 9), PHONE, 10, CLAIM + 11, 0, &owner),
			 MEDIA_STRANGER);
	/* A frame to which the call never had a claim at all. */
	assert_int_equal(
	    ask(endpoint(9, 9), endpoint(8, 8), 10, CLAIM + 11, 0, &owner),
	    MEDIA_NOBODY);
	/* Nor does a flow that was bound before go on as if it were known. */
	ssrc = 71;
	assert_int_equal(caller_frame(10, 1), -1);
}

static void
test_its_ports_are_another_call_s(void **state)
{
	(void)state;
	doubt(1, 70);
	open_at(1, 0, PHONE, SIP_CALLER);
	/* The other one's SDP comes after its media, in any order of kinds. */
	open_at(2, 1000, PHONE, SIP_CALLER);
	ssrc = 99;
	assert_int_equal(caller_frame(900, 0), 2);
	assert_int_equal(caller_frame(10, 0), 2);
	assert_int_equal(caller_frame(1500, 0), 2);
	ssrc = 70;
	assert_int_equal(caller_frame(900, 0), 1);
}

static void
test_it_goes_on(void **state)
{
	struct capture_endpoint a = PHONE, b = PEER;
	struct media_owner owner;
	uint32_t before;

	(void)state;
	doubt(1, 70);
	doubt(2, 80);
	open_at(1, 0, PHONE, SIP_CALLER);
	open_at(2, 0, endpoint(3, 3000), SIP_CALLER);
	trust(2, 100);
	ssrc = 71;
	assert_int_equal(caller_frame(3000, 0), -1);
	/* From its SIP on, and what may have come before that. */
	before = media_generation(table, &a, &b);
	trust(1, 5000);
	assert_int_not_equal(media_generation(table, &a, &b), before);
	assert_int_equal(caller_frame(5000 - CLAIM - 1, 0), -1);
	assert_int_equal(caller_frame(5000 - CLAIM, 0), 1);
	assert_int_equal(caller_frame(5000, 0), 1);
	assert_int_equal(caller_frame(9000, 0), 1);
	/* It takes nothing from others by what it was not sure of. */
	open_at(3, 4500, PHONE, SIP_CALLER);
	assert_int_equal(caller_frame(4600, 0), 3);
	/* What is declared from here on is as ever. */
	open_at(101, 10000, endpoint(5, 5000), SIP_CALLEE);
	assert_int_equal(
	    ask(endpoint(9, 9), endpoint(5, 5000), 10000, 10200, 0, &owner),
	    MEDIA_OWNED);
	trust(7, 5000); /* no such call */
}

/* A call without streams, its last SIP at sip_ms; the first frame at first_ms.
 * @return whose a frame is after that */
static int
quiet_call(uint64_t call, int64_t sip_ms, int64_t first_ms)
{
	doubt_about(call, 70, 0, sip_ms);
	open_at(call, 0, PHONE, SIP_CALLER);
	first(first_ms);
	return caller_frame(first_ms + 10, 0);
}

static void
test_nothing_was_heard_yet(void **state)
{
	struct capture_endpoint a = PHONE, b = PEER;
	uint32_t before;

	(void)state;
	ssrc = 71;
	doubt_about(1, 70, 0, 100 - FRESH);
	open_at(1, 0, PHONE, SIP_CALLER);
	assert_int_equal(caller_frame(100, 0), -1);
	before = media_generation(table, &a, &b);
	first(100);
	assert_int_not_equal(media_generation(table, &a, &b), before);
	assert_int_equal(caller_frame(100, 0), 1);
	assert_int_equal(caller_frame(100000, 0), 1);
	/* What comes later, as of any other. */
	ssrc = 72;
	assert_int_equal(caller_frame(100000, 0), 1);
	/* SIP in mid-call takes nothing away. */
	trust(1, 9000);
	assert_int_equal(caller_frame(100, 0), 1);
	open_at(2, 10000, PHONE, SIP_CALLER);
	assert_int_equal(caller_frame(10000, 0), 2);
}

static void
test_not_heard_for_too_long(void **state)
{
	(void)state;
	ssrc = 71;
	assert_int_equal(quiet_call(1, 100 - FRESH - 1, 100), -1);
	/* Its SIP shows that it goes on, as of all others. */
	trust(1, 9000);
	assert_int_equal(caller_frame(9000 - CLAIM - 1, 0), -1);
	assert_int_equal(caller_frame(9000, 0), 1);
}

static void
test_the_wire_was_quiet(void **state)
{
	(void)state;
	/* The recorder was back at once, its mirror port was not. */
	assert_int_equal(quiet_call(1, -1, FRESH), -1);
}

static void
test_the_clock_was_set_back_meanwhile(void **state)
{
	(void)state;
	assert_int_equal(quiet_call(1, 101, 100), -1);
}

static void
test_one_stream_is_enough_to_know(void **state)
{
	(void)state;
	doubt_about(1, 70, 1, -1);
	open_at(1, 0, PHONE, SIP_CALLER);
	first(100);
	ssrc = 71;
	assert_int_equal(caller_frame(100, 0), -1);
}

/* Each is looked at by itself. */
static void
test_several_are_brought_back(void **state)
{
	(void)state;
	doubt_about(1, 70, 0, -FRESH);
	doubt_about(2, 70, 2, -1);
	doubt_about(3, 70, 0, -1);
	open_at(1, 0, PHONE, SIP_CALLER);
	open_at(3, 0, PEER, SIP_CALLEE);
	open_at(2, 0, endpoint(3, 3000), SIP_CALLER);
	first(100);
	ssrc = 71;
	assert_int_equal(caller_frame(100, 0), 3);
	close_at(3, 200, PEER);
	assert_int_equal(caller_frame(200 + LINGER, 0), -1);
}

static void
expire_all(int64_t due_ms)
{
	/* A call looks at a part of the table. */
	for (int i = 0; i < 1000; i++)
		media_expire(table, (T0 + due_ms) * MS);
}

static void
test_expire(void **state)
{
	(void)state;
	open_at(1, 0, PEER, SIP_CALLEE);
	open_at(2, 0, PHONE, SIP_CALLER);
	close_at(1, 1000, PEER);
	expire_all(1000 + LINGER - 1);
	assert_int_equal(media_count(table), 2);
	expire_all(1000 + LINGER);
	assert_int_equal(media_count(table), 1);
	/* What is open never expires. */
	expire_all(1000000000);
	assert_int_equal(media_count(table), 1);
}

/* Telephones of one network, all on the same port: few of them share a bucket,
 * so that few have to be looked through, and look again, for another's sake. */
static void
test_buckets(void **state)
{
	const struct capture_endpoint nobody = { .port = 1 };

	(void)state;
	for (uint8_t host = 1; host < 255; host++)
		open_at(host, 0, endpoint(host, 5004), SIP_CALLER);
	for (uint8_t host = 1; host < 255; host++) {
		struct capture_endpoint ep = endpoint(host, 5004);

		assert_in_range(media_generation(table, &ep, &nobody), 1, 6);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define O(name) cmocka_unit_test_setup_teardown(name, setup_orphans, teardown)
		O(test_orphan),
		O(test_orphan_waits),
		O(test_orphan_gives_way),
		T(test_buckets),
		T(test_sides),
		T(test_moved),
		T(test_weak),
		T(test_before_the_sdp),
		T(test_after_the_bye),
		T(test_port_used_again_after_20_ms),
		T(test_lost_bye),
		T(test_same_address_declared_anew),
		T(test_keys_on_both_ends),
		T(test_events_at_both_ends),
		T(test_generation),
		T(test_only_what_it_had),
		T(test_its_ports_are_another_call_s),
		T(test_it_goes_on),
		T(test_nothing_was_heard_yet),
		T(test_not_heard_for_too_long),
		T(test_the_wire_was_quiet),
		T(test_the_clock_was_set_back_meanwhile),
		T(test_one_stream_is_enough_to_know),
		T(test_several_are_brought_back),
		T(test_expire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
