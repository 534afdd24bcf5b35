/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/jitter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct rtp_jitter_config config = {
	.slots = 128,
	.log_bytes = 16384,
	.window_ns = 200000000,
};

static enum rtp_put
put(struct rtp_jitter *j, uint16_t sequence, int64_t time_ms)
{
	static const uint8_t payload[160];
	const struct rtp_hdr hdr = { .sequence = sequence,
				     .payload = payload,
				     .payload_bytes = sizeof(payload) };

	return rtp_jitter_put(j, &hdr, time_ms * 1000000);
}

/* What follows a frame within the window, in any order; not what is behind a
 * longer gap, nor what was there by chance. */
static void
run_of_frames(void **state)
{
	void *memory = aligned_alloc(64, rtp_jitter_bytes(&config));
	struct rtp_jitter *j = rtp_jitter_init(
	    memory, &config, &(struct rtp_hdr){ .sequence = 65533 });
	struct rtp_frame f;

	assert_int_equal(put(j, 65533, 0), RTP_PUT_STORED);
	assert_int_equal(rtp_jitter_peek(j, INT64_MAX, &f), RTP_TAKE_FRAME);
	assert_int_equal(rtp_jitter_run(j, &f), 1);
	assert_int_equal(put(j, 65534, 20), RTP_PUT_STORED);
	assert_int_equal(put(j, 0, 40), RTP_PUT_STORED);
	assert_int_equal(put(j, 65535, 60), RTP_PUT_STORED);
	assert_int_equal(put(j, 65533, 65), RTP_PUT_DUPLICATE);
	assert_int_equal(put(j, 20, 80), RTP_PUT_STORED);
	assert_int_equal(put(j, 1, 201), RTP_PUT_STORED);
	assert_int_equal(rtp_jitter_peek(j, INT64_MAX, &f), RTP_TAKE_FRAME);
	assert_int_equal(rtp_jitter_run(j, &f), 4);
	assert_int_equal(rtp_jitter_take(j, INT64_MAX, &f), RTP_TAKE_FRAME);
	assert_int_equal(rtp_jitter_peek(j, INT64_MAX, &f), RTP_TAKE_FRAME);
	assert_int_equal(rtp_jitter_run(j, &f), 4);
	free(memory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(run_of_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
