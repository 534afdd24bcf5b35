/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose report is it, of which segment, and who lost what. */
#include "cmd/spanrecd/reports.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

enum { SOURCE = 0x11, REPORTER = 0x22, HZ = 8000 };
static const int64_t SECOND_NS = 1000000000;
static const int64_t START_NS = 1700000000LL * 1000000000;

/* The stream goes from 10.0.0.1 to 10.0.0.2, its reports the other way. */
static const struct capture_endpoint sender = {
	.addr = { [10] = 0xff, [11] = 0xff, 10, 0, 0, 1 }, .port = 4001
};
static const struct capture_endpoint receiver = {
	.addr = { [10] = 0xff, [11] = 0xff, 10, 0, 0, 2 }, .port = 5001
};

static struct reports reports;
static struct rtp_quality quality;
static struct store_stream row;

static int
begin(void **state)
{
	reports_fini(&reports);
	memset(&quality, 0, sizeof(quality));
	memset(&row, 0, sizeof(row));
	return 0;
}

static int
end(void **state)
{
	reports_fini(&reports);
	return 0;
}

/* Packets from this number on; those from `lost` to `until` never came. */
static void
count(uint32_t packets, uint32_t first, uint32_t lost, uint32_t until)
{
	for (uint32_t i = first; i < first + packets; i++) {
		const struct rtp_quality_frame frame = {
			.time_ns = START_NS + i * (SECOND_NS / 50),
			.timestamp = i * 160,
			.clock_hz = HZ,
			.sequence = (uint16_t)i,
		};

		if (i >= lost && i < until)
			rtp_quality_lost(&quality, 1);
		else
			rtp_quality_frame(&quality, &frame);
	}
	row.lost = quality.lost;
}

static struct reports_origin
origin_of(uint64_t segment, int64_t time_ns)
{
	return (struct reports_origin){
		.segment = segment,
		.from_start = segment == 1,
		.end = SIP_CALLEE,
		.src = &receiver,
		.dst = &sender,
		.time_ns = START_NS + time_ns,
	};
}

static int
hear(uint64_t segment, int64_t time_ns, int32_t lost, uint32_t highest)
{
	const struct reports_origin origin = origin_of(segment, time_ns);
	const struct rtp_rtcp_report report = {
		.kind = RTP_RTCP_HEARD,
		.reporter = REPORTER,
		.source = SOURCE,
		.heard = { .lost = lost, .highest = highest, .jitter = 80 },
	};

	return reports_add(&reports, &origin, &report);
}

static void
fill_from(uint64_t segment, enum sip_party from)
{
	struct store_stream_info info = { .ssrc = SOURCE,
					  .src_port = 4000,
					  .dst_port = 5000 };
	const struct reports_stream stream = { .segment = segment,
					       .sender = from,
					       .clock_hz = HZ,
					       .info = &info,
					       .quality = &quality };

	memcpy(info.src_addr, sender.addr, 16);
	memcpy(info.dst_addr, receiver.addr, 16);
	reports_fill(&reports, &stream, &row);
}

static void
fill(uint64_t segment)
{
	fill_from(segment, SIP_CALLER);
}

static void
assert_lost(uint32_t reported, uint32_t mirror, uint32_t network)
{
	assert_int_equal(row.quality.reported_lost, reported);
	assert_int_equal(row.quality.mirror_lost, mirror);
	assert_int_equal(row.quality.network_lost, network);
}

/* We miss 30 of 1000; the receiver none, all of them, 10, or more than we. */
static void
who_lost_it(void **state)
{
	static const struct {
		int32_t said;
		uint32_t reported, mirror, network;
	} cases[] = { { 0, 0, 30, 0 },
		      { 30, 30, 0, 30 },
		      { 10, 10, 20, 10 },
		      { 45, 45, 0, 30 },
		      { -3, 0, 30, 0 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(NULL);
		count(1000, 100, 200, 230);
		assert_int_equal(hear(1, 5 * SECOND_NS, 0, 150), 0);
		assert_int_equal(hear(1, 20 * SECOND_NS, cases[i].said, 1099),
				 0);
		fill(1);
		assert_int_equal(row.quality.reports, 2);
		assert_int_equal(row.quality.reported_packets, 1000);
		assert_int_equal(row.quality.reported_jitter_us, 10000);
		assert_lost(cases[i].reported, cases[i].mirror,
			    cases[i].network);
	}
}

/* What came after the last report is nobody's. */
static void
up_to_the_last_report(void **state)
{
	count(1000, 1, 900, 950);
	assert_int_equal(hear(1, 10 * SECOND_NS, 0, 0x20000 + 909), 0);
	fill(1);
	assert_int_equal(row.quality.reported_packets, 909);
	assert_lost(0, 10, 0);
}

/* A packet that came too late for us did not for the receiver's count. */
static void
late_is_not_lost(void **state)
{
	count(100, 1, 50, 60);
	row.late = 4;
	assert_int_equal(hear(1, SECOND_NS, 2, 100), 0);
	fill(1);
	assert_lost(2, 4, 2);
}

/* Of a later segment what was said before it is taken off. */
static void
later_segment(void **state)
{
	assert_int_equal(hear(1, 5 * SECOND_NS, 7, 200), 0);
	count(500, 301, 400, 420);
	assert_int_equal(hear(2, 12 * SECOND_NS, 17, 800), 0);
	fill(2);
	assert_int_equal(row.quality.reported_packets, 500);
	assert_lost(10, 10, 10);
	/* That one was of a segment of which nothing is known here. */
	memset(&row, 0, sizeof(row));
	fill(1);
	assert_int_equal(row.quality.reports, 1);
	assert_lost(0, 0, 0);
}

/* Where nothing was said before it, the first report says nothing yet. */
static void
joined_late(void **state)
{
	count(500, 301, 400, 420);
	assert_int_equal(hear(2, 7 * SECOND_NS, 90, 350), 0);
	fill(2);
	assert_int_equal(row.quality.reported_packets, 0);
	assert_int_equal(hear(2, 12 * SECOND_NS, 95, 800), 0);
	fill(2);
	assert_int_equal(row.quality.reported_packets, 450);
	assert_lost(5, 15, 5);
}

/* Seen twice, as on two mirror ports, and out of order. */
static void
same_again(void **state)
{
	count(1000, 1, 2000, 2000);
	assert_int_equal(hear(1, 5 * SECOND_NS, 1, 250), 0);
	assert_int_equal(hear(1, 5 * SECOND_NS, 1, 250), 0);
	assert_int_equal(hear(1, 15 * SECOND_NS, 9, 750), 0);
	assert_int_equal(hear(1, 10 * SECOND_NS, 4, 500), 0);
	fill(1);
	assert_int_equal(row.quality.reports, 3);
	assert_lost(9, 0, 0);
}

/* Of another stream, by who sends it himself, along another way. */
static void
not_about_it(void **state)
{
	struct reports_origin origin = origin_of(1, SECOND_NS);
	struct rtp_rtcp_report report = { .kind = RTP_RTCP_HEARD,
					  .reporter = REPORTER,
					  .source = SOURCE + 1 };

	count(100, 1, 50, 60);
	assert_int_equal(reports_add(&reports, &origin, &report), 0);
	report.source = SOURCE;
	origin.dst = &receiver;
	assert_int_equal(reports_add(&reports, &origin, &report), 0);
	fill(1);
	assert_int_equal(row.quality.reports, 0);
	assert_int_equal(hear(1, SECOND_NS, 0, 100), 0);
	fill_from(1, SIP_CALLEE);
	assert_int_equal(row.quality.reports, 0);
	fill(2);
	assert_int_equal(row.quality.reports, 0);
	fill(1);
	assert_int_equal(row.quality.reports, 1);
}

/* The sender's clock passes at 2 s, the answer at 2.75 s, held for half a
 * second. */
static void
round_trip(void **state)
{
	struct reports_origin origin = origin_of(1, 2 * SECOND_NS);
	struct rtp_rtcp_report report = { .kind = RTP_RTCP_SENT,
					  .reporter = SOURCE,
					  .source = SOURCE,
					  .sent_ntp = 0xabcd1234 };

	count(100, 1, 200, 200);
	assert_int_equal(reports_add(&reports, &origin, &report), 0);
	origin.time_ns += SECOND_NS / 4 * 3;
	report = (struct rtp_rtcp_report){
		.kind = RTP_RTCP_HEARD,
		.reporter = REPORTER,
		.source = SOURCE,
		.heard = { .highest = 90,
			   .last_sent = 0xabcd1234,
			   .delay = 0x8000 },
	};
	assert_int_equal(reports_add(&reports, &origin, &report), 0);
	/* Longer held than it took, and of a clock that nobody saw. */
	report.heard.highest = 91;
	report.heard.delay = 0x10000;
	assert_int_equal(reports_add(&reports, &origin, &report), 0);
	report.heard.highest = 92;
	report.heard.last_sent = 0xabcd1235;
	assert_int_equal(reports_add(&reports, &origin, &report), 0);
	fill(1);
	assert_int_equal(row.quality.tap_round_trip_us, 250000);
}

static void
voip(void **state)
{
	const struct reports_origin origin = origin_of(1, SECOND_NS);
	const struct rtp_rtcp_report report = {
		.kind = RTP_RTCP_VOIP,
		.reporter = REPORTER,
		.source = SOURCE,
		.voip = { .loss = 64,
			  .discard = 1,
			  .round_trip_ms = 80,
			  .r = RTP_RTCP_UNKNOWN,
			  .mos_lq = 41,
			  .mos_cq = RTP_RTCP_UNKNOWN },
	};
	const struct reports_voip told = { .loss = 50, .mos_cq = 390 };

	assert_int_equal(reports_add(&reports, &origin, &report), 0);
	fill(1);
	assert_int_equal(row.quality.voip_reports, 1);
	assert_int_equal(row.quality.voip_loss, 2500);
	assert_int_equal(row.quality.voip_discard, 39);
	assert_int_equal(row.quality.voip_round_trip_ms, 80);
	assert_int_equal(row.quality.voip_r, 0);
	assert_int_equal(row.quality.voip_mos_lq, 410);
	assert_int_equal(row.quality.voip_mos_cq, 0);
	assert_int_equal(row.quality.reports, 0);
	/* By SIP, without the SSRC; the latest word counts. */
	assert_int_equal(reports_add_voip(&reports, &origin, 0, &told), 0);
	fill(1);
	assert_int_equal(row.quality.voip_loss, 50);
	assert_int_equal(row.quality.voip_mos_cq, 390);
}

static void
limits(void **state)
{
	struct reports_origin origin = origin_of(1, SECOND_NS);
	struct rtp_rtcp_report report = { .kind = RTP_RTCP_HEARD };

	for (uint32_t i = 0; i < REPORTS_MAX; i++) {
		report.source = i;
		assert_int_equal(reports_add(&reports, &origin, &report), 0);
	}
	report.source = REPORTS_MAX;
	assert_int_equal(reports_add(&reports, &origin, &report), -ENOSPC);
	report.source = 5;
	report.heard.highest = 1;
	assert_int_equal(reports_add(&reports, &origin, &report), 0);
	reports_fini(&reports);
	testing_fail_allocation(1);
	assert_int_equal(reports_add(&reports, &origin, &report), -ENOMEM);
	testing_fail_allocation(0);
	assert_int_equal(reports_add(&reports, &origin, &report), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(who_lost_it, begin),
		cmocka_unit_test_setup(up_to_the_last_report, begin),
		cmocka_unit_test_setup(late_is_not_lost, begin),
		cmocka_unit_test_setup(later_segment, begin),
		cmocka_unit_test_setup(joined_late, begin),
		cmocka_unit_test_setup(same_again, begin),
		cmocka_unit_test_setup(not_about_it, begin),
		cmocka_unit_test_setup(round_trip, begin),
		cmocka_unit_test_setup(voip, begin),
		cmocka_unit_test_setup_teardown(limits, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
